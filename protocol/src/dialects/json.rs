//! One JSON object, read in a single pass. Owns: [`Fields`], the values of the fields that any command of a dialect has,
//! borrowed from the input where they can be; each dialect has its [`Table`] of them. Refuses duplicate keys, too many
//! fields and too many levels, everywhere in the object. What most clients write is read by `simple`, to the same end.
//! Never: builds a tree, or keeps anything of a field that no command has.

use super::simple;
use crate::dialect::Limits;
use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use smallvec::SmallVec;
use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Range;

/// A dialect's fields: an enum made by [`fields!`].
pub(super) trait Table: Copy {
    /// The keys, in the order of the enum.
    const NAMES: &'static [&'static str];

    /// The place in it of the field with that key.
    fn find(key: &[u8]) -> Option<usize>;

    /// The field's place in it.
    fn index(self) -> usize;

    /// Its key in the object.
    fn name(self) -> &'static str {
        Self::NAMES[self.index()]
    }
}

/// Makes the enum `Field` of a dialect's fields, its [`Table`], and `Fields`, what an object says in them.
macro_rules! fields {
    ($($field:ident = $name:literal),+ $(,)?) => {
        /// A field of a command.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub(super) enum Field {
            $($field),+
        }

        impl $crate::dialects::json::Table for Field {
            const NAMES: &'static [&'static str] = &[$($crate::dialects::json::key($name)),+];

            fn find(key: &[u8]) -> Option<usize> {
                match key {
                    $($name => Some(Self::$field as usize),)+
                    _ => None,
                }
            }

            fn index(self) -> usize {
                self as usize
            }
        }

        /// What an object says in these fields.
        pub(super) type Fields<'a> =
            $crate::dialects::json::Fields<'a, Field, { <Field as $crate::dialects::json::Table>::NAMES.len() }>;
    };
}
pub(super) use fields;

