//! The persistence actor: the shell around the [`Ledger`]. The only writer.
//! Hears: everybody who changes something ([`Submit`]). Tells: whoever the request named ([`Then`]), after the commit.
//! If it dies the process ends: nothing may be acknowledged any more.
//!
//! Requests are staged as they come. `ctx.notify` to itself runs when the mailbox is empty: whatever came while the
//! last batch was being synced becomes the next batch. That is the whole of group commit.

use super::courier::{Courier, Staged};
use super::ledger::Ledger;
use super::ops::{Op, Outcome};
use crate::delivery::Origin;
use crate::group::GroupHandle;
use crate::house::{Death, Essential, House, now_ms};
use crate::settings;
use actix::prelude::*;
use protocol::UserId;
use std::sync::Arc;
use std::time::Duration;

/// Who stands behind a request and is told when it is committed.
#[derive(Clone)]
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
    /// A reader, who tells the asker all that a login of this account needs to know: so a login sees what the
    /// account's earlier session had received, even if that is written only now.
    Login(UserId),
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
    _essential: Essential,
}

impl Store {
    /// Over an open ledger.
    #[must_use]
    pub fn new(house: Arc<House>, ledger: Ledger) -> Self {
        let courier = Courier::new(house.clone());
        let essential = Essential::new("store", house.watch.clone());
        Self { house, ledger, courier, staged: Vec::new(), called: false, _essential: essential }
    }

    fn commit(&mut self, ctx: &mut Context<Self>) {
        if self.staged.is_empty() {
            return;
        }
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
    }
}

impl Handler<Submit> for Store {
    type Result = ();

    fn handle(&mut self, Submit { op, origin, then }: Submit, ctx: &mut Context<Self>) {
        let result = self.ledger.stage(op, now_ms());
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

    fn handle(&mut self, _: Commit, ctx: &mut Context<Self>) {
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
