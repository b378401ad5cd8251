//! The floor of a thread: where its sessions live, and how notes reach them. Owns: each session, in a seat of its own; who
//! has something to write; who waits for the last to go.
//! Never: knows what a note says, or hands one over out of turn.
//!
//! A note that is written on the session's own thread is handed to it at once; one from another thread comes through the
//! thread's [`Tray`]. Either way the session only puts into its outbox what there is to say. The [`Porter`], one task for
//! all sessions of the thread, lets each write once what all notes of this turn have brought. So a delivery costs no turn
//! of the session's own task, and no place in a queue where there is nothing to wait for.

mod note;
mod porter;
mod prefetch;

pub use note::Note;
pub(crate) use note::{Place, Post, Tray};
pub(crate) use porter::Porter;
pub(crate) use prefetch::{AHEAD, notes_come, prefetch};

use crate::delivery::SessionHandle;
use crate::session::Session;
use protocol::SessionId;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Waker;
use tokio::sync::oneshot;
use tokio::time::Instant;

thread_local! {
    /// The floors of this thread: one, but in tests.
    static FLOORS: RefCell<Vec<Rc<Floor>>> = const { RefCell::new(Vec::new()) };
}

/// A session, as its task and its floor have it.
pub(crate) type Seated = Rc<RefCell<Session>>;

/// Where the sessions of one thread live.
pub(crate) struct Floor {
    tray: Arc<Tray>,
    seats: RefCell<Seats>,
    /// Who has something to write, in the order in which they came to have it. Each is in it once.
    restless: RefCell<VecDeque<u32>>,
    porter: RefCell<Option<Waker>>,
    /// The porter is in its turn, at whose end whoever is restless writes.
    turning: Cell<bool>,
    draining: RefCell<Vec<oneshot::Sender<()>>>,
    closed: Cell<bool>,
}

#[derive(Default)]
struct Seats {
    all: Vec<Option<Seated>>,
    free: Vec<u32>,
}

impl Seats {
    fn at(&self, seat: u32) -> Option<&Seated> {
        self.all.get(seat as usize).and_then(Option::as_ref)
    }
}

impl Floor {
    /// An empty one of this thread. A session's tray takes `most` deliveries that wait.
    pub(crate) fn open(most: usize) -> Rc<Self> {
        let floor = Rc::new(Self {
            tray: Arc::new(Tray::new(most)),
            seats: RefCell::default(),
            restless: RefCell::default(),
            porter: RefCell::default(),
            turning: Cell::new(false),
            draining: RefCell::default(),
            closed: Cell::new(false),
        });
        FLOORS.with_borrow_mut(|floors| floors.push(floor.clone()));
        floor
    }

    /// The floor of this thread with that tray.
    fn here(tray: &Arc<Tray>) -> Option<Rc<Self>> {
        let find = |floors: &RefCell<Vec<Rc<Self>>>| {
            floors.borrow().iter().find(|floor| Arc::ptr_eq(&floor.tray, tray)).cloned()
        };
        // None at the thread's end.
        FLOORS.try_with(find).ok().flatten()
    }

    /// Gives a new session a seat.
    pub(crate) fn seat(&self, make: impl FnOnce(Place) -> Session) -> (u32, Seated) {
        let mut seats = self.seats.borrow_mut();
        let seat = seats.free.pop().unwrap_or_else(|| {
            seats.all.push(None);
            u32::try_from(seats.all.len() - 1).unwrap_or(u32::MAX)
        });
        let session = Rc::new(RefCell::new(make(Place { tray: self.tray.clone(), seat })));
        if let Some(empty) = seats.all.get_mut(seat as usize) {
            *empty = Some(session.clone());
        }
        (seat, session)
    }

    /// The session has ended.
    pub(crate) fn vacate(&self, seat: u32) {
        let gone = {
            let mut seats = self.seats.borrow_mut();
            seats.free.push(seat);
            seats.all.get_mut(seat as usize).and_then(Option::take)
        };
        // Its guards tell others, who may come here.
        drop(gone);
        self.end_if_empty();
    }

    fn everybody(&self) -> Vec<Arc<SessionHandle>> {
        self.seats.borrow().all.iter().flatten().map(|session| session.borrow().way()).collect()
    }

