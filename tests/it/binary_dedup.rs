//! Messages in `binary` that are sent again: each is delivered once, and answered as it was, whatever happened between.

use crate::packets::{self, Told, next_number, sent, told};
use crate::people::{News, Person};
use crate::wire::{Kind, Wire};
use crate::world::Server;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const INSTANCE: [u8; 16] = [7; 16];

/// The connection of an installation is gone, however that came; it has a new one.
fn reconnect(gone: Person, server: &Server) -> Person {
    let Person { kind, name, id, wire } = gone;
    wire.reset();
    let mut person = Person { kind, name, id, wire: Wire::open(server, kind) };
    packets::login_as(&mut person, &INSTANCE);
    person
}

/// Two friends, who are in one group. The first says which installation it is.
fn friends(server: &Server, kind: Kind) -> (Person, Person) {
    let (mut a, mut b) = (Person::new(server, kind, "小明"), Person::new(server, kind, "小花"));
    a.befriend(&mut b, true);
    a.create_group("学习");
    b.join_group("学习");
    // The first login on a connection says which installation it is, until it has logged out.
    a.success(json!({"logout": {}}));
    packets::login_as(&mut a, &INSTANCE);
    assert_eq!([b.news(), b.news()], [News::Offline(a.name.clone()), News::Online(a.name.clone())]);
    (a, b)
}

/// What comes next but for who comes and goes.
fn words(person: &mut Person) -> Value {
    loop {
        let heard = person.hear();
        if heard["presence"].is_null() {
            return heard;
        }
    }
}

/// Sends these, a few ahead of their answers, and hears the answer to each, in their order.
fn answers(person: &mut Person, messages: &[&Value]) -> Vec<(u64, u64)> {
    const AHEAD: usize = 8;
    let mut answers = Vec::new();
    for at in 0..messages.len() + AHEAD {
        if let Some(message) = messages.get(at) {
            person.wire.say(message);
        }
        if at >= AHEAD {
            let answer = words(person);
            assert_eq!(answer["seq"], messages[at - AHEAD]["seq"]);
            answers.push(sent(&answer));
        }
    }
    answers
}

/// All that somebody hears until `last` was said to it and in the group; acknowledged.
fn heard(person: &mut Person, last: &str) -> Vec<Told> {
    let (mut all, mut lasts) = (Vec::new(), 0);
    while lasts < 2 {
        let packet = words(person);
        packets::acknowledge(person, &packet);
        let told = told(&packet).unwrap_or_else(|| panic!("{packet}"));
        if told.text() == last {
            lasts += 1;
        } else {
            all.push(told);
        }
    }
    all
}

fn say_last(person: &mut Person, to: &Person, group: &str, last: &str) {
    for last in [packets::private(next_number(), &to.id, last), packets::post(next_number(), group, last)] {
        person.wire.say(&last);
        sent(&words(person));
    }
}

/// D8 of the checks.
fn two_hundred_numbers_on(kind: Kind) {
    const NUMBERS: usize = 200;
    let mut server = Server::start();
    let (mut a, mut b) = friends(&server, kind);
    let group = packets::group_of(&mut a, "学习");
    let message = |n: usize| match n % 2 {
        0 => packets::private(next_number(), &b.id, &n.to_string()),
        _ => packets::post(next_number(), &group, &n.to_string()),
    };
    let messages: Vec<Value> = (0..NUMBERS).map(message).collect();
    let all: Vec<&Value> = messages.iter().collect();

    // The first time: half of them are answered; of a quarter the answers are never heard.
    let first = answers(&mut a, &all[..NUMBERS / 2]);
    for message in &all[NUMBERS / 2..NUMBERS * 3 / 4] {
        a.wire.say(message);
    }
    // The second time on another connection, in another order.
    a = reconnect(a, &server);
    let backwards: Vec<&Value> = all.iter().rev().copied().collect();
    let mut second = answers(&mut a, &backwards);
    second.reverse();
    assert_eq!(first, second[..NUMBERS / 2], "the same answer each time");

    say_last(&mut a, &b, &group, "last");
    let mut delivered: BTreeMap<String, u64> = BTreeMap::new();
    for told in heard(&mut b, "last") {
        let before = delivered.insert(told.text().to_owned(), told.message.id);
        assert_eq!(before, None, "{} comes twice, as {before:?} and {}", told.text(), told.message.id);
    }
    let expected = (0..NUMBERS).map(|n| (n.to_string(), second[n].0)).collect();
    assert_eq!(delivered, expected, "each is there, by the id that its sender was told");

    // The third time: half of them after an end in order, all after one by kill -9.
    b.expect_nothing();
    assert!(server.sigterm().success());
    server.restart();
    a = reconnect(a, &server);
    assert_eq!(answers(&mut a, &all[..NUMBERS / 2]), second[..NUMBERS / 2]);
    server.kill9();
    server.restart();
    a = reconnect(a, &server);
    assert_eq!(answers(&mut a, &all), second);
    b = b.again(&server, kind);
    say_last(&mut a, &b, &group, "end");
    let again = heard(&mut b, "end");
    assert!(again.is_empty(), "it was acknowledged: {again:?}");
}

