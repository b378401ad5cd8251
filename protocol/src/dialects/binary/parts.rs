//! What packets are put together from. Owns: how people, groups, messages and lists are written.
//! Never: knows which packet they are for.

use super::packets as p;
use super::words;
use crate::body::Body;
use crate::event::{GroupRef, Person};
use crate::ids::{GroupId, Seq, UserId};
use crate::mark::{Kept, Mark};
use crate::profile::{Fields, GroupInfo, Member, Profile};
use crate::reply::{Correspondent, Friend, PastMessage, Roster, Terms};
use std::collections::BTreeMap;

/// A person's or a group's name.
pub(super) fn name(name: &crate::Name) -> String {
    name.as_str().to_owned()
}

/// Free-form fields.
fn fields(fields: &Fields) -> BTreeMap<String, String> {
    fields.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
}

/// What somebody tells about itself.
pub(super) fn profile(profile: &Profile) -> p::Profile {
    p::Profile {
        account: profile.person.id.0,
        name: name(&profile.person.name),
        nickname: profile.nickname.to_string(),
        email: profile.email.as_ref().map(|email| email.as_str().to_owned()).unwrap_or_default(),
        gender: words::gender(profile.gender).into(),
        birthday: profile.birthday.to_string(),
        region: profile.region.to_string(),
        signature: profile.signature.to_string(),
        avatar: profile.avatar.clone(),
        fields: fields(&profile.fields),
        findable: profile.findable,
        show_email: profile.show_email,
    }
}

/// The same, where it may not be known: then that of somebody who has said nothing yet.
pub(super) fn profile_of(person: &Person, known: Option<&Profile>) -> p::Profile {
    known.map_or_else(|| profile(&Profile::blank(person.clone())), profile)
}

/// Somebody in a list.
pub(super) fn user(person: &Person) -> p::User {
    p::User { account: person.id.0, name: name(&person.name) }
}

/// A friend in the list of friends.
fn friend(friend: &Friend) -> p::Friend {
    p::Friend {
        account: friend.person.id.0,
        name: name(&friend.person.name),
        nickname: friend.nickname.to_string(),
        remark: friend.remark.to_string(),
        online: friend.online,
        special: friend.special,
    }
}

/// The list of friends.
pub(super) fn friends(friends: &[Friend]) -> Vec<p::Friend> {
    friends.iter().map(friend).collect()
}

/// The list of groups.
pub(super) fn groups(groups: &[GroupRef]) -> Vec<p::Group> {
    groups.iter().map(|group| p::Group { group: group.id.0, name: name(&group.name) }).collect()
}

/// The list of members.
pub(super) fn members(members: &[Member]) -> Vec<p::Member> {
    let member = |member: &Member| p::Member {
        account: member.person.id.0,
        name: name(&member.person.name),
        role: words::role(member.role).into(),
    };
    members.iter().map(member).collect()
}

/// A group as others see it.
pub(super) fn group_info(info: &GroupInfo) -> p::GroupInfo {
    p::GroupInfo {
        group: info.group.id.0,
        name: name(&info.group.name),
        owner: info.owner.0,
        join: words::join_consent(info.join).into(),
        description: info.about.description.to_string(),
        avatar: info.about.avatar.clone(),
        fields: fields(&info.about.fields),
        members: info.members,
        created_ms: info.since_ms,
    }
}

/// What the server takes and expects.
fn limits(terms: Terms) -> p::Limits {
    p::Limits {
        heartbeat_s: terms.heartbeat_s,
        patience_s: terms.patience_s,
        max_packet_bytes: terms.max_packet_bytes,
        max_message_bytes: terms.max_message_bytes,
        receipt_window: terms.receipt_window,
        receipt_timeout_s: terms.receipt_timeout_s,
    }
}

/// What somebody is told who has just logged in.
pub(super) fn login_succeeded(roster: &Roster) -> p::LoginSucceeded {
    p::LoginSucceeded {
        account: roster.me.id.0,
        name: name(&roster.me.name),
        profile: Some(profile_of(&roster.me, roster.profile.as_deref())),
        friends: friends(&roster.friends),
        groups: groups(&roster.groups),
        limits: roster.terms.map(limits),
    }
}

/// What is to be given back for an event that is kept.
pub(super) fn receipt(kept: Option<Kept>) -> Option<p::Receipt> {
    let receipt = |kept: Kept| match kept.mark {
        Mark::Inbox(place) => p::Receipt { group: 0, place: place.0 },
        Mark::Group(group, place) => p::Receipt { group: group.0, place: place.0 },
    };
    kept.map(receipt)
}

/// The conversation with a person.
pub(super) fn with_user(account: UserId) -> Option<p::Peer> {
    Some(p::Peer { peer: Some(p::peer::Peer::Account(account.0)) })
}

/// A group's conversation.
pub(super) fn with_group(group: GroupId) -> Option<p::Peer> {
    Some(p::Peer { peer: Some(p::peer::Peer::Group(group.0)) })
}

/// Either.
pub(super) fn with(with: &Correspondent) -> Option<p::Peer> {
    match with {
        Correspondent::User(person) => with_user(person.id),
        Correspondent::Group(group) => with_group(group.id),
    }
}

/// A message, but for whom it is; `None` for what says only that one was taken back.
pub(super) fn message(from: &Person, seq: Seq, at_ms: u64, body: &Body) -> Option<p::Message> {
    let (kind, custom) = words::kind(body.kind)?;
    Some(p::Message {
        sender: from.id.0,
        kind: kind.into(),
        custom,
        length: u32::try_from(body.data.len()).unwrap_or(u32::MAX),
        payload: body.data.clone(),
        id: seq.0,
        at_ms,
        sender_name: name(&from.name),
        ..p::Message::default()
    })
}

/// A message in a page of history. In one with a person, the packet does not know who reads it: what that person wrote
/// has 0 in `to`.
pub(super) fn past(past: &PastMessage, with: &Correspondent) -> Option<p::Message> {
    let message = message(&past.from, past.seq, past.at_ms, &past.body)?;
    Some(match with {
        Correspondent::User(person) if person.id == past.from.id => message,
        Correspondent::User(person) => p::Message { to: person.id.0, ..message },
        Correspondent::Group(group) => p::Message { group: group.id.0, group_name: name(&group.name), ..message },
    })
}
