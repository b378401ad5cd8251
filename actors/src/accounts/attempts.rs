//! Wrong passwords and codes per address, as a plain struct: a token bucket each, in a bounded table; and codes asked for.
//! Never: counts right passwords; a whole office behind one address logs in as often as it likes.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;
use tokio::time::Instant;

/// Addresses that are remembered at once; a full bucket is forgotten first.
const REMEMBERED: usize = 65_536;

struct Bucket {
    tokens: f64,
    at: Instant,
}

/// The buckets of all addresses that were wrong lately.
pub struct Attempts {
    burst: f64,
    per_second: f64,
    buckets: HashMap<IpAddr, Bucket>,
}

impl Attempts {
    /// `burst` wrong passwords in a row, and `per_minute` back each minute.
    #[must_use]
    pub fn new(burst: u32, per_minute: u32) -> Self {
        Self { burst: f64::from(burst), per_second: f64::from(per_minute) / 60.0, buckets: HashMap::new() }
    }

    /// `many` in a row, and as many back each hour.
    #[must_use]
    pub fn each_hour(many: u32) -> Self {
        Self { per_second: f64::from(many) / 3600.0, ..Self::new(many, 0) }
    }

    /// Whether this address may try now.
    #[must_use]
    pub fn may_try(&self, from: IpAddr, now: Instant) -> bool {
        self.buckets.get(&from).is_none_or(|bucket| self.level(bucket, now) >= 1.0)
    }

    /// It tried, and was wrong.
    pub fn was_wrong(&mut self, from: IpAddr, now: Instant) {
        if self.buckets.len() >= REMEMBERED && !self.buckets.contains_key(&from) {
            self.forget(now);
        }
        let level = self.buckets.get(&from).map_or(self.burst, |bucket| self.level(bucket, now));
        self.buckets.insert(from, Bucket { tokens: (level - 1.0).max(0.0), at: now });
    }

    fn level(&self, bucket: &Bucket, now: Instant) -> f64 {
        let since: Duration = now.saturating_duration_since(bucket.at);
        (bucket.tokens + since.as_secs_f64() * self.per_second).min(self.burst)
    }

    /// Forgets addresses that may try as freely as if they were new; all of them where that is not enough, since a
    /// table that can be filled must not be one that locks people out.
    fn forget(&mut self, now: Instant) {
        let (burst, per_second) = (self.burst, self.per_second);
        self.buckets.retain(|_, bucket| {
            bucket.tokens + now.saturating_duration_since(bucket.at).as_secs_f64() * per_second < burst
        });
        if self.buckets.len() >= REMEMBERED {
            self.buckets.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
    const THERE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

    #[test]
    fn wrong_passwords_run_out_and_come_back() {
        let now = Instant::now();
        let mut attempts = Attempts::new(3, 60);
        for _ in 0..3 {
            assert!(attempts.may_try(HERE, now));
            attempts.was_wrong(HERE, now);
        }
        assert!(!attempts.may_try(HERE, now));
        assert!(attempts.may_try(THERE, now), "another address is not punished");
        assert!(attempts.may_try(HERE, now + Duration::from_secs(1)), "one comes back each second");
    }

    #[test]
    fn what_is_counted_by_the_hour_comes_back_by_the_hour() {
        let now = Instant::now();
        let mut asked = Attempts::each_hour(2);
        asked.was_wrong(HERE, now);
        asked.was_wrong(HERE, now);
        assert!(!asked.may_try(HERE, now + Duration::from_secs(1700)));
        assert!(asked.may_try(HERE, now + Duration::from_secs(1801)));
    }

    #[test]
    fn the_table_is_bounded() {
        let now = Instant::now();
        let mut attempts = Attempts::new(3, 1);
        for n in 0..70_000_u32 {
            attempts.was_wrong(IpAddr::V4(Ipv4Addr::from_bits(n)), now);
        }
        assert!(attempts.buckets.len() <= REMEMBERED);
    }
}
