//! The settings of the actors, as typed values: one struct per section of `settings.toml`, where every key is
//! explained. Owns: shapes and types. Never: reads a file (the binary does), and has no defaults of its own.

use serde::Deserialize;
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

/// `[friend]`
#[derive(Clone, Debug, Deserialize)]
#[allow(missing_docs, reason = "settings.toml explains each")]
pub struct FriendSettings {
    pub max: usize,
    pub max_requests: usize,
    pub request_ttl_days: u64,
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
        Duration::from_secs(self.request_ttl_days.saturating_mul(24 * 3600))
    }
}
