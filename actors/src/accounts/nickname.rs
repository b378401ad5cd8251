//! From what people want to be seen as to what they can be called. Owns: the unique name that is made of a
//! nickname. Never: knows which names are taken (the store does).

use protocol::Name;

/// What is wished for where nothing of a nickname can be a name.
const SOMEBODY: &str = "user";

/// Characters of a nickname that are looked at for a name: each that is no part of one costs a look at the rules.
const LOOKED_AT: usize = 256;

/// The name that somebody with that nickname should have: the nickname, or what of it keeps the rules.
pub(super) fn wish(nickname: &str) -> Name {
    Name::parse(nickname.trim()).unwrap_or_else(|_| allowed_part(nickname))
}

fn allowed_part(nickname: &str) -> Name {
    let mut found = None;
    let mut text = String::new();
    for c in nickname.chars().take(LOOKED_AT) {
        let before = text.len();
        text.push(c);
        match Name::parse(&text) {
            Ok(name) => found = Some(name),
            // It may be followed by something.
            Err(_) if c == ' ' && before > 0 && !text.ends_with("  ") => {}
            Err(_) => text.truncate(before),
        }
    }
    found.unwrap_or_else(|| Name::from_stored(SOMEBODY))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_is_what_of_a_nickname_can_be_a_name() {
        let long = "名".repeat(40);
        for (nickname, expected) in [
            ("小明", "小明"),
            (" Ann Lee ", "Ann Lee"),
            ("a|b", "ab"),
            ("Ann  Lee", "Ann Lee"),
            ("\u{200b}Ann\u{202e}", "Ann"),
            ("Ann Иван", "Ann"),
            ("小明 Ann", "小明 Ann"),
            ("|||", "user"),
            ("\u{3164}", "user"),
            (&long, &long[..32 * 3]),
        ] {
            let wish = wish(nickname);
            assert_eq!(wish.as_str(), expected, "{nickname:?}");
            assert_eq!(Name::parse(wish.as_str()).as_ref(), Ok(&wish), "{nickname:?}");
        }
    }
}
