//! Replies, events and mistakes into packets. Owns: which packets say what. Never: copies anything that a client wrote
//! as it stood.

use super::fit::{Part, cut, fits, frame, frame_of_strings, json_bytes, list, room_in, short, text};
use super::packets::{
    Answer, FileOffer, FilePort, FriendList, FriendRequest, GroupList, GroupMessage, History, Line, ListedFriend,
    ListedGroup, ListedMember, ListedPresence, MemberList, PresenceList, PrivateMessage,
};
use super::words;
use crate::body::Body;
use crate::command::Verb;
use crate::dialect::{Carrier, Frame, Frames, Mistake};
use crate::dialects::runs::Digits;
use crate::dialects::typed;
use crate::event::{Event, GroupRef, Person};
use crate::ids::UserId;
use crate::profile::Member;
use crate::reply::{Correspondent, Friend, PastMessage, Refusal, Reply};
use std::borrow::Cow;

const SUCCESS: &str = "success";
const FAIL: &str = "fail";
/// To somebody who is asked: say whether.
const CONFIRM: &str = "confirm_one_way";

/// The packets that answer a request; none for `logout`, which has no return.
pub(super) fn reply(reply: &Reply, carrier: Carrier) -> Frames {
    let answer = match reply {
        // Asked for in `binary` only: this language has no words for them.
        Reply::CodeSent { .. }
        | Reply::Profile(_)
        | Reply::FriendProfile(_)
        | Reply::Done
        | Reply::RemarkSet { .. }
        | Reply::Blocked { .. }
        | Reply::BlockList(_)
        | Reply::GroupInfo(_)
        | Reply::RoleSet { .. }
        | Reply::InviteSent { .. }
        | Reply::InviteAnswered { .. }
        | Reply::MemberRemoved { .. }
        | Reply::GroupDissolved { .. }
        | Reply::Recalled { .. }
        | Reply::FileOffered { .. }
        | Reply::FileDeclined { .. }
        | Reply::LoggedOut => return Frames::new(),
        Reply::FriendAdded { friend, .. } => {
            let added = success(Verb::AddFriend);
            return [frame(&added), confirmed(), friends_now(friend)].into_iter().collect();
        }
        Reply::FriendAnswered { asker, accepted: true, .. } => {
            return [confirmed(), friends_now(asker)].into_iter().collect();
        }
        Reply::Friends { me, friends } => return friend_list(me.id, friends, carrier),
        Reply::Presence { me, friends } => return presence_list(me.id, friends, carrier),
        Reply::Groups(groups) => return group_list(groups, carrier),
        Reply::Members { group, members } => return member_list(group, members, carrier),
        Reply::History { with, messages, more } => return history(with, messages, *more, carrier),
        Reply::FilePort { door, length, name, to } => {
            let packet = FilePort::sending(door.port(), door.path(), *length, name, to.id);
            return Frames::from_buf([frame(&packet)]);
        }
        Reply::Refused { verb, refusal, .. } => return Frames::from_buf([refused(*verb, *refusal, carrier)]),
        Reply::Registered { id, .. } => Answer { id: Some(*id), ..success(Verb::Register) },
        Reply::LoggedIn(roster) => Answer { username: Some(roster.me.name.as_str()), ..success(Verb::Login) },
        Reply::Pong => success(Verb::Ping),
        Reply::FriendRequested { .. } => success(Verb::AddFriend),
        Reply::FriendAnswered { accepted: false, .. } => {
            Answer { message: Some("reject"), ..success(Verb::AnswerFriend) }
        }
        Reply::FriendRemoved { friend } => about_dst(Verb::RemoveFriend, friend),
        Reply::FriendSet { friend, .. } => about_dst(Verb::SetFriend, friend),
        Reply::UserFound { person, .. } => {
            Answer { id: Some(person.id), username: Some(person.name.as_str()), ..success(Verb::FindUser) }
        }
        Reply::PolicySet { add, message } => Answer {
            add: Some(typed::friend_policy(*add)),
            message: Some(typed::message_policy(*message)),
            ..success(Verb::SetPolicy)
        },
        Reply::PasswordChanged => success(Verb::ChangePassword),
        Reply::GroupCreated { group, .. } => of_group(group, success(Verb::CreateGroup)),
        Reply::Joined { group, .. } => of_group(group, success(Verb::JoinGroup)),
        Reply::JoinRequested { group } => {
            Answer { message: Some(CONFIRM), ..of_group(group, success(Verb::JoinGroup)) }
        }
        Reply::JoinAnswered { group, member, accepted } => Answer {
            src: Some(member.id),
            username: Some(member.name.as_str()),
            message: (!accepted).then_some("reject"),
            ..of_group(group, success(Verb::AnswerJoin))
        },
        Reply::Left { group } => of_group(group, success(Verb::LeaveGroup)),
        Reply::Sent { verb, .. } => success(*verb),
    };
    Frames::from_buf([frame(&answer)])
}

