//! Standard output. Owns: everything that is written there, and that a reader who has gone away ends nothing.
//! Never: logs (that is standard error).

use std::io::{self, Write};

/// Where lines for whoever started the server go.
pub struct Announcer {
    out: Option<Box<dyn Write>>,
}

impl Announcer {
    /// To standard output.
    #[must_use]
    pub fn stdout() -> Self {
        Self::to(Box::new(io::stdout()))
    }

    /// To somewhere else, for tests.
    #[must_use]
    pub fn to(out: Box<dyn Write>) -> Self {
        Self { out: Some(out) }
    }

    /// One line, at once. After the first failure nothing more is tried: the server outlives its reader.
    pub fn line(&mut self, line: &str) {
        let Some(out) = &mut self.out else { return };
        if let Err(error) = writeln!(out, "{line}").and_then(|()| out.flush()) {
            log::warn!("standard output is gone, nothing more is written there: {error}");
            self.out = None;
        }
    }
}

/// Prints a whole text; somebody who closes the pipe early (`| head`) has seen enough.
///
/// # Errors
/// The text could not be written, for any other reason.
pub fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        outcome => outcome,
    }
}

#[cfg(test)]
mod tests {
    use super::Announcer;
    use std::cell::Cell;
    use std::io::{self, Write};
    use std::rc::Rc;

    struct Gone(Rc<Cell<usize>>);

    impl Write for Gone {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            self.0.set(self.0.get() + 1);
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_closed_reader_is_noticed_once_and_ends_nothing() {
        let tries = Rc::new(Cell::new(0));
        let mut announcer = Announcer::to(Box::new(Gone(Rc::clone(&tries))));
        announcer.line("listening plain tcp plain 127.0.0.1:1");
        announcer.line("ready");
        assert_eq!(tries.get(), 1);
    }
}
