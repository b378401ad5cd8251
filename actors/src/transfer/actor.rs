//! The file-transfer broker's actor: the shell around [`Broker`] and [`Offers`].
//! Hears: registry shards (an offer to somebody who is online, where a sender is), sessions (an offer is accepted or
//! declined), relays (how they ended). Tells: both sides, at once, on the way and at the end. If it dies the process
//! ends, since nobody would give the ports back.
//!
//! A side whose dialect is not asked about files is a session, and is told by its handle. A side that is asked is an
//! account, and is told by way of the registry: it may come back on another connection, and its transfer goes on.

use super::offers::{Acceptance, Offers, Over};
use super::{Broker, PortsError, RelayEnd, Relays, Side, Ticket, broker, last_component};
use crate::delivery::{Answered, Deliver, Origin, SessionHandle};
use crate::house::{Essential, House};
use crate::registry::{FindSender, Registry, TellAsked, Whom, address_of};
use crate::settings::RelaySettings;
use actix::prelude::*;
use protocol::{Door, Event, FileLength, Outgoing, Person, Refusal, Reply, TransferEnd, TransferId, UserId};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// What the other sessions of an account hear, that were asked as well.
const TAKEN: &str = "taken on another connection";

/// The sides of a relay that are told by their handles.
type Unasked = Vec<(UserId, Arc<SessionHandle>)>;

/// What there is to remember of a transfer with a side that is asked.
#[derive(Clone)]
struct Parts {
    /// Who of the sender's sessions takes part; `None` where it is not asked.
    sender: Option<Whom>,
    /// Who of the receiver's.
    receiver: Option<Whom>,
    /// The name as the receiver is told it.
    name: Arc<str>,
}

/// A file for somebody who is online. Answered with the transfer's number, or the sender's door, or refused.
#[derive(Message)]
#[rtype(result = "()")]
pub struct OfferTransfer {
    /// Who sends.
    pub from: Person,
    /// Who receives.
    pub to: Person,
    /// The receiver's sessions that are offered it: all are such as are asked, and so is the sender, or it is one.
    pub receivers: Vec<Arc<SessionHandle>>,
    /// How long.
    pub length: FileLength,
    /// The name as the sender wrote it.
    pub name: Box<str>,
    /// The SHA-256 of its bytes, as the sender says.
    pub hash: Option<[u8; 32]>,
    /// The sending session.
    pub origin: Origin,
}

/// A file is taken, from some byte on. Answered with `Done`, or refused.
#[derive(Message)]
#[rtype(result = "()")]
pub struct AcceptTransfer {
    /// Who takes it; the session's own account.
    pub who: UserId,
    /// Which.
    pub transfer: TransferId,
    /// Bytes that are there already.
    pub offset: u64,
    /// The session.
    pub origin: Origin,
}

/// A file is not taken, or is given no more. Answered with `FileDeclined`, or refused.
#[derive(Message)]
#[rtype(result = "()")]
pub struct DeclineTransfer {
    /// Who says so; the session's own account.
    pub who: UserId,
    /// Which.
    pub transfer: TransferId,
    /// Why.
    pub reason: Box<str>,
    /// The session.
    pub origin: Origin,
}

/// Where the sender of a file is that was accepted; nowhere, if there are no sessions.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct SenderFound {
    /// Those of its sessions that may send.
    pub(crate) senders: Vec<Arc<SessionHandle>>,
    /// Who takes what.
    pub(crate) acceptance: AcceptTransfer,
}

/// A relay has ended, and its port, if it had one, is free.
#[derive(Message)]
#[rtype(result = "()")]
struct Ended {
    ticket: u64,
    end: RelayEnd,
}

/// The server stops: end all transfers.
#[derive(Message)]
#[rtype(result = "()")]
pub struct StopTransfers;

/// The actor.
pub struct TransferBroker {
    broker: Broker<Unasked>,
    offers: Offers<Parts>,
    registry: Registry,
    settings: RelaySettings,
    /// Rings when the next offer's time is over, if there is one.
    alarm: Option<(Instant, SpawnHandle)>,
    /// The next word on how far transfers are is on its way.
    looks: bool,
    _essential: Essential,
}

impl TransferBroker {
    /// Over whoever moves the bytes.
    ///
    /// # Errors
    /// `relay.ports` is not a range.
    pub fn new(house: &House, relays: Arc<dyn Relays>) -> Result<Self, PortsError> {
        let myself = house.transfers.clone();
        let tell = Arc::new(move |ticket, end| myself.do_send(Ended { ticket, end }));
        let settings = house.settings.relay.clone();
        Ok(Self {
            broker: Broker::new(relays, settings.clone(), tell)?,
            offers: Offers::new(&settings),
            registry: house.registry.clone(),
            settings,
            alarm: None,
            looks: false,
            _essential: Essential::new("transfer broker", house.watch.clone()),
        })
    }

