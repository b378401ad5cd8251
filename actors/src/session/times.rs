//! A session's times: what is due when, and the one alarm that wakes it. Owns: the clock of a session.
//! Never: has a timer running for something of which nothing would come.

use super::outbox::Pace;
use super::pump::Ending;
use super::receiving::Receiving;
use super::{Member, Session};
use protocol::ClosingReason;
use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{self, Poll};
use std::time::Duration;
use tokio::task::coop::unconstrained;
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
    /// When the client last spoke, or showed otherwise that it is there; and when it was asked whether it is.
    pub(super) lively: Instant,
    asked: Instant,
    /// What the peer's system had of the stream when the client was asked.
    taken: u64,
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
            lively: now,
            asked: now,
            taken: 0,
            ends_by: None,
            alarm: None,
        }
    }

    /// What was due while nobody was logged in is not due any more: an idle session has no alarm standing for it.
    pub(super) fn is_guest_no_more(&mut self) {
        self.alarm = None;
    }

    /// Something may be due before the alarm rings: it is set anew when what there is to say is written.
    pub(super) fn look_again(&mut self) {
        self.alarm = None;
    }

    pub(super) fn became_guest(&mut self) {
        self.guest_since = self.now;
    }
}

impl Session {
    /// What is due at this time.
    pub(super) fn times(&mut self) {
        let now = self.clock.now;
        // What the last turn left is due when the alarm rings and not before; what has come since is looked at at the end of
        // this turn. Most turns bring a message, and need not look at a dozen times twice.
        if self.clock.alarm.as_ref().is_none_or(|alarm| now < alarm.deadline()) {
            return;
        }
        let due = |at: Option<Instant>| at.is_some_and(|at| now >= at);
        if due(self.clock.ends_by) {
            self.ending = Ending::Gone;
            return;
        }
        if due(self.receipt_overdue()) && self.is_getting_on() {
            self.outbox.postpone_receipt(now);
        }
        if due(self.frame_due()) || due(self.login_due()) || due(self.idle_due()) || due(self.receipt_overdue()) {
            return self.condemn(ClosingReason::TimedOut);
        }
        if due(self.answer_due()) {
            log::error!("session {:016x}: a request was not answered in time; closing without a verdict", self.id().0);
            return self.condemn(ClosingReason::Fault);
        }
        if due(self.silent_due()) {
            if !self.is_busy() {
                return self.condemn(ClosingReason::Silent);
            }
            self.clock.lively = now;
        }
        if due(self.heartbeat_due()) {
            self.ask_for_life();
        }
        if due(self.redelivery_due()) {
            self.send_again();
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
        let (flush, patience) =
            (self.receipt_flush(), Duration::from_secs(self.house.settings.session.receipt_timeout_s));
        if let Some(mut member) = self.member.take() {
            if let Some(receipts) = member.receiving.told()
                && !self.link.can_probe()
            {
                receipts.tick(now, flush, patience, || self.acknowledged());
            }
            self.store_received(member.me.id, member.receiving.take_confirmed());
            self.member = Some(member);
        }
    }

    /// What was not acknowledged in time is read again from the store, in order.
    fn send_again(&mut self) {
        let patience = Duration::from_secs(self.house.settings.binary.receipt_timeout_s);
        let Some(Member { feeds, receiving, .. }) = self.member.as_deref_mut() else { return };
        if let Some(window) = receiving.window() {
            window.give_up(self.clock.now, patience, |to| feeds.rewind(to));
        }
    }

    /// Asks a client that has been silent whether it is there, where there is a word for that. Behind what it does not
    /// take, it would not hear it.
    fn ask_for_life(&mut self) {
        self.clock.asked = self.clock.now;
        self.clock.taken = self.acknowledged_bytes();
        if self.outbox.is_empty()
            && let Some(frame) = self.dialect.get().heartbeat(self.carrier)
        {
            let bound = self.house.settings.session.outbox_bytes;
            // It is empty, so there is room.
            let _ = self.outbox.push_event(&[frame], None, bound);
        }
    }

    /// Whether a silent client need not have spoken: an answer is the server's to give, or it still takes what waits.
    fn is_busy(&mut self) -> bool {
        let taken = self.acknowledged_bytes();
        let waits = !self.outbox.is_empty() || self.link.unacknowledged().is_some_and(|bytes| bytes > 0);
        let takes = waits && taken > self.clock.taken;
        self.clock.taken = taken;
        takes || !self.answers.is_empty()
    }

    /// How much of the stream the peer's system has, whether or not its client looks at it.
    fn acknowledged_bytes(&self) -> u64 {
        let pending = self.link.unacknowledged().and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or(0);
        self.outbox.written().saturating_sub(pending)
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

    /// How often what was received is stored, at the most.
    pub(super) fn receipt_flush(&self) -> Duration {
        Duration::from_millis(self.house.settings.session.receipt_flush_ms)
    }

    fn receipts_due(&self) -> Option<Instant> {
        let flush = self.receipt_flush();
        let patience = Duration::from_secs(self.house.settings.session.receipt_timeout_s);
        let receipts = match &self.member.as_ref()?.receiving {
            Receiving::Told(receipts) => receipts,
            Receiving::Acknowledged(window) => {
                return window.has_confirmed().then(|| self.clock.receipts_at + flush);
            }
        };
        if self.link.can_probe() {
            return receipts.due_to_store(self.clock.receipts_at, flush);
        }
        receipts.due(self.clock.receipts_at, flush, patience)
    }

    /// When what is not acknowledged is sent again.
    fn redelivery_due(&self) -> Option<Instant> {
        let patience = Duration::from_secs(self.house.settings.binary.receipt_timeout_s);
        let member = self.member.as_ref().filter(|_| !self.ending.is_deaf())?;
        member.receiving.overdue_at(patience)
    }

    /// Whether this session's client is asked for signs of life.
    fn beats(&self) -> bool {
        self.manners().customs.heartbeats && self.member.is_some() && self.ending == Ending::No
    }

    /// One for each such time of silence.
    fn heartbeat_due(&self) -> Option<Instant> {
        let every = Duration::from_secs(self.house.settings.binary.heartbeat_s);
        self.beats().then(|| self.clock.lively.max(self.clock.asked) + every)
    }

    fn silent_due(&self) -> Option<Instant> {
        let patience = Duration::from_secs(self.house.settings.binary.patience_s);
        self.beats().then(|| self.clock.lively + patience)
    }

    /// Whether the question is still on its way, behind what lies in the systems' buffers, and comes nearer.
    fn is_getting_on(&mut self) -> bool {
        self.outbox.is_getting_on(self.link.unacknowledged().unwrap_or(0))
    }

    /// A peer that can be asked and does not answer is dead.
    fn receipt_overdue(&self) -> Option<Instant> {
        if self.ending.is_deaf() {
            return None;
        }
        Some(self.outbox.probed_since()? + Duration::from_secs(self.house.settings.web.pong_timeout_s))
    }

    /// A peer that can be asked and has been silent for a while is asked whether it is there.
    fn ping_due(&self) -> Option<Instant> {
        let every = self.house.settings.web.ping_every_s;
        let quiet = self.link.can_probe() && self.outbox.probed_since().is_none() && self.outbox.is_empty();
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

    /// Whether places were shown that are not stored as received.
    pub(super) fn waits(&self) -> bool {
        self.member.as_ref().is_some_and(|member| member.receiving.waits())
    }

    /// Whether the alarm stands.
    pub(super) fn is_armed(&self) -> bool {
        self.clock.alarm.is_some()
    }

    /// Whether writing, and that alone, has made nothing due before what was: so it is mostly, and the dozen of times need not be
    /// looked at. `waited`: as [`Session::waits`] was before it. What is written behind something that waits for its receipt is due
    /// behind it, where only the system and the client's next word tell.
    pub(super) fn is_as_due_as_before(&self, waited: bool) -> bool {
        self.outbox.is_empty()
            && self.style_pace() == Pace::Free
            && !self.link.can_probe()
            && (!self.waits()
                || (waited
                    && self.member.as_ref().is_some_and(|member| matches!(member.receiving, Receiving::Told(_)))))
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
                self.redelivery_due(),
                self.heartbeat_due(),
                self.silent_due(),
                self.receipt_overdue(),
                self.ping_due(),
                self.nudge_due(),
                self.outbox.wakes_at(),
            ];
            let Some(due) = due.into_iter().flatten().min() else {
                // What still stands rings once more and is then gone.
                if self.clock.alarm.as_mut().is_some_and(|alarm| rings(alarm, cx).is_ready()) {
                    self.clock.alarm = None;
                }
                return;
            };
            match &mut self.clock.alarm {
                None => self.clock.alarm = Some(Box::pin(sleep_until(due))),
                // One that has rung has its time behind it. What rings since this turn began wakes the session once more.
                Some(alarm) if due < alarm.deadline() || alarm.deadline() <= self.clock.now => {
                    alarm.as_mut().reset(due);
                }
                // It stands, and knows whom to wake: a session is one task from its first turn to its last.
                Some(_) => return,
            }
            let Some(alarm) = &mut self.clock.alarm else { return };
            if rings(alarm, cx).is_pending() {
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

/// Polls an alarm so that it stands afterwards. A timer that is polled when the task's budget is used up, by a long turn, says that it
/// is pending and has not noted whom to wake.
fn rings(alarm: &mut Pin<Box<Sleep>>, cx: &mut task::Context<'_>) -> Poll<()> {
    pin!(unconstrained(alarm.as_mut())).poll(cx)
}

#[cfg(test)]
mod tests {
    use super::rings;
    use std::future::{Future, poll_fn};
    use std::pin::pin;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::task::{Context, Poll, Wake, Waker};
    use std::time::Duration;
    use tokio::task::coop::consume_budget;
    use tokio::task::yield_now;
    use tokio::time::sleep;

    #[derive(Default)]
    struct Woken(AtomicBool);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_alarm_that_is_set_at_the_end_of_a_long_turn_rings() {
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(woken.clone());
        let mut alarm = Box::pin(sleep(Duration::from_secs(1)));
        poll_fn(|cx| {
            while pin!(consume_budget()).poll(cx).is_ready() {}
            assert!(rings(&mut alarm, &mut Context::from_waker(&waker)).is_pending());
            Poll::Ready(())
        })
        .await;
        // A timer that is refused has the task woken at once, to come again; that is not what is meant here.
        yield_now().await;
        woken.0.store(false, Ordering::Relaxed);
        sleep(Duration::from_secs(2)).await;
        assert!(woken.0.load(Ordering::Relaxed), "the session sleeps on");
    }
}
