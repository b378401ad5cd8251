//! What every accepted TCP socket gets before anything is spoken on it. Owns: its options. Never: reads or writes.

use socket2::{SockRef, TcpKeepalive};
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Makes a connection ready, inside the runtime where it will live; returns it with its peer's address. A peer
/// without a sign of life for `keepalive` is dead.
///
/// # Errors
/// The peer has gone already, or the system refuses an option.
pub(crate) fn adopt(stream: TcpStream, keepalive: Duration) -> io::Result<(tokio::net::TcpStream, SocketAddr)> {
    let peer = stream.peer_addr()?;
    stream.set_nonblocking(true)?;
    // Frames are written whole and answered: waiting for more to send only delays them.
    stream.set_nodelay(true)?;
    watch_over(&stream, keepalive)?;
    Ok((tokio::net::TcpStream::from_std(stream)?, peer))
}

/// Lets the system find dead peers. With a user time-out Linux gives a silent peer up at the first unanswered probe
/// after it, whatever the number of probes; so probing starts at half of the time, and some four may get lost.
fn watch_over(stream: &TcpStream, keepalive: Duration) -> io::Result<()> {
    let second = Duration::from_secs(1);
    let socket = SockRef::from(stream);
    let probes = TcpKeepalive::new().with_time((keepalive / 2).max(second));
    let probes = probes.with_interval((keepalive / 8).max(second)).with_retries(4);
    socket.set_tcp_keepalive(&probes)?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(keepalive))?;
    Ok(())
}
