//! `hongyan serve`. Owns: the order in which things start and stop. Never: knows what any of them does inside.
//!
//! Start: log, limits, signals, data folder, store and actors, listeners, `ready`. Stop: listeners, then the actors
//! in the direction messages flow ([`Chat::drain`]), then what HTTP still has to answer. Signals are caught before the store opens: one that comes during
//! the start stops the server in order as soon as it is up, instead of tearing it down half-way.

use crate::announce::Announcer;
use crate::chat::Chat;
use crate::exit::{Exit, Failure};
use crate::net::listeners::{bind_all, identity};
use crate::net::tls::Identity;
use crate::settings::Settings;
use crate::signals::{Signals, Watched};
use crate::{folder, limits, logging};
use std::rc::Rc;
use std::time::Duration;

/// What a drain may overrun before the process ends without it.
const GRACE: Duration = Duration::from_millis(500);

/// Makes the chat: [`crate::chat::start`], or a test's own.
pub type StartChat = fn(&Settings, bool) -> Result<Rc<dyn Chat>, Failure>;

/// Runs the server until it is told to stop, by a signal or by the end of what is `watched`. Has the calling thread for itself.
///
/// # Errors
/// Whatever keeps it from starting, or from going on.
pub fn serve(
    mut settings: Settings,
    accept_loss: bool,
    start: StartChat,
    watched: Option<Watched>,
) -> Result<(), Failure> {
    logging::start(&settings.log.filter);
    let shared = limits::share_open_files(limits::raise_open_files(), &mut settings);
    let system = actix::System::new();
    system.block_on(async {
        let mut signals = Signals::catch(watched)
            .map_err(|error| Failure::new(Exit::ActorDied, format!("signals cannot be caught: {error}")))?;
        // Before the store opens: it takes a while, and this is a mistake of the settings.
        let identity = identity(&settings)?;
        folder::prepare(&settings.server.data)?;
        let chat = start(&settings, accept_loss)?;
        let mut next_signal = async || signals.next().await;
        let outcome =
            run(&settings, identity, Rc::clone(&chat), shared, &mut Announcer::stdout(), &mut next_signal).await;
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
    identity: Option<Identity>,
    chat: Rc<dyn Chat>,
    open_files: Option<limits::Shared>,
    announcer: &mut Announcer,
    next_signal: &mut impl AsyncFnMut() -> &'static str,
) -> Result<(), Failure> {
    let mut listeners = bind_all(settings, identity, announcer)?.serve(settings, &chat)?;
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
        () = listeners.died() => return Err(Failure::new(Exit::ActorDied, "a listener died; start the server again")),
    }

    listeners.close().await;
    let outcome = drain(&*chat, Duration::from_secs(settings.server.drain_s), next_signal).await;
    listeners.finish(GRACE).await;
    outcome
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

#[cfg(test)]
mod tests;
