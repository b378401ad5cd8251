//! What an object asks. Owns: which commands there are, their fields, and what is said when one is missing or wrong.
//! Never: says a field's value in a mistake (it may be a password or somebody's words), except the command's name.

use super::fields::{Field, Fields, Value, quoted};
use crate::body::{Body, FileLength, Secret};
use crate::command::{Command, Peer, Request, Verdict, WhichGroup, Who};
use crate::dialect::{Mistake, MistakeKind};
use crate::ids::{RequestId, Seq};
use crate::names::NameKey;
use crate::reply::{FriendPolicy, JoinPolicy, MessagePolicy};
use std::borrow::Cow;

/// Makes a request of an object's fields.
pub(super) fn request(mut fields: Fields<'_>) -> Result<Request, Mistake> {
    let cmd = fields.text(Field::Cmd)?;
    let f = &mut fields;
    let (claim, command) = match &*cmd {
        "register" => (None, Command::Register { name: f.string(Field::User)?, password: f.secret(Field::Password)? }),
        "login" => (None, Command::Login { who: f.who(Field::User)?, password: f.secret(Field::Password)? }),
        "offline" => (Some(f.who(Field::User)?), Command::Logout),
        "ping" => (f.maybe_who(Field::User)?, Command::Ping),
        "add" => (Some(f.who(Field::User)?), Command::AddFriend { friend: f.who(Field::Friend)? }),
        "add_answer" => (
            Some(f.who(Field::User)?),
            Command::AnswerFriend { asker: f.who(Field::Friend)?, verdict: f.verdict(Field::Result)? },
        ),
        "remove_friend" => (f.maybe_who(Field::User)?, Command::RemoveFriend { friend: f.who(Field::Friend)? }),
        "get_friend" => (f.maybe_who(Field::User)?, Command::ListFriends),
        "get_group" => (f.maybe_who(Field::User)?, Command::ListGroups),
        "set_policy" => (
            Some(f.who(Field::User)?),
            Command::SetPolicy {
                add: f.maybe_word(Field::Add, &ADD)?,
                message: f.maybe_word(Field::Message, &MESSAGE)?,
            },
        ),
        "change_password" => (
            f.maybe_who(Field::User)?,
            Command::ChangePassword { old: f.secret(Field::Password)?, new: f.secret(Field::NewPassword)? },
        ),
        "create_group" => (
            Some(f.who(Field::User)?),
            Command::CreateGroup { name: f.string(Field::Group)?, join: f.maybe_word(Field::Join, &JOIN)? },
        ),
        "add_group" => (Some(f.who(Field::User)?), Command::JoinGroup { group: f.which_group()? }),
        "add_group_answer" => (
            Some(f.who(Field::User)?),
            Command::AnswerJoin {
                member: f.who(Field::Member)?,
                group: f.which_group()?,
                verdict: f.verdict(Field::Result)?,
            },
        ),
        "leave_group" => (f.maybe_who(Field::User)?, Command::LeaveGroup { group: f.which_group()? }),
        "get_group_member" => (f.maybe_who(Field::User)?, Command::ListMembers { group: f.which_group()? }),
        "private_chat" => (Some(f.who(Field::UserFrom)?), f.private_chat()?),
        "group_chat" => {
            (Some(f.who(Field::User)?), Command::Post { group: f.which_group()?, body: f.body(Field::Text)? })
        }
        "get_history" => (f.maybe_who(Field::User)?, f.history()?),
        "send_file" => (
            Some(f.who(Field::FromUser)?),
            Command::OfferFile {
                to: f.who(Field::ToUser)?,
                length: f.file_length()?,
                name: f.string(Field::Filename)?,
            },
        ),
        other => return Err(mistake(MistakeKind::UnknownCommand, format!("there is no command {}", quoted(other)))),
    };
    Ok(Request { id: RequestId(0), claim, command })
}

const ADD: [(&str, FriendPolicy); 2] = [("open", FriendPolicy::Open), ("confirm", FriendPolicy::Confirm)];
const MESSAGE: [(&str, MessagePolicy); 2] = [("anyone", MessagePolicy::Anyone), ("friends", MessagePolicy::Friends)];
const JOIN: [(&str, JoinPolicy); 2] = [("open", JoinPolicy::Open), ("approval", JoinPolicy::Approval)];
const VERDICT: [(&str, Verdict); 2] = [("accept", Verdict::Accept), ("reject", Verdict::Reject)];

/// A mistake in this dialect, which has no request numbers.
pub(super) fn mistake(kind: MistakeKind, detail: impl Into<String>) -> Mistake {
    Mistake { request: RequestId(0), kind, detail: detail.into() }
}

