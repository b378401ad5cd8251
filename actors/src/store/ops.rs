//! What the store is asked to change, and what it says was done. Owns: [`Op`], [`Outcome`] and the rows that readers
//! get. Never: touches the database (the ledger does) or an actor (the shell in `mod.rs` does).

use protocol::{
    Body, BodyKind, CodePurpose, Email, Friend, FriendPolicy, GroupAbout, GroupChange, GroupId, GroupInfo, GroupRef,
    Instance, JoinPolicy, MessagePolicy, Name, Person, Profile, ProfileChange, Refusal, Role, Secret, Seq, UserId,
    Verdict,
};
use sha2::{Digest, Sha256};
use std::net::IpAddr;

pub use protocol::Mark;

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
    /// A code for an address, which is about to be mailed. It takes the place of an older one for the same purpose.
    /// Refused: `EmailTaken` (for registering and binding), `TooManyCodes` (of `mail.codes_per_address` in an hour).
    IssueCode {
        /// For whom.
        email: Email,
        /// For what.
        purpose: CodePurpose,
        /// Random bytes that are hashed before the code.
        salt: [u8; 16],
        /// SHA-256 of the salt and the code's digits.
        hash: [u8; 32],
    },
    /// Is that the code? A wrong one counts as a try. Never refused: the outcome tells.
    TryCode {
        /// For whom.
        email: Email,
        /// For what.
        purpose: CodePurpose,
        /// The digits.
        code: Secret,
        /// A right one is good no more.
        spend: bool,
    },
    /// A new account for whoever has the code, which is spent. Refused: `WrongCode`, `EmailTaken`.
    CreateByMail {
        /// The address.
        email: Email,
        /// The digits.
        code: Secret,
        /// What people see.
        nickname: Box<str>,
        /// The unique name that it should have; one with a number behind it, where that is taken.
        wish: Name,
        /// The argon2id hash in PHC form.
        password_hash: String,
        /// Its first policies.
        add: FriendPolicy,
        /// Its first policies.
        message: MessagePolicy,
    },
    /// Another password for whoever has the code, which is spent. Refused: `WrongCode`, `NoSuchUser`.
    ResetPassword {
        /// The address.
        email: Email,
        /// The digits.
        code: Secret,
        /// The argon2id hash in PHC form.
        password_hash: String,
    },
    /// An address for an account, which must have the code; it is spent. Refused: `WrongCode`, `EmailTaken`.
    BindEmail {
        /// Whose.
        user: UserId,
        /// The address.
        email: Email,
        /// The digits.
        code: Secret,
    },
    /// An account was logged in from that address: it is known there from now on. Never refused, never answered.
    NoteVisit {
        /// Which.
        user: UserId,
        /// From where.
        from: IpAddr,
    },
    /// What an account tells about itself. Its bounds were checked before.
    SetProfile {
        /// Whose.
        user: UserId,
        /// How.
        change: Box<ProfileChange>,
    },
    /// What `user` calls a friend: its own side of the friendship only. Refused: `NotFriends`.
    SetRemark {
        /// Whose side.
        user: UserId,
        /// Which friend.
        friend: UserId,
        /// What; empty for nothing.
        remark: Box<str>,
    },
    /// `user` takes no messages, requests, invitations and files of `other` any more, or again. Friends stay friends.
    /// Refused: `NoSuchUser`, `Yourself`, `ListFull`.
    Block {
        /// Who.
        user: UserId,
        /// Whose.
        other: UserId,
        /// Or again.
        blocked: bool,
    },
    /// Other information about a group. Its bounds were checked before. Refused: `NoSuchGroup`, `NotManager`.
    SetGroup {
        /// Who asks.
        user: UserId,
        /// Which.
        group: GroupId,
        /// How.
        change: Box<GroupChange>,
    },
    /// The owner makes somebody a manager, or no more. Refused: `NoSuchGroup`, `NotOwner`, `NotMember` (the member),
    /// `Yourself`, `ListFull` (of managers), `InboxFull`.
    SetRole {
        /// Who asks.
        user: UserId,
        /// Where.
        group: GroupId,
        /// Whom.
        member: UserId,
        /// Not `Owner`.
        role: Role,
    },
    /// A manager asks a friend into a group. Refused: `NoSuchGroup`, `NotManager`, `NotFriends`, `Blocked`,
    /// `AlreadyMember`, `ListFull` (of what waits for whoever is asked, or for answers to the group).
    Invite {
        /// Who asks.
        user: UserId,
        /// Where.
        group: GroupId,
        /// Whom.
        who: UserId,
    },
    /// `user` answers an invitation. Refused: `NoSuchGroup`, `NoSuchRequest`, `ListFull`.
    AnswerInvite {
        /// Who answers.
        user: UserId,
        /// Where to.
        group: GroupId,
        /// The answer.
        verdict: Verdict,
        /// Why not.
        reason: Box<str>,
    },
    /// Puts somebody out. Managers put members out, the owner anybody. Refused: `NoSuchGroup`, `NotManager`,
    /// `NotOwner` (a manager by a manager, or the owner), `NotMember` (the member), `Yourself`.
    RemoveMember {
        /// Who asks.
        user: UserId,
        /// Where.
        group: GroupId,
        /// Whom.
        member: UserId,
        /// Why.
        reason: Box<str>,
    },
    /// Another owner; the old one becomes a manager, or a member where there are as many managers as may be. Refused: `NoSuchGroup`, `NotOwner`, `NotMember`, `Yourself`.
    TransferGroup {
        /// Who asks.
        user: UserId,
        /// Which.
        group: GroupId,
        /// Whose it will be.
        member: UserId,
    },
    /// Ends a group for all: it stays on disk without members, and its name stays taken. Refused: `NoSuchGroup`,
    /// `NotOwner`.
    DissolveGroup {
        /// Who asks.
        user: UserId,
        /// Which.
        group: GroupId,
    },
    /// Has this message come before? For a sender who is not (or not any more) where it went, or where there is no room: whoever
    /// repeats a message gets the answer that the first had. Refused, where it is a new one: `NoSuchGroup`, or `otherwise`.
    Again {
        /// Who wrote it.
        from: UserId,
        /// Where.
        group: GroupId,
        /// By which it is told.
        stamp: Stamp,
        /// What is said of a new one.
        otherwise: Refusal,
    },
    /// Takes a message back: blanks it where it lies, and says so behind it, as a message of the kind
    /// [`protocol::BodyKind::Recall`]. The outcome is that of a message. Refused: `NoSuchMessage` (or somebody else's),
    /// `TooLate`, `NotMember`.
    Recall {
        /// Whose message.
        user: UserId,
        /// In which conversation.
        of: Conversation,
        /// Its place.
        place: Seq,
    },
    /// Ends requests and invitations that nobody has answered in time, oldest first, a bounded number of them. Never
    /// refused.
    Expire,
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
    /// otherwise. Refused: `NoSuchUser`, `Yourself`, `AlreadyFriends`, `Blocked`, `ListFull`.
    Befriend {
        /// Who asks.
        from: UserId,
        /// Who is asked.
        to: UserId,
        /// Whether `from` pays special attention to `to`, once they are friends.
        special: bool,
        /// What `from` says; may be empty.
        reason: Box<str>,
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
        /// Why not; may be empty.
        reason: Box<str>,
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
        /// Its name, by the rules; `None`: one is made of its number.
        name: Option<Name>,
        /// How others join.
        join: JoinPolicy,
        /// What it tells about itself. Its bounds were checked before.
        about: Box<GroupAbout>,
    },
    /// `user` wants into `group`. Refused: `NoSuchGroup`, `AlreadyMember`, `ListFull`.
    Join {
        /// Who.
        user: UserId,
        /// Where.
        group: GroupId,
        /// What `user` says; may be empty.
        reason: Box<str>,
    },
    /// A manager answers a request to join. Refused: `NoSuchGroup`, `NotManager`, `NoSuchRequest`, `ListFull`.
    AnswerJoin {
        /// Who answers.
        user: UserId,
        /// Which group.
        group: GroupId,
        /// Who had asked.
        member: UserId,
        /// The answer.
        verdict: Verdict,
        /// Why not; may be empty.
        reason: Box<str>,
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
    /// `friends_only`), `Blocked`, `InboxFull`.
    Private {
        /// Who wrote it.
        from: UserId,
        /// To whom; may be oneself.
        to: UserId,
        /// What.
        body: Body,
        /// Refuse it between people who are not friends, oneself included, whatever the receiver's policy.
        friends_only: bool,
        /// By which the same message is told when it comes again.
        stamp: Option<Stamp>,
    },
    /// A group message. Refused: `NoSuchGroup`, `NotMember`.
    Post {
        /// Who wrote it.
        from: UserId,
        /// Where.
        group: GroupId,
        /// What.
        body: Body,
        /// By which the same message is told when it comes again.
        stamp: Option<Stamp>,
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

/// By which a message that is sent again is told from a new one (`DELIVERY.md`, de-duplication). Refused as `Conflict`:
/// the same number of the same installation with another hash.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stamp {
    /// The installation, where the client has said which.
    pub instance: Option<Instance>,
    /// The client's number for the message.
    pub number: u64,
    /// SHA-256 of destination, kind and payload ([`Stamp::of`]).
    pub hash: [u8; 32],
}

/// Where a message goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Destination {
    /// To somebody.
    User(UserId),
    /// To a group.
    Group(GroupId),
}

