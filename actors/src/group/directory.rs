//! The directory of groups: which are awake. Owns: the way to each group actor, and what waits while one wakes.
//! Hears: sessions (attach), the store (members changed), groups (idle). Tells: groups, readers; and, for a group that nobody
//! hears, those whom it would have told.
//! If it dies the process ends: nobody would know any more where a group is.
//!
//! Sleep is counted. A group may sleep only if it has seen everything that the directory sent to it; otherwise
//! something is still on its way, and would be lost.

use super::{AttachListener, Forwarded, Group, GroupChanged, Retire, Room};
use crate::cores::{Cores, unborn};
use crate::delivery::{Answered, Attached, MembershipChanged, Origin};
use crate::house::{Essential, House};
use crate::registry::Tell;
use crate::store::{GroupState, LoadGroup};
use actix::prelude::*;
use protocol::{GroupId, GroupRef, Seq};
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// What is said to a group through the directory.
pub enum Knock {
    /// A member's session wants to listen.
    Attach(AttachListener),
    /// Somebody joined or left.
    Changed(Change),
    /// An answer that must not overtake what the group was told before.
    Answer(Origin, Answered),
    /// News that must not either.
    Tell(Vec<Tell>),
}

impl Knock {
    /// Whether it takes listeners away.
    pub(super) fn parts(&self) -> bool {
        matches!(self, Self::Changed(Change { changed: GroupChanged::Left(_) | GroupChanged::Dissolved, .. }))
    }
}

enum Place {
    /// Its members are being read; what came meanwhile waits, bounded by the questions that sessions have open.
    Waking(Vec<Knock>),
    Awake {
        address: Addr<Group>,
        sent: u64,
    },
}

/// The actor.
pub struct Directory {
    house: Arc<House>,
    groups: FxHashMap<GroupId, Place>,
    _essential: Essential,
}

impl Directory {
    /// With all groups asleep.
    #[must_use]
    pub fn new(house: Arc<House>) -> Self {
        let essential = Essential::new("group directory", house.watch.clone());
        Self { house, groups: FxHashMap::default(), _essential: essential }
    }

    /// Tells a group that is awake, or wakes; gives back what nobody is there for.
    fn tell(&mut self, group: GroupId, knock: Knock) -> Option<Knock> {
        match self.groups.get_mut(&group) {
            Some(Place::Awake { address, sent }) if address.connected() => {
                *sent += 1;
                address.do_send(Forwarded(knock));
                None
            }
            Some(Place::Waking(waiting)) => {
                waiting.push(knock);
                None
            }
            Some(Place::Awake { .. }) | None => Some(knock),
        }
    }

    /// For a group that is not there: whoever wakes it reads what is stored, but these are to be told.
    fn without(&self, group: GroupId, knock: Knock) {
        match knock {
            Knock::Attach(AttachListener { user, session }) => {
                session.tell(Attached { user, group, listening: None, head: Seq(0) });
            }
            Knock::Changed(Change { group, changed }) => {
                let (user, joined, head) = match changed {
                    GroupChanged::Joined { person, head } => (person.id, true, head),
                    GroupChanged::Left(user) => (user, false, Seq(0)),
                    GroupChanged::Role { .. } | GroupChanged::Dissolved => return,
                };
                self.house.registry.membership(MembershipChanged { user, group, joined, head });
            }
            Knock::Answer(origin, body) => origin.answer(body),
            Knock::Tell(news) => self.house.registry.pass_on(news),
        }
    }

    fn tell_or_without(&mut self, group: GroupId, knock: Knock) {
        if let Some(knock) = self.tell(group, knock) {
            self.without(group, knock);
        }
    }
}

impl Actor for Directory {
    type Context = Context<Self>;
}

/// A session wants to listen to a group: wakes it.
#[derive(Message)]
#[rtype(result = "()")]
pub struct AttachTo {
    /// Which.
    pub group: GroupId,
    /// Who.
    pub attach: AttachListener,
}

/// A group's members changed. Their sessions hear of it by way of the group, behind what was posted before.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Change {
    /// Which.
    pub group: GroupRef,
    /// What.
    pub changed: GroupChanged,
}

