//! Progress while a run lasts, on standard error. Owns: the live screen, and the plain lines where there is no terminal.
//! Never: changes a terminal's mode, hides its cursor or leaves its main screen, so that nothing is to be restored
//! however the process ends (Ctrl-C, SIGKILL); indicatif leaves the cursor behind a line that is filled up, so that a
//! shell goes on below it.

use super::figures::{count, kib, percent, rate, time};
use super::{Phase, Plan, Tick};
use crate::text;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::ffi::OsStr;
use std::io::{IsTerminal, Write};

/// Steps of the bar.
const STEPS: u64 = 1000;
/// Until then (in seconds) there is a plain line for each tick, later for every [`LATER_S`] seconds.
const EACH_UNTIL_S: f64 = 30.5;
const LATER_S: f64 = 4.5;

/// How progress is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// A few lines that change in place.
    Live {
        /// A little colour.
        colour: bool,
    },
    /// One line a second; after the first 30 s one for five seconds.
    Plain,
    /// Not at all.
    Quiet,
}

impl Mode {
    /// What standard error is good for.
    #[must_use]
    pub fn choose(quiet: bool) -> Self {
        let variable = |name| std::env::var_os(name);
        let terminal = std::io::stderr().is_terminal();
        Self::of(quiet, terminal, variable("TERM").as_deref(), variable("NO_COLOR").as_deref())
    }

    fn of(quiet: bool, terminal: bool, term: Option<&OsStr>, no_color: Option<&OsStr>) -> Self {
        let dumb = term.is_none_or(|term| term.is_empty() || term == "dumb");
        match (quiet, terminal && !dumb) {
            (true, _) => Self::Quiet,
            (false, false) => Self::Plain,
            // https://no-color.org: whatever it says, if it says something.
            (false, true) => Self::Live { colour: no_color.is_none_or(OsStr::is_empty) },
        }
    }
}

enum Out {
    Live { bar: ProgressBar, colour: bool },
    Plain(Box<dyn Write + Send>),
    Quiet,
}

/// What was not told yet, of one or more ticks.
#[derive(Clone, Debug, Default)]
struct Pending {
    seconds: f64,
    sent: u64,
    acknowledged: u64,
    delivered: u64,
    errors: u64,
    p50_us: f64,
    p99_us: f64,
    max_us: f64,
    server_cpu_ms: f64,
    generator_cpu_ms: f64,
}

impl Pending {
    /// Counts are summed up; of the latencies of several seconds the worst second's are told.
    fn add(&mut self, tick: &Tick, seconds: f64) {
        self.seconds += seconds;
        self.sent += tick.sent;
        self.acknowledged += tick.acknowledged;
        self.delivered += tick.delivered;
        self.errors += tick.errors;
        self.p50_us = self.p50_us.max(tick.p50_us);
        self.p99_us = self.p99_us.max(tick.p99_us);
        self.max_us = self.max_us.max(tick.max_us);
        self.server_cpu_ms += tick.server_cpu_ms;
        self.generator_cpu_ms += tick.generator_cpu_ms;
    }

    fn a_second(&self, number: u64) -> String {
        format!("{}/s", rate(number as f64 / self.seconds))
    }

    fn part(&self, ms: f64) -> String {
        percent(ms / 1e3 / self.seconds)
    }

    fn latency(&self) -> String {
        format!("p50 {}  p99 {}  max {}", time(self.p50_us), time(self.p99_us), time(self.max_us))
    }

    fn cpu(&self, tick: &Tick) -> String {
        let generator = format!("generator {}", self.part(self.generator_cpu_ms));
        if tick.server_kib == 0 {
            return generator;
        }
        format!("server {}, {}  {generator}", self.part(self.server_cpu_ms), kib(tick.server_kib))
    }
}

/// Progress of one run. Dropping it does what [`Screen::finish`] does.
pub struct Screen {
    out: Out,
    title: String,
    sessions: u64,
    run_s: f64,
    phase: Option<(Phase, f64)>,
    last_s: f64,
    told_s: f64,
    errors: u64,
    pending: Pending,
}

impl Screen {
    /// Begins to tell of a run.
    #[must_use]
    pub fn new(plan: &Plan, mode: Mode) -> Self {
        let out = match mode {
            Mode::Live { colour } => Out::Live { bar: bar(ProgressDrawTarget::stderr_with_hz(10), colour), colour },
            Mode::Plain => Out::Plain(Box::new(std::io::stderr())),
            Mode::Quiet => Out::Quiet,
        };
        Self::on(plan, out)
    }

    fn on(plan: &Plan, out: Out) -> Self {
        let load = if plan.rate > 0.0 { format!(" · {}/s", rate(plan.rate)) } else { String::new() };
        let title = format!(
            "hongyan loadtest {} · {} sessions · {}{load} · {}",
            plan.scenario,
            count(plan.sessions),
            plan.voices.join(","),
            plan.target
        );
        let mut screen = Self {
            out,
            title: text::one_line(&title),
            sessions: plan.sessions,
            run_s: plan.duration_s,
            phase: None,
            last_s: 0.0,
            told_s: 0.0,
            errors: 0,
            pending: Pending::default(),
        };
        let title = screen.title.clone();
        match &screen.out {
            Out::Plain(_) => screen.line(&title),
            Out::Live { bar, .. } => bar.set_prefix(title),
            Out::Quiet => {}
        }
        screen
    }

