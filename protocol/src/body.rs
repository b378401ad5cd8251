//! What people send each other: message bodies, file lengths, and secrets that must not be shown.
//! Never: looks inside a body beyond its kind.

use crate::ids::Seq;
use bytes::Bytes;
use serde::{Deserialize, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;

/// What a message's bytes are. The numbers are stored on disk and travel in `binary`; never renumber.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Serialize, Deserialize)]
pub enum BodyKind {
    /// UTF-8 text.
    Text,
    /// An image in a format that the clients agree on.
    Image,
    /// A file's bytes, or a reference that the clients agree on.
    File,
    /// A voice message.
    Voice,
    /// Anything else, under a number of the client's own.
    Custom(u32),
    /// That a message of the same conversation was taken back: `data` is its place, eight bytes, big-endian. Made by the
    /// server alone.
    Recall,
    /// What is left of a message that was taken back: nothing. Made by the server alone.
    Recalled,
}

/// One message's content. Bounded by `message.max_bytes` before it becomes a `Body`'s owner's duty to store.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Body {
    /// What the bytes are.
    pub kind: BodyKind,
    /// The bytes; valid UTF-8 where `kind` is [`BodyKind::Text`].
    pub data: Bytes,
}

impl Body {
    /// A text body.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self { kind: BodyKind::Text, data: Bytes::from(text.into()) }
    }

    /// That the message at that place was taken back.
    #[must_use]
    pub fn recall(place: Seq) -> Self {
        Self { kind: BodyKind::Recall, data: Bytes::copy_from_slice(&place.0.to_be_bytes()) }
    }

    /// Whether this is a message that was taken back, or says of one that it was.
    #[must_use]
    pub fn is_taken_back(&self) -> bool {
        matches!(self.kind, BodyKind::Recall | BodyKind::Recalled)
    }

    /// Which message this takes back, where it does.
    #[must_use]
    pub fn recalls(&self) -> Option<Seq> {
        let data = self.data.first_chunk().filter(|_| self.kind == BodyKind::Recall && self.data.len() == 8)?;
        Some(Seq(u64::from_be_bytes(*data)))
    }

    /// The text, or `None` where this is not text.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self.kind {
            BodyKind::Text => std::str::from_utf8(&self.data).ok(),
            _ => None,
        }
    }

    /// The text, or a word on what is here instead, for dialects that can say text only: a picture is told there, not
    /// sent.
    #[must_use]
    pub fn told(&self) -> Cow<'_, str> {
        if let Some(text) = self.as_text() {
            return Cow::Borrowed(text);
        }
        let what = match self.kind {
            BodyKind::Image => "image",
            BodyKind::File => "file",
            BodyKind::Voice => "voice",
            BodyKind::Recall | BodyKind::Recalled => return Cow::Borrowed("[message taken back]"),
            BodyKind::Text | BodyKind::Custom(_) => "message of another kind",
        };
        Cow::Owned(format!("[{what}, {} bytes]", self.data.len()))
    }
}

/// A file's length in bytes, with the JSON type in which it was said: both sides of a transfer are answered in the
/// type that was asked (`plain.txt` 10 shows a string, running clients send and read a number).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FileLength {
    /// How many bytes.
    pub bytes: u64,
    /// Whether it was written as a JSON string.
    pub as_text: bool,
}

/// As it was said: a string or a number.
impl Serialize for FileLength {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.as_text { serializer.collect_str(&self.bytes) } else { serializer.serialize_u64(self.bytes) }
    }
}

/// A password on its way to the hash. Prints as `Secret(..)`; its memory is overwritten when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// Takes a password's bytes.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text.into_bytes())
    }

    /// The bytes, for the one who hashes them.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        // `black_box` keeps the compiler from removing writes that nobody reads.
        self.0.fill(0);
        std::hint::black_box(&self.0);
    }
}
