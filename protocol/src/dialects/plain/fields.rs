//! One JSON object, read in a single pass. Owns: [`Fields`], the values of the fields that any command has, borrowed
//! from the input where they can be. Refuses duplicate keys and too many fields, at every level.
//! Never: builds a tree, or keeps anything of a field that no command has.

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use smallvec::SmallVec;
use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

/// A field of a command. The order is that of [`NAMES`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Field {
    Cmd,
    User,
    Password,
    Friend,
    Group,
    Join,
    UserFrom,
    UserTo,
    Text,
    FromUser,
    ToUser,
    Length,
    Filename,
    Result,
    Member,
    Add,
    Message,
    NewPassword,
    Before,
    Limit,
}

const COUNT: usize = Field::Limit as usize + 1;

const NAMES: [(&str, Field); COUNT] = [
    ("cmd", Field::Cmd),
    ("user", Field::User),
    ("password", Field::Password),
    ("friend", Field::Friend),
    ("group", Field::Group),
    ("join", Field::Join),
    ("user_from", Field::UserFrom),
    ("user_to", Field::UserTo),
    ("text", Field::Text),
    ("from_user", Field::FromUser),
    ("to_user", Field::ToUser),
    ("length", Field::Length),
    ("filename", Field::Filename),
    ("result", Field::Result),
    ("member", Field::Member),
    ("add", Field::Add),
    ("message", Field::Message),
    ("new_password", Field::NewPassword),
    ("before", Field::Before),
    ("limit", Field::Limit),
];

impl Field {
    /// Its key in the object.
    pub(super) fn name(self) -> &'static str {
        NAMES[self as usize].0
    }

    fn of_key(key: &str) -> Option<Self> {
        NAMES.iter().find(|(name, _)| *name == key).map(|(_, field)| *field)
    }
}

/// A field's value, as far as a command can use it.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Value<'a> {
    /// A string.
    Text(Cow<'a, str>),
    /// A number that is whole, not negative, and fits.
    Whole(u64),
    /// Any other number.
    OtherNumber,
    /// Neither string nor number.
    Other,
}

/// What an object says in the fields that any command has.
#[derive(Default)]
pub(super) struct Fields<'a> {
    values: [Option<Value<'a>>; COUNT],
}

impl<'a> Fields<'a> {
    /// Reads one object. The error is a syntax error with its place; it never holds a value.
    pub(super) fn read(object: &'a [u8], max_fields: usize) -> Result<Self, serde_json::Error> {
        let mut json = serde_json::Deserializer::from_slice(object);
        let fields = json.deserialize_map(TopLevel { max_fields })?;
        json.end()?;
        Ok(fields)
    }

    /// The field's value, if the object has it.
    pub(super) fn take(&mut self, field: Field) -> Option<Value<'a>> {
        self.values[field as usize].take()
    }

    /// Whether the object has the field (and it was not yet taken).
    pub(super) fn has(&self, field: Field) -> bool {
        self.values[field as usize].is_some()
    }
}

/// A key, borrowed where it has no escapes.
struct Key<'de>(Cow<'de, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AsText;
        impl<'de> Visitor<'de> for AsText {
            type Value = Key<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(AsText)
    }
}

/// The keys of one object that were seen. A list while they are few; a set beyond, so that many stay linear.
#[derive(Default)]
struct Keys<'de> {
    few: SmallVec<[Cow<'de, str>; 8]>,
    many: HashSet<Cow<'de, str>>,
}

impl<'de> Keys<'de> {
    fn insert<E: Error>(&mut self, key: Cow<'de, str>) -> Result<(), E> {
        if self.few.contains(&key) || self.many.contains(&key) {
            return Err(duplicate(&key));
        }
        if self.few.len() < 8 {
            self.few.push(key);
        } else {
            self.many.insert(key);
        }
        Ok(())
    }
}

fn duplicate<E: Error>(key: &str) -> E {
    E::custom(format_args!("duplicate key {}", quoted(key)))
}

fn too_many<E: Error>(max_fields: usize) -> E {
    E::custom(format_args!("an object with more than {max_fields} fields"))
}

/// A client's own word, shortened and escaped, so that it can be shown in an answer or a log line.
pub(super) fn quoted(word: &str) -> String {
    const SHOWN: usize = 40;
    let short: String = word.chars().take(SHOWN).collect();
    let more = if short.len() < word.len() { "…" } else { "" };
    format!("\"{}{more}\"", short.escape_debug())
}

struct TopLevel {
    max_fields: usize,
}

impl<'de> Visitor<'de> for TopLevel {
    type Value = Fields<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields = Fields::default();
        let mut others = Keys::default();
        let mut count = 0;
        while let Some(Key(key)) = map.next_key()? {
            count += 1;
            if count > self.max_fields {
                return Err(too_many(self.max_fields));
            }
            if let Some(field) = Field::of_key(&key) {
                let value = map.next_value_seed(One { max_fields: self.max_fields })?;
                if fields.values[field as usize].replace(value).is_some() {
                    return Err(duplicate(&key));
                }
            } else {
                others.insert(key)?;
                map.next_value_seed(Unused { max_fields: self.max_fields })?;
            }
        }
        Ok(fields)
    }
}

/// A value that a command may use.
#[derive(Clone, Copy)]
struct One {
    max_fields: usize,
}

/// A value that none uses: looked through for duplicate keys and forgotten.
#[derive(Clone, Copy)]
struct Unused {
    max_fields: usize,
}

impl<'de> DeserializeSeed<'de> for One {
    type Value = Value<'de>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> DeserializeSeed<'de> for Unused {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for One {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }
    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Value::Text(Cow::Borrowed(text)))
    }
    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Value::Text(Cow::Owned(text.to_owned())))
    }
    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Value::Whole(number))
    }
    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Value::OtherNumber)
    }
    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Value::OtherNumber)
    }
    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Value::Other)
    }
    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Value::Other)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
        Unused { max_fields: self.max_fields }.visit_seq(seq).map(|()| Value::Other)
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        Unused { max_fields: self.max_fields }.visit_map(map).map(|()| Value::Other)
    }
}

impl<'de> Visitor<'de> for Unused {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }
    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }
    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }
    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }
    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }
    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(self)?.is_some() {}
        Ok(())
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut keys = Keys::default();
        let mut count = 0;
        while let Some(Key(key)) = map.next_key()? {
            count += 1;
            if count > self.max_fields {
                return Err(too_many(self.max_fields));
            }
            keys.insert(key)?;
            map.next_value_seed(self)?;
        }
        Ok(())
    }
}
