//! Transfers that do not succeed, and what every end leaves behind.

use super::*;

/// For tests that wait for a time-out; long enough to connect in on a busy machine.
const SHORT: Duration = Duration::from_secs(1);

#[test]
fn a_byte_too_many_breaks_it_and_is_not_passed_on() {
    with_each_mover(|relays| {
        for receiver in [ONE, TWO] {
            let open = open(relays, plan(ONE, receiver, 10));
            // Before the sender: its excess, once read, ends the transfer, whoever is there.
            let mut receiver = open.connect(receiver);
            let _sender = open.send(ONE, b"0123456789!");
            let got = read_all(&mut receiver);
            assert!(b"0123456789".starts_with(&got[..]), "{got:?}");
            assert_eq!(open.end(), RelayEnd::Broken);
        }
    });
}

#[test]
fn a_byte_too_many_that_comes_late_breaks_it_too() {
    with_each_mover(|relays| {
        let open = open(relays, plan(ONE, TWO, 10));
        let mut sender = open.send(ONE, b"0123456789");
        let mut receiver = open.connect(TWO);
        assert_eq!(read_all(&mut receiver), b"0123456789");
        sender.write_all(b"!").unwrap();
        assert_eq!(open.end(), RelayEnd::Broken);
    });
}

#[test]
fn a_byte_for_an_empty_file_breaks_it() {
    with_each_mover(|relays| {
        for receiver in [ONE, TWO] {
            let open = open(relays, plan(ONE, receiver, 0));
            let receiver = open.connect(receiver);
            let sender = open.send(ONE, b"!");
            assert_get_nothing([sender, receiver]);
            assert_eq!(open.end(), RelayEnd::Broken);
        }
    });
}

#[test]
fn too_few_bytes_break_it() {
    with_each_mover(|relays| {
        for receiver in [ONE, TWO] {
            let open = open(relays, plan(ONE, receiver, 10));
            let mut receiver = open.connect(receiver);
            drop(open.send(ONE, b"01234"));
            let got = read_all(&mut receiver);
            assert!(b"01234".starts_with(&got[..]), "{got:?}");
            assert_eq!(open.end(), RelayEnd::Broken);
        }
    });
}

#[test]
fn a_receiver_that_leaves_early_breaks_it() {
    with_each_mover(|relays| {
        let open = open(relays, plan(ONE, TWO, 100_000_000));
        let mut sender = open.send(ONE, b"01234");
        let mut receiver = open.connect(TWO);
        receiver.read_exact(&mut [0; 5]).unwrap();
        drop(receiver);
        // Its leaving is noticed even though nothing more is sent.
        assert_eq!(open.end(), RelayEnd::Broken);
        assert_eq!(read_all(&mut sender), b"");
    });
}

#[test]
fn a_receiver_that_reads_only_a_part_breaks_it() {
    with_each_mover(|relays| {
        let open = open(relays, plan(ONE, TWO, 1000));
        let mut receiver = open.connect(TWO);
        let _sender = open.send(ONE, &file(1000));
        receiver.read_exact(&mut [0; 10]).unwrap();
        drop(receiver);
        assert_eq!(open.end(), RelayEnd::Broken);
    });
}

#[test]
fn a_receiver_that_talks_is_borne_for_a_while_and_never_heard_by_the_sender() {
    with_each_mover(|relays| {
        let open = open(relays, plan(ONE, TWO, 10));
        let (mut sender, mut receiver) = (open.send(ONE, b"01234"), open.send(TWO, b"hello"));
        receiver.read_exact(&mut [0; 5]).unwrap();
        receiver.write_all(&[b'x'; 8192]).unwrap();
        assert_eq!(open.end(), RelayEnd::Broken);
        assert_eq!(read_all(&mut sender), b"");
    });
}

#[test]
fn nobody_one_or_two_silent_sides_time_out() {
    with_each_mover(|relays| {
        let transfers = [ONE, TWO].map(|receiver| {
            let plan = || RelayPlan { timeout: SHORT, ..plan(ONE, receiver, 10) };
            let (nobody, alone, silent) = (open(relays, plan()), open(relays, plan()), open(relays, plan()));
            let sides = [alone.send(ONE, b"0123456789"), silent.connect(ONE), silent.connect(receiver)];
            ([nobody, alone, silent], sides)
        });
        for (transfers, sides) in transfers {
            for open in transfers {
                assert_eq!(open.end(), RelayEnd::TimedOut);
            }
            assert_get_nothing(sides);
        }
    });
}

