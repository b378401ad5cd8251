//! Transfers of people who are asked (in `binary`): what was offered, accepted, and broke off. Owns: each one's number
//! and stage, who may act on it, and how long it is kept. Never: opens a relay (the [`super::Broker`] does), tells
//! anybody, or looks at a clock: it is given the time. What the shell must remember of a transfer is its `T`.
//!
//! A transfer is `Asked`, then `Accepted` while its sender is looked for, then `Running`; one that broke off is
//! `Broken` and may be accepted again. One that nobody is asked about is `Running` from the start, and never more.

use super::broker::Waiting;
use crate::settings::RelaySettings;
use protocol::{Refusal, TransferId, UserId};
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::Instant;

/// All of them.
pub struct Offers<T> {
    /// Bounded: those asked and running by `relay.max` (see [`Offers::waiting`]), those broken by the same again.
    all: HashMap<TransferId, Offered<T>>,
    last_id: u64,
    answer_within: Duration,
    resume_within: Duration,
    max_broken: usize,
    max_broken_of_sender: usize,
}

/// One transfer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Offered<T> {
    /// Whose file it is.
    pub sender: UserId,
    /// For whom.
    pub receiver: UserId,
    /// Bytes of the whole file.
    pub size: u64,
    /// The shell's own data.
    pub tag: T,
    stage: Stage,
    /// The receiver is asked, so it may accept, and accept again where it broke off.
    asked: bool,
}

/// How far a transfer is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    /// The receiver has not answered.
    Asked { until: Instant },
    /// The receiver has accepted it, and its sender is looked for.
    Accepted { until: Instant, was_broken: bool },
    /// Its bytes are on their way. `told` is what was last said of them.
    Running { relay: u64, offset: u64, told: u64 },
    /// It broke off, and the receiver may accept it again.
    Broken { until: Instant },
}

/// What an acceptance leads to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Acceptance {
    /// The sender is to be looked for: [`Offers::started`], [`Offers::put_back`] or [`Offers::remove`] comes next.
    LookForSender,
    /// The receiver has all of it: it is done, and forgotten by [`Offers::remove`].
    AllThere,
    /// It runs, since nobody was to be asked: there is nothing to do.
    Runs,
}

/// A transfer whose relay has ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Over<T> {
    /// Who sent.
    pub sender: UserId,
    /// Who received.
    pub receiver: UserId,
    /// The shell's own data.
    pub tag: T,
    /// Bytes of the whole file that have left towards the receiver.
    pub bytes: u64,
}

impl<T: Clone> Offers<T> {
    /// None yet.
    #[must_use]
    pub fn new(settings: &RelaySettings) -> Self {
        Self {
            all: HashMap::new(),
            last_id: 0,
            answer_within: Duration::from_secs(settings.offer_s),
            resume_within: Duration::from_secs(settings.resume_s),
            max_broken: settings.max,
            max_broken_of_sender: settings.per_account,
        }
    }

    /// Somebody is asked whether it takes a file. The caller has seen that there is room.
    pub fn ask(&mut self, sender: UserId, receiver: UserId, size: u64, tag: T, now: Instant) -> TransferId {
        let stage = Stage::Asked { until: now + self.answer_within };
        self.add(Offered { sender, receiver, size, tag, stage, asked: true })
    }

    /// A transfer that runs already, since one of its sides cannot be asked.
    pub fn run(&mut self, sender: UserId, receiver: UserId, size: u64, tag: T, relay: u64) -> TransferId {
        let stage = Stage::Running { relay, offset: 0, told: 0 };
        self.add(Offered { sender, receiver, size, tag, stage, asked: false })
    }

    fn add(&mut self, offered: Offered<T>) -> TransferId {
        self.last_id += 1;
        let id = TransferId(self.last_id);
        self.all.insert(id, offered);
        id
    }

    /// `who` takes the file, and has `offset` bytes of it.
    ///
    /// # Errors
    /// [`Refusal::NoSuchTransfer`]: there is none, or it is not for `who`. [`Refusal::Busy`]: it is accepted already, and
    /// may be accepted again once it has broken off. [`Refusal::BadValue`]: it has not so many bytes.
    pub fn accept(&mut self, id: TransferId, who: UserId, offset: u64) -> Result<Acceptance, Refusal> {
        let offered = self.all.get_mut(&id).filter(|offered| offered.receiver == who).ok_or(Refusal::NoSuchTransfer)?;
        if !offered.asked {
            return if offset == 0 { Ok(Acceptance::Runs) } else { Err(Refusal::BadValue) };
        }
        let (until, was_broken) = match offered.stage {
            Stage::Asked { until } => (until, false),
            Stage::Broken { until } => (until, true),
            Stage::Accepted { .. } | Stage::Running { .. } => return Err(Refusal::Busy),
        };
        if offset > offered.size {
            return Err(Refusal::BadValue);
        }
        if offset == offered.size {
            return Ok(Acceptance::AllThere);
        }
        offered.stage = Stage::Accepted { until, was_broken };
        Ok(Acceptance::LookForSender)
    }

    /// The transfer that was accepted, for whoever starts it; with whether it broke off before, and so holds no place.
    #[must_use]
    pub fn accepted(&self, id: TransferId) -> Option<(&Offered<T>, bool)> {
        let offered = self.all.get(&id)?;
        match offered.stage {
            Stage::Accepted { was_broken, .. } => Some((offered, was_broken)),
            _ => None,
        }
    }

