//! Groups: founding, joining, leaving, posting.

use crate::store_fixture::{Fixture, NOW, found, name};
use actors::store::{InboxItem, Mark, Op, Outcome};
use protocol::{Body, GroupId, JoinPolicy, Refusal, Seq, UserId, Verdict};

fn join(user: UserId, group: GroupId) -> Op {
    Op::Join { user, group, reason: Box::default() }
}

fn answer(user: UserId, group: GroupId, member: UserId, verdict: Verdict) -> Op {
    Op::AnswerJoin { user, group, member, verdict, reason: Box::default() }
}

#[test]
fn a_group_is_founded_joined_and_left() {
    let mut f = Fixture::new();
    let (ann, ben, eve) = (f.user("ann"), f.user("ben"), f.user("eve"));
    let card = f.group(ann, "Club", JoinPolicy::Open);
    let club = card.group.id;
    assert_eq!((club, card.owner, card.group.name.as_str()), (GroupId(1), ann, "Club"));
    assert_eq!(f.does(found(ben, "club", JoinPolicy::Open)), Err(Refusal::GroupExists));
    f.group(ben, "сора", JoinPolicy::Open); // in Cyrillic letters
    assert_eq!(f.does(found(ben, "copa", JoinPolicy::Open)), Err(Refusal::GroupExists), "looks the same");
    assert_eq!(f.reader.group_by_name(&name("CLUB").key()).unwrap(), Some(club));
    assert_eq!(f.reader.group(club).unwrap(), Some(card.clone()));
    let Ok(Outcome::Joined { user, group, head: Seq(0) }) = f.does(join(ben, club)) else { panic!() };
    assert_eq!((user.id, group), (ben, card));
    assert_eq!(f.does(join(ben, club)), Err(Refusal::AlreadyMember));
    assert_eq!(f.does(join(ben, GroupId(77))), Err(Refusal::NoSuchGroup));
    assert_eq!(f.member_names(club), ["ann", "ben"]);
    assert!(f.reader.is_member(ben, club).unwrap() && !f.reader.is_member(eve, club).unwrap());
    let leave = |user| Op::Leave { user, group: club };
    assert_eq!(f.does(leave(eve)), Err(Refusal::NotMember));
    assert_eq!(f.does(leave(ann)), Err(Refusal::OwnerStays));
    assert!(matches!(f.does(leave(ben)), Ok(Outcome::Left { .. })));
    assert!(matches!(f.does(leave(ann)), Ok(Outcome::Left { .. })));
    for op in [leave(ann), join(eve, club), Op::Post { from: ann, group: club, body: Body::text("x"), stamp: None }] {
        assert_eq!(f.does(op), Err(Refusal::NoSuchGroup), "nobody is left");
    }
    assert_eq!(f.does(found(eve, "Club", JoinPolicy::Open)), Err(Refusal::GroupExists), "the name stays taken");
    assert_eq!(f.reader.group(club).unwrap(), None);
    assert_eq!(f.reader.group_by_name(&name("club").key()).unwrap(), None);
    assert!(f.reader.group_state(club).unwrap().is_none());
    assert!(f.reader.groups(ann).unwrap().is_empty());
}

#[test]
fn an_owner_lets_people_in_or_not() {
    let mut f = Fixture::new();
    let (ann, ben, eve) = (f.user("ann"), f.user("ben"), f.user("eve"));
    let club = f.group(ann, "club", JoinPolicy::Approval).group.id;
    f.posts(ann, club, "before");
    assert!(matches!(f.does(join(ben, club)), Ok(Outcome::JoinAsked { again: false, .. })));
    assert!(matches!(f.does(join(ben, club)), Ok(Outcome::JoinAsked { again: true, .. })));
    f.does(join(eve, club)).unwrap();
    let waiting: Vec<UserId> = f.login(ann).join_requests.iter().map(|(_, person, _)| person.id).collect();
    assert_eq!(waiting, [ben, eve]);
    assert!(f.login(ben).join_requests.is_empty());
    assert_eq!(f.does(answer(ben, club, eve, Verdict::Accept)), Err(Refusal::NotManager));
    assert_eq!(f.does(answer(ann, GroupId(9), eve, Verdict::Accept)), Err(Refusal::NoSuchGroup));
    let Ok(Outcome::JoinAnswered { accepted: true, told: Seq(1), head: Seq(1), member, .. }) =
        f.does(answer(ann, club, ben, Verdict::Accept))
    else {
        panic!()
    };
    assert_eq!(member.id, ben);
    assert!(matches!(
        f.does(answer(ann, club, eve, Verdict::Reject)),
        Ok(Outcome::JoinAnswered { accepted: false, .. })
    ));
    assert_eq!(f.does(answer(ann, club, eve, Verdict::Accept)), Err(Refusal::NoSuchRequest));
    assert_eq!(f.member_names(club), ["ann", "ben"]);
    assert_eq!(f.reader.groups(ben).unwrap()[0].cursor, Seq(1), "no flood of what was said before");
    for (user, expected) in [(ben, true), (eve, false)] {
        let page = f.reader.inbox(user, Seq(0), 9, 999).unwrap();
        assert!(matches!(&page.rows[..], [(Seq(1), InboxItem::JoinAnswered { group, accepted, .. })]
                if group.id == club && *accepted == expected));
    }
    f.now = NOW + 8 * 24 * 3600 * 1000;
    f.does(join(eve, club)).unwrap();
    f.now += 8 * 24 * 3600 * 1000;
    assert!(f.login(ann).join_requests.is_empty());
    assert_eq!(f.does(answer(ann, club, eve, Verdict::Accept)), Err(Refusal::NoSuchRequest), "expired");
}

