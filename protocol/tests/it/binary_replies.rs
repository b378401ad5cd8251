//! What `binary` answers: every reply as the packet that it is on each carrier.

use crate::binary_said::{SEQ, ann, bob, friends, in_group, info_said, packet, profile, profile_said, s, study, with};
use crate::support::{binary, info, member};
use protocol::dialects::binary::packets::{self as p, Packet, packet::Body as Said};
use protocol::{
    Body, BodyKind, Correspondent, Door, Email, FileLength, FriendPolicy, JoinPolicy, MessagePolicy, PastMessage,
    Person, Reply, RequestId, Role, Roster, Seq, Terms, TransferId, UserId, Verb,
};

pub fn replies() -> Vec<(Reply, Said)> {
    let (me, place, transfer) = (UserId(10_000), Seq(5), TransferId(9));
    let group_name = s("学习");
    let with_bob = || Correspondent::User(bob());
    let (friend_list, friends_said) = friends();
    let terms = Terms {
        heartbeat_s: 1,
        patience_s: 2,
        max_packet_bytes: 3,
        max_message_bytes: 4,
        receipt_window: 5,
        receipt_timeout_s: 6,
    };
    let limits = p::Limits {
        heartbeat_s: 1,
        patience_s: 2,
        max_packet_bytes: 3,
        max_message_bytes: 4,
        receipt_window: 5,
        receipt_timeout_s: 6,
    };
    let roster = Roster {
        me: bob(),
        friends: friend_list.clone(),
        groups: vec![study()],
        profile: Some(profile()),
        terms: Some(terms),
    };
    let groups_said = vec![p::Group { group: 7, name: group_name.clone() }];
    let past = |seq, from: Person, body| PastMessage { seq: Seq(seq), from, at_ms: 3, body };
    let history = vec![
        past(1, ann(), Body::text("a")),
        past(2, bob(), Body { kind: BodyKind::Recalled, data: Vec::new().into() }),
        past(3, bob(), Body { kind: BodyKind::Custom(8), data: vec![255].into() }),
        past(4, bob(), Body::recall(Seq(2))),
    ];
    let said_first = p::Message {
        sender: 10_000,
        length: 1,
        payload: "a".into(),
        id: 1,
        at_ms: 3,
        sender_name: s("小明"),
        ..p::Message::default()
    };
    let said_third = p::Message {
        sender: 10_001,
        kind: p::Kind::Custom.into(),
        custom: 8,
        length: 1,
        payload: vec![255].into(),
        id: 3,
        at_ms: 3,
        sender_name: s("小花"),
        ..p::Message::default()
    };
    let web = Door::Web { port: 80, path: "/f/x".into() };
    vec![
        (Reply::Pong, Said::Heartbeat(p::Heartbeat {})),
        (Reply::Done, Said::Done(p::Done {})),
        (Reply::PasswordChanged, Said::Done(p::Done {})),
        (Reply::FriendSet { friend: bob(), special: true }, Said::Done(p::Done {})),
        (
            Reply::Registered { id: me, name: ann().name },
            Said::Registered(p::Registered { account: 10_000, name: s("小明") }),
        ),
        (
            Reply::CodeSent { email: "a@b.cn".into(), valid_s: 600 },
            Said::CodeSent(p::CodeSent { email: s("a@b.cn"), valid_s: 600 }),
        ),
        (Reply::Profile(profile()), Said::Profile(profile_said())),
        (Reply::FriendProfile(profile()), Said::FriendProfile(p::FriendProfile { profile: Some(profile_said()) })),
        (
            Reply::LoggedIn(Box::new(roster)),
            Said::LoginSucceeded(p::LoginSucceeded {
                account: 10_001,
                name: s("小花"),
                profile: Some(profile_said()),
                friends: friends_said.clone(),
                groups: groups_said.clone(),
                limits: Some(limits),
            }),
        ),
        (Reply::LoggedOut, Said::LoggedOut(p::LoggedOut {})),
        (
            Reply::FriendAdded { friend: bob(), profile: Some(profile()) },
            Said::FriendAdded(p::FriendAdded { friend: 10_001, profile: Some(profile_said()) }),
        ),
        (
            Reply::FriendRequested { me, friend: bob() },
            Said::FriendRequestSent(p::FriendRequestSent { asker: 10_000, account: 10_001 }),
        ),
        (
            Reply::FriendAnswered { me, asker: bob(), accepted: true, profile: Some(profile()) },
            Said::FriendAccepted(p::FriendAccepted {
                account: 10_000,
                asker: 10_001,
                profile: Some(profile_said()),
                receipt: None,
            }),
        ),
        (
            Reply::FriendAnswered { me, asker: bob(), accepted: false, profile: None },
            Said::FriendRejected(p::FriendRejected {
                account: 10_000,
                asker: 10_001,
                name: s("小花"),
                ..p::FriendRejected::default()
            }),
        ),
        (
            Reply::RemarkSet { me, friend: bob(), remark: "x".into() },
            Said::RemarkSet(p::RemarkSet { account: 10_000, friend: 10_001, remark: s("x") }),
        ),
        (Reply::Blocked { who: bob(), blocked: true }, Said::Blocked(p::Blocked { account: 10_001, blocked: true })),
        (
            Reply::BlockList(vec![bob()]),
            Said::BlockList(p::BlockList { users: vec![p::User { account: 10_001, name: s("小花") }] }),
        ),
        (
            Reply::FriendRemoved { friend: bob() },
            Said::FriendRemoved(p::FriendRemoved { friend: 10_001, name: s("小花") }),
        ),
        (
            Reply::Friends { me: ann(), friends: friend_list.clone() },
            Said::FriendList(p::FriendList { friends: friends_said.clone() }),
        ),
        (
            Reply::Presence { me: ann(), friends: friend_list },
            Said::FriendList(p::FriendList { friends: friends_said }),
        ),
        (
            Reply::UserFound { person: bob(), email: Email::parse("Hua@b.cn").ok() },
            Said::UserFound(p::UserFound { email: s("Hua@b.cn"), account: 10_001, name: s("小花") }),
        ),
        (Reply::Groups(vec![study()]), Said::GroupList(p::GroupList { groups: groups_said })),
        (
            Reply::PolicySet { add: FriendPolicy::Open, message: MessagePolicy::Friends },
            Said::Policy(p::Policy { friends: p::Consent::Open.into(), friends_only: true }),
        ),
        (
            Reply::PolicySet { add: FriendPolicy::Confirm, message: MessagePolicy::Anyone },
            Said::Policy(p::Policy { friends: p::Consent::Ask.into(), friends_only: false }),
        ),
        (
            Reply::GroupCreated { group: study(), info: info(&study()) },
            Said::GroupCreated(p::GroupCreated { info: Some(info_said()) }),
        ),
        (Reply::GroupInfo(info(&study())), Said::GroupInfo(info_said())),
        (
            Reply::RoleSet { group: study(), member: bob(), role: Role::Manager },
            Said::RoleChanged(p::RoleChanged {
                group: 7,
                member: 10_001,
                role: p::Role::Manager.into(),
                group_name: group_name.clone(),
                receipt: None,
            }),
        ),
        (
            Reply::InviteSent { group: study(), who: bob() },
            Said::InviteSent(p::InviteSent { group: 7, account: 10_001 }),
        ),
        (
            Reply::InviteAnswered { group: study(), me, accepted: true },
            Said::InviteAnswered(p::InviteAnswered {
                group: 7,
                account: 10_000,
                accepted: true,
                group_name: group_name.clone(),
                ..p::InviteAnswered::default()
            }),
        ),
        (
            Reply::MemberRemoved { group: study(), member: bob() },
            Said::MemberRemoved(p::MemberRemoved {
                group: 7,
                member: 10_001,
                group_name: group_name.clone(),
                ..p::MemberRemoved::default()
            }),
        ),
        (
            Reply::GroupDissolved { group: study() },
            Said::GroupDissolved(p::GroupDissolved { group: 7, group_name: group_name.clone(), receipt: None }),
        ),
        (
            Reply::Joined { me, group: study() },
            Said::JoinAccepted(p::JoinAccepted {
                group: 7,
                asker: 10_000,
                group_name: group_name.clone(),
                receipt: None,
            }),
        ),
        (Reply::JoinRequested { group: study() }, Said::JoinRequestSent(p::JoinRequestSent { group: 7 })),
        (
            Reply::JoinAnswered { group: study(), member: bob(), accepted: true },
            Said::JoinAccepted(p::JoinAccepted {
                group: 7,
                asker: 10_001,
                group_name: group_name.clone(),
                receipt: None,
            }),
        ),
        (
            Reply::JoinAnswered { group: study(), member: bob(), accepted: false },
            Said::JoinRejected(p::JoinRejected { group: 7, asker: 10_001, group_name, ..p::JoinRejected::default() }),
        ),
        (Reply::Left { group: study() }, Said::GroupLeft(p::GroupLeft { group: 7 })),
        (
            Reply::Members { group: study(), members: vec![member(&bob())] },
            Said::MemberList(p::MemberList {
                group: 7,
                members: vec![p::Member { account: 10_001, name: s("小花"), role: p::Role::Member.into() }],
            }),
        ),
        (
            Reply::Sent { verb: Verb::Post, seq: place, at_ms: 6 },
            Said::MessageSent(p::MessageSent { seq: SEQ, id: 5, at_ms: 6 }),
        ),
        (
            Reply::Recalled { with: with_bob(), place },
            Said::MessageRecalled(p::MessageRecalled { peer: with(10_001), id: 5, sender: 0, receipt: None }),
        ),
        (
            Reply::History { with: with_bob(), messages: history.clone(), more: true },
            Said::History(p::History {
                peer: with(10_001),
                messages: vec![p::Message { to: 10_001, ..said_first.clone() }, said_third.clone()],
                more: true,
            }),
        ),
        (
            Reply::History { with: Correspondent::Group(study()), messages: history, more: false },
            Said::History(p::History {
                peer: in_group(),
                messages: [said_first, said_third]
                    .map(|said| p::Message { group: 7, group_name: s("学习"), ..said })
                    .to_vec(),
                more: false,
            }),
        ),
        (
            Reply::FilePort {
                door: web,
                length: FileLength { bytes: 8, as_text: false },
                name: "C:\\x".into(),
                to: bob(),
            },
            Said::FileReady(p::FileReady {
                transfer: 0,
                port: 80,
                path: s("/f/x"),
                offset: 0,
                length: 8,
                sending: true,
            }),
        ),
        (Reply::FileOffered { transfer }, Said::FileOfferSent(p::FileOfferSent { transfer: 9 })),
        (Reply::FileDeclined { transfer }, Said::FileDeclined(p::FileDeclined { transfer: 9, reason: String::new() })),
    ]
}

#[test]
fn every_reply_is_its_packet() {
    for (reply, expected) in replies() {
        let said = packet(|carrier| binary().reply(RequestId(SEQ), &reply, carrier));
        assert_eq!(said, Some(Packet { seq: SEQ, body: Some(expected) }), "{reply:?}");
    }
    for reply in [Reply::Pong, Reply::Done, Reply::PasswordChanged] {
        assert_eq!(packet(|carrier| binary().reply(RequestId(0), &reply, carrier)), None, "{reply:?}");
    }
}

#[test]
fn a_group_says_how_others_join() {
    for (join, expected) in [(JoinPolicy::Open, p::Consent::Open), (JoinPolicy::Approval, p::Consent::Ask)] {
        let mut about = info(&study());
        about.join = join;
        match packet(|carrier| binary().reply(RequestId(1), &Reply::GroupInfo(about.clone()), carrier)).unwrap().body {
            Some(Said::GroupInfo(said)) => assert_eq!(said.join(), expected),
            other => panic!("{other:?}"),
        }
    }
}
