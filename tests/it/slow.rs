//! Peers that do not read.

use crate::world::{Client, Server, text_of};
use socket2::{Domain, SockAddr, Socket, Type};

/// A client whose system takes little from the network.
fn narrow(server: &Server, name: &str) -> Client {
    server.client().register(name);
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.connect(&SockAddr::from(server.address)).unwrap();
    let mut client = Client::new(socket.into());
    client.login(name);
    client
}

fn numbered(n: usize) -> String {
    format!("{n}-{}", "x".repeat(30_000))
}

/// Says things until friends hear that `slow` is gone; how many were acknowledged.
fn say_until_gone(a: &mut Client, object: impl Fn(&Client, usize) -> String) -> usize {
    for n in 0..2000 {
        a.say(&object(a, n));
        let mut line = a.line();
        let gone = line.starts_with(r#"{"cmd":"friend_offline""#);
        if gone {
            line = a.line();
        }
        let accepted = line.ends_with(r#"_reply","result":"success"}"#);
        if gone || !accepted {
            assert!(accepted || line.contains(r#""result":"offline""#), "{line}");
            return n + usize::from(accepted);
        }
    }
    panic!("it is never let go");
}

#[test]
fn one_who_never_reads_is_let_go_and_the_others_do_not_notice() {
    let server = Server::with(&["group.catch_up=5"]);
    let (mut a, mut b, mut slow) = (server.user("a"), server.user("b"), narrow(&server, "slow"));
    Server::befriend(&mut slow, &mut a);
    Server::group("g", &mut [&mut a, &mut b, &mut slow]);
    let reader = std::thread::spawn(move || {
        let mut expected = 0;
        while let Some(text) = text_of(&b.line()).filter(|text| text != "end") {
            assert_eq!(text, numbered(expected));
            expected += 1;
        }
        (b, expected)
    });
    let posts = say_until_gone(&mut a, |a, n| a.post("g", &numbered(n)));
    a.say(&a.post("g", "end"));
    a.expect(r#"{"cmd":"group_chat_reply","result":"success"}"#);
    let (mut b, read) = reader.join().unwrap();
    assert_eq!(read, posts);
    b.expect_nothing();
    // What it finds at the next login is the newest, oldest first.
    drop(slow);
    let mut slow = server.again("slow");
    for n in posts - 4..posts {
        assert_eq!(text_of(&slow.line()).unwrap(), numbered(n));
    }
    assert_eq!(text_of(&slow.line()).unwrap(), "end");
    slow.expect_nothing();
}

#[test]
fn one_who_never_reads_loses_no_private_message() {
    let server = Server::with(&["session.frame_timeout_s=1", "session.receipt_flush_ms=100"]);
    let (mut a, mut slow) = (server.user("a"), narrow(&server, "slow"));
    Server::befriend(&mut slow, &mut a);
    // One that its system has long acknowledged, when it is sent away.
    a.ask(&a.private("slow", "first"), r#"{"cmd":"private_chat_reply","result":"success"}"#);
    server.pass_a_second();
    let sent = say_until_gone(&mut a, |a, n| a.private("slow", &numbered(n)));
    // Its machine dies with what its system has taken from the network.
    slow.reset();
    let mut slow = server.again("slow");
    assert_eq!(text_of(&slow.line()).unwrap(), "first");
    for n in 0..sent {
        let text = text_of(&slow.line()).unwrap();
        assert!(text == numbered(n), "{} where {n} of {sent} should be", text.split('-').next().unwrap());
    }
    slow.expect_nothing();
}
