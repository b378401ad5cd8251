//! A bounded cache that cannot lose what is not committed yet.
//!
//! Owns: the rule that only committed values are ever put out. Never: loads a value by itself.

use rustc_hash::FxBuildHasher;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasher, Hash};

/// What is known by key: what was used since the last turn, and what was used in the turn before that. Turns end between
/// batches only ([`Kept::settle`]), so what an open batch has staged is always there, and one look tells the newest value.
/// `S` must be keyed where clients choose the keys.
pub(super) struct Kept<K, V, S = FxBuildHasher> {
    recent: HashMap<K, V, S>,
    older: HashMap<K, V, S>,
    turn: usize,
}

impl<K: Hash + Eq + Copy, V, S: BuildHasher + Default> Kept<K, V, S> {
    /// Keeps about `bound` values; an open batch may bring more.
    pub(super) fn new(bound: usize) -> Self {
        Self { recent: HashMap::default(), older: HashMap::default(), turn: bound / 2 }
    }

    /// The newest value, if it is known. Whatever is written into it the open batch must make true.
    pub(super) fn get(&mut self, key: &K) -> Option<&mut V> {
        match self.recent.entry(*key) {
            Entry::Occupied(known) => Some(known.into_mut()),
            Entry::Vacant(place) => self.older.remove(key).map(|value| place.insert(value)),
        }
    }

    /// What the database holds, or the open batch will make true.
    pub(super) fn put(&mut self, key: K, value: V) {
        // One that is among the older is not looked for: it is not asked, and is cleared before it could be.
        self.recent.insert(key, value);
    }

    /// No batch is open: all that is known is committed, and some of it may go.
    pub(super) fn settle(&mut self) {
        if self.recent.len() >= self.turn {
            std::mem::swap(&mut self.recent, &mut self.older);
            self.recent.clear();
            if self.older.len() > 2 * self.turn {
                self.older.clear(); // one batch brought more than may be kept
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn staged_values_outlive_any_number_of_others() {
        let mut kept = Kept::<_, _>::new(4);
        kept.put(0, 'a');
        for key in 1..1000 {
            kept.put(key, 'x');
        }
        assert_eq!(kept.get(&0), Some(&mut 'a'));
        kept.put(0, 'b');
        assert_eq!(kept.get(&0), Some(&mut 'b'));
        kept.settle();
        assert!(matches!(kept.get(&0), Some('b') | None), "never an older one");
    }

    #[test]
    fn what_is_used_stays_and_what_is_not_goes() {
        let mut kept = Kept::<_, _>::new(8);
        for key in 0..100 {
            kept.put(key, key);
            assert!(kept.get(&0).is_some());
            kept.settle();
            assert!(kept.recent.len() + kept.older.len() <= 8, "{key}");
        }
        let known: Vec<i32> = (0..100).filter(|key| kept.get(key).is_some()).collect();
        assert_eq!(known, [0, 97, 98, 99]);
    }

    #[test]
    fn a_batch_may_bring_more_than_is_kept() {
        let mut kept = Kept::<_, _>::new(4);
        (0..5).for_each(|key| kept.put(key, key));
        assert!((0..5).all(|key| kept.get(&key).is_some()));
        kept.settle();
        assert!((0..5).all(|key| kept.get(&key).is_none()));
    }

    #[test]
    fn an_older_value_never_comes_back() {
        let mut kept = Kept::<_, _>::new(4);
        for turn in 0..20 {
            kept.put('k', turn);
            kept.put('l', turn);
            kept.settle();
            assert_eq!(kept.get(&'k'), Some(&mut turn.clone()));
            *kept.get(&'k').unwrap() += 100;
            assert_eq!(kept.get(&'k'), Some(&mut (turn + 100)));
        }
    }
}
