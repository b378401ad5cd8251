//! Bare relays to compare with: what moving a message costs on this machine when nothing else is done. Owns: [`serve`],
//! one thread with one epoll that knows a few lines. Never: stores anything but the durable form's log, which nobody reads.
//!
//! | a client writes | it gets | others get |
//! | --- | --- | --- |
//! | `L <person>` | `L` | |
//! | `J <group>`, which leaves an earlier one | `J` | |
//! | `T <person> <text>` | `A`, or `N` if that person is not here | `M <text>` |
//! | `G <text>` | `A` | everybody else of the group: `G <text>` |
//! | `P` | `P` | |
//!
//! Persons and groups are numbers below [`MOST`]. One read, one write to the recipient, one acknowledgement: what all that arrived in one
//! turn says to one connection goes out in one write, as it does in any server that takes care. The durable form
//! appends every text to a file and syncs it, once for all that arrived in one turn, before anything is written to anybody.
//! Those for files are in [`files`].

pub mod files;

use super::options::Baseline;
use super::target::own;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use std::fs::File;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Persons and groups are numbered below this, so that a wrong line cannot take all memory.
pub const MOST: usize = 1 << 20;
/// Bytes of one read, and of the longest line.
const READ: usize = 256 * 1024;
/// Bytes that may wait for one connection; over it, it is closed.
const WAITING: usize = 8 << 20;
/// Events of one turn.
const EVENTS: usize = 4096;
const LISTENER: Token = Token(usize::MAX);

struct Peer {
    stream: TcpStream,
    /// Part of a line.
    before: Vec<u8>,
    /// What is to be written, and how much of it was.
    out: Vec<u8>,
    written: usize,
    /// Whether it is in the list of those to write to.
    dirty: bool,
    person: usize,
    group: usize,
}

/// A relay and everybody on it.
struct Relay {
    peers: Vec<Option<Peer>>,
    /// Free places in `peers`.
    free: Vec<usize>,
    /// Where each person is.
    persons: Vec<usize>,
    groups: Vec<Vec<usize>>,
    dirty: Vec<usize>,
    log: Option<File>,
    /// What this turn adds to the log.
    pending: Vec<u8>,
}

/// Nobody.
const NOBODY: usize = usize::MAX;

/// A relay that listens and is not yet served.
pub struct Bound {
    listener: TcpListener,
    /// Where it listens.
    pub address: SocketAddr,
}

/// Listens on a free port of 127.0.0.1.
///
/// # Errors
/// The system refuses.
pub fn bind() -> io::Result<Bound> {
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
    let address = listener.local_addr()?;
    Ok(Bound { listener, address })
}

/// Serves until `stop` is readable at its end (a pipe's other side was closed) or the process ends.
///
/// # Errors
/// The system refuses to watch sockets, or the log cannot be written.
pub fn serve(bound: Bound, kind: Baseline, mut stop: mio::unix::pipe::Receiver) -> io::Result<()> {
    const STOP: Token = Token(usize::MAX - 1);
    let Bound { mut listener, .. } = bound;
    let mut poll = Poll::new()?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    poll.registry().register(&mut stop, STOP, Interest::READABLE)?;
    // Where a throw-away server has its data: syncing costs nothing where files are kept in memory.
    let log = match kind {
        Baseline::Durable => Some(tempfile::tempfile_in(own::folder()?.path())?),
        _ => None,
    };
    let mut relay = Relay {
        peers: Vec::new(),
        free: Vec::new(),
        persons: Vec::new(),
        groups: Vec::new(),
        dirty: Vec::new(),
        log,
        pending: Vec::new(),
    };
    let mut events = Events::with_capacity(EVENTS);
    let mut scratch = vec![0; READ];
    loop {
        match poll.poll(&mut events, None) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            other => other?,
        }
        for event in &events {
            match event.token() {
                LISTENER => relay.accept(&listener, poll.registry())?,
                STOP => return Ok(()),
                Token(at) => {
                    if event.is_readable() {
                        relay.read(at, &mut scratch);
                    }
                    if event.is_writable() {
                        relay.touch(at);
                    }
                }
            }
        }
        relay.sync()?;
        relay.flush();
    }
}

