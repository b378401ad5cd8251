//! Times that were asked for. Owns: their order, and waking up for the next one to within some 50 µs, by a timerfd: epoll's
//! own time-outs are whole milliseconds, and spinning would take the processor that the server may need. Never: sleeps.

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

/// Times and their tokens, the earliest first; equal times in the order in which they were asked for.
#[derive(Debug, Default)]
pub(in crate::loadtest) struct Timers {
    heap: BinaryHeap<Reverse<(u64, u64, u64)>>,
    asked: u64,
}

impl Timers {
    pub(in crate::loadtest) fn at(&mut self, due_us: u64, token: u64) {
        self.asked += 1;
        self.heap.push(Reverse((due_us, self.asked, token)));
    }

    pub(in crate::loadtest) fn next(&self) -> Option<u64> {
        self.heap.peek().map(|Reverse((due, ..))| *due)
    }

    /// The earliest one, if its time has come: when it was due, and its token.
    pub(in crate::loadtest) fn due(&mut self, now_us: u64) -> Option<(u64, u64)> {
        if self.next()? > now_us {
            return None;
        }
        self.heap.pop().map(|Reverse((due, _, token))| (due, token))
    }
}

/// A file descriptor that becomes readable at a time.
#[derive(Debug)]
pub(super) struct Alarm {
    fd: OwnedFd,
    /// What it is set to; 0: nothing.
    set_us: u64,
}

impl Alarm {
    pub(super) fn new() -> io::Result<Self> {
        let fd = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
        Ok(Self { fd, set_us: 0 })
    }

    pub(super) fn fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }

    /// What it is set to may come too early: the clock stood still. The next setting is not taken for the same.
    pub(super) fn forget(&mut self) {
        self.set_us = 0;
    }

    /// Sets it to a time after `now_us`. Registered edge-triggered it need never be read: each setting begins anew.
    pub(super) fn set(&mut self, wake_us: u64, now_us: u64) -> io::Result<()> {
        if self.set_us == wake_us && wake_us > now_us {
            return Ok(());
        }
        // 0 would switch it off.
        let wait = wake_us.saturating_sub(now_us).max(1);
        let it_value = Timespec {
            tv_sec: i64::try_from(wait / 1_000_000).unwrap_or(i64::MAX),
            tv_nsec: i64::try_from(wait % 1_000_000 * 1000).unwrap_or(0),
        };
        let it_interval = Timespec { tv_sec: 0, tv_nsec: 0 };
        timerfd_settime(&self.fd, TimerfdTimerFlags::empty(), &Itimerspec { it_interval, it_value })?;
        self.set_us = wake_us;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Timers;

    #[test]
    fn the_earliest_first_and_equals_in_order() {
        let mut timers = Timers::default();
        for (due, token) in [(30, 1), (10, 2), (20, 3), (10, 4)] {
            timers.at(due, token);
        }
        assert_eq!((timers.next(), timers.due(9)), (Some(10), None));
        let order: Vec<_> = std::iter::from_fn(|| timers.due(20)).collect();
        assert_eq!(order, [(10, 2), (10, 4), (20, 3)]);
        assert_eq!(timers.due(u64::MAX), Some((30, 1)));
        assert_eq!((timers.next(), timers.due(u64::MAX)), (None, None));
    }
}
