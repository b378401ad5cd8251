//! What nobody should send in `binary`: it costs whoever sends it, and nobody else.

use crate::packets;
use crate::people::{News, Person};
use crate::wire::{Kind, Wire};
use crate::world::Server;
use serde_json::json;
use std::io::Write;

/// A generator of bytes that are the same in every run.
struct Seeded(u64);

impl Seeded {
    fn byte(&mut self) -> u8 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.to_le_bytes()[3]
    }

    fn bytes(&mut self, most: u8) -> Vec<u8> {
        let length = 1 + self.byte() % most;
        (0..length).map(|_| self.byte()).collect()
    }
}

/// Asks for a sign of life, and passes over whatever else is said before it comes.
fn is_alive(person: &mut Person) {
    let number = packets::next_number().to_string();
    person.wire.say(&json!({"seq": number, "heartbeat": {}}));
    loop {
        let heard = person.hear();
        if heard["seq"] == *number {
            assert_eq!(heard["heartbeat"], json!({}));
            return;
        }
    }
}

#[test]
fn whatever_is_in_a_packet_the_connection_goes_on() {
    let server = Server::with(&["session.outbox_bytes=8388608"]);
    let mut random = Seeded(0x9e37_79b9_7f4a_7c15);
    for kind in [Kind::BinaryTcp, Kind::BinaryWeb] {
        let mut person = Person::new(&server, kind, &format!("{kind:?}"));
        for _ in 0..20 {
            for _ in 0..50 {
                let mut bytes = random.bytes(40);
                // Half of them begin like something that is asked, so that its fields are looked at.
                if random.byte().is_multiple_of(2) {
                    let asked =
                        [20_u32, 30, 33, 41, 44, 52, 55, 60, 65, 70, 73, 83, 85, 96, 110, 111, 115, 116, 120, 130];
                    let tag = (asked[usize::from(random.byte()) % asked.len()] << 3) | 2;
                    let length = u8::try_from(bytes.len()).unwrap();
                    let head = [0x08, 0x07, (tag & 0x7f) as u8 | 0x80, (tag >> 7) as u8, length];
                    bytes.splice(0..0, head);
                }
                assert!(person.wire.try_bytes(&bytes));
            }
            is_alive(&mut person);
        }
    }
    let mut person = Person::new(&server, Kind::BinaryText, "text");
    for _ in 0..200 {
        let letters: String = random.bytes(40).into_iter().map(char::from).collect();
        for text in [letters.clone(), format!("{{{letters}}}"), format!(r#"{{"seq":1,"login":{{"{letters}":1}}}}"#)] {
            assert!(person.wire.try_text(&text));
        }
    }
    is_alive(&mut person);
}

#[test]
fn whoever_speaks_another_language_here_is_told_so() {
    let server = Server::start();
    for said in
        [&b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..], b"{\"cmd\":\"ping\"}\n", b"\x10\0\0\0{\"command\":1}", &[0xff; 64]]
    {
        let mut wire = Wire::open(&server, Kind::BinaryTcp);
        wire.stream().write_all(said).unwrap();
        let told = wire.hear().unwrap();
        assert_eq!(told["error"]["reason"], "REASON_TOO_LARGE", "{told}");
        assert_eq!(wire.hear(), None);
    }
}

#[test]
fn nobody_acts_as_somebody_else() {
    let server = Server::start();
    let (mut a, mut b) = (Person::new(&server, Kind::BinaryTcp, "a"), Person::new(&server, Kind::BinaryTcp, "b"));
    let mut eve = Person::new(&server, Kind::BinaryTcp, "eve");
    a.befriend(&mut b, true);
    eve.befriend(&mut b, true);
    a.create_group("g");
    let group = packets::group_of(&mut a, "g");
    for claim in [
        json!({"friendRequest": {"asker": a.id, "account": b.id}}),
        json!({"acceptFriend": {"account": a.id, "asker": b.id}}),
        json!({"rejectFriend": {"account": a.id, "asker": b.id}}),
        json!({"setRemark": {"account": a.id, "friend": b.id, "remark": "x"}}),
        json!({"joinGroup": {"asker": b.id, "group": group}}),
        json!({"privateMessage": {"sender": a.id, "to": b.id, "length": 2, "payload": "aGk="}}),
        json!({"groupMessage": {"sender": a.id, "group": group, "length": 2, "payload": "aGk="}}),
    ] {
        let reply = eve.ask(claim.clone());
        assert_eq!(packets::reason(&reply), "REASON_NOT_PERMITTED", "{claim}");
    }
    // Whoever writes in its own name is that one, whatever else it says.
    let mut message = packets::private(packets::next_number(), &b.id, "hi");
    message["privateMessage"]["senderName"] = "a".into();
    packets::sent(&eve.ask(message));
    assert_eq!(b.news(), News::Private(eve.id.clone(), "hi".to_owned()));
    for foreign in [
        json!({"groupMessage": {"group": group, "length": 2, "payload": "aGk="}}),
        json!({"getHistory": {"peer": {"group": group}}}),
        json!({"listMembers": {"group": group}}),
        json!({"read": {"peer": {"group": group}, "id": 1}}),
        json!({"recall": {"peer": {"group": group}, "id": 1}}),
    ] {
        let reply = eve.ask(foreign.clone());
        assert_eq!(packets::reason(&reply), "REASON_NOT_MEMBER", "{foreign}");
    }
    a.expect_nothing();
    b.expect_nothing();
}
