//! The engine over sockets: one thread, edge-triggered epoll. Owns: all connections, the loop, the clock. Never: knows what is
//! said, or why.
//!
//! What one wake-up brings is read and told session by session; then every session that has something to say is written
//! to once. Preferred sessions have an epoll of their own inside the large one, which is asked first at every turn: behind a post to ten
//! thousand members they would wait until this process has read all of those.

use super::link::{Buffers, Conn};
use super::timers::{Alarm, Timers};
use super::{Director, Engine, MAX_UNWRITTEN, Note, Unsaid, World};
use crate::client::Say;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token, Waker};
use std::io::{self, ErrorKind};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use super::link::Door;

/// Events of one wake-up. More would keep timers, preferred sessions and the first ones' answers waiting for the last ones.
const BATCH: usize = 64;
/// Tokens that are no sessions.
const ALARM: Token = Token(usize::MAX);
const WAKER: Token = Token(usize::MAX - 1);
const PREFERRED: Token = Token(usize::MAX - 2);

/// The engine over sockets.
pub struct Net {
    poll: Poll,
    /// Inside the other one.
    preferred: Poll,
    alarm: Alarm,
    waker: Arc<Waker>,
    world: Sockets,
    events: Events,
    ready: Vec<Readiness>,
    notes: Vec<Note>,
}

/// All but what waits: it is used while events are told.
struct Sockets {
    registry: mio::Registry,
    preferred_registry: mio::Registry,
    /// Few.
    preferred: Vec<u32>,
    began: Instant,
    now_us: u64,
    doors: Vec<Door>,
    conns: Vec<Option<Conn>>,
    /// Connections that were begun.
    begun: u64,
    buffers: Buffers,
    timers: Timers,
    /// Sessions that have something to write.
    dirty: Vec<u32>,
    /// Connections that ended, not told yet.
    broken: Vec<(u32, String)>,
    /// Connections that are to be cut, when what has come was heard; by session and serial number.
    cuts: Vec<(u32, u64)>,
}

impl Net {
    /// An engine that knows these places, by their order.
    ///
    /// # Errors
    /// The system has no epoll or timerfd to give.
    pub fn new(doors: Vec<Door>) -> io::Result<Self> {
        let poll = Poll::new()?;
        let alarm = Alarm::new()?;
        let registry = poll.registry().try_clone()?;
        registry.register(&mut SourceFd(&alarm.fd()), ALARM, Interest::READABLE)?;
        let preferred = Poll::new()?;
        registry.register(&mut SourceFd(&preferred.as_raw_fd()), PREFERRED, Interest::READABLE)?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
        let world = Sockets {
            registry,
            preferred_registry: preferred.registry().try_clone()?,
            preferred: Vec::new(),
            began: Instant::now(),
            now_us: 0,
            doors,
            conns: Vec::new(),
            begun: 0,
            buffers: Buffers::new(),
            timers: Timers::default(),
            dirty: Vec::new(),
            broken: Vec::new(),
            cuts: Vec::new(),
        };
        let events = Events::with_capacity(BATCH);
        Ok(Self { poll, preferred, alarm, waker, world, events, ready: Vec::new(), notes: Vec::new() })
    }

    /// Ends a waiting [`Engine::turn`] from another thread.
    #[must_use]
    pub fn waker(&self) -> Arc<Waker> {
        Arc::clone(&self.waker)
    }

    fn hear(&mut self, director: &mut dyn Director, event: Readiness) {
        let Self { world, notes, .. } = self;
        let Ok(session) = u32::try_from(event.session) else { return };
        let Some(conn) = world.conns.get_mut(session as usize).and_then(Option::as_mut) else { return };
        let mut outcome = Ok(false);
        if event.writable && (!conn.is_open() || conn.has_words()) {
            outcome = conn.writable(&mut world.buffers);
        }
        if event.readable
            && let Ok(opened) = outcome
        {
            outcome = conn.readable(&mut world.buffers, event.closed, notes).map(|now| opened | now);
        }
        if conn.has_words() && !conn.dirty {
            conn.dirty = true;
            world.dirty.push(session);
        }
        let serial = conn.serial;
        world.look_at_clock();
        if matches!(outcome, Ok(true)) {
            director.opened(world, session);
        }
        for note in notes.drain(..) {
            director.heard(world, session, &note);
        }
        // Unless the director has left it meanwhile, perhaps for another one.
        if let Err(error) = outcome
            && world.conns.get(session as usize).and_then(Option::as_ref).is_some_and(|conn| conn.serial == serial)
        {
            world.fail(session, &error);
        }
        self.tell_broken(director);
    }

