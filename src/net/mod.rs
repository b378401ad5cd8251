//! Sockets. Owns: listeners and the links over them. Never: reads a byte's meaning.

pub(crate) mod http;
pub mod inproc;
pub mod listener;
pub(crate) mod listeners;
pub mod outq;
pub mod relay;
mod seats;
mod socket;
pub mod stream;
pub(crate) mod tls;
pub mod websocket;
