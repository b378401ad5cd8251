//! Bytes into requests. Owns: where a packet ends, and what is kept of one that has come in part.
//! Never: takes a byte of a packet whose length it refuses; knows a command (see `requests`).

use super::frame::HEADER;
use super::packets::Packet;
use super::requests::{self, request, unknown};
use crate::command::Request;
use crate::dialect::{Carrier, Decoded, Decoder, Limits, Mistake, MistakeKind, Style};
use crate::dialects::json::Value;
use crate::dialects::partial::keep;
use crate::dialects::typed::mistake;
use crate::ids::RequestId;
use prost::Message;
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};

/// Bytes of the length before each packet of a stream.
const HEADER_BYTES: usize = HEADER as usize;

/// One connection's input.
pub(super) struct BinaryDecoder {
    carrier: Carrier,
    limits: Limits,
    /// The length before the packet, as far as it has come: the first `header_taken` bytes of it.
    header: [u8; HEADER_BYTES],
    header_taken: usize,
    /// The packet that has come in part. Empty between packets, without an allocation.
    partial: Vec<u8>,
    /// A fatal mistake was told: what comes after it has no meaning and is thrown away.
    failed: bool,
}

impl BinaryDecoder {
    pub(super) fn new(carrier: Carrier, limits: Limits) -> Self {
        Self { carrier, limits, header: [0; HEADER_BYTES], header_taken: 0, partial: Vec::new(), failed: false }
    }

    /// One step on a stream: a request or mistake, or `None` when all input is taken.
    fn step(&mut self, input: &mut &[u8]) -> Option<Result<Request, Mistake>> {
        let taken = input.len().min(HEADER_BYTES - self.header_taken);
        let (head, rest) = input.split_at(taken);
        self.header[self.header_taken..][..taken].copy_from_slice(head);
        self.header_taken += taken;
        *input = rest;
        if self.header_taken < HEADER_BYTES {
            return None;
        }
        let length = match length_of(self.header, self.limits.frame_bytes) {
            Ok(length) => length,
            Err(mistake) => return Some(Err(mistake)),
        };
        let taken = input.len().min(length - self.partial.len());
        let (piece, rest) = input.split_at(taken);
        *input = rest;
        if self.partial.len() + taken < length {
            keep(&mut self.partial, piece, length);
            return None;
        }
        self.header_taken = 0;
        if self.partial.is_empty() {
            return Some(read_bytes(piece));
        }
        keep(&mut self.partial, piece, length);
        // Taken, so that its memory goes back: a connection that waits keeps none.
        let packet = std::mem::take(&mut self.partial);
        Some(read_bytes(&packet))
    }

    /// One whole message.
    fn message(&mut self, input: &mut &[u8]) -> Option<Result<Request, Mistake>> {
        let message = std::mem::take(input);
        if message.len() > self.limits.frame_bytes {
            let most = self.limits.frame_bytes;
            return Some(Err(mistake(MistakeKind::TooLarge, format!("a message of more than {most} bytes"))));
        }
        Some(if self.carrier == Carrier::Text { read_text(message, self.limits) } else { read_bytes(message) })
    }
}

/// A packet's length, or why it cannot be one.
fn length_of(header: [u8; HEADER_BYTES], most: usize) -> Result<usize, Mistake> {
    let fits = |length: u32| usize::try_from(length).ok().filter(|length| *length <= most);
    let length = u32::from_be_bytes(header);
    if length == 0 {
        return Err(mistake(MistakeKind::Malformed, "a length of 0: a packet has at least one byte"));
    }
    fits(length).ok_or_else(|| {
        let hint = if fits(length.swap_bytes()).is_some() {
            "; its bytes look turned round: the highest comes first"
        } else if header.iter().all(u8::is_ascii_graphic) {
            "; it looks like text: each packet of a stream stands behind its length in four bytes"
        } else {
            ""
        };
        mistake(MistakeKind::TooLarge, format!("a length of {length} is not from 1 to {most}{hint}"))
    })
}

/// Reads a packet from its bytes. Every field is copied out of them once, so that a short text never keeps a long
/// packet in memory.
fn read_bytes(packet: &[u8]) -> Result<Request, Mistake> {
    let seen = look_over(packet);
    let unreadable = |error: prost::DecodeError| {
        let detail = format!("not a packet of hongyan.proto: {error}");
        Mistake { request: seen.id, ..mistake(MistakeKind::Unreadable, detail) }
    };
    if let Some(error) = seen.error {
        return Err(unreadable(error));
    }
    if !seen.asks {
        return Err(unknown(seen.id));
    }
    Packet::decode(packet).map_err(unreadable).and_then(request)
}

/// What a look at a packet's outermost fields tells.
struct Seen {
    /// The client's number for it, where it could be read.
    id: RequestId,
    /// Something that clients send is in it, and nothing that only the server sends: those are not read at all, since
    /// two bytes of some of them cost hundreds in memory.
    asks: bool,
    /// It is no packet.
    error: Option<prost::DecodeError>,
}

