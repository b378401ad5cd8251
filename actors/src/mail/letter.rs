//! A letter with a code. Owns: what it says, in English and Chinese, and what of it may be logged. Never: has headers
//! (whoever carries it writes them).

use super::places::Place;
use protocol::{CodePurpose, Email, Secret};
use std::fmt;
use std::time::Duration;

/// Characters of what a mail server said, in a log.
const LOGGED_CHARS: usize = 200;

/// One letter. It is not stored: who does not get it asks for another.
pub struct Letter {
    /// To whom.
    pub to: Email,
    /// What its code is for.
    pub purpose: CodePurpose,
    /// The six digits.
    pub code: Secret,
    /// How long they are good for.
    pub valid: Duration,
    /// Its room among those that wait.
    pub place: Place,
}

/// What a purpose is called: in subjects and sentences of both languages.
struct Words {
    subject: &'static str,
    english: &'static str,
    chinese: &'static str,
}

impl Letter {
    fn words(&self) -> Words {
        match self.purpose {
            CodePurpose::Register => Words {
                subject: "Your code for registering / 注册验证码",
                english: "Somebody, probably you, is registering an account of a hongyan chat server with this address.",
                chinese: "有人（应该是您本人）正在用此邮箱注册鸿雁聊天账号。",
            },
            CodePurpose::Login => Words {
                subject: "Your code for logging in / 登录验证码",
                english: "Somebody, probably you, is logging in to your account of a hongyan chat server.",
                chinese: "有人（应该是您本人）正在登录您的鸿雁聊天账号。",
            },
            CodePurpose::Reset => Words {
                subject: "Your code for a new password / 重置密码验证码",
                english: "Somebody, probably you, wants a new password for your account of a hongyan chat server.",
                chinese: "有人（应该是您本人）正在重置您的鸿雁聊天账号的密码。",
            },
            CodePurpose::Bind => Words {
                subject: "Your code for this e-mail address / 绑定邮箱验证码",
                english: "Somebody, probably you, is giving this address to an account of a hongyan chat server.",
                chinese: "有人（应该是您本人）正在把此邮箱绑定到鸿雁聊天账号。",
            },
        }
    }

    /// The digits as text.
    #[must_use]
    pub fn digits(&self) -> String {
        String::from_utf8_lossy(self.code.expose()).into_owned()
    }

    /// What it is about.
    #[must_use]
    pub fn subject(&self) -> &'static str {
        self.words().subject
    }

    /// What it says: the code on a line of its own in each language. Lines end as in mail.
    #[must_use]
    pub fn text(&self) -> String {
        let Words { english, chinese, .. } = self.words();
        let (code, (good_for, valid)) = (self.digits(), in_words(self.valid));
        let lines = [
            english,
            "",
            &format!("Your code: {code}"),
            "",
            &format!("It is good for {good_for}. Tell it to nobody. If this was not you, do nothing."),
            "",
            "----",
            "",
            chinese,
            "",
            &format!("您的验证码：{code}"),
            "",
            &format!("{valid}内有效，请勿告诉他人。如非本人操作，请忽略此邮件。"),
            "",
        ];
        lines.join("\r\n")
    }

    /// To whom, as a log may say it: an address is somebody's own.
    #[must_use]
    pub fn domain(&self) -> &str {
        self.to.as_str().rsplit_once('@').map_or("", |(_, domain)| domain)
    }

    /// What somebody else says about it, such as a mail server, as a log may have it: in one bounded line, without the
    /// code, and with nothing of the address but its domain.
    #[must_use]
    pub fn redacted(&self, said: &str) -> String {
        let (local, _) = self.to.as_str().rsplit_once('@').unwrap_or_default();
        let mut said = said.replace(&self.digits(), "…");
        for theirs in [local, &local.to_ascii_lowercase()] {
            said = said.replace(&format!("{theirs}@"), "…@");
        }
        let said: String = said.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let words = said.split_whitespace().collect::<Vec<_>>().join(" ");
        words.chars().take(LOGGED_CHARS).collect()
    }
}

impl fmt::Debug for Letter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Letter({:?}, {:?})", self.to, self.purpose)
    }
}

/// A length of time in the largest unit that says it exactly.
fn in_words(span: Duration) -> (String, String) {
    let seconds = span.as_secs();
    let (number, english, chinese) = match seconds {
        s if s % 86_400 == 0 => (s / 86_400, "day", "天"),
        s if s % 3600 == 0 => (s / 3600, "hour", "小时"),
        s if s % 60 == 0 => (s / 60, "minute", "分钟"),
        s => (s, "second", "秒"),
    };
    let plural = if number == 1 { "" } else { "s" };
    (format!("{number} {english}{plural}"), format!("{number} {chinese}"))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::mail::Places;

    pub(in crate::mail) fn letter(to: &str, purpose: CodePurpose) -> Letter {
        Letter {
            to: Email::parse(to).unwrap(),
            purpose,
            code: Secret::new("012345".into()),
            valid: Duration::from_secs(600),
            place: Places::new(1).take().unwrap(),
        }
    }

    #[test]
    fn every_letter_has_its_code_on_a_line_of_its_own_and_says_what_for() {
        let mut subjects = std::collections::HashSet::new();
        for purpose in [CodePurpose::Register, CodePurpose::Login, CodePurpose::Reset, CodePurpose::Bind] {
            let letter = letter("ann@b.cn", purpose);
            let text = letter.text();
            assert!(text.split("\r\n").any(|line| line == "Your code: 012345"), "{text}");
            assert!(text.split("\r\n").any(|line| line == "您的验证码：012345"), "{text}");
            assert!(text.contains("good for 10 minutes.") && text.contains("10 分钟内有效"), "{text}");
            assert!(!text.replace("\r\n", "").contains(['\r', '\n']), "only whole line ends");
            assert!(!letter.subject().contains("012345"), "lock screens show subjects");
            subjects.insert(letter.subject());
        }
        assert_eq!(subjects.len(), 4);
    }

    #[test]
    fn a_log_learns_neither_code_nor_address() {
        let letter = letter("Ann.Lee@b.cn", CodePurpose::Login);
        let said = "550 5.1.1 <Ann.Lee@b.cn>:\r\n no ann.lee@b.cn here, code 012345\0";
        assert_eq!(letter.redacted(said), "550 5.1.1 <…@b.cn>: no …@b.cn here, code …");
        assert_eq!(letter.redacted(&"x".repeat(1000)).len(), LOGGED_CHARS);
        let debug = format!("{letter:?}");
        assert!(!debug.contains("012345") && !debug.contains("Ann"), "{debug}");
    }

    #[test]
    fn spans_are_said_in_their_largest_unit() {
        let said = |seconds| in_words(Duration::from_secs(seconds)).0;
        assert_eq!([1, 90, 60, 7200, 86_400].map(said), ["1 second", "90 seconds", "1 minute", "2 hours", "1 day"]);
    }
}
