//! Whether the members of a group see its posts in one order. Owns: [`Order`], which compares what a few members saw with
//! what one of them saw. Never: holds more than [`MOST`] posts for each of them, however many there are.
//!
//! A post's place in the group is not known here: only one of the dialects tells it. But two members who both saw two posts must have
//! seen them in the same order, whatever else each of them saw or missed (one's own posts, those beyond the catch-up). So each *witness* is
//! compared with the *reference*, a member too: of the posts that both have, the one that becomes common later must be the later one
//! for both. Orders of one sender's posts are looked at for every member, elsewhere ([`super::Ledger`]).

use std::collections::{HashMap, VecDeque};

/// Witnesses of one group.
const WITNESSES: u32 = 8;
/// Posts that only one of a pair has, at the most. Of what is forgotten beyond that the order is not looked at.
const MOST: usize = 512;

/// Who of a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Reference,
    Witness,
}

/// What one witness saw beside the reference.
#[derive(Debug, Default)]
struct Pair {
    /// Posts that only one has, with that one's place for it.
    alone: HashMap<u64, (Side, u64)>,
    /// The same in the order in which they came.
    oldest: VecDeque<u64>,
    /// Posts that each has seen: the next one's place.
    seen: [u64; 2],
    /// One behind the places of the latest post that both have.
    common: [u64; 2],
}

impl Pair {
    /// One of them sees a post for the first time. Tells whether the two agree.
    fn sees(&mut self, side: Side, post: u64) -> bool {
        let mine = self.seen[side as usize];
        self.seen[side as usize] += 1;
        match self.alone.get(&post) {
            Some((other, theirs)) if *other != side => {
                let theirs = *theirs;
                self.alone.remove(&post);
                let other = if side == Side::Reference { Side::Witness } else { Side::Reference };
                let agree = mine >= self.common[side as usize] && theirs >= self.common[other as usize];
                if agree {
                    self.common[side as usize] = mine + 1;
                    self.common[other as usize] = theirs + 1;
                }
                agree
            }
            Some(_) => true,
            None => {
                self.alone.insert(post, (side, mine));
                self.oldest.push_back(post);
                while self.oldest.len() > MOST {
                    if let Some(oldest) = self.oldest.pop_front() {
                        self.alone.remove(&oldest);
                    }
                }
                true
            }
        }
    }
}

/// The order of one group's posts.
#[derive(Debug)]
pub(super) struct Order {
    members: u32,
    pairs: Vec<Pair>,
}

impl Order {
    /// For a group of so many members.
    pub(super) fn new(members: u32) -> Self {
        let witnesses = WITNESSES.min(members.saturating_sub(1));
        Self { members, pairs: (0..witnesses).map(|_| Pair::default()).collect() }
    }

    /// The reference: the last one, who posts the least where only a few do.
    fn reference(&self) -> u32 {
        self.members.saturating_sub(1)
    }

    /// Which witness a member is. They are the first ones: those who post are among them.
    fn witness(&self, member: u32) -> Option<usize> {
        usize::try_from(member).ok().filter(|at| *at < self.pairs.len())
    }

    /// A member sees a post for the first time. Gives how many of the others saw it in another order.
    pub(super) fn sees(&mut self, member: u32, stream: u32, counter: u32) -> u64 {
        let post = u64::from(stream) << 32 | u64::from(counter);
        if member == self.reference() {
            let disagree = |pair: &mut Pair| u64::from(!pair.sees(Side::Reference, post));
            self.pairs.iter_mut().map(disagree).sum()
        } else {
            let pair = self.witness(member).and_then(|at| self.pairs.get_mut(at));
            pair.map_or(0, |pair| u64::from(!pair.sees(Side::Witness, post)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{MOST, Order};

    /// What two of three members see; posts are of different senders. Gives the disagreements.
    fn seen(moves: &[(u32, u32)]) -> u64 {
        let mut order = Order::new(3);
        moves.iter().map(|(member, post)| order.sees(*member, *post, 0)).sum()
    }

    #[test]
    fn the_same_order_is_agreed_however_far_ahead_one_is() {
        assert_eq!(seen(&[(2, 1), (2, 2), (2, 3), (0, 1), (0, 2), (0, 3)]), 0);
        assert_eq!(seen(&[(0, 1), (2, 1), (2, 2), (0, 2), (0, 3), (2, 3)]), 0);
    }

    #[test]
    fn another_order_is_found_whoever_is_ahead() {
        assert_eq!(seen(&[(2, 1), (2, 2), (0, 2), (0, 1)]), 1);
        assert_eq!(seen(&[(0, 1), (0, 2), (2, 2), (2, 1)]), 1);
        assert_eq!(seen(&[(2, 1), (0, 2), (2, 2), (0, 1)]), 1);
        // Each witness by itself.
        assert_eq!(seen(&[(2, 1), (2, 2), (0, 2), (0, 1), (1, 2), (1, 1)]), 2);
    }

    #[test]
    fn what_one_of_them_does_not_see_says_nothing() {
        // 1 is the witness's own, 4 was beyond its catch-up.
        assert_eq!(seen(&[(2, 1), (2, 2), (2, 4), (2, 3), (0, 2), (0, 3)]), 0);
        // The reference is the one who lacks some.
        assert_eq!(seen(&[(0, 1), (0, 2), (0, 3), (2, 3)]), 0);
    }

    #[test]
    fn one_order_with_gaps_is_never_called_two() {
        let mut random = fastrand::Rng::with_seed(3);
        for _ in 0..300 {
            let mut order = Order::new(6);
            // Each member misses some of the same sequence, and is ahead or behind as it happens.
            let mut at = [0u32; 6];
            let misses: Vec<Vec<bool>> = (0..6).map(|_| (0..80).map(|_| random.u8(0..4) == 0).collect()).collect();
            while at.iter().any(|at| *at < 80) {
                let member = random.usize(0..6);
                let post = at[member];
                if post < 80 {
                    at[member] += 1;
                    if !misses[member][post as usize] {
                        assert_eq!(order.sees(u32::try_from(member).unwrap(), post % 7, post), 0);
                    }
                }
            }
        }
    }

    #[test]
    fn memory_is_bounded_where_somebody_is_away() {
        let mut order = Order::new(2);
        for post in 0..100_000 {
            assert_eq!(order.sees(1, post, 0), 0);
        }
        assert_eq!((order.pairs[0].alone.len(), order.pairs[0].oldest.len()), (MOST, MOST));
        // What came last is still compared.
        assert_eq!(order.sees(0, 99_999, 0) + order.sees(0, 99_998, 0), 1);
    }
}
