//! `hongyan serve`. Owns: the order in which things start and stop. Never: knows what any of them does inside.
//!
//! Start: log, limits, signals, data folder, store and actors, listeners, `ready`. Stop: listeners, then the actors
//! in the direction messages flow ([`Chat::drain`]). Signals are caught before the store opens: one that comes during
//! the start stops the server in order as soon as it is up, instead of tearing it down half-way.

use crate::announce::Announcer;
use crate::chat::{Admission, Chat};
use crate::exit::{Exit, Failure};
use crate::net::listener::{BindError, Bound, accept_loop};
use crate::net::stream::TcpLink;
use crate::settings::{LinkKind, Listen, Settings};
use crate::signals::Signals;
use crate::{folder, limits, logging};
use actors::session::link::Link;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What a drain may overrun before the process ends without it.
const GRACE: Duration = Duration::from_millis(500);

/// Makes the chat: [`crate::chat::start`], or a test's own.
pub type StartChat = fn(&Settings, bool) -> Result<Rc<dyn Chat>, Failure>;

/// Runs the server until it is told to stop. Has the calling thread for itself.
///
/// # Errors
/// Whatever keeps it from starting, or from going on.
pub fn serve(mut settings: Settings, accept_loss: bool, start: StartChat) -> Result<(), Failure> {
    logging::start(&settings.log.filter);
    let shared = limits::share_open_files(limits::raise_open_files(), &mut settings.chat);
    let system = actix::System::new();
    system.block_on(async {
        let mut signals = Signals::catch()
            .map_err(|error| Failure::new(Exit::ActorDied, format!("signals cannot be caught: {error}")))?;
        folder::prepare(&settings.server.data)?;
        let chat = start(&settings, accept_loss)?;
        let mut next_signal = async || signals.next().await;
        let outcome = run(&settings, Rc::clone(&chat), shared, &mut Announcer::stdout(), &mut next_signal).await;
        match &outcome {
            Ok(()) => log::info!("stopped"),
            // What could not listen had nobody to say farewell to; what broke is beyond an orderly end.
            // It is not waited for long either: whoever would have to answer may be the one who died.
            Err(_) => {
                let _ = tokio::time::timeout(GRACE, chat.drain(Duration::ZERO)).await;
            }
        }
        outcome
    })
}

async fn run(
    settings: &Settings,
    chat: Rc<dyn Chat>,
    open_files: Option<limits::Shared>,
    announcer: &mut Announcer,
    next_signal: &mut impl AsyncFnMut() -> &'static str,
) -> Result<(), Failure> {
    let bound = bind_all(settings, announcer)?;
    let (stop, stopped) = watch::channel(false);
    let mut loops: FuturesUnordered<JoinHandle<()>> = FuturesUnordered::new();
    for (bound, listen) in bound {
        loops.push(listen_on(bound, &listen, settings.chat.session.keepalive_s, Rc::clone(&chat), stopped.clone()));
    }
    // Not earlier: a server that does not start has one line to say, and this is not it.
    if let Some(shared) = open_files {
        log::log!(shared.level, "{}", shared.line);
    }
    announcer.line("ready");
    log::info!("ready, with the data in {}", settings.server.data.display());

    tokio::select! {
        signal = next_signal() => log::info!("{signal}: draining, for {} s at the most", settings.server.drain_s),
        failure = chat.broken() => return Err(failure),
        // They end only when told to: this one panicked.
        _ = loops.next() => return Err(Failure::new(Exit::ActorDied, "a listener died; start the server again")),
    }

    // Nobody left to tell would mean that all loops have ended already.
    let _ = stop.send(true);
    while loops.next().await.is_some() {}
    drain(&*chat, Duration::from_secs(settings.server.drain_s), next_signal).await
}

/// Drains within the deadline; a signal meanwhile makes the deadline now, and another one ends it.
async fn drain(
    chat: &dyn Chat,
    deadline: Duration,
    next_signal: &mut impl AsyncFnMut() -> &'static str,
) -> Result<(), Failure> {
    tokio::select! {
        biased;
        () = chat.drain(deadline) => return Ok(()),
        failure = chat.broken() => return Err(failure),
        signal = next_signal() => log::info!("{signal} again: hurrying"),
        () = tokio::time::sleep(deadline + GRACE) => log::warn!("draining takes too long: hurrying"),
    }
    tokio::select! {
        biased;
        () = chat.drain(Duration::ZERO) => {}
        failure = chat.broken() => return Err(failure),
        signal = next_signal() => log::warn!("{signal} once more: not waiting any longer"),
        () = tokio::time::sleep(GRACE) => log::warn!("draining took too long: not waiting any longer"),
    }
    Ok(())
}

/// Binds every listener and announces each. All that fail are told, not only the first.
fn bind_all(settings: &Settings, announcer: &mut Announcer) -> Result<Vec<(Bound, Listen)>, Failure> {
    let mut all = Vec::new();
    let mut lines = Vec::new();
    for (name, listen) in &settings.listen {
        match Bound::bind(listen.address) {
            Ok(bound) => {
                let (link, dialect) = (listen.link.name(), listen.dialect.get().name());
                announcer.line(&format!("listening {name} {link} {dialect} {}", bound.address()));
                all.push((bound, listen.clone()));
            }
            Err(BindError::Taken) => lines.push(format!(
                "listener {name}: the address {} is taken by another program; stop that one, or choose another with \
                 --set listen.{name}.address=ADDRESS:PORT",
                listen.address
            )),
            Err(BindError::Other(error)) => {
                lines.push(format!("listener {name}: cannot listen on {}: {error}", listen.address));
            }
        }
    }
    if lines.is_empty() { Ok(all) } else { Err(Failure { exit: Exit::Listen, lines }) }
}

/// Spawns a listener's accept loop.
fn listen_on(
    bound: Bound,
    listen: &Listen,
    keepalive_s: u64,
    chat: Rc<dyn Chat>,
    stopped: watch::Receiver<bool>,
) -> JoinHandle<()> {
    let dialect = listen.dialect;
    let keepalive = Duration::from_secs(keepalive_s);
    let link = listen.link;
    actix_rt::spawn(accept_loop(bound, stopped, move |stream, peer| {
        let open = match link {
            LinkKind::Tcp => move || Ok(Box::new(TcpLink::open(stream, keepalive)?) as Box<dyn Link>),
        };
        chat.admit(Admission { peer, dialect, open: Box::new(open) });
    }))
}

#[cfg(test)]
mod tests;
