use super::*;
use crate::settings::ActorSettings;
use crate::store::rocks::Recovery;
use crate::store::rows::{FriendRow, NthRow};
use crate::store::schema::{Remembered, remembered};
use protocol::Instance;

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

// ---- where an installation's row of messages begins and ends

const ONE: Option<Instance> = Some(Instance([1; 16]));
const A: UserId = UserId(10_000);

/// As the ledger remembers a message: one more place, and `first` after what it forgets.
fn remember(desk: &mut Desk, from: UserId, instance: Option<Instance>, number: u64, first: u64) {
    let known = desk.repeats(from, instance).unwrap();
    (known.first..first).for_each(|nth| desk.delete_repeat(remembered(from, instance, Remembered::Nth(nth))));
    let (nth, next) = (known.next, known.next + 1);
    let row = NthRow { number, live: Some(next - first) };
    desk.put_repeat(remembered(from, instance, Remembered::Nth(nth)), &row);
    desk.put_repeat(remembered(from, instance, Remembered::Number(number)), &Number(0));
    let highest = Some(known.highest.map_or(number, |highest| highest.max(number)));
    desk.put_repeats(from, instance, Repeats { first, next, highest, rest_until_ms: 0 });
}

fn ends(known: Repeats) -> (u64, u64, Option<u64>) {
    (known.first, known.next, known.highest)
}

#[test]
fn a_row_is_found_again_from_its_end() {
    let (_folder, rocks, mut desk) = desk();
    assert_eq!(ends(desk.repeats(A, ONE).unwrap()), (0, 0, None));
    for (number, first) in [(5, 0), (9, 0), (7, 1), (8, 2)] {
        remember(&mut desk, A, ONE, number, first);
    }
    assert_eq!(ends(desk.repeats(A, ONE).unwrap()), (2, 4, Some(9)), "what is staged counts");
    commit(&mut desk);
    assert_eq!(ends(desk.repeats(A, ONE).unwrap()), (2, 4, Some(9)));
    // After a restart; and another installation has a row of its own.
    let mut desk = Desk::new(rocks.clone());
    assert_eq!(ends(desk.repeats(A, ONE).unwrap()), (2, 4, Some(9)));
    assert_eq!(ends(desk.repeats(A, None).unwrap()), (0, 0, None));
    assert_eq!(ends(desk.repeats(UserId(10_001), ONE).unwrap()), (0, 0, None));
    // Nobody looks through what was forgotten: not even a row that lies there would be seen.
    let dedup = rocks.family(Family::Dedup).unwrap();
    let forgotten = remembered(A, ONE, Remembered::Nth(0));
    rocks.db().put_cf(dedup, &forgotten, rows::encode(&Number(5)).unwrap()).unwrap();
    assert_eq!(ends(Desk::new(rocks.clone()).repeats(A, ONE).unwrap()), (2, 4, Some(9)));
}

#[test]
fn a_row_of_before_its_length_was_written_down_is_sought_from_its_beginning() {
    let (_folder, rocks, mut desk) = desk();
    let dedup = rocks.family(Family::Dedup).unwrap();
    for nth in 3..6 {
        let value = rows::encode(&Number(nth)).unwrap();
        rocks.db().put_cf(dedup, remembered(A, ONE, Remembered::Nth(nth)), value).unwrap();
    }
    assert_eq!(ends(desk.repeats(A, ONE).unwrap()), (3, 6, None));
    remember(&mut desk, A, ONE, 40, 4);
    commit(&mut desk);
    assert_eq!(ends(Desk::new(rocks).repeats(A, ONE).unwrap()), (4, 7, Some(40)));
}

/// More installations than are remembered: whoever was put out of memory is found again as it was, and while a batch is open
/// nobody is.
#[test]
fn what_was_put_out_of_memory_is_found_again() {
    let (_folder, _rocks, mut desk) = desk();
    let many = u64::try_from(INSTALLATIONS).unwrap() * 5 / 4;
    for user in 0..many {
        remember(&mut desk, UserId(user), ONE, user, 0);
    }
    let is_known = |desk: &mut Desk, user| desk.installations.get(&(UserId(user), ONE)).is_some();
    assert!((0..many).all(|user| is_known(&mut desk, user)), "the database does not have them yet");
    commit(&mut desk);
    let forgotten = (0..many).filter(|user| !is_known(&mut desk, *user)).count();
    assert!(forgotten > 0, "there is a bound");
    for user in 0..many {
        assert_eq!(ends(desk.repeats(UserId(user), ONE).unwrap()), (0, 1, Some(user)));
    }
    remember(&mut desk, UserId(0), ONE, 3, 1);
    assert_eq!(ends(desk.repeats(UserId(0), ONE).unwrap()), (1, 2, Some(3)));
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
