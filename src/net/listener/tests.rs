//! Listeners on loopback, and the accept loop over a made-up `accept` on a paused clock.

use super::{BindError, Bound, FIRST_PAUSE, LONGEST_PAUSE, accept_from, accept_loop};
use std::cell::{Cell, RefCell};
use std::future::{pending, ready};
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, timeout};

fn here() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

fn connection() -> (TcpStream, SocketAddr) {
    let listener = std::net::TcpListener::bind(here()).unwrap();
    let _client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    listener.accept().unwrap()
}

#[test]
fn a_taken_port_is_told_from_other_failures() {
    let first = Bound::bind(here()).unwrap();
    assert_ne!(first.address().port(), 0);
    assert!(matches!(Bound::bind(first.address()), Err(BindError::Taken)));
    // TEST-NET-1: nobody's address.
    assert!(matches!(Bound::bind("192.0.2.1:1".parse().unwrap()), Err(BindError::Other(_))));
}

#[test]
fn a_port_can_be_bound_again_at_once() {
    let bound = Bound::bind(here()).unwrap();
    let address = bound.address();
    let client = TcpStream::connect(address).unwrap();
    let (server, _) = loop {
        // The socket does not block; the connection is on its way.
        match bound.listener.accept() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => std::thread::yield_now(),
            accepted => break accepted.unwrap(),
        }
    };
    // The side that closes first is the one that waits.
    drop(server);
    drop(client);
    drop(bound);
    Bound::bind(address).unwrap();
}

#[tokio::test]
async fn connections_are_handed_over_until_it_is_told_to_stop() {
    let bound = Bound::bind(here()).unwrap();
    let address = bound.address();
    let (stop, stopped) = watch::channel(false);
    let (tell, told) = oneshot::channel();
    let mut tell = Some(tell);
    let accepting = accept_loop(bound, stopped, move |stream, peer| {
        assert_eq!(stream.peer_addr().unwrap(), peer);
        tell.take().unwrap().send(peer).unwrap();
    });
    let client = async {
        let client = tokio::net::TcpStream::connect(address).await.unwrap();
        assert_eq!(told.await.unwrap(), client.local_addr().unwrap());
        stop.send(true).unwrap();
    };
    tokio::join!(accepting, client);
    assert!(tokio::net::TcpStream::connect(address).await.is_err(), "the socket is still open");
}

/// Runs the loop over `outcomes`, then stops it; returns when each connection came, from the start.
async fn play(outcomes: Vec<Result<(), i32>>) -> Vec<Duration> {
    let start = Instant::now();
    let (stop, stopped) = watch::channel(false);
    let came = Rc::new(RefCell::new(Vec::new()));
    let outcomes = RefCell::new(outcomes.into_iter());
    let stop = Cell::new(Some(stop));
    let accept = || match outcomes.borrow_mut().next() {
        Some(Ok(())) => futures::future::Either::Left(ready(Ok(connection()))),
        Some(Err(code)) => futures::future::Either::Left(ready(Err(io::Error::from_raw_os_error(code)))),
        None => {
            // Nobody holds the sender any more: that is a stop too.
            drop(stop.take());
            futures::future::Either::Right(pending())
        }
    };
    let on_link = |_, _| came.borrow_mut().push(start.elapsed());
    timeout(Duration::from_secs(3600), accept_from("test", accept, stopped, on_link)).await.expect("it did not stop");
    came.take()
}

#[tokio::test(start_paused = true)]
async fn without_files_it_waits_a_little_and_goes_on() {
    let mut outcomes = vec![Ok(())];
    outcomes.extend([Err(libc::EMFILE); 3]);
    outcomes.push(Ok(()));
    let came = play(outcomes).await;
    assert_eq!(came[0], Duration::ZERO);
    // 100 + 200 + 400 ms, and a millisecond of the clock's grain for each.
    assert!(came[1] >= FIRST_PAUSE * 7 && came[1] < FIRST_PAUSE * 8, "{came:?}");
}

#[tokio::test(start_paused = true)]
async fn an_hour_without_files_is_not_an_hour_of_work_and_ends_within_a_second() {
    let failures = 1000;
    let mut outcomes = vec![Err(libc::ENFILE); failures];
    outcomes.push(Ok(()));
    let came = play(outcomes).await;
    let longest = LONGEST_PAUSE * u32::try_from(failures).unwrap();
    assert!(came[0] <= longest + Duration::from_secs(2), "{came:?}");
    assert!(came[0] >= longest - Duration::from_secs(5), "{came:?}");
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_broke_before_it_was_taken_delays_nobody() {
    let came = play(vec![Err(libc::ECONNABORTED), Err(libc::EPROTO), Ok(()), Err(libc::EINTR), Ok(())]).await;
    assert_eq!(came, [Duration::ZERO; 2]);
}

#[test]
fn an_episode_is_told_once_however_often_it_flickers() {
    let mut trouble = super::Trouble::default();
    let start = Instant::now();
    let second = Duration::from_secs(1);
    let mut told = 0;
    for at in 0..100 {
        let now = start + second * at;
        let (pause, begins) = trouble.failure(false, now).unwrap();
        assert!(pause <= LONGEST_PAUSE);
        told += usize::from(begins);
        assert_eq!(trouble.success(now), None);
    }
    assert_eq!(told, 1);
    assert_eq!(trouble.success(start + second * 200), Some(100));
    assert_eq!(trouble.success(start + second * 201), None);
    assert!(trouble.failure(false, start + second * 202).unwrap().1);
}
