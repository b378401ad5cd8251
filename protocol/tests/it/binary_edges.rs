//! What clients should not send in `binary`: what is unknown, broken, too long or too deep, or made to cost more than its
//! length.

use crate::support::{LIMITS, binary, described, hear, hear_message, hear_said, prefixed};
use proptest::prelude::*;
use prost::Message as _;
use protocol::dialects::binary::packets::{self as p, Packet, packet::Body as Said};
use protocol::{Carrier, Command, Decoded, MistakeKind, RequestId};

#[test]
fn each_packet_of_the_description_is_asked_or_told() {
    let packets = described();
    assert!(packets.len() > 100);
    for (at, (name, by_clients, by_server)) in packets.into_iter().enumerate() {
        assert!(by_clients || by_server, "{name}");
        let text = format!(r#"{{"seq":"{at}","{name}":{{}}}}"#);
        let packet: Packet = serde_json::from_str(&text).unwrap();
        assert!(packet.body.is_some(), "{name} is in the description");
        match hear_said(&packet) {
            Ok(_) => assert!(by_clients, "{name}"),
            Err(mistake) => {
                assert_eq!(mistake.kind != MistakeKind::UnknownCommand, by_clients, "{name}");
                assert_eq!(mistake.request, RequestId(packet.seq), "{name}");
            }
        }
    }
}

#[test]
fn what_this_server_does_not_know_is_passed_over() {
    let list = Packet { seq: 1, body: Some(Said::ListGroups(p::ListGroups {})) }.encode_to_vec();
    // Numbers 300 to 303 in each wire type; number 300 within the packet's own message too.
    let more: [&[u8]; 5] = [
        b"\xe0\x12\x05",
        b"\xe9\x1212345678",
        b"\xf2\x12\x02ab",
        b"\xfb\x12\x08\x01\xfc\x12",
        b"\xaa\x06\x03\xe0\x12\x05",
    ];
    for unknown in more {
        for packet in [[unknown, &list].concat(), [&list, unknown].concat()] {
            let heard = hear_message(binary(), Carrier::Message, &packet).unwrap();
            assert_eq!((heard.id, heard.command), (RequestId(1), Command::ListGroups));
        }
    }
    let text = br#"{"x":{"y":[1,null]},"seq":"1","listGroups":{"z":"z"}}"#;
    assert_eq!(hear_message(binary(), Carrier::Text, text).unwrap().command, Command::ListGroups);
    for nothing in [&b""[..], b"\x08\x01", b"\xe0\x12\x05"] {
        let mistake = hear_message(binary(), Carrier::Message, nothing).unwrap_err();
        assert_eq!(mistake.kind, MistakeKind::UnknownCommand);
    }
    assert_eq!(hear_message(binary(), Carrier::Text, b"{}").unwrap_err().kind, MistakeKind::UnknownCommand);
}

#[test]
fn what_cannot_be_read_spoils_only_its_packet() {
    let ping = prefixed(b"\x52\0");
    // Half a varint, a length beyond the end (1 GiB), no such wire type, a text that is no UTF-8, another type.
    for bad in [
        &b"\x08\xff"[..],
        b"\xa2\x01\x80\x80\x80\x80\x04",
        b"\x57",
        b"\xa2\x01\x03\x22\x01\xff",
        b"\xa2\x01\x02\x20\x01",
    ] {
        let numbered = [b"\x08\x05", bad].concat();
        let mistake = hear_message(binary(), Carrier::Message, &numbered).unwrap_err();
        assert_eq!(mistake.kind, MistakeKind::Unreadable);
        assert_eq!(mistake.request, RequestId(5), "it is answered");
        let (heard, _) = hear(binary(), [[prefixed(bad), ping.clone()].concat().as_slice()]);
        assert!(heard.len() == 2 && heard[0].is_err() && heard[1].is_ok(), "{heard:?}");
    }
    let texts: [&str; 9] = [
        "",
        " ",
        "[]",
        "\"secret\"",
        r#"{"seq":5,"login":{"password":11111}}"#,
        r#"{"seq":5,"#,
        r#"{"seq":5,"seq":6}"#,
        r#"{"seq":5,"login":{"instance":"secret!"}}"#,
        r#"{"seq":"x","heartbeat":{}}"#,
    ];
    for bad in texts {
        let mistake = hear_message(binary(), Carrier::Text, bad.as_bytes()).unwrap_err();
        assert_eq!(mistake.kind, MistakeKind::Unreadable, "{bad}");
        assert!(!mistake.detail.contains("secret") && !mistake.detail.contains("11111"), "{mistake:?}");
    }
    let mistake = hear_message(binary(), Carrier::Text, texts[4].as_bytes()).unwrap_err();
    assert_eq!(mistake.request, RequestId(5), "it is answered");
}

#[test]
fn no_message_is_longer_than_a_packet_may_be() {
    let long = vec![b' '; LIMITS.frame_bytes + 1];
    for carrier in [Carrier::Message, Carrier::Text] {
        assert_eq!(hear_message(binary(), carrier, &long).unwrap_err().kind, MistakeKind::TooLarge);
    }
}

#[test]
fn a_text_is_not_deeper_than_allowed() {
    let nested = |levels: usize| format!("{}{}", r#"{"x":"#.repeat(levels - 1), "{") + &"}".repeat(levels);
    let kind = |text: &str| hear_message(binary(), Carrier::Text, text.as_bytes()).unwrap_err().kind;
    assert_eq!(kind(&nested(LIMITS.depth)), MistakeKind::UnknownCommand);
    assert_eq!(kind(&nested(LIMITS.depth + 1)), MistakeKind::Unreadable);
    assert_eq!(kind(&r#"{"x":"#.repeat(13_000)), MistakeKind::Unreadable);
}

#[test]
fn bombs_cost_no_more_than_their_length() {
    let most = LIMITS.frame_bytes;
    let fill = |piece: &[u8]| piece.repeat(most / piece.len());
    let nested = |tag: u8| {
        // Each level holds the rest of the packet.
        let mut packet = Vec::new();
        for _ in 0..10_000 {
            let mut level = vec![tag];
            prost::encode_length_delimiter(packet.len(), &mut level).unwrap();
            packet.splice(0..0, level);
        }
        packet
    };
    let started = std::time::Instant::now();
    for bomb in [
        // Groups in groups, and messages in messages, whose tags are those of known and of unknown packets.
        fill(b"\x0b"),
        fill(b"\xe3\x12"),
        nested(0x52),
        nested(0x7a),
        // Empty fields without end: numbers, unknown ones, the same packet, packets that replace each other.
        fill(b"\x08\0"),
        fill(b"\xe2\x12\0"),
        fill(b"\x52\0"),
        fill(b"\x52\0\xc2\x01\0"),
        // Friends and messages in packets that are the server's: hundreds of bytes in memory for two.
        [&b"\xaa\x01\xf8\xff\x03"[..], &b"\x22\0".repeat(32_764)].concat(),
        [&b"\xaa\x07\xf8\xff\x03"[..], &b"\x12\0".repeat(32_764)].concat(),
        // Receipts and fields, as many as there is room for.
        [&b"\x9a\x07\xf8\xff\x03"[..], &b"\x0a\0".repeat(32_764)].concat(),
        [&b"\xca\x02\xf8\xff\x03"[..], &b"\x3a\0".repeat(32_764)].concat(),
    ] {
        for carrier in [Carrier::Message, Carrier::Text] {
            let mut decoder = binary().decoder(carrier, LIMITS);
            let decoded = decoder.decode(&mut bomb.as_slice());
            assert!(!matches!(decoded, Decoded::Need) && !decoder.is_midway());
        }
        hear(binary(), [prefixed(&bomb[..bomb.len().min(most)]).as_slice()]);
    }
    let texts = [
        format!(r#"{{"messageReceived":{{"receipts":[{}{{}}]}}}}"#, "{},".repeat(20_000)),
        format!(r#"{{"history":{{"messages":[{}{{}}]}}}}"#, "{},".repeat(20_000)),
        format!(r#"{{{}"x":1}}"#, r#""heartbeat":{},"#.repeat(4_000)),
    ];
    for text in texts {
        let _ = hear_message(binary(), Carrier::Text, text.as_bytes());
    }
    assert!(started.elapsed().as_secs() < 5, "{:?}", started.elapsed());
}

/// Packets as nobody would send them: any fields in any order, with values of any type, in every packet there is.
fn any_packet() -> impl Strategy<Value = Vec<u8>> {
    let key = |tag: u32, wire_type: u64, packet: &mut Vec<u8>| {
        prost::encoding::encode_varint(u64::from(tag) << 3 | wire_type, packet);
    };
    let number = (1u32..17, prop_oneof![any::<u64>(), 0u64..4]).prop_map(move |(tag, value)| {
        let mut packet = Vec::new();
        key(tag, 0, &mut packet);
        prost::encoding::encode_varint(value, &mut packet);
        packet
    });
    let holding = move |tags: std::ops::Range<u32>, inner: BoxedStrategy<Vec<u8>>| {
        (tags, inner).prop_map(move |(tag, inner)| {
            let mut packet = Vec::new();
            key(tag, 2, &mut packet);
            prost::encode_length_delimiter(inner.len(), &mut packet).unwrap();
            [packet, inner].concat()
        })
    };
    let bytes = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..20),
        Just(vec![7; 16]),
        Just(vec![7; 32]),
        Just(b"a@b.cn".to_vec()),
        Just(b"\x08\x01".to_vec()),
        Just(b"\x0a\x01a\x12\x01b".to_vec()),
    ];
    let field = prop_oneof![number.clone(), holding(1..17, bytes.boxed())];
    let fields = prop::collection::vec(field.clone(), 0..6).prop_map(|fields| fields.concat());
    let top = prop_oneof![1 => number, 1 => field, 6 => holding(8..155, fields.boxed())];
    prop::collection::vec(top, 0..4).prop_map(|fields| fields.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_packet_is_the_same_on_every_carrier(packet in any_packet(), cut in 0usize..64) {
        let heard = hear_message(binary(), Carrier::Message, &packet);
        if !packet.is_empty() {
            let stream = prefixed(&packet);
            let (front, back) = stream.split_at(cut % stream.len());
            prop_assert_eq!(hear(binary(), [front, back]).0, std::slice::from_ref(&heard));
        }
        if let Ok(request) = heard {
            // What was understood has a text form, and that says the same.
            let said = Packet::decode(packet.as_slice()).unwrap();
            let text = serde_json::to_vec(&said).unwrap();
            prop_assert_eq!(hear_message(binary(), Carrier::Text, &text).unwrap(), request);
        }
    }
}
