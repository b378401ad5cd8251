//! `hongyan loadtest --figures`: the server's figures beside bare relays, each with what it must reach (docs/performance.md). Owns:
//! the list of runs, and the table of their results. Never: measures by itself; each row is runs that anybody can repeat by hand.

mod rows;

use super::options::Loadtest;
use super::report::Report;
use super::run;
use crate::announce;
use crate::cli::{Cli, Command};
use crate::exit::{Exit, Failure};
use crate::limits;
use clap::Parser;
use rows::ROWS;
pub(super) use rows::line;
use std::borrow::Cow;
use std::fmt::Write;

/// One line of the table: what came out, and what it should be.
pub(super) struct Line {
    what: Cow<'static, str>,
    unit: &'static str,
    value: Option<f64>,
    must: Bound,
    aim: Option<Bound>,
}

#[derive(Clone, Copy)]
pub(super) enum Bound {
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
    /// What stands behind `hongyan loadtest` for each; [`MOST`] is the number of sessions that fit.
    runs: &'static [&'static str],
    read: fn(&[Report]) -> Vec<Line>,
}

/// Stands for the number of sessions that fit, in [`Row::runs`].
const MOST: &str = "MOST";
/// The most sessions of a row.
const MOST_SESSIONS: u64 = 18_000;
/// Open files of the server and of this program that are no sessions: its database, its other listeners, its reserve.
const OTHER_FILES: u64 = 2_000;

/// How many sessions a process has room for that may open so many files, in whole thousands.
fn most(limit: Option<u64>) -> u64 {
    limit.map_or(MOST_SESSIONS, |limit| limit.saturating_sub(OTHER_FILES) / 1000 * 1000).clamp(1000, MOST_SESSIONS)
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

/// A line of the table, in Markdown.
pub(super) fn cells(scenario: &str, line: &Line) -> String {
    let value = line.value.map_or_else(|| "not measured".into(), number);
    let value = if line.unit.is_empty() { value } else { format!("{value} {}", line.unit) };
    let verdict = match line.value {
        None if matches!(line.must, Bound::None) => "",
        None => "missed",
        Some(value) if !line.must.holds(value) => "missed",
        Some(value) if line.aim.is_some_and(|aim| aim.holds(value)) => "aim",
        Some(_) if matches!(line.must, Bound::None) => "",
        Some(_) => "reached",
    };
    let aim = line.aim.map_or_else(String::new, Bound::text);
    format!("| {scenario} | {} | {value} | {} | {aim} | {verdict} |\n", line.what, line.must.text())
}

fn options(arguments: &str) -> Result<Box<Loadtest>, Failure> {
    let words = ["hongyan", "loadtest"].into_iter().chain(arguments.split(' '));
    match Cli::try_parse_from(words).map(|cli| cli.command) {
        Ok(Command::Loadtest(options)) => Ok(options),
        Ok(_) => Err(Failure::new(Exit::Usage, format!("{arguments}: not a load test"))),
        Err(error) => Err(Failure::new(Exit::Usage, format!("{arguments}: {error}"))),
    }
}

/// The table's head, in Markdown.
pub(super) const HEAD: &str =
    "| scenario | figure | measured | must | aim | |\n| --- | --- | --- | --- | --- | --- |\n";

/// Rows with a word in their names.
fn rows(word: &str) -> Vec<&'static Row> {
    ROWS.iter().filter(|row| row.name.contains(word)).collect()
}

