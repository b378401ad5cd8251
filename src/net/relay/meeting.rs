//! Before the bytes flow: who of those that connect is the sender, and who the receiver. Owns: the two places, and
//! what the sender pushes meanwhile. Never: gives a byte to anybody.
//!
//! Where the two sides come from different addresses, the first connection from each has its place. Where they come
//! from one (a host, a NAT), the one that sends bytes is the sender, and two connections are trusted only after
//! nobody else has come for `settle`: with a third one, one of them is a stranger who may be either, so the transfer
//! ends and nobody gets a byte. A connection that closes has no place any more, so that a port scanner ends nothing.
//! A side that comes over HTTP has shown its token: its place is its own, and no connection to the port gets it. If
//! it goes again the transfer ends, since nobody can come in its stead. The other side, at the port, is then trusted only
//! after nobody else has come from its address for `settle`, as above.

use super::arrivals::{Arrival, Arrivals};
use super::buffer::{Filled, Mover};
use super::carrying::{CHATTER_BYTES, Pair};
use super::doors::{RECEIVER, SENDER};
use super::gate::{Gate, Role};
use super::intake::{Intake, Took, discard, look};
use actors::transfer::relay::{RelayEnd, RelayPlan};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until};

/// A connection from an allowed address, or with a token. Who has the sender's place is the sender, unless both sides
/// share an address.
struct Seat {
    stream: TcpStream,
    role: Role,
    /// It came with a token, which is used up.
    web: bool,
    /// It has closed, but has done its part: sent the whole file, or come for an empty one.
    finished: bool,
}

/// A transfer whose sides are not both known.
pub(super) struct Meeting<'a> {
    plan: &'a RelayPlan,
    gate: &'a Gate,
    seats: [Option<Seat>; 2],
    intake: Intake,
    /// Which seat is the sender's, as far as known.
    source: Option<usize>,
    /// How much a receiver may still say.
    chatter: usize,
    opened: Instant,
    /// Since when both seats are taken, by the same two.
    complete: Option<Instant>,
    /// Whether those two have been alone long enough.
    settled: bool,
}

impl<'a> Meeting<'a> {
    pub(super) fn new(plan: &'a RelayPlan, gate: &'a Gate, mover: Mover) -> Self {
        let shared = gate.is_shared();
        Self {
            plan,
            gate,
            seats: [None, None],
            intake: Intake::new(mover, plan.buffer_bytes, plan.length),
            source: (!shared).then_some(SENDER),
            // Where roles show by who sends, a receiver that sends is a contradiction at its first byte.
            chatter: if shared { 0 } else { CHATTER_BYTES },
            opened: Instant::now(),
            complete: None,
            settled: false,
        }
    }

    /// Waits until both sides are here and known.
    ///
    /// # Errors
    /// The transfer's end, if it comes to that.
    pub(super) async fn meet(mut self, arrivals: &mut Arrivals) -> Result<Pair, RelayEnd> {
        loop {
            if let Some(pair) = self.pair()? {
                return Ok(pair);
            }
            // In this order: the deadline cannot be put off by traffic; seats are read for a bounded while only (the
            // buffer fills, chatter ends the transfer), so they cannot keep others from being accepted.
            tokio::select! {
                biased;
                () = sleep_until(self.deadline()) => return Err(RelayEnd::TimedOut),
                () = self.heard(SENDER) => self.listen_to(SENDER)?,
                () = self.heard(RECEIVER) => self.listen_to(RECEIVER)?,
                () = sleep_until(self.settles()), if self.complete.is_some() && !self.settled => {
                    self.admit_waiting(arrivals)?;
                    self.settled = self.complete.is_some();
                }
                arrival = arrivals.next() => self.admit(arrival)?,
            }
        }
    }

    /// When to give up: each side has `timeout` to connect, and both together as long again for the first byte.
    fn deadline(&self) -> Instant {
        match self.complete {
            Some(_) => self.settles() + self.plan.timeout,
            None => self.opened + self.plan.timeout,
        }
    }

    /// Whether somebody may be here who only shares an address with a side.
    fn is_doubtful(&self) -> bool {
        self.gate.is_shared() || self.gate.is_mixed()
    }

    /// When the two that are here may be trusted.
    fn settles(&self) -> Instant {
        let wait = if self.is_doubtful() { self.plan.settle } else { Duration::ZERO };
        self.complete.unwrap_or(self.opened) + wait
    }

    /// Waits until a seat has something to say that can be heard.
    async fn heard(&self, place: usize) {
        match &self.seats[place] {
            Some(seat) if !(seat.finished || self.source == Some(place) && self.intake.is_full()) => {
                // An error shows when the seat is read.
                let _ = seat.stream.readable().await;
            }
            _ => std::future::pending().await,
        }
    }

    /// Reads from a seat once.
    fn listen_to(&mut self, place: usize) -> Result<(), RelayEnd> {
        let Some(seat) = &self.seats[place] else { return Ok(()) };
        let may_be_source = self.source.map_or(seat.role != Role::Receiver, |source| source == place);
        if may_be_source {
            match self.intake.take(&seat.stream) {
                Ok(Took::Bytes(_)) => self.source = Some(place),
                Ok(Took::Nothing | Took::Full) => {}
                Ok(Took::Excess) => return Err(RelayEnd::Broken),
                Ok(Took::End) | Err(_) => self.left(place)?,
            }
        } else {
            match discard(&seat.stream) {
                Ok(Filled::Bytes(said)) => {
                    self.chatter = self.chatter.checked_sub(said).ok_or(RelayEnd::Broken)?;
                }
                Ok(Filled::Nothing | Filled::Full) => {}
                Ok(Filled::End) | Err(_) => self.left(place)?,
            }
        }
        Ok(())
    }

