//! What goes by mail: codes, and what they open: accounts, passwords, addresses. Owns: the order of the steps, and the
//! digits until they are on their way. Never: sends a letter (the mailer does, after the commit), or decides whether a
//! code is right (the store does).

use super::login::Candidate;
use super::{Accounts, Purpose, Work, is_password, nickname};
use crate::delivery::Origin;
use crate::mail::Letter;
use crate::registry::address_of;
use crate::settings::MailTransport;
use crate::store::{Op, Submit, Then, code_hash};
use actix::prelude::*;
use protocol::{CodePurpose, Email, FriendPolicy, MessagePolicy, Name, Refusal, Secret, UserId, nickname_is_fine};
use tokio::time::Instant;

/// Six digits by mail. Answered by the store, or refused here. Of an address that is nobody's it is told the same as of
/// any other, except to who wants to register.
#[derive(Message)]
#[rtype(result = "()")]
pub struct RequestCode {
    /// To whom, as typed.
    pub email: String,
    /// What for.
    pub purpose: CodePurpose,
    /// The asking session.
    pub origin: Origin,
}

/// A new account for whoever has the code. Answered by the store, or refused here.
#[derive(Message)]
#[rtype(result = "()")]
pub struct RegisterByMail {
    /// The address, as typed.
    pub email: String,
    /// What people will see.
    pub nickname: String,
    /// Its password.
    pub password: Secret,
    /// The digits.
    pub code: Secret,
    /// Its first policies.
    pub add: FriendPolicy,
    /// Its first policies.
    pub message: MessagePolicy,
    /// The asking session.
    pub origin: Origin,
}

/// Another password for whoever has the code. Answered by the store, or refused here.
#[derive(Message)]
#[rtype(result = "()")]
pub struct ResetPassword {
    /// The address, as typed.
    pub email: String,
    /// The digits.
    pub code: Secret,
    /// What the password is to be.
    pub new: Secret,
    /// The asking session.
    pub origin: Origin,
}

/// An address for an account. Answered by the store, or refused here.
#[derive(Message)]
#[rtype(result = "()")]
pub struct BindEmail {
    /// The session's own account.
    pub user: UserId,
    /// The address, as typed.
    pub email: String,
    /// The digits.
    pub code: Secret,
    /// The asking session.
    pub origin: Origin,
}

/// What a code was tried for, and goes on where it was right.
pub enum Step {
    /// A new account.
    Register(Box<Registration>, Secret),
    /// Another password.
    Reset {
        /// Whose.
        email: Email,
        /// The digits.
        code: Secret,
        /// The password to come.
        new: Secret,
    },
    /// An address for an account.
    Bind {
        /// Whose.
        user: UserId,
        /// Which.
        email: Email,
        /// The digits.
        code: Secret,
    },
    /// A login whose password is to be compared then.
    Login {
        /// Whose.
        candidate: Box<Candidate>,
        /// The password.
        password: Secret,
        /// Where the code was mailed.
        email: Email,
        /// The digits.
        code: Secret,
    },
    /// A login whose password was right: its code is spent.
    Enter {
        /// Whose.
        candidate: Box<Candidate>,
    },
}

/// An account to be, but for its password.
pub struct Registration {
    email: Email,
    code: Secret,
    nickname: Box<str>,
    wish: Name,
    add: FriendPolicy,
    message: MessagePolicy,
}

impl Registration {
    /// What the store is asked.
    pub(super) fn with(self, password_hash: String) -> Op {
        let Self { email, code, nickname, wish, add, message } = self;
        Op::CreateByMail { email, code, nickname, wish, password_hash, add, message }
    }
}

/// The store has looked at a code.
#[derive(Message)]
#[rtype(result = "()")]
pub struct CodeTried {
    /// What for.
    pub step: Box<Step>,
    /// Whether it was right.
    pub right: bool,
    /// Who asks.
    pub origin: Origin,
}

/// A code and its salt, fresh.
struct Drawn {
    digits: String,
    salt: [u8; 16],
}

/// Six digits from the system's random source, each million of them as likely as any other.
fn draw() -> Result<Drawn, getrandom::Error> {
    const CODES: u32 = 1_000_000;
    const FAIR: u32 = u32::MAX / CODES * CODES;
    let mut salt = [0; 16];
    getrandom::fill(&mut salt)?;
    loop {
        let mut bytes = [0; 4];
        getrandom::fill(&mut bytes)?;
        let number = u32::from_le_bytes(bytes);
        if number < FAIR {
            return Ok(Drawn { digits: format!("{:06}", number % CODES), salt });
        }
    }
}

impl Accounts {
    /// Asks the store about a code, and goes on with `step`.
    pub(super) fn try_code(&self, op: Op, step: Step, origin: Origin) {
        self.house.store.do_send(Submit { op, origin: Some(origin), then: Then::Code(Box::new(step)) });
    }

    /// What all that needs a code has in common: there is mail, the address is one, and whoever asks may still guess.
    fn address(&self, typed: &str, origin: &Origin) -> Result<Email, Refusal> {
        if self.house.settings.mail.transport == MailTransport::Off {
            return Err(Refusal::MailOff);
        }
        let email = Email::parse(typed).map_err(|_| Refusal::BadEmail)?;
        match self.attempts.may_try(address_of(&origin.session), Instant::now()) {
            true => Ok(email),
            false => Err(Refusal::TooManyAttempts),
        }
    }

