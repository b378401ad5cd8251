//! Random friendships, messages and groups against rules written down a second time, plainly.

use crate::store_fixture::{Fixture, settings};
use actors::store::{Mark, Op, Outcome};
use proptest::prelude::*;
use protocol::{Body, FriendPolicy, GroupId, JoinPolicy, Refusal, Seq, UserId, Verdict};
use std::collections::{BTreeMap, BTreeSet};

const PEOPLE: u64 = 5;
const GROUPS: u64 = 3;

#[derive(Clone, Copy, Debug)]
enum Step {
    /// Who, whom, and whether with special attention.
    Befriend(u64, u64, bool),
    /// Who, whom, yes or no, and whether with special attention.
    Answer(u64, u64, bool, bool),
    SetFriend(u64, u64, bool),
    Unfriend(u64, u64),
    /// Who, to whom, and whether between friends only.
    Write(u64, u64, bool),
    /// All that has come is received.
    Read(u64),
    Join(u64, u64),
    AnswerJoin(u64, u64, u64, bool),
    Leave(u64, u64),
    Policy(u64, bool),
    Commit,
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    let (p, g) = (0..PEOPLE, 0..GROUPS);
    prop_oneof![
        6 => (p.clone(), p.clone(), any::<bool>()).prop_map(|(a, b, s)| Step::Befriend(a, b, s)),
        3 => (p.clone(), p.clone(), any::<bool>(), any::<bool>()).prop_map(|(a, b, yes, s)| Step::Answer(a, b, yes, s)),
        3 => (p.clone(), p.clone(), any::<bool>()).prop_map(|(a, b, s)| Step::SetFriend(a, b, s)),
        2 => (p.clone(), p.clone()).prop_map(|(a, b)| Step::Unfriend(a, b)),
        5 => (p.clone(), p.clone(), any::<bool>()).prop_map(|(a, b, only)| Step::Write(a, b, only)),
        2 => p.clone().prop_map(Step::Read),
        4 => (p.clone(), g.clone()).prop_map(|(a, b)| Step::Join(a, b)),
        4 => (p.clone(), g.clone(), p.clone(), any::<bool>()).prop_map(|(a, b, c, yes)| Step::AnswerJoin(a, b, c, yes)),
        2 => (p.clone(), g).prop_map(|(a, b)| Step::Leave(a, b)),
        1 => (p, any::<bool>()).prop_map(|(a, open)| Step::Policy(a, open)),
        3 => Just(Step::Commit),
        1 => Just(Step::Reopen),
    ]
}

/// The rules, on lists and sets.
#[derive(Default)]
struct Oracle {
    open: BTreeMap<u64, bool>,
    /// Friends, each with how this side sees it.
    friends: BTreeMap<u64, Vec<(u64, bool)>>,
    /// (asked, asker, the asker's word), oldest first
    asked: Vec<(u64, u64, bool)>,
    /// What has come and was not received.
    unread: BTreeMap<u64, u64>,
    members: BTreeMap<u64, Vec<u64>>,
    /// (group, asker)
    waiting: BTreeSet<(u64, u64)>,
}

impl Oracle {
    /// Group 0 is open, the others need approval. Group n belongs to person n.
    fn new() -> Self {
        Self { members: (0..GROUPS).map(|group| (group, vec![group])).collect(), ..Self::default() }
    }

    fn are_friends(&self, a: u64, b: u64) -> bool {
        self.friends.get(&a).is_some_and(|list| list.iter().any(|(friend, _)| *friend == b))
    }

    fn full(&self, who: u64) -> bool {
        self.friends.get(&who).is_some_and(|list| list.len() >= settings().friend.max)
    }

    /// What `asker` said when it asked `asked`.
    fn request(&mut self, asked: u64, asker: u64) -> Option<&mut bool> {
        self.asked.iter_mut().find(|(of, by, _)| (*of, *by) == (asked, asker)).map(|(_, _, special)| special)
    }

    fn unite(&mut self, a: (u64, bool), b: (u64, bool)) {
        self.asked.retain(|(of, by, _)| ![(a.0, b.0), (b.0, a.0)].contains(&(*of, *by)));
        self.friends.entry(a.0).or_default().push((b.0, a.1));
        self.friends.entry(b.0).or_default().push((a.0, b.1));
    }

    fn comes(&mut self, to: u64) {
        *self.unread.entry(to).or_default() += 1;
    }

    fn group_full(&self, who: u64, group: u64) -> bool {
        self.members[&group].len() >= settings().group.max_members
            || self.members.values().filter(|members| members.contains(&who)).count()
                >= settings().group.max_per_account
    }

