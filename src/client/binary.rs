//! `binary` as a client speaks it (docs/binary.md). Owns: which packet says what, which answers which request, and what has to be
//! given back: receipts, and signs of life. Never: frames anything, or sends a receipt before everything that one call heard was told.

use super::asked::Asked;
use super::{Heard, Label, Nonsense, Say, Silent, Verdict};
use bytes::Bytes;
use prost::Message as _;
use protocol::dialects::binary::packets as p;
use protocol::dialects::binary::packets::packet::Body as Said;
use std::borrow::Cow;

/// Appends what is to be said, under this number.
pub(super) fn say(say: &Say<'_>, number: u64, out: &mut Vec<u8>) -> Result<(), Silent> {
    let said = match say {
        Say::Register { .. } => return Err(Silent),
        Say::Login { me, password, instance } => {
            let who = if me.id == 0 { p::login::Who::Name(me.name.clone()) } else { p::login::Who::Account(me.id) };
            let instance = instance.map_or_else(Bytes::new, |instance| Bytes::copy_from_slice(&instance));
            let password = (*password).to_owned();
            Said::Login(p::Login { who: Some(who), password, code: String::new(), instance })
        }
        Say::Open => Said::SetPolicy(p::SetPolicy { friends: p::Consent::Open.into(), friends_only: Some(false) }),
        Say::Befriend(person) => Said::FriendRequest(p::FriendRequest { account: person.id, ..Default::default() }),
        Say::CreateGroup { name } => Said::CreateGroup(p::CreateGroup {
            name: (*name).to_owned(),
            join: p::Consent::Open.into(),
            ..Default::default()
        }),
        Say::JoinGroup(group) => Said::JoinGroup(p::JoinGroup { group: group.id, ..Default::default() }),
        Say::Private { to, text } => Said::PrivateMessage(p::Message { to: to.id, ..message(text) }),
        Say::Post { group, text } => Said::GroupMessage(p::Message { group: group.id, ..message(text) }),
        Say::Typing(person) => {
            let peer = Some(p::Peer { peer: Some(p::peer::Peer::Account(person.id)) });
            Said::Typing(p::Typing { peer, sender: 0 })
        }
        Say::Ping => Said::Heartbeat(p::Heartbeat {}),
        Say::Logout => Said::Logout(p::Logout {}),
    };
    write(number, said, out);
    Ok(())
}

fn message(text: &str) -> p::Message {
    p::Message {
        kind: p::Kind::Text.into(),
        // One that has more bytes than this is refused in any case.
        length: u32::try_from(text.len()).unwrap_or(u32::MAX),
        payload: Bytes::copy_from_slice(text.as_bytes()),
        ..Default::default()
    }
}

fn write(seq: u64, said: Said, out: &mut Vec<u8>) {
    p::Packet { seq, body: Some(said) }.encode_raw(out);
}

/// What is to be given back for what was heard.
#[derive(Default)]
pub(super) struct Thanks {
    receipts: Vec<p::Receipt>,
    heartbeat: bool,
}

impl Thanks {
    /// Whether there is anything.
    pub(super) fn is_due(&self) -> bool {
        self.heartbeat || !self.receipts.is_empty()
    }

    /// Appends one packet, without a number: all receipts in the order in which they came. They are a sign of life, too.
    pub(super) fn say(self, out: &mut Vec<u8>) {
        let said = if self.receipts.is_empty() {
            Said::Heartbeat(p::Heartbeat {})
        } else {
            Said::MessageReceived(p::MessageReceived { receipts: self.receipts })
        };
        write(0, said, out);
    }
}

