//! The rules of names, by table and by property.

use proptest::prelude::*;
use protocol::{Name, NameError, NameKey};

#[track_caller]
fn accepted(names: &[&str]) {
    for name in names {
        let parsed = Name::parse(name).unwrap_or_else(|error| panic!("{name:?} is refused: {error}"));
        assert_eq!(parsed.key(), NameKey::of(name), "{name:?}");
        assert_eq!(Name::parse(parsed.as_str()).as_ref(), Ok(&parsed), "{name:?} as shown");
    }
}

#[track_caller]
fn refused(why: NameError, names: &[&str]) {
    for name in names {
        assert_eq!(Name::parse(name).map(|name| name.to_string()), Err(why), "{name:?} {}", name.escape_unicode());
    }
}

#[test]
fn names_of_all_peoples_are_accepted() {
    accepted(&[
        "小明",
        "小花",
        "欧阳娜娜",
        "買買提·艾力",
        "阿不都热合曼·买买提",
        "諸葛亮",
        "王二〇",
        "𠮷野家",
        "㐀㐁",
        "𠀀",
        "𪜀",
        "𫝀",
        "𫠠",
        "𬺰",
        "𮯰",
        "𰀀",
        "𱍐",
        "々木",
        "〆切",
        "李3",
        "小明abc",
        "Tom猫",
        "张三_2024",
        "王-小明",
        "小 明",
        "ㄅㄆㄇ小明",
        "A小ㄅ",
        "田中さくら",
        "タナカtaro",
        "김철수",
        "김chul",
        "金철수",
        "user1",
        "userl",
        "O'Neill",
        "José",
        "Jose\u{301}",
        "Zoë",
        "Ōtani",
        "Дима",
        "Ёлка",
        "Γιώργος",
        "דוד",
        "محمد",
        "สมชาย",
        "น้ำ",
        "नरेन्द्र",
        "தமிழ்",
        "မြန်မာ",
        "Việt Nguyễn",
        "straße",
        "İstanbul",
        "ǅ",
        "😀",
        "👋🏽",
        "❤️",
        "小明❤️",
        "🇨🇳",
        "1️⃣",
        "©️",
        "☎︎",
        "小明😀",
        "50%",
        "a.b@c",
        "“小明”",
        "小明(上海)",
        "小明（上海）",
        "(￣▽￣)",
        "丶丿",
        "ｆｕｌｌ",
        "ﾀﾅｶ",
        "10001",
        "x",
        "¥",
        "①",
    ]);
}

#[test]
fn every_han_character_is_a_name() {
    let blocks = [
        0x3400..=0x4DBF_u32,
        0x4E00..=0x9FFF,
        0x20000..=0x2A6DF,
        0x2A700..=0x2B739,
        0x2B740..=0x2B81D,
        0x2B820..=0x2CEA1,
        0x2CEB0..=0x2EBE0,
        0x2EBF0..=0x2EE5D,
        0x30000..=0x3134A,
        0x31350..=0x323AF,
        0xF900..=0xFA6D,
        0x2F800..=0x2FA1D,
    ];
    for c in blocks.into_iter().flatten().filter_map(char::from_u32) {
        let name = format!("{c}小·{c}a1");
        assert!(Name::parse(&name).is_ok(), "{name} {}", c.escape_unicode());
        // Compatibility ideographs are shown as the characters that Unicode holds them to be.
        let unified = !matches!(c, '\u{F900}'..='\u{FA6D}' | '\u{2F800}'..);
        assert!(!unified || Name::parse(&name).unwrap().as_str() == name);
        // Names of Chinese and ASCII alone take a short way to their key; it leads to the same place.
        assert!(!unified || NameKey::of(&format!("É{name}")).as_str() == format!("é{}", NameKey::of(&name).as_str()));
    }
}

#[test]
fn each_rule_refuses() {
    let long = "小".repeat(33);
    let huge = "e\u{301}".repeat(2_000);
    let ligature = "ﷺ".repeat(2);
    refused(NameError::Length, &["", &long, &huge, &ligature, &"a".repeat(33)]);
    accepted(&[&"小".repeat(32), &"각".repeat(32), &"e\u{301}".repeat(32), &"❤️".repeat(32)]);
    refused(NameError::Bar, &["|", "a|b", "小|明", "a｜b"]);
    refused(
        NameError::Space,
        &[
            " ",
            " a",
            "a ",
            "a  b",
            "小\u{3000}明",
            "a\u{a0}b",
            "a\u{2003}b",
            "\u{2009}a",
            "a\u{2028}b",
            "a\u{1680}b",
            "´a",
        ],
    );
    refused(NameError::Control, &["a\0b", "a\nb", "\ta", "a\r", "a\u{7f}", "a\u{85}b", "\u{1b}[31m"]);
    for c in [
        '\u{ad}',
        '\u{34f}',
        '\u{61c}',
        '\u{115f}',
        '\u{1160}',
        '\u{17b4}',
        '\u{180b}',
        '\u{180e}',
        '\u{200b}',
        '\u{200c}',
        '\u{200d}',
        '\u{200e}',
        '\u{200f}',
        '\u{202a}',
        '\u{202e}',
        '\u{2060}',
        '\u{2064}',
        '\u{2066}',
        '\u{2069}',
        '\u{206f}',
        '\u{2800}',
        '\u{3164}',
        '\u{fe00}',
        '\u{fe0f}',
        '\u{feff}',
        '\u{ffa0}',
        '\u{fff9}',
        '\u{e0001}',
        '\u{e0041}',
        '\u{e0100}',
        '\u{e0fff}',
        '\u{1d173}',
    ] {
        refused(NameError::Invisible, &[&format!("a{c}b"), &format!("小{c}"), &format!("{c}a"), &c.to_string()]);
    }
    refused(NameError::Invisible, &["1\u{fe0f}", "user1\u{fe0f}", "😀\u{fe0f}\u{fe0f}", "👨\u{200d}👩"]);
    for c in
        ['\u{e000}', '\u{f8ff}', '\u{100000}', '\u{fffd}', '\u{fffc}', '\u{ffff}', '\u{fdd0}', '\u{10ffff}', '\u{378}']
    {
        refused(NameError::Unassigned, &[&format!("a{c}"), &c.to_string()]);
    }
    refused(
        NameError::Marks,
        &["\u{301}a", "\u{20e3}", "a\u{323}\u{301}\u{302}\u{306}\u{307}", "x\u{301}\u{301}", "ﾞa"],
    );
    refused(
        NameError::MixedScripts,
        &["pаypal", "аdmin", "аре1x", "αdmin", "小明а", "Дima", "раураl", "さкура", "김д"],
    );
}

