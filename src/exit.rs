//! How the process ends. Owns: the table of exit codes and the lines on standard error that go with a failure.
//! Never: calls `process::exit`; `main` returns, so that everything is dropped in order.

use crate::text;
use std::io::Write;
use std::process::ExitCode;

/// Why the process ended. Each has a code of its own, after `sysexits.h` where that has a word for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Exit {
    /// All is well.
    Ok,
    /// The command line makes no sense. `clap` uses the same code.
    Usage,
    /// A load test found that messages were lost, doubled or out of order, or a `--fail-if` came true.
    LoadFailed,
    /// The database is damaged where it matters, or of a later kind than this program knows.
    Damaged,
    /// An address is taken or cannot be listened on.
    Listen,
    /// An actor that the server cannot do without died, or the system refused something it cannot do without.
    ActorDied,
    /// The data folder cannot be made, read or written.
    DataFolder,
    /// The store could not write while the server ran.
    StorageWrite,
    /// Another process has the database open.
    Locked,
    /// The settings have mistakes.
    Settings,
}

/// Every exit, its code, and what `--help` says of it.
pub const TABLE: [(Exit, u8, &str); 10] = [
    (Exit::Ok, 0, "stopped in order"),
    (Exit::Usage, 2, "the command line has a mistake"),
    (Exit::LoadFailed, 3, "loadtest: messages were lost, doubled or out of order, or a --fail-if came true"),
    (Exit::Damaged, 65, "the database is damaged (see --accept-loss), or a newer hongyan wrote it"),
    (Exit::Listen, 69, "an address is taken or cannot be listened on"),
    (Exit::ActorDied, 70, "a part that the server cannot do without died; start it again"),
    (Exit::DataFolder, 73, "the data folder cannot be made, read or written"),
    (Exit::StorageWrite, 74, "the store could not write; start it again when the disk is well"),
    (Exit::Locked, 75, "the database is locked: another server uses it"),
    (Exit::Settings, 78, "the settings have mistakes; each is on a line of its own"),
];

impl Exit {
    /// Its number.
    #[must_use]
    pub fn code(self) -> u8 {
        // Every exit is in the table; a test says so.
        TABLE.iter().find(|(exit, ..)| *exit == self).map_or(1, |(_, code, _)| *code)
    }
}

/// The end of the process, and what to say about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Which kind.
    pub exit: Exit,
    /// One line for each thing that is wrong.
    pub lines: Vec<String>,
}

impl Failure {
    /// One thing that is wrong.
    #[must_use]
    pub fn new(exit: Exit, line: impl Into<String>) -> Self {
        Self { exit, lines: vec![line.into()] }
    }

    /// Writes the lines to `to`, each as one line whatever is in it.
    pub fn report(&self, to: &mut dyn Write) {
        for line in &self.lines {
            // Nobody is left to tell if standard error is closed.
            let _ = writeln!(to, "hongyan: {}", text::one_line(line));
        }
    }
}

/// Reports a failure on standard error and gives the process's exit code.
#[must_use]
pub fn end(outcome: Result<(), Failure>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::from(Exit::Ok.code()),
        Err(failure) => {
            failure.report(&mut std::io::stderr().lock());
            ExitCode::from(failure.exit.code())
        }
    }
}

/// The table as `--help` prints it.
#[must_use]
pub fn help() -> String {
    TABLE.iter().fold("Exit codes:\n".to_owned(), |help, (_, code, what)| help + &format!("  {code:>2}  {what}\n"))
}

#[cfg(test)]
mod tests {
    use super::{Exit, Failure, TABLE};
    use std::collections::BTreeSet;

    #[test]
    fn every_exit_has_a_code_of_its_own() {
        let codes: BTreeSet<u8> = TABLE.iter().map(|(_, code, _)| *code).collect();
        assert_eq!(codes.len(), TABLE.len());
        let all = [
            (Exit::Ok, 0),
            (Exit::Usage, 2),
            (Exit::LoadFailed, 3),
            (Exit::Damaged, 65),
            (Exit::Listen, 69),
            (Exit::ActorDied, 70),
            (Exit::DataFolder, 73),
            (Exit::StorageWrite, 74),
            (Exit::Locked, 75),
            (Exit::Settings, 78),
        ];
        for (exit, code) in all {
            assert_eq!(exit.code(), code, "{exit:?}");
        }
    }

    #[test]
    fn a_failure_is_one_line_for_each_mistake_whatever_is_in_it() {
        let failure = Failure { exit: Exit::Settings, lines: vec!["a\nb".into(), "c \u{1b}[2J".into()] };
        let mut out = Vec::new();
        failure.report(&mut out);
        assert_eq!(String::from_utf8(out).unwrap(), "hongyan: a\\nb\nhongyan: c \\u{1b}[2J\n");
    }
}
