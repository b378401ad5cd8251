//! Making accounts, friends and groups before a run. Owns: a few connections that work through a list of jobs, and patience where the
//! server says no. Never: knows a scenario.

use super::Account;
use crate::client::{Circle, Say};
use crate::loadtest::engine::{Director, Note, World};
use std::collections::VecDeque;

/// Connections that work at the same time. The server answers one request of a connection after the other, so this many are in its hands,
/// and commits of so many share a sync. At least and at most: one for 500 jobs.
const WORKERS: (usize, usize) = (64, 1024);
/// How often a step is tried, and the wait before the second time; before each further one it is twice as long. 15 s together.
const TRIES: u32 = 10;
const WAIT_US: u64 = 30_000;

/// One thing to do, by the numbers of people and groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Makes the account.
    Register(u32),
    /// Logs in; what follows is done by that person.
    Login(u32),
    /// Lets everybody write and add.
    Open,
    /// Asks to be friends.
    Befriend(u32),
    /// Makes the group.
    Create(u32),
    /// Joins the group.
    Join(u32),
}

/// Steps in a row on one connection.
pub type Job = Vec<Step>;

#[derive(Default)]
struct Worker {
    job: Job,
    at: usize,
    asked: Option<u64>,
    tries: u32,
    open: bool,
    /// Something of its job may have been done before its connection broke.
    again: bool,
}

/// Works through one stage.
pub struct Prepare<'a> {
    /// Everybody; numbers are filled in as they are learned.
    pub accounts: &'a mut [Account],
    /// The groups; the same.
    pub groups: &'a mut [Circle],
    place: usize,
    jobs: VecDeque<Job>,
    total: usize,
    done: usize,
    workers: Vec<Worker>,
    failed: Option<String>,
}

/// Words that say that it is done already.
fn is_done_already(word: &str) -> bool {
    let word = word.to_ascii_lowercase();
    word.contains("already") || word == "user_in_group"
}

impl<'a> Prepare<'a> {
    /// Begins to connect to a place, by the engine's list.
    pub fn new(
        world: &mut dyn World,
        place: usize,
        accounts: &'a mut [Account],
        groups: &'a mut [Circle],
        jobs: Vec<Job>,
    ) -> Self {
        let total = jobs.len();
        let count = (total / 500).clamp(WORKERS.0, WORKERS.1).min(total);
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        let workers = (0..count).map(|_| Worker::default()).collect();
        for session in 0..count {
            world.connect(session, place);
        }
        Self { accounts, groups, place, jobs: jobs.into(), total, done: 0, workers, failed: None }
    }

    /// From 0 to 1.
    #[must_use]
    pub fn progress(&self) -> f64 {
        if self.total == 0 { 1.0 } else { self.done as f64 / self.total as f64 }
    }

    /// `None` while it works.
    pub fn outcome(&self) -> Option<Result<(), String>> {
        match &self.failed {
            Some(why) => Some(Err(why.clone())),
            None => (self.done == self.total).then_some(Ok(())),
        }
    }

    /// Closes the connections.
    pub fn dismiss(&self, world: &mut dyn World) {
        for session in 0..u32::try_from(self.workers.len()).unwrap_or(u32::MAX) {
            world.disconnect(session);
        }
    }

    fn go_on(&mut self, world: &mut dyn World, session: u32) {
        let Some(worker) = self.workers.get_mut(session as usize) else { return };
        if worker.at == worker.job.len() {
            if !worker.job.is_empty() {
                self.done += 1;
            }
            worker.again = false;
            (worker.job, worker.at) = (self.jobs.pop_front().unwrap_or_default(), 0);
        }
        let Some(step) = worker.job.get(worker.at).copied() else { return };
        let account = |at: u32| &self.accounts[at as usize];
        let said = match step {
            Step::Register(who) => {
                let Account { person, password, .. } = account(who);
                world.say(session, &Say::Register { name: &person.name, password })
            }
            Step::Login(who) => {
                let Account { person, password, .. } = account(who);
                world.say(session, &Say::Login { me: person, password, instance: None })
            }
            Step::Open => world.say(session, &Say::Open),
            Step::Befriend(whom) => world.say(session, &Say::Befriend(&account(whom).person)),
            Step::Create(group) => world.say(session, &Say::CreateGroup { name: &self.groups[group as usize].name }),
            Step::Join(group) => world.say(session, &Say::JoinGroup(&self.groups[group as usize])),
        };
        match said {
            Ok(number) => worker.asked = Some(number),
            Err(unsaid) => self.failed = Some(format!("{}: {unsaid}", self.tell(step))),
        }
    }

