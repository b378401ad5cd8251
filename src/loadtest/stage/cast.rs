//! The simulated people as sessions. Owns: who is away, on the way in, online; which requests wait for their answers; when to try again.
//! Never: says anything.
//!
//! A seat takes about 80 bytes, and nothing more while nothing is asked.

use super::Sent;
use crate::client::Person;
use crate::loadtest::people::Account;
use std::collections::VecDeque;

/// Connections that are made or logged in at the same time, at least and at most: one in 500. More would only wait in the
/// server's queue of connections.
const ENTERING: (usize, usize) = (128, 1024);
/// How long connecting and logging in may take, in microseconds.
pub(super) const PATIENCE_US: u64 = 20_000_000;
/// The first wait before another try, and the longest, in microseconds.
const FIRST_WAIT_US: u64 = 20_000;
const LONGEST_WAIT_US: u64 = 1_000_000;

/// Where somebody is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Not connected.
    Away,
    /// Waits for its turn to connect, or to log in again on the connection that it has.
    Queued,
    /// Connects or logs in.
    Entering,
    /// Logged in.
    Online,
    /// Ends its connection by its own choice, and hears what comes until that has ended.
    Leaving,
}

/// What was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Login { since_us: u64 },
    Join { since_us: u64 },
    Message(Sent),
    Other,
}

struct Seat {
    asked: VecDeque<(u64, Asked)>,
    /// Since when it wants to be online and is not.
    since_us: u64,
    /// When its present connection was begun; from then on, when it asked to log in.
    entered_us: u64,
    /// Connections that were logged in, this one included.
    connection: u32,
    place: u16,
    tries: u8,
    status: Status,
    /// It should be online.
    wanted: bool,
    /// When it logged in last, after having been away by its own choice; else 0.
    chose_until_us: u64,
    /// It left by its own choice and has not been back.
    chose: bool,
    /// It said goodbye, so that the end of its connection is no surprise.
    leaving: bool,
    /// It keeps its connection, and logs in again on it.
    stays: bool,
}

/// Whose turn it is to come in, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// By a new connection to a place, by the engine's list.
    Connect { session: u32, place: usize },
    /// On the connection that it has.
    Again(u32),
}

/// Everybody.
pub struct Cast {
    people: Vec<Account>,
    seats: Vec<Seat>,
    queue: VecDeque<u32>,
    entering: usize,
    online: usize,
    leaving: usize,
    wanted: usize,
    asked: usize,
    dice: fastrand::Rng,
}

impl Cast {
    /// Everybody away. `places` says for each person where it connects to, by the engine's list.
    #[must_use]
    pub fn new(people: Vec<Account>, places: &[u16], seed: u64) -> Self {
        let seat = |place: &u16| Seat {
            asked: VecDeque::new(),
            since_us: 0,
            entered_us: 0,
            connection: 0,
            place: *place,
            tries: 0,
            status: Status::Away,
            wanted: false,
            leaving: false,
            stays: false,
            chose: false,
            chose_until_us: 0,
        };
        let seats = places.iter().map(seat).collect();
        let dice = fastrand::Rng::with_seed(seed ^ 0x5eed_ca57);
        Self { people, seats, queue: VecDeque::new(), entering: 0, online: 0, leaving: 0, wanted: 0, asked: 0, dice }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.seats.len()
    }

