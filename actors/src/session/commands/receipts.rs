//! What a client says of messages: that it has them, has read them, is writing one, or takes one back.

use super::known;
use crate::delivery::{Origin, Ticket};
use crate::group::{Overheard, RecallPost};
use crate::registry::Whisper;
use crate::session::Session;
use crate::session::dispatch::{Found, Question};
use crate::session::window::Ack;
use crate::store::{Conversation, Op, Submit, Then};
use protocol::{
    Correspondent, Event, GroupId, Mark, Outgoing, Peer, Person, Refusal, Reply, RequestId, Seq, UserId, Verb,
};
use std::sync::Arc;
use std::time::Duration;

/// How often somebody is told that somebody is writing, at the most, and how often within a second how far it has read:
/// nothing else bounds what is kept nowhere and told to a whole group.
const TYPING_EVERY: Duration = Duration::from_secs(1);
const READS_A_SECOND: u32 = 10;

/// A message that is being taken back: what the reply says of it.
pub(in crate::session) struct Recalling {
    ticket: Ticket,
    with: Correspondent,
    place: Seq,
}

impl Session {
    /// Taken at once, whatever is open: what it makes room for may be what the client waits for. Only a no is answered.
    pub(in crate::session) fn received(&mut self, request: RequestId, marks: &[Mark]) {
        let refusal = match &mut self.member {
            None => Some(Refusal::NotLoggedIn),
            Some(member) => {
                let mut unknown = 0;
                for mark in marks {
                    unknown += usize::from(member.receiving.acknowledge(*mark, &mut member.feeds) == Ack::Unknown);
                }
                (unknown > 0).then_some(Refusal::NoSuchReceipt)
            }
        };
        if let Some(refusal) = refusal {
            let ticket = self.answers.open(request, Verb::Received, None, self.clock.now);
            self.refuse(ticket, refusal);
        }
    }

    pub(in crate::session) fn typing(
        &mut self,
        ticket: Ticket,
        peer: &Peer,
        found: Option<&Found>,
    ) -> Option<Question> {
        let now = self.clock.now;
        let member = self.member.as_mut()?;
        let typed = member.lately.as_ref().and_then(|lately| lately.typed);
        if typed.is_some_and(|at| now < at + TYPING_EVERY) {
            self.reply(ticket, &Reply::Done);
            return None;
        }
        let event = |from, group| Event::Typing { from, group };
        let asked = self.whisper(ticket, peer, event, found);
        if let (None, Some(member)) = (&asked, &mut self.member) {
            member.lately.get_or_insert_default().typed = Some(now);
        }
        asked
    }

    pub(in crate::session) fn mark_read(
        &mut self,
        ticket: Ticket,
        peer: &Peer,
        place: Seq,
        found: Option<&Found>,
    ) -> Option<Question> {
        let now = self.clock.now;
        let read = self.member.as_ref()?.lately.as_ref().and_then(|lately| lately.read);
        let (since, told) = read.filter(|(since, _)| now < *since + Duration::from_secs(1)).unwrap_or((now, 0));
        if told >= READS_A_SECOND {
            self.reply(ticket, &Reply::Done);
            return None;
        }
        let asked = self.whisper(ticket, peer, |from, group| Event::Read { from, group, place }, found);
        // Whose name has to be looked up first comes here twice.
        if let (None, Some(member)) = (&asked, &mut self.member) {
            member.lately.get_or_insert_default().read = Some((since, told + 1));
        }
        asked
    }

    /// Tells whoever is there, and says yes whether or not anybody is.
    fn whisper(
        &mut self,
        ticket: Ticket,
        peer: &Peer,
        event: impl FnOnce(Person, Option<GroupId>) -> Event,
        found: Option<&Found>,
    ) -> Option<Question> {
        let me = self.member.as_ref()?.me.clone();
        let from = me.id;
        match peer {
            Peer::User(who) => {
                let to = known!(self, ticket, self.find_user(who, found), NoSuchUser);
                let what = Arc::new(Outgoing::new(event(me, None)));
                let friends_only = self.manners().customs.friends_only;
                self.house.registry.shard(to.id).do_send(Whisper { from, to: to.id, friends_only, what });
            }
            Peer::Group(which) => {
                let group = known!(self, ticket, self.find_group(which, found), NoSuchGroup);
                let Some(followed) = self.member.as_ref().and_then(|member| member.feeds.group(group.id)) else {
                    self.refuse(ticket, Refusal::NotMember);
                    return None;
                };
                let what = Arc::new(Outgoing::new(event(me, Some(group.id))));
                followed.listening.handle().tell(Overheard { from, what });
            }
        }
        self.reply(ticket, &Reply::Done);
        None
    }

    pub(in crate::session) fn recall(
        &mut self,
        ticket: Ticket,
        user: UserId,
        peer: &Peer,
        place: Seq,
        found: Option<&Found>,
    ) -> Option<Question> {
        let with = match peer {
            Peer::User(who) => Correspondent::User(known!(self, ticket, self.find_user(who, found), NoSuchUser)),
            Peer::Group(which) => {
                Correspondent::Group(known!(self, ticket, self.find_group(which, found), NoSuchGroup))
            }
        };
        let origin = self.origin(ticket);
        match &with {
            Correspondent::User(other) => {
                let op = Op::Recall { user, of: Conversation::between(user, other.id), place };
                self.house.store.do_send(Submit { op, origin: Some(origin), then: Then::Registry });
            }
            Correspondent::Group(group) => {
                if !self.recall_post(user, group.id, place, origin) {
                    self.refuse(ticket, Refusal::NotMember);
                    return None;
                }
            }
        }
        if let Some(member) = &mut self.member {
            member.recalling = Some(Box::new(Recalling { ticket, with, place }));
        }
        None
    }

    fn recall_post(&self, user: UserId, group: GroupId, place: Seq, origin: Origin) -> bool {
        let followed = self.member.as_ref().and_then(|member| member.feeds.group(group));
        followed.map(|followed| followed.listening.handle().tell(RecallPost { user, place, origin })).is_some()
    }

    /// The message that takes another back is committed.
    pub(in crate::session) fn recalled(&mut self, ticket: Ticket) {
        let recalling = self.member.as_mut().and_then(|member| member.recalling.take_if(|it| it.ticket == ticket));
        let Some(recalling) = recalling else { return };
        let Recalling { with, place, .. } = *recalling;
        self.reply(ticket, &Reply::Recalled { with, place });
    }
}
