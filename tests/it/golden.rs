//! Golden conversations: `tests/golden/*.txt`, played line by line.
//!
//! ```text
//! @ relay.timeout_s=1     a setting of the server; before everything else
//! # why                   ignored, like empty lines
//! A > {"cmd":"ping"}      A sends exactly this; somebody new connects first
//! A < {"cmd":…}           A receives exactly this next; <N> is any whole number, <T> any text within quotes
//! A ! on web              A is on that listener, and stays there when it comes again
//! A ! new 小明             A registers and logs in
//! A ! login 小明           A logs in; on `framed` and `web` by its id
//! A ! length -1           A sends a packet's length, and no packet
//! A ! close               A closes, as its link wants it; the next word is on a new connection
//! A ! closed              the server has closed A's connection; over a WebSocket with a code: closed 1009
//! ! restart               the server is stopped and started again; everybody is gone
//! ```
//!
//! Listeners are `plain` (where everybody is who is not put elsewhere), `plainweb` (the same over a WebSocket), `framed`
//! and `web` (`framed` over a WebSocket). At the end nobody may have been told anything more.

use crate::wire::{Heard, Kind, LISTENERS, Wire};
use crate::world::Server;
use std::collections::BTreeMap;
use std::path::Path;

struct Play {
    server: Server,
    kinds: BTreeMap<String, Kind>,
    wires: BTreeMap<String, Wire>,
}

impl Play {
    fn kind(&self, who: &str) -> Kind {
        self.kinds.get(who).copied().unwrap_or(Kind::PlainTcp)
    }

    fn wire(&mut self, who: &str) -> &mut Wire {
        let kind = self.kind(who);
        self.wires.entry(who.to_owned()).or_insert_with(|| Wire::open(&self.server, kind))
    }

    fn expect(&mut self, who: &str, expected: &str) {
        match self.wire(who).heard() {
            Heard::Text(got) => {
                assert!(matches(expected, &got), "{who} expected\n  {expected}\nand got\n  {got}");
            }
            end => panic!("{who} expected\n  {expected}\nand got {end:?}"),
        }
    }

    fn ask(&mut self, who: &str, question: &str, answer: &str) {
        self.wire(who).text(question);
        self.expect(who, answer);
    }

