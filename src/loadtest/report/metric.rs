//! A figure of a report by its name: `p99`, `login.p50`, `lost`, `ratio.relay`. Owns: the names, and where each figure
//! stands. Never: judges it.

mod counted;

use super::{Baseline, LATENCIES, Latency, Rates, Report, Usage};
use crate::loadtest::options;
use clap::ValueEnum;
use counted::COUNTS;
pub use counted::Counted;
use std::collections::BTreeMap;
use std::fmt;

/// A figure that a report may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Metric {
    /// A part of a latency of [`LATENCIES`], in microseconds.
    Latency {
        /// Of what.
        of: &'static str,
        /// Which part.
        part: Part,
    },
    /// One of the counts.
    Count(Counted),
    /// Something a second; of files, bytes a second.
    Rate(Rated),
    /// The server's CPU in microseconds.
    Cpu(Each),
    /// The server's growth for each session while they logged in, in bytes.
    BytesPerSession,
    /// The server's resident memory at the end of the run, in bytes.
    ServerMemory,
    /// Another figure, divided by the same figure of a bare relay.
    Ratio {
        /// The relay's name, of `--baseline`.
        baseline: String,
        /// The figure: a latency, a rate or CPU.
        of: Box<Metric>,
    },
}

/// What CPU is divided by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Each {
    /// Acknowledged messages, or what a scenario does that sends none.
    Message,
    /// Delivered copies.
    Delivery,
    /// GiB of files.
    Gib,
}

/// A part of a distribution of times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Smallest.
    Min,
    /// Half are at most this.
    P50,
    /// Nine in ten.
    P90,
    /// 99 in a hundred.
    P99,
    /// 999 in a thousand.
    P999,
    /// Largest.
    Max,
    /// Mean.
    Mean,
}

/// A rate, by the name of its field in [`Rates`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Rated {
    Acknowledged,
    Sent,
    Delivered,
    Logins,
    Joins,
    FileBytes,
}

/// What a figure is measured in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Microseconds.
    Time,
    /// Things. As a percentage: of all that could have been one.
    Count,
    /// Things a second.
    Rate,
    /// Bytes (of files: a second).
    Bytes,
    /// Times as much.
    Ratio,
}

const PARTS: [(&str, Part); 8] = [
    ("p50", Part::P50),
    ("p90", Part::P90),
    ("p99", Part::P99),
    ("p99.9", Part::P999),
    ("p999", Part::P999),
    ("max", Part::Max),
    ("mean", Part::Mean),
    ("min", Part::Min),
];

const RATES: [(&str, Rated); 6] = [
    ("rate", Rated::Acknowledged),
    ("rate.sent", Rated::Sent),
    ("rate.delivered", Rated::Delivered),
    ("rate.logins", Rated::Logins),
    ("rate.joins", Rated::Joins),
    ("rate.file", Rated::FileBytes),
];

/// What stands in a report for the server and for a bare relay alike.
struct Side<'a> {
    latencies: &'a BTreeMap<String, Latency>,
    rates: &'a Rates,
    server: Option<&'a Usage>,
}

fn named<T: Copy>(table: &[(&str, T)], name: &str) -> Option<T> {
    table.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
}

