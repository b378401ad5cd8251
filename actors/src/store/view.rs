//! Reading what is committed: single rows and bounded scans, now or at one moment.
//!
//! Owns: how keys are sought. Every iterator has both bounds and total order: none can run into another table.
//! Never: writes, or sees what is staged (`desk/` lays that over).

use super::rocks::Rocks;
use super::rows::ReadError;
use super::schema::{Family, Key, Table, behind, last_number};
use super::{ops::Conversation, rows, schema};
use protocol::{Seq, UserId};
use rocksdb::{ColumnFamily, DBPinnableSlice, ReadOptions, Snapshot};
use std::ops::ControlFlow;

/// A way to look at the database.
pub(super) struct View<'a> {
    rocks: &'a Rocks,
    snapshot: Option<Snapshot<'a>>,
}

/// Which way a scan goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Way {
    /// From the first row.
    Up,
    /// From the last row.
    Down,
}

impl<'a> View<'a> {
    /// Each look sees the newest.
    pub(super) fn now(rocks: &'a Rocks) -> Self {
        Self { rocks, snapshot: None }
    }

    /// All looks see the same.
    pub(super) fn moment(rocks: &'a Rocks) -> Self {
        Self { rocks, snapshot: Some(rocks.db().snapshot()) }
    }

    /// Where a family is, for whoever writes.
    pub(super) fn family(&self, family: Family) -> Result<&'a ColumnFamily, ReadError> {
        self.rocks.family(family).ok_or_else(|| ReadError::Database(format!("no column family {}", family.name())))
    }

    fn options(&self) -> ReadOptions {
        let mut options = ReadOptions::default();
        options.set_total_order_seek(true);
        if let Some(snapshot) = &self.snapshot {
            options.set_snapshot(snapshot);
        }
        options
    }

    /// One row.
    pub(super) fn get(&self, family: Family, key: &[u8]) -> Result<Option<DBPinnableSlice<'a>>, ReadError> {
        Ok(self.rocks.db().get_pinned_cf_opt(self.family(family)?, key, &self.options())?)
    }

    /// Several rows at once, which costs far less than one by one. The keys are in ascending order.
    pub(super) fn get_sorted<'k>(
        &self,
        family: Family,
        keys: impl Iterator<Item = &'k Key>,
    ) -> Result<Vec<Option<DBPinnableSlice<'a>>>, ReadError> {
        let found = self.rocks.db().batched_multi_get_cf_opt(
            self.family(family)?,
            keys.map(|key| &**key),
            true,
            &self.options(),
        );
        found.into_iter().map(|row| Ok(row?)).collect()
    }

    /// One number of `state`.
    pub(super) fn number(&self, key: &[u8]) -> Result<Option<u64>, ReadError> {
        match self.get(Family::State, key)? {
            Some(value) => Ok(Some(rows::decode::<rows::Number>(key, &value)?.0)),
            None => Ok(None),
        }
    }

    /// Shows every row from `from` up to, not including, `end` until told to stop.
    pub(super) fn scan(
        &self,
        family: Family,
        from: &[u8],
        end: &[u8],
        way: Way,
        mut show: impl FnMut(&[u8], &[u8]) -> Result<ControlFlow<()>, ReadError>,
    ) -> Result<(), ReadError> {
        if from >= end {
            return Ok(());
        }
        let mut options = self.options();
        options.set_iterate_lower_bound(from);
        options.set_iterate_upper_bound(end);
        let mut rows = self.rocks.db().raw_iterator_cf_opt(self.family(family)?, options);
        match way {
            Way::Up => rows.seek_to_first(),
            Way::Down => rows.seek_to_last(),
        }
        while let Some((key, value)) = rows.item() {
            if show(key, value)?.is_break() {
                return Ok(());
            }
            match way {
                Way::Up => rows.next(),
                Way::Down => rows.prev(),
            }
        }
        Ok(rows.status()?) // an iterator that failed looks like one that ended
    }

    /// All rows of `state` that start with `prefix`.
    pub(super) fn list(
        &self,
        prefix: &[u8],
        mut show: impl FnMut(&[u8], &[u8]) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        self.scan(Family::State, prefix, &behind(prefix), Way::Up, |key, value| {
            show(key, value)?;
            Ok(ControlFlow::Continue(()))
        })
    }

    /// The last place in a conversation; 0 where there is none.
    pub(super) fn log_head(&self, conversation: Conversation) -> Result<Seq, ReadError> {
        let prefix = schema::conversation(conversation);
        let mut head = 0;
        self.scan(Family::Log, &prefix, &behind(&prefix), Way::Down, |key, _| {
            head = last_number(key).ok_or_else(|| ReadError::row(key, "has no place"))?;
            Ok(ControlFlow::Break(()))
        })?;
        Ok(Seq(head))
    }

    /// How far an inbox has been received.
    pub(super) fn inbox_cursor(&self, user: UserId) -> Result<Seq, ReadError> {
        Ok(Seq(self.number(&Table::InboxCursor.one(user.0))?.unwrap_or(0)))
    }
}
