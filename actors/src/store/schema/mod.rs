//! Where everything lies on disk: the one table of column families, key layouts, and the schema's version.
//!
//! Owns: every byte of every key; those of `state` are in `state.rs`. Never: reads or writes one (`view.rs` and `desk/`
//! do), or says what is in a value (`rows/` does).
//!
//! | family | key | value |
//! | --- | --- | --- |
//! | `state` | a `Table` byte, then its parts | a version byte, then postcard (`rows/`) |
//! | `log` | a conversation, then a place in it | a message, once |
//! | `inbox` | a user, then a place in its inbox | where a run of messages begins in the log (`runs.rs`), one message (older), or a notice |
//! | `dedup` | a user and its installation, then a [`Remembered`] | what is known of messages that may come again |
//!
//! Numbers in keys are big-endian, so that the order of keys is the order of numbers. Rows of `log` and `inbox` are
//! never deleted one by one: how far somebody has read is a cursor in `state` (a table used as a queue makes scans
//! slow). Those of `dedup` are, oldest first, but nobody scans from before the oldest.

mod state;

pub(super) use state::{Meta, Table, Waiting, code, known_address};

use super::ops::Conversation;
use protocol::{GroupId, Instance, Seq, UserId};
use smallvec::SmallVec;

/// The version of all that this file describes. A database with a newer one is not opened; one with an older one is
/// brought forward by `MIGRATIONS`.
pub const SCHEMA_VERSION: u64 = 3;

/// The first account's number.
pub const FIRST_USER: u64 = 10_000;

/// The first group's number.
pub const FIRST_GROUP: u64 = 1;

/// A step forward: from the version at this place in [`MIGRATIONS`], plus one, to the next. It writes into the batch
/// that also writes the new version, so that a crash leaves either the old schema or the new one.
pub(super) type Migration = fn(&super::view::View<'_>, &mut rocksdb::WriteBatch) -> Result<(), super::ReadError>;

/// All steps, oldest first: `MIGRATIONS[0]` leads from version 1 to 2.
pub(super) const MIGRATIONS: [Migration; 2] =
    [super::migrations::requests_in_the_order_of_their_age, super::migrations::runs];

/// A column family. Few, since each has a write buffer of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Family {
    /// Everything that is looked up by key.
    State,
    /// Messages.
    Log,
    /// What waits for people.
    Inbox,
    /// Messages that may come again. Younger than the others: databases of schema 1 have none.
    Dedup,
}

impl Family {
    /// All of them.
    pub(super) const ALL: [Self; 4] = [Self::State, Self::Log, Self::Inbox, Self::Dedup];

    /// Those that a database of any schema has.
    pub(super) const FIRST: [Self; 3] = [Self::State, Self::Log, Self::Inbox];

    /// How many of a key's first bytes tell one line, to which rows are appended, from others (or from most others: two
    /// people's conversations by the one with the lower number). `None` where rows are not appended.
    pub(super) fn line_bytes(self) -> Option<usize> {
        match self {
            Self::State => None,
            // An installation's messages by number, or by the order in which they came. Shorter keys, of clients that do not
            // say which installation they are, are searched for.
            Self::Dedup => Some(26),
            Self::Log => Some(9),
            Self::Inbox => Some(8),
        }
    }

    /// The name on disk.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::State => "state",
            Self::Log => "log",
            Self::Inbox => "inbox",
            Self::Dedup => "dedup",
        }
    }
}

/// A key. Those with numbers only stay off the heap.
pub(super) type Key = SmallVec<[u8; KEY_BYTES]>;

/// Bytes of a key that is not on the heap: that of a message that may come again has 34.
const KEY_BYTES: usize = 36;

/// The prefix of a conversation's rows in `log`.
pub(super) fn conversation(which: Conversation) -> Key {
    let mut key = [0; KEY_BYTES];
    let numbers = match which {
        Conversation::Private(a, b) => {
            key[0] = 1;
            key[9..17].copy_from_slice(&a.max(b).0.to_be_bytes());
            (a.min(b).0, 17)
        }
        Conversation::Group(GroupId(group)) => {
            key[0] = 2;
            (group, 9)
        }
    };
    key[1..9].copy_from_slice(&numbers.0.to_be_bytes());
    Key::from_buf_and_len(key, numbers.1)
}

/// To whom the message at this key of `log` went, which `from` wrote; `None` where it is a group's, or of two others.
pub(super) fn receiver(key: &[u8], from: UserId) -> Option<UserId> {
    let mut numbers = key.strip_prefix(&[1])?.chunks_exact(8).filter_map(last_number).map(UserId);
    match (numbers.next()?, numbers.next()?, numbers.next()?) {
        (a, b, _) if a == from => Some(b),
        (a, b, _) if b == from => Some(a),
        _ => None,
    }
}