/// Runs the rows with a word in their names and prints the table, in Markdown, as it grows.
///
/// # Errors
/// No row has the word, a run cannot be made, or a message was lost, doubled or out of order in one. Figures that are missed are no failure: machines
/// differ.
pub(super) fn run(asked: &Loadtest, word: &str, stop: &run::Stop) -> Result<(), Failure> {
    let rows = rows(word);
    if rows.is_empty() {
        let names = ROWS.iter().map(|row| format!("  {}", row.name));
        let lines =
            std::iter::once(format!("--figures {word}: no row has that in its name; the rows are")).chain(names);
        return Err(Failure { exit: Exit::Usage, lines: lines.collect() });
    }
    let out = |text: &str| {
        announce::print(text)
            .map_err(|error| Failure::new(Exit::StorageWrite, format!("standard output cannot be written: {error}")))
    };
    out(HEAD)?;
    let (mut faults, mut wrong) = (Vec::new(), Vec::new());
    let most = most(limits::raise_open_files()).to_string();
    let written = |arguments: &str| arguments.replace(MOST, &most);
    for row in &rows {
        if stop.is_asked() {
            break;
        }
        let mut reports = Vec::new();
        for arguments in row.runs {
            let arguments = written(arguments);
            let mut options = options(&arguments)?;
            options.program.clone_from(&asked.program);
            options.quiet = asked.quiet;
            let report = run::measure(&options, stop)?;
            let counts = &report.counts;
            if counts.lost + counts.duplicated + counts.reordered + counts.ghosts > 0 {
                let (lost, doubled, late) = (counts.lost, counts.duplicated, counts.reordered);
                faults.push(format!("{arguments}: lost {lost}, duplicated {doubled}, reordered {late}"));
            }
            for (what, count) in &report.counts.errors {
                wrong.push(format!("    hongyan loadtest {arguments}: {count} times: {what}\n"));
            }
            reports.push(report);
        }
        let mut lines = String::new();
        for line in (row.read)(&reports) {
            let _ = write!(lines, "{}", cells(row.name, &line));
        }
        out(&lines)?;
    }
    out("\nEach row can be run by itself:\n")?;
    for arguments in rows.iter().flat_map(|row| row.runs) {
        out(&format!("    hongyan loadtest {}\n", written(arguments)))?;
    }
    if !wrong.is_empty() {
        out(&format!(
            "\nWhat went wrong in them, so that their figures may be of something else:\n\n{}",
            wrong.concat()
        ))?;
    }
    if faults.is_empty() { Ok(()) } else { Err(Failure { exit: Exit::LoadFailed, lines: faults }) }
}

#[cfg(test)]
mod tests {
    use super::{Bound, Line, ROWS, Report, cells, most, number, options};
    use crate::loadtest::plan::Plan;

    #[test]
    fn every_run_is_one_that_can_be_asked_for() {
        for arguments in ROWS.iter().flat_map(|row| row.runs) {
            let plan = options(&arguments.replace(super::MOST, "18000"))
                .map_err(|failure| failure.lines)
                .and_then(|options| Plan::check(&options));
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
                assert!(cells(row.name, line).ends_with("| missed |\n"));
            }
        }
    }

    #[test]
    fn a_line_says_what_was_reached() {
        let verdict = |value| {
            let line =
                Line { what: "p99".into(), unit: "ms", value, must: Bound::AtMost(2.5), aim: Some(Bound::AtMost(1.2)) };
            cells(ROWS[0].name, &line).rsplit('|').nth(1).unwrap().trim().to_owned()
        };
        assert_eq!(
            [verdict(Some(2.6)), verdict(Some(2.5)), verdict(Some(1.2)), verdict(None)],
            ["missed", "reached", "aim", "missed"]
        );
    }

    #[test]
    fn a_word_chooses_rows() {
        let names = |word| super::rows(word).iter().map(|row| row.name).collect::<Vec<_>>();
        assert_eq!(names("login"), ["login"]);
        assert_eq!(names("").len(), ROWS.len());
        assert!(names("no such").is_empty());
    }

    #[test]
    fn as_many_sessions_as_there_are_open_files_for() {
        assert_eq!([None, Some(20_000), Some(9_500), Some(64)].map(most), [18_000, 18_000, 7_000, 1_000]);
    }

    #[test]
    fn numbers_are_short() {
        let short = [0.5, 1.25, 12.34, 123.4, 1234.5, 1_234_567.0].map(number);
        assert_eq!(short, ["0.5", "1.25", "12.3", "123", "1,234", "1,234,567"]);
    }
}
