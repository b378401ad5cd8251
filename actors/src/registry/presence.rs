//! Who is online, as a plain struct. Owns: for each account with a connection, its sessions and who watches it.
//! Never: sends anything. Methods return what there is to tell.

use crate::delivery::SessionHandle;
use protocol::{Person, SessionId, UserId};
use smallvec::SmallVec;
use std::collections::HashMap;
use std::sync::Arc;

/// One account that is online, or on its way.
struct Here {
    /// Known from the announcing on.
    person: Option<Person>,
    sessions: SmallVec<[Arc<SessionHandle>; 1]>,
    /// Only friends may write to it.
    friends_only: bool,
    /// Who is told about this account. Friends, sorted.
    watchers: Vec<UserId>,
    /// Friendships that changed between the attaching and the announcing of the first session, since the list that
    /// comes with the announcing was read in between.
    changes: Vec<(UserId, bool)>,
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
    here: HashMap<UserId, Here>,
}

impl Presence {
    /// Takes a session in, silently. Returns whether there was room among `per_account`.
    pub fn attach(&mut self, user: UserId, session: Arc<SessionHandle>, per_account: usize) -> bool {
        let here = self.here.entry(user).or_insert_with(|| Here {
            person: None,
            sessions: SmallVec::new(),
            friends_only: false,
            watchers: Vec::new(),
            changes: Vec::new(),
        });
        if here.sessions.len() >= per_account {
            return false;
        }
        here.sessions.push(session);
        true
    }

    /// Makes an account visible to its friends. `None` where it has gone in the meantime.
    pub fn announce(&mut self, person: Person, friends_only: bool, mut friends: Vec<UserId>) -> Option<Announced> {
        let here = self.here.get_mut(&person.id)?;
        let first = here.person.is_none();
        here.friends_only = friends_only;
        if first {
            friends.sort_unstable();
            friends.dedup();
            here.watchers = friends;
            here.person = Some(person);
            for (friend, added) in std::mem::take(&mut here.changes) {
                here.watch(friend, added);
            }
        }
        Some(Announced { first })
    }

    /// Lets a session go. Returns the account and whom to tell, where that was its last and it had been visible.
    pub fn detach(&mut self, user: UserId, session: SessionId) -> Option<(Person, Vec<UserId>)> {
        let here = self.here.get_mut(&user)?;
        here.sessions.retain(|handle| handle.id != session);
        if !here.sessions.is_empty() {
            return None;
        }
        let gone = self.here.remove(&user)?;
        Some((gone.person?, gone.watchers))
    }

    /// `friend` watches `user` from now on, or no more.
    pub fn befriend(&mut self, user: UserId, friend: UserId, added: bool) {
        if let Some(here) = self.here.get_mut(&user) {
            if here.person.is_some() {
                here.watch(friend, added);
            } else {
                here.changes.push((friend, added));
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
        self.here
            .get(&user)
            .is_some_and(|here| !here.friends_only || from == user || here.watchers.binary_search(&from).is_ok())
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
        self.here.get(&user).is_some_and(|here| here.person.is_some())
    }
}

impl Here {
    fn watch(&mut self, friend: UserId, added: bool) {
        match (self.watchers.binary_search(&friend), added) {
            (Err(at), true) => self.watchers.insert(at, friend),
            (Ok(at), false) => {
                self.watchers.remove(at);
            }
            _ => {}
        }
    }
}
