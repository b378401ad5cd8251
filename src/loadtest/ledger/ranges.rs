//! Sets of counters that are nearly always one run without a gap. Owns: [`Ranges`]. Never: holds an entry per counter.

use smallvec::SmallVec;

/// A set of counters, as sorted half-open ranges that do not touch. One range needs no allocation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ranges(SmallVec<[(u32, u32); 1]>);

impl Ranges {
    /// Adds one; `false` if it was there.
    pub(super) fn insert(&mut self, counter: u32) -> bool {
        // The usual case: the next one.
        if let Some(last) = self.0.last_mut()
            && last.1 == counter
        {
            last.1 += 1;
            return true;
        }
        // The first range that ends at or behind the counter.
        let at = self.0.partition_point(|range| range.1 < counter);
        let Some(range) = self.0.get_mut(at) else {
            self.0.push((counter, counter + 1));
            return true;
        };
        if (range.0..range.1).contains(&counter) {
            return false;
        }
        if range.1 == counter {
            range.1 += 1;
            if at + 1 < self.0.len() && self.0[at + 1].0 == counter + 1 {
                self.0[at].1 = self.0[at + 1].1;
                self.0.remove(at + 1);
            }
        } else if range.0 == counter + 1 {
            range.0 = counter;
        } else {
            self.0.insert(at, (counter, counter + 1));
        }
        true
    }

    /// Whether it is there.
    pub(super) fn contains(&self, counter: u32) -> bool {
        let at = self.0.partition_point(|range| range.1 <= counter);
        self.0.get(at).is_some_and(|range| range.0 <= counter)
    }

    /// One behind the largest; 0 of an empty set.
    pub(super) fn end(&self) -> u32 {
        self.0.last().map_or(0, |range| range.1)
    }

    /// How many there are.
    #[cfg(test)]
    pub(super) fn len(&self) -> u64 {
        self.0.iter().map(|range| u64::from(range.1 - range.0)).sum()
    }

    /// Adds all from `from` up to `to`, which is not added itself, to a set that has nothing behind `to`.
    pub(super) fn extend(&mut self, from: u32, to: u32) {
        let mut from = from;
        while self.0.last().is_some_and(|last| last.1 >= from) {
            if let Some(last) = self.0.pop() {
                from = from.min(last.0);
            }
        }
        if from < to {
            self.0.push((from, to));
        }
    }

    /// How many of `from..to` there are.
    pub(super) fn count(&self, from: u32, to: u32) -> u64 {
        let first = self.0.partition_point(|range| range.1 <= from);
        let within = self.0[first..].iter().take_while(|range| range.0 < to);
        within.map(|range| u64::from(range.1.min(to) - range.0.max(from))).sum()
    }

    /// How many of `self` are not in `other`: those that are in `within`, and the rest.
    pub(super) fn without(&self, other: &Self, within: Option<&Self>) -> (u64, u64) {
        let (mut inside, mut outside) = (0, 0);
        let mut count = |from: u32, to: u32| {
            let found = within.map_or(0, |within| within.count(from, to));
            inside += found;
            outside += u64::from(to - from) - found;
        };
        let mut others = other.0.iter().peekable();
        for &(start, end) in &self.0 {
            let mut from = start;
            while from < end {
                while others.next_if(|range| range.1 <= from).is_some() {}
                match others.peek() {
                    Some(&&(covered, until)) if covered < end => {
                        count(from, covered.max(from));
                        from = until;
                    }
                    _ => {
                        count(from, end);
                        break;
                    }
                }
            }
        }
        (inside, outside)
    }
}

#[cfg(test)]
mod tests {
    use super::Ranges;
    use std::collections::BTreeSet;

    #[test]
    fn it_is_a_set() {
        let mut random = fastrand::Rng::with_seed(7);
        for round in 0..300 {
            let bound = 1 + round % 40;
            let (mut set, mut other) = (Ranges::default(), Ranges::default());
            let (mut model, mut other_model) = (BTreeSet::new(), BTreeSet::new());
            for _ in 0..bound {
                let counter = random.u32(0..bound);
                assert_eq!(set.insert(counter), model.insert(counter));
                let counter = random.u32(0..bound);
                other.insert(counter);
                other_model.insert(counter);
            }
            for counter in 0..=bound {
                assert_eq!(set.contains(counter), model.contains(&counter));
            }
            assert_eq!(set.len(), model.len() as u64);
            assert_eq!(set.end(), model.last().map_or(0, |last| last + 1));
            let touching = set.0.windows(2).any(|pair| pair[0].1 >= pair[1].0);
            assert!(!touching, "{set:?}");
            let (mut within, mut end) = (Ranges::default(), 0);
            let mut within_model = BTreeSet::new();
            for _ in 0..3 {
                // Each reaches further than the one before, as gaps do.
                let from = random.u32(0..=bound);
                end = random.u32(end.max(from)..=bound.max(end));
                within.extend(from, end);
                within_model.extend(from..end);
            }
            assert_eq!(within.len(), within_model.len() as u64, "{within:?}");
            let missing: Vec<u32> = model.difference(&other_model).copied().collect();
            let inside = missing.iter().filter(|counter| within_model.contains(counter)).count() as u64;
            let found = set.without(&other, Some(&within));
            assert_eq!(found, (inside, missing.len() as u64 - inside), "{set:?} {other:?} {within:?}");
            assert_eq!(set.without(&other, None), (0, missing.len() as u64));
        }
    }

    #[test]
    fn a_run_without_gaps_needs_no_allocation() {
        let mut set = Ranges::default();
        for counter in 0..1000 {
            assert!(set.insert(counter));
        }
        assert!(!set.0.spilled());
        assert_eq!(set.0.len(), 1);
    }
}
