//! The stage in a world without sockets: logins, answers, arrivals.

mod proof;
mod scenarios;

use super::{Cast, Desk, Hall, Stage, Status, Target};
use crate::cli::{Cli, Command};
use crate::client::Label;
use crate::loadtest::engine::fake::{Did, Fake};
use crate::loadtest::engine::{Copied, Director, Note, Tag};
use crate::loadtest::ledger::StreamId;
use crate::loadtest::plan::Plan;
use crate::loadtest::stamp::Stamp;
use crate::loadtest::{people, scenario};
use clap::Parser;

/// A run's stage in a world without sockets.
struct Play {
    stage: Stage,
    world: Fake,
}

impl Play {
    fn new(words: &str) -> Self {
        let line = format!("hongyan loadtest {words} --self");
        let Command::Loadtest(options) = Cli::try_parse_from(line.split_whitespace()).unwrap().command else {
            panic!("not a load test")
        };
        let plan = Plan::check(&options).unwrap();
        let sessions = scenario::sessions(&plan);
        let accounts = (0..sessions).map(|at| people::account(1, at)).collect();
        let groups = (0..scenario::groups(&plan)).map(|at| people::circle(1, at)).collect();
        let cast = Cast::new(accounts, &vec![0; sessions], 1);
        let mut hall = Hall::new(cast, groups, scenario::grouped(&plan), Some(100), 1, 64);
        let scenario = scenario::make(&plan, &mut hall);
        Self { stage: Stage::new(hall, scenario), world: Fake::default() }
    }

    /// Everybody logs in.
    fn ramped(words: &str) -> Self {
        let mut play = Self::new(words);
        play.stage.ramp(&mut play.world, 0);
        play.let_in();
        assert!(play.stage.is_ramped());
        play.world.done();
        play
    }

    /// Whoever connects is let in.
    fn let_in(&mut self) {
        while let Some(did) = self.world.did.pop_front() {
            match did {
                Did::Connect(session, _) => self.stage.opened(&mut self.world, session),
                Did::Say(session, number, words) if words.starts_with("login") => {
                    self.stage.heard(&mut self.world, session, &Note::Done { number, id: None });
                }
                _ => {}
            }
        }
    }

    fn begin(&mut self) -> Vec<(u32, u64, Stamp)> {
        self.stage.begin(&mut self.world);
        self.world.messages()
    }

    fn acknowledge(&mut self, session: u32, number: u64) -> Vec<(u32, u64, Stamp)> {
        self.stage.heard(&mut self.world, session, &Note::Done { number, id: None });
        self.world.messages()
    }

    fn arrive(&mut self, session: u32, stamp: Stamp) -> Vec<(u32, u64, Stamp)> {
        let copied = self.copied(stamp);
        self.stage.heard(&mut self.world, session, &Note::Copy(copied));
        self.world.messages()
    }

    /// A copy of a message as a dialect tells it that has no names.
    fn copied(&self, stamp: Stamp) -> Copied {
        let hall = self.stage.hall();
        let posted = stamp.stream == 0 && matches!(hall.route(StreamId(0)).1, Target::Group(_));
        Copied { stamp: Some(stamp), bytes: 64, from: Tag::default(), group: posted.then(Tag::default) }
    }

    /// The scenario's hand.
    fn desk(&mut self) -> Desk<'_> {
        Desk { world: &mut self.world, hall: self.stage.hall_mut() }
    }

    /// Every timer that was asked for comes, up to a time.
    fn wait(&mut self, until_us: u64) {
        let timers: Vec<(u64, u64)> = self
            .world
            .done()
            .into_iter()
            .filter_map(|did| match did {
                Did::At(due_us, token) => Some((due_us, token)),
                _ => None,
            })
            .collect();
        self.world.now_us = until_us;
        for (due_us, token) in timers {
            self.stage.timer(&mut self.world, token, due_us);
        }
    }
}

#[test]
fn a_closed_loop_goes_on_when_a_message_is_acknowledged_and_delivered_in_either_order() {
    for first in ["acknowledged", "delivered"] {
        let mut play = Play::ramped("private --sessions 4");
        let sent = play.begin();
        assert_eq!(sent.iter().map(|(session, ..)| *session).collect::<Vec<_>>(), [0, 2]);
        let (session, number, stamp) = sent[1];
        let next = if first == "acknowledged" {
            assert_eq!(play.acknowledge(session, number), []);
            play.arrive(3, stamp)
        } else {
            assert_eq!(play.arrive(3, stamp), []);
            play.acknowledge(session, number)
        };
        assert_eq!(next.len(), 1, "{first} first");
        assert_eq!((next[0].0, next[0].2.stream, next[0].2.counter), (2, 1, 1));
    }
}

