//! What people tell about themselves, what they call each other, and whom they block.
//!
//! A profile has two rows, so that nobody reads pictures who wants words; an account that has told nothing has none. Its
//! e-mail address is in its profile and, to be found by, in a row of its own: [`Ledger::set_email`] writes both.

use super::{Ledger, is_full};
use crate::store::ops::Outcome;
use crate::store::rows::{self, FriendRow, ListedRow, ProfileRow, ReadError, RequestRow};
use crate::store::schema::{Table, Waiting};
use bytes::Bytes;
use protocol::{Email, Person, Profile, ProfileChange, Refusal, UserId};

impl Ledger {
    pub(super) fn set_profile(&mut self, user: UserId, change: ProfileChange) -> Result<Outcome, Refusal> {
        let person = self.known(user)?.person;
        let mut profile = self.profile_of(&person)?;
        let ProfileChange { nickname, gender, birthday, region, signature, avatar, fields, findable, show_email } =
            change;

        if let Some(avatar) = avatar.filter(|avatar| *avatar != profile.avatar) {
            let key = Table::Avatar.one(user.0);
            match avatar.is_empty() {
                true => self.desk.delete(key),
                false => self.desk.put_bytes(key, rows::encode_picture(&avatar)),
            }
            profile.avatar = avatar;
        }
        profile.nickname = nickname.unwrap_or(profile.nickname);
        profile.gender = gender.unwrap_or(profile.gender);
        profile.birthday = birthday.unwrap_or(profile.birthday);
        profile.region = region.unwrap_or(profile.region);
        profile.signature = signature.unwrap_or(profile.signature);
        profile.fields = fields.unwrap_or(profile.fields);
        profile.findable = findable.unwrap_or(profile.findable);
        profile.show_email = show_email.unwrap_or(profile.show_email);
        self.desk.put(Table::Profile.one(user.0), &ProfileRow::of(&profile));
        Ok(Outcome::ProfileSet(Box::new(profile)))
    }

    /// One's own row only, as with special attention.
    pub(super) fn set_remark(&mut self, user: UserId, friend: UserId, remark: Box<str>) -> Result<Outcome, Refusal> {
        let key = Table::Friend.two(user.0, friend.0);
        let value = self.desk.get(&key)?.ok_or(Refusal::NotFriends)?;
        let row: FriendRow<'_> = rows::decode(&key, &value)?;
        let friend = self.known(friend)?.person;

        self.desk.put(key, &FriendRow { remark: &remark, ..row });
        Ok(Outcome::RemarkSet { user, friend, remark })
    }

    /// What the other has asked for is void; it is not told, or it would know.
    pub(super) fn block(
        &mut self,
        user: UserId,
        other: UserId,
        blocked: bool,
        now_ms: u64,
    ) -> Result<Outcome, Refusal> {
        if user == other {
            return Err(Refusal::Yourself);
        }
        let who = self.known(other)?.person;
        let key = Table::Block.two(user.0, other.0);
        let was = self.desk.has(&key)?;
        let length = self.list_length(Table::BlockTally, user.0)?;
        if blocked && !was && is_full(length.1.live, self.settings.friend.max_blocked) {
            return Err(Refusal::ListFull);
        }
        // Neither is to become a friend by an answer that comes now.
        let mut ended = Vec::new();
        for (asked, asker) in [(user, other), (other, user)] {
            let request = Table::FriendRequest.two(asked.0, asker.0);
            if let Some(value) = self.desk.get(&request)?.filter(|_| blocked) {
                let at_ms = rows::decode::<RequestRow<'_>>(&request, &value)?.at_ms;
                ended.push((request, at_ms, asked, asker));
            }
        }
        let invited = if blocked { self.invited_by(user, other)? } else { Vec::new() };

        match (was, blocked) {
            (false, true) => {
                let name = who.name.as_str();
                self.desk.enlist(key, length, |nth| ListedRow { nth, at_ms: now_ms, name });
            }
            (true, false) => self.desk.strike(key, length),
            _ => {}
        }
        self.desk.blocks_changed(user);
        for (request, at_ms, asked, asker) in ended {
            self.desk.delete(request);
            self.forget_due(Waiting::Friend, at_ms, asked.0, asker.0);
        }
        for (group, at_ms) in invited {
            self.end_invite(user, group, Some(at_ms));
        }
        Ok(Outcome::Blocked { user, who, blocked })
    }

    /// All that an account tells about itself, address and picture included.
    pub(super) fn profile_of(&mut self, person: &Person) -> Result<Profile, ReadError> {
        let key = Table::Profile.one(person.id.0);
        let picture = Table::Avatar.one(person.id.0);
        let avatar = match self.desk.get(&picture)? {
            Some(value) => rows::decode_picture(&picture, &value)?,
            None => Bytes::new(),
        };
        let person = person.clone();
        Ok(match self.desk.get(&key)? {
            Some(value) => rows::decode::<ProfileRow<'_>>(&key, &value)?.profile(person, avatar),
            None => Profile { avatar, ..Profile::blank(person) },
        })
    }

    /// Whose an address is.
    pub(super) fn owner_of(&mut self, email: &Email) -> Result<Option<UserId>, ReadError> {
        Ok(self.desk.number(&Table::Email.text(&email.key()))?.map(UserId))
    }

