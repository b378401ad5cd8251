//! Groups: one actor per awake group, and the directory that wakes them.
//! A group owns: its members, and which sessions listen. Hears: sessions (attach, post, list), the store (committed).
//! Tells: the store (posts to commit), sessions (answers, fan-out, that they listen no more), the registry (who came in, and
//! what must not overtake a post), the directory (that nobody listens).
//! If a group dies nothing is lost: it is a cache of what is stored, and the directory wakes it again.

mod directory;
mod fan;
mod messages;
mod room;

pub use directory::{AnswerBehind, AttachTo, Change, Directory, GroupLoaded, Idle, Knock, StopGroups, TellBehind};
pub use messages::{
    AskMembers, AttachListener, DetachListener, Forwarded, GroupChanged, Overheard, Post, PostCommitted, RecallPost,
    Retire,
};
pub use room::{Listener, Room};

use crate::delivery::{Answered, Attached, Deliver, MembershipChanged, Origin, SessionHandle};
use crate::floor::{AHEAD, notes_come};
use crate::house::House;
use crate::store::{Committable, Conversation, Mark, Op, Outcome, Submit, Then};
use actix::prelude::*;
use fan::Fan;
use protocol::{Event, GroupId, Kept, Outgoing, Refusal, Reply, Seq, SessionId, UserId};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// A post that is being delivered.
struct Posted {
    what: Arc<Outgoing>,
    mark: Mark,
    from: UserId,
    at_ms: u64,
    /// Who is told when its turn comes.
    writer: Option<Origin>,
    /// The writing session gets it back.
    echo: bool,
}

impl Posted {
    fn deliver(&self, to: UserId, session: &SessionHandle) {
        let shown = self.echo || self.writer.as_ref().is_none_or(|writer| writer.session.id != session.id);
        session.deliver(Deliver { to, what: shown.then(|| self.what.clone()), mark: Some(self.mark) });
    }

    fn answer(&self) {
        if let Some(writer) = &self.writer {
            writer.answer(Answered::Sent { seq: self.mark.place(), at_ms: self.at_ms });
        }
    }
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

/// Begin to deliver what was posted.
#[derive(Message)]
#[rtype(result = "()")]
struct Begin;

/// The actor.
pub struct Group {
    house: Arc<House>,
    room: Room,
    handle: Option<Arc<GroupHandle>>,
    /// Posts on their way to the disk, or to the listeners, at most `group.queue`: the group stays awake for them.
    open: usize,
    /// Those on their way to the listeners, and what waits behind them.
    fan: Fan<Posted, Knock>,
    /// How much the directory has sent here, as counted on this side.
    seen: u64,
    /// Until the next round has company enough, or waited for it long enough.
    waiting: Option<SpawnHandle>,
    /// A timer towards sleep is running.
    resting: bool,
}

impl Group {
    /// Awake, with what is stored.
    #[must_use]
    pub fn new(house: Arc<House>, room: Room) -> Self {
        let session = &house.settings.session;
        // Each session has room for several rounds, however its dialect writes them.
        let patience = Duration::from_micros(house.settings.group.gather_us);
        let fan = Fan::new(session.mailbox / 4, session.outbox_bytes / 8, patience);
        Self { house, room, handle: None, open: 0, fan, seen: 0, waiting: None, resting: false }
    }

    /// Delivers the next slice of what was posted, and hears what waited for that.
    fn fan_out(&mut self, ctx: &mut Context<Self>) {
        let now = Instant::now();
        if let Some(until) = self.fan.waits_until(now, self.room.listeners().len()) {
            self.waiting = Some(ctx.run_later(until - now, |group, ctx| {
                group.waiting = None;
                group.fan_out(ctx);
                group.rest_if_idle(ctx);
            }));
            return;
        }
        if self.fan.begin(self.room.listeners().len()) {
            self.answer_writers();
        }
        let listeners = self.room.listeners();
        let slice = self.fan.slice(listeners.len());
        for next in listeners.get(slice).unwrap_or_default().chunks(AHEAD) {
            notes_come(next.iter().map(|listener| &*listener.session));
            for listener in next {
                for post in self.fan.round() {
                    post.deliver(listener.user, &listener.session);
                }
            }
        }
        self.open = self.open.saturating_sub(self.fan.end(now));
        while let Some(knock) = self.fan.word() {
            self.heed(knock);
        }
        if !self.fan.is_idle() {
            Self::fan_on_later(ctx);
        }
    }

