//! From a request to the one who does it. Owns: whose turn it is, the check of phase and identity, and the looking-up
//! of names. Never: does what was asked; one handler per command in `commands/` hands it on.

use super::answers::is_message;
use super::{Entering, Session};
use crate::delivery::{Answered, Origin, Ticket};
use crate::store::{FindGroup, FindGroupById, FindUser, FindUserByEmail, FindUserById};
use protocol::{Claim, Command, Frames, GroupRef, Person, Refusal, Reply, Request, UserId, Verb, WhichGroup, Who};

/// A command that is taken up while a name in it is being looked up.
pub(super) struct Pending {
    ticket: Ticket,
    command: Command,
    found: Found,
}

/// What look-ups for one command have found: nobody has looked yet, or somebody, or nobody is called that. Both are kept
/// until the command is through: it asks no question twice.
#[derive(Clone, Default)]
pub(super) struct Found {
    user: Option<Option<Person>>,
    group: Option<Option<GroupRef>>,
}

/// Where a command stands that needs a name.
pub(super) enum Look<T> {
    Known(T),
    Nobody,
    /// The question is on its way; the command is run again with the answer.
    Asked(Question),
}

/// A question to a reader.
pub(super) enum Question {
    User(Who),
    Group(WhichGroup),
}

/// Somebody, as a client has pointed at it.
fn as_asked(who: &Who) -> Box<str> {
    match who {
        Who::Name(key) => key.as_str().into(),
        Who::Id(id) => id.to_string().into(),
        Who::Email(email) => email.as_str().into(),
    }
}

impl Session {
    /// Takes a request up if its turn has come: messages may go ahead of the answers to other messages, everything
    /// else waits until it is alone.
    pub(super) fn take_up(&mut self, request: Box<Request>) {
        if let Command::Received { marks } = &request.command {
            return self.received(request.id, marks);
        }
        let alone = self.answers.is_empty();
        let together = is_message(request.command.verb()) && self.answers.only_messages();
        if alone || together {
            self.dispatch(*request);
        } else {
            self.next = Some(request);
        }
    }

    /// Takes up what had to wait, if its turn has come.
    pub(super) fn take_up_next(&mut self) {
        if self.pending.is_none()
            && let Some(request) = self.next.take()
        {
            self.take_up(request);
        }
    }

    fn dispatch(&mut self, request: Request) {
        let Request { id, mut claim, mut command } = request;
        self.untwist(&mut claim, &mut command);
        let about = match &mut command {
            // Nobody else asks for it.
            Command::SendPrivate { as_written, .. } => Some(std::mem::take(as_written)),
            Command::ListMembers { group: WhichGroup::Name(key) } => Some(key.as_str().into()),
            Command::RequestCode { email, .. } | Command::RegisterByMail { email, .. } => Some(email.as_str().into()),
            Command::FindUser { who } | Command::AddFriend { friend: who, .. } => Some(as_asked(who)),
            _ => None,
        };
        let ticket = self.answers.open(id, command.verb(), about, self.clock.now);
        match self.check(&command, claim.as_ref()) {
            Ok(()) => self.run(ticket, command, None),
            Err(refusal) => self.refuse(ticket, refusal),
        }
    }

    /// In an answer to a request the document of `framed` has the asker as `src` and whoever answers as `dst`, while
    /// many read `src` as "I". Whoever names itself as the asker means it the other way round; nobody is let in by
    /// that, since a request from the other must be there.
    fn untwist(&self, claim: &mut Option<Claim>, command: &mut Command) {
        let Some(me) = self.account() else { return };
        let asker = match command {
            Command::AnswerFriend { asker, .. } => asker,
            Command::AnswerJoin { member, .. } => member,
            _ => return,
        };
        if *asker == Who::Id(me)
            && let Some(claim @ Who::Id(_)) = claim
        {
            std::mem::swap(asker, claim);
        }
    }

