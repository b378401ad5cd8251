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

use super::engine::{Copied, Director, Note, World};
use super::ledger::{Arrival, StreamId};
use super::report::Phase;
use super::scenario::Scenario;
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

    /// Whether the scenario has nothing left to do.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.scenario.is_over()
    }

    /// The load ends: nothing new is sent, except what was due before.
    pub fn end(&mut self, world: &mut dyn World) {
        self.scenario.end(&mut Self::desk(&mut self.hall, world));
        self.hall.figures.phase = Phase::Drain;
    }

    /// Whether nothing is on its way any more: every request is answered, every copy came, everybody was told what it should be,
    /// and everybody is back.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.hall.cast.asked() == 0
            && self.hall.cast.leaving() == 0
            && self.hall.ledger.outstanding() == 0
            && self.scenario.owed() == 0
            && self.hall.cast.online() == self.hall.cast.wanted()
    }

    /// The drain is over, and what has not come by now is not waited for. `cut_short`: by somebody's wish, so that it says nothing of the
    /// server; else the server has been silent.
    pub fn conclude(&mut self, cut_short: bool) {
        let Hall { cast, ledger, figures, .. } = &mut self.hall;
        let (messages, others) = cast.forsaken();
        for Sent { stream, counter, .. } in messages {
            if cut_short { ledger.unanswered(stream, counter) } else { ledger.silent(stream, counter) }
        }
        if !cut_short {
            figures.silent += others;
            figures.untold += self.scenario.owed();
        }
    }

    /// Once a second: gives up on what takes too long.
    pub fn each_second(&mut self, world: &mut dyn World) {
        let late_us = world.now_us().saturating_sub(PATIENCE_US);
        for session in self.hall.cast.on_the_way_since(late_us) {
            world.disconnect(session);
            if self.hall.cast.status(session) == Status::Leaving {
                self.hall.figures.error("a connection that was left was not closed by the server within 20 s");
            }
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
            Asked::Join { since_us } => {
                match refused {
                    None => self.hall.joined(world.now_us(), since_us),
                    Some(word) => self.hall.figures.error(&format!("not let into a group: {word}")),
                }
                self.scenario.joined(&mut Self::desk(&mut self.hall, world), session);
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

    fn came(&mut self, world: &mut dyn World, session: u32, copied: &Copied) {
        let Some(stamp) = copied.stamp else { return self.hall.stray() };
        if stamp.run != self.hall.run {
            // Those of an earlier run may still wait in a store.
            return;
        }
        let Some(arrival) = self.hall.arrived(world.now_us(), session, copied, stamp) else { return };
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
            Note::Copy(copied) => self.came(world, session, copied),
            Note::Presence { online } => {
                self.scenario.presence(&mut Self::desk(&mut self.hall, world), session, *online);
            }
            Note::Closing(word) => self.hall.figures.error(&format!("the server closes: {word}")),
            // The connection breaks by it, which tells what it was.
            Note::Nonsense => self.hall.figures.nonsense += 1,
        }
    }

    fn broken(&mut self, world: &mut dyn World, session: u32, why: &str) {
        let was = self.hall.cast.status(session);
        let expected = self.hall.cast.is_leaving(session);
        let asked = self.hall.cast.went(session, world.now_us());
        if !expected {
            self.hall.figures.error(why);
        }
        for sent in asked {
            self.ended(world, session, sent, Outcome::Unanswered);
        }
        if was == Status::Online {
            self.scenario.went(&mut Self::desk(&mut self.hall, world), session);
        }
        if was == Status::Leaving {
            // By its own choice: if it is to be back, then at once.
            self.hall.cast.queue(session);
        } else if let Some(wait_us) = self.hall.cast.again_in(session) {
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
