//! What a packet asks. Owns: which packets clients send, and which command each is.
//! Never: takes what only the server says; says a client's own word in a mistake.

use super::packets as p;
use super::packets::packet::Body as Said;
use super::values::{
    bad, body, claim, find_who, friend_policy, group, group_about, group_change, instance, join_policy, login_who,
    missing, peer, profile_change, purpose, role, sha256, user, which_group,
};
use crate::body::{FileLength, Secret};
use crate::command::{Claim, Command, Request, Verb, Verdict};
use crate::dialect::{Mistake, MistakeKind};
use crate::dialects::typed::mistake;
use crate::ids::{GroupId, RequestId, Seq, TransferId};
use crate::mark::Mark;
use crate::reply::MessagePolicy;

/// Whether a packet's field of that number is something that clients send. `verb` says the same of what was read.
pub(super) fn is_asked(tag: u32) -> bool {
    matches!(
        tag,
        10 | 20 | 24 | 30 | 33 | 37..=39 | 41 | 42 | 44 | 47 | 50 | 52 | 55 | 56 | 60 | 62 | 65 | 67 | 70 | 73 | 76
            | 77 | 81 | 83 | 85 | 88 | 91 | 93 | 94 | 96 | 97 | 99 | 101 | 110 | 111 | 115 | 116 | 118..=120
            | 130 | 133 | 134
    )
}

/// Whether it is something that only the server sends. What is neither is unknown, and passed over.
pub(super) fn is_told(tag: u32) -> bool {
    matches!(tag, 10..=151) && !is_asked(tag)
}

/// What a packet is to do; `None` for what only the server sends.
fn verb(said: &Said) -> Option<Verb> {
    Some(match said {
        Said::Heartbeat(_) => Verb::Ping,
        Said::Login(_) => Verb::Login,
        Said::Logout(_) => Verb::Logout,
        Said::RequestCode(_) => Verb::RequestCode,
        Said::Register(_) => Verb::RegisterByMail,
        Said::ResetPassword(_) => Verb::ResetPassword,
        Said::ChangePassword(_) => Verb::ChangePassword,
        Said::BindEmail(_) => Verb::BindEmail,
        Said::ChangeProfile(_) => Verb::SetProfile,
        Said::GetProfile(_) => Verb::GetProfile,
        Said::FindUser(_) => Verb::FindUser,
        Said::SetPolicy(_) => Verb::SetPolicy,
        Said::ListFriends(_) => Verb::ListFriends,
        Said::FriendRequest(_) => Verb::AddFriend,
        Said::AcceptFriend(_) | Said::RejectFriend(_) => Verb::AnswerFriend,
        Said::SetRemark(_) => Verb::SetRemark,
        Said::RemoveFriend(_) => Verb::RemoveFriend,
        Said::Block(_) => Verb::Block,
        Said::ListBlocked(_) => Verb::ListBlocked,
        Said::CreateGroup(_) => Verb::CreateGroup,
        Said::JoinGroup(_) => Verb::JoinGroup,
        Said::AcceptJoin(_) | Said::RejectJoin(_) => Verb::AnswerJoin,
        Said::LeaveGroup(_) => Verb::LeaveGroup,
        Said::SetRole(_) => Verb::SetRole,
        Said::Invite(_) => Verb::Invite,
        Said::AnswerInvite(_) => Verb::AnswerInvite,
        Said::RemoveMember(_) => Verb::RemoveMember,
        Said::TransferGroup(_) => Verb::TransferGroup,
        Said::DissolveGroup(_) => Verb::DissolveGroup,
        Said::ChangeGroup(_) => Verb::SetGroup,
        Said::GetGroup(_) => Verb::GetGroup,
        Said::ListMembers(_) => Verb::ListMembers,
        Said::ListGroups(_) => Verb::ListGroups,
        Said::PrivateMessage(_) => Verb::SendPrivate,
        Said::GroupMessage(_) => Verb::Post,
        Said::MessageReceived(_) => Verb::Received,
        Said::GetHistory(_) => Verb::History,
        Said::Typing(_) => Verb::Typing,
        Said::Read(_) => Verb::MarkRead,
        Said::Recall(_) => Verb::Recall,
        Said::OfferFile(_) => Verb::OfferFile,
        Said::AcceptFile(_) => Verb::AcceptFile,
        Said::DeclineFile(_) => Verb::DeclineFile,
        _ => return None,
    })
}

/// A packet that clients do not send, or that this server does not know.
pub(super) fn unknown(request: RequestId) -> Mistake {
    let detail = "there is no such packet, or none that a client sends";
    Mistake { request, ..mistake(MistakeKind::UnknownCommand, detail) }
}

