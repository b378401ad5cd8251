//! Replies, events and mistakes into objects. Owns: the keys of everything the server says, in the document's order,
//! one compact object and one newline each. Never: copies anything that a client wrote as it stood.

use super::words;
use crate::body::FileLength;
use crate::command::Verb;
use crate::dialect::{Frame, Mistake};
use crate::dialects::runs::{SPARE, Strings, bytes_of, write_strings};
use crate::dialects::typed;
use crate::event::{Event, GroupRef, Person};
use crate::names::Name;
use crate::reply::{Correspondent, Friend, PastMessage, Refusal, Reply, Roster};
use bytes::Bytes;
use serde::Serialize;
use std::borrow::Cow;

/// Most replies and notices: a word, and whom or what it is about. The order of the fields is the order on the wire.
#[derive(Serialize, Default)]
struct Answer<'a> {
    cmd: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_to: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    member: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    friend: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    online: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    add: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
}

/// Both sides of a transfer are told the same way.
#[derive(Serialize)]
struct FilePort<'a> {
    cmd: &'static str,
    port: u16,
    length: FileLength,
    filename: &'a str,
    user: &'a Name,
    /// Only where the port speaks HTTP.
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'a str>,
}

#[derive(Serialize)]
struct History<'a> {
    cmd: &'static str,
    result: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    friend: Option<&'a Name>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<&'a Name>,
    messages: Vec<Line<'a>>,
    more: bool,
}

#[derive(Serialize)]
struct Line<'a> {
    seq: u64,
    user: &'a Name,
    text: Cow<'a, str>,
    time: u64,
}

impl<'a> Line<'a> {
    fn of(past: &'a PastMessage) -> Self {
        Self { seq: past.seq.0, user: &past.from.name, text: past.body.told(), time: past.at_ms }
    }
}

/// The one object that answers a request, or none for `offline`, which has no reply.
pub(super) fn reply(reply: &Reply) -> Option<Frame> {
    let success = |verb| Answer { cmd: words::reply_to(verb), result: Some("success"), ..Answer::default() };
    let frame = match reply {
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
        | Reply::LoggedOut => return None,
        Reply::Registered { .. } => frame(&success(Verb::Register)),
        Reply::LoggedIn(roster) => logged_in(roster),
        Reply::Pong => frame(&success(Verb::Ping)),
        Reply::FriendAdded { friend, .. } => frame(&Answer { friend: name_of(friend), ..success(Verb::AddFriend) }),
        Reply::FriendRequested { friend, .. } => {
            frame(&Answer { result: Some(REQUESTED), friend: name_of(friend), ..success(Verb::AddFriend) })
        }
        Reply::FriendAnswered { asker, .. } => frame(&Answer { friend: name_of(asker), ..success(Verb::AnswerFriend) }),
        Reply::FriendRemoved { friend } => frame(&Answer { friend: name_of(friend), ..success(Verb::RemoveFriend) }),
        // Both lists have who is online in this dialect.
        Reply::Friends { friends, .. } | Reply::Presence { friends, .. } => {
            let online = joined(friends.iter().filter(|friend| friend.online).map(name_of_friend));
            let all = joined(friends.iter().map(name_of_friend));
            frame(&Answer { friend: Some(&all), online: Some(&online), ..success(Verb::ListFriends) })
        }
        Reply::FriendSet { friend, .. } => frame(&Answer { friend: name_of(friend), ..success(Verb::SetFriend) }),
        Reply::UserFound { person, .. } => {
            frame(&Answer { friend: name_of(person), id: Some(&person.id.to_string()), ..success(Verb::FindUser) })
        }
        Reply::Groups(groups) => {
            let all = joined(groups.iter().map(|group| &group.name));
            frame(&Answer { group: Some(&all), ..success(Verb::ListGroups) })
        }
        Reply::PolicySet { add, message } => frame(&Answer {
            add: Some(typed::friend_policy(*add)),
            message: Some(typed::message_policy(*message)),
            ..success(Verb::SetPolicy)
        }),
        Reply::PasswordChanged => frame(&success(Verb::ChangePassword)),
        Reply::GroupCreated { group, .. } => {
            frame(&Answer { group: name_of_group(group), ..success(Verb::CreateGroup) })
        }
        Reply::Joined { group, .. } => frame(&Answer { group: name_of_group(group), ..success(Verb::JoinGroup) }),
        Reply::JoinRequested { group } => {
            frame(&Answer { result: Some(REQUESTED), group: name_of_group(group), ..success(Verb::JoinGroup) })
        }
        Reply::JoinAnswered { group, member, .. } => {
            frame(&Answer { member: name_of(member), group: name_of_group(group), ..success(Verb::AnswerJoin) })
        }
        Reply::Left { group } => frame(&Answer { group: name_of_group(group), ..success(Verb::LeaveGroup) }),
        Reply::Members { group, members } => {
            let all = joined(members.iter().map(|member| &member.person.name));
            // The document's reply has no `result` here.
            let cmd = words::reply_to(Verb::ListMembers);
            frame(&Answer { cmd, member: Some(&all), group: name_of_group(group), ..Answer::default() })
        }
        Reply::Sent { verb: Verb::SendPrivate, .. } => Frame::new(Bytes::from_static(SENT), 0, 1),
        Reply::Sent { verb: Verb::Post, .. } => Frame::new(Bytes::from_static(POSTED), 0, 1),
        Reply::Sent { verb, .. } => frame(&success(*verb)),
        Reply::History { with, messages, more } => history(with, messages, *more),
        Reply::FilePort { door, length, name, to } => frame(&FilePort {
            cmd: "send_file_port_reply",
            port: door.port(),
            length: *length,
            filename: name,
            user: &to.name,
            path: door.path(),
        }),
        Reply::Refused { verb, refusal, about } => refused(*verb, *refusal, about.as_deref()),
    };
    Some(frame)
}

