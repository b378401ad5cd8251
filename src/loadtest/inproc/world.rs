//! The engine over links in memory. Owns: all connections' near ends, the loop, the clock. Never: knows what is said, or why.

use super::host::Host;
use super::lane::{Board, Lane, Notice, connect};
use crate::client::{Conversation, Say, Wrap};
use crate::loadtest::engine::timers::Timers;
use crate::loadtest::engine::{Director, Engine, Note, Unsaid, World};
use bytes::Bytes;
use protocol::DialectId;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The engine, and the server that it talks to.
pub struct Memory {
    world: Lanes,
    board: Arc<Board>,
    /// What one turn brought, and what one of it meant.
    notices: Vec<(u64, Notice)>,
    notes: Vec<Note>,
}

/// All but what waits: it is used while notices are told.
struct Lanes {
    host: Host,
    board: Arc<Board>,
    places: Vec<DialectId>,
    began: Instant,
    now_us: u64,
    seats: Vec<Option<Seat>>,
    /// Connections that were ever made: what arrives on an earlier one of a session is known by it.
    connections: u32,
    timers: Timers,
    /// Connections that were made, or ended, and are not told yet.
    opened: Vec<u32>,
    broken: Vec<(u32, &'static str)>,
    /// Where words are put together.
    scratch: Vec<u8>,
}

struct Seat {
    talk: Conversation,
    lane: Lane,
    connection: u32,
}

fn number(connection: u32, session: u32) -> u64 {
    u64::from(connection) << 32 | u64::from(session)
}

impl Memory {
    /// Over this server; `places` are the dialects that are spoken, by their order.
    #[must_use]
    pub fn new(host: Host, places: Vec<DialectId>) -> Self {
        let board = Arc::new(Board::default());
        let world = Lanes {
            host,
            board: Arc::clone(&board),
            places,
            began: Instant::now(),
            now_us: 0,
            seats: Vec::new(),
            connections: 0,
            timers: Timers::default(),
            opened: Vec::new(),
            broken: Vec::new(),
            scratch: Vec::new(),
        };
        Self { world, board, notices: Vec::new(), notes: Vec::new() }
    }

    /// What ends a waiting [`Engine::turn`] from another thread ([`Board::nudge`]).
    #[must_use]
    pub fn board(&self) -> Arc<Board> {
        Arc::clone(&self.board)
    }

    /// Closes all connections and stops the server in order.
    ///
    /// # Errors
    /// What it died of, if it did.
    pub fn stop(self) -> Result<(), crate::exit::Failure> {
        let Lanes { host, seats, .. } = self.world;
        drop(seats);
        host.stop()
    }

    /// Connections that were made are told before those that ended, which may be among them.
    fn tell(&mut self, director: &mut dyn Director) {
        while let Some(session) = self.world.opened.pop() {
            if self.world.seat(session).is_some() {
                director.opened(&mut self.world, session);
            }
        }
        while let Some((session, why)) = self.world.broken.pop() {
            director.broken(&mut self.world, session, why);
        }
    }

