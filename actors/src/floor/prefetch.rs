//! Has the processor fetch what sessions lie in shortly before they are needed. Where many are told something, each is in no cache and
//! is several steps from pointer to pointer away: one after the other each step waits for memory, all at once they wait together.
//! Owns: the one `unsafe` call of this crate (docs/decisions/0004-unsafe.md). Never: changes what anybody sees; it is about time alone.

use super::Floor;
use crate::delivery::SessionHandle;
use std::cell::RefCell;

/// How many sessions are fetched together: more than memory answers at once, and few enough to be still there when their turn comes.
pub(crate) const AHEAD: usize = 16;

/// Begins to fetch all lines of something into the caches, and does not wait for them. Only where the processor is an x86-64.
#[allow(unsafe_code, reason = "the standard library has no safe way to prefetch; docs/decisions/0004-unsafe.md")]
pub(crate) fn prefetch<T: ?Sized>(what: &T) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        let (first, size) = ((&raw const *what).cast::<i8>(), size_of_val(what));
        for at in touched(size) {
            // SAFETY: a prefetch reads nothing into the program and faults nowhere; the address lies within what is borrowed.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(first.wrapping_add(at)) };
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = what;
}

/// Where so many bytes are touched, so that every line of 64 bytes is that they have a part in. Few things begin where a line does: the
/// last byte may lie in one more.
#[cfg(any(test, target_arch = "x86_64"))]
fn touched(size: usize) -> impl Iterator<Item = usize> {
    (0..size).step_by(64).chain(size.checked_sub(1))
}

/// Notes for these sessions come next; the first [`AHEAD`] of them are fetched. Of those that live on other threads only the way is.
pub(crate) fn notes_come<'a>(ways: impl Iterator<Item = &'a SessionHandle> + Clone) {
    if cfg!(not(target_arch = "x86_64")) {
        return;
    }
    let ways = ways.take(AHEAD);
    ways.clone().for_each(prefetch);
    // All of a thread live on one floor, but in tests.
    let Some(floor) = ways.clone().find_map(|way| Floor::here(&way.place().tray)) else { return };
    let seats = floor.seats.borrow();
    let here = ways.filter(|way| way.place().is_on(&floor));
    let here = here.filter_map(|way| seats.at(way.place().seat));
    here.clone().for_each(|seated| prefetch::<RefCell<_>>(seated));
    // Whoever is in a turn is in a cache.
    let here = here.filter_map(|seated| seated.try_borrow().ok());
    here.clone().for_each(|session| session.prefetch_for_note());
    here.for_each(|session| session.prefetch_feeds());
}

impl Floor {
    /// Those who write next.
    pub(super) fn writes_come(&self) {
        if cfg!(not(target_arch = "x86_64")) {
            return;
        }
        let (restless, seats) = (self.restless.borrow(), self.seats.borrow());
        let next = restless.iter().take(AHEAD).filter_map(|seat| seats.at(*seat));
        next.clone().for_each(|seated| prefetch::<RefCell<_>>(seated));
        next.filter_map(|seated| seated.try_borrow().ok()).for_each(|session| session.prefetch_for_write());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_line_is_touched_and_none_beyond() {
        for size in 0..300 {
            for begins in 0..64 {
                let lines = |places: &mut dyn Iterator<Item = usize>| -> BTreeSet<usize> {
                    places.map(|at| (begins + at) / 64).collect()
                };
                assert_eq!(lines(&mut touched(size)), lines(&mut (0..size)), "{size} bytes at {begins}");
            }
        }
    }
}