impl Stamp {
    /// The stamp of a message. What is hashed is on disk for a while: a change makes retries into new messages.
    #[must_use]
    pub fn of(instance: Option<Instance>, number: u64, to: Destination, body: &Body) -> Self {
        let (kind_of_place, place) = match to {
            Destination::User(user) => (0, user.0),
            Destination::Group(group) => (1, group.0),
        };
        let (kind, custom) = match body.kind {
            BodyKind::Text => (0, 0),
            BodyKind::Image => (1, 0),
            BodyKind::File => (2, 0),
            BodyKind::Voice => (3, 0),
            BodyKind::Custom(number) => (4, number),
            BodyKind::Recall => (5, 0),
            BodyKind::Recalled => (6, 0),
        };
        let mut hash = Sha256::new();
        hash.update([kind_of_place]);
        hash.update(place.to_be_bytes());
        hash.update([kind]);
        hash.update(u32::to_be_bytes(custom));
        hash.update(&body.data);
        Self { instance, number, hash: hash.finalize().into() }
    }
}

/// A request or an invitation that nobody has answered in time, and the places in the inboxes of those who are told.
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "fields are those of the Event it becomes")]
pub enum Lapse {
    Friend { asker: Person, asked: Person, told_asker: Seq, told_asked: Seq },
    Join { group: GroupRef, asker: Person, told: Seq, managers: Vec<(UserId, Seq)> },
    Invite { group: GroupRef, inviter: UserId, who: Person, told_inviter: Seq, told_who: Seq },
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
        /// What `from` and `to` tell others about themselves.
        profiles: Box<(Profile, Profile)>,
    },
    /// `to` is asked. `again` says that it had been asked before and need not be told a second time.
    FriendAsked {
        from: Person,
        to: Person,
        special: bool,
        reason: Box<str>,
        again: bool,
    },
    RemarkSet {
        user: UserId,
        friend: Person,
        remark: Box<str>,
    },
    Blocked {
        user: UserId,
        who: Person,
        blocked: bool,
    },
    ProfileSet(Box<Profile>),
    /// The code may be mailed now.
    CodeIssued {
        email: Email,
        purpose: CodePurpose,
    },
    CodeTried {
        right: bool,
    },
    VisitNoted,
    FriendSet {
        friend: Person,
        special: bool,
    },
    /// `asker` got its answer. `told` is the place in the asker's inbox.
    FriendAnswered {
        user: Person,
        asker: Person,
        accepted: bool,
        reason: Box<str>,
        told: Seq,
        /// What `user` and `asker` tell others about themselves, where they are friends now.
        profiles: Option<Box<(Profile, Profile)>>,
    },
    Unfriended {
        user: Person,
        friend: Person,
    },
    GroupCreated {
        group: GroupCard,
        info: Box<GroupInfo>,
    },
    GroupSet(Box<GroupInfo>),
    /// `told` is the place in the member's inbox; 0 where the member was that before, and nobody is told.
    RoleSet {
        group: GroupCard,
        member: Person,
        role: Role,
        told: Seq,
    },
    /// `again` says that it had been asked before and need not be told a second time.
    Invited {
        group: GroupCard,
        inviter: Person,
        who: Person,
        again: bool,
    },
    /// `told` is the place in the inviter's inbox.
    InviteAnswered {
        group: GroupCard,
        inviter: UserId,
        who: Person,
        accepted: bool,
        reason: Box<str>,
        told: Seq,
        head: Seq,
    },
    /// `told` is the place in the member's inbox.
    MemberRemoved {
        group: GroupCard,
        member: Person,
        reason: Box<str>,
        told: Seq,
    },
    /// `told` is the place in the new owner's inbox; `left_as` is what the old one is now.
    GroupTransferred {
        group: GroupCard,
        from: Person,
        left_as: Role,
        to: Person,
        told: Seq,
        info: Box<GroupInfo>,
    },
    /// Everybody who was in it, with the place in its inbox where it is told; the old owner too, with 0: it knows.
    GroupDissolved {
        group: GroupCard,
        members: Vec<(Person, Seq)>,
    },
    Expired(Vec<Lapse>),
    Joined {
        user: Person,
        group: GroupCard,
        head: Seq,
    },
    JoinAsked {
        user: Person,
        group: GroupCard,
        reason: Box<str>,
        again: bool,
        /// Who may answer: the owner first.
        managers: Vec<UserId>,
    },
    /// `member` got its answer. `told` is the place in the member's inbox.
    JoinAnswered {
        group: GroupCard,
        member: Person,
        accepted: bool,
        reason: Box<str>,
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
    /// A message that had come before: its place and time, and nobody is told anything.
    Repeated {
        seq: Seq,
        at_ms: u64,
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
    pub members: Vec<protocol::Member>,
    /// The last place in its conversation.
    pub head: Seq,
}
