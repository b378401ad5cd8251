use super::*;
use crate::settings::ActorSettings;
use crate::store::ops::Destination;
use crate::store::rocks::Recovery;
use crate::store::rows::{Firsts, FriendRow, NthRow, Numbered, RunRow, SentRow, Since};
use crate::store::schema::{Remembered, remembered};
use protocol::{Body, Instance};

/// A desk over a database of its own, which is gone with the folder.
fn desk() -> (tempfile::TempDir, Arc<Rocks>, Desk) {
    let folder = tempfile::tempdir().unwrap();
    let settings: ActorSettings = toml::from_str(include_str!("../../../../settings.toml")).unwrap();
    let rocks = Arc::new(Rocks::open(folder.path(), &settings.storage, Recovery::Strict).unwrap());
    let desk = Desk::new(rocks.clone());
    (folder, rocks, desk)
}

fn commit(desk: &mut Desk) {
    let batch = desk.take();
    desk.rocks.db().write(batch).unwrap();
    desk.settle();
}

const ROW: FriendRow<'_> = FriendRow { nth: 0, at_ms: 0, name: "x", special: false, remark: "" };

/// Whether two people are friends is asked for every message between friends only.
#[test]
fn what_was_read_or_committed_is_not_read_again() {
    let (_folder, rocks, mut desk) = desk();
    let state = rocks.family(Family::State).unwrap();
    let (one, other) = (Table::Friend.two(1, 2), Table::Friend.two(2, 1));
    assert!(!desk.has(&one).unwrap());
    // Behind the desk's back: only a look into the database would see it.
    rocks.db().put_cf(state, &one, rows::encode(&ROW).unwrap()).unwrap();
    assert!(!desk.has(&one).unwrap());
    desk.put(other.clone(), &ROW);
    commit(&mut desk);
    rocks.db().delete_cf(state, &other).unwrap();
    assert!(desk.has(&other).unwrap());
}

#[test]
fn what_is_staged_counts_at_once_and_is_remembered_only_when_it_is_committed() {
    let (_folder, rocks, mut desk) = desk();
    let key = Table::Friend.two(1, 2);
    assert!(!desk.has(&key).unwrap());
    desk.put(key.clone(), &ROW);
    assert!(desk.has(&key).unwrap());
    assert_eq!(desk.rows.get(&key), Some(&None), "it is not there yet");
    let batch = desk.take();
    assert_eq!(desk.rows.get(&key), Some(&None), "the commit may fail");
    assert!(desk.has(&key).unwrap());
    rocks.db().write(batch).unwrap();
    desk.settle();
    assert!(desk.rows.get(&key).is_some_and(Option::is_some));
    desk.delete(key.clone());
    assert!(!desk.has(&key).unwrap());
    assert!(desk.rows.get(&key).is_some_and(Option::is_some), "it still is there");
    commit(&mut desk);
    assert_eq!(desk.rows.get(&key), Some(&None));
    assert!(!desk.has(&key).unwrap());
}

// ---- what is known of an installation's messages

const ONE: Option<Instance> = Some(Instance([1; 16]));
const A: UserId = UserId(10_000);
const B: UserId = UserId(10_001);

/// As the ledger writes a message to [`B`] and remembers it.
fn remember(desk: &mut Desk, from: UserId, instance: Option<Instance>, number: u64) {
    let to = Destination::User(B);
    let head = desk.head(Line::Log(to.conversation(from))).unwrap();
    let mut known = desk.repeats(from, instance).unwrap();
    let numbered = known.climbs(number).then_some(Numbered { instance, number, hash: None });
    let row = LogRow { from, at_ms: 0, numbered, body: Body::text("x") };
    let seq = desk.append_log(to.conversation(from), head, &row);
    let Added { nth, row } = known.add(number, to, seq, 1);
    let key = |what| remembered(from, instance, what);
    match row {
        Needs::Nothing => {}
        Needs::Run(ends) => desk.put_repeat(key(Remembered::Run(number)), &RunRow::new(nth, 0, seq, to, ends)),
        Needs::Place(ends) => {
            desk.put_repeat(key(Remembered::Number(number)), &SentRow::new(nth, 0, seq, to, [0; 32]));
            desk.put_repeat(key(Remembered::Nth(nth)), &NthRow { number, since: Since::Ends(ends) });
        }
    }
    desk.put_repeats(from, instance, known);
}

