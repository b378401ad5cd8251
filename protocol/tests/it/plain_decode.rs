//! What `plain` takes from clients of all habits, and what it says to those who make mistakes.

use crate::support::{LIMITS, hear, hear_plain, mistake, plain, request};
use protocol::{
    Carrier, Command, Decoded, FileLength, FriendPolicy, JoinPolicy, Limits, MessagePolicy, MistakeKind, NameKey, Peer,
    Seq, Style, Verdict, WhichGroup, Who,
};

const PING: &str = r#"{"cmd":"ping"}"#;

fn who(name: &str) -> Who {
    Who::Name(NameKey::of(name))
}

#[test]
fn objects_may_be_separated_by_anything_clients_use() {
    for separator in ["", " ", ";", "\n", "\r\n", "\0", ";\n", " ; \0\r\n\t;;"] {
        let text = [separator, PING, separator, PING, separator, PING, separator].concat();
        let heard = hear_plain(&text);
        assert!(heard.len() == 3 && heard.iter().all(Result::is_ok), "{separator:?} {heard:?}");
    }
}

#[test]
fn qt_writes_indented_objects_with_sorted_keys() {
    let text = "{\n    \"cmd\": \"private_chat\",\n    \"text\": \"a } \\\" { b\\\\\",\n    \"user_from\": \"小明\",\n    \"user_to\": \"小花\"\n}\n";
    let Command::SendPrivate { to, as_written, body, .. } = request(text).command else { panic!("{text}") };
    assert_eq!((to, &*as_written, body.as_text()), (who("小花"), "小花", Some("a } \" { b\\")));
}

