//! Sides that come with a token, as whoever speaks HTTP hands them over.

use super::*;
use crate::net::relay::arrivals::Arrivals;
use crate::net::relay::lull::Lull;
use crate::net::relay::{Doors, How, Outcome, Refused};
use std::net::TcpListener as StdListener;
use std::os::unix::net::UnixStream;
use tokio::io::AsyncWriteExt;
use tokio::runtime::{Builder, Runtime};

/// Two sides over HTTP; they have no port.
fn web_plan(length: u64) -> RelayPlan {
    RelayPlan { sender: over_http(), receiver: over_http(), ..plan(ONE, TWO, length) }
}

fn from_web(length: u64) -> RelayPlan {
    RelayPlan { sender: over_http(), ..plan(ONE, TWO, length) }
}

fn to_web(length: u64) -> RelayPlan {
    RelayPlan { receiver: over_http(), ..plan(ONE, TWO, length) }
}

fn put(plan: &RelayPlan) -> How {
    How::Put { content_length: plan.length }
}

/// One side, joined, and made blocking.
struct Web {
    stream: UnixStream,
    outcome: Outcome,
    runtime: Runtime,
}

fn join(relays: &TcpRelays, token: &str, how: How) -> Result<Web, Refused> {
    let runtime = Builder::new_current_thread().enable_io().build().unwrap();
    let joined = runtime.block_on(async { relays.doors().join(token, how) })?;
    let stream = runtime.block_on(async { joined.stream.into_std() }).unwrap();
    stream.set_nonblocking(false).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    Ok(Web { stream, outcome: joined.outcome, runtime })
}

impl Web {
    fn sender(relays: &TcpRelays, plan: &RelayPlan) -> Self {
        join(relays, token(&plan.sender), put(plan)).unwrap()
    }

    fn receiver(relays: &TcpRelays, plan: &RelayPlan) -> Self {
        join(relays, token(&plan.receiver), How::Get).unwrap()
    }

    /// Sends a whole file.
    fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
        self.stream.shutdown(Shutdown::Write).unwrap();
    }

    /// How it ended, as this side hears it.
    fn end(mut self) -> RelayEnd {
        self.runtime.block_on(self.outcome.end())
    }
}

#[test]
fn from_the_web_to_a_port_in_any_order() {
    with_each_mover(|relays| {
        for (bytes, receiver_first) in
            [(0, false), (10, false), (10, true), (100_000, false)].map(|(n, f)| (file(n), f))
        {
            let plan = from_web(bytes.len() as u64);
            let open = open(relays, plan.clone());
            let early = receiver_first.then(|| open.connect(TWO));
            let mut sender = Web::sender(relays, &plan);
            sender.send(&bytes);
            let mut receiver = early.unwrap_or_else(|| open.connect(TWO));
            assert!(read_all(&mut receiver) == bytes, "other bytes");
            drop(receiver);
            assert_eq!((open.end(), sender.end()), (RelayEnd::Complete, RelayEnd::Complete));
        }
    });
}

#[test]
fn from_a_port_to_the_web_in_any_order() {
    with_each_mover(|relays| {
        for (bytes, receiver_first) in [(0, false), (10, false), (10, true), (100_000, true)].map(|(n, f)| (file(n), f))
        {
            let plan = to_web(bytes.len() as u64);
            let open = open(relays, plan.clone());
            let early = receiver_first.then(|| Web::receiver(relays, &plan));
            let mut sender = open.send(ONE, &bytes);
            let mut receiver = early.unwrap_or_else(|| Web::receiver(relays, &plan));
            assert!(read_all(&mut receiver.stream) == bytes, "other bytes");
            drop(receiver);
            assert_eq!(read_all(&mut sender), b"", "the server closes the sender's side too");
            drop(sender);
            assert_eq!(open.end(), RelayEnd::Complete);
        }
    });
}

#[test]
fn a_large_file_from_the_web_to_the_web_needs_no_port() {
    with_each_mover(|relays| {
        let bytes = file(20_000_000);
        for buffer_bytes in [5000, 256 * 1024] {
            let plan = RelayPlan { buffer_bytes, ..web_plan(20_000_000) };
            let open = open(relays, plan.clone());
            assert_eq!(open.port, 0, "nothing is listened on");
            let (mut sender, mut receiver) = (Web::sender(relays, &plan), Web::receiver(relays, &plan));
            thread::scope(|scope| {
                scope.spawn(|| sender.send(&bytes));
                assert!(read_all(&mut receiver.stream) == bytes, "other bytes");
            });
            drop(receiver);
            assert_eq!((open.end(), sender.end()), (RelayEnd::Complete, RelayEnd::Complete));
        }
    });
}

