//! Where what comes over a connection is cut into frames. Owns: how their ends are found, and what has come of one that is not
//! complete. Never: looks into a body.

use super::{Nonsense, websocket};
use std::borrow::Cow;
use std::io::BufRead;

/// The most bytes of a frame that are taken. A server's largest is a list of everybody's friends or members, far below.
pub(super) const MOST: usize = 4 << 20;

/// How the end of a frame is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// By a newline, which belongs to it.
    Line,
    /// By a 32-bit length before it, little-endian.
    Little,
    /// The same, big-endian.
    Big,
    /// By a WebSocket's header.
    Web,
}

/// One frame. Borrowed from what came, where it came whole.
pub(super) struct Frame<'a> {
    whole: Cow<'a, [u8]>,
    head: usize,
}

impl Frame<'_> {
    /// What stands before the body.
    pub(super) fn head(&self) -> &[u8] {
        self.whole.get(..self.head).unwrap_or_default()
    }

    /// The frame without its length.
    pub(super) fn body(&self) -> &[u8] {
        self.whole.get(self.head..).unwrap_or_default()
    }
}

/// What the beginning of a frame tells: bytes before the body, and of all of it.
#[derive(Clone, Copy)]
pub(super) struct Measure {
    pub(super) head: usize,
    pub(super) total: usize,
}

/// Takes the next frame off `input`; `None` where all input is taken and none is complete. `partial` has what came before,
/// and is empty, without memory, between frames. Linear in what came, however it is split.
pub(super) fn cut<'a>(form: Form, partial: &mut Vec<u8>, input: &mut &'a [u8]) -> Result<Option<Frame<'a>>, Nonsense> {
    match form {
        Form::Line => line(partial, input),
        Form::Little => measured(partial, input, |seen| prefix(seen, u32::from_le_bytes)),
        Form::Big => measured(partial, input, |seen| prefix(seen, u32::from_be_bytes)),
        Form::Web => measured(partial, input, websocket::measure),
    }
}

fn line<'a>(partial: &mut Vec<u8>, input: &mut &'a [u8]) -> Result<Option<Frame<'a>>, Nonsense> {
    let before = *input;
    // Memory can be read without an error.
    let taken = input.skip_until(b'\n').unwrap_or_default();
    let piece = &before[..taken];
    if partial.len() + piece.len() > MOST {
        return Err(too_long());
    }
    if piece.ends_with(b"\n") {
        return Ok(Some(Frame { whole: whole(partial, piece), head: 0 }));
    }
    partial.extend_from_slice(piece);
    Ok(None)
}

/// The measure of a frame that begins with its body's length.
fn prefix(seen: &[u8], read: fn([u8; 4]) -> u32) -> Result<Option<Measure>, Nonsense> {
    let Some(head) = seen.first_chunk() else { return Ok(None) };
    let length = usize::try_from(read(*head)).map_err(|_| too_long())?;
    Ok(Some(Measure { head: head.len(), total: length.saturating_add(head.len()) }))
}

fn measured<'a>(
    partial: &mut Vec<u8>,
    input: &mut &'a [u8],
    measure: impl Fn(&[u8]) -> Result<Option<Measure>, Nonsense>,
) -> Result<Option<Frame<'a>>, Nonsense> {
    let Measure { head, total } = loop {
        let seen = if partial.is_empty() { *input } else { partial.as_slice() };
        match measure(seen)? {
            Some(found) => break found,
            None if partial.is_empty() || input.is_empty() => {
                keep(partial, input, input.len());
                return Ok(None);
            }
            // A head that came in pieces, byte by byte: it has a few.
            None => keep(partial, input, 1),
        }
    };
    if total > MOST {
        return Err(too_long());
    }
    match input.split_at_checked(total.saturating_sub(partial.len())) {
        Some((piece, rest)) => {
            *input = rest;
            Ok(Some(Frame { whole: whole(partial, piece), head }))
        }
        None => {
            // Nothing is reserved for what a length promises: memory follows bytes that came.
            keep(partial, input, input.len());
            Ok(None)
        }
    }
}

/// Moves up to `count` bytes from the input to what is kept.
pub(super) fn keep(partial: &mut Vec<u8>, input: &mut &[u8], count: usize) {
    let (piece, rest) = input.split_at(count.min(input.len()));
    partial.extend_from_slice(piece);
    *input = rest;
}

/// What was kept and its last piece; nothing is kept any more.
fn whole<'a>(partial: &mut Vec<u8>, piece: &'a [u8]) -> Cow<'a, [u8]> {
    if partial.is_empty() {
        return Cow::Borrowed(piece);
    }
    let mut kept = std::mem::take(partial);
    kept.extend_from_slice(piece);
    Cow::Owned(kept)
}

pub(super) fn too_long() -> Nonsense {
    Nonsense(format!("a frame of more than {MOST} bytes"))
}
