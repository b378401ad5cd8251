//! What people tell about themselves, remarks and blocks, in the ledger.

use crate::store_fixture::{Fixture, private, roomy};
use actors::store::{InboxItem, Op, Outcome};
use protocol::{FriendPolicy, Gender, Profile, ProfileChange, Refusal, Seq, UserId, Verdict};

fn tells(f: &mut Fixture, user: UserId, change: ProfileChange) -> Profile {
    match f.does(Op::SetProfile { user, change: Box::new(change) }).unwrap() {
        Outcome::ProfileSet(profile) => *profile,
        other => panic!("{other:?}"),
    }
}

fn befriend(from: UserId, to: UserId) -> Op {
    Op::Befriend { from, to, special: false, reason: "因为".into() }
}

fn block(user: UserId, other: UserId, blocked: bool) -> Op {
    Op::Block { user, other, blocked }
}

#[test]
fn a_change_leaves_the_rest_as_it_was() {
    let mut f = Fixture::new();
    let ann = f.user("ann");
    let person = f.reader.account(ann).unwrap().unwrap().person;
    assert_eq!(f.reader.profile(ann).unwrap(), Some(Profile::blank(person.clone())), "who has told nothing");
    assert_eq!(f.reader.profile(UserId(1)).unwrap(), None);
    let first = ProfileChange {
        nickname: Some("安".into()),
        gender: Some(Gender::Female),
        birthday: Some("2000-02-29".into()),
        avatar: Some(vec![0xff; 70_000].into()),
        fields: Some(vec![("k".into(), "v".into())]),
        ..ProfileChange::default()
    };
    tells(&mut f, ann, first);
    let then = ProfileChange { signature: Some("a\nb".into()), findable: Some(false), ..ProfileChange::default() };
    let told = tells(&mut f, ann, then);
    let expected = Profile {
        nickname: "安".into(),
        gender: Gender::Female,
        birthday: "2000-02-29".into(),
        signature: "a\nb".into(),
        avatar: vec![0xff; 70_000].into(),
        fields: vec![("k".into(), "v".into())],
        findable: false,
        ..Profile::blank(person)
    };
    assert_eq!(told, expected);
    let mut f = f.reopen();
    assert_eq!(f.reader.profile(ann).unwrap(), Some(expected));
    let nothing = ProfileChange {
        birthday: Some("".into()),
        avatar: Some(Vec::new().into()),
        fields: Some(Vec::new()),
        ..ProfileChange::default()
    };
    let told = tells(&mut f, ann, nothing);
    assert!(told.birthday.is_empty() && told.avatar.is_empty() && told.fields.is_empty());
    assert_eq!(f.reader.profile(ann).unwrap(), Some(told));
    assert_eq!(f.does(Op::SetProfile { user: UserId(1), change: Box::default() }), Err(Refusal::NoSuchUser));
}

#[test]
fn two_changes_of_one_batch_both_count() {
    let mut f = Fixture::new();
    let ann = f.user("ann");
    for change in [
        ProfileChange { avatar: Some(vec![1].into()), ..ProfileChange::default() },
        ProfileChange { region: Some("北京".into()), ..ProfileChange::default() },
    ] {
        f.stage(Op::SetProfile { user: ann, change: Box::new(change) }).unwrap();
    }
    f.commit();
    let told = f.reader.profile(ann).unwrap().unwrap();
    assert_eq!((&told.avatar[..], &*told.region), (&[1][..], "北京"));
}

