//! The store: the only place that knows how anything is kept. Owns: the database and everything beside it in the data
//! folder. [`Store`] is the persistence actor and the only writer; [`StoreReader`]s read.
//!
//! The plain structs under them know no actor: [`Ledger`] stages and commits, [`Reader`] sees what is committed,
//! [`schema`] says where everything lies, [`high_water`] notices when the database has lost something.
//! Never: knows a dialect.

mod actor;
mod caches;
mod courier;
mod desk;
pub mod high_water;
mod known;
pub mod ledger;
pub mod open;
pub mod ops;
mod pages;
pub mod reader;
mod reads;
mod rocks;
mod rows;
mod salvage;
pub mod schema;
pub mod space;
mod view;

pub use actor::{Committable, StopStore, Store, Submit, Then};
pub use known::Names;
pub use ledger::{CommitError, Health, Ledger, LedgerSettings};
pub use open::OpenError;
pub use ops::{
    Account, Conversation, GroupCard, GroupState, InboxItem, LoginState, Mark, Membership, Op, Outcome, Page, Stored,
};
pub use reader::Reader;
pub use reads::{
    FindGroup, FindGroupById, FindUser, FindUserById, LoadBacklog, LoadFriends, LoadGroup, LoadGroups, LoadHistory,
    LoadLogin, StopReader, StoreReader,
};
pub use rows::ReadError;
