//! How long the store waits for more requests before it syncs. A sync costs processor time whatever it brings along, as much as
//! several messages: where several come at once it is worth a moment's wait to sync them together.
//! Owns: what the last batch was, and about how long a commit takes on this disk. Never: waits by itself, or asks the clock.

use crate::settings::StorageSettings;
use protocol::SessionId;
use std::time::{Duration, Instant};

/// How much longer than usual is gathered at the most.
const LONGEST: u64 = 3;

/// How much longer than usual posts to groups are gathered.
const POSTS: u64 = 2;

/// From so many requests on a batch waits twice as long as usual, from half as many more three times.
const MANY: usize = 16;

/// A batch: how many requests somebody waits for, whose, where it is but one, and whether all are to groups.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Batch {
    pub(super) requests: usize,
    pub(super) from: Option<SessionId>,
    pub(super) posts: bool,
}

/// What the store knows of its batches, and of the disk.
pub(super) struct Gather {
    /// `storage.gather_us`.
    usual_us: u64,
    /// `storage.latency_us`.
    latency_us: u64,
    /// When the last batch that somebody waited for began to be written, and what it was.
    last: Option<(Instant, Batch)>,
    /// How long a commit takes, in microseconds: about the middle of the last few dozen. 0: nothing was committed yet.
    commit_us: u64,
}

impl Gather {
    pub(super) const fn new(settings: &StorageSettings) -> Self {
        Self { usual_us: settings.gather_us, latency_us: settings.latency_us, last: None, commit_us: 0 }
    }

    /// A batch begins to be written. `None` is one that nobody waits for: it takes its time, and says nothing about who else is here.
    pub(super) fn begins(&mut self, batch: Option<Batch>, now: Instant) {
        if let Some(batch) = batch.or(self.last.map(|(_, batch)| batch)) {
            self.last = Some((now, batch));
        }
    }

    /// A commit took so long. Few that take very long, as a disk has them, do not count for more than one each.
    pub(super) fn took(&mut self, commit: Duration) {
        let took = u64::try_from(commit.as_micros()).unwrap_or(u64::MAX);
        let step = self.commit_us / 16 + 1;
        self.commit_us = match self.commit_us {
            0 => took,
            known if took > known => known.saturating_add(step),
            known => known.saturating_sub(step),
        };
    }

    /// How long to gather yet before the next batch, which is that so far (`None` where nobody waits for it).
    ///
    /// Who is alone, one message after the other, is not kept waiting, nor by what nobody waits for.
    pub(super) fn patience(&self, next: Option<Batch>, now: Instant) -> Option<Duration> {
        let alone = |last: &Batch| last.from.is_some() && next.is_none_or(|next| next.from == last.from);
        let (began, last) = self.last.filter(|(_, last)| !alone(last))?;
        // Many at a time wait longer: what each adds to its latency is less than what it spares all others. So do posts: each wakes
        // a group's worth of sessions, which then write what several posts have brought in one go.
        let many = u64::try_from(last.requests / (MANY / 2)).unwrap_or(u64::MAX).clamp(1, LONGEST);
        let posts = last.posts && next.is_none_or(|next| next.posts);
        let gather_us = match if posts { many.max(POSTS) } else { many } {
            // On average a request waits for half of that, and then for the sync.
            1 => self.usual_us.min(self.latency_us.saturating_sub(self.commit_us).saturating_mul(2)),
            longer => self.usual_us.saturating_mul(longer),
        };
        let left = Duration::from_micros(gather_us).checked_sub(now.saturating_duration_since(began))?;
        // And not longer than once at a time: what comes meanwhile may be in more of a hurry.
        (!left.is_zero()).then(|| left.min(Duration::from_micros(self.usual_us)))
    }
}

#[cfg(test)]
mod tests {
    use super::{Batch, Gather};
    use protocol::SessionId;
    use std::time::{Duration, Instant};

    const fn us(micros: u64) -> Duration {
        Duration::from_micros(micros)
    }

    const fn from(session: u64) -> Batch {
        Batch { requests: 1, from: Some(SessionId(session)), posts: false }
    }

    const fn many(requests: usize) -> Batch {
        Batch { requests, from: None, posts: false }
    }

    const fn gather(usual_us: u64, latency_us: u64) -> Gather {
        Gather { usual_us, latency_us, last: None, commit_us: 0 }
    }

    /// How long the next batch waits so long after the last has begun, where a commit takes no time.
    fn after(ago: Duration, last: Batch, next: Option<Batch>, usual_us: u64) -> Option<Duration> {
        let (mut gather, now) = (gather(usual_us, u64::MAX), Instant::now());
        gather.begins(Some(last), now);
        gather.patience(next, now + ago)
    }

