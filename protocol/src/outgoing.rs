//! An event on its way to many: the event and its lazily made frames per dialect and kind of carrier.
//! Owns: the rule that an event is encoded once for each of those, however many read it.

use crate::dialect::{Carrier, DialectId, Frame, Frames};
use crate::dialects::DIALECTS;
use crate::event::Event;
use crate::mark::Kept;
use std::sync::OnceLock;

/// Kinds of carriers.
const CARRIERS: usize = 3;

/// An [`Event`] with its encodings. Shared as `Arc<Outgoing>` by all who are told.
#[derive(Debug)]
pub struct Outgoing {
    event: Event,
    kept: Option<Kept>,
    /// The encoding that was asked for first: most events have no other.
    first: OnceLock<Made>,
    /// Those for all other dialects and carriers.
    others: OnceLock<Box<Others>>,
}

/// An encoding, and for whom.
#[derive(Debug)]
struct Made {
    dialect: DialectId,
    carrier: Carrier,
    frames: Frames,
}

/// By dialect, and by carrier.
type Others = [[OnceLock<Frames>; CARRIERS]; DIALECTS.len()];

impl Outgoing {
    /// Wraps an event that is told once and kept nowhere; nothing is encoded yet.
    #[must_use]
    pub fn new(event: Event) -> Self {
        Self { event, kept: None, first: OnceLock::new(), others: OnceLock::new() }
    }

    /// Wraps an event that is kept for its receivers.
    #[must_use]
    pub fn kept(event: Event, kept: Kept) -> Self {
        Self { kept: Some(kept), ..Self::new(event) }
    }

    /// The event itself.
    #[must_use]
    pub fn event(&self) -> &Event {
        &self.event
    }

    /// The event in one dialect, encoded at the first call; empty where that dialect has no word for it.
    #[must_use]
    pub fn frames(&self, dialect: DialectId, carrier: Carrier) -> &[Frame] {
        let encode = || dialect.get().event(&self.event, self.kept, carrier);
        let first = self.first.get_or_init(|| Made { dialect, carrier, frames: encode() });
        // Another thread may have been the first to ask, for another.
        if (first.dialect, first.carrier) == (dialect, carrier) {
            return &first.frames;
        }
        let others = self.others.get_or_init(Box::default);
        others[dialect.index()][carrier as usize].get_or_init(encode)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{ClosingReason, Event};

    #[test]
    fn each_dialect_and_carrier_gets_its_own_words_once() {
        let all: Vec<_> = DialectId::all()
            .flat_map(|dialect| [Carrier::Stream, Carrier::Message, Carrier::Text].map(|carrier| (dialect, carrier)))
            .collect();
        let event = || Event::Closing { reason: ClosingReason::Shutdown };
        for first in 0..all.len() {
            let outgoing = Outgoing::new(event());
            for (dialect, carrier) in all[first..].iter().chain(&all).copied() {
                let frames = outgoing.frames(dialect, carrier);
                assert_eq!(*frames, *dialect.get().event(&event(), None, carrier), "{dialect:?} {carrier:?}");
                assert!(std::ptr::eq(frames, outgoing.frames(dialect, carrier)), "it is encoded once");
            }
        }
    }
}
