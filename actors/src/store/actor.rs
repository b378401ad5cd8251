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
use super::gather::{Batch, Gather};
use super::ledger::Ledger;
use super::ops::{Op, Outcome};
use crate::accounts::Step;
use crate::delivery::Origin;
use crate::group::GroupHandle;
use crate::house::{Death, Essential, House, now_ms};
use crate::mail::Letter;
use crate::settings;
use actix::prelude::*;
use protocol::UserId;
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
    gather: Gather,
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
        let gather = Gather::new(&house.settings.storage);
        Self {
            house,
            ledger,
            courier,
            staged: Vec::new(),
            called: false,
            gather,
            wake: None,
            sweep_after: 0,
            _essential: essential,
        }
    }

    fn commit(&mut self, ctx: &mut Context<Self>) {
        if self.staged.is_empty() {
            return;
        }
        let (batch, began) = (self.batch(), Instant::now());
        self.gather.begins(batch, began);
        if let Err(error) = self.ledger.commit(now_ms()) {
            // What the disk has of this batch is unknown. Nobody gets a verdict, and nothing more is committed: the
            // process ends, and the next start finds out.
            log::error!("writing to the database failed, stopping without a verdict: {error}");
            self.staged.clear();
            self.house.watch.died(Death::Storage);
            ctx.stop();
            return;
        }
        if batch.is_some() {
            self.gather.took(began.elapsed());
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
        if !self.staged.is_empty()
            && let Some(patience) = self.gather.patience(self.batch(), Instant::now())
        {
            // Not a timer: those count whole milliseconds.
            std::thread::sleep(patience);
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
