//! What `success` and `offline` promise (`docs/plain.md`, "What a success promises").

use crate::world::{Client, Server, text_of};
use std::collections::BTreeSet;

const SENT: &str = r#"{"cmd":"private_chat_reply","result":"success"}"#;
const POSTED: &str = r#"{"cmd":"group_chat_reply","result":"success"}"#;

/// The texts that come until one says `last`, in their order.
fn texts_until(client: &mut Client, last: &str) -> Vec<String> {
    let mut texts = Vec::new();
    loop {
        if let Some(text) = text_of(&client.line()) {
            if text == last {
                return texts;
            }
            texts.push(text);
        }
    }
}

#[test]
fn offline_stores_nothing() {
    let server = Server::start();
    let mut a = server.user("a");
    server.user("b").expect_nothing();
    let offline = r#"{"cmd":"private_chat_reply","result":"offline","user_to":"b"}"#;
    a.ask(r#"{"cmd":"add","user":"a","friend":"b"}"#, r#"{"cmd":"add_reply","result":"success","friend":"b"}"#);
    // It may be that b's connection is still seen to close.
    a.say(&a.private("b", "before"));
    let mut first = a.line();
    while first.contains("friend_") {
        first = a.line();
    }
    if first == SENT {
        a.expect(r#"{"cmd":"friend_offline","friend":"b"}"#);
        return;
    }
    assert_eq!(first, offline);
    for _ in 0..5 {
        a.ask(&a.private("b", "lost"), offline);
    }
    let mut b = server.again("b");
    a.expect(r#"{"cmd":"friend_login","friend":"b"}"#);
    a.ask(&a.private("b", "now"), SENT);
    b.expect(&a.private("b", "now"));
    b.ask(
        r#"{"cmd":"get_history","friend":"a"}"#,
        r#"{"cmd":"get_history_reply","result":"success","friend":"a","messages":[{"seq":1,"user":"a","text":"now","time":<N>}],"more":false}"#,
    );
}

#[test]
fn store_offline_keeps_them_for_the_next_login() {
    let server = Server::with(&["plain.store_offline=true"]);
    let mut a = server.user("a");
    server.client().register("b");
    for n in 0..5 {
        a.ask(&a.private("b", &n.to_string()), SENT);
    }
    let mut b = server.again("b");
    for n in 0..5 {
        b.expect(&a.private("b", &n.to_string()));
    }
    b.expect_nothing();
}

#[test]
fn a_group_catches_up_oldest_first_and_bounded() {
    let server = Server::with(&["group.catch_up=10"]);
    let (mut a, mut b) = (server.user("a"), server.user("b"));
    Server::befriend(&mut a, &mut b);
    Server::group("g", &mut [&mut a, &mut b]);
    a.ask(&a.post("g", "seen"), POSTED);
    b.expect(&a.post("g", "seen"));
    b.say(r#"{"cmd":"offline","user":"b"}"#);
    a.expect(r#"{"cmd":"friend_offline","friend":"b"}"#);
    for n in 0..4 {
        a.ask(&a.post("g", &n.to_string()), POSTED);
    }
    // Fewer than the bound: all, and what was seen is not shown again.
    b.login("b");
    a.expect(r#"{"cmd":"friend_login","friend":"b"}"#);
    for n in 0..4 {
        b.expect(&a.post("g", &n.to_string()));
    }
    b.say(r#"{"cmd":"offline","user":"b"}"#);
    a.expect(r#"{"cmd":"friend_offline","friend":"b"}"#);
    for n in 0..25 {
        a.ask(&a.post("g", &n.to_string()), POSTED);
    }
    // More: the newest of them. The rest is in the history.
    b.login("b");
    for n in 15..25 {
        b.expect(&a.post("g", &n.to_string()));
    }
    b.say(r#"{"cmd":"get_history","group":"g","limit":100}"#);
    let history = b.line();
    assert!(history.contains(r#""seq":30"#) && history.contains(r#"{"seq":1,"#), "{history}");
    b.expect_nothing();
}

#[test]
fn who_joins_later_does_not_get_what_was_said_before() {
    let server = Server::start();
    let (mut a, mut b) = (server.user("a"), server.user("b"));
    Server::group("g", &mut [&mut a]);
    a.ask(&a.post("g", "before"), POSTED);
    b.ask(
        r#"{"cmd":"add_group","user":"b","group":"g"}"#,
        r#"{"cmd":"add_group_reply","result":"success","group":"g"}"#,
    );
    a.ask(&a.post("g", "after"), POSTED);
    b.expect(&a.post("g", "after"));
    drop(b);
    let mut b = server.again("b");
    let again = text_of(&{
        b.say(r#"{"cmd":"ping"}"#);
        b.line()
    });
    // What it had is at most repeated; what was before it is not shown.
    assert!(again.is_none_or(|text| text == "after"));
}

#[test]
fn who_dies_with_unread_messages_gets_them_at_the_next_login() {
    const ROUNDS: usize = 15;
    let server = Server::start();
    let mut a = server.user("a");
    server.client().register("b");
    let mut acknowledged = Vec::new();
    let mut delivered = BTreeSet::new();
    for round in 0..ROUNDS {
        let mut b = server.again("b");
        for n in 0..4 {
            let text = format!("{round}-{n}");
            a.say(&a.private("b", &text));
            let reply = a.line();
            if reply == SENT {
                acknowledged.push(text);
            } else {
                assert!(reply.contains(r#""result":"offline""#), "{reply}");
            }
        }
        // Some are read, some lie in the receive buffer, and the machine is gone.
        for _ in 0..round % 3 {
            delivered.extend(text_of(&b.line()));
        }
        b.reset();
    }
    let mut b = server.again("b");
    a.ask(&a.private("b", "last"), SENT);
    delivered.extend(texts_until(&mut b, "last"));
    let lost: Vec<&String> = acknowledged.iter().filter(|text| !delivered.contains(*text)).collect();
    assert!(lost.is_empty(), "{lost:?} of {}", acknowledged.len());
}

#[test]
fn what_was_read_and_answered_is_not_repeated() {
    let server = Server::start();
    let (mut a, mut b) = (server.user("a"), server.user("b"));
    for n in 0..5 {
        a.ask(&a.private("b", &n.to_string()), SENT);
        b.expect(&a.private("b", &n.to_string()));
    }
    // An orderly goodbye, behind everything that it has read.
    b.say(r#"{"cmd":"offline","user":"b"}"#);
    b.login("b");
    b.expect_nothing();
    a.ask(&a.private("b", "x"), SENT);
    b.expect(&a.private("b", "x"));
}

#[test]
fn a_recipient_that_comes_and_goes_gets_what_was_acknowledged_and_nothing_else() {
    const MESSAGES: usize = 600;
    let server = Server::start();
    let mut a = server.user("a");
    server.client().register("b");
    let (acknowledged, refused) = std::thread::scope(|scope| {
        let sender = scope.spawn(|| {
            let (mut acknowledged, mut refused) = (Vec::new(), Vec::new());
            for n in 0..MESSAGES {
                a.say(&a.private("b", &n.to_string()));
                match a.line() {
                    reply if reply == SENT => acknowledged.push(n.to_string()),
                    _ => refused.push(n.to_string()),
                }
            }
            (acknowledged, refused)
        });
        let mut delivered: Vec<String> = Vec::new();
        let mut round = 0;
        while !sender.is_finished() {
            let mut b = server.again("b");
            for _ in 0..5 + round % 7 {
                b.say(r#"{"cmd":"ping"}"#);
                while let Some(text) = text_of(&b.line()) {
                    delivered.push(text);
                }
            }
            match round % 3 {
                0 => b.reset(),
                1 => {
                    delivered.extend(b.read_ahead());
                    drop(b);
                }
                _ => {
                    b.say(r#"{"cmd":"offline","user":"b"}"#);
                    // What was under way at that moment still belongs to b.
                    b.say(r#"{"cmd":"ping"}"#);
                    while let Some(text) = text_of(&b.line()) {
                        delivered.push(text);
                    }
                }
            }
            round += 1;
        }
        let (acknowledged, refused) = sender.join().unwrap();
        let mut b = server.again("b");
        let mut last = server.user("c");
        last.ask(&last.private("b", "last"), SENT);
        delivered.extend(texts_until(&mut b, "last"));
        let delivered: BTreeSet<String> = delivered.into_iter().collect();
        let lost: Vec<_> = acknowledged.iter().filter(|text| !delivered.contains(*text)).collect();
        let ghosts: Vec<_> = refused.iter().filter(|text| delivered.contains(*text)).collect();
        assert!(lost.is_empty() && ghosts.is_empty(), "lost {lost:?}, ghosts {ghosts:?}");
        (acknowledged.len(), refused.len())
    });
    assert_eq!(acknowledged + refused, MESSAGES);
}

#[test]
fn every_session_of_an_account_gets_its_messages() {
    let server = Server::start();
    let mut b = server.user("b");
    let (mut first, second) = (server.user("a"), server.again("a"));
    let mut second = second;
    Server::group("g", &mut [&mut first, &mut b]);
    b.ask(&b.private("a", "hi"), SENT);
    first.expect(&b.private("a", "hi"));
    second.expect(&b.private("a", "hi"));
    b.ask(&b.post("g", "all"), POSTED);
    first.expect(&b.post("g", "all"));
    second.expect(&b.post("g", "all"));
    // Each sends as the same person; its own words do not come back to the session that sent them.
    second.ask(&second.private("b", "from two"), SENT);
    b.expect(&first.private("b", "from two"));
    first.ask(&first.post("g", "from one"), POSTED);
    b.expect(&second.post("g", "from one"));
    first.expect_nothing();
}

#[test]
fn one_order_for_all_of_a_group() {
    const SENDERS: usize = 4;
    const POSTS: usize = 100;
    let server = Server::start();
    let mut owner = server.user("owner");
    Server::group("g", &mut [&mut owner]);
    let member = |name: String| {
        let mut client = server.user(&name);
        let join = format!(r#"{{"cmd":"add_group","user":"{name}","group":"g"}}"#);
        client.ask(&join, r#"{"cmd":"add_group_reply","result":"success","group":"g"}"#);
        client
    };
    let senders: Vec<Client> = (0..SENDERS).map(|n| member(format!("s{n}"))).collect();
    let receivers: Vec<Client> = (0..8).map(|n| member(format!("r{n}"))).collect();
    let orders: Vec<Vec<String>> = std::thread::scope(|scope| {
        for mut sender in senders {
            scope.spawn(move || {
                for n in 0..POSTS {
                    sender.say(&sender.post("g", &format!("{}-{n}", sender.name)));
                }
                let mut answered = 0;
                while answered < POSTS {
                    answered += usize::from(sender.line() == POSTED);
                }
            });
        }
        let read =
            |mut client: Client| move || (0..SENDERS * POSTS).map(|_| text_of(&client.line()).unwrap()).collect();
        let handles: Vec<_> = receivers.into_iter().map(|client| scope.spawn(read(client))).collect();
        handles.into_iter().map(|handle| handle.join().unwrap()).collect()
    });
    for order in &orders {
        assert_eq!(order, &orders[0]);
    }
    for sender in 0..SENDERS {
        let start = format!("s{sender}-");
        let own: Vec<&String> = orders[0].iter().filter(|text| text.starts_with(&start)).collect();
        let sent: Vec<String> = (0..POSTS).map(|n| format!("{start}{n}")).collect();
        assert_eq!(own, sent.iter().collect::<Vec<_>>());
    }
}

#[test]
fn group_echo_gives_posts_back() {
    let server = Server::with(&["plain.group_echo=true"]);
    let mut a = server.user("a");
    Server::group("g", &mut [&mut a]);
    a.say(&a.post("g", "x"));
    let mut lines = [a.line(), a.line()];
    lines.sort();
    assert_eq!(lines, [a.post("g", "x"), POSTED.to_owned()]);
}
