//! Inboxes in which a row stands for several messages: whatever comes in between, what is read is what came, each at its place.

use crate::store_fixture::{Fixture, private, roomy};
use actors::store::{InboxItem, Ledger, Mark, Op, Outcome};
use protocol::{Seq, UserId, Verdict};

/// Something in an inbox, as a test tells it: who wrote it, at which place of the conversation; `None` for a notice.
type Told = Option<(UserId, u64)>;

/// A generator of numbers below a bound.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    fn size(&mut self, sides: u64) -> usize {
        usize::try_from(self.roll(sides)).unwrap()
    }
}

/// All that is in an inbox behind a place, read in pages of that many rows and bytes.
fn read(f: &Fixture, user: UserId, after: u64, rows: usize, bytes: usize) -> Vec<(u64, Told)> {
    let mut all: Vec<(u64, Told)> = Vec::new();
    loop {
        let from = all.last().map_or(after, |(place, _)| *place);
        let page = f.reader.inbox(user, Seq(from), rows, bytes).unwrap();
        assert!(page.rows.len() <= rows && (!page.more || !page.rows.is_empty()));
        all.extend(page.rows.into_iter().map(|(place, item)| match item {
            InboxItem::Private { from, to, seq, .. } => {
                assert_eq!(to.id, user);
                (place.0, Some((from.id, seq.0)))
            }
            _ => (place.0, None),
        }));
        if !page.more {
            return all;
        }
    }
}

/// How many rows the family has on the disk.
fn rows_of(f: Fixture, family: &str) -> (usize, Fixture) {
    let Fixture { ledger, reader, settings, now, folder } = f;
    drop(reader);
    ledger.close(now).unwrap();
    let path = folder.path().join("data/db");
    let rows = {
        let db = rocksdb::DB::open_cf(&rocksdb::Options::default(), path, ["state", "log", "inbox", "dedup"]).unwrap();
        db.iterator_cf(db.cf_handle(family).unwrap(), rocksdb::IteratorMode::Start).count()
    };
    let ledger = Ledger::open(&folder.path().join("data"), settings.clone(), false).unwrap();
    (rows, Fixture { reader: ledger.reader(), ledger, settings, now, folder })
}

#[test]
fn who_writes_on_and_on_needs_a_row_now_and_then() {
    let mut f = Fixture::with(roomy());
    let (ann, ben) = (f.user("ann"), f.user("ben"));
    for n in 1..=640 {
        assert_eq!(f.writes(ann, ben, "x"), Ok((Seq(n), Seq(n))));
    }
    let (rows, mut f) = rows_of(f, "inbox");
    assert_eq!(rows, 10);
    // Their answers lie in between: a row for each 64 places of the conversation, in each of the two inboxes.
    for n in 1..=320 {
        assert_eq!(f.writes(ben, ann, "y"), Ok((Seq(639 + 2 * n), Seq(n))));
        assert_eq!(f.writes(ann, ben, "x"), Ok((Seq(640 + 2 * n), Seq(640 + n))));
    }
    let (rows, f) = rows_of(f, "inbox");
    assert_eq!(rows, 30);
    assert_eq!(read(&f, ann, 0, 50, 5000).len(), 320);
    assert_eq!(read(&f, ben, 0, 50, 5000).len(), 960);
}

/// So that whoever looks for one message never reads much.
#[test]
fn a_run_of_long_messages_is_short() {
    let mut f = Fixture::with(roomy());
    let (ann, ben) = (f.user("ann"), f.user("ben"));
    let long = "x".repeat(20_000);
    for restart in [false, true] {
        for _ in 0..5 {
            f.writes(ann, ben, &long).unwrap();
        }
        if restart {
            f = f.reopen(); // in the middle of one
        }
    }
    f.writes(ann, ben, &"x".repeat(70_000)).unwrap();
    for _ in 0..3 {
        f.writes(ann, ben, "x").unwrap();
    }
    let (rows, f) = rows_of(f, "inbox");
    assert_eq!(rows, 6, "three at a time, and that one alone");
    assert_eq!(read(&f, ben, 0, 100, 50_000).len(), 14);
    assert_eq!(read(&f, ben, 4, 1, 1).len(), 10);
}

#[test]
fn who_writes_by_turns_to_somebody_begins_a_run_each_time() {
    let mut f = Fixture::with(roomy());
    let (ann, ben, cid) = (f.user("ann"), f.user("ben"), f.user("cid"));
    for n in 1..=10 {
        assert_eq!(f.writes(ann, cid, "x"), Ok((Seq(n), Seq(2 * n - 1))));
        assert_eq!(f.writes(ben, cid, "y"), Ok((Seq(n), Seq(2 * n))));
    }
    let (rows, f) = rows_of(f, "inbox");
    assert_eq!(rows, 20);
    let expected: Vec<_> = (1..=10).flat_map(|n| [(2 * n - 1, Some((ann, n))), (2 * n, Some((ben, n)))]).collect();
    assert_eq!(read(&f, cid, 0, 3, 9999), expected);
}

