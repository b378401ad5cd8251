//! Open files. Owns: raising the process's limit and sharing what there is between connections, the database and
//! transfers, so that a flood of connections never takes the file that a commit needs. Never: opens one.

use actors::settings::ActorSettings;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Standard streams, listeners, the runtime's own (each arbiter has an epoll and an eventfd) and some to spare.
const OURS: u64 = 48;
/// A transfer has a listener, two connections, and a pipe where bytes are moved in the kernel.
const PER_TRANSFER: u64 = 5;

/// Raises the soft limit of open files to the hard one; returns what is in force, `None` where there is no limit.
pub fn raise_open_files() -> Option<u64> {
    let limit = getrlimit(Resource::Nofile);
    if limit.current == limit.maximum {
        return limit.current;
    }
    let wanted = Rlimit { current: limit.maximum, maximum: limit.maximum };
    match setrlimit(Resource::Nofile, wanted) {
        Ok(()) => limit.maximum,
        Err(error) => {
            log::warn!("the limit of open files stays at {:?}: {error}", limit.current);
            limit.current
        }
    }
}

/// What [`share_open_files`] did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shared {
    /// In words.
    pub line: String,
    /// A warning where fewer connections than asked for can come; else a note.
    pub level: log::Level,
}

/// Lowers `session.max`, `storage.max_open_files` and `relay.max` so far that together they stay within `limit`. The
/// database gets up to a quarter, connections nearly all of the rest, transfers what is left.
pub fn share_open_files(limit: Option<u64>, settings: &mut ActorSettings) -> Option<Shared> {
    let limit = limit?;
    let database = u64::try_from(settings.storage.max_open_files).unwrap_or(0);
    let transfers = u64::try_from(settings.relay.max).unwrap_or(u64::MAX).saturating_mul(PER_TRANSFER);
    let asked = u64::try_from(settings.session.max).unwrap_or(u64::MAX);
    let sum = OURS.saturating_add(database).saturating_add(transfers).saturating_add(asked);
    if sum <= limit {
        return None;
    }
    let free = limit.saturating_sub(OURS);
    let database = database.min(free / 4);
    let rest = free - database;
    let sessions = asked.min(rest - rest / 16);
    let transfers = transfers.min(rest - sessions);
    settings.storage.max_open_files = i32::try_from(database).unwrap_or(i32::MAX).max(16);
    settings.relay.max = usize::try_from(transfers / PER_TRANSFER).unwrap_or(usize::MAX).max(1);
    settings.session.max = usize::try_from(sessions).unwrap_or(usize::MAX).max(1);
    let line = format!(
        "the limit of {limit} open files is below the {sum} that the settings may take; in force are session.max = {}, \
         storage.max_open_files = {}, relay.max = {} (raise `ulimit -n`, or lower the settings)",
        settings.session.max, settings.storage.max_open_files, settings.relay.max
    );
    Some(Shared { line, level: if sessions < asked { log::Level::Warn } else { log::Level::Info } })
}

#[cfg(test)]
mod tests {
    use super::{OURS, PER_TRANSFER, share_open_files};
    use crate::settings::{Sources, load};
    use actors::settings::ActorSettings;
    use log::Level;

    fn defaults() -> ActorSettings {
        load(&Sources::default()).unwrap().settings.chat
    }

    fn taken(settings: &ActorSettings) -> u64 {
        let database = u64::try_from(settings.storage.max_open_files).unwrap();
        OURS + database + settings.relay.max as u64 * PER_TRANSFER + settings.session.max as u64
    }

    #[test]
    fn enough_files_change_nothing() {
        let mut settings = defaults();
        assert_eq!(share_open_files(Some(1_000_000), &mut settings), None);
        assert_eq!(share_open_files(None, &mut settings), None);
        assert_eq!(settings.session.max, defaults().session.max);
    }

    #[test]
    fn few_files_are_shared_and_never_exceeded() {
        for (limit, level) in [(200, Level::Warn), (256, Level::Warn), (4096, Level::Warn), (20_000, Level::Info)] {
            let mut settings = defaults();
            let said = share_open_files(Some(limit), &mut settings).unwrap();
            assert!(taken(&settings) <= limit, "{limit}: {} taken", taken(&settings));
            assert!(settings.session.max as u64 >= (limit - OURS) / 2, "{limit}: {}", settings.session.max);
            assert!(said.line.contains(&limit.to_string()));
            assert_eq!(said.level, level);
        }
    }

    #[test]
    fn absurdly_few_leave_one_of_each() {
        let mut settings = defaults();
        share_open_files(Some(3), &mut settings).unwrap();
        assert_eq!((settings.session.max, settings.relay.max), (1, 1));
    }
}
