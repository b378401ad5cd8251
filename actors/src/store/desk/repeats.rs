//! The desk's side of de-duplication: rows of `dedup`, and where each installation's row of messages begins and ends. Owns:
//! how that is found again after a start. Never: decides what is remembered (`ledger/dedup.rs` does).

use super::Desk;
use crate::store::rows::{self, NthRow, ReadError, Row, Small};
use crate::store::schema::{Family, Key, Remembered, behind, last_number, remembered};
use crate::store::view::{View, Way};
use bytes::Bytes;
use protocol::{Instance, UserId};
use serde::Serialize;
use std::ops::ControlFlow;

/// An installation's messages that are remembered, in the order in which they came. Found again from the rows themselves.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(in crate::store) struct Repeats {
    /// The oldest one's place, and the next one's. Places between may be empty.
    pub(in crate::store) first: u64,
    pub(in crate::store) next: u64,
    /// The client's highest number: what is above it has never come. `None`: it has to be looked for.
    pub(in crate::store) highest: Option<u64>,
    /// Until then none is old enough to be forgotten.
    pub(in crate::store) rest_until_ms: u64,
}

impl Desk {
    /// A row of `dedup`.
    pub(in crate::store) fn repeat(&self, key: &Key) -> Result<Option<Small>, ReadError> {
        if let Some(staged) = self.repeats.get(key) {
            return Ok(staged.clone());
        }
        Ok(View::now(&self.rocks).get(Family::Dedup, key)?.map(|value| Small::from_slice(&value)))
    }

    /// Where an installation's row of messages begins and ends.
    pub(in crate::store) fn repeats(&mut self, from: UserId, instance: Option<Instance>) -> Result<Repeats, ReadError> {
        if let Some(known) = self.installations.get(&(from, instance)) {
            return Ok(*known);
        }
        // Nothing of it is staged, or it would be known.
        let view = View::now(&self.rocks);
        let end = |kind: Remembered, way: Way| {
            let kind = &remembered(from, instance, kind);
            let prefix = &kind[..kind.len() - 8];
            let mut found = None;
            view.scan(Family::Dedup, prefix, &behind(prefix), way, |key, value| {
                found = last_number(key).map(|number| (number, Bytes::copy_from_slice(value)));
                Ok(ControlFlow::Break(()))
            })?;
            Ok::<_, ReadError>(found)
        };
        let (first, next) = match end(Remembered::Nth(0), Way::Down)? {
            None => (0, 0),
            Some((last, value)) => {
                let key = remembered(from, instance, Remembered::Nth(last));
                let next = last + 1;
                match rows::decode::<NthRow>(&key, &value)?.live {
                    Some(live) => (next.saturating_sub(live), next),
                    // Once, for a row of before that was written down. From its beginning, where what was forgotten lies, too: with
                    // thousands of those it takes milliseconds.
                    None => (end(Remembered::Nth(0), Way::Up)?.map_or(next, |(first, _)| first), next),
                }
            }
        };
        let highest = end(Remembered::Number(0), Way::Down)?.map(|(number, _)| number);
        let known = Repeats { first, next, highest, rest_until_ms: 0 };
        self.installations.put((from, instance), known);
        Ok(known)
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

    /// Where an installation's row of messages will begin and end.
    pub(in crate::store) fn put_repeats(&mut self, from: UserId, instance: Option<Instance>, repeats: Repeats) {
        self.installations.put((from, instance), repeats);
    }

    /// Deletes a row of `dedup`.
    pub(in crate::store) fn delete_repeat(&mut self, key: Key) {
        self.spoiled |= !self.batch.delete(Family::Dedup, &key);
        self.repeats.insert(key, None);
    }
}
