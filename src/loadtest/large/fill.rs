//! A large store, made by the server's own writer in this process. Owns: who exists, who writes to whom in which order, and what that took.
//! Never: a session or a socket; what those cost is measured by scenarios.
//!
//! People write in hours: in each, a fiftieth of all is awake, and writes within circles of ten. Who is awake together is scattered over all
//! numbers, so the rows of an hour are too: stored in order of their keys they would cost next to nothing to sort.

use crate::exit::{Exit, Failure};
use crate::loadtest::people;
use actors::settings::ActorSettings;
use actors::store::{CommitError, Ledger, LedgerSettings, Op, Outcome};
use fastrand::Rng;
use protocol::{Body, FriendPolicy, MessagePolicy, Name, Refusal, Seq, UserId};
use rustix::time::{ClockId, clock_gettime};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Operations of one batch: about what gathers under load.
const BATCH: usize = 256;
/// Bytes of a text.
const TEXT: usize = 64;
/// Hours until everybody was awake once.
const HOURS: u64 = 50;
/// People who write among themselves.
const CIRCLE: u64 = 10;
/// People who write to the one with the backlog.
const WRITERS: u64 = 100;
/// Operations between two looks at what they took.
const WINDOW: u64 = 50_000;
/// Rows and bytes of one part of a backlog, as a session asks for them.
const PART: (usize, usize) = (256, 128 << 10);
/// How many names of a run look like nobody else's.
const RUN: u32 = 0x1a46_e570;

/// What a number of operations took.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Took {
    /// Operations.
    pub(super) count: u64,
    /// Seconds by the clock.
    pub(super) seconds: f64,
    /// Microseconds of this process's CPU, flushes and compactions of that time included.
    pub(super) cpu_us: u64,
}

impl Took {
    /// Operations a second; `None` where nothing was done.
    #[must_use]
    pub(super) fn rate(&self) -> Option<f64> {
        (self.seconds > 0.0 && self.count > 0).then(|| self.count as f64 / self.seconds)
    }

    /// Microseconds of CPU of one; `None` where nothing was done.
    #[must_use]
    pub(super) fn cpu_each(&self) -> Option<f64> {
        (self.count > 0).then(|| self.cpu_us as f64 / self.count as f64)
    }

    /// Both together.
    #[must_use]
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            count: self.count + other.count,
            seconds: self.seconds + other.seconds,
            cpu_us: self.cpu_us + other.cpu_us,
        }
    }

    /// Of all windows in their order, those with the first and with the last `count` operations.
    #[must_use]
    pub(super) fn ends(windows: &[Self], count: u64) -> [Self; 2] {
        let sum = |all: &mut dyn Iterator<Item = &Self>| {
            let mut sum = Self::default();
            while sum.count < count
                && let Some(next) = all.next()
            {
                sum = sum.and(*next);
            }
            sum
        };
        [sum(&mut windows.iter()), sum(&mut windows.iter().rev())]
    }
}

/// What is told while it goes on: how many are done. Says whether to go on.
pub(super) type Tell<'a> = &'a mut dyn FnMut(u64) -> bool;

/// The writer.
pub(super) struct Filler {
    ledger: Ledger,
    people: u64,
    /// Messages that were written.
    said: u64,
    rng: Rng,
}

/// Accounts are numbered without gaps from here.
const FIRST: u64 = actors::store::schema::FIRST_USER;

impl Filler {
    /// Opens or makes the data folder, in which there are `people` accounts of this kind and `said` messages.
    ///
    /// # Errors
    /// The store cannot be opened.
    pub(super) fn open(data: &Path, settings: &ActorSettings, people: u64, said: u64) -> Result<Self, Failure> {
        crate::folder::prepare(data)?;
        let ledger = Ledger::open(data, LedgerSettings::from(settings), false)
            .map_err(|error| Failure::new(Exit::Damaged, format!("--large: {error}")))?;
        Ok(Self { ledger, people, said, rng: Rng::with_seed(said) })
    }