    fn step(&mut self, step: Step) -> Result<&'static str, Refusal> {
        match step {
            Step::Befriend(a, b, _) if a == b => Err(Refusal::Yourself),
            Step::Befriend(a, b, _) if self.are_friends(a, b) => Err(Refusal::AlreadyFriends),
            Step::Befriend(a, b, _) if self.full(a) || self.full(b) => Err(Refusal::ListFull),
            Step::Befriend(a, b, special) => {
                let crossing = self.request(a, b).copied();
                if crossing.is_some() || self.open[&b] {
                    self.unite((a, special), (b, crossing.unwrap_or(false)));
                    if crossing.is_none() {
                        return Ok("befriended");
                    }
                    self.comes(b);
                    return Ok("crossed");
                }
                if let Some(said) = self.request(b, a) {
                    *said = special;
                    return Ok("again");
                }
                if self.asked.iter().filter(|(asked, ..)| *asked == b).count() >= settings().friend.max_requests {
                    return Err(Refusal::ListFull);
                }
                self.asked.push((b, a, special));
                Ok("asked")
            }
            Step::Answer(user, asker, yes, special) => {
                let Some(&mut said) = self.request(user, asker) else { return Err(Refusal::NoSuchRequest) };
                if yes && (self.full(user) || self.full(asker)) {
                    return Err(Refusal::ListFull);
                }
                self.asked.retain(|(of, by, _)| (*of, *by) != (user, asker));
                self.comes(asker);
                if !yes {
                    return Ok("rejected");
                }
                self.unite((asker, said), (user, special));
                Ok("accepted")
            }
            Step::SetFriend(a, b, special) => {
                let friends = self.friends.entry(a).or_default();
                let friend = friends.iter_mut().find(|(friend, _)| *friend == b).ok_or(Refusal::NotFriends)?;
                friend.1 = special;
                Ok("seen")
            }
            Step::Write(a, b, only) => {
                // Those with odd numbers take messages from friends only.
                let friends = only || (b % 2 == 1 && a != b);
                if friends && !self.are_friends(a, b) {
                    return Err(Refusal::NotFriends);
                }
                if self.unread.get(&b).is_some_and(|unread| *unread >= settings().inbox.max) {
                    return Err(Refusal::InboxFull);
                }
                self.comes(b);
                Ok("written")
            }
            Step::Read(who) => {
                self.unread.remove(&who);
                Ok("received")
            }
            Step::Unfriend(a, b) => {
                if !self.are_friends(a, b) {
                    return Err(Refusal::NotFriends);
                }
                self.friends.entry(a).or_default().retain(|(other, _)| *other != b);
                self.friends.entry(b).or_default().retain(|(other, _)| *other != a);
                Ok("unfriended")
            }
            Step::Join(_, group) if self.members[&group].is_empty() => Err(Refusal::NoSuchGroup),
            Step::Join(who, group) if self.members[&group].contains(&who) => Err(Refusal::AlreadyMember),
            Step::Join(who, group) if self.group_full(who, group) => Err(Refusal::ListFull),
            Step::Join(who, 0) => {
                self.members.entry(0).or_default().push(who);
                Ok("joined")
            }
            Step::Join(who, group) => {
                if self.waiting.contains(&(group, who)) {
                    return Ok("again");
                }
                if self.waiting.iter().filter(|(of, _)| *of == group).count() >= settings().group.max_requests {
                    return Err(Refusal::ListFull);
                }
                self.waiting.insert((group, who));
                Ok("asked")
            }
            Step::AnswerJoin(_, group, ..) if self.members[&group].is_empty() => Err(Refusal::NoSuchGroup),
            Step::AnswerJoin(owner, group, ..) if owner != group => Err(Refusal::NotManager),
            Step::AnswerJoin(_, group, who, yes) => {
                if !self.waiting.contains(&(group, who)) {
                    return Err(Refusal::NoSuchRequest);
                }
                if yes && self.group_full(who, group) {
                    return Err(Refusal::ListFull);
                }
                self.waiting.remove(&(group, who));
                self.comes(who);
                if yes {
                    self.members.entry(group).or_default().push(who);
                }
                Ok(if yes { "accepted" } else { "rejected" })
            }
            Step::Leave(_, group) if self.members[&group].is_empty() => Err(Refusal::NoSuchGroup),
            Step::Leave(who, group) if !self.members[&group].contains(&who) => Err(Refusal::NotMember),
            Step::Leave(who, group) if who == group && self.members[&group].len() > 1 => Err(Refusal::OwnerStays),
            Step::Leave(who, group) => {
                self.members.entry(group).or_default().retain(|member| *member != who);
                if who == group {
                    self.waiting.retain(|(of, _)| *of != group);
                }
                Ok("left")
            }
            Step::Policy(who, open) => {
                self.open.insert(who, open);
                Ok("set")
            }
            Step::Commit | Step::Reopen => Ok("nothing"),
        }
    }
}

fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Befriended { told: Some(_), .. } => "crossed",
        Outcome::Befriended { told: None, .. } => "befriended",
        Outcome::FriendAsked { again: true, .. } | Outcome::JoinAsked { again: true, .. } => "again",
        Outcome::FriendAsked { .. } | Outcome::JoinAsked { .. } => "asked",
        Outcome::FriendAnswered { accepted, .. } | Outcome::JoinAnswered { accepted, .. } => {
            if *accepted {
                "accepted"
            } else {
                "rejected"
            }
        }
        Outcome::Unfriended { .. } => "unfriended",
        Outcome::Joined { .. } => "joined",
        Outcome::Left { .. } => "left",
        Outcome::PolicySet { .. } => "set",
        Outcome::FriendSet { .. } => "seen",
        Outcome::Private { .. } => "written",
        Outcome::Advanced => "received",
        other => panic!("{other:?}"),
    }
}

fn op(step: Step) -> Option<Op> {
    let user = |n: u64| UserId(10_000 + n);
    let group = |n: u64| GroupId(1 + n);
    let verdict = |yes| if yes { Verdict::Accept } else { Verdict::Reject };
    Some(match step {
        Step::Befriend(a, b, special) => Op::Befriend { from: user(a), to: user(b), special, reason: Box::default() },
        Step::Answer(a, b, yes, special) => {
            Op::AnswerFriend { user: user(a), asker: user(b), verdict: verdict(yes), special, reason: Box::default() }
        }
        Step::SetFriend(a, b, special) => Op::SetFriend { user: user(a), friend: user(b), special },
        Step::Write(a, b, friends_only) => {
            Op::Private { from: user(a), to: user(b), body: Body::text("x"), friends_only, stamp: None }
        }
        Step::Read(a) => Op::Advance { user: user(a), marks: vec![Mark::Inbox(Seq(u64::MAX))] },
        Step::Unfriend(a, b) => Op::Unfriend { user: user(a), friend: user(b) },
        Step::Join(a, g) => Op::Join { user: user(a), group: group(g), reason: Box::default() },
        Step::AnswerJoin(a, g, b, yes) => Op::AnswerJoin {
            user: user(a),
            group: group(g),
            member: user(b),
            verdict: verdict(yes),
            reason: Box::default(),
        },
        Step::Leave(a, g) => Op::Leave { user: user(a), group: group(g) },
        Step::Policy(a, open) => {
            let add = if open { FriendPolicy::Open } else { FriendPolicy::Confirm };
            Op::SetPolicy { user: user(a), add: Some(add), message: None }
        }
        Step::Commit | Step::Reopen => return None,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_ledger_keeps_the_rules(steps in prop::collection::vec(step(), 1..160)) {
        let mut f = Fixture::new();
        let mut oracle = Oracle::new();
        for n in 0..PEOPLE {
            if n % 2 == 0 { f.user(&format!("p{n}")) } else { f.shy(&format!("p{n}")) };
            oracle.open.insert(n, n % 2 == 0);
        }
        for n in 0..GROUPS {
            let join = if n == 0 { JoinPolicy::Open } else { JoinPolicy::Approval };
            f.group(UserId(10_000 + n), &format!("g{n}"), join);
        }
        for step in steps {
            match (op(step), step) {
                (Some(op), _) => {
                    let said = f.stage(op).map(|outcome| word(&outcome));
                    prop_assert_eq!(said, oracle.step(step), "{:?}", step);
                }
                (None, Step::Reopen) => f = f.reopen(),
                (None, _) => f.commit(),
            }
        }
        f.commit();
        for n in 0..PEOPLE {
            let user = UserId(10_000 + n);
            let person = |id: UserId| id.0 - 10_000;
            let friends: Vec<_> =
                f.reader.friends(user, false).unwrap().iter().map(|friend| (person(friend.person.id), friend.special)).collect();
            prop_assert_eq!(&friends, &oracle.friends.get(&n).cloned().unwrap_or_default());
            let login = f.login(user);
            let asking: Vec<_> = login.friend_requests.iter().map(|by| (n, person(by.asker.id), by.special)).collect();
            let asked: Vec<_> = oracle.asked.iter().copied().filter(|(asked, ..)| *asked == n).collect();
            prop_assert_eq!(asking, asked);
            let unread = f.reader.inbox_head(user).unwrap().0 - login.inbox_cursor.0;
            prop_assert_eq!(unread, oracle.unread.get(&n).copied().unwrap_or(0));
            let waiting: BTreeSet<_> = login.join_requests.iter().map(|(g, p, _)| (g.id.0 - 1, p.id.0 - 10_000)).collect();
            prop_assert_eq!(waiting, oracle.waiting.iter().copied().filter(|(group, _)| *group == n).collect());
        }
        for n in 0..GROUPS {
            let members = f.reader.group_state(GroupId(1 + n)).unwrap().map_or_else(Vec::new, |state| {
                state.members.iter().map(|p| p.person.id.0 - 10_000).collect::<Vec<u64>>()
            });
            prop_assert_eq!(&members, &oracle.members[&n]);
        }
    }
}
