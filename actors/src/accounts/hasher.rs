//! The bounded pool of password hashes: argon2id on threads of their own, with low priority, so that a storm of
//! logins delays logins and not messages. Owns: the threads and the parameters.
//! Never: knows an account; it turns passwords into hashes and compares.

use crate::settings::AuthSettings;
use argon2::password_hash::{Ident, Output, ParamsString, PasswordHash, Salt, SaltString};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use protocol::Secret;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

/// What is done with a password.
pub enum Work {
    /// Make a hash in PHC form.
    Hash(Secret),
    /// Compare with a hash in PHC form. Without one (there is no such account) it is never the password, and that
    /// takes as long to find out: how long a refusal took must not say which accounts exist.
    Verify(Secret, Option<String>),
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
    Inline(Mutex<Bench>),
}

/// How many hashes may run at once with these settings.
#[must_use]
pub fn parallel(settings: &AuthSettings) -> usize {
    match settings.parallel {
        0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        n => n,
    }
}

/// Bytes of a salt.
const SALT_BYTES: usize = 16;

/// A hash as it is stored.
fn phc(params: &Params, salt: &[u8], hash: &[u8]) -> Result<String, argon2::password_hash::Error> {
    let salt = SaltString::encode_b64(salt)?;
    let hash = PasswordHash {
        algorithm: Ident::new_unwrap("argon2id"),
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(params)?,
        salt: Some(salt.as_salt()),
        hash: Some(Output::new(hash)?),
    };
    Ok(hash.to_string())
}

/// One thread's workplace: the parameters of new hashes, and the memory that all its hashes use in turn. Taking and
/// giving back 19 MiB for each costs the system a page fault per 4 KiB.
struct Bench {
    params: Params,
    memory: Vec<Block>,
    /// What passwords of accounts that do not exist are compared with.
    nobody: String,
}

impl Bench {
    fn new(settings: &AuthSettings) -> Self {
        let params = Params::new(settings.memory_kib, settings.passes, 1, None).unwrap_or_else(|error| {
            log::error!("auth.memory_kib and auth.passes are unusable ({error}); taking argon2's defaults");
            Params::default()
        });
        let nobody = phc(&params, &[0; SALT_BYTES], &[0; Params::DEFAULT_OUTPUT_LEN]).unwrap_or_else(|error| {
            log::error!("nobody's hash cannot be written: {error}");
            String::new()
        });
        Self { params, memory: Vec::new(), nobody }
    }

    fn derive(&mut self, params: Params, password: &Secret, salt: &[u8], into: &mut [u8]) -> Result<(), String> {
        self.memory.resize(self.memory.len().max(params.block_count()), Block::default());
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into_with_memory(password.expose(), salt, into, &mut self.memory)
            .map_err(|error| error.to_string())
    }

    /// A new hash in PHC form, with a salt of its own.
    fn hash(&mut self, password: &Secret) -> Result<String, String> {
        let mut salt = [0_u8; SALT_BYTES];
        getrandom::fill(&mut salt).map_err(|error| error.to_string())?;
        let mut hash = [0_u8; Params::DEFAULT_OUTPUT_LEN];
        self.derive(self.params.clone(), password, &salt, &mut hash)?;
        phc(&self.params, &salt, &hash).map_err(|error| error.to_string())
    }

    /// Whether this is the password of a stored hash, which may have been made with other parameters. Compares in
    /// constant time.
    fn verify(&mut self, password: &Secret, stored: &str) -> Result<bool, String> {
        let text = |error: argon2::password_hash::Error| error.to_string();
        let stored = PasswordHash::new(stored).map_err(text)?;
        let params = Params::try_from(&stored).map_err(text)?;
        let (Some(salt), Some(expected)) = (stored.salt, stored.hash) else { return Err("it is incomplete".into()) };
        if stored.algorithm != Ident::new_unwrap("argon2id") || stored.version != Some(Version::V0x13.into()) {
            return Err("it is not of argon2id, version 19".into());
        }
        let mut buffer = [0_u8; Salt::MAX_LENGTH];
        let salt = salt.decode_b64(&mut buffer).map_err(text)?;
        let mut hash = vec![0_u8; expected.len()];
        self.derive(params, password, salt, &mut hash)?;
        Ok(Output::new(&hash).map_err(text)? == expected)
    }

    fn perform(&mut self, work: Work) -> Worked {
        match work {
            Work::Hash(password) => self.hash(&password).map_or_else(
                |error| {
                    log::error!("a password could not be hashed: {error}");
                    Worked::Failed
                },
                Worked::Hashed,
            ),
            Work::Verify(password, None) => {
                let nobody = self.nobody.clone();
                self.verify(&password, &nobody).map_or_else(
                    |error| {
                        log::error!("a password could not be compared with nobody's: {error}");
                        Worked::Failed
                    },
                    |_| Worked::Verified(false),
                )
            }
            Work::Verify(password, Some(stored)) => self.verify(&password, &stored).map_or_else(
                |error| {
                    log::error!("a stored password hash is damaged: {error}");
                    Worked::Failed
                },
                Worked::Verified,
            ),
        }
    }
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
            let bench = Bench::new(settings);
            std::thread::Builder::new().name(format!("hash-{n}")).spawn(move || serve(&receiver, bench))?;
        }
        Ok(Self { kind: Kind::Threads(sender) })
    }

    /// Hashes on the caller's thread: for tests, where a paused clock must not run ahead of a thread.
    #[must_use]
    pub fn inline(settings: &AuthSettings) -> Self {
        Self { kind: Kind::Inline(Mutex::new(Bench::new(settings))) }
    }

    /// Does the work and calls `then` with what came of it, on a thread of the pool.
    pub fn submit(&self, work: Work, then: Box<dyn FnOnce(Worked) + Send>) {
        match &self.kind {
            Kind::Inline(bench) => {
                let worked = bench.lock().unwrap_or_else(PoisonError::into_inner).perform(work);
                then(worked);
            }
            Kind::Threads(sender) => {
                if let Err(error) = sender.send((work, then)) {
                    (error.0.1)(Worked::Failed);
                }
            }
        }
    }
}

