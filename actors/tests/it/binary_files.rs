//! Files in `binary`: asked, accepted, gone on with. The bytes move elsewhere.

use crate::world::{in_world, in_world_with, settings};
use actors::testing::{MessagePeer, Peer, TestWorld};
use actors::transfer::RelayEnd;
use std::net::Ipv4Addr;
use std::time::Duration;
use tokio::time::sleep;

const WEB: u16 = 8080;
const OFFER: &str = r#"{"seq":"2","offerFile":{"to":"10001","name":"C:\\x\\y.txt","size":"1000"}}"#;
const SENT: &str = r#"{"seq":"2","fileOfferSent":{"transfer":"1"}}"#;
const OFFERED: &str =
    r#"{"fileOffered":{"transfer":"1","sender":"10000","senderName":"a","name":"y.txt","size":"1000"}}"#;

/// The accounts a, b and c, numbered from 10000 on, who take messages from anybody.
async fn register(world: &TestWorld) {
    world.relays.serve_web(WEB);
    for name in ["a", "b", "c"] {
        let peer = world.connect();
        peer.ask(&format!(r#"{{"cmd":"register","user":"{name}","password":"pw"}}"#)).await;
        peer.close();
    }
}

/// A connection of somebody's, in JSON.
async fn binary(world: &TestWorld, name: &str) -> MessagePeer {
    let peer = world.connect_text("binary", Ipv4Addr::LOCALHOST.into());
    let login = format!(r#"{{"seq":"1","login":{{"name":"{name}","password":"pw"}}}}"#);
    let entered = peer.ask(&login).await;
    assert!(entered.contains("loginSucceeded"), "{entered}");
    peer.rest().await;
    peer
}

/// A connection of somebody's in `plain`.
async fn plain(world: &TestWorld, name: &str) -> Peer {
    let peer = world.connect();
    peer.ask(&format!(r#"{{"cmd":"login","user":"{name}","password":"pw"}}"#)).await;
    peer
}

/// a and b, and a file of 1000 bytes that b is asked about.
async fn asked(world: &TestWorld) -> (MessagePeer, MessagePeer) {
    register(world).await;
    let (a, b) = (binary(world, "a").await, binary(world, "b").await);
    assert_eq!(a.ask(OFFER).await, SENT);
    assert_eq!(b.hear().await.unwrap(), OFFERED);
    (a, b)
}

fn accept(transfer: u64, offset: u64) -> String {
    format!(r#"{{"seq":"3","acceptFile":{{"transfer":"{transfer}","offset":"{offset}"}}}}"#)
}

fn decline(transfer: u64) -> String {
    format!(r#"{{"seq":"4","declineFile":{{"transfer":"{transfer}","reason":"no room"}}}}"#)
}

const DONE: &str = r#"{"seq":"3","done":{}}"#;

/// Accepts the transfer, and returns each side's path.
async fn accepts(a: &MessagePeer, b: &MessagePeer, transfer: u64, offset: u64) -> [String; 2] {
    assert_eq!(b.ask(&accept(transfer, offset)).await, DONE);
    [path_of(&a.hear().await.unwrap(), offset, true), path_of(&b.hear().await.unwrap(), offset, false)]
}

/// The path in a `FileReady` of a file of 1000 bytes.
fn path_of(ready: &str, offset: u64, sending: bool) -> String {
    let (_, rest) = ready.split_once(r#""path":""#).unwrap_or_else(|| panic!("{ready}"));
    let path = rest.split('"').next().unwrap();
    assert!(path.starts_with("/files/") && path.len() == 39, "{path}");
    assert!(ready.contains("fileReady") && ready.contains(r#""port":8080"#), "{ready}");
    assert!(ready.contains(&format!(r#""length":"{}""#, 1000 - offset)), "{ready}");
    assert_eq!(ready.contains(&format!(r#""offset":"{offset}""#)), offset > 0, "{ready}");
    assert_eq!(ready.contains(r#""sending":true"#), sending, "{ready}");
    path.to_owned()
}

/// Whether an answer is that no.
async fn refuses(peer: &MessagePeer, packet: &str, reason: &str) {
    let said = peer.ask(packet).await;
    assert!(said.contains(r#""error""#) && said.contains(&format!("{reason}\"")), "{packet}: {said}");
}

#[test]
fn a_file_is_asked_about_accepted_and_done() {
    in_world(|world| async move {
        let (a, b) = asked(&world).await;
        assert_eq!(world.relays.running(), 0, "nothing is open until it is accepted");
        let [ours, theirs] = accepts(&a, &b, 1, 0).await;
        assert_ne!(ours, theirs, "each side has its own");
        assert_eq!(&*world.relays.move_first(0).name, "y.txt");
        world.relays.end_first(RelayEnd::Complete);
        for peer in [&a, &b] {
            assert_eq!(peer.hear().await.unwrap(), r#"{"fileDone":{"transfer":"1"}}"#);
            refuses(peer, &accept(1, 0), "NO_SUCH_TRANSFER").await;
        }
    });
}

#[test]
fn the_hash_is_passed_on() {
    in_world(|world| async move {
        let (a, b) = asked(&world).await;
        let hash = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
        a.ask(&OFFER.replace(r#""size""#, &format!(r#""sha256":"{hash}","size""#))).await;
        assert!(b.hear().await.unwrap().contains(&format!(r#""sha256":"{hash}""#)));
    });
}

#[test]
fn the_first_connection_that_accepts_gets_it() {
    in_world(|world| async move {
        register(&world).await;
        let (a, b, desk) = (binary(&world, "a").await, binary(&world, "b").await, binary(&world, "b").await);
        let phone = plain(&world, "b").await;
        assert_eq!(a.ask(OFFER).await, SENT);
        for peer in [&b, &desk] {
            assert_eq!(peer.hear().await.unwrap(), OFFERED);
        }
        accepts(&a, &b, 1, 0).await;
        let taken = r#"{"fileDeclined":{"transfer":"1","reason":"taken on another connection"}}"#;
        assert_eq!(desk.hear().await.unwrap(), taken);
        refuses(&desk, &accept(1, 0), "BUSY").await;
        world.relays.end_first(RelayEnd::Complete);
        b.hear().await.unwrap();
        assert_eq!((phone.rest().await, desk.rest().await.len()), (String::new(), 0));
    });
}

#[test]
fn only_the_two_sides_may_act_on_it() {
    in_world(|world| async move {
        let (a, b) = asked(&world).await;
        let c = binary(&world, "c").await;
        refuses(&a, &accept(1, 0), "NO_SUCH_TRANSFER").await;
        for packet in [accept(1, 0), decline(1), accept(99, 0), decline(99)] {
            refuses(&c, &packet, "NO_SUCH_TRANSFER").await;
        }
        refuses(&b, &accept(1, 1001), "BAD_VALUE").await;
        accepts(&a, &b, 1, 0).await;
        refuses(&c, &decline(1), "NO_SUCH_TRANSFER").await;
        assert_eq!(world.relays.running(), 1);
    });
}

#[test]
fn what_broke_off_goes_on_from_the_receivers_offset_on_new_connections() {
    in_world(|world| async move {
        let (a, b) = asked(&world).await;
        let first = accepts(&a, &b, 1, 0).await;
        world.relays.move_first(600);
        b.close();
        world.relays.end_first(RelayEnd::Broken);
        let failed = a.hear().await.unwrap();
        assert!(failed.contains("fileFailed") && failed.contains(r#""bytes":"600""#), "{failed}");
        let b = binary(&world, "b").await;
        a.close();
        a.rest().await;
        refuses(&b, &accept(1, 590), "OFFLINE").await;
        let a = binary(&world, "a").await;
        let second = accepts(&a, &b, 1, 590).await;
        assert!(second.iter().all(|path| !first.contains(path)), "a path is good once");
        assert_eq!(world.relays.move_first(10).length, 410);
        // Both came back on other connections than they began on, and hear of it there.
        world.relays.end_first(RelayEnd::TimedOut);
        for peer in [&a, &b] {
            let failed = peer.hear().await.unwrap();
            assert!(failed.contains("fileFailed") && failed.contains(r#""bytes":"600""#), "{failed}");
        }
        accepts(&a, &b, 1, 600).await;
        world.relays.end_first(RelayEnd::Complete);
        assert_eq!(b.hear().await.unwrap(), r#"{"fileDone":{"transfer":"1"}}"#);
    });
}

#[test]
fn how_it_goes_is_told_where_the_account_is_now() {
    in_world(|world| async move {
        let (a, b) = asked(&world).await;
        accepts(&a, &b, 1, 0).await;
        a.close();
        a.rest().await;
        let (a, other) = (binary(&world, "a").await, binary(&world, "c").await);
        world.relays.end_first(RelayEnd::Complete);
        for peer in [&a, &b] {
            assert_eq!(peer.hear().await.unwrap(), r#"{"fileDone":{"transfer":"1"}}"#);
        }
        assert_eq!(other.rest().await.len(), 0);
    });
}

#[test]
fn progress_is_told_while_bytes_move() {
    let mut settings = settings();
    settings.relay.progress_ms = 500;
    in_world_with(settings, |world| async move {
        let (a, b) = asked(&world).await;
        accepts(&a, &b, 1, 200).await;
        for (more, of_all) in [(100, 300), (1, 301)] {
            world.relays.move_first(more);
            sleep(Duration::from_millis(1001)).await;
            let said = format!(r#"{{"fileProgress":{{"transfer":"1","bytes":"{of_all}"}}}}"#);
            assert_eq!((a.rest().await, b.rest().await), (vec![said.clone()], vec![said]));
        }
        sleep(Duration::from_secs(2)).await;
        assert_eq!((a.rest().await.len(), b.rest().await.len()), (0, 0), "nothing moved");
    });
}

#[test]
fn either_side_may_end_it_at_any_time() {
    in_world(|world| async move {
        let (a, b) = asked(&world).await;
        let declined = r#"{"seq":"4","fileDeclined":{"transfer":"N"}}"#;
        let told = r#"{"fileDeclined":{"transfer":"N","reason":"no room"}}"#;
        let mut transfer = 1;
        for runs in [false, true] {
            for (one, other) in [(&a, &b), (&b, &a)] {
                if transfer > 1 {
                    a.ask(OFFER).await;
                    b.hear().await.unwrap();
                }
                let numbered = |text: &str| text.replace('N', &transfer.to_string());
                if runs {
                    accepts(&a, &b, transfer, 0).await;
                }
                assert_eq!(one.ask(&decline(transfer)).await, numbered(declined));
                assert_eq!(other.rest().await, [numbered(told)], "and nothing of a failure");
                assert_eq!((one.rest().await.len(), world.relays.running()), (0, 0));
                refuses(&b, &accept(transfer, 0), "NO_SUCH_TRANSFER").await;
                transfer += 1;
            }
        }
    });
}

#[test]
fn who_has_it_all_is_done_at_once() {
    in_world(|world| async move {
        let (a, b) = asked(&world).await;
        assert_eq!(b.ask(&accept(1, 1000)).await, DONE);
        for peer in [&a, &b] {
            assert_eq!(peer.hear().await.unwrap(), r#"{"fileDone":{"transfer":"1"}}"#);
        }
        assert_eq!(world.relays.running(), 0);
    });
}

#[test]
fn nobody_waits_for_ever() {
    let mut settings = settings();
    (settings.relay.offer_s, settings.relay.resume_s) = (5, 7);
    in_world_with(settings, |world| async move {
        let (a, b) = asked(&world).await;
        sleep(Duration::from_millis(5001)).await;
        for peer in [&a, &b] {
            let told = peer.hear().await.unwrap();
            assert!(told.contains("fileFailed") && told.contains("TRANSFER_TIMED_OUT"), "{told}");
        }
        refuses(&b, &accept(1, 0), "NO_SUCH_TRANSFER").await;
        a.ask(OFFER).await;
        b.hear().await.unwrap();
        accepts(&a, &b, 2, 0).await;
        // Not while it runs.
        sleep(Duration::from_secs(8)).await;
        world.relays.end_first(RelayEnd::Broken);
        for peer in [&a, &b] {
            assert!(peer.hear().await.unwrap().contains("fileFailed"));
        }
        sleep(Duration::from_millis(7001)).await;
        refuses(&b, &accept(2, 0), "NO_SUCH_TRANSFER").await;
        assert_eq!(a.rest().await.len(), 0, "that it may not be gone on with was known");
    });
}

#[test]
fn offers_are_refused_as_everywhere_and_open_ones_count() {
    let mut settings = settings();
    (settings.relay.per_account, settings.relay.max_bytes) = (2, 1000);
    in_world_with(settings, |world| async move {
        register(&world).await;
        let a = binary(&world, "a").await;
        refuses(&a, OFFER, "OFFLINE").await;
        let b = binary(&world, "b").await;
        refuses(&a, &OFFER.replace("1000\"}", "1001\"}"), "TOO_LARGE").await;
        a.ask(OFFER).await;
        a.ask(OFFER).await;
        refuses(&a, OFFER, "BUSY").await;
        b.ask(&decline(1)).await;
        b.rest().await;
        a.rest().await;
        // The same bound is there for who sends both ways.
        let desk = plain(&world, "a").await;
        let offer = r#"{"cmd":"send_file","from_user":"a","to_user":"b","length":10,"filename":"z"}"#;
        assert!(desk.ask(offer).await.contains("send_file_port_reply"));
        assert_eq!(desk.ask(offer).await, r#"{"cmd":"send_file_reply","result":"busy"}"#);
        refuses(&a, OFFER, "BUSY").await;
    });
}

#[test]
fn strangers_are_not_bothered() {
    in_world(|world| async move {
        register(&world).await;
        let (a, desk) = (binary(&world, "a").await, plain(&world, "b").await);
        let b = binary(&world, "b").await;
        desk.ask(r#"{"cmd":"set_policy","user":"b","message":"friends"}"#).await;
        refuses(&a, OFFER, "OFFLINE").await;
        assert_eq!(b.rest().await.len(), 0);
    });
}

#[test]
fn between_ones_own_connections_the_others_are_asked() {
    in_world(|world| async move {
        register(&world).await;
        let (desk, phone) = (binary(&world, "b").await, binary(&world, "b").await);
        assert_eq!(desk.ask(OFFER).await, SENT);
        assert!(phone.hear().await.unwrap().contains("fileOffered"));
        accepts(&desk, &phone, 1, 0).await;
        assert_eq!(desk.ask(&decline(1)).await, r#"{"seq":"4","fileDeclined":{"transfer":"1"}}"#);
        assert_eq!(phone.rest().await.len(), 1);
        assert_eq!((desk.rest().await.len(), world.relays.running()), (0, 0));
    });
}

#[test]
fn without_an_http_listener_a_bare_port_is_told() {
    in_world(|world| async move {
        let (a, b) = asked(&world).await;
        world.relays.serve_web(0);
        assert_eq!(b.ask(&accept(1, 0)).await, DONE);
        for (peer, sending) in [(&a, r#","sending":true"#), (&b, "")] {
            let ready = format!(r#"{{"fileReady":{{"transfer":"1","port":4242,"length":"1000"{sending}}}}}"#);
            assert_eq!(peer.hear().await.unwrap(), ready);
        }
    });
}

#[test]
fn whoever_speaks_plain_is_not_asked_and_a_binary_sender_may_send_at_once() {
    in_world(|world| async move {
        register(&world).await;
        let (a, b) = (binary(&world, "a").await, plain(&world, "b").await);
        assert_eq!(a.ask(OFFER).await, SENT);
        path_of(&a.hear().await.unwrap(), 0, true);
        let told = r#"{"cmd":"recv_file_port_reply","port":4242,"length":1000,"filename":"y.txt","user":"a"}"#;
        assert_eq!(b.hear().await.unwrap(), told);
        world.relays.end_first(RelayEnd::Broken);
        assert!(a.hear().await.unwrap().contains("fileFailed"));
        assert_eq!(b.hear().await.unwrap(), r#"{"cmd":"send_file_reply","result":"broken"}"#);
        a.ask(OFFER).await;
        a.hear().await.unwrap();
        b.hear().await.unwrap();
        world.relays.end_first(RelayEnd::Complete);
        assert_eq!(a.hear().await.unwrap(), r#"{"fileDone":{"transfer":"2"}}"#);
        assert_eq!(b.rest().await, "", "it sees that it has all");
        a.ask(OFFER).await;
        a.hear().await.unwrap();
        b.hear().await.unwrap();
        a.ask(&decline(3)).await;
        assert_eq!(b.hear().await.unwrap(), r#"{"cmd":"send_file_reply","result":"broken"}"#);
    });
}

#[test]
fn who_is_sent_to_from_plain_may_fetch_at_once_or_say_no() {
    in_world(|world| async move {
        register(&world).await;
        let (a, b) = (plain(&world, "a").await, binary(&world, "b").await);
        let offer = r#"{"cmd":"send_file","from_user":"a","to_user":"b","length":"1000","filename":"/x/y.txt"}"#;
        let told = r#"{"cmd":"send_file_port_reply","port":4242,"length":"1000","filename":"/x/y.txt","user":"b"}"#;
        for transfer in 1..=2_u64 {
            assert_eq!(a.ask(offer).await, told);
            let asked = OFFERED.replace(r#""transfer":"1""#, &format!(r#""transfer":"{transfer}""#));
            assert_eq!(b.hear().await.unwrap(), asked);
            path_of(&b.hear().await.unwrap(), 0, false);
            if transfer == 1 {
                // A client that accepts as usual does no harm.
                assert_eq!(b.ask(&accept(1, 0)).await, DONE);
                refuses(&b, &accept(1, 5), "BAD_VALUE").await;
                world.relays.end_first(RelayEnd::Complete);
                assert_eq!(b.rest().await, [r#"{"fileDone":{"transfer":"1"}}"#]);
                assert_eq!(a.rest().await, "");
            } else {
                b.ask(&decline(2)).await;
                assert_eq!(a.hear().await.unwrap(), r#"{"cmd":"send_file_reply","result":"broken"}"#);
                assert_eq!(b.rest().await.len(), 0);
            }
        }
    });
}