    fn request_code(&mut self, typed: &str, purpose: CodePurpose, origin: &Origin) -> Result<(), Refusal> {
        let mail = &self.house.settings.mail;
        if mail.transport == MailTransport::Off {
            return Err(Refusal::MailOff);
        }
        let email = Email::parse(typed).map_err(|_| Refusal::BadEmail)?;
        let (from, now) = (address_of(&origin.session), Instant::now());
        if !self.codes_asked.may_try(from, now) {
            return Err(Refusal::TooManyCodes);
        }
        let place = self.house.letters.take().ok_or(Refusal::Busy)?;
        self.codes_asked.was_wrong(from, now);
        let known = self.reader.user_by_email(&email)?.is_some();
        let Drawn { digits, salt } = draw().map_err(|error| {
            log::error!("the system has no random digits: {error}");
            Refusal::Fault
        })?;
        // A code for nobody is issued as any other, which takes as long; it is mailed to nobody.
        let hash = code_hash(&salt, digits.as_bytes());
        let is_sent = known || matches!(purpose, CodePurpose::Register | CodePurpose::Bind);
        let (code, valid) = (Secret::new(digits), mail.code_ttl.0);
        let letter = is_sent.then(|| Box::new(Letter { to: email.clone(), purpose, code, valid, place }));
        let op = Op::IssueCode { email, purpose, salt, hash };
        self.house.store.do_send(Submit { op, origin: Some(origin.clone()), then: Then::Letter(letter) });
        Ok(())
    }

    fn register_by_mail(&mut self, register: RegisterByMail) -> Result<(), Refusal> {
        let RegisterByMail { email, nickname, password, code, add, message, origin } = register;
        let email = self.address(&email, &origin)?;
        if !nickname_is_fine(&nickname, self.house.settings.profile.max_text_chars) {
            return Err(Refusal::BadValue);
        }
        if !is_password(&password) {
            return Err(Refusal::BadPassword);
        }
        let purpose = CodePurpose::Register;
        let op = Op::TryCode { email: email.clone(), purpose, code: code.clone(), spend: false };
        let wish = nickname::wish(&nickname);
        let registration = Registration { email, code, nickname: nickname.into(), wish, add, message };
        self.try_code(op, Step::Register(Box::new(registration), password), origin);
        Ok(())
    }

    fn reset_password(&mut self, typed: &str, code: Secret, new: Secret, origin: &Origin) -> Result<(), Refusal> {
        let email = self.address(typed, origin)?;
        if !is_password(&new) {
            return Err(Refusal::BadPassword);
        }
        let purpose = CodePurpose::Reset;
        let op = Op::TryCode { email: email.clone(), purpose, code: code.clone(), spend: false };
        self.try_code(op, Step::Reset { email, code, new }, origin.clone());
        Ok(())
    }

    fn bind_email(&mut self, user: UserId, typed: &str, code: Secret, origin: &Origin) -> Result<(), Refusal> {
        let email = self.address(typed, origin)?;
        let op = Op::TryCode { email: email.clone(), purpose: CodePurpose::Bind, code: code.clone(), spend: false };
        self.try_code(op, Step::Bind { user, email, code }, origin.clone());
        Ok(())
    }
}

fn answer(origin: &Origin, result: Result<(), Refusal>) {
    if let Err(refusal) = result {
        origin.refuse(refusal);
    }
}

impl Handler<RequestCode> for Accounts {
    type Result = ();

    fn handle(&mut self, RequestCode { email, purpose, origin }: RequestCode, _: &mut Context<Self>) {
        answer(&origin, self.request_code(&email, purpose, &origin));
    }
}

impl Handler<RegisterByMail> for Accounts {
    type Result = ();

    fn handle(&mut self, register: RegisterByMail, _: &mut Context<Self>) {
        let origin = register.origin.clone();
        answer(&origin, self.register_by_mail(register));
    }
}

impl Handler<ResetPassword> for Accounts {
    type Result = ();

    fn handle(&mut self, ResetPassword { email, code, new, origin }: ResetPassword, _: &mut Context<Self>) {
        answer(&origin, self.reset_password(&email, code, new, &origin));
    }
}

impl Handler<BindEmail> for Accounts {
    type Result = ();

    fn handle(&mut self, BindEmail { user, email, code, origin }: BindEmail, _: &mut Context<Self>) {
        answer(&origin, self.bind_email(user, &email, code, &origin));
    }
}

impl Handler<CodeTried> for Accounts {
    type Result = ();

    fn handle(&mut self, CodeTried { step, right, origin }: CodeTried, ctx: &mut Context<Self>) {
        if !right {
            self.attempts.was_wrong(address_of(&origin.session), Instant::now());
            return origin.refuse(Refusal::WrongCode);
        }
        match *step {
            Step::Register(register, password) => {
                self.enqueue(Work::Hash(password), Purpose::RegisterByMail { register, origin }, ctx);
            }
            Step::Reset { email, code, new } => {
                self.enqueue(Work::Hash(new), Purpose::Reset { email, code, origin }, ctx);
            }
            Step::Bind { user, email, code } => self.submit(Op::BindEmail { user, email, code }, origin),
            Step::Login { candidate, password, email, code } => {
                self.code_right(candidate, password, (email, code), origin, ctx);
            }
            Step::Enter { candidate } => self.enter(&candidate, &origin),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_six_digits_and_none_is_like_the_other() {
        let drawn: std::collections::HashSet<_> = (0..1000).map(|_| draw().unwrap().digits).collect();
        assert!(drawn.iter().all(|digits| digits.len() == 6 && digits.bytes().all(|b| b.is_ascii_digit())));
        assert!(drawn.len() > 950, "of a thousand, one or none comes twice");
        assert!(drawn.iter().any(|digits| digits.starts_with('0')));
        assert_ne!(draw().unwrap().salt, draw().unwrap().salt);
    }
}