    /// Who may ask what: identity comes from the session, and a claim to be somebody else is refused.
    fn check(&self, command: &Command, claim: Option<&Claim>) -> Result<(), Refusal> {
        let guests_may = matches!(
            command.verb(),
            Verb::Register | Verb::Login | Verb::RequestCode | Verb::RegisterByMail | Verb::ResetPassword
        );
        if guests_may {
            return Ok(());
        }
        if self.visitor && !matches!(command.verb(), Verb::ListFriends | Verb::Logout | Verb::Ping) {
            return Err(Refusal::NotOverHttp);
        }
        match (&self.member, claim) {
            (None, None) if command.verb() == Verb::Ping => Ok(()),
            (None, _) => Err(Refusal::NotLoggedIn),
            (Some(member), Some(Claim::Name(name))) if member.key != *name => Err(Refusal::NotPermitted),
            (Some(member), Some(Claim::Id(id))) if member.me.id != *id => Err(Refusal::NotPermitted),
            (Some(_), Some(Claim::Email(_))) => Err(Refusal::NotPermitted),
            (Some(_), _) => Ok(()),
        }
    }

    /// One command, one handler. `found` is what the look-ups of names in this command have found.
    fn run(&mut self, ticket: Ticket, command: Command, found: Option<&Found>) {
        let Some(me) = self.member.as_ref().map(|member| member.me.id) else {
            return self.run_as_guest(ticket, command);
        };
        let asked = match &command {
            Command::AddFriend { friend, special, reason } => {
                self.add_friend(ticket, me, friend, *special, reason, found)
            }
            Command::AnswerFriend { asker, verdict, special, reason } => {
                self.answer_friend(ticket, me, asker, *verdict, (*special, reason), found)
            }
            Command::SetFriend { friend, special } => self.set_friend(ticket, me, friend, *special, found),
            Command::FindUser { who } => self.look_up(ticket, who, found),
            Command::RemoveFriend { friend } => self.remove_friend(ticket, me, friend, found),
            Command::JoinGroup { group, reason } => self.join_group(ticket, me, group, reason, found),
            Command::AnswerJoin { group, member, verdict, reason } => {
                self.answer_join(ticket, me, group, member, (*verdict, reason), found)
            }
            Command::LeaveGroup { group } => self.leave_group(ticket, me, group, found),
            Command::ListMembers { group } => self.list_members(ticket, me, group, found),
            Command::SendPrivate { to, body, number, .. } => self.send_private(ticket, me, to, body, *number, found),
            Command::Post { group, body, number } => self.post(ticket, me, group, body, *number, found),
            Command::History { peer, before, limit } => self.history(ticket, me, peer, *before, *limit, found),
            Command::OfferFile { to, length, name, hash } => self.offer_file(ticket, to, *length, name, *hash, found),
            Command::ListFriends | Command::ListPresence => self.list_friends(ticket, me),
            Command::ListGroups => self.list_groups(ticket, me),
            Command::SetPolicy { add, message } => self.set_policy(ticket, me, *add, *message),
            Command::CreateGroup { name, join, about } => self.create_group(ticket, me, name.as_deref(), *join, about),
            Command::SetRemark { friend, remark } => self.set_remark(ticket, me, friend, remark, found),
            Command::Block { who, blocked } => self.block(ticket, me, who, *blocked, found),
            Command::ListBlocked => self.list_blocked(ticket, me),
            Command::GetProfile { who } => self.get_profile(ticket, me, who.as_ref(), found),
            Command::SetProfile { change } => self.set_profile(ticket, me, change),
            Command::SetGroup { group, change } => self.set_group(ticket, me, group, change, found),
            Command::GetGroup { group } => self.get_group(ticket, me, group, found),
            Command::SetRole { group, member, role } => self.set_role(ticket, me, group, member, *role, found),
            Command::Invite { group, who } => self.invite(ticket, me, group, who, found),
            Command::AnswerInvite { group, verdict, reason } => {
                self.answer_invite(ticket, me, group, (*verdict, reason), found)
            }
            Command::RemoveMember { group, member, reason } => {
                self.remove_member(ticket, me, group, member, reason, found)
            }
            Command::TransferGroup { group, member } => self.transfer_group(ticket, me, group, member, found),
            Command::DissolveGroup { group } => self.dissolve_group(ticket, me, group, found),
            Command::Typing { peer } => self.typing(ticket, peer, found),
            Command::MarkRead { peer, place } => self.mark_read(ticket, peer, *place, found),
            Command::Recall { peer, place } => self.recall(ticket, me, peer, *place, found),
            Command::AcceptFile { transfer, offset } => self.accept_file(ticket, *transfer, *offset),
            Command::DeclineFile { transfer, reason } => self.decline_file(ticket, *transfer, reason),
            Command::Register { .. }
            | Command::Login { .. }
            | Command::Logout
            | Command::Ping
            | Command::Received { .. } // taken up before its turn
            | Command::RequestCode { .. }
            | Command::RegisterByMail { .. }
            | Command::ResetPassword { .. }
            | Command::BindEmail { .. }
            | Command::ChangePassword { .. } => return self.run_as_guest(ticket, command),
        };
        if let Some(question) = asked {
            self.ask(ticket, question);
            let found = found.cloned().unwrap_or_default();
            self.pending = Some(Box::new(Pending { ticket, command, found }));
        }
    }

