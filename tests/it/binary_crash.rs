//! `binary` over kill -9: what was acknowledged is there, once; what was refused is not; and what had no answer is sent
//! again by whoever said it, under its number, until it has one.

use crate::packets::{self, next_number, told};
use crate::people::Person;
use crate::wire::{Kind, Wire};
use crate::world::Server;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::mpsc::{Sender, channel};
use std::thread::scope;

/// After how many answers in all the server is killed, round by round.
const KILLS: [usize; 25] =
    [1, 37, 150, 260, 90, 400, 333, 3, 510, 222, 75, 610, 18, 444, 120, 305, 700, 55, 280, 505, 9, 650, 190, 360, 480];

/// Somebody who is anybody's friend at once.
fn open(server: &Server, kind: Kind, name: &str) -> Person {
    let mut person = Person::new(server, kind, name);
    person.success(json!({"setPolicy": {"friends": "CONSENT_OPEN"}}));
    person
}

/// An account by what it takes to log in again.
#[derive(Clone)]
struct Account {
    kind: Kind,
    name: String,
    id: String,
}

impl Account {
    fn of(person: Person) -> Self {
        Self { kind: person.kind, name: person.name, id: person.id }
    }

    /// Logs in, as the installation of that account.
    fn login(&self, server: &Server) -> Person {
        let wire = Wire::open(server, self.kind);
        let mut person = Person { kind: self.kind, name: self.name.clone(), id: self.id.clone(), wire };
        let mut instance = [0; 16];
        instance[..8].copy_from_slice(&self.id.parse::<u64>().unwrap().to_be_bytes());
        packets::login_as(&mut person, &instance);
        person
    }
}

/// Who writes, and what it has said that is not answered.
struct Writer {
    account: Account,
    open: VecDeque<(String, Value)>,
    said: usize,
}

struct People {
    writers: Vec<Writer>,
    readers: Vec<Account>,
    away: Account,
    stranger: Account,
    group: String,
}

impl People {
    fn new(server: &Server) -> Self {
        let mut writers: Vec<Person> = (0..)
            .zip([Kind::BinaryTcp, Kind::BinaryWeb, Kind::BinaryText, Kind::BinaryTcp])
            .map(|(n, kind): (usize, _)| open(server, kind, &format!("w{n}")))
            .collect();
        let mut readers: Vec<Person> =
            (0..).zip(Kind::BINARY).map(|(n, kind): (usize, _)| open(server, kind, &format!("r{n}"))).collect();
        let mut away = open(server, Kind::BinaryTcp, "away");
        let stranger = open(server, Kind::BinaryTcp, "stranger");
        writers[0].create_group("g");
        let group = packets::group_of(&mut writers[0], "g");
        for writer in &mut writers {
            for other in readers.iter_mut().chain([&mut away]) {
                writer.befriend(other, false);
            }
        }
        for member in writers[1..].iter_mut().chain(&mut readers) {
            member.join_group("g");
        }
        let writers = writers
            .into_iter()
            .map(|writer| Writer { account: Account::of(writer), open: VecDeque::new(), said: 0 })
            .collect();
        let readers = readers.into_iter().map(Account::of).collect();
        Self { writers, readers, away: Account::of(away), stranger: Account::of(stranger), group }
    }

    /// What the nth message of anybody is, and for whom: a reader, the group, one who is away, no friend.
    fn message(&self, text: &str, nth: usize) -> Value {
        let to = match nth % 6 {
            0 => return packets::post(next_number(), &self.group, text),
            1 => &self.away,
            2 => &self.stranger,
            n => &self.readers[n - 3],
        };
        packets::private(next_number(), &to.id, text)
    }

    /// Whether the nth message of anybody is for that one.
    fn is_for(&self, name: &str, nth: usize) -> bool {
        match nth % 6 {
            0 => name.starts_with('r'),
            1 => name == self.away.name,
            2 => false,
            n => name == self.readers[n - 3].name,
        }
    }
}

/// What became of everything that was said.
#[derive(Default)]
struct Ledger {
    /// With the id that its writer was told.
    acknowledged: BTreeMap<String, u64>,
    refused: BTreeSet<String>,
    /// By reader: the ids under which each text came.
    delivered: BTreeMap<String, BTreeMap<String, BTreeSet<u64>>>,
}

