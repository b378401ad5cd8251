//! Damaged files: what was acknowledged is found, or opening is refused. Never a silent loss.

use crate::store_fixture::{Fixture, NOW, copy_folder, create, roomy};
use actors::store::{Ledger, OpenError, Outcome};
use protocol::{FriendPolicy, MessagePolicy, Seq, UserId};
use std::fs;
use std::path::{Path, PathBuf};

const MESSAGES: u64 = 40;

/// Something that happens to a file.
type Damage = fn(&Path);

/// A ledger with acknowledged messages in its write-ahead log.
fn with_messages() -> (Fixture, UserId) {
    let mut f = Fixture::with(roomy());
    let (ann, ben) = (f.user("ann"), f.user("ben"));
    for n in 1..=MESSAGES {
        f.writes(ann, ben, &format!("message {n} {}", "x".repeat(100))).unwrap();
    }
    (f, ben)
}

/// The write-ahead logs, oldest first.
fn logs(data: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(data.join("db"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "log"))
        .collect();
    found.sort();
    found
}

fn newest_log(data: &Path) -> PathBuf {
    logs(data).pop().unwrap()
}

fn cut(path: &Path, bytes: u64) {
    let length = fs::metadata(path).unwrap().len();
    fs::OpenOptions::new().write(true).open(path).unwrap().set_len(length.saturating_sub(bytes)).unwrap();
}

fn flip(path: &Path, at: usize, bit: u8) {
    let mut bytes = fs::read(path).unwrap();
    let at = at.min(bytes.len() - 1);
    bytes[at] ^= 1 << bit;
    fs::write(path, bytes).unwrap();
}

/// The inbox's head, where opening was not refused.
fn head(f: &Fixture, data: &Path, user: UserId) -> Result<u64, OpenError> {
    Ok(f.open(data)?.reader().inbox_head(user).unwrap().0)
}

fn refused_for_loss(error: &OpenError) -> bool {
    assert!(error.to_string().contains("--accept-loss") && !error.to_string().contains('\n'), "{error}");
    matches!(error, OpenError::Damaged { .. } | OpenError::BehindHighWater { .. })
}

#[test]
fn a_tail_cut_by_a_byte_costs_nothing() {
    let (f, ben) = with_messages();
    for bytes in 1..=8 {
        let data = f.killed(&format!("cut{bytes}"));
        cut(&newest_log(&data), bytes);
        assert_eq!(head(&f, &data, ben).unwrap(), MESSAGES);
    }
}

#[test]
fn a_tail_cut_deeper_is_refused() {
    let (f, ben) = with_messages();
    let data = f.killed("cut");
    cut(&newest_log(&data), 40);
    let before = fs::read(newest_log(&data)).unwrap();
    assert!(refused_for_loss(&head(&f, &data, ben).unwrap_err()));
    assert_eq!(fs::read(newest_log(&data)).unwrap(), before, "what is refused stays as it is");
    assert!(refused_for_loss(&head(&f, &data, ben).unwrap_err()), "the next time too");
}

#[test]
fn a_flipped_bit_anywhere_is_refused_or_harmless() {
    let (f, ben) = with_messages();
    let length = fs::metadata(newest_log(&f.data())).unwrap().len();
    let length = usize::try_from(length).unwrap();
    let mut refused = 0;
    for n in 0..48_usize {
        let data = f.killed(&format!("flip{n}"));
        // A step that is prime to the length of a record goes through headers, lengths, kinds, keys and bodies.
        flip(&newest_log(&data), (n * 331 + 7) % length, u8::try_from(n % 8).unwrap());
        match head(&f, &data, ben) {
            Ok(found) => assert_eq!(found, MESSAGES, "flip {n}"),
            Err(error) => {
                assert!(refused_for_loss(&error));
                refused += 1;
            }
        }
        fs::remove_dir_all(data).unwrap();
    }
    assert!(refused > 40, "{refused}");
}

#[test]
fn a_length_that_swallows_the_rest_is_refused() {
    let (f, ben) = with_messages();
    let data = f.killed("length");
    // Bytes 4 and 5 of a record's header are its length. A record that claims to go beyond the end looks like a crash.
    let log = newest_log(&data);
    flip(&log, 5, 6);
    assert!(refused_for_loss(&head(&f, &data, ben).unwrap_err()));
}

#[test]
fn a_missing_log_is_refused_and_accepting_loss_keeps_a_copy() {
    let (f, ben) = with_messages();
    let data = f.killed("gone");
    for log in logs(&data) {
        fs::remove_file(log).unwrap();
    }
    let error = head(&f, &data, ben).unwrap_err();
    assert!(matches!(error, OpenError::BehindHighWater { .. }), "{error}");
    let ledger = Ledger::open(&data, roomy(), true).unwrap();
    assert_eq!(ledger.reader().inbox_head(ben).unwrap(), Seq(0));
    drop(ledger);
    assert_eq!(head(&f, &data, ben).unwrap(), 0, "accepted once, it is the new truth");
    let copies: Vec<PathBuf> = fs::read_dir(f.folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().contains("gone.before-loss-"))
        .collect();
    assert_eq!(copies.len(), 1);
    assert!(copies[0].join("db/CURRENT").exists() && copies[0].join("high-water").exists());
}

