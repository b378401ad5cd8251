//! The phases of a run, and its seconds. Owns: when one phase ends and the next begins, the series of ticks, and what was taken at the
//! phases' borders. Never: knows what is said, or whose turn it is.
//!
//! A run may have several turns, with others' between them. Each ends when nothing is on its way any more. The time of others counts for nothing here,
//! nor what this process took in it; what the server took does, since it does then what it has put off.

use super::mark::{Mark, Measured, generator};
use super::stop::Stop;
use super::turns::Turn;
use crate::exit::{Exit, Failure};
use crate::loadtest::engine::{Director, Engine};
use crate::loadtest::people::prepare::Prepare;
use crate::loadtest::plan::Plan;
use crate::loadtest::report::{Phase, Phases, Screen, Tick};
use crate::loadtest::stage::Stage;
use crate::loadtest::target::Target;
use crate::loadtest::target::chaos::Chaos;
use crate::loadtest::target::proc::Sample;
use crate::loadtest::transfer::{Moved, Road, Transfers};
use std::mem;
use std::time::{Duration, Instant};

const SECOND_US: u64 = 1_000_000;
/// How long nothing may arrive, be answered or log in before a phase is over for want of progress.
const STANDSTILL_US: u64 = 10 * SECOND_US;
/// The same for logging in, where a server may be busy with hashing.
const RAMP_STANDSTILL_US: u64 = 30 * SECOND_US;
/// Logins of each session that count as progress of a drain: a server that lets everybody in and closes again would keep it going.
const DRAIN_LOGINS: u64 = 20;

/// When somebody else's turn began, and what this process had taken then.
struct Pause {
    since: Instant,
    generator: Sample,
}

/// Plays one run.
pub(super) struct Play<'a> {
    plan: Plan,
    stop: &'a Stop,
    screen: Screen,
    measured: Measured,
    /// Turns so far.
    turns: usize,
    /// Time under load in them.
    loaded: Duration,
    /// What happens is not measured yet.
    warming: bool,
    pause: Option<Pause>,
    /// What this process took in others' turns.
    away: Sample,
    phases: Phases,
    series: Vec<Tick>,
    next_tick_us: u64,
    last: Mark,
    last_failures: u64,
    /// What files go through: for the scenario `file`.
    files: Option<Road>,
    transfers: Option<Transfers>,
    /// Bytes that they moved in earlier turns.
    moved_bytes: u64,
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

fn seconds(us: u64) -> f64 {
    us as f64 / 1e6
}

impl<'a> Play<'a> {
    pub(super) fn new(plan: &Plan, stop: &'a Stop, screen: Screen) -> Self {
        Self {
            plan: plan.clone(),
            stop,
            screen,
            measured: Measured::default(),
            turns: 0,
            loaded: Duration::ZERO,
            warming: false,
            pause: None,
            away: Sample::default(),
            phases: Phases::default(),
            series: Vec::new(),
            next_tick_us: SECOND_US,
            last: Mark::default(),
            last_failures: 0,
            files: None,
            transfers: None,
            moved_bytes: 0,
        }
    }

    /// Tells something on the screen.
    pub(super) fn say(&mut self, what: &str) {
        self.screen.say(what);
    }

    /// Files go this way under load.
    pub(super) fn moves(&mut self, road: Road) {
        self.files = Some(road);
    }

    /// What was found, the phases' lengths and the series, at the end.
    pub(super) fn done(&mut self) -> (Measured, Phases, Vec<Tick>) {
        (mem::take(&mut self.measured), mem::take(&mut self.phases), mem::take(&mut self.series))
    }

    fn look(&self, engine: &mut dyn Engine, director: &mut dyn Director, latest_us: u64) -> Result<(), Failure> {
        let failed = |error| Failure::new(Exit::ActorDied, format!("the engine: {error}"));
        engine.turn(director, latest_us.min(self.next_tick_us)).map_err(failed)
    }

