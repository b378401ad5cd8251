//! `--fail-if`: FIGURE OP VALUE[UNIT]. Owns: the grammar, its error messages, and whether a condition came true. Never:
//! decides what a figure is (`metric` does).

use super::metric::{self, Kind, Metric};
use super::{Report, Threshold};
use crate::exit::{Exit, Failure};

/// A condition under which a run fails.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    expression: String,
    metric: Metric,
    op: Op,
    value: f64,
    unit: Unit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Op {
    Less,
    AtMost,
    More,
    AtLeast,
    Equal,
    Other,
}

/// Longer signs stand before those that they begin with.
const OPS: [(&str, Op); 6] =
    [("<=", Op::AtMost), (">=", Op::AtLeast), ("==", Op::Equal), ("!=", Op::Other), ("<", Op::Less), (">", Op::More)];

impl Op {
    fn holds(self, left: f64, right: f64) -> bool {
        match self {
            Self::Less => left < right,
            Self::AtMost => left <= right,
            Self::More => left > right,
            Self::AtLeast => left >= right,
            // As written: `lost==0` counts, and nobody asks for equal times.
            Self::Equal => (left - right).abs() < f64::EPSILON,
            Self::Other => (left - right).abs() >= f64::EPSILON,
        }
    }
}

/// A unit, and how much of the figure's own unit it is.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Unit {
    name: &'static str,
    size: f64,
}

const TIMES: [Unit; 4] = [
    Unit { name: "us", size: 1.0 },
    Unit { name: "µs", size: 1.0 },
    Unit { name: "ms", size: 1e3 },
    Unit { name: "s", size: 1e6 },
];
const BYTES: [Unit; 4] = [
    Unit { name: "B", size: 1.0 },
    Unit { name: "KiB", size: 1024.0 },
    Unit { name: "MiB", size: 1024.0 * 1024.0 },
    Unit { name: "GiB", size: 1024.0 * 1024.0 * 1024.0 },
];
const PLAIN: Unit = Unit { name: "", size: 1.0 };
const PERCENT: Unit = Unit { name: "%", size: 0.01 };

/// The unit that `name` is for this figure; else what it should be.
fn unit(metric: &Metric, name: &str) -> Result<Unit, &'static str> {
    let (known, otherwise): (&[Unit], &'static str) = match metric.kind() {
        Kind::Time => (&TIMES, "us, ms or s"),
        Kind::Bytes => (&BYTES, "B, KiB, MiB or GiB"),
        Kind::Count => (&[PLAIN, PERCENT], "no unit, or %"),
        Kind::Ratio => (&[PLAIN, PERCENT], "no unit (1.3 is a third more) or % (130%)"),
        Kind::Rate => (&[PLAIN], "no unit"),
    };
    if let Some(unit) = known.iter().find(|unit| unit.name == name) {
        return Ok(*unit);
    }
    // Names that say their unit need not repeat it.
    match (name, metric) {
        ("", Metric::Cpu { .. }) => Ok(TIMES[0]),
        ("", Metric::BytesPerSession) => Ok(BYTES[0]),
        ("", Metric::ServerMemory) => Ok(BYTES[1]),
        _ => Err(otherwise),
    }
}

impl Condition {
    /// Reads `p99>20ms`; blanks do not matter.
    ///
    /// # Errors
    /// One sentence: what is wrong with it, and what would be right.
    pub fn parse(expression: &str) -> Result<Self, String> {
        let wrong = |what: String| Err(format!("--fail-if '{expression}': {what}"));
        let Some(at) = expression.find(['<', '>', '=', '!']) else {
            return wrong(
                "there is no comparison in it (< <= > >= == !=); write it in quotes, such as 'p99>20ms'".into(),
            );
        };
        let (name, rest) = (expression[..at].trim(), &expression[at..]);
        let Some((sign, op)) = OPS.iter().find(|(sign, _)| rest.starts_with(sign)) else {
            return wrong("the comparison is one of < <= > >= == !=".into());
        };
        let Some(metric) = Metric::parse(name) else {
            return wrong(format!("there is no figure `{name}`"));
        };
        let rest = rest[sign.len()..].trim();
        let end =
            rest.find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | ',' | '_' | '-'))).unwrap_or(rest.len());
        let (digits, name) = (rest[..end].replace([',', '_'], ""), rest[end..].trim());
        let Some(value) = digits.parse::<f64>().ok().filter(|value| value.is_finite()) else {
            return wrong(format!("`{rest}` does not begin with a number"));
        };
        match unit(&metric, name) {
            Ok(unit) => Ok(Self { expression: expression.to_owned(), metric, op: *op, value, unit }),
            Err(units) if name.is_empty() => wrong(format!("`{value}` needs a unit: {units}")),
            Err(units) => wrong(format!("the unit is `{name}` but should be {units}")),
        }
    }

    /// The relay of `--baseline` that it needs.
    #[must_use]
    pub fn baseline(&self) -> Option<&str> {
        match &self.metric {
            Metric::Ratio { baseline, .. } => Some(baseline),
            _ => None,
        }
    }

    /// Whether it came true. What the run does not have counts as if it had: nobody may take silence for success.
    #[must_use]
    pub fn judge(&self, report: &Report) -> Threshold {
        let share = self.unit == PERCENT && self.metric.kind() == Kind::Count;
        let found = if share { self.metric.share(report) } else { self.metric.value(report) };
        let expression = self.expression.clone();
        match found.map(|found| found / self.unit.size) {
            Some(value) => {
                Threshold { expression, value: Some(value), failed: self.op.holds(value, self.value), note: None }
            }
            None if share => {
                let note = "there is nothing that it could be a part of".to_owned();
                Threshold { expression, value: None, failed: true, note: Some(note) }
            }
            None => Threshold { expression, value: None, failed: true, note: Some(self.metric.missing(report)) },
        }
    }
}

