use super::{Arrival, Ledger, Lost};
use std::collections::BTreeSet;

#[test]
fn all_is_well() {
    let mut ledger = Ledger::new(None);
    let stream = ledger.stream(1);
    for at in 0..100 {
        assert_eq!(ledger.sent(stream), at);
        if at % 2 == 0 {
            // The copy may be ahead of the answer.
            assert_eq!(ledger.arrived(stream, 0, 0, at, false), Arrival::First);
            ledger.acknowledged(stream, at);
        } else {
            ledger.acknowledged(stream, at);
            assert_eq!(ledger.outstanding(), 1);
            assert_eq!(ledger.arrived(stream, 0, 0, at, false), Arrival::First);
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
    assert_eq!(ledger.arrived(stream, 0, 0, 0, false), Arrival::First);
    assert_eq!(ledger.arrived(stream, 0, 0, 0, false), Arrival::Duplicate);
    assert_eq!(ledger.arrived(stream, 0, 0, 2, false), Arrival::First);
    assert_eq!(ledger.arrived(stream, 0, 0, 1, false), Arrival::Late);
    assert_eq!(ledger.arrived(stream, 0, 0, 4, false), Arrival::First);
    assert_eq!(ledger.arrived(stream, 0, 0, 6, false), Arrival::Unknown);
    assert_eq!(ledger.arrived(stream, 1, 0, 0, false), Arrival::Unknown);
    let counts = ledger.counts();
    assert_eq!(counts.forged, 2);
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
        ledger.arrived(stream, 0, 0, at, false);
    }
    assert_eq!(ledger.arrived(stream, 0, 1, 1, false), Arrival::Redelivered);
    assert_eq!(ledger.arrived(stream, 0, 1, 2, false), Arrival::Redelivered);
    assert_eq!(ledger.arrived(stream, 0, 1, 3, false), Arrival::First);
    assert_eq!(ledger.arrived(stream, 0, 1, 2, false), Arrival::Duplicate);
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
    assert_eq!(ledger.arrived(stream, 0, 0, 0, false), Arrival::First);
    assert_eq!(ledger.arrived(stream, 1, 0, 0, false), Arrival::Unknown);
    assert_eq!(ledger.counts().lost, 1);
    assert_eq!(ledger.arrived(stream, 2, 0, 0, false), Arrival::First);
    assert_eq!(ledger.counts().lost, 0);
}

#[test]
fn a_first_copy_on_a_later_connection_may_not_be_below_what_came_before() {
    let mut ledger = Ledger::new(None);
    let stream = ledger.stream(1);
    for at in 0..4 {
        ledger.sent(stream);
        ledger.acknowledged(stream, at);
    }
    ledger.arrived(stream, 0, 0, 0, false);
    ledger.arrived(stream, 0, 0, 2, false);
    // On the next connection it begins where the server thinks that it is, which may be before what came.
    assert_eq!(ledger.arrived(stream, 0, 1, 0, false), Arrival::Redelivered);
    assert_eq!(ledger.arrived(stream, 0, 1, 1, false), Arrival::Late);
    assert_eq!(ledger.arrived(stream, 0, 1, 2, false), Arrival::Redelivered);
    assert_eq!(ledger.arrived(stream, 0, 1, 3, false), Arrival::First);
    // A copy again, out of order on its own connection.
    assert_eq!(ledger.arrived(stream, 0, 2, 3, false), Arrival::Redelivered);
    assert_eq!(ledger.arrived(stream, 0, 2, 2, false), Arrival::Redelivered);
    let counts = ledger.counts();
    assert_eq!((counts.reordered, counts.redelivered, counts.lost), (2, 4, 0));
}

#[test]
fn where_a_dialect_may_send_again_a_second_copy_is_no_duplicate() {
    let mut ledger = Ledger::new(None);
    let stream = ledger.stream(1);
    ledger.sent(stream);
    ledger.sent(stream);
    for (at, again) in [(0, false), (1, false), (0, true), (1, true)] {
        ledger.arrived(stream, 0, 0, at, again);
    }
    assert_eq!(ledger.arrived(stream, 0, 0, 1, false), Arrival::Duplicate);
    let counts = ledger.counts();
    assert_eq!((counts.redelivered, counts.duplicated, counts.reordered), (2, 1, 0));
}

#[test]
fn what_was_never_answered_is_all_members_or_nobodys() {
    let mut ledger = Ledger::new(Some(100));
    let circle = ledger.circle(4);
    let stream = ledger.poster(circle, 0);
    for _ in 0..4 {
        ledger.sent(stream);
    }
    // 0 reaches nobody; 1 reaches one before it is given up, 2 one after it; 3 is silent, and reaches everybody.
    ledger.arrived(stream, 1, 0, 1, false);
    for at in 0..3 {
        ledger.unanswered(stream, at);
    }
    ledger.silent(stream, 3);
    assert_eq!(ledger.outstanding(), 2);
    ledger.arrived(stream, 2, 0, 2, false);
    assert_eq!(ledger.outstanding(), 4);
    ledger.arrived(stream, 3, 0, 2, false);
    for member in 1..4 {
        ledger.arrived(stream, member, 0, 3, false);
    }
    assert_eq!(ledger.outstanding(), 3);
    let counts = ledger.counts();
    assert_eq!((counts.torn, counts.lost, counts.unanswered, counts.silent), (3, 0, 3, 1));
}

#[test]
fn two_members_see_the_posts_of_two_in_one_order() {
    let seen = |second: [usize; 2]| {
        let mut ledger = Ledger::new(Some(100));
        let circle = ledger.circle(4);
        let streams = [0, 1].map(|member| ledger.poster(circle, member));
        for stream in streams {
            ledger.sent(stream);
            ledger.acknowledged(stream, 0);
        }
        for (member, order) in [(2, [0, 1]), (3, second)] {
            for at in order {
                assert_eq!(ledger.arrived(streams[at], member, 0, 0, false), Arrival::First);
            }
        }
        let counts = ledger.counts();
        assert_eq!(counts.reordered, 0);
        counts.disagreed
    };
    assert_eq!((seen([0, 1]), seen([1, 0])), (0, 1));
}

/// Ten posts while a member was away, of which it gets `got` of the newest. Before that, it may have missed some while it was
/// there.
fn away(catch_up: u32, got: u32, missed_before: u32) -> (u64, u64) {
    let mut ledger = Ledger::new(Some(catch_up));
    let circle = ledger.circle(2);
    let stream = ledger.poster(circle, 0);
    for at in 0..15 {
        ledger.sent(stream);
        ledger.acknowledged(stream, at);
        if (missed_before..5).contains(&at) {
            ledger.arrived(stream, 1, 0, at, false);
        }
    }
    ledger.returned(circle, 1);
    for at in 15 - got..15 {
        ledger.arrived(stream, 1, 1, at, false);
    }
    // What is lost after the return has no excuse.
    ledger.sent(stream);
    ledger.acknowledged(stream, 15);
    let counts = ledger.counts();
    (counts.beyond_catch_up, counts.lost)
}

#[test]
fn the_catch_up_excuses_what_it_explains_and_no_more() {
    assert_eq!(away(10, 10, 0), (0, 1));
    assert_eq!(away(4, 4, 0), (6, 1));
    assert_eq!(away(4, 3, 0), (6, 2));
    assert_eq!(away(10, 9, 0), (0, 2));
    assert_eq!(away(100, 0, 0), (0, 11));
    // What was lost while it was there is not forgiven because it went later.
    assert_eq!(away(4, 4, 3), (6, 4));
    assert_eq!(away(10, 10, 3), (0, 4));
}

#[test]
fn refused_posts_and_older_absences_widen_no_excuse() {
    let mut ledger = Ledger::new(Some(4));
    let circle = ledger.circle(2);
    let stream = ledger.poster(circle, 0);
    // Ten are refused, and then five acknowledged, while the member is away: four come, one may be missing.
    for at in 0..15 {
        ledger.sent(stream);
        if at < 10 { ledger.refused(stream, at) } else { ledger.acknowledged(stream, at) }
    }
    ledger.returned(circle, 1);
    for at in 12..15 {
        ledger.arrived(stream, 1, 1, at, false);
    }
    let counts = ledger.counts();
    assert_eq!((counts.beyond_catch_up, counts.lost), (1, 1));
    // It goes and comes once more, and nothing was posted: that forgives nothing.
    ledger.returned(circle, 1);
    assert_eq!(ledger.counts().lost, 1);
}

#[test]
fn an_absence_that_ends_before_the_catch_up_came_is_one_with_the_next() {
    let mut ledger = Ledger::new(Some(4));
    let circle = ledger.circle(2);
    let stream = ledger.poster(circle, 0);
    let post = |ledger: &mut Ledger, at| {
        ledger.sent(stream);
        ledger.acknowledged(stream, at);
    };
    (0..10).for_each(|at| post(&mut ledger, at));
    ledger.returned(circle, 1);
    ledger.arrived(stream, 1, 1, 6, false);
    (10..13).for_each(|at| post(&mut ledger, at));
    // 7, 8, 9 were on their way; of the six behind 6 the newest four come.
    ledger.returned(circle, 1);
    (9..13).for_each(|at| assert_eq!(ledger.arrived(stream, 1, 2, at, false), Arrival::First));
    let counts = ledger.counts();
    assert_eq!((counts.beyond_catch_up, counts.lost, counts.reordered), (8, 0, 0));
}

#[test]
fn ones_own_posts_take_room_in_the_catch_up() {
    let mut ledger = Ledger::new(Some(4));
    let circle = ledger.circle(2);
    let (theirs, mine) = (ledger.poster(circle, 0), ledger.poster(circle, 1));
    // Three of theirs that the member does not read any more, two of its own, two of theirs: of seven the newest four are its own two
    // and their last two.
    for (stream, counters) in [(theirs, 0..3), (mine, 0..2), (theirs, 3..5)] {
        for at in counters {
            ledger.sent(stream);
            ledger.acknowledged(stream, at);
        }
    }
    ledger.returned(circle, 1);
    (3..5).for_each(|at| assert_eq!(ledger.arrived(theirs, 1, 1, at, false), Arrival::First));
    (0..2).for_each(|at| assert_eq!(ledger.arrived(mine, 0, 0, at, false), Arrival::First));
    let counts = ledger.counts();
    assert_eq!((counts.beyond_catch_up, counts.lost), (3, 0));
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
                    let late_at_all = got[to].last().is_some_and(|last| *last > counter);
                    let expected = match (now[to].insert(counter), got[to].insert(counter)) {
                        (false, _) => Arrival::Duplicate,
                        (true, false) => Arrival::Redelivered,
                        (true, true) if late_at_all => Arrival::Late,
                        (true, true) => Arrival::First,
                    };
                    duplicated += u64::from(expected == Arrival::Duplicate);
                    redelivered += u64::from(expected == Arrival::Redelivered);
                    reordered += u64::from(expected == Arrival::Late || (late && expected == Arrival::Redelivered));
                    assert_eq!(ledger.arrived(stream, index(to), connection[to], counter, false), expected);
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

#[test]
fn what_is_lost_is_told_one_by_one() {
    let mut ledger = Ledger::new(Some(1));
    let private = ledger.stream(1);
    for _ in 0..4 {
        let counter = ledger.sent(private);
        ledger.acknowledged(private, counter);
    }
    ledger.arrived(private, 0, 1, 0, false);
    ledger.arrived(private, 0, 1, 2, false);
    let message = |counter| Lost::Message { stream: private, counter, receiver: 0 };
    assert_eq!(ledger.lost(9), [message(1), message(3)]);
    assert_eq!(ledger.lost(1), [message(1)]);

    let circle = ledger.circle(2);
    let posts = ledger.poster(circle, 0);
    for _ in 0..3 {
        let counter = ledger.sent(posts);
        ledger.acknowledged(posts, counter);
    }
    // Back after three posts, of which it is to get one; it gets nothing, not even what is sent then.
    ledger.returned(circle, 1);
    let counter = ledger.sent(posts);
    ledger.acknowledged(posts, counter);
    let expected = [
        message(1),
        message(3),
        Lost::Message { stream: posts, counter: 3, receiver: 1 },
        Lost::Posts { group: 0, member: 1, missing: 3, explained: 2 },
    ];
    assert_eq!(ledger.lost(9), expected);
    assert_eq!(ledger.counts().lost, 4);
}
