//! What is said, tested as a whole: all dialects by one table, `plain` and `framed` byte for byte, and the rules of names.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, unreachable_pub)]

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
