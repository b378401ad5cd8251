//! What accounts tell about themselves, as it is kept: the texts in one row, the picture in another, so that whoever
//! wants a nickname reads no picture.
//!
//! Owns: the bytes of both. Never: knows who may see them.

use super::{ReadError, Row, unknown_version};
use bytes::Bytes;
use protocol::{Email, Gender, Person, Profile};
use serde::{Deserialize, Serialize};

/// The version of pictures.
const PICTURE: u8 = 1;

/// All that an account tells, but for its picture. An account that has told nothing has none.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(in crate::store) struct ProfileRow<'a> {
    pub(in crate::store) nickname: &'a str,
    /// As it was written; empty for none.
    pub(in crate::store) email: &'a str,
    pub(in crate::store) gender: Gender,
    pub(in crate::store) birthday: &'a str,
    pub(in crate::store) region: &'a str,
    pub(in crate::store) signature: &'a str,
    #[serde(borrow)]
    pub(in crate::store) fields: Vec<(&'a str, &'a str)>,
    pub(in crate::store) findable: bool,
    pub(in crate::store) show_email: bool,
}

impl<'a> Row<'a> for ProfileRow<'a> {}

impl<'a> ProfileRow<'a> {
    /// What is kept of a profile.
    pub(in crate::store) fn of(profile: &'a Profile) -> Self {
        Self {
            nickname: &profile.nickname,
            email: profile.email.as_ref().map_or("", Email::as_str),
            gender: profile.gender,
            birthday: &profile.birthday,
            region: &profile.region,
            signature: &profile.signature,
            fields: profile.fields.iter().map(|(name, value)| (&**name, &**value)).collect(),
            findable: profile.findable,
            show_email: profile.show_email,
        }
    }

    /// Whose it is, with its picture.
    pub(in crate::store) fn profile(self, person: Person, avatar: Bytes) -> Profile {
        Profile {
            person,
            nickname: self.nickname.into(),
            email: (!self.email.is_empty()).then(|| Email::from_stored(self.email)),
            gender: self.gender,
            birthday: self.birthday.into(),
            region: self.region.into(),
            signature: self.signature.into(),
            avatar,
            fields: self.fields.into_iter().map(|(name, value)| (name.into(), value.into())).collect(),
            findable: self.findable,
            show_email: self.show_email,
        }
    }
}

/// A picture's row: a version byte, then the picture as it came.
pub(in crate::store) fn encode_picture(picture: &[u8]) -> Bytes {
    let mut row = Vec::with_capacity(1 + picture.len());
    row.push(PICTURE);
    row.extend_from_slice(picture);
    row.into()
}

/// A picture from its row.
pub(in crate::store) fn decode_picture(key: &[u8], value: &[u8]) -> Result<Bytes, ReadError> {
    match value.split_first() {
        Some((&PICTURE, picture)) => Ok(Bytes::copy_from_slice(picture)),
        Some((&version, _)) => Err(unknown_version(key, version)),
        None => Err(ReadError::row(key, "is empty")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::rows::{decode, encode};
    use protocol::{Name, UserId};

    fn told() -> Profile {
        let person = Person { id: UserId(10_000), name: Name::from_stored("x") };
        Profile {
            nickname: "小".into(),
            email: Some(Email::from_stored("A@b.cn")),
            gender: Gender::Female,
            birthday: "2000-02-29".into(),
            region: "r".into(),
            signature: "s\nt".into(),
            avatar: Bytes::from_static(b"\0png"),
            fields: vec![("k".into(), "v".into())],
            findable: false,
            show_email: true,
            ..Profile::blank(person)
        }
    }

    /// What is on disk in databases that exist: a change here needs a new version, not a new expectation.
    #[test]
    fn bytes_on_disk_stay() {
        let told = told();
        let row = encode(&ProfileRow::of(&told)).unwrap();
        assert_eq!(
            &row[..],
            b"\x01\x03\xe5\xb0\x8f\x06A@b.cn\x02\x0a2000-02-29\x01r\x03s\nt\x01\x01k\x01v\x00\x01".as_slice()
        );
        assert_eq!(&encode_picture(&told.avatar)[..], b"\x01\0png");
    }

    #[test]
    fn what_was_told_comes_back() {
        for told in [told(), Profile::blank(told().person)] {
            let row = encode(&ProfileRow::of(&told)).unwrap();
            let picture = decode_picture(b"k", &encode_picture(&told.avatar)).unwrap();
            let read: ProfileRow<'_> = decode(b"k", &row).unwrap();
            assert_eq!(read.profile(told.person.clone(), picture), told);
        }
    }

    #[test]
    fn pictures_of_another_version_are_an_error() {
        assert!(decode_picture(b"k", b"").unwrap_err().to_string().contains("is empty"));
        assert!(decode_picture(b"k", b"\x02x").unwrap_err().to_string().contains("version 2"));
    }
}
