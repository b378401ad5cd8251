//! What a load test found. Owns: the shapes of [`Report`] and [`Tick`]; in its files: the live screen, the summary, the page in
//! HTML, comparing and thresholds. Never: measures anything.
//!
//! ```text
//! latency    times into a distribution         metric     a figure by its name: p99, ratio.relay, lost
//! screen     progress while a run lasts        threshold  --fail-if
//! sections   a report as tables                verdict    what the counts prove
//! counts     what became of everything
//! summary    ... on standard output            json       the report as a file, and back
//! page       ... as a page with plots          compare    two reports beside each other
//! figures    numbers for people                outputs    all that happens when a run is over
//! ```
//!
//! Times are in microseconds (`_us`), milliseconds (`_ms`) or seconds (`_s`), memory in bytes or KiB (`_kib`), as the names say.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub mod compare;
mod counts;
pub mod figures;
pub mod json;
pub mod latency;
pub mod metric;
pub mod outputs;
pub mod page;
pub mod screen;
pub mod sections;
pub mod summary;
pub mod table;
pub mod threshold;
pub mod verdict;

#[cfg(test)]
mod samples;

pub use counts::Counts;
pub use latency::Recorder;
pub use outputs::{Outputs, finish};
pub use screen::{Mode, Screen};

/// Everything that [`Report::latencies`] may have times of.
pub const LATENCIES: [&str; 8] =
    ["acknowledged", "delivered", "last_delivered", "login", "join", "presence", "reconnect", "bystander"];

/// Grows when the JSON changes its shape.
pub const VERSION: u32 = 1;

/// One run, as `--json` writes it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// [`VERSION`].
    pub version: u32,
    /// The program and its version.
    pub program: String,
    /// When the run began, in milliseconds since 1970.
    pub began_ms: u64,
    /// What was asked for.
    pub plan: Plan,
    /// Where it ran.
    pub machine: Machine,
    /// How long each phase took, in seconds.
    pub phases: Phases,
    /// What became of everything, over all phases.
    pub counts: Counts,
    /// Messages a second, in the phase `run`.
    pub rates: Rates,
    /// Latencies in the phase `run`, by what they are of: `acknowledged` (from when a message was due to be sent to its answer),
    /// `delivered` (to its arrival at a receiver), `last_delivered` (to its arrival at a group's last member), `login`, `join`, `presence`, `reconnect`, `bystander` (private messages beside a group's).
    pub latencies: BTreeMap<String, Latency>,
    /// CPU of both sides in the phase `run`.
    pub cpu: Cpu,
    /// Memory of both sides.
    pub memory: Memory,
    /// The same scenario against bare relays (`--baseline`), by their names.
    pub baselines: BTreeMap<String, Baseline>,
    /// What was done to the server.
    pub chaos: Vec<Incident>,
    /// One entry a second.
    pub series: Vec<Tick>,
    /// `--fail-if`, and whether each came true.
    pub thresholds: Vec<Threshold>,
    /// What a reader should know: corrections, limits that were met, settings of a throw-away server that differ from the defaults.
    pub notes: Vec<String>,
}

/// What was asked for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The scenario's name.
    pub scenario: String,
    /// Against what: an address, `--self`, `--in-process`.
    pub target: String,
    /// Each `dialect+link` that is spoken, with `+tls` where it is wrapped: `plain+tcp`, `binary+ws+tls`.
    pub voices: Vec<String>,
    /// Simulated sessions.
    pub sessions: u64,
    /// Messages each sender has outstanding (closed loop); 0: paced, or there are no messages.
    pub outstanding: u64,
    /// Messages, or other things to do, a second (open loop); 0: closed loop.
    pub rate: f64,
    /// Seconds of the phase `run`.
    pub duration_s: f64,
    /// Bytes of one text.
    pub size: u64,
    /// Groups.
    pub groups: u64,
    /// Members of each group.
    pub members: u64,
    /// The seed of all choices.
    pub seed: u64,
    /// Members of each group that post; 0: as the scenario has it, or an older program said nothing of it.
    #[serde(default)]
    pub posters: u64,
    /// Seconds of load before `run` that are proved and not measured.
    #[serde(default)]
    pub warm_s: f64,
    /// In how many turns the server had its time, beside bare relays; 0: there were none.
    #[serde(default)]
    pub turns: u64,
}

impl Plan {
    /// What [`Usage::us_per_message`] is of, with its article; `None` where nothing is done that could be counted.
    #[must_use]
    pub fn unit(&self) -> Option<&'static str> {
        match self.scenario.as_str() {
            // In `presence` each login has a going before it, and seven friends who are told of both.
            "login" | "presence" => Some("a login"),
            "join" => Some("a join"),
            "idle" | "file" => None,
            _ => Some("a message"),
        }
    }
}

/// Where a run took place.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// Processors that this process may use.
    pub processors: u64,
    /// The operating system's release.
    pub system: String,
    /// KiB of memory.
    pub memory_kib: u64,
}

