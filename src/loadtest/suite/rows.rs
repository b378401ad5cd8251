//! The rows of `hongyan loadtest --figures`. Owns: which runs each takes, and how their reports are read. Never: runs anything.

use super::{Bound, Line, Row, number};
use crate::loadtest::report::{Latency, Report, Usage};
use crate::settings::{self, Sources};
use std::borrow::Cow;

pub(super) const ROWS: [Row; 16] = [
    Row {
        name: "private, closed loop, 500 pairs",
        // What a server that has short turns puts off, it does in the others' turns, where it disturbs nobody: its CPU counts all the same,
        // but rates and latencies are of few and long turns, or of none.
        runs: &[
            "private --self --pin --warm 1500ms --sessions 1000 --duration 10s --turns 2 --baseline relay",
            "private --self --pin --warm 1500ms --sessions 1000 --duration 10s --baseline relay,durable",
        ],
        read: |reports| {
            vec![
                line("messages a second", "", rate(&reports[0]), Bound::AtLeast(45_000.0), None),
                line("CPU a message", "µs", cpu(&reports[1]), Bound::None, None),
                line(OF_RELAY, "×", ratio(&reports[1], "relay", message), AT_MOST_2, at_most(1.3)),
                line("CPU, of the durable relay's", "×", ratio(&reports[1], "durable", message), Bound::None, None),
                line("p99, of the relay's", "×", p99_ratio(&reports[0], "relay"), AT_MOST_2, at_most(1.3)),
            ]
        },
    },
    Row {
        name: "the same, 16 outstanding",
        runs: &["private --self --pin --warm 1500ms --sessions 1000 --outstanding 16 --duration 10s"],
        read: |reports| {
            vec![
                line("messages a second", "", rate(&reports[0]), Bound::None, None),
                line("CPU a message", "µs", cpu(&reports[0]), Bound::AtMost(6.0), at_most(4.0)),
            ]
        },
    },
    Row {
        name: "the same in binary",
        runs: &[
            "private --self --pin --warm 1500ms --dialect binary --sessions 1000 --duration 10s",
            "private --self --pin --warm 1500ms --dialect binary --sessions 1000 --duration 10s --baseline relay",
        ],
        read: |reports| {
            vec![
                line("messages a second", "", rate(&reports[0]), Bound::AtLeast(45_000.0), None),
                line(OF_RELAY, "×", ratio(&reports[1], "relay", message), AT_MOST_2, at_most(1.3)),
            ]
        },
    },
    Row {
        name: "private, paced, 5,000 sessions, 10,000/s",
        runs: &[
            "private --self --pin --warm 1500ms --sessions 5000 --rate 10000 --duration 10s",
            "private --self --pin --warm 1500ms --sessions 5000 --rate 10000 --duration 10s --baseline relay",
        ],
        read: |reports| {
            vec![
                line("p50", "ms", latency(&reports[0], "delivered", |l| l.p50_us), Bound::AtMost(0.8), None),
                line("p99", "ms", latency(&reports[0], "delivered", |l| l.p99_us), Bound::AtMost(2.5), at_most(1.2)),
                line(OF_RELAY, "×", ratio(&reports[1], "relay", delivery), AT_MOST_2, None),
            ]
        },
    },
    Row {
        name: "one group of 1,000, saturated: one post at a time",
        runs: &["group --self --pin --warm 1500ms --sessions 1000 --posters 1 --duration 10s --baseline relay"],
        read: |reports| fan_out(&reports[0], Bound::AtMost(1.3), at_most(1.1)),
    },
    Row {
        name: "the same, four posts at a time (no figure of the issue)",
        runs: &["group --self --pin --warm 1500ms --sessions 1000 --duration 5s --baseline relay"],
        read: |reports| fan_out(&reports[0], Bound::None, None),
    },
    Row {
        name: "one group of 10,000, 5 posts/s",
        runs: &["group --self --pin --warm 1500ms --sessions 10000 --rate 5 --duration 15s"],
        read: |reports| {
            let last = latency(&reports[0], "last_delivered", |l| l.p99_us);
            let beside = latency(&reports[0], "bystander", |l| l.p99_us);
            vec![
                line("last member, p99", "ms", last, Bound::AtMost(100.0), at_most(50.0)),
                line("private meanwhile, p99", "ms", beside, Bound::AtMost(10.0), None),
            ]
        },
    },
    Row {
        name: "200 groups of 25, 2,000 posts/s",
        runs: &[
            "group --self --pin --warm 1500ms --sessions 5000 --groups 200 --rate 2000 --duration 10s",
            "group --self --pin --warm 1500ms --sessions 5000 --groups 200 --rate 2000 --duration 10s --baseline relay",
        ],
        read: |reports| {
            let of_relay = ratio(&reports[1], "relay", delivery);
            vec![
                line("p99", "ms", latency(&reports[0], "delivered", |l| l.p99_us), Bound::AtMost(5.0), at_most(2.0)),
                line(OF_RELAY, "×", of_relay, Bound::AtMost(1.5), at_most(1.2)),
            ]
        },
    },
    Row {
        name: "idle, plain",
        runs: &["idle --self --sessions 5000 --duration 2s", "idle --self --sessions MOST --duration 10s"],
        read: |reports| {
            let busy = reports[1].cpu.server.as_ref().filter(|_| reports[1].phases.run_s > 0.0);
            let busy = busy.map(|cpu| (cpu.user_s + cpu.system_s) * 1e3 / reports[1].phases.run_s);
            vec![
                line(sloped("", reports), "KiB", slope(reports), Bound::AtMost(3.0), at_most(2.0)),
                line(
                    format!("CPU of {}", number(reports[1].plan.sessions as f64)),
                    "ms/s",
                    busy,
                    Bound::AtMost(5.0),
                    None,
                ),
            ]
        },
    },
    Row {
        name: "idle, binary and WebSocket",
        runs: &[
            "idle --self --dialect binary --sessions 5000 --duration 2s",
            "idle --self --dialect binary --sessions MOST --duration 2s",
            "idle --self --link ws --sessions 5000 --duration 2s",
            "idle --self --link ws --sessions MOST --duration 2s",
        ],
        read: |reports| {
            vec![
                line(sloped(", binary", &reports[..2]), "KiB", slope(&reports[..2]), Bound::AtMost(3.0), at_most(2.0)),
                line(
                    sloped(", WebSocket", &reports[2..]),
                    "KiB",
                    slope(&reports[2..]),
                    Bound::AtMost(6.0),
                    at_most(2.0),
                ),
            ]
        },
    },
    Row {
        name: "idle under TLS",
        runs: &["idle --self --tls --sessions 5000 --duration 2s", "idle --self --tls --sessions MOST --duration 2s"],
        read: |reports| {
            vec![line(sloped(", plain", reports), "KiB", slope(reports), Bound::AtMost(12.0), at_most(2.0))]
        },
    },
    Row {
        name: "login",
        runs: &[
            "login --self --pin --sessions 1000 --duration 10s",
            "login --self --pin --sessions 1000 --duration 8s --reconnect",
        ],
        read: |reports| {
            let (stays, anew) = (LoginCost::of(&reports[0]), LoginCost::of(&reports[1]));
            let without = |cost: &LoginCost| cost.all - cost.hashing;
            vec![
                line("logins a second", "", Some(reports[0].rates.logins), Bound::None, None),
                line(
                    "CPU of threads that hash, cheaply",
                    "ms",
                    stays.as_ref().map(|cost| cost.hashing),
                    Bound::None,
                    None,
                ),
                line(
                    "all other CPU, with the logout before it",
                    "ms",
                    stays.as_ref().map(without),
                    Bound::AtMost(0.1),
                    at_most(0.03),
                ),
                line("the same with a new connection each", "ms", anew.as_ref().map(without), Bound::None, None),
            ]
        },
    },
    Row {
        name: "one group of 1,000",
        runs: &[
            "join --self --pin --sessions 1000 --groups 20",
            "login --self --pin --sessions 1000 --members --duration 8s",
        ],
        read: |reports| {
            let joining = cpu(&reports[0]).filter(|_| reports[0].counts.joins > 0).map(|us| us / 1e3);
            let login = LoginCost::of(&reports[1]).map(|cost| cost.all - cost.hashing);
            vec![
                line("CPU a join, everybody at once", "ms", joining, Bound::AtMost(0.1), None),
                line("CPU a member's login, without hashing", "ms", login, Bound::AtMost(0.1), None),
            ]
        },
    },
    Row {
        name: "files",
        runs: &[
            "file --self --pin --sessions 2 --size 1GiB --duration 10s --turns 5 --baseline splice,copy",
            "file --self --sessions 128 --size 128MiB --duration 3s",
        ],
        read: |reports| {
            let gib = |usage: &Usage| usage.us_per_gib / 1e6;
            let of = |relay: &str| reports[0].baselines.get(relay).map(|relay| gib(&relay.server));
            let moved = |value: &f64| *value > 0.0;
            vec![
                line("CPU a GiB", "s", reports[0].cpu.server.as_ref().map(gib).filter(moved), Bound::None, None),
                line("CPU a GiB, bare splice", "s", of("splice").filter(moved), Bound::None, None),
                line("CPU a GiB, bare copy of 256 KiB", "s", of("copy").filter(moved), Bound::None, None),
                line("CPU, of the better of the two", "×", file_ratio(&reports[0]), Bound::AtMost(1.2), None),
                line(
                    "memory a transfer, of 64, its pipe included",
                    "KiB",
                    transfer_kib(&reports[1]),
                    Bound::AtMost(320.0),
                    None,
                ),
            ]
        },
    },
    Row {
        name: "stored for who is away, binary, 64 × 64 outstanding",
        runs: &["offline --self --dialect binary --sessions 128 --outstanding 64 --duration 8s"],
        read: |reports| {
            let read = Some(reports[0].counts.delivered as f64 / reports[0].phases.drain_s);
            vec![
                line("messages stored a second", "", rate(&reports[0]), Bound::AtLeast(100_000.0), None),
                line("CPU a message", "µs", cpu(&reports[0]), Bound::None, None),
                line("read a second by 64 who come", "", read.filter(|read| read.is_finite()), Bound::None, None),
            ]
        },
    },
    Row {
        name: "growth with sessions",
        // In turns, since a machine's speed may change from one minute to the next.
        runs: &[
            "private --self --pin --warm 1500ms --sessions 1000 --rate 10000 --duration 5s",
            "private --self --pin --warm 1500ms --sessions MOST --rate 10000 --duration 5s",
            "private --self --pin --warm 1500ms --sessions MOST --rate 10000 --duration 5s",
            "private --self --pin --warm 1500ms --sessions 1000 --rate 10000 --duration 5s",
        ],
        read: |reports| {
            let many = format!("CPU a message, of {} to 1,000", number(reports[1].plan.sessions as f64));
            let all = [cpu_of_all([&reports[1], &reports[2]]), cpu_of_all([&reports[0], &reports[3]])];
            let growth = all[0].zip(all[1]).map(|(many, few)| many / few);
            vec![line(many, "×", growth, Bound::AtMost(1.2), None)]
        },
    },
];

