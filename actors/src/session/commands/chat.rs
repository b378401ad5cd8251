//! Messages: private, to a group, and history.

use super::known;
use crate::delivery::Ticket;
use crate::group::Post;
use crate::registry::SendPrivate;
use crate::session::Session;
use crate::session::dispatch::{Found, Question};
use crate::store::{Conversation, LoadHistory, Op, Stamp, Submit, Then};
use protocol::{Body, Correspondent, Peer, Refusal, Seq, UserId, WhichGroup, Who};

impl Session {
    pub(in crate::session) fn send_private(
        &mut self,
        ticket: Ticket,
        from: UserId,
        to: &Who,
        body: &Body,
        number: Option<u64>,
        found: Option<&Found>,
    ) -> Option<Question> {
        if body.data.len() > self.house.settings.message.max_bytes {
            self.refuse(ticket, Refusal::TooLarge);
            return None;
        }
        let to = known!(self, ticket, self.find_user(to, found), NoSuchUser);
        let origin = self.origin(ticket);
        let stamp = self.stamp(number);
        let customs = &self.manners().customs;
        let (online_only, friends_only) = (!customs.store_offline, customs.friends_only);
        let message = SendPrivate { from, to: to.id, body: body.clone(), online_only, friends_only, stamp, origin };
        self.house.registry.shard(to.id).do_send(message);
        None
    }

    pub(in crate::session) fn post(
        &mut self,
        ticket: Ticket,
        from: UserId,
        group: &WhichGroup,
        body: &Body,
        number: Option<u64>,
        found: Option<&Found>,
    ) -> Option<Question> {
        if body.data.len() > self.house.settings.message.max_bytes {
            self.refuse(ticket, Refusal::TooLarge);
            return None;
        }
        let group = match group {
            // Whoever repeats a post to a group that is gone need not be told so.
            WhichGroup::Id(id) if number.is_some() => *id,
            which => known!(self, ticket, self.find_group(which, found), NoSuchGroup).id,
        };
        let origin = self.origin(ticket);
        let echo = self.manners().group_echo;
        let stamp = self.stamp(number);
        match self.member.as_ref().and_then(|member| member.feeds.group(group)) {
            Some(followed) => followed.listening.handle().tell(Post { from, body: body.clone(), echo, stamp, origin }),
            None => match stamp {
                Some(stamp) => {
                    let op = Op::Again { from, group, body: body.clone(), stamp, otherwise: Refusal::NotMember };
                    self.house.store.do_send(Submit { op, origin: Some(origin), then: Then::Registry });
                }
                None => self.refuse(ticket, Refusal::NotMember),
            },
        }
        None
    }

    /// By which a message with a number of the client's own is told from others.
    fn stamp(&self, number: Option<u64>) -> Option<Stamp> {
        let instance = self.member.as_ref()?.instance.as_deref().copied();
        Some(Stamp { instance, number: number? })
    }

    pub(in crate::session) fn history(
        &mut self,
        ticket: Ticket,
        user: UserId,
        peer: &Peer,
        before: Option<Seq>,
        limit: Option<u32>,
        found: Option<&Found>,
    ) -> Option<Question> {
        let (conversation, with) = match peer {
            Peer::User(who) => {
                let other = known!(self, ticket, self.find_user(who, found), NoSuchUser);
                (Conversation::between(user, other.id), Correspondent::User(other))
            }
            Peer::Group(which) => {
                let group = known!(self, ticket, self.find_group(which, found), NoSuchGroup);
                (Conversation::Group(group.id), Correspondent::Group(group))
            }
        };
        let most = self.house.settings.message.history_page;
        let asked = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(most);
        let rows = asked.clamp(1, most);
        // One reply has to fit into the outbox with room to spare.
        let bytes = self.house.settings.session.outbox_bytes / 4;
        let origin = self.origin(ticket);
        let load = LoadHistory { user, conversation, with, before, rows, bytes, origin };
        self.house.reader(user).do_send(load);
        None
    }
}
