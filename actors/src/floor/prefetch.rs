//! Has the processor fetch what sessions lie in shortly before they are needed. Where many are told something, each is in no cache and
//! is several steps from pointer to pointer away: one after the other each step waits for memory, all at once they wait together.
//! Owns: the one `unsafe` call of this crate (docs/decisions/0004-unsafe.md). Never: changes what anybody sees; it is about time alone.

use super::Floor;
use crate::delivery::SessionHandle;
use std::cell::RefCell;

/// How many sessions are fetched together: more than memory answers at once, and few enough to be still there when their turn comes.
pub(crate) const AHEAD: usize = 16;

/// Bytes of a line of the caches.
const LINE: usize = 64;

/// Begins to fetch all lines of something, and does not wait for them.
#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code, reason = "the standard library has no safe way to prefetch; docs/decisions/0004-unsafe.md")]
pub(crate) fn prefetch<T: ?Sized>(what: &T) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    let first = (&raw const *what).cast::<i8>();
    for line in (0..size_of_val(what)).step_by(LINE) {
        // SAFETY: a prefetch reads nothing into the program and faults nowhere; the address lies within what is borrowed.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(first.wrapping_add(line)) };
    }
}

/// Other processors fetch what they are asked for.
#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn prefetch<T: ?Sized>(_: &T) {}

/// Notes for these sessions come next: at most [`AHEAD`], else the first are gone again. For those of other threads nothing is done.
pub(crate) fn notes_come<'a>(ways: impl Iterator<Item = &'a SessionHandle> + Clone) {
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
        let (restless, seats) = (self.restless.borrow(), self.seats.borrow());
        let next = restless.iter().take(AHEAD).filter_map(|seat| seats.at(*seat));
        next.clone().for_each(|seated| prefetch::<RefCell<_>>(seated));
        next.filter_map(|seated| seated.try_borrow().ok()).for_each(|session| session.prefetch_for_write());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::rc::Rc;

    #[test]
    fn anything_may_be_fetched() {
        prefetch(&());
        prefetch("");
        prefetch(&[0_u8; 1000][..]);
        prefetch(&Rc::new(RefCell::new(String::from("x"))));
        notes_come(std::iter::empty());
        Floor::open(8).writes_come();
    }
}
