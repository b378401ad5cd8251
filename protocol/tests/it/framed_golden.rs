//! Every packet of the document, `framed.txt` beside this file, in its order: what clients send is decoded, what the
//! server sends is written, byte for byte where the document has a value, and with exactly its keys elsewhere.

use crate::support::{bodies, framed, hear_packet, person};
use protocol::{
    Body, Carrier, Command, Event, Friend, Name, Refusal, Reply, Request, RequestId, Roster, Secret, Seq, UserId, Verb,
    Verdict, Who,
};

const DOCUMENT: &str = include_str!("framed.txt");

/// The document's packets in compact form, with `"_"` where it has a placeholder. Its slips of the pen are mended:
/// comments, a comma too many, a comma too few, and a key without quotes.
fn packets() -> Vec<String> {
    let (mut packets, mut depth, mut packet) = (Vec::new(), 0, String::new());
    for line in DOCUMENT.lines() {
        let line = line.split("//").next().unwrap_or_default();
        for c in line.chars().filter(|c| !c.is_whitespace()) {
            depth += usize::from(c == '{');
            if depth > 0 {
                packet.push(c);
            }
            if c == '}' {
                depth -= 1;
                if depth == 0 {
                    packets.push(std::mem::take(&mut packet));
                }
            }
        }
    }
    packets.retain(|packet| packet.contains("\"command\""));
    let mend = |packet: &String| {
        let mut packet = packet.replace(",}", "}").replace("\"\"", "\",\"").replace(",status:", ",\"status\":");
        while packet.contains("xx") {
            packet = packet.replace("xx", "x");
        }
        packet.replace("\"x\"", "\"_\"")
    };
    packets.iter().map(mend).collect()
}

/// Whether a packet is the document's, with some value for each placeholder.
fn is_of(packet: &str, template: &str) -> bool {
    let mut rest = packet;
    let mut fragments = template.split("\"_\"");
    let first = fragments.next().unwrap_or_default();
    let Some(after) = rest.strip_prefix(first) else { return false };
    rest = after;
    for fragment in fragments {
        let Some((_, after)) = rest.strip_prefix('"').and_then(|value| value.split_once('"')) else { return false };
        let Some(after) = after.strip_prefix(fragment) else { return false };
        rest = after;
    }
    rest.is_empty()
}

