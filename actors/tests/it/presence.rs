//! Who is told about whom.

use crate::world::{in_world, login};

const CAME: &str = r#"{"cmd":"friend_login","friend":"a"}"#;
const WENT: &str = r#"{"cmd":"friend_offline","friend":"a"}"#;

#[test]
fn friends_see_the_first_session_come_and_the_last_one_go() {
    in_world(|world| async move {
        let first = world.enter("a").await;
        let friend = world.enter("friend").await;
        friend.ask(r#"{"cmd":"add","user":"friend","friend":"a"}"#).await;
        let second = world.connect();
        second.ask(&login("a")).await;
        assert_eq!(friend.rest().await, "", "a was online already");
        first.close();
        assert_eq!(friend.rest().await, "", "a still is");
        second.vanish();
        assert_eq!(friend.hear().await.unwrap(), WENT);
        let third = world.connect();
        third.ask(&login("a")).await;
        assert_eq!(friend.hear().await.unwrap(), CAME);
        third.say(r#"{"cmd":"offline","user":"a"}"#);
        third.close();
        assert_eq!(friend.hear().await.unwrap(), WENT);
        assert_eq!(friend.rest().await, "", "exactly once");
    });
}

#[test]
fn strangers_and_former_friends_are_told_nothing() {
    in_world(|world| async move {
        let a = world.enter("a").await;
        let (former, stranger) = (world.enter("former").await, world.enter("stranger").await);
        former.ask(r#"{"cmd":"add","user":"former","friend":"a"}"#).await;
        a.rest().await;
        former.ask(r#"{"cmd":"remove_friend","user":"former","friend":"a"}"#).await;
        a.close();
        assert_eq!(former.rest().await + &stranger.rest().await, "");
    });
}

#[test]
fn a_list_of_friends_says_who_is_online() {
    in_world(|world| async move {
        let a = world.enter("a").await;
        let b = world.enter("b").await;
        world.enter("c").await.close();
        for friend in ["b", "c"] {
            a.ask(&format!(r#"{{"cmd":"add","user":"a","friend":"{friend}"}}"#)).await;
        }
        let list = r#"{"cmd":"get_friend","user":"a"}"#;
        assert_eq!(a.ask(list).await, r#"{"cmd":"get_friend_reply","result":"success","friend":"b|c","online":"b"}"#);
        b.vanish();
        a.rest().await;
        assert_eq!(a.ask(list).await, r#"{"cmd":"get_friend_reply","result":"success","friend":"b|c","online":""}"#);
    });
}