fn success<'a>(verb: Verb) -> Answer<'a> {
    Answer { command: words::return_of(verb), status: Some(SUCCESS), ..Answer::default() }
}

/// A failed return; some carry the word twice (see `words`).
fn failed<'a>(verb: Verb, detail: &'a str, hint: Option<&'a str>, carrier: Carrier) -> Answer<'a> {
    Answer {
        command: words::return_of(verb),
        status: Some(FAIL),
        detail: Some(detail),
        datail: words::is_misspelt(verb, carrier).then_some(detail),
        hint,
        ..Answer::default()
    }
}

fn refused(verb: Verb, refusal: Refusal, carrier: Carrier) -> Frame {
    let hint = words::needs_hint(verb, refusal).then(|| refusal.to_string());
    frame(&failed(verb, words::refusal(verb, refusal, carrier), hint.as_deref(), carrier))
}

/// The packet that tells a mistake: in its command's own return, where that is known.
pub(super) fn mistake(mistake: &Mistake, carrier: Carrier) -> Frame {
    let detail = words::mistake(mistake.verb, mistake.kind, carrier);
    let hint = (!mistake.detail.is_empty()).then(|| short(&mistake.detail));
    match mistake.verb {
        Some(verb) => frame(&failed(verb, detail, hint, carrier)),
        None => outside(detail, hint),
    }
}

/// A fault that belongs to no command.
fn outside(detail: &str, hint: Option<&str>) -> Frame {
    frame(&Answer { command: "return", status: Some(FAIL), detail: Some(detail), hint, ..Answer::default() })
}

/// Two are friends now: to both, whoever of them did what.
fn confirmed() -> Frame {
    frame(&success(Verb::AnswerFriend))
}

/// Which two: the document does not say it.
fn friends_now(friend: &Person) -> Frame {
    about("friend_added", friend)
}

fn about(command: &str, person: &Person) -> Frame {
    frame(&Answer { command, id: Some(person.id), username: Some(person.name.as_str()), ..Answer::default() })
}

fn about_dst(verb: Verb, person: &Person) -> Answer<'_> {
    Answer { dst: Some(person.id), username: Some(person.name.as_str()), ..success(verb) }
}

fn of_group<'a>(group: &'a GroupRef, answer: Answer<'a>) -> Answer<'a> {
    Answer { group: Some(group.id), groupname: Some(group.name.as_str()), ..answer }
}

fn friend_list(id: UserId, friends: &[Friend], carrier: Carrier) -> Frames {
    let entries: Vec<ListedFriend<'_>> = friends.iter().map(ListedFriend::from).collect();
    let command = words::return_of(Verb::ListFriends);
    list(carrier, &entries, |friends, part| FriendList { command, id, status: SUCCESS, friends, part })
}

fn presence_list(id: UserId, friends: &[Friend], carrier: Carrier) -> Frames {
    let entries: Vec<ListedPresence<'_>> = friends.iter().map(ListedPresence::from).collect();
    let command = words::return_of(Verb::ListPresence);
    list(carrier, &entries, |friends, part| PresenceList { command, status: SUCCESS, id, friends, part })
}

