//! The simulated people's accounts. Owns: their names, their file, and what has to be made before a run. Never: knows a socket
//! ([`prepare::Prepare`] speaks through the engine).

pub mod file;
pub mod prepare;

use super::plan::{Plan, Speech, Voice};
use crate::client::{Circle, Person};
use prepare::{Job, Step};
use std::sync::Arc;

/// An account and its password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The account; its number is 0 until it is known.
    pub person: Person,
    /// The password; most share one.
    pub password: Arc<str>,
    /// It is on the server already.
    pub exists: bool,
}

/// Letters that look like no others, so that no name is refused because it looks like somebody else's.
const LETTERS: &[u8; 16] = b"bcdfghjkmpqrstxz";

/// A run's word, which is in all its names.
#[must_use]
pub fn word(run: u32) -> String {
    (0..8).map(|at| char::from(LETTERS[(run >> (4 * at) & 0xf) as usize])).collect()
}

/// A new account of a run.
#[must_use]
pub fn account(run: u32, at: usize) -> Account {
    let name = format!("lt-{}-{at:06}", word(run));
    // Nobody has to remember it: who asks for the accounts back has it in the file.
    let password = format!("{:08x}", run ^ 0x5eed_5eed);
    Account { person: Person { name, id: 0 }, password: password.into(), exists: false }
}

/// A group of a run.
#[must_use]
pub fn circle(run: u32, at: usize) -> Circle {
    Circle { name: format!("lt-{}-g{at:05}", word(run)), id: 0 }
}

/// Which sessions are friends before the run: who asks, and whom.
pub type Friends = Vec<(u32, u32)>;

/// What has to be made, in stages: each is over before the next begins. `grouped` sessions are dealt over the groups.
#[must_use]
pub fn stages(
    accounts: &[Account],
    must_open: bool,
    friends: &Friends,
    groups: usize,
    grouped: usize,
) -> Vec<Vec<Job>> {
    let narrow = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    let made =
        accounts.iter().enumerate().filter(|(_, account)| !account.exists || account.person.id == 0 || must_open);
    let accounts = made.map(|(at, account)| {
        let mut job = Vec::with_capacity(3);
        if !account.exists {
            job.push(Step::Register(narrow(at)));
        }
        job.push(Step::Login(narrow(at)));
        if must_open {
            job.push(Step::Open);
        }
        job
    });
    let mut asks: std::collections::BTreeMap<u32, Job> = std::collections::BTreeMap::new();
    for (who, whom) in friends {
        asks.entry(*who).or_insert_with(|| vec![Step::Login(*who)]).push(Step::Befriend(*whom));
    }
    // A group's first member makes it.
    let make = (0..groups).map(|group| vec![Step::Login(narrow(group)), Step::Create(narrow(group))]);
    let join = (groups..if groups == 0 { 0 } else { grouped })
        .map(|session| vec![Step::Login(narrow(session)), Step::Join(narrow(session % groups))]);
    let all: [Vec<Job>; 4] = [accounts.collect(), asks.into_values().collect(), make.collect(), join.collect()];
    all.into_iter().filter(|jobs| !jobs.is_empty()).collect()
}

/// The voice to make accounts with: `plain` first, whose people are open to everybody, a bare stream first.
#[must_use]
pub fn registrar(voices: impl IntoIterator<Item = Voice>) -> Option<Voice> {
    let cost = |voice: &Voice| (voice.speech != Speech::Plain, voice.web, voice.tls);
    voices.into_iter().filter(|voice| matches!(voice.speech, Speech::Plain | Speech::Framed)).min_by_key(cost)
}

/// Whether people of a plan have to be made friends before they may write: `framed` writes to friends only, whoever reads.
#[must_use]
pub fn writes_to_friends_only(plan: &Plan) -> bool {
    plan.voices.iter().any(|voice| voice.speech == Speech::Framed)
}

#[cfg(test)]
mod tests {
    use super::prepare::Step::{Befriend, Create, Join, Login, Open, Register};
    use super::{account, circle, registrar, stages, word};
    use crate::loadtest::plan::{Speech, Voice};
    use protocol::Name;

    #[test]
    fn names_are_names_and_differ_between_runs() {
        for at in [0, 999_999] {
            assert!(Name::parse(&account(u32::MAX, at).person.name).is_ok());
            assert!(Name::parse(&circle(0, at).name).is_ok());
        }
        assert_ne!(word(1), word(2));
        assert_eq!(word(0x0123_4567).len(), 8);
    }

    #[test]
    fn only_what_is_missing_is_made() {
        let mut accounts: Vec<_> = (0..3).map(|at| account(1, at)).collect();
        (accounts[1].exists, accounts[1].person.id) = (true, 10_001);
        accounts[2].exists = true;
        assert_eq!(stages(&accounts, false, &vec![], 0, 3), [[vec![Register(0), Login(0)], vec![Login(2)]]]);
        accounts.truncate(2);
        let open = stages(&accounts, true, &vec![(0, 1)], 0, 2);
        assert_eq!(open[0], [vec![Register(0), Login(0), Open], vec![Login(1), Open]]);
        assert_eq!(open[1], [vec![Login(0), Befriend(1)]]);
    }

    #[test]
    fn the_first_of_each_group_makes_it_and_the_rest_join() {
        let accounts: Vec<_> = (0..6)
            .map(|at| {
                let mut account = account(1, at);
                (account.exists, account.person.id) = (true, 1);
                account
            })
            .collect();
        let stages = stages(&accounts, false, &vec![], 2, 5);
        assert_eq!(stages[0], [vec![Login(0), Create(0)], vec![Login(1), Create(1)]]);
        assert_eq!(stages[1], [vec![Login(2), Join(0)], vec![Login(3), Join(1)], vec![Login(4), Join(0)]]);
        assert_eq!(stages.len(), 2);
    }

    #[test]
    fn accounts_are_made_by_plain_where_it_is_spoken() {
        let voice = |speech, web| Voice { speech, web, tls: false };
        let best = |voices: &[Voice]| registrar(voices.iter().copied());
        let (plain, framed, binary) =
            (voice(Speech::Plain, false), voice(Speech::Framed, false), voice(Speech::Binary, false));
        assert_eq!(best(&[framed, voice(Speech::Plain, true), plain, binary]), Some(plain));
        assert_eq!(best(&[binary, framed]), Some(framed));
        assert_eq!(best(&[binary]), None);
    }
}
