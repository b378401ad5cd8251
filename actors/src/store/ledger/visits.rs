//! From where accounts log in. Owns: how many addresses are remembered of each. Never: decides what a new one means
//! (`accounts/` does).

use super::Ledger;
use crate::store::ops::Outcome;
use crate::store::rows::{self, Number};
use crate::store::schema::{Table, known_address};
use protocol::{Refusal, UserId};
use std::net::IpAddr;

/// Addresses that are remembered of one account; the one that was not seen for longest makes room.
const REMEMBERED: usize = 16;

/// Milliseconds after which it is written down again that an address was seen.
const FRESH_MS: u64 = 24 * 3600 * 1000;

impl Ledger {
    pub(super) fn note_visit(&mut self, user: UserId, from: IpAddr, now_ms: u64) -> Result<Outcome, Refusal> {
        let key = known_address(user, from);
        let mut known = Vec::new();
        for (key, value) in self.desk.list(&Table::KnownAddress.one(user.0))? {
            let Number(seen_ms) = rows::decode(&key, &value)?;
            known.push((seen_ms, key));
        }
        let here = known.iter().find(|(_, known)| *known == key);
        if here.is_some_and(|(seen_ms, _)| now_ms.abs_diff(*seen_ms) < FRESH_MS) {
            return Ok(Outcome::VisitNoted);
        }
        let oldest = (here.is_none() && known.len() >= REMEMBERED).then(|| known.into_iter().min()).flatten();

        if let Some((_, oldest)) = oldest {
            self.desk.delete(oldest);
        }
        self.desk.put(key, &Number(now_ms));
        Ok(Outcome::VisitNoted)
    }
}
