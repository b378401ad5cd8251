//! Accounts and friendships: every operation, every refusal, and batches that see each other.

use crate::store_fixture::{Fixture, NOW, Pretended, create, folder, name, private, roomy, settings};
use actors::store::space::Room;
use actors::store::{InboxItem, Ledger, Mark, Op, Outcome};
use protocol::{FriendPolicy, MessagePolicy, NameKey, Refusal, Seq, UserId, Verdict};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const DAY: u64 = 24 * 3600 * 1000;

fn befriend(from: UserId, to: UserId) -> Op {
    Op::Befriend { from, to, special: false, reason: Box::default() }
}

fn answer(user: UserId, asker: UserId, verdict: Verdict) -> Op {
    Op::AnswerFriend { user, asker, verdict, special: false, reason: Box::default() }
}

#[test]
fn accounts_have_numbers_from_10000_and_names_once() {
    let mut f = Fixture::new();
    let ann = f.user("Ann");
    let ben = f.user("李雷");
    assert_eq!((ann, ben), (UserId(10_000), UserId(10_001)));
    assert_eq!(f.does(create("ANN", FriendPolicy::Open, MessagePolicy::Anyone)), Err(Refusal::NameTaken));
    assert_eq!(f.user("copa"), UserId(10_002), "a refusal costs no number");
    let lookalike = create("сора", FriendPolicy::Open, MessagePolicy::Anyone); // in Cyrillic letters
    assert_eq!(f.does(lookalike), Err(Refusal::NameTaken));
    assert_eq!(f.reader.user_by_name(&NameKey::of("aNN")).unwrap(), Some(ann));
    assert_eq!(f.reader.user_by_name(&NameKey::of("李雷")).unwrap(), Some(ben));
    assert_eq!(f.reader.user_by_name(&NameKey::of("nobody")).unwrap(), None);
    assert_eq!(f.reader.account(ann).unwrap().unwrap().person.name.as_str(), "Ann");
    assert_eq!(f.reader.account(UserId(1)).unwrap(), None);
    assert_eq!(f.reader.credentials(ann).unwrap().as_deref(), Some("hash of Ann"));
    assert_eq!(f.reader.credentials(UserId(1)).unwrap(), None);
    assert!(f.reader.login_state(UserId(1), NOW, f.settings.friend.request_ttl(), false).unwrap().is_none());
}

#[test]
fn passwords_and_policies_change() {
    let mut f = Fixture::new();
    let ann = f.user("ann");
    assert_eq!(f.does(Op::SetPassword { user: ann, password_hash: "new".into() }), Ok(Outcome::PasswordSet));
    assert_eq!(f.reader.credentials(ann).unwrap().as_deref(), Some("new"));
    let only_add = Op::SetPolicy { user: ann, add: Some(FriendPolicy::Confirm), message: None };
    let set = Outcome::PolicySet { user: ann, add: FriendPolicy::Confirm, message: MessagePolicy::Anyone };
    assert_eq!(f.does(only_add), Ok(set));
    let only_message = Op::SetPolicy { user: ann, add: None, message: Some(MessagePolicy::Friends) };
    let set = Outcome::PolicySet { user: ann, add: FriendPolicy::Confirm, message: MessagePolicy::Friends };
    assert_eq!(f.does(only_message), Ok(set));
    let account = f.reader.account(ann).unwrap().unwrap();
    assert_eq!((account.add, account.message), (FriendPolicy::Confirm, MessagePolicy::Friends));
    let stranger = UserId(1);
    assert_eq!(f.does(Op::SetPassword { user: stranger, password_hash: String::new() }), Err(Refusal::NoSuchUser));
    assert_eq!(f.does(Op::SetPolicy { user: stranger, add: None, message: None }), Err(Refusal::NoSuchUser));
}

#[test]
fn an_open_account_is_a_friend_at_once() {
    let mut f = Fixture::new();
    let (ann, ben) = (f.user("ann"), f.user("ben"));
    let Ok(Outcome::Befriended { from, to, told: None, .. }) = f.does(befriend(ann, ben)) else { panic!() };
    assert_eq!((from.id, to.id), (ann, ben));
    assert!(f.reader.are_friends(ann, ben).unwrap() && f.reader.are_friends(ben, ann).unwrap());
    assert_eq!(f.does(befriend(ann, ben)), Err(Refusal::AlreadyFriends));
    assert_eq!(f.does(befriend(ben, ann)), Err(Refusal::AlreadyFriends));
    assert_eq!(f.does(befriend(ann, ann)), Err(Refusal::Yourself));
    assert_eq!(f.does(befriend(ann, UserId(5))), Err(Refusal::NoSuchUser));
    assert_eq!(f.reader.inbox_head(ben).unwrap(), Seq(0), "an open add leaves no notice");
    assert!(matches!(f.does(Op::Unfriend { user: ben, friend: ann }), Ok(Outcome::Unfriended { .. })));
    assert_eq!(f.does(Op::Unfriend { user: ann, friend: ben }), Err(Refusal::NotFriends));
    assert!(!f.reader.are_friends(ann, ben).unwrap() && !f.reader.are_friends(ben, ann).unwrap());
    assert!(f.friend_names(ann).is_empty() && f.friend_names(ben).is_empty());
}

