//! The lobby: one per session arbiter; starts the sessions that live there. Owns: which sessions those are.
//! Hears: listeners (a connection), sessions (gone). Tells: sessions (that the server stops).
//! If it dies the process ends: nobody could come in any more, and nobody could be told to go.

use crate::delivery::{Condemn, DrainSession};
use crate::house::{Essential, House};
use crate::session::link::Link;
use crate::session::{Counted, Session};
use actix::WeakAddr;
use actix::dev::channel::channel;
use actix::prelude::*;
use protocol::{ClosingReason, DialectId, SessionId};
use rustc_hash::FxHashMap;
use std::io;
use std::sync::Arc;
use tokio::sync::oneshot;

/// Makes a connection's link on the thread where it will live.
pub type OpenLink = Box<dyn FnOnce() -> io::Result<Box<dyn Link>> + Send>;

/// A connection has come in.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Admit {
    /// What its listener speaks.
    pub dialect: DialectId,
    /// It only asks something and goes: it is never online.
    pub visitor: bool,
    /// Its link.
    pub open: OpenLink,
}

/// A session has ended.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Gone(pub SessionId);

/// Ask all sessions to finish; `done` is told when none is left.
#[derive(Message)]
#[rtype(result = "()")]
pub struct DrainLobby {
    /// Told when nobody is left. Dropped when the lobby ends.
    pub done: oneshot::Sender<()>,
}

/// End the lobby and whatever sessions are left.
#[derive(Message)]
#[rtype(result = "()")]
pub struct StopLobby;

/// The actor.
pub struct Lobby {
    house: Arc<House>,
    /// The one way back here that all its sessions share: an address of its own would cost each two blocks.
    handle: Option<Arc<Addr<Lobby>>>,
    /// Weak for the same reason: a session has its own way to itself for as long as it lives.
    sessions: FxHashMap<SessionId, WeakAddr<Session>>,
    draining: Vec<oneshot::Sender<()>>,
    _essential: Essential,
}

impl Lobby {
    /// With nobody in it.
    #[must_use]
    pub fn new(house: Arc<House>) -> Self {
        let essential = Essential::new("lobby", house.watch.clone());
        Self { house, handle: None, sessions: FxHashMap::default(), draining: Vec::new(), _essential: essential }
    }

    fn finish_drain(&mut self) {
        if self.sessions.is_empty() {
            for done in self.draining.drain(..) {
                // Whoever asked may have stopped waiting.
                let _ = done.send(());
            }
        }
    }
}

/// Tells the lobby that a session is gone, in whatever way it went.
pub(crate) struct InLobby {
    lobby: Arc<Addr<Lobby>>,
    id: SessionId,
}

impl Drop for InLobby {
    fn drop(&mut self) {
        self.lobby.do_send(Gone(self.id));
    }
}

impl Actor for Lobby {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.handle = Some(Arc::new(ctx.address()));
    }
}

impl Handler<Admit> for Lobby {
    type Result = ();

    fn handle(&mut self, Admit { dialect, visitor, open }: Admit, _: &mut Context<Self>) {
        let Some(lobby) = self.handle.clone() else { return };
        let link = match open() {
            Ok(link) => link,
            Err(error) => return log::debug!("a connection was gone before it was taken in: {error}"),
        };
        let mut random = [0; 8];
        if let Err(error) = getrandom::fill(&mut random) {
            return log::error!("the system gives no random numbers, so nobody is let in: {error}");
        }
        let id = SessionId(u64::from_ne_bytes(random));
        let (counted, has_room) = Counted::one_more(&self.house);
        let in_lobby = InLobby { lobby, id };
        let session = Session::new(self.house.clone(), id, dialect, visitor, link, counted, in_lobby);
        let (sender, receiver) = channel(self.house.settings.session.mailbox);
        let address: Addr<Session> = Addr::new(sender);
        actix_rt::spawn(Context::with_receiver(receiver).into_future(session));
        if !has_room {
            address.do_send(Condemn(ClosingReason::TooManyConnections));
        } else if !self.draining.is_empty() {
            address.do_send(DrainSession);
        }
        self.sessions.insert(id, address.downgrade());
    }
}

impl Handler<Gone> for Lobby {
    type Result = ();

    fn handle(&mut self, Gone(id): Gone, _: &mut Context<Self>) {
        self.sessions.remove(&id);
        self.finish_drain();
    }
}

impl Handler<DrainLobby> for Lobby {
    type Result = ();

    fn handle(&mut self, DrainLobby { done }: DrainLobby, _: &mut Context<Self>) {
        self.draining.push(done);
        for session in self.sessions.values().filter_map(WeakAddr::upgrade) {
            session.do_send(DrainSession);
        }
        self.finish_drain();
    }
}

impl Handler<StopLobby> for Lobby {
    type Result = ();

    fn handle(&mut self, _: StopLobby, ctx: &mut Context<Self>) {
        for session in self.sessions.values().filter_map(WeakAddr::upgrade) {
            session.do_send(Condemn(ClosingReason::Shutdown));
        }
        ctx.stop();
    }
}
