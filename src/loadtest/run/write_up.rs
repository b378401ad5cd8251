//! From what was measured to the report. Owns: differences, rates, and which side was the limit. Never: measures or prints.

use super::play::Measured;
use crate::loadtest::options::Scenario;
use crate::loadtest::plan::{Against, Pace, Plan};
use crate::loadtest::report::{self, Cpu, Machine, Memory, Phases, Rates, Report, Tick, VERSION};
use crate::loadtest::scenario;
use crate::loadtest::stage::Stage;
use crate::loadtest::target::proc::{self, Sample};
use std::sync::OnceLock;

/// A thread that takes at least this part of a processor is at its limit.
const FULL: f64 = 0.9;

/// The plan as the report has it.
pub(super) fn plan(plan: &Plan) -> report::Plan {
    let target = match &plan.against {
        Against::Own => "--self".to_owned(),
        Against::InProcess => "--in-process".to_owned(),
        Against::Places(places) => {
            let mut hosts: Vec<String> = places.iter().map(|place| format!("{}:{}", place.host, place.port)).collect();
            hosts.dedup();
            hosts.join(", ")
        }
    };
    let (outstanding, rate) = match plan.pace {
        Pace::Closed(outstanding) => (outstanding as u64, 0.0),
        Pace::Open(rate) => (0, rate),
    };
    let groups = scenario::groups(plan);
    report::Plan {
        scenario: plan.name().to_owned(),
        target,
        voices: plan.voices.iter().map(ToString::to_string).collect(),
        sessions: plan.sessions as u64,
        outstanding,
        rate,
        duration_s: plan.duration.as_secs_f64(),
        size: plan.size,
        groups: groups as u64,
        members: scenario::grouped(plan).checked_div(groups).unwrap_or(0) as u64,
        seed: plan.seed,
    }
}

/// As many as there were before this process was kept to one of them.
static PROCESSORS: OnceLock<u64> = OnceLock::new();

fn processors() -> u64 {
    std::thread::available_parallelism().map_or(1, |count| count.get() as u64)
}

/// Looks at what changes with the run itself.
pub(super) fn look() {
    PROCESSORS.get_or_init(processors);
}

fn machine() -> Machine {
    let system = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let memory = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = memory.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    Machine {
        processors: *PROCESSORS.get_or_init(processors),
        system: format!("Linux {}", system.trim()),
        memory_kib: total.and_then(|total| total.trim().strip_suffix(" kB")?.parse().ok()).unwrap_or(0),
    }
}

fn limit(cpu: &Cpu, seconds: f64, processors: u64) -> &'static str {
    let generator = cpu.generator.busiest_thread;
    let Some(server) = &cpu.server else { return if generator >= FULL { "generator" } else { "unknown" } };
    let all = server.user_s + server.system_s + cpu.generator.user_s + cpu.generator.system_s;
    // Where both together have all processors, the one that takes more of them is in the other's way.
    let no_room = seconds > 0.0 && all / seconds >= FULL * processors as f64;
    match (server.busiest_thread >= FULL, generator >= FULL) {
        (_, true) if generator >= server.busiest_thread => "generator",
        (true, _) => "server",
        (false, true) => "generator",
        (false, false) if no_room => {
            if server.user_s + server.system_s >= cpu.generator.user_s + cpu.generator.system_s {
                "server"
            } else {
                "generator"
            }
        }
        (false, false) => "neither",
    }
}

/// Everything that is known at the end.
pub(super) fn report(plan: &Plan, stage: &Stage, measured: Measured, phases: Phases, series: Vec<Tick>) -> Report {
    let Measured { before, begin, end, incidents, mut notes } = measured;
    let hall = stage.hall();
    let figures = &hall.figures;
    let seconds = phases.run_s.max(1e-6);
    let rate = |now: u64, then: u64| now.saturating_sub(then) as f64 / seconds;
    let (acknowledged, delivered) =
        (end.counts.acknowledged - begin.counts.acknowledged, end.counts.delivered - begin.counts.delivered);
    let logins = end.logins - begin.logins;
    // Where nothing is sent, what is counted is logins.
    let per_message = if acknowledged == 0 { logins } else { acknowledged };
    let usage = |now: &Sample, then: &Sample| now.since(then, seconds, per_message, delivered);
    let machine = machine();
    let gib = end.file_bytes.saturating_sub(begin.file_bytes) as f64 / (1u64 << 30) as f64;
    let mut cpu = Cpu {
        server: end.server.as_ref().zip(begin.server.as_ref()).map(|(now, then)| usage(now, then)),
        generator: usage(&end.generator, &begin.generator),
        limit: String::new(),
    };
    if let Some(server) = cpu.server.as_ref().filter(|_| gib > 0.0) {
        let (ours, theirs) = (&cpu.generator, server);
        notes.push(format!(
            "CPU of a GiB of files: server {:.3} s, generator {:.3} s; a transfer waits relay.settle_ms before it begins",
            (theirs.user_s + theirs.system_s) / gib,
            (ours.user_s + ours.system_s) / gib
        ));
    }
    if plan.scenario == Scenario::Offline {
        let read = hall.ledger.counts().delivered;
        let took = phases.drain_s.max(1e-6);
        notes.push(format!(
            "{read} messages were stored, and read by those who came in {took:.2} s: {:.0} a second",
            read as f64 / took
        ));
    }
    cpu.limit = limit(&cpu, seconds, machine.processors).to_owned();
    let kib = |sample: &Option<Sample>| sample.as_ref().map_or(0, |sample| sample.rss_kib);
    let (server_before_kib, server_ramped_kib) = (kib(&before.server), kib(&begin.server));
    let mut counts = hall.ledger.counts();
    counts.logins = figures.logins;
    counts.reconnects = figures.reconnects;
    counts.errors.clone_from(&figures.errors);
    Report {
        version: VERSION,
        program: concat!("hongyan ", env!("CARGO_PKG_VERSION")).to_owned(),
        plan: self::plan(plan),
        machine,
        phases,
        counts,
        rates: Rates {
            sent: rate(end.counts.sent, begin.counts.sent),
            acknowledged: rate(end.counts.acknowledged, begin.counts.acknowledged),
            delivered: rate(end.counts.delivered, begin.counts.delivered),
            logins: rate(end.logins, begin.logins),
            file_bytes: rate(end.file_bytes, begin.file_bytes),
        },
        latencies: figures.latencies(),
        cpu,
        memory: Memory {
            server_before_kib,
            server_ramped_kib,
            server_after_kib: kib(&end.server),
            bytes_per_session: server_ramped_kib.saturating_sub(server_before_kib) as f64 * 1024.0
                / hall.cast.online().max(plan.sessions).max(1) as f64,
            generator_kib: proc::sample(std::process::id()).map_or(0, |sample| sample.rss_kib),
        },
        chaos: incidents,
        series,
        notes,
        ..Report::default()
    }
}
