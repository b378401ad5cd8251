//! The answer, to the asker only. Owns: [`Reply`], [`Refusal`] and the policies that both sides name.
//! Never: is told to anybody else (that is an [`crate::Event`]).

use crate::body::{Body, FileLength};
use crate::command::Verb;
use crate::email::Email;
use crate::event::{Door, GroupRef, Person};
use crate::ids::{Seq, TransferId, UserId};
use crate::names::NameError;
use crate::profile::{GroupInfo, Member, Profile, Role};
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
    /// What the one who is told calls it; empty for nothing.
    pub remark: Box<str>,
    /// What it calls itself; empty where the dialect of the one who is told does not want to know (`Customs::profiles`).
    pub nickname: Box<str>,
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
    /// What it tells about itself, where the dialect wants to know.
    pub profile: Option<Box<Profile>>,
    /// What the server takes and expects, where the dialect says so.
    pub terms: Option<Terms>,
}

/// What a server takes from a client and expects of it. Times in seconds, sizes in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "as in the packet Limits of hongyan.proto")]
pub struct Terms {
    pub heartbeat_s: u32,
    pub patience_s: u32,
    pub max_packet_bytes: u32,
    pub max_message_bytes: u32,
    pub receipt_window: u32,
    pub receipt_timeout_s: u32,
}

/// The answer to one request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reply {
    /// The account exists now.
    Registered {
        /// Its number.
        id: UserId,
        /// Its name.
        name: crate::Name,
    },
    /// A code is on its way.
    CodeSent {
        /// To whom, as asked.
        email: Box<str>,
        /// Seconds that it is good for.
        valid_s: u32,
    },
    /// What I tell about myself.
    Profile(Box<Profile>),
    /// What somebody else tells about itself.
    FriendProfile(Box<Profile>),
    /// It is done, and there is nothing more to say.
    Done,
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
        /// What it tells about itself, where the dialect wants to know.
        profile: Option<Box<Profile>>,
    },
    /// The other is asked.
    FriendRequested {
        /// Who asks.
        me: UserId,
        /// Who is asked.
        friend: Person,
    },
    /// The asker has its answer.
    FriendAnswered {
        /// Who answers.
        me: UserId,
        /// Who had asked.
        asker: Person,
        /// Whether they are friends now.
        accepted: bool,
        /// What the asker tells about itself, where the dialect wants to know.
        profile: Option<Box<Profile>>,
    },
    /// A friend is called that now.
    RemarkSet {
        /// By whom.
        me: UserId,
        /// Which.
        friend: Person,
        /// What.
        remark: Box<str>,
    },
    /// Somebody is blocked, or no more.
    Blocked {
        /// Who.
        who: Person,
        /// Or no more.
        blocked: bool,
    },
    /// Whom I have blocked, in the order in which I did.
    BlockList(Vec<Person>),
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
        /// By which address it was found, where it was by one.
        email: Option<Email>,
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
        /// As others see it.
        info: Box<GroupInfo>,
    },
    /// A group as others see it: as asked, or as changed.
    GroupInfo(Box<GroupInfo>),
    /// A member is something else now.
    RoleSet {
        /// The group.
        group: GroupRef,
        /// Who.
        member: Person,
        /// What.
        role: Role,
    },
    /// The other is asked into the group.
    InviteSent {
        /// The group.
        group: GroupRef,
        /// Who.
        who: Person,
    },
    /// Whoever invited me has its answer.
    InviteAnswered {
        /// The group.
        group: GroupRef,
        /// Who I am.
        me: UserId,
        /// Whether I am a member now.
        accepted: bool,
    },
    /// Somebody is no member any more.
    MemberRemoved {
        /// The group.
        group: GroupRef,
        /// Who.
        member: Person,
    },
    /// There is no such group any more.
    GroupDissolved {
        /// The group that was.
        group: GroupRef,
    },
    /// A member now.
    Joined {
        /// Who asked.
        me: UserId,
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
        members: Vec<Member>,
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
    /// A message is taken back.
    Recalled {
        /// Where.
        with: Correspondent,
        /// Its place.
        place: Seq,
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
    /// The other is asked whether it takes the file.
    FileOffered {
        /// Which.
        transfer: TransferId,
    },
    /// The file is not to be had, or not any more.
    FileDeclined {
        /// Which.
        transfer: TransferId,
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
    /// Not the code, or it has expired, or was tried too often.
    #[error("that is not the code, or it is not good any more")]
    WrongCode,
    /// This login needs a code by mail.
    #[error("this login needs a code: ask for one by mail")]
    CodeRequired,
    /// Too many codes were asked for lately, for that address or from that connection's.
    #[error("too many codes were asked for; wait a little")]
    TooManyCodes,
    /// No e-mail address.
    #[error("that is no e-mail address")]
    BadEmail,
    /// The address belongs to an account.
    #[error("the e-mail address belongs to an account already")]
    EmailTaken,
    /// The server sends no mail.
    #[error("this server sends no mail")]
    MailOff,
    /// The other takes nothing from the asker.
    #[error("the other takes nothing from you")]
    Blocked,
    /// Only the group's owner and managers may.
    #[error("only the group's owner and its managers may do that")]
    NotManager,
    /// The message's number was used for another message.
    #[error("that number was used for another message")]
    Conflict,
    /// No such message, or not one's own.
    #[error("there is no such message of yours")]
    NoSuchMessage,
    /// A message can be taken back for a while only.
    #[error("it is too late for that")]
    TooLate,
    /// What is acknowledged was never sent on this connection.
    #[error("nothing of that kind was sent on this connection")]
    NoSuchReceipt,
    /// No such file, or not one's own.
    #[error("there is no such file transfer")]
    NoSuchTransfer,
    /// Over HTTP one can only register, log in and see the list of friends.
    #[error("that is not to be had over HTTP; use the WebSocket")]
    NotOverHttp,
    /// A fault of the server's own, logged there.
    #[error("the server failed to do that")]
    Fault,
}
