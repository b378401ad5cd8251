//! Friends: add, answer, remove, list.

use super::account::with_presence;
use super::known;
use crate::delivery::Ticket;
use crate::session::Session;
use crate::session::dispatch::{Found, Question};
use crate::store::{LoadFriends, Op};
use protocol::{Friend, Reply, UserId, Verb, Verdict, Who};

impl Session {
    pub(in crate::session) fn add_friend(
        &mut self,
        ticket: Ticket,
        from: UserId,
        friend: &Who,
        special: bool,
        reason: &str,
        found: Option<&Found>,
    ) -> Option<Question> {
        let reason = self.reason(ticket, reason)?;
        let to = known!(self, ticket, self.find_user(friend, found), NoSuchUser);
        self.submit(ticket, Op::Befriend { from, to: to.id, special, reason });
        None
    }

    pub(in crate::session) fn answer_friend(
        &mut self,
        ticket: Ticket,
        user: UserId,
        asker: &Who,
        verdict: Verdict,
        (special, reason): (bool, &str),
        found: Option<&Found>,
    ) -> Option<Question> {
        let reason = self.reason(ticket, reason)?;
        let asker = known!(self, ticket, self.find_user(asker, found), NoSuchUser);
        self.submit(ticket, Op::AnswerFriend { user, asker: asker.id, verdict, special, reason });
        None
    }

    pub(in crate::session) fn set_friend(
        &mut self,
        ticket: Ticket,
        user: UserId,
        friend: &Who,
        special: bool,
        found: Option<&Found>,
    ) -> Option<Question> {
        let friend = known!(self, ticket, self.find_user(friend, found), NoSuchUser);
        self.submit(ticket, Op::SetFriend { user, friend: friend.id, special });
        None
    }

    pub(in crate::session) fn look_up(&mut self, ticket: Ticket, who: &Who, found: Option<&Found>) -> Option<Question> {
        let person = known!(self, ticket, self.find_user(who, found), NoSuchUser);
        let email = match who {
            Who::Email(email) => Some(email.clone()),
            Who::Name(_) | Who::Id(_) => None,
        };
        self.reply(ticket, &Reply::UserFound { person, email });
        None
    }

    pub(in crate::session) fn remove_friend(
        &mut self,
        ticket: Ticket,
        user: UserId,
        friend: &Who,
        found: Option<&Found>,
    ) -> Option<Question> {
        let friend = known!(self, ticket, self.find_user(friend, found), NoSuchUser);
        self.submit(ticket, Op::Unfriend { user, friend: friend.id });
        None
    }

    /// First the list, then who of them is online. The same way for both questions, of friends and of presence.
    pub(in crate::session) fn list_friends(&mut self, ticket: Ticket, user: UserId) -> Option<Question> {
        let origin = self.origin(ticket);
        let profiles = self.manners().customs.profiles;
        self.house.reader(user).do_send(LoadFriends { user, profiles, origin });
        None
    }

    pub(in crate::session) fn friends(&mut self, ticket: Ticket, friends: Vec<Friend>) {
        let origin = self.origin(ticket);
        let ids = friends.iter().map(|friend| friend.person.id).collect();
        if let Some(member) = &mut self.member {
            member.listed = Some(Box::new((ticket, friends)));
        }
        self.house.registry.roll(ids, origin);
    }

    /// Who of the asked is online: the end of a login, or of a list.
    pub(in crate::session) fn online(&mut self, ticket: Ticket, online: &[UserId]) {
        let listed = self.member.as_mut().and_then(|member| {
            let (_, friends) = *member.listed.take_if(|listed| listed.0 == ticket)?;
            Some((member.me.clone(), with_presence(friends, online)))
        });
        let Some((me, friends)) = listed else { return self.announced(ticket, online) };
        let Some(slot) = self.answers.slot(ticket) else { return };
        let reply = match slot.verb {
            Verb::ListPresence => Reply::Presence { me, friends },
            _ => Reply::Friends { me, friends },
        };
        self.reply(ticket, &reply);
    }
}
