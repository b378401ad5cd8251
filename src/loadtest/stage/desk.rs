//! What a scenario works with. Owns: [`Hall`] (the sessions, the ledger, the figures of a run) and [`Desk`], which adds the world to
//! speak into. Never: decides anything.

use super::cast::{Asked, Entry};
use super::{Cast, Figures, Outcome, SCENARIO, Sent, Status, token};
use crate::client::{Circle, Person, Say};
use crate::loadtest::engine::{Copied, Unsaid, World};
use crate::loadtest::ledger::{Arrival, CircleId, Ledger, StreamId};
use crate::loadtest::stamp::Stamp;

/// Where a stream goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// To a session.
    Person(u32),
    /// To a group, by its number in the hall.
    Group(u32),
}

#[derive(Clone, Copy)]
struct Route {
    from: u32,
    to: Target,
    bystander: bool,
}

/// All of a run that is no socket.
pub struct Hall {
    /// Everybody.
    pub cast: Cast,
    /// Every message.
    pub ledger: Ledger,
    /// Every time.
    pub figures: Figures,
    /// The groups.
    pub groups: Vec<Circle>,
    /// This run's number, in every text.
    pub run: u32,
    /// Members join their groups at every login: where nothing is stored.
    pub joins: bool,
    /// Nobody else speaks to this server, so a text that is none of a load test is one that nobody wrote.
    pub alone: bool,
    /// Writers may get their own posts back (`plain.group_echo`).
    pub echoes: bool,
    /// By each session's place: after how many microseconds the dialect may send again on the same connection, if ever.
    pub again_us: Vec<Option<u64>>,
    circles: Vec<CircleId>,
    /// Each session's group and its number among the members.
    seats: Vec<(u32, u32)>,
    routes: Vec<Route>,
    size: usize,
    text: String,
}

impl Hall {
    /// A hall in which nothing has happened. Groups take members in turn: of `n` groups, session `s` is in group `s % n`, as member
    /// number `s / n`, as far as `grouped` sessions.
    #[must_use]
    pub fn new(cast: Cast, groups: Vec<Circle>, grouped: usize, catch_up: Option<u32>, run: u32, size: usize) -> Self {
        let mut ledger = Ledger::new(catch_up);
        let count = groups.len();
        let members = |group: usize| u32::try_from((grouped + count - 1 - group) / count).unwrap_or(u32::MAX);
        let circles = (0..count).map(|group| ledger.circle(members(group))).collect();
        let narrow = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        let seats = (0..if count == 0 { 0 } else { grouped }).map(|s| (narrow(s % count), narrow(s / count))).collect();
        let figures = Figures::default();
        Self {
            cast,
            ledger,
            figures,
            groups,
            run,
            joins: false,
            alone: false,
            echoes: false,
            again_us: Vec::new(),
            circles,
            seats,
            routes: Vec::new(),
            size: size.max(Stamp::MIN_BYTES),
            text: String::new(),
        }
    }

    /// A session's messages to another one.
    pub fn private_stream(&mut self, from: u32, to: u32, bystander: bool) -> StreamId {
        self.routes.push(Route { from, to: Target::Person(to), bystander });
        self.ledger.stream(1)
    }

    /// A session's posts in its group; `None`: it is in none.
    pub fn post_stream(&mut self, from: u32) -> Option<StreamId> {
        let (group, member) = *self.seats.get(from as usize)?;
        self.routes.push(Route { from, to: Target::Group(group), bystander: false });
        Some(self.ledger.poster(self.circles[group as usize], member))
    }

    /// The group of a session.
    #[must_use]
    pub fn group_of(&self, session: u32) -> Option<u32> {
        self.seats.get(session as usize).map(|(group, _)| *group)
    }

    /// Who writes a stream, and where it goes.
    #[must_use]
    pub fn route(&self, stream: StreamId) -> (u32, Target) {
        let route = &self.routes[stream.0 as usize];
        (route.from, route.to)
    }

    /// Begins as many connections, and logins on connections that stayed, as may be.
    pub(super) fn pump(&mut self, world: &mut dyn World) {
        while let Some(entry) = self.cast.next(world.now_us()) {
            match entry {
                Entry::Connect { session, place } => world.connect(session, place),
                Entry::Again(session) => {
                    // A logout has an answer of its own in `binary`; in `plain` it is heard together with the login's.
                    match world.say(session, &Say::Logout) {
                        Ok(number) => self.cast.ask(session, number, Asked::Other),
                        Err(unsaid) => self.figures.error(&format!("logout not said: {unsaid}")),
                    }
                    self.log_in(world, session);
                }
            }
        }
    }

