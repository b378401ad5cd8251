//! What others are told. Owns: [`Event`] and the way people and groups are named in it.
//! Never: holds anything that depends on who reads it: an event is encoded once per dialect, not once per recipient.

use crate::body::{Body, FileLength};
use crate::ids::{GroupId, Seq, TransferId, UserId};
use crate::names::Name;
use crate::profile::{Profile, Role};

/// Somebody, as others see them: both identifiers, since dialects differ in which they speak.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Person {
    /// The account's number.
    pub id: UserId,
    /// The account's name as registered.
    pub name: Name,
}

/// A group, as others see it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupRef {
    /// The group's number.
    pub id: GroupId,
    /// The group's name as created.
    pub name: Name,
}

/// Why a connection is about to be closed by the server.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum ClosingReason {
    /// The server stops.
    Shutdown,
    /// The peer does not read what it is sent.
    SlowConsumer,
    /// Nothing, or only part of a request, came in the time allowed.
    TimedOut,
    /// The server cannot take another connection.
    TooManyConnections,
    /// Nothing was heard for longer than the dialect allows.
    Silent,
    /// The same installation of a client has logged in on another connection.
    Replaced,
    /// A fault of the server's own.
    Fault,
}

/// How a file transfer failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum TransferEnd {
    /// A side did not connect, or no byte ever flowed, in time.
    TimedOut,
    /// It ended after bytes had flowed: too few, too many, silence, or a side that could not be told from a stranger.
    Broken,
}

/// Where one side of a file transfer takes part, on this server's address.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Door {
    /// A bare TCP port, for programs: connect, and send or receive the bytes.
    Port(u16),
    /// A path over HTTP, for browsers: `PUT` the bytes there, or `GET` them.
    Web {
        /// The port of the HTTP listener.
        port: u16,
        /// The path, which holds a secret for this side of this transfer alone.
        path: Box<str>,
    },
}

impl Door {
    /// The port that it is on.
    #[must_use]
    pub fn port(&self) -> u16 {
        match self {
            Self::Port(port) | Self::Web { port, .. } => *port,
        }
    }

    /// The path, where it is one over HTTP.
    #[must_use]
    pub fn path(&self) -> Option<&str> {
        match self {
            Self::Port(_) => None,
            Self::Web { path, .. } => Some(path),
        }
    }
}

