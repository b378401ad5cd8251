//! Open files. Owns: raising the process's limit and sharing what there is between connections, HTTP, the database
//! and transfers, so that a flood of connections never takes the file that a commit needs. Never: opens one.

use crate::settings::{LinkKind, Settings};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Standard streams, listeners, the runtime's own (each arbiter has an epoll and an eventfd) and some to spare.
const OURS: u64 = 48;
/// A transfer has a pipe where bytes are moved in the kernel, and four sockets at the most: a listener and two connections,
/// or a socket pair in the place of each connection that comes over HTTP (and no listener, where both do).
const PER_TRANSFER: u64 = 6;

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

/// Lowers `session.max`, `storage.max_open_files`, `relay.max` and what HTTP may take so far that together they stay
/// within `limit`. The database gets up to a quarter, connections nearly all of the rest, and HTTP and transfers half
/// each of what is left.
pub fn share_open_files(limit: Option<u64>, settings: &mut Settings) -> Option<Shared> {
    let limit = limit?;
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let number = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
    let is_web = settings.listen.values().any(|listen| listen.link == LinkKind::Websocket);
    let has_tls = settings.listen.values().any(|listen| listen.tls);
    let chat = &mut settings.chat;
    let database = u64::try_from(chat.storage.max_open_files).unwrap_or(0);
    let transfers = count(chat.relay.max).saturating_mul(PER_TRANSFER);
    let asked = count(chat.session.max);
    // A handshake becomes a session, but until then it is one more.
    let handshakes = if is_web { count(chat.web.max_handshakes) } else { 0 };
    let http = if settings.http.address.is_some() { count(settings.http.max_connections) } else { 0 };
    let secrets = if has_tls { count(settings.tls.max_handshakes) } else { 0 };
    let all = [OURS, database, transfers, asked, handshakes, secrets, http];
    let sum = all.into_iter().fold(0, u64::saturating_add);
    if sum <= limit {
        return None;
    }
    let free = limit.saturating_sub(OURS);
    let database = database.min(free / 4);
    let rest = free - database;
    // One transfer at least, and as much again for HTTP.
    let others = (rest / 16).max(2 * PER_TRANSFER).min(rest);
    let sessions = asked.min(rest - others);
    let rest = rest - sessions;
    // A handshake under TLS comes before one of a WebSocket, and is over sooner.
    let secrets = secrets.min(rest / 8);
    let (handshakes, http) = (handshakes.min(rest / 4 - secrets), http.min(rest / 4));
    let transfers = transfers.min(rest - handshakes - secrets - http);
    chat.storage.max_open_files = i32::try_from(database).unwrap_or(i32::MAX).max(16);
    chat.relay.max = number(transfers / PER_TRANSFER).max(1);
    chat.session.max = number(sessions).max(1);
    // What is not served keeps its number: it takes nothing.
    if is_web {
        chat.web.max_handshakes = number(handshakes).max(1);
    }
    if has_tls {
        settings.tls.max_handshakes = number(secrets).max(1);
    }
    if settings.http.address.is_some() {
        settings.http.max_connections = number(http).max(1);
    }
    let tls = if has_tls { format!(", tls.max_handshakes = {}", settings.tls.max_handshakes) } else { String::new() };
    let line = format!(
        "the limit of {limit} open files is below the {sum} that the settings may take; in force are session.max = {}, \
         storage.max_open_files = {}, relay.max = {}, web.max_handshakes = {}{tls}, http.max_connections = {} (raise \
         `ulimit -n`, or lower the settings)",
        chat.session.max,
        chat.storage.max_open_files,
        chat.relay.max,
        chat.web.max_handshakes,
        settings.http.max_connections
    );
    Some(Shared { line, level: if sessions < asked { log::Level::Warn } else { log::Level::Info } })
}

#[cfg(test)]
mod tests {
    use super::{OURS, PER_TRANSFER, share_open_files};
    use crate::settings::{Settings, Sources, load};
    use log::Level;

    fn defaults() -> Settings {
        load(&Sources::default()).unwrap().settings
    }

    fn taken(settings: &Settings) -> u64 {
        let chat = &settings.chat;
        let database = u64::try_from(chat.storage.max_open_files).unwrap();
        let tls = if settings.listen.values().any(|listen| listen.tls) { settings.tls.max_handshakes } else { 0 };
        let http = settings.http.max_connections + chat.web.max_handshakes + tls;
        OURS + database + chat.relay.max as u64 * PER_TRANSFER + chat.session.max as u64 + http as u64
    }

    #[test]
    fn enough_files_change_nothing() {
        let mut settings = defaults();
        assert_eq!(share_open_files(Some(1_000_000), &mut settings), None);
        assert_eq!(share_open_files(None, &mut settings), None);
        assert_eq!(settings.chat.session.max, defaults().chat.session.max);
    }

    #[test]
    fn few_files_are_shared_and_never_exceeded() {
        let limits = [(200, Level::Warn), (256, Level::Warn), (4096, Level::Warn), (20_000, Level::Info)];
        for ((limit, level), tls) in limits.into_iter().flat_map(|limit| [(limit, false), (limit, true)]) {
            let mut settings = defaults();
            settings.listen.values_mut().for_each(|listen| listen.tls = tls);
            let said = share_open_files(Some(limit), &mut settings).unwrap();
            assert!(taken(&settings) <= limit, "{limit}: {} taken", taken(&settings));
            let sessions = settings.chat.session.max;
            assert!(sessions as u64 >= (limit - OURS) / 2, "{limit}: {sessions}");
            assert!(said.line.contains(&limit.to_string()));
            assert_eq!(said.level, level);
        }
    }

    #[test]
    fn absurdly_few_leave_one_of_each() {
        let mut settings = defaults();
        share_open_files(Some(3), &mut settings).unwrap();
        assert_eq!((settings.chat.session.max, settings.chat.relay.max, settings.http.max_connections), (1, 1, 1));
    }
}
