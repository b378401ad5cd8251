//! One of those who are measured in turns: the server, or a bare relay, with the people who are simulated for it. Owns: both of them, and what the
//! report needs of them. Never: decides whose turn it is.

use super::play::Play;
use super::turns::Turn;
use super::write_up;
use crate::exit::Failure;
use crate::loadtest::engine::Engine;
use crate::loadtest::plan::Plan;
use crate::loadtest::report::Report;
use crate::loadtest::stage::Stage;
use crate::loadtest::target::Target;

/// One of them.
pub(super) struct Party<'a> {
    pub(super) plan: Plan,
    pub(super) engine: &'a mut dyn Engine,
    pub(super) stage: Stage,
    pub(super) target: Target,
    pub(super) play: Play<'a>,
}

impl Party<'_> {
    /// Its next turn. In the first everybody logs in before it begins; after the last everybody leaves, and the process that was started for it stops.
    ///
    /// # Errors
    /// The server ends, or nobody can log in.
    pub(super) fn turn(&mut self, turn: Turn) -> Result<(), Failure> {
        self.play.turn(self.engine, &mut self.stage, &mut self.target, turn)?;
        if turn.last {
            self.target.stop();
        }
        Ok(())
    }

    /// What was found, and the process it was found of.
    pub(super) fn report(self) -> (Report, Target) {
        let Self { plan, stage, target, mut play, .. } = self;
        let (measured, phases, series) = play.done();
        (write_up::report(&plan, &stage, measured, phases, series), target)
    }
}
