//! Codes by mail, and what they open. Owns: how long a code is good, how often it may be tried and asked for, and the
//! unique name that an account gets which was made by mail. Never: knows a code that was not tried (only a hash of
//! it), or sends one.

use super::Ledger;
use crate::store::ops::Outcome;
use crate::store::rows::{self, CodeRow, ReadError, Text};
use crate::store::schema::{self, Family, Key, Table};
use crate::store::view::{View, Way};
use protocol::{CodePurpose, Email, FriendPolicy, MessagePolicy, Name, Profile, Refusal, Secret, UserId};
use sha2::{Digest, Sha256};
use std::ops::ControlFlow;
use std::time::Duration;

/// In which `mail.codes_per_address` may be asked for.
const HOUR: Duration = Duration::from_secs(3600);

/// Rows behind a new one that are looked at, and forgotten where they say nothing any more: a little for each code that
/// is issued, so that the table is not swept at once. Rows that no new one comes before stay.
const SWEPT: usize = 4;

/// Numbers that are tried behind a name that is taken, before it is the account's own.
const NUMBERS: u64 = 20;

/// What names are made of, where nothing of the wish can be one.
const SOMEBODY: &str = "user";

const PURPOSES: [CodePurpose; 4] = [CodePurpose::Register, CodePurpose::Login, CodePurpose::Reset, CodePurpose::Bind];

/// The hash by which a code is kept.
#[must_use]
pub fn code_hash(salt: &[u8; 16], digits: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update(salt).chain_update(digits).finalize().into()
}

/// In constant time, whatever they are.
fn is_same(a: &[u8; 32], b: &[u8; 32]) -> bool {
    a.iter().zip(b).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
}

/// Whether `since_ms` lies less than `span` back. What a clock that was set back makes of the future is too long ago.
fn is_within(since_ms: u64, span: Duration, now_ms: u64) -> bool {
    u128::from(now_ms.abs_diff(since_ms)) < span.as_millis()
}

/// Somebody's address for some purpose.
fn key(purpose: CodePurpose, email: &Email) -> Key {
    schema::code(purpose, &email.key())
}

/// What became of a code.
enum Found {
    Right(CodeRow),
    Wrong(CodeRow),
    /// There is none, or none that is still good.
    None,
}

impl Ledger {
    pub(super) fn issue_code(
        &mut self,
        email: &Email,
        purpose: CodePurpose,
        salt: [u8; 16],
        hash: [u8; 32],
        now_ms: u64,
    ) -> Result<Outcome, Refusal> {
        let claims = matches!(purpose, CodePurpose::Register | CodePurpose::Bind);
        if claims && self.owner_of(email)?.is_some() {
            return Err(Refusal::EmailTaken);
        }
        let lately = |row: &CodeRow| is_within(row.hour_ms, HOUR, now_ms);
        let mut issued = 0;
        let mut before = None;
        for other in PURPOSES {
            if let Some(row) = self.code(&key(other, email))?.filter(lately) {
                issued += row.issued;
                before = before.or((other == purpose).then_some(row));
            }
        }
        if issued >= self.settings.mail.codes_per_address {
            return Err(Refusal::TooManyCodes);
        }
        let key = key(purpose, email);
        let stale = self.stale_codes(&key, now_ms)?;

        for key in stale {
            self.desk.delete(key);
        }
        let (issued, hour_ms) = before.map_or((1, now_ms), |row| (row.issued + 1, row.hour_ms));
        let tries_left = self.settings.mail.code_tries;
        self.desk.put(key, &CodeRow { salt, hash, at_ms: now_ms, tries_left, issued, hour_ms });
        Ok(Outcome::CodeIssued { email: email.clone(), purpose })
    }

