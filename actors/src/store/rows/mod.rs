//! What is in a value: rows of `state` as postcard behind a version byte; those of profiles are in `profile.rs`, rows of
//! `log` and `inbox` in `compact.rs`, those of `dedup` in `sent.rs`.
//!
//! Owns: the bytes of every value, and [`ReadError`]. Never: touches the database. A version that is not known here is
//! an error with the row's key in it, never a guess.

mod compact;
mod groups;
mod profile;
mod sent;

pub(super) use compact::{
    InboxRow, LogHead, LogRow, Notice, Numbered, decode_inbox, decode_log, encode_inbox, encode_run, log_numbered,
    log_sender,
};
pub(super) use groups::AboutRow;
pub(super) use profile::{ProfileRow, decode_picture, encode_picture};
pub(super) use sent::{Ends, Firsts, NthRow, RunRow, SentRow, Since, Small, encode_small};

use super::schema::show;
use bytes::Bytes;
use protocol::{FriendPolicy, JoinPolicy, MessagePolicy, Role};
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
/// a list is one scan. Fields may only be added with a new version, and rows of the older ones stay readable:
/// [`Row::older`] says what they mean now. They are written anew when they change, never all at once, so this costs
/// neither a migration nor a new `SCHEMA_VERSION`. A program that is older than a row does not know its version and
/// says so, row by row: whoever goes back to one is refused, never misunderstood.
pub(super) trait Row<'a>: Sized + Deserialize<'a> {
    /// The version that is written.
    const VERSION: u8 = 1;

    /// A row from the bytes behind the version byte of an older version; `None` where there never was that version.
    fn older(version: u8, rest: &'a [u8]) -> Option<Parsed<'a, Self>> {
        let _ = (version, rest);
        None
    }
}

/// A row, and what is left behind it.
pub(super) type Parsed<'a, T> = postcard::Result<(T, &'a [u8])>;

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

/// Somebody or something in somebody's list. Friends and those who want to be had such rows too, as version 1 of theirs.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub(super) struct ListedRow<'a> {
    /// The order of the list: counted, since the clock may jump.
    pub(super) nth: u64,
    /// Since when, in milliseconds since 1970 (UTC).
    pub(super) at_ms: u64,
    /// The name of the one that is listed.
    pub(super) name: &'a str,
}

/// A friend, as one side sees it: the other side has a row of its own.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub(super) struct FriendRow<'a> {
    /// The order of the list: counted, since the clock may jump.
    pub(super) nth: u64,
    /// Since when, in milliseconds since 1970 (UTC).
    pub(super) at_ms: u64,
    /// The friend's name.
    pub(super) name: &'a str,
    /// With special attention.
    pub(super) special: bool,
    /// What this side calls the friend; empty for nothing.
    pub(super) remark: &'a str,
}

/// Somebody who wants to be a friend, or into a group.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub(super) struct RequestRow<'a> {
    /// The order of the requests.
    pub(super) nth: u64,
    /// Since when, in milliseconds since 1970 (UTC).
    pub(super) at_ms: u64,
    /// The asker's name.
    pub(super) name: &'a str,
    /// The asker would pay special attention: kept for its row, once they are friends.
    pub(super) special: bool,
    /// What the asker said; empty for nothing.
    pub(super) reason: &'a str,
}

/// Somebody who is asked into a group. Under its number, then the group's.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub(super) struct InviteRow<'a> {
    /// The order of the invitations.
    pub(super) nth: u64,
    /// Since when, in milliseconds since 1970 (UTC).
    pub(super) at_ms: u64,
    /// The group's name.
    pub(super) name: &'a str,
    /// Who asks.
    pub(super) inviter: u64,
    /// And its name.
    pub(super) inviter_name: &'a str,
}

/// Somebody in a group.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub(super) struct MemberRow<'a> {
    /// The order of the list.
    pub(super) nth: u64,
    /// Since when, in milliseconds since 1970 (UTC).
    pub(super) at_ms: u64,
    /// The member's name.
    pub(super) name: &'a str,
    /// `Member` or `Manager`: who owns the group, the group's own row says.
    pub(super) role: Role,
}

/// How long a list is, so that its bound costs no scan.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Tally {
    /// Rows in it now.
    pub(super) live: u64,
    /// The next row's `nth`.
    pub(super) next: u64,
}

/// A code that was mailed.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub(super) struct CodeRow {
    pub(super) salt: [u8; 16],
    /// SHA-256 of the salt and the digits.
    pub(super) hash: [u8; 32],
    /// When it was issued.
    pub(super) at_ms: u64,
    /// Wrong ones that may still be tried; none of one that is spent.
    pub(super) tries_left: u32,
    /// Codes that were issued for this address and purpose since `hour_ms`.
    pub(super) issued: u32,
    pub(super) hour_ms: u64,
}

/// A number: counters, cursors, what a name points at.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub(super) struct Number(pub(super) u64);

/// Nothing: all that there is to say is in the key.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub(super) struct Nothing;

/// A text: password hashes, scripts.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub(super) struct Text<'a>(pub(super) &'a str);

impl<'a> Row<'a> for AccountRow<'a> {}
impl<'a> Row<'a> for GroupRow<'a> {}
impl<'a> Row<'a> for ListedRow<'a> {}
impl Row<'_> for Tally {}
impl Row<'_> for Number {}
impl Row<'_> for CodeRow {}
impl Row<'_> for Nothing {}
impl<'a> Row<'a> for InviteRow<'a> {}
impl<'a> Row<'a> for Text<'a> {}

