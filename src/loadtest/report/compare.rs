//! Two reports beside each other. Owns: which figures are compared, when a change is noise, and what makes two runs
//! hard to compare. Never: fails because the second is worse.

use super::figures::{self, bytes, change, count, rate, time, times};
use super::metric::{Kind, Metric, baselines};
use super::table::{Table, wrap};
use super::verdict::Verdict;
use super::{Counts, LATENCIES, Phase, Report, Tick, json};
use crate::announce;
use crate::exit::{Exit, Failure};
use std::path::Path;

/// Changes below this are noise, whatever the seconds of the runs say: the same build measured twice differs by as much.
const NOISE: f64 = 0.03;
/// Runs that are shorter, in seconds, are warned about.
const SHORT_S: f64 = 10.0;

/// `--compare A.json B.json`: prints the table.
///
/// # Errors
/// [`Exit::Usage`]: a file cannot be read; [`Exit::StorageWrite`]: standard output cannot be written.
pub fn run(a: &Path, b: &Path) -> Result<(), Failure> {
    let (one, other) = match (json::read(a), json::read(b)) {
        (Ok(one), Ok(other)) => (one, other),
        (one, other) => {
            let lines = [one, other].into_iter().filter_map(Result::err).flat_map(|failure| failure.lines).collect();
            return Err(Failure { exit: Exit::Usage, lines });
        }
    };
    let name = |path: &Path| path.display().to_string();
    announce::print(&comparison((&name(a), &one), (&name(b), &other)))
        .map_err(|error| Failure::new(Exit::StorageWrite, format!("standard output cannot be written: {error}")))
}

/// Both reports, each with its name, as text of at most [`super::table::WIDTH`] columns.
#[must_use]
pub fn comparison(a: (&str, &Report), b: (&str, &Report)) -> String {
    let mut out = String::new();
    for (letter, (name, report)) in [("A", a), ("B", b)] {
        let when = figures::date(report.began_ms);
        let sessions = count(report.plan.sessions);
        wrap(
            &mut out,
            "",
            &format!(
                "{letter} is {name}: {} · {sessions} sessions · {} · {when}",
                report.plan.scenario, report.program
            ),
        );
    }
    let warnings = warnings(a.1, b.1);
    if !warnings.is_empty() {
        out.push_str("\nThese runs are hard to compare:\n");
        for warning in &warnings {
            let from = out.len();
            wrap(&mut out, "  ", warning);
            out.replace_range(from..from + 2, "- ");
        }
    }
    out.push('\n');
    out.push_str(&table(a.1, b.1).text());
    out.push_str("\nnoise: a change below 3 %, or within what the seconds of the runs differ among themselves.\n");
    out
}

/// Why a difference between the two may have another cause than the server.
#[must_use]
pub fn warnings(a: &Report, b: &Report) -> Vec<String> {
    let mut out = Vec::new();
    let mut differ = |what: &str, a: String, b: String| {
        if a != b {
            out.push(format!("{what} differs: A {a}, B {b}"));
        }
    };
    let (p, q) = (&a.plan, &b.plan);
    differ("the program", a.program.clone(), b.program.clone());
    differ("the scenario", p.scenario.clone(), q.scenario.clone());
    differ("the kind of server", kind(&p.target).into(), kind(&q.target).into());
    differ("what is spoken", p.voices.join(","), q.voices.join(","));
    differ("the number of sessions", count(p.sessions), count(q.sessions));
    differ("the number outstanding", count(p.outstanding), count(q.outstanding));
    differ("the rate", rate(p.rate), rate(q.rate));
    differ("the duration", figures::seconds(p.duration_s), figures::seconds(q.duration_s));
    differ("the size of a text", bytes(p.size as f64), bytes(q.size as f64));
    differ("the groups", format!("{} of {}", p.groups, p.members), format!("{} of {}", q.groups, q.members));
    differ("how many post in each group", count(p.posters), count(q.posters));
    differ("the load before what is measured", figures::seconds(p.warm_s), figures::seconds(q.warm_s));
    differ("the number of turns beside bare relays", count(p.turns), count(q.turns));
    differ("the seed", p.seed.to_string(), q.seed.to_string());
    let machine = |r: &Report| format!("{} processors, {}", r.machine.processors, r.machine.system);
    differ("the machine", machine(a), machine(b));
    differ("the machine's memory", figures::kib(a.machine.memory_kib), figures::kib(b.machine.memory_kib));
    differ("what was done to the server", incidents(a), incidents(b));
    for (letter, report) in [("A", a), ("B", b)] {
        if report.phases.run_s < SHORT_S {
            let took = figures::seconds(report.phases.run_s);
            out.push(format!("{letter} was under load for {took} only: small changes may be chance"));
        }
        if report.cpu.limit == "generator" {
            out.push(format!("in {letter} the generator was the limit: its rate says little about the server"));
        }
        if Verdict::of(report).fails() {
            out.push(format!("{letter}: {}", Verdict::of(report).sentence(&report.counts)));
        }
    }
    out
}