    /// Makes accounts, friends or groups. The inner error says why they cannot be made.
    pub(super) fn prepare(
        &mut self,
        engine: &mut dyn Engine,
        prepare: &mut Prepare<'_>,
        target: &mut Target,
    ) -> Result<Result<(), String>, Failure> {
        let began_us = engine.world().now_us();
        let outcome = loop {
            if let Some(outcome) = prepare.outcome() {
                break outcome;
            }
            if self.stop.is_asked() {
                break Err("ended by a signal before the run began".into());
            }
            self.look(engine, prepare, u64::MAX)?;
            let now_us = engine.world().now_us();
            if now_us >= self.next_tick_us {
                if let Some(failure) = target.has_died() {
                    return Err(failure);
                }
                self.tick(now_us, Phase::Prepare, prepare.progress(), None, target);
            }
        };
        self.phases.prepare_s += seconds(engine.world().now_us() - began_us);
        Ok(outcome)
    }

    fn mark(&self, stage: Option<&Stage>, now_us: u64, target: &Target) -> Mark {
        Mark::take(stage, now_us, target, generator().without(&self.away))
    }

    /// The tick of a second that is over.
    fn tick(&mut self, now_us: u64, phase: Phase, progress: f64, stage: Option<&mut Stage>, target: &Target) {
        let mark = self.mark(stage.as_deref(), now_us, target);
        let last = &self.last;
        let server = mark.server.as_ref();
        let cpu_ms = |now: Option<&Sample>, then: Option<&Sample>| {
            now.map_or(0.0, |now| now.cpu_us().saturating_sub(then.map_or(0, Sample::cpu_us)) as f64 / 1e3)
        };
        let mut tick = Tick {
            at_s: seconds(now_us),
            phase,
            progress: progress.clamp(0.0, 1.0),
            sent: mark.counts.sent - last.counts.sent,
            acknowledged: mark.counts.acknowledged - last.counts.acknowledged,
            delivered: mark.counts.delivered - last.counts.delivered,
            server_cpu_ms: cpu_ms(server, last.server.as_ref()),
            server_kib: server.map_or(0, |sample| sample.rss_kib),
            generator_cpu_ms: cpu_ms(Some(&mark.generator), Some(&last.generator)),
            ..Tick::default()
        };
        if let Some(stage) = stage {
            let hall = stage.hall_mut();
            tick.sessions = hall.cast.online() as u64;
            tick.errors = hall.figures.failures - self.last_failures;
            self.last_failures = hall.figures.failures;
            let second = &mut hall.figures.second;
            (tick.p50_us, tick.p99_us) = (second.quantile_us(0.5), second.quantile_us(0.99));
            tick.max_us = second.max_us();
            second.reset();
        }
        self.screen.tick(&tick);
        self.series.push(tick);
        self.last = mark;
        // Seconds that were missed (a stopped process) are not made up for.
        self.next_tick_us = (now_us / SECOND_US + 1) * SECOND_US;
    }

    /// One turn: the ramp before the first, load, and the drain; after the last everybody leaves.
    ///
    /// # Errors
    /// The server ends, or nobody can log in.
    pub(super) fn turn(
        &mut self,
        engine: &mut dyn Engine,
        stage: &mut Stage,
        target: &mut Target,
        turn: Turn,
    ) -> Result<(), Failure> {
        if let Some(pause) = self.pause.take() {
            engine.skip(pause.since.elapsed());
            self.away.add(&pause.generator, &generator());
        }
        // The clock is as old as the last look: others may have had their turns since, also before the first.
        self.look(engine, stage, 0)?;
        if self.turns == 0 {
            self.measured.before = self.mark(Some(stage), engine.world().now_us(), target);
            self.ramp(engine, stage, target)?;
            self.warm(engine, stage, target)?;
        }
        self.load(engine, stage, target, turn)?;
        self.turns += 1;
        self.pause = Some(Pause { since: Instant::now(), generator: generator() });
        if turn.last {
            self.screen.finish();
        }
        Ok(())
    }

