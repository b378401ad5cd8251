//! What a process costs, from `/proc`. Owns: reading it. Never: guesses; what cannot be read is `None`.

use crate::loadtest::report::Usage;
use rustix::process::Pid;
use rustix::thread::sched_getaffinity;
use std::collections::BTreeMap;
use std::fs;

/// What a process has taken so far, and its memory now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    /// Microseconds in user mode.
    pub user_us: u64,
    /// Microseconds in the kernel.
    pub system_us: u64,
    /// Resident memory.
    pub rss_kib: u64,
    /// Nanoseconds of CPU of each thread that lives, by its number.
    pub threads: BTreeMap<u32, u64>,
    /// Processors that it may use; at least 1.
    pub processors: u32,
    /// Of the threads' time, that of the server's threads that hash passwords.
    pub hashing_ns: u64,
}

/// How the server's threads that hash passwords are called (`actors::accounts::Hasher`).
const HASHING: &str = "hash-";

/// A process's sample now; `None` where there is no such process or it may not be looked at.
#[must_use]
pub fn sample(pid: u32) -> Option<Sample> {
    let (user_us, system_us) = times(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)?;
    let rss_kib = resident(&fs::read_to_string(format!("/proc/{pid}/status")).ok()?)?;
    let mut threads = BTreeMap::new();
    let mut hashing_ns = 0;
    for entry in fs::read_dir(format!("/proc/{pid}/task")).ok()?.flatten() {
        // A thread may end meanwhile.
        let id = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok());
        let text = |name| fs::read_to_string(entry.path().join(name)).unwrap_or_default();
        if let Some((id, (ran, hashed))) = id.zip(thread(&text("comm"), &text("schedstat"))) {
            hashing_ns += hashed;
            threads.insert(id, ran);
        }
    }
    // A process that may be looked at, and whose processors may not, is taken to have all of them.
    let id = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let processors = sched_getaffinity(id).map_or(u32::MAX, |set| set.count()).max(1);
    Some(Sample { user_us, system_us, rss_kib, threads, processors, hashing_ns })
}

/// Nanoseconds of a thread by its name and its `schedstat`, and those of them that went into hashing.
fn thread(name: &str, schedstat: &str) -> Option<(u64, u64)> {
    let ran = schedstat.split(' ').next()?.parse().ok()?;
    Some((ran, if name.starts_with(HASHING) { ran } else { 0 }))
}

/// User and system time, in microseconds, from `/proc/PID/stat`.
fn times(stat: &str) -> Option<(u64, u64)> {
    // The name may hold anything, also spaces and brackets.
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut fields = fields.split(' ').skip(11);
    let tick_us = 1_000_000 / rustix::param::clock_ticks_per_second().max(1);
    let mut next = || fields.next()?.parse::<u64>().ok().map(|ticks| ticks * tick_us);
    Some((next()?, next()?))
}

/// The most KiB that a process ever had resident; `None` as with [`sample`].
#[must_use]
pub fn peak_kib(pid: u32) -> Option<u64> {
    kib(&fs::read_to_string(format!("/proc/{pid}/status")).ok()?, "VmHWM:")
}

/// Resident KiB, from `/proc/PID/status`.
fn resident(status: &str) -> Option<u64> {
    kib(status, "VmRSS:")
}

fn kib(status: &str, what: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(what))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

impl Sample {
    /// What was taken from an earlier sample to this one, in `elapsed_s` seconds, for so many messages and deliveries.
    #[must_use]
    pub fn since(&self, earlier: &Self, elapsed_s: f64, acknowledged: u64, delivered: u64) -> Usage {
        let seconds = |now: u64, then: u64| now.saturating_sub(then) as f64 / 1e6;
        let user_s = seconds(self.user_us, earlier.user_us);
        let system_s = seconds(self.system_us, earlier.system_us);
        let each = |count: u64| if count == 0 { 0.0 } else { (user_s + system_s) * 1e6 / count as f64 };
        let ran = |(id, now): (&u32, &u64)| now.saturating_sub(earlier.threads.get(id).copied().unwrap_or(0));
        let busiest = self.threads.iter().map(ran).max().unwrap_or(0) as f64 / 1e9;
        Usage {
            user_s,
            system_s,
            us_per_message: each(acknowledged),
            us_per_delivery: each(delivered),
            us_per_gib: 0.0,
            busiest_thread: if elapsed_s > 0.0 { (busiest / elapsed_s).min(1.0) } else { 0.0 },
        }
    }

