//! Proof of delivery: what was sent, how it was answered, and what arrived where. Owns: [`Ledger`], and what counts as
//! lost, duplicated, delivered again, out of order, a ghost. Never: knows a socket or a clock, and never grows with the number of
//! messages: only with streams, receivers and gaps (about 60 bytes for a stream and a receiver).
//!
//! A *stream* is one sender's messages into one conversation, counted from 0. A *circle* is a group: its streams have the
//! same receivers, its members.
//!
//! What the dialects promise (docs/dialects.md), and how it is judged:
//!
//! | what happened | counted as |
//! | --- | --- |
//! | acknowledged, and a receiver never got it | lost |
//! | it came twice on one connection of a receiver | duplicated |
//! | it came on an earlier connection, and once more on a later one | redelivered: at least once is the promise there |
//! | it came after a later one of its stream, on the same connection | reordered |
//! | refused, and yet it came | ghost |
//! | a member was away, and missed more posts than `group.catch_up` brings back | beyond catch-up |
//! | never answered | unanswered: it may come, or not |

mod ranges;
#[cfg(test)]
mod tests;

use super::report::Counts;
use ranges::Ranges;

/// One sender's messages into one conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamId(pub u32);

/// A group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CircleId(pub u32);

/// What an arrival was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// The first copy, in its turn.
    First,
    /// The first copy, but after a later one.
    Late,
    /// Another copy, on a later connection than the first.
    Redelivered,
    /// Another copy, on the same connection.
    Duplicate,
    /// Nothing of the kind was ever sent.
    Unknown,
}

/// One receiver of one stream.
#[derive(Debug, Default)]
struct Receiver {
    /// What ever came.
    got: Ranges,
    /// What came on the present connection.
    now: Ranges,
    connection: u32,
    /// What was sent before the receiver came back last: of that, some may be beyond the catch-up.
    floor: u32,
}

#[derive(Debug)]
struct Stream {
    sent: u32,
    acknowledged: Ranges,
    refused: Ranges,
    receivers: Vec<Receiver>,
    /// The group, and who of its members writes this stream and gets nothing of it.
    circle: Option<(CircleId, u32)>,
}

impl Stream {
    fn is_owed(&self, receiver: usize) -> bool {
        self.circle.is_none_or(|(_, own)| own as usize != receiver)
    }
}

#[derive(Debug, Default)]
struct Member {
    /// Posts of others that came, and own ones that were acknowledged.
    seen: u64,
    /// Posts that the rule of `group.catch_up` allows to be missing, over all returns.
    forgiven: u64,
}

#[derive(Debug)]
struct Circle {
    streams: Vec<StreamId>,
    members: Vec<Member>,
    sent: u64,
}

/// The book of all messages of one run.
#[derive(Debug, Default)]
pub struct Ledger {
    streams: Vec<Stream>,
    circles: Vec<Circle>,
    /// Newest posts that a member who was away gets; `None`: all of them.
    catch_up: Option<u32>,
    /// What is counted as it happens. What is missing is counted by [`Ledger::counts`].
    so_far: Counts,
    /// Copies that acknowledged messages owe and that have not come.
    outstanding: u64,
}

impl Ledger {
    /// An empty book. `catch_up` is the server's `group.catch_up`.
    #[must_use]
    pub fn new(catch_up: Option<u32>) -> Self {
        Self { catch_up, ..Self::default() }
    }

    /// A stream with so many receivers, numbered from 0 by the caller. A private one has 1.
    pub fn stream(&mut self, receivers: u32) -> StreamId {
        self.add(receivers, None)
    }

    /// A group of so many members, numbered from 0 by the caller.
    pub fn circle(&mut self, members: u32) -> CircleId {
        let id = CircleId(index(self.circles.len()));
        let members = (0..members).map(|_| Member::default()).collect();
        self.circles.push(Circle { streams: Vec::new(), members, sent: 0 });
        id
    }

    /// The stream of one member of a group. Its receivers are the group's members; the writer gets nothing.
    pub fn poster(&mut self, circle: CircleId, member: u32) -> StreamId {
        let members = index(self.circles[circle.0 as usize].members.len());
        let id = self.add(members, Some((circle, member)));
        self.circles[circle.0 as usize].streams.push(id);
        id
    }

    fn add(&mut self, receivers: u32, circle: Option<(CircleId, u32)>) -> StreamId {
        let id = StreamId(index(self.streams.len()));
        let receivers = (0..receivers).map(|_| Receiver::default()).collect();
        self.streams.push(Stream {
            sent: 0,
            acknowledged: Ranges::default(),
            refused: Ranges::default(),
            receivers,
            circle,
        });
        id
    }

    /// A message is written; gives its counter.
    pub fn sent(&mut self, id: StreamId) -> u32 {
        let stream = &mut self.streams[id.0 as usize];
        let counter = stream.sent;
        stream.sent += 1;
        if let Some((circle, _)) = stream.circle {
            self.circles[circle.0 as usize].sent += 1;
        }
        self.so_far.sent += 1;
        counter
    }

