//! An open loop's times: a fixed schedule that does not wait for the server. Owns: when the next message is due, and whose it
//! is. Never: looks at a clock.
//!
//! Times are at even distances over all senders; senders come in an order that the seed shuffles anew for each round. What could not
//! be sent in time is sent later and counts from when it was due: that is the correction for coordinated omission.

use std::collections::VecDeque;

/// A schedule over `senders`.
pub(super) struct Pacer {
    began_us: u64,
    interval_us: f64,
    next: u64,
    /// From the moment at which it was paused to the next one.
    left_us: u64,
    order: Vec<u32>,
    dice: fastrand::Rng,
    /// A timer for the next one is on its way.
    armed: bool,
}

impl Pacer {
    /// `rate` messages a second in turns over so many senders, at least one.
    pub(super) fn new(rate: f64, senders: u32, seed: u64) -> Self {
        let order = (0..senders.max(1)).collect();
        let dice = fastrand::Rng::with_seed(seed);
        Self { began_us: 0, interval_us: 1e6 / rate, next: 0, left_us: 0, order, dice, armed: false }
    }

    /// The schedule begins, or goes on after a pause, with as much time to the next one as was left then: or each turn would begin with one, and
    /// a low rate be higher than asked for.
    pub(super) fn begin(&mut self, now_us: u64) {
        (self.began_us, self.next) = (now_us + std::mem::take(&mut self.left_us), 0);
    }

    /// The schedule stops, with nothing due.
    pub(super) fn pause(&mut self, now_us: u64) {
        self.left_us = self.due_us().saturating_sub(now_us);
    }

    /// When the next one is due.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "microseconds of a run are far below 2^52"
    )]
    pub(super) fn due_us(&self) -> u64 {
        self.began_us + (self.next as f64 * self.interval_us) as u64
    }

    /// When to look again; `None` where a timer is on its way already, as one may be from before the schedule began anew. It never comes later
    /// than the next one is due.
    pub(super) fn alarm_us(&mut self) -> Option<u64> {
        (!std::mem::replace(&mut self.armed, true)).then(|| self.due_us())
    }

    /// The timer came.
    pub(super) fn rang(&mut self) {
        self.armed = false;
    }

    /// The next one, if it is due: when, and whose.
    pub(super) fn take(&mut self, now_us: u64) -> Option<(u64, u32)> {
        let due_us = self.due_us();
        if due_us > now_us {
            return None;
        }
        let turn = usize::try_from(self.next % self.order.len() as u64).unwrap_or_default();
        if turn == 0 {
            self.dice.shuffle(&mut self.order);
        }
        self.next += 1;
        Some((due_us, self.order[turn]))
    }
}

/// What was due while its sender was away, by sender.
#[derive(Default)]
pub(super) struct Overdue(Vec<VecDeque<u64>>);

impl Overdue {
    pub(super) fn new(senders: usize) -> Self {
        Self((0..senders).map(|_| VecDeque::new()).collect())
    }

    pub(super) fn push(&mut self, sender: u32, due_us: u64) {
        if let Some(queue) = self.0.get_mut(sender as usize) {
            queue.push_back(due_us);
        }
    }

    /// The oldest one.
    pub(super) fn next(&self, sender: u32) -> Option<u64> {
        self.0.get(sender as usize)?.front().copied()
    }

    /// The oldest one was sent.
    pub(super) fn done(&mut self, sender: u32) {
        if let Some(queue) = self.0.get_mut(sender as usize) {
            queue.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Pacer;
    use std::collections::BTreeSet;

    #[test]
    fn times_are_even_whenever_it_is_asked() {
        let mut pacer = Pacer::new(1000.0, 3, 1);
        pacer.begin(5_000);
        assert_eq!(pacer.take(4_999), None);
        let mut dues = Vec::new();
        while let Some((due_us, _)) = pacer.take(10_000) {
            dues.push(due_us);
        }
        assert_eq!(dues, [5_000, 6_000, 7_000, 8_000, 9_000, 10_000]);
        assert_eq!(pacer.due_us(), 11_000);
    }

    #[test]
    fn a_schedule_that_begins_anew_has_one_timer() {
        let mut pacer = Pacer::new(1000.0, 3, 1);
        pacer.begin(5_000);
        assert!(pacer.take(5_000).is_some());
        assert_eq!((pacer.alarm_us(), pacer.alarm_us()), (Some(6_000), None));
        pacer.begin(5_500);
        assert!(pacer.take(5_500).is_some());
        assert_eq!(pacer.alarm_us(), None);
        pacer.rang();
        assert_eq!((pacer.take(6_000), pacer.alarm_us()), (None, Some(6_500)));
    }

    #[test]
    fn turns_make_a_low_rate_no_higher() {
        let mut pacer = Pacer::new(5.0, 1, 1);
        // Ten turns of half a second, with half a second of others' between them.
        let sent = (0..10).map(|turn| {
            let began = turn * 1_000_000;
            pacer.begin(began);
            let sent = std::iter::from_fn(|| pacer.take(began + 499_999)).count();
            pacer.pause(began + 500_000);
            sent
        });
        assert_eq!(sent.sum::<usize>(), 25);
    }

    #[test]
    fn a_rate_that_is_no_whole_interval_does_not_drift() {
        let mut pacer = Pacer::new(30_000.0, 1, 1);
        pacer.begin(0);
        let mut count = 0;
        while pacer.take(9_999_999).is_some() {
            count += 1;
        }
        assert_eq!(count, 300_000);
    }

    #[test]
    fn every_round_has_everybody_once_and_the_seed_decides_the_order() {
        let order = |seed| {
            let mut pacer = Pacer::new(1.0, 10, seed);
            std::iter::from_fn(|| pacer.take(u64::MAX)).take(30).map(|(_, whose)| whose).collect::<Vec<u32>>()
        };
        let all = order(7);
        for round in all.chunks(10) {
            assert_eq!(round.iter().collect::<BTreeSet<_>>().len(), 10);
        }
        assert_ne!(all[..10], all[10..20]);
        assert_eq!(all, order(7));
        assert_ne!(all, order(8));
    }
}
