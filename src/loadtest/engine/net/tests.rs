use super::{Door, Net};
use crate::client::{Person, Say};
use crate::loadtest::engine::{Director, Engine, Note, World};
use crate::loadtest::plan::{Speech, Voice};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

/// Notes everything down.
#[derive(Default)]
struct Notes(Vec<String>);

impl Director for Notes {
    fn opened(&mut self, _world: &mut dyn World, session: u32) {
        self.0.push(format!("{session} opened"));
    }
    fn heard(&mut self, _world: &mut dyn World, session: u32, note: &Note) {
        self.0.push(match note {
            Note::Done { number, .. } => format!("{session} done {number}"),
            Note::Refused { word, .. } => format!("{session} refused {word}"),
            other => format!("{session} {other:?}"),
        });
    }
    fn broken(&mut self, _world: &mut dyn World, session: u32, why: &str) {
        self.0.push(format!("{session} broken {why}"));
    }
    fn timer(&mut self, world: &mut dyn World, token: u64, due_us: u64) {
        assert!(world.now_us() >= due_us);
        self.0.push(format!("timer {token}"));
    }
}

/// An engine with one place that speaks what the bare relays do.
fn net(address: SocketAddr) -> Net {
    let voice = Voice { speech: Speech::Line, web: false, tls: false };
    Net::new(vec![Door { voice, host: "127.0.0.1".into(), address, tls: None }]).unwrap()
}

fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// Turns until so many things were noted, and gives them.
fn noted(net: &mut Net, notes: &mut Notes, count: usize) -> Vec<String> {
    while notes.0.len() < count {
        net.turn(notes, u64::MAX).unwrap();
    }
    std::mem::take(&mut notes.0)
}

fn connected(net: &mut Net, listener: &TcpListener, session: u32) -> TcpStream {
    net.world().connect(session, 0);
    assert_eq!(noted(net, &mut Notes::default(), 1), [format!("{session} opened")]);
    listener.accept().unwrap().0
}

#[test]
fn what_is_said_arrives_and_what_is_answered_is_heard() {
    let (listener, address) = listen();
    let mut net = net(address);
    let mut open = Vec::new();
    for session in [0, 5] {
        if session == 5 {
            net.world().prefer(session);
        }
        let mut theirs = connected(&mut net, &listener, session);
        let me = Person { name: String::new(), id: 7 };
        assert_eq!(net.world().say(session, &Say::Login { me: &me, password: "", instance: None }), Ok(1));
        assert_eq!(net.world().say(session, &Say::Ping), Ok(2));
        let mut notes = Notes::default();
        net.turn(&mut notes, 0).unwrap();
        let mut said = [0; 6];
        theirs.read_exact(&mut said).unwrap();
        assert_eq!(&said, b"L 7\nP\n");
        theirs.write_all(b"L\nP\n").unwrap();
        assert_eq!(noted(&mut net, &mut notes, 2), [format!("{session} done 1"), format!("{session} done 2")]);
        open.push(theirs);
    }
    assert!(net.world().say(1, &Say::Ping).is_err());
}

#[test]
fn last_words_are_heard_before_the_end_is_told() {
    let (listener, address) = listen();
    let mut net = net(address);
    let mut theirs = connected(&mut net, &listener, 0);
    net.world().say(0, &Say::Ping).unwrap();
    net.turn(&mut Notes::default(), 0).unwrap();
    let mut asked = String::new();
    BufReader::new(theirs.try_clone().unwrap()).read_line(&mut asked).unwrap();
    theirs.write_all(b"P\n").unwrap();
    drop(theirs);
    assert_eq!(noted(&mut net, &mut Notes::default(), 2), ["0 done 1", "0 broken closed by the server"]);
    assert!(net.world().say(0, &Say::Ping).is_err());
}

#[test]
fn what_cannot_connect_or_be_understood_is_broken_once() {
    let (listener, address) = listen();
    let mut net = net(address);
    let mut theirs = connected(&mut net, &listener, 3);
    theirs.write_all(b"what?\n").unwrap();
    let broken = noted(&mut net, &mut Notes::default(), 2);
    assert!(broken[1].starts_with("3 broken not understood"), "{broken:?}");
    drop(listener);
    net.world().connect(3, 0);
    assert_eq!(noted(&mut net, &mut Notes::default(), 1), ["3 broken connection refused"]);
    net.world().connect(3, 9);
    assert_eq!(noted(&mut net, &mut Notes::default(), 1), ["3 broken there is no such place"]);
}

#[test]
fn whoever_is_left_says_goodbye_and_nothing_is_told() {
    let (listener, address) = listen();
    let mut net = net(address);
    let mut theirs = connected(&mut net, &listener, 0);
    net.world().say(0, &Say::Ping).unwrap();
    net.world().disconnect(0);
    let mut rest = String::new();
    theirs.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "P\n");
    // A new connection of the same session is another one.
    let _theirs = connected(&mut net, &listener, 0);
    net.world().at(0, 1);
    assert_eq!(noted(&mut net, &mut Notes::default(), 1), ["timer 1"]);
}