    pub(super) fn try_code(
        &mut self,
        email: &Email,
        purpose: CodePurpose,
        code: &Secret,
        spend: bool,
        now_ms: u64,
    ) -> Result<Outcome, Refusal> {
        let key = key(purpose, email);
        let found = self.compare(&key, code, now_ms)?;

        let right = matches!(found, Found::Right(_));
        match found {
            Found::Right(row) if spend => self.desk.put(key, &CodeRow { tries_left: 0, ..row }),
            Found::Wrong(row) => self.desk.put(key, &CodeRow { tries_left: row.tries_left - 1, ..row }),
            Found::Right(_) | Found::None => {}
        }
        Ok(Outcome::CodeTried { right })
    }

    #[allow(clippy::too_many_arguments, reason = "an account is made of as many things")]
    pub(super) fn create_by_mail(
        &mut self,
        email: &Email,
        code: &Secret,
        nickname: Box<str>,
        wish: &Name,
        password_hash: &str,
        policies: (FriendPolicy, MessagePolicy),
        now_ms: u64,
    ) -> Result<Outcome, Refusal> {
        let spent = self.right_code(CodePurpose::Register, email, code, now_ms)?;
        if self.owner_of(email)?.is_some() {
            return Err(Refusal::EmailTaken);
        }
        let place = self.place_for(wish)?;

        spent.write(self);
        let person = self.add_account(place, password_hash, policies, now_ms);
        self.set_email(Profile { nickname, ..Profile::blank(person.clone()) }, email);
        Ok(Outcome::AccountCreated { user: person })
    }

    pub(super) fn reset_password(
        &mut self,
        email: &Email,
        code: &Secret,
        password_hash: &str,
        now_ms: u64,
    ) -> Result<Outcome, Refusal> {
        let spent = self.right_code(CodePurpose::Reset, email, code, now_ms)?;
        let user = self.owner_of(email)?.ok_or(Refusal::NoSuchUser)?;
        let login = key(CodePurpose::Login, email);
        let login = self.code(&login)?.map(|row| Spent { key: login, row });

        spent.write(self);
        // Whoever had the old password may have asked for one.
        if let Some(login) = login {
            login.write(self);
        }
        self.desk.put(Table::Credentials.one(user.0), &Text(password_hash));
        Ok(Outcome::PasswordSet)
    }

    pub(super) fn bind_email(
        &mut self,
        user: UserId,
        email: &Email,
        code: &Secret,
        now_ms: u64,
    ) -> Result<Outcome, Refusal> {
        let spent = self.right_code(CodePurpose::Bind, email, code, now_ms)?;
        let person = self.known(user)?.person;
        if self.owner_of(email)?.is_some() {
            return Err(Refusal::EmailTaken);
        }
        let profile = self.profile_of(&person)?;

        spent.write(self);
        Ok(Outcome::ProfileSet(Box::new(self.set_email(profile, email))))
    }

    fn code(&mut self, key: &Key) -> Result<Option<CodeRow>, ReadError> {
        self.desk.get(key)?.map(|value| rows::decode(key, &value)).transpose()
    }

    fn compare(&mut self, key: &Key, code: &Secret, now_ms: u64) -> Result<Found, ReadError> {
        let ttl = self.settings.mail.code_ttl.0;
        Ok(match self.code(key)? {
            Some(row) if row.tries_left > 0 && is_within(row.at_ms, ttl, now_ms) => {
                match is_same(&code_hash(&row.salt, code.expose()), &row.hash) {
                    true => Found::Right(row),
                    false => Found::Wrong(row),
                }
            }
            _ => Found::None,
        })
    }

    /// A right code, which is to be spent where nothing else is in the way. A wrong one does not count here: it was
    /// tried before, by [`Ledger::try_code`].
    fn right_code(
        &mut self,
        purpose: CodePurpose,
        email: &Email,
        code: &Secret,
        now_ms: u64,
    ) -> Result<Spent, Refusal> {
        let key = key(purpose, email);
        match self.compare(&key, code, now_ms)? {
            Found::Right(row) => Ok(Spent { key, row }),
            Found::Wrong(_) | Found::None => Err(Refusal::WrongCode),
        }
    }

