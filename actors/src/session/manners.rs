//! How each dialect wants to be treated, from the settings. Owns: one [`Manners`] per dialect, in the order of
//! [`protocol::DIALECTS`]. Never: is copied into a session.

use crate::settings::ActorSettings;
use crate::settings::Consent;
use protocol::{Carrier, Customs, DialectId, FriendPolicy, JoinPolicy, Limits, MessagePolicy, Terms};
use std::time::Duration;

/// One dialect's limits and habits.
#[derive(Clone, Debug)]
pub struct Manners {
    /// Bounds of what is decoded from a stream, and from a link with messages.
    stream: Limits,
    message: Limits,
    /// How its people live together, by its document and the settings.
    pub customs: Customs,
    /// Between two frames to a client that takes one read for one frame.
    pub pace: Duration,
    /// How often such a client is nudged; zero never.
    pub nudge_every: Duration,
    /// For how long after the last frame.
    pub nudge_for: Duration,
    /// Whether the writer of a group post gets it back.
    pub group_echo: bool,
    /// Whether its clients can say a code that was mailed.
    pub says_codes: bool,
    /// What its clients are told that the server expects of them.
    pub terms: Option<Terms>,
}

impl Manners {
    /// Those of all dialects.
    #[must_use]
    pub fn of_all(settings: &ActorSettings) -> Vec<Self> {
        DialectId::all().map(|dialect| Self::of(dialect, settings)).collect()
    }

    fn of(dialect: DialectId, settings: &ActorSettings) -> Self {
        let mut customs = dialect.get().customs();
        if settings.policy.consent == Consent::Always {
            customs.add = FriendPolicy::Confirm;
            customs.message = MessagePolicy::Friends;
            customs.join = JoinPolicy::Approval;
        }
        match dialect.get().name() {
            "plain" => Self::plain(settings, customs),
            "binary" => Self::binary(settings, customs),
            _ => Self::framed(settings, customs),
        }
    }

    fn plain(settings: &ActorSettings, customs: Customs) -> Self {
        let plain = &settings.plain;
        let limits = Limits { frame_bytes: plain.max_object_bytes, depth: plain.max_depth, fields: plain.max_fields };
        Self {
            stream: limits,
            message: limits,
            customs: Customs { store_offline: plain.store_offline, ..customs },
            pace: Duration::from_millis(plain.pace_ms),
            nudge_every: Duration::from_millis(plain.nudge_ms),
            nudge_for: Duration::from_secs(plain.nudge_for_s),
            group_echo: plain.group_echo,
            says_codes: false,
            terms: None,
        }
    }

    /// Clients that know where a frame ends need neither pace nor nudges.
    fn framed(settings: &ActorSettings, customs: Customs) -> Self {
        let framed = &settings.framed;
        let limits = |frame_bytes| Limits { frame_bytes, depth: framed.max_depth, fields: framed.max_fields };
        Self {
            stream: limits(framed.max_frame_bytes),
            message: limits(framed.max_message_bytes),
            customs,
            pace: Duration::ZERO,
            nudge_every: Duration::ZERO,
            nudge_for: Duration::ZERO,
            group_echo: false,
            says_codes: false,
            terms: None,
        }
    }

    /// They know where a frame ends, too.
    fn binary(settings: &ActorSettings, customs: Customs) -> Self {
        /// Levels of nesting: the JSON form of a packet has no more than five.
        const DEPTH: usize = 16;
        let binary = &settings.binary;
        let fields = settings.profile.max_fields.saturating_add(64);
        let limits = Limits { frame_bytes: binary.max_packet_bytes, depth: DEPTH, fields };
        let told = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let seconds = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        let terms = Terms {
            heartbeat_s: seconds(binary.heartbeat_s),
            patience_s: seconds(binary.patience_s),
            max_packet_bytes: told(binary.max_packet_bytes),
            max_message_bytes: told(settings.message.max_bytes),
            receipt_window: told(binary.receipt_window),
            receipt_timeout_s: seconds(binary.receipt_timeout_s),
        };
        Self {
            stream: limits,
            message: limits,
            customs,
            pace: Duration::ZERO,
            nudge_every: Duration::ZERO,
            nudge_for: Duration::ZERO,
            group_echo: false,
            says_codes: true,
            terms: Some(terms),
        }
    }

    /// Bounds of what is decoded from a carrier.
    #[must_use]
    pub fn limits(&self, carrier: Carrier) -> Limits {
        match carrier {
            Carrier::Stream => self.stream,
            Carrier::Message | Carrier::Text => self.message,
        }
    }
}
