//! The registry: who is online, and who is told about whom. Owns: the shards, hidden behind [`Registry`].
//! Hears: sessions (attach, announce, detach, private messages, file offers), the store (what was committed).
//! Tells: sessions (deliveries), the store (messages to commit), the transfer broker.
//! If a shard dies the process ends: nobody would know any more who is online.

mod files;
mod presence;
mod shard;

pub(crate) use files::FindSender;
pub use files::{OfferFile, TellAsked, Whom};
pub use presence::{Announced, Presence};
pub(crate) use shard::address_of;
pub use shard::{
    Announce, Attach, Befriended, BlockChanged, Committed, Detach, Membership, PassOn, PolicyChanged, PresenceChanged,
    Roll, SendPrivate, Shard, Tell, Whisper,
};

use crate::delivery::{Answered, MembershipChanged, Origin};
use crate::store::Mark;
use actix::prelude::*;
use protocol::{Event, Outgoing, UserId};
use std::sync::Arc;

/// The way to the registry. Nobody sees that there are shards: what concerns an account goes to its own.
#[derive(Clone)]
pub struct Registry {
    shards: Arc<[Addr<Shard>]>,
}

impl Registry {
    /// From the shards in the order of the session arbiters that they live on.
    #[must_use]
    pub fn new(shards: Vec<Addr<Shard>>) -> Self {
        Self { shards: shards.into() }
    }

    /// The shard that knows this account.
    #[must_use]
    pub fn shard(&self, user: UserId) -> &Addr<Shard> {
        &self.shards[self.place(user)]
    }

    /// All shards.
    #[must_use]
    pub fn shards(&self) -> &[Addr<Shard>] {
        &self.shards
    }

    /// The place of the shard that knows this account.
    #[must_use]
    pub fn place(&self, user: UserId) -> usize {
        usize::try_from(user.0).unwrap_or(0) % self.shards.len()
    }

    /// Tells an account something, on all its sessions. Where it is away it is not told; a mark says where it will
    /// find it later.
    pub fn tell(&self, to: UserId, event: Event, mark: Option<Mark>) {
        self.shard(to).do_send(Tell::new(to, event, mark));
    }

    /// Tells all of these.
    pub fn pass_on(&self, news: Vec<Tell>) {
        news.into_iter().for_each(|tell| self.shard(tell.to).do_send(tell));
    }

    /// Answers one of an account's sessions, behind what the account was told before.
    pub fn answer(&self, user: UserId, origin: Origin, body: Answered) {
        self.shard(user).do_send(PassOn { origin, body });
    }

    /// Tells all sessions of an account that it came into a group or went out.
    pub fn membership(&self, change: MembershipChanged) {
        self.shard(change.user).do_send(Membership(change));
    }

    /// Two accounts are friends now, or no more.
    pub fn befriended(&self, a: UserId, b: UserId, added: bool) {
        self.shard(a).do_send(Befriended { user: a, friend: b, added });
        self.shard(b).do_send(Befriended { user: b, friend: a, added });
    }

    /// Who may write to an account has changed.
    pub fn policy(&self, user: UserId, friends_only: bool) {
        self.shard(user).do_send(PolicyChanged { user, friends_only });
    }

    /// `user` takes nothing from `other` any more, or again.
    pub fn blocked(&self, user: UserId, other: UserId, blocked: bool) {
        self.shard(user).do_send(BlockChanged { user, other, blocked });
    }

    /// Asks who of `ask` is online. The question travels from shard to shard; the last one answers.
    pub fn roll(&self, ask: Vec<UserId>, origin: Origin) {
        self.shards[0].do_send(Roll { ask, online: Vec::new(), next: 1, origin });
    }

    /// Tells those of `watchers` who are online that somebody came or went.
    fn tell_watchers(&self, what: &Arc<Outgoing>, watchers: &[UserId]) {
        let mut per_shard: Vec<Vec<UserId>> = vec![Vec::new(); self.shards.len()];
        for watcher in watchers {
            per_shard[self.place(*watcher)].push(*watcher);
        }
        for (shard, watchers) in self.shards.iter().zip(per_shard) {
            if !watchers.is_empty() {
                shard.do_send(PresenceChanged { what: what.clone(), watchers });
            }
        }
    }
}
