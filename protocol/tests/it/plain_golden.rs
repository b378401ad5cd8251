//! Every exchange of the document, `plain.txt` beside this file: each line that a client sends is decoded, each line
//! that the server sends is written byte for byte (in compact form, as is said in docs/plain.md).

use crate::support::{group, hear, info, member, person, plain, request};
use protocol::{
    Body, Carrier, Command, Door, Event, FileLength, Name, NameKey, Refusal, Reply, Request, RequestId, Roster, Secret,
    Seq, TransferEnd, TransferId, UserId, Verb, WhichGroup, Who,
};

const DOCUMENT: &str = include_str!("plain.txt");

fn who(name: &str) -> Who {
    Who::Name(NameKey::of(name))
}

fn which(name: &str) -> WhichGroup {
    WhichGroup::Name(NameKey::of(name))
}

/// What clients send in the document, as it stands there, and what is understood.
fn asked() -> Vec<(&'static str, Option<Who>, Command)> {
    let secret = || Secret::new("11111".to_owned());
    let ming = || Some(who("小明"));
    vec![
        (
            r#"{"cmd":"register","user":"小明","password":"11111"};"#,
            None,
            Command::Register { name: "小明".to_owned(), password: secret() },
        ),
        (
            r#"{"cmd":"login","user":"小明","password":"11111"};"#,
            None,
            Command::Login { code: None, instance: None, who: who("小明"), password: secret() },
        ),
        (
            r#"{"cmd":"add", "user":"小明", "friend":"小华"};"#,
            ming(),
            Command::AddFriend { reason: Box::default(), friend: who("小华"), special: false },
        ),
        (
            r#"{"cmd":"create_group", "user":"小明", "group":"学习"};"#,
            ming(),
            Command::CreateGroup { about: Box::default(), name: Some("学习".to_owned()), join: None },
        ),
        (
            r#"{"cmd":"add_group", "user":"小明", "group":"学习"};"#,
            ming(),
            Command::JoinGroup { reason: Box::default(), group: which("学习") },
        ),
        (
            r#"{"cmd":"private_chat","user_from":"小明","user_to":"小花","text":"hello"};"#,
            ming(),
            Command::SendPrivate {
                number: None,
                to: who("小花"),
                as_written: "小花".into(),
                body: Body::text("hello"),
            },
        ),
        (
            r#"{"cmd":"group_chat","user":"小明","group":"交流群","text":"hello"}"#,
            ming(),
            Command::Post { number: None, group: which("交流群"), body: Body::text("hello") },
        ),
        (r#"{"cmd":"get_group_member","group":"交流群"};"#, None, Command::ListMembers { group: which("交流群") }),
        (r#"{"cmd":"offline","user":"小明"};"#, ming(), Command::Logout),
        (
            r#"{"cmd":"send_file","from_user":"小明", "to_user":"小李","length":"10000", "filename":"xxx.txt"};"#,
            ming(),
            Command::OfferFile {
                hash: None,
                to: who("小李"),
                length: FileLength { bytes: 10_000, as_text: true },
                name: "xxx.txt".to_owned(),
            },
        ),
    ]
}

/// What the server says in the document, as it stands there, and what it is said for.
fn said() -> Vec<(&'static str, Says)> {
    let refused = |verb, refusal| Says::Reply(Reply::Refused { verb, refusal, about: None });
    let (ming, hua, hua2) = (person(10_000, "小明"), person(10_001, "小华"), person(10_002, "小花"));
    let (study, talk) = (group(1, "学习"), group(2, "交流群"));
    let length = FileLength { bytes: 10_000, as_text: true };
    vec![
        (
            r#"{"cmd":"register_reply","result":"success"}"#,
            Says::Reply(Reply::Registered { name: Name::from_stored("x"), id: UserId(10_000) }),
        ),
        (r#"{"cmd":"login_reply","result":"user_not_exist"}"#, refused(Verb::Login, Refusal::NoSuchUser)),
        (r#"{"cmd":"login_reply","result":"password_error"}"#, refused(Verb::Login, Refusal::WrongPassword)),
        (r#"{"cmd":"friend_login", "friend":"小明"}"#, Says::Event(Event::FriendOnline { friend: ming.clone() })),
        (r#"{"cmd":"add_reply", "result":"user_not_exist"}"#, refused(Verb::AddFriend, Refusal::NoSuchUser)),
        (r#"{"cmd":"add_reply", "result":"already_friend"}"#, refused(Verb::AddFriend, Refusal::AlreadyFriends)),
        (
            r#"{"cmd":"add_reply", "result":"success", "friend":"小华"}"#,
            Says::Reply(Reply::FriendAdded { profile: None, friend: hua }),
        ),
        (
            r#"{"cmd":"add_friend_reply", "result":"小明"}"#,
            Says::Event(Event::FriendAdded { profile: None, to: UserId(10_000), friend: ming.clone() }),
        ),
        (r#"{"cmd":"create_group_reply", "result":"group_exist"}"#, refused(Verb::CreateGroup, Refusal::GroupExists)),
        (
            r#"{"cmd":"create_group_reply", "result":"success","group":"学习"}"#,
            Says::Reply(Reply::GroupCreated { info: info(&study), group: study.clone() }),
        ),
        (r#"{"cmd":"add_group_reply", "result":"group_not_exist"}"#, refused(Verb::JoinGroup, Refusal::NoSuchGroup)),
        (r#"{"cmd":"add_group_reply", "result":"user_in_group"}"#, refused(Verb::JoinGroup, Refusal::AlreadyMember)),
        (
            r#"{"cmd":"add_group_reply", "result":"success","group":"学习"}"#,
            Says::Reply(Reply::Joined { me: UserId(10_000), group: study }),
        ),
        (r#"{"cmd":"private_chat_reply","result":"offline"}"#, refused(Verb::SendPrivate, Refusal::Offline)),
        (
            r#"{"cmd":"private_chat","user_from":"小明","user_to":"小花","text":"hello"}"#,
            Says::Event(Event::Private {
                from: ming.clone(),
                to: hua2,
                seq: Seq(1),
                at_ms: 1,
                body: Body::text("hello"),
            }),
        ),
        (
            r#"{"cmd":"private_chat_reply","result":"success"}"#,
            Says::Reply(Reply::Sent { verb: Verb::SendPrivate, seq: Seq(1), at_ms: 1 }),
        ),
        (
            r#"{"cmd":"group_chat","user":"小明","group":"交流群","text":"hello"}"#,
            Says::Event(Event::Posted {
                from: ming.clone(),
                group: talk.clone(),
                seq: Seq(1),
                at_ms: 1,
                body: Body::text("hello"),
            }),
        ),
        (
            r#"{"cmd":"group_chat_reply", "result":"success"}"#,
            Says::Reply(Reply::Sent { verb: Verb::Post, seq: Seq(1), at_ms: 1 }),
        ),
        (
            r#"{"cmd":"get_group_member_reply","member":"小李|小张", "group":"交流群"}"#,
            Says::Reply(Reply::Members {
                group: talk,
                members: vec![member(&person(10_003, "小李")), member(&person(10_004, "小张"))],
            }),
        ),
        (r#"{"cmd":"friend_offline","friend":"小明"}"#, Says::Event(Event::FriendOffline { friend: ming.clone() })),
        (r#"{"cmd":"send_file_reply","result":"offline"}"#, refused(Verb::OfferFile, Refusal::Offline)),
        (
            r#"{"cmd":"send_file_reply", "result":"timeout"}"#,
            Says::Event(Event::TransferFailed { bytes: 0, transfer: TransferId(1), end: TransferEnd::TimedOut }),
        ),
        // The rest is in the document with less in it: what is added is said in docs/plain.md.
        (
            r#"{"cmd":"register_reply","result":"failure"}"#,
            Says::More(
                Reply::Refused { verb: Verb::Register, refusal: Refusal::NameTaken, about: None }.into(),
                r#","detail":"the name is taken"}"#,
            ),
        ),
        (
            r#"{"cmd":"login_reply","result":"success"}"#,
            Says::More(
                Reply::LoggedIn(Box::new(Roster {
                    profile: None,
                    terms: None,
                    me: ming.clone(),
                    friends: vec![],
                    groups: vec![],
                }))
                .into(),
                r#","friend":"","group":"","id":"10000"}"#,
            ),
        ),
        (
            r#"{"cmd":"send_file_port_reply","port":8080, "length":"10000", "filename":"xx.txt"}"#,
            Says::More(
                Reply::FilePort { door: Door::Port(8080), length, name: "xx.txt".into(), to: person(10_003, "小李") }
                    .into(),
                r#","user":"小李"}"#,
            ),
        ),
        (
            r#"{"cmd":"recv_file_port_reply","port":8080, "length":"10000", "filename":"xx.txt"}"#,
            Says::More(
                Event::FileOffered {
                    from: ming,
                    to: UserId(10_003),
                    door: Door::Port(8080),
                    length,
                    name: "xx.txt".into(),
                }
                .into(),
                r#","user":"小明"}"#,
            ),
        ),
    ]
}

enum Says {
    Reply(Reply),
    Event(Event),
    /// With this after the document's last field.
    More(Box<Says>, &'static str),
}

impl From<Reply> for Box<Says> {
    fn from(reply: Reply) -> Self {
        Self::new(Says::Reply(reply))
    }
}

impl From<Event> for Box<Says> {
    fn from(event: Event) -> Self {
        Self::new(Says::Event(event))
    }
}

fn written(says: &Says) -> String {
    let frame = match says {
        Says::Reply(reply) => plain().reply(RequestId(0), reply, Carrier::Stream).remove(0),
        Says::Event(event) => plain().event(event, None, Carrier::Stream).remove(0),
        Says::More(says, _) => return written(says),
    };
    assert_eq!(frame.wire().len(), frame.body().len() + 1, "one newline ends it");
    String::from_utf8(frame.wire().to_vec()).unwrap()
}

#[test]
fn what_clients_of_the_document_send_is_understood() {
    for (text, claim, command) in asked() {
        assert!(DOCUMENT.contains(text), "{text} is not in the document");
        assert_eq!(request(text), Request { id: RequestId(0), claim, command }, "{text}");
    }
    let all: String = asked().iter().map(|(text, ..)| *text).collect();
    let (heard, _) = hear(plain(), [all.as_bytes()]);
    assert_eq!(heard.len(), asked().len(), "all of them in one read");
}

#[test]
fn the_server_says_what_the_document_says() {
    for (text, says) in said() {
        assert!(DOCUMENT.contains(text), "{text} is not in the document");
        let compact = text.replace(", \"", ",\"");
        let expected = match &says {
            Says::More(_, more) => format!("{}{more}\n", compact.trim_end_matches('}')),
            Says::Reply(_) | Says::Event(_) => format!("{compact}\n"),
        };
        assert_eq!(written(&says), expected);
    }
}

#[test]
fn nothing_of_the_document_is_left_out() {
    let mut known: Vec<&str> = said().iter().map(|(text, _)| *text).collect();
    known.extend(asked().iter().map(|(text, ..)| text.trim_end_matches(';')));
    for line in DOCUMENT.lines().filter(|line| line.contains('{')) {
        let object = &line[line.find('{').unwrap()..=line.rfind('}').unwrap()];
        assert!(known.contains(&object), "{object} is tested nowhere");
    }
}
