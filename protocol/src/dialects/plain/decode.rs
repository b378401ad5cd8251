//! Bytes into requests. Owns: what is kept of an object that has come in part, and what is known of how the client
//! frames its objects. Never: knows a command (see `requests`).

use super::fields::Fields;
use super::requests::request;
use super::scan::{Scan, Scanner, is_separator};
use crate::command::Request;
use crate::dialect::{Carrier, Decoded, Decoder, Limits, Mistake, MistakeKind, Style};
use crate::dialects::partial::keep;
use crate::dialects::simple;
use crate::dialects::typed::mistake;

/// One connection's input.
pub(super) struct PlainDecoder {
    carrier: Carrier,
    limits: Limits,
    /// The object that has come in part, and where its scan stands. Empty between objects, without an allocation.
    partial: Vec<u8>,
    scanner: Scanner,
    /// Separators in a row before the next object. No client has a use for more of them than an object may be long.
    separators: usize,
    framing: Framing,
    /// A fatal mistake was told: what comes after it has no meaning and is thrown away.
    failed: bool,
}

/// What the bytes after the client's first object have told about how it frames.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Framing {
    /// The first object is not complete.
    Unseen,
    /// It is, on one line; the byte after it is to come.
    Ended,
    /// The byte after it was a carriage return; a newline is to come.
    EndedCr,
    /// It is known.
    Known(Style),
}

impl PlainDecoder {
    pub(super) fn new(carrier: Carrier, limits: Limits) -> Self {
        let framing = match carrier {
            Carrier::Stream => Framing::Unseen,
            // A link with messages keeps them apart itself.
            Carrier::Message | Carrier::Text => Framing::Known(Style::Streaming),
        };
        Self {
            carrier,
            limits,
            partial: Vec::new(),
            scanner: Scanner::default(),
            separators: 0,
            framing,
            failed: false,
        }
    }

    /// Lets the style be decided by the bytes after the first object, which are looked at but not taken.
    fn look_behind_first(&mut self, mut after: &[u8]) {
        while let Some((&byte, rest)) = after.split_first() {
            self.framing = match (self.framing, byte) {
                (Framing::Ended, b'\r') => Framing::EndedCr,
                (Framing::Ended | Framing::EndedCr, b'\n') => Framing::Known(Style::Streaming),
                (Framing::Ended | Framing::EndedCr, _) => Framing::Known(Style::Paced),
                (Framing::Unseen | Framing::Known(_), _) => return,
            };
            after = rest;
        }
    }

    fn skip_separators(&mut self, input: &mut &[u8]) -> Result<(), Mistake> {
        let taken = input.iter().take_while(|byte| is_separator(**byte)).count();
        self.separators += taken;
        *input = &input[taken..];
        if self.separators > self.limits.frame_bytes {
            return Err(mistake(
                MistakeKind::TooLarge,
                format!("more than {} bytes without an object", self.limits.frame_bytes),
            ));
        }
        Ok(())
    }

    /// One step on a stream: a request or mistake, or `None` when all input is taken.
    fn step(&mut self, input: &mut &[u8]) -> Option<Result<Request, Mistake>> {
        if self.partial.is_empty() {
            if let Err(mistake) = self.skip_separators(input) {
                return Some(Err(mistake));
            }
            match input.first() {
                None => return None,
                Some(b'{') => self.separators = 0,
                Some(_) => return Some(Err(mistake(MistakeKind::Malformed, "an object starts with {"))),
            }
            self.scanner = Scanner::default();
        }
        let room = self.limits.frame_bytes - self.partial.len();
        let piece = &input[..input.len().min(room)];
        if self.partial.is_empty()
            && let Some(object) = simple::read(piece, self.limits)
        {
            *input = &input[object.length..];
            let found = request(object.fields);
            self.look_behind(&found, object.broken_over_lines, input);
            return Some(found);
        }
        match self.scanner.scan(piece, self.limits.depth) {
            Scan::Done(length) => {
                let (end, rest) = input.split_at(length);
                *input = rest;
                Some(self.complete(end, rest))
            }
            Scan::More if piece.len() == room => Some(Err(mistake(
                MistakeKind::TooLarge,
                format!("an object of more than {} bytes", self.limits.frame_bytes),
            ))),
            Scan::More => {
                keep(&mut self.partial, piece, self.limits.frame_bytes);
                *input = &[];
                None
            }
            Scan::TooDeep => Some(Err(mistake(
                MistakeKind::TooDeep,
                format!("more than {} objects and lists in one another", self.limits.depth),
            ))),
            Scan::NotJson => {
                Some(Err(mistake(MistakeKind::Malformed, "a character that JSON has only inside strings")))
            }
        }
    }

