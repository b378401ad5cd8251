//! What a packet asks. Owns: which commands there are, and their fields; and that nobody sends a text that its reader
//! could not take. Never: says a client's own word in a mistake, except the command's name.

use super::fields::{Field, Fields};
use super::fit::{NAME_BYTES, PACKET_BYTES, json_bytes};
use super::packets::{FilePort, GroupMessage, PrivateMessage};
use crate::body::Body;
use crate::command::{Claim, Command, Peer, Request, Verb, Verdict, WhichGroup, Who};
use crate::dialect::{Carrier, Mistake, MistakeKind};
use crate::dialects::json::{Value, quoted};
use crate::dialects::typed::{ADD, JOIN, MESSAGE, missing, mistake};
use crate::ids::{GroupId, RequestId, UserId};
use crate::names::NameKey;
use serde::Serialize;

/// Every command. Its return is its name and `_return` (see `words`).
pub(super) const COMMANDS: [(&str, Verb); 23] = [
    ("send_message", Verb::SendPrivate),
    ("send_group_message", Verb::Post),
    ("logon", Verb::Register),
    ("login", Verb::Login),
    ("logout", Verb::Logout),
    ("add_friend", Verb::AddFriend),
    ("add_friend_confirm", Verb::AnswerFriend),
    ("list_friend", Verb::ListFriends),
    ("ping", Verb::Ping),
    ("remove_friend", Verb::RemoveFriend),
    ("change_status", Verb::SetFriend),
    ("friend_status", Verb::ListPresence),
    ("find_user", Verb::FindUser),
    ("set_policy", Verb::SetPolicy),
    ("change_password", Verb::ChangePassword),
    ("create_group", Verb::CreateGroup),
    ("join_group", Verb::JoinGroup),
    ("join_group_confirm", Verb::AnswerJoin),
    ("leave_group", Verb::LeaveGroup),
    ("list_group", Verb::ListGroups),
    ("list_member", Verb::ListMembers),
    ("history", Verb::History),
    ("send_file", Verb::OfferFile),
];

const SPECIAL: [(&str, bool); 2] = [("0", false), ("1", true)];
const VERDICT: [(&str, Verdict); 2] = [("confirm_two_way", Verdict::Accept), ("reject", Verdict::Reject)];

/// Makes a request of a packet's fields.
pub(super) fn request(mut fields: Fields<'_>, carrier: Carrier) -> Result<Request, Mistake> {
    let name = match fields.take(Field::Command) {
        Some(Value::Text(name)) => name,
        Some(_) => return Err(mistake(MistakeKind::NoCommand, "\"command\" must be a string")),
        None => return Err(mistake(MistakeKind::NoCommand, "\"command\" is missing")),
    };
    let Some((_, verb)) = COMMANDS.iter().find(|(command, _)| *command == name) else {
        return Err(mistake(MistakeKind::UnknownCommand, format!("there is no command {}", quoted(&name))));
    };
    match command(*verb, &mut fields, carrier) {
        Ok((claim, command)) => Ok(Request { id: RequestId(0), claim, command }),
        Err(mistake) => Err(Mistake { verb: Some(*verb), ..mistake }),
    }
}