/// The prefix of a user's rows in `inbox`.
pub(super) fn inbox(user: UserId) -> Key {
    Key::from_slice(&user.0.to_be_bytes())
}

/// The key of one place under a prefix of `log` or `inbox`.
pub(super) fn place(mut prefix: Key, seq: Seq) -> Key {
    prefix.extend_from_slice(&seq.0.to_be_bytes());
    prefix
}

/// The rows that one installation of somebody has in `dedup`. The bytes are on disk: never change them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Remembered {
    /// A run, by the client's number of its first message: `RunRow`.
    Run(u64),
    /// By the client's number, where that was not above all before it: `SentRow`. All had one once.
    Number(u64),
    /// By the order in which they came, where that is not the order of their numbers: the client's number.
    Nth(u64),
}

/// A key of `dedup`.
pub(super) fn remembered(user: UserId, instance: Option<Instance>, what: Remembered) -> Key {
    let mut key = [0; KEY_BYTES];
    key[..8].copy_from_slice(&user.0.to_be_bytes());
    let at = match instance {
        None => 9,
        Some(Instance(bytes)) => {
            key[8] = 1;
            key[9..25].copy_from_slice(&bytes);
            25
        }
    };
    let (kind, number) = match what {
        // `r` is taken: databases from before have a row there, which nobody reads.
        Remembered::Number(number) => (b'n', number),
        Remembered::Nth(nth) => (b'o', nth),
        Remembered::Run(number) => (b'c', number),
    };
    key[at] = kind;
    key[at + 1..at + 9].copy_from_slice(&number.to_be_bytes());
    Key::from_buf_and_len(key, at + 9)
}

/// Whose message the row at this key of `dedup` remembers by its number; `None` for the other rows.
pub(super) fn sender_of_remembered(key: &[u8]) -> Option<UserId> {
    let (user, rest) = key.split_first_chunk::<8>()?;
    let kind = match rest.split_first()? {
        (0, rest) => rest.first(),
        (_, rest) => rest.get(16),
    };
    (kind == Some(&b'n')).then(|| UserId(u64::from_be_bytes(*user)))
}

/// The number that a key ends with: the place in `log` and `inbox`, the second number in `state`.
pub(super) fn last_number(key: &[u8]) -> Option<u64> {
    key.last_chunk::<8>().map(|bytes| u64::from_be_bytes(*bytes))
}

/// The first key behind all keys that start with `prefix`. Every prefix here has a byte that is not 255.
pub(super) fn behind(prefix: &[u8]) -> Key {
    let mut end = Key::from_slice(prefix);
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            return end;
        }
    }
    end
}

/// A key as an error names it: hexadecimal, since most of it is numbers.
pub(super) fn show(key: &[u8]) -> String {
    use std::fmt::Write;
    key.iter().fold(String::with_capacity(key.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}"); // writing into a String cannot fail
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_what_is_on_disk() {
        let talk = conversation(Conversation::Private(UserId(7), UserId(2)));
        assert_eq!(show(&place(talk, Seq(3))), "0100000000000000020000000000000007".to_owned() + "0000000000000003");
        let key = place(conversation(Conversation::Private(UserId(7), UserId(2))), Seq(3));
        assert_eq!([7, 2, 3].map(|from| receiver(&key, UserId(from))), [Some(UserId(2)), Some(UserId(7)), None]);
        assert_eq!(receiver(&place(conversation(Conversation::Group(GroupId(9))), Seq(3)), UserId(9)), None);
        assert_eq!(show(&conversation(Conversation::Group(GroupId(9)))), "020000000000000009");
        let bare = remembered(UserId(1), None, Remembered::Number(2));
        assert_eq!(show(&bare), "0000000000000001006e0000000000000002");
        let one = Some(Instance([7; 16]));
        let marked = remembered(UserId(1), one, Remembered::Nth(3));
        assert_eq!(show(&marked), format!("000000000000000101{}6f0000000000000003", "07".repeat(16)));
        let run = remembered(UserId(1), None, Remembered::Run(2));
        assert_eq!(show(&run), "000000000000000100630000000000000002");
        assert_eq!(sender_of_remembered(&run), None);
        assert_eq!(sender_of_remembered(&bare), Some(UserId(1)));
        assert_eq!(sender_of_remembered(&remembered(UserId(1), one, Remembered::Number(2))), Some(UserId(1)));
        assert_eq!(sender_of_remembered(&marked), None);
    }

    #[test]
    fn behind_a_prefix_carries() {
        assert_eq!(&behind(&[1, 2])[..], &[1, 3]);
        assert_eq!(&behind(&[1, 255, 255])[..], &[2]);
    }

    #[test]
    fn there_is_a_migration_for_every_step() {
        assert_eq!(MIGRATIONS.len() as u64, SCHEMA_VERSION - 1);
    }
}
