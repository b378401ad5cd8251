//! Going on with what is left of a damaged database, once its operator has accepted the loss.
//!
//! Owns: the copy that is made first, and the order in which ever more is given up. Never: runs unasked.

use super::rocks::{Recovery, Rocks};
use super::rows::{self, InboxRow, Number, SentRow};
use super::runs::Run;
use super::schema::{self, FIRST_GROUP, FIRST_USER, Family, Meta, Table};
use super::view::{View, Way};
use super::{Conversation, ReadError};
use crate::settings::StorageSettings;
use protocol::{Seq, UserId};
use rocksdb::{ColumnFamily, ErrorKind, WriteBatch, WriteOptions};
use std::collections::{BTreeSet, HashMap};
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
                // Also where it opens as if it were whole: a log that is missing is not missed.
                mend(&rocks);
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
    let mended = repairs(rocks).and_then(|(batch, lost, again)| {
        let mut synced = WriteOptions::default();
        synced.set_sync(true);
        rocks.db().write_opt(batch, &synced)?;
        Ok((lost, again))
    });
    match mended {
        Ok((lost, again)) => {
            if lost > 0 {
                log::error!("accepting loss: {lost} messages could not be kept, because what they point at is lost");
            }
            if again > 0 {
                log::error!("accepting loss: {again} messages that no inbox knew of are delivered, some of them again");
            }
        }
        Err(error) => log::error!("accepting loss: what is left cannot be mended: {error}"),
    }
}

