//! What is told after a commit, and to whom. Owns: the table from [`Outcome`] to answers, events and changes of
//! membership. Never: runs before the commit has returned.

use super::actor::{Committable, Then};
use super::ops::{Mark, Outcome};
use super::reads::LoadLogin;
use crate::delivery::{Answered, MembershipChanged, Origin};
use crate::group::{Change, GroupHandle, MembersChanged, PostCommitted};
use crate::house::House;
use crate::registry::Committed;
use protocol::{Event, GroupRef, MessagePolicy, Person, Refusal, Seq};
use std::sync::Arc;

/// A request that waits for its commit.
pub(super) struct Staged {
    pub(super) origin: Option<Origin>,
    pub(super) then: Then,
    pub(super) result: Result<Outcome, Refusal>,
}

/// Tells.
pub(super) struct Courier {
    house: Arc<House>,
    /// Private messages of one batch, by the receiver's shard: one message across threads per shard and batch.
    by_shard: Vec<Vec<Committable>>,
}

impl Courier {
    pub(super) fn new(house: Arc<House>) -> Self {
        let by_shard = (0..house.registry.shards().len()).map(|_| Vec::new()).collect();
        Self { house, by_shard }
    }

    /// Tells everybody whom a batch concerns, in the order of the batch.
    pub(super) fn announce(&mut self, staged: &mut Vec<Staged>) {
        for Staged { origin, then, result } in staged.drain(..) {
            match (then, result) {
                (Then::Registry, Ok(outcome)) => self.collect(Committable { origin, outcome }),
                (Then::Group { handle, echo }, Ok(outcome)) => {
                    to_group(&handle, Ok(Committable { origin, outcome }), echo);
                }
                (Then::Group { handle, echo }, Err(refusal)) => to_group(&handle, Err((origin, refusal)), echo),
                (Then::Concerned, Ok(outcome)) => self.concerned(outcome, origin),
                (_, Err(refusal)) => {
                    if let Some(origin) = origin {
                        origin.refuse(refusal);
                    }
                }
                (Then::Login(user), Ok(_)) => {
                    if let Some(origin) = origin {
                        self.house.reader(user).do_send(LoadLogin { user, origin });
                    }
                }
                (Then::Nobody, Ok(_)) => {}
            }
        }
        for (shard, messages) in self.house.registry.shards().iter().zip(&mut self.by_shard) {
            if !messages.is_empty() {
                shard.do_send(Committed(std::mem::take(messages)));
            }
        }
    }

    fn collect(&mut self, committable: Committable) {
        if let Outcome::Private { to, .. } = &committable.outcome {
            let shard = self.house.registry.place(to.id);
            self.by_shard[shard].push(committable);
        }
    }

    /// The others first, then the asker: whoever has the answer may count on what it says.
    fn concerned(&self, outcome: Outcome, origin: Option<Origin>) {
        let registry = &self.house.registry;
        let inbox = |told: Seq| Some(Mark::Inbox(told));
        match &outcome {
            Outcome::Befriended { from, to, told } => {
                registry.befriended(from.id, to.id, true);
                registry.tell(to.id, Event::FriendAdded { friend: from.clone() }, told.map(Mark::Inbox));
            }
            Outcome::FriendAsked { from, to, special, again: false } => {
                let event = Event::FriendRequested { asker: from.clone(), to: to.id, special: *special };
                registry.tell(to.id, event, None);
            }
            Outcome::FriendAnswered { user, asker, accepted: true, told } => {
                registry.befriended(user.id, asker.id, true);
                registry.tell(asker.id, Event::FriendAdded { friend: user.clone() }, inbox(*told));
            }
            Outcome::FriendAnswered { user, asker, accepted: false, told } => {
                registry.tell(asker.id, Event::FriendRejected { friend: user.clone() }, inbox(*told));
            }
            Outcome::Unfriended { user, friend } => {
                registry.befriended(user.id, friend.id, false);
                registry.tell(friend.id, Event::FriendRemoved { friend: user.clone() }, None);
            }
            Outcome::Joined { user, group, head } => self.member(user, &group.group, true, *head),
            Outcome::JoinAsked { user, group, again: false } => {
                let event = Event::JoinRequested { group: group.group.clone(), asker: user.clone() };
                registry.tell(group.owner, event, None);
            }
            Outcome::JoinAnswered { group, member, accepted, told, head } => {
                if *accepted {
                    self.member(member, &group.group, true, *head);
                }
                let event = Event::JoinAnswered { group: group.group.clone(), accepted: *accepted };
                registry.tell(member.id, event, inbox(*told));
            }
            Outcome::Left { user, group } => self.member(user, &group.group, false, Seq(0)),
            Outcome::GroupCreated { group } => {
                let change = MembershipChanged { group: group.group.clone(), joined: true, head: Seq(0) };
                registry.membership(group.owner, change);
            }
            Outcome::PolicySet { user, message, .. } => {
                registry.policy(*user, *message == MessagePolicy::Friends);
            }
            Outcome::FriendSet { .. }
            | Outcome::FriendAsked { again: true, .. }
            | Outcome::JoinAsked { again: true, .. }
            | Outcome::AccountCreated { .. }
            | Outcome::PasswordSet
            | Outcome::Private { .. }
            | Outcome::Posted { .. }
            | Outcome::Advanced => {}
        }
        let Some(origin) = origin else { return };
        // What the asker was told before, by way of its shard, must not be overtaken by the answer: of two who ask each
        // other at once, one is asked first and has a friend then.
        let asker = match &outcome {
            Outcome::Befriended { from, .. } | Outcome::FriendAsked { from, .. } => Some(from.id),
            Outcome::FriendAnswered { user, .. } | Outcome::Unfriended { user, .. } => Some(user.id),
            _ => None,
        };
        let body = Answered::Done(Box::new(outcome));
        match asker {
            Some(asker) => registry.answer(asker, origin, body),
            None => origin.answer(body),
        }
    }

    fn member(&self, person: &Person, group: &GroupRef, joined: bool, head: Seq) {
        let changed = MembersChanged { person: person.clone(), joined };
        self.house.directory.do_send(Change { group: group.id, changed });
        self.house.registry.membership(person.id, MembershipChanged { group: group.clone(), joined, head });
    }
}

fn to_group(handle: &GroupHandle, result: Result<Committable, (Option<Origin>, Refusal)>, echo: bool) {
    handle.tell(PostCommitted { result, echo });
}
