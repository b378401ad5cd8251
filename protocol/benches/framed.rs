//! What one message costs in the `framed` dialect: reading the request, and writing the event once for all who get it.
//! `cargo bench --bench framed -p hongyan-protocol`

use divan::{Bencher, black_box};
use protocol::{Body, Carrier, Decoded, DialectId, Event, Friend, Limits, Name, Person, Reply, RequestId, Seq, UserId};

fn main() {
    divan::main();
}

const LIMITS: Limits = Limits { frame_bytes: 65_536, depth: 16, fields: 64 };

const SEND_MESSAGE: &str = r#"{"command":"send_message","src":"10000","dst":"10001","message":"hello, 你好"}"#;

fn person(id: u64, name: &str) -> Person {
    Person { id: UserId(id), name: Name::from_stored(name) }
}

fn parse(bencher: Bencher<'_, '_>, piece: usize) {
    let dialect = DialectId::by_name("framed").expect("it is in the table").get();
    let mut decoder = dialect.decoder(Carrier::Stream, LIMITS);
    let length = u32::try_from(SEND_MESSAGE.len()).expect("it is short").to_le_bytes();
    let packet = [&length[..], SEND_MESSAGE.as_bytes()].concat();
    bencher.counter(divan::counter::BytesCount::new(packet.len())).bench_local(|| {
        let mut requests = 0;
        for mut input in black_box(&packet).chunks(piece) {
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

#[divan::bench]
fn parse_send_message(bencher: Bencher<'_, '_>) {
    parse(bencher, usize::MAX);
}

#[divan::bench]
fn parse_send_message_in_two_pieces(bencher: Bencher<'_, '_>) {
    parse(bencher, 60);
}

#[divan::bench]
fn encode_send_message(bencher: Bencher<'_, '_>) {
    let dialect = DialectId::by_name("framed").expect("it is in the table").get();
    let event = Event::Private {
        from: person(10_000, "小明"),
        to: person(10_001, "小花"),
        seq: Seq(1),
        at_ms: 1_700_000_000_000,
        body: Body::text("hello, 你好"),
    };
    bencher.bench_local(|| dialect.event(black_box(&event), None, Carrier::Stream));
}

/// In about 12 parts.
#[divan::bench]
fn encode_five_hundred_friends(bencher: Bencher<'_, '_>) {
    let dialect = DialectId::by_name("framed").expect("it is in the table").get();
    let friend = |id| Friend {
        nickname: Box::default(),
        remark: Box::default(),
        person: person(id, "小明"),
        online: true,
        special: false,
    };
    let reply = Reply::Friends { me: person(9_999, "小花"), friends: (10_000..10_500).map(friend).collect() };
    bencher.bench_local(|| dialect.reply(RequestId(0), black_box(&reply), Carrier::Stream));
}
