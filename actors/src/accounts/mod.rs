//! The accounts actor: who may come in. Owns: the queue before the hashing threads, and the count of wrong passwords.
//! Hears: sessions (register, login, change of password, what goes by mail), the store (what a code was). Tells: sessions
//! (answers), the store (new hashes, codes). If it dies the process ends: nobody could log in any more.

mod attempts;
mod doubts;
mod hasher;
mod login;
mod mail;
mod nickname;

pub use attempts::Attempts;
pub use hasher::{Hasher, Work, Worked, parallel};
pub use login::Verify;
pub use mail::{BindEmail, CodeTried, RegisterByMail, RequestCode, ResetPassword, Step};

use crate::delivery::Origin;
use crate::house::{Essential, House};
use crate::registry::address_of;
use crate::store::{Op, ReadError, Reader, Submit, Then};
use actix::prelude::*;
use doubts::Doubts;
use login::Candidate;
use protocol::{Email, FriendPolicy, MessagePolicy, Name, Refusal, Secret, UserId};
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::time::Instant;

/// Bytes of a password: 1 to this.
const PASSWORD_BYTES: usize = 128;

/// A new account. Answered by the store, or refused here.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Register {
    /// Its name as typed.
    pub name: String,
    /// Its password.
    pub password: Secret,
    /// Its first policies.
    pub add: FriendPolicy,
    /// Its first policies.
    pub message: MessagePolicy,
    /// The asking session.
    pub origin: Origin,
}

/// Another password. Answered by the store, or refused here.
#[derive(Message)]
#[rtype(result = "()")]
pub struct ChangePassword {
    /// The session's own account.
    pub user: UserId,
    /// What its password is said to be.
    pub old: Secret,
    /// What it is to be.
    pub new: Secret,
    /// The asking session.
    pub origin: Origin,
}

/// What is to be done once a hash is there.
enum Purpose {
    Register { name: Name, add: FriendPolicy, message: MessagePolicy, origin: Origin },
    Login { candidate: Box<Candidate>, origin: Origin },
    RegisterByMail { register: Box<mail::Registration>, origin: Origin },
    Reset { email: Email, code: Secret, origin: Origin },
    CheckOld { user: UserId, new: Secret, origin: Origin },
    SetNew { user: UserId, origin: Origin },
}

/// A hash is there.
#[derive(Message)]
#[rtype(result = "()")]
struct HashDone {
    purpose: Purpose,
    worked: Worked,
}

/// The actor.
pub struct Accounts {
    house: Arc<House>,
    reader: Reader,
    hasher: Hasher,
    attempts: Attempts,
    /// Codes that were asked for, by address they were asked from.
    codes_asked: Attempts,
    doubts: Doubts,
    queue: VecDeque<(Work, Purpose)>,
    running: usize,
    parallel: usize,
    _essential: Essential,
}

impl Accounts {
    /// With the pool of hashing threads and a read handle for credentials.
    #[must_use]
    pub fn new(house: Arc<House>, reader: Reader, hasher: Hasher) -> Self {
        let auth = &house.settings.auth;
        let attempts = Attempts::new(auth.attempts, auth.attempts_per_minute);
        let codes_asked = Attempts::each_hour(house.settings.mail.codes_per_ip);
        let mut secret = [0; 32];
        if let Err(error) = getrandom::fill(&mut secret) {
            log::warn!("the system has no random bytes yet ({error}): who asks for long can tell which accounts exist");
        }
        let doubts = Doubts::new(auth, secret);
        let parallel = parallel(auth);
        let essential = Essential::new("accounts", house.watch.clone());
        let queue = VecDeque::new();
        Self {
            house,
            reader,
            hasher,
            attempts,
            codes_asked,
            doubts,
            queue,
            running: 0,
            parallel,
            _essential: essential,
        }
    }

    fn enqueue(&mut self, work: Work, purpose: Purpose, ctx: &mut Context<Self>) {
        if self.queue.len() >= self.house.settings.auth.queue {
            return purpose.origin().refuse(Refusal::Busy);
        }
        self.queue.push_back((work, purpose));
        self.pump(ctx);
    }