/// Seconds of each phase.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Phases {
    /// Making accounts, friends and groups.
    pub prepare_s: f64,
    /// Logging in.
    pub ramp_s: f64,
    /// Under load.
    pub run_s: f64,
    /// Waiting for what was on its way.
    pub drain_s: f64,
}

/// Messages a second.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Rates {
    /// Written.
    pub sent: f64,
    /// Answered with success.
    pub acknowledged: f64,
    /// Copies received.
    pub delivered: f64,
    /// Logins.
    pub logins: f64,
    /// Groups that somebody joined.
    #[serde(default)]
    pub joins: f64,
    /// Bytes of files that were received.
    pub file_bytes: f64,
}

/// A distribution of times, in microseconds. Open-loop times count from when the message was due.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// Values.
    pub count: u64,
    /// Smallest.
    pub min_us: f64,
    /// Mean.
    pub mean_us: f64,
    /// Half are at most this.
    pub p50_us: f64,
    /// Nine in ten.
    pub p90_us: f64,
    /// 99 in a hundred.
    pub p99_us: f64,
    /// 999 in a thousand.
    pub p999_us: f64,
    /// Largest.
    pub max_us: f64,
    /// `(percentile from 0 to 100, microseconds)`, for the curve: steps that halve the distance to 100, at most 200.
    pub curve: Vec<(f64, f64)>,
}

/// CPU time in the phase `run`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cpu {
    /// The server's, from `/proc`; `None` where it runs elsewhere.
    pub server: Option<Usage>,
    /// Seconds of the server's, of its threads that hash passwords (`hash-0`, …); 0 where there are none to be seen.
    #[serde(default)]
    pub server_hashing_s: f64,
    /// This process's. In `--in-process` runs it is both.
    pub generator: Usage,
    /// Which of the two was the limit: `server`, `generator`, `neither` (there was time left), `unknown`.
    pub limit: String,
}

/// One process's CPU time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    /// Seconds in user mode.
    pub user_s: f64,
    /// Seconds in the kernel.
    pub system_s: f64,
    /// Microseconds (user + system) for each acknowledged message; where a scenario sends none, for each of what it does
    /// ([`Plan::unit`]), files not included.
    pub us_per_message: f64,
    /// Microseconds for each delivered copy.
    pub us_per_delivery: f64,
    /// Microseconds for each GiB of files that arrived; 0 where none did.
    #[serde(default)]
    pub us_per_gib: f64,
    /// Of the busiest thread: which part of one processor it took, from 0 to 1.
    pub busiest_thread: f64,
}

/// Memory.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Memory {
    /// The server's resident KiB before the first session; 0 where it runs elsewhere.
    pub server_before_kib: u64,
    /// When all sessions were logged in.
    pub server_ramped_kib: u64,
    /// At the end of the run.
    pub server_after_kib: u64,
    /// The server's growth during the ramp for each session, in bytes.
    pub bytes_per_session: f64,
    /// This process's resident KiB at the end.
    pub generator_kib: u64,
}

/// A bare relay in the same scenario, in the same run, in turns with the server.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    /// CPU of the relay.
    pub server: Usage,
    /// Messages a second.
    pub rates: Rates,
    /// `acknowledged`, `delivered`, `last_delivered` as in the report.
    pub latencies: BTreeMap<String, Latency>,
}

/// Something that was done to the server.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    /// Seconds since the run's first phase began.
    pub at_s: f64,
    /// What: "killed", "ready again after 0.14 s", "all sessions are back after 1.2 s".
    pub what: String,
}

/// Where a run stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Accounts, friends, groups are made.
    #[default]
    Prepare,
    /// Sessions log in.
    Ramp,
    /// Under load.
    Run,
    /// What is on its way arrives.
    Drain,
}

/// What happened in one second.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tick {
    /// When the second ended, in seconds since the first phase began.
    pub at_s: f64,
    /// Which phase it was in.
    pub phase: Phase,
    /// How much of the phase is done, from 0 to 1.
    pub progress: f64,
    /// Sessions that are logged in.
    pub sessions: u64,
    /// In this second: written.
    pub sent: u64,
    /// In this second: acknowledged.
    pub acknowledged: u64,
    /// In this second: copies received.
    pub delivered: u64,
    /// In this second: what went wrong.
    pub errors: u64,
    /// Of this second's deliveries, or of its answers where nothing is delivered (logins): half are at most this.
    pub p50_us: f64,
    /// 99 in a hundred.
    pub p99_us: f64,
    /// Largest.
    pub max_us: f64,
    /// Milliseconds of CPU that the server took in this second.
    pub server_cpu_ms: f64,
    /// The server's resident memory.
    pub server_kib: u64,
    /// Milliseconds of CPU that this process took.
    pub generator_cpu_ms: f64,
}

/// One `--fail-if`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Threshold {
    /// As it was written: `p99>20ms`.
    pub expression: String,
    /// What the figure was, in the expression's unit; `None` where the run has no such figure.
    pub value: Option<f64>,
    /// Whether it came true, or could not be looked at, so that the run fails.
    pub failed: bool,
    /// Why it could not be looked at.
    #[serde(default)]
    pub note: Option<String>,
}
