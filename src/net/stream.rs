//! Plain TCP as a link. Owns: the stream and its socket options. Never: a buffer of its own, or a frame's meaning.

use crate::net::{outq, socket};
use actors::session::link::{Arrival, Link};
use bytes::Bytes;
use protocol::{Carrier, Frame};
use rustix::net::SendFlags;
use std::cell::Cell;
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;

/// Bytes up to which several pieces are copied together, to be sent as one: messages are short, and the shorter way
/// through the system is worth more than the copy.
const TOGETHER: usize = 16 * 1024;

thread_local! {
    /// One buffer for all connections of a thread.
    static BUFFER: Cell<Option<Vec<u8>>> = const { Cell::new(None) };
}

/// One TCP connection.
pub struct TcpLink {
    stream: TcpStream,
    peer: SocketAddr,
}

impl TcpLink {
    /// Takes a connection over, inside the runtime where it will live. A peer without a sign of life for `keepalive`
    /// is dead.
    ///
    /// # Errors
    /// The peer has gone already, or the system refuses an option.
    pub fn open(stream: std::net::TcpStream, keepalive: Duration) -> io::Result<Self> {
        let (stream, peer) = socket::adopt(stream, keepalive)?;
        Ok(Self { stream, peer })
    }
}

impl TcpLink {
    /// Sends without the system's library in between: its `send` may be cancelled, and sees to that before and after each call.
    fn poll_send(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            let sent =
                self.stream.try_io(Interest::WRITABLE, || Ok(rustix::net::send(&self.stream, bytes, NO_SIGNAL)?));
            match sent {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => ready!(self.stream.poll_write_ready(cx))?,
                sent => return Poll::Ready(sent),
            }
        }
    }
}

/// A peer that has gone is an error, not a signal. Where the system has no such flag the socket is told so once, by Rust's library.
#[cfg(not(target_vendor = "apple"))]
const NO_SIGNAL: SendFlags = SendFlags::NOSIGNAL;
#[cfg(target_vendor = "apple")]
const NO_SIGNAL: SendFlags = SendFlags::empty();

/// What has come on a stream, read into `scratch`.
///
/// # Errors
/// The connection is gone; or `scratch` has no room, for reading nothing would look like the end.
pub(crate) fn poll_arrival(
    stream: &mut (impl AsyncRead + Unpin),
    cx: &mut Context<'_>,
    scratch: &mut [u8],
) -> Poll<io::Result<Arrival>> {
    if scratch.is_empty() {
        return Poll::Ready(Err(io::ErrorKind::InvalidInput.into()));
    }
    // Not `try_read`: after a read that did not fill the buffer a socket of tokio's knows that there is no more, and saves the
    // call that would say so.
    let mut buffer = ReadBuf::new(scratch);
    ready!(Pin::new(stream).poll_read(cx, &mut buffer))?;
    Poll::Ready(Ok(match buffer.filled().len() {
        0 => Arrival::End,
        bytes => Arrival::Bytes(bytes),
    }))
}

impl Link for TcpLink {
    fn carrier(&self) -> Carrier {
        Carrier::Stream
    }

    fn peer(&self) -> Option<SocketAddr> {
        Some(self.peer)
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, scratch: &mut [u8]) -> Poll<io::Result<Arrival>> {
        poll_arrival(&mut self.stream, cx, scratch)
    }