    pub(super) fn log_in(&mut self, world: &mut dyn World, session: u32) {
        let (me, password) = self.cast.credentials(session);
        // One installation of the client for each simulated person, the same over all its connections.
        let mut instance = [0; 16];
        instance[..4].copy_from_slice(&self.run.to_be_bytes());
        instance[12..].copy_from_slice(&session.to_be_bytes());
        match world.say(session, &Say::Login { me, password, instance: Some(instance) }) {
            Ok(number) => {
                self.cast.ask(session, number, Asked::Login { since_us: world.now_us() });
                self.cast.asks_to_enter(session, world.now_us());
            }
            Err(unsaid) => self.figures.error(&format!("login not said: {unsaid}")),
        }
        if let Some((group, _)) = self.seats.get(session as usize).filter(|_| self.joins)
            && let Ok(number) = world.say(session, &Say::JoinGroup(&self.groups[*group as usize]))
        {
            self.cast.ask(session, number, Asked::Other);
        }
    }

    /// Tells whether it is back from an earlier connection.
    pub(super) fn logged_in(&mut self, now_us: u64, session: u32, since_us: u64, id: Option<u64>) -> bool {
        let away_since = self.cast.logged_in(session, id, now_us);
        self.figures.logins += 1;
        self.figures.login.record_us(now_us - since_us);
        if let Some(away_us) = away_since {
            self.figures.reconnects += 1;
            self.figures.reconnect.record_us(now_us.saturating_sub(away_us));
            if let Some((group, member)) = self.seats.get(session as usize) {
                self.ledger.returned(self.circles[*group as usize], *member);
            }
        }
        away_since.is_some()
    }

    /// Somebody is in a group.
    pub(super) fn joined(&mut self, now_us: u64, since_us: u64) {
        let took_us = now_us.saturating_sub(since_us);
        self.figures.joins += 1;
        self.figures.join.record_us(took_us);
        self.figures.second.record_us(took_us);
    }

    /// A message's request ended.
    pub(super) fn enter(&mut self, now_us: u64, sent: Sent, outcome: Outcome<'_>) {
        let Sent { stream, counter, due_us } = sent;
        match outcome {
            Outcome::Acknowledged => {
                self.ledger.acknowledged(stream, counter);
                if self.figures.measures() && !self.routes[stream.0 as usize].bystander {
                    self.figures.acknowledged.record_us(now_us.saturating_sub(due_us));
                }
            }
            Outcome::Refused(word) => {
                self.ledger.refused(stream, counter);
                self.figures.error(&format!("refused: {word}"));
            }
            Outcome::Unanswered => self.ledger.unanswered(stream, counter),
        }
    }

    /// A text came that is no stamp.
    pub(super) fn stray(&mut self) {
        if self.alone {
            self.forged("a text came that nobody wrote");
        }
    }

    fn forged(&mut self, what: &str) {
        self.ledger.forged();
        self.figures.error(what);
    }

    /// In what a copy is not what was written, besides its stamp.
    fn difference(&self, route: Route, copied: &Copied) -> Option<&'static str> {
        let writer = self.cast.person(route.from);
        if copied.bytes != self.size {
            return Some("a message came with another length than was written");
        }
        if !copied.from.fits(&writer.name, writer.id) {
            return Some("a message came under another sender's name");
        }
        match (route.to, copied.group) {
            (Target::Person(_), None) => None,
            (Target::Group(group), Some(tag)) => {
                let group = &self.groups[group as usize];
                (!tag.fits(&group.name, group.id)).then_some("a post came as one of another group")
            }
            (Target::Person(_), Some(_)) => Some("a private message came as a group's"),
            (Target::Group(_), None) => Some("a group's post came as a private message"),
        }
    }

    /// A copy came; `None` where it belongs to nobody here.
    pub(super) fn arrived(&mut self, now_us: u64, session: u32, copied: &Copied, stamp: Stamp) -> Option<Arrival> {
        let stream = StreamId(stamp.stream);
        let Some(route) = self.routes.get(stamp.stream as usize).copied() else {
            self.forged("a message came that was never sent");
            return None;
        };
        let receiver = match route.to {
            Target::Person(to) => (to == session).then_some(0),
            Target::Group(_) if route.from == session && self.echoes => return None,
            Target::Group(_) if route.from == session => None,
            Target::Group(group) => self.seats.get(session as usize).filter(|seat| seat.0 == group).map(|seat| seat.1),
        };
        let Some(receiver) = receiver else {
            self.ledger.misdelivered();
            self.figures.error("a message came to somebody whom it was not for");
            return None;
        };
        if let Some(what) = self.difference(route, copied) {
            self.forged(what);
        }
        // Nothing was sent on this connection before there was a login, nor before the message was due.
        let since_us = stamp.due_us.max(self.cast.asked_to_enter_us(session));
        let after_us = self.again_us.get(self.cast.place(session)).copied().flatten();
        let again = after_us.is_some_and(|after_us| now_us.saturating_sub(since_us) >= after_us);
        let arrival = self.ledger.arrived(stream, receiver, self.cast.connection(session), stamp.counter, again);
        match arrival {
            Arrival::First | Arrival::Late
                if self.figures.measures() && !self.cast.chose_to_be_away_at(session, stamp.due_us) =>
            {
                let took_us = now_us.saturating_sub(stamp.due_us);
                if route.bystander {
                    self.figures.bystander.record_us(took_us);
                } else {
                    self.figures.delivered.record_us(took_us);
                    self.figures.second.record_us(took_us);
                }
            }
            Arrival::Unknown => self.figures.error("a message came that was never sent"),
            _ => {}
        }
        Some(arrival)
    }
}

