//! `--baseline`: bare relays that the same scenario is played against, in turns with the server. Owns: their processes, what their people are, and
//! their part of the report. Never: touches the server.

use super::party::Party;
use super::play::Play;
use super::stop::Stop;
use super::write_up;
use crate::client::{Circle, Person};
use crate::exit::{Exit, Failure};
use crate::loadtest::engine::net::{Door, Net};
use crate::loadtest::options::{Loadtest, Scenario};
use crate::loadtest::people::Account;
use crate::loadtest::plan::{Plan, Speech, Voice};
use crate::loadtest::report::{Baseline, Mode, Report, Screen};
use crate::loadtest::scenario;
use crate::loadtest::stage::{Cast, Hall, Stage};
use crate::loadtest::target::Target;
use crate::loadtest::target::relay::{self, Relay};
use crate::loadtest::transfer::Road;

/// A relay that runs, and what its people speak through.
pub(super) struct Bare {
    name: String,
    relay: Relay,
    net: Net,
}

const VOICE: Voice = Voice { speech: Speech::Line, web: false, tls: false };

/// Starts all that are asked for.
///
/// # Errors
/// One does not start.
pub(super) fn start(plan: &Plan, options: &Loadtest) -> Result<Vec<Bare>, Failure> {
    let all = plan.baselines.iter().map(|kind| {
        let relay = Relay::start(*kind, options.pin)?;
        let address = relay.address;
        let door = Door { voice: VOICE, host: address.ip().to_string(), address, tls: None };
        let net =
            Net::new(vec![door]).map_err(|error| Failure::new(Exit::ActorDied, format!("the engine: {error}")))?;
        Ok(Bare { name: relay::name(*kind), relay, net })
    });
    all.collect()
}

impl Bare {
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Its people, who have not come yet. Nothing is shown of them.
    ///
    /// # Errors
    /// The system gives no random number.
    pub(super) fn party<'a>(&'a mut self, plan: &Plan, stop: &'a Stop) -> Result<Party<'a>, Failure> {
        let plan = Plan { voices: vec![VOICE], chaos: None, ..plan.clone() };
        // Nothing is stored, so nothing is made: people and groups are numbers. A relay of files knows no people at all.
        let moves = plan.scenario == Scenario::File;
        let sessions = if moves { 0 } else { scenario::sessions(&plan) };
        let person = |at: usize| Person { name: String::new(), id: at as u64 };
        let accounts =
            (0..sessions).map(|at| Account { person: person(at), password: "".into(), exists: true }).collect();
        let groups: Vec<Circle> =
            (0..scenario::groups(&plan)).map(|at| Circle { name: String::new(), id: at as u64 }).collect();
        let cast = Cast::new(accounts, &vec![0; sessions], plan.seed);
        let size = super::text_size(&plan);
        let mut hall = Hall::new(cast, groups, scenario::grouped(&plan), None, super::number()?, size);
        (hall.joins, hall.alone) = (true, true);
        let scenario = scenario::make(&plan, &mut hall);
        let stage = Stage::new(hall, scenario);
        let mut play = Play::new(&plan, stop, Screen::new(&write_up::plan(&plan), Mode::Quiet));
        if moves {
            play.moves(Road::Relay(self.relay.address, u32::try_from(plan.sessions / 2).unwrap_or(u32::MAX)));
        }
        Ok(Party { engine: &mut self.net, stage, target: Target::Here(self.relay.pid()), play, plan })
    }
}

/// What went wrong with a relay, for a reader.
pub(super) fn notes(name: &str, report: &Report) -> Vec<String> {
    let errors = report.counts.errors.iter();
    errors.map(|(what, count)| format!("the bare relay {name}, {count} times: {what}")).collect()
}

/// What a relay cost.
pub(super) fn baseline(report: Report) -> Baseline {
    Baseline { server: report.cpu.server.unwrap_or_default(), rates: report.rates, latencies: report.latencies }
}