/// Reads all conditions, before a run begins. `baselines` are the relays that the run will have.
///
/// # Errors
/// [`Exit::Usage`]: a line for each mistake, then what is allowed.
pub fn parse_all(expressions: &[String], baselines: &[String]) -> Result<Vec<Condition>, Failure> {
    let (mut conditions, mut lines) = (Vec::new(), Vec::new());
    for expression in expressions {
        match Condition::parse(expression) {
            Ok(condition) => match condition.baseline() {
                Some(relay) if !baselines.iter().any(|known| known == relay) => {
                    lines.push(format!("--fail-if '{expression}': needs --baseline {relay}"));
                }
                _ => conditions.push(condition),
            },
            Err(line) => lines.push(line),
        }
    }
    if lines.is_empty() {
        return Ok(conditions);
    }
    lines.push(
        "--fail-if is FIGURE OP VALUE[UNIT], such as 'p99>20ms', 'lost>0', 'rate<45000', 'ratio.relay>1.3'".into(),
    );
    lines.extend(metric::help().into_iter().map(|line| format!("  {line}")));
    lines.push("  comparisons: < <= > >= == !=    units: us ms s, B KiB MiB GiB, % (of counts and ratios)".into());
    Err(Failure { exit: Exit::Usage, lines })
}

#[cfg(test)]
mod tests {
    use super::{Condition, parse_all};
    use crate::exit::Exit;
    use crate::loadtest::report::{Report, Threshold, samples};

    fn judge(expression: &str, report: &Report) -> Threshold {
        Condition::parse(expression).unwrap().judge(report)
    }

    #[test]
    fn every_comparison_holds_when_it_does() {
        let mut report = samples::private();
        report.counts.lost = 5;
        for (expression, failed) in [
            ("lost<5", false),
            ("lost<6", true),
            ("lost<=5", true),
            ("lost<=4", false),
            ("lost>5", false),
            ("lost>4", true),
            ("lost>=5", true),
            ("lost>=6", false),
            ("lost==5", true),
            ("lost==4", false),
            ("lost!=5", false),
            ("lost != 4", true),
        ] {
            let found = judge(expression, &report);
            assert_eq!((found.failed, found.value, found.note), (failed, Some(5.0), None), "{expression}");
        }
    }

    #[test]
    fn units_are_the_figures_own_or_said() {
        let mut report = samples::private();
        report.latencies.get_mut("delivered").unwrap().p99_us = 2500.0;
        report.memory.server_after_kib = 3072;
        report.memory.bytes_per_session = 2048.0;
        report.cpu.server.as_mut().unwrap().us_per_message = 12.5;
        report.baselines.get_mut("relay").unwrap().server.us_per_message = 10.0;
        (report.counts.sent, report.counts.refused) = (200, 3);
        for (expression, value) in [
            ("p99>20ms", 2.5),
            ("delivered.p99 > 20 us", 2500.0),
            ("p99>20µs", 2500.0),
            ("p99>1s", 0.0025),
            ("server_kib>1", 3072.0),
            ("server_kib>1MiB", 3.0),
            ("bytes_per_session>1", 2048.0),
            ("bytes_per_session>1KiB", 2.0),
            ("server_cpu_us>10", 12.5),
            ("server_cpu_us>1ms", 0.0125),
            ("refused>1%", 1.5),
            ("ratio.relay>2", 1.25),
            ("ratio.relay>200%", 125.0),
            ("rate<45,000", report.rates.acknowledged),
            ("rate<45_000", report.rates.acknowledged),
        ] {
            let found = judge(expression, &report).value.unwrap();
            assert!((found - value).abs() < 1e-9, "{expression}: {found}");
        }
    }

    #[test]
    fn what_a_run_does_not_have_fails_with_a_note() {
        let report = samples::login_elsewhere();
        for expression in ["p99>1s", "p99<1s", "server_cpu_us>1000000", "ratio.relay>9", "lost>50%"] {
            let found = judge(expression, &report);
            assert!(found.failed && found.value.is_none() && found.note.is_some(), "{found:?}");
        }
    }

    #[test]
    fn a_mistake_says_what_would_be_right() {
        for (expression, part) in [
            ("p99", "in quotes"),
            ("p99=20ms", "one of < <= > >= == !="),
            ("p98>20ms", "no figure `p98`"),
            (">20ms", "no figure ``"),
            ("p99>", "does not begin with a number"),
            ("p99>ms", "does not begin with a number"),
            ("p99>1.2.3ms", "does not begin with a number"),
            ("p99>20", "`20` needs a unit: us, ms or s"),
            ("p99>20MiB", "is `MiB` but should be us, ms or s"),
            ("lost>0ms", "should be no unit, or %"),
            ("rate<5%", "should be no unit"),
            ("p99>20 ms x", "is `ms x`"),
        ] {
            let line = Condition::parse(expression).unwrap_err();
            assert!(line.contains(part) && line.contains(expression), "{line}");
        }
    }

    #[test]
    fn all_mistakes_are_told_at_once_before_the_run() {
        let words = |all: &[&str]| all.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
        let failure = parse_all(&words(&["lost>0", "p98>1ms", "ratio.durable>2"]), &words(&["relay"])).unwrap_err();
        assert_eq!(failure.exit, Exit::Usage);
        assert!(
            failure.lines[0].contains("p98") && failure.lines[1].contains("needs --baseline durable"),
            "{failure:?}"
        );
        assert!(failure.lines.iter().any(|line| line.contains("last_delivered")), "{failure:?}");
        let read = parse_all(&words(&["lost>0", "ratio.relay>2"]), &words(&["relay"])).unwrap();
        assert_eq!(read.len(), 2);
    }
}
