//! What is said, tested as a whole: all dialects by one table, `plain` byte for byte, and the rules of names.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, unreachable_pub)]

mod every_dialect;
mod names;
mod plain_decode;
mod plain_encode;
mod plain_golden;
mod support;
