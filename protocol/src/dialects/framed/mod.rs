//! The `framed` dialect: JSON packets behind a length, as `framed.txt` has them (docs/framed.md).
//!
//! Owns: [`Framed`], the dialect's row in the table. `decode` cuts a stream into packets, `json` reads one in a single
//! pass (its `fields`), `requests` makes a command of it; `encode` writes replies and events as the `packets` they are,
//! `fit` keeps them within what clients can take, `words` has the stable words.
//!
//! Never: passes on anything that a client wrote but typed values. What is forwarded is written anew.

mod decode;
mod encode;
mod fields;
mod fit;
mod packets;
mod requests;
mod words;

use crate::dialect::{Carrier, Customs, Decoder, Dialect, Frame, Frames, Limits, Mistake};
use crate::event::Event;
use crate::ids::RequestId;
use crate::mark::Kept;
use crate::reply::{FriendPolicy, JoinPolicy, MessagePolicy, Reply};

/// JSON packets behind a length; on a link with messages, a message is a packet.
#[derive(Clone, Copy, Debug, Default)]
pub struct Framed;

/// Whether a packet is the answer to a login that succeeded: for whoever passes packets on without understanding them.
#[must_use]
pub fn is_login(packet: &[u8]) -> bool {
    packet.starts_with(br#"{"command":"login_return","status":"success""#)
}

impl Dialect for Framed {
    fn name(&self) -> &'static str {
        "framed"
    }

    /// Its document has consent: whoever is added is asked first, and only friends write to each other. Whoever is away
    /// gets its messages later. Nothing is said on a connection after `logout`.
    fn customs(&self) -> Customs {
        Customs {
            add: FriendPolicy::Confirm,
            message: MessagePolicy::Friends,
            join: JoinPolicy::Approval,
            friends_only: true,
            store_offline: true,
            logout_closes: true,
            acknowledges: false,
            heartbeats: false,
            profiles: false,
            asked_for_files: false,
        }
    }

    fn decoder(&self, carrier: Carrier, limits: Limits) -> Box<dyn Decoder> {
        Box::new(decode::FramedDecoder::new(carrier, limits))
    }

    fn reply(&self, _request: RequestId, reply: &Reply, carrier: Carrier) -> Frames {
        encode::reply(reply, carrier)
    }

    fn mistake(&self, mistake: &Mistake, carrier: Carrier) -> Frame {
        encode::mistake(mistake, carrier)
    }

    fn event(&self, event: &Event, _kept: Option<Kept>, carrier: Carrier) -> Frames {
        encode::event(event, carrier)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Name, Person, Refusal, Roster, UserId, Verb};

    #[test]
    fn a_login_is_told_from_everything_else() {
        let packet = |reply: &Reply| Framed.reply(RequestId(0), reply, Carrier::Message)[0].body();
        let me = Person { id: UserId(10_000), name: Name::parse("a").unwrap() };
        let name = me.name.clone();
        let roster = Roster { me, friends: Vec::new(), groups: Vec::new(), profile: None, terms: None };
        assert!(is_login(&packet(&Reply::LoggedIn(Box::new(roster)))));
        assert!(!is_login(&packet(&Reply::Registered { id: UserId(10_000), name })));
        let refused = Reply::Refused { verb: Verb::Login, refusal: Refusal::WrongPassword, about: None };
        assert!(!is_login(&packet(&refused)));
    }
}
