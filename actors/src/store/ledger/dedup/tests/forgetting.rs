//! What is forgotten of messages that may come again, and that nothing is forgotten too early.

use super::*;
use crate::settings::Span;
use crate::store::schema::{Family, remembered};
use std::time::Duration;

/// A world that remembers the last `numbers` and those of the last `seconds`.
fn forgetful(numbers: u64, seconds: u64) -> World {
    let mut settings = settings();
    settings.inbox.max = u64::MAX;
    settings.binary.dedup_numbers = numbers;
    settings.binary.dedup_for = Span(Duration::from_secs(seconds));
    World::new(settings)
}

#[test]
fn the_oldest_are_forgotten_once_they_are_beyond_both_bounds() {
    let mut world = forgetful(4, 60);
    for number in 0..160 {
        world.sends(ONE, number, "x").unwrap();
    }
    let runs = |first: &[u64]| (Vec::new(), Vec::new(), first.to_vec());
    assert_eq!(world.rows(ONE), runs(&[0, 64, 128]), "a run has 64 places");
    world.now += 60_000;
    for number in 160..193 {
        world.sends(ONE, number, "x").unwrap();
    }
    assert_eq!(world.rows(ONE), runs(&[0, 64, 128, 192]), "they are young");
    world.now += 1;
    for number in 193..208 {
        world.sends(ONE, number, "x").unwrap();
    }
    assert_eq!(world.rows(ONE), runs(&[0, 64, 128, 192]), "one looks now and then");
    world.sends(ONE, 208, "x").unwrap();
    assert_eq!(world.rows(ONE), runs(&[128, 192]), "of the third some are young");
    for number in 209..400 {
        if number == 300 {
            world = world.reopen();
        }
        world.now += 60_001;
        world.sends(ONE, number, "x").unwrap();
    }
    assert_eq!(world.rows(ONE), runs(&[320, 384]), "what came before the last is kept with it");
    assert_eq!(world.sends(ONE, 320, "x"), Ok((321, true)));
    assert_eq!(world.sends(ONE, 319, "x"), Ok((401, false)));
    assert_eq!(world.rows(ONE), (vec![319], vec![400], vec![384]), "below the highest it needs a place");
    let mut world = world.reopen();
    assert_eq!(world.sends(ONE, 319, "x"), Ok((401, true)));
    assert_eq!(world.sends(ONE, 400, "x"), Ok((402, false)));
    assert_eq!(world.rows(ONE).2, [384, 400], "and what follows begins a run");
}

/// Neither bound alone lets anything be forgotten.
#[test]
fn what_is_young_or_among_the_last_stays() {
    for (numbers, seconds) in [(4, 1_000_000), (1000, 60)] {
        let mut world = forgetful(numbers, seconds);
        for number in 0..100 {
            world.now += 60_001;
            // Every other one is below the highest.
            world.sends(ONE, number ^ 1, "x").unwrap();
        }
        let (even, odd) = ((0..100).step_by(2).collect(), (1..100).step_by(2).collect::<Vec<_>>());
        assert_eq!(world.rows(ONE), (even, odd.clone(), odd));
    }
}

/// Without an installation a number comes again and again: its old places are given up with it.
#[test]
fn a_counter_that_begins_anew_leaves_nothing_behind() {
    let mut world = forgetful(3, 1);
    for round in 0..100 {
        world.now += 200_000;
        for number in 0..2 {
            assert_eq!(world.sends(None, number, "x"), Ok((round * 2 + number + 1, false)));
        }
    }
    // One looked before 192.
    assert_eq!(world.rows(None), (vec![0, 1], (190..200).collect(), Vec::new()));
}

/// A low number that comes again and again, without an installation, keeps nobody behind it from being forgotten.
#[test]
fn a_number_that_comes_again_and_again_holds_nobody_up() {
    let mut world = forgetful(4, 1);
    for highest in 1..200 {
        for number in [0, highest] {
            world.now += 200_000;
            assert!(!world.sends(None, number, "x").unwrap().1);
        }
    }
    // One looked before 384.
    let (numbers, places, runs) = world.rows(None);
    assert_eq!((numbers, places), (vec![0], (382..398).step_by(2).collect()));
    assert_eq!(runs, (191..200).collect::<Vec<_>>());
}

/// The highest numbers are forgotten, and after a restart lower ones are above all again.
#[test]
fn a_counter_that_began_anew_climbs_again() {
    let mut world = forgetful(4, 1);
    let sends = |world: &mut World, numbers: std::ops::Range<u64>| {
        for number in numbers {
            world.now += 1001;
            assert!(!world.sends(None, number, "x").unwrap().1);
        }
    };
    sends(&mut world, 1000..1016);
    sends(&mut world, 0..33);
    assert_eq!(world.rows(None), ((29..33).collect(), (45..49).collect(), vec![1000]));
    let mut world = world.reopen();
    sends(&mut world, 33..100);
    // One looked before 112.
    assert_eq!(world.rows(None), ((93..100).collect(), (109..116).collect(), Vec::new()), "all came after that run");
    let mut world = world.reopen();
    sends(&mut world, 100..130);
    // One looked before 144.
    assert_eq!(world.rows(None), (Vec::new(), Vec::new(), vec![100]));
}

