//! Bare relays for files: what moving a GiB from one socket to another costs on this machine, and nothing else. Owns: [`serve`], a thread
//! for each transfer that blocks in the kernel. Never: looks at a byte, or waits by a clock.
//!
//! Each connection begins with [`greeting`]: whether it gives or takes, and the number of its transfer. The two of a transfer find each other by that
//! number; then bytes go from one to the other until the giver ends, and both connections are closed. A number may be used again.

use super::super::options::Baseline;
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};
use std::collections::HashMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// Bytes of a pipe, and of a buffer: what `relay.buffer_bytes` is by default.
const BUFFER: usize = 256 << 10;
/// Bytes of a greeting.
const GREETING: usize = 5;

/// Which side of a transfer a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Bytes come from it.
    Gives,
    /// Bytes go to it.
    Takes,
}

/// What a connection begins with: one byte for its side, and the transfer's number, most significant byte first.
#[must_use]
pub fn greeting(side: Side, transfer: u32) -> [u8; GREETING] {
    let [a, b, c, d] = transfer.to_be_bytes();
    [if side == Side::Gives { b'G' } else { b'T' }, a, b, c, d]
}

fn understood(greeting: [u8; GREETING]) -> io::Result<(Side, u32)> {
    let [side, a, b, c, d] = greeting;
    let side = match side {
        b'G' => Side::Gives,
        b'T' => Side::Takes,
        _ => return Err(ErrorKind::InvalidData.into()),
    };
    Ok((side, u32::from_be_bytes([a, b, c, d])))
}

/// Those whose other side has not come.
type Waiting = Mutex<HashMap<u32, (Side, TcpStream)>>;

/// Serves until `stop` is set and one more connection came. Transfers that run then go on in threads of their own.
///
/// # Errors
/// The system takes no more connections, or gives no more threads.
pub fn serve(listener: &TcpListener, kind: Baseline, stop: &AtomicBool) -> io::Result<()> {
    let waiting = Arc::new(Waiting::default());
    loop {
        let stream = match listener.accept() {
            Ok((stream, _)) => stream,
            Err(error) if matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::Interrupted) => continue,
            Err(error) => return Err(error),
        };
        if stop.load(Ordering::Relaxed) {
            return Ok(());
        }
        let waiting = Arc::clone(&waiting);
        // Whoever breaks its connection learns that by itself.
        thread::Builder::new().name("transfer".into()).spawn(move || drop(meet(stream, &waiting, kind)))?;
    }
}

fn meet(mut stream: TcpStream, waiting: &Waiting, kind: Baseline) -> io::Result<()> {
    let mut bytes = [0; GREETING];
    stream.read_exact(&mut bytes)?;
    let (side, transfer) = understood(bytes)?;
    let other = {
        let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
        match waiting.remove(&transfer) {
            Some((theirs, other)) if theirs != side => other,
            // The first of the two; one that came before and is of the same side has gone.
            _ => {
                waiting.insert(transfer, (side, stream));
                return Ok(());
            }
        }
    };
    let (from, to) = if side == Side::Gives { (stream, other) } else { (other, stream) };
    match kind {
        Baseline::Splice => spliced(&from, &to)?,
        _ => copied(&from, &to)?,
    }
    to.shutdown(Shutdown::Write)
}

/// Bytes stay in the kernel.
fn spliced(from: &TcpStream, to: &TcpStream) -> io::Result<()> {
    let (output, input) = pipe_with(PipeFlags::CLOEXEC)?;
    fcntl_setpipe_size(&input, BUFFER)?;
    loop {
        let mut held = again(|| splice(from, None, &input, None, BUFFER, SpliceFlags::MOVE))?;
        if held == 0 {
            return Ok(());
        }
        while held > 0 {
            held -= again(|| splice(&output, None, to, None, held, SpliceFlags::MOVE))?;
        }
    }
}

/// Bytes go through memory.
fn copied(mut from: &TcpStream, mut to: &TcpStream) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => to.write_all(&buffer[..count])?,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Does it again while a signal interrupts it.
fn again(mut once: impl FnMut() -> Result<usize, Errno>) -> Result<usize, Errno> {
    loop {
        match once() {
            Err(Errno::INTR) => {}
            other => return other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Baseline, Side, greeting, serve, understood};
    use std::io::{Read, Write};
    use std::net::{Shutdown, TcpListener, TcpStream};
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;

    #[test]
    fn a_greeting_is_understood_and_others_are_not() {
        for side in [Side::Gives, Side::Takes] {
            assert_eq!(understood(greeting(side, 0x0102_0304)).unwrap(), (side, 0x0102_0304));
        }
        assert!(understood(*b"GET /").is_ok() && understood(*b"HELLO").is_err());
    }

    #[test]
    fn bytes_go_from_giver_to_taker_whoever_comes_first_and_to_nobody_else() {
        for kind in [Baseline::Splice, Baseline::Copy] {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap();
            let stop = AtomicBool::new(false);
            thread::scope(|scope| {
                let server = scope.spawn(|| serve(&listener, kind, &stop));
                let come = |side, transfer| {
                    let mut stream = TcpStream::connect(address).unwrap();
                    stream.write_all(&greeting(side, transfer)).unwrap();
                    stream
                };
                // More than any buffer between the two holds, and no multiple of one.
                let file = |seed: u8| (0..3_000_001_u32).map(|at| (at % 251) as u8 ^ seed).collect::<Vec<u8>>();
                // The same number twice, one after the other.
                for order in [[Side::Takes, Side::Gives], [Side::Gives, Side::Takes]] {
                    let pairs: Vec<_> = (0..2_u8)
                        .map(|transfer| {
                            let mut both = order.map(|side| Some(come(side, u32::from(transfer))));
                            let mut of = |side| both[order.iter().position(|s| *s == side).unwrap()].take().unwrap();
                            (transfer, of(Side::Gives), of(Side::Takes))
                        })
                        .collect();
                    let moving: Vec<_> = pairs
                        .into_iter()
                        .map(|(transfer, mut giver, mut taker)| {
                            scope.spawn(move || {
                                giver.write_all(&file(transfer)).unwrap();
                                giver.shutdown(Shutdown::Write).unwrap();
                                // The relay says nothing, and ends.
                                assert_eq!(giver.read(&mut [0]).unwrap(), 0);
                            });
                            scope.spawn(move || {
                                let mut got = Vec::new();
                                taker.read_to_end(&mut got).unwrap();
                                assert!(got == file(transfer), "{kind:?}: {} bytes", got.len());
                            })
                        })
                        .collect();
                    moving.into_iter().for_each(|thread| thread.join().unwrap());
                }
                stop.store(true, Ordering::Relaxed);
                TcpStream::connect(address).unwrap();
                server.join().unwrap().unwrap();
            });
        }
    }
}
