//! `hongyan loadtest --figures`: the server's figures beside bare relays, each with what it must reach (docs/performance.md). Owns:
//! the list of runs, and the table of their results. Never: measures by itself; each row is runs that anybody can repeat by hand.

use super::options::Loadtest;
use super::report::{Report, Usage};
use super::run;
use crate::announce;
use crate::cli::{Cli, Command};
use crate::exit::{Exit, Failure};
use clap::Parser;
use std::fmt::Write;

/// One line of the table: what came out, and what it should be.
struct Line {
    what: &'static str,
    unit: &'static str,
    value: Option<f64>,
    must: Bound,
    aim: Option<Bound>,
}

#[derive(Clone, Copy)]
enum Bound {
    AtMost(f64),
    AtLeast(f64),
    /// Only shown.
    None,
}

impl Bound {
    fn holds(self, value: f64) -> bool {
        match self {
            Self::AtMost(bound) => value <= bound,
            Self::AtLeast(bound) => value >= bound,
            Self::None => true,
        }
    }

    fn text(self) -> String {
        match self {
            Self::AtMost(bound) => format!("≤ {}", number(bound)),
            Self::AtLeast(bound) => format!("≥ {}", number(bound)),
            Self::None => String::new(),
        }
    }
}

/// Some runs, and what to read off their reports.
struct Row {
    name: &'static str,
    /// What stands behind `hongyan loadtest` for each.
    runs: &'static [&'static str],
    read: fn(&[Report]) -> Vec<Line>,
}

