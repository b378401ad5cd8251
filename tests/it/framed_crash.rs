//! `framed` over restarts, in order and by kill -9: what was acknowledged is there, in its order, and without a gap.

use crate::people::Person;
use crate::wire::Kind;
use crate::world::Server;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::mpsc::{Sender, channel};
use std::thread::scope;

/// How a server ends.
#[derive(Clone, Copy, Debug)]
enum End {
    Killed,
    Stopped,
}

const LINKS: [Kind; 2] = [Kind::FramedTcp, Kind::FramedWeb];

impl End {
    const BOTH: [Self; 2] = [Self::Killed, Self::Stopped];

    fn restart(self, server: &mut Server) {
        match self {
            Self::Killed => server.kill9(),
            Self::Stopped => assert!(server.sigterm().success()),
        }
        server.restart();
    }
}

/// Somebody new who is anybody's friend at once.
fn open(server: &Server, kind: Kind, name: &str) -> Person {
    let mut person = Person::new(server, kind, name);
    let reply = person.ask(json!({"command": "set_policy", "add": "open"}));
    assert_eq!(reply["status"], "success");
    person
}

/// The text of a message, private or a group's, if that is one.
fn text_of(packet: &Value) -> Option<&str> {
    let is_message = packet["command"] == "send_message" || packet["command"] == "send_group_message";
    is_message.then(|| packet["message"].as_str().unwrap())
}

#[test]
fn a_request_and_its_answer_survive_every_end() {
    let mut server = Server::start();
    for (n, end) in End::BOTH.into_iter().enumerate() {
        for (m, link) in LINKS.into_iter().enumerate() {
            for accepts in [true, false] {
                let mut a = Person::new(&server, link, &format!("甲{n}{m}{accepts}"));
                let mut b = Person::new(&server, link, &format!("乙{n}{m}{accepts}"));
                let (a_id, b_id) = (a.id.clone(), b.id.clone());
                let asked = json!({"command": "add_friend", "src": a_id, "dst": b_id, "status": "1",
                    "message": "confirm_one_way"});
                let reply = a.ask(json!({"command": "add_friend", "src": a_id, "dst": b_id, "status": "1"}));
                assert_eq!(reply, json!({"command": "add_friend_return", "status": "success"}));
                assert_eq!(b.hear(), asked);
                end.restart(&mut server);

                // Asked again, since nothing was answered; and a is away while it is.
                b = b.again(&server, link);
                assert_eq!(b.hear(), asked);
                let word = if accepts { "confirm_two_way" } else { "reject" };
                let answer = json!({"command": "add_friend_confirm", "src": a_id, "dst": b_id, "message": word});
                let reply = b.ask(answer.clone());
                assert_eq!(
                    (&reply["command"], &reply["status"]),
                    (&json!("add_friend_confirm_return"), &json!("success"))
                );
                end.restart(&mut server);

                a = a.again(&server, link);
                let told = a.hear();
                assert_eq!(told["command"], "add_friend_confirm_return", "{told}");
                assert_eq!(told["status"], if accepts { "success" } else { "fail" }, "{told}");
                let told = a.hear();
                assert_eq!(told["command"], if accepts { "friend_added" } else { "friend_rejected" }, "{told}");
                assert_eq!((&told["id"], &told["username"]), (&json!(b_id), &json!(b.name)));
                a.expect_nothing();
                let mut list = a.ask(json!({"command": "list_friend", "id": a_id}));
                let friends = list["friends"].take();
                let friend = json!({"id": b_id, "username": b.name, "status": "1"});
                assert_eq!(friends, if accepts { json!([friend]) } else { json!([]) });

                // Answered: nobody is asked any more.
                let mut b = b.again(&server, link);
                if accepts {
                    assert_eq!(a.hear()["online"], "1");
                }
                b.wire.say(&answer);
                let mut reply = b.hear();
                while reply["command"] == "friend_added" || reply["status"] == "success" {
                    // The news of its own answer may come once more: it was not seen to be received.
                    reply = b.hear();
                }
                assert_eq!(reply["detail"], "no such request", "{reply}");
            }
        }
    }
}

/// Sends these numbers far ahead of the answers, and waits for all of these.
fn write(from: &mut Person, to: &str, numbers: Range<usize>) {
    for number in numbers.clone() {
        let src = &from.id;
        from.wire.say(&json!({"command": "send_message", "src": src, "dst": to, "message": number.to_string()}));
    }
    let mut answers = 0;
    while answers < numbers.len() {
        let heard = from.hear();
        // The other one comes and goes meanwhile.
        if heard["command"] != "friend_status" {
            assert_eq!(heard, json!({"command": "send_message_return", "status": "success"}));
            answers += 1;
        }
    }
}

