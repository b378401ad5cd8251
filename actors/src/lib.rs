//! Who does it: the actors of hongyan. No socket, no TLS, no terminal.
//!
//! An actor is a plain struct with ordinary methods inside a thin actix shell. It is told things in the imperative
//! (`Attach`, `Submit`) and announces past participles (`Attached`, `Committed`).
//!
//! | actor | how many, where | owns | hears | tells | if it dies |
//! | --- | --- | --- | --- | --- | --- |
//! | [`session::Session`] | one per connection, spread over the session arbiters | link, identity, open questions, outbox | its peer, everybody | everybody | the connection closes; guards tell the registry and the groups |
//! | [`lobby::Lobby`] | one per session arbiter, with its [`floor`] | the seats of the sessions that live there | listeners | sessions | the process ends |
//! | [`registry::Shard`] | one per session arbiter, by hash of user | who is online, who watches whom | sessions, store | sessions, store, broker | the process ends |
//! | [`group::Directory`] | one | which groups are awake | sessions, store, groups | groups, readers | the process ends |
//! | [`group::Group`] | one per awake group, spread over the session arbiters | members, listeners | sessions, store, directory | sessions, store | it is woken again from what is stored |
//! | [`accounts::Accounts`] | one | the queue for password hashes, wrong attempts | sessions, store | sessions, store | the process ends |
//! | [`mail::Mailer`] | one | letters that are not sent yet | store, whoever carries mail | whoever carries mail | the process ends |
//! | [`transfer::TransferBroker`] | one | offers, tickets, port leases | registry, sessions, relays | sessions, registry | the process ends |
//! | [`store::Store`] | one, on an arbiter of its own | the database, all numbers | everybody who changes something | whoever the request names | the process ends |
//! | [`store::StoreReader`] | `actors.reader_threads` | read handles | sessions, directory | whoever asked | the process ends |
//!
//! "The process ends" means: with an exit code of its own, to be started again. It is small and honest, and it is
//! what every kill -9 test tests.

pub mod accounts;
pub mod cores;
pub mod delivery;
pub mod floor;
pub mod group;
pub mod house;
pub mod lobby;
pub mod mail;
pub mod registry;
pub mod session;
pub mod settings;
pub mod store;
pub mod system;
pub mod testing;
pub mod transfer;