    /// Says something to all who are here now.
    pub(crate) fn tell_everybody(&self, note: impl Fn() -> Note) {
        for session in self.everybody() {
            session.tell(note());
        }
    }

    /// Tells `done` when nobody is left.
    pub(crate) fn when_empty(&self, done: oneshot::Sender<()>) {
        self.draining.borrow_mut().push(done);
        self.end_if_empty();
    }

    /// Whether the sessions are asked to go.
    pub(crate) fn is_draining(&self) -> bool {
        !self.draining.borrow().is_empty()
    }

    /// Nobody comes any more.
    pub(crate) fn close(&self) {
        self.closed.set(true);
        self.wake_porter();
    }

    fn is_empty(&self) -> bool {
        let seats = self.seats.borrow();
        seats.all.len() == seats.free.len()
    }

    fn end_if_empty(&self) {
        if self.is_empty() {
            for done in self.draining.take() {
                // Whoever asked may have stopped waiting.
                let _ = done.send(());
            }
            if self.closed.get() {
                self.wake_porter();
            }
        }
    }

    fn wake_porter(&self) {
        if let Some(porter) = &*self.porter.borrow() {
            porter.wake_by_ref();
        }
    }

    fn at(&self, seat: u32) -> Option<Seated> {
        self.seats.borrow().at(seat).cloned()
    }

    /// Hands a note over, unless the session is in a turn: then it comes back. For one who has gone it is lost.
    fn hand(&self, seat: u32, to: SessionId, note: Note, has_waited: bool) -> Result<(), Note> {
        let Some(seated) = self.at(seat) else { return Ok(()) };
        let Ok(mut session) = seated.try_borrow_mut() else { return Err(note) };
        if session.id() == to {
            if has_waited {
                session.note_waited();
            }
            if session.is_broken() {
                return Ok(());
            }
            if guarded(&mut session, |session| session.hear(note)) {
                self.is_restless(seat, &mut session);
            } else {
                session.broke();
            }
        }
        Ok(())
    }

    fn is_restless(&self, seat: u32, session: &mut Session) {
        if !std::mem::replace(&mut session.restless, true) {
            let mut restless = self.restless.borrow_mut();
            restless.push_back(seat);
            if restless.len() == 1 && !self.turning.get() {
                self.wake_porter();
            }
        }
    }

    /// Lets up to so many of the restless write. Whether any is left.
    fn write_round(&self, most: usize) -> bool {
        if self.restless.borrow().is_empty() {
            return false;
        }
        let now = Instant::now();
        for n in 0..most {
            if n % AHEAD == 0 {
                self.writes_come();
            }
            let Some(seat) = self.restless.borrow_mut().pop_front() else { return false };
            let Some(seated) = self.at(seat) else { continue };
            if let Ok(mut session) = seated.try_borrow_mut() {
                session.restless = false;
                if session.is_broken() {
                    continue;
                }
                // Before its first turn it has none, and that turn is to come.
                let Some(waker) = session.waker.take() else { continue };
                let whole = guarded(&mut session, |session| session.write_turn(now, &waker));
                session.waker = Some(waker);
                if !whole {
                    session.broke();
                }
            }
        }
        !self.restless.borrow().is_empty()
    }
}

/// Whether it went without a panic. That is to end the session that it comes from, and neither the porter nor whoever wrote the note.
fn guarded(session: &mut Session, act: impl FnOnce(&mut Session)) -> bool {
    catch_unwind(AssertUnwindSafe(|| act(session))).is_ok()
}

/// Hands a note to a session of this thread that has none waiting. It comes back where the session lives elsewhere, or is in a
/// turn.
pub(crate) fn hand_here(place: &Place, to: SessionId, note: Note) -> Result<(), Note> {
    match Floor::here(&place.tray) {
        Some(floor) => floor.hand(place.seat, to, note, false),
        None => Err(note),
    }
}

/// The ways to all sessions of this thread.
pub(crate) fn everybody_here() -> Vec<Arc<SessionHandle>> {
    FLOORS.with_borrow(|floors| floors.iter().flat_map(|floor| floor.everybody()).collect())
}
