//! Events into packets. Owns: which packet tells what, and which of them are to be acknowledged.
//! Never: knows who reads it.

use super::packets as p;
use super::packets::packet::Body as Said;
use super::parts::{self, name, receipt};
use super::words;
use crate::event::{Event, Person};
use crate::ids::{GroupId, UserId};
use crate::mark::Kept;

/// The packet that tells an event; none for what only marks the place of a message that was taken back.
pub(super) fn event(event: &Event, kept: Option<Kept>) -> Option<Said> {
    Some(match event {
        Event::FriendOnline { friend } => presence(friend, true),
        Event::FriendOffline { friend } => presence(friend, false),
        Event::FriendAdded { .. }
        | Event::FriendRequested { .. }
        | Event::FriendRejected { .. }
        | Event::FriendRequestExpired { .. }
        | Event::FriendRemoved { .. } => return of_friends(event, kept),
        Event::JoinRequested { .. }
        | Event::JoinAnswered { .. }
        | Event::JoinRequestExpired { .. }
        | Event::RoleChanged { .. }
        | Event::Invited { .. }
        | Event::InviteAnswered { .. }
        | Event::InviteExpired { .. }
        | Event::MemberRemoved { .. }
        | Event::GroupDissolved { .. } => return of_groups(event, kept),
        Event::Private { .. } | Event::Posted { .. } => return message(event, kept),
        Event::FileOffered { .. }
        | Event::FileAsked { .. }
        | Event::FileReady { .. }
        | Event::FileProgress { .. }
        | Event::FileDone { .. }
        | Event::FileDeclined { .. }
        | Event::TransferFailed { .. } => return of_files(event),
        Event::Typing { from, group } => Said::Typing(p::Typing { peer: where_of(from, *group), sender: from.id.0 }),
        Event::Read { from, group, place } => {
            Said::Read(p::Read { peer: where_of(from, *group), id: place.0, sender: from.id.0 })
        }
        Event::Closing { reason } => {
            let (why, detail) = words::closing(*reason);
            Said::ForcedLogout(p::ForcedLogout { why: why.into(), detail: detail.to_owned() })
        }
    })
}

fn presence(friend: &Person, online: bool) -> Said {
    Said::Presence(p::Presence { friend: friend.id.0, name: name(&friend.name), online })
}

/// Where somebody did something: in a group, or towards whoever is told.
fn where_of(from: &Person, group: Option<GroupId>) -> Option<p::Peer> {
    group.map_or_else(|| parts::with_user(from.id), parts::with_group)
}

fn of_friends(event: &Event, kept: Option<Kept>) -> Option<Said> {
    Some(match event {
        // Kept: it is the answer to a request. Not kept: somebody added whoever is told, who is asked by nobody.
        Event::FriendAdded { friend, to, profile } if kept.is_some() => Said::FriendAccepted(p::FriendAccepted {
            account: friend.id.0,
            asker: to.0,
            profile: Some(parts::profile_of(friend, profile.as_deref())),
            receipt: receipt(kept),
        }),
        Event::FriendAdded { friend, profile, .. } => friend_added(friend, profile.as_deref()),
        Event::FriendRequested { asker, to, reason, .. } => Said::FriendRequested(p::FriendRequested {
            asker: asker.id.0,
            account: to.0,
            reason: reason.to_string(),
            name: name(&asker.name),
        }),
        Event::FriendRejected { friend, to, reason } => Said::FriendRejected(p::FriendRejected {
            account: friend.id.0,
            asker: to.0,
            reason: reason.to_string(),
            name: name(&friend.name),
            receipt: receipt(kept),
        }),
        Event::FriendRequestExpired { asker, asked, to } => Said::FriendRequestExpired(p::FriendRequestExpired {
            account: asked.id.0,
            asker: asker.id.0,
            name: name(&other_of(asker, asked, *to).name),
            receipt: receipt(kept),
        }),
        Event::FriendRemoved { friend } => {
            Said::FriendRemoved(p::FriendRemoved { friend: friend.id.0, name: name(&friend.name) })
        }
        _ => return None,
    })
}

/// Friends, without a request: as an event, and as the answer to whoever did it.
pub(super) fn friend_added(friend: &Person, profile: Option<&crate::Profile>) -> Said {
    Said::FriendAdded(p::FriendAdded { friend: friend.id.0, profile: Some(parts::profile_of(friend, profile)) })
}

fn other_of<'a>(one: &'a Person, other: &'a Person, me: UserId) -> &'a Person {
    if one.id == me { other } else { one }
}

