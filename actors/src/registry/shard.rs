//! One shard of the registry: the actix shell around [`Presence`].
//! Never: reads the database; what it needs to know comes with the messages.

use super::{Presence, Registry};
use crate::delivery::{Answered, Deliver, MembershipChanged, Origin, SessionHandle};
use crate::floor::{AHEAD, notes_come};
use crate::house::{Essential, House};
use crate::store::{Committable, Mark, Op, Outcome, Stamp, Submit, Then};
use actix::prelude::*;
use protocol::{Body, ClosingReason, Event, Instance, Kept, Outgoing, Person, Refusal, SessionId, UserId};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

/// Messages whose two sides are fetched together.
const AT_ONCE: usize = AHEAD / 2;

/// The actor.
pub struct Shard {
    pub(super) house: Arc<House>,
    pub(super) presence: Presence,
    _essential: Essential,
}

impl Shard {
    /// An empty shard.
    #[must_use]
    pub fn new(house: Arc<House>) -> Self {
        let essential = Essential::new("registry", house.watch.clone());
        Self { house, presence: Presence::default(), _essential: essential }
    }

    pub(super) fn registry(&self) -> &Registry {
        &self.house.registry
    }

    /// Fetches those who are told of the first of these messages.
    fn committed_come(&self, messages: &[Committable]) {
        let next = messages.iter().take(AT_ONCE);
        let writers = next.clone().filter_map(|message| message.origin.as_ref()).map(|origin| &origin.session);
        let readers = next.flat_map(|message| match &message.outcome {
            Outcome::Private { to, .. } => self.presence.sessions(to.id),
            _ => &[],
        });
        notes_come(readers.chain(writers).map(|session| &**session));
    }

    fn deliver(&self, to: UserId, what: &Arc<Outgoing>, mark: Option<Mark>) {
        for session in self.presence.sessions(to) {
            session.deliver(Deliver { to, what: Some(what.clone()), mark });
        }
    }
}

impl Actor for Shard {
    type Context = Context<Self>;
}

/// A session that has proved its account. Answered with `Admitted`, or refused with `TooManySessions`.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Attach {
    /// The account.
    pub user: UserId,
    /// Which installation of a client it is, where that is known: it takes the place of its own earlier connection.
    pub instance: Option<Instance>,
    /// The session, and its question.
    pub origin: Origin,
}

/// The session knows its friends now: make it visible, and say who of them is online (`Answered::Online`).
#[derive(Message)]
#[rtype(result = "()")]
pub struct Announce {
    /// The account.
    pub person: Person,
    /// Only friends may write to it.
    pub friends_only: bool,
    /// Its friends.
    pub friends: Vec<UserId>,
    /// Whom it has blocked.
    pub blocked: Vec<UserId>,
    /// The session, and its question.
    pub origin: Origin,
}

/// A session that has logged out or gone.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Detach {
    /// The account.
    pub user: UserId,
    /// The session.
    pub session: SessionId,
}

/// Somebody whom these accounts watch came or went.
#[derive(Message)]
#[rtype(result = "()")]
pub struct PresenceChanged {
    /// The news.
    pub what: Arc<Outgoing>,
    /// Whom to tell, of this shard.
    pub watchers: Vec<UserId>,
}

/// Tell an account.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Tell {
    /// Whom.
    pub to: UserId,
    /// What.
    pub what: Arc<Outgoing>,
    /// Where it is kept, if it is.
    pub mark: Option<Mark>,
    /// The session that need not be told.
    pub except: Option<SessionId>,
}

impl Tell {
    /// Tells all sessions of an account; a mark says where it is kept.
    #[must_use]
    pub fn new(to: UserId, event: Event, mark: Option<Mark>) -> Self {
        let what = Arc::new(match mark {
            Some(mark) => Outgoing::kept(event, Kept { mark, late: false }),
            None => Outgoing::new(event),
        });
        Self { to, what, mark, except: None }
    }
}

