//! Rows of `dedup`: what is known of a message that may come again. Owns: their bytes. Never: touches the database.

use super::{Number, Parsed, Row};
use crate::store::ops::Destination;
use crate::store::schema::{self, Key};
use protocol::{GroupId, Seq, UserId};
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

/// A run of messages that may come again, in `dedup`, by the number of its first.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub(in crate::store) struct RunRow {
    /// Which of its installation's messages the first was.
    pub(in crate::store) nth: u64,
    /// When that came, in milliseconds since 1970 (UTC).
    pub(in crate::store) at_ms: u64,
    /// Its place in the conversation.
    pub(in crate::store) seq: u64,
    /// Where they went: a group, or a person.
    group: bool,
    to: u64,
    pub(in crate::store) ends: Ends,
}

impl RunRow {
    pub(in crate::store) fn new(nth: u64, at_ms: u64, seq: Seq, to: Destination, ends: Ends) -> Self {
        let (group, to) = written(to);
        Self { nth, at_ms, seq: seq.0, group, to, ends }
    }

    /// Where they went.
    pub(in crate::store) fn to(&self) -> Destination {
        destination(self.group, self.to)
    }
}

impl Row<'_> for RunRow {}

fn written(to: Destination) -> (bool, u64) {
    match to {
        Destination::User(user) => (false, user.0),
        Destination::Group(group) => (true, group.0),
    }
}

fn destination(group: bool, to: u64) -> Destination {
    if group { Destination::Group(GroupId(to)) } else { Destination::User(UserId(to)) }
}

/// A message that may come again, in `dedup`, by its number: one whose number was not above all before it. It has an [`NthRow`], too.
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
    /// Only read. Of a message whose number was above all before it, before there were runs: it has no [`NthRow`].
    pub(in crate::store) ends: Option<OlderEnds>,
}

/// Where what is remembered of an installation's messages begins: no row of that kind is before that.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(in crate::store) struct Firsts {
    /// The number of the first run.
    pub(in crate::store) runs: u64,
    /// The place of the first message that has an [`NthRow`], if any has.
    pub(in crate::store) ordered: Option<u64>,
    /// The number of the first message that has neither, but a row of its own, from before there were runs. `None`: none is left.
    pub(in crate::store) climbing: Option<u64>,
}

/// [`Firsts`] as the last row of an installation says it: then it is known after a start without a look through what was forgotten.
/// Kept as distances, which are small; that of the places with one more, since 0 is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(in crate::store) struct Ends {
    runs: u64,
    ordered: u64,
    climbing: Option<u64>,
}

impl Ends {
    /// As the row of the message with that number says it, which was the `nth`.
    pub(in crate::store) fn new(number: u64, nth: u64, Firsts { runs, ordered, climbing }: Firsts) -> Self {
        let ordered = ordered.map_or(0, |first| nth.wrapping_sub(first).wrapping_add(1));
        let climbing = climbing.map(|first| number.wrapping_sub(first));
        Self { runs: number.wrapping_sub(runs), ordered, climbing }
    }

    /// The way back.
    pub(in crate::store) fn firsts(self, number: u64, nth: u64) -> Firsts {
        let ordered = (self.ordered != 0).then(|| nth.wrapping_sub(self.ordered - 1));
        let climbing = self.climbing.map(|back| number.wrapping_sub(back));
        Firsts { runs: number.wrapping_sub(self.runs), ordered, climbing }
    }
}

/// [`Ends`] from before there were runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(in crate::store) struct OlderEnds {
    climbing: u64,
    ordered: u64,
}

impl OlderEnds {
    /// As [`Ends::firsts`].
    pub(in crate::store) fn firsts(self, number: u64, nth: u64) -> Firsts {
        let ordered = (self.ordered != 0).then(|| nth.wrapping_sub(self.ordered - 1));
        Firsts { runs: 0, ordered, climbing: Some(number.wrapping_sub(self.climbing)) }
    }
}

impl SentRow {
    pub(in crate::store) fn new(nth: u64, at_ms: u64, seq: Seq, to: Destination, hash: [u8; 32]) -> Self {
        let (group, to) = written(to);
        Self { nth, at_ms, seq: seq.0, group, to, hash, ends: None }
    }

    /// The key of the message itself, which `from` wrote.
    pub(in crate::store) fn place(&self, from: UserId) -> Key {
        let talk = destination(self.group, self.to).conversation(from);
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

/// What is known about the beginning from an [`NthRow`] that is the last. The order is on disk.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub(in crate::store) enum Since {
    /// Only read. There were no runs then.
    Older(OlderEnds),
    /// Only read. Every message had an [`NthRow`] then, and so many were remembered, this one included.
    Live(u64),
    /// Only read. The same, and that was not written down.
    Unknown,
    Ends(Ends),
}

impl Row<'_> for NthRow {
    const VERSION: u8 = 4;

