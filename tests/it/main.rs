//! Black-box tests: the real binary on port 0, real sockets, and nothing else. Everything that is known of the server
//! is in `docs/plain.md`, `docs/framed.md`, `docs/binary.md` with `hongyan.proto`, `settings.toml` and what it prints.
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

mod binary_crash;
mod binary_dedup;
mod binary_files;
mod binary_hostile;
mod binary_receipts;
mod binary_silence;
mod choosing;
mod crash;
mod delivery;
mod errors;
mod files;
mod framed;
mod framed_crash;
mod golden;
mod hostile;
mod http;
mod letters;
mod loadtest;
mod matrix;
mod pacing;
mod packets;
mod people;
mod presence;
mod process;
mod python_client;
mod qt;
mod slow;
mod stream;
mod tls;
mod transfers;
mod web;
mod websocket;
mod wire;
mod world;
