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
    /// Boxed, since most are never made.
    #[allow(clippy::type_complexity, reason = "a table")]
    frames: [[OnceLock<Box<Frames>>; CARRIERS]; DIALECTS.len()],
}

impl Outgoing {
    /// Wraps an event that is told once and kept nowhere; nothing is encoded yet.
    #[must_use]
    pub fn new(event: Event) -> Self {
        Self { event, kept: None, frames: Default::default() }
    }

    /// Wraps an event that is kept for its receivers.
    #[must_use]
    pub fn kept(event: Event, kept: Kept) -> Self {
        Self { event, kept: Some(kept), frames: Default::default() }
    }

    /// The event itself.
    #[must_use]
    pub fn event(&self) -> &Event {
        &self.event
    }

    /// The event in one dialect, encoded at the first call; empty where that dialect has no word for it.
    #[must_use]
    pub fn frames(&self, dialect: DialectId, carrier: Carrier) -> &[Frame] {
        let made = &self.frames[dialect.index()][carrier as usize];
        made.get_or_init(|| Box::new(dialect.get().event(&self.event, self.kept, carrier)))
    }
}
