//! The stable words of the dialect. Owns: which word each refusal, mistake and reason has, and which reply carries it.
//! A word that was once sent is never renamed: clients compare it. docs/plain.md lists them all.

use crate::command::Verb;
use crate::dialect::MistakeKind;
use crate::event::{ClosingReason, TransferEnd};
use crate::reply::Refusal;

/// The `cmd` of the reply to a command.
pub(super) fn reply_to(verb: Verb) -> &'static str {
    match verb {
        Verb::Register => "register_reply",
        Verb::Login => "login_reply",
        Verb::Logout => "offline_reply",
        Verb::Ping => "ping_reply",
        Verb::AddFriend => "add_reply",
        Verb::AnswerFriend => "add_answer_reply",
        Verb::SetFriend => "set_friend_reply",
        Verb::RemoveFriend => "remove_friend_reply",
        Verb::ListFriends | Verb::ListPresence => "get_friend_reply",
        Verb::FindUser => "find_user_reply",
        Verb::ListGroups => "get_group_reply",
        Verb::SetPolicy => "set_policy_reply",
        Verb::ChangePassword => "change_password_reply",
        Verb::CreateGroup => "create_group_reply",
        Verb::JoinGroup => "add_group_reply",
        Verb::AnswerJoin => "add_group_answer_reply",
        Verb::LeaveGroup => "leave_group_reply",
        Verb::ListMembers => "get_group_member_reply",
        Verb::SendPrivate => "private_chat_reply",
        Verb::Post => "group_chat_reply",
        Verb::History => "get_history_reply",
        Verb::OfferFile => "send_file_reply",
        // Not to be asked for in this dialect.
        _ => "error",
    }
}

/// The `result` of a refusal.
pub(super) fn refusal(verb: Verb, refusal: Refusal) -> &'static str {
    match (verb, refusal) {
        (_, Refusal::NotLoggedIn) => "not_logged_in",
        (_, Refusal::NotPermitted) => "not_permitted",
        // The document has one word for every other reason; the reply's `detail` says which it is.
        (Verb::Register, _) => "failure",
        // "Not online" is all that the document has for somebody who does not exist, and it tells strangers less.
        (Verb::SendPrivate | Verb::OfferFile, Refusal::NoSuchUser) => "offline",
        (_, Refusal::NoSuchUser) => "user_not_exist",
        (_, Refusal::WrongPassword) => "password_error",
        (_, Refusal::NameTaken) => "name_taken",
        (_, Refusal::BadName(_)) => "bad_name",
        (_, Refusal::BadPassword) => "bad_password",
        (_, Refusal::TooManyAttempts) => "too_many_attempts",
        (_, Refusal::TooManySessions) => "too_many_sessions",
        (_, Refusal::Yourself) => "yourself",
        (_, Refusal::AlreadyFriends) => "already_friend",
        (_, Refusal::NotFriends) => "not_friend",
        (_, Refusal::NoSuchRequest) => "no_request",
        (_, Refusal::ListFull) => "list_full",
        (_, Refusal::NoSuchGroup) => "group_not_exist",
        (_, Refusal::GroupExists) => "group_exist",
        (_, Refusal::AlreadyMember) => "user_in_group",
        (_, Refusal::NotMember) => "not_in_group",
        (_, Refusal::NotOwner) => "not_owner",
        (_, Refusal::OwnerStays) => "owner_stays",
        (_, Refusal::Offline) => "offline",
        (_, Refusal::TooLarge) => "too_large",
        (_, Refusal::BadValue) => "bad_value",
        (_, Refusal::InboxFull) => "inbox_full",
        (_, Refusal::Busy) => "busy",
        (_, Refusal::StorageFull) => "storage_full",
        // Asked for in `binary` only, but for the first two: they are told what tells least.
        (_, Refusal::Blocked) => "not_friend",
        (_, Refusal::NotManager) => "not_owner",
        (_, Refusal::CodeRequired) => "code_required",
        (_, Refusal::WrongCode) => "wrong_code",
        (_, Refusal::TooManyCodes) => "too_many_codes",
        (_, Refusal::BadEmail) => "bad_email",
        (_, Refusal::EmailTaken) => "email_taken",
        (_, Refusal::MailOff) => "mail_off",
        (_, Refusal::Conflict) => "conflict",
        (_, Refusal::NoSuchMessage) => "no_message",
        (_, Refusal::TooLate) => "too_late",
        (_, Refusal::NoSuchReceipt) => "no_receipt",
        (_, Refusal::NoSuchTransfer) => "no_transfer",
        (_, Refusal::NotOverHttp) => "not_over_http",
        (_, Refusal::Fault) => "internal",
    }
}

/// The `result` of an `error` object.
pub(super) fn mistake(kind: MistakeKind) -> &'static str {
    match kind {
        MistakeKind::Malformed | MistakeKind::Unreadable => "invalid_json",
        MistakeKind::TooLarge | MistakeKind::TextTooLong => "too_large",
        MistakeKind::TooDeep => "too_deep",
        MistakeKind::UnknownCommand => "unknown_command",
        MistakeKind::MissingField | MistakeKind::NoCommand => "missing_field",
        MistakeKind::WrongType => "wrong_type",
        MistakeKind::BadValue => "bad_value",
    }
}

/// The `result` and the `detail` of the last object before the server closes.
pub(super) fn closing(reason: ClosingReason) -> (&'static str, &'static str) {
    match reason {
        ClosingReason::Shutdown => ("shutdown", "the server stops"),
        ClosingReason::SlowConsumer => ("slow_consumer", "what is sent to this connection is not read"),
        ClosingReason::TimedOut => ("timeout", "nothing, or only part of an object, came in the time allowed"),
        ClosingReason::TooManyConnections => ("too_many_connections", "the server has as many connections as it takes"),
        ClosingReason::Silent => ("timeout", "nothing was heard in the time allowed"),
        ClosingReason::Replaced => ("replaced", "the same client has logged in on another connection"),
        ClosingReason::Fault => ("internal", "the server failed"),
    }
}

/// The `result` of a transfer that failed.
pub(super) fn transfer_end(end: TransferEnd) -> &'static str {
    match end {
        TransferEnd::TimedOut => "timeout",
        TransferEnd::Broken => "broken",
    }
}
