//! A bounded number of connections. Owns: who has a seat. Never: turns a newcomer away for somebody who only sits
//! there: honest clients ask at once, so it is the oldest without a question that has to go.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use tokio::sync::oneshot;

/// All of one kind.
pub(crate) struct Seats {
    most: usize,
    next: Cell<u64>,
    taken: RefCell<BTreeMap<u64, Sitter>>,
}

struct Sitter {
    busy: Rc<Cell<bool>>,
    /// Dropped to send it away.
    _stay: oneshot::Sender<()>,
}

/// One of them; free again when it is dropped.
pub(crate) struct Seat<'a> {
    seats: &'a Seats,
    number: u64,
    /// Set while the server owes an answer: then nobody takes the seat.
    pub(crate) busy: Rc<Cell<bool>>,
    stay: oneshot::Receiver<()>,
}

impl Seats {
    pub(crate) fn new(most: usize) -> Self {
        Self { most, next: Cell::new(0), taken: RefCell::default() }
    }

    /// `None`: all are taken by somebody who is being answered.
    pub(crate) fn take(&self) -> Option<Seat<'_>> {
        let mut taken = self.taken.borrow_mut();
        if taken.len() >= self.most {
            let oldest = taken.iter().find(|(_, sitter)| !sitter.busy.get()).map(|(number, _)| *number)?;
            taken.remove(&oldest);
        }
        let number = self.next.replace(self.next.get() + 1);
        let busy = Rc::new(Cell::new(false));
        let (sender, stay) = oneshot::channel();
        taken.insert(number, Sitter { busy: Rc::clone(&busy), _stay: sender });
        Some(Seat { seats: self, number, busy, stay })
    }

    pub(crate) fn count(&self) -> usize {
        self.taken.borrow().len()
    }
}

impl Seat<'_> {
    /// Ready once somebody else has the seat.
    pub(crate) async fn lost(&mut self) {
        // Nobody ever sends; the sender is dropped.
        let _ = (&mut self.stay).await;
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.seats.taken.borrow_mut().remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::Seats;
    use futures::FutureExt;

    #[test]
    fn the_oldest_idler_makes_room_and_the_busy_stay() {
        let seats = Seats::new(2);
        let mut busy = seats.take().unwrap();
        busy.busy.set(true);
        let mut idle = seats.take().unwrap();
        assert!(busy.lost().now_or_never().is_none() && idle.lost().now_or_never().is_none());
        let third = seats.take().unwrap();
        assert!(busy.lost().now_or_never().is_none() && idle.lost().now_or_never().is_some());
        third.busy.set(true);
        assert!(seats.take().is_none(), "both are being answered");
        drop(idle);
        assert_eq!(seats.count(), 2);
        drop((busy, third));
        assert_eq!(seats.count(), 0);
    }
}
