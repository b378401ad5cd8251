//! The ledger: the only writer. It checks an operation against what is committed and what is staged, stages it whole
//! or refuses it, and commits all that is staged as one batch.
//!
//! Owns: every rule about what may be changed, every number that is given out, and the moment of the commit. Never:
//! tells anybody anything; its caller does, and only after [`Ledger::commit`] returned `Ok`.

mod accounts;
mod codes;
mod dedup;
mod expiry;
mod friends;
mod groups;
mod invites;
mod joining;
mod messages;
mod people;
mod recall;
mod roles;
mod visits;

pub use codes::code_hash;
pub(in crate::store) use friends::is_live as friends_request_is_live;
pub(in crate::store) use groups::{card as group_card, info as group_info};

use super::desk::Desk;
use super::high_water::HighWater;
use super::open::{self, OpenError};
use super::ops::{Account, Op, Outcome};
use super::reader::Reader;
use super::rocks::{self, Rocks};
use super::rows::ReadError;
use super::space::{Disk, Guard, Room, Space};
use crate::settings::{
    ActorSettings, BinarySettings, FriendSettings, GroupSettings, InboxSettings, MailSettings, MessageSettings,
    StorageSettings, Sync,
};
use protocol::{Refusal, UserId};
use rocksdb::{WriteBatch, WriteOptions};
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

/// The settings that bear on what is stored.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "settings.toml explains each section")]
pub struct LedgerSettings {
    pub storage: StorageSettings,
    pub friend: FriendSettings,
    pub group: GroupSettings,
    pub inbox: InboxSettings,
    pub message: MessageSettings,
    pub binary: BinarySettings,
    pub mail: MailSettings,
}

impl From<&ActorSettings> for LedgerSettings {
    fn from(settings: &ActorSettings) -> Self {
        Self {
            storage: settings.storage.clone(),
            friend: settings.friend.clone(),
            group: settings.group.clone(),
            inbox: settings.inbox.clone(),
            message: settings.message.clone(),
            binary: settings.binary.clone(),
            mail: settings.mail.clone(),
        }
    }
}

/// A commit that failed. Whether its batch will be found at the next open is *unknown*, so nobody may be told yes or
/// no: the process must end (with a distinct exit code), and the next start will know.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the database could not commit: {0}")]
pub struct CommitError(String);

/// How the database does, polled by whoever watches over the process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Health {
    /// Flushes and compactions that failed since the start. Never goes down.
    pub background_errors: u64,
    /// Writes wait for flushes or compactions.
    pub write_stopped: bool,
    /// Room on the disk.
    pub room: Room,
    /// A commit failed, or the database takes no more writes: every commit will fail. The process should end.
    pub failed: bool,
}

/// The only writer. `Send`, but of one thread at a time.
pub struct Ledger {
    desk: Desk,
    rocks: Arc<Rocks>,
    settings: LedgerSettings,
    high_water: HighWater,
    guard: Guard,
    staged: usize,
    /// Something is staged that will be answered, and so must be synced.
    owed: bool,
    /// Something is committed but not synced.
    unsynced: bool,
    /// As found when the first operation of this batch came.
    room: Option<Room>,
    /// Failures in the background with which the database has taken a write since.
    seen_errors: u64,
    /// The buffers were flushed since the room became little.
    flushed: bool,
    failed: Option<String>,
    /// Nothing waits for an answer since before that time, in milliseconds since 1970 (UTC). `None`: nothing waits.
    due: Option<u64>,
    _lock: File,
}

impl Ledger {
    /// Opens or creates the data folder. `accept_loss` first copies an existing folder to a sibling
    /// `DATA.before-loss-UNIXMS`, then opens what can be read: for an operator who has seen an [`OpenError`] and has no backup.
    ///
    /// # Errors
    /// [`OpenError`], one line each; nothing was changed then.
    pub fn open(data: &Path, settings: LedgerSettings, accept_loss: bool) -> Result<Self, OpenError> {
        Self::open_with(data, settings, accept_loss, None)
    }

