//! Codes by mail in the ledger: how long they are good, how often they may be tried and asked for, and what they open.

use crate::store_fixture::{Fixture, name, settings};
use actors::store::{Op, Outcome, code_hash};
use protocol::{CodePurpose, Email, FriendPolicy, MessagePolicy, Refusal, Secret, UserId};

const HOUR: u64 = 3_600_000;
const SALT: [u8; 16] = [7; 16];

fn email(text: &str) -> Email {
    Email::parse(text).unwrap()
}

fn secret(text: &str) -> Secret {
    Secret::new(text.to_owned())
}

fn fixture() -> Fixture {
    let mut settings = settings();
    settings.mail.code_tries = 2;
    settings.mail.codes_per_address = 3;
    Fixture::with(settings)
}

fn issue(it: &mut Fixture, purpose: CodePurpose, to: &str, code: &str) -> Result<Outcome, Refusal> {
    it.does(Op::IssueCode { email: email(to), purpose, salt: SALT, hash: code_hash(&SALT, code.as_bytes()) })
}

fn is_right(it: &mut Fixture, purpose: CodePurpose, to: &str, code: &str, spend: bool) -> bool {
    match it.does(Op::TryCode { email: email(to), purpose, code: secret(code), spend }).unwrap() {
        Outcome::CodeTried { right } => right,
        other => panic!("{other:?}"),
    }
}

fn register(it: &mut Fixture, to: &str, code: &str, wish: &str) -> Result<(UserId, String), Refusal> {
    let (add, message) = (FriendPolicy::Confirm, MessagePolicy::Friends);
    let create = Op::CreateByMail {
        email: email(to),
        code: secret(code),
        nickname: format!("{wish}!").into(),
        wish: name(wish),
        password_hash: "hash".into(),
        add,
        message,
    };
    match it.does(create)? {
        Outcome::AccountCreated { user } => Ok((user.id, user.name.to_string())),
        other => panic!("{other:?}"),
    }
}

/// Somebody new, with an address.
fn enrol(it: &mut Fixture, to: &str, wish: &str) -> (UserId, String) {
    issue(it, CodePurpose::Register, to, "111111").unwrap();
    register(it, to, "111111", wish).unwrap()
}

use CodePurpose::{Bind, Login, Register, Reset};

#[test]
fn a_code_is_good_for_its_purpose_and_address_until_it_is_spent() {
    let mut it = fixture();
    issue(&mut it, Login, "a@b.cn", "123456").unwrap();
    assert!(!is_right(&mut it, Reset, "a@b.cn", "123456", false));
    assert!(!is_right(&mut it, Login, "b@b.cn", "123456", false));
    assert!(is_right(&mut it, Login, "a@b.cn", "123456", false));
    assert!(is_right(&mut it, Login, "A@B.cn", "123456", true), "addresses have no case");
    assert!(!is_right(&mut it, Login, "a@b.cn", "123456", false));
}

#[test]
fn wrong_tries_run_out_even_across_a_restart() {
    let mut it = fixture();
    issue(&mut it, Login, "a@b.cn", "123456").unwrap();
    assert!(!is_right(&mut it, Login, "a@b.cn", "000000", true));
    let mut it = it.reopen();
    assert!(is_right(&mut it, Login, "a@b.cn", "123456", false), "one of two is left");
    assert!(!is_right(&mut it, Login, "a@b.cn", "", false));
    assert!(!is_right(&mut it, Login, "a@b.cn", "123456", false));
    issue(&mut it, Login, "a@b.cn", "654321").unwrap();
    assert!(!is_right(&mut it, Login, "a@b.cn", "123456", false), "the new one takes the place of the old");
    assert!(is_right(&mut it, Login, "a@b.cn", "654321", true));
}

#[test]
fn a_code_is_good_for_so_long_and_no_longer() {
    let mut it = fixture();
    let ttl = u64::try_from(it.settings.mail.code_ttl.0.as_millis()).unwrap();
    issue(&mut it, Login, "a@b.cn", "123456").unwrap();
    it.now += ttl - 1;
    assert!(is_right(&mut it, Login, "a@b.cn", "123456", false));
    it.now += 1;
    assert!(!is_right(&mut it, Login, "a@b.cn", "123456", false));
    it.now -= 2 * ttl;
    assert!(!is_right(&mut it, Login, "a@b.cn", "123456", false), "nor where the clock is set back");
}

