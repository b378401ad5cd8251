//! Every setting, typed. Owns: [`Settings`], how its layers are put together, and [`Mistake`]. Never: has a default
//! of its own (`settings.toml` is embedded and is the defaults), opens the data folder, or starts anything.
//!
//! Each layer is read into leaves (`layers`), each leaf is checked by itself (`check`, `rules`), the good ones are
//! merged by the `config` crate, and what only shows in the whole is checked last (`contradictions`). All of it
//! collects [`Mistake`]s instead of stopping at the first one.

mod check;
mod contradictions;
mod format;
mod layers;
mod print;
mod rules;

pub use format::{PortRange, parse_ports};
pub use layers::{Origin, Override, Sources};

use actors::settings::ActorSettings;
use protocol::DialectId;
use serde::{Deserialize, Deserializer};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::text;

/// The defaults, with a comment for every key.
pub const DEFAULTS: &str = include_str!("../../settings.toml");

/// All settings in force.
#[derive(Clone, Debug, Deserialize)]
pub struct Settings {
    /// `[server]`
    pub server: Server,
    /// `[log]`
    pub log: Log,
    /// `[listen.NAME]`: the listeners to open, by name; those with an empty address are not among them.
    pub listen: BTreeMap<String, Listen>,
    /// `[http]`
    pub http: HttpSettings,
    /// `[tls]`
    pub tls: TlsSettings,
    /// The sections that the actors use.
    #[serde(flatten)]
    pub chat: ActorSettings,
}

/// `[server]`
#[derive(Clone, Debug, Deserialize)]
#[allow(missing_docs, reason = "settings.toml explains each")]
pub struct Server {
    pub data: PathBuf,
    pub drain_s: u64,
}

/// `[log]`
#[derive(Clone, Debug, Deserialize)]
#[allow(missing_docs, reason = "settings.toml explains each")]
pub struct Log {
    pub filter: String,
}

/// `[http]`
#[derive(Clone, Debug, Deserialize)]
#[allow(missing_docs, reason = "settings.toml explains each")]
pub struct HttpSettings {
    /// `None`: off.
    #[serde(deserialize_with = "address")]
    pub address: Option<SocketAddr>,
    pub public_port: u16,
    pub by_connection: bool,
    pub max_connections: usize,
    pub max_visitors: usize,
    pub visitor_ttl_s: u64,
    pub idle_timeout_s: u64,
}

/// `[tls]`
#[derive(Clone, Debug, Deserialize)]
#[allow(missing_docs, reason = "settings.toml explains each")]
pub struct TlsSettings {
    /// Neither is empty where a listener has TLS.
    pub certificate: PathBuf,
    pub key: PathBuf,
    pub handshake_timeout_s: u64,
    pub max_handshakes: usize,
}

/// One listener.
#[derive(Clone, Debug, Deserialize)]
pub struct Listen {
    /// Where; port 0 takes a free one.
    pub address: SocketAddr,
    /// What carries the bytes.
    pub link: LinkKind,
    /// What is spoken.
    #[serde(deserialize_with = "dialect")]
    pub dialect: DialectId,
    /// Whether all of it is under TLS.
    #[serde(default)]
    pub tls: bool,
}

impl Listen {
    /// What carries the bytes, as the `listening` line has it: `tcp`, `websocket+tls`.
    #[must_use]
    pub fn carrier(&self) -> String {
        format!("{}{}", self.link.name(), if self.tls { "+tls" } else { "" })
    }
}

/// What carries a listener's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkKind {
    /// Plain TCP.
    Tcp,
    /// WebSockets over HTTP/1.1.
    Websocket,
}

impl LinkKind {
    /// Its name in settings.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Websocket => "websocket",
        }
    }
}

fn dialect<'de, D: Deserializer<'de>>(deserializer: D) -> Result<DialectId, D::Error> {
    let name = String::deserialize(deserializer)?;
    DialectId::by_name(&name).ok_or_else(|| serde::de::Error::custom(format!("no dialect is called {name:?}")))
}

/// Empty is off.
fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SocketAddr>, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(serde::de::Error::custom)
}

/// One thing that is wrong with the settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The key, such as `session.max`; a file's name where the whole file is meant.
    pub key: String,
    /// Where it was said; `None` where no single place is to blame.
    pub origin: Option<Origin>,
    /// What is wrong, and what would be right.
    pub what: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = match &self.origin {
            Some(origin) => format!("{} ({origin}): {}", self.key, self.what),
            None => format!("{}: {}", self.key, self.what),
        };
        f.write_str(&text::one_line(&line))
    }
}

/// Settings that were read and found good.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// Their values.
    pub settings: Settings,
    effective: toml::Table,
}

impl Loaded {
    /// The settings in force as a settings file, with the comments of `settings.toml`. Read again, it gives the
    /// same settings.
    #[must_use]
    pub fn print(&self) -> String {
        print::print(&self.effective)
    }
}

/// Reads, checks and merges all layers.
///
/// # Errors
/// Every mistake that was found, in the order of the layers.
pub fn load(sources: &Sources) -> Result<Loaded, Vec<Mistake>> {
    let defaults = layers::embedded();
    let mut mistakes = Vec::new();
    let mut bad = BTreeSet::new();
    let mut origins = BTreeMap::new();
    let mut builder = config::Config::builder();
    for layer in layers::read(sources, &mut mistakes) {
        let checked = check::check(layer, &defaults);
        for mistake in &checked.mistakes {
            bad.insert(mistake.key.clone());
        }
        mistakes.extend(checked.mistakes);
        for good in &checked.good {
            origins.insert(good.key(), good.origin.clone());
        }
        builder = builder.add_source(layers::Merge(checked.good));
    }
    let merged = builder.build().and_then(config::Config::try_deserialize::<toml::Table>);
    let effective = match merged {
        Ok(effective) => effective,
        Err(error) => {
            mistakes.push(Mistake { key: "settings".into(), origin: None, what: error.to_string() });
            return Err(mistakes);
        }
    };
    let whole = contradictions::Whole { effective: &effective, origins: &origins, bad: &bad };
    contradictions::find(&whole, &mut mistakes);
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    match toml::Value::Table(without_removed(&effective)).try_into::<Settings>() {
        Ok(settings) => Ok(Loaded { settings, effective }),
        // Reached only if a rule in this module is missing: the types are the last word.
        Err(error) => Err(vec![Mistake { key: "settings".into(), origin: None, what: error.message().to_owned() }]),
    }
}

/// Without the listeners whose address is empty.
fn without_removed(effective: &toml::Table) -> toml::Table {
    let mut table = effective.clone();
    if let Some(listen) = table.get_mut("listen").and_then(toml::Value::as_table_mut) {
        listen.retain(|_, listener| listener.get("address").and_then(toml::Value::as_str) != Some(""));
    }
    table
}

#[cfg(test)]
mod tests;