#[test]
fn whoever_leaves_hears_to_the_end() {
    let (listener, address) = listen();
    let mut net = net(address);
    let mut theirs = connected(&mut net, &listener, 0);
    net.world().say(0, &Say::Ping).unwrap();
    net.world().leave(0);
    let mut notes = Notes::default();
    net.turn(&mut notes, 0).unwrap();
    // What was said, and then the end.
    let mut said = String::new();
    theirs.read_to_string(&mut said).unwrap();
    assert_eq!(said, "P\n");
    theirs.write_all(b"P\nM last\n").unwrap();
    drop(theirs);
    let heard = noted(&mut net, &mut notes, 3);
    assert_eq!((heard[0].as_str(), heard[2].as_str()), ("0 done 1", "0 broken closed by the server"));
    assert!(heard[1].starts_with("0 Copy"), "{heard:?}");
}

#[test]
fn whoever_is_cut_off_hears_what_has_come_and_leaves_a_reset() {
    let (listener, address) = listen();
    let mut net = net(address);
    let mut theirs = connected(&mut net, &listener, 0);
    theirs.write_all(b"M one\nM two\n").unwrap();
    net.world().cut(0);
    let heard = noted(&mut net, &mut Notes::default(), 3);
    assert!(heard[0].starts_with("0 Copy") && heard[1].starts_with("0 Copy"), "{heard:?}");
    assert_eq!(heard[2], "0 broken cut off");
    let error = theirs.read(&mut [0; 1]).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}

#[test]
fn nonsense_is_told_before_the_end() {
    let (listener, address) = listen();
    let mut net = net(address);
    let mut theirs = connected(&mut net, &listener, 0);
    theirs.write_all(b"M one\nwhat?\nM two\n").unwrap();
    let heard = noted(&mut net, &mut Notes::default(), 3);
    assert!(heard[0].starts_with("0 Copy") && heard[2].starts_with("0 broken not understood"), "{heard:?}");
    assert_eq!(heard[1], "0 Nonsense");
}

#[test]
fn what_the_other_side_does_not_read_waits_and_comes_whole() {
    let (listener, address) = listen();
    let mut net = net(address);
    let mut theirs = connected(&mut net, &listener, 0);
    let to = Person { name: String::new(), id: 1 };
    let text = "x".repeat(100_000);
    let mut notes = Notes::default();
    let mut expected = 0;
    // Until the socket takes no more, and much more than that.
    while expected < 6_000_000 {
        net.world().say(0, &Say::Private { to: &to, text: &text }).unwrap();
        net.turn(&mut notes, 0).unwrap();
        expected += text.len() + 5;
    }
    let reader = std::thread::spawn(move || {
        let mut all = vec![0; expected];
        theirs.read_exact(&mut all).unwrap();
        theirs.write_all(b"A\n").unwrap();
        assert!(all.chunks(100_005).all(|line| line.starts_with(b"T 1 x") && line.ends_with(b"x\n")));
        theirs
    });
    assert_eq!(noted(&mut net, &mut notes, 1), ["0 done 1"]);
    // Its end is not part of this.
    drop(reader.join().unwrap());
}

#[test]
fn nobody_waits_without_an_end_for_a_server_that_does_not_read() {
    let (listener, address) = listen();
    let mut net = net(address);
    let _theirs = connected(&mut net, &listener, 0);
    let text = "x".repeat(1 << 20);
    let to = Person { name: String::new(), id: 1 };
    let said = (0..64).take_while(|_| net.world().say(0, &Say::Private { to: &to, text: &text }).is_ok()).count();
    assert!((8..=9).contains(&said), "{said} MiB");
}

#[test]
fn timers_come_in_order_and_no_earlier_than_they_are_due() {
    let (_listener, address) = listen();
    let mut net = net(address);
    let now_us = net.world().now_us();
    for (wait_us, token) in [(3_000, 3), (1_000, 1), (2_000, 2), (0, 0)] {
        net.world().at(now_us + wait_us, token);
    }
    let order = noted(&mut net, &mut Notes::default(), 4);
    assert_eq!(order, ["timer 0", "timer 1", "timer 2", "timer 3"]);
    assert!(net.world().now_us() >= now_us + 3_000);
}

#[test]
fn whoever_leaves_with_something_unread_says_nothing_and_resets() {
    let (listener, address) = listen();
    let mut net = net(address);
    let mut server = connected(&mut net, &listener, 0);
    server.write_all(b"M unread\n").unwrap();
    net.world().say(0, &Say::Login { me: &Person::default(), password: "", instance: None }).unwrap();
    net.world().disconnect(0);
    // No word, and no orderly end.
    assert_eq!(server.read(&mut [0; 16]).unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
}

#[test]
fn the_clock_stands_still_in_time_that_is_skipped() {
    let created = std::time::Instant::now();
    let (_listener, address) = listen();
    let mut net = net(address);
    let mut notes = Notes::default();
    let began = std::time::Instant::now();
    net.world().at(20_000, 1);
    noted(&mut net, &mut notes, 1);
    // The alarm is set for this one, and must not be taken for set when the clock has gone back.
    net.world().at(40_000, 2);
    net.waker().wake().unwrap();
    net.turn(&mut notes, u64::MAX).unwrap();
    let skipped = began.elapsed();
    net.skip(skipped);
    net.turn(&mut notes, 1).unwrap();
    let counted = created.elapsed() - skipped;
    assert!(u128::from(net.world().now_us()) <= counted.as_micros());
    assert_eq!(noted(&mut net, &mut notes, 1), ["timer 2"]);
    assert!(created.elapsed() - skipped >= std::time::Duration::from_millis(40));
}