#[test]
fn accepting_loss_keeps_what_came_before_the_damage() {
    let (f, ben) = with_messages();
    let data = f.killed("flipped");
    let log = newest_log(&data);
    let length = usize::try_from(fs::metadata(&log).unwrap().len()).unwrap();
    flip(&log, length / 2, 3);
    let error = head(&f, &data, ben).unwrap_err();
    assert!(refused_for_loss(&error));
    let mut ledger = Ledger::open(&data, roomy(), true).unwrap();
    let found = ledger.reader().inbox_head(ben).unwrap().0;
    assert!((10..=30).contains(&found), "{found}");
    let page = ledger.reader().inbox(ben, Seq(0), 100, usize::MAX).unwrap();
    assert_eq!(page.rows.len() as u64, found, "no pointer leads nowhere");
    let op = crate::store_fixture::private(ben, ben, "goes on");
    ledger.stage(op, f.now).unwrap();
    ledger.commit(f.now).unwrap();
}

#[test]
fn the_database_folder_may_not_vanish() {
    let (f, ben) = with_messages();
    let data = f.killed("vanished");
    fs::remove_dir_all(data.join("db")).unwrap();
    let error = head(&f, &data, ben).unwrap_err();
    assert!(matches!(error, OpenError::BehindHighWater { database: 0, .. }), "{error}");
    assert!(!data.join("db").exists(), "nothing was made in its place");
}

#[test]
fn the_high_water_file_may_not_vanish_or_rot() {
    let (f, ben) = with_messages();
    let data = f.killed("dry");
    fs::remove_file(data.join("high-water")).unwrap();
    assert!(refused_for_loss(&head(&f, &data, ben).unwrap_err()));
    fs::write(data.join("high-water"), "rotten").unwrap();
    assert!(refused_for_loss(&head(&f, &data, ben).unwrap_err()));
    drop(Ledger::open(&data, roomy(), true).unwrap());
    assert_eq!(head(&f, &data, ben).unwrap(), MESSAGES);
}

#[test]
fn a_damaged_table_is_refused_or_read_as_an_error() {
    let (f, ben) = with_messages();
    let data = f.killed("table");
    drop(f.open(&data).unwrap()); // the log is in tables now
    let table = fs::read_dir(data.join("db"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "sst"))
        .max_by_key(|path| fs::metadata(path).unwrap().len())
        .unwrap();
    flip(&table, 100, 0);
    if let Ok(ledger) = f.open(&data) {
        let error = ledger.reader().inbox(ben, Seq(0), 100, usize::MAX).unwrap_err();
        assert!(error.to_string().contains("orrupt"), "{error}");
    }
}

#[test]
fn a_start_that_was_cut_off_starts_again() {
    let f = Fixture::new();
    let data = f.folder.path().join("young");
    copy_folder(&f.data(), &data);
    // The number is written before the database is made: a kill in between leaves just that.
    fs::remove_dir_all(data.join("db")).unwrap();
    let fresh = f.folder.path().join("fresh");
    fs::create_dir(&fresh).unwrap();
    actors::store::high_water::HighWater::create(&fresh.join("high-water"), 0).unwrap();
    drop(f.open(&fresh).unwrap());
    // And one a little later leaves a database without a log.
    let bare = f.folder.path().join("bare");
    copy_folder(&fresh, &bare);
    for log in logs(&bare) {
        fs::remove_file(log).unwrap();
    }
    actors::store::high_water::HighWater::create(&bare.join("high-water"), 0).unwrap();
    drop(f.open(&bare).unwrap());
    f.open(&bare).unwrap();
}

/// Damage in a log that is not the newest: later ones are whole, and so the database is not behind the high water.
#[test]
fn older_logs_are_not_forgotten() {
    let mut settings = roomy();
    settings.storage.write_buffer_bytes = 128 << 10;
    let mut f = Fixture::with(settings);
    let (ann, ben) = (f.user("ann"), f.user("ben"));
    let text = "x".repeat(3000);
    let total = 120;
    for _ in 0..total {
        f.writes(ann, ben, &text).unwrap();
    }
    let (folder, settings) = f.abandon();
    let origin = folder.path().join("data");
    let older = logs(&origin).len() - 1;
    let whole = |data: &Path| {
        let reader = Ledger::open(data, settings.clone(), false)?.reader();
        let talk = reader.history(actors::store::Conversation::between(ann, ben), None, 1000, usize::MAX).unwrap();
        let accounts = [ann, ben].map(|user| reader.account(user).unwrap());
        Ok::<bool, OpenError>(talk.rows.len() == total && accounts.iter().all(Option::is_some))
    };
    for at in 0..older {
        let damage: [(&str, Damage); 4] = [
            ("cut", |log| cut(log, 1)),
            ("deep", |log| cut(log, 5000)),
            ("gone", |log| fs::remove_file(log).unwrap()),
            ("flip", |log| flip(log, 5000, 1)),
        ];
        for (what, damage) in damage {
            let data = folder.path().join(format!("{what}{at}"));
            copy_folder(&origin, &data);
            damage(&logs(&data)[at]);
            match whole(&data) {
                Ok(whole) => assert!(whole, "{what} in log {at}: silent loss"),
                Err(error) => {
                    assert!(refused_for_loss(&error), "{what}: {error}");
                    // Whatever is damaged, there is a way on, and nothing bars an inbox.
                    let mut ledger = Ledger::open(&data, roomy(), true).unwrap();
                    let reader = ledger.reader();
                    let page = reader.inbox(ben, Seq(0), 1000, usize::MAX).unwrap();
                    assert!(!page.more && page.rows.len() <= total, "{what} in log {at}");
                    // A number that was once somebody's is not given out again, even if its account is lost.
                    let op = create("somebody else", FriendPolicy::Open, MessagePolicy::Anyone);
                    let Ok(Outcome::AccountCreated { user }) = ledger.stage(op, NOW) else { panic!() };
                    assert!(page.rows.is_empty() || user.id > ben, "{what} in log {at}: {user:?}");
                }
            }
        }
    }
}
