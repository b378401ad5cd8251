//! The porter: one task for all sessions of a thread, which hands over what came from other threads and lets those write who have
//! something to. Owns: the notes in its hands. Never: takes so long that sockets and others of the thread wait.
//! If it dies the process ends: nobody would hear anything any more.

use super::{FLOORS, Floor, Post};
use crate::house::Essential;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// Notes that are handed over in one turn, at the most, and for how long: some cost a thousand times as much as others.
const NOTES: usize = 4096;
const HANDING: Duration = Duration::from_millis(1);
/// So many are handed over between two looks at the time.
const LOOK: usize = 64;
/// Sessions that write in one turn, each a system call: then others of the thread have theirs.
const WRITES: usize = 128;

/// The task. Spawn it without a budget of tokio's: it has its own.
pub(crate) struct Porter {
    floor: Rc<Floor>,
    hands: VecDeque<Post>,
    _essential: Essential,
}

impl Porter {
    /// For this floor.
    pub(crate) fn new(floor: Rc<Floor>, essential: Essential) -> Self {
        Self { floor, hands: VecDeque::new(), _essential: essential }
    }
}

impl Future for Porter {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Self { floor, hands, .. } = self.get_mut();
        floor.porter.borrow_mut().get_or_insert_with(|| cx.waker().clone());
        floor.turning.set(true);
        // Who was not heard last time comes before what has come since, so the tray is not looked into: it is, and asked to wake this
        // task for more, in the turn that follows.
        let left = !hands.is_empty();
        if !left {
            if hands.capacity() > NOTES {
                // A flood leaves no memory behind.
                *hands = VecDeque::new();
            }
            floor.tray.take(hands, cx.waker());
        }
        let began = Instant::now();
        for n in 1..=NOTES {
            if n % LOOK == 0 && began.elapsed() >= HANDING {
                break;
            }
            let Some(Post { seat, to, note }) = hands.pop_front() else { break };
            if let Err(note) = floor.hand(seat, to, note, true) {
                // In a turn, from which this task is called: never. It keeps its place all the same.
                hands.push_front(Post { seat, to, note });
                break;
            }
        }
        let more = floor.write_round(WRITES);
        floor.turning.set(false);
        if more || left || !hands.is_empty() {
            cx.waker().wake_by_ref();
        } else if floor.closed.get() && floor.is_empty() {
            return Poll::Ready(());
        }
        Poll::Pending
    }
}

impl Drop for Porter {
    fn drop(&mut self) {
        // The thread may be at its end.
        let _ = FLOORS.try_with(|floors| floors.borrow_mut().retain(|floor| !Rc::ptr_eq(floor, &self.floor)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::floor::Note;
    use crate::house::Watch;
    use protocol::{ClosingReason, SessionId};
    use std::pin::pin;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Wake, Waker};

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// To nobody: it is lost, and costs next to nothing.
    fn post() -> Post {
        Post { seat: 7, to: SessionId(7), note: Note::Condemn(ClosingReason::Shutdown) }
    }

    #[test]
    fn whatever_comes_while_it_is_busy_is_looked_for() {
        let watch = Arc::new(Watch::new(Box::new(|_| {})));
        let floor = Floor::open(8);
        let woken = Arc::new(Woken::default());
        let (waker, mut porter) =
            (Waker::from(woken.clone()), pin!(Porter::new(floor.clone(), Essential::new("porter", watch))));
        let mut turn = || {
            let before = woken.0.load(Ordering::Relaxed);
            assert!(porter.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
            woken.0.load(Ordering::Relaxed) > before
        };
        assert!(!turn(), "nothing to do");
        floor.tray.push(post());
        assert_eq!(woken.0.load(Ordering::Relaxed), 1, "the first wakes it");
        (0..NOTES + 10).for_each(|_| floor.tray.push(post()));
        assert!(turn(), "it does not take all at once");
        floor.tray.push(post());
        while turn() {}
        let before = woken.0.load(Ordering::Relaxed);
        floor.tray.push(post());
        assert_eq!(woken.0.load(Ordering::Relaxed), before + 1, "it sleeps on nothing");
    }
}
