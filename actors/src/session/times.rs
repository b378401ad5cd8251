//! A session's times: what is due when, and the one alarm that wakes it. Owns: the clock of a session.
//! Never: has a timer running for something of which nothing would come.

use super::Session;
use super::outbox::Pace;
use super::pump::Ending;
use protocol::ClosingReason;
use std::future::Future;
use std::pin::Pin;
use std::task;
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep_until};

/// A session's times.
pub(super) struct Clock {
    /// The time of this turn.
    pub(super) now: Instant,
    pub(super) heard: Instant,
    guest_since: Instant,
    pub(super) midway_since: Option<Instant>,
    receipts_at: Instant,
    pub(super) nudged: Option<Instant>,
    /// Since when the peer has been owing an answer to what it has.
    pub(super) probed_since: Option<Instant>,
    /// Bytes that the peer's system had not acknowledged when that was last looked at.
    pub(super) unacknowledged: usize,
    pub(super) ends_by: Option<Instant>,
    alarm: Option<Pin<Box<Sleep>>>,
}

impl Clock {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            now,
            heard: now,
            guest_since: now,
            midway_since: None,
            receipts_at: now,
            nudged: None,
            probed_since: None,
            unacknowledged: 0,
            ends_by: None,
            alarm: None,
        }
    }

    pub(super) fn became_guest(&mut self) {
        self.guest_since = self.now;
    }
}

impl Session {
    /// What is due at this time.
    pub(super) fn times(&mut self) {
        let now = self.clock.now;
        let due = |at: Option<Instant>| at.is_some_and(|at| now >= at);
        if due(self.clock.ends_by) {
            self.ending = Ending::Gone;
            return;
        }
        if due(self.receipt_overdue()) && self.is_getting_on() {
            self.clock.probed_since = Some(now);
        }
        if due(self.frame_due()) || due(self.login_due()) || due(self.idle_due()) || due(self.receipt_overdue()) {
            return self.condemn(ClosingReason::TimedOut);
        }
        if due(self.answer_due()) {
            log::error!("session {:016x}: a request was not answered in time; closing without a verdict", self.id.0);
            return self.condemn(ClosingReason::Fault);
        }
        if due(self.receipts_due()) {
            self.check_receipts();
        }
        if due(self.ping_due()) {
            self.outbox.want_probe();
        }
        if due(self.nudge_due())
            && let Some(nudge) = self.dialect.get().nudge()
        {
            self.clock.nudged = Some(now);
            self.outbox.nudge(nudge);
        }
    }

    fn check_receipts(&mut self) {
        let now = self.clock.now;
        self.clock.receipts_at = now;
        let patience = Duration::from_secs(self.house.settings.session.receipt_timeout_s);
        if let Some(mut member) = self.member.take() {
            if !self.link.can_probe() {
                member.receipts.tick(now, patience, || self.acknowledged());
            }
            self.store_receipts(member.me.id, &mut member.receipts);
            self.member = Some(member);
        }
    }

    // Each of these is `None` where nothing would come of it: an alarm for nothing would ring for ever.

    fn frame_due(&self) -> Option<Instant> {
        if self.ending != Ending::No {
            return None;
        }
        Some(self.clock.midway_since? + Duration::from_secs(self.house.settings.session.frame_timeout_s))
    }

    fn login_due(&self) -> Option<Instant> {
        let allowed = Duration::from_secs(self.house.settings.session.login_timeout_s);
        let guest = self.member.is_none() && self.entering.is_none() && self.ending == Ending::No;
        guest.then(|| self.clock.guest_since + allowed)
    }

    fn idle_due(&self) -> Option<Instant> {
        let allowed = self.house.settings.session.idle_timeout_s;
        (allowed > 0 && self.member.is_some() && self.ending == Ending::No)
            .then(|| self.clock.heard + Duration::from_secs(allowed))
    }

    fn answer_due(&self) -> Option<Instant> {
        if self.ending.is_deaf() {
            return None;
        }
        Some(self.answers.oldest()? + Duration::from_secs(self.house.settings.session.answer_timeout_s))
    }

    fn receipts_due(&self) -> Option<Instant> {
        let session = &self.house.settings.session;
        let flush = Duration::from_millis(session.receipt_flush_ms);
        let patience = Duration::from_secs(session.receipt_timeout_s);
        let receipts = &self.member.as_ref()?.receipts;
        if self.link.can_probe() {
            return receipts.due_to_store(self.clock.receipts_at, flush);
        }
        receipts.due(self.clock.receipts_at, flush, patience)
    }

    /// Whether the question is still on its way, behind what lies in the systems' buffers, and comes nearer.
    fn is_getting_on(&mut self) -> bool {
        let before = self.clock.unacknowledged;
        self.clock.unacknowledged = self.link.unacknowledged().unwrap_or(0);
        self.clock.unacknowledged < before
    }

    /// A peer that can be asked and does not answer is dead.
    fn receipt_overdue(&self) -> Option<Instant> {
        if self.ending.is_deaf() {
            return None;
        }
        Some(self.clock.probed_since? + Duration::from_secs(self.house.settings.web.pong_timeout_s))
    }

    /// A peer that can be asked and has been silent for a while is asked whether it is there.
    fn ping_due(&self) -> Option<Instant> {
        let every = self.house.settings.web.ping_every_s;
        let quiet = self.link.can_probe() && self.clock.probed_since.is_none() && self.outbox.is_empty();
        (every > 0 && quiet && self.ending == Ending::No).then(|| self.clock.heard + Duration::from_secs(every))
    }

    /// A client that takes one read for one frame may have one stuck behind a message box; a newline frees it.
    fn nudge_due(&self) -> Option<Instant> {
        let Pace::Gap(_) = self.style_pace() else { return None };
        let every = self.manners().nudge_every;
        let last = self.outbox.last_frame().filter(|last| *last >= self.clock.heard)?;
        let next = self.clock.nudged.map_or(last, |nudged| nudged.max(last)) + every;
        let quiet = self.outbox.is_empty() && self.ending == Ending::No;
        (!every.is_zero() && quiet && next <= last + self.manners().nudge_for).then_some(next)
    }

    /// Wakes the session when the next thing is due. An alarm that rings early is set again; one that rings later than
    /// needed is not left standing.
    pub(super) fn set_alarm(&mut self, cx: &mut task::Context<'_>) {
        loop {
            let due = [
                self.clock.ends_by,
                self.frame_due(),
                self.login_due(),
                self.idle_due(),
                self.answer_due(),
                self.receipts_due(),
                self.receipt_overdue(),
                self.ping_due(),
                self.nudge_due(),
                self.outbox.wakes_at(),
            ];
            let Some(due) = due.into_iter().flatten().min() else {
                // What still stands rings once more and is then gone.
                if self.clock.alarm.as_mut().is_some_and(|alarm| alarm.as_mut().poll(cx).is_ready()) {
                    self.clock.alarm = None;
                }
                return;
            };
            match &mut self.clock.alarm {
                None => self.clock.alarm = Some(Box::pin(sleep_until(due))),
                Some(alarm) if due < alarm.deadline() || alarm.is_elapsed() => alarm.as_mut().reset(due),
                Some(_) => {}
            }
            let Some(alarm) = &mut self.clock.alarm else { return };
            if alarm.as_mut().poll(cx).is_pending() {
                return;
            }
            if due <= self.clock.now || due <= Instant::now() {
                // Due already: in a turn of its own.
                cx.waker().wake_by_ref();
                return;
            }
        }
    }
}
