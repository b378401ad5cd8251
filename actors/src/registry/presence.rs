//! Who is online, as a plain struct. Owns: for each account with a connection, its sessions and who watches it.
//! Never: sends anything. Methods return what there is to tell.

use crate::delivery::SessionHandle;
use protocol::{Instance, Name, Person, SessionId, UserId};
use rustc_hash::FxHashMap;
use smallvec::SmallVec;
use std::sync::Arc;

/// One account that is online, or on its way.
#[derive(Default)]
struct Here {
    /// Known from the announcing on.
    name: Option<Name>,
    sessions: SmallVec<[Arc<SessionHandle>; 1]>,
    /// Of those that have said which installation of a client they are.
    instances: Vec<(SessionId, Instance)>,
    /// Only friends may write to it.
    friends_only: bool,
    /// Who is told about this account. Friends, sorted.
    watchers: Vec<UserId>,
    /// Whom it takes nothing from. Sorted.
    blocked: Vec<UserId>,
    early: Option<Box<Early>>,
}

/// What changed between the attaching and the announcing of the first session, since the lists that come with the
/// announcing were read in between. Hardly ever anything.
#[derive(Default)]
struct Early {
    friends: Vec<(UserId, bool)>,
    blocks: Vec<(UserId, bool)>,
}

/// What happened at an announcement.
#[derive(Debug, PartialEq, Eq)]
pub struct Announced {
    /// Whether this made the account visible, so that its watchers must be told.
    pub first: bool,
}

/// The accounts of one shard.
#[derive(Default)]
pub struct Presence {
    /// Boxed, since up to half of a map's places are empty.
    here: FxHashMap<UserId, Box<Here>>,
}

impl Presence {
    /// Takes a session in, silently. Returns whether there was room among `per_account`.
    pub fn attach(
        &mut self,
        user: UserId,
        session: Arc<SessionHandle>,
        instance: Option<Instance>,
        per_account: usize,
    ) -> bool {
        let here = self.here.entry(user).or_default();
        if here.sessions.len() >= per_account {
            return false;
        }
        here.instances.extend(instance.map(|instance| (session.id, instance)));
        here.sessions.push(session);
        true
    }

    /// An installation has come on the connection `by`: its earlier one, if it is still here, gets nothing more and
    /// counts no more. Returns it; the account stays visible meanwhile.
    #[must_use]
    pub fn replace(&mut self, user: UserId, instance: Option<Instance>, by: SessionId) -> Option<Arc<SessionHandle>> {
        let here = self.here.get_mut(&user)?;
        let at = here.instances.iter().position(|(id, other)| Some(*other) == instance && *id != by)?;
        let (old, _) = here.instances.swap_remove(at);
        let at = here.sessions.iter().position(|handle| handle.id == old)?;
        Some(here.sessions.remove(at))
    }

    /// Makes an account visible to its friends. `None` where it has gone in the meantime.
    pub fn announce(
        &mut self,
        person: Person,
        friends_only: bool,
        friends: Vec<UserId>,
        blocked: Vec<UserId>,
    ) -> Option<Announced> {
        let here = self.here.get_mut(&person.id)?;
        let first = here.name.is_none();
        here.friends_only = friends_only;
        if first {
            here.watchers = sorted(friends);
            here.blocked = sorted(blocked);
            here.name = Some(person.name);
            let Early { friends, blocks } = here.early.take().map(|early| *early).unwrap_or_default();
            for (friend, added) in friends {
                set(&mut here.watchers, friend, added);
            }
            for (other, blocked) in blocks {
                set(&mut here.blocked, other, blocked);
            }
        }
        Some(Announced { first })
    }

    /// Lets a session go. Returns the account and whom to tell, where that was its last and it had been visible.
    pub fn detach(&mut self, user: UserId, session: SessionId) -> Option<(Person, Vec<UserId>)> {
        let here = self.here.get_mut(&user)?;
        here.sessions.retain(|handle| handle.id != session);
        here.instances.retain(|(id, _)| *id != session);
        if !here.sessions.is_empty() {
            return None;
        }
        let gone = self.here.remove(&user)?;
        let Here { name, watchers, .. } = *gone;
        Some((Person { id: user, name: name? }, watchers))
    }

    /// `friend` watches `user` from now on, or no more.
    pub fn befriend(&mut self, user: UserId, friend: UserId, added: bool) {
        if let Some(here) = self.here.get_mut(&user) {
            if here.name.is_some() {
                set(&mut here.watchers, friend, added);
            } else {
                here.early.get_or_insert_default().friends.push((friend, added));
            }
        }
    }

    /// `user` takes nothing from `other` from now on, or again.
    pub fn block(&mut self, user: UserId, other: UserId, blocked: bool) {
        if let Some(here) = self.here.get_mut(&user) {
            if here.name.is_some() {
                set(&mut here.blocked, other, blocked);
            } else {
                here.early.get_or_insert_default().blocks.push((other, blocked));
            }
        }
    }

    /// Only friends may write to `user` from now on, or anybody.
    pub fn set_policy(&mut self, user: UserId, friends_only: bool) {
        if let Some(here) = self.here.get_mut(&user) {
            here.friends_only = friends_only;
        }
    }

    /// Whether `from` may write to `user`, who is online.
    #[must_use]
    pub fn may_write(&self, from: UserId, user: UserId) -> bool {
        self.here.get(&user).is_some_and(|here| {
            let welcome = !here.friends_only || from == user || here.watchers.binary_search(&from).is_ok();
            welcome && here.blocked.binary_search(&from).is_err()
        })
    }

    /// Whether `friend` is told about `user`, who is online: whether they are friends.
    #[must_use]
    pub fn is_watched_by(&self, user: UserId, friend: UserId) -> bool {
        self.here.get(&user).is_some_and(|here| here.watchers.binary_search(&friend).is_ok())
    }

    /// The sessions of an account; none where it is not online.
    #[must_use]
    pub fn sessions(&self, user: UserId) -> &[Arc<SessionHandle>] {
        self.here.get(&user).map_or(&[], |here| &here.sessions)
    }

    /// Whether the account is visible.
    #[must_use]
    pub fn is_online(&self, user: UserId) -> bool {
        self.here.get(&user).is_some_and(|here| here.name.is_some())
    }
}

fn sorted(mut people: Vec<UserId>) -> Vec<UserId> {
    people.sort_unstable();
    people.dedup();
    people
}

/// Puts somebody into a sorted list, or takes it out.
fn set(list: &mut Vec<UserId>, who: UserId, there: bool) {
    match (list.binary_search(&who), there) {
        (Err(at), true) => list.insert(at, who),
        (Ok(at), false) => {
            list.remove(at);
        }
        _ => {}
    }
}
