//! Accounts: names, passwords, policies.

use super::Ledger;
use crate::store::ops::{Account, Outcome};
use crate::store::rows::{self, AccountRow, Number, ReadError, Text};
use crate::store::schema::{FIRST_USER, Key, Meta, Table};
use protocol::{FriendPolicy, MessagePolicy, Name, Person, Refusal, UserId};

impl Ledger {
    pub(super) fn create_account(
        &mut self,
        name: Name,
        password_hash: &str,
        add: FriendPolicy,
        message: MessagePolicy,
        now_ms: u64,
    ) -> Result<Outcome, Refusal> {
        let key = Table::UserName.text(name.key().as_str());
        if self.desk.has(&key)? {
            return Err(Refusal::NameTaken);
        }
        let likeness = self.likeness(Table::UserSkeleton, &name)?.map_err(|Alike| Refusal::NameTaken)?;
        let counter = Table::meta(Meta::NextUser);
        let id = self.desk.number(&counter)?.unwrap_or(FIRST_USER);

        let person = Person { id: UserId(id), name };
        self.desk.put(counter, &Number(id + 1));
        self.desk.put(key, &Number(id));
        self.put_likeness(likeness, &person.name);
        self.desk.put(Table::Credentials.one(id), &Text(password_hash));
        self.desk.put_account(Account { person: person.clone(), add, message }, now_ms);
        Ok(Outcome::AccountCreated { user: person })
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

/// A name looks like one that exists.
pub(super) struct Alike;
