//! Clients that take whatever one read returns for one object: the clock decides what they can understand.

use crate::world::{in_world, private};
use actors::testing::{Peer, TestWorld};
use std::time::Duration;

const PACE: Duration = Duration::from_millis(50);

/// A Qt client: indented JSON, keys sorted, `}\n` at the end.
fn qt(pairs: &[(&str, &str)]) -> String {
    let lines: Vec<_> = pairs.iter().map(|(key, value)| format!("    \"{key}\": \"{value}\"")).collect();
    format!("{{\n{}\n}}\n", lines.join(",\n"))
}

async fn qt_enter(world: &TestWorld, name: &str) -> Peer {
    world.enter(name).await.close();
    let peer = world.connect();
    peer.send(&qt(&[("cmd", "login"), ("password", "pw"), ("user", name)]));
    assert!(peer.hear().await.unwrap().contains("success"));
    peer
}

#[test]
fn objects_to_a_paced_client_keep_their_distance() {
    in_world(|world| async move {
        let a = world.enter("a").await;
        let b = qt_enter(&world, "b").await;
        b.writes();
        for n in 0..20 {
            a.say(&private("a", "b", &n.to_string()));
        }
        for n in 0..20 {
            while !b.hear().await.unwrap().contains(&format!("\"{n}\"")) {}
        }
        let writes = b.writes();
        let objects: Vec<_> = writes.iter().filter(|(_, text)| text != "\n").collect();
        assert_eq!(objects.len(), 20, "one object a write");
        for pair in objects.windows(2) {
            assert!(pair[1].0 - pair[0].0 >= PACE);
        }
        assert!(objects[19].0 - objects[0].0 < PACE * 21, "and no more than that");
    });
}

#[test]
fn a_lone_object_is_not_delayed() {
    in_world(|world| async move {
        let a = world.enter("a").await;
        let b = qt_enter(&world, "b").await;
        tokio::time::sleep(PACE).await;
        let before = tokio::time::Instant::now();
        a.say(&private("a", "b", "hi"));
        b.hear().await.unwrap();
        assert!(before.elapsed() < Duration::from_millis(5));
    });
}

#[test]
fn a_line_client_is_not_paced() {
    in_world(|world| async move {
        let (a, b) = (world.enter("a").await, world.enter("b").await);
        let before = tokio::time::Instant::now();
        for n in 0..50 {
            a.ask(&private("a", "b", &n.to_string())).await;
            b.hear().await;
        }
        assert!(before.elapsed() < Duration::from_millis(50));
        tokio::time::sleep(Duration::from_secs(100)).await;
        assert_eq!(b.rest().await, "", "nor nudged");
    });
}

#[test]
fn a_silent_client_is_nudged_for_a_while() {
    in_world(|world| async move {
        let a = world.enter("a").await;
        let b = qt_enter(&world, "b").await;
        a.ask(&private("a", "b", "stuck behind a box")).await;
        b.hear().await;
        b.writes();
        tokio::time::sleep(Duration::from_secs(600)).await;
        let nudges = b.writes();
        assert_eq!(nudges.len(), 30, "each second, for thirty of them");
        assert!(nudges.iter().all(|(_, text)| text == "\n"));
    });
}

#[test]
fn a_client_that_answers_is_not_nudged() {
    in_world(|world| async move {
        let a = world.enter("a").await;
        let b = qt_enter(&world, "b").await;
        a.ask(&private("a", "b", "seen")).await;
        b.hear().await;
        tokio::time::sleep(PACE).await;
        b.send(&qt(&[("cmd", "offline"), ("user", "b")]));
        b.rest().await;
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(b.rest().await, "");
    });
}