#[test]
fn silence_after_bytes_breaks_it() {
    with_each_mover(|relays| {
        let open = open(relays, RelayPlan { timeout: SHORT, ..plan(ONE, TWO, 10) });
        let _sender = open.send(ONE, b"01234");
        let mut receiver = open.connect(TWO);
        assert_eq!(read_all(&mut receiver), b"01234");
        assert_eq!(open.end(), RelayEnd::Broken);
    });
}

#[test]
fn sides_that_never_close_are_closed() {
    with_each_mover(|relays| {
        let open = open(relays, RelayPlan { timeout: SHORT, ..plan(ONE, TWO, 10) });
        let (_sender, mut receiver) = (open.send(ONE, b"0123456789"), open.connect(TWO));
        assert_eq!(read_all(&mut receiver), b"0123456789");
        assert_eq!(open.end(), RelayEnd::Complete);
    });
}

#[test]
fn a_dropped_hold_breaks_it_at_any_time() {
    with_each_mover(|relays| {
        let mut empty = open(relays, plan(ONE, TWO, 10));
        empty.hold = None;
        assert_eq!(empty.end(), RelayEnd::Broken);

        let mut running = open(relays, plan(ONE, TWO, 10));
        let (mut sender, mut receiver) = (running.send(ONE, b"01234"), running.connect(TWO));
        receiver.read_exact(&mut [0; 5]).unwrap();
        running.hold = None;
        assert_eq!(running.end(), RelayEnd::Broken);
        assert_eq!((read_all(&mut sender), read_all(&mut receiver)), (vec![], vec![]));
    });
}

#[test]
fn the_port_is_free_when_the_end_is_told() {
    with_each_mover(|relays| {
        let mut port = 0;
        for length in [10, 0, 10, 10] {
            let open = open(relays, RelayPlan { port, ..plan(ONE, TWO, length) });
            assert!(relays.open(RelayPlan { port: open.port, ..plan(ONE, TWO, 1) }, Box::new(|_| {})).is_err());
            port = open.port;
            drop(open.send(ONE, &file(length.try_into().unwrap())));
            drop(read_all(&mut open.connect(TWO)));
            assert_eq!(open.end(), RelayEnd::Complete);
        }
    });
}

#[test]
fn dropping_the_relays_ends_all() {
    for mover in MOVERS {
        let relays = TcpRelays::start(mover).unwrap();
        let (one, two) = (open(&relays, plan(ONE, TWO, 10)), open(&relays, plan(ONE, ONE, 10)));
        let waiting = one.connect(ONE);
        drop(relays);
        assert_eq!((one.end(), two.end()), (RelayEnd::Broken, RelayEnd::Broken));
        assert_get_nothing([waiting]);
    }
}

/// Whether this process has a socket on that local port, by the system's own table.
#[cfg(target_os = "linux")]
fn has_sockets(port: u16) -> bool {
    let port = format!(":{port:04X}");
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    table.lines().skip(1).any(|line| {
        let mut columns = line.split_whitespace().skip(1);
        let local = columns.next().unwrap();
        let state = columns.nth(1).unwrap();
        // Connections that only wait for their last packets (FIN_WAIT and TIME_WAIT) have no descriptor any more.
        local.ends_with(&port) && matches!(state, "01" | "08" | "0A")
    })
}

#[cfg(target_os = "linux")]
#[test]
fn every_socket_is_closed_when_the_end_is_told() {
    with_each_mover(|relays| {
        let open = open(relays, plan(ONE, TWO, 10));
        let (sender, mut receiver) = (open.send(ONE, b"0123456789"), open.connect(TWO));
        assert!(has_sockets(open.port));
        assert_eq!(read_all(&mut receiver), b"0123456789");
        drop((sender, receiver));
        assert_eq!(open.end(), RelayEnd::Complete);
        assert!(!has_sockets(open.port));
    });
}
