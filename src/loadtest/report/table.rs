//! A table that can be printed and shown. Owns: aligning columns in text, escaping in HTML. Never: knows what is in it.

use crate::text;
use std::fmt::Write;

/// Columns that no line of words exceeds, unless a word is longer (addresses, error texts).
pub const WIDTH: usize = 100;

/// A title, a head and rows. The first column is a name and stands left, the others are figures and stand right, unless
/// the table is of words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// What it is of.
    pub title: String,
    /// What each column is, the first being empty (the title takes its place in text); or nothing at all.
    pub head: Vec<String>,
    /// Rows, each with at most as many cells as the head has, if there is one.
    pub rows: Vec<Vec<String>>,
    /// All columns are words, and stand left.
    pub words: bool,
}

impl Table {
    /// One with figures.
    #[must_use]
    pub fn new(title: &str, head: &[&str]) -> Self {
        Self {
            title: title.to_owned(),
            head: head.iter().map(|&cell| cell.to_owned()).collect(),
            rows: Vec::new(),
            words: false,
        }
    }

    /// One with words.
    #[must_use]
    pub fn of_words(title: &str, head: &[&str]) -> Self {
        Self { words: true, ..Self::new(title, head) }
    }

    /// Adds a row.
    pub fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.into());
    }

    /// The table as lines, the title above the names, columns two blanks apart, whatever is in a cell on one line.
    #[must_use]
    pub fn text(&self) -> String {
        let mut head = self.head.clone();
        match head.first_mut() {
            Some(first) if first.is_empty() => first.clone_from(&self.title),
            _ => head = vec![self.title.clone()],
        }
        let lines: Vec<Vec<String>> = std::iter::once(&head)
            .chain(&self.rows)
            .map(|cells| cells.iter().map(|cell| text::one_line(cell)).collect())
            .collect();
        let columns = lines.iter().map(Vec::len).max().unwrap_or(0);
        let own_head = head.len() == 1 && columns > 1;
        let widths: Vec<usize> = (0..columns)
            .map(|column| {
                let cells = lines.iter().skip(usize::from(own_head)).filter_map(|cells| cells.get(column));
                cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
            })
            .collect();
        let mut out = String::new();
        for (place, cells) in lines.iter().enumerate() {
            let mut line = String::new();
            for (column, (cell, width)) in cells.iter().zip(&widths).enumerate() {
                let width = if own_head && place == 0 { 0 } else { *width };
                // `fmt` pads by characters, as `width` counts. Writing to a string does not fail.
                let _ = if column == 0 || self.words {
                    write!(line, "{}{cell:<width$}", if column == 0 { "" } else { "  " })
                } else {
                    write!(line, "  {cell:>width$}")
                };
            }
            let line = line.trim_end();
            if self.words && place > 0 && line.chars().count() > WIDTH {
                wrap_last(&mut out, cells, &widths);
            } else {
                out.push_str(line);
                out.push('\n');
            }
        }
        out
    }

    /// The table for a page, everything in it escaped.
    #[must_use]
    pub fn html(&self) -> String {
        let mut out = format!(
            "<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"{0}\"><table class=\"{1}\"><caption>{0}</caption>",
            escape(&self.title),
            if self.words { "words" } else { "figures" }
        );
        if self.head.iter().any(|cell| !cell.is_empty()) {
            out.push_str("<thead><tr>");
            for cell in &self.head {
                let _ = match cell.as_str() {
                    "" => write!(out, "<td></td>"),
                    cell => write!(out, "<th scope=\"col\">{}</th>", escape(cell)),
                };
            }
            out.push_str("</tr></thead>");
        }
        out.push_str("<tbody>");
        for cells in &self.rows {
            out.push_str("<tr>");
            for (column, cell) in cells.iter().enumerate() {
                let _ = if column == 0 {
                    write!(out, "<th scope=\"row\">{}</th>", escape(cell))
                } else {
                    write!(out, "<td>{}</td>", escape(cell))
                };
            }
            out.push_str("</tr>");
        }
        out.push_str("</tbody></table></div>\n");
        out
    }
}

