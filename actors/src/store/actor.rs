//! The persistence actor: the shell around the [`Ledger`]. The only writer.
//! Hears: everybody who changes something ([`Submit`]). Tells: whoever the request named ([`Then`]), after the commit.
//! If it dies the process ends: nothing may be acknowledged any more.
//!
//! Requests are staged as they come. `ctx.notify` to itself runs when the mailbox is empty: whatever came while the
//! last batch was being synced becomes the next batch. That is the whole of group commit.
//!
//! It also ends what nobody has answered in time (`ledger/expiry.rs`): woken for the next of those by the clock, and
//! before any other change, so that nobody answers what is about to end.

use super::courier::{Courier, Staged};
use super::ledger::Ledger;
use super::ops::{Op, Outcome};
use crate::accounts::Step;
use crate::delivery::Origin;
use crate::group::GroupHandle;
use crate::house::{Death, Essential, House, now_ms};
use crate::mail::Letter;
use crate::settings;
use actix::prelude::*;
use protocol::{SessionId, UserId};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The longest sleep until it is looked again whether something has lapsed: the time of day may jump.
const LONGEST_SLEEP_MS: u64 = 3_600_000;

/// How long is waited where what has lapsed could not be ended, for want of room or because of a damaged row.
const AFTER_REFUSAL_MS: u64 = 60_000;

/// Who stands behind a request and is told when it is committed.
pub enum Then {
    /// The receiver's shard of the registry: a private message.
    Registry,
    /// The group: a post.
    Group {
        /// The group that checked it.
        handle: Arc<GroupHandle>,
        /// Whether the writing session gets it back too.
        echo: bool,
    },
    /// All who are concerned, and the asker: a change between people or in a group.
    Concerned,
    /// A reader, who tells the asker all that a login of this account needs to know: so a login sees what an
    /// earlier session of the account had received, if that session has ended and said so. One that is still open, or
    /// is being replaced, may say so later: then the login shows it again.
    Login {
        /// Whose.
        user: UserId,
        /// With what people tell about themselves.
        profiles: bool,
    },
    /// The mailer, which sends the letter with the code that was issued; nobody, where the address is no account's. The
    /// asker is told the same.
    Letter(Option<Box<Letter>>),
    /// Accounts, which goes on with what a code was needed for.
    Code(Box<Step>),
    /// Nobody.
    Nobody,
}

/// A request to change something.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Submit {
    /// What.
    pub op: Op,
    /// Who asked, where somebody waits for an answer.
    pub origin: Option<Origin>,
    /// Who is told.
    pub then: Then,
}

/// Something that is on the disk now, with who asked for it.
pub struct Committable {
    /// Who waits for an answer.
    pub origin: Option<Origin>,
    /// What was done.
    pub outcome: Outcome,
}

/// Write what is staged.
#[derive(Message)]
#[rtype(result = "()")]
struct Commit;

/// Write everything and close.
#[derive(Message)]
#[rtype(result = "()")]
pub struct StopStore;

/// The actor.
pub struct Store {
    house: Arc<House>,
    ledger: Ledger,
    courier: Courier,
    staged: Vec<Staged>,
    /// A [`Commit`] is on its way to this actor itself.
    called: bool,
    /// When the last batch began to be written, and what it was.
    last_batch: Option<(Instant, Batch)>,
    /// When it is woken to see what has lapsed, and by what; times of day in milliseconds.
    wake: Option<(u64, SpawnHandle)>,
    /// Not before then.
    sweep_after: u64,
    _essential: Essential,
}

impl Store {
    /// Over an open ledger.
    #[must_use]
    pub fn new(house: Arc<House>, ledger: Ledger) -> Self {
        let courier = Courier::new(house.clone());
        let essential = Essential::new("store", house.watch.clone());
        Self {
            house,
            ledger,
            courier,
            staged: Vec::new(),
            called: false,
            last_batch: None,
            wake: None,
            sweep_after: 0,
            _essential: essential,
        }
    }

    fn commit(&mut self, ctx: &mut Context<Self>) {
        if self.staged.is_empty() {
            return;
        }
        // What nobody waits for takes its time, and says nothing about who else is here.
        let batch = self.batch().or(self.last_batch.map(|(_, batch)| batch));
        self.last_batch = batch.map(|batch| (Instant::now(), batch));
        if let Err(error) = self.ledger.commit(now_ms()) {
            // What the disk has of this batch is unknown. Nobody gets a verdict, and nothing more is committed: the
            // process ends, and the next start finds out.
            log::error!("writing to the database failed, stopping without a verdict: {error}");
            self.staged.clear();
            self.house.watch.died(Death::Storage);
            ctx.stop();
            return;
        }
        self.courier.announce(&mut self.staged);
        self.sleep_until_due(ctx);
    }

