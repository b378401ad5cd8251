//! The outbox, over a link that takes what the test says.

use super::*;
use crate::session::link::Arrival;
use protocol::{Carrier, Seq};
use std::net::SocketAddr;

/// Takes so many bytes, and no more until the test says so.
struct Narrow {
    room: usize,
    writes: Vec<String>,
}

impl Link for Narrow {
    fn carrier(&self) -> Carrier {
        Carrier::Stream
    }

    fn peer(&self) -> Option<SocketAddr> {
        None
    }

    fn poll_read(&mut self, _: &mut Context<'_>, _: &mut [u8]) -> Poll<io::Result<Arrival>> {
        Poll::Pending
    }

    fn poll_write(&mut self, _: &mut Context<'_>, pieces: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let written: Vec<u8> = pieces.iter().flat_map(|piece| piece.iter().copied()).take(self.room).collect();
        if written.is_empty() {
            return Poll::Pending;
        }
        self.room -= written.len();
        let n = written.len();
        self.writes.push(String::from_utf8(written).unwrap());
        Poll::Ready(Ok(n))
    }

    fn poll_close(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn unacknowledged(&self) -> Option<usize> {
        None
    }
}

fn frame(text: &'static str) -> Frame {
    Frame::new(Bytes::from_static(text.as_bytes()), 0, 0)
}

fn one(text: &'static str) -> Frames {
    Frames::from_buf([frame(text)])
}

fn flush(outbox: &mut Outbox, link: &mut Narrow, pace: Pace, now: Instant) -> Vec<Packed> {
    let mut packed = Vec::new();
    let mut cx = Context::from_waker(std::task::Waker::noop());
    outbox.flush(link, &mut cx, pace, now, |one| packed.push(one)).unwrap();
    packed
}

fn mark(seq: u64) -> Option<Mark> {
    Some(Mark::Inbox(Seq(seq)))
}

#[test]
fn what_waits_goes_out_in_one_write_and_says_where_it_ends() {
    let (mut outbox, mut link) = (Outbox::new(false), Narrow { room: 100, writes: Vec::new() });
    assert!(outbox.push_event(&one("one"), mark(1), 100) && outbox.push_event(&one("two!"), mark(2), 100));
    let packed = flush(&mut outbox, &mut link, Pace::Free, Instant::now());
    assert_eq!(packed.iter().map(|packed| packed.end).collect::<Vec<_>>(), [3, 7]);
    assert_eq!((link.writes, outbox.written(), outbox.is_empty()), (vec!["onetwo!".to_owned()], 7, true));
    assert!(outbox.queues.is_none(), "idle, it keeps no buffer");
}

#[test]
fn a_short_write_goes_on_where_it_stopped() {
    let (mut outbox, mut link) = (Outbox::new(false), Narrow { room: 4, writes: Vec::new() });
    assert!(outbox.push_answer(one("one"), 100) && outbox.push_answer(one("two"), 100));
    flush(&mut outbox, &mut link, Pace::Free, Instant::now());
    assert_eq!((outbox.queued(), outbox.written()), (2, 4));
    link.room = 100;
    flush(&mut outbox, &mut link, Pace::Free, Instant::now());
    assert_eq!(link.writes.concat(), "onetwo");
}

#[test]
fn the_bound_holds_but_for_one_frame() {
    let mut outbox = Outbox::new(false);
    assert!(outbox.push_answer(one("longer than the bound"), 10));
    assert!(!outbox.push_answer(one("x"), 10));
}

#[test]
fn paced_frames_wait_for_their_time() {
    let (mut outbox, mut link) = (Outbox::new(false), Narrow { room: 100, writes: Vec::new() });
    let (now, gap) = (Instant::now(), Duration::from_millis(50));
    assert!(outbox.push_answer(one("one"), 100) && outbox.push_answer(one("two"), 100));
    flush(&mut outbox, &mut link, Pace::Gap(gap), now);
    assert_eq!((&link.writes[..], outbox.wakes_at()), (&["one".to_owned()][..], Some(now + gap)));
    flush(&mut outbox, &mut link, Pace::Gap(gap), now + gap / 2);
    assert_eq!(link.writes.len(), 1);
    flush(&mut outbox, &mut link, Pace::Gap(gap), now + gap);
    assert_eq!(link.writes, ["one", "two"]);
}

#[test]
fn a_logout_keeps_answers_and_what_is_half_written() {
    let (mut outbox, mut link) = (Outbox::new(false), Narrow { room: 2, writes: Vec::new() });
    assert!(outbox.push_event(&one("half"), mark(1), 100));
    flush(&mut outbox, &mut link, Pace::Free, Instant::now());
    assert!(outbox.push_event(&one("secret"), mark(2), 100) && outbox.push_answer(one("answer"), 100));
    outbox.forget_deliveries();
    link.room = 100;
    flush(&mut outbox, &mut link, Pace::Free, Instant::now());
    assert_eq!(link.writes.concat(), "halfanswer");
}

#[test]
fn a_nudge_is_not_a_frame() {
    let (mut outbox, mut link) = (Outbox::new(false), Narrow { room: 100, writes: Vec::new() });
    outbox.nudge(frame("\n"));
    flush(&mut outbox, &mut link, Pace::Free, Instant::now());
    assert_eq!((outbox.last_frame(), &link.writes[..]), (None, &["\n".to_owned()][..]));
}

#[test]
fn a_long_answer_is_no_slow_consumer() {
    let (mut outbox, mut link) = (Outbox::new(false), Narrow { room: 30_000, writes: Vec::new() });
    let long: Frames = std::iter::repeat_with(|| frame("a part of a long list")).take(5_000).collect();
    assert!(outbox.push_answer(long.clone(), 100));
    assert!(outbox.push_event(&one("news"), mark(1), 100), "it reads; there is just much");
    flush(&mut outbox, &mut link, Pace::Free, Instant::now());
    assert!(outbox.push_event(&one(&"x".repeat(150).leak()[..]), mark(2), 100));
    assert!(!outbox.push_event(&one("news"), mark(3), 100), "what was delivered since counts");
    link.room = usize::MAX;
    flush(&mut outbox, &mut link, Pace::Free, Instant::now());
    assert!(outbox.queued() == 0 && outbox.queues.is_none());
    assert!(outbox.push_answer(long, 100) && outbox.is_full(0) == (outbox.queued() > outbox.exempt()));
    outbox.forget_deliveries();
    assert_eq!(outbox.queued(), outbox.exempt());
}

#[test]
fn an_event_is_all_of_its_frames_and_its_mark_belongs_to_the_last() {
    let (mut outbox, mut link) = (Outbox::new(false), Narrow { room: 100, writes: Vec::new() });
    assert!(outbox.push_event(&[frame("one"), frame("two")], mark(1), 2), "one decision for all");
    assert!(!outbox.push_event(&one("no"), mark(2), 2));
    let packed = flush(&mut outbox, &mut link, Pace::Free, Instant::now());
    assert_eq!(packed, [Packed { mark: Mark::Inbox(Seq(1)), end: 6 }]);
}

#[test]
fn a_silent_mark_counts_with_what_waits_before_it() {
    let (mut outbox, mut link) = (Outbox::new(false), Narrow { room: 100, writes: Vec::new() });
    let now = Instant::now();
    assert_eq!(outbox.push_mark(Mark::Inbox(Seq(1))), Some(Packed { mark: Mark::Inbox(Seq(1)), end: 0 }));
    assert!(outbox.push_event(&one("two"), mark(2), 100));
    for seq in 3..100 {
        assert_eq!(outbox.push_mark(Mark::Inbox(Seq(seq))), None);
    }
    assert_eq!(outbox.queues().items.len(), 2, "of a row the furthest will do");
    let packed = flush(&mut outbox, &mut link, Pace::Free, now);
    let ends: Vec<_> = packed.iter().map(|packed| (packed.mark, packed.end)).collect();
    assert_eq!(ends, [(Mark::Inbox(Seq(2)), 3), (Mark::Inbox(Seq(99)), 3)]);
}
