//! The stable words of the dialect. Owns: which `detail` each refusal, mistake and reason has, and which packet carries
//! it. A word that was once sent is never renamed: clients compare it. docs/framed.md lists them all.

use crate::command::Verb;
use crate::dialect::{Carrier, MistakeKind};
use crate::event::{ClosingReason, TransferEnd};
use crate::reply::Refusal;

/// The `command` of the return to a command.
pub(super) fn return_of(verb: Verb) -> &'static str {
    match verb {
        Verb::Register => "logon_return",
        Verb::Login => "login_return",
        Verb::Logout => "logout_return",
        Verb::Ping => "ping_return",
        Verb::AddFriend => "add_friend_return",
        Verb::AnswerFriend => "add_friend_confirm_return",
        Verb::SetFriend => "change_status_return",
        Verb::RemoveFriend => "remove_friend_return",
        Verb::ListFriends => "list_friend_return",
        Verb::ListPresence => "friend_status_return",
        Verb::FindUser => "find_user_return",
        Verb::ListGroups => "list_group_return",
        Verb::SetPolicy => "set_policy_return",
        Verb::ChangePassword => "change_password_return",
        Verb::CreateGroup => "create_group_return",
        Verb::JoinGroup => "join_group_return",
        Verb::AnswerJoin => "join_group_confirm_return",
        Verb::LeaveGroup => "leave_group_return",
        Verb::ListMembers => "list_member_return",
        Verb::SendPrivate => "send_message_return",
        Verb::Post => "send_group_message_return",
        Verb::History => "history_return",
        Verb::OfferFile => "send_file_return",
        // Not to be asked for in this dialect.
        _ => "return",
    }
}

/// Whether the original server wrote `datail` in a command's failed return; old clients look for that.
pub(super) fn is_misspelt(verb: Verb, carrier: Carrier) -> bool {
    match verb {
        Verb::AddFriend | Verb::AnswerFriend | Verb::ListFriends => true,
        Verb::SendPrivate => carrier == Carrier::Stream,
        _ => false,
    }
}

/// Whether a command says in `id`, not in `src`, who asks.
fn claims_by_id(verb: Verb) -> bool {
    matches!(
        verb,
        Verb::Register
            | Verb::Login
            | Verb::Logout
            | Verb::Ping
            | Verb::ListFriends
            | Verb::ListPresence
            | Verb::FindUser
            | Verb::ListGroups
            | Verb::SetPolicy
            | Verb::ChangePassword
    )
}

/// The `detail` of a refusal.
pub(super) fn refusal(verb: Verb, refusal: Refusal, carrier: Carrier) -> &'static str {
    match (verb, refusal) {
        (_, Refusal::NotLoggedIn) => "not logged in",
        (_, Refusal::NotPermitted) if claims_by_id(verb) => "wrong id",
        (_, Refusal::NotPermitted) => "wrong src",
        // One word for both: nobody is told which numbers have an account.
        (Verb::Login, Refusal::NoSuchUser | Refusal::WrongPassword) => match carrier {
            Carrier::Stream => "wrong id or password",
            Carrier::Message | Carrier::Text => "wrong password or id",
        },
        (Verb::AddFriend, Refusal::NoSuchUser) => "wrong friend_id",
        (Verb::SendPrivate | Verb::OfferFile | Verb::SetFriend | Verb::RemoveFriend, Refusal::NoSuchUser)
        | (_, Refusal::NotFriends) => "dst not in friend_list",
        (_, Refusal::NoSuchUser) => "no such user",
        (_, Refusal::WrongPassword) => "wrong password",
        (Verb::CreateGroup, Refusal::NameTaken | Refusal::GroupExists) => "groupname already exists",
        (_, Refusal::NameTaken) => "username already exists",
        (_, Refusal::GroupExists) => "groupname already exists",
        (Verb::CreateGroup, Refusal::BadName(_)) => "wrong groupname",
        (_, Refusal::BadName(_)) => "wrong username",
        (Verb::ChangePassword, Refusal::BadPassword) => "wrong new_password",
        (_, Refusal::BadPassword) => "wrong password",
        (_, Refusal::TooManyAttempts) => "too many attempts",
        (_, Refusal::TooManySessions) => "too many logins",
        (_, Refusal::Yourself) => "dst is yourself",
        (_, Refusal::AlreadyFriends) => "already have this friend",
        (_, Refusal::NoSuchRequest) => "no such request",
        (_, Refusal::ListFull) => "list full",
        (_, Refusal::NoSuchGroup) => "wrong group",
        (_, Refusal::AlreadyMember) => "already in this group",
        (_, Refusal::NotMember) => "not in this group",
        (_, Refusal::NotOwner) => "not the owner",
        (_, Refusal::OwnerStays) => "owner must stay",
        (_, Refusal::Offline) => "dst not online",
        (Verb::SendPrivate | Verb::Post, Refusal::TooLarge) => "message too long",
        (Verb::OfferFile, Refusal::TooLarge) => "file too large",
        (_, Refusal::TooLarge) => "too large",
        (_, Refusal::BadValue) => "wrong value",
        (_, Refusal::InboxFull) => "inbox full",
        (_, Refusal::Busy) => "server busy",
        (_, Refusal::StorageFull) => "storage full",
        // Asked for in `binary` only, but for the first two: they are told what tells least.
        (_, Refusal::Blocked) => "dst not in friend_list",
        (_, Refusal::NotManager) => "not the owner",
        (_, Refusal::CodeRequired) => "code required",
        (_, Refusal::WrongCode) => "wrong code",
        (_, Refusal::TooManyCodes) => "too many codes",
        (_, Refusal::BadEmail) => "wrong email",
        (_, Refusal::EmailTaken) => "email already exists",
        (_, Refusal::MailOff) => "no mail",
        (_, Refusal::Conflict) => "conflict",
        (_, Refusal::NoSuchMessage) => "no such message",
        (_, Refusal::TooLate) => "too late",
        (_, Refusal::NoSuchReceipt) => "no such receipt",
        (_, Refusal::NoSuchTransfer) => "no such transfer",
        (_, Refusal::NotOverHttp) => "not over http",
        (_, Refusal::Fault) => "server error",
    }
}

