//! Whom and what the tests of `binary` talk about, as the server has it and as it is said.

use crate::support::{group, person, said};
use protocol::dialects::binary::packets::{self as p, Packet};
use protocol::{Carrier, Email, Frames, Friend, Gender, GroupRef, Kept, Mark, Person, Profile, Seq};

pub fn s(text: &str) -> String {
    text.to_owned()
}

pub fn ann() -> Person {
    person(10_000, "小明")
}

pub fn bob() -> Person {
    person(10_001, "小花")
}

pub fn study() -> GroupRef {
    group(7, "学习")
}

pub fn profile() -> Box<Profile> {
    Box::new(Profile {
        nickname: "花".into(),
        email: Some(Email::parse("b@b.cn").unwrap()),
        gender: Gender::Female,
        birthday: "1990-12-31".into(),
        region: "r".into(),
        signature: "s".into(),
        avatar: vec![0, 255].into(),
        fields: vec![("a".into(), "1".into()), ("b".into(), "2".into())],
        findable: false,
        show_email: true,
        ..Profile::blank(bob())
    })
}

pub fn profile_said() -> p::Profile {
    p::Profile {
        account: 10_001,
        name: s("小花"),
        nickname: s("花"),
        email: s("b@b.cn"),
        gender: p::Gender::Female.into(),
        birthday: s("1990-12-31"),
        region: s("r"),
        signature: s("s"),
        avatar: vec![0, 255].into(),
        fields: [(s("a"), s("1")), (s("b"), s("2"))].into(),
        findable: false,
        show_email: true,
    }
}

pub fn blank_said(account: u64, name: &str) -> p::Profile {
    p::Profile { account, name: s(name), nickname: s(name), findable: true, ..p::Profile::default() }
}

pub fn info_said() -> p::GroupInfo {
    p::GroupInfo {
        group: 7,
        name: s("学习"),
        owner: 10_000,
        join: p::Consent::Ask.into(),
        members: 1,
        created_ms: 1_700_000_000_000,
        ..p::GroupInfo::default()
    }
}

pub fn friends() -> (Vec<Friend>, Vec<p::Friend>) {
    let friend = Friend { person: bob(), online: true, special: true, remark: "x".into(), nickname: "花".into() };
    let said =
        p::Friend {
            account: 10_001, name: s("小花"), nickname: s("花"), remark: s("x"), online: true, special: true
        };
    (vec![friend], vec![said])
}

pub fn with(account: u64) -> Option<p::Peer> {
    Some(p::Peer { peer: Some(p::peer::Peer::Account(account)) })
}

pub fn in_group() -> Option<p::Peer> {
    Some(p::Peer { peer: Some(p::peer::Peer::Group(7)) })
}

/// The one packet that frames are, the same on every carrier; its name is noted.
pub fn packet(frames: impl Fn(Carrier) -> Frames) -> Option<Packet> {
    let one = |carrier| {
        let frames = frames(carrier);
        assert!(frames.len() <= 1);
        frames.first().map(|frame| said(frame, carrier))
    };
    let packet = one(Carrier::Stream);
    assert_eq!(one(Carrier::Message), packet);
    assert_eq!(one(Carrier::Text), packet);
    packet
}

pub const KEPT: Option<Kept> = Some(Kept { mark: Mark::Inbox(Seq(4)), late: false });

pub fn receipt() -> Option<p::Receipt> {
    Some(p::Receipt { group: 0, place: 4 })
}

pub const SEQ: u64 = 77;
