//! Files, as far as the registry has to do with them: who of an account's sessions is offered one, sends it, or hears how
//! it goes. Never: knows what transfers there are (the broker does).

use super::Shard;
use crate::delivery::{Deliver, Origin, SessionHandle};
use crate::transfer::{AcceptTransfer, OfferTransfer, SenderFound};
use actix::prelude::*;
use protocol::{FileLength, Outgoing, Person, Refusal, SessionId, UserId};
use std::sync::Arc;

/// Which of an account's sessions, of those that are asked whether they take files.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Whom {
    /// All.
    All,
    /// The one that takes part; once it has gone all, since its client may be back on another.
    Part(SessionId),
    /// All but this one.
    Others(SessionId),
}

/// A file for an account of this shard.
#[derive(Message)]
#[rtype(result = "()")]
pub struct OfferFile {
    /// Who sends; the session's own account.
    pub from: Person,
    /// To whom.
    pub to: Person,
    /// How long.
    pub length: FileLength,
    /// The name as the sender wrote it.
    pub name: Box<str>,
    /// The SHA-256 of its bytes, as the sender says.
    pub hash: Option<[u8; 32]>,
    /// Refuse it between people who are not friends, whatever the receiver allows. Then it comes to the sender's shard
    /// first, which knows its friends whether they are here or not: a stranger is not told who is online.
    pub friends_only: bool,
    /// The sending session.
    pub origin: Origin,
}

/// Tell an account how a file of its goes.
#[derive(Message)]
#[rtype(result = "()")]
pub struct TellAsked {
    /// The account.
    pub to: UserId,
    /// On which sessions.
    pub whom: Whom,
    /// What.
    pub what: Arc<Outgoing>,
}

/// A file is taken: where is its sender now? Answered to the broker with [`SenderFound`].
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct FindSender {
    /// The sender, an account of this shard.
    pub(crate) sender: UserId,
    /// On which sessions.
    pub(crate) whom: Whom,
    /// Who takes what.
    pub(crate) acceptance: AcceptTransfer,
}

impl Shard {
    /// The sessions of an account that are asked about files and are meant.
    fn asked(&self, user: UserId, whom: Whom) -> Vec<Arc<SessionHandle>> {
        let sessions = || self.presence.sessions(user).iter().filter(|session| session.is_asked_for_files());
        match whom {
            Whom::Part(part) => match sessions().find(|session| session.id == part) {
                Some(session) => vec![session.clone()],
                None => sessions().cloned().collect(),
            },
            Whom::All => sessions().cloned().collect(),
            Whom::Others(one) => sessions().filter(|session| session.id != one).cloned().collect(),
        }
    }

    /// Who is offered a file that comes from `origin`. Where both sides are such as are asked, all of the receiver's that
    /// are, but the one that offers, if there is another: the first that accepts gets it.
    ///
    /// Clients of the other dialects connect by themselves. If all of an account's sessions did, nobody could tell the
    /// one that receives from a stranger; so the one that came last is offered it.
    fn receivers(&self, to: UserId, origin: &SessionHandle) -> Vec<Arc<SessionHandle>> {
        if origin.is_asked_for_files() {
            let others = self.asked(to, Whom::Others(origin.id));
            let asked = if others.is_empty() { self.asked(to, Whom::All) } else { others };
            if !asked.is_empty() {
                return asked;
            }
        }
        self.presence.sessions(to).last().cloned().into_iter().collect()
    }
}

impl Handler<OfferFile> for Shard {
    type Result = ();

    fn handle(&mut self, offer: OfferFile, _: &mut Context<Self>) {
        if offer.friends_only {
            if !self.presence.is_watched_by(offer.from.id, offer.to.id) {
                return offer.origin.refuse(Refusal::NotFriends);
            }
            let shard = self.registry().shard(offer.to.id);
            return shard.do_send(OfferFile { friends_only: false, ..offer });
        }
        let OfferFile { from, to, length, name, hash, origin, .. } = offer;
        if !self.presence.is_online(to.id) {
            return origin.refuse(Refusal::Offline);
        }
        if !self.presence.may_write(from.id, to.id) {
            // Strangers are not told who is online, but where the document of their language has it so. Friends know.
            let told = match self.house.manners[origin.session.dialect.index()].customs.asked_for_files {
                _ if self.presence.is_watched_by(to.id, from.id) => Refusal::Blocked,
                true => Refusal::Offline,
                false => Refusal::NotFriends,
            };
            return origin.refuse(told);
        }
        let receivers = self.receivers(to.id, &origin.session);
        self.house.transfers.do_send(OfferTransfer { from, to, receivers, length, name, hash, origin });
    }
}

impl Handler<TellAsked> for Shard {
    type Result = ();

    fn handle(&mut self, TellAsked { to, whom, what }: TellAsked, _: &mut Context<Self>) {
        for session in self.asked(to, whom) {
            session.deliver(Deliver { to, what: Some(what.clone()), mark: None });
        }
    }
}

impl Handler<FindSender> for Shard {
    type Result = ();

    fn handle(&mut self, FindSender { sender, whom, acceptance }: FindSender, _: &mut Context<Self>) {
        let senders = self.asked(sender, whom);
        self.house.transfers.do_send(SenderFound { senders, acceptance });
    }
}
