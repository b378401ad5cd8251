//! Links in memory between many simulated people and their sessions. Owns: [`Lane`], one person's end; [`Port`], the
//! session's end; and [`Board`], where everything that all sessions say arrives, for the one thread that plays the people.
//! Never: a file descriptor, and nothing allocated for a lane that is idle.

use actors::session::link::{Arrival, Link};
use bytes::Bytes;
use protocol::{Carrier, Frame};
use smallvec::SmallVec;
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// Frames that wait on the board at the most; then sessions wait, as they would for a slow network.
const BOARD: usize = 1 << 16;
/// Messages that wait in one lane. A session reads ahead no further than `session.window`.
const LANE: usize = 256;

/// What a person notices.
#[derive(Debug, PartialEq, Eq)]
pub enum Notice {
    /// The session said something: one frame.
    Frame(Bytes),
    /// The session has ended.
    Ended,
}

#[derive(Default)]
struct Arrivals {
    notices: Vec<(u64, Notice)>,
    /// Sessions that found the board full.
    waiting: Vec<Waker>,
    /// Somebody waits for the next notice, or was woken by hand.
    listening: bool,
    nudged: bool,
}

/// Where everything arrives.
#[derive(Default)]
pub struct Board {
    arrivals: Mutex<Arrivals>,
    ready: Condvar,
}

#[derive(Default)]
struct Inbox {
    asked: SmallVec<[Bytes; 1]>,
    reading: Option<Waker>,
    /// The person says nothing more, but listens.
    leaving: bool,
    /// The person, or the session, is gone.
    person_gone: bool,
    /// The person went without a word: the session gets an error, not an end.
    cut: bool,
    session_gone: bool,
}

struct Shared {
    inbox: Mutex<Inbox>,
    board: Arc<Board>,
    /// Which connection it is, in the words of whoever made it.
    index: u64,
}

/// A person's end. Dropped, the connection closes.
pub struct Lane(Arc<Shared>);

/// The session's end.
pub struct Port {
    shared: Arc<Shared>,
    /// What it says is no text.
    binary: bool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing here panics half-way, so what another thread left is whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Board {
    /// Takes everything that has arrived, waiting for at most `patience` if nothing has. `notices` is emptied first.
    pub fn take(&self, notices: &mut Vec<(u64, Notice)>, patience: Duration) {
        notices.clear();
        let mut arrivals = lock(&self.arrivals);
        if arrivals.notices.is_empty() && !arrivals.nudged && !patience.is_zero() {
            arrivals.listening = true;
            arrivals = self
                .ready
                .wait_timeout_while(arrivals, patience, |arrivals| arrivals.notices.is_empty() && !arrivals.nudged)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
            arrivals.listening = false;
        }
        arrivals.nudged = false;
        std::mem::swap(&mut arrivals.notices, notices);
        let waiting = std::mem::take(&mut arrivals.waiting);
        drop(arrivals);
        waiting.into_iter().for_each(Waker::wake);
    }

    /// Ends somebody's [`Self::take`] although nothing has arrived.
    pub fn nudge(&self) {
        lock(&self.arrivals).nudged = true;
        self.ready.notify_one();
    }

    fn put(&self, notices: impl Iterator<Item = (u64, Notice)>) {
        let mut arrivals = lock(&self.arrivals);
        arrivals.notices.extend(notices);
        let listening = arrivals.listening;
        drop(arrivals);
        if listening {
            self.ready.notify_one();
        }
    }
}

/// A connection, by a number that its notices will have. `binary`: what the person says is bytes and no text, for a dialect that knows
/// both.
#[must_use]
pub fn connect(board: &Arc<Board>, index: u64, binary: bool) -> (Port, Lane) {
    let shared = Arc::new(Shared { inbox: Mutex::default(), board: Arc::clone(board), index });
    (Port { shared: Arc::clone(&shared), binary }, Lane(shared))
}

impl Lane {
    /// Sends one message. `false`: the session is gone, or [`LANE`] messages wait for it.
    #[must_use]
    pub fn say(&self, message: Bytes) -> bool {
        let mut inbox = lock(&self.0.inbox);
        if inbox.session_gone || inbox.leaving || inbox.person_gone || inbox.asked.len() >= LANE {
            return false;
        }
        inbox.asked.push(message);
        let reading = inbox.reading.take();
        drop(inbox);
        reading.into_iter().for_each(Waker::wake);
        true
    }

