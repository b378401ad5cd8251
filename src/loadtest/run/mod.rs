//! `hongyan loadtest`: one run from beginning to end. Owns: the order in which things are made, measured and ended. Never: knows how
//! any of them is done.

mod baselines;
mod doors;
mod mark;
mod party;
mod play;
mod prepare;
mod stop;
mod turns;
mod write_up;

use super::engine::Engine;
use super::engine::net::Net;
use super::inproc;
use super::options::{Loadtest, Scenario};
use super::plan::{Against, Plan, Speech, Voice};
use super::report::{Mode, Outputs, Report, Screen, compare, finish};
use super::stage::{Cast, Hall, Stage};
use super::stamp::Stamp;
use super::target::Target;
use super::target::here;
use super::target::own::Own;
use super::transfer::Road;
use super::{baseline, large, scenario, suite};
use crate::exit::{Exit, Failure};
use crate::limits;
use baselines::Bare;
use party::Party;
use play::Play;
use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};
pub(super) use stop::Stop;

/// Does what the command line asks for.
///
/// # Errors
/// The options make no sense, the server is not there, or the run failed by what it found (`--fail-if`, lost messages).
pub fn run(options: &Loadtest) -> Result<(), Failure> {
    if let Some(kind) = options.serve_baseline {
        return baseline::run(kind).map_err(|error| Failure::new(Exit::Listen, format!("the relay: {error}")));
    }
    if let [a, b] = options.compare.as_slice() {
        return compare::run(a, b);
    }
    let stop =
        Stop::catch().map_err(|error| Failure::new(Exit::ActorDied, format!("signals cannot be caught: {error}")))?;
    write_up::look();
    if let Some(word) = &options.figures {
        return suite::run(options, word, &stop);
    }
    if options.large {
        return large::run(options, &stop);
    }
    // Before anything is made: what cannot be written is said at once.
    Plan::check(options).map_err(|lines| Failure { exit: Exit::Usage, lines })?;
    let outputs = Outputs::prepare(options)?;
    let mut report = measure(options, &stop)?;
    finish(&mut report, &outputs)
}

/// Makes one run, in turns with its baselines; says nothing of it but what the screen shows.
///
/// # Errors
/// The options make no sense, or the server is not there.
pub(super) fn measure(options: &Loadtest, stop: &Stop) -> Result<Report, Failure> {
    let usage = |lines| Failure { exit: Exit::Usage, lines };
    let plan = Plan::check(options).map_err(usage)?;
    let sessions = scenario::sessions(&plan);
    let limit = limits::raise_open_files();
    plan.fits(sessions, limit).map_err(|line| usage(vec![line]))?;
    let mut relays = baselines::start(&plan, options)?;
    let together = plan.fits(sessions * (1 + relays.len()), limit).is_ok();
    let began = SystemTime::now();
    let screen = Screen::new(&write_up::plan(&plan), Mode::choose(options.quiet));

    let mut target = match &plan.against {
        Against::Own => Target::Own(Box::new(Own::start(&plan, options, sessions)?)),
        // Server and people are one process.
        Against::InProcess => Target::Here(std::process::id()),
        Against::Places(_) => Target::Elsewhere,
    };
    let doors = doors::find(&plan, &target)?;
    if let (Target::Elsewhere, Some(pid)) = (&target, doors.all.first().and_then(|door| here::listener(door.address))) {
        target = Target::Here(pid);
    }
    let failed = |error: std::io::Error| Failure::new(Exit::ActorDied, format!("the engine: {error}"));
    let mut within = match &plan.against {
        Against::InProcess => Some(inproc::Within::start(&plan, options, sessions, &doors.speeches())?),
        _ => None,
    };
    let mut net;
    let engine: &mut dyn Engine = if let Some(within) = &mut within {
        let board = within.engine.board();
        stop.wakes(move || board.nudge());
        &mut within.engine
    } else {
        net = Net::new(doors.all.clone()).map_err(failed)?;
        let waker = net.waker();
        // The loop looks by itself within a second.
        stop.wakes(move || drop(waker.wake()));
        &mut net
    };

    let run = number()?;
    let mut play = Play::new(&plan, stop, screen);
    let (accounts, groups) = prepare::everything(&plan, run, sessions, &doors, engine, &mut target, &mut play)?;
    if plan.scenario == Scenario::File {
        play.moves(Road::Server(doors.all[0].address, accounts.clone()));
    }
    let places: Vec<u16> = (0..sessions).map(|session| scenario::voice(&plan, session)).collect();
    let cast = Cast::new(accounts, &places, plan.seed);
    let mut hall = Hall::new(cast, groups, scenario::grouped(&plan), Some(catch_up(options)), run, text_size(&plan));
    let assumed = expect(&plan, options, &mut hall);
    let scenario = scenario::make(&plan, &mut hall);
    let stage = Stage::new(hall, scenario);
    let server = Party { plan: plan.clone(), engine, stage, target, play };
    let (mut report, target) = in_turns(server, &mut relays, stop, together)?;
    report.began_ms = began.duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(0));
    report.notes.extend(assumed);
    if let Target::Own(own) = &target {
        report.notes.extend(own.notes.iter().cloned());
    }
    if let Some(within) = within {
        report.notes.extend(within.stop()?);
    }
    if stop.is_asked() {
        report.notes.push("the run was ended early, by a signal".into());
    }
    Ok(report)
}

