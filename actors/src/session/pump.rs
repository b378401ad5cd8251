//! What moves a session: reads, decodes, hands over, writes, and looks at its times. One task per session, woken by its link and
//! its alarm. What others say to it is handed over by its floor, which then lets it write: everything that came goes out in one.
//! Owns: the ways in which a session ends. Never: waits for an answer.

use super::outbox::Pace;
use super::{Member, Session, acknowledged};
use crate::floor::{Floor, Seated};
use crate::session::link::{Arrival, Closing};
use protocol::{Carrier, ClosingReason, Decoded, Mistake, Style, Verb};
use std::cell::Cell;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{self, Poll};
use std::time::Duration;
use tokio::time::Instant;

/// Bytes that one read may bring.
const SCRATCH: usize = 16 * 1024;
/// Reads in one turn, so that a busy peer does not keep its neighbours waiting.
const READS: usize = 8;
/// How long a peer that is being closed has to take its last words.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// How long what a peer still sends is read and dropped, so that closing does not destroy the last words under way.
const LINGER: Duration = Duration::from_millis(500);
/// Bytes that are dropped like that at the most.
const LINGER_BYTES: u32 = 1024 * 1024;

thread_local! {
    /// One read buffer for all sessions of a thread: an idle session has none.
    static BUFFER: Cell<Option<Box<[u8]>>> = const { Cell::new(None) };
}

/// How a session comes to its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Ending {
    /// Not at all.
    No,
    /// The peer will say no more: answer what it has asked, then close.
    Finishing,
    /// The server stops: answer what was asked, say so, close.
    Draining,
    /// What came last was no request: answer what came before it, then say so and close.
    Mistaken,
    /// One last word is in the outbox: write it, then close.
    Condemned,
    /// The last word is written and the sending half closed: drop what still comes, for a moment.
    Lingering { dropped: u32 },
    /// The connection is gone.
    Gone,
}

impl Ending {
    /// Nothing more is decoded, and nothing more delivered.
    pub(super) fn is_deaf(self) -> bool {
        matches!(self, Self::Condemned | Self::Lingering { .. } | Self::Gone)
    }
}

/// The task of one session, for as long as it lives.
pub(crate) struct SessionTask {
    floor: Rc<Floor>,
    seat: u32,
    /// Given up before the seat is.
    session: Option<Seated>,
}

impl SessionTask {
    /// For the session on that seat.
    pub(crate) fn new(floor: Rc<Floor>, (seat, session): (u32, Seated)) -> Self {
        Self { floor, seat, session: Some(session) }
    }
}

impl Future for SessionTask {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<()> {
        match &self.session {
            Some(session) => session.borrow_mut().own_turn(cx),
            None => Poll::Ready(()),
        }
    }
}

impl Drop for SessionTask {
    fn drop(&mut self) {
        self.session = None;
        self.floor.vacate(self.seat);
    }
}

impl Session {
    /// A turn of the session's own task.
    fn own_turn(&mut self, cx: &mut task::Context<'_>) -> Poll<()> {
        self.waker.get_or_insert_with(|| cx.waker().clone());
        if self.broken {
            return Poll::Ready(());
        }
        self.clock.now = Instant::now();
        self.times();
        if let Err(error) = self.turn(cx) {
            log::debug!("session {:016x}: the connection is gone: {error}", self.id().0);
            self.ending = Ending::Gone;
        }
        if self.ending == Ending::Gone {
            self.leave(false);
            return Poll::Ready(());
        }
        self.set_alarm(cx);
        Poll::Pending
    }

    /// Others have said something: writes what there is to say to that. What is more than that is for a turn of its own.
    pub(crate) fn write_turn(&mut self, now: Instant, waker: &task::Waker) {
        if self.listens && self.ending == Ending::No {
            self.clock.now = now;
            let cx = &mut task::Context::from_waker(waker);
            let waited = self.waits();
            if self.write_on(cx).is_err() {
                // Its own turn reads what the client said before it was gone, and meets the same error then.
                self.listens = false;
            } else if !(self.is_armed() && self.is_as_due_as_before(waited)) {
                self.set_alarm(cx);
            }
        }
        if !self.listens || self.ending != Ending::No {
            waker.wake_by_ref();
        }
    }

