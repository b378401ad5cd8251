//! `--chaos restart=TIME`. Owns: when the server is killed, and the words for what followed. Never: decides what is lost.

use super::Target;
use crate::exit::Failure;
use crate::loadtest::report::Incident;
use std::time::Duration;

enum State {
    Up,
    /// Killed at this time, and starting again.
    Down(u64),
    /// Ready again; killed at this time. Not everybody is back.
    Returning(u64),
}

/// Kills a throw-away server again and again.
pub struct Chaos {
    every_us: u64,
    next_us: u64,
    state: State,
    /// What happened.
    pub incidents: Vec<Incident>,
}

fn seconds(us: u64) -> f64 {
    us as f64 / 1e6
}

impl Chaos {
    /// `now_us` is when the load begins; the first time comes one `every` later.
    #[must_use]
    pub fn new(every: Duration, now_us: u64) -> Self {
        let every_us = u64::try_from(every.as_micros()).unwrap_or(u64::MAX);
        Self { every_us, next_us: now_us.saturating_add(every_us), state: State::Up, incidents: Vec::new() }
    }

    /// Looks what is to be done. `everybody` is back or not. Tells what is new, for the screen.
    ///
    /// # Errors
    /// The server does not start again.
    pub fn turn(&mut self, now_us: u64, everybody: bool, target: &mut Target) -> Result<Option<String>, Failure> {
        let Target::Own(own) = target else { return Ok(None) };
        let what = match self.state {
            State::Up if now_us >= self.next_us => {
                own.kill();
                own.spawn()?;
                self.state = State::Down(now_us);
                "killed".to_owned()
            }
            State::Down(since_us) if own.is_ready(Duration::from_micros(now_us - since_us))? => {
                self.state = State::Returning(since_us);
                format!("ready again after {:.2} s", seconds(now_us - since_us))
            }
            State::Returning(since_us) if everybody => {
                self.state = State::Up;
                self.next_us = now_us.max(since_us.saturating_add(self.every_us));
                format!("everybody is back after {:.2} s", seconds(now_us - since_us))
            }
            _ => return Ok(None),
        };
        self.incidents.push(Incident { at_s: seconds(now_us), what: what.clone() });
        Ok(Some(what))
    }

    /// Whether the server is up and everybody is there.
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self.state, State::Up)
    }

    /// Whether the server is starting: nothing can come from it.
    #[must_use]
    pub fn is_down(&self) -> bool {
        matches!(self.state, State::Down(_))
    }

    /// Kills no more.
    pub fn end(&mut self) {
        self.next_us = u64::MAX;
        self.every_us = u64::MAX;
    }

    /// When to look again at the latest.
    #[must_use]
    pub fn look_us(&self, now_us: u64) -> u64 {
        match self.state {
            State::Up => self.next_us,
            State::Down(_) | State::Returning(_) => now_us + 2_000,
        }
    }
}
