//! Messages that come again (`DELIVERY.md`, de-duplication): each is delivered once, however often it is sent.
//!
//! Owns: what is remembered of a message with a number, for how long, and what the same number means later. Never: remembers a
//! message that was refused, or costs one without a number anything.
//!
//! Clients count upwards. So a message whose number is above all numbers of its installation before it belongs to a *run*
//! (`runs.rs`): its own row in the log says its number, and of the run only the beginning is remembered. The order of those numbers is
//! the order in which they came. Any other (a counter that began anew, several connections of one installation) is *ordered*: it
//! has a row under its number, and one under its place in that order. Both are forgotten in their order, each beginning with its oldest;
//! now and then, and a bounded number at a time. Databases from before have messages that *climbed* with a row each.

use super::Ledger;
use crate::store::desk::{Added, Fresh, Needs, Repeats, Seen};
use crate::store::ops::{Destination, Outcome, Stamp, content_hash};
use crate::store::rows::{self, NthRow, Numbered, ReadError, RunRow, SentRow, Since};
use crate::store::schema::{Key, Remembered, remembered};
use protocol::{Body, GroupId, Instance, Refusal, Seq, UserId};

/// With so many messages of an installation one look for what can be forgotten.
const EVERY: u64 = 16;

/// Rows of each kind that are looked at then, at the most. More than came since the last look, so that what is too much gets less.
const LOOK_AT: usize = 32;

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
    /// What the message's own row says: its number, where that climbs. Any other has rows of its own, and must not be found beside them.
    pub(super) fn numbered(remember: Option<&Self>) -> Option<Numbered> {
        let Self { stamp: Stamp { instance, number }, row, .. } = remember?;
        row.climbs(*number).then_some(Numbered { instance: *instance, number: *number, hash: None })
    }

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
        body: &Body,
        now_ms: u64,
    ) -> Result<Past, Refusal> {
        let Some(stamp) = stamp else { return Ok(Past::New(None)) };
        let row = self.desk.repeats(from, stamp.instance)?;
        if let Some(outcome) = self.repeated(from, &row, stamp, || content_hash(to, body), now_ms)? {
            return Ok(Past::Repeated(outcome));
        }
        let (forget, row) = self.forgettable(from, stamp.instance, row, now_ms)?;
        Ok(Past::New(Some(Remember { from, to, stamp, at_ms: now_ms, row, forget })))
    }

    /// The answer that a message has if it has come before.
    fn repeated(
        &self,
        from: UserId,
        row: &Repeats,
        stamp: Stamp,
        hash: impl Fn() -> [u8; 32],
        now_ms: u64,
    ) -> Result<Option<Outcome>, Refusal> {
        // Clients count upwards: most numbers are above all that came before, and need not be looked for.
        let may_be_there = row.highest.is_none_or(|highest| stamp.number <= highest);
        let seen = if may_be_there { self.seen(from, row, stamp)? } else { None };
        if let Some(seen) = seen {
            let repeated = match stamp.instance {
                Some(_) if seen.hash != hash() => return Err(Refusal::Conflict),
                Some(_) => true,
                // Its counter may have begun anew: then only the same words, and soon, are the same message.
                None => {
                    let bare = self.settings.binary.dedup_bare_s.saturating_mul(1000);
                    // 0 is never, also within the same millisecond.
                    bare > 0 && now_ms.abs_diff(seen.at_ms) <= bare && seen.hash == hash()
                }
            };
            if repeated {
                return Ok(Some(Outcome::Repeated { seq: seen.seq, at_ms: seen.at_ms }));
            }
        }
        Ok(None)
    }

    /// Remembers a message that was just staged, and forgets a few old ones. Writes only.
    pub(super) fn remember(&mut self, remember: Option<Remember>, seq: Seq, body: &Body) {
        let Some(mut remember) = remember else { return };
        for key in std::mem::take(&mut remember.forget) {
            self.desk.delete_repeat(key);
        }
        let Remember { from, to, stamp: Stamp { instance, number }, at_ms, mut row, .. } = remember;
        let Added { nth, row: needs } = row.add(number, to, seq, body.data.len());
        match needs {
            Needs::Nothing => {}
            Needs::Run(ends) => {
                self.desk.put_repeat(remember.key(Remembered::Run(number)), &RunRow::new(nth, at_ms, seq, to, ends));
            }
            Needs::Place(ends) => {
                let sent = SentRow::new(nth, at_ms, seq, to, content_hash(to, body));
                self.desk.put_repeat(remember.key(Remembered::Number(number)), &sent);
                self.desk.put_repeat(remember.key(Remembered::Nth(nth)), &NthRow { number, since: Since::Ends(ends) });
            }
        }
        if !matches!(needs, Needs::Place(_)) {
            self.desk.put_fresh(Fresh { from, instance, number, seq, at_ms, to, body: body.clone() });
        }
        self.desk.put_repeats(from, instance, row);
    }

    /// For whoever cannot write to that group, or not now: a message that comes again has the answer that it had.
    pub(super) fn again(
        &mut self,
        from: UserId,
        group: GroupId,
        (stamp, body): (Stamp, &Body),
        otherwise: Refusal,
        now_ms: u64,
    ) -> Result<Outcome, Refusal> {
        let row = self.desk.repeats(from, stamp.instance)?;
        match self.repeated(from, &row, stamp, || content_hash(Destination::Group(group), body), now_ms)? {
            Some(outcome) => Ok(outcome),
            None => {
                self.living_group(group)?;
                Err(otherwise)
            }
        }
    }

    /// The oldest that are beyond both bounds: the rows to delete, and what is known without them.
    fn forgettable(
        &mut self,
        from: UserId,
        instance: Option<Instance>,
        mut row: Repeats,
        now_ms: u64,
    ) -> Result<(Vec<Key>, Repeats), ReadError> {
        let mut forget = Vec::new();
        let enough = row.next >= self.settings.binary.dedup_numbers;
        if !enough || !row.next.is_multiple_of(EVERY) || now_ms < row.rest_until_ms {
            return Ok((forget, row));
        }
        let climbing = self.forget_climbing((from, instance), &mut row, now_ms, &mut forget)?;
        let runs = self.forget_runs((from, instance), &mut row, now_ms, &mut forget)?;
        let ordered = self.forget_ordered((from, instance), &mut row, now_ms, &mut forget)?;
        // Those behind an oldest are younger.
        row.rest_until_ms = climbing.into_iter().chain(runs).chain(ordered).min().unwrap_or(0);
        Ok((forget, row))
    }

    /// Of runs, as a whole: once what came after one may be forgotten. Says until when none is old enough; `None` where that is not known
    /// because there is none.
    fn forget_runs(
        &self,
        (from, instance): (UserId, Option<Instance>),
        row: &mut Repeats,
        now_ms: u64,
        forget: &mut Vec<Key>,
    ) -> Result<Option<u64>, ReadError> {
        let rows = self.desk.repeats_from(from, instance, Remembered::Run(row.firsts.runs), LOOK_AT)?;
        let all = rows.len() < LOOK_AT && !self.desk.repeats_are_staged();
        let mut oldest = None;
        for (number, value) in rows {
            let Some(value) = value else { continue };
            let key = remembered(from, instance, Remembered::Run(number));
            let run: RunRow = rows::decode(&key, &value)?;
            if let Some((number, key, _)) = oldest.replace((number, key, run.nth)) {
                // The last of that run came before the first of this one.
                if let Some(until) = self.is_kept(row, run.at_ms, run.nth.saturating_sub(1), now_ms) {
                    return Ok(Some(until));
                }
                forget.push(key);
                row.firsts.runs = u64::saturating_add(number, 1);
            }
        }
        let Some((number, key, nth)) = oldest else { return Ok(None) };
        // The last of all: what came after it is no run. It is kept until then, since it says which number is the highest.
        if all && row.is_behind(nth) {
            forget.push(key);
            row.firsts.runs = number.saturating_add(1);
        }
        Ok(Some(0))
    }

    /// Of those that climbed before there were runs, as [`Ledger::forget_runs`].
    fn forget_climbing(
        &self,
        (from, instance): (UserId, Option<Instance>),
        row: &mut Repeats,
        now_ms: u64,
        forget: &mut Vec<Key>,
    ) -> Result<Option<u64>, ReadError> {
        let Some(first) = row.firsts.climbing else { return Ok(None) };
        let rows = self.desk.repeats_from(from, instance, Remembered::Number(first), LOOK_AT)?;
        if rows.is_empty() {
            row.firsts.climbing = None; // no more of them come
            return Ok(None);
        }
        for (number, value) in rows {
            if let Some(value) = value {
                let key = remembered(from, instance, Remembered::Number(number));
                let sent: SentRow = rows::decode(&key, &value)?;
                if sent.ends.is_some() {
                    if let Some(until) = self.is_kept(row, sent.at_ms, sent.nth, now_ms) {
                        return Ok(Some(until));
                    }
                    forget.push(key);
                }
                // Another is ordered, and found by its place.
            }
            row.firsts.climbing = Some(number.saturating_add(1));
        }
        Ok(Some(0))
    }

    /// Of those that are ordered, as [`Ledger::forget_climbing`].
    fn forget_ordered(
        &self,
        (from, instance): (UserId, Option<Instance>),
        row: &mut Repeats,
        now_ms: u64,
        forget: &mut Vec<Key>,
    ) -> Result<Option<u64>, ReadError> {
        let Some(first) = row.firsts.ordered else { return Ok(None) };
        let rows = self.desk.repeats_from(from, instance, Remembered::Nth(first), LOOK_AT)?;
        if rows.is_empty() {
            // Some that the open batch has may not be seen here.
            if !self.desk.repeats_are_staged() {
                row.firsts.ordered = None;
            }
            return Ok(None);
        }
        for (nth, value) in rows {
            if let Some(value) = value {
                let by_nth = remembered(from, instance, Remembered::Nth(nth));
                let number = rows::decode::<NthRow>(&by_nth, &value)?.number;
                // Another message may have taken that number since.
                let sent = self.sent(from, instance, number)?.filter(|sent| sent.nth == nth);
                let kept = match &sent {
                    Some(sent) => self.is_kept(row, sent.at_ms, sent.nth, now_ms),
                    None => self.is_near(row, nth).then_some(0),
                };
                if kept.is_some() {
                    return Ok(kept);
                }
                forget.extend(sent.map(|_| remembered(from, instance, Remembered::Number(number))));
                forget.push(by_nth);
            }
            row.firsts.ordered = Some(nth.saturating_add(1));
        }
        Ok(Some(0))
    }

    /// Whether a message is among the last ones that are kept in any case, with the one that comes now.
    fn is_near(&self, row: &Repeats, nth: u64) -> bool {
        row.next.saturating_sub(nth) < self.settings.binary.dedup_numbers
    }

    /// Whether a message is to be kept, and then until when at the least, as far as its age says.
    fn is_kept(&self, row: &Repeats, at_ms: u64, nth: u64, now_ms: u64) -> Option<u64> {
        let keep_ms = u64::try_from(self.settings.binary.dedup_for.0.as_millis()).unwrap_or(u64::MAX);
        if now_ms.saturating_sub(at_ms) <= keep_ms {
            return Some(at_ms.saturating_add(keep_ms));
        }
        self.is_near(row, nth).then_some(0)
    }

    /// A message that came before.
    fn seen(&self, from: UserId, row: &Repeats, stamp: Stamp) -> Result<Option<Seen>, ReadError> {
        let Stamp { instance, number } = stamp;
        // One with a row of its own came later than one in a run with the same number.
        if let Some(SentRow { seq, at_ms, hash, .. }) = self.sent(from, instance, number)? {
            return Ok(Some(Seen { seq: Seq(seq), at_ms, hash }));
        }
        self.desk.seen_in_run(from, instance, number, row.firsts.runs)
    }

    fn sent(&self, from: UserId, instance: Option<Instance>, number: u64) -> Result<Option<SentRow>, ReadError> {
        let key = remembered(from, instance, Remembered::Number(number));
        self.desk.repeat(&key)?.map(|value| rows::decode(&key, &value)).transpose()
    }
}

#[cfg(test)]
mod tests;