/// Something that happened, told to those whom it concerns.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// A friend came online (its first connection).
    FriendOnline {
        /// Who.
        friend: Person,
    },
    /// A friend went offline (its last connection).
    FriendOffline {
        /// Who.
        friend: Person,
    },
    /// Somebody became my friend: by adding me, or by accepting my request.
    FriendAdded {
        /// Who.
        friend: Person,
        /// Who is told.
        to: UserId,
        /// What the friend tells about itself.
        profile: Option<Box<Profile>>,
    },
    /// Somebody asks to be my friend.
    FriendRequested {
        /// Who.
        asker: Person,
        /// Who is asked.
        to: UserId,
        /// Whether the asker would pay special attention to this friend.
        special: bool,
        /// What the asker says; may be empty.
        reason: Box<str>,
    },
    /// Somebody declined my request.
    FriendRejected {
        /// Who.
        friend: Person,
        /// Who had asked.
        to: UserId,
        /// Why; may be empty.
        reason: Box<str>,
    },
    /// Nobody has answered a request in time. Told to both.
    FriendRequestExpired {
        /// Who had asked.
        asker: Person,
        /// Who was asked.
        asked: Person,
        /// Which of them is told.
        to: UserId,
    },
    /// Somebody ended our friendship.
    FriendRemoved {
        /// Who.
        friend: Person,
    },
    /// Somebody asks to join a group of mine.
    JoinRequested {
        /// The group.
        group: GroupRef,
        /// Who.
        asker: Person,
        /// What the asker says; may be empty.
        reason: Box<str>,
    },
    /// My request to join was answered.
    JoinAnswered {
        /// The group.
        group: GroupRef,
        /// Who had asked.
        to: UserId,
        /// Whether I am a member now.
        accepted: bool,
        /// Why not; may be empty.
        reason: Box<str>,
    },
    /// Nobody has answered a request to join in time. Told to the asker and the group's managers.
    JoinRequestExpired {
        /// The group.
        group: GroupRef,
        /// Who had asked.
        asker: Person,
    },
    /// I am something else in a group now.
    RoleChanged {
        /// The group.
        group: GroupRef,
        /// Who I am.
        to: UserId,
        /// What.
        role: Role,
    },
    /// Somebody asks me into a group.
    Invited {
        /// The group.
        group: GroupRef,
        /// Who.
        inviter: Person,
    },
    /// Whom I had asked into a group has answered.
    InviteAnswered {
        /// The group.
        group: GroupRef,
        /// Who.
        who: Person,
        /// Whether it is a member now.
        accepted: bool,
        /// Why not; may be empty.
        reason: Box<str>,
    },
    /// An invitation was not answered in time. Told to both.
    InviteExpired {
        /// The group.
        group: GroupRef,
        /// Who was asked.
        who: Person,
    },
    /// I was put out of a group.
    MemberRemoved {
        /// The group.
        group: GroupRef,
        /// Who I am.
        to: UserId,
        /// Why; may be empty.
        reason: Box<str>,
    },
    /// A group of mine is no more.
    GroupDissolved {
        /// The group that was.
        group: GroupRef,
    },
    /// Somebody is writing, to me or in a group of mine.
    Typing {
        /// Who.
        from: Person,
        /// `None`: to me.
        group: Option<GroupId>,
    },
    /// Somebody has read what is there up to that place.
    Read {
        /// Who.
        from: Person,
        /// `None`: in our conversation.
        group: Option<GroupId>,
        /// Up to which place.
        place: Seq,
    },
    /// A private message.
    Private {
        /// Who wrote it.
        from: Person,
        /// To whom.
        to: Person,
        /// Its place in their conversation.
        seq: Seq,
        /// When it was committed, in milliseconds since 1970 (UTC).
        at_ms: u64,
        /// What it says.
        body: Body,
    },
    /// A message in a group.
    Posted {
        /// Who wrote it.
        from: Person,
        /// The group.
        group: GroupRef,
        /// Its place in the group's conversation.
        seq: Seq,
        /// When it was committed, in milliseconds since 1970 (UTC).
        at_ms: u64,
        /// What it says.
        body: Body,
    },
    /// Somebody sends me a file: fetch it here.
    FileOffered {
        /// Who.
        from: Person,
        /// Who receives.
        to: UserId,
        /// Where.
        door: Door,
        /// How long, in the JSON type in which the sender said it.
        length: FileLength,
        /// The name's last component only.
        name: Box<str>,
    },
    /// Somebody would send me a file: do I take it? For dialects that are asked.
    FileAsked {
        /// Which.
        transfer: TransferId,
        /// Who.
        from: Person,
        /// Who is asked.
        to: UserId,
        /// How long, in bytes.
        length: u64,
        /// The name's last component only.
        name: Box<str>,
        /// The SHA-256 of its bytes, as the sender says.
        hash: Option<[u8; 32]>,
    },
    /// A transfer of mine may begin. For dialects that are asked.
    FileReady {
        /// Which.
        transfer: TransferId,
        /// Who is told.
        to: UserId,
        /// Where that side takes part.
        door: Door,
        /// From which byte of the file on.
        offset: u64,
        /// How many bytes from there on.
        length: u64,
        /// It is the sender.
        sending: bool,
    },
    /// So much has been moved. For dialects that are asked.
    FileProgress {
        /// Which.
        transfer: TransferId,
        /// Bytes of the whole file.
        bytes: u64,
    },
    /// All of it has been moved. For dialects that are asked.
    FileDone {
        /// Which.
        transfer: TransferId,
    },
    /// The other does not take it, or gives it no more. For dialects that are asked.
    FileDeclined {
        /// Which.
        transfer: TransferId,
        /// Why; may be empty.
        reason: Box<str>,
    },
    /// A transfer of mine failed.
    TransferFailed {
        /// Which.
        transfer: TransferId,
        /// How.
        end: TransferEnd,
        /// How many bytes of the whole file have left towards the receiver.
        bytes: u64,
    },
    /// The server closes this connection after this word.
    Closing {
        /// Why.
        reason: ClosingReason,
    },
}
