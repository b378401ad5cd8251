//! Who may come in, and as whom.

use crate::world::{in_world, in_world_with, login, private, settings};

#[test]
fn nothing_is_done_for_a_guest() {
    in_world(|world| async move {
        let a = world.connect();
        assert_eq!(
            a.ask(&private("a", "b", "hi")).await,
            r#"{"cmd":"private_chat_reply","result":"not_logged_in","user_to":"b"}"#
        );
        assert_eq!(a.ask(r#"{"cmd":"ping"}"#).await, r#"{"cmd":"ping_reply","result":"success"}"#);
    });
}

#[test]
fn identity_comes_from_the_session() {
    in_world(|world| async move {
        let (a, b) = (world.enter("a").await, world.enter("b").await);
        assert!(a.ask(&private("b", "b", "forged")).await.contains("not_permitted"));
        assert_eq!(b.rest().await, "");
        assert!(a.ask(&private("A", "b", "the same name in another case")).await.contains("success"));
        assert!(b.rest().await.contains(r#""user_from":"a""#), "the registered name is shown");
    });
}

#[test]
fn one_account_has_so_many_sessions_and_no_more() {
    let mut settings = settings();
    settings.session.per_account = 2;
    in_world_with(settings, |world| async move {
        let first = world.enter("a").await;
        let _second = world.enter("a").await;
        let third = world.connect();
        assert_eq!(third.ask(&login("a")).await, r#"{"cmd":"login_reply","result":"too_many_sessions"}"#);
        first.say(r#"{"cmd":"offline","user":"a"}"#);
        assert_eq!(first.rest().await, "");
        assert!(third.ask(&login("a")).await.contains("success"));
    });
}

#[test]
fn another_account_on_the_same_connection_takes_the_place_of_the_first() {
    in_world(|world| async move {
        let a = world.enter("a").await;
        world.enter("b").await.close();
        let friend = world.enter("friend").await;
        friend.ask(r#"{"cmd":"add","user":"friend","friend":"a"}"#).await;
        a.rest().await;
        assert!(a.ask(&login("b")).await.contains(r#""id":"10001""#));
        assert_eq!(friend.hear().await.unwrap(), r#"{"cmd":"friend_offline","friend":"a"}"#);
        assert!(a.ask(&private("a", "friend", "as whom?")).await.contains("not_permitted"));
    });
}

#[test]
fn a_wrong_password_leaves_the_session_as_it_was() {
    in_world(|world| async move {
        let a = world.enter("a").await;
        world.enter("b").await;
        let wrong = r#"{"cmd":"login","user":"b","password":"wrong"}"#;
        assert_eq!(a.ask(wrong).await, r#"{"cmd":"login_reply","result":"password_error"}"#);
        assert!(a.ask(&private("a", "b", "hi")).await.contains("success"));
    });
}

#[test]
fn wrong_passwords_from_one_address_run_out() {
    in_world(|world| async move {
        world.enter("a").await.close();
        let thief = world.connect();
        let wrong = r#"{"cmd":"login","user":"a","password":"wrong"}"#;
        let mut refused = 0;
        for _ in 0..100 {
            refused += usize::from(thief.ask(wrong).await.contains("too_many_attempts"));
        }
        assert_eq!(refused, 85, "15 in a row are looked at");
        let owner = world.connect_from("127.0.0.2".parse().unwrap(), usize::MAX);
        assert!(owner.ask(&login("a")).await.contains("success"));
    });
}

#[test]
fn a_new_password_counts_and_the_old_one_does_not() {
    in_world(|world| async move {
        let a = world.enter("a").await;
        let change =
            |old: &str| format!(r#"{{"cmd":"change_password","user":"a","password":"{old}","new_password":"other"}}"#);
        assert!(a.ask(&change("wrong")).await.contains("password_error"));
        assert!(a.ask(&change("pw")).await.contains("success"));
        let again = world.connect();
        assert!(again.ask(&login("a")).await.contains("password_error"));
        assert!(again.ask(r#"{"cmd":"login","user":"a","password":"other"}"#).await.contains("success"));
    });
}
