//! Reading what is committed, from any thread, without ever waiting for the writer.
//!
//! Owns: what a committed row looks like to the rest of the server. Lists are in `lists.rs`, pages of
//! messages in `pages.rs`. Never: sees what is only staged, writes, or panics over a row: damage is a [`ReadError`] with
//! the row's key in it.

use super::desk;
use super::ledger::{group_card, group_info};
use super::ops::{Account, Conversation, GroupCard};
use super::rocks::Rocks;
use super::rows::{self, AboutRow, FriendRow, GroupRow, ProfileRow, ReadError, Tally, Text};
use super::runs;
use super::schema::{Family, Table, known_address};
use super::view::View;
use bytes::Bytes;
use protocol::{Email, GroupAbout, GroupId, GroupInfo, GroupRef, Name, NameKey, Person, Profile, Seq, UserId};
use quick_cache::sync::Cache;
use std::net::IpAddr;
use std::sync::Arc;

/// Names that all readers of one ledger remember. They never change, so none is ever wrong.
const NAMES: usize = 65_536;

/// A read handle. Clones share it; all methods are synchronous and may touch the disk, so actors other than the
/// reading ones leave them alone. The database stays open (and locked) until the last one is dropped.
#[derive(Clone)]
pub struct Reader {
    pub(super) rocks: Arc<Rocks>,
    names: Arc<Cache<UserId, Name>>,
}

impl Reader {
    pub(super) fn new(rocks: Arc<Rocks>) -> Self {
        Self { rocks, names: Arc::new(Cache::new(NAMES)) }
    }

    /// The account of that name.
    ///
    /// # Errors
    /// [`ReadError`], as all of these.
    pub fn user_by_name(&self, name: &NameKey) -> Result<Option<UserId>, ReadError> {
        Ok(View::now(&self.rocks).number(&Table::UserName.text(name.as_str()))?.map(UserId))
    }

    /// An account.
    ///
    /// # Errors
    /// [`ReadError`]
    pub fn account(&self, user: UserId) -> Result<Option<Account>, ReadError> {
        account(&View::now(&self.rocks), user)
    }

    /// An account's password hash in PHC form.
    ///
    /// # Errors
    /// [`ReadError`]
    pub fn credentials(&self, user: UserId) -> Result<Option<String>, ReadError> {
        let key = Table::Credentials.one(user.0);
        let Some(value) = View::now(&self.rocks).get(Family::State, &key)? else { return Ok(None) };
        let Text(hash) = rows::decode(&key, &value)?;
        Ok(Some(hash.to_owned()))
    }

    /// An account's e-mail address.
    ///
    /// # Errors
    /// [`ReadError`]
    pub fn email_of(&self, user: UserId) -> Result<Option<Email>, ReadError> {
        let key = Table::Profile.one(user.0);
        let Some(value) = View::now(&self.rocks).get(Family::State, &key)? else { return Ok(None) };
        let row: ProfileRow<'_> = rows::decode(&key, &value)?;
        Ok((!row.email.is_empty()).then(|| Email::from_stored(row.email)))
    }

    /// Whether an account was logged in from that address before: `None` where it never was logged in from anywhere
    /// that was remembered.
    ///
    /// # Errors
    /// [`ReadError`]
    pub fn knows_address(&self, user: UserId, from: IpAddr) -> Result<Option<bool>, ReadError> {
        let (mut any, mut here) = (false, false);
        let key = known_address(user, from);
        View::now(&self.rocks).list(&Table::KnownAddress.one(user.0), |known, _| {
            any = true;
            here |= *known == *key;
            Ok(())
        })?;
        Ok(any.then_some(here))
    }

    /// The group of that name. One that everybody has left is not found, though its name stays taken.
    ///
    /// # Errors
    /// [`ReadError`]
    pub fn group_by_name(&self, name: &NameKey) -> Result<Option<GroupId>, ReadError> {
        let view = View::moment(&self.rocks);
        let Some(id) = view.number(&Table::GroupName.text(name.as_str()))?.map(GroupId) else { return Ok(None) };
        Ok(group(&view, id)?.map(|_| id))
    }

    /// A group. One that everybody has left is not found.
    ///
    /// # Errors
    /// [`ReadError`]
    pub fn group(&self, group: GroupId) -> Result<Option<GroupCard>, ReadError> {
        self::group(&View::now(&self.rocks), group)
    }

    /// A group as others see it. One that everybody has left is not found.
    ///
    /// # Errors
    /// [`ReadError`]
    pub fn group_info(&self, group: GroupId) -> Result<Option<GroupInfo>, ReadError> {
        let view = View::moment(&self.rocks);
        let key = Table::Group.one(group.0);
        let Some(value) = view.get(Family::State, &key)? else { return Ok(None) };
        let row: GroupRow<'_> = rows::decode(&key, &value)?;
        if row.abandoned {
            return Ok(None);
        }
        let key = Table::GroupAbout.one(group.0);
        let about = match view.get(Family::State, &key)? {
            Some(value) => rows::decode::<AboutRow<'_>>(&key, &value)?.told(),
            None => GroupAbout::default(),
        };
        let key = Table::MemberTally.one(group.0);
        let members = match view.get(Family::State, &key)? {
            Some(value) => rows::decode::<Tally>(&key, &value)?.live,
            None => 0,
        };
        Ok(Some(group_info(&group_card(group, &row), row.since_ms, about, members)))
    }

