//! What the store is asked to change: [`Op`]. What came of it is in `outcome.rs`, what readers get in `found.rs`, and by what
//! a message that comes again is told in `stamp.rs`.
//!
//! Owns: the words in which the rest of the server speaks with the store. Never: touches the database (the ledger does) or
//! an actor (the shell in `actor.rs` does).

mod found;
mod outcome;
mod stamp;

pub use found::{
    Account, Conversation, FriendAsking, GroupCard, GroupState, InboxItem, LoginState, Membership, Page, Stored,
};
pub use outcome::{Lapse, Outcome};
pub use protocol::Mark;
pub use stamp::{Destination, Stamp, content_hash};

use protocol::{
    Body, CodePurpose, Email, FriendPolicy, GroupAbout, GroupChange, GroupId, JoinPolicy, MessagePolicy, Name,
    ProfileChange, Refusal, Role, Secret, Seq, UserId, Verdict,
};
use std::net::IpAddr;

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
        /// What.
        body: Body,
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
