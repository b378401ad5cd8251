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
//! - [`World::leave`] and [`World::cut`] end a connection from this side; what had come until then is told as ever, and
//!   then [`Director::broken`], once;
//! - what is said within one turn to one session is written at once.

#[cfg(test)]
pub(in crate::loadtest) mod fake;
mod link;
pub mod net;
pub(in crate::loadtest) mod timers;

use super::stamp::Stamp;
use crate::client::{Heard, Label, Say, Verdict};
use std::io;
use std::time::Duration;

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
    /// Ends the connection in the dialect's way, if there is one, at once: nothing more is told of it, not even what has come.
    fn disconnect(&mut self, session: u32);
    /// Ends an open connection in order: says goodbye, and says nothing more, but hears what comes until the server has closed
    /// as well. By an end in order the server knows that all it wrote has been received, so none of it may be left unheard.
    fn leave(&mut self, session: u32);
    /// Cuts an open connection off, without any goodbye: the server gets a reset. What has come so far is heard before.
    fn cut(&mut self, session: u32);
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
    /// So much time that has just passed, while others had their turns and nothing was to come here, does not count: the world's clock has
    /// stood still in it. Timers come that much later.
    fn skip(&mut self, time: Duration);
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
    /// A copy of a message.
    Copy(Copied),
    /// A friend came or went.
    Presence {
        /// Came.
        online: bool,
    },
    /// The server says why it closes.
    Closing(Box<str>),
    /// What came was not understood: an answer to nothing, a second one, or no word of the dialect. The connection is of no
    /// use any more.
    Nonsense,
}

/// What a copy of a message says of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Copied {
    /// What its text says; `None`: it is no stamp.
    pub stamp: Option<Stamp>,
    /// Bytes of the text.
    pub bytes: usize,
    /// Who wrote it, by the server's word.
    pub from: Tag,
    /// Which group it is in, by the server's word; `None`: it is a private message.
    pub group: Option<Tag>,
}

/// Somebody, or a group, as the server names it, without the name's bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tag {
    /// The number; 0: not told.
    id: u64,
    /// The name's hash; 0: not told.
    name: u64,
}

impl Tag {
    /// What a label says.
    #[must_use]
    pub fn of(label: &Label<'_>) -> Self {
        Self { id: label.id, name: if label.name.is_empty() { 0 } else { hash(&label.name) } }
    }

    /// Whether it may be the one of this name and number, of which 0 is not known: it is not, if one of them is another.
    /// Names beyond ASCII have several spellings, so only the number tells of those.
    #[must_use]
    pub fn fits(&self, name: &str, id: u64) -> bool {
        let other_id = self.id != 0 && id != 0 && self.id != id;
        let known = self.name != 0 && !name.is_empty() && name.is_ascii();
        !(other_id || known && self.name != hash(name))
    }
}

/// The same for the same name in other letters, as names are compared, and for hardly any other. Never 0. Every copy costs a few of
/// these, so it takes eight bytes at a time.
fn hash(name: &str) -> u64 {
    const SMALL: u64 = 0x2020_2020_2020_2020;
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut sum = name.len() as u64;
    for piece in name.as_bytes().chunks(8) {
        let mut word = [0; 8];
        word[..piece.len()].copy_from_slice(piece);
        sum = (sum ^ (u64::from_le_bytes(word) | SMALL)).wrapping_mul(ODD);
        sum ^= sum >> 32;
    }
    sum.max(1)
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
            Heard::Private { text, from } => {
                Self::Copy(Copied { stamp: Stamp::read(text), bytes: text.len(), from: Tag::of(from), group: None })
            }
            Heard::Post { text, from, group } => Self::Copy(Copied {
                stamp: Stamp::read(text),
                bytes: text.len(),
                from: Tag::of(from),
                group: Some(Tag::of(group)),
            }),
            Heard::Presence { online } => Self::Presence { online: *online },
            Heard::Closing(word) => Self::Closing(word.as_ref().into()),
            Heard::Other => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Tag;
    use crate::client::Label;

    #[test]
    fn a_tag_fits_whom_it_may_be() {
        let tag = |id, name: &'static str| Tag::of(&Label { name: name.into(), id });
        assert!(tag(0, "").fits("lt-a", 7), "nothing is told");
        assert!(tag(7, "lt-a").fits("lt-a", 7) && tag(0, "LT-a").fits("lt-A", 7));
        assert!(tag(7, "lt-a").fits("lt-a", 0) && tag(7, "x").fits("", 7));
        assert!(!tag(8, "lt-a").fits("lt-a", 7));
        assert!(!tag(0, "lt-bcdfghjk-000001").fits("lt-bcdfghjk-000011", 0));
        assert!(!tag(7, "lt-b").fits("lt-a", 7) && !tag(0, "lt-b").fits("lt-a", 0));
        assert!(tag(0, "小明").fits("小明", 7) && tag(0, "小明").fits("小花", 7) && !tag(8, "小明").fits("小花", 7));
    }
}