    /// Makes accounts, with hashes of the usual length that are nobody's password.
    ///
    /// # Errors
    /// The store refuses one, or cannot write.
    pub(super) fn register(&mut self, count: u64, tell: Tell<'_>) -> Result<Vec<Took>, Failure> {
        let first = self.people;
        self.run(count, tell, |filler, at| {
            let at = usize::try_from(first + at).unwrap_or(usize::MAX);
            let name = Name::parse(&people::account(RUN, at).person.name);
            let name = name.map_err(|_| failed("a name that is none"))?;
            let password_hash = format!("$argon2id$v=19$m=19456,t=2,p=1${}${}", filler.text(22), filler.text(43));
            let (add, message) = (FriendPolicy::Open, MessagePolicy::Anyone);
            filler.stage(Op::CreateAccount { name, password_hash, add, message })?;
            filler.people += 1;
            Ok(())
        })
    }

    /// Writes messages. Of `backlog` of them, dealt evenly over all, the first account is the receiver.
    ///
    /// # Errors
    /// The store refuses one, or cannot write.
    pub(super) fn talk(&mut self, count: u64, backlog: u64, tell: Tell<'_>) -> Result<Vec<Took>, Failure> {
        let hour_messages = (count / HOURS).max(1);
        self.run(count, tell, |filler, at| {
            // As many of the first n as n's share.
            let share = |at: u64| at.saturating_mul(backlog) / count;
            let (from, to) = if share(at + 1) > share(at) {
                (filler.rng.u64(1..=WRITERS.min(filler.people - 1)), 0)
            } else {
                filler.pair(at / hour_messages)
            };
            let body = Body::text(filler.text(TEXT));
            let [from, to] = [from, to].map(|place| UserId(FIRST + place));
            filler.stage(Op::Private { from, to, body, friends_only: false, stamp: None })?;
            filler.said += 1;
            Ok(())
        })
    }

    /// Two who are awake in an hour and in one circle, by their places among all but the first account.
    fn pair(&mut self, hour: u64) -> (u64, u64) {
        let others = self.people - 1;
        let circles = (others / CIRCLE).max(1);
        let awake = (circles / HOURS).max(1);
        let circle = (hour % HOURS * awake + self.rng.u64(..awake)) % circles;
        let size = CIRCLE.min(others);
        let one = self.rng.u64(..size);
        let other = (one + self.rng.u64(1..size)) % size;
        let place = |member: u64| scatter(circle * CIRCLE + member, others) + 1;
        (place(one), place(other))
    }

    /// Reads all that waits for the first account, part by part, as for a session that is always ready for the next.
    ///
    /// # Errors
    /// It cannot be read.
    pub(super) fn read_backlog(&self) -> Result<Took, Failure> {
        let reader = self.ledger.reader();
        let (began, before) = (Instant::now(), cpu_us());
        let (mut after, mut count) = (Seq(0), 0);
        loop {
            let page = reader
                .inbox(UserId(FIRST), after, PART.0, PART.1)
                .map_err(|error| Failure::new(Exit::Damaged, format!("--large: {error}")))?;
            count += page.rows.len() as u64;
            after = page.rows.last().map_or(after, |(seq, _)| *seq);
            if !page.more {
                return Ok(Took { count, seconds: began.elapsed().as_secs_f64(), cpu_us: cpu_us() - before });
            }
        }
    }

    /// Waits until flushes and compactions have nothing to do, at most a minute: until the process rests for a second.
    #[allow(clippy::disallowed_methods, reason = "a thread of its own: nobody waits for it")]
    pub(super) fn settle(&self) {
        let until = Instant::now() + Duration::from_secs(60);
        let mut quiet = 0;
        while quiet < 4 && Instant::now() < until {
            let before = cpu_us();
            std::thread::sleep(Duration::from_millis(250));
            quiet = if cpu_us() - before <= 10_000 { quiet + 1 } else { 0 };
        }
    }

    /// Closes in order. Says how many people and messages there are.
    ///
    /// # Errors
    /// The store cannot write.
    pub(super) fn close(self) -> Result<(u64, u64), Failure> {
        let counts = (self.people, self.said);
        self.ledger.close(now_ms()).map_err(|error| unwritten(&error))?;
        Ok(counts)
    }

