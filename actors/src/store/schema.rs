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
//! | `dedup` | a user and its installation, then a [`Remembered`] | what is known of a message that may come again |
//!
//! Numbers in keys are big-endian, so that the order of keys is the order of numbers. Rows of `log` and `inbox` are
//! never deleted one by one: how far somebody has read is a cursor in `state` (a table used as a queue makes scans
//! slow). Those of `dedup` are, oldest first, but only salvage ever scans them: each is looked up by its whole key.

use super::ops::Conversation;
use protocol::{CodePurpose, GroupId, Instance, Seq, UserId};
use smallvec::SmallVec;
use std::net::IpAddr;

/// The version of all that this file describes. A database with a newer one is not opened; one with an older one is
/// brought forward by `MIGRATIONS`.
pub const SCHEMA_VERSION: u64 = 2;

/// The first account's number.
pub const FIRST_USER: u64 = 10_000;

/// The first group's number.
pub const FIRST_GROUP: u64 = 1;

/// A step forward: from the version at this place in [`MIGRATIONS`], plus one, to the next. It writes into the batch
/// that also writes the new version, so that a crash leaves either the old schema or the new one.
pub(super) type Migration = fn(&super::view::View<'_>, &mut rocksdb::WriteBatch) -> Result<(), super::ReadError>;

/// All steps, oldest first: `MIGRATIONS[0]` leads from version 1 to 2.
pub(super) const MIGRATIONS: [Migration; 1] = [super::migrations::requests_in_the_order_of_their_age];

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
    /// group, user → `MemberRow` with the user's name, and as what.
    Member = 12,
    /// group → `Tally` of its members.
    MemberTally = 13,
    /// user, group → `ListedRow` with the group's name: `Member` from the other side.
    Membership = 14,
    /// user → `Tally` of its groups.
    MembershipTally = 15,
    /// group, asker → `RequestRow` with the asker's name.
    JoinRequest = 16,
    /// user → how far its inbox is received.
    InboxCursor = 17,
    /// user, group → how far that member has received the group's conversation.
    GroupCursor = 18,
    /// user → `ProfileRow`: what it tells about itself, but for its picture.
    Profile = 19,
    /// user → its picture.
    Avatar = 20,
    /// key of an e-mail address → user.
    Email = 21,
    /// user, other → `ListedRow` with the other's name: whom it has blocked.
    Block = 22,
    /// user → `Tally` of those.
    BlockTally = 23,
    /// group → `AboutRow`: what it tells about itself, picture and all.
    GroupAbout = 24,
    /// user, group → `InviteRow`: who asks it into which group.
    Invite = 25,
    /// purpose, key of an e-mail address → `CodeRow`.
    Code = 26,
    /// when it was made, and what ([`Waiting`]) → nothing: requests and invitations in the order of their age.
    Due = 27,
    /// user, address it logged in from → when it last did.
    KnownAddress = 28,
    /// group, user → its place among the members: the managers, so that a request costs no look at all members.
    Manager = 29,
    /// group, user → who asks: `Invite` from the other side.
    Invited = 30,
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
    /// Up to when requests and invitations that nobody answered have been ended.
    ExpiredTo = 4,
}

/// What waits for an answer, and how long: the kinds in [`Table::Due`]. The numbers are on disk: never renumber.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(super) enum Waiting {
    /// A row of [`Table::FriendRequest`]: asked, asker.
    Friend = 1,
    /// A row of [`Table::JoinRequest`]: group, asker.
    Join = 2,
    /// A row of [`Table::Invite`]: user, group.
    Invite = 3,
}

impl Waiting {
    /// Where the rows of this kind are.
    pub(super) fn table(self) -> Table {
        match self {
            Self::Friend => Table::FriendRequest,
            Self::Join => Table::JoinRequest,
            Self::Invite => Table::Invite,
        }
    }

    /// The key in [`Table::Due`] of the row `first`, `second` of this kind, made at `at_ms`.
    pub(super) fn due(self, at_ms: u64, first: u64, second: u64) -> Key {
        let mut key = Table::Due.one(at_ms);
        key.push(self as u8);
        key.extend_from_slice(&first.to_be_bytes());
        key.extend_from_slice(&second.to_be_bytes());
        key
    }

    /// What [`Waiting::due`] has put into a key: the time, the kind, and the two numbers.
    pub(super) fn of_due(key: &[u8]) -> Option<(u64, Self, u64, u64)> {
        let (at_ms, rest) = key.get(1..)?.split_first_chunk::<8>()?;
        let (&kind, rest) = rest.split_first()?;
        let (first, second) = rest.split_first_chunk::<8>()?;
        let kind = [Self::Friend, Self::Join, Self::Invite].into_iter().find(|known| *known as u8 == kind)?;
        let second = second.try_into().ok().map(u64::from_be_bytes)?;
        Some((u64::from_be_bytes(*at_ms), kind, u64::from_be_bytes(*first), second))
    }
}

