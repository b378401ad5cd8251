//! A letter as mail has it. Owns: its headers and its encoding. Never: sends one.

use actors::mail::Letter;
use lettre::Message;
use lettre::message::Mailbox;
use lettre::message::header::ContentType;

/// Who letters come from, as settings write it: `name <address>`, or the address alone.
///
/// # Errors
/// It is neither.
pub fn parse_mailbox(text: &str) -> Result<Mailbox, String> {
    text.parse().map_err(|_| "must be an e-mail address, or \"name <address>\"".to_owned())
}

/// The letter as it travels.
///
/// # Errors
/// It cannot be written so, in words. The address was checked before, so that never happens.
pub(super) fn compose(from: &Mailbox, letter: &Letter) -> Result<Message, String> {
    let to = letter.to.as_str().parse().map_err(|error| format!("the address is none: {error}"))?;
    Message::builder()
        .from(from.clone())
        .to(Mailbox::new(None, to))
        .subject(letter.subject())
        .message_id(Some(message_id(from)?))
        .header(ContentType::TEXT_PLAIN)
        .body(letter.text())
        .map_err(|error| format!("the letter cannot be written: {error}"))
}

/// A number that no other letter has, at the sender's domain.
fn message_id(from: &Mailbox) -> Result<String, String> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|error| format!("the system has no random bytes: {error}"))?;
    Ok(format!("<{:032x}@{}>", u128::from_be_bytes(random), from.email.domain()))
}
