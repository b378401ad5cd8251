//! What is found in the store: accounts, groups, messages and lists as the rest of the server sees them. Owns: their shapes.
//! Never: holds a password hash, or knows how anything lies on disk.

use protocol::{
    Body, Friend, FriendPolicy, GroupId, GroupRef, JoinPolicy, Member, MessagePolicy, Person, Profile, Role, Seq,
    UserId,
};

/// An account as others may see it inside the server. Holds no password hash.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Account {
    /// Both identifiers.
    pub person: Person,
    /// Who becomes its friend how.
    pub add: FriendPolicy,
    /// Who may write to it.
    pub message: MessagePolicy,
}

/// A group as the server sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupCard {
    /// Both identifiers.
    pub group: GroupRef,
    /// How others join.
    pub join: JoinPolicy,
    /// Who owns it.
    pub owner: UserId,
}

/// One thing that waits in an inbox.
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "fields are those of the Event it becomes")]
pub enum InboxItem {
    Private { from: Person, to: Person, seq: Seq, at_ms: u64, body: Body },
    FriendAccepted { friend: Person, profile: Box<Profile> },
    FriendRejected { friend: Person, reason: Box<str> },
    FriendRequestExpired { asker: Person, asked: Person },
    JoinAnswered { group: GroupRef, accepted: bool, reason: Box<str> },
    JoinRequestExpired { group: GroupRef, asker: Person },
    RoleChanged { group: GroupRef, role: Role },
    InviteAnswered { group: GroupRef, who: Person, accepted: bool, reason: Box<str> },
    InviteExpired { group: GroupRef, who: Person },
    MemberRemoved { group: GroupRef, reason: Box<str> },
    GroupDissolved { group: GroupRef },
}

/// One stored message of a conversation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stored {
    /// Its place in the conversation.
    pub seq: Seq,
    /// Who wrote it.
    pub from: Person,
    /// When it was committed, in milliseconds since 1970 (UTC).
    pub at_ms: u64,
    /// What it says.
    pub body: Body,
}

/// A bounded part of something longer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Page<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// Whether there are more in the direction of reading.
    pub more: bool,
}

/// Whose conversation.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Conversation {
    /// Between two people; the smaller number first (see [`Conversation::between`]).
    Private(UserId, UserId),
    /// Of a group.
    Group(GroupId),
}

impl Conversation {
    /// The conversation of two people, the same whichever is named first.
    #[must_use]
    pub fn between(a: UserId, b: UserId) -> Self {
        Self::Private(a.min(b), a.max(b))
    }
}

/// A group among somebody's groups, with how far that member has received.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Membership {
    /// The group.
    pub group: GroupRef,
    /// How far the member has received.
    pub cursor: Seq,
}

/// All that a login needs to know, read at one moment. Lists are bounded by their settings.
#[derive(Clone, Debug)]
pub struct LoginState {
    /// The account.
    pub account: Account,
    /// Friends, in the order in which they became so. Who of them is online is not known here.
    pub friends: Vec<Friend>,
    /// Groups, in the order in which they were joined.
    pub groups: Vec<Membership>,
    /// What it tells about itself, where that was asked for.
    pub profile: Option<Box<Profile>>,
    /// Who waits for an answer about friendship, oldest first; expired ones left out.
    pub friend_requests: Vec<FriendAsking>,
    /// Who waits for an answer about a group of which this account is owner or manager, oldest first; expired ones
    /// left out. With what each says.
    pub join_requests: Vec<(GroupRef, Person, Box<str>)>,
    /// Who asks this account into which group, oldest first; expired ones left out.
    pub invites: Vec<(GroupRef, Person)>,
    /// Whom this account has blocked, in the order of their numbers.
    pub blocked: Vec<UserId>,
    /// How far the inbox has been received.
    pub inbox_cursor: Seq,
}

/// A friend request that waits for its answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FriendAsking {
    /// Who asks.
    pub asker: Person,
    /// Whether it would pay special attention.
    pub special: bool,
    /// What it says; may be empty.
    pub reason: Box<str>,
}

/// What the store knows about an awake group's members, in the order in which they joined.
#[derive(Clone, Debug)]
pub struct GroupState {
    /// The group.
    pub card: GroupCard,
    /// Its members.
    pub members: Vec<Member>,
    /// The last place in its conversation.
    pub head: Seq,
}
