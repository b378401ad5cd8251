//! The desk's side of de-duplication: rows of `dedup`, and what is known of each installation's. Owns: how that is found again
//! after a start. Never: decides what is remembered (`ledger/dedup/` does).

use super::Desk;
use crate::store::ops::{Destination, content_hash};
use crate::store::rows::{self, Ends, Firsts, NthRow, ReadError, Row, RunRow, SentRow, Since, Small};
use crate::store::runs::{self, Open};
use crate::store::schema::{Family, Key, Remembered, behind, last_number, remembered};
use crate::store::view::{View, Way};
use bytes::Bytes;
use protocol::{Body, Instance, Seq, UserId};
use serde::Serialize;
use std::ops::ControlFlow;

/// An installation's messages that are remembered. Found again from the rows themselves. Those that came with a number above all
/// before them are in runs, in the order of their numbers; the others have rows that say their order.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(in crate::store) struct Repeats {
    /// The next message's place in the order.
    pub(in crate::store) next: u64,
    /// The client's highest number: nothing above it is remembered. `None`: nothing is.
    pub(in crate::store) highest: Option<u64>,
    /// From where on there are rows.
    pub(in crate::store) firsts: Firsts,
    /// Until then none is old enough to be forgotten.
    pub(in crate::store) rest_until_ms: u64,
    /// The run that the last message belongs to, and where that goes.
    run: Option<(Destination, Open)>,
}

/// A message among its installation's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::store) struct Added {
    /// Its place in the order.
    pub(in crate::store) nth: u64,
    /// What it needs.
    pub(in crate::store) row: Needs,
}

/// The rows that a message needs in `dedup`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::store) enum Needs {
    /// None: it belongs to a run.
    Nothing,
    /// A `RunRow`: it begins one.
    Run(Ends),
    /// A `SentRow` and an `NthRow`: its number is not above all before it.
    Place(Ends),
}

impl Repeats {
    /// Whether that number is above all before it.
    pub(in crate::store) fn climbs(&self, number: u64) -> bool {
        self.highest.is_none_or(|highest| number > highest)
    }

    /// One more message, with that number, at that place, of so many bytes.
    pub(in crate::store) fn add(&mut self, number: u64, to: Destination, seq: Seq, bytes: usize) -> Added {
        let nth = self.next;
        self.next = nth + 1;
        let row = if self.climbs(number) {
            // Below this one is none where it is the first, or where all that climbed are forgotten.
            self.firsts.runs = if self.highest.is_none() { number } else { self.firsts.runs.min(number) };
            self.highest = Some(number);
            let known = self.run.filter(|(where_to, _)| *where_to == to);
            let goes_on = known.and_then(|(_, run)| run.with(seq, bytes));
            self.run = Some((to, goes_on.unwrap_or(Open::new(seq, bytes))));
            match goes_on {
                Some(_) => Needs::Nothing,
                None => Needs::Run(Ends::new(number, nth, self.firsts)),
            }
        } else {
            self.run = None;
            self.firsts.ordered = self.firsts.ordered.or(Some(nth));
            Needs::Place(Ends::new(number, nth, self.firsts))
        };
        Added { nth, row }
    }

    /// Whether the run that began with the `nth` message is over, and all of it came before everything that is remembered without a run:
    /// what ended it is forgotten.
    pub(in crate::store) fn is_behind(&self, nth: u64) -> bool {
        let next = nth.saturating_add(runs::SPAN); // the message that ended it, at the latest
        self.run.is_none() && self.firsts.ordered.is_none_or(|ordered| ordered > next)
    }
}

/// A message that came before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::store) struct Seen {
    /// Its place in the conversation.
    pub(in crate::store) seq: Seq,
    /// When it came, in milliseconds since 1970 (UTC).
    pub(in crate::store) at_ms: u64,
    /// [`content_hash`].
    pub(in crate::store) hash: [u8; 32],
}

