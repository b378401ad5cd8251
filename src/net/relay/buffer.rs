//! What was read ahead of the receiver: bytes in a kernel pipe, or in memory. Owns: moving bytes between a socket and
//! itself, without waiting. Never: holds more than its bound, or knows how long the file is.

use std::io;
use tokio::net::TcpStream;

/// How bytes are moved. `docs/decisions/0005-relay-splice.md` has the measurements behind the default.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mover {
    /// `splice` through a pipe: the bytes stay in the kernel. Where the system gives no pipe of the wanted size (a
    /// user's pipes are bounded), that transfer copies instead.
    #[cfg(target_os = "linux")]
    Splice,
    /// Read into memory, written from there.
    Copy,
}

impl Default for Mover {
    fn default() -> Self {
        #[cfg(target_os = "linux")]
        return Self::Splice;
        #[cfg(not(target_os = "linux"))]
        return Self::Copy;
    }
}

/// What an attempt to read did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Filled {
    /// So many bytes were read, at least one.
    Bytes(usize),
    /// There is nothing to read now.
    Nothing,
    /// There may be something to read, but no room for it until something was drained.
    Full,
    /// The peer sends no more.
    End,
}

/// The bytes between two sockets.
#[derive(Debug)]
pub(super) enum Buffer {
    #[cfg(target_os = "linux")]
    Pipe(pipe::Pipe),
    Ring(Ring),
}

impl Buffer {
    /// An empty buffer of so many bytes (at least one page).
    pub(super) fn new(mover: Mover, bound: usize) -> Self {
        let bound = bound.max(4096);
        match mover {
            #[cfg(target_os = "linux")]
            Mover::Splice => match pipe::Pipe::new(bound) {
                Ok(pipe) => Self::Pipe(pipe),
                Err(error) => {
                    log::debug!("relay: no pipe of {bound} bytes ({error}), copying");
                    Self::Ring(Ring::new(bound))
                }
            },
            Mover::Copy => Self::Ring(Ring::new(bound)),
        }
    }

    /// Bytes in it.
    pub(super) fn held(&self) -> usize {
        match self {
            #[cfg(target_os = "linux")]
            Self::Pipe(pipe) => pipe.held,
            Self::Ring(ring) => ring.held,
        }
    }

    /// Reads once, at most `most` bytes (at least 1) and what there is room for.
    ///
    /// # Errors
    /// The connection is broken.
    pub(super) fn fill(&mut self, from: &TcpStream, most: usize) -> io::Result<Filled> {
        let filled = match self {
            #[cfg(target_os = "linux")]
            Self::Pipe(pipe) => pipe.fill(from, most),
            Self::Ring(ring) => ring.fill(from, most),
        };
        match filled {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Filled::Nothing),
            other => other,
        }
    }

    /// Writes once; returns how many bytes went, 0 if none can go now.
    ///
    /// # Errors
    /// The connection is broken.
    pub(super) fn drain(&mut self, to: &TcpStream) -> io::Result<usize> {
        let drained = match self {
            #[cfg(target_os = "linux")]
            Self::Pipe(pipe) => pipe.drain(to),
            Self::Ring(ring) => ring.drain(to),
        };
        match drained {
            Ok(0) => Err(io::ErrorKind::WriteZero.into()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
            other => other,
        }
    }
}

/// Bytes in memory, in a ring.
#[derive(Debug)]
pub(super) struct Ring {
    /// Zeroed by the system when first touched, so that a buffer that is never filled costs next to nothing.
    bytes: Box<[u8]>,
    start: usize,
    held: usize,
}

impl Ring {
    fn new(bound: usize) -> Self {
        Self { bytes: vec![0; bound].into_boxed_slice(), start: 0, held: 0 }
    }

    fn fill(&mut self, from: &TcpStream, most: usize) -> io::Result<Filled> {
        let size = self.bytes.len();
        if self.held == size {
            return Ok(Filled::Full);
        }
        let from_here = (self.start + self.held) % size;
        let to_here = if from_here < self.start { self.start } else { size };
        let to_here = to_here.min(from_here.saturating_add(most));
        match from.try_read(&mut self.bytes[from_here..to_here])? {
            0 => Ok(Filled::End),
            read => {
                self.held += read;
                Ok(Filled::Bytes(read))
            }
        }
    }

    fn drain(&mut self, to: &TcpStream) -> io::Result<usize> {
        let end = (self.start + self.held).min(self.bytes.len());
        let written = to.try_write(&self.bytes[self.start..end])?;
        self.held -= written;
        // An empty ring starts over, so that the next read has all of it in one piece.
        self.start = if self.held == 0 { 0 } else { (self.start + written) % self.bytes.len() };
        Ok(written)
    }
}

/// Bytes in a pipe of the kernel's.
#[cfg(target_os = "linux")]
mod pipe {
    use super::Filled;
    use rustix::io::Errno;
    use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};
    use socket2::SockRef;
    use std::io;
    use std::mem::MaybeUninit;
    use std::os::fd::OwnedFd;
    use tokio::io::Interest;
    use tokio::net::TcpStream;

    /// A pipe counts slots (pieces of packets), not bytes: `held` is the bound in bytes, and `Full` may come sooner.
    #[derive(Debug)]
    pub(in super::super) struct Pipe {
        input: OwnedFd,
        output: OwnedFd,
        bound: usize,
        pub(super) held: usize,
    }

    impl Pipe {
        pub(super) fn new(bound: usize) -> io::Result<Self> {
            let (output, input) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
            if fcntl_setpipe_size(&input, bound)? < bound {
                return Err(io::ErrorKind::Unsupported.into());
            }
            Ok(Self { input, output, bound, held: 0 })
        }

        pub(super) fn fill(&mut self, from: &TcpStream, most: usize) -> io::Result<Filled> {
            let room = most.min(self.bound - self.held);
            if room == 0 {
                return Ok(Filled::Full);
            }
            let filled = from.try_io(Interest::READABLE, || {
                match move_now(|flags| splice(from, None, &self.input, None, room, flags)) {
                    Ok(0) => Ok(Filled::End),
                    Ok(read) => Ok(Filled::Bytes(read)),
                    // Either the socket is empty or all slots of the pipe are taken, and only the socket can say
                    // which. If it has something, it must stay marked as readable: no further event would come.
                    Err(Errno::AGAIN) if self.held > 0 => something_to_read(from).map(|()| Filled::Full),
                    Err(error) => Err(error.into()),
                }
            })?;
            if let Filled::Bytes(read) = filled {
                self.held += read;
            }
            Ok(filled)
        }

        pub(super) fn drain(&mut self, to: &TcpStream) -> io::Result<usize> {
            // There are bytes in the pipe (callers ask `held`), so EAGAIN means the socket.
            let written = to.try_io(Interest::WRITABLE, || {
                move_now(|flags| splice(&self.output, None, to, None, self.held, flags)).map_err(io::Error::from)
            })?;
            self.held -= written;
            Ok(written)
        }
    }

    /// Does it again while a signal interrupts it.
    fn move_now(mut once: impl FnMut(SpliceFlags) -> Result<usize, Errno>) -> Result<usize, Errno> {
        loop {
            match once(SpliceFlags::MOVE | SpliceFlags::NONBLOCK) {
                Err(Errno::INTR) => {}
                other => return other,
            }
        }
    }

    /// Fails with `WouldBlock` if there is neither a byte nor an end of the stream to read.
    fn something_to_read(from: &TcpStream) -> io::Result<()> {
        SockRef::from(from).peek(&mut [MaybeUninit::uninit()]).map(|_| ())
    }
}
