//! What people on `binary` say and hear. Owns: the words of that dialect for tests that know what they want to say, and
//! the receipts that every client gives by itself. Never: knows another dialect (`people` does).

use crate::people::{News, Person};
use crate::world::Server;
use protocol::dialects::binary::packets::packet::Body;
use protocol::dialects::binary::packets::{FileReady, Message, Packet, Receipt};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU64, Ordering};

/// A number for a packet that nobody in this process has used.
pub(crate) fn next_number() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(1_000);
    LAST.fetch_add(1, Ordering::Relaxed) + 1
}

pub(crate) fn heartbeat() -> Value {
    json!({"heartbeat": {}})
}

/// Everybody's e-mail address: made of the name, which may be Chinese.
pub(crate) fn address_of(name: &str) -> String {
    let letters: String = name.bytes().map(|byte| format!("{byte:02x}")).collect();
    format!("x{letters}@example.org")
}

fn packet(seq: u64, body: Body) -> Value {
    serde_json::to_value(Packet { seq, body: Some(body) }).unwrap()
}

fn message(text: &str) -> Message {
    let payload = text.as_bytes().to_vec();
    Message { length: u32::try_from(payload.len()).unwrap(), payload: payload.into(), ..Message::default() }
}

/// A private message, in text.
pub(crate) fn private(seq: u64, to: &str, text: &str) -> Value {
    packet(seq, Body::PrivateMessage(Message { to: to.parse().unwrap(), ..message(text) }))
}

/// A message to a group, in text.
pub(crate) fn post(seq: u64, group: &str, text: &str) -> Value {
    packet(seq, Body::GroupMessage(Message { group: group.parse().unwrap(), ..message(text) }))
}

/// That these have been received.
pub(crate) fn received(receipts: &[Receipt]) -> Value {
    json!({"messageReceived": {"receipts": receipts}})
}

/// A message that was heard, as it waited or as it was said, and whether it was late.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Told {
    pub(crate) message: Message,
    pub(crate) late: bool,
}

impl Told {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.message.payload).unwrap()
    }

    pub(crate) fn receipt(&self) -> Receipt {
        self.message.receipt.expect("a message is to be acknowledged")
    }
}

pub(crate) fn body_of(told: &Value) -> Body {
    let packet: Packet = serde_json::from_value(told.clone()).unwrap();
    packet.body.unwrap_or_else(|| panic!("it says nothing: {told}"))
}

/// The message in a packet, if that is one.
pub(crate) fn told(packet: &Value) -> Option<Told> {
    let (message, late) = match body_of(packet) {
        Body::PrivateMessage(message) | Body::GroupMessage(message) => (message, false),
        Body::OfflinePrivateMessage(message) | Body::OfflineGroupMessage(message) => (message, true),
        _ => return None,
    };
    assert_eq!(usize::try_from(message.length).unwrap(), message.payload.len(), "{packet}");
    Some(Told { message, late })
}

/// The answer to a message that was taken: its id and when that was.
#[track_caller]
pub(crate) fn sent(reply: &Value) -> (u64, u64) {
    match body_of(reply) {
        Body::MessageSent(sent) => {
            assert_eq!(sent.seq.to_string(), reply["seq"].as_str().unwrap(), "{reply}");
            (sent.id, sent.at_ms)
        }
        _ => panic!("not sent: {reply}"),
    }
}

/// Whether an answer is a no, of whichever packet.
pub(crate) fn is_no(reply: &Value) -> bool {
    matches!(
        body_of(reply),
        Body::Error(_)
            | Body::LoginFailed(_)
            | Body::EmailTaken(_)
            | Body::WrongCode(_)
            | Body::RegistrationFailed(_)
            | Body::UserNotFound(_)
            | Body::CreateGroupFailed(_)
    )
}

/// Why not.
#[track_caller]
pub(crate) fn reason(reply: &Value) -> String {
    let body = reply.as_object().unwrap().values().find(|value| value.is_object());
    let reason = body.and_then(|body| body["reason"].as_str());
    reason.unwrap_or_else(|| panic!("no reason: {reply}")).to_owned()
}

/// Registers by mail.
pub(crate) fn register(person: &mut Person, server: &Server) {
    let (name, email) = (person.name.clone(), address_of(&person.name));
    let reply = person.ask(json!({"requestCode": {"email": email}}));
    assert_eq!(reply["codeSent"]["email"], *email, "{reply}");
    let code = server.code(&email, 1);
    let register = json!({"email": email, "nickname": name, "password": "11111", "code": code});
    let reply = person.ask(json!({"register": register}));
    assert_eq!(reply["registered"]["name"], *name, "{reply}");
    reply["registered"]["account"].as_str().unwrap().clone_into(&mut person.id);
}

