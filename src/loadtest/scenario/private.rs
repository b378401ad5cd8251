//! Pairs write to each other. Owns: each pair's messages that are on their way. Never: measures anything.
//!
//! Of each pair the session with the even number writes. In a closed loop it has `k` messages outstanding: one is complete, and the
//! next is sent, when it was acknowledged to the writer **and** has arrived, in whichever order. So the latency is the number outstanding
//! divided by the throughput, as in PEERS.md. In an open loop the writers take turns on one schedule.

use super::Scenario;
use super::pacer::{Overdue, Pacer};
use crate::loadtest::ledger::StreamId;
use crate::loadtest::plan::{Pace, Plan};
use crate::loadtest::stage::{Desk, Hall, Outcome, Sent};
use crate::loadtest::stamp::Stamp;
use std::collections::VecDeque;

/// A message that is not complete after this long is given up in a closed loop, which would stand still otherwise; whether it comes
/// after all is the ledger's to say.
const STUCK_US: u64 = 10_000_000;
/// The wait after a refusal.
const REFUSED_WAIT_US: u64 = 10_000;
/// The timer's value that means the schedule; the others are pairs.
const SCHEDULE: u64 = u64::MAX >> 8;

struct Slot {
    counter: u32,
    sent_us: u64,
    acknowledged: bool,
    arrived: bool,
}

#[derive(Default)]
struct Pair {
    open: VecDeque<Slot>,
    /// A timer will fill it.
    waits: bool,
}

/// The scenario.
pub(super) struct Private {
    pairs: Vec<Pair>,
    /// 0 in an open loop.
    outstanding: usize,
    pacer: Option<Pacer>,
    overdue: Overdue,
    ended: bool,
}

/// The two of a pair: writer, reader.
fn two(pair: u32) -> (u32, u32) {
    (pair * 2, pair * 2 + 1)
}

impl Private {
    pub(super) fn new(plan: &Plan, hall: &mut Hall) -> Self {
        let count = u32::try_from(plan.sessions / 2).unwrap_or(u32::MAX);
        for pair in 0..count {
            let (from, to) = two(pair);
            // The only streams, so a pair's stream has its number.
            hall.private_stream(from, to, false);
        }
        let (outstanding, pacer) = match plan.pace {
            Pace::Closed(outstanding) => (outstanding, None),
            Pace::Open(rate) => (0, Some(Pacer::new(rate, count, plan.seed))),
        };
        let pairs: Vec<Pair> = (0..count).map(|_| Pair::default()).collect();
        let overdue = Overdue::new(pairs.len());
        Self { pairs, outstanding, pacer, overdue, ended: false }
    }

    /// Sends as many as may be outstanding.
    fn fill(&mut self, desk: &mut Desk<'_>, pair: u32) {
        let (from, to) = two(pair);
        if self.ended || !desk.is_online(from) || !desk.is_online(to) {
            return;
        }
        let Some(state) = self.pairs.get_mut(pair as usize) else { return };
        while state.open.len() < self.outstanding && !state.waits {
            let now_us = desk.now_us();
            match desk.send(StreamId(pair), now_us) {
                Some(counter) => {
                    state.open.push_back(Slot { counter, sent_us: now_us, acknowledged: false, arrived: false });
                }
                None => break,
            }
        }
    }

    /// Notes something about a message; what is complete by it makes room for the next.
    fn note(&mut self, desk: &mut Desk<'_>, pair: u32, counter: u32, note: impl FnOnce(&mut Slot)) {
        if self.outstanding == 0 {
            return;
        }
        let Some(state) = self.pairs.get_mut(pair as usize) else { return };
        let Some(at) = state.open.iter().position(|slot| slot.counter == counter) else { return };
        note(&mut state.open[at]);
        if state.open[at].acknowledged && state.open[at].arrived {
            state.open.remove(at);
            self.fill(desk, pair);
        }
    }

