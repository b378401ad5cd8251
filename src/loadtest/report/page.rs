//! The report as one page in HTML: `--html`. Owns: what is on the page; its template, style and script are in `assets`.
//! Never: lets the page load anything, or a text of the report become markup.
//!
//! The plots are drawn by uPlot (docs/decisions/0017-load-report.md) from the JSON that the page carries; everything else is
//! there without a script.

use super::figures::{bytes, count, kib, percent, rate, time, times};
use super::json;
use super::metric::{Kind, Metric};
use super::sections;
use super::table::{Table, escape};
use super::verdict::Verdict;
use super::{Phase, Report, Tick};
use crate::exit::{Exit, Failure};
use std::fmt::Write;
use std::path::Path;

const TEMPLATE: &str = include_str!("assets/page.html");
const STYLE: &str = include_str!("assets/page.css");
const SCRIPT: &str = include_str!("assets/page.js");
const UPLOT: &str = include_str!("assets/uPlot.iife.min.js");
const UPLOT_STYLE: &str = include_str!("assets/uPlot.min.css");
const UPLOT_LICENSE: &str = include_str!("assets/uPlot.LICENSE");

/// Rows of a table under a plot; of longer runs every n-th second is told, and the caption says so.
const ROWS: usize = 60;

/// Writes the page.
///
/// # Errors
/// [`Exit::StorageWrite`]: the file cannot be written; what was there before is still there.
pub fn write(report: &Report, path: &Path) -> Result<(), Failure> {
    let html =
        page(report).map_err(|error| Failure::new(Exit::StorageWrite, format!("{}: {error}", path.display())))?;
    json::replace(path, html.as_bytes())
}

/// The page: some 80 KB, and 250 bytes for each second of the run.
///
/// # Errors
/// Never for a [`Report`]; the library does not promise it.
pub fn page(report: &Report) -> Result<String, serde_json::Error> {
    // `<` cannot end the script element, nor begin a comment in it; in JSON it stands in texts only.
    let data = json::value(report)?.to_string().replace('<', "\\u003c");
    let what = sections::what(report);
    let first = what.first().map_or("", String::as_str);
    let title = format!("hongyan loadtest: {first}");
    // A narrow screen breaks the line between its parts and not within `--self`.
    let heading =
        first.split(" · ").map(|part| format!("<span>{}</span>", escape(part))).collect::<Vec<_>>().join(" · ");
    let lines: String = what.iter().skip(1).map(|line| format!("<p>{}</p>\n", escape(line))).collect();
    let verdict = Verdict::of(report);
    let tables: String = sections::tables(report).iter().map(Table::html).collect();
    let limit = sections::limit(report).map_or(String::new(), |limit| format!("<p>{limit}</p>\n"));
    let licence = format!("/*\n{UPLOT_LICENSE}\n*/\n{UPLOT}");
    Ok(fill(
        TEMPLATE,
        &[
            ("title", &escape(&title)),
            ("style", &format!("{UPLOT_STYLE}\n{STYLE}")),
            ("heading", &heading),
            ("lines", &lines),
            ("outcome", if failed(report) { "bad" } else { "good" }),
            ("verdict", &escape(&verdict.sentence(&report.counts))),
            ("failures", &failures(report)),
            ("cards", &cards(report)),
            ("limit", &limit),
            ("plots", &plots(report)),
            ("tables", &tables),
            ("notes", &notes(report)),
            ("data", &data),
            ("uplot", &licence),
            ("script", SCRIPT),
        ],
    ))
}

/// Puts values into `{{name}}`s, in one pass: a value is not looked through again.
fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut pieces = template.split("{{");
    let mut out = pieces.next().unwrap_or("").to_owned();
    for piece in pieces {
        let (name, rest) = piece.split_once("}}").unwrap_or(("", piece));
        out.push_str(values.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value));
        out.push_str(rest);
    }
    out
}

fn failed(report: &Report) -> bool {
    Verdict::of(report).fails() || report.thresholds.iter().any(|threshold| threshold.failed)
}

fn failures(report: &Report) -> String {
    let failed = report.thresholds.iter().filter(|threshold| threshold.failed);
    failed
        .map(|threshold| {
            format!(
                "<p>--fail-if <b>{}</b>: {}</p>\n",
                escape(&threshold.expression),
                escape(&sections::found(threshold))
            )
        })
        .collect()
}

fn notes(report: &Report) -> String {
    if report.notes.is_empty() {
        return String::new();
    }
    let items: String = report.notes.iter().map(|note| format!("<li>{}</li>\n", escape(note))).collect();
    format!("<h2>Notes</h2>\n<ul>\n{items}</ul>\n")
}

