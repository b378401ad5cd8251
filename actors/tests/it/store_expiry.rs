//! Requests that nobody answers: each ends once, told to both, whatever happens in between.

use crate::store_fixture::{Fixture, NOW, name, roomy};
use actors::store::{InboxItem, Lapse, Op, Outcome};
use protocol::{FriendPolicy, GroupId, JoinPolicy, MessagePolicy, Refusal, Seq, UserId, Verdict};

const DAY_MS: u64 = 24 * 3_600_000;
const TTL_MS: u64 = 7 * DAY_MS;

fn ask(from: UserId, to: UserId) -> Op {
    Op::Befriend { from, to, special: false, reason: "".into() }
}

fn expire(f: &mut Fixture) -> Vec<Lapse> {
    match f.does(Op::Expire).unwrap() {
        Outcome::Expired(lapses) => lapses,
        other => panic!("{other:?}"),
    }
}

/// Asker and asked of each.
fn friends(lapses: &[Lapse]) -> Vec<(UserId, UserId)> {
    let pair = |lapse: &Lapse| match lapse {
        Lapse::Friend { asker, asked, .. } => (asker.id, asked.id),
        other => panic!("{other:?}"),
    };
    lapses.iter().map(pair).collect()
}

fn news(f: &Fixture, user: UserId) -> Vec<InboxItem> {
    f.reader.inbox(user, Seq(0), 999, 1 << 20).unwrap().rows.into_iter().map(|(_, item)| item).collect()
}

fn told(f: &Fixture, user: UserId) -> Vec<(UserId, UserId)> {
    let pair = |item| match item {
        InboxItem::FriendRequestExpired { asker, asked } => (asker.id, asked.id),
        other => panic!("{other:?}"),
    };
    news(f, user).into_iter().map(pair).collect()
}

#[test]
fn a_request_ends_to_the_millisecond_and_once() {
    let mut f = Fixture::with(roomy());
    let (ann, ben) = (f.shy("ann"), f.shy("ben"));
    assert_eq!(expire(&mut f), []);
    assert_eq!(f.ledger.next_due(), None);
    f.does(ask(ann, ben)).unwrap();
    assert_eq!(f.ledger.next_due(), Some(NOW + TTL_MS));
    f.now += TTL_MS - 1;
    assert_eq!(expire(&mut f), []);
    assert_eq!(f.login(ben).friend_requests.len(), 1);
    f.now += 1;
    let lapses = expire(&mut f);
    let [Lapse::Friend { asker, asked, told_asker, told_asked }] = &lapses[..] else { panic!("{lapses:?}") };
    assert_eq!((asker.id, asked.id, *told_asker, *told_asked), (ann, ben, Seq(1), Seq(1)));
    let mut f = f.reopen();
    assert_eq!(expire(&mut f), []);
    assert_eq!((told(&f, ann), told(&f, ben)), (vec![(ann, ben)], vec![(ann, ben)]));
    assert_eq!(f.ledger.next_due(), None);
    assert!(matches!(f.does(ask(ann, ben)), Ok(Outcome::FriendAsked { again: false, .. })));
}

#[test]
fn what_was_answered_or_withdrawn_does_not_end() {
    let mut f = Fixture::with(roomy());
    let people: Vec<_> = (0..5).map(|n| f.shy(&format!("p{n}"))).collect();
    let [ann, ben, cid, dan, eve] = people[..] else { panic!() };
    for to in [ben, cid, dan, eve] {
        f.does(ask(ann, to)).unwrap();
    }
    let answer = |user, verdict| Op::AnswerFriend { user, asker: ann, verdict, special: false, reason: "".into() };
    f.does(answer(ben, Verdict::Accept)).unwrap();
    f.does(answer(cid, Verdict::Reject)).unwrap();
    f.does(ask(dan, ann)).unwrap(); // crossing
    f.does(Op::SetPolicy { user: eve, add: Some(FriendPolicy::Open), message: None }).unwrap();
    f.does(ask(ann, eve)).unwrap(); // at once
    let before = people.iter().map(|user| f.reader.inbox_head(*user).unwrap()).collect::<Vec<_>>();
    let mut f = f.reopen();
    f.now += TTL_MS;
    assert_eq!(expire(&mut f), []);
    assert_eq!(people.iter().map(|user| f.reader.inbox_head(*user).unwrap()).collect::<Vec<_>>(), before);
}

