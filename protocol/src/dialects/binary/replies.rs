//! Replies and mistakes into packets. Owns: which packet answers what, and which no has a packet of its own.
//! Never: tells whether it was the account or the password that a login had wrong.

use super::events::friend_added;
use super::frame::UNASKED;
use super::packets as p;
use super::packets::packet::Body as Said;
use super::parts::{self, name};
use super::words;
use crate::command::Verb;
use crate::dialect::Mistake;
use crate::event::GroupRef;
use crate::ids::{RequestId, UserId};
use crate::reply::{MessagePolicy, Refusal, Reply};

/// The packet that answers a request; none for a sign of life, or a yes without more to say, to a request without a
/// number.
pub(super) fn reply(request: RequestId, reply: &Reply) -> Option<Said> {
    Some(match reply {
        Reply::Pong if request == UNASKED => return None,
        Reply::Pong => Said::Heartbeat(p::Heartbeat {}),
        Reply::Done | Reply::PasswordChanged | Reply::FriendSet { .. } if request == UNASKED => return None,
        Reply::Done | Reply::PasswordChanged | Reply::FriendSet { .. } => Said::Done(p::Done {}),
        Reply::Registered { id, name: called } => Said::Registered(p::Registered { account: id.0, name: name(called) }),
        Reply::CodeSent { email, valid_s } => {
            Said::CodeSent(p::CodeSent { email: email.to_string(), valid_s: *valid_s })
        }
        Reply::Profile(profile) => Said::Profile(parts::profile(profile)),
        Reply::FriendProfile(profile) => {
            Said::FriendProfile(p::FriendProfile { profile: Some(parts::profile(profile)) })
        }
        Reply::LoggedIn(roster) => Said::LoginSucceeded(parts::login_succeeded(roster)),
        Reply::LoggedOut => Said::LoggedOut(p::LoggedOut {}),
        Reply::FriendAdded { friend, profile } => friend_added(friend, profile.as_deref()),
        Reply::FriendRequested { me, friend } => {
            Said::FriendRequestSent(p::FriendRequestSent { asker: me.0, account: friend.id.0 })
        }
        Reply::FriendAnswered { me, asker, accepted: true, profile } => Said::FriendAccepted(p::FriendAccepted {
            account: me.0,
            asker: asker.id.0,
            profile: Some(parts::profile_of(asker, profile.as_deref())),
            receipt: None,
        }),
        Reply::FriendAnswered { me, asker, accepted: false, .. } => Said::FriendRejected(p::FriendRejected {
            account: me.0,
            asker: asker.id.0,
            reason: String::new(),
            name: name(&asker.name),
            receipt: None,
        }),
        Reply::RemarkSet { me, friend, remark } => {
            Said::RemarkSet(p::RemarkSet { account: me.0, friend: friend.id.0, remark: remark.to_string() })
        }
        Reply::Blocked { who, blocked } => Said::Blocked(p::Blocked { account: who.id.0, blocked: *blocked }),
        Reply::BlockList(people) => Said::BlockList(p::BlockList { users: people.iter().map(parts::user).collect() }),
        Reply::FriendRemoved { friend } => {
            Said::FriendRemoved(p::FriendRemoved { friend: friend.id.0, name: name(&friend.name) })
        }
        Reply::Friends { friends, .. } | Reply::Presence { friends, .. } => {
            Said::FriendList(p::FriendList { friends: parts::friends(friends) })
        }
        Reply::UserFound { person, email } => Said::UserFound(p::UserFound {
            email: email.as_ref().map_or_else(String::new, |email| email.as_str().to_owned()),
            account: person.id.0,
            name: name(&person.name),
        }),
        Reply::PolicySet { add, message } => Said::Policy(p::Policy {
            friends: words::friend_consent(*add).into(),
            friends_only: *message == MessagePolicy::Friends,
        }),
        Reply::Sent { seq, at_ms, .. } => {
            Said::MessageSent(p::MessageSent { seq: request.0, id: seq.0, at_ms: *at_ms })
        }
        // Whose it was is who asks: that is known to whoever is answered.
        Reply::Recalled { with, place } => {
            Said::MessageRecalled(p::MessageRecalled { peer: parts::with(with), id: place.0, sender: 0, receipt: None })
        }
        Reply::History { with, messages, more } => Said::History(p::History {
            peer: parts::with(with),
            messages: messages.iter().filter_map(|past| parts::past(past, with)).collect(),
            more: *more,
        }),
        // A transfer that was not asked about has no number.
        Reply::FilePort { door, length, .. } => Said::FileReady(p::FileReady {
            transfer: 0,
            port: door.port().into(),
            path: door.path().unwrap_or_default().to_owned(),
            offset: 0,
            length: length.bytes,
            sending: true,
        }),
        Reply::FileOffered { transfer } => Said::FileOfferSent(p::FileOfferSent { transfer: transfer.0 }),
        Reply::FileDeclined { transfer } => {
            Said::FileDeclined(p::FileDeclined { transfer: transfer.0, reason: String::new() })
        }
        Reply::Refused { verb, refusal, about } => refused(*verb, *refusal, about.as_deref()),
        Reply::Groups(_)
        | Reply::GroupCreated { .. }
        | Reply::GroupInfo(_)
        | Reply::RoleSet { .. }
        | Reply::InviteSent { .. }
        | Reply::InviteAnswered { .. }
        | Reply::MemberRemoved { .. }
        | Reply::GroupDissolved { .. }
        | Reply::Joined { .. }
        | Reply::JoinRequested { .. }
        | Reply::JoinAnswered { .. }
        | Reply::Left { .. }
        | Reply::Members { .. } => return of_groups(reply),
    })
}

