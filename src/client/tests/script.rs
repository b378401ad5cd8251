//! Everything that is said, what the server must make of it, what it may answer, and what must be heard of that: once for all
//! dialects. Where they differ, it says how.

use super::*;
use protocol::reply::{FriendPolicy, JoinPolicy, MessagePolicy, Roster};
use protocol::{
    Body, BodyKind, ClosingReason, Command, Event, Frames, GroupAbout, GroupInfo, Instance, Kept, Mark, Mistake,
    MistakeKind, NameKey, Refusal, Reply, RequestId, Secret, Seq, TransferEnd, TransferId, Verb, WhichGroup, Who,
};

/// A text that every part of the way has to get right.
pub(super) const TEXT: &str = "tab\t \"quoted\" \\ 你好 🐦 \u{1} }{\n";
pub(super) const INSTANCE: [u8; 16] = *b"0123456789abcdef";

pub(super) fn long_text() -> String {
    "長\"い".repeat(1_500)
}

pub(super) struct People {
    pub(super) me: super::super::Person,
    pub(super) other: super::super::Person,
    pub(super) circle: super::super::Circle,
    pub(super) long: String,
}

impl People {
    pub(super) fn new() -> Self {
        Self {
            me: person(10_000, "小明 \"M\""),
            other: person(10_001, "other"),
            circle: circle(7, "Study"),
            long: long_text(),
        }
    }

    /// Everything there is to say; after `Login`, which comes second.
    pub(super) fn says(&self) -> Vec<Say<'_>> {
        let (me, to, group) = (&self.me, &self.other, &self.circle);
        vec![
            Say::Register { name: &me.name, password: "p\"ss" },
            Say::Login { me, password: "p\"ss", instance: Some(INSTANCE) },
            Say::Open,
            Say::Befriend(to),
            Say::CreateGroup { name: &group.name },
            Say::JoinGroup(group),
            Say::Private { to, text: TEXT },
            Say::Private { to, text: "" },
            Say::Private { to, text: &self.long[..900] },
            Say::Post { group, text: TEXT },
            Say::Typing(to),
            Say::Ping,
            Say::Logout,
        ]
    }

    /// The request that the server has to understand; `None` where the dialect has no word for it.
    pub(super) fn request(&self, dialect: DialectId, say: &Say<'_>, number: u64) -> Option<Request> {
        let name = dialect.get().name();
        let (plain, binary) = (name == "plain", name == "binary");
        let who = |person: &super::super::Person| {
            if plain { Who::Name(NameKey::of(&person.name)) } else { Who::Id(UserId(person.id)) }
        };
        let which = |circle: &super::super::Circle| {
            if plain { WhichGroup::Name(NameKey::of(&circle.name)) } else { WhichGroup::Id(GroupId(circle.id)) }
        };
        let secret = |password: &str| Secret::new(password.to_owned());
        let number = if binary { number } else { 0 };
        let command = match say {
            Say::Register { .. } if binary => return None,
            Say::Typing(_) if !binary => return None,
            Say::Register { name, password } => {
                Command::Register { name: (*name).to_owned(), password: secret(password) }
            }
            Say::Login { me, password, instance } => Command::Login {
                who: who(me),
                password: secret(password),
                code: None,
                instance: instance.map(Instance).filter(|_| binary),
            },
            Say::Open => Command::SetPolicy { add: Some(FriendPolicy::Open), message: Some(MessagePolicy::Anyone) },
            Say::Befriend(friend) => Command::AddFriend { friend: who(friend), special: false, reason: Box::default() },
            Say::CreateGroup { name } => Command::CreateGroup {
                name: Some((*name).to_owned()),
                join: Some(JoinPolicy::Open),
                about: Box::default(),
            },
            Say::JoinGroup(group) => Command::JoinGroup { group: which(group), reason: Box::default() },
            Say::Private { to, text } => Command::SendPrivate {
                to: who(to),
                as_written: if plain { to.name.as_str().into() } else { to.id.to_string().into() },
                body: Body::text(*text),
                number: binary.then_some(number),
            },
            Say::Post { group, text } => {
                Command::Post { group: which(group), body: Body::text(*text), number: binary.then_some(number) }
            }
            Say::Typing(person) => Command::Typing { peer: protocol::Peer::User(who(person)) },
            Say::Ping => Command::Ping,
            Say::Logout => Command::Logout,
        };
        let claims = !binary && !matches!(say, Say::Register { .. } | Say::Login { .. } | Say::Ping);
        Some(Request { id: RequestId(number), claim: claims.then(|| who(&self.me)), command })
    }
}

