//! For tests: a whole chat system on one arbiter and a paused clock, with peers in memory. An hour passes in a
//! millisecond, and nothing depends on the machine's speed. Owns: [`TestWorld`], [`Peer`]. Never: is used by the
//! server.

mod mails;
mod messages;
mod stream;

pub use mails::{TestMails, Tried};
pub use messages::MessagePeer;
pub use stream::Peer;

use crate::delivery::SessionHandle;
use crate::settings::ActorSettings;
use crate::system::{ChatSystem, Start};
use crate::transfer::{RelayEnd, RelayHold, RelayPlan, Relays, WhenEnded};
use protocol::{Carrier, DialectId};
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// The plans of transfers, oldest first.
type Open = Mutex<Vec<(RelayPlan, WhenEnded)>>;

/// Moves no bytes: transfers wait until the test ends them.
#[derive(Default)]
pub struct NoRelays {
    open: Arc<Open>,
    web_port: AtomicU16,
}

/// Ends its transfer as broken, if nobody else has.
struct Hold {
    ticket: u64,
    relays: Arc<Open>,
}

impl RelayHold for Hold {}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut open = self.relays.lock().unwrap_or_else(PoisonError::into_inner);
        let mine = open.iter().position(|(plan, _)| plan.ticket == self.ticket).map(|at| open.remove(at));
        drop(open);
        if let Some((_, when_ended)) = mine {
            when_ended(RelayEnd::Broken);
        }
    }
}

impl Relays for NoRelays {
    fn open(&self, plan: RelayPlan, when_ended: WhenEnded) -> io::Result<(Option<u16>, Box<dyn RelayHold>)> {
        let ticket = plan.ticket;
        let port = plan.needs_port().then_some(if plan.port == 0 { 4242 } else { plan.port });
        self.open.lock().unwrap_or_else(PoisonError::into_inner).push((plan, when_ended));
        Ok((port, Box::new(Hold { ticket, relays: self.open.clone() })))
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

    /// The oldest transfer has moved so many bytes more. Returns its plan.
    pub fn move_first(&self, bytes: u64) -> RelayPlan {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open[0].0.moved.fetch_add(bytes, Ordering::Relaxed);
        open[0].0.clone()
    }

    /// How many run.
    #[must_use]
    pub fn running(&self) -> usize {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).len()
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
    /// Its mail.
    pub mails: Arc<TestMails>,
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
        let mails = Arc::new(TestMails::default());
        let start = Start {
            settings,
            data,
            accept_loss: false,
            relays: relays.clone(),
            mails: mails.clone(),
            on_death: Box::new(|death| panic!("the server cannot go on: {death:?}")),
        };
        let chat = ChatSystem::start_here(start).unwrap_or_else(|error| panic!("{error}"));
        Self { chat, relays, mails }
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
        let (link, peer) = messages::connection(Carrier::Message, None);
        self.chat.admit(by_name(dialect), Box::new(move || Ok(Box::new(link))));
        peer
    }

    /// The same, from an address, for somebody whose messages are texts.
    #[must_use]
    pub fn connect_text(&self, dialect: &str, address: IpAddr) -> MessagePeer {
        let (link, peer) = messages::connection(Carrier::Text, Some(SocketAddr::new(address, 1)));
        self.chat.admit(by_name(dialect), Box::new(move || Ok(Box::new(link))));
        peer
    }

    /// The same, of somebody who only asks something and goes.
    #[must_use]
    pub fn visit(&self, dialect: &str) -> MessagePeer {
        let (link, peer) = messages::connection(Carrier::Message, None);
        self.chat.admit_visitor(by_name(dialect), Box::new(move || Ok(Box::new(link))));
        peer
    }

    /// The ways to all sessions there are.
    #[must_use]
    pub fn sessions(&self) -> Vec<Arc<SessionHandle>> {
        crate::floor::everybody_here()
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
    // Everybody lives on one thread there: the store would keep all of them waiting.
    settings.storage.gather_us = 0;
    settings.relay.ports = "0".to_owned();
    settings
}
