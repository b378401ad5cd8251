//! What the store is asked to change, and what it says was done. Owns: [`Op`], [`Outcome`] and the rows that readers
//! get. Never: touches the database (the ledger does) or an actor (the shell in `mod.rs` does).

use protocol::{
    Body, Friend, FriendPolicy, GroupId, GroupRef, JoinPolicy, MessagePolicy, Name, Person, Seq, UserId, Verdict,
};

/// One change: all of it is committed, or none.
#[derive(Clone, Debug)]
pub enum Op {
    /// A new account. Refused: `NameTaken`.
    CreateAccount {
        /// Its name, by the rules.
        name: Name,
        /// The argon2id hash in PHC form.
        password_hash: String,
        /// Its first policies.
        add: FriendPolicy,
        /// Its first policies.
        message: MessagePolicy,
    },
    /// Another password.
    SetPassword {
        /// Whose.
        user: UserId,
        /// The argon2id hash in PHC form.
        password_hash: String,
    },
    /// Other policies; `None` leaves one as it is.
    SetPolicy {
        /// Whose.
        user: UserId,
        /// Who becomes a friend how.
        add: Option<FriendPolicy>,
        /// Who may write.
        message: Option<MessagePolicy>,
    },
    /// `from` wants to be a friend of `to`. Friends at once where `to` is open or has asked `from` before; asked
    /// otherwise. Refused: `NoSuchUser`, `Yourself`, `AlreadyFriends`, `ListFull`.
    Befriend {
        /// Who asks.
        from: UserId,
        /// Who is asked.
        to: UserId,
        /// Whether `from` pays special attention to `to`, once they are friends.
        special: bool,
    },
    /// `user` answers `asker`. Refused: `NoSuchRequest`, `ListFull`.
    AnswerFriend {
        /// Who answers.
        user: UserId,
        /// Who had asked.
        asker: UserId,
        /// The answer.
        verdict: Verdict,
        /// Whether `user` pays special attention to `asker`, once they are friends.
        special: bool,
    },
    /// How `user` sees a friend: its own side of the friendship only. Refused: `NotFriends`.
    SetFriend {
        /// Whose side.
        user: UserId,
        /// Which friend.
        friend: UserId,
        /// Whether with special attention.
        special: bool,
    },
    /// Ends a friendship on both sides. Refused: `NotFriends`.
    Unfriend {
        /// Who ends it.
        user: UserId,
        /// With whom.
        friend: UserId,
    },
    /// A new group. Refused: `GroupExists`, `ListFull`.
    CreateGroup {
        /// Its first member.
        owner: UserId,
        /// Its name, by the rules.
        name: Name,
        /// How others join.
        join: JoinPolicy,
    },
    /// `user` wants into `group`. Refused: `NoSuchGroup`, `AlreadyMember`, `ListFull`.
    Join {
        /// Who.
        user: UserId,
        /// Where.
        group: GroupId,
    },
    /// The owner answers a request to join. Refused: `NoSuchGroup`, `NotOwner`, `NoSuchRequest`, `ListFull`.
    AnswerJoin {
        /// Who answers.
        user: UserId,
        /// Which group.
        group: GroupId,
        /// Who had asked.
        member: UserId,
        /// The answer.
        verdict: Verdict,
    },
    /// `user` leaves. The last member takes the group along: it stays on disk without members, and its name stays
    /// taken. Refused: `NoSuchGroup`, `NotMember`, `OwnerStays` (an owner with others in the group).
    Leave {
        /// Who.
        user: UserId,
        /// What.
        group: GroupId,
    },
    /// A private message. Refused: `NoSuchUser`, `NotFriends` (where the receiver's policy is friends, or
    /// `friends_only`), `InboxFull`.
    Private {
        /// Who wrote it.
        from: UserId,
        /// To whom; may be oneself.
        to: UserId,
        /// What.
        body: Body,
        /// Refuse it between people who are not friends, oneself included, whatever the receiver's policy.
        friends_only: bool,
    },
    /// A group message. Refused: `NoSuchGroup`, `NotMember`.
    Post {
        /// Who wrote it.
        from: UserId,
        /// Where.
        group: GroupId,
        /// What.
        body: Body,
    },
    /// How far an account has received. Marks only ever move forward; one beyond the end is cut to the end.
    /// Never refused, never answered; need not be synced.
    Advance {
        /// Whose.
        user: UserId,
        /// How far.
        marks: Vec<Mark>,
    },
}

/// A place up to which something has been received.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Mark {
    /// In one's own inbox.
    Inbox(Seq),
    /// In a group's conversation.
    Group(GroupId, Seq),
}

impl Mark {
    /// Whether both are in one line.
    #[must_use]
    pub fn is_of_the_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Inbox(_), Self::Inbox(_)) => true,
            (Self::Group(a, _), Self::Group(b, _)) => a == b,
            _ => false,
        }
    }
}

/// What a committed [`Op`] did.
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "each is the Op of the same name; fields are those of the Reply and Event it becomes")]
pub enum Outcome {
    AccountCreated {
        user: Person,
    },
    PasswordSet,
    PolicySet {
        user: UserId,
        add: FriendPolicy,
        message: MessagePolicy,
    },
    /// Friends now. `told` is the place in the inbox of `to` where it will find the news if it is away: only where
    /// `to` had asked for it (a crossing request or an answer); a plain open add leaves no notice.
    Befriended {
        from: Person,
        to: Person,
        told: Option<Seq>,
    },
    /// `to` is asked. `again` says that it had been asked before and need not be told a second time.
    FriendAsked {
        from: Person,
        to: Person,
        special: bool,
        again: bool,
    },
    FriendSet {
        friend: Person,
        special: bool,
    },
    /// `asker` got its answer. `told` is the place in the asker's inbox.
    FriendAnswered {
        user: Person,
        asker: Person,
        accepted: bool,
        told: Seq,
    },
    Unfriended {
        user: Person,
        friend: Person,
    },
    GroupCreated {
        group: GroupCard,
    },
    Joined {
        user: Person,
        group: GroupCard,
        head: Seq,
    },
    JoinAsked {
        user: Person,
        group: GroupCard,
        again: bool,
    },
    /// `member` got its answer. `told` is the place in the member's inbox.
    JoinAnswered {
        group: GroupCard,
        member: Person,
        accepted: bool,
        told: Seq,
        head: Seq,
    },
    Left {
        user: Person,
        group: GroupCard,
    },
    /// `inbox` is the message's place in the receiver's inbox, `seq` its place in the conversation.
    Private {
        from: Person,
        to: Person,
        seq: Seq,
        inbox: Seq,
        at_ms: u64,
        body: Body,
    },
    Posted {
        from: Person,
        group: GroupRef,
        seq: Seq,
        at_ms: u64,
        body: Body,
    },
    Advanced,
}

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
    FriendAccepted { friend: Person },
    FriendRejected { friend: Person },
    JoinAnswered { group: GroupRef, accepted: bool },
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
    /// Who waits for an answer about friendship, oldest first, and whether it would pay special attention; expired
    /// ones left out.
    pub friend_requests: Vec<(Person, bool)>,
    /// Who waits for an answer about a group that this account owns, oldest first; expired ones left out.
    pub join_requests: Vec<(GroupRef, Person)>,
    /// How far the inbox has been received.
    pub inbox_cursor: Seq,
}

/// What the store knows about an awake group's members, in the order in which they joined.
#[derive(Clone, Debug)]
pub struct GroupState {
    /// The group.
    pub card: GroupCard,
    /// Its members.
    pub members: Vec<Person>,
    /// The last place in its conversation.
    pub head: Seq,
}
