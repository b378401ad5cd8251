//! What carries the simulated people's words. Owns: the small traits between those who decide ([`Director`]) and what
//! moves bytes ([`World`], [`Engine`]), and the one over sockets, [`net::Net`]. Never: knows a scenario.
//!
//! A session is a number from 0 that the director chose; it has at most one connection at a time. Whoever writes
//! another engine implements [`World`] and [`Engine::turn`], and keeps these promises:
//!
//! - after [`World::connect`] comes [`Director::opened`] or [`Director::broken`], never within the call itself;
//! - all that one reading brought is told by [`Director::heard`], also when the director disconnects meanwhile: what was
//!   read has been received, and the dialect may have said so already;
//! - [`Director::broken`] comes once for each connection that ended by itself, after all that was heard on it, and not
//!   after [`World::disconnect`];
//! - what is said within one turn to one session is written at once.

#[cfg(test)]
pub(in crate::loadtest) mod fake;
mod link;
pub mod net;
pub(in crate::loadtest) mod timers;

use super::stamp::Stamp;
use crate::client::{Heard, Say, Verdict};
use std::io;

/// Why something was not said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsaid {
    /// There is no open connection.
    #[error("not connected")]
    Away,
    /// The dialect has no word for it.
    #[error("the dialect has no word for it")]
    Silent,
    /// The server does not read what was said before; the bound is [`MAX_UNWRITTEN`].
    #[error("the server does not read what it is sent")]
    Full,
}

/// Bytes that wait to be written on one connection, at the most.
pub const MAX_UNWRITTEN: usize = 8 << 20;

/// What a director may do.
pub trait World {
    /// Microseconds since the engine began, as of the last thing that happened: a reading, or a timer.
    fn now_us(&self) -> u64;
    /// What this session hears from its next connection on is looked at before what others do, so that its times are not those of this
    /// process's own work on a flood that came to others. For a few. An engine that tells everything at once needs not care.
    fn prefer(&mut self, _session: u32) {}
    /// Begins a connection to a place, by its number in the engine's list.
    fn connect(&mut self, session: u32, place: usize);
    /// Says something; gives the number by which the answer will be known.
    ///
    /// # Errors
    /// It cannot be said now, or ever.
    fn say(&mut self, session: u32, say: &Say<'_>) -> Result<u64, Unsaid>;
    /// Ends the connection in the dialect's way, if there is one.
    fn disconnect(&mut self, session: u32);
    /// Asks for [`Director::timer`] at a time, at once where it is past.
    fn at(&mut self, due_us: u64, token: u64);
}

/// Who decides what is said.
pub trait Director {
    /// A connection can be spoken on.
    fn opened(&mut self, world: &mut dyn World, session: u32);
    /// Something was heard.
    fn heard(&mut self, world: &mut dyn World, session: u32, note: &Note);
    /// A connection ended, or could not be made.
    fn broken(&mut self, world: &mut dyn World, session: u32, why: &str);
    /// A time has come.
    fn timer(&mut self, world: &mut dyn World, token: u64, due_us: u64);
}

/// A world that can be run.
pub trait Engine {
    /// Waits for something to happen, at the longest until `latest_us`, and tells the director all of it.
    ///
    /// # Errors
    /// The system refuses what nothing works without.
    fn turn(&mut self, director: &mut dyn Director, latest_us: u64) -> io::Result<()>;
    /// The world, for directing from outside a turn. What is said is written in the next one.
    fn world(&mut self) -> &mut dyn World;
}

/// What was heard, without its bytes: it outlives the buffer that it was read in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// A request was done; its number, and what was made.
    Done {
        /// The request.
        number: u64,
        /// The account or group that was made or logged in to, where the dialect tells it.
        id: Option<u64>,
    },
    /// A request was refused.
    Refused {
        /// The request.
        number: u64,
        /// In the dialect's own words.
        word: Box<str>,
    },
    /// A private message; `None` where its text is no stamp.
    Private(Option<Stamp>),
    /// A post in a group.
    Post(Option<Stamp>),
    /// A friend came or went.
    Presence {
        /// Came.
        online: bool,
    },
    /// The server says why it closes.
    Closing(Box<str>),
}

impl Note {
    /// What of a thing heard matters to a director.
    #[must_use]
    pub fn of(heard: &Heard<'_>) -> Option<Self> {
        Some(match heard {
            Heard::Answer { number, verdict: Verdict::Done { id } } => Self::Done { number: *number, id: *id },
            Heard::Answer { number, verdict: Verdict::Refused(word) } => {
                Self::Refused { number: *number, word: word.as_ref().into() }
            }
            Heard::Private { text, .. } => Self::Private(Stamp::read(text)),
            Heard::Post { text, .. } => Self::Post(Stamp::read(text)),
            Heard::Presence { online } => Self::Presence { online: *online },
            Heard::Closing(word) => Self::Closing(word.as_ref().into()),
            Heard::Other => return None,
        })
    }
}
