//! Groups beyond joining: roles, what they tell, invitations, and how people and groups go.

use crate::store_fixture::{Fixture, NOW, found, name, roomy};
use actors::store::{InboxItem, Lapse, Op, Outcome};
use bytes::Bytes;
use protocol::{Body, GroupAbout, GroupChange, GroupId, JoinPolicy, Person, Refusal, Role, Seq, UserId, Verdict};

const DAY: u64 = 24 * 3600 * 1000;

fn join(user: UserId, group: GroupId) -> Op {
    Op::Join { user, group, reason: "let me in".into() }
}

fn set_role(user: UserId, group: GroupId, member: UserId, role: Role) -> Op {
    Op::SetRole { user, group, member, role }
}

fn remove(user: UserId, group: GroupId, member: UserId) -> Op {
    Op::RemoveMember { user, group, member, reason: "noise".into() }
}

fn invite(user: UserId, group: GroupId, who: UserId) -> Op {
    Op::Invite { user, group, who }
}

fn answers(user: UserId, group: GroupId, verdict: Verdict) -> Op {
    Op::AnswerInvite { user, group, verdict, reason: "busy".into() }
}

fn transfer(user: UserId, group: GroupId, member: UserId) -> Op {
    Op::TransferGroup { user, group, member }
}

fn befriend(f: &mut Fixture, from: UserId, to: UserId) {
    f.does(Op::Befriend { from, to, special: false, reason: Box::default() }).unwrap();
}

fn roles(f: &Fixture, group: GroupId) -> Vec<(UserId, Role)> {
    let state = f.reader.group_state(group).unwrap().unwrap();
    state.members.into_iter().map(|member| (member.person.id, member.role)).collect()
}

/// What waits in an inbox, the last of it.
fn last_item(f: &Fixture, user: UserId) -> Option<InboxItem> {
    f.reader.inbox(user, Seq(0), 999, 1 << 20).unwrap().rows.pop().map(|(_, item)| item)
}

/// An open group of `ann` with everybody else in it.
fn club(f: &mut Fixture, ann: UserId, others: &[UserId]) -> GroupId {
    let club = f.group(ann, "club", JoinPolicy::Open).group.id;
    for other in others {
        f.does(join(*other, club)).unwrap();
    }
    club
}

