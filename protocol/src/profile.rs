//! What people and groups tell about themselves. Owns: [`Profile`], [`GroupInfo`], their changes, and [`Role`].
//! Also which texts may be in them. Never: has bounds of its own (settings do), or knows who may see what (the session
//! does).

use crate::email::Email;
use crate::event::{GroupRef, Person};
use crate::ids::UserId;
use crate::names::has_hidden;
use crate::reply::JoinPolicy;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// Free-form fields, in the order of their names, none twice.
pub type Fields = Vec<(Box<str>, Box<str>)>;

/// As `binary` has it. The numbers are stored on disk; never renumber.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash, Serialize, Deserialize)]
#[allow(missing_docs, reason = "they say what they are")]
pub enum Gender {
    #[default]
    Unsaid,
    Male,
    Female,
    Other,
}

/// All that an account tells about itself (`binary.txt`, 个人信息包).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Profile {
    /// Whose.
    pub person: Person,
    /// What people see; may change, and need not be unique.
    pub nickname: Box<str>,
    /// `None`: it has none, or does not show it to whoever reads this.
    pub email: Option<Email>,
    /// As said.
    pub gender: Gender,
    /// `YYYY-MM-DD`, a day that there is; empty for nothing.
    pub birthday: Box<str>,
    /// Free text.
    pub region: Box<str>,
    /// Free text.
    pub signature: Box<str>,
    /// In a format that the clients agree on; empty for none.
    pub avatar: Bytes,
    /// Anything else.
    pub fields: Fields,
    /// May be found by its e-mail address.
    pub findable: bool,
    /// Friends see its e-mail address.
    pub show_email: bool,
}

impl Profile {
    /// That of an account which has said nothing yet.
    #[must_use]
    pub fn blank(person: Person) -> Self {
        let nickname = person.name.as_str().into();
        Self {
            person,
            nickname,
            email: None,
            gender: Gender::default(),
            birthday: Box::default(),
            region: Box::default(),
            signature: Box::default(),
            avatar: Bytes::new(),
            fields: Fields::new(),
            findable: true,
            show_email: false,
        }
    }

    /// As others see it: without the address, unless its owner shows it.
    #[must_use]
    pub fn for_others(mut self) -> Self {
        if !self.show_email {
            self.email = None;
        }
        self
    }
}

/// Changes of a profile; `None` leaves a value as it is.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[allow(missing_docs, reason = "as in Profile")]
pub struct ProfileChange {
    pub nickname: Option<Box<str>>,
    pub gender: Option<Gender>,
    pub birthday: Option<Box<str>>,
    pub region: Option<Box<str>>,
    pub signature: Option<Box<str>>,
    pub avatar: Option<Bytes>,
    pub fields: Option<Fields>,
    pub findable: Option<bool>,
    pub show_email: Option<bool>,
}

/// What somebody is in a group. Ordered by what it may do. The numbers are stored on disk; never renumber.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Hash, Serialize, Deserialize)]
pub enum Role {
    /// Reads and writes.
    #[default]
    Member,
    /// Answers requests, invites, removes members, changes the group's information.
    Manager,
    /// All of it, and makes managers, hands the group over, dissolves it. One per group.
    Owner,
}

/// Somebody in a group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Member {
    /// Who.
    pub person: Person,
    /// As what.
    pub role: Role,
}

/// What a group tells about itself, beside its name (`binary.txt`, 群的基本信息).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct GroupAbout {
    /// Free text.
    pub description: Box<str>,
    /// In a format that the clients agree on; empty for none.
    pub avatar: Bytes,
    /// Anything else.
    pub fields: Fields,
}

/// Changes of a group; `None` leaves a value as it is.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[allow(missing_docs, reason = "as in GroupInfo")]
pub struct GroupChange {
    pub join: Option<JoinPolicy>,
    pub description: Option<Box<str>>,
    pub avatar: Option<Bytes>,
    pub fields: Option<Fields>,
}