impl Ledger {
    fn answered(&mut self, text: String, answer: &Value) {
        if packets::is_no(answer) {
            assert_eq!(packets::reason(answer), "REASON_NOT_FRIENDS");
            self.refused.insert(text);
            return;
        }
        let (id, _) = packets::sent(answer);
        let before = self.acknowledged.insert(text.clone(), id);
        assert!(before.is_none_or(|before| before == id), "{text}: {before:?}, then {id}");
    }
}

/// Says again what has no answer, then something new, until the server is gone; at most a few ahead.
fn run(writer: &mut Writer, people: &People, mut person: Person, told: &Sender<(String, Value)>) {
    const AHEAD: usize = 6;
    for (_, message) in &writer.open {
        if !person.wire.try_text(&message.to_string()) {
            return;
        }
    }
    loop {
        while writer.open.len() < AHEAD {
            let text = format!("{}-{}", writer.account.name, writer.said);
            let message = people.message(&text, writer.said);
            writer.said += 1;
            let is_said = person.wire.try_text(&message.to_string());
            writer.open.push_back((text, message));
            if !is_said {
                return;
            }
        }
        // What others say in the group, and who comes and goes.
        let answer = loop {
            match person.wire.hear() {
                Some(packet) if packet["seq"].is_string() => break packet,
                Some(packet) => packets::acknowledge(&mut person, &packet),
                None => return,
            }
        };
        let (text, message) = writer.open.pop_front().unwrap();
        assert_eq!(answer["seq"], message["seq"]);
        if told.send((text, answer)).is_err() {
            return;
        }
    }
}

/// Reads until the server is gone, or `last` has come so many times; by text, the ids. Each is acknowledged. Within a
/// connection nothing comes twice, and each conversation is in its order.
fn read(mut reader: Person, lasts: usize) -> BTreeMap<String, BTreeSet<u64>> {
    let (mut texts, mut newest, mut ends) = (BTreeMap::new(), BTreeMap::new(), 0);
    while ends < lasts
        && let Some(packet) = reader.wire.hear()
    {
        packets::acknowledge(&mut reader, &packet);
        let Some(told) = told(&packet) else { continue };
        let message = &told.message;
        let conversation = (message.group, if message.group == 0 { message.sender } else { 0 });
        let before = newest.insert(conversation, message.id);
        assert!(before < Some(message.id), "{}: {} comes behind {before:?}", reader.name, message.id);
        if told.text() == "last" {
            ends += 1;
        } else {
            texts.entry(told.text().to_owned()).or_insert_with(BTreeSet::new).insert(message.id);
        }
    }
    texts
}

fn round(server: &mut Server, people: &mut People, kill_after: usize, ledger: &mut Ledger) {
    let readers: Vec<Person> = people.readers.iter().map(|reader| reader.login(server)).collect();
    let mut writers = std::mem::take(&mut people.writers);
    let connected: Vec<Person> = writers.iter().map(|writer| writer.account.login(server)).collect();
    let people_here = &*people;
    scope(|scope| {
        let (tell, told) = channel();
        let readers: Vec<_> = readers
            .into_iter()
            .map(|reader| scope.spawn(move || (reader.name.clone(), read(reader, usize::MAX))))
            .collect();
        for (writer, person) in writers.iter_mut().zip(connected) {
            let tell = tell.clone();
            scope.spawn(move || run(writer, people_here, person, &tell));
        }
        drop(tell);
        for (count, (text, answer)) in (1..).zip(told) {
            ledger.answered(text, &answer);
            if count == kill_after {
                server.kill9();
            }
        }
        for reader in readers {
            let (name, texts) = reader.join().unwrap();
            let delivered = ledger.delivered.entry(name).or_default();
            for (text, ids) in texts {
                delivered.entry(text).or_default().extend(ids);
            }
        }
    });
    people.writers = writers;
    server.restart();
}