    fn tell(&self, step: Step) -> String {
        let name = |at: u32| self.accounts[at as usize].person.name.as_str();
        match step {
            Step::Register(who) => format!("registering {}", name(who)),
            Step::Login(who) => format!("logging {} in", name(who)),
            Step::Open => "opening an account to everybody".into(),
            Step::Befriend(whom) => format!("making friends with {}", name(whom)),
            Step::Create(group) => format!("making the group {}", self.groups[group as usize].name),
            Step::Join(group) => format!("joining the group {}", self.groups[group as usize].name),
        }
    }

    fn learn(&mut self, step: Step, id: Option<u64>) {
        match (step, id) {
            (Step::Register(who) | Step::Login(who), id) => {
                let account = &mut self.accounts[who as usize];
                account.exists = true;
                if let Some(id) = id {
                    account.person.id = id;
                }
            }
            (Step::Create(group), Some(id)) => self.groups[group as usize].id = id,
            _ => {}
        }
    }

    fn refused(&mut self, world: &mut dyn World, session: u32, step: Step, word: &str) {
        let Some(worker) = self.workers.get_mut(session as usize) else { return };
        // An account that was made before the connection broke: logging in will tell.
        let made_before = worker.again && matches!(step, Step::Register(_) | Step::Create(_));
        if is_done_already(word) || made_before {
            worker.at += 1;
            self.go_on(world, session);
            return;
        }
        worker.tries += 1;
        if worker.tries >= TRIES {
            self.failed = Some(format!("{} is refused, {TRIES} times: {word}", self.tell(step)));
            return;
        }
        let wait_us = WAIT_US << (worker.tries - 1);
        world.at(world.now_us() + wait_us, u64::from(session));
    }
}