/// Wraps the last cell of a row of words below itself.
fn wrap_last(out: &mut String, cells: &[String], widths: &[usize]) {
    let Some((last, names)) = cells.split_last() else { return };
    let mut before = String::new();
    for (cell, &width) in names.iter().zip(widths) {
        let _ = write!(before, "{cell:<width$}  ");
    }
    let from = out.len();
    let indent = " ".repeat(before.chars().count());
    wrap(out, &indent, last);
    out.replace_range(from..from + indent.len(), &before);
}

/// Adds `line` in lines of at most [`WIDTH`] columns, each behind `indent`; several blanks become one.
pub(super) fn wrap(out: &mut String, indent: &str, line: &str) {
    let line = text::one_line(line);
    let mut width = 0;
    for word in line.split(' ').filter(|word| !word.is_empty()) {
        let long = word.chars().count();
        if width == 0 {
            out.push_str(indent);
            width = indent.len();
        } else if width + 1 + long > WIDTH {
            out.push('\n');
            out.push_str(indent);
            width = indent.len();
        } else {
            out.push(' ');
            width += 1;
        }
        out.push_str(word);
        width += long;
    }
    out.push('\n');
}

/// `text` for HTML's text and for attributes in double quotes.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text::one_line(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{Table, WIDTH, escape, wrap};

    fn table() -> Table {
        let mut table = Table::new("latency", &["", "p50", "p99"]);
        table.row(["login".into(), "1 µs".into(), "12.5 ms".into()]);
        table.row(["a\nb".into(), "812 µs".into(), "-".into()]);
        table
    }

    #[test]
    fn columns_stand_below_each_other() {
        assert_eq!(
            table().text(),
            "latency     p50      p99\n\
             login      1 µs  12.5 ms\n\
             a\\nb     812 µs        -\n"
        );
    }

    #[test]
    fn a_title_of_its_own_line_does_not_widen_the_first_column() {
        let mut words = Table::of_words("what was done to the server", &[]);
        words.row(["1.0 s".into(), "killed".into()]);
        words.row(["10.25 s".into(), "ready again".into()]);
        assert_eq!(words.text(), "what was done to the server\n1.0 s    killed\n10.25 s  ready again\n");
    }

    #[test]
    fn long_words_of_a_row_are_wrapped_below_themselves() {
        let mut words = Table::of_words("errors", &[]);
        words.row(["9".into(), "µ".into(), "twelve bytes ".repeat(10)]);
        words.row(["10".into(), "xy".into(), "short".into()]);
        let (first, rest) = (["twelve bytes"; 7].join(" "), ["twelve bytes"; 3].join(" "));
        let long = format!("9   µ   {first}\n        {rest}\n");
        assert_eq!(words.text(), format!("errors\n{long}10  xy  short\n"));
    }

    #[test]
    fn long_lines_are_wrapped_between_words() {
        let mut out = String::new();
        wrap(&mut out, "  ", &"twelve bytes ".repeat(10));
        assert_eq!(out.lines().count(), 2, "{out}");
        assert!(out.lines().all(|line| line.starts_with("  ") && line.len() <= WIDTH && !line.ends_with(' ')), "{out}");
        let mut out = String::new();
        wrap(&mut out, "", "a\nb\u{1b}[2J");
        assert_eq!(out, "a\\nb\\u{1b}[2J\n");
    }

    #[test]
    fn a_page_gets_no_markup_from_a_cell() {
        let mut table = Table::new("<x>", &["", "\"p\""]);
        table.row(["</td><script>".into(), "a&b'".into()]);
        let html = table.html();
        for part in ["&lt;x&gt;", "&lt;/td&gt;&lt;script&gt;", "a&amp;b&#39;", "&quot;p&quot;"] {
            assert!(html.contains(part), "{part} in {html}");
        }
        assert!(!html.contains("<script"), "{html}");
        assert_eq!(escape("a\u{202e}\n"), "a\\u{202e}\\n");
    }
}
