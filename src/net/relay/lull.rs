//! Pauses of the relay's thread while files move fast. Owns: [`Lull`], whether the next wait begins with a pause, and [`Pace`], whether a transfer is
//! fast. Never: pauses for long where nothing moves any more, nor while anything is ready to be done.
//!
//! A sender that is fast would wake the thread for every packet or two, also while it is the receiver that is waited for; and a wake-up costs as much
//! as what can then be moved. A moment later there is enough for a pipe's fill, in one call. Network cards moderate their interrupts for the same
//! reason. (`SO_RCVLOWAT` would do it for one socket, without a clock; no safe interface to it is at hand.)

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;
use tokio::time::Instant;

/// How long a pause is; the system adds some 50 µs. At 2 GB/s the sender fills a pipe of 256 KiB in it, which its socket has room for. Whoever else is
/// served by this thread waits as long at the most.
const PAUSE: Duration = Duration::from_micros(150);

/// Pauses in a row while nothing moves: some 3 ms. After that every event wakes the thread again.
const ROW: u32 = 16;

/// A transfer is fast that reads and writes so many bytes ...
const BYTES: usize = 1 << 20;
/// ... in so short a time: files of 50 MB a second.
const TIME: Duration = Duration::from_millis(10);

/// How many of the thread's next waits begin with a pause. Clones are the same one; all of them are used on that thread, so nothing is ordered by it.
#[derive(Clone, Debug, Default)]
pub(super) struct Lull(Arc<AtomicU32>);

impl Lull {
    /// The next [`ROW`] do.
    pub(super) fn ask(&self) {
        self.0.store(ROW, Ordering::Relaxed);
    }

    /// Whether this one does.
    fn take(&self) -> bool {
        let left = self.0.load(Ordering::Relaxed);
        self.0.store(left.saturating_sub(1), Ordering::Relaxed);
        left > 0
    }

    /// Pauses, if this one does: called by the thread when it has nothing to do, before it waits for events.
    #[allow(
        clippy::disallowed_methods,
        reason = "nobody but relays lives on that thread, and the pause is shorter than a timer's tick"
    )]
    pub(super) fn pass(&self) {
        if self.take() {
            thread::sleep(PAUSE);
        }
    }
}

/// How fast a transfer has been of late.
#[derive(Debug)]
pub(super) struct Pace {
    bytes: usize,
    since: Instant,
    fast: bool,
}

impl Pace {
    /// A transfer that is not fast yet.
    pub(super) fn new(now: Instant) -> Self {
        Self { bytes: 0, since: now, fast: false }
    }

    /// So many bytes more; looks at the clock once in a while.
    pub(super) fn moved(&mut self, bytes: usize, now: impl FnOnce() -> Instant) {
        self.bytes += bytes;
        if self.bytes >= BYTES {
            let now = now();
            self.fast = now - self.since <= TIME;
            (self.bytes, self.since) = (0, now);
        }
    }

    /// Whether its last [`BYTES`] that are complete took no longer than [`TIME`], and the next ones have not taken longer either.
    pub(super) fn is_fast(&self, now: Instant) -> bool {
        self.fast && now - self.since <= TIME
    }
}

#[cfg(test)]
mod tests {
    use super::{BYTES, Lull, Pace, ROW, TIME};
    use std::time::Duration;
    use tokio::time::Instant;

    #[test]
    fn what_moves_a_mebibyte_in_ten_milliseconds_is_fast() {
        let began = Instant::now();
        let mut pace = Pace::new(began);
        pace.moved(BYTES - 1, || panic!("the clock is looked at once for each mebibyte"));
        assert!(!pace.is_fast(began));
        pace.moved(1, || began + TIME);
        assert!(pace.is_fast(began + TIME));
        // As soon as one is slow, it is not, complete or not.
        pace.moved(BYTES - 1, || panic!("as above"));
        assert!(pace.is_fast(began + 2 * TIME));
        let late = began + 2 * TIME + Duration::from_micros(1);
        assert!(!pace.is_fast(late));
        pace.moved(4096, || late);
        assert!(!pace.is_fast(late));
    }

    #[test]
    fn pauses_end_when_nobody_asks_any_more() {
        let lull = Lull::default();
        let others = lull.clone();
        assert!(!lull.take());
        others.ask();
        lull.ask();
        assert_eq!((0..100).filter(|_| lull.take()).count(), ROW as usize);
    }
}
