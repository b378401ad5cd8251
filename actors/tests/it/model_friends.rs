//! Random friendships of four people against rules written down a second time: who is whose friend and how each side
//! sees it, who waits for whom, who is blocked, and that all of them find in their inboxes what happened, once each,
//! while time passes and the server stops and starts.

use crate::store_fixture::{Fixture, private, settings};
use actors::store::{InboxItem, Lapse, LedgerSettings, Op, Outcome};
use proptest::prelude::*;
use protocol::{FriendPolicy, MessagePolicy, Refusal, Seq, UserId, Verdict};
use std::collections::{BTreeMap, BTreeSet};

const PEOPLE: u64 = 4;
const HOUR_MS: u64 = 3_600_000;

#[derive(Clone, Debug)]
enum Step {
    /// Who, whom, whether with special attention, and what for.
    Befriend(u64, u64, bool, &'static str),
    /// Who, whom, yes or no, with special attention, and why.
    Answer(u64, u64, bool, bool, &'static str),
    Unfriend(u64, u64),
    Block(u64, u64, bool),
    Remark(u64, u64, &'static str),
    Write(u64, u64),
    Open(u64, bool),
    Hours(u64),
    Expire,
    Commit,
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    let p = || 0..PEOPLE;
    let said = || prop_oneof![Just(""), Just("hi"), Just("你好")];
    prop_oneof![
        10 => (p(), p(), any::<bool>(), said()).prop_map(|(a, b, special, why)| Step::Befriend(a, b, special, why)),
        5 => (p(), p(), any::<bool>(), any::<bool>(), said()).prop_map(|(a, b, yes, special, why)| Step::Answer(a, b, yes, special, why)),
        3 => (p(), p()).prop_map(|(a, b)| Step::Unfriend(a, b)),
        3 => (p(), p(), any::<bool>()).prop_map(|(a, b, blocked)| Step::Block(a, b, blocked)),
        2 => (p(), p(), said()).prop_map(|(a, b, remark)| Step::Remark(a, b, remark)),
        2 => (p(), p()).prop_map(|(a, b)| Step::Write(a, b)),
        1 => (p(), any::<bool>()).prop_map(|(a, open)| Step::Open(a, open)),
        // Some requests are seven days old to the hour.
        4 => prop_oneof![Just(1), Just(24), Just(84), Just(168)].prop_map(Step::Hours),
        3 => Just(Step::Expire),
        2 => Just(Step::Commit),
        1 => Just(Step::Reopen),
    ]
}

/// What the ledger answers.
#[derive(Clone, PartialEq, Debug)]
enum Said {
    Befriended {
        told: bool,
    },
    Asked {
        again: bool,
    },
    Answered(bool),
    Unfriended,
    Blocked,
    Remark,
    Written,
    Policy,
    /// Asker and asked of each.
    Expired(Vec<(u64, u64)>),
}

/// What somebody finds in an inbox.
#[derive(Clone, PartialEq, Debug)]
enum News {
    Accepted(u64),
    Rejected(u64, String),
    /// Asker, asked.
    Expired(u64, u64),
    Written(u64),
}

#[derive(Clone, PartialEq, Debug)]
struct Asking {
    asked: u64,
    asker: u64,
    at_ms: u64,
    special: bool,
    reason: String,
}

/// A friend, as one side sees it.
#[derive(Clone, PartialEq, Debug)]
struct Seen {
    who: u64,
    special: bool,
    remark: String,
}

#[derive(Default)]
struct Oracle {
    now: u64,
    open: BTreeSet<u64>,
    friends: BTreeMap<u64, Vec<Seen>>,
    /// Oldest first.
    asking: Vec<Asking>,
    /// In the order of blocking.
    blocked: BTreeMap<u64, Vec<u64>>,
    inbox: BTreeMap<u64, Vec<News>>,
}

fn bounds() -> LedgerSettings {
    let mut bounds = settings();
    bounds.inbox.max = u64::MAX;
    bounds
}

fn ttl_ms() -> u64 {
    u64::try_from(bounds().friend.request_ttl().as_millis()).unwrap()
}

impl Oracle {
    fn are_friends(&self, a: u64, b: u64) -> bool {
        self.seen(a, b).is_some()
    }

    fn seen(&self, a: u64, b: u64) -> Option<&Seen> {
        self.friends.get(&a)?.iter().find(|seen| seen.who == b)
    }

    fn has_blocked(&self, by: u64, who: u64) -> bool {
        self.blocked.get(&by).is_some_and(|list| list.contains(&who))
    }

    fn lives(&self, asking: &Asking) -> bool {
        self.now - asking.at_ms < ttl_ms()
    }

    fn request(&self, asked: u64, asker: u64) -> Option<Asking> {
        self.asking.iter().find(|row| (row.asked, row.asker) == (asked, asker) && self.lives(row)).cloned()
    }

    fn forget(&mut self, asked: u64, asker: u64) {
        self.asking.retain(|row| (row.asked, row.asker) != (asked, asker));
    }

    fn news(&mut self, to: u64, news: News) {
        self.inbox.entry(to).or_default().push(news);
    }

    fn unite(&mut self, (a, a_special): (u64, bool), (b, b_special): (u64, bool)) {
        for (one, other, special) in [(a, b, a_special), (b, a, b_special)] {
            self.forget(one, other);
            let seen = Seen { who: other, special, remark: String::new() };
            self.friends.entry(one).or_default().push(seen);
        }
    }

    fn step(&mut self, step: &Step) -> Result<Said, Refusal> {
        match *step {
            Step::Befriend(a, b, special, why) => self.befriend(a, b, special, why),
            Step::Answer(user, asker, yes, special, why) => {
                let asking = self.request(user, asker).ok_or(Refusal::NoSuchRequest)?;
                self.forget(user, asker);
                if yes {
                    self.unite((asker, asking.special), (user, special));
                    self.news(asker, News::Accepted(user));
                } else {
                    self.news(asker, News::Rejected(user, why.to_owned()));
                }
                Ok(Said::Answered(yes))
            }
            Step::Unfriend(a, b) => {
                if !self.are_friends(a, b) {
                    return Err(Refusal::NotFriends);
                }
                for (one, other) in [(a, b), (b, a)] {
                    self.friends.entry(one).or_default().retain(|seen| seen.who != other);
                }
                Ok(Said::Unfriended)
            }
            Step::Block(a, b, _) if a == b => Err(Refusal::Yourself),
            Step::Block(a, b, blocked) => {
                let list = self.blocked.entry(a).or_default();
                match (list.contains(&b), blocked) {
                    (false, true) if list.len() >= bounds().friend.max_blocked => return Err(Refusal::ListFull),
                    (false, true) => list.push(b),
                    (true, false) => list.retain(|who| *who != b),
                    _ => {}
                }
                if blocked {
                    self.forget(a, b);
                    self.forget(b, a);
                }
                Ok(Said::Blocked)
            }
            Step::Remark(a, b, remark) => {
                let friends = self.friends.entry(a).or_default();
                let friend = friends.iter_mut().find(|seen| seen.who == b).ok_or(Refusal::NotFriends)?;
                remark.clone_into(&mut friend.remark);
                Ok(Said::Remark)
            }
            Step::Write(a, b) => {
                if self.has_blocked(b, a) {
                    return Err(Refusal::Blocked);
                }
                self.news(b, News::Written(a));
                Ok(Said::Written)
            }
            Step::Open(a, open) => {
                if open {
                    self.open.insert(a)
                } else {
                    self.open.remove(&a)
                };
                Ok(Said::Policy)
            }
            Step::Expire => {
                let mut over: Vec<_> = self.asking.iter().filter(|row| !self.lives(row)).cloned().collect();
                over.sort_by_key(|row| (row.at_ms, row.asked, row.asker));
                for row in &over {
                    self.forget(row.asked, row.asker);
                    for to in [row.asker, row.asked] {
                        self.news(to, News::Expired(row.asker, row.asked));
                    }
                }
                Ok(Said::Expired(over.iter().map(|row| (row.asker, row.asked)).collect()))
            }
            Step::Hours(_) | Step::Commit | Step::Reopen => unreachable!("nothing that the ledger does"),
        }
    }

    fn befriend(&mut self, a: u64, b: u64, special: bool, why: &str) -> Result<Said, Refusal> {
        if a == b {
            return Err(Refusal::Yourself);
        }
        if self.are_friends(a, b) {
            return Err(Refusal::AlreadyFriends);
        }
        if self.has_blocked(b, a) {
            return Err(Refusal::Blocked);
        }
        let crossing = self.request(a, b);
        if crossing.is_some() || self.open.contains(&b) {
            let told = crossing.is_some();
            self.unite((a, special), (b, crossing.is_some_and(|asking| asking.special)));
            if told {
                self.news(b, News::Accepted(a));
            }
            return Ok(Said::Befriended { told });
        }
        if self.request(b, a).is_some() {
            let asking = self.asking.iter_mut().find(|row| (row.asked, row.asker) == (b, a)).unwrap();
            asking.special = special;
            if !why.is_empty() {
                why.clone_into(&mut asking.reason);
            }
            return Ok(Said::Asked { again: true });
        }
        if self.asking.iter().filter(|row| row.asked == b && self.lives(row)).count() >= bounds().friend.max_requests {
            return Err(Refusal::ListFull);
        }
        self.forget(b, a); // where it has lapsed, and nobody was told yet, it goes on as a new one
        self.asking.push(Asking { asked: b, asker: a, at_ms: self.now, special, reason: why.to_owned() });
        Ok(Said::Asked { again: false })
    }
}

fn user(n: u64) -> UserId {
    UserId(10_000 + n)
}

fn number(user: UserId) -> u64 {
    user.0 - 10_000
}

fn said(outcome: Outcome) -> Said {
    match outcome {
        Outcome::Befriended { told, .. } => Said::Befriended { told: told.is_some() },
        Outcome::FriendAsked { again, .. } => Said::Asked { again },
        Outcome::FriendAnswered { accepted, .. } => Said::Answered(accepted),
        Outcome::Unfriended { .. } => Said::Unfriended,
        Outcome::Blocked { .. } => Said::Blocked,
        Outcome::RemarkSet { .. } => Said::Remark,
        Outcome::Private { .. } => Said::Written,
        Outcome::PolicySet { .. } => Said::Policy,
        Outcome::Expired(lapses) => Said::Expired(
            lapses
                .iter()
                .map(|lapse| match lapse {
                    Lapse::Friend { asker, asked, .. } => (number(asker.id), number(asked.id)),
                    other => panic!("{other:?}"),
                })
                .collect(),
        ),
        other => panic!("{other:?}"),
    }
}

fn op(step: &Step) -> Option<Op> {
    Some(match *step {
        Step::Befriend(a, b, special, why) => Op::Befriend { from: user(a), to: user(b), special, reason: why.into() },
        Step::Answer(a, b, yes, special, why) => {
            let verdict = if yes { Verdict::Accept } else { Verdict::Reject };
            Op::AnswerFriend { user: user(a), asker: user(b), verdict, special, reason: why.into() }
        }
        Step::Unfriend(a, b) => Op::Unfriend { user: user(a), friend: user(b) },
        Step::Block(a, b, blocked) => Op::Block { user: user(a), other: user(b), blocked },
        Step::Remark(a, b, remark) => Op::SetRemark { user: user(a), friend: user(b), remark: remark.into() },
        Step::Write(a, b) => private(user(a), user(b), "x"),
        Step::Open(a, open) => {
            let add = if open { FriendPolicy::Open } else { FriendPolicy::Confirm };
            Op::SetPolicy { user: user(a), add: Some(add), message: None }
        }
        Step::Expire => Op::Expire,
        Step::Hours(_) | Step::Commit | Step::Reopen => return None,
    })
}

/// All that is committed is what the rules say.
fn compare(f: &Fixture, oracle: &Oracle) -> Result<(), TestCaseError> {
    for n in 0..PEOPLE {
        let friends = f.reader.friends(user(n), false).unwrap().into_iter();
        let friends: Vec<_> = friends
            .map(|friend| Seen { who: number(friend.person.id), special: friend.special, remark: friend.remark.into() })
            .collect();
        prop_assert_eq!(friends, oracle.friends.get(&n).cloned().unwrap_or_default(), "friends of {}", n);
        for other in 0..PEOPLE {
            let both = [f.reader.are_friends(user(n), user(other)), f.reader.are_friends(user(other), user(n))];
            let both = both.map(Result::unwrap);
            prop_assert_eq!(both[0], both[1], "{} and {}", n, other);
        }
        let login = f.login(user(n));
        let asking: Vec<_> = login
            .friend_requests
            .iter()
            .map(|row| (number(row.asker.id), row.special, row.reason.to_string()))
            .collect();
        let expected: Vec<_> = oracle
            .asking
            .iter()
            .filter(|row| row.asked == n && oracle.lives(row))
            .map(|row| (row.asker, row.special, row.reason.clone()))
            .collect();
        prop_assert_eq!(asking, expected, "asking {}", n);
        let blocked: Vec<_> = f.reader.block_list(user(n)).unwrap().iter().map(|who| number(who.id)).collect();
        prop_assert_eq!(blocked, oracle.blocked.get(&n).cloned().unwrap_or_default(), "blocked by {}", n);
        let page = f.reader.inbox(user(n), Seq(0), usize::MAX, usize::MAX).unwrap();
        let news: Vec<_> = page
            .rows
            .into_iter()
            .map(|(_, item)| match item {
                InboxItem::Private { from, .. } => News::Written(number(from.id)),
                InboxItem::FriendAccepted { friend, .. } => News::Accepted(number(friend.id)),
                InboxItem::FriendRejected { friend, reason } => News::Rejected(number(friend.id), reason.into()),
                InboxItem::FriendRequestExpired { asker, asked } => News::Expired(number(asker.id), number(asked.id)),
                other => panic!("{other:?}"),
            })
            .collect();
        prop_assert_eq!(news, oracle.inbox.get(&n).cloned().unwrap_or_default(), "inbox of {}", n);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn friendships_keep_the_rules(steps in prop::collection::vec(step(), 1..200)) {
        let mut f = Fixture::with(bounds());
        let mut oracle = Oracle { now: f.now, ..Oracle::default() };
        for n in 0..PEOPLE {
            let add = if n == 0 { FriendPolicy::Open } else { FriendPolicy::Confirm };
            f.does(crate::store_fixture::create(&format!("p{n}"), add, MessagePolicy::Anyone)).unwrap();
        }
        oracle.open.insert(0);
        for step in &steps {
            match step {
                Step::Hours(hours) => {
                    f.now += hours * HOUR_MS;
                    oracle.now = f.now;
                }
                Step::Commit => {
                    f.commit();
                    compare(&f, &oracle)?;
                }
                Step::Reopen => {
                    f = f.reopen();
                    compare(&f, &oracle)?;
                }
                _ => {
                    let done = f.stage(op(step).unwrap()).map(said);
                    prop_assert_eq!(done, oracle.step(step), "{:?}", step);
                }
            }
            // The alarm never rings too late, and right after it rang it is right.
            let first = oracle.asking.iter().map(|row| row.at_ms + ttl_ms()).min();
            let due = f.ledger.next_due();
            prop_assert!(first.is_none() || due.is_some_and(|due| Some(due) <= first), "{:?} {:?}", due, first);
            if matches!(step, Step::Expire) {
                prop_assert_eq!(due, first);
            }
        }
        f.now += ttl_ms();
        oracle.now = f.now;
        let last = f.stage(Op::Expire).map(said);
        prop_assert_eq!(last, oracle.step(&Step::Expire));
        prop_assert_eq!(f.ledger.next_due(), None);
        f.commit();
        compare(&f, &oracle)?;
    }
}
