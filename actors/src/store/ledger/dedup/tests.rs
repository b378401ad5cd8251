mod forgetting;

use crate::settings::ActorSettings;
use crate::store::ops::{Conversation, Destination, Op, Outcome, Stamp, content_hash};
use crate::store::schema::Remembered;
use crate::store::{Ledger, LedgerSettings};
use protocol::{
    Body, BodyKind, FriendPolicy, GroupAbout, GroupId, Instance, JoinPolicy, MessagePolicy, Name, Refusal, Seq, UserId,
};
use std::collections::HashMap;

const NOW: u64 = 1_700_000_000_000;
const ONE: Option<Instance> = Some(Instance([1; 16]));
const OTHER: Option<Instance> = Some(Instance([2; 16]));
const A: UserId = UserId(10_000);
const B: UserId = UserId(10_001);

struct World {
    ledger: Ledger,
    folder: tempfile::TempDir,
    settings: LedgerSettings,
    now: u64,
}

fn settings() -> LedgerSettings {
    let settings: ActorSettings = toml::from_str(include_str!("../../../../../settings.toml")).unwrap();
    LedgerSettings::from(&settings)
}

impl World {
    fn new(settings: LedgerSettings) -> Self {
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let ledger = Ledger::open(folder.path(), settings.clone(), false).unwrap();
        let mut world = Self { ledger, folder, settings, now: NOW };
        for name in ["a", "b"] {
            let (add, message) = (FriendPolicy::Open, MessagePolicy::Anyone);
            let name = Name::parse(name).unwrap();
            world.does(Op::CreateAccount { name, password_hash: "hash".into(), add, message }).unwrap();
        }
        world
    }

    fn reopen(self) -> Self {
        let Self { ledger, folder, settings, now } = self;
        ledger.close(now).unwrap();
        let ledger = Ledger::open(folder.path(), settings.clone(), false).unwrap();
        Self { ledger, folder, settings, now }
    }

    fn does(&mut self, op: Op) -> Result<Outcome, Refusal> {
        let outcome = self.ledger.stage(op, self.now);
        self.ledger.commit(self.now).unwrap();
        outcome
    }

    /// Sends, and says at which place that is, and whether it was there before.
    fn sends(&mut self, instance: Option<Instance>, number: u64, text: &str) -> Result<(u64, bool), Refusal> {
        let sent = self.does(private(instance, number, text));
        sent.map(|outcome| place(&outcome))
    }

    /// The numbers and the places that have a row, and the numbers with which runs begin.
    fn rows(&self, instance: Option<Instance>) -> (Vec<u64>, Vec<u64>, Vec<u64>) {
        let rows = |first| {
            let rows = self.ledger.desk.repeats_from(A, instance, first, usize::MAX).unwrap();
            rows.into_iter().map(|(number, _)| number).collect()
        };
        (rows(Remembered::Number(0)), rows(Remembered::Nth(0)), rows(Remembered::Run(0)))
    }
}

fn private(instance: Option<Instance>, number: u64, text: &str) -> Op {
    let body = Body::text(text);
    let stamp = Some(Stamp { instance, number });
    Op::Private { from: A, to: B, body, friends_only: false, stamp }
}

fn post(group: GroupId, number: u64, text: &str) -> Op {
    let body = Body::text(text);
    let stamp = Some(Stamp { instance: ONE, number });
    Op::Post { from: A, group, body, stamp }
}

fn place(outcome: &Outcome) -> (u64, bool) {
    match outcome {
        Outcome::Private { seq, .. } | Outcome::Posted { seq, .. } => (seq.0, false),
        Outcome::Repeated { seq, .. } => (seq.0, true),
        other => panic!("{other:?}"),
    }
}

