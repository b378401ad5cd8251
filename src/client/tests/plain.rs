//! What is `plain`'s own: which object answers what.

use super::*;
use protocol::{Body, ClosingReason, Event, Mistake, MistakeKind, Refusal, Reply, RequestId, Seq, Verb};

fn conversation() -> Conversation {
    Conversation::new(dialect("plain"), Wrap::Stream, 1)
}

fn reply(reply: &Reply) -> Vec<u8> {
    wires::wired(Wrap::Stream, dialect("plain").get().reply(RequestId(0), reply, Carrier::Stream)).concat()
}

fn event(event: &Event) -> Vec<u8> {
    wires::wired(Wrap::Stream, dialect("plain").get().event(event, None, Carrier::Stream)).concat()
}

fn sent(verb: Verb) -> Reply {
    Reply::Sent { verb, seq: Seq(7), at_ms: 1 }
}

fn join_answered(group: GroupRef, accepted: bool) -> Event {
    Event::JoinAnswered { group, to: UserId(10_000), accepted, reason: Box::default() }
}

#[test]
fn pushes_between_a_request_and_its_answer_take_no_number() {
    let mut talk = conversation();
    let ming = somebody(10_001, "小明");
    said(&mut talk, &Say::Befriend(&person(0, "小明")));
    said(&mut talk, &Say::JoinGroup(&circle(0, "Study")));
    said(&mut talk, &Say::Private { to: &person(0, "小明"), text: "x" });
    let bytes = [
        event(&Event::FriendOnline { friend: ming.clone() }),
        event(&Event::FriendAdded { friend: ming.clone(), to: UserId(1), profile: None }),
        // Of an earlier request to another group.
        event(&join_answered(group(3, "other"), true)),
        reply(&Reply::FriendAdded { friend: ming.clone(), profile: None }),
        event(&join_answered(group(3, "study"), false)),
        event(&join_answered(group(4, "other"), true)),
        b"\n".to_vec(),
        // The group's name in the case in which it was registered.
        reply(&Reply::Joined { me: UserId(1), group: group(2, "sTUDY") }),
        event(&join_answered(group(2, "study"), true)),
        event(&Event::Private {
            from: ming.clone(),
            to: ming.clone(),
            seq: Seq(1),
            at_ms: 1,
            body: Body::text("\"你\""),
        }),
        event(&Event::TransferFailed {
            transfer: protocol::TransferId(1),
            end: protocol::TransferEnd::Broken,
            bytes: 0,
        }),
        reply(&sent(Verb::SendPrivate)),
        event(&Event::FriendOffline { friend: ming }),
    ]
    .concat();
    let expected = [
        Heard::Presence { online: true },
        Heard::Other,
        Heard::Other,
        done(1, None),
        Heard::Other,
        Heard::Other,
        done(2, None),
        Heard::Other,
        private("\"你\"", label(0, "小明")),
        Heard::Other,
        done(3, None),
        Heard::Presence { online: false },
    ];
    assert_eq!(heard(&mut talk, &bytes).unwrap(), expected);
    assert_eq!(talk.outstanding(), 0);
}

#[test]
fn a_logout_is_answered_by_what_follows_it() {
    let mut talk = conversation();
    said(&mut talk, &Say::Logout);
    said(&mut talk, &Say::Ping);
    assert_eq!(heard(&mut talk, &reply(&Reply::Pong)).unwrap(), [done(1, None), done(2, None)]);
    said(&mut talk, &Say::Logout);
    let refusal = Reply::Refused { verb: Verb::Logout, refusal: Refusal::NotLoggedIn, about: None };
    assert_eq!(heard(&mut talk, &reply(&refusal)).unwrap(), [refused(3, "not_logged_in")]);
}

#[test]
fn mistakes_answer_and_last_words_do_not() {
    let plain = dialect("plain").get();
    let word = |kind| {
        let mistake = Mistake { request: RequestId(0), verb: None, kind, detail: "why".into() };
        plain.mistake(&mistake, Carrier::Stream).wire().to_vec()
    };
    let mut talk = conversation();
    said(&mut talk, &Say::Ping);
    assert_eq!(heard(&mut talk, &word(MistakeKind::BadValue)).unwrap(), [refused(1, "bad_value: why")]);
    assert!(heard(&mut talk, &word(MistakeKind::BadValue)).is_err(), "nothing was asked");
    said(&mut talk, &Say::Ping);
    assert_eq!(heard(&mut talk, &word(MistakeKind::Malformed)).unwrap(), [closing("invalid_json")]);
    let shutdown = event(&Event::Closing { reason: ClosingReason::Shutdown });
    assert_eq!(heard(&mut talk, &shutdown).unwrap(), [closing("shutdown")]);
    assert_eq!(talk.outstanding(), 1);
}
