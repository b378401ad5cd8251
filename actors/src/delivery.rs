//! How anybody reaches a session. Owns: [`SessionHandle`], [`Origin`], and the two ways in: [`Deliver`] (bounded, may
//! condemn) and [`Answer`] (always queued, since a session has only so many questions open).
//! Never: asks where somebody is. One tells the registry what to deliver.

use crate::group::Listening;
use crate::session::Session;
use crate::store::{LoginState, Mark, Outcome, Page};
use actix::prelude::*;
use protocol::{
    Carrier, ClosingReason, DialectId, Friend, GroupId, GroupRef, Outgoing, Person, Refusal, Reply, Seq, SessionId,
    UserId,
};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The one shared way to a session. Clones of the `Arc` share one bounded place in its mailbox; a clone of the
/// address would own a fresh one and so get round the bound.
pub struct SessionHandle {
    /// The session's number.
    pub id: SessionId,
    /// What it speaks.
    pub dialect: DialectId,
    /// What carries it. A peer on a link with messages is a browser, as far as file transfers go.
    pub carrier: Carrier,
    /// Where it comes from; `None` in memory.
    pub peer: Option<IpAddr>,
    address: Addr<Session>,
    condemned: AtomicBool,
}

impl SessionHandle {
    /// Made once, by the session itself.
    #[must_use]
    pub fn new(
        id: SessionId,
        dialect: DialectId,
        carrier: Carrier,
        peer: Option<IpAddr>,
        address: Addr<Session>,
    ) -> Self {
        Self { id, dialect, carrier, peer, address, condemned: AtomicBool::new(false) }
    }

    /// Whether who sits there is asked whether it takes a file, and hears how it goes.
    #[must_use]
    pub fn is_asked_for_files(&self) -> bool {
        self.dialect.get().customs().asked_for_files
    }

    /// Hands over an event. Where the mailbox is full the session is condemned: closed, and never left ignorant;
    /// what carries a mark is delivered again at the next login.
    pub fn deliver(&self, deliver: Deliver) {
        if matches!(self.address.try_send(deliver), Err(SendError::Full(_))) {
            self.condemn(ClosingReason::SlowConsumer);
        }
    }

    /// Closes the session after one last word. Only the first call counts.
    pub fn condemn(&self, reason: ClosingReason) {
        if !self.condemned.swap(true, Ordering::Relaxed) {
            self.address.do_send(Condemn(reason));
        }
    }

    /// Tells the session something that must not be lost; only for what the session itself bounds.
    pub fn tell<M>(&self, message: M)
    where
        M: Message + Send + 'static,
        M::Result: Send,
        Session: Handler<M>,
        <Session as Actor>::Context: actix::dev::ToEnvelope<Session, M>,
    {
        self.address.do_send(message);
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

/// Close after one last word.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Condemn(pub ClosingReason);

/// The server stops: finish what is open, say so, close.
#[derive(Message)]
#[rtype(result = "()")]
pub struct DrainSession;
