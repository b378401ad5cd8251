//! An event on its way to many: the event and its lazily made frames per dialect and kind of carrier.
//! Owns: the rule that an event is encoded once for each of those, however many read it.

use crate::dialect::{Carrier, DialectId, Frame, Frames};
use crate::dialects::DIALECTS;
use crate::event::Event;
use std::sync::OnceLock;

/// An [`Event`] with its encodings. Shared as `Arc<Outgoing>` by all who are told.
#[derive(Debug)]
pub struct Outgoing {
    event: Event,
    streams: [OnceLock<Frames>; DIALECTS.len()],
    messages: [OnceLock<Frames>; DIALECTS.len()],
}

impl Outgoing {
    /// Wraps an event; nothing is encoded yet.
    #[must_use]
    pub fn new(event: Event) -> Self {
        Self { event, streams: Default::default(), messages: Default::default() }
    }

    /// The event itself.
    #[must_use]
    pub fn event(&self) -> &Event {
        &self.event
    }

    /// The event in one dialect, encoded at the first call; empty where that dialect has no word for it.
    #[must_use]
    pub fn frames(&self, dialect: DialectId, carrier: Carrier) -> &[Frame] {
        let of_carrier = match carrier {
            Carrier::Stream => &self.streams,
            Carrier::Message => &self.messages,
        };
        of_carrier[dialect.index()].get_or_init(|| dialect.get().event(&self.event, carrier))
    }
}
