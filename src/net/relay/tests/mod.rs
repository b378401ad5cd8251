//! The relay over real loopback sockets. Everybody blocks on events: a callback, an end of stream, a byte. The
//! time-outs of [`PATIENCE`] only end a test that hangs.

mod buffers;
mod ending;
mod meeting;
mod moving;

use super::{Mover, TcpRelays};
use actors::transfer::relay::{RelayEnd, RelayHold, RelayPlan, Relays};
use socket2::{Domain, Socket, Type};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

/// How long anything may take before a test is given up.
const PATIENCE: Duration = Duration::from_secs(20);

/// The last number of the loopback address that a side connects from.
const ONE: u8 = 1;
const TWO: u8 = 2;
const THREE: u8 = 3;

/// Both ways to move bytes.
#[cfg(target_os = "linux")]
const MOVERS: [Mover; 2] = [Mover::Splice, Mover::Copy];
#[cfg(not(target_os = "linux"))]
const MOVERS: [Mover; 1] = [Mover::Copy];

fn ip(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 0, last)
}

/// A transfer of so many bytes from one loopback address to another.
fn plan(sender: u8, receiver: u8, length: u64) -> RelayPlan {
    RelayPlan {
        ticket: 7,
        bind: ip(ONE).into(),
        port: 0,
        sender: ip(sender).into(),
        receivers: vec![ip(receiver).into()],
        length,
        buffer_bytes: 256 * 1024,
        timeout: PATIENCE,
        settle: Duration::from_millis(20),
    }
}

/// One open transfer.
struct Open {
    port: u16,
    end: Receiver<RelayEnd>,
    hold: Option<Box<dyn RelayHold>>,
}

fn open(relays: &TcpRelays, plan: RelayPlan) -> Open {
    let (tell, end) = mpsc::channel();
    let (port, hold) = relays.open(plan, Box::new(move |end| tell.send(end).unwrap())).unwrap();
    Open { port, end, hold: Some(hold) }
}

impl Open {
    /// A connection from a loopback address.
    fn connect(&self, from: u8) -> TcpStream {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from((ip(from), 0)).into()).unwrap();
        socket.connect(&SocketAddr::from((ip(ONE), self.port)).into()).unwrap();
        let stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// A connection that writes these bytes at once and waits for the server to close.
    fn send(&self, from: u8, bytes: &[u8]) -> TcpStream {
        let mut stream = self.connect(from);
        stream.write_all(bytes).unwrap();
        stream
    }

    /// How the transfer ended; fails if it is told twice.
    fn end(&self) -> RelayEnd {
        let end = self.end.recv_timeout(PATIENCE).unwrap();
        assert_eq!(self.end.recv_timeout(PATIENCE), Err(RecvTimeoutError::Disconnected), "the callback is gone");
        end
    }
}

/// All that comes until the end of the stream, which may be a reset.
fn read_all(stream: &mut TcpStream) -> Vec<u8> {
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
fn file(length: usize) -> Vec<u8> {
    (0_u32..).flat_map(|word| word.wrapping_mul(2_654_435_761).to_le_bytes()).take(length).collect()
}

/// Runs a test with each way to move bytes.
fn with_each_mover(test: impl Fn(&TcpRelays)) {
    for mover in MOVERS {
        test(&TcpRelays::start(mover).unwrap());
    }
}
