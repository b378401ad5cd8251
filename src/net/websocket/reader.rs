//! RFC 6455, the incoming half, as a plain struct: bytes in any pieces become messages and control frames.
//! Owns: the half-read frame and message, bounded by what a message may have. Never: a socket, or a byte of memory
//! between frames; allocates for what has come, not for what a header promises.

use bytes::Bytes;
use std::io::Cursor;
use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{CloseCode, Control, Data, OpCode};

/// The longest header: flags, a 64-bit length, and a mask.
const HEADER: usize = 14;
/// The longest payload of a control frame.
const CONTROL: u64 = 125;

/// What was found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// All input is taken, and nothing is complete.
    Need,
    /// One whole text.
    Text(Bytes),
    /// One whole message that is no text.
    Binary(Bytes),
    /// The peer asks whether we are there; this is to be sent back.
    Ping(Bytes),
    /// The peer answers.
    Pong(Bytes),
    /// The peer closes, with this code. Nothing after it counts.
    Close(Option<u16>),
}

/// What breaks a connection.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub(super) enum Breach {
    /// Against the protocol.
    Protocol,
    /// A text that is not UTF-8.
    NotUtf8,
    /// A message that is not text, where only texts are taken.
    NotText,
    /// A message above the bound.
    TooLarge,
}

/// A frame whose header has come.
#[derive(Debug)]
struct Current {
    opcode: OpCode,
    last: bool,
    mask: [u8; 4],
    /// Bytes of its payload that are still to come. Never above the bound.
    left: usize,
}

/// One connection's half-read input.
#[derive(Debug)]
pub(super) struct Reader {
    most: usize,
    /// Messages that are no text are taken, too.
    binary: bool,
    header: [u8; HEADER],
    in_header: usize,
    current: Option<Current>,
    /// The message so far, over all its frames, and how much of a text is known to be UTF-8.
    message: Vec<u8>,
    utf8: usize,
    /// The message that has begun, and whose last frame has not come, or the last one, is a text.
    is_text: bool,
    /// A message has begun, and its last frame has not come.
    in_message: bool,
    control: Vec<u8>,
}

impl Reader {
    /// Messages have `most` bytes, and are texts, or `binary` as well.
    pub(super) fn new(most: usize, binary: bool) -> Self {
        Self {
            most,
            binary,
            header: [0; HEADER],
            in_header: 0,
            current: None,
            message: Vec::new(),
            utf8: 0,
            is_text: true,
            in_message: false,
            control: Vec::new(),
        }
    }

    /// Whether part of a frame or of a message has come.
    pub(super) fn is_midway(&self) -> bool {
        self.in_header > 0 || self.current.is_some() || self.in_message
    }

    /// Takes bytes off the front of `input` until something is complete or `input` is empty. After a breach nothing
    /// more can be read.
    pub(super) fn take(&mut self, input: &mut &[u8]) -> Result<Found, Breach> {
        loop {
            if self.current.is_none() && !self.take_header(input)? {
                return Ok(Found::Need);
            }
            let Some(current) = &mut self.current else { return Ok(Found::Need) };
            let n = current.left.min(input.len());
            let (part, rest) = input.split_at(n);
            *input = rest;
            let into = if matches!(current.opcode, OpCode::Control(_)) { &mut self.control } else { &mut self.message };
            if into.is_empty() {
                into.reserve_exact(n);
            }
            let begin = into.len();
            into.extend_from_slice(part);
            unmask(&mut into[begin..], current.mask);
            // The mask goes on where it stopped.
            current.mask.rotate_left(n % 4);
            current.left -= n;
            if self.is_text && matches!(current.opcode, OpCode::Data(_)) {
                self.check_text()?;
            }
            let Some(current) = &self.current else { return Ok(Found::Need) };
            if current.left > 0 {
                return Ok(Found::Need);
            }
            let (opcode, last) = (current.opcode, current.last);
            self.current = None;
            match opcode {
                OpCode::Control(control) => return self.controlled(control),
                OpCode::Data(_) if !last => self.in_message = true,
                OpCode::Data(_) => {
                    self.in_message = false;
                    let message = std::mem::take(&mut self.message);
                    if !self.is_text {
                        return Ok(Found::Binary(message.into()));
                    }
                    // Less where the last letter is cut off.
                    let whole = std::mem::take(&mut self.utf8) == message.len();
                    return if whole { Ok(Found::Text(message.into())) } else { Err(Breach::NotUtf8) };
                }
            }
        }
    }

