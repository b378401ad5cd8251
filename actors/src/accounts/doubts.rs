//! When a password is not enough, as a plain struct. Owns: how often in a row an account's password was wrong, and
//! which logins need a code by mail. Never: reads the store; it is told what is known.

use crate::settings::{AuthSettings, VerifyLogin};
use protocol::UserId;
use sha2::{Digest, Sha256};
use std::collections::HashMap;

/// Identifiers whose wrong passwords are counted at once; where there are more, all are forgotten: a table that can be
/// filled must not be one that locks people out.
const REMEMBERED: usize = 65_536;

/// Whom somebody wants to be: the account, or what it said, where nobody is called so.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) enum Identity {
    Account(UserId),
    /// The key of an e-mail address that is no account's.
    Email(String),
    /// The key of a name that is no account's.
    Name(String),
}

/// What is known about an account, as far as it matters here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Known {
    /// It has an e-mail address.
    pub(super) has_address: bool,
    /// It was logged in from there; `None`: never from anywhere.
    pub(super) here: Option<bool>,
}

/// The counts, and a secret.
pub(super) struct Doubts {
    policy: VerifyLogin,
    after: u32,
    /// Wrong passwords since the last right one.
    wrong: HashMap<Identity, u32>,
    /// What makes up accounts that do not exist.
    secret: [u8; 32],
}

impl Doubts {
    pub(super) fn new(settings: &AuthSettings, secret: [u8; 32]) -> Self {
        Self { policy: settings.verify_login, after: settings.verify_after, wrong: HashMap::new(), secret }
    }

    /// Whether any login needs a code.
    pub(super) fn never(&self) -> bool {
        self.policy == VerifyLogin::Never
    }

    /// Whether it matters from where somebody was logged in.
    pub(super) fn notes_visits(&self) -> bool {
        matches!(self.policy, VerifyLogin::NewAddress | VerifyLogin::Always)
    }

    /// Whether this login needs a code.
    pub(super) fn wants_code(&self, who: &Identity, known: Known) -> bool {
        let failed = self.wrong.get(who).is_some_and(|wrong| *wrong >= self.after);
        known.has_address
            && match self.policy {
                VerifyLogin::Never => false,
                VerifyLogin::Failures => failed,
                VerifyLogin::NewAddress => failed || known.here == Some(false),
                VerifyLogin::Always => true,
            }
    }

    /// What is known about an account that does not exist: made up, and the same each time while the server runs, so
    /// that nobody learns from a demand for a code, or from none, which accounts exist.
    pub(super) fn made_up(&self, who: &Identity) -> Known {
        let (kind, bytes) = match who {
            Identity::Account(UserId(id)) => (0, id.to_be_bytes().to_vec()),
            Identity::Email(key) => (1, key.as_bytes().to_vec()),
            Identity::Name(key) => (2, key.as_bytes().to_vec()),
        };
        let hash = Sha256::new().chain_update(self.secret).chain_update([kind]).chain_update(bytes).finalize();
        let coin = |bit: u8| hash[0] & (1 << bit) != 0;
        // Whoever has an e-mail address has one.
        Known { has_address: kind == 1 || coin(0), here: coin(1).then_some(false) }
    }

    /// That was not its password.
    pub(super) fn was_wrong(&mut self, who: Identity) {
        if self.wrong.len() >= REMEMBERED && !self.wrong.contains_key(&who) {
            self.wrong.clear();
        }
        let count = self.wrong.entry(who).or_default();
        *count = count.saturating_add(1);
    }

    /// It is in.
    pub(super) fn was_right(&mut self, who: &Identity) {
        self.wrong.remove(who);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANN: Identity = Identity::Account(UserId(10_000));
    const KNOWN: Known = Known { has_address: true, here: Some(true) };
    const ELSEWHERE: Known = Known { has_address: true, here: Some(false) };
    const FIRST: Known = Known { has_address: true, here: None };

    fn doubts(policy: VerifyLogin) -> Doubts {
        Doubts { policy, after: 2, wrong: HashMap::new(), secret: [1; 32] }
    }

    #[test]
    fn each_policy_wants_codes_of_whom_it_says() {
        use VerifyLogin::{Always, Failures, Never, NewAddress};
        for (policy, wanted) in [
            (Never, [false; 4]),
            (Failures, [false, false, false, true]),
            (NewAddress, [false, true, false, true]),
            (Always, [true; 4]),
        ] {
            let mut doubts = doubts(policy);
            let fresh = [KNOWN, ELSEWHERE, FIRST].map(|known| doubts.wants_code(&ANN, known));
            doubts.was_wrong(ANN);
            assert_eq!(doubts.wants_code(&ANN, KNOWN), policy == Always, "once is no pattern");
            doubts.was_wrong(ANN);
            assert_eq!(fresh, wanted[..3], "{policy:?}");
            assert_eq!(doubts.wants_code(&ANN, KNOWN), wanted[3], "{policy:?}");
            assert!(!doubts.wants_code(&ANN, Known { has_address: false, here: Some(false) }), "nowhere to send it");
            doubts.was_right(&ANN);
            assert_eq!(doubts.wants_code(&ANN, KNOWN), policy == Always);
        }
    }

    #[test]
    fn accounts_that_do_not_exist_are_made_up_of_all_kinds_and_stay_so() {
        let doubts = doubts(VerifyLogin::NewAddress);
        let ids: Vec<_> = (0..100).map(|n| doubts.made_up(&Identity::Account(UserId(n)))).collect();
        for kind in [(true, None), (true, Some(false)), (false, None), (false, Some(false))] {
            assert!(ids.iter().any(|known| (known.has_address, known.here) == kind), "{kind:?}");
        }
        let emails: Vec<_> = (0..100).map(|n| doubts.made_up(&Identity::Email(format!("{n}@b.cn")))).collect();
        assert!(emails.iter().all(|known| known.has_address));
        assert_eq!(emails[7], doubts.made_up(&Identity::Email("7@b.cn".into())));
    }

    #[test]
    fn the_table_is_bounded() {
        let mut doubts = doubts(VerifyLogin::Failures);
        for n in 0..70_000 {
            doubts.was_wrong(Identity::Account(UserId(n)));
        }
        assert!(doubts.wrong.len() <= REMEMBERED);
    }
}