    /// Whether a panic went through it.
    pub(crate) fn is_broken(&self) -> bool {
        self.broken
    }

    /// A panic went through it: nothing that it holds can be relied on.
    pub(crate) fn broke(&mut self) {
        log::error!("session {:016x}: ended by a fault", self.id().0);
        self.broken = true;
        if let Some(waker) = &self.waker {
            waker.wake_by_ref();
        }
    }

    /// Begins the end, if it has not begun, or hastens it.
    pub(super) fn end(&mut self, ending: Ending) {
        let patience = match ending {
            Ending::Finishing | Ending::Draining | Ending::Mistaken => {
                Duration::from_secs(self.house.settings.session.answer_timeout_s)
            }
            _ => LAST_WORDS,
        };
        if self.ending == Ending::No || (ending == Ending::Condemned && !self.ending.is_deaf()) {
            self.ending = ending;
            self.clock.ends_by = Some(self.clock.now + patience);
        }
    }

    fn turn(&mut self, cx: &mut task::Context<'_>) -> io::Result<()> {
        self.advance_reading(cx)?;
        self.write_on(cx)?;
        self.advance_ending(cx)
    }

    fn write_on(&mut self, cx: &mut task::Context<'_>) -> io::Result<()> {
        let (had_credit, had_room) = (self.has_credit(), self.has_room());
        if !had_credit {
            // The rest of a request may have come and is not read yet: its time begins when it is.
            self.clock.midway_since = None;
        }
        self.flush(cx)?;
        if !(had_credit && self.outbox.is_empty()) {
            // The question is not written, or its answer is not read: its time begins when both may be.
            self.outbox.postpone_receipt(self.clock.now);
        }
        // Only now is it known how much room there is, and nothing else may come to wake this session.
        self.read_on();
        if (!had_credit && self.has_credit()) || (!had_room && self.has_room()) {
            cx.waker().wake_by_ref();
        }
        Ok(())
    }

    /// Whether one more request may be taken up: the peer has credit, and reads what it gets.
    fn has_credit(&self) -> bool {
        self.next.is_none()
            && self.pending.is_none()
            && self.answers.len() < self.house.settings.session.window
            && self.has_room()
    }

    /// Whether the peer reads what it gets, so that there may be more.
    fn has_room(&self) -> bool {
        self.outbox.queued() <= self.house.settings.session.outbox_bytes / 2
    }

    fn advance_reading(&mut self, cx: &mut task::Context<'_>) -> io::Result<()> {
        if self.ending.is_deaf() {
            return Ok(());
        }
        if self.has_room() {
            self.take_up_next();
        }
        self.decode_parked();
        let mut buffer = BUFFER.take().unwrap_or_else(|| vec![0; SCRATCH].into_boxed_slice());
        let result = self.read(cx, &mut buffer);
        BUFFER.set(Some(buffer));
        result
    }

