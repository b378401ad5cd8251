//! People write to those who are away; then those come and get it all. Owns: how many messages of each writer are on their way. Never:
//! measures anything: what storing costs is in the phase `run`, how fast the backlog is read is in `drain`.
//!
//! Sessions with even numbers write, each to the one after it. A closed loop: a message is complete when it was acknowledged.

use super::Scenario;
use crate::loadtest::ledger::StreamId;
use crate::loadtest::plan::{Pace, Plan};
use crate::loadtest::stage::{Desk, Hall, Outcome, Sent};

/// The wait after a refusal: an inbox may be full.
const REFUSED_WAIT_US: u64 = 100_000;

/// The scenario.
pub(super) struct Offline {
    outstanding: usize,
    /// Of each writer.
    open: Vec<usize>,
    ended: bool,
}

impl Offline {
    pub(super) fn new(plan: &Plan, hall: &mut Hall) -> Self {
        let count = u32::try_from(plan.sessions / 2).unwrap_or(u32::MAX);
        for writer in 0..count {
            // The only streams, so a writer's stream has its number.
            hall.private_stream(writer * 2, writer * 2 + 1, false);
        }
        let outstanding = match plan.pace {
            Pace::Closed(outstanding) => outstanding,
            // Not to be asked for (`Plan::check`).
            Pace::Open(_) => 1,
        };
        Self { outstanding, open: vec![0; count as usize], ended: false }
    }

    fn fill(&mut self, desk: &mut Desk<'_>, writer: u32) {
        let Some(open) = self.open.get_mut(writer as usize) else { return };
        while !self.ended && *open < self.outstanding && desk.is_online(writer * 2) {
            let now_us = desk.now_us();
            if desk.send(StreamId(writer), now_us).is_none() {
                break;
            }
            *open += 1;
        }
    }
}

impl Scenario for Offline {
    fn is_there_first(&self, session: u32) -> bool {
        session.is_multiple_of(2)
    }

    fn begin(&mut self, desk: &mut Desk<'_>) {
        for writer in 0..u32::try_from(self.open.len()).unwrap_or(u32::MAX) {
            self.fill(desk, writer);
        }
    }

    fn end(&mut self, desk: &mut Desk<'_>) {
        self.ended = true;
        for writer in 0..u32::try_from(self.open.len()).unwrap_or(u32::MAX) {
            desk.come(writer * 2 + 1);
        }
    }

    fn came(&mut self, desk: &mut Desk<'_>, session: u32, again: bool) {
        if again && session.is_multiple_of(2) {
            self.fill(desk, session / 2);
        }
    }

    fn answered(&mut self, desk: &mut Desk<'_>, _session: u32, sent: Sent, outcome: Outcome<'_>) {
        let Some(open) = self.open.get_mut(sent.stream.0 as usize) else { return };
        *open = open.saturating_sub(1);
        match outcome {
            Outcome::Acknowledged => self.fill(desk, sent.stream.0),
            Outcome::Refused(_) => desk.at(desk.now_us() + REFUSED_WAIT_US, u64::from(sent.stream.0)),
            // It goes on when the writer is back.
            Outcome::Unanswered => {}
        }
    }

    fn timer(&mut self, desk: &mut Desk<'_>, value: u64, _due_us: u64) {
        self.fill(desk, u32::try_from(value).unwrap_or(u32::MAX));
    }
}
