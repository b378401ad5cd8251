//! What clients may ask in `binary`: every packet of theirs on every carrier, and what is refused in them.

use crate::support::{binary, hear_message, hear_said};
use prost::Message as _;
use protocol::dialects::binary::packets::{self as p, Packet, packet::Body as Said};
use protocol::{
    Body, BodyKind, Carrier, CodePurpose, Command, FileLength, FriendPolicy, Gender, GroupAbout, GroupChange, GroupId,
    Instance, JoinPolicy, Mark, MessagePolicy, Mistake, MistakeKind, NameKey, Peer, ProfileChange, RequestId, Role,
    Secret, Seq, TransferId, UserId, Verb, Verdict, WhichGroup, Who,
};

const SEQ: u64 = 77;

fn id(number: u64) -> Who {
    Who::Id(UserId(number))
}

fn group(number: u64) -> WhichGroup {
    WhichGroup::Id(GroupId(number))
}

fn secret(text: &str) -> Secret {
    Secret::new(text.to_owned())
}

fn s(text: &str) -> String {
    text.to_owned()
}

fn with(account: u64) -> Option<p::Peer> {
    Some(p::Peer { peer: Some(p::peer::Peer::Account(account)) })
}

fn in_group(group: u64) -> Option<p::Peer> {
    Some(p::Peer { peer: Some(p::peer::Peer::Group(group)) })
}

fn fields() -> std::collections::BTreeMap<String, String> {
    [(s("b"), s("2")), (s("a"), s("1"))].into()
}

fn heard_fields() -> Vec<(Box<str>, Box<str>)> {
    vec![("a".into(), "1".into()), ("b".into(), "2".into())]
}

#[track_caller]
fn asks(said: Said, claim: Option<u64>, expected: Command) {
    let request = hear_said(&Packet { seq: SEQ, body: Some(said) }).unwrap();
    assert_eq!((request.id, request.claim, request.command), (RequestId(SEQ), claim.map(id), expected));
}

#[track_caller]
fn mistaken(said: Said, verb: Verb, kind: MistakeKind) -> Mistake {
    let mistake = hear_said(&Packet { seq: SEQ, body: Some(said) }).unwrap_err();
    assert_eq!((mistake.request, mistake.verb, mistake.kind), (RequestId(SEQ), Some(verb), kind));
    mistake
}

