//! Logging in and out, again and again: what a login costs. Owns: nothing but whether the load is on. Never: sends a message.
//!
//! A closed loop over all sessions: as soon as one is logged in, it logs out and logs in again, on the same connection: so the cost is that of a
//! login and of the logout before it, and of nothing else. With `--reconnect` its connection is closed and it connects anew: what a storm
//! after a restart costs.

use super::Scenario;
use crate::loadtest::plan::Plan;
use crate::loadtest::report::Recorder;
use crate::loadtest::stage::Desk;

/// The scenario.
pub(super) struct Login {
    reconnects: bool,
    running: bool,
}

impl Login {
    pub(super) fn new(plan: &Plan) -> Self {
        Self { reconnects: plan.reconnect, running: false }
    }

    fn again(&self, desk: &mut Desk<'_>, session: u32) {
        if self.reconnects {
            desk.leave(session);
            desk.come(session);
        } else {
            desk.log_in_again(session);
        }
    }
}

impl Scenario for Login {
    fn begin(&mut self, desk: &mut Desk<'_>) {
        self.running = true;
        // The ramp's are not those of the loop.
        desk.hall.figures.login = Recorder::new();
        for session in desk.hall.cast.everybody() {
            if desk.is_online(session) {
                self.again(desk, session);
            }
        }
    }

    fn end(&mut self, _desk: &mut Desk<'_>) {
        self.running = false;
    }

    fn came(&mut self, desk: &mut Desk<'_>, session: u32, _again: bool) {
        if self.running {
            let took_us = desk.now_us().saturating_sub(desk.hall.cast.asked_to_enter_us(session));
            desk.hall.figures.second.record_us(took_us);
            self.again(desk, session);
        }
    }
}
