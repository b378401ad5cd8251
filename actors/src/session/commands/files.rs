//! Files: an offer to somebody who is online.

use super::known;
use crate::delivery::Ticket;
use crate::registry::OfferFile;
use crate::session::Session;
use crate::session::dispatch::{Found, Question};
use protocol::{FileLength, Who};

impl Session {
    pub(in crate::session) fn offer_file(
        &mut self,
        ticket: Ticket,
        to: &Who,
        length: FileLength,
        name: &str,
        found: Option<&Found>,
    ) -> Option<Question> {
        let to = known!(self, ticket, self.find_user(to, found), NoSuchUser);
        let origin = self.origin(ticket)?;
        let from = self.member.as_ref()?.me.clone();
        let friends_only = self.manners().customs.friends_only;
        let first = if friends_only { from.id } else { to.id };
        let offer = OfferFile { from, to, length, name: name.into(), friends_only, origin };
        self.house.registry.shard(first).do_send(offer);
        None
    }
}
