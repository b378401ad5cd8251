//! Groups in `binary`, with clients that speak its text form: requests, roles, invitations, how people and groups go,
//! and what those of the other dialects see of it.

use crate::world::{in_world, login, post};
use actors::testing::{MessagePeer, TestWorld};
use std::net::{IpAddr, Ipv4Addr};

/// Who somebody is in these tests, by the order in which they came: `a` is 10000.
const A: u64 = 10_000;
const B: u64 = 10_001;
const C: u64 = 10_002;

/// One more session of an account that there is.
async fn phone(world: &TestWorld, account: u64) -> MessagePeer {
    let peer = world.connect_text("binary", IpAddr::V4(Ipv4Addr::LOCALHOST));
    let said = peer.ask(&format!(r#"{{"seq":1,"login":{{"account":"{account}","password":"pw"}}}}"#)).await;
    assert!(said.contains("loginSucceeded"), "{said}");
    peer
}

/// Accounts of these names; those who are named in pairs are friends.
async fn people(world: &TestWorld, names: &[&str], friends: &[(&str, &str)]) {
    for name in names {
        world.enter(name).await.close();
    }
    for (one, other) in friends {
        let peer = world.enter(one).await;
        let said = peer.ask(&format!(r#"{{"cmd":"add","user":"{one}","friend":"{other}"}}"#)).await;
        assert!(said.contains("success"), "{said}");
        peer.close();
    }
}

/// Asks, and hears an answer of that kind.
async fn asks(peer: &MessagePeer, packet: &str, answer: &str) -> String {
    let said = peer.ask(&format!(r#"{{"seq":7,{packet}}}"#)).await;
    assert!(said.contains(answer) && said.contains(r#""seq":7"#) | said.contains(r#""seq":"7""#), "{packet}: {said}");
    said
}

/// What has come is exactly one packet, of that kind and with those words in it.
async fn hears(peer: &MessagePeer, words: &[&str]) {
    let came = peer.rest().await;
    assert!(came.len() == 1 && words.iter().all(|word| came[0].contains(word)), "{words:?}: {came:?}");
}

/// Posts "hi" with this number: is it taken?
async fn posts(peer: &MessagePeer, number: u64) -> bool {
    let said =
        peer.ask(&format!(r#"{{"seq":{number},"groupMessage":{{"group":"1","length":2,"payload":"aGk="}}}}"#)).await;
    assert!(said.contains("messageSent") || said.contains("REASON_NO"), "{said}");
    said.contains("messageSent")
}

#[test]
fn a_request_is_rejected_with_a_reason_and_then_approved() {
    in_world(|world| async move {
        people(&world, &["a", "b"], &[]).await;
        let (a, b) = (phone(&world, A).await, phone(&world, B).await);
        let made = asks(&a, r#""createGroup":{"description":"d","fields":{"k":"v"}}"#, "groupCreated").await;
        for word in ["group-1", r#""description":"d""#, r#""k":"v""#, r#""members":"1""#, "CONSENT_ASK"] {
            assert!(made.contains(word), "{word}: {made}");
        }
        let join = r#""joinGroup":{"group":"1","reason":"hello there"}"#;
        asks(&b, join, "joinRequestSent").await;
        hears(&a, &["joinRequested", "hello there", "10001", "group-1"]).await;
        assert!(!posts(&b, 8).await, "not yet");
        let reject = r#""rejectJoin":{"group":"1","asker":"10001","reason":"too loud"}"#;
        asks(&a, reject, "joinRejected").await;
        hears(&b, &["joinRejected", "too loud"]).await;
        asks(&a, reject, "REASON_NO_SUCH_REQUEST").await;
        asks(&b, join, "joinRequestSent").await;
        a.rest().await;
        asks(&a, r#""acceptJoin":{"group":"1","asker":"10001"}"#, "joinAccepted").await;
        hears(&b, &["joinAccepted", "group-1"]).await;
        assert!(posts(&b, 9).await);
        hears(&a, &["groupMessage", "aGk="]).await;
    });
}

#[test]
fn reasons_and_what_a_group_tells_are_bounded() {
    in_world(|world| async move {
        people(&world, &["a"], &[]).await;
        let a = phone(&world, A).await;
        let (long, fits) = ("长".repeat(257), "长".repeat(256));
        let made = |text: &str| format!(r#""createGroup":{{"description":"{text}"}}"#);
        asks(&a, &made(&long), "REASON_BAD_VALUE").await;
        asks(&a, r#""createGroup":{"fields":{"":"nameless"}}"#, "REASON_BAD_VALUE").await;
        asks(&a, &made(&fits), "groupCreated").await;
        asks(&a, &format!(r#""changeGroup":{{"group":"1","description":"{long}"}}"#), "REASON_BAD_VALUE").await;
        let fields: Vec<_> = (0..33).map(|n| format!(r#""{n}":"""#)).collect();
        let change = format!(r#""changeGroup":{{"group":"1","setFields":true,"fields":{{{}}}}}"#, fields.join(","));
        asks(&a, &change, "REASON_BAD_VALUE").await;
        asks(&a, &format!(r#""joinGroup":{{"group":"1","reason":"{long}"}}"#), "REASON_BAD_VALUE").await;
        let remove = format!(r#""removeMember":{{"group":"1","member":"10000","reason":"{long}"}}"#);
        asks(&a, &remove, "REASON_BAD_VALUE").await;
        let said = asks(&a, r#""getGroup":{"group":"1"}"#, "groupInfo").await;
        assert!(said.contains(&fits), "nothing of that has changed it: {said}");
    });
}

#[test]
fn managers_are_made_and_all_of_them_hear_of_a_request() {
    in_world(|world| async move {
        people(&world, &["a", "b", "c"], &[]).await;
        let (a, b, c) = (phone(&world, A).await, phone(&world, B).await, phone(&world, C).await);
        asks(&a, r#""createGroup":{"name":"g","join":"CONSENT_OPEN"}"#, "groupCreated").await;
        asks(&b, r#""joinGroup":{"group":"1"}"#, "joinAccepted").await;
        asks(&b, r#""changeGroup":{"group":"1","join":"CONSENT_ASK"}"#, "REASON_NOT_MANAGER").await;
        let promote = r#""setRole":{"group":"1","member":"10001","role":"ROLE_MANAGER"}"#;
        asks(&b, promote, "REASON_NOT_OWNER").await;
        asks(&a, promote, "roleChanged").await;
        hears(&b, &["roleChanged", "ROLE_MANAGER"]).await;
        let listed = asks(&b, r#""listMembers":{"group":"1"}"#, "memberList").await;
        assert!(listed.contains("ROLE_OWNER") && listed.contains("ROLE_MANAGER"), "{listed}");
        asks(&b, r#""changeGroup":{"group":"1","join":"CONSENT_ASK"}"#, "groupInfo").await;
        asks(&c, r#""joinGroup":{"group":"1","reason":"me"}"#, "joinRequestSent").await;
        hears(&a, &["joinRequested", "10002"]).await;
        hears(&b, &["joinRequested", "10002"]).await;
        let again = phone(&world, B).await;
        let came = again.rest().await;
        assert!(came[0].contains("joinRequested") && came[0].contains("\"me\""), "{came:?}");
        asks(&b, r#""acceptJoin":{"group":"1","asker":"10002"}"#, "joinAccepted").await;
        hears(&c, &["joinAccepted"]).await;
        asks(&b, r#""removeMember":{"group":"1","member":"10000"}"#, "REASON_NOT_OWNER").await;
        let handed = asks(&a, r#""transferGroup":{"group":"1","member":"10002"}"#, "groupInfo").await;
        assert!(handed.contains(r#""owner":"10002""#), "{handed}");
        hears(&c, &["roleChanged", "ROLE_OWNER"]).await;
        let listed = asks(&a, r#""listMembers":{"group":"1"}"#, "memberList").await;
        assert_eq!(listed.matches("ROLE_MANAGER").count(), 2, "{listed}");
        assert_eq!(listed.matches("ROLE_OWNER").count(), 1, "{listed}");
    });
}

#[test]
fn a_friend_is_invited_and_comes_in_without_being_asked_for() {
    in_world(|world| async move {
        people(&world, &["a", "b", "c"], &[("a", "b"), ("a", "c")]).await;
        let (a, b) = (phone(&world, A).await, phone(&world, B).await);
        a.rest().await;
        asks(&a, r#""createGroup":{"name":"g"}"#, "groupCreated").await;
        asks(&a, r#""invite":{"group":"1","account":"10001"}"#, "inviteSent").await;
        hears(&b, &["invited", "10000", "\"g\""]).await;
        asks(&a, r#""invite":{"group":"1","account":"10001"}"#, "inviteSent").await;
        assert_eq!(b.rest().await, Vec::<String>::new(), "told once");
        asks(&a, r#""invite":{"group":"1","account":"10002"}"#, "inviteSent").await;
        // One who is away finds it at the next login.
        let c = phone(&world, C).await;
        let came = c.rest().await;
        assert_eq!(came.iter().filter(|packet| packet.contains("\"invited\"")).count(), 1, "{came:?}");
        a.rest().await;
        asks(&c, r#""answerInvite":{"group":"1","accept":false,"reason":"no time"}"#, "inviteAnswered").await;
        hears(&a, &["inviteAnswered", "no time", "10002"]).await;
        asks(&b, r#""answerInvite":{"group":"1","accept":true}"#, "inviteAnswered").await;
        hears(&a, &["inviteAnswered", "10001", "true"]).await;
        assert!(posts(&b, 8).await, "whoever is told that it is in can write at once");
        assert!(!posts(&c, 8).await);
        asks(&c, r#""answerInvite":{"group":"1","accept":true}"#, "REASON_NO_SUCH_REQUEST").await;
    });
}

/// Who may write, and who hears it: of `binary`, `plain` and `framed`, before and after somebody is put out.
#[test]
fn who_is_put_out_hears_and_says_nothing_more_in_any_dialect() {
    in_world(|world| async move {
        people(&world, &["a", "b", "c"], &[]).await;
        let (a, b, b2) = (phone(&world, A).await, phone(&world, B).await, world.connect());
        b2.ask(&login("b")).await;
        let c = world.connect_messages("framed");
        let said = c.ask(r#"{"command":"login","id":"10002","password":"pw"}"#).await;
        assert!(said.contains("success"), "{said}");
        asks(&a, r#""createGroup":{"name":"g","join":"CONSENT_OPEN"}"#, "groupCreated").await;
        asks(&b, r#""joinGroup":{"group":"1"}"#, "joinAccepted").await;
        let c_plain = world.connect();
        c_plain.ask(&login("c")).await;
        let said = c.ask(r#"{"command":"join_group","group":"1"}"#).await;
        assert!(said.contains("success"), "{said}");
        c.rest().await;
        b2.rest().await;
        assert!(posts(&a, 8).await);
        hears(&b, &["groupMessage"]).await;
        assert_eq!(b2.hear().await.unwrap(), post("a", "g", "hi"));
        assert_eq!(c_plain.hear().await.unwrap(), post("a", "g", "hi"));
        hears(&c, &["hi"]).await;
        for member in [B, C] {
            let remove = format!(r#""removeMember":{{"group":"1","member":"{member}","reason":"noise"}}"#);
            asks(&a, &remove, "memberRemoved").await;
        }
        hears(&b, &["memberRemoved", "noise"]).await;
        assert!(posts(&a, 9).await);
        assert_eq!(b.rest().await, Vec::<String>::new());
        assert_eq!(c.rest().await, Vec::<String>::new(), "it has no word for that, and hears nothing");
        assert_eq!((b2.rest().await, c_plain.rest().await), (String::new(), String::new()));
        assert!(!posts(&b, 10).await);
        assert!(b2.ask(&post("b", "g", "hi")).await.contains("not_in_group"));
        assert!(c_plain.ask(&post("c", "g", "hi")).await.contains("not_in_group"));
        asks(&b, r#""listMembers":{"group":"1"}"#, "REASON_NOT_MEMBER").await;
        asks(&b, r#""getGroup":{"group":"1"}"#, r#""members":"1""#).await;
        let listed = asks(&b, r#""listGroups":{}"#, "groupList").await;
        assert!(!listed.contains("\"g\""), "{listed}");
    });
}

#[test]
fn who_is_away_is_told_at_the_next_login_that_it_was_put_out() {
    in_world(|world| async move {
        people(&world, &["a", "b"], &[]).await;
        let (a, b) = (phone(&world, A).await, phone(&world, B).await);
        asks(&a, r#""createGroup":{"name":"g","join":"CONSENT_OPEN"}"#, "groupCreated").await;
        asks(&b, r#""joinGroup":{"group":"1"}"#, "joinAccepted").await;
        b.close();
        b.rest().await;
        assert!(posts(&a, 8).await);
        asks(&a, r#""removeMember":{"group":"1","member":"10001","reason":"noise"}"#, "memberRemoved").await;
        let b = phone(&world, B).await;
        hears(&b, &["memberRemoved", "noise"]).await; // and not what was said in the group
    });
}

#[test]
fn a_group_is_dissolved_for_everybody() {
    in_world(|world| async move {
        people(&world, &["a", "b", "c"], &[]).await;
        let (a, a2, b) = (phone(&world, A).await, phone(&world, A).await, phone(&world, B).await);
        let c = world.connect();
        c.ask(&login("c")).await;
        asks(&a, r#""createGroup":{"name":"g","join":"CONSENT_OPEN"}"#, "groupCreated").await;
        asks(&b, r#""joinGroup":{"group":"1"}"#, "joinAccepted").await;
        c.ask(r#"{"cmd":"add_group","user":"c","group":"g"}"#).await;
        asks(&b, r#""dissolveGroup":{"group":"1"}"#, "REASON_NOT_OWNER").await;
        asks(&a, r#""dissolveGroup":{"group":"1"}"#, "groupDissolved").await;
        assert_eq!(a.rest().await, Vec::<String>::new(), "the answer is all");
        hears(&a2, &["groupDissolved"]).await;
        hears(&b, &["groupDissolved", "\"g\"", "receipt"]).await;
        assert_eq!(c.rest().await, "");
        for (peer, number) in [(&a, 8), (&a2, 8), (&b, 8)] {
            assert!(!posts(peer, number).await);
        }
        assert!(c.ask(&post("c", "g", "hi")).await.contains("not_in_group"));
        asks(&b, r#""getGroup":{"group":"1"}"#, "REASON_NO_SUCH_GROUP").await;
        asks(&b, r#""joinGroup":{"group":"1"}"#, "REASON_NO_SUCH_GROUP").await;
        asks(&b, r#""createGroup":{"name":"g"}"#, "REASON_GROUP_EXISTS").await;
    });
}

/// Once, a name and a number that nobody has were looked up in turns for ever.
#[test]
fn nobody_is_looked_up_twice() {
    in_world(|world| async move {
        people(&world, &["a", "b"], &[]).await;
        let (a, b) = (phone(&world, A).await, phone(&world, B).await);
        asks(&a, r#""createGroup":{"name":"g"}"#, "groupCreated").await;
        asks(&b, r#""acceptJoin":{"group":"1","asker":"99999"}"#, "REASON_NO_SUCH_USER").await;
        asks(&b, r#""removeMember":{"group":"1","member":"99999"}"#, "REASON_NO_SUCH_USER").await;
        asks(&b, r#""removeMember":{"group":"77","member":"99999"}"#, "REASON_NO_SUCH_GROUP").await;
        asks(&b, r#""removeMember":{"group":"1","member":"10000"}"#, "REASON_NOT_MANAGER").await;
    });
}