/// Key figures: those of these that the run has.
const CARDS: [(&str, &str); 16] = [
    ("acknowledged a second", "rate"),
    ("delivered a second", "rate.delivered"),
    ("logins a second", "rate.logins"),
    ("joins a second", "rate.joins"),
    ("files a second", "rate.file"),
    ("delivered, p50", "delivered.p50"),
    ("delivered, p99", "delivered.p99"),
    ("last member, p99", "last_delivered.p99"),
    ("bystander, p99", "bystander.p99"),
    ("presence, p99", "presence.p99"),
    ("login, p99", "login.p99"),
    ("server's CPU a message, login or join", "server_cpu_us"),
    ("server's CPU a GiB of files", "server_cpu_us.gib"),
    ("server's CPU a delivery", "server_cpu_us.delivery"),
    ("memory a session", "bytes_per_session"),
    ("CPU against the relay's", "ratio.relay"),
];

fn cards(report: &Report) -> String {
    let mut out = String::new();
    let mut card = |label: &str, value: &str| {
        // Writing to a string does not fail.
        let _ = writeln!(out, "<div><dt>{}</dt><dd>{}</dd></div>", escape(label), escape(value));
    };
    for (label, name) in CARDS {
        let Some(metric) = Metric::parse(name) else { continue };
        let Some(value) = metric.value(report).filter(|value| *value > 0.0) else { continue };
        let told = match metric.kind() {
            Kind::Time => time(value),
            Kind::Bytes => bytes(value),
            Kind::Ratio => times(value),
            Kind::Count | Kind::Rate => rate(value),
        };
        card(label, &told);
    }
    card("sessions", &count(report.plan.sessions));
    out
}

/// One plot: its name in the script, its heading, what it shows for who does not see it, and its table.
struct Plot {
    name: &'static str,
    heading: &'static str,
    label: String,
    table: Table,
}

fn plots(report: &Report) -> String {
    let mut out = String::new();
    for plot in all_plots(report).into_iter().filter(|plot| !plot.table.rows.is_empty()) {
        let _ = writeln!(
            out,
            "<section class=\"panel\"><h2>{}</h2>\n<div class=\"plot\" data-plot=\"{}\" data-label=\"{}\"></div>\n<details><summary>As a table</summary>{}</details></section>",
            escape(plot.heading),
            plot.name,
            escape(&plot.label),
            plot.table.html()
        );
    }
    out
}

fn all_plots(report: &Report) -> Vec<Plot> {
    let over = |heading: &'static str| format!("{heading}; the same figures are in the table below");
    let timed = |name, heading, head: &[&str], row: &dyn Fn(&Tick, f64) -> Option<Vec<String>>| Plot {
        name,
        heading,
        label: over(heading),
        table: seconds(report, heading, head, row),
    };
    vec![
        timed("latency", "Latency over time", &["p50", "p99", "max"], &|tick, _| {
            (tick.max_us > 0.0).then(|| vec![time(tick.p50_us), time(tick.p99_us), time(tick.max_us)])
        }),
        Plot {
            name: "curve",
            heading: "Latency by percentile",
            label: over("Latency by percentile"),
            table: percentiles(report),
        },
        timed("throughput", "Throughput over time", &["sent/s", "acknowledged/s", "delivered/s"], &|tick, took| {
            let a_second = |number: u64| rate(number as f64 / took);
            let any = tick.sent + tick.acknowledged + tick.delivered > 0;
            any.then(|| vec![a_second(tick.sent), a_second(tick.acknowledged), a_second(tick.delivered)])
        }),
        timed("sessions", "Sessions over time", &["logged in", "errors"], &|tick, _| {
            Some(vec![count(tick.sessions), count(tick.errors)])
        }),
        timed("cpu", "CPU over time, in parts of one processor", &["server", "generator"], &|tick, took| {
            let part = |ms: f64| percent(ms / 1e3 / took);
            let any = tick.server_cpu_ms + tick.generator_cpu_ms > 0.0;
            any.then(|| vec![part(tick.server_cpu_ms), part(tick.generator_cpu_ms)])
        }),
        timed("memory", "The server's resident memory over time", &["server"], &|tick, _| {
            (tick.server_kib > 0).then(|| vec![kib(tick.server_kib)])
        }),
    ]
}

/// A table over time. `row` gets a tick and how long it lasted, in seconds.
fn seconds(report: &Report, heading: &str, head: &[&str], row: &dyn Fn(&Tick, f64) -> Option<Vec<String>>) -> Table {
    let every = report.series.len().div_ceil(ROWS).max(1);
    let title = if every == 1 { heading.to_owned() } else { format!("{heading} (one second of {every})") };
    let mut table = Table::new(&title, &["", "phase"]);
    table.head.extend(head.iter().map(|&cell| cell.to_owned()));
    let mut before_s = 0.0;
    for (place, tick) in report.series.iter().enumerate() {
        let took = if tick.at_s > before_s { tick.at_s - before_s } else { 1.0 };
        before_s = tick.at_s;
        if place % every != 0 {
            continue;
        }
        if let Some(cells) = row(tick, took) {
            let mut all = vec![format!("{:.0} s", tick.at_s), phase(tick.phase).to_owned()];
            all.extend(cells);
            table.rows.push(all);
        }
    }
    table
}

fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Prepare => "prepare",
        Phase::Ramp => "ramp",
        Phase::Run => "run",
        Phase::Drain => "drain",
    }
}

