//! Links on which the peer can be asked what it has: only its own word is a receipt, and silence is death.

use crate::world::{in_world, in_world_with, login, private, settings};
use actors::session::link::Closing;
use actors::testing::{MessagePeer, TestWorld};
use protocol::ClosingReason;
use std::time::Duration;

/// Registers and logs in over a link with messages.
async fn enter(world: &TestWorld, name: &str) -> MessagePeer {
    let peer = world.connect_messages("plain");
    peer.ask(&format!(r#"{{"cmd":"register","user":"{name}","password":"pw"}}"#)).await;
    assert!(peer.ask(&login(name)).await.contains("success"));
    peer
}

async fn again(world: &TestWorld, name: &str) -> MessagePeer {
    let peer = world.connect_messages("plain");
    assert!(peer.ask(&login(name)).await.contains("success"));
    peer
}

#[test]
fn an_answer_to_the_question_behind_a_message_is_its_receipt() {
    in_world(|world| async move {
        let (a, b) = (world.enter("a").await, enter(&world, "b").await);
        a.ask(&private("a", "b", "once")).await;
        assert_eq!(b.hear().await.unwrap(), private("a", "b", "once"));
        b.rest().await;
        b.close();
        a.rest().await;
        assert_eq!(again(&world, "b").await.rest().await, Vec::<String>::new());
    });
}

#[test]
fn neither_words_nor_time_nor_an_orderly_end_are_a_receipt() {
    in_world(|world| async move {
        let (a, b) = (world.enter("a").await, enter(&world, "b").await);
        b.answer_probes(false);
        a.ask(&private("a", "b", "again")).await;
        assert_eq!(b.hear().await.unwrap(), private("a", "b", "again"));
        for _ in 0..5 {
            tokio::time::sleep(Duration::from_secs(9)).await;
            b.ask(r#"{"cmd":"ping"}"#).await;
        }
        b.close();
        a.rest().await;
        let b = again(&world, "b").await;
        assert_eq!(b.hear().await.unwrap(), private("a", "b", "again"));
    });
}

#[test]
fn one_question_at_a_time_and_the_rest_is_asked_after_the_answer() {
    in_world(|world| async move {
        let (a, b) = (world.enter("a").await, enter(&world, "b").await);
        b.answer_probes(false);
        for text in ["1", "2", "3"] {
            a.ask(&private("a", "b", text)).await;
        }
        assert_eq!(b.rest().await.len(), 3);
        // The answer is about what lay before the question: the first message, and the others wait for another one.
        assert_eq!(b.answer_now(), 1);
        b.rest().await;
        assert_eq!(b.asked(), 1);
        b.close();
        a.rest().await;
        let b = again(&world, "b").await;
        assert_eq!(b.rest().await, [private("a", "b", "2"), private("a", "b", "3")]);
    });
}

#[test]
fn a_busy_connection_is_confirmed_while_it_is_busy() {
    in_world(|world| async move {
        let (a, b) = (world.enter("a").await, enter(&world, "b").await);
        b.answer_probes(false);
        for n in 0..20 {
            a.ask(&private("a", "b", &n.to_string())).await;
            b.rest().await;
            assert_eq!(b.answer_now(), 1, "each answer lets the next question out");
        }
        b.rest().await;
        b.close();
        a.rest().await;
        assert_eq!(again(&world, "b").await.rest().await, Vec::<String>::new());
    });
}

#[test]
fn whoever_does_not_answer_is_dead() {
    in_world(|world| async move {
        let (a, b) = (world.enter("a").await, enter(&world, "b").await);
        b.answer_probes(false);
        a.ask(&private("a", "b", "hello?")).await;
        b.hear().await;
        tokio::time::sleep(Duration::from_secs(59)).await;
        assert_eq!(b.closed(), None);
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert!(b.hear().await.unwrap().contains("timeout"));
        assert_eq!(b.closed(), Some(Closing::Because(ClosingReason::TimedOut)));
    });
}

#[test]
fn a_silent_peer_is_asked_whether_it_is_there() {
    let mut settings = settings();
    settings.web.ping_every_s = 10;
    settings.session.login_timeout_s = 3600;
    in_world_with(settings, |world| async move {
        let guest = world.connect_messages("plain");
        let b = enter(&world, "b").await;
        for peer in [&guest, &b] {
            peer.answer_probes(false);
        }
        tokio::time::sleep(Duration::from_secs(9)).await;
        assert_eq!((guest.asked(), b.asked()), (0, 0));
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!((guest.answer_now(), b.answer_now()), (1, 1));
        tokio::time::sleep(Duration::from_secs(9)).await;
        assert_eq!((guest.asked(), b.asked()), (0, 0));
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!((guest.asked(), b.asked()), (1, 1), "each answer counts as a sign of life");
    });
}

#[test]
fn a_visitor_is_not_online_and_takes_nothing_along() {
    in_world(|world| async move {
        let (a, b) = (world.enter("a").await, world.enter("b").await);
        a.ask(r#"{"cmd":"add","user":"a","friend":"b"}"#).await;
        b.close();
        a.rest().await;
        let visitor = world.visit("plain");
        assert!(visitor.ask(r#"{"cmd":"get_friend"}"#).await.contains("not_logged_in"));
        assert!(visitor.ask(&login("b")).await.contains(r#""friend":"a""#));
        assert_eq!(a.rest().await, "", "nobody sees it come");
        assert!(a.ask(&private("a", "b", "there?")).await.contains("offline"));
        assert!(visitor.ask(r#"{"cmd":"get_friend","user":"b"}"#).await.contains(r#""online":"a""#));
        let others = [
            private("b", "a", "no"),
            r#"{"cmd":"get_group","user":"b"}"#.to_owned(),
            r#"{"cmd":"remove_friend","user":"b","friend":"a"}"#.to_owned(),
        ];
        for other in others {
            assert!(visitor.ask(&other).await.contains("not_over_http"), "{other}");
        }
        visitor.close();
        assert_eq!(a.rest().await, "", "and nobody sees it go");
    });
}

#[test]
fn an_answer_that_comes_after_the_last_word_still_counts() {
    let mut settings = settings();
    settings.session.idle_timeout_s = 5;
    in_world_with(settings, |world| async move {
        let (a, b) = (world.enter("a").await, enter(&world, "b").await);
        b.answer_probes(false);
        a.ask(&private("a", "b", "once")).await;
        assert_eq!(b.hear().await.unwrap(), private("a", "b", "once"));
        while b.closed().is_none() {
            a.ask(r#"{"cmd":"ping"}"#).await;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        // It answers while the last words linger, and then just goes.
        assert_eq!(b.answer_now(), 1);
        tokio::time::sleep(Duration::from_secs(2)).await;
        let b = again(&world, "b").await;
        assert_eq!(b.rest().await, Vec::<String>::new());
    });
}