    /// Asks the receiver whether it takes a file.
    fn ask(&mut self, offer: OfferTransfer) -> Result<(), Refusal> {
        let OfferTransfer { from, to, receivers, length: FileLength { bytes: length, .. }, name, hash, origin } = offer;
        self.broker.check(from.id, length, self.offers.waiting(from.id))?;
        let name = last_component(&name);
        let sender = Some(Whom::Part(origin.session.id));
        let parts = Parts { sender, receiver: Some(Whom::All), name: name.as_str().into() };
        let transfer = self.offers.ask(from.id, to.id, length, parts, Instant::now());
        origin.answer(Answered::Reply(Box::new(Reply::FileOffered { transfer })));
        let to = to.id;
        let asked = Event::FileAsked { transfer, from, to, length, name: name.into(), hash };
        deliver(to, &receivers, asked);
        Ok(())
    }

    /// Tells both sides where the bytes go, since one of them knows no other way.
    fn begin(&mut self, offer: OfferTransfer) -> Result<(), Refusal> {
        let OfferTransfer { from, to, receivers, length, name, hash, origin } = offer;
        self.broker.check(from.id, length.bytes, self.offers.waiting(from.id))?;
        let shown: Box<str> = last_component(&name).into();
        let sender = [origin.session.clone()];
        let [sender_asked, receiver_asked] = [&sender[..], &receivers].map(are_asked);
        let told = [(from.id, &sender[..], sender_asked), (to.id, &receivers, receiver_asked)].into_iter();
        let unasked = told.filter(|(.., asked)| !asked).filter_map(|(id, side, _)| Some((id, side.first()?.clone())));
        let Ticket { id: relay, sender: mine, receiver: theirs } = self.broker.offer(broker::Offer {
            sender: from.id,
            from: side_of(&sender),
            to: side_of(&receivers),
            length: length.bytes,
            name: shown.clone(),
            tag: unasked.collect(),
        })?;
        let transfer = if sender_asked || receiver_asked {
            let part =
                |asked: bool, side: &[Arc<SessionHandle>]| side.first().filter(|_| asked).map(|one| Whom::Part(one.id));
            let (sender, receiver) = (part(sender_asked, &sender), part(receiver_asked, &receivers));
            let parts = Parts { sender, receiver, name: shown.as_ref().into() };
            self.offers.run(from.id, to.id, length.bytes, parts, relay)
        } else {
            // Its sides have no word for the number.
            TransferId(0)
        };
        let ready =
            |to, door, sending| Event::FileReady { transfer, to, door, offset: 0, length: length.bytes, sending };
        let (from_id, to_id) = (from.id, to.id);
        if sender_asked {
            origin.answer(Answered::Reply(Box::new(Reply::FileOffered { transfer })));
            deliver(from_id, &sender, ready(from_id, mine, true));
        } else {
            origin.answer(Answered::Reply(Box::new(Reply::FilePort { door: mine, length, name, to })));
        }
        if receiver_asked {
            let asked = Event::FileAsked { transfer, from, to: to_id, length: length.bytes, name: shown, hash };
            deliver(to_id, &receivers, asked);
            deliver(to_id, &receivers, ready(to_id, theirs, false));
        } else {
            deliver(to_id, &receivers, Event::FileOffered { from, to: to_id, door: theirs, length, name: shown });
        }
        Ok(())
    }

    /// Opens the relay of a transfer that was accepted, between where its sides are now.
    fn go_on(&mut self, senders: &[Arc<SessionHandle>], acceptance: &AcceptTransfer) -> Result<(), Refusal> {
        let &AcceptTransfer { who, transfer, offset, ref origin } = acceptance;
        // Declined in the meantime.
        let (offered, was_broken) = self.offers.accepted(transfer).ok_or(Refusal::NoSuchTransfer)?;
        let (sender, length) = (offered.sender, offered.size - offset);
        let mut parts = offered.tag.clone();
        let first = senders.first().ok_or(Refusal::Offline)?;
        if was_broken {
            self.broker.check(sender, length, self.offers.waiting(sender))?;
        }
        let receiver = [origin.session.clone()];
        let Ticket { id: relay, sender: mine, receiver: theirs } = self.broker.offer(broker::Offer {
            sender,
            from: side_of(senders),
            to: side_of(&receiver),
            length,
            name: (*parts.name).into(),
            tag: Vec::new(),
        })?;
        // Where several may send, whoever is the first to use the ticket does.
        parts.sender = Some(if senders.len() == 1 { Whom::Part(first.id) } else { Whom::All });
        parts.receiver = Some(Whom::Part(origin.session.id));
        self.offers.started(transfer, relay, offset, parts);
        origin.answer(Answered::Reply(Box::new(Reply::Done)));
        let ready = |to, door: Door, sending| Event::FileReady { transfer, to, door, offset, length, sending };
        deliver(who, &receiver, ready(who, theirs, false));
        deliver(sender, senders, ready(sender, mine, true));
        self.tell_taken(sender, acceptance);
        Ok(())
    }

