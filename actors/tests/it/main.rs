//! Tests of the actors crate as its users see it. One binary, so that it is linked once.
#![allow(clippy::unwrap_used, missing_docs, reason = "a test that cannot go on says where by failing there")]

mod delivery;
mod framed;
mod framed_edges;
mod friends;
mod groups;
mod login;
mod pace;
mod panics;
mod presence;
mod probes;
mod store_away;
mod store_damage;
mod store_fixture;
mod store_friends;
mod store_groups;
mod store_messages;
mod store_oracle;
mod store_reopen;
mod store_special;
mod times;
mod transfers;
mod world;
