//! Everybody joins the same groups, one after the other: what a member more costs, with all those there who may be told of it. Owns: which group is
//! whose next. Never: sends a message.
//!
//! Each session asks for one group at a time, all sessions at once, the groups in the same order: so each group has all of them join within a moment.
//! Group `g` was made by session `g`, which is in it. The load is over when everybody is in every group.

use super::Scenario;
use crate::loadtest::plan::Plan;
use crate::loadtest::stage::Desk;

/// The scenario.
pub(super) struct Join {
    groups: u32,
    /// Of each session, the group it asks for or is to ask for.
    next: Vec<u32>,
    /// Sessions that are not in every group.
    left: usize,
    running: bool,
}

impl Join {
    pub(super) fn new(plan: &Plan) -> Self {
        let groups = u32::try_from(plan.groups).unwrap_or(u32::MAX);
        Self { groups, next: vec![0; plan.sessions], left: plan.sessions, running: false }
    }

    /// Asks for the session's next group, if there is one.
    fn ask(&mut self, desk: &mut Desk<'_>, session: u32) {
        let Some(next) = self.next.get_mut(session as usize) else { return };
        if *next == session && *next < self.groups {
            *next += 1;
        }
        if *next == self.groups {
            // Not counted twice.
            *next = u32::MAX;
            self.left -= 1;
        } else if *next < self.groups && self.running {
            desk.join(session, *next);
        }
    }
}

impl Scenario for Join {
    fn begin(&mut self, desk: &mut Desk<'_>) {
        self.running = true;
        for session in desk.hall.cast.everybody() {
            if desk.is_online(session) {
                self.ask(desk, session);
            }
        }
    }

    fn end(&mut self, _desk: &mut Desk<'_>) {
        self.running = false;
    }

    fn came(&mut self, desk: &mut Desk<'_>, session: u32, _again: bool) {
        // Its connection had ended, so its last request was not answered.
        if self.running {
            self.ask(desk, session);
        }
    }

    fn joined(&mut self, desk: &mut Desk<'_>, session: u32) {
        if let Some(next) = self.next.get_mut(session as usize).filter(|next| **next < self.groups) {
            *next += 1;
            self.ask(desk, session);
        }
    }

    fn is_over(&self) -> bool {
        self.left == 0
    }
}
