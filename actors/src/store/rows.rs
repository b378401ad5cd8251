//! What is in a value: rows of `state` as postcard behind a version byte, rows of `log` and `inbox` by hand.
//!
//! Owns: the bytes of every value, and [`ReadError`]. Never: touches the database. A version that is not known here is
//! an error with the row's key in it, never a guess.

use super::schema::show;
use bytes::Bytes;
use protocol::{Body, BodyKind, FriendPolicy, GroupId, JoinPolicy, MessagePolicy, Seq, UserId};
use serde::{Deserialize, Serialize};

/// Why something stored could not be read. Both are faults of the server's or of its disk, never of who asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ReadError {
    /// The database could not read.
    #[error("the database could not read: {0}")]
    Database(String),
    /// A row is not what it should be, or one that must be there is missing.
    #[error("row {key}: {detail}")]
    Row {
        /// Its key, hexadecimal.
        key: String,
        /// What is wrong with it.
        detail: String,
    },
}

impl ReadError {
    pub(super) fn row(key: &[u8], detail: impl Into<String>) -> Self {
        Self::Row { key: show(key), detail: detail.into() }
    }
}

impl From<rocksdb::Error> for ReadError {
    fn from(error: rocksdb::Error) -> Self {
        Self::Database(error.into_string())
    }
}

/// A value of `state`. Names never change once they are given, so rows that list people or groups hold their names:
/// a list is one scan. Fields may only be added with a new version, which [`decode`] then tells apart.
pub(super) trait Row {
    /// The version that is written.
    const VERSION: u8 = 1;
}

/// An account.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(super) struct AccountRow<'a> {
    pub(super) name: &'a str,
    pub(super) add: FriendPolicy,
    pub(super) message: MessagePolicy,
    pub(super) since_ms: u64,
}

/// A group.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(super) struct GroupRow<'a> {
    pub(super) name: &'a str,
    pub(super) owner: u64,
    pub(super) join: JoinPolicy,
    pub(super) since_ms: u64,
    /// The last member has left: nobody owns it, nobody can join it, its name stays taken.
    pub(super) abandoned: bool,
}

/// Somebody or something in somebody's list.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub(super) struct ListedRow<'a> {
    /// The order of the list: counted, since the clock may jump.
    pub(super) nth: u64,
    /// Since when, in milliseconds since 1970 (UTC).
    pub(super) at_ms: u64,
    /// The name of the one that is listed.
    pub(super) name: &'a str,
}

/// How long a list is, so that its bound costs no scan.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Tally {
    /// Rows in it now.
    pub(super) live: u64,
    /// The next row's `nth`.
    pub(super) next: u64,
}

/// A number: counters, cursors, what a name points at.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub(super) struct Number(pub(super) u64);

/// A text: password hashes, scripts.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub(super) struct Text<'a>(pub(super) &'a str);

impl Row for AccountRow<'_> {}
impl Row for GroupRow<'_> {}
impl Row for ListedRow<'_> {}
impl Row for Tally {}
impl Row for Number {}
impl Row for Text<'_> {}

/// A row as bytes, or `None` where it cannot be said (which none of the rows above can cause).
pub(super) fn encode<T: Row + Serialize>(row: &T) -> Option<Bytes> {
    postcard::to_extend(row, vec![T::VERSION]).ok().map(Bytes::from)
}

/// A row from bytes.
pub(super) fn decode<'a, T: Row + Deserialize<'a>>(key: &[u8], value: &'a [u8]) -> Result<T, ReadError> {
    match value.split_first() {
        Some((&version, rest)) if version == T::VERSION => match postcard::take_from_bytes(rest) {
            Ok((row, [])) => Ok(row),
            Ok(_) => Err(ReadError::row(key, "has bytes behind its end")),
            Err(error) => Err(ReadError::row(key, error.to_string())),
        },
        Some((version, _)) => Err(unknown_version(key, *version)),
        None => Err(ReadError::row(key, "is empty")),
    }
}

fn unknown_version(key: &[u8], version: u8) -> ReadError {
    ReadError::row(key, format!("is of version {version}, which this program does not know"))
}

/// The version of rows in `log` and `inbox`.
const COMPACT: u8 = 1;