    /// [`Ledger::open`] with another opinion on how much room there is; `None` asks the disk.
    ///
    /// # Errors
    /// As [`Ledger::open`].
    pub fn open_with(
        data: &Path,
        settings: LedgerSettings,
        accept_loss: bool,
        space: Option<Box<dyn Space>>,
    ) -> Result<Self, OpenError> {
        let open::Opened { rocks, high_water, lock } = open::open(data, &settings.storage, accept_loss)?;
        let space = match space {
            Some(space) => space,
            None => Box::new(Disk::of(data).map_err(|source| OpenError::Unreadable { path: data.to_owned(), source })?),
        };
        let rocks = Arc::new(rocks);
        let mut ledger = Self {
            desk: Desk::new(Arc::clone(&rocks)),
            rocks,
            guard: Guard::new(space, settings.storage.min_free_bytes, rocks::most_unflushed(&settings.storage)),
            settings,
            high_water,
            staged: 0,
            owed: false,
            unsynced: false,
            room: None,
            seen_errors: 0,
            flushed: false,
            failed: None,
            due: Some(0), // nobody has looked yet
            _lock: lock,
        };
        // Synced once, so that the new log is on the disk before the old ones are missed.
        ledger.append_seal(true);
        Ok(ledger)
    }

    /// Stages one operation: whole, or not at all. `now_ms` is stored as the time of what it makes; order never depends on it.
    /// The outcome is a promise that only [`Ledger::commit`] makes true: tell nobody before it returned `Ok`.
    ///
    /// # Errors
    /// The polite no, after which nothing is changed. [`Refusal::Fault`] where a row cannot be read (logged here), and
    /// always after a failed commit. [`Refusal::StorageFull`] for everything but [`Op::Advance`] while the disk has
    /// little room.
    pub fn stage(&mut self, op: Op, now_ms: u64) -> Result<Outcome, Refusal> {
        if self.failed.is_some() {
            return Err(Refusal::Fault);
        }
        let room = match self.room {
            Some(room) => room,
            None => {
                let room = self.look_for_room();
                *self.room.insert(room)
            }
        };
        if self.failed.is_some() {
            return Err(Refusal::Fault);
        }
        if let Op::Advance { user, marks } = op {
            // A cursor that is not kept means a message delivered twice, which is allowed; a failed write ends the process.
            if room != Room::None {
                self.advance(user, &marks)?;
                self.staged += 1;
            }
            return Ok(Outcome::Advanced);
        }
        // Who logs in may need a code looked at; that takes hardly any room.
        let little = room == Room::Little && matches!(op, Op::TryCode { .. } | Op::Again { .. });
        if room != Room::Plenty && !little {
            return Err(Refusal::StorageFull);
        }
        let outcome = match op {
            Op::CreateAccount { name, password_hash, add, message } => {
                self.create_account(&name, &password_hash, add, message, now_ms)
            }
            Op::SetPassword { user, password_hash } => self.set_password(user, &password_hash),
            Op::SetPolicy { user, add, message } => self.set_policy(user, add, message, now_ms),
            Op::Befriend { from, to, special, reason } => self.befriend(from, to, special, reason, now_ms),
            Op::AnswerFriend { user, asker, verdict, special, reason } => {
                self.answer_friend(user, asker, verdict, special, reason, now_ms)
            }
            Op::SetFriend { user, friend, special } => self.set_friend(user, friend, special),
            Op::Unfriend { user, friend } => self.unfriend(user, friend),
            Op::CreateGroup { owner, name, join, about } => self.create_group(owner, name, join, &about, now_ms),
            Op::Join { user, group, reason } => self.join(user, group, reason, now_ms),
            Op::AnswerJoin { user, group, member, verdict, reason } => {
                self.answer_join(user, group, member, verdict, reason, now_ms)
            }
            Op::IssueCode { email, purpose, salt, hash } => self.issue_code(&email, purpose, salt, hash, now_ms),
            Op::TryCode { email, purpose, code, spend } => self.try_code(&email, purpose, &code, spend, now_ms),
            Op::CreateByMail { email, code, nickname, wish, password_hash, add, message } => {
                self.create_by_mail(&email, &code, nickname, &wish, &password_hash, (add, message), now_ms)
            }
            Op::ResetPassword { email, code, password_hash } => {
                self.reset_password(&email, &code, &password_hash, now_ms)
            }
            Op::BindEmail { user, email, code } => self.bind_email(user, &email, &code, now_ms),
            Op::NoteVisit { user, from } => self.note_visit(user, from, now_ms),
            Op::SetProfile { user, change } => self.set_profile(user, *change),
            Op::SetRemark { user, friend, remark } => self.set_remark(user, friend, remark),
            Op::Block { user, other, blocked } => self.block(user, other, blocked, now_ms),
            Op::Expire => self.expire(now_ms),
            Op::SetGroup { user, group, change } => self.set_group(user, group, *change),
            Op::SetRole { user, group, member, role } => self.set_role(user, group, member, role),
            Op::Invite { user, group, who } => self.invite(user, group, who, now_ms),
            Op::AnswerInvite { user, group, verdict, reason } => {
                self.answer_invite(user, group, verdict, reason, now_ms)
            }
            Op::RemoveMember { user, group, member, reason } => self.remove_member(user, group, member, reason),
            Op::TransferGroup { user, group, member } => self.transfer_group(user, group, member),
            Op::DissolveGroup { user, group } => self.dissolve_group(user, group),
            Op::Again { from, group, body, stamp, otherwise } => {
                self.again(from, group, (stamp, &body), otherwise, now_ms)
            }
            Op::Recall { user, of, place } => self.recall(user, of, place, now_ms),
            Op::Leave { user, group } => self.leave(user, group),
            Op::Private { from, to, body, friends_only, stamp } => {
                self.private(from, to, body, friends_only, stamp, now_ms)
            }
            Op::Post { from, group, body, stamp } => self.post(from, group, body, stamp, now_ms),
            Op::Advance { .. } => Ok(Outcome::Advanced), // above
        }?;
        self.staged += 1;
        self.owed = true;
        Ok(outcome)
    }

