//! Reading what is committed, from any thread, without ever waiting for the writer.
//!
//! Owns: what a committed row looks like to the rest of the server. Pages of messages are in `pages.rs`. Never: sees
//! what is only staged, writes, or panics over a row: damage is a [`ReadError`] with the row's key in it.

use super::desk;
use super::ledger::friends_request_is_live;
use super::ledger::group_card;
use super::ops::{Account, Conversation, GroupCard, GroupState, LoginState, Membership};
use super::rocks::Rocks;
use super::rows::{self, FriendRow, GroupRow, ListedRow, ReadError, RequestRow, Text};
use super::schema::{Family, Table, last_number};
use super::view::View;
use protocol::{Friend, GroupId, GroupRef, Name, NameKey, Person, Seq, UserId};
use quick_cache::sync::Cache;
use std::sync::Arc;
use std::time::Duration;

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

    /// A group with its members in the order in which they joined, at one moment. Bounded by `group.max_members`.
    ///
    /// # Errors
    /// [`ReadError`]
    pub fn group_state(&self, group: GroupId) -> Result<Option<GroupState>, ReadError> {
        let view = View::moment(&self.rocks);
        let Some(card) = self::group(&view, group)? else { return Ok(None) };
        let members = people(&view, &Table::Member.one(group.0), |_| true)?;
        Ok(Some(GroupState { card, members, head: view.log_head(Conversation::Group(group))? }))
    }

    /// All that a login needs, at one moment. Requests older than `request_ttl` at `now_ms` are left out.
    ///
    /// # Errors
    /// [`ReadError`]
    pub fn login_state(
        &self,
        user: UserId,
        now_ms: u64,
        request_ttl: Duration,
    ) -> Result<Option<LoginState>, ReadError> {
        let view = View::moment(&self.rocks);
        let Some(account) = account(&view, user)? else { return Ok(None) };
        let waits = |at_ms| friends_request_is_live(at_ms, now_ms, request_ttl);
        let groups = memberships(&view, user)?;
        let mut join_requests = Vec::new();
        for membership in &groups {
            let id = membership.group.id;
            if self::group(&view, id)?.is_some_and(|card| card.owner == user) {
                let asking = people(&view, &Table::JoinRequest.one(id.0), |row| waits(row.at_ms))?;
                join_requests.extend(asking.into_iter().map(|person| (membership.group.clone(), person)));
            }
        }
        Ok(Some(LoginState {
            account,
            friends: friends(&view, user)?,
            groups,
            friend_requests: in_order(&view, &Table::FriendRequest.one(user.0), |key, value| {
                let row: RequestRow<'_> = rows::decode(key, value)?;
                let asker = person_in(key, row.name)?;
                Ok(waits(row.at_ms).then_some((row.nth, (asker, row.special))))
            })?,
            join_requests,
            inbox_cursor: view.inbox_cursor(user)?,
        }))
    }

    /// An account's friends in the order in which they became so. Bounded by `friend.max`.
    ///
    /// # Errors
    /// [`ReadError`]
    pub fn friends(&self, user: UserId) -> Result<Vec<Friend>, ReadError> {
        friends(&View::now(&self.rocks), user)
    }

    /// An account's groups in the order in which it joined. Bounded by `group.max_per_account`.
    ///
    /// # Errors
    /// [`ReadError`]
    pub fn groups(&self, user: UserId) -> Result<Vec<Membership>, ReadError> {
        memberships(&View::moment(&self.rocks), user)
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
        View::now(&self.rocks).inbox_head(user)
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

fn account(view: &View<'_>, user: UserId) -> Result<Option<Account>, ReadError> {
    let key = Table::Account.one(user.0);
    match view.get(Family::State, &key)? {
        Some(value) => desk::account(user, &key, &value).map(Some),
        None => Ok(None),
    }
}

/// A group that has members.
fn group(view: &View<'_>, id: GroupId) -> Result<Option<GroupCard>, ReadError> {
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

/// A list, in the order in which it grew. `read` says the place in that order and the item, or leaves it out.
fn in_order<T>(
    view: &View<'_>,
    prefix: &[u8],
    mut read: impl FnMut(&[u8], &[u8]) -> Result<Option<(u64, T)>, ReadError>,
) -> Result<Vec<T>, ReadError> {
    let mut found = Vec::new();
    view.list(prefix, |key, value| {
        found.extend(read(key, value)?);
        Ok(())
    })?;
    found.sort_by_key(|(nth, _)| *nth); // stable: the order of keys where two have one place
    Ok(found.into_iter().map(|(_, item)| item).collect())
}

/// The number that a key ends with, and the name in its row.
fn listed(
    view: &View<'_>,
    prefix: &[u8],
    keep: impl Fn(&ListedRow<'_>) -> bool,
) -> Result<Vec<(u64, Name)>, ReadError> {
    in_order(view, prefix, |key, value| {
        let row: ListedRow<'_> = rows::decode(key, value)?;
        let item = (number_in(key)?, Name::from_stored(row.name));
        Ok(keep(&row).then_some((row.nth, item)))
    })
}

fn number_in(key: &[u8]) -> Result<u64, ReadError> {
    last_number(key).ok_or_else(|| ReadError::row(key, "has no number"))
}

fn person_in(key: &[u8], name: &str) -> Result<Person, ReadError> {
    Ok(Person { id: UserId(number_in(key)?), name: Name::from_stored(name) })
}

fn people(view: &View<'_>, prefix: &[u8], keep: impl Fn(&ListedRow<'_>) -> bool) -> Result<Vec<Person>, ReadError> {
    let found = listed(view, prefix, keep)?;
    Ok(found.into_iter().map(|(id, name)| Person { id: UserId(id), name }).collect())
}

fn friends(view: &View<'_>, user: UserId) -> Result<Vec<Friend>, ReadError> {
    in_order(view, &Table::Friend.one(user.0), |key, value| {
        let row: FriendRow<'_> = rows::decode(key, value)?;
        Ok(Some((row.nth, Friend { person: person_in(key, row.name)?, online: false, special: row.special })))
    })
}

fn memberships(view: &View<'_>, user: UserId) -> Result<Vec<Membership>, ReadError> {
    listed(view, &Table::Membership.one(user.0), |_| true)?
        .into_iter()
        .map(|(id, name)| {
            let cursor = view.number(&Table::GroupCursor.two(user.0, id))?.unwrap_or(0);
            Ok(Membership { group: GroupRef { id: GroupId(id), name }, cursor: Seq(cursor) })
        })
        .collect()
}
