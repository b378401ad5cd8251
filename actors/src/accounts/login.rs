//! Logins: what is compared with what, and whether a code is needed too. Owns: the message [`Verify`] and the order of
//! its steps. Never: says by words or by the time it takes which numbers and addresses are accounts.

use super::doubts::{Identity, Known};
use super::mail::Step;
use super::{Accounts, Purpose, Work, is_password};
use crate::delivery::{Answered, Origin};
use crate::registry::address_of;
use crate::store::{Op, ReadError, Reader, Submit, Then};
use actix::prelude::*;
use protocol::{CodePurpose, Email, Refusal, Secret, UserId, Who};
use tokio::time::Instant;

/// Is that the password of that account? Answered with `Verified`, or refused. Which numbers and e-mail addresses are
/// accounts is learnt neither from the words of a refusal nor from how long it took, as far as accounts have hashes of
/// the parameters that are set now; nor which names are, in a dialect whose document does not say it. In the others a name
/// that nobody has is refused as `NoSuchUser`.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Verify {
    /// Which account.
    pub who: Who,
    /// What its password is said to be.
    pub password: Secret,
    /// From a mail.
    pub code: Option<Secret>,
    /// The asking session's dialect can say a code. From others none is asked for.
    pub says_codes: bool,
    /// The asking session.
    pub origin: Origin,
}

/// Who somebody wants to be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Candidate {
    pub(super) identity: Identity,
    /// `None`: there is no such account. Everything is done as if there were one, and then it is refused.
    user: Option<UserId>,
    /// The hash that the password is compared with.
    hash: Option<String>,
    /// Where a code would have been mailed.
    address: Option<Email>,
    /// The code that was right, and is to be spent.
    code: Option<(Email, Secret)>,
    /// It could have been asked for a code.
    says_codes: bool,
}

/// Who is meant: somebody that a password is compared with, which is a comparison as any other where there is no such
/// number or address (it waits, costs a hash, counts as an attempt, and fails).
fn candidate(
    reader: &Reader,
    who: &Who,
    password: &Secret,
    says_codes: bool,
) -> Result<Result<Candidate, Refusal>, ReadError> {
    let (found, nobody) = match who {
        // Before it is known whether there is such an account.
        _ if !is_password(password) && (says_codes || !matches!(who, Who::Name(_))) => {
            return Ok(Err(Refusal::WrongPassword));
        }
        Who::Id(id) => (Some(*id), Some(Identity::Account(*id))),
        Who::Email(email) => (reader.user_by_email(email)?, Some(Identity::Email(email.key()))),
        Who::Name(key) => (reader.user_by_name(key)?, says_codes.then(|| Identity::Name(key.as_str().to_owned()))),
    };
    let hash = match found {
        Some(user) => reader.credentials(user)?,
        None => None,
    };
    let user = found.filter(|_| hash.is_some());
    let Some(identity) = user.map(Identity::Account).or(nobody) else { return Ok(Err(Refusal::NoSuchUser)) };
    if !is_password(password) {
        return Ok(Err(Refusal::WrongPassword));
    }
    let address = if let Who::Email(email) = who { Some(email.clone()) } else { None };
    Ok(Ok(Candidate { identity, user, hash, address, code: None, says_codes }))
}

/// An address that is nobody's: what codes for accounts that do not exist are tried for.
fn nobodys_address() -> Email {
    Email::from_stored("nobody@invalid")
}

impl Accounts {
    /// Where the code for this login was mailed, if it needs one.
    fn needs_code(&self, candidate: &Candidate, origin: &Origin) -> Result<Option<Email>, ReadError> {
        if !candidate.says_codes || self.doubts.never() {
            return Ok(None);
        }
        let (known, address) = match candidate.user {
            Some(user) => {
                let address = self.reader.email_of(user)?;
                let here = self.reader.knows_address(user, address_of(&origin.session))?;
                (Known { has_address: address.is_some(), here }, address)
            }
            None => (self.doubts.made_up(&candidate.identity), candidate.address.clone()),
        };
        let wanted = self.doubts.wants_code(&candidate.identity, known);
        Ok(wanted.then(|| address.unwrap_or_else(nobodys_address)))
    }

    /// A login's password is compared, when its turn comes.
    pub(super) fn compare(
        &mut self,
        candidate: Box<Candidate>,
        password: Secret,
        origin: Origin,
        ctx: &mut Context<Self>,
    ) {
        let work = Work::Verify(password, candidate.hash.clone());
        self.enqueue(work, Purpose::Login { candidate, origin }, ctx);
    }

    pub(super) fn password_wrong(&mut self, candidate: Candidate, origin: &Origin) {
        self.doubts.was_wrong(candidate.identity);
        origin.refuse(Refusal::WrongPassword);
    }

    /// A code that it took is good for one login only.
    pub(super) fn password_right(&mut self, mut candidate: Candidate, origin: Origin) {
        match candidate.code.take() {
            None => self.enter(&candidate, &origin),
            Some((email, code)) => {
                let op = Op::TryCode { email, purpose: CodePurpose::Login, code, spend: true };
                self.try_code(op, Step::Enter { candidate: Box::new(candidate) }, origin);
            }
        }
    }

