//! Who comes to a transfer, through its port or its doors. Owns: the listener, if a side comes through it. Never: decides
//! who may stay (`meeting` does).

use super::ACCEPT_PAUSE;
use super::doors::{Hung, RECEIVER, SENDER};
use futures::FutureExt;
use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as Pair;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

/// One that has come.
pub(super) enum Arrival {
    /// Through the port, from there. Who it is has to be found out.
    Port(TcpStream, SocketAddr),
    /// With a token, so it is the side of that place.
    Web(usize, TcpStream),
}

/// Where they come.
pub(super) struct Arrivals {
    ticket: u64,
    listener: Option<TcpListener>,
    /// Dropped with this, so that no token outlives its transfer.
    hung: Hung,
}

impl Arrivals {
    pub(super) fn new(ticket: u64, listener: Option<TcpListener>, hung: Hung) -> Self {
        Self { ticket, listener, hung }
    }

    /// The next one. Cancel-safe.
    pub(super) async fn next(&mut self) -> Arrival {
        loop {
            let arrived = {
                let [sender, receiver] = &mut self.hung.arrivals;
                tokio::select! {
                    pair = knocked(sender) => stream_of(pair).map(|stream| Arrival::Web(SENDER, stream)),
                    pair = knocked(receiver) => stream_of(pair).map(|stream| Arrival::Web(RECEIVER, stream)),
                    accepted = accept(self.listener.as_ref()) => accepted,
                }
            };
            match arrived {
                Ok(arrival) => return arrival,
                Err(error) => {
                    log::debug!("relay {}: accept: {error}", self.ticket);
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// One that has come and was not seen yet. Does not wait.
    pub(super) fn waiting(&mut self) -> Option<Arrival> {
        self.next().now_or_never()
    }
}

async fn accept(listener: Option<&TcpListener>) -> io::Result<Arrival> {
    match listener {
        Some(listener) => listener.accept().await.map(|(stream, peer)| Arrival::Port(stream, peer)),
        None => pending().await,
    }
}

/// Waits for the one side that may come through a door, once.
async fn knocked(door: &mut Option<oneshot::Receiver<Pair>>) -> Pair {
    if let Some(arrival) = door {
        let pair = arrival.await;
        *door = None;
        if let Ok(pair) = pair {
            return pair;
        }
    }
    pending().await
}

/// The relay has one type of connection. What it does with one (read, write, peek, splice, shut down) is the same for
/// every stream socket, and nothing of it asks for an address.
fn stream_of(pair: Pair) -> io::Result<TcpStream> {
    TcpStream::from_std(std::net::TcpStream::from(OwnedFd::from(pair)))
}
