//! Who may take part, and what those get who may not.

use super::*;

/// Connects a sender and a receiver and expects their transfer to succeed.
fn assert_completes(open: &Open, sender: u8, receiver: u8) {
    let sender = open.send(sender, b"0123456789");
    let mut receiver = open.connect(receiver);
    assert_eq!(read_all(&mut receiver), b"0123456789");
    drop((sender, receiver));
    assert_eq!(open.end(), RelayEnd::Complete);
}

#[test]
fn a_strangers_address_gets_nothing_and_changes_nothing() {
    with_each_mover(|relays| {
        for receiver in [ONE, TWO] {
            let first = open(relays, plan(ONE, receiver, 10));
            assert_get_nothing([first.connect(THREE)]);
            assert_completes(&first, ONE, receiver);

            let second = open(relays, plan(ONE, receiver, 10));
            let sender = second.send(ONE, b"0123456789");
            assert_get_nothing([second.connect(THREE)]);
            let mut real = second.connect(receiver);
            assert_eq!(read_all(&mut real), b"0123456789");
            drop((sender, real));
            assert_eq!(second.end(), RelayEnd::Complete);

            let both = open(relays, plan(ONE, receiver, 10));
            let strangers = [both.send(THREE, b"evil"), both.connect(THREE)];
            assert_get_nothing(strangers);
            assert_completes(&both, ONE, receiver);
        }
    });
}

#[test]
fn a_stranger_in_the_middle_of_a_transfer_gets_nothing() {
    with_each_mover(|relays| {
        for (receiver, stranger) in [(ONE, ONE), (ONE, THREE), (TWO, ONE), (TWO, TWO), (TWO, THREE)] {
            let open = open(relays, plan(ONE, receiver, 10));
            let mut sender = open.send(ONE, b"01234");
            let mut receiver = open.connect(receiver);
            let mut got = [0; 5];
            receiver.read_exact(&mut got).unwrap();
            // Bytes have come through, so the two are paired.
            assert_get_nothing([open.connect(stranger)]);
            assert_get_nothing([open.send(stranger, b"evil")]);
            sender.write_all(b"56789").unwrap();
            assert_eq!(read_all(&mut receiver), b"56789");
            drop((sender, receiver));
            assert_eq!(open.end(), RelayEnd::Complete);
        }
    });
}

#[test]
fn a_third_from_the_same_address_before_the_two_are_trusted_ends_it_and_nobody_gets_a_byte() {
    with_each_mover(|relays| {
        for sends in 0..3 {
            let open = open(relays, RelayPlan { settle: PATIENCE, ..plan(ONE, ONE, 10) });
            let sides = [0, 1, 2].map(|side| open.send(ONE, if side == sends { b"0123456789" } else { b"" }));
            assert_get_nothing(sides);
            assert_eq!(open.end(), RelayEnd::Broken);
        }
    });
}

#[test]
fn a_third_from_the_same_address_while_nobody_has_sent_ends_it_too() {
    with_each_mover(|relays| {
        let open = open(relays, RelayPlan { settle: Duration::ZERO, ..plan(ONE, ONE, 10) });
        assert_get_nothing([open.connect(ONE), open.connect(ONE), open.connect(ONE)]);
        assert_eq!(open.end(), RelayEnd::Broken);
    });
}

#[test]
fn two_senders_from_one_address_are_one_too_many() {
    with_each_mover(|relays| {
        let open = open(relays, RelayPlan { settle: PATIENCE, ..plan(ONE, ONE, 10) });
        assert_get_nothing([open.send(ONE, b"01234"), open.send(ONE, b"abcde")]);
        assert_eq!(open.end(), RelayEnd::Broken);
    });
}

#[test]
fn of_two_from_one_sides_own_address_the_first_counts() {
    with_each_mover(|relays| {
        let open = open(relays, plan(ONE, TWO, 10));
        let mut sender = open.send(ONE, b"01234");
        assert_get_nothing([open.connect(ONE)]);
        let mut receiver = open.connect(TWO);
        assert_get_nothing([open.connect(TWO)]);
        sender.write_all(b"56789").unwrap();
        assert_eq!(read_all(&mut receiver), b"0123456789");
        drop((sender, receiver));
        assert_eq!(open.end(), RelayEnd::Complete);
    });
}

#[test]
fn whoever_connects_and_leaves_has_no_place() {
    with_each_mover(|relays| {
        for receiver in [ONE, TWO] {
            let open = open(relays, plan(ONE, receiver, 10));
            for from in [ONE, receiver, receiver] {
                drop(open.connect(from));
            }
            assert_completes(&open, ONE, receiver);
        }
    });
}

#[test]
fn one_of_two_that_leaves_while_it_settles_makes_room() {
    with_each_mover(|relays| {
        let open = open(relays, RelayPlan { settle: Duration::from_millis(200), ..plan(ONE, ONE, 10) });
        let sender = open.send(ONE, b"0123456789");
        drop(open.connect(ONE));
        let mut receiver = open.connect(ONE);
        assert_eq!(read_all(&mut receiver), b"0123456789");
        drop((sender, receiver));
        assert_eq!(open.end(), RelayEnd::Complete);
    });
}

#[test]
fn any_of_the_receivers_addresses_will_do() {
    with_each_mover(|relays| {
        let plan = RelayPlan { receiver: through_port([TWO, THREE]), ..plan(ONE, TWO, 10) };
        assert_completes(&open(relays, plan), ONE, THREE);
        let overlap = RelayPlan { receiver: through_port([ONE, THREE]), ..super::plan(ONE, ONE, 10) };
        assert_completes(&open(relays, overlap), ONE, THREE);
    });
}

#[test]
fn many_strangers_do_not_keep_the_two_out() {
    with_each_mover(|relays| {
        let open = open(relays, plan(ONE, TWO, 10));
        for _ in 0..200 {
            assert_get_nothing([open.connect(THREE)]);
        }
        assert_completes(&open, ONE, TWO);
    });
}
