//! Who may do what in a group: managers, putting people out, handing the group over, ending it.
//!
//! A member's row says whether it is a manager; who owns the group, the group's own row says. Managers are listed a
//! second time, so that whoever must be told of a request is found without a look at all members.

use super::groups::Living;
use super::{Ledger, is_full};
use crate::store::desk::Line;
use crate::store::ops::{GroupCard, Outcome};
use crate::store::rows::{self, InboxRow, MemberRow, Notice, Number, ReadError, Tally};
use crate::store::schema::{Table, last_number};
use protocol::{GroupId, Name, Person, Refusal, Role, Seq, UserId};

impl Ledger {
    pub(super) fn set_role(
        &mut self,
        user: UserId,
        group: GroupId,
        member: UserId,
        role: Role,
    ) -> Result<Outcome, Refusal> {
        if role == Role::Owner {
            return Err(Refusal::BadValue);
        }
        let card = self.owned(group, user)?.card;
        let (person, was) = self.other_member(&card, user, member)?;
        if was == role {
            return Ok(Outcome::RoleSet { group: card, member: person, role, told: Seq(0) });
        }
        if role == Role::Manager && is_full(self.manager_count(group)?, self.settings.group.max_managers) {
            return Err(Refusal::ListFull);
        }
        let inbox = self.room_in_inbox(member)?;
        let places = self.places(group, &[member])?;

        for place in places {
            self.put_role(group, place, role);
        }
        let told = self.desk.append_inbox(member, inbox, &InboxRow::Notice(Notice::RoleChanged { group, role }));
        Ok(Outcome::RoleSet { group: card, member: person, role, told })
    }

    pub(super) fn remove_member(
        &mut self,
        user: UserId,
        group: GroupId,
        member: UserId,
        reason: Box<str>,
    ) -> Result<Outcome, Refusal> {
        let living = self.managed(group, user)?;
        let (person, role) = self.other_member(&living.card, user, member)?;
        if role != Role::Member && living.card.owner != user {
            return Err(Refusal::NotOwner);
        }
        let exit = self.exit(member, group, role)?;
        let inbox = self.desk.head(Line::Inbox(member))?;

        self.put_out(member, group, exit);
        let notice = Notice::MemberRemoved { group, reason: reason.clone() };
        let told = self.desk.append_inbox(member, inbox, &InboxRow::Notice(notice));
        Ok(Outcome::MemberRemoved { group: living.card, member: person, reason, told })
    }

    /// The old owner becomes a manager; an ordinary member where there are as many managers as there may be.
    pub(super) fn transfer_group(&mut self, user: UserId, group: GroupId, member: UserId) -> Result<Outcome, Refusal> {
        let mut living = self.owned(group, user)?;
        let (to, was) = self.other_member(&living.card, user, member)?;
        let from = self.known(user)?.person;
        let others = self.manager_count(group)?.saturating_sub(u64::from(was == Role::Manager));
        let full = is_full(others, self.settings.group.max_managers);
        let left_as = if full { Role::Member } else { Role::Manager };
        let inbox = self.desk.head(Line::Inbox(member))?;
        let roles = [Role::Member, left_as]; // that it owns the group, the group's row says
        let places = self.places(group, &[member, user])?;
        living.card.owner = member;
        let info = Box::new(self.group_info(&living)?);

        self.put_group(&living, false);
        for (place, role) in places.into_iter().zip(roles) {
            self.put_role(group, place, role);
        }
        let notice = Notice::RoleChanged { group, role: Role::Owner };
        let told = self.desk.append_inbox(member, inbox, &InboxRow::Notice(notice));
        Ok(Outcome::GroupTransferred { group: living.card, from, left_as, to, told, info })
    }

