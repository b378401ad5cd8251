//! The counts among the figures. Owns: their names, and of what each is a share. Never: counts.

use crate::loadtest::report::Report;

/// A count, by the name of its field in [`crate::loadtest::report::Counts`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Counted {
    Lost,
    Duplicated,
    Redelivered,
    Reordered,
    Ghosts,
    Torn,
    Disagreed,
    Misdelivered,
    Forged,
    Silent,
    Nonsense,
    Untold,
    BrokenFiles,
    BeyondCatchUp,
    Refused,
    Unanswered,
    Errors,
}

pub(super) const COUNTS: [(&str, Counted); 17] = [
    ("lost", Counted::Lost),
    ("duplicated", Counted::Duplicated),
    ("redelivered", Counted::Redelivered),
    ("reordered", Counted::Reordered),
    ("ghosts", Counted::Ghosts),
    ("torn", Counted::Torn),
    ("disagreed", Counted::Disagreed),
    ("misdelivered", Counted::Misdelivered),
    ("forged", Counted::Forged),
    ("silent", Counted::Silent),
    ("nonsense", Counted::Nonsense),
    ("untold", Counted::Untold),
    ("broken_files", Counted::BrokenFiles),
    ("beyond_catch_up", Counted::BeyondCatchUp),
    ("refused", Counted::Refused),
    ("unanswered", Counted::Unanswered),
    ("errors", Counted::Errors),
];

impl Counted {
    pub(super) fn value(self, report: &Report) -> u64 {
        let counts = &report.counts;
        match self {
            Self::Lost => counts.lost,
            Self::Duplicated => counts.duplicated,
            Self::Redelivered => counts.redelivered,
            Self::Reordered => counts.reordered,
            Self::Ghosts => counts.ghosts,
            Self::Torn => counts.torn,
            Self::Disagreed => counts.disagreed,
            Self::Misdelivered => counts.misdelivered,
            Self::Forged => counts.forged,
            Self::Silent => counts.silent,
            Self::Nonsense => counts.nonsense,
            Self::Untold => counts.untold,
            Self::BrokenFiles => counts.broken_files,
            Self::BeyondCatchUp => counts.beyond_catch_up,
            Self::Refused => counts.refused,
            Self::Unanswered => counts.unanswered,
            Self::Errors => counts.errors.values().sum(),
        }
    }

    /// What share of all that could have been one it is; `None` where nothing could.
    pub(super) fn share(self, report: &Report) -> Option<f64> {
        let counts = &report.counts;
        let of = match self {
            Self::Refused | Self::Unanswered | Self::Silent | Self::Errors => counts.sent,
            Self::Lost => counts.delivered + counts.lost,
            Self::BrokenFiles => counts.files + counts.broken_files,
            Self::Nonsense | Self::Untold => 0,
            _ => counts.delivered,
        };
        (of > 0).then(|| self.value(report) as f64 / of as f64)
    }
}