    /// What was taken from one sample to a later one is added.
    pub fn add(&mut self, from: &Self, to: &Self) {
        self.user_us += to.user_us.saturating_sub(from.user_us);
        self.system_us += to.system_us.saturating_sub(from.system_us);
        self.hashing_ns += to.hashing_ns.saturating_sub(from.hashing_ns);
        for (id, ran) in &to.threads {
            *self.threads.entry(*id).or_default() += ran.saturating_sub(from.threads.get(id).copied().unwrap_or(0));
        }
    }

    /// Without what [`Self::add`] has gathered in another.
    #[must_use]
    pub fn without(mut self, other: &Self) -> Self {
        self.user_us = self.user_us.saturating_sub(other.user_us);
        self.system_us = self.system_us.saturating_sub(other.system_us);
        self.hashing_ns = self.hashing_ns.saturating_sub(other.hashing_ns);
        for (id, ran) in &mut self.threads {
            *ran = ran.saturating_sub(other.threads.get(id).copied().unwrap_or(0));
        }
        self
    }

    /// Microseconds of CPU together.
    #[must_use]
    pub fn cpu_us(&self) -> u64 {
        self.user_us + self.system_us
    }

    /// What earlier processes of the same server took is added.
    #[must_use]
    pub fn with(mut self, before: (u64, u64)) -> Self {
        self.user_us += before.0;
        self.system_us += before.1;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::{Sample, peak_kib, resident, sample, thread, times};

    #[test]
    fn a_name_with_brackets_does_not_move_the_fields() {
        let tick = 1_000_000 / rustix::param::clock_ticks_per_second();
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194304 123 0 0 0 250 30 0 0 20 0 1 0 9 1 1";
        assert_eq!(times(stat), Some((250 * tick, 30 * tick)));
        assert_eq!(times("7 (a) S 1"), None);
        assert_eq!(resident("Name:\tx\nVmRSS:\t  123456 kB\nThreads: 1\n"), Some(123_456));
    }

    #[test]
    fn this_process_can_be_looked_at_and_another_not() {
        let me = sample(std::process::id()).unwrap();
        assert!(me.rss_kib > 0 && !me.threads.is_empty() && me.processors > 0);
        assert!(peak_kib(std::process::id()).unwrap() > 0 && peak_kib(u32::MAX).is_none());
        assert_eq!(sample(u32::MAX), None);
    }

    #[test]
    fn threads_that_hash_are_known_by_their_name() {
        assert_eq!(thread("hash-0\n", "1234 5 6\n"), Some((1234, 1234)));
        assert_eq!(thread("store\n", "1234 5 6\n"), Some((1234, 0)));
        assert_eq!(thread("rehash-0\n", "7 5 6\n"), Some((7, 0)));
        assert_eq!(thread("hash-0\n", ""), None);
    }

    #[test]
    fn usage_is_the_difference() {
        let before = Sample {
            user_us: 1_000_000,
            system_us: 500_000,
            rss_kib: 1,
            threads: [(1, 5_000_000_000)].into(),
            processors: 2,
            hashing_ns: 0,
        };
        let mut after = before.clone();
        (after.user_us, after.system_us) = (2_000_000, 1_500_000);
        after.threads = [(1, 5_500_000_000), (2, 1_800_000_000)].into();
        let usage = after.since(&before, 2.0, 1000, 4000);
        assert_eq!((usage.user_s, usage.system_s), (1.0, 1.0));
        assert_eq!((usage.us_per_message, usage.us_per_delivery), (2000.0, 500.0));
        assert!((usage.busiest_thread - 0.9).abs() < 1e-9);
        assert_eq!(after.since(&before, 0.0, 0, 0).us_per_message, 0.0);
        // What was taken while others had their turns counts for nobody.
        let mut away = Sample::default();
        away.add(&before, &after);
        away.add(&before, &before);
        assert_eq!((away.user_us, away.system_us, away.threads[&1]), (1_000_000, 1_000_000, 500_000_000));
        assert_eq!(after.clone().without(&away).since(&before, 2.0, 1, 1).user_s, 0.0);
        assert_eq!(before.with((7, 9)).cpu_us(), 1_500_016);
    }
}
