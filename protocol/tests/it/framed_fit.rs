//! That no packet on a stream is longer than the document's buffer, and that what is told in parts is told whole.

use crate::support::{bodies, framed, hear_packet, member, person};
use proptest::prelude::*;
use protocol::{
    Body, Carrier, Command, Correspondent, Door, Event, FileLength, Friend, GroupId, GroupRef, Mistake, MistakeKind,
    Name, PastMessage, Person, Reply, RequestId, Seq, UserId, Verb,
};
use serde_json::Value;

const MOST: usize = 2_047;

/// The packets on a stream: each fits, is whole JSON with the same keys, and is numbered if there are several. On a link
/// with messages the same is one packet.
fn parts(say: impl Fn(Carrier) -> Vec<String>) -> Vec<Value> {
    let packets = say(Carrier::Stream);
    let mut objects: Vec<Value> = Vec::new();
    for (at, packet) in packets.iter().enumerate() {
        assert!(packet.len() <= MOST, "{} bytes", packet.len());
        let mut object: Value = serde_json::from_str(packet).unwrap();
        let number = |key: &str, number: usize| packets.len() > 1 && packet.contains(&format!(r#","{key}":{number}"#));
        assert_eq!(number("part", at + 1) && number("parts", packets.len()), packets.len() > 1, "{packet}");
        let object_keys = object.as_object_mut().unwrap();
        assert_eq!(object_keys.remove("part").is_some(), packets.len() > 1);
        assert_eq!(object_keys.remove("parts").is_some(), packets.len() > 1);
        objects.push(object);
    }
    let whole = say(Carrier::Message);
    assert_eq!(whole.len(), 1);
    let whole: Value = serde_json::from_str(&whole[0]).unwrap();
    assert!(whole.get("part").is_none());
    for object in &objects {
        assert!(object.as_object().unwrap().keys().eq(whole.as_object().unwrap().keys()));
    }
    if packets.len() > 1 {
        assert!(say(Carrier::Message)[0].len() > MOST, "what fits is one packet");
    }
    objects
}

fn said(reply: &Reply) -> Vec<Value> {
    parts(|carrier| bodies(&framed().reply(RequestId(0), reply, carrier)))
}

fn told(event: &Event) -> Vec<Value> {
    parts(|carrier| bodies(&framed().event(event, None, carrier)))
}

fn entries(objects: &[Value], key: &str) -> Vec<Value> {
    assert!(objects.len() == 1 || objects.iter().all(|object| !object[key].as_array().unwrap().is_empty()));
    objects.iter().flat_map(|object| object[key].as_array().unwrap().clone()).collect()
}

fn joined(objects: &[Value]) -> String {
    objects.iter().map(|object| object["message"].as_str().unwrap()).collect()
}

/// Names of all widths, up to the longest there are.
fn names() -> impl Strategy<Value = Name> {
    let character =
        prop_oneof!["[a-z\"\\\\]", "[小明花李]", Just("\u{1d6c2}\u{301}".to_owned()), Just("❤️".to_owned())];
    (character, 1..=32_usize).prop_map(|(character, times)| Name::parse(&character.repeat(times)).unwrap())
}

fn people() -> impl Strategy<Value = Person> {
    (any::<u64>(), names()).prop_map(|(id, name)| Person { id: UserId(id), name })
}

fn groups() -> impl Strategy<Value = GroupRef> {
    (any::<u64>(), names()).prop_map(|(id, name)| GroupRef { id: GroupId(id), name })
}

/// Texts of every length, of what is easy and what is hard to write.
fn texts() -> impl Strategy<Value = String> {
    let character = prop_oneof![Just('a'), Just('小'), Just('😀'), Just('"'), Just('\n'), Just('\0'), any::<char>()];
    prop_oneof![
        prop::collection::vec(character, 0..1_500).prop_map(|all| all.into_iter().collect()),
        ("[a小😀\"\0]", 0..6_000_usize).prop_map(|(one, times)| one.repeat(times)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_list_comes_back_whole(
        me in people(),
        others in prop::collection::vec((people(), any::<bool>(), any::<bool>()), 0..120),
        group in groups(),
        all_groups in prop::collection::vec(groups(), 0..120),
    ) {
        let friends: Vec<Friend> = others
            .iter()
            .map(|(person, online, special)| Friend { nickname: Box::default(), remark: Box::default(), person: person.clone(), online: *online, special: *special })
            .collect();
        let objects = said(&Reply::Friends { me: me.clone(), friends: friends.clone() });
        let listed = entries(&objects, "friends");
        prop_assert_eq!(listed.len(), friends.len());
        for (entry, friend) in listed.iter().zip(&friends) {
            prop_assert_eq!(entry["id"].as_str(), Some(&*friend.person.id.to_string()));
            prop_assert_eq!(entry["username"].as_str(), Some(friend.person.name.as_str()));
            prop_assert_eq!(entry["status"].as_str(), Some(if friend.special { "1" } else { "0" }));
        }
        let listed = entries(&said(&Reply::Presence { me, friends: friends.clone() }), "friends");
        prop_assert!(listed.iter().map(|entry| entry["online"] == "1").eq(friends.iter().map(|friend| friend.online)));
        let members: Vec<Person> = friends.into_iter().map(|friend| friend.person).collect();
        let listed = entries(&said(&Reply::Members { group, members: members.iter().map(member).collect() }), "members");
        let listed: Vec<&str> = listed.iter().map(|entry| entry["username"].as_str().unwrap()).collect();
        prop_assert_eq!(listed, members.iter().map(|member| member.name.as_str()).collect::<Vec<_>>());
        let listed = entries(&said(&Reply::Groups(all_groups.clone())), "groups");
        let listed: Vec<&str> = listed.iter().map(|entry| entry["group"].as_str().unwrap()).collect();
        prop_assert_eq!(listed, all_groups.iter().map(|group| group.id.to_string()).collect::<Vec<_>>());
    }

    #[test]
    fn any_text_comes_back_whole(from in people(), to in people(), group in groups(), text in texts()) {
        let (seq, at_ms) = (Seq(1), 1);
        let private = Event::Private { from: from.clone(), to, seq, at_ms, body: Body::text(text.clone()) };
        prop_assert_eq!(&joined(&told(&private)), &text);
        let posted = Event::Posted { from, group, seq, at_ms, body: Body::text(text.clone()) };
        prop_assert_eq!(joined(&told(&posted)), text);
    }

    #[test]
    fn any_history_comes_back_whole(
        with in people(),
        past in prop::collection::vec((people(), texts()), 0..12),
    ) {
        let messages: Vec<PastMessage> = (1..)
            .zip(&past)
            .map(|(seq, (from, text))| PastMessage { seq: Seq(seq), from: from.clone(), at_ms: 1, body: Body::text(text.clone()) })
            .collect();
        let objects = said(&Reply::History { with: Correspondent::User(with), messages, more: true });
        let mut back: Vec<(u64, String)> = Vec::new();
        for line in entries(&objects, "messages") {
            let (seq, text) = (line["seq"].as_u64().unwrap(), line["message"].as_str().unwrap());
            match back.last_mut() {
                Some((last, said)) if *last == seq => said.push_str(text),
                _ => back.push((seq, text.to_owned())),
            }
        }
        prop_assert_eq!(back, (1..).zip(past.into_iter().map(|(_, text)| text)).collect::<Vec<_>>());
        prop_assert!(objects.iter().all(|object| object["more"] == true));
    }

    #[test]
    fn what_a_client_may_send_is_one_packet(text in texts(), from in people(), group in groups()) {
        let to = person(10_001, "b");
        let dst = to.id.to_string();
        let object = serde_json::json!({"command": "send_message", "src": "10000", "dst": dst, "message": text});
        let event = Event::Private { from: person(10_000, "a"), to, seq: Seq(1), at_ms: 1, body: Body::text(text.clone()) };
        let packets = told(&event).len();
        match hear_packet(&object.to_string()) {
            Ok(request) => {
                prop_assert_eq!(packets, 1);
                let Command::SendPrivate { body, .. } = request.command else { panic!("{object}") };
                prop_assert_eq!(body.as_text(), Some(&*text));
            }
            Err(mistake) => {
                prop_assert_eq!((mistake.kind, mistake.verb), (MistakeKind::TextTooLong, Some(Verb::SendPrivate)));
                prop_assert!(packets > 1);
            }
        }
        let object = serde_json::json!({"command": "send_group_message", "group": "7", "message": text});
        if hear_packet(&object.to_string()).is_ok() {
            let event = Event::Posted { from, group, seq: Seq(1), at_ms: 1, body: Body::text(text) };
            prop_assert_eq!(told(&event).len(), 1);
        }
    }

    #[test]
    fn a_path_that_is_taken_comes_back_in_one_packet(name in texts(), bytes in any::<u64>(), as_text in any::<bool>()) {
        let length = if as_text { Value::from(bytes.to_string()) } else { Value::from(bytes) };
        let object = serde_json::json!({"command": "send_file", "dst": "10001", "length": length, "filename": name});
        let bytes_of = |door| {
            let name = name.clone().into();
            let reply = Reply::FilePort { door, length: FileLength { bytes, as_text }, name, to: person(10_001, "b") };
            bodies(&framed().reply(RequestId(0), &reply, Carrier::Stream))[0].len()
        };
        let decoded = {
            let mut decoder = framed().decoder(Carrier::Stream, crate::support::LIMITS);
            let wire = crate::support::packet(object.to_string());
            match decoder.decode(&mut wire.as_slice()) {
                protocol::Decoded::Request(_) => Ok(()),
                protocol::Decoded::Mistake(mistake) => Err((mistake.kind, mistake.verb)),
                protocol::Decoded::Need => panic!("{object}"),
            }
        };
        let expected = if bytes_of(Door::Port(u16::MAX)) <= MOST { Ok(()) } else { Err((MistakeKind::TextTooLong, Some(Verb::OfferFile))) };
        prop_assert_eq!(decoded, expected);
    }

    #[test]
    fn any_hint_fits(detail in texts(), at in 0..2_usize) {
        let verb = [None, Some(Verb::AddFriend)][at];
        let mistake = Mistake { request: RequestId(0), verb, kind: MistakeKind::BadValue, detail };
        let packet = bodies(&[framed().mistake(&mistake, Carrier::Stream)]).remove(0);
        prop_assert!(packet.len() <= MOST && serde_json::from_str::<Value>(&packet).is_ok());
    }
}

#[test]
fn the_bound_is_kept_to_the_byte() {
    let around = r#"{"command":"send_message","src":"10000","dst":"10001","message":""}"#.len();
    for (bytes, packets) in [(MOST, 1), (MOST + 1, 2)] {
        let text = "a".repeat(bytes - around);
        let (from, to) = (person(10_000, "a"), person(10_001, "b"));
        let event = Event::Private { from, to, seq: Seq(1), at_ms: 1, body: Body::text(text.clone()) };
        assert_eq!(told(&event).len(), packets);
        let json = format!(r#"{{"command":"send_message","src":"10000","dst":"10001","message":"{text}"}}"#);
        assert_eq!(hear_packet(&json).is_ok(), packets == 1);
    }
}

#[test]
fn the_widest_file_that_comes_fits() {
    let name = Name::parse(&"\u{1d6c2}\u{301}".repeat(32)).unwrap();
    let event = Event::FileOffered {
        from: Person { id: UserId(u64::MAX), name },
        to: UserId(u64::MAX),
        door: Door::Port(u16::MAX),
        length: FileLength { bytes: u64::MAX, as_text: true },
        name: "\u{1}".repeat(255).into(),
    };
    assert_eq!(told(&event).len(), 1);
}
