//! Golden conversations: `tests/golden/*.txt`, played line by line.
//!
//! ```text
//! @ relay.timeout_s=1     a setting of the server; before everything else
//! # why                   ignored, like empty lines
//! A > {"cmd":"ping"}      A sends exactly this; somebody new connects first
//! A < {"cmd":…}           A receives exactly this next; <N> is any whole number, <T> any text within quotes
//! A ! on web              A is on that listener, and stays there when it comes again
//! A ! new 小明             A registers and logs in; on `binary` by mail to a@example.org
//! A ! login 小明           A logs in; on `framed`, `web` and `binary` by its id
//! A ! length -1           A sends a packet's length, and no packet
//! A ! bytes 52 00         A sends a packet of these bytes, whatever they mean
//! A ! sends 5             A connects to where it was told to send a file, if it has not yet, and sends so many bytes
//! A ! fetches 5           the same for receiving, until so many bytes are there
//! A ! hangs up            A breaks that off
//! A ! close               A closes, as its link wants it; the next word is on a new connection
//! A ! closed              the server has closed A's connection; over a WebSocket with a code: closed 1009
//! ! restart               the server is stopped and started again; everybody is gone
//! ! kill                  the same, by kill -9
//! ! second                a second passes, where session.frame_timeout_s is one
//! ```
//!
//! Listeners are `plain` (where everybody is who is not put elsewhere), `plainweb` (the same over a WebSocket), `framed`,
//! `web` (`framed` over a WebSocket), `binary`, `binaryweb` and `binarytext` (the same over a WebSocket, in bytes and in
//! texts). What is said on `binary` is the JSON of its packets, whatever carries them, and its conversations are played
//! on all three. `<code a@example.org>` is what was mailed there, `<code 2 a@example.org>` what came in the second
//! letter. At the end nobody may have been told anything more.

use crate::transfers::Transfer;
use crate::wire::{Heard, Kind, LISTENERS, Wire};
use crate::world::Server;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

struct Play {
    server: Server,
    /// On which carrier `binary` is spoken.
    binary: Kind,
    kinds: BTreeMap<String, Kind>,
    wires: BTreeMap<String, Wire>,
    /// The files that are on their way, and the last word that told somebody where one is.
    transfers: BTreeMap<String, Transfer>,
    ready: BTreeMap<String, String>,
}

