//! Objects as nearly all clients write them: fields of the dialect, each once, whose values are strings. Owns: reading
//! such an object and finding its end in one pass, without an allocation. Never: refuses anything. Whatever is not
//! recognised (other fields, other values, a field twice, a control character, no UTF-8, a missing end) is left to
//! `json`, which has the whole language and knows what is wrong.

use super::json::{Fields, Place, Table};
use super::runs::plain_run;
use crate::dialect::Limits;

/// What was read.
pub(super) struct Simple<'a, F, const N: usize> {
    /// What the object says.
    pub fields: Fields<'a, F, N>,
    /// Its bytes: it ends with that many.
    pub length: usize,
    /// Whether a line ended inside it, between its values.
    pub broken_over_lines: bool,
}

/// The object at the start of `input`, whatever comes behind it.
pub(super) fn read<F: Table, const N: usize>(input: &[u8], limits: Limits) -> Option<Simple<'_, F, N>> {
    if limits.depth == 0 {
        return None;
    }
    let mut cursor = Cursor { input, at: 0, lines: 0 };
    let mut places = [Place::NONE; N];
    // The fields, by their bits, whose strings have escapes.
    let mut escaped = 0_u64;
    let mut room = limits.fields;
    cursor.take(b'{')?;
    cursor.open_string()?;
    loop {
        room = room.checked_sub(1)?;
        let start = cursor.at;
        cursor.string()?;
        let field = F::find(input.get(start..cursor.at - 1)?)?;
        // Nearly all have nothing between their values: one look for both characters.
        if !cursor.skip(*b":\"") {
            cursor.skip_space();
            cursor.take(b':')?;
            cursor.open_string()?;
        }
        let start = cursor.at;
        if cursor.string()? {
            escaped |= 1_u64.checked_shl(u32::try_from(field).ok()?)?;
        }
        let value = Place::new(start, cursor.at - 1)?;
        if std::mem::replace(places.get_mut(field)?, value) != Place::NONE {
            return None;
        }
        if !cursor.skip(*b",\"") {
            cursor.skip_space();
            match cursor.next()? {
                b',' => cursor.open_string()?,
                b'}' => break,
                _ => return None,
            }
        }
    }
    let length = cursor.at;
    let text = str::from_utf8(input.get(..length)?).ok()?;
    let mut fields = Fields::borrowed(text, places);
    while escaped != 0 {
        fields.unescape(escaped.trailing_zeros() as usize)?;
        escaped &= escaped - 1;
    }
    Some(Simple { fields, length, broken_over_lines: cursor.lines > 0 })
}

struct Cursor<'a> {
    input: &'a [u8],
    at: usize,
    /// Ends of lines that were passed.
    lines: usize,
}

