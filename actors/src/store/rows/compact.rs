//! Rows of `log` and `inbox`: written by hand, since there is one for every message.
//!
//! Owns: their bytes. Never: touches the database.

use super::{ReadError, unknown_version};
use bytes::Bytes;
use protocol::{Body, BodyKind, GroupId, Instance, Role, Seq, UserId};
use serde::{Deserialize, Serialize};

/// The version of rows in `log` and `inbox`.
const COMPACT: u8 = 1;

/// The version of a message in `log` that may come again: it says by what it is known again.
const NUMBERED: u8 = 2;

/// A message in `log`, without its place, which is in the key:
/// version, sender (8), time (8), kind (1, and 4 more for a custom one), for one that may come again its [`Numbered`] (what of it there
/// is (1), number (8), installation (16), hash (32)), then the body's own bytes.
#[derive(Clone, PartialEq, Debug)]
pub(in crate::store) struct LogRow {
    pub(in crate::store) from: UserId,
    pub(in crate::store) at_ms: u64,
    pub(in crate::store) numbered: Option<Numbered>,
    pub(in crate::store) body: Body,
}

/// By what a message is known again that may come again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::store) struct Numbered {
    /// The sender's installation, where it has said which.
    pub(in crate::store) instance: Option<Instance>,
    /// The client's number.
    pub(in crate::store) number: u64,
    /// Of what was said, where the body does not say it any more ([`content_hash`](crate::store::ops::content_hash)).
    pub(in crate::store) hash: Option<[u8; 32]>,
}

/// Which of a [`Numbered`]'s parts follow.
const INSTANCE: u8 = 1;
const HASH: u8 = 2;

/// What is before the body's bytes in a message's row.
pub(in crate::store) struct LogHead {
    bytes: [u8; LOG_HEAD],
    len: usize,
}

/// The longest: a custom kind, and all of a [`Numbered`].
const LOG_HEAD: usize = 22 + 1 + 8 + 16 + 32;

impl LogHead {
    /// Of a message of that kind.
    pub(in crate::store) fn new(from: UserId, at_ms: u64, kind: BodyKind, numbered: Option<&Numbered>) -> Self {
        let mut bytes = [0; LOG_HEAD];
        bytes[0] = if numbered.is_some() { NUMBERED } else { COMPACT };
        bytes[1..9].copy_from_slice(&from.0.to_be_bytes());
        bytes[9..17].copy_from_slice(&at_ms.to_be_bytes());
        let (kind, len) = match kind {
            BodyKind::Text => (0, 18),
            BodyKind::Image => (1, 18),
            BodyKind::File => (2, 18),
            BodyKind::Voice => (3, 18),
            BodyKind::Custom(number) => {
                bytes[18..22].copy_from_slice(&number.to_be_bytes());
                (4, 22)
            }
            BodyKind::Recall => (5, 18),
            BodyKind::Recalled => (6, 18),
        };
        bytes[17] = kind;
        let mut head = Self { bytes, len };
        if let Some(Numbered { instance, number, hash }) = numbered {
            let parts = if instance.is_some() { INSTANCE } else { 0 } | if hash.is_some() { HASH } else { 0 };
            head.push(&[parts]);
            head.push(&number.to_be_bytes());
            if let Some(Instance(instance)) = instance {
                head.push(instance);
            }
            if let Some(hash) = hash {
                head.push(hash);
            }
        }
        head
    }

    fn push(&mut self, part: &[u8]) {
        let end = self.len + part.len();
        self.bytes[self.len..end].copy_from_slice(part);
        self.len = end;
    }

    /// Its bytes.
    pub(in crate::store) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// A message from its row.
pub(in crate::store) fn decode_log(key: &[u8], value: &[u8]) -> Result<LogRow, ReadError> {
    let (from, at_ms, kind, numbered, rest) = read_head(key, value)?;
    Ok(LogRow { from, at_ms, numbered, body: Body { kind, data: Bytes::copy_from_slice(rest) } })
}

/// Who wrote the message of that row, and by what it is known again: without its body.
pub(in crate::store) fn log_numbered(key: &[u8], value: &[u8]) -> Result<(UserId, Option<Numbered>), ReadError> {
    read_head(key, value).map(|(from, _, _, numbered, _)| (from, numbered))
}

/// Who wrote the message of that row.
pub(in crate::store) fn log_sender(key: &[u8], value: &[u8]) -> Result<UserId, ReadError> {
    let mut rest = value.get(1..).unwrap_or_default();
    Ok(UserId(u64::from_be_bytes(take(key, &mut rest)?)))
}

type Head<'a> = (UserId, u64, BodyKind, Option<Numbered>, &'a [u8]);

fn read_head<'a>(key: &[u8], value: &'a [u8]) -> Result<Head<'a>, ReadError> {
    let mut rest = value;
    let [version] = take::<1>(key, &mut rest)?;
    if !matches!(version, COMPACT | NUMBERED) {
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
        5 => BodyKind::Recall,
        6 => BodyKind::Recalled,
        other => return Err(ReadError::row(key, format!("has a body of the unknown kind {other}"))),
    };
    let numbered = match version {
        NUMBERED => Some(take_numbered(key, &mut rest)?),
        _ => None,
    };
    Ok((from, at_ms, kind, numbered, rest))
}

