//! Who is online, as friends see it.

use crate::world::{Client, Server};

const ON: &str = r#"{"cmd":"friend_login","friend":"小明"}"#;
const OFF: &str = r#"{"cmd":"friend_offline","friend":"小明"}"#;

/// 小华, who watches 小明, and 小明.
fn watched(server: &Server) -> (Client, Client) {
    let (mut ming, mut hua) = (server.user("小明"), server.user("小华"));
    Server::befriend(&mut ming, &mut hua);
    (hua, ming)
}

#[test]
fn friends_see_the_first_session_come_and_the_last_one_go_once() {
    let server = Server::start();
    let (mut hua, first) = watched(&server);
    let mut second = server.again("小明");
    hua.expect_nothing();
    drop(first);
    second.expect_nothing();
    hua.expect_nothing();
    second.say(r#"{"cmd":"offline","user":"小明"}"#);
    hua.expect(OFF);
    drop(second);
    hua.expect_nothing();
    let third = server.again("小明");
    hua.expect(ON);
    third.reset();
    hua.expect(OFF);
    hua.expect_nothing();
}

#[test]
fn a_connection_changes_hands() {
    let server = Server::start();
    let (mut hua, mut ming) = watched(&server);
    let mut mei = server.client();
    mei.register("小美");
    ming.say(r#"{"cmd":"offline","user":"小明"}"#);
    ming.login("小美");
    hua.expect(OFF);
    ming.say(r#"{"cmd":"offline","user":"小美"}"#);
    ming.login("小明");
    hua.expect(ON);
    hua.ask(&hua.private("小明", "hi"), r#"{"cmd":"private_chat_reply","result":"success"}"#);
    ming.expect(&hua.private("小明", "hi"));
    hua.expect_nothing();
}

#[test]
fn a_login_over_a_login_is_a_change_or_a_refusal_and_never_both_accounts() {
    let server = Server::start();
    let (mut hua, mut ming) = watched(&server);
    server.client().register("小美");
    ming.say(r#"{"cmd":"login","user":"小美","password":"11111"}"#);
    let reply = ming.line();
    if reply.starts_with(r#"{"cmd":"login_reply","result":"success""#) {
        hua.expect(OFF);
        ming.ask(
            &ming.private("小华", "x"),
            r#"{"cmd":"private_chat_reply","result":"not_permitted","user_to":"小华"}"#,
        );
    } else {
        ming.expect_nothing();
        ming.ask(&ming.private("小华", "x"), r#"{"cmd":"private_chat_reply","result":"success"}"#);
        hua.expect(&ming.private("小华", "x"));
    }
    hua.expect_nothing();
}

#[test]
fn an_account_has_so_many_sessions_and_no_more() {
    let server = Server::with(&["session.per_account=3"]);
    let (mut hua, ming) = watched(&server);
    let mut more = vec![ming, server.again("小明"), server.again("小明")];
    let mut fourth = server.client();
    fourth.ask(
        r#"{"cmd":"login","user":"小明","password":"11111"}"#,
        r#"{"cmd":"login_reply","result":"too_many_sessions"}"#,
    );
    hua.ask(&hua.private("小明", "to all"), r#"{"cmd":"private_chat_reply","result":"success"}"#);
    for session in &mut more {
        session.expect(&hua.private("小明", "to all"));
    }
    fourth.expect_nothing();
    // A place that is left is free.
    let mut left = more.pop().unwrap();
    left.say(r#"{"cmd":"offline","user":"小明"}"#);
    left.expect_nothing();
    fourth.login("小明");
    hua.expect_nothing();
}

#[test]
fn friends_see_everybody_who_comes_and_goes_exactly_once() {
    const ROUNDS: usize = 25;
    let server = Server::start();
    let (mut hua, mut ming) = watched(&server);
    for round in 0..ROUNDS {
        match round % 3 {
            0 => drop(ming),
            1 => ming.reset(),
            _ => ming.say(r#"{"cmd":"offline","user":"小明"}"#),
        }
        hua.expect(OFF);
        ming = server.again("小明");
        hua.expect(ON);
    }
    hua.expect_nothing();
}

#[test]
fn an_idle_session_is_told_closed_and_gone() {
    let server = Server::with(&["session.idle_timeout_s=1", "session.login_timeout_s=1"]);
    let mut guest = server.client();
    let (_, mut ming) = watched(&server);
    let timeout =
        r#"{"cmd":"error","result":"timeout","detail":"nothing, or only part of an object, came in the time allowed"}"#;
    for idle in [&mut guest, &mut ming] {
        // Whoever watches times out as well, perhaps first.
        let line = idle.line();
        if line != r#"{"cmd":"friend_offline","friend":"小华"}"# {
            assert_eq!(line, timeout);
        } else {
            idle.expect(timeout);
        }
        idle.expect_closed();
    }
}
