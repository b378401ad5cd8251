//! What was lost, one by one, for whoever looks for the reason. Owns: the list. Never: decides what is lost otherwise than
//! [`Ledger::counts`] does.

use super::{Ledger, StreamId};

/// Something that did not come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// This message, to this receiver of its stream.
    Message {
        /// Its stream.
        stream: StreamId,
        /// Its place there.
        counter: u32,
        /// The receiver's number in the stream: 0 of a private one, else the member's.
        receiver: u32,
    },
    /// More posts than the catch-up explains; which of them, it does not say.
    Posts {
        /// The group, by the order in which they were made.
        group: usize,
        /// The member's number.
        member: usize,
        /// Posts that were sent before its last return and that it never got.
        missing: u64,
        /// Of those, what the catch-up explains.
        explained: u64,
    },
}

impl Ledger {
    /// The first so many things that are lost, as things are now: as [`Ledger::counts`], when nothing is on its way any more.
    #[must_use]
    pub fn lost(&self, most: usize) -> Vec<Lost> {
        let mut lost = Vec::new();
        let excusable = self.excusable();
        for (id, stream) in self.streams.iter().enumerate() {
            for (at, receiver) in stream.receivers.iter().enumerate().filter(|(at, _)| stream.is_owed(*at)) {
                let gaps = receiver.gaps.as_deref();
                if stream.acknowledged.without(&receiver.got, gaps).1 == 0 {
                    continue;
                }
                let has_no_excuse = |counter: u32| !gaps.is_some_and(|gaps| gaps.contains(counter));
                let missing = (0..stream.acknowledged.end())
                    .filter(|counter| stream.acknowledged.contains(*counter) && !receiver.got.contains(*counter))
                    .filter(|counter| has_no_excuse(*counter))
                    .map(|counter| Lost::Message {
                        stream: StreamId(super::index(id)),
                        counter,
                        receiver: super::index(at),
                    });
                lost.extend(missing.take(most - lost.len()));
                if lost.len() == most {
                    return lost;
                }
            }
        }
        for (group, (circle, missing)) in self.circles.iter().zip(&excusable).enumerate() {
            for (member, (who, (missing, _))) in circle.members.iter().zip(missing).enumerate() {
                if *missing > who.forgiven && lost.len() < most {
                    lost.push(Lost::Posts { group, member, missing: *missing, explained: who.forgiven });
                }
            }
        }
        lost
    }
}