    /// A round begins: its writers have their answers, whoever else still waits for the posts. One that gets its own back
    /// has it first, and with it what comes before it.
    fn answer_writers(&self) {
        let round = self.fan.round();
        for (at, post) in round.iter().enumerate() {
            let Some(writer) = &post.writer else { continue };
            if !post.echo {
                post.answer();
                continue;
            }
            let same = |other: &&Posted| other.writer.as_ref().is_some_and(|o| o.session.id == writer.session.id);
            if round.iter().take(at).any(|other| same(&other)) {
                continue; // with its first
            }
            for other in round {
                other.deliver(post.from, &writer.session);
                if same(&other) {
                    other.answer();
                }
            }
        }
    }

    /// Whether there is no room for one more post.
    fn is_full(&self) -> bool {
        let group = &self.house.settings.group;
        self.open >= group.queue || self.fan.bytes() >= group.queue_bytes
    }

    /// Something was said to the group, and its turn has come.
    fn heed(&mut self, knock: Knock) {
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
            Knock::Changed(Change { group, changed }) => match changed {
                GroupChanged::Joined { person, head } => {
                    let user = person.id;
                    self.room.joined(person);
                    self.house.registry.membership(MembershipChanged { user, group, joined: true, head });
                }
                GroupChanged::Left(user) => self.room.left(user).into_iter().for_each(|listener| self.part(listener)),
                GroupChanged::Role { member, role } => self.room.is_now(member, role),
                GroupChanged::Dissolved => self.room.dissolved().into_iter().for_each(|listener| self.part(listener)),
            },
            Knock::Answer(origin, body) => origin.answer(body),
            Knock::Tell(news) => self.house.registry.pass_on(news),
        }
    }

    /// Somebody who listened does so no more. The group tells it itself: everything that it has delivered before comes first.
    fn part(&self, Listener { user, session }: Listener) {
        let group = self.room.card().group.clone();
        session.tell(MembershipChanged { user, group, joined: false, head: Seq(0) });
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

    /// Begins the round that waits for company, if it has enough or somebody waits behind it.
    fn wait_no_longer(&mut self, ctx: &mut Context<Self>) {
        if self.fan.waits_until(Instant::now(), self.room.listeners().len()).is_none()
            && let Some(timer) = self.waiting.take()
        {
            ctx.cancel_future(timer);
            ctx.notify(Begin);
        }
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

impl Handler<Forwarded> for Group {
    type Result = ();

    fn handle(&mut self, Forwarded(knock): Forwarded, ctx: &mut Context<Self>) {
        let parts = knock.parts();
        self.seen += 1;
        match self.fan.hear(knock, parts) {
            Some(knock) => self.heed(knock),
            None => self.wait_no_longer(ctx),
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
        if self.is_full() {
            return match stamp {
                None => origin.refuse(Refusal::Busy),
                Some(stamp) => {
                    let op = Op::Again { from, group: handle.id, body, stamp, otherwise: Refusal::Busy };
                    self.house.store.do_send(Submit { op, origin: Some(origin), then: Then::Registry });
                }
            };
        }
        self.open += 1;
        let op = Op::Post { from, group: handle.id, body, stamp };
        self.house.store.do_send(Submit { op, origin: Some(origin), then: Then::Group { handle, echo } });
    }
}

impl Handler<RecallPost> for Group {
    type Result = ();

    fn handle(&mut self, RecallPost { user, place, origin }: RecallPost, _: &mut Context<Self>) {
        let Some(handle) = self.handle.clone() else { return };
        if self.is_full() {
            return origin.refuse(Refusal::Busy);
        }
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
                let mark = Mark::Group(group.id, seq);
                let (writer, bytes) = (from.id, body.data.len());
                let event = Event::Posted { from, group, seq, at_ms, body };
                let what = Arc::new(Outgoing::kept(event, Kept { mark, late: false }));
                self.room.posted(seq);
                let begun = !self.fan.is_idle();
                self.fan.push(Posted { what, mark, from: writer, at_ms, writer: origin, echo }, bytes);
                if begun {
                    self.wait_no_longer(ctx);
                } else {
                    // What one commit has brought goes out together: the rest of it is in the mailbox, before this.
                    ctx.notify(Begin);
                }
                return;
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

impl Handler<Begin> for Group {
    type Result = ();

    fn handle(&mut self, _: Begin, ctx: &mut Context<Self>) {
        self.fan_out(ctx);
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
