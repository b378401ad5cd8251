//! Groups: founding and leaving. Joining is in `joining.rs`.

use super::accounts::Alike;
use super::{Ledger, is_full};
use crate::store::ops::{GroupCard, Outcome};
use crate::store::rows::{self, GroupRow, ListedRow, Number};
use crate::store::schema::{FIRST_GROUP, Meta, Table};
use protocol::{GroupId, GroupRef, JoinPolicy, Name, Refusal, UserId};

impl Ledger {
    pub(super) fn create_group(
        &mut self,
        owner: UserId,
        name: Name,
        join: JoinPolicy,
        now_ms: u64,
    ) -> Result<Outcome, Refusal> {
        let founder = self.known(owner)?.person;
        let key = Table::GroupName.text(name.key().as_str());
        if self.desk.has(&key)? {
            return Err(Refusal::GroupExists);
        }
        let likeness = self.likeness(Table::GroupSkeleton, &name)?.map_err(|Alike| Refusal::GroupExists)?;
        let groups = self.list_length(Table::MembershipTally, owner.0)?;
        if is_full(groups.1.live, self.settings.group.max_per_account) {
            return Err(Refusal::ListFull);
        }
        let counter = Table::meta(Meta::NextGroup);
        let id = self.desk.number(&counter)?.unwrap_or(FIRST_GROUP);
        let members = self.list_length(Table::MemberTally, id)?;

        let row = GroupRow { name: name.as_str(), owner: owner.0, join, since_ms: now_ms, abandoned: false };
        self.desk.put(counter, &Number(id + 1));
        self.desk.put(key, &Number(id));
        self.put_likeness(likeness, &name);
        self.desk.put(Table::Group.one(id), &row);
        self.desk.enlist(Table::Member.two(id, owner.0), members, listed(&founder.name, now_ms));
        self.desk.enlist(Table::Membership.two(owner.0, id), groups, listed(&name, now_ms));
        Ok(Outcome::GroupCreated { group: GroupCard { group: GroupRef { id: GroupId(id), name }, join, owner } })
    }

    pub(super) fn leave(&mut self, user: UserId, group: GroupId) -> Result<Outcome, Refusal> {
        let card = self.living_group(group)?;
        let member = Table::Member.two(group.0, user.0);
        if !self.desk.has(&member)? {
            return Err(Refusal::NotMember);
        }
        let me = self.known(user)?.person;
        let members = self.list_length(Table::MemberTally, group.0)?;
        let groups = self.list_length(Table::MembershipTally, user.0)?;
        if card.owner == user && members.1.live > 1 {
            return Err(Refusal::OwnerStays);
        }
        let key = Table::Group.one(group.0);
        let emptied = if members.1.live <= 1 { self.desk.get(&key)? } else { None };
        let emptied = match &emptied {
            Some(value) => Some(GroupRow { abandoned: true, ..rows::decode(&key, value)? }),
            None => None,
        };
        // Nobody is left to answer those who wait.
        let waiting = match emptied {
            Some(_) => self.desk.list(&Table::JoinRequest.one(group.0))?,
            None => Vec::new(),
        };

        if let Some(row) = emptied {
            self.desk.put(key, &row);
        }
        for (key, _) in waiting {
            self.desk.delete(key);
        }
        self.desk.strike(member, members);
        self.desk.strike(Table::Membership.two(user.0, group.0), groups);
        self.desk.delete(Table::GroupCursor.two(user.0, group.0));
        Ok(Outcome::Left { user: me, group: card })
    }

    /// A group that has members.
    pub(super) fn living_group(&mut self, group: GroupId) -> Result<GroupCard, Refusal> {
        let key = Table::Group.one(group.0);
        let value = self.desk.get(&key)?.ok_or(Refusal::NoSuchGroup)?;
        let row: GroupRow<'_> = rows::decode(&key, &value)?;
        if row.abandoned {
            return Err(Refusal::NoSuchGroup);
        }
        Ok(card(group, &row))
    }
}

/// A member in a group's list, or a group in a member's.
pub(super) fn listed<'a>(name: &'a Name, now_ms: u64) -> impl FnOnce(u64) -> ListedRow<'a> + 'a {
    move |nth| ListedRow { nth, at_ms: now_ms, name: name.as_str() }
}

/// A group as others see it.
pub(in crate::store) fn card(id: GroupId, row: &GroupRow<'_>) -> GroupCard {
    GroupCard { group: GroupRef { id, name: Name::from_stored(row.name) }, join: row.join, owner: UserId(row.owner) }
}