const ROWS: [Row; 12] = [
    Row {
        name: "private, closed loop, 500 pairs",
        runs: &["private --self --pin --sessions 1000 --duration 10s --baseline relay,durable"],
        read: |reports| {
            vec![
                line("messages a second", "", rate(&reports[0]), Bound::AtLeast(45_000.0), None),
                line("CPU a message", "µs", cpu(&reports[0]), Bound::None, None),
                line("CPU, of the relay's", "×", ratio(&reports[0], "relay", message), AT_MOST_2, at_most(1.3)),
                line("CPU, of the durable relay's", "×", ratio(&reports[0], "durable", message), Bound::None, None),
                line("p99, of the relay's", "×", p99_ratio(&reports[0], "relay"), AT_MOST_2, at_most(1.3)),
            ]
        },
    },
    Row {
        name: "the same, 16 outstanding",
        runs: &["private --self --pin --sessions 1000 --outstanding 16 --duration 10s"],
        read: |reports| {
            vec![
                line("messages a second", "", rate(&reports[0]), Bound::None, None),
                line("CPU a message", "µs", cpu(&reports[0]), Bound::AtMost(6.0), at_most(4.0)),
            ]
        },
    },
    Row {
        name: "the same in binary",
        runs: &["private --self --pin --dialect binary --sessions 1000 --duration 10s --baseline relay"],
        read: |reports| {
            vec![
                line("messages a second", "", rate(&reports[0]), Bound::AtLeast(45_000.0), None),
                line("CPU, of the relay's", "×", ratio(&reports[0], "relay", message), AT_MOST_2, at_most(1.3)),
            ]
        },
    },
    Row {
        name: "private, paced, 5,000 sessions, 10,000/s",
        runs: &["private --self --pin --sessions 5000 --rate 10000 --duration 15s --baseline relay"],
        read: |reports| {
            vec![
                line("p50", "ms", latency(&reports[0], "delivered", |l| l.p50_us), Bound::AtMost(0.8), None),
                line("p99", "ms", latency(&reports[0], "delivered", |l| l.p99_us), Bound::AtMost(2.5), at_most(1.2)),
                line("CPU, of the relay's", "×", ratio(&reports[0], "relay", delivery), AT_MOST_2, None),
            ]
        },
    },
    Row {
        name: "one group of 1,000, saturated",
        runs: &["group --self --pin --sessions 1000 --duration 10s --baseline relay"],
        read: |reports| {
            vec![
                line("deliveries a second", "", Some(reports[0].rates.delivered), Bound::None, None),
                line(
                    "CPU, of the relay's",
                    "×",
                    ratio(&reports[0], "relay", delivery),
                    Bound::AtMost(1.3),
                    at_most(1.1),
                ),
            ]
        },
    },
    Row {
        name: "one group of 10,000, 5 posts/s",
        runs: &["group --self --pin --sessions 10000 --rate 5 --duration 15s"],
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
        runs: &["group --self --pin --sessions 5000 --groups 200 --rate 2000 --duration 15s --baseline relay"],
        read: |reports| {
            vec![
                line("p99", "ms", latency(&reports[0], "delivered", |l| l.p99_us), Bound::AtMost(5.0), at_most(2.0)),
                line(
                    "CPU, of the relay's",
                    "×",
                    ratio(&reports[0], "relay", delivery),
                    Bound::AtMost(1.5),
                    at_most(1.2),
                ),
            ]
        },
    },
    Row {
        name: "idle, plain",
        runs: &["idle --self --sessions 5000 --duration 2s", "idle --self --sessions 18000 --duration 10s"],
        read: |reports| {
            let busy = reports[1].cpu.server.as_ref().filter(|_| reports[1].phases.run_s > 0.0);
            let busy = busy.map(|cpu| (cpu.user_s + cpu.system_s) * 1e3 / reports[1].phases.run_s);
            vec![
                line("a session, from 5,000 to 18,000", "KiB", slope(reports), Bound::AtMost(3.0), at_most(2.0)),
                line("CPU of 18,000", "ms/s", busy, Bound::AtMost(5.0), None),
            ]
        },
    },
    Row {
        name: "idle, binary and WebSocket",
        runs: &[
            "idle --self --dialect binary --sessions 5000 --duration 2s",
            "idle --self --dialect binary --sessions 18000 --duration 2s",
            "idle --self --link ws --sessions 5000 --duration 2s",
            "idle --self --link ws --sessions 18000 --duration 2s",
        ],
        read: |reports| {
            vec![
                line("a session, binary", "KiB", slope(&reports[..2]), Bound::AtMost(3.0), at_most(2.0)),
                line("a session, WebSocket", "KiB", slope(&reports[2..]), Bound::AtMost(6.0), at_most(2.0)),
            ]
        },
    },
    Row {
        name: "login and logout",
        runs: &["login --self --pin --sessions 1000 --duration 10s"],
        read: |reports| {
            let cpu = reports[0].cpu.server.as_ref().map(|cpu| cpu.user_s + cpu.system_s);
            let logins = reports[0].rates.logins * reports[0].phases.run_s;
            let each = cpu.filter(|_| logins > 0.0).map(|cpu| cpu * 1e3 / logins);
            vec![
                line("logins a second", "", Some(reports[0].rates.logins), Bound::None, None),
                line("CPU each, with a cheap hash", "ms", each, Bound::AtMost(0.1), at_most(0.03)),
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
        runs: &[
            "private --self --pin --sessions 1000 --rate 10000 --duration 10s",
            "private --self --pin --sessions 18000 --rate 10000 --duration 10s",
        ],
        read: |reports| {
            let growth = cpu(&reports[0]).zip(cpu(&reports[1])).filter(|(few, _)| *few > 0.0);
            let growth = growth.map(|(few, many)| many / few);
            vec![line("CPU a message, of 18,000 to 1,000", "×", growth, Bound::AtMost(1.2), None)]
        },
    },
];

const AT_MOST_2: Bound = Bound::AtMost(2.0);

fn at_most(bound: f64) -> Option<Bound> {
    Some(Bound::AtMost(bound))
}

fn line(what: &'static str, unit: &'static str, value: Option<f64>, must: Bound, aim: Option<Bound>) -> Line {
    Line { what, unit, value, must, aim }
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

fn ratio(report: &Report, relay: &str, of: fn(&Usage) -> f64) -> Option<f64> {
    let relay = of(&report.baselines.get(relay)?.server);
    (relay > 0.0).then_some(of(report.cpu.server.as_ref()?) / relay)
}

fn p99_ratio(report: &Report, relay: &str) -> Option<f64> {
    let relay = report.baselines.get(relay)?.latencies.get("delivered")?.p99_us;
    (relay > 0.0).then_some(report.latencies.get("delivered")?.p99_us / relay)
}

fn latency(report: &Report, of: &str, part: fn(&super::report::Latency) -> f64) -> Option<f64> {
    report.latencies.get(of).filter(|latency| latency.count > 0).map(|latency| part(latency) / 1e3)
}

/// KiB that each session more takes, from a run with few to one with many.
fn slope(reports: &[Report]) -> Option<f64> {
    let [few, many] = reports else { return None };
    let sessions = many.plan.sessions.checked_sub(few.plan.sessions).filter(|more| *more > 0)?;
    Some((many.memory.server_ramped_kib as f64 - few.memory.server_ramped_kib as f64) / sessions as f64)
}

fn number(value: f64) -> String {
    let size = value.abs();
    if size >= 1000.0 {
        // In groups of three digits.
        let digits = format!("{value:.0}");
        let mut grouped = String::new();
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && (digits.len() - at) % 3 == 0 {
                grouped.push(',');
            }
            grouped.push(digit);
        }
        grouped
    } else if size >= 100.0 {
        format!("{value:.0}")
    } else if size >= 10.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.3}").trim_end_matches('0').trim_end_matches('.').to_owned()
    }
}

fn cells(row: &Row, line: &Line) -> String {
    let value = line.value.map_or_else(|| "not measured".into(), number);
    let value = if line.unit.is_empty() { value } else { format!("{value} {}", line.unit) };
    let verdict = match line.value {
        None => "missed",
        Some(value) if !line.must.holds(value) => "missed",
        Some(value) if line.aim.is_some_and(|aim| aim.holds(value)) => "aim",
        Some(_) if matches!(line.must, Bound::None) => "",
        Some(_) => "reached",
    };
    let aim = line.aim.map_or_else(String::new, Bound::text);
    format!("| {} | {} | {value} | {} | {aim} | {verdict} |\n", row.name, line.what, line.must.text())
}

