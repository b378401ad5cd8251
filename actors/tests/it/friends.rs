//! Friend requests and answers while somebody is away, as sessions see them.

use crate::world::{in_world, in_world_with, login, settings};
use actors::testing::{Peer, TestWorld, run};
use std::path::Path;

const ASKED: &str = "{\"cmd\":\"add_request\",\"friend\":\"a\"}\n";
const ACCEPTED: &str = "{\"cmd\":\"add_friend_reply\",\"result\":\"b\"}\n";
const REJECTED: &str = "{\"cmd\":\"add_rejected\",\"friend\":\"b\"}\n";

fn add(from: &str, to: &str) -> String {
    format!(r#"{{"cmd":"add","user":"{from}","friend":"{to}"}}"#)
}

fn answer(user: &str, asker: &str, verdict: &str) -> String {
    format!(r#"{{"cmd":"add_answer","user":"{user}","friend":"{asker}","result":"{verdict}"}}"#)
}

/// Somebody who wants to be asked.
async fn enter_shy(world: &TestWorld, name: &str) -> Peer {
    let peer = world.enter(name).await;
    assert!(peer.ask(&format!(r#"{{"cmd":"set_policy","user":"{name}","add":"confirm"}}"#)).await.contains("confirm"));
    peer
}

/// Logs in on a connection of its own; the reply is heard, and what followed it is returned.
async fn back(world: &TestWorld, name: &str) -> (Peer, String) {
    let peer = world.connect();
    assert!(peer.ask(&login(name)).await.contains("success"));
    let followed = peer.rest().await;
    (peer, followed)
}

async fn leave(peer: Peer) {
    peer.close();
    peer.rest().await;
}

#[test]
fn a_request_is_shown_at_every_login_until_it_is_answered() {
    in_world(|world| async move {
        leave(enter_shy(&world, "b").await).await;
        let a = world.enter("a").await;
        assert!(a.ask(&add("a", "b")).await.contains("request_sent"), "b is away");
        for _ in 0..2 {
            let (b, followed) = back(&world, "b").await;
            assert_eq!(followed, ASKED);
            leave(b).await;
        }
        let (b, _) = back(&world, "b").await;
        assert!(b.ask(&answer("b", "a", "accept")).await.contains("success"));
        assert!(a.rest().await.contains(ACCEPTED));
        leave(b).await;
        assert_eq!(back(&world, "b").await.1, "");
    });
}

#[test]
fn an_answer_finds_the_asker_once_at_its_next_login() {
    in_world(|world| async move {
        for (verdict, news) in [("reject", REJECTED), ("accept", ACCEPTED)] {
            let b = enter_shy(&world, "b").await;
            let a = world.enter("a").await;
            a.rest().await;
            assert!(a.ask(&add("a", "b")).await.contains("request_sent"));
            leave(a).await;
            assert!(b.rest().await.contains(ASKED));
            assert!(b.ask(&answer("b", "a", verdict)).await.contains("success"));
            let (a, followed) = back(&world, "a").await;
            assert_eq!(followed, news);
            leave(a).await; // in order: it has been received
            let (a, followed) = back(&world, "a").await;
            assert_eq!(followed, "");
            leave(a).await;
            leave(b).await;
        }
    });
}

#[test]
fn an_answer_that_was_not_received_comes_again() {
    in_world(|world| async move {
        let b = enter_shy(&world, "b").await;
        let a = world.enter("a").await;
        a.ask(&add("a", "b")).await;
        leave(a).await;
        b.ask(&answer("b", "a", "reject")).await;
        let a = world.connect();
        assert!(a.ask(&login("a")).await.contains("success"));
        a.vanish();
        let (a, followed) = back(&world, "a").await;
        assert_eq!(followed, REJECTED);
        leave(a).await;
        assert_eq!(back(&world, "a").await.1, "");
    });
}

/// One run of the server over a folder.
fn once<F: Future<Output = ()>>(data: &Path, test: impl FnOnce(TestWorld) -> F) {
    run(async {
        let world = TestWorld::start(data, settings());
        test(world).await;
    });
}

#[test]
fn requests_and_answers_outlive_the_server() {
    let data = tempfile::tempdir().unwrap();
    once(data.path(), |world| async move {
        leave(enter_shy(&world, "b").await).await;
        let a = world.enter("a").await;
        assert!(a.ask(&add("a", "b")).await.contains("request_sent"));
    });
    once(data.path(), |world| async move {
        let (b, followed) = back(&world, "b").await;
        assert_eq!(followed, ASKED);
        assert!(b.ask(&answer("b", "a", "accept")).await.contains("success"));
    });
    once(data.path(), |world| async move {
        assert_eq!(back(&world, "b").await.1, "");
        let (a, followed) = back(&world, "a").await;
        assert!(followed.ends_with(ACCEPTED), "{followed}");
        leave(a).await;
        assert!(!back(&world, "a").await.1.contains(ACCEPTED));
    });
}

#[test]
fn an_expired_request_is_gone() {
    let mut settings = settings();
    settings.friend.request_ttl = actors::settings::Span(std::time::Duration::ZERO); // the time of day is not the test's to pause
    in_world_with(settings, |world| async move {
        let b = enter_shy(&world, "b").await;
        let a = world.enter("a").await;
        for _ in 0..2 {
            assert!(a.ask(&add("a", "b")).await.contains("request_sent"));
            assert_eq!(b.rest().await, ASKED, "each time anew");
        }
        assert!(b.ask(&answer("b", "a", "accept")).await.contains("no_request"));
        leave(b).await;
        assert_eq!(back(&world, "b").await.1, "");
        assert_eq!(a.rest().await, "");
    });
}

#[test]
fn asking_twice_or_oneself_or_a_friend_or_across() {
    in_world(|world| async move {
        let (a, b) = (enter_shy(&world, "a").await, enter_shy(&world, "b").await);
        assert!(a.ask(&add("a", "a")).await.contains("yourself"));
        assert!(a.ask(&add("a", "nobody")).await.contains("user_not_exist"));
        assert!(a.ask(&add("a", "b")).await.contains("request_sent"));
        assert!(a.ask(&add("a", "b")).await.contains("request_sent"));
        assert_eq!(b.rest().await, ASKED, "told once");
        assert!(a.ask(&answer("a", "b", "accept")).await.contains("no_request"), "nobody answers for the other");
        assert!(b.ask(&add("b", "a")).await.contains("success"), "a had asked");
        assert_eq!(a.rest().await, ACCEPTED);
        for (peer, from, to) in [(&a, "a", "b"), (&b, "b", "a")] {
            assert!(peer.ask(&add(from, to)).await.contains("already_friend"));
            assert!(peer.ask(&answer(from, to, "accept")).await.contains("no_request"));
        }
        leave(a).await;
        leave(b).await;
        assert_eq!(back(&world, "a").await.1, "");
        assert!(!back(&world, "b").await.1.contains("add_"));
    });
}
