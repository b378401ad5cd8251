//! Everything a client may ask. Owns: [`Command`], its claim of who asks, and how people and groups are pointed at.
//! Never: decides whether it is allowed (the session and the store do).

use crate::body::{Body, FileLength, Secret};
use crate::ids::{GroupId, RequestId, Seq, UserId};
use crate::names::NameKey;
use crate::reply::{FriendPolicy, JoinPolicy, MessagePolicy};

/// One request as a dialect read it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Request {
    /// The client's number for it, given back with the reply.
    pub id: RequestId,
    /// Who the client says it is, where its dialect has a field for that. Only ever *compared* with the session's
    /// account; identity comes from the session.
    pub claim: Option<Claim>,
    /// What it asks.
    pub command: Command,
}

/// Who a client says it is.
pub type Claim = Who;

/// A person pointed at, as the dialects can: by name or by number.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Who {
    /// By name; any text a client sent, already reduced to what names are compared by.
    Name(NameKey),
    /// By number.
    Id(UserId),
}

/// A group pointed at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum WhichGroup {
    /// By name.
    Name(NameKey),
    /// By number.
    Id(GroupId),
}

/// The other end of a conversation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Peer {
    /// A private conversation with this person.
    User(Who),
    /// A group's conversation.
    Group(WhichGroup),
}

/// Yes or no to somebody's request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Yes.
    Accept,
    /// No.
    Reject,
}

/// What is asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Command {
    /// A new account. Bounds: the rules of [`crate::Name`]; 1 to 128 password bytes.
    Register {
        /// The name as typed.
        name: String,
        /// The password.
        password: Secret,
    },
    /// Log this connection in.
    Login {
        /// Which account.
        who: Who,
        /// Its password.
        password: Secret,
    },
    /// Log this connection out; the connection stays.
    Logout,
    /// Is anybody there?
    Ping,
    /// Become friends, at once or on the other's consent.
    AddFriend {
        /// With whom.
        friend: Who,
        /// Whether the asker pays special attention to this friend.
        special: bool,
    },
    /// Answer a friend request.
    AnswerFriend {
        /// Who had asked.
        asker: Who,
        /// The answer.
        verdict: Verdict,
        /// Whether whoever answers pays special attention to this friend.
        special: bool,
    },
    /// Pay special attention to a friend of mine, or no more.
    SetFriend {
        /// Which.
        friend: Who,
        /// Whether.
        special: bool,
    },
    /// End a friendship, for both.
    RemoveFriend {
        /// With whom.
        friend: Who,
    },
    /// My friends.
    ListFriends,
    /// Which of my friends are online.
    ListPresence,
    /// An account's name by its number, or the other way round.
    FindUser {
        /// Which.
        who: Who,
    },
    /// My groups.
    ListGroups,
    /// Change my policies; `None` leaves one as it is.
    SetPolicy {
        /// Who becomes my friend how.
        add: Option<FriendPolicy>,
        /// Who may write to me.
        message: Option<MessagePolicy>,
    },
    /// A new password for my account.
    ChangePassword {
        /// The present one.
        old: Secret,
        /// The one to come.
        new: Secret,
    },
    /// A new group, with me as its owner.
    CreateGroup {
        /// Its name as typed.
        name: String,
        /// How others join; `None` takes the server's default.
        join: Option<JoinPolicy>,
    },
    /// Join a group, at once or on its owner's consent.
    JoinGroup {
        /// Which.
        group: WhichGroup,
    },
    /// Answer a request to join a group of mine.
    AnswerJoin {
        /// Which group.
        group: WhichGroup,
        /// Who had asked.
        member: Who,
        /// The answer.
        verdict: Verdict,
    },
    /// Leave a group.
    LeaveGroup {
        /// Which.
        group: WhichGroup,
    },
    /// Who is in a group of mine.
    ListMembers {
        /// Which.
        group: WhichGroup,
    },
    /// A private message.
    SendPrivate {
        /// To whom.
        to: Who,
        /// The name or number as the client wrote it, given back with a refusal.
        as_written: Box<str>,
        /// What.
        body: Body,
    },
    /// A message to a group of mine.
    Post {
        /// Which.
        group: WhichGroup,
        /// What.
        body: Body,
    },
    /// A page of a conversation of mine.
    History {
        /// With whom, or of which group.
        peer: Peer,
        /// Only what came before this place; `None` means the newest.
        before: Option<Seq>,
        /// How many at the most; the server has its own bound.
        limit: Option<u32>,
    },
    /// Offer a file to somebody who is online.
    OfferFile {
        /// To whom.
        to: Who,
        /// How long it is.
        length: FileLength,
        /// Its name as the sender wrote it, path and all.
        name: String,
    },
}

/// A command's kind without its content: what a refusal answers to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[allow(missing_docs, reason = "each is the Command of the same name")]
pub enum Verb {
    Register,
    Login,
    Logout,
    Ping,
    AddFriend,
    AnswerFriend,
    SetFriend,
    RemoveFriend,
    ListFriends,
    ListPresence,
    FindUser,
    ListGroups,
    SetPolicy,
    ChangePassword,
    CreateGroup,
    JoinGroup,
    AnswerJoin,
    LeaveGroup,
    ListMembers,
    SendPrivate,
    Post,
    History,
    OfferFile,
}

impl Command {
    /// This command's kind.
    #[must_use]
    pub fn verb(&self) -> Verb {
        match self {
            Self::Register { .. } => Verb::Register,
            Self::Login { .. } => Verb::Login,
            Self::Logout => Verb::Logout,
            Self::Ping => Verb::Ping,
            Self::AddFriend { .. } => Verb::AddFriend,
            Self::AnswerFriend { .. } => Verb::AnswerFriend,
            Self::SetFriend { .. } => Verb::SetFriend,
            Self::RemoveFriend { .. } => Verb::RemoveFriend,
            Self::ListFriends => Verb::ListFriends,
            Self::ListPresence => Verb::ListPresence,
            Self::FindUser { .. } => Verb::FindUser,
            Self::ListGroups => Verb::ListGroups,
            Self::SetPolicy { .. } => Verb::SetPolicy,
            Self::ChangePassword { .. } => Verb::ChangePassword,
            Self::CreateGroup { .. } => Verb::CreateGroup,
            Self::JoinGroup { .. } => Verb::JoinGroup,
            Self::AnswerJoin { .. } => Verb::AnswerJoin,
            Self::LeaveGroup { .. } => Verb::LeaveGroup,
            Self::ListMembers { .. } => Verb::ListMembers,
            Self::SendPrivate { .. } => Verb::SendPrivate,
            Self::Post { .. } => Verb::Post,
            Self::History { .. } => Verb::History,
            Self::OfferFile { .. } => Verb::OfferFile,
        }
    }
}