    /// Load that is proved and not measured.
    fn warm(&mut self, engine: &mut dyn Engine, stage: &mut Stage, target: &mut Target) -> Result<(), Failure> {
        if self.plan.warm.is_zero() {
            return Ok(());
        }
        self.warming = true;
        self.load(engine, stage, target, Turn { relay: None, length: self.plan.warm, last: false })?;
        self.warming = false;
        self.loaded = Duration::ZERO;
        stage.hall_mut().figures.forget_times();
        Ok(())
    }

    fn ramp(&mut self, engine: &mut dyn Engine, stage: &mut Stage, target: &mut Target) -> Result<(), Failure> {
        let ramp_us = micros(self.plan.ramp);
        let began_us = engine.world().now_us();
        stage.ramp(engine.world(), ramp_us);
        let mut progress = (0, began_us);
        while !stage.is_ramped() && !self.stop.is_asked() {
            self.look(engine, stage, u64::MAX)?;
            let now_us = engine.world().now_us();
            let hall = stage.hall();
            let (online, all) = (hall.cast.online(), hall.cast.len());
            if online != progress.0 {
                progress = (online, now_us);
            }
            if now_us.saturating_sub(progress.1) > RAMP_STANDSTILL_US + ramp_us / all.max(1) as u64 {
                let mut lines =
                    vec![format!("{online} of {all} sessions are logged in, and for 30 s there was no further one:")];
                lines.extend(hall.figures.errors.iter().map(|(what, count)| format!("{count} times: {what}")));
                return Err(Failure { exit: Exit::ActorDied, lines });
            }
            self.second(engine, stage, target, Phase::Ramp, online as f64 / all.max(1) as f64)?;
        }
        self.phases.ramp_s = seconds(engine.world().now_us() - began_us);
        Ok(())
    }

    /// What is done once a second.
    fn second(
        &mut self,
        engine: &mut dyn Engine,
        stage: &mut Stage,
        target: &mut Target,
        phase: Phase,
        progress: f64,
    ) -> Result<(), Failure> {
        let now_us = engine.world().now_us();
        if now_us < self.next_tick_us {
            return Ok(());
        }
        self.count_bytes(stage);
        if let Some(failure) = target.has_died() {
            return Err(failure);
        }
        stage.each_second(engine.world());
        self.tick(now_us, phase, progress, Some(stage), target);
        Ok(())
    }

    fn count_bytes(&self, stage: &mut Stage) {
        if let Some(transfers) = &self.transfers {
            stage.hall_mut().figures.file_bytes = self.moved_bytes + transfers.bytes();
        }
    }

    fn load(
        &mut self,
        engine: &mut dyn Engine,
        stage: &mut Stage,
        target: &mut Target,
        turn: Turn,
    ) -> Result<(), Failure> {
        let began_us = engine.world().now_us();
        // Relays have none of it, so whoever has some has one turn.
        let mut chaos = self.plan.chaos.map(|every| Chaos::new(every, began_us));
        if self.turns == 0 {
            self.measured.begin = self.mark(Some(stage), began_us, target);
        }
        stage.begin(engine.world());
        self.transfers = self.files.as_ref().map(|road| Transfers::begin(road, self.plan.size));
        let all_us = micros(if self.warming { self.plan.warm } else { self.plan.duration }).max(1) as f64;
        let loaded_us = micros(self.loaded);
        let until_us = began_us + micros(turn.length).max(1);
        loop {
            let now_us = engine.world().now_us();
            if now_us >= until_us || stage.is_over() || self.stop.is_asked() {
                break;
            }
            let latest_us = self.provoke(engine, stage, target, chaos.as_mut())?.min(until_us);
            self.look(engine, stage, latest_us)?;
            let phase = if self.warming { Phase::Ramp } else { Phase::Run };
            self.second(engine, stage, target, phase, (loaded_us + now_us - began_us) as f64 / all_us)?;
        }
        self.loaded += turn.length;
        stage.end(engine.world());
        self.count_bytes(stage);
        // The drains of earlier turns, with all that was done in them, are part of the run.
        self.measured.end = self.mark(Some(stage), engine.world().now_us(), target);
        self.phases.run_s = seconds(self.measured.end.at_us - self.measured.begin.at_us);
        if let Some(chaos) = &mut chaos {
            chaos.end();
        }
        if let Some(transfers) = self.transfers.take() {
            let Moved { bytes, files, errors } = transfers.end();
            self.moved_bytes += bytes;
            let figures = &mut stage.hall_mut().figures;
            figures.files += files;
            for (what, count) in errors {
                figures.broken_files += count;
                figures.errors_of(&what, count);
            }
        }
        self.drain(engine, stage, target, chaos.as_mut(), turn.last)?;
        self.measured.incidents = chaos.map(|chaos| chaos.incidents).unwrap_or_default();
        Ok(())
    }

