//! What is said: the whole language between people and this server, and how each dialect writes it.
//!
//! Owns: identifiers and the rules of names, [`Command`], [`Reply`], [`Event`], and the [`Dialect`]s that turn
//! bytes into the first and the other two into bytes.
//!
//! Never: a clock, a socket, an actor, a thread, a setting read from a file. Everything here is a pure function of
//! its arguments, so that a test needs nothing but values.

pub mod body;
pub mod command;
pub mod dialect;
pub mod dialects;
pub mod email;
pub mod event;
pub mod ids;
pub mod mark;
pub mod names;
pub mod outgoing;
pub mod profile;
pub mod reply;

pub use body::{Body, BodyKind, FileLength, Secret};
pub use command::{Claim, CodePurpose, Command, Peer, Request, Verb, Verdict, WhichGroup, Who};
pub use dialect::{
    Carrier, Customs, Decoded, Decoder, Dialect, DialectId, Frame, Frames, Limits, Mistake, MistakeKind, Style,
};
pub use dialects::DIALECTS;
pub use email::{Email, EmailError};
pub use event::{ClosingReason, Door, Event, GroupRef, Person, TransferEnd};
pub use ids::{GroupId, Instance, RequestId, Seq, SessionId, TransferId, UserId};
pub use mark::{Kept, Mark};
pub use names::{Name, NameError, NameKey};
pub use outgoing::Outgoing;
pub use profile::{
    Gender, GroupAbout, GroupChange, GroupInfo, Member, Profile, ProfileChange, Role, birthday_is_fine,
    nickname_is_fine, text_is_fine,
};
pub use reply::{
    Correspondent, Friend, FriendPolicy, JoinPolicy, MessagePolicy, PastMessage, Refusal, Reply, Roster, Terms,
};