    /// Hears what has come for those who are to be cut, and cuts them.
    fn cut(&mut self, director: &mut dyn Director) {
        while let Some((session, serial)) = self.world.cuts.pop() {
            // All that is there, whatever was told of it.
            self.hear(director, Readiness { session: session as usize, readable: true, writable: false, closed: true });
            let Sockets { conns, .. } = &mut self.world;
            let Some(seat) = conns.get_mut(session as usize) else { continue };
            if let Some(mut conn) = seat.take_if(|conn| conn.serial == serial) {
                let _ = self.world.registry_of(session).deregister(&mut conn.socket);
                conn.cut();
                self.world.broken.push((session, "cut off".into()));
            }
        }
    }

    /// Tells whether there was something to tell.
    fn tell_broken(&mut self, director: &mut dyn Director) -> bool {
        let some = !self.world.broken.is_empty();
        while let Some((session, why)) = self.world.broken.pop() {
            director.broken(&mut self.world, session, &why);
        }
        some
    }

    fn fire(&mut self, director: &mut dyn Director) {
        self.world.look_at_clock();
        // What timers ask for while they are told waits for the next turn, or two of them could keep each other going.
        let now_us = self.world.now_us;
        while let Some((due_us, token)) = self.world.timers.due(now_us) {
            director.timer(&mut self.world, token, due_us);
        }
        self.tell_broken(director);
    }
}

/// What happened to a session's socket.
#[derive(Clone, Copy)]
struct Readiness {
    session: usize,
    readable: bool,
    writable: bool,
    closed: bool,
}

/// Adds what happened to which session.
fn note(events: &Events, ready: &mut Vec<Readiness>) {
    let sessions = events.iter().filter(|event| ![ALARM, WAKER, PREFERRED].contains(&event.token()));
    ready.extend(sessions.map(|event| Readiness {
        session: event.token().0,
        readable: event.is_readable() || event.is_error(),
        writable: event.is_writable() || event.is_error(),
        closed: event.is_read_closed() || event.is_error(),
    }));
}

impl Engine for Net {
    fn turn(&mut self, director: &mut dyn Director, latest_us: u64) -> io::Result<()> {
        self.cut(director);
        let told = self.tell_broken(director);
        self.world.flush();
        self.world.look_at_clock();
        let wake_us = self.world.timers.next().map_or(latest_us, |next| next.min(latest_us));
        let timeout = if told || wake_us <= self.world.now_us || self.world.has_news() {
            Some(Duration::ZERO)
        } else {
            self.alarm.set(wake_us, self.world.now_us)?;
            None
        };
        match self.poll.poll(&mut self.events, timeout) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        self.ready.clear();
        note(&self.events, &mut self.ready);
        self.fire(director);
        self.world.flush();
        if !self.world.preferred.is_empty() {
            let others = self.ready.len();
            match self.preferred.poll(&mut self.events, Some(Duration::ZERO)) {
                Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
            note(&self.events, &mut self.ready);
            self.ready.rotate_left(others);
        }
        for at in 0..self.ready.len() {
            let readiness = self.ready[at];
            self.hear(director, readiness);
        }
        self.world.flush();
        self.tell_broken(director);
        Ok(())
    }

    fn skip(&mut self, time: Duration) {
        self.world.began += time;
        self.alarm.forget();
    }

    fn world(&mut self) -> &mut dyn World {
        &mut self.world
    }
}

impl Sockets {
    /// Whether something is to be told without waiting for the sockets.
    fn has_news(&self) -> bool {
        !self.broken.is_empty() || !self.cuts.is_empty()
    }