    /// Of the few rows behind a key, those that say nothing any more.
    fn stale_codes(&mut self, key: &Key, now_ms: u64) -> Result<Vec<Key>, ReadError> {
        let mut next = Vec::new();
        let end = schema::behind(&Table::Code.text(""));
        let mut from = key.clone();
        from.push(0);
        View::now(&self.rocks).scan(Family::State, &from, &end, Way::Up, |key, _| {
            next.push(Key::from_slice(key));
            Ok(if next.len() < SWEPT { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
        })?;
        let ttl = self.settings.mail.code_ttl.0;
        let mut stale = Vec::new();
        for key in next {
            // As the batch will leave it.
            let row = self.code(&key)?;
            if row.is_some_and(|row| !is_within(row.at_ms, ttl, now_ms) && !is_within(row.hour_ms, HOUR, now_ms)) {
                stale.push(key);
            }
        }
        Ok(stale)
    }

    /// A name that is free: the wish, or the wish with a number behind it.
    fn place_for(&mut self, wish: &Name) -> Result<super::accounts::Place, Refusal> {
        if let Some(place) = self.place_of(wish)? {
            return Ok(place);
        }
        let next = self.next_user()?;
        // The account's own number is taken only where somebody was called so on purpose.
        let numbers = (2..2 + NUMBERS).chain([next]).chain((0..NUMBERS).map(|n| next.saturating_mul(100) + n));
        for number in numbers {
            if let Some(place) = numbered(wish.as_str(), number).map(|name| self.place_of(&name)).transpose()?.flatten()
            {
                return Ok(place);
            }
        }
        Err(Refusal::NameTaken)
    }
}

/// A code that is good no more.
struct Spent {
    key: Key,
    row: CodeRow,
}

impl Spent {
    fn write(self, ledger: &mut Ledger) {
        ledger.desk.put(self.key, &CodeRow { tries_left: 0, ..self.row });
    }
}

/// `wish` with a number behind it, cut where it is too long for that.
fn numbered(wish: &str, number: u64) -> Option<Name> {
    let number = number.to_string();
    let mut wish: Vec<char> = wish.chars().collect();
    while !wish.is_empty() {
        let cut: String = wish.iter().collect();
        if let Ok(name) = Name::parse(&format!("{}{number}", cut.trim_end())) {
            return Some(name);
        }
        wish.pop();
    }
    Name::parse(&format!("{SOMEBODY}{number}")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_finds_room_behind_any_name() {
        let name = |wish: &str, number| numbered(wish, number).unwrap().as_str().to_owned();
        assert_eq!(name("小明", 2), "小明2");
        assert_eq!(name(&"x".repeat(32), 2), "x".repeat(31) + "2");
        assert_eq!(name(&"x".repeat(32), 10_000), "x".repeat(27) + "10000");
        assert_eq!(name(&("x".repeat(30) + " y"), 2), "x".repeat(30) + "2", "no space is left before it");
        assert_eq!(name(&"é".repeat(32), u64::MAX), "é".repeat(12) + &u64::MAX.to_string());
    }

    #[test]
    fn time_is_counted_both_ways() {
        assert!(is_within(1000, Duration::from_secs(1), 1999));
        assert!(!is_within(1000, Duration::from_secs(1), 2000));
        assert!(!is_within(1_000_000, Duration::from_secs(1), 1000), "a clock that was set back keeps no code alive");
    }

    #[test]
    fn hashes_are_the_same_only_where_every_byte_is() {
        let hash = code_hash(&[7; 16], b"123456");
        assert!(is_same(&hash, &code_hash(&[7; 16], b"123456")));
        for other in [code_hash(&[8; 16], b"123456"), code_hash(&[7; 16], b"123457"), code_hash(&[7; 16], b"")] {
            assert!(!is_same(&hash, &other));
        }
    }
}