    /// Gives an account an address that nobody else has ([`Ledger::owner_of`]), in the place of the one that it had.
    /// `profile` is what it tells, as [`Ledger::profile_of`] has just read it, with whatever else is new in it but its
    /// picture. Only writes.
    pub(super) fn set_email(&mut self, mut profile: Profile, email: &Email) -> Profile {
        let user = profile.person.id;
        if let Some(old) = profile.email.replace(email.clone())
            && old.key() != email.key()
        {
            self.desk.delete(Table::Email.text(&old.key()));
        }
        self.desk.put(Table::Email.text(&email.key()), &rows::Number(user.0));
        self.desk.put(Table::Profile.one(user.0), &ProfileRow::of(&profile));
        profile
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::ActorSettings;
    use crate::store::{LedgerSettings, Op};
    use protocol::{FriendPolicy, MessagePolicy, Name};
    use std::path::Path;

    fn open(folder: &Path) -> Ledger {
        let settings: ActorSettings = toml::from_str(include_str!("../../../../settings.toml")).unwrap();
        Ledger::open(folder, LedgerSettings::from(&settings), false).unwrap()
    }

    fn email(text: &str) -> Email {
        Email::parse(text).unwrap()
    }

    fn person(ledger: &mut Ledger, name: &str) -> Person {
        let op = Op::CreateAccount {
            name: Name::parse(name).unwrap(),
            password_hash: String::new(),
            add: FriendPolicy::Open,
            message: MessagePolicy::Anyone,
        };
        match ledger.stage(op, 1).unwrap() {
            Outcome::AccountCreated { user } => user,
            other => panic!("{other:?}"),
        }
    }

    fn binds(ledger: &mut Ledger, who: &Person, address: &str) {
        let profile = ledger.profile_of(who).unwrap();
        ledger.set_email(profile, &email(address));
        ledger.staged += 1;
        ledger.commit(1).unwrap();
    }

    #[test]
    fn an_address_is_found_by_in_any_case_until_it_is_another() {
        let folder = tempfile::tempdir().unwrap();
        let mut ledger = open(folder.path());
        let ann = person(&mut ledger, "ann");
        assert_eq!(ledger.owner_of(&email("ann@b.cn")).unwrap(), None);
        binds(&mut ledger, &ann, "Ann@b.cn");
        assert_eq!(ledger.owner_of(&email("aNN@B.cn")).unwrap(), Some(ann.id));
        assert_eq!(ledger.reader().profile(ann.id).unwrap().unwrap().email, Some(email("Ann@b.cn")));
        binds(&mut ledger, &ann, "ann@B.cn"); // the same, written otherwise
        assert_eq!(ledger.reader().user_by_email(&email("ann@b.cn")).unwrap(), Some(ann.id));
        binds(&mut ledger, &ann, "ann@c.cn");
        drop(ledger);
        let mut ledger = open(folder.path());
        assert_eq!(ledger.owner_of(&email("ann@b.cn")).unwrap(), None, "somebody else may have it now");
        assert_eq!(ledger.owner_of(&email("ann@c.cn")).unwrap(), Some(ann.id));
        assert_eq!(ledger.reader().findable_by_email(&email("ann@c.cn")).unwrap(), Some(ann));
    }

    #[test]
    fn an_address_is_for_those_whom_its_owner_shows_it_to() {
        let folder = tempfile::tempdir().unwrap();
        let mut ledger = open(folder.path());
        let (ann, ben) = (person(&mut ledger, "ann"), person(&mut ledger, "ben"));
        binds(&mut ledger, &ann, "ann@b.cn");
        let befriend = Op::Befriend { from: ben.id, to: ann.id, special: false, reason: Box::default() };
        let Outcome::Befriended { profiles, .. } = ledger.stage(befriend, 1).unwrap() else { panic!("ann is open") };
        assert_eq!(profiles.1.email, None);
        for (findable, show_email) in [(true, false), (false, true), (true, true), (false, false)] {
            let change = ProfileChange {
                findable: Some(findable),
                show_email: Some(show_email),
                avatar: Some(Bytes::from_static(b"png")),
                ..ProfileChange::default()
            };
            let Outcome::ProfileSet(own) =
                ledger.stage(Op::SetProfile { user: ann.id, change: Box::new(change) }, 1).unwrap()
            else {
                panic!("set")
            };
            ledger.commit(1).unwrap();
            let reader = ledger.reader();
            assert_eq!(own.email, Some(email("ann@b.cn")), "one's own is always there");
            let seen = reader.friend_profile(ben.id, ann.id).unwrap().unwrap();
            assert_eq!(seen.email.is_some(), show_email);
            let found = reader.findable_by_email(&email("ANN@b.cn")).unwrap();
            assert_eq!(found, findable.then(|| ann.clone()));
            assert_eq!(reader.user_by_email(&email("ann@b.cn")).unwrap(), Some(ann.id), "it can log in by it");
        }
        // An address does not touch the rest.
        binds(&mut ledger, &ann, "ann@c.cn");
        assert_eq!(&ledger.reader().profile(ann.id).unwrap().unwrap().avatar[..], b"png");
    }

    /// Pictures would fill the writer's memory.
    #[test]
    fn pictures_are_not_remembered() {
        assert!(!Table::is_remembered(&Table::Avatar.one(1)) && !Table::is_remembered(&Table::Profile.one(1)));
        assert!(Table::is_remembered(&Table::Friend.two(1, 2)) && Table::is_remembered(&Table::Block.two(1, 2)));
    }
}