#[test]
fn so_many_codes_an_hour_for_one_address_whatever_for() {
    let mut it = fixture();
    for purpose in [Register, Login, Login] {
        issue(&mut it, purpose, "a@b.cn", "123456").unwrap();
    }
    for purpose in [Register, Login, Reset, Bind] {
        assert_eq!(issue(&mut it, purpose, "a@b.cn", "000000"), Err(Refusal::TooManyCodes));
    }
    assert!(is_right(&mut it, Login, "a@b.cn", "123456", false), "what was refused has changed nothing");
    issue(&mut it, Login, "b@b.cn", "123456").unwrap();
    let mut it = it.reopen();
    assert_eq!(issue(&mut it, Login, "a@b.cn", "000000"), Err(Refusal::TooManyCodes));
    it.now += HOUR;
    for _ in 0..3 {
        issue(&mut it, Login, "a@b.cn", "123456").unwrap();
    }
    assert_eq!(issue(&mut it, Login, "a@b.cn", "000000"), Err(Refusal::TooManyCodes));
}

#[test]
fn an_account_by_mail_has_its_address_and_what_people_see() {
    let mut it = fixture();
    let (ann, called) = enrol(&mut it, "Ann@b.cn", "ann");
    assert_eq!(called, "ann");
    let it = it.reopen();
    let profile = it.reader.profile(ann).unwrap().unwrap();
    assert_eq!((&*profile.nickname, profile.email), ("ann!", Some(email("Ann@b.cn"))));
    assert_eq!(it.reader.user_by_email(&email("ann@B.CN")).unwrap(), Some(ann));
    assert_eq!(it.reader.email_of(ann).unwrap(), Some(email("Ann@b.cn")));
    assert_eq!(it.reader.credentials(ann).unwrap().as_deref(), Some("hash"));
    let account = it.reader.account(ann).unwrap().unwrap();
    assert_eq!((account.add, account.message), (FriendPolicy::Confirm, MessagePolicy::Friends));
}

#[test]
fn without_the_code_there_is_no_account_and_a_code_makes_only_one() {
    let mut it = fixture();
    assert_eq!(register(&mut it, "a@b.cn", "111111", "a").unwrap_err(), Refusal::WrongCode);
    issue(&mut it, Register, "a@b.cn", "111111").unwrap();
    assert_eq!(register(&mut it, "a@b.cn", "222222", "a").unwrap_err(), Refusal::WrongCode);
    assert_eq!(it.reader.user_by_name(&name("a").key()).unwrap(), None);
    register(&mut it, "a@b.cn", "111111", "a").unwrap();
    assert_eq!(register(&mut it, "a@b.cn", "111111", "b").unwrap_err(), Refusal::WrongCode);
    assert_eq!(issue(&mut it, Register, "A@b.cn", "111111"), Err(Refusal::EmailTaken));
    assert_eq!(issue(&mut it, Bind, "A@b.cn", "111111"), Err(Refusal::EmailTaken));
    issue(&mut it, Reset, "a@b.cn", "111111").unwrap();
}

#[test]
fn of_two_who_have_codes_for_one_address_the_first_gets_it() {
    let mut it = fixture();
    let ben = it.user("ben");
    issue(&mut it, Bind, "a@b.cn", "222222").unwrap();
    enrol(&mut it, "a@b.cn", "ann");
    let bind = Op::BindEmail { user: ben, email: email("a@b.cn"), code: secret("222222") };
    assert_eq!(it.does(bind), Err(Refusal::EmailTaken));
    assert_eq!(it.reader.email_of(ben).unwrap(), None);
}

#[test]
fn a_name_that_is_taken_gets_a_number() {
    let mut it = fixture();
    it.user("小明");
    assert_eq!(enrol(&mut it, "1@b.cn", "小明").1, "小明2");
    assert_eq!(enrol(&mut it, "2@b.cn", "小明").1, "小明3");
    let long = "x".repeat(32);
    assert_eq!(enrol(&mut it, "3@b.cn", &long).1, long);
    assert_eq!(enrol(&mut it, "4@b.cn", &long).1, "x".repeat(31) + "2");
    it.user("раураl".trim_end_matches('l'));
    let (_, called) = enrol(&mut it, "5@b.cn", "paypa");
    assert_ne!(called, "paypa", "a name that looks like one of another script is taken too");
}