    /// Looks at what has come of a text since the last look: what cannot become UTF-8 any more is refused at once.
    fn check_text(&mut self) -> Result<(), Breach> {
        match std::str::from_utf8(&self.message[self.utf8..]) {
            Ok(_) => self.utf8 = self.message.len(),
            Err(error) if error.error_len().is_some() => return Err(Breach::NotUtf8),
            // A letter whose rest is to come.
            Err(error) => self.utf8 += error.valid_up_to(),
        }
        Ok(())
    }

    fn controlled(&mut self, control: Control) -> Result<Found, Breach> {
        let payload = std::mem::take(&mut self.control);
        match control {
            Control::Ping => Ok(Found::Ping(payload.into())),
            Control::Pong => Ok(Found::Pong(payload.into())),
            Control::Close => closed(&payload).map(Found::Close),
            Control::Reserved(_) => Err(Breach::Protocol),
        }
    }

    /// Takes a header. `false`: it is not complete.
    fn take_header(&mut self, input: &mut &[u8]) -> Result<bool, Breach> {
        // What a header needs is known from its first two bytes; until then two are enough.
        loop {
            let wanted = if self.in_header < 2 { 2 } else { header_bytes(self.header[1]) };
            let n = (wanted - self.in_header).min(input.len());
            let (part, rest) = input.split_at(n);
            self.header[self.in_header..self.in_header + n].copy_from_slice(part);
            *input = rest;
            self.in_header += n;
            if self.in_header < wanted {
                return Ok(false);
            }
            if wanted > 2 || header_bytes(self.header[1]) == 2 {
                break;
            }
        }
        let header = &self.header[..self.in_header];
        let parsed = FrameHeader::parse(&mut Cursor::new(header));
        self.in_header = 0;
        match parsed {
            Ok(Some((header, length))) => {
                let current = self.allowed(&header, length)?;
                if let OpCode::Data(kind @ (Data::Text | Data::Binary)) = current.opcode {
                    self.is_text = kind == Data::Text;
                }
                self.current = Some(current);
                Ok(true)
            }
            // The library refuses reserved opcodes; anything else that it does not take is no header either.
            Ok(None) | Err(_) => Err(Breach::Protocol),
        }
    }

    /// Judges a frame by its header.
    fn allowed(&self, header: &FrameHeader, length: u64) -> Result<Current, Breach> {
        let Some(mask) = header.mask else { return Err(Breach::Protocol) };
        // No extension was agreed on, so no reserved bit has a meaning; and lengths have one form only.
        if header.rsv1 || header.rsv2 || header.rsv3 || header.len(length) != header_bytes(self.header[1]) {
            return Err(Breach::Protocol);
        }
        match header.opcode {
            OpCode::Control(_) if !header.is_final || length > CONTROL => return Err(Breach::Protocol),
            OpCode::Data(Data::Continue) if !self.in_message => return Err(Breach::Protocol),
            OpCode::Data(Data::Text | Data::Binary) if self.in_message => return Err(Breach::Protocol),
            OpCode::Data(Data::Binary) if !self.binary => return Err(Breach::NotText),
            OpCode::Data(_) if length >> 63 != 0 => return Err(Breach::Protocol),
            _ => {}
        }
        let taken = if matches!(header.opcode, OpCode::Data(_)) { self.message.len() } else { 0 };
        match usize::try_from(length) {
            Ok(left) if left <= self.most.saturating_sub(taken) || matches!(header.opcode, OpCode::Control(_)) => {
                Ok(Current { opcode: header.opcode, last: header.is_final, mask, left })
            }
            _ => Err(Breach::TooLarge),
        }
    }
}

