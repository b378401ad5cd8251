//! Sockets. Owns: listeners and the links over them. Never: reads a byte's meaning.

pub mod listener;
pub mod outq;
pub mod relay;
pub mod stream;
