//! A world without sockets, for tests. Owns: what was said in it, and a clock that is set by hand.

use super::{Unsaid, World};
use crate::client::Say;
use crate::loadtest::stamp::Stamp;
use std::collections::{BTreeMap, VecDeque};

/// Something that a director did.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::loadtest) enum Did {
    Connect(u32, usize),
    /// The session, the request's number, and the request in a few words.
    Say(u32, u64, String),
    Disconnect(u32),
    Leave(u32),
    Cut(u32),
    At(u64, u64),
}

/// The world.
#[derive(Default)]
pub(in crate::loadtest) struct Fake {
    pub(in crate::loadtest) now_us: u64,
    pub(in crate::loadtest) did: VecDeque<Did>,
    /// The stamps of all messages, by session and number.
    pub(in crate::loadtest) stamps: BTreeMap<(u32, u64), Stamp>,
    /// What is said by this session is not taken.
    pub(in crate::loadtest) full: Option<u32>,
    next: u64,
}

impl Fake {
    /// What was done since the last time.
    pub(in crate::loadtest) fn done(&mut self) -> Vec<Did> {
        self.did.drain(..).collect()
    }

    /// The messages that were sent since the last time, as session, number and stamp.
    pub(in crate::loadtest) fn messages(&mut self) -> Vec<(u32, u64, Stamp)> {
        let said = self.done().into_iter().filter_map(|did| match did {
            Did::Say(session, number, _) => Some((session, number)),
            _ => None,
        });
        said.filter_map(|(session, number)| Some((session, number, *self.stamps.get(&(session, number))?))).collect()
    }
}

impl World for Fake {
    fn now_us(&self) -> u64 {
        self.now_us
    }

    fn connect(&mut self, session: u32, place: usize) {
        self.did.push_back(Did::Connect(session, place));
    }

    fn say(&mut self, session: u32, say: &Say<'_>) -> Result<u64, Unsaid> {
        if self.full == Some(session) {
            return Err(Unsaid::Full);
        }
        self.next += 1;
        let words = match say {
            Say::Register { name, .. } => format!("register {name}"),
            Say::Login { me, .. } => format!("login {}", me.name),
            Say::Open => "open".into(),
            Say::Befriend(person) => format!("befriend {}", person.name),
            Say::CreateGroup { name } => format!("create {name}"),
            Say::JoinGroup(group) => format!("join {}", group.name),
            Say::Private { to, .. } => format!("to {}", to.name),
            Say::Post { group, .. } => format!("post {}", group.name),
            Say::Typing(person) => format!("typing {}", person.name),
            Say::Ping => "ping".into(),
            Say::Logout => "logout".into(),
        };
        if let Say::Private { text, .. } | Say::Post { text, .. } = say
            && let Some(stamp) = Stamp::read(text)
        {
            self.stamps.insert((session, self.next), stamp);
        }
        self.did.push_back(Did::Say(session, self.next, words));
        Ok(self.next)
    }

    fn disconnect(&mut self, session: u32) {
        self.did.push_back(Did::Disconnect(session));
    }

    fn leave(&mut self, session: u32) {
        self.did.push_back(Did::Leave(session));
    }

    fn cut(&mut self, session: u32) {
        self.did.push_back(Did::Cut(session));
    }

    fn at(&mut self, due_us: u64, token: u64) {
        self.did.push_back(Did::At(due_us, token));
    }
}
