//! The rules of names over Unicode's tables. Owns: which characters and which mixtures are allowed, and the folding
//! by which names are compared. Never: keeps anything; every function is pure.
//!
//! A name is checked in the form in which it is shown (NFC) *and* in the form in which it is compared (NFKC), since
//! each can hold what the other hides: full-width `｜` is `|` only in the second, U+3000 is a plain space there.

use super::{MAX_CHARS, NameError};
use caseless::Caseless;
use unicode_normalization::UnicodeNormalization;
use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeEmoji, UnicodeGeneralCategory};
use unicode_script::{Script, UnicodeScript};
use unicode_security::mixed_script::AugmentedScriptSet;

/// Bytes beyond which a text cannot be a name: 32 characters, each of several code points as typed, fit well within.
/// It bounds the work that anybody's text can cause.
const MAX_TYPED_BYTES: usize = 1024;

/// Characters of the shown form, with its selectors, and where half-width letters count two for one.
const MAX_SHOWN_CHARS: usize = 2 * MAX_CHARS;

/// The key of all texts over [`MAX_TYPED_BYTES`]. No name has a control character, so no name has this key.
const NO_NAME: &str = "\u{0}too long";

/// Folding and normalising again reaches a fixed point in two or three rounds; the bound is for the reader.
const FOLDING_ROUNDS: usize = 8;

/// Marks in a row that fit any letter (accents), and marks in a row of whatever kind (some scripts stack their own).
const MAX_SHARED_MARKS: usize = 2;
const MAX_MARKS: usize = 4;

/// The name as it will be shown, or the first rule that it breaks.
pub(super) fn shown_form(typed: &str) -> Result<String, NameError> {
    if typed.len() > MAX_TYPED_BYTES {
        return Err(NameError::Length);
    }
    let shown: String = typed.nfc().collect();
    let seen: String = shown.chars().filter(|c| !is_selector(*c)).collect();
    let compared: String = seen.nfkc().collect();
    if compared.is_empty() && !shown.is_empty() {
        return Err(NameError::Invisible);
    }
    if !(1..=MAX_CHARS).contains(&compared.chars().count()) || shown.chars().count() > MAX_SHOWN_CHARS {
        return Err(NameError::Length);
    }
    check_selectors(&shown)?;
    for form in [&seen, &compared] {
        check_characters(form)?;
        check_spaces(form)?;
        check_marks(form)?;
        check_scripts(form)?;
    }
    Ok(shown)
}

/// What names are compared by: NFKC and full case folding, repeated to a fixed point, without variation selectors.
pub(super) fn folded(typed: &str) -> String {
    if typed.len() > MAX_TYPED_BYTES {
        return NO_NAME.to_owned();
    }
    // ASCII is what it is under NFKC, and folds to its small letters.
    if typed.is_ascii() {
        return typed.to_ascii_lowercase();
    }
    // Most other names. These characters are what they are under NFKC, and only ASCII's have a case.
    if typed.chars().all(|c| c.is_ascii() || matches!(c, '\u{4E00}'..='\u{9FFF}')) {
        return typed.to_ascii_lowercase();
    }
    let mut key: String = typed.chars().filter(|c| !is_selector(*c)).nfkc().collect();
    for _ in 0..FOLDING_ROUNDS {
        let next: String = key.chars().default_case_fold().nfkc().collect();
        if next == key {
            break;
        }
        key = next;
    }
    key
}

/// The scripts in which all of a text can be read.
pub(super) fn scripts(text: &str) -> String {
    let set = resolve(text.chars());
    if !set.is_empty() {
        return set_name(set);
    }
    let beside_latin = resolve(text.chars().filter(|c| !is_latin(*c)));
    format!("{}+Latn", set_name(beside_latin))
}

fn set_name(set: AugmentedScriptSet) -> String {
    if set.is_all() {
        return Script::Common.short_name().to_owned();
    }
    let mut names: Vec<&str> = set.base.iter().map(Script::short_name).collect();
    if names.is_empty() {
        let written = [(set.hanb, "Hanb"), (set.jpan, "Jpan"), (set.kore, "Kore")];
        names.extend(written.iter().filter(|(is, _)| *is).map(|(_, name)| *name));
    }
    names.sort_unstable();
    names.join("+")
}

/// A selector picks between a picture and a sign, nothing else: directly after a character that can be either. Digits
/// are such characters only where a keycap follows.
fn check_selectors(shown: &str) -> Result<(), NameError> {
    let mut before = None;
    let mut rest = shown.chars().peekable();
    while let Some(c) = rest.next() {
        if is_selector(c) {
            let on_emoji = before.is_some_and(|b: char| match b {
                '0'..='9' | '#' | '*' => rest.peek() == Some(&'\u{20E3}'),
                _ => b.is_emoji_char(),
            });
            if !matches!(c, '\u{FE0E}' | '\u{FE0F}') || !on_emoji {
                return Err(NameError::Invisible);
            }
        }
        before = Some(c);
    }
    Ok(())
}

