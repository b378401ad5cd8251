//! What the tests share: feeding bytes to a decoder, and people and groups to talk about.

use prost::Message;
use protocol::dialects::binary::packets::Packet;
use protocol::{
    Carrier, Decoded, Dialect, DialectId, Frame, Friend, GroupAbout, GroupId, GroupInfo, GroupRef, JoinPolicy, Limits,
    Member, Mistake, MistakeKind, Name, Person, Request, Role, Style, UserId,
};

pub const LIMITS: Limits = Limits { frame_bytes: 65_536, depth: 16, fields: 64 };

/// What came out of a decoder: requests and mistakes in their order.
pub type Heard = Vec<Result<Request, Mistake>>;

pub fn plain() -> &'static dyn Dialect {
    DialectId::by_name("plain").unwrap().get()
}

pub fn framed() -> &'static dyn Dialect {
    DialectId::by_name("framed").unwrap().get()
}

/// A packet of `framed` as it travels on a stream.
pub fn packet(json: impl AsRef<[u8]>) -> Vec<u8> {
    let json = json.as_ref();
    [&u32::try_from(json.len()).unwrap().to_le_bytes()[..], json].concat()
}

/// What one packet of `framed` is, which must be the same on both carriers but for the words.
pub fn hear_packet(json: &str) -> Result<Request, Mistake> {
    let mut heard = hear(framed(), [packet(json).as_slice()]).0;
    assert_eq!(heard.len(), 1, "{json}");
    let mut decoder = framed().decoder(Carrier::Message, LIMITS);
    match (decoder.decode(&mut json.as_bytes()), &heard[0]) {
        (Decoded::Request(request), Ok(streamed)) => assert_eq!(&*request, streamed),
        (Decoded::Mistake(mistake), Err(streamed)) => assert_eq!(&mistake, streamed),
        (Decoded::Need, Err(streamed)) => assert!(json.is_empty() && streamed.kind == MistakeKind::Unreadable),
        (decoded, streamed) => panic!("{json}: {decoded:?} {streamed:?}"),
    }
    heard.remove(0)
}

/// What frames say, as bytes of a message, after checking what stands before them on a stream.
pub fn bodies(frames: &[Frame]) -> Vec<String> {
    let body = |frame: &Frame| {
        let body = frame.body();
        assert_eq!(frame.wire(), &packet(&body));
        String::from_utf8(body.to_vec()).unwrap()
    };
    frames.iter().map(body).collect()
}

/// Feeds pieces to a new decoder.
pub fn hear<'a>(dialect: &dyn Dialect, pieces: impl IntoIterator<Item = &'a [u8]>) -> (Heard, Style) {
    let mut decoder = dialect.decoder(Carrier::Stream, LIMITS);
    let mut heard = Heard::new();
    for mut input in pieces {
        loop {
            let before = input.len();
            match decoder.decode(&mut input) {
                Decoded::Need => {
                    assert!(input.is_empty(), "a decoder that needs more has taken all");
                    break;
                }
                Decoded::Request(request) => heard.push(Ok(*request)),
                Decoded::Mistake(mistake) => heard.push(Err(mistake)),
            }
            assert!(input.len() < before || before == 0, "a decoder takes something or needs more");
            if input.is_empty() {
                break;
            }
        }
    }
    (heard, decoder.style())
}

pub fn hear_plain(text: &str) -> Heard {
    hear(plain(), [text.as_bytes()]).0
}

/// The one request that a text is.
pub fn request(text: &str) -> Request {
    let mut heard = hear_plain(text);
    assert_eq!(heard.len(), 1, "{text}");
    heard.pop().unwrap().unwrap_or_else(|mistake| panic!("{text}: {mistake:?}"))
}

/// The one mistake that a text is.
pub fn mistake(text: &str) -> Mistake {
    let mut heard = hear_plain(text);
    assert_eq!(heard.len(), 1, "{text}");
    heard.pop().unwrap().unwrap_err()
}

pub fn person(id: u64, name: &str) -> Person {
    Person { id: UserId(id), name: Name::parse(name).unwrap() }
}

pub fn group(id: u64, name: &str) -> GroupRef {
    GroupRef { id: GroupId(id), name: Name::parse(name).unwrap() }
}

pub fn friend(person: &Person, online: bool) -> Friend {
    Friend { person: person.clone(), online, special: false, remark: Box::default(), nickname: Box::default() }
}

pub fn member(person: &Person) -> Member {
    Member { person: person.clone(), role: Role::Member }
}

/// A group as others see it which says nothing about itself.
pub fn info(group: &GroupRef) -> Box<GroupInfo> {
    Box::new(GroupInfo {
        group: group.clone(),
        owner: UserId(10_000),
        join: JoinPolicy::Approval,
        about: GroupAbout::default(),
        members: 1,
        since_ms: 1_700_000_000_000,
    })
}

pub fn binary() -> &'static dyn Dialect {
    DialectId::by_name("binary").unwrap().get()
}

/// A packet of `binary` as it travels on a stream.
pub fn prefixed(packet: impl AsRef<[u8]>) -> Vec<u8> {
    let packet = packet.as_ref();
    [&u32::try_from(packet.len()).unwrap().to_be_bytes()[..], packet].concat()
}

/// What a decoder makes of one message.
pub fn hear_message(dialect: &dyn Dialect, carrier: Carrier, message: &[u8]) -> Result<Request, Mistake> {
    let mut decoder = dialect.decoder(carrier, LIMITS);
    let mut input = message;
    let decoded = decoder.decode(&mut input);
    assert!(input.is_empty() && !decoder.is_midway(), "a message is taken whole");
    match decoded {
        Decoded::Request(request) => Ok(*request),
        Decoded::Mistake(mistake) => Err(mistake),
        Decoded::Need => panic!("a message is a request or a mistake"),
    }
}

/// What a packet of `binary` asks, which must be the same on all carriers.
pub fn hear_said(packet: &Packet) -> Result<Request, Mistake> {
    let bytes = packet.encode_to_vec();
    let mut heard = hear(binary(), [prefixed(&bytes).as_slice()]).0;
    assert_eq!(heard.len(), 1, "{packet:?}");
    let streamed = heard.remove(0);
    assert_eq!(hear_message(binary(), Carrier::Message, &bytes), streamed);
    assert_eq!(hear_message(binary(), Carrier::Text, &serde_json::to_vec(packet).unwrap()), streamed);
    streamed
}

/// The packet that a frame of `binary` is on a carrier.
pub fn said(frame: &Frame, carrier: Carrier) -> Packet {
    assert_eq!(frame.is_binary(), carrier != Carrier::Text);
    if carrier == Carrier::Text {
        assert_eq!(&frame.body(), frame.wire());
        return serde_json::from_slice(&frame.body()).unwrap();
    }
    assert_eq!(frame.wire(), &prefixed(frame.body()));
    Packet::decode(frame.body()).unwrap()
}

/// Every packet of the description: its name, and whether clients and the server send it.
pub fn described() -> Vec<(String, bool, bool)> {
    let proto = include_str!("../../proto/hongyan.proto");
    let body = proto.split_once("oneof body {").unwrap().1.split_once("\n  }\n").unwrap().0;
    let line = |line: &str| {
        let (field, comment) = line.split_once("// ")?;
        let name = field.split_whitespace().nth(1)?.to_owned();
        Some((name, comment.contains("C→S"), comment.contains("S→C")))
    };
    body.lines().filter_map(line).collect()
}
