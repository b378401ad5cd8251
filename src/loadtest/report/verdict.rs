//! What a run's counts prove. Owns: when a run has failed at delivery, and the sentence that says so. Never: counts.

use super::{Counts, Report, figures};

/// What the counts prove about delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every acknowledged message arrived once and in order.
    Proved,
    /// The scenario sends no messages, and people logged in.
    Nothing,
    /// Messages were to be sent and none was acknowledged, or nobody logged in: nothing is proved, so the run has failed.
    Unproved,
    /// Something was lost, doubled, out of order, or came although it had been refused.
    Broken,
}

impl Verdict {
    /// The verdict on a run.
    #[must_use]
    pub fn of(report: &Report) -> Self {
        let counts = &report.counts;
        if counts.lost + counts.duplicated + counts.reordered + counts.ghosts > 0 {
            Self::Broken
        } else if counts.acknowledged > 0 {
            Self::Proved
        } else if counts.logins == 0
            || counts.sent > 0
            || matches!(report.plan.scenario.as_str(), "private" | "group" | "mixed")
        {
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
        let lost = figures::count(counts.lost);
        let (duplicated, reordered) = (figures::count(counts.duplicated), figures::count(counts.reordered));
        match self {
            Self::Proved => format!(
                "every acknowledged message arrived once and in order: lost {lost}, duplicated {duplicated}, reordered {reordered}"
            ),
            Self::Nothing => "no messages were sent, so there was nothing to prove".into(),
            Self::Unproved if counts.logins == 0 => "NOTHING PROVED: nobody logged in".into(),
            Self::Unproved => {
                format!("NOTHING PROVED: {} messages were sent and none was acknowledged", figures::count(counts.sent))
            }
            Self::Broken => format!(
                "DELIVERY FAILED: lost {lost}, duplicated {duplicated}, reordered {reordered}, delivered though refused {}",
                figures::count(counts.ghosts)
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Verdict;
    use crate::loadtest::report::{Counts, Report, samples};

    #[test]
    fn any_of_four_faults_breaks_it_and_what_the_dialects_allow_does_not() {
        let faults: [fn(&mut Counts); 4] =
            [|c| c.lost = 1, |c| c.duplicated = 1, |c| c.reordered = 1, |c| c.ghosts = 1];
        for fault in faults {
            let mut report = samples::private();
            assert_eq!(Verdict::of(&report), Verdict::Proved);
            fault(&mut report.counts);
            assert_eq!(Verdict::of(&report), Verdict::Broken);
            assert!(Verdict::of(&report).fails());
            assert!(Verdict::of(&report).sentence(&report.counts).starts_with("DELIVERY FAILED"));
        }
        let mut report = samples::private();
        (report.counts.redelivered, report.counts.unanswered, report.counts.refused) = (9, 9, 9);
        report.counts.beyond_catch_up = 9;
        assert!(!Verdict::of(&report).fails());
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