/// A message in `log`, without its place, which is in the key:
/// version, sender (8), time (8), kind (1, and 4 more for a custom one), then the body's own bytes.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct LogRow {
    pub(super) from: UserId,
    pub(super) at_ms: u64,
    pub(super) body: Body,
}

/// A message's row.
pub(super) fn encode_log(from: UserId, at_ms: u64, body: &Body) -> Vec<u8> {
    let mut row = Vec::with_capacity(22 + body.data.len());
    row.push(COMPACT);
    row.extend_from_slice(&from.0.to_be_bytes());
    row.extend_from_slice(&at_ms.to_be_bytes());
    match body.kind {
        BodyKind::Text => row.push(0),
        BodyKind::Image => row.push(1),
        BodyKind::File => row.push(2),
        BodyKind::Voice => row.push(3),
        BodyKind::Custom(number) => {
            row.push(4);
            row.extend_from_slice(&number.to_be_bytes());
        }
    }
    row.extend_from_slice(&body.data);
    row
}

/// A message from its row.
pub(super) fn decode_log(key: &[u8], value: &[u8]) -> Result<LogRow, ReadError> {
    let mut rest = value;
    let [version] = take::<1>(key, &mut rest)?;
    if version != COMPACT {
        return Err(unknown_version(key, version));
    }
    let from = UserId(u64::from_be_bytes(take(key, &mut rest)?));
    let at_ms = u64::from_be_bytes(take(key, &mut rest)?);
    let [kind] = take::<1>(key, &mut rest)?;
    let kind = match kind {
        0 => BodyKind::Text,
        1 => BodyKind::Image,
        2 => BodyKind::File,
        3 => BodyKind::Voice,
        4 => BodyKind::Custom(u32::from_be_bytes(take(key, &mut rest)?)),
        other => return Err(ReadError::row(key, format!("has a body of the unknown kind {other}"))),
    };
    Ok(LogRow { from, at_ms, body: Body { kind, data: Bytes::copy_from_slice(rest) } })
}

/// A row of `inbox`: version, kind (1), then at most 16 bytes. Its owner is in the key.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum InboxRow {
    /// A message: in the conversation with `from`, at `seq`.
    Private { from: UserId, seq: Seq },
    /// An answer to a friend request.
    FriendAnswer { friend: UserId, accepted: bool },
    /// An answer to a request to join.
    JoinAnswer { group: GroupId, accepted: bool },
}

/// A row of `inbox` as bytes.
pub(super) fn encode_inbox(row: InboxRow) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(18);
    bytes.push(COMPACT);
    match row {
        InboxRow::Private { from, seq } => {
            bytes.push(0);
            bytes.extend_from_slice(&from.0.to_be_bytes());
            bytes.extend_from_slice(&seq.0.to_be_bytes());
        }
        InboxRow::FriendAnswer { friend, accepted } => {
            bytes.push(1);
            bytes.extend_from_slice(&friend.0.to_be_bytes());
            bytes.push(accepted.into());
        }
        InboxRow::JoinAnswer { group, accepted } => {
            bytes.push(2);
            bytes.extend_from_slice(&group.0.to_be_bytes());
            bytes.push(accepted.into());
        }
    }
    bytes
}

/// A row of `inbox` from bytes.
pub(super) fn decode_inbox(key: &[u8], value: &[u8]) -> Result<InboxRow, ReadError> {
    let mut rest = value;
    let [version, kind] = take::<2>(key, &mut rest)?;
    if version != COMPACT {
        return Err(unknown_version(key, version));
    }
    let first = u64::from_be_bytes(take(key, &mut rest)?);
    let row = match kind {
        0 => InboxRow::Private { from: UserId(first), seq: Seq(u64::from_be_bytes(take(key, &mut rest)?)) },
        1 => InboxRow::FriendAnswer { friend: UserId(first), accepted: take::<1>(key, &mut rest)? != [0] },
        2 => InboxRow::JoinAnswer { group: GroupId(first), accepted: take::<1>(key, &mut rest)? != [0] },
        other => return Err(ReadError::row(key, format!("is of the unknown kind {other}"))),
    };
    if rest.is_empty() { Ok(row) } else { Err(ReadError::row(key, "has bytes behind its end")) }
}

