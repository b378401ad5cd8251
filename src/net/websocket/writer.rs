//! The outgoing half, as a plain struct: where frames begin and end in what is written, and which control frames of
//! our own wait for such a place. Owns: what is being written of control frames, a few pongs waiting, and one close.
//! Never: a control frame inside a data frame, or a queue of them without an end.

use bytes::{Buf, Bytes};
use std::io::IoSlice;

const TEXT: u8 = 0x81;
const BINARY: u8 = 0x82;
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;
const PONG: u8 = 0x8a;

/// Pings that are answered one by one; of more that wait at once, the latest takes the place of the one before it.
const PONGS: usize = 16;

/// The headers of all messages below 126 bytes: most are, and need no memory.
static SHORT_TEXTS: [[u8; 2]; 126] = short(TEXT);
static SHORT_BINARIES: [[u8; 2]; 126] = short(BINARY);

const fn short(first: u8) -> [[u8; 2]; 126] {
    let mut all = [[first, 0]; 126];
    let mut length = 0u8;
    while length < 126 {
        all[length as usize][1] = length;
        length += 1;
    }
    all
}

/// The header of a message of that many bytes: a text, or none.
pub(super) fn header(binary: bool, length: usize) -> Bytes {
    let (short, first) = if binary { (&SHORT_BINARIES, BINARY) } else { (&SHORT_TEXTS, TEXT) };
    if let Some(header) = short.get(length) {
        return Bytes::from_static(header);
    }
    let mut header = vec![first];
    match u16::try_from(length) {
        Ok(length) => {
            header.push(126);
            header.extend(length.to_be_bytes());
        }
        Err(_) => {
            header.push(127);
            header.extend(u64::try_from(length).unwrap_or(u64::MAX).to_be_bytes());
        }
    }
    header.into()
}

/// A ping whose answer tells that the peer has everything up to `place`.
pub(super) fn probe(place: u64) -> Bytes {
    [&[PING, 8][..], &place.to_be_bytes()].concat().into()
}

/// The place in a pong that answers a probe.
pub(super) fn probed(pong: &[u8]) -> Option<u64> {
    pong.try_into().ok().map(u64::from_be_bytes)
}

fn control(first: u8, payload: &[&[u8]]) -> Bytes {
    let length: usize = payload.iter().map(|part| part.len()).sum();
    // Pings are bounded when they are read, and our own reasons are short.
    let mut frame = vec![first, u8::try_from(length).unwrap_or(0)];
    payload.iter().for_each(|part| frame.extend_from_slice(part));
    frame.into()
}

/// One connection's outgoing half.
#[derive(Debug, Default)]
pub(super) struct Writer {
    /// Bytes of the data frame that has begun, still to be written.
    left: usize,
    /// Our own frame that is being written, or is next.
    control: Bytes,
    /// What the pings asked to have back that are not answered yet.
    pongs: Vec<Bytes>,
    has_closed: bool,
}

impl Writer {
    /// Answers a ping at the next opportunity; of a flood only the first few and the latest, as RFC 6455 allows.
    pub(super) fn pong(&mut self, payload: Bytes) {
        if self.pongs.len() >= PONGS {
            self.pongs.pop();
        }
        self.pongs.push(payload);
    }

    /// Sends a close frame next, once, with what is being written before it, and nothing after it.
    pub(super) fn close(&mut self, code: Option<u16>, reason: &str) {
        // Inside a data frame there is no place for it; the session closes only between frames.
        if !self.has_closed && self.control.is_empty() && self.left == 0 {
            self.has_closed = true;
            self.pongs = Vec::new();
            self.control = match code {
                Some(code) => control(CLOSE, &[&code.to_be_bytes(), reason.as_bytes()]),
                None => control(CLOSE, &[]),
            };
        }
    }

    /// Whether the close frame has its place, after which nothing comes.
    pub(super) fn has_closed(&self) -> bool {
        self.has_closed
    }

    /// Our own bytes that come next, before any data; empty if data may go.
    pub(super) fn urgent(&mut self) -> &[u8] {
        if self.left == 0 && self.control.is_empty() && !self.has_closed && !self.pongs.is_empty() {
            let pongs = std::mem::take(&mut self.pongs);
            let frames: Vec<Bytes> = pongs.iter().map(|payload| control(PONG, &[payload])).collect();
            self.control = frames.concat().into();
        }
        if self.left == 0 { &self.control } else { &[] }
    }

    /// So much of it was written.
    pub(super) fn wrote_urgent(&mut self, n: usize) {
        self.control.advance(n);
        if self.control.is_empty() {
            self.control = Bytes::new();
        }
    }

    /// How many bytes of data may go in one write: up to the end of the frame, if somebody waits for that.
    pub(super) fn room(&self) -> usize {
        if !self.pongs.is_empty() && self.left > 0 { self.left } else { usize::MAX }
    }

