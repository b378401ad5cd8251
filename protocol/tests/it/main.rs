//! What is said, tested as a whole: all dialects by one table, each of them byte for byte, and the rules of names.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, unreachable_pub)]

mod binary_decode;
mod binary_edges;
mod binary_events;
mod binary_golden;
mod binary_refusals;
mod binary_replies;
mod binary_said;
mod every_dialect;
mod framed_decode;
mod framed_encode;
mod framed_fit;
mod framed_golden;
mod names;
mod plain_decode;
mod plain_encode;
mod plain_golden;
mod support;
