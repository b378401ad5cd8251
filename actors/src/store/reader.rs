//! Reading what is committed, from any thread, without ever waiting for the writer.
//!
//! Owns: what a committed row looks like to the rest of the server. Pages of messages are in `pages.rs`. Never: sees
//! what is only staged, writes, or panics over a row: damage is a [`ReadError`] with the row's key in it.

use super::desk;
use super::ledger::friends_request_is_live;
use super::ledger::{group_card, group_info};
use super::ops::{Account, Conversation, FriendAsking, GroupCard, GroupState, LoginState, Membership};
use super::rocks::Rocks;
use super::rows::{
    self, AboutRow, FriendRow, GroupRow, InviteRow, ListedRow, MemberRow, ProfileRow, ReadError, RequestRow, Tally,
    Text,
};
use super::schema::{Family, Table, known_address, last_number};
use super::view::View;
use bytes::Bytes;
use protocol::{
    Email, Friend, GroupAbout, GroupId, GroupInfo, GroupRef, Member, Name, NameKey, Person, Profile, Role, Seq, UserId,
};
use quick_cache::sync::Cache;
use std::net::IpAddr;
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

    /// A group with its members in the order in which they joined, at one moment. Bounded by `group.max_members`.
    ///
    /// # Errors
    /// [`ReadError`]
    pub fn group_state(&self, group: GroupId) -> Result<Option<GroupState>, ReadError> {
        let view = View::moment(&self.rocks);
        let Some(card) = self::group(&view, group)? else { return Ok(None) };
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

/// Whether somebody answers those who ask into a group: its owner, or one of its managers.
fn answers_for(view: &View<'_>, id: GroupId, user: UserId) -> Result<bool, ReadError> {
    let Some(card) = group(view, id)? else { return Ok(false) };
    if card.owner == user {
        return Ok(true);
    }
    let key = Table::Member.two(id.0, user.0);
    let Some(value) = view.get(Family::State, &key)? else { return Ok(false) };
    Ok(rows::decode::<MemberRow<'_>>(&key, &value)?.role == Role::Manager)
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