/// Makes a request of a packet.
pub(super) fn request(packet: p::Packet) -> Result<Request, Mistake> {
    let id = RequestId(packet.seq);
    let said = packet.body.ok_or_else(|| unknown(id))?;
    let verb = verb(&said).ok_or_else(|| unknown(id))?;
    match command(said, id) {
        Ok((claim, command)) => Ok(Request { id, claim, command }),
        Err(mistake) => Err(Mistake { request: id, verb: Some(verb), ..mistake }),
    }
}

/// A command, and who says to send it, where a packet has a field for that.
fn command(said: Said, id: RequestId) -> Result<(Option<Claim>, Command), Mistake> {
    let command = match said {
        Said::FriendRequest(asked) => {
            let (friend, reason) = (user(asked.account), asked.reason.into());
            return Ok((claim(asked.asker), Command::AddFriend { friend, special: false, reason }));
        }
        Said::AcceptFriend(asked) => {
            return Ok((claim(asked.account), answer_friend(asked.asker, Verdict::Accept, String::new())));
        }
        Said::RejectFriend(asked) => {
            return Ok((claim(asked.account), answer_friend(asked.asker, Verdict::Reject, asked.reason)));
        }
        Said::SetRemark(asked) => {
            let (friend, remark) = (user(asked.friend), asked.remark.into());
            return Ok((claim(asked.account), Command::SetRemark { friend, remark }));
        }
        Said::JoinGroup(asked) => {
            let (group, reason) = (group(asked.group), asked.reason.into());
            return Ok((claim(asked.asker), Command::JoinGroup { group, reason }));
        }
        Said::PrivateMessage(message) => return Ok((claim(message.sender), private(message, id)?)),
        Said::GroupMessage(message) => return Ok((claim(message.sender), post(message, id)?)),
        Said::Heartbeat(_) => Command::Ping,
        Said::Logout(_) => Command::Logout,
        Said::ListFriends(_) => Command::ListFriends,
        Said::ListBlocked(_) => Command::ListBlocked,
        Said::ListGroups(_) => Command::ListGroups,
        Said::GetProfile(asked) => Command::GetProfile { who: claim(asked.account) },
        Said::ChangeProfile(asked) => Command::SetProfile { change: profile_change(asked)? },
        Said::FindUser(asked) => Command::FindUser { who: find_who(asked.who)? },
        Said::RemoveFriend(asked) => Command::RemoveFriend { friend: user(asked.friend) },
        Said::Block(asked) => Command::Block { who: user(asked.account), blocked: !asked.unblock },
        Said::SetPolicy(asked) => Command::SetPolicy {
            add: friend_policy(asked.friends)?,
            message: asked.friends_only.map(|only| if only { MessagePolicy::Friends } else { MessagePolicy::Anyone }),
        },
        Said::MessageReceived(asked) => received(&asked.receipts)?,
        Said::GetHistory(asked) => Command::History {
            peer: peer(asked.peer)?,
            before: (asked.before != 0).then_some(Seq(asked.before)),
            limit: (asked.limit != 0).then_some(asked.limit),
        },
        Said::Typing(asked) => Command::Typing { peer: peer(asked.peer)? },
        Said::Read(asked) => Command::MarkRead { peer: peer(asked.peer)?, place: Seq(asked.id) },
        Said::Recall(asked) => Command::Recall { peer: peer(asked.peer)?, place: Seq(asked.id) },
        Said::OfferFile(asked) => Command::OfferFile {
            to: user(asked.to),
            length: FileLength { bytes: asked.size, as_text: false },
            name: asked.name,
            hash: sha256(&asked.sha256)?,
        },
        Said::AcceptFile(asked) => Command::AcceptFile { transfer: TransferId(asked.transfer), offset: asked.offset },
        Said::DeclineFile(asked) => {
            Command::DeclineFile { transfer: TransferId(asked.transfer), reason: asked.reason.into() }
        }
        said @ (Said::Login(_)
        | Said::RequestCode(_)
        | Said::Register(_)
        | Said::ResetPassword(_)
        | Said::ChangePassword(_)
        | Said::BindEmail(_)) => of_accounts(said, id)?,
        said => of_groups(said, id)?,
    };
    Ok((None, command))
}

