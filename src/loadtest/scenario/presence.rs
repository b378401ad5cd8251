//! Friends come and go, and others are told. Owns: who waits to be told what. Never: sends a message.
//!
//! Sessions are dealt into circles of eight: one of them, the guest, has the other seven for friends, who stay. The guest logs out and closes; when
//! all seven were told, it logs in again; when all seven were told that, it goes again. Without `--rate` all circles do that all the time;
//! with it, so many moves a second are due over all circles. A time counts to each friend's being told: without a rate from logging
//! out, or from the request to log in; with one from when the move was due, so that connecting, and waiting for the move before, are in
//! it. At the end everybody comes back, and a run waits until all friends were told of it.

use super::Scenario;
use super::pacer::{Overdue, Pacer};
use crate::loadtest::people::Friends;
use crate::loadtest::plan::{Pace, Plan};
use crate::loadtest::stage::Desk;

/// One guest and its friends.
const CIRCLE: u32 = 8;
/// Friends that were not told after this long are not waited for.
const STUCK_US: u64 = 10_000_000;
const SCHEDULE: u64 = u64::MAX >> 8;

/// What a circle's friends are to be told.
struct Move {
    online: bool,
    /// From when a time counts; `None`: from the request to log in.
    since_us: Option<u64>,
    began_us: u64,
    left: u32,
}

#[derive(Default)]
struct Circle {
    friends: u32,
    going: Option<Move>,
    away: bool,
    /// Somebody's connection broke: nothing begins until all of them are back.
    broken: bool,
}

/// The scenario.
pub(super) struct Presence {
    circles: Vec<Circle>,
    pacer: Option<Pacer>,
    overdue: Overdue,
    running: bool,
}

/// Who has to be friends: the guest of each circle asks the others.
pub(super) fn friends(sessions: u32) -> Friends {
    (0..sessions).filter(|session| session % CIRCLE != 0).map(|session| (session - session % CIRCLE, session)).collect()
}

impl Presence {
    pub(super) fn new(plan: &Plan) -> Self {
        let sessions = u32::try_from(plan.sessions).unwrap_or(u32::MAX);
        // A last circle that is a guest alone has nobody to tell.
        let circle = |first: u32| Circle { friends: CIRCLE.min(sessions - first * CIRCLE) - 1, ..Circle::default() };
        let circles: Vec<Circle> =
            (0..sessions.div_ceil(CIRCLE)).map(circle).filter(|circle| circle.friends > 0).collect();
        let count = u32::try_from(circles.len()).unwrap_or(u32::MAX);
        let pacer = match plan.pace {
            Pace::Closed(_) => None,
            Pace::Open(rate) => Some(Pacer::new(rate, count, plan.seed)),
        };
        let overdue = Overdue::new(circles.len());
        Self { circles, pacer, overdue, running: false }
    }

    /// The guest comes or goes, as it was due, or because the move before is over.
    fn go(&mut self, desk: &mut Desk<'_>, circle: u32, due_us: Option<u64>) {
        let guest = circle * CIRCLE;
        let Some(state) = self.circles.get_mut(circle as usize) else { return };
        state.away = !state.away;
        let (online, left, began_us) = (!state.away, state.friends, desk.now_us());
        let since_us = due_us.or((!online).then_some(began_us));
        state.going = Some(Move { online, since_us, began_us, left });
        if online { desk.come(guest) } else { desk.leave(guest) }
    }

    /// The next move of a circle in which none is going on.
    fn next(&mut self, desk: &mut Desk<'_>, circle: u32) {
        let away = self.circles.get(circle as usize).is_some_and(|state| state.away);
        if !self.running {
            // Everybody is to be back. Friends who are not there cannot be told.
            if away && self.circles[circle as usize].broken {
                self.circles[circle as usize].away = false;
                desk.come(circle * CIRCLE);
            } else if away {
                self.go(desk, circle, None);
            }
        } else if self.pacer.is_none() {
            self.go(desk, circle, None);
        } else if let Some(due_us) = self.overdue.next(circle) {
            self.overdue.done(circle);
            self.go(desk, circle, Some(due_us));
        }
    }

    fn schedule(&mut self, desk: &mut Desk<'_>) {
        while let Some((due_us, circle)) = self.pacer.as_mut().and_then(|pacer| pacer.take(desk.now_us())) {
            let state = &self.circles[circle as usize];
            if state.going.is_some() || state.broken || self.overdue.next(circle).is_some() {
                self.overdue.push(circle, due_us);
            } else {
                self.go(desk, circle, Some(due_us));
            }
        }
        if let Some(pacer) = &self.pacer {
            desk.at(pacer.due_us(), SCHEDULE);
        }
    }

