//! WebSockets: `plain` over them by settings alone, and everything that a peer may do wrong.

use crate::web::{PING, TEXT, WebClient, frame, handshake};
use crate::world::{PATIENCE, Server};
use rustix::process::Signal;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Instant;

const SENT: &str = r#"{"cmd":"private_chat_reply","result":"success"}"#;

fn server(sets: &[&str]) -> Server {
    let all: Vec<&str> = ["listen.web.dialect=plain"].iter().chain(sets).copied().collect();
    Server::with(&all)
}

#[test]
fn plain_is_spoken_over_it_by_settings_alone() {
    let server = server(&[]);
    let mut ming = server.user("小明");
    let mut hua = WebClient::new(&server);
    hua.ask(r#"{"cmd":"register","user":"小华","password":"11111"}"#, r#"{"cmd":"register_reply","result":"success"}"#);
    hua.login("小华");
    ming.ask(&ming.private("小华", "鸿雁传书"), SENT);
    hua.expect(&ming.private("小华", "鸿雁传书"));
    // In parts, with a ping in between.
    let text = hua.private("小明", "收到");
    let (one, two) = text.as_bytes().split_at(70);
    hua.raw(&[frame(TEXT, one), frame(0x80 | PING, b"now"), frame(0x80, two)].concat());
    assert_eq!(hua.pong(), b"now");
    ming.expect(&text);
    hua.expect(SENT);
    // A text that needs a longer header, both ways.
    let long = "雁".repeat(10_000);
    hua.ask(&hua.private("小明", &long), SENT);
    ming.expect(&hua.private("小明", &long));
    ming.ask(&ming.private("小华", &long), SENT);
    hua.expect(&ming.private("小华", &long));
    // What is no object is told in the dialect, then in the link.
    hua.say("[");
    assert!(hua.line().starts_with(r#"{"cmd":"error","result":"invalid_json""#));
    hua.expect_close(1002);
}

#[test]
fn a_close_is_echoed_and_the_account_is_offline() {
    let server = server(&[]);
    let mut ming = server.user("小明");
    let mut hua = server.user("小华");
    hua.raw(b"");
    drop(hua);
    let mut hua = WebClient::again(&server, "小华");
    hua.raw(&frame(0x88, b"\x0f\xa1done"));
    hua.expect_close(4001);
    ming.say(&ming.private("小华", "?"));
    assert!(ming.line().contains("offline"));
}

#[test]
fn foreign_pages_are_turned_away_and_the_log_says_what_to_do() {
    let server = server(&["web.origins=same,https://chat.example.com"]);
    for _ in 0..3 {
        let (_, head) = handshake(server.web_address, "Origin: https://evil.example\r\n");
        assert!(head.starts_with("HTTP/1.1 403 "), "{head}");
    }
    for good in ["http://localhost:3000", "http://127.0.0.1", "https://chat.example.com"] {
        let (_, head) = handshake(server.web_address, &format!("Origin: {good}\r\n"));
        assert!(head.starts_with("HTTP/1.1 101 "), "{good}: {head}");
    }
    let log = server.logged();
    assert_eq!(log.matches("https://evil.example").count(), 1, "{log}");
    assert!(log.contains("web.origins"), "{log}");
}

#[test]
fn bombs_of_every_kind_are_closed_with_their_code() {
    let server = server(&["plain.max_object_bytes=1000"]);
    let mut other = server.user("a");
    let huge = [&[0x81, 0xff][..], &(1u64 << 40).to_be_bytes(), &[0; 4]].concat();
    let endless = [frame(TEXT, &[b'x'; 900]), frame(0, &[b'x'; 900]).repeat(1000)].concat();
    for (bytes, code) in [
        (b"\x81\x02{}".to_vec(), 1002),
        (huge, 1009),
        (endless, 1009),
        (frame(0x82, b"{}"), 1003),
        (frame(0x81, b"\"\xff\""), 1007),
        (frame(0xc1, b"{}"), 1002),
    ] {
        let mut client = WebClient::new(&server);
        // It may be closed before all of it is written.
        let mut twin = client.twin();
        let writer = std::thread::spawn(move || twin.write_all(&bytes).is_ok());
        client.expect_close(code);
        writer.join().unwrap();
        other.expect_nothing();
    }
    let (mut stream, head) = handshake(server.web_address, &format!("X: {}\r\n", "x".repeat(1 << 20)));
    assert!(head.is_empty() || head.starts_with("HTTP/1.1 431 "), "{head}");
    assert!(matches!(stream.read(&mut [0; 64]), Ok(0) | Err(_)));
    other.expect_nothing();
}

#[test]
fn a_flood_of_pings_harms_nobody() {
    let server = server(&[]);
    let mut other = server.user("a");
    let mut client = WebClient::again(&server, "a");
    let before = resident(&server);
    let mut flooder = client.twin();
    let pings = frame(0x89, &[b'p'; 125]).repeat(100);
    let flooding = std::thread::spawn(move || (0..1000).all(|_| flooder.write_all(&pings).is_ok()));
    // It is all read, although nobody reads the pongs.
    assert!(flooding.join().unwrap());
    other.expect_nothing();
    let grown = resident(&server).saturating_sub(before);
    assert!(grown < 2 << 20, "{grown} bytes more for 13 MB of pings");
    client.expect_nothing();
}

/// Bytes of memory that the server has in use.
fn resident(server: &Server) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
}

#[test]
fn a_dripping_handshake_is_closed_in_time() {
    let server = server(&["web.handshake_timeout_s=1"]);
    let mut silent = TcpStream::connect(server.web_address).unwrap();
    let mut half = TcpStream::connect(server.web_address).unwrap();
    half.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n").unwrap();
    let start = Instant::now();
    for stream in [&mut silent, &mut half] {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
    }
    assert!(start.elapsed() < PATIENCE / 2, "{:?}", start.elapsed());
    server.user("a").expect_nothing();
}

#[test]
fn a_half_message_is_closed_in_time() {
    let server = server(&["session.frame_timeout_s=1"]);
    for half in [&frame(TEXT, b"{")[..], &frame(0x81, b"{}")[..7], &frame(0x81, b"{}")[..1]] {
        let mut client = WebClient::new(&server);
        client.raw(half);
        assert!(client.line().starts_with(r#"{"cmd":"error","result":"timeout""#));
        client.expect_close(1008);
    }
}

#[test]
fn a_stop_is_said_in_the_dialect_and_in_the_link() {
    let mut server = server(&[]);
    server.user("a").expect_nothing();
    let (mut member, mut guest) = (WebClient::again(&server, "a"), WebClient::new(&server));
    guest.expect_nothing();
    server.signal(Signal::TERM);
    for client in [&mut member, &mut guest] {
        client.expect(r#"{"cmd":"error","result":"shutdown","detail":"the server stops"}"#);
        client.expect_close(1001);
    }
    assert_eq!(server.ended().code(), Some(0));
}

#[test]
fn a_pong_is_the_receipt() {
    let server = server(&["session.receipt_flush_ms=1"]);
    let mut ming = server.user("小明");
    server.user("小华").expect_nothing();
    let mut hua = WebClient::again(&server, "小华");
    // It reads, and says something, but does not answer pings: nothing counts as received.
    hua.answers = false;
    for text in ["one", "two"] {
        ming.ask(&ming.private("小华", text), SENT);
        hua.expect(&ming.private("小华", text));
        hua.expect_nothing();
    }
    hua.reset();
    let mut hua = WebClient::again(&server, "小华");
    for text in ["one", "two"] {
        hua.expect(&ming.private("小华", text));
    }
    // The ping came behind them, and was answered before this was asked.
    hua.expect_nothing();
    hua.expect_nothing();
    hua.raw(&frame(0x88, b""));
    let mut hua = WebClient::again(&server, "小华");
    hua.expect_nothing();
    // A pong that nobody asked for is no receipt.
    hua.answers = false;
    ming.ask(&ming.private("小华", "three"), SENT);
    hua.expect(&ming.private("小华", "three"));
    hua.raw(&[frame(0x8a, &[0xff; 8]), frame(0x8a, b""), frame(0x8a, b"keepalive")].concat());
    hua.expect_nothing();
    hua.reset();
    WebClient::again(&server, "小华").expect(&ming.private("小华", "three"));
}

#[test]
fn a_peer_that_answers_no_ping_is_dead() {
    let server = server(&["web.pong_timeout_s=1", "web.ping_every_s=1"]);
    server.user("a").expect_nothing();
    let (mut b, mut alive) = (server.user("b"), WebClient::again(&server, "a"));
    let mut dead = WebClient::new(&server);
    dead.answers = false;
    let said = b.private("a", "still there?");
    std::thread::scope(|scope| {
        // Reads, and answers pings, all the while.
        let alive = scope.spawn(|| alive.expect(&said));
        assert!(dead.line().starts_with(r#"{"cmd":"error","result":"timeout""#));
        dead.expect_close(1008);
        b.ask(&said, SENT);
        alive.join().unwrap();
    });
}