fn check_characters(form: &str) -> Result<(), NameError> {
    for c in form.chars() {
        if c == '|' {
            return Err(NameError::Bar);
        }
        if is_invisible(c) {
            return Err(NameError::Invisible);
        }
        match c.general_category() {
            GeneralCategory::Control => return Err(NameError::Control),
            GeneralCategory::Format => return Err(NameError::Invisible),
            GeneralCategory::PrivateUse | GeneralCategory::Unassigned | GeneralCategory::Surrogate => {
                return Err(NameError::Unassigned);
            }
            _ if matches!(c, '\u{FFFC}' | '\u{FFFD}') => return Err(NameError::Unassigned),
            _ if c != ' ' && c.is_whitespace() => return Err(NameError::Space),
            _ => {}
        }
    }
    Ok(())
}

/// The same for texts that are shown like names but need not be unique.
pub(super) fn has_hidden(text: &str) -> bool {
    let hidden = |error| matches!(error, NameError::Control | NameError::Invisible | NameError::Unassigned);
    let seen: String = text.chars().filter(|c| !is_selector(*c) && *c != '|').collect();
    check_selectors(text).is_err() || check_characters(&seen).is_err_and(hidden)
}

fn check_spaces(form: &str) -> Result<(), NameError> {
    if form.starts_with(' ') || form.ends_with(' ') || form.contains("  ") { Err(NameError::Space) } else { Ok(()) }
}

/// Marks stand on a letter, no mark twice in a row, and not so many that they leave the line.
fn check_marks(form: &str) -> Result<(), NameError> {
    let (mut run, mut shared_run, mut before) = (0, 0, None);
    for c in form.chars() {
        if c.general_category_group() == GeneralCategoryGroup::Mark {
            run += 1;
            shared_run = if c.script() == Script::Inherited { shared_run + 1 } else { 0 };
            if before.is_none() || before == Some(c) || run > MAX_MARKS || shared_run > MAX_SHARED_MARKS {
                return Err(NameError::Marks);
            }
        } else {
            (run, shared_run) = (0, 0);
        }
        before = Some(c);
    }
    Ok(())
}

/// UTS 39's "highly restrictive" mixtures: one script, or Latin beside Chinese, Japanese or Korean.
fn check_scripts(form: &str) -> Result<(), NameError> {
    if !resolve(form.chars()).is_empty() {
        return Ok(());
    }
    let beside_latin = resolve(form.chars().filter(|c| !is_latin(*c)));
    if beside_latin.hanb || beside_latin.jpan || beside_latin.kore { Ok(()) } else { Err(NameError::MixedScripts) }
}

fn resolve(text: impl Iterator<Item = char>) -> AugmentedScriptSet {
    let mut set = AugmentedScriptSet::default();
    for c in text {
        // Unicode lists the scripts that use the middle dot; it parts names in more languages than those.
        if c != '·' {
            set.intersect_with(c.into());
        }
    }
    set
}

fn is_latin(c: char) -> bool {
    AugmentedScriptSet::for_char(c).base.contains_script(Script::Latin)
}

fn is_selector(c: char) -> bool {
    matches!(c, '\u{FE00}'..='\u{FE0F}' | '\u{E0100}'..='\u{E01EF}' | '\u{180B}'..='\u{180D}' | '\u{180F}')
}

/// What takes no room or shows nothing, beyond the format characters (Cf): Default_Ignorable_Code_Point, the blanks
/// that are no white space, and whole blocks that are kept for more of the kind.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{00AD}'
            | '\u{034F}'
            | '\u{061C}'
            | '\u{115F}'..='\u{1160}'
            | '\u{17B4}'..='\u{17B5}'
            | '\u{180B}'..='\u{180F}'
            | '\u{200B}'..='\u{200F}'
            | '\u{202A}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}'
            | '\u{2800}'
            | '\u{3164}'
            | '\u{FE00}'..='\u{FE0F}'
            | '\u{FEFF}'
            | '\u{FFA0}'
            | '\u{FFF0}'..='\u{FFFB}'
            | '\u{13440}'
            | '\u{16FE4}'
            | '\u{1BCA0}'..='\u{1BCA3}'
            | '\u{1D159}'
            | '\u{1D173}'..='\u{1D17A}'
            | '\u{E0000}'..='\u{E0FFF}'
    )
}