#[test]
fn accounts() {
    asks(Said::Heartbeat(p::Heartbeat {}), None, Command::Ping);
    asks(Said::Logout(p::Logout {}), None, Command::Logout);
    let login = |who| p::Login { who: Some(who), password: s("p"), code: s("123456"), instance: vec![9; 16].into() };
    let expected = |who| Command::Login {
        who,
        password: secret("p"),
        code: Some(secret("123456")),
        instance: Some(Instance([9; 16])),
    };
    let email = protocol::Email::parse("a@b.cn").unwrap();
    asks(Said::Login(login(p::login::Who::Email(s("a@b.cn")))), None, expected(Who::Email(email.clone())));
    // What is no address is nobody's, and is not told from one that has no account.
    asks(Said::Login(login(p::login::Who::Email(s("a@b")))), None, expected(id(0)));
    asks(Said::Login(login(p::login::Who::Account(10_000))), None, expected(id(10_000)));
    asks(Said::Login(login(p::login::Who::Name(s("小明")))), None, expected(Who::Name(NameKey::of("小明"))));
    let bare = p::Login { who: Some(p::login::Who::Account(1)), password: s("p"), ..p::Login::default() };
    asks(
        Said::Login(bare.clone()),
        None,
        Command::Login { who: id(1), password: secret("p"), code: None, instance: None },
    );
    mistaken(Said::Login(p::Login { who: None, ..bare.clone() }), Verb::Login, MistakeKind::MissingField);
    for wrong in [1, 15, 17] {
        let wrong = p::Login { instance: vec![0; wrong].into(), ..bare.clone() };
        mistaken(Said::Login(wrong), Verb::Login, MistakeKind::BadValue);
    }
    for (purpose, expected) in
        [(0, CodePurpose::Register), (1, CodePurpose::Login), (2, CodePurpose::Reset), (3, CodePurpose::Bind)]
    {
        let asked = p::RequestCode { email: s("no address"), purpose };
        asks(Said::RequestCode(asked), None, Command::RequestCode { email: s("no address"), purpose: expected });
    }
    asks(
        Said::Register(p::Register { email: s("a@b.cn"), nickname: s("小 明"), password: s("p"), code: s("1") }),
        None,
        Command::RegisterByMail {
            email: s("a@b.cn"), nickname: s("小 明"), password: secret("p"), code: secret("1")
        },
    );
    asks(
        Said::ResetPassword(p::ResetPassword { email: s("a@b.cn"), code: s("1"), password: s("new") }),
        None,
        Command::ResetPassword { email: s("a@b.cn"), code: secret("1"), new: secret("new") },
    );
    asks(
        Said::ChangePassword(p::ChangePassword { old_password: s("o"), new_password: s("n") }),
        None,
        Command::ChangePassword { old: secret("o"), new: secret("n") },
    );
    asks(
        Said::BindEmail(p::BindEmail { email: s("a@b.cn"), code: s("1") }),
        None,
        Command::BindEmail { email: s("a@b.cn"), code: secret("1") },
    );
    let find = |who| Said::FindUser(p::FindUser { who });
    asks(find(Some(p::find_user::Who::Email(s("a@b.cn")))), None, Command::FindUser { who: Who::Email(email) });
    asks(find(Some(p::find_user::Who::Account(3))), None, Command::FindUser { who: id(3) });
    let name = Who::Name(NameKey::of("a"));
    asks(find(Some(p::find_user::Who::Name(s("a")))), None, Command::FindUser { who: name });
    mistaken(find(Some(p::find_user::Who::Email(s("a@b")))), Verb::FindUser, MistakeKind::BadValue);
    mistaken(find(None), Verb::FindUser, MistakeKind::MissingField);
}

#[test]
fn profiles() {
    asks(Said::GetProfile(p::GetProfile { account: 0 }), None, Command::GetProfile { who: None });
    asks(Said::GetProfile(p::GetProfile { account: 5 }), None, Command::GetProfile { who: Some(id(5)) });
    let nothing = Command::SetProfile { change: Box::default() };
    asks(Said::ChangeProfile(p::ChangeProfile::default()), None, nothing.clone());
    // Fields count only where it is said that they do.
    asks(Said::ChangeProfile(p::ChangeProfile { fields: fields(), ..p::ChangeProfile::default() }), None, nothing);
    let all = p::ChangeProfile {
        nickname: Some(s("n")),
        gender: Some(p::Gender::Female.into()),
        birthday: Some(s("1990-12-31")),
        region: Some(String::new()),
        signature: Some(s("s")),
        avatar: Some(vec![0, 255].into()),
        fields: fields(),
        set_fields: true,
        findable: Some(false),
        show_email: Some(true),
    };
    let change = ProfileChange {
        nickname: Some("n".into()),
        gender: Some(Gender::Female),
        birthday: Some("1990-12-31".into()),
        region: Some("".into()),
        signature: Some("s".into()),
        avatar: Some(vec![0, 255].into()),
        fields: Some(heard_fields()),
        findable: Some(false),
        show_email: Some(true),
    };
    asks(Said::ChangeProfile(all), None, Command::SetProfile { change: Box::new(change) });
    for (friends, add) in [(0, None), (1, Some(FriendPolicy::Open)), (2, Some(FriendPolicy::Confirm))] {
        for (friends_only, message) in
            [(None, None), (Some(true), Some(MessagePolicy::Friends)), (Some(false), Some(MessagePolicy::Anyone))]
        {
            asks(Said::SetPolicy(p::SetPolicy { friends, friends_only }), None, Command::SetPolicy { add, message });
        }
    }
}

