//! The file relay: the sockets that move the bytes of file transfers. Owns: one thread named `relay` with all of its
//! listeners, connections and pipes. Never: shares that thread with sessions or actors, reads or writes a file, opens
//! a connection of its own, or decides who may transfer (the broker does).
//!
//! One transfer is one task: `meeting` waits until it is certain who the two sides are, `carrying` moves the
//! bytes and closes in order. `gate` says who may connect as what, `intake` and `buffer` hold what was read
//! ahead. Everything waits for a bounded time, and a transfer's memory is `buffer_bytes` and a few KiB.

mod buffer;
mod carrying;
mod gate;
mod intake;
mod meeting;
#[cfg(test)]
mod tests;

pub use buffer::Mover;

use actors::transfer::relay::{RelayEnd, RelayHold, RelayPlan, Relays, WhenEnded};
use gate::Gate;
use meeting::Meeting;
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::SocketAddr;
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// Connections that wait to be accepted. Two are expected; strangers beyond this wait in their own systems.
const BACKLOG: i32 = 16;

/// The pause after an accept that failed, as when the process is out of file descriptors: trying again at once would
/// only burn the processor.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// Moves the bytes over TCP, on a thread of its own. Dropping it ends all transfers as [`RelayEnd::Broken`] and joins
/// the thread.
pub struct TcpRelays {
    runtime: Handle,
    mover: Mover,
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
        let runtime = Builder::new_current_thread().enable_io().enable_time().build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = thread::Builder::new().name("relay".to_owned()).spawn(move || {
            // Ends when `stop` is dropped; the runtime then drops all tasks, and each tells its end.
            let _ = runtime.block_on(stopped);
        })?;
        Ok(Self { runtime: handle, mover, stop: Some(stop), thread: Some(thread) })
    }
}

impl Relays for TcpRelays {
    fn open(&self, plan: RelayPlan, when_ended: WhenEnded) -> io::Result<(u16, Box<dyn RelayHold>)> {
        let listener = listen(SocketAddr::new(plan.bind, plan.port))?;
        let port = listener.local_addr()?.port();
        let listener = {
            let _context = self.runtime.enter();
            TcpListener::from_std(listener)?
        };
        let (hold, held) = oneshot::channel();
        let job = Job { told: Told(Some(when_ended)), plan, mover: self.mover, listener, held };
        self.runtime.spawn(job.run());
        Ok((port, Box::new(Hold(hold))))
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

/// Tells a transfer's end exactly once: by [`Told::tell`], or as broken if the task is dropped or panics.
struct Told(Option<WhenEnded>);

impl Told {
    fn tell(mut self, end: RelayEnd) {
        if let Some(when_ended) = self.0.take() {
            when_ended(end);
        }
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        if let Some(when_ended) = self.0.take() {
            when_ended(RelayEnd::Broken);
        }
    }
}

/// One transfer, from its bound port to its end.
struct Job {
    plan: RelayPlan,
    mover: Mover,
    listener: TcpListener,
    held: oneshot::Receiver<()>,
    /// Last, since fields are dropped in this order: the port is free before anybody hears of the end.
    told: Told,
}

impl Job {
    async fn run(self) {
        let Self { plan, mover, listener, held, told } = self;
        let ticket = plan.ticket;
        // The listener and all that is opened for this transfer live in the inner future, and are gone with it.
        let end = Box::pin(async move {
            tokio::select! {
                biased;
                _ = held => RelayEnd::Broken,
                end = relay(&plan, mover, &listener) => end,
            }
        })
        .await;
        log::debug!("relay {ticket}: {end:?}");
        told.tell(end);
    }
}

/// The whole life of a transfer, except that it may be cut short from outside.
async fn relay(plan: &RelayPlan, mover: Mover, listener: &TcpListener) -> RelayEnd {
    let gate = Gate::new(plan.sender, &plan.receivers);
    let pair = match Meeting::new(plan, &gate, mover).meet(listener).await {
        Ok(pair) => pair,
        Err(end) => return end,
    };
    log::debug!("relay {}: both sides are here", plan.ticket);
    tokio::select! {
        end = pair.carry(plan.timeout) => end,
        never = turn_away(listener, plan.ticket) => match never {},
    }
}

/// Accepts and closes whoever still comes after the two sides were found.
async fn turn_away(listener: &TcpListener, ticket: u64) -> std::convert::Infallible {
    loop {
        match listener.accept().await {
            Ok((_, peer)) => log::debug!("relay {ticket}: {peer} came too late, closed"),
            Err(error) => accept_failed(ticket, &error).await,
        }
    }
}

async fn accept_failed(ticket: u64, error: &io::Error) {
    log::debug!("relay {ticket}: accept: {error}");
    tokio::time::sleep(ACCEPT_PAUSE).await;
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