/// Reads numbers on one connection until one is `until`; `next` is the first that was not seen on any. Each follows the
/// one before.
fn count(person: &mut Person, next: &mut usize, until: usize) {
    let mut here = None;
    while here.is_none_or(|here| here < until) {
        let packet = person.hear();
        let Some(number) = text_of(&packet).map(|text| text.parse::<usize>().unwrap()) else {
            assert_eq!(packet["command"], "friend_status", "{packet}");
            continue;
        };
        match here {
            // What came before may come again, and nothing is left out.
            None => assert!(number <= *next, "{number} comes first, and {next} is not there"),
            Some(here) => assert_eq!(number, here + 1),
        }
        here = Some(number);
        *next = (*next).max(number + 1);
    }
}

#[test]
fn a_backlog_and_what_comes_while_it_is_read_are_one_row() {
    const BACKLOG: usize = 300;
    const LIVE: usize = 100;
    for link in LINKS {
        let mut server = Server::start();
        let (mut a, mut b) = (Person::new(&server, Kind::FramedTcp, "a"), open(&server, link, "b"));
        a.befriend(&mut b, false);
        b.wire.say(&json!({"command": "logout", "id": b.id}));
        assert_eq!(b.wire.hear(), None);
        assert_eq!(a.hear()["online"], "0");
        // The half of it before an end, the other half behind it.
        write(&mut a, &b.id, 0..BACKLOG / 2);
        End::Killed.restart(&mut server);
        a = a.again(&server, a.kind);
        write(&mut a, &b.id, BACKLOG / 2..BACKLOG);
        let (mut next, mut said) = (0, BACKLOG);
        for end in [End::Killed, End::Stopped, End::Killed] {
            (a, b) = (a.again(&server, a.kind), b.again(&server, link));
            let to = b.id.clone();
            scope(|scope| {
                scope.spawn(|| write(&mut a, &to, said..said + LIVE));
                let until = next + BACKLOG / 4;
                count(&mut b, &mut next, until);
            });
            said += LIVE;
            // In the middle of what b has to read.
            end.restart(&mut server);
        }
        b = b.again(&server, link);
        a = a.again(&server, a.kind);
        write(&mut a, &b.id, said..said + 1);
        count(&mut b, &mut next, said);
    }
}

/// What was said to whom, and how it was answered.
#[derive(Default)]
struct Ledger {
    acknowledged: BTreeSet<String>,
    refused: BTreeSet<String>,
    delivered: BTreeMap<String, BTreeSet<String>>,
}

/// Everybody, by name, as long as no server runs.
struct People {
    senders: Vec<Person>,
    readers: Vec<Person>,
    away: Person,
    stranger: Person,
}

impl People {
    fn new(server: &Server) -> Self {
        let new = |kind: Kind, name: &str| open(server, kind, name);
        let mut senders = vec![new(Kind::FramedTcp, "s0"), new(Kind::FramedWeb, "s1")];
        let mut readers = vec![new(Kind::FramedTcp, "r0"), new(Kind::FramedWeb, "r1")];
        let (mut away, stranger) = (new(Kind::FramedTcp, "away"), new(Kind::FramedTcp, "stranger"));
        senders[0].create_group("g");
        for sender in &mut senders {
            for other in readers.iter_mut().chain([&mut away]) {
                sender.befriend(other, false);
            }
        }
        for member in senders[1..].iter_mut().chain(&mut readers) {
            member.join_group("g");
        }
        Self { senders, readers, away, stranger }
    }

    /// What a sender says as its nth in a round: to a reader, to the group, to one who is away, to no friend.
    fn packet(&self, sender: &Person, text: &str, nth: usize) -> Value {
        let to = match nth % 5 {
            0 => return json!({"command": "send_group_message", "groupname": "g", "message": text}),
            1 => &self.away,
            2 => &self.stranger,
            n => &self.readers[n - 3],
        };
        sender.private(to, text)
    }
}

/// Sends until the server is gone, a few ahead; (text, whether it was acknowledged) for each that was answered.
fn send(mut sender: Person, people: &People, round: usize, told: &Sender<(String, bool)>) {
    const AHEAD: usize = 4;
    let name = sender.name.clone();
    let text = |nth: usize| format!("{name}-{round}-{nth}");
    let mut said = 0;
    for answered in 0.. {
        while said < answered + AHEAD {
            let packet = people.packet(&sender, &text(said), said);
            if !sender.wire.try_text(&packet.to_string()) {
                return;
            }
            said += 1;
        }
        // What friends and the group do comes in between.
        let answer = loop {
            match sender.wire.hear() {
                Some(packet) if packet["command"].as_str().unwrap().ends_with("_message_return") => break packet,
                Some(_) => {}
                None => return,
            }
        };
        let success = answer["status"] == "success";
        assert_eq!(success, answered % 5 != 2, "{answer}");
        assert!(success || answer["detail"] == "dst not in friend_list", "{answer}");
        if told.send((text(answered), success)).is_err() {
            return;
        }
    }
}

