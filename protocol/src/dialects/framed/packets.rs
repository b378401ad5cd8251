//! The packets that the server writes. Owns: their keys, in the document's order where they are the document's; ids are
//! written as strings. Never: decides when one is sent (see `encode`).

use super::fit::Part;
use crate::body::FileLength;
use crate::dialects::runs::Digits;
use crate::event::GroupRef;
use crate::ids::{GroupId, Seq, UserId};
use crate::profile::Member;
use crate::reply::{Friend, PastMessage};
use serde::{Serialize, Serializer};

/// An id as a string of digits.
fn text<S: Serializer>(id: &(impl Copy + Into<u64>), serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(Digits::of((*id).into()).as_str())
}

fn maybe_text<S: Serializer>(id: &Option<impl Copy + Into<u64>>, serializer: S) -> Result<S::Ok, S::Error> {
    match id {
        Some(id) => text(id, serializer),
        None => serializer.serialize_none(),
    }
}

/// `"0"` or `"1"`.
fn flag<S: Serializer>(is: &bool, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(if *is { "1" } else { "0" })
}

fn maybe_flag<S: Serializer>(is: &Option<bool>, serializer: S) -> Result<S::Ok, S::Error> {
    match is {
        Some(is) => flag(is, serializer),
        None => serializer.serialize_none(),
    }
}

/// Most returns and notices: what it answers, and whom or what it is about.
#[derive(Serialize, Clone, Copy, Default)]
pub(super) struct Answer<'a> {
    pub command: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "maybe_text")]
    pub src: Option<UserId>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "maybe_text")]
    pub dst: Option<UserId>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "maybe_text")]
    pub id: Option<UserId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "maybe_flag")]
    pub online: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "maybe_text")]
    pub group: Option<GroupId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub groupname: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub add: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<&'a str>,
    /// `detail`, as the original server wrote it in some packets: clients read either.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub datail: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<&'a str>,
}

/// Somebody asks to be a friend.
#[derive(Serialize)]
pub(super) struct FriendRequest {
    pub command: &'static str,
    #[serde(serialize_with = "text")]
    pub src: UserId,
    #[serde(serialize_with = "text")]
    pub dst: UserId,
    #[serde(serialize_with = "flag")]
    pub status: bool,
    pub message: &'static str,
}

/// A private message, as its receiver gets it.
#[derive(Serialize)]
pub(super) struct PrivateMessage<'a> {
    pub command: &'static str,
    #[serde(serialize_with = "text")]
    pub src: UserId,
    #[serde(serialize_with = "text")]
    pub dst: UserId,
    pub message: &'a str,
    #[serde(flatten)]
    pub part: Option<Part>,
}

impl<'a> PrivateMessage<'a> {
    pub(super) fn new(src: UserId, dst: UserId, message: &'a str) -> Self {
        Self { command: "send_message", src, dst, message, part: None }
    }
}

/// A message in a group, as its members get it.
#[derive(Serialize)]
pub(super) struct GroupMessage<'a> {
    pub command: &'static str,
    #[serde(serialize_with = "text")]
    pub src: UserId,
    pub username: &'a str,
    #[serde(serialize_with = "text")]
    pub group: GroupId,
    pub groupname: &'a str,
    pub message: &'a str,
    #[serde(flatten)]
    pub part: Option<Part>,
}

impl<'a> GroupMessage<'a> {
    pub(super) fn new(src: UserId, username: &'a str, group: GroupId, groupname: &'a str, message: &'a str) -> Self {
        Self { command: "send_group_message", src, username, group, groupname, message, part: None }
    }
}

/// Where the bytes of a file go.
#[derive(Serialize)]
pub(super) struct FilePort<'a> {
    command: &'static str,
    status: &'static str,
    port: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'a str>,
    length: FileLength,
    filename: &'a str,
    #[serde(serialize_with = "text")]
    dst: UserId,
}

impl<'a> FilePort<'a> {
    /// As the sender gets it.
    pub(super) fn sending(
        port: u16,
        path: Option<&'a str>,
        length: FileLength,
        filename: &'a str,
        dst: UserId,
    ) -> Self {
        Self { command: "send_file_return", status: "success", port, path, length, filename, dst }
    }
}

