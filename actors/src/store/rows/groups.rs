//! What a group tells about itself, as it is stored.
//!
//! Owns: its bytes. Never: has bounds (the session checks what comes in).

use super::Row;
use bytes::Bytes;
use protocol::GroupAbout;
use serde::{Deserialize, Serialize};

/// What a group tells about itself. A group that tells nothing has no such row.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub(in crate::store) struct AboutRow<'a> {
    pub(in crate::store) description: &'a str,
    pub(in crate::store) avatar: &'a [u8],
    /// In the order of their names.
    #[serde(borrow)]
    pub(in crate::store) fields: Vec<(&'a str, &'a str)>,
}

impl<'a> Row<'a> for AboutRow<'a> {}

impl<'a> AboutRow<'a> {
    /// As it is stored; `None` where there is nothing to store.
    pub(in crate::store) fn of(about: &'a GroupAbout) -> Option<Self> {
        let fields = about.fields.iter().map(|(name, value)| (&**name, &**value)).collect();
        let row = Self { description: &about.description, avatar: &about.avatar, fields };
        (row != Self::default()).then_some(row)
    }

    /// As it is told.
    pub(in crate::store) fn told(&self) -> GroupAbout {
        GroupAbout {
            description: self.description.into(),
            avatar: Bytes::copy_from_slice(self.avatar),
            fields: self.fields.iter().map(|&(name, value)| (name.into(), value.into())).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{decode, encode};
    use super::*;

    /// What is on disk in databases that exist: a change here needs a new version, not a new expectation.
    #[test]
    fn bytes_on_disk_stay() {
        let about = GroupAbout {
            description: "d".into(),
            avatar: Bytes::from_static(&[0, 255]),
            fields: vec![("k".into(), "v".into())],
        };
        let bytes = encode(&AboutRow::of(&about).unwrap()).unwrap();
        assert_eq!(&bytes[..], b"\x01\x01d\x02\0\xff\x01\x01k\x01v");
        assert_eq!(decode::<AboutRow<'_>>(b"k", &bytes).unwrap().told(), about);
    }

    #[test]
    fn nothing_told_is_nothing_stored() {
        assert_eq!(AboutRow::of(&GroupAbout::default()), None);
    }
}