    /// What is staged, as far as it matters for how long is gathered. `None` where nobody waits for any of it.
    fn batch(&self) -> Option<Batch> {
        let mut awaited = self.staged.iter().filter(|staged| !matches!(staged.then, Then::Nobody));
        let first = awaited.next()?;
        let is_post = |staged: &Staged| matches!(staged.then, Then::Group { .. });
        let (others, posts) = awaited.fold((0, is_post(first)), |(n, posts), staged| (n + 1, posts && is_post(staged)));
        let from = first.origin.as_ref().filter(|_| others == 0).map(|origin| origin.session.id);
        Some(Batch { requests: others + 1, from, posts })
    }

    /// Stages the end of what has lapsed, if something may have. Returns whether it did.
    fn sweep_if_due(&mut self, now_ms: u64) -> bool {
        let due = self.ledger.next_due().is_some_and(|due| due.max(self.sweep_after) <= now_ms);
        if due {
            let result = self.ledger.stage(Op::Expire, now_ms);
            if result.is_err() {
                self.sweep_after = now_ms.saturating_add(AFTER_REFUSAL_MS);
            }
            self.staged.push(Staged { origin: None, then: Then::Concerned, result });
        }
        due
    }

    /// Sees to it that the next request that may lapse is looked at in time. Where nothing waits it is not woken.
    fn sleep_until_due(&mut self, ctx: &mut Context<Self>) {
        let Some(due) = self.ledger.next_due() else { return };
        let now = now_ms();
        let sleep = due.max(self.sweep_after).saturating_sub(now).clamp(1, LONGEST_SLEEP_MS);
        let at = now.saturating_add(sleep);
        if let Some((earlier, handle)) = self.wake {
            if earlier <= at {
                return;
            }
            ctx.cancel_future(handle);
        }
        let handle = ctx.run_later(Duration::from_millis(sleep), |store, ctx| {
            store.wake = None;
            if store.sweep_if_due(now_ms()) {
                store.commit(ctx);
            } else {
                store.sleep_until_due(ctx);
            }
        });
        self.wake = Some((at, handle));
    }
}

/// A batch: how many requests somebody waits for, whose, where it is but one, and whether all are to groups.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Batch {
    requests: usize,
    from: Option<SessionId>,
    posts: bool,
}

/// How much longer than usual is gathered at the most.
const LONGEST: u64 = 3;

/// How much longer than usual posts to groups are gathered.
const POSTS: u64 = 2;

/// How long to gather before the next sync, where the last batch began so long ago, and what it was and the next one is. A sync
/// costs processor time whatever it brings along, as much as several messages: where several come at once it is worth a moment's
/// wait to sync them together. Who is alone, one message after the other, is not kept waiting, nor by what nobody waits for (`next` is
/// `None`).
fn patience(last: Option<(Duration, Batch)>, next: Option<Batch>, gather_us: u64) -> Option<Duration> {
    let (ago, last) =
        last.filter(|(_, last)| last.from.is_none() || next.is_some_and(|next| next.from != last.from))?;
    // Many at a time wait longer: what each adds to its latency is less than what it spares all others. So do posts: each wakes
    // a group's worth of sessions, which then write what several posts have brought in one go.
    let many = u64::try_from(last.requests / 8).unwrap_or(u64::MAX).clamp(1, LONGEST);
    let posts = last.posts && next.is_none_or(|next| next.posts);
    let longer = if posts { many.max(POSTS) } else { many };
    let gather = Duration::from_micros(gather_us.saturating_mul(longer));
    gather.checked_sub(ago).filter(|left| !left.is_zero())
}

impl Actor for Store {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        let storage = &self.house.settings.storage;
        if storage.sync == settings::Sync::Interval {
            ctx.run_interval(Duration::from_millis(storage.sync_interval_ms), |store, ctx| {
                if let Err(error) = store.ledger.sync_now(now_ms()) {
                    log::error!("syncing the database failed, stopping: {error}");
                    store.house.watch.died(Death::Storage);
                    ctx.stop();
                }
            });
        }
        self.sleep_until_due(ctx);
    }
}

impl Handler<Submit> for Store {
    type Result = ();

