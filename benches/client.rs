//! What a simulated client costs for each message, beside the server that it tests. `cargo bench --bench client`.
//! One iteration: a private message is said, its answer is heard, and the message is heard at the other end.

use divan::{Bencher, black_box};
use hongyan::client::{Conversation, Heard, Person, Say, Wrap};
use protocol::{Body, Carrier, DialectId, Event, Kept, Mark, Name, Reply, RequestId, Seq, UserId, Verb};

fn main() {
    divan::main();
}

const DIALECTS: [&str; 3] = ["plain", "framed", "binary"];
const TEXT: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn conversation(dialect: DialectId, first: u64) -> Conversation {
    let mut talk = Conversation::new(dialect, Wrap::Stream, first);
    let me = Person { name: "loadtest-000001".to_owned(), id: 10_001 };
    let login = Say::Login { me: &me, password: "x", instance: None };
    let said = talk.say(&login, &mut Vec::new());
    assert!(said.is_ok(), "every dialect has a login");
    talk
}

fn dialect(name: &str) -> DialectId {
    DialectId::by_name(name).unwrap_or_else(|| panic!("{name} is a dialect"))
}

fn somebody(id: u64, name: &str) -> protocol::Person {
    protocol::Person { id: UserId(id), name: Name::from_stored(name) }
}

#[divan::bench(args = DIALECTS)]
fn say(bencher: Bencher<'_, '_>, name: &str) {
    let to = Person { name: "loadtest-000002".to_owned(), id: 10_002 };
    let mut out = Vec::with_capacity(4096);
    bencher.with_inputs(|| conversation(dialect(name), 1)).bench_local_refs(|talk| {
        out.clear();
        black_box(talk.say(&Say::Private { to: &to, text: black_box(TEXT) }, &mut out))
    });
}

#[divan::bench(args = DIALECTS)]
fn hear_answer(bencher: Bencher<'_, '_>, name: &str) {
    let dialect = dialect(name);
    let sent = Reply::Sent { verb: Verb::SendPrivate, seq: Seq(1_000), at_ms: 1_700_000_000_000 };
    let frames = dialect.get().reply(RequestId(1), &sent, Carrier::Stream);
    let bytes: Vec<u8> = frames.iter().flat_map(|frame| frame.wire().to_vec()).collect();
    let to = Person { name: "loadtest-000002".to_owned(), id: 10_002 };
    let asked = || {
        let mut talk = Conversation::new(dialect, Wrap::Stream, 1);
        let said = talk.say(&Say::Private { to: &to, text: TEXT }, &mut Vec::new());
        assert_eq!(said, Ok(1));
        talk
    };
    bencher.with_inputs(asked).bench_local_refs(|talk| hear_one(talk, &bytes));
}

#[divan::bench(args = DIALECTS)]
fn hear_message(bencher: Bencher<'_, '_>, name: &str) {
    let dialect = dialect(name);
    let (from, to) = (somebody(10_002, "loadtest-000002"), somebody(10_001, "loadtest-000001"));
    let event = Event::Private { from, to, seq: Seq(1_000), at_ms: 1_700_000_000_000, body: Body::text(TEXT) };
    let kept = Kept { mark: Mark::Inbox(Seq(1_000)), late: false };
    let frames = dialect.get().event(&event, Some(kept), Carrier::Stream);
    let bytes: Vec<u8> = frames.iter().flat_map(|frame| frame.wire().to_vec()).collect();
    bencher.with_inputs(|| conversation(dialect, 1)).bench_local_refs(|talk| hear_one(talk, &bytes));
}

fn hear_one(talk: &mut Conversation, bytes: &[u8]) {
    let mut out = Vec::new();
    let mut heard = 0;
    let result = talk.hear(bytes, &mut out, &mut |what: Heard<'_>| {
        black_box(what);
        heard += 1;
    });
    assert!(result.is_ok() && heard == 1, "one thing is heard");
    black_box(out);
}
