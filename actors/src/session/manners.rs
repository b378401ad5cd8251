//! How each dialect wants to be treated, from the settings. Owns: one [`Manners`] per dialect, in the order of
//! [`protocol::DIALECTS`]. Never: is copied into a session.

use crate::settings::ActorSettings;
use protocol::{DialectId, Limits};
use std::time::Duration;

/// One dialect's limits and habits.
#[derive(Clone, Debug)]
pub struct Manners {
    /// Bounds of what is decoded.
    pub limits: Limits,
    /// Between two frames to a client that takes one read for one frame.
    pub pace: Duration,
    /// How often such a client is nudged; zero never.
    pub nudge_every: Duration,
    /// For how long after the last frame.
    pub nudge_for: Duration,
    /// Whether the writer of a group post gets it back.
    pub group_echo: bool,
    /// Whether private messages for people who are away are stored.
    pub store_offline: bool,
}

impl Manners {
    /// Those of all dialects.
    #[must_use]
    pub fn of_all(settings: &ActorSettings) -> Vec<Self> {
        DialectId::all().map(|_| Self::plain(settings)).collect()
    }

    fn plain(settings: &ActorSettings) -> Self {
        let plain = &settings.plain;
        Self {
            limits: Limits { frame_bytes: plain.max_object_bytes, depth: plain.max_depth, fields: plain.max_fields },
            pace: Duration::from_millis(plain.pace_ms),
            nudge_every: Duration::from_millis(plain.nudge_ms),
            nudge_for: Duration::from_secs(plain.nudge_for_s),
            group_echo: plain.group_echo,
            store_offline: plain.store_offline,
        }
    }
}