/// Addresses are not compared: a port differs from run to run.
fn kind(target: &str) -> &str {
    if target.starts_with("--") { target } else { "an address" }
}

fn incidents(report: &Report) -> String {
    match report.chaos.iter().filter(|incident| incident.what == "killed").count() {
        0 => "nothing".into(),
        kills => format!("killed {kills} times"),
    }
}

/// Names of the figures, in the table's order.
fn compared() -> Vec<String> {
    let mut names =
        vec!["rate".to_owned(), "rate.delivered".into(), "rate.logins".into(), "rate.joins".into(), "rate.file".into()];
    for of in LATENCIES {
        names.extend(["p50", "p99", "p99.9", "max"].map(|part| format!("{of}.{part}")));
    }
    names.extend(
        ["server_cpu_us", "server_cpu_us.delivery", "server_cpu_us.gib", "bytes_per_session", "server_kib"]
            .map(String::from),
    );
    for relay in baselines() {
        names.extend(
            ["", ".server_cpu_us.delivery", ".server_cpu_us.gib", ".p99", ".rate"]
                .map(|of| format!("ratio.{relay}{of}")),
        );
    }
    names.extend(
        Counts::default()
            .faults()
            .map(|(name, ..)| name)
            .into_iter()
            .chain(["redelivered", "refused", "unanswered", "errors"])
            .map(String::from),
    );
    names
}

fn table(a: &Report, b: &Report) -> Table {
    let mut table = Table::new("figure", &["", "A", "B", "change", "B is"]);
    for name in compared() {
        let Some(metric) = Metric::parse(&name) else { continue };
        let (before, after) = (metric.value(a), metric.value(b));
        // What neither has, or what is 0 in both, tells nothing; but that nothing was lost is worth a line.
        if before.unwrap_or(0.0) == 0.0
            && after.unwrap_or(0.0) == 0.0
            && !matches!(name.as_str(), "lost" | "duplicated" | "reordered")
        {
            continue;
        }
        let told = |value: Option<f64>| value.map_or("-".into(), |value| told(&metric, value));
        let (difference, judged) = match (before, after) {
            (Some(before), Some(after)) => judge(&metric, (a, before), (b, after)),
            _ => ("-".into(), "only in one"),
        };
        table.row([metric.to_string(), told(before), told(after), difference, judged.into()]);
    }
    table
}

fn told(metric: &Metric, value: f64) -> String {
    match metric.kind() {
        Kind::Time => time(value),
        Kind::Count => figures::whole(value),
        Kind::Rate => format!("{}/s", rate(value)),
        Kind::Bytes => bytes(value),
        Kind::Ratio => times(value),
    }
}

/// The change, and whether B is better.
fn judge(metric: &Metric, (a, before): (&Report, f64), (b, after): (&Report, f64)) -> (String, &'static str) {
    let better = (after > before) == metric.more_is_better();
    if before == 0.0 || metric.kind() == Kind::Count {
        // Counts are of different numbers of messages, and one lost is no noise.
        let said = if after == before {
            "same"
        } else if better {
            "better"
        } else {
            "worse"
        };
        let change = if before == 0.0 { "-".into() } else { change(after / before - 1.0) };
        return (change, said);
    }
    let part = after / before - 1.0;
    let noise = match metric {
        // The largest of all values is one value: no two runs agree about it.
        Metric::Latency { part: super::metric::Part::Max, .. } => f64::INFINITY,
        _ => NOISE.max(2.0 * spread(metric, a).hypot(spread(metric, b))),
    };
    (
        change(part),
        if part.abs() <= noise {
            "same (noise)"
        } else if better {
            "better"
        } else {
            "worse"
        },
    )
}