impl Relay {
    fn accept(&mut self, listener: &TcpListener, registry: &mio::Registry) -> io::Result<()> {
        loop {
            let mut stream = match listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                // The peer was gone before it was taken.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => continue,
                Err(error) => return Err(error),
            };
            let _ = stream.set_nodelay(true);
            let at = self.free.pop().unwrap_or_else(|| {
                self.peers.push(None);
                self.peers.len() - 1
            });
            registry.register(&mut stream, Token(at), Interest::READABLE | Interest::WRITABLE)?;
            let (before, out) = (Vec::new(), Vec::new());
            self.peers[at] =
                Some(Peer { stream, before, out, written: 0, dirty: false, person: NOBODY, group: NOBODY });
        }
    }

    fn read(&mut self, at: usize, scratch: &mut [u8]) {
        loop {
            let Some(peer) = self.peers.get_mut(at).and_then(Option::as_mut) else { return };
            let count = match peer.stream.read(scratch) {
                Ok(0) => return self.close(at),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => return self.close(at),
            };
            let understood = if peer.before.is_empty() {
                self.lines(at, &scratch[..count])
            } else {
                let mut all = std::mem::take(&mut peer.before);
                all.extend_from_slice(&scratch[..count]);
                self.lines(at, &all)
            };
            if !understood {
                return self.close(at);
            }
            // A short read has emptied the socket: what comes later makes a new event.
            if count < scratch.len() {
                return;
            }
        }
    }

    /// Takes whole lines up and keeps the rest; `false` for what is no line.
    fn lines(&mut self, at: usize, mut bytes: &[u8]) -> bool {
        while let Some(end) = memchr::memchr(b'\n', bytes) {
            let (line, rest) = bytes.split_at(end + 1);
            if self.line(at, line).is_none() {
                return false;
            }
            bytes = rest;
        }
        if let Some(peer) = self.peers.get_mut(at).and_then(Option::as_mut) {
            peer.before.extend_from_slice(bytes);
        }
        bytes.len() < READ
    }

    /// One line with its end.
    fn line(&mut self, at: usize, line: &[u8]) -> Option<()> {
        match line.first()? {
            b'T' => {
                let (person, text) = number(line.get(2..)?)?;
                let to = self.persons.get(person).copied().unwrap_or(NOBODY);
                if to == NOBODY {
                    self.write(at, &[b"N\n"]);
                } else {
                    self.keep(text);
                    self.write(to, &[b"M ", text]);
                    self.write(at, &[b"A\n"]);
                }
            }
            b'G' => {
                let text = line.get(2..)?;
                let group = self.peers[at].as_ref()?.group;
                let members = std::mem::take(self.groups.get_mut(group)?);
                self.keep(text);
                for &to in members.iter().filter(|to| **to != at) {
                    self.write(to, &[line]);
                }
                self.groups[group] = members;
                self.write(at, &[b"A\n"]);
            }
            b'L' => {
                let (person, _) = number(line.get(2..)?)?;
                grow(&mut self.persons, person, NOBODY)?;
                self.leave(at);
                self.persons[person] = at;
                self.peers[at].as_mut()?.person = person;
                self.write(at, &[b"L\n"]);
            }
            b'J' => {
                let (group, _) = number(line.get(2..)?)?;
                grow(&mut self.groups, group, Vec::new())?;
                self.leave_group(at);
                self.groups[group].push(at);
                self.peers[at].as_mut()?.group = group;
                self.write(at, &[b"J\n"]);
            }
            b'P' => self.write(at, &[b"P\n"]),
            _ => return None,
        }
        Some(())
    }

    fn keep(&mut self, text: &[u8]) {
        if self.log.is_some() {
            self.pending.extend_from_slice(text);
        }
    }

    fn write(&mut self, to: usize, pieces: &[&[u8]]) {
        if let Some(peer) = self.peers[to].as_mut() {
            for piece in pieces {
                peer.out.extend_from_slice(piece);
            }
            self.touch(to);
        }
    }

    fn touch(&mut self, at: usize) {
        if let Some(peer) = self.peers.get_mut(at).and_then(Option::as_mut)
            && !peer.dirty
            && !peer.out.is_empty()
        {
            peer.dirty = true;
            self.dirty.push(at);
        }
    }

    fn sync(&mut self) -> io::Result<()> {
        if let Some(log) = &mut self.log
            && !self.pending.is_empty()
        {
            log.write_all(&self.pending)?;
            log.sync_data()?;
            self.pending.clear();
        }
        Ok(())
    }

    fn flush(&mut self) {
        let mut dirty = std::mem::take(&mut self.dirty);
        for at in dirty.drain(..) {
            let Some(peer) = self.peers[at].as_mut() else { continue };
            peer.dirty = false;
            let gone = loop {
                match peer.stream.write(&peer.out[peer.written..]) {
                    Ok(0) => break true,
                    Ok(count) => peer.written += count,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break false,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(_) => break true,
                }
                if peer.written == peer.out.len() {
                    peer.out.clear();
                    peer.written = 0;
                    break false;
                }
            };
            if gone || peer.out.len() - peer.written > WAITING {
                self.close(at);
            }
        }
        self.dirty = dirty;
    }

    fn leave(&mut self, at: usize) {
        let Some(peer) = self.peers[at].as_mut() else { return };
        let person = std::mem::replace(&mut peer.person, NOBODY);
        if let Some(place) = self.persons.get_mut(person)
            && *place == at
        {
            *place = NOBODY;
        }
        self.leave_group(at);
    }

    fn leave_group(&mut self, at: usize) {
        let Some(peer) = self.peers[at].as_mut() else { return };
        let group = std::mem::replace(&mut peer.group, NOBODY);
        if let Some(group) = self.groups.get_mut(group) {
            group.retain(|member| *member != at);
        }
    }

    fn close(&mut self, at: usize) {
        self.leave(at);
        if self.peers[at].take().is_some() {
            self.free.push(at);
        }
    }
}

