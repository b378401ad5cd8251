use super::{Arrival, Ledger};
use std::collections::BTreeSet;

#[test]
fn all_is_well() {
    let mut ledger = Ledger::new(None);
    let stream = ledger.stream(1);
    for at in 0..100 {
        assert_eq!(ledger.sent(stream), at);
        if at % 2 == 0 {
            // The copy may be ahead of the answer.
            assert_eq!(ledger.arrived(stream, 0, 0, at), Arrival::First);
            ledger.acknowledged(stream, at);
        } else {
            ledger.acknowledged(stream, at);
            assert_eq!(ledger.outstanding(), 1);
            assert_eq!(ledger.arrived(stream, 0, 0, at), Arrival::First);
        }
    }
    assert_eq!(ledger.outstanding(), 0);
    let counts = ledger.counts();
    assert_eq!((counts.sent, counts.acknowledged, counts.delivered), (100, 100, 100));
    assert_eq!((counts.lost, counts.duplicated, counts.reordered, counts.ghosts), (0, 0, 0, 0));
}

#[test]
fn every_fault_is_counted_as_what_it_is() {
    let mut ledger = Ledger::new(None);
    let stream = ledger.stream(1);
    for _ in 0..6 {
        ledger.sent(stream);
    }
    for at in [0, 1, 2, 3] {
        ledger.acknowledged(stream, at);
    }
    ledger.refused(stream, 4);
    ledger.unanswered(stream, 5);
    assert_eq!(ledger.arrived(stream, 0, 0, 0), Arrival::First);
    assert_eq!(ledger.arrived(stream, 0, 0, 0), Arrival::Duplicate);
    assert_eq!(ledger.arrived(stream, 0, 0, 2), Arrival::First);
    assert_eq!(ledger.arrived(stream, 0, 0, 1), Arrival::Late);
    assert_eq!(ledger.arrived(stream, 0, 0, 4), Arrival::First);
    assert_eq!(ledger.arrived(stream, 0, 0, 6), Arrival::Unknown);
    assert_eq!(ledger.arrived(stream, 1, 0, 0), Arrival::Unknown);
    let counts = ledger.counts();
    assert_eq!(counts.lost, 1, "3 never came");
    assert_eq!(counts.duplicated, 1);
    assert_eq!(counts.reordered, 1);
    assert_eq!(counts.ghosts, 1);
    assert_eq!((counts.refused, counts.unanswered, counts.redelivered), (1, 1, 0));
    // A ghost may also come before its refusal.
    ledger.refused(stream, 0);
    assert_eq!(ledger.counts().ghosts, 2);
}

#[test]
fn a_copy_on_a_later_connection_is_no_duplicate() {
    let mut ledger = Ledger::new(None);
    let stream = ledger.stream(1);
    for at in 0..4 {
        ledger.sent(stream);
        ledger.acknowledged(stream, at);
    }
    for at in 0..3 {
        ledger.arrived(stream, 0, 0, at);
    }
    assert_eq!(ledger.arrived(stream, 0, 1, 1), Arrival::Redelivered);
    assert_eq!(ledger.arrived(stream, 0, 1, 2), Arrival::Redelivered);
    assert_eq!(ledger.arrived(stream, 0, 1, 3), Arrival::First);
    assert_eq!(ledger.arrived(stream, 0, 1, 2), Arrival::Duplicate);
    let counts = ledger.counts();
    assert_eq!((counts.redelivered, counts.duplicated, counts.reordered, counts.lost), (2, 1, 0, 0));
}

#[test]
fn a_group_owes_everybody_but_the_writer() {
    let mut ledger = Ledger::new(Some(100));
    let circle = ledger.circle(3);
    let stream = ledger.poster(circle, 1);
    ledger.sent(stream);
    ledger.acknowledged(stream, 0);
    assert_eq!(ledger.outstanding(), 2);
    assert_eq!(ledger.arrived(stream, 0, 0, 0), Arrival::First);
    assert_eq!(ledger.arrived(stream, 1, 0, 0), Arrival::Unknown);
    assert_eq!(ledger.counts().lost, 1);
    assert_eq!(ledger.arrived(stream, 2, 0, 0), Arrival::First);
    assert_eq!(ledger.counts().lost, 0);
}

/// Ten posts while a member was away, of which it gets `got` of the newest.
fn away(catch_up: u32, got: u32) -> (u64, u64) {
    let mut ledger = Ledger::new(Some(catch_up));
    let circle = ledger.circle(2);
    let stream = ledger.poster(circle, 0);
    for at in 0..15 {
        ledger.sent(stream);
        ledger.acknowledged(stream, at);
        if at < 5 {
            ledger.arrived(stream, 1, 0, at);
        }
    }
    ledger.returned(circle, 1);
    for at in 15 - got..15 {
        ledger.arrived(stream, 1, 1, at);
    }
    // What is lost after the return has no excuse.
    ledger.sent(stream);
    ledger.acknowledged(stream, 15);
    let counts = ledger.counts();
    (counts.beyond_catch_up, counts.lost)
}

#[test]
fn the_catch_up_excuses_what_it_explains_and_no_more() {
    assert_eq!(away(10, 10), (0, 1));
    assert_eq!(away(4, 4), (6, 1));
    assert_eq!(away(4, 3), (6, 2));
    assert_eq!(away(10, 9), (0, 2));
    assert_eq!(away(100, 0), (0, 11));
}

#[test]
fn random_runs_count_as_a_naive_book_does() {
    let mut random = fastrand::Rng::with_seed(11);
    for _ in 0..200 {
        let mut ledger = Ledger::new(None);
        let stream = ledger.stream(2);
        let sent = random.u32(1..60);
        for _ in 0..sent {
            ledger.sent(stream);
        }
        let mut acknowledged = BTreeSet::new();
        let mut got = [BTreeSet::new(), BTreeSet::new()];
        let mut now = [BTreeSet::new(), BTreeSet::new()];
        let mut connection = [0, 0];
        let (mut duplicated, mut redelivered, mut reordered) = (0, 0, 0);
        for _ in 0..200 {
            let counter = random.u32(0..sent);
            let to = random.usize(0..2);
            match random.u32(0..10) {
                0 => {
                    connection[to] += 1;
                    now[to].clear();
                }
                1..=4 => {
                    ledger.acknowledged(stream, counter);
                    acknowledged.insert(counter);
                }
                _ => {
                    let late = now[to].last().is_some_and(|last| *last > counter);
                    let expected = match (now[to].insert(counter), got[to].insert(counter)) {
                        (false, _) => Arrival::Duplicate,
                        (true, false) => Arrival::Redelivered,
                        (true, true) if late => Arrival::Late,
                        (true, true) => Arrival::First,
                    };
                    duplicated += u64::from(expected == Arrival::Duplicate);
                    redelivered += u64::from(expected == Arrival::Redelivered);
                    reordered += u64::from(late && expected != Arrival::Duplicate);
                    assert_eq!(ledger.arrived(stream, index(to), connection[to], counter), expected);
                }
            }
        }
        let missing = got.iter().map(|got| acknowledged.difference(got).count() as u64).sum::<u64>();
        let counts = ledger.counts();
        assert_eq!(counts.lost, missing);
        assert_eq!(ledger.outstanding(), missing);
        assert_eq!((counts.duplicated, counts.redelivered, counts.reordered), (duplicated, redelivered, reordered));
        assert_eq!(counts.delivered, got.iter().map(|got| got.len() as u64).sum::<u64>());
    }
}

fn index(at: usize) -> u32 {
    u32::try_from(at).unwrap()
}
