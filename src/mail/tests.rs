//! Mail against a small mail server of the test's own, over real sockets, and as files.

use super::Carrier;
use actors::mail::{Fate, Letter, Mails, Places, Report};
use actors::settings::{ActorSettings, MailSettings, MailTransport, SmtpSecurity};
use protocol::{CodePurpose, Email, Secret};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;

/// How the mail server behaves.
#[derive(Clone, Default)]
struct Manner {
    /// It never greets.
    silent: bool,
    /// What it says to EHLO, beside its name.
    offers: Vec<&'static str>,
    /// What it says to RCPT instead of yes.
    rcpt: Option<&'static str>,
    /// What it says to AUTH instead of yes.
    auth: Option<&'static str>,
    /// It hangs up in the middle of DATA.
    drops: bool,
    /// It speaks TLS from the first byte.
    tls: Option<TlsAcceptor>,
}

/// What clients have said to it, line by line, passwords and letters included.
type Heard = Arc<Mutex<Vec<String>>>;

async fn serve(manner: &Manner, heard: &Heard, stream: impl AsyncRead + AsyncWrite + Unpin) -> Option<()> {
    let mut stream = BufReader::new(stream);
    if manner.silent {
        std::future::pending::<()>().await;
    }
    stream.write_all(b"220 mail.test\r\n").await.ok()?;
    let mut in_data = false;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        let line = line.trim_end().to_owned();
        heard.lock().unwrap().push(line.clone());
        let word = line.split([' ', ':']).next().unwrap_or_default().to_uppercase();
        let answer = if in_data {
            if line != "." {
                if manner.drops {
                    return None;
                }
                continue;
            }
            in_data = false;
            "250 taken".to_owned()
        } else {
            match word.as_str() {
                "EHLO" => {
                    let offers = manner.offers.iter().map(|offer| format!("250-{offer}\r\n"));
                    format!("250-mail.test\r\n{}250 HELP", offers.collect::<String>())
                }
                "RCPT" => manner.rcpt.unwrap_or("250 yes").to_owned(),
                "AUTH" => manner.auth.unwrap_or("235 welcome").to_owned(),
                "DATA" => {
                    in_data = true;
                    "354 go on".to_owned()
                }
                "QUIT" => "221 bye".to_owned(),
                _ => "250 yes".to_owned(),
            }
        };
        stream.write_all(format!("{answer}\r\n").as_bytes()).await.ok()?;
    }
}

/// A mail server for one test, on a thread of its own that ends with the process.
struct Server {
    port: u16,
    heard: Heard,
}

impl Server {
    /// One manner for each connection; the last for all that follow.
    fn start(manners: Vec<Manner>) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard = Heard::default();
        let all = heard.clone();
        let accept = async move {
            let listener = TcpListener::from_std(listener).unwrap();
            for nth in 0.. {
                let (stream, _) = listener.accept().await.unwrap();
                let manner = manners[nth.min(manners.len() - 1)].clone();
                let heard = all.clone();
                tokio::spawn(async move {
                    match &manner.tls {
                        Some(tls) => serve(&manner, &heard, tls.accept(stream).await.ok()?).await,
                        None => serve(&manner, &heard, stream).await,
                    }
                });
            }
        };
        std::thread::spawn(move || {
            tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(accept);
        });
        Self { port, heard }
    }

    fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }

    fn settings(&self) -> MailSettings {
        MailSettings {
            transport: MailTransport::Smtp,
            from: "鸿雁 <chat@chat.test>".into(),
            smtp_host: "localhost".into(),
            smtp_port: self.port,
            smtp_security: SmtpSecurity::None,
            timeout_s: 5,
            ..defaults()
        }
    }
}

fn defaults() -> MailSettings {
    toml::from_str::<ActorSettings>(crate::settings::DEFAULTS).unwrap().mail
}

fn letter() -> Arc<Letter> {
    Arc::new(Letter {
        to: Email::parse("ann@b.cn").unwrap(),
        purpose: CodePurpose::Register,
        code: Secret::new("012345".into()),
        valid: Duration::from_secs(600),
        place: Places::new(1).take().unwrap(),
    })
}

fn send(carrier: &Carrier) -> Fate {
    let (tell, told) = std::sync::mpsc::channel();
    carrier.send(letter(), Report::new(move |fate| tell.send(fate).unwrap()));
    told.recv_timeout(Duration::from_secs(20)).unwrap()
}

/// The fate of one letter with these settings.
fn fate(settings: &MailSettings) -> Fate {
    send(&Carrier::start(settings, Path::new("/nowhere")).unwrap())
}