    /// Costs a look at every member: `group.max_members` bounds it.
    pub(super) fn dissolve_group(&mut self, user: UserId, group: GroupId) -> Result<Outcome, Refusal> {
        let living = self.owned(group, user)?;
        let remains = self.remains(group)?;
        let (length, tally) = self.list_length(Table::MemberTally, group.0)?;
        let mut going = Vec::new();
        for (key, value) in self.desk.list(&Table::Member.one(group.0))? {
            let row: MemberRow<'_> = rows::decode(&key, &value)?;
            let id = UserId(last_number(&key).ok_or_else(|| ReadError::row(&key, "has no number"))?);
            let person = Person { id, name: Name::from_stored(row.name) };
            let groups = self.list_length(Table::MembershipTally, id.0)?;
            let inbox = self.desk.head(Line::Inbox(id))?;
            going.push((row.nth, key, person, groups, inbox));
        }
        going.sort_by_key(|(nth, ..)| *nth);

        self.abandon(&living, remains);
        self.desk.put(length, &Tally { live: 0, ..tally });
        let mut members = Vec::with_capacity(going.len());
        for (_, key, person, groups, inbox) in going {
            self.desk.delete(key);
            self.desk.strike(Table::Membership.two(person.id.0, group.0), groups);
            self.desk.delete(Table::GroupCursor.two(person.id.0, group.0));
            // Whoever ends a group knows it.
            let told = match person.id == user {
                true => Seq(0),
                false => {
                    let row = InboxRow::Notice(Notice::GroupDissolved { group });
                    self.desk.append_inbox(person.id, inbox, &row)
                }
            };
            members.push((person, told));
        }
        Ok(Outcome::GroupDissolved { group: living.card, members })
    }

    /// A group of which `user` is owner or manager.
    pub(super) fn managed(&mut self, group: GroupId, user: UserId) -> Result<Living, Refusal> {
        let living = self.living(group)?;
        match self.role_of(&living.card, user)? {
            Some(Role::Owner | Role::Manager) => Ok(living),
            Some(Role::Member) | None => Err(Refusal::NotManager),
        }
    }

    /// A group that `user` owns.
    fn owned(&mut self, group: GroupId, user: UserId) -> Result<Living, Refusal> {
        let living = self.living(group)?;
        if living.card.owner == user { Ok(living) } else { Err(Refusal::NotOwner) }
    }

    /// Somebody else in the group, and as what.
    fn other_member(&mut self, card: &GroupCard, user: UserId, member: UserId) -> Result<(Person, Role), Refusal> {
        if user == member {
            return Err(Refusal::Yourself);
        }
        let role = self.role_of(card, member)?.ok_or(Refusal::NotMember)?;
        Ok((self.known(member)?.person, role))
    }

    /// Who answers requests to join: the owner first, then the managers in the order in which they joined.
    pub(super) fn managers_of(&mut self, card: &GroupCard) -> Result<Vec<UserId>, ReadError> {
        let mut found = Vec::new();
        for (key, value) in self.desk.list(&Table::Manager.one(card.group.id.0))? {
            let Number(nth) = rows::decode(&key, &value)?;
            let id = last_number(&key).ok_or_else(|| ReadError::row(&key, "has no number"))?;
            found.push((nth, UserId(id)));
        }
        found.sort_unstable();
        Ok(std::iter::once(card.owner).chain(found.into_iter().map(|(_, id)| id)).collect())
    }

    fn manager_count(&mut self, group: GroupId) -> Result<u64, ReadError> {
        let managers = self.desk.list(&Table::Manager.one(group.0))?.len();
        Ok(u64::try_from(managers).unwrap_or(u64::MAX))
    }

    /// The rows of members whose role is about to change.
    fn places(&mut self, group: GroupId, members: &[UserId]) -> Result<Vec<Place>, Refusal> {
        let mut places = Vec::with_capacity(members.len());
        for &user in members {
            let key = Table::Member.two(group.0, user.0);
            let value = self.desk.get(&key)?.ok_or(Refusal::NotMember)?;
            let MemberRow { nth, at_ms, name, role: _ } = rows::decode(&key, &value)?;
            places.push(Place { user, nth, at_ms, name: name.into() });
        }
        Ok(places)
    }

    /// What a member's row says of its role, and the list of managers.
    fn put_role(&mut self, group: GroupId, place: Place, role: Role) {
        let Place { user, nth, at_ms, name } = place;
        self.desk.put(Table::Member.two(group.0, user.0), &MemberRow { nth, at_ms, name: &name, role });
        let key = Table::Manager.two(group.0, user.0);
        match role {
            Role::Manager => self.desk.put(key, &Number(nth)),
            Role::Member | Role::Owner => self.desk.delete(key),
        }
    }
}

/// A member's row but for the role.
struct Place {
    user: UserId,
    nth: u64,
    at_ms: u64,
    name: Box<str>,
}