fn of_accounts(said: Said, id: RequestId) -> Result<Command, Mistake> {
    Ok(match said {
        Said::Login(asked) => Command::Login {
            who: login_who(asked.who)?,
            password: Secret::new(asked.password),
            code: (!asked.code.is_empty()).then(|| Secret::new(asked.code)),
            instance: instance(&asked.instance)?,
        },
        Said::RequestCode(asked) => Command::RequestCode { purpose: purpose(asked.purpose)?, email: asked.email },
        Said::Register(asked) => Command::RegisterByMail {
            email: asked.email,
            nickname: asked.nickname,
            password: Secret::new(asked.password),
            code: Secret::new(asked.code),
        },
        Said::ResetPassword(asked) => Command::ResetPassword {
            email: asked.email,
            code: Secret::new(asked.code),
            new: Secret::new(asked.password),
        },
        Said::ChangePassword(asked) => {
            Command::ChangePassword { old: Secret::new(asked.old_password), new: Secret::new(asked.new_password) }
        }
        Said::BindEmail(asked) => Command::BindEmail { email: asked.email, code: Secret::new(asked.code) },
        _ => return Err(unknown(id)),
    })
}

fn of_groups(said: Said, id: RequestId) -> Result<Command, Mistake> {
    Ok(match said {
        Said::CreateGroup(asked) => Command::CreateGroup {
            name: (!asked.name.is_empty()).then_some(asked.name),
            join: join_policy(asked.join)?,
            about: group_about(asked.description, asked.avatar, asked.fields),
        },
        Said::AcceptJoin(asked) => answer_join(asked.group, asked.asker, Verdict::Accept, String::new()),
        Said::RejectJoin(asked) => answer_join(asked.group, asked.asker, Verdict::Reject, asked.reason),
        Said::LeaveGroup(asked) => Command::LeaveGroup { group: group(asked.group) },
        Said::SetRole(asked) => {
            Command::SetRole { group: group(asked.group), member: user(asked.member), role: role(asked.role)? }
        }
        Said::Invite(asked) => Command::Invite { group: group(asked.group), who: user(asked.account) },
        Said::AnswerInvite(asked) => Command::AnswerInvite {
            group: group(asked.group),
            verdict: if asked.accept { Verdict::Accept } else { Verdict::Reject },
            reason: asked.reason.into(),
        },
        Said::RemoveMember(asked) => {
            Command::RemoveMember { group: group(asked.group), member: user(asked.member), reason: asked.reason.into() }
        }
        Said::TransferGroup(asked) => Command::TransferGroup { group: group(asked.group), member: user(asked.member) },
        Said::DissolveGroup(asked) => Command::DissolveGroup { group: group(asked.group) },
        Said::ChangeGroup(asked) => Command::SetGroup { group: group(asked.group), change: group_change(asked)? },
        Said::GetGroup(asked) => Command::GetGroup { group: which_group(&asked)? },
        Said::ListMembers(asked) => Command::ListMembers { group: group(asked.group) },
        _ => return Err(unknown(id)),
    })
}

fn answer_friend(asker: u64, verdict: Verdict, reason: String) -> Command {
    Command::AnswerFriend { asker: user(asker), verdict, special: false, reason: reason.into() }
}

fn answer_join(number: u64, asker: u64, verdict: Verdict, reason: String) -> Command {
    Command::AnswerJoin { group: group(number), member: user(asker), verdict, reason: reason.into() }
}

/// A message's number, by which it is told from others when it is sent again.
fn number(id: RequestId) -> Result<Option<u64>, Mistake> {
    if id.0 == 0 { Err(bad("a message needs a number: `seq`")) } else { Ok(Some(id.0)) }
}

fn private(message: p::Message, id: RequestId) -> Result<Command, Mistake> {
    let number = number(id)?;
    if message.group != 0 {
        return Err(bad("a private message has no `group`"));
    }
    if message.to == 0 {
        return Err(missing("to"));
    }
    let (to, as_written) = (user(message.to), message.to.to_string().into());
    Ok(Command::SendPrivate { to, as_written, body: body(message)?, number })
}

fn post(message: p::Message, id: RequestId) -> Result<Command, Mistake> {
    let number = number(id)?;
    if message.to != 0 {
        return Err(bad("a group's message has no `to`"));
    }
    if message.group == 0 {
        return Err(missing("group"));
    }
    Ok(Command::Post { group: group(message.group), body: body(message)?, number })
}

/// What is safe with the client now.
fn received(receipts: &[p::Receipt]) -> Result<Command, Mistake> {
    if receipts.is_empty() {
        return Err(bad("`receipts` are none"));
    }
    let mark = |receipt: &p::Receipt| match receipt.group {
        0 => Mark::Inbox(Seq(receipt.place)),
        group => Mark::Group(GroupId(group), Seq(receipt.place)),
    };
    Ok(Command::Received { marks: receipts.iter().map(mark).collect() })
}
