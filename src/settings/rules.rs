//! What a value may be. Owns: the table of ranges with their reasons, the lists of words, and who reads which
//! grammar. Never: knows where a value came from.

use super::format;
use crate::text;
use actors::settings::Span;
use protocol::DIALECTS;

/// The keys that every `[listen.NAME]` has.
pub(super) const LISTEN_KEYS: [&str; 3] = ["address", "link", "dialect"];

/// The key that it may have, which is true or false.
pub(super) const LISTEN_TLS: &str = "tls";

/// Ends a sentence about listeners.
pub(super) const LISTEN_EXAMPLE: &str =
    ", as in [listen.plain] address = \"127.0.0.1:8000\", link = \"tcp\", dialect = \"plain\"";

/// What a number may be.
pub(super) struct Range {
    pub(super) key: &'static str,
    min: i64,
    max: i64,
    why: &'static str,
}

const fn range(key: &'static str, min: i64, max: i64, why: &'static str) -> Range {
    Range { key, min, max, why }
}

const KIB: i64 = 1024;
const MIB: i64 = 1024 * KIB;
const GIB: i64 = 1024 * MIB;
const DAY_S: i64 = 86_400;

/// Every number in `settings.toml` has a row here; a test holds them together.
pub(super) const RANGES: &[Range] = &[
    range("server.drain_s", 0, 3600, "an hour is more than any supervisor waits"),
    range("actors.session_threads", 0, 1024, "0 lets the server choose"),
    range("actors.reader_threads", 1, 256, "somebody must read from the store"),
    range("session.max", 1, 10_000_000, "a server without connections serves nobody"),
    range("session.per_account", 1, 1000, "an account that cannot log in is none"),
    range("session.window", 1, 1024, "without one nothing is ever read; each holds memory"),
    range("session.outbox_bytes", 4 * KIB, GIB, "one reply must fit, and each connection may take as much"),
    range("session.mailbox", 8, MIB, "deliveries come in bursts, and each holds memory"),
    range("session.frame_timeout_s", 1, DAY_S, "a request takes some time to come"),
    range("session.login_timeout_s", 1, 30 * DAY_S, "a login takes some time to come"),
    range("session.idle_timeout_s", 0, 30 * DAY_S, "0 is never"),
    range("session.keepalive_s", 2, 32_767, "the system's own limit"),
    range("session.answer_timeout_s", 1, 3600, "an answer takes some time"),
    range("session.receipt_timeout_s", 1, DAY_S, "a receipt takes some time"),
    range("session.receipt_flush_ms", 1, 3_600_000, "what was received must be written down some time"),
    range("auth.memory_kib", 8, 4 * MIB, "argon2's least, and 4 GiB for one hash"),
    range("auth.passes", 1, 1000, "argon2's least; each pass takes time"),
    range("auth.parallel", 0, 1024, "0 takes the number of processors"),
    range("auth.queue", 1, 10_000_000, "without one nobody can log in"),
    range("auth.attempts", 1, 1_000_000, "without one nobody can log in"),
    range("auth.attempts_per_minute", 1, 1_000_000, "without one a mistyped password locks an address out for good"),
    range("auth.verify_after", 1, 1000, "a mistyped password is no attack"),
    range("friend.max", 1, 1_000_000, "friends are listed in one reply"),
    range("friend.max_blocked", 0, 1_000_000, "the list is one reply"),
    range("friend.max_requests", 1, 1_000_000, "without one nobody can ask"),
    range("group.max_members", 1, 10_000_000, "a group has its owner at least"),
    range("group.max_per_account", 1, 1_000_000, "groups are listed in one reply"),
    range("group.max_requests", 1, 1_000_000, "without one nobody can ask"),
    range("group.max_managers", 0, 10_000, "each is told of every request"),
    range("group.catch_up", 0, 100_000, "all of it is sent at one login"),
    range("group.queue", 1, MIB, "without one nothing is posted; each holds memory"),
    range("group.queue_bytes", 4 * KIB, GIB, "posts that wait are held in memory"),
    range("group.gather_us", 0, 100_000, "every member of a large group waits for that"),
    range("group.passivate_s", 1, DAY_S, "waking a group takes a read"),
    range("message.max_bytes", 1, 64 * MIB, "a message is held in memory whole"),
    range("message.history_page", 1, 10_000, "a page is one reply"),
    range("message.recall_s", 0, 3650 * DAY_S, "0 takes nothing back"),
    range("inbox.max", 1, 100_000_000, "without one nothing could be kept"),
    range("plain.max_object_bytes", 256, 64 * MIB, "the shortest commands must fit, and an object is held in memory"),
    range("plain.max_depth", 1, 128, "an object has one level at least, and each takes stack"),
    range("plain.max_fields", 8, 100_000, "the commands have up to eight"),
    range("plain.pace_ms", 0, 10_000, "objects would wait longer than people do"),
    range("plain.nudge_ms", 0, 3_600_000, "0 sends none"),
    range("plain.nudge_for_s", 0, DAY_S, "0 sends none"),
    range("framed.max_frame_bytes", 256, 64 * KIB, "the shortest commands must fit, and each guest may take as much"),
    range("framed.max_message_bytes", 256, 64 * MIB, "the shortest commands must fit, and a message is held in memory"),
    range("framed.max_depth", 1, 128, "an object has one level at least, and each takes stack"),
    range("framed.max_fields", 8, 100_000, "the commands have up to eight"),
    range("binary.max_packet_bytes", 4 * KIB, 16 * MIB, "a login must fit, and each guest may take as much"),
    range("binary.heartbeat_s", 1, DAY_S, "a sign of life costs a packet each way"),
    range("binary.patience_s", 1, DAY_S, "a sign of life takes some time"),
    range("binary.receipt_window", 1, 65_536, "without one nothing is ever sent; each holds memory"),
    range("binary.receipt_timeout_s", 1, DAY_S, "a receipt takes some time"),
    range("binary.dedup_numbers", 1, 10_000_000, "each is a row on the disk"),
    range("binary.dedup_bare_s", 0, DAY_S, "0 takes nothing for the same message"),
    range("mail.smtp_port", 1, 65_535, "a port"),
    range("mail.timeout_s", 1, 3600, "a mail server takes some time"),
    range("mail.queue", 1, 1_000_000, "without one nothing is sent; each holds memory"),
    range("mail.tries", 1, 100, "without one nothing is sent"),
    range("mail.retry_s", 1, 3600, "a mail server that is down needs some time"),
    range("mail.code_tries", 1, 1000, "without one nobody can register; each makes guessing likelier"),
    range("mail.codes_per_address", 1, 10_000, "without one nobody can register"),
    range("mail.codes_per_ip", 1, 1_000_000, "without one nobody can register"),
    range("profile.max_text_chars", 16, 65_536, "a nickname must fit"),
    range("profile.max_avatar_bytes", 0, 8 * MIB, "an avatar is held in memory, and sent whole"),
    range("profile.max_fields", 0, 1024, "all are sent whole"),
    range("web.ping_every_s", 0, DAY_S, "0 never pings a silent peer"),
    range("web.pong_timeout_s", 1, 3600, "an answer takes some time"),
    range("web.max_header_bytes", 8 * KIB, MIB, "the HTTP library takes no less, and each handshake may take as much"),
    range("web.handshake_timeout_s", 1, 3600, "a request takes some time to come"),
    range("web.max_handshakes", 1, MIB, "without one nobody gets in"),
    range("tls.handshake_timeout_s", 1, 3600, "a handshake takes some time"),
    range("tls.max_handshakes", 1, MIB, "without one nobody gets in; each holds memory"),
    range("http.public_port", 0, 65_535, "a port; 0 is that of http.address"),
    range("http.max_connections", 1, MIB, "without one nobody gets in"),
    range("http.max_visitors", 1, MIB, "without one nobody stays logged in; each is a session"),
    range("http.visitor_ttl_s", 1, 30 * DAY_S, "without it a login would be over at once"),
    range("http.idle_timeout_s", 1, DAY_S, "a request takes some time to come"),
    range("storage.sync_interval_ms", 1, 60_000, "a power cut loses that much"),
    range("storage.batch_requests", 1, MIB, "a batch has one request at least"),
    range("storage.batch_bytes", 4 * KIB, GIB, "a batch is held in memory"),
    range("storage.gather_us", 0, 100_000, "everybody who sends waits for that"),
    range("storage.latency_us", 0, 1_000_000, "nobody should wait a second for the disk"),
    range("storage.write_buffer_bytes", 64 * KIB, GIB, "RocksDB takes no less"),
    range("storage.cache_bytes", MIB, 1024 * GIB, "an index block must fit"),
    range("storage.min_free_bytes", 0, 1_048_576 * GIB, "a petabyte"),
    range("storage.max_open_files", 32, 10_000_000, "RocksDB needs some to work at all"),
    range("relay.max", 1, 65_535, "each takes a port"),
    range("relay.per_account", 1, 65_535, "each takes a port"),
    range("relay.timeout_s", 1, 3600, "a connection takes some time to come"),
    range("relay.max_bytes", 1, 9_007_199_254_740_991, "the largest number that every JSON client counts exactly"),
    range("relay.buffer_bytes", 4 * KIB, 64 * MIB, "each transfer may take as much"),
    range("relay.settle_ms", 0, 60_000, "both sides wait so long"),
    range("relay.offer_s", 1, DAY_S, "people take some time to answer"),
    range("relay.resume_s", 0, 7 * DAY_S, "0 goes on with nothing"),
    range("relay.progress_ms", 100, 3_600_000, "each is an event to both sides"),
];

