//! Peers that mean no good.

use crate::world::Server;
use std::io::{Read, Write};
use std::net::TcpStream;

/// Writes what the server takes, and returns all that it says until it closes.
fn last_words(mut stream: TcpStream, bytes: &[u8]) -> String {
    stream.set_read_timeout(Some(crate::world::PATIENCE)).unwrap();
    let mut writer = stream.try_clone().unwrap();
    let words = std::thread::scope(|scope| {
        // It closes before it has everything.
        scope.spawn(move || writer.write_all(bytes).is_ok());
        let mut words = Vec::new();
        let mut piece = [0; 4096];
        while let Ok(n) = stream.read(&mut piece) {
            if n == 0 {
                break;
            }
            words.extend_from_slice(&piece[..n]);
        }
        words
    });
    String::from_utf8(words).unwrap()
}

#[test]
fn bombs_are_refused_and_harm_nobody() {
    let server = Server::start();
    let mut other = server.user("a");
    let cases: [(Vec<u8>, &str); 8] = [
        (b"[".repeat(100_000), "invalid_json"),
        ([b"{\"a\":".as_slice(), &b"[".repeat(100_000)].concat(), "too_deep"),
        (b"{\"a\":".repeat(20_000), "too_deep"),
        ([b"{\"a\":".as_slice(), &b"9".repeat(100_000)].concat(), "too_large"),
        ([b"{\"a\":\"".as_slice(), &b"x".repeat(8 << 20)].concat(), "too_large"),
        (b" ".repeat(1 << 20), "too_large"),
        ([b"{".as_slice(), &b" ".repeat(1 << 20)].concat(), "too_large"),
        (b"\0".repeat(1 << 20), "too_large"),
    ];
    for (bytes, word) in cases {
        let words = last_words(TcpStream::connect(server.address).unwrap(), &bytes);
        let start = format!(r#"{{"cmd":"error","result":"{word}","detail":""#);
        assert!(words.starts_with(&start) && words.ends_with("\"}\n"), "{word}: {words}");
        assert_eq!(words.lines().count(), 1, "{words}");
        other.expect_nothing();
    }
}

#[test]
fn a_number_that_nothing_can_hold_is_refused() {
    let server = Server::start();
    let mut client = server.client();
    client.say(&format!(r#"{{"cmd":"ping","x":{}}}"#, "9".repeat(5000)));
    let line = client.line();
    assert!(line.starts_with(r#"{"cmd":"error","result":"invalid_json""#), "{line}");
    client.expect_closed();
}

#[test]
fn one_who_drips_is_closed() {
    let server = Server::with(&["session.frame_timeout_s=1"]);
    let mut other = server.user("a");
    let stream = TcpStream::connect(server.address).unwrap();
    let words = last_words(stream, b"{\"cmd\":\"ping\"}\n{\"cmd\":");
    let timeout =
        r#"{"cmd":"error","result":"timeout","detail":"nothing, or only part of an object, came in the time allowed"}"#;
    assert_eq!(words, format!("{{\"cmd\":\"ping_reply\",\"result\":\"success\"}}\n{timeout}\n"));
    // A byte now and then does not put it off: each comes when another second's worth of answers has.
    let mut drip = server.client();
    drip.raw(b"{");
    let mut pings = 0;
    while drip.try_say(" ") && pings < 2000 && {
        other.expect_nothing();
        drip.stream().set_nonblocking(true).unwrap();
        let silent = drip.stream().peek(&mut [0]).is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock);
        drip.stream().set_nonblocking(false).unwrap();
        silent
    } {
        pings += 1;
    }
    drip.expect(timeout);
    drip.expect_closed();
}

#[test]
fn one_too_many_is_told_and_closed() {
    let server = Server::with(&["session.max=3"]);
    let mut inside: Vec<_> = (0..3).map(|n| server.user(&format!("u{n}"))).collect();
    for _ in 0..3 {
        let mut outside = server.client();
        outside.expect(
            r#"{"cmd":"error","result":"too_many_connections","detail":"the server has as many connections as it takes"}"#,
        );
        outside.expect_closed();
    }
    for client in &mut inside {
        client.expect_nothing();
    }
}

#[test]
fn many_come_and_go_and_nothing_is_left_of_them() {
    let server = Server::with(&["session.max=20"]);
    let files = || std::fs::read_dir(format!("/proc/{}/fd", server.pid())).unwrap().count();
    let mut watcher = server.user("w");
    let before = files();
    for n in 0..200 {
        let mut client = server.client();
        match n % 4 {
            0 => client.reset(),
            1 => client.raw(b"{\"cmd\":"),
            2 => client.expect_nothing(),
            _ => {
                client.say("nonsense");
                client.line();
                client.expect_closed();
            }
        }
        // Places are counted until the server has seen them go.
        if n % 8 == 7 {
            watcher.expect_nothing();
        }
    }
    // The last ones end in the time that lingering takes; whoever waits for a place sees it.
    let mut last = server.user("l");
    last.expect_nothing();
    assert!(files() <= before + 20, "{} and then {}", before, files());
}