    fn schedule(&mut self, desk: &mut Desk<'_>) {
        let Some(pacer) = &mut self.pacer else { return };
        while let Some((due_us, pair)) = pacer.take(desk.now_us()) {
            if desk.send(StreamId(pair), due_us).is_none() {
                self.overdue.push(pair, due_us);
            }
        }
        if let Some(next_us) = pacer.alarm_us() {
            desk.at(next_us, SCHEDULE);
        }
    }
}

impl Scenario for Private {
    fn begin(&mut self, desk: &mut Desk<'_>) {
        self.ended = false;
        if let Some(pacer) = &mut self.pacer {
            pacer.begin(desk.now_us());
            self.schedule(desk);
        }
        for pair in 0..u32::try_from(self.pairs.len()).unwrap_or(u32::MAX) {
            self.fill(desk, pair);
        }
    }

    fn end(&mut self, desk: &mut Desk<'_>) {
        // What was due until now is sent, however late.
        self.schedule(desk);
        if let Some(pacer) = &mut self.pacer {
            pacer.pause(desk.now_us());
        }
        self.ended = true;
    }

    fn came(&mut self, desk: &mut Desk<'_>, session: u32, _again: bool) {
        let pair = session / 2;
        if session.is_multiple_of(2) {
            while let Some(due_us) = self.overdue.next(pair) {
                if desk.send(StreamId(pair), due_us).is_none() {
                    break;
                }
                self.overdue.done(pair);
            }
        }
        // Before the load begins nothing may be outstanding.
        if desk.hall.figures.measures() {
            self.fill(desk, pair);
        }
    }

    fn went(&mut self, _desk: &mut Desk<'_>, session: u32) {
        let Some(pair) = self.pairs.get_mut(session as usize / 2) else { return };
        if session.is_multiple_of(2) {
            pair.open.clear();
        } else {
            // They come at the reader's next login, if the server keeps its word; the loop does not wait for that.
            pair.open.retain(|slot| !slot.acknowledged);
            pair.open.iter_mut().for_each(|slot| slot.arrived = true);
        }
    }

    fn answered(&mut self, desk: &mut Desk<'_>, session: u32, sent: Sent, outcome: Outcome<'_>) {
        let pair = session / 2;
        match outcome {
            Outcome::Acknowledged => self.note(desk, pair, sent.counter, |slot| slot.acknowledged = true),
            Outcome::Refused(_) if self.outstanding > 0 => {
                let Some(state) = self.pairs.get_mut(pair as usize) else { return };
                state.open.retain(|slot| slot.counter != sent.counter);
                if !state.waits {
                    state.waits = true;
                    let then_us = desk.now_us() + REFUSED_WAIT_US;
                    desk.at(then_us, u64::from(pair));
                }
            }
            Outcome::Refused(_) | Outcome::Unanswered => {}
        }
    }

    fn arrived(&mut self, desk: &mut Desk<'_>, session: u32, stamp: Stamp) {
        self.note(desk, session / 2, stamp.counter, |slot| slot.arrived = true);
    }

    fn timer(&mut self, desk: &mut Desk<'_>, value: u64, _due_us: u64) {
        if value == SCHEDULE {
            if let Some(pacer) = &mut self.pacer {
                pacer.rang();
            }
            if !self.ended {
                self.schedule(desk);
            }
        } else if let Ok(pair) = u32::try_from(value) {
            if let Some(state) = self.pairs.get_mut(pair as usize) {
                state.waits = false;
            }
            self.fill(desk, pair);
        }
    }

    fn each_second(&mut self, desk: &mut Desk<'_>) {
        let stuck_us = desk.now_us().saturating_sub(STUCK_US);
        for pair in 0..self.pairs.len() {
            let open = &mut self.pairs[pair].open;
            let before = open.len();
            open.retain(|slot| slot.sent_us > stuck_us);
            let stuck = before - open.len();
            for _ in 0..stuck {
                desk.hall.figures.error("a message was not acknowledged and delivered within 10 s; its writer went on");
            }
            if stuck > 0 {
                self.fill(desk, u32::try_from(pair).unwrap_or(u32::MAX));
            }
        }
    }
}
