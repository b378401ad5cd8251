//! Groups: who hears what, what waits, and how they sleep.

use crate::world::{in_world, in_world_with, login, post, settings};
use actors::testing::{Peer, TestWorld};
use std::time::Duration;

async fn members(world: &TestWorld, names: &[&str]) -> Vec<Peer> {
    let mut peers = Vec::new();
    for name in names {
        let peer = world.enter(name).await;
        let cmd = if peers.is_empty() { "create_group" } else { "add_group" };
        let reply = peer.ask(&format!(r#"{{"cmd":"{cmd}","user":"{name}","group":"g"}}"#)).await;
        assert!(reply.contains("success"), "{reply}");
        peers.push(peer);
    }
    peers
}

#[test]
fn everybody_else_hears_a_post_in_the_same_order() {
    in_world(|world| async move {
        let peers = members(&world, &["a", "b", "c"]).await;
        peers[0].say(&post("a", "g", "1"));
        peers[1].say(&post("b", "g", "2"));
        let c = [peers[2].hear().await.unwrap(), peers[2].hear().await.unwrap()];
        let [first, second] = &c;
        assert!(first.contains("\"1\"") != second.contains("\"1\""));
        assert!(!peers[0].rest().await.contains("\"1\""), "no echo");
    });
}

#[test]
fn outsiders_may_not_speak_nor_ask() {
    in_world(|world| async move {
        let peers = members(&world, &["a", "b"]).await;
        let c = world.enter("c").await;
        assert!(c.ask(&post("c", "g", "hi")).await.contains("not_in_group"));
        assert!(c.ask(r#"{"cmd":"get_group_member","group":"g"}"#).await.contains("not_in_group"));
        assert!(c.ask(r#"{"cmd":"get_history","user":"c","group":"g"}"#).await.contains("not_in_group"));
        assert!(c.ask(&post("c", "nowhere", "hi")).await.contains("group_not_exist"));
        peers[1].ask(r#"{"cmd":"leave_group","user":"b","group":"g"}"#).await;
        assert!(peers[1].ask(&post("b", "g", "hi")).await.contains("not_in_group"));
        assert!(peers[0].ask(&post("a", "g", "alone")).await.contains("success"));
        assert_eq!(peers[1].rest().await, "", "who has left hears nothing");
    });
}

#[test]
fn who_was_away_catches_up_oldest_first_and_bounded() {
    let mut settings = settings();
    settings.group.catch_up = 5;
    in_world_with(settings, |world| async move {
        let peers = members(&world, &["a", "b"]).await;
        peers[1].close();
        peers[0].rest().await;
        for n in 0..8 {
            peers[0].ask(&post("a", "g", &n.to_string())).await;
        }
        let b = world.connect();
        b.ask(&login("b")).await;
        for n in 3..8 {
            assert_eq!(b.hear().await.unwrap(), post("a", "g", &n.to_string()));
        }
        assert_eq!(b.rest().await, "");
        b.close();
        peers[0].rest().await;
        let b = world.connect();
        b.ask(&login("b")).await;
        assert_eq!(b.rest().await, "", "once");
    });
}

#[test]
fn ones_own_posts_do_not_come_back_at_the_next_login() {
    in_world(|world| async move {
        let peers = members(&world, &["a", "b"]).await;
        peers[0].ask(&post("a", "g", "mine")).await;
        peers[0].vanish();
        let a = world.connect();
        a.ask(&login("a")).await;
        assert_eq!(a.rest().await, "");
    });
}

#[test]
fn a_group_sleeps_and_wakes_and_forgets_nothing() {
    in_world(|world| async move {
        let peers = members(&world, &["a", "b"]).await;
        peers.iter().for_each(Peer::close);
        tokio::time::sleep(Duration::from_secs(200)).await;
        let (a, b) = (world.connect(), world.connect());
        a.ask(&login("a")).await;
        b.ask(&login("b")).await;
        assert!(a.ask(&post("a", "g", "awake")).await.contains("success"));
        assert_eq!(b.hear().await.unwrap(), post("a", "g", "awake"));
        assert!(a.ask(r#"{"cmd":"get_group_member","group":"g"}"#).await.contains(r#""member":"a|b""#));
    });
}

#[test]
fn approval_is_asked_for_and_given() {
    in_world(|world| async move {
        let a = world.enter("a").await;
        a.ask(r#"{"cmd":"create_group","user":"a","group":"g","join":"approval"}"#).await;
        let b = world.enter("b").await;
        let join = r#"{"cmd":"add_group","user":"b","group":"g"}"#;
        assert_eq!(b.ask(join).await, r#"{"cmd":"add_group_reply","result":"request_sent","group":"g"}"#);
        assert_eq!(a.hear().await.unwrap(), r#"{"cmd":"add_group_request","user":"b","group":"g"}"#);
        assert!(b.ask(&post("b", "g", "early")).await.contains("not_in_group"));
        let answer = r#"{"cmd":"add_group_answer","user":"a","member":"b","group":"g","result":"accept"}"#;
        assert!(a.ask(answer).await.contains("success"));
        assert_eq!(b.hear().await.unwrap(), r#"{"cmd":"add_group_reply","result":"success","group":"g"}"#);
        b.rest().await;
        assert!(b.ask(&post("b", "g", "in")).await.contains("success"));
        assert_eq!(a.hear().await.unwrap(), post("b", "g", "in"));
        assert!(b.ask(answer).await.contains("not_permitted"), "that was another's to give");
    });
}

#[test]
fn a_session_that_is_already_here_hears_of_a_group_joined_elsewhere() {
    in_world(|world| async move {
        let peers = members(&world, &["a"]).await;
        let (b, b2) = (world.enter("b").await, world.enter("b").await);
        b.ask(r#"{"cmd":"add_group","user":"b","group":"g"}"#).await;
        b2.rest().await;
        peers[0].ask(&post("a", "g", "to both")).await;
        assert_eq!(b.hear().await.unwrap(), b2.hear().await.unwrap());
    });
}