    /// What needs no name looked up and, but for the change of password, no account either.
    fn run_as_guest(&mut self, ticket: Ticket, command: Command) {
        match command {
            Command::Register { name, password } => self.register(ticket, name, password),
            Command::Login { who, password, code, instance } => self.login(ticket, who, password, code, instance),
            Command::RequestCode { email, purpose } => self.request_code(ticket, email, purpose),
            Command::RegisterByMail { email, nickname, password, code } => {
                self.register_by_mail(ticket, email, nickname, password, code);
            }
            Command::ResetPassword { email, code, new } => self.reset_password(ticket, email, code, new),
            Command::BindEmail { email, code } => self.bind_email(ticket, email, code),
            Command::Logout => self.logout(ticket),
            Command::Ping => self.reply(ticket, &Reply::Pong),
            Command::ChangePassword { old, new } => self.change_password(ticket, old, new),
            // The check before it lets nothing else through.
            _ => self.refuse(ticket, Refusal::NotLoggedIn),
        }
    }

    /// An answer from another actor: the last word, or a step on the way of a login or a list.
    pub(super) fn answered(&mut self, ticket: Ticket, body: Answered) {
        // After the last word nothing is said any more.
        if self.ending.is_deaf() {
            return;
        }
        match body {
            Answered::Sent { seq, at_ms } => {
                let Some(verb) = self.answers.slot(ticket).map(|slot| slot.verb) else { return };
                if verb == Verb::Recall {
                    return self.recalled(ticket);
                }
                self.reply(ticket, &Reply::Sent { verb, seq, at_ms });
            }
            Answered::Refused(refusal) => {
                self.login_failed(ticket);
                self.refuse(ticket, refusal);
            }
            Answered::Reply(reply) => self.reply(ticket, &reply),
            Answered::Done(outcome) => self.done(ticket, *outcome),
            Answered::FoundUser(person) => self.found(ticket, |found| found.user = Some(person)),
            Answered::FoundGroup(group) => self.found(ticket, |found| found.group = Some(group)),
            Answered::Verified(user) => self.verified(ticket, user),
            Answered::Admitted => self.admitted(ticket),
            Answered::Loaded(state) => self.loaded(ticket, state),
            Answered::Online(online) => self.online(ticket, &online),
            Answered::Friends(friends) => self.friends(ticket, friends),
        }
    }

    fn found(&mut self, ticket: Ticket, note: impl FnOnce(&mut Found)) {
        match self.pending.take() {
            Some(pending) if pending.ticket == ticket => {
                let Pending { command, mut found, .. } = *pending;
                note(&mut found);
                self.run(ticket, command, Some(&found));
            }
            other => self.pending = other,
        }
    }