#[test]
fn escapes_and_emoji_come_back_as_text() {
    let text = r#"{"cmd":"group_chat","user":"\u5c0f\u660e","group":"g","text":"\ud83d\ude00 😀 \n \/ \u0000"}"#;
    let Command::Post { body, .. } = request(text).command else { panic!("{text}") };
    assert_eq!(body.as_text(), Some("😀 😀 \n / \0"));
    assert_eq!(mistake(r#"{"cmd":"ping","x":"\ud800"}"#).kind, MistakeKind::Malformed);
}

#[test]
fn the_style_is_told_by_the_first_object_and_the_byte_behind_it() {
    let style = |pieces: &[&str]| hear(plain(), pieces.iter().map(|piece| piece.as_bytes())).1;
    let indented = "{\n \"cmd\":\"ping\"}";
    for (pieces, expected) in [
        (&[][..], Style::Undecided),
        (&[PING], Style::Undecided),
        (&[PING, "\r"], Style::Undecided),
        (&["{\"cmd\":", "\"ping\"}"], Style::Undecided),
        (&[PING, "\n"], Style::Streaming),
        (&["{\"cmd\":\"ping\"}\n"], Style::Streaming),
        (&["\n\n {\"cmd\":\"ping\"}\n"], Style::Streaming),
        (&["{\"cmd\":\"ping\"}\r\n"], Style::Streaming),
        (&["{\"cmd\":\"ping\"}\r", "\n"], Style::Streaming),
        (&[PING, "\r", "\n"], Style::Streaming),
        (&[PING, PING], Style::Paced),
        (&[PING, ";", "\n"], Style::Paced),
        (&["{\"cmd\":\"ping\"} \n"], Style::Paced),
        (&["{\"cmd\":\"ping\"}\0"], Style::Paced),
        (&["{\"cmd\":\"ping\"}\r", "\r\n"], Style::Paced),
        (&["{\"cmd\":\"ping\"}\r{"], Style::Paced),
        (&[indented], Style::Paced),
        (&[indented, "\n", PING, "\n"], Style::Paced),
        (&["{\"cmd\":\"ping\"}\n", indented], Style::Streaming),
        (&["{\"cmd\":\"nonsense\"}\n"], Style::Streaming),
        (&["{]{"], Style::Undecided),
        (&["{]", "\n"], Style::Undecided),
    ] {
        assert_eq!(style(pieces), expected, "{pieces:?}");
    }
    assert_eq!(plain().decoder(Carrier::Message, LIMITS).style(), Style::Streaming);
}

#[test]
fn a_message_holds_one_object() {
    for (text, good) in [
        (PING, true),
        ("{\"cmd\":\"ping\"};\r\n", true),
        ("  {\n\"cmd\":\"ping\"}", true),
        ("{\"cmd\":\"ping\"}{\"cmd\":\"ping\"}", false),
        ("{\"cmd\":\"ping\"", false),
        ("[]", false),
    ] {
        let mut decoder = plain().decoder(Carrier::Message, LIMITS);
        let mut input = text.as_bytes();
        match decoder.decode(&mut input) {
            Decoded::Request(_) => assert!(good, "{text}"),
            Decoded::Mistake(mistake) => assert!(!good && mistake.kind == MistakeKind::Malformed, "{text}"),
            Decoded::Need => panic!("{text}"),
        }
        assert!(input.is_empty());
    }
    let mut decoder = plain().decoder(Carrier::Message, LIMITS);
    assert!(matches!(decoder.decode(&mut &b"\n"[..]), Decoded::Need));
}

#[test]
fn keys_are_unique_in_every_object() {
    let many: String = (0..60).map(|n| format!(r#""k{n}":1,"#)).collect();
    for text in [
        r#"{"cmd":"ping","cmd":"ping"}"#.to_owned(),
        r#"{"cmd":"ping","x":1,"x":2}"#.to_owned(),
        r#"{"cmd":"ping","x":1,"\u0078":2}"#.to_owned(),
        r#"{"cmd":"ping","x":{"y":1,"y":1}}"#.to_owned(),
        r#"{"cmd":"ping","x":[0,{"y":{"z":1,"z":1}}]}"#.to_owned(),
        r#"{"cmd":"ping","user":{"z":1,"z":1}}"#.to_owned(),
        format!(r#"{{"cmd":"ping",{many}"k59":1}}"#),
    ] {
        let mistake = mistake(&text);
        assert!(
            mistake.kind == MistakeKind::Malformed && mistake.detail.contains("duplicate key \""),
            "{text} {mistake:?}"
        );
    }
    assert!(hear_plain(r#"{"cmd":"ping","x":{"y":1},"y":{"y":1}}"#)[0].is_ok(), "the same key elsewhere is another");
}

#[test]
fn bounds_are_kept_to_the_byte_the_level_and_the_field() {
    let fields = |count: usize| (1..count).map(|n| format!(r#","k{n}":1"#)).collect::<String>();
    assert!(hear_plain(&format!(r#"{{"cmd":"ping"{}}}"#, fields(64)))[0].is_ok());
    let over = mistake(&format!(r#"{{"cmd":"ping"{}}}"#, fields(65)));
    assert!(over.kind == MistakeKind::Malformed && over.detail.contains("more than 64 fields"), "{over:?}");
    let nested = mistake(&format!(r#"{{"cmd":"ping","x":{{"k0":1{}}}}}"#, fields(65)));
    assert_eq!(nested.kind, MistakeKind::Malformed);

    let deep = |levels: usize| format!(r#"{{"cmd":"ping","x":{}{}}}"#, "[".repeat(levels), "]".repeat(levels));
    assert!(hear_plain(&deep(15))[0].is_ok());
    assert_eq!(mistake(&deep(16)).kind, MistakeKind::TooDeep);
    assert_eq!(mistake(&format!(r#"{{"cmd":"ping","x":{}"#, "[".repeat(16))).kind, MistakeKind::TooDeep, "at once");

    let long = |bytes: usize| format!(r#"{{"cmd":"ping","x":"{}"}}"#, "a".repeat(bytes - 21));
    assert!(hear_plain(&long(65_536))[0].is_ok());
    assert_eq!(mistake(&long(65_537)).kind, MistakeKind::TooLarge);
    let small = Limits { frame_bytes: PING.len(), ..LIMITS };
    for piece in [1, 3, PING.len()] {
        let mut decoder = plain().decoder(Carrier::Stream, small);
        let found: Vec<bool> = PING
            .as_bytes()
            .chunks(piece)
            .map(|mut input| matches!(decoder.decode(&mut input), Decoded::Request(_)))
            .collect();
        assert_eq!(found.last(), Some(&true), "in pieces of {piece}");
    }
}

#[test]
fn what_is_no_json_is_malformed_and_ends_it() {
    for text in [
        "x",
        "[]",
        "\"cmd\"",
        "1",
        "{]",
        "{}}",
        "{'cmd':'ping'}",
        "{\"cmd\":ping}",
        "{\"cmd\":\"ping\",}",
        "{cmd:1}",
        "{\"cmd\" \"ping\"}",
        "{\"cmd\":\"ping\"]",
        "{\"cmd\":\"a\nb\"}",
        "{\"cmd\":\"\\x\"}",
        "{\"cmd\":01}",
        "{\"cmd\":1e999}",
        "{\"a\":NaN}",
        "{\"a\":tru}",
        "\u{feff}{\"cmd\":\"ping\"}",
        "GET / HTTP/1.1\r\n\r\n",
        "{$",
        "{\"a\":\"b\"} x",
        "{/* */}",
    ] {
        let last = hear_plain(text).pop().unwrap().unwrap_err();
        assert!(last.kind == MistakeKind::Malformed && !last.detail.is_empty(), "{text} {last:?}");
    }
    let (heard, _) = hear(plain(), [&b"{\"cmd\":\"ping\",\"x\":\"\xff\"}"[..]]);
    assert_eq!(heard[0].as_ref().unwrap_err().kind, MistakeKind::Malformed);
}

#[test]
fn long_numbers_are_read_or_refused_quickly() {
    let digits = "9".repeat(5_000);
    for text in [format!(r#"{{"cmd":"ping","x":{digits}}}"#), format!(r#"{{"cmd":"ping","x":0.{digits}}}"#)] {
        assert_eq!(hear_plain(&text).len(), 1);
    }
}

/// Every command with all its fields: (text, the fields that it must have, the fields that it may have).
const COMMANDS: [(&str, &[&str], &[&str]); 21] = [
    ("register", &["user", "password"], &[]),
    ("login", &["user", "password"], &[]),
    ("offline", &["user"], &[]),
    ("ping", &[], &["user"]),
    ("add", &["user", "friend"], &[]),
    ("add_answer", &["user", "friend", "result"], &[]),
    ("remove_friend", &["friend"], &["user"]),
    ("get_friend", &[], &["user"]),
    ("find_user", &["friend"], &["user"]),
    ("get_group", &[], &["user"]),
    ("set_policy", &["user"], &["add", "message"]),
    ("change_password", &["password", "new_password"], &["user"]),
    ("create_group", &["user", "group"], &["join"]),
    ("add_group", &["user", "group"], &[]),
    ("add_group_answer", &["user", "member", "group", "result"], &[]),
    ("leave_group", &["group"], &["user"]),
    ("get_group_member", &["group"], &["user"]),
    ("private_chat", &["user_from", "user_to", "text"], &[]),
    ("group_chat", &["user", "group", "text"], &[]),
    ("get_history", &["friend"], &["user", "before", "limit"]),
    ("send_file", &["from_user", "to_user", "length", "filename"], &[]),
];

fn value(field: &str) -> &'static str {
    match field {
        "result" => r#""accept""#,
        "add" => r#""confirm""#,
        "message" => r#""friends""#,
        "join" => r#""approval""#,
        "length" | "before" | "limit" => r#""12""#,
        _ => r#""secret""#,
    }
}

fn object(cmd: &str, fields: impl Iterator<Item = (&'static str, String)>) -> String {
    let fields: String = fields.map(|(field, value)| format!(r#","{field}":{value}"#)).collect();
    format!(r#"{{"cmd":"{cmd}"{fields}}}"#)
}

#[test]
fn each_field_of_each_command_is_required_and_typed() {
    for (cmd, required, optional) in COMMANDS {
        let all = || required.iter().chain(optional).copied();
        let full = object(cmd, all().map(|field| (field, value(field).to_owned())));
        assert!(hear_plain(&full)[0].is_ok(), "{full}");
        let claimed = request(&full).claim.is_some();
        assert_eq!(claimed, !["register", "login"].contains(&cmd), "{full}");
        let bare = object(cmd, required.iter().map(|field| (*field, value(field).to_owned())));
        assert!(hear_plain(&bare)[0].is_ok(), "{bare}");
        for wrong in required {
            let text = object(cmd, all().filter(|field| field != wrong).map(|field| (field, value(field).to_owned())));
            let mistake = mistake(&text);
            // get_history takes either of two fields.
            let kind = if cmd == "get_history" { MistakeKind::BadValue } else { MistakeKind::MissingField };
            assert!(mistake.kind == kind && mistake.detail.contains(wrong), "{text} {mistake:?}");
        }
        for wrong in all() {
            for bad in ["null", "true", "[]", "{\"a\":[1]}", "1", "1.5", "-1"] {
                let number_too = ["length", "before", "limit"].contains(&wrong);
                if number_too && bad == "1" {
                    continue;
                }
                let given = |field: &str| if field == wrong { bad.to_owned() } else { value(field).to_owned() };
                let text = object(cmd, all().map(|field| (field, given(field))));
                let mistake = mistake(&text);
                let is_number = bad.parse::<f64>().is_ok();
                let kind = if number_too && is_number { MistakeKind::BadValue } else { MistakeKind::WrongType };
                assert!(mistake.kind == kind && mistake.detail.contains(wrong), "{text} {mistake:?}");
                assert!(!mistake.detail.contains("secret") && !mistake.kind.is_fatal());
            }
        }
    }
}

#[test]
fn a_mistake_without_a_command_says_so() {
    assert_eq!(mistake("{}").kind, MistakeKind::MissingField);
    assert_eq!(mistake(r#"{"user":"a"}"#).detail, r#""cmd" is missing"#);
    assert_eq!(mistake(r#"{"cmd":7}"#).kind, MistakeKind::WrongType);
    assert_eq!(mistake(r#"{"cmd":null}"#).kind, MistakeKind::WrongType);
    let unknown = mistake(&format!(r#"{{"cmd":"{}\n\u001b"}}"#, "x".repeat(30)));
    assert_eq!(unknown.kind, MistakeKind::UnknownCommand);
    assert!(unknown.detail.ends_with(r#"x\n\u{1b}""#), "{}", unknown.detail);
    let long = mistake(&format!(r#"{{"cmd":"{}"}}"#, "x".repeat(30_000)));
    assert!(long.detail.len() < 100);
    let heard = hear_plain(&format!(r#"{{"cmd":"nonsense"}}{{"cmd":7}}{PING}"#));
    assert!(heard[0].is_err() && heard[1].is_err() && heard[2].is_ok(), "the connection goes on");
}

#[test]
fn words_numbers_and_fields_have_their_meaning() {
    let length = |value: &str| {
        let text = format!(r#"{{"cmd":"send_file","from_user":"a","to_user":"b","length":{value},"filename":"/x/y"}}"#);
        match hear_plain(&text).remove(0) {
            Ok(request) => match request.command {
                Command::OfferFile { length, name, .. } if name == "/x/y" => Ok(length),
                other => panic!("{other:?}"),
            },
            Err(mistake) => Err(mistake.kind),
        }
    };
    assert_eq!(length("10000"), Ok(FileLength { bytes: 10_000, as_text: false }));
    assert_eq!(length(r#""10000""#), Ok(FileLength { bytes: 10_000, as_text: true }));
    assert_eq!(length("0"), Ok(FileLength { bytes: 0, as_text: false }));
    assert_eq!(length("18446744073709551615"), Ok(FileLength { bytes: u64::MAX, as_text: false }));
    for bad in [
        "1e3",
        "1.5",
        "-1",
        "-0.0",
        "18446744073709551616",
        r#""""#,
        r#""-1""#,
        r#""+1""#,
        r#""1e3""#,
        r#"" 1""#,
        r#""99999999999999999999""#,
    ] {
        assert_eq!(length(bad), Err(MistakeKind::BadValue), "{bad}");
    }
    assert_eq!(
        request(r#"{"cmd":"set_policy","user":"a","add":"confirm"}"#).command,
        Command::SetPolicy { add: Some(FriendPolicy::Confirm), message: None }
    );
    assert_eq!(
        request(r#"{"cmd":"set_policy","user":"a","message":"anyone"}"#).command,
        Command::SetPolicy { add: None, message: Some(MessagePolicy::Anyone) }
    );
    assert_eq!(
        request(r#"{"cmd":"create_group","user":"a","group":"G","join":"approval"}"#).command,
        Command::CreateGroup { about: Box::default(), name: Some("G".to_owned()), join: Some(JoinPolicy::Approval) }
    );
    assert_eq!(
        request(r#"{"cmd":"add_group_answer","user":"o","member":"a","group":"g","result":"reject"}"#).command,
        Command::AnswerJoin {
            reason: Box::default(),
            group: WhichGroup::Name(NameKey::of("g")),
            member: who("a"),
            verdict: Verdict::Reject
        }
    );
    assert_eq!(
        request(r#"{"cmd":"get_history","group":"G","before":7,"limit":"99999999999"}"#).command,
        Command::History {
            peer: Peer::Group(WhichGroup::Name(NameKey::of("g"))),
            before: Some(Seq(7)),
            limit: Some(u32::MAX)
        }
    );
    for text in [
        r#"{"cmd":"get_history"}"#,
        r#"{"cmd":"get_history","friend":"a","group":"g"}"#,
        r#"{"cmd":"get_history","friend":"a","limit":0}"#,
        r#"{"cmd":"get_history","friend":"a","before":"x"}"#,
        r#"{"cmd":"add_answer","user":"a","friend":"b","result":"maybe"}"#,
        r#"{"cmd":"set_policy","user":"a","add":"approval"}"#,
        r#"{"cmd":"create_group","user":"a","group":"g","join":"confirm"}"#,
    ] {
        assert_eq!(mistake(text).kind, MistakeKind::BadValue, "{text}");
    }
    assert_eq!(
        request(r#"{"cmd":"ping","user":"ＡＤＭＩＮ"}"#).claim,
        Some(who("admin")),
        "claims are compared as names are"
    );
    assert!(hear_plain(r#"{"cmd":"login","user":"a","password":"p","group":[1],"length":{},"x":null}"#)[0].is_ok());
}
