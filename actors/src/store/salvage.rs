//! Going on with what is left of a damaged database, once its operator has accepted the loss.
//!
//! Owns: the copy that is made first, and the order in which ever more is given up. Never: runs unasked.

use super::rocks::{Recovery, Rocks};
use super::rows::{self, InboxRow};
use super::schema::{self, Family};
use super::view::{View, Way};
use super::{Conversation, ReadError};
use crate::settings::StorageSettings;
use protocol::UserId;
use rocksdb::{ErrorKind, WriteBatch, WriteOptions};
use std::fs::{self, DirBuilder, File};
use std::io;
use std::ops::ControlFlow;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// Opens with the first recovery that the database agrees to: all of it, all up to the first damage, all but what is damaged.
/// (The second is refused where tables hold something newer than the damage.)
pub(super) fn open(path: &Path, settings: &StorageSettings) -> Result<Rocks, rocksdb::Error> {
    let mut refusal = None;
    for recovery in [Recovery::Strict, Recovery::UpToDamage, Recovery::AroundDamage] {
        match Rocks::open(path, settings, recovery) {
            Ok(rocks) => {
                if refusal.is_some() {
                    mend(&rocks);
                }
                return Ok(rocks);
            }
            Err(error) if error.kind() == ErrorKind::Corruption => {
                log::error!("accepting loss: {}", error.as_ref());
                refusal = Some(error);
            }
            Err(error) => return Err(error),
        }
    }
    match refusal {
        Some(error) => Err(error),
        None => Rocks::open(path, settings, Recovery::Strict),
    }
}

/// Takes pointers out of inboxes whose messages are lost: each would bar the rest of its inbox for ever.
fn mend(rocks: &Rocks) {
    let taken = dangling(rocks).and_then(|batch| {
        let count = batch.len();
        let mut synced = WriteOptions::default();
        synced.set_sync(true);
        rocks.db().write_opt(batch, &synced)?;
        Ok(count)
    });
    match taken {
        Ok(count) => log::error!("accepting loss: {count} messages in inboxes are lost"),
        Err(error) => log::error!("accepting loss: inboxes cannot be mended: {error}"),
    }
}

fn dangling(rocks: &Rocks) -> Result<WriteBatch, ReadError> {
    let view = View::now(rocks);
    let mut batch = WriteBatch::default();
    let Some(inbox) = rocks.family(Family::Inbox) else { return Ok(batch) };
    view.scan(Family::Inbox, &[], &[u8::MAX; 17], Way::Up, |key, value| {
        let owner = key.first_chunk().map(|bytes| UserId(u64::from_be_bytes(*bytes)));
        if let (Some(owner), Ok(InboxRow::Private { from, seq })) = (owner, rows::decode_inbox(key, value)) {
            let talk = schema::place(schema::conversation(Conversation::between(owner, from)), seq);
            if view.get(Family::Log, &talk)?.is_none() {
                batch.delete_cf(inbox, key);
            }
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(batch)
}

/// Copies the whole folder to a sibling, whose name says when. Returns where.
pub(super) fn keep_copy(data: &Path) -> io::Result<PathBuf> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
    // A path like "." has no name of its own to put something behind.
    let mut name = data.canonicalize()?.into_os_string();
    name.push(format!(".before-loss-{now}"));
    let copy = PathBuf::from(name);
    copy_folder(data, &copy)?;
    Ok(copy)
}

fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target)?;
            File::open(&target)?.sync_all()?;
        }
    }
    File::open(to)?.sync_all()
}