fn take_numbered(key: &[u8], rest: &mut &[u8]) -> Result<Numbered, ReadError> {
    let [parts] = take::<1>(key, rest)?;
    if parts & !(INSTANCE | HASH) != 0 {
        return Err(ReadError::row(key, format!("says of its number what is not known here ({parts})")));
    }
    let number = u64::from_be_bytes(take(key, rest)?);
    let instance = if parts & INSTANCE != 0 { Some(Instance(take(key, rest)?)) } else { None };
    let hash = if parts & HASH != 0 { Some(take(key, rest)?) } else { None };
    Ok(Numbered { instance, number, hash })
}

/// A row of `inbox`: version, kind (1), then at most 16 bytes, or a notice. Its owner is in the key.
#[derive(Clone, PartialEq, Debug)]
pub(in crate::store) enum InboxRow {
    /// A message: in the conversation with `from`, at `seq`. Only read, and written where damage was accepted: a [`Self::Run`] is.
    Private { from: UserId, seq: Seq },
    /// A message, as the other, and those of `from` that follow it: see `runs.rs`.
    Run { from: UserId, seq: Seq },
    /// An answer to a friend request.
    FriendAnswer { friend: UserId, accepted: bool },
    /// An answer to a request to join. Only read: a [`Notice`] is written.
    JoinAnswer { group: GroupId, accepted: bool },
    /// Anything else.
    Notice(Notice),
}

/// What an inbox keeps beside messages: postcard, so variants and fields are only ever added behind the others. What each
/// becomes is the [`InboxItem`](crate::store::InboxItem) of the same name.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(in crate::store) enum Notice {
    FriendRejected { friend: UserId, reason: Box<str> },
    FriendRequestExpired { asker: UserId, asked: UserId },
    JoinAnswered { group: GroupId, accepted: bool, reason: Box<str> },
    JoinRequestExpired { group: GroupId, asker: UserId },
    RoleChanged { group: GroupId, role: Role },
    InviteAnswered { group: GroupId, who: UserId, accepted: bool, reason: Box<str> },
    InviteExpired { group: GroupId, who: UserId },
    MemberRemoved { group: GroupId, reason: Box<str> },
    GroupDissolved { group: GroupId },
}

impl Notice {
    /// The people and the group that it names.
    pub(in crate::store) fn about(&self) -> ([Option<UserId>; 2], Option<GroupId>) {
        match *self {
            Self::FriendRejected { friend, .. } => ([Some(friend), None], None),
            Self::FriendRequestExpired { asker, asked } => ([Some(asker), Some(asked)], None),
            Self::JoinRequestExpired { group, asker } => ([Some(asker), None], Some(group)),
            Self::InviteAnswered { group, who, .. } | Self::InviteExpired { group, who } => {
                ([Some(who), None], Some(group))
            }
            Self::JoinAnswered { group, .. }
            | Self::RoleChanged { group, .. }
            | Self::MemberRemoved { group, .. }
            | Self::GroupDissolved { group } => ([None, None], Some(group)),
        }
    }
}

/// The row of `inbox` with which a run begins.
pub(in crate::store) fn encode_run(from: UserId, seq: Seq) -> [u8; 18] {
    encode_pointer(4, from, seq)
}

fn encode_pointer(kind: u8, from: UserId, seq: Seq) -> [u8; 18] {
    let mut row = [COMPACT; 18];
    row[1] = kind;
    row[2..10].copy_from_slice(&from.0.to_be_bytes());
    row[10..].copy_from_slice(&seq.0.to_be_bytes());
    row
}

