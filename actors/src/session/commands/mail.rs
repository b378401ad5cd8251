//! Codes by mail, and what they open: accounts, passwords, addresses. Each is handed to accounts, which answers by way of
//! the store.

use crate::accounts::{BindEmail, RegisterByMail, RequestCode, ResetPassword};
use crate::delivery::Ticket;
use crate::session::Session;
use protocol::{CodePurpose, Refusal, Secret};

impl Session {
    /// Guests may, except for an address of their account, which they have none of.
    pub(in crate::session) fn request_code(&mut self, ticket: Ticket, email: String, purpose: CodePurpose) {
        if purpose == CodePurpose::Bind && self.account().is_none() {
            return self.refuse(ticket, Refusal::NotLoggedIn);
        }
        let origin = self.origin(ticket);
        self.house.accounts.do_send(RequestCode { email, purpose, origin });
    }

    pub(in crate::session) fn register_by_mail(
        &mut self,
        ticket: Ticket,
        email: String,
        nickname: String,
        password: Secret,
        code: Secret,
    ) {
        let origin = self.origin(ticket);
        let customs = &self.manners().customs;
        let (add, message) = (customs.add, customs.message);
        self.house.accounts.do_send(RegisterByMail { email, nickname, password, code, add, message, origin });
    }

    pub(in crate::session) fn reset_password(&mut self, ticket: Ticket, email: String, code: Secret, new: Secret) {
        let origin = self.origin(ticket);
        self.house.accounts.do_send(ResetPassword { email, code, new, origin });
    }

    pub(in crate::session) fn bind_email(&mut self, ticket: Ticket, email: String, code: Secret) {
        let Some(user) = self.account() else {
            return self.refuse(ticket, Refusal::NotLoggedIn);
        };
        let origin = self.origin(ticket);
        self.house.accounts.do_send(BindEmail { user, email, code, origin });
    }
}
