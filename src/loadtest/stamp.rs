//! The text of a simulated message: who wrote it, its place, and when it was due. Owns: [`Stamp`], written and read
//! without an allocation. Never: knows a clock; times are given.

/// What stands at the front of a text. Everything behind it is padding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Tells this run from earlier ones, whose leftovers may still arrive.
    pub run: u32,
    /// Which of the ledger's streams: one sender's messages into one conversation.
    pub stream: u32,
    /// Its place in the stream, from 0.
    pub counter: u32,
    /// When it was due, in microseconds of this process's monotonic clock; below 2^48, some nine years.
    pub due_us: u64,
}

/// Letters in front, so that nobody's own text is taken for a stamp.
const MARK: &[u8; 2] = b"hy";
/// Digits of the due time, and of the check behind it.
const DUE: usize = 12;
const CHECK: usize = 2;
const DIGITS: &[u8; 16] = b"0123456789abcdef";
const PADDING: &str = "................................................................";

impl Stamp {
    /// Bytes of the shortest text that holds a stamp.
    pub const MIN_BYTES: usize = MARK.len() + 8 + 8 + 8 + DUE + CHECK;

    /// Writes the text over what is in `text`: at least [`Self::MIN_BYTES`], and `size` where that is more. Only
    /// characters that no dialect has to escape.
    pub fn write(&self, size: usize, text: &mut String) {
        let mut front = [0u8; Self::MIN_BYTES];
        let (mark, digits) = front.split_at_mut(MARK.len());
        mark.copy_from_slice(MARK);
        let fields =
            [(u64::from(self.run), 8), (u64::from(self.stream), 8), (u64::from(self.counter), 8), (self.due_us, DUE)];
        let mut at = 0;
        for (value, width) in fields {
            for (place, digit) in digits[at..at + width].iter_mut().enumerate() {
                let nibble = (value >> (4 * (width - 1 - place))) & 0xf;
                *digit = DIGITS[usize::try_from(nibble).unwrap_or_default()];
            }
            at += width;
        }
        let check = check(&digits[..at]);
        digits[at] = DIGITS[usize::from(check >> 4)];
        digits[at + 1] = DIGITS[usize::from(check & 0xf)];
        text.clear();
        // Hexadecimal digits are ASCII.
        text.push_str(std::str::from_utf8(&front).unwrap_or_default());
        let mut left = size.saturating_sub(Self::MIN_BYTES);
        while left > 0 {
            let part = left.min(PADDING.len());
            text.push_str(&PADDING[..part]);
            left -= part;
        }
    }

    /// Reads it back; `None` for any text that is not a stamp and its padding.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let text = text.as_bytes();
        let front = text.get(..Self::MIN_BYTES)?.strip_prefix(MARK)?;
        if text[Self::MIN_BYTES..].iter().any(|byte| *byte != b'.') {
            return None;
        }
        let number = |from: usize, width: usize| {
            front[from..from + width].iter().try_fold(0u64, |sum, digit| {
                let digit = match digit {
                    b'0'..=b'9' => digit - b'0',
                    b'a'..=b'f' => digit - b'a' + 10,
                    _ => return None,
                };
                Some(sum << 4 | u64::from(digit))
            })
        };
        if number(24 + DUE, CHECK)? != u64::from(check(&front[..24 + DUE])) {
            return None;
        }
        let short = |from: usize| number(from, 8).and_then(|value| u32::try_from(value).ok());
        Some(Self { run: short(0)?, stream: short(8)?, counter: short(16)?, due_us: number(24, DUE)? })
    }
}

/// Another one for any text in which one digit is another: a changed number must not pass for what was sent.
fn check(digits: &[u8]) -> u8 {
    digits.iter().fold(0, |sum: u8, digit| sum.wrapping_mul(31).wrapping_add(*digit))
}

#[cfg(test)]
mod tests {
    use super::Stamp;

    const STAMP: Stamp = Stamp { run: 0xdead_beef, stream: 17, counter: u32::MAX, due_us: (1 << 48) - 1 };

    #[test]
    fn what_is_written_is_read() {
        let mut text = String::from("old");
        for size in [0, Stamp::MIN_BYTES, Stamp::MIN_BYTES + 1, 64, 1000] {
            STAMP.write(size, &mut text);
            assert_eq!(text.len(), size.max(Stamp::MIN_BYTES));
            assert_eq!(Stamp::read(&text), Some(STAMP));
        }
    }

    #[test]
    fn anything_else_is_no_stamp() {
        let mut text = String::new();
        STAMP.write(64, &mut text);
        for at in 0..text.len() {
            let mut other = text.clone().into_bytes();
            for change in *b"~0af." {
                other[at] = change;
                let read = Stamp::read(std::str::from_utf8(&other).unwrap());
                assert_eq!(read.is_some(), change == text.as_bytes()[at], "a change at {at}");
            }
        }
        for end in 0..Stamp::MIN_BYTES {
            assert_eq!(Stamp::read(&text[..end]), None, "cut at {end}");
        }
        assert_eq!(Stamp::read("你好你好你好你好你好你好你好你好你好你好你好你好"), None);
    }
}