/// The standard error of a figure's mean over the seconds under load, as a part of the mean; 0 where the seconds do not have it.
fn spread(metric: &Metric, report: &Report) -> f64 {
    let of: fn(&Tick) -> f64 = match metric.to_string().as_str() {
        "rate" | "server_cpu_us" => |tick| tick.acknowledged as f64,
        "rate.delivered" | "server_cpu_us.delivery" => |tick| tick.delivered as f64,
        "delivered.p50" => |tick| tick.p50_us,
        "delivered.p99" | "delivered.p99.9" => |tick| tick.p99_us,
        _ => return 0.0,
    };
    let seconds: Vec<f64> = report.series.iter().filter(|tick| tick.phase == Phase::Run).map(of).collect();
    let number = seconds.len() as f64;
    let mean = seconds.iter().sum::<f64>() / number;
    if seconds.len() < 2 || mean <= 0.0 {
        return 0.0;
    }
    let variance = seconds.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (number - 1.0);
    (variance / number).sqrt() / mean
}

#[cfg(test)]
mod tests {
    use super::{comparison, run, table, warnings};
    use crate::exit::Exit;
    use crate::loadtest::report::table::WIDTH;
    use crate::loadtest::report::{Phase, Report, json, samples};

    fn row(a: &Report, b: &Report, figure: &str) -> Vec<String> {
        table(a, b).rows.into_iter().find(|row| row[0] == figure).unwrap_or_else(|| panic!("no row {figure}"))
    }

    #[test]
    fn the_comparison_is_as_it_was_agreed() {
        let mut other = samples::faster();
        other.plan.target = "127.0.0.1:8000".into();
        let text = comparison(("old.json", &samples::private()), ("new.json", &other));
        assert_eq!(text, include_str!("golden/compare.txt"), "it is now:\n{text}");
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
    }

    #[test]
    fn more_is_better_for_rates_and_worse_for_the_rest() {
        let (a, b) = (samples::private(), samples::faster());
        let judged = |a: &Report, b: &Report, figure: &str| row(a, b, figure)[4].clone();
        for figure in ["rate", "delivered.p50", "server_cpu_us", "ratio.relay.server_cpu_us", "ratio.relay.rate"] {
            assert_eq!(judged(&a, &b, figure), "better", "{figure}");
            assert_eq!(judged(&b, &a, figure), "worse", "{figure}");
        }
        assert_eq!(judged(&a, &b, "bytes_per_session"), "same (noise)");
        assert_eq!(judged(&a, &b, "delivered.max"), "same (noise)");
        assert_eq!(judged(&a, &a, "lost"), "same");
        let mut lossy = samples::private();
        lossy.counts.lost = 1;
        assert_eq!(judged(&a, &lossy, "lost"), "worse");
        assert_eq!(row(&a, &samples::login_elsewhere(), "server_cpu_us")[1..], ["12.5 µs", "-", "-", "only in one"]);
    }

    #[test]
    fn restless_runs_make_a_larger_change_noise() {
        let (mut a, mut b) = (samples::private(), samples::private());
        b.rates.acknowledged = a.rates.acknowledged * 1.1;
        assert_eq!(row(&a, &b, "rate")[4], "better");
        for report in [&mut a, &mut b] {
            let run = report.series.iter_mut().filter(|tick| tick.phase == Phase::Run);
            run.enumerate().for_each(|(place, tick)| tick.acknowledged = if place % 2 == 0 { 10_000 } else { 80_000 });
        }
        assert_eq!(row(&a, &b, "rate")[4], "same (noise)");
    }

    #[test]
    fn what_makes_runs_hard_to_compare_is_told() {
        let a = samples::private();
        assert_eq!(warnings(&a, &a), Vec::<String>::new());
        let mut b = samples::chaos();
        b.program = "hongyan 0.2.0".into();
        (b.plan.posters, b.plan.warm_s, b.plan.turns) = (1, 1.5, 2);
        b.machine.processors = 8;
        b.phases.run_s = 3.0;
        b.cpu.limit = "generator".into();
        let told = warnings(&a, &b).join("\n");
        for part in [
            "the program differs: A hongyan 0.1.0, B hongyan 0.2.0",
            "scenario",
            "spoken",
            "rate",
            "outstanding",
            "post in each group differs: A 0, B 1",
            "measured differs: A 0.0 s, B 1.5 s",
            "relays differs: A 60, B 2",
            "8 processors",
            "killed 2 times",
            "3.0 s only",
            "generator was the limit",
            "DELIVERY FAILED",
        ] {
            assert!(told.contains(part), "{part} in {told}");
        }
    }

    #[test]
    fn files_that_cannot_be_read_are_both_told_and_worse_is_no_failure() {
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (dir.path().join("a.json"), dir.path().join("b.json"));
        let failure = run(&a, &b).unwrap_err();
        assert_eq!((failure.exit, failure.lines.len()), (Exit::Usage, 2));
        json::write(&samples::private(), &a).unwrap();
        json::write(&samples::chaos(), &b).unwrap();
        assert_eq!(run(&a, &b), Ok(()));
    }
}
