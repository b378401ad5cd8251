//! The lobby: one per session arbiter; starts the sessions that live there. Owns: which sessions those are.
//! Hears: listeners (a connection). Tells: sessions (that the server stops).
//! If it dies the process ends: nobody could come in any more, and nobody could be told to go.

use crate::floor::{Floor, Note, Porter};
use crate::house::{Essential, House};
use crate::session::link::Link;
use crate::session::{Counted, Session, SessionTask};
use actix::prelude::*;
use protocol::{ClosingReason, DialectId, SessionId};
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use tokio::sync::oneshot;
use tokio::task::coop::unconstrained;

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
    /// Where its sessions live, and the porter.
    floor: Rc<Floor>,
    _essential: Essential,
}

impl Lobby {
    /// With nobody in it. Made on the thread where it will run.
    #[must_use]
    pub fn new(house: Arc<House>) -> Self {
        let essential = Essential::new("lobby", house.watch.clone());
        let floor = Floor::open(house.settings.session.mailbox);
        Self { house, floor, _essential: essential }
    }
}

impl Actor for Lobby {
    type Context = Context<Self>;

    fn started(&mut self, _: &mut Context<Self>) {
        let essential = Essential::new("porter", self.house.watch.clone());
        actix_rt::spawn(unconstrained(Porter::new(self.floor.clone(), essential)));
    }
}

impl Drop for Lobby {
    fn drop(&mut self) {
        self.floor.close();
    }
}

impl Handler<Admit> for Lobby {
    type Result = ();

    fn handle(&mut self, Admit { dialect, visitor, open }: Admit, _: &mut Context<Self>) {
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
        let seated = self.floor.seat(|home| Session::new(counted, id, dialect, visitor, link, home));
        if !has_room {
            seated.1.borrow_mut().hear(Note::Condemn(ClosingReason::TooManyConnections));
        } else if self.floor.is_draining() {
            seated.1.borrow_mut().hear(Note::Drain);
        }
        actix_rt::spawn(SessionTask::new(self.floor.clone(), seated));
    }
}

impl Handler<DrainLobby> for Lobby {
    type Result = ();

    fn handle(&mut self, DrainLobby { done }: DrainLobby, _: &mut Context<Self>) {
        self.floor.tell_everybody(|| Note::Drain);
        self.floor.when_empty(done);
    }
}

impl Handler<StopLobby> for Lobby {
    type Result = ();

    fn handle(&mut self, _: StopLobby, ctx: &mut Context<Self>) {
        self.floor.tell_everybody(|| Note::Condemn(ClosingReason::Shutdown));
        ctx.stop();
    }
}