fn of_groups(reply: &Reply) -> Option<Said> {
    Some(match reply {
        Reply::Groups(groups) => Said::GroupList(p::GroupList { groups: parts::groups(groups) }),
        Reply::GroupCreated { info, .. } => Said::GroupCreated(p::GroupCreated { info: Some(parts::group_info(info)) }),
        Reply::GroupInfo(info) => Said::GroupInfo(parts::group_info(info)),
        Reply::RoleSet { group, member, role } => Said::RoleChanged(p::RoleChanged {
            group: group.id.0,
            member: member.id.0,
            role: words::role(*role).into(),
            group_name: name(&group.name),
            receipt: None,
        }),
        Reply::InviteSent { group, who } => Said::InviteSent(p::InviteSent { group: group.id.0, account: who.id.0 }),
        Reply::InviteAnswered { group, me, accepted } => Said::InviteAnswered(p::InviteAnswered {
            group: group.id.0,
            account: me.0,
            accepted: *accepted,
            reason: String::new(),
            group_name: name(&group.name),
            receipt: None,
        }),
        Reply::MemberRemoved { group, member } => Said::MemberRemoved(p::MemberRemoved {
            group: group.id.0,
            member: member.id.0,
            reason: String::new(),
            group_name: name(&group.name),
            receipt: None,
        }),
        Reply::GroupDissolved { group } => {
            Said::GroupDissolved(p::GroupDissolved { group: group.id.0, group_name: name(&group.name), receipt: None })
        }
        Reply::Joined { me, group } => join_answered(group, *me, true),
        Reply::JoinRequested { group } => Said::JoinRequestSent(p::JoinRequestSent { group: group.id.0 }),
        Reply::JoinAnswered { group, member, accepted } => join_answered(group, member.id, *accepted),
        Reply::Left { group } => Said::GroupLeft(p::GroupLeft { group: group.id.0 }),
        Reply::Members { group, members } => {
            Said::MemberList(p::MemberList { group: group.id.0, members: parts::members(members) })
        }
        _ => return None,
    })
}

fn join_answered(group: &GroupRef, asker: UserId, accepted: bool) -> Said {
    let (group, group_name, asker) = (group.id.0, name(&group.name), asker.0);
    if accepted {
        Said::JoinAccepted(p::JoinAccepted { group, asker, group_name, receipt: None })
    } else {
        Said::JoinRejected(p::JoinRejected { group, asker, reason: String::new(), group_name, receipt: None })
    }
}

/// A no: in its own packet, where the document has one.
fn refused(verb: Verb, refusal: Refusal, about: Option<&str>) -> Said {
    let about_text = || about.unwrap_or_default().to_owned();
    let refusal = match (verb, refusal) {
        // One word for both: nobody is told which numbers and addresses have an account.
        (Verb::Login, Refusal::NoSuchUser) => Refusal::WrongPassword,
        (_, refusal) => refusal,
    };
    let (reason, detail) = (i32::from(words::refusal(refusal)), refusal.to_string());
    match (verb, refusal) {
        (Verb::Login, _) => Said::LoginFailed(p::LoginFailed { reason, detail }),
        (Verb::Register | Verb::RegisterByMail | Verb::RequestCode, Refusal::EmailTaken) => {
            Said::EmailTaken(p::EmailTaken { email: about_text() })
        }
        (Verb::RegisterByMail, Refusal::WrongCode) => Said::WrongCode(p::WrongCode { detail }),
        (Verb::Register | Verb::RegisterByMail, _) => {
            Said::RegistrationFailed(p::RegistrationFailed { reason, detail })
        }
        (Verb::FindUser, Refusal::NoSuchUser) => Said::UserNotFound(not_found(about.unwrap_or_default())),
        (Verb::AddFriend, Refusal::NoSuchUser) if about.is_some_and(|about| about.parse::<u64>().is_ok()) => {
            Said::UserNotFound(not_found(about.unwrap_or_default()))
        }
        (Verb::CreateGroup, _) => Said::CreateGroupFailed(p::CreateGroupFailed { reason, detail }),
        _ => Said::Error(p::Error { reason, detail }),
    }
}

/// Nobody of that address, number or name: what was asked for tells which it is. A name of digits alone is taken for a
/// number, which is also said as it was asked.
fn not_found(asked: &str) -> p::UserNotFound {
    let mut told = p::UserNotFound::default();
    if asked.contains('@') {
        asked.clone_into(&mut told.email);
    } else if let Ok(account) = asked.parse() {
        told.account = account;
    } else {
        asked.clone_into(&mut told.name);
    }
    told
}

/// The packet that tells a mistake.
pub(super) fn mistake(mistake: &Mistake) -> Said {
    Said::Error(p::Error { reason: words::mistake(mistake.kind).into(), detail: mistake.detail.clone() })
}
