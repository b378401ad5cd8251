//! The order of a stop, with a chat that only notes what it is told.

use super::{bind_all, drain, run};
use crate::announce::Announcer;
use crate::chat::{Admission, Chat};
use crate::exit::{Exit, Failure};
use crate::net::relay::Doors;
use crate::settings::LinkKind;
use crate::settings::{Override, Settings, Sources, load};
use futures::future::LocalBoxFuture;
use std::cell::RefCell;
use std::future::{pending, ready};
use std::io::Write;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

#[derive(Default)]
struct Notes {
    said: RefCell<Vec<String>>,
    /// Never finishes in time.
    slow: bool,
    breaks: bool,
}

impl Chat for Notes {
    fn admit(&self, admission: Admission) {
        self.said.borrow_mut().push(format!("admit {:?}", admission.dialect));
    }
    fn file_doors(&self) -> Doors {
        Doors::default()
    }

    fn drain(&self, deadline: Duration) -> LocalBoxFuture<'_, ()> {
        self.said.borrow_mut().push(format!("drain {deadline:?}"));
        if self.slow && !deadline.is_zero() { Box::pin(pending()) } else { Box::pin(ready(())) }
    }
    fn broken(&self) -> LocalBoxFuture<'_, Failure> {
        if self.breaks { Box::pin(ready(Failure::new(Exit::ActorDied, "the store died"))) } else { Box::pin(pending()) }
    }
}

fn settings(sets: &[(&str, &str)]) -> Settings {
    let overrides =
        sets.iter().map(|(key, value)| Override { flag: "--set", key: (*key).to_owned(), value: (*value).to_owned() });
    let mut overrides: Vec<Override> = overrides.collect();
    for (key, value) in [
        ("listen.plain.address", "127.0.0.1:0"),
        ("listen.framed.address", ""),
        ("listen.binary.address", ""),
        ("listen.web.address", ""),
        ("http.address", ""),
    ] {
        overrides.insert(0, Override { flag: "--set", key: key.into(), value: value.into() });
    }
    load(&Sources { overrides, ..Sources::default() }).unwrap().settings
}

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Shared {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

#[test]
fn every_listener_is_announced_and_every_taken_one_told() {
    let free = "127.0.0.1:0";
    let sets = [
        ("listen.b.address", free),
        ("listen.b.link", "websocket"),
        ("listen.b.dialect", "plain"),
        ("http.address", free),
    ];
    let mut settings = settings(&sets);
    assert_eq!(settings.listen["b"].link, LinkKind::Websocket);
    let out = Shared::default();
    let bound = bind_all(&settings, None, &mut Announcer::to(Box::new(out.clone()))).unwrap();
    let names = ["b websocket plain", "plain tcp plain", "http http api"];
    let addresses = bound.addresses();
    let lines: Vec<String> =
        names.iter().zip(&addresses).map(|(name, address)| format!("listening {name} {address}")).collect();
    assert_eq!(out.text().lines().collect::<Vec<_>>(), lines);

    for (listen, address) in settings.listen.values_mut().zip(&addresses) {
        listen.address = *address;
    }
    settings.http.address = Some(addresses[2]);
    let Err(failure) = bind_all(&settings, None, &mut Announcer::to(Box::new(Shared::default()))) else {
        panic!("bound")
    };
    assert_eq!((failure.exit, failure.lines.len()), (Exit::Listen, 3));
    assert!(failure.lines[1].contains("listener plain") && failure.lines[1].contains("taken"), "{failure:?}");
    assert!(failure.lines[2].contains("--set http.address="), "{failure:?}");
}

#[test]
fn a_broken_chat_ends_the_server_with_its_failure() {
    actix::System::new().block_on(async {
        let chat = Rc::new(Notes { breaks: true, ..Notes::default() });
        let out = Shared::default();
        let mut announcer = Announcer::to(Box::new(out.clone()));
        let failure = run(&settings(&[]), None, chat.clone(), None, &mut announcer, &mut async || pending().await)
            .await
            .unwrap_err();
        assert_eq!(failure.exit, Exit::ActorDied);
        assert!(out.text().ends_with("\nready\n"), "{}", out.text());
        assert!(chat.said.borrow().is_empty());
    });
}

#[test]
fn a_signal_closes_the_listeners_and_then_drains() {
    actix::System::new().block_on(async {
        let chat = Rc::new(Notes::default());
        let out = Shared::default();
        let notes = Rc::clone(&chat);
        let said = out.clone();
        // The "signal" comes once a connection has been let in.
        let mut signal = async || {
            let text = said.text();
            let address = text.lines().next().and_then(|line| line.rsplit(' ').next()).unwrap();
            let _client = tokio::net::TcpStream::connect(address).await.unwrap();
            while notes.said.borrow().is_empty() {
                tokio::task::yield_now().await;
            }
            "SIGTERM"
        };
        run(&settings(&[]), None, chat.clone(), None, &mut Announcer::to(Box::new(out.clone())), &mut signal)
            .await
            .unwrap();
        assert_eq!(*chat.said.borrow(), ["admit plain", "drain 4s"]);
        let address = out.text().lines().next().and_then(|line| line.rsplit(' ').next()).unwrap().to_owned();
        assert!(std::net::TcpStream::connect(address).is_err(), "the listener is still open");
    });
}

#[tokio::test(start_paused = true)]
async fn a_drain_is_hurried_by_a_signal_or_by_its_deadline_and_still_ends_well() {
    let slow = Notes { slow: true, ..Notes::default() };
    let start = tokio::time::Instant::now();
    drain(&slow, Duration::from_secs(4), &mut async || "SIGINT").await.unwrap();
    assert_eq!(*slow.said.borrow(), ["drain 4s", "drain 0ns"]);
    assert_eq!(start.elapsed(), Duration::ZERO);
    drain(&slow, Duration::from_secs(4), &mut async || pending().await).await.unwrap();
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    let quick = Notes::default();
    drain(&quick, Duration::from_secs(4), &mut async || "SIGINT").await.unwrap();
    assert_eq!(*quick.said.borrow(), ["drain 4s"]);
}
