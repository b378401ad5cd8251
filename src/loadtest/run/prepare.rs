//! The phase `prepare`. Owns: which accounts are there, which are made, and writing new ones down. Never: knows how a job is done.

use super::doors::Doors;
use super::play::Play;
use crate::client::Circle;
use crate::exit::{Exit, Failure};
use crate::loadtest::engine::Engine;
use crate::loadtest::people::prepare::{Prepare, Step};
use crate::loadtest::people::{self, Account, file};
use crate::loadtest::plan::{Against, Plan, Speech};
use crate::loadtest::scenario;
use crate::loadtest::target::Target;

/// Accounts, friendships and groups of a plan, as far as they are not there.
///
/// # Errors
/// They cannot be made.
pub(super) fn everything(
    plan: &Plan,
    run: u32,
    sessions: usize,
    doors: &Doors,
    engine: &mut dyn Engine,
    target: &mut Target,
    play: &mut Play<'_>,
) -> Result<(Vec<Account>, Vec<Circle>), Failure> {
    let failed = |line: String| Failure::new(Exit::ActorDied, line);
    let mut accounts = match &plan.accounts {
        Some(path) => file::read(path, sessions).map_err(|line| Failure::new(Exit::Usage, line))?,
        None => Vec::new(),
    };
    let known = accounts.len();
    accounts.extend((known..sessions).map(|at| people::account(run, at)));
    let mut groups: Vec<Circle> = (0..scenario::groups(plan)).map(|at| people::circle(run, at)).collect();

    let by = doors.registrar.map(|at| doors.all[at].voice.speech);
    // Whoever was made through `plain` is open to everybody, unless the server's owner decided otherwise; here nobody did.
    let must_open = by != Some(Speech::Plain) || plan.against != Against::Own;
    let friends = scenario::friends(plan);
    let stages = people::stages(&accounts, must_open, &friends, groups.len(), scenario::grouped(plan));
    for jobs in stages {
        let makes_groups = jobs.iter().flatten().any(|step| matches!(step, Step::Create(_)));
        let place = if makes_groups { doors.groups } else { doors.registrar };
        let place = place.ok_or_else(|| {
            Failure::new(
                Exit::Usage,
                if makes_groups {
                    "groups of framed and binary are made through binary: add --to binary+tcp=HOST:PORT"
                } else {
                    "accounts are made through plain or framed: add --to plain+tcp=HOST:PORT, or give --accounts with all that are needed"
                },
            )
        })?;
        let makes_accounts = jobs.iter().flatten().any(|step| matches!(step, Step::Register(_)));
        let mut prepare = Prepare::new(engine.world(), place, &mut accounts, &mut groups, jobs);
        let outcome = play.prepare(engine, &mut prepare, target);
        prepare.dismiss(engine.world());
        if makes_accounts && let Some(path) = &plan.accounts {
            // Also what was made before something failed.
            let made: Vec<Account> = accounts[known..].iter().filter(|account| account.exists).cloned().collect();
            file::append(path, &made)
                .map_err(|error| Failure::new(Exit::StorageWrite, format!("--accounts {}: {error}", path.display())))?;
        }
        outcome?.map_err(failed)?;
    }
    Ok((accounts, groups))
}