#[test]
fn two_hundred_numbers_sent_three_times_are_delivered_once() {
    two_hundred_numbers_on(Kind::BinaryTcp);
}

#[test]
fn two_hundred_numbers_sent_three_times_are_delivered_once_over_the_web() {
    two_hundred_numbers_on(Kind::BinaryWeb);
    two_hundred_numbers_on(Kind::BinaryText);
}

#[test]
fn what_has_no_answer_at_a_kill_is_sent_again_and_there_once() {
    const AHEAD: usize = 64;
    const ROUNDS: usize = 4;
    let mut server = Server::start();
    let (mut a, mut b) = friends(&server, Kind::BinaryTcp);
    let group = packets::group_of(&mut a, "学习");
    let mut next = 0;
    let mut known: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    let mut delivered: BTreeMap<String, u64> = BTreeMap::new();
    for round in 0..ROUNDS {
        let texts: Vec<String> = (next..next + AHEAD).map(|n| n.to_string()).collect();
        next += AHEAD;
        let messages: Vec<Value> = texts.iter().map(|text| packets::private(next_number(), &b.id, text)).collect();
        for message in &messages {
            a.wire.say(message);
        }
        for text in texts.iter().take(round * 5) {
            known.insert(text.clone(), sent(&words(&mut a)));
        }
        server.kill9();
        server.restart();
        a = reconnect(a, &server);
        for (text, answer) in texts.iter().zip(answers(&mut a, &messages.iter().collect::<Vec<_>>())) {
            let before = known.insert(text.clone(), answer);
            assert!(before.is_none_or(|before| before == answer), "{text}: {before:?}, then {answer:?}");
        }
        b = b.again(&server, b.kind);
        // Not the same each time: after a kill it may come again.
        let last = format!("last {round}");
        say_last(&mut a, &b, &group, &last);
        for told in heard(&mut b, &last) {
            if told.text().starts_with("last") {
                continue;
            }
            let before = delivered.insert(told.text().to_owned(), told.message.id);
            // After a kill what was acknowledged may come once more: under the same id.
            assert!(
                before.is_none_or(|before| before == told.message.id),
                "{}: {before:?}, then {told:?}",
                told.text()
            );
        }
    }
    let expected: BTreeMap<String, u64> = known.iter().map(|(text, (id, _))| (text.clone(), *id)).collect();
    assert_eq!(expected.len(), next);
    assert_eq!(delivered, expected);
}

