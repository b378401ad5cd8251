//! One connection: a socket, TLS where it is asked for, and the conversation over it. Owns: reading, writing, what waits to be written.
//! Never: knows other connections, or whose it is.

use super::Note;
use crate::client::{Conversation, Say, Silent, Wrap};
use crate::loadtest::plan::{Speech, Voice};
use mio::net::TcpStream;
use protocol::DialectId;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, pki_types::ServerName};

/// Sessions that share one source address on loopback: far below its some 28,000 ports, since those of closed connections rest.
const PER_SOURCE: u32 = 10_000;

/// Where a voice is spoken.
#[derive(Clone)]
pub struct Door {
    /// What is spoken.
    pub voice: Voice,
    /// The host as it was written: what TLS and HTTP name.
    pub host: String,
    /// Where.
    pub address: SocketAddr,
    /// TLS, where the voice is wrapped in it.
    pub tls: Option<Arc<ClientConfig>>,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Connecting,
    /// A handshake of TLS or a WebSocket is on.
    Opening,
    Open,
}

pub(super) struct Conn {
    /// Tells it from others of the same session.
    pub(super) serial: u64,
    pub(super) socket: TcpStream,
    tls: Option<Box<ClientConnection>>,
    talk: Conversation,
    /// What a WebSocket's handshake names; gone once it was said.
    host: Box<str>,
    state: State,
    /// The opening words were said.
    begun: bool,
    /// Said and not written, from `written` on.
    out: Vec<u8>,
    written: usize,
    /// It is in the list of those with something to write.
    pub(super) dirty: bool,
    /// Goodbye was said: behind what is unwritten the sending side ends.
    leaving: bool,
    /// TLS was told so, too.
    notified: bool,
}

/// What is shared by all connections: they have no buffers of their own while nothing waits.
#[derive(Default)]
pub(super) struct Buffers {
    /// What one reading brings.
    pub(super) read: Vec<u8>,
    /// What is inside TLS.
    clear: Vec<u8>,
    /// Write buffers that nobody needs now.
    spare: Vec<Vec<u8>>,
    answers: Vec<u8>,
}

/// A larger write buffer is given back to the system.
const KEPT_BYTES: usize = 64 << 10;
/// Bytes of one reading.
const READ_BYTES: usize = 128 << 10;

impl Buffers {
    pub(super) fn new() -> Self {
        Self { read: vec![0; READ_BYTES], clear: vec![0; 16 << 10], ..Self::default() }
    }
}

/// The source address of a session, where the target is this machine and one address has too few ports.
fn source(session: u32, to: &SocketAddr) -> Option<Ipv4Addr> {
    match to.ip() {
        IpAddr::V4(ip) if ip.is_loopback() && session >= PER_SOURCE => {
            Some(Ipv4Addr::from(u32::from(Ipv4Addr::LOCALHOST) + session / PER_SOURCE))
        }
        _ => None,
    }
}

