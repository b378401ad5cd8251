//! What people tell about themselves, what they call each other, and whom they block.

use super::known;
use super::roles::fields_are_fine;
use crate::delivery::Ticket;
use crate::session::Session;
use crate::session::dispatch::{Found, Question};
use crate::settings::ProfileSettings;
use crate::store::{LoadBlocked, LoadProfile, Op};
use protocol::{ProfileChange, Refusal, UserId, Who, birthday_is_fine, nickname_is_fine, text_is_fine};

impl Session {
    pub(in crate::session) fn set_remark(
        &mut self,
        ticket: Ticket,
        user: UserId,
        friend: &Who,
        remark: &str,
        found: Option<&Found>,
    ) -> Option<Question> {
        if !text_is_fine(remark, self.house.settings.profile.max_text_chars, false) {
            self.refuse(ticket, Refusal::BadValue);
            return None;
        }
        let friend = known!(self, ticket, self.find_user(friend, found), NoSuchUser);
        self.submit(ticket, Op::SetRemark { user, friend: friend.id, remark: remark.into() });
        None
    }

    pub(in crate::session) fn block(
        &mut self,
        ticket: Ticket,
        user: UserId,
        who: &Who,
        blocked: bool,
        found: Option<&Found>,
    ) -> Option<Question> {
        let other = known!(self, ticket, self.find_user(who, found), NoSuchUser);
        self.submit(ticket, Op::Block { user, other: other.id, blocked });
        None
    }

    pub(in crate::session) fn list_blocked(&mut self, ticket: Ticket, user: UserId) -> Option<Question> {
        let origin = self.origin(ticket);
        self.house.reader(user).do_send(LoadBlocked { user, origin });
        None
    }

    /// Whoever does not exist is no friend either: nobody learns by this who does.
    pub(in crate::session) fn get_profile(
        &mut self,
        ticket: Ticket,
        user: UserId,
        who: Option<&Who>,
        found: Option<&Found>,
    ) -> Option<Question> {
        let of = match who {
            Some(who) => known!(self, ticket, self.find_user(who, found), NotFriends).id,
            None => user,
        };
        let origin = self.origin(ticket);
        self.house.reader(user).do_send(LoadProfile { user, of, origin });
        None
    }

    pub(in crate::session) fn set_profile(
        &mut self,
        ticket: Ticket,
        user: UserId,
        change: &ProfileChange,
    ) -> Option<Question> {
        match check(change, &self.house.settings.profile) {
            Ok(()) => self.submit(ticket, Op::SetProfile { user, change: Box::new(change.clone()) }),
            Err(refusal) => self.refuse(ticket, refusal),
        }
        None
    }
}

/// The bounds of what people tell about themselves.
fn check(change: &ProfileChange, bounds: &ProfileSettings) -> Result<(), Refusal> {
    let most = bounds.max_text_chars;
    let fine = |text: &str, lines| text_is_fine(text, most, lines);
    // All that there is of it by name: whoever adds something sees that it has to have a bound.
    let ProfileChange { nickname, birthday, region, signature, avatar, fields, gender: _, findable: _, show_email: _ } =
        change;
    if avatar.as_ref().is_some_and(|avatar| avatar.len() > bounds.max_avatar_bytes) {
        return Err(Refusal::TooLarge);
    }
    let fields = fields.as_deref().unwrap_or_default();
    let all_fine = nickname.as_deref().is_none_or(|nickname| nickname_is_fine(nickname, most))
        && birthday.as_deref().is_none_or(birthday_is_fine)
        && region.as_deref().is_none_or(|region| fine(region, false))
        && signature.as_deref().is_none_or(|signature| fine(signature, true))
        && fields_are_fine(fields, bounds);
    if all_fine { Ok(()) } else { Err(Refusal::BadValue) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    const BOUNDS: ProfileSettings = ProfileSettings { max_text_chars: 4, max_avatar_bytes: 3, max_fields: 2 };

    #[test]
    fn bounds_of_what_people_tell() {
        let none = ProfileChange::default;
        let fields = |fields: &[(&str, &str)]| {
            Some(fields.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect())
        };
        let avatar = |bytes: &'static [u8]| Some(Bytes::from_static(bytes));
        for (change, expected) in [
            (none(), Ok(())),
            (ProfileChange { nickname: Some("四个汉字".into()), ..none() }, Ok(())),
            (ProfileChange { nickname: Some("五个汉字了".into()), ..none() }, Err(Refusal::BadValue)),
            (ProfileChange { nickname: Some("".into()), ..none() }, Err(Refusal::BadValue)),
            (ProfileChange { birthday: Some("".into()), ..none() }, Ok(())),
            (ProfileChange { birthday: Some("2000-02-29".into()), ..none() }, Ok(())),
            (ProfileChange { birthday: Some("1900-02-29".into()), ..none() }, Err(Refusal::BadValue)),
            (ProfileChange { region: Some("a\nb".into()), ..none() }, Err(Refusal::BadValue)),
            (ProfileChange { signature: Some("a\nb".into()), ..none() }, Ok(())),
            (ProfileChange { signature: Some("a\rb".into()), ..none() }, Err(Refusal::BadValue)),
            (ProfileChange { signature: Some("abcde".into()), ..none() }, Err(Refusal::BadValue)),
            (ProfileChange { avatar: avatar(b"123"), ..none() }, Ok(())),
            (ProfileChange { avatar: avatar(b"1234"), ..none() }, Err(Refusal::TooLarge)),
            (ProfileChange { fields: fields(&[("a", "b"), ("c", "")]), ..none() }, Ok(())),
            (ProfileChange { fields: fields(&[("a", ""), ("b", ""), ("c", "")]), ..none() }, Err(Refusal::BadValue)),
            (ProfileChange { fields: fields(&[("abcde", "")]), ..none() }, Err(Refusal::BadValue)),
            (ProfileChange { fields: fields(&[("a", "abcde")]), ..none() }, Err(Refusal::BadValue)),
        ] {
            assert_eq!(check(&change, &BOUNDS), expected, "{change:?}");
        }
    }
}