/// Where the bytes of a file come from.
#[derive(Serialize)]
pub(super) struct FileOffer<'a> {
    pub command: &'static str,
    #[serde(serialize_with = "text")]
    pub src: UserId,
    pub username: &'a str,
    #[serde(serialize_with = "text")]
    pub dst: UserId,
    pub port: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<&'a str>,
    pub length: FileLength,
    pub filename: &'a str,
}

/// The friends, in the document's order of keys.
#[derive(Serialize)]
pub(super) struct FriendList<'a> {
    pub command: &'static str,
    #[serde(serialize_with = "text")]
    pub id: UserId,
    pub status: &'static str,
    pub friends: &'a [ListedFriend<'a>],
    #[serde(flatten)]
    pub part: Option<Part>,
}

#[derive(Serialize)]
pub(super) struct ListedFriend<'a> {
    #[serde(serialize_with = "text")]
    id: UserId,
    username: &'a str,
    #[serde(serialize_with = "flag")]
    status: bool,
}

impl<'a> From<&'a Friend> for ListedFriend<'a> {
    fn from(friend: &'a Friend) -> Self {
        Self { id: friend.person.id, username: friend.person.name.as_str(), status: friend.special }
    }
}

/// Which friends are online.
#[derive(Serialize)]
pub(super) struct PresenceList<'a> {
    pub command: &'static str,
    pub status: &'static str,
    #[serde(serialize_with = "text")]
    pub id: UserId,
    pub friends: &'a [ListedPresence<'a>],
    #[serde(flatten)]
    pub part: Option<Part>,
}

#[derive(Serialize)]
pub(super) struct ListedPresence<'a> {
    #[serde(serialize_with = "text")]
    id: UserId,
    username: &'a str,
    #[serde(serialize_with = "flag")]
    online: bool,
}

impl<'a> From<&'a Friend> for ListedPresence<'a> {
    fn from(friend: &'a Friend) -> Self {
        Self { id: friend.person.id, username: friend.person.name.as_str(), online: friend.online }
    }
}

/// The groups of an account.
#[derive(Serialize)]
pub(super) struct GroupList<'a> {
    pub command: &'static str,
    pub status: &'static str,
    pub groups: &'a [ListedGroup<'a>],
    #[serde(flatten)]
    pub part: Option<Part>,
}

#[derive(Serialize)]
pub(super) struct ListedGroup<'a> {
    #[serde(serialize_with = "text")]
    group: GroupId,
    groupname: &'a str,
}

impl<'a> From<&'a GroupRef> for ListedGroup<'a> {
    fn from(group: &'a GroupRef) -> Self {
        Self { group: group.id, groupname: group.name.as_str() }
    }
}

/// The members of a group.
#[derive(Serialize)]
pub(super) struct MemberList<'a> {
    pub command: &'static str,
    pub status: &'static str,
    #[serde(serialize_with = "text")]
    pub group: GroupId,
    pub groupname: &'a str,
    pub members: &'a [ListedMember<'a>],
    #[serde(flatten)]
    pub part: Option<Part>,
}

#[derive(Serialize)]
pub(super) struct ListedMember<'a> {
    #[serde(serialize_with = "text")]
    id: UserId,
    username: &'a str,
}

impl<'a> From<&'a Member> for ListedMember<'a> {
    fn from(member: &'a Member) -> Self {
        let person = &member.person;
        Self { id: person.id, username: person.name.as_str() }
    }
}

/// A page of a conversation, with a person or in a group.
#[derive(Serialize)]
pub(super) struct History<'a> {
    pub command: &'static str,
    pub status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "maybe_text")]
    pub dst: Option<UserId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "maybe_text")]
    pub group: Option<GroupId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub groupname: Option<&'a str>,
    pub messages: &'a [Line<'a>],
    pub more: bool,
    #[serde(flatten)]
    pub part: Option<Part>,
}

#[derive(Serialize, Clone, Copy)]
pub(super) struct Line<'a> {
    pub seq: Seq,
    #[serde(serialize_with = "text")]
    pub src: UserId,
    pub username: &'a str,
    pub message: &'a str,
    pub time: u64,
}

impl<'a> Line<'a> {
    pub(super) fn new(past: &'a PastMessage, message: &'a str) -> Self {
        Self { seq: past.seq, src: past.from.id, username: past.from.name.as_str(), message, time: past.at_ms }
    }
}