/// How long a header is, by its second byte.
fn header_bytes(second: u8) -> usize {
    let length = match second & 0x7f {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    2 + length + if second & 0x80 == 0 { 0 } else { 4 }
}

/// The code in a close frame.
fn closed(payload: &[u8]) -> Result<Option<u16>, Breach> {
    match payload {
        [] => Ok(None),
        [_] => Err(Breach::Protocol),
        [high, low, reason @ ..] => {
            let code = u16::from_be_bytes([*high, *low]);
            if !CloseCode::from(code).is_allowed() {
                return Err(Breach::Protocol);
            }
            std::str::from_utf8(reason).map(|_| Some(code)).map_err(|_| Breach::NotUtf8)
        }
    }
}

/// Eight bytes at a time, since texts may be long.
fn unmask(bytes: &mut [u8], mask: [u8; 4]) {
    let [a, b, c, d] = mask;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (chunks, rest) = bytes.as_chunks_mut::<8>();
    for chunk in chunks {
        *chunk = (u64::from_ne_bytes(*chunk) ^ wide).to_ne_bytes();
    }
    for (byte, mask) in rest.iter_mut().zip(mask.into_iter().cycle()) {
        *byte ^= mask;
    }
}

#[cfg(test)]
mod tests {
    use super::super::frames::{client, masked};
    use super::{Breach, Found, Reader, unmask};

    /// All that a conversation brings, given in pieces of `size`.
    fn read(bytes: &[u8], size: usize) -> (Vec<Found>, Option<Breach>) {
        read_with(Reader::new(100_000, false), bytes, size)
    }

    fn read_with(mut reader: Reader, bytes: &[u8], size: usize) -> (Vec<Found>, Option<Breach>) {
        let mut found = Vec::new();
        for mut piece in bytes.chunks(size) {
            loop {
                match reader.take(&mut piece) {
                    Ok(Found::Need) => break,
                    Ok(this) => found.push(this),
                    Err(breach) => return (found, Some(breach)),
                }
            }
        }
        assert!(!reader.is_midway());
        assert_eq!((reader.message.capacity(), reader.control.capacity()), (0, 0), "idle, it keeps no buffer");
        (found, None)
    }

    fn breach(bytes: &[u8]) -> Breach {
        let (_, breach) = read(bytes, bytes.len());
        assert_eq!(read(bytes, 1).1, breach);
        breach.unwrap()
    }

    #[test]
    fn a_conversation_reads_the_same_however_it_is_split() {
        let long = "鸿雁".repeat(20_000 / 6);
        let mut bytes = client(1, true, "hello".as_bytes());
        // A text in three frames, split within a letter, with a ping and a pong in between.
        bytes.extend(client(1, false, &"雁".as_bytes()[..1]));
        bytes.extend(client(9, true, b"there?"));
        bytes.extend(client(0, false, b""));
        bytes.extend(client(10, true, &[7; 125]));
        bytes.extend(client(0, true, &"雁".as_bytes()[1..]));
        bytes.extend(client(1, true, b""));
        bytes.extend(client(1, true, &[b'x'; 126]));
        bytes.extend(client(1, true, long.as_bytes()));
        bytes.extend(client(1, true, &[b'y'; 70_000]));
        bytes.extend(client(8, true, b"\x03\xe8bye"));
        let text = |text: &str| Found::Text(text.to_owned().into());
        let expected = [
            text("hello"),
            Found::Ping("there?".into()),
            Found::Pong(vec![7; 125].into()),
            text("雁"),
            text(""),
            text(&"x".repeat(126)),
            text(&long),
            text(&"y".repeat(70_000)),
            Found::Close(Some(1000)),
        ];
        for size in [1, 2, 3, 5, 7, 13, 100, 1000, 16_384, bytes.len()] {
            assert_eq!(read(&bytes, size), (expected.iter().map(copy).collect(), None), "{size}");
        }
        // At every single byte, for the short part of it.
        let short = &bytes[..200];
        for at in 0..=short.len() {
            let mut reader = Reader::new(1000, false);
            let mut count = 0;
            for mut piece in [&short[..at], &short[at..]] {
                while reader.take(&mut piece).unwrap() != Found::Need {
                    count += 1;
                }
            }
            assert_eq!(count, 5, "{at}");
        }
    }

    fn copy(found: &Found) -> Found {
        match found {
            Found::Need => Found::Need,
            Found::Text(bytes) => Found::Text(bytes.clone()),
            Found::Binary(bytes) => Found::Binary(bytes.clone()),
            Found::Ping(bytes) => Found::Ping(bytes.clone()),
            Found::Pong(bytes) => Found::Pong(bytes.clone()),
            Found::Close(code) => Found::Close(*code),
        }
    }

    #[test]
    fn messages_that_are_no_text_are_taken_where_they_are_wanted() {
        let mut bytes = client(2, true, b"\xff\xfe");
        bytes.extend(client(1, true, "雁".as_bytes()));
        // In parts, with a ping in between, and no letter whole in any of them.
        bytes.extend(client(2, false, b"\xff"));
        bytes.extend(client(9, true, b""));
        bytes.extend(client(0, true, b"\xe9"));
        bytes.extend(client(2, true, b""));
        bytes.extend(client(1, false, &"雁".as_bytes()[..1]));
        bytes.extend(client(0, true, &"雁".as_bytes()[1..]));
        let expected = || {
            vec![
                Found::Binary(b"\xff\xfe"[..].into()),
                Found::Text("雁".into()),
                Found::Ping("".into()),
                Found::Binary(b"\xff\xe9"[..].into()),
                Found::Binary("".into()),
                Found::Text("雁".into()),
            ]
        };
        for size in [1, 2, 3, 7, bytes.len()] {
            assert_eq!(read_with(Reader::new(100, true), &bytes, size), (expected(), None), "{size}");
        }
        let mixed = [client(2, false, b"a"), client(1, true, b"b")].concat();
        assert_eq!(read_with(Reader::new(100, true), &mixed, 64).1, Some(Breach::Protocol));
        let long = [client(2, false, &[0; 60]), client(0, true, &[0; 60])].concat();
        assert_eq!(read_with(Reader::new(100, true), &long, 64).1, Some(Breach::TooLarge));
        let text = client(1, true, b"\xff");
        assert_eq!(read_with(Reader::new(100, true), &text, 64).1, Some(Breach::NotUtf8));
    }

    #[test]
    fn what_cannot_become_utf8_is_refused_before_the_rest_comes() {
        let frame = client(1, false, "雁\u{10ffff}\u{7ff}".as_bytes());
        let bad = client(0, true, b"\xed\xa0and much more");
        let mut reader = Reader::new(1000, false);
        assert_eq!(reader.take(&mut &frame[..]), Ok(Found::Need));
        assert_eq!(reader.take(&mut &bad[..7]), Ok(Found::Need), "a first byte that may begin a letter");
        assert_eq!(reader.take(&mut &bad[7..8]), Err(Breach::NotUtf8));
    }

    #[test]
    fn what_breaks_the_protocol_is_told_apart() {
        assert_eq!(breach(&[0x81, 0x01, b'x']), Breach::Protocol, "unmasked");
        for bits in [0x40, 0x20, 0x10] {
            let mut frame = client(1, true, b"x");
            frame[0] |= bits;
            assert_eq!(breach(&frame), Breach::Protocol, "reserved bit {bits:x}");
        }
        for opcode in [3, 7, 11, 15] {
            assert_eq!(breach(&client(opcode, true, b"x")), Breach::Protocol, "opcode {opcode}");
        }
        assert_eq!(breach(&client(9, false, b"x")), Breach::Protocol, "a control frame in parts");
        assert_eq!(breach(&client(9, true, &[0; 126])), Breach::Protocol, "a long control frame");
        assert_eq!(breach(&client(0, true, b"x")), Breach::Protocol, "continues nothing");
        let twice = [client(1, false, b"a"), client(1, true, b"b")].concat();
        assert_eq!(breach(&twice), Breach::Protocol, "a text within a text");
        assert_eq!(breach(&client(2, true, b"x")), Breach::NotText);
        assert_eq!(breach(&client(1, true, b"\xff")), Breach::NotUtf8);
        let surrogate = [client(1, false, b"\xed\xa0"), client(0, true, b"\x80")].concat();
        assert_eq!(breach(&surrogate), Breach::NotUtf8);
        assert_eq!(breach(&client(1, true, &"雁".as_bytes()[..2])), Breach::NotUtf8, "cut off");
    }

    #[test]
    fn lengths_have_one_form_and_a_bound() {
        assert_eq!(breach(&masked(&[0x81, 0xfe, 0, 5], b"hello")), Breach::Protocol, "16 bits for 5");
        assert_eq!(breach(&masked(&[0x81, 0xff, 0, 0, 0, 0, 0, 0, 0, 5], b"hello")), Breach::Protocol, "64 bits for 5");
        assert_eq!(breach(&masked(&[0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0], b"")), Breach::Protocol, "negative");
        assert_eq!(breach(&masked(&[0x81, 0xff, 0x7f, 255, 255, 255, 255, 255, 255, 255], b"")), Breach::TooLarge);
        assert_eq!(breach(&client(1, true, &vec![b'x'; 100_001])), Breach::TooLarge);
        let parts = [client(1, false, &vec![b'x'; 60_000]), client(0, true, &vec![b'x'; 60_000])].concat();
        assert_eq!(breach(&parts), Breach::TooLarge);
        // An endless message of nothing takes no memory.
        let mut reader = Reader::new(10, false);
        let nothing = [client(1, false, b""), client(0, false, b"").repeat(10_000)].concat();
        assert_eq!(reader.take(&mut &nothing[..]), Ok(Found::Need));
        assert!(reader.is_midway());
        assert_eq!(reader.message.capacity(), 0);
        // A promise takes none either.
        let mut reader = Reader::new(100_000, false);
        assert_eq!(reader.take(&mut &client(1, true, &[b'x'; 90_000])[..20]), Ok(Found::Need));
        assert!(reader.message.capacity() < 100);
    }

    #[test]
    fn close_codes_are_checked() {
        let code = |code: u16| client(8, true, &code.to_be_bytes());
        for good in [1000, 1001, 1002, 1003, 1007, 1011, 1013, 3000, 4999] {
            assert_eq!(read(&code(good), 64).0, [Found::Close(Some(good))]);
        }
        for bad in [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535] {
            assert_eq!(breach(&code(bad)), Breach::Protocol, "{bad}");
        }
        assert_eq!(read(&client(8, true, b""), 64).0, [Found::Close(None)]);
        assert_eq!(breach(&client(8, true, b"\x03")), Breach::Protocol);
        assert_eq!(breach(&client(8, true, b"\x03\xe8\xff")), Breach::NotUtf8);
    }

    #[test]
    fn masks_are_undone_at_every_length() {
        for length in 0..40u8 {
            let plain: Vec<u8> = (0..length).collect();
            let mut bytes = plain.clone();
            unmask(&mut bytes, [1, 2, 3, 4]);
            assert!(bytes.iter().zip(&plain).enumerate().all(|(at, (a, b))| *a == *b ^ [1, 2, 3, 4][at % 4]));
        }
    }
}
