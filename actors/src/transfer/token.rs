//! The secret of one side of one transfer, for sides that come over HTTP. Owns: how it is made and looks. Never: shows
//! itself where something is only printed for a log; whoever has it may take the side's place.

use std::fmt;

/// How many random bytes a token has: too many to guess one of a few hundred within the seconds that it lives.
const BYTES: usize = 16;

/// 128 bits of chance in hexadecimal. Used once.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Token(Box<str>);

impl Token {
    /// A new one.
    ///
    /// # Errors
    /// The system gives no random bytes.
    pub fn fresh() -> Result<Self, getrandom::Error> {
        let mut random = [0; BYTES];
        getrandom::fill(&mut random)?;
        let digits = random.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        Ok(Self(digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect::<String>().into()))
    }

    /// Its digits, for the one who may use it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// So that a table of tokens can be asked with what a request says.
impl std::borrow::Borrow<str> for Token {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn tokens_are_32_digits_and_no_two_are_equal() {
        let tokens: HashSet<_> = (0..1000).map(|_| Token::fresh().unwrap()).collect();
        assert_eq!(tokens.len(), 1000);
        for token in tokens {
            assert_eq!(token.as_str().len(), 2 * BYTES);
            assert!(token.as_str().bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')), "{}", token.as_str());
        }
    }

    #[test]
    fn a_token_is_not_printed() {
        assert_eq!(format!("{:?}", Token::fresh().unwrap()), "Token(..)");
    }
}
