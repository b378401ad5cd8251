//! What the broker needs from whoever moves the bytes. Owns: the trait [`Relays`] and what it is told and tells.
//! Never: opens a socket (the binary's `net/relay.rs` does).

use super::token::Token;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

/// How one side takes part.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Way {
    /// It connects to the port. Nobody may take its place from another than these addresses, those of its sessions.
    Port(Vec<IpAddr>),
    /// It comes over HTTP with this token. Nobody may take its place through the port, from wherever.
    Web(Token),
}

/// One transfer, for whoever moves its bytes.
#[derive(Clone, Debug)]
pub struct RelayPlan {
    /// The broker's number for it.
    pub ticket: u64,
    /// The address to listen on.
    pub bind: IpAddr,
    /// The port to listen on, if [`RelayPlan::needs_port`]; 0 takes a free one.
    pub port: u16,
    /// How the sender takes part.
    pub sender: Way,
    /// How the receiver does.
    pub receiver: Way,
    /// What the receiver is told of the file's name.
    pub name: Box<str>,
    /// Exactly how many bytes are moved.
    pub length: u64,
    /// Bytes read ahead of the receiver.
    pub buffer_bytes: usize,
    /// For each side to connect, and for silence once bytes flow.
    pub timeout: Duration,
    /// How long two connections that cannot be told apart wait for a third.
    pub settle: Duration,
    /// Counts the bytes that have left towards the receiver, for whoever wants to know how far it is.
    pub moved: Arc<AtomicU64>,
}

impl RelayPlan {
    /// Whether a side connects to the port. Where both come over HTTP, none is listened on.
    #[must_use]
    pub fn needs_port(&self) -> bool {
        [&self.sender, &self.receiver].iter().any(|way| matches!(way, Way::Port(_)))
    }
}

/// How a relay ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RelayEnd {
    /// All bytes were moved, and both sides closed in order.
    Complete,
    /// A side did not come, or nothing was sent, in time.
    TimedOut,
    /// Bytes had flowed, and then too few, too many or none came; or a stranger could not be ruled out.
    Broken,
}

/// Told once, when a relay has ended and its port is free again.
pub type WhenEnded = Box<dyn FnOnce(RelayEnd) + Send>;

/// Ends its relay as [`RelayEnd::Broken`] when it is dropped, if it has not ended.
pub trait RelayHold: Send {}

/// Whoever moves the bytes.
pub trait Relays: Send + Sync {
    /// Binds the plan's port at once and goes on in the background; returns the port, if the plan needs one, and a
    /// hold on the relay.
    ///
    /// # Errors
    /// The port cannot be bound. `when_ended` is then never called.
    fn open(&self, plan: RelayPlan, when_ended: WhenEnded) -> io::Result<(Option<u16>, Box<dyn RelayHold>)>;

    /// Where sides may take part over HTTP: the port of the listener whose `/files/` these relays are behind. `None`:
    /// nowhere, and no plan has [`Way::Web`].
    fn web_port(&self) -> Option<u16> {
        None
    }
}