#[test]
fn a_group_without_a_name_gets_one() {
    let mut f = Fixture::with(roomy());
    let ann = f.user("ann");
    let nameless = |join| Op::CreateGroup { owner: ann, name: None, join, about: Box::default() };
    let make = |f: &mut Fixture| match f.does(nameless(JoinPolicy::Open)).unwrap() {
        Outcome::GroupCreated { group, info } => {
            assert_eq!(info.group, group.group);
            group.group.name.to_string()
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(make(&mut f), "group-1");
    f.group(ann, "GROUP-3", JoinPolicy::Open);
    assert_eq!(make(&mut f), "group-3-2", "somebody has called a group so");
}

#[test]
fn a_group_tells_about_itself_and_managers_change_that() {
    let mut f = Fixture::with(roomy());
    let (ann, ben, eve) = (f.user("ann"), f.user("ben"), f.user("eve"));
    let about = GroupAbout {
        description: "about".into(),
        avatar: Bytes::from_static(&[1, 0, 255]),
        fields: vec![("where".into(), "here".into())],
    };
    let op = Op::CreateGroup {
        owner: ann,
        name: Some(name("club")),
        join: JoinPolicy::Open,
        about: Box::new(about.clone()),
    };
    let Ok(Outcome::GroupCreated { info, group }) = f.does(op) else { panic!() };
    let club = group.group.id;
    assert_eq!((info.owner, info.members, info.since_ms, &info.about), (ann, 1, NOW, &about));
    assert_eq!(f.reader.group_info(club).unwrap().as_ref(), Some(&*info));
    f.does(join(ben, club)).unwrap();
    f.does(join(eve, club)).unwrap();
    let change = |user, change| Op::SetGroup { user, group: club, change: Box::new(change) };
    let said = GroupChange { description: Some("new".into()), join: Some(JoinPolicy::Approval), ..Default::default() };
    assert_eq!(f.does(change(ben, said.clone())), Err(Refusal::NotManager));
    f.does(set_role(ann, club, ben, Role::Manager)).unwrap();
    let Ok(Outcome::GroupSet(info)) = f.does(change(ben, said)) else { panic!() };
    assert_eq!((&*info.about.description, info.join, info.members), ("new", JoinPolicy::Approval, 3));
    assert_eq!((&info.about.avatar, &info.about.fields), (&about.avatar, &about.fields), "what was not named stays");
    f = f.reopen();
    assert_eq!(f.reader.group_info(club).unwrap().as_ref(), Some(&*info));
    let nothing =
        GroupChange { description: Some("".into()), avatar: Some(Bytes::new()), fields: Some(Vec::new()), join: None };
    f.does(change(ann, nothing)).unwrap();
    assert_eq!(f.reader.group_info(club).unwrap().unwrap().about, GroupAbout::default());
    assert_eq!(f.reader.group_info(GroupId(9)).unwrap(), None);
    assert_eq!(
        f.does(Op::SetGroup { user: ann, group: GroupId(9), change: Box::default() }),
        Err(Refusal::NoSuchGroup)
    );
}

#[test]
fn the_owner_makes_managers_and_managers_answer_requests() {
    let mut settings = roomy();
    settings.group.max_managers = 1;
    let mut f = Fixture::with(settings);
    let people = ["ann", "ben", "eve", "zoe", "max"].map(|name| f.user(name));
    let [ann, ben, eve, zoe, max] = people;
    let club = club(&mut f, ann, &[ben, eve]);
    f.does(Op::SetGroup {
        user: ann,
        group: club,
        change: Box::new(GroupChange { join: Some(JoinPolicy::Approval), ..Default::default() }),
    })
    .unwrap();
    let Ok(Outcome::RoleSet { role: Role::Manager, told: Seq(1), member, .. }) =
        f.does(set_role(ann, club, ben, Role::Manager))
    else {
        panic!()
    };
    assert_eq!(member.id, ben);
    assert!(matches!(last_item(&f, ben), Some(InboxItem::RoleChanged { role: Role::Manager, .. })));
    let again = f.does(set_role(ann, club, ben, Role::Manager));
    assert!(matches!(again, Ok(Outcome::RoleSet { told: Seq(0), .. })), "{again:?}");
    assert_eq!(f.reader.inbox_head(ben).unwrap(), Seq(1), "told once");
    for (op, refusal) in [
        (set_role(ann, club, eve, Role::Manager), Refusal::ListFull),
        (set_role(ann, club, eve, Role::Owner), Refusal::BadValue),
        (set_role(ann, club, ann, Role::Member), Refusal::Yourself),
        (set_role(ann, club, zoe, Role::Manager), Refusal::NotMember),
        (set_role(ben, club, eve, Role::Manager), Refusal::NotOwner),
        (set_role(zoe, club, eve, Role::Manager), Refusal::NotOwner),
        (set_role(ann, GroupId(9), eve, Role::Manager), Refusal::NoSuchGroup),
    ] {
        assert_eq!(f.does(op.clone()), Err(refusal), "{op:?}");
    }
    let Ok(Outcome::JoinAsked { managers, reason, .. }) = f.does(join(zoe, club)) else { panic!() };
    assert_eq!((managers, &*reason), (vec![ann, ben], "let me in"));
    f.does(join(max, club)).unwrap();
    for manager in [ann, ben] {
        let waiting = f.login(manager).join_requests;
        let seen: Vec<_> = waiting.iter().map(|(group, who, why)| (group.id, who.id, &**why)).collect();
        assert_eq!(seen, [(club, zoe, "let me in"), (club, max, "let me in")]);
    }
    let answer =
        |user, member| Op::AnswerJoin { user, group: club, member, verdict: Verdict::Accept, reason: Box::default() };
    assert_eq!(f.does(answer(eve, zoe)), Err(Refusal::NotManager));
    assert_eq!(f.does(answer(zoe, zoe)), Err(Refusal::NotManager));
    f.does(answer(ben, zoe)).unwrap();
    f.does(set_role(ann, club, ben, Role::Member)).unwrap();
    assert_eq!(f.does(answer(ben, max)), Err(Refusal::NotManager), "not any more");
    assert!(f.login(ben).join_requests.is_empty());
    f.does(set_role(ann, club, eve, Role::Manager)).unwrap();
    assert_eq!(roles(&f, club), [(ann, Role::Owner), (ben, Role::Member), (eve, Role::Manager), (zoe, Role::Member)]);
}

#[test]
fn a_place_among_the_managers_comes_back_whichever_way_one_goes() {
    let mut settings = roomy();
    settings.group.max_managers = 1;
    let mut f = Fixture::with(settings);
    let [ann, ben, eve] = ["ann", "ben", "eve"].map(|name| f.user(name));
    let club = club(&mut f, ann, &[ben, eve]);
    for round in 0..3 {
        f.does(set_role(ann, club, ben, Role::Manager)).unwrap();
        match round {
            0 => drop(f.does(Op::Leave { user: ben, group: club }).unwrap()),
            1 => drop(f.does(remove(ann, club, ben)).unwrap()),
            _ => drop(f.does(set_role(ann, club, ben, Role::Member)).unwrap()),
        }
        f.does(set_role(ann, club, eve, Role::Manager)).unwrap();
        f.does(set_role(ann, club, eve, Role::Member)).unwrap();
        if round < 2 {
            f.does(join(ben, club)).unwrap();
            let (_, role) = *roles(&f, club).iter().find(|(user, _)| *user == ben).unwrap();
            assert_eq!(role, Role::Member, "who comes back is an ordinary member");
        }
    }
}

#[test]
fn people_are_put_out_by_those_above_them() {
    let mut f = Fixture::with(roomy());
    let [ann, ben, eve, zoe, max] = ["ann", "ben", "eve", "zoe", "max"].map(|name| f.user(name));
    let club = club(&mut f, ann, &[ben, eve, zoe]);
    f.does(set_role(ann, club, ben, Role::Manager)).unwrap();
    f.does(set_role(ann, club, eve, Role::Manager)).unwrap();
    for (op, refusal) in [
        (remove(zoe, club, eve), Refusal::NotManager),
        (remove(max, club, eve), Refusal::NotManager),
        (remove(max, club, max), Refusal::NotManager),
        (remove(ben, club, eve), Refusal::NotOwner),
        (remove(ben, club, ann), Refusal::NotOwner),
        (remove(ben, club, ben), Refusal::Yourself),
        (remove(ben, club, max), Refusal::NotMember),
        (remove(ben, GroupId(9), zoe), Refusal::NoSuchGroup),
    ] {
        assert_eq!(f.does(op.clone()), Err(refusal), "{op:?}");
    }
    let Ok(Outcome::MemberRemoved { member, told: Seq(1), .. }) = f.does(remove(ben, club, zoe)) else { panic!() };
    assert_eq!(member.id, zoe);
    assert!(matches!(last_item(&f, zoe), Some(InboxItem::MemberRemoved { reason, .. }) if &*reason == "noise"));
    f.does(remove(ann, club, eve)).unwrap();
    assert_eq!(roles(&f, club), [(ann, Role::Owner), (ben, Role::Manager)]);
    assert_eq!(f.reader.group_info(club).unwrap().unwrap().members, 2);
    assert!(f.reader.groups(zoe).unwrap().is_empty());
    let post = Op::Post { from: zoe, group: club, body: Body::text("x"), stamp: None };
    assert_eq!(f.does(post), Err(Refusal::NotMember));
    f.does(join(zoe, club)).unwrap();
    assert_eq!(f.member_names(club), ["ann", "ben", "zoe"], "nobody is put out for ever");
}

#[test]
fn a_group_is_handed_over() {
    let mut settings = roomy();
    settings.group.max_managers = 1;
    let mut f = Fixture::with(settings);
    let [ann, ben, eve, zoe] = ["ann", "ben", "eve", "zoe"].map(|name| f.user(name));
    let club = club(&mut f, ann, &[ben, eve]);
    for (op, refusal) in [
        (transfer(ben, club, ben), Refusal::NotOwner),
        (transfer(zoe, club, ben), Refusal::NotOwner),
        (transfer(ann, club, ann), Refusal::Yourself),
        (transfer(ann, club, zoe), Refusal::NotMember),
        (transfer(ann, GroupId(9), ben), Refusal::NoSuchGroup),
    ] {
        assert_eq!(f.does(op.clone()), Err(refusal), "{op:?}");
    }
    let Ok(Outcome::GroupTransferred { left_as: Role::Manager, info, told: Seq(1), .. }) =
        f.does(transfer(ann, club, ben))
    else {
        panic!()
    };
    assert_eq!((info.owner, info.members), (ben, 3));
    assert!(matches!(last_item(&f, ben), Some(InboxItem::RoleChanged { role: Role::Owner, .. })));
    assert_eq!(roles(&f, club), [(ann, Role::Manager), (ben, Role::Owner), (eve, Role::Member)]);
    let Ok(Outcome::GroupTransferred { left_as: Role::Member, .. }) = f.does(transfer(ben, club, eve)) else {
        panic!("there is a manager already")
    };
    let Ok(Outcome::GroupTransferred { left_as: Role::Manager, .. }) = f.does(transfer(eve, club, ann)) else {
        panic!("the manager's own place is free now")
    };
    f = f.reopen();
    assert_eq!(roles(&f, club), [(ann, Role::Owner), (ben, Role::Member), (eve, Role::Manager)]);
    f.does(Op::Leave { user: eve, group: club }).unwrap();
    assert_eq!(f.does(Op::Leave { user: ann, group: club }), Err(Refusal::OwnerStays));
}

#[test]
fn friends_are_invited_and_answer() {
    let mut f = Fixture::with(roomy());
    let [ann, ben, eve, zoe] = ["ann", "ben", "eve", "zoe"].map(|name| f.user(name));
    let club = f.group(ann, "club", JoinPolicy::Approval).group.id;
    f.posts(ann, club, "before");
    befriend(&mut f, ann, ben);
    befriend(&mut f, ann, eve);
    for (op, refusal) in [
        (invite(ben, club, eve), Refusal::NotManager),
        (invite(ann, club, zoe), Refusal::NotFriends),
        (invite(ann, club, UserId(77)), Refusal::NotFriends),
        (invite(ann, club, ann), Refusal::AlreadyMember),
        (invite(ann, GroupId(9), ben), Refusal::NoSuchGroup),
        (answers(ben, club, Verdict::Accept), Refusal::NoSuchRequest),
        (answers(ben, GroupId(9), Verdict::Accept), Refusal::NoSuchGroup),
    ] {
        assert_eq!(f.does(op.clone()), Err(refusal), "{op:?}");
    }
    assert!(matches!(f.does(invite(ann, club, ben)), Ok(Outcome::Invited { again: false, .. })));
    assert!(matches!(f.does(invite(ann, club, ben)), Ok(Outcome::Invited { again: true, .. })));
    f.does(invite(ann, club, eve)).unwrap();
    f = f.reopen();
    let invites = f.login(ben).invites;
    assert_eq!(invites.len(), 1);
    let (group, Person { id, name }) = &invites[0];
    assert_eq!((group.id, group.name.as_str(), *id, name.as_str()), (club, "club", ann, "ann"));
    // Whoever is asked may ask as well: whichever is answered settles both.
    f.does(join(ben, club)).unwrap();
    let Ok(Outcome::InviteAnswered { accepted: true, inviter, head: Seq(1), who, .. }) =
        f.does(answers(ben, club, Verdict::Accept))
    else {
        panic!()
    };
    assert_eq!((inviter, who.id), (ann, ben));
    assert!(matches!(last_item(&f, ann), Some(InboxItem::InviteAnswered { accepted: true, .. })));
    assert_eq!(f.reader.groups(ben).unwrap()[0].cursor, Seq(1), "no flood of what was said before");
    assert!(f.login(ann).join_requests.is_empty(), "who is in does not wait");
    let Ok(Outcome::InviteAnswered { accepted: false, reason, .. }) = f.does(answers(eve, club, Verdict::Reject))
    else {
        panic!()
    };
    assert_eq!(&*reason, "busy");
    assert!(f.login(eve).invites.is_empty());
    assert_eq!(f.does(answers(eve, club, Verdict::Accept)), Err(Refusal::NoSuchRequest), "answered once");
    assert_eq!(f.does(invite(ann, club, ben)), Err(Refusal::AlreadyMember));
    assert_eq!(f.member_names(club), ["ann", "ben"]);
    assert!(f.ledger.next_due().is_some());
    f.now += 30 * DAY;
    assert_eq!(f.does(Op::Expire), Ok(Outcome::Expired(Vec::new())), "nothing is left to end");
}

#[test]
fn whoever_comes_in_by_another_way_is_not_invited_any_more() {
    let mut f = Fixture::with(roomy());
    let [ann, ben] = ["ann", "ben"].map(|name| f.user(name));
    befriend(&mut f, ann, ben);
    let club = f.group(ann, "club", JoinPolicy::Approval).group.id;
    f.does(invite(ann, club, ben)).unwrap();
    f.does(join(ben, club)).unwrap();
    let verdict = Verdict::Accept;
    f.does(Op::AnswerJoin { user: ann, group: club, member: ben, verdict, reason: Box::default() }).unwrap();
    assert!(f.login(ben).invites.is_empty());
    f.does(Op::Leave { user: ben, group: club }).unwrap();
    assert_eq!(f.does(answers(ben, club, Verdict::Accept)), Err(Refusal::NoSuchRequest));
}

#[test]
fn whom_one_has_blocked_does_not_invite() {
    let mut f = Fixture::with(roomy());
    let [ann, ben] = ["ann", "ben"].map(|name| f.user(name));
    befriend(&mut f, ann, ben);
    let club = f.group(ann, "club", JoinPolicy::Open).group.id;
    f.does(invite(ann, club, ben)).unwrap();
    let block = |blocked| Op::Block { user: ben, other: ann, blocked };
    f.does(block(true)).unwrap();
    assert!(f.login(ben).invites.is_empty(), "what was asked before is void");
    assert_eq!(f.does(answers(ben, club, Verdict::Accept)), Err(Refusal::NoSuchRequest));
    assert_eq!(f.does(invite(ann, club, ben)), Err(Refusal::Blocked));
    f.does(block(false)).unwrap();
    assert!(matches!(f.does(invite(ann, club, ben)), Ok(Outcome::Invited { again: false, .. })));
}

#[test]
fn invitations_are_bounded_on_both_sides() {
    let mut settings = roomy();
    settings.group.max_requests = 2;
    let mut f = Fixture::with(settings);
    let [ann, a, b, c] = ["ann", "a", "b", "c"].map(|name| f.user(name));
    for friend in [a, b, c] {
        befriend(&mut f, ann, friend);
    }
    let groups = ["one", "two", "three"].map(|name| f.group(ann, name, JoinPolicy::Open).group.id);
    f.does(invite(ann, groups[0], a)).unwrap();
    f.does(invite(ann, groups[0], b)).unwrap();
    assert_eq!(f.does(invite(ann, groups[0], c)), Err(Refusal::ListFull), "of one group");
    f.does(invite(ann, groups[1], a)).unwrap();
    assert_eq!(f.does(invite(ann, groups[2], a)), Err(Refusal::ListFull), "for one account");
    assert_eq!(f.login(a).invites.len(), 2);
    f.does(answers(a, groups[0], Verdict::Reject)).unwrap();
    f.does(invite(ann, groups[0], c)).unwrap();
    f.does(invite(ann, groups[2], a)).unwrap();
    f.now += 8 * DAY;
    assert!(f.login(a).invites.is_empty(), "expired");
    f.does(invite(ann, groups[1], b)).unwrap();
}

#[test]
fn an_invitation_that_nobody_answers_ends_once_for_both() {
    let mut f = Fixture::with(roomy());
    let [ann, ben] = ["ann", "ben"].map(|name| f.user(name));
    befriend(&mut f, ann, ben);
    let club = f.group(ann, "club", JoinPolicy::Open).group.id;
    f.does(invite(ann, club, ben)).unwrap();
    f.now += 8 * DAY;
    assert_eq!(f.does(answers(ben, club, Verdict::Accept)), Err(Refusal::NoSuchRequest));
    f = f.reopen();
    let Ok(Outcome::Expired(lapses)) = f.does(Op::Expire) else { panic!() };
    assert!(matches!(&lapses[..], [Lapse::Invite { inviter, who, .. }] if *inviter == ann && who.id == ben));
    for user in [ann, ben] {
        assert!(matches!(last_item(&f, user), Some(InboxItem::InviteExpired { .. })));
    }
    assert_eq!(f.does(Op::Expire), Ok(Outcome::Expired(Vec::new())));
    assert!(matches!(f.does(invite(ann, club, ben)), Ok(Outcome::Invited { again: false, .. })));
}

#[test]
fn a_group_is_dissolved_with_all_that_lay_around_it() {
    let mut f = Fixture::with(roomy());
    let [ann, ben, eve, zoe, max] = ["ann", "ben", "eve", "zoe", "max"].map(|name| f.user(name));
    let club = club(&mut f, ann, &[ben, eve]);
    f.does(set_role(ann, club, ben, Role::Manager)).unwrap();
    let change =
        GroupChange { join: Some(JoinPolicy::Approval), description: Some("about".into()), ..GroupChange::default() };
    f.does(Op::SetGroup { user: ann, group: club, change: Box::new(change) }).unwrap();
    f.does(join(zoe, club)).unwrap();
    befriend(&mut f, ben, max);
    f.does(invite(ben, club, max)).unwrap();
    let dissolve = |user| Op::DissolveGroup { user, group: club };
    assert_eq!(f.does(dissolve(ben)), Err(Refusal::NotOwner));
    assert_eq!(f.does(dissolve(zoe)), Err(Refusal::NotOwner));
    let Ok(Outcome::GroupDissolved { members, .. }) = f.does(dissolve(ann)) else { panic!() };
    let told: Vec<_> = members.iter().map(|(person, told)| (person.id, *told)).collect();
    assert_eq!(told, [(ann, Seq(0)), (ben, Seq(2)), (eve, Seq(1))], "whoever did it knows");
    for user in [ben, eve] {
        assert!(matches!(last_item(&f, user), Some(InboxItem::GroupDissolved { group }) if group.id == club));
    }
    assert!(last_item(&f, ann).is_none());
    f = f.reopen();
    for user in [ann, ben, eve] {
        assert!(f.reader.groups(user).unwrap().is_empty());
        assert!(!f.reader.is_member(user, club).unwrap());
    }
    assert!(f.reader.group_state(club).unwrap().is_none() && f.reader.group_info(club).unwrap().is_none());
    assert!(f.login(max).invites.is_empty());
    for op in [
        dissolve(ann),
        join(eve, club),
        answers(max, club, Verdict::Accept),
        remove(ann, club, ben),
        transfer(ann, club, ben),
        Op::Leave { user: ben, group: club },
        Op::Post { from: ann, group: club, body: Body::text("x"), stamp: None },
    ] {
        assert_eq!(f.does(op.clone()), Err(Refusal::NoSuchGroup), "{op:?}");
    }
    assert_eq!(f.does(found(eve, "club", JoinPolicy::Open)), Err(Refusal::GroupExists), "its name stays taken");
    f.now += 30 * DAY;
    assert_eq!(f.does(Op::Expire), Ok(Outcome::Expired(Vec::new())), "nobody waits any more");
}

#[test]
fn the_last_one_takes_the_invitations_along() {
    let mut f = Fixture::with(roomy());
    let [ann, ben] = ["ann", "ben"].map(|name| f.user(name));
    befriend(&mut f, ann, ben);
    let club = f.group(ann, "club", JoinPolicy::Open).group.id;
    f.stage(invite(ann, club, ben)).unwrap();
    f.stage(Op::Leave { user: ann, group: club }).unwrap();
    f.commit();
    assert!(f.login(ben).invites.is_empty());
    assert_eq!(f.does(answers(ben, club, Verdict::Accept)), Err(Refusal::NoSuchGroup));
    f.now += 30 * DAY;
    assert_eq!(f.does(Op::Expire), Ok(Outcome::Expired(Vec::new())));
}
