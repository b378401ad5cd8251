//! Who is logged in over HTTP. Owns: the visiting sessions that are kept, by token, bounded in number and in time.
//! Never: a session that has not logged in, or a token in the log.

use crate::net::inproc::Caller;
use bytes::Bytes;
use std::collections::HashMap;
use std::fmt::Write;
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// 128 random bits; who has them is the visitor.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Token([u8; 16]);

impl Token {
    /// A new one.
    ///
    /// # Errors
    /// The system gives no random numbers.
    pub(super) fn random() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// As it is written: 32 hexadecimal digits.
    pub(super) fn read(text: &str) -> Option<Self> {
        if text.len() != 32 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        u128::from_str_radix(text, 16).ok().map(|number| Self(number.to_be_bytes()))
    }

    pub(super) fn write(self) -> String {
        self.0.iter().fold(String::with_capacity(32), |mut text, byte| {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
    }
}

/// A session that only asks.
pub(super) struct Visitor {
    caller: Caller,
    /// One question at a time, so that the next frame is its answer.
    turn: Mutex<()>,
}

/// Closes a session whose answer nobody waits for any more: it would be taken for the next one's.
struct Abandoned<'a>(Option<&'a Caller>);

impl Drop for Abandoned<'_> {
    fn drop(&mut self) {
        if let Some(caller) = self.0 {
            caller.close();
        }
    }
}

impl Visitor {
    pub(super) fn new(caller: Caller) -> Rc<Self> {
        Rc::new(Self { caller, turn: Mutex::new(()) })
    }

    /// Asks, in turn, and waits for the answer. `None`: there is none, or not within `patience`, and the session ends.
    pub(super) async fn ask(&self, question: Bytes, patience: Duration) -> Result<Bytes, Unanswered> {
        let answered = tokio::time::timeout(patience, async {
            let _turn = self.turn.lock().await;
            self.caller.skip();
            let mut abandoned = Abandoned(Some(&self.caller));
            if !self.caller.say(question) {
                return None;
            }
            let answer = self.caller.hear().await?;
            abandoned.0 = None;
            Some(answer)
        });
        match answered.await {
            Ok(Some(answer)) => Ok(answer),
            Ok(None) => Err(Unanswered::Gone),
            Err(_) => Err(Unanswered::Late),
        }
    }

    pub(super) fn is_gone(&self) -> bool {
        self.caller.is_closed()
    }
}

/// Why there is no answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Unanswered {
    /// It did not come in time.
    Late,
    /// The session has ended, as `logout` asks it to, without a word.
    Gone,
}

struct Kept {
    visitor: Rc<Visitor>,
    used: Instant,
}

/// All of them.
pub(super) struct Visitors {
    most: usize,
    ttl: Duration,
    kept: HashMap<Token, Kept>,
}

impl Visitors {
    pub(super) fn new(most: usize, ttl: Duration) -> Self {
        Self { most, ttl, kept: HashMap::new() }
    }

    /// Who has that token.
    pub(super) fn find(&mut self, token: Token, now: Instant) -> Option<Rc<Visitor>> {
        let kept = self.kept.get_mut(&token)?;
        if kept.visitor.is_gone() || now >= kept.used + self.ttl {
            self.kept.remove(&token);
            return None;
        }
        kept.used = now;
        Some(Rc::clone(&kept.visitor))
    }

    /// Keeps a visitor under a new token, and no other; whoever has not come for longest makes room.
    pub(super) fn keep(&mut self, token: Token, visitor: Rc<Visitor>, now: Instant) {
        // Another login, perhaps of another account: what knew the old one must not be the new one.
        self.kept.retain(|_, kept| !Rc::ptr_eq(&kept.visitor, &visitor));
        while self.kept.len() >= self.most {
            let Some(oldest) = self.kept.iter().min_by_key(|(_, kept)| kept.used).map(|(token, _)| *token) else {
                break;
            };
            self.kept.remove(&oldest);
        }
        self.kept.insert(token, Kept { visitor, used: now });
    }

    /// Forgets who has gone, or not come for too long.
    pub(super) fn sweep(&mut self, now: Instant) {
        self.kept.retain(|_, kept| !kept.visitor.is_gone() && now < kept.used + self.ttl);
    }

    /// Forgets all. Who is being answered gets that answer; the sessions of all others end.
    pub(super) fn clear(&mut self) {
        for (_, kept) in self.kept.drain() {
            // A connection may still hold the visitor; its session is to end all the same.
            if kept.visitor.turn.try_lock().is_ok() {
                kept.visitor.caller.close();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Token, Visitor, Visitors};
    use crate::net::inproc::{InprocLink, connect};
    use std::net::SocketAddr;
    use std::rc::Rc;
    use std::time::Duration;
    use tokio::time::Instant;

    fn visitor() -> (Rc<Visitor>, InprocLink) {
        let (link, caller) = connect(SocketAddr::from(([192, 0, 2, 1], 7)));
        (Visitor::new(caller), link)
    }

    #[test]
    fn tokens_are_written_and_read() {
        let token = Token::random().unwrap();
        assert!(Token::read(&token.write()) == Some(token));
        assert!(Token::random().unwrap() != token);
        for wrong in ["", "+f", &"0".repeat(31), &"g".repeat(32), &format!("+{}", "0".repeat(31))] {
            assert!(Token::read(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn visitors_are_bounded_in_number_and_time() {
        let (now, second) = (Instant::now(), Duration::from_secs(1));
        let mut visitors = Visitors::new(2, second * 10);
        let tokens: Vec<Token> = (0..3).map(|_| Token::random().unwrap()).collect();
        let (all, links): (Vec<_>, Vec<_>) = (0..3).map(|_| visitor()).unzip();
        visitors.keep(tokens[0], all[0].clone(), now);
        visitors.keep(tokens[1], all[1].clone(), now + second);
        assert!(visitors.find(tokens[0], now + second * 2).is_some());
        visitors.keep(tokens[2], all[2].clone(), now + second * 3);
        assert!(visitors.find(tokens[1], now + second * 3).is_none(), "least recently used");
        assert!(visitors.find(tokens[0], now + second * 12).is_none(), "too long ago");
        assert!(visitors.find(tokens[2], now + second * 12).is_some());
        drop(links);
        assert!(visitors.find(tokens[2], now + second * 12).is_none(), "its session is gone");
        // Another login of the same session takes the old token away.
        let (one, _link) = visitor();
        visitors.keep(tokens[0], one.clone(), now);
        visitors.keep(tokens[1], one.clone(), now);
        assert!(visitors.find(tokens[0], now).is_none() && visitors.find(tokens[1], now).is_some());
        visitors.sweep(now + second * 60);
        assert!(visitors.kept.is_empty() && !one.is_gone());
    }

    #[tokio::test(start_paused = true)]
    async fn a_question_without_an_answer_ends_its_session() {
        let (visitor, _link) = visitor();
        assert_eq!(visitor.ask("?".into(), Duration::from_secs(1)).await, Err(super::Unanswered::Late));
        assert!(visitor.is_gone(), "a late answer would be the next one's");
    }
}