/// The word for "not yet: the other is asked".
const REQUESTED: &str = "request_sent";

fn logged_in(roster: &Roster) -> Frame {
    let friends = joined(roster.friends.iter().map(name_of_friend));
    let groups = joined(roster.groups.iter().map(|group| &group.name));
    frame(&Answer {
        cmd: words::reply_to(Verb::Login),
        result: Some("success"),
        friend: Some(&friends),
        group: Some(&groups),
        id: Some(&roster.me.id.to_string()),
        ..Answer::default()
    })
}

fn history(with: &Correspondent, messages: &[PastMessage], more: bool) -> Frame {
    let (friend, group) = match with {
        Correspondent::User(person) => (Some(&person.name), None),
        Correspondent::Group(group) => (None, Some(&group.name)),
    };
    let messages = messages.iter().map(Line::of).collect();
    frame(&History { cmd: words::reply_to(Verb::History), result: "success", friend, group, messages, more })
}

fn refused(verb: Verb, refusal: Refusal, about: Option<&str>) -> Frame {
    let result = words::refusal(verb, refusal);
    let explained = result == "failure" || matches!(refusal, Refusal::BadName(_));
    let detail = explained.then(|| refusal.to_string());
    let mut answer =
        Answer { cmd: words::reply_to(verb), result: Some(result), detail: detail.as_deref(), ..Answer::default() };
    // Where a window per person or group is open, the client needs to know which. Elsewhere the document has nothing.
    match verb {
        Verb::SendPrivate => answer.user_to = about,
        Verb::ListMembers => answer.group = about,
        _ => {}
    }
    frame(&answer)
}

