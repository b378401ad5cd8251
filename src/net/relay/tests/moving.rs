//! Bytes arrive, all of them, in every order of things.

use super::*;

fn assert_moves(open: &Open, mut receiver: TcpStream, mut sender: TcpStream, bytes: &[u8]) {
    assert!(read_all(&mut receiver) == bytes, "other bytes");
    drop(receiver);
    assert_eq!(read_all(&mut sender), b"", "the server closes the sender's side too");
    drop(sender);
    assert_eq!(open.end(), RelayEnd::Complete);
}

#[test]
fn sender_first() {
    with_each_mover(|relays| {
        for receiver in [ONE, TWO] {
            let open = open(relays, plan(ONE, receiver, 10));
            let sender = open.send(ONE, b"0123456789");
            let receiver = open.connect(receiver);
            assert_moves(&open, receiver, sender, b"0123456789");
        }
    });
}

#[test]
fn receiver_first() {
    with_each_mover(|relays| {
        for receiver in [ONE, TWO] {
            let open = open(relays, plan(ONE, receiver, 10));
            let receiver = open.connect(receiver);
            let sender = open.send(ONE, b"0123456789");
            assert_moves(&open, receiver, sender, b"0123456789");
        }
    });
}

#[test]
fn a_sender_that_closes_after_its_last_byte_need_not_stay() {
    with_each_mover(|relays| {
        for receiver in [ONE, TWO] {
            let open = open(relays, plan(ONE, receiver, 5000));
            drop(open.send(ONE, &file(5000)));
            let mut receiver = open.connect(receiver);
            assert!(read_all(&mut receiver) == file(5000));
            drop(receiver);
            assert_eq!(open.end(), RelayEnd::Complete);
        }
    });
}

#[test]
fn an_eager_sender_is_read_ahead_of_its_receiver_and_loses_nothing() {
    with_each_mover(|relays| {
        let bytes = file(20_000_000);
        let open = open(relays, plan(ONE, TWO, 20_000_000));
        let mut sender = open.connect(ONE);
        let (tell, early) = mpsc::channel();
        thread::scope(|scope| {
            scope.spawn(|| {
                sender.write_all(&bytes[..256 * 1024]).unwrap();
                // Nobody receives yet, and still a whole buffer has gone.
                tell.send(()).unwrap();
                for piece in bytes[256 * 1024..].chunks(4096) {
                    sender.write_all(piece).unwrap();
                }
                sender.shutdown(Shutdown::Both).unwrap();
            });
            early.recv_timeout(PATIENCE).unwrap();
            let mut receiver = open.connect(TWO);
            assert!(read_all(&mut receiver) == bytes, "other bytes");
        });
        assert_eq!(open.end(), RelayEnd::Complete);
    });
}

#[test]
fn small_buffers_and_odd_pieces_change_no_byte() {
    with_each_mover(|relays| {
        let bytes = file(300_007);
        let open = open(relays, RelayPlan { buffer_bytes: 5000, ..plan(ONE, TWO, 300_007) });
        let mut sender = open.connect(ONE);
        sender.set_nodelay(true).unwrap();
        let mut receiver = open.connect(TWO);
        thread::scope(|scope| {
            scope.spawn(|| {
                for piece in bytes.chunks(271) {
                    sender.write_all(piece).unwrap();
                }
            });
            assert!(read_all(&mut receiver) == bytes, "other bytes");
        });
        drop((sender, receiver));
        assert_eq!(open.end(), RelayEnd::Complete);
    });
}

#[test]
fn bytes_are_passed_on_as_they_come() {
    with_each_mover(|relays| {
        let open = open(relays, plan(ONE, TWO, 300));
        let (mut sender, mut receiver) = (open.connect(ONE), open.connect(TWO));
        for byte in 0..=255_u8 {
            sender.write_all(&[byte]).unwrap();
            let mut got = [0];
            receiver.read_exact(&mut got).unwrap();
            assert_eq!(got, [byte]);
        }
        sender.write_all(&[9; 44]).unwrap();
        assert_eq!(read_all(&mut receiver), [9; 44]);
        drop((sender, receiver));
        assert_eq!(open.end(), RelayEnd::Complete);
    });
}