/// A database in which every message has two rows.
#[test]
fn messages_of_before_are_recognised_and_forgotten() {
    let mut world = forgetful(8, 60);
    let rocks = world.ledger.rocks.clone();
    let put = |what, row: Vec<u8>| {
        let dedup = rocks.family(Family::Dedup).unwrap();
        rocks.db().put_cf(dedup, remembered(A, ONE, what), row).unwrap();
    };
    let row = |version: u8, fields: Vec<u8>| [vec![version], fields].concat();
    let hash = content_hash(Destination::User(B), &Body::text("x"));
    for nth in 0..100u64 {
        // Counting upwards, but for 90 to 94, which came once more.
        let number = if nth < 95 { nth } else { nth - 5 };
        let sent = (nth, NOW, nth + 1, false, B.0, hash);
        put(Remembered::Number(number), row(1, postcard::to_allocvec(&sent).unwrap()));
        put(Remembered::Nth(nth), row(2, postcard::to_allocvec(&(number, Some(nth + 1))).unwrap()));
    }
    drop(rocks);
    assert_eq!(world.sends(ONE, 50, "x"), Ok((51, true)));
    assert_eq!(world.sends(ONE, 94, "x"), Ok((100, true)));
    assert_eq!(world.sends(ONE, 94, "y"), Err(Refusal::Conflict));
    assert_eq!(world.sends(ONE, 95, "x"), Ok((1, false)), "a new one");
    let mut world = world.reopen();
    assert_eq!(world.sends(ONE, 95, "x"), Ok((1, true)));
    assert_eq!(world.sends(ONE, 0, "x"), Ok((1, true)), "the first of before");
    assert_eq!((world.rows(ONE).0.len(), world.rows(ONE).1.len(), world.rows(ONE).2), (95, 100, vec![95]));
    world.now += 60_001;
    for number in 96..200 {
        if number == 130 {
            world = world.reopen();
        }
        world.sends(ONE, number, "x").unwrap();
        world.now += 60_001;
    }
    let (numbers, places, runs) = world.rows(ONE);
    assert!(numbers.is_empty() && places.is_empty(), "there is none of before: {numbers:?} {places:?}");
    assert_eq!(runs, [159], "nor of the run before the last");
}

/// A message that the oracle knows.
#[derive(Clone, Copy)]
struct Known {
    text: &'static str,
    place: u64,
    at: u64,
    nth: u64,
}

/// Numbers that follow, jump ahead, go back and come again, with restarts and long batches between, against a map. Where the bounds let
/// a message be forgotten, it may be recognised or not; everywhere else only one answer is right.
#[test]
fn what_is_forgotten_is_what_a_simple_oracle_lets_be_forgotten() {
    const NUMBERS: u64 = 8;
    const KEEP_MS: u64 = 60_000;
    let mut world = forgetful(NUMBERS, KEEP_MS / 1000);
    let bare_ms = world.settings.binary.dedup_bare_s * 1000;
    let mut known: HashMap<(Option<Instance>, u64), Known> = HashMap::new();
    let (mut last, mut next_nth) = ([1000u64; 2], [0u64; 2]);
    let (mut next, mut again, mut forgotten) = (1, 0, 0);
    let mut random = 0x9e37_79b9_7f4a_7c15u64;
    let mut roll = |sides: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % sides
    };
    for step in 0..20_000 {
        let which = usize::try_from(roll(2)).unwrap();
        let instance = [None, ONE][which];
        let number = match roll(10) {
            0 => last[which] + roll(50),
            1 => last[which].saturating_sub(roll(60)),
            2 => last[which].saturating_sub(roll(4)),
            _ => last[which] + 1,
        };
        last[which] = number;
        let text = if roll(5) == 0 { "y" } else { "x" };
        world.now += if roll(200) == 0 { roll(200_000) } else { roll(3000) };
        let seen = known.get(&(instance, number)).copied();
        let new = Ok((next, false));
        // What must be said, and what else may be.
        let (must, or) = match seen {
            None => (new, None),
            Some(seen) => {
                let same = seen.text == text;
                let repeated = match instance {
                    Some(_) if !same => Some(Err(Refusal::Conflict)),
                    Some(_) => Some(Ok((seen.place, true))),
                    None => (same && world.now - seen.at <= bare_ms).then_some(Ok((seen.place, true))),
                };
                let kept = world.now - seen.at <= KEEP_MS || next_nth[which] - seen.nth < NUMBERS;
                match repeated {
                    Some(repeated) => (repeated, (!kept).then_some(new)),
                    None => (new, None),
                }
            }
        };
        let outcome = world.ledger.stage(private(instance, number, text), world.now);
        let outcome = outcome.map(|outcome| place(&outcome));
        assert!(outcome == must || Some(&outcome) == or.as_ref(), "step {step}: {outcome:?}, {must:?} or {or:?}");
        again += usize::from(outcome != new);
        if outcome == new {
            forgotten += usize::from(or.is_some());
            known.insert((instance, number), Known { text, place: next, at: world.now, nth: next_nth[which] });
            next += 1;
            next_nth[which] += 1;
        }
        // Long batches, and short ones.
        if roll(if step / 1000 % 2 == 0 { 3 } else { 100 }) == 0 {
            world.ledger.commit(world.now).unwrap();
        }
        if roll(500) == 0 {
            world = world.reopen();
        }
    }
    assert!(again > 1000 && forgotten > 100, "{again} came again, {forgotten} were forgotten: too few to say anything");
    // And in the end nothing is left of all that.
    world.ledger.commit(world.now).unwrap();
    for number in 1_000_000..1_002_000 {
        world.now += KEEP_MS + 1;
        for instance in [None, ONE] {
            world.sends(instance, number, "x").unwrap();
        }
    }
    for instance in [None, ONE] {
        let (numbers, places, runs) = world.rows(instance);
        assert!(numbers.is_empty() && places.is_empty(), "{numbers:?} {places:?}");
        assert!(runs.len() < 4 && runs[0] > 1_001_900, "{runs:?}");
    }
}
