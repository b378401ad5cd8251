//! The file relay: the sockets that move the bytes of file transfers. Owns: one thread named `relay` with all of its
//! listeners, connections and pipes. Never: shares that thread with sessions or actors, reads or writes a file, opens
//! a connection of its own, or decides who may transfer (the broker does).
//!
//! One transfer is one task: `meeting` waits until it is certain who the two sides are, `carrying` moves the
//! bytes and closes in order. `arrivals` are those who connect and those who come through `doors`, over HTTP; `gate`
//! says who of the former may be what; `intake` and `buffer` hold what was read
//! ahead; `lull` lets the thread pause while files move fast. Everything waits for a bounded time, and a transfer's memory is `buffer_bytes` and a few KiB.

mod arrivals;
mod buffer;
mod carrying;
mod doors;
mod gate;
mod intake;
mod lull;
mod meeting;
#[cfg(test)]
pub(in crate::net) mod tests;

pub use buffer::Mover;
pub use doors::{Doors, How, Joined, Outcome, Refused};

use actors::transfer::relay::{RelayEnd, RelayHold, RelayPlan, Relays, WhenEnded};
use arrivals::{Arrival, Arrivals};
use gate::Gate;
use lull::Lull;
use meeting::Meeting;
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::SocketAddr;
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Handle};
use tokio::sync::{oneshot, watch};

/// Connections that wait to be accepted. Two are expected; strangers beyond this wait in their own systems.
const BACKLOG: i32 = 16;

/// The pause after an accept that failed, as when the process is out of file descriptors: trying again at once would
/// only burn the processor.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// Moves the bytes between sockets, on a thread of its own. Dropping it ends all transfers as [`RelayEnd::Broken`] and joins
/// the thread.
pub struct TcpRelays {
    runtime: Handle,
    mover: Mover,
    lull: Lull,
    doors: Doors,
    /// Dropped to stop the thread.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl TcpRelays {
    /// Starts the relay thread. [`Mover::default`] is the faster one on this system
    /// (`docs/decisions/0005-relay-splice.md`).
    ///
    /// # Errors
    /// The system gives no thread or no event queue.
    pub fn start(mover: Mover) -> io::Result<Self> {
        let lull = Lull::default();
        let pauses = lull.clone();
        let mut builder = Builder::new_current_thread();
        let runtime = builder.enable_io().enable_time().on_thread_park(move || pauses.pass()).build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = thread::Builder::new().name("relay".to_owned()).spawn(move || {
            // Ends when `stop` is dropped; the runtime then drops all tasks, and each tells its end.
            let _ = runtime.block_on(stopped);
        })?;
        Ok(Self { runtime: handle, mover, lull, doors: Doors::default(), stop: Some(stop), thread: Some(thread) })
    }

    /// Where sides come in over HTTP, for whoever serves it.
    #[must_use]
    pub fn doors(&self) -> Doors {
        self.doors.clone()
    }

    /// See [`Doors::set_web_port`].
    pub fn set_web_port(&self, port: u16) {
        self.doors.set_web_port(port);
    }
}

impl Relays for TcpRelays {
    fn open(&self, plan: RelayPlan, when_ended: WhenEnded) -> io::Result<(Option<u16>, Box<dyn RelayHold>)> {
        let listener = plan.needs_port().then(|| self.listen(&plan)).transpose()?;
        let port = listener.as_ref().map(|listener| listener.local_addr().map(|address| address.port())).transpose()?;
        let (told, outcome) = Told::new(when_ended);
        let arrivals = Arrivals::new(plan.ticket, listener, self.doors.hang(&plan, &outcome));
        let (hold, held) = oneshot::channel();
        let job = Job { plan, mover: self.mover, lull: self.lull.clone(), arrivals, held, told };
        self.runtime.spawn(job.run());
        Ok((port, Box::new(Hold(hold))))
    }

    fn web_port(&self) -> Option<u16> {
        self.doors.web_port()
    }
}

impl TcpRelays {
    fn listen(&self, plan: &RelayPlan) -> io::Result<TcpListener> {
        let listener = listen(SocketAddr::new(plan.bind, plan.port))?;
        let _context = self.runtime.enter();
        TcpListener::from_std(listener)
    }
}

impl Drop for TcpRelays {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take()
            // The last owner may be a callback, which runs on that thread; it cannot wait for itself.
            && thread.thread().id() != thread::current().id()
            && thread.join().is_err()
        {
            log::error!("relay: the thread had panicked");
        }
    }
}

/// Ends its transfer by being dropped.
struct Hold(#[expect(dead_code, reason = "dropping it is what tells")] oneshot::Sender<()>);

impl RelayHold for Hold {}

/// Tells a transfer's end exactly once: by [`Told::tell`], or as broken if the task is dropped or panics. The broker
/// hears of it first: whoever came over HTTP and gets an answer may offer the next file at once.
struct Told {
    broker: Option<WhenEnded>,
    doors: watch::Sender<Option<RelayEnd>>,
}

impl Told {
    fn new(when_ended: WhenEnded) -> (Self, Outcome) {
        let (doors, outcome) = Outcome::pair();
        (Self { broker: Some(when_ended), doors }, outcome)
    }

    fn tell(mut self, end: RelayEnd) {
        self.tell_once(end);
    }

    fn tell_once(&mut self, end: RelayEnd) {
        if let Some(when_ended) = self.broker.take() {
            when_ended(end);
            self.doors.send_replace(Some(end));
        }
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        self.tell_once(RelayEnd::Broken);
    }
}

/// One transfer, from its bound port and its doors to its end.
struct Job {
    plan: RelayPlan,
    mover: Mover,
    lull: Lull,
    arrivals: Arrivals,
    held: oneshot::Receiver<()>,
    /// Last, since fields are dropped in this order: the port is free before anybody hears of the end.
    told: Told,
}

impl Job {
    async fn run(self) {
        let Self { plan, mover, lull, arrivals, held, told } = self;
        let ticket = plan.ticket;
        // The listener and all that is opened for this transfer live in the inner future, and are gone with it.
        let end = Box::pin(async move {
            tokio::select! {
                biased;
                _ = held => RelayEnd::Broken,
                end = relay(&plan, mover, &lull, arrivals) => end,
            }
        })
        .await;
        log::debug!("relay {ticket}: {end:?}");
        told.tell(end);
    }
}

/// The whole life of a transfer, except that it may be cut short from outside.
async fn relay(plan: &RelayPlan, mover: Mover, lull: &Lull, mut arrivals: Arrivals) -> RelayEnd {
    let gate = Gate::new(&plan.sender, &plan.receiver);
    let pair = match Meeting::new(plan, &gate, mover).meet(&mut arrivals).await {
        Ok(pair) => pair,
        Err(end) => return end,
    };
    log::debug!("relay {}: both sides are here", plan.ticket);
    tokio::select! {
        end = pair.carry(plan.timeout, lull) => end,
        never = turn_away(&mut arrivals, plan.ticket) => match never {},
    }
}

/// Accepts and closes whoever still comes after the two sides were found.
async fn turn_away(arrivals: &mut Arrivals, ticket: u64) -> std::convert::Infallible {
    loop {
        if let Arrival::Port(_, peer) = arrivals.next().await {
            log::debug!("relay {ticket}: {peer} came too late, closed");
        }
    }
}

/// A bound, listening, non-blocking socket. A port whose last connections linger in TIME_WAIT can be bound again.
fn listen(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() && address.ip().is_unspecified() {
        socket.set_only_v6(false)?;
    }
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}
