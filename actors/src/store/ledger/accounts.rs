//! Accounts: names, passwords, policies.

use super::Ledger;
use crate::store::ops::{Account, Outcome};
use crate::store::rows::{self, AccountRow, Number, ReadError, Text};
use crate::store::schema::{FIRST_USER, Key, Meta, Table};
use protocol::{FriendPolicy, MessagePolicy, Name, Person, Refusal, UserId};

impl Ledger {
    pub(super) fn create_account(
        &mut self,
        name: &Name,
        password_hash: &str,
        add: FriendPolicy,
        message: MessagePolicy,
        now_ms: u64,
    ) -> Result<Outcome, Refusal> {
        let place = self.place_of(name)?.ok_or(Refusal::NameTaken)?;

        let user = self.add_account(place, password_hash, (add, message), now_ms);
        Ok(Outcome::AccountCreated { user })
    }

    /// The next account's number.
    pub(super) fn next_user(&mut self) -> Result<u64, ReadError> {
        Ok(self.desk.number(&Table::meta(Meta::NextUser))?.unwrap_or(FIRST_USER))
    }

    /// Where a new account of that name would be; nowhere if the name is taken, or looks like one that is.
    pub(super) fn place_of(&mut self, name: &Name) -> Result<Option<Place>, ReadError> {
        let key = Table::UserName.text(name.key().as_str());
        if self.desk.has(&key)? {
            return Ok(None);
        }
        let Ok(likeness) = self.likeness(Table::UserSkeleton, name)? else { return Ok(None) };
        let person = Person { id: UserId(self.next_user()?), name: name.clone() };
        Ok(Some(Place { person, key, likeness }))
    }

    /// Writes an account into its place.
    pub(super) fn add_account(
        &mut self,
        place: Place,
        password_hash: &str,
        (add, message): (FriendPolicy, MessagePolicy),
        now_ms: u64,
    ) -> Person {
        let Place { person, key, likeness } = place;
        let id = person.id.0;
        self.desk.put(Table::meta(Meta::NextUser), &Number(id + 1));
        self.desk.put(key, &Number(id));
        self.put_likeness(likeness, &person.name);
        self.desk.put(Table::Credentials.one(id), &Text(password_hash));
        self.desk.put_account(Account { person: person.clone(), add, message }, now_ms);
        person
    }

    pub(super) fn set_password(&mut self, user: UserId, password_hash: &str) -> Result<Outcome, Refusal> {
        self.known(user)?;
        self.desk.put(Table::Credentials.one(user.0), &Text(password_hash));
        Ok(Outcome::PasswordSet)
    }

    pub(super) fn set_policy(
        &mut self,
        user: UserId,
        add: Option<FriendPolicy>,
        message: Option<MessagePolicy>,
        now_ms: u64,
    ) -> Result<Outcome, Refusal> {
        let mut account = self.known(user)?;
        let key = Table::Account.one(user.0);
        let since_ms = match self.desk.get(&key)? {
            Some(value) => rows::decode::<AccountRow<'_>>(&key, &value)?.since_ms,
            None => now_ms,
        };
        account.add = add.unwrap_or(account.add);
        account.message = message.unwrap_or(account.message);

        let outcome = Outcome::PolicySet { user, add: account.add, message: account.message };
        self.desk.put_account(account, since_ms);
        Ok(outcome)
    }

    /// Where to note what a name looks like, as compared and as shown: nowhere if one that looks the same is noted
    /// already. `Alike` if that one
    /// is written in other scripts, which is how one name passes itself off as another.
    pub(super) fn likeness(&mut self, table: Table, name: &Name) -> Result<Result<Vec<Key>, Alike>, ReadError> {
        let mut fresh = Vec::new();
        for likeness in [name.skeleton(), name.skeleton_as_shown()] {
            let key = table.text(&likeness);
            match self.desk.get(&key)? {
                None => fresh.push(key),
                Some(value) => {
                    let Text(scripts) = rows::decode(&key, &value)?;
                    if scripts != name.scripts() {
                        return Ok(Err(Alike));
                    }
                }
            }
        }
        Ok(Ok(fresh))
    }

    pub(super) fn put_likeness(&mut self, fresh: Vec<Key>, name: &Name) {
        for key in fresh {
            self.desk.put(key, &Text(&name.scripts()));
        }
    }
}

/// Room for a new account, as found by [`Ledger::place_of`].
pub(super) struct Place {
    person: Person,
    key: Key,
    likeness: Vec<Key>,
}

/// A name looks like one that exists.
pub(super) struct Alike;
