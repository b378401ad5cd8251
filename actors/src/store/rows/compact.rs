//! Rows of `log` and `inbox`: written by hand, since there is one for every message.
//!
//! Owns: their bytes. Never: touches the database.

use super::{ReadError, unknown_version};
use bytes::Bytes;
use protocol::{Body, BodyKind, GroupId, Role, Seq, UserId};
use serde::{Deserialize, Serialize};

/// The version of rows in `log` and `inbox`.
const COMPACT: u8 = 1;

/// A message in `log`, without its place, which is in the key:
/// version, sender (8), time (8), kind (1, and 4 more for a custom one), then the body's own bytes.
#[derive(Clone, PartialEq, Debug)]
pub(in crate::store) struct LogRow {
    pub(in crate::store) from: UserId,
    pub(in crate::store) at_ms: u64,
    pub(in crate::store) body: Body,
}

/// What is before the body's bytes in a message's row.
pub(in crate::store) struct LogHead {
    bytes: [u8; 22],
    len: usize,
}

impl LogHead {
    /// Of a message of that kind.
    pub(in crate::store) fn new(from: UserId, at_ms: u64, kind: BodyKind) -> Self {
        let mut bytes = [0; 22];
        bytes[0] = COMPACT;
        bytes[1..9].copy_from_slice(&from.0.to_be_bytes());
        bytes[9..17].copy_from_slice(&at_ms.to_be_bytes());
        let (kind, len) = match kind {
            BodyKind::Text => (0, 18),
            BodyKind::Image => (1, 18),
            BodyKind::File => (2, 18),
            BodyKind::Voice => (3, 18),
            BodyKind::Custom(number) => {
                bytes[18..].copy_from_slice(&number.to_be_bytes());
                (4, 22)
            }
            BodyKind::Recall => (5, 18),
            BodyKind::Recalled => (6, 18),
        };
        bytes[17] = kind;
        Self { bytes, len }
    }

    /// Its bytes.
    pub(in crate::store) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// A message from its row.
pub(in crate::store) fn decode_log(key: &[u8], value: &[u8]) -> Result<LogRow, ReadError> {
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
        5 => BodyKind::Recall,
        6 => BodyKind::Recalled,
        other => return Err(ReadError::row(key, format!("has a body of the unknown kind {other}"))),
    };
    Ok(LogRow { from, at_ms, body: Body { kind, data: Bytes::copy_from_slice(rest) } })
}

/// A row of `inbox`: version, kind (1), then at most 16 bytes, or a notice. Its owner is in the key.
#[derive(Clone, PartialEq, Debug)]
pub(in crate::store) enum InboxRow {
    /// A message: in the conversation with `from`, at `seq`.
    Private { from: UserId, seq: Seq },
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

/// The row of `inbox` that points at a message.
pub(in crate::store) fn encode_pointer(from: UserId, seq: Seq) -> [u8; 18] {
    let mut row = [COMPACT; 18];
    row[1] = 0;
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
        InboxRow::Private { from, seq } => return encode_pointer(from, seq).to_vec(),
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
        [LogHead::new(from, at_ms, body.kind).bytes(), &body.data].concat()
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
        assert_eq!(encode_pointer(UserId(3), Seq(258)), *b"\x01\0\0\0\0\0\0\0\0\x03\0\0\0\0\0\0\x01\x02");
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
        assert!(decode_inbox(b"k", b"\x01").unwrap_err().to_string().contains("cut short"));
        assert!(decode_inbox(b"k", &[1, 1, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1]).unwrap_err().to_string().contains("behind"));
    }
}