/// A key of a table as text. The tables have bytes, since the compiler makes one look at each byte of a match of those,
/// and one comparison for each key of a match of texts.
pub(super) const fn key(bytes: &'static [u8]) -> &'static str {
    match str::from_utf8(bytes) {
        Ok(text) => text,
        Err(_) => panic!("a key is text"),
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

/// Where a string stands in an object, without its quotes.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Place {
    start: u32,
    end: u32,
}

impl Place {
    /// No string: each stands behind a brace and a quote.
    pub(super) const NONE: Self = Self { start: 0, end: 0 };

    /// `None` where the numbers are too large.
    pub(super) fn new(start: usize, end: usize) -> Option<Self> {
        Some(Self { start: start.try_into().ok()?, end: end.try_into().ok()? })
    }

    pub(super) fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// What an object says in the fields of a [`Table`], which has `N` of them. A field is in one of the two lists.
pub(super) struct Fields<'a, F, const N: usize> {
    /// The object; strings that have no escapes are borrowed from it by their places.
    text: &'a str,
    places: [Place; N],
    /// All other values. Without an allocation where there are none.
    others: Vec<(usize, Value<'a>)>,
    table: PhantomData<F>,
}

impl<'a, F: Table, const N: usize> Fields<'a, F, N> {
    /// Reads one object. The error is a syntax error with its place; it never holds a value, as long as `object` begins
    /// with one: a lone string in its stead would be quoted.
    pub(super) fn read(object: &'a [u8], limits: Limits) -> Result<Self, serde_json::Error> {
        match simple::read(object, limits) {
            Some(simple) if simple.length == object.len() => Ok(simple.fields),
            _ => Self::read_any(object, limits),
        }
    }

    /// The same for an object of which it is known that `simple` does not read it.
    pub(super) fn read_any(object: &'a [u8], limits: Limits) -> Result<Self, serde_json::Error> {
        match str::from_utf8(object) {
            // Looked at once as a whole, and not again string by string.
            Ok(text) => Self::read_from(serde_json::Deserializer::from_str(text), limits),
            // Its error tells where.
            Err(_) => Self::read_from(serde_json::Deserializer::from_slice(object), limits),
        }
    }

    fn read_from<R: serde_json::de::Read<'a>>(
        mut json: serde_json::Deserializer<R>,
        limits: Limits,
    ) -> Result<Self, serde_json::Error> {
        let fields = json.deserialize_map(TopLevel { within: Bounds::of(limits), table: PhantomData })?;
        json.end()?;
        Ok(fields)
    }

    /// What an object says in strings alone.
    pub(super) fn borrowed(text: &'a str, places: [Place; N]) -> Self {
        Self { text, places, others: Vec::new(), table: PhantomData }
    }

    /// Makes of a borrowed string with escapes what it means; `None` where it means nothing.
    pub(super) fn unescape(&mut self, field: usize) -> Option<()> {
        let within = std::mem::take(self.places.get_mut(field)?).range();
        let quoted = self.text.get(within.start.checked_sub(1)?..within.end + 1)?;
        self.others.push((field, Value::Text(Cow::Owned(serde_json::from_str(quoted).ok()?))));
        Some(())
    }

    /// The field's value, if the object has it.
    pub(super) fn take(&mut self, field: F) -> Option<Value<'a>> {
        let place = std::mem::take(&mut self.places[field.index()]);
        if place != Place::NONE {
            return self.text.get(place.range()).map(|text| Value::Text(Cow::Borrowed(text)));
        }
        let at = self.others.iter().position(|(other, _)| *other == field.index())?;
        Some(self.others.swap_remove(at).1)
    }

    /// Whether the object has the field (and it was not yet taken).
    pub(super) fn has(&self, field: F) -> bool {
        self.places[field.index()] != Place::NONE || self.others.iter().any(|(other, _)| *other == field.index())
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

/// What is left of the bounds at some place in the object.
#[derive(Clone, Copy)]
struct Bounds {
    /// Levels that may still open.
    levels: usize,
    limits: Limits,
}

impl Bounds {
    fn of(limits: Limits) -> Self {
        Self { levels: limits.depth, limits }
    }

    /// One level deeper. Said before anything of that level is read, so that a bomb ends at its fuse.
    fn deeper<E: Error>(self) -> Result<Self, E> {
        match self.levels.checked_sub(1) {
            Some(levels) => Ok(Self { levels, ..self }),
            None => {
                let depth = self.limits.depth;
                Err(E::custom(format_args!("more than {depth} objects and lists in one another")))
            }
        }
    }

    /// Counts one more field of an object.
    fn count<E: Error>(self, fields: &mut usize) -> Result<(), E> {
        *fields += 1;
        if *fields > self.limits.fields {
            return Err(E::custom(format_args!("an object with more than {} fields", self.limits.fields)));
        }
        Ok(())
    }
}

/// A client's own word, shortened and escaped, so that it can be shown in an answer or a log line.
pub(super) fn quoted(word: &str) -> String {
    const SHOWN: usize = 40;
    let short: String = word.chars().take(SHOWN).collect();
    let more = if short.len() < word.len() { "…" } else { "" };
    format!("\"{}{more}\"", short.escape_debug())
}

struct TopLevel<F, const N: usize> {
    within: Bounds,
    table: PhantomData<F>,
}

impl<'de, F: Table, const N: usize> Visitor<'de> for TopLevel<F, N> {
    type Value = Fields<'de, F, N>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let within = self.within.deeper()?;
        let mut fields = Fields::borrowed("", [Place::NONE; N]);
        let mut others = Keys::default();
        let mut count = 0;
        while let Some(Key(key)) = map.next_key()? {
            within.count(&mut count)?;
            if let Some(field) = F::find(key.as_bytes()) {
                let value = map.next_value_seed(One { within })?;
                if fields.others.iter().any(|(other, _)| *other == field) {
                    return Err(duplicate(&key));
                }
                fields.others.push((field, value));
            } else {
                others.insert(key)?;
                map.next_value_seed(Unused { within })?;
            }
        }
        Ok(fields)
    }
}

/// A value that a command may use.
#[derive(Clone, Copy)]
struct One {
    within: Bounds,
}

/// A value that none uses: looked through for duplicate keys and forgotten.
#[derive(Clone, Copy)]
struct Unused {
    within: Bounds,
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
        Unused { within: self.within }.visit_seq(seq).map(|()| Value::Other)
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        Unused { within: self.within }.visit_map(map).map(|()| Value::Other)
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
        let deeper = Self { within: self.within.deeper()? };
        while seq.next_element_seed(deeper)?.is_some() {}
        Ok(())
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let deeper = Self { within: self.within.deeper()? };
        let mut keys = Keys::default();
        let mut count = 0;
        while let Some(Key(key)) = map.next_key()? {
            deeper.within.count(&mut count)?;
            keys.insert(key)?;
            map.next_value_seed(deeper)?;
        }
        Ok(())
    }
}
