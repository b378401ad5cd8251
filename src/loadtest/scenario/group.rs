//! Groups: one large one, or many small ones. Owns: who posts, and which posts are on their way. Never: measures what a single copy
//! takes (the hall does).
//!
//! In each group the first few members post (`--posters`), the others read. In a closed loop each poster has `k` posts outstanding: one is complete, and the
//! next is sent, when it was acknowledged **and** every member that was online got it. In an open loop the posters of all groups take turns on
//! one schedule. With one group and an open loop two people who are in no group write to each other meanwhile, at 20 messages a second: the
//! bystanders, who tell what a large group costs everybody else.

use super::pacer::{Overdue, Pacer};
use super::{Scenario, has_bystanders};
use crate::loadtest::ledger::StreamId;
use crate::loadtest::plan::{Pace, Plan};
use crate::loadtest::stage::{Desk, Hall, Outcome, Sent};
use crate::loadtest::stamp::Stamp;
use std::collections::VecDeque;

/// Members of each group that post, at the most, in a closed and in an open loop, unless --posters says otherwise.
const POSTERS_CLOSED: u32 = 4;
const POSTERS_OPEN: u32 = 16;
/// The bystanders' messages a second.
const BYSTANDER_RATE: f64 = 20.0;
/// A post that is not complete after this long is given up in a closed loop, which would stand still otherwise.
const STUCK_US: u64 = 10_000_000;
const REFUSED_WAIT_US: u64 = 10_000;
/// Timers' values; the others are streams.
const SCHEDULE: u64 = u64::MAX >> 8;
const BYSTANDERS: u64 = SCHEDULE - 1;

struct Post {
    counter: u32,
    due_us: u64,
    /// Members that have not got it.
    left: u32,
    acknowledged: bool,
    /// Somebody came or went meanwhile, so who is to get it is not known here.
    disturbed: bool,
    over: bool,
}

#[derive(Default)]
struct Poster {
    /// By their counters, without a gap; what is over leaves at the front.
    posts: VecDeque<Post>,
    open: usize,
    waits: bool,
}

#[derive(Clone, Copy, Default)]
struct Group {
    members: u32,
    online: u32,
}

/// The scenario.
pub(super) struct Groups {
    groups: Vec<Group>,
    /// Of each group so many, one group after the other.
    posters: Vec<Poster>,
    each: u32,
    outstanding: usize,
    pacer: Option<Pacer>,
    overdue: Overdue,
    bystanders: Option<(StreamId, Pacer)>,
    ended: bool,
}

impl Groups {
    pub(super) fn new(plan: &Plan, hall: &mut Hall) -> Self {
        let narrow = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        let (count, sessions) = (narrow(plan.groups), narrow(plan.sessions));
        let (outstanding, most) = match plan.pace {
            Pace::Closed(outstanding) => (outstanding, POSTERS_CLOSED),
            Pace::Open(_) => (0, POSTERS_OPEN),
        };
        let each = plan.posters.map_or(most, narrow).min(sessions / count);
        let mut groups = vec![Group::default(); plan.groups];
        for session in 0..plan.sessions {
            groups[session % plan.groups].members += 1;
        }
        for group in 0..count {
            for member in 0..each {
                // The only streams so far, so a poster's stream has its number.
                hall.post_stream(group + member * count);
            }
        }
        let bystanders = has_bystanders(plan).then(|| {
            let stream = hall.private_stream(sessions, sessions + 1, true);
            (stream, Pacer::new(BYSTANDER_RATE, 1, plan.seed))
        });
        let pacer = match plan.pace {
            Pace::Closed(_) => None,
            Pace::Open(rate) => Some(Pacer::new(rate, count * each, plan.seed)),
        };
        let posters: Vec<Poster> = (0..count * each).map(|_| Poster::default()).collect();
        let overdue = Overdue::new(posters.len());
        Self { groups, posters, each, outstanding, pacer, overdue, bystanders, ended: false }
    }

    fn group_of(&self, poster: u32) -> usize {
        (poster / self.each.max(1)) as usize
    }