    #[test]
    fn who_is_alone_does_not_wait() {
        let after = |last, next| after(us(0), last, next, 400);
        assert_eq!(gather(400, 400).patience(Some(from(1)), Instant::now()), None, "nothing was committed yet");
        assert_eq!(after(from(1), Some(from(1))), None);
        assert_eq!(after(from(1), None), None, "nor for what is told to nobody");
        assert_eq!(after(from(1), Some(from(2))), Some(us(400)), "two are");
        assert_eq!(after(from(1), Some(many(2))), Some(us(400)));
        assert_eq!(after(many(2), Some(from(1))), Some(us(400)));
        assert_eq!(after(many(2), None), Some(us(400)));
    }

    #[test]
    fn what_nobody_waits_for_begins_a_time_of_its_own() {
        let (mut gather, now) = (gather(400, 400), Instant::now());
        gather.begins(None, now);
        assert_eq!(gather.patience(Some(many(2)), now), None, "nothing was committed yet that anybody waited for");
        gather.begins(Some(many(2)), now);
        gather.begins(None, now + us(300));
        assert_eq!(gather.patience(Some(from(1)), now + us(500)), Some(us(200)));
    }

    #[test]
    fn many_wait_longer_up_to_three_times() {
        let after = |requests, ago| after(us(ago), many(requests), Some(many(2)), 400);
        assert_eq!([2, 15].map(|requests| after(requests, 100)), [Some(us(300)); 2]);
        assert_eq!([16, 23].map(|requests| after(requests, 500)), [Some(us(300)); 2]);
        assert_eq!([24, 25, 4096, usize::MAX].map(|requests| after(requests, 900)), [Some(us(300)); 4]);
    }

    #[test]
    fn posts_wait_longer_among_themselves() {
        let post = |session| Batch { posts: true, ..from(session) };
        let after = |last, next, ago| after(us(ago), last, Some(next), 400);
        assert_eq!(after(post(1), post(2), 500), Some(us(300)));
        assert_eq!(after(post(1), post(2), 800), None);
        assert_eq!(
            after(Batch { posts: true, ..many(24) }, post(2), 900),
            Some(us(300)),
            "as all do where they are many"
        );
        assert_eq!(after(post(1), post(1), 0), None, "alone");
        assert_eq!(after(post(1), from(1), 0), None, "alone, now here and now there");
        assert_eq!(after(post(1), from(2), 100), Some(us(300)), "a private message does not wait for them");
        assert_eq!(after(many(2), post(1), 100), Some(us(300)));
    }

    #[test]
    fn the_time_that_has_passed_counts() {
        let after = |ago, usual_us| after(ago, many(2), Some(many(2)), usual_us);
        assert_eq!(after(us(399), 400), Some(us(1)));
        assert_eq!(after(us(400), 400), None);
        assert_eq!(after(Duration::from_secs(60), 400), None);
        assert_eq!(after(us(0), 0), None, "0 is no pause");
    }

    #[test]
    fn nobody_waits_longer_than_usual_at_a_time() {
        assert_eq!(after(us(0), many(24), Some(many(2)), 400), Some(us(400)), "of 1,200");
    }

    #[test]
    fn where_a_sync_takes_long_few_wait_less_for_others() {
        let waits = |commit, last| {
            let (mut gather, now) = (gather(700, 600), Instant::now());
            gather.took(us(commit));
            gather.begins(Some(last), now);
            gather.patience(Some(from(9)), now)
        };
        assert_eq!([0, 100, 250].map(|commit| waits(commit, many(7))), [Some(us(700)); 3]);
        assert_eq!([300, 400, 590].map(|commit| waits(commit, many(7))), [600, 400, 20].map(|left| Some(us(left))));
        assert_eq!([600, 601, 5000].map(|commit| waits(commit, many(7))), [None; 3]);
        assert_eq!(waits(5000, many(16)), Some(us(700)), "many share it however long it takes");
    }

    #[test]
    fn a_slow_sync_now_and_then_says_little() {
        let mut gather = gather(700, 600);
        (0..1000).for_each(|n| gather.took(if n % 10 == 0 { us(50_000) } else { us(200 + n % 7) }));
        assert!((150..250).contains(&gather.commit_us), "{}", gather.commit_us);
        (0..100).for_each(|_| gather.took(us(400)));
        assert!((350..450).contains(&gather.commit_us), "another disk: {}", gather.commit_us);
        (0..200).for_each(|_| gather.took(us(3)));
        assert!(gather.commit_us < 10, "and one that is quick: {}", gather.commit_us);
    }
}
