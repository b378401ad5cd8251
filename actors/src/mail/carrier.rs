//! What the mailer needs from whoever carries mail. Owns: the trait [`Mails`] and what it reports. Never: opens a
//! connection (the binary's `mail/` does).

use super::letter::Letter;
use std::fmt;
use std::sync::Arc;

/// What became of an attempt to send a letter.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fate {
    /// It is gone, and nobody here is responsible for it any more: a line for the log, which tells neither code nor
    /// address.
    Sent(String),
    /// Not this time, and why; it may be tried again.
    Later(String),
    /// Never, and why.
    Refused(String),
}

/// Whoever carries mail.
pub trait Mails: Send + Sync {
    /// Starts an attempt to send a letter, elsewhere, and returns at once. It ends within `mail.timeout_s`, in whatever
    /// way, and then `report` is told or dropped.
    fn send(&self, letter: Arc<Letter>, report: Report);
}

/// Where an attempt's end is reported, once. One that is dropped reports that the attempt broke off.
pub struct Report(Option<Box<dyn FnOnce(Fate) + Send>>);

impl Report {
    /// One that calls `then`.
    #[must_use]
    pub fn new(then: impl FnOnce(Fate) + Send + 'static) -> Self {
        Self(Some(Box::new(then)))
    }

    /// Reports.
    pub fn tell(mut self, fate: Fate) {
        if let Some(then) = self.0.take() {
            then(fate);
        }
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        if let Some(then) = self.0.take() {
            then(Fate::Later("the attempt broke off".to_owned()));
        }
    }
}

impl fmt::Debug for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Report")
    }
}

#[cfg(test)]
mod tests {
    use super::{Fate, Report};
    use std::sync::mpsc::channel;

    #[test]
    fn a_report_is_told_once_even_if_it_is_dropped() {
        let (tell, told) = channel();
        let again = tell.clone();
        Report::new(move |fate| tell.send(fate).unwrap()).tell(Fate::Sent("x".into()));
        drop(Report::new(move |fate| again.send(fate).unwrap()));
        let told: Vec<_> = told.into_iter().collect();
        assert_eq!(told, [Fate::Sent("x".into()), Fate::Later("the attempt broke off".into())]);
    }
}
