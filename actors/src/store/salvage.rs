//! Going on with what is left of a damaged database, once its operator has accepted the loss.
//!
//! Owns: the copy that is made first, and the order in which ever more is given up. Never: runs unasked.

use super::rocks::{Recovery, Rocks};
use super::rows::{self, InboxRow, Number, SentRow};
use super::schema::{self, FIRST_GROUP, FIRST_USER, Family, Meta, Table};
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

/// Replays what the database agrees to replay, and leaves it in a state that opens as any other: all of it, or all up
/// to the first damage, or all but what is damaged. (The second is refused where tables hold something newer.)
pub(super) fn rewrite(path: &Path, settings: &StorageSettings) -> Result<(), rocksdb::Error> {
    let mut refusal = None;
    for recovery in [Recovery::Strict, Recovery::UpToDamage, Recovery::AroundDamage] {
        match Rocks::open(path, settings, recovery) {
            Ok(rocks) => {
                if refusal.is_some() {
                    mend(&rocks);
                }
                return Ok(());
            }
            Err(error) if error.kind() == ErrorKind::Corruption => {
                log::error!("accepting loss: {}", error.as_ref());
                refusal = Some(error);
            }
            Err(error) => return Err(error),
        }
    }
    refusal.map_or(Ok(()), Err)
}

/// Makes what is left fit together. Damage that took a row may have left others that point at it, and each would bar
/// the rest of its inbox or conversation for ever. And a number that was once somebody's is never given out again.
fn mend(rocks: &Rocks) {
    let mended = repairs(rocks).and_then(|(batch, lost)| {
        let mut synced = WriteOptions::default();
        synced.set_sync(true);
        rocks.db().write_opt(batch, &synced)?;
        Ok(lost)
    });
    match mended {
        Ok(lost) => {
            log::error!("accepting loss: {lost} messages could not be kept, because what they point at is lost");
        }
        Err(error) => log::error!("accepting loss: what is left cannot be mended: {error}"),
    }
}

fn repairs(rocks: &Rocks) -> Result<(WriteBatch, usize), ReadError> {
    let view = View::now(rocks);
    let mut batch = WriteBatch::default();
    let mut lost = 0;
    let mut last = [FIRST_USER - 1, FIRST_GROUP - 1]; // of users, of groups
    let mut see = |which: usize, number: Option<u64>| last[which] = last[which].max(number.unwrap_or(0));
    let is_account = |user: UserId| Ok::<_, ReadError>(view.get(Family::State, &Table::Account.one(user.0))?.is_some());
    let families = [Family::Log, Family::Inbox, Family::State, Family::Dedup].map(|family| rocks.family(family));
    let [Some(log), Some(inbox), Some(state), Some(dedup)] = families else {
        return Ok((batch, 0));
    };
    let end = [u8::MAX; 32];
    view.scan(Family::Log, &[], &end, Way::Up, |key, value| {
        // A conversation's kind, then one group or two users, then the place.
        let numbers: Vec<u64> =
            key.get(1..).unwrap_or_default().chunks_exact(8).filter_map(schema::last_number).collect();
        match numbers[..] {
            [a, b, _] => [a, b].map(|user| see(0, Some(user))),
            _ => [see(1, numbers.first().copied()), ()],
        };
        let from = rows::decode_log(key, value).ok().map(|row| row.from);
        if from.map_or(Ok(false), is_account)? {
            return Ok(ControlFlow::Continue(()));
        }
        batch.delete_cf(log, key);
        lost += 1;
        Ok(ControlFlow::Continue(()))
    })?;
    view.scan(Family::Inbox, &[], &end, Way::Up, |key, value| {
        let owner = key.first_chunk().map(|bytes| UserId(u64::from_be_bytes(*bytes)));
        see(0, owner.map(|owner| owner.0));
        let whole = match (owner, rows::decode_inbox(key, value)) {
            (Some(owner), Ok(InboxRow::Private { from, seq })) => {
                let talk = schema::place(schema::conversation(Conversation::between(owner, from)), seq);
                is_account(owner)? && is_account(from)? && view.get(Family::Log, &talk)?.is_some()
            }
            (_, Ok(InboxRow::FriendAnswer { friend, .. })) => is_account(friend)?,
            (_, Ok(InboxRow::JoinAnswer { group, .. })) => {
                view.get(Family::State, &Table::Group.one(group.0))?.is_some()
            }
            (_, Ok(InboxRow::Notice(notice))) => {
                let (people, group) = notice.about();
                let mut there = true;
                for person in people.into_iter().flatten() {
                    there &= is_account(person)?;
                }
                if let Some(group) = group {
                    there &= view.get(Family::State, &Table::Group.one(group.0))?.is_some();
                }
                there
            }
            _ => false,
        };
        if !whole {
            batch.delete_cf(inbox, key);
        }
        Ok(ControlFlow::Continue(()))
    })?;
    // Whoever sends a lost message again must not be told that it is there.
    view.scan(Family::Dedup, &[], &[u8::MAX; 48], Way::Up, |key, value| {
        let Some(from) = schema::sender_of_remembered(key) else { return Ok(ControlFlow::Continue(())) };
        let place = rows::decode::<SentRow>(key, value).ok().map(|row| row.place(from));
        if place.map_or(Ok(true), |place| view.get(Family::Log, &place).map(|row| row.is_none()))? {
            batch.delete_cf(dedup, key);
        }
        Ok(ControlFlow::Continue(()))
    })?;
    for (which, table) in [Table::Account, Table::Group].into_iter().enumerate() {
        view.list(&[table as u8], |key, _| {
            see(which, schema::last_number(key));
            Ok(())
        })?;
    }
    for (counter, last) in [Meta::NextUser, Meta::NextGroup].into_iter().zip(last) {
        let key = Table::meta(counter);
        if let (true, Some(row)) = (view.number(&key)?.unwrap_or(0) <= last, rows::encode(&Number(last + 1))) {
            batch.put_cf(state, &key, row);
        }
    }
    Ok((batch, lost))
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
