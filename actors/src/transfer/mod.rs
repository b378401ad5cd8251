//! File transfers, as the server sees them. Owns: the offers, the port leases, the tickets, the rules about file names, and the
//! trait of whoever moves the bytes. Never: holds a byte of a file, opens a socket, or knows a dialect.

mod actor;
pub mod broker;
pub mod names;
pub mod offers;
pub mod ports;
pub mod relay;
pub mod token;

pub(crate) use actor::SenderFound;
pub use actor::{AcceptTransfer, DeclineTransfer, OfferTransfer, StopTransfers, TransferBroker};
pub use broker::{Broker, Offer, Side, Ticket, Transfer, Waiting};
pub use names::last_component;
pub use ports::{PortLease, PortPool, PortsError};
pub use relay::{RelayEnd, RelayHold, RelayPlan, Relays, Way, WhenEnded};
pub use token::Token;
