//! Random groups against rules written down a second time, plainly: who is in, as what, who waits, and what is left on
//! the disk.

use crate::store_fixture::{Fixture, roomy};
use actors::store::{LedgerSettings, Op, Outcome};
use proptest::prelude::*;
use protocol::{Body, GroupChange, GroupId, JoinPolicy, Refusal, Role, UserId, Verdict};
use std::collections::BTreeMap;

const PEOPLE: u64 = 6;
/// Groups that steps name: the first so many that are founded, if they are.
const GROUPS: u64 = 4;
const TTL_MS: u64 = 7 * 24 * 3600 * 1000;

fn settings() -> LedgerSettings {
    let mut settings = roomy();
    settings.group.max_members = 4;
    settings.group.max_per_account = 3;
    settings.group.max_requests = 2;
    settings.group.max_managers = 1;
    settings
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Found(u64, bool),
    Join(u64, u64),
    /// Who, where, whom, and yes or no.
    AnswerJoin(u64, u64, u64, bool),
    Invite(u64, u64, u64),
    AnswerInvite(u64, u64, bool),
    /// Who, where, whom, and whether a manager.
    SetRole(u64, u64, u64, bool),
    Remove(u64, u64, u64),
    Transfer(u64, u64, u64),
    Open(u64, u64, bool),
    Leave(u64, u64),
    Dissolve(u64, u64),
    Post(u64, u64),
    /// Nobody answers for a week.
    Week,
    Commit,
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    let (p, g) = (|| 0..PEOPLE, || 0..GROUPS);
    prop_oneof![
        3 => (p(), any::<bool>()).prop_map(|(a, open)| Step::Found(a, open)),
        9 => (p(), g()).prop_map(|(a, b)| Step::Join(a, b)),
        8 => (p(), g(), p(), prop::bool::weighted(0.8)).prop_map(|(a, b, c, yes)| Step::AnswerJoin(a, b, c, yes)),
        8 => (p(), g(), p()).prop_map(|(a, b, c)| Step::Invite(a, b, c)),
        8 => (p(), g(), prop::bool::weighted(0.8)).prop_map(|(a, b, yes)| Step::AnswerInvite(a, b, yes)),
        9 => (p(), g(), p(), prop::bool::weighted(0.7)).prop_map(|(a, b, c, yes)| Step::SetRole(a, b, c, yes)),
        5 => (p(), g(), p()).prop_map(|(a, b, c)| Step::Remove(a, b, c)),
        4 => (p(), g(), p()).prop_map(|(a, b, c)| Step::Transfer(a, b, c)),
        3 => (p(), g(), any::<bool>()).prop_map(|(a, b, open)| Step::Open(a, b, open)),
        4 => (p(), g()).prop_map(|(a, b)| Step::Leave(a, b)),
        1 => (p(), g()).prop_map(|(a, b)| Step::Dissolve(a, b)),
        3 => (p(), g()).prop_map(|(a, b)| Step::Post(a, b)),
        1 => Just(Step::Week),
        3 => Just(Step::Commit),
        1 => Just(Step::Reopen),
    ]
}

/// Everybody is a friend of the neighbours, on a line.
fn friends(a: u64, b: u64) -> bool {
    a.abs_diff(b) == 1
}

#[derive(Clone, Default, Debug)]
struct Group {
    open: bool,
    owner: u64,
    /// In the order in which they joined; `true` for managers. Nobody: the group is no more.
    members: Vec<(u64, bool)>,
    asking: Vec<u64>,
    /// Who is asked, and who asks.
    invited: Vec<(u64, u64)>,
}

impl Group {
    fn has(&self, who: u64) -> bool {
        self.members.iter().any(|(member, _)| *member == who)
    }

    fn manages(&self, who: u64) -> bool {
        self.owner == who || self.members.contains(&(who, true))
    }

    fn managers(&self) -> usize {
        self.members.iter().filter(|(_, manager)| *manager).count()
    }

    fn set(&mut self, who: u64, manager: bool) {
        self.members.iter_mut().filter(|(member, _)| *member == who).for_each(|member| member.1 = manager);
    }

