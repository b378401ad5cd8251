//! What is still there after a stop, a kill, and a lot.

use crate::store_fixture::{Fixture, create, found, private, roomy};
use actors::settings::Sync;
use actors::store::{Conversation, Ledger, Mark, Op, OpenError, Outcome};
use protocol::{FriendPolicy, GroupId, JoinPolicy, MessagePolicy, Seq, UserId};
use std::fs;
use std::os::unix::fs::PermissionsExt;

/// Something of everything.
fn populated() -> (Fixture, [UserId; 3], GroupId) {
    let mut f = Fixture::with(roomy());
    let (ann, ben, eve) = (f.user("ann"), f.shy("ben"), f.user("eve"));
    f.does(Op::Befriend { from: ann, to: eve, special: false, reason: Box::default() }).unwrap();
    f.does(Op::Befriend { from: ann, to: ben, special: false, reason: Box::default() }).unwrap();
    let club = f.group(ann, "club", JoinPolicy::Approval).group.id;
    f.does(Op::Join { user: eve, group: club, reason: Box::default() }).unwrap();
    f.posts(ann, club, "post");
    f.writes(ann, eve, "one").unwrap();
    f.writes(eve, ann, "two").unwrap();
    f.writes(ann, eve, "three").unwrap();
    f.does(Op::Advance { user: eve, marks: vec![Mark::Inbox(Seq(1))] }).unwrap();
    f.does(Op::Advance { user: ann, marks: vec![Mark::Group(club, Seq(1))] }).unwrap();
    (f, [ann, ben, eve], club)
}

fn check(ledger: &Ledger, f: &Fixture, [ann, ben, eve]: [UserId; 3], club: GroupId) {
    let r = ledger.reader();
    let login = |user| r.login_state(user, f.now, f.settings.friend.request_ttl(), false).unwrap().unwrap();
    assert_eq!(login(ann).friends.iter().map(|p| p.person.id).collect::<Vec<_>>(), [eve]);
    assert_eq!(login(ben).friend_requests.iter().map(|asking| asking.asker.id).collect::<Vec<_>>(), [ann]);
    assert_eq!(login(ann).join_requests.iter().map(|(g, p, _)| (g.id, p.id)).collect::<Vec<_>>(), [(club, eve)]);
    assert_eq!((login(eve).inbox_cursor, login(ann).groups[0].cursor), (Seq(1), Seq(1)));
    assert_eq!(login(ben).account.message, MessagePolicy::Friends);
    assert_eq!(r.credentials(ann).unwrap().as_deref(), Some("hash of ann"));
    assert_eq!(r.inbox(eve, Seq(1), 9, 999).unwrap().rows.len(), 1);
    let talk = r.history(Conversation::between(ann, eve), None, 9, 999).unwrap();
    assert_eq!(talk.rows.iter().map(|m| m.body.as_text().unwrap()).collect::<Vec<_>>(), ["one", "two", "three"]);
    assert_eq!(r.posts(club, Seq(0), 9, 999).unwrap().rows[0].body.as_text(), Some("post"));
}

/// Numbers go on where they were.
fn goes_on(ledger: &mut Ledger, now: u64, [ann, _, eve]: [UserId; 3], club: GroupId) {
    let mut stage = |op| ledger.stage(op, now).unwrap();
    let Outcome::Private { seq: Seq(4), inbox: Seq(3), .. } = stage(private(ann, eve, "four")) else { panic!() };
    let Outcome::Posted { seq: Seq(2), .. } =
        stage(Op::Post { from: ann, group: club, body: protocol::Body::text("again"), stamp: None })
    else {
        panic!()
    };
    let Outcome::AccountCreated { user } = stage(create("new", FriendPolicy::Open, MessagePolicy::Anyone)) else {
        panic!()
    };
    assert_eq!(user.id, UserId(10_003));
    let Outcome::GroupCreated { group, .. } = stage(found(eve, "other", JoinPolicy::Open)) else { panic!() };
    assert_eq!(group.group.id, GroupId(2));
    ledger.commit(now).unwrap();
}

#[test]
fn everything_is_there_after_a_stop() {
    let (f, people, club) = populated();
    let mut f = f.reopen();
    check(&f.ledger, &f, people, club);
    goes_on(&mut f.ledger, f.now, people, club);
}

#[test]
fn everything_is_there_after_a_kill() {
    let (f, people, club) = populated();
    let copy = f.killed("killed");
    let mut ledger = f.open(&copy).unwrap();
    check(&ledger, &f, people, club);
    goes_on(&mut ledger, f.now, people, club);
}