/// The next place, the highest number, the first run's number, and from where on there are places.
type Ends = (u64, Option<u64>, u64, Option<u64>);

fn ends(desk: &mut Desk, from: UserId, instance: Option<Instance>) -> Ends {
    let Repeats { next, highest, firsts, .. } = desk.repeats(from, instance).unwrap();
    (next, highest, firsts.runs, firsts.ordered)
}

#[test]
fn an_installation_is_found_again_whatever_came_last() {
    let (_folder, rocks, mut desk) = desk();
    assert_eq!(ends(&mut desk, A, ONE), (0, None, 0, None));
    let cases = [
        (5, (1, Some(5), 5, None)),
        (6, (2, Some(6), 5, None)),
        (9, (3, Some(9), 5, None)),
        (7, (4, Some(9), 5, Some(3))), // not above all
        (8, (5, Some(9), 5, Some(3))),
        (10, (6, Some(10), 5, Some(3))),
        (6, (7, Some(10), 5, Some(3))), // once more, and now it has a place
    ];
    for (number, expected) in cases {
        remember(&mut desk, A, ONE, number);
        assert_eq!(ends(&mut desk, A, ONE), expected, "{number} staged");
        commit(&mut desk);
        assert_eq!(ends(&mut desk, A, ONE), expected, "{number} committed");
        assert_eq!(ends(&mut Desk::new(rocks.clone()), A, ONE), expected, "{number} after a restart");
    }
    // Others are on their own.
    assert_eq!(ends(&mut desk, A, None), (0, None, 0, None));
    assert_eq!(ends(&mut desk, UserId(10_001), ONE), (0, None, 0, None));
}

/// Nobody looks through what was forgotten: not even a row that lies there would be seen.
#[test]
fn what_was_forgotten_is_not_looked_through() {
    let (_folder, rocks, mut desk) = desk();
    for number in [5, 3, 9] {
        remember(&mut desk, A, ONE, number);
    }
    let mut known = desk.repeats(A, ONE).unwrap();
    known.firsts = Firsts { runs: 6, ordered: None, climbing: None };
    desk.put_repeats(A, ONE, known);
    remember(&mut desk, A, ONE, 8); // which ends the run, so that the next has a row
    remember(&mut desk, A, ONE, 10);
    commit(&mut desk);
    let dedup = rocks.family(Family::Dedup).unwrap();
    rocks.db().put_cf(dedup, remembered(A, ONE, Remembered::Nth(2)), b"no row").unwrap();
    rocks.db().put_cf(dedup, remembered(A, ONE, Remembered::Run(4)), b"no row").unwrap();
    assert_eq!(ends(&mut Desk::new(rocks.clone()), A, ONE), (5, Some(10), 6, Some(3)));
}

/// All messages had a row that said their place, with how many were remembered, or without.
#[test]
fn an_installation_of_before_is_found_again() {
    for (live, first) in [(Some(2), 4), (None, 3)] {
        let (_folder, rocks, mut desk) = desk();
        let dedup = rocks.family(Family::Dedup).unwrap();
        let put = |what, value: &[u8]| rocks.db().put_cf(dedup, remembered(A, ONE, what), value).unwrap();
        // The numbers 30, 40 and 20, at the places from 3 on; of those before is nothing left.
        for (nth, number) in [(3, 30), (4, 40), (5, 20)] {
            let row = [&[1, nth, 0, 1, 0, 9][..], &[7; 32]].concat();
            put(Remembered::Number(number.into()), &row);
            match live {
                Some(live) => put(Remembered::Nth(nth.into()), &[2, number, 1, live]),
                None => put(Remembered::Nth(nth.into()), &[1, number]),
            }
        }
        // Whatever its number, one may have climbed that a newer program remembered before.
        assert_eq!(ends(&mut desk, A, ONE), (6, Some(40), 0, Some(first)));
        remember(&mut desk, A, ONE, 50);
        commit(&mut desk);
        assert_eq!(ends(&mut Desk::new(rocks), A, ONE), (7, Some(50), 0, Some(first)));
    }
}