#[test]
fn so_many_are_outstanding_as_was_asked_for() {
    let mut play = Play::ramped("private --sessions 2 --outstanding 3");
    let sent = play.begin();
    assert_eq!(sent.iter().map(|(.., stamp)| stamp.counter).collect::<Vec<_>>(), [0, 1, 2]);
    play.arrive(1, sent[2].2);
    assert_eq!(play.acknowledge(0, sent[2].1).len(), 1);
    // After the end nothing new is sent.
    play.stage.end(&mut play.world);
    play.arrive(1, sent[0].2);
    assert_eq!(play.acknowledge(0, sent[0].1), []);
    assert!(!play.stage.is_quiet());
}

#[test]
fn times_count_from_when_a_message_was_due() {
    let mut play = Play::ramped("private --sessions 2 --rate 1000");
    let first = play.begin();
    assert_eq!(first.len(), 1);
    // The loop was held up for 5 ms: five messages are late, and say so.
    play.world.now_us = 5_000;
    play.stage.timer(&mut play.world, u64::MAX >> 8, 1_000);
    let late = play.world.messages();
    assert_eq!(late.iter().map(|(.., stamp)| stamp.due_us).collect::<Vec<_>>(), [1_000, 2_000, 3_000, 4_000, 5_000]);
    play.world.now_us = 6_000;
    play.arrive(1, late[0].2);
    assert!((play.stage.hall().figures.delivered.max_us() - 5_000.0).abs() < 10.0);
}

#[test]
fn a_broken_connection_leaves_its_messages_unanswered_and_comes_back() {
    let mut play = Play::ramped("private --sessions 2");
    let sent = play.begin();
    play.stage.broken(&mut play.world, 0, "gone");
    let hall = play.stage.hall();
    assert_eq!((hall.ledger.so_far().unanswered, hall.cast.status(0)), (1, Status::Away));
    assert_eq!(hall.figures.errors["gone"], 1);
    // A late answer on the connection that is gone is nobody's.
    assert_eq!(play.acknowledge(0, sent[0].1), []);
    play.world.did.push_back(Did::At(0, 1 << 56));
    play.wait(50_000);
    assert_eq!(play.world.did.front(), Some(&Did::Connect(0, 0)));
    play.let_in();
    let hall = play.stage.hall();
    assert_eq!((hall.cast.status(0), hall.cast.connection(0), hall.figures.reconnects), (Status::Online, 2, 1));
    assert_eq!(hall.figures.reconnect.count(), 1);
}

#[test]
fn tries_are_further_and_further_apart() {
    let mut play = Play::ramped("idle --sessions 1");
    let mut waits = Vec::new();
    for _ in 0..12 {
        play.stage.broken(&mut play.world, 0, "refused");
        let Some(Did::At(due_us, token)) = play.world.did.pop_back() else { panic!("no further try") };
        waits.push(due_us - play.world.now_us);
        play.world.now_us = due_us;
        play.stage.timer(&mut play.world, token, due_us);
        assert!(matches!(play.world.done()[..], [Did::Connect(0, 0)]));
    }
    assert!(waits[0] <= 20_000 && waits[11] >= 500_000 && waits.iter().all(|wait| *wait <= 1_000_000), "{waits:?}");
}

#[test]
fn a_refused_login_is_tried_again_and_told() {
    let mut play = Play::new("idle --sessions 1");
    play.stage.ramp(&mut play.world, 0);
    play.stage.opened(&mut play.world, 0);
    let Some(Did::Say(0, number, _)) = play.world.did.pop_back() else { panic!("no login") };
    play.stage.heard(&mut play.world, 0, &Note::Refused { number, word: "busy".into() });
    assert_eq!(play.stage.hall().figures.errors["login refused: busy"], 1);
    assert!(matches!(play.world.done()[..], [Did::Connect(..), Did::Disconnect(0), Did::At(..)]));
    assert_eq!((play.stage.hall().cast.status(0), play.stage.is_ramped()), (Status::Away, false));
}

#[test]
fn no_more_than_so_many_enter_at_once_and_a_ramp_is_spread() {
    let mut play = Play::new("idle --sessions 1000");
    play.stage.ramp(&mut play.world, 0);
    assert_eq!(play.world.done().len(), 128);
    let mut play = Play::new("idle --sessions 10");
    play.stage.ramp(&mut play.world, 1_000_000);
    let begun = play.world.done();
    assert!(matches!(begun[..], [Did::At(100_000, _), Did::Connect(0, 0)]), "{begun:?}");
}

