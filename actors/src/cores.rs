//! Which thread an actor lives on. Owns: the arbiters, and how actors are made before they run, so that each can
//! know all the others. Never: runs an actor on a thread that another kind may block.

use actix::dev::channel::{AddressReceiver, channel};
use actix::prelude::*;
use protocol::GroupId;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// The mailbox capacity of actors that are reached by `do_send`, which does not respect it: an alarm, not a brake.
const CAPACITY: usize = 64;

/// An address whose actor does not run yet.
pub struct Unborn<A: Actor> {
    receiver: AddressReceiver<A>,
}

/// Makes the address first and the actor later: actors that know each other are started in any order.
#[must_use]
pub fn unborn<A: Actor<Context = Context<A>>>() -> (Addr<A>, Unborn<A>) {
    let (sender, receiver) = channel(CAPACITY);
    (Addr::new(sender), Unborn { receiver })
}

/// The arbiters. In production each kind has its own; in tests all is on the one that runs the test, so that a paused
/// clock rules everything.
pub struct Cores {
    sessions: Vec<ArbiterHandle>,
    store: ArbiterHandle,
    readers: Vec<ArbiterHandle>,
    next: AtomicUsize,
    owned: Mutex<Vec<Arbiter>>,
}

impl Cores {
    /// Starts `session_threads` (at least 1) threads for sessions, one for the store and `reader_threads` for readers.
    #[must_use]
    pub fn start(session_threads: usize, reader_threads: usize) -> Self {
        let sessions: Vec<_> = (0..session_threads.max(1)).map(|_| Arbiter::new()).collect();
        let readers: Vec<_> = (0..reader_threads.max(1)).map(|_| Arbiter::new()).collect();
        let store = Arbiter::new();
        Self {
            sessions: sessions.iter().map(Arbiter::handle).collect(),
            readers: readers.iter().map(Arbiter::handle).collect(),
            store: store.handle(),
            next: AtomicUsize::new(0),
            owned: Mutex::new(sessions.into_iter().chain(readers).chain([store]).collect()),
        }
    }

    /// Everything on the calling arbiter, for tests.
    #[must_use]
    pub fn shared() -> Self {
        let here = Arbiter::current();
        Self {
            sessions: vec![here.clone()],
            readers: vec![here.clone()],
            store: here,
            next: AtomicUsize::new(0),
            owned: Mutex::default(),
        }
    }

    /// How many arbiters sessions live on; there are as many registry shards.
    #[must_use]
    pub fn session_count(&self) -> usize {
        self.sessions.len()
    }

    /// How many arbiters readers live on.
    #[must_use]
    pub fn reader_count(&self) -> usize {
        self.readers.len()
    }

    /// The arbiter for the next session: in turn.
    #[must_use]
    pub fn next_session(&self) -> usize {
        self.next.fetch_add(1, Ordering::Relaxed) % self.sessions.len()
    }

    /// The session arbiter at that place.
    #[must_use]
    pub fn session(&self, at: usize) -> &ArbiterHandle {
        &self.sessions[at % self.sessions.len()]
    }

    /// The arbiter of that group.
    #[must_use]
    pub fn group(&self, group: GroupId) -> &ArbiterHandle {
        self.session(usize::try_from(group.0).unwrap_or(0))
    }

    /// The store's arbiter.
    #[must_use]
    pub fn store(&self) -> &ArbiterHandle {
        &self.store
    }

    /// The reader arbiter at that place.
    #[must_use]
    pub fn reader(&self, at: usize) -> &ArbiterHandle {
        &self.readers[at % self.readers.len()]
    }

    /// Starts an actor on an arbiter.
    pub fn give_birth<A>(arbiter: &ArbiterHandle, unborn: Unborn<A>, actor: impl FnOnce() -> A + Send + 'static)
    where
        A: Actor<Context = Context<A>>,
    {
        arbiter.spawn_fn(move || {
            let context = Context::with_receiver(unborn.receiver);
            actix_rt::spawn(context.into_future(actor()));
        });
    }

    /// Ends the threads that this owns, and waits until they have: what they hold of the database must be closed
    /// before the process ends, which takes RocksDB's own statics away.
    pub fn stop(&self) {
        let owned = std::mem::take(&mut *self.owned.lock().unwrap_or_else(PoisonError::into_inner));
        for arbiter in &owned {
            arbiter.stop();
        }
        for arbiter in owned {
            if arbiter.join().is_err() {
                log::error!("a thread had panicked");
            }
        }
    }
}
