//! `hongyan loadtest --large`: what a store of many accounts and messages costs (docs/performance.md). Owns: the order of what is made and
//! measured, and the table. Never: measures by itself; [`fill`] writes and reads through the server's own store, [`place`] looks at the folder,
//! and a second process of this program serves it.

mod fill;
mod place;

use super::options::{Dialect, Loadtest};
use super::plan::{Speech, Voice};
use super::report::Report;
use super::run;
use super::suite::{Bound, HEAD, Line, cells, line};
use super::target::own::{self, Own};
use super::target::proc;
use crate::announce;
use crate::cli::{Cli, Command};
use crate::exit::{Exit, Failure};
use crate::settings::{self, Settings, Sources};
use clap::Parser;
use fill::{Filler, Took};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Messages that wait for one client.
const BACKLOG: u64 = 100_000;
/// Messages that are there when the store is small, and at most as many at each end of filling are compared.
const FEW: u64 = 100_000;
/// How many more are written at each end, to know what one costs.
const SAMPLE: u64 = 500_000;
/// What the server's password hash is set to where people log in: it is not what is measured.
const CHEAP: [&str; 2] = ["auth.memory_kib=8", "auth.passes=1"];

/// Everything that a run needs.
struct Bench<'a> {
    asked: &'a Loadtest,
    stop: &'a run::Stop,
    settings: Settings,
    program: PathBuf,
    data: PathBuf,
    /// A copy from when there were few messages: so that few and many can be measured in turns.
    few: PathBuf,
}

/// A start of the server: how long it took until `ready`, and what it had then.
#[derive(Clone, Copy, Debug)]
struct Start {
    seconds: f64,
    resident_mib: f64,
    peak_mib: f64,
}

/// Fills a store, serves it, and prints the table as it grows.
///
/// # Errors
/// The store cannot be made or served, or a message was lost, doubled or out of order. Figures that are missed are no failure.
pub(super) fn run(asked: &Loadtest, stop: &run::Stop) -> Result<(), Failure> {
    let failed =
        |what: &str, error: std::io::Error| Failure::new(Exit::DataFolder, format!("--large: {what}: {error}"));
    let folder = own::folder().map_err(|error| failed("no temporary folder", error))?;
    let data = asked.data.clone().unwrap_or_else(|| folder.path().join("data"));
    if data.join("db").exists() {
        let line = format!("--large --data {}: there is a database already; name a new folder", data.display());
        return Err(Failure::new(Exit::Usage, line));
    }
    let program = match &asked.program {
        Some(program) => program.clone(),
        None => std::env::current_exe().map_err(|error| failed("this program is not found", error))?,
    };
    let sources = Sources { overrides: asked.set.clone(), ..Sources::default() };
    let settings = settings::load(&sources).map_err(|mistakes| Failure {
        exit: Exit::Settings,
        lines: mistakes.iter().map(|mistake| format!("--large: settings: {mistake}")).collect(),
    })?;
    Bench { asked, stop, settings: settings.settings, program, data, few: folder.path().join("few") }.all()
}