/// Anything that may come into an inbox, against a list.
#[test]
fn inboxes_are_what_simple_lists_say() {
    let mut f = Fixture::with(roomy());
    let mut dice = Dice(7);
    let people = ["ann", "ben", "cid", "dan"].map(|name| f.shy(name));
    for (from, to) in [(0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3)] {
        // All are friends, since who is shy hears from friends only.
        let (from, to) = (people[from], people[to]);
        f.does(Op::Befriend { from, to, special: false, reason: Box::default() }).unwrap();
        let answer = Verdict::Accept;
        f.does(Op::AnswerFriend { user: to, asker: from, verdict: answer, special: false, reason: Box::default() })
            .unwrap();
    }
    let eve = f.user("eve");
    // Each has the answers to what it asked.
    let mut told: Vec<Vec<Told>> = (0..4).map(|asked| vec![None; 3 - asked]).collect();
    let mut last = None;
    for step in 0..3000 {
        let (from, to) = (dice.size(4), dice.size(4));
        match dice.roll(20) {
            // A burst, so that runs are ended by their length, too.
            0..=9 => {
                for _ in 0..=dice.roll(if step % 100 == 0 { 200 } else { 6 }) {
                    let both = dice.roll(3) == 0;
                    for (from, to) in if both { vec![(from, to), (to, from)] } else { vec![(from, to)] } {
                        match f.stage(private(people[from], people[to], "x")).unwrap() {
                            Outcome::Private { seq, inbox, .. } => {
                                told[to].push(Some((people[from], seq.0)));
                                assert_eq!(inbox.0, told[to].len() as u64);
                                last = Some((from, to, seq));
                            }
                            other => panic!("{other:?}"),
                        }
                    }
                }
            }
            // What says that a message was taken back is one, too.
            10..=11 => {
                if let Some((from, to, place)) = last.take() {
                    f.commit();
                    let of = actors::store::Conversation::between(people[from], people[to]);
                    match f.stage(Op::Recall { user: people[from], of, place }).unwrap() {
                        // Of what one said to oneself, too.
                        Outcome::Private { seq, inbox, .. } => {
                            told[to].push(Some((people[from], seq.0)));
                            assert_eq!(inbox.0, told[to].len() as u64);
                        }
                        other => panic!("{other:?}"),
                    }
                }
            }
            // A notice: somebody is asked, and says no.
            12..=13 => {
                let asker = people[from];
                f.does(Op::SetPolicy { user: eve, add: Some(protocol::FriendPolicy::Confirm), message: None }).unwrap();
                f.does(Op::Befriend { from: asker, to: eve, special: false, reason: Box::default() }).unwrap();
                let verdict = Verdict::Reject;
                f.does(Op::AnswerFriend { user: eve, asker, verdict, special: false, reason: Box::default() }).unwrap();
                told[from].push(None);
            }
            14 => f.commit(),
            15 if step % 5 == 0 => f = f.reopen(),
            16 => {
                let to = Seq(dice.roll(told[from].len() as u64 + 1));
                f.does(Op::Advance { user: people[from], marks: vec![Mark::Inbox(to)] }).unwrap();
            }
            _ => {
                f.commit();
                let all = &told[from];
                assert_eq!(f.reader.inbox_head(people[from]).unwrap().0, all.len() as u64);
                let after = all.len() as u64 - dice.roll(all.len() as u64 + 1).min(300);
                let (rows, bytes) = (1 + dice.size(70), 1 + dice.size(9000));
                let expected: Vec<(u64, Told)> =
                    (1..).zip(all.iter().copied()).filter(|(place, _)| *place > after).collect();
                assert_eq!(
                    read(&f, people[from], after, rows, bytes),
                    expected,
                    "step {step}, {rows} rows, {bytes} bytes"
                );
            }
        }
    }
    f.commit();
    for (user, told) in people.into_iter().zip(told) {
        assert!(told.len() > 500, "{}", told.len());
        assert_eq!(read(&f, user, 0, 256, 1 << 20), (1..).zip(told).collect::<Vec<_>>());
    }
}

/// In a database of schema 2 each message has a row that points at it. It is read as it is, and goes on with runs.
#[test]
fn an_inbox_of_before_goes_on() {
    let mut f = Fixture::with(roomy());
    let (ann, ben) = (f.user("ann"), f.user("ben"));
    for _ in 0..5 {
        f.writes(ann, ben, "x").unwrap();
        f.writes(ben, ann, "y").unwrap();
    }
    let Fixture { ledger, reader, settings, now, folder } = f;
    drop(reader);
    ledger.close(now).unwrap();
    let data = folder.path().join("data");
    {
        let families = ["state", "log", "inbox", "dedup"];
        let db = rocksdb::DB::open_cf(&rocksdb::Options::default(), data.join("db"), families).unwrap();
        let inbox = db.cf_handle("inbox").unwrap();
        for (owner, from, first) in [(ben, ann, 1), (ann, ben, 2)] {
            for place in 1..=5_u64 {
                let seq = first + 2 * (place - 1);
                let row = [&[1, 0][..], &from.0.to_be_bytes(), &seq.to_be_bytes()].concat();
                db.put_cf(inbox, [owner.0.to_be_bytes(), place.to_be_bytes()].concat(), row).unwrap();
            }
        }
        db.put_cf(db.cf_handle("state").unwrap(), [1, 1], [1, 2]).unwrap();
    }
    let ledger = Ledger::open(&data, settings.clone(), false).unwrap();
    let mut f = Fixture { reader: ledger.reader(), ledger, settings, now, folder };
    let mut expected: Vec<(u64, Told)> = (1..=5).map(|place| (place, Some((ann, 2 * place - 1)))).collect();
    assert_eq!(read(&f, ben, 0, 2, 9999), expected);
    for n in 1..=3 {
        assert_eq!(f.writes(ann, ben, "x"), Ok((Seq(10 + n), Seq(5 + n))));
        expected.push((5 + n, Some((ann, 10 + n))));
    }
    let f = f.reopen();
    for (at, rows) in [(0, 100), (0, 1), (4, 1), (5, 2), (6, 1), (7, 9), (8, 9)] {
        let after = u64::try_from(at).unwrap();
        assert_eq!(read(&f, ben, after, rows, 9999), expected[at..], "after {after}, {rows} at a time");
    }
}
