//! Logging in and out, again and again: what a login costs. Owns: nothing but whether the load is on. Never: sends a message.
//!
//! A closed loop over all sessions: as soon as one is logged in, it logs out, its connection is closed, and it connects anew. So a login's
//! cost here has the connection in it, as it has in a storm after a restart.

use super::Scenario;
use crate::loadtest::report::Recorder;
use crate::loadtest::stage::Desk;

/// The scenario.
#[derive(Default)]
pub(super) struct Login {
    running: bool,
}

impl Login {
    fn again(desk: &mut Desk<'_>, session: u32) {
        desk.leave(session);
        desk.come(session);
    }
}

impl Scenario for Login {
    fn begin(&mut self, desk: &mut Desk<'_>) {
        self.running = true;
        // The ramp's are not those of the loop.
        desk.hall.figures.login = Recorder::new();
        for session in desk.hall.cast.everybody() {
            if desk.is_online(session) {
                Self::again(desk, session);
            }
        }
    }

    fn end(&mut self, _desk: &mut Desk<'_>) {
        self.running = false;
    }

    fn came(&mut self, desk: &mut Desk<'_>, session: u32, _again: bool) {
        if self.running {
            Self::again(desk, session);
        }
    }
}