impl Bench<'_> {
    fn all(&self) -> Result<(), Failure> {
        let (people, messages) = (self.asked.people, self.asked.messages);
        let few = FEW.min(messages / 10).max(1);
        // Beyond the bound senders are refused.
        let backlog = BACKLOG.min(messages / 10).min(self.settings.chat.inbox.max);
        out(HEAD)?;

        let mut filler = self.open(0, 0)?;
        let windows = filler.register(people, &mut self.progress("accounts", 0, people))?;
        table("accounts", &accounts(&windows, people))?;
        filler.talk(few, 0, &mut self.progress("messages", 0, messages))?;
        filler.settle();
        filler.close()?;
        let copied = place::copy(&self.data, &self.few);
        copied.map_err(|error| Failure::new(Exit::DataFolder, format!("--large: no copy can be made: {error}")))?;
        let mut filler = self.open(people, few)?;
        let windows = filler.talk(messages - few, backlog, &mut self.progress("messages", few, messages))?;
        table("stored by the writer alone, among all people", &stored(&windows, messages))?;
        filler.settle();
        filler.close()?;
        self.starts()?;
        self.growth()?;
        self.backlog(people, messages, backlog)
    }

    /// How long a start takes, and what is resident then.
    fn starts(&self) -> Result<(), Failure> {
        let mib = place::bytes(&self.data).map(|bytes| bytes as f64 / f64::from(1 << 20));
        table("all of it on the disk", &[line("files", "MiB", mib, Bound::None, None)])?;
        table("start, after an orderly stop", &self.start()?.lines())?;
        place::forget(&self.data);
        table("the same, nothing of it in the system's cache", &self.start()?.lines())
    }

    /// What a message costs a server with many and with few, in turns; then a start after it was killed.
    fn growth(&self) -> Result<(), Failure> {
        let scenario = format!("private --sessions 1000 --duration {}s", self.seconds());
        let (mut cpu, mut resident_mib) = ([Took::default(); 2], 0.0);
        // A store that is not large is measured once. Otherwise the first of each warms up what is shared.
        let turns = if self.seconds() > 1 { [0, 1, 1, 0, 0, 1].as_slice() } else { &[0, 1] };
        for (turn, &at) in turns.iter().enumerate() {
            let report = self.load([&self.few, &self.data][at], &scenario)?;
            if (turn > 1 || turns.len() == 2)
                && let Some(usage) = &report.cpu.server
            {
                let count = whole(report.rates.acknowledged * report.phases.run_s);
                let cpu_us = whole((usage.user_s + usage.system_s) * 1e6);
                cpu[at] = cpu[at].and(Took { count, seconds: report.phases.run_s, cpu_us });
            }
            resident_mib = report.memory.server_after_kib as f64 / 1024.0;
        }
        table("start, after kill -9 under load", &self.start()?.lines())?;
        let [few, all] = cpu.map(|took| took.cpu_each());
        table(
            "private, closed loop, 500 pairs, by the server",
            &[
                line("CPU a message, few rows", "µs", few, Bound::None, None),
                line("CPU a message, all rows", "µs", all, Bound::None, None),
                line("all : few", "×", over(all, few), Bound::AtMost(1.3), None),
                line("resident after it", "MiB", Some(resident_mib), Bound::AtMost(200.0), None),
            ],
        )
    }

    /// How fast what waits for one client is read: by the store, and by a client.
    fn backlog(&self, people: u64, messages: u64, backlog: u64) -> Result<(), Failure> {
        let filler = self.open(people, messages)?;
        filler.settle();
        let reads = [filler.read_backlog()?, filler.read_backlog()?];
        filler.close()?;
        if let Some(read) = reads.iter().find(|read| read.count != backlog) {
            let line = format!("--large: {} messages were read of a backlog of {backlog}", read.count);
            return Err(Failure::new(Exit::LoadFailed, line));
        }
        table(
            "backlog of one client, from 100 others",
            &[
                line("read from the store a second", "", reads[0].rate(), Bound::AtLeast(200_000.0), None),
                line("the same once more", "", reads[1].rate(), Bound::None, None),
                line("CPU a message", "µs", reads[1].cpu_each(), Bound::None, None),
            ],
        )?;
        let scenario =
            format!("offline --dialect binary --sessions 2 --outstanding 256 --duration {}s", self.seconds());
        let away = self.load(&self.data, &scenario)?;
        let read = Some(away.counts.delivered as f64 / away.phases.drain_s).filter(|rate| rate.is_finite());
        table(
            "a backlog from login to the last, binary, from one other",
            &[
                line("messages", "", Some(away.counts.delivered as f64), Bound::None, None),
                line("a second", "", read, Bound::None, None),
            ],
        )
    }

    /// How long a load lasts.
    fn seconds(&self) -> u64 {
        (self.asked.messages / 1_000_000).clamp(1, 6)
    }

    fn open(&self, people: u64, messages: u64) -> Result<Filler, Failure> {
        Filler::open(&self.data, &self.settings.chat, people, messages)
    }

    /// Tells how far filling has come, in at most twenty lines for all of it.
    fn progress(&self, what: &'static str, from: u64, all: u64) -> impl FnMut(u64) -> bool + '_ {
        let (quiet, began, mut told) = (self.asked.quiet, Instant::now(), 0);
        let step = (all / 20).max(1);
        move |done| {
            let there = from + done;
            if !quiet && there / step > told {
                told = there / step;
                let seconds = began.elapsed().as_secs_f64();
                // Whoever does not read it misses nothing.
                let _ = writeln!(std::io::stderr(), "filling: {there} of {all} {what}, {seconds:.0} s");
            }
            !self.stop.is_asked()
        }
    }

    fn server(&self, data: &Path, cheap: bool) -> Result<Own, Failure> {
        let folder = own::folder()
            .map_err(|error| Failure::new(Exit::DataFolder, format!("--large: no temporary folder: {error}")))?;
        let sets = ["http.address=127.0.0.1:0", "relay.ports=0"].into_iter();
        let sets = sets.chain(CHEAP.into_iter().filter(|_| cheap)).map(str::to_owned);
        let asked = self.asked.set.iter().map(|set| format!("{}={}", set.key, set.value));
        Ok(Own::idle(self.program.clone(), data.to_owned(), sets.chain(asked).collect(), self.asked.pin, folder))
    }

    /// Starts the server as anybody would, and stops it in order.
    fn start(&self) -> Result<Start, Failure> {
        let mut server = self.server(&self.data, false)?;
        let began = Instant::now();
        server.spawn()?;
        server.wait()?;
        let seconds = began.elapsed().as_secs_f64();
        let mib = |kib: Option<u64>| kib.map_or(f64::NAN, |kib| kib as f64 / 1024.0);
        let resident_mib = mib(server.sample().map(|sample| sample.rss_kib));
        let peak_mib = mib(server.pid().and_then(proc::peak_kib));
        server.stop();
        Ok(Start { seconds, resident_mib, peak_mib })
    }

    /// Starts the server, lets a scenario loose on it, and kills it.
    fn load(&self, data: &Path, scenario: &str) -> Result<Report, Failure> {
        let mut server = self.server(data, true)?;
        server.spawn()?;
        server.wait()?;
        let mut options = options(scenario)?;
        for dialect in options.dialect.clone() {
            let speech = if dialect == Dialect::Binary { Speech::Binary } else { Speech::Plain };
            let voice = Voice { speech, web: false, tls: false };
            let place = |voice: Voice| server.address(voice).map(|address| format!("{voice}={address}"));
            let registrar = Voice { speech: Speech::Plain, ..voice };
            options.to.extend(place(voice).into_iter().chain(place(registrar).filter(|_| voice != registrar)));
        }
        options.quiet = true;
        let report = run::measure(&options, self.stop)?;
        server.kill();
        let counts = &report.counts;
        if counts.lost + counts.duplicated + counts.reordered + counts.ghosts > 0 {
            let (lost, doubled, late) = (counts.lost, counts.duplicated, counts.reordered);
            let line = format!("--large: {scenario}: lost {lost}, duplicated {doubled}, reordered {late}");
            return Err(Failure::new(Exit::LoadFailed, line));
        }
        Ok(report)
    }
}