    fn notice(&mut self, director: &mut dyn Director, from: u64, notice: &Notice) {
        let Self { world, notes, .. } = self;
        let session = u32::try_from(from & u64::from(u32::MAX)).unwrap_or(u32::MAX);
        let Some(seat) = world.seats.get_mut(session as usize).and_then(Option::as_mut) else { return };
        if number(seat.connection, session) != from {
            return;
        }
        let ended = match notice {
            Notice::Frame(frame) => {
                world.scratch.clear();
                let mut each = |heard: crate::client::Heard<'_>| notes.extend(Note::of(&heard));
                let understood = seat.talk.hear(frame, &mut world.scratch, &mut each);
                if understood.is_err() {
                    notes.push(Note::Nonsense);
                }
                // Receipts and answers to heartbeats. A session that is gone needs none.
                if !world.scratch.is_empty() {
                    let _ = seat.lane.say(Bytes::copy_from_slice(&world.scratch));
                }
                understood.is_err().then_some("the server said what its dialect does not have")
            }
            Notice::Ended => Some("closed by the server"),
        };
        for note in notes.drain(..) {
            director.heard(world, session, &note);
        }
        if let Some(why) = ended
            && world.seat(session).is_some_and(|seat| number(seat.connection, session) == from)
        {
            world.seats[session as usize] = None;
            director.broken(world, session, why);
        }
    }
}

impl Engine for Memory {
    fn turn(&mut self, director: &mut dyn Director, latest_us: u64) -> io::Result<()> {
        self.world.look_at_clock();
        self.tell(director);
        let wake_us = self.world.timers.next().map_or(latest_us, |next| next.min(latest_us));
        let busy = !self.world.opened.is_empty() || !self.world.broken.is_empty();
        let patience = if busy { 0 } else { wake_us.saturating_sub(self.world.now_us) };
        let mut notices = std::mem::take(&mut self.notices);
        self.board.take(&mut notices, Duration::from_micros(patience));
        self.world.look_at_clock();
        // What timers ask for while they are told waits for the next turn, or two of them could keep each other going.
        let now_us = self.world.now_us;
        while let Some((due_us, token)) = self.world.timers.due(now_us) {
            director.timer(&mut self.world, token, due_us);
        }
        for (at, (from, notice)) in notices.drain(..).enumerate() {
            if at % 64 == 63 {
                self.world.look_at_clock();
            }
            self.notice(director, from, &notice);
        }
        self.notices = notices;
        self.tell(director);
        Ok(())
    }

    fn skip(&mut self, time: Duration) {
        self.world.began += time;
    }

    fn world(&mut self) -> &mut dyn World {
        &mut self.world
    }
}

impl Lanes {
    fn look_at_clock(&mut self) {
        self.now_us = u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX);
    }

    fn seat(&self, session: u32) -> Option<&Seat> {
        self.seats.get(session as usize)?.as_ref()
    }
}

impl World for Lanes {
    fn now_us(&self) -> u64 {
        self.now_us
    }

    fn connect(&mut self, session: u32, place: usize) {
        self.disconnect(session);
        let at = session as usize;
        if self.seats.len() <= at {
            self.seats.resize_with(at + 1, || None);
        }
        let Some(dialect) = self.places.get(place).copied() else {
            self.broken.push((session, "there is no such place"));
            return;
        };
        self.connections = self.connections.wrapping_add(1);
        let connection = self.connections;
        let (port, lane) = connect(&self.board, number(connection, session), dialect.get().takes_binary());
        if self.host.admit(dialect, Box::new(move || Ok(Box::new(port)))) {
            // Numbers of an installation must be fresh, in every run on the same data: the time is.
            let first = SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |since| since.as_micros());
            let talk = Conversation::new(dialect, Wrap::Message, u64::try_from(first).unwrap_or(1));
            self.seats[at] = Some(Seat { talk, lane, connection });
            self.opened.push(session);
        } else {
            self.broken.push((session, "the server is gone"));
        }
    }

    fn say(&mut self, session: u32, say: &Say<'_>) -> Result<u64, Unsaid> {
        let seat = self.seats.get_mut(session as usize).and_then(Option::as_mut).ok_or(Unsaid::Away)?;
        self.scratch.clear();
        let number = seat.talk.say(say, &mut self.scratch).map_err(|_| Unsaid::Silent)?;
        // A full lane: the number is used up, and its answer will never come, so the connection ends with it.
        if seat.lane.say(Bytes::copy_from_slice(&self.scratch)) {
            return Ok(number);
        }
        self.seats[session as usize] = None;
        self.broken.push((session, "the session does not take what it is told"));
        Err(Unsaid::Full)
    }

    fn disconnect(&mut self, session: u32) {
        self.opened.retain(|opened| *opened != session);
        self.broken.retain(|(broken, _)| *broken != session);
        if let Some(seat) = self.seats.get_mut(session as usize) {
            *seat = None;
        }
    }

    fn leave(&mut self, session: u32) {
        if let Some(seat) = self.seat(session) {
            seat.lane.leave();
        }
    }

    /// What the session has said stands on the board, before its end.
    fn cut(&mut self, session: u32) {
        if let Some(seat) = self.seat(session) {
            seat.lane.cut();
        }
    }

    fn at(&mut self, due_us: u64, token: u64) {
        self.timers.at(due_us, token);
    }
}
