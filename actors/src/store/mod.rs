//! The store: the only place that knows how anything is kept. Owns: the database and everything beside it in the data
//! folder. [`Store`] is the persistence actor and the only writer; [`StoreReader`]s read.
//!
//! The plain structs under them know no actor: [`Ledger`] stages and commits, [`Reader`] sees what is committed,
//! [`schema`] says where everything lies, [`high_water`] notices when the database has lost something.
//! Never: knows a dialect.

mod actor;
mod batch;
mod caches;
mod courier;
mod desk;
mod gather;
pub mod high_water;
mod known;
pub mod ledger;
mod lists;
mod migrations;
pub mod open;
pub mod ops;
mod pages;
pub mod reader;
mod reads;
mod rocks;
mod rows;
mod runs;
mod salvage;
pub mod schema;
pub mod space;
mod view;

pub use actor::{Committable, StopStore, Store, Submit, Then};
pub use known::Names;
pub use ledger::{CommitError, Health, Ledger, LedgerSettings, code_hash};
pub use open::OpenError;
pub use ops::{
    Account, Conversation, Destination, FriendAsking, GroupCard, GroupState, InboxItem, Lapse, LoginState, Mark,
    Membership, Op, Outcome, Page, Stamp, Stored,
};
pub use reader::Reader;
pub use reads::{
    FindGroup, FindGroupById, FindUser, FindUserByEmail, FindUserById, LoadBacklog, LoadBlocked, LoadFriends,
    LoadGroup, LoadGroupInfo, LoadGroups, LoadHistory, LoadLogin, LoadProfile, StopReader, StoreReader,
};
pub use rows::ReadError;