/// Damage that was accepted may have taken any row.
#[test]
fn an_installation_that_lost_rows_goes_on() {
    let (_folder, rocks, mut desk) = desk();
    let dedup = rocks.family(Family::Dedup).unwrap();
    for number in [5, 6, 6] {
        remember(&mut desk, A, ONE, number);
    }
    commit(&mut desk);
    rocks.db().delete_cf(dedup, remembered(A, ONE, Remembered::Nth(2))).unwrap();
    assert_eq!(ends(&mut Desk::new(rocks.clone()), A, ONE), (2, Some(6), 5, None), "as its messages say");
    rocks.db().delete_cf(dedup, remembered(A, ONE, Remembered::Number(6))).unwrap();
    assert_eq!(ends(&mut Desk::new(rocks.clone()), A, ONE), (2, Some(6), 5, None), "as its messages say");
    rocks.db().delete_cf(dedup, remembered(A, ONE, Remembered::Run(5))).unwrap();
    assert_eq!(ends(&mut Desk::new(rocks), A, ONE), (0, None, 0, None));
}

#[test]
fn rows_from_a_place_on_are_as_the_open_batch_leaves_them() {
    let (_folder, _rocks, mut desk) = desk();
    for number in [9, 5, 6, 8] {
        remember(&mut desk, A, ONE, number);
        remember(&mut desk, A, None, number);
    }
    commit(&mut desk);
    desk.delete_repeat(remembered(A, ONE, Remembered::Number(6)));
    remember(&mut desk, A, ONE, 8);
    remember(&mut desk, A, ONE, 7);
    let seen = |most| {
        let rows = desk.repeats_from(A, ONE, Remembered::Number(6), most).unwrap();
        let nth = |row: Small| rows::decode::<SentRow>(b"k", &row).unwrap().nth;
        rows.into_iter().map(|(number, row)| (number, row.map(nth))).collect::<Vec<_>>()
    };
    assert_eq!(seen(9), [(6, None), (8, Some(4))], "7 is not committed yet");
    assert_eq!(seen(1), [(6, None)]);
    assert!(desk.repeats_are_staged());
    commit(&mut desk);
    assert!(!desk.repeats_are_staged());
}

/// More installations than are remembered: whoever was put out of memory is found again as it was, and while a batch is open
/// nobody is.
#[test]
fn what_was_put_out_of_memory_is_found_again() {
    let (_folder, _rocks, mut desk) = desk();
    let many = u64::try_from(INSTALLATIONS).unwrap() * 5 / 4;
    for user in 0..many {
        remember(&mut desk, UserId(user), ONE, user);
    }
    let is_known = |desk: &mut Desk, user| desk.installations.get(&(UserId(user), ONE)).is_some();
    assert!((0..many).all(|user| is_known(&mut desk, user)), "the database does not have them yet");
    commit(&mut desk);
    let forgotten = (0..many).filter(|user| !is_known(&mut desk, *user)).count();
    assert!(forgotten > 0, "there is a bound");
    for user in 0..many {
        assert_eq!(ends(&mut desk, UserId(user), ONE), (1, Some(user), user, None));
    }
    remember(&mut desk, UserId(0), ONE, 3);
    assert_eq!(ends(&mut desk, UserId(0), ONE), (2, Some(3), 0, None));
}

/// The number of those whom somebody blocks is kept apart, and may be lost where a damage was accepted.
#[test]
fn who_is_blocked_is_blocked_whatever_their_number_is_said_to_be() {
    let (_folder, rocks, mut desk) = desk();
    let state = rocks.family(Family::State).unwrap();
    let (by, who) = (UserId(1), UserId(2));
    rocks.db().put_cf(state, Table::Block.two(by.0, who.0), []).unwrap();
    assert!(desk.is_blocked(by, who).unwrap());
    assert!(!desk.is_blocked(by, UserId(3)).unwrap());
    assert!(!desk.is_blocked(who, by).unwrap());
    desk.delete(Table::Block.two(by.0, who.0));
    desk.blocks_changed(by);
    assert!(!desk.is_blocked(by, who).unwrap());
}
