//! Where one JSON object ends, found without parsing it. Owns: the few bytes of state by which the search goes on
//! wherever the input was split; each byte is looked at once. Never: keeps input, or judges more than its outline.

use memchr::memchr2;

/// What was found in a piece of input.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Scan {
    /// The object ends with this many bytes of the piece.
    Done(usize),
    /// The whole piece belongs to the object, which goes on.
    More,
    /// It opens more levels than are allowed.
    TooDeep,
    /// It has a byte that JSON has nowhere outside strings.
    NotJson,
}

/// The state between two pieces of one object.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Scanner {
    depth: usize,
    in_string: bool,
    /// The last byte was a backslash in a string, and the next one is not looked at.
    escaped: bool,
    /// A line ended inside the object, between its values.
    broken_over_lines: bool,
    /// Bytes looked at, so that a test can count that each is looked at once.
    #[cfg(test)]
    pub(super) looked_at: usize,
}

impl Scanner {
    /// Whether a line ended inside the object seen so far.
    pub(super) fn broken_over_lines(&self) -> bool {
        self.broken_over_lines
    }

    /// Looks at the next piece of an object; its first byte, in the first piece, is `{`.
    pub(super) fn scan(&mut self, piece: &[u8], max_depth: usize) -> Scan {
        let mut at = 0;
        while let Some(&byte) = piece.get(at) {
            if self.in_string {
                let from = at;
                at = self.skip_string(piece, at);
                self.count(at - from);
                continue;
            }
            at += 1;
            self.count(1);
            match byte {
                b'"' => self.in_string = true,
                b'{' | b'[' => {
                    self.depth += 1;
                    if self.depth > max_depth {
                        return Scan::TooDeep;
                    }
                }
                b'}' | b']' => {
                    // The first byte opened one, and the search ends with the last: there is one to close.
                    self.depth = self.depth.saturating_sub(1);
                    if self.depth == 0 {
                        return Scan::Done(at);
                    }
                }
                b'\n' | b'\r' => self.broken_over_lines = true,
                b' ' | b'\t' | b',' | b':' | b'0'..=b'9' | b'+' | b'-' | b'.' | b'a'..=b'z' | b'E' => {}
                _ => return Scan::NotJson,
            }
        }
        Scan::More
    }

    #[cfg(test)]
    fn count(&mut self, bytes: usize) {
        self.looked_at += bytes;
    }

    #[cfg(not(test))]
    #[inline(always)]
    fn count(&mut self, _bytes: usize) {}

    /// Goes on inside a string, to its end or the piece's. A byte of a multi-byte character is never `"` or `\`.
    fn skip_string(&mut self, piece: &[u8], mut at: usize) -> usize {
        if self.escaped {
            self.escaped = false;
            at += 1;
        }
        let rest = piece.get(at..).unwrap_or_default();
        match memchr2(b'"', b'\\', rest) {
            None => piece.len(),
            Some(found) if rest[found] == b'"' => {
                self.in_string = false;
                at + found + 1
            }
            Some(found) => {
                self.escaped = true;
                at + found + 1
            }
        }
    }
}

/// Whether a byte may stand between two objects: clients of this dialect end theirs with any of these, or nothing.
pub(super) fn is_separator(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b';' | 0)
}
