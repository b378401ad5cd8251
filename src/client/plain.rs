//! `plain` as a client speaks it (docs/plain.md): one compact object a line. Owns: its words, and which object answers which
//! request. Never: frames anything, or builds a tree of what it reads; what it does not use it skips.

use super::asked::{Ask, Asked};
use super::json::{Text, bytes, explained, string};
use super::{Heard, Label, Nonsense, Say, Silent, Verdict};
use protocol::NameKey;
use serde::Deserialize;
use std::borrow::Cow;

/// Appends what is to be said. `me` is one's own name as a JSON string, once there was a login.
pub(super) fn say(say: &Say<'_>, me: &[u8], out: &mut Vec<u8>) -> Result<(), Silent> {
    match say {
        Say::Register { name, password } => {
            bytes(out, br#"{"cmd":"register","user":"#);
            string(out, name);
            bytes(out, br#","password":"#);
            string(out, password);
        }
        Say::Login { password, .. } => {
            bytes(out, br#"{"cmd":"login","user":"#);
            bytes(out, me);
            bytes(out, br#","password":"#);
            string(out, password);
        }
        Say::Open => {
            bytes(out, br#"{"cmd":"set_policy","user":"#);
            bytes(out, me);
            bytes(out, br#","add":"open","message":"anyone""#);
        }
        Say::Befriend(person) => {
            bytes(out, br#"{"cmd":"add","user":"#);
            bytes(out, me);
            bytes(out, br#","friend":"#);
            string(out, &person.name);
        }
        Say::CreateGroup { name } => {
            bytes(out, br#"{"cmd":"create_group","user":"#);
            bytes(out, me);
            bytes(out, br#","join":"open","group":"#);
            string(out, name);
        }
        Say::JoinGroup(group) => {
            bytes(out, br#"{"cmd":"add_group","user":"#);
            bytes(out, me);
            bytes(out, br#","group":"#);
            string(out, &group.name);
        }
        Say::Private { to, text } => {
            bytes(out, br#"{"cmd":"private_chat","user_from":"#);
            bytes(out, me);
            bytes(out, br#","user_to":"#);
            string(out, &to.name);
            bytes(out, br#","text":"#);
            string(out, text);
        }
        Say::Post { group, text } => {
            bytes(out, br#"{"cmd":"group_chat","user":"#);
            bytes(out, me);
            bytes(out, br#","group":"#);
            string(out, &group.name);
            bytes(out, br#","text":"#);
            string(out, text);
        }
        Say::Ping => bytes(out, br#"{"cmd":"ping""#),
        Say::Logout => {
            bytes(out, br#"{"cmd":"offline","user":"#);
            bytes(out, me);
        }
        Say::Typing(_) => return Err(Silent),
    }
    out.push(b'}');
    Ok(())
}

/// What of an object means something here.
#[derive(Deserialize)]
struct Object<'a> {
    #[serde(borrow)]
    cmd: Cow<'a, str>,
    #[serde(borrow)]
    result: Option<Text<'a>>,
    #[serde(borrow)]
    text: Option<Text<'a>>,
    #[serde(borrow)]
    user_from: Option<Text<'a>>,
    #[serde(borrow)]
    user: Option<Text<'a>>,
    #[serde(borrow)]
    group: Option<Text<'a>>,
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    detail: Option<Text<'a>>,
}

/// The answer that most of a load test consists of: known without reading it.
const SENT: &[u8] = br#"{"cmd":"private_chat_reply","result":"success"}"#;

/// The `result`s of an `error` after which the connection stays: each answers a request. All others say why it closes.
const MISTAKES: [&str; 4] = ["unknown_command", "missing_field", "wrong_type", "bad_value"];

/// Takes one object; white space around it is nothing, also alone.
pub(super) fn hear(object: &[u8], asked: &mut Asked, each: &mut dyn FnMut(Heard<'_>)) -> Result<(), Nonsense> {
    let object = object.trim_ascii();
    if object.is_empty() {
        // The server's nudge to clients that read in pieces.
        return Ok(());
    }
    if object == SENT && asked.oldest() == Some(Ask::Private) {
        asked.answer(Verdict::Done { id: None }, each);
        return Ok(());
    }
    let object: Object<'_> = serde_json::from_slice(object).map_err(|error| Nonsense(error.to_string()))?;
    match &*object.cmd {
        "private_chat" => {
            let Object { user_from, text, .. } = object;
            each(Heard::Private { text: said(text, "private_chat")?, from: named(user_from) });
        }
        "group_chat" => {
            let Object { user, group, text, .. } = object;
            each(Heard::Post { text: said(text, "group_chat")?, from: named(user), group: named(group) });
        }
        "friend_login" => each(Heard::Presence { online: true }),
        "friend_offline" => each(Heard::Presence { online: false }),
        "error" => match object.result {
            Some(Text(word)) if MISTAKES.contains(&&*word) => {
                let said = explained(word, object.detail);
                settle_logouts(asked, each);
                if asked.oldest().is_none() {
                    return Err(Nonsense(format!("an answer to nothing: {said}")));
                }
                asked.answer(Verdict::Refused(said), each);
            }
            Some(Text(word)) => each(Heard::Closing(word)),
            None => return Err(Nonsense("an error without a word".to_owned())),
        },
        cmd => match asked_by(cmd) {
            Some(ask) => return object.answers(ask, asked, each),
            None => each(Heard::Other),
        },
    }
    Ok(())
}

/// Which request has this reply; `None` where it is none, or none to anything that is asked here.
fn asked_by(cmd: &str) -> Option<Ask> {
    Some(match cmd {
        "private_chat_reply" => Ask::Private,
        "group_chat_reply" => Ask::Post,
        "login_reply" => Ask::Login,
        "register_reply" => Ask::Register,
        "set_policy_reply" => Ask::Open,
        "add_reply" => Ask::Befriend,
        "create_group_reply" => Ask::CreateGroup,
        "add_group_reply" => Ask::JoinGroup,
        "ping_reply" => Ask::Ping,
        "offline_reply" => Ask::Logout,
        _ => return None,
    })
}

fn said<'a>(text: Option<Text<'a>>, cmd: &str) -> Result<Cow<'a, str>, Nonsense> {
    text.map(|Text(text)| text).ok_or_else(|| Nonsense(format!("{cmd} without a text")))
}

/// Whoever is known by a name alone.
fn named(name: Option<Text<'_>>) -> Label<'_> {
    Label { name: name.map(|Text(name)| name).unwrap_or_default(), id: 0 }
}

impl Object<'_> {
    /// It has the name of the answer to `ask`. Only `add_group_reply` may be none all the same: that is also how the
    /// server tells that an earlier request to join was accepted or rejected.
    fn answers(self, ask: Ask, asked: &mut Asked, each: &mut dyn FnMut(Heard<'_>)) -> Result<(), Nonsense> {
        if ask != Ask::Logout {
            settle_logouts(asked, each);
        }
        let due = asked.oldest();
        if ask == Ask::JoinGroup {
            let rejected = self.result.as_ref().is_some_and(|Text(word)| word == "rejected");
            let elsewhere =
                self.group.as_ref().is_some_and(|Text(name)| asked.oldest_join() != Some(&NameKey::of(name)));
            if rejected || elsewhere || due != Some(ask) {
                each(Heard::Other);
                return Ok(());
            }
        }
        if due != Some(ask) {
            return Err(Nonsense(format!("{} came, but what is due answers {due:?}", self.cmd)));
        }
        let Some(Text(word)) = self.result else {
            return Err(Nonsense(format!("{} without a result", self.cmd)));
        };
        let verdict = match &*word {
            // Both words are a yes: the second says that the other is asked first.
            "success" | "request_sent" => Verdict::Done { id: self.id.and_then(|Text(id)| id.parse().ok()) },
            _ => Verdict::Refused(explained(word, self.detail)),
        };
        asked.answer(verdict, each);
        Ok(())
    }
}

/// A logout has no answer where it succeeds. It has, once something asked behind it is answered.
fn settle_logouts(asked: &mut Asked, each: &mut dyn FnMut(Heard<'_>)) {
    while asked.oldest() == Some(Ask::Logout) {
        asked.answer(Verdict::Done { id: None }, each);
    }
}
