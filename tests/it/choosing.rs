//! One port for browsers of every dialect: by the path or the subprotocol of a WebSocket.

use crate::packets;
use crate::people::Person;
use crate::wire::{Kind, Wire, packet};
use crate::world::Server;
use serde_json::json;
use std::net::TcpStream;
use tungstenite::{Message, WebSocket};

/// What is heard on a new connection that says this.
fn answer(server: &Server, kind: Kind, path: &str, subprotocol: Option<&str>, question: &str) -> String {
    let mut wire = Wire::open_at(server, kind, path, subprotocol);
    wire.text(question);
    wire.hear().unwrap().to_string()
}

#[test]
fn a_path_or_a_subprotocol_says_what_is_spoken() {
    let server = Server::start();
    let plain = (r#"{"cmd":"ping"}"#, json!({"cmd": "ping_reply", "result": "success"}));
    let framed = (r#"{"command":"ping"}"#, json!({"command": "ping_return", "status": "success"}));
    let binary = (r#"{"seq":"1","heartbeat":{}}"#, json!({"seq": "1", "heartbeat": {}}));
    for (path, subprotocol, (question, expected)) in [
        ("/", None, &framed),
        ("/anything", None, &framed),
        ("/framed", None, &framed),
        ("/plain", None, &plain),
        ("/binary", None, &binary),
        ("/binary?x=1", None, &binary),
        ("/", Some("framed"), &framed),
        ("/", Some("plain"), &plain),
        ("/", Some("binary"), &binary),
    ] {
        // All of them on the listener called `web`, in texts.
        let got = answer(&server, Kind::FramedWeb, path, subprotocol, question);
        assert_eq!(got, expected.to_string(), "{path} {subprotocol:?}");
    }
    let bytes = answer(&server, Kind::BinaryWeb, "/", Some("binary"), binary.0);
    assert_eq!(bytes, binary.1.to_string());
}

#[test]
fn three_pages_on_one_port_talk_to_each_other() {
    let server = Server::start();
    let mut people: Vec<Person> = [Kind::FramedWeb, Kind::BinaryWeb, Kind::BinaryText]
        .into_iter()
        .map(|kind| Person::new(&server, kind, &format!("{kind:?}")))
        .collect();
    people[0].create_group("g");
    for person in &mut people[1..] {
        person.join_group("g");
    }
    for at in 0..people.len() {
        people[at].post("g", "来");
        let name = people[at].name.clone();
        for other in (0..people.len()).filter(|other| *other != at) {
            let news = people[other].news();
            assert_eq!(news, crate::people::News::Posted(name.clone(), "g".to_owned(), "来".to_owned()));
        }
    }
    for person in &mut people {
        person.expect_nothing();
    }
}

/// The next one that is no ping.
fn message(socket: &mut WebSocket<TcpStream>) -> Message {
    loop {
        match socket.read().unwrap() {
            Message::Ping(_) => {}
            message => return message,
        }
    }
}

/// A page speaks in texts and in bytes as it likes, and is answered as it last spoke.
#[test]
fn a_connection_that_changes_its_kind_of_messages() {
    let server = Server::start();
    let mut a = Person::new(&server, Kind::BinaryText, "a");
    let mut b = Person::new(&server, Kind::BinaryTcp, "b");
    a.befriend(&mut b, true);
    let Wire::Web(mut socket) = a.wire else { panic!("it is no WebSocket") };
    for in_bytes in [true, false, true] {
        let number = packets::next_number();
        let question = format!(r#"{{"seq":"{number}","heartbeat":{{}}}}"#);
        let said = if in_bytes { Message::binary(packet(&question)) } else { Message::text(question) };
        socket.send(said).unwrap();
        let answer = message(&mut socket);
        assert_eq!(answer.is_binary(), in_bytes, "{answer:?}");
        // What is told of itself comes in the same kind.
        let private = packets::private(packets::next_number(), &a.id, "hi");
        packets::sent(&b.ask(private));
        let told = message(&mut socket);
        assert_eq!(told.is_binary(), in_bytes, "{told:?}");
    }
}