#[test]
fn nobody_waits_for_a_group_that_is_gone() {
    let mut f = Fixture::new();
    let (ann, ben) = (f.user("ann"), f.user("ben"));
    let club = f.group(ann, "club", JoinPolicy::Approval).group.id;
    f.stage(join(ben, club)).unwrap();
    f.stage(Op::Leave { user: ann, group: club }).unwrap();
    f.commit();
    assert_eq!(f.does(answer(ann, club, ben, Verdict::Accept)), Err(Refusal::NoSuchGroup));
}

#[test]
fn groups_are_bounded() {
    let mut f = Fixture::new(); // 3 members, 3 groups each, 2 requests
    let people = ["a", "b", "c", "d", "e"].map(|name| f.user(name));
    let open = f.group(people[0], "open", JoinPolicy::Open).group.id;
    f.does(join(people[1], open)).unwrap();
    f.does(join(people[2], open)).unwrap();
    assert_eq!(f.does(join(people[3], open)), Err(Refusal::ListFull), "members");
    let asked = f.group(people[0], "asked", JoinPolicy::Approval).group.id;
    f.does(join(people[1], asked)).unwrap();
    f.does(join(people[2], asked)).unwrap();
    assert_eq!(f.does(join(people[3], asked)), Err(Refusal::ListFull), "requests");
    f.group(people[0], "third", JoinPolicy::Open);
    assert_eq!(f.does(found(people[0], "fourth", JoinPolicy::Open)), Err(Refusal::ListFull), "groups of one account");
    for name in ["x", "y"] {
        f.group(people[1], name, JoinPolicy::Open);
    }
    assert_eq!(f.does(answer(people[0], asked, people[1], Verdict::Accept)), Err(Refusal::ListFull));
    assert_eq!(f.login(people[0]).join_requests.len(), 2, "the refused answer changed nothing");
    f.does(Op::Leave { user: people[1], group: open }).unwrap();
    f.does(answer(people[0], asked, people[1], Verdict::Accept)).unwrap();
    f.does(join(people[3], open)).unwrap();
}

#[test]
fn posts_are_numbered_and_members_hold_cursors() {
    let mut f = Fixture::new();
    let (ann, ben, eve) = (f.user("ann"), f.user("ben"), f.user("eve"));
    let club = f.group(ann, "club", JoinPolicy::Open).group.id;
    assert_eq!(f.posts(ann, club, "1"), Seq(1));
    let Ok(Outcome::Joined { head: Seq(1), .. }) = f.does(join(ben, club)) else { panic!() };
    assert_eq!(
        f.does(Op::Post { from: eve, group: club, body: Body::text("x"), stamp: None }),
        Err(Refusal::NotMember)
    );
    for n in 2..=5_u64 {
        assert_eq!(f.posts(ben, club, &n.to_string()), Seq(n));
    }
    assert_eq!(f.reader.group_head(club).unwrap(), Seq(5));
    let advance = |user, to| Op::Advance { user, marks: vec![Mark::Group(club, to)] };
    f.does(advance(ben, Seq(3))).unwrap();
    f.does(advance(ben, Seq(2))).unwrap();
    assert_eq!(f.login(ben).groups[0].cursor, Seq(3), "only forward");
    f.does(advance(ben, Seq(99))).unwrap();
    assert_eq!(f.login(ben).groups[0].cursor, Seq(5), "cut to the end");
    f.does(advance(eve, Seq(2))).unwrap(); // no member: means nothing
    let Ok(Outcome::Joined { head: Seq(5), .. }) = f.does(join(eve, club)) else { panic!() };
    assert_eq!(f.login(eve).groups[0].cursor, Seq(5));
    assert_eq!(f.login(ann).groups[0].cursor, Seq(0));
    let texts = |page: actors::store::Page<actors::store::Stored>| -> (Vec<String>, bool) {
        (page.rows.iter().map(|row| row.body.as_text().unwrap().to_owned()).collect(), page.more)
    };
    let r = &f.reader;
    assert_eq!(texts(r.posts(club, Seq(1), 2, 9999).unwrap()), (vec!["2".into(), "3".into()], true));
    assert_eq!(texts(r.posts(club, Seq(3), 2, 9999).unwrap()), (vec!["4".into(), "5".into()], false));
    assert_eq!(texts(r.posts(club, Seq(5), 2, 9999).unwrap()), (vec![], false));
    assert_eq!(texts(r.posts_since(club, Seq(0), 2, 9, 9999).unwrap()), (vec!["4".into(), "5".into()], false));
    assert_eq!(texts(r.posts_since(club, Seq(4), 2, 9, 9999).unwrap()), (vec!["5".into()], false));
}
