//! Large groups hear in slices: who leaves, is put out, comes back or posts between two of them misses nothing and hears
//! nothing twice. All of a world lives on one thread, so what is said at once is committed together, and what follows a post
//! in the batch reaches the group when its first slice is out.

use crate::world::{in_world, in_world_with, post, settings};
use actors::testing::{MessagePeer, Peer, TestWorld};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;
use tokio::time::Instant;

/// More than three slices.
const MANY: usize = 400;
/// Who hears last: listeners are served from the last one who came.
const LAST: usize = 5;

/// Says something that must succeed.
async fn asks(peer: &Peer, line: &str) {
    let said = peer.ask(line).await;
    assert!(said.contains("success"), "{line}: {said}");
}

fn leave(name: &str) -> String {
    format!(r#"{{"cmd":"leave_group","user":"{name}","group":"g"}}"#)
}

fn join(name: &str) -> String {
    format!(r#"{{"cmd":"add_group","user":"{name}","group":"g"}}"#)
}

/// An account that there is already, in `binary`.
async fn phone(world: &TestWorld, account: usize) -> MessagePeer {
    let peer = world.connect_text("binary", IpAddr::V4(Ipv4Addr::LOCALHOST));
    let said = peer.ask(&format!(r#"{{"seq":1,"login":{{"account":"{account}","password":"pw"}}}}"#)).await;
    assert!(said.contains("loginSucceeded"), "{said}");
    peer
}

/// The members m0, m1 and so on, in the order of the listeners; m0 owns the group. Account 10000 is m0's.
async fn members(world: &TestWorld, many: usize) -> Vec<Peer> {
    let mut peers = Vec::new();
    for n in 0..many {
        let name = format!("m{n}");
        let peer = world.enter(&name).await;
        let create = format!(r#"{{"cmd":"create_group","user":"{name}","group":"g"}}"#);
        asks(&peer, &if n == 0 { create } else { join(&name) }).await;
        peers.push(peer);
    }
    peers
}

async fn hears_exactly(peer: &Peer, lines: &[String], who: usize) {
    for line in lines {
        assert_eq!(peer.hear().await.as_ref(), Some(line), "m{who}");
    }
    assert_eq!(peer.rest().await, "", "m{who}");
}

#[test]
fn every_post_is_heard_once_and_in_order() {
    in_world(|world| async move {
        let mut peers = members(&world, MANY).await;
        let late = world.enter("late").await;
        for text in ["1", "2"] {
            peers[0].say(&post("m0", "g", text));
        }
        for gone in [399, 150, 3] {
            peers.remove(gone).vanish();
        }
        peers[LAST].say(&leave("m6"));
        late.say(&join("late"));
        peers[1].say(&post("m1", "g", "3"));
        for (at, peer) in peers.iter().enumerate().skip(2).filter(|(at, _)| *at != LAST) {
            let posts = [post("m0", "g", "1"), post("m0", "g", "2"), post("m1", "g", "3")];
            hears_exactly(peer, &posts, at).await;
        }
    });
}

#[test]
fn who_leaves_between_two_slices_has_heard_what_was_posted_before() {
    in_world(|world| async move {
        let peers = members(&world, MANY).await;
        peers[0].say(&post("m0", "g", "before"));
        peers[LAST].say(&leave("m5"));
        assert_eq!(peers[LAST].hear().await.unwrap(), post("m0", "g", "before"));
        assert!(peers[LAST].hear().await.unwrap().contains("leave_group_reply"));
        peers[0].rest().await;
        asks(&peers[0], &post("m0", "g", "after")).await;
        assert_eq!(peers[LAST].rest().await, "");
    });
}

/// In one batch, behind a post of somebody else's.
#[test]
fn who_is_put_out_between_two_slices_hears_the_post_and_then_that() {
    in_world(|world| async move {
        let mut peers = members(&world, 2).await;
        let (owner, put_out) = (phone(&world, 10_000).await, phone(&world, 10_001).await);
        for n in 2..MANY {
            let peer = world.enter(&format!("m{n}")).await;
            asks(&peer, &join(&format!("m{n}"))).await;
            peers.push(peer);
        }
        peers[7].say(&post("m7", "g", "before"));
        owner.say(r#"{"seq":2,"removeMember":{"group":"1","member":"10001","reason":"noise"}}"#);
        let heard = put_out.rest().await;
        assert!(heard.len() == 2 && heard[0].contains("groupMessage") && heard[1].contains("noise"), "{heard:?}");
        assert_eq!(peers[1].rest().await, format!("{}\n", post("m7", "g", "before")));
        let heard = owner.rest().await;
        assert!(heard.iter().any(|packet| packet.contains("memberRemoved")), "{heard:?}");
        asks(&peers[7], &post("m7", "g", "after")).await;
        assert_eq!((put_out.rest().await.len(), peers[1].rest().await), (0, String::new()));
    });
}

#[test]
fn what_was_posted_before_a_group_ends_is_heard_by_all() {
    in_world(|world| async move {
        let peers = members(&world, MANY).await;
        let owner = phone(&world, 10_000).await;
        // The owner's own, with the end behind it, and one of somebody else's in the batch of the end.
        owner.say(r#"{"seq":2,"groupMessage":{"group":"1","length":2,"payload":"aGk="}}"#);
        owner.say(r#"{"seq":3,"dissolveGroup":{"group":"1"}}"#);
        peers[7].say(&post("m7", "g", "mine"));
        let heard = owner.rest().await;
        let of = |word: &str| heard.iter().position(|packet| packet.contains(word));
        assert!(of("messageSent").is_some() && of("messageSent") < of("groupDissolved"), "{heard:?}");
        let succeeded = peers[7].rest().await.contains("success");
        for (at, peer) in peers.iter().enumerate().filter(|(at, _)| *at != 7) {
            let heard = peer.rest().await;
            assert_eq!(heard.matches(r#""user":"m0""#).count(), 1, "m{at}: {heard}");
            assert_eq!(heard.contains("mine"), succeeded, "m{at}: {heard}");
        }
        assert!(peers[9].ask(&post("m9", "g", "late")).await.contains("not_in_group"));
    });
}

#[test]
fn who_leaves_and_comes_back_between_two_slices_listens_on_every_session() {
    in_world(|world| async move {
        let peers = members(&world, MANY).await;
        let again = world.enter("m5").await;
        peers[0].say(&post("m0", "g", "1"));
        peers[LAST].say(&leave("m5"));
        peers[LAST].say(&join("m5"));
        peers[0].say(&post("m0", "g", "2"));
        peers[0].rest().await;
        asks(&peers[0], &post("m0", "g", "3")).await;
        for peer in [&peers[LAST], &again] {
            let heard = peer.rest().await;
            for text in ["1", "3"] {
                assert_eq!(heard.matches(&post("m0", "g", text)).count(), 1, "{text}: {heard}");
            }
        }
        asks(&peers[LAST], &post("m5", "g", "mine")).await;
        assert_eq!(again.rest().await, format!("{}\n", post("m5", "g", "mine")));
    });
}

#[test]
fn a_writer_is_answered_before_the_last_has_heard_it() {
    in_world(|world| async move {
        let peers = members(&world, MANY).await;
        peers[LAST].writes();
        asks(&peers[0], &post("m0", "g", "hi")).await;
        assert_eq!(peers[LAST].writes(), [], "that is three slices away");
        assert_eq!(peers[LAST].hear().await.unwrap(), post("m0", "g", "hi"));
    });
}

#[test]
fn posts_that_wait_go_out_in_one_write() {
    in_world(|world| async move {
        let peers = members(&world, MANY).await;
        let texts: Vec<String> = (0..12).map(|n| n.to_string()).collect();
        peers[LAST].writes();
        for text in &texts {
            peers[0].say(&post("m0", "g", text));
        }
        for text in &texts {
            assert_eq!(peers[LAST].hear().await.unwrap(), post("m0", "g", text));
        }
        assert!(peers[LAST].writes().len() <= 2, "the first, and then all others");
    });
}

#[test]
fn a_post_to_many_waits_for_others_where_several_went_out_together_before() {
    let patience = Duration::from_millis(100);
    let mut settings = settings();
    settings.group.gather_us = 100_000;
    in_world_with(settings, |world| async move {
        let peers = members(&world, MANY).await;
        let says = |texts: &[&str]| texts.iter().for_each(|text| peers[0].say(&post("m0", "g", text)));
        let hear = async |texts: &[&str]| {
            let began = Instant::now();
            for text in texts {
                assert_eq!(peers[LAST].hear().await.unwrap(), post("m0", "g", text));
            }
            began.elapsed()
        };
        says(&["1", "2"]);
        assert!(hear(&["1", "2"]).await < patience, "nobody waits for the first");
        says(&["3"]);
        assert_eq!(peers[LAST].rest().await, "");
        says(&["4"]);
        peers[LAST].writes();
        assert!(hear(&["3", "4"]).await < patience, "as many as before have come");
        assert_eq!(peers[LAST].writes().len(), 1);
        says(&["5"]);
        let waited = hear(&["5"]).await;
        assert!(waited >= patience - Duration::from_millis(1) && waited < 2 * patience, "{waited:?}");
        says(&["6"]);
        assert!(hear(&["6"]).await < patience, "one at a time");
    });
}

#[test]
fn one_post_more_than_the_queue_takes_is_refused_and_heard_by_nobody() {
    let mut settings = settings();
    settings.group.queue = 3;
    in_world_with(settings, |world| async move {
        let peers = members(&world, 200).await;
        for n in 0..10 {
            peers[0].say(&post("m0", "g", &format!("<{n}>")));
        }
        let said = peers[0].rest().await;
        assert_eq!((said.matches("success").count(), said.matches(r#""busy""#).count()), (3, 7), "{said}");
        let heard = peers[LAST].rest().await;
        assert_eq!(heard.matches("group_chat").count(), 3, "{heard}");
        asks(&peers[0], &post("m0", "g", "there is room again")).await;
    });
}

/// A message with a number may have been taken before: then that it was is the answer, however busy the group is.
#[test]
fn a_post_that_comes_again_to_a_full_queue_has_the_answer_that_it_had() {
    let mut settings = settings();
    settings.group.queue_bytes = 4096;
    in_world_with(settings, |world| async move {
        let peers = members(&world, 200).await;
        let writer = phone(&world, 10_001).await;
        let packet =
            |seq: u64| format!(r#"{{"seq":{seq},"groupMessage":{{"group":"1","length":2,"payload":"aGk="}}}}"#);
        assert!(writer.ask(&packet(7)).await.contains("messageSent"));
        peers[3].say(&post("m3", "g", &"x".repeat(5000)));
        let other = world.enter("m3").await;
        peers[4].rest().await;
        // Both at once: the long one is committed first, and the other two find it on its way.
        other.say(&post("m3", "g", &"y".repeat(5000)));
        writer.rest().await;
        let said = writer.ask(&packet(7)).await;
        assert!(said.contains("messageSent"), "{said}");
    });
}

#[test]
fn who_gets_its_own_posts_back_has_them_before_their_answers() {
    let mut settings = settings();
    settings.plain.group_echo = true;
    in_world_with(settings, |world| async move {
        let peers = members(&world, MANY).await;
        for text in ["1", "2", "3"] {
            peers[0].say(&post("m0", "g", text));
            peers[1].say(&post("m1", "g", text));
        }
        for (at, name) in ["m0", "m1"].into_iter().enumerate() {
            let heard = peers[at].rest().await;
            let lines: Vec<&str> = heard.lines().collect();
            assert_eq!(lines.len(), 9, "six posts and three answers, nothing twice: {heard}");
            for (nth, text) in ["1", "2", "3"].into_iter().enumerate() {
                let echo = lines.iter().position(|line| *line == post(name, "g", text)).unwrap();
                let answers = lines.iter().enumerate().filter(|(_, line)| line.contains("success"));
                let answer = answers.map(|(at, _)| at).nth(nth).unwrap();
                assert!(echo < answer, "{heard}");
            }
        }
    });
}
