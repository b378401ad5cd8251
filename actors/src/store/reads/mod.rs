//! Those who read: actors with read handles of their own, so that a long history never waits in the way of a commit.
//! Hear: sessions and the group directory. Tell: whoever asked. See only what is committed.
//! If one dies the process ends. What they read of conversations and inboxes is in `talks.rs`, all else here.

mod talks;

pub use talks::{LoadBacklog, LoadHistory};

use super::reader::Reader;
use super::rows::ReadError;
use crate::delivery::{Answered, Origin};
use crate::group::{Directory, GroupLoaded};
use crate::house::{Essential, House, now_ms};
use actix::prelude::*;
use protocol::{Email, GroupId, NameKey, Refusal, Reply, UserId};
use std::sync::Arc;

/// The actor.
pub struct StoreReader {
    house: Arc<House>,
    reader: Reader,
    _essential: Essential,
}

impl StoreReader {
    /// With a read handle.
    #[must_use]
    pub fn new(house: Arc<House>, reader: Reader) -> Self {
        let essential = Essential::new("store reader", house.watch.clone());
        Self { house, reader, _essential: essential }
    }
}

impl Actor for StoreReader {
    type Context = Context<Self>;
}

/// Answers with what was read, or says `Fault` to the asker and why to the operator.
fn answer(origin: &Origin, read: Result<Answered, ReadError>) {
    match read {
        Ok(body) => origin.answer(body),
        Err(error) => {
            log::error!("reading from the database failed: {error}");
            origin.refuse(Refusal::Fault);
        }
    }
}

/// All that a login needs. Answered with `Loaded`.
#[derive(Message)]
#[rtype(result = "()")]
pub struct LoadLogin {
    /// Whose.
    pub user: UserId,
    /// With what people tell about themselves, for dialects that want to know.
    pub profiles: bool,
    /// Who asks.
    pub origin: Origin,
}

impl Handler<LoadLogin> for StoreReader {
    type Result = ();

    fn handle(&mut self, LoadLogin { user, profiles, origin }: LoadLogin, _: &mut Context<Self>) {
        let ttl = self.house.settings.friend.request_ttl();
        let read = self.reader.login_state(user, now_ms(), ttl, profiles).map(|state| match state {
            Some(state) => Answered::Loaded(Box::new(state)),
            None => Answered::Refused(Refusal::NoSuchUser),
        });
        answer(&origin, read);
    }
}

/// Somebody's friends. Answered with `Friends`.
#[derive(Message)]
#[rtype(result = "()")]
pub struct LoadFriends {
    /// Whose.
    pub user: UserId,
    /// With what they call themselves, for dialects that want to know.
    pub profiles: bool,
    /// Who asks.
    pub origin: Origin,
}

impl Handler<LoadFriends> for StoreReader {
    type Result = ();

    fn handle(&mut self, LoadFriends { user, profiles, origin }: LoadFriends, _: &mut Context<Self>) {
        answer(&origin, self.reader.friends(user, profiles).map(Answered::Friends));
    }
}

/// Somebody's groups. Answered with the reply.
#[derive(Message)]
#[rtype(result = "()")]
pub struct LoadGroups {
    /// Whose.
    pub user: UserId,
    /// Who asks.
    pub origin: Origin,
}

impl Handler<LoadGroups> for StoreReader {
    type Result = ();

    fn handle(&mut self, LoadGroups { user, origin }: LoadGroups, _: &mut Context<Self>) {
        let read = self.reader.groups(user).map(|groups| {
            Answered::Reply(Box::new(Reply::Groups(groups.into_iter().map(|membership| membership.group).collect())))
        });
        answer(&origin, read);
    }
}

/// Which account has that name? Answered with `FoundUser`; what is found is remembered in [`super::Names`].
#[derive(Message)]
#[rtype(result = "()")]
pub struct FindUser {
    /// The name.
    pub key: NameKey,
    /// Who asks.
    pub origin: Origin,
}

impl Handler<FindUser> for StoreReader {
    type Result = ();

    fn handle(&mut self, FindUser { key, origin }: FindUser, _: &mut Context<Self>) {
        let read = self.reader.user_by_name(&key).and_then(|id| match id {
            Some(id) => self.reader.account(id),
            None => Ok(None),
        });
        let read = read.map(|account| {
            let person = account.map(|account| account.person);
            if let Some(person) = &person {
                self.house.names.learn_user(key, person.clone());
            }
            Answered::FoundUser(person)
        });
        answer(&origin, read);
    }
}

/// Which account has that number? Answered like [`FindUser`].
#[derive(Message)]
#[rtype(result = "()")]
pub struct FindUserById {
    /// The number.
    pub id: UserId,
    /// Who asks.
    pub origin: Origin,
}

impl Handler<FindUserById> for StoreReader {
    type Result = ();

    fn handle(&mut self, FindUserById { id, origin }: FindUserById, _: &mut Context<Self>) {
        let read = self.reader.account(id).map(|account| {
            let person = account.map(|account| account.person);
            if let Some(person) = &person {
                self.house.names.learn_user(person.name.key(), person.clone());
            }
            Answered::FoundUser(person)
        });
        answer(&origin, read);
    }
}

