//! Mail as it leaves: to a mail server, or into files. Owns: one thread named `mail`, with all connections to the mail
//! server. Never: decides what is sent, or when it is tried again (the mailer in `actors` does).

mod message;
mod outbox;
mod smtp;
#[cfg(test)]
mod tests;

pub use message::parse_mailbox;

use crate::exit::{Exit, Failure};
use actors::mail::{Fate, Letter, Mails, Report};
use actors::settings::{MailSettings, MailTransport};
use outbox::Outbox;
use smtp::Smtp;
use std::path::Path;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// Carries mail, on a thread of its own. Dropping it breaks off what is on its way and joins the thread.
pub struct Carrier {
    runtime: Handle,
    kind: Arc<Kind>,
    /// Dropped to stop the thread.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

enum Kind {
    Off,
    File(Outbox),
    Smtp(Box<Smtp>),
}

impl Carrier {
    /// Starts the thread.
    ///
    /// # Errors
    /// The settings cannot be used (such as a file that cannot be read), or the system gives no thread.
    pub fn start(settings: &MailSettings, data: &Path) -> Result<Self, Failure> {
        let unusable = |what: String| Failure::new(Exit::Settings, what);
        let kind = match settings.transport {
            MailTransport::Off => Kind::Off,
            MailTransport::File => Kind::File(Outbox::new(settings, data).map_err(unusable)?),
            MailTransport::Smtp => Kind::Smtp(Box::new(Smtp::new(settings).map_err(unusable)?)),
        };
        let no_thread = |error| Failure::new(Exit::ActorDied, format!("the system gives no thread for mail: {error}"));
        let runtime = Builder::new_current_thread().enable_io().enable_time().build().map_err(no_thread)?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = thread::Builder::new().name("mail".to_owned()).spawn(move || {
            // Ends when `stop` is dropped; the runtime drops all attempts, and each reports that it broke off.
            let _ = runtime.block_on(stopped);
            // Not waited for: looking up the name of a mail server may take long.
            runtime.shutdown_background();
        });
        let thread = Some(thread.map_err(no_thread)?);
        Ok(Self { runtime: handle, kind: Arc::new(kind), stop: Some(stop), thread })
    }
}

impl Mails for Carrier {
    fn send(&self, letter: Arc<Letter>, report: Report) {
        let kind = self.kind.clone();
        self.runtime.spawn(async move {
            let fate = match &*kind {
                Kind::Off => Fate::Refused("mail.transport is \"off\"".to_owned()),
                // A file of one letter: short enough to wait for, and nobody else is on this thread.
                Kind::File(outbox) => outbox.write(&letter),
                Kind::Smtp(smtp) => smtp.send(&letter).await,
            };
            report.tell(fate);
        });
    }
}

impl Drop for Carrier {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            log::error!("mail: the thread had panicked");
        }
    }
}