#[test]
fn a_post_is_complete_when_all_members_have_it() {
    let mut play = Play::ramped("group --sessions 3");
    let sent = play.begin();
    assert_eq!(sent.len(), 3, "three of three members post");
    let (session, number, stamp) = sent[0];
    assert_eq!(play.acknowledge(session, number), []);
    assert_eq!(play.arrive(1, stamp), []);
    play.world.now_us = 7_000;
    let next = play.arrive(2, stamp);
    assert_eq!((next.len(), next[0].2.counter), (1, 1));
    let last = &play.stage.hall().figures.last_delivered;
    assert_eq!(last.count(), 1);
    assert!((last.max_us() - 7_000.0).abs() < 10.0);
    // Somebody goes: who gets what is open is not known, and nobody posts until the group is whole.
    play.stage.broken(&mut play.world, 2, "gone");
    let (session, number, _) = sent[1];
    assert_eq!(play.acknowledge(session, number), []);
    assert_eq!(play.stage.hall().figures.last_delivered.count(), 1);
}

#[test]
fn who_was_away_by_choice_does_not_make_the_server_slow() {
    let mut play = Play::ramped("private --sessions 2");
    let sent = play.begin();
    play.world.now_us = 10;
    play.desk().leave(1);
    play.stage.broken(&mut play.world, 1, "closed by the server");
    play.world.now_us = 9_000_000;
    play.desk().come(1);
    play.let_in();
    play.arrive(1, sent[0].2);
    let hall = play.stage.hall();
    assert_eq!((hall.ledger.so_far().delivered, hall.figures.delivered.count()), (1, 0));
}

#[test]
fn a_login_alone_stays_on_its_connection_and_waits_for_its_turn() {
    let mut play = Play::ramped("login --sessions 200");
    play.stage.begin(&mut play.world);
    let did = play.world.done();
    assert!(did.iter().all(|did| matches!(did, Did::Say(..))), "{did:?}");
    // As many at the same time as when they connect.
    let words = |name: &str| {
        let said = did.iter().filter_map(|did| match did {
            Did::Say(session, number, words) if words.starts_with(name) => Some((*session, *number)),
            _ => None,
        });
        said.collect::<Vec<_>>()
    };
    let (outs, ins) = (words("logout"), words("login"));
    assert_eq!((outs.len(), ins.len()), (128, 128));
    assert_eq!((outs[0].0, ins[0].0), (0, 0));
    assert!(outs[0].1 < ins[0].1, "the logout comes first");
    let answer = |play: &mut Play, number| play.stage.heard(&mut play.world, 0, &Note::Done { number, id: None });
    answer(&mut play, outs[0].1);
    assert_eq!(play.world.done(), []);
    answer(&mut play, ins[0].1);
    let next: Vec<u32> = play
        .world
        .done()
        .into_iter()
        .filter_map(|did| match did {
            Did::Say(session, ..) => Some(session),
            _ => None,
        })
        .collect();
    // The next in the queue says both; the one that came is behind it.
    assert_eq!(next, [128, 128]);
    let figures = &play.stage.hall().figures;
    assert_eq!((figures.logins, figures.reconnects, figures.login.count()), (201, 0, 1));
}

#[test]
fn a_login_whose_connection_ends_meanwhile_comes_by_a_new_one() {
    let mut play = Play::ramped("login --sessions 1");
    play.stage.begin(&mut play.world);
    play.world.done();
    play.stage.broken(&mut play.world, 0, "gone");
    play.wait(1_000_000);
    assert_eq!(play.world.done(), [Did::Connect(0, 0)]);
    play.stage.opened(&mut play.world, 0);
    let Some(Did::Say(0, number, words)) = play.world.did.pop_back() else { panic!("nothing was said") };
    assert!(words.starts_with("login"), "{words}");
    play.stage.end(&mut play.world);
    play.stage.heard(&mut play.world, 0, &Note::Done { number, id: None });
    assert_eq!(play.stage.hall().figures.reconnects, 1);
    assert!(play.stage.is_quiet());
}

#[test]
fn everybody_joins_every_group_but_its_own_once_and_then_it_is_over() {
    let mut play = Play::ramped("join --sessions 4 --groups 2");
    play.stage.begin(&mut play.world);
    let mut joined = Vec::new();
    while let Some(did) = play.world.did.pop_front() {
        let Did::Say(session, number, words) = did else { panic!("{did:?}") };
        assert!(!play.stage.is_over());
        joined.push((session, words.rsplit_once("-g").unwrap().1.to_owned()));
        // One refusal: whoever is refused goes on with the next group.
        let answer = if session == 3 && joined.len() < 5 {
            Note::Refused { number, word: "full".into() }
        } else {
            Note::Done { number, id: None }
        };
        play.stage.heard(&mut play.world, session, &answer);
    }
    joined.sort_unstable();
    let expected = [(0, 1), (1, 0), (2, 0), (2, 1), (3, 0), (3, 1)].map(|(who, group)| (who, format!("{group:05}")));
    assert_eq!(joined, expected);
    assert!(play.stage.is_over());
    let figures = &play.stage.hall().figures;
    assert_eq!((figures.joins, figures.join.count(), figures.failures), (5, 5, 1));
}