    /// Kills and starts the server, if that is asked for; when to look again at the latest.
    fn provoke(
        &mut self,
        engine: &mut dyn Engine,
        stage: &Stage,
        target: &mut Target,
        chaos: Option<&mut Chaos>,
    ) -> Result<u64, Failure> {
        let Some(chaos) = chaos else { return Ok(u64::MAX) };
        let now_us = engine.world().now_us();
        let cast = &stage.hall().cast;
        if let Some(what) = chaos.turn(now_us, cast.online() == cast.wanted(), target)? {
            self.screen.say(&format!("the server: {what}"));
        }
        Ok(chaos.look_us(now_us))
    }

    fn drain(
        &mut self,
        engine: &mut dyn Engine,
        stage: &mut Stage,
        target: &mut Target,
        mut chaos: Option<&mut Chaos>,
        last: bool,
    ) -> Result<(), Failure> {
        let began_us = engine.world().now_us();
        let logins = stage.hall().figures.logins;
        let most_logins = logins + DRAIN_LOGINS * stage.hall().cast.len() as u64;
        let mut progress = (0, began_us);
        loop {
            let now_us = engine.world().now_us();
            let hall = stage.hall();
            let counts = hall.ledger.so_far();
            // All of these end by themselves, so there is no limit to their time.
            let messages = counts.acknowledged + counts.delivered + counts.refused + counts.unanswered;
            let state = messages + hall.figures.presence.count() + hall.figures.logins.min(most_logins);
            let down = chaos.as_ref().is_some_and(|chaos| chaos.is_down());
            if state != progress.0 || down {
                progress = (state, now_us);
            }
            let up = chaos.as_ref().is_none_or(|chaos| chaos.is_over());
            self.measured.cut_short = self.stop.is_urgent();
            if (up && stage.is_quiet()) || self.measured.cut_short {
                break;
            }
            if now_us - progress.1 > STANDSTILL_US {
                let (asked, owed) = (hall.cast.asked(), hall.ledger.outstanding());
                let away = hall.cast.wanted().saturating_sub(hall.cast.online());
                self.measured.notes.push(format!(
                    "the drain ended after {} s in which nothing came: {asked} requests without an answer, {owed} copies that did not come, {away} sessions away",
                    STANDSTILL_US / SECOND_US
                ));
                break;
            }
            let latest_us =
                self.provoke(engine, stage, target, chaos.as_deref_mut())?.min(progress.1 + STANDSTILL_US + 1000);
            self.look(engine, stage, latest_us)?;
            self.second(engine, stage, target, Phase::Drain, (now_us - progress.1) as f64 / STANDSTILL_US as f64)?;
        }
        if !last {
            return Ok(());
        }
        stage.conclude(self.measured.cut_short);
        let now_us = engine.world().now_us();
        self.phases.drain_s = seconds(now_us - began_us);
        // What the last second began with.
        let phase = if now_us > began_us { Phase::Drain } else { Phase::Run };
        self.tick(now_us, phase, 1.0, Some(stage), target);
        stage.dismiss(engine.world());
        Ok(())
    }
}
