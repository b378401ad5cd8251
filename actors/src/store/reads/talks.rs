//! Reading conversations and inboxes: backlogs for those who catch up, pages of history for those who ask. Owns: which event
//! something stored becomes. Never: shows a conversation to whoever is not in it.

use super::{StoreReader, answer};
use crate::delivery::{Answered, Backlog, Origin, SessionHandle};
use crate::store::ReadError;
use crate::store::ops::{Conversation, InboxItem, Mark, Page, Stored};
use actix::prelude::*;
use protocol::reply::PastMessage;
use protocol::{Correspondent, Event, GroupId, Kept, Outgoing, Refusal, Reply, Seq, UserId};
use std::sync::Arc;

/// The next part of a backlog. Answered with [`Backlog`].
#[derive(Message)]
#[rtype(result = "()")]
pub struct LoadBacklog {
    /// Whose.
    pub user: UserId,
    /// Which feed, and after which place.
    pub after: Mark,
    /// Rows at the most.
    pub rows: usize,
    /// Bytes at the most, but at least one row.
    pub bytes: usize,
    /// Who asks.
    pub session: Arc<SessionHandle>,
}

impl Handler<LoadBacklog> for StoreReader {
    type Result = ();

    fn handle(&mut self, load: LoadBacklog, _: &mut Context<Self>) {
        let LoadBacklog { user, after, rows, bytes, session } = load;
        let page = match after {
            Mark::Inbox(place) => self.reader.inbox(user, place, rows, bytes).map(|page| Page {
                more: page.more,
                rows: page
                    .rows
                    .into_iter()
                    .map(|(seq, item)| (seq, Some(shared(inbox_event(user, item), Mark::Inbox(seq)))))
                    .collect(),
            }),
            Mark::Group(group, place) => self.posts(user, group, place, rows, bytes),
        };
        match page {
            Ok(page) => session.tell(Backlog { user, after, page }),
            Err(error) => {
                log::error!("reading a backlog failed: {error}");
                session.condemn(protocol::ClosingReason::Fault);
            }
        }
    }
}

type BacklogPage = Page<(Seq, Option<Arc<Outgoing>>)>;

impl StoreReader {
    fn posts(
        &self,
        user: UserId,
        group: GroupId,
        after: Seq,
        rows: usize,
        bytes: usize,
    ) -> Result<BacklogPage, ReadError> {
        // The session may not have heard yet that its account is no member any more.
        let card = if self.reader.is_member(user, group)? { self.reader.group(group)? } else { None };
        let Some(card) = card else { return Ok(Page { rows: Vec::new(), more: false }) };
        let page = self.reader.posts(group, after, rows, bytes)?;
        let event = |stored: Stored| {
            let seq = stored.seq;
            // What somebody wrote itself it has seen.
            let what = (stored.from.id != user).then(|| {
                let group = card.group.clone();
                let Stored { seq, from, at_ms, body } = stored;
                let mark = Mark::Group(group.id, seq);
                shared(Event::Posted { from, group, seq, at_ms, body }, mark)
            });
            (seq, what)
        };
        Ok(Page { rows: page.rows.into_iter().map(event).collect(), more: page.more })
    }
}

/// Something that was read from the store.
fn shared(event: Event, mark: Mark) -> Arc<Outgoing> {
    Arc::new(Outgoing::kept(event, Kept { mark, late: true }))
}

/// What `to` is told of something in its inbox.
fn inbox_event(to: UserId, item: InboxItem) -> Event {
    match item {
        InboxItem::FriendRequestExpired { asker, asked } => Event::FriendRequestExpired { asker, asked, to },
        InboxItem::JoinRequestExpired { group, asker } => Event::JoinRequestExpired { group, asker },
        InboxItem::RoleChanged { group, role } => Event::RoleChanged { group, to, role },
        InboxItem::InviteAnswered { group, who, accepted, reason } => {
            Event::InviteAnswered { group, who, accepted, reason }
        }
        InboxItem::InviteExpired { group, who } => Event::InviteExpired { group, who },
        InboxItem::MemberRemoved { group, reason } => Event::MemberRemoved { group, to, reason },
        InboxItem::GroupDissolved { group } => Event::GroupDissolved { group },
        InboxItem::Private { from, to, seq, at_ms, body } => Event::Private { from, to, seq, at_ms, body },
        InboxItem::FriendAccepted { friend, profile } => Event::FriendAdded { friend, to, profile: Some(profile) },
        InboxItem::FriendRejected { friend, reason } => Event::FriendRejected { friend, to, reason },
        InboxItem::JoinAnswered { group, accepted, reason } => Event::JoinAnswered { group, to, accepted, reason },
    }
}

/// A page of history. The asker's right to it is checked here: a member's, or one of the two.
#[derive(Message)]
#[rtype(result = "()")]
pub struct LoadHistory {
    /// Who asks.
    pub user: UserId,
    /// Of what.
    pub conversation: Conversation,
    /// The same conversation, as others see it.
    pub with: Correspondent,
    /// Only what came before.
    pub before: Option<Seq>,
    /// Rows at the most.
    pub rows: usize,
    /// Bytes at the most, but at least one row.
    pub bytes: usize,
    /// The asking session.
    pub origin: Origin,
}

impl Handler<LoadHistory> for StoreReader {
    type Result = ();

    fn handle(&mut self, load: LoadHistory, _: &mut Context<Self>) {
        let LoadHistory { user, conversation, with, before, rows, bytes, origin } = load;
        let allowed = match conversation {
            Conversation::Private(a, b) => Ok(user == a || user == b),
            Conversation::Group(group) => self.reader.is_member(user, group),
        };
        let read = allowed.and_then(|allowed| {
            if !allowed {
                return Ok(Answered::Refused(Refusal::NotMember));
            }
            let page = self.reader.history(conversation, before, rows, bytes)?;
            let messages = page.rows.into_iter().map(|stored| {
                let Stored { seq, from, at_ms, body } = stored;
                PastMessage { seq, from, at_ms, body }
            });
            let messages = messages.collect();
            Ok(Answered::Reply(Box::new(Reply::History { with, messages, more: page.more })))
        });
        answer(&origin, read);
    }
}
