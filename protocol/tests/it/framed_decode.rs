//! What `framed` takes from clients of all habits, and what it says to those who make mistakes.

use crate::support::{LIMITS, framed, hear, hear_packet, packet};
use protocol::{
    Carrier, Command, Decoded, FileLength, FriendPolicy, GroupId, JoinPolicy, MessagePolicy, Mistake, MistakeKind,
    NameKey, Peer, Request, Seq, Style, UserId, Verb, Verdict, WhichGroup, Who,
};

const PING: &str = r#"{"command":"ping"}"#;

fn request(json: &str) -> Request {
    hear_packet(json).unwrap_or_else(|mistake| panic!("{json}: {mistake:?}"))
}

fn mistake(json: &str) -> Mistake {
    hear_packet(json).unwrap_err()
}

fn id(id: u64) -> Who {
    Who::Id(UserId(id))
}

#[test]
fn white_space_and_nuls_around_an_object_are_counted_and_ignored() {
    for json in [" \r\n\t{\"command\":\"ping\"}", "{\"command\":\"ping\"}\0", "{\"command\" : \"ping\"\n} \0\0\r\n\0"] {
        assert_eq!(request(json).command, Command::Ping);
    }
}

#[test]
fn what_cannot_be_read_spoils_only_its_packet() {
    let fields = |count: usize| (1..count).map(|n| format!(r#","k{n}":1"#)).collect::<String>();
    let deep = |levels: usize| format!(r#"{{"command":"ping","x":{}{}}}"#, "[".repeat(levels), "]".repeat(levels));
    assert_eq!(request(&deep(15)).command, Command::Ping);
    assert_eq!(request(&format!(r#"{{"command":"ping"{}}}"#, fields(64))).command, Command::Ping);
    let many = format!(r#"{{"command":"ping"{}}}"#, fields(65));
    let nested = format!(r#"{{"command":"ping","x":{{"k0":1{}}}}}"#, fields(65));
    for json in [
        "",
        " ",
        "\0",
        "x",
        "[]",
        "\"secret\"",
        "1",
        "null",
        "{",
        "{]",
        "{}}",
        "{} {}",
        "{}x",
        "{}\0{}",
        "\0{}",
        "{'command':'ping'}",
        "{\"command\":\"ping\",}",
        "{\"command\":\"a\nb\"}",
        "{\"command\":\"\\ud800\"}",
        "\u{feff}{\"command\":\"ping\"}",
        r#"{"command":"ping","command":"ping"}"#,
        r#"{"command":"ping","x":[{"y":{"z":1,"z":1}}]}"#,
        &deep(16),
        &many,
        &nested,
        &"[".repeat(60_000),
        &"{\"a\":".repeat(12_000),
        &format!("{{\"command\":{}", "[".repeat(60_000)),
        &format!("{{\"x\":{}", "[{\"a\":".repeat(10_000)),
    ] {
        let mistake = mistake(json);
        assert!(mistake.kind == MistakeKind::Unreadable && mistake.verb.is_none(), "{json} {mistake:?}");
        assert!(!mistake.detail.is_empty() && !mistake.detail.contains("secret") && mistake.detail.len() < 200);
        let both = [packet(json), packet(PING)].concat();
        let (heard, _) = hear(framed(), [both.as_slice()]);
        assert!(heard.len() == 2 && heard[1].is_ok(), "the connection goes on");
    }
    assert!(mistake(&deep(16)).detail.contains("more than 16"), "{:?}", mistake(&deep(16)));
    assert!(mistake(&many).detail.contains("more than 64 fields"));
    let (heard, _) = hear(framed(), [packet(b"{\"command\":\"ping\",\"x\":\"\xff\"}").as_slice()]);
    assert_eq!(heard[0].as_ref().unwrap_err().kind, MistakeKind::Unreadable);
}

#[test]
fn a_length_that_cannot_be_is_refused_before_anything_is_taken() {
    for (header, turned) in [
        ([0xff; 4], false),
        ([0, 0, 0, 0x80], true),
        ([1, 0, 1, 0], false),
        ([0xff, 0xff, 0xff, 0x7f], false),
        (*b"GET ", false),
        ([0, 0, 0, 18], true),
        ([0, 0, 2, 0], true),
        ([0, 1, 0, 1], false),
    ] {
        for piece in [1, 3, 4, 22] {
            let bytes = [&header[..], PING.as_bytes()].concat();
            let (heard, style) = hear(framed(), bytes.chunks(piece));
            assert_eq!((heard.len(), style), (1, Style::Streaming), "{header:?}");
            let mistake = heard[0].as_ref().unwrap_err();
            assert!(mistake.kind == MistakeKind::TooLarge && mistake.kind.is_fatal(), "{mistake:?}");
            assert_eq!(mistake.detail.contains("turned round"), turned, "{mistake:?}");
        }
    }
    let whole = |bytes: usize| format!(r#"{{"command":"ping","x":"{}"}}"#, "a".repeat(bytes - 25));
    assert!(hear(framed(), [packet(whole(LIMITS.frame_bytes)).as_slice()]).0[0].is_ok());
    let mut decoder = framed().decoder(Carrier::Message, LIMITS);
    let long = whole(LIMITS.frame_bytes + 1);
    assert!(
        matches!(decoder.decode(&mut long.as_bytes()), Decoded::Mistake(mistake) if mistake.kind == MistakeKind::TooLarge)
    );
}

#[test]
fn a_packet_is_awaited_to_its_last_byte() {
    let bytes = packet(PING);
    for at in 1..bytes.len() {
        let mut decoder = framed().decoder(Carrier::Stream, LIMITS);
        let (mut first, mut rest) = bytes.split_at(at);
        assert!(matches!(decoder.decode(&mut first), Decoded::Need) && decoder.is_midway() && first.is_empty());
        assert!(matches!(decoder.decode(&mut rest), Decoded::Request(_)) && !decoder.is_midway() && rest.is_empty());
    }
}

/// Every command: its name, the fields that it must have, and the fields that it may have.
const COMMANDS: [(&str, Verb, &[&str], &[&str]); 26] = [
    ("logon", Verb::Register, &["username", "password"], &[]),
    ("login", Verb::Login, &["id", "password"], &[]),
    ("logout", Verb::Logout, &["id"], &[]),
    ("add_friend", Verb::AddFriend, &["src", "dst"], &["status"]),
    ("add_friend_confirm", Verb::AnswerFriend, &["src", "dst", "message"], &["status"]),
    ("list_friend", Verb::ListFriends, &["id"], &[]),
    ("send_message", Verb::SendPrivate, &["src", "dst", "message"], &[]),
    ("ping", Verb::Ping, &[], &[]),
    ("remove_friend", Verb::RemoveFriend, &["dst"], &["src"]),
    ("change_status", Verb::SetFriend, &["dst", "status"], &["src"]),
    ("find_user", Verb::FindUser, &["username"], &[]),
    ("find_user", Verb::FindUser, &["id"], &[]),
    ("friend_status", Verb::ListPresence, &[], &["id"]),
    ("set_policy", Verb::SetPolicy, &[], &["id", "add", "message"]),
    ("change_password", Verb::ChangePassword, &["password", "new_password"], &["id"]),
    ("create_group", Verb::CreateGroup, &["groupname"], &["src", "join"]),
    ("join_group", Verb::JoinGroup, &["group"], &["src"]),
    ("join_group", Verb::JoinGroup, &["groupname"], &["src"]),
    ("join_group_confirm", Verb::AnswerJoin, &["src", "group", "message"], &["dst"]),
    ("leave_group", Verb::LeaveGroup, &["group"], &["src"]),
    ("list_group", Verb::ListGroups, &[], &["id"]),
    ("list_member", Verb::ListMembers, &["groupname"], &["src"]),
    ("send_group_message", Verb::Post, &["group", "message"], &["src"]),
    ("history", Verb::History, &["dst"], &["src", "before", "limit"]),
    ("history", Verb::History, &["group"], &["src", "before", "limit"]),
    ("send_file", Verb::OfferFile, &["dst", "length", "filename"], &["src"]),
];

fn value(command: &str, field: &str) -> &'static str {
    match (command, field) {
        ("add_friend_confirm" | "join_group_confirm", "message") => r#""confirm_two_way""#,
        ("set_policy", "message") => r#""friends""#,
        (_, "add") => r#""confirm""#,
        (_, "join") => r#""approval""#,
        (_, "status") => r#""1""#,
        (_, "length" | "before" | "limit") => r#""12""#,
        (_, "id" | "src" | "dst" | "group") => r#""10000""#,
        _ => r#""secret""#,
    }
}

fn object(command: &str, fields: impl Iterator<Item = (&'static str, &'static str)>) -> String {
    let fields: String = fields.map(|(field, value)| format!(r#","{field}":{value}"#)).collect();
    format!(r#"{{"command":"{command}"{fields}}}"#)
}

#[test]
fn each_field_of_each_command_is_required_and_typed() {
    for (command, verb, required, optional) in COMMANDS {
        let all = || required.iter().chain(optional).copied();
        let bare = object(command, required.iter().map(|field| (*field, value(command, field))));
        assert_eq!(request(&bare).command.verb(), verb, "{bare}");
        let full = object(command, all().map(|field| (field, value(command, field))));
        let request = request(&full);
        assert_eq!(request.command.verb(), verb, "{full}");
        let claims = !matches!(verb, Verb::Register | Verb::Login | Verb::Ping | Verb::FindUser);
        assert_eq!(request.claim, claims.then_some(id(10_000)), "{full}");
        for left_out in required {
            let fields = all().filter(|field| field != left_out).map(|field| (field, value(command, field)));
            let mistake = mistake(&object(command, fields));
            assert_eq!((mistake.kind, mistake.verb), (MistakeKind::MissingField, Some(verb)), "{command} {left_out}");
            let either = matches!(*left_out, "group" | "groupname" | "username" | "id" | "dst");
            assert!(mistake.detail.contains(left_out) || either, "{command} {mistake:?}");
        }
        for wrong in all() {
            let is_number = matches!(wrong, "length" | "before" | "limit");
            let is_word = value(command, wrong) != r#""secret""# && value(command, wrong) != r#""10000""# && !is_number;
            for bad in ["null", "true", "[]", "{\"a\":[1]}", "1", "1.5", "-1", "\"secretly\""] {
                let (number, text) = (bad.parse::<f64>().is_ok(), bad.starts_with('"'));
                if is_number && bad == "1" || text && !is_number && !is_word {
                    continue;
                }
                let given = |field| if field == wrong { bad } else { value(command, field) };
                let json = object(command, all().map(|field| (field, given(field))));
                let mistake = mistake(&json);
                let kind = if text || is_number && number { MistakeKind::BadValue } else { MistakeKind::WrongType };
                assert!(mistake.kind == kind && mistake.detail.contains(wrong), "{json} {mistake:?}");
                assert_eq!(mistake.verb, Some(verb));
                assert!(!mistake.detail.contains("secret") && !mistake.kind.is_fatal());
            }
        }
    }
}

#[test]
fn a_packet_without_a_command_says_so() {
    for json in ["{}", r#"{"id":"1"}"#, r#"{"command":7}"#, r#"{"command":null}"#, r#"{"command":["ping"]}"#] {
        assert_eq!((mistake(json).kind, mistake(json).verb), (MistakeKind::NoCommand, None), "{json}");
    }
    let unknown = mistake(&format!(r#"{{"command":"{}\n"}}"#, "x".repeat(30_000)));
    assert!(unknown.kind == MistakeKind::UnknownCommand && unknown.detail.len() < 100, "{unknown:?}");
    for command in ["", "Ping", "login ", "logon_return", "add_friend_return"] {
        assert_eq!(mistake(&format!(r#"{{"command":"{command}"}}"#)).kind, MistakeKind::UnknownCommand);
    }
}

#[test]
fn an_id_is_digits_as_the_server_writes_them_or_nobodys() {
    for (text, expected) in [
        ("10000", 10_000),
        ("1", 1),
        ("18446744073709551615", u64::MAX),
        ("18446744073709551616", 0),
        ("010000", 0),
        ("+1", 0),
        ("-1", 0),
        ("", 0),
        ("0", 0),
        (" 1", 0),
        ("1 ", 0),
        ("１", 0),
        ("1e3", 0),
        ("小明", 0),
        ("99999999999999999999999999", 0),
    ] {
        let logged = request(&format!(r#"{{"command":"login","id":"{text}","password":"p"}}"#));
        assert!(matches!(logged.command, Command::Login { who, .. } if who == id(expected)), "{text}");
        let claimed = request(&format!(r#"{{"command":"list_friend","id":"{text}"}}"#));
        assert_eq!(claimed.claim, Some(id(expected)), "{text}");
        let group = request(&format!(r#"{{"command":"leave_group","group":"{text}"}}"#));
        assert_eq!(group.command, Command::LeaveGroup { group: WhichGroup::Id(GroupId(expected)) });
    }
}

#[test]
fn words_numbers_and_fields_have_their_meaning() {
    let command = |json: &str| request(json).command;
    assert_eq!(
        command(r#"{"command":"add_friend","src":"1","dst":"2"}"#),
        Command::AddFriend { reason: Box::default(), friend: id(2), special: false }
    );
    let answer = r#"{"command":"add_friend_confirm","src":"1","dst":"2","status":"1","message":"reject"}"#;
    let Request { claim, command: answered, .. } = request(answer);
    assert_eq!(claim, Some(id(2)), "whoever was asked");
    assert_eq!(
        answered,
        Command::AnswerFriend { reason: Box::default(), asker: id(1), verdict: Verdict::Reject, special: true }
    );
    let answer = r#"{"command":"join_group_confirm","src":"1","dst":"2","groupname":"Ｇ","message":"confirm_two_way"}"#;
    let Request { claim, command: answered, .. } = request(answer);
    assert_eq!(claim, Some(id(2)), "the owner");
    let group = WhichGroup::Name(NameKey::of("g"));
    assert_eq!(
        answered,
        Command::AnswerJoin { reason: Box::default(), group: group.clone(), member: id(1), verdict: Verdict::Accept }
    );
    assert_eq!(
        command(r#"{"command":"change_status","dst":"2","status":"0"}"#),
        Command::SetFriend { friend: id(2), special: false }
    );
    assert_eq!(
        command(r#"{"command":"find_user","username":"Ａ"}"#),
        Command::FindUser { who: Who::Name(NameKey::of("a")) }
    );
    assert_eq!(
        command(r#"{"command":"set_policy","add":"open","message":"anyone"}"#),
        Command::SetPolicy { add: Some(FriendPolicy::Open), message: Some(MessagePolicy::Anyone) }
    );
    assert_eq!(
        command(r#"{"command":"create_group","groupname":"G","join":"open"}"#),
        Command::CreateGroup { about: Box::default(), name: Some("G".to_owned()), join: Some(JoinPolicy::Open) }
    );
    assert_eq!(
        command(r#"{"command":"history","groupname":"G","before":7,"limit":"99999999999"}"#),
        Command::History { peer: Peer::Group(group), before: Some(Seq(7)), limit: Some(u32::MAX) }
    );
    for (length, as_text) in [("7", false), ("\"7\"", true)] {
        let json = format!(r#"{{"command":"send_file","dst":"2","length":{length},"filename":"/a/b"}}"#);
        let name = "/a/b".to_owned();
        assert_eq!(
            command(&json),
            Command::OfferFile { hash: None, to: id(2), length: FileLength { bytes: 7, as_text }, name }
        );
    }
    for json in [
        r#"{"command":"find_user","username":"a","id":"1"}"#,
        r#"{"command":"join_group","group":"1","groupname":"a"}"#,
        r#"{"command":"history","dst":"1","groupname":"a"}"#,
        r#"{"command":"history","dst":"1","limit":0}"#,
        r#"{"command":"add_friend","src":"1","dst":"2","status":"2"}"#,
        r#"{"command":"add_friend_confirm","src":"1","dst":"2","message":"confirm_one_way"}"#,
    ] {
        assert_eq!(mistake(json).kind, MistakeKind::BadValue, "{json}");
    }
}