    /// The other sessions of whoever has taken a file need not ask their people any more.
    fn tell_taken(&self, sender: UserId, &AcceptTransfer { who, transfer, ref origin, .. }: &AcceptTransfer) {
        // Among somebody's own sessions the sending one is one of the others.
        if sender != who {
            let what = Arc::new(Outgoing::new(Event::FileDeclined { transfer, reason: TAKEN.into() }));
            self.tell(who, Some(Whom::Others(origin.session.id)), &what);
        }
    }

    fn tell(&self, to: UserId, whom: Option<Whom>, what: &Arc<Outgoing>) {
        if let Some(whom) = whom {
            self.registry.shard(to).do_send(TellAsked { to, whom, what: what.clone() });
        }
    }

    fn tell_both(&self, over: &Over<Parts>, event: Event) {
        let what = Arc::new(Outgoing::new(event));
        self.tell(over.sender, over.tag.sender, &what);
        self.tell(over.receiver, over.tag.receiver, &what);
    }

    fn say_progress(&mut self) {
        let Self { broker, offers, .. } = self;
        for (transfer, over) in offers.progress(|relay| broker.moved(relay)) {
            self.tell_both(&over, Event::FileProgress { transfer, bytes: over.bytes });
        }
    }

    fn expire(&mut self) {
        for (transfer, offered) in self.offers.expire(Instant::now()) {
            let over = Over { sender: offered.sender, receiver: offered.receiver, tag: offered.tag, bytes: 0 };
            self.tell_both(&over, Event::TransferFailed { transfer, end: TransferEnd::TimedOut, bytes: 0 });
        }
    }

    /// Sets the timers that are needed as things stand; at most one of each kind.
    fn attend(&mut self, ctx: &mut Context<Self>) {
        let next = self.offers.next_expiry();
        if next != self.alarm.map(|(at, _)| at) {
            if let Some((_, alarm)) = self.alarm.take() {
                ctx.cancel_future(alarm);
            }
            self.alarm = next.map(|at| {
                let wait = at.saturating_duration_since(Instant::now());
                let rings = ctx.run_later(wait, |broker, ctx| {
                    broker.alarm = None;
                    broker.expire();
                    broker.attend(ctx);
                });
                (at, rings)
            });
        }
        if !self.looks && self.offers.any_runs() {
            self.looks = true;
            ctx.run_later(Duration::from_millis(self.settings.progress_ms), |broker, ctx| {
                broker.looks = false;
                broker.say_progress();
                broker.attend(ctx);
            });
        }
    }
}

impl Actor for TransferBroker {
    type Context = Context<Self>;
}

impl Handler<OfferTransfer> for TransferBroker {
    type Result = ();

    fn handle(&mut self, offer: OfferTransfer, ctx: &mut Context<Self>) {
        let origin = offer.origin.clone();
        let both_asked = origin.session.is_asked_for_files() && are_asked(&offer.receivers);
        let result = if both_asked { self.ask(offer) } else { self.begin(offer) };
        if let Err(refusal) = result {
            origin.refuse(refusal);
        }
        self.attend(ctx);
    }
}

impl Handler<AcceptTransfer> for TransferBroker {
    type Result = ();

    fn handle(&mut self, acceptance: AcceptTransfer, ctx: &mut Context<Self>) {
        let AcceptTransfer { who, transfer, offset, ref origin } = acceptance;
        match self.offers.accept(transfer, who, offset) {
            Err(refusal) => origin.refuse(refusal),
            Ok(Acceptance::Runs) => origin.answer(Answered::Reply(Box::new(Reply::Done))),
            Ok(Acceptance::AllThere) => {
                let Some(offered) = self.offers.remove(transfer) else { return };
                origin.answer(Answered::Reply(Box::new(Reply::Done)));
                let receiver = Some(Whom::Part(origin.session.id));
                let tag = Parts { receiver, ..offered.tag };
                let over = Over { sender: offered.sender, receiver: who, tag, bytes: offered.size };
                self.tell_both(&over, Event::FileDone { transfer });
                self.tell_taken(offered.sender, &acceptance);
            }
            Ok(Acceptance::LookForSender) => {
                let Some((offered, was_broken)) = self.offers.accepted(transfer) else { return };
                let sender = offered.sender;
                let whom = match offered.tag.sender {
                    // The connection that it broke off on may be dead without anybody having noticed.
                    _ if was_broken && sender == who => Whom::Others(origin.session.id),
                    _ if was_broken => Whom::All,
                    part => part.unwrap_or(Whom::All),
                };
                self.registry.shard(sender).do_send(FindSender { sender, whom, acceptance });
            }
        }
        self.attend(ctx);
    }
}

