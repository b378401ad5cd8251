//! How `binary` says no, and that it has a word for everything.

use crate::binary_events::events;
use crate::binary_replies::replies;
use crate::binary_said::{SEQ, ann, bob, packet, s, study};
use crate::support::{binary, described, said};
use prost::Message as _;
use protocol::dialects::binary::packets::{self as p, Packet, packet::Body as Said};
use protocol::{
    Body, Carrier, ClosingReason, Event, Frames, FriendPolicy, JoinPolicy, Kept, Mark, MessagePolicy, Mistake,
    MistakeKind, NameError, Refusal, Reply, RequestId, Seq, TransferEnd, TransferId, Verb,
};
use std::collections::BTreeSet;

fn name_of(packet: &Packet) -> String {
    let json = serde_json::to_value(Packet { seq: 0, ..packet.clone() }).unwrap();
    json.as_object().unwrap().keys().next().unwrap().clone()
}

fn refused(verb: Verb, refusal: Refusal, about: Option<&str>) -> Packet {
    let reply = Reply::Refused { verb, refusal, about: about.map(Into::into) };
    packet(|carrier| binary().reply(RequestId(SEQ), &reply, carrier)).unwrap()
}

const REFUSALS: [Refusal; 41] = [
    Refusal::NotLoggedIn,
    Refusal::NotPermitted,
    Refusal::NoSuchUser,
    Refusal::WrongPassword,
    Refusal::NameTaken,
    Refusal::BadName(NameError::Length),
    Refusal::BadPassword,
    Refusal::TooManyAttempts,
    Refusal::TooManySessions,
    Refusal::Yourself,
    Refusal::AlreadyFriends,
    Refusal::NotFriends,
    Refusal::NoSuchRequest,
    Refusal::ListFull,
    Refusal::NoSuchGroup,
    Refusal::GroupExists,
    Refusal::AlreadyMember,
    Refusal::NotMember,
    Refusal::NotOwner,
    Refusal::OwnerStays,
    Refusal::Offline,
    Refusal::TooLarge,
    Refusal::BadValue,
    Refusal::InboxFull,
    Refusal::Busy,
    Refusal::StorageFull,
    Refusal::WrongCode,
    Refusal::CodeRequired,
    Refusal::TooManyCodes,
    Refusal::BadEmail,
    Refusal::EmailTaken,
    Refusal::MailOff,
    Refusal::Blocked,
    Refusal::NotManager,
    Refusal::Conflict,
    Refusal::NoSuchMessage,
    Refusal::TooLate,
    Refusal::NoSuchReceipt,
    Refusal::NoSuchTransfer,
    Refusal::NotOverHttp,
    Refusal::Fault,
];

#[test]
fn every_refusal_has_its_reason() {
    let mut reasons = BTreeSet::new();
    for refusal in REFUSALS {
        match refused(Verb::SetRemark, refusal, None).body {
            Some(Said::Error(said)) => {
                assert_eq!(said.detail, refusal.to_string());
                assert!(reasons.insert(said.reason().as_str_name().to_owned()), "{refusal:?} has a reason of its own");
            }
            other => panic!("{other:?}"),
        }
    }
    let mistakes = ["MALFORMED", "UNKNOWN_PACKET", "MISSING_FIELD", "TRANSFER_TIMED_OUT", "TRANSFER_BROKEN"];
    reasons.extend(mistakes.map(|mistake| format!("REASON_{mistake}")));
    reasons.insert("REASON_UNSPECIFIED".to_owned());
    let described = include_str!("../../proto/hongyan.proto");
    let described = described.split_once("enum Reason {").unwrap().1.split_once("\n}").unwrap().0;
    let described: BTreeSet<String> = described
        .lines()
        .filter_map(|line| line.split("//").next()?.split_once(" = "))
        .map(|(name, _)| name.trim().to_owned())
        .collect();
    assert_eq!(reasons, described, "a reason is said, or is none");
}