    fn read(&mut self, cx: &mut task::Context<'_>, buffer: &mut [u8]) -> io::Result<()> {
        self.listens = false;
        for _ in 0..READS {
            if self.ending != Ending::No || !self.parked.is_empty() || !self.has_credit() {
                return Ok(());
            }
            match self.link.poll_read(cx, buffer) {
                Poll::Pending => {
                    self.listens = true;
                    self.note_midway();
                    return Ok(());
                }
                Poll::Ready(Ok(Arrival::Receipt(place))) => self.peer_has(place),
                Poll::Ready(Ok(Arrival::Bytes(n))) => {
                    self.heard();
                    self.decode(&buffer[..n]);
                }
                Poll::Ready(Ok(arrival @ (Arrival::Message(_) | Arrival::Binary(_)))) => {
                    self.heard();
                    let is_text = matches!(arrival, Arrival::Message(_));
                    let (Arrival::Message(message) | Arrival::Binary(message)) = arrival else { continue };
                    self.spoken(is_text);
                    self.decode(&message);
                    if message.is_empty() {
                        // A message all the same.
                        self.decode_once(&mut &message[..]);
                    }
                }
                Poll::Ready(Ok(Arrival::End)) => {
                    if let Some(receipts) = self.member.as_mut().and_then(|member| member.receiving.told()) {
                        receipts.ended(acknowledged(&*self.link, &self.outbox));
                    }
                    self.end(Ending::Finishing);
                    return Ok(());
                }
                Poll::Ready(Err(error)) => return Err(error),
            }
        }
        cx.waker().wake_by_ref();
        Ok(())
    }

    /// In a dialect that has two forms, what is said from now on has the one that the client last spoke in.
    fn spoken(&mut self, is_text: bool) {
        let carrier = if is_text { Carrier::Text } else { Carrier::Message };
        if self.carrier != carrier && self.dialect.get().takes_binary() {
            self.carrier = carrier;
            self.decoder = self.dialect.get().decoder(carrier, self.manners().limits(carrier));
        }
    }

    fn heard(&mut self) {
        self.clock.heard = self.clock.now;
        self.clock.lively = self.clock.now;
        self.clock.nudged = None;
        if self.link.can_probe() {
            return;
        }
        let flush = self.receipt_flush();
        if let Some(member) = &mut self.member {
            let Member { receiving, .. } = &mut **member;
            if let Some(receipts) = receiving.told() {
                receipts.heard(self.clock.now, flush, || acknowledged(&*self.link, &self.outbox));
            }
        }
    }

    /// The peer has answered a probe.
    fn peer_has(&mut self, place: u64) {
        self.clock.heard = self.clock.now;
        if self.outbox.peer_has(place)
            && let Some(receipts) = self.member.as_mut().and_then(|member| member.receiving.told())
        {
            receipts.received(place);
        }
    }

    fn decode_parked(&mut self) {
        if !self.parked.is_empty() && self.has_credit() {
            let parked = std::mem::take(&mut self.parked);
            self.decode(&parked);
        }
    }

    /// Takes up what is complete, as far as there is credit; the rest is parked.
    fn decode(&mut self, mut input: &[u8]) {
        while !input.is_empty() && !self.ending.is_deaf() {
            if !self.has_credit() {
                self.parked = input.into();
                break;
            }
            self.decode_once(&mut input);
        }
        self.note_midway();
    }

    fn decode_once(&mut self, input: &mut &[u8]) {
        match self.decoder.decode(input) {
            Decoded::Need => {}
            Decoded::Request(request) => {
                // What comes behind it has its own time.
                self.clock.midway_since = None;
                self.take_up(request);
            }
            Decoded::Mistake(mistake) => self.mistaken(&mistake),
        }
    }

    /// Notes since when part of a request has been awaited.
    fn note_midway(&mut self) {
        self.clock.midway_since = match (self.decoder.is_midway() || self.link.is_midway(), self.clock.midway_since) {
            (false, _) => None,
            (true, since) => since.or(Some(self.clock.now)),
        };
    }

    /// Says what is wrong, in order with the other answers.
    fn mistaken(&mut self, mistake: &Mistake) {
        let frame = self.dialect.get().mistake(mistake, self.carrier);
        let ticket = self.answers.open(mistake.request, Verb::Ping, None, self.clock.now);
        self.answers.close(ticket, protocol::Frames::from_buf([frame]));
        self.send_ready();
        if mistake.kind.is_fatal() {
            // Without the detail: it may quote what was meant for nobody's eyes.
            log::debug!("session {:016x}: {:?}", self.id().0, mistake.kind);
            self.end(Ending::Mistaken);
        }
    }

