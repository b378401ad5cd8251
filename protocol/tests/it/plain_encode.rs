//! What `plain` says beyond the document: consent, lists, history, errors, and that nothing a client wrote can break
//! out of its string.

use crate::support::{friend, group, person, plain};
use bytes::Bytes;
use proptest::prelude::*;
use protocol::{
    Body, BodyKind, Carrier, ClosingReason, Correspondent, Door, Event, FileLength, FriendPolicy, MessagePolicy,
    Mistake, MistakeKind, NameError, PastMessage, Refusal, Reply, RequestId, Roster, Seq, TransferEnd, TransferId,
    UserId, Verb,
};

#[track_caller]
fn says(reply: &Reply, expected: &str) {
    let frames = plain().reply(RequestId(0), reply, Carrier::Stream);
    let wire: Vec<&[u8]> = frames.iter().map(|frame| &frame.wire()[..]).collect();
    assert_eq!(String::from_utf8_lossy(&wire.concat()), format!("{expected}\n"));
}

#[track_caller]
fn tells(event: &Event, expected: &str) {
    let frames = plain().event(event, None, Carrier::Stream);
    let wire: Vec<&[u8]> = frames.iter().map(|frame| &frame.wire()[..]).collect();
    assert_eq!(String::from_utf8_lossy(&wire.concat()), format!("{expected}\n"));
}

