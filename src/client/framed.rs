//! `framed` as a client speaks it (docs/framed.md). Owns: its words, which packet answers which request, and long texts that
//! come in parts. Never: frames anything, or builds a tree of what it reads; what it does not use it skips.

use super::asked::{Ask, Asked};
use super::json::{Text, bytes, explained, id, string};
use super::{Circle, Heard, Label, Nonsense, Say, Silent, Verdict, frames};
use serde::Deserialize;
use std::borrow::Cow;

/// Appends what is to be said. `me` is one's own number as a JSON string, once there was a login.
pub(super) fn say(say: &Say<'_>, me: &[u8], out: &mut Vec<u8>) -> Result<(), Silent> {
    match say {
        Say::Register { name, password } => {
            bytes(out, br#"{"command":"logon","username":"#);
            string(out, name);
            bytes(out, br#","password":"#);
            string(out, password);
        }
        Say::Login { password, .. } => {
            bytes(out, br#"{"command":"login","id":"#);
            bytes(out, me);
            bytes(out, br#","password":"#);
            string(out, password);
        }
        Say::Open => {
            bytes(out, br#"{"command":"set_policy","id":"#);
            bytes(out, me);
            bytes(out, br#","add":"open","message":"anyone""#);
        }
        Say::Befriend(person) => {
            bytes(out, br#"{"command":"add_friend","src":"#);
            bytes(out, me);
            bytes(out, br#","dst":"#);
            id(out, person.id);
        }
        Say::CreateGroup { name } => {
            bytes(out, br#"{"command":"create_group","src":"#);
            bytes(out, me);
            bytes(out, br#","join":"open","groupname":"#);
            string(out, name);
        }
        Say::JoinGroup(group) => {
            bytes(out, br#"{"command":"join_group","src":"#);
            bytes(out, me);
            which(out, group);
        }
        Say::Private { to, text } => {
            bytes(out, br#"{"command":"send_message","src":"#);
            bytes(out, me);
            bytes(out, br#","dst":"#);
            id(out, to.id);
            bytes(out, br#","message":"#);
            string(out, text);
        }
        Say::Post { group, text } => {
            bytes(out, br#"{"command":"send_group_message","src":"#);
            bytes(out, me);
            which(out, group);
            bytes(out, br#","message":"#);
            string(out, text);
        }
        Say::Ping => bytes(out, br#"{"command":"ping""#),
        Say::Logout => {
            bytes(out, br#"{"command":"logout","id":"#);
            bytes(out, me);
        }
        Say::Typing(_) => return Err(Silent),
    }
    out.push(b'}');
    Ok(())
}

/// A group by its number, or by its name while that is not known.
fn which(out: &mut Vec<u8>, group: &Circle) {
    if group.id == 0 {
        bytes(out, br#","groupname":"#);
        string(out, &group.name);
    } else {
        bytes(out, br#","group":"#);
        id(out, group.id);
    }
}

/// What of a packet means something here.
#[derive(Deserialize)]
struct Packet<'a> {
    #[serde(borrow)]
    command: Cow<'a, str>,
    #[serde(borrow)]
    status: Option<Text<'a>>,
    #[serde(borrow)]
    message: Option<Text<'a>>,
    #[serde(borrow)]
    detail: Option<Text<'a>>,
    #[serde(borrow)]
    hint: Option<Text<'a>>,
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    src: Option<Text<'a>>,
    #[serde(borrow)]
    username: Option<Text<'a>>,
    #[serde(borrow)]
    group: Option<Text<'a>>,
    #[serde(borrow)]
    groupname: Option<Text<'a>>,
    #[serde(borrow)]
    online: Option<Text<'a>>,
    part: Option<u32>,
    parts: Option<u32>,
}

/// A text of which some parts have come. The server finishes one text before it begins the next; other packets may come between.
#[derive(Debug)]
pub(super) struct Parts {
    post: bool,
    text: String,
    came: u32,
    of: u32,
}

/// The answer that most of a load test consists of: known without reading it.
const SENT: &[u8] = br#"{"command":"send_message_return","status":"success"}"#;

/// The `detail`s in `return` after which the connection stays: each answers a request. All others say why it closes.
const MISTAKES: [&str; 3] = ["not an Json Object", "no command", "wrong command"];

/// Takes one packet.
pub(super) fn hear(
    packet: &[u8],
    parts: &mut Option<Box<Parts>>,
    asked: &mut Asked,
    each: &mut dyn FnMut(Heard<'_>),
) -> Result<(), Nonsense> {
    if packet == SENT && asked.oldest() == Some(Ask::Private) {
        asked.answer(Verdict::Done { id: None }, each);
        return Ok(());
    }
    let packet: Packet<'_> = serde_json::from_slice(packet).map_err(|error| Nonsense(error.to_string()))?;
    match &*packet.command {
        "send_message" => packet.text(false, parts, each),
        "send_group_message" => packet.text(true, parts, each),
        "friend_status" => {
            each(Heard::Presence { online: packet.online.is_some_and(|Text(flag)| flag == "1") });
            Ok(())
        }
        "return" => packet.outside(asked, each),
        command => match asked_by(command) {
            Some(ask) => packet.answers(ask, asked, each),
            None => {
                each(Heard::Other);
                Ok(())
            }
        },
    }
}

/// Which request has this return; `None` where it is none, or none to anything that is asked here. (`add_friend_confirm_return`
/// is said to whoever asked, without a request of its own; so it is none.)
fn asked_by(command: &str) -> Option<Ask> {
    Some(match command {
        "send_message_return" => Ask::Private,
        "send_group_message_return" => Ask::Post,
        "login_return" => Ask::Login,
        "logon_return" => Ask::Register,
        "set_policy_return" => Ask::Open,
        "add_friend_return" => Ask::Befriend,
        "create_group_return" => Ask::CreateGroup,
        "join_group_return" => Ask::JoinGroup,
        "ping_return" => Ask::Ping,
        "logout_return" => Ask::Logout,
        _ => return None,
    })
}

impl<'a> Packet<'a> {
    fn text(self, post: bool, parts: &mut Option<Box<Parts>>, each: &mut dyn FnMut(Heard<'_>)) -> Result<(), Nonsense> {
        let Some(Text(text)) = self.message else {
            return Err(Nonsense(format!("{} without a message", self.command)));
        };
        let text = match (self.part, self.parts) {
            (None, None) => Some(text),
            (Some(part), Some(of)) => together(post, &text, part, of, parts)?.map(Cow::Owned),
            _ => return Err(Nonsense("a part has a part and parts".to_owned())),
        };
        // Of a text in parts, who wrote it is taken from the last.
        match text {
            Some(text) if post => {
                let from = label(self.src, self.username);
                each(Heard::Post { text, from, group: label(self.group, self.groupname) });
            }
            Some(text) => each(Heard::Private { text, from: label(self.src, None) }),
            None => {}
        }
        Ok(())
    }

    /// It has the name of the answer to `ask`.
    fn answers(self, ask: Ask, asked: &mut Asked, each: &mut dyn FnMut(Heard<'_>)) -> Result<(), Nonsense> {
        let due = asked.oldest();
        if due != Some(ask) {
            return Err(Nonsense(format!("{} came, but what is due answers {due:?}", self.command)));
        }
        let number = match ask {
            Ask::Register => self.id,
            Ask::CreateGroup | Ask::JoinGroup => self.group,
            _ => None,
        };
        let verdict = match (self.status, self.detail) {
            (Some(Text(status)), _) if status == "success" => {
                Verdict::Done { id: number.and_then(|Text(digits)| digits.parse().ok()) }
            }
            (_, Some(Text(detail))) => Verdict::Refused(explained(detail, self.hint)),
            (_, None) => return Err(Nonsense(format!("{} without a verdict", self.command))),
        };
        asked.answer(verdict, each);
        Ok(())
    }

    /// A `return` that belongs to no command.
    fn outside(self, asked: &mut Asked, each: &mut dyn FnMut(Heard<'_>)) -> Result<(), Nonsense> {
        let Some(Text(detail)) = self.detail else { return Err(Nonsense("a return without a detail".to_owned())) };
        if !MISTAKES.contains(&&*detail) {
            each(Heard::Closing(explained(detail, self.hint)));
            return Ok(());
        }
        let said = explained(detail, self.hint);
        if asked.oldest().is_none() {
            return Err(Nonsense(format!("an answer to nothing: {said}")));
        }
        asked.answer(Verdict::Refused(said), each);
        Ok(())
    }
}

fn label<'a>(id: Option<Text<'_>>, name: Option<Text<'a>>) -> Label<'a> {
    let name = name.map(|Text(name)| name).unwrap_or_default();
    Label { name, id: id.and_then(|Text(digits)| digits.parse().ok()).unwrap_or(0) }
}

/// Adds a part; gives the whole text with the last one. Bounded as a frame is.
fn together(
    post: bool,
    text: &str,
    part: u32,
    of: u32,
    parts: &mut Option<Box<Parts>>,
) -> Result<Option<String>, Nonsense> {
    let so_far = match parts {
        None if part == 1 => parts.insert(Box::new(Parts { post, text: String::new(), came: 0, of })),
        Some(so_far) if (so_far.post, so_far.of, so_far.came + 1) == (post, of, part) => so_far,
        _ => return Err(Nonsense(format!("part {part} of {of} comes out of its order"))),
    };
    if so_far.text.len() + text.len() > frames::MOST {
        return Err(frames::too_long());
    }
    so_far.text.push_str(text);
    so_far.came = part;
    if part < of {
        return Ok(None);
    }
    Ok(parts.take().map(|whole| whole.text))
}