    /// All that an account tells about itself, address and picture included. `None` where there is no such account.
    ///
    /// # Errors
    /// [`ReadError`]
    pub fn profile(&self, user: UserId) -> Result<Option<Profile>, ReadError> {
        let view = View::moment(&self.rocks);
        let Some(account) = account(&view, user)? else { return Ok(None) };
        profile(&view, &account.person).map(Some)
    }

    /// What an account tells a friend about itself. `None` where the two are not friends.
    ///
    /// # Errors
    /// [`ReadError`]
    pub fn friend_profile(&self, user: UserId, friend: UserId) -> Result<Option<Profile>, ReadError> {
        let view = View::moment(&self.rocks);
        let key = Table::Friend.two(user.0, friend.0);
        let Some(value) = view.get(Family::State, &key)? else { return Ok(None) };
        let row: FriendRow<'_> = rows::decode(&key, &value)?;
        let person = Person { id: friend, name: Name::from_stored(row.name) };
        profile(&view, &person).map(|profile| Some(profile.for_others()))
    }

    /// The account of that e-mail address, whether or not it wants to be found.
    ///
    /// # Errors
    /// [`ReadError`]
    pub fn user_by_email(&self, email: &Email) -> Result<Option<UserId>, ReadError> {
        Ok(View::now(&self.rocks).number(&Table::Email.text(&email.key()))?.map(UserId))
    }

    /// The account of that e-mail address, unless it does not want to be found by it.
    ///
    /// # Errors
    /// [`ReadError`]
    pub fn findable_by_email(&self, email: &Email) -> Result<Option<Person>, ReadError> {
        let view = View::moment(&self.rocks);
        let Some(user) = view.number(&Table::Email.text(&email.key()))?.map(UserId) else { return Ok(None) };
        let Some(account) = account(&view, user)? else { return Ok(None) };
        let key = Table::Profile.one(user.0);
        let Some(value) = view.get(Family::State, &key)? else { return Ok(None) };
        let row: ProfileRow<'_> = rows::decode(&key, &value)?;
        Ok(row.findable.then_some(account.person))
    }

    /// Whether two accounts are friends. Nobody is their own.
    ///
    /// # Errors
    /// [`ReadError`]
    pub fn are_friends(&self, a: UserId, b: UserId) -> Result<bool, ReadError> {
        Ok(View::now(&self.rocks).get(Family::State, &Table::Friend.two(a.0, b.0))?.is_some())
    }

    /// Whether an account is in a group.
    ///
    /// # Errors
    /// [`ReadError`]
    pub fn is_member(&self, user: UserId, group: GroupId) -> Result<bool, ReadError> {
        Ok(View::now(&self.rocks).get(Family::State, &Table::Member.two(group.0, user.0))?.is_some())
    }

    /// The last place in a group's conversation; 0 where nothing was said.
    ///
    /// # Errors
    /// [`ReadError`]
    pub fn group_head(&self, group: GroupId) -> Result<Seq, ReadError> {
        View::now(&self.rocks).log_head(Conversation::Group(group))
    }

    /// The last place in an inbox; 0 where nothing ever came.
    ///
    /// # Errors
    /// [`ReadError`]
    pub fn inbox_head(&self, user: UserId) -> Result<Seq, ReadError> {
        runs::inbox_end(&View::moment(&self.rocks), user).map(|end| end.last)
    }

    /// Somebody that a row points at, who therefore exists.
    pub(super) fn person(&self, view: &View<'_>, pointing: &[u8], id: UserId) -> Result<Person, ReadError> {
        if let Some(name) = self.names.get(&id) {
            return Ok(Person { id, name });
        }
        let found = account(view, id)?;
        let person = found
            .ok_or_else(|| ReadError::row(pointing, format!("points at account {id}, which is not there")))?
            .person;
        self.names.insert(id, person.name.clone());
        Ok(person)
    }
}

pub(super) fn account(view: &View<'_>, user: UserId) -> Result<Option<Account>, ReadError> {
    let key = Table::Account.one(user.0);
    match view.get(Family::State, &key)? {
        Some(value) => desk::account(user, &key, &value).map(Some),
        None => Ok(None),
    }
}

/// A group that has members.
pub(super) fn group(view: &View<'_>, id: GroupId) -> Result<Option<GroupCard>, ReadError> {
    let key = Table::Group.one(id.0);
    let Some(value) = view.get(Family::State, &key)? else { return Ok(None) };
    let row: GroupRow<'_> = rows::decode(&key, &value)?;
    Ok((!row.abandoned).then(|| group_card(id, &row)))
}

/// The group that a notice points at: it may have lost its members since, but it was there.
pub(super) fn group_ref(view: &View<'_>, pointing: &[u8], id: GroupId) -> Result<GroupRef, ReadError> {
    let key = Table::Group.one(id.0);
    let value = view
        .get(Family::State, &key)?
        .ok_or_else(|| ReadError::row(pointing, format!("points at group {id}, which is not there")))?;
    let row: GroupRow<'_> = rows::decode(&key, &value)?;
    Ok(GroupRef { id, name: Name::from_stored(row.name) })
}

/// All that an account tells about itself.
pub(super) fn profile(view: &View<'_>, person: &Person) -> Result<Profile, ReadError> {
    let (key, picture) = (Table::Profile.one(person.id.0), Table::Avatar.one(person.id.0));
    let avatar = match view.get(Family::State, &picture)? {
        Some(value) => rows::decode_picture(&picture, &value)?,
        None => Bytes::new(),
    };
    Ok(match view.get(Family::State, &key)? {
        Some(value) => rows::decode::<ProfileRow<'_>>(&key, &value)?.profile(person.clone(), avatar),
        None => Profile { avatar, ..Profile::blank(person.clone()) },
    })
}
