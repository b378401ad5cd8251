//! What counts as which fault, by what is heard.

use super::*;

#[test]
fn what_belongs_to_nobody_is_told_and_earlier_runs_are_not_counted() {
    let mut play = Play::ramped("private --sessions 4");
    let sent = play.begin();
    let stamp = sent[0].2;
    play.arrive(3, stamp);
    play.arrive(1, Stamp { counter: 9, ..stamp });
    play.arrive(1, Stamp { stream: 9, ..stamp });
    play.arrive(1, Stamp { run: 2, stream: 9, ..stamp });
    let counts = play.stage.hall().ledger.so_far();
    assert_eq!((counts.misdelivered, counts.forged, counts.delivered), (1, 2, 0));
    let figures = &play.stage.hall().figures;
    assert_eq!(figures.errors["a message came to somebody whom it was not for"], 1);
    assert_eq!(figures.errors["a message came that was never sent"], 2);
}

/// How many were forged when a copy of the first message came so.
fn forged(words: &str, to: u32, change: impl Fn(&mut Copied)) -> u64 {
    let mut play = Play::ramped(words);
    let stamp = play.begin()[0].2;
    let mut copied = play.copied(stamp);
    change(&mut copied);
    play.stage.heard(&mut play.world, to, &Note::Copy(copied));
    assert_eq!(play.stage.hall().ledger.so_far().misdelivered, 0);
    play.stage.hall().ledger.so_far().forged
}

#[test]
fn a_copy_is_what_was_written_by_whom_and_where() {
    let named = |name: &str| Tag::of(&Label { name: name.into(), id: 0 });
    let writer = people::account(1, 0).person.name;
    let private = |change: &dyn Fn(&mut Copied)| forged("private --sessions 4", 1, change);
    assert_eq!(private(&|_| ()), 0);
    assert_eq!(private(&|copied| copied.from = named(&writer)), 0);
    assert_eq!(private(&|copied| copied.from = named("somebody")), 1);
    assert_eq!(private(&|copied| copied.bytes = 63), 1);
    assert_eq!(private(&|copied| copied.group = Some(Tag::default())), 1);
    let group = people::circle(1, 0).name;
    let post = |change: &dyn Fn(&mut Copied)| forged("group --sessions 3", 1, change);
    assert_eq!(post(&|copied| copied.group = Some(named(&group))), 0);
    assert_eq!(post(&|copied| copied.group = Some(named("another"))), 1);
    assert_eq!(post(&|copied| copied.group = None), 1);
}

#[test]
fn ones_own_post_is_for_others_and_a_text_of_nobody_is_somebody_elses_unless_there_is_nobody_else() {
    let mut play = Play::ramped("group --sessions 3");
    let stamp = play.begin()[0].2;
    play.stage.hall_mut().echoes = true;
    play.arrive(0, stamp);
    play.stage.hall_mut().echoes = false;
    assert_eq!(play.stage.hall().ledger.so_far().misdelivered, 0);
    play.arrive(0, stamp);
    assert_eq!(play.stage.hall().ledger.so_far().misdelivered, 1);
    let stray = Note::Copy(Copied { stamp: None, ..play.copied(stamp) });
    play.stage.heard(&mut play.world, 0, &stray);
    assert_eq!(play.stage.hall().ledger.so_far().forged, 0);
    play.stage.hall_mut().alone = true;
    play.stage.heard(&mut play.world, 0, &stray);
    assert_eq!(play.stage.hall().ledger.so_far().forged, 1);
}

#[test]
fn a_second_copy_on_a_connection_is_allowed_where_and_when_the_dialect_says() {
    let copies = |again_us: Option<u64>, logged_in_us: u64, second_us: u64| {
        let mut play = Play::new("private --sessions 2");
        play.stage.hall_mut().again_us = vec![again_us];
        play.world.now_us = logged_in_us;
        play.stage.ramp(&mut play.world, 0);
        play.let_in();
        play.world.done();
        let stamp = play.begin()[0].2;
        play.arrive(1, stamp);
        play.world.now_us = second_us;
        play.arrive(1, stamp);
        let counts = play.stage.hall().ledger.so_far().clone();
        (counts.duplicated, counts.redelivered)
    };
    assert_eq!(copies(None, 0, 60_000_000), (1, 0));
    assert_eq!(copies(Some(30_000_000), 0, 29_000_000), (1, 0));
    assert_eq!(copies(Some(30_000_000), 0, 30_000_000), (0, 1));
    assert_eq!(copies(Some(30_000_000), 10_000_000, 30_000_000), (1, 0));
}