    /// All is right.
    pub(super) fn enter(&mut self, candidate: &Candidate, origin: &Origin) {
        // Nobody's password is ever right.
        let Some(user) = candidate.user else { return origin.refuse(Refusal::WrongPassword) };
        self.doubts.was_right(&candidate.identity);
        if candidate.says_codes && self.doubts.notes_visits() {
            let op = Op::NoteVisit { user, from: address_of(&origin.session) };
            self.house.store.do_send(Submit { op, origin: None, then: Then::Nobody });
        }
        origin.answer(Answered::Verified(user));
    }

    /// The code of a login is right; now its password.
    pub(super) fn code_right(
        &mut self,
        mut candidate: Box<Candidate>,
        password: Secret,
        (email, code): (Email, Secret),
        origin: Origin,
        ctx: &mut Context<Self>,
    ) {
        candidate.code = Some((email, code));
        self.compare(candidate, password, origin, ctx);
    }
}

impl Handler<Verify> for Accounts {
    type Result = ();

    fn handle(&mut self, verify: Verify, ctx: &mut Context<Self>) {
        let Verify { who, password, code, says_codes, origin } = verify;
        let candidate = match Self::read(&origin, candidate(&self.reader, &who, &password, says_codes)) {
            Some(Ok(candidate)) => Box::new(candidate),
            Some(Err(refusal)) => return origin.refuse(refusal),
            None => return,
        };
        let Some(needed) = Self::read(&origin, self.needs_code(&candidate, &origin)) else { return };
        match (needed, code) {
            // One that was not asked for is not looked at.
            (None, _) => self.compare(candidate, password, origin, ctx),
            (Some(_), None) => origin.refuse(Refusal::CodeRequired),
            (Some(_), Some(_)) if !self.attempts.may_try(address_of(&origin.session), Instant::now()) => {
                origin.refuse(Refusal::TooManyAttempts);
            }
            (Some(email), Some(code)) => {
                let purpose = CodePurpose::Login;
                let op = Op::TryCode { email: email.clone(), purpose, code: code.clone(), spend: false };
                self.try_code(op, Step::Login { candidate, password, email, code }, origin);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounts::PASSWORD_BYTES;
    use crate::settings::ActorSettings;
    use crate::store::{Ledger, LedgerSettings, code_hash};
    use protocol::{FriendPolicy, MessagePolicy, Name, NameKey};

    fn secret(text: &str) -> Secret {
        Secret::new(text.to_owned())
    }

    fn email(text: &str) -> Email {
        Email::parse(text).unwrap()
    }

    /// A reader over one account of that name with an address, and its number.
    fn reader(folder: &tempfile::TempDir) -> (Reader, UserId) {
        let settings: ActorSettings = toml::from_str(include_str!("../../../settings.toml")).unwrap();
        let settings = LedgerSettings::from(&settings);
        let mut ledger = Ledger::open(folder.path(), settings, false).unwrap();
        let (salt, purpose, email) = ([0; 16], CodePurpose::Register, email("ann@b.cn"));
        let hash = code_hash(&salt, b"123456");
        ledger.stage(Op::IssueCode { email: email.clone(), purpose, salt, hash }, 1).unwrap();
        let create = Op::CreateByMail {
            email,
            code: secret("123456"),
            nickname: "Ann".into(),
            wish: Name::parse("ann").unwrap(),
            password_hash: "hash".into(),
            add: FriendPolicy::Open,
            message: MessagePolicy::Anyone,
        };
        ledger.stage(create, 1).unwrap();
        ledger.commit(1).unwrap();
        (ledger.reader(), UserId(10_000))
    }

    #[test]
    fn numbers_and_addresses_that_are_no_accounts_are_compared_as_any_other() {
        let folder = tempfile::tempdir().unwrap();
        let (reader, ann) = reader(&folder);
        let stranger = UserId(99_999);
        let ask = |who: Who, password: &str| candidate(&reader, &who, &secret(password), true).unwrap();
        let compared = |who, password| ask(who, password).map(|found| (found.identity, found.hash));
        let hers = Ok((Identity::Account(ann), Some("hash".to_owned())));
        for who in [Who::Id(ann), Who::Name(NameKey::of("ANN")), Who::Email(email("Ann@B.cn"))] {
            assert_eq!(compared(who, "x"), hers);
        }
        assert_eq!(compared(Who::Id(stranger), "x"), Ok((Identity::Account(stranger), None)));
        let nobody = Who::Email(email("Ben@b.cn"));
        assert_eq!(compared(nobody.clone(), "x"), Ok((Identity::Email("ben@b.cn".into()), None)));
        for nonsense in ["", &"x".repeat(PASSWORD_BYTES + 1)] {
            for who in [Who::Id(ann), Who::Id(stranger), Who::Email(email("ann@b.cn")), nobody.clone()] {
                assert_eq!(ask(who, nonsense), Err(Refusal::WrongPassword));
            }
            assert_eq!(ask(Who::Name(NameKey::of("ann")), nonsense), Err(Refusal::WrongPassword));
        }
        let ben = || Who::Name(NameKey::of("ben"));
        assert_eq!(compared(ben(), "x"), Ok((Identity::Name("ben".into()), None)));
        assert_eq!(ask(ben(), ""), Err(Refusal::WrongPassword));
        // Where the document has a word for it.
        let told = |password: &str| candidate(&reader, &ben(), &secret(password), false).unwrap();
        assert_eq!([told("x"), told("")], [Err(Refusal::NoSuchUser), Err(Refusal::NoSuchUser)]);
    }
}
