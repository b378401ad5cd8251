//! What clients of `binary` acknowledge: what they do not comes again, and nothing else counts.

use crate::packets::{self, Told, next_number, received, sent, told};
use crate::people::{News, Person};
use crate::wire::{Kind, Wire};
use crate::world::Server;
use protocol::dialects::binary::packets::Receipt;
use serde_json::json;

const MESSAGES: usize = 40;

/// One who writes, and one who reads: friends, in one group.
fn writer_and_reader(server: &Server, kind: Kind) -> (Person, Person) {
    let (mut a, mut b) = (Person::new(server, Kind::BinaryTcp, "a"), Person::new(server, kind, "b"));
    a.befriend(&mut b, true);
    a.create_group("g");
    b.join_group("g");
    (a, b)
}

fn write(a: &mut Person, b: &Person, messages: usize) {
    let group = packets::group_of(a, "g");
    for n in 0..messages {
        for message in [
            packets::private(next_number(), &b.id, &n.to_string()),
            packets::post(next_number(), &group, &n.to_string()),
        ] {
            sent(&a.ask(message));
        }
    }
}

/// Somebody goes, which writes down what was received, and comes back on another connection.
fn out_and_in(mut person: Person, server: &Server) -> Person {
    person.success(json!({"logout": {}}));
    person.again(server, person.kind)
}

/// The next so many messages; none is acknowledged.
fn hear(person: &mut Person, messages: usize) -> Vec<Told> {
    let mut all = Vec::new();
    while all.len() < messages {
        let packet = person.hear();
        match told(&packet) {
            Some(told) => all.push(told),
            None => assert!(packet["presence"].is_object(), "{packet}"),
        }
    }
    all
}

/// Whether these are all the messages, once each, in the order of each conversation.
fn assert_all(messages: &[Told], late: bool) {
    assert!(messages.iter().all(|told| told.late == late), "{messages:?}");
    for group in [false, true] {
        let texts = messages.iter().filter(|told| (told.message.group != 0) == group);
        let texts: Vec<usize> = texts.map(|told| told.text().parse().unwrap()).collect();
        assert_eq!(texts, (0..MESSAGES).collect::<Vec<_>>());
    }
}

/// D9 of the checks.
#[test]
fn what_is_not_acknowledged_comes_again_after_every_end() {
    for kind in Kind::BINARY {
        let mut server = Server::start();
        let (mut a, mut b) = writer_and_reader(&server, kind);
        write(&mut a, &b, MESSAGES);
        let first = hear(&mut b, 2 * MESSAGES);
        assert_all(&first, false);
        let names = |all: &[Told]| {
            let mut names: Vec<_> =
                all.iter().map(|told| (told.message.group, told.message.id, told.message.at_ms)).collect();
            names.sort_unstable();
            names
        };
        for end in 0..5 {
            let Person { kind, name, id, wire } = b;
            match end {
                0 => wire.close(),
                1 => wire.reset(),
                2 => {
                    server.kill9();
                    server.restart();
                }
                3 => {
                    assert!(server.sigterm().success());
                    server.restart();
                }
                _ => {
                    let mut out = Person { kind, name: name.clone(), id: id.clone(), wire };
                    out.success(json!({"logout": {}}));
                }
            }
            b = Person { kind, name, id, wire: Wire::open(&server, kind) };
            b.login();
            let again = hear(&mut b, 2 * MESSAGES);
            assert_all(&again, true);
            assert_eq!(names(&again), names(&first), "the same when they come again");
            b.expect_nothing();
        }
        let receipts: Vec<Receipt> = first.iter().map(Told::receipt).collect();
        b.wire.say(&received(&receipts));
        b = out_and_in(b, &server);
        b.expect_nothing();
    }
}

#[test]
fn receipts_for_what_was_never_sent_here_remove_nothing() {
    let server = Server::start();
    let (mut a, mut b) = writer_and_reader(&server, Kind::BinaryTcp);
    // Somebody else, with an inbox and a group of its own.
    let mut c = Person::new(&server, Kind::BinaryTcp, "c");
    a.befriend(&mut c, true);
    c.create_group("other");
    a.join_group("other");
    for n in 0..3 {
        a.write(&c, &n.to_string());
        a.post("other", &n.to_string());
    }
    let theirs = hear(&mut c, 6);
    write(&mut a, &b, MESSAGES);
    let mine = hear(&mut b, 2 * MESSAGES);
    let group = mine.iter().map(|told| told.message.group).find(|group| *group != 0).unwrap();
    let last = mine.iter().map(|told| told.receipt().place).max().unwrap();
    let other = theirs.iter().map(|told| told.message.group).find(|group| *group != 0).unwrap();
    let wrong = [
        // Nothing has these places.
        Receipt { group: 0, place: 0 },
        Receipt { group, place: 0 },
        // To come.
        Receipt { group: 0, place: last + 100 },
        Receipt { group, place: last + 1 },
        Receipt { group: 0, place: u64::MAX },
        Receipt { group, place: u64::MAX },
        // Somebody else's, and nobody's.
        Receipt { group: other, place: 1 },
        Receipt { group: 999, place: 1 },
        Receipt { group: u64::MAX, place: u64::MAX },
    ];
    for receipt in wrong {
        let reply = b.ask(received(&[receipt]));
        assert_eq!(packets::reason(&reply), "REASON_NO_SUCH_RECEIPT", "{receipt:?}");
    }
    // On a connection that was sent nothing, and by somebody to whom nothing was sent.
    let mut d = Person::new(&server, Kind::BinaryTcp, "d");
    for told in mine.iter().chain(&theirs) {
        let reply = d.ask(received(&[told.receipt()]));
        assert_eq!(packets::reason(&reply), "REASON_NO_SUCH_RECEIPT");
    }
    b = b.again(&server, b.kind);
    assert_all(&hear(&mut b, 2 * MESSAGES), true);
    b.expect_nothing();
    c = c.again(&server, c.kind);
    assert_eq!(hear(&mut c, 6).len(), 6);
    c.expect_nothing();
}

