//! Text that people read in a terminal. Owns: making any text one harmless line. Never: prints it.

/// `text` on one line: control characters, line separators and marks that turn the direction of writing become
/// escapes such as `\n` and `\u{202e}`, so that nobody can forge a second line or hide a part of this one.
#[must_use]
pub fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        let turns =
            matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{61c}');
        if c.is_control() || turns {
            line.extend(c.escape_default());
        } else {
            line.push(c);
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::one_line;

    #[test]
    fn control_characters_are_escaped_and_the_rest_is_kept() {
        assert_eq!(one_line("a\r\nb\t\u{1b}[31m\u{7f}\u{85}"), "a\\r\\nb\\t\\u{1b}[31m\\u{7f}\\u{85}");
        assert_eq!(one_line("x\u{202e}y\u{2028}z"), "x\\u{202e}y\\u{2028}z");
        assert_eq!(one_line("鸿雁 \"传书\" 🐦 \\"), "鸿雁 \"传书\" 🐦 \\");
    }
}
