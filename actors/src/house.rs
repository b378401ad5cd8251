//! What every actor of one server shares: the addresses of the cast, and the settings.
//! Owns: [`House`] and [`Essential`], the guard of actors that the server cannot live without.
//! Never: has state of its own beyond a counter of connections and a flag that it is stopping.

use crate::accounts::Accounts;
use crate::cores::Cores;
use crate::group::Directory;
use crate::mail::{Mailer, Places};
use crate::registry::Registry;
use crate::session::Manners;
use crate::settings::ActorSettings;
use crate::store::{Names, Store, StoreReader};
use crate::transfer::TransferBroker;
use actix::prelude::*;
use protocol::UserId;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// The addresses of the cast and the settings. One per server, shared as `Arc<House>`.
pub struct House {
    /// The settings that actors use.
    pub settings: ActorSettings,
    /// Which arbiter an actor lives on.
    pub cores: Cores,
    /// The only writer.
    pub store: Addr<Store>,
    /// Those who read.
    pub readers: Vec<Addr<StoreReader>>,
    /// How each dialect wants to be treated, in the order of [`protocol::DIALECTS`].
    pub manners: Vec<Manners>,
    /// Who is online.
    pub registry: Registry,
    /// Which groups are awake.
    pub directory: Addr<Directory>,
    /// File transfers.
    pub transfers: Addr<TransferBroker>,
    /// Passwords.
    pub accounts: Addr<Accounts>,
    /// Letters on their way.
    pub mailer: Addr<Mailer>,
    /// Room for letters, taken before one is written.
    pub letters: Arc<Places>,
    /// Names that were looked up lately.
    pub names: Names,
    /// How many connections there are.
    pub connections: AtomicUsize,
    /// What keeps the server honest when an essential actor dies.
    pub watch: Arc<Watch>,
}

impl House {
    /// The reader that serves this account: always the same one, so that its questions are answered in order.
    #[must_use]
    pub fn reader(&self, user: UserId) -> &Addr<StoreReader> {
        let at = usize::try_from(user.0).unwrap_or(0) % self.readers.len();
        &self.readers[at]
    }
}

/// Why a server cannot go on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Death {
    /// An essential actor died: a fault of the server's own.
    Actor(&'static str),
    /// The database could not be written.
    Storage,
}

/// What notices that the server cannot go on. By default the process then ends with a code of its own, and is
/// started again.
pub struct Watch {
    stopping: AtomicBool,
    on_death: Box<dyn Fn(Death) + Send + Sync>,
}

impl Watch {
    /// Calls `on_death`, once, unless the server is stopping.
    #[must_use]
    pub fn new(on_death: Box<dyn Fn(Death) + Send + Sync>) -> Self {
        Self { stopping: AtomicBool::new(false), on_death }
    }

    /// From now on actors may end.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
    }

    /// The server cannot go on.
    pub fn died(&self, death: Death) {
        if !self.stopping.swap(true, Ordering::SeqCst) {
            (self.on_death)(death);
        }
    }
}

/// Held by an actor that the server cannot live without. Dropped with it, also by a panic: `Supervisor` would not
/// notice one, and `stopped()` is not always called.
pub struct Essential {
    name: &'static str,
    watch: Arc<Watch>,
}

impl Essential {
    /// A guard for the actor of that name.
    #[must_use]
    pub fn new(name: &'static str, watch: Arc<Watch>) -> Self {
        Self { name, watch }
    }
}

impl Drop for Essential {
    fn drop(&mut self) {
        self.watch.died(Death::Actor(self.name));
    }
}

/// The time of day, for people: milliseconds since 1970 (UTC). Never used to order anything.
#[must_use]
pub fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
