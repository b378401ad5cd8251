//! Bytes that a peer's system has not acknowledged. Owns: the one `unsafe` call of this crate
//! (docs/decisions/0004-unsafe.md). Never: anything else, so that it can be read in a minute.

use std::os::fd::BorrowedFd;

/// `SIOCOUTQ`: how many bytes of a TCP socket's send queue are not acknowledged yet, sent or not. A FIN counts as
/// one. `None` where the system cannot tell.
#[cfg(target_os = "linux")]
#[allow(unsafe_code, reason = "no crate in use wraps this ioctl safely; docs/decisions/0004-unsafe.md")]
pub(crate) fn unacknowledged(socket: BorrowedFd<'_>) -> Option<usize> {
    use std::os::fd::AsRawFd;
    let mut bytes: libc::c_int = 0;
    // SAFETY: the descriptor is open for as long as it is borrowed. TIOCOUTQ, which is SIOCOUTQ for sockets, writes
    // one c_int through its argument, which points to one, and keeps nothing. On any other kind of descriptor it
    // fails or writes the same c_int.
    let outcome = unsafe { libc::ioctl(socket.as_raw_fd(), libc::TIOCOUTQ, &raw mut bytes) };
    if outcome == 0 { usize::try_from(bytes).ok() } else { None }
}

/// Elsewhere nobody can tell.
#[cfg(not(target_os = "linux"))]
pub(crate) fn unacknowledged(_: BorrowedFd<'_>) -> Option<usize> {
    None
}