/// The curves at the percentiles that people ask for.
fn percentiles(report: &Report) -> Table {
    const AT: [f64; 9] = [10.0, 25.0, 50.0, 75.0, 90.0, 99.0, 99.9, 99.99, 99.999];
    let mut curves: Vec<(String, &[(f64, f64)])> = sections::in_order(report)
        .into_iter()
        .map(|(of, latency)| (of.replace('_', " "), latency.curve.as_slice()))
        .collect();
    for (name, relay) in sections::relays(report) {
        if let Some(latency) = relay.latencies.get("delivered") {
            curves.push((format!("{name}: delivered"), &latency.curve));
        }
    }
    curves.retain(|(_, curve)| !curve.is_empty());
    let mut table = Table::new("Latency by percentile", &[""]);
    table.head.extend(curves.iter().map(|(name, _)| name.clone()));
    if curves.is_empty() {
        return table;
    }
    for at in AT {
        let mut row = vec![format!("{at} %")];
        // The curve's steps are upper ends: the first that reaches a percentile holds for it.
        let found = curves.iter().map(|(_, curve)| curve.iter().find(|(percent, _)| *percent >= at));
        row.extend(found.map(|point| point.map_or("-".into(), |(_, us)| time(*us))));
        table.rows.push(row);
    }
    let largest = curves.iter().map(|(_, curve)| curve.last().map_or("-".into(), |(_, us)| time(*us)));
    table.rows.push(std::iter::once("100 %".to_owned()).chain(largest).collect());
    table
}

#[cfg(test)]
mod tests {
    use super::{ROWS, all_plots, fill, page};
    use crate::loadtest::report::{Report, samples};
    use std::path::PathBuf;

    fn plots(report: &Report) -> Vec<&'static str> {
        all_plots(report).into_iter().filter(|plot| !plot.table.rows.is_empty()).map(|plot| plot.name).collect()
    }

    #[test]
    fn the_page_loads_nothing() {
        let html = page(&samples::private()).unwrap();
        for part in ["src=", "href=", "@import", "url(", "fetch(", "XMLHttpRequest", "{{", "}}\n<"] {
            let own = html.replace(super::UPLOT, "");
            assert!(!own.contains(part), "{part}");
        }
        assert!(html.contains("default-src 'none'"), "no policy");
        assert!(html.contains("Permission is hereby granted"), "uPlot's licence must go with it");
    }

    #[test]
    fn no_text_of_a_report_becomes_markup() {
        let mut report = samples::chaos();
        let markup = "</script><script>document.title='owned'</script><!--{{data}}";
        report.plan.target = markup.into();
        report.plan.scenario = markup.into();
        report.program = markup.into();
        report.machine.system = markup.into();
        report.notes.push(markup.into());
        report.chaos[0].what = markup.into();
        report.latencies.insert(markup.into(), report.latencies["login"].clone());
        let html = page(&report).unwrap();
        assert!(!html.contains("<script>document"), "markup");
        assert!(!html.contains("<!--"), "a comment in the data");
        // The template's own three: the data, uPlot, the page's.
        assert_eq!(html.matches("</script").count(), 3);
        let from = html.find("id=\"report\">").unwrap() + "id=\"report\">".len();
        let data = &html[from..from + html[from..].find("</script").unwrap()];
        assert_eq!(serde_json::from_str::<Report>(data).unwrap(), report);
    }

    #[test]
    fn only_plots_that_have_something_are_there() {
        assert_eq!(plots(&samples::private()), ["latency", "curve", "throughput", "sessions", "cpu", "memory"]);
        assert_eq!(plots(&samples::login_elsewhere()), ["latency", "curve", "sessions", "cpu"]);
        assert_eq!(plots(&Report::default()), Vec::<&str>::new());
        assert!(page(&Report::default()).is_ok());
    }

    #[test]
    fn an_hour_has_short_tables_that_say_so() {
        let mut report = samples::private();
        let tick = report.series[10].clone();
        report.series = (1..=3600).map(|at| super::Tick { at_s: f64::from(at), ..tick.clone() }).collect();
        for plot in all_plots(&report) {
            assert!(plot.table.rows.len() <= ROWS, "{}", plot.name);
            assert_eq!(plot.table.title.contains("one second of 60"), plot.name != "curve", "{}", plot.table.title);
        }
    }

    #[test]
    fn a_value_is_not_looked_through_again() {
        assert_eq!(fill("<{{a}}|{{b}}|{{c}}>", &[("a", "{{b}}"), ("b", "x")]), "<{{b}}|x|>");
    }

    /// For scripts/check-report, which opens the pages in a browser. It needs a folder, so it is not run by itself.
    #[test]
    #[ignore = "writes pages for `make check-report`"]
    fn writes_sample_pages() {
        let dir = PathBuf::from(std::env::var_os("REPORT_SAMPLES").expect("REPORT_SAMPLES is a folder"));
        for (name, report) in
            [("private", samples::private()), ("chaos", samples::chaos()), ("login", samples::login_elsewhere())]
        {
            super::write(&report, &dir.join(name).with_extension("html")).unwrap();
        }
    }
}
