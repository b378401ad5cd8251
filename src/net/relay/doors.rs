//! Where sides come in that come over HTTP. Owns: which tokens open a place in which running transfer. Never: speaks
//! HTTP (`net/http/files.rs` does), or lets a token be used twice.
//!
//! A side that comes is given one end of a socket pair, and the transfer's task gets the other as that side's connection:
//! to `meeting` and `carrying` a browser is one more stream, with the same bounds, time-outs and orderly end. The
//! pair also carries the bytes from the thread that speaks HTTP to the relay's, with back-pressure and without a lock.

use actors::transfer::Token;
use actors::transfer::relay::{RelayEnd, RelayPlan, Way};
use socket2::SockRef;
use std::collections::HashMap;
use std::fmt;
use std::io;
use std::os::unix::net::UnixStream as Pair;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::net::UnixStream;
use tokio::sync::{oneshot, watch};

/// What the system may hold of a pair, each way. (Linux doubles it for its own books.) The default would be 208 KiB,
/// almost another `relay.buffer_bytes`.
const PAIR_BYTES: usize = 32 * 1024;

/// Where the sender and the receiver sit, in everything that has a place for each.
pub(super) const SENDER: usize = 0;
pub(super) const RECEIVER: usize = 1;

/// The doors of all running transfers. Clones share them.
#[derive(Clone, Default)]
pub struct Doors {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// At most two for each running transfer.
    open: Mutex<HashMap<Token, Door>>,
    /// The HTTP listener's; 0 where there is none.
    port: AtomicU16,
}

/// What a token opens.
struct Door {
    place: usize,
    length: u64,
    name: Box<str>,
    knock: oneshot::Sender<Pair>,
    outcome: Outcome,
}

/// What somebody with a token wants.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum How {
    /// To send.
    Put {
        /// So many bytes.
        content_length: u64,
    },
    /// To receive.
    Get,
}

/// Why somebody is not let in. None of these uses a token up.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// No running transfer has this token, or it was used.
    #[error("no such transfer")]
    Unknown,
    /// The token is the receiver's, and somebody wants to send with it, or the other way round.
    #[error("this is the other side's door")]
    WrongWay,
    /// Another length than was offered.
    #[error("the offered length is {0}")]
    WrongLength(u64),
    /// The system gives no socket pair.
    #[error("no sockets are left: {0}")]
    System(#[from] io::Error),
}

/// One side of a transfer that came over HTTP.
#[derive(Debug)]
pub struct Joined {
    /// The bytes: a sender writes them and then shuts down, a receiver reads them. Dropped before that, it
    /// breaks the transfer.
    pub stream: UnixStream,
    /// How many they are.
    pub length: u64,
    /// What the receiver is told of the file's name.
    pub name: Box<str>,
    /// How it ends.
    pub outcome: Outcome,
}

/// How a transfer ends, once it has.
#[derive(Clone, Debug)]
pub struct Outcome(watch::Receiver<Option<RelayEnd>>);

impl Outcome {
    /// Somebody who tells, and somebody who hears.
    pub(super) fn pair() -> (watch::Sender<Option<RelayEnd>>, Self) {
        let (tell, heard) = watch::channel(None);
        (tell, Self(heard))
    }

    /// Waits for the end. Cancel-safe, and may be asked again.
    pub async fn end(&mut self) -> RelayEnd {
        // Nobody left to tell it: the task was dropped, as when the server stops.
        self.0.wait_for(Option::is_some).await.map_or(None, |end| *end).unwrap_or(RelayEnd::Broken)
    }
}

impl Doors {
    /// Says that sides may come through the HTTP listener on this port, which is bound. Until then nobody is told to.
    pub fn set_web_port(&self, port: u16) {
        self.shared.port.store(port, Ordering::Relaxed);
    }

    /// The HTTP listener's port, if there is one.
    #[must_use]
    pub fn web_port(&self) -> Option<u16> {
        Some(self.shared.port.load(Ordering::Relaxed)).filter(|&port| port != 0)
    }

    /// Takes a side's place in its transfer. Must be called inside a tokio runtime, which will drive the stream.
    ///
    /// # Errors
    /// See [`Refused`].
    pub fn join(&self, token: &str, how: How) -> Result<Joined, Refused> {
        let mut open = self.lock();
        let door = open.get(token).ok_or(Refused::Unknown)?;
        match (how, door.place) {
            (How::Put { content_length }, SENDER) if content_length != door.length => {
                return Err(Refused::WrongLength(door.length));
            }
            (How::Put { .. }, SENDER) | (How::Get, RECEIVER) => {}
            _ => return Err(Refused::WrongWay),
        }
        let (mine, theirs) = pair()?;
        let Door { length, name, knock, outcome, .. } = open.remove(token).ok_or(Refused::Unknown)?;
        drop(open);
        // Fails where the transfer ends at this moment.
        knock.send(theirs).map_err(|_| Refused::Unknown)?;
        Ok(Joined { stream: mine, length, name, outcome })
    }

    /// How many tokens can be used now.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.lock().len()
    }

    /// Hangs the doors of a transfer.
    pub(super) fn hang(&self, plan: &RelayPlan, outcome: &Outcome) -> Hung {
        let mut hung = Hung { doors: self.clone(), tokens: [None, None], arrivals: [None, None] };
        let mut open = self.lock();
        for (place, way) in [(SENDER, &plan.sender), (RECEIVER, &plan.receiver)] {
            let Way::Web(token) = way else { continue };
            let (knock, arrival) = oneshot::channel();
            let (name, outcome) = (plan.name.clone(), outcome.clone());
            open.insert(token.clone(), Door { place, length: plan.length, name, knock, outcome });
            hung.tokens[place] = Some(token.clone());
            hung.arrivals[place] = Some(arrival);
        }
        drop(open);
        hung
    }

    /// The table stays right even if a holder panicked: nothing in here is left half done.
    fn lock(&self) -> MutexGuard<'_, HashMap<Token, Door>> {
        self.shared.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Doors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Doors").field("open", &self.lock().len()).field("web_port", &self.web_port()).finish()
    }
}

/// The doors of one transfer, until this is dropped.
pub(super) struct Hung {
    doors: Doors,
    tokens: [Option<Token>; 2],
    /// Who comes through them, by place. `None` for a side that has come or comes through the port.
    pub(super) arrivals: [Option<oneshot::Receiver<Pair>>; 2],
}

impl Drop for Hung {
    fn drop(&mut self) {
        let mut open = self.doors.lock();
        for token in self.tokens.iter().flatten() {
            open.remove(token);
        }
    }
}

/// Two connected sockets: this runtime's, and the relay's.
fn pair() -> io::Result<(UnixStream, Pair)> {
    let (mine, theirs) = Pair::pair()?;
    for end in [&mine, &theirs] {
        end.set_nonblocking(true)?;
        SockRef::from(end).set_send_buffer_size(PAIR_BYTES)?;
    }
    Ok((UnixStream::from_std(mine)?, theirs))
}
