//! Special friends: whose word each side's row keeps, and databases from before there were any.

use crate::store_fixture::{Fixture, NOW, create};
use actors::store::{Ledger, Op, Outcome};
use protocol::{FriendPolicy, MessagePolicy, Refusal, UserId, Verdict};

const DAY: u64 = 24 * 3600 * 1000;

fn befriend(from: UserId, to: UserId, special: bool) -> Op {
    Op::Befriend { from, to, special, reason: Box::default() }
}

fn accept(user: UserId, asker: UserId, special: bool) -> Op {
    Op::AnswerFriend { user, asker, verdict: Verdict::Accept, special, reason: Box::default() }
}

fn set(user: UserId, friend: UserId, special: bool) -> Op {
    Op::SetFriend { user, friend, special }
}

/// How somebody sees its friends: what a list says, which is what a login says.
fn seen(f: &Fixture, user: UserId) -> Vec<(UserId, bool)> {
    let friends = f.reader.friends(user, false).unwrap();
    assert_eq!(friends, f.login(user).friends);
    friends.iter().map(|friend| (friend.person.id, friend.special)).collect()
}

fn waiting(f: &Fixture, user: UserId) -> Vec<(UserId, bool)> {
    f.login(user).friend_requests.iter().map(|asking| (asking.asker.id, asking.special)).collect()
}

#[test]
fn each_side_has_its_own_word() {
    for (asker, answerer) in [(false, false), (false, true), (true, false), (true, true)] {
        let mut f = Fixture::new();
        let (ann, ben) = (f.user("ann"), f.shy("ben"));
        let Ok(Outcome::FriendAsked { special, again: false, .. }) = f.does(befriend(ann, ben, asker)) else {
            panic!()
        };
        assert_eq!(special, asker);
        assert_eq!(waiting(&f, ben), [(ann, asker)]);
        let mut f = f.reopen();
        assert_eq!(waiting(&f, ben), [(ann, asker)], "as it is shown again at the next login");
        f.does(accept(ben, ann, answerer)).unwrap();
        assert_eq!((seen(&f, ann), seen(&f, ben)), (vec![(ben, asker)], vec![(ann, answerer)]));
        let f = f.reopen();
        assert_eq!((seen(&f, ann), seen(&f, ben)), (vec![(ben, asker)], vec![(ann, answerer)]));
    }
}

#[test]
fn who_takes_friends_unasked_has_given_no_word() {
    let mut f = Fixture::new();
    let (ann, ben) = (f.user("ann"), f.user("ben"));
    f.does(befriend(ann, ben, true)).unwrap();
    assert_eq!((seen(&f, ann), seen(&f, ben)), (vec![(ben, true)], vec![(ann, false)]));
}

#[test]
fn both_words_of_crossing_requests_count() {
    for (first, second) in [(false, false), (false, true), (true, false), (true, true)] {
        let mut f = Fixture::new();
        let (ann, ben) = (f.shy("ann"), f.shy("ben"));
        f.does(befriend(ann, ben, first)).unwrap();
        assert!(matches!(f.does(befriend(ben, ann, second)), Ok(Outcome::Befriended { told: Some(_), .. })));
        assert_eq!((seen(&f, ann), seen(&f, ben)), (vec![(ben, first)], vec![(ann, second)]));
        assert!(waiting(&f, ann).is_empty() && waiting(&f, ben).is_empty());
    }
    // Crossing somebody who has become open since is still crossing.
    let mut f = Fixture::new();
    let (ann, ben) = (f.user("ann"), f.shy("ben"));
    f.does(befriend(ann, ben, true)).unwrap();
    f.does(befriend(ben, ann, false)).unwrap();
    assert_eq!((seen(&f, ann), seen(&f, ben)), (vec![(ben, true)], vec![(ann, false)]));
}

#[test]
fn the_word_of_an_expired_request_is_forgotten() {
    let mut f = Fixture::new();
    let (ann, ben) = (f.user("ann"), f.shy("ben"));
    f.does(befriend(ann, ben, true)).unwrap();
    f.now += 7 * DAY;
    assert!(matches!(f.does(befriend(ben, ann, false)), Ok(Outcome::Befriended { told: None, .. })));
    assert_eq!((seen(&f, ann), seen(&f, ben)), (vec![(ben, false)], vec![(ann, false)]));
}

#[test]
fn asking_again_changes_the_word_and_nothing_else() {
    let mut f = Fixture::new();
    let (ann, ben, eve) = (f.user("ann"), f.shy("ben"), f.user("eve"));
    f.does(befriend(ann, ben, false)).unwrap();
    f.does(befriend(eve, ben, true)).unwrap();
    f.now += DAY;
    for special in [true, true, false, true] {
        let said = f.does(befriend(ann, ben, special)).unwrap();
        assert!(matches!(said, Outcome::FriendAsked { again: true, special: said, .. } if said == special));
        assert_eq!(waiting(&f, ben), [(ann, special), (eve, true)], "in its old place");
    }
    f.now += 6 * DAY;
    assert!(waiting(&f, ben).is_empty(), "and with its old time");
}

