//! Messages that are taken back: blanked where they lie, and a word behind them that says so to whoever has them.
//! Never: somebody else's message, one that is too old, or one twice.

use super::Ledger;
use crate::store::desk::Line;
use crate::store::ops::{Conversation, Destination, Outcome, content_hash};
use crate::store::rows::{LogRow, Numbered};
use crate::store::schema;
use crate::store::schema::Table;
use bytes::Bytes;
use protocol::{Body, BodyKind, Refusal, Seq, UserId};

impl Ledger {
    /// Blocked or no friends any more: one's own words can be taken back all the same.
    pub(super) fn recall(
        &mut self,
        user: UserId,
        of: Conversation,
        place: Seq,
        now_ms: u64,
    ) -> Result<Outcome, Refusal> {
        let sender = self.known(user)?.person;
        let key = schema::place(schema::conversation(of), place);
        match of {
            Conversation::Private(a, b) => {
                let Some(to) = [(a, b), (b, a)].into_iter().find(|(me, _)| *me == user).map(|(_, other)| other) else {
                    return Err(Refusal::NoSuchMessage);
                };
                let receiver = self.known(to)?.person;
                let row = self.recallable(user, Destination::User(to), &key, now_ms)?;
                let inbox = self.desk.head(Line::Inbox(to))?;
                let head = self.desk.head(Line::Log(of))?;

                self.desk.blank(key, &row);
                let body = Body::recall(place);
                let seq = self.desk.append_log(of, head, &says_so(user, now_ms, &body));
                // Beyond the inbox's bound if need be: there is one of these for a message at the most.
                let inbox = self.desk.append_inbox_message(to, inbox, user, seq, body.data.len());
                Ok(Outcome::Private { from: sender, to: receiver, seq, inbox, at_ms: now_ms, body })
            }
            Conversation::Group(group) => {
                let card = self.living_group(group)?;
                if !self.desk.has(&Table::Member.two(group.0, user.0))? {
                    return Err(Refusal::NotMember);
                }
                let row = self.recallable(user, Destination::Group(group), &key, now_ms)?;
                let head = self.desk.head(Line::Log(of))?;

                self.desk.blank(key, &row);
                let body = Body::recall(place);
                let seq = self.desk.append_log(of, head, &says_so(user, now_ms, &body));
                Ok(Outcome::Posted { from: sender, group: card.group, seq, at_ms: now_ms, body })
            }
        }
    }

    /// What the message becomes, where it may be taken back. One that may come again is known again all the same.
    fn recallable(&self, user: UserId, to: Destination, key: &schema::Key, now_ms: u64) -> Result<LogRow, Refusal> {
        let row = self.desk.message(key)?.filter(|row| row.from == user && !row.body.is_taken_back());
        let row = row.ok_or(Refusal::NoSuchMessage)?;
        let within = self.settings.message.recall_s.saturating_mul(1000);
        // 0 is never, also within the same millisecond.
        if within == 0 || now_ms.saturating_sub(row.at_ms) > within {
            return Err(Refusal::TooLate);
        }
        let hash = || Some(content_hash(to, &row.body));
        let numbered = row.numbered.map(|numbered| Numbered { hash: hash(), ..numbered });
        Ok(LogRow { numbered, body: Body { kind: BodyKind::Recalled, data: Bytes::new() }, ..row })
    }
}

/// What says that a message was taken back.
fn says_so(from: UserId, at_ms: u64, body: &Body) -> LogRow {
    LogRow { from, at_ms, numbered: None, body: body.clone() }
}
