//! `hongyan loadtest`: many simulated people in one process, and proof of what became of every message. Owns: the
//! command's options, its scenarios, its engine, and its reports. Never: is used by the server.
//!
//! ```text
//! options   what the command line says             plan      what a run is, after the options were checked
//! engine    sockets, the loop, the pace            ledger    what was sent, acknowledged, received: lost, doubled, out of order
//! scenario  who says what when                     stage     where it plays: logins, answers, arrivals
//! people    accounts, friends, groups, made first  target    --self, its chaos, /proc
//! transfer  files between pairs
//! run       one run from beginning to end          report    figures: live screen, summary, JSON, HTML, comparison, thresholds
//! suite     the figures of docs/performance.md   large     those of a large store
//! baseline  the bare relays to compare with        inproc    server and people in one process
//! ```

pub mod baseline;
pub mod engine;
pub mod inproc;
mod large;
pub mod ledger;
pub mod options;
pub mod people;
pub mod plan;
pub mod report;
pub mod run;
pub mod scenario;
pub mod stage;
pub mod stamp;
mod suite;
pub mod target;
pub mod transfer;
