//! What `serve` needs from the actors. Owns: the trait [`Chat`], its [`Admission`], and [`start`], which makes the
//! real one. Never: a socket of its own.

use crate::exit::{Exit, Failure};
use crate::mail::Carrier;
use crate::net::relay::{Doors, Mover, TcpRelays};
use crate::settings::Settings;
use actors::house::Death;
use actors::store::OpenError;
use actors::system::{ChatSystem, Start, StartError};
use futures::future::LocalBoxFuture;
use protocol::DialectId;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

pub use actors::lobby::OpenLink;

/// A connection that has come in.
pub struct Admission {
    /// Where it comes from.
    pub peer: SocketAddr,
    /// What its listener speaks.
    pub dialect: DialectId,
    /// It only asks something and goes: it is never online.
    pub visitor: bool,
    /// Makes its link, on the thread where it will live. Dropped without a call, it closes the connection.
    pub open: OpenLink,
}

/// The chat behind the sockets. Lives on the system arbiter's thread.
pub trait Chat {
    /// Takes a connection in, or drops it. Never blocks.
    fn admit(&self, admission: Admission);

    /// Where files come and go over HTTP. All that are given share the same transfers.
    fn file_doors(&self) -> Doors;

    /// Stops everything in order: at most `deadline`, then whatever is left is dropped. May be called again while an
    /// earlier call's future was dropped half-way: it goes on from there, with the new deadline.
    fn drain(&self, deadline: Duration) -> LocalBoxFuture<'_, ()>;

    /// Ready once the server cannot go on: an essential actor died, or the store cannot write. Cancel-safe.
    fn broken(&self) -> LocalBoxFuture<'_, Failure>;
}

/// Opens the store and starts the actors. The data folder is there, and the caller is inside an actix system.
///
/// # Errors
/// What is wrong with the store, with its exit code.
pub fn start(settings: &Settings, accept_loss: bool) -> Result<Rc<dyn Chat>, Failure> {
    let relays = TcpRelays::start(Mover::default())
        .map_err(|error| Failure::new(Exit::ActorDied, format!("the system gives no thread for transfers: {error}")))?;
    let doors = relays.doors();
    let mails = Carrier::start(&settings.chat.mail, &settings.server.data)?;
    let (tell, death) = watch::channel(None);
    let system = ChatSystem::start(Start {
        settings: settings.chat.clone(),
        data: &settings.server.data,
        accept_loss,
        relays: Arc::new(relays),
        mails: Arc::new(mails),
        on_death: Box::new(move |death| {
            tell.send_replace(Some(death));
        }),
    })
    .map_err(|error| Failure::new(exit_of(&error), error.to_string()))?;
    Ok(Rc::new(Running { system, doors, death }))
}

/// Which exit code a failed start has.
fn exit_of(error: &StartError) -> Exit {
    match error {
        StartError::Store(OpenError::Locked(_)) => Exit::Locked,
        StartError::Store(OpenError::Unreadable { .. }) => Exit::DataFolder,
        StartError::Store(_) => Exit::Damaged,
        StartError::Threads(_) => Exit::ActorDied,
        StartError::Ports(_) => Exit::Settings,
    }
}

struct Running {
    system: ChatSystem,
    doors: Doors,
    death: watch::Receiver<Option<Death>>,
}

impl Chat for Running {
    fn admit(&self, admission: Admission) {
        let Admission { dialect, visitor, open, .. } = admission;
        if visitor {
            self.system.admit_visitor(dialect, open);
        } else {
            self.system.admit(dialect, open);
        }
    }

    fn file_doors(&self) -> Doors {
        self.doors.clone()
    }

    fn drain(&self, deadline: Duration) -> LocalBoxFuture<'_, ()> {
        Box::pin(self.system.drain(Instant::now() + deadline))
    }

    fn broken(&self) -> LocalBoxFuture<'_, Failure> {
        let mut death = self.death.clone();
        Box::pin(async move {
            let death = death.wait_for(Option::is_some).await.ok().and_then(|death| *death);
            match death {
                Some(Death::Storage) => Failure::new(Exit::StorageWrite, "the store cannot write; the log says why"),
                Some(Death::Actor(name)) => Failure::new(Exit::ActorDied, format!("the {name} died; the log says why")),
                // The watch itself is gone, and with it everybody who held it.
                None => std::future::pending().await,
            }
        })
    }
}