    /// Starts as many hashes as may run. Whether an address may try is decided here, when its turn comes: so many
    /// that wait at once cannot all slip through.
    fn pump(&mut self, ctx: &mut Context<Self>) {
        while self.running < self.parallel {
            let Some((work, purpose)) = self.queue.pop_front() else { return };
            let checked = matches!(work, Work::Verify(..));
            if checked && !self.attempts.may_try(address_of(&purpose.origin().session), Instant::now()) {
                purpose.origin().refuse(Refusal::TooManyAttempts);
                continue;
            }
            self.running += 1;
            let myself = ctx.address();
            self.hasher.submit(work, Box::new(move |worked| myself.do_send(HashDone { purpose, worked })));
        }
    }

    fn read<T>(origin: &Origin, read: Result<T, ReadError>) -> Option<T> {
        read.map_err(|error| {
            log::error!("reading an account failed: {error}");
            origin.refuse(Refusal::Fault);
        })
        .ok()
    }

    fn submit(&self, op: Op, origin: Origin) {
        self.house.store.do_send(Submit { op, origin: Some(origin), then: Then::Concerned });
    }
}

impl Purpose {
    fn origin(&self) -> &Origin {
        match self {
            Self::Register { origin, .. }
            | Self::Login { origin, .. }
            | Self::RegisterByMail { origin, .. }
            | Self::Reset { origin, .. }
            | Self::CheckOld { origin, .. }
            | Self::SetNew { origin, .. } => origin,
        }
    }
}

impl Actor for Accounts {
    type Context = Context<Self>;
}

fn is_password(secret: &Secret) -> bool {
    (1..=PASSWORD_BYTES).contains(&secret.expose().len())
}

impl Handler<Register> for Accounts {
    type Result = ();

    fn handle(&mut self, Register { name, password, add, message, origin }: Register, ctx: &mut Context<Self>) {
        let name = match Name::parse(&name) {
            Ok(name) => name,
            Err(error) => return origin.refuse(Refusal::BadName(error)),
        };
        if !is_password(&password) {
            return origin.refuse(Refusal::BadPassword);
        }
        // Cheaper than a hash; the store has the last word.
        match Self::read(&origin, self.reader.user_by_name(&name.key())) {
            Some(None) => self.enqueue(Work::Hash(password), Purpose::Register { name, add, message, origin }, ctx),
            Some(Some(_)) => origin.refuse(Refusal::NameTaken),
            None => {}
        }
    }
}

impl Handler<ChangePassword> for Accounts {
    type Result = ();

    fn handle(&mut self, ChangePassword { user, old, new, origin }: ChangePassword, ctx: &mut Context<Self>) {
        if !is_password(&new) {
            return origin.refuse(Refusal::BadPassword);
        }
        match Self::read(&origin, self.reader.credentials(user)) {
            Some(Some(hash)) => {
                self.enqueue(Work::Verify(old, Some(hash)), Purpose::CheckOld { user, new, origin }, ctx);
            }
            Some(None) => origin.refuse(Refusal::NoSuchUser),
            None => {}
        }
    }
}

impl Handler<HashDone> for Accounts {
    type Result = ();

    fn handle(&mut self, HashDone { purpose, worked }: HashDone, ctx: &mut Context<Self>) {
        self.running -= 1;
        if worked == Worked::Verified(false) {
            self.attempts.was_wrong(address_of(&purpose.origin().session), Instant::now());
        }
        match (purpose, worked) {
            (Purpose::Register { name, add, message, origin }, Worked::Hashed(password_hash)) => {
                self.submit(Op::CreateAccount { name, password_hash, add, message }, origin);
            }
            (Purpose::Login { candidate, origin }, Worked::Verified(true)) => self.password_right(*candidate, origin),
            (Purpose::Login { candidate, origin }, Worked::Verified(false)) => self.password_wrong(*candidate, &origin),
            (Purpose::RegisterByMail { register, origin }, Worked::Hashed(password_hash)) => {
                self.submit(register.with(password_hash), origin);
            }
            (Purpose::Reset { email, code, origin }, Worked::Hashed(password_hash)) => {
                self.submit(Op::ResetPassword { email, code, password_hash }, origin);
            }
            (Purpose::CheckOld { user, new, origin }, Worked::Verified(true)) => {
                self.enqueue(Work::Hash(new), Purpose::SetNew { user, origin }, ctx);
            }
            (Purpose::SetNew { user, origin }, Worked::Hashed(password_hash)) => {
                self.submit(Op::SetPassword { user, password_hash }, origin);
            }
            (purpose, Worked::Verified(false)) => purpose.origin().refuse(Refusal::WrongPassword),
            (purpose, _) => purpose.origin().refuse(Refusal::Fault),
        }
        self.pump(ctx);
    }
}
