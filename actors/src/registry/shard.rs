//! One shard of the registry: the actix shell around [`Presence`].
//! Never: reads the database; what it needs to know comes with the messages.

use super::{Presence, Registry};
use crate::delivery::{Answered, Deliver, MembershipChanged, Origin, SessionHandle};
use crate::house::{Essential, House};
use crate::store::{Committable, Mark, Op, Outcome, Submit, Then};
use crate::transfer::OfferTransfer;
use actix::prelude::*;
use protocol::{Body, Event, FileLength, Outgoing, Person, Refusal, SessionId, UserId};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

/// The actor.
pub struct Shard {
    house: Arc<House>,
    presence: Presence,
    _essential: Essential,
}

impl Shard {
    /// An empty shard.
    #[must_use]
    pub fn new(house: Arc<House>) -> Self {
        let essential = Essential::new("registry", house.watch.clone());
        Self { house, presence: Presence::default(), _essential: essential }
    }

    fn registry(&self) -> &Registry {
        &self.house.registry
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
pub struct Membership {
    /// The account.
    pub user: UserId,
    /// What changed.
    pub change: MembershipChanged,
}

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
    /// The writing session.
    pub origin: Origin,
}

/// Private messages that are on the disk now, in the order of their commit.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Committed(pub Vec<Committable>);

/// A file for an account of this shard.
#[derive(Message)]
#[rtype(result = "()")]
pub struct OfferFile {
    /// Who sends; the session's own account.
    pub from: Person,
    /// To whom.
    pub to: Person,
    /// How long.
    pub length: FileLength,
    /// The name as the sender wrote it.
    pub name: Box<str>,
    /// Refuse it between people who are not friends, whatever the receiver allows. Then it comes to the sender's shard
    /// first, which knows its friends whether they are here or not: a stranger is not told who is online.
    pub friends_only: bool,
    /// The sending session.
    pub origin: Origin,
}

impl Handler<Attach> for Shard {
    type Result = ();

    fn handle(&mut self, Attach { user, origin }: Attach, _: &mut Context<Self>) {
        let per_account = self.house.settings.session.per_account;
        if self.presence.attach(user, origin.session.clone(), per_account) {
            origin.answer(Answered::Admitted);
        } else {
            origin.refuse(Refusal::TooManySessions);
        }
    }
}

impl Handler<Announce> for Shard {
    type Result = ();

    fn handle(&mut self, Announce { person, friends_only, friends, origin }: Announce, _: &mut Context<Self>) {
        // A session that has gone in the meantime needs no answer.
        let Some(announced) = self.presence.announce(person.clone(), friends_only, friends.clone()) else { return };
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

    fn handle(&mut self, Tell { to, what, mark }: Tell, _: &mut Context<Self>) {
        self.deliver(to, &what, mark);
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

    fn handle(&mut self, Membership { user, change }: Membership, _: &mut Context<Self>) {
        for session in self.presence.sessions(user) {
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
        let SendPrivate { from, to, body, online_only, friends_only, origin } = message;
        if online_only && !self.presence.is_online(to) {
            return origin.refuse(Refusal::Offline);
        }
        let op = Op::Private { from, to, body, friends_only };
        self.house.store.do_send(Submit { op, origin: Some(origin), then: Then::Registry });
    }
}

impl Handler<Committed> for Shard {
    type Result = ();

    fn handle(&mut self, Committed(messages): Committed, _: &mut Context<Self>) {
        for Committable { origin, outcome } in messages {
            let Outcome::Private { from, to, seq, inbox, at_ms, body } = outcome else { continue };
            let receiver = to.id;
            let what = Arc::new(Outgoing::new(Event::Private { from, to, seq, at_ms, body }));
            self.deliver(receiver, &what, Some(Mark::Inbox(inbox)));
            if let Some(origin) = origin {
                origin.answer(Answered::Sent { seq, at_ms });
            }
        }
    }
}

impl Handler<OfferFile> for Shard {
    type Result = ();

    fn handle(&mut self, offer: OfferFile, _: &mut Context<Self>) {
        if offer.friends_only {
            if !self.presence.is_watched_by(offer.from.id, offer.to.id) {
                return offer.origin.refuse(Refusal::NotFriends);
            }
            let shard = self.registry().shard(offer.to.id);
            return shard.do_send(OfferFile { friends_only: false, ..offer });
        }
        let OfferFile { from, to, length, name, origin, .. } = offer;
        if !self.presence.is_online(to.id) {
            return origin.refuse(Refusal::Offline);
        }
        if !self.presence.may_write(from.id, to.id) {
            return origin.refuse(Refusal::NotFriends);
        }
        // Clients connect to the port by themselves. If all of an account's sessions did, nobody could tell the one
        // that receives from a stranger; so the one that came last is asked.
        let Some(receiver) = self.presence.sessions(to.id).last().cloned() else {
            return origin.refuse(Refusal::Offline);
        };
        self.house.transfers.do_send(OfferTransfer { from, to, receiver, length, name, origin });
    }
}

/// Where a session comes from; sessions in memory come from this machine.
pub(crate) fn address_of(session: &SessionHandle) -> IpAddr {
    session.peer.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST))
}