const AT_MOST_2: Bound = Bound::AtMost(2.0);
const OF_RELAY: &str = "CPU, of the relay's";

fn at_most(bound: f64) -> Option<Bound> {
    Some(Bound::AtMost(bound))
}

pub(in crate::loadtest) fn line(
    what: impl Into<Cow<'static, str>>,
    unit: &'static str,
    value: Option<f64>,
    must: Bound,
    aim: Option<Bound>,
) -> Line {
    Line { what: what.into(), unit, value, must, aim }
}

/// What posts to one group cost.
fn fan_out(report: &Report, must: Bound, aim: Option<Bound>) -> Vec<Line> {
    vec![
        line("deliveries a second", "", Some(report.rates.delivered), Bound::None, None),
        line("CPU a delivery", "µs", report.cpu.server.as_ref().map(delivery), Bound::None, None),
        line(OF_RELAY, "×", ratio(report, "relay", delivery), must, aim),
    ]
}

fn rate(report: &Report) -> Option<f64> {
    Some(report.rates.acknowledged)
}

fn message(usage: &Usage) -> f64 {
    usage.us_per_message
}

fn delivery(usage: &Usage) -> f64 {
    usage.us_per_delivery
}

fn cpu(report: &Report) -> Option<f64> {
    report.cpu.server.as_ref().map(message)
}