/// A command, and who says to send it: in the document's own packets that has to be said.
fn command(verb: Verb, f: &mut Fields<'_>, carrier: Carrier) -> Result<(Option<Claim>, Command), Mistake> {
    Ok(match verb {
        Verb::Register => {
            (None, Command::Register { name: f.string(Field::Username)?, password: f.secret(Field::Password)? })
        }
        Verb::Login => (
            None,
            Command::Login { who: f.who(Field::Id)?, password: f.secret(Field::Password)?, code: None, instance: None },
        ),
        Verb::Logout => (Some(f.who(Field::Id)?), Command::Logout),
        Verb::Ping => (None, Command::Ping),
        Verb::AddFriend => (
            Some(f.who(Field::Src)?),
            Command::AddFriend { friend: f.who(Field::Dst)?, special: f.special()?, reason: Box::default() },
        ),
        // `src` is who had asked, and `dst` who was asked, all the way: it is `dst` that sends this packet.
        Verb::AnswerFriend => {
            let (asker, me) = (f.who(Field::Src)?, f.who(Field::Dst)?);
            let (special, verdict) = (f.special()?, f.word(Field::Message, &VERDICT)?);
            (Some(me), Command::AnswerFriend { asker, verdict, special, reason: Box::default() })
        }
        Verb::SetFriend => (
            f.maybe_who(Field::Src)?,
            Command::SetFriend { friend: f.who(Field::Dst)?, special: f.word(Field::Status, &SPECIAL)? },
        ),
        Verb::RemoveFriend => (f.maybe_who(Field::Src)?, Command::RemoveFriend { friend: f.who(Field::Dst)? }),
        Verb::ListFriends => (Some(f.who(Field::Id)?), Command::ListFriends),
        Verb::ListPresence => (f.maybe_who(Field::Id)?, Command::ListPresence),
        Verb::FindUser => (None, f.find_user()?),
        Verb::ListGroups => (f.maybe_who(Field::Id)?, Command::ListGroups),
        Verb::SetPolicy => (
            f.maybe_who(Field::Id)?,
            Command::SetPolicy {
                add: f.maybe_word(Field::Add, &ADD)?,
                message: f.maybe_word(Field::Message, &MESSAGE)?,
            },
        ),
        Verb::ChangePassword => (
            f.maybe_who(Field::Id)?,
            Command::ChangePassword { old: f.secret(Field::Password)?, new: f.secret(Field::NewPassword)? },
        ),
        Verb::CreateGroup => (
            f.maybe_who(Field::Src)?,
            Command::CreateGroup {
                name: Some(f.string(Field::Groupname)?),
                join: f.maybe_word(Field::Join, &JOIN)?,
                about: Box::default(),
            },
        ),
        Verb::JoinGroup => {
            (f.maybe_who(Field::Src)?, Command::JoinGroup { group: f.which_group()?, reason: Box::default() })
        }
        // As with friends: `src` had asked, `dst` is the owner who answers.
        Verb::AnswerJoin => {
            let (member, me) = (f.who(Field::Src)?, f.maybe_who(Field::Dst)?);
            (
                me,
                Command::AnswerJoin {
                    group: f.which_group()?,
                    member,
                    verdict: f.word(Field::Message, &VERDICT)?,
                    reason: Box::default(),
                },
            )
        }
        Verb::LeaveGroup => (f.maybe_who(Field::Src)?, Command::LeaveGroup { group: f.which_group()? }),
        Verb::ListMembers => (f.maybe_who(Field::Src)?, Command::ListMembers { group: f.which_group()? }),
        Verb::SendPrivate => f.send_message()?,
        Verb::Post => (f.maybe_who(Field::Src)?, f.send_group_message()?),
        Verb::History => (f.maybe_who(Field::Src)?, f.history()?),
        Verb::OfferFile => (f.maybe_who(Field::Src)?, f.send_file(carrier)?),
        // The table above has no other.
        _ => return Err(mistake(MistakeKind::UnknownCommand, "there is no such command")),
    })
}

/// The number that an id is. Whatever is no number as the server writes it is nobody's: 0 is never given out, so that
/// it fares like every other number that nobody has.
fn number(text: &str) -> u64 {
    let is_canonical = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    if is_canonical { text.parse().unwrap_or(0) } else { 0 }
}

/// Refuses a text that leads to a packet which its reader could not take: `packet`, and `more` bytes that it will have.
/// Readers of one account may sit on either carrier, so both are kept to the same.
fn fitting(text: &str, packet: &impl Serialize, more: usize) -> Result<(), Mistake> {
    /// Bytes of a packet beside its text and names.
    const AROUND: usize = 256;
    /// Bytes that JSON needs for a byte of text at the most.
    const WIDEST: usize = 6;
    // Nearly every text, without looking at it.
    if WIDEST * text.len() + AROUND + more <= PACKET_BYTES {
        return Ok(());
    }
    let bytes = json_bytes(packet) + more;
    if bytes <= PACKET_BYTES {
        return Ok(());
    }
    let detail = format!("its packet would have up to {bytes} bytes; {PACKET_BYTES} fit");
    Err(mistake(MistakeKind::TextTooLong, detail))
}

