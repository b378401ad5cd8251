//! Registration by mail, logins that need a code, passwords that were forgotten, and addresses, as people meet them in
//! `binary`; and the mailer, over mail in memory.

use crate::world::{in_world, in_world_with, settings};
use actors::mail::Fate;
use actors::settings::{ActorSettings, MailTransport, VerifyLogin};
use actors::testing::{MessagePeer, TestWorld};
use protocol::CodePurpose;
use std::net::IpAddr;
use std::time::Duration;
use tokio::time::{Instant, sleep};

const HERE: u8 = 1;
const ELSEWHERE: u8 = 2;

struct Client(MessagePeer);

impl Client {
    fn new(world: &TestWorld) -> Self {
        Self::from(world, HERE)
    }

    fn from(world: &TestWorld, n: u8) -> Self {
        Self(world.connect_text("binary", IpAddr::from([127, 0, 0, n])))
    }

    /// Asks, and hears the answer without the number.
    async fn ask(&self, body: &str) -> String {
        let answer = self.0.ask(&format!(r#"{{"seq":"7",{body}}}"#)).await;
        answer.strip_prefix(r#"{"seq":"7","#).unwrap_or(&answer).trim_end_matches('}').to_owned()
    }

    async fn request(&self, purpose: &str, email: &str) -> String {
        self.ask(&format!(r#""requestCode":{{"email":"{email}","purpose":"PURPOSE_{purpose}"}}"#)).await
    }

    async fn register(&self, email: &str, nickname: &str, password: &str, code: &str) -> String {
        let account =
            format!(r#"{{"email":"{email}","nickname":"{nickname}","password":"{password}","code":"{code}"}}"#);
        self.ask(&format!(r#""register":{account}"#)).await
    }

    async fn login(&self, who: &str, password: &str, code: &str) -> String {
        self.ask(&format!(r#""login":{{{who},"password":"{password}","code":"{code}"}}"#)).await
    }
}

/// Registers by mail with the password `pw`.
async fn enrol(world: &TestWorld, email: &str, nickname: &str) -> Client {
    let client = Client::new(world);
    assert!(client.request("REGISTER", email).await.starts_with(r#""codeSent""#));
    let code = world.mails.code_for(email).unwrap();
    let answer = client.register(email, nickname, "pw", &code).await;
    assert!(answer.starts_with(r#""registered""#), "{answer}");
    client
}

fn mine(email: &str) -> String {
    format!(r#""email":"{email}""#)
}

fn verifying(policy: VerifyLogin) -> ActorSettings {
    let mut settings = settings();
    settings.auth.verify_login = policy;
    settings.auth.verify_after = 2;
    settings.auth.attempts = 1000;
    settings.mail.codes_per_address = 100;
    settings
}

#[test]
fn whoever_reads_the_mail_has_an_account() {
    in_world(|world| async move {
        let client = Client::new(&world);
        let sent = client.request("REGISTER", "Ann@b.cn").await;
        assert_eq!(sent, r#""codeSent":{"email":"Ann@b.cn","validS":600"#);
        let tried = world.mails.tried();
        assert_eq!(tried.len(), 1);
        assert_eq!((&*tried[0].to, tried[0].purpose), ("Ann@b.cn", CodePurpose::Register));
        let wrong = if tried[0].digits == "000000" { "000001" } else { "000000" };
        let answer = client.register("ann@b.cn", "小明", "pw", wrong).await;
        assert!(answer.starts_with(r#""wrongCode""#), "{answer}");
        let answer = client.register("ann@b.cn", "小明", "pw", &tried[0].digits).await;
        assert_eq!(answer, r#""registered":{"account":"10000","name":"小明""#);
        for who in [mine("ANN@b.cn"), r#""account":"10000""#.to_owned(), r#""name":"小明""#.to_owned()] {
            let answer = Client::new(&world).login(&who, "pw", "").await;
            assert!(answer.starts_with(r#""loginSucceeded":{"account":"10000","name":"小明""#), "{answer}");
            assert!(answer.contains(r#""nickname":"小明","email":"ann@b.cn""#), "{answer}");
        }
        let again = client.request("REGISTER", "ann@B.cn").await;
        assert_eq!(again, r#""emailTaken":{"email":"ann@B.cn""#);
        assert_eq!(world.mails.tried().len(), 1);
    });
}

#[test]
fn a_nickname_that_is_no_name_is_kept_and_a_name_is_made_of_it() {
    in_world(|world| async move {
        enrol(&world, "a@b.cn", "小明|x").await;
        enrol(&world, "b@b.cn", "小明x").await;
        enrol(&world, "c@b.cn", "|||").await;
        for (email, name, nickname) in
            [("a@b.cn", "小明x", "小明|x"), ("b@b.cn", "小明x2", "小明x"), ("c@b.cn", "user", "|||")]
        {
            let answer = Client::new(&world).login(&mine(email), "pw", "").await;
            assert!(answer.contains(&format!(r#""name":"{name}","nickname":"{nickname}""#)), "{answer}");
        }
        let client = Client::new(&world);
        client.request("REGISTER", "d@b.cn").await;
        let code = world.mails.code_for("d@b.cn").unwrap();
        for (nickname, password, reason) in
            [("", "pw", "BAD_VALUE"), ("a\\nb", "pw", "BAD_VALUE"), ("d", "", "BAD_PASSWORD")]
        {
            let answer = client.register("d@b.cn", nickname, password, &code).await;
            assert!(answer.contains(reason), "{answer}");
        }
        assert!(client.register("d@b.cn", "d", "pw", &code).await.contains("registered"), "nothing of that cost a try");
    });
}

#[test]
fn of_an_address_that_is_nobodys_the_same_is_said_and_nothing_is_sent() {
    in_world(|world| async move {
        let client = enrol(&world, "ann@b.cn", "ann").await;
        for purpose in ["LOGIN", "RESET"] {
            let known = client.request(purpose, "ann@b.cn").await;
            let unknown = client.request(purpose, "ben@b.cn").await;
            assert_eq!(known.replace("ann", "ben"), unknown);
        }
        let to: Vec<_> = world.mails.tried().into_iter().map(|tried| (tried.to, tried.purpose)).collect();
        let ann = |purpose| ("ann@b.cn".to_owned(), purpose);
        assert_eq!(to, [CodePurpose::Register, CodePurpose::Login, CodePurpose::Reset].map(ann));
        // The bound is the same as well.
        let (mut known, mut unknown) = (Vec::new(), Vec::new());
        for _ in 0..4 {
            known.push(client.request("LOGIN", "ann@b.cn").await.replace("ann", "ben"));
            unknown.push(client.request("LOGIN", "ben@b.cn").await);
        }
        assert_eq!(known.last(), unknown.last());
        assert!(known[3].contains("TOO_MANY_CODES"), "{known:?}");
    });
}

#[test]
fn codes_are_refused_where_there_is_no_mail_or_no_address_or_too_many_were_asked_for() {
    let mut off = settings();
    off.mail.transport = MailTransport::Off;
    in_world_with(off, |world| async move {
        let client = Client::new(&world);
        assert!(client.request("REGISTER", "a@b.cn").await.contains("MAIL_OFF"));
        assert!(client.register("a@b.cn", "a", "pw", "123456").await.contains("MAIL_OFF"));
    });
    let mut few = settings();
    few.mail.codes_per_ip = 2;
    in_world_with(few, |world| async move {
        let client = Client::new(&world);
        assert!(client.request("REGISTER", "a@b").await.contains("BAD_EMAIL"));
        assert!(client.request("BIND", "a@b.cn").await.contains("NOT_LOGGED_IN"));
        for n in 0..2 {
            assert!(client.request("REGISTER", &format!("{n}@b.cn")).await.contains("codeSent"));
        }
        assert!(client.request("REGISTER", "2@b.cn").await.contains("TOO_MANY_CODES"));
        assert!(Client::from(&world, ELSEWHERE).request("REGISTER", "2@b.cn").await.contains("codeSent"));
        sleep(Duration::from_secs(1801)).await;
        let client = Client::new(&world);
        assert!(client.request("REGISTER", "3@b.cn").await.contains("codeSent"), "they come back");
    });
}

#[test]
fn nobody_guesses_codes_for_long() {
    in_world(|world| async move {
        let client = Client::new(&world);
        let mut answers = Vec::new();
        for n in 0..4 {
            client.request("REGISTER", &format!("{n}@b.cn")).await;
            for _ in 0..5 {
                answers.push(client.register(&format!("{n}@b.cn"), "n", "pw", "no").await);
            }
        }
        assert!(answers[14].starts_with(r#""wrongCode""#), "{answers:?}");
        assert!(answers[15..].iter().all(|answer| answer.contains("TOO_MANY_ATTEMPTS")), "{answers:?}");
        let right = world.mails.code_for("3@b.cn").unwrap();
        let elsewhere = Client::from(&world, ELSEWHERE);
        assert!(elsewhere.register("3@b.cn", "n", "pw", &right).await.contains("registered"));
        let spent = world.mails.code_for("0@b.cn").unwrap();
        assert!(elsewhere.register("0@b.cn", "n", "pw", &spent).await.contains("wrongCode"), "five wrong ones end it");
    });
}

#[test]
fn a_forgotten_password_and_another_address() {
    in_world(|world| async move {
        let client = enrol(&world, "a@b.cn", "a").await;
        client.request("RESET", "a@b.cn").await;
        let code = world.mails.code_for("a@b.cn").unwrap();
        let reset = |code: &str, new: &str| {
            format!(r#""resetPassword":{{"email":"a@b.cn","code":"{code}","password":"{new}"}}"#)
        };
        assert!(client.ask(&reset("no", "new")).await.contains("WRONG_CODE"));
        assert!(client.ask(&reset(&code, "")).await.contains("BAD_PASSWORD"));
        assert!(client.ask(&reset(&code, "new")).await.contains(r#""done""#));
        assert!(client.ask(&reset(&code, "newer")).await.contains("WRONG_CODE"));
        assert!(client.login(&mine("a@b.cn"), "pw", "").await.contains("WRONG_PASSWORD"));
        assert!(client.login(&mine("a@b.cn"), "new", "").await.contains("loginSucceeded"));

        assert!(client.request("BIND", "new@b.cn").await.contains("codeSent"));
        let code = world.mails.code_for("new@b.cn").unwrap();
        let bind = |code: &str| format!(r#""bindEmail":{{"email":"new@b.cn","code":"{code}"}}"#);
        assert!(client.ask(&bind("no")).await.contains("WRONG_CODE"));
        assert!(Client::new(&world).ask(&bind(&code)).await.contains("NOT_LOGGED_IN"));
        let profile = client.ask(&bind(&code)).await;
        assert!(profile.starts_with(r#""profile":"#) && profile.contains(r#""email":"new@b.cn""#), "{profile}");
        assert!(Client::new(&world).login(&mine("new@b.cn"), "new", "").await.contains("loginSucceeded"));
        assert!(Client::new(&world).login(&mine("a@b.cn"), "new", "").await.contains("WRONG_PASSWORD"));
    });
}

/// All that a stranger can try at an address or number, and what it hears.
async fn probe(world: &TestWorld, who: &str) -> Vec<String> {
    let client = Client::from(world, ELSEWHERE);
    let mut heard = Vec::new();
    for code in ["", "", "", "000000", "", "12"] {
        heard.push(client.login(who, "wrong", code).await);
    }
    heard
}

#[test]
fn strangers_and_accounts_sound_the_same_whatever_is_tried() {
    for policy in [VerifyLogin::Never, VerifyLogin::Failures, VerifyLogin::Always] {
        in_world_with(verifying(policy), |world| async move {
            enrol(&world, "ann@b.cn", "ann").await;
            let heard = probe(&world, &mine("ann@b.cn")).await;
            assert_eq!(heard, probe(&world, &mine("ben@b.cn")).await, "{policy:?}");
            let asked = heard.iter().filter(|answer| answer.contains("CODE_REQUIRED")).count();
            let expected = match policy {
                VerifyLogin::Never => 0,
                VerifyLogin::Failures => 2, // the third and the fifth; the fourth and sixth have a code, and a wrong one
                _ => 4,
            };
            assert_eq!(asked, expected, "{heard:?}");
        });
    }
}

#[test]
fn after_wrong_passwords_a_login_needs_a_code_which_only_a_right_password_spends() {
    in_world_with(verifying(VerifyLogin::Failures), |world| async move {
        enrol(&world, "ann@b.cn", "ann").await;
        let ann = mine("ann@b.cn");
        let thief = Client::from(&world, ELSEWHERE);
        for _ in 0..2 {
            assert!(thief.login(&ann, "wrong", "").await.contains("WRONG_PASSWORD"));
        }
        let client = Client::new(&world);
        for who in [&*ann, r#""account":"10000""#, r#""name":"ann""#] {
            let answer = client.login(who, "pw", "").await;
            assert!(answer.starts_with(r#""loginFailed":{"reason":"REASON_CODE_REQUIRED""#), "{answer}");
        }
        client.request("LOGIN", "ann@b.cn").await;
        let code = world.mails.code_for("ann@b.cn").unwrap();
        assert!(client.login(&ann, "pw", "no").await.contains("WRONG_CODE"));
        assert!(client.login(&ann, "wrong", &code).await.contains("WRONG_PASSWORD"));
        assert!(client.login(&ann, "pw", &code).await.contains("loginSucceeded"), "the code was not spent");
        assert!(Client::new(&world).login(&ann, "pw", "").await.contains("loginSucceeded"), "all is forgiven");
    });
}

#[test]
fn a_login_code_is_good_once() {
    in_world_with(verifying(VerifyLogin::Always), |world| async move {
        enrol(&world, "ann@b.cn", "ann").await;
        let (ann, client) = (mine("ann@b.cn"), Client::new(&world));
        client.request("LOGIN", "ann@b.cn").await;
        let code = world.mails.code_for("ann@b.cn").unwrap();
        assert!(client.login(&ann, "pw", &code).await.contains("loginSucceeded"));
        assert!(Client::new(&world).login(&ann, "pw", &code).await.contains("WRONG_CODE"));
        // Who has no address, or no word for a code, is not asked for one.
        let plain = world.enter("ben").await;
        assert!(plain.ask(r#"{"cmd":"login","user":"ann","password":"pw"}"#).await.contains("success"));
        assert!(Client::new(&world).login(r#""name":"ben""#, "pw", "").await.contains("loginSucceeded"));
    });
}

#[test]
fn an_address_from_which_nobody_was_logged_in_needs_a_code_once() {
    in_world_with(verifying(VerifyLogin::NewAddress), |world| async move {
        enrol(&world, "ann@b.cn", "ann").await;
        let ann = mine("ann@b.cn");
        assert!(
            Client::new(&world).login(&ann, "pw", "").await.contains("loginSucceeded"),
            "the first is taken as hers"
        );
        assert!(Client::new(&world).login(&ann, "pw", "").await.contains("loginSucceeded"));
        let away = Client::from(&world, ELSEWHERE);
        assert!(away.login(&ann, "pw", "").await.contains("CODE_REQUIRED"));
        away.request("LOGIN", "ann@b.cn").await;
        let code = world.mails.code_for("ann@b.cn").unwrap();
        assert!(away.login(&ann, "pw", &code).await.contains("loginSucceeded"));
        assert!(Client::from(&world, ELSEWHERE).login(&ann, "pw", "").await.contains("loginSucceeded"));
    });
}

#[test]
fn letters_wait_for_a_mail_server_that_is_down_and_are_bounded() {
    let mut settings = settings();
    settings.mail.queue = 1;
    in_world_with(settings, |world| async move {
        world.mails.hang();
        let client = Client::new(&world);
        assert!(client.request("REGISTER", "a@b.cn").await.contains("codeSent"), "nobody waits for the mail server");
        assert!(client.request("REGISTER", "b@b.cn").await.contains("BUSY"));
        world.mails.let_go();
        sleep(Duration::from_secs(4)).await;
        assert_eq!(world.mails.tried().len(), 1);
        assert!(client.request("REGISTER", "b@b.cn").await.contains("BUSY"), "it rests, and has its place");
        sleep(Duration::from_secs(2)).await;
        assert_eq!(world.mails.tried().len(), 2);
        assert!(client.request("REGISTER", "b@b.cn").await.contains("codeSent"));
        assert_eq!(world.mails.tried().len(), 3);
    });
}

#[test]
fn a_letter_is_tried_so_often_and_one_that_is_refused_once() {
    in_world(|world| async move {
        for _ in 0..100 {
            world.mails.then(Fate::Later("421 come back".into()));
        }
        let client = Client::new(&world);
        client.request("REGISTER", "a@b.cn").await;
        sleep(Duration::from_secs(599)).await;
        assert_eq!(world.mails.tried().len(), 6);
    });
    in_world(|world| async move {
        world.mails.then(Fate::Refused("550 no".into()));
        let client = Client::new(&world);
        client.request("REGISTER", "a@b.cn").await;
        sleep(Duration::from_secs(599)).await;
        assert_eq!(world.mails.tried().len(), 1);
    });
}

#[test]
fn a_stop_waits_for_letters_on_their_way_until_its_deadline() {
    in_world(|world| async move {
        world.mails.hang();
        Client::new(&world).request("REGISTER", "a@b.cn").await;
        let start = Instant::now();
        world.chat.drain(start + Duration::from_secs(3)).await;
        assert_eq!(start.elapsed().as_secs(), 3);
    });
    in_world(|world| async move {
        // It rests; nobody waits for that.
        world.mails.then(Fate::Later("421 come back".into()));
        Client::new(&world).request("REGISTER", "a@b.cn").await;
        let start = Instant::now();
        world.chat.drain(start + Duration::from_secs(3)).await;
        assert_eq!(start.elapsed().as_secs(), 0);
        assert_eq!(world.mails.tried().len(), 1);
    });
}
