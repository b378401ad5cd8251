//! `framed` over real sockets: hostile lengths, packets in any pieces, one account on both links, lists in parts, and
//! the last words.

use crate::people::{News, Person};
use crate::wire::{Heard, Kind, Wire, frame};
use crate::world::{PATIENCE, Server};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::io::{ErrorKind, Write};
use std::net::Shutdown;
use std::time::Duration;

/// Two friends over TCP, the second of whom is to notice nothing of what is done to others.
fn friends(server: &Server) -> (Person, Person) {
    let mut a = Person::new(server, Kind::FramedTcp, "小明");
    let mut b = open(server, Kind::FramedTcp, "小花");
    a.befriend(&mut b, false);
    (a, b)
}

/// Somebody new who is anybody's friend at once.
fn open(server: &Server, kind: Kind, name: &str) -> Person {
    let mut person = Person::new(server, kind, name);
    let reply = person.ask(json!({"command": "set_policy", "add": "open"}));
    assert_eq!(reply["status"], "success");
    person
}

fn bytes(wire: &mut Wire, bytes: &[u8]) {
    wire.stream().write_all(bytes).unwrap();
}

/// The last words of a connection, and that nothing comes behind them. Over TCP it may end with a reset, where a test
/// was still writing.
#[track_caller]
fn last_words(wire: &mut Wire, detail: &str, close: Option<u16>) {
    let Heard::Text(text) = wire.heard() else { panic!("closed without a word") };
    let begin = format!(r#"{{"command":"return","status":"fail","detail":"{detail}""#);
    assert!(text.starts_with(&begin), "{text}");
    let end = wire.heard();
    assert!(end == Heard::Closed(close) || close.is_none() && end == Heard::Gone, "{end:?}");
}

#[test]
fn a_length_that_cannot_be_ends_one_connection_and_nothing_behind_it_is_done() {
    let server = Server::start();
    let (mut a, mut b) = friends(&server);
    let to_b = frame(a.private(&b, "behind it").to_string().as_bytes());
    let logon = frame(br#"{"command":"logon","username":"ghost","password":"11111"}"#);
    for length in [-1, i32::MIN, i32::MAX, 2049, 30_i32.swap_bytes(), 0x0201_0000, -2048] {
        // Before a login, with a whole packet behind it in the same write.
        let mut guest = Wire::open(&server, Kind::FramedTcp);
        bytes(&mut guest, &[&length.to_le_bytes()[..], &logon].concat());
        last_words(&mut guest, "frame too large", None);
        // After a login, byte by byte, behind a packet that is answered first.
        let mut again = a.again(&server, Kind::FramedTcp);
        again.wire.say(&json!({"command": "ping"}));
        for byte in length.to_le_bytes() {
            bytes(&mut again.wire, &[byte]);
        }
        again.wire.try_text(&a.private(&b, "behind it").to_string());
        assert_eq!(again.hear(), json!({"command": "ping_return", "status": "success"}));
        last_words(&mut again.wire, "frame too large", None);
        b.expect_nothing();
    }
    // A length in big-endian order before a packet that is right.
    let mut again = a.again(&server, Kind::FramedTcp);
    let length = u32::try_from(to_b.len() - 4).unwrap().to_be_bytes();
    bytes(&mut again.wire, &[&length, &to_b[4..]].concat());
    last_words(&mut again.wire, "frame too large", None);

    a.expect_nothing();
    let history = b.ask(json!({"command": "history", "dst": a.id}));
    assert_eq!(history["messages"], json!([]), "{history}");
    let ghost = b.ask(json!({"command": "find_user", "username": "ghost"}));
    assert_eq!(ghost["detail"], "no such user");
    a.write(&b, "still here");
    assert_eq!(b.news(), News::Private(a.id.clone(), "still here".to_owned()));
}

#[test]
fn half_a_packet_is_none() {
    let server = Server::start();
    let (mut a, mut b) = friends(&server);
    let whole = frame(a.private(&b, "half").to_string().as_bytes());
    for cut in [1, 3, 4, 5, whole.len() / 2, whole.len() - 1] {
        for way in 0..3 {
            let mut half = a.again(&server, Kind::FramedTcp);
            bytes(&mut half.wire, &whole[..cut]);
            match way {
                0 => half.wire.close(),
                1 => half.wire.reset(),
                _ => {
                    // It says no more, but would read an answer.
                    half.wire.stream().shutdown(Shutdown::Write).unwrap();
                    assert_eq!(half.wire.heard(), Heard::Closed(None), "cut at {cut}");
                }
            }
        }
    }
    b.expect_nothing();
    let history = a.ask(json!({"command": "history", "dst": b.id}));
    assert_eq!(history["messages"], json!([]), "{history}");
}

#[test]
fn packets_come_in_any_pieces() {
    let server = Server::start();
    let (a, mut b) = friends(&server);
    let said = [
        json!({"command": "login", "id": a.id, "password": "11111"}),
        json!({"command": "ping"}),
        a.private(&b, "你好 🪿"),
        json!({"command": "list_friend", "id": a.id}),
    ];
    let mut row: Vec<u8> = said.iter().flat_map(|packet| frame(packet.to_string().as_bytes())).collect();
    // A NUL and white space that are counted, and a packet that is none, in between.
    row.extend([frame(b"{\"command\":\"ping\"}\0"), frame(b"\r\n {\"command\":\"ping\"} \n"), frame(b"")].concat());
    row.extend(frame(json!({"command": "logout", "id": a.id}).to_string().as_bytes()));
    let answers = |wire: &mut Wire| std::iter::from_fn(|| wire.hear()).collect::<Vec<Value>>();
    let mut expected = None;
    for size in [row.len(), 1, 3, 7, 64] {
        let mut wire = Wire::open(&server, Kind::FramedTcp);
        for piece in row.chunks(size) {
            bytes(&mut wire, piece);
        }
        let got = answers(&mut wire);
        assert_eq!(got.len(), 7, "{got:?}");
        assert_eq!(*expected.get_or_insert(got.clone()), got, "pieces of {size}");
        assert_eq!(b.news(), News::Private(a.id.clone(), "你好 🪿".to_owned()));
    }
    b.expect_nothing();
}

#[test]
fn a_slow_drip_within_a_packet_is_closed_in_time() {
    let server = Server::with(&["session.frame_timeout_s=1"]);
    let (a, mut b) = friends(&server);
    let drip = frame(a.private(&b, &"drop ".repeat(300)).to_string().as_bytes());
    for logged_in in [false, true] {
        let mut slow =
            if logged_in { a.again(&server, Kind::FramedTcp).wire } else { Wire::open(&server, Kind::FramedTcp) };
        // A byte whenever nothing has come for a moment: it would take two minutes.
        slow.stream().set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        let mut dripped = 0;
        for byte in &drip {
            bytes(&mut slow, &[*byte]);
            dripped += 1;
            match slow.stream().peek(&mut [0]) {
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                other => {
                    assert_eq!(other.unwrap(), 1, "closed without a word");
                    break;
                }
            }
        }
        assert!(dripped < drip.len());
        slow.stream().set_read_timeout(Some(PATIENCE)).unwrap();
        last_words(&mut slow, "timeout", None);
    }
    // Between packets one may be silent.
    b.expect_nothing();
}

/// What has come to somebody before the answer to a harmless question.
fn so_far(person: &mut Person) -> Vec<Value> {
    person.wire.say(&json!({"command": "ping"}));
    std::iter::from_fn(|| Some(person.hear()).filter(|packet| packet["command"] != "ping_return")).collect()
}

#[test]
fn one_account_on_both_links_gets_everything_on_both() {
    const MESSAGES: usize = 100;
    let server = Server::start();
    let mut tcp = open(&server, Kind::FramedTcp, "两处");
    let mut web = tcp.again(&server, Kind::FramedWeb);
    let mut others: Vec<Person> =
        [Kind::FramedTcp, Kind::FramedWeb].map(|kind| open(&server, kind, &format!("{kind:?}"))).into();
    others[0].create_group("群");
    others[1].join_group("群");
    tcp.join_group("群");
    for other in &mut others {
        // They ask, and are friends at once: nobody answers on either link.
        let packet = json!({"command": "add_friend", "src": other.id, "dst": tcp.id, "status": "0"});
        assert_eq!(other.ask(packet)["status"], "success");
        assert_eq!(other.news(), News::Friends(tcp.name.clone()));
    }
    std::thread::scope(|scope| {
        for other in &mut others {
            let to = tcp.id.clone();
            scope.spawn(move || {
                let mut left = 2 * MESSAGES;
                for nth in 0..MESSAGES {
                    let (src, text) = (&other.id, format!("{}-{nth}", other.name));
                    other.wire.say(&json!({"command": "send_message", "src": src, "dst": to, "message": text}));
                    other.wire.say(&json!({"command": "send_group_message", "groupname": "群", "message": text}));
                }
                while left > 0 {
                    let heard = other.hear();
                    if heard["command"] != "send_group_message" {
                        assert_eq!(heard["status"], "success", "{heard}");
                        left -= 1;
                    }
                }
            });
        }
    });
    let (id, name) = (others[0].id.clone(), others[0].name.clone());
    others[0].wire.say(&json!({"command": "remove_friend", "dst": tcp.id}));
    let last = json!({"command": "friend_removed", "id": id, "username": name});
    let mut heard = [Vec::new(), Vec::new()];
    for (person, heard) in [&mut tcp, &mut web].into_iter().zip(&mut heard) {
        while heard.last() != Some(&last) {
            heard.push(person.hear());
        }
        assert_eq!(so_far(person), Vec::<Value>::new());
    }
    // Each conversation has one order; between two of them there is none.
    for place in ["send_message", "send_group_message"] {
        for other in &others {
            let of = |heard: &[Value]| -> Vec<String> {
                let theirs = |packet: &&Value| packet["command"] == place && packet["src"] == other.id.as_str();
                heard.iter().filter(theirs).map(|packet| packet["message"].as_str().unwrap().to_owned()).collect()
            };
            let sent: Vec<String> = (0..MESSAGES).map(|nth| format!("{}-{nth}", other.name)).collect();
            assert_eq!(of(&heard[0]), sent, "{place} over TCP");
            assert_eq!(of(&heard[1]), sent, "{place} over WebSocket");
        }
    }
    let group = |heard: &[Value]| -> Vec<Value> {
        heard.iter().filter(|packet| packet["command"] == "send_group_message").cloned().collect()
    };
    assert_eq!(group(&heard[0]), group(&heard[1]));
    assert_eq!(heard[0].len(), heard[1].len());
}

/// The list of a return that may come in parts, which are counted.
fn list(person: &mut Person, question: Value, key: &str) -> Vec<Value> {
    let mut answer = person.ask(question);
    let parts = answer["parts"].as_u64().unwrap_or(1);
    assert_eq!(parts > 1, person.kind == Kind::FramedTcp, "{answer}");
    let mut all = answer[key].as_array().unwrap().clone();
    for part in 2..=parts {
        answer = person.hear();
        assert_eq!((&answer["part"], &answer["parts"]), (&json!(part), &json!(parts)));
        assert_eq!(answer["status"], "success");
        all.extend(answer[key].as_array().unwrap().iter().cloned());
    }
    all
}

#[test]
fn lists_of_people_come_in_parts_over_tcp_and_whole_over_websocket() {
    const PEOPLE: usize = 25;
    let server = Server::start();
    let mut tcp = open(&server, Kind::FramedTcp, "a");
    tcp.create_group("g");
    for nth in 0..PEOPLE {
        let mut friend = Person::new(&server, Kind::FramedTcp, &format!("{}{nth:02}", "名".repeat(30)));
        friend.befriend(&mut tcp, false);
        friend.join_group("g");
        friend.wire.say(&json!({"command": "logout", "id": friend.id}));
        assert_eq!(tcp.news(), News::Offline(friend.name));
    }
    let mut web = tcp.again(&server, Kind::FramedWeb);
    for (question, key, more) in [
        (json!({"command": "list_friend", "id": tcp.id}), "friends", 0),
        (json!({"command": "friend_status"}), "friends", 0),
        (json!({"command": "list_member", "group": "1"}), "members", 1),
    ] {
        let (over_tcp, over_web) = (list(&mut tcp, question.clone(), key), list(&mut web, question, key));
        assert_eq!(over_tcp, over_web);
        assert_eq!(over_tcp.len(), PEOPLE + more);
    }
}

#[test]
fn two_who_ask_each_other_at_the_same_time_are_friends_and_told_once() {
    let server = Server::start();
    for nth in 0..20 {
        let mut both = [
            Person::new(&server, Kind::FramedTcp, &format!("甲{nth}")),
            Person::new(&server, Kind::FramedWeb, &format!("乙{nth}")),
        ];
        let ids = both.each_ref().map(|person| person.id.clone());
        for (person, (src, dst)) in both.iter_mut().zip([(&ids[0], &ids[1]), (&ids[1], &ids[0])]) {
            person.wire.say(&json!({"command": "add_friend", "src": src, "dst": dst, "status": "0"}));
        }
        for (person, other) in both.iter_mut().zip([&ids[1], &ids[0]]) {
            // Either may have been asked before it asked, or while it did.
            let mut hear = || std::iter::repeat_with(|| person.hear()).find(|heard| heard["command"] != "add_friend");
            assert_eq!(hear(), Some(json!({"command": "add_friend_return", "status": "success"})));
            assert_eq!(hear(), Some(json!({"command": "add_friend_confirm_return", "status": "success"})));
            let added = hear().unwrap();
            assert_eq!((&added["command"], &added["id"]), (&json!("friend_added"), &json!(other)));
        }
        for (person, other) in both.iter_mut().zip([&ids[1], &ids[0]]) {
            let told = so_far(person);
            assert!(told.is_empty(), "no request comes behind the friendship: {told:?}");
            // No request is left, on whatever connection.
            let mut again = person.again(&server, Kind::FramedTcp);
            let id = &person.id;
            again.wire.say(&json!({"command": "add_friend_confirm", "src": other, "dst": id, "message": "reject"}));
            again.wire.say(&json!({"command": "list_friend", "id": id}));
            let mut hear = |key: &str| std::iter::repeat_with(|| again.hear()).find(|heard| !heard[key].is_null());
            assert_eq!(hear("detail").unwrap()["detail"], "no such request");
            let list = hear("friends").unwrap()["friends"].take();
            assert_eq!((&list[0]["id"], list.as_array().unwrap().len()), (&json!(other), 1));
        }
    }
}

/// The texts of a history, oldest first, put together from its parts.
fn history(person: &mut Person, with: &str) -> Vec<String> {
    person.wire.say(&json!({"command": "history", "dst": with}));
    let mut texts: Vec<(u64, String)> = Vec::new();
    loop {
        let page = person.hear();
        for entry in page["messages"].as_array().unwrap() {
            let (seq, text) = (entry["seq"].as_u64().unwrap(), entry["message"].as_str().unwrap());
            match texts.last_mut() {
                Some((last, so_far)) if *last == seq => so_far.push_str(text),
                _ => texts.push((seq, text.to_owned())),
            }
        }
        if page["part"] == page["parts"] {
            return texts.into_iter().map(|(_, text)| text).collect();
        }
    }
}

#[test]
fn a_text_in_parts_is_whole_again_whatever_is_in_it() {
    let server = Server::start();
    let mut plain = Person::new(&server, Kind::PlainTcp, "a");
    let mut tcp = open(&server, Kind::FramedTcp, "b");
    plain.befriend(&mut tcp, false);
    let mut web = tcp.again(&server, Kind::FramedWeb);
    // What takes one, two, three, four and six bytes, so that cuts fall everywhere; and lengths around the bound.
    let bare = json!({"command": "send_message", "src": plain.id, "dst": tcp.id, "message": ""}).to_string().len();
    let mut texts: Vec<String> =
        ["x\"", "é\n", "雁\\", "🪿x", "\u{1}y", "👩\u{200d}👧"].iter().map(|piece| piece.repeat(1500)).collect();
    texts.extend((2046..2050).map(|length| "x".repeat(length - bare)));
    for text in &texts {
        plain.write(&tcp, text);
        let (mut whole, mut parts) = (String::new(), 0);
        while whole.len() < text.len() {
            let packet = tcp.hear();
            parts += 1;
            assert_eq!(packet["part"].as_u64().unwrap_or(1), parts, "{packet}");
            whole.push_str(packet["message"].as_str().unwrap());
        }
        assert_eq!(whole, *text);
        assert_eq!(parts == 1, text.len() + bare <= 2047 && !text.contains('"'), "{}", text.len());
        assert_eq!(web.news(), News::Private(plain.id.clone(), text.clone()));
    }
    assert_eq!(history(&mut tcp, &plain.id), texts);
    assert_eq!(history(&mut web, &plain.id), texts);
    tcp.expect_nothing();
    web.expect_nothing();
}

#[test]
fn a_stop_is_said_on_both_links() {
    let mut server = Server::start();
    let member = Person::new(&server, Kind::FramedTcp, "a");
    let page = member.again(&server, Kind::FramedWeb);
    let mut guest = Wire::open(&server, Kind::FramedTcp);
    guest.say(&json!({"command": "ping"}));
    assert!(guest.hear().is_some());
    server.signal(Signal::TERM);
    for (mut wire, code) in [(member.wire, None), (page.wire, Some(1001)), (guest, None)] {
        last_words(&mut wire, "server closing", code);
    }
    assert!(server.ended().success());
}
