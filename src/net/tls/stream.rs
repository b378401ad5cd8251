//! A TCP connection under TLS. Owns: the socket, the library's state, and what is on its way between them. Between records and writes
//! it has no memory for bytes: what comes is read into the caller's buffer. Holds encrypted at most what one write gave it: nothing more
//! is taken while the socket has not taken that. Never: ends without a word where the peer did: an end that TLS does not tell may be
//! anybody's, and is an error.

use crate::net::{outq, socket};
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::rustls::server::UnbufferedServerConnection;
use tokio_rustls::rustls::unbuffered::{ConnectionState, EncodeError, EncryptError, UnbufferedStatus, WriteTraffic};
use tokio_rustls::rustls::{self, ServerConfig};

/// Bytes that one write gives to be encrypted: two records.
const HELPING: usize = 32 * 1024;
/// Bytes of a record, or of a handshake's message, that has come in part: the longest record that a client may send (RFC 5246: 2 KiB
/// more than its text), its header, and a little. So much is all that a guest can make this hold.
const PARTIAL: usize = RECORD + 2048 + 512;
/// Room for more of it is taken in such steps, and not doubled.
const STEP: usize = 4096;
/// Bytes that one read takes during a handshake.
const HANDSHAKE: usize = 4096;
/// Bytes that encrypting adds to a record at the most: header, nonce, tag, kind; and what of a text one record takes.
const AROUND: usize = 64;
const RECORD: usize = 16 * 1024;

/// One connection. Its methods need the runtime where it was opened.
pub(crate) struct TlsStream {
    tcp: TcpStream,
    secret: Box<Secret>,
}

/// A connection between two runtimes.
pub(crate) struct Parted {
    tcp: std::net::TcpStream,
    secret: Box<Secret>,
}

impl Parted {
    /// Goes on with it, inside the runtime where it will live; gives also its peer's address.
    ///
    /// # Errors
    /// The peer has gone already, or the system refuses an option.
    pub(crate) fn adopt(self, keepalive: Duration) -> io::Result<(TlsStream, SocketAddr)> {
        let (tcp, peer) = socket::adopt(self.tcp, keepalive)?;
        Ok((TlsStream { tcp, secret: self.secret }, peer))
    }
}

/// What there is without the socket: bytes in, bytes out.
struct Secret {
    tls: UnbufferedServerConnection,
    /// What has come of a record that is not complete.
    partial: Vec<u8>,
    /// Decrypted, and not read yet from `read` on: what did not fit into a reader's buffer.
    clear: Vec<u8>,
    read: usize,
    /// Encrypted, and not written yet from `sent` on.
    out: Vec<u8>,
    sent: usize,
    /// The peer has said that it ends.
    ended: bool,
    /// This side has.
    closed: bool,
}

impl Secret {
    /// Takes bytes that came.
    fn take(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        if self.partial.is_empty() {
            let used = self.process(bytes)?;
            let rest = bytes.get(used..).unwrap_or_default();
            self.partial.reserve_exact(rest.len());
            self.partial.extend_from_slice(rest);
        } else {
            let mut all = std::mem::take(&mut self.partial);
            if all.capacity() - all.len() < bytes.len() {
                all.reserve_exact(bytes.len().max(STEP));
            }
            all.extend_from_slice(bytes);
            let used = self.process(&mut all)?;
            if used < all.len() {
                all.drain(..used);
                self.partial = all;
            }
        }
        if self.partial.len() > PARTIAL {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a TLS message that does not end"));
        }
        Ok(())
    }

    /// Goes through what there is to be done, with bytes that came; says how many of them are done with.
    fn process(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let mut used = 0;
        loop {
            let UnbufferedStatus { discard, state, .. } =
                self.tls.process_tls_records(bytes.get_mut(used..).unwrap_or_default());
            let found = match state {
                Ok(state) => digest(state, &mut self.clear, &mut self.out, &mut self.ended)?,
                Err(error) => {
                    self.tell();
                    return Err(broken(error));
                }
            };
            // What the state's own records add counts before the next look.
            used += discard + found.map_or(0, |Found { discard }| discard);
            if found.is_none() {
                return Ok(used);
            }
        }
    }

    /// After an error: the alert that tells it.
    fn tell(&mut self) {
        while let UnbufferedStatus { state: Ok(state), .. } = self.tls.process_tls_records(&mut []) {
            if !matches!(digest(state, &mut self.clear, &mut self.out, &mut self.ended), Ok(Some(_))) {
                return;
            }
        }
    }

