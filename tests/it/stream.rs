//! Input is a stream: where it is cut, and what stands between two objects, makes no difference.

use crate::world::{Client, Server};
use std::io::Read;

/// What one session says from beginning to end. `{}` is the name, so that sessions do not disturb one another.
const SESSION: [&str; 7] = [
    r#"{"cmd":"register","user":"{}","password":"1\"\\🔑"}"#,
    r#"{"cmd":"login","user":"{}","password":"1\"\\🔑"}"#,
    r#"{"cmd":"create_group","user":"{}","group":"群{}"}"#,
    "{\n    \"cmd\": \"group_chat\",\n    \"group\": \"群{}\",\n    \"text\": \"}{\\u4f60 ; \\\" 😀\",\n    \"user\": \"{}\"\n}",
    r#"{"cmd":"get_group_member","group":"群{}","x":[{"y":[]},null,-1.5e3]}"#,
    r#"{"cmd":"private_chat","user_from":"{}","user_to":"没有","text":"x"}"#,
    r#"{"cmd":"ping"}"#,
];

const REPLIES: [&str; 7] = [
    r#"{"cmd":"register_reply","result":"success"}"#,
    r#"{"cmd":"login_reply","result":"success","friend":"","group":"","id":"<N>"}"#,
    r#"{"cmd":"create_group_reply","result":"success","group":"群{}"}"#,
    r#"{"cmd":"group_chat_reply","result":"success"}"#,
    r#"{"cmd":"get_group_member_reply","member":"{}","group":"群{}"}"#,
    r#"{"cmd":"private_chat_reply","result":"offline","user_to":"没有"}"#,
    r#"{"cmd":"ping_reply","result":"success"}"#,
];

fn name(at: usize) -> String {
    format!("u{at}")
}

fn input(name: &str, separators: &[&str]) -> Vec<u8> {
    let mut input = String::new();
    for (at, object) in SESSION.iter().enumerate() {
        input.push_str(&object.replace("{}", name));
        input.push_str(separators[at % separators.len()]);
    }
    input.into_bytes()
}

#[track_caller]
fn expect_replies(client: &mut Client, name: &str) {
    for reply in REPLIES {
        client.expect(&reply.replace("{}", name));
    }
}

#[test]
fn a_session_may_be_cut_at_every_byte() {
    let server = Server::with(&["plain.pace_ms=0", "session.max=2000"]);
    let length = input(&name(100), &["\n"]).len();
    // Many at once, since each is mostly on its way.
    let cuts: Vec<usize> = (100..100 + length).collect();
    for some in cuts.chunks(64) {
        let mut clients: Vec<(Client, Vec<u8>)> = Vec::new();
        for &cut in some {
            let mut client = server.client();
            let input = input(&name(cut), &["\n"]);
            // The server has read what came before an answer: what is left arrives by itself.
            let (first, rest) = input.split_at(cut - 99);
            client.raw(first);
            clients.push((client, rest.to_vec()));
        }
        for (client, rest) in &mut clients {
            client.raw(rest);
        }
        for ((client, _), &cut) in clients.iter_mut().zip(some) {
            expect_replies(client, &name(cut));
        }
    }
}

#[test]
fn a_session_may_come_byte_by_byte() {
    let server = Server::with(&["plain.pace_ms=0"]);
    let mut client = server.client();
    for byte in input("小明", &["\n"]) {
        client.raw(&[byte]);
    }
    expect_replies(&mut client, "小明");
}

#[test]
fn a_session_may_come_in_one_write_with_anything_between() {
    let server = Server::with(&["plain.pace_ms=0"]);
    let separators: [&[&str]; 7] =
        [&["\n"], &[""], &[";"], &["\0"], &[";\n"], &["\r\n", ""], &["\0;\n \t", "", ";", "\n\n\n", ";;\0\0", " "]];
    for (at, separators) in separators.into_iter().enumerate() {
        let mut client = server.client();
        client.raw(&input(&name(at), separators));
        expect_replies(&mut client, &name(at));
    }
}

#[test]
fn answers_come_in_order_and_nothing_is_lost_when_a_client_asks_far_ahead() {
    let server = Server::start();
    let mut a = server.user("a");
    let mut b = server.user("b");
    let mut twin = a.twin();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for n in 0..2000 {
                a.say(&a.private(if n % 3 == 0 { "nobody" } else { "b" }, &n.to_string()));
                if n % 5 == 0 {
                    a.say(r#"{"cmd":"get_group"}"#);
                }
            }
        });
        scope.spawn(|| {
            for n in (0..2000).filter(|n| n % 3 != 0) {
                b.expect(&format!(r#"{{"cmd":"private_chat","user_from":"a","user_to":"b","text":"{n}"}}"#));
            }
        });
        for n in 0..2000 {
            twin.expect(match n % 3 {
                0 => r#"{"cmd":"private_chat_reply","result":"offline","user_to":"nobody"}"#,
                _ => r#"{"cmd":"private_chat_reply","result":"success"}"#,
            });
            if n % 5 == 0 {
                twin.expect(r#"{"cmd":"get_group_reply","result":"success","group":""}"#);
            }
        }
    });
}

#[test]
fn a_client_that_closes_its_sending_half_gets_its_answers() {
    let server = Server::with(&["plain.pace_ms=0"]);
    let mut client = server.client();
    client.raw(&input("小明", &[""]));
    client.stream().shutdown(std::net::Shutdown::Write).unwrap();
    expect_replies(&mut client, "小明");
    let mut rest = Vec::new();
    client.stream().read_to_end(&mut rest).unwrap();
    assert!(rest.is_empty());
}

#[test]
fn a_client_that_reads_late_gets_all_its_answers() {
    const QUESTIONS: usize = 300;
    let server = Server::with(&["session.frame_timeout_s=1"]);
    let mut a = server.user("a");
    Server::group("g", &mut [&mut a]);
    let text = "x".repeat(30_000);
    for _ in 0..5 {
        a.ask(&a.post("g", &text), r#"{"cmd":"group_chat_reply","result":"success"}"#);
    }
    // More answers than all buffers on the way hold, so that the server has to stop taking questions up.
    a.raw("{\"cmd\":\"get_history\",\"group\":\"g\"}\n".repeat(QUESTIONS).as_bytes());
    server.pass_a_second();
    for _ in 0..QUESTIONS {
        assert!(a.line().starts_with(r#"{"cmd":"get_history_reply","result":"success""#));
    }
    a.expect_nothing();
}
