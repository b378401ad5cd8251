//! From what was measured to the report. Owns: differences, rates, and which side was the limit. Never: measures or prints.

use super::mark::Measured;
use crate::loadtest::ledger::Lost;
use crate::loadtest::options::Scenario;
use crate::loadtest::plan::{Against, Pace, Plan};
use crate::loadtest::report::{self, Cpu, Machine, Memory, Phases, Rates, Report, Tick, Usage, VERSION};
use crate::loadtest::scenario;
use crate::loadtest::stage::{Hall, Stage, Target as To};
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
    let (outstanding, rate) = match (scenario::rate(plan), plan.pace) {
        (Some(rate), _) => (0, rate),
        (None, Pace::Closed(outstanding)) => (outstanding as u64, 0.0),
        (None, Pace::Open(_)) => (0, 0.0),
    };
    let groups = scenario::groups(plan);
    // Whoever joins is a member at the end.
    let grouped = if plan.scenario == Scenario::Join { plan.sessions * groups } else { scenario::grouped(plan) };
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
        members: grouped.checked_div(groups).unwrap_or(0) as u64,
        seed: plan.seed,
        posters: plan.posters.unwrap_or(0) as u64,
        warm_s: plan.warm.as_secs_f64(),
        turns: 0, // known once it is known whether the relays have room beside the server
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

/// Which side took all that it could have: one thread of it a processor, or all of it the processors that it may use.
fn limit(cpu: &Cpu, seconds: f64, processors: u64, (server, generator): (u32, u32)) -> &'static str {
    let took = |usage: &Usage| (usage.user_s + usage.system_s) / seconds.max(1e-6);
    // A part of what it may use, from 0 to 1.
    let part = |usage: &Usage, may: u32| usage.busiest_thread.max(took(usage) / f64::from(may.max(1)));
    let ours = part(&cpu.generator, generator);
    let Some(usage) = &cpu.server else { return if ours >= FULL { "generator" } else { "unknown" } };
    let theirs = part(usage, server);
    // Where both together have all processors, the one that takes more of them is in the other's way.
    let no_room = took(usage) + took(&cpu.generator) >= FULL * processors as f64;
    match (theirs >= FULL, ours >= FULL) {
        (_, true) if ours >= theirs => "generator",
        (true, _) => "server",
        (false, true) => "generator",
        (false, false) if no_room && took(usage) >= took(&cpu.generator) => "server",
        (false, false) if no_room => "generator",
        (false, false) => "neither",
    }
}

/// What a reader of the CPU's figures should know.
fn told(plan: &Plan, cpu: &Cpu, units: u64) -> Option<String> {
    let server = cpu.server.as_ref()?;
    match plan.scenario {
        Scenario::Login if units > 0 && cpu.server_hashing_s > 0.0 => {
            let each = |seconds: f64| seconds * 1e6 / units as f64;
            let all = server.user_s + server.system_s;
            let what = if plan.reconnect {
                "a login, its connection, and its end"
            } else {
                "a login and the logout before it"
            };
            Some(format!(
                "{what}: {:.1} µs of the server's CPU; of that, its threads that hash passwords {:.1} µs, all others {:.1} µs",
                each(all),
                each(cpu.server_hashing_s),
                each(all - cpu.server_hashing_s)
            ))
        }
        Scenario::File if plan.against == Against::Own => {
            Some("a transfer waits relay.settle_ms before it begins".into())
        }
        _ => None,
    }
}

/// Lost messages that are told one by one.
const LOST: usize = 5;

/// What was lost, from whom and to whom.
fn lost(plan: &Plan, hall: &Hall) -> Vec<String> {
    let who = |session: u32| {
        let voice = plan.voices.get(usize::from(scenario::voice(plan, session as usize)));
        format!("session {session} ({})", voice.map_or_else(String::new, ToString::to_string))
    };
    let groups = hall.groups.len();
    let member = |group: usize, member: usize| who(u32::try_from(member * groups + group).unwrap_or(u32::MAX));
    let told = hall.ledger.lost(LOST).into_iter().map(|lost| match lost {
        Lost::Message { stream, counter, receiver } => {
            let (from, to) = hall.route(stream);
            let to = match to {
                To::Person(to) => who(to),
                To::Group(group) => {
                    format!("{}, in group {group}", member(group as usize, receiver as usize))
                }
            };
            format!("lost: number {counter} of {} to {to}", who(from))
        }
        Lost::Posts { group, member: at, missing, explained } => format!(
            "lost: {} never got {missing} posts of group {group} from before its last login, and group.catch_up explains {explained}",
            member(group, at)
        ),
    });
    told.collect()
}