    /// Operations that are staged.
    #[must_use]
    pub fn staged_ops(&self) -> usize {
        self.staged
    }

    /// Bytes that the open batch has.
    #[must_use]
    pub fn staged_bytes(&self) -> usize {
        self.desk.batch_bytes()
    }

    /// Commits all that is staged as one batch; nothing happens where nothing is. With `storage.sync = "always"` it
    /// is synced, unless it only moves cursors. `now_ms` is for the high-water file.
    ///
    /// # Errors
    /// [`CommitError`]: fatal, see there. Every later call fails too.
    pub fn commit(&mut self, now_ms: u64) -> Result<(), CommitError> {
        self.room = None;
        if let Some(failed) = &self.failed {
            return Err(CommitError(failed.clone()));
        }
        if self.staged == 0 {
            self.desk.settle(); // what was only read may go, too
            return Ok(());
        }
        if self.desk.spoiled() {
            return Err(self.fail("a row could not be written into its batch".into()));
        }
        let sync = self.owed && self.settings.storage.sync == Sync::Always;
        let mut options = WriteOptions::default();
        options.set_sync(sync);
        let batch = self.desk.take();
        if let Err(error) = self.rocks.db().write_opt(batch, &options) {
            return Err(self.fail(error.into_string()));
        }
        self.desk.settle();
        self.staged = 0;
        self.owed = false;
        self.unsynced = !sync;
        if sync {
            self.note(now_ms);
        }
        self.seal();
        Ok(())
    }

    /// Syncs what was committed without: for the timer of `storage.sync = "interval"`, and before a stop. Nothing
    /// happens where all is synced.
    ///
    /// # Errors
    /// [`CommitError`]: fatal, see there.
    pub fn sync_now(&mut self, now_ms: u64) -> Result<(), CommitError> {
        if let Some(failed) = &self.failed {
            return Err(CommitError(failed.clone()));
        }
        if !self.unsynced {
            return Ok(());
        }
        if let Err(error) = self.rocks.db().flush_wal(true) {
            return Err(self.fail(error.into_string()));
        }
        self.unsynced = false;
        self.note(now_ms);
        Ok(())
    }

