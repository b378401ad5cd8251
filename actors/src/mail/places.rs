//! Room for letters: a bound that is kept before a code is drawn. Owns: the count. Never: holds a letter.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many letters there are, of how many there may be.
#[derive(Debug)]
pub struct Places {
    taken: AtomicUsize,
    most: usize,
}

/// Room for one letter, given back when it is dropped: with the letter, or with the request that came to nothing.
#[derive(Debug)]
pub struct Place(Arc<Places>);

impl Places {
    /// So many.
    #[must_use]
    pub fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { taken: AtomicUsize::new(0), most })
    }

    /// One of them, if there is one left.
    #[must_use]
    pub fn take(self: &Arc<Self>) -> Option<Place> {
        let more = |taken| (taken < self.most).then_some(taken + 1);
        let taken = self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        taken.is_ok().then(|| Place(self.clone()))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::Places;

    #[test]
    fn places_run_out_and_come_back() {
        let places = Places::new(2);
        let (one, two) = (places.take().unwrap(), places.take().unwrap());
        assert!(places.take().is_none());
        drop(one);
        let again = places.take().unwrap();
        assert!(places.take().is_none());
        drop((two, again));
        assert!(places.take().is_some());
    }
}
