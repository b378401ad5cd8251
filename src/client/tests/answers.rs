//! Which answer belongs to which request.

use super::wires::{carrier, talk, wired};
use super::*;
use protocol::{Event, Reply, RequestId, Seq, Verb};

#[test]
fn numbers_are_right_when_many_wait_and_pushes_come_between() {
    for (dialect, wrap) in every() {
        let mut talk = talk(dialect, wrap);
        let (to, circle) = (person(10_001, "other"), circle(7, "Study"));
        let mut expected = Vec::new();
        let mut pieces = Vec::new();
        for at in 0..50 {
            let (say, verb) = match at % 3 {
                0 => (Say::Post { group: &circle, text: "x" }, Verb::Post),
                _ => (Say::Private { to: &to, text: "x" }, Verb::SendPrivate),
            };
            let (number, _) = said(&mut talk, &say);
            assert_eq!(number, at + 1);
            let sent = Reply::Sent { verb, seq: Seq(9), at_ms: 1 };
            pieces.extend(wired(wrap, dialect.get().reply(RequestId(number), &sent, carrier(wrap))));
            expected.push(done(number, None));
            if at % 2 == 0 {
                let online = Event::FriendOnline { friend: somebody(10_001, "other") };
                pieces.extend(wired(wrap, dialect.get().event(&online, None, carrier(wrap))));
                expected.push(Heard::Presence { online: true });
            }
        }
        assert_eq!(talk.outstanding(), 50);
        let all: Vec<_> = pieces.iter().flat_map(|piece| heard(&mut talk, piece).unwrap()).collect();
        assert_eq!(all, expected, "{dialect:?} {wrap:?}");
        assert_eq!((talk.outstanding(), talk.next()), (0, 51));
    }
}

#[test]
fn an_answer_to_something_else_or_to_nothing_is_nonsense() {
    for (dialect, wrap) in every() {
        let answer =
            |number, reply: &Reply| wired(wrap, dialect.get().reply(RequestId(number), reply, carrier(wrap))).concat();
        let sent = Reply::Sent { verb: Verb::SendPrivate, seq: Seq(9), at_ms: 1 };
        let mut talk = talk(dialect, wrap);
        assert!(heard(&mut talk, &answer(1, &sent)).is_err(), "{dialect:?} {wrap:?}: nothing was asked");
        said(&mut talk, &Say::Ping);
        assert!(heard(&mut talk, &answer(2, &sent)).is_err(), "{dialect:?} {wrap:?}: something else was");
        assert_eq!(heard(&mut talk, &answer(1, &Reply::Pong)).unwrap(), [done(1, None)]);
    }
}

#[test]
fn parts_of_a_text_have_an_order() {
    let framed = dialect("framed");
    let part = |part: u32, parts: u32, text: &str| {
        let json = format!(
            r#"{{"command":"send_message","src":"1","dst":"2","message":"{text}","part":{part},"parts":{parts}}}"#
        );
        [&u32::try_from(json.len()).unwrap().to_le_bytes()[..], json.as_bytes()].concat()
    };
    let mut whole = talk(framed, Wrap::Stream);
    assert_eq!(heard(&mut whole, &part(1, 2, "a")).unwrap(), []);
    let online = framed.get().event(&Event::FriendOnline { friend: somebody(1, "a") }, None, Carrier::Stream);
    assert_eq!(heard(&mut whole, &wired(Wrap::Stream, online).concat()).unwrap(), [Heard::Presence { online: true }]);
    assert_eq!(heard(&mut whole, &part(2, 2, "b")).unwrap(), [private("ab", label(1, ""))]);
    for wrong in
        [part(2, 2, "b"), [part(1, 3, "a"), part(3, 3, "c")].concat(), [part(1, 2, "a"), part(2, 3, "b")].concat()]
    {
        assert!(heard(&mut talk(framed, Wrap::Stream), &wrong).is_err());
    }
    let mut endless = talk(framed, Wrap::Stream);
    let piece = "x".repeat(1 << 20);
    let until = (1..9).find(|at| heard(&mut endless, &part(*at, 9, &piece)).is_err());
    assert_eq!(until, Some(5), "four megabytes are enough");
}
