//! Where `framed` meets its bounds and those who would use them: guesses, strangers, guests, floods and long lists.

use crate::framed::{HERE, add, ask, befriend, confirm, connect, enter, expect_nothing, hear, log_in, say, send};
use crate::world::{in_world, in_world_with, private, settings};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

#[test]
fn an_unknown_id_and_a_wrong_password_are_the_same() {
    in_world(|world| async move {
        let (_, id) = enter(&world, "a").await;
        let peer = connect(&world);
        let wrong = ask(&peer, &format!(r#"{{"command":"login","id":"{id}","password":"no"}}"#)).await;
        assert_eq!(wrong, r#"{"command":"login_return","status":"fail","detail":"wrong id or password"}"#);
        for nobody in ["10999", "0", "a", "", "18446744073709551616", "010000", "+10000", " 10000"] {
            let reply = ask(&peer, &format!(r#"{{"command":"login","id":"{nobody}","password":"pw"}}"#)).await;
            assert_eq!(reply, wrong, "{nobody:?}");
        }
    });
}

#[test]
fn of_many_wrong_guesses_few_are_looked_at() {
    in_world(|world| async move {
        let (_, id) = enter(&world, "a").await;
        let guess = |n: u64| format!(r#"{{"command":"login","id":"{}","password":"no{n}"}}"#, id + n % 2);
        let peer = connect(&world);
        let mut looked_at = 0;
        for n in 0..100 {
            let reply = ask(&peer, &guess(n)).await;
            looked_at += u32::from(reply.contains("wrong id or password"));
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert!((1..=20).contains(&looked_at), "{looked_at}");
        let elsewhere = world.connect_as("framed", IpAddr::V4(Ipv4Addr::new(10, 0, 0, 9)), usize::MAX);
        let owner = ask(&elsewhere, &format!(r#"{{"command":"login","id":"{id}","password":"pw"}}"#)).await;
        assert!(owner.contains("success"), "{owner}");
    });
}

#[test]
fn before_login_and_after_logout_nothing_is_to_be_had() {
    in_world(|world| async move {
        let (a, id) = enter(&world, "a").await;
        let guest = connect(&world);
        let packets = [
            add(id, id, 0),
            confirm(id, id, 0, "confirm_two_way"),
            send(id, id, "x"),
            format!(r#"{{"command":"list_friend","id":"{id}"}}"#),
            format!(r#"{{"command":"logout","id":"{id}"}}"#),
            r#"{"command":"friend_status"}"#.to_owned(),
            r#"{"command":"find_user","username":"a"}"#.to_owned(),
            r#"{"command":"create_group","groupname":"g"}"#.to_owned(),
            r#"{"command":"change_password","password":"pw","new_password":"x"}"#.to_owned(),
        ];
        for packet in &packets {
            let reply = ask(&guest, packet).await;
            assert!(reply.contains(r#""detail":"not logged in""#), "{packet}: {reply}");
        }
        for packet in [&packets[4], &packets[2], &packets[7]] {
            say(&a, packet);
        }
        assert_eq!(hear(&a).await, "(closed)");
        assert!(
            ask(&guest, &format!(r#"{{"command":"login","id":"{id}","password":"pw"}}"#)).await.contains("success")
        );
        assert!(
            ask(&guest, r#"{"command":"list_group"}"#).await.contains(r#""groups":[]"#),
            "nothing came after logout"
        );
    });
}

#[test]
fn a_frame_that_cannot_be_ends_the_connection_after_the_answers_before_it() {
    in_world(|world| async move {
        let (a, id) = enter(&world, "a").await;
        for _ in 0..3 {
            say(&a, &send(id, 1, "x"));
        }
        a.send_bytes(&u32::MAX.to_le_bytes());
        for _ in 0..3 {
            assert!(hear(&a).await.contains("dst not in friend_list"));
        }
        assert!(hear(&a).await.contains(r#""command":"return","status":"fail","detail":"frame too large""#));
        assert_eq!(hear(&a).await, "(closed)");
    });
}

#[test]
fn empty_frames_without_end_fill_no_memory() {
    let mut settings = settings();
    settings.session.outbox_bytes = 16 * 1024;
    in_world_with(settings, |world| async move {
        let peer = world.connect_as("framed", HERE, 4096);
        peer.send_bytes(&[0; 400_000]);
        for _ in 0..100_000 {
            let reply = hear(&peer).await;
            assert!(reply.contains("not an Json Object"), "{reply}");
        }
        expect_nothing(&peer).await;
    });
}

#[test]
fn a_stranger_is_not_told_who_is_online() {
    in_world(|world| async move {
        let (a, a_id) = enter(&world, "a").await;
        let (_here, here_id) = enter(&world, "here").await;
        let (away, away_id) = enter(&world, "away").await;
        say(&away, &format!(r#"{{"command":"logout","id":"{away_id}"}}"#));
        hear(&away).await;
        let open = world.enter("open").await;
        let offer =
            |to: u64| format!(r#"{{"command":"send_file","src":"{a_id}","dst":"{to}","filename":"f","length":1}}"#);
        let nobody = ask(&a, &offer(77_777)).await;
        assert!(nobody.contains("dst not in friend_list"), "{nobody}");
        for other in [here_id, away_id, away_id + 1, a_id] {
            assert_eq!(ask(&a, &offer(other)).await, nobody, "{other}");
        }
        assert_eq!(open.rest().await, "", "open to messages, but not to offers of framed strangers");
    });
}

#[test]
fn a_list_longer_than_the_outbox_is_no_reason_to_close() {
    let mut settings = settings();
    settings.session.outbox_bytes = 32 * 1024;
    in_world_with(settings, |world| async move {
        let (a, a_id) = enter(&world, "a").await;
        let p = world.enter("p").await;
        ask(&a, &add(a_id, a_id + 1, 0)).await; // p is open
        for _ in 0..2 {
            hear(&a).await;
        }
        p.rest().await;
        // A page of history that is six times as long as JSON writes it.
        let text = "\\u0001".repeat(1_000);
        for _ in 0..60 {
            assert!(p.ask(&private("p", "a", &text)).await.contains("success"));
        }
        let mut heard = 0;
        while heard < 60_000 {
            heard += hear(&a).await.matches("\\u0001").count();
        }
        say(&a, &format!(r#"{{"command":"history","dst":"{}"}}"#, a_id + 1));
        let mut heard = 0;
        loop {
            let part = hear(&a).await;
            assert!(part.starts_with(r#"{"command":"history_return","status":"success""#), "{part}");
            heard += part.matches("\\u0001").count();
            let numbers: Vec<u32> = part.rsplit(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse().ok()).collect();
            if part.contains(r#""more":false"#) || numbers[0] == numbers[1] {
                break;
            }
        }
        assert!(heard > 0);
        expect_nothing(&a).await;
    });
}

#[test]
fn a_backlog_that_grows_as_it_is_written_locks_nobody_out() {
    let mut settings = settings();
    settings.session.outbox_bytes = 64 * 1024;
    in_world_with(settings, |world| async move {
        let (a, a_id) = enter(&world, "a").await;
        let p = world.enter("p").await;
        ask(&a, &add(a_id, a_id + 1, 0)).await;
        p.rest().await;
        let group = r#"{"command":"create_group","groupname":"g","join":"open"}"#;
        say(&a, group);
        assert!(p.ask(r#"{"cmd":"ping"}"#).await.contains("success"));
        assert!(p.ask(r#"{"cmd":"add_group","user":"p","group":"g"}"#).await.contains("success"));
        a.vanish();
        p.rest().await;
        let text = "\\u0001".repeat(5_000);
        for _ in 0..50 {
            let post = format!(r#"{{"cmd":"group_chat","user":"p","group":"g","text":"{text}"}}"#);
            assert!(p.ask(&post).await.contains("success"));
        }
        for _ in 0..2 {
            // Over a stream, and over a link with messages: once where it is not confirmed, and again.
            let a = log_in(&world, a_id).await;
            let mut heard = 0;
            while heard < 50 * 5_000 {
                heard += hear(&a).await.matches("\\u0001").count();
            }
            expect_nothing(&a).await;
            a.vanish();
        }
    });
}

#[test]
fn news_of_the_account_before_is_for_nobody() {
    in_world(|world| async move {
        let ((a, a_id), (b, b_id)) = (enter(&world, "a").await, enter(&world, "b").await);
        let (_, c_id) = enter(&world, "c").await;
        befriend((&a, a_id, "a"), (&b, b_id, "b")).await;
        // While b's connection becomes c's, a writes to b.
        say(&b, &format!(r#"{{"command":"login","id":"{c_id}","password":"pw"}}"#));
        for n in 0..20 {
            say(&a, &send(a_id, b_id, &n.to_string()));
        }
        let mut heard = Vec::new();
        loop {
            let packet = hear(&b).await;
            if packet.contains("login_return") {
                break;
            }
            heard.push(packet);
        }
        expect_nothing(&b).await;
        b.vanish();
        // What c's connection did not show as b's is still there.
        let b = log_in(&world, b_id).await;
        for n in heard.len()..20 {
            let next = hear(&b).await;
            assert!(next == send(a_id, b_id, &n.to_string()) || heard.contains(&next), "{next}");
        }
    });
}