/// Whether a refusal's own sentence says more than its word.
pub(super) fn needs_hint(verb: Verb, refusal: Refusal) -> bool {
    match refusal {
        Refusal::BadName(_)
        | Refusal::BadPassword
        | Refusal::NotPermitted
        | Refusal::TooManyAttempts
        | Refusal::CodeRequired
        | Refusal::TooManySessions
        | Refusal::OwnerStays
        | Refusal::NotOverHttp => true,
        // Where nobody has the number, and where somebody has it who is no friend, every byte must be the same.
        Refusal::NotFriends | Refusal::NoSuchUser | Refusal::WrongPassword => false,
        Refusal::TooLarge => !matches!(verb, Verb::SendPrivate | Verb::Post | Verb::OfferFile),
        Refusal::NotLoggedIn
        | Refusal::NameTaken
        | Refusal::Yourself
        | Refusal::AlreadyFriends
        | Refusal::Blocked
        | Refusal::NotManager
        | Refusal::WrongCode
        | Refusal::TooManyCodes
        | Refusal::BadEmail
        | Refusal::EmailTaken
        | Refusal::MailOff
        | Refusal::Conflict
        | Refusal::NoSuchMessage
        | Refusal::TooLate
        | Refusal::NoSuchReceipt
        | Refusal::NoSuchTransfer
        | Refusal::NoSuchRequest
        | Refusal::ListFull
        | Refusal::NoSuchGroup
        | Refusal::GroupExists
        | Refusal::AlreadyMember
        | Refusal::NotMember
        | Refusal::NotOwner
        | Refusal::Offline
        | Refusal::BadValue
        | Refusal::InboxFull
        | Refusal::Busy
        | Refusal::StorageFull
        | Refusal::Fault => false,
    }
}

/// The `detail` of a mistake.
pub(super) fn mistake(verb: Option<Verb>, kind: MistakeKind, carrier: Carrier) -> &'static str {
    match kind {
        MistakeKind::Malformed | MistakeKind::Unreadable => "not an Json Object",
        MistakeKind::TooLarge => "frame too large",
        MistakeKind::TooDeep => "frame too deep",
        MistakeKind::NoCommand => "no command",
        MistakeKind::UnknownCommand => "wrong command",
        MistakeKind::MissingField | MistakeKind::WrongType | MistakeKind::BadValue => match carrier {
            Carrier::Stream => "wrong Json",
            Carrier::Message | Carrier::Text => "wrong json",
        },
        MistakeKind::TextTooLong if verb == Some(Verb::OfferFile) => "filename too long",
        MistakeKind::TextTooLong => "message too long",
    }
}

/// The `detail` and the `hint` of the last packet before the server closes.
pub(super) fn closing(reason: ClosingReason) -> (&'static str, Option<&'static str>) {
    match reason {
        ClosingReason::Shutdown => ("server closing", None),
        ClosingReason::SlowConsumer => ("slow reader", Some("what is sent to this connection is not read")),
        ClosingReason::TimedOut => ("timeout", Some("nothing, or only part of a packet, came in the time allowed")),
        ClosingReason::TooManyConnections => ("too many connections", None),
        ClosingReason::Silent => ("timeout", Some("nothing was heard in the time allowed")),
        ClosingReason::Replaced => ("replaced", Some("the same client has logged in on another connection")),
        ClosingReason::Fault => ("server error", None),
    }
}

/// The `detail` of a transfer that failed.
pub(super) fn transfer_end(end: TransferEnd) -> &'static str {
    match end {
        TransferEnd::TimedOut => "timeout",
        TransferEnd::Broken => "broken",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialects::framed::requests::COMMANDS;

    #[test]
    fn a_return_is_its_commands_name_and_a_suffix() {
        for (command, verb) in COMMANDS {
            assert_eq!(return_of(verb), format!("{command}_return"));
        }
    }
}
