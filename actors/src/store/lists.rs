//! Lists of what is committed: members, friends, groups, and all that a login needs. Each is one bounded scan, at one moment.
//!
//! Owns: the order of every list. Never: sees what is only staged, or panics over a row.

use super::ReadError;
use super::ledger::friends_request_is_live;
use super::ops::{Conversation, FriendAsking, GroupState, LoginState, Membership};
use super::reader::{self, Reader, account, profile};
use super::rows::{self, FriendRow, InviteRow, ListedRow, MemberRow, ProfileRow, RequestRow};
use super::schema::{Family, Table, last_number};
use super::view::View;
use protocol::{Friend, GroupId, GroupRef, Member, Name, Person, Role, Seq, UserId};
use std::time::Duration;

impl Reader {
    /// A group with its members in the order in which they joined, at one moment. Bounded by `group.max_members`.
    ///
    /// # Errors
    /// [`ReadError`]
    pub fn group_state(&self, group: GroupId) -> Result<Option<GroupState>, ReadError> {
        let view = View::moment(&self.rocks);
        let Some(card) = reader::group(&view, group)? else { return Ok(None) };
        let owner = card.owner;
        let members = in_order(&view, &Table::Member.one(group.0), |key, value| {
            let row: MemberRow<'_> = rows::decode(key, value)?;
            let person = person_in(key, row.name)?;
            let role = if person.id == owner { Role::Owner } else { row.role };
            Ok(Some((row.nth, Member { person, role })))
        })?;
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
        profiles: bool,
    ) -> Result<Option<LoginState>, ReadError> {
        let view = View::moment(&self.rocks);
        let Some(account) = account(&view, user)? else { return Ok(None) };
        let waits = |at_ms| friends_request_is_live(at_ms, now_ms, request_ttl);
        let groups = memberships(&view, user)?;
        let mut join_requests = Vec::new();
        for membership in &groups {
            let id = membership.group.id;
            if answers_for(&view, id, user)? {
                let asking = in_order(&view, &Table::JoinRequest.one(id.0), |key, value| {
                    let row: RequestRow<'_> = rows::decode(key, value)?;
                    let asker = person_in(key, row.name)?;
                    Ok(waits(row.at_ms).then(|| (row.nth, (asker, Box::from(row.reason)))))
                })?;
                join_requests.extend(asking.into_iter().map(|(who, why)| (membership.group.clone(), who, why)));
            }
        }
        Ok(Some(LoginState {
            profile: if profiles { Some(Box::new(profile(&view, &account.person)?)) } else { None },
            account,
            friends: friends(&view, user, profiles)?,
            invites: in_order(&view, &Table::Invite.one(user.0), |key, value| {
                let row: InviteRow<'_> = rows::decode(key, value)?;
                let group = GroupRef { id: GroupId(number_in(key)?), name: Name::from_stored(row.name) };
                let inviter = Person { id: UserId(row.inviter), name: Name::from_stored(row.inviter_name) };
                Ok(waits(row.at_ms).then_some((row.nth, (group, inviter))))
            })?,
            groups,
            friend_requests: in_order(&view, &Table::FriendRequest.one(user.0), |key, value| {
                let row: RequestRow<'_> = rows::decode(key, value)?;
                let asker = person_in(key, row.name)?;
                let asking = FriendAsking { asker, special: row.special, reason: row.reason.into() };
                Ok(waits(row.at_ms).then_some((row.nth, asking)))
            })?,
            join_requests,
            blocked: blocked(&view, user)?,
            inbox_cursor: view.inbox_cursor(user)?,
        }))
    }

    /// An account's friends in the order in which they became so; with what they call themselves, where `profiles` are
    /// asked for. Bounded by `friend.max`.
    ///
    /// # Errors
    /// [`ReadError`]
    pub fn friends(&self, user: UserId, profiles: bool) -> Result<Vec<Friend>, ReadError> {
        friends(&View::moment(&self.rocks), user, profiles)
    }

    /// Whom an account has blocked, in the order in which it did. Bounded by `friend.max_blocked`.
    ///
    /// # Errors
    /// [`ReadError`]
    pub fn block_list(&self, user: UserId) -> Result<Vec<Person>, ReadError> {
        people(&View::now(&self.rocks), &Table::Block.one(user.0), |_| true)
    }

    /// An account's groups in the order in which it joined. Bounded by `group.max_per_account`.
    ///
    /// # Errors
    /// [`ReadError`]
    pub fn groups(&self, user: UserId) -> Result<Vec<Membership>, ReadError> {
        memberships(&View::moment(&self.rocks), user)
    }
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

/// Whether somebody answers those who ask into a group: its owner, or one of its managers.
fn answers_for(view: &View<'_>, id: GroupId, user: UserId) -> Result<bool, ReadError> {
    let Some(card) = reader::group(view, id)? else { return Ok(false) };
    if card.owner == user {
        return Ok(true);
    }
    let key = Table::Member.two(id.0, user.0);
    let Some(value) = view.get(Family::State, &key)? else { return Ok(false) };
    Ok(rows::decode::<MemberRow<'_>>(&key, &value)?.role == Role::Manager)
}

/// What somebody calls itself: its name, until it says something else.
fn nickname(view: &View<'_>, person: &Person) -> Result<Box<str>, ReadError> {
    let key = Table::Profile.one(person.id.0);
    match view.get(Family::State, &key)? {
        Some(value) => Ok(rows::decode::<ProfileRow<'_>>(&key, &value)?.nickname.into()),
        None => Ok(person.name.as_str().into()),
    }
}

fn blocked(view: &View<'_>, user: UserId) -> Result<Vec<UserId>, ReadError> {
    let mut found = Vec::new();
    view.list(&Table::Block.one(user.0), |key, _| {
        found.push(UserId(number_in(key)?));
        Ok(())
    })?;
    Ok(found)
}

fn friends(view: &View<'_>, user: UserId, profiles: bool) -> Result<Vec<Friend>, ReadError> {
    in_order(view, &Table::Friend.one(user.0), |key, value| {
        let row: FriendRow<'_> = rows::decode(key, value)?;
        let person = person_in(key, row.name)?;
        let nickname = if profiles { nickname(view, &person)? } else { Box::default() };
        let remark = row.remark.into();
        Ok(Some((row.nth, Friend { person, online: false, special: row.special, remark, nickname })))
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
