//! The table of wire languages. A new one is one file here and one line below; round-trip tests, the matrix of
//! dialects and links, and the load test all iterate this table.

pub mod plain;

use crate::dialect::Dialect;

/// Every dialect the server speaks.
pub const DIALECTS: [&dyn Dialect; 1] = [&plain::Plain];
