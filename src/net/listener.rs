//! Letting connections in. Owns: binding, and an accept loop that survives whatever `accept` says. Never: makes a
//! link (who is told of the connection does, on the thread where it will live), and never ends by itself.

use socket2::{Domain, Protocol, Socket, Type};
use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

/// Connections that the system completes before we take them: a burst after a restart must not be turned away.
const BACKLOG: i32 = 4096;
/// The first and the longest pause after a failure. The longest bounds how late accepting resumes.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// Failures further apart than this are two episodes.
const EPISODE: Duration = Duration::from_secs(10);
/// Connections that broke before they were taken, one right after the other, until a pause is due after all.
const BROKEN_IN_A_ROW: u32 = 64;

/// Why an address cannot be listened on.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Another program listens there.
    #[error("the address is taken")]
    Taken,
    /// Anything else.
    #[error(transparent)]
    Other(#[from] io::Error),
}

/// A listening socket.
#[derive(Debug)]
pub struct Bound {
    listener: TcpListener,
    address: SocketAddr,
}

impl Bound {
    /// Listens on `address`; port 0 takes a free one.
    ///
    /// # Errors
    /// It is taken, or the system refuses.
    pub fn bind(address: SocketAddr) -> Result<Self, BindError> {
        let listen = || {
            let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
            // A restart must not wait for the last connections' TIME_WAIT.
            socket.set_reuse_address(true)?;
            socket.set_nonblocking(true)?;
            socket.bind(&address.into())?;
            socket.listen(BACKLOG)?;
            let listener = TcpListener::from(socket);
            let address = listener.local_addr()?;
            Ok(Self { listener, address })
        };
        listen().map_err(|error: io::Error| match error.kind() {
            io::ErrorKind::AddrInUse => BindError::Taken,
            _ => BindError::Other(error),
        })
    }

    /// Where it listens, with the port that it got.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// Tells `on_link` of every connection until `stop` says true or is dropped. Then the socket is closed.
pub async fn accept_loop(bound: Bound, stop: watch::Receiver<bool>, on_link: impl FnMut(TcpStream, SocketAddr)) {
    let name = bound.address.to_string();
    let listener = match tokio::net::TcpListener::from_std(bound.listener) {
        Ok(listener) => listener,
        Err(error) => {
            log::error!("listener {name}: the system cannot watch it: {error}");
            return;
        }
    };
    let accept = || async {
        let (stream, peer) = listener.accept().await?;
        // Taken out of this thread's runtime again: it will live in another's. That costs two system calls, which
        // could be saved by watching the socket with `AsyncFd`, whose constructor is unsafe.
        Ok((stream.into_std()?, peer))
    };
    accept_from(&name, accept, stop, on_link).await;
}

/// The loop, over anything that accepts.
async fn accept_from<A, F>(
    name: &str,
    mut accept: A,
    mut stop: watch::Receiver<bool>,
    mut on_link: impl FnMut(TcpStream, SocketAddr),
) where
    A: FnMut() -> F,
    F: Future<Output = io::Result<(TcpStream, SocketAddr)>>,
{
    let mut trouble = Trouble::default();
    loop {
        let accepted = tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => return,
            accepted = accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                if let Some(failures) = trouble.success(Instant::now()) {
                    log::info!("listener {name}: accepting again, after {failures} failures");
                }
                on_link(stream, peer);
            }
            Err(error) => {
                let Some((pause, first)) = trouble.failure(is_the_peers(&error), Instant::now()) else { continue };
                if first {
                    log::warn!("listener {name}: cannot accept connections, trying on: {error}");
                }
                tokio::select! {
                    _ = stop.wait_for(|stop| *stop) => return,
                    () = sleep(pause) => {}
                }
            }
        }
    }
}

/// Whether only the connection that was about to be taken is broken (`accept(2)`): the next one may be well.
fn is_the_peers(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(
        error.kind(),
        Kind::ConnectionAborted
            | Kind::ConnectionReset
            | Kind::Interrupted
            | Kind::NetworkDown
            | Kind::NetworkUnreachable
            | Kind::HostUnreachable
            | Kind::TimedOut
            | Kind::PermissionDenied
    ) || error.raw_os_error() == Some(libc::EPROTO)
}

/// Failures of `accept`: when to pause, for how long, and when to say so. Pure.
#[derive(Debug, Default)]
struct Trouble {
    failures: u64,
    broken_in_a_row: u32,
    pause: Option<Duration>,
    last: Option<Instant>,
}

impl Trouble {
    /// A failure. `None`: try the next one at once. Otherwise how long to pause, and whether an episode begins.
    fn failure(&mut self, the_peers: bool, now: Instant) -> Option<(Duration, bool)> {
        if the_peers {
            self.broken_in_a_row += 1;
            if self.broken_in_a_row < BROKEN_IN_A_ROW {
                return None;
            }
        }
        let begins = self.last.is_none_or(|last| now.duration_since(last) > EPISODE);
        if begins {
            self.failures = 0;
            self.pause = None;
        }
        let pause = self.pause.map_or(FIRST_PAUSE, |pause| (pause * 2).min(LONGEST_PAUSE));
        self.pause = Some(pause);
        self.failures += 1;
        self.last = Some(now);
        Some((pause, begins))
    }

    /// A connection was taken. Returns the failures of an episode that is over. At the limit of open files every
    /// connection that ends lets one more in; that is one long episode, not many.
    fn success(&mut self, now: Instant) -> Option<u64> {
        self.broken_in_a_row = 0;
        self.pause = None;
        let last = self.last?;
        if now.duration_since(last) <= EPISODE {
            return None;
        }
        self.last = None;
        Some(std::mem::take(&mut self.failures))
    }
}

#[cfg(test)]
mod tests;
