//! The answer, to the asker only. Owns: [`Reply`], [`Refusal`] and the policies that both sides name.
//! Never: is told to anybody else (that is an [`crate::Event`]).

use crate::body::{Body, FileLength};
use crate::command::Verb;
use crate::event::{Door, GroupRef, Person};
use crate::ids::{Seq, UserId};
use crate::names::NameError;
use serde::{Deserialize, Serialize};

/// Who becomes my friend how.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FriendPolicy {
    /// Whoever adds me is my friend at once.
    Open,
    /// I am asked first.
    Confirm,
}

/// Who may write to me.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessagePolicy {
    /// Anybody with an account.
    Anyone,
    /// My friends only.
    Friends,
}

/// How others come into a group.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JoinPolicy {
    /// Whoever asks is in.
    Open,
    /// The owner is asked first.
    Approval,
}

/// One line of a conversation's history.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PastMessage {
    /// Its place in the conversation.
    pub seq: Seq,
    /// Who wrote it.
    pub from: Person,
    /// When it was committed, in milliseconds since 1970 (UTC).
    pub at_ms: u64,
    /// What it says.
    pub body: Body,
}

/// A friend, as its friend sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Friend {
    /// Who.
    pub person: Person,
    /// Whether it is online.
    pub online: bool,
    /// Whether the one who is told pays special attention to it: kept per side (`framed.txt`, `status` 1).
    pub special: bool,
}

/// Whose conversation a page of history is of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Correspondent {
    /// A private one, with this person.
    User(Person),
    /// A group's.
    Group(GroupRef),
}

/// What somebody is told who has just logged in: bounded by `friend.max` and `group.max_per_account`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Roster {
    /// The account.
    pub me: Person,
    /// Its friends in the order in which they became so.
    pub friends: Vec<Friend>,
    /// Its groups in the order in which it joined.
    pub groups: Vec<GroupRef>,
}

/// The answer to one request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reply {
    /// The account exists now.
    Registered {
        /// Its number.
        id: UserId,
    },
    /// This connection speaks for that account now.
    LoggedIn(Box<Roster>),
    /// This connection speaks for nobody now.
    LoggedOut,
    /// Somebody is here.
    Pong,
    /// Friends now.
    FriendAdded {
        /// With whom.
        friend: Person,
    },
    /// The other is asked.
    FriendRequested {
        /// Who is asked.
        friend: Person,
    },
    /// The asker has its answer.
    FriendAnswered {
        /// Who had asked.
        asker: Person,
        /// Whether they are friends now.
        accepted: bool,
    },
    /// Friends no more.
    FriendRemoved {
        /// With whom.
        friend: Person,
    },
    /// A friend is seen as asked now.
    FriendSet {
        /// Which.
        friend: Person,
        /// Whether with special attention.
        special: bool,
    },
    /// The account's friends in the order in which they became so.
    Friends {
        /// The account itself.
        me: Person,
        /// Its friends.
        friends: Vec<Friend>,
    },
    /// The same people, for one who asked who of them is online.
    Presence {
        /// The account itself.
        me: Person,
        /// Its friends.
        friends: Vec<Friend>,
    },
    /// The account that was looked for.
    UserFound {
        /// Both its identifiers.
        person: Person,
    },
    /// My groups.
    Groups(Vec<GroupRef>),
    /// My policies as they are now.
    PolicySet {
        /// Who becomes my friend how.
        add: FriendPolicy,
        /// Who may write to me.
        message: MessagePolicy,
    },
    /// The new password counts.
    PasswordChanged,
    /// The group exists now, and the asker owns it.
    GroupCreated {
        /// The group.
        group: GroupRef,
    },
    /// A member now.
    Joined {
        /// The group.
        group: GroupRef,
    },
    /// The owner is asked.
    JoinRequested {
        /// The group.
        group: GroupRef,
    },
    /// The asker has its answer.
    JoinAnswered {
        /// The group.
        group: GroupRef,
        /// Who had asked.
        member: Person,
        /// Whether it is a member now.
        accepted: bool,
    },
    /// A member no more.
    Left {
        /// The group.
        group: GroupRef,
    },
    /// Who is in the group, in the order in which they joined.
    Members {
        /// The group.
        group: GroupRef,
        /// The members.
        members: Vec<Person>,
    },
    /// The message is committed.
    Sent {
        /// Whether it went to a group.
        verb: Verb,
        /// Its place in the conversation.
        seq: Seq,
        /// When, in milliseconds since 1970 (UTC).
        at_ms: u64,
    },
    /// A page of a conversation, oldest first.
    History {
        /// With whom, or of which group.
        with: Correspondent,
        /// The messages.
        messages: Vec<PastMessage>,
        /// Whether there are older ones.
        more: bool,
    },
    /// Send the bytes here.
    FilePort {
        /// Where.
        door: Door,
        /// As it was asked.
        length: FileLength,
        /// The name exactly as the sender wrote it: clients reopen the path that they get back (`CLIENTS.md`).
        name: Box<str>,
        /// Who will receive.
        to: Person,
    },
    /// No, politely: nothing changed.
    Refused {
        /// What was asked.
        verb: Verb,
        /// Why not.
        refusal: Refusal,
        /// Whom or what it was about, as the client wrote it, where that helps it to place the answer.
        about: Option<Box<str>>,
    },
}