#[test]
fn what_is_not_answered_on_a_live_connection_is_silence_unless_somebody_cut_the_run_short() {
    for cut_short in [false, true] {
        let mut play = Play::ramped("private --sessions 4");
        let sent = play.begin();
        play.acknowledge(sent[0].0, sent[0].1);
        play.arrive(1, sent[0].2);
        play.stage.end(&mut play.world);
        assert!(!play.stage.is_quiet());
        play.stage.conclude(cut_short);
        let counts = play.stage.hall().ledger.so_far();
        assert_eq!((counts.silent, counts.unanswered), if cut_short { (0, 2) } else { (2, 0) });
    }
    // Requests that are no messages, too.
    let mut play = Play::new("idle --sessions 2");
    play.stage.ramp(&mut play.world, 0);
    play.stage.opened(&mut play.world, 1);
    play.stage.conclude(false);
    assert_eq!(play.stage.hall().figures.silent, 1);
    play.stage.heard(&mut play.world, 1, &Note::Nonsense);
    assert_eq!(play.stage.hall().figures.nonsense, 1);
}

#[test]
fn whoever_leaves_is_heard_to_the_end_and_comes_back_only_then() {
    let mut play = Play::ramped("private --sessions 2");
    let stamp = play.begin()[0].2;
    play.desk().leave(1);
    play.desk().come(1);
    let did = play.world.done();
    assert!(matches!(&did[..], [Did::Say(1, _, words), Did::Leave(1)] if words == "logout"), "{did:?}");
    // What was on its way comes on the connection that it was sent on.
    play.arrive(1, stamp);
    assert_eq!((play.stage.hall().ledger.so_far().delivered, play.stage.hall().cast.status(1)), (1, Status::Leaving));
    play.stage.broken(&mut play.world, 1, "closed by the server");
    assert_eq!(play.world.done(), [Did::Connect(1, 0)]);
    assert_eq!(play.stage.hall().figures.failures, 0);
    // A server that does not close is not waited for without an end.
    let mut play = Play::ramped("private --sessions 2");
    play.desk().leave(1);
    assert!(!play.stage.is_quiet());
    play.world.now_us = 21_000_000;
    play.world.done();
    play.stage.each_second(&mut play.world);
    assert_eq!((play.world.done(), play.stage.hall().figures.failures), (vec![Did::Disconnect(1)], 1));
    assert!(play.stage.is_quiet());
}

#[test]
fn whoever_is_lost_is_cut_off_and_comes_back_by_itself() {
    let mut play = Play::ramped("private --sessions 2");
    let (_, number, stamp) = play.begin()[0];
    play.desk().lose(0);
    assert_eq!(play.world.done(), [Did::Cut(0)]);
    // The answer had come already.
    play.acknowledge(0, number);
    play.stage.broken(&mut play.world, 0, "cut off");
    assert_eq!(play.world.done(), [Did::Connect(0, 0)]);
    play.arrive(1, stamp);
    let hall = play.stage.hall();
    assert_eq!((hall.ledger.so_far().acknowledged, hall.ledger.so_far().unanswered, hall.figures.failures), (1, 0, 0));
}

#[test]
fn what_could_not_be_said_is_unanswered() {
    let mut play = Play::ramped("private --sessions 2");
    play.world.full = Some(0);
    assert_eq!(play.begin(), []);
    let hall = play.stage.hall();
    assert_eq!((hall.ledger.so_far().sent, hall.ledger.so_far().unanswered), (1, 1));
    assert_eq!(hall.figures.failures, 1);
}