#[test]
fn friends_come_in_the_order_in_which_they_became_so() {
    let mut f = Fixture::new();
    let people = ["zoe", "ann", "max"].map(|name| f.user(name));
    let me = f.user("me");
    for at in [1, 0, 2] {
        f.now -= 3_600_000; // the clock goes back an hour each time
        f.does(befriend(me, people[at])).unwrap();
    }
    assert_eq!(f.friend_names(me), ["ann", "zoe", "max"]);
    let login = f.login(me);
    assert_eq!(login.friends, f.reader.friends(me, false).unwrap());
}

#[test]
fn a_shy_account_is_asked_and_answers() {
    let mut f = Fixture::new();
    let (ann, ben, eve) = (f.user("ann"), f.shy("ben"), f.user("eve"));
    assert!(matches!(f.does(befriend(ann, ben)), Ok(Outcome::FriendAsked { again: false, .. })));
    assert!(matches!(f.does(befriend(ann, ben)), Ok(Outcome::FriendAsked { again: true, .. })));
    assert!(matches!(f.does(befriend(eve, ben)), Ok(Outcome::FriendAsked { again: false, .. })));
    let waiting: Vec<UserId> = f.login(ben).friend_requests.iter().map(|asking| asking.asker.id).collect();
    assert_eq!(waiting, [ann, eve]);
    let Ok(Outcome::FriendAnswered { accepted: true, told: Seq(1), user, asker, .. }) =
        f.does(answer(ben, ann, Verdict::Accept))
    else {
        panic!()
    };
    assert_eq!((user.id, asker.id), (ben, ann));
    assert!(matches!(
        f.does(answer(ben, eve, Verdict::Reject)),
        Ok(Outcome::FriendAnswered { accepted: false, told: Seq(1), .. })
    ));
    assert_eq!(f.does(answer(ben, eve, Verdict::Accept)), Err(Refusal::NoSuchRequest), "answered already");
    assert!(f.reader.are_friends(ann, ben).unwrap() && !f.reader.are_friends(eve, ben).unwrap());
    assert!(f.login(ben).friend_requests.is_empty());
    let notice = |user| f.reader.inbox(user, Seq(0), 10, 1000).unwrap().rows.remove(0).1;
    assert!(matches!(notice(ann), InboxItem::FriendAccepted { friend, .. } if friend.id == ben));
    assert!(matches!(notice(eve), InboxItem::FriendRejected { friend, .. } if friend.id == ben));
}

#[test]
fn crossing_requests_make_friends() {
    let mut f = Fixture::new();
    let (ann, ben) = (f.shy("ann"), f.shy("ben"));
    f.does(befriend(ann, ben)).unwrap();
    let Ok(Outcome::Befriended { from, told: Some(Seq(1)), .. }) = f.does(befriend(ben, ann)) else { panic!() };
    assert_eq!(from.id, ben);
    let page = f.reader.inbox(ann, Seq(0), 10, 1000).unwrap();
    assert!(matches!(&page.rows[0].1, InboxItem::FriendAccepted { friend, .. } if friend.id == ben));
    assert_eq!(f.does(answer(ben, ann, Verdict::Accept)), Err(Refusal::NoSuchRequest));
    f.does(Op::Unfriend { user: ann, friend: ben }).unwrap();
    assert!(f.login(ben).friend_requests.is_empty(), "no request is left over");
}

#[test]
fn requests_expire() {
    let mut f = Fixture::new();
    let (ann, ben) = (f.user("ann"), f.shy("ben"));
    f.does(befriend(ann, ben)).unwrap();
    f.now += 7 * DAY - 1;
    assert_eq!(f.login(ben).friend_requests.len(), 1);
    assert!(matches!(f.does(befriend(ann, ben)), Ok(Outcome::FriendAsked { again: true, .. })));
    f.now += 1;
    assert!(f.login(ben).friend_requests.is_empty());
    assert_eq!(f.does(answer(ben, ann, Verdict::Accept)), Err(Refusal::NoSuchRequest));
    assert!(matches!(f.does(befriend(ann, ben)), Ok(Outcome::FriendAsked { again: false, .. })), "anew");
    f.now -= 30 * DAY;
    assert_eq!(f.login(ben).friend_requests.len(), 1, "a clock that went back makes none expire");
    f.now += 60 * DAY;
    assert!(matches!(f.does(befriend(ben, ann)), Ok(Outcome::Befriended { told: None, .. })), "too old to cross");
}