/// D1 of the checks, for this dialect.
#[test]
fn nothing_is_lost_and_nothing_is_there_twice_after_any_kill() {
    let mut server = Server::with(&["group.catch_up=100000"]);
    let mut people = People::new(&server);
    // Everybody goes; who is away stays away.
    server.kill9();
    server.restart();
    let mut ledger = Ledger::default();
    for kill_after in KILLS {
        round(&mut server, &mut people, kill_after, &mut ledger);
    }

    // Whoever has no answer asks once more.
    for writer in &mut people.writers {
        let mut person = writer.account.login(&server);
        for (text, message) in std::mem::take(&mut writer.open) {
            person.wire.say(&message);
            let answer = loop {
                let heard = person.hear();
                if heard["seq"].is_string() {
                    break heard;
                }
            };
            ledger.answered(text, &answer);
        }
    }
    // Everything that is still owed comes before what is said now.
    let mut last = people.writers[0].account.login(&server);
    let everybody: Vec<Account> = people.readers.iter().chain([&people.away]).cloned().collect();
    last.wire.say(&packets::post(next_number(), &people.group, "last"));
    for reader in &everybody {
        last.wire.say(&packets::private(next_number(), &reader.id, "last"));
    }
    for reader in &everybody {
        let lasts = if reader.name == "away" { 1 } else { 2 };
        let delivered = ledger.delivered.entry(reader.name.clone()).or_default();
        for (text, ids) in read(reader.login(&server), lasts) {
            delivered.entry(text).or_default().extend(ids);
        }
    }

    assert!(ledger.acknowledged.len() > 5_000, "{}", ledger.acknowledged.len());
    for (name, delivered) in &ledger.delivered {
        let ghosts: Vec<_> = ledger.refused.iter().filter(|text| delivered.contains_key(*text)).collect();
        assert!(ghosts.is_empty(), "refused, and delivered to {name}: {ghosts:?}");
        let is_theirs = |text: &str| people.is_for(name, text.rsplit('-').next().unwrap().parse().unwrap());
        let owed: BTreeMap<&String, BTreeSet<u64>> = ledger
            .acknowledged
            .iter()
            .filter(|(text, _)| is_theirs(text))
            .map(|(text, id)| (text, BTreeSet::from([*id])))
            .collect();
        let got: BTreeMap<&String, BTreeSet<u64>> = delivered.iter().map(|(text, ids)| (text, ids.clone())).collect();
        let lost: Vec<_> = owed.keys().filter(|text| !got.contains_key(*text)).collect();
        assert!(lost.is_empty(), "acknowledged, and lost for {name}: {lost:?} of {}", owed.len());
        assert_eq!(got, owed, "{name}: twice, under another id than its writer was told, or never acknowledged");
    }
    people.stranger.login(&server).expect_nothing();
}

#[test]
fn what_was_said_to_be_done_a_moment_before_a_kill_is_done() {
    let mut server = Server::start();
    for (n, kind) in Kind::BINARY.into_iter().enumerate() {
        let (mut a, mut b) =
            (Person::new(&server, kind, &format!("a{n}")), Person::new(&server, kind, &format!("b{n}")));
        b.success(json!({"setPolicy": {"friends": "CONSENT_OPEN"}}));
        a.befriend(&mut b, false);
        a.create_group(&format!("g{n}"));
        b.join_group(&format!("g{n}"));
        let group = packets::group_of(&mut a, &format!("g{n}"));
        a.success(json!({"setRole": {"group": group, "member": b.id, "role": "ROLE_MANAGER"}}));
        a.success(json!({"setRemark": {"friend": b.id, "remark": "同桌"}}));
        a.success(json!({"changeProfile": {"nickname": "明明", "avatar": "AQID"}}));
        a.success(json!({"block": {"account": b.id}}));
        a.success(json!({"changePassword": {"oldPassword": "11111", "newPassword": "22222"}}));
        a.success(json!({"changePassword": {"oldPassword": "22222", "newPassword": "11111"}}));
        server.kill9();
        server.restart();
        let mut a = a.again(&server, kind);
        let friends = a.ask(json!({"listFriends": {}}));
        assert_eq!(friends["friendList"]["friends"][0]["remark"], "同桌", "{friends}");
        let members = a.ask(json!({"listMembers": {"group": group}}));
        assert_eq!(members["memberList"]["members"][1]["role"], "ROLE_MANAGER", "{members}");
        let profile = a.ask(json!({"getProfile": {}}));
        let profile = &profile["profile"];
        assert_eq!((&profile["nickname"], &profile["avatar"]), (&json!("明明"), &json!("AQID")), "{profile}");
        let blocked = a.ask(json!({"listBlocked": {}}));
        assert_eq!(blocked["blockList"]["users"][0]["account"], *b.id, "{blocked}");
    }
}