#[test]
fn friends() {
    asks(Said::ListFriends(p::ListFriends {}), None, Command::ListFriends);
    asks(Said::ListBlocked(p::ListBlocked {}), None, Command::ListBlocked);
    for (said, claim) in [(0, None), (10_000, Some(10_000))] {
        asks(
            Said::FriendRequest(p::FriendRequest { asker: said, account: 2, reason: s("r") }),
            claim,
            Command::AddFriend { friend: id(2), special: false, reason: "r".into() },
        );
        let answer = |verdict, reason: &str| Command::AnswerFriend {
            asker: id(3),
            verdict,
            special: false,
            reason: reason.into(),
        };
        asks(Said::AcceptFriend(p::AcceptFriend { account: said, asker: 3 }), claim, answer(Verdict::Accept, ""));
        asks(
            Said::RejectFriend(p::RejectFriend { account: said, asker: 3, reason: s("no") }),
            claim,
            answer(Verdict::Reject, "no"),
        );
        asks(
            Said::SetRemark(p::SetRemark { account: said, friend: 4, remark: s("x") }),
            claim,
            Command::SetRemark { friend: id(4), remark: "x".into() },
        );
    }
    asks(Said::RemoveFriend(p::RemoveFriend { friend: 4 }), None, Command::RemoveFriend { friend: id(4) });
    for unblock in [false, true] {
        asks(Said::Block(p::Block { account: 4, unblock }), None, Command::Block { who: id(4), blocked: !unblock });
    }
}

#[test]
fn groups() {
    asks(Said::ListGroups(p::ListGroups {}), None, Command::ListGroups);
    asks(
        Said::CreateGroup(p::CreateGroup::default()),
        None,
        Command::CreateGroup { name: None, join: None, about: Box::default() },
    );
    let about = GroupAbout { description: "d".into(), avatar: vec![1].into(), fields: heard_fields() };
    asks(
        Said::CreateGroup(p::CreateGroup {
            name: s("G"),
            join: p::Consent::Open.into(),
            description: s("d"),
            avatar: vec![1].into(),
            fields: fields(),
        }),
        None,
        Command::CreateGroup { name: Some(s("G")), join: Some(JoinPolicy::Open), about: Box::new(about) },
    );
    for (said, claim) in [(0, None), (10_000, Some(10_000))] {
        asks(
            Said::JoinGroup(p::JoinGroup { group: 7, asker: said, reason: s("r") }),
            claim,
            Command::JoinGroup { group: group(7), reason: "r".into() },
        );
    }
    let answer =
        |verdict, reason: &str| Command::AnswerJoin { group: group(7), member: id(3), verdict, reason: reason.into() };
    asks(Said::AcceptJoin(p::AcceptJoin { group: 7, asker: 3 }), None, answer(Verdict::Accept, ""));
    asks(Said::RejectJoin(p::RejectJoin { group: 7, asker: 3, reason: s("n") }), None, answer(Verdict::Reject, "n"));
    asks(Said::LeaveGroup(p::LeaveGroup { group: 7 }), None, Command::LeaveGroup { group: group(7) });
    for (role, expected) in [(p::Role::Member, Role::Member), (p::Role::Manager, Role::Manager)] {
        asks(
            Said::SetRole(p::SetRole { group: 7, member: 3, role: role.into() }),
            None,
            Command::SetRole { group: group(7), member: id(3), role: expected },
        );
    }
    let set_role = |role: p::Role| Said::SetRole(p::SetRole { group: 7, member: 3, role: role.into() });
    mistaken(set_role(p::Role::Owner), Verb::SetRole, MistakeKind::BadValue);
    mistaken(set_role(p::Role::Unspecified), Verb::SetRole, MistakeKind::MissingField);
    asks(Said::Invite(p::Invite { group: 7, account: 3 }), None, Command::Invite { group: group(7), who: id(3) });
    for (accept, verdict) in [(true, Verdict::Accept), (false, Verdict::Reject)] {
        asks(
            Said::AnswerInvite(p::AnswerInvite { group: 7, accept, reason: s("r") }),
            None,
            Command::AnswerInvite { group: group(7), verdict, reason: "r".into() },
        );
    }
    asks(
        Said::RemoveMember(p::RemoveMember { group: 7, member: 3, reason: s("r") }),
        None,
        Command::RemoveMember { group: group(7), member: id(3), reason: "r".into() },
    );
    asks(
        Said::TransferGroup(p::TransferGroup { group: 7, member: 3 }),
        None,
        Command::TransferGroup { group: group(7), member: id(3) },
    );
    asks(Said::DissolveGroup(p::DissolveGroup { group: 7 }), None, Command::DissolveGroup { group: group(7) });
    let nothing = p::ChangeGroup { group: 7, ..p::ChangeGroup::default() };
    asks(Said::ChangeGroup(nothing.clone()), None, Command::SetGroup { group: group(7), change: Box::default() });
    let all = p::ChangeGroup {
        join: p::Consent::Ask.into(),
        description: Some(String::new()),
        avatar: Some(vec![1].into()),
        fields: fields(),
        set_fields: true,
        ..nothing
    };
    let change = GroupChange {
        join: Some(JoinPolicy::Approval),
        description: Some("".into()),
        avatar: Some(vec![1].into()),
        fields: Some(heard_fields()),
    };
    asks(Said::ChangeGroup(all), None, Command::SetGroup { group: group(7), change: Box::new(change) });
    let get = |group, name: &str| Said::GetGroup(p::GetGroup { group, name: s(name) });
    asks(get(7, ""), None, Command::GetGroup { group: group(7) });
    asks(get(0, "G"), None, Command::GetGroup { group: WhichGroup::Name(NameKey::of("G")) });
    mistaken(get(0, ""), Verb::GetGroup, MistakeKind::MissingField);
    asks(Said::ListMembers(p::ListMembers { group: 7 }), None, Command::ListMembers { group: group(7) });
}