/// A row of `inbox` as bytes.
pub(in crate::store) fn encode_inbox(row: &InboxRow) -> Vec<u8> {
    let mut bytes = vec![COMPACT];
    match *row {
        InboxRow::Notice(ref notice) => {
            bytes.push(3);
            // It consists of numbers and texts: that can always be said.
            if let Ok(said) = postcard::to_stdvec(notice) {
                bytes.extend_from_slice(&said);
            }
        }
        InboxRow::Private { from, seq } => return encode_pointer(0, from, seq).to_vec(),
        InboxRow::Run { from, seq } => return encode_pointer(4, from, seq).to_vec(),
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
pub(in crate::store) fn decode_inbox(key: &[u8], value: &[u8]) -> Result<InboxRow, ReadError> {
    let mut rest = value;
    let [version, kind] = take::<2>(key, &mut rest)?;
    if version != COMPACT {
        return Err(unknown_version(key, version));
    }
    if kind == 3 {
        let notice = postcard::from_bytes(rest).map_err(|error| ReadError::row(key, error.to_string()))?;
        return Ok(InboxRow::Notice(notice));
    }
    let first = u64::from_be_bytes(take(key, &mut rest)?);
    let row = match kind {
        0 => InboxRow::Private { from: UserId(first), seq: Seq(u64::from_be_bytes(take(key, &mut rest)?)) },
        4 => InboxRow::Run { from: UserId(first), seq: Seq(u64::from_be_bytes(take(key, &mut rest)?)) },
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

    fn encode_log(from: UserId, at_ms: u64, body: &Body) -> Vec<u8> {
        [LogHead::new(from, at_ms, body.kind, None).bytes(), &body.data].concat()
    }

    fn encode_numbered(body: &Body, numbered: &Numbered) -> Vec<u8> {
        [LogHead::new(UserId(1), 2, body.kind, Some(numbered)).bytes(), &body.data].concat()
    }

    /// What is on disk in databases that exist: a change here needs a new version, not a new expectation.
    #[test]
    fn bytes_on_disk_stay() {
        let custom = Body { kind: BodyKind::Custom(258), data: Bytes::from_static(b"\0z") };
        assert_eq!(encode_log(UserId(1), 2, &custom), b"\x01\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x02\x04\0\0\x01\x02\0z");
        assert_eq!(
            encode_inbox(&InboxRow::JoinAnswer { group: GroupId(3), accepted: true }),
            b"\x01\x02\0\0\0\0\0\0\0\x03\x01"
        );
        let private = InboxRow::Private { from: UserId(3), seq: Seq(258) };
        assert_eq!(encode_inbox(&private), b"\x01\0\0\0\0\0\0\0\0\x03\0\0\0\0\0\0\x01\x02");
        assert_eq!(encode_run(UserId(3), Seq(258)), *b"\x01\x04\0\0\0\0\0\0\0\x03\0\0\0\0\0\0\x01\x02");
        let bare = Numbered { instance: None, number: 258, hash: None };
        let text = b"\x02\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\0\x01\x02z";
        assert_eq!(encode_numbered(&Body::text("z"), &bare), text);
        let whole = Numbered { instance: Some(Instance([7; 16])), hash: Some([8; 32]), ..bare };
        let head = b"\x02\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x02\x04\0\0\x01\x02\x03\0\0\0\0\0\0\x01\x02";
        assert_eq!(encode_numbered(&custom, &whole), [&head[..], &[7; 16], &[8; 32], b"\0z"].concat());
    }

    #[test]
    fn rows_come_back() {
        for kind in [BodyKind::Text, BodyKind::Image, BodyKind::File, BodyKind::Voice, BodyKind::Custom(u32::MAX)] {
            let body = Body { kind, data: Bytes::from_static("消息".as_bytes()) };
            let bytes = encode_log(UserId(9), u64::MAX, &body);
            assert_eq!(log_sender(b"k", &bytes).unwrap(), UserId(9));
            let expected = LogRow { from: UserId(9), at_ms: u64::MAX, numbered: None, body: body.clone() };
            assert_eq!(decode_log(b"k", &bytes).unwrap(), expected);
            for (instance, hash) in [(None, None), (Some(Instance([1; 16])), None), (None, Some([2; 32]))] {
                let numbered = Numbered { instance, number: u64::MAX, hash };
                let row = decode_log(b"k", &encode_numbered(&body, &numbered)).unwrap();
                assert_eq!((row.numbered, &row.body), (Some(numbered), &body));
            }
        }
        for row in [
            InboxRow::Private { from: UserId(1), seq: Seq(2) },
            InboxRow::Run { from: UserId(1), seq: Seq(2) },
            InboxRow::FriendAnswer { friend: UserId(1), accepted: false },
            InboxRow::JoinAnswer { group: GroupId(1), accepted: true },
            InboxRow::Notice(Notice::MemberRemoved { group: GroupId(1), reason: "小".into() }),
        ] {
            assert_eq!(decode_inbox(b"k", &encode_inbox(&row)).unwrap(), row);
        }
    }

    #[test]
    fn damage_is_an_error() {
        assert!(decode_log(b"k", b"\x01short").unwrap_err().to_string().contains("cut short"));
        assert!(decode_log(b"k", &[7; 40]).unwrap_err().to_string().contains("version 7"));
        let mut row = encode_log(UserId(1), 1, &Body::text("x"));
        row[17] = 9;
        assert!(decode_log(b"k", &row).unwrap_err().to_string().contains("unknown kind 9"));
        let numbered = encode_numbered(&Body::text("x"), &Numbered { instance: None, number: 1, hash: None });
        assert!(decode_log(b"k", &numbered[..20]).unwrap_err().to_string().contains("cut short"));
        let mut other = numbered;
        other[18] = 4;
        assert!(decode_log(b"k", &other).unwrap_err().to_string().contains("not known here (4)"));
        assert!(log_sender(b"k", b"\x01short").is_err());
        assert!(decode_inbox(b"k", b"\x01").unwrap_err().to_string().contains("cut short"));
        assert!(decode_inbox(b"k", &[1, 1, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1]).unwrap_err().to_string().contains("behind"));
    }
}
