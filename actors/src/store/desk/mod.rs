//! Where a batch is prepared: what is committed, with what is staged laid over it.
//!
//! Owns: the open [`Batch`], the overlay that lets operations of one batch see each other, and the caches that
//! spare reads. Never: decides whether an operation is allowed, or commits.
//!
//! Everything that can fail is a read and comes first in an operation; writes cannot fail. So an operation that is
//! refused has written nothing, and each is staged whole or not at all. Rows of `dedup` are in `repeats.rs`.

mod repeats;

pub(super) use repeats::{Added, Fresh, Needs, Repeats, Seen};

use super::batch::Batch;
use super::caches::Kept;
use super::ops::{Account, Conversation};
use super::rocks::Rocks;
use super::rows::{self, AccountRow, InboxRow, LogHead, LogRow, Number, ReadError, Row, Small, Tally};
use super::runs::{self, InboxEnd, Open};
use super::schema::{self, Family, Key, Table};
use super::view::{View, Way};
use bytes::Bytes;
use protocol::{Instance, Name, Person, Seq, UserId};
use quick_cache::DefaultHashBuilder;
use rocksdb::WriteBatch;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::ControlFlow;
use std::sync::Arc;

/// Rows of `state` that are remembered, the absent ones included. About 150 bytes each.
const ROWS: usize = 65_536;
/// Accounts that are remembered. About 100 bytes each.
const ACCOUNTS: usize = 65_536;
/// Installations of which it is remembered where their rows of messages begin and end. About 150 bytes each.
const INSTALLATIONS: usize = 32_768;
/// Conversations and inboxes whose ends are remembered. About 80 bytes each.
const ENDS: usize = 131_072;

/// Something with places in it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Line {
    Log(Conversation),
    Inbox(UserId),
}

/// Where a line ends.
#[derive(Clone, Copy)]
struct End {
    last: Seq,
    /// How far an inbox is received at the least: cursors only go forward. 0 for a conversation.
    received: u64,
    /// The run that an inbox ends with, and whose it is.
    run: Option<(UserId, Open)>,
}

/// An account, and whether it blocks anybody at all, where that was asked.
struct Known {
    account: Account,
    blocks: Option<bool>,
}

/// The open batch and what is known around it.
pub(super) struct Desk {
    rocks: Arc<Rocks>,
    batch: Batch,
    /// Rows of `state` as the batch will leave them; `None` is deleted. Ordered, so that lists can be merged.
    overlay: BTreeMap<Key, Option<Bytes>>,
    rows: quick_cache::unsync::Cache<Key, Option<Bytes>>,
    accounts: Kept<UserId, Known>,
    ends: Kept<Line, End>,
    /// Rows of `dedup` as the batch will leave them; `None` is deleted. Nothing of it is kept when the batch is committed: a
    /// message that comes again is rare, and is looked up.
    repeats: HashMap<Key, Option<Small>, DefaultHashBuilder>,
    /// Messages of the batch that belong to a run.
    /// In the order in which they came: they are seldom asked for, and a batch is short.
    fresh: Vec<Fresh>,
    installations: Kept<(UserId, Option<Instance>), Repeats, DefaultHashBuilder>,
    /// Messages of `log` that the batch blanks.
    blanked: HashSet<Key>,
    spoiled: bool,
}

impl Desk {
    pub(super) fn new(rocks: Arc<Rocks>) -> Self {
        Self {
            batch: Batch::new(rocks.numbers()),
            rocks,
            overlay: BTreeMap::new(),
            rows: quick_cache::unsync::Cache::new(ROWS),
            accounts: Kept::new(ACCOUNTS),
            ends: Kept::new(ENDS),
            repeats: HashMap::default(),
            fresh: Vec::new(),
            installations: Kept::new(INSTALLATIONS),
            blanked: HashSet::new(),
            spoiled: false,
        }
    }

    /// Bytes that the batch has.
    pub(super) fn batch_bytes(&self) -> usize {
        self.batch.size()
    }

