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
    pub binary: BinarySettings,
    pub mail: MailSettings,
    pub profile: ProfileSettings,
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
    pub verify_login: VerifyLogin,
    pub verify_after: u32,
}

/// Which logins in `binary` need a code by mail, of accounts that have an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VerifyLogin {
    /// None.
    Never,
    /// Those after `verify_after` wrong passwords in a row.
    Failures,
    /// Those, and those from an address from which the account was not logged in before.
    NewAddress,
    /// All.
    Always,
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
    pub max_blocked: usize,
    pub request_ttl: Span,
}

/// `[group]`
#[derive(Clone, Debug, Deserialize)]
#[allow(missing_docs, reason = "settings.toml explains each")]
pub struct GroupSettings {
    pub max_members: usize,
    pub max_per_account: usize,
    pub max_requests: usize,
    pub max_managers: usize,
    pub catch_up: usize,
    pub queue: usize,
    pub queue_bytes: usize,
    pub gather_us: u64,
    pub passivate_s: u64,
}

/// `[message]`
#[derive(Clone, Debug, Deserialize)]
#[allow(missing_docs, reason = "settings.toml explains each")]
pub struct MessageSettings {
    pub max_bytes: usize,
    pub history_page: usize,
    pub recall_s: u64,
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

/// `[binary]`
#[derive(Clone, Debug, Deserialize)]
#[allow(missing_docs, reason = "settings.toml explains each")]
pub struct BinarySettings {
    pub max_packet_bytes: usize,
    pub heartbeat_s: u64,
    pub patience_s: u64,
    pub receipt_window: usize,
    pub receipt_timeout_s: u64,
    pub dedup_numbers: u64,
    pub dedup_for: Span,
    pub dedup_bare_s: u64,
}

/// `[mail]`
#[derive(Clone, Debug, Deserialize)]
#[allow(missing_docs, reason = "settings.toml explains each")]
pub struct MailSettings {
    pub transport: MailTransport,
    pub from: String,
    pub smtp_host: String,
    pub smtp_port: u16,
    pub smtp_security: SmtpSecurity,
    pub smtp_user: String,
    pub smtp_password: String,
    pub smtp_ca_file: String,
    pub timeout_s: u64,
    pub queue: usize,
    pub tries: u32,
    pub retry_s: u64,
    pub code_ttl: Span,
    pub code_tries: u32,
    pub codes_per_address: u32,
    pub codes_per_ip: u32,
}

/// How mail leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MailTransport {
    /// Into files, for somebody to look at.
    File,
    /// To a mail server.
    Smtp,
    /// Not at all: nobody can register by mail.
    Off,
}

/// How the connection to the mail server is kept from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SmtpSecurity {
    /// TLS from the first byte.
    Tls,
    /// TLS by STARTTLS, or no mail.
    Starttls,
    /// Not at all: for a mail server on the same machine.
    None,
}

/// `[profile]`
#[derive(Clone, Debug, Deserialize)]
#[allow(missing_docs, reason = "settings.toml explains each")]
pub struct ProfileSettings {
    pub max_text_chars: usize,
    pub max_avatar_bytes: usize,
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
    pub gather_us: u64,
    pub latency_us: u64,
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
    pub offer_s: u64,
    pub resume_s: u64,
    pub progress_ms: u64,
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