    /// Says nothing more: the session reads to the end. What it says until it ends arrives.
    pub fn leave(&self) {
        self.tell(|inbox| inbox.leaving = true);
    }

    /// Goes without a word: the session gets an error behind what was said, and can say nothing more.
    pub fn cut(&self) {
        self.tell(|inbox| (inbox.person_gone, inbox.cut) = (true, true));
    }

    fn tell(&self, change: impl FnOnce(&mut Inbox)) {
        let mut inbox = lock(&self.0.inbox);
        change(&mut inbox);
        let reading = inbox.reading.take();
        drop(inbox);
        reading.into_iter().for_each(Waker::wake);
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        self.tell(|inbox| inbox.person_gone = true);
    }
}

impl Link for Port {
    fn carrier(&self) -> Carrier {
        Carrier::Message
    }

    fn peer(&self) -> Option<SocketAddr> {
        None
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, _: &mut [u8]) -> Poll<io::Result<Arrival>> {
        let mut inbox = lock(&self.shared.inbox);
        if !inbox.asked.is_empty() {
            let message = inbox.asked.remove(0);
            return Poll::Ready(Ok(if self.binary { Arrival::Binary(message) } else { Arrival::Message(message) }));
        }
        if inbox.cut {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        if inbox.leaving || inbox.person_gone {
            return Poll::Ready(Ok(Arrival::End));
        }
        // Room that a burst took is given back.
        inbox.asked.shrink_to_fit();
        inbox.reading = Some(cx.waker().clone());
        Poll::Pending
    }

    /// One piece a frame.
    fn pack(&self, frame: &Frame, out: &mut VecDeque<Bytes>) {
        out.extend(Some(frame.body()).filter(|body| !body.is_empty()));
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, pieces: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        if lock(&self.shared.inbox).person_gone {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let board = &self.shared.board;
        {
            let mut arrivals = lock(&board.arrivals);
            if arrivals.notices.len() >= BOARD {
                arrivals.waiting.push(cx.waker().clone());
                return Poll::Pending;
            }
        }
        // Copied, and the sizes summed, outside the lock.
        let mut written = 0;
        let frames: SmallVec<[Bytes; 4]> = pieces
            .iter()
            .map(|piece| {
                written += piece.len();
                Bytes::copy_from_slice(piece)
            })
            .collect();
        board.put(frames.into_iter().map(|frame| (self.shared.index, Notice::Frame(frame))));
        Poll::Ready(Ok(written))
    }

    fn poll_close(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.end();
        Poll::Ready(Ok(()))
    }

    /// What was written is at the other end.
    fn unacknowledged(&self) -> Option<usize> {
        Some(0)
    }
}

impl Port {
    fn end(&self) {
        let mut inbox = lock(&self.shared.inbox);
        if std::mem::replace(&mut inbox.session_gone, true) {
            return;
        }
        inbox.asked = SmallVec::new();
        drop(inbox);
        self.shared.board.put(std::iter::once((self.shared.index, Notice::Ended)));
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        self.end();
    }
}

#[cfg(test)]
mod tests {
    use super::{BOARD, Board, LANE, Lane, Notice, Port, connect};
    use actors::session::link::{Arrival, Link};
    use bytes::Bytes;
    use std::io::IoSlice;
    use std::sync::Arc;
    use std::task::{Context, Poll, Wake, Waker};
    use std::time::Duration;

    fn read(port: &mut Port) -> Poll<Arrival> {
        port.poll_read(&mut Context::from_waker(Waker::noop()), &mut []).map(Result::unwrap)
    }

    fn write(port: &mut Port, pieces: &[&str]) -> Poll<bool> {
        let slices: Vec<IoSlice<'_>> = pieces.iter().map(|piece| IoSlice::new(piece.as_bytes())).collect();
        let whole = pieces.iter().map(|piece| piece.len()).sum::<usize>();
        port.poll_write(&mut Context::from_waker(Waker::noop()), &slices).map(|done| done.is_ok_and(|n| n == whole))
    }

    fn take(board: &Board) -> Vec<(u64, Notice)> {
        let mut notices = vec![(9, Notice::Ended)];
        board.take(&mut notices, Duration::ZERO);
        notices
    }

    fn pair(index: u64) -> (Arc<Board>, Port, Lane) {
        let board = Arc::new(Board::default());
        let (port, lane) = connect(&board, index, false);
        (board, port, lane)
    }

    #[test]
    fn messages_go_in_and_frames_come_out() {
        let (board, mut port, lane) = pair(7);
        assert_eq!(read(&mut port), Poll::Pending);
        assert!(lane.say("one".into()) && lane.say("two".into()));
        assert_eq!(read(&mut port), Poll::Ready(Arrival::Message("one".into())));
        assert_eq!(read(&mut port), Poll::Ready(Arrival::Message("two".into())));
        assert_eq!(write(&mut port, &["three", "four"]), Poll::Ready(true));
        let frame = |text: &'static str| (7, Notice::Frame(text.into()));
        assert_eq!(take(&board), [frame("three"), frame("four")]);
        assert_eq!(take(&board), []);
        drop(port);
        assert_eq!(take(&board), [(7, Notice::Ended)]);
        assert!(!lane.say("five".into()));
    }

    #[test]
    fn bytes_are_no_text() {
        let (mut port, lane) = connect(&Arc::new(Board::default()), 1, true);
        assert!(lane.say("one".into()));
        assert_eq!(read(&mut port), Poll::Ready(Arrival::Binary("one".into())));
    }

    #[test]
    fn a_person_who_left_is_an_end() {
        let (board, mut port, lane) = pair(1);
        assert!(lane.say("last".into()));
        drop(lane);
        assert_eq!(read(&mut port), Poll::Ready(Arrival::Message("last".into())));
        assert_eq!(read(&mut port), Poll::Ready(Arrival::End));
        assert_eq!(write(&mut port, &["nobody hears"]), Poll::Ready(false));
        assert!(port.poll_close(&mut Context::from_waker(Waker::noop())).is_ready());
        drop(port);
        assert_eq!(take(&board), [(1, Notice::Ended)], "the end is told once");
    }

    #[test]
    fn whoever_leaves_hears_to_the_end_and_whoever_is_cut_is_an_error() {
        let (board, mut port, lane) = pair(1);
        lane.leave();
        assert!(!lane.say("more".into()));
        assert_eq!(read(&mut port), Poll::Ready(Arrival::End));
        assert_eq!(write(&mut port, &["last"]), Poll::Ready(true));
        drop(port);
        assert_eq!(take(&board), [(1, Notice::Frame("last".into())), (1, Notice::Ended)]);

        let (board, mut port, lane) = pair(2);
        assert_eq!(write(&mut port, &["unheard"]), Poll::Ready(true));
        lane.cut();
        let end = port.poll_read(&mut Context::from_waker(Waker::noop()), &mut []);
        assert!(matches!(end, Poll::Ready(Err(error)) if error.kind() == std::io::ErrorKind::ConnectionReset));
        assert_eq!(write(&mut port, &["too late"]), Poll::Ready(false));
        drop(port);
        assert_eq!(take(&board), [(2, Notice::Frame("unheard".into())), (2, Notice::Ended)]);
    }

    #[test]
    fn both_ways_have_a_bound() {
        let (board, mut port, lane) = pair(1);
        for _ in 0..LANE {
            assert!(lane.say(Bytes::from_static(b"x")));
        }
        assert!(!lane.say(Bytes::from_static(b"x")));
        for _ in 0..BOARD {
            assert_eq!(write(&mut port, &["x"]), Poll::Ready(true));
        }
        struct Flag(std::sync::atomic::AtomicBool);
        impl Wake for Flag {
            fn wake(self: Arc<Self>) {
                self.0.store(true, std::sync::atomic::Ordering::Relaxed);
            }
        }
        let flag = Arc::new(Flag(false.into()));
        let waker = Waker::from(Arc::clone(&flag));
        assert!(port.poll_write(&mut Context::from_waker(&waker), &[IoSlice::new(b"x")]).is_pending());
        assert_eq!(take(&board).len(), BOARD);
        assert!(flag.0.load(std::sync::atomic::Ordering::Relaxed), "room is told");
        assert_eq!(write(&mut port, &["x"]), Poll::Ready(true));
    }

    #[test]
    fn whoever_waits_is_woken() {
        let (board, mut port, _lane) = pair(3);
        let waiting = {
            let board = Arc::clone(&board);
            std::thread::spawn(move || {
                let mut notices = Vec::new();
                while notices.is_empty() {
                    board.take(&mut notices, Duration::from_secs(60));
                }
                notices
            })
        };
        board.nudge();
        assert_eq!(write(&mut port, &["x"]), Poll::Ready(true));
        assert_eq!(waiting.join().unwrap(), [(3, Notice::Frame("x".into()))]);
    }
}