fn group_list(groups: &[GroupRef], carrier: Carrier) -> Frames {
    let entries: Vec<ListedGroup<'_>> = groups.iter().map(ListedGroup::from).collect();
    let command = words::return_of(Verb::ListGroups);
    list(carrier, &entries, |groups, part| GroupList { command, status: SUCCESS, groups, part })
}

fn member_list(group: &GroupRef, members: &[Member], carrier: Carrier) -> Frames {
    let entries: Vec<ListedMember<'_>> = members.iter().map(ListedMember::from).collect();
    let (command, groupname) = (words::return_of(Verb::ListMembers), group.name.as_str());
    list(carrier, &entries, |members, part| MemberList {
        command,
        status: SUCCESS,
        group: group.id,
        groupname,
        members,
        part,
    })
}

fn history(with: &Correspondent, messages: &[PastMessage], more: bool, carrier: Carrier) -> Frames {
    let (person, group) = match with {
        Correspondent::User(person) => (Some(person), None),
        Correspondent::Group(group) => (None, Some(group)),
    };
    let packet = |messages, part| History {
        command: words::return_of(Verb::History),
        status: SUCCESS,
        dst: person.map(|person| person.id),
        username: person.map(|person| person.name.as_str()),
        group: group.map(|group| group.id),
        groupname: group.map(|group| group.name.as_str()),
        messages,
        more,
        part,
    };
    let texts: Vec<Cow<'_, str>> = messages.iter().map(|past| past.body.told()).collect();
    let lines: Vec<Line<'_>> = messages.iter().zip(&texts).map(|(past, text)| Line::new(past, text)).collect();
    let whole = frame(&packet(&lines, None));
    if fits(&whole, carrier) {
        return Frames::from_buf([whole]);
    }
    // A text that is too long for a packet goes on in the next, as another entry with the same number.
    let room = room_in(&packet(&[], Some(Part::WIDEST)));
    let lines: Vec<Line<'_>> = lines.iter().flat_map(|line| cut_line(*line, room)).collect();
    list(carrier, &lines, packet)
}

