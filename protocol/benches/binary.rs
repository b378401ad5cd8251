//! What one message costs in the `binary` dialect: reading the packet, and writing the event once for all who get it, as
//! protobuf and as JSON.
//! `cargo bench --bench binary -p hongyan-protocol`

use divan::{Bencher, black_box};
use prost::Message as _;
use protocol::dialects::binary::packets::{Message, Packet, packet::Body as Said};
use protocol::{
    Body, Carrier, Decoded, DialectId, Event, Friend, Kept, Limits, Mark, Name, Person, Reply, RequestId, Seq, UserId,
};

fn main() {
    divan::main();
}

const LIMITS: Limits = Limits { frame_bytes: 65_536, depth: 16, fields: 64 };

fn person(id: u64, name: &str) -> Person {
    Person { id: UserId(id), name: Name::from_stored(name) }
}

/// The same as in the benches of the other dialects.
fn said() -> Packet {
    let payload = "hello, 你好";
    let message = Message {
        sender: 10_000,
        to: 10_001,
        length: u32::try_from(payload.len()).expect("it is short"),
        payload: payload.into(),
        ..Message::default()
    };
    Packet { seq: 300, body: Some(Said::PrivateMessage(message)) }
}

fn parse(bencher: Bencher<'_, '_>, carrier: Carrier, packet: &[u8], piece: usize) {
    let dialect = DialectId::by_name("binary").expect("it is in the table").get();
    let mut decoder = dialect.decoder(carrier, LIMITS);
    bencher.counter(divan::counter::BytesCount::new(packet.len())).bench_local(|| {
        let mut requests = 0;
        for mut input in black_box(packet).chunks(piece) {
            while !input.is_empty() {
                if let Decoded::Request(request) = decoder.decode(&mut input) {
                    requests += 1;
                    black_box(request);
                }
            }
        }
        assert_eq!(requests, 1);
    });
}

fn on_stream() -> Vec<u8> {
    let packet = said().encode_to_vec();
    [&u32::try_from(packet.len()).expect("it is short").to_be_bytes()[..], &packet].concat()
}

#[divan::bench]
fn parse_private_message(bencher: Bencher<'_, '_>) {
    parse(bencher, Carrier::Stream, &on_stream(), usize::MAX);
}

#[divan::bench]
fn parse_private_message_in_two_pieces(bencher: Bencher<'_, '_>) {
    parse(bencher, Carrier::Stream, &on_stream(), 20);
}

#[divan::bench]
fn parse_private_message_as_text(bencher: Bencher<'_, '_>) {
    parse(bencher, Carrier::Text, &serde_json::to_vec(&said()).expect("it has a text form"), usize::MAX);
}

fn encode(bencher: Bencher<'_, '_>, carrier: Carrier) {
    let dialect = DialectId::by_name("binary").expect("it is in the table").get();
    let event = Event::Private {
        from: person(10_000, "小明"),
        to: person(10_001, "小花"),
        seq: Seq(1),
        at_ms: 1_700_000_000_000,
        body: Body::text("hello, 你好"),
    };
    let kept = Some(Kept { mark: Mark::Inbox(Seq(1)), late: false });
    bencher.bench_local(|| dialect.event(black_box(&event), kept, carrier));
}

#[divan::bench]
fn encode_private_message(bencher: Bencher<'_, '_>) {
    encode(bencher, Carrier::Stream);
}

#[divan::bench]
fn encode_private_message_as_text(bencher: Bencher<'_, '_>) {
    encode(bencher, Carrier::Text);
}

/// In one packet.
#[divan::bench]
fn encode_five_hundred_friends(bencher: Bencher<'_, '_>) {
    let dialect = DialectId::by_name("binary").expect("it is in the table").get();
    let friend = |id| Friend {
        person: person(id, "小明"),
        online: true,
        special: false,
        remark: Box::default(),
        nickname: "明".into(),
    };
    let reply = Reply::Friends { me: person(9_999, "小花"), friends: (10_000..10_500).map(friend).collect() };
    bencher.bench_local(|| dialect.reply(RequestId(1), black_box(&reply), Carrier::Stream));
}
