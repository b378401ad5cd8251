//! The session actor: one connection. Owns: its link, its identity, its open questions, its outbox.
//! Hears: its peer (through the link), and answers and deliveries from everybody else. Tells: everybody.
//! Never: believes who its client says it is; waits for anything but its own pump.
//! If it dies only this connection is gone: guards tell the registry and the groups, and the client reconnects.

mod answers;
mod commands;
mod dispatch;
mod feeds;
pub mod link;
mod manners;
mod outbox;
mod pump;
mod receipts;
mod receiving;
mod times;
mod window;

pub use answers::Answers;
pub use feeds::{Feeds, Place};
pub use manners::Manners;
pub use outbox::{Outbox, Pace, Packed};
pub use receipts::Receipts;
pub use window::{Ack, Next, Window};

use crate::delivery::{Answer, Attached, Backlog, Deliver, MembershipChanged, SessionHandle};
use crate::floor::{Note, Place as Home, prefetch};
use crate::house::House;
use crate::registry::Detach;
use crate::store::{Mark, Op, Submit, Then};
use actix::prelude::*;
use commands::{Entering, Recalling};
use dispatch::Pending;
use link::{Closing, Link};
use protocol::{
    Carrier, ClosingReason, Decoder, DialectId, Event, Frames, Friend, GroupId, Instance, NameKey, Outgoing, Person,
    Reply, Request, SessionId, UserId,
};
use pump::Ending;
pub(crate) use pump::SessionTask;
use receiving::Receiving;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Waker;
use times::Clock;
use tokio::time::Instant;

use crate::delivery::Ticket;

/// The actor.
pub struct Session {
    /// Which counts it for as long as it lives.
    house: Counted,
    /// The one shared way to it.
    handle: Arc<SessionHandle>,
    dialect: DialectId,
    /// It came to ask something and go: nobody sees that it is here, and nothing is delivered to it.
    visitor: bool,
    link: Box<dyn Link>,
    /// How the client speaks: as the link carries it, or in text, where it may choose and last did.
    carrier: Carrier,
    decoder: Box<dyn Decoder>,
    /// Read, but not decoded: the session has no credit for it yet. At most one read.
    parked: Box<[u8]>,
    /// Decoded, but it has to wait until what came before it is answered.
    next: Option<Box<Request>>,
    /// Taken up, but a name in it is being looked up.
    pending: Option<Box<Pending>>,
    answers: Answers,
    outbox: Outbox,
    clock: Clock,
    ending: Ending,
    /// The installation that the client says it is, in the login that is being verified.
    presented: Option<Box<Instance>>,
    entering: Option<Box<Entering>>,
    member: Option<Box<Member>>,
    /// What the account that was behind this session may still turn out to have received.
    unsettled: Option<Box<(UserId, Receipts)>>,
    /// Wakes its own task. Known from its first turn on.
    pub(crate) waker: Option<Waker>,
    /// Its task hears of it when more comes from the peer. Else it is to look for itself.
    listens: bool,
    /// The porter knows that it may have something to write.
    pub(crate) restless: bool,
    /// A panic left it as it is.
    broken: bool,
}

/// What a logged-in session has. What is rarely there is boxed, as in [`Session`]: most sessions are idle, and there are
/// many.
struct Member {
    me: Person,
    /// What its name is compared by: every request claims to be somebody.
    key: NameKey,
    feeds: Feeds,
    receiving: Receiving,
    /// Which installation of a client this is, where it has said so.
    instance: Option<Box<Instance>>,
    /// What its client has told others about itself, where it does.
    lately: Option<Box<Lately>>,
    recalling: Option<Box<Recalling>>,
    /// Groups that are about to take it in, and after which place their conversation is to be shown.
    #[allow(clippy::box_collection, reason = "most sessions are about to enter no group, and are many")]
    attaching: Option<Box<Vec<(GroupId, protocol::Seq)>>>,
    /// Friends that were listed, until it is known who of them is online.
    listed: Option<Box<(Ticket, Vec<Friend>)>>,
    /// A reply that waits until that group has taken the session in.
    after_attach: Option<Box<(Ticket, GroupId, Reply)>>,
    /// None where it only visits.
    _attendance: Option<Attendance>,
}

/// How often a client has told others about itself.
#[derive(Default)]
struct Lately {
    /// When somebody was last told that it is writing.
    typed: Option<Instant>,
    /// Since when, and how often, somebody was told how far it has read: in that second.
    read: Option<(Instant, u32)>,
}

/// An account's presence through this session, given up when it is dropped: in whatever way the session ends.
struct Attendance {
    house: Arc<House>,
    user: UserId,
    session: SessionId,
}

impl Drop for Attendance {
    fn drop(&mut self) {
        self.house.registry.shard(self.user).do_send(Detach { user: self.user, session: self.session });
    }
}

/// One of the connections that the server counts, until it is dropped.
pub(crate) struct Counted {
    house: Arc<House>,
}

impl Deref for Counted {
    type Target = Arc<House>;

    fn deref(&self) -> &Arc<House> {
        &self.house
    }
}