impl Conn {
    pub(super) fn connect(session: u32, door: &Door, serial: u64) -> io::Result<Self> {
        let socket =
            Socket::new(Domain::for_address(door.address), Type::STREAM.nonblocking().cloexec(), Some(Protocol::TCP))?;
        socket.set_tcp_nodelay(true)?;
        if let Some(source) = source(session, &door.address) {
            socket.bind(&SocketAddr::from((source, 0)).into())?;
        }
        match socket.connect(&door.address.into()) {
            Ok(()) => {}
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::INPROGRESS.raw_os_error()) => {}
            Err(error) => return Err(error),
        }
        let tls = match &door.tls {
            None => None,
            Some(config) => {
                let name = ServerName::try_from(door.host.clone()).map_err(io::Error::other)?;
                let mut tls = ClientConnection::new(Arc::clone(config), name).map_err(io::Error::other)?;
                tls.set_buffer_limit(None);
                Some(Box::new(tls))
            }
        };
        Ok(Self {
            serial,
            socket: TcpStream::from_std(socket.into()),
            tls,
            talk: converse(door.voice)?,
            host: if door.voice.web { authority(door) } else { Box::default() },
            state: State::Connecting,
            begun: false,
            out: Vec::new(),
            written: 0,
            dirty: false,
            leaving: false,
            notified: false,
        })
    }

    pub(super) fn is_open(&self) -> bool {
        self.state == State::Open
    }

    /// Bytes that wait to be written.
    pub(super) fn unwritten(&self) -> usize {
        self.out.len() - self.written
    }

    pub(super) fn say(&mut self, say: &Say<'_>, buffers: &mut Buffers) -> Result<u64, Silent> {
        if self.out.capacity() == 0 {
            self.out = buffers.spare.pop().unwrap_or_default();
        }
        self.talk.say(say, &mut self.out)
    }

    /// The socket can be written to: it is connected, or has room again. Tells whether it became open.
    pub(super) fn writable(&mut self, buffers: &mut Buffers) -> io::Result<bool> {
        if self.state == State::Connecting {
            if let Some(error) = self.socket.take_error()? {
                return Err(error);
            }
            match self.socket.peer_addr() {
                Ok(_) => self.state = State::Opening,
                Err(error) if error.kind() == ErrorKind::NotConnected => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        let opened = self.progress();
        self.flush(buffers)?;
        Ok(opened)
    }

    /// Goes on with opening; tells whether it became open now.
    fn progress(&mut self) -> bool {
        if self.state != State::Opening || self.tls.as_ref().is_some_and(|tls| tls.is_handshaking()) {
            return false;
        }
        if !self.begun {
            self.begun = true;
            self.talk.open(&self.host, &mut self.out);
            self.host = Box::default();
        }
        if self.talk.is_open() {
            self.state = State::Open;
        }
        self.state == State::Open
    }

    /// Reads all that is there (all of it until the end, where `closed` says that the other side has ended). What was
    /// heard is added to `notes` with the time from `clock`; tells whether it became open.
    ///
    /// # Errors
    /// The connection is over, in order or not; `notes` has what came before.
    pub(super) fn readable(&mut self, buffers: &mut Buffers, closed: bool, notes: &mut Vec<Note>) -> io::Result<bool> {
        let mut opened = false;
        loop {
            let count = match self.socket.read(&mut buffers.read) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            opened |= self.take(count, buffers, notes)?;
            // A short reading has emptied the socket: the next byte is another event.
            if count < buffers.read.len() && !closed {
                break;
            }
        }
        Ok(opened)
    }

    fn take(&mut self, count: usize, buffers: &mut Buffers, notes: &mut Vec<Note>) -> io::Result<bool> {
        let Buffers { read, clear, answers, .. } = buffers;
        answers.clear();
        let mut opened = false;
        match &mut self.tls {
            None => hear(&mut self.talk, &read[..count], answers, notes)?,
            Some(tls) => {
                let mut left = &read[..count];
                while !left.is_empty() {
                    tls.read_tls(&mut left)?;
                    tls.process_new_packets().map_err(io::Error::other)?;
                    loop {
                        match tls.reader().read(clear) {
                            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                            Ok(count) => hear(&mut self.talk, &clear[..count], answers, notes)?,
                            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                            Err(error) => return Err(error),
                        }
                    }
                }
            }
        }
        // Behind the goodbye nothing may be said.
        if !self.leaving {
            self.out.extend_from_slice(answers);
        }
        opened |= self.progress();
        Ok(opened)
    }

    /// Whether something is to be written.
    pub(super) fn has_words(&self) -> bool {
        self.unwritten() > 0 || self.tls.as_ref().is_some_and(|tls| tls.wants_write())
    }

    /// Writes as much as the socket takes.
    pub(super) fn flush(&mut self, buffers: &mut Buffers) -> io::Result<()> {
        if self.state == State::Connecting {
            return Ok(());
        }
        if let Some(tls) = &mut self.tls {
            if !tls.is_handshaking() && self.written < self.out.len() {
                tls.writer().write_all(&self.out[self.written..])?;
                self.written = self.out.len();
            }
            if self.leaving && !std::mem::replace(&mut self.notified, true) {
                tls.send_close_notify();
            }
            while tls.wants_write() {
                match tls.write_tls(&mut self.socket) {
                    Ok(_) => {}
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) => return Err(error),
                }
            }
        } else {
            while self.written < self.out.len() {
                match self.socket.write(&self.out[self.written..]) {
                    Ok(count) => self.written += count,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
        }
        if self.written == self.out.len() && self.out.capacity() > 0 {
            self.written = 0;
            self.out.clear();
            let out = std::mem::take(&mut self.out);
            if out.capacity() <= KEPT_BYTES {
                buffers.spare.push(out);
            }
        }
        if self.leaving && !self.has_words() {
            // One that the other side has ended already needs no end.
            let _ = self.socket.shutdown(Shutdown::Write);
        }
        Ok(())
    }

    /// Says goodbye; when that is written, the sending side ends. What comes is read as before, until the server closes.
    pub(super) fn leave(&mut self) {
        self.talk.close(&mut self.out);
        self.leaving = true;
    }

    /// Ends it without a word, as when a machine goes off: the server gets a reset, not an end.
    pub(super) fn cut(self) {
        let socket = SockRef::from(&self.socket);
        // Where the system refuses it, it is an end as any other.
        let _ = socket.set_linger(Some(Duration::ZERO));
    }

    /// Says goodbye, as far as the socket takes it at once. Not where something has come that nobody has read: a goodbye, and any other word, would say
    /// that it was received. The system ends such a connection with a reset.
    pub(super) fn close(mut self, buffers: &mut Buffers) {
        let has_unread = self.socket.peek(&mut [0]).is_ok_and(|count| count > 0);
        if self.state == State::Open && !has_unread {
            self.talk.close(&mut self.out);
            if let Some(tls) = &mut self.tls {
                tls.send_close_notify();
            }
            // Whoever leaves does not wait: what the system refuses now is not said.
            let _ = self.flush(buffers);
        }
    }
}

/// `HOST:PORT`, as HTTP writes it.
fn authority(door: &Door) -> Box<str> {
    let (host, port) = (&door.host, door.address.port());
    if host.contains(':') { format!("[{host}]:{port}").into() } else { format!("{host}:{port}").into() }
}

/// Numbers of requests begin at the time, so that no two connections of one installation ever use the same (docs/binary.md, `seq`).
fn converse(voice: Voice) -> io::Result<Conversation> {
    let name = match voice.speech {
        Speech::Line => return Ok(Conversation::with_relay()),
        Speech::Plain => "plain",
        Speech::Framed => "framed",
        Speech::Binary => "binary",
    };
    let first = SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |since| since.as_micros());
    let wrap = if voice.web { Wrap::WebSocket } else { Wrap::Stream };
    let dialect = DialectId::by_name(name).ok_or_else(|| io::Error::other(format!("{voice} is not spoken here")))?;
    Ok(Conversation::new(dialect, wrap, u64::try_from(first).unwrap_or(1)))
}

fn hear(talk: &mut Conversation, bytes: &[u8], answers: &mut Vec<u8>, notes: &mut Vec<Note>) -> io::Result<()> {
    let heard = talk.hear(bytes, answers, &mut |heard| notes.extend(Note::of(&heard)));
    heard.map_err(|nonsense| {
        // A WebSocket's handshake may be refused, by a server that is full, in words that are not the dialect's.
        if talk.is_open() {
            notes.push(Note::Nonsense);
        }
        io::Error::other(nonsense)
    })
}

#[cfg(test)]
mod tests {
    use super::source;

    #[test]
    fn source_addresses_are_for_many_sessions_on_this_machine() {
        let there = |text: &str| text.parse().unwrap();
        let text = |session, to| source(session, &there(to)).map(|ip| ip.to_string());
        assert_eq!(text(0, "127.0.0.1:1"), None);
        assert_eq!(text(9_999, "127.0.0.1:1"), None);
        assert_eq!(text(10_000, "127.0.0.1:1").as_deref(), Some("127.0.0.2"));
        assert_eq!(text(17_999, "127.0.0.5:1").as_deref(), Some("127.0.0.2"));
        assert_eq!(text(3_000_000, "127.0.0.1:1").as_deref(), Some("127.0.1.45"));
        assert_eq!(text(50_000, "192.0.2.1:1"), None);
        assert_eq!(text(50_000, "[::1]:1"), None);
    }
}
