//! The client's side against the server's own decoders and encoders, without a socket.

mod answers;
mod every;
mod garbage;
mod plain;
mod receipts;
mod script;
mod wires;

use super::{Conversation, Heard, Label, Nonsense, Say, Verdict, Wrap};
use protocol::{Carrier, Decoded, DialectId, Frame, GroupId, GroupRef, Limits, Name, Request, UserId};

const LIMITS: Limits = Limits { frame_bytes: 98_304, depth: 16, fields: 64 };
const WRAPS: [Wrap; 3] = [Wrap::Stream, Wrap::WebSocket, Wrap::Message];

fn dialect(name: &str) -> DialectId {
    DialectId::by_name(name).unwrap()
}

/// Every dialect over everything.
fn every() -> impl Iterator<Item = (DialectId, Wrap)> {
    DialectId::all().flat_map(|dialect| WRAPS.map(|wrap| (dialect, wrap)))
}

fn person(id: u64, name: &str) -> super::Person {
    super::Person { name: name.to_owned(), id }
}

fn circle(id: u64, name: &str) -> super::Circle {
    super::Circle { name: name.to_owned(), id }
}

fn somebody(id: u64, name: &str) -> protocol::Person {
    protocol::Person { id: UserId(id), name: Name::parse(name).unwrap() }
}

fn group(id: u64, name: &str) -> GroupRef {
    GroupRef { id: GroupId(id), name: Name::parse(name).unwrap() }
}

fn done(number: u64, id: Option<u64>) -> Heard<'static> {
    Heard::Answer { number, verdict: Verdict::Done { id } }
}

fn refused(number: u64, word: &str) -> Heard<'static> {
    Heard::Answer { number, verdict: Verdict::Refused(word.to_owned().into()) }
}

fn label(id: u64, name: &str) -> Label<'static> {
    Label { name: name.to_owned().into(), id }
}

fn private(text: &str, from: Label<'static>) -> Heard<'static> {
    Heard::Private { text: text.to_owned().into(), from }
}

fn post(text: &str, from: Label<'static>, group: Label<'static>) -> Heard<'static> {
    Heard::Post { text: text.to_owned().into(), from, group }
}

fn closing(word: &str) -> Heard<'static> {
    Heard::Closing(word.to_owned().into())
}

/// The bytes of one thing said.
fn said(talk: &mut Conversation, say: &Say<'_>) -> (u64, Vec<u8>) {
    let mut out = Vec::new();
    let number = talk.say(say, &mut out).unwrap();
    (number, out)
}

/// What is heard of a piece, and what is to be written back.
fn heard_and_said(talk: &mut Conversation, piece: &[u8]) -> Result<(Vec<Heard<'static>>, Vec<u8>), Nonsense> {
    let (mut all, mut out) = (Vec::new(), Vec::new());
    talk.hear(piece, &mut out, &mut |heard| all.push(owned(heard)))?;
    Ok((all, out))
}

fn heard(talk: &mut Conversation, piece: &[u8]) -> Result<Vec<Heard<'static>>, Nonsense> {
    heard_and_said(talk, piece).map(|(heard, _)| heard)
}

fn owned(heard: Heard<'_>) -> Heard<'static> {
    match heard {
        Heard::Answer { number, verdict: Verdict::Refused(word) } => refused(number, &word),
        Heard::Answer { number, verdict: Verdict::Done { id } } => done(number, id),
        Heard::Private { text, from } => private(&text, from.into_owned()),
        Heard::Post { text, from, group } => post(&text, from.into_owned(), group.into_owned()),
        Heard::Presence { online } => Heard::Presence { online },
        Heard::Closing(word) => closing(&word),
        Heard::Other => Heard::Other,
    }
}
