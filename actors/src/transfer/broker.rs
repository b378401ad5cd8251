//! Tickets: who sends a file to whom, over which port. Owns: the running transfers, their bounds, and the hold on
//! each one's relay. Never: touches a socket or a byte of a file ([`Relays`] does), and knows nothing of sessions:
//! what the shell must remember of a transfer is its `T`.

use super::ports::{PortLease, PortPool, PortsError};
use super::relay::{RelayEnd, RelayHold, RelayPlan, Relays};
use crate::settings::RelaySettings;
use protocol::{Refusal, UserId};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// How many ports are tried before an offer is refused: other programs may sit on a few of the range.
pub const BIND_TRIES: usize = 16;

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
    /// Where the sender's session comes from.
    pub sender_ip: IpAddr,
    /// Where the sessions that are told as receivers come from. Not empty.
    pub receiver_ips: Vec<IpAddr>,
    /// How many bytes; at most `relay.max_bytes`.
    pub length: u64,
    /// The shell's own data; comes back from [`Broker::ended`].
    pub tag: T,
}

/// A transfer that may begin: both sides are told the port.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ticket {
    /// Its number: from 1, never used again.
    pub id: u64,
    /// Where both sides connect.
    pub port: u16,
}

/// A transfer that is over.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Transfer<T> {
    /// Who sent.
    pub sender: UserId,
    /// The port that was used; free again.
    pub port: u16,
    /// How many bytes were to be moved.
    pub length: u64,
    /// The shell's own data.
    pub tag: T,
}

struct Running<T> {
    transfer: Transfer<T>,
    /// `None` once the transfer was cancelled and its end is awaited.
    hold: Option<Box<dyn RelayHold>>,
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

    /// Binds a port for a transfer and starts to wait for its two sides.
    ///
    /// # Errors
    /// [`Refusal::TooLarge`]: over `relay.max_bytes`. [`Refusal::BadValue`]: nobody to receive. [`Refusal::Busy`]:
    /// `relay.max` transfers run, or `relay.per_account` of this sender's, or no port can be had.
    pub fn offer(&mut self, offer: Offer<T>) -> Result<Ticket, Refusal> {
        if offer.length > self.settings.max_bytes {
            return Err(Refusal::TooLarge);
        }
        if offer.receiver_ips.is_empty() {
            return Err(Refusal::BadValue);
        }
        if self.running.len() >= self.settings.max || self.running_of(offer.sender) >= self.settings.per_account {
            return Err(Refusal::Busy);
        }
        let id = self.last_id + 1;
        let plan = self.plan(id, &offer);
        let (port, hold) = self.open(&plan).ok_or(Refusal::Busy)?;
        self.last_id = id;
        let transfer = Transfer { sender: offer.sender, port, length: offer.length, tag: offer.tag };
        self.running.insert(id, Running { transfer, hold: Some(hold) });
        Ok(Ticket { id, port })
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

    fn plan(&self, ticket: u64, offer: &Offer<T>) -> RelayPlan {
        RelayPlan {
            ticket,
            bind: self.settings.bind,
            port: 0,
            sender: offer.sender_ip,
            receivers: offer.receiver_ips.clone(),
            length: offer.length,
            buffer_bytes: self.settings.buffer_bytes,
            timeout: Duration::from_secs(self.settings.timeout_s),
            settle: Duration::from_millis(self.settings.settle_ms),
        }
    }

    /// Opens the plan's relay on the next port that can be bound. The ports that could not are kept out until one
    /// could, so that each is tried once.
    fn open(&self, plan: &RelayPlan) -> Option<(u16, Box<dyn RelayHold>)> {
        let mut taken: Vec<PortLease> = Vec::new();
        while taken.len() < BIND_TRIES {
            let lease = self.ports.lease()?;
            let port = lease.port();
            let (tell, ticket) = (Arc::clone(&self.tell), plan.ticket);
            // The lease lives in the callback: whatever happens to the relay (it ends, it fails to bind, its thread
            // dies), the callback is dropped and the port comes back.
            let lease = Arc::new(lease);
            let leased = Arc::clone(&lease);
            let when_ended = Box::new(move |end| {
                drop(leased);
                tell(ticket, end);
            });
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
}

#[cfg(test)]
#[path = "broker_tests.rs"]
mod tests;