/// The table of `DELIVERY.md`, each row in a batch of its own, and once more with a restart before each.
#[test]
fn the_table_of_de_duplication() {
    const NEW: bool = false;
    const AGAIN: bool = true;
    /// Seconds that pass, the installation, the number, the text; the place and whether it was there.
    type Row = (u64, Option<Instance>, u64, &'static str, Result<(u64, bool), Refusal>);
    let table: [Row; 15] = [
        (0, ONE, 1, "x", Ok((1, NEW))),
        (0, ONE, 1, "x", Ok((1, AGAIN))),
        (3600, ONE, 1, "x", Ok((1, AGAIN))),
        (0, ONE, 1, "y", Err(Refusal::Conflict)),
        (0, ONE, 1, "x", Ok((1, AGAIN))), // the conflict changed nothing
        (0, ONE, 2, "y", Ok((2, NEW))),
        (0, OTHER, 1, "y", Ok((3, NEW))), // another installation counts for itself
        (0, None, 1, "x", Ok((4, NEW))),  // and so does none
        (0, None, 1, "x", Ok((4, AGAIN))),
        (120, None, 1, "x", Ok((4, AGAIN))),
        (1, None, 1, "x", Ok((5, NEW))), // the same words, but too late
        (0, None, 1, "y", Ok((6, NEW))), // the counter began anew
        (0, None, 1, "y", Ok((6, AGAIN))),
        (0, None, 1, "x", Ok((7, NEW))), // and what it replaced is forgotten
        (0, ONE, 2, "y", Ok((2, AGAIN))),
    ];
    for restarts in [false, true] {
        let mut world = World::new(settings());
        for (at, (seconds, instance, number, text, expected)) in table.into_iter().enumerate() {
            if restarts {
                world = world.reopen();
            }
            world.now += seconds * 1000;
            assert_eq!(world.sends(instance, number, text), expected, "row {at}, restarts: {restarts}");
        }
        let talk = world.ledger.reader().history(Conversation::between(A, B), None, 100, 1 << 20).unwrap();
        assert_eq!(talk.rows.len(), 7);
        let inbox = world.ledger.reader().inbox(B, Seq(0), 100, 1 << 20).unwrap();
        assert_eq!(inbox.rows.len(), 7, "nothing is pushed twice either");
    }
}

#[test]
fn the_answer_is_the_first_one_also_within_one_batch() {
    let mut world = World::new(settings());
    assert_eq!(place(&world.ledger.stage(private(ONE, 1, "x"), NOW).unwrap()), (1, false));
    let again = world.ledger.stage(private(ONE, 1, "x"), NOW + 5).unwrap();
    assert_eq!(again, Outcome::Repeated { seq: Seq(1), at_ms: NOW });
    assert_eq!(world.ledger.stage(private(ONE, 1, "y"), NOW + 5), Err(Refusal::Conflict));
    assert_eq!(place(&world.ledger.stage(private(None, 1, "x"), NOW).unwrap()), (2, false));
    assert_eq!(place(&world.ledger.stage(private(None, 1, "y"), NOW).unwrap()), (3, false));
    assert_eq!(place(&world.ledger.stage(private(None, 1, "y"), NOW).unwrap()), (3, true));
    world.ledger.commit(NOW).unwrap();
    assert_eq!(world.reopen().sends(ONE, 1, "x"), Ok((1, true)));
}

#[test]
fn destination_kind_and_number_belong_to_what_is_compared() {
    let body = Body::text("x");
    let of = content_hash;
    let all = [
        of(Destination::User(A), &body),
        of(Destination::User(B), &body),
        of(Destination::Group(GroupId(A.0)), &body),
        of(Destination::User(A), &Body { kind: BodyKind::Image, ..body.clone() }),
        of(Destination::User(A), &Body { kind: BodyKind::Custom(0), ..body.clone() }),
        of(Destination::User(A), &Body { kind: BodyKind::Custom(1), ..body.clone() }),
        of(Destination::User(A), &Body::text("")),
    ];
    for (at, hash) in all.iter().enumerate() {
        assert!(all[..at].iter().all(|other| other != hash), "{at}");
    }
    assert_eq!(of(Destination::User(A), &body), all[0]);
}

#[test]
fn a_repeat_is_answered_whatever_has_changed_since_and_a_refusal_is_not_remembered() {
    let mut world = World::new(settings());
    assert_eq!(world.sends(ONE, 1, "x"), Ok((1, false)));
    world.does(Op::SetPolicy { user: B, add: None, message: Some(MessagePolicy::Friends) }).unwrap();
    assert_eq!(world.sends(ONE, 1, "x"), Ok((1, true)));
    assert_eq!(world.sends(ONE, 2, "y"), Err(Refusal::NotFriends));
    world.does(Op::SetPolicy { user: B, add: None, message: Some(MessagePolicy::Anyone) }).unwrap();
    assert_eq!(world.sends(ONE, 2, "z"), Ok((2, false)), "the number is free");
}

#[test]
fn a_post_is_recognised_by_whoever_has_left() {
    let mut world = World::new(settings());
    let (name, about) = (Name::parse("g").unwrap(), Box::new(GroupAbout::default()));
    world.does(Op::CreateGroup { owner: A, name: Some(name), join: JoinPolicy::Open, about }).unwrap();
    let group = GroupId(1);
    assert_eq!(world.does(post(group, 1, "x")).map(|outcome| place(&outcome)), Ok((1, false)));
    world.does(Op::Leave { user: A, group }).unwrap();
    assert_eq!(world.does(post(group, 1, "x")).map(|outcome| place(&outcome)), Ok((1, true)));
    let again = |text: &str| {
        let stamp = Stamp { instance: ONE, number: 1 };
        Op::Again { from: A, group, body: Body::text(text), stamp, otherwise: Refusal::NotMember }
    };
    assert_eq!(world.does(again("x")), Ok(Outcome::Repeated { seq: Seq(1), at_ms: NOW }));
    assert_eq!(world.does(again("y")), Err(Refusal::Conflict));
    assert_eq!(world.does(post(group, 2, "x")), Err(Refusal::NoSuchGroup));
    let (stamp, body) = (Stamp { instance: ONE, number: 2 }, Body::text("x"));
    assert_eq!(
        world.does(Op::Again { from: A, group, body, stamp, otherwise: Refusal::NotMember }),
        Err(Refusal::NoSuchGroup)
    );
}

/// Anything that a client may do, against a map.
#[test]
fn a_row_of_messages_is_what_a_simple_oracle_says() {
    let mut settings = settings();
    settings.inbox.max = u64::MAX;
    let mut world = World::new(settings);
    let mut known: HashMap<(Option<Instance>, u64), (&str, u64, u64)> = HashMap::new();
    let mut random = 0x9e37_79b9_7f4a_7c15u64;
    let mut next = 1;
    for step in 0..3000 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let dice = random >> 33;
        let instance = [None, ONE, OTHER][usize::try_from(dice % 3).unwrap()];
        let (number, text) = (dice / 3 % 7, ["x", "y"][usize::try_from(dice / 21 % 2).unwrap()]);
        world.now += dice / 42 % 100_000;
        let expected = match known.get(&(instance, number)) {
            Some((said, place, _)) if instance.is_some() && *said == text => Ok((*place, true)),
            Some(_) if instance.is_some() => Err(Refusal::Conflict),
            Some((said, place, at)) if *said == text && world.now - at <= 120_000 => Ok((*place, true)),
            _ => {
                known.insert((instance, number), (text, next, world.now));
                next += 1;
                Ok((next - 1, false))
            }
        };
        let outcome = world.ledger.stage(private(instance, number, text), world.now);
        assert_eq!(outcome.map(|outcome| place(&outcome)), expected, "step {step}");
        if (dice / 1000).is_multiple_of(5) {
            world.ledger.commit(world.now).unwrap();
        }
        if step % 1000 == 999 {
            world = world.reopen();
        }
    }
}

