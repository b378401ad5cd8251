//! What a run is, after its options were checked. Owns: [`Plan`], and every rule of what may be asked together. Never:
//! touches a socket or a file; addresses are still names here.

mod address;
mod measures;
#[cfg(test)]
mod tests;

pub use address::Place;
pub use measures::{bytes, time};

use super::options::{Baseline, Dialect, Link, Loadtest, Scenario};
use super::stamp::Stamp;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// A language that the simulated people may speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Speech {
    /// A dialect of the server.
    Plain,
    /// A dialect of the server.
    Framed,
    /// A dialect of the server.
    Binary,
    /// What the bare relays of `--baseline` speak.
    Line,
}

/// A language, and what carries it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Voice {
    /// What is spoken.
    pub speech: Speech,
    /// Over a WebSocket.
    pub web: bool,
    /// Inside TLS.
    pub tls: bool,
}

impl fmt::Display for Voice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let speech = match self.speech {
            Speech::Plain => "plain",
            Speech::Framed => "framed",
            Speech::Binary => "binary",
            Speech::Line => "line",
        };
        write!(f, "{speech}+{}{}", if self.web { "ws" } else { "tcp" }, if self.tls { "+tls" } else { "" })
    }
}

/// Against what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Against {
    /// A throw-away server in a process of its own.
    Own,
    /// A server in this process.
    InProcess,
    /// Servers that run already: where each voice is spoken, and places that are for registering only.
    Places(Vec<Place>),
}

/// When messages are sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// Each sender has so many on their way, and sends the next when one is complete.
    Closed(usize),
    /// So many a second over all senders, at fixed times.
    Open(f64),
}

/// A checked run.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// What people do.
    pub scenario: Scenario,
    /// Against what.
    pub against: Against,
    /// What they speak; sessions are dealt over these.
    pub voices: Vec<Voice>,
    /// Simulated sessions; more than 0.
    pub sessions: usize,
    /// When messages are sent.
    pub pace: Pace,
    /// Of the phase `run`.
    pub duration: Duration,
    /// Over which logins are spread; zero: as fast as they are answered.
    pub ramp: Duration,
    /// Bytes of one text or one file.
    pub size: u64,
    /// Groups that the sessions are dealt over.
    pub groups: usize,
    /// Of all choices.
    pub seed: u64,
    /// How often the server is killed.
    pub chaos: Option<Duration>,
    /// Accounts to use, and to add to.
    pub accounts: Option<PathBuf>,
    /// Bare relays to compare with.
    pub baselines: Vec<Baseline>,
    /// The authority that signed the server's certificate, in PEM.
    pub ca: Option<PathBuf>,
}

/// Sessions of the scenario `file`, at the most.
const FILE_SESSIONS: usize = 16;
/// Texts that `framed` surely takes in a group (docs/framed.md).
const FRAMED_BYTES: u64 = 1400;
/// What the server takes unless `message.max_bytes` says otherwise.
const TEXT_BYTES: u64 = 32_768;
/// More on their way from one sender than this measure nothing but the buffers between.
const MAX_OUTSTANDING: usize = 4096;
/// Open files besides the sessions' sockets: standard streams, timers, reports, registering, transfers.
pub const OTHER_FILES: u64 = 96;

impl Plan {
    /// Checks the options together.
    ///
    /// # Errors
    /// One line for each thing that is wrong, which says what to write instead.
    pub fn check(options: &Loadtest) -> Result<Self, Vec<String>> {
        let mut wrong = Vec::new();
        let Some(scenario) = options.scenario else {
            return Err(vec!["say what the simulated people do, such as `hongyan loadtest private --self`".into()]);
        };
        let voices = voices(options);
        let mut keep = |result: Result<Duration, String>| {
            result.unwrap_or_else(|error| {
                wrong.push(error);
                Duration::ZERO
            })
        };
        let duration = keep(time("--duration", &options.duration));
        let ramp = keep(time("--ramp", &options.ramp));
        let chaos = options.chaos.as_deref().map(|what| keep(chaos(what)));
        let size = bytes("--size", &options.size).unwrap_or_else(|error| {
            wrong.push(error);
            64
        });
        let against = match (options.own, options.in_process) {
            (true, _) => Against::Own,
            (_, true) => Against::InProcess,
            _ => Against::Places(address::places(&options.to, &voices).unwrap_or_else(|error| {
                wrong.push(error);
                Vec::new()
            })),
        };
        let pace = match options.rate {
            Some(rate) => Pace::Open(rate),
            None => Pace::Closed(options.outstanding),
        };
        let plan = Self {
            scenario,
            against,
            voices,
            // Each of these moves all it can: more of them measure nothing but each other.
            sessions: if scenario == Scenario::File { options.sessions.min(FILE_SESSIONS) } else { options.sessions },
            pace,
            duration,
            ramp,
            size,
            groups: options.groups,
            seed: options.seed,
            chaos,
            accounts: options.accounts.clone(),
            baselines: options.baseline.clone(),
            ca: options.ca.clone(),
        };
        plan.contradictions(options, &mut wrong);
        if wrong.is_empty() { Ok(plan) } else { Err(wrong) }
    }