    fn post(&mut self, desk: &mut Desk<'_>, poster: u32, due_us: u64) -> bool {
        let Some(counter) = desk.send(StreamId(poster), due_us) else { return false };
        let left = self.groups[self.group_of(poster)].online.saturating_sub(1);
        let state = &mut self.posters[poster as usize];
        state.posts.push_back(Post { counter, due_us, left, acknowledged: false, disturbed: false, over: false });
        state.open += 1;
        true
    }

    fn fill(&mut self, desk: &mut Desk<'_>, poster: u32) {
        let group = self.groups[self.group_of(poster)];
        while !self.ended && group.online == group.members {
            let state = &self.posters[poster as usize];
            let now_us = desk.now_us();
            if state.waits || state.open >= self.outstanding || !self.post(desk, poster, now_us) {
                break;
            }
        }
    }

    /// Notes something about a post; when it is complete by that, its last delivery is recorded and the next may go.
    fn note(&mut self, desk: &mut Desk<'_>, poster: u32, counter: u32, note: impl FnOnce(&mut Post)) {
        let Some(state) = self.posters.get_mut(poster as usize) else { return };
        let Some(first) = state.posts.front().map(|post| post.counter) else { return };
        let guess = counter.wrapping_sub(first) as usize;
        let at = match state.posts.get(guess) {
            Some(post) if post.counter == counter => Some(guess),
            _ => state.posts.iter().position(|post| post.counter == counter),
        };
        let Some(post) = at.and_then(|at| state.posts.get_mut(at)).filter(|post| !post.over) else { return };
        note(post);
        if !post.over {
            if !post.acknowledged || (post.left > 0 && !post.disturbed) {
                return;
            }
            post.over = true;
            if !post.disturbed && desk.hall.figures.measures() {
                let took_us = desk.now_us().saturating_sub(post.due_us);
                desk.hall.figures.last_delivered.record_us(took_us);
            }
        }
        state.open -= 1;
        while state.posts.front().is_some_and(|post| post.over) {
            state.posts.pop_front();
        }
        self.fill(desk, poster);
    }

    fn schedule(&mut self, desk: &mut Desk<'_>) {
        while let Some((due_us, poster)) = self.pacer.as_mut().and_then(|pacer| pacer.take(desk.now_us())) {
            if !self.post(desk, poster, due_us) {
                self.overdue.push(poster, due_us);
            }
        }
        if let Some(next_us) = self.pacer.as_mut().and_then(Pacer::alarm_us) {
            desk.at(next_us, SCHEDULE);
        }
    }

    fn bystanders(&mut self, desk: &mut Desk<'_>) {
        let Some((stream, pacer)) = &mut self.bystanders else { return };
        while let Some((due_us, _)) = pacer.take(desk.now_us()) {
            // Whoever is away for a moment says nothing: these are for comparison only.
            desk.send(*stream, due_us);
        }
        if let Some(next_us) = pacer.alarm_us() {
            desk.at(next_us, BYSTANDERS);
        }
    }

    /// Somebody came to a group or left it.
    fn disturb(&mut self, group: u32) {
        let from = (group * self.each) as usize;
        for poster in &mut self.posters[from..from + self.each as usize] {
            for post in poster.posts.iter_mut().filter(|post| !post.over) {
                post.disturbed = true;
            }
            // Those that were acknowledged wait for nothing any more.
            for post in poster.posts.iter_mut().filter(|post| !post.over && post.acknowledged) {
                post.over = true;
                poster.open -= 1;
            }
        }
    }

    fn all_of(&self, group: u32) -> std::ops::Range<u32> {
        group * self.each..(group + 1) * self.each
    }
}

impl Scenario for Groups {
    fn is_preferred(&self, session: u32) -> bool {
        // Of one large group in an open loop: the bystanders, and the posters for their acknowledgements.
        self.bystanders.is_some() && (session < self.each || session >= self.groups[0].members)
    }

