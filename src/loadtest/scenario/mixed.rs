//! A day in the life of a server, in short: people write to a few others and in their group, type, log out for a while and come back,
//! and lose their connection now and then. Owns: the seeded choices. Never: waits for anybody: it is an open loop.
//!
//! `--rate` is what happens in a second over all sessions; without it, each does something every twenty seconds.
//!
//! | of a hundred | what |
//! | --- | --- |
//! | 60 | a message to one of three acquaintances; in `plain`, which refuses others, only to one who is online |
//! | 22 | a post in one's group |
//! | 12 | "I am typing", in `binary` |
//! | 4 | logging out, and in again after one to five seconds |
//! | 2 | losing the connection without a word, and coming back at once |
//!
//! Whoever is away by its own choice does nothing: what would be due for it meanwhile falls away. What is due while somebody is away by
//! no choice of its own (a broken connection, a killed server) is done when it is back, and counts from when it was due.

use super::Scenario;
use super::pacer::{Overdue, Pacer};
use crate::loadtest::ledger::StreamId;
use crate::loadtest::people::Friends;
use crate::loadtest::plan::{Plan, Speech};
use crate::loadtest::stage::{Desk, Hall, Status};

/// How far away acquaintances are: close by, and further on.
const ACQUAINTANCES: [u32; 3] = [1, 7, 31];
/// Seconds between two things that one person does.
pub(super) const EVERY_S: f64 = 20.0;
/// Microseconds that somebody stays away.
const AWAY_US: std::ops::RangeInclusive<u64> = 1_000_000..=5_000_000;
/// Timers' values; the others are sessions that come back.
const SCHEDULE: u64 = u64::MAX >> 8;

/// The scenario.
pub(super) struct Mixed {
    sessions: u32,
    private: Vec<[StreamId; ACQUAINTANCES.len()]>,
    posts: Vec<Option<StreamId>>,
    /// Whose dialect stores messages to those who are away.
    stores: Vec<bool>,
    pacer: Pacer,
    overdue: Overdue,
    dice: fastrand::Rng,
    running: bool,
}

fn acquaintance(session: u32, which: usize, sessions: u32) -> u32 {
    (session + ACQUAINTANCES[which]) % sessions
}

/// Who has to be friends so that everybody may write to its acquaintances.
pub(super) fn friends(sessions: u32) -> Friends {
    let mut pairs = std::collections::BTreeSet::new();
    for session in 0..sessions {
        for which in 0..ACQUAINTANCES.len() {
            let other = acquaintance(session, which, sessions);
            if other != session {
                pairs.insert((session.min(other), session.max(other)));
            }
        }
    }
    pairs.into_iter().collect()
}

impl Mixed {
    pub(super) fn new(plan: &Plan, hall: &mut Hall) -> Self {
        let sessions = u32::try_from(plan.sessions).unwrap_or(u32::MAX);
        let stream = |hall: &mut Hall, session, which| {
            hall.private_stream(session, acquaintance(session, which, sessions), false)
        };
        let private = (0..sessions).map(|session| std::array::from_fn(|which| stream(hall, session, which))).collect();
        let posts = (0..sessions).map(|session| hall.post_stream(session)).collect();
        let rate = super::rate(plan).unwrap_or(f64::from(sessions) / EVERY_S);
        let pacer = Pacer::new(rate, sessions, plan.seed);
        let stores =
            |at| plan.voices.get(usize::from(super::voice(plan, at))).is_some_and(|v| v.speech != Speech::Plain);
        Self {
            sessions,
            private,
            posts,
            stores: (0..plan.sessions).map(stores).collect(),
            pacer,
            overdue: Overdue::new(plan.sessions),
            dice: fastrand::Rng::with_seed(plan.seed),
            running: false,
        }
    }

    fn act(&mut self, desk: &mut Desk<'_>, session: u32, due_us: u64) {
        let (what, which) = (self.dice.u32(0..100), self.dice.usize(0..ACQUAINTANCES.len()));
        let away_us = self.dice.u64(AWAY_US);
        let to = acquaintance(session, which, self.sessions);
        match what {
            0..60 if self.stores[session as usize] || desk.is_online(to) => {
                desk.send(self.private[session as usize][which], due_us);
            }
            60..82 => {
                if let Some(stream) = self.posts[session as usize] {
                    desk.send(stream, due_us);
                }
            }
            82..94 => desk.type_to(session, to),
            // Whoever waits for an answer stays: what it wrote would be unanswered by its own fault.
            94..98 if self.running && desk.hall.cast.asked_by(session) == 0 => {
                desk.leave(session);
                desk.at(desk.now_us() + away_us, u64::from(session));
            }
            98.. if self.running => desk.lose(session),
            _ => {}
        }
    }

    fn schedule(&mut self, desk: &mut Desk<'_>) {
        while let Some((due_us, session)) = self.pacer.take(desk.now_us()) {
            if desk.is_online(session) {
                self.act(desk, session, due_us);
            } else if desk.hall.cast.is_wanted(session) && desk.hall.cast.status(session) != Status::Leaving {
                self.overdue.push(session, due_us);
            }
        }
        desk.at(self.pacer.due_us(), SCHEDULE);
    }
}

impl Scenario for Mixed {
    fn begin(&mut self, desk: &mut Desk<'_>) {
        self.running = true;
        self.pacer.begin(desk.now_us());
        self.schedule(desk);
    }

    fn end(&mut self, desk: &mut Desk<'_>) {
        self.running = false;
        // Everybody comes back for what waits.
        for session in desk.hall.cast.everybody() {
            desk.come(session);
        }
    }

    fn came(&mut self, desk: &mut Desk<'_>, session: u32, _again: bool) {
        while let Some(due_us) = self.overdue.next(session).filter(|_| desk.is_online(session)) {
            self.overdue.done(session);
            self.act(desk, session, due_us);
        }
    }

    fn timer(&mut self, desk: &mut Desk<'_>, value: u64, _due_us: u64) {
        if value == SCHEDULE {
            if self.running {
                self.schedule(desk);
            }
        } else if let Ok(session) = u32::try_from(value) {
            desk.come(session);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::friends;
    use std::collections::BTreeSet;

    #[test]
    fn everybody_is_a_friend_of_its_acquaintances_and_nobody_asks_twice() {
        for sessions in [4, 5, 40, 62] {
            let all = friends(sessions);
            let pairs: BTreeSet<_> = all.iter().map(|(a, b)| (*a.min(b), *a.max(b))).collect();
            assert_eq!(pairs.len(), all.len(), "{sessions}");
            for session in 0..sessions {
                for far in [1, 7, 31] {
                    let other = (session + far) % sessions;
                    assert!(other == session || pairs.contains(&(session.min(other), session.max(other))));
                }
            }
        }
    }
}