    /// Gives what is decrypted; whether there was any.
    fn give(&mut self, buffer: &mut ReadBuf<'_>) -> bool {
        let rest = self.clear.get(self.read..).unwrap_or_default();
        let (now, later) = rest.split_at(rest.len().min(buffer.remaining()));
        buffer.put_slice(now);
        let (some, all) = (!now.is_empty(), later.is_empty());
        self.read += now.len();
        if all {
            (self.clear, self.read) = (Vec::new(), 0);
        }
        some
    }

    /// Encrypts the front of `pieces`; says how many bytes that was. There is nothing to be sent yet.
    fn encrypt(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        // One record of many short pieces, not one of each.
        let mut gathered = Vec::new();
        let mut full = pieces.iter().filter(|piece| !piece.is_empty());
        let text: &[u8] = match (full.next(), full.next()) {
            (None, _) => return Ok(0),
            (Some(one), None) => one.get(..HELPING).unwrap_or(one),
            (Some(_), Some(_)) => {
                let sum = pieces.iter().map(|piece| piece.len()).sum::<usize>();
                gathered.reserve_exact(sum.min(HELPING));
                for piece in pieces {
                    let room = HELPING - gathered.len();
                    gathered.extend_from_slice(piece.get(..room).unwrap_or(piece));
                }
                &gathered
            }
        };
        let room = text.len() + (text.len() / RECORD + 1) * AROUND;
        self.speak(room, |traffic, out| traffic.encrypt(text, out))?;
        Ok(text.len())
    }

    /// Says that this side ends, once.
    fn close(&mut self) -> io::Result<()> {
        if std::mem::replace(&mut self.closed, true) {
            return Ok(());
        }
        self.speak(AROUND, |traffic, out| traffic.queue_close_notify(out))
    }

    /// Appends to what is to be sent what `say` writes into so much room.
    fn speak(
        &mut self,
        room: usize,
        say: impl FnOnce(
            &mut WriteTraffic<'_, rustls::server::ServerConnectionData>,
            &mut [u8],
        ) -> Result<usize, EncryptError>,
    ) -> io::Result<()> {
        loop {
            match self.tls.process_tls_records(&mut []).state.map_err(broken)? {
                ConnectionState::WriteTraffic(mut traffic) => {
                    let start = self.out.len();
                    self.out.resize(start + room, 0);
                    let said = say(&mut traffic, &mut self.out[start..]);
                    self.out.truncate(start + said.as_ref().map_or(0, |said| *said));
                    return said.map(|_| ()).map_err(io::Error::other);
                }
                state => {
                    if digest(state, &mut self.clear, &mut self.out, &mut self.ended)?.is_none() {
                        return Err(io::ErrorKind::BrokenPipe.into());
                    }
                }
            }
        }
    }
}

