//! The bounded pool of password hashes: argon2id on threads of their own, with low priority, so that a storm of
//! logins delays logins and not messages. Owns: the threads and the parameters.
//! Never: knows an account; it turns passwords into hashes and compares.

use crate::settings::AuthSettings;
use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use protocol::Secret;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

/// What is done with a password.
pub enum Work {
    /// Make a hash in PHC form.
    Hash(Secret),
    /// Compare with a hash in PHC form.
    Verify(Secret, String),
}

/// What came of it.
#[derive(Debug, PartialEq, Eq)]
pub enum Worked {
    /// The hash in PHC form.
    Hashed(String),
    /// Whether it was the password.
    Verified(bool),
    /// It could not be done; logged.
    Failed,
}

type Job = (Work, Box<dyn FnOnce(Worked) + Send>);

/// The pool. Dropping it ends the threads.
pub struct Hasher {
    kind: Kind,
}

enum Kind {
    Threads(SyncSender<Job>),
    /// For tests on a paused clock: at once, on the caller.
    Inline(Box<Argon2<'static>>),
}

/// How many hashes may run at once with these settings.
#[must_use]
pub fn parallel(settings: &AuthSettings) -> usize {
    match settings.parallel {
        0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        n => n,
    }
}

fn argon2(settings: &AuthSettings) -> Argon2<'static> {
    let params = Params::new(settings.memory_kib, settings.passes, 1, None).unwrap_or_else(|error| {
        log::error!("auth.memory_kib and auth.passes are unusable ({error}); taking argon2's defaults");
        Params::default()
    });
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

impl Hasher {
    /// Starts the threads.
    ///
    /// # Errors
    /// The system gives no threads.
    pub fn start(settings: &AuthSettings) -> std::io::Result<Self> {
        let threads = parallel(settings);
        // The actor hands over only as many as there are threads, so this never blocks it.
        let (sender, receiver) = sync_channel::<Job>(threads);
        let receiver = Arc::new(Mutex::new(receiver));
        for n in 0..threads {
            let receiver = receiver.clone();
            let argon2 = argon2(settings);
            std::thread::Builder::new().name(format!("hash-{n}")).spawn(move || serve(&receiver, &argon2))?;
        }
        Ok(Self { kind: Kind::Threads(sender) })
    }

    /// Hashes on the caller's thread: for tests, where a paused clock must not run ahead of a thread.
    #[must_use]
    pub fn inline(settings: &AuthSettings) -> Self {
        Self { kind: Kind::Inline(Box::new(argon2(settings))) }
    }

    /// Does the work and calls `then` with what came of it, on a thread of the pool.
    pub fn submit(&self, work: Work, then: Box<dyn FnOnce(Worked) + Send>) {
        match &self.kind {
            Kind::Inline(argon2) => then(perform(argon2, work)),
            Kind::Threads(sender) => {
                if let Err(error) = sender.send((work, then)) {
                    (error.0.1)(Worked::Failed);
                }
            }
        }
    }
}

fn serve(receiver: &Mutex<Receiver<Job>>, argon2: &Argon2<'_>) {
    lower_priority();
    loop {
        let job = receiver.lock().unwrap_or_else(PoisonError::into_inner).recv();
        match job {
            Ok((work, then)) => then(perform(argon2, work)),
            Err(_) => return,
        }
    }
}

/// On Linux a thread has a priority of its own. Best effort: without it hashes only compete more.
fn lower_priority() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::nice(10) {
        log::debug!("the hashing threads keep the usual priority: {error}");
    }
}

fn perform(argon2: &Argon2<'_>, work: Work) -> Worked {
    match work {
        Work::Hash(password) => match hash(argon2, &password) {
            Ok(hash) => Worked::Hashed(hash),
            Err(error) => {
                log::error!("a password could not be hashed: {error}");
                Worked::Failed
            }
        },
        Work::Verify(password, stored) => match PasswordHash::new(&stored) {
            Ok(stored) => Worked::Verified(argon2.verify_password(password.expose(), &stored).is_ok()),
            Err(error) => {
                log::error!("a stored password hash is damaged: {error}");
                Worked::Failed
            }
        },
    }
}

fn hash(argon2: &Argon2<'_>, password: &Secret) -> Result<String, String> {
    let mut salt = [0_u8; 16];
    getrandom::fill(&mut salt).map_err(|error| error.to_string())?;
    let salt = SaltString::encode_b64(&salt).map_err(|error| error.to_string())?;
    argon2.hash_password(password.expose(), &salt).map(|hash| hash.to_string()).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cheap() -> AuthSettings {
        AuthSettings { memory_kib: 8, passes: 1, parallel: 2, queue: 10, attempts: 5, attempts_per_minute: 5 }
    }

    fn secret(text: &str) -> Secret {
        Secret::new(text.to_owned())
    }

    #[test]
    fn a_hash_knows_its_password_and_no_other() {
        let argon2 = argon2(&cheap());
        let Worked::Hashed(stored) = perform(&argon2, Work::Hash(secret("11111"))) else { panic!("no hash") };
        assert!(stored.starts_with("$argon2id$v=19$m=8,t=1,p=1$"), "{stored}");
        assert_eq!(perform(&argon2, Work::Verify(secret("11111"), stored.clone())), Worked::Verified(true));
        assert_eq!(perform(&argon2, Work::Verify(secret("11112"), stored)), Worked::Verified(false));
    }

    #[test]
    fn the_same_password_never_has_the_same_hash() {
        let argon2 = argon2(&cheap());
        assert_ne!(perform(&argon2, Work::Hash(secret("a"))), perform(&argon2, Work::Hash(secret("a"))));
    }

    #[test]
    fn a_damaged_hash_lets_nobody_in() {
        assert_eq!(perform(&argon2(&cheap()), Work::Verify(secret("a"), "nonsense".into())), Worked::Failed);
    }

    #[test]
    fn threads_answer() {
        let hasher = Hasher::start(&cheap()).unwrap();
        let (sender, receiver) = std::sync::mpsc::channel();
        for n in 0..8 {
            let sender = sender.clone();
            hasher.submit(Work::Hash(secret(&n.to_string())), Box::new(move |worked| sender.send(worked).unwrap()));
        }
        drop(sender);
        assert_eq!(receiver.iter().filter(|worked| matches!(worked, Worked::Hashed(_))).count(), 8);
    }
}