    /// Tells what happened in a second.
    pub fn tick(&mut self, tick: &Tick) {
        let seconds = tick.at_s - self.last_s;
        // A clock that stands still would divide by nothing.
        self.pending.add(tick, if seconds > 0.0 { seconds } else { 1.0 });
        self.last_s = tick.at_s;
        self.errors += tick.errors;
        let new_phase = self.phase.is_none_or(|(phase, _)| phase != tick.phase);
        if new_phase {
            if let (Some((phase, since)), Out::Live { .. }) = (self.phase, &self.out) {
                let took = self.told_s - since;
                self.line(&format!("{} took {}", name(phase), super::figures::seconds(took)));
            }
            self.phase = Some((tick.phase, self.told_s));
        }
        match &self.out {
            Out::Live { bar, colour } => {
                bar.set_message(self.frame(tick, *colour));
                bar.set_position(steps(tick.progress));
            }
            Out::Plain(_) => {
                let due = tick.at_s <= EACH_UNTIL_S || tick.at_s - self.told_s >= LATER_S;
                if !(due || new_phase) {
                    return;
                }
                self.line(&self.plain(tick));
            }
            Out::Quiet => {}
        }
        self.told_s = tick.at_s;
        self.pending = Pending::default();
    }

    /// Tells something that happened: "killed", "ready again after 0.14 s".
    pub fn say(&mut self, what: &str) {
        let line = format!("{:>5.1} s  {}", self.last_s, text::one_line(what));
        self.line(&line);
    }

    /// Takes the live lines away; what was said stays. Nothing is told after it.
    pub fn finish(&mut self) {
        if let Out::Live { bar, .. } = &self.out {
            bar.finish_and_clear();
        }
        self.out = Out::Quiet;
    }

    fn line(&mut self, line: &str) {
        match &mut self.out {
            Out::Live { bar, .. } => bar.println(line),
            Out::Plain(to) => {
                // One write, so that lines of others do not come between. Nobody is left to tell if it is closed.
                let _ = to.write_all(format!("{line}\n").as_bytes());
            }
            Out::Quiet => {}
        }
    }

    fn left(&self, tick: &Tick) -> String {
        if tick.phase != Phase::Run {
            return String::new();
        }
        format!("{} left", super::figures::seconds((self.run_s * (1.0 - tick.progress)).max(0.0)))
    }

    /// The lines behind the bar: its first is the rest of the bar's line.
    fn frame(&self, tick: &Tick, colour: bool) -> String {
        let now = &self.pending;
        let errors = match (self.errors, colour) {
            (0, _) => "errors 0".to_owned(),
            (n, true) => format!("\u{1b}[31merrors {}\u{1b}[0m", count(n)),
            (n, false) => format!("errors {}", count(n)),
        };
        format!(
            "{} {}  {}\nsessions {} of {}  {errors}\nsent {}  acknowledged {}  delivered {}\n{}\n{}",
            name(tick.phase),
            percent(tick.progress.clamp(0.0, 1.0)),
            self.left(tick),
            count(tick.sessions),
            count(self.sessions),
            now.a_second(now.sent),
            now.a_second(now.acknowledged),
            now.a_second(now.delivered),
            now.latency(),
            now.cpu(tick),
        )
    }

    fn plain(&self, tick: &Tick) -> String {
        let now = &self.pending;
        format!(
            "{:>5.0} s  {:<7} {:>5}  sessions {}  sent {}  acked {}  delivered {}  {}  errors {}  {}",
            tick.at_s,
            name(tick.phase),
            percent(tick.progress.clamp(0.0, 1.0)),
            count(tick.sessions),
            now.a_second(now.sent),
            now.a_second(now.acknowledged),
            now.a_second(now.delivered),
            now.latency(),
            count(now.errors),
            now.cpu(tick),
        )
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.finish();
    }
}

fn name(phase: Phase) -> &'static str {
    match phase {
        Phase::Prepare => "prepare",
        Phase::Ramp => "ramp",
        Phase::Run => "run",
        Phase::Drain => "drain",
    }
}

/// How much of the bar.
fn steps(progress: f64) -> u64 {
    // Within 0 and STEPS, so that the cast is exact.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let steps = (progress.clamp(0.0, 1.0) * STEPS as f64) as u64;
    steps
}

fn bar(target: ProgressDrawTarget, colour: bool) -> ProgressBar {
    let template = if colour { "{prefix}\n{bar:40.cyan/dim} {msg}" } else { "{prefix}\n{bar:40} {msg}" };
    // A constant; a test makes both.
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::with_draw_target(Some(STEPS), target).with_style(style.progress_chars("━━─"))
}

#[cfg(test)]
mod tests;
