//! What the broker needs from whoever moves the bytes. Owns: the trait [`Relays`] and what it is told and tells.
//! Never: opens a socket (the binary's `net/relay.rs` does).

use std::io;
use std::net::IpAddr;
use std::time::Duration;

/// One transfer, for whoever moves its bytes.
#[derive(Clone, Debug)]
pub struct RelayPlan {
    /// The broker's number for it.
    pub ticket: u64,
    /// The address to listen on.
    pub bind: IpAddr,
    /// The port to listen on; 0 takes a free one.
    pub port: u16,
    /// Where the sender's session comes from. Nobody else may connect as the sender.
    pub sender: IpAddr,
    /// Where the receiver's sessions come from. Nobody else may connect as the receiver.
    pub receivers: Vec<IpAddr>,
    /// Exactly how many bytes are moved.
    pub length: u64,
    /// Bytes read ahead of the receiver.
    pub buffer_bytes: usize,
    /// For each side to connect, and for silence once bytes flow.
    pub timeout: Duration,
    /// How long two connections that cannot be told apart wait for a third.
    pub settle: Duration,
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
    /// Binds the plan's port at once and goes on in the background; returns the port and a hold on the relay.
    ///
    /// # Errors
    /// The port cannot be bound. `when_ended` is then never called.
    fn open(&self, plan: RelayPlan, when_ended: WhenEnded) -> io::Result<(u16, Box<dyn RelayHold>)>;
}
