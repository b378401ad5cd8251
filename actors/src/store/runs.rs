//! Runs: one row that stands for several messages which came one after the other. Somebody who writes to somebody else seldom
//! writes one message only; so an inbox and what de-duplication remembers have a row where a run begins, and the messages
//! themselves, which lie together in their conversation, say the rest.
//!
//! - In an inbox a run is what one person wrote to its owner while nothing else came into the inbox. Its row is at the place of the
//!   first message; each that follows is one place further.
//! - In `dedup` a run is what one installation wrote into one conversation while its numbers climbed. Its row has the number of the
//!   first message; the messages' own rows have theirs ([`Numbered`]).
//!
//! Both end before [`SPAN`] places of the conversation are over, whoever wrote what is there, and before their own messages have more
//! than [`BYTES`]: so looking for one message of a run never takes more than that, and what others wrote in between.
//!
//! Owns: how far a run reaches, and what is found in it. Never: writes, or decides when one begins (`desk/` does).

use super::ops::{Conversation, Destination};
use super::rows::{self, InboxRow, Numbered, ReadError};
use super::schema::{self, Family, behind, last_number};
use super::view::{View, Way};
use protocol::{Instance, Seq, UserId};
use std::ops::ControlFlow;

/// A run's messages lie within so many places of its conversation. On disk: never change it without a migration.
pub(super) const SPAN: u64 = 64;

/// A run's messages have so many bytes at the most, or it is one message.
const BYTES: usize = 64 << 10;

/// A run that may go on, as far as what follows must know it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Open {
    /// The place of the first message in the conversation.
    pub(super) first: Seq,
    /// Of its messages.
    bytes: usize,
}

impl Open {
    /// With its first message, which has so many bytes.
    pub(super) fn new(first: Seq, bytes: usize) -> Self {
        Self { first, bytes }
    }

    /// This run with one more message in its conversation, if that may belong to it.
    pub(super) fn with(self, seq: Seq, bytes: usize) -> Option<Self> {
        let bytes = self.bytes.saturating_add(bytes);
        let near = seq.0.checked_sub(self.first.0).is_some_and(|places| places < SPAN);
        (near && bytes <= BYTES).then_some(Self { bytes, ..self })
    }
}

/// A run of an inbox.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Run {
    pub(super) from: UserId,
    /// The place of the first message in the conversation.
    pub(super) first: Seq,
}

impl Run {
    /// Shows what there may be of this run in the inbox of `owner`, with the keys, oldest first: also what came after its end. A first
    /// message that is not there is an error, with the key of what points at it.
    pub(super) fn messages(
        self,
        view: &View<'_>,
        owner: UserId,
        pointing: &[u8],
        mut show: impl FnMut(&[u8], &[u8]) -> Result<ControlFlow<()>, ReadError>,
    ) -> Result<(), ReadError> {
        let mut first = true;
        self.all(view, owner, |key, value| {
            if rows::log_sender(key, value)? != self.from {
                return Ok(ControlFlow::Continue(()));
            }
            if std::mem::take(&mut first) && last_number(key) != Some(self.first.0) {
                return Err(self.missing(owner, pointing));
            }
            show(key, value)
        })?;
        if first { Err(self.missing(owner, pointing)) } else { Ok(()) }
    }

    /// Shows all rows of the conversation among which this run's messages are, whoever wrote them.
    pub(super) fn all(
        self,
        view: &View<'_>,
        owner: UserId,
        show: impl FnMut(&[u8], &[u8]) -> Result<ControlFlow<()>, ReadError>,
    ) -> Result<(), ReadError> {
        scan(view, Conversation::between(owner, self.from), self.first, show)
    }

    /// That the first message is not there.
    pub(super) fn missing(self, owner: UserId, pointing: &[u8]) -> ReadError {
        let key = schema::place(schema::conversation(Conversation::between(owner, self.from)), self.first);
        ReadError::row(pointing, format!("points at {}, which is not there", schema::show(&key)))
    }
}

/// Where an inbox ends.
pub(super) struct InboxEnd {
    /// The last place, 0 where there is none.
    pub(super) last: Seq,
    /// The run that it belongs to: whose, and how far that is.
    pub(super) run: Option<(UserId, Open)>,
}

/// Finds the end of an inbox.
pub(super) fn inbox_end(view: &View<'_>, user: UserId) -> Result<InboxEnd, ReadError> {
    let prefix = schema::inbox(user);
    let mut last = None;
    view.scan(Family::Inbox, &prefix, &behind(&prefix), Way::Down, |key, value| {
        let place = last_number(key).ok_or_else(|| ReadError::row(key, "has no place"))?;
        last = Some((place, schema::Key::from_slice(key), rows::decode_inbox(key, value)?));
        Ok(ControlFlow::Break(()))
    })?;
    Ok(match last {
        None => InboxEnd { last: Seq(0), run: None },
        Some((place, key, InboxRow::Run { from, seq })) => {
            let (mut messages, mut bytes) = (0, 0);
            Run { from, first: seq }.messages(view, user, &key, |_, value| {
                messages += 1;
                bytes += value.len();
                Ok(ControlFlow::Continue(()))
            })?;
            InboxEnd { last: Seq(place + messages - 1), run: Some((from, Open { first: seq, bytes })) }
        }
        Some((place, ..)) => InboxEnd { last: Seq(place), run: None },
    })
}

/// Shows the messages of an installation in a run, as `dedup` has it, and what came after it, oldest first: by what each is known, and
/// its row.
pub(super) fn numbered(
    view: &View<'_>,
    from: UserId,
    instance: Option<Instance>,
    (to, first): (Destination, Seq),
    mut show: impl FnMut(Numbered, &[u8], &[u8]) -> Result<ControlFlow<()>, ReadError>,
) -> Result<(), ReadError> {
    scan(view, to.conversation(from), first, |key, value| match rows::log_numbered(key, value)? {
        (sender, Some(numbered)) if sender == from && numbered.instance == instance => show(numbered, key, value),
        _ => Ok(ControlFlow::Continue(())),
    })
}

/// All rows of a conversation within a span.
fn scan(
    view: &View<'_>,
    talk: Conversation,
    first: Seq,
    show: impl FnMut(&[u8], &[u8]) -> Result<ControlFlow<()>, ReadError>,
) -> Result<(), ReadError> {
    let prefix = schema::conversation(talk);
    let from = schema::place(prefix.clone(), first);
    let end = match first.0.checked_add(SPAN) {
        Some(end) => schema::place(prefix, Seq(end)),
        None => behind(&prefix),
    };
    view.scan(Family::Log, &from, &end, Way::Up, show)
}
