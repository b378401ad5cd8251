//! Proof of delivery: what was sent, how it was answered, and what arrived where. Owns: [`Ledger`], and what counts as
//! lost, torn, duplicated, delivered again, out of order, a ghost. Never: knows a socket or a clock, and never grows with the number of
//! messages: only with streams, receivers and gaps (about 80 bytes for a stream and a receiver).
//!
//! A *stream* is one sender's messages into one conversation, counted from 0. A *circle* is a group: its streams have the
//! same receivers, its members.
//!
//! What the dialects promise (docs/dialects.md), and how it is judged:
//!
//! | what happened | counted as |
//! | --- | --- |
//! | acknowledged, and a receiver never got it | lost |
//! | never answered, and one member of the group got it, another never | torn |
//! | it came twice on one connection of a receiver | duplicated; redelivered, where the dialect may send it again there |
//! | it came on an earlier connection, and once more on a later one | redelivered: at least once is the promise there |
//! | its first copy came after a later one of its stream, on whichever connection | reordered |
//! | it came again after a later one of its stream on the same connection | reordered |
//! | two members of a group saw two posts in different orders | disagreed |
//! | refused, and yet it came | ghost |
//! | nothing of the kind was sent | forged |
//! | a member was away, and missed more posts than `group.catch_up` brings back | beyond catch-up |
//! | never answered | unanswered: it may come, or not |

mod lost;
mod order;
mod ranges;
#[cfg(test)]
mod tests;

pub use lost::Lost;

use super::report::Counts;
use order::Order;
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
    /// Another copy, which the dialect allows.
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
    /// What was sent between the last one that came and a return: of that, some may be beyond the catch-up.
    gaps: Option<Box<Ranges>>,
}

#[derive(Debug)]
struct Stream {
    sent: u32,
    acknowledged: Ranges,
    refused: Ranges,
    /// Never answered.
    unanswered: Ranges,
    /// Of those, in a group: the ones that a member got. So they are there, and owed to all.
    known: Ranges,
    receivers: Vec<Receiver>,
    /// The group, and who of its members writes this stream and gets nothing of it.
    circle: Option<(CircleId, u32)>,
}

impl Stream {
    fn is_owed(&self, receiver: usize) -> bool {
        self.circle.is_none_or(|(_, own)| own as usize != receiver)
    }

    /// How many receivers lack one that is owed to all.
    fn lack(&self, counter: u32) -> u64 {
        let lacks = |(at, receiver): &(usize, &Receiver)| self.is_owed(*at) && !receiver.got.contains(counter);
        self.receivers.iter().enumerate().filter(lacks).count() as u64
    }
}

#[derive(Debug, Default)]
struct Member {
    /// Own posts that were answered, or never will be, since the last post of somebody else came.
    own: u64,
    /// Posts that the rule of `group.catch_up` allows to be missing, over all returns.
    forgiven: u64,
}

