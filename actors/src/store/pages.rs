//! Pages of messages: inboxes, backlogs, history. Each is bounded in rows and in bytes, and never empty where there is
//! something.
//!
//! Owns: where a page begins and ends. Never: moves a cursor.

use super::ops::{Conversation, InboxItem, Page, Stored};
use super::reader::{Reader, group_ref, profile};
use super::rows::{self, InboxRow, Notice, ReadError};
use super::schema::{self, Family, Key, Table, behind, last_number};
use super::view::{View, Way};
use protocol::{BodyKind, GroupId, Person, Profile, Seq, UserId};
use rocksdb::DBPinnableSlice;
use std::ops::ControlFlow;

/// What a row counts beside its body: names, numbers, framing. So that a page of empty bodies is bounded too.
const ROW_BYTES: usize = 64;

/// Messages of an inbox that are read together at first: few, since they may be so long that one fills the page. Then as
/// many as will fit into it, if the others are as long as those.
const FIRST_PART: usize = 16;

/// The bounds of one page, being used up.
struct Budget {
    rows: usize,
    bytes: usize,
    taken: usize,
    /// Bytes of those.
    used: usize,
}

impl Budget {
    fn new(rows: usize, bytes: usize) -> Self {
        Self { rows: rows.max(1), bytes, taken: 0, used: 0 }
    }

    /// Whether a row with that many bytes of body still fits. The first always does.
    fn take(&mut self, bytes: usize) -> bool {
        let bytes = bytes.saturating_add(ROW_BYTES);
        if self.taken > 0 && (self.taken >= self.rows || bytes > self.bytes) {
            return false;
        }
        self.taken += 1;
        self.used += bytes;
        self.bytes = self.bytes.saturating_sub(bytes);
        true
    }

    /// How many more rows will fit, if they are as long as those that were taken; at least one.
    fn likely(&self) -> usize {
        let mean = self.used.checked_div(self.taken).unwrap_or(0).max(1);
        (self.bytes / mean).max(1)
    }
}