impl Handler<SenderFound> for TransferBroker {
    type Result = ();

    fn handle(&mut self, SenderFound { senders, acceptance }: SenderFound, ctx: &mut Context<Self>) {
        if let Err(refusal) = self.go_on(&senders, &acceptance) {
            self.offers.put_back(acceptance.transfer);
            acceptance.origin.refuse(refusal);
        }
        self.attend(ctx);
    }
}

impl Handler<DeclineTransfer> for TransferBroker {
    type Result = ();

    fn handle(&mut self, declined: DeclineTransfer, ctx: &mut Context<Self>) {
        let DeclineTransfer { who, transfer, reason, origin } = declined;
        let Some(offered) = self.offers.remove_as(transfer, who) else {
            return origin.refuse(Refusal::NoSuchTransfer);
        };
        if let Some(relay) = offered.relay() {
            // A side that is not asked hears of this as of any transfer that fails.
            self.broker.cancel(relay);
        }
        origin.answer(Answered::Reply(Box::new(Reply::FileDeclined { transfer })));
        let what = Arc::new(Outgoing::new(Event::FileDeclined { transfer, reason }));
        let Parts { sender, receiver, .. } = offered.tag;
        let (own, other) = if who == offered.sender {
            (sender, (offered.receiver, receiver))
        } else {
            (receiver, (offered.sender, sender))
        };
        self.tell(who, own.map(|_| Whom::Others(origin.session.id)), &what);
        if other.0 != who {
            self.tell(other.0, other.1, &what);
        }
        self.attend(ctx);
    }
}

impl Handler<Ended> for TransferBroker {
    type Result = ();

    fn handle(&mut self, Ended { ticket, end }: Ended, ctx: &mut Context<Self>) {
        let moved = self.broker.moved(ticket);
        let Some(relay) = self.broker.ended(ticket) else { return };
        let over = self.offers.ended(ticket, end == RelayEnd::Complete, moved, Instant::now());
        let transfer = over.as_ref().map_or(TransferId(0), |(transfer, _)| *transfer);
        let bytes = over.as_ref().map_or(moved, |(_, over)| over.bytes);
        let failed = |end| Event::TransferFailed { transfer, end, bytes };
        let event = match end {
            RelayEnd::Complete => Event::FileDone { transfer },
            RelayEnd::TimedOut => failed(TransferEnd::TimedOut),
            RelayEnd::Broken => failed(TransferEnd::Broken),
        };
        for (to, side) in relay.tag {
            // Those who are not asked have no word for a success: they see it.
            deliver(to, &[side], event.clone());
        }
        if let Some((_, over)) = over {
            self.tell_both(&over, event);
        }
        self.attend(ctx);
    }
}

impl Handler<StopTransfers> for TransferBroker {
    type Result = ();

    fn handle(&mut self, _: StopTransfers, _: &mut Context<Self>) {
        self.broker.cancel_all();
    }
}

/// Hands an event to some of an account's sessions.
fn deliver(to: UserId, sessions: &[Arc<SessionHandle>], event: Event) {
    let what = Arc::new(Outgoing::new(event));
    for session in sessions {
        session.deliver(Deliver { to, what: Some(what.clone()), mark: None });
    }
}

fn are_asked(sessions: &[Arc<SessionHandle>]) -> bool {
    sessions.iter().all(|session| session.is_asked_for_files())
}

/// Sessions as a side of a transfer. On a link with messages sits a browser (or a program that can do what browsers
/// can, and speaks HTTP already); whoever is asked is told where to go either way.
fn side_of(sessions: &[Arc<SessionHandle>]) -> Side {
    let mut addresses: Vec<_> = sessions.iter().map(|session| address_of(session)).collect();
    addresses.sort_unstable();
    addresses.dedup();
    let goes_by_web = |session: &Arc<SessionHandle>| session.carrier.has_messages() || session.is_asked_for_files();
    Side { addresses, browses: sessions.iter().all(goes_by_web) }
}