    /// A seat has closed.
    fn left(&mut self, place: usize) -> Result<(), RelayEnd> {
        let is_source = self.source == Some(place);
        let is_web = self.seats[place].as_ref().is_some_and(|seat| seat.web);
        if self.intake.is_read() && (is_source || self.plan.length == 0) {
            if let Some(seat) = &mut self.seats[place] {
                seat.finished = true;
            }
        } else if is_web || is_source && self.intake.has_started() {
            return Err(RelayEnd::Broken);
        } else {
            self.seats[place] = None;
            self.complete = None;
            self.settled = false;
        }
        Ok(())
    }

    /// Frees the places of those who have closed without our having heard of it yet.
    fn forget_gone(&mut self) -> Result<(), RelayEnd> {
        for place in [SENDER, RECEIVER] {
            let is_source = self.source == Some(place) && self.intake.has_started();
            let gone = self.seats[place].as_ref().is_some_and(|seat| {
                !seat.finished && !is_source && matches!(look(&seat.stream), Ok(Filled::End) | Err(_))
            });
            if gone {
                self.left(place)?;
            }
        }
        Ok(())
    }

    /// Gives a place to one that has come, or closes its connection.
    fn admit(&mut self, arrival: Arrival) -> Result<(), RelayEnd> {
        match arrival {
            Arrival::Port(stream, peer) => self.admit_from(stream, peer),
            Arrival::Web(place, stream) => {
                let role = if place == SENDER { Role::Sender } else { Role::Receiver };
                self.forget_gone()?;
                self.seat(place, Seat { stream, role, web: true, finished: false });
                Ok(())
            }
        }
    }

    /// Looks at where a connection comes from.
    fn admit_from(&mut self, stream: TcpStream, peer: SocketAddr) -> Result<(), RelayEnd> {
        let ticket = self.plan.ticket;
        let Some(role) = self.gate.role(peer.ip()) else {
            log::debug!("relay {ticket}: {peer} is a stranger, closed");
            return Ok(());
        };
        self.forget_gone()?;
        // Somebody who came for an empty file and left may have been a scanner.
        let is_vacant = |place: &usize| self.seats[*place].as_ref().is_none_or(|s| s.finished && self.plan.length == 0);
        let place = match role {
            _ if self.gate.is_shared() => [SENDER, RECEIVER].into_iter().find(is_vacant).ok_or_else(|| {
                log::debug!("relay {ticket}: {peer} is a third that could be either side");
                RelayEnd::Broken
            })?,
            Role::Receiver => RECEIVER,
            Role::Sender | Role::Either => SENDER,
        };
        if !is_vacant(&place) && self.gate.is_mixed() && !self.settled {
            log::debug!("relay {ticket}: {peer} is a second {role:?}, and nobody knows which is the true one");
            return Err(RelayEnd::Broken);
        }
        if !is_vacant(&place) {
            log::debug!("relay {ticket}: {peer} is a second {role:?}, closed");
            return Ok(());
        }
        // Slow files are passed on as they come; fast ones fill packets anyway. Refused only if it is gone already.
        let _ = stream.set_nodelay(true);
        self.seat(place, Seat { stream, role, web: false, finished: false });
        Ok(())
    }

    fn seat(&mut self, place: usize, seat: Seat) {
        self.seats[place] = Some(seat);
        if self.seats.iter().all(Option::is_some) {
            self.complete = Some(Instant::now());
            self.settled = !self.is_doubtful();
        }
    }

    /// Admits those who came before `settle` was over and are not accepted yet, as after a busy moment.
    fn admit_waiting(&mut self, arrivals: &mut Arrivals) -> Result<(), RelayEnd> {
        // Bounded, since strangers may come without end.
        for _ in 0..2 * super::BACKLOG {
            match arrivals.waiting() {
                Some(arrival) => self.admit(arrival)?,
                None => break,
            }
        }
        Ok(())
    }

    /// The two sides, once they are known.
    fn pair(&mut self) -> Result<Option<Pair>, RelayEnd> {
        if self.complete.is_none() || !self.settled {
            return Ok(None);
        }
        let Some(source) = self.source.or_else(|| self.any_source()) else { return Ok(None) };
        self.forget_gone()?;
        if self.complete.is_none() {
            return Ok(None);
        }
        let (sender, receiver) = match (self.seats[source].take(), self.seats[1 - source].take()) {
            (Some(sender), Some(receiver)) => (sender, receiver),
            _ => return Err(RelayEnd::Broken),
        };
        if self.gate.is_shared() && matches!(look(&receiver.stream), Ok(Filled::Bytes(_))) {
            // Both send.
            return Err(RelayEnd::Broken);
        }
        let rest = Intake::new(Mover::Copy, 0, 0);
        Ok(Some(Pair {
            sender: sender.stream,
            receiver: receiver.stream,
            sender_done: sender.finished,
            intake: std::mem::replace(&mut self.intake, rest),
            chatter: self.chatter,
            moved: self.plan.moved.clone(),
        }))
    }

    /// Nobody sends an empty file, so either may pass for its sender.
    fn any_source(&self) -> Option<usize> {
        (self.plan.length == 0).then_some(SENDER)
    }
}
