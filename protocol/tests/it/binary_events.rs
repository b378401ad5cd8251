//! What `binary` tells: every event as the packet that it is on each carrier.

use crate::binary_said::{
    KEPT, ann, blank_said, bob, in_group, packet, profile, profile_said, receipt, s, study, with,
};
use crate::support::binary;
use protocol::dialects::binary::packets::{self as p, Packet, packet::Body as Said};
use protocol::{
    Body, BodyKind, ClosingReason, Door, Event, FileLength, GroupId, Kept, Mark, Role, Seq, TransferEnd, TransferId,
    UserId,
};
use std::collections::BTreeSet;

pub fn events() -> Vec<(Event, Option<Kept>, Said)> {
    let (to, transfer) = (UserId(10_000), TransferId(9));
    let group_name = s("学习");
    let told = |event, said| (event, None, said);
    let kept = |event, said| (event, KEPT, said);
    let presence = |online| Said::Presence(p::Presence { friend: 10_001, name: s("小花"), online });
    let expired = |to, name: &str| {
        kept(
            Event::FriendRequestExpired { asker: ann(), asked: bob(), to: UserId(to) },
            Said::FriendRequestExpired(p::FriendRequestExpired {
                account: 10_001,
                asker: 10_000,
                name: s(name),
                receipt: receipt(),
            }),
        )
    };
    vec![
        told(Event::FriendOnline { friend: bob() }, presence(true)),
        told(Event::FriendOffline { friend: bob() }, presence(false)),
        kept(
            Event::FriendAdded { friend: bob(), to, profile: Some(profile()) },
            Said::FriendAccepted(p::FriendAccepted {
                account: 10_001,
                asker: 10_000,
                profile: Some(profile_said()),
                receipt: receipt(),
            }),
        ),
        told(
            Event::FriendAdded { friend: bob(), to, profile: None },
            Said::FriendAdded(p::FriendAdded { friend: 10_001, profile: Some(blank_said(10_001, "小花")) }),
        ),
        told(
            Event::FriendRequested { asker: bob(), to, special: true, reason: "r".into() },
            Said::FriendRequested(p::FriendRequested {
                asker: 10_001,
                account: 10_000,
                reason: s("r"),
                name: s("小花"),
            }),
        ),
        kept(
            Event::FriendRejected { friend: bob(), to, reason: "r".into() },
            Said::FriendRejected(p::FriendRejected {
                account: 10_001,
                asker: 10_000,
                reason: s("r"),
                name: s("小花"),
                receipt: receipt(),
            }),
        ),
        expired(10_000, "小花"),
        expired(10_001, "小明"),
        told(
            Event::FriendRemoved { friend: bob() },
            Said::FriendRemoved(p::FriendRemoved { friend: 10_001, name: s("小花") }),
        ),
        told(
            Event::JoinRequested { group: study(), asker: bob(), reason: "r".into() },
            Said::JoinRequested(p::JoinRequested {
                asker: 10_001,
                group: 7,
                group_name: group_name.clone(),
                reason: s("r"),
                name: s("小花"),
            }),
        ),
        kept(
            Event::JoinAnswered { group: study(), to, accepted: true, reason: "".into() },
            Said::JoinAccepted(p::JoinAccepted {
                group: 7,
                asker: 10_000,
                group_name: group_name.clone(),
                receipt: receipt(),
            }),
        ),
        kept(
            Event::JoinAnswered { group: study(), to, accepted: false, reason: "r".into() },
            Said::JoinRejected(p::JoinRejected {
                group: 7,
                asker: 10_000,
                reason: s("r"),
                group_name: group_name.clone(),
                receipt: receipt(),
            }),
        ),
        kept(
            Event::JoinRequestExpired { group: study(), asker: bob() },
            Said::JoinRequestExpired(p::JoinRequestExpired {
                group: 7,
                asker: 10_001,
                group_name: group_name.clone(),
                receipt: receipt(),
            }),
        ),
        kept(
            Event::RoleChanged { group: study(), to, role: Role::Owner },
            Said::RoleChanged(p::RoleChanged {
                group: 7,
                member: 10_000,
                role: p::Role::Owner.into(),
                group_name: group_name.clone(),
                receipt: receipt(),
            }),
        ),
        told(
            Event::Invited { group: study(), inviter: bob() },
            Said::Invited(p::Invited {
                group: 7,
                group_name: group_name.clone(),
                inviter: 10_001,
                inviter_name: s("小花"),
            }),
        ),
        kept(
            Event::InviteAnswered { group: study(), who: bob(), accepted: false, reason: "r".into() },
            Said::InviteAnswered(p::InviteAnswered {
                group: 7,
                account: 10_001,
                accepted: false,
                reason: s("r"),
                group_name: group_name.clone(),
                receipt: receipt(),
            }),
        ),
        kept(
            Event::InviteExpired { group: study(), who: bob() },
            Said::InviteExpired(p::InviteExpired {
                group: 7,
                account: 10_001,
                group_name: group_name.clone(),
                receipt: receipt(),
            }),
        ),
        kept(
            Event::MemberRemoved { group: study(), to, reason: "r".into() },
            Said::MemberRemoved(p::MemberRemoved {
                group: 7,
                member: 10_000,
                reason: s("r"),
                group_name: group_name.clone(),
                receipt: receipt(),
            }),
        ),
        kept(
            Event::GroupDissolved { group: study() },
            Said::GroupDissolved(p::GroupDissolved { group: 7, group_name, receipt: receipt() }),
        ),
        told(
            Event::Typing { from: bob(), group: None },
            Said::Typing(p::Typing { peer: with(10_001), sender: 10_001 }),
        ),
        told(
            Event::Typing { from: bob(), group: Some(GroupId(7)) },
            Said::Typing(p::Typing { peer: in_group(), sender: 10_001 }),
        ),
        told(
            Event::Read { from: bob(), group: None, place: Seq(5) },
            Said::Read(p::Read { peer: with(10_001), id: 5, sender: 10_001 }),
        ),
        told(
            Event::Read { from: bob(), group: Some(GroupId(7)), place: Seq(5) },
            Said::Read(p::Read { peer: in_group(), id: 5, sender: 10_001 }),
        ),
        told(
            Event::FileOffered {
                from: bob(),
                to,
                door: Door::Port(9_000),
                length: FileLength { bytes: 8, as_text: true },
                name: "x".into(),
            },
            Said::FileReady(p::FileReady { port: 9_000, length: 8, ..p::FileReady::default() }),
        ),
        told(
            Event::FileAsked { transfer, from: bob(), to, length: 8, name: "x".into(), hash: Some([3; 32]) },
            Said::FileOffered(p::FileOffered {
                transfer: 9,
                sender: 10_001,
                sender_name: s("小花"),
                name: s("x"),
                size: 8,
                sha256: vec![3; 32].into(),
            }),
        ),
        told(
            Event::FileReady {
                transfer,
                to,
                door: Door::Web { port: 80, path: "/f/y".into() },
                offset: 3,
                length: 5,
                sending: true,
            },
            Said::FileReady(p::FileReady {
                transfer: 9,
                port: 80,
                path: s("/f/y"),
                offset: 3,
                length: 5,
                sending: true,
            }),
        ),
        told(Event::FileProgress { transfer, bytes: 4 }, Said::FileProgress(p::FileProgress { transfer: 9, bytes: 4 })),
        told(Event::FileDone { transfer }, Said::FileDone(p::FileDone { transfer: 9 })),
        told(
            Event::FileDeclined { transfer, reason: "r".into() },
            Said::FileDeclined(p::FileDeclined { transfer: 9, reason: s("r") }),
        ),
    ]
}