impl Fields<'_> {
    fn maybe_who(&mut self, field: Field) -> Result<Option<Who>, Mistake> {
        Ok(self.maybe_id(field)?.map(Who::Id))
    }

    fn who(&mut self, field: Field) -> Result<Who, Mistake> {
        self.id(field).map(Who::Id)
    }

    fn maybe_id(&mut self, field: Field) -> Result<Option<UserId>, Mistake> {
        Ok(self.maybe_text(field)?.map(|text| UserId(number(&text))))
    }

    fn id(&mut self, field: Field) -> Result<UserId, Mistake> {
        self.maybe_id(field)?.ok_or_else(|| missing(field))
    }

    fn special(&mut self) -> Result<bool, Mistake> {
        Ok(self.maybe_word(Field::Status, &SPECIAL)?.unwrap_or(false))
    }

    fn which_group(&mut self) -> Result<WhichGroup, Mistake> {
        let (id, name) = (self.maybe_text(Field::Group)?, self.maybe_text(Field::Groupname)?);
        match (id, name) {
            (Some(id), None) => Ok(WhichGroup::Id(GroupId(number(&id)))),
            (None, Some(name)) => Ok(WhichGroup::Name(NameKey::of(&name))),
            (None, None) => Err(missing(Field::Group)),
            (Some(_), Some(_)) => Err(mistake(MistakeKind::BadValue, "give either \"group\" or \"groupname\"")),
        }
    }

    fn find_user(&mut self) -> Result<Command, Mistake> {
        let (id, name) = (self.maybe_who(Field::Id)?, self.maybe_text(Field::Username)?);
        let who = match (id, name) {
            (Some(id), None) => id,
            (None, Some(name)) => Who::Name(NameKey::of(&name)),
            (None, None) => return Err(missing(Field::Username)),
            (Some(_), Some(_)) => return Err(mistake(MistakeKind::BadValue, "give either \"id\" or \"username\"")),
        };
        Ok(Command::FindUser { who })
    }

    fn send_message(&mut self) -> Result<(Option<Claim>, Command), Mistake> {
        let src = self.id(Field::Src)?;
        let dst = self.text(Field::Dst)?;
        let to = UserId(number(&dst));
        let text = self.string(Field::Message)?;
        fitting(&text, &PrivateMessage::new(src, to, &text), 0)?;
        let command =
            Command::SendPrivate { to: Who::Id(to), as_written: dst.into(), body: Body::text(text), number: None };
        Ok((Some(Who::Id(src)), command))
    }

    fn send_group_message(&mut self) -> Result<Command, Mistake> {
        let group = self.which_group()?;
        let text = self.string(Field::Message)?;
        // The names and numbers that the packet will have are not known here, but how long they can be.
        let widest = GroupMessage::new(UserId(u64::MAX), "", GroupId(u64::MAX), "", &text);
        fitting(&text, &widest, 2 * NAME_BYTES)?;
        Ok(Command::Post { group, body: Body::text(text), number: None })
    }

    fn history(&mut self) -> Result<Command, Mistake> {
        let with_group = self.has(Field::Group) || self.has(Field::Groupname);
        let peer = match (self.maybe_who(Field::Dst)?, with_group) {
            (Some(who), false) => Peer::User(who),
            (None, true) => Peer::Group(self.which_group()?),
            (None, false) => return Err(missing(Field::Dst)),
            (Some(_), true) => return Err(mistake(MistakeKind::BadValue, "give either \"dst\" or a group")),
        };
        let (before, limit) = self.page(Field::Before, Field::Limit)?;
        Ok(Command::History { peer, before, limit })
    }

    fn send_file(&mut self, carrier: Carrier) -> Result<Command, Mistake> {
        let dst = self.id(Field::Dst)?;
        let length = self.file_length(Field::Length)?;
        let name = self.string(Field::Filename)?;
        // The sender gets its own path back whole.
        if carrier == Carrier::Stream {
            fitting(&name, &FilePort::sending(u16::MAX, None, length, &name, dst), 0)?;
        }
        Ok(Command::OfferFile { to: Who::Id(dst), length, name, hash: None })
    }
}