    /// Whether there is nobody.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.seats.is_empty()
    }

    /// How many are logged in.
    #[must_use]
    pub fn online(&self) -> usize {
        self.online
    }

    /// How many are ending their connections.
    #[must_use]
    pub fn leaving(&self) -> usize {
        self.leaving
    }

    /// How many should be.
    #[must_use]
    pub fn wanted(&self) -> usize {
        self.wanted
    }

    /// Requests that wait for their answers.
    #[must_use]
    pub fn asked(&self) -> usize {
        self.asked
    }

    /// All their numbers.
    pub fn everybody(&self) -> impl Iterator<Item = u32> + use<> {
        0..u32::try_from(self.seats.len()).unwrap_or(u32::MAX)
    }

    /// Where somebody is.
    #[must_use]
    pub fn status(&self, session: u32) -> Status {
        self.seats[session as usize].status
    }

    /// The account.
    #[must_use]
    pub fn person(&self, session: u32) -> &Person {
        &self.people[session as usize].person
    }

    /// The number of the present connection, or of the last one; 0 before the first login.
    #[must_use]
    pub fn connection(&self, session: u32) -> u32 {
        self.seats[session as usize].connection
    }

    /// Where somebody connects to, by the engine's list.
    #[must_use]
    pub fn place(&self, session: u32) -> usize {
        usize::from(self.seats[session as usize].place)
    }

    /// Whether somebody should be online.
    #[must_use]
    pub fn is_wanted(&self, session: u32) -> bool {
        self.seats[session as usize].wanted
    }

    /// When somebody asked to log in last.
    #[must_use]
    pub fn asked_to_enter_us(&self, session: u32) -> u64 {
        self.seats[session as usize].entered_us
    }

    pub(super) fn asks_to_enter(&mut self, session: u32, now_us: u64) {
        self.seats[session as usize].entered_us = now_us;
    }

    /// Requests of one session that wait for their answers.
    #[must_use]
    pub fn asked_by(&self, session: u32) -> usize {
        self.seats[session as usize].asked.len()
    }

    pub(super) fn credentials(&self, session: u32) -> (&Person, &str) {
        let account = &self.people[session as usize];
        (&account.person, &account.password)
    }

    /// Whether the end of somebody's connection is no surprise.
    pub(super) fn is_leaving(&self, session: u32) -> bool {
        let seat = &self.seats[session as usize];
        seat.leaving || seat.status == Status::Leaving
    }

    /// Somebody who is online goes because the scenario wants it. [`Self::went`] says when its connection has ended.
    pub(super) fn leaves(&mut self, session: u32, now_us: u64) {
        let seat = &mut self.seats[session as usize];
        seat.chose = true;
        if seat.status == Status::Online {
            self.online -= 1;
            self.leaving += 1;
            seat.status = Status::Leaving;
            (seat.since_us, seat.entered_us) = (now_us, now_us);
        }
    }

    /// Whether somebody was away by its own choice, at that time or after it: what was sent then says nothing about the server's speed.
    #[must_use]
    pub fn chose_to_be_away_at(&self, session: u32, due_us: u64) -> bool {
        due_us < self.seats[session as usize].chose_until_us
    }

    /// Somebody should be online from now on.
    pub(super) fn want(&mut self, session: u32) {
        let seat = &mut self.seats[session as usize];
        if !seat.wanted {
            seat.wanted = true;
            self.wanted += 1;
        }
        if seat.status == Status::Away {
            seat.status = Status::Queued;
            self.queue.push_back(session);
        }
    }

    /// Somebody should be away from now on.
    pub(super) fn unwant(&mut self, session: u32) {
        let seat = &mut self.seats[session as usize];
        seat.leaving = true;
        if seat.wanted {
            seat.wanted = false;
            self.wanted -= 1;
        }
    }

    /// Somebody who is online gives its login up, and waits for its turn to log in anew on the same connection.
    pub(super) fn log_in_again(&mut self, session: u32) {
        let seat = &mut self.seats[session as usize];
        if seat.status == Status::Online {
            self.online -= 1;
            (seat.status, seat.stays) = (Status::Queued, true);
            self.queue.push_back(session);
        }
    }

    /// The wait before another try is over.
    pub(super) fn queue(&mut self, session: u32) {
        let seat = &mut self.seats[session as usize];
        if seat.wanted && seat.status == Status::Away {
            seat.status = Status::Queued;
            self.queue.push_back(session);
        }
    }

    /// Whose turn it is to come in.
    pub(super) fn next(&mut self, now_us: u64) -> Option<Entry> {
        while self.entering < (self.seats.len() / 500).clamp(ENTERING.0, ENTERING.1) {
            let session = self.queue.pop_front()?;
            let seat = &mut self.seats[session as usize];
            if seat.status != Status::Queued {
                continue;
            }
            if !seat.wanted {
                seat.status = Status::Away;
                continue;
            }
            seat.status = Status::Entering;
            seat.leaving = false;
            seat.entered_us = now_us;
            if seat.tries == 0 {
                seat.since_us = now_us;
            }
            self.entering += 1;
            return Some(match seat.stays {
                true => Entry::Again(session),
                false => Entry::Connect { session, place: usize::from(seat.place) },
            });
        }
        None
    }

    /// Who has been entering, or leaving, since before a time.
    pub(super) fn on_the_way_since(&self, before_us: u64) -> Vec<u32> {
        if self.entering + self.leaving == 0 {
            return Vec::new();
        }
        let late = |session: &u32| {
            let seat = &self.seats[*session as usize];
            matches!(seat.status, Status::Entering | Status::Leaving) && seat.entered_us < before_us
        };
        self.everybody().filter(late).collect()
    }

    pub(super) fn ask(&mut self, session: u32, number: u64, asked: Asked) {
        self.seats[session as usize].asked.push_back((number, asked));
        self.asked += 1;
    }

    /// Which request a number was. Answers come in the order of the requests, or nearly.
    pub(super) fn answered(&mut self, session: u32, number: u64) -> Option<Asked> {
        let asked = &mut self.seats[session as usize].asked;
        let at = asked.iter().position(|(known, _)| *known == number)?;
        let (_, found) = asked.remove(at)?;
        // What one burst needed is not kept for every session.
        if asked.is_empty() && asked.capacity() > 64 {
            *asked = VecDeque::new();
        }
        self.asked -= 1;
        Some(found)
    }

    /// A login succeeded. Tells since when it was away, where it had been there before.
    pub(super) fn logged_in(&mut self, session: u32, id: Option<u64>, now_us: u64) -> Option<u64> {
        let seat = &mut self.seats[session as usize];
        // On a connection that stayed it was never away.
        let stayed = std::mem::take(&mut seat.stays);
        let before = (seat.connection > 0 && !stayed).then_some(seat.since_us);
        if seat.status == Status::Entering {
            self.entering -= 1;
            self.online += 1;
            seat.status = Status::Online;
        }
        seat.connection += 1;
        seat.tries = 0;
        if std::mem::take(&mut seat.chose) {
            seat.chose_until_us = now_us;
        }
        let person = &mut self.people[session as usize].person;
        if let Some(id) = id.filter(|_| person.id == 0) {
            person.id = id;
        }
        before
    }

    /// A connection ended. Gives the messages that will not be answered.
    pub(super) fn went(&mut self, session: u32, now_us: u64) -> Vec<Sent> {
        let seat = &mut self.seats[session as usize];
        match seat.status {
            Status::Entering => self.entering -= 1,
            Status::Online => {
                self.online -= 1;
                seat.since_us = now_us;
            }
            Status::Leaving => self.leaving -= 1,
            Status::Away | Status::Queued => {}
        }
        (seat.status, seat.stays) = (Status::Away, false);
        self.asked -= seat.asked.len();
        let asked = std::mem::take(&mut seat.asked);
        let message = |(_, asked)| match asked {
            Asked::Message(sent) => Some(sent),
            Asked::Login { .. } | Asked::Join { .. } | Asked::Other => None,
        };
        asked.into_iter().filter_map(message).collect()
    }

    /// The run is over: gives the messages that were not answered, and the number of other requests.
    pub(super) fn forsaken(&mut self) -> (Vec<Sent>, u64) {
        let all = self.seats.iter_mut().flat_map(|seat| std::mem::take(&mut seat.asked));
        let (mut messages, mut others) = (Vec::new(), 0);
        for (_, asked) in all {
            match asked {
                Asked::Message(sent) => messages.push(sent),
                _ => others += 1,
            }
        }
        self.asked = 0;
        (messages, others)
    }

    /// After which wait somebody whose connection ended tries again: twice as long each time, within bounds, and spread
    /// so that not all come at once. `None`: it stays away.
    pub(super) fn again_in(&mut self, session: u32) -> Option<u64> {
        let seat = &mut self.seats[session as usize];
        if !seat.wanted {
            return None;
        }
        let wait = (FIRST_WAIT_US << seat.tries.min(10)).min(LONGEST_WAIT_US);
        seat.tries = seat.tries.saturating_add(1);
        Some(wait / 2 + self.dice.u64(0..=wait / 2))
    }
}
