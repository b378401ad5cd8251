//! What a committed [`Op`](super::Op) did. Owns: [`Outcome`], from which answers and news are made. Never: a promise before
//! the commit.

use super::GroupCard;
use protocol::{
    Body, CodePurpose, Email, FriendPolicy, GroupInfo, GroupRef, MessagePolicy, Person, Profile, Role, Seq, UserId,
};

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