    fn over(&mut self, desk: &mut Desk<'_>, circle: u32) {
        self.circles[circle as usize].going = None;
        self.next(desk, circle);
    }
}

impl Scenario for Presence {
    fn begin(&mut self, desk: &mut Desk<'_>) {
        self.running = true;
        if let Some(pacer) = &mut self.pacer {
            pacer.begin(desk.now_us());
            self.schedule(desk);
        } else {
            for circle in 0..u32::try_from(self.circles.len()).unwrap_or(u32::MAX) {
                self.go(desk, circle, None);
            }
        }
    }

    fn end(&mut self, desk: &mut Desk<'_>) {
        self.running = false;
        for circle in 0..u32::try_from(self.circles.len()).unwrap_or(u32::MAX) {
            // What is going on is waited for, and then the guest comes back.
            if self.circles[circle as usize].going.is_none() {
                self.next(desk, circle);
            }
        }
    }

    fn owed(&self) -> u64 {
        self.circles.iter().filter_map(|state| state.going.as_ref()).map(|going| u64::from(going.left)).sum()
    }

    fn presence(&mut self, desk: &mut Desk<'_>, session: u32, online: bool) {
        let circle = session / CIRCLE;
        if session.is_multiple_of(CIRCLE) {
            return;
        }
        let Some(state) = self.circles.get_mut(circle as usize) else { return };
        let Some(going) = state.going.as_mut().filter(|going| going.online == online) else { return };
        let since_us = going.since_us.unwrap_or_else(|| desk.hall.cast.asked_to_enter_us(circle * CIRCLE));
        let took_us = desk.now_us().saturating_sub(since_us);
        desk.hall.figures.presence.record_us(took_us);
        desk.hall.figures.second.record_us(took_us);
        going.left = going.left.saturating_sub(1);
        // The guest itself may hear that it is logged in after its friends do.
        if going.left == 0 && (!online || desk.is_online(circle * CIRCLE)) {
            self.over(desk, circle);
        }
    }

    fn came(&mut self, desk: &mut Desk<'_>, session: u32, _again: bool) {
        let circle = session / CIRCLE;
        let going = self.circles.get(circle as usize).and_then(|state| state.going.as_ref());
        if session.is_multiple_of(CIRCLE) && going.is_some_and(|going| going.online && going.left == 0) {
            self.over(desk, circle);
        }
    }

    fn went(&mut self, _desk: &mut Desk<'_>, session: u32) {
        // Somebody's connection broke: who was told what is not known any more.
        let circle = session / CIRCLE;
        let Some(state) = self.circles.get_mut(circle as usize) else { return };
        state.going = None;
        state.broken = true;
        // The guest comes back by itself, and its friends as well; it goes on when the second is over.
        if session.is_multiple_of(CIRCLE) {
            state.away = false;
        }
    }

    fn timer(&mut self, desk: &mut Desk<'_>, _value: u64, _due_us: u64) {
        if self.running {
            self.schedule(desk);
        }
    }

    fn each_second(&mut self, desk: &mut Desk<'_>) {
        let stuck_us = desk.now_us().saturating_sub(STUCK_US);
        for circle in 0..u32::try_from(self.circles.len()).unwrap_or(u32::MAX) {
            let state = &self.circles[circle as usize];
            let whole = (circle * CIRCLE + 1..=circle * CIRCLE + state.friends).all(|friend| desk.is_online(friend));
            match &state.going {
                Some(going) if going.began_us < stuck_us && going.left > 0 => {
                    desk.hall.figures.untold += u64::from(going.left);
                    desk.hall.figures.error("friends were not told within 10 s");
                    self.over(desk, circle);
                }
                None if state.broken && whole && (state.away || desk.is_online(circle * CIRCLE)) => {
                    self.circles[circle as usize].broken = false;
                    self.next(desk, circle);
                }
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::friends;

    #[test]
    fn a_guest_has_seven_friends_who_have_no_other() {
        let all = friends(18);
        assert_eq!(all.len(), 15);
        assert_eq!(all[..2], [(0, 1), (0, 2)]);
        assert_eq!(all[14], (16, 17));
        assert!(all.iter().all(|(guest, friend)| guest % 8 == 0 && friend / 8 == guest / 8));
    }
}