/// Which account has that e-mail address, and may be found by it? Answered like [`FindUser`].
#[derive(Message)]
#[rtype(result = "()")]
pub struct FindUserByEmail {
    /// The address.
    pub email: Email,
    /// Who asks.
    pub origin: Origin,
}

impl Handler<FindUserByEmail> for StoreReader {
    type Result = ();

    fn handle(&mut self, FindUserByEmail { email, origin }: FindUserByEmail, _: &mut Context<Self>) {
        answer(&origin, self.reader.findable_by_email(&email).map(Answered::FoundUser));
    }
}

/// What somebody tells about itself: to itself, and to its friends. Answered with the reply; for everybody else, there
/// or not, refused with `NotFriends`.
#[derive(Message)]
#[rtype(result = "()")]
pub struct LoadProfile {
    /// Who asks.
    pub user: UserId,
    /// Whose.
    pub of: UserId,
    /// The asking session.
    pub origin: Origin,
}

impl Handler<LoadProfile> for StoreReader {
    type Result = ();

    fn handle(&mut self, LoadProfile { user, of, origin }: LoadProfile, _: &mut Context<Self>) {
        let read = match user == of {
            true => self.reader.profile(of).map(|profile| profile.map(|profile| Reply::Profile(Box::new(profile)))),
            false => {
                let read = self.reader.friend_profile(user, of);
                read.map(|profile| profile.map(|profile| Reply::FriendProfile(Box::new(profile))))
            }
        };
        let read = read.map(|reply| match reply {
            Some(reply) => Answered::Reply(Box::new(reply)),
            None => Answered::Refused(Refusal::NotFriends),
        });
        answer(&origin, read);
    }
}

/// Whom somebody has blocked. Answered with the reply.
#[derive(Message)]
#[rtype(result = "()")]
pub struct LoadBlocked {
    /// Whose list.
    pub user: UserId,
    /// Who asks.
    pub origin: Origin,
}

impl Handler<LoadBlocked> for StoreReader {
    type Result = ();

    fn handle(&mut self, LoadBlocked { user, origin }: LoadBlocked, _: &mut Context<Self>) {
        let read = self.reader.block_list(user);
        answer(&origin, read.map(|people| Answered::Reply(Box::new(Reply::BlockList(people)))));
    }
}

/// Which group has that name? Answered with `FoundGroup`.
#[derive(Message)]
#[rtype(result = "()")]
pub struct FindGroup {
    /// The name.
    pub key: NameKey,
    /// Who asks.
    pub origin: Origin,
}

impl Handler<FindGroup> for StoreReader {
    type Result = ();

    fn handle(&mut self, FindGroup { key, origin }: FindGroup, _: &mut Context<Self>) {
        let read = self.reader.group_by_name(&key).and_then(|id| match id {
            Some(id) => self.reader.group(id),
            None => Ok(None),
        });
        let read = read.map(|card| {
            let group = card.map(|card| card.group);
            if let Some(group) = &group {
                self.house.names.learn_group(key, group.clone());
            }
            Answered::FoundGroup(group)
        });
        answer(&origin, read);
    }
}

/// Which group has that number? Answered like [`FindGroup`].
#[derive(Message)]
#[rtype(result = "()")]
pub struct FindGroupById {
    /// The number.
    pub id: GroupId,
    /// Who asks.
    pub origin: Origin,
}

impl Handler<FindGroupById> for StoreReader {
    type Result = ();

    fn handle(&mut self, FindGroupById { id, origin }: FindGroupById, _: &mut Context<Self>) {
        let read = self.reader.group(id).map(|card| Answered::FoundGroup(card.map(|card| card.group)));
        answer(&origin, read);
    }
}

/// What a group tells about itself, to anybody. Answered with the reply.
#[derive(Message)]
#[rtype(result = "()")]
pub struct LoadGroupInfo {
    /// Which.
    pub group: GroupId,
    /// Who asks.
    pub origin: Origin,
}

impl Handler<LoadGroupInfo> for StoreReader {
    type Result = ();

    fn handle(&mut self, LoadGroupInfo { group, origin }: LoadGroupInfo, _: &mut Context<Self>) {
        let read = self.reader.group_info(group).map(|info| match info {
            Some(info) => Answered::Reply(Box::new(Reply::GroupInfo(Box::new(info)))),
            None => Answered::Refused(Refusal::NoSuchGroup),
        });
        answer(&origin, read);
    }
}

/// A group's members, for the directory that wakes it.
#[derive(Message)]
#[rtype(result = "()")]
pub struct LoadGroup {
    /// Which.
    pub group: GroupId,
    /// Who asks.
    pub to: Addr<Directory>,
}

impl Handler<LoadGroup> for StoreReader {
    type Result = ();

    fn handle(&mut self, LoadGroup { group, to }: LoadGroup, _: &mut Context<Self>) {
        let state = self.reader.group_state(group).unwrap_or_else(|error| {
            log::error!("reading from the database failed: {error}");
            None
        });
        to.do_send(GroupLoaded { group, state });
    }
}

/// Ends the reader.
#[derive(Message)]
#[rtype(result = "()")]
pub struct StopReader;

impl Handler<StopReader> for StoreReader {
    type Result = ();

    fn handle(&mut self, _: StopReader, ctx: &mut Context<Self>) {
        ctx.stop();
    }
}
