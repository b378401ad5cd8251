//! E-mail addresses, as accounts have them. Owns: [`Email`], what it may be, and when two are the same.
//! Never: knows whether mail arrives there, or who has it (the store does).

use std::fmt;
use std::sync::Arc;

/// An address by the rules, as it was written. Two are the same without regard to case (`==` does not know that; compare
/// [`Email::key`]). Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Email(Arc<str>);

/// The text is no address that mail can be sent to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, thiserror::Error)]
#[error("an e-mail address looks like name@example.org, in ASCII, with at most 254 bytes")]
pub struct EmailError;

impl Email {
    /// Checks an address: `local@domain`, printable ASCII without spaces and quotes, 64 bytes before the `@` and 254 in
    /// all, a domain of at least two labels of letters, digits and hyphens.
    ///
    /// # Errors
    /// It is none.
    pub fn parse(typed: &str) -> Result<Self, EmailError> {
        let good_local = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&byte);
        let good_label = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        let (local, domain) = typed.split_once('@').ok_or(EmailError)?;
        let good = typed.len() <= 254
            && (1..=64).contains(&local.len())
            && local.bytes().all(good_local)
            && !local.starts_with('.')
            && !local.ends_with('.')
            && !local.contains("..")
            && domain.contains('.')
            && domain.split('.').all(good_label);
        if good { Ok(Self(typed.into())) } else { Err(EmailError) }
    }

    /// One that was checked before it was stored.
    #[must_use]
    pub fn from_stored(text: &str) -> Self {
        Self(text.into())
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What addresses are compared by.
    #[must_use]
    pub fn key(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// For logs: an address is somebody's own, so only its domain is shown.
impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let domain = self.0.rsplit_once('@').map_or("", |(_, domain)| domain);
        write!(f, "Email(..@{domain})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_from_other_texts() {
        for good in ["a@b.cn", "Xiao.Ming+chat@mail.example.org", "1@2-3.de", "o'hara@x.org"] {
            assert_eq!(Email::parse(good).unwrap().as_str(), good);
        }
        let long = format!("{}@b.cn", "a".repeat(65));
        let longer = format!("a@{}cn", "b23456789.".repeat(26));
        for bad in [
            "",
            "a",
            "@b.cn",
            "a@",
            "a@b",
            "a@b.",
            "a@.cn",
            "a@-b.cn",
            "a@b-.cn",
            "a b@c.cn",
            "a@b.cn\r\nX: y",
            "\"a\"@b.cn",
            ".a@b.cn",
            "a.@b.cn",
            "a..b@c.cn",
            "a@b@c.cn",
            "<a@b.cn>",
            "小@b.cn",
            "a@李.cn",
            "a@b_c.cn",
            &long,
            &longer,
        ] {
            assert_eq!(Email::parse(bad), Err(EmailError), "{bad}");
        }
    }

    #[test]
    fn two_are_the_same_whatever_their_case() {
        assert_eq!(Email::parse("A@B.cn").unwrap().key(), Email::parse("a@b.CN").unwrap().key());
    }

    #[test]
    fn a_log_does_not_tell_whose() {
        assert_eq!(format!("{:?}", Email::parse("ann@b.cn").unwrap()), "Email(..@b.cn)");
    }
}