#[test]
fn every_event_is_its_packet() {
    for (event, kept, expected) in events() {
        let said = packet(|carrier| binary().event(&event, kept, carrier));
        assert_eq!(said, Some(Packet { seq: 0, body: Some(expected) }), "{event:?}");
    }
}

#[test]
fn a_message_says_whether_it_waited_and_what_to_give_back() {
    let said =
        |event: &Event, kept| packet(|carrier| binary().event(event, kept, carrier)).map(|said| said.body.unwrap());
    let private = |body| Event::Private { from: bob(), to: ann(), seq: Seq(5), at_ms: 6, body };
    let posted = |body| Event::Posted { from: bob(), group: study(), seq: Seq(5), at_ms: 6, body };
    let in_line = Mark::Group(GroupId(7), Seq(5));
    for (kind, said_kind, custom) in [
        (BodyKind::Text, p::Kind::Text, 0),
        (BodyKind::Image, p::Kind::Image, 0),
        (BodyKind::File, p::Kind::File, 0),
        (BodyKind::Voice, p::Kind::Voice, 0),
        (BodyKind::Custom(8), p::Kind::Custom, 8),
    ] {
        let body = Body { kind, data: "好".into() };
        let message = p::Message {
            sender: 10_001,
            kind: said_kind.into(),
            custom,
            length: 3,
            payload: "好".into(),
            id: 5,
            at_ms: 6,
            sender_name: s("小花"),
            ..p::Message::default()
        };
        let to_ann = p::Message { to: 10_000, ..message.clone() };
        let late = |mark, late| Some(Kept { mark, late });
        assert_eq!(said(&private(body.clone()), None), Some(Said::PrivateMessage(to_ann.clone())));
        let to_ann = p::Message { receipt: receipt(), ..to_ann };
        assert_eq!(said(&private(body.clone()), KEPT), Some(Said::PrivateMessage(to_ann.clone())));
        let was_late = said(&private(body.clone()), late(Mark::Inbox(Seq(4)), true));
        assert_eq!(was_late, Some(Said::OfflinePrivateMessage(to_ann)));
        let to_group =
            p::Message {
                group: 7, group_name: s("学习"), receipt: Some(p::Receipt { group: 7, place: 5 }), ..message
            };
        let at_once = said(&posted(body.clone()), late(in_line, false));
        assert_eq!(at_once, Some(Said::GroupMessage(to_group.clone())));
        assert_eq!(said(&posted(body), late(in_line, true)), Some(Said::OfflineGroupMessage(to_group)));
    }
    let recalled =
        |peer, receipt| Some(Said::MessageRecalled(p::MessageRecalled { peer, id: 3, sender: 10_001, receipt }));
    assert_eq!(said(&private(Body::recall(Seq(3))), KEPT), recalled(with(10_001), receipt()));
    assert_eq!(said(&posted(Body::recall(Seq(3))), None), recalled(in_group(), None));
    for nothing in [
        Body { kind: BodyKind::Recalled, data: Vec::new().into() },
        Body { kind: BodyKind::Recall, data: vec![1].into() },
    ] {
        assert_eq!(said(&private(nothing.clone()), KEPT), None);
        assert_eq!(said(&posted(nothing), KEPT), None);
    }
}