#[test]
fn a_length_of_nothing_completes_when_both_have_come() {
    with_each_mover(|relays| {
        for receiver in [ONE, TWO] {
            let open = open(relays, plan(ONE, receiver, 0));
            let (sender, receiver) = (open.connect(ONE), open.connect(receiver));
            assert_moves(&open, receiver, sender, b"");
        }
    });
}

#[test]
fn an_empty_file_may_be_come_for_and_left() {
    with_each_mover(|relays| {
        let open = open(relays, plan(ONE, TWO, 0));
        drop(open.connect(ONE));
        drop(open.connect(TWO));
        assert_eq!(open.end(), RelayEnd::Complete);
    });
}

#[test]
fn two_transfers_at_once_keep_apart() {
    with_each_mover(|relays| {
        let (bytes, other) = (file(3_000_000), vec![b'x'; 2_000_000]);
        let first = open(relays, plan(ONE, TWO, 3_000_000));
        let second = open(relays, plan(ONE, ONE, 2_000_000));
        assert_ne!(first.port, second.port);
        let mut senders = [first.connect(ONE), second.connect(ONE)];
        let mut receivers = [first.connect(TWO), second.connect(ONE)];
        thread::scope(|scope| {
            for (sender, bytes) in senders.iter_mut().zip([&bytes, &other]) {
                scope.spawn(|| sender.write_all(bytes).unwrap());
            }
            for (receiver, bytes) in receivers.iter_mut().zip([&bytes, &other]) {
                scope.spawn(|| assert!(read_all(receiver) == *bytes, "other bytes"));
            }
        });
        drop((senders, receivers));
        assert_eq!((first.end(), second.end()), (RelayEnd::Complete, RelayEnd::Complete));
    });
}

#[test]
fn a_slow_receiver_holds_the_sender_back_and_gets_everything() {
    with_each_mover(|relays| {
        let bytes = file(30_000_000);
        let open = open(relays, plan(ONE, TWO, 30_000_000));
        let mut receiver = open.connect(TWO);
        let mut sender = open.connect(ONE);
        sender.set_nonblocking(true).unwrap();
        // Until nothing goes any more: the relay's buffer and the system's are full, and they are bounded.
        let mut sent = 0;
        let mut refused = 0;
        while refused < 50 && sent < bytes.len() {
            match sender.write(&bytes[sent..]) {
                Ok(written) => sent += written,
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    refused += 1;
                    thread::yield_now();
                }
                Err(error) => panic!("{error}"),
            }
        }
        sender.set_nonblocking(false).unwrap();
        thread::scope(|scope| {
            scope.spawn(|| sender.write_all(&bytes[sent..]).unwrap());
            assert!(read_all(&mut receiver) == bytes, "other bytes");
        });
        drop((sender, receiver));
        assert_eq!(open.end(), RelayEnd::Complete);
    });
}

#[test]
fn what_has_left_towards_the_receiver_is_counted() {
    with_each_mover(|relays| {
        let plan = plan(ONE, TWO, 100_000);
        let moved = plan.moved.clone();
        let open = open(relays, plan);
        let (mut sender, mut receiver) = (open.connect(ONE), open.connect(TWO));
        sender.write_all(&file(100_000)[..70_000]).unwrap();
        let mut got = vec![0; 70_000];
        receiver.read_exact(&mut got).unwrap();
        // It breaks off: no more than that has left, and all of it is counted by the time that the end is told.
        drop(sender);
        assert_eq!(open.end(), RelayEnd::Broken);
        assert_eq!(moved.load(Ordering::Relaxed), 70_000);
    });
}

#[test]
fn what_was_read_ahead_and_never_left_is_not_counted() {
    with_each_mover(|relays| {
        let plan = plan(ONE, TWO, 100);
        let moved = plan.moved.clone();
        let open = open(relays, RelayPlan { timeout: Duration::from_millis(100), ..plan });
        let _sender = open.send(ONE, &[7; 100]);
        assert_eq!(open.end(), RelayEnd::TimedOut);
        assert_eq!(moved.load(Ordering::Relaxed), 0);
    });
}
