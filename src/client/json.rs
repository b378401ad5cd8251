//! JSON as both of its dialects need it. Owns: strings, in both directions. Never: builds a tree.

use serde::Deserialize;
use std::borrow::Cow;

/// A string that is borrowed where it has no escapes. (In an `Option`, a bare `Cow` would always be copied.)
#[derive(Deserialize)]
pub(super) struct Text<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

/// Appends what is JSON already.
pub(super) fn bytes(out: &mut Vec<u8>, json: &[u8]) {
    out.extend_from_slice(json);
}

/// Appends a string, quoted and escaped.
pub(super) fn string(out: &mut Vec<u8>, text: &str) {
    // A vector takes everything.
    let _ = serde_json::to_writer(out, text);
}

/// What is written, to be kept: in no more memory than it needs.
pub(super) fn kept(write: impl FnOnce(&mut Vec<u8>)) -> Box<[u8]> {
    let mut out = Vec::new();
    write(&mut out);
    out.into()
}

/// A number as a string of digits, without the machinery of `fmt`.
pub(super) fn id(out: &mut Vec<u8>, id: u64) {
    let mut digits = [0; 20];
    let mut start = digits.len();
    let mut rest = id;
    loop {
        start -= 1;
        digits[start] = b"0123456789"[usize::try_from(rest % 10).unwrap_or_default()];
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.push(b'"');
    out.extend_from_slice(&digits[start..]);
    out.push(b'"');
}

/// The word of a refusal, and the sentence for people that may come with it.
pub(super) fn explained<'a>(word: Cow<'a, str>, sentence: Option<Text<'a>>) -> Cow<'a, str> {
    match sentence {
        Some(Text(sentence)) => Cow::Owned(format!("{word}: {sentence}")),
        None => word,
    }
}
