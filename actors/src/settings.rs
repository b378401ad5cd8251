//! The settings of the actors, as typed values: one struct per section of `settings.toml`, where every key is
//! explained. Owns: shapes and types. Never: reads a file (the binary does), and has no defaults of its own.

use serde::de::Error;
use serde::{Deserialize, Deserializer};
use std::str::FromStr;
use std::time::Duration;

/// All sections that actors use.
#[derive(Clone, Debug, Deserialize)]
#[allow(missing_docs, reason = "settings.toml explains each")]
pub struct ActorSettings {
    pub actors: Threads,
    pub session: SessionSettings,
    pub auth: AuthSettings,
    pub policy: PolicySettings,
    pub friend: FriendSettings,
    pub group: GroupSettings,
    pub message: MessageSettings,
    pub inbox: InboxSettings,
    pub plain: PlainSettings,
    pub framed: FramedSettings,
    pub web: WebSettings,
    pub storage: StorageSettings,
    pub relay: RelaySettings,
}

/// `[actors]`
#[derive(Clone, Debug, Deserialize)]
#[allow(missing_docs, reason = "settings.toml explains each")]
pub struct Threads {
    pub session_threads: usize,
    pub reader_threads: usize,
}

/// `[session]`
#[derive(Clone, Debug, Deserialize)]
#[allow(missing_docs, reason = "settings.toml explains each")]
pub struct SessionSettings {
    pub max: usize,
    pub per_account: usize,
    pub window: usize,
    pub outbox_bytes: usize,
    pub mailbox: usize,
    pub frame_timeout_s: u64,
    pub login_timeout_s: u64,
    pub idle_timeout_s: u64,
    pub keepalive_s: u64,
    pub answer_timeout_s: u64,
    pub receipt_timeout_s: u64,
    pub receipt_flush_ms: u64,
}

/// `[auth]`
#[derive(Clone, Debug, Deserialize)]
#[allow(missing_docs, reason = "settings.toml explains each")]
pub struct AuthSettings {
    pub memory_kib: u32,
    pub passes: u32,
    pub parallel: usize,
    pub queue: usize,
    pub attempts: u32,
    pub attempts_per_minute: u32,
}

/// `[policy]`
#[derive(Clone, Debug, Deserialize)]
#[allow(missing_docs, reason = "settings.toml explains each")]
pub struct PolicySettings {
    pub consent: Consent,
}

/// Whether new accounts and groups start with consent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Consent {
    /// As the dialect's document says.
    Document,
    /// Always.
    Always,
}

/// A length of time as settings write it: a whole number and `s`, `m`, `h` or `d`. From a second to a hundred years.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Span(pub Duration);

impl FromStr for Span {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const RIGHT: &str =
            "must be a whole number and one of s, m, h and d, such as \"7d\", from \"1s\" to \"36500d\"";
        const DAY_S: u64 = 24 * 3600;
        let unit = text.chars().next_back().ok_or(RIGHT)?;
        let seconds = match unit {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => DAY_S,
            _ => return Err(RIGHT),
        };
        let number = &text[..text.len() - 1];
        // `parse` would take a sign.
        if !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(RIGHT);
        }
        let span = number.parse::<u64>().ok().and_then(|number| number.checked_mul(seconds));
        span.filter(|span| (1..=36_500 * DAY_S).contains(span)).map(|span| Self(Duration::from_secs(span))).ok_or(RIGHT)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// `[friend]`
#[derive(Clone, Debug, Deserialize)]
#[allow(missing_docs, reason = "settings.toml explains each")]
pub struct FriendSettings {
    pub max: usize,
    pub max_requests: usize,
    pub request_ttl: Span,
}

/// `[group]`
#[derive(Clone, Debug, Deserialize)]
#[allow(missing_docs, reason = "settings.toml explains each")]
pub struct GroupSettings {
    pub max_members: usize,
    pub max_per_account: usize,
    pub max_requests: usize,
    pub catch_up: usize,
    pub passivate_s: u64,
}

/// `[message]`
#[derive(Clone, Debug, Deserialize)]
#[allow(missing_docs, reason = "settings.toml explains each")]
pub struct MessageSettings {
    pub max_bytes: usize,
    pub history_page: usize,
}

/// `[inbox]`
#[derive(Clone, Debug, Deserialize)]
#[allow(missing_docs, reason = "settings.toml explains each")]
pub struct InboxSettings {
    pub max: u64,
}

/// `[plain]`
#[derive(Clone, Debug, Deserialize)]
#[allow(missing_docs, reason = "settings.toml explains each")]
pub struct PlainSettings {
    pub max_object_bytes: usize,
    pub max_depth: usize,
    pub max_fields: usize,
    pub pace_ms: u64,
    pub nudge_ms: u64,
    pub nudge_for_s: u64,
    pub group_echo: bool,
    pub store_offline: bool,
}

/// `[framed]`
#[derive(Clone, Debug, Deserialize)]
#[allow(missing_docs, reason = "settings.toml explains each")]
pub struct FramedSettings {
    pub max_frame_bytes: usize,
    pub max_message_bytes: usize,
    pub max_depth: usize,
    pub max_fields: usize,
}

/// `[web]`
#[derive(Clone, Debug, Deserialize)]
#[allow(missing_docs, reason = "settings.toml explains each")]
pub struct WebSettings {
    pub ping_every_s: u64,
    pub pong_timeout_s: u64,
    // The rest is the listeners'; it stands here since one section has one struct.
    pub origins: String,
    pub max_header_bytes: usize,
    pub handshake_timeout_s: u64,
    pub max_handshakes: usize,
}

/// `[storage]`
#[derive(Clone, Debug, Deserialize)]
#[allow(missing_docs, reason = "settings.toml explains each")]
pub struct StorageSettings {
    pub sync: Sync,
    pub sync_interval_ms: u64,
    pub batch_requests: usize,
    pub batch_bytes: usize,
    pub write_buffer_bytes: usize,
    pub cache_bytes: usize,
    pub min_free_bytes: u64,
    pub max_open_files: i32,
}

/// When the disk is synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sync {
    /// Before anything is acknowledged.
    Always,
    /// Every so often; a power cut loses what came since.
    Interval,
}

/// `[relay]`
#[derive(Clone, Debug, Deserialize)]
#[allow(missing_docs, reason = "settings.toml explains each")]
pub struct RelaySettings {
    pub bind: std::net::IpAddr,
    pub ports: String,
    pub max: usize,
    pub per_account: usize,
    pub timeout_s: u64,
    pub max_bytes: u64,
    pub buffer_bytes: usize,
    pub settle_ms: u64,
}

impl FriendSettings {
    /// How long a request waits for an answer.
    #[must_use]
    pub fn request_ttl(&self) -> Duration {
        self.request_ttl.0
    }
}

#[cfg(test)]
mod tests {
    use super::Span;
    use std::time::Duration;

    #[test]
    fn spans_are_written_with_a_unit() {
        for (text, seconds) in [("1s", 1), ("90s", 90), ("2m", 120), ("3h", 10_800), ("7d", 604_800)] {
            assert_eq!(text.parse(), Ok(Span(Duration::from_secs(seconds))), "{text}");
        }
        for text in ["", "7", "d", "0s", "-1d", "+1d", "1.5h", "7 d", "7D", "7天", "36501d", "99999999999999999999d"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
    }
}
