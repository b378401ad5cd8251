//! Messages that come again (`DELIVERY.md`, de-duplication): each is delivered once, however often it is sent.
//!
//! Owns: what is remembered of a message with a number, for how long, and what the same number means later. Per
//! installation of an account there is a row of messages in the order in which they came; each new one takes a few of
//! the oldest out, so that this is bounded work. Never: remembers a message that was refused, or costs one without a
//! number anything.

use super::Ledger;
use crate::store::desk::Repeats;
use crate::store::ops::{Destination, Outcome, Stamp};
use crate::store::rows::{self, NthRow, ReadError, SentRow};
use crate::store::schema::{Key, Remembered, remembered};
use protocol::{GroupId, Instance, Refusal, Seq, UserId};

/// Messages that are forgotten for one that is remembered, at the most. More than one, so that a row that was too long
/// gets shorter.
const FORGET: u64 = 2;

/// What is known of a message before it is staged.
pub(super) enum Past {
    /// It has come before; so the answer is the same.
    Repeated(Outcome),
    /// It has not. What is to be remembered of it, if anything.
    New(Option<Remember>),
}

/// All that [`Ledger::remember`] needs, so that it reads nothing.
pub(super) struct Remember {
    from: UserId,
    to: Destination,
    stamp: Stamp,
    at_ms: u64,
    row: Repeats,
    /// Rows of messages that are forgotten.
    forget: Vec<Key>,
}

impl Remember {
    fn key(&self, what: Remembered) -> Key {
        remembered(self.from, self.stamp.instance, what)
    }
}

impl Ledger {
    /// Has that message come before? Reads only.
    pub(super) fn look_back(
        &mut self,
        from: UserId,
        to: Destination,
        stamp: Option<Stamp>,
        now_ms: u64,
    ) -> Result<Past, Refusal> {
        let Some(stamp) = stamp else { return Ok(Past::New(None)) };
        let row = self.desk.repeats(from, stamp.instance)?;
        // Clients count upwards: most numbers are above all that came before, and need not be looked for.
        let may_be_there = row.highest.is_none_or(|highest| stamp.number <= highest);
        let seen = if may_be_there { self.sent(from, stamp.instance, stamp.number)? } else { None };
        if let Some(seen) = seen {
            let repeated = match stamp.instance {
                Some(_) if seen.hash != stamp.hash => return Err(Refusal::Conflict),
                Some(_) => true,
                // Its counter may have begun anew: then only the same words, and soon, are the same message.
                None => {
                    let bare = self.settings.binary.dedup_bare_s.saturating_mul(1000);
                    // 0 is never, also within the same millisecond.
                    bare > 0 && seen.hash == stamp.hash && now_ms.abs_diff(seen.at_ms) <= bare
                }
            };
            if repeated {
                return Ok(Past::Repeated(Outcome::Repeated { seq: Seq(seen.seq), at_ms: seen.at_ms }));
            }
        }
        let (forget, row) = self.forgettable(from, stamp.instance, row, now_ms)?;
        Ok(Past::New(Some(Remember { from, to, stamp, at_ms: now_ms, row, forget })))
    }

    /// Remembers a message that was just staged, and forgets a few old ones. Writes only.
    pub(super) fn remember(&mut self, remember: Option<Remember>, seq: Seq) {
        let Some(mut remember) = remember else { return };
        for key in std::mem::take(&mut remember.forget) {
            self.desk.delete_repeat(key);
        }
        let Remember { from, to, stamp: Stamp { instance, number, hash }, at_ms, row, .. } = remember;
        let next = row.next;
        let sent = SentRow::new(next, at_ms, seq, to, hash);
        self.desk.put_repeat(remember.key(Remembered::Number(number)), &sent);
        let live = Some((next + 1).saturating_sub(row.first));
        self.desk.put_repeat(remember.key(Remembered::Nth(next)), &NthRow { number, live });
        let highest = Some(row.highest.map_or(number, |highest| highest.max(number)));
        self.desk.put_repeats(from, instance, Repeats { next: next + 1, highest, ..row });
    }

    /// For whoever cannot write to that group, or not now: a message that comes again has the answer that it had.
    pub(super) fn again(
        &mut self,
        from: UserId,
        group: GroupId,
        stamp: &Stamp,
        otherwise: Refusal,
        now_ms: u64,
    ) -> Result<Outcome, Refusal> {
        match self.look_back(from, Destination::Group(group), Some(*stamp), now_ms)? {
            Past::Repeated(outcome) => Ok(outcome),
            Past::New(_) => {
                self.living_group(group)?;
                Err(otherwise)
            }
        }
    }

    /// The oldest of a row that are beyond both bounds: the rows to delete, and the row without them.
    fn forgettable(
        &mut self,
        from: UserId,
        instance: Option<Instance>,
        mut row: Repeats,
        now_ms: u64,
    ) -> Result<(Vec<Key>, Repeats), ReadError> {
        let binary = &self.settings.binary;
        // With the one that comes now.
        let live = row.next.saturating_sub(row.first);
        let beyond = (live + 1).saturating_sub(binary.dedup_numbers).min(FORGET);
        let keep_ms = u64::try_from(binary.dedup_for.0.as_millis()).unwrap_or(u64::MAX);
        let mut forget = Vec::new();
        if now_ms < row.rest_until_ms {
            return Ok((forget, row));
        }
        for _ in 0..beyond {
            let nth = row.first;
            let by_nth = remembered(from, instance, Remembered::Nth(nth));
            // A place may be empty where damage was repaired.
            if let Some(value) = self.desk.repeat(&by_nth)? {
                let number = rows::decode::<NthRow>(&by_nth, &value)?.number;
                // Another message may have taken that number, further behind in the row.
                if let Some(sent) = self.sent(from, instance, number)?.filter(|sent| sent.nth == nth) {
                    if now_ms.saturating_sub(sent.at_ms) <= keep_ms {
                        // Those behind it are younger.
                        row.rest_until_ms = sent.at_ms.saturating_add(keep_ms);
                        return Ok((forget, row));
                    }
                    forget.push(remembered(from, instance, Remembered::Number(number)));
                }
                forget.push(by_nth);
            }
            row.first += 1;
        }
        Ok((forget, row))
    }

    fn sent(&self, from: UserId, instance: Option<Instance>, number: u64) -> Result<Option<SentRow>, ReadError> {
        let key = remembered(from, instance, Remembered::Number(number));
        self.desk.repeat(&key)?.map(|value| rows::decode(&key, &value)).transpose()
    }
}

#[cfg(test)]
#[path = "dedup_tests.rs"]
mod tests;