    /// So much of the data was written. Each frame begins with a piece of its own.
    pub(super) fn wrote(&mut self, pieces: &[IoSlice<'_>], mut n: usize) {
        for piece in pieces {
            if n == 0 {
                return;
            }
            if self.left == 0 {
                self.left = frame_bytes(piece);
            }
            let taken = n.min(piece.len());
            self.left = self.left.saturating_sub(taken);
            n -= taken;
        }
    }
}

/// How long a frame of ours is, header included, by its first piece.
fn frame_bytes(piece: &[u8]) -> usize {
    match *piece {
        [_, 126, high, low, ..] => 4 + usize::from(u16::from_be_bytes([high, low])),
        [_, 127, a, b, c, d, e, f, g, h, ..] => {
            usize::try_from(u64::from_be_bytes([a, b, c, d, e, f, g, h])).unwrap_or(usize::MAX).saturating_add(10)
        }
        [_, length, ..] => 2 + usize::from(length),
        _ => piece.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::{PONGS, Writer, header, probe, probed};
    use std::io::IoSlice;

    fn text_header(length: usize) -> bytes::Bytes {
        header(false, length)
    }

    #[test]
    fn headers_have_the_shortest_form() {
        assert_eq!(text_header(0)[..], [0x81, 0]);
        assert_eq!(text_header(125)[..], [0x81, 125]);
        assert_eq!(text_header(126)[..], [0x81, 126, 0, 126]);
        assert_eq!(text_header(65_535)[..], [0x81, 126, 255, 255]);
        assert_eq!(text_header(65_536)[..], [0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]);
        assert_eq!((&header(true, 125)[..], &header(true, 126)[..]), (&[0x82, 125][..], &[0x82, 126, 0, 126][..]));
        assert_eq!(probed(&probe(0x0102_0304_0506_0708)[2..]), Some(0x0102_0304_0506_0708));
        assert_eq!((probed(b"short"), probed(b"much too long")), (None, None));
    }

    /// Whatever part of each write is taken, a pong comes between frames only, and every pong asked for at last comes.
    #[test]
    fn a_pong_never_gets_into_a_frame() {
        for step in 1..12 {
            let frames = [(text_header(5), "hello"), (text_header(0), ""), (text_header(130), &*"x".repeat(130))];
            let mut data: Vec<Vec<u8>> = Vec::new();
            for (header, body) in &frames {
                data.push(header.to_vec());
                data.push(body.as_bytes().to_vec());
            }
            data.retain(|piece| !piece.is_empty());
            let whole = data.concat();
            let mut writer = Writer::default();
            let (mut wire, mut at) = (Vec::new(), 0);
            writer.pong("first".into());
            loop {
                let urgent = writer.urgent().to_vec();
                if !urgent.is_empty() {
                    let n = step.min(urgent.len());
                    wire.extend_from_slice(&urgent[..n]);
                    writer.wrote_urgent(n);
                    continue;
                }
                if at == whole.len() {
                    break;
                }
                // The front of what is left, as the outbox keeps it.
                let mut skip = at;
                let mut pieces = Vec::new();
                for piece in &data {
                    let cut = skip.min(piece.len());
                    skip -= cut;
                    if cut < piece.len() {
                        pieces.push(IoSlice::new(&piece[cut..]));
                    }
                }
                let n = step.min(whole.len() - at).min(writer.room());
                wire.extend_from_slice(&whole[at..at + n]);
                writer.wrote(&pieces, n);
                at += n;
                // Reading goes on meanwhile.
                writer.pong(vec![b'p'; at % 100].into());
            }
            // Read again: frames one after the other, and the data among them unchanged.
            let (mut rest, mut read, mut pongs) = (&wire[..], Vec::new(), 0);
            while !rest.is_empty() {
                let length = super::frame_bytes(rest);
                let (frame, after) = rest.split_at(length);
                rest = after;
                if frame[0] == 0x8a { pongs += 1 } else { read.extend_from_slice(frame) }
            }
            assert_eq!(read, whole, "{step}");
            assert!(pongs > 0);
        }
    }

    #[test]
    fn pongs_do_not_pile_up_and_a_close_is_the_last() {
        let mut writer = Writer::default();
        for n in 0..100_000u32 {
            writer.pong(n.to_be_bytes().to_vec().into());
        }
        let answered: Vec<u8> =
            (0..15).chain([99_999u32]).flat_map(|n| [&[0x8a, 4][..], &n.to_be_bytes()].concat()).collect();
        assert_eq!(writer.urgent(), answered, "the first few and the latest");
        writer.close(Some(1000), "");
        assert!(!writer.has_closed, "not while a pong is half-written");
        writer.wrote_urgent(6 * PONGS);
        writer.close(Some(1001), "bye");
        writer.close(Some(1002), "again");
        assert_eq!(writer.urgent(), b"\x88\x05\x03\xe9bye");
        writer.wrote_urgent(7);
        writer.pong("late".into());
        writer.close(Some(1002), "again");
        assert!(writer.urgent().is_empty());
    }
}
