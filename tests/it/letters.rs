//! Letters, as `mail.transport = "file"` leaves them. Owns: how a code is found in one. Never: knows what it is for.

use protocol::dialects::binary::packets::Message;
use serde_json::json;
use std::fs;
use std::path::Path;

/// The codes that were mailed to an address, oldest first.
pub(crate) fn codes(outbox: &Path, address: &str) -> Vec<String> {
    // Nobody may have written a letter yet.
    let entries = fs::read_dir(outbox).into_iter().flatten().map(|entry| entry.unwrap().path());
    let mut letters: Vec<_> = entries
        .filter(|path| path.extension().is_some_and(|extension| extension == "eml"))
        .filter_map(|path| Some((code(&fs::read_to_string(&path).unwrap(), address)?, path)))
        .map(|(code, path)| (fs::metadata(&path).unwrap().modified().unwrap(), path, code))
        .collect();
    letters.sort();
    letters.into_iter().map(|(_, _, code)| code).collect()
}

/// The six digits in a letter to that address.
fn code(letter: &str, address: &str) -> Option<String> {
    let letter = letter.replace("\r\n", "\n");
    let (head, body) = letter.split_once("\n\n")?;
    let header = |name: &str| {
        let mut lines = head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    };
    let to = header("To")?.trim_matches(['<', '>']);
    if to != address {
        return None;
    }
    let text = match header("Content-Transfer-Encoding") {
        Some("base64") => from_base64(body),
        _ => body.to_owned(),
    };
    let mut runs = text.split(|letter: char| !letter.is_ascii_digit());
    runs.find(|run| run.len() == 6).map(str::to_owned)
}

/// A packet's JSON has bytes in base64 too.
fn from_base64(lines: &str) -> String {
    let message: Message = serde_json::from_value(json!({"payload": lines.replace('\n', "")})).unwrap();
    String::from_utf8(message.payload.into()).unwrap()
}

#[test]
fn codes_are_found_in_letters() {
    let plain = "To: <a@b.cn>\r\nSubject: 999999\r\n\r\nYour code: 012345, for 10 minutes";
    assert_eq!(code(plain, "a@b.cn").as_deref(), Some("012345"));
    assert_eq!(code(plain, "b@b.cn"), None);
    let encoded = "Content-Transfer-Encoding: base64\nTo: a@b.cn\n\nWW91ciBjb2Rl\nOiAwMTIzNDU=\n";
    assert_eq!(code(encoded, "a@b.cn").as_deref(), Some("012345"));
    assert_eq!(code("To: a@b.cn\n", "a@b.cn"), None);
}
