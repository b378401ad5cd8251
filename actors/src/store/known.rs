//! Names that were looked up lately. Owns: a bounded cache from names to people and groups, shared by all sessions, so
//! that a message to a well-known name needs no question. Names never change and are never given away again, so
//! nothing here can be wrong; what is not here is asked of a reader.

use protocol::{GroupRef, NameKey, Person, UserId};
use quick_cache::sync::Cache;

/// How many names of each kind are remembered: about 150 bytes each.
const REMEMBERED: usize = 100_000;

/// The cache.
pub struct Names {
    users: Cache<NameKey, Person>,
    users_by_id: Cache<UserId, Person>,
    groups: Cache<NameKey, GroupRef>,
}

impl Default for Names {
    fn default() -> Self {
        Self { users: Cache::new(REMEMBERED), users_by_id: Cache::new(REMEMBERED), groups: Cache::new(REMEMBERED) }
    }
}

impl Names {
    /// The account of that name, if it was looked up lately.
    #[must_use]
    pub fn user(&self, key: &NameKey) -> Option<Person> {
        self.users.get(key)
    }

    /// The account of that number, if it was looked up lately.
    #[must_use]
    pub fn user_by_id(&self, id: UserId) -> Option<Person> {
        self.users_by_id.get(&id)
    }

    /// The group of that name, if it was looked up lately.
    #[must_use]
    pub fn group(&self, key: &NameKey) -> Option<GroupRef> {
        self.groups.get(key)
    }

    /// Remembers an account.
    pub fn learn_user(&self, key: NameKey, person: Person) {
        self.users_by_id.insert(person.id, person.clone());
        self.users.insert(key, person);
    }

    /// Remembers a group.
    pub fn learn_group(&self, key: NameKey, group: GroupRef) {
        self.groups.insert(key, group);
    }
}
