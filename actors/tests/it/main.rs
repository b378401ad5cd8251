//! Tests of the actors crate as its users see it. One binary, so that it is linked once.
#![allow(clippy::unwrap_used, missing_docs, reason = "a test that cannot go on says where by failing there")]

mod binary_files;
mod binary_groups;
mod binary_people;
mod binary_receipts;
mod delivery;
mod fan_out;
mod framed;
mod framed_edges;
mod friends;
mod groups;
mod links;
mod login;
mod mail;
mod model_friends;
mod model_groups;
mod pace;
mod panics;
mod presence;
mod probes;
mod store_away;
mod store_codes;
mod store_damage;
mod store_expiry;
mod store_fixture;
mod store_friends;
mod store_groups;
mod store_messages;
mod store_oracle;
mod store_people;
mod store_reopen;
mod store_roles;
mod store_special;
mod times;
mod transfers;
mod world;
