//! The log on standard error. Owns: its format, its filter, and that one record is one line whatever is in it, panics
//! included. Never: decides what is worth a line.

use crate::text;
use std::io::Write;
use std::panic;

/// Starts logging with the settings' filter; the variable `RUST_LOG` wins over it. Panics are logged like everything
/// else, since their text may hold what a client sent.
pub fn start(filter: &str) {
    let environment = env_logger::Env::default().default_filter_or(filter);
    let mut builder = env_logger::Builder::from_env(environment);
    builder.format(|out, record| {
        let (level, target) = (record.level(), record.target());
        let message = text::one_line(&record.args().to_string());
        let time = out.timestamp_millis();
        writeln!(out, "{time} {level:<5} {target}: {message}")
    });
    // In a test another one may have been started before; that one stays.
    let _ = builder.try_init();
    panic::set_hook(Box::new(|info| {
        let payload = info.payload();
        let text = payload.downcast_ref::<&str>().copied();
        let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("(no text)");
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        let thread = std::thread::current();
        log::error!(target: "panic", "in thread {} at {place}: {text}", thread.name().unwrap_or("(unnamed)"));
    }));
}
