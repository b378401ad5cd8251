//! `--baseline`: the same scenario against bare relays, half of the time before the server and half after it, so that a machine that becomes slower or
//! faster meanwhile does so for both. Owns: what a relay's people are, and its part of the report. Never: touches the server.

use super::play::Play;
use super::stop::Stop;
use super::write_up;
use crate::client::{Circle, Person};
use crate::exit::{Exit, Failure};
use crate::loadtest::engine::net::{Door, Net};
use crate::loadtest::options::{Loadtest, Scenario};
use crate::loadtest::people::Account;
use crate::loadtest::plan::{Plan, Speech, Voice};
use crate::loadtest::report::{Baseline, Mode, Rates, Report, Screen, Usage};
use crate::loadtest::scenario;
use crate::loadtest::stage::{Cast, Figures, Hall, Stage};
use crate::loadtest::target::Target;
use crate::loadtest::target::relay::{self, Relay};
use crate::loadtest::transfer::Road;
use std::collections::BTreeMap;

/// Which half of the relays' time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Half {
    /// In the order that was asked for.
    Before,
    /// The other way round, so that each has the same distance from the server's run.
    After,
}

/// One relay's runs so far.
#[derive(Default)]
struct Runs {
    reports: Vec<Report>,
    figures: Figures,
}

/// All relays' runs so far.
#[derive(Default)]
pub(super) struct Baselines {
    relays: BTreeMap<String, Runs>,
}

impl Baselines {
    /// Runs half of all that are asked for.
    ///
    /// # Errors
    /// One does not start, or does not answer.
    pub(super) fn half(&mut self, plan: &Plan, options: &Loadtest, stop: &Stop, half: Half) -> Result<(), Failure> {
        let mut kinds = plan.baselines.clone();
        if half == Half::After {
            kinds.reverse();
        }
        for kind in kinds {
            if stop.is_asked() {
                break;
            }
            let relay = Relay::start(kind, options.pin)?;
            let (report, figures) = one(plan, options, stop, &relay)?;
            let runs = self.relays.entry(relay::name(kind)).or_default();
            runs.reports.push(report);
            runs.figures.merge(&figures);
        }
        Ok(())
    }

    /// When they ran, and what went wrong there, for a reader.
    pub(super) fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        match self.relays.values().map(|runs| runs.reports.len()).min() {
            None => {}
            Some(2..) => notes.push("each bare relay ran half of its time before the server, and half after it".into()),
            Some(_) => notes.push("the run was ended early: the bare relays ran before the server only".into()),
        }
        for (name, runs) in &self.relays {
            let errors = runs.reports.iter().flat_map(|report| &report.counts.errors);
            notes.extend(errors.map(|(what, count)| format!("the bare relay {name}, {count} times: {what}")));
        }
        notes
    }

    /// What they cost.
    pub(super) fn done(self) -> BTreeMap<String, Baseline> {
        self.relays.into_iter().map(|(name, runs)| (name, together(&runs.reports, &runs.figures))).collect()
    }
}

/// Runs of one relay as one.
fn together(reports: &[Report], figures: &Figures) -> Baseline {
    let run_s: f64 = reports.iter().map(|report| report.phases.run_s).sum();
    let number = |rate: fn(&Rates) -> f64| -> f64 { reports.iter().map(|r| rate(&r.rates) * r.phases.run_s).sum() };
    let cpu = |part: fn(&Usage) -> f64| -> f64 { reports.iter().filter_map(|r| r.cpu.server.as_ref()).map(part).sum() };
    let (user_s, system_s) = (cpu(|usage| usage.user_s), cpu(|usage| usage.system_s));
    let each = |number: f64| if number > 0.0 { (user_s + system_s) * 1e6 / number } else { 0.0 };
    let rate = |of: fn(&Rates) -> f64| if run_s > 0.0 { number(of) / run_s } else { 0.0 };
    let busy: f64 =
        reports.iter().map(|r| r.cpu.server.as_ref().map_or(0.0, |u| u.busiest_thread) * r.phases.run_s).sum();
    Baseline {
        server: Usage {
            user_s,
            system_s,
            us_per_message: each(number(|rates| rates.acknowledged)),
            us_per_delivery: each(number(|rates| rates.delivered)),
            us_per_gib: each(number(|rates| rates.file_bytes) / (1u64 << 30) as f64),
            busiest_thread: if run_s > 0.0 { busy / run_s } else { 0.0 },
        },
        rates: Rates {
            sent: rate(|rates| rates.sent),
            acknowledged: rate(|rates| rates.acknowledged),
            delivered: rate(|rates| rates.delivered),
            logins: rate(|rates| rates.logins),
            joins: rate(|rates| rates.joins),
            file_bytes: rate(|rates| rates.file_bytes),
        },
        latencies: figures.latencies(),
    }
}

