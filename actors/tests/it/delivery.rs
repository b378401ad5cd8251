//! What was said is received, once where it can be told, in order, and nothing that was refused.

use crate::world::{in_world, in_world_with, login, private, settings};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

#[test]
fn offline_is_offline() {
    in_world(|world| async move {
        let a = world.enter("a").await;
        world.enter("b").await.close();
        a.rest().await;
        assert!(a.ask(&private("a", "b", "never")).await.contains("offline"));
        assert!(a.ask(&private("a", "nobody", "never")).await.contains("offline"));
        let b = world.connect();
        b.ask(&login("b")).await;
        assert_eq!(b.rest().await, "");
    });
}

#[test]
fn what_a_vanished_peer_had_not_read_comes_at_its_next_login() {
    in_world(|world| async move {
        let (a, b) = (world.enter("a").await, world.enter("b").await);
        for text in ["1", "2", "3"] {
            assert!(a.ask(&private("a", "b", text)).await.contains("success"));
        }
        b.vanish();
        let b = world.connect();
        b.ask(&login("b")).await;
        for text in ["1", "2", "3"] {
            assert_eq!(b.hear().await.unwrap(), private("a", "b", text));
        }
        assert_eq!(b.rest().await, "");
    });
}

#[test]
fn what_was_read_before_an_orderly_end_does_not_come_again() {
    in_world(|world| async move {
        let (a, b) = (world.enter("a").await, world.enter("b").await);
        a.ask(&private("a", "b", "once")).await;
        assert_eq!(b.hear().await.unwrap(), private("a", "b", "once"));
        b.close();
        a.rest().await;
        let b = world.connect();
        b.ask(&login("b")).await;
        assert_eq!(b.rest().await, "");
    });
}

