//! What the store costs: a synced batch of private messages, a page of history, a login.
#![allow(clippy::unwrap_used, missing_docs, reason = "a bench that cannot go on says where by failing there")]

use actors::settings::{ActorSettings, FriendSettings, GroupSettings, InboxSettings, Span, StorageSettings, Sync};
use actors::store::{Conversation, Ledger, LedgerSettings, Op, Outcome};
use divan::Bencher;
use divan::counter::ItemsCount;
use protocol::{Body, FriendPolicy, JoinPolicy, MessagePolicy, Name, UserId};
use std::time::Duration;
use tempfile::TempDir;

fn main() {
    divan::main();
}

const NOW: u64 = 1_700_000_000_000;

fn open() -> (Ledger, TempDir) {
    let settings = LedgerSettings {
        storage: StorageSettings {
            sync: Sync::Always,
            sync_interval_ms: 200,
            batch_requests: 4096,
            batch_bytes: 4 << 20,
            gather_us: 0,
            latency_us: 0,
            write_buffer_bytes: 8 << 20,
            cache_bytes: 64 << 20,
            min_free_bytes: 16 << 20,
            max_open_files: 512,
        },
        friend: FriendSettings {
            max: 2000,
            max_requests: 200,
            max_blocked: 1000,
            request_ttl: Span(Duration::from_secs(7 * 24 * 3600)),
        },
        group: GroupSettings {
            max_members: 20_000,
            max_per_account: 500,
            max_requests: 200,
            max_managers: 20,
            catch_up: 100,
            queue: 2048,
            queue_bytes: 8 << 20,
            gather_us: 3000,
            passivate_s: 60,
        },
        inbox: InboxSettings { max: u64::MAX },
        ..LedgerSettings::from(&toml::from_str::<ActorSettings>(include_str!("../../settings.toml")).unwrap())
    };
    // In the target folder, not in /tmp, which is often memory: a sync there costs nothing.
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    (Ledger::open(folder.path(), settings, false).unwrap(), folder)
}

/// 100 people; the first is everybody's friend and in 20 groups.
fn people(ledger: &mut Ledger) -> Vec<UserId> {
    let mut stage = |op| ledger.stage(op, NOW).unwrap();
    let people: Vec<UserId> = (0..100)
        .map(|n| {
            let name = Name::parse(&format!("user{n}")).unwrap();
            let (add, message) = (FriendPolicy::Open, MessagePolicy::Friends);
            match stage(Op::CreateAccount { name, password_hash: String::new(), add, message }) {
                Outcome::AccountCreated { user } => user.id,
                other => panic!("{other:?}"),
            }
        })
        .collect();
    for a in 0..100 {
        for b in (a + 1..100).filter(|b| a == 0 || (a + b) % 3 == 0) {
            stage(Op::Befriend { from: people[a], to: people[b], special: false, reason: Box::default() });
        }
    }
    for n in 0..20 {
        let name = Name::parse(&format!("group{n}")).unwrap();
        stage(Op::CreateGroup { owner: people[0], name: Some(name), join: JoinPolicy::Open, about: Box::default() });
    }
    ledger.commit(NOW).unwrap();
    people
}

fn message(people: &[UserId], n: usize) -> Op {
    let body = Body::text("a message of about the length that people write");
    let (hub, other) = (people[0], people[1 + n % 99]);
    let (from, to) = if n.is_multiple_of(2) { (hub, other) } else { (other, hub) };
    Op::Private { from, to, body, friends_only: false, stamp: None }
}

#[divan::bench(args = [1, 64, 512])]
fn commit_private(bencher: Bencher<'_, '_>, batch: usize) {
    let (mut ledger, _folder) = open();
    let people = people(&mut ledger);
    let mut n = 0;
    bencher.counter(ItemsCount::new(batch)).bench_local(|| {
        for _ in 0..batch {
            ledger.stage(message(&people, n), NOW).unwrap();
            n += 1;
        }
        ledger.commit(NOW).unwrap();
    });
}

#[divan::bench]
fn stage_private(bencher: Bencher<'_, '_>) {
    let (mut ledger, _folder) = open();
    let people = people(&mut ledger);
    let mut n = 0;
    bencher.bench_local(|| {
        ledger.stage(message(&people, n), NOW).unwrap();
        n += 1;
        if n % 4096 == 0 {
            ledger.commit(NOW).unwrap(); // so that memory stays bounded; once in 4096
        }
    });
}

#[divan::bench(args = [10, 100])]
fn history(bencher: Bencher<'_, '_>, limit: usize) {
    let (mut ledger, _folder) = open();
    let people = people(&mut ledger);
    for n in 0..20_000 {
        ledger.stage(message(&people, n), NOW).unwrap();
    }
    ledger.commit(NOW).unwrap();
    let reader = ledger.reader();
    let talk = Conversation::between(people[0], people[1]);
    bencher.counter(ItemsCount::new(limit)).bench_local(|| reader.history(talk, None, limit, 1 << 20).unwrap());
}

#[divan::bench]
fn login_state(bencher: Bencher<'_, '_>) {
    let (mut ledger, _folder) = open();
    let people = people(&mut ledger);
    let reader = ledger.reader();
    let ttl = Duration::from_secs(7 * 24 * 3600);
    bencher.bench_local(|| reader.login_state(people[0], NOW, ttl, false).unwrap().unwrap());
}
