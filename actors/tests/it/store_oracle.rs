//! Random friendships and groups against rules written down a second time, plainly.

use crate::store_fixture::{Fixture, settings};
use actors::store::{Op, Outcome};
use proptest::prelude::*;
use protocol::{FriendPolicy, GroupId, JoinPolicy, Refusal, UserId, Verdict};
use std::collections::{BTreeMap, BTreeSet};

const PEOPLE: u64 = 5;
const GROUPS: u64 = 3;

#[derive(Clone, Copy, Debug)]
enum Step {
    Befriend(u64, u64),
    Answer(u64, u64, bool),
    Unfriend(u64, u64),
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
        6 => (p.clone(), p.clone()).prop_map(|(a, b)| Step::Befriend(a, b)),
        3 => (p.clone(), p.clone(), any::<bool>()).prop_map(|(a, b, yes)| Step::Answer(a, b, yes)),
        2 => (p.clone(), p.clone()).prop_map(|(a, b)| Step::Unfriend(a, b)),
        4 => (p.clone(), g.clone()).prop_map(|(a, b)| Step::Join(a, b)),
        4 => (p.clone(), g.clone(), p.clone(), any::<bool>()).prop_map(|(a, b, c, yes)| Step::AnswerJoin(a, b, c, yes)),
        2 => (p.clone(), g).prop_map(|(a, b)| Step::Leave(a, b)),
        1 => (p, any::<bool>()).prop_map(|(a, open)| Step::Policy(a, open)),
        3 => Just(Step::Commit),
        1 => Just(Step::Reopen),
    ]
}

/// The rules, on sets.
#[derive(Default)]
struct Oracle {
    open: BTreeMap<u64, bool>,
    friends: BTreeMap<u64, Vec<u64>>,
    /// (asked, asker)
    asked: BTreeSet<(u64, u64)>,
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
        self.friends.get(&a).is_some_and(|list| list.contains(&b))
    }

    fn full(&self, who: u64) -> bool {
        self.friends.get(&who).is_some_and(|list| list.len() >= settings().friend.max)
    }

    fn unite(&mut self, a: u64, b: u64) {
        self.asked.remove(&(a, b));
        self.asked.remove(&(b, a));
        self.friends.entry(a).or_default().push(b);
        self.friends.entry(b).or_default().push(a);
    }

    fn group_full(&self, who: u64, group: u64) -> bool {
        self.members[&group].len() >= settings().group.max_members
            || self.members.values().filter(|members| members.contains(&who)).count()
                >= settings().group.max_per_account
    }

    fn step(&mut self, step: Step) -> Result<&'static str, Refusal> {
        match step {
            Step::Befriend(a, b) if a == b => Err(Refusal::Yourself),
            Step::Befriend(a, b) if self.are_friends(a, b) => Err(Refusal::AlreadyFriends),
            Step::Befriend(a, b) if self.full(a) || self.full(b) => Err(Refusal::ListFull),
            Step::Befriend(a, b) => {
                let crossing = self.asked.contains(&(a, b));
                if crossing || self.open[&b] {
                    self.unite(a, b);
                    return Ok(if crossing { "crossed" } else { "befriended" });
                }
                if self.asked.contains(&(b, a)) {
                    return Ok("again");
                }
                if self.asked.iter().filter(|(asked, _)| *asked == b).count() >= settings().friend.max_requests {
                    return Err(Refusal::ListFull);
                }
                self.asked.insert((b, a));
                Ok("asked")
            }
            Step::Answer(user, asker, _) if !self.asked.contains(&(user, asker)) => Err(Refusal::NoSuchRequest),
            Step::Answer(user, asker, true) => {
                if self.full(user) || self.full(asker) {
                    return Err(Refusal::ListFull);
                }
                self.unite(asker, user);
                Ok("accepted")
            }
            Step::Answer(user, asker, false) => {
                self.asked.remove(&(user, asker));
                Ok("rejected")
            }
            Step::Unfriend(a, b) => {
                if !self.are_friends(a, b) {
                    return Err(Refusal::NotFriends);
                }
                self.friends.entry(a).or_default().retain(|other| *other != b);
                self.friends.entry(b).or_default().retain(|other| *other != a);
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
            Step::AnswerJoin(owner, group, ..) if owner != group => Err(Refusal::NotOwner),
            Step::AnswerJoin(_, group, who, yes) => {
                if !self.waiting.contains(&(group, who)) {
                    return Err(Refusal::NoSuchRequest);
                }
                if yes && self.group_full(who, group) {
                    return Err(Refusal::ListFull);
                }
                self.waiting.remove(&(group, who));
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
        other => panic!("{other:?}"),
    }
}

fn op(step: Step) -> Option<Op> {
    let user = |n: u64| UserId(10_000 + n);
    let group = |n: u64| GroupId(1 + n);
    let verdict = |yes| if yes { Verdict::Accept } else { Verdict::Reject };
    Some(match step {
        Step::Befriend(a, b) => Op::Befriend { from: user(a), to: user(b) },
        Step::Answer(a, b, yes) => Op::AnswerFriend { user: user(a), asker: user(b), verdict: verdict(yes) },
        Step::Unfriend(a, b) => Op::Unfriend { user: user(a), friend: user(b) },
        Step::Join(a, g) => Op::Join { user: user(a), group: group(g) },
        Step::AnswerJoin(a, g, b, yes) => {
            Op::AnswerJoin { user: user(a), group: group(g), member: user(b), verdict: verdict(yes) }
        }
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
            let friends: Vec<u64> = f.reader.friends(user).unwrap().iter().map(|p| p.id.0 - 10_000).collect();
            prop_assert_eq!(&friends, &oracle.friends.get(&n).cloned().unwrap_or_default());
            let login = f.login(user);
            let asking: BTreeSet<_> = login.friend_requests.iter().map(|p| (n, p.id.0 - 10_000)).collect();
            prop_assert_eq!(asking, oracle.asked.iter().copied().filter(|(asked, _)| *asked == n).collect());
            let waiting: BTreeSet<_> = login.join_requests.iter().map(|(g, p)| (g.id.0 - 1, p.id.0 - 10_000)).collect();
            prop_assert_eq!(waiting, oracle.waiting.iter().copied().filter(|(group, _)| *group == n).collect());
        }
        for n in 0..GROUPS {
            let members = f.reader.group_state(GroupId(1 + n)).unwrap().map_or_else(Vec::new, |state| {
                state.members.iter().map(|p| p.id.0 - 10_000).collect::<Vec<u64>>()
            });
            prop_assert_eq!(&members, &oracle.members[&n]);
        }
    }
}
