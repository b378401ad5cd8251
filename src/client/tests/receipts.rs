//! `binary`: what is given back for what was heard.

use super::wires::{requests, talk, wired};
use super::*;
use protocol::{Body, Command, Event, Kept, Mark, RequestId, Seq, TransferId};

/// Every event that is kept, and nothing else.
fn kept_events() -> Vec<Event> {
    let (from, to, group) = (somebody(10_001, "other"), somebody(10_000, "me"), group(7, "Study"));
    let (seq, at_ms, body) = (Seq(5), 1, Body::text("x"));
    let reason = || Box::<str>::default();
    vec![
        Event::Private { from: from.clone(), to: to.clone(), seq, at_ms, body: body.clone() },
        Event::Posted { from: from.clone(), group: group.clone(), seq, at_ms, body },
        Event::Private { from: from.clone(), to: to.clone(), seq, at_ms, body: Body::recall(Seq(4)) },
        Event::FriendAdded { friend: from.clone(), to: to.id, profile: None },
        Event::FriendRejected { friend: from.clone(), to: to.id, reason: reason() },
        Event::FriendRequestExpired { asker: from.clone(), asked: to.clone(), to: to.id },
        Event::JoinAnswered { group: group.clone(), to: to.id, accepted: true, reason: reason() },
        Event::JoinAnswered { group: group.clone(), to: to.id, accepted: false, reason: reason() },
        Event::JoinRequestExpired { group: group.clone(), asker: from.clone() },
        Event::RoleChanged { group: group.clone(), to: to.id, role: protocol::Role::Manager },
        Event::InviteAnswered { group: group.clone(), who: from.clone(), accepted: true, reason: reason() },
        Event::InviteExpired { group: group.clone(), who: from },
        Event::MemberRemoved { group: group.clone(), to: to.id, reason: reason() },
        Event::GroupDissolved { group },
    ]
}

#[test]
fn one_call_gives_all_its_receipts_back_at_once_and_in_order() {
    let binary = dialect("binary");
    for wrap in WRAPS {
        let mut talk = talk(binary, wrap);
        let marks = |at: usize| match at % 2 {
            0 => Mark::Inbox(Seq(100 + at as u64)),
            _ => Mark::Group(GroupId(7), Seq(200 + at as u64)),
        };
        let events = kept_events();
        let frames = |(at, event): (usize, &Event)| {
            binary.get().event(event, Some(Kept { mark: marks(at), late: at % 3 == 0 }), wires::carrier(wrap))
        };
        let pieces = wired(wrap, events.iter().enumerate().flat_map(frames));
        assert_eq!(pieces.len(), events.len());
        let marks: Vec<Mark> = (0..events.len()).map(marks).collect();
        let receive = |marks: &[Mark]| Request {
            id: RequestId(0),
            claim: None,
            command: Command::Received { marks: marks.to_vec() },
        };
        if wrap == Wrap::Message {
            for (piece, mark) in pieces.iter().zip(&marks) {
                let (_, out) = heard_and_said(&mut talk, piece).unwrap();
                assert_eq!(requests(binary, wrap, &out), [receive(&[*mark])]);
            }
        } else {
            let (_, out) = heard_and_said(&mut talk, &pieces.concat()).unwrap();
            assert_eq!(requests(binary, wrap, &out), [receive(&marks)]);
        }
        assert_eq!(talk.outstanding(), 0, "receipts are not answered");
    }
}

#[test]
fn a_heartbeat_is_answered_and_nothing_else_is() {
    let binary = dialect("binary");
    for wrap in WRAPS {
        let mut talk = talk(binary, wrap);
        let beat = wired(wrap, binary.get().heartbeat(wires::carrier(wrap))).concat();
        let (heard, out) = heard_and_said(&mut talk, &beat).unwrap();
        assert_eq!(heard, [Heard::Other]);
        let alive = Request { id: RequestId(0), claim: None, command: Command::Ping };
        assert_eq!(requests(binary, wrap, &out), [alive]);
        let progress = Event::FileProgress { transfer: TransferId(1), bytes: 1 };
        let told = wired(wrap, binary.get().event(&progress, None, wires::carrier(wrap))).concat();
        assert_eq!(heard_and_said(&mut talk, &told).unwrap(), (vec![Heard::Other], Vec::new()));
    }
}