/// Base64 as letters have it, without the library that wrote it.
fn unpacked(text: &str) -> String {
    let sextet = |c: u8| match c {
        b'A'..=b'Z' => Some(c - b'A'),
        b'a'..=b'z' => Some(c - b'a' + 26),
        b'0'..=b'9' => Some(c - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    let (mut bytes, mut bits, mut held) = (Vec::new(), 0_u32, 0);
    for value in text.bytes().filter_map(sextet) {
        bits = (bits << 6) | u32::from(value);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from((bits >> held) & 0xff).unwrap());
        }
    }
    String::from_utf8(bytes).unwrap()
}

fn is_letter(mail: &str) {
    let (headers, body) = mail.split_once("\n\n").unwrap();
    for header in
        ["To: ann@b.cn", "Content-Type: text/plain; charset=utf-8", "Subject: ", "Date: ", "Message-ID: <", "From: "]
    {
        assert!(headers.lines().any(|line| line.starts_with(header)), "{header}\n{headers}");
    }
    assert!(headers.contains("chat@chat.test"), "{headers}");
    assert!(headers.contains("Content-Transfer-Encoding: base64"), "{headers}");
    let body = unpacked(body);
    assert!(body.contains("\r\nYour code: 012345\r\n"), "{body}");
    assert!(body.contains("\r\n您的验证码：012345\r\n"), "{body}");
}

#[test]
fn a_letter_is_delivered() {
    let server = Server::start(vec![Manner::default()]);
    let Fate::Sent(said) = fate(&server.settings()) else { panic!("not sent") };
    assert_eq!(said, format!("mail: a letter to …@b.cn was taken by localhost:{}", server.port));
    let heard = server.heard();
    assert_eq!(heard[..4], ["EHLO chat.test", "MAIL FROM:<chat@chat.test>", "RCPT TO:<ann@b.cn>", "DATA"]);
    let end = heard.iter().position(|line| line == ".").unwrap();
    is_letter(&heard[4..end].join("\n"));
}

#[test]
fn what_may_pass_is_tried_again_and_what_will_not_is_not() {
    let rcpt = |answer| Manner { rcpt: Some(answer), ..Manner::default() };
    let server = Server::start(vec![
        rcpt("451 4.7.1 greylisted"),
        rcpt("550 5.1.1 <ann@b.cn>: no such mailbox"),
        Manner { drops: true, ..Manner::default() },
        Manner::default(),
    ]);
    let carrier = Carrier::start(&server.settings(), Path::new("/nowhere")).unwrap();
    let said = |fate| match fate {
        Fate::Later(said) => format!("later {said}"),
        Fate::Refused(said) => format!("never {said}"),
        Fate::Sent(said) => format!("sent {said}"),
    };
    let told: Vec<_> = (0..4).map(|_| said(send(&carrier))).collect();
    assert!(told[0].starts_with("later ") && told[0].contains("greylisted"), "{told:?}");
    assert!(told[1].starts_with("never ") && told[1].contains("no such mailbox"), "{told:?}");
    assert!(told[2].starts_with("later "), "{told:?}");
    assert!(told[3].starts_with("sent "), "{told:?}");
    assert!(told.iter().all(|told| !told.contains("012345")), "{told:?}");
}

#[test]
fn a_server_that_is_slow_or_not_there_is_tried_again() {
    let server = Server::start(vec![Manner { silent: true, ..Manner::default() }]);
    let start = Instant::now();
    let Fate::Later(said) = fate(&MailSettings { timeout_s: 1, ..server.settings() }) else { panic!("not later") };
    assert!(start.elapsed() < Duration::from_secs(10), "{said}");
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let Fate::Later(said) = fate(&MailSettings { smtp_port: port, ..server.settings() }) else { panic!("not later") };
    assert!(said.contains("refused"), "{said}");
}

#[test]
fn a_password_is_shown_to_who_asks_for_it() {
    let offers = vec!["AUTH PLAIN LOGIN"];
    let server = Server::start(vec![
        Manner { offers: offers.clone(), ..Manner::default() },
        Manner { offers, auth: Some("535 5.7.8 no"), ..Manner::default() },
    ]);
    let settings = MailSettings { smtp_user: "chat".into(), smtp_password: "secret".into(), ..server.settings() };
    assert!(matches!(fate(&settings), Fate::Sent(_)));
    let auth = server.heard().into_iter().find(|line| line.starts_with("AUTH PLAIN ")).unwrap();
    assert_eq!(unpacked(&auth["AUTH PLAIN ".len()..]), "\0chat\0secret");
    let Fate::Refused(said) = fate(&settings) else { panic!("not refused") };
    assert!(said.contains("5.7.8") && !said.contains("secret"), "{said}");
}

/// An authority's certificate in PEM, and a server of that name that it vouches for.
fn authority(name: &str) -> (String, TlsAcceptor) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &ca).unwrap();
    let key = PrivatePkcs8KeyDer::from(key.serialize_der()).into();
    let ring = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(ring)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    (ca.pem(), TlsAcceptor::from(Arc::new(config)))
}