impl Counted {
    /// Counts one more, and says whether there was room for it.
    pub(crate) fn one_more(house: &Arc<House>) -> (Self, bool) {
        let before = house.connections.fetch_add(1, Ordering::Relaxed);
        (Self { house: house.clone() }, before < house.settings.session.max)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.house.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Session {
    /// A connection whose peer is a guest so far.
    #[must_use]
    pub(crate) fn new(
        house: Counted,
        id: SessionId,
        dialect: DialectId,
        visitor: bool,
        link: Box<dyn Link>,
        home: Home,
    ) -> Self {
        let (carrier, can_probe) = (link.carrier(), link.can_probe());
        let peer = link.peer().map(|address| address.ip().to_canonical());
        log::debug!("session {:016x}: {dialect:?} from {:?}", id.0, link.peer());
        let handle = Arc::new(SessionHandle::new(id, dialect, carrier, peer, home));
        let decoder = dialect.get().decoder(carrier, house.manners[dialect.index()].limits(carrier));
        Self {
            house,
            handle,
            dialect,
            visitor,
            link,
            carrier,
            decoder,
            parked: Box::default(),
            next: None,
            pending: None,
            answers: Answers::default(),
            outbox: Outbox::new(can_probe),
            clock: Clock::new(Instant::now()),
            ending: Ending::No,
            presented: None,
            entering: None,
            member: None,
            unsettled: None,
            waker: None,
            listens: false,
            restless: false,
            broken: false,
        }
    }

    fn manners(&self) -> &Manners {
        &self.house.manners[self.dialect.index()]
    }

    /// The shared way to it.
    pub(crate) fn way(&self) -> Arc<SessionHandle> {
        self.handle.clone()
    }

    /// Its number.
    pub(crate) fn id(&self) -> SessionId {
        self.handle.id
    }

    /// Fetches what the session needs beside itself for a note.
    pub(crate) fn prefetch_for_note(&self) {
        if let Some(member) = &self.member {
            prefetch(&**member);
        }
        self.outbox.prefetch();
    }

    /// The same, of what lies one step further.
    pub(crate) fn prefetch_feeds(&self) {
        if let Some(member) = &self.member {
            member.feeds.prefetch();
            member.receiving.prefetch();
        }
    }

    /// Fetches what the session needs beside itself to write.
    pub(crate) fn prefetch_for_write(&self) {
        prefetch(&*self.link);
        self.outbox.prefetch();
    }

    /// Somebody has said something.
    pub(crate) fn hear(&mut self, note: Note) {
        let ctx = &mut SessionContext(ActorState::Running);
        match note {
            Note::Deliver(deliver) => Handler::handle(self, deliver, ctx),
            Note::Answer(answer) => Handler::handle(self, answer, ctx),
            Note::Attached(attached) => Handler::handle(self, *attached, ctx),
            Note::MembershipChanged(change) => Handler::handle(self, *change, ctx),
            Note::Backlog(backlog) => Handler::handle(self, *backlog, ctx),
            Note::Condemn(reason) => self.condemn(reason),
            Note::Drain => self.end(Ending::Draining),
        }
        if !ctx.state().alive() {
            self.ending = Ending::Gone;
        }
    }

    /// A note that has waited is handed over now.
    pub(crate) fn note_waited(&self) {
        self.handle.waited();
    }

    /// Puts an answer into the outbox; a peer that does not read is let go.
    fn answer(&mut self, frames: Frames) {
        let bound = self.house.settings.session.outbox_bytes;
        if !self.outbox.push_answer(frames, bound) {
            self.condemn(ClosingReason::SlowConsumer);
        }
    }

    /// Shows an event; its mark counts once all of it is received. `false` where this dialect has no word for it.
    fn show_frames(&mut self, what: &Outgoing, mark: Option<Mark>) -> bool {
        let frames = what.frames(self.dialect, self.carrier);
        let bound = self.house.settings.session.outbox_bytes;
        if !frames.is_empty() && !self.outbox.push_event(frames, mark, bound) {
            self.condemn(ClosingReason::SlowConsumer);
        }
        !frames.is_empty()
    }

    /// Shows the next event of a feed, or notes that there is nothing to show.
    fn show_next(&mut self, what: Option<&Outgoing>, mark: Mark) {
        let shown = what.is_some_and(|what| self.show_frames(what, Some(mark)));
        if let Some(window) = self.member.as_mut().and_then(|member| member.receiving.window()) {
            return if shown { window.shown(mark) } else { window.silent(mark) };
        }
        if shown {
            return;
        }
        // What this account wrote, or what this dialect has no word for, counts as received with all before it.
        let packed = self.outbox.push_mark(mark);
        if let Some((packed, member)) = packed.zip(self.member.as_mut()) {
            if !member.receiving.waits() {
                self.clock.look_again();
            }
            member.receiving.packed(packed, self.clock.now);
        }
    }

    fn deliver(&mut self, deliver: Deliver) {
        if self.ending.is_deaf() {
            return;
        }
        // It may have been on its way to an account that was here before.
        let (entering_as, here) = (self.entering.as_ref().map(|entering| entering.user()), self.account());
        if here.or(entering_as) != Some(deliver.to) {
            return;
        }
        if let Some(entering) = &mut self.entering
            && self.member.is_none()
        {
            if !entering.hold(deliver, self.house.settings.session.mailbox) {
                self.condemn(ClosingReason::SlowConsumer);
            }
            return;
        }
        let window = self.house.settings.binary.receipt_window;
        let Some(member) = &mut self.member else { return };
        let Deliver { what, mark, .. } = deliver;
        match mark {
            None => {
                if let Some(what) = what {
                    self.show_frames(&what, None);
                }
            }
            Some(mark) if member.receiving.next(mark, window) == Next::Full => member.feeds.later(mark),
            Some(mark) => match member.feeds.place(mark) {
                Place::Next => self.show_next(what.as_deref(), mark),
                Place::Later => self.read_on(),
                Place::Seen | Place::Unknown => {}
            },
        }
    }

    /// Says one last word and closes. Deliveries that were not received stay in the store.
    fn condemn(&mut self, reason: ClosingReason) {
        if self.ending.is_deaf() {
            return;
        }
        log::debug!("session {:016x}: closing: {reason:?}", self.id().0);
        self.leave(false);
        let frames = self.dialect.get().event(&Event::Closing { reason }, None, self.carrier);
        // There may be no room for it; then the peer would not read it anyway.
        let _ = self.outbox.push_answer(frames, self.house.settings.session.outbox_bytes);
        self.link.closing(Closing::Because(reason));
        self.end(Ending::Condemned);
    }

    /// The account is not behind this session any more, if one was. What it has received is stored; nothing more is
    /// shown to it here. Only where the client ends it `in_order` does what lies in its system count as received.
    fn leave(&mut self, in_order: bool) {
        self.entering = None;
        self.pending = None;
        if let Some(member) = self.member.take() {
            let Member { me, mut receiving, .. } = *member;
            self.store_received(me.id, receiving.take_confirmed());
            // Where only the client's word counts, an end says nothing.
            if let Receiving::Told(receipts) = receiving {
                self.unsettled = Some(Box::new((me.id, receipts)));
                if in_order {
                    self.settle();
                }
            }
            self.outbox.forget_deliveries();
        }
        self.clock.became_guest();
    }

    /// The client has closed in order after all: what its system has counts as received.
    fn settle(&mut self) {
        if let Some((user, mut receipts)) = self.unsettled.take().map(|unsettled| *unsettled) {
            receipts.ended(self.acknowledged());
            self.store_received(user, receipts.take_confirmed());
        }
    }

    /// How many bytes of the stream the peer has, as far as can be told.
    fn acknowledged(&self) -> u64 {
        acknowledged(&*self.link, &self.outbox)
    }

    fn store_received(&self, user: UserId, marks: Vec<Mark>) {
        if !marks.is_empty() {
            let op = Op::Advance { user, marks };
            self.house.store.do_send(Submit { op, origin: None, then: Then::Nobody });
        }
    }
}

/// How many bytes of the stream the peer has, by its own word where it can be asked, or else its system. Where nobody
/// can tell, what is written counts, and the client's next word, or the time-out, has to do.
fn acknowledged(link: &dyn Link, outbox: &Outbox) -> u64 {
    if link.can_probe() {
        return outbox.received();
    }
    match link.unacknowledged().and_then(|bytes| u64::try_from(bytes).ok()) {
        Some(bytes) => outbox.written().saturating_sub(bytes),
        None => outbox.written(),
    }
}

/// What actix knows of a session that runs: that it does. Its mailbox is its thread's tray, and its one future its task.
pub struct SessionContext(ActorState);

impl ActorContext for SessionContext {
    fn stop(&mut self) {
        self.0 = ActorState::Stopping;
    }

    fn terminate(&mut self) {
        self.0 = ActorState::Stopped;
    }

    fn state(&self) -> ActorState {
        self.0
    }
}

impl Actor for Session {
    type Context = SessionContext;
}

impl Handler<Deliver> for Session {
    type Result = ();

    fn handle(&mut self, deliver: Deliver, _: &mut SessionContext) {
        self.deliver(deliver);
    }
}

impl Handler<Answer> for Session {
    type Result = ();

    fn handle(&mut self, Answer { ticket, body }: Answer, _: &mut SessionContext) {
        self.answered(ticket, body);
    }
}

impl Handler<Attached> for Session {
    type Result = ();

    fn handle(&mut self, attached: Attached, _: &mut SessionContext) {
        self.attached(attached);
    }
}

impl Handler<MembershipChanged> for Session {
    type Result = ();

    fn handle(&mut self, change: MembershipChanged, _: &mut SessionContext) {
        self.membership_changed(change);
    }
}

impl Handler<Backlog> for Session {
    type Result = ();

    fn handle(&mut self, backlog: Backlog, _: &mut SessionContext) {
        self.backlog(backlog);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// There are as many as people are online, most of them idle: what one takes is a figure of this server.
    #[test]
    fn a_session_is_small() {
        assert!(size_of::<Session>() <= 424, "{} bytes", size_of::<Session>());
        assert!(size_of::<Member>() <= 224, "{} bytes", size_of::<Member>());
    }
}