    fn ask(&mut self, ticket: Ticket, question: Question) {
        let Some(me) = self.account() else { return };
        let origin = self.origin(ticket);
        let reader = self.house.reader(me);
        match question {
            Question::User(Who::Name(key)) => reader.do_send(FindUser { key, origin }),
            Question::User(Who::Email(email)) => reader.do_send(FindUserByEmail { email, origin }),
            Question::User(Who::Id(id)) => reader.do_send(FindUserById { id, origin }),
            Question::Group(WhichGroup::Name(key)) => reader.do_send(FindGroup { key, origin }),
            Question::Group(WhichGroup::Id(id)) => reader.do_send(FindGroupById { id, origin }),
        }
    }

    /// The account that a name or number stands for.
    pub(super) fn find_user(&self, who: &Who, found: Option<&Found>) -> Look<Person> {
        let known = match who {
            Who::Name(key) => self.house.names.user(key),
            Who::Id(id) => self.house.names.user_by_id(*id),
            // Whether its owner may be found is asked every time.
            Who::Email(_) => None,
        };
        match (known, found.and_then(|found| found.user.as_ref())) {
            (Some(person), _) => Look::Known(person),
            (None, Some(Some(person))) => Look::Known(person.clone()),
            (None, Some(None)) => Look::Nobody,
            (None, None) => Look::Asked(Question::User(who.clone())),
        }
    }

    /// The group that a name or number stands for.
    pub(super) fn find_group(&self, which: &WhichGroup, found: Option<&Found>) -> Look<GroupRef> {
        let known = match which {
            WhichGroup::Name(key) => self.house.names.group(key),
            WhichGroup::Id(id) => {
                let member = self.member.as_ref();
                member.and_then(|member| member.feeds.group(*id)).map(|followed| followed.group.clone())
            }
        };
        match (known, found.and_then(|found| found.group.as_ref())) {
            (Some(group), _) => Look::Known(group),
            (None, Some(Some(group))) => Look::Known(group.clone()),
            (None, Some(None)) => Look::Nobody,
            (None, None) => Look::Asked(Question::Group(which.clone())),
        }
    }

    /// Who asks, for those who answer.
    pub(super) fn origin(&self, ticket: Ticket) -> Origin {
        Origin { session: self.handle.clone(), ticket }
    }

    /// The last word to a question.
    pub(super) fn reply(&mut self, ticket: Ticket, reply: &Reply) {
        let Some(slot) = self.answers.slot(ticket) else { return };
        let frames = self.dialect.get().reply(slot.request, reply, self.carrier);
        self.close_slot(ticket, frames);
    }

    /// A polite no.
    pub(super) fn refuse(&mut self, ticket: Ticket, refusal: Refusal) {
        let Some(slot) = self.answers.slot(ticket) else { return };
        let reply = Reply::Refused { verb: slot.verb, refusal, about: slot.about.clone() };
        let frames = self.dialect.get().reply(slot.request, &reply, self.carrier);
        self.close_slot(ticket, frames);
    }

    fn close_slot(&mut self, ticket: Ticket, frames: Frames) {
        self.answers.close(ticket, frames);
        self.send_ready();
    }

    /// Sends the answers whose turn it is.
    pub(super) fn send_ready(&mut self) {
        while let Some(frames) = self.answers.next_ready() {
            self.answer(frames);
        }
    }

    /// The account that is logging in, or is logged in.
    pub(super) fn account(&self) -> Option<UserId> {
        self.member.as_ref().map(|member| member.me.id)
    }

    /// The login under way, if this is its ticket.
    pub(super) fn entering_as(&mut self, ticket: Ticket) -> Option<&mut Entering> {
        self.entering.as_deref_mut().filter(|entering| entering.ticket == ticket)
    }
}