fn name_of<T: PartialEq>(table: &[(&'static str, T)], value: &T) -> &'static str {
    // Each is in its table: a test says so.
    table.iter().find(|(_, known)| known == value).map_or("?", |(name, _)| *name)
}

/// The relays' names.
pub fn baselines() -> impl Iterator<Item = String> {
    let all = options::Baseline::value_variants().iter();
    all.filter_map(|relay| Some(relay.to_possible_value()?.get_name().to_owned()))
}

impl Metric {
    /// The figure of this name. A latency without `of` is of `delivered`; a ratio without a figure is of CPU for each message.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        if let Some(ratio) = name.strip_prefix("ratio.") {
            let (baseline, of) = ratio.split_once('.').unwrap_or((ratio, "server_cpu_us"));
            let of = Self::parse(of)?;
            let compares = matches!(of, Self::Latency { .. } | Self::Rate(_) | Self::Cpu(_));
            let baseline = baselines().find(|relay| relay == baseline)?;
            return compares.then(|| Self::Ratio { baseline, of: Box::new(of) });
        }
        match name {
            "server_cpu_us" => return Some(Self::Cpu(Each::Message)),
            "server_cpu_us.delivery" => return Some(Self::Cpu(Each::Delivery)),
            "server_cpu_us.gib" => return Some(Self::Cpu(Each::Gib)),
            "bytes_per_session" => return Some(Self::BytesPerSession),
            "server_kib" => return Some(Self::ServerMemory),
            _ => {}
        }
        if let Some(part) = named(&PARTS, name) {
            return Some(Self::Latency { of: "delivered", part });
        }
        if let Some((of, part)) = name.split_once('.')
            && let Some(&of) = LATENCIES.iter().find(|known| **known == of)
        {
            return named(&PARTS, part).map(|part| Self::Latency { of, part });
        }
        named(&COUNTS, name).map(Self::Count).or_else(|| named(&RATES, name).map(Self::Rate))
    }

    /// What it is measured in.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Latency { .. } | Self::Cpu(_) => Kind::Time,
            Self::Count(_) => Kind::Count,
            Self::Rate(Rated::FileBytes) | Self::BytesPerSession | Self::ServerMemory => Kind::Bytes,
            Self::Rate(_) => Kind::Rate,
            Self::Ratio { .. } => Kind::Ratio,
        }
    }

    /// Whether a larger figure is the better one.
    #[must_use]
    pub fn more_is_better(&self) -> bool {
        match self {
            Self::Rate(_) => true,
            Self::Ratio { of, .. } => of.more_is_better(),
            _ => false,
        }
    }

    /// Its value in the unit of its [`Kind`]; `None` where the run has no such figure.
    #[must_use]
    pub fn value(&self, report: &Report) -> Option<f64> {
        let memory = &report.memory;
        let value = match self {
            Self::Count(counted) => return Some(counted.value(report) as f64),
            Self::BytesPerSession => {
                (memory.server_before_kib > 0 && memory.server_ramped_kib > 0).then_some(memory.bytes_per_session)
            }
            Self::ServerMemory => (memory.server_after_kib > 0).then_some(memory.server_after_kib as f64 * 1024.0),
            Self::Ratio { baseline, of } => {
                let relay = of.of_side(&Side::relay(report.baselines.get(baseline)?))?;
                let own = of.of_side(&Side::own(report))?;
                (relay > 0.0).then_some(own / relay)
            }
            _ => self.of_side(&Side::own(report)),
        };
        value.filter(|value| value.is_finite())
    }

    /// Its value for a bare relay.
    #[must_use]
    pub fn of_relay(&self, relay: &Baseline) -> Option<f64> {
        self.of_side(&Side::relay(relay)).filter(|value| value.is_finite())
    }

    fn of_side(&self, side: &Side<'_>) -> Option<f64> {
        match self {
            Self::Latency { of, part } => {
                side.latencies.get(*of).filter(|latency| latency.count > 0).map(|latency| part.of(latency))
            }
            Self::Rate(rated) => Some(rated.of(side.rates)),
            Self::Cpu(each) => {
                let usage = side.server?;
                let us = match each {
                    Each::Message => usage.us_per_message,
                    Each::Delivery => usage.us_per_delivery,
                    Each::Gib => usage.us_per_gib,
                };
                // Nothing of the kind was done.
                (us > 0.0).then_some(us)
            }
            _ => None,
        }
    }

    /// What share of all that could have been one a count is; `None` where nothing could.
    #[must_use]
    pub fn share(&self, report: &Report) -> Option<f64> {
        let Self::Count(counted) = self else { return None };
        counted.share(report)
    }

    /// Why a run has no such figure, for who asked for it.
    #[must_use]
    pub fn missing(&self, report: &Report) -> String {
        match self {
            Self::Latency { of, .. } => {
                let there: Vec<&str> = report
                    .latencies
                    .iter()
                    .filter(|(_, latency)| latency.count > 0)
                    .map(|(name, _)| name.as_str())
                    .collect();
                if there.is_empty() {
                    format!("the run has no times of `{of}`, nor of anything else")
                } else {
                    format!("the run has no times of `{of}`; it has {}", there.join(", "))
                }
            }
            Self::Cpu(_) if report.cpu.server.is_none() => {
                "the server's CPU is not known: it runs elsewhere, or in this process".into()
            }
            Self::Cpu(_) => "there is nothing to divide the server's CPU by".into(),
            Self::BytesPerSession | Self::ServerMemory => "the server's memory is not known: it runs elsewhere".into(),
            Self::Ratio { baseline, .. } if !report.baselines.contains_key(baseline) => {
                format!("the run has no such relay: add --baseline {baseline}")
            }
            Self::Ratio { of, .. } => match of.value(report) {
                None => of.missing(report),
                Some(_) => format!("the relay has no `{of}`"),
            },
            Self::Count(_) | Self::Rate(_) => "it is not a number".into(),
        }
    }
}

