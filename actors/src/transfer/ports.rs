//! Relay ports, leased. Owns: which ports of the range are out. Never: binds one; a port of the range that somebody
//! else's program has taken is found out by whoever binds it.

use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The ports of `relay.ports`. Clones share one pool.
#[derive(Clone, Debug)]
pub struct PortPool {
    shared: Arc<Mutex<Leases>>,
}

/// One port, out until this is dropped.
#[derive(Debug)]
pub struct PortLease {
    port: u16,
    shared: Arc<Mutex<Leases>>,
}

/// What a pool keeps.
#[derive(Debug)]
struct Leases {
    /// The first port of the range; 0 where the system chooses.
    first: u16,
    /// One mark per port of the range, set while it is out. Empty where the system chooses.
    out: Vec<bool>,
    /// Where the search for the next port starts. It goes round, so that a port that has just come back (which a late
    /// client may still try) is the last to go out again.
    next: usize,
    /// How many are out.
    count: usize,
}

/// `relay.ports` is not a range.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0:?} is not a range of ports: write \"20000-20999\", one port, or \"0\" for any free ones")]
pub struct PortsError(String);

impl FromStr for PortPool {
    type Err = PortsError;

    /// Reads `"20000-20999"` (both ends included), `"8080"` (one port, so one transfer at a time) or `"0"` (any free
    /// ports, without a bound here).
    fn from_str(text: &str) -> Result<Self, PortsError> {
        let wrong = || PortsError(text.to_owned());
        let port = |digits: &str| digits.trim().parse::<u16>().map_err(|_| wrong());
        let (first, last) = match text.split_once('-') {
            Some((first, last)) => (port(first)?, port(last)?),
            None => (port(text)?, port(text)?),
        };
        let any = first == 0 && last == 0;
        if (first == 0 && !any) || first > last {
            return Err(wrong());
        }
        let size = if any { 0 } else { usize::from(last - first) + 1 };
        let leases = Leases { first, out: vec![false; size], next: 0, count: 0 };
        Ok(Self { shared: Arc::new(Mutex::new(leases)) })
    }
}

impl PortPool {
    /// The next free port, or `None` when all are out. Where the system chooses, always port 0.
    #[must_use]
    pub fn lease(&self) -> Option<PortLease> {
        let port = lock(&self.shared).take()?;
        Some(PortLease { port, shared: Arc::clone(&self.shared) })
    }

    /// How many are out now.
    #[must_use]
    pub fn leased(&self) -> usize {
        lock(&self.shared).count
    }

    /// How many there are in all; `None` where the system chooses.
    #[must_use]
    pub fn size(&self) -> Option<usize> {
        let leases = lock(&self.shared);
        (leases.first != 0).then_some(leases.out.len())
    }
}

impl PortLease {
    /// The port to bind; 0 for any free one.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for PortLease {
    fn drop(&mut self) {
        lock(&self.shared).put_back(self.port);
    }
}

impl Leases {
    fn take(&mut self) -> Option<u16> {
        if self.first == 0 {
            self.count += 1;
            return Some(0);
        }
        let size = self.out.len();
        let place = (self.next..size).chain(0..self.next).find(|&place| !self.out[place])?;
        self.out[place] = true;
        self.next = (place + 1) % size;
        self.count += 1;
        Some(self.first + u16::try_from(place).ok()?)
    }

    fn put_back(&mut self, port: u16) {
        if let Some(mark) = port.checked_sub(self.first).and_then(|place| self.out.get_mut(usize::from(place))) {
            *mark = false;
        }
        self.count -= 1;
    }
}

/// The pool stays right even if a holder panicked: nothing in here is left half done.
fn lock(shared: &Mutex<Leases>) -> MutexGuard<'_, Leases> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(text: &str) -> PortPool {
        text.parse().unwrap()
    }

    #[test]
    fn a_range_is_leased_once_each() {
        let pool = pool("20000-20002");
        let leases: Vec<_> = std::iter::from_fn(|| pool.lease()).collect();
        assert_eq!(leases.iter().map(PortLease::port).collect::<Vec<_>>(), [20000, 20001, 20002]);
        assert_eq!((pool.leased(), pool.size()), (3, Some(3)));
        assert!(pool.lease().is_none());
    }

    #[test]
    fn a_dropped_lease_comes_back_and_goes_out_last() {
        let pool = pool("20000-20002");
        drop(pool.lease());
        let ports: Vec<_> = std::iter::from_fn(|| pool.lease()).map(|lease| lease.port()).take(4).collect();
        // Each was dropped at once, and still the port goes round.
        assert_eq!(ports, [20001, 20002, 20000, 20001]);
        assert_eq!(pool.leased(), 0);
    }

    #[test]
    fn a_lease_may_come_back_on_another_thread() {
        let pool = pool("9-9");
        let lease = pool.lease().unwrap();
        std::thread::spawn(move || drop(lease)).join().unwrap();
        assert_eq!(pool.lease().unwrap().port(), 9);
    }

    #[test]
    fn any_free_port_has_no_end() {
        let pool = pool("0");
        let leases: Vec<_> = (0..2000).filter_map(|_| pool.lease()).collect();
        assert!(leases.iter().all(|lease| lease.port() == 0));
        assert_eq!((leases.len(), pool.leased(), pool.size()), (2000, 2000, None));
        drop(leases);
        assert_eq!(pool.leased(), 0);
    }

    #[test]
    fn the_last_port_of_all_is_a_port() {
        let pool = pool("65535-65535");
        assert_eq!(pool.lease().unwrap().port(), 65535);
    }

    #[test]
    fn nonsense_is_refused_with_what_would_be_right() {
        for text in ["", "-", "x", "20000-", "-20000", "2-1", "0-10", "70000", "1-70000", "1-2-3", "20000..20999"] {
            let error = text.parse::<PortPool>().unwrap_err();
            assert!(error.to_string().contains("20000-20999"), "{text}: {error}");
        }
    }
}
