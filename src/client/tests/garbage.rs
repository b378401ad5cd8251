//! What is no dialect, and what is no WebSocket of this server's.

use super::script::{People, Script};
use super::wires::{Pipe, talk, welcome, wired};
use super::*;
use tungstenite::Message;
use tungstenite::protocol::{CloseFrame, Role, WebSocket};

#[test]
fn what_is_no_dialect_is_nonsense() {
    let mut tried = 0;
    for (name, stream, bodies) in [
        (
            "plain",
            true,
            &[
                &b"hello"[..],
                b"[]",
                b"{}",
                b"{\"cmd\":1}",
                b"{\"cmd\":\"private_chat\"}",
                b"{\"cmd\":\"error\"}",
                b"\xff",
            ][..],
        ),
        (
            "framed",
            false,
            &[b"", b"hello", b"{}", b"{\"command\":\"send_message\"}", b"{\"command\":\"return\"}", b"\xff"],
        ),
        ("binary", false, &[b"hello", b"\xff\xff", b"\x08"]),
    ] {
        for (wrap, body) in WRAPS.iter().flat_map(|wrap| bodies.iter().map(move |body| (*wrap, *body))) {
            let wire = if stream { [body, b"\n"].concat() } else { prefixed(name, body) };
            let (head, tail) = if stream { (0, 1) } else { (4, 0) };
            let frame = Frame::new(wire.into(), head, tail);
            let frame = if wrap == Wrap::WebSocket { frame.binary() } else { frame };
            let piece = wired(wrap, [frame]).concat();
            assert!(heard(&mut talk(dialect(name), wrap), &piece).is_err(), "{name} {wrap:?} {}", body.escape_ascii());
            tried += 1;
        }
    }
    assert_eq!(tried, 3 * (7 + 6 + 3));
}

fn prefixed(name: &str, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap();
    let length = if name == "framed" { length.to_le_bytes() } else { length.to_be_bytes() };
    [&length[..], body].concat()
}

#[test]
fn what_never_ends_is_given_up() {
    let endless = |name: &str, begin: &[u8]| {
        let mut talk = talk(dialect(name), Wrap::Stream);
        let mut result = heard(&mut talk, begin);
        for _ in 0..5 {
            result = result.and_then(|_| heard(&mut talk, &vec![b'x'; 1 << 20]));
        }
        result.unwrap_err().0
    };
    let too_long = "a frame of more than 4194304 bytes";
    assert_eq!(endless("plain", b"{"), too_long);
    assert_eq!(endless("framed", &(5u32 << 20).to_le_bytes()), too_long);
    assert_eq!(endless("binary", &u32::MAX.to_be_bytes()), too_long);
}

/// Bytes with faults are refused or are something else; nothing panics.
#[test]
fn damaged_bytes_do_no_harm() {
    let mut random = fastrand::Rng::with_seed(7);
    let people = People::new();
    let mut refused = 0;
    for (dialect, wrap) in every() {
        for step in Script::new(&people, dialect, wrap).steps {
            for piece in wired(wrap, step.frames) {
                for _ in 0..8 {
                    let mut talk = talk(dialect, wrap);
                    said(&mut talk, step.say.as_ref().unwrap_or(&Say::Ping));
                    let mut piece = piece.clone();
                    let at = random.usize(..piece.len());
                    piece[at] ^= 1 << random.u32(..8);
                    refused += usize::from(heard(&mut talk, &piece).is_err());
                }
            }
        }
    }
    assert!(refused > 100, "{refused}");
}

