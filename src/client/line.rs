//! The four lines of the bare relays (`loadtest::baseline`), as one of their clients speaks them. Owns: their words. Never: is spoken to
//! a real server.
//!
//! People and groups are numbers ([`super::Person::id`], [`super::Circle::id`], below `baseline::MOST`). What the relays have no
//! word for (accounts, friends, making a group) is asked as a ping, so that every request has its answer.

use super::asked::Asked;
use super::{Heard, Label, Nonsense, Say, Silent, Verdict};
use std::io::Write;

/// Appends what is to be said.
pub(super) fn say(say: &Say<'_>, out: &mut Vec<u8>) -> Result<(), Silent> {
    let numbered = |out: &mut Vec<u8>, word: u8, id: u64| {
        out.push(word);
        // Into memory, where nothing fails.
        let _ = write!(out, " {id}");
    };
    match say {
        Say::Login { me, .. } => numbered(out, b'L', me.id),
        Say::JoinGroup(group) => numbered(out, b'J', group.id),
        Say::Private { to, text } => {
            numbered(out, b'T', to.id);
            out.push(b' ');
            out.extend_from_slice(text.as_bytes());
        }
        Say::Post { text, .. } => {
            out.extend_from_slice(b"G ");
            out.extend_from_slice(text.as_bytes());
        }
        Say::Typing(_) => return Err(Silent),
        Say::Register { .. } | Say::Open | Say::Befriend(_) | Say::CreateGroup { .. } | Say::Ping | Say::Logout => {
            out.push(b'P');
        }
    }
    Ok(())
}

/// Tells what a line means.
pub(super) fn hear(line: &[u8], asked: &mut Asked, each: &mut dyn FnMut(Heard<'_>)) -> Result<(), Nonsense> {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let text = |from: usize| {
        let text = line.get(from..).and_then(|text| std::str::from_utf8(text).ok());
        text.ok_or_else(|| Nonsense("a line that is not text".into()))
    };
    match line.first() {
        Some(b'M') => each(Heard::Private { text: text(2)?.into(), from: Label::default() }),
        Some(b'G') => each(Heard::Post { text: text(2)?.into(), from: Label::default(), group: Label::default() }),
        Some(b'A' | b'L' | b'J' | b'P') => asked.answer(Verdict::Done { id: None }, each),
        Some(b'N') => asked.answer(Verdict::Refused("offline".into()), each),
        _ => return Err(Nonsense("not a line of a relay".into())),
    }
    Ok(())
}