#[test]
fn many_end_in_parts_oldest_first() {
    let mut f = Fixture::with(roomy());
    let ann = f.shy("ann");
    let askers: Vec<_> = (0..300).map(|n| f.shy(&format!("p{n}"))).collect();
    for (nth, asker) in askers.iter().enumerate() {
        f.stage(ask(*asker, ann)).unwrap();
        f.now += u64::from(nth % 3 == 0); // some at the same time
    }
    f.commit();
    let mut f = f.reopen();
    f.now += TTL_MS;
    // Both parts of one batch: the second sees what the first has done.
    let parts = [f.stage(Op::Expire), f.stage(Op::Expire), f.stage(Op::Expire)];
    f.commit();
    let parts = parts.map(|part| match part {
        Ok(Outcome::Expired(lapses)) => friends(&lapses),
        other => panic!("{other:?}"),
    });
    assert_eq!(parts.each_ref().map(Vec::len), [256, 44, 0]);
    let expected: Vec<_> = askers.iter().map(|asker| (*asker, ann)).collect();
    assert_eq!(parts.concat(), expected);
    assert_eq!(told(&f, ann), expected);
    assert!(askers.iter().all(|asker| told(&f, *asker) == [(*asker, ann)]));
}

#[test]
fn those_that_do_not_fit_are_due_at_once() {
    let mut f = Fixture::with(roomy());
    let ann = f.shy("ann");
    for n in 0..257 {
        let asker = f.shy(&format!("p{n}"));
        f.does(ask(asker, ann)).unwrap();
    }
    f.now += TTL_MS;
    assert_eq!(expire(&mut f).len(), 256);
    assert_eq!(f.ledger.next_due(), Some(NOW + TTL_MS));
    assert_eq!(expire(&mut f).len(), 1);
    assert_eq!(f.ledger.next_due(), None);
}

#[test]
fn what_is_staged_ends_too() {
    let mut f = Fixture::with(roomy());
    let (ann, ben, cid) = (f.shy("ann"), f.shy("ben"), f.shy("cid"));
    f.does(ask(ann, ben)).unwrap();
    f.stage(ask(ann, cid)).unwrap();
    f.stage(Op::AnswerFriend { user: ben, asker: ann, verdict: Verdict::Reject, special: false, reason: "".into() })
        .unwrap();
    f.now += TTL_MS;
    let Ok(Outcome::Expired(lapses)) = f.stage(Op::Expire) else { panic!() };
    assert_eq!(friends(&lapses), [(ann, cid)]);
    f.commit();
    assert_eq!(told(&f, cid), [(ann, cid)]);
}

#[test]
fn who_asks_again_before_it_was_told_asks_anew() {
    let mut f = Fixture::with(roomy());
    let (ann, ben) = (f.shy("ann"), f.shy("ben"));
    f.does(ask(ann, ben)).unwrap();
    f.now += TTL_MS;
    assert!(f.login(ben).friend_requests.is_empty());
    assert!(matches!(f.does(ask(ann, ben)), Ok(Outcome::FriendAsked { again: false, .. })));
    assert_eq!(expire(&mut f), [], "it goes on");
    assert_eq!(f.ledger.next_due(), Some(f.now + TTL_MS));
    f.now += TTL_MS;
    assert_eq!(friends(&expire(&mut f)), [(ann, ben)]);
    assert_eq!((told(&f, ann).len(), told(&f, ben).len()), (1, 1));
}

#[test]
fn expired_requests_do_not_fill_a_list() {
    let mut f = Fixture::new(); // two may wait
    let ann = f.shy("ann");
    let askers: Vec<_> = (0..4).map(|n| f.shy(&format!("p{n}"))).collect();
    f.does(ask(askers[0], ann)).unwrap();
    f.does(ask(askers[1], ann)).unwrap();
    assert_eq!(f.does(ask(askers[2], ann)), Err(Refusal::ListFull));
    f.now += TTL_MS;
    f.does(ask(askers[2], ann)).unwrap();
    assert_eq!(friends(&expire(&mut f)), [(askers[0], ann), (askers[1], ann)], "and none is lost by that");
    let asking: Vec<_> = f.login(ann).friend_requests.into_iter().map(|asking| asking.asker.id).collect();
    assert_eq!(asking, [askers[2]]);
}

#[test]
fn a_clock_that_goes_back_loses_none() {
    let mut f = Fixture::with(roomy());
    let (ann, ben, cid) = (f.shy("ann"), f.shy("ben"), f.shy("cid"));
    f.does(ask(ann, ben)).unwrap();
    f.now += TTL_MS;
    assert_eq!(expire(&mut f).len(), 1);
    // Before what has been swept already.
    f.now = NOW - 30 * DAY_MS;
    f.does(ask(ann, cid)).unwrap();
    assert_eq!(expire(&mut f), []);
    let mut f = f.reopen();
    assert_eq!(expire(&mut f), []);
    assert_eq!(f.login(cid).friend_requests.len(), 1);
    f.now = NOW + TTL_MS - 1;
    assert_eq!(expire(&mut f), []);
    f.now += 1;
    assert_eq!(friends(&expire(&mut f)), [(ann, cid)]);
    // A clock from long ago.
    f.now = 5;
    f.does(ask(ann, cid)).unwrap();
    assert_eq!(expire(&mut f), []);
}