/// Keys that take one of some words.
const WORDS: &[(&str, &[&str])] = &[
    ("policy.consent", &["document", "always"]),
    ("storage.sync", &["always", "interval"]),
    ("auth.verify_login", &["never", "failures", "new_address", "always"]),
    ("mail.transport", &["file", "smtp", "off"]),
    ("mail.smtp_security", &["tls", "starttls", "none"]),
];

/// What a listener's link may be.
const LINKS: &[&str] = &["tcp", "websocket"];

/// Whether `value` may stand at `path`, whose type it has.
pub(super) fn keep(path: &[String], value: &toml::Value) -> Result<(), String> {
    let key = path.join(".");
    match value {
        toml::Value::Integer(number) => {
            let Some(range) = RANGES.iter().find(|range| range.key == key) else { return Ok(()) };
            let Range { min, max, why, .. } = range;
            if (*min..=*max).contains(number) {
                return Ok(());
            }
            Err(format!("must be from {min} to {max}, and is {number} ({why})"))
        }
        toml::Value::String(value) => match (key.as_str(), path) {
            ("server.data", _) if value.is_empty() => Err("must name a folder, and is empty".into()),
            ("server.data", _) if value.contains('\0') => Err("must name a folder; no name has a NUL in it".into()),
            ("tls.certificate" | "tls.key", _) if value.contains('\0') => {
                Err("must name a file; no name has a NUL in it".into())
            }
            ("log.filter", _) => format::log_filter(value),
            ("http.address", _) => format::listen_address(value),
            ("web.origins", _) => crate::net::http::origin::parse(value).map(|_| ()),
            ("friend.request_ttl" | "binary.dedup_for" | "mail.code_ttl", _) => {
                value.parse::<Span>().map(|_| ()).map_err(|right| format!("{right}, and is {}", quoted(value)))
            }
            ("mail.from", _) => crate::mail::parse_mailbox(value)
                .map(|_| ())
                .map_err(|right| format!("{right}, and is {}", quoted(value))),
            ("relay.bind", _) => format::ip(value),
            ("relay.ports", _) => format::parse_ports(value).map(|_| ()),
            (_, [listen, _, key]) if listen == "listen" => match key.as_str() {
                "address" => format::listen_address(value),
                "link" => one_of(value, LINKS),
                _ => one_of(value, &DIALECTS.map(|dialect| dialect.name())),
            },
            (key, _) => WORDS.iter().find(|(name, _)| *name == key).map_or(Ok(()), |(_, words)| one_of(value, words)),
        },
        _ => Ok(()),
    }
}

/// Whether a listener may be called so. Lower case, since the environment's names have no case.
pub(super) fn is_listener_name(name: &str) -> bool {
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    (1..=32).contains(&name.len()) && name.chars().all(good)
}

fn one_of(value: &str, words: &[&str]) -> Result<(), String> {
    if words.contains(&value) {
        return Ok(());
    }
    let words: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
    Err(format!("must be {}, and is {}", words.join(" or "), quoted(value)))
}

/// A value as it is shown in a mistake: on one line, and not endless.
pub(super) fn quoted(value: &str) -> String {
    let short: String = value.chars().take(60).collect();
    let dots = if short.len() < value.len() { "…" } else { "" };
    format!("\"{}{dots}\"", text::one_line(&short))
}

/// A value of the wrong type, in words.
pub(super) fn kind(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => quoted(text),
        toml::Value::Integer(number) => format!("the number {number}"),
        toml::Value::Float(number) => format!("the number {number}"),
        toml::Value::Boolean(truth) => truth.to_string(),
        toml::Value::Datetime(date) => format!("the date {date}"),
        toml::Value::Array(_) => "a list".into(),
        toml::Value::Table(_) => "a section".into(),
    }
}