#[test]
fn tls_by_an_authority_of_ones_own() {
    let (pem, tls) = authority("localhost");
    let folder = tempfile::tempdir().unwrap();
    let own = |name: &str, pem: &str| {
        let path = folder.path().join(name);
        fs::write(&path, pem).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let server = Server::start(vec![Manner { tls: Some(tls), ..Manner::default() }]);
    let settings =
        MailSettings { smtp_security: SmtpSecurity::Tls, smtp_ca_file: own("ca.pem", &pem), ..server.settings() };
    assert!(matches!(fate(&settings), Fate::Sent(_)));
    let heard = server.heard().len();
    // By another, or for another host.
    let stranger = MailSettings { smtp_ca_file: own("other.pem", &authority("localhost").0), ..settings.clone() };
    let elsewhere = MailSettings { smtp_host: "127.0.0.1".into(), ..settings.clone() };
    for settings in [stranger, elsewhere] {
        let fate = fate(&settings);
        assert!(!matches!(fate, Fate::Sent(_)), "{fate:?}");
    }
    assert_eq!(server.heard().len(), heard, "nothing is said to a server that is not the one");

    for (file, expected) in [
        (own("empty.pem", ""), "has no certificate in PEM"),
        (own("nonsense.pem", "-----BEGIN CERTIFICATE-----\n!\n"), "has no certificate in PEM"),
        ("/nowhere/ca.pem".to_owned(), "cannot be read"),
    ] {
        let settings = MailSettings { smtp_ca_file: file, ..settings.clone() };
        let failure = Carrier::start(&settings, Path::new("/nowhere")).err().unwrap();
        assert_eq!(failure.exit, crate::exit::Exit::Settings);
        assert!(failure.lines.len() == 1 && failure.lines[0].contains(expected), "{failure:?}");
        assert!(failure.lines[0].starts_with("mail.smtp_ca_file: "), "{failure:?}");
    }
}

#[test]
fn without_the_tls_that_is_asked_for_nothing_is_sent() {
    let server = Server::start(vec![Manner::default()]);
    let (pem, _) = authority("localhost");
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    fs::write(&ca, pem).unwrap();
    let settings = MailSettings {
        smtp_security: SmtpSecurity::Starttls,
        smtp_ca_file: ca.to_str().unwrap().to_owned(),
        smtp_user: "chat".into(),
        smtp_password: "secret".into(),
        ..server.settings()
    };
    let Fate::Refused(said) = fate(&settings) else { panic!("not refused") };
    assert!(said.contains("STARTTLS"), "{said}");
    assert!(server.heard().iter().all(|line| !line.starts_with("AUTH") && !line.starts_with("MAIL")));
}

#[test]
fn letters_as_files_are_whole_and_their_owners_alone() {
    let data = tempfile::tempdir().unwrap();
    let settings = MailSettings { from: "chat@chat.test".into(), ..defaults() };
    let carrier = Carrier::start(&settings, data.path()).unwrap();
    for _ in 0..20 {
        let Fate::Sent(said) = send(&carrier) else { panic!("not written") };
        let (words, path) = said.split_once(" is in ").unwrap();
        assert_eq!(words, "mail.transport is \"file\": a letter to …@b.cn");
        assert!(path.ends_with(".eml") && Path::new(path).is_file(), "{path}");
    }
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let outbox = data.path().join("outbox");
    assert_eq!(mode(&outbox), 0o700);
    let files: Vec<_> = fs::read_dir(&outbox).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 20, "each has a name of its own, and nothing half-written is left");
    for file in files {
        assert_eq!(mode(&file), 0o600);
        is_letter(&fs::read_to_string(file).unwrap().replace("\r\n", "\n"));
    }
}

#[test]
fn a_folder_that_cannot_be_written_is_tried_again() {
    let data = tempfile::tempdir().unwrap();
    fs::write(data.path().join("outbox"), "a file in its place").unwrap();
    let carrier = Carrier::start(&defaults(), data.path()).unwrap();
    assert!(matches!(send(&carrier), Fate::Later(_)));
}

#[test]
fn what_is_on_its_way_breaks_off_with_its_carrier() {
    let server = Server::start(vec![Manner { silent: true, ..Manner::default() }]);
    let (tell, told) = std::sync::mpsc::channel();
    let carrier = Carrier::start(&server.settings(), Path::new("/nowhere")).unwrap();
    carrier.send(letter(), Report::new(move |fate| tell.send(fate).unwrap()));
    drop(carrier);
    assert!(matches!(told.recv_timeout(Duration::from_secs(4)).unwrap(), Fate::Later(_)));
}