#[test]
fn each_way_of_ending_has_its_word() {
    let whys: BTreeSet<String> = [
        ClosingReason::Shutdown,
        ClosingReason::SlowConsumer,
        ClosingReason::TimedOut,
        ClosingReason::TooManyConnections,
        ClosingReason::Silent,
        ClosingReason::Replaced,
        ClosingReason::Fault,
    ]
    .into_iter()
    .map(|reason| {
        let event = Event::Closing { reason };
        match packet(|carrier| binary().event(&event, None, carrier)).unwrap().body {
            Some(Said::ForcedLogout(said)) if !said.detail.is_empty() => format!("{:?}", said.why()),
            other => panic!("{other:?}"),
        }
    })
    .collect();
    assert_eq!(
        whys.into_iter().collect::<Vec<_>>(),
        ["Fault", "Full", "Replaced", "Shutdown", "Silent", "Slow", "Timeout"]
    );
    for (end, reason) in
        [(TransferEnd::TimedOut, p::Reason::TransferTimedOut), (TransferEnd::Broken, p::Reason::TransferBroken)]
    {
        let event = Event::TransferFailed { transfer: TransferId(9), end, bytes: 4 };
        match packet(|carrier| binary().event(&event, None, carrier)).unwrap().body {
            Some(Said::FileFailed(said)) => {
                assert_eq!((said.transfer, said.reason(), said.bytes), (9, reason, 4));
            }
            other => panic!("{other:?}"),
        }
    }
}
