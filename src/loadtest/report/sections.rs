//! A report as tables, for the summary and for the page. Owns: which figures are shown, and in which order. Never: knows
//! how a table looks.

use super::figures::{self, bytes, count, kib, percent, rate, time, times};
use super::metric::{Kind, Metric, baselines as baselines_known};
use super::table::Table;
use super::{Baseline, LATENCIES, Latency, Report, Threshold, Usage};

/// Texts of errors that are told; the rest is a number.
const ERRORS: usize = 12;
/// Incidents that are told; of the rest, how many they are.
const INCIDENTS: usize = 30;

/// What was run, in a few short lines.
#[must_use]
pub fn what(report: &Report) -> Vec<String> {
    let plan = &report.plan;
    let sessions = |n| format!("{} session{}", count(n), if n == 1 { "" } else { "s" });
    let first =
        format!("{} · {} · {} · {}", plan.scenario, sessions(plan.sessions), plan.voices.join(", "), plan.target);
    let mut load = Vec::new();
    if plan.rate > 0.0 {
        load.push(format!("open loop, {}/s, times count from when something was due", rate(plan.rate)));
    } else if plan.outstanding > 0 && report.counts.sent > 0 {
        load.push(format!("closed loop, {} outstanding", count(plan.outstanding)));
    }
    if plan.groups > 0 {
        let groups = if plan.groups == 1 { "1 group".into() } else { format!("{} groups", count(plan.groups)) };
        load.push(format!("{groups} of {}", count(plan.members)));
    }
    // Of scenarios that send nothing, what was not sent is of no interest.
    if plan.size > 0 && (report.counts.sent > 0 || report.rates.file_bytes > 0.0) {
        load.push(bytes(plan.size as f64));
    }
    load.push(format!("seed {}", plan.seed));
    let phases = &report.phases;
    let phases =
        [("prepare", phases.prepare_s), ("ramp", phases.ramp_s), ("run", phases.run_s), ("drain", phases.drain_s)]
            .map(|(name, took)| format!("{name} {}", figures::seconds(took)))
            .join(", ");
    let machine = &report.machine;
    let place = format!(
        "{} · {} · {} · {} processors · {}",
        report.program,
        figures::date(report.began_ms),
        machine.system,
        machine.processors,
        kib(machine.memory_kib)
    );
    vec![first, load.join(", "), phases, place]
}

/// All tables that have something in them.
#[must_use]
pub fn tables(report: &Report) -> Vec<Table> {
    let all = [
        messages(report),
        latencies(report),
        cpu(report),
        memory(report),
        baselines(report),
        chaos(report),
        errors(report),
        thresholds(&report.thresholds),
    ];
    all.into_iter().filter(|table| !table.rows.is_empty()).collect()
}

fn messages(report: &Report) -> Table {
    let (counts, rates) = (&report.counts, &report.rates);
    let mut table = Table::new("messages", &["", "in all", "a second, under load"]);
    let talks = counts.sent > 0 || counts.delivered > 0;
    if talks {
        table.row(["sent".into(), count(counts.sent), rate(rates.sent)]);
        table.row(["acknowledged".into(), count(counts.acknowledged), rate(rates.acknowledged)]);
        table.row(["copies delivered".into(), count(counts.delivered), rate(rates.delivered)]);
    }
    let seldom = [
        ("refused", counts.refused),
        ("never answered, connection lost", counts.unanswered),
        ("delivered again after a reconnect", counts.redelivered),
        ("left in the history (catch-up)", counts.beyond_catch_up),
        ("on their way when it was cut short", counts.undecided),
        ("files received whole", counts.files),
    ];
    let faults = counts.faults().map(|(_, what, number)| (what, number));
    for (what, number) in seldom.into_iter().chain(faults).filter(|(_, number)| *number > 0) {
        table.row([what.into(), count(number), String::new()]);
    }
    if counts.logins > 0 {
        let a_second = if rates.logins > 0.0 { rate(rates.logins) } else { String::new() };
        table.row(["logins".into(), count(counts.logins), a_second]);
    }
    if counts.joins > 0 {
        table.row(["groups joined".into(), count(counts.joins), rate(rates.joins)]);
    }
    if counts.reconnects > 0 {
        table.row(["reconnects".into(), count(counts.reconnects), String::new()]);
    }
    if rates.file_bytes > 0.0 {
        table.row(["files received".into(), String::new(), format!("{}/s", bytes(rates.file_bytes))]);
    }
    table
}

/// Latencies in the order of [`LATENCIES`], then others.
pub(super) fn in_order(report: &Report) -> Vec<(&str, &Latency)> {
    let place = |of: &str| LATENCIES.iter().position(|known| *known == of).unwrap_or(LATENCIES.len());
    let mut all: Vec<(&str, &Latency)> =
        report.latencies.iter().filter(|(_, l)| l.count > 0).map(|(of, latency)| (of.as_str(), latency)).collect();
    all.sort_by_key(|(of, _)| place(of));
    all
}

