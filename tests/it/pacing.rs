//! Clients that take whatever one read returns for one object lose none.

use crate::qt::Read1;
use crate::world::Server;
use serde_json::Value;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

fn login(qt: &mut crate::qt::QtClient, name: &str) {
    qt.say(&format!(r#"{{"cmd":"register","user":"{name}","password":"11111"}}"#));
    qt.expect(r#"{"cmd":"register_reply","result":"success"}"#);
    qt.say(&format!(r#"{{"cmd":"login","user":"{name}","password":"11111"}}"#));
    assert_eq!(qt.object()["result"], "success");
}

#[test]
fn a_qt_client_reads_one_object_at_a_time_while_many_come() {
    const MESSAGES: u32 = 20;
    // Wider than the default, so that this machine's other work does not put two together here.
    const PACE: Duration = Duration::from_millis(120);
    let server = Server::with(&["plain.pace_ms=120"]);
    let mut qt = server.qt();
    login(&mut qt, "小明");
    let mut friend = server.user("小华");
    let start = Instant::now();
    for n in 0..MESSAGES {
        friend.say(&friend.private("小明", &n.to_string()));
    }
    qt.say(r#"{"cmd":"get_friend","user":"小明"}"#);
    let mut wanted: VecDeque<u32> = (0..MESSAGES).collect();
    let mut replies = 0;
    while !wanted.is_empty() || replies == 0 {
        let object = qt.object();
        if object["cmd"] == "private_chat" {
            assert_eq!(object["text"], wanted.pop_front().unwrap().to_string());
        } else {
            assert_eq!(object["cmd"], "get_friend_reply");
            replies += 1;
        }
    }
    assert!(start.elapsed() >= PACE * (MESSAGES - 1), "{:?}", start.elapsed());
    for _ in 0..MESSAGES {
        friend.expect(r#"{"cmd":"private_chat_reply","result":"success"}"#);
    }
}

#[test]
fn the_login_reply_comes_first_and_alone() {
    let server = Server::with(&["plain.pace_ms=150"]);
    let mut friend = server.user("小华");
    server.client().register("小明");
    let mut member = server.again("小明");
    Server::befriend(&mut member, &mut friend);
    let groups = [0, 1, 2].map(|n| format!("群{n}"));
    for group in &groups {
        Server::group(group, &mut [&mut friend, &mut member]);
    }
    drop(member);
    friend.expect(r#"{"cmd":"friend_offline","friend":"小明"}"#);
    for group in &groups {
        friend.ask(&friend.post(group, "missed"), r#"{"cmd":"group_chat_reply","result":"success"}"#);
    }
    let mut qt = server.qt();
    qt.say(r#"{"cmd":"login","user":"小明","password":"11111"}"#);
    assert_eq!(qt.object()["cmd"], "login_reply");
    for _ in 0..3 {
        assert_eq!(qt.object()["text"], "missed");
    }
}

#[test]
fn a_lone_object_is_not_delayed() {
    let server = Server::with(&["plain.pace_ms=10000", "plain.nudge_ms=0"]);
    let start = Instant::now();
    for _ in 0..5 {
        let mut qt = server.qt();
        qt.say(r#"{"cmd":"ping"}"#);
        qt.expect(r#"{"cmd":"ping_reply","result":"success"}"#);
    }
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}

#[test]
fn two_objects_are_never_closer_than_the_pace() {
    const PACE: Duration = Duration::from_millis(700);
    let server = Server::with(&["plain.pace_ms=700", "plain.nudge_ms=0"]);
    let mut qt = server.qt();
    let start = Instant::now();
    qt.say(r#"{"cmd":"ping"}"#);
    qt.say(r#"{"cmd":"ping"}"#);
    qt.object();
    qt.object();
    assert!(start.elapsed() >= PACE, "{:?}", start.elapsed());
}

#[test]
fn a_newline_follows_what_may_be_stuck_and_a_line_client_gets_none() {
    let server = Server::with(&["plain.nudge_ms=150", "plain.pace_ms=100"]);
    let mut qt = server.qt();
    login(&mut qt, "小明");
    let mut friend = server.user("小华");
    friend.ask(&friend.private("小明", "stuck"), r#"{"cmd":"private_chat_reply","result":"success"}"#);
    // At times before it, too: the login's reply is newer than its request.
    while match qt.read() {
        Read1::Newline => true,
        Read1::Object(object) => {
            assert_eq!(object["text"], "stuck");
            false
        }
    } {}
    for _ in 0..3 {
        assert_eq!(qt.read(), Read1::Newline);
    }
    // All that time the line client has been in the same position; it panics at a lone newline.
    friend.expect_nothing();
}

#[test]
fn the_first_object_decides_who_is_paced() {
    // Long enough that two answers do not come within a moment unless they are not paced.
    let server = Server::with(&["plain.pace_ms=1000", "plain.nudge_ms=0"]);
    let first = [
        ("{\"cmd\":\"ping\"}\n", false),
        ("{\"cmd\":\"ping\"}\r\n", false),
        ("{\"cmd\":\"dance\"}\n", false),
        ("{\"cmd\":\n\"ping\"}\n", true),
        ("{\"cmd\":\"ping\"};\n", true),
        ("{\"cmd\":\"ping\"}\0", true),
        ("{\"cmd\":\"ping\"} \n", true),
        ("{\"cmd\":\"ping\"}", true),
    ];
    for (first, paced) in first {
        let mut client = server.client();
        client.raw(first.as_bytes());
        client.raw(b"{\"cmd\":\"ping\"}\n");
        let start = Instant::now();
        client.line();
        client.expect(r#"{"cmd":"ping_reply","result":"success"}"#);
        let value = Value::from(first);
        if paced {
            assert!(start.elapsed() >= Duration::from_millis(900), "{value}: {:?}", start.elapsed());
        } else {
            assert!(start.elapsed() < Duration::from_millis(900), "{value}: {:?}", start.elapsed());
        }
    }
}
