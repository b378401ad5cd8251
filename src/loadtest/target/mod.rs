//! The server under test, as a process. Owns: [`Target`], where it is and what it costs; the throw-away server ([`own::Own`]), its
//! [`chaos`], and reading `/proc` ([`proc`]). Never: speaks to it as a client.

pub mod chaos;
pub mod here;
pub mod own;
pub mod proc;
pub mod relay;

use crate::exit::Failure;
use own::Own;
use proc::Sample;

/// The server.
pub enum Target {
    /// A process of this run.
    Own(Box<Own>),
    /// A process on this machine that was there before.
    Here(u32),
    /// Somewhere else, or in this process.
    Elsewhere,
}

impl Target {
    /// What it has taken so far; `None` where that cannot be seen.
    #[must_use]
    pub fn sample(&self) -> Option<Sample> {
        match self {
            Self::Own(own) => own.sample(),
            Self::Here(pid) => proc::sample(*pid),
            Self::Elsewhere => None,
        }
    }

    /// Whether it ended although nobody told it to.
    pub fn has_died(&mut self) -> Option<Failure> {
        match self {
            Self::Own(own) => own.has_died(),
            Self::Here(_) | Self::Elsewhere => None,
        }
    }

    /// Ends what this run began.
    pub fn stop(&mut self) {
        if let Self::Own(own) = self {
            own.stop();
        }
    }
}