    /// The acceptance came to nothing: all is as before it.
    pub fn put_back(&mut self, id: TransferId) {
        if let Some(offered) = self.all.get_mut(&id)
            && let Stage::Accepted { until, was_broken } = offered.stage
        {
            offered.stage = if was_broken { Stage::Broken { until } } else { Stage::Asked { until } };
        }
    }

    /// The bytes of a transfer that was accepted are on their way, from `offset` on.
    pub fn started(&mut self, id: TransferId, relay: u64, offset: u64, tag: T) {
        if let Some(offered) = self.all.get_mut(&id) {
            offered.stage = Stage::Running { relay, offset, told: offset };
            offered.tag = tag;
        }
    }

    /// A relay has ended, after it had given `moved` bytes. A transfer that is not complete and may be accepted again is
    /// kept for that. `None` where nobody who is asked had to do with it, or waits for this any more.
    pub fn ended(&mut self, relay: u64, complete: bool, moved: u64, now: Instant) -> Option<(TransferId, Over<T>)> {
        let (&id, offered) = self.all.iter_mut().find(|(_, offered)| offered.relay() == Some(relay))?;
        let Stage::Running { offset, .. } = offered.stage else { return None };
        let (sender, receiver, tag) = (offered.sender, offered.receiver, offered.tag.clone());
        let is_kept = offered.asked && !complete;
        if is_kept {
            offered.stage = Stage::Broken { until: now + self.resume_within };
            self.forget_oldest_broken(sender);
        } else {
            self.all.remove(&id);
        }
        Some((id, Over { sender, receiver, tag, bytes: offset + moved }))
    }

    /// What only waits to be gone on with makes room for what broke off later.
    fn forget_oldest_broken(&mut self, sender: UserId) {
        let broken = |only: Option<UserId>| {
            let of = self.all.iter().filter(move |(_, offered)| only.is_none_or(|only| offered.sender == only));
            of.filter_map(|(&id, offered)| match offered.stage {
                Stage::Broken { until } => Some((until, id)),
                _ => None,
            })
        };
        let too_many = if broken(Some(sender)).count() > self.max_broken_of_sender {
            broken(Some(sender)).min()
        } else if broken(None).count() > self.max_broken {
            broken(None).min()
        } else {
            None
        };
        if let Some((_, id)) = too_many {
            self.all.remove(&id);
        }
    }

    /// Forgets a transfer of which `who` is a side.
    pub fn remove_as(&mut self, id: TransferId, who: UserId) -> Option<Offered<T>> {
        let offered = self.all.get(&id)?;
        if offered.sender == who || offered.receiver == who { self.all.remove(&id) } else { None }
    }

    /// Forgets a transfer.
    pub fn remove(&mut self, id: TransferId) -> Option<Offered<T>> {
        self.all.remove(&id)
    }

    /// How many hold a place among `relay.max` and `relay.per_account` without a relay.
    #[must_use]
    pub fn waiting(&self, sender: UserId) -> Waiting {
        let mut waiting = Waiting::default();
        for offered in self.all.values() {
            // One that broke off is let in again when its relay is opened.
            if matches!(offered.stage, Stage::Asked { .. } | Stage::Accepted { was_broken: false, .. }) {
                waiting.all += 1;
                waiting.of_sender += usize::from(offered.sender == sender);
            }
        }
        waiting
    }

    /// Forgets those whose time is over; returns those that were never answered.
    pub fn expire(&mut self, now: Instant) -> Vec<(TransferId, Offered<T>)> {
        let is_over = |offered: &Offered<T>| offered.until().is_some_and(|until| until <= now);
        let over = self.all.extract_if(|_, offered| is_over(offered));
        over.filter(|(_, offered)| matches!(offered.stage, Stage::Asked { .. })).collect()
    }

    /// When the next one's time is over.
    #[must_use]
    pub fn next_expiry(&self) -> Option<Instant> {
        self.all.values().filter_map(Offered::until).min()
    }

    /// Whether one runs, so that there may be progress.
    #[must_use]
    pub fn any_runs(&self) -> bool {
        self.all.values().any(|offered| matches!(offered.stage, Stage::Running { .. }))
    }

    /// Those of which more was moved than was last said, and how much of the file that is. `moved` looks at a relay.
    pub fn progress(&mut self, moved: impl Fn(u64) -> u64) -> Vec<(TransferId, Over<T>)> {
        let mut news = Vec::new();
        for (&id, offered) in &mut self.all {
            let Stage::Running { relay, offset, told } = &mut offered.stage else { continue };
            let bytes = *offset + moved(*relay);
            if bytes > *told {
                *told = bytes;
                let (sender, receiver, tag) = (offered.sender, offered.receiver, offered.tag.clone());
                news.push((id, Over { sender, receiver, tag, bytes }));
            }
        }
        news
    }
}

impl<T> Offered<T> {
    /// Until when it is kept; `None` while something is being done about it.
    fn until(&self) -> Option<Instant> {
        match self.stage {
            Stage::Asked { until } | Stage::Broken { until } => Some(until),
            Stage::Accepted { .. } | Stage::Running { .. } => None,
        }
    }

    /// The broker's number of its relay, while it runs.
    #[must_use]
    pub fn relay(&self) -> Option<u64> {
        match self.stage {
            Stage::Running { relay, .. } => Some(relay),
            _ => None,
        }
    }
}

#[cfg(test)]
#[path = "offers_tests.rs"]
mod tests;
