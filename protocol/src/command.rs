//! Everything a client may ask. Owns: [`Command`], its claim of who asks, and how people and groups are pointed at.
//! Never: decides whether it is allowed (the session and the store do).

use crate::body::{Body, FileLength, Secret};
use crate::email::Email;
use crate::ids::{GroupId, Instance, RequestId, Seq, TransferId, UserId};
use crate::mark::Mark;
use crate::names::NameKey;
use crate::profile::{GroupAbout, GroupChange, ProfileChange, Role};
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
    /// By e-mail address, unless whose it is does not want to be found.
    Email(Email),
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
    /// Six digits by mail.
    RequestCode {
        /// To whom, as typed.
        email: String,
        /// What for.
        purpose: CodePurpose,
    },
    /// A new account for whoever reads that mailbox.
    RegisterByMail {
        /// The address, as typed.
        email: String,
        /// What people will see; the account's unique name is made of it.
        nickname: String,
        /// The password.
        password: Secret,
        /// From the mail.
        code: Secret,
    },
    /// Another password for whoever reads that mailbox.
    ResetPassword {
        /// The address, as typed.
        email: String,
        /// From the mail.
        code: Secret,
        /// The password to come.
        new: Secret,
    },
    /// My account's e-mail address.
    BindEmail {
        /// The address, as typed.
        email: String,
        /// From the mail.
        code: Secret,
    },
    /// Log this connection in.
    Login {
        /// Which account.
        who: Who,
        /// Its password.
        password: Secret,
        /// From a mail, where the server has asked for it.
        code: Option<Secret>,
        /// Which installation of a client this is, where its dialect says so.
        instance: Option<Instance>,
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
        /// What the asker says; may be empty.
        reason: Box<str>,
    },
    /// Answer a friend request.
    AnswerFriend {
        /// Who had asked.
        asker: Who,
        /// The answer.
        verdict: Verdict,
        /// Whether whoever answers pays special attention to this friend.
        special: bool,
        /// Why not; may be empty.
        reason: Box<str>,
    },
    /// Pay special attention to a friend of mine, or no more.
    SetFriend {
        /// Which.
        friend: Who,
        /// Whether.
        special: bool,
    },
    /// What I call a friend of mine; empty for nothing.
    SetRemark {
        /// Which.
        friend: Who,
        /// What.
        remark: Box<str>,
    },
    /// Take nothing from somebody any more, or again.
    Block {
        /// Whom.
        who: Who,
        /// Or again.
        blocked: bool,
    },
    /// Whom I have blocked.
    ListBlocked,
    /// What a friend of mine, or I myself, tell about ourselves.
    GetProfile {
        /// `None`: me.
        who: Option<Who>,
    },
    /// Change what I tell about myself.
    SetProfile {
        /// How.
        change: Box<ProfileChange>,
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
        /// Its name as typed; `None`: the server finds one.
        name: Option<String>,
        /// How others join; `None` takes the server's default.
        join: Option<JoinPolicy>,
        /// What it tells about itself.
        about: Box<GroupAbout>,
    },
    /// Join a group, at once or on its managers' consent.
    JoinGroup {
        /// Which.
        group: WhichGroup,
        /// What the asker says; may be empty.
        reason: Box<str>,
    },
    /// Change a group of mine.
    SetGroup {
        /// Which.
        group: WhichGroup,
        /// How.
        change: Box<GroupChange>,
    },
    /// What a group tells about itself.
    GetGroup {
        /// Which.
        group: WhichGroup,
    },
    /// Make somebody a manager, or no more.
    SetRole {
        /// Where.
        group: WhichGroup,
        /// Whom.
        member: Who,
        /// [`Role::Member`] or [`Role::Manager`].
        role: Role,
    },
    /// Ask a friend into a group of mine.
    Invite {
        /// Where.
        group: WhichGroup,
        /// Whom.
        who: Who,
    },
    /// Answer an invitation.
    AnswerInvite {
        /// Where to.
        group: WhichGroup,
        /// The answer.
        verdict: Verdict,
        /// Why not; may be empty.
        reason: Box<str>,
    },
    /// Put somebody out of a group of mine.
    RemoveMember {
        /// Which.
        group: WhichGroup,
        /// Whom.
        member: Who,
        /// Why; may be empty.
        reason: Box<str>,
    },
    /// Make another member its owner.
    TransferGroup {
        /// Which.
        group: WhichGroup,
        /// Whom.
        member: Who,
    },
    /// End a group of mine, for all.
    DissolveGroup {
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
        /// Why not; may be empty.
        reason: Box<str>,
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
        /// The client's own number for the message, by which the same one is told when it is sent again.
        number: Option<u64>,
    },
    /// A message to a group of mine.
    Post {
        /// Which.
        group: WhichGroup,
        /// What.
        body: Body,
        /// As for a private message.
        number: Option<u64>,
    },
    /// These are safe with the client now. Not answered.
    Received {
        /// Each as it was sent on this connection.
        marks: Vec<Mark>,
    },
    /// I am writing.
    Typing {
        /// Where.
        peer: Peer,
    },
    /// I have read what is there up to that place.
    MarkRead {
        /// Where.
        peer: Peer,
        /// Up to which place.
        place: Seq,
    },
    /// Take back a message of mine.
    Recall {
        /// Where.
        peer: Peer,
        /// Its place.
        place: Seq,
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
        /// The SHA-256 of its bytes, for the receiver to compare.
        hash: Option<[u8; 32]>,
    },
    /// Take a file that was offered.
    AcceptFile {
        /// Which.
        transfer: TransferId,
        /// Bytes of it that are there already.
        offset: u64,
    },
    /// Take it not, or give it no more.
    DeclineFile {
        /// Which.
        transfer: TransferId,
        /// Why; may be empty.
        reason: Box<str>,
    },
}

