//! The scenario `file`: files go from one to another through the server's relay, or through a bare one. Owns: [`Transfers`], two threads for each
//! pair with blocking sockets, since a few streams that move all they can need no event loop. Never: sends a message.
//!
//! With a server, the senders' and receivers' accounts are logged in a second time here, in `plain` (docs/plain.md, Files). Every byte is
//! compared with what was sent.

mod bare;
mod side;

use crate::loadtest::people::Account;
use side::{Side, block};
use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpStream};
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

    /// Receives one file.
    fn take(&self, stream: &mut TcpStream, block: &[u8], size: u64) {
        let outcome = side::take(stream, block, size, |count| {
            self.bytes.fetch_add(count, Ordering::Relaxed);
        });
        match outcome {
            Ok(()) => {
                self.files.fetch_add(1, Ordering::Relaxed);
            }
            Err(error) => self.error(error),
        }
    }
}

/// What files go through.
#[derive(Clone, Debug)]
pub enum Road {
    /// A server: where it speaks `plain`, and the accounts, each two of them a pair.
    Server(SocketAddr, Vec<Account>),
    /// A bare relay (`baseline::files`), and the number of pairs.
    Relay(SocketAddr, u32),
}

/// What [`Transfers`] moved in all.
#[derive(Debug, Default)]
pub struct Moved {
    /// Bytes that receivers got.
    pub bytes: u64,
    /// Files that arrived whole.
    pub files: u64,
    /// What went wrong, and how often.
    pub errors: BTreeMap<String, u64>,
}

/// All transfers of a run, or of one turn of it.
pub struct Transfers {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl Transfers {
    /// Begins to move files of `size` bytes between the two of each pair, one after the other.
    #[must_use]
    pub fn begin(road: &Road, size: u64) -> Self {
        let shared = Arc::new(Shared::default());
        let mut all = Self { shared, threads: Vec::new() };
        match road {
            Road::Server(address, accounts) => {
                let address = *address;
                for pair in accounts.chunks_exact(2) {
                    let (tell, heard) = channel();
                    let (one, other) = (pair[0].clone(), pair[1].clone());
                    let receiver = other.person.name.clone();
                    all.spawn(move |shared| receive(shared, address, &other, size, &tell));
                    all.spawn(move |shared| send(shared, address, &one, &receiver, size, &heard));
                }
            }
            Road::Relay(address, pairs) => {
                let address = *address;
                for pair in 0..*pairs {
                    let ((ask, asked), (tell, heard)) = (channel(), channel());
                    all.spawn(move |shared| bare::receive(shared, address, pair, size, &asked, &tell));
                    all.spawn(move |shared| bare::send(shared, address, pair, size, &ask, &heard));
                }
            }
        }
        all
    }

    fn spawn(&mut self, work: impl FnOnce(&Shared) -> Result<(), String> + Send + 'static) {
        let shared = Arc::clone(&self.shared);
        self.threads.push(thread::spawn(move || {
            if let Err(error) = work(&shared) {
                shared.error(error);
            }
        }));
    }

    /// Bytes that arrived so far.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.shared.bytes.load(Ordering::Relaxed)
    }

    /// Begins no further file, and waits for those that are on their way.
    #[must_use]
    pub fn end(self) -> Moved {
        self.shared.ended.store(true, Ordering::Relaxed);
        for thread in self.threads {
            if thread.join().is_err() {
                self.shared.error("a thread that moves files panicked".into());
            }
        }
        let errors = std::mem::take(&mut *self.shared.errors.lock().unwrap_or_else(PoisonError::into_inner));
        let [bytes, files] = [&self.shared.bytes, &self.shared.files].map(|count| count.load(Ordering::Relaxed));
        Moved { bytes, files, errors }
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
        shared.take(&mut stream, &block, size);
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
