//! The stable words of the dialect. Owns: which [`Reason`] each refusal, mistake and failure has, and the numbers of
//! kinds, roles and policies. A number that was once sent is never used for something else: clients compare it.

use super::packets::forced_logout::Why;
use super::packets::{Consent, Gender as SaidGender, Kind, Reason, Role as SaidRole};
use crate::body::BodyKind;
use crate::dialect::MistakeKind;
use crate::event::{ClosingReason, TransferEnd};
use crate::profile::{Gender, Role};
use crate::reply::{FriendPolicy, JoinPolicy, Refusal};

/// Why not.
pub(super) fn refusal(refusal: Refusal) -> Reason {
    match refusal {
        Refusal::NotLoggedIn => Reason::NotLoggedIn,
        Refusal::NotPermitted => Reason::NotPermitted,
        Refusal::NoSuchUser => Reason::NoSuchUser,
        Refusal::WrongPassword => Reason::WrongPassword,
        Refusal::NameTaken => Reason::NameTaken,
        Refusal::BadName(_) => Reason::BadName,
        Refusal::BadPassword => Reason::BadPassword,
        Refusal::TooManyAttempts => Reason::TooManyAttempts,
        Refusal::TooManySessions => Reason::TooManySessions,
        Refusal::Yourself => Reason::Yourself,
        Refusal::AlreadyFriends => Reason::AlreadyFriends,
        Refusal::NotFriends => Reason::NotFriends,
        Refusal::NoSuchRequest => Reason::NoSuchRequest,
        Refusal::ListFull => Reason::ListFull,
        Refusal::NoSuchGroup => Reason::NoSuchGroup,
        Refusal::GroupExists => Reason::GroupExists,
        Refusal::AlreadyMember => Reason::AlreadyMember,
        Refusal::NotMember => Reason::NotMember,
        Refusal::NotOwner => Reason::NotOwner,
        Refusal::OwnerStays => Reason::OwnerStays,
        Refusal::Offline => Reason::Offline,
        Refusal::TooLarge => Reason::TooLarge,
        Refusal::BadValue => Reason::BadValue,
        Refusal::InboxFull => Reason::InboxFull,
        Refusal::Busy => Reason::Busy,
        Refusal::StorageFull => Reason::StorageFull,
        Refusal::WrongCode => Reason::WrongCode,
        Refusal::CodeRequired => Reason::CodeRequired,
        Refusal::TooManyCodes => Reason::TooManyCodes,
        Refusal::BadEmail => Reason::BadEmail,
        Refusal::EmailTaken => Reason::EmailTaken,
        Refusal::MailOff => Reason::MailOff,
        Refusal::Blocked => Reason::Blocked,
        Refusal::NotManager => Reason::NotManager,
        Refusal::Conflict => Reason::Conflict,
        Refusal::NoSuchMessage => Reason::NoSuchMessage,
        Refusal::TooLate => Reason::TooLate,
        Refusal::NoSuchReceipt => Reason::NoSuchReceipt,
        Refusal::NoSuchTransfer => Reason::NoSuchTransfer,
        Refusal::NotOverHttp => Reason::NotOverHttp,
        Refusal::Fault => Reason::Internal,
    }
}

/// What is wrong with a packet.
pub(super) fn mistake(kind: MistakeKind) -> Reason {
    match kind {
        MistakeKind::Malformed | MistakeKind::Unreadable | MistakeKind::TooDeep => Reason::Malformed,
        MistakeKind::TooLarge | MistakeKind::TextTooLong => Reason::TooLarge,
        MistakeKind::NoCommand | MistakeKind::UnknownCommand => Reason::UnknownPacket,
        MistakeKind::MissingField => Reason::MissingField,
        MistakeKind::WrongType | MistakeKind::BadValue => Reason::BadValue,
    }
}

/// Why a connection closes, and that in a few words.
pub(super) fn closing(reason: ClosingReason) -> (Why, &'static str) {
    match reason {
        ClosingReason::Shutdown => (Why::Shutdown, "the server stops"),
        ClosingReason::SlowConsumer => (Why::Slow, "what is sent to this connection is not read"),
        ClosingReason::TimedOut => (Why::Timeout, "nothing, or only part of a packet, came in the time allowed"),
        ClosingReason::TooManyConnections => (Why::Full, "the server has as many connections as it takes"),
        ClosingReason::Silent => (Why::Silent, "nothing was heard in the time allowed"),
        ClosingReason::Replaced => (Why::Replaced, "the same installation has logged in on another connection"),
        ClosingReason::Fault => (Why::Fault, "the server failed"),
    }
}

/// Why a transfer failed, and that in a few words.
pub(super) fn transfer_end(end: TransferEnd) -> (Reason, &'static str) {
    match end {
        TransferEnd::TimedOut => (Reason::TransferTimedOut, "a side did not come, or no byte ever flowed, in time"),
        TransferEnd::Broken => (Reason::TransferBroken, "it ended before all bytes were there, or with other bytes"),
    }
}

/// What a message's bytes are, and which of the clients' own kinds; `None` for what is no message.
pub(super) fn kind(kind: BodyKind) -> Option<(Kind, u32)> {
    match kind {
        BodyKind::Text => Some((Kind::Text, 0)),
        BodyKind::Image => Some((Kind::Image, 0)),
        BodyKind::File => Some((Kind::File, 0)),
        BodyKind::Voice => Some((Kind::Voice, 0)),
        BodyKind::Custom(number) => Some((Kind::Custom, number)),
        BodyKind::Recall | BodyKind::Recalled => None,
    }
}

/// The same, as it is read.
pub(super) fn body_kind(kind: Kind, custom: u32) -> BodyKind {
    match kind {
        Kind::Text => BodyKind::Text,
        Kind::Image => BodyKind::Image,
        Kind::File => BodyKind::File,
        Kind::Voice => BodyKind::Voice,
        Kind::Custom => BodyKind::Custom(custom),
    }
}

/// What somebody is in a group.
pub(super) fn role(role: Role) -> SaidRole {
    match role {
        Role::Member => SaidRole::Member,
        Role::Manager => SaidRole::Manager,
        Role::Owner => SaidRole::Owner,
    }
}

/// As a profile says.
pub(super) fn gender(gender: Gender) -> SaidGender {
    match gender {
        Gender::Unsaid => SaidGender::Unspecified,
        Gender::Male => SaidGender::Male,
        Gender::Female => SaidGender::Female,
        Gender::Other => SaidGender::Other,
    }
}

/// The same, as it is read.
pub(super) fn gender_said(gender: SaidGender) -> Gender {
    match gender {
        SaidGender::Unspecified => Gender::Unsaid,
        SaidGender::Male => Gender::Male,
        SaidGender::Female => Gender::Female,
        SaidGender::Other => Gender::Other,
    }
}

/// How somebody becomes a friend.
pub(super) fn friend_consent(policy: FriendPolicy) -> Consent {
    match policy {
        FriendPolicy::Open => Consent::Open,
        FriendPolicy::Confirm => Consent::Ask,
    }
}

/// How somebody comes into a group.
pub(super) fn join_consent(policy: JoinPolicy) -> Consent {
    match policy {
        JoinPolicy::Open => Consent::Open,
        JoinPolicy::Approval => Consent::Ask,
    }
}
