//! Tickets: who sends a file to whom, through which doors. Owns: the running transfers, their bounds, and the hold on
//! each one's relay. Never: touches a socket or a byte of a file ([`Relays`] does), and knows nothing of sessions:
//! what the shell must remember of a transfer is its `T`.

use super::ports::{PortLease, PortPool, PortsError};
use super::relay::{RelayEnd, RelayHold, RelayPlan, Relays, Way, WhenEnded};
use super::token::Token;
use crate::settings::RelaySettings;
use protocol::{Door, Refusal, UserId};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How many ports are tried before an offer is refused: other programs may sit on a few of the range.
pub const BIND_TRIES: usize = 16;

/// What the paths of files over HTTP begin with; a side's token follows.
pub const WEB_PATH: &str = "/files/";

/// Hears that a relay has ended: the ticket's number, and how. It is called on the relay's own thread and must hand
/// on at once (the shell sends itself a message, then calls [`Broker::ended`]).
pub type TellEnded = Arc<dyn Fn(u64, RelayEnd) + Send + Sync>;

/// All transfers of a server.
pub struct Broker<T> {
    relays: Arc<dyn Relays>,
    settings: RelaySettings,
    ports: PortPool,
    tell: TellEnded,
    running: HashMap<u64, Running<T>>,
    last_id: u64,
}

/// What somebody wants to send. Names, sessions and rights were looked at before.
#[derive(Clone, Debug)]
pub struct Offer<T> {
    /// Who sends; the bound `relay.per_account` counts these.
    pub sender: UserId,
    /// Its session.
    pub from: Side,
    /// The sessions that are told as receivers.
    pub to: Side,
    /// How many bytes; at most `relay.max_bytes`.
    pub length: u64,
    /// What the receiver is told of the file's name.
    pub name: Box<str>,
    /// The shell's own data; comes back from [`Broker::ended`].
    pub tag: T,
}

/// One side of an offer.
#[derive(Clone, Debug)]
pub struct Side {
    /// Where its sessions come from. Not empty.
    pub addresses: Vec<IpAddr>,
    /// It takes part over HTTP where that is served: a browser, which cannot connect to a bare port, or a program that is
    /// told where to go either way.
    pub browses: bool,
}

/// A transfer that may begin: each side is told its own door, and no side the other's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ticket {
    /// Its number: from 1, never used again.
    pub id: u64,
    /// Where the sender takes part.
    pub sender: Door,
    /// Where the receiver does.
    pub receiver: Door,
}

/// Transfers that hold a place without a relay: they wait for an answer.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Waiting {
    /// In all.
    pub all: usize,
    /// Of the sender in question.
    pub of_sender: usize,
}

/// A transfer that is over.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Transfer<T> {
    /// Who sent.
    pub sender: UserId,
    /// The port that was used, if one was; free again.
    pub port: Option<u16>,
    /// How many bytes were to be moved.
    pub length: u64,
    /// The shell's own data.
    pub tag: T,
}

struct Running<T> {
    transfer: Transfer<T>,
    /// `None` once the transfer was cancelled and its end is awaited.
    hold: Option<Box<dyn RelayHold>>,
    moved: Arc<AtomicU64>,
}

impl<T> Broker<T> {
    /// A broker without transfers.
    ///
    /// # Errors
    /// `relay.ports` is not a range.
    pub fn new(relays: Arc<dyn Relays>, settings: RelaySettings, tell: TellEnded) -> Result<Self, PortsError> {
        let ports = settings.ports.parse()?;
        Ok(Self { relays, settings, ports, tell, running: HashMap::new(), last_id: 0 })
    }

    /// Opens the doors of a transfer and starts to wait for its two sides.
    ///
    /// # Errors
    /// [`Refusal::TooLarge`]: over `relay.max_bytes`. [`Refusal::BadValue`]: nobody to send or to receive.
    /// [`Refusal::Busy`]: `relay.max` transfers run, or `relay.per_account` of this sender's, or no port can be had.
    pub fn offer(&mut self, offer: Offer<T>) -> Result<Ticket, Refusal> {
        if offer.from.addresses.is_empty() || offer.to.addresses.is_empty() {
            return Err(Refusal::BadValue);
        }
        self.check(offer.sender, offer.length, Waiting::default())?;
        let id = self.last_id + 1;
        let web_port = self.relays.web_port();
        let plan = self.plan(id, &offer, web_port.is_some()).ok_or(Refusal::Busy)?;
        let (port, hold) = self.open(&plan).ok_or(Refusal::Busy)?;
        let doors = (door(&plan.sender, port, web_port), door(&plan.receiver, port, web_port));
        let (Some(sender), Some(receiver)) = doors else { return Err(Refusal::Busy) };
        self.last_id = id;
        let transfer = Transfer { sender: offer.sender, port, length: offer.length, tag: offer.tag };
        self.running.insert(id, Running { transfer, hold: Some(hold), moved: plan.moved });
        Ok(Ticket { id, sender, receiver })
    }