    fn handle(&mut self, Submit { op, origin, then }: Submit, ctx: &mut Context<Self>) {
        let now = now_ms();
        if !matches!(op, Op::Advance { .. } | Op::Private { .. } | Op::Post { .. }) {
            self.sweep_if_due(now);
        }
        let result = self.ledger.stage(op, now);
        self.staged.push(Staged { origin, then, result });
        let storage = &self.house.settings.storage;
        if self.staged.len() >= storage.batch_requests || self.ledger.staged_bytes() >= storage.batch_bytes {
            self.commit(ctx);
        } else if !self.called {
            self.called = true;
            ctx.notify(Commit);
        }
    }
}

impl Handler<Commit> for Store {
    type Result = ();

    #[allow(
        clippy::disallowed_methods,
        reason = "nobody else lives on this thread, and it waits like this for every sync"
    )]
    fn handle(&mut self, _: Commit, ctx: &mut Context<Self>) {
        let last = self.last_batch.map(|(began, batch)| (began.elapsed(), batch));
        if !self.staged.is_empty()
            && let Some(patience) = patience(last, self.batch(), self.house.settings.storage.gather_us)
        {
            // Not a timer: those count whole milliseconds.
            // And not longer than once at a time: what comes meanwhile may be in more of a hurry.
            std::thread::sleep(patience.min(Duration::from_micros(self.house.settings.storage.gather_us)));
            return ctx.notify(Commit); // what has come meanwhile is in the mailbox before that
        }
        self.called = false;
        self.commit(ctx);
    }
}

impl Handler<StopStore> for Store {
    type Result = ();

    fn handle(&mut self, _: StopStore, ctx: &mut Context<Self>) {
        self.commit(ctx);
        if let Err(error) = self.ledger.sync_now(now_ms()) {
            log::error!("the last sync of the database failed: {error}");
        }
        ctx.stop();
    }
}

#[cfg(test)]
mod tests {
    use super::{Batch, patience};
    use protocol::SessionId;
    use std::time::Duration;

    const fn us(micros: u64) -> Duration {
        Duration::from_micros(micros)
    }

    const fn from(session: u64) -> Batch {
        Batch { requests: 1, from: Some(SessionId(session)), posts: false }
    }

    const fn many(requests: usize) -> Batch {
        Batch { requests, from: None, posts: false }
    }

    #[test]
    fn who_is_alone_does_not_wait() {
        let after = |last, next| patience(Some((us(0), last)), next, 400);
        assert_eq!(patience(None, Some(from(1)), 400), None, "nothing was committed yet");
        assert_eq!(after(from(1), Some(from(1))), None);
        assert_eq!(after(from(1), None), None, "nor for what is told to nobody");
        assert_eq!(after(from(1), Some(from(2))), Some(us(400)), "two are");
        assert_eq!(after(from(1), Some(many(2))), Some(us(400)));
        assert_eq!(after(many(2), Some(from(1))), Some(us(400)));
        assert_eq!(after(many(2), None), Some(us(400)));
    }

    #[test]
    fn many_wait_longer_up_to_three_times() {
        let after = |requests| patience(Some((us(100), many(requests))), Some(many(2)), 400);
        assert_eq!([2, 15].map(after), [Some(us(300)); 2]);
        assert_eq!([16, 23].map(after), [Some(us(700)); 2]);
        assert_eq!([24, 25, 4096, usize::MAX].map(after), [Some(us(1100)); 4]);
    }

    #[test]
    fn posts_wait_longer_among_themselves() {
        let post = |session| Batch { posts: true, ..from(session) };
        let after = |last, next| patience(Some((us(0), last)), Some(next), 400);
        assert_eq!(after(post(1), post(2)), Some(us(800)));
        assert_eq!(after(Batch { posts: true, ..many(24) }, post(2)), Some(us(1200)), "as all do where they are many");
        assert_eq!(after(post(1), post(1)), None, "alone");
        assert_eq!(after(post(1), from(1)), None, "alone, now here and now there");
        assert_eq!(after(post(1), from(2)), Some(us(400)), "a private message does not wait for them");
        assert_eq!(after(many(2), post(1)), Some(us(400)));
    }

    #[test]
    fn the_time_that_has_passed_counts() {
        let after = |ago, gather| patience(Some((ago, many(2))), Some(many(2)), gather);
        assert_eq!(after(us(399), 400), Some(us(1)));
        assert_eq!(after(us(400), 400), None);
        assert_eq!(after(Duration::MAX, 400), None);
        assert_eq!(after(us(0), 0), None, "0 is no pause");
    }
}
