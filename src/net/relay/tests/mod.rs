//! The relay over real loopback sockets. Everybody blocks on events: a callback, an end of stream, a byte. The
//! time-outs of [`PATIENCE`] only end a test that hangs.

mod buffers;
mod ending;
mod meeting;
mod moving;
mod web;

use super::{Mover, TcpRelays};
use actors::transfer::Token;
use actors::transfer::relay::{RelayEnd, RelayHold, RelayPlan, Relays, Way};
use socket2::{Domain, Socket, Type};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

/// How long anything may take before a test is given up.
pub(in crate::net) const PATIENCE: Duration = Duration::from_secs(20);

/// The last number of the loopback address that a side connects from.
pub(in crate::net) const ONE: u8 = 1;
pub(in crate::net) const TWO: u8 = 2;
const THREE: u8 = 3;

/// Both ways to move bytes.
#[cfg(target_os = "linux")]
const MOVERS: [Mover; 2] = [Mover::Splice, Mover::Copy];
#[cfg(not(target_os = "linux"))]
const MOVERS: [Mover; 1] = [Mover::Copy];

fn ip(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 0, last)
}

/// A side that connects from one of these loopback addresses.
fn through_port<const N: usize>(from: [u8; N]) -> Way {
    Way::Port(from.iter().map(|&last| ip(last).into()).collect())
}

/// A side that comes over HTTP.
pub(in crate::net) fn over_http() -> Way {
    Way::Web(Token::fresh().unwrap())
}

/// The token of such a side.
pub(in crate::net) fn token(way: &Way) -> &str {
    match way {
        Way::Web(token) => token.as_str(),
        Way::Port(_) => panic!("comes through the port"),
    }
}

/// A transfer of so many bytes from one loopback address to another.
pub(in crate::net) fn plan(sender: u8, receiver: u8, length: u64) -> RelayPlan {
    RelayPlan {
        ticket: 7,
        bind: ip(ONE).into(),
        port: 0,
        sender: through_port([sender]),
        receiver: through_port([receiver]),
        name: "a.txt".into(),
        length,
        buffer_bytes: 256 * 1024,
        timeout: PATIENCE,
        settle: Duration::from_millis(20),
        moved: Arc::default(),
    }
}

/// One open transfer.
pub(in crate::net) struct Open {
    pub(in crate::net) port: u16,
    end: Receiver<RelayEnd>,
    pub(in crate::net) hold: Option<Box<dyn RelayHold>>,
}

pub(in crate::net) fn open(relays: &TcpRelays, plan: RelayPlan) -> Open {
    let (tell, end) = mpsc::channel();
    let (port, hold) = relays.open(plan, Box::new(move |end| tell.send(end).unwrap())).unwrap();
    // No transfer is on port 0, so connecting there fails.
    Open { port: port.unwrap_or(0), end, hold: Some(hold) }
}

impl Open {
    /// A connection from a loopback address.
    pub(in crate::net) fn connect(&self, from: u8) -> TcpStream {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from((ip(from), 0)).into()).unwrap();
        socket.connect(&SocketAddr::from((ip(ONE), self.port)).into()).unwrap();
        let stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// A connection that writes these bytes at once and waits for the server to close.
    pub(in crate::net) fn send(&self, from: u8, bytes: &[u8]) -> TcpStream {
        let mut stream = self.connect(from);
        stream.write_all(bytes).unwrap();
        stream
    }

    /// How the transfer ended; fails if it is told twice.
    pub(in crate::net) fn end(&self) -> RelayEnd {
        let end = self.end.recv_timeout(PATIENCE).unwrap();
        assert_eq!(self.end.recv_timeout(PATIENCE), Err(RecvTimeoutError::Disconnected), "the callback is gone");
        end
    }
}

/// All that comes until the end of the stream, which may be a reset.
pub(in crate::net) fn read_all(stream: &mut impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => panic!("no end of the stream"),
        _ => bytes,
    }
}

/// Asserts that connections are closed without a byte.
fn assert_get_nothing<const N: usize>(streams: [TcpStream; N]) {
    for mut stream in streams {
        assert_eq!(read_all(&mut stream), b"");
    }
}

/// Bytes that differ along the way.
pub(in crate::net) fn file(length: usize) -> Vec<u8> {
    (0_u32..).flat_map(|word| word.wrapping_mul(2_654_435_761).to_le_bytes()).take(length).collect()
}

/// Runs a test with each way to move bytes.
fn with_each_mover(test: impl Fn(&TcpRelays)) {
    for mover in MOVERS {
        test(&TcpRelays::start(mover).unwrap());
    }
}
