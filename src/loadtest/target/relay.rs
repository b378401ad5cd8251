//! A bare relay as a process of its own (`--serve-baseline`). Owns: its life. Never: outlives its [`Relay`].

use super::own::elsewhere;
use crate::exit::{Exit, Failure};
use crate::loadtest::options::Baseline;
use clap::ValueEnum;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

/// The process. It ends when its standard input does, which is held here.
pub struct Relay {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
}

/// A relay's name, as it is written on the command line.
#[must_use]
pub fn name(kind: Baseline) -> String {
    kind.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
}

impl Relay {
    /// Starts one.
    ///
    /// # Errors
    /// It does not start.
    pub fn start(kind: Baseline, pin: bool) -> Result<Self, Failure> {
        let failed = |why: String| Failure::new(Exit::ActorDied, format!("--baseline {}: {why}", name(kind)));
        let program = std::env::current_exe().map_err(|error| failed(error.to_string()))?;
        let mut command = Command::new(program);
        command.args(["loadtest", "--serve-baseline", &name(kind)]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = elsewhere(pin, || command.spawn()).map_err(|error| failed(error.to_string()))?;
        let mut line = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout).read_line(&mut line).map_err(|error| failed(error.to_string()))?;
        }
        match line.trim().strip_prefix("listening ").and_then(|address| address.parse().ok()) {
            Some(address) => Ok(Self { child, address }),
            None => {
                let _ = child.kill();
                let _ = child.wait();
                Err(failed("it does not say where it listens".into()))
            }
        }
    }

    /// Its process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