    pub(super) fn style_pace(&self) -> Pace {
        match self.decoder.style() {
            Style::Streaming => Pace::Free,
            Style::Undecided | Style::Paced => Pace::Gap(self.manners().pace),
        }
    }

    fn flush(&mut self, cx: &mut task::Context<'_>) -> io::Result<()> {
        let pace = self.style_pace();
        let now = self.clock.now;
        let member = &mut self.member;
        let asked = self.outbox.awaits_receipt();
        self.outbox.flush(&mut *self.link, cx, pace, now, |packed| {
            if let Some(member) = member {
                member.receiving.packed(packed, now);
            }
        })?;
        // What the link holds back goes on here, also where this session neither writes nor may read.
        if let Poll::Ready(Err(error)) = self.link.poll_flush(cx) {
            return Err(error);
        }
        if !asked && self.outbox.awaits_receipt() {
            self.outbox.asked(now, self.link.unacknowledged().unwrap_or(0));
            if let Some(receipts) = self.member.as_mut().and_then(|member| member.receiving.told()) {
                receipts.seal();
            }
        }
        Ok(())
    }

    fn advance_ending(&mut self, cx: &mut task::Context<'_>) -> io::Result<()> {
        let answered = self.answers.is_empty() && self.next.is_none() && self.parked.is_empty();
        match self.ending {
            Ending::Finishing if answered => {
                self.leave(true);
                if self.outbox.is_empty() && self.link.poll_close(cx)?.is_ready() {
                    self.ending = Ending::Gone;
                }
            }
            Ending::Mistaken if answered => {
                self.leave(false);
                self.link.closing(Closing::Mistaken);
                self.end(Ending::Condemned);
                // Written and closed in the turn that follows at once.
                cx.waker().wake_by_ref();
            }
            Ending::Draining if answered => {
                self.condemn(ClosingReason::Shutdown);
                // Written in the turn that follows at once.
                cx.waker().wake_by_ref();
            }
            Ending::Condemned if self.outbox.is_empty() && self.link.poll_close(cx)?.is_ready() => {
                self.ending = Ending::Lingering { dropped: 0 };
                self.clock.ends_by = Some(self.clock.now + LINGER);
                self.linger(cx, 0)?;
            }
            Ending::Lingering { dropped } => self.linger(cx, dropped)?,
            _ => {}
        }
        Ok(())
    }

    fn linger(&mut self, cx: &mut task::Context<'_>, mut dropped: u32) -> io::Result<()> {
        let mut buffer = [0; 2048];
        let bytes = |n| u32::try_from(n).unwrap_or(u32::MAX);
        loop {
            match self.link.poll_read(cx, &mut buffer) {
                Poll::Pending => break,
                Poll::Ready(Ok(Arrival::End)) => {
                    self.settle();
                    dropped = LINGER_BYTES;
                }
                Poll::Ready(Ok(Arrival::Bytes(n))) => dropped = dropped.saturating_add(bytes(n)),
                Poll::Ready(Ok(Arrival::Message(message) | Arrival::Binary(message))) => {
                    dropped = dropped.saturating_add(bytes(message.len()));
                }
                Poll::Ready(Ok(Arrival::Receipt(place))) => {
                    // What was delivered before the end may be confirmed after it.
                    if self.outbox.peer_has(place)
                        && let Some((user, mut receipts)) = self.unsettled.take().map(|unsettled| *unsettled)
                    {
                        receipts.received(place);
                        self.store_received(user, receipts.take_confirmed());
                        self.unsettled = Some(Box::new((user, receipts)));
                    }
                }
                Poll::Ready(Err(error)) => return Err(error),
            }
            if dropped >= LINGER_BYTES {
                self.ending = Ending::Gone;
                return Ok(());
            }
        }
        self.ending = Ending::Lingering { dropped };
        Ok(())
    }
}
