//! The process: how it starts, stops, and says why it did not.

use crate::world::{ANY_PORTS, Client, PATIENCE, Server, hongyan, run, text_of};
use rustix::process::Signal;
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use std::time::Instant;

const SHUTDOWN: &str = r#"{"cmd":"error","result":"shutdown","detail":"the server stops"}"#;

/// What `serve` with these words says when it does not start: its code, and its lines.
fn refused(words: &[&str]) -> (i32, Vec<String>) {
    let ports = ANY_PORTS.iter().flat_map(|set| ["--set", set]);
    let words: Vec<&str> = ["serve"].into_iter().chain(ports).chain(words.iter().copied()).collect();
    let (code, out, err) = run(&words);
    assert!(!out.contains("ready"), "it runs: {out}");
    (code.unwrap(), err.lines().map(str::to_owned).collect())
}

#[test]
fn a_signal_stops_it_in_order() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut server = Server::start();
        let (mut member, mut guest) = (server.user("a"), server.client());
        guest.expect_nothing();
        let start = Instant::now();
        server.signal(signal);
        for client in [&mut member, &mut guest] {
            client.expect(SHUTDOWN);
            client.expect_closed();
        }
        assert_eq!(server.ended().code(), Some(0));
        assert!(start.elapsed() < PATIENCE / 4, "{:?}", start.elapsed());
        assert!(std::net::TcpStream::connect(server.address).is_err());
    }
}

#[test]
fn the_end_of_standard_input_stops_it_in_order_where_that_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = hongyan();
    command.args(["serve", "--stop-with-stdin", "--data"]).arg(dir.path().join("data"));
    command.args(ANY_PORTS.iter().flat_map(|set| ["--set", set])).args(["--set", "relay.ports=0"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line == "ready"));
    drop(child.stdin.take());
    let log = std::io::read_to_string(child.stderr.take().unwrap()).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{log}");
    assert!(log.contains("the end of standard input: draining"), "{log}");
}

#[test]
fn a_stop_under_load_loses_nothing_acknowledged() {
    let mut server = Server::start();
    let (a, mut b) = (server.user("a"), server.user("b"));
    let mut acknowledged: BTreeSet<String> = BTreeSet::new();
    let mut delivered: BTreeSet<String> = BTreeSet::new();
    let twin = a.twin();
    std::thread::scope(|scope| {
        let sender = scope.spawn(move || {
            let mut twin: Client = twin;
            for n in 0.. {
                if !twin.try_say(&twin.private("b", &n.to_string())) {
                    return;
                }
            }
        });
        let receiver = scope.spawn(|| {
            let mut texts = BTreeSet::new();
            while let Some(line) = b.try_line() {
                texts.extend(text_of(&line));
            }
            texts
        });
        let mut a = a;
        let mut answered = 0;
        while let Some(reply) = a.try_line() {
            if reply == SHUTDOWN {
                continue;
            }
            if reply == r#"{"cmd":"private_chat_reply","result":"success"}"# {
                acknowledged.insert(answered.to_string());
            }
            answered += 1;
            if answered == 500 {
                server.signal(Signal::TERM);
            }
        }
        sender.join().unwrap();
        delivered.extend(receiver.join().unwrap());
    });
    assert_eq!(server.ended().code(), Some(0));
    assert!(acknowledged.len() >= 500);
    server.restart();
    let (mut b, mut c) = (server.again("b"), server.user("c"));
    c.ask(&c.private("b", "last"), r#"{"cmd":"private_chat_reply","result":"success"}"#);
    while let Some(text) = text_of(&b.line()).filter(|text| text != "last") {
        delivered.insert(text);
    }
    let lost: Vec<_> = acknowledged.difference(&delivered).collect();
    assert!(lost.is_empty(), "{lost:?}");
}

#[test]
fn what_lay_unread_at_a_stop_comes_at_the_next_login() {
    let mut server = Server::with(&["session.frame_timeout_s=1"]);
    let (mut a, b) = (server.user("a"), server.user("b"));
    a.ask(&a.private("b", "unread"), r#"{"cmd":"private_chat_reply","result":"success"}"#);
    // b's system has acknowledged it meanwhile, without b.
    server.pass_a_second();
    assert_eq!(server.sigterm().code(), Some(0));
    // b's machine dies without having read.
    b.reset();
    server.restart();
    server.again("b").expect(&a.private("b", "unread"));
}

#[test]
fn a_stop_does_not_wait_for_those_who_do_not_read() {
    let mut server = Server::with(&["server.drain_s=1"]);
    let mut idle = server.user("a");
    idle.raw(b"{\"cmd\":\"pi");
    let start = Instant::now();
    assert_eq!(server.sigterm().code(), Some(0));
    assert!(start.elapsed() < PATIENCE / 4, "{:?}", start.elapsed());
}

#[test]
fn a_second_server_on_the_same_data_says_so() {
    let server = Server::start();
    let data = server.data();
    let (code, lines) = refused(&["--data", data.to_str().unwrap()]);
    assert_eq!((code, lines.len()), (75, 1), "{lines:?}");
    assert!(lines[0].starts_with("hongyan: "), "{lines:?}");
    server.user("a").expect_nothing();
}

#[test]
fn a_taken_port_says_so() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("listen.plain.address={}", taken.local_addr().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let (code, lines) = refused(&["--data", dir.path().join("d").to_str().unwrap(), "--set", &address]);
    assert_eq!((code, lines.len()), (69, 1), "{lines:?}");
    assert!(lines[0].contains(&taken.local_addr().unwrap().to_string()), "{lines:?}");
}

#[test]
fn a_folder_that_cannot_be_used_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "x").unwrap();
    for path in [file.clone(), file.join("below"), "/proc/nothing/here".into()] {
        let (code, lines) = refused(&["--data", path.to_str().unwrap()]);
        assert_eq!((code, lines.len()), (73, 1), "{lines:?}");
    }
}