fn options(arguments: &str) -> Result<Box<Loadtest>, Failure> {
    let words = ["hongyan", "loadtest"].into_iter().chain(arguments.split(' '));
    match Cli::try_parse_from(words).map(|cli| cli.command) {
        Ok(Command::Loadtest(options)) => Ok(options),
        Ok(_) => Err(Failure::new(Exit::Usage, format!("{arguments}: not a load test"))),
        Err(error) => Err(Failure::new(Exit::Usage, format!("{arguments}: {error}"))),
    }
}

/// Runs everything and prints the table, in Markdown, as it grows.
///
/// # Errors
/// A run cannot be made, or a message was lost, doubled or out of order in one. Figures that are missed are no failure: machines
/// differ.
pub(super) fn run(asked: &Loadtest, stop: &run::Stop) -> Result<(), Failure> {
    let out = |text: &str| {
        announce::print(text)
            .map_err(|error| Failure::new(Exit::StorageWrite, format!("standard output cannot be written: {error}")))
    };
    out("| scenario | figure | measured | must | aim | |\n| --- | --- | --- | --- | --- | --- |\n")?;
    let mut faults = Vec::new();
    for row in &ROWS {
        if stop.is_asked() {
            break;
        }
        let mut reports = Vec::new();
        for arguments in row.runs {
            let mut options = options(arguments)?;
            options.program.clone_from(&asked.program);
            options.quiet = asked.quiet;
            let report = run::measure(&options, stop)?;
            let counts = &report.counts;
            if counts.lost + counts.duplicated + counts.reordered + counts.ghosts > 0 {
                let (lost, doubled, late) = (counts.lost, counts.duplicated, counts.reordered);
                faults.push(format!("{arguments}: lost {lost}, duplicated {doubled}, reordered {late}"));
            }
            reports.push(report);
        }
        let mut lines = String::new();
        for line in (row.read)(&reports) {
            let _ = write!(lines, "{}", cells(row, &line));
        }
        out(&lines)?;
    }
    out("\nEach row can be run by itself:\n")?;
    for arguments in ROWS.iter().flat_map(|row| row.runs) {
        out(&format!("    hongyan loadtest {arguments}\n"))?;
    }
    if faults.is_empty() { Ok(()) } else { Err(Failure { exit: Exit::LoadFailed, lines: faults }) }
}

#[cfg(test)]
mod tests {
    use super::{Bound, Line, ROWS, Report, cells, number, options, slope};
    use crate::loadtest::plan::Plan;

    #[test]
    fn every_run_is_one_that_can_be_asked_for() {
        for arguments in ROWS.iter().flat_map(|row| row.runs) {
            let plan = options(arguments).map_err(|failure| failure.lines).and_then(|options| Plan::check(&options));
            assert!(plan.is_ok(), "{arguments}: {plan:?}");
        }
    }

    #[test]
    fn what_was_not_measured_is_missed() {
        for row in &ROWS {
            let empty: Vec<Report> = row.runs.iter().map(|_| Report::default()).collect();
            let lines = (row.read)(&empty);
            assert!(!lines.is_empty());
            let judged = lines.iter().filter(|line| !matches!(line.must, Bound::None));
            for line in judged.filter(|line| line.value.is_none()) {
                assert!(cells(row, line).ends_with("| missed |\n"));
            }
        }
    }

    #[test]
    fn a_line_says_what_was_reached() {
        let verdict = |value| {
            let line = Line { what: "p99", unit: "ms", value, must: Bound::AtMost(2.5), aim: Some(Bound::AtMost(1.2)) };
            cells(&ROWS[0], &line).rsplit('|').nth(1).unwrap().trim().to_owned()
        };
        assert_eq!(
            [verdict(Some(2.6)), verdict(Some(2.5)), verdict(Some(1.2)), verdict(None)],
            ["missed", "reached", "aim", "missed"]
        );
    }

    #[test]
    fn the_slope_is_between_two_runs() {
        let report = |sessions, kib| {
            let mut report = Report::default();
            (report.plan.sessions, report.memory.server_ramped_kib) = (sessions, kib);
            report
        };
        assert_eq!(slope(&[report(5_000, 30_000), report(18_000, 56_000)]), Some(2.0));
        assert_eq!(slope(&[report(5_000, 30_000), report(5_000, 56_000)]), None);
    }

    #[test]
    fn numbers_are_short() {
        let short = [0.5, 1.25, 12.34, 123.4, 1234.5, 1_234_567.0].map(number);
        assert_eq!(short, ["0.5", "1.25", "12.3", "123", "1,234", "1,234,567"]);
    }
}
