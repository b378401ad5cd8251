//! What others are told. Owns: [`Event`] and the way people and groups are named in it.
//! Never: holds anything that depends on who reads it: an event is encoded once per dialect, not once per recipient.

use crate::body::{Body, FileLength};
use crate::ids::{GroupId, Seq, UserId};
use crate::names::Name;

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
    },
    /// Somebody asks to be my friend.
    FriendRequested {
        /// Who.
        asker: Person,
    },
    /// Somebody declined my request.
    FriendRejected {
        /// Who.
        friend: Person,
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
    },
    /// My request to join was answered.
    JoinAnswered {
        /// The group.
        group: GroupRef,
        /// Whether I am a member now.
        accepted: bool,
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
    /// Somebody sends me a file: fetch it at this port of this server.
    FileOffered {
        /// Who.
        from: Person,
        /// The relay's port.
        port: u16,
        /// How long, in the JSON type in which the sender said it.
        length: FileLength,
        /// The name's last component only.
        name: Box<str>,
    },
    /// A transfer of mine failed.
    TransferFailed {
        /// How.
        end: TransferEnd,
    },
    /// The server closes this connection after this word.
    Closing {
        /// Why.
        reason: ClosingReason,
    },
}
