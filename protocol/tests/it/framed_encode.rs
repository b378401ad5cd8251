//! What `framed` says beyond the document: consent, lists, groups, files, and a word for everything that goes wrong.

use crate::support::{bodies, framed, friend, group, info, member, person};
use bytes::Bytes;
use protocol::{
    Body, BodyKind, Carrier, ClosingReason, Correspondent, Door, Event, FileLength, FriendPolicy, MessagePolicy,
    Mistake, MistakeKind, NameError, PastMessage, Refusal, Reply, RequestId, Seq, TransferEnd, TransferId, UserId,
    Verb,
};

#[track_caller]
fn says(reply: &Reply, expected: &[&str]) {
    for carrier in [Carrier::Stream, Carrier::Message] {
        assert_eq!(bodies(&framed().reply(RequestId(0), reply, carrier)), expected);
    }
}

#[track_caller]
fn tells(event: &Event, expected: &[&str]) {
    for carrier in [Carrier::Stream, Carrier::Message] {
        assert_eq!(bodies(&framed().event(event, None, carrier)), expected);
    }
}

fn refused(verb: Verb, refusal: Refusal, carrier: Carrier) -> String {
    let reply = Reply::Refused { verb, refusal, about: Some("10001".into()) };
    bodies(&framed().reply(RequestId(0), &reply, carrier)).remove(0)
}

fn mistaken(verb: Option<Verb>, kind: MistakeKind, carrier: Carrier) -> String {
    let mistake = Mistake { request: RequestId(0), verb, kind, detail: "\"x\" is missing".to_owned() };
    bodies(&[framed().mistake(&mistake, carrier)]).remove(0)
}

/// Where clients look a word up.
const PAGE: &str = include_str!("../../../docs/framed.md");

const CONFIRMED: &str = r#"{"command":"add_friend_confirm_return","status":"success"}"#;