#[test]
fn what_is_refused_uses_no_token_up_and_a_used_one_is_unknown() {
    with_each_mover(|relays| {
        let plan = web_plan(10);
        let open = open(relays, plan.clone());
        let (sender, receiver) = (token(&plan.sender), token(&plan.receiver));
        for (token, how) in [(sender, How::Get), (receiver, How::Put { content_length: 10 })] {
            assert!(matches!(join(relays, token, how), Err(Refused::WrongWay)));
        }
        for content_length in [0, 9, 11, u64::MAX] {
            let refused = join(relays, sender, How::Put { content_length });
            assert!(matches!(refused, Err(Refused::WrongLength(10))));
        }
        for token in ["", "0", &"0".repeat(32), &sender.to_uppercase().replace(|c: char| c.is_numeric(), "A")] {
            assert!(matches!(join(relays, token, How::Get), Err(Refused::Unknown)));
        }
        let (mut web, mut other) = (Web::sender(relays, &plan), Web::receiver(relays, &plan));
        for how in [How::Get, How::Put { content_length: 10 }, How::Put { content_length: 3 }] {
            assert!(matches!(join(relays, sender, how), Err(Refused::Unknown)));
            assert!(matches!(join(relays, receiver, how), Err(Refused::Unknown)));
        }
        web.send(b"0123456789");
        assert_eq!(read_all(&mut other.stream), b"0123456789");
        drop(other);
        assert_eq!(open.end(), RelayEnd::Complete);
    });
}

#[test]
fn tokens_go_with_their_transfer() {
    with_each_mover(|relays| {
        let plans = [web_plan(10), from_web(10), to_web(10), plan(ONE, TWO, 10)];
        let mut open = plans.clone().map(|plan| open(relays, plan));
        assert_eq!(relays.doors().len(), 4);
        for open in &mut open {
            open.hold = None;
            assert_eq!(open.end(), RelayEnd::Broken);
        }
        assert_eq!(relays.doors().len(), 0);
        assert!(matches!(join(relays, token(&plans[0].sender), put(&plans[0])), Err(Refused::Unknown)));
    });
}

#[test]
fn nobody_at_the_port_passes_for_a_side_from_the_web() {
    with_each_mover(|relays| {
        let plan = from_web(10);
        let first = open(relays, plan.clone());
        // From the address where the sender's own session may be, and from others.
        assert_get_nothing([first.send(ONE, b"evil"), first.connect(THREE)]);
        let mut receiver = first.connect(TWO);
        assert_get_nothing([first.send(ONE, b"evil")]);
        Web::sender(relays, &plan).send(b"0123456789");
        assert_eq!(read_all(&mut receiver), b"0123456789");
        drop(receiver);
        assert_eq!(first.end(), RelayEnd::Complete);

        let plan = to_web(10);
        let second = open(relays, plan.clone());
        assert_get_nothing([second.connect(TWO), second.connect(THREE)]);
        let mut sender = second.send(ONE, b"01234");
        assert_get_nothing([second.connect(TWO)]);
        let mut receiver = Web::receiver(relays, &plan);
        receiver.stream.read_exact(&mut [0; 5]).unwrap();
        assert_get_nothing([second.connect(TWO), second.send(ONE, b"evil")]);
        sender.write_all(b"56789").unwrap();
        assert_eq!(read_all(&mut receiver.stream), b"56789");
        drop((sender, receiver));
        assert_eq!(second.end(), RelayEnd::Complete);
    });
}

#[test]
fn two_at_the_port_from_the_one_address_that_may_come_end_it_and_get_nothing() {
    with_each_mover(|relays| {
        // Whoever comes first may be a stranger on the same machine.
        for (plan, is_sender) in [(from_web(10), false), (to_web(10), true)] {
            let plan = RelayPlan { settle: PATIENCE * 10, ..plan };
            let open = open(relays, plan.clone());
            let come = || if is_sender { open.send(ONE, b"0123456789") } else { open.connect(TWO) };
            let stranger = come();
            if is_sender {
                let mut web = Web::receiver(relays, &plan);
                assert_get_nothing([stranger, come()]);
                assert_eq!(read_all(&mut web.stream), b"");
            } else {
                let mut web = Web::sender(relays, &plan);
                web.send(b"0123456789");
                assert_get_nothing([stranger, come()]);
            }
            assert_eq!(open.end(), RelayEnd::Broken);
        }
    });
}

