//! Scenarios in which people come and go: `presence`, `mixed`; and those whose load may begin once more.

use super::*;

#[test]
fn friends_are_told_of_every_move_before_the_next() {
    let mut play = Play::ramped("presence --sessions 4");
    play.stage.begin(&mut play.world);
    let went = play.world.done();
    assert!(matches!(&went[..], [Did::Say(0, _, words), Did::Leave(0)] if words == "logout"), "{went:?}");
    play.stage.broken(&mut play.world, 0, "closed by the server");
    play.world.now_us = 400;
    for friend in [1, 2, 3] {
        assert_eq!(play.world.done(), []);
        play.stage.heard(&mut play.world, friend, &Note::Presence { online: false });
    }
    assert_eq!(play.world.did, [Did::Connect(0, 0)]);
    play.stage.opened(&mut play.world, 0);
    let Some(Did::Say(0, number, _)) = play.world.did.pop_back() else { panic!("no login") };
    play.world.done();
    // The friends may hear of it before the guest does.
    for friend in [1, 2, 3] {
        play.stage.heard(&mut play.world, friend, &Note::Presence { online: true });
    }
    assert_eq!(play.world.done(), []);
    play.stage.heard(&mut play.world, 0, &Note::Done { number, id: None });
    assert!(matches!(play.world.done()[..], [Did::Say(..), Did::Leave(0)]));
    assert_eq!(play.stage.hall().figures.presence.count(), 6);
    // The end: everybody is to be back, and those who are not told then never will be.
    play.stage.end(&mut play.world);
    play.stage.broken(&mut play.world, 0, "closed by the server");
    for friend in [1, 2, 3] {
        play.stage.heard(&mut play.world, friend, &Note::Presence { online: false });
    }
    play.let_in();
    assert!(!play.stage.is_quiet());
    play.stage.heard(&mut play.world, 1, &Note::Presence { online: true });
    play.stage.conclude(false);
    assert_eq!(play.stage.hall().figures.untold, 2);
}

#[test]
fn friends_who_are_not_told_in_ten_seconds_are_counted() {
    let mut play = Play::ramped("presence --sessions 4");
    play.stage.begin(&mut play.world);
    play.stage.heard(&mut play.world, 1, &Note::Presence { online: false });
    play.stage.broken(&mut play.world, 0, "closed by the server");
    play.world.now_us = 11_000_000;
    play.stage.each_second(&mut play.world);
    assert_eq!(play.stage.hall().figures.untold, 2);
    // And the guest goes on.
    assert!(play.world.done().contains(&Did::Connect(0, 0)));
}

#[test]
fn a_move_that_was_due_earlier_counts_from_then() {
    let mut play = Play::ramped("presence --sessions 4 --rate 1000");
    play.stage.begin(&mut play.world);
    // One at the beginning; five more were due since.
    play.world.now_us = 5_000;
    play.stage.timer(&mut play.world, u64::MAX >> 8, 1_000);
    play.stage.broken(&mut play.world, 0, "closed by the server");
    for friend in [1, 2, 3] {
        play.stage.heard(&mut play.world, friend, &Note::Presence { online: false });
    }
    assert!((play.stage.hall().figures.presence.max_us() - 5_000.0).abs() < 10.0);
    play.world.now_us = 9_000;
    play.let_in();
    for friend in [1, 2, 3] {
        play.stage.heard(&mut play.world, friend, &Note::Presence { online: true });
    }
    // It was due at 1 ms.
    assert!((play.stage.hall().figures.presence.max_us() - 8_000.0).abs() < 10.0);
}

#[test]
fn a_day_does_late_what_was_due_while_somebody_was_away_by_no_choice_of_its_own() {
    let mut play = Play::ramped("mixed --sessions 4 --rate 1000 --dialect binary");
    play.stage.begin(&mut play.world);
    play.world.done();
    (0..4).for_each(|session| play.stage.broken(&mut play.world, session, "gone"));
    let timers = play.world.done();
    play.world.now_us = 200_000;
    play.stage.timer(&mut play.world, u64::MAX >> 8, 1_000);
    assert_eq!(play.world.messages(), []);
    for did in timers {
        if let Did::At(due_us, token) = did {
            play.stage.timer(&mut play.world, token, due_us);
        }
    }
    let mut late = Vec::new();
    while let Some(did) = play.world.did.pop_front() {
        match did {
            Did::Connect(session, _) => play.stage.opened(&mut play.world, session),
            Did::Say(session, number, words) if words.starts_with("login") => {
                play.stage.heard(&mut play.world, session, &Note::Done { number, id: None });
            }
            Did::Say(session, number, _) => late.extend(play.world.stamps.get(&(session, number)).copied()),
            _ => {}
        }
    }
    assert!(late.len() > 50, "{}", late.len());
    assert!(late.iter().any(|stamp| stamp.due_us < 20_000));
}

#[test]
fn a_load_that_ended_begins_once_more_where_bare_relays_are_compared_with() {
    for (words, writers) in [("private --sessions 4", 2), ("group --sessions 4 --posters 1", 1)] {
        let mut play = Play::ramped(words);
        for _ in 0..3 {
            let sent = play.begin();
            assert_eq!(sent.len(), writers, "{words}");
            play.stage.end(&mut play.world);
            for (session, number, stamp) in sent {
                assert_eq!(play.acknowledge(session, number), []);
                let receivers = if writers == 1 { vec![1, 2, 3] } else { vec![session + 1] };
                for receiver in receivers {
                    assert_eq!(play.arrive(receiver, stamp), [], "after the end nothing new is sent");
                }
            }
            assert!(play.stage.is_quiet());
        }
        play.stage.conclude(false);
        let counts = play.stage.hall().ledger.counts();
        assert_eq!((counts.acknowledged, counts.lost), (3 * writers as u64, 0));
    }
}

#[test]
fn a_schedule_that_begins_once_more_is_not_kept_twice() {
    for (words, timers) in [("private --sessions 4 --rate 1000", 1), ("group --sessions 4 --rate 1000", 2)] {
        let mut play = Play::ramped(words);
        for round in 0..3 {
            // The timer of the round before is still on its way.
            play.world.now_us = round * 500;
            play.stage.begin(&mut play.world);
            play.stage.end(&mut play.world);
        }
        let armed = play.world.done().into_iter().filter(|did| matches!(did, Did::At(..))).count();
        assert_eq!(armed, timers, "{words}");
    }
}

#[test]
fn so_many_of_each_group_post_as_are_asked_for() {
    for (words, posters) in [("--sessions 8", 4), ("--sessions 8 --posters 1", 1), ("--sessions 8 --posters 20", 8)] {
        assert_eq!(Play::ramped(&format!("group {words}")).begin().len(), posters, "{words}");
    }
}