impl Reader {
    /// What waits in an inbox behind `after`, oldest first: at most `limit` rows and about `bytes` bytes, but at least one row.
    ///
    /// # Errors
    /// [`ReadError`]; a notice or pointer that leads nowhere is one.
    pub fn inbox(
        &self,
        user: UserId,
        after: Seq,
        limit: usize,
        bytes: usize,
    ) -> Result<Page<(Seq, InboxItem)>, ReadError> {
        let view = View::moment(&self.rocks);
        let prefix = schema::inbox(user);
        let mut page = Page { rows: Vec::new(), more: false };
        let mut budget = Budget::new(limit, bytes);
        let from = schema::place(prefix.clone(), Seq(after.0.saturating_add(1)));
        let (mut part, mut most) = (Vec::new(), FIRST_PART);
        view.scan(Family::Inbox, &from, &behind(&prefix), Way::Up, |key, value| {
            if page.rows.len() + part.len() >= limit.max(1) {
                page.more = true;
                return Ok(ControlFlow::Break(()));
            }
            part.push((Key::from_slice(key), rows::decode_inbox(key, value)?));
            if part.len() == most {
                self.take_in(&view, user, &mut part, &mut budget, &mut page)?;
                most = budget.likely();
            }
            Ok(if page.more { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })?;
        self.take_in(&view, user, &mut part, &mut budget, &mut page)?;
        Ok(page)
    }

    /// Reads what some rows of an inbox point at, and adds as much of it to a page as fits. `part` is empty afterwards.
    fn take_in(
        &self,
        view: &View<'_>,
        owner: UserId,
        part: &mut Vec<(Key, InboxRow)>,
        budget: &mut Budget,
        page: &mut Page<(Seq, InboxItem)>,
    ) -> Result<(), ReadError> {
        let pointed = |row: &InboxRow| match row {
            InboxRow::Private { from, seq } => {
                Some(schema::place(schema::conversation(Conversation::between(owner, *from)), *seq))
            }
            InboxRow::FriendAnswer { .. } | InboxRow::JoinAnswer { .. } | InboxRow::Notice(_) => None,
        };
        // In the order of their keys: then each table and each block of it is looked for once.
        let mut messages: Vec<(Key, usize)> =
            part.iter().enumerate().filter_map(|(at, (_, row))| Some((pointed(row)?, at))).collect();
        messages.sort_unstable();
        let found = view.get_sorted(Family::Log, messages.iter().map(|(talk, _)| talk))?;
        let mut bodies: Vec<Option<(Key, DBPinnableSlice<'_>)>> = part.iter().map(|_| None).collect();
        for ((talk, at), value) in messages.into_iter().zip(found) {
            if let (Some(value), Some(body)) = (value, bodies.get_mut(at)) {
                *body = Some((talk, value));
            }
        }
        for ((key, row), message) in part.drain(..).zip(bodies) {
            let place = Seq(last_number(&key).ok_or_else(|| ReadError::row(&key, "has no place"))?);
            let (item, size) = self.inbox_item(view, owner, &key, row, message)?;
            if !budget.take(size) {
                page.more = true;
                return Ok(());
            }
            page.rows.push((place, item));
        }
        Ok(())
    }

    /// What was said in a group behind `after`, oldest first; bounds as in [`Reader::inbox`].
    ///
    /// # Errors
    /// [`ReadError`]
    pub fn posts(&self, group: GroupId, after: Seq, limit: usize, bytes: usize) -> Result<Page<Stored>, ReadError> {
        self.posts_in(&View::moment(&self.rocks), group, after, limit, bytes)
    }

    /// What a member with this cursor has missed, of that only the `newest` posts, oldest first; bounds as in
    /// [`Reader::inbox`]. What is older is in the history.
    ///
    /// # Errors
    /// [`ReadError`]
    pub fn posts_since(
        &self,
        group: GroupId,
        cursor: Seq,
        newest: usize,
        limit: usize,
        bytes: usize,
    ) -> Result<Page<Stored>, ReadError> {
        let view = View::moment(&self.rocks);
        let head = view.log_head(Conversation::Group(group))?;
        let newest = u64::try_from(newest).unwrap_or(u64::MAX);
        let after = cursor.max(Seq(head.0.saturating_sub(newest)));
        self.posts_in(&view, group, after, limit, bytes)
    }

    /// The newest messages of a conversation that came before `before` (`None`: the newest of all), returned oldest first;
    /// bounds as in [`Reader::inbox`]. `more` says that there are older ones.
    ///
    /// # Errors
    /// [`ReadError`]
    pub fn history(
        &self,
        conversation: Conversation,
        before: Option<Seq>,
        limit: usize,
        bytes: usize,
    ) -> Result<Page<Stored>, ReadError> {
        let view = View::moment(&self.rocks);
        let prefix = schema::conversation(conversation);
        let end = match before {
            Some(before) => schema::place(prefix.clone(), before),
            None => behind(&prefix),
        };
        // That one was taken back, the other row says where it stood.
        let says = |stored: &Stored| stored.body.kind != BodyKind::Recall;
        let mut page = self.messages(&view, &prefix, &end, Way::Down, Budget::new(limit, bytes), says)?;
        page.rows.reverse();
        Ok(page)
    }

    fn posts_in(
        &self,
        view: &View<'_>,
        group: GroupId,
        after: Seq,
        limit: usize,
        bytes: usize,
    ) -> Result<Page<Stored>, ReadError> {
        let prefix = schema::conversation(Conversation::Group(group));
        let from = schema::place(prefix.clone(), Seq(after.0.saturating_add(1)));
        self.messages(view, &from, &behind(&prefix), Way::Up, Budget::new(limit, bytes), |_| true)
    }

    fn messages(
        &self,
        view: &View<'_>,
        from: &[u8],
        end: &[u8],
        way: Way,
        mut budget: Budget,
        keep: impl Fn(&Stored) -> bool,
    ) -> Result<Page<Stored>, ReadError> {
        let mut page = Page { rows: Vec::new(), more: false };
        view.scan(Family::Log, from, end, way, |key, value| {
            let stored = self.stored(view, key, value)?;
            if keep(&stored) {
                if !budget.take(value.len()) {
                    page.more = true;
                    return Ok(ControlFlow::Break(()));
                }
                page.rows.push(stored);
            }
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(page)
    }

    fn stored(&self, view: &View<'_>, key: &[u8], value: &[u8]) -> Result<Stored, ReadError> {
        let seq = Seq(last_number(key).ok_or_else(|| ReadError::row(key, "has no place"))?);
        let row = rows::decode_log(key, value)?;
        Ok(Stored { seq, from: self.person(view, key, row.from)?, at_ms: row.at_ms, body: row.body })
    }

    /// A notice, with the names of those that it is about.
    fn notice(&self, view: &View<'_>, key: &[u8], notice: Notice) -> Result<InboxItem, ReadError> {
        let person = |id| self.person(view, key, id);
        let group_of = |id| group_ref(view, key, id);
        Ok(match notice {
            Notice::FriendRejected { friend, reason } => InboxItem::FriendRejected { friend: person(friend)?, reason },
            Notice::FriendRequestExpired { asker, asked } => {
                InboxItem::FriendRequestExpired { asker: person(asker)?, asked: person(asked)? }
            }
            Notice::JoinAnswered { group, accepted, reason } => {
                InboxItem::JoinAnswered { group: group_of(group)?, accepted, reason }
            }
            Notice::JoinRequestExpired { group, asker } => {
                InboxItem::JoinRequestExpired { group: group_of(group)?, asker: person(asker)? }
            }
            Notice::RoleChanged { group, role } => InboxItem::RoleChanged { group: group_of(group)?, role },
            Notice::InviteAnswered { group, who, accepted, reason } => {
                InboxItem::InviteAnswered { group: group_of(group)?, who: person(who)?, accepted, reason }
            }
            Notice::InviteExpired { group, who } => {
                InboxItem::InviteExpired { group: group_of(group)?, who: person(who)? }
            }
            Notice::MemberRemoved { group, reason } => InboxItem::MemberRemoved { group: group_of(group)?, reason },
            Notice::GroupDissolved { group } => InboxItem::GroupDissolved { group: group_of(group)? },
        })
    }

    /// One thing in an inbox, and how many bytes of body it has. `message` is what a private message's row points at.
    fn inbox_item(
        &self,
        view: &View<'_>,
        owner: UserId,
        key: &[u8],
        row: InboxRow,
        message: Option<(Key, DBPinnableSlice<'_>)>,
    ) -> Result<(InboxItem, usize), ReadError> {
        let item = match row {
            InboxRow::Private { from, seq } => {
                let (talk, message) = message.ok_or_else(|| {
                    let talk = schema::place(schema::conversation(Conversation::between(owner, from)), seq);
                    ReadError::row(key, format!("points at {}, which is not there", schema::show(&talk)))
                })?;
                let stored = self.stored(view, &talk, &message)?;
                let size = stored.body.data.len();
                let to = self.person(view, key, owner)?;
                let Stored { seq, from, at_ms, body } = stored;
                return Ok((InboxItem::Private { from, to, seq, at_ms, body }, size));
            }
            InboxRow::FriendAnswer { friend, accepted } => {
                let friend = self.person(view, key, friend)?;
                match accepted {
                    true => {
                        let profile = accepted_profile(view, owner, &friend)?;
                        let size = profile.avatar.len();
                        return Ok((InboxItem::FriendAccepted { friend, profile: Box::new(profile) }, size));
                    }
                    false => InboxItem::FriendRejected { friend, reason: Box::default() },
                }
            }
            InboxRow::JoinAnswer { group, accepted } => {
                InboxItem::JoinAnswered { group: group_ref(view, key, group)?, accepted, reason: Box::default() }
            }
            InboxRow::Notice(notice) => self.notice(view, key, notice)?,
        };
        Ok((item, 0))
    }
}

/// What a friend tells about itself by now; nothing, where it is a friend no more.
fn accepted_profile(view: &View<'_>, owner: UserId, friend: &Person) -> Result<Profile, ReadError> {
    match view.get(Family::State, &Table::Friend.two(owner.0, friend.id.0))? {
        Some(_) => Ok(profile(view, friend)?.for_others()),
        None => Ok(Profile::blank(friend.clone())),
    }
}