/// Everything that is known at the end.
pub(super) fn report(plan: &Plan, stage: &Stage, measured: Measured, phases: Phases, series: Vec<Tick>) -> Report {
    let Measured { before, begin, end, incidents, mut notes, cut_short } = measured;
    let hall = stage.hall();
    let figures = &hall.figures;
    let seconds = phases.run_s.max(1e-6);
    let rate = |now: u64, then: u64| now.saturating_sub(then) as f64 / seconds;
    let (acknowledged, delivered) =
        (end.counts.acknowledged - begin.counts.acknowledged, end.counts.delivered - begin.counts.delivered);
    let units = match plan.scenario {
        Scenario::Login | Scenario::Presence => end.logins - begin.logins,
        Scenario::Join => end.joins - begin.joins,
        Scenario::Idle | Scenario::File => 0,
        Scenario::Private | Scenario::Offline | Scenario::Group | Scenario::Mixed => acknowledged,
    };
    let gib = end.file_bytes.saturating_sub(begin.file_bytes) as f64 / (1u64 << 30) as f64;
    let usage = |now: &Sample, then: &Sample| {
        let usage = now.since(then, seconds, units, delivered);
        let us_per_gib = if gib > 0.0 { (usage.user_s + usage.system_s) * 1e6 / gib } else { 0.0 };
        Usage { us_per_gib, ..usage }
    };
    let machine = machine();
    let both = end.server.as_ref().zip(begin.server.as_ref());
    let mut cpu = Cpu {
        server: both.map(|(now, then)| usage(now, then)),
        server_hashing_s: both.map_or(0.0, |(now, then)| now.hashing_ns.saturating_sub(then.hashing_ns) as f64 / 1e9),
        generator: usage(&end.generator, &begin.generator),
        limit: String::new(),
    };
    notes.extend(told(plan, &cpu, units));
    // What is missing of a run that was cut short may have been on its way.
    if !cut_short {
        notes.extend(lost(plan, hall));
    }
    if plan.scenario == Scenario::Offline {
        let read = hall.ledger.counts().delivered;
        let took = phases.drain_s.max(1e-6);
        notes.push(format!(
            "{read} messages were stored, and read by those who came in {took:.2} s: {:.0} a second",
            read as f64 / took
        ));
    }
    let may = (end.server.as_ref().map_or(1, |sample| sample.processors), end.generator.processors);
    cpu.limit = limit(&cpu, seconds, machine.processors, may).to_owned();
    let kib = |sample: &Option<Sample>| sample.as_ref().map_or(0, |sample| sample.rss_kib);
    let (server_before_kib, server_ramped_kib) = (kib(&before.server), kib(&begin.server));
    let mut counts = hall.ledger.counts();
    counts.logins = figures.logins;
    counts.joins = figures.joins;
    counts.reconnects = figures.reconnects;
    counts.errors.clone_from(&figures.errors);
    counts.silent += figures.silent;
    counts.nonsense = figures.nonsense;
    counts.untold = figures.untold;
    (counts.files, counts.broken_files) = (figures.files, figures.broken_files);
    if cut_short {
        counts.undecided = std::mem::take(&mut counts.lost) + std::mem::take(&mut counts.torn);
    }
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
            joins: rate(end.joins, begin.joins),
            file_bytes: rate(end.file_bytes, begin.file_bytes),
        },
        latencies: figures.latencies(),
        cpu,
        memory: Memory {
            server_before_kib,
            server_ramped_kib,
            server_after_kib: kib(&end.server),
            bytes_per_session: server_ramped_kib.saturating_sub(server_before_kib) as f64 * 1024.0
                / begin.online.max(1) as f64,
            generator_kib: proc::sample(std::process::id()).map_or(0, |sample| sample.rss_kib),
        },
        chaos: incidents,
        series,
        notes,
        ..Report::default()
    }
}

#[cfg(test)]
mod tests {
    use super::{Cpu, Usage, limit};

    #[test]
    fn a_server_that_has_all_of_its_one_processor_is_the_limit_whatever_its_threads_take() {
        let usage = |cpu_s: f64, busiest_thread| Usage { user_s: cpu_s, busiest_thread, ..Usage::default() };
        let of = |server: Usage, generator: Usage, may| {
            limit(&Cpu { server: Some(server), generator, ..Cpu::default() }, 10.0, 2, may)
        };
        assert_eq!(of(usage(9.9, 0.4), usage(1.0, 0.1), (1, 1)), "server");
        assert_eq!(of(usage(9.9, 0.4), usage(1.0, 0.1), (2, 2)), "neither");
        assert_eq!(of(usage(9.5, 0.95), usage(1.0, 0.1), (2, 2)), "server");
        assert_eq!(of(usage(9.2, 0.92), usage(9.9, 0.99), (1, 1)), "generator");
        assert_eq!(of(usage(12.0, 0.6), usage(7.0, 0.7), (2, 2)), "server");
        assert_eq!(of(usage(2.0, 0.2), usage(2.0, 0.2), (1, 1)), "neither");
        let elsewhere = |part| limit(&Cpu { generator: usage(part * 10.0, part), ..Cpu::default() }, 10.0, 2, (1, 2));
        assert_eq!((elsewhere(0.95), elsewhere(0.5)), ("generator", "unknown"));
    }
}