fn message(kind: p::Kind, payload: &[u8]) -> p::Message {
    let length = u32::try_from(payload.len()).unwrap();
    p::Message { kind: kind.into(), custom: 8, length, payload: payload.to_vec().into(), ..p::Message::default() }
}

#[test]
fn messages() {
    let kinds = [
        (p::Kind::Text, BodyKind::Text),
        (p::Kind::Image, BodyKind::Image),
        (p::Kind::File, BodyKind::File),
        (p::Kind::Voice, BodyKind::Voice),
        (p::Kind::Custom, BodyKind::Custom(8)),
    ];
    for (kind, expected) in kinds {
        let data: &[u8] = if kind == p::Kind::Text { "好".as_bytes() } else { b"\xff\0" };
        let body = Body { kind: expected, data: data.to_vec().into() };
        // What only the server says in it is passed over.
        let said = p::Message { id: 9, at_ms: 9, sender_name: s("x"), group_name: s("y"), ..message(kind, data) };
        for (sender, claim) in [(0, None), (10_000, Some(10_000))] {
            asks(
                Said::PrivateMessage(p::Message { sender, to: 2, ..said.clone() }),
                claim,
                Command::SendPrivate { to: id(2), as_written: "2".into(), body: body.clone(), number: Some(SEQ) },
            );
            asks(
                Said::GroupMessage(p::Message { sender, group: 7, ..said.clone() }),
                claim,
                Command::Post { group: group(7), body: body.clone(), number: Some(SEQ) },
            );
        }
    }
    let good = message(p::Kind::Text, b"hi");
    let private = |said: p::Message, kind| mistaken(Said::PrivateMessage(said), Verb::SendPrivate, kind);
    let posted = |said: p::Message, kind| mistaken(Said::GroupMessage(said), Verb::Post, kind);
    private(good.clone(), MistakeKind::MissingField);
    posted(good.clone(), MistakeKind::MissingField);
    private(p::Message { to: 2, group: 7, ..good.clone() }, MistakeKind::BadValue);
    posted(p::Message { to: 2, group: 7, ..good.clone() }, MistakeKind::BadValue);
    for length in [0, 1, 3, u32::MAX] {
        private(p::Message { to: 2, length, ..good.clone() }, MistakeKind::BadValue);
    }
    private(p::Message { to: 2, ..message(p::Kind::Text, b"\xff") }, MistakeKind::BadValue);
    let unnumbered = Packet { seq: 0, body: Some(Said::PrivateMessage(p::Message { to: 2, ..good })) };
    assert_eq!(hear_said(&unnumbered).unwrap_err().kind, MistakeKind::BadValue);
}

