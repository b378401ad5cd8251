//! An event on its way to many: the event and one lazily made frame per dialect.
//! Owns: the rule that an event is encoded once per dialect, however many read it.

use crate::dialect::{DialectId, Frame};
use crate::dialects::DIALECTS;
use crate::event::Event;
use std::sync::OnceLock;

/// An [`Event`] with its encodings. Shared as `Arc<Outgoing>` by all who are told.
#[derive(Debug)]
pub struct Outgoing {
    event: Event,
    frames: [OnceLock<Option<Frame>>; DIALECTS.len()],
}

impl Outgoing {
    /// Wraps an event; nothing is encoded yet.
    #[must_use]
    pub fn new(event: Event) -> Self {
        Self { event, frames: Default::default() }
    }

    /// The event itself.
    #[must_use]
    pub fn event(&self) -> &Event {
        &self.event
    }

    /// The event in one dialect, encoded at the first call; `None` where that dialect has no word for it.
    #[must_use]
    pub fn frame(&self, dialect: DialectId) -> Option<&Frame> {
        self.frames[dialect.index()].get_or_init(|| dialect.get().event(&self.event)).as_ref()
    }
}
