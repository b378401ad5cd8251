//! Peers in `binary` that fall silent: they are let go, their friends are told, and nothing of theirs is lost.

use crate::packets::{self, told};
use crate::people::{News, Person};
use crate::wire::{Kind, Wire};
use crate::world::Server;
use serde_json::json;
use std::time::{Duration, Instant};

const QUICK: [&str; 2] = ["binary.heartbeat_s=1", "binary.patience_s=2"];

/// D11 of the checks: within two heartbeats and 5 s, after the patience.
const NOTICED_WITHIN: Duration = Duration::from_secs(2 + 2 + 5);

#[test]
fn a_peer_that_stops_is_offline_soon_and_gets_everything_later() {
    const MESSAGES: usize = 50;
    for kind in Kind::BINARY {
        let server = Server::with(&QUICK);
        let (mut a, mut b) = (Person::new(&server, Kind::BinaryTcp, "a"), Person::new(&server, kind, "b"));
        a.befriend(&mut b, true);
        // b neither reads nor writes from here on.
        let start = Instant::now();
        for n in 0..MESSAGES {
            a.write(&b, &n.to_string());
        }
        assert_eq!(a.news(), News::Offline("b".to_owned()));
        let took = start.elapsed();
        assert!(took < NOTICED_WITHIN, "{kind:?}: {took:?}");
        a.write(&b, "later");

        // What its system had received is worth nothing: it never said so.
        let mut back = b.again(&server, kind);
        for n in 0..MESSAGES {
            assert_eq!(back.news(), News::Private(a.id.clone(), n.to_string()));
        }
        assert_eq!(back.news(), News::Private(a.id.clone(), "later".to_owned()));
        back.expect_nothing();
        // On the old connection it reads that it was logged out, and then the end.
        let mut last = None;
        while let Some(packet) = b.wire.hear() {
            last = Some(packet);
        }
        assert_eq!(last.unwrap()["forcedLogout"]["why"], "WHY_SILENT");
    }
}

#[test]
fn a_peer_that_stops_with_full_buffers_is_let_go_as_well() {
    let server = Server::with(&[QUICK[0], QUICK[1], "binary.receipt_window=65536"]);
    let (mut a, mut b) = (Person::new(&server, Kind::BinaryTcp, "a"), Person::new(&server, Kind::BinaryTcp, "b"));
    a.befriend(&mut b, true);
    let text = "x".repeat(30_000);
    let mut written = 0;
    // More than its system and the server's hold.
    for _ in 0..400 {
        a.wire.say(&a.private(&b, &text));
        written += 1;
    }
    let mut offline = false;
    let mut answered = 0;
    while !offline || answered < written {
        let heard = a.hear();
        if heard["presence"].is_object() {
            offline = true;
        } else {
            packets::sent(&heard);
            answered += 1;
        }
    }
    let mut back = b.again(&server, Kind::BinaryTcp);
    for _ in 0..written {
        let News::Private(_, got) = back.news() else { panic!("no message") };
        assert_eq!(got.len(), text.len());
    }
    back.expect_nothing();
}

#[test]
fn anything_that_is_said_is_a_sign_of_life() {
    let server = Server::with(&QUICK);
    let mut person = Person::new(&server, Kind::BinaryTcp, "a");
    let start = Instant::now();
    // For longer than the patience it answers no heartbeat, and asks something each time it is sent one.
    let mut asked = 0;
    while start.elapsed() < Duration::from_secs(4) {
        assert_eq!(person.wire.hear().unwrap(), packets::heartbeat());
        asked += 1;
        person.wire.say(&json!({"seq": asked, "listFriends": {}}));
        assert_eq!(person.wire.hear().unwrap()["friendList"], json!({}));
    }
    assert!(asked >= 2, "{asked}");
}

#[test]
fn half_a_packet_is_no_sign_of_life() {
    let server = Server::with(&["binary.heartbeat_s=1", "binary.patience_s=2", "session.frame_timeout_s=5"]);
    let mut person = Person::new(&server, Kind::BinaryTcp, "a");
    std::io::Write::write_all(person.wire.stream(), &[0, 0]).unwrap();
    let mut last = None;
    while let Some(packet) = person.wire.hear() {
        last = Some(packet);
    }
    let why = last.unwrap()["forcedLogout"]["why"].clone();
    assert!(why == "WHY_SILENT" || why == "WHY_TIMEOUT", "{why}");
}

#[test]
fn a_guest_is_not_asked_for_signs_of_life() {
    let server = Server::with(&[QUICK[0], QUICK[1], "session.login_timeout_s=4"]);
    let mut guest = Wire::open(&server, Kind::BinaryTcp);
    // All that it hears is that it should have logged in.
    let last = guest.hear().unwrap();
    assert_eq!(last["forcedLogout"]["why"], "WHY_TIMEOUT");
    assert_eq!(guest.hear(), None);
}

#[test]
fn the_end_of_a_server_is_told() {
    let mut server = Server::start();
    let mut people: Vec<Person> =
        Kind::BINARY.into_iter().map(|kind| Person::new(&server, kind, &format!("{kind:?}"))).collect();
    assert!(server.sigterm().success());
    for person in &mut people {
        assert_eq!(person.wire.hear().unwrap()["forcedLogout"]["why"], "WHY_SHUTDOWN");
        assert_eq!(person.wire.hear(), None);
    }
}

#[test]
fn a_message_that_comes_while_somebody_is_being_let_go_is_kept() {
    let server = Server::with(&QUICK);
    let (mut a, mut b) = (Person::new(&server, Kind::BinaryTcp, "a"), Person::new(&server, Kind::BinaryTcp, "b"));
    a.befriend(&mut b, true);
    let mut written = 0;
    // Written all the time until it is seen to be gone, and a little longer.
    let mut left = 200;
    let mut gone = false;
    while left > 0 {
        a.wire.say(&a.private(&b, &written.to_string()));
        written += 1;
        loop {
            let heard = a.hear();
            if heard["presence"].is_object() {
                gone = true;
                continue;
            }
            packets::sent(&heard);
            break;
        }
        left -= usize::from(gone);
    }
    let mut back = b.again(&server, b.kind);
    let mut next = 0;
    while next < written {
        let packet = back.hear();
        packets::acknowledge(&mut back, &packet);
        assert_eq!(told(&packet).unwrap().text(), next.to_string());
        next += 1;
    }
    back.expect_nothing();
}