#[derive(Debug)]
struct Circle {
    streams: Vec<StreamId>,
    members: Vec<Member>,
    order: Order,
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
        let order = Order::new(members);
        let members = (0..members).map(|_| Member::default()).collect();
        self.circles.push(Circle { streams: Vec::new(), members, order });
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
            unanswered: Ranges::default(),
            known: Ranges::default(),
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
        self.outstanding += stream.lack(counter);
        self.posted(id);
    }

    /// A post may stand in its group's log.
    fn posted(&mut self, id: StreamId) {
        if let Some((circle, member)) = self.streams[id.0 as usize].circle
            && let Some(member) = self.circles[circle.0 as usize].members.get_mut(member as usize)
        {
            member.own += 1;
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

    /// It will never be answered: its connection ended. It may arrive, or not; in a group at all members, or at none.
    pub fn unanswered(&mut self, id: StreamId, counter: u32) {
        self.so_far.unanswered += 1;
        self.open(id, counter);
    }

    /// The run is over, and it was not answered although its connection stayed.
    pub fn silent(&mut self, id: StreamId, counter: u32) {
        self.so_far.silent += 1;
        self.open(id, counter);
    }

    fn open(&mut self, id: StreamId, counter: u32) {
        let stream = &mut self.streams[id.0 as usize];
        stream.unanswered.insert(counter);
        if stream.circle.is_some() && stream.receivers.iter().any(|receiver| receiver.got.contains(counter)) {
            self.know(id, counter);
        }
        self.posted(id);
    }

    /// A member got what was never answered.
    fn know(&mut self, id: StreamId, counter: u32) {
        let stream = &mut self.streams[id.0 as usize];
        if stream.known.insert(counter) {
            self.outstanding += stream.lack(counter);
        }
    }

    /// A copy came that is none of what was sent.
    pub fn forged(&mut self) {
        self.so_far.forged += 1;
    }

    /// A copy came to somebody whom it was not for.
    pub fn misdelivered(&mut self) {
        self.so_far.misdelivered += 1;
    }

    /// A copy arrived on the receiver's connection of that number; connections are counted up. `again`: a second copy
    /// on one connection is allowed by now.
    pub fn arrived(&mut self, id: StreamId, receiver: u32, connection: u32, counter: u32, again: bool) -> Arrival {
        let arrival = self.place(id, receiver, connection, counter);
        match arrival {
            Arrival::Unknown => self.so_far.forged += 1,
            Arrival::Duplicate if again => {
                self.so_far.redelivered += 1;
                return Arrival::Redelivered;
            }
            Arrival::Duplicate => self.so_far.duplicated += 1,
            Arrival::Redelivered => self.so_far.redelivered += 1,
            Arrival::First | Arrival::Late => self.first(id, receiver, counter, arrival),
        }
        arrival
    }

    /// Enters a copy, and tells which one it is.
    fn place(&mut self, id: StreamId, receiver: u32, connection: u32, counter: u32) -> Arrival {
        let Some(stream) = self.streams.get_mut(id.0 as usize) else { return Arrival::Unknown };
        if counter >= stream.sent || !stream.is_owed(receiver as usize) {
            return Arrival::Unknown;
        }
        let Some(to) = stream.receivers.get_mut(receiver as usize) else { return Arrival::Unknown };
        if to.connection != connection {
            to.connection = connection;
            to.now = Ranges::default();
        }
        let (late_here, late) = (counter < to.now.end(), counter < to.got.end());
        if !to.now.insert(counter) {
            return Arrival::Duplicate;
        }
        if !to.got.insert(counter) {
            self.so_far.reordered += u64::from(late_here);
            return Arrival::Redelivered;
        }
        self.so_far.reordered += u64::from(late);
        if late { Arrival::Late } else { Arrival::First }
    }

    /// What follows from a first copy.
    fn first(&mut self, id: StreamId, receiver: u32, counter: u32, arrival: Arrival) {
        let stream = &self.streams[id.0 as usize];
        self.so_far.delivered += 1;
        if stream.refused.contains(counter) {
            self.so_far.ghosts += 1;
        }
        if stream.acknowledged.contains(counter) || stream.known.contains(counter) {
            self.outstanding -= 1;
        }
        let Some((circle, _)) = stream.circle else { return };
        if stream.unanswered.contains(counter) {
            self.know(id, counter);
        }
        let circle = &mut self.circles[circle.0 as usize];
        circle.members[receiver as usize].own = 0;
        if arrival == Arrival::First {
            self.so_far.disagreed += circle.order.sees(receiver, id.0, counter);
        }
    }

    /// A member is logged in again after it was away. Of what the group's log has behind the last post that it got, it gets the
    /// newest `catch_up`; so of what was sent behind that, as many as are beyond it may be missing, and nothing else.
    pub fn returned(&mut self, circle: CircleId, member: u32) {
        let Some(catch_up) = self.catch_up else { return };
        let circle = &mut self.circles[circle.0 as usize];
        let Some(who) = circle.members.get_mut(member as usize) else { return };
        // Its own posts behind that take room in the log, too.
        let mut missed = who.own;
        for id in &circle.streams {
            let stream = &mut self.streams[id.0 as usize];
            if !stream.is_owed(member as usize) {
                continue;
            }
            let sent = stream.sent;
            let to = &mut stream.receivers[member as usize];
            let from = to.got.end();
            if from < sent {
                missed += u64::from(sent - from) - stream.refused.count(from, sent);
                to.gaps.get_or_insert_default().extend(from, sent);
            }
        }
        who.forgiven += missed.saturating_sub(u64::from(catch_up));
    }

    /// Copies that are owed to receivers and that have not come, those beyond the catch-up included.
    #[must_use]
    pub fn outstanding(&self) -> u64 {
        self.outstanding
    }

    /// What is counted as it happens, for a look in passing: without what is missing.
    #[must_use]
    pub fn so_far(&self) -> &Counts {
        &self.so_far
    }

    /// Missing posts that the catch-up may explain, for each member of each group: acknowledged ones, and others.
    fn excusable(&self) -> Vec<Vec<(u64, u64)>> {
        let mut all: Vec<_> = self.circles.iter().map(|circle| vec![(0, 0); circle.members.len()]).collect();
        for stream in &self.streams {
            let Some((circle, _)) = stream.circle else { continue };
            for (at, receiver) in stream.receivers.iter().enumerate().filter(|(at, _)| stream.is_owed(*at)) {
                let of = &mut all[circle.0 as usize][at];
                of.0 += stream.acknowledged.without(&receiver.got, receiver.gaps.as_deref()).0;
                of.1 += stream.known.without(&receiver.got, receiver.gaps.as_deref()).0;
            }
        }
        all
    }

    /// The counts as they are now. What has not come is lost; so ask when nothing is on its way any more.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let mut counts = self.so_far.clone();
        for stream in &self.streams {
            for (_, receiver) in stream.receivers.iter().enumerate().filter(|(at, _)| stream.is_owed(*at)) {
                counts.lost += stream.acknowledged.without(&receiver.got, receiver.gaps.as_deref()).1;
                counts.torn += stream.known.without(&receiver.got, receiver.gaps.as_deref()).1;
            }
        }
        for (circle, missing) in self.circles.iter().zip(self.excusable()) {
            for (member, (lost, torn)) in circle.members.iter().zip(missing) {
                let beyond = lost.min(member.forgiven);
                let beyond_too = torn.min(member.forgiven - beyond);
                counts.beyond_catch_up += beyond + beyond_too;
                counts.lost += lost - beyond;
                counts.torn += torn - beyond_too;
            }
        }
        counts
    }
}

/// Streams and groups are counted in 32 bits, which is what a stamp has room for.
fn index(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}