/// An answer about a group, behind what the group was told before: whoever has it and asks the group finds it so.
#[derive(Message)]
#[rtype(result = "()")]
pub struct AnswerBehind {
    /// Which.
    pub group: GroupId,
    /// Whose question.
    pub origin: Origin,
    /// The answer.
    pub body: Answered,
}

/// News about a group for accounts, behind what the group was told before: whoever hears that it is in no more has heard
/// everything that was posted before, and whoever hears that it is in may write.
#[derive(Message)]
#[rtype(result = "()")]
pub struct TellBehind {
    /// Which.
    pub group: GroupId,
    /// The news.
    pub news: Vec<Tell>,
}

/// What a reader found about a group.
#[derive(Message)]
#[rtype(result = "()")]
pub struct GroupLoaded {
    /// Which.
    pub group: GroupId,
    /// Its members; `None` where there is no such group, or it could not be read.
    pub state: Option<GroupState>,
}

/// Nobody listens to that group, and it has seen so much.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Idle {
    /// Which.
    pub group: GroupId,
    /// How much of what the directory sent.
    pub seen: u64,
}

/// The server stops.
#[derive(Message)]
#[rtype(result = "()")]
pub struct StopGroups;

impl Handler<AttachTo> for Directory {
    type Result = ();

    fn handle(&mut self, AttachTo { group, attach }: AttachTo, ctx: &mut Context<Self>) {
        let Some(knock) = self.tell(group, Knock::Attach(attach)) else { return };
        if self.groups.contains_key(&group) {
            // A group that a panic has ended is woken again from what is stored.
            log::error!("group {group} had died; waking it again");
        }
        self.house.readers[0].do_send(LoadGroup { group, to: ctx.address() });
        self.groups.insert(group, Place::Waking(vec![knock]));
    }
}

impl Handler<Change> for Directory {
    type Result = ();

    fn handle(&mut self, change: Change, _: &mut Context<Self>) {
        self.tell_or_without(change.group.id, Knock::Changed(change));
    }
}

impl Handler<AnswerBehind> for Directory {
    type Result = ();

    fn handle(&mut self, AnswerBehind { group, origin, body }: AnswerBehind, _: &mut Context<Self>) {
        self.tell_or_without(group, Knock::Answer(origin, body));
    }
}

impl Handler<TellBehind> for Directory {
    type Result = ();

    fn handle(&mut self, TellBehind { group, news }: TellBehind, _: &mut Context<Self>) {
        self.tell_or_without(group, Knock::Tell(news));
    }
}

impl Handler<GroupLoaded> for Directory {
    type Result = ();

    fn handle(&mut self, GroupLoaded { group, state }: GroupLoaded, _: &mut Context<Self>) {
        let Some(Place::Waking(waiting)) = self.groups.remove(&group) else { return };
        let Some(state) = state else {
            log::error!("group {group} could not be woken");
            waiting.into_iter().for_each(|knock| self.without(group, knock));
            return;
        };
        let (address, newborn) = unborn::<Group>();
        let house = self.house.clone();
        Cores::give_birth(self.house.cores.group(group), newborn, move || Group::new(house, Room::new(state)));
        let mut sent = 0;
        for knock in waiting {
            sent += 1;
            address.do_send(Forwarded(knock));
        }
        self.groups.insert(group, Place::Awake { address, sent });
    }
}

impl Handler<Idle> for Directory {
    type Result = ();

    fn handle(&mut self, Idle { group, seen }: Idle, _: &mut Context<Self>) {
        if let Some(Place::Awake { address, sent }) = self.groups.get(&group)
            && *sent == seen
        {
            address.do_send(Retire);
            self.groups.remove(&group);
        }
    }
}

impl Handler<StopGroups> for Directory {
    type Result = ();

    fn handle(&mut self, _: StopGroups, _: &mut Context<Self>) {
        for (_, place) in self.groups.drain() {
            if let Place::Awake { address, .. } = place {
                address.do_send(Retire);
            }
        }
    }
}
