//! The `binary` dialect: the packets of `proto/hongyan.proto`, as `binary.txt` names them (docs/binary.md).
//!
//! Owns: [`Binary`], the dialect's row in the table, and [`packets`], which `build.rs` makes of the description.
//! `decode` cuts a stream into packets and reads them, `requests` and `values` make a command of one; `replies` and
//! `events` say what there is to say in packets, put together from `parts`; `frame` writes them; `words` has the stable
//! words.
//!
//! Never: keeps a packet that it has not read whole, or a byte of one whose length it refuses; passes on anything that
//! a client wrote but typed values.

mod decode;
mod events;
mod frame;
mod parts;
mod replies;
mod requests;
mod values;
mod words;

use self::packets::packet::Body as Said;
use crate::dialect::{Carrier, Customs, Decoder, Dialect, Frame, Frames, Limits, Mistake};
use crate::event::Event;
use crate::ids::RequestId;
use crate::mark::Kept;
use crate::reply::{FriendPolicy, JoinPolicy, MessagePolicy, Reply};

/// The packets themselves, for whoever speaks this dialect: the types of `proto/hongyan.proto`, their bytes by
/// [`prost::Message`] and the JSON mapping of proto3 by `serde`.
#[allow(
    missing_docs,
    unreachable_pub,
    rust_2018_idioms,
    clippy::all,
    clippy::pedantic,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::needless_pass_by_value,
    clippy::redundant_clone,
    clippy::semicolon_if_nothing_returned,
    clippy::uninlined_format_args,
    clippy::unwrap_used,
    rustdoc::all,
    reason = "generated"
)]
pub mod packets {
    include!(concat!(env!("OUT_DIR"), "/hongyan.v1.rs"));
    include!(concat!(env!("OUT_DIR"), "/hongyan.v1.serde.rs"));
}

/// Protobuf packets: behind a length on a stream, each a message of its own over WebSocket; and the same as JSON for
/// whoever speaks in texts there.
#[derive(Clone, Copy, Debug, Default)]
pub struct Binary;

impl Dialect for Binary {
    fn name(&self) -> &'static str {
        "binary"
    }

    /// Its document has consent for friends and for groups, messages that wait, and a logout that "does not release the
    /// connection". Only friends write to each other unless the receiver wants it otherwise: it has a word for that.
    fn customs(&self) -> Customs {
        Customs {
            add: FriendPolicy::Confirm,
            message: MessagePolicy::Friends,
            join: JoinPolicy::Approval,
            friends_only: false,
            store_offline: true,
            logout_closes: false,
            acknowledges: true,
            heartbeats: true,
            profiles: true,
            asked_for_files: true,
        }
    }

    fn decoder(&self, carrier: Carrier, limits: Limits) -> Box<dyn Decoder> {
        Box::new(decode::BinaryDecoder::new(carrier, limits))
    }

    fn reply(&self, request: RequestId, reply: &Reply, carrier: Carrier) -> Frames {
        replies::reply(request, reply).map(|said| frame::frame(request, said, carrier)).into_iter().collect()
    }

    fn mistake(&self, mistake: &Mistake, carrier: Carrier) -> Frame {
        frame::frame(mistake.request, replies::mistake(mistake), carrier)
    }

    fn event(&self, event: &Event, kept: Option<Kept>, carrier: Carrier) -> Frames {
        events::event(event, kept).map(|said| frame::frame(frame::UNASKED, said, carrier)).into_iter().collect()
    }

    fn takes_binary(&self) -> bool {
        true
    }

    fn heartbeat(&self, carrier: Carrier) -> Option<Frame> {
        Some(frame::frame(frame::UNASKED, Said::Heartbeat(packets::Heartbeat {}), carrier))
    }
}
