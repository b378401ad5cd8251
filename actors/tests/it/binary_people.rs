//! People in `binary`: profiles, friend requests and their ends, remarks, blocks, as clients see them.

use crate::world::{in_world, in_world_with, private, settings};
use actors::settings::Span;
use actors::testing::{MessagePeer, TestWorld};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

/// A connection of somebody's, who is registered if need be and wants to be asked. What its login told is returned.
async fn enter(world: &TestWorld, name: &str) -> (MessagePeer, String) {
    let plain = world.connect();
    let new = plain.ask(&format!(r#"{{"cmd":"register","user":"{name}","password":"pw"}}"#)).await;
    plain.close();
    let peer = world.connect_text("binary", IpAddr::V4(Ipv4Addr::LOCALHOST));
    let told = peer.ask(&format!(r#"{{"seq":"1","login":{{"name":"{name}","password":"pw"}}}}"#)).await;
    assert!(told.contains("loginSucceeded"), "{told}");
    if new.contains("success") {
        let policy = peer.ask(r#"{"seq":"2","setPolicy":{"friends":"CONSENT_ASK"}}"#).await;
        assert!(policy.contains("policy"), "{policy}");
    }
    let followed = peer.rest().await.concat();
    (peer, told + &followed)
}

async fn two(world: &TestWorld) -> (MessagePeer, MessagePeer) {
    (enter(world, "a").await.0, enter(world, "b").await.0)
}

/// Friends by a request and its answer; what that told is heard.
async fn befriend(a: &MessagePeer, b: &MessagePeer) {
    a.ask(r#"{"seq":"90","friendRequest":{"account":"10001"}}"#).await;
    b.ask(r#"{"seq":"91","acceptFriend":{"asker":"10000"}}"#).await;
    a.rest().await;
    b.rest().await;
}

#[track_caller]
fn holds(said: &str, parts: &[&str]) {
    for part in parts {
        assert!(said.contains(part), "{part} is not in {said}");
    }
}

#[test]
fn a_profile_is_changed_and_shown_to_friends_alone() {
    in_world(|world| async move {
        let (a, b) = two(&world).await;
        let told = a
            .ask(r#"{"seq":"3","changeProfile":{"nickname":"安","birthday":"2000-02-29","signature":"x\ny","avatar":"AQID","fields":{"k":"v"},"setFields":true}}"#)
            .await;
        let mine = ["\"seq\":\"3\"", "profile", "安", "2000-02-29", r"x\ny", "AQID", r#"{"k":"v"}"#];
        holds(&told, &mine);
        holds(&a.ask(r#"{"seq":"3","getProfile":{}}"#).await, &mine);
        for bad in [r#""birthday":"1900-02-29""#, r#""nickname":""#, r#""nickname":"\u202ex""#, r#""region":"a\nb""#] {
            let bad = if bad.ends_with(":\"") { format!("{bad}\"") } else { bad.to_owned() };
            let said = a.ask(&format!(r#"{{"seq":"4","changeProfile":{{{bad}}}}}"#)).await;
            holds(&said, &["error", "BAD_VALUE"]);
        }
        // Nobody learns who there is.
        let stranger = b.ask(r#"{"seq":"5","getProfile":{"account":"10000"}}"#).await;
        holds(&stranger, &["error", "NOT_FRIENDS"]);
        assert_eq!(b.ask(r#"{"seq":"5","getProfile":{"account":"99999"}}"#).await, stranger);
        befriend(&a, &b).await;
        holds(&b.ask(r#"{"seq":"6","getProfile":{"account":"10000"}}"#).await, &["friendProfile", "安", "AQID"]);
        holds(&b.ask(r#"{"seq":"7","listFriends":{}}"#).await, &[r#""nickname":"安""#]);
        holds(&b.ask(r#"{"seq":"8","setRemark":{"friend":"10000","remark":"老安"}}"#).await, &["remarkSet", "老安"]);
        let (_again, login) = enter(&world, "b").await;
        holds(&login, &[r#""nickname":"安""#, r#""remark":"老安""#]);
    });
}

#[test]
fn who_is_not_found_is_named() {
    in_world(|world| async move {
        let (a, _) = two(&world).await;
        for (who, named) in [
            (r#""name":"Nobody""#, r#""name":"nobody""#),
            (r#""account":"99999""#, r#""account":"99999""#),
            (r#""email":"x@y.cn""#, r#""email":"x@y.cn""#),
        ] {
            let said = a.ask(&format!(r#"{{"seq":"3","findUser":{{{who}}}}}"#)).await;
            holds(&said, &["userNotFound", named]);
        }
        let said = a.ask(r#"{"seq":"3","friendRequest":{"account":"99999"}}"#).await;
        holds(&said, &["userNotFound", r#""account":"99999""#]);
    });
}

#[test]
fn reasons_reach_the_other_side() {
    in_world(|world| async move {
        let (a, b) = two(&world).await;
        let long = "长".repeat(257);
        let said = a.ask(&format!(r#"{{"seq":"3","friendRequest":{{"account":"10001","reason":"{long}"}}}}"#)).await;
        holds(&said, &["error", "BAD_VALUE"]);
        assert!(b.rest().await.is_empty());
        holds(
            &a.ask(r#"{"seq":"3","friendRequest":{"account":"10001","reason":"同学"}}"#).await,
            &["friendRequestSent"],
        );
        holds(&b.hear().await.unwrap(), &["friendRequested", r#""asker":"10000""#, "同学"]);
        b.close();
        b.rest().await;
        let (b, login) = enter(&world, "b").await;
        holds(&login, &["friendRequested", "同学"]);
        b.ask(r#"{"seq":"4","rejectFriend":{"asker":"10000","reason":"不认识"}}"#).await;
        holds(&a.hear().await.unwrap(), &["friendRejected", "不认识"]);
        // Accepted, both have the other's profile.
        a.ask(r#"{"seq":"5","changeProfile":{"nickname":"安"}}"#).await;
        b.ask(r#"{"seq":"5","changeProfile":{"nickname":"本"}}"#).await;
        a.ask(r#"{"seq":"6","friendRequest":{"account":"10001"}}"#).await;
        b.hear().await.unwrap();
        holds(&b.ask(r#"{"seq":"7","acceptFriend":{"asker":"10000"}}"#).await, &["安"]);
        holds(&a.rest().await.concat(), &["friendAccepted", "本"]);
    });
}

#[test]
fn blocks_hold_in_every_dialect() {
    in_world(|world| async move {
        let (a, b) = two(&world).await;
        befriend(&a, &b).await;
        holds(&a.ask(r#"{"seq":"3","block":{"account":"10001"}}"#).await, &["blocked", "10001"]);
        holds(&a.ask(r#"{"seq":"4","listBlocked":{}}"#).await, &["blockList", "10001"]);
        let write = r#"{"seq":"5","privateMessage":{"to":"10000","length":1,"payload":"eA=="}}"#;
        let file = r#"{"seq":"6","offerFile":{"to":"10000","name":"x","size":"9"}}"#;
        let plain = world.connect();
        plain.ask(r#"{"cmd":"login","user":"b","password":"pw"}"#).await;
        plain.rest().await;
        holds(&b.ask(write).await, &["error", "BLOCKED"]);
        holds(&b.ask(file).await, &["error", "BLOCKED"]);
        let said = plain.ask(&private("b", "a", "x")).await;
        assert!(!said.contains("success"), "{said}");
        assert!(a.rest().await.iter().all(|said| !said.contains("rivateMessage") && !said.contains("fileOffered")));
        // It holds for those who come later, and until it is taken back.
        a.close();
        a.rest().await;
        let (a, _) = enter(&world, "a").await;
        b.rest().await; // that a went and came
        holds(&b.ask(file).await, &["error", "BLOCKED"]);
        holds(&a.ask(r#"{"seq":"7","block":{"account":"10001","unblock":true}}"#).await, &["blocked"]);
        holds(&b.ask(write).await, &["messageSent"]);
        holds(&b.ask(file).await, &["fileOfferSent"]);
    });
}

#[test]
fn a_request_that_nobody_answers_ends_for_both() {
    let mut settings = settings();
    settings.friend.request_ttl = Span(Duration::ZERO); // the time of day is not the test's to pause
    in_world_with(settings, |world| async move {
        let (a, b) = two(&world).await;
        a.say(r#"{"seq":"3","friendRequest":{"account":"10001"}}"#);
        tokio::time::sleep(Duration::from_millis(5)).await; // of the paused clock
        let (to_a, to_b) = (a.rest().await, b.rest().await);
        let [sent, ended] = &to_a[..] else { panic!("{to_a:?}") };
        holds(sent, &["friendRequestSent"]);
        holds(ended, &["friendRequestExpired", r#""name":"b""#]);
        let [asked, ended] = &to_b[..] else { panic!("{to_b:?}") };
        holds(asked, &["friendRequested"]);
        holds(ended, &["friendRequestExpired", r#""name":"a""#]);
        holds(&b.ask(r#"{"seq":"4","acceptFriend":{"asker":"10000"}}"#).await, &["error", "NO_SUCH_REQUEST"]);
        // Away, it is found at the next login.
        b.close();
        b.rest().await;
        a.ask(r#"{"seq":"5","friendRequest":{"account":"10001"}}"#).await;
        a.rest().await;
        let (_b, login) = enter(&world, "b").await;
        holds(&login, &["friendRequestExpired"]);
        assert!(!login.contains("friendRequested"), "{login}");
    });
}