/// What is to be written, how many messages that takes, and how many it puts into inboxes.
fn repairs(rocks: &Rocks) -> Result<(WriteBatch, usize, usize), ReadError> {
    let view = View::now(rocks);
    let mut batch = WriteBatch::default();
    let (mut lost, mut again) = (0, 0);
    let mut last = [FIRST_USER - 1, FIRST_GROUP - 1]; // of users, of groups
    let mut see = |which: usize, number: Option<u64>| last[which] = last[which].max(number.unwrap_or(0));
    let is_account = |user: UserId| Ok::<_, ReadError>(view.get(Family::State, &Table::Account.one(user.0))?.is_some());
    let families = [Family::Log, Family::Inbox, Family::State, Family::Dedup].map(|family| rocks.family(family));
    let [Some(log), Some(inbox), Some(state), Some(dedup)] = families else {
        return Ok((batch, 0, 0));
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
    let mut inboxes = Inboxes::default();
    let mut owned = (UserId(0), Vec::new());
    view.scan(Family::Inbox, &[], &end, Way::Up, |key, value| {
        let owner = key.first_chunk().map(|bytes| UserId(u64::from_be_bytes(*bytes)));
        see(0, owner.map(|owner| owner.0));
        if let Some(owner) = owner.filter(|owner| *owner != owned.0) {
            inboxes.mend(&view, &owned, &mut batch, inbox)?;
            owned = (owner, Vec::new());
        }
        let (place, row) = (schema::last_number(key), rows::decode_inbox(key, value));
        let whole = match (owner, &row) {
            (Some(owner), Ok(InboxRow::Run { from, .. })) => is_account(owner)? && is_account(*from)?,
            (Some(owner), Ok(InboxRow::Private { from, seq })) => {
                let talk = schema::place(schema::conversation(Conversation::between(owner, *from)), *seq);
                is_account(owner)? && is_account(*from)? && view.get(Family::Log, &talk)?.is_some()
            }
            (_, Ok(InboxRow::FriendAnswer { friend, .. })) => is_account(*friend)?,
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
        match (place, row) {
            (Some(place), Ok(row)) if whole => owned.1.push((place, row)),
            _ => batch.delete_cf(inbox, key),
        }
        Ok(ControlFlow::Continue(()))
    })?;
    inboxes.mend(&view, &owned, &mut batch, inbox)?;
    // What no inbox knows of is put behind what it has: it may be there for a second time, but nobody misses it.
    view.scan(Family::Log, &[], &end, Way::Up, |key, value| {
        let (Some(seq), Ok(from)) = (schema::last_number(key), rows::decode_log(key, value).map(|row| row.from)) else {
            return Ok(ControlFlow::Continue(()));
        };
        let Some(owner) = schema::receiver(key, from) else { return Ok(ControlFlow::Continue(())) };
        if !inboxes.has(owner, from, seq) && is_account(owner)? && is_account(from)? {
            let place = inboxes.next(&view, owner)?;
            let row = rows::encode_inbox(&InboxRow::Private { from, seq: Seq(seq) });
            batch.put_cf(inbox, schema::place(schema::inbox(owner), place), row);
            again += 1;
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
    Ok((batch, lost, again))
}

/// What is left of inboxes.
#[derive(Default)]
struct Inboxes {
    /// By owner and sender: which messages are in the inbox.
    has: HashMap<(UserId, UserId), Shown>,
    /// The last place of each that is taken.
    last: HashMap<UserId, Seq>,
}

/// Messages of one person to another, asked for in the order of their places.
#[derive(Default)]
struct Shown {
    /// From which place of the conversation on, and how many.
    parts: Vec<(u64, u64)>,
    /// Where in these the last one was, and how many of that part were seen.
    at: usize,
    seen: u64,
}

impl Inboxes {
    /// Goes through one inbox. A run of which something is missing is cut there: each message before that gets a row of its own, at the
    /// place that it had; whoever counted on would count what is not there.
    fn mend(
        &mut self,
        view: &View<'_>,
        (owner, rows): &(UserId, Vec<(u64, InboxRow)>),
        batch: &mut WriteBatch,
        inbox: &ColumnFamily,
    ) -> Result<(), ReadError> {
        let mut end = None;
        let mut begin: HashMap<UserId, BTreeSet<Seq>> = HashMap::new();
        for (_, row) in rows {
            if let InboxRow::Private { from, seq } | InboxRow::Run { from, seq } = row {
                begin.entry(*from).or_default().insert(*seq);
            }
        }
        for (place, row) in rows.iter().rev() {
            let mut last = *place;
            match *row {
                InboxRow::Private { from, seq } => {
                    self.has.entry((*owner, from)).or_default().parts.push((seq.0, 1));
                }
                InboxRow::Run { from, seq } => {
                    let limit = begin.get(&from).and_then(|begin| begin.range(seq.next()..).next().copied());
                    let run = Run { from, first: seq };
                    let room = end.map(|end: u64| end - place);
                    let (left, whole) = left_of(view, *owner, run, room, limit)?;
                    last += (left.len() as u64).saturating_sub(1);
                    let parts = &mut self.has.entry((*owner, from)).or_default().parts;
                    if whole {
                        parts.push((seq.0, left.len() as u64));
                    } else {
                        batch.delete_cf(inbox, schema::place(schema::inbox(*owner), Seq(*place)));
                        for (place, seq) in (*place..).zip(left) {
                            let row = rows::encode_inbox(&InboxRow::Private { from, seq });
                            batch.put_cf(inbox, schema::place(schema::inbox(*owner), Seq(place)), row);
                            parts.push((seq.0, 1));
                        }
                    }
                }
                _ => {}
            }
            let known = self.last.entry(*owner).or_default();
            *known = (*known).max(Seq(last));
            end = Some(*place);
        }
        Ok(())
    }

    /// Whether a message is in the inbox. Those of one person to another must be asked for in their order.
    fn has(&mut self, owner: UserId, from: UserId, seq: u64) -> bool {
        self.has.get_mut(&(owner, from)).is_some_and(|shown| shown.has(seq))
    }

    /// The next place behind all that is there or was received.
    fn next(&mut self, view: &View<'_>, owner: UserId) -> Result<Seq, ReadError> {
        let received = view.inbox_cursor(owner)?;
        let last = self.last.entry(owner).or_default();
        *last = (*last).max(received).next();
        Ok(*last)
    }
}

impl Shown {
    fn has(&mut self, seq: u64) -> bool {
        if !self.parts.is_sorted() {
            self.parts.sort_unstable();
        }
        while self.parts.get(self.at + 1).is_some_and(|(first, _)| *first <= seq) {
            (self.at, self.seen) = (self.at + 1, 0);
        }
        let Some((first, messages)) = self.parts.get(self.at) else { return false };
        if seq < *first {
            return false;
        }
        self.seen += 1;
        self.seen <= *messages
    }
}

/// The messages of a run up to the first that is missing, and whether those are all of it. At `limit` the same person's next row begins.
fn left_of(
    view: &View<'_>,
    owner: UserId,
    run: Run,
    room: Option<u64>,
    limit: Option<Seq>,
) -> Result<(Vec<Seq>, bool), ReadError> {
    let (mut left, mut expected, mut holes, mut behind) = (Vec::new(), run.first.0, false, false);
    run.all(view, owner, |key, value| {
        let seq = Seq(schema::last_number(key).unwrap_or(expected));
        if limit.is_some_and(|limit| seq >= limit) || room == Some(left.len() as u64) {
            return Ok(ControlFlow::Break(()));
        }
        let from = rows::decode_log(key, value).map(|row| row.from).ok();
        holes |= seq.0 != expected || from.is_none();
        expected = seq.0 + 1;
        if from == Some(run.from) {
            behind |= holes;
            if !holes {
                left.push(seq);
            }
        }
        Ok(ControlFlow::Continue(()))
    })?;
    let whole = !behind && !left.is_empty() && room.is_none_or(|room| room == left.len() as u64);
    Ok((left, whole))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::ActorSettings;
    use crate::store::{InboxItem, Ledger, LedgerSettings, Mark, Op, Outcome};
    use protocol::{Body, FriendPolicy, MessagePolicy, Name};

    const A: UserId = UserId(FIRST_USER);
    const B: UserId = UserId(FIRST_USER + 1);
    const C: UserId = UserId(FIRST_USER + 2);

    /// Both write by turns, `a` first, then `c` writes once to `b` and `a` twice more; then `b` has received so much, and the rows at those
    /// places are lost of the conversation of the two, and of the inbox of `b`. What that has then: places, senders, places in the
    /// conversation.
    fn after_losing(received: u64, talk: &[u64], inbox: &[u64]) -> Vec<(u64, UserId, u64)> {
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let settings: ActorSettings = toml::from_str(include_str!("../../../settings.toml")).unwrap();
        let settings = LedgerSettings::from(&settings);
        let mut ledger = Ledger::open(folder.path(), settings.clone(), false).unwrap();
        for name in ["a", "b", "c"] {
            let (add, message) = (FriendPolicy::Open, MessagePolicy::Anyone);
            let name = Name::parse(name).unwrap();
            ledger.stage(Op::CreateAccount { name, password_hash: "h".into(), add, message }, 1).unwrap();
        }
        for (from, to) in [(A, B), (B, A), (A, B), (B, A), (A, B), (C, B), (A, B), (A, B)] {
            ledger.stage(Op::Private { from, to, body: Body::text("x"), friends_only: false, stamp: None }, 1).unwrap();
        }
        ledger.stage(Op::Advance { user: B, marks: vec![Mark::Inbox(Seq(received))] }, 1).unwrap();
        ledger.close(1).unwrap();
        {
            let rocks = Rocks::open(&folder.path().join("db"), &settings.storage, Recovery::Strict).unwrap();
            for (family, prefix, places) in [
                (Family::Log, schema::conversation(Conversation::between(A, B)), talk),
                (Family::Inbox, schema::inbox(B), inbox),
            ] {
                for place in places {
                    let key = schema::place(prefix.clone(), Seq(*place));
                    rocks.db().delete_cf(rocks.family(family).unwrap(), key).unwrap();
                }
            }
            mend(&rocks);
            let (_, lost, again) = repairs(&rocks).unwrap();
            assert_eq!((lost, again), (0, 0), "{talk:?} {inbox:?}: once is enough");
        }
        let mut ledger = Ledger::open(folder.path(), settings, false).unwrap();
        let read = |ledger: &Ledger, after| {
            let (mut all, mut after) = (Vec::new(), Seq(after));
            loop {
                let page = ledger.reader().inbox(B, after, 1, usize::MAX).unwrap();
                for (place, item) in page.rows {
                    let InboxItem::Private { from, seq, .. } = item else { panic!("{item:?}") };
                    all.push((place.0, from.id, seq.0));
                    after = place;
                }
                if !page.more {
                    return all;
                }
            }
        };
        let all = read(&ledger, 0);
        // It goes on behind all of that.
        let op = Op::Private { from: A, to: B, body: Body::text("x"), friends_only: false, stamp: None };
        let Outcome::Private { inbox, seq, .. } = ledger.stage(op, 1).unwrap() else { panic!("no message") };
        ledger.commit(1).unwrap();
        assert!(inbox.0 > received && all.last().is_none_or(|(place, ..)| inbox.0 > *place));
        assert_eq!(read(&ledger, inbox.0 - 1), [(inbox.0, A, seq.0)]);
        assert_eq!(read(&ledger, 0)[..all.len()], all);
        all
    }

    #[test]
    fn what_is_left_of_a_run_keeps_its_place_or_comes_again() {
        let whole = [(1, A, 1), (2, A, 3), (3, A, 5), (4, C, 1), (5, A, 6), (6, A, 7)];
        let lost = |talk: &[u64]| after_losing(0, talk, &[]);
        assert_eq!(lost(&[]), whole);
        assert_eq!(lost(&[7]), whole[..5], "the end of a run");
        assert_eq!(lost(&[6, 7]), whole[..4]);
        assert_eq!(lost(&[5]), [&whole[..2], &whole[3..]].concat());
        assert_eq!(lost(&[5, 6, 7]), [&whole[..2], &whole[3..4]].concat());
        // Nobody knows any more who wrote what is missing, so nobody can count any further.
        assert_eq!(lost(&[2]), [(1, A, 1), (4, C, 1), (5, A, 6), (6, A, 7), (7, A, 3), (8, A, 5)]);
        assert_eq!(lost(&[3]), [(1, A, 1), (4, C, 1), (5, A, 6), (6, A, 7), (7, A, 5)]);
        assert_eq!(lost(&[1]), [(4, C, 1), (5, A, 6), (6, A, 7), (7, A, 3), (8, A, 5)]);
        assert_eq!(lost(&[1, 2, 3, 5]), [(4, C, 1), (5, A, 6), (6, A, 7)], "all of a run");
        assert_eq!(lost(&[6]), [(1, A, 1), (2, A, 3), (3, A, 5), (4, C, 1), (6, A, 7)]);
    }

    #[test]
    fn what_no_inbox_knows_of_is_delivered() {
        let whole = [(1, A, 1), (2, A, 3), (3, A, 5), (4, C, 1), (5, A, 6), (6, A, 7)];
        // The row with which a run began. What was before its end is not received because of that.
        assert_eq!(after_losing(4, &[], &[5]), [&whole[..4], &[(5, A, 6), (6, A, 7)]].concat());
        assert_eq!(after_losing(4, &[6], &[5]), [&whole[..4], &[(5, A, 7)]].concat());
        assert_eq!(after_losing(5, &[], &[1, 5]), [(4, C, 1), (6, A, 1), (7, A, 3), (8, A, 5), (9, A, 6), (10, A, 7)]);
        assert_eq!(after_losing(6, &[], &[4]), [&whole[..3], &whole[4..], &[(7, C, 1)]].concat());
    }
}
