//! The file-transfer broker's actor: the shell around [`Broker`].
//! Hears: registry shards (an offer to somebody who is online), relays (how they ended). Tells: both sides, at once
//! and at the end. If it dies the process ends, since nobody would give the ports back.

use super::{Broker, PortsError, RelayEnd, Relays, Side, Ticket, broker, last_component};
use crate::delivery::{Answered, Deliver, Origin, SessionHandle};
use crate::house::{Essential, House};
use crate::registry::address_of;
use actix::prelude::*;
use protocol::{Carrier, Event, FileLength, Outgoing, Person, Reply, TransferEnd, UserId};
use std::sync::Arc;

/// Whom a transfer concerns.
struct Sides {
    sender: (UserId, Arc<SessionHandle>),
    receiver: (UserId, Arc<SessionHandle>),
}

/// A file for somebody who is online. Answered with the sender's door, or refused.
#[derive(Message)]
#[rtype(result = "()")]
pub struct OfferTransfer {
    /// Who sends.
    pub from: Person,
    /// Who receives.
    pub to: Person,
    /// The receiver's session that is asked.
    pub receiver: Arc<SessionHandle>,
    /// How long.
    pub length: FileLength,
    /// The name as the sender wrote it.
    pub name: Box<str>,
    /// The sending session.
    pub origin: Origin,
}

/// A relay has ended, and its port, if it had one, is free.
#[derive(Message)]
#[rtype(result = "()")]
struct Ended {
    ticket: u64,
    end: RelayEnd,
}

/// The server stops: end all transfers.
#[derive(Message)]
#[rtype(result = "()")]
pub struct StopTransfers;

/// The actor.
pub struct TransferBroker {
    broker: Broker<Sides>,
    _essential: Essential,
}

impl TransferBroker {
    /// Over whoever moves the bytes.
    ///
    /// # Errors
    /// `relay.ports` is not a range.
    pub fn new(house: &House, relays: Arc<dyn Relays>) -> Result<Self, PortsError> {
        let myself = house.transfers.clone();
        let tell = Arc::new(move |ticket, end| myself.do_send(Ended { ticket, end }));
        let broker = Broker::new(relays, house.settings.relay.clone(), tell)?;
        let essential = Essential::new("transfer broker", house.watch.clone());
        Ok(Self { broker, _essential: essential })
    }
}

impl Actor for TransferBroker {
    type Context = Context<Self>;
}

impl Handler<OfferTransfer> for TransferBroker {
    type Result = ();

    fn handle(&mut self, offer: OfferTransfer, _: &mut Context<Self>) {
        let OfferTransfer { from, to, receiver, length, name, origin } = offer;
        let shown: Box<str> = last_component(&name).into();
        let result = self.broker.offer(broker::Offer {
            sender: from.id,
            from: side_of(&origin.session),
            to: side_of(&receiver),
            length: length.bytes,
            name: shown.clone(),
            tag: Sides { sender: (from.id, origin.session.clone()), receiver: (to.id, receiver.clone()) },
        });
        let receiver_id = to.id;
        match result {
            Ok(Ticket { sender: mine, receiver: theirs, .. }) => {
                let offered = Event::FileOffered { from, to: to.id, door: theirs, length, name: shown };
                let what = Arc::new(Outgoing::new(offered));
                origin.answer(Answered::Reply(Box::new(Reply::FilePort { door: mine, length, name, to })));
                receiver.deliver(Deliver { to: receiver_id, what: Some(what), mark: None });
            }
            Err(refusal) => origin.refuse(refusal),
        }
    }
}

/// A session as a side of a transfer. On a link with messages sits a browser (or a program that can do what browsers
/// can, and speaks HTTP already).
fn side_of(session: &SessionHandle) -> Side {
    Side { addresses: vec![address_of(session)], browses: session.carrier == Carrier::Message }
}

impl Handler<Ended> for TransferBroker {
    type Result = ();

    fn handle(&mut self, Ended { ticket, end }: Ended, _: &mut Context<Self>) {
        let Some(transfer) = self.broker.ended(ticket) else { return };
        let end = match end {
            RelayEnd::Complete => return,
            RelayEnd::TimedOut => TransferEnd::TimedOut,
            RelayEnd::Broken => TransferEnd::Broken,
        };
        let Sides { sender, receiver } = transfer.tag;
        let what = Arc::new(Outgoing::new(Event::TransferFailed { end }));
        for (to, side) in [sender, receiver] {
            side.deliver(Deliver { to, what: Some(what.clone()), mark: None });
        }
    }
}

impl Handler<StopTransfers> for TransferBroker {
    type Result = ();

    fn handle(&mut self, _: StopTransfers, _: &mut Context<Self>) {
        self.broker.cancel_all();
    }
}
