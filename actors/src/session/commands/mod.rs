//! One handler per command: each hands its command on to the actor who does it, and turns what comes back into the
//! reply. A handler that needs a name it does not know returns the question, and is run again with the answer.

mod account;
mod backlog;
mod chat;
mod files;
mod friends;
mod groups;
mod mail;
mod people;
mod receipts;
mod roles;

pub(super) use account::Entering;
pub(super) use receipts::Recalling;

/// Takes what a look-up knows, refuses what nobody is called, or returns the question.
macro_rules! known {
    ($session:ident, $ticket:ident, $look:expr, $refusal:ident) => {
        match $look {
            crate::session::dispatch::Look::Known(known) => known,
            crate::session::dispatch::Look::Nobody => {
                $session.refuse($ticket, protocol::Refusal::$refusal);
                return None;
            }
            crate::session::dispatch::Look::Asked(question) => return Some(question),
        }
    };
}
pub(super) use known;
