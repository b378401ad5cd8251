//! How anybody reaches a session. Owns: [`SessionHandle`], [`Origin`], and the two ways in: [`Deliver`] (bounded, may
//! condemn) and [`Answer`] (always queued, since a session has only so many questions open).
//! Never: asks where somebody is. One tells the registry what to deliver.

use crate::floor::{Note, Place, Post, hand_here};
use crate::group::Listening;
use crate::store::{LoginState, Mark, Outcome, Page};
use actix::prelude::*;
use protocol::{
    Carrier, ClosingReason, DialectId, Friend, GroupId, GroupRef, Outgoing, Person, Refusal, Reply, Seq, SessionId,
    UserId,
};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// The one shared way to a session. What is said through it arrives in the order in which it was said: at once where the session
/// lives on the same thread and nothing else waits for it, else by way of its thread's tray (`floor/`).
pub struct SessionHandle {
    /// The session's number.
    pub id: SessionId,
    /// What it speaks.
    pub dialect: DialectId,
    /// What carries it. A peer on a link with messages is a browser, as far as file transfers go.
    pub carrier: Carrier,
    /// Where it comes from; `None` in memory.
    pub peer: Option<IpAddr>,
    place: Place,
    /// Notes in the tray.
    waiting: AtomicUsize,
    condemned: AtomicBool,
}

impl SessionHandle {
    /// Made once, with the session.
    #[must_use]
    pub(crate) fn new(id: SessionId, dialect: DialectId, carrier: Carrier, peer: Option<IpAddr>, place: Place) -> Self {
        Self { id, dialect, carrier, peer, place, waiting: AtomicUsize::new(0), condemned: AtomicBool::new(false) }
    }

    /// Where it lives.
    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// Whether who sits there is asked whether it takes a file, and hears how it goes.
    #[must_use]
    pub fn is_asked_for_files(&self) -> bool {
        self.dialect.get().customs().asked_for_files
    }

    /// Hands over an event. Where too many wait already the session is condemned: closed, and never left ignorant;
    /// what carries a mark is delivered again at the next login.
    pub fn deliver(&self, deliver: Deliver) {
        match self.at_once(Note::Deliver(deliver)) {
            Some(_) if self.waiting.load(Ordering::Relaxed) >= self.place.tray.most() => {
                self.condemn(ClosingReason::SlowConsumer);
            }
            Some(note) => self.leave(note),
            None => {}
        }
    }

    /// Closes the session after one last word. Only the first call counts.
    pub fn condemn(&self, reason: ClosingReason) {
        if !self.condemned.swap(true, Ordering::Relaxed) {
            self.tell(Note::Condemn(reason));
        }
    }

    /// Tells the session something that must not be lost; only for what the session itself bounds.
    pub fn tell(&self, note: impl Into<Note>) {
        if let Some(note) = self.at_once(note.into()) {
            self.leave(note);
        }
    }

    /// Hands a note over, if nothing else waits and the session is here; else gives it back. Whoever has left one before and
    /// says more now, or has somebody say it, knows of that one: so nothing is overtaken.
    fn at_once(&self, note: Note) -> Option<Note> {
        if self.waiting.load(Ordering::Relaxed) > 0 {
            return Some(note);
        }
        hand_here(&self.place, self.id, note).err()
    }

    fn leave(&self, note: Note) {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        self.place.tray.push(Post { seat: self.place.seat, to: self.id, note });
    }

    /// One that has waited is handed over now.
    pub(crate) fn waited(&self) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Which of a session's questions an answer belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ticket(pub u32);

/// Who asked, and where the answer goes.
#[derive(Clone)]
pub struct Origin {
    /// The asking session.
    pub session: Arc<SessionHandle>,
    /// The question.
    pub ticket: Ticket,
}

impl Origin {
    /// Sends the answer.
    pub fn answer(&self, body: Answered) {
        self.session.tell(Answer { ticket: self.ticket, body });
    }

    /// Sends a polite no.
    pub fn refuse(&self, refusal: Refusal) {
        self.answer(Answered::Refused(refusal));
    }
}

/// An event for a session.
#[derive(Message, Clone)]
#[rtype(result = "()")]
pub struct Deliver {
    /// For whom: what was on its way to an account that is not behind the session any more is shown to nobody.
    pub to: UserId,
    /// What to show; `None` where the session wrote it itself and only has to move its mark.
    pub what: Option<Arc<Outgoing>>,
    /// Its place in a stored conversation, where it has one.
    pub mark: Option<Mark>,
}

/// The answer to a session's question.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Answer {
    /// Which question.
    pub ticket: Ticket,
    /// What.
    pub body: Answered,
}

/// What answers can be: the last word of a request, or a step on its way.
pub enum Answered {
    /// The last word.
    Reply(Box<Reply>),
    /// The last word: no.
    Refused(Refusal),
    /// A message is committed.
    Sent {
        /// Its place in the conversation.
        seq: Seq,
        /// When.
        at_ms: u64,
    },
    /// A change is committed.
    Done(Box<Outcome>),
    /// The password was right.
    Verified(UserId),
    /// The registry has the session.
    Admitted,
    /// All that a login needs to know.
    Loaded(Box<LoginState>),
    /// Those of the asked who are online.
    Online(Vec<UserId>),
    /// A name looked up: the account, or nobody.
    FoundUser(Option<Person>),
    /// A group's name looked up.
    FoundGroup(Option<GroupRef>),
    /// Somebody's friends. Who of them is online is not known yet.
    Friends(Vec<Friend>),
}

/// A group has taken the session in, or not.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Attached {
    /// The account.
    pub user: UserId,
    /// Which group.
    pub group: GroupId,
    /// The session's place among the listeners, and the group as others see it. `None` where the account is not a
    /// member (any more), or the group could not be woken.
    pub listening: Option<(Listening, GroupRef)>,
    /// The last place in its conversation at that moment; later ones are delivered.
    pub head: Seq,
}

/// The account behind the session came into a group, or went out of it: then what it was to hear of it came before.
#[derive(Message, Clone)]
#[rtype(result = "()")]
pub struct MembershipChanged {
    /// The account.
    pub user: UserId,
    /// The group.
    pub group: GroupRef,
    /// In or out.
    pub joined: bool,
    /// The last place in the conversation before it came in.
    pub head: Seq,
}

/// Part of a backlog that the session asked for.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Backlog {
    /// For whom: an account that was behind the session before is shown nothing.
    pub user: UserId,
    /// Which feed, by the mark of its last place asked for.
    pub after: Mark,
    /// Events with their places, oldest first; `None` for what the session's own account wrote.
    pub page: Page<(Seq, Option<Arc<Outgoing>>)>,
}