#[test]
fn two_connections_that_send_the_same_at_once_send_it_once() {
    const MESSAGES: usize = 100;
    let server = Server::start();
    let (mut a, mut b) = friends(&server, Kind::BinaryTcp);
    let group = packets::group_of(&mut a, "学习");
    let message = |n: usize| packets::private(next_number(), &b.id, &n.to_string());
    let messages: Vec<Value> = (0..MESSAGES).map(message).collect();
    let all: Vec<&Value> = messages.iter().collect();
    // The first connection is about to die, and its words are on their way still when the second one's come.
    for message in &all {
        a.wire.say(message);
    }
    let Person { kind, name, id, wire } = a;
    let mut a = Person { kind, name, id, wire: Wire::open(&server, kind) };
    packets::login_as(&mut a, &INSTANCE);
    let ids: Vec<u64> = answers(&mut a, &all).into_iter().map(|(id, _)| id).collect();
    drop(wire);
    say_last(&mut a, &b, &group, "last");
    let mut delivered: Vec<u64> = heard(&mut b, "last").iter().map(|told| told.message.id).collect();
    delivered.sort_unstable();
    let mut expected = ids;
    expected.sort_unstable();
    assert_eq!(delivered, expected);
}

#[test]
fn what_was_taken_is_answered_as_it_was_even_where_it_would_be_refused_now() {
    let server = Server::start();
    let (mut a, mut b) = friends(&server, Kind::BinaryTcp);
    let group = packets::group_of(&mut a, "学习");
    let [private, post] = [packets::private(next_number(), &a.id, "hi"), packets::post(next_number(), &group, "hi")];
    let before = [sent(&b.ask(private.clone())), sent(&b.ask(post.clone()))];
    for _ in 0..2 {
        a.news();
    }
    // Friends no more, and out of the group.
    let reply = a.ask(json!({"removeFriend": {"friend": b.id}}));
    assert!(reply["friendRemoved"].is_object(), "{reply}");
    assert!(b.hear()["friendRemoved"].is_object());
    b.success(json!({"leaveGroup": {"group": group}}));
    assert_eq!([sent(&b.ask(private)), sent(&b.ask(post))], before);
    let reply = b.ask(packets::private(next_number(), &a.id, "hi"));
    assert_eq!(packets::reason(&reply), "REASON_NOT_FRIENDS");
    let reply = b.ask(packets::post(next_number(), &group, "hi"));
    assert_eq!(packets::reason(&reply), "REASON_NOT_MEMBER");
    a.expect_nothing();
}

#[test]
fn a_counter_that_begins_anew_loses_nothing() {
    let server = Server::with(&["binary.dedup_bare_s=0"]);
    let (mut a, mut b) = (Person::new(&server, Kind::BinaryTcp, "a"), Person::new(&server, Kind::BinaryTcp, "b"));
    a.befriend(&mut b, true);
    let number = next_number();
    // Nobody says which installation it is: other words are another message, and here equal ones are as well.
    for (nth, text) in (1..).zip(["one", "two", "two"]) {
        let (id, _) = sent(&a.ask(packets::private(number, &b.id, text)));
        assert_eq!(id, nth);
        assert_eq!(told(&b.hear()).unwrap().text(), text);
    }
}

#[test]
fn numbers_are_forgotten_when_there_are_enough_newer_ones_and_they_are_old() {
    // Neither bound alone makes one forget.
    for (settings, forgotten) in [
        (["binary.dedup_numbers=4", "binary.dedup_for=1h"], false),
        (["binary.dedup_numbers=4096", "binary.dedup_for=1s"], false),
        (["binary.dedup_numbers=4", "binary.dedup_for=1s"], true),
    ] {
        let mut sets = settings.to_vec();
        sets.push("session.frame_timeout_s=1");
        let server = Server::with(&sets);
        let (mut a, b) = friends(&server, Kind::BinaryTcp);
        let first = packets::private(next_number(), &b.id, "first");
        let (id, _) = sent(&a.ask(first.clone()));
        let mut send = |numbers: std::ops::Range<u32>| {
            for n in numbers {
                sent(&a.ask(packets::private(next_number(), &b.id, &n.to_string())));
            }
        };
        // A run is forgotten as a whole, once the next one is old.
        send(0..70);
        // Two, since the age is counted in milliseconds of another clock.
        server.pass_a_second();
        server.pass_a_second();
        send(70..90);
        let (again, _) = sent(&a.ask(first));
        assert_eq!(again != id, forgotten, "{settings:?}");
    }
}