    fn pack_whole(&self, frame: Frame, out: &mut VecDeque<Bytes>) {
        out.push_back(frame.into_wire());
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, pieces: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        match pieces {
            // `send` is a shorter way through the system than `writev`, and one piece is what there mostly is.
            [piece] => self.poll_send(cx, piece),
            pieces if pieces.iter().map(|piece| piece.len()).sum::<usize>() <= TOGETHER => {
                let mut together = BUFFER.take().unwrap_or_else(|| Vec::with_capacity(TOGETHER));
                together.clear();
                pieces.iter().for_each(|piece| together.extend_from_slice(piece));
                let written = self.poll_send(cx, &together);
                BUFFER.set(Some(together));
                written
            }
            pieces => Pin::new(&mut self.stream).poll_write_vectored(cx, pieces),
        }
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn unacknowledged(&self) -> Option<usize> {
        outq::unacknowledged(self.stream.as_fd())
    }
}

#[cfg(test)]
mod tests {
    use super::TcpLink;
    use actors::session::link::{Arrival, Link};
    use protocol::Frame;
    use socket2::SockRef;
    use std::collections::VecDeque;
    use std::future::poll_fn;
    use std::io::{IoSlice, Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::time::Duration;

    fn pair() -> (TcpLink, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (server, _) = listener.accept().unwrap();
        (TcpLink::open(server, Duration::from_secs(60)).unwrap(), client)
    }

    async fn read(link: &mut TcpLink, scratch: &mut [u8]) -> Arrival {
        poll_fn(|cx| link.poll_read(cx, scratch)).await.unwrap()
    }

    #[tokio::test]
    async fn it_reads_what_comes_and_then_the_end() {
        let (mut link, mut client) = pair();
        assert_eq!(link.peer(), Some(client.local_addr().unwrap()));
        let mut scratch = [0; 4];
        client.write_all("鸿雁".as_bytes()).unwrap();
        assert_eq!(read(&mut link, &mut scratch).await, Arrival::Bytes(4));
        assert_eq!(scratch, "鸿雁".as_bytes()[..4]);
        assert_eq!(read(&mut link, &mut scratch).await, Arrival::Bytes(2));
        client.shutdown(std::net::Shutdown::Write).unwrap();
        assert_eq!(read(&mut link, &mut scratch).await, Arrival::End);
        assert!(poll_fn(|cx| link.poll_read(cx, &mut [])).await.is_err());
    }

    #[tokio::test]
    async fn it_writes_many_pieces_at_once_and_closes_in_order() {
        let (mut link, mut client) = pair();
        let mut pieces = VecDeque::new();
        link.pack(&Frame::new("{\"a\":1}\n".into(), 0, 1), &mut pieces);
        link.pack(&Frame::new("{\"b\":2}\n".into(), 0, 1), &mut pieces);
        let slices: Vec<IoSlice<'_>> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
        assert_eq!(poll_fn(|cx| link.poll_write(cx, &slices)).await.unwrap(), 16);
        poll_fn(|cx| link.poll_close(cx)).await.unwrap();
        let mut text = String::new();
        client.read_to_string(&mut text).unwrap();
        assert_eq!(text, "{\"a\":1}\n{\"b\":2}\n");
        // The other direction is still open.
        client.write_all(b"x").unwrap();
        assert_eq!(read(&mut link, &mut [0; 8]).await, Arrival::Bytes(1));
    }

    #[tokio::test]
    async fn a_full_peer_makes_a_write_wait_and_its_bytes_are_unacknowledged() {
        let (mut link, mut client) = pair();
        let block = [7; 65536];
        let mut written = 0;
        // The runtime has to hear of the socket once.
        link.stream.writable().await.unwrap();
        while let Some(bytes) = poll_fn(|cx| {
            std::task::Poll::Ready(match link.poll_write(cx, &[IoSlice::new(&block)]) {
                std::task::Poll::Ready(outcome) => Some(outcome.unwrap()),
                std::task::Poll::Pending => None,
            })
        })
        .await
        {
            written += bytes;
        }
        if cfg!(target_os = "linux") {
            let waiting = link.unacknowledged().unwrap();
            assert!((1..=written).contains(&waiting), "{waiting} of {written}");
        }
        let mut received = vec![0; written];
        client.read_exact(&mut received).unwrap();
        assert!(poll_fn(|cx| link.poll_write(cx, &[IoSlice::new(b"x")])).await.is_ok());
    }

    #[tokio::test]
    async fn dead_peers_are_looked_for() {
        let (link, _client) = pair();
        let socket = SockRef::from(&link.stream);
        assert!(socket.keepalive().unwrap());
        assert!(socket.tcp_nodelay().unwrap());
        #[cfg(target_os = "linux")]
        assert_eq!(socket.tcp_user_timeout().unwrap(), Some(Duration::from_secs(60)));
    }
}