/// The number in front, and what follows the byte behind it.
fn number(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let end = bytes.iter().position(|byte| !byte.is_ascii_digit())?;
    let value = std::str::from_utf8(&bytes[..end]).ok()?.parse().ok()?;
    Some((value, &bytes[end + 1..]))
}

/// Listens on a free port, says `listening ADDRESS` on standard output, and serves until standard input ends.
///
/// # Errors
/// The system refuses.
pub fn run(kind: Baseline) -> io::Result<()> {
    if matches!(kind, Baseline::Splice | Baseline::Copy) {
        return run_files(kind);
    }
    let bound = bind()?;
    crate::announce::print(&format!("listening {}\n", bound.address))?;
    let (keep, stop) = mio::unix::pipe::new()?;
    // A thread of its own: standard input may be a file or a terminal, which an epoll does not take.
    std::thread::Builder::new().name("stdin".into()).spawn(move || {
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        drop(keep);
    })?;
    serve(bound, kind, stop)
}

fn run_files(kind: Baseline) -> io::Result<()> {
    let listener = std::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
    let address = listener.local_addr()?;
    crate::announce::print(&format!("listening {address}\n"))?;
    let stop = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&stop);
    std::thread::Builder::new().name("stdin".into()).spawn(move || {
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        told.store(true, Ordering::Relaxed);
        // It looks when somebody comes.
        drop(std::net::TcpStream::connect(address));
    })?;
    files::serve(&listener, kind, &stop)
}

fn grow<T: Clone>(list: &mut Vec<T>, at: usize, empty: T) -> Option<()> {
    if at >= MOST {
        return None;
    }
    if list.len() <= at {
        list.resize(at + 1, empty);
    }
    Some(())
}

#[cfg(test)]
mod tests;
