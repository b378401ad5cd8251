//! The client's half of a WebSocket (RFC 6455). Owns: the handshake, frames with masks, and control frames. Never: joins
//! fragments, for the server sends each message in one frame; extensions are not offered.

use super::frames::Measure;
use super::{Heard, Nonsense};
use std::io::Cursor;
use tungstenite::handshake::client::{Response, generate_key};
use tungstenite::handshake::derive_accept_key;
use tungstenite::handshake::machine::TryParse;
use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};

/// The most bytes of an answer to the handshake.
const ANSWER: usize = 16 << 10;

/// Appends the handshake that asks `host` for the dialect; gives what has to come back for its key.
pub(super) fn shake_hands(dialect: &str, host: &str, out: &mut Vec<u8>) -> Box<str> {
    let key = generate_key();
    let request = format!(
        "GET /{dialect} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Protocol: {dialect}\r\n\r\n"
    );
    out.extend_from_slice(request.as_bytes());
    derive_accept_key(key.as_bytes()).into()
}

/// Looks for the answer to the handshake at the beginning of what came: how many bytes it has, or `None` while it is not complete.
pub(super) fn shaken(dialect: &str, accept: &str, came: &[u8]) -> Result<Option<usize>, Nonsense> {
    let parsed = Response::try_parse(came).map_err(|error| Nonsense(format!("no answer to a handshake: {error}")))?;
    let Some((length, answer)) = parsed else {
        if came.len() > ANSWER {
            return Err(Nonsense(format!("an answer to the handshake of more than {ANSWER} bytes")));
        }
        return Ok(None);
    };
    if answer.status() != 101 {
        return Err(Nonsense(format!("the server answers the handshake with {}", answer.status())));
    }
    let says = |name: &str, value: &str| answer.headers().get(name).is_some_and(|found| found == value);
    if !says("sec-websocket-accept", accept) {
        return Err(Nonsense("the answer to the handshake is to another key".to_owned()));
    }
    if !says("sec-websocket-protocol", dialect) {
        return Err(Nonsense(format!("the server does not agree to speak {dialect}")));
    }
    Ok(Some(length))
}

/// The measure of a frame from the server. Refuses what this one never sends: masks, extensions, fragments.
pub(super) fn measure(seen: &[u8]) -> Result<Option<Measure>, Nonsense> {
    let nonsense = |why: &str| Err(Nonsense(format!("a WebSocket frame {why}")));
    let mut cursor = Cursor::new(seen);
    let Ok(parsed) = FrameHeader::parse(&mut cursor) else { return nonsense("that there is not") };
    let Some((header, length)) = parsed else { return Ok(None) };
    if header.mask.is_some() {
        return nonsense("with a mask came from the server");
    }
    if header.rsv1 || header.rsv2 || header.rsv3 {
        return nonsense("of an extension that was not asked for");
    }
    if !header.is_final || header.opcode == OpCode::Data(Data::Continue) {
        return nonsense("is a fragment, which this server never sends");
    }
    let head = usize::try_from(cursor.position()).unwrap_or(usize::MAX);
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    Ok(Some(Measure { head, total: length.saturating_add(head) }))
}

/// What a frame is for.
pub(super) enum Purpose {
    /// It has a message of the dialect.
    Message,
    /// It was dealt with.
    Control,
}

/// Deals with a frame if it is none of the dialect's: answers pings, and the server's close once. `closed` says whether this side
/// has sent its close, after which nothing more is written.
pub(super) fn control(
    head: &[u8],
    body: &[u8],
    closed: &mut bool,
    out: &mut Vec<u8>,
    each: &mut dyn FnMut(Heard<'_>),
) -> Purpose {
    match head.first().map(|first| OpCode::from(first & 0x0f)) {
        Some(OpCode::Control(Control::Ping)) if !*closed => write(OpCode::Control(Control::Pong), out, body),
        Some(OpCode::Control(Control::Close)) if !*closed => {
            *closed = true;
            // The same code back; a reason is for whoever closes first.
            write(OpCode::Control(Control::Close), out, body.get(..2).unwrap_or_default());
            each(Heard::Closing(last_words(body).into()));
        }
        Some(OpCode::Control(_)) => {}
        _ => return Purpose::Message,
    }
    Purpose::Control
}

/// `1001 server closing`
fn last_words(body: &[u8]) -> String {
    match body.split_first_chunk() {
        Some((code, reason)) => {
            let code = u16::from_be_bytes(*code);
            format!("{code} {}", String::from_utf8_lossy(reason)).trim_end().to_owned()
        }
        None => "closed without a code".to_owned(),
    }
}

/// Appends a close frame that says that all is done.
pub(super) fn close(out: &mut Vec<u8>) {
    write(OpCode::Control(Control::Close), out, &1000u16.to_be_bytes());
}

fn write(opcode: OpCode, out: &mut Vec<u8>, body: &[u8]) {
    let start = begin(out);
    out.extend_from_slice(body);
    end(opcode, start, out);
}

/// Bytes of the header that most messages have: flags, a 16-bit length, a mask.
const HEADER: usize = 8;

/// Leaves room for a header behind what is in `out`; what follows is the body, until [`end`] is given what this gives.
pub(super) fn begin(out: &mut Vec<u8>) -> usize {
    let start = out.len();
    out.extend_from_slice(&[0; HEADER]);
    start
}

/// Ends a message that [`begin`] has begun: writes its header, and masks it.
pub(super) fn end(opcode: OpCode, start: usize, out: &mut Vec<u8>) {
    let length = out.len() - start - HEADER;
    let mask = fastrand::u32(..).to_ne_bytes();
    let header = FrameHeader { opcode, mask: Some(mask), ..FrameHeader::default() };
    let bytes = header.len(length as u64);
    if bytes > HEADER {
        out.resize(out.len() + bytes - HEADER, 0);
    }
    out.copy_within(start + HEADER..start + HEADER + length, start + bytes);
    out.truncate(start + bytes + length);
    let (head, body) = out[start..].split_at_mut(bytes);
    // It has just the room that it needs.
    let _ = header.format(length as u64, &mut &mut *head);
    for piece in body.chunks_mut(mask.len()) {
        piece.iter_mut().zip(mask).for_each(|(byte, mask)| *byte ^= mask);
    }
}
