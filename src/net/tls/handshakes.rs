//! Handshakes under way, on the listeners' own thread. Owns: how many there may be and how long each may take, and which
//! certificate is shown. Never: the accept loop's time: each is a task of its own.

use super::certificate::{self, Identity};
use super::stream::TlsStream;
use crate::net::seats::Seats;
use crate::net::socket;
use crate::settings::{LinkKind, TlsSettings};
use std::cell::RefCell;
use std::future::{pending, poll_fn};
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::time::timeout;

/// All handshakes of a server.
pub(crate) struct Handshakes {
    settings: TlsSettings,
    identity: RefCell<Identity>,
    seats: Seats,
    keepalive: Duration,
    stopped: watch::Receiver<bool>,
}

impl Handshakes {
    /// None are under way. `stopped` tells when no more are to be let in.
    pub(crate) fn new(
        settings: &TlsSettings,
        identity: Identity,
        keepalive: Duration,
        stopped: watch::Receiver<bool>,
    ) -> Self {
        Self {
            settings: settings.clone(),
            identity: RefCell::new(identity),
            seats: Seats::new(settings.max_handshakes),
            keepalive,
            stopped,
        }
    }

    /// One handshake. `None` where it came to nothing: the peer was too slow, spoke something else, or somebody else got its
    /// place; it is gone then.
    pub(crate) async fn shake(&self, link: LinkKind, stream: TcpStream, peer: SocketAddr) -> Option<TlsStream> {
        let mut seat = self.seats.take()?;
        let mut stopped = self.stopped.clone();
        let mut stream = match self.begin(link, stream) {
            Ok(stream) => stream,
            Err(error) => {
                log::debug!("{peer}: gone before its TLS handshake: {error}");
                return None;
            }
        };
        let patience = Duration::from_secs(self.settings.handshake_timeout_s);
        tokio::select! {
            biased;
            outcome = timeout(patience, poll_fn(|cx| stream.poll_handshake(cx))) => match outcome {
                Ok(Ok(())) => return Some(stream),
                Ok(Err(error)) => log::debug!("{peer}: a TLS handshake failed: {error}"),
                Err(_) => log::debug!("{peer}: a TLS handshake took too long"),
            },
            () = seat.lost() => log::debug!("{peer}: too many TLS handshakes at once, and this is the oldest"),
            // An error means that whoever would tell is gone, which is the same.
            _ = stopped.wait_for(|stopped| *stopped) => {}
        }
        None
    }

    fn begin(&self, link: LinkKind, stream: TcpStream) -> io::Result<TlsStream> {
        let (tcp, _) = socket::adopt(stream, self.keepalive)?;
        let identity = self.identity.borrow();
        let config = match link {
            LinkKind::Tcp => &identity.bare,
            LinkKind::Websocket => &identity.web,
        };
        TlsStream::new(tcp, Arc::clone(config))
    }

    /// Reads the certificate again at each SIGHUP. Who is connected notices nothing; a certificate that is no good is told in the log,
    /// and the one before it stays. Never ends before `stopped` says so.
    /// From the call on SIGHUP no longer kills the process.
    pub(crate) fn keep_current(self: Rc<Self>) -> impl Future<Output = ()> {
        let mut hangup = signal(SignalKind::hangup())
            .inspect_err(|error| log::warn!("SIGHUP cannot be caught, so a new certificate needs a restart: {error}"))
            .ok();
        let mut stopped = self.stopped.clone();
        async move {
            loop {
                let hung_up = async {
                    match &mut hangup {
                        Some(hangup) => hangup.recv().await,
                        None => pending().await,
                    }
                };
                tokio::select! {
                    _ = hung_up => self.renew(),
                    _ = stopped.wait_for(|stopped| *stopped) => return,
                }
            }
        }
    }

    fn renew(&self) {
        match certificate::load(&self.settings) {
            Ok(identity) => {
                *self.identity.borrow_mut() = identity;
                log::info!("SIGHUP: the certificate was read again and is in use");
            }
            Err(lines) => {
                for line in lines {
                    log::error!("SIGHUP: the certificate stays as it was: {line}");
                }
            }
        }
    }
}