#[test]
fn one_address_for_both_is_no_harm_if_a_side_comes_over_the_web() {
    with_each_mover(|relays| {
        let plan = RelayPlan { sender: over_http(), ..plan(ONE, ONE, 10) };
        let open = open(relays, plan.clone());
        Web::sender(relays, &plan).send(b"0123456789");
        let mut receiver = open.connect(ONE);
        assert_eq!(read_all(&mut receiver), b"0123456789");
        drop(receiver);
        assert_eq!(open.end(), RelayEnd::Complete);
    });
}

#[test]
fn a_web_side_that_leaves_before_the_other_comes_ends_it_at_once() {
    with_each_mover(|relays| {
        for plan in [web_plan(10), from_web(10)] {
            let open = open(relays, plan.clone());
            drop(Web::sender(relays, &plan));
            assert_eq!(open.end(), RelayEnd::Broken);
        }
        for plan in [web_plan(10), to_web(10)] {
            let open = open(relays, plan.clone());
            drop(Web::receiver(relays, &plan));
            assert_eq!(open.end(), RelayEnd::Broken);
        }
    });
}

#[test]
fn a_sender_that_breaks_off_breaks_it_and_no_more_than_it_sent_arrives() {
    with_each_mover(|relays| {
        let plan = web_plan(10);
        let open = open(relays, plan.clone());
        let (mut sender, mut receiver) = (Web::sender(relays, &plan), Web::receiver(relays, &plan));
        sender.stream.write_all(b"01234").unwrap();
        receiver.stream.read_exact(&mut [0; 5]).unwrap();
        drop(sender);
        assert_eq!(read_all(&mut receiver.stream), b"");
        assert_eq!((open.end(), receiver.end()), (RelayEnd::Broken, RelayEnd::Broken));
    });
}

#[test]
fn a_receiver_that_leaves_midway_breaks_it_and_the_sender_hears() {
    with_each_mover(|relays| {
        for reads in [5, 500_000] {
            let plan = web_plan(100_000_000);
            let open = open(relays, plan.clone());
            let (mut sender, mut receiver) = (Web::sender(relays, &plan), Web::receiver(relays, &plan));
            let (bytes, mut some) = (file(1_000_000), vec![0; reads]);
            thread::scope(|scope| {
                // Until it fails, since nobody takes it any more.
                scope.spawn(|| while sender.stream.write_all(&bytes).is_ok() {});
                receiver.stream.read_exact(&mut some).unwrap();
                drop(receiver);
            });
            assert_eq!((open.end(), sender.end()), (RelayEnd::Broken, RelayEnd::Broken));
        }
    });
}

#[test]
fn a_receiver_that_does_not_read_holds_the_sender_back() {
    with_each_mover(|relays| {
        let bytes = file(5_000_000);
        let plan = web_plan(5_000_000);
        let open = open(relays, plan.clone());
        let (sender, mut receiver) = (Web::sender(relays, &plan), Web::receiver(relays, &plan));
        let mut stream = &sender.stream;
        // The relay waits for room with the whole of its buffer filled once a write has failed for so long.
        stream.set_write_timeout(Some(Duration::from_millis(300))).unwrap();
        let mut sent = 0;
        let mut patience = 60;
        loop {
            match stream.write(&bytes[sent..]) {
                Ok(written) => sent += written,
                // The relay has not had its turn for all this while.
                Err(_) if sent < 128 * 1024 && patience > 0 => patience -= 1,
                Err(_) => break,
            }
        }
        // Two pairs that may hold 64 KiB each, and the relay's buffer: less where the system has no room for large pipes.
        assert!((128 * 1024..512 * 1024).contains(&sent), "{sent} bytes are held");
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        thread::scope(|scope| {
            scope.spawn(|| {
                stream.write_all(&bytes[sent..]).unwrap();
                stream.shutdown(Shutdown::Write).unwrap();
            });
            assert!(read_all(&mut receiver.stream) == bytes, "other bytes");
        });
        drop(receiver);
        assert_eq!((open.end(), sender.end()), (RelayEnd::Complete, RelayEnd::Complete));
    });
}

