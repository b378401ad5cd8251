//! Groups: one actor per awake group, and the directory that wakes them.
//! A group owns: its members, and which sessions listen. Hears: sessions (attach, post, list), the store (committed).
//! Tells: the store (posts to commit), sessions (answers, fan-out), the directory (that nobody listens).
//! If a group dies nothing is lost: it is a cache of what is stored, and the directory wakes it again.

mod directory;
mod room;

pub use directory::{AnswerBehind, AttachTo, Change, Directory, GroupLoaded, Idle, Knock, StopGroups};
pub use room::{Listener, Room};

use crate::delivery::{Answered, Attached, Deliver, Origin, SessionHandle};
use crate::house::House;
use crate::store::{Committable, Conversation, Mark, Op, Outcome, Stamp, Submit, Then};
use actix::prelude::*;
use protocol::{Body, Event, GroupId, Kept, Outgoing, Person, Refusal, Reply, Role, Seq, SessionId, UserId};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// Listeners to whom a post is delivered before others have their turn.
const SLICE: usize = 128;

/// A post that is being delivered.
struct FanOut {
    what: Arc<Outgoing>,
    mark: Mark,
    /// The writing session, where it does not get its own.
    writer: Option<SessionId>,
    /// So many of the listeners, from the first on, have not got it.
    rest: usize,
    /// Who is told when all have.
    sent: Option<(Origin, Seq, u64)>,
}

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
    /// Posts on their way to the disk, or to the listeners: the group stays awake for them.
    open: usize,
    /// Posts on their way to the listeners, oldest first. No more than `open`.
    fanning: VecDeque<FanOut>,
    /// How much the directory has sent here, as counted on this side.
    seen: u64,
    /// A timer towards sleep is running.
    resting: bool,
}

impl Group {
    /// Awake, with what is stored.
    #[must_use]
    pub fn new(house: Arc<House>, room: Room) -> Self {
        Self { house, room, handle: None, open: 0, fanning: VecDeque::new(), seen: 0, resting: false }
    }

    /// Delivers the next slice of the oldest post. What is posted is not delivered to all at once in a large group: each
    /// delivery is a write, and a message between two others would wait behind thousands of them.
    fn fan_out(&mut self, ctx: &mut Context<Self>) {
        let Some(fan) = self.fanning.front_mut() else { return };
        let listeners = self.room.listeners();
        // From the end, where who comes is put, and whose last takes the place of who leaves: so nobody is left out. Who
        // gets it twice knows by the mark.
        let rest = fan.rest.min(listeners.len());
        fan.rest = rest.saturating_sub(SLICE);
        for listener in &listeners[fan.rest..rest] {
            let shown = Some(listener.session.id) != fan.writer;
            listener.session.deliver(Deliver {
                to: listener.user,
                what: shown.then(|| fan.what.clone()),
                mark: Some(fan.mark),
            });
        }
        if fan.rest > 0 {
            return Self::fan_on_later(ctx);
        }
        if let Some(FanOut { sent, .. }) = self.fanning.pop_front() {
            self.open = self.open.saturating_sub(1);
            if let Some((origin, seq, at_ms)) = sent {
                origin.answer(Answered::Sent { seq, at_ms });
            }
        }
        if !self.fanning.is_empty() {
            Self::fan_on_later(ctx);
        }
    }

    /// Goes on when everybody else on this thread had a turn and sockets were looked at. A message to oneself would not do: actix
    /// takes it up within the same turn.
    fn fan_on_later(ctx: &mut Context<Self>) {
        let turn = actix::fut::wrap_future::<_, Self>(tokio::task::yield_now());
        ctx.spawn(turn.map(|(), group, ctx| {
            group.fan_out(ctx);
            group.rest_if_idle(ctx);
        }));
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
    Joined(Person),
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
                    user: attach.user,
                    group: group.id,
                    listening: handle.map(|handle| (Listening { handle, session: attach.session.id }, group)),
                    head: self.room.head(),
                });
            }
            Knock::Changed(GroupChanged::Joined(person)) => self.room.joined(person),
            Knock::Changed(GroupChanged::Left(user)) => self.room.left(user),
            Knock::Changed(GroupChanged::Role { member, role }) => self.room.is_now(member, role),
            Knock::Changed(GroupChanged::Dissolved) => self.room.dissolved(),
            Knock::Answer(origin, body) => origin.answer(body),
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

    fn handle(&mut self, Post { from, body, echo, stamp, origin }: Post, _: &mut Context<Self>) {
        // A post that comes again has the answer that it had: only the store knows that of one with a stamp.
        if stamp.is_none() && !self.room.is_member(from) {
            return origin.refuse(Refusal::NotMember);
        }
        let Some(handle) = self.handle.clone() else { return };
        self.open += 1;
        let op = Op::Post { from, group: handle.id, body, stamp };
        self.house.store.do_send(Submit { op, origin: Some(origin), then: Then::Group { handle, echo } });
    }
}

impl Handler<RecallPost> for Group {
    type Result = ();

    fn handle(&mut self, RecallPost { user, place, origin }: RecallPost, _: &mut Context<Self>) {
        let Some(handle) = self.handle.clone() else { return };
        self.open += 1;
        let op = Op::Recall { user, of: Conversation::Group(handle.id), place };
        self.house.store.do_send(Submit { op, origin: Some(origin), then: Then::Group { handle, echo: false } });
    }
}

impl Handler<Overheard> for Group {
    type Result = ();

    fn handle(&mut self, Overheard { from, what }: Overheard, _: &mut Context<Self>) {
        if !self.room.is_member(from) {
            return;
        }
        let hears = |session: &SessionHandle| !what.frames(session.dialect, session.carrier).is_empty();
        for listener in self.room.listeners() {
            if listener.user == from || !hears(&listener.session) {
                continue;
            }
            listener.session.deliver(Deliver { to: listener.user, what: Some(what.clone()), mark: None });
        }
    }
}

impl Handler<PostCommitted> for Group {
    type Result = ();

    fn handle(&mut self, PostCommitted { result, echo }: PostCommitted, ctx: &mut Context<Self>) {
        match result {
            Ok(Committable { origin, outcome: Outcome::Posted { from, group, seq, at_ms, body } }) => {
                let writer = origin.as_ref().map(|origin| origin.session.id).filter(|_| !echo);
                let mark = Mark::Group(group.id, seq);
                let event = Event::Posted { from, group, seq, at_ms, body };
                let what = Arc::new(Outgoing::kept(event, Kept { mark, late: false }));
                let rest = self.room.posted(seq).len();
                let sent = origin.map(|origin| (origin, seq, at_ms));
                self.fanning.push_back(FanOut { what, mark, writer, rest, sent });
                if self.fanning.len() == 1 {
                    self.fan_out(ctx);
                }
                return self.rest_if_idle(ctx);
            }
            Ok(Committable { origin, outcome: Outcome::Repeated { seq, at_ms } }) => {
                if let Some(origin) = origin {
                    origin.answer(Answered::Sent { seq, at_ms });
                }
            }
            Ok(_) => log::error!("group {}: the store answered a post with something else", self.room.card().group.id),
            Err((Some(origin), refusal)) => origin.refuse(refusal),
            Err((None, _)) => {}
        }
        self.open = self.open.saturating_sub(1);
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