#[test]
fn a_database_from_before_gets_what_it_lacks() {
    let world = World::new(settings());
    let World { ledger, folder, settings, now } = world;
    ledger.close(now).unwrap();
    // As an older program left it: without the family, and with the older number.
    let path = folder.path().join("db");
    let families = rocksdb::DB::list_cf(&rocksdb::Options::default(), &path).unwrap();
    let mut db = rocksdb::DB::open_cf(&rocksdb::Options::default(), &path, families).unwrap();
    db.drop_cf("dedup").unwrap();
    let state = db.cf_handle("state").unwrap();
    db.put_cf(state, [1, 1], [1, 1]).unwrap();
    drop(db);
    let ledger = Ledger::open(folder.path(), settings.clone(), false).unwrap();
    let mut world = World { ledger, folder, settings, now };
    assert_eq!(world.sends(ONE, 1, "x"), Ok((1, false)));
    assert_eq!(world.reopen().sends(ONE, 1, "x"), Ok((1, true)));
}

#[test]
fn a_message_is_taken_back_once_and_by_its_writer_and_in_time() {
    let mut world = World::new(settings());
    let talk = Conversation::between(A, B);
    let recall = |user, place| Op::Recall { user, of: talk, place: Seq(place) };
    assert_eq!(world.sends(ONE, 1, "x"), Ok((1, false)));
    for (user, place) in [(B, 1), (A, 2), (A, 0), (UserId(1), 1)] {
        assert!(world.does(recall(user, place)).is_err(), "{user} {place}");
    }
    world.now += 120_000;
    let (first, second) = (world.ledger.stage(recall(A, 1), world.now), world.ledger.stage(recall(A, 1), world.now));
    world.ledger.commit(world.now).unwrap();
    let Ok(Outcome::Private { from, to, seq, inbox, body, .. }) = first else { panic!("{first:?}") };
    assert_eq!((from.id, to.id, seq, inbox, body.recalls()), (A, B, Seq(2), Seq(2), Some(Seq(1))));
    assert_eq!(second, Err(Refusal::NoSuchMessage), "once, also within one batch");
    let mut world = world.reopen();
    assert_eq!(world.does(recall(A, 1)), Err(Refusal::NoSuchMessage));
    assert_eq!(world.does(recall(A, 2)), Err(Refusal::NoSuchMessage), "what says so is no message");
    let rows = world.ledger.reader().history(talk, None, 10, 1000).unwrap().rows;
    let kinds: Vec<_> =
        rows.iter().map(|row| (row.seq.0, row.at_ms - NOW, row.body.kind, row.body.data.len())).collect();
    assert_eq!(kinds, [(1, 0, BodyKind::Recalled, 0)], "what says so is no line of it");
    assert_eq!(world.sends(ONE, 1, "x"), Ok((1, true)), "it is not sent again");
    world.sends(ONE, 2, "y").unwrap();
    world.now += 120_001;
    assert_eq!(world.does(recall(A, 3)), Err(Refusal::TooLate));
}