fn one(plan: &Plan, options: &Loadtest, stop: &Stop, relay: &Relay) -> Result<(Report, Figures), Failure> {
    let voice = Voice { speech: Speech::Line, web: false, tls: false };
    let plan = Plan { voices: vec![voice], chaos: None, duration: plan.duration / 2, ..plan.clone() };
    let address = relay.address;
    let door = Door { voice, host: address.ip().to_string(), address, tls: None };
    let mut net =
        Net::new(vec![door]).map_err(|error| Failure::new(Exit::ActorDied, format!("the engine: {error}")))?;
    let waker = net.waker();
    stop.wakes(move || drop(waker.wake()));

    // Nothing is stored, so nothing is made: people and groups are numbers. A relay of files knows no people at all.
    let moves = plan.scenario == Scenario::File;
    let sessions = if moves { 0 } else { scenario::sessions(&plan) };
    let person = |at: usize| Person { name: String::new(), id: at as u64 };
    let accounts = (0..sessions).map(|at| Account { person: person(at), password: "".into(), exists: true }).collect();
    let groups: Vec<Circle> =
        (0..scenario::groups(&plan)).map(|at| Circle { name: String::new(), id: at as u64 }).collect();
    let cast = Cast::new(accounts, &vec![0; sessions], plan.seed);
    let mut hall = Hall::new(cast, groups, scenario::grouped(&plan), None, super::number()?, super::text_size(&plan));
    (hall.joins, hall.alone) = (true, true);
    let scenario = scenario::make(&plan, &mut hall);
    let mut stage = Stage::new(hall, scenario);

    let mut screen = Screen::new(&write_up::plan(&plan), Mode::choose(options.quiet));
    let mut target = Target::Here(relay.pid());
    let mut play = Play::new(&plan, stop, &mut screen);
    if moves {
        play.moves(Road::Relay(address, u32::try_from(plan.sessions / 2).unwrap_or(u32::MAX)));
    }
    let measured = play.all(&mut net, &mut stage, &mut target)?;
    let (phases, series) = play.done();
    screen.finish();
    let report = write_up::report(&plan, &stage, measured, phases, series);
    Ok((report, std::mem::take(&mut stage.hall_mut().figures)))
}

#[cfg(test)]
mod tests {
    use super::{Figures, Rates, Report, Usage, together};

    fn half(run_s: f64, acknowledged: f64, cpu_s: f64) -> Report {
        let mut report = Report::default();
        report.phases.run_s = run_s;
        report.rates = Rates { acknowledged, file_bytes: 1024.0 * 1024.0 * 1024.0, ..Rates::default() };
        report.cpu.server = Some(Usage { user_s: cpu_s / 4.0, system_s: cpu_s * 0.75, ..Usage::default() });
        report
    }

    #[test]
    fn two_halves_are_weighed_by_what_was_done_in_them() {
        // 1,000 messages in a second, then 9,000 in three: 10,000 for 2 s of CPU.
        let found = together(&[half(1.0, 1000.0, 0.5), half(3.0, 3000.0, 1.5)], &Figures::default());
        assert_eq!((found.server.us_per_message, found.rates.acknowledged), (200.0, 2500.0));
        assert_eq!((found.server.user_s, found.server.system_s), (0.5, 1.5));
        assert_eq!((found.server.us_per_gib, found.server.us_per_delivery), (500_000.0, 0.0));
        let nothing = together(&[], &Figures::default());
        assert_eq!((nothing.server.us_per_message, nothing.rates.sent), (0.0, 0.0));
    }
}
