//! What fits into one packet, and how the rest is told in several. Owns: the bound, the cutting of lists and texts, and
//! the length before a packet. Never: knows what a list or a text is about.

use crate::dialect::{Carrier, Frame, Frames};
use crate::dialects::runs::{SPARE, Strings, bytes_of, write_strings};
use bytes::Bytes;
use serde::Serialize;
use std::io;

/// Bytes of JSON in a packet on a stream: the document's buffers hold 2048, and clients put a NUL behind.
pub(super) const PACKET_BYTES: usize = 2047;

/// Bytes of JSON that a name has at the most: 64 code points of 4 bytes (`names::rules`), and what JSON escapes in a
/// name is short.
pub(super) const NAME_BYTES: usize = 256;

/// Bytes of JSON that a hint may have: it helps people, and a packet has room for more than it.
const HINT_BYTES: usize = 600;

/// Bytes before the JSON.
const HEADER: u8 = 4;

/// Which part of several a packet is, from 1. Only where there are several.
#[derive(Serialize, Clone, Copy)]
pub(super) struct Part {
    part: u32,
    parts: u32,
}

impl Part {
    /// No part takes more room.
    pub(super) const WIDEST: Self = Self { part: u32::MAX, parts: u32::MAX };
}

/// A packet as it travels on a stream; on a link with messages the length stays behind.
pub(super) fn frame(packet: &impl Serialize) -> Frame {
    /// Most packets fit; a longer one grows.
    const USUAL: usize = 192;
    let mut wire = Vec::with_capacity(USUAL);
    wire.extend_from_slice(&[0; HEADER as usize]);
    serde_json::to_writer(&mut wire, packet).expect("plain fields are written into memory, which cannot fail");
    behind_its_length(wire)
}

/// The same for the packets that are sent most, of strings alone.
#[inline(always)]
pub(super) fn frame_of_strings<const N: usize>(fields: &Strings<'_, N>) -> Frame {
    const END: &[u8] = b"\"}";
    let mut wire = Vec::with_capacity(usize::from(HEADER) + bytes_of(fields) + END.len() + SPARE);
    wire.extend_from_slice(&[0; HEADER as usize]);
    write_strings(&mut wire, fields);
    wire.extend_from_slice(END);
    behind_its_length(wire)
}

/// A packet that has the room for its length, and now the length.
fn behind_its_length(mut wire: Vec<u8>) -> Frame {
    let length = u32::try_from(wire.len() - usize::from(HEADER)).expect("a packet has less than 4 GiB");
    wire[..usize::from(HEADER)].copy_from_slice(&length.to_le_bytes());
    Frame::new(Bytes::from(wire), HEADER, 0)
}

/// How long something is as JSON.
pub(super) fn json_bytes(value: &impl Serialize) -> usize {
    struct Counted(usize);
    impl io::Write for Counted {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut counted = Counted(0);
    serde_json::to_writer(&mut counted, value).expect("counting cannot fail");
    counted.0
}

/// Whether a packet may go out as it is.
pub(super) fn fits(frame: &Frame, carrier: Carrier) -> bool {
    carrier.has_messages() || frame.wire().len() <= PACKET_BYTES + usize::from(HEADER)
}

/// The JSON that can stand where `empty` has nothing. Never nothing: whatever a name holds, the work goes on.
pub(super) fn room_in(empty: &impl Serialize) -> usize {
    PACKET_BYTES.saturating_sub(json_bytes(empty)).max(64)
}

/// A list in as few packets as it needs, cut between its entries.
pub(super) fn list<'e, T: Serialize, P: Serialize>(
    carrier: Carrier,
    entries: &'e [T],
    packet: impl Fn(&'e [T], Option<Part>) -> P,
) -> Frames {
    let whole = frame(&packet(entries, None));
    if fits(&whole, carrier) {
        return Frames::from_buf([whole]);
    }
    let room = room_in(&packet(&[], Some(Part::WIDEST)));
    let mut pages = Vec::new();
    let (mut start, mut used) = (0, 0);
    for (at, entry) in entries.iter().enumerate() {
        let size = json_bytes(entry);
        if at > start && used + 1 + size > room {
            pages.push(&entries[start..at]);
            (start, used) = (at, 0);
        }
        used += size + usize::from(at > start);
    }
    pages.push(&entries[start..]);
    numbered(&pages, |page, part| packet(page, Some(part)))
}

/// A text in as few packets as it needs, cut between its characters; `whole` is the packet that has all of it.
pub(super) fn text<'t, P: Serialize>(
    carrier: Carrier,
    whole: Frame,
    text: &'t str,
    packet: impl Fn(&'t str, Option<Part>) -> P,
) -> Frames {
    if fits(&whole, carrier) {
        return Frames::from_buf([whole]);
    }
    let pieces: Vec<&str> = cut(text, room_in(&packet("", Some(Part::WIDEST)))).collect();
    numbered(&pieces, |piece, part| packet(piece, Some(part)))
}

fn numbered<C: Copy, P: Serialize>(contents: &[C], packet: impl Fn(C, Part) -> P) -> Frames {
    let parts = u32::try_from(contents.len()).unwrap_or(u32::MAX);
    (1..=parts).zip(contents).map(|(part, content)| frame(&packet(*content, Part { part, parts }))).collect()
}

/// A sentence for people, cut where it is longer than anybody reads.
pub(super) fn short(hint: &str) -> &str {
    cut(hint, HINT_BYTES).next().unwrap_or_default()
}

/// A text in pieces of at most `room` bytes as JSON without its quotes, or of one character where that is longer;
/// nothing of nothing.
pub(super) fn cut(text: &str, room: usize) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let mut used = 0;
        let end = rest.char_indices().find_map(|(at, c)| {
            used += escaped_bytes(c);
            (used > room && at > 0).then_some(at)
        });
        let (piece, after) = rest.split_at(end.unwrap_or(rest.len()));
        rest = after;
        (!piece.is_empty()).then_some(piece)
    })
}

/// What a character takes inside a JSON string, as it is written here.
fn escaped_bytes(c: char) -> usize {
    match c {
        '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
        '\0'..='\u{1f}' => 6,
        _ => c.len_utf8(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_is_as_long_as_it_is_written() {
        for c in (0..=0x10_FFFF).filter_map(char::from_u32) {
            assert_eq!(escaped_bytes(c) + 2, json_bytes(&c), "{}", c.escape_unicode());
        }
    }

    #[test]
    fn a_text_is_cut_at_its_characters() {
        let pieces = |text, room| cut(text, room).collect::<Vec<_>>();
        assert_eq!(pieces("", 4), [""; 0]);
        assert_eq!(pieces("abcdefghi", 4), ["abcd", "efgh", "i"]);
        assert_eq!(pieces("a\"\"b", 4), ["a\"", "\"b"]);
        assert_eq!(pieces("小明小", 7), ["小明", "小"]);
        assert_eq!(pieces("\0\0a", 7), ["\0", "\0a"]);
        assert_eq!(pieces("😀😀", 1), ["😀", "😀"], "a character is never lost");
    }

    #[test]
    fn no_name_is_longer_than_is_reckoned_with() {
        // The longest kind there is: a letter of four bytes and two marks, which count as one character.
        let long = "\u{1d6c2}\u{301}".repeat(32);
        let name = crate::Name::parse(&long).unwrap();
        assert!(json_bytes(&name) - 2 <= NAME_BYTES, "{}", json_bytes(&name));
        assert!(crate::Name::parse(&"\"\\".repeat(16)).is_ok_and(|name| json_bytes(&name) <= NAME_BYTES));
    }
}