    /// Whether something could not be written into the batch: then it must never be committed.
    pub(super) fn spoiled(&self) -> bool {
        self.spoiled
    }

    /// Hands the batch out to be committed, and starts an empty one. [`Desk::settle`] must follow if that succeeds.
    pub(super) fn take(&mut self) -> WriteBatch {
        self.batch.take()
    }

    /// The batch that was handed out is committed.
    pub(super) fn settle(&mut self) {
        for (key, value) in std::mem::take(&mut self.overlay) {
            if Table::is_remembered(&key) {
                self.rows.insert(key, value);
            }
        }
        self.accounts.settle();
        self.ends.settle();
        self.repeats.clear();
        self.fresh.clear();
        self.installations.settle();
        self.blanked.clear();
    }

    // ---- reading

    /// A row of `state`.
    pub(super) fn get(&mut self, key: &Key) -> Result<Option<Bytes>, ReadError> {
        if let Some(staged) = self.overlay.get(key) {
            return Ok(staged.clone());
        }
        if let Some(known) = self.rows.get(key) {
            return Ok(known.clone());
        }
        let found = View::now(&self.rocks).get(Family::State, key)?.map(|value| Bytes::copy_from_slice(&value));
        if Table::is_remembered(key) {
            self.rows.insert(key.clone(), found.clone());
        }
        Ok(found)
    }

    /// Whether there is such a row of `state`.
    pub(super) fn has(&mut self, key: &Key) -> Result<bool, ReadError> {
        Ok(self.get(key)?.is_some())
    }

    /// A number of `state`.
    pub(super) fn number(&mut self, key: &Key) -> Result<Option<u64>, ReadError> {
        match self.get(key)? {
            Some(value) => Ok(Some(rows::decode::<Number>(key, &value)?.0)),
            None => Ok(None),
        }
    }

    /// A list's length.
    pub(super) fn tally(&mut self, key: &Key) -> Result<Tally, ReadError> {
        match self.get(key)? {
            Some(value) => rows::decode(key, &value),
            None => Ok(Tally::default()),
        }
    }

    /// All rows of `state` that start with `prefix`, in the order of their keys.
    pub(super) fn list(&self, prefix: &[u8]) -> Result<Vec<(Key, Bytes)>, ReadError> {
        let mut merged = BTreeMap::new();
        View::now(&self.rocks).list(prefix, |key, value| {
            merged.insert(Key::from_slice(key), Bytes::copy_from_slice(value));
            Ok(())
        })?;
        for (key, value) in self.overlay.range(Key::from_slice(prefix)..schema::behind(prefix)) {
            match value {
                Some(value) => merged.insert(key.clone(), value.clone()),
                None => merged.remove(key),
            };
        }
        Ok(merged.into_iter().collect())
    }

