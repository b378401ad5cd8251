//! Fields of packets into what commands are made of. Owns: what a field's number or text may be.
//! Never: says a field's value in a mistake: it may be a password, or somebody's words.

use super::packets as p;
use super::words;
use crate::body::{Body, BodyKind};
use crate::command::{Claim, CodePurpose, Peer, WhichGroup, Who};
use crate::dialect::{Mistake, MistakeKind};
use crate::dialects::typed::mistake;
use crate::email::Email;
use crate::ids::{GroupId, Instance, UserId};
use crate::names::NameKey;
use crate::profile::{Fields, Gender, GroupAbout, GroupChange, ProfileChange, Role};
use crate::reply::{FriendPolicy, JoinPolicy};
use bytes::Bytes;
use std::collections::BTreeMap;

pub(super) fn missing(field: &str) -> Mistake {
    mistake(MistakeKind::MissingField, format!("`{field}` is missing"))
}

pub(super) fn bad(detail: &str) -> Mistake {
    mistake(MistakeKind::BadValue, detail)
}

/// A person by number.
pub(super) fn user(account: u64) -> Who {
    Who::Id(UserId(account))
}

/// A group by number.
pub(super) fn group(number: u64) -> WhichGroup {
    WhichGroup::Id(GroupId(number))
}

/// Who the client says it is, if it does.
pub(super) fn claim(account: u64) -> Option<Claim> {
    (account != 0).then(|| user(account))
}

/// Whoever logs in. A text that is no address is nobody's: it is refused like a wrong password, so that it tells nothing.
pub(super) fn login_who(who: Option<p::login::Who>) -> Result<Who, Mistake> {
    Ok(match who.ok_or_else(|| missing("email` or `account"))? {
        p::login::Who::Email(email) => Email::parse(&email).map_or(Who::Id(UserId(0)), Who::Email),
        p::login::Who::Account(account) => user(account),
        p::login::Who::Name(name) => Who::Name(NameKey::of(&name)),
    })
}

/// Whoever is looked for.
pub(super) fn find_who(who: Option<p::find_user::Who>) -> Result<Who, Mistake> {
    Ok(match who.ok_or_else(|| missing("email"))? {
        p::find_user::Who::Email(email) => {
            Who::Email(Email::parse(&email).map_err(|error| bad(&format!("`email`: {error}")))?)
        }
        p::find_user::Who::Account(account) => user(account),
        p::find_user::Who::Name(name) => Who::Name(NameKey::of(&name)),
    })
}

/// The group that is looked at.
pub(super) fn which_group(asked: &p::GetGroup) -> Result<WhichGroup, Mistake> {
    match (asked.group, asked.name.as_str()) {
        (0, "") => Err(missing("group")),
        (0, name) => Ok(WhichGroup::Name(NameKey::of(name))),
        (number, _) => Ok(group(number)),
    }
}

/// The other end of a conversation.
pub(super) fn peer(peer: Option<p::Peer>) -> Result<Peer, Mistake> {
    match peer.and_then(|peer| peer.peer).ok_or_else(|| missing("peer"))? {
        p::peer::Peer::Account(account) => Ok(Peer::User(user(account))),
        p::peer::Peer::Group(number) => Ok(Peer::Group(group(number))),
    }
}

/// Which installation of a client it is, if it says so.
pub(super) fn instance(bytes: &[u8]) -> Result<Option<Instance>, Mistake> {
    match (bytes.is_empty(), bytes.try_into()) {
        (true, _) => Ok(None),
        (false, Ok(instance)) => Ok(Some(Instance(instance))),
        (false, Err(_)) => Err(bad("`instance` has 16 bytes, or none")),
    }
}

/// A file's hash, if it is said.
pub(super) fn sha256(bytes: &[u8]) -> Result<Option<[u8; 32]>, Mistake> {
    match (bytes.is_empty(), bytes.try_into()) {
        (true, _) => Ok(None),
        (false, Ok(hash)) => Ok(Some(hash)),
        (false, Err(_)) => Err(bad("`sha256` has 32 bytes, or none")),
    }
}