    /// Reads an object whose last bytes are `end`, and which was not read as it came; `after` is what has come behind it.
    fn complete(&mut self, end: &[u8], after: &[u8]) -> Result<Request, Mistake> {
        let found = if self.partial.is_empty() {
            asked(Fields::read_any(end, self.limits))
        } else {
            keep(&mut self.partial, end, self.limits.frame_bytes);
            // Taken, so that its memory goes back: a connection that waits keeps none.
            let object = std::mem::take(&mut self.partial);
            asked(Fields::read(&object, self.limits))
        };
        self.look_behind(&found, self.scanner.broken_over_lines(), after);
        found
    }

    /// Learns from an object how the client frames, and from what has come behind it.
    fn look_behind(&mut self, found: &Result<Request, Mistake>, broken_over_lines: bool, after: &[u8]) {
        // What is no JSON tells nothing about how its sender frames.
        let is_object = !matches!(found, Err(mistake) if mistake.kind.is_fatal());
        if is_object && self.framing == Framing::Unseen {
            self.framing = if broken_over_lines { Framing::Known(Style::Paced) } else { Framing::Ended };
            // A lone carriage return decides nothing yet; the next call sees it again, and what comes behind it.
            if after != b"\r" {
                self.look_behind_first(after);
            }
        }
    }

    /// One whole message: one object, and separators around it.
    fn message(&mut self, input: &mut &[u8]) -> Option<Result<Request, Mistake>> {
        let found = self.step(input);
        let rest = std::mem::take(input);
        let whole = self.partial.is_empty();
        self.partial = Vec::new();
        self.separators = 0;
        match found {
            None if !whole => Some(Err(mistake(MistakeKind::Malformed, "the object is not complete"))),
            Some(Ok(_)) if !rest.iter().all(|byte| is_separator(*byte)) => {
                Some(Err(mistake(MistakeKind::Malformed, "a message holds one object")))
            }
            found => found,
        }
    }
}

fn asked(object: Result<Fields<'_>, serde_json::Error>) -> Result<Request, Mistake> {
    match object {
        Ok(fields) => request(fields),
        Err(error) => Err(mistake(MistakeKind::Malformed, error.to_string())),
    }
}

impl Decoder for PlainDecoder {
    fn decode(&mut self, input: &mut &[u8]) -> Decoded {
        if self.failed {
            *input = &[];
            return Decoded::Need;
        }
        self.look_behind_first(input);
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
                    self.partial = Vec::new();
                    *input = &[];
                }
                Decoded::Mistake(mistake)
            }
        }
    }

    fn is_midway(&self) -> bool {
        !self.partial.is_empty()
    }

    fn style(&self) -> Style {
        match self.framing {
            Framing::Known(style) => style,
            Framing::Unseen | Framing::Ended | Framing::EndedCr => Style::Undecided,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { frame_bytes: 65_536, depth: 16, fields: 64 };

    /// Feeds an object byte by byte; gives how many bytes were looked at, and how often the buffer grew.
    fn work(length: usize) -> (usize, usize) {
        let frame = r#"{"cmd":"private_chat","user_from":"a","user_to":"b","text":""}"#.len();
        let text = "\\n".repeat((length - frame) / 2);
        let object = format!(r#"{{"cmd":"private_chat","user_from":"a","user_to":"b","text":"{text}"}}"#);
        let mut decoder = PlainDecoder::new(Carrier::Stream, LIMITS);
        let (mut grown, mut capacity, mut looked_at) = (0, 0, 0);
        for byte in object.as_bytes() {
            let decoded = decoder.decode(&mut std::slice::from_ref(byte));
            if decoder.partial.capacity() > capacity {
                (grown, capacity) = (grown + 1, decoder.partial.capacity());
            }
            assert!(capacity <= LIMITS.frame_bytes);
            looked_at = looked_at.max(decoder.scanner.looked_at);
            if let Decoded::Request(_) = decoded {
                assert_eq!(decoder.partial.capacity(), 0, "nothing is kept between objects");
                assert_eq!(looked_at, object.len(), "each byte is looked at once");
                return (looked_at, grown);
            }
        }
        panic!("the object was not decoded");
    }

    #[test]
    fn one_byte_at_a_time_is_linear() {
        let (small, grown_small) = work(1_000);
        let (large, grown_large) = work(64_000);
        assert!(large <= 64 * small + 64 && grown_large <= grown_small + 7, "{small} {large} {grown_large}");
    }

    #[test]
    fn a_whole_object_is_read_in_place() {
        let mut decoder = PlainDecoder::new(Carrier::Stream, LIMITS);
        let mut input: &[u8] = b"{\"cmd\":\"ping\"} {\"cmd\":\"ping\"}";
        while let Decoded::Request(_) = decoder.decode(&mut input) {
            assert_eq!(decoder.partial.capacity(), 0);
        }
        assert!(input.is_empty());
    }
}
