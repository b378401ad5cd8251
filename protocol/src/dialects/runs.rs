//! What stands in a JSON string as it is, and what needs an escape, found eight bytes at a time. Owns: [`plain_run`], by
//! which strings are read, [`write_strings`], by which the events sent most are written, and [`Digits`] for the numbers
//! among their strings. Never: knows which keys there are.

/// How many bytes from the start stand in a JSON string as they are: up to the first `"`, `\` or control character, or
/// to the end. Bytes of multi-byte characters are none of these.
#[inline]
pub(super) fn plain_run(bytes: &[u8]) -> usize {
    let (words, rest) = bytes.as_chunks::<8>();
    let mut at = 0;
    for word in words {
        let found = specials(u64::from_le_bytes(*word));
        if found != 0 {
            return at + found.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    if rest.is_empty() {
        return at;
    }
    // What is left is looked at together with some of what was: that has nothing.
    if let Some(last) = bytes.last_chunk::<8>() {
        let found = specials(u64::from_le_bytes(*last));
        return bytes.len() - 8 + if found == 0 { 8 } else { found.trailing_zeros() as usize / 8 };
    }
    if let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        let both = u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << 32;
        let found = specials(both);
        let place = if found == 0 { 8 } else { found.trailing_zeros() as usize / 8 };
        return if place < 4 { place } else { bytes.len() + place - 8 };
    }
    bytes.iter().position(|byte| is_special(*byte)).unwrap_or(bytes.len())
}

fn is_special(byte: u8) -> bool {
    byte < b' ' || byte == b'"' || byte == b'\\'
}

/// The highest bit of each special byte in a word. A bit above the lowest that is set may be wrong, since each
/// subtraction borrows from the byte above one that it finds; the lowest one is right.
fn specials(word: u64) -> u64 {
    const ONES: u64 = u64::MAX / 255;
    const fn each(byte: u8) -> u64 {
        ONES * byte as u64
    }
    let quote = (word ^ each(b'"')).wrapping_sub(ONES);
    let backslash = (word ^ each(b'\\')).wrapping_sub(ONES);
    let control = word.wrapping_sub(each(b' '));
    (quote | backslash | control) & !word & each(0x80)
}

/// Appends what stands between the quotes of a JSON string for this text, with the escapes that `serde_json` writes.
pub(super) fn write_escaped(wire: &mut Vec<u8>, text: &str) {
    let mut rest = text.as_bytes();
    loop {
        let (run, after) = rest.split_at(plain_run(rest));
        wire.extend_from_slice(run);
        let Some((&byte, after)) = after.split_first() else { break };
        escape(wire, byte);
        rest = after;
    }
}

/// The pieces of an object whose values are strings: what stands before each value, its opening quote included, and the
/// value.
pub(super) type Strings<'a, const N: usize> = [(&'static str, &'a str); N];

/// Bytes of such an object without its end, where nothing needs an escape.
pub(super) fn bytes_of<const N: usize>(fields: &Strings<'_, N>) -> usize {
    fields.iter().map(|(json, value)| json.len() + value.len()).sum()
}

/// Appends such an object without its end, which begins with the last value's closing quote. Only the values are looked
/// through for what JSON escapes. Put into its caller, where the compiler knows how long the pieces are.
#[inline(always)]
pub(super) fn write_strings<const N: usize>(wire: &mut Vec<u8>, fields: &Strings<'_, N>) {
    for (json, value) in fields {
        wire.extend_from_slice(json.as_bytes());
        write_escaped(wire, value);
    }
}

/// Room for a few escapes. And a vector that is not full is counted by `Bytes` from the start: what is written here is
/// shared, and to begin with the counting only then would cost more.
pub(super) const SPARE: usize = 16;

/// A number's decimal digits, without the machinery of `fmt`: every message has some.
pub(super) struct Digits {
    digits: [u8; 20],
    start: usize,
}

impl Digits {
    pub(super) fn of(number: u64) -> Self {
        let mut made = Self { digits: [b'0'; 20], start: 20 };
        let mut rest = number;
        loop {
            made.start -= 1;
            made.digits[made.start] = b"0123456789"[usize::try_from(rest % 10).unwrap_or_default()];
            rest /= 10;
            if rest == 0 {
                return made;
            }
        }
    }

    pub(super) fn as_str(&self) -> &str {
        str::from_utf8(&self.digits[self.start..]).unwrap_or_default()
    }
}

#[cold]
fn escape(wire: &mut Vec<u8>, byte: u8) {
    let letter = match byte {
        b'"' | b'\\' => byte,
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        8 => b'b',
        12 => b'f',
        _ => {
            let digit = |value: u8| b"0123456789abcdef"[usize::from(value)];
            return wire.extend_from_slice(&[b'\\', b'u', b'0', b'0', digit(byte >> 4), digit(byte & 15)]);
        }
    };
    wire.extend_from_slice(&[b'\\', letter]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_byte_at_each_place_is_told_apart() {
        // 0x7f and 0xff beside what is looked for: neighbours must not be taken for it, nor hide it.
        for around in [b'a', b'!', b'#', b'[', b']', 0x7f, 0x80, 0xff, b' ', 0xa0, 0xa2] {
            for byte in 0..=u8::MAX {
                for (length, place) in (1..20).flat_map(|length| (0..length).map(move |place| (length, place))) {
                    let mut bytes = [around; 20];
                    bytes[place] = byte;
                    let expected = if is_special(byte) { place } else { length };
                    assert_eq!(plain_run(&bytes[..length]), expected, "{byte:#x} at {place} among {around:#x}");
                }
            }
        }
        assert_eq!(plain_run(b""), 0);
    }

    #[test]
    fn the_first_of_several_is_found() {
        for first in [0, b'\n', 0x1f, b'"', b'\\'] {
            for second in [0, b'\n', 0x1f, b'"', b'\\', b'!', b'#', b']', 0x20] {
                for (length, place) in (2..20).flat_map(|length| (0..length - 1).map(move |place| (length, place))) {
                    let mut bytes = [b'a'; 20];
                    (bytes[place], bytes[place + 1]) = (first, second);
                    assert_eq!(plain_run(&bytes[..length]), place, "{first:#x} {second:#x}");
                }
            }
        }
    }

    #[test]
    fn digits_are_those_of_the_number() {
        for number in
            (0..70).flat_map(|bits| [1_u64.checked_shl(bits).unwrap_or(0), 10_u64.checked_pow(bits).unwrap_or(7)])
        {
            for number in [number, number.wrapping_sub(1)] {
                assert_eq!(Digits::of(number).as_str(), number.to_string());
            }
        }
    }

    #[test]
    fn a_string_is_written_as_serde_json_writes_it() {
        let mut texts: Vec<String> =
            (0..0x300).filter_map(char::from_u32).map(|c| format!("{c}1234567{c}{c}小")).collect();
        texts.extend(["".to_owned(), "hello, 你好 😀".to_owned(), "\u{2028}\u{2029}\u{feff}</script>/".to_owned()]);
        for text in texts {
            let mut wire = b"\"".to_vec();
            write_escaped(&mut wire, &text);
            wire.push(b'"');
            assert_eq!(wire, serde_json::to_vec(&text).unwrap(), "{text:?}");
        }
    }
}