impl Cursor<'_> {
    #[inline]
    fn next(&mut self) -> Option<u8> {
        let byte = *self.input.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    #[inline]
    fn take(&mut self, expected: u8) -> Option<()> {
        (self.next()? == expected).then_some(())
    }

    /// Two characters, if they come next.
    #[inline]
    fn skip(&mut self, expected: [u8; 2]) -> bool {
        let comes = self.input.get(self.at..).and_then(|rest| rest.first_chunk()) == Some(&expected);
        if comes {
            self.at += 2;
        }
        comes
    }

    #[inline]
    fn open_string(&mut self) -> Option<()> {
        self.skip_space();
        self.take(b'"')
    }

    #[inline]
    fn skip_space(&mut self) {
        while let Some(byte @ (b' ' | b'\t' | b'\n' | b'\r')) = self.input.get(self.at) {
            self.lines += usize::from(matches!(byte, b'\n' | b'\r'));
            self.at += 1;
        }
    }

    /// A string behind its opening quote, to behind the closing one. Whether it has escapes, which are not looked at.
    #[inline(always)]
    fn string(&mut self) -> Option<bool> {
        let mut has_escapes = false;
        loop {
            self.at += plain_run(self.input.get(self.at..)?);
            match self.next()? {
                b'"' => return Some(has_escapes),
                // Whatever comes next belongs to it.
                b'\\' => {
                    self.next()?;
                    has_escapes = true;
                }
                _ => return None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use proptest::sample::Index;

    crate::dialects::json::fields! {
        Cmd = b"cmd",
        User = b"user",
        UserTo = b"user_to",
        Text = b"text",
    }
    const ALL: [Field; 4] = [Field::Cmd, Field::User, Field::UserTo, Field::Text];
    const LIMITS: Limits = Limits { frame_bytes: 65_536, depth: 3, fields: 4 };

    /// Reads an object; what was read is as the whole language has it. Says whether anything was.
    fn agrees(input: &[u8], limits: Limits) -> bool {
        let Some(Simple { mut fields, length, broken_over_lines }) = read::<Field, 4>(input, limits) else {
            return false;
        };
        let object = &input[..length];
        let mut whole = match Fields::read_any(object, limits) {
            Ok(fields) => fields,
            Err(error) => panic!("{}: {error}", object.escape_ascii()),
        };
        for field in ALL {
            assert_eq!(fields.has(field), whole.has(field));
            let (simple, whole) = (fields.take(field), whole.take(field));
            assert!(simple == whole && !fields.has(field), "{} in {}", field.name(), object.escape_ascii());
        }
        // In a string, a line end needs an escape.
        assert_eq!(broken_over_lines, object.iter().any(|byte| matches!(byte, b'\n' | b'\r')));
        true
    }

    #[test]
    fn what_clients_write_is_read() {
        for text in [
            r#"{"cmd":"private_chat","user":"小明","user_to":"b","text":"hello, 你好"}"#,
            r#"{"text":"\ud83d\ude00 \"\\\n\u0000","cmd":""}"#,
            "{\n    \"cmd\": \"login\",\r\n\t\"user\" : \"a\"\n}\n{",
            r#"{"cmd":"ping"};;"#,
        ] {
            assert!(agrees(text.as_bytes(), LIMITS), "{text}");
        }
    }

    #[test]
    fn what_is_unusual_is_left() {
        for text in [
            "",
            "{",
            "{}",
            r#"{"cmd""#,
            r#"{"cmd":"ping""#,
            r#"{"cmd":"ping\"#,
            r#"{"cmd":"ping",}"#,
            r#"{,"cmd":"ping"}"#,
            r#"{"cmd":"ping""user":"a"}"#,
            r#"{"cmd" "ping"}"#,
            r#"{"cmd":1}"#,
            r#"{"cmd":null}"#,
            r#"{"cmd":["a"]}"#,
            r#"{"cmd":"a","cmd":"a"}"#,
            r#"{"cmd":"\n","cmd":"a"}"#,
            r#"{"cmd":"a","other":"a"}"#,
            r#"{"c\u006dd":"a"}"#,
            r#"{"cmd":"\ud800"}"#,
            r#"{"cmd":"\x"}"#,
            "{\"cmd\":\"a\tb\"}",
            "{\"cmd\":\"a\0b\"}",
            "{\"cmd\":\"a\\\nb\"}",
            "\u{feff}{\"cmd\":\"a\"}",
        ] {
            assert!(!agrees(text.as_bytes(), LIMITS), "{text}");
        }
        assert!(!agrees(b"{\"cmd\":\"\xff\"}", LIMITS));
        let two = br#"{"cmd":"a","user":"b"}"#;
        assert!(agrees(two, Limits { fields: 2, depth: 1, ..LIMITS }));
        assert!(!agrees(two, Limits { fields: 1, ..LIMITS }));
        assert!(!agrees(two, Limits { depth: 0, ..LIMITS }));
    }

    /// A key or value, or something like one.
    fn token() -> impl Strategy<Value = String> {
        prop_oneof![
            8 => prop::sample::select(vec!["cmd", "user", "user_to", "text"]).prop_map(|key| format!("\"{key}\"")),
            8 => "[a-z!#\\[\\]{}:, \u{7f}é小😀]{0,24}".prop_map(|text| format!("\"{text}\"")),
            2 => prop::sample::select(vec![
                r#""\n""#, r#""a\"b""#, r#""\\""#, r#""\u0063md""#, r#""\ud83d\ude00""#, r#""\ud83d""#, r#""\q""#, "\"\n\"", "1",
                "-1.5e9", "null", "true", "{}", "[]", r#"{"cmd":"a"}"#, r#"[["a"]]"#, r#"[[["a"]]]"#, "x", "",
            ])
            .prop_map(str::to_owned),
        ]
    }

    fn space() -> impl Strategy<Value = String> {
        prop_oneof![6 => Just(String::new()), 1 => "[ \t\r\n]{1,3}"]
    }

    fn member() -> impl Strategy<Value = String> {
        let key = prop_oneof![
            9 => prop::sample::select(vec!["cmd", "user", "user_to", "text"]).prop_map(|key| format!("\"{key}\"")),
            1 => token(),
        ];
        (space(), key, space(), space(), token(), space())
            .prop_map(|(a, key, b, c, value, d)| format!("{a}{key}{b}:{c}{value}{d}"))
    }

    /// Objects, and bytes that are nearly one.
    fn nearly() -> impl Strategy<Value = Vec<u8>> {
        let object = prop::collection::vec(member(), 0..6).prop_map(|members| format!("{{{}}}", members.join(",")));
        let byte = prop_oneof![prop::sample::select(b"\"\\{}[]:,\n\r\t \0u1a\x7f\x80\xe5\xff".to_vec()), any::<u8>()];
        let changes = prop::collection::vec((any::<Index>(), 0..4_u8, byte), 0..3);
        (object, changes, "[ \n;{]{0,3}").prop_map(|(object, changes, after)| {
            let mut bytes = object.into_bytes();
            for (at, kind, byte) in changes {
                let at = at.index(bytes.len());
                match kind {
                    0 => bytes[at] = byte,
                    1 => bytes.insert(at, byte),
                    2 if bytes.len() > 1 => drop(bytes.remove(at)),
                    _ => bytes.truncate(at + 1),
                }
            }
            bytes.extend_from_slice(after.as_bytes());
            bytes
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 8_000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn nothing_is_read_otherwise_than_by_the_whole_language(input in nearly()) {
            agrees(&input, LIMITS);
        }
    }
}
