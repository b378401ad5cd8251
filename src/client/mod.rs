//! The client's side of the three dialects, for whoever drives a server from this program: the load tester. Owns: the
//! words [`Say`] and [`Heard`], which mean the same in every dialect, and the codecs behind them. Never: touches a
//! socket, a clock or a file; bytes go in and bytes come out.

mod asked;
mod binary;
mod conversation;
mod framed;
mod frames;
mod json;
mod line;
mod plain;
#[cfg(test)]
mod tests;
mod websocket;

pub use conversation::{Conversation, Wrap};

use std::borrow::Cow;

/// Somebody with an account.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Person {
    /// The unique name.
    pub name: String,
    /// The account's number; 0 while it is not known. `framed` and `binary` need it, `plain` does not.
    pub id: u64,
}

/// A group.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Circle {
    /// The unique name.
    pub name: String,
    /// The group's number; 0 while it is not known.
    pub id: u64,
}

/// What a client asks. A dialect that has no word for one of them says so ([`Silent`]).
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "said in the line above each")]
pub enum Say<'a> {
    /// Makes an account. `binary` makes accounts by mail only, so it has no word for this: accounts are made through another dialect.
    Register { name: &'a str, password: &'a str },
    /// Logs in. `instance` is the installation, where the dialect has one.
    Login { me: &'a Person, password: &'a str, instance: Option<[u8; 16]> },
    /// Lets everybody add oneself as a friend and write without being asked (`set_policy`).
    Open,
    /// Asks to be friends.
    Befriend(&'a Person),
    /// Makes a group that anybody may join.
    CreateGroup { name: &'a str },
    /// Joins it.
    JoinGroup(&'a Circle),
    /// A message to one person.
    Private { to: &'a Person, text: &'a str },
    /// A message to a group.
    Post { group: &'a Circle, text: &'a str },
    /// "I am typing", to a person. Only `binary` has it.
    Typing(&'a Person),
    /// Asks for any answer.
    Ping,
    /// Logs out; the connection may stay.
    Logout,
}

/// How a request ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "said in the line above each")]
pub enum Verdict<'a> {
    /// It was done. `id` is the number of the account or group that was made or logged in to, where the dialect tells it.
    Done { id: Option<u64> },
    /// It was refused, in the dialect's own words (`offline`, `REASON_BUSY`, …).
    Refused(Cow<'a, str>),
}

/// What a client hears.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "said in the line above each")]
pub enum Heard<'a> {
    /// The answer to the request of this number, which `say` gave.
    Answer { number: u64, verdict: Verdict<'a> },
    /// A private message, and who wrote it.
    Private { text: Cow<'a, str>, from: Label<'a> },
    /// A group's post.
    Post { text: Cow<'a, str>, from: Label<'a>, group: Label<'a> },
    /// Somebody came online or left.
    Presence { online: bool },
    /// The server says why it closes the connection, in the dialect's own words.
    Closing(Cow<'a, str>),
    /// Anything else: friend requests, typing, heartbeats (which the conversation answers by itself).
    Other,
}

/// Somebody, or a group, as far as the dialect tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Label<'a> {
    /// The unique name; empty where it is not told.
    pub name: Cow<'a, str>,
    /// The number; 0 where it is not told.
    pub id: u64,
}

impl Label<'_> {
    /// The same, owned.
    #[must_use]
    pub fn into_owned(self) -> Label<'static> {
        Label { name: self.name.into_owned().into(), id: self.id }
    }
}

/// The dialect has no word for what was to be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the dialect has no word for it")]
pub struct Silent;

/// What came is not this dialect; the connection is of no use any more.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not understood: {0}")]
pub struct Nonsense(pub String);