    fn enter(&mut self, who: u64) {
        self.members.push((who, false));
        self.asking.retain(|asker| *asker != who);
        self.invited.retain(|(asked, _)| *asked != who);
    }

    fn end(&mut self) {
        *self = Self { open: self.open, owner: self.owner, ..Self::default() };
    }
}

#[derive(Default)]
struct Oracle {
    groups: Vec<Group>,
    /// What each person's groups are, in the order in which it joined.
    lists: BTreeMap<u64, Vec<u64>>,
    /// Notices that have come.
    told: BTreeMap<u64, u64>,
    /// In the order in which each was asked.
    invites: BTreeMap<u64, Vec<u64>>,
}

impl Oracle {
    fn living(&mut self, group: u64) -> Result<&mut Group, Refusal> {
        let at = usize::try_from(group).unwrap();
        self.groups.get_mut(at).filter(|group| !group.members.is_empty()).ok_or(Refusal::NoSuchGroup)
    }

    fn is_full(&self, who: u64, group: u64) -> bool {
        let bounds = settings().group;
        let members = self.groups[usize::try_from(group).unwrap()].members.len();
        members >= bounds.max_members || self.list(who).len() >= bounds.max_per_account
    }

    fn list(&self, who: u64) -> Vec<u64> {
        self.lists.get(&who).cloned().unwrap_or_default()
    }

    fn enters(&mut self, who: u64, group: u64) {
        self.living(group).unwrap().enter(who);
        self.lists.entry(who).or_default().push(group);
        self.invites.entry(who).or_default().retain(|into| *into != group);
    }

    fn goes(&mut self, who: u64, group: u64) {
        self.living(group).unwrap().members.retain(|(member, _)| *member != who);
        self.lists.entry(who).or_default().retain(|of| *of != group);
    }

    fn ends(&mut self, group: u64) {
        for (who, _) in self.living(group).unwrap().invited.clone() {
            self.invites.entry(who).or_default().retain(|into| *into != group);
        }
        self.groups[usize::try_from(group).unwrap()].end();
    }

    fn tell(&mut self, who: u64) {
        *self.told.entry(who).or_default() += 1;
    }

