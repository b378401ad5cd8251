//! What one message costs in the `plain` dialect: reading the request, and writing the event once for all who get it.
//! `cargo bench --bench plain -p hongyan-protocol`

use divan::{Bencher, black_box};
use protocol::{Body, Carrier, Decoded, DialectId, Event, Limits, Name, Person, Seq, UserId};

fn main() {
    divan::main();
}

const LIMITS: Limits = Limits { frame_bytes: 65_536, depth: 16, fields: 64 };

const PRIVATE_CHAT: &[u8] =
    "{\"cmd\":\"private_chat\",\"user_from\":\"小明\",\"user_to\":\"小花\",\"text\":\"hello, 你好\"}\n".as_bytes();

const INDENTED_LOGIN: &[u8] =
    "{\n    \"cmd\": \"login\",\n    \"password\": \"11111\",\n    \"user\": \"小明\"\n}\n".as_bytes();

fn parse(bencher: Bencher<'_, '_>, object: &[u8], piece: usize) {
    let dialect = DialectId::by_name("plain").expect("it is in the table").get();
    let mut decoder = dialect.decoder(Carrier::Stream, LIMITS);
    bencher.counter(divan::counter::BytesCount::new(object.len())).bench_local(|| {
        let mut requests = 0;
        for mut input in black_box(object).chunks(piece) {
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
fn parse_private_chat(bencher: Bencher<'_, '_>) {
    parse(bencher, PRIVATE_CHAT, usize::MAX);
}

#[divan::bench]
fn parse_private_chat_in_two_pieces(bencher: Bencher<'_, '_>) {
    parse(bencher, PRIVATE_CHAT, 60);
}

#[divan::bench]
fn parse_indented_login(bencher: Bencher<'_, '_>) {
    parse(bencher, INDENTED_LOGIN, usize::MAX);
}

#[divan::bench]
fn encode_private_chat(bencher: Bencher<'_, '_>) {
    let dialect = DialectId::by_name("plain").expect("it is in the table").get();
    let person = |id, name| Person { id: UserId(id), name: Name::from_stored(name) };
    let event = Event::Private {
        from: person(10_000, "小明"),
        to: person(10_001, "小花"),
        seq: Seq(1),
        at_ms: 1_700_000_000_000,
        body: Body::text("hello, 你好"),
    };
    bencher.bench_local(|| dialect.event(black_box(&event), None, Carrier::Stream));
}