#[test]
fn friends_beyond_the_document() {
    let (a, b) = (person(10_000, "小明"), person(10_001, "小花"));
    let added = r#"{"command":"friend_added","id":"10001","username":"小花"}"#;
    says(
        &Reply::FriendAdded { profile: None, friend: b.clone() },
        &[r#"{"command":"add_friend_return","status":"success"}"#, CONFIRMED, added],
    );
    says(
        &Reply::FriendAnswered { me: UserId(10_000), profile: None, asker: b.clone(), accepted: true },
        &[CONFIRMED, added],
    );
    says(
        &Reply::FriendAnswered { me: UserId(10_000), profile: None, asker: b.clone(), accepted: false },
        &[r#"{"command":"add_friend_confirm_return","status":"success","message":"reject"}"#],
    );
    tells(&Event::FriendAdded { profile: None, to: UserId(10_000), friend: b.clone() }, &[CONFIRMED, added]);
    tells(
        &Event::FriendRejected { reason: Box::default(), to: UserId(10_000), friend: b.clone() },
        &[
            r#"{"command":"add_friend_confirm_return","status":"fail","detail":"rejected","datail":"rejected"}"#,
            r#"{"command":"friend_rejected","id":"10001","username":"小花"}"#,
        ],
    );
    tells(
        &Event::FriendRemoved { friend: b.clone() },
        &[r#"{"command":"friend_removed","id":"10001","username":"小花"}"#],
    );
    tells(
        &Event::FriendOnline { friend: b.clone() },
        &[r#"{"command":"friend_status","id":"10001","username":"小花","online":"1"}"#],
    );
    tells(
        &Event::FriendOffline { friend: b.clone() },
        &[r#"{"command":"friend_status","id":"10001","username":"小花","online":"0"}"#],
    );
    says(
        &Reply::FriendRemoved { friend: b.clone() },
        &[r#"{"command":"remove_friend_return","status":"success","dst":"10001","username":"小花"}"#],
    );
    says(
        &Reply::FriendSet { friend: b.clone(), special: true },
        &[r#"{"command":"change_status_return","status":"success","dst":"10001","username":"小花"}"#],
    );
    says(
        &Reply::Friends { me: a.clone(), friends: vec![] },
        &[r#"{"command":"list_friend_return","id":"10000","status":"success","friends":[]}"#],
    );
    says(
        &Reply::Presence { me: a.clone(), friends: vec![friend(&b, true), friend(&person(10_002, "c"), false)] },
        &[
            r#"{"command":"friend_status_return","status":"success","id":"10000","friends":[{"id":"10001","username":"小花","online":"1"},{"id":"10002","username":"c","online":"0"}]}"#,
        ],
    );
    says(
        &Reply::UserFound { person: a, email: None },
        &[r#"{"command":"find_user_return","status":"success","id":"10000","username":"小明"}"#],
    );
}

#[test]
fn accounts_and_groups() {
    let (a, g) = (person(10_000, "小明"), group(7, "学习"));
    says(&Reply::LoggedOut, &[]);
    says(&Reply::Pong, &[r#"{"command":"ping_return","status":"success"}"#]);
    says(&Reply::PasswordChanged, &[r#"{"command":"change_password_return","status":"success"}"#]);
    says(
        &Reply::PolicySet { add: FriendPolicy::Confirm, message: MessagePolicy::Anyone },
        &[r#"{"command":"set_policy_return","status":"success","add":"confirm","message":"anyone"}"#],
    );
    let of_group = |command: &str, more: &str| {
        format!(r#"{{"command":"{command}","status":"success","group":"7","groupname":"学习"{more}}}"#)
    };
    says(&Reply::GroupCreated { info: info(&g), group: g.clone() }, &[&of_group("create_group_return", "")]);
    says(&Reply::Joined { me: UserId(10_000), group: g.clone() }, &[&of_group("join_group_return", "")]);
    says(
        &Reply::JoinRequested { group: g.clone() },
        &[&of_group("join_group_return", r#","message":"confirm_one_way""#)],
    );
    says(&Reply::Left { group: g.clone() }, &[&of_group("leave_group_return", "")]);
    for (accepted, more) in [(true, ""), (false, r#","message":"reject""#)] {
        let expected = format!(
            r#"{{"command":"join_group_confirm_return","status":"success","src":"10000","username":"小明","group":"7","groupname":"学习"{more}}}"#
        );
        says(&Reply::JoinAnswered { group: g.clone(), member: a.clone(), accepted }, &[&expected]);
    }
    tells(
        &Event::JoinAnswered { reason: Box::default(), to: UserId(10_000), group: g.clone(), accepted: true },
        &[&of_group("join_group_confirm_return", "")],
    );
    tells(
        &Event::JoinAnswered { reason: Box::default(), to: UserId(10_000), group: g.clone(), accepted: false },
        &[
            r#"{"command":"join_group_confirm_return","status":"fail","group":"7","groupname":"学习","detail":"rejected"}"#,
        ],
    );
    tells(
        &Event::JoinRequested { reason: Box::default(), group: g.clone(), asker: a.clone() },
        &[
            r#"{"command":"join_group","src":"10000","username":"小明","group":"7","groupname":"学习","message":"confirm_one_way"}"#,
        ],
    );
    says(
        &Reply::Groups(vec![g.clone(), group(8, "h")]),
        &[
            r#"{"command":"list_group_return","status":"success","groups":[{"group":"7","groupname":"学习"},{"group":"8","groupname":"h"}]}"#,
        ],
    );
    says(
        &Reply::Members { group: g.clone(), members: vec![member(&a)] },
        &[
            r#"{"command":"list_member_return","status":"success","group":"7","groupname":"学习","members":[{"id":"10000","username":"小明"}]}"#,
        ],
    );
    says(
        &Reply::Sent { verb: Verb::Post, seq: Seq(1), at_ms: 1 },
        &[r#"{"command":"send_group_message_return","status":"success"}"#],
    );
    let posted = |body| Event::Posted { from: a.clone(), group: g.clone(), seq: Seq(1), at_ms: 1, body };
    let data = Bytes::from_static(b"\xff\xfe");
    for (body, text) in [
        (Body::text("大家好"), "大家好"),
        (Body::text(""), ""),
        (Body { kind: BodyKind::Image, data: data.clone() }, "[image, 2 bytes]"),
        (Body { kind: BodyKind::Custom(7), data }, "[message of another kind, 2 bytes]"),
    ] {
        let expected = format!(
            r#"{{"command":"send_group_message","src":"10000","username":"小明","group":"7","groupname":"学习","message":"{text}"}}"#
        );
        tells(&posted(body), &[&expected]);
    }
}

#[test]
fn history_and_files() {
    let (a, b) = (person(10_000, "小明"), person(10_001, "小花"));
    let line = |seq, text: &str| PastMessage {
        seq: Seq(seq),
        from: a.clone(),
        at_ms: 1_700_000_000_000,
        body: Body::text(text.to_owned()),
    };
    let lines = r#""messages":[{"seq":1,"src":"10000","username":"小明","message":"hi","time":1700000000000},{"seq":2,"src":"10000","username":"小明","message":"","time":1700000000000}],"more":true}"#;
    for (with, said) in [
        (Correspondent::User(b.clone()), r#""dst":"10001","username":"小花""#),
        (Correspondent::Group(group(7, "学习")), r#""group":"7","groupname":"学习""#),
    ] {
        let history = Reply::History { with, messages: vec![line(1, "hi"), line(2, "")], more: true };
        says(&history, &[&format!(r#"{{"command":"history_return","status":"success",{said},{lines}"#)]);
    }
    let web = || Door::Web { port: 9001, path: "/files/abc".into() };
    for (door, door_said) in [(Door::Port(20_000), r#""port":20000"#), (web(), r#""port":9001,"path":"/files/abc""#)] {
        for (as_text, length_said) in [(false, "7"), (true, "\"7\"")] {
            let length = FileLength { bytes: 7, as_text };
            let port = Reply::FilePort { door: door.clone(), length, name: "C:\\a/b".into(), to: b.clone() };
            says(
                &port,
                &[&format!(
                    r#"{{"command":"send_file_return","status":"success",{door_said},"length":{length_said},"filename":"C:\\a/b","dst":"10001"}}"#
                )],
            );
            let offer = Event::FileOffered { from: a.clone(), to: b.id, door: door.clone(), length, name: "b".into() };
            tells(
                &offer,
                &[&format!(
                    r#"{{"command":"recv_file","src":"10000","username":"小明","dst":"10001",{door_said},"length":{length_said},"filename":"b"}}"#
                )],
            );
        }
    }
    for (end, word) in [(TransferEnd::TimedOut, "timeout"), (TransferEnd::Broken, "broken")] {
        let expected = format!(r#"{{"command":"file_end","status":"fail","detail":"{word}"}}"#);
        tells(&Event::TransferFailed { bytes: 0, transfer: TransferId(1), end }, &[&expected]);
    }
    assert_eq!(UserId(10_001), b.id);
}

#[test]
fn every_refusal_has_its_word() {
    for (verb, refusal, word) in [
        (Verb::Logout, Refusal::NotLoggedIn, "not logged in"),
        (Verb::Logout, Refusal::NotPermitted, "wrong id"),
        (Verb::Post, Refusal::NotPermitted, "wrong src"),
        (Verb::AddFriend, Refusal::NotPermitted, "wrong src"),
        (Verb::AddFriend, Refusal::NoSuchUser, "wrong friend_id"),
        (Verb::SendPrivate, Refusal::NoSuchUser, "dst not in friend_list"),
        (Verb::SendPrivate, Refusal::NotFriends, "dst not in friend_list"),
        (Verb::OfferFile, Refusal::NoSuchUser, "dst not in friend_list"),
        (Verb::RemoveFriend, Refusal::NoSuchUser, "dst not in friend_list"),
        (Verb::SetFriend, Refusal::NotFriends, "dst not in friend_list"),
        (Verb::FindUser, Refusal::NoSuchUser, "no such user"),
        (Verb::History, Refusal::NoSuchUser, "no such user"),
        (Verb::ChangePassword, Refusal::WrongPassword, "wrong password"),
        (Verb::ChangePassword, Refusal::BadPassword, "wrong new_password"),
        (Verb::Register, Refusal::BadPassword, "wrong password"),
        (Verb::Register, Refusal::NameTaken, "username already exists"),
        (Verb::Register, Refusal::BadName(NameError::Bar), "wrong username"),
        (Verb::CreateGroup, Refusal::BadName(NameError::Bar), "wrong groupname"),
        (Verb::CreateGroup, Refusal::NameTaken, "groupname already exists"),
        (Verb::CreateGroup, Refusal::GroupExists, "groupname already exists"),
        (Verb::Login, Refusal::TooManyAttempts, "too many attempts"),
        (Verb::Login, Refusal::TooManySessions, "too many logins"),
        (Verb::AddFriend, Refusal::Yourself, "dst is yourself"),
        (Verb::AddFriend, Refusal::AlreadyFriends, "already have this friend"),
        (Verb::AnswerFriend, Refusal::NoSuchRequest, "no such request"),
        (Verb::AddFriend, Refusal::ListFull, "list full"),
        (Verb::JoinGroup, Refusal::NoSuchGroup, "wrong group"),
        (Verb::JoinGroup, Refusal::AlreadyMember, "already in this group"),
        (Verb::Post, Refusal::NotMember, "not in this group"),
        (Verb::AnswerJoin, Refusal::NotOwner, "not the owner"),
        (Verb::LeaveGroup, Refusal::OwnerStays, "owner must stay"),
        (Verb::OfferFile, Refusal::Offline, "dst not online"),
        (Verb::SendPrivate, Refusal::TooLarge, "message too long"),
        (Verb::Post, Refusal::TooLarge, "message too long"),
        (Verb::OfferFile, Refusal::TooLarge, "file too large"),
        (Verb::Register, Refusal::TooLarge, "too large"),
        (Verb::OfferFile, Refusal::BadValue, "wrong value"),
        (Verb::SendPrivate, Refusal::InboxFull, "inbox full"),
        (Verb::Login, Refusal::Busy, "server busy"),
        (Verb::SendPrivate, Refusal::StorageFull, "storage full"),
        (Verb::SendPrivate, Refusal::NotOverHttp, "not over http"),
        (Verb::SendPrivate, Refusal::Fault, "server error"),
    ] {
        for carrier in [Carrier::Stream, Carrier::Message] {
            let said = refused(verb, refusal, carrier);
            let object: serde_json::Value = serde_json::from_str(&said).unwrap();
            assert!(object["status"] == "fail" && object["detail"] == word, "{said}");
            assert!(PAGE.contains(&format!("`{word}`")), "{word} is not in docs/framed.md");
            let twice = match verb {
                Verb::AddFriend | Verb::AnswerFriend | Verb::ListFriends => true,
                Verb::SendPrivate => carrier == Carrier::Stream,
                _ => false,
            };
            assert_eq!(object.get("datail").is_some_and(|said| said == word), twice, "{said}");
        }
    }
    assert_eq!(
        refused(Verb::Register, Refusal::BadName(NameError::Length), Carrier::Stream),
        r#"{"command":"logon_return","status":"fail","detail":"wrong username","hint":"a name has 1 to 32 characters"}"#
    );
    assert_eq!(
        refused(Verb::AddFriend, Refusal::NotPermitted, Carrier::Stream),
        r#"{"command":"add_friend_return","status":"fail","detail":"wrong src","datail":"wrong src","hint":"that is not the account that this connection is logged in as"}"#
    );
}

#[test]
fn nobody_is_told_which_numbers_have_an_account() {
    for (carrier, word) in [(Carrier::Stream, "wrong id or password"), (Carrier::Message, "wrong password or id")] {
        let expected = format!(r#"{{"command":"login_return","status":"fail","detail":"{word}"}}"#);
        assert_eq!(refused(Verb::Login, Refusal::NoSuchUser, carrier), expected);
        assert_eq!(refused(Verb::Login, Refusal::WrongPassword, carrier), expected);
        for verb in [Verb::SendPrivate, Verb::OfferFile, Verb::RemoveFriend, Verb::SetFriend] {
            assert_eq!(refused(verb, Refusal::NoSuchUser, carrier), refused(verb, Refusal::NotFriends, carrier));
        }
    }
}

#[test]
fn every_mistake_has_its_word() {
    for (kind, stream, message) in [
        (MistakeKind::Malformed, "not an Json Object", "not an Json Object"),
        (MistakeKind::Unreadable, "not an Json Object", "not an Json Object"),
        (MistakeKind::TooLarge, "frame too large", "frame too large"),
        (MistakeKind::TooDeep, "frame too deep", "frame too deep"),
        (MistakeKind::NoCommand, "no command", "no command"),
        (MistakeKind::UnknownCommand, "wrong command", "wrong command"),
        (MistakeKind::MissingField, "wrong Json", "wrong json"),
        (MistakeKind::WrongType, "wrong Json", "wrong json"),
        (MistakeKind::BadValue, "wrong Json", "wrong json"),
        (MistakeKind::TextTooLong, "message too long", "message too long"),
    ] {
        for (carrier, word) in [(Carrier::Stream, stream), (Carrier::Message, message)] {
            assert!(PAGE.contains(&format!("`{word}`")), "{word} is not in docs/framed.md");
            let hint = r#""hint":"\"x\" is missing""#;
            assert_eq!(
                mistaken(None, kind, carrier),
                format!(r#"{{"command":"return","status":"fail","detail":"{word}",{hint}}}"#)
            );
            assert_eq!(
                mistaken(Some(Verb::AddFriend), kind, carrier),
                format!(
                    r#"{{"command":"add_friend_return","status":"fail","detail":"{word}","datail":"{word}",{hint}}}"#
                )
            );
        }
    }
    assert!(mistaken(Some(Verb::OfferFile), MistakeKind::TextTooLong, Carrier::Stream).contains("filename too long"));
    assert!(framed().nudge().is_none());
}

#[test]
fn the_last_word_has_a_reason() {
    for (reason, word) in [
        (ClosingReason::Shutdown, "server closing"),
        (ClosingReason::SlowConsumer, "slow reader"),
        (ClosingReason::TimedOut, "timeout"),
        (ClosingReason::TooManyConnections, "too many connections"),
        (ClosingReason::Fault, "server error"),
    ] {
        let said = bodies(&framed().event(&Event::Closing { reason }, None, Carrier::Stream)).remove(0);
        assert!(said.starts_with(&format!(r#"{{"command":"return","status":"fail","detail":"{word}""#)), "{said}");
        assert!(PAGE.contains(&format!("`{word}`")), "{word} is not in docs/framed.md");
    }
}
