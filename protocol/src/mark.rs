//! Places that say how far something has been received. Owns: [`Mark`] and [`Kept`].
//! Never: knows how far that is (the store does).

use crate::ids::{GroupId, Seq};

/// A place up to which something has been received, or the place of one thing that was.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Mark {
    /// In one's own inbox.
    Inbox(Seq),
    /// In a group's conversation.
    Group(GroupId, Seq),
}

impl Mark {
    /// Whether both are in one line.
    #[must_use]
    pub fn is_of_the_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Inbox(_), Self::Inbox(_)) => true,
            (Self::Group(a, _), Self::Group(b, _)) => a == b,
            _ => false,
        }
    }

    /// The place in its line.
    #[must_use]
    pub fn place(&self) -> Seq {
        match self {
            Self::Inbox(place) | Self::Group(_, place) => *place,
        }
    }

    /// The same line at another place.
    #[must_use]
    pub fn at(&self, place: Seq) -> Self {
        match self {
            Self::Inbox(_) => Self::Inbox(place),
            Self::Group(group, _) => Self::Group(*group, place),
        }
    }
}

/// That an event is kept for its receivers until each has said that it has it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Kept {
    /// Where.
    pub mark: Mark,
    /// It was read from the store: it waited for its receiver, or is sent again.
    pub late: bool,
}