/// A polite no. Each has one stable word per dialect.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, thiserror::Error)]
pub enum Refusal {
    /// Log in first.
    #[error("log in first")]
    NotLoggedIn,
    /// The request names somebody else as its sender.
    #[error("that is not the account that this connection is logged in as")]
    NotPermitted,
    /// No such account.
    #[error("there is no account of that name")]
    NoSuchUser,
    /// Not this account's password.
    #[error("that is not the password")]
    WrongPassword,
    /// The name is taken, or looks the same as one that is.
    #[error("the name is taken")]
    NameTaken,
    /// The name breaks a rule.
    #[error("{0}")]
    BadName(#[from] NameError),
    /// The password breaks a rule.
    #[error("a password has 1 to 128 bytes")]
    BadPassword,
    /// Too many wrong passwords from that address lately.
    #[error("too many wrong passwords from this address; wait a little")]
    TooManyAttempts,
    /// The account is logged in on as many connections as it may be.
    #[error("the account is logged in on as many connections as it may be")]
    TooManySessions,
    /// It is oneself.
    #[error("that is yourself")]
    Yourself,
    /// Friends already.
    #[error("you are friends already")]
    AlreadyFriends,
    /// Not friends.
    #[error("you are not friends")]
    NotFriends,
    /// There is no such request (or it has expired, or it is answered).
    #[error("there is no such request")]
    NoSuchRequest,
    /// A list is at its bound: friends, requests, groups or members.
    #[error("that list is full")]
    ListFull,
    /// No such group.
    #[error("there is no group of that name")]
    NoSuchGroup,
    /// The group's name is taken.
    #[error("there is a group of that name already")]
    GroupExists,
    /// A member already.
    #[error("you are in the group already")]
    AlreadyMember,
    /// Not a member.
    #[error("you are not in the group")]
    NotMember,
    /// Only the group's owner may.
    #[error("only the group's owner may do that")]
    NotOwner,
    /// An owner cannot leave while others stay.
    #[error("the owner cannot leave while others are in the group")]
    OwnerStays,
    /// The other is not online, and this dialect does not store for later.
    #[error("the other is not online")]
    Offline,
    /// The message, name or file is larger than its bound.
    #[error("that is larger than the server takes")]
    TooLarge,
    /// A value is outside what is allowed.
    #[error("a value is outside what is allowed")]
    BadValue,
    /// The receiver's inbox is full.
    #[error("the receiver's inbox is full")]
    InboxFull,
    /// All places for that are taken: relay ports, hashing slots, queues.
    #[error("the server is busy; try again later")]
    Busy,
    /// The disk is nearly full: nothing more is stored.
    #[error("the server's disk is full")]
    StorageFull,
    /// Over HTTP one can only register, log in and see the list of friends.
    #[error("that is not to be had over HTTP; use the WebSocket")]
    NotOverHttp,
    /// A fault of the server's own, logged there.
    #[error("the server failed to do that")]
    Fault,
}
