//! File transfer, over the port that both sides are told.

use crate::world::{Client, PATIENCE, Server, connect_from, port_of};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::thread::scope;

const TIMEOUT: &str = r#"{"cmd":"send_file_reply","result":"timeout"}"#;
const BROKEN: &str = r#"{"cmd":"send_file_reply","result":"broken"}"#;

fn content(length: usize, seed: usize) -> Vec<u8> {
    (0..length).map(|n| (n.wrapping_mul(31) ^ (n >> 8) ^ seed) as u8).collect()
}

/// Connects to a relay port from one of this machine's addresses.
fn at(ip: &str, port: u16) -> TcpStream {
    let stream = connect_from(ip, SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}

const HOST: &str = "127.0.0.1";

/// Everything until the server closes, in whatever way.
fn rest(mut stream: TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    let mut piece = [0; 65536];
    loop {
        match stream.read(&mut piece) {
            Ok(0) => return all,
            Ok(n) => all.extend_from_slice(&piece[..n]),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return all,
            Err(error) => panic!("{error}"),
        }
    }
}

/// Asks for a transfer; the port, which both are told.
fn offer(sender: &mut Client, receiver: &mut Client, length: usize) -> u16 {
    sender.say(&sender.file(&receiver.name, length));
    let (ours, theirs) = (port_of(&sender.line()), port_of(&receiver.line()));
    assert_eq!(ours, theirs);
    ours
}

/// Pushes everything and reads to the end, as the clients that wait for the server to close do.
fn push(mut stream: TcpStream, bytes: &[u8]) {
    stream.write_all(bytes).unwrap();
    assert!(rest(stream).is_empty());
}

#[test]
fn a_file_arrives_whole_whoever_connects_first() {
    let server = Server::with(&["relay.settle_ms=50"]);
    let (mut a, mut b) = (server.user("a"), server.user("b"));
    for (seed, length) in [1, 4096, 300_000, 5_000_000].into_iter().enumerate() {
        for receiver_first in [false, true] {
            let port = offer(&mut a, &mut b, length);
            let bytes = content(length, seed);
            let (early, late) = (at(HOST, port), at(HOST, port));
            let (sending, receiving) = if receiver_first { (late, early) } else { (early, late) };
            let got = scope(|scope| {
                scope.spawn(|| push(sending, &bytes));
                rest(receiving)
            });
            assert!(got == bytes, "{} of {length} bytes", got.len());
        }
    }
    a.expect_nothing();
    b.expect_nothing();
}

#[test]
fn a_sender_is_read_before_its_receiver_is_there() {
    let server = Server::with(&["relay.settle_ms=50"]);
    let (mut a, mut b) = (server.user("a"), server.user("b"));
    let bytes = content(100_000, 7);
    let port = offer(&mut a, &mut b, bytes.len());
    let mut sending = at(HOST, port);
    sending.write_all(&bytes).unwrap();
    // It says that it is done, and has even gone, before anybody listens.
    sending.shutdown(Shutdown::Write).unwrap();
    assert!(rest(at(HOST, port)) == bytes);
    assert!(rest(sending).is_empty());
    a.expect_nothing();
    b.expect_nothing();
}

#[test]
fn a_receiver_that_stops_by_itself_ends_nothing_badly() {
    let server = Server::with(&["relay.settle_ms=50"]);
    let (mut a, mut b) = (server.user("a"), server.user("b"));
    let bytes = content(200_000, 3);
    let port = offer(&mut a, &mut b, bytes.len());
    let (sending, mut receiving) = (at(HOST, port), at(HOST, port));
    scope(|scope| {
        scope.spawn(|| push(sending, &bytes));
        let mut got = vec![0; bytes.len()];
        receiving.read_exact(&mut got).unwrap();
        drop(receiving);
        assert!(got == bytes);
    });
    a.expect_nothing();
    b.expect_nothing();
}

#[test]
fn an_empty_file_is_complete() {
    let server = Server::with(&["relay.settle_ms=50"]);
    let (mut a, mut b) = (server.user("a"), server.user("b"));
    let port = offer(&mut a, &mut b, 0);
    let (one, other) = (at(HOST, port), at(HOST, port));
    assert!(rest(one).is_empty() && rest(other).is_empty());
    a.expect_nothing();
    b.expect_nothing();
}

#[test]
fn two_transfers_do_not_mix() {
    let server = Server::with(&["relay.settle_ms=50"]);
    let (mut a, mut b) = (server.user("a"), server.user("b"));
    // Both ways at once.
    let (first, second) = (content(2_000_000, 1), content(2_000_000, 2));
    let one = offer(&mut a, &mut b, first.len());
    let other = offer(&mut b, &mut a, second.len());
    assert_ne!(one, other);
    scope(|scope| {
        scope.spawn(|| push(at(HOST, one), &first));
        scope.spawn(|| push(at(HOST, other), &second));
        let got = scope.spawn(|| rest(at(HOST, one)));
        assert!(rest(at(HOST, other)) == second);
        assert!(got.join().unwrap() == first);
    });
    a.expect_nothing();
    b.expect_nothing();
}

#[test]
fn a_stranger_gets_nothing_whenever_it_comes() {
    let server = Server::start();
    // The sides come from two addresses, the stranger from a third.
    let (mut a, mut b) = (server.client_from("127.0.0.3"), server.client_from("127.0.0.4"));
    for (client, name) in [(&mut a, "a"), (&mut b, "b")] {
        client.register(name);
        client.login(name);
    }
    let bytes = content(3_000_000, 9);
    for stranger_comes in 0..4 {
        let port = offer(&mut a, &mut b, bytes.len());
        let mut strangers = Vec::new();
        let mut come = |now: bool| {
            if now {
                let mut stranger = at("127.0.0.2", port);
                // It may be closed already.
                let _ = stranger.write_all(b"I am the sender");
                strangers.push(stranger);
            }
        };
        come(stranger_comes == 0 || stranger_comes == 3);
        let receiving = at("127.0.0.4", port);
        come(stranger_comes == 1 || stranger_comes == 3);
        let mut sending = at("127.0.0.3", port);
        sending.write_all(&bytes[..1]).unwrap();
        come(stranger_comes == 2 || stranger_comes == 3);
        let got = scope(|scope| {
            scope.spawn(|| push(sending, &bytes[1..]));
            rest(receiving)
        });
        assert!(got == bytes, "the real transfer is complete: {}", got.len());
        for stranger in strangers {
            assert!(rest(stranger).is_empty());
        }
    }
    a.expect_nothing();
    b.expect_nothing();
}

#[test]
fn a_third_one_from_the_same_address_steals_nothing() {
    let server = Server::with(&["relay.settle_ms=2000"]);
    let (mut a, mut b) = (server.user("a"), server.user("b"));
    let bytes = content(100_000, 5);
    let port = offer(&mut a, &mut b, bytes.len());
    let third = at(HOST, port);
    let mut sending = at(HOST, port);
    // The thief may be taken for the receiver; when the true one comes, nobody can say which it is.
    sending.write_all(&bytes).unwrap();
    let receiving = at(HOST, port);
    a.expect(BROKEN);
    b.expect(BROKEN);
    assert!(rest(third).is_empty() && rest(receiving).is_empty());
}

#[test]
fn too_many_and_too_few_bytes_are_told_to_both() {
    let server = Server::with(&["relay.settle_ms=50"]);
    let (mut a, mut b) = (server.user("a"), server.user("b"));
    for sent in [1001, 5000, 999, 1] {
        let port = offer(&mut a, &mut b, 1000);
        let (mut sending, receiving) = (at(HOST, port), at(HOST, port));
        sending.write_all(&content(sent, 1)).unwrap();
        // It may have been closed for too many already.
        let _ = sending.shutdown(Shutdown::Write);
        a.expect(BROKEN);
        b.expect(BROKEN);
        assert!(rest(receiving).len() <= 1000);
    }
    a.expect_nothing();
    b.expect_nothing();
}

#[test]
fn silence_is_told_to_both() {
    let server = Server::with(&["relay.timeout_s=1", "relay.settle_ms=50"]);
    let (mut a, mut b) = (server.user("a"), server.user("b"));
    // Nobody comes, the sender comes alone, both come and nobody speaks, the sender stops half-way.
    let nobody = offer(&mut a, &mut b, 10);
    let alone = offer(&mut a, &mut b, 10);
    let silent = offer(&mut a, &mut b, 10);
    let alone = at(HOST, alone);
    let silent = (at(HOST, silent), at(HOST, silent));
    for _ in 0..3 {
        a.expect(TIMEOUT);
        b.expect(TIMEOUT);
    }
    assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, nobody)).is_err(), "the port is given back");
    drop((alone, silent));
    let half = offer(&mut a, &mut b, 10);
    let (mut sending, receiving) = (at(HOST, half), at(HOST, half));
    sending.write_all(b"12345").unwrap();
    a.expect(BROKEN);
    b.expect(BROKEN);
    assert!(rest(receiving).len() <= 5);
}