/// Reads until the server is gone, or one says `last` to it and in the group. Within a connection nothing comes twice,
/// and nobody's words to one place change their order.
fn receive(reader: &mut Person, lasts: usize) -> BTreeSet<String> {
    let (mut texts, mut newest, mut ends) = (BTreeSet::new(), BTreeMap::new(), 0);
    while let Some(packet) = reader.wire.hear() {
        let Some(text) = text_of(&packet) else { continue };
        if text == "last" {
            ends += 1;
            if ends == lasts {
                break;
            }
            continue;
        }
        let mut parts = text.split('-');
        let who = parts.next().unwrap().to_owned();
        let number: Vec<usize> = parts.map(|part| part.parse().unwrap()).collect();
        let place = packet["groupname"].to_string();
        let before = newest.insert((who, place), number.clone());
        assert!(before.as_ref() < Some(&number), "{}: {text} comes behind {before:?}", reader.name);
        texts.insert(text.to_owned());
    }
    texts
}

fn round(server: &mut Server, people: &People, round: usize, kill_after: usize, ledger: &mut Ledger) {
    let again = |person: &Person| person.again(server, person.kind);
    let readers: Vec<Person> = people.readers.iter().map(again).collect();
    let senders: Vec<Person> = people.senders.iter().map(again).collect();
    scope(|scope| {
        let (tell, told) = channel();
        let readers: Vec<_> = readers
            .into_iter()
            .map(|mut reader| scope.spawn(move || (reader.name.clone(), receive(&mut reader, usize::MAX))))
            .collect();
        for sender in senders {
            let tell = tell.clone();
            scope.spawn(move || send(sender, people, round, &tell));
        }
        drop(tell);
        for (count, (text, success)) in (1..).zip(told) {
            if success { &mut ledger.acknowledged } else { &mut ledger.refused }.insert(text);
            if count == kill_after {
                server.kill9();
            }
        }
        for reader in readers {
            let (name, texts) = reader.join().unwrap();
            ledger.delivered.entry(name).or_default().extend(texts);
        }
    });
    server.restart();
}

#[test]
fn what_was_acknowledged_survives_every_kill() {
    let mut server = Server::with(&["group.catch_up=100000"]);
    let people = People::new(&server);
    // Everybody goes; who is away stays away.
    server.kill9();
    server.restart();
    let mut ledger = Ledger::default();
    for (at, kill_after) in [1, 37, 150, 260, 90].into_iter().enumerate() {
        round(&mut server, &people, at, kill_after, &mut ledger);
    }

    // Everything that is still owed comes before what is said now.
    let mut last = people.senders[0].again(&server, Kind::FramedTcp);
    last.wire.say(&json!({"command": "send_group_message", "groupname": "g", "message": "last"}));
    for reader in people.readers.iter().chain([&people.away]) {
        last.wire.say(&last.private(reader, "last"));
    }
    for reader in people.readers.iter().chain([&people.away]) {
        let lasts = if reader.name == "away" { 1 } else { 2 };
        let texts = receive(&mut reader.again(&server, reader.kind), lasts);
        ledger.delivered.entry(reader.name.clone()).or_default().extend(texts);
    }
    assert!(ledger.acknowledged.len() > 300, "{}", ledger.acknowledged.len());
    for (name, delivered) in &ledger.delivered {
        let ghosts: Vec<_> = ledger.refused.intersection(delivered).collect();
        assert!(ghosts.is_empty(), "refused, and delivered to {name}: {ghosts:?}");
        let theirs = |text: &&String| {
            let nth: usize = text.rsplit('-').next().unwrap().parse().unwrap();
            match name.as_str() {
                "away" => nth % 5 == 1,
                "r0" => nth.is_multiple_of(5) || nth % 5 == 3,
                _ => nth.is_multiple_of(5) || nth % 5 == 4,
            }
        };
        let owed: BTreeSet<&String> = ledger.acknowledged.iter().filter(theirs).collect();
        let lost: Vec<_> = owed.iter().filter(|text| !delivered.contains(**text)).collect();
        assert!(lost.is_empty(), "acknowledged, and lost for {name}: {lost:?} of {}", owed.len());
        let others: Vec<_> = delivered.iter().filter(|text| !theirs(text)).collect();
        assert!(others.is_empty(), "not for {name}: {others:?}");
    }
    let mut stranger = people.stranger.again(&server, Kind::FramedWeb);
    stranger.expect_nothing();
}
