//! Tests of the screen. Owns: a terminal that writes down what it is told.

use super::{Mode, Out, Screen, bar, steps};
use crate::loadtest::report::{Phase, Tick, samples};
use indicatif::{ProgressDrawTarget, ProgressStyle, TermLike};
use std::ffi::OsStr;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

#[derive(Clone, Debug, Default)]
struct Sink(Arc<Mutex<String>>);

impl Sink {
    fn text(&self) -> String {
        self.0.lock().unwrap().clone()
    }

    fn push(&self, text: &str) -> io::Result<()> {
        self.0.lock().unwrap().push_str(text);
        Ok(())
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.push(std::str::from_utf8(bytes).unwrap())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A terminal that writes down what it is told.
impl TermLike for Sink {
    fn width(&self) -> u16 {
        100
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.push(&format!("<up {n}>"))
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.push(&format!("<down {n}>"))
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.push(&format!("<right {n}>"))
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.push(&format!("<left {n}>"))
    }

    fn write_line(&self, s: &str) -> io::Result<()> {
        self.push(&format!("{s}\n"))
    }

    fn write_str(&self, s: &str) -> io::Result<()> {
        self.push(s)
    }

    fn clear_line(&self) -> io::Result<()> {
        self.push("<clear>")
    }

    fn flush(&self) -> io::Result<()> {
        Ok(())
    }
}

fn plain(ticks: &[Tick]) -> Vec<String> {
    let sink = Sink::default();
    let mut screen = Screen::on(&samples::private().plan, Out::Plain(Box::new(sink.clone())));
    ticks.iter().for_each(|tick| screen.tick(tick));
    sink.text().lines().map(String::from).collect()
}

#[test]
fn the_mode_is_what_standard_error_is_good_for() {
    let of = |quiet, terminal, term: Option<&str>, no_color: Option<&str>| {
        Mode::of(quiet, terminal, term.map(OsStr::new), no_color.map(OsStr::new))
    };
    assert_eq!(of(true, true, Some("xterm"), None), Mode::Quiet);
    assert_eq!(of(false, false, Some("xterm"), None), Mode::Plain);
    assert_eq!(of(false, true, Some("dumb"), None), Mode::Plain);
    assert_eq!(of(false, true, None, None), Mode::Plain);
    assert_eq!(of(false, true, Some("xterm"), None), Mode::Live { colour: true });
    assert_eq!(of(false, true, Some("xterm"), Some("1")), Mode::Live { colour: false });
    assert_eq!(of(false, true, Some("xterm"), Some("")), Mode::Live { colour: true });
}

#[test]
fn plain_lines_are_as_they_were_agreed() {
    let lines = plain(&samples::private().series[..6]).join("\n") + "\n";
    assert_eq!(lines, include_str!("../golden/screen.txt"), "it is now:\n{lines}");
}

#[test]
fn plain_lines_become_seldom_and_nothing_is_left_out() {
    let tick = |at: u32| Tick {
        at_s: f64::from(at),
        phase: if at < 100 { Phase::Run } else { Phase::Drain },
        sent: u64::from(at),
        errors: u64::from(at == 42),
        p99_us: if at == 43 { 5000.0 } else { 1000.0 },
        ..Tick::default()
    };
    let lines = plain(&(1..=100).map(tick).collect::<Vec<_>>());
    // The title, 30 seconds, every fifth to 95, and the new phase at 100.
    assert_eq!(lines.len(), 1 + 30 + 13 + 1, "{lines:#?}");
    let of_five = lines.iter().find(|line| line.starts_with("   45 s")).unwrap();
    for part in ["sent 43/s", "p99 5.00 ms", "errors 1"] {
        assert!(of_five.contains(part), "{part} in {of_five}");
    }
    assert!(lines[44].contains("drain"), "{}", lines[44]);
}

#[test]
fn the_live_screen_draws_over_itself_and_goes_away() {
    for template in [true, false] {
        let sink = Sink::default();
        let target = ProgressDrawTarget::term_like_with_hz(Box::new(sink.clone()), 255);
        let bar = bar(target, template);
        let mut screen = Screen::on(&samples::chaos().plan, Out::Live { bar, colour: false });
        for tick in &samples::private().series[..12] {
            screen.tick(tick);
        }
        screen.say("killed\u{1b}[2J");
        let text = sink.text();
        for part in [
            "hongyan loadtest mixed · 1,000 sessions",
            "━━",
            "sessions 1,000 of 1,000  errors 1",
            " 12.0 s  killed\\u{1b}[2J",
            "prepare took 1.0 s",
            "ramp took 2.0 s",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        // It starts from its first line again, and does not scroll.
        assert!(text.contains("<up 5>"), "{text}");
        assert!(!text.contains('\u{1b}'), "{text}");
        screen.finish();
        let before = sink.text();
        screen.tick(&Tick::default());
        screen.say("more");
        assert_eq!(sink.text(), before);
    }
}

#[test]
fn quiet_is_quiet_and_the_bar_keeps_its_bounds() {
    let mut screen = Screen::new(&samples::private().plan, Mode::Quiet);
    screen.tick(&Tick::default());
    screen.say("nothing");
    assert_eq!([-1.0, 0.5, 7.0, f64::NAN].map(steps), [0, 500, 1000, 0]);
    assert!(ProgressStyle::with_template("{bar:40.cyan/dim} {msg}").is_ok());
}