#[test]
fn ports_are_bounded_and_come_back() {
    let server = Server::with(&["relay.timeout_s=1", "relay.per_account=4"]);
    let (mut a, mut b, mut c) = (server.user("a"), server.user("b"), server.user("c"));
    for _ in 0..4 {
        offer(&mut a, &mut b, 10);
    }
    for _ in 0..100 {
        a.ask(&a.file("b", 10), r#"{"cmd":"send_file_reply","result":"busy"}"#);
    }
    // Somebody else's transfer works meanwhile.
    let port = offer(&mut c, &mut b, 5);
    let (mut sending, receiving) = (at(HOST, port), at(HOST, port));
    sending.write_all(b"hello").unwrap();
    assert_eq!(rest(receiving), b"hello");
    for _ in 0..4 {
        a.expect(TIMEOUT);
        b.expect(TIMEOUT);
    }
    for _ in 0..4 {
        offer(&mut a, &mut b, 10);
    }
}

#[test]
fn names_of_files_have_no_way_out() {
    let server = Server::with(&["relay.timeout_s=3600", "relay.per_account=100"]);
    let (mut a, mut b) = (server.user("a"), server.user("b"));
    let names = [("/etc/passwd", "passwd"), ("..\\\\..\\\\x", "x"), ("a/b\\\\c/d", "d"), ("C:图.png", ""), ("x", "x")];
    for (said, shown) in names {
        a.say(&format!(r#"{{"cmd":"send_file","from_user":"a","to_user":"b","length":1,"filename":"{said}"}}"#));
        let ours = a.line();
        assert!(ours.contains(&format!(r#""filename":"{said}""#)), "unchanged: {ours}");
        let theirs = b.line();
        if !shown.is_empty() {
            assert!(theirs.contains(&format!(r#""filename":"{shown}""#)), "the last component only: {theirs}");
        }
    }
    for said in ["", "..", "a/..", "/", "a/", "..\\\\", "."] {
        a.say(&format!(r#"{{"cmd":"send_file","from_user":"a","to_user":"b","length":1,"filename":"{said}"}}"#));
        let ours = a.line();
        if ours.contains("send_file_port_reply") {
            let theirs: serde_json::Value = serde_json::from_str(&b.line()).unwrap();
            let name = theirs["filename"].as_str().unwrap();
            assert!(!name.contains(['/', '\\', '\0']) && !["", ".", ".."].contains(&name), "{said:?} became {name:?}");
        } else {
            assert!(ours.starts_with(r#"{"cmd":"send_file_reply","result":""#), "{ours}");
            b.expect_nothing();
        }
    }
}