fn cut_line(line: Line<'_>, room: usize) -> impl Iterator<Item = Line<'_>> {
    let bare = json_bytes(&Line { message: "", ..line });
    let room = if json_bytes(&line) <= room { usize::MAX } else { room.saturating_sub(bare) };
    // Nothing is a line, too.
    let empty = line.message.is_empty().then_some("");
    cut(line.message, room).chain(empty).map(move |message| Line { message, ..line })
}

fn private_message(from: &Person, to: &Person, body: &Body, carrier: Carrier) -> Frames {
    let said = body.told();
    let whole = frame_of_strings(&[
        (r#"{"command":"send_message","src":""#, Digits::of(from.id.0).as_str()),
        (r#"","dst":""#, Digits::of(to.id.0).as_str()),
        (r#"","message":""#, &said),
    ]);
    text(carrier, whole, &said, |said, part| PrivateMessage { part, ..PrivateMessage::new(from.id, to.id, said) })
}

fn group_message(from: &Person, group: &GroupRef, body: &Body, carrier: Carrier) -> Frames {
    let said = body.told();
    let (username, groupname) = (from.name.as_str(), group.name.as_str());
    let whole = frame_of_strings(&[
        (r#"{"command":"send_group_message","src":""#, Digits::of(from.id.0).as_str()),
        (r#"","username":""#, username),
        (r#"","group":""#, Digits::of(group.id.0).as_str()),
        (r#"","groupname":""#, groupname),
        (r#"","message":""#, &said),
    ]);
    text(carrier, whole, &said, |said, part| GroupMessage {
        part,
        ..GroupMessage::new(from.id, username, group.id, groupname, said)
    })
}

/// The packets that tell an event.
pub(super) fn event(event: &Event, carrier: Carrier) -> Frames {
    let told = match event {
        Event::FriendRequestExpired { .. }
        | Event::JoinRequestExpired { .. }
        | Event::RoleChanged { .. }
        | Event::Invited { .. }
        | Event::InviteAnswered { .. }
        | Event::InviteExpired { .. }
        | Event::MemberRemoved { .. }
        | Event::GroupDissolved { .. }
        | Event::Typing { .. }
        | Event::Read { .. }
        | Event::FileAsked { .. }
        | Event::FileReady { .. }
        | Event::FileProgress { .. }
        | Event::FileDone { .. }
        | Event::FileDeclined { .. } => return Frames::new(),
        Event::Private { body, .. } | Event::Posted { body, .. } if body.is_taken_back() => return Frames::new(),
        Event::FriendOnline { friend } => presence(friend, true),
        Event::FriendOffline { friend } => presence(friend, false),
        Event::FriendAdded { friend, .. } => return [confirmed(), friends_now(friend)].into_iter().collect(),
        Event::FriendRequested { asker, to, special, .. } => {
            frame(&FriendRequest { command: "add_friend", src: asker.id, dst: *to, status: *special, message: CONFIRM })
        }
        Event::FriendRejected { friend, .. } => {
            let answer = frame(&failed(Verb::AnswerFriend, REJECTED, None, carrier));
            return [answer, about("friend_rejected", friend)].into_iter().collect();
        }
        Event::FriendRemoved { friend } => about("friend_removed", friend),
        Event::JoinRequested { group, asker, .. } => frame(&Answer {
            command: "join_group",
            src: Some(asker.id),
            username: Some(asker.name.as_str()),
            message: Some(CONFIRM),
            ..of_group(group, Answer::default())
        }),
        Event::JoinAnswered { group, accepted, .. } => frame(&of_group(
            group,
            if *accepted { success(Verb::AnswerJoin) } else { failed(Verb::AnswerJoin, REJECTED, None, carrier) },
        )),
        Event::Private { from, to, body, .. } => return private_message(from, to, body, carrier),
        Event::Posted { from, group, body, .. } => return group_message(from, group, body, carrier),
        Event::FileOffered { from, to, door, length, name } => frame(&FileOffer {
            command: "recv_file",
            src: from.id,
            username: from.name.as_str(),
            dst: *to,
            port: door.port(),
            path: door.path(),
            length: *length,
            filename: name,
        }),
        Event::TransferFailed { end, .. } => frame(&Answer {
            command: "file_end",
            status: Some(FAIL),
            detail: Some(words::transfer_end(*end)),
            ..Answer::default()
        }),
        Event::Closing { reason } => {
            let (detail, hint) = words::closing(*reason);
            outside(detail, hint)
        }
    };
    Frames::from_buf([told])
}

/// To whoever had asked.
const REJECTED: &str = "rejected";

fn presence(friend: &Person, online: bool) -> Frame {
    frame(&Answer {
        command: "friend_status",
        id: Some(friend.id),
        username: Some(friend.name.as_str()),
        online: Some(online),
        ..Answer::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{GroupId, Name};

    #[test]
    fn the_packets_that_are_put_together_are_those_that_would_be_made() {
        let (from, to) = (
            Person { id: UserId(10_000), name: Name::from_stored("a\"\\b") },
            Person { id: UserId(u64::MAX), name: Name::from_stored("小明") },
        );
        let group = GroupRef { id: GroupId(7), name: Name::from_stored("g\"") };
        for text in ["", "hello, 你好", "\"\n\u{1}\\"] {
            let body = Body::text(text);
            for carrier in [Carrier::Stream, Carrier::Message] {
                let private = frame(&PrivateMessage::new(from.id, to.id, text));
                assert_eq!(private_message(&from, &to, &body, carrier)[..], [private]);
                let (username, groupname) = (from.name.as_str(), group.name.as_str());
                let posted = frame(&GroupMessage::new(from.id, username, group.id, groupname, text));
                assert_eq!(group_message(&from, &group, &body, carrier)[..], [posted]);
            }
        }
    }
}