#[test]
fn what_the_document_has_a_packet_for_is_said_in_it() {
    use Refusal::{EmailTaken, NoSuchUser, NotLoggedIn, WrongCode, WrongPassword};
    let said = |verb, refusal, about| refused(verb, refusal, about).body.unwrap();
    // Nobody is told which accounts there are.
    let bytes = |refusal, about| refused(Verb::Login, refusal, about).encode_to_vec();
    assert_eq!(bytes(NoSuchUser, Some("10000")), bytes(WrongPassword, None));
    assert!(
        matches!(said(Verb::Login, NoSuchUser, None), Said::LoginFailed(said) if said.reason() == p::Reason::WrongPassword)
    );
    for verb in [Verb::Register, Verb::RegisterByMail, Verb::RequestCode] {
        let taken = Said::EmailTaken(p::EmailTaken { email: s("a@b.cn") });
        assert_eq!(said(verb, EmailTaken, Some("a@b.cn")), taken);
        assert_eq!(said(verb, EmailTaken, None), Said::EmailTaken(p::EmailTaken::default()));
    }
    assert!(matches!(said(Verb::RegisterByMail, WrongCode, None), Said::WrongCode(said) if !said.detail.is_empty()));
    let failed = said(Verb::RegisterByMail, Refusal::BadPassword, None);
    assert!(matches!(failed, Said::RegistrationFailed(said) if said.reason() == p::Reason::BadPassword));
    let failed = said(Verb::CreateGroup, NotLoggedIn, None);
    assert!(matches!(failed, Said::CreateGroupFailed(said) if said.reason() == p::Reason::NotLoggedIn));
    let nobody = |email: &str, account, name: &str| {
        Said::UserNotFound(p::UserNotFound { email: s(email), account, name: s(name) })
    };
    for (about, expected) in [
        (Some("a@b.cn"), nobody("a@b.cn", 0, "")),
        (Some("10009"), nobody("", 10_009, "")),
        (Some("小明"), nobody("", 0, "小明")),
        (None, nobody("", 0, "")),
    ] {
        assert_eq!(said(Verb::FindUser, NoSuchUser, about), expected);
    }
    assert_eq!(said(Verb::AddFriend, NoSuchUser, Some("10009")), nobody("", 10_009, ""));
    assert!(matches!(said(Verb::AddFriend, NoSuchUser, None), Said::Error(_)));
    assert!(matches!(said(Verb::BindEmail, WrongCode, None), Said::Error(_)));
}

#[test]
fn every_mistake_has_its_reason() {
    use p::Reason;
    for (kind, reason) in [
        (MistakeKind::Malformed, Reason::Malformed),
        (MistakeKind::Unreadable, Reason::Malformed),
        (MistakeKind::TooDeep, Reason::Malformed),
        (MistakeKind::TooLarge, Reason::TooLarge),
        (MistakeKind::TextTooLong, Reason::TooLarge),
        (MistakeKind::NoCommand, Reason::UnknownPacket),
        (MistakeKind::UnknownCommand, Reason::UnknownPacket),
        (MistakeKind::MissingField, Reason::MissingField),
        (MistakeKind::WrongType, Reason::BadValue),
        (MistakeKind::BadValue, Reason::BadValue),
    ] {
        let mistake = Mistake { request: RequestId(SEQ), verb: None, kind, detail: s("d") };
        let said = packet(|carrier| Frames::from_buf([binary().mistake(&mistake, carrier)])).unwrap();
        let error = p::Error { reason: reason.into(), detail: s("d") };
        assert_eq!(said, Packet { seq: SEQ, body: Some(Said::Error(error)) });
    }
}

/// What the tests above say has every packet in it that the description has for the server.
#[test]
fn no_packet_is_forgotten() {
    let replies = replies().into_iter().map(|(reply, _)| binary().reply(RequestId(SEQ), &reply, Carrier::Stream));
    let events = events().into_iter().map(|(event, kept, _)| binary().event(&event, kept, Carrier::Stream));
    let body = || Body::text("x");
    let late = Some(Kept { mark: Mark::Inbox(Seq(1)), late: true });
    let private = Event::Private { from: bob(), to: ann(), seq: Seq(1), at_ms: 1, body: body() };
    let posted = Event::Posted { from: bob(), group: study(), seq: Seq(1), at_ms: 1, body: body() };
    let failed = Event::TransferFailed { transfer: TransferId(1), end: TransferEnd::Broken, bytes: 0 };
    let closing = Event::Closing { reason: ClosingReason::Shutdown };
    let more =
        [(&private, None), (&private, late), (&posted, None), (&posted, late), (&failed, None), (&closing, None)]
            .map(|(event, kept)| binary().event(event, kept, Carrier::Stream));
    let no = [
        (Verb::Login, Refusal::WrongPassword),
        (Verb::RegisterByMail, Refusal::WrongCode),
        (Verb::RegisterByMail, Refusal::EmailTaken),
        (Verb::RegisterByMail, Refusal::BadPassword),
        (Verb::FindUser, Refusal::NoSuchUser),
        (Verb::CreateGroup, Refusal::ListFull),
        (Verb::Recall, Refusal::TooLate),
    ]
    .map(|(verb, refusal)| refused(verb, refusal, None));
    let frames = replies.chain(events).chain(more).flatten();
    let said: BTreeSet<String> =
        frames.map(|frame| said(&frame, Carrier::Stream)).chain(no).map(|packet| name_of(&packet)).collect();
    let camel = |name: &str| {
        let mut words = name.split('_');
        let first = words.next().unwrap().to_owned();
        words.fold(first, |name, word| name + &word[..1].to_uppercase() + &word[1..])
    };
    let described = described().into_iter().filter(|(_, _, by_server)| *by_server).map(|(name, ..)| camel(&name));
    assert_eq!(said, described.collect());
}

#[test]
fn customs_are_those_of_its_document() {
    let customs = binary().customs();
    assert_eq!((customs.add, customs.message), (FriendPolicy::Confirm, MessagePolicy::Friends));
    assert_eq!(customs.join, JoinPolicy::Approval);
    assert!(!customs.friends_only && !customs.logout_closes);
    assert!(customs.store_offline && customs.acknowledges && customs.heartbeats);
    assert!(customs.profiles && customs.asked_for_files && binary().takes_binary());
}