fn latencies(report: &Report) -> Table {
    let mut table = Table::new("latency", &["", "p50", "p90", "p99", "p99.9", "max", "mean", "values"]);
    for (of, l) in in_order(report) {
        table.row([
            of.replace('_', " "),
            time(l.p50_us),
            time(l.p90_us),
            time(l.p99_us),
            time(l.p999_us),
            time(l.max_us),
            time(l.mean_us),
            count(l.count),
        ]);
    }
    table
}

fn cpu(report: &Report) -> Table {
    let unit = report.plan.unit();
    let delivers = report.counts.delivered > 0;
    let moves = report.rates.file_bytes > 0.0;
    let all = [unit, delivers.then_some("a delivery"), moves.then_some("a GiB")];
    let mut head = vec![""];
    head.extend(all.into_iter().flatten());
    head.extend(["user", "system", "busiest thread"]);
    let mut table = Table::new("CPU under load", &head);
    let mut row = |name: &str, usage: &Usage| {
        let seconds = |s: f64| format!("{s:.2} s");
        let each = [usage.us_per_message, usage.us_per_delivery, usage.us_per_gib];
        let mut cells = vec![name.to_owned()];
        cells.extend(all.iter().zip(each).filter(|(what, _)| what.is_some()).map(|(_, us)| time(us)));
        cells.extend([seconds(usage.user_s), seconds(usage.system_s), percent(usage.busiest_thread)]);
        table.rows.push(cells);
    };
    if let Some(server) = &report.cpu.server {
        row("server", server);
    }
    row(if report.plan.target == "--in-process" { "both" } else { "generator" }, &report.cpu.generator);
    table
}

/// Which side was the limit, in a sentence; `None` where it makes no sense to ask.
#[must_use]
pub fn limit(report: &Report) -> Option<&'static str> {
    match report.cpu.limit.as_str() {
        "server" => Some("The server was the limit."),
        "generator" => {
            Some("The generator was the limit, not the server: the server may be faster than this run shows.")
        }
        "neither" => Some("Neither side was the limit: both had time left."),
        _ => None,
    }
}

fn memory(report: &Report) -> Table {
    let memory = &report.memory;
    let mut table = Table::new("memory", &["", "before", "logged in", "at the end", "a session"]);
    if memory.server_after_kib > 0 || memory.server_ramped_kib > 0 {
        table.row([
            "server".into(),
            kib(memory.server_before_kib),
            kib(memory.server_ramped_kib),
            kib(memory.server_after_kib),
            bytes(memory.bytes_per_session),
        ]);
    }
    if memory.generator_kib > 0 {
        table.row(["generator".into(), String::new(), String::new(), kib(memory.generator_kib), String::new()]);
    }
    table
}

/// The relays in the order of `--baseline`'s help, the barest first.
pub(super) fn relays(report: &Report) -> Vec<(&str, &Baseline)> {
    let mut all: Vec<(&str, &Baseline)> = report.baselines.iter().map(|(name, relay)| (name.as_str(), relay)).collect();
    let place = |name: &str| baselines_known().position(|known| known == name).unwrap_or(usize::MAX);
    all.sort_by_key(|(name, _)| place(name));
    all
}

/// Figures that are compared with a bare relay.
const COMPARED: [(&str, &str); 9] = [
    ("CPU a message", "server_cpu_us"),
    ("CPU a delivery", "server_cpu_us.delivery"),
    ("CPU a GiB", "server_cpu_us.gib"),
    ("bytes of files/s", "rate.file"),
    ("acknowledged/s", "rate"),
    ("delivered/s", "rate.delivered"),
    ("delivered p50", "delivered.p50"),
    ("delivered p99", "delivered.p99"),
    ("last delivered p99", "last_delivered.p99"),
];

fn baselines(report: &Report) -> Table {
    let mut table = Table::new("against bare relays", &["", "hongyan"]);
    let relays = relays(report);
    for (name, _) in &relays {
        table.head.extend([(*name).to_owned(), "ratio".into()]);
    }
    if report.baselines.is_empty() {
        return table;
    }
    for (label, name) in COMPARED {
        let Some(metric) = Metric::parse(name) else { continue };
        let Some(own) = metric.value(report).filter(|own| *own > 0.0) else { continue };
        let told = |value: f64| match metric.kind() {
            Kind::Bytes => bytes(value),
            Kind::Rate => rate(value),
            _ => time(value),
        };
        let mut row = vec![label.to_owned(), told(own)];
        for (_, relay) in &relays {
            match metric.of_relay(relay).filter(|value| *value > 0.0) {
                Some(value) => row.extend([told(value), times(own / value)]),
                None => row.extend(["-".into(), "-".into()]),
            }
        }
        table.rows.push(row);
    }
    table
}