#[test]
fn what_goes_with_messages() {
    let receipts = vec![p::Receipt { group: 0, place: 3 }, p::Receipt { group: 7, place: 4 }];
    let marks = vec![Mark::Inbox(Seq(3)), Mark::Group(GroupId(7), Seq(4))];
    asks(Said::MessageReceived(p::MessageReceived { receipts }), None, Command::Received { marks });
    mistaken(Said::MessageReceived(p::MessageReceived::default()), Verb::Received, MistakeKind::BadValue);
    for (peer, expected) in [(with(2), Peer::User(id(2))), (in_group(7), Peer::Group(group(7)))] {
        asks(
            Said::GetHistory(p::GetHistory { peer, before: 0, limit: 0 }),
            None,
            Command::History { peer: expected.clone(), before: None, limit: None },
        );
        asks(
            Said::GetHistory(p::GetHistory { peer, before: 9, limit: 5 }),
            None,
            Command::History { peer: expected.clone(), before: Some(Seq(9)), limit: Some(5) },
        );
        asks(Said::Typing(p::Typing { peer, sender: 1 }), None, Command::Typing { peer: expected.clone() });
        let place = Seq(9);
        asks(Said::Read(p::Read { peer, id: 9, sender: 1 }), None, Command::MarkRead { peer: expected.clone(), place });
        asks(Said::Recall(p::Recall { peer, id: 9 }), None, Command::Recall { peer: expected, place });
    }
    for nobody in [None, Some(p::Peer { peer: None })] {
        let typing = Said::Typing(p::Typing { peer: nobody, sender: 0 });
        mistaken(typing, Verb::Typing, MistakeKind::MissingField);
    }
}

#[test]
fn files() {
    let offer = |sha256: Vec<u8>| p::OfferFile { to: 2, name: s("C:\\x"), size: u64::MAX, sha256: sha256.into() };
    let length = FileLength { bytes: u64::MAX, as_text: false };
    for (sha256, hash) in [(vec![], None), (vec![3; 32], Some([3; 32]))] {
        let expected = Command::OfferFile { to: id(2), length, name: s("C:\\x"), hash };
        asks(Said::OfferFile(offer(sha256)), None, expected);
    }
    mistaken(Said::OfferFile(offer(vec![3; 31])), Verb::OfferFile, MistakeKind::BadValue);
    let transfer = TransferId(5);
    asks(Said::AcceptFile(p::AcceptFile { transfer: 5, offset: 6 }), None, Command::AcceptFile { transfer, offset: 6 });
    asks(
        Said::DeclineFile(p::DeclineFile { transfer: 5, reason: s("r") }),
        None,
        Command::DeclineFile { transfer, reason: "r".into() },
    );
}

/// A number that no word stands for has no text form, so only the bytes can say it.
#[test]
fn an_unknown_kind_is_no_kind() {
    for said in [
        Said::PrivateMessage(p::Message { to: 2, kind: 9, ..message(p::Kind::Text, b"") }),
        Said::RequestCode(p::RequestCode { email: s("a@b.cn"), purpose: -1 }),
        Said::SetPolicy(p::SetPolicy { friends: 3, friends_only: None }),
        Said::CreateGroup(p::CreateGroup { join: 3, ..p::CreateGroup::default() }),
        Said::SetRole(p::SetRole { group: 1, member: 1, role: 4 }),
        Said::ChangeProfile(p::ChangeProfile { gender: Some(4), ..p::ChangeProfile::default() }),
    ] {
        let packet = Packet { seq: SEQ, body: Some(said) }.encode_to_vec();
        let mistake = hear_message(binary(), Carrier::Message, &packet).unwrap_err();
        assert_eq!((mistake.kind, mistake.request), (MistakeKind::BadValue, RequestId(SEQ)));
    }
    let text = br#"{"seq":77,"setRole":{"role":"KING"}}"#;
    let mistake = hear_message(binary(), Carrier::Text, text).unwrap_err();
    assert_eq!((mistake.kind, mistake.request), (MistakeKind::Unreadable, RequestId(77)));
}