impl<'a> Row<'a> for FriendRow<'a> {
    const VERSION: u8 = 2;

    fn older(version: u8, rest: &'a [u8]) -> Option<Parsed<'a, Self>> {
        let friend = |ListedRow { nth, at_ms, name }| Self { nth, at_ms, name, special: false, remark: "" };
        (version == 1).then(|| postcard::take_from_bytes(rest).map(|(row, rest)| (friend(row), rest)))
    }
}

impl<'a> Row<'a> for RequestRow<'a> {
    const VERSION: u8 = 2;

    fn older(version: u8, rest: &'a [u8]) -> Option<Parsed<'a, Self>> {
        let request = |ListedRow { nth, at_ms, name }| Self { nth, at_ms, name, special: false, reason: "" };
        (version == 1).then(|| postcard::take_from_bytes(rest).map(|(row, rest)| (request(row), rest)))
    }
}

impl<'a> Row<'a> for MemberRow<'a> {
    const VERSION: u8 = 2;

    fn older(version: u8, rest: &'a [u8]) -> Option<Parsed<'a, Self>> {
        let member = |ListedRow { nth, at_ms, name }| Self { nth, at_ms, name, role: Role::Member };
        (version == 1).then(|| postcard::take_from_bytes(rest).map(|(row, rest)| (member(row), rest)))
    }
}

/// A row as bytes, or `None` where it cannot be said (which none of the rows above can cause).
pub(super) fn encode<'a, T: Row<'a> + Serialize>(row: &T) -> Option<Bytes> {
    // Most rows fit; a longer one grows.
    let mut bytes = Vec::with_capacity(64);
    bytes.push(T::VERSION);
    postcard::to_extend(row, bytes).ok().map(Bytes::from)
}

/// A row from bytes of any version that there ever was.
pub(super) fn decode<'a, T: Row<'a>>(key: &[u8], value: &'a [u8]) -> Result<T, ReadError> {
    let Some((&version, rest)) = value.split_first() else { return Err(ReadError::row(key, "is empty")) };
    let parsed = match version == T::VERSION {
        true => Some(postcard::take_from_bytes(rest)),
        false => T::older(version, rest),
    };
    match parsed {
        Some(Ok((row, []))) => Ok(row),
        Some(Ok(_)) => Err(ReadError::row(key, "has bytes behind its end")),
        Some(Err(error)) => Err(ReadError::row(key, error.to_string())),
        None => Err(unknown_version(key, version)),
    }
}

fn unknown_version(key: &[u8], version: u8) -> ReadError {
    ReadError::row(key, format!("is of version {version}, which this program does not know"))
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
        let friend = FriendRow { nth: 1, at_ms: 2, name: "x", special: true, remark: "" };
        assert_eq!(&encode(&friend).unwrap()[..], b"\x02\x01\x02\x01x\x01\0");
        let request = RequestRow { nth: 1, at_ms: 2, name: "x", special: false, reason: "hi" };
        assert_eq!(&encode(&request).unwrap()[..], b"\x02\x01\x02\x01x\0\x02hi");
        let invite = InviteRow { nth: 1, at_ms: 2, name: "g", inviter: 300, inviter_name: "x" };
        assert_eq!(&encode(&invite).unwrap()[..], b"\x01\x01\x02\x01g\xac\x02\x01x");
        assert_eq!(&encode(&Nothing).unwrap()[..], b"\x01");
        assert_eq!(&encode(&Tally { live: 1, next: 2 }).unwrap()[..], b"\x01\x01\x02");
        assert_eq!(&encode(&Number(128)).unwrap()[..], b"\x01\x80\x01");
        assert_eq!(&encode(&Text("h")).unwrap()[..], b"\x01\x01h");
    }

    /// Friends and requests of databases from before there were special ones.
    #[test]
    fn rows_of_older_versions_are_understood() {
        const OLD: &[u8] = b"\x01\x01\xac\x02\x03\xe6\x9d\x8e";
        let friend = FriendRow { nth: 1, at_ms: 300, name: "李", special: false, remark: "" };
        assert_eq!(decode::<FriendRow<'_>>(b"k", OLD).unwrap(), friend);
        assert_eq!(decode::<FriendRow<'_>>(b"k", &encode(&friend).unwrap()).unwrap(), friend);
        let request = RequestRow { nth: 1, at_ms: 300, name: "李", special: false, reason: "" };
        assert_eq!(decode::<RequestRow<'_>>(b"k", OLD).unwrap(), request);
        assert_eq!(decode::<RequestRow<'_>>(b"k", b"\x02\x01\xac\x02\x03\xe6\x9d\x8e\0\0").unwrap(), request);
        for (bytes, expected) in [
            (&OLD[..OLD.len() - 1], "end of buffer"),
            (b"\x01\x01\x02\x01x\0\0", "behind its end"), // a new row with an old version
            (b"\x02\x01\x02\x01x", "end of buffer"),      // and the other way round
            (b"\0\x01\x02\x01x", "version 0"),
            (b"\x03\x01\x02\x01x\0\0\0", "version 3"),
        ] {
            let error = decode::<FriendRow<'_>>(b"k", bytes).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
            let error = decode::<RequestRow<'_>>(b"k", bytes).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        // What a program from before says to new rows: it read them all as this type.
        let error = decode::<ListedRow<'_>>(b"k", &encode(&friend).unwrap()).unwrap_err().to_string();
        assert!(error.contains("version 2, which this program does not know"), "{error}");
    }

    #[test]
    fn codes_are_what_is_on_disk() {
        let row = CodeRow { salt: [1; 16], hash: [2; 32], at_ms: 300, tries_left: 5, issued: 1, hour_ms: 3 };
        let bytes = encode(&row).unwrap();
        assert_eq!(bytes[..], [&[1][..], &[1; 16], &[2; 32], b"\xac\x02\x05\x01\x03"].concat());
        assert_eq!(decode::<CodeRow>(b"k", &bytes).unwrap(), row);
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
    }
}
