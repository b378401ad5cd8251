//! Requests and answers while somebody is away: what a login finds, once and not again, across any stop.

use crate::store_fixture::{Fixture, private};
use actors::store::{InboxItem, Mark, Op, Outcome};
use protocol::{Body, Refusal, Seq, UserId, Verdict};

const DAY: u64 = 24 * 3600 * 1000;

fn befriend(from: UserId, to: UserId) -> Op {
    Op::Befriend { from, to, special: false, reason: Box::default() }
}

fn answer(user: UserId, asker: UserId, verdict: Verdict) -> Op {
    Op::AnswerFriend { user, asker, verdict, special: false, reason: Box::default() }
}

fn friends_only(from: UserId, to: UserId) -> Op {
    Op::Private { from, to, body: Body::text("x"), friends_only: true, stamp: None }
}

/// What waits for somebody behind its cursor, as its next login finds it.
fn news(f: &Fixture, user: UserId) -> Vec<(UserId, bool)> {
    let rows = f.reader.inbox(user, f.login(user).inbox_cursor, 10, 1000).unwrap().rows;
    let said = rows.into_iter().map(|(_, item)| match item {
        InboxItem::FriendAccepted { friend, .. } => (friend.id, true),
        InboxItem::FriendRejected { friend, .. } => (friend.id, false),
        other => panic!("{other:?}"),
    });
    said.collect()
}

#[test]
fn a_request_waits_for_its_answer_through_stops_and_kills() {
    let mut f = Fixture::new();
    let (ann, ben) = (f.user("ann"), f.shy("ben"));
    f.does(befriend(ann, ben)).unwrap();
    let mut f = f.reopen();
    for _ in 0..3 {
        let asking: Vec<UserId> = f.login(ben).friend_requests.iter().map(|asking| asking.asker.id).collect();
        assert_eq!(asking, [ann], "at every login");
    }
    let killed = f.open(&f.killed("killed")).unwrap();
    let state = killed.reader().login_state(ben, f.now, f.settings.friend.request_ttl(), false).unwrap().unwrap();
    assert_eq!(state.friend_requests, f.login(ben).friend_requests);
    drop(killed);
    f.does(answer(ben, ann, Verdict::Accept)).unwrap();
    assert!(f.reopen().login(ben).friend_requests.is_empty());
}

#[test]
fn an_answer_waits_for_the_asker_and_comes_once() {
    let mut f = Fixture::new();
    let (ann, ben, eve) = (f.user("ann"), f.shy("ben"), f.shy("eve"));
    f.does(befriend(ann, ben)).unwrap();
    f.does(befriend(ann, eve)).unwrap();
    f.does(answer(ben, ann, Verdict::Accept)).unwrap();
    f.does(answer(eve, ann, Verdict::Reject)).unwrap();
    let mut f = f.reopen();
    assert_eq!(news(&f, ann), [(ben, true), (eve, false)]);
    assert_eq!(news(&f, ann), [(ben, true), (eve, false)], "until they are received");
    assert!(news(&f, ben).is_empty() && news(&f, eve).is_empty(), "who answered knows");
    f.does(Op::Advance { user: ann, marks: vec![Mark::Inbox(Seq(1))] }).unwrap();
    let mut f = f.reopen();
    assert_eq!(news(&f, ann), [(eve, false)]);
    f.does(Op::Advance { user: ann, marks: vec![Mark::Inbox(Seq(2))] }).unwrap();
    let f = f.reopen();
    assert!(news(&f, ann).is_empty());
    assert_eq!(f.friend_names(ann), ["ben"]);
}

#[test]
fn who_was_rejected_may_ask_again() {
    let mut f = Fixture::new();
    let (ann, ben) = (f.user("ann"), f.shy("ben"));
    f.does(befriend(ann, ben)).unwrap();
    f.does(answer(ben, ann, Verdict::Reject)).unwrap();
    assert!(matches!(f.does(befriend(ann, ben)), Ok(Outcome::FriendAsked { again: false, .. })));
    f.does(answer(ben, ann, Verdict::Accept)).unwrap();
    assert_eq!(news(&f, ann), [(ben, false), (ben, true)]);
}

#[test]
fn an_expired_request_is_gone_for_everybody() {
    let mut f = Fixture::new();
    let (ann, ben) = (f.user("ann"), f.shy("ben"));
    f.does(befriend(ann, ben)).unwrap();
    f.now += 7 * DAY;
    let mut f = f.reopen();
    assert!(f.login(ben).friend_requests.is_empty());
    for verdict in [Verdict::Accept, Verdict::Reject] {
        assert_eq!(f.does(answer(ben, ann, verdict)), Err(Refusal::NoSuchRequest));
    }
    assert!(news(&f, ann).is_empty(), "the asker learns nothing either");
    assert!(matches!(f.does(befriend(ann, ben)), Ok(Outcome::FriendAsked { again: false, .. })));
    f.now += 7 * DAY - 1;
    assert_eq!(f.login(ben).friend_requests.len(), 1, "anew, for as long");
    f.does(answer(ben, ann, Verdict::Accept)).unwrap();
    assert_eq!(news(&f, ann), [(ben, true)]);
}

#[test]
fn friends_only_is_stricter_than_any_policy() {
    let mut f = Fixture::new();
    let (ann, ben) = (f.user("ann"), f.user("ben")); // both take messages from anybody
    assert_eq!(f.does(friends_only(ann, ben)), Err(Refusal::NotFriends));
    assert_eq!(f.does(friends_only(ann, ann)), Err(Refusal::NotFriends), "nobody is their own friend");
    assert_eq!(f.does(friends_only(ann, UserId(5))), Err(Refusal::NoSuchUser));
    assert!(f.does(private(ann, ben, "as anybody may")).is_ok());
    f.does(befriend(ann, ben)).unwrap();
    assert!(matches!(f.does(friends_only(ann, ben)), Ok(Outcome::Private { seq: Seq(2), .. })), "refusals left no gap");
    assert!(matches!(f.does(friends_only(ben, ann)), Ok(Outcome::Private { seq: Seq(3), .. })));
    f.does(Op::Unfriend { user: ben, friend: ann }).unwrap();
    assert_eq!(f.does(friends_only(ann, ben)), Err(Refusal::NotFriends));
    assert_eq!(f.does(friends_only(ben, ann)), Err(Refusal::NotFriends));
    // In one batch, before anything is committed.
    f.stage(befriend(ann, ben)).unwrap();
    assert!(f.stage(friends_only(ben, ann)).is_ok());
    f.stage(Op::Unfriend { user: ann, friend: ben }).unwrap();
    assert_eq!(f.stage(friends_only(ben, ann)), Err(Refusal::NotFriends));
    f.commit();
    let mut f = f.reopen();
    assert_eq!(f.does(friends_only(ben, ann)), Err(Refusal::NotFriends));
    f.does(befriend(ann, ben)).unwrap();
    assert!(f.reopen().does(friends_only(ben, ann)).is_ok());
}