/// What a message says.
pub(super) fn body(message: p::Message) -> Result<Body, Mistake> {
    if usize::try_from(message.length) != Ok(message.payload.len()) {
        let (said, there) = (message.length, message.payload.len());
        return Err(bad(&format!("`length` says {said}, and `payload` has {there} bytes")));
    }
    let kind = p::Kind::try_from(message.kind).map_err(|_| bad("`kind` is none"))?;
    let kind = words::body_kind(kind, message.custom);
    if kind == BodyKind::Text && std::str::from_utf8(&message.payload).is_err() {
        return Err(bad("a text is UTF-8"));
    }
    Ok(Body { kind, data: message.payload })
}

/// What a code is for.
pub(super) fn purpose(purpose: i32) -> Result<CodePurpose, Mistake> {
    use p::request_code::Purpose;
    Ok(match Purpose::try_from(purpose).map_err(|_| bad("`purpose` is none"))? {
        Purpose::Register => CodePurpose::Register,
        Purpose::Login => CodePurpose::Login,
        Purpose::Reset => CodePurpose::Reset,
        Purpose::Bind => CodePurpose::Bind,
    })
}

/// How somebody becomes a friend, if it is said.
pub(super) fn friend_policy(consent: i32) -> Result<Option<FriendPolicy>, Mistake> {
    Ok(match p::Consent::try_from(consent).map_err(|_| bad("`friends` is none"))? {
        p::Consent::Unspecified => None,
        p::Consent::Open => Some(FriendPolicy::Open),
        p::Consent::Ask => Some(FriendPolicy::Confirm),
    })
}

/// How somebody comes into a group, if it is said.
pub(super) fn join_policy(consent: i32) -> Result<Option<JoinPolicy>, Mistake> {
    Ok(match p::Consent::try_from(consent).map_err(|_| bad("`join` is none"))? {
        p::Consent::Unspecified => None,
        p::Consent::Open => Some(JoinPolicy::Open),
        p::Consent::Ask => Some(JoinPolicy::Approval),
    })
}

/// What an owner can make of somebody.
pub(super) fn role(role: i32) -> Result<Role, Mistake> {
    match p::Role::try_from(role) {
        Ok(p::Role::Member) => Ok(Role::Member),
        Ok(p::Role::Manager) => Ok(Role::Manager),
        Ok(p::Role::Unspecified) => Err(missing("role")),
        Ok(p::Role::Owner) | Err(_) => Err(bad("`role` is MEMBER or MANAGER")),
    }
}

fn gender(gender: i32) -> Result<Gender, Mistake> {
    p::Gender::try_from(gender).map(words::gender_said).map_err(|_| bad("`gender` is none"))
}

/// Free-form fields.
fn fields(fields: BTreeMap<String, String>) -> Fields {
    fields.into_iter().map(|(name, value)| (name.into(), value.into())).collect()
}

/// How a profile is to change.
pub(super) fn profile_change(asked: p::ChangeProfile) -> Result<Box<ProfileChange>, Mistake> {
    Ok(Box::new(ProfileChange {
        nickname: asked.nickname.map(Into::into),
        gender: asked.gender.map(gender).transpose()?,
        birthday: asked.birthday.map(Into::into),
        region: asked.region.map(Into::into),
        signature: asked.signature.map(Into::into),
        avatar: asked.avatar,
        fields: asked.set_fields.then(|| fields(asked.fields)),
        findable: asked.findable,
        show_email: asked.show_email,
    }))
}

/// How a group is to change.
pub(super) fn group_change(asked: p::ChangeGroup) -> Result<Box<GroupChange>, Mistake> {
    Ok(Box::new(GroupChange {
        join: join_policy(asked.join)?,
        description: asked.description.map(Into::into),
        avatar: asked.avatar,
        fields: asked.set_fields.then(|| fields(asked.fields)),
    }))
}

/// What a new group tells about itself.
pub(super) fn group_about(description: String, avatar: Bytes, told: BTreeMap<String, String>) -> Box<GroupAbout> {
    Box::new(GroupAbout { description: description.into(), avatar, fields: fields(told) })
}
