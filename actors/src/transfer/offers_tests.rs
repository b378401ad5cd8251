//! The stages of offers, by the table.

use super::*;

const A: UserId = UserId(1);
const B: UserId = UserId(2);
const C: UserId = UserId(3);
const SIZE: u64 = 1000;

fn settings() -> RelaySettings {
    RelaySettings {
        bind: [127, 0, 0, 1].into(),
        ports: "0".to_owned(),
        max: 3,
        per_account: 2,
        timeout_s: 10,
        max_bytes: 1000,
        buffer_bytes: 4096,
        settle_ms: 250,
        offer_s: 300,
        resume_s: 600,
        progress_ms: 1000,
    }
}

fn offers() -> (Offers<&'static str>, Instant) {
    (Offers::new(&settings()), Instant::now())
}

fn after(now: Instant, seconds: u64) -> Instant {
    now + Duration::from_secs(seconds)
}

impl Offers<&'static str> {
    /// An offer of A's to B whose relay has this number.
    fn running(&mut self, relay: u64, offset: u64, now: Instant) -> TransferId {
        let id = self.ask(A, B, SIZE, "", now);
        assert_eq!(self.accept(id, B, offset), Ok(Acceptance::LookForSender));
        self.started(id, relay, offset, "");
        id
    }
}

#[test]
fn only_who_is_asked_may_accept_and_only_once() {
    let (mut offers, now) = offers();
    let id = offers.ask(A, B, SIZE, "as asked", now);
    for (who, which) in [(A, id), (C, id), (B, TransferId(99))] {
        assert_eq!(offers.accept(which, who, 0), Err(Refusal::NoSuchTransfer));
    }
    assert_eq!(offers.accept(id, B, SIZE + 1), Err(Refusal::BadValue), "and nothing changes");
    assert_eq!(offers.accept(id, B, 10), Ok(Acceptance::LookForSender));
    assert_eq!(offers.accept(id, B, 10), Err(Refusal::Busy), "while the sender is looked for");
    let (offered, was_broken) = offers.accepted(id).unwrap();
    assert_eq!((offered.sender, offered.receiver, offered.tag, was_broken), (A, B, "as asked", false));
    offers.started(id, 7, 10, "as started");
    assert_eq!((offers.accept(id, B, 0), offers.accepted(id)), (Err(Refusal::Busy), None), "while it runs");
}

#[test]
fn nothing_is_moved_for_who_has_it_all() {
    let (mut offers, now) = offers();
    for size in [SIZE, 0] {
        let id = offers.ask(A, B, size, "", now);
        assert_eq!(offers.accept(id, B, size), Ok(Acceptance::AllThere));
    }
}

#[test]
fn what_cannot_begin_is_as_before() {
    let (mut offers, now) = offers();
    let id = offers.ask(A, B, SIZE, "", now);
    offers.accept(id, B, 10).unwrap();
    offers.put_back(id);
    assert_eq!(offers.next_expiry(), Some(after(now, 300)), "the time goes on as it did");
    assert_eq!(offers.accept(id, B, 20), Ok(Acceptance::LookForSender));
}

#[test]
fn one_that_breaks_off_is_gone_on_with_elsewhere() {
    let (mut offers, now) = offers();
    let id = offers.running(7, 0, now);
    let later = after(now, 50);
    let over = Over { sender: A, receiver: B, tag: "", bytes: 400 };
    assert_eq!(offers.ended(7, false, 400, later), Some((id, over)));
    assert_eq!(offers.ended(7, false, 400, later), None, "told once");
    assert_eq!(offers.accept(id, C, 390), Err(Refusal::NoSuchTransfer));
    assert_eq!(offers.accept(id, B, 390), Ok(Acceptance::LookForSender));
    assert!(offers.accepted(id).unwrap().1, "it broke off before");
    offers.put_back(id);
    assert_eq!(offers.next_expiry(), Some(after(later, 600)));
    offers.accept(id, B, 390).unwrap();
    offers.started(id, 8, 390, "");
    let (_, over) = offers.ended(8, true, 610, later).unwrap();
    assert_eq!(over.bytes, SIZE, "of the whole file");
    assert_eq!((offers.accept(id, B, 0), offers.next_expiry()), (Err(Refusal::NoSuchTransfer), None), "it is done");
}

#[test]
fn one_that_nobody_was_asked_about_runs_once() {
    let (mut offers, now) = offers();
    let id = offers.run(A, B, SIZE, "", 7);
    assert_eq!(offers.accept(id, B, 0), Ok(Acceptance::Runs));
    assert_eq!(offers.accept(id, B, 1), Err(Refusal::BadValue), "there is no word for an offset on the other side");
    assert_eq!(offers.ended(7, false, 5, now).unwrap().1.bytes, 5);
    assert_eq!(offers.accept(id, B, 0), Err(Refusal::NoSuchTransfer));
}