fn chaos(report: &Report) -> Table {
    let mut table = Table::of_words("what was done to the server", &[]);
    for incident in report.chaos.iter().take(INCIDENTS) {
        table.row([format!("{:.1} s", incident.at_s), incident.what.clone()]);
    }
    if let Some(more) = report.chaos.len().checked_sub(INCIDENTS).filter(|more| *more > 0) {
        table.row([String::new(), format!("and {more} more, in the JSON")]);
    }
    table
}

fn errors(report: &Report) -> Table {
    let mut table = Table::of_words("errors", &[]);
    let mut all: Vec<(&String, &u64)> = report.counts.errors.iter().collect();
    all.sort_by_key(|(_, number)| std::cmp::Reverse(**number));
    for (what, number) in all.iter().take(ERRORS) {
        table.row([count(**number), (*what).clone()]);
    }
    if all.len() > ERRORS {
        let rest: u64 = all[ERRORS..].iter().map(|(_, number)| **number).sum();
        table.row([count(rest), format!("of {} other kinds, in the JSON", all.len() - ERRORS)]);
    }
    table
}

fn thresholds(all: &[Threshold]) -> Table {
    let mut table = Table::of_words("--fail-if", &[]);
    for threshold in all {
        let said = if threshold.failed { "FAILED" } else { "ok" };
        table.row([said.into(), threshold.expression.clone(), found(threshold)]);
    }
    table
}

/// What the figure of a threshold was, in words.
#[must_use]
pub fn found(threshold: &Threshold) -> String {
    match (threshold.value, &threshold.note) {
        (Some(value), _) => {
            // The value is in the unit that the expression ends with.
            let unit = threshold.expression.rsplit(|c: char| c.is_ascii_digit()).next().unwrap_or("").trim();
            format!("it was {} {unit}", figures::three(value)).trim_end().to_owned()
        }
        (None, Some(note)) => format!("not known: {note}"),
        (None, None) => "not known".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::{ERRORS, INCIDENTS, tables};
    use crate::loadtest::report::{Incident, Report, samples};

    fn titles(report: &Report) -> Vec<String> {
        tables(report).into_iter().map(|table| table.title).collect()
    }

    #[test]
    fn only_what_a_run_has_is_shown() {
        let all = ["messages", "latency", "CPU under load", "memory", "against bare relays", "errors"];
        assert_eq!(titles(&samples::private()), all);
        assert_eq!(titles(&samples::login_elsewhere()), ["messages", "latency", "CPU under load", "memory"]);
        assert!(titles(&samples::chaos()).contains(&"what was done to the server".to_owned()));
    }

    #[test]
    fn cpu_is_told_of_what_the_scenario_does() {
        let head = |scenario: &str, delivered, file_bytes| {
            let mut report = samples::private();
            report.plan.scenario = scenario.into();
            (report.counts.delivered, report.rates.file_bytes) = (delivered, file_bytes);
            let table = super::cpu(&report);
            assert!(table.rows.iter().all(|row| row.len() == table.head.len()), "{scenario}: {:?}", table.rows);
            table.head[1..table.head.len() - 3].join(", ")
        };
        assert_eq!(head("private", 9, 0.0), "a message, a delivery");
        assert_eq!(head("login", 0, 0.0), "a login");
        assert_eq!(head("presence", 0, 0.0), "a login");
        assert_eq!(head("join", 0, 0.0), "a join");
        assert_eq!(head("file", 0, 5.0), "a GiB");
        assert_eq!(head("idle", 0, 0.0), "");
    }

    #[test]
    fn latencies_stand_in_the_order_in_which_things_happen() {
        let mut report = samples::private();
        let login = report.latencies["login"].clone();
        report.latencies.insert("another".into(), login.clone());
        report.latencies.insert("last_delivered".into(), login);
        let order: Vec<&str> = super::in_order(&report).into_iter().map(|(of, _)| of).collect();
        assert_eq!(order, ["acknowledged", "delivered", "last_delivered", "login", "another"]);
    }

    #[test]
    fn long_lists_are_cut_and_say_so() {
        let mut report = samples::private();
        report.counts.errors = (0..50).map(|n: u64| (format!("error {n}"), n + 1)).collect();
        report.chaos = vec![Incident { at_s: 1.0, what: "killed".into() }; INCIDENTS + 5];
        let errors = super::errors(&report);
        assert_eq!(errors.rows.len(), ERRORS + 1);
        assert_eq!(errors.rows[0], ["50", "error 49"]);
        assert_eq!(errors.rows[ERRORS][1], "of 38 other kinds, in the JSON");
        assert_eq!(super::chaos(&report).rows[INCIDENTS][1], "and 5 more, in the JSON");
    }
}
