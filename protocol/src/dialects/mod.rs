//! The table of wire languages. A new one is one file here and one line below; round-trip tests, the matrix of
//! dialects and links, and the load test all iterate this table. What the languages of JSON objects share is in `json`
//! (reading one object), `simple` (the same for what nearly all clients write), `runs` (strings, eight bytes at a time),
//! `typed` (values of its fields) and `partial` (what has come of a frame).

pub mod binary;
pub mod framed;
mod json;
mod partial;
pub mod plain;
mod runs;
mod simple;
mod typed;

use crate::dialect::Dialect;

/// Every dialect the server speaks.
pub const DIALECTS: [&dyn Dialect; 3] = [&plain::Plain, &framed::Framed, &binary::Binary];
