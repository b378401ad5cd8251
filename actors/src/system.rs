//! The chat system: everything behind the sockets. Owns: the one ordered list of the cast ([`CAST`]), from which the
//! start and, read backwards, the drain are derived. Never: opens a socket.

use crate::accounts::{Accounts, Hasher};
use crate::cores::{Cores, Unborn, unborn};
use crate::group::{Directory, StopGroups};
use crate::house::{Death, House, Watch};
use crate::lobby::{Admit, DrainLobby, Lobby, OpenLink, StopLobby};
use crate::mail::{DrainMail, Mailer, Mails, Places, StopMail};
use crate::registry::{Registry, Shard};
use crate::session::Manners;
use crate::settings::ActorSettings;
use crate::store::{Ledger, LedgerSettings, Names, OpenError, Reader, StopReader, StopStore, Store, StoreReader};
use crate::transfer::{PortsError, Relays, StopTransfers, TransferBroker};
use actix::prelude::*;
use futures::future::LocalBoxFuture;
use protocol::DialectId;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

/// Why the chat system could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The database.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// The system gives no threads.
    #[error("the system gives no thread for hashing passwords: {0}")]
    Threads(#[from] std::io::Error),
    /// The relay's ports.
    #[error(transparent)]
    Ports(#[from] PortsError),
}

/// What a start needs.
pub struct Start<'a> {
    /// The settings that actors use.
    pub settings: ActorSettings,
    /// The data folder; there already.
    pub data: &'a Path,
    /// Go on although the database has lost something; it is copied first.
    pub accept_loss: bool,
    /// Whoever moves the bytes of files.
    pub relays: Arc<dyn Relays>,
    /// Whoever carries mail.
    pub mails: Arc<dyn Mails>,
    /// Told once when the server cannot go on.
    pub on_death: Box<dyn Fn(Death) + Send + Sync>,
}

/// One row of the cast.
struct Role {
    /// As in logs.
    name: &'static str,
    /// Starts its actors, whose addresses exist already.
    start: fn(&mut Unborns, &Arc<House>) -> Result<(), StartError>,
    /// Ends them: what they still have to do is done first, by the given time at the latest.
    drain: fn(&ChatSystem, Instant) -> LocalBoxFuture<'_, ()>,
}

/// The cast, in the order of its start. The drain goes backwards, in the direction in which messages flow: from those
/// who speak to people to the one who keeps what was said. To add an actor: a folder, and a row here.
const CAST: [Role; 8] = [
    // Ends last: what the store commits last may be a code that is to be mailed.
    Role { name: "mailer", start: start_mailer, drain: drain_mailer },
    Role { name: "store", start: start_store, drain: drain_store },
    Role { name: "store readers", start: start_readers, drain: drain_readers },
    Role { name: "accounts", start: start_accounts, drain: |_, _| Box::pin(std::future::ready(())) },
    Role { name: "registry", start: start_registry, drain: |_, _| Box::pin(std::future::ready(())) },
    Role { name: "group directory", start: start_directory, drain: drain_groups },
    Role { name: "transfer broker", start: start_transfers, drain: drain_transfers },
    Role { name: "lobbies", start: start_lobbies, drain: drain_lobbies },
];

/// Mailboxes whose actors do not run yet, and what they will own.
struct Unborns {
    ledger: Option<Ledger>,
    reader: Reader,
    hasher: Option<Hasher>,
    relays: Arc<dyn Relays>,
    mails: Arc<dyn Mails>,
    mailer: Option<Unborn<Mailer>>,
    store: Option<Unborn<Store>>,
    readers: Vec<Unborn<StoreReader>>,
    accounts: Option<Unborn<Accounts>>,
    shards: Vec<Unborn<Shard>>,
    directory: Option<Unborn<Directory>>,
    transfers: Option<Unborn<TransferBroker>>,
    lobbies: Vec<Unborn<Lobby>>,
}

/// A running chat system. Lives on the thread of the actix system.
pub struct ChatSystem {
    house: Arc<House>,
    lobbies: Vec<Addr<Lobby>>,
}

impl ChatSystem {
    /// Opens the store and starts everything, with threads as the settings say.
    ///
    /// # Errors
    /// The database cannot be opened, or the system gives no threads.
    pub fn start(start: Start<'_>) -> Result<Self, StartError> {
        let threads = &start.settings.actors;
        let sessions = match threads.session_threads {
            0 => std::thread::available_parallelism().map_or(1, |n| n.get().saturating_sub(1)).max(1),
            n => n,
        };
        let hasher = Hasher::start(&start.settings.auth)?;
        let ledger = Self::open(&start)?;
        let cores = Cores::start(sessions, threads.reader_threads);
        Self::assemble(start, ledger, cores, hasher)
    }