#[test]
fn what_is_acknowledged_out_of_order_takes_nothing_along() {
    let server = Server::start();
    let (mut a, mut b) = writer_and_reader(&server, Kind::BinaryTcp);
    write(&mut a, &b, MESSAGES);
    let all = hear(&mut b, 2 * MESSAGES);
    // Every third is not acknowledged, the first of each conversation among them.
    let is_kept = |told: &Told| told.text().parse::<usize>().unwrap().is_multiple_of(3);
    let mut receipts: Vec<Receipt> = all.iter().filter(|told| !is_kept(told)).map(Told::receipt).collect();
    receipts.reverse();
    b.wire.say(&received(&receipts));
    b = out_and_in(b, &server);
    assert_eq!([a.news(), a.news()], [News::Offline(b.name.clone()), News::Online(b.name.clone())]);
    // What was acknowledged behind a gap may come again: until the gap is closed it is not known on the disk.
    a.write(&b, "last");
    a.post("g", "last");
    let (mut again, mut lasts) = (Vec::new(), 0);
    while lasts < 2 {
        let told = hear(&mut b, 1).remove(0);
        if told.text() == "last" {
            lasts += 1;
        } else {
            again.push(told);
        }
    }
    for kept in all.iter().filter(|told| is_kept(told)) {
        let there = again.iter().any(|told| told.receipt() == kept.receipt() && told.message.id == kept.message.id);
        assert!(there, "{kept:?} was not acknowledged and is lost");
    }
    for group in [false, true] {
        let ids = again.iter().filter(|told| (told.message.group != 0) == group).map(|told| told.message.id);
        let ids: Vec<u64> = ids.collect();
        assert!(ids.is_sorted_by(|a, b| a < b), "{ids:?}");
    }
}

#[test]
fn a_window_bounds_what_is_on_its_way() {
    const WINDOW: usize = 8;
    for kind in Kind::BINARY {
        let server = Server::with(&["binary.receipt_window=8"]);
        let (mut a, mut b) = writer_and_reader(&server, kind);
        // Live at first, and then from the store.
        for again in [false, true] {
            if again {
                b = b.again(&server, kind);
            } else {
                write(&mut a, &b, MESSAGES);
            }
            let mut open: Vec<Told> = hear(&mut b, WINDOW);
            b.expect_nothing();
            if !again {
                continue;
            }
            let mut all = Vec::new();
            while !open.is_empty() {
                let told = open.remove(0);
                b.wire.say(&received(&[told.receipt()]));
                all.push(told);
                if all.len() + open.len() < 2 * MESSAGES {
                    open.extend(hear(&mut b, 1));
                }
                assert!(open.len() <= WINDOW);
            }
            b.expect_nothing();
            for group in [false, true] {
                let texts = all.iter().filter(|told| (told.message.group != 0) == group);
                let texts: Vec<usize> = texts.map(|told| told.text().parse().unwrap()).collect();
                assert_eq!(texts, (0..MESSAGES).collect::<Vec<_>>());
            }
        }
        b = out_and_in(b, &server);
        b.expect_nothing();
    }
}

#[test]
fn within_a_connection_what_is_overdue_comes_again_and_again() {
    let server = Server::with(&["binary.receipt_timeout_s=1"]);
    let (mut a, mut b) = writer_and_reader(&server, Kind::BinaryTcp);
    a.write(&b, "one");
    a.write(&b, "two");
    let first = hear(&mut b, 2);
    for _ in 0..3 {
        let again = hear(&mut b, 2);
        assert_eq!(
            again.iter().map(Told::receipt).collect::<Vec<_>>(),
            first.iter().map(Told::receipt).collect::<Vec<_>>()
        );
        assert!(again.iter().all(|told| told.late));
    }
    // What comes meanwhile is behind it.
    b.wire.say(&received(&[first[0].receipt(), first[1].receipt()]));
    a.write(&b, "three");
    assert_eq!(hear(&mut b, 1)[0].text(), "three");
    b.expect_nothing();
}

#[test]
fn each_connection_of_an_account_acknowledges_for_itself() {
    let server = Server::start();
    let (mut a, mut first) = writer_and_reader(&server, Kind::BinaryTcp);
    let mut second = first.again(&server, Kind::BinaryText);
    a.write(&first, "hi");
    let (one, other) = (hear(&mut first, 1).remove(0), hear(&mut second, 1).remove(0));
    assert_eq!(one.message, other.message);
    first.wire.say(&received(&[one.receipt()]));
    first.expect_nothing();
    // The second may do it too, and is not told that it was nothing.
    second.wire.say(&received(&[other.receipt()]));
    second.expect_nothing();
}
