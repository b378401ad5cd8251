//! Where a scenario plays. Owns: [`Stage`], the director of a run: it logs everybody in, keeps them logged in, knows which
//! request an answer belongs to, and enters every message in the ledger. Never: decides who writes to whom ([`Scenario`] does), and never
//! knows a socket.

mod cast;
mod desk;
mod figures;
#[cfg(test)]
mod tests;
pub use cast::{Cast, Status};
pub use desk::{Desk, Hall, Target};
pub use figures::Figures;

use super::engine::{Director, Note, World};
use super::ledger::{Arrival, StreamId};
use super::report::Phase;
use super::scenario::Scenario;
use super::stamp::Stamp;
use cast::{Asked, PATIENCE_US};

/// Timers are told apart by the token's highest byte.
const KIND: u32 = 56;
const SCENARIO: u64 = 0;
const RECONNECT: u64 = 1;
const RAMP: u64 = 2;

fn token(kind: u64, value: u64) -> u64 {
    kind << KIND | value
}

/// A message that was sent, as its answer finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Its stream.
    pub stream: StreamId,
    /// Its place there.
    pub counter: u32,
    /// When it was due.
    pub due_us: u64,
}

/// How a message's request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome<'a> {
    /// With success.
    Acknowledged,
    /// With a refusal, in the dialect's words.
    Refused(&'a str),
    /// Not at all: its connection ended.
    Unanswered,
}

/// Directs a run.
pub struct Stage {
    hall: Hall,
    scenario: Box<dyn Scenario>,
    ramp_us: u64,
    ramp_began_us: u64,
    ramped: usize,
}

impl Stage {
    /// Everybody, away, before the ramp.
    #[must_use]
    pub fn new(hall: Hall, scenario: Box<dyn Scenario>) -> Self {
        Self { hall, scenario, ramp_us: 0, ramp_began_us: 0, ramped: 0 }
    }

    /// What everybody is seen through.
    #[must_use]
    pub fn hall(&self) -> &Hall {
        &self.hall
    }

    /// The same, to note something in.
    pub fn hall_mut(&mut self) -> &mut Hall {
        &mut self.hall
    }

    fn desk<'a>(hall: &'a mut Hall, world: &'a mut dyn World) -> Desk<'a> {
        Desk { world, hall }
    }

    /// Everybody whom the scenario wants there at the beginning begins to log in, spread over `ramp_us`.
    pub fn ramp(&mut self, world: &mut dyn World, ramp_us: u64) {
        self.hall.figures.phase = Phase::Ramp;
        (self.ramp_us, self.ramp_began_us, self.ramped) = (ramp_us, world.now_us(), 0);
        self.ramp_on(world);
    }

    fn ramp_on(&mut self, world: &mut dyn World) {
        let all = self.hall.cast.len();
        let now_us = world.now_us();
        while self.ramped < all {
            let due_us = self.ramp_began_us + self.ramp_us * self.ramped as u64 / all as u64;
            if due_us > now_us {
                world.at(due_us, token(RAMP, 0));
                break;
            }
            let session = u32::try_from(self.ramped).unwrap_or(u32::MAX);
            if self.scenario.is_preferred(session) {
                world.prefer(session);
            }
            if self.scenario.is_there_first(session) {
                self.hall.cast.want(session);
            }
            self.ramped += 1;
        }
        self.hall.pump(world);
    }

    /// Whether everybody of [`Self::ramp`] is logged in.
    #[must_use]
    pub fn is_ramped(&self) -> bool {
        self.ramped == self.hall.cast.len() && self.hall.cast.online() == self.hall.cast.wanted()
    }

    /// The load begins.
    pub fn begin(&mut self, world: &mut dyn World) {
        self.hall.figures.begin_run();
        self.scenario.begin(&mut Self::desk(&mut self.hall, world));
    }

    /// The load ends: nothing new is sent, except what was due before.
    pub fn end(&mut self, world: &mut dyn World) {
        self.scenario.end(&mut Self::desk(&mut self.hall, world));
        self.hall.figures.phase = Phase::Drain;
    }

