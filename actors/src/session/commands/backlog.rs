//! What waited while the account was away: read part by part, as fast as the peer takes it.

use crate::delivery::Backlog;
use crate::session::{Member, Next, Session};
use crate::store::LoadBacklog;
use protocol::Outgoing;
use std::sync::Arc;

/// Rows of one part.
const ROWS: usize = 256;

impl Session {
    /// Asks for the next part where a feed is behind and what was read before is mostly written.
    pub(in crate::session) fn read_on(&mut self) {
        let bound = self.house.settings.session.outbox_bytes;
        if self.ending.is_deaf() || self.outbox.queued() > bound / 8 {
            return;
        }
        let (session, Some(member)) = (&self.handle, &mut self.member) else { return };
        let Member { feeds, receiving, me, .. } = &mut **member;
        let window = self.house.settings.binary.receipt_window;
        // Where there is no room, receipts will make some.
        let Some(after) = feeds.next_read_of(|line| receiving.room(line, window) > 0) else { return };
        let (user, rows) = (me.id, receiving.room(after, window).min(ROWS));
        let session = session.clone();
        self.house.reader(user).do_send(LoadBacklog { user, after, rows, bytes: bound / 4, session });
    }

    /// A part is there.
    pub(in crate::session) fn backlog(&mut self, Backlog { user, after, page }: Backlog) {
        if self.ending.is_deaf() || self.account() != Some(user) {
            return;
        }
        let Some(member) = &mut self.member else { return };
        let (dialect, carrier) = (self.dialect, self.carrier);
        let length = |what: &Arc<Outgoing>| what.frames(dialect, carrier).iter().map(|f| f.wire().len()).sum::<usize>();
        // What was read may be longer as it is written. What does not fit is read again when there is room.
        let room = (self.house.settings.session.outbox_bytes / 2).saturating_sub(self.outbox.queued());
        let mut bytes = 0;
        let fits = page.rows.iter().position(|(_, what)| {
            bytes += what.as_ref().map_or(0, length);
            bytes > room
        });
        let fits = fits.map_or(page.rows.len(), |at| at.max(1));
        // Only so many more may wait for their receipts.
        let mut free = member.receiving.free(self.house.settings.binary.receipt_window);
        let wanted = page.rows.iter().position(|(seq, _)| !member.receiving.takes(after.at(*seq), &mut free));
        let fits = wanted.map_or(fits, |at| at.min(fits));
        let last = page.rows.get(..fits).and_then(<[_]>::last).map(|(seq, _)| *seq);
        if !member.feeds.read(after, last, page.more || fits < page.rows.len()) {
            return;
        }
        for (seq, what) in page.rows.into_iter().take(fits) {
            let mark = after.at(seq);
            let Some(member) = &self.member else { return };
            if member.receiving.next(mark, usize::MAX) == Next::Show {
                self.show_next(what.as_deref(), mark);
            }
        }
    }
}
