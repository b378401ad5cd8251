//! `--baseline`: the same scenario against bare relays, right after the server and one after the other, for the same time each. Owns: what a relay's
//! people are, and its part of the report. Never: touches the server.

use super::play::Play;
use super::stop::Stop;
use super::write_up;
use crate::client::{Circle, Person};
use crate::exit::{Exit, Failure};
use crate::loadtest::engine::net::{Door, Net};
use crate::loadtest::options::Loadtest;
use crate::loadtest::people::Account;
use crate::loadtest::plan::{Plan, Speech, Voice};
use crate::loadtest::report::{Baseline, Mode, Screen};
use crate::loadtest::scenario;
use crate::loadtest::stage::{Cast, Hall, Stage};
use crate::loadtest::target::Target;
use crate::loadtest::target::relay::{self, Relay};
use std::collections::BTreeMap;

/// Runs all that are asked for.
///
/// # Errors
/// One does not start, or does not answer.
pub(super) fn all(plan: &Plan, options: &Loadtest, stop: &Stop) -> Result<BTreeMap<String, Baseline>, Failure> {
    let mut found = BTreeMap::new();
    for kind in &plan.baselines {
        if stop.is_asked() {
            break;
        }
        let relay = Relay::start(*kind, options.pin)?;
        found.insert(relay::name(*kind), one(plan, options, stop, &relay)?);
    }
    Ok(found)
}

fn one(plan: &Plan, options: &Loadtest, stop: &Stop, relay: &Relay) -> Result<Baseline, Failure> {
    let voice = Voice { speech: Speech::Line, web: false, tls: false };
    let plan = Plan { voices: vec![voice], chaos: None, ..plan.clone() };
    let address = relay.address;
    let door = Door { voice, host: address.ip().to_string(), address, tls: None };
    let mut net =
        Net::new(vec![door]).map_err(|error| Failure::new(Exit::ActorDied, format!("the engine: {error}")))?;
    let waker = net.waker();
    stop.wakes(move || drop(waker.wake()));

    // Nothing is stored, so nothing is made: people and groups are numbers.
    let sessions = scenario::sessions(&plan);
    let person = |at: usize| Person { name: String::new(), id: at as u64 };
    let accounts = (0..sessions).map(|at| Account { person: person(at), password: "".into(), exists: true }).collect();
    let groups: Vec<Circle> =
        (0..scenario::groups(&plan)).map(|at| Circle { name: String::new(), id: at as u64 }).collect();
    let cast = Cast::new(accounts, &vec![0; sessions], plan.seed);
    let mut hall = Hall::new(cast, groups, scenario::grouped(&plan), None, super::number()?, super::text_size(&plan));
    hall.joins = true;
    let scenario = scenario::make(&plan, &mut hall);
    let mut stage = Stage::new(hall, scenario);

    let mut screen = Screen::new(&write_up::plan(&plan), Mode::choose(options.quiet));
    let mut target = Target::Here(relay.pid());
    let mut play = Play::new(&plan, stop, &mut screen);
    let measured = play.all(&mut net, &mut stage, &mut target)?;
    let (phases, series) = play.done();
    screen.finish();
    let report = write_up::report(&plan, &stage, measured, phases, series);
    Ok(Baseline { server: report.cpu.server.unwrap_or_default(), rates: report.rates, latencies: report.latencies })
}
