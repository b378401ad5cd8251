//! The desk's side of de-duplication: rows of `dedup`, and what is known of each installation's. Owns: how that is found again
//! after a start. Never: decides what is remembered (`ledger/dedup/` does).

use super::Desk;
use crate::store::rows::{self, Ends, NthRow, ReadError, Row, SentRow, Since, Small};
use crate::store::schema::{Family, Key, Remembered, behind, last_number, remembered};
use crate::store::view::{View, Way};
use bytes::Bytes;
use protocol::{Instance, UserId};
use serde::Serialize;
use std::ops::ControlFlow;

/// An installation's messages that are remembered. Found again from the rows themselves. Those that came with a number above all
/// before them are in the order of their numbers; the others have rows that say their order.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(in crate::store) struct Repeats {
    /// The next message's place in the order.
    pub(in crate::store) next: u64,
    /// The client's highest number: what is above it has never come. `None`: there is no message.
    pub(in crate::store) highest: Option<u64>,
    /// No number below is remembered of those that came above all before them.
    pub(in crate::store) climbing: u64,
    /// No place below has a row. `None`: none has.
    pub(in crate::store) ordered: Option<u64>,
    /// Until then none is old enough to be forgotten.
    pub(in crate::store) rest_until_ms: u64,
}

/// A message among its installation's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::store) struct Added {
    /// Its place in the order.
    pub(in crate::store) nth: u64,
    /// Its number is above all before it: it needs no row that says its place.
    pub(in crate::store) climbs: bool,
    /// Where all of them begin, for its row.
    pub(in crate::store) ends: Ends,
}

impl Repeats {
    /// One more message, with that number.
    pub(in crate::store) fn add(&mut self, number: u64) -> Added {
        let nth = self.next;
        let climbs = self.highest.is_none_or(|highest| number > highest);
        if climbs {
            // Below this one is none where it is the first, or where all that climbed are forgotten.
            self.climbing = if self.highest.is_none() { number } else { self.climbing.min(number) };
            self.highest = Some(number);
        } else {
            self.ordered = self.ordered.or(Some(nth));
        }
        self.next = nth + 1;
        Added { nth, climbs, ends: Ends::new(number, nth, self.climbing, self.ordered) }
    }
}

impl Desk {
    /// A row of `dedup`.
    pub(in crate::store) fn repeat(&self, key: &Key) -> Result<Option<Small>, ReadError> {
        if let Some(staged) = self.repeats.get(key) {
            return Ok(staged.clone());
        }
        Ok(View::now(&self.rocks).get(Family::Dedup, key)?.map(|value| Small::from_slice(&value)))
    }

    /// Rows of an installation from `first` on, of the same kind, in their order: at most `most` of those that are committed, as the
    /// open batch will leave them; `None` is deleted. With the number that each key ends with.
    pub(in crate::store) fn repeats_from(
        &self,
        from: UserId,
        instance: Option<Instance>,
        first: Remembered,
        most: usize,
    ) -> Result<Vec<(u64, Option<Small>)>, ReadError> {
        let first = remembered(from, instance, first);
        let end = behind(&first[..first.len() - 8]);
        let mut found = Vec::new();
        View::now(&self.rocks).scan(Family::Dedup, &first, &end, Way::Up, |key, value| {
            let row = match self.repeats.get(key) {
                Some(staged) => staged.clone(),
                None => Some(Small::from_slice(value)),
            };
            found.extend(last_number(key).map(|number| (number, row)));
            Ok(if found.len() < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
        })?;
        Ok(found)
    }

    /// Whether the open batch has rows of `dedup`.
    pub(in crate::store) fn repeats_are_staged(&self) -> bool {
        !self.repeats.is_empty()
    }

    /// What is known of an installation's messages.
    pub(in crate::store) fn repeats(&mut self, from: UserId, instance: Option<Instance>) -> Result<Repeats, ReadError> {
        if let Some(known) = self.installations.get(&(from, instance)) {
            return Ok(*known);
        }
        // Nothing of it is staged, or it would be known.
        let key = |what| remembered(from, instance, what);
        let top = match self.outermost(&key(Remembered::Number(0)), Way::Down)? {
            Some((number, value)) => Some((number, rows::decode::<SentRow>(&key(Remembered::Number(number)), &value)?)),
            None => None,
        };
        // Whatever came later has a row that says its order. Below it may be thousands that are deleted.
        let since = key(Remembered::Nth(top.map_or(0, |(_, sent)| sent.nth)));
        let last = match self.outermost(&since, Way::Down)? {
            Some((nth, value)) => Some((nth, rows::decode::<NthRow>(&key(Remembered::Nth(nth)), &value)?)),
            None => None,
        };
        let highest = top.map(|(number, _)| number);
        let next = top.map_or(0, |(_, sent)| sent.nth + 1).max(last.map_or(0, |(nth, _)| nth + 1));
        let (climbing, ordered) = match (top, last) {
            (_, Some((nth, NthRow { number, since: Since::Ends(ends) }))) => ends.first(number, nth),
            // That is of an older program, which may have come after a newer one: so rows of any number may have climbed.
            (_, Some((_, NthRow { since: Since::Live(live), .. }))) => (0, Some(next.saturating_sub(live))),
            // Once, for a row of before that was written down. From its beginning, where what was forgotten lies, too: with
            // thousands of those it takes milliseconds.
            (_, Some(_)) => (0, self.outermost(&key(Remembered::Nth(0)), Way::Up)?.map(|(first, _)| first)),
            (Some((number, SentRow { nth, ends: Some(ends), .. })), None) => ends.first(number, nth),
            // Only where damage has taken the row that said its order.
            (Some(_), None) => (0, Some(0)),
            (None, None) => (0, None),
        };
        let known = Repeats { next, highest, climbing, ordered, rest_until_ms: 0 };
        self.installations.put((from, instance), known);
        Ok(known)
    }

    /// The first or the last row of an installation, of one kind, that is at `least` or behind it.
    fn outermost(&self, least: &Key, way: Way) -> Result<Option<(u64, Bytes)>, ReadError> {
        let mut found = None;
        let end = behind(&least[..least.len() - 8]);
        View::now(&self.rocks).scan(Family::Dedup, least, &end, way, |key, value| {
            found = last_number(key).map(|number| (number, Bytes::copy_from_slice(value)));
            Ok(ControlFlow::Break(()))
        })?;
        Ok(found)
    }

    /// Puts a row of `dedup`.
    pub(in crate::store) fn put_repeat<'a, T: Row<'a> + Serialize>(&mut self, key: Key, row: &T) {
        let Some(value) = rows::encode_small(row) else {
            self.spoiled = true;
            return;
        };
        self.write(Family::Dedup, &key, [&value]);
        self.repeats.insert(key, Some(value));
    }

    /// What will be known of an installation's messages.
    pub(in crate::store) fn put_repeats(&mut self, from: UserId, instance: Option<Instance>, repeats: Repeats) {
        self.installations.put((from, instance), repeats);
    }

    /// Deletes a row of `dedup`.
    pub(in crate::store) fn delete_repeat(&mut self, key: Key) {
        self.spoiled |= !self.batch.delete(Family::Dedup, &key);
        self.repeats.insert(key, None);
    }
}
