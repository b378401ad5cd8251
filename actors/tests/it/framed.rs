//! What is the way of `framed`: ids, consent, friends only, messages kept for those who are away, and its mixture with
//! `plain`.

use crate::world::{in_world, login, private};
use actors::testing::{Peer, TestWorld};
use std::net::{IpAddr, Ipv4Addr};

pub(crate) const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

pub(crate) fn connect(world: &TestWorld) -> Peer {
    world.connect_as("framed", HERE, usize::MAX)
}

pub(crate) fn say(peer: &Peer, packet: &str) {
    let length = u32::try_from(packet.len()).unwrap();
    peer.send_bytes(&length.to_le_bytes());
    peer.send(packet);
}

pub(crate) async fn ask(peer: &Peer, packet: &str) -> String {
    say(peer, packet);
    hear(peer).await
}

pub(crate) async fn hear(peer: &Peer) -> String {
    peer.hear_frame().await.unwrap_or_else(|| "(closed)".to_owned())
}

/// Nothing has come: the answer to a harmless question is next.
pub(crate) async fn expect_nothing(peer: &Peer) {
    assert_eq!(ask(peer, r#"{"command":"ping"}"#).await, r#"{"command":"ping_return","status":"success"}"#);
}

pub(crate) async fn log_in(world: &TestWorld, id: u64) -> Peer {
    let peer = connect(world);
    let reply = ask(&peer, &format!(r#"{{"command":"login","id":"{id}","password":"pw"}}"#)).await;
    assert!(reply.contains("success"), "{reply}");
    peer
}

/// Registers and logs in. The first account has the number 10000.
pub(crate) async fn enter(world: &TestWorld, name: &str) -> (Peer, u64) {
    let peer = connect(world);
    let reply = ask(&peer, &format!(r#"{{"command":"logon","username":"{name}","password":"pw"}}"#)).await;
    let id = reply.strip_prefix(r#"{"command":"logon_return","status":"success","id":""#).unwrap();
    let id = id.strip_suffix(r#""}"#).unwrap().parse().unwrap();
    let reply = ask(&peer, &format!(r#"{{"command":"login","id":"{id}","password":"pw"}}"#)).await;
    assert_eq!(reply, format!(r#"{{"command":"login_return","status":"success","username":"{name}"}}"#));
    (peer, id)
}

pub(crate) fn add(src: u64, dst: u64, status: u8) -> String {
    format!(r#"{{"command":"add_friend","src":"{src}","dst":"{dst}","status":"{status}"}}"#)
}

pub(crate) fn confirm(src: u64, dst: u64, status: u8, word: &str) -> String {
    format!(r#"{{"command":"add_friend_confirm","src":"{src}","dst":"{dst}","status":"{status}","message":"{word}"}}"#)
}

pub(crate) fn send(src: u64, dst: u64, text: &str) -> String {
    format!(r#"{{"command":"send_message","src":"{src}","dst":"{dst}","message":"{text}"}}"#)
}

const SENT: &str = r#"{"command":"send_message_return","status":"success"}"#;
const ADDED: &str = r#"{"command":"add_friend_return","status":"success"}"#;
const CONFIRMED: &str = r#"{"command":"add_friend_confirm_return","status":"success"}"#;

fn friend_added(id: u64, name: &str) -> String {
    format!(r#"{{"command":"friend_added","id":"{id}","username":"{name}"}}"#)
}

async fn expect_friend(peer: &Peer, id: u64, name: &str) {
    assert_eq!(hear(peer).await, CONFIRMED);
    assert_eq!(hear(peer).await, friend_added(id, name));
}

pub(crate) async fn befriend(a: (&Peer, u64, &str), b: (&Peer, u64, &str)) {
    assert_eq!(ask(a.0, &add(a.1, b.1, 0)).await, ADDED);
    assert!(hear(b.0).await.contains("confirm_one_way"));
    say(b.0, &confirm(a.1, b.1, 0, "confirm_two_way"));
    expect_friend(b.0, a.1, a.2).await;
    expect_friend(a.0, b.1, b.2).await;
}

#[test]
fn a_friendship_is_asked_for_and_confirmed_and_each_side_has_its_status() {
    in_world(|world| async move {
        let ((a, a_id), (b, b_id)) = (enter(&world, "a").await, enter(&world, "b").await);
        assert_eq!(ask(&a, &add(a_id, b_id, 1)).await, ADDED);
        let asked = format!(
            r#"{{"command":"add_friend","src":"{a_id}","dst":"{b_id}","status":"1","message":"confirm_one_way"}}"#
        );
        assert_eq!(hear(&b).await, asked);
        let empty = |id| format!(r#"{{"command":"list_friend_return","id":"{id}","status":"success","friends":[]}}"#);
        let list = |id| format!(r#"{{"command":"list_friend","id":"{id}"}}"#);
        assert_eq!(ask(&a, &list(a_id)).await, empty(a_id), "not yet");
        say(&b, &confirm(a_id, b_id, 0, "confirm_two_way"));
        expect_friend(&b, a_id, "a").await;
        expect_friend(&a, b_id, "b").await;
        assert!(ask(&a, &list(a_id)).await.contains(r#""username":"b","status":"1""#));
        assert!(ask(&b, &list(b_id)).await.contains(r#""username":"a","status":"0""#));
        ask(&b, &format!(r#"{{"command":"change_status","dst":"{a_id}","status":"1"}}"#)).await;
        assert!(ask(&b, &list(b_id)).await.contains(r#""username":"a","status":"1""#));
        assert!(ask(&a, &list(b_id)).await.contains(r#""detail":"wrong id""#), "nobody else's list");
    });
}

#[test]
fn whoever_confirms_may_take_src_for_itself() {
    in_world(|world| async move {
        let ((a, a_id), (b, b_id)) = (enter(&world, "a").await, enter(&world, "b").await);
        let (c, c_id) = enter(&world, "c").await;
        ask(&a, &add(a_id, b_id, 0)).await;
        hear(&b).await;
        let stranger = ask(&c, &confirm(a_id, b_id, 0, "confirm_two_way")).await;
        assert!(stranger.contains(r#""detail":"wrong src""#), "{stranger}");
        let nothing = ask(&c, &confirm(c_id, a_id, 0, "confirm_two_way")).await;
        assert!(nothing.contains(r#""detail":"no such request""#), "{nothing}");
        let own = ask(&a, &confirm(a_id, b_id, 0, "confirm_two_way")).await;
        assert!(own.contains(r#""detail":"no such request""#), "nobody confirms its own request: {own}");
        say(&b, &confirm(b_id, a_id, 0, "confirm_two_way"));
        expect_friend(&b, a_id, "a").await;
        expect_friend(&a, b_id, "b").await;
    });
}

#[test]
fn requests_and_answers_wait_for_those_who_are_away() {
    in_world(|world| async move {
        let ((a, a_id), (b, b_id)) = (enter(&world, "a").await, enter(&world, "b").await);
        let (c, c_id) = enter(&world, "c").await;
        say(&b, &format!(r#"{{"command":"logout","id":"{b_id}"}}"#));
        assert_eq!(hear(&b).await, "(closed)");
        for asker in [(&a, a_id), (&c, c_id)] {
            assert_eq!(ask(asker.0, &add(asker.1, b_id, 0)).await, ADDED);
            assert_eq!(ask(asker.0, &add(asker.1, b_id, 0)).await, ADDED, "asking twice");
        }
        a.vanish();
        c.vanish();
        let b = log_in(&world, b_id).await;
        assert!(hear(&b).await.contains(&format!(r#""src":"{a_id}""#)));
        assert!(hear(&b).await.contains(&format!(r#""src":"{c_id}""#)));
        say(&b, &confirm(a_id, b_id, 0, "confirm_two_way"));
        expect_friend(&b, a_id, "a").await;
        let rejected = r#"{"command":"add_friend_confirm_return","status":"success","message":"reject"}"#;
        assert_eq!(ask(&b, &confirm(c_id, b_id, 0, "reject")).await, rejected);
        let (a, c) = (log_in(&world, a_id).await, log_in(&world, c_id).await);
        expect_friend(&a, b_id, "b").await;
        let no = r#"{"command":"add_friend_confirm_return","status":"fail","detail":"rejected","datail":"rejected"}"#;
        assert_eq!(hear(&c).await, no);
        assert_eq!(hear(&c).await, format!(r#"{{"command":"friend_rejected","id":"{b_id}","username":"b"}}"#));
        for peer in [&a, &c] {
            expect_nothing(peer).await;
        }
    });
}

#[test]
fn crossing_requests_make_friends() {
    in_world(|world| async move {
        let ((a, a_id), (b, b_id)) = (enter(&world, "a").await, enter(&world, "b").await);
        ask(&a, &add(a_id, b_id, 0)).await;
        hear(&b).await;
        assert_eq!(ask(&b, &add(b_id, a_id, 0)).await, ADDED);
        expect_friend(&b, a_id, "a").await;
        expect_friend(&a, b_id, "b").await;
        let again = ask(&a, &add(a_id, b_id, 0)).await;
        assert!(
            again.contains(r#""detail":"already have this friend","datail":"already have this friend""#),
            "{again}"
        );
        assert!(ask(&a, &add(a_id, a_id, 0)).await.contains("dst is yourself"));
        assert!(ask(&a, &add(a_id, 77_777, 0)).await.contains("wrong friend_id"));
        assert!(ask(&a, &add(b_id, a_id, 0)).await.contains("wrong src"));
    });
}

#[test]
fn messages_are_for_friends_and_wait_for_those_who_are_away() {
    in_world(|world| async move {
        let ((a, a_id), (b, b_id)) = (enter(&world, "a").await, enter(&world, "b").await);
        let stranger = ask(&a, &send(a_id, b_id, "no")).await;
        assert!(stranger.contains(r#""detail":"dst not in friend_list","datail":"#), "{stranger}");
        assert!(ask(&a, &send(a_id, a_id, "no")).await.contains("dst not in friend_list"));
        assert!(ask(&a, &send(a_id, 77_777, "no")).await.contains("dst not in friend_list"));
        befriend((&a, a_id, "a"), (&b, b_id, "b")).await;
        assert!(ask(&a, &send(b_id, a_id, "forged")).await.contains("wrong src"));
        assert_eq!(ask(&a, &send(a_id, b_id, "now")).await, SENT);
        assert_eq!(hear(&b).await, send(a_id, b_id, "now"));
        say(&b, &format!(r#"{{"command":"logout","id":"{b_id}"}}"#));
        assert_eq!(hear(&b).await, "(closed)");
        hear(&a).await; // b is gone
        for text in ["1", "2", "3"] {
            assert_eq!(ask(&a, &send(a_id, b_id, text)).await, SENT);
        }
        let b = log_in(&world, b_id).await;
        hear(&a).await; // and here again
        assert_eq!(ask(&a, &send(a_id, b_id, "4")).await, SENT);
        for text in ["1", "2", "3", "4"] {
            assert_eq!(hear(&b).await, send(a_id, b_id, text));
        }
        expect_nothing(&b).await;
    });
}

#[test]
fn a_backlog_of_many_and_what_is_live_have_no_gap() {
    in_world(|world| async move {
        let ((a, a_id), (b, b_id)) = (enter(&world, "a").await, enter(&world, "b").await);
        befriend((&a, a_id, "a"), (&b, b_id, "b")).await;
        b.close();
        hear(&a).await;
        for n in 0..600 {
            assert_eq!(ask(&a, &send(a_id, b_id, &n.to_string())).await, SENT);
        }
        let b = log_in(&world, b_id).await;
        hear(&a).await;
        for n in 600..900 {
            assert_eq!(ask(&a, &send(a_id, b_id, &n.to_string())).await, SENT);
        }
        for n in 0..900 {
            assert_eq!(hear(&b).await, send(a_id, b_id, &n.to_string()));
        }
        expect_nothing(&b).await;
    });
}

#[test]
fn plain_and_framed_are_one_community() {
    in_world(|world| async move {
        let p = world.enter("p").await;
        let (f, f_id) = enter(&world, "f").await;
        // Whoever came through plain is open; whoever came through framed is asked.
        let found = ask(&f, r#"{"command":"find_user","username":"P"}"#).await;
        assert_eq!(found, r#"{"command":"find_user_return","status":"success","id":"10000","username":"p"}"#);
        assert!(p.ask(&private("p", "f", "hi")).await.contains("not_friend"));
        assert!(ask(&f, &send(f_id, 10_000, "hi")).await.contains("dst not in friend_list"));
        let asked = p.ask(r#"{"cmd":"add","user":"p","friend":"f"}"#).await;
        assert_eq!(asked, r#"{"cmd":"add_reply","result":"request_sent","friend":"f"}"#);
        assert!(hear(&f).await.contains(r#""src":"10000""#));
        say(&f, &confirm(10_000, f_id, 1, "confirm_two_way"));
        expect_friend(&f, 10_000, "p").await;
        assert_eq!(p.hear().await.unwrap(), r#"{"cmd":"add_friend_reply","result":"f"}"#);
        assert!(p.ask(&private("p", "f", "你好")).await.contains("success"));
        assert_eq!(hear(&f).await, send(10_000, f_id, "你好"));
        assert_eq!(ask(&f, &send(f_id, 10_000, "hello")).await, SENT);
        assert_eq!(p.hear().await.unwrap(), private("f", "p", "hello"));
        // Its own words: plain's are not stored for somebody who is away, framed's are.
        p.close();
        assert!(hear(&f).await.contains(r#""online":"0""#));
        assert_eq!(ask(&f, &send(f_id, 10_000, "later")).await, SENT);
        let p = world.connect();
        p.ask(&login("p")).await;
        assert_eq!(p.hear().await.unwrap(), private("f", "p", "later"));
        assert!(hear(&f).await.contains(r#""online":"1""#));
        say(&f, &format!(r#"{{"command":"logout","id":"{f_id}"}}"#));
        assert!(p.hear().await.unwrap().contains("friend_offline"));
        assert!(p.ask(&private("p", "f", "never")).await.contains(r#""result":"offline""#));
    });
}

#[test]
fn an_account_goes_through_any_dialect() {
    in_world(|world| async move {
        let p = world.enter("p").await;
        let (_, f_id) = enter(&world, "f").await;
        let as_framed = connect(&world);
        let reply = ask(&as_framed, r#"{"command":"login","id":"10000","password":"pw"}"#).await;
        assert_eq!(reply, r#"{"command":"login_return","status":"success","username":"p"}"#);
        let as_plain = world.connect();
        assert!(as_plain.ask(&login("f")).await.contains(&format!(r#""id":"{f_id}""#)));
        let taken = ask(&connect(&world), r#"{"command":"logon","username":"P","password":"x"}"#).await;
        assert!(taken.contains("username already exists"), "{taken}");
        // The account keeps its ways: f wants to be asked in whatever it speaks.
        assert!(p.ask(r#"{"cmd":"add","user":"p","friend":"f"}"#).await.contains("request_sent"));
        assert_eq!(as_plain.hear().await.unwrap(), r#"{"cmd":"add_request","friend":"p"}"#);
    });
}

#[test]
fn a_groups_owner_is_asked_first() {
    in_world(|world| async move {
        let ((a, a_id), (b, b_id)) = (enter(&world, "a").await, enter(&world, "b").await);
        let p = world.enter("p").await;
        let created = ask(&a, r#"{"command":"create_group","groupname":"g"}"#).await;
        assert_eq!(created, r#"{"command":"create_group_return","status":"success","group":"1","groupname":"g"}"#);
        assert!(ask(&b, r#"{"command":"join_group","group":"1"}"#).await.contains("confirm_one_way"));
        let asked = format!(
            r#"{{"command":"join_group","src":"{b_id}","username":"b","group":"1","groupname":"g","message":"confirm_one_way"}}"#
        );
        assert_eq!(hear(&a).await, asked);
        let twisted = format!(
            r#"{{"command":"join_group_confirm","src":"{a_id}","dst":"{b_id}","group":"1","message":"confirm_two_way"}}"#
        );
        assert!(ask(&a, &twisted).await.contains("success"));
        let joined = r#"{"command":"join_group_confirm_return","status":"success","group":"1","groupname":"g"}"#;
        assert_eq!(hear(&b).await, joined);
        assert!(ask(&b, r#"{"command":"send_group_message","group":"1","message":"hi"}"#).await.contains("success"));
        assert!(hear(&a).await.contains(r#""username":"b","group":"1","groupname":"g","message":"hi""#));
        // And with somebody who speaks plain.
        assert!(p.ask(r#"{"cmd":"add_group","user":"p","group":"G"}"#).await.contains("request_sent"));
        assert!(hear(&a).await.contains(r#""username":"p""#));
        let no = format!(r#"{{"command":"join_group_confirm","src":"{}","group":"1","message":"reject"}}"#, b_id + 1);
        assert!(ask(&a, &no).await.contains(r#""message":"reject""#));
        assert_eq!(p.hear().await.unwrap(), r#"{"cmd":"add_group_reply","result":"rejected","group":"g"}"#);
    });
}
