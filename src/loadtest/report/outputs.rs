//! The end of a run. Owns: what is written where, and whether the run has failed. Never: decides how anything looks.

use super::threshold::{self, Condition};
use super::verdict::Verdict;
use super::{Report, json, page, sections, summary};
use crate::announce;
use crate::exit::{Exit, Failure};
use crate::loadtest::options::Loadtest;
use clap::ValueEnum;
use std::path::PathBuf;

/// What is asked of a report: conditions and files.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outputs {
    /// `--fail-if`
    pub conditions: Vec<Condition>,
    /// `--json`
    pub json: Option<PathBuf>,
    /// `--html`
    pub html: Option<PathBuf>,
}

impl Outputs {
    /// Looks through the options before the run begins, so that no mistake in them costs a run.
    ///
    /// # Errors
    /// [`Exit::Usage`]: a condition that makes no sense, or a file that could not be written; all of them at once.
    pub fn prepare(options: &Loadtest) -> Result<Self, Failure> {
        let names = options.baseline.iter().filter_map(ValueEnum::to_possible_value);
        let baselines: Vec<String> = names.map(|name| name.get_name().to_owned()).collect();
        let mut lines = Vec::new();
        for path in [&options.json, &options.html].into_iter().flatten() {
            lines.extend(json::try_place(path).err().into_iter().flat_map(|failure| failure.lines));
        }
        match threshold::parse_all(&options.fail_if, &baselines) {
            Ok(conditions) if lines.is_empty() => {
                Ok(Self { conditions, json: options.json.clone(), html: options.html.clone() })
            }
            outcome => {
                lines.extend(outcome.err().into_iter().flat_map(|failure| failure.lines));
                Err(Failure { exit: Exit::Usage, lines })
            }
        }
    }
}

/// Judges the report, writes its files, prints the summary on standard output.
///
/// # Errors
/// [`Exit::LoadFailed`]: delivery failed or a condition came true, whatever else happened; else
/// [`Exit::StorageWrite`]: something could not be written. All that can be written is written in any case.
pub fn finish(report: &mut Report, outputs: &Outputs) -> Result<(), Failure> {
    let (text, mut outcome) = conclude(report, outputs);
    if let Err(error) = announce::print(&text) {
        let line = format!("standard output cannot be written: {error}");
        match &mut outcome {
            Ok(()) => outcome = Err(Failure::new(Exit::StorageWrite, line)),
            Err(failure) => failure.lines.push(line),
        }
    }
    outcome
}

/// All of [`finish`] but the printing.
fn conclude(report: &mut Report, outputs: &Outputs) -> (String, Result<(), Failure>) {
    report.thresholds = outputs.conditions.iter().map(|condition| condition.judge(report)).collect();
    let mut lines = Vec::new();
    let verdict = Verdict::of(report);
    if verdict.fails() {
        lines.push(format!("loadtest: {}", verdict.sentence(&report.counts)));
    }
    for failed in report.thresholds.iter().filter(|threshold| threshold.failed) {
        lines.push(format!("loadtest: --fail-if '{}': {}", failed.expression, sections::found(failed)));
    }
    let load_failed = !lines.is_empty();
    let mut text = summary::summary(report);
    let files = [
        outputs.json.as_ref().map(|path| (path, json::write(report, path))),
        outputs.html.as_ref().map(|path| (path, page::write(report, path))),
    ];
    let mut first = true;
    for (path, written) in files.into_iter().flatten() {
        match written {
            Ok(()) => {
                // An empty line before the first.
                text.push_str(if std::mem::take(&mut first) { "\n" } else { "" });
                text.push_str(&format!("written: {}\n", crate::text::one_line(&path.display().to_string())));
            }
            Err(failure) => lines.extend(failure.lines),
        }
    }
    let exit = if load_failed { Exit::LoadFailed } else { Exit::StorageWrite };
    (text, if lines.is_empty() { Ok(()) } else { Err(Failure { exit, lines }) })
}

#[cfg(test)]
mod tests {
    use super::{Outputs, conclude};
    use crate::cli::{Cli, Command};
    use crate::exit::{Exit, Failure};
    use crate::loadtest::report::{json, samples};
    use clap::Parser;
    use std::fs;

    fn prepare(line: &str) -> Result<Outputs, Failure> {
        let line = format!("hongyan loadtest private {line}");
        let Command::Loadtest(options) = Cli::try_parse_from(line.split_whitespace()).unwrap().command else {
            panic!("not loadtest")
        };
        Outputs::prepare(&options)
    }

    #[test]
    fn a_good_run_writes_its_files_and_succeeds() {
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (dir.path().join("a.json"), dir.path().join("a.html"));
        let line = format!(
            "--baseline relay --fail-if p99>1s --fail-if ratio.relay>9 --json {} --html {}",
            a.display(),
            b.display()
        );
        let outputs = prepare(&line).unwrap();
        let mut report = samples::private();
        let (text, outcome) = conclude(&mut report, &outputs);
        assert_eq!(outcome, Ok(()));
        assert!(text.contains("every acknowledged message arrived once and in order"), "{text}");
        assert!(text.ends_with(&format!("\nwritten: {}\nwritten: {}\n", a.display(), b.display())), "{text}");
        assert_eq!(report.thresholds.len(), 2);
        assert_eq!(json::read(&a).unwrap(), report);
        assert!(fs::read_to_string(&b).unwrap().starts_with("<!doctype html>"));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    }

    #[test]
    fn lost_messages_fail_a_run_without_any_condition() {
        let (_, outcome) = conclude(&mut samples::chaos(), &Outputs::default());
        let failure = outcome.unwrap_err();
        assert_eq!((failure.exit, failure.exit.code(), failure.lines.len()), (Exit::LoadFailed, 3, 1));
        assert!(failure.lines[0].contains("lost 2"), "{failure:?}");
    }

    #[test]
    fn a_condition_that_comes_true_fails_the_run_and_says_the_figure() {
        let outputs = prepare("--fail-if rate<50000 --fail-if lost>0 --fail-if reconnect.p99>1s").unwrap();
        let failure = conclude(&mut samples::private(), &outputs).1.unwrap_err();
        assert_eq!(failure.exit, Exit::LoadFailed);
        assert_eq!(failure.lines.len(), 2, "{failure:?}");
        assert_eq!(failure.lines[0], "loadtest: --fail-if 'rate<50000': it was 45,000");
        assert!(failure.lines[1].contains("no times of `reconnect`"), "{failure:?}");
    }

    #[test]
    fn mistakes_are_found_before_the_run_all_at_once() {
        let failure =
            prepare("--fail-if p98>1s --json /no/such/folder/a.json --html /no/such/folder/a.html").unwrap_err();
        assert_eq!(failure.exit, Exit::Usage);
        assert!(
            failure.lines[0].contains("a.json")
                && failure.lines[1].contains("a.html")
                && failure.lines[2].contains("p98"),
            "{failure:?}"
        );
        assert_eq!(prepare("--json /no/such/folder/a.json").unwrap_err().lines.len(), 1);
    }

    #[test]
    fn a_file_that_cannot_be_written_does_not_hide_the_verdict() {
        let outputs = Outputs { json: Some("/no/such/folder/a.json".into()), ..Outputs::default() };
        let (text, outcome) = conclude(&mut samples::private(), &outputs);
        assert_eq!(outcome.unwrap_err().exit, Exit::StorageWrite);
        assert!(!text.contains("written:"), "{text}");
        let failure = conclude(&mut samples::chaos(), &outputs).1.unwrap_err();
        assert_eq!((failure.exit, failure.lines.len()), (Exit::LoadFailed, 2));
    }
}
