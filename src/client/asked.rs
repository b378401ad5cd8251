//! Requests that wait for their answers. In every dialect these come in the order of the requests; in two of them nothing but the
//! order tells which is which. Owns: that order, and the numbers. Never: allocates for the first sixteen, nor while nothing waits.

use super::{Heard, Say, Verdict};
use protocol::NameKey;
use std::collections::VecDeque;

/// Which request it was: all that its answer has to be compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Ask {
    Register = 1,
    Login,
    Open,
    Befriend,
    CreateGroup,
    JoinGroup,
    Private,
    Post,
    Ping,
    Logout,
    Typing,
}

/// By their numbers.
const ASKS: [Ask; 11] = [
    Ask::Register,
    Ask::Login,
    Ask::Open,
    Ask::Befriend,
    Ask::CreateGroup,
    Ask::JoinGroup,
    Ask::Private,
    Ask::Post,
    Ask::Ping,
    Ask::Logout,
    Ask::Typing,
];

impl Ask {
    /// What was asked.
    pub(super) fn of(say: &Say<'_>) -> Self {
        match say {
            Say::Register { .. } => Self::Register,
            Say::Login { .. } => Self::Login,
            Say::Open => Self::Open,
            Say::Befriend(_) => Self::Befriend,
            Say::CreateGroup { .. } => Self::CreateGroup,
            Say::JoinGroup(_) => Self::JoinGroup,
            Say::Private { .. } => Self::Private,
            Say::Post { .. } => Self::Post,
            Say::Ping => Self::Ping,
            Say::Logout => Self::Logout,
            Say::Typing(_) => Self::Typing,
        }
    }
}

/// A queue of them. 16 fit into `few`, four bits each and the oldest lowest; more are in `many`, whose memory goes back when
/// the last one leaves it. Unbounded by itself: who asks decides how many it leaves open.
#[derive(Debug)]
pub(super) struct Asked {
    /// The number of the next one. Those that wait have the numbers before it.
    next: u64,
    few: u64,
    many: VecDeque<Ask>,
    /// The groups of those that are [`Ask::JoinGroup`], in their order: a late word on an earlier request to join looks like an answer.
    joins: VecDeque<NameKey>,
}

const BITS: u32 = 4;
const FEW: u32 = u64::BITS / BITS;

impl Asked {
    /// Nothing waits, and the first to come has this number.
    pub(super) fn new(first: u64) -> Self {
        Self { next: first, few: 0, many: VecDeque::new(), joins: VecDeque::new() }
    }

    /// The number of the next one.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// Notes one; gives its number.
    pub(super) fn push(&mut self, ask: Ask) -> u64 {
        let few = self.in_few();
        if few < FEW && self.many.is_empty() {
            self.few |= (ask as u64) << (few * BITS);
        } else {
            self.many.push_back(ask);
        }
        let number = self.next;
        self.next += 1;
        number
    }

    /// An [`Ask::JoinGroup`] for the group of this name.
    pub(super) fn push_join(&mut self, group: NameKey) -> u64 {
        self.joins.push_back(group);
        self.push(Ask::JoinGroup)
    }

    /// The number of the oldest; that of the next one where nothing waits.
    pub(super) fn oldest_number(&self) -> u64 {
        self.next - self.len() as u64
    }

    /// The oldest ends with this verdict.
    pub(super) fn answer(&mut self, verdict: Verdict<'_>, each: &mut dyn FnMut(Heard<'_>)) {
        let number = self.oldest_number();
        if self.pop().is_some() {
            each(Heard::Answer { number, verdict });
        }
    }

    /// The oldest.
    pub(super) fn oldest(&self) -> Option<Ask> {
        let place = usize::try_from(self.few % (1 << BITS)).ok()?;
        ASKS.get(place.checked_sub(1)?).copied()
    }

    /// The group of the oldest request to join that was noted with it.
    pub(super) fn oldest_join(&self) -> Option<&NameKey> {
        self.joins.front()
    }

    fn pop(&mut self) -> Option<Ask> {
        let oldest = self.oldest()?;
        self.few >>= BITS;
        if let Some(next) = self.many.pop_front() {
            self.few |= (next as u64) << ((FEW - 1) * BITS);
            if self.many.is_empty() {
                self.many = VecDeque::new();
            }
        }
        if oldest == Ask::JoinGroup && self.joins.pop_front().is_some() && self.joins.is_empty() {
            self.joins = VecDeque::new();
        }
        Some(oldest)
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.in_few() as usize + self.many.len()
    }

    fn in_few(&self) -> u32 {
        (u64::BITS - self.few.leading_zeros()).div_ceil(BITS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_keeps_the_order_beyond_what_fits_inside() {
        let mut asked = Asked::new(1);
        let order: Vec<Ask> = (0..53).map(|at| ASKS[at * 7 % ASKS.len()]).collect();
        for (at, ask) in order.iter().enumerate() {
            assert_eq!(asked.len(), at);
            asked.push(*ask);
        }
        for (at, ask) in order.iter().enumerate() {
            assert_eq!((asked.oldest(), asked.pop()), (Some(*ask), Some(*ask)));
            // Some more behind those that wait: they must not overtake.
            if at % 5 == 0 && at < 40 {
                asked.push(Ask::Ping);
            }
        }
        assert!(std::iter::from_fn(|| asked.pop()).all(|ask| ask == Ask::Ping));
        assert_eq!((asked.len(), asked.many.capacity()), (0, 0), "nothing is kept while nothing waits");
    }

    #[test]
    fn numbers_and_names_agree() {
        for (at, ask) in ASKS.iter().enumerate() {
            assert_eq!(*ask as usize, at + 1);
        }
    }

    #[test]
    fn joins_leave_with_their_requests() {
        let mut asked = Asked::new(1);
        asked.push(Ask::Ping);
        asked.push_join(NameKey::of("one"));
        asked.push_join(NameKey::of("two"));
        assert_eq!(asked.pop(), Some(Ask::Ping));
        assert_eq!(asked.oldest_join(), Some(&NameKey::of("one")));
        asked.pop();
        assert_eq!(asked.oldest_join(), Some(&NameKey::of("two")));
        asked.pop();
        assert_eq!(asked.joins.capacity(), 0);
    }
}