fn serve(receiver: &Mutex<Receiver<Job>>, mut bench: Bench) {
    lower_priority();
    loop {
        let job = receiver.lock().unwrap_or_else(PoisonError::into_inner).recv();
        match job {
            Ok((work, then)) => then(bench.perform(work)),
            Err(_) => return,
        }
    }
}

/// On Linux a thread has a priority of its own. Best effort: without it hashes only compete more.
fn lower_priority() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::nice(19) {
        log::debug!("the hashing threads keep the usual priority: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cheap() -> AuthSettings {
        AuthSettings {
            memory_kib: 8,
            passes: 1,
            parallel: 2,
            queue: 10,
            attempts: 5,
            attempts_per_minute: 5,
            verify_login: crate::settings::VerifyLogin::Never,
            verify_after: 5,
        }
    }

    fn secret(text: &str) -> Secret {
        Secret::new(text.to_owned())
    }

    #[test]
    fn a_hash_knows_its_password_and_no_other() {
        let mut bench = Bench::new(&cheap());
        let Worked::Hashed(stored) = bench.perform(Work::Hash(secret("11111"))) else { panic!("no hash") };
        assert!(stored.starts_with("$argon2id$v=19$m=8,t=1,p=1$"), "{stored}");
        assert_eq!(bench.perform(Work::Verify(secret("11111"), Some(stored.clone()))), Worked::Verified(true));
        assert_eq!(bench.perform(Work::Verify(secret("11112"), Some(stored))), Worked::Verified(false));
    }

    #[test]
    fn the_same_password_never_has_the_same_hash() {
        let mut bench = Bench::new(&cheap());
        assert_ne!(bench.perform(Work::Hash(secret("a"))), bench.perform(Work::Hash(secret("a"))));
    }

    #[test]
    fn a_damaged_hash_lets_nobody_in() {
        assert_eq!(Bench::new(&cheap()).perform(Work::Verify(secret("a"), Some("nonsense".into()))), Worked::Failed);
    }

    /// It is a hash like any that is made here, so comparing with it is the same work.
    #[test]
    fn nobody_has_a_hash_like_others_and_no_password() {
        for settings in [cheap(), AuthSettings { memory_kib: 64, passes: 2, ..cheap() }] {
            let mut bench = Bench::new(&settings);
            let Worked::Hashed(stored) = bench.perform(Work::Hash(secret("a"))) else { panic!("no hash") };
            let (stored, nobody) = (PasswordHash::new(&stored).unwrap(), PasswordHash::new(&bench.nobody).unwrap());
            assert_eq!((&stored.algorithm, &stored.version), (&nobody.algorithm, &nobody.version));
            assert_eq!(stored.params, nobody.params);
            assert_eq!(stored.salt.unwrap().len(), nobody.salt.unwrap().len());
            assert_eq!(stored.hash.unwrap().len(), nobody.hash.unwrap().len());
            for password in ["", "a", "\0"] {
                assert_eq!(bench.perform(Work::Verify(secret(password), None)), Worked::Verified(false));
            }
            let (params, salt) = (bench.params.clone(), [0; SALT_BYTES]);
            let mut hash = [0; Params::DEFAULT_OUTPUT_LEN];
            bench.derive(params.clone(), &secret("a"), &salt, &mut hash).unwrap();
            bench.nobody = phc(&params, &salt, &hash).unwrap();
            let lucky = bench.perform(Work::Verify(secret("a"), None));
            assert_eq!(lucky, Worked::Verified(false), "not even with the password that would fit");
        }
    }

    #[test]
    fn hashes_of_other_parameters_are_understood() {
        let dear = AuthSettings { memory_kib: 64, passes: 2, ..cheap() };
        let Worked::Hashed(stored) = Bench::new(&dear).perform(Work::Hash(secret("a"))) else { panic!("no hash") };
        let mut bench = Bench::new(&cheap());
        assert_eq!(bench.perform(Work::Verify(secret("a"), Some(stored.clone()))), Worked::Verified(true));
        assert_eq!(bench.perform(Work::Verify(secret("b"), Some(stored))), Worked::Verified(false));
    }

    /// The library's own verifier agrees: what is stored is the standard form.
    #[test]
    fn others_understand_these_hashes() {
        use argon2::password_hash::PasswordVerifier;
        let mut bench = Bench::new(&cheap());
        let Worked::Hashed(stored) = bench.perform(Work::Hash(secret("a"))) else { panic!("no hash") };
        let stored = PasswordHash::new(&stored).unwrap();
        assert!(Argon2::default().verify_password(b"a", &stored).is_ok());
        assert!(Argon2::default().verify_password(b"b", &stored).is_err());
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
