//! Buffers against real sockets, one attempt at a time.

use super::super::buffer::{Buffer, Filled};
use super::*;
use tokio::net::TcpListener;

/// Two connections: each pair is the relay's end and the peer's.
async fn two_connections() -> [(tokio::net::TcpStream, TcpStream); 2] {
    let listener = TcpListener::bind((ip(ONE), 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let first = TcpStream::connect(address).unwrap();
    let second = TcpStream::connect(address).unwrap();
    let (one, _) = listener.accept().await.unwrap();
    let (two, _) = listener.accept().await.unwrap();
    [(one, first), (two, second)]
}

/// Tries until there is something else than nothing.
async fn fill(buffer: &mut Buffer, from: &tokio::net::TcpStream, most: usize) -> Filled {
    loop {
        from.readable().await.unwrap();
        match buffer.fill(from, most).unwrap() {
            Filled::Nothing => {}
            other => return other,
        }
    }
}

fn with_each_buffer(test: impl AsyncFn(Buffer)) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for mover in MOVERS {
        runtime.block_on(async { tokio::time::timeout(PATIENCE, test(Buffer::new(mover, 4096))).await.unwrap() });
    }
}

#[test]
fn a_buffer_takes_no_more_than_was_asked_and_tells_the_end() {
    with_each_buffer(async |mut buffer| {
        let [(from, mut sender), (to, mut receiver)] = two_connections().await;
        assert_eq!(buffer.fill(&from, 100).unwrap(), Filled::Nothing);
        sender.write_all(b"0123456789").unwrap();
        drop(sender);
        assert_eq!(fill(&mut buffer, &from, 4).await, Filled::Bytes(4));
        assert_eq!(buffer.held(), 4);
        assert_eq!(buffer.drain(&to).unwrap(), 4);
        assert_eq!(fill(&mut buffer, &from, 100).await, Filled::Bytes(6));
        assert_eq!(buffer.drain(&to).unwrap(), 6);
        assert_eq!(fill(&mut buffer, &from, 100).await, Filled::End);
        drop(to);
        assert_eq!(read_all(&mut receiver), b"0123456789");
    });
}

/// A pipe of one page has one slot, which the first few bytes take. Then the system says the same as of an empty socket,
/// and taking it for that would wait for an event that never comes.
#[cfg(target_os = "linux")]
#[test]
fn a_pipe_without_a_slot_is_full_and_not_a_socket_without_bytes() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let test = async {
        let mut buffer = Buffer::new(Mover::Splice, 4096);
        let [(from, mut sender), (to, mut receiver)] = two_connections().await;
        sender.write_all(b"01234").unwrap();
        assert_eq!(fill(&mut buffer, &from, 100).await, Filled::Bytes(5));
        sender.write_all(b"56789").unwrap();
        assert_eq!(fill(&mut buffer, &from, 95).await, Filled::Full);
        assert_eq!(buffer.drain(&to).unwrap(), 5);
        // The socket is still known to be readable, without any new event.
        assert_eq!(buffer.fill(&from, 95).unwrap(), Filled::Bytes(5));
        assert_eq!(buffer.fill(&from, 90).unwrap(), Filled::Nothing, "an empty socket is an empty socket");
        assert_eq!(buffer.drain(&to).unwrap(), 5);
        drop(to);
        assert_eq!(read_all(&mut receiver), b"0123456789");
    };
    runtime.block_on(async { tokio::time::timeout(PATIENCE, test).await.unwrap() });
}
