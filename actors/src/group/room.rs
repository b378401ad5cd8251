//! One group's members and who of them listens, as a plain struct. A cache of what is stored.
//! Never: sends anything, or decides about membership (the store does; this follows).

use crate::delivery::SessionHandle;
use crate::store::{GroupCard, GroupState};
use protocol::{Member, Person, Role, Seq, SessionId, UserId};
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// A session that gets what is posted.
pub struct Listener {
    /// The account behind it.
    pub user: UserId,
    /// The session.
    pub session: Arc<SessionHandle>,
}

/// One group.
pub struct Room {
    card: GroupCard,
    /// In the order in which they joined.
    members: Vec<Member>,
    known: FxHashMap<UserId, ()>,
    listeners: Vec<Listener>,
    places: FxHashMap<SessionId, usize>,
    head: Seq,
}

impl Room {
    /// From what is stored.
    #[must_use]
    pub fn new(state: GroupState) -> Self {
        let known = state.members.iter().map(|member| (member.person.id, ())).collect();
        let GroupState { card, members, head } = state;
        Self { card, members, known, listeners: Vec::new(), places: FxHashMap::default(), head }
    }

    /// The group.
    #[must_use]
    pub fn card(&self) -> &GroupCard {
        &self.card
    }

    /// The members in the order in which they joined.
    #[must_use]
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// Whether that account is a member.
    #[must_use]
    pub fn is_member(&self, user: UserId) -> bool {
        self.known.contains_key(&user)
    }

    /// The last place in the conversation.
    #[must_use]
    pub fn head(&self) -> Seq {
        self.head
    }

    /// Somebody joined. Saying it twice changes nothing.
    pub fn joined(&mut self, person: Person) {
        if self.known.insert(person.id, ()).is_none() {
            self.members.push(Member { person, role: Role::Member });
        }
    }

    /// Somebody left: a member no more, and nobody who listens. Returns what listened.
    #[must_use]
    pub fn left(&mut self, user: UserId) -> Vec<Listener> {
        if self.known.remove(&user).is_none() {
            return Vec::new();
        }
        self.members.retain(|member| member.person.id != user);
        let sessions: Vec<_> =
            self.listeners.iter().filter(|listener| listener.user == user).map(|l| l.session.id).collect();
        sessions.into_iter().filter_map(|session| self.detach(session)).collect()
    }

    /// A member is something else now.
    pub fn is_now(&mut self, user: UserId, role: Role) {
        if let Some(member) = self.members.iter_mut().find(|member| member.person.id == user) {
            member.role = role;
            if role == Role::Owner {
                self.card.owner = user;
            }
        }
    }

    /// The group is no more: nobody is in it, and nobody hears it. It sleeps in its time, so that who has not heard of it
    /// yet is still answered. Returns who heard it.
    #[must_use]
    pub fn dissolved(&mut self) -> Vec<Listener> {
        self.members.clear();
        self.known.clear();
        self.places.clear();
        std::mem::take(&mut self.listeners)
    }

    /// Takes a member's session in. `false` where the account is not a member.
    pub fn attach(&mut self, user: UserId, session: Arc<SessionHandle>) -> bool {
        if !self.is_member(user) {
            return false;
        }
        if !self.places.contains_key(&session.id) {
            self.places.insert(session.id, self.listeners.len());
            self.listeners.push(Listener { user, session });
        }
        true
    }

    /// Lets a session go. The last listener takes its place.
    pub fn detach(&mut self, session: SessionId) -> Option<Listener> {
        let place = self.places.remove(&session)?;
        let gone = self.listeners.swap_remove(place);
        if let Some(moved) = self.listeners.get(place) {
            self.places.insert(moved.session.id, place);
        }
        Some(gone)
    }

    /// A message is committed: the conversation is that long now.
    pub fn posted(&mut self, seq: Seq) {
        self.head = self.head.max(seq);
    }

    /// Who listens.
    #[must_use]
    pub fn listeners(&self) -> &[Listener] {
        &self.listeners
    }

    /// Whether anybody listens.
    #[must_use]
    pub fn is_attended(&self) -> bool {
        !self.listeners.is_empty()
    }
}