impl Start {
    fn lines(&self) -> [Line; 3] {
        let known = |value: f64| Some(value).filter(|value| value.is_finite());
        [
            line("until it is ready", "s", known(self.seconds), Bound::AtMost(3.0), None),
            line("resident then", "MiB", known(self.resident_mib), Bound::AtMost(200.0), None),
            line("resident at the most", "MiB", known(self.peak_mib), Bound::None, None),
        ]
    }
}

/// What accounts cost among the first tenth and among the last.
fn accounts(windows: &[Took], people: u64) -> [Line; 4] {
    let [first, last] = Took::ends(windows, (people / 10).max(1));
    [
        line("registered a second, the first tenth", "", first.rate(), Bound::None, None),
        line("registered a second, the last tenth", "", last.rate(), Bound::None, None),
        line("CPU of one, the first tenth", "µs", first.cpu_each(), Bound::None, None),
        line("CPU of one, the last tenth", "µs", last.cpu_each(), Bound::None, None),
    ]
}

/// What messages cost the writer when they were few and when they were many.
fn stored(windows: &[Took], messages: u64) -> [Line; 4] {
    let [few, all] = Took::ends(windows, SAMPLE.min(messages / 5).max(1));
    [
        line("messages a second, at last", "", all.rate(), Bound::None, None),
        line("CPU a message, few rows", "µs", few.cpu_each(), Bound::None, None),
        line("CPU a message, all rows", "µs", all.cpu_each(), Bound::None, None),
        line("all : few", "×", over(all.cpu_each(), few.cpu_each()), Bound::None, None),
    ]
}

/// A count or a time that was made a fraction for the report.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "far below what a float tells apart, and not below 0"
)]
fn whole(value: f64) -> u64 {
    value.round() as u64
}

fn over(many: Option<f64>, few: Option<f64>) -> Option<f64> {
    many.zip(few).filter(|(_, few)| *few > 0.0).map(|(many, few)| many / few)
}

fn options(scenario: &str) -> Result<Box<Loadtest>, Failure> {
    let words = ["hongyan", "loadtest"].into_iter().chain(scenario.split(' '));
    match Cli::try_parse_from(words).map(|cli| cli.command) {
        Ok(Command::Loadtest(options)) => Ok(options),
        _ => Err(Failure::new(Exit::Usage, format!("{scenario}: not a load test"))),
    }
}

fn table(scenario: &str, lines: &[Line]) -> Result<(), Failure> {
    out(&lines.iter().map(|line| cells(scenario, line)).collect::<String>())
}

fn out(text: &str) -> Result<(), Failure> {
    announce::print(text)
        .map_err(|error| Failure::new(Exit::StorageWrite, format!("standard output cannot be written: {error}")))
}