    fn register(&mut self, who: &str, name: &str) {
        if self.kind(who).is_plain() {
            let question = format!(r#"{{"cmd":"register","user":"{name}","password":"11111"}}"#);
            self.ask(who, &question, r#"{"cmd":"register_reply","result":"success"}"#);
            self.login(who, name);
        } else {
            self.wire(who).text(&format!(r#"{{"command":"logon","username":"{name}","password":"11111"}}"#));
            let reply = self.wire(who).hear().unwrap();
            let id = reply["id"].as_str().unwrap_or_else(|| panic!("{reply}"));
            self.login(who, id);
        }
    }

    fn login(&mut self, who: &str, whose: &str) {
        let (question, answer) = if self.kind(who).is_plain() {
            (
                format!(r#"{{"cmd":"login","user":"{whose}","password":"11111"}}"#),
                r#"{"cmd":"login_reply","result":"success","friend":"<T>","group":"<T>","id":"<N>"}"#,
            )
        } else {
            (
                format!(r#"{{"command":"login","id":"{whose}","password":"11111"}}"#),
                r#"{"command":"login_return","status":"success","username":"<T>"}"#,
            )
        };
        self.ask(who, &question, answer);
    }

    fn direct(&mut self, who: &str, what: &str) {
        match what.split_once(' ').unwrap_or((what, "")) {
            ("restart", "") => {
                self.wires.clear();
                assert!(self.server.sigterm().success());
                self.server.restart();
            }
            ("on", listener) => {
                let kind = Kind::ALL.into_iter().find(|kind| kind.listener() == listener).unwrap();
                assert!(self.kinds.insert(who.to_owned(), kind).is_none(), "{who} is somewhere already");
            }
            ("new", name) => self.register(who, name),
            ("login", whose) => self.login(who, whose),
            ("length", length) => {
                let bytes = length.parse::<i32>().unwrap().to_le_bytes();
                std::io::Write::write_all(self.wire(who).stream(), &bytes).unwrap();
            }
            ("close", "") => self.wires.remove(who).unwrap().close(),
            ("closed", code) => {
                let end = Heard::Closed((!code.is_empty()).then(|| code.parse().unwrap()));
                assert_eq!(self.wires.remove(who).unwrap().heard(), end);
            }
            other => panic!("what is {other:?}?"),
        }
    }

    fn step(&mut self, line: &str) {
        let (who, rest) = line.split_at(line.find(['>', '<', '!']).expect("a line says who does what"));
        let (sign, what) = rest.split_at(1);
        let (who, what) = (who.trim(), what.trim());
        match sign {
            ">" => self.wire(who).text(what),
            "<" => self.expect(who, what),
            _ => self.direct(who, what),
        }
    }

    /// Nobody has been told anything more.
    fn end(mut self) {
        let here: Vec<String> = self.wires.keys().cloned().collect();
        for who in here {
            if self.kind(&who).is_plain() {
                self.ask(&who, r#"{"cmd":"ping"}"#, r#"{"cmd":"ping_reply","result":"success"}"#);
            } else {
                self.ask(&who, r#"{"command":"ping"}"#, r#"{"command":"ping_return","status":"success"}"#);
            }
        }
    }
}

/// Whether a line is the expected one, in which `<N>` stands for any whole number and `<T>` for what may stand between
/// two quotation marks.
fn matches(expected: &str, got: &str) -> bool {
    let Some(at) = expected.find("<N>").into_iter().chain(expected.find("<T>")).min() else { return expected == got };
    let (before, hole, after) = (&expected[..at], &expected[at..at + 3], &expected[at + 3..]);
    let Some(rest) = got.strip_prefix(before) else { return false };
    let length = if hole == "<N>" {
        rest.bytes().take_while(u8::is_ascii_digit).count()
    } else {
        let mut escaped = false;
        rest.find(|letter| {
            let ends = letter == '"' && !escaped;
            escaped = letter == '\\' && !escaped;
            ends
        })
        .unwrap_or(rest.len())
    };
    (hole == "<T>" || length > 0) && matches(after, &rest[length..])
}

#[test]
fn holes_take_what_they_stand_for() {
    assert!(matches(r#"{"a":"<N>","b":<N>}"#, r#"{"a":"12","b":3}"#));
    assert!(matches(r#"{"a":"<T>","b":"<T>"}"#, r#"{"a":"x\"y\\","b":""}"#));
    assert!(!matches(r#"{"a":"<T>"}"#, r#"{"a":"x","b":"y"}"#));
    assert!(!matches(r#"{"a":"<N>"}"#, r#"{"a":""}"#));
    assert!(!matches(r#"{"a":"b"}"#, r#"{"a":"b"} "#));
}

/// The settings of a conversation, and its steps with the numbers of their lines. Nothing in it may go unplayed.
fn read(script: &str) -> (Vec<&str>, Vec<(usize, &str)>) {
    let (mut sets, mut steps) = (Vec::new(), Vec::new());
    for (at, line) in (1..).zip(script.lines()) {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        match line.strip_prefix("@ ") {
            Some(set) => {
                assert!(steps.is_empty(), "line {at}: a setting must come before everything else");
                sets.push(set);
            }
            None => steps.push((at, line)),
        }
    }
    let speaks = |who: &str| {
        let said = |(_, line): &(usize, &str)| line.starts_with(&format!("{who} ")) && !line.contains(" ! on ");
        steps.iter().any(said)
    };
    for (at, line) in &steps {
        let idle = line.split_once(" ! on ").is_some_and(|(who, _)| !speaks(who));
        assert!(!idle, "line {at}: {line}: who never says anything");
    }
    assert!(steps.iter().any(|(_, line)| line.contains(" < ")), "nothing is expected in it");
    (sets, steps)
}

#[test]
fn a_conversation_without_lines_is_none() {
    for bad in ["", "# nothing\n", "A > {}\n", "A > {}\n@ a=b\nA < {}\n", "A ! on web\nB < {}\n"] {
        assert!(std::panic::catch_unwind(|| read(bad)).is_err(), "{bad:?}");
    }
    assert_eq!(read("@ a=b\n\n# why\nA > {}\nA < {}\n"), (vec!["a=b"], vec![(4, "A > {}"), (5, "A < {}")]));
}

fn play(name: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    let script = std::fs::read_to_string(path).unwrap();
    let (sets, steps) = read(&script);
    let sets: Vec<&str> = LISTENERS.into_iter().chain(sets).collect();
    let mut play = Play { server: Server::with(&sets), kinds: BTreeMap::new(), wires: BTreeMap::new() };
    for (at, line) in steps {
        let step = std::panic::AssertUnwindSafe(|| play.step(line));
        if let Err(panic) = std::panic::catch_unwind(step) {
            eprintln!("tests/golden/{name}:{at}: {line}");
            std::panic::resume_unwind(panic);
        }
    }
    play.end();
}

macro_rules! golden {
    ($($name:ident)*; $($framed:ident)*) => {
        $(#[test]
        fn $name() {
            play(concat!(stringify!($name), ".txt"));
        })*

        mod framed {
            $(#[test]
            fn $framed() {
                super::play(concat!("framed-", stringify!($framed), ".txt"));
            })*
        }

        #[test]
        fn every_conversation_is_played() {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
            let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
            let mut found: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
            found.sort();
            let mut played = [
                $(concat!(stringify!($name), ".txt"),)*
                $(concat!("framed-", stringify!($framed), ".txt"),)*
            ];
            played.sort_unstable();
            assert_eq!(found, played);
        }
    };
}

golden! {
    register login add create_group add_group private_chat group_chat get_group_member offline send_file
    ping change_password set_policy add_answer add_group_answer remove_friend leave_group lists history
    consent_always names policies_of_others survives_restart;

    account account_web add_friend attempts away_messages away_requests bounds change_password change_status confirm
    crossing document filenames find_user friend_status groups groups_approval history lists_in_parts mistakes
    mistakes_web mixed_friends mixed_groups mixed_offline mixed_presence parts ping reject remove_friend send_file
    send_message send_message_web set_policy timeouts too_many two_links wrong_json
}
