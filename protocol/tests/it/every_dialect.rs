//! What must hold for every dialect in the table, whatever it looks like on the wire.

use crate::support::{LIMITS, hear, packet, prefixed};
use proptest::prelude::*;
use prost::Message;
use protocol::dialects::binary::packets::{self, Packet, packet::Body as Said};
use protocol::{Carrier, DIALECTS, Decoded, Dialect, MistakeKind};

/// Frames that the dialect takes, one request each, as messages.
fn samples(dialect: &dyn Dialect) -> Vec<Vec<u8>> {
    let texts: &[&str] = match dialect.name() {
        "plain" => &[
            "{\"cmd\":\"register\",\"user\":\"小明\",\"password\":\"11\\\"11}\\\\\"};\n",
            "{\n    \"cmd\": \"login\",\n    \"password\": \"11111\",\n    \"user\": \"\\u5c0f\\u660e\"\n}\n",
            "{\"cmd\":\"private_chat\",\"user_from\":\"小明\",\"user_to\":\"小花\",\"text\":\"你好 👋🏽 {[}\"}",
            "{\"cmd\":\"send_file\",\"from_user\":\"a\",\"to_user\":\"b\",\"length\":10000,\"filename\":\"C:\\\\x.txt\"}\0",
            "  {\"cmd\":\"ping\",\"x\":[{\"y\":[1,2.5,-3,null,true]},{}]}\r\n",
        ],
        "framed" => &[
            "{\"command\":\"logon\",\"username\":\"小明\",\"password\":\"11\\\"11}\\\\\"}\0",
            " {\n    \"command\": \"login\",\n    \"id\": \"10000\",\n    \"password\": \"\\u5c0f\"\n}\n",
            "{\"command\":\"send_message\",\"src\":\"10000\",\"dst\":\"10001\",\"message\":\"你好 👋🏽 {[\"}",
            "{\"command\":\"send_file\",\"src\":\"1\",\"dst\":\"2\",\"length\":10000,\"filename\":\"C:\\\\x.txt\"}",
            "{\"command\":\"ping\",\"x\":[{\"y\":[1,2.5,-3,null,true]},{}]}\r\n",
        ],
        "binary" => return binary_samples(),
        other => panic!("give the dialect {other} its samples"),
    };
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

fn binary_samples() -> Vec<Vec<u8>> {
    let said = |seq, body| Packet { seq, body: Some(body) }.encode_to_vec();
    let text = "你好 👋🏽 {[";
    let message = packets::Message {
        to: 10_001,
        length: u32::try_from(text.len()).unwrap(),
        payload: text.into(),
        ..packets::Message::default()
    };
    let login = packets::Login {
        who: Some(packets::login::Who::Email("a@b.cn".to_owned())),
        password: "11\"11}\\".to_owned(),
        code: String::new(),
        instance: vec![0; 16].into(),
    };
    // A field that this server does not know: number 300, with three bytes.
    let unknown = b"\xe2\x12\x03abc".to_vec();
    vec![
        said(0, Said::Heartbeat(packets::Heartbeat {})),
        said(1, Said::Login(login)),
        said(u64::MAX, Said::PrivateMessage(message)),
        [unknown.clone(), said(7, Said::ListGroups(packets::ListGroups {})), unknown].concat(),
        said(8, Said::Register(packets::Register { nickname: "明".repeat(1_000), ..packets::Register::default() })),
    ]
}

/// The same on a stream.
fn stream_samples(dialect: &dyn Dialect) -> Vec<Vec<u8>> {
    samples(dialect).iter().map(|sample| on_stream(dialect, sample)).collect()
}

/// A message as the dialect frames it on a stream.
fn on_stream(dialect: &dyn Dialect, message: &[u8]) -> Vec<u8> {
    match dialect.name() {
        "plain" => message.to_vec(),
        "framed" => packet(message),
        "binary" => prefixed(message),
        other => panic!("say how the dialect {other} frames"),
    }
}

/// The beginning of a frame that never ends.
fn endless(dialect: &dyn Dialect) -> (&'static [u8], u8) {
    match dialect.name() {
        "plain" => (br#"{"cmd":"private_chat","user_from":"a","user_to":"b","text":""#, b'a'),
        // 65,537 bytes, one more than is taken.
        "framed" => (&[1, 0, 1, 0, b'{'], b' '),
        "binary" => (&[0, 1, 0, 1, 0x0a], 0),
        other => panic!("give the dialect {other} an endless frame"),
    }
}

/// Feeds `first` and then pieces of `filler` until the decoder gives up; gives the mistake and the bytes it took.
fn until_refused(dialect: &dyn Dialect, first: &[u8], filler: &[u8], most: usize) -> Option<(MistakeKind, usize)> {
    let mut decoder = dialect.decoder(Carrier::Stream, LIMITS);
    let mut fed = 0;
    let mut piece = first;
    while fed < most {
        fed += piece.len();
        let mut input = piece;
        if let Decoded::Mistake(mistake) = decoder.decode(&mut input) {
            assert!(!decoder.is_midway(), "nothing is kept of what is refused");
            return Some((mistake.kind, fed));
        }
        piece = filler;
    }
    None
}

#[test]
fn a_stream_may_be_split_at_every_byte() {
    for dialect in DIALECTS {
        let samples = stream_samples(dialect);
        let stream = samples.concat();
        let (whole, style) = hear(dialect, [stream.as_slice()]);
        assert_eq!(whole.iter().filter(|heard| heard.is_ok()).count(), samples.len());
        for at in 0..=stream.len() {
            let (heard, style_heard) = hear(dialect, [&stream[..at], &stream[at..]]);
            assert_eq!((heard, style_heard), (whole.clone(), style), "{} split at {at}", dialect.name());
        }
        assert_eq!(hear(dialect, stream.chunks(1)), (whole, style), "{} byte by byte", dialect.name());
    }
}

#[test]
fn every_sample_is_one_message_too() {
    for dialect in DIALECTS {
        for sample in samples(dialect) {
            let mut decoder = dialect.decoder(Carrier::Message, LIMITS);
            assert!(matches!(decoder.decode(&mut sample.as_slice()), Decoded::Request(_)));
            assert!(!decoder.is_midway());
        }
    }
}

#[test]
fn a_frame_without_end_is_refused_as_soon_as_it_is_too_long() {
    for dialect in DIALECTS {
        let (start, filler) = endless(dialect);
        let piece = vec![filler; 16 * 1024];
        let (kind, fed) = until_refused(dialect, start, &piece, 64 << 20).unwrap();
        assert_eq!(kind, MistakeKind::TooLarge);
        assert!(fed <= LIMITS.frame_bytes + piece.len(), "{fed} bytes were taken");
    }
}

#[test]
fn bombs_are_refused_early() {
    for dialect in DIALECTS {
        for bomb in ["[", "{\"a\":", "{\"a\":[", "{\"cmd\":[", "{\"command\":["] {
            let (bomb, most) = (bomb.repeat(20_000), LIMITS.frame_bytes);
            let (heard, _) = hear(dialect, [on_stream(dialect, &bomb.as_bytes()[..most.min(bomb.len())]).as_slice()]);
            assert!(heard.len() == 1 && heard[0].is_err(), "{} {heard:?}", dialect.name());
        }
        // A framing of whose bytes some are lost may find frames where there are none, and says so for each.
        for filler in [b"     ", b"[[[[[", b"{\"a\":", b"\0\0\0\0\0", b"55555", b"{{{{{", b"\xff\xff\xff\xff\xff"] {
            let piece = filler.repeat(4_096);
            let refused = until_refused(dialect, &piece, &piece, 64 << 20);
            let (kind, fed) = refused.unwrap_or_else(|| panic!("endless {filler:?} is taken"));
            let empty_frames = dialect.name() == "framed" && filler[0] == 0;
            assert_eq!(kind.is_fatal(), !empty_frames, "{kind:?} {filler:?}");
            assert!(fed <= LIMITS.frame_bytes + piece.len(), "{kind:?} {fed}");
        }
    }
}

#[test]
fn after_a_fatal_mistake_nothing_is_decoded() {
    for dialect in DIALECTS {
        let mut decoder = dialect.decoder(Carrier::Stream, LIMITS);
        let garbage = b"\xff]]]\xff\xff\xff\xff".repeat(20_000);
        let mut input = garbage.as_slice();
        assert!(matches!(decoder.decode(&mut input), Decoded::Mistake(mistake) if mistake.kind.is_fatal()));
        for sample in stream_samples(dialect) {
            let mut input = sample.as_slice();
            assert!(matches!(decoder.decode(&mut input), Decoded::Need));
            assert!(input.is_empty() && !decoder.is_midway());
        }
    }
}

/// Bytes that come near to meaning something.
fn near_misses() -> impl Strategy<Value = Vec<u8>> {
    let token = prop_oneof![
        prop::sample::select(vec![
            "{",
            "}",
            "[",
            "]",
            "\"",
            "\\",
            ":",
            ",",
            ";",
            "\n",
            "\r\n",
            "\r",
            "\0",
            " ",
            "1e3",
            "-",
            "nul",
            "null",
            "\"cmd\":",
            "\"ping\"",
            "\"login\"",
            "\"user\":\"小明\"",
            "{\"cmd\":\"ping\"}",
            "{\"cmd\":\"get_friend\"}\n",
            "\"password\":\"p\"",
            "\\u",
            "\\ud83d",
            "\u{fe0f}",
            "😀",
            "{\"cmd\":\"offline\",\"user\":\"a\"};",
            "\u{12}\0\0\0{\"command\":\"ping\"}",
            "\u{12}\0\0",
            "\0\0\0\u{2}\u{52}\0",
            "\0\0\0\u{4}\u{8}\u{7}\u{52}\0",
            "\0\0\0\u{6}\u{7a}\u{4}",
            "\u{8}\u{1}",
            "\u{72}\0",
            "\0\0\0\0",
            "\u{2}\0\0\0{}",
            "\u{1b}\0\0\0",
            "{\"command\":\"logout\",\"id\":1}",
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
        prop::collection::vec(any::<u8>(), 0..6),
    ];
    prop::collection::vec(token, 0..24).prop_map(|tokens| tokens.concat())
}

proptest! {
    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        for dialect in DIALECTS {
            hear(dialect, [bytes.as_slice()]);
            for carrier in [Carrier::Message, Carrier::Text] {
                let mut decoder = dialect.decoder(carrier, LIMITS);
                let _ = decoder.decode(&mut bytes.as_slice());
            }
        }
    }

    #[test]
    fn where_the_input_is_split_changes_nothing(bytes in near_misses(), cuts in prop::collection::vec(0usize..200, 0..8)) {
        for dialect in DIALECTS {
            let whole = hear(dialect, [bytes.as_slice()]);
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let pieces = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]);
            prop_assert_eq!(hear(dialect, pieces), whole.clone());
            prop_assert_eq!(hear(dialect, bytes.chunks(1)), whole);
        }
    }
}