    /// What the rules say, in the order in which the comments in `ops/mod.rs` have them.
    fn step(&mut self, step: Step) -> Result<&'static str, Refusal> {
        let bounds = settings().group;
        match step {
            Step::Found(who, open) => {
                if self.list(who).len() >= bounds.max_per_account {
                    return Err(Refusal::ListFull);
                }
                self.groups.push(Group { open, owner: who, members: vec![(who, false)], ..Group::default() });
                let id = self.groups.len() as u64 - 1;
                self.lists.entry(who).or_default().push(id);
                Ok("founded")
            }
            Step::Join(who, group) => {
                if self.living(group)?.has(who) {
                    return Err(Refusal::AlreadyMember);
                }
                if self.is_full(who, group) {
                    return Err(Refusal::ListFull);
                }
                let at = self.living(group)?;
                if at.open {
                    self.enters(who, group);
                    return Ok("joined");
                }
                if at.asking.contains(&who) {
                    return Ok("asked again");
                }
                if at.asking.len() >= bounds.max_requests {
                    return Err(Refusal::ListFull);
                }
                at.asking.push(who);
                Ok("asked")
            }
            Step::AnswerJoin(user, group, who, yes) => {
                let at = self.living(group)?;
                if !at.manages(user) {
                    return Err(Refusal::NotManager);
                }
                if !at.asking.contains(&who) {
                    return Err(Refusal::NoSuchRequest);
                }
                if yes && self.is_full(who, group) {
                    return Err(Refusal::ListFull);
                }
                self.living(group)?.asking.retain(|asker| *asker != who);
                if yes {
                    self.enters(who, group);
                }
                self.tell(who);
                Ok("answered")
            }
            Step::Invite(user, group, who) => {
                let at = self.living(group)?;
                if !at.manages(user) {
                    return Err(Refusal::NotManager);
                }
                if at.has(who) {
                    return Err(Refusal::AlreadyMember);
                }
                if !friends(user, who) {
                    return Err(Refusal::NotFriends);
                }
                if at.invited.iter().any(|(asked, _)| *asked == who) {
                    return Ok("invited again");
                }
                let sent = at.invited.len();
                let waiting = self.invites.entry(who).or_default();
                if sent >= bounds.max_requests || waiting.len() >= bounds.max_requests {
                    return Err(Refusal::ListFull);
                }
                waiting.push(group);
                self.living(group)?.invited.push((who, user));
                Ok("invited")
            }
            Step::AnswerInvite(who, group, yes) => {
                let at = self.living(group)?;
                let found = at.invited.iter().find(|(asked, _)| *asked == who).ok_or(Refusal::NoSuchRequest)?;
                let inviter = found.1;
                if yes && self.is_full(who, group) {
                    return Err(Refusal::ListFull);
                }
                self.living(group)?.invited.retain(|(asked, _)| *asked != who);
                self.invites.entry(who).or_default().retain(|into| *into != group);
                if yes {
                    self.enters(who, group);
                }
                self.tell(inviter);
                Ok("invitation answered")
            }
            Step::SetRole(user, group, who, manager) => {
                let at = self.living(group)?;
                if at.owner != user {
                    return Err(Refusal::NotOwner);
                }
                if user == who {
                    return Err(Refusal::Yourself);
                }
                if !at.has(who) {
                    return Err(Refusal::NotMember);
                }
                if at.members.contains(&(who, manager)) {
                    return Ok("role set");
                }
                if manager && at.managers() >= bounds.max_managers {
                    return Err(Refusal::ListFull);
                }
                at.set(who, manager);
                self.tell(who);
                Ok("role set")
            }
            Step::Remove(user, group, who) => {
                let at = self.living(group)?;
                if !at.manages(user) {
                    return Err(Refusal::NotManager);
                }
                if user == who {
                    return Err(Refusal::Yourself);
                }
                if !at.has(who) {
                    return Err(Refusal::NotMember);
                }
                if at.manages(who) && at.owner != user {
                    return Err(Refusal::NotOwner);
                }
                self.goes(who, group);
                self.tell(who);
                Ok("removed")
            }
            Step::Transfer(user, group, who) => {
                let at = self.living(group)?;
                if at.owner != user {
                    return Err(Refusal::NotOwner);
                }
                if user == who {
                    return Err(Refusal::Yourself);
                }
                if !at.has(who) {
                    return Err(Refusal::NotMember);
                }
                at.owner = who;
                at.set(who, false);
                let room = at.managers() < bounds.max_managers;
                at.set(user, room);
                self.tell(who);
                Ok("transferred")
            }
            Step::Open(user, group, open) => {
                let at = self.living(group)?;
                if !at.manages(user) {
                    return Err(Refusal::NotManager);
                }
                at.open = open;
                Ok("set")
            }
            Step::Leave(user, group) => {
                let at = self.living(group)?;
                if !at.has(user) {
                    return Err(Refusal::NotMember);
                }
                if at.members.len() == 1 {
                    self.ends(group);
                    self.lists.entry(user).or_default().retain(|of| *of != group);
                    return Ok("left");
                }
                if at.owner == user {
                    return Err(Refusal::OwnerStays);
                }
                self.goes(user, group);
                Ok("left")
            }
            Step::Dissolve(user, group) => {
                let at = self.living(group)?;
                if at.owner != user {
                    return Err(Refusal::NotOwner);
                }
                for (member, _) in at.members.clone() {
                    self.lists.entry(member).or_default().retain(|of| *of != group);
                    if member != user {
                        self.tell(member);
                    }
                }
                self.ends(group);
                Ok("dissolved")
            }
            Step::Post(user, group) => {
                if self.living(group)?.has(user) {
                    Ok("posted")
                } else {
                    Err(Refusal::NotMember)
                }
            }
            Step::Week => {
                for at in 0..self.groups.len() {
                    let group = std::mem::take(&mut self.groups[at]);
                    for asker in &group.asking {
                        self.tell(*asker);
                        self.tell(group.owner);
                        let managers = group.members.iter().filter(|(_, manager)| *manager);
                        managers.for_each(|(manager, _)| self.tell(*manager));
                    }
                    for (who, inviter) in &group.invited {
                        self.tell(*who);
                        self.tell(*inviter);
                    }
                    self.groups[at] = Group { asking: Vec::new(), invited: Vec::new(), ..group };
                }
                self.invites.clear();
                Ok("expired")
            }
            Step::Commit | Step::Reopen => Ok(""),
        }
    }
}

