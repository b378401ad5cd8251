//! Typed values out of an object's fields. Owns: what is said when a field is missing or wrong, and the words that all
//! dialects share.
//! Never: says a field's value in a mistake: it may be a password, or somebody's words.

use super::json::{Fields, Table, Value};
use crate::body::{Body, FileLength, Secret};
use crate::dialect::{Mistake, MistakeKind};
use crate::ids::{RequestId, Seq};
use crate::reply::{FriendPolicy, JoinPolicy, MessagePolicy};
use std::borrow::Cow;

/// The words of the policies, which all dialects share.
pub(super) const ADD: [(&str, FriendPolicy); 2] = [("open", FriendPolicy::Open), ("confirm", FriendPolicy::Confirm)];
pub(super) const MESSAGE: [(&str, MessagePolicy); 2] =
    [("anyone", MessagePolicy::Anyone), ("friends", MessagePolicy::Friends)];
pub(super) const JOIN: [(&str, JoinPolicy); 2] = [("open", JoinPolicy::Open), ("approval", JoinPolicy::Approval)];

/// A friendship policy, as it is written.
pub(super) fn friend_policy(policy: FriendPolicy) -> &'static str {
    match policy {
        FriendPolicy::Open => "open",
        FriendPolicy::Confirm => "confirm",
    }
}

/// A message policy, as it is written.
pub(super) fn message_policy(policy: MessagePolicy) -> &'static str {
    match policy {
        MessagePolicy::Anyone => "anyone",
        MessagePolicy::Friends => "friends",
    }
}

/// A mistake in a dialect that has no request numbers.
pub(super) fn mistake(kind: MistakeKind, detail: impl Into<String>) -> Mistake {
    Mistake { request: RequestId(0), verb: None, kind, detail: detail.into() }
}

pub(super) fn missing(field: impl Table) -> Mistake {
    mistake(MistakeKind::MissingField, format!("\"{}\" is missing", field.name()))
}

pub(super) fn wrong_type(field: impl Table, right: &str) -> Mistake {
    mistake(MistakeKind::WrongType, format!("\"{}\" must be {right}", field.name()))
}

pub(super) fn bad_value(field: impl Table, right: &str) -> Mistake {
    mistake(MistakeKind::BadValue, format!("\"{}\" must be {right}", field.name()))
}

impl<'a, F: Table, const N: usize> Fields<'a, F, N> {
    pub(super) fn maybe_text(&mut self, field: F) -> Result<Option<Cow<'a, str>>, Mistake> {
        match self.take(field) {
            None => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(_) => Err(wrong_type(field, "a string")),
        }
    }

    pub(super) fn text(&mut self, field: F) -> Result<Cow<'a, str>, Mistake> {
        self.maybe_text(field)?.ok_or_else(|| missing(field))
    }

    pub(super) fn string(&mut self, field: F) -> Result<String, Mistake> {
        self.text(field).map(Cow::into_owned)
    }

    pub(super) fn secret(&mut self, field: F) -> Result<Secret, Mistake> {
        self.string(field).map(Secret::new)
    }

    pub(super) fn body(&mut self, field: F) -> Result<Body, Mistake> {
        self.string(field).map(Body::text)
    }

    /// One of two words, if the object has the field.
    pub(super) fn maybe_word<T: Copy>(&mut self, field: F, words: &[(&str, T); 2]) -> Result<Option<T>, Mistake> {
        let Some(text) = self.maybe_text(field)? else { return Ok(None) };
        match words.iter().find(|(word, _)| *word == text) {
            Some((_, meaning)) => Ok(Some(*meaning)),
            None => Err(bad_value(field, &format!("\"{}\" or \"{}\"", words[0].0, words[1].0))),
        }
    }

    pub(super) fn word<T: Copy>(&mut self, field: F, words: &[(&str, T); 2]) -> Result<T, Mistake> {
        self.maybe_word(field, words)?.ok_or_else(|| missing(field))
    }

    /// A whole number, written as a JSON number or as decimal digits in a string; says which.
    fn maybe_whole(&mut self, field: F) -> Result<Option<(u64, bool)>, Mistake> {
        const RIGHT: &str = "a whole number, not negative, as a number or as digits in a string";
        match self.take(field) {
            None => Ok(None),
            Some(Value::Whole(number)) => Ok(Some((number, false))),
            Some(Value::OtherNumber) => Err(bad_value(field, RIGHT)),
            Some(Value::Text(text)) if text.bytes().all(|b| b.is_ascii_digit()) => {
                text.parse().map(|number| Some((number, true))).map_err(|_| bad_value(field, RIGHT))
            }
            Some(Value::Text(_)) => Err(bad_value(field, RIGHT)),
            Some(Value::Other) => Err(wrong_type(field, RIGHT)),
        }
    }

    /// A file's length.
    pub(super) fn file_length(&mut self, field: F) -> Result<FileLength, Mistake> {
        let (bytes, as_text) = self.maybe_whole(field)?.ok_or_else(|| missing(field))?;
        Ok(FileLength { bytes, as_text })
    }

    /// A page of a conversation: where it ends, and how long it is at the most.
    pub(super) fn page(&mut self, before: F, limit: F) -> Result<(Option<Seq>, Option<u32>), Mistake> {
        let before = self.maybe_whole(before)?.map(|(place, _)| Seq(place));
        let limit = match self.maybe_whole(limit)? {
            None => None,
            Some((0, _)) => return Err(bad_value(limit, "at least 1")),
            // The server has its own bound below this one; a wish for more is no mistake.
            Some((limit, _)) => Some(u32::try_from(limit).unwrap_or(u32::MAX)),
        };
        Ok((before, limit))
    }
}
