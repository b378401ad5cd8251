//! A fault in one session is that session's alone; a fault in an actor that everybody needs is everybody's.

use crate::world::{in_world, login, private};
use actors::house::{Death, Essential, Watch};
use actors::session::link::{Arrival, Link};
use protocol::{Carrier, DialectId};
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

/// Logs in, and panics in the session's own turn once the fuse is lit.
struct Faulty {
    says: Option<String>,
    fuse: Arc<AtomicBool>,
}

impl Link for Faulty {
    fn carrier(&self) -> Carrier {
        Carrier::Stream
    }

    fn peer(&self) -> Option<SocketAddr> {
        None
    }

    fn poll_read(&mut self, _: &mut Context<'_>, scratch: &mut [u8]) -> Poll<io::Result<Arrival>> {
        assert!(!self.fuse.load(Ordering::SeqCst), "the fault that the test is about");
        let Some(line) = self.says.take() else { return Poll::Pending };
        scratch[..line.len()].copy_from_slice(line.as_bytes());
        Poll::Ready(Ok(Arrival::Bytes(line.len())))
    }

    fn poll_write(&mut self, _: &mut Context<'_>, pieces: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        assert!(!self.fuse.load(Ordering::SeqCst), "the fault that the test is about");
        Poll::Ready(Ok(pieces.iter().map(|piece| piece.len()).sum()))
    }

    fn poll_close(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn unacknowledged(&self) -> Option<usize> {
        None
    }
}

#[test]
fn a_panic_in_one_session_touches_no_other() {
    in_world(|world| async move {
        let (a, b) = (world.enter("a").await, world.enter("b").await);
        world.enter("faulty").await.close();
        a.ask(r#"{"cmd":"add","user":"a","friend":"faulty"}"#).await;
        a.rest().await;
        let before = world.chat.connections();
        let fuse = Arc::new(AtomicBool::new(false));
        let link = Faulty { says: Some(login("faulty") + "\n"), fuse: fuse.clone() };
        world.chat.admit(DialectId::by_name("plain").unwrap(), Box::new(move || Ok(Box::new(link))));
        assert_eq!(a.hear().await.unwrap(), r#"{"cmd":"friend_login","friend":"faulty"}"#);
        assert_eq!(world.chat.connections(), before + 1);
        fuse.store(true, Ordering::SeqCst);
        a.say(&private("a", "faulty", "wake up"));
        let mut heard = [a.hear().await.unwrap(), a.hear().await.unwrap()];
        heard.sort();
        assert_eq!(heard[0], r#"{"cmd":"friend_offline","friend":"faulty"}"#);
        assert!(heard[1].contains("success"), "it was committed: {heard:?}");
        assert_eq!(world.chat.connections(), before, "nothing is left of it");
        assert!(a.ask(&private("a", "b", "still here")).await.contains("success"));
        assert_eq!(b.hear().await.unwrap(), private("a", "b", "still here"));
        let again = world.connect();
        assert!(again.ask(&login("faulty")).await.contains("success"));
        assert_eq!(again.hear().await.unwrap(), private("a", "faulty", "wake up"), "and is not lost");
    });
}

#[test]
fn the_death_of_an_essential_actor_is_told_once_and_not_while_stopping() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let tell = told.clone();
    let watch = Arc::new(Watch::new(Box::new(move |death| tell.lock().unwrap().push(death))));
    drop(Essential::new("store", watch.clone()));
    drop(Essential::new("registry", watch));
    assert_eq!(*told.lock().unwrap(), [Death::Actor("store")]);
    let watch = Arc::new(Watch::new(Box::new(|_| panic!("it was stopping"))));
    watch.stop();
    drop(Essential::new("store", watch));
}