/// A message of the open batch that belongs to a run: its own row is not there yet.
pub(in crate::store) struct Fresh {
    pub(in crate::store) from: UserId,
    pub(in crate::store) instance: Option<Instance>,
    pub(in crate::store) number: u64,
    pub(in crate::store) seq: Seq,
    pub(in crate::store) at_ms: u64,
    pub(in crate::store) to: Destination,
    pub(in crate::store) body: Body,
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
        let run = match self.outermost(&key(Remembered::Run(0)), Way::Down)? {
            Some((number, value)) => Some((number, rows::decode::<RunRow>(&key(Remembered::Run(number)), &value)?)),
            None => None,
        };
        // Where there is a run, all numbers that have a row of their own are below it.
        let top = if run.is_none() { self.outermost(&key(Remembered::Number(0)), Way::Down)? } else { None };
        let top = match top {
            Some((number, value)) => Some((number, rows::decode::<SentRow>(&key(Remembered::Number(number)), &value)?)),
            None => None,
        };
        // Whatever came later has a row that says its order. Below it may be thousands that are deleted.
        let nths = [run.map(|(_, run)| run.nth), top.map(|(_, sent)| sent.nth)].into_iter().flatten();
        let since = key(Remembered::Nth(nths.clone().max().unwrap_or(0)));
        let last = match self.outermost(&since, Way::Down)? {
            Some((nth, value)) => Some((nth, rows::decode::<NthRow>(&key(Remembered::Nth(nth)), &value)?)),
            None => None,
        };
        let (mut highest, mut next) = (top.map(|(number, _)| number), nths.map(|nth| nth + 1).max().unwrap_or(0));
        next = next.max(last.map_or(0, |(nth, _)| nth + 1));
        let mut open = None;
        if let Some((first, run)) = run {
            let (mut messages, mut bytes) = (0, 0);
            highest = highest.max(Some(first));
            runs::numbered(&View::now(&self.rocks), from, instance, (run.to(), Seq(run.seq)), |numbered, _, value| {
                messages += 1;
                bytes += value.len();
                highest = highest.max(Some(numbered.number));
                Ok(ControlFlow::Continue(()))
            })?;
            next = next.max(run.nth + messages);
            // What came later without a run has ended it.
            open = last.is_none().then(|| (run.to(), Open::new(Seq(run.seq), bytes)));
        }
        let looks_through = |ordered| Firsts { runs: 0, ordered, climbing: Some(0) };
        let firsts = match (last, run, top) {
            (Some((nth, NthRow { number, since: Since::Ends(ends) })), ..) => ends.firsts(number, nth),
            (Some((nth, NthRow { number, since: Since::Older(ends) })), ..) => ends.firsts(number, nth),
            // That is of an older program, which may have come after a newer one: so rows of any number may have climbed.
            (Some((_, NthRow { since: Since::Live(live), .. })), ..) => looks_through(Some(next.saturating_sub(live))),
            // Once, for a row of before that was written down. From its beginning, where what was forgotten lies, too: with
            // thousands of those it takes milliseconds.
            (Some(_), ..) => looks_through(self.outermost(&key(Remembered::Nth(0)), Way::Up)?.map(|(first, _)| first)),
            (None, Some((number, run)), _) => run.ends.firsts(number, run.nth),
            (None, None, Some((number, SentRow { nth, ends: Some(ends), .. }))) => ends.firsts(number, nth),
            // Only where damage has taken the row that said its order.
            (None, None, Some(_)) => looks_through(Some(0)),
            (None, None, None) => Firsts::default(),
        };
        let known = Repeats { next, highest, firsts, rest_until_ms: 0, run: open };
        self.installations.put((from, instance), known);
        Ok(known)
    }

    /// A message that came before, if it is in a run: one of those that begin at `first` or behind it.
    pub(in crate::store) fn seen_in_run(
        &self,
        from: UserId,
        instance: Option<Instance>,
        number: u64,
        first: u64,
    ) -> Result<Option<Seen>, ReadError> {
        let asked = (from, instance, number);
        let fresh = self.fresh.iter().find(|fresh| asked == (fresh.from, fresh.instance, fresh.number));
        if let Some(Fresh { seq, at_ms, to, body, .. }) = fresh {
            return Ok(Some(Seen { seq: *seq, at_ms: *at_ms, hash: content_hash(*to, body) }));
        }
        let key = |first| remembered(from, instance, Remembered::Run(first));
        let mut begins = None;
        let view = View::now(&self.rocks);
        // Below may be thousands that are deleted.
        view.scan(Family::Dedup, &key(first), &behind(&key(number)), Way::Down, |key, value| {
            begins = Some((Key::from_slice(key), rows::decode::<RunRow>(key, value)?));
            Ok(ControlFlow::Break(()))
        })?;
        let Some((_, run)) = begins.filter(|(key, _)| self.repeats.get(key) != Some(&None)) else { return Ok(None) };
        let mut seen = None;
        runs::numbered(&view, from, instance, (run.to(), Seq(run.seq)), |numbered, key, value| {
            if numbered.number < number {
                return Ok(ControlFlow::Continue(()));
            }
            if numbered.number == number {
                let row = rows::decode_log(key, value)?;
                let seq = Seq(last_number(key).ok_or_else(|| ReadError::row(key, "has no place"))?);
                let hash = numbered.hash.unwrap_or_else(|| content_hash(run.to(), &row.body));
                seen = Some(Seen { seq, at_ms: row.at_ms, hash });
            }
            Ok(ControlFlow::Break(()))
        })?;
        Ok(seen)
    }

    /// A message that the open batch has, and that is in a run.
    pub(in crate::store) fn put_fresh(&mut self, fresh: Fresh) {
        self.fresh.push(fresh);
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
