//! What is refused, in which words, and that nothing has happened.

use crate::world::{Client, Server};

/// Every command that needs an account, with its reply. `{me}` is who asks.
const COMMANDS: [(&str, &str); 18] = [
    (r#"{"cmd":"offline","user":"{me}"}"#, "offline_reply"),
    (r#"{"cmd":"ping","user":"{me}"}"#, "ping_reply"),
    (r#"{"cmd":"change_password","user":"{me}","password":"11111","new_password":"2"}"#, "change_password_reply"),
    (r#"{"cmd":"set_policy","user":"{me}","add":"confirm","message":"friends"}"#, "set_policy_reply"),
    (r#"{"cmd":"add","user":"{me}","friend":"小花"}"#, "add_reply"),
    (r#"{"cmd":"add_answer","user":"{me}","friend":"小花","result":"accept"}"#, "add_answer_reply"),
    (r#"{"cmd":"remove_friend","user":"{me}","friend":"小华"}"#, "remove_friend_reply"),
    (r#"{"cmd":"get_friend","user":"{me}"}"#, "get_friend_reply"),
    (r#"{"cmd":"create_group","user":"{me}","group":"新"}"#, "create_group_reply"),
    (r#"{"cmd":"add_group","user":"{me}","group":"花"}"#, "add_group_reply"),
    (
        r#"{"cmd":"add_group_answer","user":"{me}","member":"小华","group":"学习","result":"accept"}"#,
        "add_group_answer_reply",
    ),
    (r#"{"cmd":"leave_group","user":"{me}","group":"学习"}"#, "leave_group_reply"),
    (r#"{"cmd":"get_group","user":"{me}"}"#, "get_group_reply"),
    (r#"{"cmd":"get_group_member","user":"{me}","group":"学习"}"#, "get_group_member_reply"),
    (r#"{"cmd":"private_chat","user_from":"{me}","user_to":"小华","text":"x"}"#, "private_chat_reply"),
    (r#"{"cmd":"group_chat","user":"{me}","group":"学习","text":"x"}"#, "group_chat_reply"),
    (r#"{"cmd":"get_history","user":"{me}","friend":"小华"}"#, "get_history_reply"),
    (r#"{"cmd":"send_file","from_user":"{me}","to_user":"小华","length":"1","filename":"a"}"#, "send_file_reply"),
];

/// 小明, who is 小华's friend and owns 学习; and 小花 with 花, whom nobody knows.
struct House {
    server: Server,
    ming: Client,
    hua: Client,
}

impl House {
    fn new() -> Self {
        let server = Server::start();
        let (mut ming, mut hua) = (server.user("小明"), server.user("小华"));
        Server::befriend(&mut ming, &mut hua);
        Server::group("学习", &mut [&mut ming, &mut hua]);
        Server::group("花", &mut [&mut server.user("小花")]);
        Self { server, ming, hua }
    }

    /// Nothing of 小明's has changed, and 小华 was told nothing.
    fn expect_unchanged(mut self) {
        self.hua.expect_nothing();
        self.hua.ask(
            r#"{"cmd":"get_friend"}"#,
            r#"{"cmd":"get_friend_reply","result":"success","friend":"小明","online":"小明"}"#,
        );
        let ming = &mut self.ming;
        ming.expect_nothing();
        ming.ask(
            r#"{"cmd":"set_policy","user":"小明"}"#,
            r#"{"cmd":"set_policy_reply","result":"success","add":"open","message":"anyone"}"#,
        );
        ming.ask(
            r#"{"cmd":"get_friend"}"#,
            r#"{"cmd":"get_friend_reply","result":"success","friend":"小华","online":"小华"}"#,
        );
        ming.ask(r#"{"cmd":"get_group"}"#, r#"{"cmd":"get_group_reply","result":"success","group":"学习"}"#);
        ming.ask(
            r#"{"cmd":"get_group_member","group":"学习"}"#,
            r#"{"cmd":"get_group_member_reply","member":"小明|小华","group":"学习"}"#,
        );
        for who in [r#""friend":"小华""#, r#""group":"学习""#] {
            ming.ask(
                &format!(r#"{{"cmd":"get_history",{who}}}"#),
                &format!(r#"{{"cmd":"get_history_reply","result":"success",{who},"messages":[],"more":false}}"#),
            );
        }
        let mut again = self.server.again("小明");
        again.ask(
            r#"{"cmd":"create_group","user":"小明","group":"新"}"#,
            r#"{"cmd":"create_group_reply","result":"success","group":"新"}"#,
        );
    }
}

/// The reply that refuses, in which some carry more than the word.
#[track_caller]
fn expect_refused(client: &mut Client, reply: &str, word: &str) {
    let line = client.line();
    assert!(line.starts_with(&format!(r#"{{"cmd":"{reply}","result":"{word}""#)), "{reply} {word}: {line}");
}

#[test]
fn nobody_does_anything_before_login() {
    let house = House::new();
    let mut guest = house.server.client();
    for (command, reply) in COMMANDS {
        guest.say(&command.replace("{me}", "小明"));
        expect_refused(&mut guest, reply, "not_logged_in");
    }
    house.expect_unchanged();
}

#[test]
fn nobody_does_anything_after_logout() {
    let house = House::new();
    let mut guest = house.server.again("小明");
    guest.say(r#"{"cmd":"offline","user":"小明"}"#);
    for (command, reply) in COMMANDS {
        guest.say(&command.replace("{me}", "小明"));
        expect_refused(&mut guest, reply, "not_logged_in");
    }
    house.expect_unchanged();
}

#[test]
fn nobody_is_somebody_else() {
    let mut house = House::new();
    // 小花 says it is 小明; 小明 says it is 小华, or somebody who does not exist, or nobody.
    let mut stranger = house.server.again("小花");
    for (command, reply) in COMMANDS {
        stranger.say(&command.replace("{me}", "小明"));
        expect_refused(&mut stranger, reply, "not_permitted");
        for name in ["小华", "没有", "", "小明|小华", "小明\\u0000"] {
            house.ming.say(&command.replace("{me}", name));
            expect_refused(&mut house.ming, reply, "not_permitted");
        }
    }
    house.expect_unchanged();
}

#[test]
fn a_wrong_or_missing_field_is_named_and_the_connection_stays() {
    let mut house = House::new();
    for (command, _) in COMMANDS {
        let right: serde_json::Value = serde_json::from_str(&command.replace("{me}", "小明")).unwrap();
        for (field, _) in right.as_object().unwrap() {
            let optional = field == "user"
                && ["ping", "change_password", "remove_friend", "get_friend", "leave_group", "get_group"]
                    .into_iter()
                    .chain(["get_group_member", "get_history"])
                    .any(|cmd| right["cmd"] == cmd)
                || right["cmd"] == "set_policy" && field != "user" && field != "cmd"
                || right["cmd"] == "get_history" && field != "cmd";
            if !optional {
                let mut wrong = right.clone();
                wrong.as_object_mut().unwrap().remove(field);
                house.ming.ask(
                    &wrong.to_string(),
                    &format!(r#"{{"cmd":"error","result":"missing_field","detail":"\"{field}\" is missing"}}"#),
                );
            }
            for value in ["null", "true", "[]", "{}", "1.5", "-1"] {
                let mut wrong = right.clone();
                wrong[field] = value.parse().unwrap();
                house.ming.say(&wrong.to_string());
                let line = house.ming.line();
                let words = if field == "length" { &["wrong_type", "bad_value"][..] } else { &["wrong_type"] };
                let start = |word: &&str| {
                    line.starts_with(&format!(r#"{{"cmd":"error","result":"{word}","detail":"\"{field}\""#))
                };
                assert!(words.iter().any(start), "{wrong}: {line}");
            }
        }
    }
    for unknown in [r#"{"cmd":"dance"}"#, r#"{"cmd":""}"#, r#"{"cmd":"Login"}"#, r#"{"cmd":"login_reply"}"#] {
        house.ming.say(unknown);
        expect_refused(&mut house.ming, "error", "unknown_command");
    }
    house.ming.say("{}");
    expect_refused(&mut house.ming, "error", "missing_field");
    house.expect_unchanged();
}

#[test]
fn what_is_no_object_is_told_and_the_connection_closes() {
    let house = House::new();
    let chat = r#"{"cmd":"private_chat","user_from":"小明","user_to":"小华","text":"x"}"#;
    let long = format!(r#"{{"cmd":"{}"#, "x".repeat(70_000));
    let deep = format!(r#"{{"cmd":"ping","x":{}{}}}"#, "[".repeat(16), "]".repeat(16));
    let fields: Vec<String> = (0..64).map(|n| format!(r#""f{n}":1"#)).collect();
    let many = format!(r#"{{"cmd":"ping",{}}}"#, fields.join(","));
    let cases: [(&str, &str); 20] = [
        ("hello", "invalid_json"),
        ("[]", "invalid_json"),
        ("\"x\"", "invalid_json"),
        ("}", "invalid_json"),
        ("{]", "invalid_json"),
        (r#"{"cmd":"ping",}"#, "invalid_json"),
        (r#"{"cmd":'ping'}"#, "invalid_json"),
        (r#"{cmd:"ping"}"#, "invalid_json"),
        (r#"{"cmd":"ping" "x":1}"#, "invalid_json"),
        (r#"{"cmd":"ping","x":01}"#, "invalid_json"),
        (r#"{"cmd":"ping","x":NaN}"#, "invalid_json"),
        (r#"{"cmd":"ping","x":"\ud800"}"#, "invalid_json"),
        (r#"{"cmd":"ping","x":"\x"}"#, "invalid_json"),
        ("{\"cmd\":\"ping\",\"x\":\"\t\"}", "invalid_json"),
        (r#"{"cmd":"ping","cmd":"ping"}"#, "invalid_json"),
        (r#"{"cmd":"ping","x":{"a":1,"\u0061":2}}"#, "invalid_json"),
        (&many, "invalid_json"),
        (&long, "too_large"),
        (&deep, "too_deep"),
        ("\u{feff}{\"cmd\":\"ping\"}", "invalid_json"),
    ];
    for (wrong, word) in cases {
        let mut client = house.server.again("小明");
        // What stands before it is done; what stands behind it is not.
        client.raw(format!("{{\"cmd\":\"ping\"}}{wrong}\n{chat}\n").as_bytes());
        client.expect(r#"{"cmd":"ping_reply","result":"success"}"#);
        expect_refused(&mut client, "error", word);
        client.expect_closed();
    }
    let mut client = house.server.again("小明");
    client.raw(b"{\"cmd\":\"ping\",\"x\":\"\xff\xfe\"}\n");
    expect_refused(&mut client, "error", "invalid_json");
    client.expect_closed();
    house.expect_unchanged();
}

#[test]
fn the_bounds_are_exact() {
    let server = Server::with(&["plain.max_object_bytes=300", "message.max_bytes=100"]);
    let mut client = server.user("a");
    let mut other = server.user("b");
    let padded = |bytes: usize| {
        let frame = r#"{"cmd":"ping","x":""}"#.len();
        format!(r#"{{"cmd":"ping","x":"{}"}}"#, "x".repeat(bytes - frame))
    };
    client.ask(&padded(300), r#"{"cmd":"ping_reply","result":"success"}"#);
    let text = "x".repeat(100);
    client.ask(&client.private("b", &text), r#"{"cmd":"private_chat_reply","result":"success"}"#);
    other.expect(&client.private("b", &text));
    client.ask(
        &client.private("b", &format!("{text}x")),
        r#"{"cmd":"private_chat_reply","result":"too_large","user_to":"b"}"#,
    );
    let deepest = format!(r#"{{"cmd":"ping","x":{}{}}}"#, "[".repeat(15), "]".repeat(15));
    client.ask(&deepest, r#"{"cmd":"ping_reply","result":"success"}"#);
    client.say(&padded(301));
    expect_refused(&mut client, "error", "too_large");
    client.expect_closed();
    other.expect_nothing();
}

#[test]
fn names_and_passwords_have_rules() {
    let server = Server::start();
    let mut client = server.client();
    let long = "名".repeat(33);
    let bad = [
        "",
        " ",
        "a|b",
        "a\\u0000b",
        "a\\nb",
        "a\u{200b}b",
        "a\u{202e}b",
        " a",
        "a ",
        "a\u{feff}",
        "\u{2066}x",
        &long,
        "a  b",
        "\u{ad}a",
        "раypal",
        "\\u0007",
    ];
    for name in bad {
        client.say(&format!(r#"{{"cmd":"register","user":"{name}","password":"1"}}"#));
        let line = client.line();
        assert!(line.starts_with(r#"{"cmd":"register_reply","result":"failure","detail":""#), "{name:?}: {line}");
        client.ask(
            &format!(r#"{{"cmd":"login","user":"{name}","password":"1"}}"#),
            r#"{"cmd":"login_reply","result":"user_not_exist"}"#,
        );
    }
    for name in
        [&"名".repeat(32), "小 明", "李雷abc", "João", "Ünal", "さくら", "김철수", "Анна", "a.b-c_d", "龘", "😀"]
    {
        client.say(&format!(r#"{{"cmd":"register","user":"{name}","password":"1"}}"#));
        let line = client.line();
        assert_eq!(line, r#"{"cmd":"register_reply","result":"success"}"#, "{name}");
    }
    for password in [String::new(), "x".repeat(129)] {
        client.say(&format!(r#"{{"cmd":"register","user":"p","password":"{password}"}}"#));
        expect_refused(&mut client, "register_reply", "failure");
    }
    client.ask(
        &format!(r#"{{"cmd":"register","user":"p","password":"{}"}}"#, "x".repeat(128)),
        r#"{"cmd":"register_reply","result":"success"}"#,
    );
    let mut owner = server.again_with("p", &"x".repeat(128));
    for name in ["", "a|b", " x"] {
        owner.say(&format!(r#"{{"cmd":"create_group","user":"p","group":"{name}"}}"#));
        let line = owner.line();
        assert!(line.starts_with(r#"{"cmd":"create_group_reply","result":"bad_name","detail":""#), "{line}");
    }
    // One is taken however it is composed or how wide it is.
    client.ask(r#"{"cmd":"register","user":"José","password":"1"}"#, r#"{"cmd":"register_reply","result":"success"}"#);
    for same in ["Jose\u{301}", "ＪＯＳÉ", "josé"] {
        client.say(&format!(r#"{{"cmd":"register","user":"{same}","password":"1"}}"#));
        expect_refused(&mut client, "register_reply", "failure");
    }
}

#[test]
fn one_address_cannot_guess_passwords_and_the_owner_still_comes_in() {
    let server = Server::with(&["auth.attempts=5", "auth.attempts_per_minute=1"]);
    let mut owner = server.user("a");
    let mut guesser = server.client_from("127.0.0.2");
    for n in 0..20 {
        let word = if n < 5 { "password_error" } else { "too_many_attempts" };
        guesser.ask(
            r#"{"cmd":"login","user":"a","password":"wrong"}"#,
            &format!(r#"{{"cmd":"login_reply","result":"{word}"}}"#),
        );
    }
    owner.say(r#"{"cmd":"offline","user":"a"}"#);
    owner.login("a");
}