/// The server and the bare relays each have their time, in turns if all of them are `together` here; gives the server's report, which has the relays in it.
fn in_turns(
    mut server: Party<'_>,
    relays: &mut [Bare],
    stop: &Stop,
    together: bool,
) -> Result<(Report, Target), Failure> {
    let plan = server.plan.clone();
    let names: Vec<String> = relays.iter().map(|relay| relay.name().to_owned()).collect();
    let mut bare = relays.iter_mut().map(|relay| relay.party(&plan, stop)).collect::<Result<Vec<_>, Failure>>()?;
    let count = turns::count(&plan);
    let (turns, how) = if together {
        let how = format!("the server had its time in {count} turns, the bare relays before, between and behind them");
        (turns::alternating(count, plan.duration, bare.len()), how)
    } else {
        let how = "the bare relays ran before the server, since there are not enough open files for all at once: a machine that became slower or \
                   faster meanwhile makes the ratios wrong";
        (turns::apart(plan.duration, bare.len()), how.to_owned())
    };
    if !bare.is_empty() {
        server.play.say(&format!("beside it, unseen: {}", names.join(", ")));
    }
    let own = turns.iter().filter(|turn| turn.relay.is_none()).count();
    for turn in turns {
        match turn.relay {
            None => server.turn(turn)?,
            // Whoever asked for the end does not wait for what is only to compare with.
            Some(_) if stop.is_asked() => {}
            Some(at) => bare[at].turn(turn)?,
        }
    }
    let (mut report, target) = server.report();
    if !bare.is_empty() {
        report.plan.turns = own as u64;
        report.notes.push(how);
    }
    if !plan.warm.is_zero() {
        report
            .notes
            .push(format!("what the first {:.1} s of load cost is not in the figures", plan.warm.as_secs_f64()));
    }
    for (name, relay) in names.into_iter().zip(bare) {
        let (relay, _) = relay.report();
        report.notes.extend(baselines::notes(&name, &relay));
        if relay.phases.run_s > 0.0 {
            report.baselines.insert(name, baselines::baseline(relay));
        }
    }
    Ok((report, target))
}

/// A number for this run, by which its words are known.
fn number() -> Result<u32, Failure> {
    let mut bytes = [0; 4];
    getrandom::fill(&mut bytes)
        .map_err(|error| Failure::new(Exit::ActorDied, format!("the system gives no random number: {error}")))?;
    Ok(u32::from_be_bytes(bytes))
}

/// Bytes of a text, where there are texts.
fn text_size(plan: &Plan) -> usize {
    if plan.scenario == Scenario::File {
        Stamp::MIN_BYTES
    } else {
        usize::try_from(plan.size).unwrap_or(Stamp::MIN_BYTES)
    }
}

/// A setting of the server, as far as it is known here: what --set says, else its default.
fn setting<T: FromStr>(options: &Loadtest, key: &str, default: T) -> T {
    let said = options.set.iter().rev().find(|set| set.key == key);
    said.and_then(|set| set.value.trim().parse().ok()).unwrap_or(default)
}

/// The server's `group.catch_up`.
fn catch_up(options: &Loadtest) -> u32 {
    setting(options, "group.catch_up", 100)
}

/// What the proof has to know of the server; gives what was assumed of one whose settings are not known.
fn expect(plan: &Plan, options: &Loadtest, hall: &mut Hall) -> Option<String> {
    let known = matches!(plan.against, Against::Own | Against::InProcess);
    let again_s: u64 = setting(options, "binary.receipt_timeout_s", 30);
    let again_us = |voice: &Voice| (voice.speech == Speech::Binary).then_some(again_s * 1_000_000);
    hall.again_us = plan.voices.iter().map(again_us).collect();
    hall.alone = known;
    hall.echoes = !known || setting(options, "plain.group_echo", false);
    let binary = plan.voices.iter().any(|voice| voice.speech == Speech::Binary);
    let mut assumed = Vec::new();
    if scenario::groups(plan) > 0 {
        assumed.push(format!("group.catch_up = {}", catch_up(options)));
    }
    if binary {
        assumed.push(format!("binary.receipt_timeout_s = {again_s}"));
    }
    let told = !known && !assumed.is_empty();
    told.then(|| {
        let assumed = assumed.join(", ");
        format!("assumed of the server, which was not asked: {assumed} (the defaults; --set KEY=VALUE says otherwise)")
    })
}
