//! Groups: founding, leaving, and what they tell about themselves. Joining is in `joining.rs`, who may do what in
//! `roles.rs`, invitations are in `invites.rs`.

use super::accounts::Alike;
use super::{Ledger, is_full};
use crate::store::ops::{GroupCard, Outcome};
use crate::store::rows::{self, AboutRow, GroupRow, ListedRow, MemberRow, Number, ReadError, Tally};
use crate::store::schema::{FIRST_GROUP, Key, Meta, Table};
use protocol::{GroupAbout, GroupChange, GroupId, GroupInfo, GroupRef, JoinPolicy, Name, Refusal, Role, UserId};

/// How many names the server tries for a group that has none: all but the first are only needed where people have
/// given their groups such names.
const TRIES: u64 = 16;

/// A group that has members.
#[derive(Clone)]
pub(super) struct Living {
    pub(super) card: GroupCard,
    pub(super) since_ms: u64,
}

/// What a member's going takes: the lengths of both lists, and whether it gives the place of a manager back.
pub(super) struct Exit {
    pub(super) members: (Key, Tally),
    groups: (Key, Tally),
    manages: bool,
}

/// Who waits for a group, in either way and since when, and the keys of its managers.
pub(super) struct Remains {
    asking: Vec<(UserId, u64)>,
    invited: Vec<(UserId, u64)>,
    managers: Vec<Key>,
}

/// A name that nobody has, and what to note about it.
struct Free {
    name: Name,
    key: Key,
    likeness: Vec<Key>,
}

impl Ledger {
    pub(super) fn create_group(
        &mut self,
        owner: UserId,
        name: Option<Name>,
        join: JoinPolicy,
        about: &GroupAbout,
        now_ms: u64,
    ) -> Result<Outcome, Refusal> {
        let founder = self.known(owner)?.person;
        let counter = Table::meta(Meta::NextGroup);
        let id = self.desk.number(&counter)?.unwrap_or(FIRST_GROUP);
        let free = match name {
            Some(name) => self.free_name(name)?,
            None => self.some_name(id)?,
        };
        let Free { name, key, likeness } = free.ok_or(Refusal::GroupExists)?;
        let groups = self.list_length(Table::MembershipTally, owner.0)?;
        if is_full(groups.1.live, self.settings.group.max_per_account) {
            return Err(Refusal::ListFull);
        }
        let members = self.list_length(Table::MemberTally, id)?;

        self.desk.put(counter, &Number(id + 1));
        self.desk.put(key, &Number(id));
        self.put_likeness(likeness, &name);
        let card = GroupCard { group: GroupRef { id: GroupId(id), name }, join, owner };
        let living = Living { card, since_ms: now_ms };
        self.put_group(&living, false);
        self.put_about(GroupId(id), about);
        self.desk.enlist(Table::Member.two(id, owner.0), members, member(&founder.name, now_ms));
        self.desk.enlist(Table::Membership.two(owner.0, id), groups, listed(&living.card.group.name, now_ms));
        let info = Box::new(info(&living.card, now_ms, about.clone(), 1));
        Ok(Outcome::GroupCreated { group: living.card, info })
    }

    pub(super) fn leave(&mut self, user: UserId, group: GroupId) -> Result<Outcome, Refusal> {
        let living = self.living(group)?;
        let role = self.role_of(&living.card, user)?.ok_or(Refusal::NotMember)?;
        let me = self.known(user)?.person;
        let exit = self.exit(user, group, role)?;
        let last = exit.members.1.live <= 1;
        if role == Role::Owner && !last {
            return Err(Refusal::OwnerStays);
        }
        let remains = if last { Some(self.remains(group)?) } else { None };

        if let Some(remains) = remains {
            self.abandon(&living, remains);
        }
        self.put_out(user, group, exit);
        Ok(Outcome::Left { user: me, group: living.card })
    }

    pub(super) fn set_group(&mut self, user: UserId, group: GroupId, change: GroupChange) -> Result<Outcome, Refusal> {
        let mut living = self.managed(group, user)?;
        let was = self.about(group)?;
        let members = self.list_length(Table::MemberTally, group.0)?.1.live;

        let GroupChange { join, description, avatar, fields } = change;
        let about = GroupAbout {
            description: description.unwrap_or_else(|| was.description.clone()),
            avatar: avatar.unwrap_or_else(|| was.avatar.clone()),
            fields: fields.unwrap_or_else(|| was.fields.clone()),
        };
        if let Some(join) = join {
            living.card.join = join;
            self.put_group(&living, false);
        }
        if about != was {
            self.put_about(group, &about);
        }
        Ok(Outcome::GroupSet(Box::new(info(&living.card, living.since_ms, about, members))))
    }

    /// A group as others see it.
    pub(super) fn group_info(&mut self, living: &Living) -> Result<GroupInfo, ReadError> {
        let about = self.about(living.card.group.id)?;
        let members = self.list_length(Table::MemberTally, living.card.group.id.0)?.1.live;
        Ok(info(&living.card, living.since_ms, about, members))
    }

    /// A group that has members.
    pub(super) fn living_group(&mut self, group: GroupId) -> Result<GroupCard, Refusal> {
        Ok(self.living(group)?.card)
    }

    /// The same, with all that its row says.
    pub(super) fn living(&mut self, group: GroupId) -> Result<Living, Refusal> {
        let key = Table::Group.one(group.0);
        let value = self.desk.get(&key)?.ok_or(Refusal::NoSuchGroup)?;
        let row: GroupRow<'_> = rows::decode(&key, &value)?;
        if row.abandoned {
            return Err(Refusal::NoSuchGroup);
        }
        Ok(Living { card: card(group, &row), since_ms: row.since_ms })
    }