/// Microseconds a message over some runs together.
fn cpu_of_all(reports: [&Report; 2]) -> Option<f64> {
    let sums = reports.iter().filter_map(|report| {
        let cpu = report.cpu.server.as_ref()?;
        Some((cpu.user_s + cpu.system_s, report.rates.acknowledged * report.phases.run_s))
    });
    let (cpu_s, messages) = sums.fold((0.0, 0.0), |sum, run| (sum.0 + run.0, sum.1 + run.1));
    (cpu_s > 0.0 && messages > 0.0).then(|| cpu_s * 1e6 / messages)
}

fn ratio(report: &Report, relay: &str, of: fn(&Usage) -> f64) -> Option<f64> {
    let relay = of(&report.baselines.get(relay)?.server);
    (relay > 0.0).then_some(of(report.cpu.server.as_ref()?) / relay)
}

fn p99_ratio(report: &Report, relay: &str) -> Option<f64> {
    let relay = report.baselines.get(relay)?.latencies.get("delivered")?.p99_us;
    (relay > 0.0).then_some(report.latencies.get("delivered")?.p99_us / relay)
}

fn latency(report: &Report, of: &str, part: fn(&Latency) -> f64) -> Option<f64> {
    report.latencies.get(of).filter(|latency| latency.count > 0).map(|latency| part(latency) / 1e3)
}

