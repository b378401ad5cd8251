//! Requests and invitations that nobody has answered in time.
//!
//! Each has, beside its own row, one in the order of age: written with it ([`Ledger::note_due`]) and deleted with it
//! ([`Ledger::forget_due`]), whatever ends it. So each lapses once, whoever is awake and however often the server stops.

use super::{Ledger, group_card};
use crate::store::desk::Line;
use crate::store::ops::{Lapse, Outcome};
use crate::store::rows::{self, GroupRow, InboxRow, InviteRow, Nothing, Notice, Number, ReadError, RequestRow};
use crate::store::schema::{Key, Meta, Table, Waiting, behind};
use protocol::{GroupId, GroupRef, Person, Refusal, Seq, UserId};
use std::collections::HashMap;

/// Requests and invitations that one [`Op::Expire`](crate::store::Op::Expire) ends at the most: it is one of many in a
/// batch, and those behind it wait.
const AT_ONCE: usize = 256;

/// What has lapsed, with those whom it concerned.
enum Ended {
    Friend { asker: Person, asked: Person },
    Join { group: GroupRef, asker: Person, managers: Vec<UserId> },
    Invite { group: GroupRef, inviter: UserId, who: Person },
}

/// What was read of the groups of one sweep: each with who answers for it.
type Groups = HashMap<GroupId, (GroupRef, Vec<UserId>)>;

impl Ledger {
    /// The time that a new request or invitation gets: now, but never before what was swept already, whatever the clock
    /// does. Its row must have the same.
    pub(super) fn request_time(&mut self, now_ms: u64) -> Result<u64, ReadError> {
        Ok(now_ms.max(self.desk.number(&Table::meta(Meta::ExpiredTo))?.unwrap_or(0)))
    }

    /// Notes that the row `first`, `second` of this kind, just written, waits since `at_ms` ([`Ledger::request_time`]).
    pub(super) fn note_due(&mut self, what: Waiting, at_ms: u64, first: u64, second: u64) {
        self.desk.put(what.due(at_ms, first, second), &Nothing);
        self.due = Some(self.due.map_or(at_ms, |due| due.min(at_ms)));
    }

    /// The row `first`, `second` of this kind, whose time this is, is deleted.
    pub(super) fn forget_due(&mut self, what: Waiting, at_ms: u64, first: u64, second: u64) {
        self.desk.delete(what.due(at_ms, first, second));
    }

    /// When the next request or invitation may lapse, so that [`Op::Expire`](crate::store::Op::Expire) is due; never
    /// later than one does. Costs nothing. `None`: nothing waits.
    #[must_use]
    pub fn next_due(&self) -> Option<u64> {
        self.due.map(|due| due.saturating_add(self.request_ttl_ms()))
    }

    /// The oldest first. Those of the same batch count too. What cannot be read is left where it is and not looked at
    /// again: it must not be in the way of the others.
    pub(super) fn expire(&mut self, now_ms: u64) -> Result<Outcome, Refusal> {
        let Some(cut) = now_ms.checked_sub(self.request_ttl_ms()) else { return Ok(Outcome::Expired(Vec::new())) };
        let swept_key = Table::meta(Meta::ExpiredTo);
        let swept = self.desk.number(&swept_key)?.unwrap_or(0);
        // From there on: the places of those that are gone are slow to walk over.
        let keys = self.desk.first(&Table::Due.one(swept), &behind(&[Table::Due as u8]), AT_ONCE + 1)?;
        let mut next = None;
        // Nothing has waited since before `due`, whatever became of the one that did.
        let mut swept_to = self.due.filter(|due| *due <= cut).unwrap_or(0).max(swept);
        let (mut gone, mut ended) = (Vec::new(), Vec::new());
        let (mut groups, mut heads) = (Groups::new(), HashMap::new());
        for (nth, key) in keys.into_iter().enumerate() {
            let found = Waiting::of_due(&key).ok_or_else(|| ReadError::row(&key, "is not understood"));
            if let Ok((at_ms, ..)) = found {
                if at_ms > cut || nth == AT_ONCE {
                    next = Some(at_ms);
                    break;
                }
                swept_to = swept_to.max(at_ms);
            }
            match found.and_then(|found| self.ended(found, &mut groups)) {
                Ok(Some((row, what))) => {
                    for user in what.told() {
                        heads.insert(user, self.desk.head(Line::Inbox(user))?);
                    }
                    gone.extend(row);
                    ended.push(what);
                }
                Ok(None) => {}
                Err(error @ ReadError::Database(_)) => return Err(error.into()),
                Err(error) => log::error!("a request cannot be ended and is left: {error}"),
            }
            gone.push(key);
        }

        self.due = next;
        if swept_to > swept {
            self.desk.put(swept_key, &Number(swept_to));
        }
        for key in gone {
            self.desk.delete(key);
        }
        Ok(Outcome::Expired(ended.into_iter().map(|what| self.tell_lapsed(what, &mut heads)).collect()))
    }

