//! Names of people and groups: which are allowed, and when two are the same.
//!
//! Owns: [`Name`], the shown form; [`NameKey`], what names are compared by; and the skeleton by which a name is
//! found that only looks like another one. The rules themselves are in `rules`.
//!
//! Never: knows which names are taken (the store does).

mod rules;

use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// The most characters of a name, counted after NFKC and without emoji variation selectors.
pub const MAX_CHARS: usize = 32;

/// A name by the rules, as it is shown. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Name(Arc<str>);

/// What names are compared by: without regard to case and width.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct NameKey(Box<str>);

/// The rule that a name breaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, thiserror::Error)]
pub enum NameError {
    /// No character at all, or too many.
    #[error("a name has 1 to 32 characters")]
    Length,
    /// The character that joins the names of a list.
    #[error("a name has no | (it separates names in lists)")]
    Bar,
    /// Space at an end, two in a row, or white space of another kind.
    #[error("a name has single ordinary spaces only, and none at its ends")]
    Space,
    /// A control character.
    #[error("a name has no control characters")]
    Control,
    /// A character that nobody sees: zero-width, direction marks, fillers, variation selectors outside emoji.
    #[error("a name has no invisible characters")]
    Invisible,
    /// Private use, unassigned, or a replacement character.
    #[error("a name has only characters that Unicode has given a meaning")]
    Unassigned,
    /// A combining mark without a letter, or too many on one.
    #[error("a name has no accent without a letter, none twice, and only a few on one letter")]
    Marks,
    /// Letters of scripts that are not written together, e.g. Cyrillic among Latin.
    #[error("a name is written in one script (Latin may be mixed with Chinese, Japanese or Korean)")]
    MixedScripts,
}

impl Name {
    /// Checks a name that somebody wants to have.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn parse(typed: &str) -> Result<Self, NameError> {
        rules::shown_form(typed).map(|shown| Self(shown.into()))
    }

    /// A name read back from this server's own database: it was checked when it was given, by the rules of then.
    #[must_use]
    pub fn from_stored(stored: &str) -> Self {
        Self(stored.into())
    }

    /// The name as it is shown.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What it is compared by.
    #[must_use]
    pub fn key(&self) -> NameKey {
        NameKey::of(&self.0)
    }

    /// What the key looks like (UTS 39): two names with one skeleton can be taken for each other. Names of one
    /// script (`user1`, `userl`) are both allowed; where [`Name::scripts`] differs, the second is a trap.
    #[must_use]
    pub fn skeleton(&self) -> String {
        unicode_security::skeleton(self.key().as_str()).collect()
    }

    /// What the name looks like in the case in which it is shown. Some letters are alike in one case only:
    /// Cyrillic `ВОВ` is Latin `BOB` to the eye, while the keys `вов` and `bob` are not alike.
    #[must_use]
    pub fn skeleton_as_shown(&self) -> String {
        unicode_security::skeleton(&self.0).collect()
    }

    /// The scripts in which the name can be read, as a short text to compare: `Latn`, `Hani`, `Hani+Latn`; `Zyyy`
    /// for digits, signs and emoji alone.
    #[must_use]
    pub fn scripts(&self) -> String {
        rules::scripts(self.key().as_str())
    }
}

/// Whether a text has characters that nobody sees, or that turn around what stands beside them; control characters are
/// among them. Emoji may have their selectors.
pub(crate) fn has_hidden(text: &str) -> bool {
    rules::has_hidden(text)
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl NameKey {
    /// Reduces any text to what names are compared by. Never fails: text that cannot be a name matches none.
    #[must_use]
    pub fn of(typed: &str) -> Self {
        Self(rules::folded(typed).into())
    }

    /// The key as text, for the store.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
