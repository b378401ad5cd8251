//! The accounts actor: who may come in. Owns: the queue before the hashing threads, and the count of wrong passwords.
//! Hears: sessions (register, login, change of password). Tells: sessions (answers), the store (new hashes).
//! If it dies the process ends: nobody could log in any more.

mod attempts;
mod hasher;

pub use attempts::Attempts;
pub use hasher::{Hasher, Work, Worked, parallel};

use crate::delivery::{Answered, Origin};
use crate::house::{Essential, House};
use crate::registry::address_of;
use crate::store::{Op, ReadError, Reader, Submit, Then};
use actix::prelude::*;
use protocol::{FriendPolicy, MessagePolicy, Name, Refusal, Secret, UserId, Who};
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

/// Is that the password of that account? Answered with `Verified`, or refused. Which numbers are accounts is learnt
/// neither from the words of a refusal nor from how long it took, as far as accounts have hashes of the parameters
/// that are set now; names are found by anybody anyway, and so one that nobody has is refused as `NoSuchUser`.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Verify {
    /// Which account.
    pub who: Who,
    /// What its password is said to be.
    pub password: Secret,
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
    Login { user: UserId, origin: Origin },
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
        let parallel = parallel(auth);
        let essential = Essential::new("accounts", house.watch.clone());
        Self { house, reader, hasher, attempts, queue: VecDeque::new(), running: 0, parallel, _essential: essential }
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

impl Handler<Verify> for Accounts {
    type Result = ();

    fn handle(&mut self, Verify { who, password, origin }: Verify, ctx: &mut Context<Self>) {
        match Self::read(&origin, comparison(&self.reader, &who, &password)) {
            Some(Ok((user, hash))) => self.enqueue(Work::Verify(password, hash), Purpose::Login { user, origin }, ctx),
            Some(Err(refusal)) => origin.refuse(refusal),
            None => {}
        }
    }
}

/// What a password has to be compared with to log in as `who`: an account and its hash, or none for a number that is
/// no account (which is a comparison as any other: it waits, costs a hash, counts as an attempt, and fails).
fn comparison(
    reader: &Reader,
    who: &Who,
    password: &Secret,
) -> Result<Result<(UserId, Option<String>), Refusal>, ReadError> {
    let found = match who {
        // Before it is known whether there is such an account.
        Who::Id(_) if !is_password(password) => return Ok(Err(Refusal::WrongPassword)),
        Who::Id(id) => return Ok(Ok((*id, reader.credentials(*id)?))),
        Who::Name(key) => reader.user_by_name(key)?,
    };
    let Some(user) = found else { return Ok(Err(Refusal::NoSuchUser)) };
    Ok(match reader.credentials(user)? {
        None => Err(Refusal::NoSuchUser),
        Some(_) if !is_password(password) => Err(Refusal::WrongPassword),
        Some(hash) => Ok((user, Some(hash))),
    })
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
            (Purpose::Login { user, origin }, Worked::Verified(true)) => origin.answer(Answered::Verified(user)),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::ActorSettings;
    use crate::store::{Ledger, LedgerSettings};
    use protocol::NameKey;

    fn secret(text: &str) -> Secret {
        Secret::new(text.to_owned())
    }

    /// A reader over one account of that name, and its number.
    fn reader(folder: &tempfile::TempDir, name: &str) -> (Reader, UserId) {
        let ActorSettings { storage, friend, group, inbox, .. } =
            toml::from_str(include_str!("../../../settings.toml")).unwrap();
        let settings = LedgerSettings { storage, friend, group, inbox };
        let mut ledger = Ledger::open(folder.path(), settings, false).unwrap();
        let (add, message) = (FriendPolicy::Open, MessagePolicy::Anyone);
        let name = Name::parse(name).unwrap();
        ledger.stage(Op::CreateAccount { name, password_hash: "hash".into(), add, message }, 1).unwrap();
        ledger.commit(1).unwrap();
        (ledger.reader(), UserId(10_000))
    }

    #[test]
    fn a_number_that_is_no_account_is_compared_as_any_other() {
        let folder = tempfile::tempdir().unwrap();
        let (reader, ann) = reader(&folder, "ann");
        let stranger = UserId(99_999);
        let ask = |who: Who, password: &str| comparison(&reader, &who, &secret(password)).unwrap();
        assert_eq!(ask(Who::Id(ann), "x"), Ok((ann, Some("hash".to_owned()))));
        assert_eq!(ask(Who::Id(stranger), "x"), Ok((stranger, None)));
        for nonsense in ["", &"x".repeat(PASSWORD_BYTES + 1)] {
            assert_eq!(ask(Who::Id(ann), nonsense), Err(Refusal::WrongPassword));
            assert_eq!(ask(Who::Id(stranger), nonsense), Err(Refusal::WrongPassword));
            assert_eq!(ask(Who::Name(NameKey::of("ann")), nonsense), Err(Refusal::WrongPassword));
        }
        assert_eq!(ask(Who::Name(NameKey::of("ANN")), "x"), Ok((ann, Some("hash".to_owned()))));
        assert_eq!(ask(Who::Name(NameKey::of("ben")), "x"), Err(Refusal::NoSuchUser));
        assert_eq!(ask(Who::Name(NameKey::of("ben")), ""), Err(Refusal::NoSuchUser));
    }
}
