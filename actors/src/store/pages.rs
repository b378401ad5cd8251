//! Pages of messages: inboxes, backlogs, history. Each is bounded in rows and in bytes, and never empty where there is
//! something.
//!
//! Owns: where a page begins and ends. Never: moves a cursor.

use super::ops::{Conversation, InboxItem, Page, Stored};
use super::reader::{Reader, group_ref, profile};
use super::rows::{self, InboxRow, Notice, ReadError};
use super::runs::Run;
use super::schema::{self, Family, Key, Table, behind, last_number};
use super::view::{View, Way};
use protocol::{BodyKind, GroupId, Person, Profile, Seq, UserId};
use rocksdb::DBPinnableSlice;
use std::ops::ControlFlow;

/// What a row counts beside its body: names, numbers, framing. So that a page of empty bodies is bounded too.
const ROW_BYTES: usize = 64;

/// Rows of an inbox that are read together at first: few, since they may be so long that one fills the page. Then as
/// many as will fit into it, if the others are as long as those.
const FIRST_PART: usize = 16;

/// A page of an inbox: each place, and what is there.
type InboxPage = Page<(Seq, InboxItem)>;

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
        mut after: Seq,
        limit: usize,
        bytes: usize,
    ) -> Result<Page<(Seq, InboxItem)>, ReadError> {
        loop {
            let (page, end) = self.inbox_part(user, after, limit, bytes)?;
            match end {
                // Only where messages are lost: the rows that were looked at stand for nothing any more.
                Some(end) if page.rows.is_empty() && page.more => after = Seq(end.0 - 1),
                _ => return Ok(page),
            }
        }
    }

    /// The same, and the place behind what was looked at, where that is known. May be empty where rows stand for nothing.
    fn inbox_part(
        &self,
        user: UserId,
        after: Seq,
        limit: usize,
        bytes: usize,
    ) -> Result<(InboxPage, Option<Seq>), ReadError> {
        let view = View::moment(&self.rocks);
        let prefix = schema::inbox(user);
        let mut page = Page { rows: Vec::new(), more: false };
        let mut budget = Budget::new(limit, bytes);
        let (mut part, mut most) = (Vec::new(), FIRST_PART);
        // What is behind `after` may belong to a run that began before it.
        let next = Seq(after.0.saturating_add(1));
        let first = schema::place(prefix.clone(), next);
        let (mut held, mut full, mut began) = (None, false, false);
        let run_before = || {
            let mut last = None;
            view.scan(Family::Inbox, &prefix, &first, Way::Down, |key, value| {
                last = Some(Piece::of(key, value)?).filter(|piece| matches!(piece.row, InboxRow::Run { .. }));
                Ok(ControlFlow::Break(()))
            })?;
            Ok::<_, ReadError>(last)
        };
        view.scan(Family::Inbox, &first, &behind(&prefix), Way::Up, |key, value| {
            let piece = Piece::of(key, value)?;
            // Where a row is at that place nothing that began before goes on there.
            if !std::mem::replace(&mut began, true) && piece.place > next {
                held = run_before()?;
            }
            // Only the next row says where this one ends.
            let before = held.take().map(|before: Piece| Piece { end: piece.place, ..before });
            part.extend(before.filter(|before| before.end > next));
            if page.rows.len() + part.len() >= limit.max(1) {
                full = true;
                return Ok(ControlFlow::Break(()));
            }
            if part.len() == most {
                self.take_in(&view, user, after, &mut part, &mut budget, &mut page)?;
                most = budget.likely();
            }
            held = Some(piece);
            Ok(if page.more { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })?;
        if !began {
            held = run_before()?;
        }
        let end = part.last().map(|piece| piece.end);
        if !page.more {
            part.extend(held);
            self.take_in(&view, user, after, &mut part, &mut budget, &mut page)?;
            page.more |= full;
        }
        Ok((page, end))
    }

    /// Reads what some rows of an inbox stand for, and adds as much of it to a page as fits and is behind `after`. `part` is empty
    /// afterwards.
    fn take_in(
        &self,
        view: &View<'_>,
        owner: UserId,
        after: Seq,
        part: &mut Vec<Piece>,
        budget: &mut Budget,
        page: &mut InboxPage,
    ) -> Result<(), ReadError> {
        // In the order of their keys: then each table and each block of it is looked for once.
        let mut messages: Vec<(Key, usize)> =
            part.iter().enumerate().filter_map(|(at, piece)| Some((piece.message(owner)?, at))).collect();
        messages.sort_unstable();
        let found = view.get_sorted(Family::Log, messages.iter().map(|(talk, _)| talk))?;
        let mut bodies: Vec<Option<(Key, DBPinnableSlice<'_>)>> = part.iter().map(|_| None).collect();
        for ((talk, at), value) in messages.into_iter().zip(found) {
            if let (Some(value), Some(body)) = (value, bodies.get_mut(at)) {
                *body = Some((talk, value));
            }
        }
        for (piece, message) in part.drain(..).zip(bodies) {
            let Piece { key, place, .. } = &piece;
            let (item, size) = match piece.run() {
                Some(_) if !piece.is_single() => {
                    self.take_in_run(view, owner, after, &piece, budget, page)?;
                    if page.more {
                        return Ok(());
                    }
                    continue;
                }
                Some(run) => {
                    let (talk, value) = message.ok_or_else(|| run.missing(owner, key))?;
                    self.inbox_message(view, owner, key, &talk, &value)?
                }
                None => self.inbox_item(view, owner, &piece)?,
            };
            if !budget.take(size) {
                page.more = true;
                return Ok(());
            }
            page.rows.push((*place, item));
        }
        Ok(())
    }

    /// The same for a run of several messages, or of nobody knows how many.
    fn take_in_run(
        &self,
        view: &View<'_>,
        owner: UserId,
        after: Seq,
        piece: &Piece,
        budget: &mut Budget,
        page: &mut InboxPage,
    ) -> Result<(), ReadError> {
        let Some(run) = piece.run() else { return Ok(()) };
        let mut place = piece.place;
        run.messages(view, owner, &piece.key, |key, value| {
            if place >= piece.end {
                return Ok(ControlFlow::Break(()));
            }
            let here = place;
            place = here.next();
            if here <= after {
                return Ok(ControlFlow::Continue(()));
            }
            let (item, size) = self.inbox_message(view, owner, &piece.key, key, value)?;
            if !budget.take(size) {
                page.more = true;
                return Ok(ControlFlow::Break(()));
            }
            page.rows.push((here, item));
            Ok(ControlFlow::Continue(()))
        })
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

    /// A message in an inbox, and how many bytes of body it has.
    fn inbox_message(
        &self,
        view: &View<'_>,
        owner: UserId,
        pointing: &[u8],
        key: &[u8],
        value: &[u8],
    ) -> Result<(InboxItem, usize), ReadError> {
        let Stored { seq, from, at_ms, body } = self.stored(view, key, value)?;
        let size = body.data.len();
        let to = self.person(view, pointing, owner)?;
        Ok((InboxItem::Private { from, to, seq, at_ms, body }, size))
    }

    /// Anything else in an inbox, and how many bytes it has beside what all rows have.
    fn inbox_item(
        &self,
        view: &View<'_>,
        owner: UserId,
        Piece { key, row, .. }: &Piece,
    ) -> Result<(InboxItem, usize), ReadError> {
        let item = match row.clone() {
            InboxRow::Private { from, seq } | InboxRow::Run { from, seq } => {
                return Err(Run { from, first: seq }.missing(owner, key)); // those are messages
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

/// A row of an inbox, and what it stands for.
struct Piece {
    key: Key,
    place: Seq,
    row: InboxRow,
    /// The place of the next row.
    end: Seq,
}

impl Piece {
    /// A row behind which there may be no other.
    fn of(key: &[u8], value: &[u8]) -> Result<Self, ReadError> {
        let place = Seq(last_number(key).ok_or_else(|| ReadError::row(key, "has no place"))?);
        Ok(Self { key: Key::from_slice(key), place, row: rows::decode_inbox(key, value)?, end: Seq(u64::MAX) })
    }

    /// Whether it stands for itself only.
    fn is_single(&self) -> bool {
        self.end == self.place.next() || !matches!(self.row, InboxRow::Run { .. })
    }

    /// The messages that it stands for, where it is no notice.
    fn run(&self) -> Option<Run> {
        match self.row {
            InboxRow::Private { from, seq } | InboxRow::Run { from, seq } => Some(Run { from, first: seq }),
            _ => None,
        }
    }

    /// Where the one message is that it stands for.
    fn message(&self, owner: UserId) -> Option<Key> {
        let Run { from, first } = self.run().filter(|_| self.is_single())?;
        Some(schema::place(schema::conversation(Conversation::between(owner, from)), first))
    }
}

/// What a friend tells about itself by now; nothing, where it is a friend no more.
fn accepted_profile(view: &View<'_>, owner: UserId, friend: &Person) -> Result<Profile, ReadError> {
    match view.get(Family::State, &Table::Friend.two(owner.0, friend.id.0))? {
        Some(_) => Ok(profile(view, friend)?.for_others()),
        None => Ok(Profile::blank(friend.clone())),
    }
}