#[test]
fn ends_from_outside_reach_the_web_sides() {
    for mover in MOVERS {
        let relays = TcpRelays::start(mover).unwrap();
        let plans = [web_plan(10), web_plan(10)];
        let [mut first, second] = plans.clone().map(|plan| open(&relays, plan));
        let (mut sender, receiver) = (Web::sender(&relays, &plans[0]), Web::receiver(&relays, &plans[0]));
        sender.stream.write_all(b"01234").unwrap();
        first.hold = None;
        assert_eq!((first.end(), sender.end(), receiver.end()), (RelayEnd::Broken, RelayEnd::Broken, RelayEnd::Broken));
        let (doors, waiting) = (relays.doors(), Web::sender(&relays, &plans[1]));
        drop(relays);
        assert_eq!((second.end(), waiting.end()), (RelayEnd::Broken, RelayEnd::Broken));
        assert_eq!(doors.len(), 0);
    }
}

#[test]
fn nobody_is_sent_to_a_listener_that_is_not_there() {
    let relays = TcpRelays::start(MOVERS[0]).unwrap();
    assert_eq!(relays.web_port(), None);
    relays.set_web_port(8080);
    assert_eq!((relays.web_port(), relays.doors().web_port()), (Some(8080), Some(8080)));
}

/// A transfer on the test's own runtime, whose clock stands still while anything happens.
struct Still {
    plan: RelayPlan,
    doors: Doors,
    arrivals: Option<Arrivals>,
}

fn still(plan: RelayPlan) -> Still {
    let doors = Doors::default();
    let listener = plan.needs_port().then(|| {
        let listener = StdListener::bind((ip(ONE), 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        tokio::net::TcpListener::from_std(listener).unwrap()
    });
    let (_, outcome) = Outcome::pair();
    let arrivals = Some(Arrivals::new(plan.ticket, listener, doors.hang(&plan, &outcome)));
    Still { plan, doors, arrivals }
}

impl Still {
    /// Runs it to its end; returns that, and how long it took.
    async fn run(&mut self) -> (RelayEnd, Duration) {
        let started = tokio::time::Instant::now();
        let end =
            crate::net::relay::relay(&self.plan, MOVERS[0], &Lull::default(), self.arrivals.take().unwrap()).await;
        (end, started.elapsed())
    }
}

#[tokio::test(start_paused = true)]
async fn web_sides_that_do_not_come_or_say_nothing_time_out() {
    let late = PATIENCE + Duration::from_millis(1);
    for plan in [web_plan(10), from_web(10), to_web(10)] {
        let (end, took) = still(plan).run().await;
        assert_eq!(end, RelayEnd::TimedOut);
        assert!((PATIENCE..=late).contains(&took), "{took:?}");
    }
    // Alone, with the whole file.
    let mut alone = still(web_plan(10));
    let mut sender = alone.doors.join(token(&alone.plan.sender), put(&alone.plan)).unwrap();
    sender.stream.write_all(b"0123456789").await.unwrap();
    let (end, took) = alone.run().await;
    assert_eq!(end, RelayEnd::TimedOut);
    assert!((PATIENCE..=late).contains(&took), "{took:?}");
    // Both, without a byte.
    let mut silent = still(web_plan(10));
    let _sender = silent.doors.join(token(&silent.plan.sender), put(&silent.plan)).unwrap();
    let _receiver = silent.doors.join(token(&silent.plan.receiver), How::Get).unwrap();
    let (end, took) = silent.run().await;
    assert_eq!(end, RelayEnd::TimedOut);
    assert!((PATIENCE..=2 * late).contains(&took), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn silence_after_bytes_from_the_web_breaks_it() {
    let mut half = still(web_plan(10));
    let mut sender = half.doors.join(token(&half.plan.sender), put(&half.plan)).unwrap();
    let _receiver = half.doors.join(token(&half.plan.receiver), How::Get).unwrap();
    sender.stream.write_all(b"01234").await.unwrap();
    let (end, took) = half.run().await;
    assert_eq!(end, RelayEnd::Broken);
    assert!((PATIENCE..=2 * PATIENCE).contains(&took), "{took:?}");
}