fn user(number: u64) -> UserId {
    UserId(10_000 + number)
}

fn op(step: Step) -> Option<Op> {
    let group = |group: u64| GroupId(1 + group);
    let join = |open| if open { JoinPolicy::Open } else { JoinPolicy::Approval };
    let verdict = |yes| if yes { Verdict::Accept } else { Verdict::Reject };
    let reason = Box::default();
    Some(match step {
        Step::Found(who, open) => {
            Op::CreateGroup { owner: user(who), name: None, join: join(open), about: Box::default() }
        }
        Step::Join(who, of) => Op::Join { user: user(who), group: group(of), reason },
        Step::AnswerJoin(by, of, who, yes) => {
            Op::AnswerJoin { user: user(by), group: group(of), member: user(who), verdict: verdict(yes), reason }
        }
        Step::Invite(by, of, who) => Op::Invite { user: user(by), group: group(of), who: user(who) },
        Step::AnswerInvite(who, of, yes) => {
            Op::AnswerInvite { user: user(who), group: group(of), verdict: verdict(yes), reason }
        }
        Step::SetRole(by, of, who, manager) => {
            let role = if manager { Role::Manager } else { Role::Member };
            Op::SetRole { user: user(by), group: group(of), member: user(who), role }
        }
        Step::Remove(by, of, who) => Op::RemoveMember { user: user(by), group: group(of), member: user(who), reason },
        Step::Transfer(by, of, who) => Op::TransferGroup { user: user(by), group: group(of), member: user(who) },
        Step::Open(by, of, open) => {
            let change = GroupChange { join: Some(join(open)), ..GroupChange::default() };
            Op::SetGroup { user: user(by), group: group(of), change: Box::new(change) }
        }
        Step::Leave(who, of) => Op::Leave { user: user(who), group: group(of) },
        Step::Dissolve(by, of) => Op::DissolveGroup { user: user(by), group: group(of) },
        Step::Post(by, of) => Op::Post { from: user(by), group: group(of), body: Body::text("x"), stamp: None },
        Step::Week => Op::Expire,
        Step::Commit | Step::Reopen => return None,
    })
}

fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::GroupCreated { .. } => "founded",
        Outcome::Joined { .. } => "joined",
        Outcome::JoinAsked { again: true, .. } => "asked again",
        Outcome::JoinAsked { again: false, .. } => "asked",
        Outcome::JoinAnswered { .. } => "answered",
        Outcome::Invited { again: true, .. } => "invited again",
        Outcome::Invited { again: false, .. } => "invited",
        Outcome::InviteAnswered { .. } => "invitation answered",
        Outcome::RoleSet { .. } => "role set",
        Outcome::MemberRemoved { .. } => "removed",
        Outcome::GroupTransferred { .. } => "transferred",
        Outcome::GroupSet(_) => "set",
        Outcome::Left { .. } => "left",
        Outcome::GroupDissolved { .. } => "dissolved",
        Outcome::Posted { .. } => "posted",
        Outcome::Expired(_) => "expired",
        other => panic!("{other:?}"),
    }
}