    /// The same on the calling arbiter alone, hashing in place: for tests under a paused clock.
    ///
    /// # Errors
    /// The database cannot be opened.
    pub fn start_here(start: Start<'_>) -> Result<Self, StartError> {
        let hasher = Hasher::inline(&start.settings.auth);
        let ledger = Self::open(&start)?;
        Self::assemble(start, ledger, Cores::shared(), hasher)
    }

    fn open(start: &Start<'_>) -> Result<Ledger, StartError> {
        let settings = LedgerSettings::from(&start.settings);
        Ok(Ledger::open(start.data, settings, start.accept_loss)?)
    }

    fn assemble(start: Start<'_>, ledger: Ledger, cores: Cores, hasher: Hasher) -> Result<Self, StartError> {
        let many = cores.session_count();
        let (mailer, mailer_box) = unborn();
        let (store, store_box) = unborn();
        let (readers, reader_boxes) = (0..cores.reader_count()).map(|_| unborn()).unzip();
        let (accounts, accounts_box) = unborn();
        let (shards, shard_boxes) = (0..many).map(|_| unborn()).unzip();
        let (directory, directory_box) = unborn();
        let (transfers, transfers_box) = unborn();
        let (lobbies, lobby_boxes) = (0..many).map(|_| unborn()).unzip();
        let mut unborns = Unborns {
            reader: ledger.reader(),
            ledger: Some(ledger),
            hasher: Some(hasher),
            relays: start.relays,
            mails: start.mails,
            mailer: Some(mailer_box),
            store: Some(store_box),
            readers: reader_boxes,
            accounts: Some(accounts_box),
            shards: shard_boxes,
            directory: Some(directory_box),
            transfers: Some(transfers_box),
            lobbies: lobby_boxes,
        };
        let house = Arc::new(House {
            manners: Manners::of_all(&start.settings),
            letters: Places::new(start.settings.mail.queue),
            settings: start.settings,
            cores,
            store,
            readers,
            registry: Registry::new(shards),
            directory,
            transfers,
            accounts,
            mailer,
            names: Names::default(),
            connections: AtomicUsize::new(0),
            watch: Arc::new(Watch::new(start.on_death)),
        });
        for role in &CAST {
            log::debug!("starting: {}", role.name);
            (role.start)(&mut unborns, &house)?;
        }
        Ok(Self { house, lobbies })
    }

    /// Takes a connection in. Never blocks; one too many is told so and closed.
    pub fn admit(&self, dialect: DialectId, open: OpenLink) {
        self.let_in(Admit { dialect, visitor: false, open });
    }

    /// Takes in a connection that only asks something and goes: it is never online, and nothing is delivered to it.
    pub fn admit_visitor(&self, dialect: DialectId, open: OpenLink) {
        self.let_in(Admit { dialect, visitor: true, open });
    }

    fn let_in(&self, admit: Admit) {
        self.lobbies[self.house.cores.next_session()].do_send(admit);
    }

    /// How many connections there are.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.house.connections.load(Ordering::Relaxed)
    }

    /// What every actor shares; for tests and for the actors to come.
    #[must_use]
    pub fn house(&self) -> &Arc<House> {
        &self.house
    }

    /// Stops everything in order: sessions answer what they were asked and say goodbye, until `deadline`; the store
    /// then writes what it has and closes. May be called again, with an earlier deadline.
    pub async fn drain(&self, deadline: Instant) {
        self.house.watch.stop();
        for role in CAST.iter().rev() {
            log::debug!("draining: {}", role.name);
            (role.drain)(self, deadline).await;
        }
        self.house.cores.stop();
    }
}

fn start_mailer(unborns: &mut Unborns, house: &Arc<House>) -> Result<(), StartError> {
    if let Some(unborn) = unborns.mailer.take() {
        let (own, mails) = (house.clone(), unborns.mails.clone());
        Cores::give_birth(house.cores.reader(0), unborn, move || Mailer::new(&own, mails));
    }
    Ok(())
}

fn start_store(unborns: &mut Unborns, house: &Arc<House>) -> Result<(), StartError> {
    if let Some((unborn, ledger)) = unborns.store.take().zip(unborns.ledger.take()) {
        let own = house.clone();
        Cores::give_birth(house.cores.store(), unborn, move || Store::new(own, ledger));
    }
    Ok(())
}