/// An answer that must not overtake what the account was told before.
#[derive(Message)]
#[rtype(result = "()")]
pub struct PassOn {
    /// Whose question.
    pub origin: Origin,
    /// The answer.
    pub body: Answered,
}

/// An account came into a group or went out.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Membership(pub MembershipChanged);

/// A friendship began or ended.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Befriended {
    /// The account of this shard.
    pub user: UserId,
    /// The other.
    pub friend: UserId,
    /// Began or ended.
    pub added: bool,
}

/// Who may write to an account has changed.
#[derive(Message)]
#[rtype(result = "()")]
pub struct PolicyChanged {
    /// The account.
    pub user: UserId,
    /// Only friends may.
    pub friends_only: bool,
}

/// An account takes nothing from another any more, or again.
#[derive(Message)]
#[rtype(result = "()")]
pub struct BlockChanged {
    /// The account of this shard.
    pub user: UserId,
    /// The other.
    pub other: UserId,
    /// Or again.
    pub blocked: bool,
}

/// Who of these is online? Travels from shard to shard.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Roll {
    /// Who is asked about.
    pub ask: Vec<UserId>,
    /// Who was found so far.
    pub online: Vec<UserId>,
    /// The next shard to ask.
    pub next: usize,
    /// Who wants to know.
    pub origin: Origin,
}

/// A private message to an account of this shard.
#[derive(Message)]
#[rtype(result = "()")]
pub struct SendPrivate {
    /// Who writes; the session's own account.
    pub from: UserId,
    /// To whom.
    pub to: UserId,
    /// What.
    pub body: Body,
    /// Refuse where the receiver is away, instead of storing it for later.
    pub online_only: bool,
    /// Refuse where the two are not friends, whatever the receiver allows.
    pub friends_only: bool,
    /// By which the same message is told when it comes again.
    pub stamp: Option<Stamp>,
    /// The writing session.
    pub origin: Origin,
}

/// Something that is told once and kept nowhere, to an account of this shard that may be written to. Nobody is told
/// whether it was.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Whisper {
    /// Who says it; the session's own account.
    pub from: UserId,
    /// To whom.
    pub to: UserId,
    /// Only to a friend, whatever the receiver allows.
    pub friends_only: bool,
    /// What.
    pub what: Arc<Outgoing>,
}

/// Private messages that are on the disk now, in the order of their commit.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Committed(pub Vec<Committable>);

impl Handler<Attach> for Shard {
    type Result = ();

    fn handle(&mut self, Attach { user, instance, origin }: Attach, _: &mut Context<Self>) {
        let per_account = self.house.settings.session.per_account;
        if let Some(replaced) = self.presence.replace(user, instance, origin.session.id) {
            replaced.condemn(ClosingReason::Replaced);
        }
        if self.presence.attach(user, origin.session.clone(), instance, per_account) {
            origin.answer(Answered::Admitted);
        } else {
            origin.refuse(Refusal::TooManySessions);
        }
    }
}

impl Handler<Announce> for Shard {
    type Result = ();

    fn handle(&mut self, announce: Announce, _: &mut Context<Self>) {
        let Announce { person, friends_only, friends, blocked, origin } = announce;
        // A session that has gone in the meantime needs no answer.
        let announced = self.presence.announce(person.clone(), friends_only, friends.clone(), blocked);
        let Some(announced) = announced else { return };
        if announced.first {
            let what = Arc::new(Outgoing::new(Event::FriendOnline { friend: person }));
            self.registry().tell_watchers(&what, &friends);
        }
        self.registry().roll(friends, origin);
    }
}

impl Handler<Detach> for Shard {
    type Result = ();

    fn handle(&mut self, Detach { user, session }: Detach, _: &mut Context<Self>) {
        if let Some((friend, watchers)) = self.presence.detach(user, session) {
            let what = Arc::new(Outgoing::new(Event::FriendOffline { friend }));
            self.registry().tell_watchers(&what, &watchers);
        }
    }
}

impl Handler<PresenceChanged> for Shard {
    type Result = ();

    fn handle(&mut self, PresenceChanged { what, watchers }: PresenceChanged, _: &mut Context<Self>) {
        for watcher in watchers {
            self.deliver(watcher, &what, None);
        }
    }
}

