//! Mail: letters with a code in them. Owns: what a letter is and says, how many may wait, when one is tried again.
//! Never: opens a connection or a file; whoever implements [`Mails`] does (the binary's `mail/`), elsewhere than on an
//! actor's thread.

mod actor;
mod bag;
mod carrier;
mod letter;
mod places;

pub use actor::{DrainMail, Mailer, Post, StopMail};
pub use carrier::{Fate, Mails, Report};
pub use letter::Letter;
pub use places::{Place, Places};