    fn request_ttl_ms(&self) -> u64 {
        u64::try_from(self.settings.friend.request_ttl().as_millis()).unwrap_or(u64::MAX)
    }

    /// What has lapsed, and the keys of its rows. `None` where that row is not there, or is of another time.
    fn ended(
        &mut self,
        (at_ms, what, first, second): (u64, Waiting, u64, u64),
        groups: &mut Groups,
    ) -> Result<Option<(Vec<Key>, Ended)>, ReadError> {
        let key = what.table().two(first, second);
        let Some(value) = self.desk.get(&key)? else { return Ok(None) };
        let since = match what {
            Waiting::Friend | Waiting::Join => rows::decode::<RequestRow<'_>>(&key, &value)?.at_ms,
            Waiting::Invite => rows::decode::<InviteRow<'_>>(&key, &value)?.at_ms,
        };
        if since != at_ms {
            return Ok(None);
        }
        let ended = match what {
            Waiting::Friend => {
                Ended::Friend { asker: self.pointed_at(&key, second)?, asked: self.pointed_at(&key, first)? }
            }
            Waiting::Join => {
                let (group, managers) = self.lapsed_group(&key, GroupId(first), groups)?;
                Ended::Join { group, asker: self.pointed_at(&key, second)?, managers }
            }
            Waiting::Invite => {
                let inviter = UserId(rows::decode::<InviteRow<'_>>(&key, &value)?.inviter);
                let (group, _) = self.lapsed_group(&key, GroupId(second), groups)?;
                Ended::Invite { group, inviter, who: self.pointed_at(&key, first)? }
            }
        };
        let mut keys = vec![key];
        if what == Waiting::Invite {
            keys.push(Table::Invited.two(second, first));
        }
        Ok(Some((keys, ended)))
    }

    fn pointed_at(&mut self, key: &Key, user: u64) -> Result<Person, ReadError> {
        let account = self.desk.account(UserId(user))?;
        let missing = || ReadError::row(key, format!("points at account {user}, which is not there"));
        Ok(account.ok_or_else(missing)?.person)
    }

    /// The group, and who answers for it: nobody, where it has no members any more.
    fn lapsed_group(
        &mut self,
        pointing: &Key,
        id: GroupId,
        groups: &mut Groups,
    ) -> Result<(GroupRef, Vec<UserId>), ReadError> {
        if let Some(known) = groups.get(&id) {
            return Ok(known.clone());
        }
        let key = Table::Group.one(id.0);
        let missing = || ReadError::row(pointing, format!("points at group {id}, which is not there"));
        let value = self.desk.get(&key)?.ok_or_else(missing)?;
        let row: GroupRow<'_> = rows::decode(&key, &value)?;
        let card = group_card(id, &row);
        let managers = if row.abandoned { Vec::new() } else { self.managers_of(&card)? };
        groups.insert(id, (card.group.clone(), managers.clone()));
        Ok((card.group, managers))
    }

    /// Puts the news into the inboxes of all whom it concerns. `heads` has the ends of those.
    fn tell_lapsed(&mut self, what: Ended, heads: &mut HashMap<UserId, Seq>) -> Lapse {
        let notice = InboxRow::Notice(what.notice());
        let mut tell = |user: UserId| {
            let head = heads.get(&user).copied().unwrap_or_default();
            let told = self.desk.append_inbox(user, head, &notice);
            heads.insert(user, told);
            told
        };
        match what {
            Ended::Friend { asker, asked } => {
                let (told_asker, told_asked) = (tell(asker.id), tell(asked.id));
                Lapse::Friend { asker, asked, told_asker, told_asked }
            }
            Ended::Join { group, asker, managers } => {
                let told = tell(asker.id);
                let managers = managers.into_iter().map(|manager| (manager, tell(manager))).collect();
                Lapse::Join { group, asker, told, managers }
            }
            Ended::Invite { group, inviter, who } => {
                let (told_inviter, told_who) = (tell(inviter), tell(who.id));
                Lapse::Invite { group, inviter, who, told_inviter, told_who }
            }
        }
    }
}

impl Ended {
    /// All whom it concerns.
    fn told(&self) -> Vec<UserId> {
        match self {
            Self::Friend { asker, asked } => vec![asker.id, asked.id],
            Self::Join { asker, managers, .. } => managers.iter().copied().chain([asker.id]).collect(),
            Self::Invite { inviter, who, .. } => vec![*inviter, who.id],
        }
    }

    /// What they find in their inboxes.
    fn notice(&self) -> Notice {
        match self {
            Self::Friend { asker, asked } => Notice::FriendRequestExpired { asker: asker.id, asked: asked.id },
            Self::Join { group, asker, .. } => Notice::JoinRequestExpired { group: group.id, asker: asker.id },
            Self::Invite { group, who, .. } => Notice::InviteExpired { group: group.id, who: who.id },
        }
    }
}