/// Looks at the outermost fields, without reading any but the number.
fn look_over(mut packet: &[u8]) -> Seen {
    const SEQ: u32 = 1;
    let mut seen = Seen { id: RequestId(0), asks: false, error: None };
    let mut told = false;
    let mut look = || {
        while !packet.is_empty() {
            let (tag, wire_type) = decode_key(&mut packet)?;
            if (tag, wire_type) == (SEQ, WireType::Varint) {
                seen.id = RequestId(decode_varint(&mut packet)?);
                continue;
            }
            seen.asks |= requests::is_asked(tag);
            told |= requests::is_told(tag);
            skip_field(wire_type, tag, &mut packet, DecodeContext::default())?;
        }
        Ok(())
    };
    seen.error = look().err();
    seen.asks &= !told;
    seen
}

mod text {
    //! What is read of a text before the packet in it is.
    crate::dialects::json::fields! {
        Seq = b"seq",
    }
}

/// Reads a packet from the JSON mapping of proto3. It is gone through first for what that mapping does not bound.
fn read_text(text: &[u8], limits: Limits) -> Result<Request, Mistake> {
    let text = text.trim_ascii();
    if text.first() != Some(&b'{') {
        let what = if text.is_empty() { "an empty message" } else { "an object starts with {" };
        return Err(mistake(MistakeKind::Unreadable, what));
    }
    let mut fields =
        text::Fields::read(text, limits).map_err(|error| mistake(MistakeKind::Unreadable, error.to_string()))?;
    let id = match fields.take(text::Field::Seq) {
        Some(Value::Whole(number)) => number,
        Some(Value::Text(digits)) => digits.parse().unwrap_or(0),
        Some(Value::OtherNumber | Value::Other) | None => 0,
    };
    serde_json::from_slice(text)
        .map_err(|error: serde_json::Error| {
            // Its own sentence would quote what stands there, which may be a password.
            let (line, column) = (error.line(), error.column());
            let detail = format!("not a packet in the JSON mapping of hongyan.proto: line {line}, column {column}");
            Mistake { request: RequestId(id), ..mistake(MistakeKind::Unreadable, detail) }
        })
        .and_then(request)
}

impl Decoder for BinaryDecoder {
    fn decode(&mut self, input: &mut &[u8]) -> Decoded {
        if self.failed {
            *input = &[];
            return Decoded::Need;
        }
        let found = match self.carrier {
            Carrier::Stream => self.step(input),
            Carrier::Message | Carrier::Text => self.message(input),
        };
        match found {
            None => Decoded::Need,
            Some(Ok(request)) => Decoded::Request(Box::new(request)),
            Some(Err(mistake)) => {
                if mistake.kind.is_fatal() {
                    self.failed = true;
                    self.header_taken = 0;
                    *input = &[];
                }
                Decoded::Mistake(mistake)
            }
        }
    }

    fn is_midway(&self) -> bool {
        self.header_taken > 0
    }

    /// Whoever writes a length reads by it.
    fn style(&self) -> Style {
        Style::Streaming
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { frame_bytes: 65_536, depth: 16, fields: 64 };

    fn on_stream(packet: &[u8]) -> Vec<u8> {
        [&u32::try_from(packet.len()).unwrap().to_be_bytes()[..], packet].concat()
    }

    #[test]
    fn memory_grows_with_what_has_come_and_goes_back() {
        // A sign of life, and 60,000 bytes that nobody knows in field 300.
        let packet = on_stream(&[&b"\x52\0\xe2\x12\xe0\xd4\x03"[..], &[b'a'; 60_000]].concat());
        let mut decoder = BinaryDecoder::new(Carrier::Stream, LIMITS);
        let (mut grown, mut capacity) = (0, 0);
        for (at, byte) in packet.iter().enumerate() {
            assert_eq!(decoder.is_midway(), at > 0);
            let decoded = decoder.decode(&mut std::slice::from_ref(byte));
            if at < HEADER_BYTES {
                assert_eq!(decoder.partial.capacity(), 0, "a length alone costs nothing");
            }
            if decoder.partial.capacity() > capacity {
                (grown, capacity) = (grown + 1, decoder.partial.capacity());
                assert!(capacity <= 256.max(2 * (at + 1)) && capacity <= LIMITS.frame_bytes);
            }
            assert_eq!(matches!(decoded, Decoded::Request(_)), at + 1 == packet.len());
        }
        assert!(grown <= 10, "it grew {grown} times");
        assert!(decoder.partial.capacity() == 0 && !decoder.is_midway(), "nothing is kept between packets");
    }

    #[test]
    fn a_whole_packet_is_read_in_place() {
        let both = on_stream(b"\x52\0").repeat(2);
        let mut decoder = BinaryDecoder::new(Carrier::Stream, LIMITS);
        let mut input = both.as_slice();
        while let Decoded::Request(_) = decoder.decode(&mut input) {
            assert_eq!(decoder.partial.capacity(), 0);
        }
        assert!(input.is_empty());
    }
}