    fn contradictions(&self, options: &Loadtest, wrong: &mut Vec<String>) {
        let scenario = self.name();
        let mut check = |is_fine: bool, line: String| {
            if !is_fine {
                wrong.push(line);
            }
        };
        check(self.sessions > 0, "--sessions must be at least 1".into());
        if options.duration.trim() != "" {
            check(!self.duration.is_zero(), "--duration must be longer than nothing".into());
        }
        if let Pace::Open(rate) = self.pace {
            check(
                rate.is_finite() && rate > 0.0 && rate <= 1e7,
                format!("--rate {rate} must be above 0, and at most 10000000"),
            );
            check(
                options.outstanding == 1,
                "--outstanding is for closed loops: leave it out, or leave --rate out".into(),
            );
        }
        let fits = (1..=MAX_OUTSTANDING).contains(&options.outstanding);
        check(fits, format!("--outstanding must be from 1 to {MAX_OUTSTANDING}"));
        let many = self.groups > 0;
        check(many, "--groups must be at least 1".into());
        check(
            self.groups == 1 || matches!(self.scenario, Scenario::Group | Scenario::Mixed),
            format!("--groups is not for {scenario}: there are no groups in it"),
        );
        match self.scenario {
            Scenario::Private | Scenario::Offline | Scenario::File => {
                let even = self.sessions.is_multiple_of(2);
                check(even, format!("{scenario}: --sessions must be even, since they are pairs"));
            }
            Scenario::Group => {
                let least = self.groups.saturating_mul(2);
                check(
                    self.sessions >= least,
                    format!("group: {} groups need at least {least} --sessions, two members each", self.groups),
                );
            }
            Scenario::Presence | Scenario::Mixed => {
                check(self.sessions >= 4, format!("{scenario}: needs at least 4 --sessions"));
            }
            Scenario::Idle | Scenario::Login => {}
        }
        if matches!(self.scenario, Scenario::Idle | Scenario::Login | Scenario::File) {
            check(self.is_closed(), format!("--rate is not for {scenario}: it sends no messages"));
        }
        if matches!(self.scenario, Scenario::Login | Scenario::File) {
            check(self.chaos.is_none(), format!("--chaos is not for {scenario}"));
        }
        if self.scenario == Scenario::Offline {
            check(self.is_closed(), "--rate is not for offline: it measures how fast can be stored".into());
            let keeps = self.voices.iter().all(|voice| voice.speech != Speech::Plain);
            let keeps = keeps || options.set.iter().any(|set| set.key == "plain.store_offline" && set.value == "true");
            check(
                keeps,
                "offline: plain refuses messages to those who are away; speak binary or framed, or \
                 --set plain.store_offline=true"
                    .into(),
            );
        }
        if self.scenario == Scenario::File {
            let bare =
                self.voices.iter().all(|voice| *voice == Voice { speech: Speech::Plain, web: false, tls: false });
            check(bare, "file: only plain over tcp is spoken here; leave --dialect, --link and --tls out".into());
        } else {
            let least = Stamp::MIN_BYTES as u64;
            check(
                self.size >= least,
                format!(
                    "--size {}: a text holds who wrote it, its number and its time, at least {least} bytes",
                    self.size
                ),
            );
            check(self.size <= TEXT_BYTES, format!("--size {}: a text has at most {TEXT_BYTES} bytes", self.size));
            let framed = self.voices.iter().any(|voice| voice.speech == Speech::Framed);
            check(
                !framed || self.size <= FRAMED_BYTES,
                format!("--size {}: framed surely takes texts of up to {FRAMED_BYTES} bytes only", self.size),
            );
        }
        if !self.baselines.is_empty() {
            let fits = matches!(self.scenario, Scenario::Private | Scenario::Group);
            check(fits, format!("--baseline is for private and group: a bare relay knows nothing of {scenario}"));
            check(self.against != Against::InProcess, "--baseline is not for --in-process: a relay has sockets".into());
            check(self.chaos.is_none(), "--baseline and --chaos: a relay stores nothing that would survive".into());
        }
        if let Some(every) = self.chaos {
            check(
                every >= Duration::from_secs(1),
                "--chaos restart=TIME: at least 1s, a server must have time to start".into(),
            );
        }
        check(self.ca.is_none() || options.tls, "--ca is for --tls".into());
        check(
            !options.tls || self.against != Against::InProcess,
            "--tls is not for --in-process: there is nothing between the two".into(),
        );
    }

    /// The scenario's name, as it is written on the command line.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self.scenario {
            Scenario::Idle => "idle",
            Scenario::Login => "login",
            Scenario::Private => "private",
            Scenario::Offline => "offline",
            Scenario::Group => "group",
            Scenario::Presence => "presence",
            Scenario::Mixed => "mixed",
            Scenario::File => "file",
        }
    }

    /// Whether the next message waits for one before it.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        matches!(self.pace, Pace::Closed(_))
    }

    /// Whether so many sessions and what else a run opens stay within `limit` open files.
    ///
    /// # Errors
    /// They do not; what to do.
    pub fn fits(&self, sessions: usize, limit: Option<u64>) -> Result<(), String> {
        let needed = sessions as u64 + OTHER_FILES;
        match limit {
            Some(limit) if needed > limit && self.against != Against::InProcess => Err(format!(
                "{sessions} sessions need {needed} open files, and this process may have {limit}: raise the hard limit \
                 (`ulimit -Hn`), lower --sessions, or use --in-process, which needs none"
            )),
            _ => Ok(()),
        }
    }
}

fn voices(options: &Loadtest) -> Vec<Voice> {
    let mut all = Vec::new();
    for dialect in &options.dialect {
        for link in &options.link {
            let speech = match dialect {
                Dialect::Plain => Speech::Plain,
                Dialect::Framed => Speech::Framed,
                Dialect::Binary => Speech::Binary,
            };
            let voice = Voice { speech, web: *link == Link::Ws, tls: options.tls };
            if !all.contains(&voice) {
                all.push(voice);
            }
        }
    }
    all
}

fn chaos(what: &str) -> Result<Duration, String> {
    match what.split_once('=') {
        Some(("restart", every)) => time("--chaos restart", every),
        _ => Err(format!("--chaos {what}: must be restart=TIME, such as restart=10s")),
    }
}
