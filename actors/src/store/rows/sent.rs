//! Rows of `dedup`: what is known of a message that may come again. Owns: their bytes. Never: touches the database.

use super::{Number, Parsed, Row};
use crate::store::ops::{Conversation, Destination};
use crate::store::schema::{self, Key};
use protocol::{GroupId, Seq, UserId};
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

/// A message that may come again, in `dedup`, by its number.
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
    /// Of a message whose number was above all before it: it has no [`NthRow`], since the order of such numbers is the order in
    /// which they came. `None`: it has one, as all had before this was written down.
    pub(in crate::store) ends: Option<Ends>,
}

/// Where an installation's messages begin that are remembered, as the last one of them says: then that is known after a start
/// without a look through what was forgotten. Kept as distances, which are small.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(in crate::store) struct Ends {
    climbing: u64,
    ordered: u64,
}

impl Ends {
    /// As the row of the message with that number says it, which was the `nth`. See [`Ends::first`] for the others.
    pub(in crate::store) fn new(number: u64, nth: u64, climbing: u64, ordered: Option<u64>) -> Self {
        let ordered = ordered.map_or(0, |first| nth.wrapping_sub(first).wrapping_add(1));
        Self { climbing: number.wrapping_sub(climbing), ordered }
    }

    /// The number from which on rows without an [`NthRow`] are to be looked for, and the place from which on there are
    /// [`NthRow`]s, if any.
    pub(in crate::store) fn first(self, number: u64, nth: u64) -> (u64, Option<u64>) {
        let ordered = (self.ordered != 0).then(|| nth.wrapping_sub(self.ordered - 1));
        (number.wrapping_sub(self.climbing), ordered)
    }
}

impl SentRow {
    pub(in crate::store) fn new(
        nth: u64,
        at_ms: u64,
        seq: Seq,
        to: Destination,
        hash: [u8; 32],
        ends: Option<Ends>,
    ) -> Self {
        let (group, to) = match to {
            Destination::User(user) => (false, user.0),
            Destination::Group(group) => (true, group.0),
        };
        Self { nth, at_ms, seq: seq.0, group, to, hash, ends }
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

/// [`SentRow`] of before messages were remembered without an [`NthRow`].
#[derive(Serialize, Deserialize)]
struct FirstSentRow {
    nth: u64,
    at_ms: u64,
    seq: u64,
    group: bool,
    to: u64,
    hash: [u8; 32],
}

impl Row<'_> for SentRow {
    const VERSION: u8 = 2;

    fn older(version: u8, rest: &[u8]) -> Option<Parsed<'_, Self>> {
        let sent =
            |FirstSentRow { nth, at_ms, seq, group, to, hash }| Self { nth, at_ms, seq, group, to, hash, ends: None };
        (version == 1).then(|| postcard::take_from_bytes(rest).map(|(row, rest)| (sent(row), rest)))
    }
}

/// A message whose number was not above all before it, in `dedup`, by the order in which it came.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub(in crate::store) struct NthRow {
    /// The client's number.
    pub(in crate::store) number: u64,
    pub(in crate::store) since: Since,
}

/// What is known about the beginning from an [`NthRow`] that is the last.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub(in crate::store) enum Since {
    Ends(Ends),
    /// Only read. Every message had an [`NthRow`] then, and so many were remembered, this one included.
    Live(u64),
    /// Only read. The same, and that was not written down.
    Unknown,
}

impl Row<'_> for NthRow {
    const VERSION: u8 = 3;

    fn older(version: u8, rest: &[u8]) -> Option<Parsed<'_, Self>> {
        let read =
            |(number, live): (u64, Option<u64>)| Self { number, since: live.map_or(Since::Unknown, Since::Live) };
        match version {
            1 => Some(postcard::take_from_bytes(rest).map(|(Number(number), rest)| (read((number, None)), rest))),
            2 => Some(postcard::take_from_bytes(rest).map(|(row, rest)| (read(row), rest))),
            _ => None,
        }
    }
}

/// A row of `dedup` as bytes: all of them stay off the heap.
pub(in crate::store) type Small = SmallVec<[u8; SMALL_BYTES]>;

/// The longest row of `dedup` has 95 bytes: a [`SentRow`] of six numbers of up to ten bytes, a hash, and two flags, behind its
/// version.
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
        let to = Destination::Group(GroupId(4));
        let sent = SentRow::new(1, 2, Seq(3), to, [b'h'; 32], None);
        let bytes = |version: u8, end: &[u8]| [&[version, 1, 2, 3, 1, 4][..], &[b'h'; 32], end].concat();
        assert_eq!(&encode(&sent).unwrap()[..], bytes(2, b"\0"));
        assert_eq!(decode::<SentRow>(b"k", &bytes(1, b"")).unwrap(), sent, "of before");
        let climbing = SentRow { ends: Some(Ends::new(300, 1, 44, Some(1))), ..sent };
        assert_eq!(&encode(&climbing).unwrap()[..], bytes(2, b"\x01\x80\x02\x01"));
        assert_eq!(decode::<SentRow>(b"k", &bytes(2, b"\x01\x80\x02\x01")).unwrap(), climbing);
        let nth = NthRow { number: 128, since: Since::Ends(Ends::new(128, 9, 128, None)) };
        assert_eq!(&encode(&nth).unwrap()[..], b"\x03\x80\x01\0\0\0");
        for (bytes, row) in [
            (&b"\x03\x80\x01\0\0\0"[..], nth),
            (b"\x02\x80\x01\x01\xac\x02", NthRow { number: 128, since: Since::Live(300) }),
            (b"\x02\x80\x01\0", NthRow { number: 128, since: Since::Unknown }),
            (b"\x01\x80\x01", NthRow { number: 128, since: Since::Unknown }),
        ] {
            assert_eq!(decode::<NthRow>(b"k", bytes).unwrap(), row);
        }
        for (row, same) in [(encode(&climbing), encode_small(&climbing)), (encode(&nth), encode_small(&nth))] {
            assert_eq!(row.unwrap()[..], same.unwrap()[..]);
        }
        let ends = Some(Ends { climbing: u64::MAX, ordered: u64::MAX });
        let most = u64::MAX;
        let longest = SentRow::new(most, most, Seq(most), Destination::User(UserId(most)), [b'h'; 32], ends);
        assert_eq!(encode_small(&longest).unwrap()[..], encode(&longest).unwrap()[..]);
    }

    #[test]
    fn where_the_remembered_begin_comes_back() {
        for (number, nth, climbing, ordered) in
            [(5, 5, 5, None), (9, 7, 2, Some(7)), (9, 7, 2, Some(0)), (3, 1, 4, None), (u64::MAX, 0, 0, Some(0))]
        {
            assert_eq!(Ends::new(number, nth, climbing, ordered).first(number, nth), (climbing, ordered));
        }
    }
}