fn broken(error: rustls::Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

/// A state was dealt with, and there may be more to be done at once.
#[derive(Clone, Copy)]
struct Found {
    /// Bytes that came and are done with, beyond those that came with the state.
    discard: usize,
}

/// Deals with one state of the library's. `None` where there is no more to be done.
fn digest(
    state: ConnectionState<'_, '_, rustls::server::ServerConnectionData>,
    clear: &mut Vec<u8>,
    out: &mut Vec<u8>,
    ended: &mut bool,
) -> io::Result<Option<Found>> {
    let mut discard = 0;
    match state {
        ConnectionState::ReadTraffic(mut traffic) => {
            while let Some(record) = traffic.next_record() {
                let record = record.map_err(broken)?;
                clear.extend_from_slice(record.payload);
                discard += record.discard;
            }
        }
        ConnectionState::EncodeTlsData(mut data) => {
            let start = out.len();
            // Asked with no room it says how much it needs.
            if let Err(EncodeError::InsufficientSize(needs)) = data.encode(&mut []) {
                out.resize(start + needs.required_size, 0);
                data.encode(&mut out[start..]).map_err(io::Error::other)?;
            }
        }
        // It is kept here until the socket takes it, before anything else.
        ConnectionState::TransmitTlsData(data) => data.done(),
        ConnectionState::PeerClosed => *ended = true,
        ConnectionState::Closed => {
            *ended = true;
            return Ok(None);
        }
        _ => return Ok(None),
    }
    Ok(Some(Found { discard }))
}

/// Bytes of text that the peer may not be able to read yet, by those of ciphertext that its system has not acknowledged: of the
/// first record that is not there as a whole nothing can be read, however much of it has arrived.
fn unreadable(pending: usize) -> usize {
    if pending == 0 { 0 } else { pending + RECORD + AROUND }
}

impl TlsStream {
    /// A connection whose handshake is to come.
    ///
    /// # Errors
    /// The configuration does not fit the library; never for one of ours.
    pub(crate) fn new(tcp: TcpStream, config: Arc<ServerConfig>) -> io::Result<Self> {
        let tls = UnbufferedServerConnection::new(config).map_err(io::Error::other)?;
        let (partial, clear, out) = (Vec::new(), Vec::new(), Vec::new());
        let secret = Secret { tls, partial, clear, read: 0, out, sent: 0, ended: false, closed: false };
        Ok(Self { tcp, secret: Box::new(secret) })
    }

    /// The handshake, and all that it makes us say. Ready with an error after the peer was told of it, if that could be sent at once.
    pub(crate) fn poll_handshake(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut bytes = [0; HANDSHAKE];
        loop {
            let sent = self.poll_send(cx)?;
            if !self.secret.tls.is_handshaking() {
                return sent.map(Ok);
            }
            if ready!(self.poll_receive(cx, &mut bytes))? == 0 {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
        }
    }

    /// Takes it out of this runtime.
    ///
    /// # Errors
    /// The runtime does not let it go.
    pub(crate) fn part(self) -> io::Result<Parted> {
        Ok(Parted { tcp: self.tcp.into_std()?, secret: self.secret })
    }

    /// No fewer than the bytes written that the peer cannot have read: what waits here, what the socket has of them, and the
    /// record that is on its way in part. 0 where the peer's system has all.
    pub(crate) fn unacknowledged(&self) -> Option<usize> {
        Some(unreadable(outq::unacknowledged(self.tcp.as_fd())? + self.secret.out.len() - self.secret.sent))
    }

    /// Whether part of a record has come, and its rest is awaited.
    pub(crate) fn is_midway(&self) -> bool {
        !self.secret.partial.is_empty()
    }

    /// Gives the socket what is encrypted.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let secret = &mut *self.secret;
        while let Some(rest) = secret.out.get(secret.sent..).filter(|rest| !rest.is_empty()) {
            match ready!(Pin::new(&mut self.tcp).poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                n => secret.sent += n,
            }
        }
        if secret.sent > 0 {
            (secret.out, secret.sent) = (Vec::new(), 0);
        }
        Poll::Ready(Ok(()))
    }

    /// Reads once from the socket, and decrypts what has come; 0 at its end. `scratch` is room, and has nothing afterwards.
    fn poll_receive(&mut self, cx: &mut Context<'_>, scratch: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(scratch);
        ready!(Pin::new(&mut self.tcp).poll_read(cx, &mut buffer))?;
        let bytes = buffer.filled_mut();
        if let Err(error) = self.secret.take(bytes) {
            // The peer is told, if the socket takes it: nobody comes back here.
            let _ = self.poll_send(cx);
            return Poll::Ready(Err(error));
        }
        Poll::Ready(Ok(bytes.len()))
    }
}

impl AsyncRead for TlsStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if buffer.remaining() == 0 {
            // Reading nothing would look like the end.
            return Poll::Ready(Ok(()));
        }
        // What the socket did not take goes on when it does, whoever is asked then.
        if let Poll::Ready(Err(error)) = self.poll_send(cx) {
            return Poll::Ready(Err(error));
        }
        while !self.secret.give(buffer) && !self.secret.ended {
            if ready!(self.poll_receive(cx, buffer.initialize_unfilled()))? == 0 && !self.secret.ended {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
            // New keys, for example.
            if let Poll::Ready(Err(error)) = self.poll_send(cx) {
                return Poll::Ready(Err(error));
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for TlsStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_send(cx))?;
        let n = self.secret.encrypt(pieces)?;
        if let Poll::Ready(Err(error)) = self.poll_send(cx) {
            return Poll::Ready(Err(error));
        }
        Poll::Ready(Ok(n))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_send(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.secret.close()?;
        ready!(self.poll_send(cx))?;
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::{RECORD, unreadable};

    #[test]
    fn of_a_record_that_came_in_part_nothing_was_read() {
        assert_eq!(unreadable(0), 0);
        // One byte is missing, and with it everything that was encrypted together.
        assert!(unreadable(1) > RECORD);
        assert!(unreadable(5 * RECORD) > 6 * RECORD);
    }
}
