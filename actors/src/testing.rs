//! For tests: a whole chat system on one arbiter and a paused clock, with peers in memory. An hour passes in a
//! millisecond, and nothing depends on the machine's speed. Owns: [`TestWorld`], [`Peer`]. Never: is used by the
//! server.

use crate::session::link::{Arrival, Link};
use crate::settings::ActorSettings;
use crate::system::{ChatSystem, Start};
use crate::transfer::{RelayEnd, RelayHold, RelayPlan, Relays, WhenEnded};
use protocol::{Carrier, DialectId};
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::io::{self, IoSlice};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::time::Instant;

/// One direction of a connection in memory.
#[derive(Default)]
struct Pipe {
    bytes: VecDeque<u8>,
    capacity: usize,
    closed: bool,
    reset: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
    /// When each write came, and how much it brought: for tests of pace.
    writes: Vec<(Instant, Vec<u8>)>,
}

impl Pipe {
    fn wake(&mut self) {
        for waker in [self.reader.take(), self.writer.take()].into_iter().flatten() {
            waker.wake();
        }
    }
}

type Shared = Arc<Mutex<Pipe>>;

fn lock(pipe: &Shared) -> MutexGuard<'_, Pipe> {
    pipe.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The server's end of a connection in memory.
struct MemoryLink {
    incoming: Shared,
    outgoing: Shared,
    peer: SocketAddr,
}

impl Link for MemoryLink {
    fn carrier(&self) -> Carrier {
        Carrier::Stream
    }