    /// Whether nothing is on its way any more: every request is answered, every copy came, and everybody is back.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.hall.cast.asked() == 0
            && self.hall.ledger.outstanding() == 0
            && self.hall.cast.online() == self.hall.cast.wanted()
    }

    /// Once a second: gives up on what takes too long.
    pub fn each_second(&mut self, world: &mut dyn World) {
        let late_us = world.now_us().saturating_sub(PATIENCE_US);
        for session in self.hall.cast.entering_since(late_us) {
            world.disconnect(session);
            self.broken(world, session, "no answer to connecting and logging in within 20 s");
        }
        self.scenario.each_second(&mut Self::desk(&mut self.hall, world));
    }

    /// Everybody leaves.
    pub fn dismiss(&mut self, world: &mut dyn World) {
        for session in self.hall.cast.everybody() {
            if self.hall.cast.status(session) != Status::Away {
                world.disconnect(session);
            }
        }
    }

    fn answered(&mut self, world: &mut dyn World, session: u32, number: u64, refused: Option<&str>, id: Option<u64>) {
        let Some(asked) = self.hall.cast.answered(session, number) else { return };
        match asked {
            Asked::Login { since_us } => match refused {
                None => {
                    let back = self.hall.logged_in(world.now_us(), session, since_us, id);
                    let mut desk = Self::desk(&mut self.hall, world);
                    self.scenario.came(&mut desk, session, back);
                    self.hall.pump(world);
                }
                Some(word) => {
                    world.disconnect(session);
                    self.broken(world, session, &format!("login refused: {word}"));
                }
            },
            Asked::Message(sent) => {
                let outcome = refused.map_or(Outcome::Acknowledged, Outcome::Refused);
                self.ended(world, session, sent, outcome);
            }
            Asked::Other => {
                if let Some(word) = refused {
                    self.hall.figures.error(&format!("refused: {word}"));
                }
            }
        }
    }

    fn ended(&mut self, world: &mut dyn World, session: u32, sent: Sent, outcome: Outcome<'_>) {
        self.hall.enter(world.now_us(), sent, outcome);
        self.scenario.answered(&mut Self::desk(&mut self.hall, world), session, sent, outcome);
    }

    fn came(&mut self, world: &mut dyn World, session: u32, stamp: Option<Stamp>) {
        let Some(stamp) = stamp.filter(|stamp| stamp.run == self.hall.run) else {
            // Somebody else's words, or those of an earlier run: nothing of this one.
            return;
        };
        let Some(arrival) = self.hall.arrived(world.now_us(), session, stamp) else { return };
        if matches!(arrival, Arrival::First | Arrival::Late) {
            self.scenario.arrived(&mut Self::desk(&mut self.hall, world), session, stamp);
        }
    }
}

impl Director for Stage {
    fn opened(&mut self, world: &mut dyn World, session: u32) {
        self.hall.log_in(world, session);
    }

    fn heard(&mut self, world: &mut dyn World, session: u32, note: &Note) {
        match note {
            Note::Done { number, id } => self.answered(world, session, *number, None, *id),
            Note::Refused { number, word } => self.answered(world, session, *number, Some(word), None),
            Note::Private(stamp) | Note::Post(stamp) => self.came(world, session, *stamp),
            Note::Presence { online } => {
                self.scenario.presence(&mut Self::desk(&mut self.hall, world), session, *online);
            }
            Note::Closing(word) => self.hall.figures.error(&format!("the server closes: {word}")),
        }
    }

    fn broken(&mut self, world: &mut dyn World, session: u32, why: &str) {
        let was_online = self.hall.cast.status(session) == Status::Online;
        let expected = self.hall.cast.is_leaving(session);
        let asked = self.hall.cast.went(session, world.now_us());
        if !expected {
            self.hall.figures.error(why);
        }
        for sent in asked {
            self.ended(world, session, sent, Outcome::Unanswered);
        }
        if was_online {
            self.scenario.went(&mut Self::desk(&mut self.hall, world), session);
        }
        if let Some(wait_us) = self.hall.cast.again_in(session) {
            world.at(world.now_us() + wait_us, token(RECONNECT, u64::from(session)));
        }
        self.hall.pump(world);
    }

    fn timer(&mut self, world: &mut dyn World, token: u64, due_us: u64) {
        let value = token & ((1 << KIND) - 1);
        match token >> KIND {
            SCENARIO => self.scenario.timer(&mut Self::desk(&mut self.hall, world), value, due_us),
            RECONNECT => {
                if let Ok(session) = u32::try_from(value) {
                    self.hall.cast.queue(session);
                    self.hall.pump(world);
                }
            }
            _ => self.ramp_on(world),
        }
    }
}