#[test]
fn numbers_behind_a_name_never_run_out() {
    let mut it = fixture();
    it.user("a");
    for n in 2..22 {
        it.user(&format!("a{n}"));
    }
    let (id, called) = enrol(&mut it, "1@b.cn", "a");
    assert_eq!(called, format!("a{id}"));
}

#[test]
fn another_password_for_whoever_reads_the_mail() {
    let mut it = fixture();
    let (ann, _) = enrol(&mut it, "a@b.cn", "ann");
    it.now += HOUR;
    let reset =
        |code: &str| Op::ResetPassword { email: email("A@b.cn"), code: secret(code), password_hash: "new".into() };
    assert_eq!(it.does(reset("333333")), Err(Refusal::WrongCode));
    issue(&mut it, Login, "a@b.cn", "444444").unwrap();
    issue(&mut it, Reset, "a@b.cn", "333333").unwrap();
    assert_eq!(it.does(reset("333334")), Err(Refusal::WrongCode));
    assert_eq!(it.does(reset("333333")), Ok(Outcome::PasswordSet));
    assert_eq!(it.reader.credentials(ann).unwrap().as_deref(), Some("new"));
    assert_eq!(it.does(reset("333333")), Err(Refusal::WrongCode), "it is spent");
    assert!(!is_right(&mut it, Login, "a@b.cn", "444444", false), "codes for logging in are forgotten");
    issue(&mut it, Reset, "nobody@b.cn", "333333").unwrap();
    let nobody = Op::ResetPassword { email: email("nobody@b.cn"), code: secret("333333"), password_hash: "new".into() };
    assert_eq!(it.does(nobody), Err(Refusal::NoSuchUser));
}

#[test]
fn another_address_takes_the_place_of_the_first() {
    let mut it = fixture();
    let (ann, _) = enrol(&mut it, "a@b.cn", "ann");
    issue(&mut it, Bind, "new@b.cn", "555555").unwrap();
    let bind = |code: &str| Op::BindEmail { user: ann, email: email("new@b.cn"), code: secret(code) };
    assert_eq!(it.does(bind("000000")), Err(Refusal::WrongCode));
    let Outcome::ProfileSet(profile) = it.does(bind("555555")).unwrap() else { panic!("no profile") };
    assert_eq!((profile.email, &*profile.nickname), (Some(email("new@b.cn")), "ann!"));
    let mut it = it.reopen();
    assert_eq!(it.reader.user_by_email(&email("a@b.cn")).unwrap(), None);
    assert_eq!(it.reader.user_by_email(&email("new@b.cn")).unwrap(), Some(ann));
    issue(&mut it, Register, "a@b.cn", "111111").unwrap();
}

#[test]
fn rows_that_say_nothing_any_more_are_swept() {
    let mut it = fixture();
    for n in 10..30 {
        issue(&mut it, Register, &format!("z{n}@b.cn"), "111111").unwrap();
    }
    it.now += HOUR + 1;
    assert!(!is_right(&mut it, Register, "z10@b.cn", "111111", false));
    // Each looks at four rows behind its own.
    for n in 0..4 {
        issue(&mut it, Register, &format!("a{n}@b.cn"), "111111").unwrap();
    }
    it.now -= HOUR;
    // Those that are gone are not even remembered when the clock is set back; those in the last place were not seen.
    assert!(!is_right(&mut it, Register, "z10@b.cn", "111111", false));
    assert!(is_right(&mut it, Register, "z29@b.cn", "111111", false));
}

#[test]
fn so_many_addresses_are_known_of_an_account() {
    let mut it = fixture();
    let ann = it.user("ann");
    let from = |n: u8| std::net::IpAddr::from([127, 0, 0, n]);
    assert_eq!(it.reader.knows_address(ann, from(1)).unwrap(), None);
    for n in 1..=16 {
        it.now += 1;
        it.does(Op::NoteVisit { user: ann, from: from(n) }).unwrap();
    }
    it.now += 2 * 24 * HOUR;
    it.does(Op::NoteVisit { user: ann, from: from(1) }).unwrap();
    it.does(Op::NoteVisit { user: ann, from: from(17) }).unwrap();
    let known = |it: &Fixture, n| it.reader.knows_address(ann, from(n)).unwrap();
    assert_eq!([1, 2, 3, 17].map(|n| known(&it, n)), [Some(true), Some(false), Some(true), Some(true)]);
    let it = it.reopen();
    assert_eq!(known(&it, 3), Some(true));
    assert_eq!(it.reader.knows_address(UserId(1), from(3)).unwrap(), None);
}
