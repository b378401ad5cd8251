//! What a run is, after its options were checked. Owns: [`Plan`], and every rule of what may be asked together. Never:
//! touches a socket or a file; addresses are still names here.

mod address;
mod contradictions;
mod measures;
#[cfg(test)]
mod tests;

pub use address::Place;
pub use measures::{bytes, time};

use super::options::{Baseline, Dialect, Link, Loadtest, Scenario};
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
    /// Load before it, which is proved and not measured.
    pub warm: Duration,
    /// Over which logins are spread; zero: as fast as they are answered.
    pub ramp: Duration,
    /// Bytes of one text or one file.
    pub size: u64,
    /// Groups that the sessions are dealt over, or that each of them joins.
    pub groups: usize,
    /// Of group: members of each that post; `None`: as the scenario has it.
    pub posters: Option<usize>,
    /// Of idle and login: everybody is a member of a group before the run.
    pub members: bool,
    /// Of login: each on a connection of its own.
    pub reconnect: bool,
    /// Of all choices.
    pub seed: u64,
    /// How often the server is killed.
    pub chaos: Option<Duration>,
    /// Accounts to use, and to add to.
    pub accounts: Option<PathBuf>,
    /// Bare relays to compare with.
    pub baselines: Vec<Baseline>,
    /// Of the server beside them; `None`: as many as there are of the usual length.
    pub turns: Option<u32>,
    /// The authority that signed the server's certificate, in PEM.
    pub ca: Option<PathBuf>,
}

/// Sessions that nobody asked for.
const SESSIONS: usize = 1000;
/// The same of the scenario `file`.
const FILE_SESSIONS: usize = 16;
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
        let warm = keep(time("--warm", &options.warm));
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
            // Each of these moves all it can: many of them measure nothing but each other.
            sessions: options.sessions.unwrap_or(if scenario == Scenario::File { FILE_SESSIONS } else { SESSIONS }),
            pace,
            duration,
            warm,
            ramp,
            size,
            groups: options.groups,
            posters: options.posters,
            members: options.members,
            reconnect: options.reconnect,
            seed: options.seed,
            chaos,
            accounts: options.accounts.clone(),
            baselines: options.baseline.clone(),
            turns: options.turns,
            ca: options.ca.clone(),
        };
        plan.contradictions(options, &mut wrong);
        if wrong.is_empty() { Ok(plan) } else { Err(wrong) }
    }

    /// The scenario's name, as it is written on the command line.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self.scenario {
            Scenario::Idle => "idle",
            Scenario::Login => "login",
            Scenario::Join => "join",
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
