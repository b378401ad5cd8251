//! What was taken, at the phases' borders. Owns: [`Mark`], a look at everything at one moment, and [`Measured`], those of a run. Never: knows what a
//! phase is.

use crate::loadtest::report::{Counts, Incident};
use crate::loadtest::stage::Stage;
use crate::loadtest::target::Target;
use crate::loadtest::target::proc::{self, Sample};

/// What was taken so far, at one moment.
#[derive(Clone, Debug, Default)]
pub(super) struct Mark {
    pub(super) at_us: u64,
    pub(super) counts: Counts,
    pub(super) logins: u64,
    pub(super) joins: u64,
    pub(super) file_bytes: u64,
    /// Sessions that were logged in.
    pub(super) online: usize,
    pub(super) server: Option<Sample>,
    pub(super) generator: Sample,
}

/// What a run found besides the stage.
#[derive(Debug, Default)]
pub(super) struct Measured {
    /// Before the ramp, after it.
    pub(super) before: Mark,
    pub(super) begin: Mark,
    pub(super) end: Mark,
    pub(super) incidents: Vec<Incident>,
    pub(super) notes: Vec<String>,
    /// Somebody asked twice for the end: what was on its way says nothing.
    pub(super) cut_short: bool,
}

impl Mark {
    /// Looks at everything, at a time of the world's clock. `generator`: what this process has taken for this run.
    pub(super) fn take(stage: Option<&Stage>, now_us: u64, target: &Target, generator: Sample) -> Self {
        let hall = stage.map(Stage::hall);
        Self {
            at_us: now_us,
            counts: hall.map(|hall| hall.ledger.so_far().clone()).unwrap_or_default(),
            logins: hall.map_or(0, |hall| hall.figures.logins),
            joins: hall.map_or(0, |hall| hall.figures.joins),
            file_bytes: hall.map_or(0, |hall| hall.figures.file_bytes),
            online: hall.map_or(0, |hall| hall.cast.online()),
            server: target.sample(),
            generator,
        }
    }
}

/// What this process has taken.
pub(super) fn generator() -> Sample {
    proc::sample(std::process::id()).unwrap_or_default()
}