/// The hall, and the world to speak into.
pub struct Desk<'a> {
    /// What carries words.
    pub world: &'a mut dyn World,
    /// Everything else.
    pub hall: &'a mut Hall,
}

impl Desk<'_> {
    /// The time, in microseconds since the engine began.
    #[must_use]
    pub fn now_us(&self) -> u64 {
        self.world.now_us()
    }

    /// Whether somebody is logged in.
    #[must_use]
    pub fn is_online(&self, session: u32) -> bool {
        self.hall.cast.status(session) == Status::Online
    }

    /// Asks for the scenario's timer.
    pub fn at(&mut self, due_us: u64, value: u64) {
        self.world.at(due_us, token(SCENARIO, value));
    }

    /// Sends the next message of a stream; its counter, or `None` where its writer is not online.
    pub fn send(&mut self, stream: StreamId, due_us: u64) -> Option<u32> {
        let Route { from, to, .. } = self.hall.routes[stream.0 as usize];
        if !self.is_online(from) {
            return None;
        }
        let Hall { cast, ledger, figures, groups, run, size, text, .. } = &mut *self.hall;
        let counter = ledger.sent(stream);
        Stamp { run: *run, stream: stream.0, counter, due_us }.write(*size, text);
        let said = match to {
            Target::Person(to) => self.world.say(from, &Say::Private { to: cast.person(to), text }),
            Target::Group(group) => self.world.say(from, &Say::Post { group: &groups[group as usize], text }),
        };
        match said {
            Ok(number) => {
                cast.ask(from, number, Asked::Message(Sent { stream, counter, due_us }));
                Some(counter)
            }
            Err(unsaid) => {
                ledger.unanswered(stream, counter);
                figures.error(&format!("not said: {unsaid}"));
                None
            }
        }
    }

    /// "I am typing", where the dialect has a word for it.
    pub fn type_to(&mut self, from: u32, to: u32) {
        if self.is_online(from) {
            let to: &Person = self.hall.cast.person(to);
            if let Ok(number) = self.world.say(from, &Say::Typing(to)) {
                self.hall.cast.ask(from, number, Asked::Other);
            }
        }
    }

    /// Somebody logs in, as soon as its turn comes.
    pub fn come(&mut self, session: u32) {
        self.hall.cast.want(session);
        self.hall.pump(self.world);
    }

    /// Asks for a group, by its number in the hall; `Scenario::joined` tells when that was answered.
    pub fn join(&mut self, session: u32, group: u32) {
        let since_us = self.now_us();
        match self.world.say(session, &Say::JoinGroup(&self.hall.groups[group as usize])) {
            Ok(number) => self.hall.cast.ask(session, number, Asked::Join { since_us }),
            Err(unsaid) => self.hall.figures.error(&format!("joining not said: {unsaid}")),
        }
    }

    /// Somebody logs out, and in again on the same connection, as soon as its turn comes.
    pub fn log_in_again(&mut self, session: u32) {
        self.hall.cast.log_in_again(session);
        self.hall.pump(self.world);
    }

    /// Somebody's connection is cut without a word; it comes back by itself.
    pub fn lose(&mut self, session: u32) {
        if self.is_online(session) {
            self.hall.cast.leaves(session, self.world.now_us());
            self.world.cut(session);
        }
    }

    /// Somebody logs out and goes, and hears what comes until the server has closed, too. What it waits for by then will not be
    /// answered: let it wait for that first.
    pub fn leave(&mut self, session: u32) {
        self.hall.cast.unwant(session);
        match self.hall.cast.status(session) {
            Status::Online => {
                // A dialect without a word for it understands the end of the connection.
                let _: Result<u64, Unsaid> = self.world.say(session, &Say::Logout);
                self.hall.cast.leaves(session, self.world.now_us());
                self.world.leave(session);
            }
            Status::Entering => {
                self.world.disconnect(session);
                self.hall.cast.went(session, self.world.now_us());
                self.hall.pump(self.world);
            }
            Status::Away | Status::Queued | Status::Leaving => {}
        }
    }
}
