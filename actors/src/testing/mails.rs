//! Mail in memory. Owns: the letters that a test's server has sent, and what is to become of the next. Never: takes time.

use crate::mail::{Fate, Letter, Mails, Report};
use protocol::CodePurpose;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Takes all letters, unless told otherwise.
#[derive(Default)]
pub struct TestMails {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    tried: Vec<Tried>,
    fates: VecDeque<Fate>,
    /// Attempts are not answered.
    silent: bool,
    unanswered: Vec<(Arc<Letter>, Report)>,
}

/// An attempt to send a letter.
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "as in Letter")]
pub struct Tried {
    pub to: String,
    pub purpose: CodePurpose,
    pub digits: String,
}

impl Mails for TestMails {
    fn send(&self, letter: Arc<Letter>, report: Report) {
        let mut inner = self.lock();
        let to = letter.to.as_str().to_owned();
        inner.tried.push(Tried { to, purpose: letter.purpose, digits: letter.digits() });
        if inner.silent {
            inner.unanswered.push((letter, report));
            return;
        }
        let fate = inner.fates.pop_front().unwrap_or_else(|| Fate::Sent("taken".to_owned()));
        drop(inner);
        report.tell(fate);
    }
}

impl TestMails {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All attempts so far.
    pub fn tried(&self) -> Vec<Tried> {
        self.lock().tried.clone()
    }

    /// The digits of the last letter to an address, whatever for.
    pub fn code_for(&self, to: &str) -> Option<String> {
        self.lock().tried.iter().rev().find(|tried| tried.to == to).map(|tried| tried.digits.clone())
    }

    /// What becomes of the next attempt that has no fate yet.
    pub fn then(&self, fate: Fate) {
        self.lock().fates.push_back(fate);
    }

    /// From now on attempts are not answered.
    pub fn hang(&self) {
        self.lock().silent = true;
    }

    /// Lets go of the attempts that were not answered: they broke off.
    pub fn let_go(&self) {
        let unanswered = {
            let mut inner = self.lock();
            inner.silent = false;
            std::mem::take(&mut inner.unanswered)
        };
        drop(unanswered);
    }
}