impl Director for Prepare<'_> {
    fn opened(&mut self, world: &mut dyn World, session: u32) {
        if let Some(worker) = self.workers.get_mut(session as usize) {
            worker.open = true;
            self.go_on(world, session);
        }
    }

    fn heard(&mut self, world: &mut dyn World, session: u32, note: &Note) {
        let Some(worker) = self.workers.get_mut(session as usize) else { return };
        let (number, refused, id) = match note {
            Note::Done { number, id } => (*number, None, *id),
            Note::Refused { number, word } => (*number, Some(word), None),
            _ => return,
        };
        if worker.asked != Some(number) {
            return;
        }
        worker.asked = None;
        let Some(step) = worker.job.get(worker.at).copied() else { return };
        match refused {
            None => {
                worker.tries = 0;
                worker.at += 1;
                self.learn(step, id);
                self.go_on(world, session);
            }
            Some(word) => self.refused(world, session, step, word),
        }
    }

    fn broken(&mut self, world: &mut dyn World, session: u32, why: &str) {
        let Some(worker) = self.workers.get_mut(session as usize) else { return };
        (worker.open, worker.asked) = (false, None);
        if worker.job.is_empty() && worker.tries == 0 && self.jobs.is_empty() {
            return;
        }
        // Who it was is forgotten with the connection: from its last login on.
        let login =
            worker.job[..worker.at.min(worker.job.len())].iter().rposition(|step| matches!(step, Step::Login(_)));
        worker.at = login.unwrap_or(worker.at);
        worker.again = true;
        worker.tries += 1;
        if worker.tries >= TRIES {
            self.failed = Some(format!("cannot connect for making accounts: {why}"));
            return;
        }
        let wait_us = WAIT_US << (worker.tries - 1);
        world.at(world.now_us() + wait_us, u64::from(session));
    }

    fn timer(&mut self, world: &mut dyn World, token: u64, _due_us: u64) {
        let Ok(session) = u32::try_from(token) else { return };
        let Some(worker) = self.workers.get(session as usize) else { return };
        if worker.open {
            if worker.asked.is_none() {
                self.go_on(world, session);
            }
        } else {
            world.connect(session, self.place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Prepare, Step};
    use crate::loadtest::engine::fake::{Did, Fake};
    use crate::loadtest::engine::{Director, Note};
    use crate::loadtest::people::{Account, account};

    fn people() -> Vec<Account> {
        (0..2).map(|at| account(1, at)).collect()
    }

    /// The last thing said: its number and words.
    fn said(world: &mut Fake) -> (u64, String) {
        match world.did.pop_back() {
            Some(Did::Say(0, number, words)) => (number, words),
            other => panic!("{other:?} was not said"),
        }
    }

    #[test]
    fn jobs_are_done_in_order_and_numbers_are_learned() {
        let (mut world, mut accounts) = (Fake::default(), people());
        let jobs = vec![vec![Step::Register(0), Step::Login(0), Step::Open]];
        let mut prepare = Prepare::new(&mut world, 3, &mut accounts, &mut [], jobs);
        assert_eq!(world.done(), [Did::Connect(0, 3)]);
        prepare.opened(&mut world, 0);
        for (word, id) in [("register", None), ("login", Some(10_007)), ("open", None)] {
            assert_eq!(prepare.outcome(), None);
            let (number, words) = said(&mut world);
            assert!(words.starts_with(word), "{words}");
            prepare.heard(&mut world, 0, &Note::Done { number, id });
        }
        assert_eq!((prepare.outcome(), prepare.progress()), (Some(Ok(())), 1.0));
        assert!(accounts[0].exists && accounts[0].person.id == 10_007);
        assert!(!accounts[1].exists);
    }

    #[test]
    fn a_refusal_is_tried_again_with_longer_waits_until_it_is_given_up() {
        let (mut world, mut accounts) = (Fake::default(), people());
        let mut prepare = Prepare::new(&mut world, 0, &mut accounts, &mut [], vec![vec![Step::Register(0)]]);
        prepare.opened(&mut world, 0);
        let mut waits = Vec::new();
        loop {
            let (number, _) = said(&mut world);
            prepare.heard(&mut world, 0, &Note::Refused { number, word: "busy".into() });
            let Some(Did::At(due_us, token)) = world.did.pop_back() else { break };
            waits.push(due_us);
            prepare.timer(&mut world, token, due_us);
        }
        assert_eq!(waits[..3], [30_000, 60_000, 120_000]);
        assert_eq!(waits.len(), 9);
        let why = prepare.outcome().unwrap().unwrap_err();
        assert!(why.contains("registering lt-") && why.contains("busy"), "{why}");
    }

    #[test]
    fn what_is_done_already_is_done() {
        let (mut world, mut accounts) = (Fake::default(), people());
        let jobs = vec![vec![Step::Login(0), Step::Befriend(1)]];
        let mut prepare = Prepare::new(&mut world, 0, &mut accounts, &mut [], jobs);
        prepare.opened(&mut world, 0);
        let (number, _) = said(&mut world);
        prepare.heard(&mut world, 0, &Note::Done { number, id: Some(1) });
        let (number, _) = said(&mut world);
        prepare.heard(&mut world, 0, &Note::Refused { number, word: "already_friend".into() });
        assert_eq!(prepare.outcome(), Some(Ok(())));
    }

    #[test]
    fn a_job_goes_on_from_its_login_after_a_break() {
        let (mut world, mut accounts) = (Fake::default(), people());
        let jobs = vec![vec![Step::Register(0), Step::Login(0), Step::Befriend(1)]];
        let mut prepare = Prepare::new(&mut world, 0, &mut accounts, &mut [], jobs);
        prepare.opened(&mut world, 0);
        for _ in 0..2 {
            let (number, _) = said(&mut world);
            prepare.heard(&mut world, 0, &Note::Done { number, id: None });
        }
        assert!(said(&mut world).1.starts_with("befriend"));
        prepare.broken(&mut world, 0, "gone");
        let Some(Did::At(due_us, token)) = world.did.pop_back() else { panic!("no further try") };
        prepare.timer(&mut world, token, due_us);
        assert_eq!(world.did.pop_back(), Some(Did::Connect(0, 0)));
        prepare.opened(&mut world, 0);
        assert!(said(&mut world).1.starts_with("login"));
    }
}