/// A group as somebody sees it who looks at it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupInfo {
    /// Both identifiers.
    pub group: GroupRef,
    /// Who owns it.
    pub owner: UserId,
    /// How others join.
    pub join: JoinPolicy,
    /// What it tells about itself.
    pub about: GroupAbout,
    /// How many are in it.
    pub members: u64,
    /// Since when there is one, in milliseconds since 1970 (UTC).
    pub since_ms: u64,
}

/// Whether somebody may be called that: something to see, of at most `max_chars` characters, all of them visible, on one
/// line. Others read it beside names.
#[must_use]
pub fn nickname_is_fine(nickname: &str, max_chars: usize) -> bool {
    text_is_fine(nickname, max_chars, false) && !nickname.trim().is_empty() && !has_hidden(nickname)
}

/// Whether people may write that about themselves or to each other: at most `max_chars` characters, none of which controls
/// anything. A text of several `lines` has newlines.
#[must_use]
pub fn text_is_fine(text: &str, max_chars: usize, lines: bool) -> bool {
    // A character has a byte at least: a text that is far too long is not counted.
    text.len() <= max_chars.saturating_mul(4)
        && text.chars().count() <= max_chars
        && !text.chars().any(|c| c.is_control() && !(lines && c == '\n'))
}

/// Whether that is a day, as `YYYY-MM-DD`, or nothing.
#[must_use]
pub fn birthday_is_fine(birthday: &str) -> bool {
    if birthday.is_empty() {
        return true;
    }
    let number = |text: &str, digits: usize| {
        (text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok()).flatten()
    };
    let mut parts = birthday.split('-');
    let parts = (parts.next(), parts.next(), parts.next(), parts.next());
    let (Some(year), Some(month), Some(day), None) = parts else { return false };
    let (Some(year), Some(month), Some(day)) = (number(year, 4), number(month, 2), number(day, 2)) else {
        return false;
    };
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days: u32 = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return false,
    };
    year >= 1 && (1..=days).contains(&day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_told_from_other_texts() {
        for day in ["", "1990-12-31", "2000-02-29", "2024-02-29", "0001-01-01", "9999-04-30", "1900-02-28"] {
            assert!(birthday_is_fine(day), "{day}");
        }
        for no_day in [
            "1990",
            "1990-12",
            "1990-13-01",
            "1990-00-01",
            "1990-01-00",
            "1990-01-32",
            "1990-04-31",
            "1900-02-29",
            "2100-02-29",
            "2023-02-29",
            "2024-02-30",
            "0000-01-01",
            "90-01-01",
            "1990-1-1",
            "1990-01-01-",
            "-1990-01-01",
            "1990/01/01",
            "1990-01-01T00",
            "+990-01-01",
            "１９９０-01-01",
            " ",
            "1990-01-0x",
        ] {
            assert!(!birthday_is_fine(no_day), "{no_day}");
        }
    }

    #[test]
    fn nicknames_are_something_to_see() {
        for fine in ["小明", "x", "Ann | Bob", "\u{2764}\u{fe0f}", "А", "O'Hara", "a b", "12345678"] {
            assert!(nickname_is_fine(fine, 8.max(fine.chars().count())), "{fine:?}");
        }
        for bad in [
            "",
            " ",
            "\u{3000}",
            "a\nb",
            "a\tb",
            "\u{202e}abc",
            "a\u{200b}",
            "\u{3164}",
            "a\u{fe0f}",
            "\u{e000}",
            "\u{7f}",
        ] {
            assert!(!nickname_is_fine(bad, 64), "{bad:?}");
        }
        assert!(nickname_is_fine("八个字的昵称就好", 8) && !nickname_is_fine("九个字的昵称就不好", 8));
    }

    #[test]
    fn texts_are_counted_in_characters_and_control_nothing() {
        assert!(
            text_is_fine("", 0, false) && text_is_fine("四个汉字", 4, false) && !text_is_fine("四个汉字", 3, false)
        );
        assert!(text_is_fine("𝄞𝄞", 2, false));
        assert!(text_is_fine("a\nb", 3, true) && !text_is_fine("a\nb", 3, false));
        for control in ["\r", "\0", "\u{1b}", "\u{85}", "\t"] {
            assert!(!text_is_fine(control, 9, true), "{control:?}");
        }
    }
}
