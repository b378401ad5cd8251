//! What a receiver is told about a file's name. Owns: that rule. Never: touches a file, and never changes the name
//! that the sender gets back (clients reopen the path they are given).

/// The longest name that is passed on, in bytes: what file systems take.
pub const MAX_NAME_BYTES: usize = 255;

/// What is passed on where nothing of a name is left.
pub const NAMELESS: &str = "file";

/// The last component of a path, made safe to show and to save under.
///
/// Both `/` and `\` separate, since clients of every system send their full local path. Control characters and the
/// characters that change the direction of writing (with which `gpj.exe` can look like `exe.jpg`) are left out. At most [`MAX_NAME_BYTES`] bytes remain, cut between characters; the extension of a longer
/// name is kept where it is short. Empty names, `.` and `..` become [`NAMELESS`].
///
/// ```
/// use actors::transfer::last_component;
/// assert_eq!(last_component("C:\\照片\\猫.jpg"), "猫.jpg");
/// assert_eq!(last_component("../../etc/passwd"), "passwd");
/// assert_eq!(last_component("/tmp/.."), "file");
/// ```
#[must_use]
pub fn last_component(path: &str) -> String {
    let last = path.rsplit(['/', '\\']).next().unwrap_or_default();
    let clean: String = last.chars().filter(|&c| !is_hidden(c)).collect();
    match clean.trim() {
        "" | "." | ".." => NAMELESS.to_owned(),
        name => shorten(name),
    }
}

/// Whether a character has no place in a file name that somebody else chose.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            // Joiners (U+200C, U+200D) stay: Persian and many emoji are written with them.
            '\u{061C}' | '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'
            | '\u{2066}'..='\u{206F}' | '\u{FEFF}')
}

/// Cuts a name to its bound, keeping an extension of up to 16 bytes.
fn shorten(name: &str) -> String {
    if name.len() <= MAX_NAME_BYTES {
        return name.to_owned();
    }
    let extension = name.rfind('.').map(|dot| &name[dot..]).filter(|extension| extension.len() <= 16).unwrap_or("");
    let mut end = MAX_NAME_BYTES - extension.len();
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{extension}", &name[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_component_is_passed_on() {
        for (path, name) in [
            ("a.txt", "a.txt"),
            ("/home/me/a.txt", "a.txt"),
            ("C:\\Users\\me\\a.txt", "a.txt"),
            ("C:/mixed\\way/照片 1.jpg", "照片 1.jpg"),
            ("..\\..\\boot.ini", "boot.ini"),
            ("...", "..."),
            (".profile", ".profile"),
            ("😀.gif", "😀.gif"),
        ] {
            assert_eq!(last_component(path), name, "{path}");
        }
    }

    #[test]
    fn names_of_nothing_become_file() {
        for path in ["", "/", "a/", "a\\", ".", "..", "a/..", "\\..\\.", "\0\u{202E}", "  ", "a/ .. ", ".\u{200B}."] {
            assert_eq!(last_component(path), NAMELESS, "{path:?}");
        }
    }

    #[test]
    fn characters_that_hide_or_turn_are_left_out() {
        assert_eq!(last_component("photo\u{202E}gpj.exe"), "photogpj.exe");
        assert_eq!(last_component("a\n\r\t\u{7f}\u{85}b\u{2066}\u{2069}\u{feff}.txt"), "ab.txt");
    }

    #[test]
    fn long_names_are_cut_between_characters_and_keep_a_short_extension() {
        let long = format!("{}.tar.gz", "名".repeat(200));
        let cut = last_component(&long);
        assert!(cut.len() <= MAX_NAME_BYTES && cut.len() > MAX_NAME_BYTES - 3, "{}", cut.len());
        assert!(cut.ends_with("名.gz") || cut.ends_with(".gz"), "{cut}");
        assert_eq!(last_component(&"x".repeat(255)), "x".repeat(255));
        assert_eq!(last_component(&"x".repeat(256)), "x".repeat(255));
        assert_eq!(last_component(&format!("a.{}", "x".repeat(400))).len(), 255);
    }
}