impl Play {
    fn new(sets: &[&str], binary: Kind) -> Self {
        Self {
            server: Server::with(sets),
            binary,
            kinds: BTreeMap::new(),
            wires: BTreeMap::new(),
            transfers: BTreeMap::new(),
            ready: BTreeMap::new(),
        }
    }

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
                if got.contains(r#""fileReady""#) {
                    self.transfers.remove(who);
                    self.ready.insert(who.to_owned(), got);
                } else if got.contains(r#""fileDone""#)
                    && let Some(transfer) = self.transfers.remove(who)
                {
                    transfer.done();
                }
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
        } else if self.kind(who).is_framed() {
            self.wire(who).text(&format!(r#"{{"command":"logon","username":"{name}","password":"11111"}}"#));
            let reply = self.wire(who).hear().unwrap();
            let id = reply["id"].as_str().unwrap_or_else(|| panic!("{reply}"));
            self.login(who, id);
        } else {
            let email = format!("{}@example.org", who.to_lowercase());
            let question = format!(r#"{{"seq":901,"requestCode":{{"email":"{email}"}}}}"#);
            self.ask(who, &question, &format!(r#"{{"seq":"901","codeSent":{{"email":"{email}","validS":<N>}}}}"#));
            let code = self.server.code(&email, 1);
            let register = format!(r#""email":"{email}","nickname":"{name}","password":"11111","code":"{code}""#);
            self.wire(who).text(&format!(r#"{{"seq":902,"register":{{{register}}}}}"#));
            let reply = self.wire(who).hear().unwrap();
            let id = reply["registered"]["account"].as_str().unwrap_or_else(|| panic!("{reply}"));
            self.login(who, id);
        }
    }

    fn login(&mut self, who: &str, whose: &str) {
        if self.kind(who).is_binary() {
            let question = format!(r#"{{"seq":903,"login":{{"account":{whose},"password":"11111"}}}}"#);
            self.wire(who).text(&question);
            let reply = self.wire(who).hear().unwrap();
            assert_eq!((&reply["seq"], &reply["loginSucceeded"]["account"]), (&"903".into(), &whose.into()), "{reply}");
            return;
        }
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

    /// Sends something, with the codes in it that were mailed.
    fn say(&mut self, who: &str, what: &str) {
        let mut said = String::new();
        let mut rest = what;
        while let Some((before, after)) = rest.split_once("<code ") {
            let (letter, after) = after.split_once('>').unwrap();
            let (nth, address) = letter.split_once(' ').unwrap_or(("1", letter));
            said = said + before + &self.server.code(address, nth.parse().unwrap());
            rest = after;
        }
        said += rest;
        self.wire(who).text(&said);
    }

    /// Somebody's side of a file, connected.
    fn transfer(&mut self, who: &str) -> &mut Transfer {
        if !self.transfers.contains_key(who) {
            let ready = self.ready.remove(who).unwrap_or_else(|| panic!("{who} was told of no file"));
            let transfer = Transfer::open(self.server.address.ip(), &ready);
            self.transfers.insert(who.to_owned(), transfer);
        }
        self.transfers.get_mut(who).unwrap()
    }

    fn direct(&mut self, who: &str, what: &str) {
        match what.split_once(' ').unwrap_or((what, "")) {
            ("restart", "") => {
                self.wires.clear();
                assert!(self.server.sigterm().success());
                self.server.restart();
            }
            ("kill", "") => {
                self.wires.clear();
                self.server.kill9();
                self.server.restart();
            }
            ("on", listener) => {
                let kind = Kind::ALL.into_iter().find(|kind| kind.word() == listener).unwrap();
                let kind = if kind == Kind::BinaryTcp { self.binary } else { kind };
                assert!(self.kinds.insert(who.to_owned(), kind).is_none(), "{who} is somewhere already");
            }
            ("new", name) => self.register(who, name),
            ("login", whose) => self.login(who, whose),
            ("length", length) => {
                let length = length.parse::<i32>().unwrap();
                let bytes = if self.kind(who).is_binary() { length.to_be_bytes() } else { length.to_le_bytes() };
                std::io::Write::write_all(self.wire(who).stream(), &bytes).unwrap();
            }
            ("bytes", hex) => {
                let bytes: Vec<u8> = hex.split(' ').map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect();
                assert!(self.wire(who).try_bytes(&bytes));
            }
            ("second", "") => self.server.pass_a_second(),
            ("sends", length) => self.transfer(who).send(length.parse().unwrap()),
            ("fetches", length) => self.transfer(who).fetch(length.parse().unwrap()),
            ("hangs", "up") => drop(self.transfers.remove(who).unwrap()),
            ("close", "") => self.wires.remove(who).unwrap().close(),
            ("closed", code) => {
                let end = self.wires.remove(who).unwrap().heard();
                // Played on another carrier than it is written for, it tells only that there is an end.
                let elsewhere = self.kind(who) == self.binary && self.binary != Kind::BinaryTcp && code.is_empty();
                match end {
                    Heard::Closed(Some(_)) if elsewhere => {}
                    end => assert_eq!(end, Heard::Closed((!code.is_empty()).then(|| code.parse().unwrap()))),
                }
            }
            other => panic!("what is {other:?}?"),
        }
    }

    fn step(&mut self, line: &str) {
        let (who, rest) = line.split_at(line.find(['>', '<', '!']).expect("a line says who does what"));
        let (sign, what) = rest.split_at(1);
        let (who, what) = (who.trim(), what.trim());
        match sign {
            ">" => self.say(who, what),
            "<" => self.expect(who, what),
            _ => self.direct(who, what),
        }
    }

    /// Nobody has been told anything more.
    fn end(mut self) {
        let here: Vec<String> = self.wires.keys().cloned().collect();
        for who in here {
            if self.kind(&who).is_binary() {
                self.ask(&who, r#"{"seq":909,"heartbeat":{}}"#, r#"{"seq":"909","heartbeat":{}}"#);
            } else if self.kind(&who).is_plain() {
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

fn script(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    std::fs::read_to_string(path).unwrap()
}

fn play(name: &str) {
    play_on(name, Kind::BinaryTcp);
}

/// Plays a conversation, with `binary` on that carrier.
fn play_on(name: &str, binary: Kind) {
    let script = script(name);
    let (sets, steps) = read(&script);
    let sets: Vec<&str> = LISTENERS.into_iter().chain(sets).collect();
    let mut play = Play::new(&sets, binary);
    for (at, line) in steps {
        let step = std::panic::AssertUnwindSafe(|| play.step(line));
        if let Err(panic) = std::panic::catch_unwind(step) {
            eprintln!("tests/golden/{name}:{at}: {line}");
            std::panic::resume_unwind(panic);
        }
    }
    play.end();
}

/// Plays one on the carriers of `binary` over WebSocket, as far as it is not about what these have not: a stream's
/// framing, or bytes.
fn play_on_web(name: &str) {
    let script = script(name);
    if script.contains(" ! length ") {
        return;
    }
    play_on(name, Kind::BinaryWeb);
    if !script.contains(" ! bytes ") {
        play_on(name, Kind::BinaryText);
    }
}

macro_rules! golden {
    ($($name:ident)*; $($framed:ident)*; $($binary:ident)*) => {
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

        mod binary {
            $(mod $binary {
                #[test]
                fn on_tcp() {
                    super::super::play(concat!("binary-", stringify!($binary), ".txt"));
                }

                #[test]
                fn on_web() {
                    super::super::play_on_web(concat!("binary-", stringify!($binary), ".txt"));
                }
            })*
        }

        /// Those of `binary`.
        const BINARY: &[&str] = &[$(concat!("binary-", stringify!($binary), ".txt"),)*];

        #[test]
        fn every_conversation_is_played() {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
            let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
            let mut found: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
            found.sort();
            let mut played = [
                $(concat!(stringify!($name), ".txt"),)*
                $(concat!("framed-", stringify!($framed), ".txt"),)*
                $(concat!("binary-", stringify!($binary), ".txt"),)*
            ];
            played.sort_unstable();
            assert_eq!(found, played);
        }
    };
}

/// A packet's name as its JSON has it.
fn in_json(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap().to_owned();
    words.fold(first, |name, word| name + &word[..1].to_uppercase() + &word[1..])
}

/// Every packet of the description is said by somebody who may, so that none is forgotten.
#[test]
fn every_packet_is_in_a_conversation() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("protocol/proto/hongyan.proto");
    let described = std::fs::read_to_string(path).unwrap();
    let packets = described.split_once("oneof body {").unwrap().1.split_once("\n  }\n").unwrap().0;
    let scripts: String = BINARY.iter().map(|name| script(name) + "\n").collect();
    let (mut all, mut missing) = (0, BTreeSet::new());
    for line in packets.lines() {
        let Some((field, says)) = line.split_once(';') else { continue };
        let name = in_json(field.split_whitespace().nth(1).unwrap());
        let key = format!(r#""{name}":{{"#);
        for (way, sign) in [("C→S", " > "), ("S→C", " < ")] {
            let is_said = |line: &str| line.contains(sign) && !line.starts_with('#') && line.contains(&key);
            if says.contains(way) && !scripts.lines().any(is_said) {
                missing.insert(format!("{way} {name}"));
            }
            all += usize::from(says.contains(way));
        }
    }
    // Packets that go both ways are counted twice.
    assert!(all > 100, "{all}");
    assert!(missing.is_empty(), "{missing:#?}");
}

golden! {
    register login add create_group add_group private_chat group_chat get_group_member offline send_file
    ping change_password set_policy add_answer add_group_answer remove_friend leave_group lists history
    consent_always names policies_of_others survives_restart;

    account account_web add_friend attempts away_messages away_requests bounds change_password change_status confirm
    crossing document filenames find_user friend_status groups groups_approval history lists_in_parts mistakes
    mistakes_web mixed_friends mixed_groups mixed_offline mixed_presence parts ping reject remove_friend send_file
    send_message send_message_web set_policy timeouts too_many two_links wrong_json;

    bind_email codes_expire codes_per_ip files files_fail find_user friend_request friend_request_away
    friend_request_expires friends group group_invite group_invite_expires group_join group_join_expires
    group_message group_roles heartbeats history login login_code login_code_after_failures login_full logout
    mail_off message_too_large mistakes mistakes_text mixed offline passwords policy private_message profile
    recall recall_never receipts register replaced sent_again silence survives_restart timeouts too_large
    typing_and_read
}