/// The object that tells an event; none where this language has no word for it.
pub(super) fn event(event: &Event) -> Option<Frame> {
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
        | Event::FileDeclined { .. } => return None,
        Event::Private { body, .. } | Event::Posted { body, .. } if body.is_taken_back() => return None,
        Event::FriendOnline { friend } => about_friend("friend_login", friend),
        Event::FriendOffline { friend } => about_friend("friend_offline", friend),
        // The document puts the new friend's name into `result`.
        Event::FriendAdded { friend, .. } => {
            frame(&Answer { cmd: "add_friend_reply", result: name_of(friend), ..Answer::default() })
        }
        Event::FriendRequested { asker, .. } => about_friend("add_request", asker),
        Event::FriendRejected { friend, .. } => about_friend("add_rejected", friend),
        Event::FriendRemoved { friend } => about_friend("friend_removed", friend),
        Event::JoinRequested { group, asker, .. } => frame(&Answer {
            cmd: "add_group_request",
            user: name_of(asker),
            group: name_of_group(group),
            ..Answer::default()
        }),
        Event::JoinAnswered { group, accepted, .. } => frame(&Answer {
            cmd: words::reply_to(Verb::JoinGroup),
            result: Some(if *accepted { "success" } else { "rejected" }),
            group: name_of_group(group),
            ..Answer::default()
        }),
        Event::Private { from, to, body, .. } => chat(&[
            (r#"{"cmd":"private_chat","user_from":""#, from.name.as_str()),
            (r#"","user_to":""#, to.name.as_str()),
            (r#"","text":""#, &body.told()),
        ]),
        Event::Posted { from, group, body, .. } => chat(&[
            (r#"{"cmd":"group_chat","user":""#, from.name.as_str()),
            (r#"","group":""#, group.name.as_str()),
            (r#"","text":""#, &body.told()),
        ]),
        Event::FileOffered { from, door, length, name, .. } => frame(&FilePort {
            cmd: "recv_file_port_reply",
            port: door.port(),
            length: *length,
            filename: name,
            user: &from.name,
            path: door.path(),
        }),
        Event::TransferFailed { end, .. } => frame(&Answer {
            cmd: words::reply_to(Verb::OfferFile),
            result: Some(words::transfer_end(*end)),
            ..Answer::default()
        }),
        Event::Closing { reason } => {
            let (result, detail) = words::closing(*reason);
            error(result, detail)
        }
    };
    Some(told)
}

/// The object that tells a mistake.
pub(super) fn mistake(mistake: &Mistake) -> Frame {
    error(words::mistake(mistake.kind), &mistake.detail)
}

fn error(result: &str, detail: &str) -> Frame {
    frame(&Answer { cmd: "error", result: Some(result), detail: Some(detail), ..Answer::default() })
}

fn about_friend(cmd: &str, friend: &Person) -> Frame {
    frame(&Answer { cmd, friend: name_of(friend), ..Answer::default() })
}

fn name_of(person: &Person) -> Option<&str> {
    Some(person.name.as_str())
}

fn name_of_friend(friend: &Friend) -> &Name {
    &friend.person.name
}

fn name_of_group(group: &GroupRef) -> Option<&str> {
    Some(group.name.as_str())
}

/// Names in a row, as clients split them: `|` between them, none at the end, nothing for none.
fn joined<'a>(names: impl Iterator<Item = &'a Name>) -> String {
    let mut list = String::new();
    for name in names {
        if !list.is_empty() {
            list.push('|');
        }
        list.push_str(name.as_str());
    }
    list
}

/// Most objects fit; a longer one grows.
const USUAL: usize = 192;

/// The two replies that are sent most are not made anew for each message.
const SENT: &[u8] = b"{\"cmd\":\"private_chat_reply\",\"result\":\"success\"}\n";
const POSTED: &[u8] = b"{\"cmd\":\"group_chat_reply\",\"result\":\"success\"}\n";

/// The two events that are sent most.
#[inline(always)]
fn chat(fields: &Strings<'_, 3>) -> Frame {
    const END: &[u8] = b"\"}\n";
    let mut wire = Vec::with_capacity(bytes_of(fields) + END.len() + SPARE);
    write_strings(&mut wire, fields);
    wire.extend_from_slice(END);
    Frame::new(Bytes::from(wire), 0, 1)
}

fn frame(object: &impl Serialize) -> Frame {
    let mut wire = Vec::with_capacity(USUAL);
    write(&mut wire, object);
    wire.push(b'\n');
    Frame::new(Bytes::from(wire), 0, 1)
}

fn write<T: Serialize + ?Sized>(wire: &mut Vec<u8>, value: &T) {
    serde_json::to_writer(wire, value).expect("plain fields are written into memory, which cannot fail");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_replies_that_are_kept_ready_are_those_that_would_be_made() {
        for (verb, ready) in [(Verb::SendPrivate, SENT), (Verb::Post, POSTED)] {
            let made = frame(&Answer { cmd: words::reply_to(verb), result: Some("success"), ..Answer::default() });
            assert_eq!(made.wire(), ready);
        }
    }
}
