//! The `plain` dialect: the JSON objects of `plain.txt`, without a frame around them (docs/plain.md).
//!
//! Owns: [`Plain`], the dialect's row in the table. `scan` finds where an object ends, `json` reads one in a single
//! pass (its `fields`), `requests` makes a command of it, `decode` joins the three over a stream; `encode` writes replies and events,
//! `words` has the stable result words.
//!
//! Never: passes on anything that a client wrote but typed values. What is forwarded is written anew.

mod decode;
mod encode;
mod fields;
mod requests;
mod scan;
mod words;

use crate::dialect::{Carrier, Customs, Decoder, Dialect, Frame, Frames, Limits, Mistake};
use crate::event::Event;
use crate::ids::RequestId;
use crate::mark::Kept;
use crate::reply::{FriendPolicy, JoinPolicy, MessagePolicy, Reply};
use bytes::Bytes;

/// JSON objects in a row, as existing desktop clients speak it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Plain;

impl Dialect for Plain {
    fn name(&self) -> &'static str {
        "plain"
    }

    /// Its document knows no consent: `add` makes friends at once, a name is enough to write to, and groups are open.
    /// Whoever is away gets nothing, and its sender is told so.
    fn customs(&self) -> Customs {
        Customs {
            add: FriendPolicy::Open,
            message: MessagePolicy::Anyone,
            join: JoinPolicy::Open,
            friends_only: false,
            store_offline: false,
            logout_closes: false,
            acknowledges: false,
            heartbeats: false,
            profiles: false,
            asked_for_files: false,
        }
    }

    fn decoder(&self, carrier: Carrier, limits: Limits) -> Box<dyn Decoder> {
        Box::new(decode::PlainDecoder::new(carrier, limits))
    }

    fn reply(&self, _request: RequestId, reply: &Reply, _carrier: Carrier) -> Frames {
        encode::reply(reply).map_or_else(Frames::new, |frame| Frames::from_buf([frame]))
    }

    fn mistake(&self, mistake: &Mistake, _carrier: Carrier) -> Frame {
        encode::mistake(mistake)
    }

    fn event(&self, event: &Event, _kept: Option<Kept>, _carrier: Carrier) -> Frames {
        encode::event(event).map_or_else(Frames::new, |frame| Frames::from_buf([frame]))
    }

    /// A lone newline: it makes Qt hand out what is stuck behind a message box, and is white space to everybody else.
    fn nudge(&self) -> Option<Frame> {
        Some(Frame::new(Bytes::from_static(b"\n"), 0, 1))
    }
}
