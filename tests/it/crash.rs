//! kill -9 at any moment: what was acknowledged is there, and what was refused is not.

use crate::world::{Client, Server, text_of};
use std::collections::BTreeSet;
use std::sync::mpsc::{Sender, channel};
use std::thread::scope;

const KILLS: usize = 6;
const SENDERS: usize = 3;
const RECEIVERS: usize = 2;

/// A generator of numbers that are the same in every run.
struct Seeded(u64);

impl Seeded {
    fn next(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below
    }
}

#[derive(Default)]
struct Ledger {
    acknowledged: BTreeSet<String>,
    refused: BTreeSet<String>,
    delivered: Vec<BTreeSet<String>>,
}

/// Sends until the server is gone, a few ahead; (text, whether it was acknowledged) for each that was answered.
fn send(mut client: Client, round: usize, told: &Sender<(String, bool)>) {
    const AHEAD: usize = 4;
    let name = client.name.clone();
    let text = |n: usize| format!("{name}-{round}-{n}");
    let mut said = 0;
    for answered in 0.. {
        while said < answered + AHEAD {
            let object = match said % 4 {
                0 => client.post("g", &text(said)),
                1 => client.private("away", &text(said)),
                n => client.private(&format!("r{}", n % RECEIVERS), &text(said)),
            };
            if !client.try_say(&object) {
                return;
            }
            said += 1;
        }
        // The others' posts come in between.
        let Some(reply) = std::iter::from_fn(|| client.try_line()).find(|line| text_of(line).is_none()) else { return };
        let success = reply.ends_with(r#"_reply","result":"success"}"#);
        assert!(success || reply.contains(r#""result":"offline""#), "{reply}");
        if told.send((text(answered), success)).is_err() {
            return;
        }
    }
}

/// Reads until the server is gone.
fn receive(mut client: Client) -> BTreeSet<String> {
    std::iter::from_fn(|| client.try_line()).filter_map(|line| text_of(&line)).collect()
}

fn round(server: &mut Server, round: usize, kill_after: u64, ledger: &mut Ledger) {
    let receivers: Vec<Client> = (0..RECEIVERS).map(|n| server.again(&format!("r{n}"))).collect();
    let senders: Vec<Client> = (0..SENDERS).map(|n| server.again(&format!("s{n}"))).collect();
    scope(|scope| {
        let (tell, told) = channel();
        let receivers: Vec<_> = receivers.into_iter().map(|client| scope.spawn(|| receive(client))).collect();
        for sender in senders {
            let tell = tell.clone();
            scope.spawn(move || send(sender, round, &tell));
        }
        drop(tell);
        for (count, (text, success)) in (1..).zip(told) {
            if success { &mut ledger.acknowledged } else { &mut ledger.refused }.insert(text);
            if count == kill_after {
                server.kill9();
            }
        }
        for (receiver, delivered) in receivers.into_iter().zip(&mut ledger.delivered) {
            delivered.extend(receiver.join().unwrap());
        }
    });
    server.restart();
}

#[test]
fn what_was_acknowledged_survives_every_kill() {
    let mut server = Server::with(&["group.catch_up=100000"]);
    let mut ledger = Ledger { delivered: vec![BTreeSet::new(); RECEIVERS], ..Ledger::default() };
    {
        let mut all: Vec<Client> = (0..RECEIVERS).map(|n| server.user(&format!("r{n}"))).collect();
        all.extend((0..SENDERS).map(|n| server.user(&format!("s{n}"))));
        let (first, rest) = all.split_first_mut().unwrap();
        Server::befriend(first, &mut rest[0]);
        let mut all: Vec<&mut Client> = all.iter_mut().collect();
        Server::group("g", &mut all);
        server.client().register("away");
    }
    let mut random = Seeded(0x9e37_79b9_7f4a_7c15);
    for at in 0..KILLS {
        round(&mut server, at, 1 + random.next(400), &mut ledger);
    }

    // Everything that is still owed comes before what is said now.
    let mut last = server.again("s0");
    let mut receivers: Vec<Client> = (0..RECEIVERS).map(|n| server.again(&format!("r{n}"))).collect();
    last.say(&last.post("g", "last"));
    for n in 0..RECEIVERS {
        last.say(&last.private(&format!("r{n}"), "last"));
    }
    for (receiver, delivered) in receivers.iter_mut().zip(&mut ledger.delivered) {
        let mut ends = 0;
        while ends < 2 {
            match text_of(&receiver.line()) {
                Some(text) if text == "last" => ends += 1,
                Some(text) => {
                    delivered.insert(text);
                }
                None => {}
            }
        }
    }
    assert!(ledger.acknowledged.len() > 100, "{}", ledger.acknowledged.len());
    for (n, delivered) in ledger.delivered.iter().enumerate() {
        let ghosts: Vec<_> = ledger.refused.intersection(delivered).collect();
        assert!(ghosts.is_empty(), "refused, and delivered to r{n}: {ghosts:?}");
        let for_this_one = |text: &&String| {
            let number: usize = text.rsplit('-').next().unwrap().parse().unwrap();
            number.is_multiple_of(4) || number % 4 != 1 && (number % 4) % RECEIVERS == n
        };
        let lost: Vec<_> =
            ledger.acknowledged.iter().filter(for_this_one).filter(|text| !delivered.contains(*text)).collect();
        assert!(lost.is_empty(), "acknowledged, and lost for r{n}: {lost:?}");
    }

    // Accounts, friends, groups; and the one who was away has nothing.
    receivers[0]
        .ask(r#"{"cmd":"get_friend"}"#, r#"{"cmd":"get_friend_reply","result":"success","friend":"r1","online":"r1"}"#);
    receivers[0].ask(
        r#"{"cmd":"get_group_member","group":"g"}"#,
        r#"{"cmd":"get_group_member_reply","member":"r0|r1|s0|s1|s2","group":"g"}"#,
    );
    let mut away = server.again("away");
    for n in 0..SENDERS {
        away.ask(
            &format!(r#"{{"cmd":"get_history","friend":"s{n}"}}"#),
            &format!(r#"{{"cmd":"get_history_reply","result":"success","friend":"s{n}","messages":[],"more":false}}"#),
        );
    }
}

#[test]
fn what_was_said_to_be_done_a_moment_before_a_kill_is_done() {
    let mut server = Server::start();
    for n in 0..4 {
        let (a, b) = (format!("a{n}"), format!("b{n}"));
        let (mut first, mut second) = (server.user(&a), server.user(&b));
        Server::befriend(&mut first, &mut second);
        Server::group(&format!("g{n}"), &mut [&mut first, &mut second]);
        second.ask(
            &format!(r#"{{"cmd":"set_policy","user":"{b}","add":"confirm"}}"#),
            r#"{"cmd":"set_policy_reply","result":"success","add":"confirm","message":"anyone"}"#,
        );
        server.kill9();
        server.restart();
        let mut first = server.again(&a);
        first.ask(
            r#"{"cmd":"get_friend"}"#,
            &format!(r#"{{"cmd":"get_friend_reply","result":"success","friend":"{b}","online":""}}"#),
        );
        first.ask(
            &format!(r#"{{"cmd":"get_group_member","group":"g{n}"}}"#),
            &format!(r#"{{"cmd":"get_group_member_reply","member":"{a}|{b}","group":"g{n}"}}"#),
        );
    }
}
