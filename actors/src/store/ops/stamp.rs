//! By what a message that is sent again is told from a new one. Owns: what of a message is hashed. Never: remembers one
//! (`ledger/dedup/` does).

use super::Conversation;
use protocol::{Body, BodyKind, GroupId, Instance, UserId};
use sha2::{Digest, Sha256};

/// By which a message that is sent again is told from a new one (`DELIVERY.md`, de-duplication). Refused as `Conflict`:
/// the same number of the same installation with another content ([`content_hash`]).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stamp {
    /// The installation, where the client has said which.
    pub instance: Option<Instance>,
    /// The client's number for the message.
    pub number: u64,
}

/// Where a message goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Destination {
    /// To somebody.
    User(UserId),
    /// To a group.
    Group(GroupId),
}

impl Destination {
    /// The conversation that a message of `from` goes to.
    #[must_use]
    pub fn conversation(self, from: UserId) -> Conversation {
        match self {
            Self::User(user) => Conversation::between(from, user),
            Self::Group(group) => Conversation::Group(group),
        }
    }
}

/// SHA-256 of a message's destination, kind and payload. It is asked for where a number comes again, or is not above all that
/// its installation sent before; so mostly it is not. What is hashed is on disk for a while: a change makes retries into new messages.
#[must_use]
pub fn content_hash(to: Destination, body: &Body) -> [u8; 32] {
    let (kind_of_place, place) = match to {
        Destination::User(user) => (0, user.0),
        Destination::Group(group) => (1, group.0),
    };
    let (kind, custom) = match body.kind {
        BodyKind::Text => (0, 0),
        BodyKind::Image => (1, 0),
        BodyKind::File => (2, 0),
        BodyKind::Voice => (3, 0),
        BodyKind::Custom(number) => (4, number),
        BodyKind::Recall => (5, 0),
        BodyKind::Recalled => (6, 0),
    };
    let mut hash = Sha256::new();
    hash.update([kind_of_place]);
    hash.update(place.to_be_bytes());
    hash.update([kind]);
    hash.update(u32::to_be_bytes(custom));
    hash.update(&body.data);
    hash.finalize().into()
}
