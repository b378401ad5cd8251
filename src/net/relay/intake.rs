//! What is read from the sender, byte for byte up to the file's length. Owns: the buffer (made when the first byte
//! comes, so that an idle transfer has none) and the counts. Never: reads a byte beyond the length into the buffer,
//! so that an excess cannot reach the receiver.

use super::buffer::{Buffer, Filled, Mover};
use socket2::SockRef;
use std::io;
use std::mem::MaybeUninit;
use tokio::net::TcpStream;

/// What a look at the sender found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Took {
    /// So many bytes of the file.
    Bytes(usize),
    /// Nothing now; look again when there is something to read.
    Nothing,
    /// No room; look again after something was given.
    Full,
    /// The sender sends no more.
    End,
    /// A byte beyond the length.
    Excess,
}

/// The bytes of one file on their way.
#[derive(Debug)]
pub(super) struct Intake {
    mover: Mover,
    bound: usize,
    buffer: Option<Buffer>,
    unread: u64,
    started: bool,
    full: bool,
}

impl Intake {
    /// For a file of so many bytes, read at most `bound` bytes ahead.
    pub(super) fn new(mover: Mover, bound: usize, length: u64) -> Self {
        Self { mover, bound, buffer: None, unread: length, started: false, full: false }
    }

    /// Whether a byte of the file has come.
    pub(super) fn has_started(&self) -> bool {
        self.started
    }

    /// Whether the whole file has been read, though perhaps not given.
    pub(super) fn is_read(&self) -> bool {
        self.unread == 0
    }

    /// Whether there is nothing to give now.
    pub(super) fn is_empty(&self) -> bool {
        self.buffer.as_ref().is_none_or(|buffer| buffer.held() == 0)
    }

    /// Whether looking at the sender makes no sense until something was given.
    pub(super) fn is_full(&self) -> bool {
        self.full
    }

    /// Reads from the sender once, or looks for an excess if all has been read. Does not wait.
    ///
    /// # Errors
    /// The sender's connection is broken.
    pub(super) fn take(&mut self, sender: &TcpStream) -> io::Result<Took> {
        if self.unread == 0 {
            return match discard(sender)? {
                Filled::Bytes(_) => Ok(Took::Excess),
                Filled::End => Ok(Took::End),
                Filled::Nothing | Filled::Full => Ok(Took::Nothing),
            };
        }
        let buffer = self.buffer.get_or_insert_with(|| Buffer::new(self.mover, self.bound));
        let most = usize::try_from(self.unread).unwrap_or(usize::MAX);
        match buffer.fill(sender, most)? {
            Filled::Bytes(read) => {
                self.unread -= u64::try_from(read).unwrap_or(self.unread);
                self.started = true;
                Ok(Took::Bytes(read))
            }
            Filled::Nothing => Ok(Took::Nothing),
            Filled::Full => {
                self.full = true;
                Ok(Took::Full)
            }
            Filled::End => Ok(Took::End),
        }
    }

    /// Writes to the receiver once; returns how many bytes went, 0 if none can go now. Does not wait.
    ///
    /// # Errors
    /// The receiver's connection is broken.
    pub(super) fn give(&mut self, receiver: &TcpStream) -> io::Result<usize> {
        let Some(buffer) = self.buffer.as_mut().filter(|buffer| buffer.held() > 0) else { return Ok(0) };
        let written = buffer.drain(receiver)?;
        self.full = self.full && written == 0;
        Ok(written)
    }
}

/// Reads a little and throws it away.
///
/// # Errors
/// The connection is broken.
pub(super) fn discard(from: &TcpStream) -> io::Result<Filled> {
    match from.try_read(&mut [0; 512]) {
        Ok(0) => Ok(Filled::End),
        Ok(read) => Ok(Filled::Bytes(read)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Filled::Nothing),
        Err(error) => Err(error),
    }
}

/// What a connection holds at this moment, asked of the system itself and not of the last event; takes nothing.
///
/// # Errors
/// The connection is broken.
pub(super) fn look(at: &TcpStream) -> io::Result<Filled> {
    match SockRef::from(at).peek(&mut [MaybeUninit::uninit()]) {
        Ok(0) => Ok(Filled::End),
        Ok(seen) => Ok(Filled::Bytes(seen)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Filled::Nothing),
        Err(error) => Err(error),
    }
}