    /// It was answered with success.
    pub fn acknowledged(&mut self, id: StreamId, counter: u32) {
        let stream = &mut self.streams[id.0 as usize];
        if !stream.acknowledged.insert(counter) {
            return;
        }
        self.so_far.acknowledged += 1;
        for (at, receiver) in stream.receivers.iter().enumerate() {
            if stream.is_owed(at) && !receiver.got.contains(counter) {
                self.outstanding += 1;
            }
        }
        if let Some((circle, member)) = stream.circle
            && let Some(member) = self.circles[circle.0 as usize].members.get_mut(member as usize)
        {
            member.seen += 1;
        }
    }

    /// It was answered with a refusal.
    pub fn refused(&mut self, id: StreamId, counter: u32) {
        let stream = &mut self.streams[id.0 as usize];
        if stream.refused.insert(counter) {
            self.so_far.refused += 1;
            let came = stream.receivers.iter().filter(|receiver| receiver.got.contains(counter)).count();
            self.so_far.ghosts += came as u64;
        }
    }

    /// It will never be answered: its connection ended. It may arrive, or not.
    pub fn unanswered(&mut self, _id: StreamId, _counter: u32) {
        self.so_far.unanswered += 1;
    }

    /// A copy arrived on the receiver's connection of that number; connections are counted up.
    pub fn arrived(&mut self, id: StreamId, receiver: u32, connection: u32, counter: u32) -> Arrival {
        let Some(stream) = self.streams.get_mut(id.0 as usize) else { return Arrival::Unknown };
        if counter >= stream.sent || !stream.is_owed(receiver as usize) {
            return Arrival::Unknown;
        }
        let Some(to) = stream.receivers.get_mut(receiver as usize) else { return Arrival::Unknown };
        if to.connection != connection {
            to.connection = connection;
            to.now = Ranges::default();
        }
        let late = counter < to.now.end();
        if !to.now.insert(counter) {
            self.so_far.duplicated += 1;
            return Arrival::Duplicate;
        }
        if late {
            self.so_far.reordered += 1;
        }
        if !to.got.insert(counter) {
            self.so_far.redelivered += 1;
            return Arrival::Redelivered;
        }
        self.so_far.delivered += 1;
        if stream.refused.contains(counter) {
            self.so_far.ghosts += 1;
        }
        if stream.acknowledged.contains(counter) {
            self.outstanding -= 1;
        }
        if let Some((circle, _)) = stream.circle {
            self.circles[circle.0 as usize].members[receiver as usize].seen += 1;
        }
        if late { Arrival::Late } else { Arrival::First }
    }

    /// A member is logged in again after it was away: of what was sent meanwhile it gets the newest `catch_up`.
    pub fn returned(&mut self, circle: CircleId, member: u32) {
        let Some(catch_up) = self.catch_up else { return };
        let circle = &mut self.circles[circle.0 as usize];
        let Some(who) = circle.members.get_mut(member as usize) else { return };
        let missed = circle.sent.saturating_sub(who.seen + who.forgiven);
        who.forgiven += missed.saturating_sub(u64::from(catch_up));
        for id in &circle.streams {
            let stream = &mut self.streams[id.0 as usize];
            stream.receivers[member as usize].floor = stream.sent;
        }
    }

    /// Copies that acknowledged messages owe their receivers and that have not come, those beyond the catch-up
    /// included.
    #[must_use]
    pub fn outstanding(&self) -> u64 {
        self.outstanding
    }

    /// What is counted as it happens, for a look in passing: without what is missing.
    #[must_use]
    pub fn so_far(&self) -> &Counts {
        &self.so_far
    }

    /// The counts as they are now. What has not come is lost; so ask when nothing is on its way any more.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let mut counts = self.so_far.clone();
        // Missing posts that the catch-up may explain, for each member of each group.
        let mut excusable: Vec<Vec<u64>> = self.circles.iter().map(|circle| vec![0; circle.members.len()]).collect();
        for stream in &self.streams {
            for (at, receiver) in stream.receivers.iter().enumerate() {
                if !stream.is_owed(at) {
                    continue;
                }
                let (below, above) = stream.acknowledged.without(&receiver.got, receiver.floor);
                counts.lost += above;
                match stream.circle {
                    Some((circle, _)) => excusable[circle.0 as usize][at] += below,
                    None => counts.lost += below,
                }
            }
        }
        for (circle, missing) in self.circles.iter().zip(excusable) {
            for (member, missing) in circle.members.iter().zip(missing) {
                let beyond = missing.min(member.forgiven);
                counts.beyond_catch_up += beyond;
                counts.lost += missing - beyond;
            }
        }
        counts
    }
}

/// Streams and groups are counted in 32 bits, which is what a stamp has room for.
fn index(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}
