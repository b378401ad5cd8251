//! Groups: one actor per awake group, and the directory that wakes them.
//! A group owns: its members, and which sessions listen. Hears: sessions (attach, post, list), the store (committed).
//! Tells: the store (posts to commit), sessions (answers, fan-out), the directory (that nobody listens).
//! If a group dies nothing is lost: it is a cache of what is stored, and the directory wakes it again.

mod directory;
mod room;

pub use directory::{AttachTo, Change, Directory, GroupLoaded, Idle, Knock, StopGroups};
pub use room::{Listener, Room};

use crate::delivery::{Answered, Attached, Deliver, Origin, SessionHandle};
use crate::house::House;
use crate::store::{Committable, Mark, Op, Outcome, Submit, Then};
use actix::prelude::*;
use protocol::{Body, Event, GroupId, Outgoing, Person, Refusal, Reply, SessionId, UserId};
use std::sync::Arc;
use std::time::Duration;

/// The one shared way to an awake group; only sessions that are attached keep it.
pub struct GroupHandle {
    /// The group.
    pub id: GroupId,
    address: Addr<Group>,
}

impl GroupHandle {
    /// Sends a post, a question or a farewell.
    pub fn tell<M>(&self, message: M)
    where
        M: Message + Send + 'static,
        M::Result: Send,
        Group: Handler<M>,
        <Group as Actor>::Context: actix::dev::ToEnvelope<Group, M>,
    {
        self.address.do_send(message);
    }
}

/// A session's place among a group's listeners, given up when it is dropped: with the session, or with a message that
/// never reached it.
pub struct Listening {
    handle: Arc<GroupHandle>,
    session: SessionId,
}

impl Listening {
    /// The way to the group.
    #[must_use]
    pub fn handle(&self) -> &GroupHandle {
        &self.handle
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.handle.tell(DetachListener(self.session));
    }
}

/// The actor.
pub struct Group {
    house: Arc<House>,
    room: Room,
    handle: Option<Arc<GroupHandle>>,
    /// Posts on their way to the disk: the group stays awake for them.
    open: usize,
    /// How much the directory has sent here, as counted on this side.
    seen: u64,
    /// A timer towards sleep is running.
    resting: bool,
}

impl Group {
    /// Awake, with what is stored.
    #[must_use]
    pub fn new(house: Arc<House>, room: Room) -> Self {
        Self { house, room, handle: None, open: 0, seen: 0, resting: false }
    }

    fn rest_if_idle(&mut self, ctx: &mut Context<Self>) {
        if self.room.is_attended() || self.open > 0 || self.resting {
            return;
        }
        self.resting = true;
        let patience = Duration::from_secs(self.house.settings.group.passivate_s);
        ctx.run_later(patience, |group, _| {
            group.resting = false;
            if !group.room.is_attended() && group.open == 0 {
                group.house.directory.do_send(Idle { group: group.room.card().group.id, seen: group.seen });
            }
        });
    }
}

impl Actor for Group {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.handle = Some(Arc::new(GroupHandle { id: self.room.card().group.id, address: ctx.address() }));
        self.rest_if_idle(ctx);
    }
}

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
    /// The writing session.
    pub origin: Origin,
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

/// Somebody is a member now, or no more: as committed.
#[derive(Message)]
#[rtype(result = "()")]
pub struct MembersChanged {
    /// Who.
    pub person: Person,
    /// In or out.
    pub joined: bool,
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

impl Handler<Forwarded> for Group {
    type Result = ();

    fn handle(&mut self, Forwarded(knock): Forwarded, ctx: &mut Context<Self>) {
        self.seen += 1;
        match knock {
            Knock::Attach(attach) => {
                let joined = self.room.attach(attach.user, attach.session.clone());
                let group = self.room.card().group.clone();
                let handle = self.handle.clone().filter(|_| joined);
                attach.session.tell(Attached {
                    group: group.id,
                    listening: handle.map(|handle| (Listening { handle, session: attach.session.id }, group)),
                    head: self.room.head(),
                });
            }
            Knock::Changed(MembersChanged { person, joined: true }) => self.room.joined(person),
            Knock::Changed(MembersChanged { person, joined: false }) => self.room.left(person.id),
        }
        self.rest_if_idle(ctx);
    }
}

impl Handler<DetachListener> for Group {
    type Result = ();

    fn handle(&mut self, DetachListener(session): DetachListener, ctx: &mut Context<Self>) {
        self.room.detach(session);
        self.rest_if_idle(ctx);
    }
}

impl Handler<Post> for Group {
    type Result = ();

    fn handle(&mut self, Post { from, body, echo, origin }: Post, _: &mut Context<Self>) {
        if !self.room.is_member(from) {
            return origin.refuse(Refusal::NotMember);
        }
        let Some(handle) = self.handle.clone() else { return };
        self.open += 1;
        let op = Op::Post { from, group: handle.id, body };
        self.house.store.do_send(Submit { op, origin: Some(origin), then: Then::Group { handle, echo } });
    }
}

impl Handler<PostCommitted> for Group {
    type Result = ();

    fn handle(&mut self, PostCommitted { result, echo }: PostCommitted, ctx: &mut Context<Self>) {
        self.open = self.open.saturating_sub(1);
        match result {
            Ok(Committable { origin, outcome: Outcome::Posted { from, group, seq, at_ms, body } }) => {
                let writer = origin.as_ref().map(|origin| origin.session.id);
                let mark = Some(Mark::Group(group.id, seq));
                let what = Arc::new(Outgoing::new(Event::Posted { from, group, seq, at_ms, body }));
                for listener in self.room.posted(seq) {
                    let shown = echo || Some(listener.session.id) != writer;
                    listener.session.deliver(Deliver { to: listener.user, what: shown.then(|| what.clone()), mark });
                }
                if let Some(origin) = origin {
                    origin.answer(Answered::Sent { seq, at_ms });
                }
            }
            Ok(_) => log::error!("group {}: the store answered a post with something else", self.room.card().group.id),
            Err((Some(origin), refusal)) => origin.refuse(refusal),
            Err((None, _)) => {}
        }
        self.rest_if_idle(ctx);
    }
}

impl Handler<AskMembers> for Group {
    type Result = ();

    fn handle(&mut self, AskMembers { user, origin }: AskMembers, _: &mut Context<Self>) {
        if !self.room.is_member(user) {
            return origin.refuse(Refusal::NotMember);
        }
        let group = self.room.card().group.clone();
        origin.answer(Answered::Reply(Box::new(Reply::Members { group, members: self.room.members().to_vec() })));
    }
}

impl Handler<Retire> for Group {
    type Result = ();

    fn handle(&mut self, _: Retire, ctx: &mut Context<Self>) {
        ctx.stop();
    }
}
