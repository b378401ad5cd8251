//! Golden conversations: `tests/golden/*.txt`, played line by line.
//!
//! ```text
//! @ relay.timeout_s=1     a setting of the server; first in the file
//! # why                   ignored, like empty lines
//! A > {"cmd":"ping"}      A sends this and a newline; somebody new connects first
//! A < {"cmd":…}           A receives exactly this next; <N> is any whole number
//! A ! new 小明            A registers and logs in
//! A ! login 小明          A logs in
//! A ! close               A closes; the next word is on a new connection
//! A ! closed              the server has closed A's connection
//! ! restart               the server is stopped and started again; everybody is gone
//! ```
//!
//! At the end nobody may have been told anything more.

use crate::world::{Client, Server};
use std::collections::BTreeMap;
use std::path::Path;

struct Play {
    server: Server,
    clients: BTreeMap<String, Client>,
}

impl Play {
    fn client(&mut self, who: &str) -> &mut Client {
        let server = &self.server;
        self.clients.entry(who.to_owned()).or_insert_with(|| {
            let mut client = server.client();
            client.name = String::new();
            client
        })
    }

    fn direct(&mut self, who: &str, what: &str) {
        match what.split_once(' ').unwrap_or((what, "")) {
            ("restart", "") => {
                self.clients.clear();
                assert!(self.server.sigterm().success());
                self.server.restart();
            }
            ("new", name) => {
                self.client(who).register(name);
                self.client(who).login(name);
            }
            ("login", name) => {
                self.client(who).login(name);
            }
            ("close", "") => {
                self.clients.remove(who).unwrap();
            }
            ("closed", "") => {
                self.clients.remove(who).unwrap().expect_closed();
            }
            other => panic!("what is {other:?}?"),
        }
    }

    fn step(&mut self, line: &str) {
        let (who, rest) = line.split_at(line.find(['>', '<', '!']).unwrap());
        let (sign, what) = rest.split_at(1);
        let (who, what) = (who.trim(), what.trim());
        match sign {
            ">" => self.client(who).say(what),
            "<" => self.client(who).expect(what),
            _ => self.direct(who, what),
        }
    }
}

fn play(name: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    let script = std::fs::read_to_string(path).unwrap();
    let sets: Vec<&str> = script.lines().filter_map(|line| line.strip_prefix("@ ")).collect();
    let mut play = Play { server: Server::with(&sets), clients: BTreeMap::new() };
    for (at, line) in script.lines().enumerate() {
        if line.trim().is_empty() || line.starts_with(['#', '@']) {
            continue;
        }
        let step = std::panic::AssertUnwindSafe(|| play.step(line));
        if let Err(panic) = std::panic::catch_unwind(step) {
            eprintln!("tests/golden/{name}:{}: {line}", at + 1);
            std::panic::resume_unwind(panic);
        }
    }
    for (who, client) in &mut play.clients {
        client.name.clear();
        client.say(r#"{"cmd":"ping"}"#);
        let next = client.line();
        assert_eq!(next, r#"{"cmd":"ping_reply","result":"success"}"#, "{name}: {who} is told more than expected");
    }
}

macro_rules! golden {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            play(concat!(stringify!($name), ".txt"));
        })*

        #[test]
        fn every_conversation_is_played() {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
            let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
            let mut found: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
            found.sort();
            let mut played = [$(concat!(stringify!($name), ".txt")),*];
            played.sort_unstable();
            assert_eq!(found, played);
        }
    };
}

golden! {
    register login add create_group add_group private_chat group_chat get_group_member offline send_file
    ping change_password set_policy add_answer add_group_answer remove_friend leave_group lists history
    consent_always names policies_of_others survives_restart
}