#[test]
fn names_are_one_whatever_their_form() {
    let same = [
        ("José", "Jose\u{301}"),
        ("ADMIN", "admin"),
        ("ａｄｍｉｎ", "admin"),
        ("Straße", "STRASSE"),
        ("ﬁsh", "FISH"),
        ("각", "\u{1100}\u{1161}\u{11a8}"),
        ("ﾀﾅｶ", "タナカ"),
        ("ﾊﾞ", "バ"),
        ("❤️", "❤"),
        ("①", "1"),
        ("Σίσυφος", "ΣΊΣΥΦΟΣ"),
        ("K", "k"),
        ("ǅ", "ǆ"),
        ("豈", "豈"),
    ];
    for (a, b) in same {
        assert_eq!(Name::parse(a).unwrap().key(), Name::parse(b).unwrap().key(), "{a} {b}");
    }
    for (a, b) in [("user1", "userl"), ("小明", "小朋"), ("a b", "ab"), ("José", "Jose")] {
        assert_ne!(Name::parse(a).unwrap().key(), Name::parse(b).unwrap().key(), "{a} {b}");
    }
    assert_eq!(Name::parse("Jose\u{301} 小").unwrap().as_str(), "José 小", "shown composed, otherwise as typed");
    assert_eq!(Name::parse("Ａdmin").unwrap().as_str(), "Ａdmin", "width and case stay as typed");
}

#[test]
fn a_look_alike_in_another_script_is_told_apart_from_a_neighbour() {
    let (latin, cyrillic) = (Name::parse("ape").unwrap(), Name::parse("аре").unwrap());
    assert_eq!(latin.skeleton(), cyrillic.skeleton());
    assert_ne!(latin.scripts(), cyrillic.scripts());
    let (one, ell) = (Name::parse("user1").unwrap(), Name::parse("userl").unwrap());
    assert_eq!((one.skeleton(), one.scripts()), (ell.skeleton(), ell.scripts()));
    let (shout, trap) = (Name::parse("BOB").unwrap(), Name::parse("ВОВ").unwrap());
    assert_ne!(shout.skeleton(), trap.skeleton());
    assert_eq!(shout.skeleton_as_shown(), trap.skeleton_as_shown());
    for (name, scripts) in [
        ("user1", "Latn"),
        ("小明", "Hani"),
        ("小·明", "Hani"),
        ("小明1", "Hani"),
        ("аре", "Cyrl"),
        ("123😀", "Zyyy"),
        ("小a", "Hani+Latn"),
        ("ｕｓｅｒ", "Latn"),
        ("さク", "Jpan"),
        ("김", "Hang"),
    ] {
        assert_eq!(Name::parse(name).unwrap().scripts(), scripts, "{name}");
    }
}

#[test]
fn a_key_of_anything_is_bounded_and_matches_no_name_by_chance() {
    let huge = "ﷺ".repeat(1 << 20);
    assert!(NameKey::of(&huge).as_str().len() < 64);
    assert!(Name::parse(NameKey::of(&huge).as_str()).is_err(), "no name has the key of what is too long");
    assert_eq!(NameKey::of("").as_str(), "");
    assert_ne!(NameKey::of("ad\u{200b}min"), NameKey::of("admin"));
}

#[test]
fn names_survive_storage() {
    let name = Name::parse("小明❤️").unwrap();
    assert_eq!(Name::from_stored(name.as_str()), name);
    assert_eq!(serde_json::from_str::<Name>(&serde_json::to_string(&name).unwrap()).unwrap(), name);
}

proptest! {
    #[test]
    fn whatever_is_accepted_keeps_its_key(typed in "\\PC{0,12}") {
        let key = NameKey::of(&typed);
        prop_assert_eq!(&NameKey::of(key.as_str()), &key, "a key's key is itself");
        if let Ok(name) = Name::parse(&typed) {
            prop_assert_eq!(name.key(), key);
            prop_assert_eq!(Name::parse(name.as_str()), Ok(name.clone()));
            prop_assert!(!name.as_str().contains(['|', '\n', '\0']) && !name.key().as_str().contains('|'));
            prop_assert!(!name.scripts().is_empty());
        }
    }

    #[test]
    fn any_text_has_a_key(typed in ".*") {
        let _ = (NameKey::of(&typed), Name::parse(&typed));
    }

    #[test]
    fn chinese_names_are_always_accepted(name in "[\\u{3400}-\\u{4DB5}\\u{4E00}-\\u{9FFF}\\u{20000}-\\u{2A6D6}\\u{30000}-\\u{3134A}]{1,15}(·[\\u{4E00}-\\u{9FFF}]{1,15})?") {
        prop_assert_eq!(Name::parse(&name).map(|name| name.to_string()), Ok(name));
    }
}
