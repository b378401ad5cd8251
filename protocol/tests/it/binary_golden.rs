//! The packets of `binary` byte for byte, on each carrier: what a client in another language must read and write.

use crate::support::{LIMITS, binary, group, hear, hear_message, person};
use protocol::{
    Body, BodyKind, Carrier, Command, Event, Kept, Mark, Refusal, Reply, Request, RequestId, Secret, Seq, UserId, Verb,
    Who,
};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let text: String = text.split_whitespace().collect();
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// The same request on a stream, as a message, and as a text.
#[track_caller]
fn asks(stream: &str, text: &str, expected: &Request) {
    let stream = unhex(stream);
    assert_eq!(hear(binary(), [stream.as_slice()]).0, [Ok(expected.clone())]);
    assert_eq!(hear_message(binary(), Carrier::Message, &stream[4..]).as_ref(), Ok(expected));
    assert_eq!(hear_message(binary(), Carrier::Text, text.as_bytes()).as_ref(), Ok(expected));
}

/// The same packet on a stream and as a text.
#[track_caller]
fn says(frames: impl Fn(Carrier) -> protocol::Frames, stream: &str, text: &str) {
    let expected = unhex(stream);
    for carrier in [Carrier::Stream, Carrier::Message] {
        let [frame] = &frames(carrier)[..] else { panic!("one frame") };
        assert_eq!(hex(frame.wire()), hex(&expected));
        assert_eq!(hex(&frame.body()), hex(&expected[4..]));
        assert!(frame.is_binary());
    }
    let [frame] = &frames(Carrier::Text)[..] else { panic!("one frame") };
    assert_eq!(String::from_utf8(frame.body().to_vec()).unwrap(), text);
    assert!(!frame.is_binary());
}

#[test]
fn a_client_asks() {
    let heartbeat = Request { id: RequestId(7), claim: None, command: Command::Ping };
    asks("00000004 0807 5200", r#"{"seq":"7","heartbeat":{}}"#, &heartbeat);
    // A number may be written as one, and a field by its name in the description.
    assert_eq!(hear_message(binary(), Carrier::Text, br#" {"seq": 7, "heartbeat": {}} "#), Ok(heartbeat));
    let login = Request {
        id: RequestId(1),
        claim: None,
        command: Command::Login {
            who: Who::Id(UserId(10_000)),
            password: Secret::new("11111".to_owned()),
            code: None,
            instance: Some(protocol::Instance([1; 16])),
        },
    };
    asks(
        "00000021 0801 a2011c 10904e 22053131313131 321001010101010101010101010101010101",
        r#"{"seq":"1","login":{"account":"10000","password":"11111","instance":"AQEBAQEBAQEBAQEBAQEBAQ=="}}"#,
        &login,
    );
    let message = Request {
        id: RequestId(300),
        claim: Some(Who::Id(UserId(10_000))),
        command: Command::SendPrivate {
            to: Who::Id(UserId(10_001)),
            as_written: "10001".into(),
            body: Body { kind: BodyKind::Voice, data: vec![0, 255].into() },
            number: Some(300),
        },
    };
    asks(
        "00000014 08ac02 f2060e 08904e 10914e 2003 3002 3a0200ff",
        r#"{"seq":300,"private_message":{"sender":"10000","to":10001,"kind":"KIND_VOICE","length":2,"payload":"AP8="}}"#,
        &message,
    );
}

#[test]
fn the_server_says() {
    let sent = Reply::Sent { verb: Verb::SendPrivate, seq: Seq(5), at_ms: 1_700_000_000_000 };
    says(
        |carrier| binary().reply(RequestId(300), &sent, carrier),
        "00000012 08ac02 92070c 08ac02 1005 1880d095ffbc31",
        r#"{"seq":"300","messageSent":{"seq":"300","id":"5","atMs":"1700000000000"}}"#,
    );
    let refused = Reply::Refused { verb: Verb::Recall, refusal: Refusal::TooLate, about: None };
    says(
        |carrier| binary().reply(RequestId(2), &refused, carrier),
        "00000020 0802 b2091b 0836 1217 697420697320746f6f206c61746520666f722074686174",
        r#"{"seq":"2","error":{"reason":"REASON_TOO_LATE","detail":"it is too late for that"}}"#,
    );
    let posted = Event::Posted {
        from: person(10_001, "b"),
        group: group(7, "g"),
        seq: Seq(2),
        at_ms: 3,
        body: Body::text("好"),
    };
    let kept = Kept { mark: Mark::Group(protocol::GroupId(7), Seq(2)), late: false };
    says(
        |carrier| binary().event(&posted, Some(kept), carrier),
        "0000001f fa061c 08914e 1807 3003 3a03e5a5bd 4002 4803 520162 5a0167 7a0408071002",
        r#"{"groupMessage":{"sender":"10001","group":"7","length":3,"payload":"5aW9","id":"2","atMs":"3","senderName":"b","groupName":"g","receipt":{"group":"7","place":"2"}}}"#,
    );
    says(|carrier| binary().heartbeat(carrier).into_iter().collect(), "00000002 5200", r#"{"heartbeat":{}}"#);
}

#[test]
fn what_is_no_frame_ends_the_connection_before_any_of_it_is_kept() {
    for (header, word) in [
        ("00000000", "a length of 0"),
        ("00010001", "not from 1 to 65536"),
        ("40000000", "not from 1 to 65536"),
        ("ffffffff", "not from 1 to 65536"),
        ("10000000", "look turned round"),
        ("7b226372", "looks like text"),
    ] {
        let mut decoder = binary().decoder(Carrier::Stream, LIMITS);
        let bytes = unhex(header);
        let protocol::Decoded::Mistake(mistake) = decoder.decode(&mut bytes.as_slice()) else { panic!("{header}") };
        assert!(mistake.kind.is_fatal() && mistake.detail.contains(word), "{mistake:?}");
        assert!(!decoder.is_midway());
    }
}