#[test]
fn friends_see_each_others_profiles_and_nobody_else_does() {
    let mut f = Fixture::new();
    let (ann, ben, eve) = (f.user("ann"), f.shy("ben"), f.user("eve"));
    tells(&mut f, ann, ProfileChange { nickname: Some("安".into()), ..ProfileChange::default() });
    tells(&mut f, ben, ProfileChange { nickname: Some("本".into()), ..ProfileChange::default() });
    f.does(befriend(ann, ben)).unwrap();
    assert_eq!(f.reader.friend_profile(ann, ben).unwrap(), None);
    let answer =
        Op::AnswerFriend { user: ben, asker: ann, verdict: Verdict::Accept, special: false, reason: "".into() };
    let Outcome::FriendAnswered { profiles: Some(profiles), .. } = f.does(answer).unwrap() else { panic!("friends") };
    assert_eq!((&*profiles.0.nickname, &*profiles.1.nickname), ("本", "安"), "who answered first");
    let Outcome::Befriended { profiles, .. } = f.does(befriend(ben, eve)).unwrap() else { panic!("eve is open") };
    assert_eq!((&*profiles.0.nickname, &*profiles.1.nickname), ("本", "eve"), "who asked first");

    assert_eq!(&*f.reader.friend_profile(ann, ben).unwrap().unwrap().nickname, "本");
    for (who, of) in [(ann, eve), (eve, ann), (ann, ann), (ann, UserId(1))] {
        assert_eq!(f.reader.friend_profile(who, of).unwrap(), None, "{who} {of}");
    }
    // With a look at profiles, and without.
    let names = |profiles| {
        let friends = f.reader.friends(ben, profiles).unwrap();
        friends.iter().map(|friend| friend.nickname.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(names(true), ["安", "eve"]);
    assert_eq!(names(false), ["", ""]);
    let login = f.reader.login_state(ben, f.now, f.settings.friend.request_ttl(), true).unwrap().unwrap();
    assert_eq!(&*login.profile.unwrap().nickname, "本");
    assert_eq!(&*login.friends[0].nickname, "安");
    assert!(f.login(ben).profile.is_none());
    // The news in the inbox has it as it is by then, while they are friends.
    let accepted = |f: &Fixture| match f.reader.inbox(ann, Seq(0), 9, 1 << 20).unwrap().rows.remove(0).1 {
        InboxItem::FriendAccepted { profile, .. } => profile.nickname.to_string(),
        other => panic!("{other:?}"),
    };
    tells(&mut f, ben, ProfileChange { nickname: Some("本本".into()), ..ProfileChange::default() });
    assert_eq!(accepted(&f), "本本");
    f.does(Op::Unfriend { user: ben, friend: ann }).unwrap();
    assert_eq!(accepted(&f), "ben");
}

#[test]
fn a_remark_is_seen_by_whoever_made_it() {
    let mut f = Fixture::new();
    let (ann, ben) = (f.user("ann"), f.user("ben"));
    let remark = |text: &str| Op::SetRemark { user: ann, friend: ben, remark: text.into() };
    assert_eq!(f.does(remark("老本")), Err(Refusal::NotFriends));
    f.does(Op::Befriend { from: ann, to: ben, special: true, reason: "".into() }).unwrap();
    let Outcome::RemarkSet { user, friend, remark: said } = f.does(remark("老本")).unwrap() else { panic!("set") };
    assert_eq!((user, friend.id, &*said), (ann, ben, "老本"));
    let seen = |f: &Fixture, who| f.reader.friends(who, false).unwrap().remove(0);
    assert_eq!((&*seen(&f, ann).remark, seen(&f, ann).special), ("老本", true));
    assert_eq!(&*seen(&f, ben).remark, "");
    // Special attention is another matter.
    f.does(Op::SetFriend { user: ann, friend: ben, special: false }).unwrap();
    let mut f = f.reopen();
    assert_eq!((&*seen(&f, ann).remark, seen(&f, ann).special), ("老本", false));
    f.does(remark("")).unwrap();
    assert_eq!(&*seen(&f, ann).remark, "");
    f.does(remark("x")).unwrap();
    f.does(Op::Unfriend { user: ben, friend: ann }).unwrap();
    f.does(befriend(ann, ben)).unwrap();
    assert_eq!(&*seen(&f, ann).remark, "", "a new friendship");
}

#[test]
fn who_is_blocked_cannot_write_or_ask() {
    let mut f = Fixture::with(roomy());
    let (ann, ben) = (f.user("ann"), f.user("ben"));
    let Outcome::Blocked { user, who, blocked: true } = f.does(block(ann, ben, true)).unwrap() else {
        panic!("blocked")
    };
    assert_eq!((user, who.id), (ann, ben));
    f = f.reopen();
    assert_eq!(f.does(private(ben, ann, "x")), Err(Refusal::Blocked));
    assert_eq!(f.does(befriend(ben, ann)), Err(Refusal::Blocked));
    assert_eq!(f.login(ann).blocked, [ben]);
    assert!(f.login(ben).blocked.is_empty());
    // It is one's own affair whom one writes to and asks.
    f.writes(ann, ben, "x").unwrap();
    assert!(matches!(f.does(befriend(ann, ben)), Ok(Outcome::Befriended { .. })));
    assert_eq!(f.does(befriend(ben, ann)), Err(Refusal::AlreadyFriends), "friends stay friends");
    assert_eq!(f.does(private(ben, ann, "x")), Err(Refusal::Blocked));
    f.does(block(ann, ben, false)).unwrap();
    f.writes(ben, ann, "x").unwrap();
    for op in [block(ann, ann, true), block(ann, ann, false)] {
        assert_eq!(f.does(op), Err(Refusal::Yourself));
    }
    assert_eq!(f.does(block(ann, UserId(1), true)), Err(Refusal::NoSuchUser));
}

#[test]
fn blocking_ends_a_request_and_tells_nobody() {
    let mut f = Fixture::with(roomy());
    let (ann, ben) = (f.shy("ann"), f.shy("ben"));
    f.does(befriend(ben, ann)).unwrap();
    f.does(befriend(ann, ben)).unwrap(); // friends by that
    f.does(Op::Unfriend { user: ann, friend: ben }).unwrap();
    f.does(befriend(ben, ann)).unwrap();
    assert_eq!(f.login(ann).friend_requests.len(), 1);
    let heads = [f.reader.inbox_head(ann).unwrap(), f.reader.inbox_head(ben).unwrap()];
    f.does(block(ann, ben, true)).unwrap();
    assert!(f.login(ann).friend_requests.is_empty());
    f.now += u64::try_from(f.settings.friend.request_ttl().as_millis()).unwrap();
    assert_eq!(f.does(Op::Expire), Ok(Outcome::Expired(Vec::new())));
    assert_eq!([f.reader.inbox_head(ann).unwrap(), f.reader.inbox_head(ben).unwrap()], heads);
    f.does(block(ann, ben, false)).unwrap();
    assert!(matches!(f.does(befriend(ben, ann)), Ok(Outcome::FriendAsked { again: false, .. })));
}

#[test]
fn a_list_of_blocks_has_a_bound_and_an_order() {
    let mut f = Fixture::new(); // two
    let people: Vec<_> = ["ann", "ben", "cid", "dan"].into_iter().map(|name| f.user(name)).collect();
    let list = |f: &Fixture| f.reader.block_list(people[0]).unwrap().iter().map(|who| who.id).collect::<Vec<_>>();
    for other in [people[2], people[1], people[2]] {
        f.does(block(people[0], other, true)).unwrap();
    }
    assert_eq!(list(&f), [people[2], people[1]], "twice is once");
    assert_eq!(f.does(block(people[0], people[3], true)), Err(Refusal::ListFull));
    f.does(block(people[0], people[1], true)).unwrap();
    for _ in 0..2 {
        f.does(block(people[0], people[2], false)).unwrap();
    }
    f.does(block(people[0], people[3], true)).unwrap();
    assert_eq!(list(&f), [people[1], people[3]]);
    assert_eq!(f.does(block(people[0], people[2], true)), Err(Refusal::ListFull), "the other twice was once, too");
}

#[test]
fn a_reason_waits_with_the_request() {
    let mut f = Fixture::new();
    let (ann, ben) = (f.user("ann"), f.shy("ben"));
    let ask = |reason: &str| Op::Befriend { from: ann, to: ben, special: false, reason: reason.into() };
    f.does(ask("同学")).unwrap();
    let shown = |f: &Fixture| f.login(ben).friend_requests[0].reason.to_string();
    assert_eq!(shown(&f), "同学");
    f.does(ask("")).unwrap();
    assert_eq!(shown(&f), "同学", "who says nothing takes nothing back");
    f.does(ask("老同学")).unwrap();
    assert_eq!(shown(&f), "老同学");
    let no =
        Op::AnswerFriend {
            user: ben, asker: ann, verdict: Verdict::Reject, special: false, reason: "不认识".into()
        };
    f.does(no).unwrap();
    let f = f.reopen();
    let news = f.reader.inbox(ann, Seq(0), 9, 1 << 20).unwrap().rows.remove(0).1;
    assert!(matches!(&news, InboxItem::FriendRejected { friend, reason } if friend.id == ben && &**reason == "不认识"));
}

#[test]
fn policy_still_says_who_is_asked() {
    let mut f = Fixture::new();
    let (ann, ben) = (f.user("ann"), f.shy("ben"));
    f.does(Op::SetPolicy { user: ben, add: Some(FriendPolicy::Open), message: None }).unwrap();
    assert!(matches!(f.does(befriend(ann, ben)), Ok(Outcome::Befriended { told: None, .. })));
}