#[test]
fn damaged_data_says_so_and_stays_as_it_is() {
    let mut server = Server::start();
    server.user("a").expect_nothing();
    assert!(server.sigterm().success());
    let data = server.data();
    // Everything of the database is rubbish.
    let mut spoilt = 0;
    let mut folders = vec![data.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            } else if entry.file_name() != "LOCK" {
                std::fs::write(entry.path(), "rubbish\n").unwrap();
                spoilt += 1;
            }
        }
    }
    assert!(spoilt > 2);
    let (code, lines) = refused(&["--data", data.to_str().unwrap()]);
    assert_eq!((code, lines.len()), (65, 1), "{lines:?}");
}

#[test]
fn data_is_the_owners_alone() {
    let server = Server::start();
    let mode = std::fs::metadata(server.data()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[test]
fn all_mistakes_in_the_settings_are_told_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("my.toml");
    std::fs::write(&file, "[session]\nmaxx = 5\n[storage]\nsync = \"sometimes\"\n").unwrap();
    let words = ["serve", "--settings", file.to_str().unwrap(), "--set", "auth.passes=0", "--set", "nonsense=1"];
    let out = hongyan().args(words).env("HONGYAN__RELAY__BIND", "localhost").output().unwrap();
    assert_eq!(out.status.code(), Some(78));
    let err = String::from_utf8(out.stderr).unwrap();
    for key in ["session.maxx", "storage.sync", "auth.passes", "nonsense", "relay.bind"] {
        assert_eq!(err.lines().filter(|line| line.contains(key)).count(), 1, "{key}: {err}");
    }
    assert_eq!(err.lines().count(), 5, "{err}");
    assert!(out.stdout.is_empty());
}

#[test]
fn the_layers_of_settings_lie_over_one_another() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("my.toml");
    std::fs::write(&file, "[session]\nmax = 1\nwindow = 2\nper_account = 3\n").unwrap();
    let words = ["settings", "--settings", file.to_str().unwrap(), "--set", "session.per_account=5"];
    let variables = [("HONGYAN__SESSION__WINDOW", "4"), ("HONGYAN__SESSION__PER_ACCOUNT", "4")];
    let out = hongyan().args(words).envs(variables).output().unwrap();
    let text = String::from_utf8(out.stdout).unwrap();
    for line in ["max = 1", "window = 4", "per_account = 5"] {
        assert!(text.lines().any(|found| found == line), "{line} in {text}");
    }
    // What it prints is a settings file that says the same.
    std::fs::write(&file, &text).unwrap();
    assert_eq!(run(&["settings", "--settings", file.to_str().unwrap()]), (Some(0), text, String::new()));
}

#[test]
fn it_explains_itself() {
    let (code, settings, _) = run(&["settings"]);
    let built_in = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/settings.toml")).unwrap();
    assert_eq!((code, settings), (Some(0), built_in));
    let version = format!("hongyan {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(run(&["--version"]), (Some(0), version, String::new()));
    for words in [&["--help"][..], &["serve", "--help"], &["settings", "--help"], &["help"], &["serve", "--version"]] {
        let (code, out, err) = run(words);
        assert_eq!((code, err.as_str()), (Some(0), ""), "{words:?}");
        assert!(out.contains("hongyan"), "{out}");
    }
    for words in [&[][..], &["dance"], &["serve", "--nonsense"], &["serve", "--set", "x"]] {
        let (code, out, err) = run(words);
        assert_eq!((code, out.as_str()), (Some(2), ""), "{words:?}");
        assert!(!err.is_empty());
    }
}

#[test]
fn passwords_and_texts_are_not_in_the_log() {
    let mut server = Server::with(&["log.filter=trace"]);
    let (mut a, mut b) = (server.user("a"), server.user("b"));
    a.ask(&a.private("b", "hush4711"), r#"{"cmd":"private_chat_reply","result":"success"}"#);
    b.expect(&a.private("b", "hush4711"));
    let mut c = server.client();
    c.ask(
        r#"{"cmd":"register","user":"c\nforged line","password":"secret0815"}"#,
        r#"{"cmd":"register_reply","result":"failure","detail":"a name has no control characters"}"#,
    );
    c.register("c");
    c.ask(
        r#"{"cmd":"login","user":"c","password":"secret0815"}"#,
        r#"{"cmd":"login_reply","result":"password_error"}"#,
    );
    c.say(r#"{"cmd":"login","user":"secret0815","password":"11111","#);
    assert_eq!(server.sigterm().code(), Some(0));
    let log = server.logged();
    assert!(!log.contains("hush4711") && !log.contains("secret0815") && !log.contains("\nforged"), "{log}");
}
