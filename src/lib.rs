//! Where it meets the world: sockets, settings, signals, the terminal. A library besides the binary, so that tests
//! and benches can use its parts.
//!
//! Owns: everything that has a file descriptor, except the database's. Never: knows what a message means, or who may
//! do what; bytes and decisions belong to `protocol` and `actors`.

pub mod announce;
pub mod chat;
pub mod cli;
pub mod client;
pub mod exit;
pub mod folder;
pub mod limits;
pub mod loadtest;
pub mod logging;
pub mod mail;
pub mod net;
pub mod serve;
pub mod settings;
pub mod signals;
pub mod text;