/// One step: what is asked, if anything, what the server says then, and what is heard.
pub(super) struct Step<'a> {
    pub(super) say: Option<Say<'a>>,
    pub(super) frames: Frames,
    pub(super) hears: Vec<Heard<'static>>,
}

/// A conversation's steps in a dialect, all different; numbers count from 1.
pub(super) struct Script<'a> {
    people: &'a People,
    dialect: DialectId,
    carrier: Carrier,
    number: u64,
    pub(super) steps: Vec<Step<'a>>,
}

impl<'a> Script<'a> {
    pub(super) fn new(people: &'a People, dialect: DialectId, wrap: Wrap) -> Self {
        let mut script = Self { people, dialect, carrier: wires::carrier(wrap), number: 0, steps: Vec::new() };
        script.yes();
        script.no();
        script.news();
        script.last_words();
        script
    }

    /// By dialect: `plain`, `framed`, `binary`.
    fn by<T>(&self, each: [T; 3]) -> T {
        let [plain, framed, binary] = each;
        match self.dialect.get().name() {
            "plain" => plain,
            "framed" => framed,
            _ => binary,
        }
    }

    fn asks(&mut self, say: Say<'a>, reply: &Reply, verdict: Verdict<'static>, more: &[Heard<'static>]) {
        self.number += 1;
        let number = self.number;
        let frames = self.dialect.get().reply(RequestId(number), reply, self.carrier);
        let answer = Heard::Answer { number, verdict };
        let hears = [&[answer][..], more].concat();
        self.steps.push(Step { say: Some(say), frames, hears });
    }

    fn is_told(&mut self, event: &Event, kept: Option<Kept>, hears: &[Heard<'static>]) {
        let frames = self.dialect.get().event(event, kept, self.carrier);
        self.steps.push(Step { say: None, frames, hears: hears.to_vec() });
    }

    fn yes(&mut self) {
        let People { me, other, circle, .. } = self.people;
        let done = |id: Option<u64>| Verdict::Done { id };
        let (my, friend, group) = (somebody(me.id, &me.name), somebody(other.id, "other"), group(7, "Study"));
        if self.dialect.get().name() != "binary" {
            let id = self.by([None, Some(10_000), None]);
            let reply = Reply::Registered { id: UserId(10_000), name: my.name.clone() };
            self.asks(Say::Register { name: &me.name, password: "x" }, &reply, done(id), &[]);
        }
        let roster = Roster { me: my, friends: Vec::new(), groups: Vec::new(), profile: None, terms: None };
        let id = self.by([Some(10_000), None, Some(10_000)]);
        let login = Say::Login { me, password: "x", instance: None };
        self.asks(login, &Reply::LoggedIn(Box::new(roster)), done(id), &[]);
        let policy = Reply::PolicySet { add: FriendPolicy::Open, message: MessagePolicy::Anyone };
        self.asks(Say::Open, &policy, done(None), &[]);
        // `framed` says it in three packets.
        let more = self.by([vec![], vec![Heard::Other; 2], vec![]]);
        let added = Reply::FriendAdded { friend: friend.clone(), profile: None };
        self.asks(Say::Befriend(other), &added, done(None), &more);
        let asked = Reply::FriendRequested { me: UserId(me.id), friend };
        self.asks(Say::Befriend(other), &asked, done(None), &[]);
        let info = GroupInfo {
            group: group.clone(),
            owner: UserId(me.id),
            join: JoinPolicy::Open,
            about: GroupAbout::default(),
            members: 1,
            since_ms: 1,
        };
        let id = self.by([None, Some(7), Some(7)]);
        let created = Reply::GroupCreated { group: group.clone(), info: Box::new(info) };
        self.asks(Say::CreateGroup { name: &circle.name }, &created, done(id), &[]);
        let joined = Reply::Joined { me: UserId(me.id), group: group.clone() };
        self.asks(Say::JoinGroup(circle), &joined, done(id), &[]);
        let asked = self.by([None, Some(7), None]);
        self.asks(Say::JoinGroup(circle), &Reply::JoinRequested { group }, done(asked), &[]);
        let sent = |verb| Reply::Sent { verb, seq: Seq(9), at_ms: 1_700_000_000_000 };
        self.asks(Say::Private { to: other, text: "x" }, &sent(Verb::SendPrivate), done(None), &[]);
        self.asks(Say::Post { group: circle, text: "x" }, &sent(Verb::Post), done(None), &[]);
        self.asks(Say::Ping, &Reply::Pong, done(None), &[]);
        if self.dialect.get().name() == "binary" {
            self.asks(Say::Typing(other), &Reply::Done, done(None), &[]);
            self.asks(Say::Logout, &Reply::LoggedOut, done(None), &[]);
        }
    }

    fn no(&mut self) {
        let People { me, other, circle, .. } = self.people;
        let no = |verb, refusal| Reply::Refused { verb, refusal, about: Some("10001".into()) };
        let mut ask = |say: Say<'a>, verb: Verb, refusal: Refusal, words: [&str; 3]| {
            let word = self.by(words);
            self.asks(say, &no(verb, refusal), Verdict::Refused(word.to_owned().into()), &[]);
        };
        let to_other = Say::Private { to: other, text: "x" };
        ask(
            to_other,
            Verb::SendPrivate,
            Refusal::NotFriends,
            ["not_friend", "dst not in friend_list", "REASON_NOT_FRIENDS"],
        );
        ask(to_other, Verb::SendPrivate, Refusal::InboxFull, ["inbox_full", "inbox full", "REASON_INBOX_FULL"]);
        ask(Say::Ping, Verb::Ping, Refusal::Busy, ["busy", "server busy", "REASON_BUSY"]);
        ask(
            Say::Befriend(other),
            Verb::AddFriend,
            Refusal::NoSuchUser,
            ["user_not_exist", "wrong friend_id", "UserNotFound"],
        );
        let make = Say::CreateGroup { name: &circle.name };
        ask(
            make,
            Verb::CreateGroup,
            Refusal::GroupExists,
            ["group_exist", "groupname already exists", "REASON_GROUP_EXISTS"],
        );
        ask(
            Say::JoinGroup(circle),
            Verb::JoinGroup,
            Refusal::NoSuchGroup,
            ["group_not_exist", "wrong group", "REASON_NO_SUCH_GROUP"],
        );
        ask(
            Say::Logout,
            Verb::Logout,
            Refusal::NotLoggedIn,
            ["not_logged_in", "not logged in", "REASON_NOT_LOGGED_IN"],
        );
        let framed = if self.carrier == Carrier::Stream { "wrong id or password" } else { "wrong password or id" };
        let word = self.by(["password_error", framed, "REASON_WRONG_PASSWORD"]).to_owned();
        let login = Say::Login { me, password: "x", instance: None };
        self.asks(login, &no(Verb::Login, Refusal::WrongPassword), Verdict::Refused(word.into()), &[]);
        self.mistake();
    }

    /// What the server could not read, it says in a way of its own.
    fn mistake(&mut self) {
        self.number += 1;
        let mistake = Mistake {
            request: RequestId(self.number),
            verb: Some(Verb::Ping),
            kind: MistakeKind::BadValue,
            detail: "why".into(),
        };
        let framed = if self.carrier == Carrier::Stream { "wrong Json: why" } else { "wrong json: why" };
        let word = self.by(["bad_value: why", framed, "REASON_BAD_VALUE: why"]);
        let frames = Frames::from_buf([self.dialect.get().mistake(&mistake, self.carrier)]);
        self.steps.push(Step { say: Some(Say::Ping), frames, hears: vec![refused(self.number, word)] });
    }

    fn news(&mut self) {
        let (from, to) = (somebody(10_001, "other"), somebody(10_000, "me"));
        let written = |body: Body| Event::Private { from: from.clone(), to: to.clone(), seq: Seq(5), at_ms: 1, body };
        let posted =
            |body: Body| Event::Posted { from: from.clone(), group: group(7, "Study"), seq: Seq(5), at_ms: 1, body };
        let inbox = |late| Some(Kept { mark: Mark::Inbox(Seq(77)), late });
        let of_group = |late| Some(Kept { mark: Mark::Group(GroupId(7), Seq(5)), late });
        let long = &self.people.long;
        // What each dialect tells of who it is, and of the group.
        let wrote = self.by([label(0, "other"), label(10_001, ""), label(10_001, "")]);
        let posts = self.by([label(0, "other"), label(10_001, "other"), label(10_001, "")]);
        let circle = self.by([label(0, "Study"), label(7, "Study"), label(7, "")]);
        let private = |text: &str| super::private(text, wrote.clone());
        let post = |text: &str| super::post(text, posts.clone(), circle.clone());
        self.is_told(&written(Body::text(TEXT)), inbox(false), &[private(TEXT)]);
        self.is_told(&written(Body::text("")), inbox(true), &[private("")]);
        self.is_told(&written(Body::text(long.as_str())), inbox(false), &[private(long)]);
        self.is_told(&posted(Body::text(TEXT)), of_group(false), &[post(TEXT)]);
        self.is_told(&posted(Body::text(long.as_str())), of_group(true), &[post(long)]);
        let picture = Body { kind: BodyKind::Image, data: bytes::Bytes::from_static(b"\xff\xfe") };
        let told = private("[image, 2 bytes]");
        let told = self.by([told.clone(), told, Heard::Other]);
        self.is_told(&written(picture), inbox(false), &[told]);
        self.is_told(&Event::FriendOnline { friend: from.clone() }, None, &[Heard::Presence { online: true }]);
        self.is_told(&Event::FriendOffline { friend: from.clone() }, None, &[Heard::Presence { online: false }]);
        let others =
            |plain, framed, binary| [vec![Heard::Other; plain], vec![Heard::Other; framed], vec![Heard::Other; binary]];
        let mut other = |event: Event, kept: Option<Kept>, counts: [Vec<Heard<'static>>; 3]| {
            let hears = self.by(counts);
            self.is_told(&event, kept, &hears);
        };
        let added = Event::FriendAdded { friend: from.clone(), to: to.id, profile: None };
        other(added, inbox(false), others(1, 2, 1));
        let rejected = Event::FriendRejected { friend: from.clone(), to: to.id, reason: "no".into() };
        other(rejected, inbox(false), others(1, 2, 1));
        for accepted in [true, false] {
            let group = group(7, "Study");
            let answered = Event::JoinAnswered { group, to: to.id, accepted, reason: Box::default() };
            other(answered, inbox(false), others(1, 1, 1));
        }
        other(Event::Typing { from: from.clone(), group: None }, None, others(0, 0, 1));
        let failed = Event::TransferFailed { transfer: TransferId(1), end: TransferEnd::Broken, bytes: 3 };
        other(failed, None, others(1, 1, 1));
    }

    fn last_words(&mut self) {
        for (reason, words) in [
            (ClosingReason::Shutdown, ["shutdown", "server closing", "WHY_SHUTDOWN"]),
            (
                ClosingReason::SlowConsumer,
                ["slow_consumer", "slow reader: what is sent to this connection is not read", "WHY_SLOW"],
            ),
        ] {
            let word = self.by(words);
            self.is_told(&Event::Closing { reason }, None, &[closing(word)]);
        }
    }
}