    /// The keys of the first `most` rows of `state` from `from` up to, not including, `end`.
    pub(super) fn first(&self, from: &Key, end: &Key, most: usize) -> Result<Vec<Key>, ReadError> {
        if from >= end {
            return Ok(Vec::new());
        }
        let staged = self.overlay.range(from.clone()..end.clone());
        let mut found: BTreeSet<Key> =
            staged.filter(|(_, value)| value.is_some()).take(most).map(|(key, _)| key.clone()).collect();
        let mut seen = 0;
        View::now(&self.rocks).scan(Family::State, from, end, Way::Up, |key, _| {
            let key = Key::from_slice(key);
            if self.overlay.get(&key) != Some(&None) {
                found.insert(key);
                seen += 1;
            }
            Ok(if seen < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
        })?;
        Ok(found.into_iter().take(most).collect())
    }

    /// An account.
    pub(super) fn account(&mut self, user: UserId) -> Result<Option<Account>, ReadError> {
        if let Some(known) = self.accounts.get(&user) {
            return Ok(Some(known.account.clone()));
        }
        let key = Table::Account.one(user.0);
        let Some(value) = View::now(&self.rocks).get(Family::State, &key)? else { return Ok(None) };
        let account = account(user, &key, &value)?;
        self.accounts.put(user, Known { account: account.clone(), blocks: None });
        Ok(Some(account))
    }

    /// Whether `by` takes nothing from `who`. Most people block nobody: then it is not looked for. Whether they do is seen by the
    /// rows themselves: their number, kept apart, may be wrong after a damage that was accepted.
    pub(super) fn is_blocked(&mut self, by: UserId, who: UserId) -> Result<bool, ReadError> {
        let blocks = match self.accounts.get(&by).and_then(|known| known.blocks) {
            Some(blocks) => blocks,
            None => {
                let all = Table::Block.one(by.0);
                let blocks = !self.first(&all, &schema::behind(&all), 1)?.is_empty();
                if let Some(known) = self.accounts.get(&by) {
                    known.blocks = Some(blocks);
                }
                blocks
            }
        };
        Ok(blocks && self.has(&Table::Block.two(by.0, who.0))?)
    }

    /// Somebody blocks others, or no more.
    pub(super) fn blocks_changed(&mut self, user: UserId) {
        if let Some(known) = self.accounts.get(&user) {
            known.blocks = None;
        }
    }

    /// The last place that is taken.
    pub(super) fn head(&mut self, line: Line) -> Result<Seq, ReadError> {
        self.end(line).map(|end| end.last)
    }

    /// The last place that is taken in an inbox where less than `most` wait; `None` where it is full.
    pub(super) fn room(&mut self, user: UserId, most: u64) -> Result<Option<Seq>, ReadError> {
        let End { last, received, run } = self.end(Line::Inbox(user))?;
        if last.0.saturating_sub(received) < most {
            return Ok(Some(last));
        }
        let received = self.number(&Table::InboxCursor.one(user.0))?.unwrap_or(0);
        self.ends.put(Line::Inbox(user), End { last, received, run });
        Ok((last.0.saturating_sub(received) < most).then_some(last))
    }

    fn end(&mut self, line: Line) -> Result<End, ReadError> {
        if let Some(known) = self.ends.get(&line) {
            return Ok(*known);
        }
        let view = View::now(&self.rocks);
        let end = match line {
            Line::Log(conversation) => End { last: view.log_head(conversation)?, received: 0, run: None },
            // Never below what is received, though salvage may have taken the last rows: a place is not used twice.
            Line::Inbox(user) => {
                let received = view.inbox_cursor(user)?;
                let InboxEnd { last, run } = runs::inbox_end(&view, user)?;
                End { last: last.max(received), received: received.0, run: run.filter(|_| received <= last) }
            }
        };
        self.ends.put(line, end);
        Ok(end)
    }

    /// A message that is committed, and that the batch does not blank.
    pub(super) fn message(&self, key: &Key) -> Result<Option<LogRow>, ReadError> {
        if self.blanked.contains(key) {
            return Ok(None);
        }
        let found = View::now(&self.rocks).get(Family::Log, key)?;
        found.map(|value| rows::decode_log(key, &value)).transpose()
    }

    // ---- writing: cannot fail, so that an operation is never half staged

    fn write<const N: usize>(&mut self, family: Family, key: &[u8], value: [&[u8]; N]) {
        self.spoiled |= !self.batch.put(family, key, value);
    }

    /// Puts a row of `state`.
    pub(super) fn put<'a, T: Row<'a> + Serialize>(&mut self, key: Key, row: &T) {
        match rows::encode(row) {
            Some(value) => self.put_bytes(key, value),
            None => self.spoiled = true,
        }
    }

    /// Puts a row of `state` that is bytes already.
    pub(super) fn put_bytes(&mut self, key: Key, value: Bytes) {
        self.write(Family::State, &key, [&value]);
        self.overlay.insert(key, Some(value));
    }

    /// Deletes a row of `state`.
    pub(super) fn delete(&mut self, key: Key) {
        self.spoiled |= !self.batch.delete(Family::State, &key);
        self.overlay.insert(key, None);
    }

    /// Writes a message over the one at that place.
    pub(super) fn blank(&mut self, key: Key, row: &LogRow) {
        self.write_log(&key, row);
        self.blanked.insert(key);
    }

    fn write_log(&mut self, key: &Key, LogRow { from, at_ms, numbered, body }: &LogRow) {
        let head = LogHead::new(*from, *at_ms, body.kind, numbered.as_ref());
        self.write(Family::Log, key, [head.bytes(), &body.data]);
    }

    /// Puts an account.
    pub(super) fn put_account(&mut self, account: Account, since_ms: u64) {
        let row =
            AccountRow { name: account.person.name.as_str(), add: account.add, message: account.message, since_ms };
        self.put(Table::Account.one(account.person.id.0), &row);
        self.accounts.put(account.person.id, Known { account, blocks: None });
    }

    /// Adds to a counted list. `tally` is its length as just read; `row` is told its place in the order.
    pub(super) fn enlist<'a, T: Row<'a> + Serialize>(
        &mut self,
        at: Key,
        tally: (Key, Tally),
        row: impl FnOnce(u64) -> T,
    ) {
        let (key, Tally { live, next }) = tally;
        self.put(at, &row(next));
        self.put(key, &Tally { live: live + 1, next: next + 1 });
    }

    /// Takes from a counted list. `tally` is its length as just read.
    pub(super) fn strike(&mut self, row: Key, tally: (Key, Tally)) {
        let (key, Tally { live, next }) = tally;
        self.delete(row);
        self.put(key, &Tally { live: live.saturating_sub(1), next });
    }

    /// Appends a message behind `head`, which was just read. Returns its place.
    pub(super) fn append_log(&mut self, to: Conversation, head: Seq, row: &LogRow) -> Seq {
        let seq = head.next();
        let key = schema::place(schema::conversation(to), seq);
        self.write_log(&key, row);
        self.taken(Line::Log(to), seq, None);
        seq
    }

    /// Appends a message to an inbox behind `head`, which was just read: one of `from`, at `seq`, with so many bytes. Returns its place. It
    /// needs a row only where a run begins.
    pub(super) fn append_inbox_message(
        &mut self,
        user: UserId,
        head: Seq,
        from: UserId,
        seq: Seq,
        bytes: usize,
    ) -> Seq {
        let place = head.next();
        let known = self.ends.get(&Line::Inbox(user)).and_then(|end| end.run);
        let goes_on = known.filter(|(whose, _)| *whose == from).and_then(|(_, run)| run.with(seq, bytes));
        if goes_on.is_none() {
            let key = schema::place(schema::inbox(user), place);
            self.write(Family::Inbox, &key, [&rows::encode_run(from, seq)]);
        }
        self.taken(Line::Inbox(user), place, Some((from, goes_on.unwrap_or(Open::new(seq, bytes)))));
        place
    }

    /// Appends anything else to an inbox behind `head`, which was just read. Returns its place.
    pub(super) fn append_inbox(&mut self, user: UserId, head: Seq, row: &InboxRow) -> Seq {
        let place = head.next();
        let key = schema::place(schema::inbox(user), place);
        self.write(Family::Inbox, &key, [&rows::encode_inbox(row)]);
        self.taken(Line::Inbox(user), place, None);
        place
    }

    fn taken(&mut self, line: Line, last: Seq, run: Option<(UserId, Open)>) {
        match self.ends.get(&line) {
            Some(end) => (end.last, end.run) = (last, run),
            None => self.ends.put(line, End { last, received: 0, run }),
        }
    }
}

/// An account from its row.
pub(super) fn account(user: UserId, key: &[u8], value: &[u8]) -> Result<Account, ReadError> {
    let AccountRow { name, add, message, since_ms: _ } = rows::decode(key, value)?;
    Ok(Account { person: Person { id: user, name: Name::from_stored(name) }, add, message })
}

#[cfg(test)]
mod tests;