impl Table {
    /// Whether the writer remembers rows of this key's table. Pictures and long texts would fill its memory, what is
    /// only ever listed need not be there, and what is looked up when an account or a group is made, and hardly ever again,
    /// would cost more memory than all the rest: half a KiB for each account.
    pub(super) fn is_remembered(key: &[u8]) -> bool {
        let large = [Self::Profile, Self::Avatar, Self::GroupAbout];
        let listed = [Self::Due];
        let rare = [
            // Read whole, from a cache of their own.
            Self::Account,
            Self::Credentials,
            Self::UserName,
            Self::UserSkeleton,
            Self::Email,
            Self::GroupName,
            Self::GroupSkeleton,
            Self::KnownAddress,
        ];
        let not = |tables: &[Self]| key.first().is_none_or(|table| tables.iter().all(|not| *not as u8 != *table));
        not(&large) && not(&listed) && not(&rare)
    }

    /// The key of a row of [`Table::Meta`].
    pub(super) fn meta(which: Meta) -> Key {
        Key::from_slice(&[Self::Meta as u8, which as u8])
    }

    /// The key with one number; also the prefix of all keys with that number and another.
    pub(super) fn one(self, number: u64) -> Key {
        let mut key = [0; KEY_BYTES];
        key[0] = self as u8;
        key[1..9].copy_from_slice(&number.to_be_bytes());
        Key::from_buf_and_len(key, 9)
    }

    /// The key with two numbers.
    pub(super) fn two(self, first: u64, second: u64) -> Key {
        let mut key = [0; KEY_BYTES];
        key[0] = self as u8;
        key[1..9].copy_from_slice(&first.to_be_bytes());
        key[9..17].copy_from_slice(&second.to_be_bytes());
        Key::from_buf_and_len(key, 17)
    }

    /// The key with a text.
    pub(super) fn text(self, text: &str) -> Key {
        let mut key = Key::new();
        key.push(self as u8);
        key.extend_from_slice(text.as_bytes());
        key
    }
}

/// The key of a code for an e-mail address, by the key of that.
pub(super) fn code(purpose: CodePurpose, address: &str) -> Key {
    let mut key = Table::Code.text("");
    key.push(purpose as u8);
    key.extend_from_slice(address.as_bytes());
    key
}

/// The key of an address that an account logged in from. Of IPv6 the first 64 bits: whoever has those has all behind
/// them, and changes the rest every day.
pub(super) fn known_address(user: UserId, from: IpAddr) -> Key {
    const NETWORK: u128 = !(u64::MAX as u128);
    let bits = match from.to_canonical() {
        IpAddr::V4(from) => from.to_ipv6_mapped().to_bits(),
        IpAddr::V6(from) => from.to_bits() & NETWORK,
    };
    let mut key = Table::KnownAddress.one(user.0);
    key.extend_from_slice(&bits.to_be_bytes());
    key
}

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
    /// By the client's number: `SentRow`.
    Number(u64),
    /// By the order in which they came: the client's number.
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
        assert_eq!(show(&Table::Friend.two(1, 0x1_00)), "0800000000000000010000000000000100");
        assert_eq!(show(&Table::UserName.text("ab")), "046162");
        assert_eq!(show(&Table::meta(Meta::NextGroup)), "0103");
        let talk = conversation(Conversation::Private(UserId(7), UserId(2)));
        assert_eq!(show(&place(talk, Seq(3))), "0100000000000000020000000000000007".to_owned() + "0000000000000003");
        assert_eq!(show(&conversation(Conversation::Group(GroupId(9)))), "020000000000000009");
        let bare = remembered(UserId(1), None, Remembered::Number(2));
        assert_eq!(show(&bare), "0000000000000001006e0000000000000002");
        let one = Some(Instance([7; 16]));
        let marked = remembered(UserId(1), one, Remembered::Nth(3));
        assert_eq!(show(&marked), format!("000000000000000101{}6f0000000000000003", "07".repeat(16)));
        assert_eq!(sender_of_remembered(&bare), Some(UserId(1)));
        assert_eq!(sender_of_remembered(&remembered(UserId(1), one, Remembered::Number(2))), Some(UserId(1)));
        assert_eq!(sender_of_remembered(&marked), None);
        assert_eq!(show(&code(CodePurpose::Reset, "a@b.cn")), "1a026140622e636e");
        let known = |from: &str| show(&known_address(UserId(1), from.parse().unwrap()));
        assert_eq!(known("127.0.0.1"), "1c0000000000000001".to_owned() + "00000000000000000000ffff7f000001");
        assert_eq!(known("::ffff:127.0.0.1"), known("127.0.0.1"));
        assert_eq!(known("2001:db8::1"), "1c0000000000000001".to_owned() + "20010db8000000000000000000000000");
        assert_eq!(known("2001:db8::2"), known("2001:db8::1"));
        assert_ne!(known("2001:db8:0:1::1"), known("2001:db8::1"));
    }

    #[test]
    fn what_is_due_is_in_its_key() {
        let key = Waiting::Join.due(258, 7, 10_000);
        assert_eq!(show(&key), "1b0000000000000102020000000000000007".to_owned() + "0000000000002710");
        assert!(!key.spilled());
        for kind in [Waiting::Friend, Waiting::Join, Waiting::Invite] {
            assert_eq!(Waiting::of_due(&kind.due(u64::MAX, 1, 2)), Some((u64::MAX, kind, 1, 2)));
        }
        let mut strange = key.clone();
        strange[9] = 9;
        for bad in [&key[..key.len() - 1], &strange, &[]] {
            assert_eq!(Waiting::of_due(bad), None);
        }
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
