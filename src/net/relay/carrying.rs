//! While the bytes flow, and the orderly end. Owns: the two connections. Never: gives the receiver a byte beyond the
//! length, or waits without a bound.

use super::buffer::Filled;
use super::intake::{Intake, Took, discard, look};
use super::lull::{Lull, Pace};
use actors::transfer::relay::RelayEnd;
use socket2::SockRef;
use std::net::Shutdown;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

/// What a receiver may say in all; it is thrown away, and more ends the transfer. Receivers have nothing to say, but
/// one that greets does no harm. (None at all where both sides share an address: see [`super::meeting`].)
pub(super) const CHATTER_BYTES: usize = 4096;

/// How long both sides may take to close after the last byte; then they are closed.
const LINGER: Duration = Duration::from_secs(2);

/// Bytes, read and written, after which a transfer lets others run, if its two sockets never make it wait: a millisecond or two.
const TURN_BYTES: usize = 4 << 20;

/// Two sides that are known, and what has been read so far.
pub(super) struct Pair {
    pub(super) sender: TcpStream,
    pub(super) receiver: TcpStream,
    /// The sender has closed (after the last byte).
    pub(super) sender_done: bool,
    pub(super) intake: Intake,
    /// How much the receiver may still say.
    pub(super) chatter: usize,
    /// Bytes given to the receiver, for others to look at.
    pub(super) moved: Arc<AtomicU64>,
}

impl Pair {
    /// Moves the bytes and closes both sides.
    pub(super) async fn carry(mut self, timeout: Duration, lull: &Lull) -> RelayEnd {
        match self.deliver(timeout, lull).await {
            Ok(()) => self.close(timeout).await,
            Err(end) => end,
        }
    }

    /// Moves all bytes of the file.
    async fn deliver(&mut self, timeout: Duration, lull: &Lull) -> Result<(), RelayEnd> {
        let mut last_moved = Instant::now();
        let mut pace = Pace::new(last_moved);
        // Bytes since the last wait, and since others were last let run.
        let (mut since_wait, mut this_turn) = (0, 0);
        // One timer, set anew only when it rings: moving bytes costs no timer.
        let alarm = sleep(timeout);
        tokio::pin!(alarm);
        loop {
            let moved = self.step()?;
            if self.intake.is_read() && self.intake.is_empty() {
                return Ok(());
            }
            if moved > 0 {
                since_wait += moved;
                this_turn += moved;
                pace.moved(moved, Instant::now);
                if this_turn >= TURN_BYTES {
                    this_turn = 0;
                    tokio::task::yield_now().await;
                }
                continue;
            }
            this_turn = 0;
            if since_wait > 0 {
                since_wait = 0;
                last_moved = Instant::now();
                if pace.is_fast(last_moved) {
                    lull.ask();
                }
            }
            // Readiness is only a hint (an error shows in the next step), so the results are not looked at.
            tokio::select! {
                _ = self.receiver.writable(), if !self.intake.is_empty() => {}
                _ = self.sender.readable(), if !self.sender_done && !self.intake.is_full() => {}
                _ = self.receiver.readable() => self.hear_receiver()?,
                () = &mut alarm => {
                    let patience = last_moved + timeout;
                    if patience <= Instant::now() {
                        return Err(self.silence());
                    }
                    alarm.as_mut().reset(patience);
                }
            }
        }
    }

    /// One write, and one read if the receiver takes no more: so that what is read finds an empty pipe, and goes into it in few pieces. How many bytes
    /// were moved.
    fn step(&mut self) -> Result<usize, RelayEnd> {
        let mut moved = self.intake.give(&self.receiver).map_err(|_| RelayEnd::Broken)?;
        if moved > 0 {
            // Nothing is ordered by it: whoever reads it late says less than was moved.
            self.moved.fetch_add(u64::try_from(moved).unwrap_or(0), Ordering::Relaxed);
            if !self.intake.is_empty() {
                return Ok(moved);
            }
        }
        if !self.sender_done && !self.intake.is_full() {
            match self.intake.take(&self.sender) {
                Ok(Took::Bytes(read)) => moved += read,
                Ok(Took::Nothing | Took::Full) => {}
                Ok(Took::Excess) => return Err(RelayEnd::Broken),
                Ok(Took::End) | Err(_) if self.intake.is_read() => self.sender_done = true,
                Ok(Took::End) | Err(_) => return Err(RelayEnd::Broken),
            }
        }
        Ok(moved)
    }

    /// The receiver said something, or has gone before it had everything.
    fn hear_receiver(&mut self) -> Result<(), RelayEnd> {
        match discard(&self.receiver) {
            Ok(Filled::Bytes(said)) => self.hush(said),
            Ok(Filled::Nothing | Filled::Full) => Ok(()),
            Ok(Filled::End) | Err(_) => Err(RelayEnd::Broken),
        }
    }

    fn hush(&mut self, said: usize) -> Result<(), RelayEnd> {
        self.chatter = self.chatter.checked_sub(said).ok_or(RelayEnd::Broken)?;
        Ok(())
    }

    /// What it means that nothing moved for the time-out.
    fn silence(&self) -> RelayEnd {
        if self.intake.has_started() { RelayEnd::Broken } else { RelayEnd::TimedOut }
    }

    /// Tells both that this was all, and gives them a moment to close.
    async fn close(mut self, timeout: Duration) -> RelayEnd {
        if !self.sender_done && matches!(look(&self.sender), Ok(Filled::Bytes(_))) {
            return RelayEnd::Broken;
        }
        for side in [&self.receiver, &self.sender] {
            // Fails only where the peer has reset the connection, which reading shows.
            let _ = SockRef::from(side).shutdown(Shutdown::Write);
        }
        let linger = sleep(timeout.min(LINGER));
        tokio::pin!(linger);
        let mut receiver_done = false;
        while !(self.sender_done && receiver_done) {
            tokio::select! {
                biased;
                () = &mut linger => break,
                _ = self.sender.readable(), if !self.sender_done => match discard(&self.sender) {
                    Ok(Filled::Bytes(_)) => return RelayEnd::Broken,
                    Ok(Filled::Nothing | Filled::Full) => {}
                    Ok(Filled::End) | Err(_) => self.sender_done = true,
                },
                _ = self.receiver.readable(), if !receiver_done => match discard(&self.receiver) {
                    Ok(Filled::Bytes(said)) => if let Err(end) = self.hush(said) { return end },
                    Ok(Filled::Nothing | Filled::Full) => {}
                    Ok(Filled::End) => receiver_done = true,
                    // It closed without reading everything: systems reset a connection then.
                    Err(_) => return RelayEnd::Broken,
                },
            }
        }
        RelayEnd::Complete
    }
}
