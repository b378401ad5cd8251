//! A bounded cache that cannot lose what is not committed yet.
//!
//! Owns: the rule that eviction only ever touches committed values. Never: loads a value by itself.

use quick_cache::DefaultHashBuilder;
use quick_cache::unsync::Cache;
use std::collections::HashMap;
use std::hash::Hash;

/// What is known by key: staged values for as long as their batch is open, and a bounded number of committed ones.
pub(super) struct Kept<K, V> {
    /// Hashed as the other: keyed, since some keys hold what clients chose, and faster than the standard library's.
    staged: HashMap<K, V, DefaultHashBuilder>,
    committed: Cache<K, V>,
}

impl<K: Hash + Eq + Clone, V: Clone> Kept<K, V> {
    /// Keeps about `bound` committed values.
    pub(super) fn new(bound: usize) -> Self {
        Self { staged: HashMap::default(), committed: Cache::new(bound) }
    }

    /// The newest value, if it is known.
    pub(super) fn get(&self, key: &K) -> Option<V> {
        self.staged.get(key).or_else(|| self.committed.get(key)).cloned()
    }

    /// Takes note of what the database holds. Only for keys that [`Kept::get`] does not know.
    pub(super) fn learn(&mut self, key: K, value: V) {
        self.committed.insert(key, value);
    }

    /// A value that the open batch will make true.
    pub(super) fn stage(&mut self, key: K, value: V) {
        self.staged.insert(key, value);
    }

    /// The batch is committed: what was staged is true now.
    pub(super) fn settle(&mut self) {
        for (key, value) in self.staged.drain() {
            self.committed.insert(key, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn staged_values_outlive_any_eviction() {
        let mut kept = Kept::new(4);
        kept.stage(0, 'a');
        for key in 1..1000 {
            kept.learn(key, 'x');
        }
        assert_eq!(kept.get(&0), Some('a'));
        kept.stage(0, 'b');
        assert_eq!(kept.get(&0), Some('b'));
        kept.settle();
        assert!(matches!(kept.get(&0), Some('b') | None), "never an older one");
        assert!((1..1000).filter(|key| kept.get(key).is_some()).count() <= 8);
    }
}