#[test]
fn either_side_may_forget_it_and_nobody_else() {
    let (mut offers, now) = offers();
    for who in [A, B] {
        let id = offers.running(7, 0, now);
        assert_eq!(offers.remove_as(id, C), None);
        assert_eq!(offers.remove_as(id, who).unwrap().relay(), Some(7));
        assert_eq!(offers.remove_as(id, who), None);
        assert_eq!(offers.ended(7, false, 1, now), None, "nobody waits for it");
    }
}

#[test]
fn a_number_is_never_used_again() {
    let (mut offers, now) = offers();
    let one = offers.ask(A, B, SIZE, "", now);
    offers.remove(one);
    assert_ne!(offers.ask(A, B, SIZE, "", now), one);
}

#[test]
fn only_those_never_answered_are_told_that_their_time_is_over() {
    let (mut offers, now) = offers();
    let asked = offers.ask(A, B, SIZE, "", now);
    let broken = offers.running(7, 0, now);
    offers.ended(7, false, 1, now).unwrap();
    let runs = offers.running(8, 0, now);
    let accepted = offers.ask(C, B, SIZE, "", now);
    offers.accept(accepted, B, 0).unwrap();
    assert_eq!(offers.expire(after(now, 299)), []);
    assert_eq!(offers.next_expiry(), Some(after(now, 300)));
    let over: Vec<_> = offers.expire(after(now, 300)).into_iter().map(|(id, _)| id).collect();
    assert_eq!((over, offers.next_expiry()), (vec![asked], Some(after(now, 600))));
    assert_eq!(offers.expire(after(now, 600)), []);
    assert_eq!(offers.accept(broken, B, 0), Err(Refusal::NoSuchTransfer), "forgotten");
    assert_eq!(offers.next_expiry(), None);
    assert_eq!([runs, accepted].map(|id| offers.accept(id, B, 0)), [Err(Refusal::Busy); 2], "still there");
}

#[test]
fn those_that_wait_for_an_answer_hold_a_place() {
    let (mut offers, now) = offers();
    let waiting = |all, of_sender| Waiting { all, of_sender };
    offers.ask(C, B, SIZE, "", now);
    let id = offers.ask(A, B, SIZE, "", now);
    assert_eq!((offers.waiting(A), offers.waiting(B)), (waiting(2, 1), waiting(2, 0)));
    offers.accept(id, B, 0).unwrap();
    assert_eq!(offers.waiting(A), waiting(2, 1));
    offers.started(id, 7, 0, "");
    assert_eq!(offers.waiting(A), waiting(1, 0), "the broker counts it now");
    offers.ended(7, false, 0, now).unwrap();
    offers.accept(id, B, 0).unwrap();
    assert_eq!(offers.waiting(A), waiting(1, 0), "whoever goes on has to find a place");
}

#[test]
fn what_broke_off_first_makes_room_for_what_broke_off_later() {
    let (mut offers, now) = offers();
    let breaks = |offers: &mut Offers<_>, sender, second| {
        let id = offers.ask(sender, B, SIZE, "", now);
        offers.accept(id, B, 0).unwrap();
        offers.started(id, 7, 0, "");
        offers.ended(7, false, 0, after(now, second)).unwrap();
        id
    };
    let of_a = [1, 2, 3].map(|second| breaks(&mut offers, A, second));
    assert_eq!(of_a.map(|id| offers.all.contains_key(&id)), [false, true, true], "two of one account");
    let of_c = [4, 5].map(|second| breaks(&mut offers, C, second));
    assert_eq!(of_a.map(|id| offers.all.contains_key(&id)), [false, false, true], "three in all");
    assert_eq!(of_c.map(|id| offers.all.contains_key(&id)), [true; 2]);
}

#[test]
fn progress_is_told_when_there_is_some() {
    let (mut offers, now) = offers();
    offers.ask(A, B, SIZE, "", now);
    assert!(!offers.any_runs());
    let one = offers.running(7, 0, now);
    let other = offers.running(8, 500, now);
    assert!(offers.any_runs());
    let said = |offers: &mut Offers<_>, moved: [u64; 2]| {
        let news = offers.progress(|relay| moved[usize::from(relay == 8)]);
        let mut said: Vec<_> = news.into_iter().map(|(id, over)| (id, over.bytes)).collect();
        said.sort_unstable();
        said
    };
    assert_eq!(said(&mut offers, [0, 0]), []);
    assert_eq!(said(&mut offers, [10, 20]), [(one, 10), (other, 520)]);
    assert_eq!(said(&mut offers, [10, 21]), [(other, 521)]);
    assert_eq!(said(&mut offers, [10, 21]), []);
}
