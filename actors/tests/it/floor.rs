//! How notes reach sessions: from their own thread and from others, in order, within bounds, and never somebody else.

use crate::world::{in_world, in_world_with, login, private, settings};
use actors::delivery::{Deliver, SessionHandle};
use actors::session::link::{Arrival, Link};
use actors::testing::TestWorld;
use protocol::{Carrier, DialectId, Event, Name, NameKey, Outgoing, Person, UserId};
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

/// Something to tell `to`: the n-th.
fn news(to: UserId, n: usize) -> Deliver {
    let friend = Person { id: UserId(1), name: Name::parse(&format!("n{n}")).unwrap() };
    Deliver { to, what: Some(Arc::new(Outgoing::new(Event::FriendOnline { friend }))), mark: None }
}

fn told(n: usize) -> String {
    format!(r#"{{"cmd":"friend_login","friend":"n{n}"}}"#)
}

/// The only session there is, and its account.
fn only(world: &TestWorld, name: &str) -> (Arc<SessionHandle>, UserId) {
    let [handle] = <[_; 1]>::try_from(world.sessions()).ok().unwrap();
    (handle, world.chat.house().names.user(&NameKey::of(name)).unwrap().id)
}

/// From another thread.
fn elsewhere(say: impl FnOnce() + Send + 'static) {
    thread::spawn(say).join().unwrap();
}

#[test]
fn what_is_said_here_does_not_overtake_what_was_said_elsewhere() {
    in_world(|world| async move {
        let a = world.enter("a").await;
        let (handle, id) = only(&world, "a");
        handle.deliver(news(id, 0));
        let there = handle.clone();
        elsewhere(move || (1..=3000).for_each(|n| there.deliver(news(id, n))));
        handle.deliver(news(id, 3001));
        for n in 0..=3001 {
            assert_eq!(a.hear().await.unwrap(), told(n));
        }
    });
}

#[test]
fn a_session_for_which_too_much_waits_is_told_and_closed() {
    let mut settings = settings();
    settings.session.mailbox = 8;
    in_world_with(settings, |world| async move {
        let a = world.enter("a").await;
        let (handle, id) = only(&world, "a");
        let there = handle.clone();
        elsewhere(move || (0..8).for_each(|n| there.deliver(news(id, n))));
        for n in 0..8 {
            assert_eq!(a.hear().await.unwrap(), told(n), "so many find room");
        }
        elsewhere(move || (0..9).for_each(|n| handle.deliver(news(id, n))));
        let heard = a.rest().await;
        assert_eq!(heard.lines().count(), 1, "what it had not begun to read is for another time: {heard}");
        assert!(heard.contains("slow"), "{heard}");
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!(world.chat.connections(), 0);
    });
}

#[test]
fn a_seat_that_is_used_again_gets_nothing_that_was_meant_for_who_sat_there() {
    in_world(|world| async move {
        let a = world.enter("a").await;
        let (gone, id) = only(&world, "a");
        a.close();
        a.rest().await;
        let again = world.connect();
        assert!(again.ask(&login("a")).await.contains("success"));
        let (here, _) = only(&world, "a");
        assert_ne!(gone.id, here.id);
        gone.deliver(news(id, 1));
        elsewhere(move || gone.deliver(news(id, 2)));
        here.deliver(news(id, 3));
        assert_eq!(again.hear().await.unwrap(), told(3));
    });
}

/// What the peer behind a [`Noting`] link says next, what each write has brought, and whether it can still be written to.
#[derive(Default)]
struct Wire {
    says: Option<String>,
    writes: Vec<String>,
    gone: bool,
}

/// A link that notes what each write brings.
struct Noting(Arc<Mutex<Wire>>);

impl Link for Noting {
    fn carrier(&self) -> Carrier {
        Carrier::Stream
    }

    fn peer(&self) -> Option<SocketAddr> {
        None
    }

    fn poll_read(&mut self, _: &mut Context<'_>, scratch: &mut [u8]) -> Poll<io::Result<Arrival>> {
        let Some(line) = self.0.lock().unwrap().says.take() else { return Poll::Pending };
        scratch[..line.len()].copy_from_slice(line.as_bytes());
        Poll::Ready(Ok(Arrival::Bytes(line.len())))
    }

    fn poll_write(&mut self, _: &mut Context<'_>, pieces: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let mut wire = self.0.lock().unwrap();
        if wire.gone {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let bytes: Vec<u8> = pieces.iter().flat_map(|piece| piece.iter().copied()).collect();
        let written = bytes.len();
        wire.writes.push(String::from_utf8(bytes).unwrap());
        Poll::Ready(Ok(written))
    }

    fn poll_close(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn unacknowledged(&self) -> Option<usize> {
        None
    }
}

/// Lets somebody in over such a link, and logs it in.
async fn enter(world: &TestWorld, name: &str) -> Arc<Mutex<Wire>> {
    world.enter(name).await.close();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let wire = Arc::new(Mutex::new(Wire { says: Some(login(name) + "\n{\"cmd\":\"ping\"}\n"), ..Wire::default() }));
    let link = Noting(wire.clone());
    world.chat.admit(DialectId::by_name("plain").unwrap(), Box::new(move || Ok(Box::new(link))));
    tokio::time::sleep(Duration::from_secs(1)).await;
    wire.lock().unwrap().writes.clear();
    wire
}

#[test]
fn what_comes_at_once_from_here_and_elsewhere_goes_out_in_one_write() {
    in_world(|world| async move {
        let wire = enter(&world, "a").await;
        let (handle, id) = only(&world, "a");
        handle.deliver(news(id, 1));
        handle.deliver(news(id, 2));
        elsewhere(move || handle.deliver(news(id, 3)));
        tokio::time::sleep(Duration::from_secs(1)).await;
        let all = (1..=3).map(|n| told(n) + "\n").collect::<String>();
        assert_eq!(wire.lock().unwrap().writes, [all]);
    });
}

#[test]
fn the_last_words_of_who_cannot_be_written_to_are_heard() {
    in_world(|world| async move {
        let wire = enter(&world, "a").await;
        let (handle, id) = only(&world, "a");
        let b = world.enter("b").await;
        {
            let mut wire = wire.lock().unwrap();
            (wire.says, wire.gone) = (Some(private("a", "b", "farewell") + "\n"), true);
        }
        handle.deliver(news(id, 1));
        assert_eq!(b.hear().await.unwrap(), private("a", "b", "farewell"));
        assert_eq!(world.chat.connections(), 1, "it is gone");
    });
}