    fn peer(&self) -> Option<SocketAddr> {
        Some(self.peer)
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, scratch: &mut [u8]) -> Poll<io::Result<Arrival>> {
        let mut pipe = lock(&self.incoming);
        if pipe.reset {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let n = pipe.bytes.len().min(scratch.len());
        if n == 0 {
            if pipe.closed {
                return Poll::Ready(Ok(Arrival::End));
            }
            pipe.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        for (to, from) in scratch.iter_mut().zip(pipe.bytes.drain(..n)) {
            *to = from;
        }
        Poll::Ready(Ok(Arrival::Bytes(n)))
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, pieces: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let mut pipe = lock(&self.outgoing);
        if pipe.reset {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let room = pipe.capacity.saturating_sub(pipe.bytes.len());
        if room == 0 {
            pipe.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let written: Vec<u8> = pieces.iter().flat_map(|piece| piece.iter().copied()).take(room).collect();
        pipe.bytes.extend(&written);
        let n = written.len();
        pipe.writes.push((Instant::now(), written));
        if let Some(reader) = pipe.reader.take() {
            reader.wake();
        }
        Poll::Ready(Ok(n))
    }

    fn poll_close(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut pipe = lock(&self.outgoing);
        pipe.closed = true;
        pipe.wake();
        Poll::Ready(Ok(()))
    }

    /// What the test's peer has not read counts as not acknowledged.
    fn unacknowledged(&self) -> Option<usize> {
        Some(lock(&self.outgoing).bytes.len())
    }
}

impl Drop for MemoryLink {
    fn drop(&mut self) {
        for pipe in [&self.incoming, &self.outgoing] {
            let mut pipe = lock(pipe);
            pipe.closed = true;
            pipe.wake();
        }
    }
}

/// A test's end of a connection in memory: a line client, unless it says things in another way.
pub struct Peer {
    to_server: Shared,
    from_server: Shared,
}

impl Peer {
    /// Says a line.
    pub fn say(&self, line: &str) {
        self.send(line);
        self.send("\n");
    }

    /// Sends text as it is.
    pub fn send(&self, text: &str) {
        let mut pipe = lock(&self.to_server);
        pipe.bytes.extend(text.as_bytes());
        pipe.wake();
    }

    /// The next line; `None` once the server has closed.
    pub async fn hear(&self) -> Option<String> {
        poll_fn(|cx| {
            let mut pipe = lock(&self.from_server);
            if let Some(end) = pipe.bytes.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = pipe.bytes.drain(..=end).take(end).collect();
                if let Some(writer) = pipe.writer.take() {
                    writer.wake();
                }
                return Poll::Ready(Some(String::from_utf8_lossy(&line).into_owned()));
            }
            if pipe.closed {
                return Poll::Ready(None);
            }
            pipe.reader = Some(cx.waker().clone());
            Poll::Pending
        })
        .await
    }

    /// Says a line and hears one.
    pub async fn ask(&self, line: &str) -> String {
        self.say(line);
        self.hear().await.unwrap_or_else(|| "(closed)".to_owned())
    }

    /// Everything that has come and was not heard, once nothing moves any more. No time passes but the millisecond
    /// that it takes to see that.
    pub async fn rest(&self) -> String {
        tokio::time::sleep(Duration::from_millis(1)).await;
        let mut pipe = lock(&self.from_server);
        let rest: Vec<u8> = pipe.bytes.drain(..).collect();
        if let Some(writer) = pipe.writer.take() {
            writer.wake();
        }
        String::from_utf8_lossy(&rest).into_owned()
    }

    /// What each write of the server brought, and when, since the last call.
    pub fn writes(&self) -> Vec<(Instant, String)> {
        let writes = std::mem::take(&mut lock(&self.from_server).writes);
        writes.into_iter().map(|(at, bytes)| (at, String::from_utf8_lossy(&bytes).into_owned())).collect()
    }

    /// Closes in order.
    pub fn close(&self) {
        let mut pipe = lock(&self.to_server);
        pipe.closed = true;
        pipe.wake();
    }

    /// Is gone without a word, with what it had not read.
    pub fn vanish(&self) {
        for pipe in [&self.to_server, &self.from_server] {
            let mut pipe = lock(pipe);
            pipe.reset = true;
            pipe.wake();
        }
    }
}

/// Moves no bytes: transfers wait until the test ends them.
#[derive(Default)]
pub struct NoRelays {
    open: Mutex<Vec<(RelayPlan, WhenEnded)>>,
}

struct NoHold;
impl RelayHold for NoHold {}

impl Relays for NoRelays {
    fn open(&self, plan: RelayPlan, when_ended: WhenEnded) -> io::Result<(u16, Box<dyn RelayHold>)> {
        let port = if plan.port == 0 { 4242 } else { plan.port };
        self.open.lock().unwrap_or_else(PoisonError::into_inner).push((plan, when_ended));
        Ok((port, Box::new(NoHold)))
    }
}

impl NoRelays {
    /// Ends the oldest transfer.
    pub fn end_first(&self, end: RelayEnd) {
        let (_, when_ended) = self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(0);
        when_ended(end);
    }
}

/// A chat system on the calling arbiter.
pub struct TestWorld {
    /// The system.
    pub chat: ChatSystem,
    /// Its transfers.
    pub relays: Arc<NoRelays>,
    plain: DialectId,
}

impl Drop for TestWorld {
    /// The test is over, and its actors may end.
    fn drop(&mut self) {
        self.chat.house().watch.stop();
    }
}

impl TestWorld {
    /// Starts one over `data`.
    ///
    /// # Panics
    /// Where it does not start: the test has failed.
    #[must_use]
    pub fn start(data: &Path, settings: ActorSettings) -> Self {
        let relays = Arc::new(NoRelays::default());
        let start = Start {
            settings,
            data,
            accept_loss: false,
            relays: relays.clone(),
            on_death: Box::new(|death| panic!("the server cannot go on: {death:?}")),
        };
        let chat = ChatSystem::start_here(start).unwrap_or_else(|error| panic!("{error}"));
        let plain = DialectId::by_name("plain").unwrap_or_else(|| panic!("no plain dialect"));
        Self { chat, relays, plain }
    }

    /// A new connection from this machine.
    #[must_use]
    pub fn connect(&self) -> Peer {
        self.connect_from(IpAddr::V4(Ipv4Addr::LOCALHOST), usize::MAX)
    }

    /// A new connection from an address, of which `capacity` unread bytes find room on the way.
    #[must_use]
    pub fn connect_from(&self, address: IpAddr, capacity: usize) -> Peer {
        let pipe = || Arc::new(Mutex::new(Pipe { capacity, ..Pipe::default() }));
        let (incoming, outgoing) = (pipe(), pipe());
        let peer = Peer { to_server: incoming.clone(), from_server: outgoing.clone() };
        let link = MemoryLink { incoming, outgoing, peer: SocketAddr::new(address, 1) };
        self.chat.admit(self.plain, Box::new(move || Ok(Box::new(link))));
        peer
    }

    /// Registers `name` with the password `pw`, if need be, and logs it in: the reply is heard, what follows is not.
    pub async fn enter(&self, name: &str) -> Peer {
        let peer = self.connect();
        peer.ask(&format!(r#"{{"cmd":"register","user":"{name}","password":"pw"}}"#)).await;
        peer.ask(&format!(r#"{{"cmd":"login","user":"{name}","password":"pw"}}"#)).await;
        peer
    }
}

/// Runs a test on one arbiter and a paused clock.
///
/// # Panics
/// Where the runtime cannot be made.
pub fn run<F: Future<Output = ()>>(test: F) {
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap_or_else(|error| panic!("{error}"))
    };
    actix::System::with_tokio_rt(runtime).block_on(test);
}

/// Settings as tests want them: the cheapest hash there is.
#[must_use]
pub fn cheap(mut settings: ActorSettings) -> ActorSettings {
    settings.auth.memory_kib = 8;
    settings.auth.passes = 1;
    settings.auth.parallel = 1;
    settings.relay.ports = "0".to_owned();
    settings
}