fn of_groups(event: &Event, kept: Option<Kept>) -> Option<Said> {
    let receipt = receipt(kept);
    Some(match event {
        Event::JoinRequested { group, asker, reason } => Said::JoinRequested(p::JoinRequested {
            asker: asker.id.0,
            group: group.id.0,
            group_name: name(&group.name),
            reason: reason.to_string(),
            name: name(&asker.name),
        }),
        Event::JoinAnswered { group, to, accepted: true, .. } => Said::JoinAccepted(p::JoinAccepted {
            group: group.id.0,
            asker: to.0,
            group_name: name(&group.name),
            receipt,
        }),
        Event::JoinAnswered { group, to, accepted: false, reason } => Said::JoinRejected(p::JoinRejected {
            group: group.id.0,
            asker: to.0,
            reason: reason.to_string(),
            group_name: name(&group.name),
            receipt,
        }),
        Event::JoinRequestExpired { group, asker } => Said::JoinRequestExpired(p::JoinRequestExpired {
            group: group.id.0,
            asker: asker.id.0,
            group_name: name(&group.name),
            receipt,
        }),
        Event::RoleChanged { group, to, role } => Said::RoleChanged(p::RoleChanged {
            group: group.id.0,
            member: to.0,
            role: words::role(*role).into(),
            group_name: name(&group.name),
            receipt,
        }),
        Event::Invited { group, inviter } => Said::Invited(p::Invited {
            group: group.id.0,
            group_name: name(&group.name),
            inviter: inviter.id.0,
            inviter_name: name(&inviter.name),
        }),
        Event::InviteAnswered { group, who, accepted, reason } => Said::InviteAnswered(p::InviteAnswered {
            group: group.id.0,
            account: who.id.0,
            accepted: *accepted,
            reason: reason.to_string(),
            group_name: name(&group.name),
            receipt,
        }),
        Event::InviteExpired { group, who } => Said::InviteExpired(p::InviteExpired {
            group: group.id.0,
            account: who.id.0,
            group_name: name(&group.name),
            receipt,
        }),
        Event::MemberRemoved { group, to, reason } => Said::MemberRemoved(p::MemberRemoved {
            group: group.id.0,
            member: to.0,
            reason: reason.to_string(),
            group_name: name(&group.name),
            receipt,
        }),
        Event::GroupDissolved { group } => {
            Said::GroupDissolved(p::GroupDissolved { group: group.id.0, group_name: name(&group.name), receipt })
        }
        _ => return None,
    })
}

fn message(event: &Event, kept: Option<Kept>) -> Option<Said> {
    let late = kept.is_some_and(|kept| kept.late);
    match event {
        Event::Private { from, body, .. } | Event::Posted { from, body, .. } if body.is_taken_back() => {
            // What is left of a message says nothing; that it was taken back has its own place.
            let id = body.recalls()?.0;
            let peer = match event {
                Event::Posted { group, .. } => parts::with_group(group.id),
                _ => parts::with_user(from.id),
            };
            let told = p::MessageRecalled { peer, id, sender: from.id.0, receipt: receipt(kept) };
            Some(Said::MessageRecalled(told))
        }
        Event::Private { from, to, seq, at_ms, body } => {
            let message = parts::message(from, *seq, *at_ms, body)?;
            let message = p::Message { to: to.id.0, receipt: receipt(kept), ..message };
            Some(if late { Said::OfflinePrivateMessage(message) } else { Said::PrivateMessage(message) })
        }
        Event::Posted { from, group, seq, at_ms, body } => {
            let message = parts::message(from, *seq, *at_ms, body)?;
            let (group, group_name) = (group.id.0, name(&group.name));
            let message = p::Message { group, group_name, receipt: receipt(kept), ..message };
            Some(if late { Said::OfflineGroupMessage(message) } else { Said::GroupMessage(message) })
        }
        _ => None,
    }
}

fn of_files(event: &Event) -> Option<Said> {
    Some(match event {
        // As those are told who speak of files without being asked: there is a door, and no number.
        Event::FileOffered { door, length, .. } => Said::FileReady(p::FileReady {
            transfer: 0,
            port: door.port().into(),
            path: door.path().unwrap_or_default().to_owned(),
            offset: 0,
            length: length.bytes,
            sending: false,
        }),
        Event::FileAsked { transfer, from, length, name: file, hash, .. } => Said::FileOffered(p::FileOffered {
            transfer: transfer.0,
            sender: from.id.0,
            sender_name: name(&from.name),
            name: file.to_string(),
            size: *length,
            sha256: hash.map(|hash| bytes::Bytes::copy_from_slice(&hash)).unwrap_or_default(),
        }),
        Event::FileReady { transfer, door, offset, length, sending, .. } => Said::FileReady(p::FileReady {
            transfer: transfer.0,
            port: door.port().into(),
            path: door.path().unwrap_or_default().to_owned(),
            offset: *offset,
            length: *length,
            sending: *sending,
        }),
        Event::FileProgress { transfer, bytes } => {
            Said::FileProgress(p::FileProgress { transfer: transfer.0, bytes: *bytes })
        }
        Event::FileDone { transfer } => Said::FileDone(p::FileDone { transfer: transfer.0 }),
        Event::FileDeclined { transfer, reason } => {
            Said::FileDeclined(p::FileDeclined { transfer: transfer.0, reason: reason.to_string() })
        }
        Event::TransferFailed { transfer, end, bytes } => {
            let (reason, detail) = words::transfer_end(*end);
            Said::FileFailed(p::FileFailed {
                transfer: transfer.0,
                reason: reason.into(),
                bytes: *bytes,
                detail: detail.to_owned(),
            })
        }
        _ => return None,
    })
}