impl Handler<Tell> for Shard {
    type Result = ();

    fn handle(&mut self, Tell { to, what, mark, except }: Tell, _: &mut Context<Self>) {
        for session in self.presence.sessions(to) {
            if Some(session.id) != except {
                session.deliver(Deliver { to, what: Some(what.clone()), mark });
            }
        }
    }
}

impl Handler<PassOn> for Shard {
    type Result = ();

    fn handle(&mut self, PassOn { origin, body }: PassOn, _: &mut Context<Self>) {
        origin.answer(body);
    }
}

impl Handler<Membership> for Shard {
    type Result = ();

    fn handle(&mut self, Membership(change): Membership, _: &mut Context<Self>) {
        for session in self.presence.sessions(change.user) {
            session.tell(change.clone());
        }
    }
}

impl Handler<Befriended> for Shard {
    type Result = ();

    fn handle(&mut self, Befriended { user, friend, added }: Befriended, _: &mut Context<Self>) {
        self.presence.befriend(user, friend, added);
    }
}

impl Handler<PolicyChanged> for Shard {
    type Result = ();

    fn handle(&mut self, PolicyChanged { user, friends_only }: PolicyChanged, _: &mut Context<Self>) {
        self.presence.set_policy(user, friends_only);
    }
}

impl Handler<BlockChanged> for Shard {
    type Result = ();

    fn handle(&mut self, BlockChanged { user, other, blocked }: BlockChanged, _: &mut Context<Self>) {
        self.presence.block(user, other, blocked);
    }
}

impl Handler<Roll> for Shard {
    type Result = ();

    fn handle(&mut self, mut roll: Roll, _: &mut Context<Self>) {
        roll.online.extend(roll.ask.iter().filter(|user| self.presence.is_online(**user)));
        match self.registry().shards().get(roll.next) {
            Some(next) => {
                let next = next.clone();
                roll.next += 1;
                next.do_send(roll);
            }
            None => roll.origin.answer(Answered::Online(roll.online)),
        }
    }
}

impl Handler<SendPrivate> for Shard {
    type Result = ();

    fn handle(&mut self, message: SendPrivate, _: &mut Context<Self>) {
        let SendPrivate { from, to, body, online_only, friends_only, stamp, origin } = message;
        if online_only && !self.presence.is_online(to) {
            return origin.refuse(Refusal::Offline);
        }
        let op = Op::Private { from, to, body, friends_only, stamp };
        self.house.store.do_send(Submit { op, origin: Some(origin), then: Then::Registry });
    }
}

impl Handler<Whisper> for Shard {
    type Result = ();

    fn handle(&mut self, Whisper { from, to, friends_only, what }: Whisper, _: &mut Context<Self>) {
        let friends = !friends_only || self.presence.is_watched_by(to, from);
        if friends && from != to && self.presence.may_write(from, to) {
            self.deliver(to, &what, None);
        }
    }
}

impl Handler<Committed> for Shard {
    type Result = ();

    fn handle(&mut self, Committed(messages): Committed, _: &mut Context<Self>) {
        let mut messages = messages.into_iter();
        while !messages.as_slice().is_empty() {
            self.committed_come(messages.as_slice());
            for Committable { origin, outcome } in messages.by_ref().take(AT_ONCE) {
                let Outcome::Private { from, to, seq, inbox, at_ms, body } = outcome else { continue };
                let receiver = to.id;
                let mark = Mark::Inbox(inbox);
                let event = Event::Private { from, to, seq, at_ms, body };
                let what = Arc::new(Outgoing::kept(event, Kept { mark, late: false }));
                self.deliver(receiver, &what, Some(mark));
                if let Some(origin) = origin {
                    origin.answer(Answered::Sent { seq, at_ms });
                }
            }
        }
    }
}

/// Where a session comes from; sessions in memory come from this machine.
pub(crate) fn address_of(session: &SessionHandle) -> IpAddr {
    session.peer.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST))
}
