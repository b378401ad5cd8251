//! A whole server within this process, without a socket: the same actors, the same store. Owns: [`Host`], the thread on which
//! the actor system lives. Never: listens anywhere.

use crate::chat::{self, Admission, OpenLink};
use crate::exit::{Exit, Failure};
use crate::settings::Settings;
use protocol::DialectId;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::mpsc as answers;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::mpsc;

/// Admissions that wait for the system's thread. Whoever admits waits then.
const WAITING: usize = 1024;
/// How long the drain may take: a million sessions end, and the store writes what it holds.
const DRAIN: Duration = Duration::from_secs(120);

/// The server.
pub struct Host {
    admissions: Option<mpsc::Sender<(DialectId, OpenLink)>>,
    thread: Option<JoinHandle<Result<(), Failure>>>,
}

impl Host {
    /// Starts it and waits until it is ready.
    ///
    /// # Errors
    /// What kept it from starting.
    pub fn start(settings: Settings) -> Result<Self, Failure> {
        let (admissions, queue) = mpsc::channel(WAITING);
        let (tell, ready) = answers::sync_channel(1);
        let thread = std::thread::Builder::new()
            .name("server".into())
            .spawn(move || actix::System::new().block_on(live(settings, queue, tell)))
            .map_err(|error| Failure::new(Exit::ActorDied, format!("the system gives no thread: {error}")))?;
        let mut host = Self { admissions: Some(admissions), thread: Some(thread) };
        // No word at all: it failed before it was ready, and says why when it is joined.
        match ready.recv() {
            Ok(()) => Ok(host),
            Err(_) => {
                Err(host.join().err().unwrap_or_else(|| Failure::new(Exit::ActorDied, "the server did not start")))
            }
        }
    }

    /// Takes a connection in. Waits if many are on their way. `false`: the server is gone.
    #[must_use]
    pub fn admit(&self, dialect: DialectId, open: OpenLink) -> bool {
        self.admissions.as_ref().is_some_and(|queue| queue.blocking_send((dialect, open)).is_ok())
    }

    /// Stops it in order.
    ///
    /// # Errors
    /// What it died of, if it did.
    pub fn stop(mut self) -> Result<(), Failure> {
        self.join()
    }

    fn join(&mut self) -> Result<(), Failure> {
        // The queue's end is the word to stop.
        self.admissions = None;
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(outcome)) => outcome,
            Some(Err(_)) => Err(Failure::new(Exit::ActorDied, "the server's thread panicked")),
            None => Ok(()),
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if let Err(failure) = self.join() {
            failure.lines.iter().for_each(|line| log::error!("{line}"));
        }
    }
}

async fn live(
    settings: Settings,
    mut queue: mpsc::Receiver<(DialectId, OpenLink)>,
    ready: answers::SyncSender<()>,
) -> Result<(), Failure> {
    crate::folder::prepare(&settings.server.data)?;
    let chat = chat::start(&settings, false)?;
    // Whoever started it may have given up.
    let _ = ready.send(());
    drop(ready);
    let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    loop {
        tokio::select! {
            next = queue.recv() => match next {
                Some((dialect, open)) => chat.admit(Admission { peer, dialect, visitor: false, open }),
                None => break,
            },
            failure = chat.broken() => return Err(failure),
        }
    }
    // What is left after the time is dropped with the system.
    let _ = tokio::time::timeout(DRAIN, chat.drain(DRAIN)).await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::Host;
    use crate::loadtest::inproc::lane::{Board, Lane, Notice, connect};
    use crate::settings::{self, Override, Sources};
    use protocol::DialectId;
    use std::sync::Arc;
    use std::time::Duration;

    fn settings(data: &std::path::Path) -> crate::settings::Settings {
        let set = [("server.data", data.to_str().unwrap()), ("auth.memory_kib", "8"), ("auth.passes", "1")];
        let overrides = set.map(|(key, value)| Override { flag: "--set", key: key.into(), value: value.into() });
        settings::load(&Sources { overrides: overrides.into(), ..Sources::default() }).unwrap().settings
    }

    fn ask(lane: &Lane, board: &Board, what: &str) -> String {
        assert!(lane.say(what.to_owned().into()));
        let mut notices = Vec::new();
        while notices.is_empty() {
            board.take(&mut notices, Duration::from_secs(30));
        }
        match notices.remove(0).1 {
            Notice::Frame(frame) => String::from_utf8(frame.to_vec()).unwrap(),
            Notice::Ended => "ended".into(),
        }
    }

    #[test]
    fn a_person_in_memory_talks_to_a_whole_server_that_keeps_what_it_was_told() {
        let folder = tempfile::tempdir().unwrap();
        let board = Arc::new(Board::default());
        for turn in 0..2 {
            let host = Host::start(settings(folder.path())).unwrap();
            let (port, lane) = connect(&board, 0, false);
            assert!(host.admit(DialectId::by_name("plain").unwrap(), Box::new(move || Ok(Box::new(port)))));
            if turn == 0 {
                let answer = ask(&lane, &board, r#"{"cmd":"register","user":"ming","password":"1"}"#);
                assert_eq!(answer, r#"{"cmd":"register_reply","result":"success"}"#);
            }
            let answer = ask(&lane, &board, r#"{"cmd":"login","user":"ming","password":"1"}"#);
            assert!(answer.contains(r#""result":"success""#), "{answer}");
            host.stop().unwrap();
            let mut notices = Vec::new();
            board.take(&mut notices, Duration::from_secs(30));
            assert_eq!(notices.last(), Some(&(0, Notice::Ended)));
        }
    }

    #[test]
    fn a_server_that_cannot_start_says_why() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert!(Host::start(settings(&file)).is_err());
    }
}