/// KiB that each session more takes, from a run with few to one with many.
fn slope(reports: &[Report]) -> Option<f64> {
    let [few, many] = reports else { return None };
    let sessions = many.plan.sessions.checked_sub(few.plan.sessions).filter(|more| *more > 0)?;
    Some((many.memory.server_ramped_kib as f64 - few.memory.server_ramped_kib as f64) / sessions as f64)
}

/// What the slope is of, and how far it goes.
fn sloped(what: &str, reports: &[Report]) -> String {
    let sessions = |report: Option<&Report>| number(report.map_or(0, |report| report.plan.sessions) as f64);
    format!("a session{what}, from {} to {}", sessions(reports.first()), sessions(reports.last()))
}

/// Milliseconds of the server's CPU for each login, with those of the threads that hash and without; and of these alone.
struct LoginCost {
    all: f64,
    hashing: f64,
}

impl LoginCost {
    fn of(report: &Report) -> Option<Self> {
        let server = report.cpu.server.as_ref()?;
        let logins = report.rates.logins * report.phases.run_s;
        // Without the one the other would say too much.
        (logins > 0.0 && report.cpu.server_hashing_s > 0.0).then(|| Self {
            all: (server.user_s + server.system_s) * 1e3 / logins,
            hashing: report.cpu.server_hashing_s * 1e3 / logins,
        })
    }
}

