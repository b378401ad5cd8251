//! The summary at the end of a run, for standard output. Owns: its order and its width. Never: judges a figure.

use super::table::{WIDTH, wrap};
use super::verdict::Verdict;
use super::{Report, sections};

/// The summary: what was run, the verdict, the tables, the notes. Without colour, so that it also reads well in a log.
#[must_use]
pub fn summary(report: &Report) -> String {
    let mut out = String::new();
    for (place, line) in sections::what(report).iter().enumerate() {
        wrap(&mut out, if place == 0 { "" } else { "  " }, line);
    }
    out.push('\n');
    let verdict = Verdict::of(report);
    let sentence = verdict.sentence(&report.counts);
    if verdict.fails() {
        let line = "!".repeat(sentence.chars().count().min(WIDTH));
        out.push_str(&format!("{line}\n{sentence}\n{line}\n"));
    } else {
        wrap(&mut out, "", &sentence);
    }
    for table in sections::tables(report) {
        out.push('\n');
        out.push_str(&table.text());
        if table.title.starts_with("CPU")
            && let Some(limit) = sections::limit(report)
        {
            wrap(&mut out, "", limit);
        }
    }
    if !report.notes.is_empty() {
        out.push_str("\nnotes\n");
        for note in &report.notes {
            let from = out.len();
            wrap(&mut out, "  ", note);
            out.replace_range(from..from + 2, "- ");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{WIDTH, summary};
    use crate::loadtest::report::threshold::Condition;
    use crate::loadtest::report::{Report, samples};

    fn with_thresholds() -> Report {
        let mut report = samples::private();
        for expression in ["p99>20ms", "lost>0", "ratio.relay>1.3", "reconnect.p99>1s"] {
            let threshold = Condition::parse(expression).unwrap().judge(&report);
            report.thresholds.push(threshold);
        }
        report
    }

    #[test]
    fn the_summary_is_as_it_was_agreed() {
        let text = summary(&with_thresholds());
        assert_eq!(text, include_str!("golden/summary.txt"), "it is now:\n{text}");
    }

    #[test]
    fn a_broken_run_is_loud() {
        let text = summary(&samples::chaos());
        assert_eq!(text, include_str!("golden/summary-broken.txt"), "it is now:\n{text}");
    }

    #[test]
    fn no_line_is_too_long_or_ends_in_blanks() {
        for report in [with_thresholds(), samples::chaos(), samples::login_elsewhere(), Report::default()] {
            for line in summary(&report).lines() {
                assert!(line.chars().count() <= WIDTH, "{line}");
                assert_eq!(line.trim_end(), line);
            }
        }
    }
}