fn missing(field: Field) -> Mistake {
    mistake(MistakeKind::MissingField, format!("\"{}\" is missing", field.name()))
}

fn wrong_type(field: Field, right: &str) -> Mistake {
    mistake(MistakeKind::WrongType, format!("\"{}\" must be {right}", field.name()))
}

fn bad_value(field: Field, right: &str) -> Mistake {
    mistake(MistakeKind::BadValue, format!("\"{}\" must be {right}", field.name()))
}

impl<'a> Fields<'a> {
    fn maybe_text(&mut self, field: Field) -> Result<Option<Cow<'a, str>>, Mistake> {
        match self.take(field) {
            None => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(_) => Err(wrong_type(field, "a string")),
        }
    }

    fn text(&mut self, field: Field) -> Result<Cow<'a, str>, Mistake> {
        self.maybe_text(field)?.ok_or_else(|| missing(field))
    }

    fn string(&mut self, field: Field) -> Result<String, Mistake> {
        self.text(field).map(Cow::into_owned)
    }

    fn secret(&mut self, field: Field) -> Result<Secret, Mistake> {
        self.string(field).map(Secret::new)
    }

    fn body(&mut self, field: Field) -> Result<Body, Mistake> {
        self.string(field).map(Body::text)
    }

    fn maybe_who(&mut self, field: Field) -> Result<Option<Who>, Mistake> {
        Ok(self.maybe_text(field)?.map(|name| Who::Name(NameKey::of(&name))))
    }

    fn who(&mut self, field: Field) -> Result<Who, Mistake> {
        self.maybe_who(field)?.ok_or_else(|| missing(field))
    }

    fn which_group(&mut self) -> Result<WhichGroup, Mistake> {
        self.text(Field::Group).map(|name| WhichGroup::Name(NameKey::of(&name)))
    }

    fn maybe_word<T: Copy>(&mut self, field: Field, words: &[(&str, T); 2]) -> Result<Option<T>, Mistake> {
        let Some(text) = self.maybe_text(field)? else { return Ok(None) };
        match words.iter().find(|(word, _)| *word == text) {
            Some((_, meaning)) => Ok(Some(*meaning)),
            None => Err(bad_value(field, &format!("\"{}\" or \"{}\"", words[0].0, words[1].0))),
        }
    }

    fn verdict(&mut self, field: Field) -> Result<Verdict, Mistake> {
        self.maybe_word(field, &VERDICT)?.ok_or_else(|| missing(field))
    }

    /// A whole number, written as a JSON number or as decimal digits in a string; says which.
    fn maybe_whole(&mut self, field: Field) -> Result<Option<(u64, bool)>, Mistake> {
        const RIGHT: &str = "a whole number, not negative, as a number or as digits in a string";
        match self.take(field) {
            None => Ok(None),
            Some(Value::Whole(number)) => Ok(Some((number, false))),
            Some(Value::OtherNumber) => Err(bad_value(field, RIGHT)),
            Some(Value::Text(text)) if text.bytes().all(|b| b.is_ascii_digit()) => {
                text.parse().map(|number| Some((number, true))).map_err(|_| bad_value(field, RIGHT))
            }
            Some(Value::Text(_)) => Err(bad_value(field, RIGHT)),
            Some(Value::Other) => Err(wrong_type(field, RIGHT)),
        }
    }

    fn file_length(&mut self) -> Result<FileLength, Mistake> {
        let (bytes, as_text) = self.maybe_whole(Field::Length)?.ok_or_else(|| missing(Field::Length))?;
        Ok(FileLength { bytes, as_text })
    }

    fn private_chat(&mut self) -> Result<Command, Mistake> {
        let to = self.text(Field::UserTo)?;
        let body = self.body(Field::Text)?;
        Ok(Command::SendPrivate { to: Who::Name(NameKey::of(&to)), as_written: to.into(), body })
    }

    fn history(&mut self) -> Result<Command, Mistake> {
        let peer = match (self.has(Field::Friend), self.has(Field::Group)) {
            (true, false) => Peer::User(self.who(Field::Friend)?),
            (false, true) => Peer::Group(self.which_group()?),
            _ => return Err(mistake(MistakeKind::BadValue, "give either \"friend\" or \"group\"")),
        };
        let before = self.maybe_whole(Field::Before)?.map(|(place, _)| Seq(place));
        let limit = match self.maybe_whole(Field::Limit)? {
            None => None,
            Some((0, _)) => return Err(bad_value(Field::Limit, "at least 1")),
            // The server has its own bound below this one; a wish for more is no mistake.
            Some((limit, _)) => Some(u32::try_from(limit).unwrap_or(u32::MAX)),
        };
        Ok(Command::History { peer, before, limit })
    }
}
