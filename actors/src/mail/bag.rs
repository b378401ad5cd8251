//! The letters that are not sent yet, as a plain struct. Owns: whose turn it is, and when one is tried again or given
//! up. Never: a clock or a carrier of its own; it is told the time, and what became of an attempt.

use super::carrier::Fate;
use super::letter::Letter;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Attempts at once: one that hangs for `mail.timeout_s` must not hold up everybody.
const AT_ONCE: usize = 4;

/// How often a letter is tried.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// Attempts in all.
    pub(super) tries: u32,
    /// Between the first and the second; doubled for each further one.
    pub(super) pause: Duration,
}

struct Waiting {
    letter: Arc<Letter>,
    /// Attempts that were begun.
    tried: u32,
    /// It waits for another.
    resting: bool,
    /// When its code is good no more.
    until: Instant,
}

/// What is done about an attempt that ended.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Next {
    /// Nothing: it is sent.
    Sent,
    /// It is put back ([`Bag::rested`]) after so long.
    Rest(Duration),
    /// Nothing: it was tried often enough, or for good.
    GivenUp,
}

/// The bag. Its bound is kept by [`super::Places`].
pub(super) struct Bag {
    patience: Patience,
    letters: HashMap<u64, Waiting>,
    next: u64,
    ready: VecDeque<u64>,
    sending: usize,
}

impl Bag {
    pub(super) fn new(patience: Patience) -> Self {
        Self { patience, letters: HashMap::new(), next: 0, ready: VecDeque::new(), sending: 0 }
    }

    /// A new letter.
    pub(super) fn add(&mut self, letter: Letter, now: Instant) {
        let until = now + letter.valid;
        self.letters.insert(self.next, Waiting { letter: Arc::new(letter), tried: 0, resting: false, until });
        self.ready.push_back(self.next);
        self.next += 1;
    }

    /// A letter whose turn it is to be tried, with its number.
    pub(super) fn begin(&mut self) -> Option<(u64, Arc<Letter>)> {
        if self.sending >= AT_ONCE {
            return None;
        }
        let number = self.ready.pop_front()?;
        let waiting = self.letters.get_mut(&number)?;
        waiting.tried += 1;
        self.sending += 1;
        Some((number, waiting.letter.clone()))
    }

    /// An attempt has ended. Returns the letter, and how many attempts that were.
    pub(super) fn ended(&mut self, number: u64, fate: &Fate, now: Instant) -> Option<(Arc<Letter>, u32, Next)> {
        let Patience { tries, pause } = self.patience;
        let waiting = self.letters.get_mut(&number)?;
        let (letter, tried) = (waiting.letter.clone(), waiting.tried);
        self.sending -= 1;
        let rest = pause.saturating_mul(1_u32.checked_shl(tried - 1).unwrap_or(u32::MAX));
        let next = match fate {
            Fate::Sent(_) => Next::Sent,
            Fate::Later(_) if tried < tries && now.checked_add(rest).is_some_and(|then| then < waiting.until) => {
                Next::Rest(rest)
            }
            Fate::Later(_) | Fate::Refused(_) => Next::GivenUp,
        };
        match next {
            Next::Rest(_) => waiting.resting = true,
            Next::Sent | Next::GivenUp => {
                self.letters.remove(&number);
            }
        }
        Some((letter, tried, next))
    }

    /// The pause of a letter is over.
    pub(super) fn rested(&mut self, number: u64) {
        if let Some(waiting) = self.letters.get_mut(&number) {
            waiting.resting = false;
            self.ready.push_back(number);
        }
    }

    /// Forgets those that wait for another attempt; how many.
    pub(super) fn forget_resting(&mut self) -> usize {
        let before = self.letters.len();
        self.letters.retain(|_, waiting| !waiting.resting);
        before - self.letters.len()
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.letters.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::letter::tests::letter;
    use protocol::CodePurpose;

    fn bag(tries: u32) -> (Bag, Instant) {
        (Bag::new(Patience { tries, pause: Duration::from_secs(5) }), Instant::now())
    }

    fn some_letter() -> Letter {
        letter("a@b.cn", CodePurpose::Register)
    }

    fn later() -> Fate {
        Fate::Later("busy".into())
    }

    #[test]
    fn a_letter_is_tried_again_after_pauses_that_double_until_it_was_tried_often_enough() {
        let (mut bag, now) = bag(4);
        bag.add(some_letter(), now);
        for (tried, seconds) in [(1, 5), (2, 10), (3, 20)] {
            let (number, _) = bag.begin().unwrap();
            let (_, after, next) = bag.ended(number, &later(), now).unwrap();
            assert_eq!((after, next), (tried, Next::Rest(Duration::from_secs(seconds))));
            assert!(bag.begin().is_none(), "it rests");
            bag.rested(number);
        }
        let (number, _) = bag.begin().unwrap();
        let (_, tried, next) = bag.ended(number, &later(), now).unwrap();
        assert_eq!((tried, next, bag.len()), (4, Next::GivenUp, 0));
    }

    #[test]
    fn what_is_refused_or_sent_is_not_tried_again() {
        for (fate, expected) in [(Fate::Refused("no".into()), Next::GivenUp), (Fate::Sent("x".into()), Next::Sent)] {
            let (mut bag, now) = bag(4);
            bag.add(some_letter(), now);
            let (number, _) = bag.begin().unwrap();
            assert_eq!(bag.ended(number, &fate, now).unwrap().2, expected);
            assert_eq!(bag.len(), 0);
            bag.rested(number);
            assert!(bag.begin().is_none());
        }
    }

    #[test]
    fn nobody_is_sent_a_code_that_is_good_no_more() {
        let (mut bag, now) = bag(100);
        bag.add(some_letter(), now);
        let (number, _) = bag.begin().unwrap();
        let (_, _, next) = bag.ended(number, &later(), now + Duration::from_secs(596)).unwrap();
        assert_eq!(next, Next::GivenUp);
    }

    #[test]
    fn a_few_are_sent_at_once_in_the_order_in_which_they_came() {
        let (mut bag, now) = bag(2);
        for _ in 0..AT_ONCE + 1 {
            bag.add(some_letter(), now);
        }
        let begun: Vec<_> = std::iter::from_fn(|| bag.begin()).map(|(number, _)| number).collect();
        assert_eq!(begun, (0..AT_ONCE as u64).collect::<Vec<_>>());
        bag.ended(2, &later(), now).unwrap();
        assert_eq!(bag.begin().unwrap().0, AT_ONCE as u64, "one that rests makes room");
        assert_eq!(bag.forget_resting(), 1);
        assert_eq!(bag.len(), AT_ONCE);
    }

    #[test]
    fn letters_give_their_places_back() {
        let places = crate::mail::Places::new(1);
        let (mut bag, now) = bag(1);
        let letter = Letter { place: places.take().unwrap(), ..some_letter() };
        bag.add(letter, now);
        let (number, sent) = bag.begin().unwrap();
        drop(sent);
        assert!(places.take().is_none());
        drop(bag.ended(number, &later(), now));
        assert!(places.take().is_some());
    }
}
