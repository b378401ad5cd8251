//! Files: an offer to somebody who is online, and the answers of those who are asked.

use super::known;
use crate::delivery::Ticket;
use crate::registry::OfferFile;
use crate::session::Session;
use crate::session::dispatch::{Found, Question};
use crate::transfer::{AcceptTransfer, DeclineTransfer};
use protocol::{FileLength, TransferId, Who};

impl Session {
    pub(in crate::session) fn offer_file(
        &mut self,
        ticket: Ticket,
        to: &Who,
        length: FileLength,
        name: &str,
        hash: Option<[u8; 32]>,
        found: Option<&Found>,
    ) -> Option<Question> {
        let to = known!(self, ticket, self.find_user(to, found), NoSuchUser);
        let origin = self.origin(ticket);
        let from = self.member.as_ref()?.me.clone();
        let friends_only = self.manners().customs.friends_only;
        let first = if friends_only { from.id } else { to.id };
        let offer = OfferFile { from, to, length, name: name.into(), hash, friends_only, origin };
        self.house.registry.shard(first).do_send(offer);
        None
    }

    pub(in crate::session) fn accept_file(
        &mut self,
        ticket: Ticket,
        transfer: TransferId,
        offset: u64,
    ) -> Option<Question> {
        let (origin, who) = (self.origin(ticket), self.account()?);
        self.house.transfers.do_send(AcceptTransfer { who, transfer, offset, origin });
        None
    }

    pub(in crate::session) fn decline_file(
        &mut self,
        ticket: Ticket,
        transfer: TransferId,
        reason: &str,
    ) -> Option<Question> {
        let reason = self.reason(ticket, reason)?;
        let (origin, who) = (self.origin(ticket), self.account()?);
        self.house.transfers.do_send(DeclineTransfer { who, transfer, reason, origin });
        None
    }
}