fn start_readers(unborns: &mut Unborns, house: &Arc<House>) -> Result<(), StartError> {
    for (at, unborn) in unborns.readers.drain(..).enumerate() {
        let (own, reader) = (house.clone(), unborns.reader.clone());
        Cores::give_birth(house.cores.reader(at), unborn, move || StoreReader::new(own, reader));
    }
    Ok(())
}

fn start_accounts(unborns: &mut Unborns, house: &Arc<House>) -> Result<(), StartError> {
    if let Some((unborn, hasher)) = unborns.accounts.take().zip(unborns.hasher.take()) {
        let (own, reader) = (house.clone(), unborns.reader.clone());
        // It reads credentials, so it lives with those who read.
        Cores::give_birth(house.cores.reader(0), unborn, move || Accounts::new(own, reader, hasher));
    }
    Ok(())
}

fn start_registry(unborns: &mut Unborns, house: &Arc<House>) -> Result<(), StartError> {
    for (at, unborn) in unborns.shards.drain(..).enumerate() {
        let own = house.clone();
        Cores::give_birth(house.cores.session(at), unborn, move || Shard::new(own));
    }
    Ok(())
}

fn start_directory(unborns: &mut Unborns, house: &Arc<House>) -> Result<(), StartError> {
    if let Some(unborn) = unborns.directory.take() {
        let own = house.clone();
        Cores::give_birth(house.cores.session(0), unborn, move || Directory::new(own));
    }
    Ok(())
}

fn start_transfers(unborns: &mut Unborns, house: &Arc<House>) -> Result<(), StartError> {
    if let Some(unborn) = unborns.transfers.take() {
        let broker = TransferBroker::new(house, unborns.relays.clone())?;
        Cores::give_birth(house.cores.reader(0), unborn, move || broker);
    }
    Ok(())
}

fn start_lobbies(unborns: &mut Unborns, house: &Arc<House>) -> Result<(), StartError> {
    for (at, unborn) in unborns.lobbies.drain(..).enumerate() {
        let own = house.clone();
        Cores::give_birth(house.cores.session(at), unborn, move || Lobby::new(own));
    }
    Ok(())
}

fn drain_lobbies(chat: &ChatSystem, deadline: Instant) -> LocalBoxFuture<'_, ()> {
    Box::pin(async move {
        let mut empty = Vec::new();
        for lobby in &chat.lobbies {
            let (done, drained) = oneshot::channel();
            lobby.do_send(DrainLobby { done });
            empty.push(drained);
        }
        for drained in empty {
            if timeout_at(deadline, drained).await.is_err() {
                // A drain without patience ends before an empty lobby could say that it is one.
                let left = chat.connections();
                if left > 0 {
                    log::warn!("cutting the connections that did not finish in time: {left}");
                }
                break;
            }
        }
        for lobby in &chat.lobbies {
            lobby.do_send(StopLobby);
        }
    })
}

fn drain_transfers(chat: &ChatSystem, _: Instant) -> LocalBoxFuture<'_, ()> {
    Box::pin(async move { chat.house.transfers.do_send(StopTransfers) })
}

fn drain_groups(chat: &ChatSystem, _: Instant) -> LocalBoxFuture<'_, ()> {
    Box::pin(async move { chat.house.directory.do_send(StopGroups) })
}

fn drain_readers(chat: &ChatSystem, _: Instant) -> LocalBoxFuture<'_, ()> {
    Box::pin(async move {
        for reader in &chat.house.readers {
            reader.do_send(StopReader);
        }
    })
}

fn drain_mailer(chat: &ChatSystem, deadline: Instant) -> LocalBoxFuture<'_, ()> {
    Box::pin(async move {
        let (done, drained) = oneshot::channel();
        chat.house.mailer.do_send(DrainMail { done });
        if timeout_at(deadline, drained).await.is_err() {
            // Its answer says that it has counted what it drops; an error that it had stopped already.
            let _ = chat.house.mailer.send(StopMail).await;
        }
    })
}

/// The store is waited for without a bound: what it has been given must be on the disk.
fn drain_store(chat: &ChatSystem, _: Instant) -> LocalBoxFuture<'_, ()> {
    Box::pin(async move {
        // An error means that it has stopped already.
        let _ = chat.house.store.send(StopStore).await;
    })
}