/// Logs in by the account's number; as an installation, where that is said.
#[track_caller]
pub(crate) fn login_as(person: &mut Person, instance: &[u8]) -> Value {
    let mut login = serde_json::to_value(protocol::dialects::binary::packets::Login {
        password: "11111".to_owned(),
        instance: instance.to_vec().into(),
        ..Default::default()
    })
    .unwrap();
    login["account"] = person.id.clone().into();
    let reply = person.ask(json!({"login": login}));
    assert_eq!(reply["loginSucceeded"]["name"], *person.name, "{reply}");
    reply
}

/// Logs in without saying which installation it is.
#[track_caller]
pub(crate) fn login(person: &mut Person) {
    login_as(person, &[]);
}

/// A group's number.
#[track_caller]
pub(crate) fn group_of(person: &mut Person, name: &str) -> String {
    let reply = person.ask(json!({"getGroup": {"name": name}}));
    reply["groupInfo"]["group"].as_str().unwrap_or_else(|| panic!("{reply}")).to_owned()
}

/// Gives back what a packet wants acknowledged, if the server is still there.
pub(crate) fn acknowledge(person: &mut Person, told: &Value) {
    let body = told.as_object().unwrap().values().find(|value| value.is_object());
    if let Some(receipt) = body.map(|body| &body["receipt"]).filter(|receipt| receipt.is_object()) {
        person.wire.try_text(&json!({"messageReceived": {"receipts": [receipt]}}).to_string());
    }
}

/// A packet as news, acknowledged.
#[track_caller]
pub(crate) fn news(person: &mut Person, told: &Value) -> News {
    acknowledge(person, told);
    let text = |message: Message| String::from_utf8(message.payload.into()).unwrap();
    match body_of(told) {
        Body::FriendAccepted(accepted) => News::Friends(accepted.profile.unwrap().name),
        Body::FriendAdded(added) => News::Friends(added.profile.unwrap().name),
        Body::FriendRequested(asked) => News::Asked(asked.asker.to_string()),
        Body::Presence(presence) if presence.online => News::Online(presence.name),
        Body::Presence(presence) => News::Offline(presence.name),
        Body::PrivateMessage(message) | Body::OfflinePrivateMessage(message) => {
            News::Private(message.sender.to_string(), text(message))
        }
        Body::GroupMessage(message) | Body::OfflineGroupMessage(message) => {
            News::Posted(message.sender_name.clone(), message.group_name.clone(), text(message))
        }
        Body::FileOffered(offered) => {
            let seq = next_number().to_string();
            person.wire.say(&json!({"seq": seq, "acceptFile": {"transfer": offered.transfer}}));
            // From somebody who had to be told where to send before, it is ready without having been accepted.
            let answers = [person.hear(), person.hear()];
            let ready = answers.iter().find_map(|answer| match body_of(answer) {
                Body::FileReady(ready) => Some(ready),
                _ => None,
            });
            let done = answers.iter().any(|answer| answer["seq"] == *seq && answer["done"].is_object());
            assert!(done, "{answers:?}");
            let ready = ready.unwrap_or_else(|| panic!("{answers:?}"));
            assert_eq!((ready.transfer, ready.offset, ready.sending), (offered.transfer, 0, false));
            News::File(offered.sender_name, offered.size, port(&ready), path(&ready))
        }
        _ => panic!("{} hears {told}", person.name),
    }
}

fn port(ready: &FileReady) -> u16 {
    ready.port.try_into().unwrap()
}

fn path(ready: &FileReady) -> Option<String> {
    (!ready.path.is_empty()).then(|| ready.path.clone())
}

/// Where to send a file that was offered and is taken now.
#[track_caller]
pub(crate) fn file_ready(person: &mut Person) -> (u16, Option<String>) {
    match body_of(&person.hear()) {
        Body::FileReady(ready) if ready.sending => (port(&ready), path(&ready)),
        other => panic!("{} hears {other:?}", person.name),
    }
}

/// The file has been moved, whatever was said of how far it was.
#[track_caller]
pub(crate) fn expect_file_done(person: &mut Person) {
    loop {
        match body_of(&person.hear()) {
            Body::FileProgress(_) => {}
            Body::FileDone(_) => return,
            other => panic!("{} hears {other:?}", person.name),
        }
    }
}