    /// Commits, syncs and closes.
    ///
    /// # Errors
    /// [`CommitError`], where the last batch may or may not be found again.
    pub fn close(mut self, now_ms: u64) -> Result<(), CommitError> {
        self.commit(now_ms)?;
        self.sync_now(now_ms)?;
        if let Err(error) = self.high_water.sync() {
            log::warn!("cannot sync the high-water file: {error}");
        }
        Ok(())
    }

    /// A way to read what is committed, for any thread.
    #[must_use]
    pub fn reader(&self) -> Reader {
        Reader::new(Arc::clone(&self.rocks))
    }

    /// How the database does.
    #[must_use]
    pub fn health(&self) -> Health {
        Health {
            background_errors: self.rocks.background_errors(),
            write_stopped: self.rocks.write_stopped(),
            room: self.guard.room(|| self.rocks.unflushed_bytes()),
            failed: self.failed.is_some(),
        }
    }

    /// Appends an empty record to the write-ahead log, unsynced. The log then never ends with something acknowledged:
    /// a tail that a crash cut by a few bytes costs the seal only. [`Ledger::commit`] does it before it returns, so
    /// nobody else needs to. It takes no sequence number and so does not move the high water.
    ///
    /// Returns whether the database takes writes. Where it does not for want of room it resumes by itself; anything
    /// else is as fatal as a failed commit.
    pub fn seal(&mut self) -> bool {
        self.append_seal(false)
    }

    fn append_seal(&mut self, sync: bool) -> bool {
        let mut batch = WriteBatch::default();
        batch.put_log_data(b"|");
        let mut options = WriteOptions::default();
        options.set_sync(sync);
        match self.rocks.db().write_opt(batch, &options) {
            Ok(()) => true,
            Err(error) => {
                let detail = error.into_string();
                self.seen_errors = u64::MAX; // ask again before the next batch
                if detail.contains("No space left") {
                    log::warn!("the database waits for room on the disk: {detail}");
                } else {
                    self.fail(detail);
                }
                false
            }
        }
    }

    /// How the disk stands at the start of a batch. A database that failed in the background refuses writes from then
    /// on; a seal finds out without risking anybody's message.
    fn look_for_room(&mut self) -> Room {
        let room = self.guard.room(|| self.rocks.unflushed_bytes());
        if room == Room::Plenty {
            let errors = self.rocks.background_errors();
            if self.seen_errors != errors {
                if !self.seal() {
                    return Room::None;
                }
                self.seen_errors = errors;
            }
        }
        // What is in memory is on the disk too, as logs. Once it is in tables the logs go, which may be room enough.
        // The guard has kept room for those tables.
        if room == Room::Little && !self.flushed {
            self.rocks.flush();
        }
        self.flushed = room != Room::Plenty;
        room
    }

    fn note(&mut self, now_ms: u64) {
        // The commit stands whatever happens here; only a later loss would be noticed less.
        if let Err(error) = self.high_water.note(self.rocks.db().latest_sequence_number(), now_ms) {
            log::error!("cannot write the high-water file: {error}");
        }
    }

    fn fail(&mut self, detail: String) -> CommitError {
        log::error!("the database failed, nothing more will be committed: {detail}");
        self.failed = Some(detail.clone());
        CommitError(detail)
    }

    /// An account that must exist.
    fn known(&mut self, user: UserId) -> Result<Account, Refusal> {
        self.desk.account(user)?.ok_or(Refusal::NoSuchUser)
    }
}

impl From<ReadError> for Refusal {
    /// Logs what could not be read; the asker only learns that it was no fault of theirs.
    fn from(error: ReadError) -> Self {
        log::error!("{error}");
        Self::Fault
    }
}

/// Whether a list of `live` rows has reached its bound.
fn is_full(live: u64, bound: usize) -> bool {
    u64::try_from(bound).is_ok_and(|bound| live >= bound)
}
