//! For tests: a whole chat system on one arbiter and a paused clock, with peers in memory. An hour passes in a
//! millisecond, and nothing depends on the machine's speed. Owns: [`TestWorld`], [`Peer`]. Never: is used by the
//! server.

mod messages;
mod stream;

pub use messages::MessagePeer;
pub use stream::Peer;

use crate::settings::ActorSettings;
use crate::system::{ChatSystem, Start};
use crate::transfer::{RelayEnd, RelayHold, RelayPlan, Relays, WhenEnded};
use protocol::DialectId;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Moves no bytes: transfers wait until the test ends them.
#[derive(Default)]
pub struct NoRelays {
    open: Mutex<Vec<(RelayPlan, WhenEnded)>>,
    web_port: AtomicU16,
}

struct NoHold;
impl RelayHold for NoHold {}

impl Relays for NoRelays {
    fn open(&self, plan: RelayPlan, when_ended: WhenEnded) -> io::Result<(Option<u16>, Box<dyn RelayHold>)> {
        let port = plan.needs_port().then_some(if plan.port == 0 { 4242 } else { plan.port });
        self.open.lock().unwrap_or_else(PoisonError::into_inner).push((plan, when_ended));
        Ok((port, Box::new(NoHold)))
    }

    fn web_port(&self) -> Option<u16> {
        Some(self.web_port.load(Ordering::Relaxed)).filter(|&port| port != 0)
    }
}

impl NoRelays {
    /// From now on there is an HTTP listener on this port.
    pub fn serve_web(&self, port: u16) {
        self.web_port.store(port, Ordering::Relaxed);
    }

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
        Self { chat, relays }
    }

    /// A new connection from this machine.
    #[must_use]
    pub fn connect(&self) -> Peer {
        self.connect_from(IpAddr::V4(Ipv4Addr::LOCALHOST), usize::MAX)
    }

    /// A new connection from an address, of which `capacity` unread bytes find room on the way.
    #[must_use]
    pub fn connect_from(&self, address: IpAddr, capacity: usize) -> Peer {
        self.connect_as("plain", address, capacity)
    }

    /// The same, for somebody who speaks another dialect.
    #[must_use]
    pub fn connect_as(&self, dialect: &str, address: IpAddr, capacity: usize) -> Peer {
        let (link, peer) = stream::connection(SocketAddr::new(address, 1), capacity);
        self.chat.admit(by_name(dialect), Box::new(move || Ok(Box::new(link))));
        peer
    }

    /// A new connection over a link that has messages, and on which the peer can be asked what it has.
    #[must_use]
    pub fn connect_messages(&self, dialect: &str) -> MessagePeer {
        let (link, peer) = messages::connection();
        self.chat.admit(by_name(dialect), Box::new(move || Ok(Box::new(link))));
        peer
    }

    /// The same, of somebody who only asks something and goes.
    #[must_use]
    pub fn visit(&self, dialect: &str) -> MessagePeer {
        let (link, peer) = messages::connection();
        self.chat.admit_visitor(by_name(dialect), Box::new(move || Ok(Box::new(link))));
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

fn by_name(dialect: &str) -> DialectId {
    DialectId::by_name(dialect).unwrap_or_else(|| panic!("no dialect is called {dialect}"))
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