#[test]
fn requests_to_join_end_for_the_asker_and_the_owner() {
    let mut f = Fixture::with(roomy());
    let (ann, ben) = (f.user("ann"), f.user("ben"));
    let group = f.group(ann, "g", JoinPolicy::Approval).group.id;
    let join = |user| Op::Join { user, group, reason: "".into() };
    f.does(join(ben)).unwrap();
    f.now += TTL_MS;
    let lapses = expire(&mut f);
    let [Lapse::Join { group: lapsed, asker, told, managers }] = &lapses[..] else { panic!("{lapses:?}") };
    assert_eq!((lapsed.id, asker.id, *told, &managers[..]), (group, ben, Seq(1), &[(ann, Seq(1))][..]));
    for user in [ann, ben] {
        let news = news(&f, user);
        let [InboxItem::JoinRequestExpired { group: of, asker }] = &news[..] else { panic!("{news:?}") };
        assert_eq!((of.id, asker.id), (group, ben));
    }
    // Answered: not.
    f.does(join(ben)).unwrap();
    f.does(Op::AnswerJoin { user: ann, group, member: ben, verdict: Verdict::Accept, reason: "".into() }).unwrap();
    f.now += TTL_MS;
    assert_eq!(expire(&mut f), []);
}

#[test]
fn a_group_that_all_have_left_takes_its_requests_along() {
    let mut f = Fixture::with(roomy());
    let (ann, ben) = (f.user("ann"), f.user("ben"));
    let group: GroupId = f.group(ann, "g", JoinPolicy::Approval).group.id;
    f.does(Op::Join { user: ben, group, reason: "".into() }).unwrap();
    f.does(Op::Leave { user: ann, group }).unwrap();
    f.now += TTL_MS;
    assert_eq!(expire(&mut f), []);
    assert_eq!(news(&f, ben), []);
}

/// A number as postcard writes it.
fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let byte = u8::try_from(number & 0x7f).unwrap();
        number >>= 7;
        if number == 0 {
            bytes.push(byte);
            return bytes;
        }
        bytes.push(byte | 0x80);
    }
}

/// A database as version 1 wrote it: requests without an index, some in rows of their first version.
#[test]
fn requests_of_a_database_from_before_end_too() {
    let mut f = Fixture::with(roomy());
    let (ann, ben, cid) = (f.shy("ann"), f.shy("ben"), f.shy("cid"));
    let group = f.group(ann, "g", JoinPolicy::Approval).group.id;
    f.does(ask(ann, ben)).unwrap();
    f.now += 1;
    f.does(Op::Join { user: cid, group, reason: "".into() }).unwrap();
    let f = f.reopen();
    let data = f.killed("older");
    {
        let families = ["state", "log", "inbox", "dedup"];
        let mut db = rocksdb::DB::open_cf(&rocksdb::Options::default(), data.join("db"), families).unwrap();
        db.drop_cf("dedup").unwrap();
        let state = db.cf_handle("state").unwrap();
        let due: Vec<_> =
            db.prefix_iterator_cf(state, [27]).map(|row| row.unwrap().0).filter(|key| key[0] == 27).collect();
        assert_eq!(due.len(), 2);
        for key in due {
            db.delete_cf(state, key).unwrap();
        }
        let key = [&[10][..], &ben.0.to_be_bytes(), &cid.0.to_be_bytes()].concat();
        let row = [&[1, 7][..], &varint(NOW + 2), &[3], b"cid"].concat();
        db.put_cf(state, key, row).unwrap();
        db.put_cf(state, [1, 1], [1, 1]).unwrap();
    }
    for _ in 0..2 {
        let mut ledger = f.open(&data).unwrap();
        assert_eq!(ledger.stage(Op::Expire, NOW + TTL_MS - 1), Ok(Outcome::Expired(Vec::new())));
        ledger.close(NOW).unwrap();
    }
    let mut ledger = f.open(&data).unwrap();
    assert!(matches!(ledger.stage(ask(cid, ben), NOW + 9), Ok(Outcome::FriendAsked { again: true, .. })));
    let Ok(Outcome::Expired(lapses)) = ledger.stage(Op::Expire, NOW + TTL_MS + 2) else { panic!() };
    let [first, Lapse::Join { asker, .. }, last] = &lapses[..] else { panic!("{lapses:?}") };
    assert_eq!(asker.id, cid);
    assert_eq!(
        (friends(std::slice::from_ref(first)), friends(std::slice::from_ref(last))),
        (vec![(ann, ben)], vec![(cid, ben)])
    );
    assert_eq!(ledger.stage(Op::Expire, NOW + TTL_MS + 3), Ok(Outcome::Expired(Vec::new())));
    // Whoever is new to it sees no difference.
    let new = Op::CreateAccount {
        name: name("dan"),
        password_hash: String::new(),
        add: FriendPolicy::Confirm,
        message: MessagePolicy::Anyone,
    };
    ledger.stage(new, NOW).unwrap();
    ledger.close(NOW).unwrap();
}
