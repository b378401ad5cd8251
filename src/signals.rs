//! Being told to stop. Owns: SIGTERM and SIGINT. Never: decides what a stop is (`serve` does).

use std::io;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Signals that mean stop. From the moment it exists, they no longer kill the process.
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Starts to catch them; inside a tokio runtime.
    ///
    /// # Errors
    /// The system refuses.
    pub fn catch() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// The next one's name. Cancel-safe: a signal that comes meanwhile is not lost.
    pub async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}
