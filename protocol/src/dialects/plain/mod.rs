//! The `plain` dialect: the JSON objects of `plain.txt`, without a frame around them (docs/plain.md).
//!
//! Owns: [`Plain`], the dialect's row in the table. `scan` finds where an object ends, `fields` reads one in a single
//! pass, `requests` makes a command of it, `decode` joins the three over a stream; `encode` writes replies and events,
//! `words` has the stable result words.
//!
//! Never: passes on anything that a client wrote but typed values. What is forwarded is written anew.

mod decode;
mod encode;
mod fields;
mod requests;
mod scan;
mod words;

use crate::dialect::{Carrier, Decoder, Dialect, Frame, Frames, Limits, Mistake};
use crate::event::Event;
use crate::ids::RequestId;
use crate::reply::Reply;
use bytes::Bytes;

/// JSON objects in a row, as existing desktop clients speak it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Plain;

impl Dialect for Plain {
    fn name(&self) -> &'static str {
        "plain"
    }

    fn decoder(&self, carrier: Carrier, limits: Limits) -> Box<dyn Decoder> {
        Box::new(decode::PlainDecoder::new(carrier, limits))
    }

    fn reply(&self, _request: RequestId, reply: &Reply, _carrier: Carrier) -> Frames {
        encode::reply(reply).into_iter().collect()
    }

    fn mistake(&self, mistake: &Mistake) -> Frame {
        encode::mistake(mistake)
    }

    fn event(&self, event: &Event) -> Option<Frame> {
        Some(encode::event(event))
    }

    /// A lone newline: it makes Qt hand out what is stuck behind a message box, and is white space to everybody else.
    fn nudge(&self) -> Option<Frame> {
        Some(Frame::new(Bytes::from_static(b"\n"), 0, 1))
    }
}
