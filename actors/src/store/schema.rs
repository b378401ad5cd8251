//! Where everything lies on disk: the one table of column families, key layouts, and the schema's version.
//!
//! Owns: every byte of every key. Never: reads or writes one (`view.rs` and `desk.rs` do), or says what is in a value
//! (`rows/` does).
//!
//! | family | key | value |
//! | --- | --- | --- |
//! | `state` | a `Table` byte, then its parts | a version byte, then postcard (`rows/`) |
//! | `log` | a conversation, then a place in it | a message, once |
//! | `inbox` | a user, then a place in its inbox | a pointer into the log, or a notice |
//!
//! Numbers in keys are big-endian, so that the order of keys is the order of numbers. Rows of `log` and `inbox` are
//! never deleted one by one: how far somebody has read is a cursor in `state` (a table used as a queue makes scans
//! slow).

use super::ops::Conversation;
use protocol::{GroupId, Seq, UserId};
use smallvec::SmallVec;

/// The version of all that this file describes. A database with a newer one is not opened; one with an older one is
/// brought forward by `MIGRATIONS`.
pub const SCHEMA_VERSION: u64 = 1;

/// The first account's number.
pub const FIRST_USER: u64 = 10_000;

/// The first group's number.
pub const FIRST_GROUP: u64 = 1;

/// A step forward: from the version at this place in [`MIGRATIONS`], plus one, to the next. It writes into the batch
/// that also writes the new version, so that a crash leaves either the old schema or the new one.
pub(super) type Migration = fn(&super::view::View<'_>, &mut rocksdb::WriteBatch) -> Result<(), super::ReadError>;

/// All steps, oldest first: `MIGRATIONS[0]` leads from version 1 to 2. There are none yet.
pub(super) const MIGRATIONS: [Migration; 0] = [];

/// A column family. Few, since each has a write buffer of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Family {
    /// Everything that is looked up by key.
    State,
    /// Messages.
    Log,
    /// What waits for people.
    Inbox,
}

impl Family {
    /// All of them.
    pub(super) const ALL: [Self; 3] = [Self::State, Self::Log, Self::Inbox];

    /// The name on disk.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::State => "state",
            Self::Log => "log",
            Self::Inbox => "inbox",
        }
    }
}

/// A key. Those with numbers only stay off the heap.
pub(super) type Key = SmallVec<[u8; 32]>;

/// The tables of `state`. The numbers are on disk: never renumber, never reuse.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(super) enum Table {
    /// [`Meta`] → number.
    Meta = 1,
    /// user → `AccountRow`.
    Account = 2,
    /// user → password hash. Apart from the account, so that nothing that lists people ever holds one.
    Credentials = 3,
    /// name key → user.
    UserName = 4,
    /// name key → group.
    GroupName = 5,
    /// skeleton of a user's name → scripts of the first that had it.
    UserSkeleton = 6,
    /// skeleton of a group's name → scripts of the first that had it.
    GroupSkeleton = 7,
    /// user, friend → `FriendRow` with the friend's name, and how the user sees it. Two rows for each friendship, one
    /// for each side.
    Friend = 8,
    /// user → `Tally` of its friends.
    FriendTally = 9,
    /// asked, asker → `RequestRow` with the asker's name.
    FriendRequest = 10,
    /// group → `GroupRow`.
    Group = 11,
    /// group, user → `ListedRow` with the user's name.
    Member = 12,
    /// group → `Tally` of its members.
    MemberTally = 13,
    /// user, group → `ListedRow` with the group's name: `Member` from the other side.
    Membership = 14,
    /// user → `Tally` of its groups.
    MembershipTally = 15,
    /// group, asker → `ListedRow` with the asker's name.
    JoinRequest = 16,
    /// user → how far its inbox is received.
    InboxCursor = 17,
    /// user, group → how far that member has received the group's conversation.
    GroupCursor = 18,
}

/// The rows of [`Table::Meta`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(super) enum Meta {
    /// [`SCHEMA_VERSION`] of what is on disk.
    Schema = 1,
    /// The next account's number.
    NextUser = 2,
    /// The next group's number.
    NextGroup = 3,
}

impl Table {
    /// The key of a row of [`Table::Meta`].
    pub(super) fn meta(which: Meta) -> Key {
        Key::from_slice(&[Self::Meta as u8, which as u8])
    }

    /// The key with one number; also the prefix of all keys with that number and another.
    pub(super) fn one(self, number: u64) -> Key {
        let mut key = Key::new();
        key.push(self as u8);
        key.extend_from_slice(&number.to_be_bytes());
        key
    }

    /// The key with two numbers.
    pub(super) fn two(self, first: u64, second: u64) -> Key {
        let mut key = self.one(first);
        key.extend_from_slice(&second.to_be_bytes());
        key
    }

    /// The key with a text.
    pub(super) fn text(self, text: &str) -> Key {
        let mut key = Key::new();
        key.push(self as u8);
        key.extend_from_slice(text.as_bytes());
        key
    }
}

/// The prefix of a conversation's rows in `log`.
pub(super) fn conversation(which: Conversation) -> Key {
    let mut key = Key::new();
    match which {
        Conversation::Private(a, b) => {
            key.push(1);
            key.extend_from_slice(&a.min(b).0.to_be_bytes());
            key.extend_from_slice(&a.max(b).0.to_be_bytes());
        }
        Conversation::Group(GroupId(group)) => {
            key.push(2);
            key.extend_from_slice(&group.to_be_bytes());
        }
    }
    key
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
        assert_eq!(show(&Table::Friend.two(1, 0x1_00)), "0800000000000000010000000000000100");
        assert_eq!(show(&Table::UserName.text("ab")), "046162");
        assert_eq!(show(&Table::meta(Meta::NextGroup)), "0103");
        let talk = conversation(Conversation::Private(UserId(7), UserId(2)));
        assert_eq!(show(&place(talk, Seq(3))), "0100000000000000020000000000000007".to_owned() + "0000000000000003");
        assert_eq!(show(&conversation(Conversation::Group(GroupId(9)))), "020000000000000009");
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