#[test]
fn only_the_right_answer_opens_a_websocket() {
    let plain = dialect("plain");
    let begin = || {
        let mut talk = Conversation::new(plain, Wrap::WebSocket, 1);
        let mut out = Vec::new();
        talk.open("localhost:1", &mut out);
        (talk, out)
    };
    let (mut talk, out) = begin();
    let answer = welcome(out, plain);
    // Byte by byte, with the first message behind it.
    let first = wired(
        Wrap::WebSocket,
        plain.get().event(&protocol::Event::FriendOnline { friend: somebody(1, "a") }, None, Carrier::Message),
    );
    let bytes = [answer, first.concat()].concat();
    let all: Vec<_> = bytes.iter().flat_map(|byte| heard(&mut talk, &[*byte]).unwrap()).collect();
    assert_eq!(all, [Heard::Presence { online: true }]);

    let (mut talk, out) = begin();
    let answer = welcome(out, plain);
    assert_eq!(
        heard(&mut talk, &[answer, first.concat()].concat()).unwrap(),
        [Heard::Presence { online: true }],
        "in one piece"
    );

    let refuses = |change: &dyn Fn(String) -> String| {
        let (mut talk, out) = begin();
        let answer = change(String::from_utf8(welcome(out, plain)).unwrap());
        heard(&mut talk, answer.as_bytes()).unwrap_err().0
    };
    let other_key = |answer: String| {
        let at = answer.to_ascii_lowercase().find("accept: ").unwrap() + 8;
        format!("{}AAAA{}", &answer[..at], &answer[at + 4..])
    };
    assert_eq!(refuses(&other_key), "the answer to the handshake is to another key");
    assert_eq!(refuses(&|answer| answer.replace("plain", "other")), "the server does not agree to speak plain");
    assert_eq!(
        refuses(&|_| "HTTP/1.1 503 Service Unavailable\r\n\r\nfull".to_owned()),
        "the server answers the handshake with 503 Service Unavailable"
    );
    assert!(refuses(&|_| "{\"cmd\":\"error\"}\n".to_owned()).starts_with("no answer to a handshake"));
}

#[test]
fn pings_and_closes_are_answered() {
    let plain = dialect("plain");
    let mut client = talk(plain, Wrap::WebSocket);
    let mut server = WebSocket::from_raw_socket(Pipe::default(), Role::Server, None);
    server.send(Message::Ping("12345678".into())).unwrap();
    let (all, out) = heard_and_said(&mut client, &std::mem::take(&mut server.get_mut().output)).unwrap();
    assert_eq!(all, []);
    *server.get_mut() = Pipe::of(out);
    assert_eq!(server.read().unwrap(), Message::Pong("12345678".into()));

    let frame = CloseFrame { code: 1001.into(), reason: "the server stops".into() };
    server.close(Some(frame)).unwrap();
    let (all, out) = heard_and_said(&mut client, &std::mem::take(&mut server.get_mut().output)).unwrap();
    assert_eq!(all, [closing("1001 the server stops")]);
    *server.get_mut() = Pipe::of(out);
    assert!(matches!(server.read().unwrap(), Message::Close(Some(frame)) if u16::from(frame.code) == 1001));
    let mut more = Vec::new();
    client.close(&mut more);
    assert!(more.is_empty(), "a close is sent once");

    let mut client = talk(plain, Wrap::WebSocket);
    let mut out = Vec::new();
    client.close(&mut out);
    let mut server = WebSocket::from_raw_socket(Pipe::of(out), Role::Server, None);
    assert!(matches!(server.read().unwrap(), Message::Close(Some(frame)) if u16::from(frame.code) == 1000));
    server.flush().ok();
    let echo = std::mem::take(&mut server.get_mut().output);
    assert_eq!(
        heard_and_said(&mut client, &echo).unwrap(),
        (Vec::new(), Vec::new()),
        "what one has said oneself is no news"
    );
}

#[test]
fn frames_that_this_server_never_sends_are_refused() {
    for (frame, why) in [
        (&b"\x81\x80abcd"[..], "with a mask came from the server"),
        (b"\x01\x01a", "is a fragment, which this server never sends"),
        (b"\x80\x01a", "is a fragment, which this server never sends"),
        (b"\xc1\x01a", "of an extension that was not asked for"),
        (b"\x83\x01a", "that there is not"),
    ] {
        let nonsense = heard(&mut talk(dialect("plain"), Wrap::WebSocket), frame).unwrap_err();
        assert_eq!(nonsense.0, format!("a WebSocket frame {why}"));
    }
}
