//! A ledger in a folder of its own, and short words for what tests do with it.

use actors::settings::{FriendSettings, GroupSettings, InboxSettings, Span, StorageSettings, Sync};
use actors::store::space::Space;
use actors::store::{GroupCard, Ledger, LedgerSettings, Op, OpenError, Outcome, Reader};
use protocol::{Body, FriendPolicy, GroupId, JoinPolicy, MessagePolicy, Name, Refusal, Seq, UserId};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tempfile::TempDir;

pub(crate) const NOW: u64 = 1_700_000_000_000;

/// The settings of `settings.toml`, with lists that are short enough to fill.
pub(crate) fn settings() -> LedgerSettings {
    LedgerSettings {
        storage: StorageSettings {
            sync: Sync::Always,
            sync_interval_ms: 200,
            batch_requests: 4096,
            batch_bytes: 4 << 20,
            gather_us: 0,
            latency_us: 0,
            write_buffer_bytes: 8 << 20,
            cache_bytes: 16 << 20,
            min_free_bytes: 0,
            max_open_files: 64,
        },
        friend: FriendSettings {
            max: 3,
            max_requests: 2,
            max_blocked: 2,
            request_ttl: Span(std::time::Duration::from_secs(7 * 24 * 3600)),
        },
        group: GroupSettings {
            max_members: 3,
            max_per_account: 3,
            max_requests: 2,
            max_managers: 1,
            catch_up: 100,
            queue: 2048,
            queue_bytes: 8 << 20,
            gather_us: 3000,
            passivate_s: 60,
        },
        inbox: InboxSettings { max: 5 },
        ..LedgerSettings::from(&crate::world::settings())
    }
}

/// The same with lists that nobody fills.
pub(crate) fn roomy() -> LedgerSettings {
    let mut settings = settings();
    settings.friend.max = 1000;
    settings.friend.max_requests = 1000;
    settings.group.max_members = 1000;
    settings.group.max_per_account = 1000;
    settings.group.max_requests = 1000;
    settings.group.max_managers = 1000;
    settings.inbox.max = u64::MAX;
    settings
}

/// A disk that a test fills.
#[derive(Clone)]
pub(crate) struct Pretended(pub(crate) Arc<AtomicU64>);

impl Space for Pretended {
    fn free_bytes(&self) -> io::Result<u64> {
        Ok(self.0.load(Ordering::Relaxed))
    }
}

pub(crate) struct Fixture {
    pub(crate) ledger: Ledger,
    pub(crate) reader: Reader,
    pub(crate) settings: LedgerSettings,
    pub(crate) now: u64,
    pub(crate) folder: TempDir,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        Self::with(settings())
    }

    pub(crate) fn with(settings: LedgerSettings) -> Self {
        let folder = folder();
        let ledger = Ledger::open(&folder.path().join("data"), settings.clone(), false).unwrap();
        Self { reader: ledger.reader(), ledger, settings, now: NOW, folder }
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Closes in order and opens again.
    pub(crate) fn reopen(self) -> Self {
        let Self { ledger, reader, settings, now, folder } = self;
        drop(reader);
        ledger.close(now).unwrap();
        let ledger = Ledger::open(&folder.path().join("data"), settings.clone(), false).unwrap();
        Self { reader: ledger.reader(), ledger, settings, now, folder }
    }

    /// Drops the ledger without closing it in order: nothing is flushed, the log stays. For when much was written:
    /// flushes go on in the background then, and files cannot be copied under them.
    pub(crate) fn abandon(self) -> (TempDir, LedgerSettings) {
        (self.folder, self.settings)
    }

    /// The files as they are now, in another folder: what a kill leaves behind. Only while no flush runs.
    pub(crate) fn killed(&self, name: &str) -> PathBuf {
        let copy = self.folder.path().join(name);
        copy_folder(&self.data(), &copy);
        copy
    }

    /// What is found in a folder that a kill left behind.
    pub(crate) fn open(&self, data: &Path) -> Result<Ledger, OpenError> {
        Ledger::open(data, self.settings.clone(), false)
    }

    /// One operation in a batch of its own.
    pub(crate) fn does(&mut self, op: Op) -> Result<Outcome, Refusal> {
        let outcome = self.ledger.stage(op, self.now);
        self.ledger.commit(self.now).unwrap();
        outcome
    }

    pub(crate) fn stage(&mut self, op: Op) -> Result<Outcome, Refusal> {
        self.ledger.stage(op, self.now)
    }

    pub(crate) fn commit(&mut self) {
        self.ledger.commit(self.now).unwrap();
    }

    pub(crate) fn user(&mut self, name: &str) -> UserId {
        self.user_with(name, FriendPolicy::Open, MessagePolicy::Anyone)
    }

    /// Somebody who wants to be asked.
    pub(crate) fn shy(&mut self, name: &str) -> UserId {
        self.user_with(name, FriendPolicy::Confirm, MessagePolicy::Friends)
    }

    fn user_with(&mut self, name: &str, add: FriendPolicy, message: MessagePolicy) -> UserId {
        match self.does(create(name, add, message)).unwrap() {
            Outcome::AccountCreated { user } => user.id,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn group(&mut self, owner: UserId, name: &str, join: JoinPolicy) -> GroupCard {
        match self.does(found(owner, name, join)).unwrap() {
            Outcome::GroupCreated { group, .. } => group,
            other => panic!("{other:?}"),
        }
    }

    /// Posts, and says where.
    pub(crate) fn posts(&mut self, from: UserId, group: GroupId, text: &str) -> Seq {
        match self.does(Op::Post { from, group, body: Body::text(text), stamp: None }).unwrap() {
            Outcome::Posted { seq, .. } => seq,
            other => panic!("{other:?}"),
        }
    }

    /// Writes to somebody, and says where in the conversation and in the inbox.
    pub(crate) fn writes(&mut self, from: UserId, to: UserId, text: &str) -> Result<(Seq, Seq), Refusal> {
        match self.does(private(from, to, text))? {
            Outcome::Private { seq, inbox, .. } => Ok((seq, inbox)),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn friend_names(&self, user: UserId) -> Vec<String> {
        self.reader.friends(user, false).unwrap().iter().map(|friend| friend.person.name.to_string()).collect()
    }

    pub(crate) fn member_names(&self, group: GroupId) -> Vec<String> {
        let state = self.reader.group_state(group).unwrap().unwrap();
        state.members.iter().map(|member| member.person.name.to_string()).collect()
    }

    pub(crate) fn login(&self, user: UserId) -> actors::store::LoginState {
        self.reader.login_state(user, self.now, self.settings.friend.request_ttl(), false).unwrap().unwrap()
    }
}

/// A folder in memory where there is one: what is tested here is not the disk, and a sync costs nothing there.
pub(crate) fn folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

pub(crate) fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

pub(crate) fn create(text: &str, add: FriendPolicy, message: MessagePolicy) -> Op {
    Op::CreateAccount { name: name(text), password_hash: format!("hash of {text}"), add, message }
}

pub(crate) fn found(owner: UserId, text: &str, join: JoinPolicy) -> Op {
    Op::CreateGroup { owner, name: Some(name(text)), join, about: Box::default() }
}

pub(crate) fn private(from: UserId, to: UserId, text: &str) -> Op {
    Op::Private { from, to, body: Body::text(text), friends_only: false, stamp: None }
}

pub(crate) fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