    fn begin(&mut self, desk: &mut Desk<'_>) {
        self.ended = false;
        let now_us = desk.now_us();
        if let Some(pacer) = &mut self.pacer {
            pacer.begin(now_us);
            self.schedule(desk);
        }
        if let Some((_, pacer)) = &mut self.bystanders {
            pacer.begin(now_us);
            self.bystanders(desk);
        }
        for poster in 0..u32::try_from(self.posters.len()).unwrap_or(u32::MAX) {
            self.fill(desk, poster);
        }
    }

    fn end(&mut self, desk: &mut Desk<'_>) {
        self.schedule(desk);
        let pacers = self.pacer.iter_mut().chain(self.bystanders.as_mut().map(|(_, pacer)| pacer));
        pacers.for_each(|pacer| pacer.pause(desk.now_us()));
        self.ended = true;
    }

    fn came(&mut self, desk: &mut Desk<'_>, session: u32, _again: bool) {
        let Some(group) = desk.hall.group_of(session) else { return };
        self.groups[group as usize].online += 1;
        self.disturb(group);
        for poster in self.all_of(group) {
            while let Some(due_us) = self.overdue.next(poster) {
                if !self.post(desk, poster, due_us) {
                    break;
                }
                self.overdue.done(poster);
            }
            // Before the load begins nothing is posted.
            if desk.hall.figures.measures() {
                self.fill(desk, poster);
            }
        }
    }

    fn went(&mut self, desk: &mut Desk<'_>, session: u32) {
        if let Some(group) = desk.hall.group_of(session) {
            self.groups[group as usize].online -= 1;
            self.disturb(group);
        }
    }

    fn answered(&mut self, desk: &mut Desk<'_>, _session: u32, sent: Sent, outcome: Outcome<'_>) {
        let poster = sent.stream.0;
        match outcome {
            Outcome::Acknowledged => self.note(desk, poster, sent.counter, |post| post.acknowledged = true),
            Outcome::Refused(_) | Outcome::Unanswered => {
                if let Some(state) = self.posters.get_mut(poster as usize)
                    && !state.waits
                    && self.outstanding > 0
                {
                    state.waits = true;
                    desk.at(desk.now_us() + REFUSED_WAIT_US, u64::from(poster));
                }
                self.note(desk, poster, sent.counter, |post| post.over = true);
            }
        }
    }

    fn arrived(&mut self, desk: &mut Desk<'_>, _session: u32, stamp: Stamp) {
        self.note(desk, stamp.stream, stamp.counter, |post| post.left = post.left.saturating_sub(1));
    }

    fn timer(&mut self, desk: &mut Desk<'_>, value: u64, _due_us: u64) {
        let rang = match value {
            SCHEDULE => self.pacer.as_mut(),
            BYSTANDERS => self.bystanders.as_mut().map(|(_, pacer)| pacer),
            _ => None,
        };
        if let Some(pacer) = rang {
            pacer.rang();
        }
        match value {
            // One who waited after a refusal is filled when the load begins once more.
            _ if self.ended && matches!(value, SCHEDULE | BYSTANDERS) => {}
            SCHEDULE => self.schedule(desk),
            BYSTANDERS => self.bystanders(desk),
            _ => {
                if let Ok(poster) = u32::try_from(value)
                    && let Some(state) = self.posters.get_mut(poster as usize)
                {
                    state.waits = false;
                    self.fill(desk, poster);
                }
            }
        }
    }

    fn each_second(&mut self, desk: &mut Desk<'_>) {
        if self.outstanding == 0 {
            return;
        }
        let stuck_us = desk.now_us().saturating_sub(STUCK_US);
        for poster in 0..u32::try_from(self.posters.len()).unwrap_or(u32::MAX) {
            let posts = &self.posters[poster as usize].posts;
            let stuck: Vec<u32> =
                posts.iter().filter(|post| !post.over && post.due_us < stuck_us).map(|post| post.counter).collect();
            for counter in stuck {
                desk.hall.figures.error("a post had not come to all members within 10 s; its writer went on");
                self.note(desk, poster, counter, |post| post.over = true);
            }
        }
    }
}
