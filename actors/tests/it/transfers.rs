//! File transfers as the sessions see them; the bytes move elsewhere.

use crate::world::{in_world, in_world_with, login, settings};
use actors::transfer::RelayEnd;

const OFFER: &str = r#"{"cmd":"send_file","from_user":"a","to_user":"b","length":10000,"filename":"C:\\x\\y.txt"}"#;

#[test]
fn both_sides_are_told_the_port_at_once() {
    in_world(|world| async move {
        let (a, b) = (world.enter("a").await, world.enter("b").await);
        let port = r#""port":4242,"length":10000"#;
        let sender = format!(r#"{{"cmd":"send_file_port_reply",{port},"filename":"C:\\x\\y.txt","user":"b"}}"#);
        assert_eq!(a.ask(OFFER).await, sender);
        let receiver = format!(r#"{{"cmd":"recv_file_port_reply",{port},"filename":"y.txt","user":"a"}}"#);
        assert_eq!(b.hear().await.unwrap(), receiver);
        world.relays.end_first(RelayEnd::Complete);
        assert_eq!(a.rest().await + &b.rest().await, "");
    });
}

#[test]
fn both_sides_are_told_of_a_failure() {
    in_world(|world| async move {
        let (a, b) = (world.enter("a").await, world.enter("b").await);
        for (end, word) in [(RelayEnd::TimedOut, "timeout"), (RelayEnd::Broken, "broken")] {
            a.ask(OFFER).await;
            b.hear().await;
            world.relays.end_first(end);
            let told = format!(r#"{{"cmd":"send_file_reply","result":"{word}"}}"#);
            assert_eq!(a.hear().await.unwrap(), told);
            assert_eq!(b.hear().await.unwrap(), told);
        }
    });
}

#[test]
fn who_is_away_or_takes_no_strangers_is_not_bothered() {
    in_world(|world| async move {
        let a = world.enter("a").await;
        assert_eq!(a.ask(OFFER).await, r#"{"cmd":"send_file_reply","result":"offline"}"#);
        let b = world.enter("b").await;
        b.ask(r#"{"cmd":"set_policy","user":"b","message":"friends"}"#).await;
        assert_eq!(a.ask(OFFER).await, r#"{"cmd":"send_file_reply","result":"not_friend"}"#);
        a.ask(r#"{"cmd":"add","user":"a","friend":"b"}"#).await;
        assert!(a.ask(OFFER).await.contains("send_file_port_reply"));
    });
}

#[test]
fn one_sender_has_so_many_transfers_and_no_more() {
    let mut settings = settings();
    settings.relay.per_account = 2;
    in_world_with(settings, |world| async move {
        let (a, _b) = (world.enter("a").await, world.enter("b").await);
        a.ask(OFFER).await;
        a.ask(OFFER).await;
        assert_eq!(a.ask(OFFER).await, r#"{"cmd":"send_file_reply","result":"busy"}"#);
        world.relays.end_first(RelayEnd::Complete);
        a.rest().await;
        assert!(a.ask(OFFER).await.contains("send_file_port_reply"));
    });
}

/// The path in what a side was told, which must be on port 8080.
fn path_in(told: &str) -> &str {
    assert!(told.contains(r#""port":8080"#), "{told}");
    let (_, rest) = told.split_once(r#""path":""#).unwrap();
    rest.split('"').next().unwrap()
}

#[test]
fn a_browser_is_told_a_path_and_a_program_the_port() {
    in_world(|world| async move {
        world.relays.serve_web(8080);
        let (a, b) = (world.enter("a").await, world.connect_messages("plain"));
        b.ask(r#"{"cmd":"register","user":"b","password":"pw"}"#).await;
        b.ask(&login("b")).await;
        let program = a.ask(OFFER).await;
        assert!(program.contains(r#""port":4242"#) && !program.contains("path"), "{program}");
        let path = path_in(&b.hear().await.unwrap()).to_owned();
        assert_eq!((path.len(), path.starts_with("/files/")), (39, true));
        world.relays.end_first(RelayEnd::Complete);

        let back = r#"{"cmd":"send_file","from_user":"b","to_user":"a","length":10,"filename":"z"}"#;
        assert_ne!(path_in(&b.ask(back).await), path, "each transfer has its own");
        let program = a.hear().await.unwrap();
        assert!(program.contains(r#""port":4242"#) && !program.contains("path"), "{program}");
        world.relays.end_first(RelayEnd::TimedOut);
        assert!(b.hear().await.unwrap().contains("timeout"));

        let own = r#"{"cmd":"send_file","from_user":"b","to_user":"b","length":10,"filename":"z"}"#;
        let told = [b.ask(own).await, b.hear().await.unwrap()];
        assert_ne!(path_in(&told[0]), path_in(&told[1]), "each side has its own");
    });
}

#[test]
fn without_an_http_listener_a_browser_is_told_the_port_too() {
    in_world(|world| async move {
        let (a, b) = (world.enter("a").await, world.connect_messages("plain"));
        b.ask(r#"{"cmd":"register","user":"b","password":"pw"}"#).await;
        b.ask(&login("b")).await;
        a.ask(OFFER).await;
        let told = b.hear().await.unwrap();
        assert!(told.contains(r#""port":4242"#) && !told.contains("path"), "{told}");
    });
}