#[test]
fn a_side_changes_its_mind_and_the_other_does_not() {
    let mut f = Fixture::new();
    let (ann, ben, eve) = (f.user("ann"), f.user("ben"), f.user("eve"));
    assert_eq!(f.does(set(ann, ben, true)), Err(Refusal::NotFriends));
    assert_eq!(f.does(set(ann, ann, true)), Err(Refusal::NotFriends));
    assert_eq!(f.does(set(ann, UserId(5), true)), Err(Refusal::NotFriends), "and says nothing about who exists");
    f.does(befriend(ann, ben, false)).unwrap();
    f.does(befriend(ann, eve, true)).unwrap();
    let said = f.does(set(ann, ben, true)).unwrap();
    assert!(matches!(said, Outcome::FriendSet { friend, special: true } if friend.id == ben));
    assert_eq!(seen(&f, ann), [(ben, true), (eve, true)], "in the old order");
    assert_eq!(seen(&f, ben), [(ann, false)]);
    f.does(set(ben, ann, true)).unwrap();
    f.does(set(ann, ben, false)).unwrap();
    assert_eq!((seen(&f, ann)[0], seen(&f, ben)[0]), ((ben, false), (ann, true)));
    f.does(Op::Unfriend { user: ben, friend: ann }).unwrap();
    assert_eq!(f.does(set(ann, ben, true)), Err(Refusal::NotFriends));
    f.does(befriend(ann, ben, false)).unwrap();
    assert_eq!(seen(&f, ben), [(ann, false)], "an end of a friendship is the end of what was set");
}

#[test]
fn words_of_one_batch_are_seen_in_it() {
    let mut f = Fixture::new();
    let (ann, ben) = (f.user("ann"), f.shy("ben"));
    f.stage(befriend(ann, ben, false)).unwrap();
    f.stage(befriend(ann, ben, true)).unwrap();
    f.stage(accept(ben, ann, false)).unwrap();
    f.stage(set(ben, ann, true)).unwrap();
    assert!(f.reader.friends(ann, false).unwrap().is_empty(), "readers see what is committed");
    f.commit();
    assert_eq!((seen(&f, ann), seen(&f, ben)), (vec![(ben, true)], vec![(ann, true)]));
}

/// Rows as they were written before there were special friends.
#[test]
fn friends_and_requests_of_before_are_still_there() {
    let mut f = Fixture::new();
    let [ann, ben, eve] = ["ann", "ben", "eve"].map(|name| {
        match f.does(create(name, FriendPolicy::Confirm, MessagePolicy::Friends)).unwrap() {
            Outcome::AccountCreated { user } => user.id,
            other => panic!("{other:?}"),
        }
    });
    let data = f.killed("before");
    {
        let families = ["state", "log", "inbox", "dedup"];
        let db = rocksdb::DB::open_cf(&rocksdb::Options::default(), data.join("db"), families).unwrap();
        let state = db.cf_handle("state").unwrap();
        let put = |table: u8, of: UserId, other: UserId, nth: u8, at_ms: &[u8], name: &str| {
            let key = [&[table][..], &of.0.to_be_bytes(), &other.0.to_be_bytes()].concat();
            let row = [&[1, nth][..], at_ms, &[3], name.as_bytes()].concat();
            db.put_cf(state, key, row).unwrap();
        };
        put(8, ann, ben, 0, &[1], "ben");
        put(8, ben, ann, 0, &[1], "ann");
        // NOW as postcard writes it.
        put(10, ann, eve, 0, &[0x80, 0xd0, 0x95, 0xff, 0xbc, 0x31], "eve");
        for of in [ann, ben] {
            db.put_cf(state, [&[9][..], &of.0.to_be_bytes()].concat(), [1, 1, 1]).unwrap();
        }
    }
    let ledger = f.open(&data).unwrap();
    let mut f = Fixture { reader: ledger.reader(), ledger, ..f };
    assert_eq!((seen(&f, ann), seen(&f, ben)), (vec![(ben, false)], vec![(ann, false)]));
    assert_eq!(waiting(&f, ann), [(eve, false)]);
    assert_eq!(f.does(befriend(ann, ben, true)), Err(Refusal::AlreadyFriends));
    f.does(set(ann, ben, true)).unwrap();
    assert!(matches!(f.does(befriend(eve, ann, true)), Ok(Outcome::FriendAsked { again: true, .. })));
    assert_eq!(waiting(&f, ann), [(eve, true)]);
    f.does(accept(ann, eve, false)).unwrap();
    assert_eq!(seen(&f, ann), [(ben, true), (eve, false)]);
    assert_eq!((seen(&f, ben), seen(&f, eve)), (vec![(ann, false)], vec![(ann, true)]));
    f.does(Op::Unfriend { user: ben, friend: ann }).unwrap();
    f.ledger.close(NOW).unwrap();
    drop(f.reader);
    let ledger = Ledger::open(&data, f.settings.clone(), false).unwrap();
    assert_eq!(ledger.reader().friends(ann, false).unwrap().len(), 1);
}
