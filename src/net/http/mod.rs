//! HTTP/1.1, with hyper, on the listeners' own thread: handshakes of WebSockets, and the api. Owns: what one
//! connection may take of time and memory, and who is behind a request. Never: knows a command's meaning; the api's
//! requests go to a visiting session as messages, and its frames are the answers.
//!
//! `connection` serves one connection, `upgrade` makes WebSockets of some, `router` says which module answers which
//! path, `api` asks on behalf of `visitors`, and `origin` keeps strangers' pages out.

mod answer;
mod api;
mod connection;
mod files;
pub(crate) mod origin;
mod reception;
mod router;
#[cfg(test)]
mod tests;
mod upgrade;
mod visitors;

pub(crate) use connection::{serve_api, serve_web, serve_web_over};
pub(crate) use reception::Reception;
