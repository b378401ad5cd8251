//! Bytes into requests. Owns: where a packet ends, and what is kept of one that has come in part.
//! Never: takes a byte of a packet whose length it refuses; knows a command (see `requests`).

use super::fields::Fields;
use super::requests::request;
use crate::command::Request;
use crate::dialect::{Carrier, Decoded, Decoder, Limits, Mistake, MistakeKind, Style};
use crate::dialects::partial::keep;
use crate::dialects::typed::mistake;

/// Bytes of the length before each packet of a stream.
const HEADER: usize = 4;

/// One connection's input.
pub(super) struct FramedDecoder {
    carrier: Carrier,
    limits: Limits,
    /// The length before the packet, as far as it has come: the first `header_taken` bytes of it.
    header: [u8; HEADER],
    header_taken: usize,
    /// The packet that has come in part. Empty between packets, without an allocation.
    partial: Vec<u8>,
    /// A fatal mistake was told: what comes after it has no meaning and is thrown away.
    failed: bool,
}

impl FramedDecoder {
    pub(super) fn new(carrier: Carrier, limits: Limits) -> Self {
        Self { carrier, limits, header: [0; HEADER], header_taken: 0, partial: Vec::new(), failed: false }
    }

    /// One step on a stream: a request or mistake, or `None` when all input is taken.
    fn step(&mut self, input: &mut &[u8]) -> Option<Result<Request, Mistake>> {
        let taken = input.len().min(HEADER - self.header_taken);
        let (head, rest) = input.split_at(taken);
        self.header[self.header_taken..][..taken].copy_from_slice(head);
        self.header_taken += taken;
        *input = rest;
        if self.header_taken < HEADER {
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
            return Some(self.parse(piece));
        }
        keep(&mut self.partial, piece, length);
        // Taken, so that its memory goes back: a connection that waits keeps none.
        let packet = std::mem::take(&mut self.partial);
        Some(self.parse(&packet))
    }

    /// One whole message.
    fn message(&mut self, input: &mut &[u8]) -> Option<Result<Request, Mistake>> {
        let message = std::mem::take(input);
        if message.len() > self.limits.frame_bytes {
            let most = self.limits.frame_bytes;
            return Some(Err(mistake(MistakeKind::TooLarge, format!("a message of more than {most} bytes"))));
        }
        Some(self.parse(message))
    }

    fn parse(&self, packet: &[u8]) -> Result<Request, Mistake> {
        let packet = trimmed(packet);
        if packet.first() != Some(&b'{') {
            let what = if packet.is_empty() { "an empty packet" } else { "an object starts with {" };
            return Err(mistake(MistakeKind::Unreadable, what));
        }
        match Fields::read(packet, self.limits) {
            Ok(fields) => request(fields, self.carrier),
            Err(error) => Err(mistake(MistakeKind::Unreadable, error.to_string())),
        }
    }
}

/// A packet's length, or why it cannot be one. The document declares a signed one, and does not say in which order its
/// bytes are; running clients send the lowest first.
fn length_of(header: [u8; HEADER], most: usize) -> Result<usize, Mistake> {
    let length = i32::from_le_bytes(header);
    if let Some(length) = usize::try_from(length).ok().filter(|length| *length <= most) {
        return Ok(length);
    }
    let swapped = length.swap_bytes();
    let hint = if usize::try_from(swapped).is_ok_and(|swapped| swapped <= most) {
        format!("a length of {length} is not from 0 to {most}; its bytes look turned round: the lowest comes first")
    } else {
        format!("a length of {length} is not from 0 to {most}")
    };
    Err(mistake(MistakeKind::TooLarge, hint))
}

/// The packet without white space around it. Clients that send a buffer of C count the NUL behind it, too.
fn trimmed(packet: &[u8]) -> &[u8] {
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
    let start = packet.iter().position(|byte| !is_space(byte)).unwrap_or(packet.len());
    let end = packet.iter().rposition(|byte| !is_space(byte) && *byte != 0).map_or(0, |last| last + 1);
    packet.get(start..end).unwrap_or_default()
}

impl Decoder for FramedDecoder {
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

    fn on_stream(json: &[u8]) -> Vec<u8> {
        [&u32::try_from(json.len()).unwrap().to_le_bytes()[..], json].concat()
    }

    #[test]
    fn memory_grows_with_what_has_come_and_goes_back() {
        let packet = on_stream(format!(r#"{{"command":"ping","x":"{}"}}"#, "a".repeat(60_000)).as_bytes());
        let mut decoder = FramedDecoder::new(Carrier::Stream, LIMITS);
        let (mut grown, mut capacity) = (0, 0);
        for (at, byte) in packet.iter().enumerate() {
            assert_eq!(decoder.is_midway(), at > 0);
            let decoded = decoder.decode(&mut std::slice::from_ref(byte));
            if at < HEADER {
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
        let both = on_stream(br#"{"command":"ping"}"#).repeat(2);
        let mut decoder = FramedDecoder::new(Carrier::Stream, LIMITS);
        let mut input = both.as_slice();
        while let Decoded::Request(_) = decoder.decode(&mut input) {
            assert_eq!(decoder.partial.capacity(), 0);
        }
        assert!(input.is_empty());
    }
}
