//! What an object asks. Owns: which commands there are, and their fields.
//! Never: says a client's own word in a mistake, except the command's name.

use super::fields::{Field, Fields};
use crate::command::{Command, Peer, Request, Verdict, WhichGroup, Who};
use crate::dialect::{Mistake, MistakeKind};
use crate::dialects::json::quoted;
use crate::dialects::typed::{ADD, JOIN, MESSAGE, missing, mistake};
use crate::ids::RequestId;
use crate::names::NameKey;

/// Makes a request of an object's fields.
pub(super) fn request(mut fields: Fields<'_>) -> Result<Request, Mistake> {
    let cmd = fields.text(Field::Cmd)?;
    let f = &mut fields;
    let (claim, command) = match cmd.as_bytes() {
        b"register" => (None, Command::Register { name: f.string(Field::User)?, password: f.secret(Field::Password)? }),
        b"login" => (
            None,
            Command::Login {
                who: f.who(Field::User)?,
                password: f.secret(Field::Password)?,
                code: None,
                instance: None,
            },
        ),
        b"offline" => (Some(f.who(Field::User)?), Command::Logout),
        b"ping" => (f.maybe_who(Field::User)?, Command::Ping),
        b"add" => (
            Some(f.who(Field::User)?),
            Command::AddFriend { friend: f.who(Field::Friend)?, special: false, reason: Box::default() },
        ),
        b"add_answer" => (
            Some(f.who(Field::User)?),
            Command::AnswerFriend {
                asker: f.who(Field::Friend)?,
                verdict: f.word(Field::Result, &VERDICT)?,
                special: false,
                reason: Box::default(),
            },
        ),
        b"remove_friend" => (f.maybe_who(Field::User)?, Command::RemoveFriend { friend: f.who(Field::Friend)? }),
        b"get_friend" => (f.maybe_who(Field::User)?, Command::ListFriends),
        b"find_user" => (f.maybe_who(Field::User)?, Command::FindUser { who: f.who(Field::Friend)? }),
        b"get_group" => (f.maybe_who(Field::User)?, Command::ListGroups),
        b"set_policy" => (
            Some(f.who(Field::User)?),
            Command::SetPolicy {
                add: f.maybe_word(Field::Add, &ADD)?,
                message: f.maybe_word(Field::Message, &MESSAGE)?,
            },
        ),
        b"change_password" => (
            f.maybe_who(Field::User)?,
            Command::ChangePassword { old: f.secret(Field::Password)?, new: f.secret(Field::NewPassword)? },
        ),
        b"create_group" => (
            Some(f.who(Field::User)?),
            Command::CreateGroup {
                name: Some(f.string(Field::Group)?),
                join: f.maybe_word(Field::Join, &JOIN)?,
                about: Box::default(),
            },
        ),
        b"add_group" => {
            (Some(f.who(Field::User)?), Command::JoinGroup { group: f.which_group()?, reason: Box::default() })
        }
        b"add_group_answer" => (
            Some(f.who(Field::User)?),
            Command::AnswerJoin {
                member: f.who(Field::Member)?,
                group: f.which_group()?,
                verdict: f.word(Field::Result, &VERDICT)?,
                reason: Box::default(),
            },
        ),
        b"leave_group" => (f.maybe_who(Field::User)?, Command::LeaveGroup { group: f.which_group()? }),
        b"get_group_member" => (f.maybe_who(Field::User)?, Command::ListMembers { group: f.which_group()? }),
        b"private_chat" => (Some(f.who(Field::UserFrom)?), f.private_chat()?),
        b"group_chat" => (
            Some(f.who(Field::User)?),
            Command::Post { group: f.which_group()?, body: f.body(Field::Text)?, number: None },
        ),
        b"get_history" => (f.maybe_who(Field::User)?, f.history()?),
        b"send_file" => (
            Some(f.who(Field::FromUser)?),
            Command::OfferFile {
                to: f.who(Field::ToUser)?,
                length: f.file_length(Field::Length)?,
                name: f.string(Field::Filename)?,
                hash: None,
            },
        ),
        _ => return Err(mistake(MistakeKind::UnknownCommand, format!("there is no command {}", quoted(&cmd)))),
    };
    Ok(Request { id: RequestId(0), claim, command })
}

const VERDICT: [(&str, Verdict); 2] = [("accept", Verdict::Accept), ("reject", Verdict::Reject)];

impl Fields<'_> {
    fn maybe_who(&mut self, field: Field) -> Result<Option<Who>, Mistake> {
        Ok(self.maybe_text(field)?.map(|name| Who::Name(NameKey::of(&name))))
    }

    fn who(&mut self, field: Field) -> Result<Who, Mistake> {
        self.maybe_who(field)?.ok_or_else(|| missing(field))
    }

    fn which_group(&mut self) -> Result<WhichGroup, Mistake> {
        self.text(Field::Group).map(|name| WhichGroup::Name(NameKey::of(&name)))
    }

    fn private_chat(&mut self) -> Result<Command, Mistake> {
        let to = self.text(Field::UserTo)?;
        let body = self.body(Field::Text)?;
        Ok(Command::SendPrivate { to: Who::Name(NameKey::of(&to)), as_written: to.into(), body, number: None })
    }

    fn history(&mut self) -> Result<Command, Mistake> {
        let peer = match (self.has(Field::Friend), self.has(Field::Group)) {
            (true, false) => Peer::User(self.who(Field::Friend)?),
            (false, true) => Peer::Group(self.which_group()?),
            _ => return Err(mistake(MistakeKind::BadValue, "give either \"friend\" or \"group\"")),
        };
        let (before, limit) = self.page(Field::Before, Field::Limit)?;
        Ok(Command::History { peer, before, limit })
    }
}
