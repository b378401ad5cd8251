//! Black-box tests: the real binary on port 0, real sockets, and nothing else. Everything that is known of the server
//! is in `docs/plain.md`, `docs/framed.md`, `settings.toml` and what it prints.
//!
//! Habits: one server for each test, so that they run side by side; no sleeps and no retries: a test waits for what it
//! is told, and every wait has a bound that only a failure reaches. "Nothing came" is shown by asking something
//! harmless and getting its answer next.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::cast_possible_truncation,
    reason = "a test's helpers fail by panicking"
)]

mod crash;
mod delivery;
mod errors;
mod files;
mod framed;
mod framed_crash;
mod golden;
mod hostile;
mod http;
mod matrix;
mod pacing;
mod people;
mod presence;
mod process;
mod qt;
mod slow;
mod stream;
mod web;
mod websocket;
mod wire;
mod world;
