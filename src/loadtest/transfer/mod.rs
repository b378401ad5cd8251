//! The scenario `file`: files go from one to another through the server's relay. Owns: [`Transfers`], two threads for each pair with
//! blocking sockets, since a few streams that move all they can need no event loop. Never: sends a message.
//!
//! The senders' and receivers' accounts are logged in a second time here, in `plain` (docs/plain.md, Files). Every byte is compared with what was
//! sent.

mod side;

use crate::loadtest::people::Account;
use side::{Side, block};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

/// What threads and the run share.
#[derive(Default)]
struct Shared {
    /// Bytes that receivers got, and files that they got whole.
    bytes: AtomicU64,
    files: AtomicU64,
    ended: AtomicBool,
    errors: Mutex<BTreeMap<String, u64>>,
}

impl Shared {
    fn error(&self, what: String) {
        *self.errors.lock().unwrap_or_else(PoisonError::into_inner).entry(what).or_default() += 1;
    }
}

/// All transfers of a run.
pub struct Transfers {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl Transfers {
    /// Begins to move files of `size` bytes between the two of each pair, one after the other.
    #[must_use]
    pub fn begin(address: SocketAddr, accounts: &[Account], size: u64) -> Self {
        let shared = Arc::new(Shared::default());
        let mut threads = Vec::new();
        for pair in accounts.chunks_exact(2) {
            let (tell, heard) = channel();
            let (one, other) = (pair[0].clone(), pair[1].clone());
            let receiver = other.person.name.clone();
            let book = Arc::clone(&shared);
            threads.push(thread::spawn(move || noted(&book, |book| receive(book, address, &other, size, &tell))));
            let book = Arc::clone(&shared);
            threads
                .push(thread::spawn(move || noted(&book, |book| send(book, address, &one, &receiver, size, &heard))));
        }
        Self { shared, threads }
    }

    /// Bytes that arrived so far.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.shared.bytes.load(Ordering::Relaxed)
    }

    /// Begins no further file, and waits for those that are on their way. Gives the number of whole files, and what went wrong.
    #[must_use]
    pub fn end(self) -> (u64, BTreeMap<String, u64>) {
        self.shared.ended.store(true, Ordering::Relaxed);
        for thread in self.threads {
            if thread.join().is_err() {
                self.shared.error("a thread that moves files panicked".into());
            }
        }
        let errors = std::mem::take(&mut *self.shared.errors.lock().unwrap_or_else(PoisonError::into_inner));
        (self.shared.files.load(Ordering::Relaxed), errors)
    }
}

fn noted(shared: &Shared, work: impl FnOnce(&Shared) -> Result<(), String>) {
    if let Err(error) = work(shared) {
        shared.error(error);
    }
}

/// Receives until the sender says that there are no more.
fn receive(shared: &Shared, address: SocketAddr, who: &Account, size: u64, tell: &Sender<()>) -> Result<(), String> {
    let mut side = Side::log_in(address, who)?;
    // The sender begins when its receiver is there.
    if tell.send(()).is_err() {
        return Ok(());
    }
    let block = block();
    while let Some(port) = side.port("recv_file_port_reply", || shared.ended.load(Ordering::Relaxed))? {
        let mut stream = side.connect(port)?;
        let outcome = side::take(&mut stream, &block, size, |count| {
            shared.bytes.fetch_add(count, Ordering::Relaxed);
        });
        match outcome {
            Ok(()) => {
                shared.files.fetch_add(1, Ordering::Relaxed);
            }
            Err(error) => shared.error(error),
        }
        // Without the sender there is nothing more to come.
        if tell.send(()).is_err() {
            break;
        }
    }
    Ok(())
}

/// Sends one file after the other, each when the one before has arrived.
fn send(
    shared: &Shared,
    address: SocketAddr,
    who: &Account,
    to: &str,
    size: u64,
    heard: &Receiver<()>,
) -> Result<(), String> {
    let mut side = Side::log_in(address, who)?;
    let block = block();
    // An end of the channel is the receiver's end, which tells its own reason.
    while heard.recv().is_ok() && !shared.ended.load(Ordering::Relaxed) {
        side.offer(to, size)?;
        let Some(port) = side.port("send_file_port_reply", || false)? else { break };
        let mut stream = side.connect(port)?;
        side::give(&mut stream, &block, size)?;
    }
    Ok(())
}
