//! Rows of `dedup`: what is known of a message that may come again. Owns: their bytes. Never: touches the database.

use super::{Number, Parsed, Row};
use crate::store::ops::{Conversation, Destination};
use crate::store::schema::{self, Key};
use protocol::{GroupId, Seq, UserId};
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

/// A message that may come again, in `dedup`.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub(in crate::store) struct SentRow {
    /// Which of its installation's messages it was.
    pub(in crate::store) nth: u64,
    /// When it came, in milliseconds since 1970 (UTC).
    pub(in crate::store) at_ms: u64,
    /// Its place in the conversation.
    pub(in crate::store) seq: u64,
    /// Where it went: a group, or a person.
    group: bool,
    to: u64,
    /// Of where it went and what it says.
    pub(in crate::store) hash: [u8; 32],
}

impl SentRow {
    pub(in crate::store) fn new(nth: u64, at_ms: u64, seq: Seq, to: Destination, hash: [u8; 32]) -> Self {
        let (group, to) = match to {
            Destination::User(user) => (false, user.0),
            Destination::Group(group) => (true, group.0),
        };
        Self { nth, at_ms, seq: seq.0, group, to, hash }
    }

    /// The key of the message itself, which `from` wrote.
    pub(in crate::store) fn place(&self, from: UserId) -> Key {
        let talk = match self.group {
            true => Conversation::Group(GroupId(self.to)),
            false => Conversation::between(from, UserId(self.to)),
        };
        schema::place(schema::conversation(talk), Seq(self.seq))
    }
}

/// One of an installation's messages in the order in which they came, in `dedup`.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub(in crate::store) struct NthRow {
    /// The client's number.
    pub(in crate::store) number: u64,
    /// How many messages were remembered then, this one included: where the row begins is known from its end, and nobody has to
    /// look through what was forgotten. `None`: of before this was written down.
    pub(in crate::store) live: Option<u64>,
}

impl Row<'_> for NthRow {
    const VERSION: u8 = 2;

    fn older(version: u8, rest: &[u8]) -> Option<Parsed<'_, Self>> {
        let nth = |Number(number)| Self { number, live: None };
        (version == 1).then(|| postcard::take_from_bytes(rest).map(|(row, rest)| (nth(row), rest)))
    }
}

impl Row<'_> for SentRow {}

/// A row of `dedup` as bytes: all of them stay off the heap.
pub(in crate::store) type Small = SmallVec<[u8; SMALL_BYTES]>;

/// The longest row of `dedup` has 74 bytes: a [`SentRow`] of four numbers of up to ten bytes, a hash, and a flag, behind its version.
const SMALL_BYTES: usize = 96;

/// A row of `dedup` as bytes, or `None` where it is longer than any of them may be.
pub(in crate::store) fn encode_small<'a, T: Row<'a> + Serialize>(row: &T) -> Option<Small> {
    let mut bytes = [T::VERSION; SMALL_BYTES];
    let len = postcard::to_slice(row, &mut bytes[1..]).ok()?.len();
    Some(Small::from_buf_and_len(bytes, len + 1))
}

#[cfg(test)]
mod tests {
    use super::super::{decode, encode};
    use super::*;

    /// What is on disk in databases that exist: a change here needs a new version, not a new expectation.
    #[test]
    fn bytes_on_disk_stay() {
        let sent = SentRow::new(1, 2, Seq(3), Destination::Group(GroupId(4)), [b'h'; 32]);
        assert_eq!(&encode(&sent).unwrap()[..], [&b"\x01\x01\x02\x03\x01\x04"[..], &[b'h'; 32]].concat());
        let nth = NthRow { number: 128, live: Some(300) };
        assert_eq!(&encode(&nth).unwrap()[..], b"\x02\x80\x01\x01\xac\x02");
        assert_eq!(decode::<NthRow>(b"k", b"\x01\x80\x01").unwrap(), NthRow { number: 128, live: None });
        for (row, same) in [(encode(&sent), encode_small(&sent)), (encode(&nth), encode_small(&nth))] {
            assert_eq!(row.unwrap()[..], same.unwrap()[..]);
        }
        let longest = SentRow::new(u64::MAX, u64::MAX, Seq(u64::MAX), Destination::User(UserId(u64::MAX)), [b'h'; 32]);
        assert_eq!(encode_small(&longest).unwrap()[..], encode(&longest).unwrap()[..]);
    }
}