#[test]
fn replies_beyond_the_document() {
    let (a, b, c) = (person(10_000, "小明"), person(10_001, "b"), person(10_002, "小华"));
    let (g, h) = (group(1, "学习"), group(2, "h"));
    assert!(plain().reply(RequestId(0), &Reply::LoggedOut, Carrier::Stream).is_empty());
    let friends = vec![friend(&b, true), friend(&c, false)];
    let roster = Roster {
        profile: None,
        terms: None,
        me: a.clone(),
        friends: friends.clone(),
        groups: vec![g.clone(), h.clone()],
    };
    says(
        &Reply::LoggedIn(Box::new(roster)),
        r#"{"cmd":"login_reply","result":"success","friend":"b|小华","group":"学习|h","id":"10000"}"#,
    );
    says(&Reply::Pong, r#"{"cmd":"ping_reply","result":"success"}"#);
    says(
        &Reply::FriendRequested { me: UserId(10_000), friend: b.clone() },
        r#"{"cmd":"add_reply","result":"request_sent","friend":"b"}"#,
    );
    for accepted in [true, false] {
        says(
            &Reply::FriendAnswered { me: UserId(10_000), profile: None, asker: b.clone(), accepted },
            r#"{"cmd":"add_answer_reply","result":"success","friend":"b"}"#,
        );
        says(
            &Reply::JoinAnswered { group: g.clone(), member: b.clone(), accepted },
            r#"{"cmd":"add_group_answer_reply","result":"success","member":"b","group":"学习"}"#,
        );
    }
    says(
        &Reply::FriendRemoved { friend: b.clone() },
        r#"{"cmd":"remove_friend_reply","result":"success","friend":"b"}"#,
    );
    let both = r#"{"cmd":"get_friend_reply","result":"success","friend":"b|小华","online":"b"}"#;
    says(&Reply::Friends { me: a.clone(), friends: friends.clone() }, both);
    says(&Reply::Presence { me: a.clone(), friends }, both);
    says(
        &Reply::Friends { me: a.clone(), friends: vec![] },
        r#"{"cmd":"get_friend_reply","result":"success","friend":"","online":""}"#,
    );
    says(
        &Reply::UserFound { person: b.clone(), email: None },
        r#"{"cmd":"find_user_reply","result":"success","friend":"b","id":"10001"}"#,
    );
    says(
        &Reply::FriendSet { friend: b.clone(), special: true },
        r#"{"cmd":"set_friend_reply","result":"success","friend":"b"}"#,
    );
    says(&Reply::Groups(vec![g.clone(), h]), r#"{"cmd":"get_group_reply","result":"success","group":"学习|h"}"#);
    says(
        &Reply::PolicySet { add: FriendPolicy::Confirm, message: MessagePolicy::Anyone },
        r#"{"cmd":"set_policy_reply","result":"success","add":"confirm","message":"anyone"}"#,
    );
    says(&Reply::PasswordChanged, r#"{"cmd":"change_password_reply","result":"success"}"#);
    says(
        &Reply::JoinRequested { group: g.clone() },
        r#"{"cmd":"add_group_reply","result":"request_sent","group":"学习"}"#,
    );
    says(&Reply::Left { group: g }, r#"{"cmd":"leave_group_reply","result":"success","group":"学习"}"#);
    let file = |as_text| Reply::FilePort {
        door: Door::Port(20_000),
        length: FileLength { bytes: 7, as_text },
        name: "C:\\a/b\"c".into(),
        to: b.clone(),
    };
    says(&file(false), r#"{"cmd":"send_file_port_reply","port":20000,"length":7,"filename":"C:\\a/b\"c","user":"b"}"#);
    says(&file(true), r#"{"cmd":"send_file_port_reply","port":20000,"length":"7","filename":"C:\\a/b\"c","user":"b"}"#);
    let line = |seq, body| PastMessage { seq: Seq(seq), from: a.clone(), at_ms: 1_700_000_000_000, body };
    let history = |with| Reply::History {
        with,
        messages: vec![
            line(1, Body::text("hi")),
            line(2, Body { kind: BodyKind::Image, data: Bytes::from_static(b"123") }),
        ],
        more: true,
    };
    let messages = r#""messages":[{"seq":1,"user":"小明","text":"hi","time":1700000000000},{"seq":2,"user":"小明","text":"[image, 3 bytes]","time":1700000000000}],"more":true}"#;
    says(
        &history(Correspondent::User(person(10_003, "Peer"))),
        &format!(r#"{{"cmd":"get_history_reply","result":"success","friend":"Peer",{messages}"#),
    );
    says(
        &history(Correspondent::Group(group(3, "Peer"))),
        &format!(r#"{{"cmd":"get_history_reply","result":"success","group":"Peer",{messages}"#),
    );
}

#[test]
fn events_beyond_the_document() {
    let (a, g) = (person(10_000, "小明"), group(1, "学习"));
    tells(
        &Event::FriendRequested { reason: Box::default(), asker: a.clone(), to: UserId(10_001), special: false },
        r#"{"cmd":"add_request","friend":"小明"}"#,
    );
    tells(
        &Event::FriendRejected { reason: Box::default(), to: UserId(10_000), friend: a.clone() },
        r#"{"cmd":"add_rejected","friend":"小明"}"#,
    );
    tells(&Event::FriendRemoved { friend: a.clone() }, r#"{"cmd":"friend_removed","friend":"小明"}"#);
    tells(
        &Event::JoinRequested { reason: Box::default(), group: g.clone(), asker: a.clone() },
        r#"{"cmd":"add_group_request","user":"小明","group":"学习"}"#,
    );
    tells(
        &Event::JoinAnswered { reason: Box::default(), to: UserId(10_000), group: g.clone(), accepted: true },
        r#"{"cmd":"add_group_reply","result":"success","group":"学习"}"#,
    );
    tells(
        &Event::JoinAnswered { reason: Box::default(), to: UserId(10_000), group: g.clone(), accepted: false },
        r#"{"cmd":"add_group_reply","result":"rejected","group":"学习"}"#,
    );
    tells(
        &Event::TransferFailed { bytes: 0, transfer: TransferId(1), end: TransferEnd::Broken },
        r#"{"cmd":"send_file_reply","result":"broken"}"#,
    );
    let posted = |kind| Event::Posted {
        from: a.clone(),
        group: g.clone(),
        seq: Seq(1),
        at_ms: 1,
        body: Body { kind, data: Bytes::from_static(b"\xff\xfe") },
    };
    for (kind, text) in [
        (BodyKind::File, "[file, 2 bytes]"),
        (BodyKind::Voice, "[voice, 2 bytes]"),
        (BodyKind::Custom(7), "[message of another kind, 2 bytes]"),
    ] {
        tells(&posted(kind), &format!(r#"{{"cmd":"group_chat","user":"小明","group":"学习","text":"{text}"}}"#));
    }
    for (reason, word) in [
        (ClosingReason::Shutdown, "shutdown"),
        (ClosingReason::SlowConsumer, "slow_consumer"),
        (ClosingReason::TimedOut, "timeout"),
        (ClosingReason::TooManyConnections, "too_many_connections"),
        (ClosingReason::Fault, "internal"),
    ] {
        let frame = plain().event(&Event::Closing { reason }, None, Carrier::Stream).remove(0);
        let object: serde_json::Value = serde_json::from_slice(frame.wire()).unwrap();
        assert!(object["cmd"] == "error" && object["result"] == word && object["detail"].is_string(), "{object}");
    }
}

#[test]
fn every_refusal_has_its_word() {
    let refused = |verb, refusal, about: Option<&str>| Reply::Refused { verb, refusal, about: about.map(Into::into) };
    for (refusal, word) in [
        (Refusal::NotLoggedIn, "not_logged_in"),
        (Refusal::NotPermitted, "not_permitted"),
        (Refusal::NoSuchUser, "user_not_exist"),
        (Refusal::WrongPassword, "password_error"),
        (Refusal::NameTaken, "name_taken"),
        (Refusal::BadPassword, "bad_password"),
        (Refusal::TooManyAttempts, "too_many_attempts"),
        (Refusal::TooManySessions, "too_many_sessions"),
        (Refusal::Yourself, "yourself"),
        (Refusal::AlreadyFriends, "already_friend"),
        (Refusal::NotFriends, "not_friend"),
        (Refusal::NoSuchRequest, "no_request"),
        (Refusal::ListFull, "list_full"),
        (Refusal::NoSuchGroup, "group_not_exist"),
        (Refusal::GroupExists, "group_exist"),
        (Refusal::AlreadyMember, "user_in_group"),
        (Refusal::NotMember, "not_in_group"),
        (Refusal::NotOwner, "not_owner"),
        (Refusal::OwnerStays, "owner_stays"),
        (Refusal::Offline, "offline"),
        (Refusal::TooLarge, "too_large"),
        (Refusal::BadValue, "bad_value"),
        (Refusal::InboxFull, "inbox_full"),
        (Refusal::Busy, "busy"),
        (Refusal::StorageFull, "storage_full"),
        (Refusal::NotOverHttp, "not_over_http"),
        (Refusal::Fault, "internal"),
    ] {
        for (verb, cmd) in [
            (Verb::Login, "login_reply"),
            (Verb::Logout, "offline_reply"),
            (Verb::Ping, "ping_reply"),
            (Verb::AddFriend, "add_reply"),
            (Verb::AnswerFriend, "add_answer_reply"),
            (Verb::SetFriend, "set_friend_reply"),
            (Verb::RemoveFriend, "remove_friend_reply"),
            (Verb::FindUser, "find_user_reply"),
            (Verb::ListFriends, "get_friend_reply"),
            (Verb::ListGroups, "get_group_reply"),
            (Verb::SetPolicy, "set_policy_reply"),
            (Verb::ChangePassword, "change_password_reply"),
            (Verb::CreateGroup, "create_group_reply"),
            (Verb::JoinGroup, "add_group_reply"),
            (Verb::AnswerJoin, "add_group_answer_reply"),
            (Verb::LeaveGroup, "leave_group_reply"),
            (Verb::Post, "group_chat_reply"),
            (Verb::History, "get_history_reply"),
        ] {
            says(&refused(verb, refusal, Some("x")), &format!(r#"{{"cmd":"{cmd}","result":"{word}"}}"#));
        }
        let word = if refusal == Refusal::NoSuchUser { "offline" } else { word };
        says(&refused(Verb::OfferFile, refusal, None), &format!(r#"{{"cmd":"send_file_reply","result":"{word}"}}"#));
        says(
            &refused(Verb::SendPrivate, refusal, Some("小\"花")),
            &format!(r#"{{"cmd":"private_chat_reply","result":"{word}","user_to":"小\"花"}}"#),
        );
    }
    says(
        &refused(Verb::ListMembers, Refusal::NotMember, Some("学习")),
        r#"{"cmd":"get_group_member_reply","result":"not_in_group","group":"学习"}"#,
    );
    says(
        &refused(Verb::Register, Refusal::BadName(NameError::Bar), None),
        r#"{"cmd":"register_reply","result":"failure","detail":"a name has no | (it separates names in lists)"}"#,
    );
    says(
        &refused(Verb::CreateGroup, Refusal::BadName(NameError::Length), None),
        r#"{"cmd":"create_group_reply","result":"bad_name","detail":"a name has 1 to 32 characters"}"#,
    );
    says(&refused(Verb::Register, Refusal::NotPermitted, None), r#"{"cmd":"register_reply","result":"not_permitted"}"#);
}

#[test]
fn every_mistake_has_its_word() {
    for (kind, word) in [
        (MistakeKind::Malformed, "invalid_json"),
        (MistakeKind::TooLarge, "too_large"),
        (MistakeKind::TooDeep, "too_deep"),
        (MistakeKind::UnknownCommand, "unknown_command"),
        (MistakeKind::MissingField, "missing_field"),
        (MistakeKind::WrongType, "wrong_type"),
        (MistakeKind::BadValue, "bad_value"),
        (MistakeKind::NoCommand, "missing_field"),
        (MistakeKind::Unreadable, "invalid_json"),
        (MistakeKind::TextTooLong, "too_large"),
    ] {
        let mistake = Mistake { request: RequestId(0), verb: None, kind, detail: "\"x\"".to_owned() };
        let frame = plain().mistake(&mistake, Carrier::Stream);
        assert_eq!(
            frame.wire(),
            &Bytes::from(format!("{{\"cmd\":\"error\",\"result\":\"{word}\",\"detail\":\"\\\"x\\\"\"}}\n"))
        );
    }
    assert_eq!(plain().nudge().unwrap().wire(), &Bytes::from_static(b"\n"));
}

proptest! {
    #[test]
    fn any_text_is_one_line_and_comes_back(text in any::<String>()) {
        let (from, to) = (person(10_000, "小明"), person(10_001, "b"));
        let event = Event::Private { from, to, seq: Seq(1), at_ms: 1, body: Body::text(text.clone()) };
        let frame = plain().event(&event, None, Carrier::Stream).remove(0);
        let (end, object) = frame.wire().split_last().unwrap();
        prop_assert_eq!(*end, b'\n');
        prop_assert!(!object.iter().any(|byte| *byte < 0x20), "control characters are escaped");
        let object: serde_json::Value = serde_json::from_slice(object).unwrap();
        prop_assert_eq!(object["text"].as_str(), Some(text.as_str()));
    }
}
