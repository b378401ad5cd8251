//! What is measured. Owns: the distributions of a run and of its present second, and the counts that are no messages. Never: knows
//! the ledger.

use crate::loadtest::report::latency::Recorder;
use crate::loadtest::report::{Latency, Phase};
use std::collections::BTreeMap;

/// More kinds of errors than this go under one name, so that a broken server does not fill the memory.
const MOST_KINDS: usize = 100;
const OTHERS: &str = "others";

/// The figures of a run.
#[derive(Default)]
pub struct Figures {
    /// Where the run stands.
    pub phase: Phase,
    /// Logins that succeeded.
    pub logins: u64,
    /// Groups that somebody joined, under load.
    pub joins: u64,
    /// Connections that were made again.
    pub reconnects: u64,
    /// What went wrong.
    pub errors: BTreeMap<String, u64>,
    /// The sum of them.
    pub failures: u64,
    /// From due to answered.
    pub acknowledged: Recorder,
    /// From due to arrived.
    pub delivered: Recorder,
    /// From due to arrived at the last member.
    pub last_delivered: Recorder,
    /// From asking to being logged in.
    pub login: Recorder,
    /// From asking to join a group to being in it.
    pub join: Recorder,
    /// From a friend's login or logout to being told.
    pub presence: Recorder,
    /// From a connection's end to being logged in again.
    pub reconnect: Recorder,
    /// From due to arrived, of private messages beside a group's.
    pub bystander: Recorder,
    /// What the present second's tick shows.
    pub second: Recorder,
    /// Bytes of files that arrived.
    pub file_bytes: u64,
    /// Files that arrived whole.
    pub files: u64,
    /// Files that did not.
    pub broken_files: u64,
    /// Requests that were no messages and were never answered although their connections stayed.
    pub silent: u64,
    /// Connections that were given up because what came was not understood.
    pub nonsense: u64,
    /// Friends who were not told that somebody came or went.
    pub untold: u64,
}

impl Figures {
    /// Counts something that went wrong.
    pub fn error(&mut self, what: &str) {
        self.errors_of(what, 1);
    }

    /// Counts something that went wrong several times.
    pub fn errors_of(&mut self, what: &str, times: u64) {
        self.failures += times;
        if let Some(count) = self.errors.get_mut(what) {
            *count += times;
        } else {
            let kind = if self.errors.len() < MOST_KINDS { what } else { OTHERS };
            *self.errors.entry(kind.to_owned()).or_default() += times;
        }
    }

    /// The phase `run` begins: only it is measured.
    pub fn begin_run(&mut self) {
        self.phase = Phase::Run;
    }

    /// Whether a message's times count.
    #[must_use]
    pub fn measures(&self) -> bool {
        matches!(self.phase, Phase::Run | Phase::Drain)
    }

    /// Forgets the times of all that was sent so far.
    pub fn forget_times(&mut self) {
        for recorder in [&mut self.acknowledged, &mut self.delivered, &mut self.last_delivered, &mut self.bystander] {
            recorder.reset();
        }
    }

    /// All distributions that something was recorded in, by the report's names.
    #[must_use]
    pub fn latencies(&self) -> BTreeMap<String, Latency> {
        let all = [
            ("acknowledged", &self.acknowledged),
            ("delivered", &self.delivered),
            ("last_delivered", &self.last_delivered),
            ("login", &self.login),
            ("join", &self.join),
            ("presence", &self.presence),
            ("reconnect", &self.reconnect),
            ("bystander", &self.bystander),
        ];
        let some = all.into_iter().filter(|(_, recorder)| recorder.count() > 0);
        some.map(|(name, recorder)| (name.to_owned(), recorder.latency())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{Figures, MOST_KINDS};

    #[test]
    fn errors_are_counted_by_kind_and_kinds_are_bounded() {
        let mut figures = Figures::default();
        for n in 0..MOST_KINDS + 5 {
            figures.error(&format!("error {n}"));
        }
        figures.error("error 0");
        assert_eq!((figures.errors["error 0"], figures.errors["others"]), (2, 5));
        assert_eq!((figures.failures, figures.errors.len()), (106, MOST_KINDS + 1));
    }

    #[test]
    fn only_what_was_recorded_is_told() {
        let mut figures = Figures::default();
        figures.delivered.record_us(5);
        assert_eq!(figures.latencies().keys().collect::<Vec<_>>(), ["delivered"]);
    }

    #[test]
    fn times_of_messages_are_forgotten_and_logins_are_not() {
        let mut figures = Figures::default();
        for recorder in [&mut figures.delivered, &mut figures.bystander, &mut figures.login] {
            recorder.record_us(7);
        }
        figures.forget_times();
        assert_eq!(figures.latencies().keys().collect::<Vec<_>>(), ["login"]);
    }
}