    /// Whether this account may send one more of so many bytes, beside those that run and those that wait.
    ///
    /// # Errors
    /// [`Refusal::TooLarge`]: over `relay.max_bytes`. [`Refusal::Busy`]: there are `relay.max`, or `relay.per_account` of
    /// this sender's.
    pub fn check(&self, sender: UserId, length: u64, waiting: Waiting) -> Result<(), Refusal> {
        if length > self.settings.max_bytes {
            return Err(Refusal::TooLarge);
        }
        let has_room = self.running.len() + waiting.all < self.settings.max
            && self.running_of(sender) + waiting.of_sender < self.settings.per_account;
        if has_room { Ok(()) } else { Err(Refusal::Busy) }
    }

    /// How many bytes of a transfer have left towards its receiver; 0 for one that does not run.
    #[must_use]
    pub fn moved(&self, id: u64) -> u64 {
        self.running.get(&id).map_or(0, |running| running.moved.load(Ordering::Relaxed))
    }

    /// Forgets a transfer whose relay has ended, and returns it, so that its sides can be told. `None` for a number
    /// that is not (or no longer) running.
    pub fn ended(&mut self, id: u64) -> Option<Transfer<T>> {
        self.running.remove(&id).map(|running| running.transfer)
    }

    /// Ends a transfer early. It ends as [`RelayEnd::Broken`], told in the usual way; until then it counts.
    pub fn cancel(&mut self, id: u64) {
        if let Some(running) = self.running.get_mut(&id) {
            running.hold = None;
        }
    }

    /// Ends all transfers early, as when the server drains.
    pub fn cancel_all(&mut self) {
        for running in self.running.values_mut() {
            running.hold = None;
        }
    }

    /// A running transfer's data, for a shell that looks for the transfers of a session that left.
    #[must_use]
    pub fn get(&self, id: u64) -> Option<&Transfer<T>> {
        self.running.get(&id).map(|running| &running.transfer)
    }

    /// All running transfers, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &Transfer<T>)> {
        self.running.iter().map(|(&id, running)| (id, &running.transfer))
    }

    /// How many run. At most `relay.max`.
    #[must_use]
    pub fn len(&self) -> usize {
        self.running.len()
    }

    /// Whether none runs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.running.is_empty()
    }

    /// How many this account sends now. A count over all: there are at most `relay.max`, a few hundred.
    fn running_of(&self, sender: UserId) -> usize {
        self.running.values().filter(|running| running.transfer.sender == sender).count()
    }

    /// `None` where the system gives no random bytes for a token.
    fn plan(&self, ticket: u64, offer: &Offer<T>, web: bool) -> Option<RelayPlan> {
        Some(RelayPlan {
            ticket,
            bind: self.settings.bind,
            port: 0,
            sender: way(&offer.from, web)?,
            receiver: way(&offer.to, web)?,
            name: offer.name.clone(),
            length: offer.length,
            buffer_bytes: self.settings.buffer_bytes,
            timeout: Duration::from_secs(self.settings.timeout_s),
            settle: Duration::from_millis(self.settings.settle_ms),
            moved: Arc::default(),
        })
    }

    /// Opens the plan's relay, on the next port that can be bound if it needs one. The ports that could not are kept
    /// out until one could, so that each is tried once.
    fn open(&self, plan: &RelayPlan) -> Option<(Option<u16>, Box<dyn RelayHold>)> {
        if !plan.needs_port() {
            let opened = self.relays.open(plan.clone(), self.when_ended(plan.ticket, None));
            return opened.inspect_err(|error| log::warn!("relay: {error}")).ok();
        }
        let mut taken: Vec<PortLease> = Vec::new();
        while taken.len() < BIND_TRIES {
            let lease = self.ports.lease()?;
            let port = lease.port();
            // The lease lives in the callback: whatever happens to the relay (it ends, it fails to bind, its thread
            // dies), the callback is dropped and the port comes back.
            let lease = Arc::new(lease);
            let when_ended = self.when_ended(plan.ticket, Some(Arc::clone(&lease)));
            match self.relays.open(RelayPlan { port, ..plan.clone() }, when_ended) {
                Ok(opened) => return Some(opened),
                Err(error) => {
                    log::debug!("relay: port {port} cannot be bound: {error}");
                    taken.extend(Arc::into_inner(lease));
                }
            }
        }
        log::warn!("relay: {BIND_TRIES} ports in a row cannot be bound; is relay.ports used by others?");
        None
    }

    /// Gives the port back, then tells.
    fn when_ended(&self, ticket: u64, leased: Option<Arc<PortLease>>) -> WhenEnded {
        let tell = Arc::clone(&self.tell);
        Box::new(move |end| {
            drop(leased);
            tell(ticket, end);
        })
    }
}

/// How a side takes part, where HTTP is served or not.
fn way(side: &Side, web: bool) -> Option<Way> {
    if !(side.browses && web) {
        return Some(Way::Port(side.addresses.clone()));
    }
    let token = Token::fresh().inspect_err(|error| log::error!("relay: no random bytes for a token: {error}"));
    token.ok().map(Way::Web)
}

/// What a side is told. `None` where the port that its way needs is not there, which no plan comes to.
fn door(way: &Way, port: Option<u16>, web_port: Option<u16>) -> Option<Door> {
    match way {
        Way::Port(_) => port.map(Door::Port),
        Way::Web(token) => {
            web_port.map(|port| Door::Web { port, path: format!("{WEB_PATH}{}", token.as_str()).into() })
        }
    }
}

#[cfg(test)]
#[path = "broker_tests.rs"]
mod tests;
