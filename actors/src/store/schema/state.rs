//! Keys of `state`: its tables, and what each is about. Owns: their bytes. Never: says what is in a value (`rows/` does).

use super::{KEY_BYTES, Key};
use protocol::{CodePurpose, UserId};
use std::net::IpAddr;

/// The tables of `state`. The numbers are on disk: never renumber, never reuse.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(in crate::store) enum Table {
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
pub(in crate::store) enum Meta {
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
pub(in crate::store) enum Waiting {
    /// A row of [`Table::FriendRequest`]: asked, asker.
    Friend = 1,
    /// A row of [`Table::JoinRequest`]: group, asker.
    Join = 2,
    /// A row of [`Table::Invite`]: user, group.
    Invite = 3,
}

impl Waiting {
    /// Where the rows of this kind are.
    pub(in crate::store) fn table(self) -> Table {
        match self {
            Self::Friend => Table::FriendRequest,
            Self::Join => Table::JoinRequest,
            Self::Invite => Table::Invite,
        }
    }

    /// The key in [`Table::Due`] of the row `first`, `second` of this kind, made at `at_ms`.
    pub(in crate::store) fn due(self, at_ms: u64, first: u64, second: u64) -> Key {
        let mut key = Table::Due.one(at_ms);
        key.push(self as u8);
        key.extend_from_slice(&first.to_be_bytes());
        key.extend_from_slice(&second.to_be_bytes());
        key
    }

    /// What [`Waiting::due`] has put into a key: the time, the kind, and the two numbers.
    pub(in crate::store) fn of_due(key: &[u8]) -> Option<(u64, Self, u64, u64)> {
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
    pub(in crate::store) fn is_remembered(key: &[u8]) -> bool {
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
    pub(in crate::store) fn meta(which: Meta) -> Key {
        Key::from_slice(&[Self::Meta as u8, which as u8])
    }

    /// The key with one number; also the prefix of all keys with that number and another.
    pub(in crate::store) fn one(self, number: u64) -> Key {
        let mut key = [0; KEY_BYTES];
        key[0] = self as u8;
        key[1..9].copy_from_slice(&number.to_be_bytes());
        Key::from_buf_and_len(key, 9)
    }

    /// The key with two numbers.
    pub(in crate::store) fn two(self, first: u64, second: u64) -> Key {
        let mut key = [0; KEY_BYTES];
        key[0] = self as u8;
        key[1..9].copy_from_slice(&first.to_be_bytes());
        key[9..17].copy_from_slice(&second.to_be_bytes());
        Key::from_buf_and_len(key, 17)
    }

    /// The key with a text.
    pub(in crate::store) fn text(self, text: &str) -> Key {
        let mut key = Key::new();
        key.push(self as u8);
        key.extend_from_slice(text.as_bytes());
        key
    }
}

/// The key of a code for an e-mail address, by the key of that.
pub(in crate::store) fn code(purpose: CodePurpose, address: &str) -> Key {
    let mut key = Table::Code.text("");
    key.push(purpose as u8);
    key.extend_from_slice(address.as_bytes());
    key
}

/// The key of an address that an account logged in from. Of IPv6 the first 64 bits: whoever has those has all behind
/// them, and changes the rest every day.
pub(in crate::store) fn known_address(user: UserId, from: IpAddr) -> Key {
    const NETWORK: u128 = !(u64::MAX as u128);
    let bits = match from.to_canonical() {
        IpAddr::V4(from) => from.to_ipv6_mapped().to_bits(),
        IpAddr::V6(from) => from.to_bits() & NETWORK,
    };
    let mut key = Table::KnownAddress.one(user.0);
    key.extend_from_slice(&bits.to_be_bytes());
    key
}

#[cfg(test)]
mod tests {
    use super::super::show;
    use super::*;

    #[test]
    fn keys_are_what_is_on_disk() {
        assert_eq!(show(&Table::Friend.two(1, 0x1_00)), "0800000000000000010000000000000100");
        assert_eq!(show(&Table::UserName.text("ab")), "046162");
        assert_eq!(show(&Table::meta(Meta::NextGroup)), "0103");
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
}
