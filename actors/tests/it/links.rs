//! What a session owes to links that keep bytes for themselves, as TLS does: it lets them write on, and does not wait for ever for
//! what they have in part.

use crate::world::{in_world, login};
use actors::session::link::{Arrival, Link};
use actors::testing::TestWorld;
use protocol::{Carrier, DialectId};
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

#[derive(Default)]
struct Inside {
    says: Option<String>,
    midway: bool,
    /// Taken from the session, and on the wire.
    held: Vec<u8>,
    sent: Vec<u8>,
    writable: bool,
    closed: bool,
    session: Option<Waker>,
}

/// Takes everything, and has it on the wire when it is flushed and may write.
struct Holding(Arc<Mutex<Inside>>);

impl Link for Holding {
    fn carrier(&self) -> Carrier {
        Carrier::Stream
    }

    fn peer(&self) -> Option<SocketAddr> {
        None
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, scratch: &mut [u8]) -> Poll<io::Result<Arrival>> {
        let mut inside = self.0.lock().unwrap();
        inside.session = Some(cx.waker().clone());
        let Some(line) = inside.says.take() else { return Poll::Pending };
        scratch[..line.len()].copy_from_slice(line.as_bytes());
        Poll::Ready(Ok(Arrival::Bytes(line.len())))
    }

    fn poll_write(&mut self, _: &mut Context<'_>, pieces: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let mut inside = self.0.lock().unwrap();
        let before = inside.held.len();
        pieces.iter().for_each(|piece| inside.held.extend_from_slice(piece));
        Poll::Ready(Ok(inside.held.len() - before))
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut inside = self.0.lock().unwrap();
        if !inside.writable && !inside.held.is_empty() {
            return Poll::Pending;
        }
        let held = std::mem::take(&mut inside.held);
        inside.sent.extend(held);
        Poll::Ready(Ok(()))
    }

    fn is_midway(&self) -> bool {
        self.0.lock().unwrap().midway
    }

    fn poll_close(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.lock().unwrap().closed = true;
        Poll::Ready(Ok(()))
    }

    fn unacknowledged(&self) -> Option<usize> {
        None
    }
}

fn connect(world: &TestWorld, inside: Inside) -> Arc<Mutex<Inside>> {
    let inside = Arc::new(Mutex::new(inside));
    let link = Holding(inside.clone());
    world.chat.admit(DialectId::by_name("plain").unwrap(), Box::new(move || Ok(Box::new(link))));
    inside
}

async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

#[test]
fn what_a_link_holds_back_goes_out_when_it_can_though_there_is_nothing_to_write() {
    in_world(|world| async move {
        world.enter("a").await.close();
        let inside = connect(&world, Inside { says: Some(login("a") + "\n"), ..Inside::default() });
        pass(1).await;
        let waker = {
            let mut inside = inside.lock().unwrap();
            assert!(String::from_utf8_lossy(&inside.held).contains("success"), "it was taken");
            assert!(inside.sent.is_empty());
            inside.writable = true;
            inside.session.take().unwrap()
        };
        waker.wake();
        pass(1).await;
        assert!(String::from_utf8_lossy(&inside.lock().unwrap().sent).contains("success"));
    });
}

#[test]
fn a_link_that_has_something_in_part_for_too_long_is_closed() {
    in_world(|world| async move {
        let inside = connect(&world, Inside { midway: true, ..Inside::default() });
        pass(9).await;
        assert!(!inside.lock().unwrap().closed);
        pass(2).await;
        assert!(inside.lock().unwrap().closed, "session.frame_timeout_s is 10");
    });
}

/// One that is always in the midst of a request, but of another one each time.
#[test]
fn the_time_of_a_request_begins_with_it() {
    in_world(|world| async move {
        let peer = world.enter("a").await;
        peer.send(r#"{"cmd":"#);
        for _ in 0..30 {
            pass(1).await;
            peer.send("\"ping\"}\n{\"cmd\":");
        }
        assert_eq!(peer.rest().await.matches("ping_reply").count(), 30);
        pass(11).await;
        assert!(peer.hear().await.unwrap().contains("timeout"), "and goes on with it");
    });
}
