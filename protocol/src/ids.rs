//! Numbers that name things. Owns: one newtype per kind, so that a user is never passed for a group.
//! Never: gives numbers out (the store does that).

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! number {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl From<$name> for u64 {
            fn from(number: $name) -> Self {
                number.0
            }
        }
    };
}

number! {
    /// An account. Given out once by the store, from 10000 upwards, never reused.
    UserId
}
number! {
    /// A group. Given out once by the store, from 1 upwards, never reused.
    GroupId
}
number! {
    /// A live connection. Drawn from the system's random source, so that nobody can guess another's.
    SessionId
}
number! {
    /// A place in a conversation or an inbox: contiguous from 1, never reused. 0 means "before the first".
    Seq
}
number! {
    /// The client's own number for a request, in the dialects that have one; 0 in those that do not.
    RequestId
}

number! {
    /// A file that was offered, from the offer to its end. Given out by the broker, from 1 upwards; not on disk.
    TransferId
}

/// 16 random bytes of one installation of a client. With them a message that is sent again is told from one of a
/// client that has lost its counter, and a connection that replaces a dead one from a second device.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Instance(pub [u8; 16]);

impl Seq {
    /// The place after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}
