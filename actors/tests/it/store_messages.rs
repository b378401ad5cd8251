//! Private messages: numbers, policies, bounds, pages.

use crate::store_fixture::{Fixture, NOW, private, roomy};
use actors::store::{Conversation, InboxItem, Mark, Op, Outcome, Page, Stored};
use protocol::{Body, BodyKind, FriendPolicy, MessagePolicy, Refusal, Seq, UserId};

fn texts(page: &Page<Stored>) -> Vec<&str> {
    page.rows.iter().map(|row| row.body.as_text().unwrap()).collect()
}

#[test]
fn both_sides_share_one_conversation_and_have_inboxes_of_their_own() {
    let mut f = Fixture::new();
    let (ann, ben) = (f.user("ann"), f.user("ben"));
    assert_eq!(f.writes(ann, ben, "1"), Ok((Seq(1), Seq(1))));
    assert_eq!(f.writes(ben, ann, "2"), Ok((Seq(2), Seq(1))));
    assert_eq!(f.writes(ann, ben, "3"), Ok((Seq(3), Seq(2))));
    let eve = f.user("eve");
    assert_eq!(f.writes(eve, ben, "e"), Ok((Seq(1), Seq(3))));
    assert_eq!(f.writes(ben, ben, "to myself"), Ok((Seq(1), Seq(4))));
    assert_eq!(f.writes(ann, UserId(3), "x"), Err(Refusal::NoSuchUser));
    let talk = f.reader.history(Conversation::between(ben, ann), None, 10, 9999).unwrap();
    assert_eq!(texts(&talk), ["1", "2", "3"]);
    assert_eq!(talk.rows.iter().map(|row| row.from.id).collect::<Vec<_>>(), [ann, ben, ann]);
    let inbox = f.reader.inbox(ben, Seq(0), 10, 9999).unwrap();
    let seen: Vec<_> = inbox
        .rows
        .iter()
        .map(|(place, item)| match item {
            InboxItem::Private { from, to, seq, at_ms, body } => {
                assert_eq!((to.id, *at_ms), (ben, NOW));
                (place.0, from.id, seq.0, body.as_text().unwrap())
            }
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(seen, [(1, ann, 1, "1"), (2, ann, 3, "3"), (3, eve, 1, "e"), (4, ben, 1, "to myself")]);
}

#[test]
fn a_receiver_may_want_friends_only() {
    let mut f = Fixture::new();
    let (ann, ben) = (f.user("ann"), f.shy("ben"));
    assert_eq!(f.writes(ann, ben, "x"), Err(Refusal::NotFriends));
    assert_eq!(f.writes(ben, ben, "note"), Ok((Seq(1), Seq(1))), "oneself is no stranger");
    f.does(Op::Befriend { from: ben, to: ann, special: false, reason: Box::default() }).unwrap();
    assert_eq!(f.writes(ann, ben, "y"), Ok((Seq(1), Seq(2))), "the refused one left no gap");
    f.does(Op::Unfriend { user: ann, friend: ben }).unwrap();
    assert_eq!(f.writes(ann, ben, "z"), Err(Refusal::NotFriends));
    f.does(Op::SetPolicy { user: ben, add: None, message: Some(MessagePolicy::Anyone) }).unwrap();
    f.writes(ann, ben, "w").unwrap();
}

#[test]
fn an_inbox_is_bounded_by_what_was_not_received() {
    let mut f = Fixture::new(); // 5
    let (ann, ben) = (f.user("ann"), f.user("ben"));
    for n in 1..=5 {
        assert_eq!(f.writes(ann, ben, "x"), Ok((Seq(n), Seq(n))));
    }
    assert_eq!(f.writes(ann, ben, "x"), Err(Refusal::InboxFull));
    f.does(Op::Advance { user: ben, marks: vec![Mark::Inbox(Seq(2)), Mark::Inbox(Seq(1))] }).unwrap();
    assert_eq!(f.login(ben).inbox_cursor, Seq(2));
    assert_eq!(f.writes(ann, ben, "x"), Ok((Seq(6), Seq(6))));
    f.does(Op::Advance { user: ben, marks: vec![Mark::Inbox(Seq(1_000_000))] }).unwrap();
    assert_eq!(f.login(ben).inbox_cursor, Seq(6), "cut to the end");
    // Notices come in whatever waits: their number is bounded by the requests.
    for _ in 0..5 {
        f.writes(ann, ben, "x").unwrap();
    }
    f.does(Op::SetPolicy { user: ann, add: Some(FriendPolicy::Confirm), message: None }).unwrap();
    f.does(Op::Befriend { from: ben, to: ann, special: false, reason: Box::default() }).unwrap();
    let answer = Op::AnswerFriend {
        user: ann,
        asker: ben,
        verdict: protocol::Verdict::Reject,
        special: false,
        reason: Box::default(),
    };
    assert!(matches!(f.does(answer), Ok(Outcome::FriendAnswered { told: Seq(12), .. })));
}

#[test]
fn a_clock_that_goes_back_changes_no_order() {
    let mut f = Fixture::new();
    let (ann, ben) = (f.user("ann"), f.user("ben"));
    for (n, text) in ["1", "2", "3"].into_iter().enumerate() {
        f.now = NOW - 3_600_000 * u64::try_from(n).unwrap();
        f.writes(ann, ben, text).unwrap();
    }
    let page = f.reader.history(Conversation::between(ann, ben), None, 9, 9999).unwrap();
    assert_eq!(texts(&page), ["1", "2", "3"]);
    assert_eq!(page.rows[2].at_ms, NOW - 7_200_000);
}

#[test]
fn pages_are_bounded_in_rows_and_in_bytes() {
    let mut f = Fixture::with(roomy());
    let (ann, ben) = (f.user("ann"), f.user("ben"));
    let long = "长".repeat(400); // 1200 bytes
    for n in 1..=10_u64 {
        let text = if n % 2 == 0 { long.clone() } else { n.to_string() };
        f.writes(ann, ben, &text).unwrap();
    }
    let inbox = |after: u64, limit, bytes| {
        let page = f.reader.inbox(ben, Seq(after), limit, bytes).unwrap();
        (page.rows.iter().map(|(place, _)| place.0).collect::<Vec<_>>(), page.more)
    };
    assert_eq!(inbox(0, 3, 99_999), (vec![1, 2, 3], true));
    assert_eq!(inbox(7, 3, 99_999), (vec![8, 9, 10], false));
    assert_eq!(inbox(10, 3, 99_999), (vec![], false));
    assert_eq!(inbox(u64::MAX, 3, 99_999), (vec![], false));
    assert_eq!(inbox(1, 10, 10), (vec![2], true), "one row, however long");
    assert_eq!(inbox(0, 10, 2700), (vec![1, 2, 3, 4], true));
    let talk = Conversation::between(ann, ben);
    let history = |before: Option<u64>, limit, bytes| {
        let page = f.reader.history(talk, before.map(Seq), limit, bytes).unwrap();
        (page.rows.iter().map(|row| row.seq.0).collect::<Vec<_>>(), page.more)
    };
    assert_eq!(history(None, 3, 99_999), (vec![8, 9, 10], true));
    assert_eq!(history(Some(8), 3, 99_999), (vec![5, 6, 7], true));
    assert_eq!(history(Some(4), 3, 99_999), (vec![1, 2, 3], false));
    assert_eq!(history(Some(1), 3, 99_999), (vec![], false));
    assert_eq!(history(Some(0), 3, 99_999), (vec![], false));
    assert_eq!(history(Some(u64::MAX), 1, 99_999), (vec![10], true));
    assert_eq!(history(None, 10, 1400), (vec![9, 10], true));
    assert_eq!(history(None, 0, 0), (vec![10], true), "never empty where there is something");
}

#[test]
fn every_kind_of_body_comes_back() {
    let mut f = Fixture::with(roomy());
    let (ann, ben) = (f.user("ann"), f.user("ben"));
    let kinds = [BodyKind::Text, BodyKind::Image, BodyKind::File, BodyKind::Voice, BodyKind::Custom(7)];
    let bodies: Vec<Body> =
        kinds.iter().map(|kind| Body { kind: *kind, data: bytes::Bytes::from_static("你好 🦢".as_bytes()) }).collect();
    for body in &bodies {
        f.does(Op::Private { from: ann, to: ben, body: body.clone(), friends_only: false, stamp: None }).unwrap();
    }
    let page = f.reader.history(Conversation::between(ann, ben), None, 9, 9999).unwrap();
    assert_eq!(page.rows.into_iter().map(|row| row.body).collect::<Vec<_>>(), bodies);
}

#[test]
fn one_batch_numbers_without_gaps() {
    let mut f = Fixture::with(roomy());
    let people: Vec<UserId> = ["a", "b", "c", "d"].map(|name| f.user(name)).into();
    for round in 0..3 {
        for n in 0..200_usize {
            let (from, to) = (people[n % 4], people[(n / 4 + round) % 4]);
            f.stage(private(from, to, &n.to_string())).unwrap();
        }
        f.commit();
    }
    let mut total = 0;
    for &user in &people {
        let page = f.reader.inbox(user, Seq(0), 1000, usize::MAX).unwrap();
        assert!(page.rows.iter().map(|(place, _)| place.0).eq(1..=page.rows.len() as u64));
        total += page.rows.len();
        for &other in &people {
            let page = f.reader.history(Conversation::between(user, other), None, 1000, usize::MAX).unwrap();
            assert!(page.rows.iter().map(|row| row.seq.0).eq(1..=page.rows.len() as u64));
        }
    }
    assert_eq!(total, 600);
}