    fn older(version: u8, rest: &[u8]) -> Option<Parsed<'_, Self>> {
        let read =
            |(number, live): (u64, Option<u64>)| Self { number, since: live.map_or(Since::Unknown, Since::Live) };
        match version {
            1 => Some(postcard::take_from_bytes(rest).map(|(Number(number), rest)| (read((number, None)), rest))),
            2 => Some(postcard::take_from_bytes(rest).map(|(row, rest)| (read(row), rest))),
            3 => {
                let row = |(number, since): (u64, Since)| Self { number, since };
                Some(postcard::take_from_bytes(rest).map(|(read, rest)| (row(read), rest)))
            }
            _ => None,
        }
    }
}

/// A row of `dedup` as bytes: all of them stay off the heap.
pub(in crate::store) type Small = SmallVec<[u8; SMALL_BYTES]>;

/// The longest row of `dedup` has not more than 95 bytes: as a [`SentRow`] with all that it ever had, four numbers of up to ten bytes, two
/// distances, a hash, and two flags, behind its version.
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
        let sent = SentRow::new(1, 2, Seq(3), to, [b'h'; 32]);
        let bytes = |version: u8, end: &[u8]| [&[version, 1, 2, 3, 1, 4][..], &[b'h'; 32], end].concat();
        assert_eq!(&encode(&sent).unwrap()[..], bytes(2, b"\0"));
        assert_eq!(decode::<SentRow>(b"k", &bytes(1, b"")).unwrap(), sent, "of before");
        let climbing = SentRow { ends: Some(OlderEnds { climbing: 256, ordered: 1 }), ..sent };
        assert_eq!(decode::<SentRow>(b"k", &bytes(2, b"\x01\x80\x02\x01")).unwrap(), climbing, "of before");
        let firsts = Firsts { runs: 44, ordered: Some(1), climbing: None };
        let run = RunRow::new(1, 2, Seq(3), to, Ends::new(300, 1, firsts));
        assert_eq!(&encode(&run).unwrap()[..], b"\x01\x01\x02\x03\x01\x04\x80\x02\x01\0");
        assert_eq!(decode::<RunRow>(b"k", &encode(&run).unwrap()).unwrap(), run);
        assert_eq!(run.to(), to);
        let firsts = Firsts { runs: 128, ordered: None, climbing: Some(128) };
        let nth = NthRow { number: 128, since: Since::Ends(Ends::new(128, 9, firsts)) };
        assert_eq!(&encode(&nth).unwrap()[..], b"\x04\x80\x01\x03\0\0\x01\0");
        let older = Since::Older(OlderEnds { climbing: 0, ordered: 0 });
        for (bytes, row) in [
            (&b"\x04\x80\x01\x03\0\0\x01\0"[..], nth),
            (b"\x03\x80\x01\0\0\0", NthRow { number: 128, since: older }),
            (b"\x02\x80\x01\x01\xac\x02", NthRow { number: 128, since: Since::Live(300) }),
            (b"\x02\x80\x01\0", NthRow { number: 128, since: Since::Unknown }),
            (b"\x01\x80\x01", NthRow { number: 128, since: Since::Unknown }),
        ] {
            assert_eq!(decode::<NthRow>(b"k", bytes).unwrap(), row);
        }
        for (row, same) in [
            (encode(&sent), encode_small(&sent)),
            (encode(&nth), encode_small(&nth)),
            (encode(&run), encode_small(&run)),
        ] {
            assert_eq!(row.unwrap()[..], same.unwrap()[..]);
        }
        let most = u64::MAX;
        let ends = Ends { runs: most, ordered: most, climbing: Some(most) };
        let longest = RunRow::new(most, most, Seq(most), Destination::User(UserId(most)), ends);
        assert_eq!(encode_small(&longest).unwrap()[..], encode(&longest).unwrap()[..]);
        let longest = SentRow::new(most, most, Seq(most), Destination::User(UserId(most)), [b'h'; 32]);
        assert_eq!(encode_small(&longest).unwrap()[..], encode(&longest).unwrap()[..]);
    }

    #[test]
    fn where_the_remembered_begin_comes_back() {
        for (number, nth, runs, ordered, climbing) in [
            (5, 5, 5, None, None),
            (9, 7, 2, Some(7), Some(9)),
            (9, 7, 2, Some(0), Some(0)),
            (3, 1, 4, None, Some(4)),
            (u64::MAX, 0, 0, Some(0), None),
        ] {
            let firsts = Firsts { runs, ordered, climbing };
            assert_eq!(Ends::new(number, nth, firsts).firsts(number, nth), firsts);
        }
        let older = OlderEnds { climbing: 7, ordered: 1 };
        assert_eq!(older.firsts(9, 7), Firsts { runs: 0, ordered: Some(7), climbing: Some(2) });
    }
}