impl<'a> Side<'a> {
    fn own(report: &'a Report) -> Self {
        Self { latencies: &report.latencies, rates: &report.rates, server: report.cpu.server.as_ref() }
    }

    fn relay(relay: &'a Baseline) -> Self {
        Self { latencies: &relay.latencies, rates: &relay.rates, server: Some(&relay.server) }
    }
}

impl Part {
    /// Its value, in microseconds.
    #[must_use]
    pub fn of(self, latency: &Latency) -> f64 {
        match self {
            Self::Min => latency.min_us,
            Self::P50 => latency.p50_us,
            Self::P90 => latency.p90_us,
            Self::P99 => latency.p99_us,
            Self::P999 => latency.p999_us,
            Self::Max => latency.max_us,
            Self::Mean => latency.mean_us,
        }
    }
}

impl Rated {
    fn of(self, rates: &Rates) -> f64 {
        match self {
            Self::Acknowledged => rates.acknowledged,
            Self::Sent => rates.sent,
            Self::Delivered => rates.delivered,
            Self::Logins => rates.logins,
            Self::Joins => rates.joins,
            Self::FileBytes => rates.file_bytes,
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Latency { of, part } => write!(f, "{of}.{}", name_of(&PARTS, part)),
            Self::Count(counted) => f.write_str(name_of(&COUNTS, counted)),
            Self::Rate(rated) => f.write_str(name_of(&RATES, rated)),
            Self::Cpu(Each::Message) => f.write_str("server_cpu_us"),
            Self::Cpu(Each::Delivery) => f.write_str("server_cpu_us.delivery"),
            Self::Cpu(Each::Gib) => f.write_str("server_cpu_us.gib"),
            Self::BytesPerSession => f.write_str("bytes_per_session"),
            Self::ServerMemory => f.write_str("server_kib"),
            Self::Ratio { baseline, of } => write!(f, "ratio.{baseline}.{of}"),
        }
    }
}

/// All names, for who wrote another.
#[must_use]
pub fn help() -> Vec<String> {
    let names = |all: Vec<&str>| all.join(" ");
    vec![
        format!(
            "times (of `delivered`): {}",
            names(PARTS.iter().map(|part| part.0).filter(|name| *name != "p999").collect())
        ),
        format!("times of something else: OF.TIME, such as login.p99; OF is {}", names(LATENCIES.to_vec())),
        format!("counts: {}", names(COUNTS.iter().map(|count| count.0).collect())),
        format!("a second: {}", names(RATES.iter().map(|rate| rate.0).collect())),
        "the server: server_cpu_us (for each message, login or join) server_cpu_us.delivery server_cpu_us.gib bytes_per_session server_kib"
            .into(),
        format!(
            "against a bare relay of --baseline: ratio.RELAY (CPU for each message) or ratio.RELAY.FIGURE, such as ratio.relay.p99; RELAY is {}",
            baselines().collect::<Vec<_>>().join(" ")
        ),
    ]
}

#[cfg(test)]
mod tests;