    fn run(
        &mut self,
        count: u64,
        tell: Tell<'_>,
        mut each: impl FnMut(&mut Self, u64) -> Result<(), Failure>,
    ) -> Result<Vec<Took>, Failure> {
        let mut windows = Vec::new();
        let (mut began, mut before, mut first) = (Instant::now(), cpu_us(), 0);
        for at in 0..count {
            each(self, at)?;
            if self.ledger.staged_ops() >= BATCH || at + 1 == count {
                self.ledger.commit(now_ms()).map_err(|error| unwritten(&error))?;
            }
            let done = at + 1;
            if done.is_multiple_of(WINDOW) || done == count {
                let (now, cpu) = (Instant::now(), cpu_us());
                let seconds = (now - began).as_secs_f64();
                windows.push(Took { count: done - first, seconds, cpu_us: cpu - before });
                (began, before, first) = (now, cpu, done);
                if !tell(done) {
                    return Err(Failure::new(Exit::ActorDied, "--large: ended by a signal"));
                }
            }
        }
        Ok(windows)
    }

    fn stage(&mut self, op: Op) -> Result<Outcome, Failure> {
        self.ledger.stage(op, now_ms()).map_err(|refusal| refused(&refusal))
    }

    fn text(&mut self, length: usize) -> String {
        (0..length).map(|_| self.rng.alphanumeric()).collect()
    }
}

/// Another place of `0..all` for each: neighbours get far apart.
fn scatter(place: u64, all: u64) -> u64 {
    // A prime that divides no number of people that is asked for, or it would give two the same place.
    const STEP: u64 = 2_654_435_761;
    if all.is_multiple_of(STEP) { place } else { place % all * (STEP % all) % all }
}

/// Of this process, by the clock that counts it finest: few messages take less than a tick of `/proc`'s.
fn cpu_us() -> u64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    u64::try_from(time.tv_sec * 1_000_000 + time.tv_nsec / 1_000).unwrap_or(0)
}

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

fn failed(why: &str) -> Failure {
    Failure::new(Exit::ActorDied, format!("--large: {why}"))
}

fn refused(refusal: &Refusal) -> Failure {
    failed(&format!("the store refused what it should take: {refusal:?}"))
}

fn unwritten(error: &CommitError) -> Failure {
    Failure::new(Exit::StorageWrite, format!("--large: {error}"))
}

#[cfg(test)]
mod tests {
    use super::{Filler, Took, scatter};
    use crate::settings::{self, Sources};
    use std::collections::BTreeSet;

    fn chat() -> actors::settings::ActorSettings {
        settings::load(&Sources::default()).unwrap().settings.chat
    }

    #[test]
    fn what_is_written_is_there_after_it_was_opened_again() {
        let folder = tempfile::tempdir().unwrap();
        let mut filler = Filler::open(folder.path(), &chat(), 0, 0).unwrap();
        let mut told = Vec::new();
        let mut tell = |done| {
            told.push(done);
            true
        };
        filler.register(300, &mut tell).unwrap();
        let windows = filler.talk(2000, 500, &mut tell).unwrap();
        assert_eq!(windows.iter().map(|took| took.count).sum::<u64>(), 2000);
        assert_eq!(told, [300, 2000]);
        assert_eq!(filler.close().unwrap(), (300, 2000));
        let mut filler = Filler::open(folder.path(), &chat(), 300, 2000).unwrap();
        assert_eq!(filler.read_backlog().unwrap().count, 500);
        filler.talk(100, 100, &mut |_| true).unwrap();
        filler.register(1, &mut |_| true).unwrap();
        assert_eq!(filler.read_backlog().unwrap().count, 600);
        assert_eq!(filler.close().unwrap(), (301, 2100));
    }

    #[test]
    fn whoever_is_told_can_end_it() {
        let folder = tempfile::tempdir().unwrap();
        let mut filler = Filler::open(folder.path(), &chat(), 0, 0).unwrap();
        assert!(filler.register(10, &mut |_| false).is_err());
    }

    #[test]
    fn everybody_has_one_place() {
        for all in [1, 7, 299, 1000, 999_999] {
            let places: BTreeSet<u64> = (0..all).map(|place| scatter(place, all)).collect();
            assert_eq!(places.len() as u64, all);
        }
    }

    #[test]
    fn the_first_and_the_last_are_summed_up() {
        let window = |count, cpu_us| Took { count, seconds: 1.0, cpu_us };
        let [first, last] = Took::ends(&[window(10, 1), window(10, 2), window(10, 3), window(5, 4)], 15);
        assert_eq!((first.count, first.cpu_us), (20, 3));
        assert_eq!((last.count, last.cpu_us, last.rate()), (15, 7, Some(7.5)));
        let [none, _] = Took::ends(&[], 5);
        assert_eq!((none.rate(), none.cpu_each()), (None, None));
    }
}
