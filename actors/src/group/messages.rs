//! What is said to a group. Owns: the messages and their shapes. Never: what becomes of them.

use super::Knock;
use crate::delivery::{Origin, SessionHandle};
use crate::store::{Committable, Stamp};
use actix::prelude::*;
use protocol::{Body, Outgoing, Person, Refusal, Role, Seq, SessionId, UserId};
use std::sync::Arc;

/// A member's session wants to listen. Answered with [`Attached`].
#[derive(Message)]
#[rtype(result = "()")]
pub struct AttachListener {
    /// The account.
    pub user: UserId,
    /// The session.
    pub session: Arc<SessionHandle>,
}

/// A session stops listening.
#[derive(Message)]
#[rtype(result = "()")]
pub struct DetachListener(pub SessionId);

/// A member writes to the group.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Post {
    /// Who; the session's own account.
    pub from: UserId,
    /// What.
    pub body: Body,
    /// Whether the writing session gets it back too.
    pub echo: bool,
    /// By which the same post is told when it comes again.
    pub stamp: Option<Stamp>,
    /// The writing session.
    pub origin: Origin,
}

/// A member takes a post of its own back.
#[derive(Message)]
#[rtype(result = "()")]
pub struct RecallPost {
    /// Who; the session's own account.
    pub user: UserId,
    /// Which post.
    pub place: Seq,
    /// The asking session.
    pub origin: Origin,
}

/// Something that a member lets the others know, once; it is kept nowhere.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Overheard {
    /// Who; the session's own account.
    pub from: UserId,
    /// What.
    pub what: Arc<Outgoing>,
}

/// A member asks who is in the group.
#[derive(Message)]
#[rtype(result = "()")]
pub struct AskMembers {
    /// Who asks.
    pub user: UserId,
    /// The asking session.
    pub origin: Origin,
}

/// Who is in a group, or as what, has changed: as committed.
pub enum GroupChanged {
    /// Somebody is a member now.
    Joined {
        /// Who.
        person: Person,
        /// The last place in the conversation before that.
        head: Seq,
    },
    /// Somebody is none any more.
    Left(UserId),
    /// Somebody is something else now.
    Role {
        /// Who.
        member: UserId,
        /// What.
        role: Role,
    },
    /// Nobody is a member any more, nor ever will be.
    Dissolved,
}

/// A post that is on the disk now, or was refused there.
#[derive(Message)]
#[rtype(result = "()")]
pub struct PostCommitted {
    /// What became of it.
    pub result: Result<Committable, (Option<Origin>, Refusal)>,
    /// Whether the writing session gets it back too.
    pub echo: bool,
}

/// The directory has counted, and this group may sleep.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Retire;

/// What the directory passes on, counted on both sides.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Forwarded(pub Knock);