/// What a code by mail is for. The numbers are stored on disk; never renumber.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[repr(u8)]
pub enum CodePurpose {
    /// A new account.
    Register = 0,
    /// A login from where the server wants to be sure.
    Login = 1,
    /// A password that was forgotten.
    Reset = 2,
    /// An address for an account that has none, or another one.
    Bind = 3,
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
    RequestCode,
    RegisterByMail,
    ResetPassword,
    BindEmail,
    SetRemark,
    Block,
    ListBlocked,
    GetProfile,
    SetProfile,
    SetGroup,
    GetGroup,
    SetRole,
    Invite,
    AnswerInvite,
    RemoveMember,
    TransferGroup,
    DissolveGroup,
    Received,
    Typing,
    MarkRead,
    Recall,
    AcceptFile,
    DeclineFile,
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
            Self::RequestCode { .. } => Verb::RequestCode,
            Self::RegisterByMail { .. } => Verb::RegisterByMail,
            Self::ResetPassword { .. } => Verb::ResetPassword,
            Self::BindEmail { .. } => Verb::BindEmail,
            Self::SetRemark { .. } => Verb::SetRemark,
            Self::Block { .. } => Verb::Block,
            Self::ListBlocked => Verb::ListBlocked,
            Self::GetProfile { .. } => Verb::GetProfile,
            Self::SetProfile { .. } => Verb::SetProfile,
            Self::SetGroup { .. } => Verb::SetGroup,
            Self::GetGroup { .. } => Verb::GetGroup,
            Self::SetRole { .. } => Verb::SetRole,
            Self::Invite { .. } => Verb::Invite,
            Self::AnswerInvite { .. } => Verb::AnswerInvite,
            Self::RemoveMember { .. } => Verb::RemoveMember,
            Self::TransferGroup { .. } => Verb::TransferGroup,
            Self::DissolveGroup { .. } => Verb::DissolveGroup,
            Self::Received { .. } => Verb::Received,
            Self::Typing { .. } => Verb::Typing,
            Self::MarkRead { .. } => Verb::MarkRead,
            Self::Recall { .. } => Verb::Recall,
            Self::AcceptFile { .. } => Verb::AcceptFile,
            Self::DeclineFile { .. } => Verb::DeclineFile,
        }
    }
}
