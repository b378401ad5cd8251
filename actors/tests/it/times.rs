//! Every wait has a bound.

use crate::world::{in_world, in_world_with, login, private, settings};
use std::time::Duration;
use tokio::time::Instant;

#[test]
fn a_request_that_does_not_end_is_not_waited_for() {
    in_world(|world| async move {
        let a = world.connect();
        let before = Instant::now();
        a.send(r#"{"cmd":"#);
        let last = a.hear().await.unwrap();
        assert!(last.contains("timeout"), "{last}");
        assert_eq!(a.hear().await, None);
        assert!((10..12).contains(&before.elapsed().as_secs()));
    });
}

#[test]
fn dripping_does_not_help() {
    in_world(|world| async move {
        let a = world.connect();
        let before = Instant::now();
        a.send("{");
        for _ in 0..20 {
            a.send("  ");
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        assert!(a.rest().await.contains("timeout"));
        assert!(before.elapsed().as_secs() < 30);
    });
}

#[test]
fn a_guest_may_stay_a_while_and_a_member_for_ever() {
    in_world(|world| async move {
        let (guest, member) = (world.connect(), world.enter("a").await);
        tokio::time::sleep(Duration::from_secs(3_600)).await;
        assert!(guest.hear().await.unwrap().contains("timeout"));
        assert_eq!(guest.hear().await, None);
        assert!(member.ask(r#"{"cmd":"ping"}"#).await.contains("success"));
    });
}

#[test]
fn a_stop_answers_says_so_and_closes() {
    in_world(|world| async move {
        let (a, b) = (world.enter("a").await, world.enter("b").await);
        a.say(&private("a", "b", "last"));
        tokio::task::yield_now().await;
        world.chat.drain(Instant::now() + Duration::from_secs(4)).await;
        let told = a.rest().await;
        assert!(
            told.ends_with("{\"cmd\":\"error\",\"result\":\"shutdown\",\"detail\":\"the server stops\"}\n"),
            "{told}"
        );
        assert!(b.rest().await.contains("shutdown"));
        assert_eq!(a.hear().await, None);
    });
}

#[test]
fn one_connection_too_many_is_told_so() {
    let mut settings = settings();
    settings.session.max = 2;
    in_world_with(settings, |world| async move {
        let (a, _b) = (world.enter("a").await, world.connect());
        let c = world.connect();
        assert!(c.hear().await.unwrap().contains("too_many_connections"));
        assert_eq!(c.hear().await, None);
        a.close();
        a.rest().await;
        tokio::time::sleep(Duration::from_secs(5)).await;
        let d = world.connect();
        assert!(d.ask(&login("a")).await.contains("success"));
    });
}