/// CPU of a GiB, of the better of the two bare relays'.
fn file_ratio(report: &Report) -> Option<f64> {
    let best = ["splice", "copy"].iter().filter_map(|relay| Some(report.baselines.get(*relay)?.server.us_per_gib));
    let best = best.filter(|us| *us > 0.0).min_by(f64::total_cmp)?;
    Some(report.cpu.server.as_ref()?.us_per_gib / best)
}

/// KiB that each transfer takes: what the process grew by, and what the kernel keeps for it at the most, a pipe of `relay.buffer_bytes`, which no process
/// is charged for.
fn transfer_kib(report: &Report) -> Option<f64> {
    let (memory, transfers) = (&report.memory, report.plan.sessions / 2);
    let pipe = settings::load(&Sources::default()).ok()?.settings.chat.relay.buffer_bytes;
    let grew = memory.server_after_kib as f64 - memory.server_ramped_kib as f64;
    (transfers > 0 && memory.server_ramped_kib > 0).then(|| grew.max(0.0) / transfers as f64 + pipe as f64 / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::{LoginCost, Report, cpu_of_all, file_ratio, slope, sloped, transfer_kib};
    use crate::loadtest::report::{Baseline, Usage};

    #[test]
    fn the_slope_is_between_two_runs() {
        let report = |sessions, kib| {
            let mut report = Report::default();
            (report.plan.sessions, report.memory.server_ramped_kib) = (sessions, kib);
            report
        };
        let both = [report(5_000, 30_000), report(18_000, 56_000)];
        assert_eq!(slope(&both), Some(2.0));
        assert_eq!(sloped(", binary", &both), "a session, binary, from 5,000 to 18,000");
        assert_eq!(slope(&[report(5_000, 30_000), report(5_000, 56_000)]), None);
    }

    #[test]
    fn a_login_is_told_apart_from_the_hash_or_not_at_all() {
        let mut report = Report::default();
        (report.rates.logins, report.phases.run_s) = (1000.0, 10.0);
        report.cpu.server = Some(Usage { user_s: 0.5, system_s: 0.3, ..Usage::default() });
        // A server whose threads cannot be told from each other.
        assert!(LoginCost::of(&report).is_none());
        report.cpu.server_hashing_s = 0.2;
        let cost = LoginCost::of(&report).unwrap();
        assert!((cost.all - 0.08).abs() < 1e-9 && (cost.hashing - 0.02).abs() < 1e-9);
    }

    #[test]
    fn runs_are_weighed_by_what_was_done_in_them() {
        let run = |run_s, acknowledged, user_s| {
            let mut report = Report::default();
            (report.phases.run_s, report.rates.acknowledged) = (run_s, acknowledged);
            report.cpu.server = Some(Usage { user_s, system_s: 0.5, ..Usage::default() });
            report
        };
        // 1,000 messages in a second, then 9,000 in three, for 2 s of CPU together.
        assert_eq!(cpu_of_all([&run(1.0, 1000.0, 0.25), &run(3.0, 3000.0, 0.75)]), Some(200.0));
        assert_eq!(cpu_of_all([&Report::default(), &Report::default()]), None);
    }

    #[test]
    fn files_are_compared_with_the_better_relay() {
        let usage = |us_per_gib| Usage { us_per_gib, ..Usage::default() };
        let relay = |us| Baseline { server: usage(us), ..Baseline::default() };
        let mut report = Report::default();
        report.cpu.server = Some(usage(300.0));
        assert_eq!(file_ratio(&report), None);
        report.baselines = [("splice".to_owned(), relay(250.0)), ("copy".to_owned(), relay(200.0))].into();
        assert_eq!(file_ratio(&report), Some(1.5));
    }

    #[test]
    fn a_transfer_has_its_pipe_in_the_kernel_too() {
        let mut report = Report::default();
        report.plan.sessions = 128;
        assert_eq!(transfer_kib(&report), None);
        (report.memory.server_ramped_kib, report.memory.server_after_kib) = (30_000, 30_640);
        assert_eq!(transfer_kib(&report), Some(10.0 + 256.0));
    }
}