    fn registry_of(&self, session: u32) -> &mio::Registry {
        if self.preferred.contains(&session) { &self.preferred_registry } else { &self.registry }
    }

    fn look_at_clock(&mut self) {
        self.now_us = u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX);
    }

    fn fail(&mut self, session: u32, error: &io::Error) {
        let Some(mut conn) = self.conns.get_mut(session as usize).and_then(Option::take) else { return };
        // A closed descriptor leaves the poll by itself; this frees mio's own book.
        let _ = self.registry_of(session).deregister(&mut conn.socket);
        let why = match error.kind() {
            ErrorKind::UnexpectedEof => "closed by the server".to_owned(),
            ErrorKind::ConnectionRefused => "connection refused".to_owned(),
            ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => "connection reset".to_owned(),
            ErrorKind::AddrNotAvailable => "no local port is free".to_owned(),
            _ => error.to_string(),
        };
        self.broken.push((session, why));
    }

    /// Writes what was said.
    fn flush(&mut self) {
        let mut dirty = std::mem::take(&mut self.dirty);
        for session in dirty.drain(..) {
            let Some(conn) = self.conns.get_mut(session as usize).and_then(Option::as_mut) else { continue };
            conn.dirty = false;
            // A connection that takes nothing any more is told by the poll: what it had to say last is read before that.
            let _ = conn.flush(&mut self.buffers);
        }
        self.dirty = dirty;
    }
}

impl World for Sockets {
    fn now_us(&self) -> u64 {
        self.now_us
    }

    fn prefer(&mut self, session: u32) {
        if !self.preferred.contains(&session) {
            self.disconnect(session);
            self.preferred.push(session);
        }
    }

    fn connect(&mut self, session: u32, place: usize) {
        self.disconnect(session);
        let at = session as usize;
        if self.conns.len() <= at {
            self.conns.resize_with(at + 1, || None);
        }
        self.begun += 1;
        let begun = match self.doors.get(place) {
            Some(door) => Conn::connect(session, door, self.begun),
            None => Err(io::Error::other("there is no such place")),
        };
        let registered = begun.and_then(|mut conn| {
            // Both at once: edge-triggered, room to write is told only after there was none, so it costs nothing.
            self.registry_of(session).register(&mut conn.socket, Token(at), Interest::READABLE | Interest::WRITABLE)?;
            Ok(conn)
        });
        match registered {
            Ok(conn) => self.conns[at] = Some(conn),
            Err(error) => self.broken.push((session, error.to_string())),
        }
    }

    fn say(&mut self, session: u32, say: &Say<'_>) -> Result<u64, Unsaid> {
        let conn = self.conns.get_mut(session as usize).and_then(Option::as_mut).filter(|conn| conn.is_open());
        let conn = conn.ok_or(Unsaid::Away)?;
        if conn.unwritten() > MAX_UNWRITTEN {
            return Err(Unsaid::Full);
        }
        let number = conn.say(say, &mut self.buffers).map_err(|_| Unsaid::Silent)?;
        if !conn.dirty {
            conn.dirty = true;
            self.dirty.push(session);
        }
        Ok(number)
    }

    fn disconnect(&mut self, session: u32) {
        self.broken.retain(|(broken, _)| *broken != session);
        if let Some(mut conn) = self.conns.get_mut(session as usize).and_then(Option::take) {
            let _ = self.registry_of(session).deregister(&mut conn.socket);
            conn.close(&mut self.buffers);
        }
    }

    fn leave(&mut self, session: u32) {
        let Some(conn) = self.conns.get_mut(session as usize).and_then(Option::as_mut) else { return };
        conn.leave();
        if !conn.dirty {
            conn.dirty = true;
            self.dirty.push(session);
        }
    }

    fn cut(&mut self, session: u32) {
        if let Some(conn) = self.conns.get(session as usize).and_then(Option::as_ref) {
            self.cuts.push((session, conn.serial));
        }
    }

    fn at(&mut self, due_us: u64, token: u64) {
        self.timers.at(due_us, token);
    }
}

#[cfg(test)]
mod tests;
