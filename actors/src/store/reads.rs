//! Those who read: actors with read handles of their own, so that a long history never waits in the way of a commit.
//! Hear: sessions and the group directory. Tell: whoever asked. See only what is committed.
//! If one dies the process ends.

use super::ops::{Conversation, InboxItem, Mark, Page};
use super::reader::Reader;
use super::rows::ReadError;
use crate::delivery::{Answered, Backlog, Origin, SessionHandle};
use crate::group::{Directory, GroupLoaded};
use crate::house::{Essential, House, now_ms};
use actix::prelude::*;
use protocol::reply::PastMessage;
use protocol::{Correspondent, Email, Event, GroupId, Kept, NameKey, Outgoing, Refusal, Reply, Seq, UserId};
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

/// The next part of a backlog. Answered with [`Backlog`].
#[derive(Message)]
#[rtype(result = "()")]
pub struct LoadBacklog {
    /// Whose.
    pub user: UserId,
    /// Which feed, and after which place.
    pub after: Mark,
    /// Rows at the most.
    pub rows: usize,
    /// Bytes at the most, but at least one row.
    pub bytes: usize,
    /// Who asks.
    pub session: Arc<SessionHandle>,
}

impl Handler<LoadBacklog> for StoreReader {
    type Result = ();

    fn handle(&mut self, load: LoadBacklog, _: &mut Context<Self>) {
        let LoadBacklog { user, after, rows, bytes, session } = load;
        let page = match after {
            Mark::Inbox(place) => self.reader.inbox(user, place, rows, bytes).map(|page| Page {
                more: page.more,
                rows: page
                    .rows
                    .into_iter()
                    .map(|(seq, item)| (seq, Some(shared(inbox_event(user, item), Mark::Inbox(seq)))))
                    .collect(),
            }),
            Mark::Group(group, place) => self.posts(user, group, place, rows, bytes),
        };
        match page {
            Ok(page) => session.tell(Backlog { user, after, page }),
            Err(error) => {
                log::error!("reading a backlog failed: {error}");
                session.condemn(protocol::ClosingReason::Fault);
            }
        }
    }
}

type BacklogPage = Page<(Seq, Option<Arc<Outgoing>>)>;

impl StoreReader {
    fn posts(
        &self,
        user: UserId,
        group: GroupId,
        after: Seq,
        rows: usize,
        bytes: usize,
    ) -> Result<BacklogPage, ReadError> {
        // The session may not have heard yet that its account is no member any more.
        let card = if self.reader.is_member(user, group)? { self.reader.group(group)? } else { None };
        let Some(card) = card else { return Ok(Page { rows: Vec::new(), more: false }) };
        let page = self.reader.posts(group, after, rows, bytes)?;
        let event = |stored: super::ops::Stored| {
            let seq = stored.seq;
            // What somebody wrote itself it has seen.
            let what = (stored.from.id != user).then(|| {
                let group = card.group.clone();
                let super::ops::Stored { seq, from, at_ms, body } = stored;
                let mark = Mark::Group(group.id, seq);
                shared(Event::Posted { from, group, seq, at_ms, body }, mark)
            });
            (seq, what)
        };
        Ok(Page { rows: page.rows.into_iter().map(event).collect(), more: page.more })
    }
}

/// Something that was read from the store.
fn shared(event: Event, mark: Mark) -> Arc<Outgoing> {
    Arc::new(Outgoing::kept(event, Kept { mark, late: true }))
}

/// What `to` is told of something in its inbox.
fn inbox_event(to: UserId, item: InboxItem) -> Event {
    match item {
        InboxItem::FriendRequestExpired { asker, asked } => Event::FriendRequestExpired { asker, asked, to },
        InboxItem::JoinRequestExpired { group, asker } => Event::JoinRequestExpired { group, asker },
        InboxItem::RoleChanged { group, role } => Event::RoleChanged { group, to, role },
        InboxItem::InviteAnswered { group, who, accepted, reason } => {
            Event::InviteAnswered { group, who, accepted, reason }
        }
        InboxItem::InviteExpired { group, who } => Event::InviteExpired { group, who },
        InboxItem::MemberRemoved { group, reason } => Event::MemberRemoved { group, to, reason },
        InboxItem::GroupDissolved { group } => Event::GroupDissolved { group },
        InboxItem::Private { from, to, seq, at_ms, body } => Event::Private { from, to, seq, at_ms, body },
        InboxItem::FriendAccepted { friend, profile } => Event::FriendAdded { friend, to, profile: Some(profile) },
        InboxItem::FriendRejected { friend, reason } => Event::FriendRejected { friend, to, reason },
        InboxItem::JoinAnswered { group, accepted, reason } => Event::JoinAnswered { group, to, accepted, reason },
    }
}

/// A page of history. The asker's right to it is checked here: a member's, or one of the two.
#[derive(Message)]
#[rtype(result = "()")]
pub struct LoadHistory {
    /// Who asks.
    pub user: UserId,
    /// Of what.
    pub conversation: Conversation,
    /// The same conversation, as others see it.
    pub with: Correspondent,
    /// Only what came before.
    pub before: Option<Seq>,
    /// Rows at the most.
    pub rows: usize,
    /// Bytes at the most, but at least one row.
    pub bytes: usize,
    /// The asking session.
    pub origin: Origin,
}

impl Handler<LoadHistory> for StoreReader {
    type Result = ();

    fn handle(&mut self, load: LoadHistory, _: &mut Context<Self>) {
        let LoadHistory { user, conversation, with, before, rows, bytes, origin } = load;
        let allowed = match conversation {
            Conversation::Private(a, b) => Ok(user == a || user == b),
            Conversation::Group(group) => self.reader.is_member(user, group),
        };
        let read = allowed.and_then(|allowed| {
            if !allowed {
                return Ok(Answered::Refused(Refusal::NotMember));
            }
            let page = self.reader.history(conversation, before, rows, bytes)?;
            let messages = page.rows.into_iter().map(|stored| {
                let super::ops::Stored { seq, from, at_ms, body } = stored;
                PastMessage { seq, from, at_ms, body }
            });
            let messages = messages.collect();
            Ok(Answered::Reply(Box::new(Reply::History { with, messages, more: page.more })))
        });
        answer(&origin, read);
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