#[test]
fn a_kill_at_any_moment_leaves_a_whole_batch_or_none() {
    let mut f = Fixture::with(roomy());
    let (ann, ben) = (f.user("ann"), f.user("ben"));
    for n in 1..=6_u64 {
        for _ in 0..10 {
            f.stage(private(ann, ben, "x")).unwrap();
        }
        let before = f.killed(&format!("before{n}")); // staged, not committed
        let ledger = f.open(&before).unwrap();
        assert_eq!(ledger.reader().inbox_head(ben).unwrap(), Seq((n - 1) * 10));
        f.commit();
        let after = f.killed(&format!("after{n}"));
        assert_eq!(f.open(&after).unwrap().reader().inbox_head(ben).unwrap(), Seq(n * 10));
    }
}

#[test]
fn one_process_at_a_time() {
    let f = Fixture::new();
    let error = f.open(&f.data()).err().unwrap();
    assert!(matches!(error, OpenError::Locked(_)), "{error}");
    assert!(!error.to_string().contains('\n'));
    let f = f.reopen();
    drop(f);
}

#[test]
fn the_folder_is_for_its_owner_only() {
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let f = Fixture::new();
    assert_eq!(mode(&f.data()), 0o700);
    assert_eq!(mode(&f.data().join("db")), 0o700);
    fs::set_permissions(f.data(), fs::Permissions::from_mode(0o755)).unwrap();
    let f = f.reopen();
    assert_eq!(mode(&f.data()), 0o700, "tightened");
    let file = f.folder.path().join("file");
    fs::write(&file, "").unwrap();
    let error = f.open(&file).err().unwrap();
    assert!(matches!(error, OpenError::Unreadable { .. }), "{error}");
    f.open(&f.folder.path().join("a/b/c")).unwrap();
    assert_eq!(mode(&f.folder.path().join("a/b/c")), 0o700);
}

#[test]
fn a_newer_schema_is_left_alone() {
    let f = Fixture::new();
    let data = f.killed("newer");
    let families = ["state", "log", "inbox", "dedup"];
    {
        let db = rocksdb::DB::open_cf(&rocksdb::Options::default(), data.join("db"), families).unwrap();
        db.put_cf(db.cf_handle("state").unwrap(), [1, 1], [1, 4]).unwrap();
    }
    let error = f.open(&data).err().unwrap();
    assert!(matches!(error, OpenError::TooNew { known: 3, .. }), "{error}");
    let data = f.killed("more");
    {
        let mut options = rocksdb::Options::default();
        options.create_missing_column_families(true);
        rocksdb::DB::open_cf(&options, data.join("db"), families.iter().chain(&["later"])).unwrap();
    }
    let error = f.open(&data).err().unwrap();
    assert!(matches!(error, OpenError::TooNew { .. }), "{error}");
}

#[test]
fn an_interval_ledger_owes_a_sync() {
    let mut settings = roomy();
    settings.storage.sync = Sync::Interval;
    let mut f = Fixture::with(settings);
    let (ann, ben) = (f.user("ann"), f.user("ben"));
    f.writes(ann, ben, "x").unwrap();
    let before = fs::read(f.data().join("high-water")).unwrap();
    f.ledger.sync_now(f.now).unwrap();
    let after = fs::read(f.data().join("high-water")).unwrap();
    assert_ne!(before, after, "the high water is what was synced");
    f.ledger.sync_now(f.now).unwrap();
    assert_eq!(fs::read(f.data().join("high-water")).unwrap(), after);
    let copy = f.killed("killed");
    assert_eq!(f.open(&copy).unwrap().reader().inbox_head(ben).unwrap(), Seq(1));
}

#[test]
fn cursors_alone_do_not_move_the_high_water() {
    let mut f = Fixture::with(roomy());
    let (ann, ben) = (f.user("ann"), f.user("ben"));
    f.writes(ann, ben, "x").unwrap();
    let before = fs::read(f.data().join("high-water")).unwrap();
    f.does(Op::Advance { user: ben, marks: vec![Mark::Inbox(Seq(1))] }).unwrap();
    assert_eq!(fs::read(f.data().join("high-water")).unwrap(), before);
    assert_eq!(f.reopen().login(ben).inbox_cursor, Seq(1));
}

#[test]
fn a_hundred_thousand_messages() {
    let mut settings = roomy();
    settings.storage.write_buffer_bytes = 1 << 20; // many logs and tables, as after a long time
    let mut f = Fixture::with(settings);
    let people: Vec<UserId> = (0..50).map(|n| f.user(&format!("user{n}"))).collect();
    for n in 0..100_000_usize {
        let (from, to) = (people[n % 50], people[(n / 50 + n) % 50]);
        f.stage(private(from, to, "m")).unwrap();
        if n % 5_000 == 0 {
            f.commit();
        }
    }
    f.commit();
    let (folder, settings) = f.abandon();
    let ledger = Ledger::open(&folder.path().join("data"), settings, false).unwrap();
    let sum: u64 = people.iter().map(|user| ledger.reader().inbox_head(*user).unwrap().0).sum();
    assert_eq!(sum, 100_000);
}
