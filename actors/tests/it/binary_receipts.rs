//! The guarantees of `binary`, with a client that speaks its text form: receipts, redelivery, retries, heartbeats,
//! replacement, and what only its people say.

use crate::world::{in_world, in_world_with, settings};
use actors::session::link::Closing;
use actors::settings::ActorSettings;
use actors::testing::{MessagePeer, Peer, TestWorld};
use protocol::ClosingReason;
use std::time::Duration;

const INSTANCE: &str = "AQEBAQEBAQEBAQEBAQEBAQ==";

/// Few places in the window, and nothing else that is rare.
fn narrow(window: usize) -> ActorSettings {
    let mut settings = settings();
    settings.binary.receipt_window = window;
    settings
}

/// A client that speaks `binary`: a phone, if it says which.
async fn phone(world: &TestWorld, account: u64, instance: Option<&str>) -> MessagePeer {
    let peer = world.connect_messages("binary");
    let instance = instance.map_or_else(String::new, |instance| format!(r#","instance":"{instance}""#));
    let said = peer.ask(&format!(r#"{{"seq":1,"login":{{"account":"{account}","password":"pw"{instance}}}}}"#)).await;
    assert!(said.contains("loginSucceeded"), "{said}");
    peer
}

/// Two who may write to each other: `a` with a line client, and an account for `b`, 10001, where nobody is.
async fn two(world: &TestWorld) -> Peer {
    let a = world.enter("a").await;
    let b = world.enter("b").await;
    b.close();
    a.rest().await;
    a
}

/// From `plain`, which says no where nobody is there.
async fn says(a: &Peer, text: &str) {
    let said = a.ask(&crate::world::private("a", "b", text)).await;
    assert!(said.contains("success"), "{said}");
}

fn received(places: &[u64]) -> String {
    let receipts: Vec<_> = places.iter().map(|place| format!(r#"{{"place":"{place}"}}"#)).collect();
    format!(r#"{{"seq":9,"messageReceived":{{"receipts":[{}]}}}}"#, receipts.join(","))
}

/// The texts of the messages among what came, and whether each was late.
fn texts(came: &[String]) -> Vec<(String, bool)> {
    let text = |packet: &String| {
        let message = packet.split_once("rivateMessage\":").or_else(|| packet.split_once("roupMessage\":"))?.1;
        let (payload, _) = message.split_once(r#""payload":""#)?.1.split_once('"')?;
        Some((plain(payload), packet.contains("\"offline")))
    };
    came.iter().filter_map(text).collect()
}

/// Base64 of an ASCII text, undone.
fn plain(base64: &str) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bits = 0u32;
    let mut bytes = Vec::new();
    for (at, digit) in base64.bytes().filter(|byte| *byte != b'=').enumerate() {
        bits = bits << 6 | u32::try_from(DIGITS.iter().position(|it| *it == digit).unwrap()).unwrap();
        if at % 4 != 0 {
            bytes.push(u8::try_from(bits >> (6 - at % 4 * 2) & 255).unwrap());
        }
    }
    String::from_utf8(bytes).unwrap()
}

fn live(said: &[&str]) -> Vec<(String, bool)> {
    said.iter().map(|text| ((*text).to_owned(), false)).collect()
}

fn late(said: &[&str]) -> Vec<(String, bool)> {
    said.iter().map(|text| ((*text).to_owned(), true)).collect()
}

async fn seconds(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

/// A client that answers heartbeats while time passes.
async fn alive(peer: &MessagePeer, for_s: u64) -> Vec<String> {
    let mut came = Vec::new();
    for _ in 0..for_s / 5 {
        seconds(5).await;
        peer.say(r#"{"heartbeat":{}}"#);
        came.extend(peer.rest().await);
    }
    came
}

#[test]
fn only_a_receipt_is_a_receipt() {
    in_world(|world| async move {
        let a = two(&world).await;
        let b = phone(&world, 10_001, None).await;
        says(&a, "one").await;
        says(&a, "two").await;
        assert_eq!(texts(&b.rest().await), live(&["one", "two"]));
        // It answers pings, says things, logs out and closes in order: nothing of that counts.
        b.ask(r#"{"seq":2,"heartbeat":{}}"#).await;
        b.say(&received(&[1]));
        assert_eq!(b.rest().await, Vec::<String>::new(), "a receipt is not answered");
        assert!(b.ask(r#"{"seq":3,"logout":{}}"#).await.contains("loggedOut"));
        b.close();
        a.rest().await;
        let b = phone(&world, 10_001, None).await;
        assert_eq!(texts(&b.rest().await), late(&["two"]));
        b.say(&received(&[2]));
        b.rest().await;
        b.close();
        assert_eq!(texts(&phone(&world, 10_001, None).await.rest().await), []);
    });
}

#[test]
fn what_is_not_acknowledged_in_time_comes_again_in_order() {
    in_world(|world| async move {
        let a = two(&world).await;
        let b = phone(&world, 10_001, None).await;
        for text in ["1", "2", "3", "4"] {
            says(&a, text).await;
        }
        assert_eq!(texts(&b.rest().await), live(&["1", "2", "3", "4"]));
        b.say(&received(&[1, 3]));
        assert_eq!(texts(&alive(&b, 20).await), []);
        assert_eq!(texts(&alive(&b, 15).await), late(&["2", "4"]), "but for what it has");
        assert_eq!(texts(&alive(&b, 20).await), []);
        assert_eq!(texts(&alive(&b, 15).await), late(&["2", "4"]), "as often as it takes");
        b.say(&received(&[4, 2]));
        assert_eq!(texts(&alive(&b, 60).await), []);
        b.close();
        assert_eq!(texts(&phone(&world, 10_001, None).await.rest().await), []);
    });
}

#[test]
fn a_full_window_takes_no_more_until_there_is_room() {
    in_world_with(narrow(3), |world| async move {
        let a = two(&world).await;
        let b = phone(&world, 10_001, None).await;
        for text in ["1", "2", "3", "4", "5", "6", "7"] {
            says(&a, text).await;
        }
        assert_eq!(texts(&b.rest().await), live(&["1", "2", "3"]));
        b.say(&received(&[2]));
        assert_eq!(texts(&b.rest().await), [], "nothing moves over a gap");
        b.say(&received(&[1]));
        assert_eq!(texts(&b.rest().await), late(&["4", "5"]));
        assert_eq!(texts(&alive(&b, 35).await), late(&["3", "4", "5"]), "no more than fits comes again either");
        b.say(&received(&[3, 4, 5]));
        assert_eq!(texts(&b.rest().await), late(&["6", "7"]));
        says(&a, "8").await;
        b.say(&received(&[6, 7]));
        assert_eq!(texts(&b.rest().await), live(&["8"]));
        says(&a, "9").await;
        assert_eq!(texts(&b.rest().await), live(&["9"]), "live again");
    });
}

#[test]
fn a_receipt_for_what_was_never_sent_here_is_an_error() {
    in_world(|world| async move {
        let a = two(&world).await;
        let b = phone(&world, 10_001, None).await;
        says(&a, "1").await;
        b.rest().await;
        for place in [0, 2, 99] {
            let said = b.ask(&received(&[place])).await;
            assert!(said.contains("NO_SUCH_RECEIPT") && said.contains(r#""seq":"9""#), "{place}: {said}");
        }
        let said = b.ask(r#"{"seq":7,"messageReceived":{"receipts":[{"group":"1","place":"1"}]}}"#).await;
        assert!(said.contains("NO_SUCH_RECEIPT"), "{said}");
        b.say(&received(&[1]));
        b.say(&received(&[1]));
        assert_eq!(b.rest().await, Vec::<String>::new(), "twice is once");
        seconds(6).await; // until it is stored
        let other = phone(&world, 10_001, None).await;
        assert!(other.ask(&received(&[1])).await.contains("NO_SUCH_RECEIPT"), "that was another connection");
        assert!(world.connect_messages("binary").ask(&received(&[1])).await.contains("NOT_LOGGED_IN"));
    });
}

#[test]
fn each_connection_has_its_own_window_and_the_account_one_cursor() {
    in_world(|world| async move {
        let a = two(&world).await;
        let (one, other) = (phone(&world, 10_001, None).await, phone(&world, 10_001, None).await);
        says(&a, "1").await;
        assert_eq!((texts(&one.rest().await), texts(&other.rest().await)), (live(&["1"]), live(&["1"])));
        one.say(&received(&[1]));
        one.rest().await;
        for peer in [one, other] {
            peer.close();
        }
        seconds(2).await;
        assert_eq!(texts(&phone(&world, 10_001, None).await.rest().await), []);
    });
}

#[test]
fn a_retry_is_answered_again_and_delivered_once() {
    in_world(|world| async move {
        let _a = two(&world).await;
        let (a, b) = (phone(&world, 10_000, Some(INSTANCE)).await, phone(&world, 10_001, None).await);
        a.rest().await;
        let say =
            |payload| format!(r#"{{"seq":5,"privateMessage":{{"to":"10001","length":1,"payload":"{payload}"}}}}"#);
        let first = a.ask(&say("eA==")).await;
        assert!(first.contains("messageSent"), "{first}");
        seconds(1).await;
        assert_eq!(a.ask(&say("eA==")).await, first, "place and time of the first");
        assert!(a.ask(&say("eQ==")).await.contains("CONFLICT"));
        a.close();
        let again = phone(&world, 10_000, Some(INSTANCE)).await;
        assert_eq!(again.ask(&say("eA==")).await, first, "on another connection, too");
        assert_eq!(texts(&b.rest().await), live(&["x"]));
    });
}

#[test]
fn a_silent_client_is_asked_and_then_let_go() {
    in_world(|world| async move {
        let a = two(&world).await;
        a.ask(r#"{"cmd":"add","user":"a","friend":"b"}"#).await;
        let b = phone(&world, 10_001, None).await;
        a.rest().await;
        b.rest().await;
        seconds(29).await;
        assert_eq!(b.rest().await, Vec::<String>::new());
        seconds(1).await;
        assert_eq!(b.rest().await, [r#"{"heartbeat":{}}"#]);
        b.say(r#"{"heartbeat":{}}"#);
        assert_eq!(b.rest().await, Vec::<String>::new(), "one without a number is not answered");
        seconds(29).await;
        assert_eq!(b.rest().await, Vec::<String>::new());
        seconds(1).await;
        assert_eq!(b.rest().await.len(), 1);
        seconds(29).await;
        assert_eq!((b.closed(), a.rest().await), (None, String::new()));
        seconds(1).await;
        let last = b.hear().await.unwrap();
        assert!(last.contains("forcedLogout") && last.contains("SILENT"), "{last}");
        assert_eq!(b.closed(), Some(Closing::Because(ClosingReason::Silent)));
        assert!(a.rest().await.contains(r#""friend":"b""#), "its friends see it go");
    });
}

#[test]
fn the_same_installation_takes_the_place_of_its_earlier_connection() {
    let mut settings = settings();
    settings.session.per_account = 2;
    in_world_with(settings, |world| async move {
        let a = two(&world).await;
        a.ask(r#"{"cmd":"add","user":"a","friend":"b"}"#).await;
        let first = phone(&world, 10_001, Some(INSTANCE)).await;
        let other = phone(&world, 10_001, None).await;
        first.rest().await;
        a.rest().await;
        let second = phone(&world, 10_001, Some(INSTANCE)).await;
        let last = first.hear().await.unwrap();
        assert!(last.contains("forcedLogout") && last.contains("REPLACED"), "{last}");
        assert_eq!(first.closed(), Some(Closing::Because(ClosingReason::Replaced)));
        seconds(2).await;
        assert_eq!(a.rest().await, "", "nobody sees it blink");
        second.rest().await;
        other.rest().await;
        says(&a, "1").await;
        assert_eq!((texts(&second.rest().await), texts(&other.rest().await)), (live(&["1"]), live(&["1"])));
        assert_eq!(first.rest().await, Vec::<String>::new());
    });
}

#[test]
fn a_message_is_taken_back() {
    in_world(|world| async move {
        let _a = two(&world).await;
        let (a, b) = (phone(&world, 10_000, None).await, phone(&world, 10_001, None).await);
        a.rest().await;
        let sent = a.ask(r#"{"seq":5,"privateMessage":{"to":"10001","length":1,"payload":"eA=="}}"#).await;
        assert!(sent.contains(r#""id":"1""#), "{sent}");
        assert_eq!(texts(&b.rest().await), live(&["x"]));
        let recall = r#"{"seq":6,"recall":{"peer":{"account":"10001"},"id":"1"}}"#;
        let said = a.ask(recall).await;
        assert!(said.contains("messageRecalled") && said.contains(r#""seq":"6""#), "{said}");
        let told = b.rest().await;
        assert!(told.len() == 1 && told[0].contains("messageRecalled"), "{told:?}");
        assert!(told[0].contains(r#""place":"2""#), "it is acknowledged like a message: {told:?}");
        assert!(a.ask(recall).await.contains("NO_SUCH_MESSAGE"));
        let history = r#"{"seq":7,"getHistory":{"peer":{"account":"10000"}}}"#;
        assert!(!b.ask(history).await.contains("eA=="), "it is gone");
    });
}

#[test]
fn typing_and_reading_are_told_to_whoever_is_there_and_kept_nowhere() {
    in_world(|world| async move {
        let line = two(&world).await;
        let (a, b) = (phone(&world, 10_000, None).await, phone(&world, 10_001, None).await);
        a.rest().await;
        line.rest().await;
        let typing = r#"{"seq":5,"typing":{"peer":{"account":"10001"}}}"#;
        assert!(a.ask(typing).await.contains("done"));
        assert!(a.ask(typing).await.contains("done"), "too soon, and said politely");
        let told = b.rest().await;
        assert!(told.len() == 1 && told[0].contains("typing") && told[0].contains("10000"), "{told:?}");
        let read = r#"{"seq":6,"read":{"peer":{"account":"10001"},"id":"3"}}"#;
        assert!(a.ask(read).await.contains("done"));
        let told = b.rest().await;
        assert!(told.len() == 1 && told[0].contains("read") && told[0].contains(r#""id":"3""#), "{told:?}");
        b.ask(r#"{"seq":7,"setPolicy":{"friendsOnly":true}}"#).await;
        b.rest().await;
        assert!(a.ask(read).await.contains("done"), "nobody is told who is a friend or here");
        seconds(2).await;
        assert!(a.ask(typing).await.contains("done"));
        assert_eq!(line.rest().await, "", "other dialects have no word for it");
    });
}

/// Nothing of it is kept, so nothing else bounds it: a flood would throw its readers out.
#[test]
fn so_many_receipts_for_reading_a_second_and_no_more() {
    in_world(|world| async move {
        let _line = two(&world).await;
        let (a, b) = (phone(&world, 10_000, None).await, phone(&world, 10_001, None).await);
        a.rest().await;
        for round in [10, 10] {
            for _ in 0..50 {
                let read = r#"{"seq":6,"read":{"peer":{"account":"10001"},"id":"3"}}"#;
                assert!(a.ask(read).await.contains("done"));
            }
            assert_eq!(b.rest().await.len(), round);
            seconds(1).await;
        }
    });
}

#[test]
fn another_installation_on_the_same_connection_is_another_session() {
    in_world(|world| async move {
        let _line = two(&world).await;
        let bare = phone(&world, 10_001, None).await;
        let login = format!(r#"{{"seq":2,"login":{{"account":"10001","password":"pw","instance":"{INSTANCE}"}}}}"#);
        assert!(bare.ask(&login).await.contains("loginSucceeded"));
        let next = phone(&world, 10_001, Some(INSTANCE)).await;
        assert!(bare.hear().await.unwrap().contains("REPLACED"), "it is known by its second login");
        assert!(next.ask(r#"{"seq":3,"heartbeat":{}}"#).await.contains("heartbeat"));
    });
}