fn take<const N: usize>(key: &[u8], rest: &mut &[u8]) -> Result<[u8; N], ReadError> {
    let (head, tail) = rest.split_first_chunk::<N>().ok_or_else(|| ReadError::row(key, "is cut short"))?;
    *rest = tail;
    Ok(*head)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is on disk in databases that exist: a change here needs a new version, not a new expectation.
    #[test]
    fn bytes_on_disk_stay() {
        let account =
            AccountRow { name: "李", add: FriendPolicy::Confirm, message: MessagePolicy::Friends, since_ms: 5 };
        assert_eq!(&encode(&account).unwrap()[..], b"\x01\x03\xe6\x9d\x8e\x01\x01\x05");
        let group = GroupRow { name: "g", owner: 10_000, join: JoinPolicy::Approval, since_ms: 300, abandoned: true };
        assert_eq!(&encode(&group).unwrap()[..], b"\x01\x01g\x90\x4e\x01\xac\x02\x01");
        let listed = ListedRow { nth: 1, at_ms: 2, name: "x" };
        assert_eq!(&encode(&listed).unwrap()[..], b"\x01\x01\x02\x01x");
        assert_eq!(&encode(&Tally { live: 1, next: 2 }).unwrap()[..], b"\x01\x01\x02");
        assert_eq!(&encode(&Number(128)).unwrap()[..], b"\x01\x80\x01");
        assert_eq!(&encode(&Text("h")).unwrap()[..], b"\x01\x01h");
        let custom = Body { kind: BodyKind::Custom(258), data: Bytes::from_static(b"\0z") };
        assert_eq!(encode_log(UserId(1), 2, &custom), b"\x01\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x02\x04\0\0\x01\x02\0z");
        assert_eq!(
            encode_inbox(InboxRow::JoinAnswer { group: GroupId(3), accepted: true }),
            b"\x01\x02\0\0\0\0\0\0\0\x03\x01"
        );
    }

    #[test]
    fn rows_come_back() {
        for kind in [BodyKind::Text, BodyKind::Image, BodyKind::File, BodyKind::Voice, BodyKind::Custom(u32::MAX)] {
            let body = Body { kind, data: Bytes::from_static("消息".as_bytes()) };
            let row = decode_log(b"k", &encode_log(UserId(9), u64::MAX, &body)).unwrap();
            assert_eq!(row, LogRow { from: UserId(9), at_ms: u64::MAX, body });
        }
        for row in [
            InboxRow::Private { from: UserId(1), seq: Seq(2) },
            InboxRow::FriendAnswer { friend: UserId(1), accepted: false },
            InboxRow::JoinAnswer { group: GroupId(1), accepted: true },
        ] {
            assert_eq!(decode_inbox(b"k", &encode_inbox(row)).unwrap(), row);
        }
    }

    #[test]
    fn damage_is_an_error_with_the_key() {
        let cases: [(&[u8], &str); 4] = [
            (b"", "is empty"),
            (b"\x02\x00", "version 2"),
            (b"\x01", "end of unexpected data"),
            (b"\x01\x00\x00", "behind its end"),
        ];
        for (bytes, expected) in cases {
            let error = decode::<Number>(&[0xab, 1], bytes).unwrap_err().to_string();
            assert!(error.starts_with("row ab01: "), "{error}");
            if !expected.contains("unexpected") {
                assert!(error.contains(expected), "{error}");
            }
        }
        assert!(decode_log(b"k", b"\x01short").unwrap_err().to_string().contains("cut short"));
        assert!(decode_log(b"k", &[7; 40]).unwrap_err().to_string().contains("version 7"));
        let mut row = encode_log(UserId(1), 1, &Body::text("x"));
        row[17] = 9;
        assert!(decode_log(b"k", &row).unwrap_err().to_string().contains("unknown kind 9"));
        assert!(decode_inbox(b"k", b"\x01").unwrap_err().to_string().contains("cut short"));
        assert!(decode_inbox(b"k", &[1, 1, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1]).unwrap_err().to_string().contains("behind"));
    }
}