enum Exchange {
    /// A client sends this, and this is understood.
    Asks(&'static str, Option<Who>, Command),
    /// The server writes this for that. The first of its packets: what more there is, is in docs/framed.md.
    Replies(Reply, &'static str),
    Tells(Event, &'static str),
    /// With this after the document's last key.
    More(Reply, &'static str, &'static str),
}

fn exchanges() -> Vec<Exchange> {
    use Exchange::{Asks, More, Replies, Tells};
    let (a, b) = (person(10_000, "小明"), person(10_001, "小花"));
    let id = |id| Who::Id(UserId(id));
    let by = |who| Some(id(who));
    let secret = |text: &str| Secret::new(text.to_owned());
    let refused = |verb, refusal| Reply::Refused { verb, refusal, about: Some("10001".into()) };
    let friend =
        |person, special| Friend { nickname: Box::default(), remark: Box::default(), person, online: true, special };
    vec![
        Asks(
            r#"{"command":"logon","username":"小明","password":"11111"}"#,
            None,
            Command::Register { name: "小明".to_owned(), password: secret("11111") },
        ),
        Replies(
            Reply::Registered { name: Name::from_stored("x"), id: UserId(10_000) },
            r#"{"command":"logon_return","status":"success","id":"10000"}"#,
        ),
        Replies(
            refused(Verb::Register, Refusal::NameTaken),
            r#"{"command":"logon_return","status":"fail","detail":"username already exists"}"#,
        ),
        Asks(
            r#"{"command":"login","id":"10001","password":"22222"}"#,
            None,
            Command::Login { code: None, instance: None, who: id(10_001), password: secret("22222") },
        ),
        Asks(
            r#"{"command":"login","id":"10000","password":"password"}"#,
            None,
            Command::Login { code: None, instance: None, who: id(10_000), password: secret("password") },
        ),
        Replies(
            Reply::LoggedIn(Box::new(Roster {
                profile: None,
                terms: None,
                me: a.clone(),
                friends: vec![],
                groups: vec![],
            })),
            r#"{"command":"login_return","status":"success","username":"小明"}"#,
        ),
        Replies(
            refused(Verb::Login, Refusal::WrongPassword),
            r#"{"command":"login_return","status":"fail","detail":"wrong id or password"}"#,
        ),
        Asks(r#"{"command":"logout","id":"10000"}"#, by(10_000), Command::Logout),
        Asks(
            r#"{"command":"add_friend","src":"10000","dst":"10001","status":"1"}"#,
            by(10_000),
            Command::AddFriend { reason: Box::default(), friend: id(10_001), special: true },
        ),
        Replies(
            Reply::FriendRequested { me: UserId(10_000), friend: b.clone() },
            r#"{"command":"add_friend_return","status":"success"}"#,
        ),
        Tells(
            Event::FriendRequested { reason: Box::default(), asker: a.clone(), to: UserId(10_001), special: true },
            r#"{"command":"add_friend","src":"10000","dst":"10001","status":"1","message":"confirm_one_way"}"#,
        ),
        Asks(
            r#"{"command":"add_friend_confirm","src":"10000","dst":"10001","status":"0","message":"confirm_two_way"}"#,
            by(10_001),
            Command::AnswerFriend {
                reason: Box::default(),
                asker: id(10_000),
                verdict: Verdict::Accept,
                special: false,
            },
        ),
        Replies(
            Reply::FriendAnswered { me: UserId(10_000), profile: None, asker: a.clone(), accepted: true },
            r#"{"command":"add_friend_confirm_return","status":"success"}"#,
        ),
        Asks(r#"{"command":"list_friend","id":"10000"}"#, by(10_000), Command::ListFriends),
        Replies(
            Reply::Friends {
                me: a.clone(),
                friends: vec![friend(b.clone(), true), friend(person(10_002, "小华"), false)],
            },
            r#"{"command":"list_friend_return","id":"10000","status":"success","friends":[{"id":"10001","username":"小花","status":"1"},{"id":"10002","username":"小华","status":"0"}]}"#,
        ),
        More(
            refused(Verb::ListFriends, Refusal::NotLoggedIn),
            r#"{"command":"list_friend_return","status":"fail","detail":"not logged in"}"#,
            r#","datail":"not logged in"}"#,
        ),
        Asks(
            r#"{"command":"send_message","src":"10000","dst":"10001","message":"hello"}"#,
            by(10_000),
            Command::SendPrivate {
                number: None,
                to: id(10_001),
                as_written: "10001".into(),
                body: Body::text("hello"),
            },
        ),
        Replies(
            Reply::Sent { verb: Verb::SendPrivate, seq: Seq(1), at_ms: 1 },
            r#"{"command":"send_message_return","status":"success"}"#,
        ),
        More(
            refused(Verb::SendPrivate, Refusal::NotFriends),
            r#"{"command":"send_message_return","status":"fail","detail":"dst not in friend_list"}"#,
            r#","datail":"dst not in friend_list"}"#,
        ),
        Tells(
            Event::Private { from: a, to: b, seq: Seq(1), at_ms: 1, body: Body::text("hello") },
            r#"{"command":"send_message","src":"10000","dst":"10001","message":"hello"}"#,
        ),
    ]
}

#[test]
fn each_packet_of_the_document_in_its_order() {
    let (packets, exchanges) = (packets(), exchanges());
    assert_eq!(packets.len(), exchanges.len(), "nothing of the document is left out");
    for (template, exchange) in packets.iter().zip(exchanges) {
        let (frames, packet, more) = match exchange {
            Exchange::Asks(packet, claim, command) => {
                assert!(is_of(packet, template), "{packet} is not {template}");
                assert_eq!(hear_packet(packet), Ok(Request { id: RequestId(0), claim, command }), "{packet}");
                continue;
            }
            Exchange::Replies(reply, packet) => (framed().reply(RequestId(0), &reply, Carrier::Stream), packet, None),
            Exchange::More(reply, packet, more) => {
                (framed().reply(RequestId(0), &reply, Carrier::Stream), packet, Some(more))
            }
            Exchange::Tells(event, packet) => (framed().event(&event, None, Carrier::Stream), packet, None),
        };
        assert!(is_of(packet, template), "{packet} is not {template}");
        let expected = more.map_or(packet.to_owned(), |more| format!("{}{more}", packet.trim_end_matches('}')));
        assert_eq!(bodies(&frames)[0], expected);
    }
}

#[test]
fn the_length_is_as_the_document_has_it() {
    let frames =
        framed().reply(RequestId(0), &Reply::Sent { verb: Verb::SendPrivate, seq: Seq(1), at_ms: 1 }, Carrier::Stream);
    let wire = frames[0].wire();
    assert_eq!(&wire[..4], [52, 0, 0, 0], "an int, lowest byte first, of the data alone");
    assert_eq!(&wire[4..], br#"{"command":"send_message_return","status":"success"}"#);
}

/// What the page for client writers shows is what is spoken.
#[test]
fn the_examples_of_the_page_are_understood() {
    let page = include_str!("../../../docs/framed.md");
    let shown = page.split('`').chain(page.lines().filter_map(|line| line.strip_prefix("A -> server   ")));
    let mut asked = 0;
    for example in shown.filter(|text| text.starts_with("{\"command\":\"")) {
        let object: serde_json::Value = serde_json::from_str(example).unwrap();
        let command = object["command"].as_str().unwrap();
        let from_server = command.ends_with("return")
            || object.get("username").is_some_and(|_| !matches!(command, "logon" | "find_user"))
            || object["message"] == "confirm_one_way"
            || command == "file_end";
        if !from_server {
            assert!(hear_packet(example).is_ok(), "{example}");
            asked += 1;
        }
    }
    assert!(asked >= 20, "{asked} examples");
}