/// How many rows each table of `state` has, by its number on disk.
fn rows_by_table(f: Fixture) -> BTreeMap<u8, usize> {
    let Fixture { ledger, reader, folder, now, .. } = f;
    drop(reader);
    ledger.close(now).unwrap();
    let families = ["default", "state", "log", "inbox"];
    let path = folder.path().join("data").join("db");
    let db = rocksdb::DB::open_cf_for_read_only(&rocksdb::Options::default(), path, families, false).unwrap();
    let mut found = BTreeMap::new();
    for row in db.iterator_cf(db.cf_handle("state").unwrap(), rocksdb::IteratorMode::Start) {
        *found.entry(row.unwrap().0[0]).or_default() += 1;
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn groups_keep_the_rules(steps in prop::collection::vec(step(), 1..160)) {
        let mut f = Fixture::with(settings());
        let mut oracle = Oracle::default();
        for n in 0..PEOPLE {
            f.user(&format!("p{n}"));
        }
        for n in 1..PEOPLE {
            let (from, to) = (user(n - 1), user(n));
            f.does(Op::Befriend { from, to, special: false, reason: Box::default() }).unwrap();
        }
        for step in steps {
            if let Step::Week = step {
                f.now += TTL_MS;
            }
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
        for (at, group) in oracle.groups.iter().enumerate() {
            let id = GroupId(1 + at as u64);
            let state = f.reader.group_state(id).unwrap();
            let found: Vec<_> = state.iter().flat_map(|state| &state.members).map(|m| (m.person.id, m.role)).collect();
            let role = |(who, manager): &(u64, bool)| match manager {
                _ if *who == group.owner => (user(*who), Role::Owner),
                true => (user(*who), Role::Manager),
                false => (user(*who), Role::Member),
            };
            prop_assert_eq!(&found, &group.members.iter().map(role).collect::<Vec<_>>());
            let owners = found.iter().filter(|(_, role)| *role == Role::Owner).count();
            prop_assert_eq!(owners, usize::from(!group.members.is_empty()), "one owner while it lives");
            let info = f.reader.group_info(id).unwrap();
            prop_assert_eq!(info.map(|info| (info.owner, info.members)),
                (!group.members.is_empty()).then(|| (user(group.owner), group.members.len() as u64)));
        }
        for n in 0..PEOPLE {
            let login = f.login(user(n));
            let groups: Vec<u64> = login.groups.iter().map(|membership| membership.group.id.0 - 1).collect();
            prop_assert_eq!(&groups, &oracle.list(n));
            let invites: Vec<u64> = login.invites.iter().map(|(group, _)| group.id.0 - 1).collect();
            prop_assert_eq!(invites, oracle.invites.get(&n).cloned().unwrap_or_default());
            let waiting: Vec<_> = login.join_requests.iter().map(|(g, who, _)| (g.id.0 - 1, who.id)).collect();
            let answers_for = groups.iter().filter(|group| oracle.groups[usize::try_from(**group).unwrap()].manages(n));
            let expected: Vec<_> = answers_for
                .flat_map(|group| {
                    oracle.groups[usize::try_from(*group).unwrap()].asking.iter().map(|asker| (*group, user(*asker)))
                })
                .collect();
            prop_assert_eq!(waiting, expected);
            prop_assert_eq!(f.reader.inbox_head(user(n)).unwrap().0, oracle.told.get(&n).copied().unwrap_or(0));
            for at in 0..oracle.groups.len() as u64 {
                prop_assert_eq!(f.reader.is_member(user(n), GroupId(1 + at)).unwrap(), groups.contains(&at));
            }
        }
        let sum = |of: fn(&Group) -> usize| oracle.groups.iter().map(of).sum::<usize>();
        let (members, asking, invited) = (sum(|g| g.members.len()), sum(|g| g.asking.len()), sum(|g| g.invited.len()));
        let managers = sum(Group::managers);
        let rows = rows_by_table(f);
        let count = |table: u8| rows.get(&table).copied().unwrap_or(0);
        prop_assert_eq!(count(11), oracle.groups.len(), "groups, those that are no more too");
        for (table, expected, what) in [
            (12, members, "members"),
            (14, members, "memberships"),
            (16, asking, "requests"),
            (24, 0, "what groups tell"),
            (25, invited, "invitations"),
            (27, asking + invited, "times"),
            (29, managers, "managers"),
            (30, invited, "invitations from the other side"),
        ] {
            prop_assert_eq!(count(table), expected, "{}", what);
        }
        prop_assert!(count(18) <= members, "cursors of members only");
    }
}
