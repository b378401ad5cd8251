//! What a run's counts prove. Owns: when a run has failed at delivery, and the sentence that says so. Never: counts.

use super::{Counts, Report, figures};

/// What the counts prove about delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every acknowledged message arrived once and in order.
    Proved,
    /// The scenario sends no messages, and people logged in.
    Nothing,
    /// Messages were to be sent and none was acknowledged, no file arrived, nobody logged in, or the run was cut short with messages on
    /// their way: nothing is proved, so the run has failed.
    Unproved,
    /// Something happened that must not ([`Counts::faults`]).
    Broken,
}

impl Verdict {
    /// The verdict on a run.
    #[must_use]
    pub fn of(report: &Report) -> Self {
        let counts = &report.counts;
        let scenario = report.plan.scenario.as_str();
        let must_send = matches!(scenario, "private" | "offline" | "group" | "mixed");
        if counts.faults().iter().any(|(.., number)| *number > 0) {
            Self::Broken
        } else if counts.undecided > 0 || (scenario == "file" && counts.files == 0) {
            Self::Unproved
        } else if counts.acknowledged > 0 {
            Self::Proved
        } else if counts.logins == 0 || counts.sent > 0 || must_send {
            Self::Unproved
        } else {
            Self::Nothing
        }
    }

    /// Whether it fails the run.
    #[must_use]
    pub fn fails(self) -> bool {
        matches!(self, Self::Unproved | Self::Broken)
    }

    /// It in one line.
    #[must_use]
    pub fn sentence(self, counts: &Counts) -> String {
        let count = figures::count;
        match self {
            Self::Proved => format!(
                "every acknowledged message arrived once and in order: lost {}, duplicated {}, reordered {}",
                count(counts.lost),
                count(counts.duplicated),
                count(counts.reordered)
            ),
            Self::Nothing if counts.files > 0 => {
                format!("every file arrived whole: {}, every byte compared", count(counts.files))
            }
            Self::Nothing => "no messages were sent, so there was nothing to prove".into(),
            Self::Unproved if counts.undecided > 0 => {
                format!("NOTHING PROVED: cut short while {} copies were on their way", count(counts.undecided))
            }
            Self::Unproved if counts.logins == 0 => "NOTHING PROVED: nobody logged in".into(),
            Self::Unproved if counts.sent == 0 => "NOTHING PROVED: nothing was sent, or arrived".into(),
            Self::Unproved => {
                format!("NOTHING PROVED: {} messages were sent and none was acknowledged", count(counts.sent))
            }
            Self::Broken => {
                // The first three are always told; of the others what there is.
                let told = counts.faults().into_iter().enumerate().filter(|(at, (.., number))| *at < 3 || *number > 0);
                let told: Vec<String> =
                    told.map(|(_, (_, what, number))| format!("{what} {}", count(number))).collect();
                format!("DELIVERY FAILED: {}", told.join(", "))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Verdict;
    use crate::loadtest::report::{Counts, Report, samples};

    #[test]
    fn any_fault_breaks_it_and_what_the_dialects_allow_does_not() {
        let faults: [fn(&mut Counts); 12] = [
            |c| c.lost = 1,
            |c| c.duplicated = 1,
            |c| c.reordered = 1,
            |c| c.ghosts = 1,
            |c| c.torn = 1,
            |c| c.disagreed = 1,
            |c| c.misdelivered = 1,
            |c| c.forged = 1,
            |c| c.silent = 1,
            |c| c.nonsense = 1,
            |c| c.untold = 1,
            |c| c.broken_files = 1,
        ];
        assert_eq!(faults.len(), Counts::default().faults().len());
        for (at, fault) in faults.into_iter().enumerate() {
            let mut report = samples::private();
            assert_eq!(Verdict::of(&report), Verdict::Proved);
            fault(&mut report.counts);
            assert_eq!(Verdict::of(&report), Verdict::Broken);
            assert!(Verdict::of(&report).fails());
            let sentence = Verdict::of(&report).sentence(&report.counts);
            let (_, what, _) = report.counts.faults()[at];
            assert!(sentence.starts_with("DELIVERY FAILED") && sentence.contains(&format!("{what} 1")), "{sentence}");
        }
        let mut report = samples::private();
        (report.counts.redelivered, report.counts.unanswered, report.counts.refused) = (9, 9, 9);
        report.counts.beyond_catch_up = 9;
        assert!(!Verdict::of(&report).fails());
        report.counts.undecided = 1;
        assert_eq!(Verdict::of(&report), Verdict::Unproved);
        assert!(Verdict::Unproved.sentence(&report.counts).contains("cut short"));
    }

    #[test]
    fn a_run_of_files_proves_files() {
        let mut report = samples::login_elsewhere();
        report.plan.scenario = "file".into();
        assert_eq!(Verdict::of(&report), Verdict::Unproved);
        report.counts.files = 3;
        assert!(!Verdict::of(&report).fails());
        assert!(Verdict::of(&report).sentence(&report.counts).contains("every file arrived whole: 3"));
        report.counts.broken_files = 1;
        assert_eq!(Verdict::of(&report), Verdict::Broken);
    }

    #[test]
    fn a_run_in_which_nothing_arrived_proves_nothing() {
        let mut report = Report::default();
        report.plan.scenario = "login".into();
        assert_eq!(Verdict::of(&report), Verdict::Unproved);
        assert!(Verdict::Unproved.sentence(&report.counts).contains("nobody logged in"));
        report.counts.logins = 1;
        assert_eq!(Verdict::of(&report), Verdict::Nothing);
        report.plan.scenario = "private".into();
        assert_eq!(Verdict::of(&report), Verdict::Unproved);
        report.plan.scenario = "presence".into();
        report.counts.sent = 5;
        assert!(Verdict::of(&report).fails());
    }
}