#[test]
fn a_word_after_a_message_says_that_it_was_received() {
    in_world(|world| async move {
        let (a, b) = (world.enter("a").await, world.enter("b").await);
        a.ask(&private("a", "b", "once")).await;
        b.hear().await;
        for _ in 0..3 {
            tokio::time::sleep(Duration::from_secs(2)).await;
            b.ask(r#"{"cmd":"ping"}"#).await;
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
        b.vanish();
        let b = world.connect();
        b.ask(&login("b")).await;
        assert_eq!(b.rest().await, "");
    });
}

#[test]
fn two_sessions_both_get_it() {
    in_world(|world| async move {
        let (a, b) = (world.enter("a").await, world.enter("b").await);
        let b2 = world.connect();
        b2.ask(&login("b")).await;
        a.ask(&private("a", "b", "both")).await;
        assert_eq!(b.hear().await, b2.hear().await);
    });
}

#[test]
fn many_messages_ahead_of_their_answers_keep_their_order() {
    in_world(|world| async move {
        let (a, b) = (world.enter("a").await, world.enter("b").await);
        let many: String = (0..100).map(|n| private("a", "b", &n.to_string()) + "\n").collect();
        a.send(&many);
        for n in 0..100 {
            assert_eq!(b.hear().await.unwrap(), private("a", "b", &n.to_string()));
            assert!(a.hear().await.unwrap().contains("success"));
        }
    });
}

#[test]
fn answers_come_in_the_order_of_the_questions() {
    in_world(|world| async move {
        let (a, _b) = (world.enter("a").await, world.enter("b").await);
        a.send(&format!(
            "{}\n{}\n{}\n{}\n",
            private("a", "b", "1"),
            r#"{"cmd":"create_group","user":"a","group":"g"}"#,
            r#"{"cmd":"group_chat","user":"a","group":"g","text":"2"}"#,
            r#"{"cmd":"get_group_member","group":"g"}"#,
        ));
        let mut heard = Vec::new();
        for _ in 0..4 {
            heard.push(a.hear().await.unwrap());
        }
        assert_eq!(
            heard,
            [
                r#"{"cmd":"private_chat_reply","result":"success"}"#,
                r#"{"cmd":"create_group_reply","result":"success","group":"g"}"#,
                r#"{"cmd":"group_chat_reply","result":"success"}"#,
                r#"{"cmd":"get_group_member_reply","member":"a","group":"g"}"#,
            ]
        );
    });
}

#[test]
fn a_peer_that_does_not_read_is_let_go_and_loses_nothing() {
    let mut settings = settings();
    settings.session.outbox_bytes = 20_000;
    in_world_with(settings, |world| async move {
        let a = world.enter("a").await;
        world.enter("b").await.close();
        let deaf = world.connect_from(IpAddr::V4(Ipv4Addr::LOCALHOST), 4_000);
        deaf.ask(&login("b")).await;
        let text = "x".repeat(1_000);
        let mut sent = 0;
        while a.ask(&private("a", "b", &format!("{sent} {text}"))).await.contains("success") {
            sent += 1;
            assert!(sent < 100, "the outbox has a bound");
        }
        tokio::time::sleep(Duration::from_secs(5)).await;
        let b = world.connect();
        b.ask(&login("b")).await;
        for n in 0..sent {
            assert_eq!(b.hear().await.unwrap(), private("a", "b", &format!("{n} {text}")));
        }
        assert_eq!(b.rest().await, "");
    });
}

#[test]
fn a_long_backlog_needs_no_long_queue() {
    let mut settings = settings();
    settings.session.outbox_bytes = 30_000;
    settings.plain.store_offline = true;
    in_world_with(settings, |world| async move {
        let a = world.enter("a").await;
        world.enter("b").await.close();
        a.rest().await;
        let text = "x".repeat(500);
        for n in 0..1_000 {
            assert!(a.ask(&private("a", "b", &format!("{n} {text}"))).await.contains("success"));
        }
        let b = world.connect_from(IpAddr::V4(Ipv4Addr::LOCALHOST), 2_000);
        b.ask(&login("b")).await;
        for n in 0..500 {
            assert_eq!(b.hear().await.unwrap(), private("a", "b", &format!("{n} {text}")));
        }
        assert!(a.ask(&private("a", "b", "live")).await.contains("success"));
        for n in 500..1_000 {
            assert_eq!(b.hear().await.unwrap(), private("a", "b", &format!("{n} {text}")));
        }
        assert_eq!(b.hear().await.unwrap(), private("a", "b", "live"), "after the backlog, and once");
        assert_eq!(b.rest().await, "");
    });
}

#[test]
fn a_silent_client_gets_its_whole_backlog_at_once() {
    let mut settings = settings();
    settings.plain.store_offline = true;
    in_world_with(settings, |world| async move {
        let a = world.enter("a").await;
        world.enter("b").await.close();
        a.rest().await;
        let text = "x".repeat(1_000);
        for n in 0..1_000 {
            a.ask(&private("a", "b", &format!("{n} {text}"))).await;
        }
        let b = world.connect();
        b.ask(&login("b")).await;
        let before = tokio::time::Instant::now();
        for n in 0..1_000 {
            assert_eq!(b.hear().await.unwrap(), private("a", "b", &format!("{n} {text}")));
        }
        assert!(before.elapsed() < Duration::from_millis(500), "{:?}", before.elapsed());
    });
}

#[test]
fn what_was_asked_before_a_mistake_is_answered_before_it() {
    in_world(|world| async move {
        let (a, b) = (world.enter("a").await, world.enter("b").await);
        a.send(&format!("{}\n{}\n{{\"cmd\":}}\n", private("a", "b", "1"), private("a", "b", "2")));
        for _ in 0..2 {
            assert_eq!(a.hear().await.unwrap(), r#"{"cmd":"private_chat_reply","result":"success"}"#);
        }
        assert!(a.hear().await.unwrap().contains("invalid_json"));
        assert_eq!(a.hear().await, None);
        assert_eq!(b.hear().await.unwrap(), private("a", "b", "1"));
    });
}

#[test]
fn what_was_received_does_not_come_again_after_a_quick_return() {
    in_world(|world| async move {
        let (a, b) = (world.enter("a").await, world.enter("b").await);
        for round in 0..20 {
            let text = format!("round {round}");
            a.say(&private("a", "b", &text));
            assert_eq!(b.hear().await.unwrap(), private("a", "b", &text));
            b.send(&format!("{}\n{}\n", r#"{"cmd":"offline","user":"b"}"#, login("b")));
            assert!(b.hear().await.unwrap().contains("login_reply"));
            assert_eq!(b.rest().await, "");
            a.rest().await;
        }
    });
}
