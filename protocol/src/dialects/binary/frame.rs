//! Packets into frames. Owns: how a packet is written on each carrier. Never: knows what it says.

use super::packets::Packet;
use super::packets::packet::Body as Said;
use crate::dialect::{Carrier, Frame};
use crate::ids::RequestId;
use bytes::Bytes;
use prost::Message;

/// Bytes of the length before each packet of a stream.
pub(super) const HEADER: u8 = 4;

/// The number of a packet that answers nothing.
pub(super) const UNASKED: RequestId = RequestId(0);

/// Writes a packet. One buffer serves streams and messages: a message is what stands behind the length.
pub(super) fn frame(request: RequestId, said: Said, carrier: Carrier) -> Frame {
    let packet = Packet { seq: request.0, body: Some(said) };
    if carrier == Carrier::Text {
        let text = serde_json::to_vec(&packet).expect("plain fields are written into memory, which cannot fail");
        return Frame::new(Bytes::from(text), 0, 0);
    }
    let length = packet.encoded_len();
    let header = u32::try_from(length).expect("a packet has less than 4 GiB").to_be_bytes();
    let mut wire = Vec::with_capacity(header.len() + length);
    wire.extend_from_slice(&header);
    packet.encode(&mut wire).expect("memory that grows has room");
    Frame::new(Bytes::from(wire), HEADER, 0).binary()
}