/// Takes one packet.
pub(super) fn hear(
    packet: &[u8],
    asked: &mut Asked,
    thanks: &mut Thanks,
    each: &mut dyn FnMut(Heard<'_>),
) -> Result<(), Nonsense> {
    let packet = p::Packet::decode(packet).map_err(|error| Nonsense(error.to_string()))?;
    let Some(mut said) = packet.body else {
        // Something newer than this program.
        each(Heard::Other);
        return Ok(());
    };
    if packet.seq != 0 {
        let due = asked.oldest_number();
        if packet.seq != due || asked.oldest().is_none() {
            return Err(Nonsense(format!("an answer to request {} came, but {due} is due", packet.seq)));
        }
        asked.answer(verdict(&said), each);
        return Ok(());
    }
    thanks.receipts.extend(receipt(&mut said));
    match &said {
        Said::PrivateMessage(message) | Said::OfflinePrivateMessage(message) => private(message, each),
        Said::GroupMessage(message) | Said::OfflineGroupMessage(message) => post(message, each),
        Said::Presence(friend) => each(Heard::Presence { online: friend.online }),
        Said::ForcedLogout(end) => each(Heard::Closing(end.why().as_str_name().into())),
        // With these two the server gives a stream up that it cannot follow.
        Said::Error(error) if matches!(error.reason(), p::Reason::Malformed | p::Reason::TooLarge) => {
            each(Heard::Closing(refusal(error.reason, &error.detail)));
        }
        Said::Heartbeat(_) => {
            thanks.heartbeat = true;
            each(Heard::Other);
        }
        _ => each(Heard::Other),
    }
    Ok(())
}

/// Whoever has a number. (The name that comes with it is what people are to see, not the unique one.)
fn numbered(id: u64) -> Label<'static> {
    Label { name: Cow::Borrowed(""), id }
}

fn private(message: &p::Message, each: &mut dyn FnMut(Heard<'_>)) {
    match text(message) {
        Some(text) => each(Heard::Private { text, from: numbered(message.sender) }),
        None => each(Heard::Other),
    }
}

fn post(message: &p::Message, each: &mut dyn FnMut(Heard<'_>)) {
    match text(message) {
        Some(text) => each(Heard::Post { text, from: numbered(message.sender), group: numbered(message.group) }),
        None => each(Heard::Other),
    }
}

/// What a message says, if it is a text.
fn text(message: &p::Message) -> Option<Cow<'_, str>> {
    let text = std::str::from_utf8(&message.payload).ok()?;
    (message.kind() == p::Kind::Text).then_some(Cow::Borrowed(text))
}

/// How a request ended whose answer this is.
fn verdict(answer: &Said) -> Verdict<'_> {
    let refused = |reason, detail| Verdict::Refused(refusal(reason, detail));
    let id = match answer {
        Said::Error(no) => return refused(no.reason, &no.detail),
        Said::LoginFailed(no) => return refused(no.reason, &no.detail),
        Said::CreateGroupFailed(no) => return refused(no.reason, &no.detail),
        Said::UserNotFound(_) => return Verdict::Refused("UserNotFound".into()),
        Said::LoginSucceeded(me) => Some(me.account),
        Said::GroupCreated(made) => made.info.as_ref().map(|info| info.group),
        Said::JoinAccepted(joined) => Some(joined.group),
        _ => None,
    };
    Verdict::Done { id }
}

/// The reason's name in the description, or its number where it is newer than this program. Where the packet itself was mistaken,
/// the sentence behind it names what of it.
fn refusal<'a>(reason: i32, detail: &str) -> Cow<'a, str> {
    match p::Reason::try_from(reason) {
        Ok(reason) if reason <= p::Reason::BadValue => format!("{}: {detail}", reason.as_str_name()).into(),
        Ok(reason) => reason.as_str_name().into(),
        Err(_) => format!("reason {reason}").into(),
    }
}

/// Takes the receipt out of a packet that has one.
fn receipt(said: &mut Said) -> Option<p::Receipt> {
    match said {
        Said::PrivateMessage(said)
        | Said::GroupMessage(said)
        | Said::OfflinePrivateMessage(said)
        | Said::OfflineGroupMessage(said) => said.receipt.take(),
        Said::MessageRecalled(said) => said.receipt.take(),
        Said::FriendAccepted(said) => said.receipt.take(),
        Said::FriendRejected(said) => said.receipt.take(),
        Said::FriendRequestExpired(said) => said.receipt.take(),
        Said::JoinAccepted(said) => said.receipt.take(),
        Said::JoinRejected(said) => said.receipt.take(),
        Said::JoinRequestExpired(said) => said.receipt.take(),
        Said::RoleChanged(said) => said.receipt.take(),
        Said::InviteAnswered(said) => said.receipt.take(),
        Said::InviteExpired(said) => said.receipt.take(),
        Said::MemberRemoved(said) => said.receipt.take(),
        Said::GroupDissolved(said) => said.receipt.take(),
        _ => None,
    }
}