    pub(super) fn put_group(&mut self, Living { card, since_ms }: &Living, abandoned: bool) {
        let (name, owner, join, since_ms) = (card.group.name.as_str(), card.owner.0, card.join, *since_ms);
        self.desk.put(Table::Group.one(card.group.id.0), &GroupRow { name, owner, join, since_ms, abandoned });
    }

    /// What somebody is in a group, if it is in it.
    pub(super) fn role_of(&mut self, card: &GroupCard, user: UserId) -> Result<Option<Role>, ReadError> {
        let key = Table::Member.two(card.group.id.0, user.0);
        let Some(value) = self.desk.get(&key)? else { return Ok(None) };
        let row: MemberRow<'_> = rows::decode(&key, &value)?;
        Ok(Some(if card.owner == user { Role::Owner } else { row.role }))
    }

    /// What the going of a member of that role takes.
    pub(super) fn exit(&mut self, user: UserId, group: GroupId, role: Role) -> Result<Exit, ReadError> {
        let members = self.list_length(Table::MemberTally, group.0)?;
        let groups = self.list_length(Table::MembershipTally, user.0)?;
        Ok(Exit { members, groups, manages: role == Role::Manager })
    }

    /// A member no more, with all that it had in the group.
    pub(super) fn put_out(&mut self, user: UserId, group: GroupId, exit: Exit) {
        self.desk.strike(Table::Member.two(group.0, user.0), exit.members);
        self.desk.strike(Table::Membership.two(user.0, group.0), exit.groups);
        self.desk.delete(Table::GroupCursor.two(user.0, group.0));
        if exit.manages {
            self.desk.delete(Table::Manager.two(group.0, user.0));
        }
    }

    /// What lies around a group that ends, beside its members: nobody is left to answer those who wait.
    pub(super) fn remains(&mut self, group: GroupId) -> Result<Remains, ReadError> {
        let asking = self.joining(group)?;
        let invited = self.invited_into(group)?;
        let managers = self.desk.list(&Table::Manager.one(group.0))?.into_iter().map(|(key, _)| key).collect();
        Ok(Remains { asking, invited, managers })
    }

    /// Ends a group, but for its members.
    pub(super) fn abandon(&mut self, living: &Living, remains: Remains) {
        let group = living.card.group.id;
        self.put_group(living, true);
        self.desk.delete(Table::GroupAbout.one(group.0));
        for (who, at_ms) in remains.asking {
            self.end_join_request(who, group, Some(at_ms));
        }
        for (who, at_ms) in remains.invited {
            self.end_invite(who, group, Some(at_ms));
        }
        for key in remains.managers {
            self.desk.delete(key);
        }
    }

    fn about(&mut self, group: GroupId) -> Result<GroupAbout, ReadError> {
        let key = Table::GroupAbout.one(group.0);
        match self.desk.get(&key)? {
            Some(value) => Ok(rows::decode::<AboutRow<'_>>(&key, &value)?.told()),
            None => Ok(GroupAbout::default()),
        }
    }

    fn put_about(&mut self, group: GroupId, about: &GroupAbout) {
        let key = Table::GroupAbout.one(group.0);
        match AboutRow::of(about) {
            Some(row) => self.desk.put(key, &row),
            None => self.desk.delete(key),
        }
    }

    /// That name, if neither a group has it nor one that looks the same.
    fn free_name(&mut self, name: Name) -> Result<Option<Free>, ReadError> {
        let key = Table::GroupName.text(name.key().as_str());
        if self.desk.has(&key)? {
            return Ok(None);
        }
        match self.likeness(Table::GroupSkeleton, &name)? {
            Ok(likeness) => Ok(Some(Free { name, key, likeness })),
            Err(Alike) => Ok(None),
        }
    }

    /// A name made of the number that a group will have.
    fn some_name(&mut self, id: u64) -> Result<Option<Free>, ReadError> {
        for n in 1..=TRIES {
            let text = if n == 1 { format!("group-{id}") } else { format!("group-{id}-{n}") };
            if let Ok(name) = Name::parse(&text)
                && let Some(free) = self.free_name(name)?
            {
                return Ok(Some(free));
            }
        }
        Ok(None)
    }
}

/// A member in a group's list, or a group in a member's.
pub(super) fn listed<'a>(name: &'a Name, now_ms: u64) -> impl FnOnce(u64) -> ListedRow<'a> + 'a {
    move |nth| ListedRow { nth, at_ms: now_ms, name: name.as_str() }
}

/// A member without rights of its own.
pub(super) fn member<'a>(name: &'a Name, now_ms: u64) -> impl FnOnce(u64) -> MemberRow<'a> + 'a {
    move |nth| MemberRow { nth, at_ms: now_ms, name: name.as_str(), role: Role::Member }
}

/// A group as the server sees it.
pub(in crate::store) fn card(id: GroupId, row: &GroupRow<'_>) -> GroupCard {
    GroupCard { group: GroupRef { id, name: Name::from_stored(row.name) }, join: row.join, owner: UserId(row.owner) }
}

/// A group as others see it.
pub(in crate::store) fn info(card: &GroupCard, since_ms: u64, about: GroupAbout, members: u64) -> GroupInfo {
    GroupInfo { group: card.group.clone(), owner: card.owner, join: card.join, about, members, since_ms }
}