#[test]
fn lists_are_bounded() {
    let mut f = Fixture::new(); // 3 friends, 2 requests
    let me = f.shy("me");
    let others = ["a", "b", "c", "d"].map(|name| f.user(name));
    for other in others.into_iter().take(2) {
        f.does(befriend(other, me)).unwrap();
    }
    assert_eq!(f.does(befriend(others[2], me)), Err(Refusal::ListFull), "requests");
    f.now += 8 * DAY;
    f.does(befriend(others[2], me)).unwrap(); // expired ones make room
    f.does(befriend(others[3], me)).unwrap();
    f.does(answer(me, others[2], Verdict::Accept)).unwrap();
    f.does(befriend(me, others[0])).unwrap();
    f.does(befriend(me, others[1])).unwrap();
    assert_eq!(f.does(answer(me, others[3], Verdict::Accept)), Err(Refusal::ListFull), "friends");
    assert_eq!(f.login(me).friend_requests.len(), 1, "the refused answer changed nothing");
    let e = f.user("e");
    assert_eq!(f.does(befriend(me, e)), Err(Refusal::ListFull));
    assert_eq!(f.does(befriend(e, me)), Err(Refusal::ListFull));
    f.does(Op::Unfriend { user: me, friend: others[0] }).unwrap();
    f.does(answer(me, others[3], Verdict::Accept)).unwrap();
    assert_eq!(f.friend_names(me), ["c", "b", "d"]);
}

#[test]
fn operations_of_one_batch_see_each_other() {
    let mut f = Fixture::new();
    let Ok(Outcome::AccountCreated { user: ann }) =
        f.stage(create("ann", FriendPolicy::Confirm, MessagePolicy::Friends))
    else {
        panic!()
    };
    assert_eq!(f.stage(create("Ann", FriendPolicy::Open, MessagePolicy::Anyone)), Err(Refusal::NameTaken));
    let Ok(Outcome::AccountCreated { user: ben }) = f.stage(create("ben", FriendPolicy::Open, MessagePolicy::Anyone))
    else {
        panic!()
    };
    assert_eq!(f.stage(private(ben.id, ann.id, "x")), Err(Refusal::NotFriends));
    assert!(matches!(f.stage(befriend(ben.id, ann.id)), Ok(Outcome::FriendAsked { .. })));
    assert!(matches!(f.stage(answer(ann.id, ben.id, Verdict::Accept)), Ok(Outcome::FriendAnswered { .. })));
    assert!(matches!(f.stage(private(ben.id, ann.id, "x")), Ok(Outcome::Private { .. })));
    assert!(matches!(f.stage(Op::Unfriend { user: ann.id, friend: ben.id }), Ok(Outcome::Unfriended { .. })));
    assert_eq!(f.stage(private(ben.id, ann.id, "y")), Err(Refusal::NotFriends));
    assert!(matches!(f.stage(befriend(ben.id, ann.id)), Ok(Outcome::FriendAsked { again: false, .. })));
    assert_eq!(f.ledger.staged_ops(), 7);
    assert!(f.ledger.staged_bytes() > 100);
    assert_eq!(f.reader.user_by_name(&name("ann").key()).unwrap(), None, "readers see nothing before the commit");
    f.commit();
    assert_eq!((f.ledger.staged_ops(), f.reader.user_by_name(&name("ann").key()).unwrap()), (0, Some(ann.id)));
    let asking = f.login(ann.id).friend_requests;
    assert!(matches!(&asking[..], [one] if one.asker == ben && !one.special));
}

#[test]
fn a_disk_that_is_nearly_full_takes_nothing_new() {
    let free = Pretended(Arc::new(AtomicU64::new(u64::MAX)));
    let folder = folder();
    let mut settings = settings();
    settings.storage.min_free_bytes = 16 << 20;
    let ledger = Ledger::open_with(folder.path(), settings, false, Some(Box::new(free.clone()))).unwrap();
    let mut f = Fixture { reader: ledger.reader(), ledger, settings: roomy(), now: NOW, folder };
    let (ann, ben) = (f.user("ann"), f.user("ben"));
    f.writes(ann, ben, "x").unwrap();
    free.0.store(10 << 20, Ordering::Relaxed);
    assert_eq!(f.writes(ann, ben, "y"), Err(Refusal::StorageFull));
    assert_eq!(f.does(befriend(ann, ben)), Err(Refusal::StorageFull));
    assert_eq!(f.ledger.health().room, Room::Little);
    assert_eq!(f.does(Op::Advance { user: ben, marks: vec![Mark::Inbox(Seq(1))] }), Ok(Outcome::Advanced));
    assert_eq!(f.login(ben).inbox_cursor, Seq(1), "receipts and logins go on");
    free.0.store(1 << 20, Ordering::Relaxed);
    assert_eq!(f.does(Op::Advance { user: ben, marks: vec![Mark::Inbox(Seq(1))] }), Ok(Outcome::Advanced));
    assert_eq!(f.ledger.health().room, Room::None);
    free.0.store(u64::MAX, Ordering::Relaxed);
    assert_eq!(f.writes(ann, ben, "z"), Ok((Seq(2), Seq(2))), "the refused one left no gap");
    assert_eq!(f.ledger.health().background_errors, 0);
}
