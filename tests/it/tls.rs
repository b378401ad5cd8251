//! TLS: every dialect over streams and WebSockets, handshakes that come to nothing, and certificates. The client is this program's own
//! codec (`hongyan::client`) over rustls.

use crate::world::{ANY_PORTS, PATIENCE, Server, run};
use hongyan::client::{Conversation, Heard, Label, Person, Say, Verdict, Wrap};
use protocol::DialectId;
use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use rustix::process::Signal;
use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::TempDir;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{
    ClientConfig, ClientConnection, ProtocolVersion, RootCertStore, StreamOwned, SupportedProtocolVersion,
};

/// A certificate for `localhost`, with its key, in files.
struct Paper {
    dir: TempDir,
    der: CertificateDer<'static>,
}

impl Paper {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let der = make(&dir, |_| ());
        Self { dir, der }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Settings that use it.
    fn sets(&self) -> [String; 2] {
        ["certificate", "key"].map(|name| format!("tls.{name}={}", self.file(name).display()))
    }

    /// A server with every dialect over TLS, `plain` in the clear, and these settings besides.
    fn server(&self, sets: &[&str]) -> Server {
        let own = self.sets();
        let mut all = vec!["listen.framed.tls=true", "listen.binary.tls=true", "listen.web.tls=true"];
        all.extend(["listen.secret.address=127.0.0.1:0", "listen.secret.link=tcp", "listen.secret.dialect=plain"]);
        all.extend(["listen.secret.tls=true", own[0].as_str(), own[1].as_str()]);
        all.extend(sets);
        Server::with(&all)
    }
}

/// Writes a new certificate and its key into the folder.
fn make(dir: &TempDir, change: impl FnOnce(&mut CertificateParams)) -> CertificateDer<'static> {
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    change(&mut params);
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    std::fs::write(dir.path().join("certificate"), certificate.pem()).unwrap();
    std::fs::write(dir.path().join("key"), key.serialize_pem()).unwrap();
    certificate.der().clone()
}

/// A client that trusts one certificate, with what it has heard and not told yet.
struct Talk {
    stream: StreamOwned<ClientConnection, TcpStream>,
    conversation: Conversation,
    heard: VecDeque<Heard<'static>>,
}

fn kept(heard: Heard<'_>) -> Heard<'static> {
    match heard {
        Heard::Answer { number, verdict: Verdict::Done { id } } => {
            Heard::Answer { number, verdict: Verdict::Done { id } }
        }
        Heard::Answer { number, verdict: Verdict::Refused(word) } => {
            Heard::Answer { number, verdict: Verdict::Refused(word.into_owned().into()) }
        }
        Heard::Private { text, from } => Heard::Private { text: text.into_owned().into(), from: from.into_owned() },
        Heard::Post { text, from, group } => {
            Heard::Post { text: text.into_owned().into(), from: from.into_owned(), group: group.into_owned() }
        }
        Heard::Presence { online } => Heard::Presence { online },
        Heard::Closing(word) => Heard::Closing(word.into_owned().into()),
        Heard::Other => Heard::Other,
    }
}

impl Talk {
    fn new(to: SocketAddr, trusted: &CertificateDer<'static>, dialect: &str, wrap: Wrap) -> Self {
        Self::with(to, trusted, dialect, wrap, &TLS13).unwrap()
    }

    fn with(
        to: SocketAddr,
        trusted: &CertificateDer<'static>,
        dialect: &str,
        wrap: Wrap,
        version: &'static SupportedProtocolVersion,
    ) -> std::io::Result<Self> {
        let mut roots = RootCertStore::empty();
        roots.add(trusted.clone()).unwrap();
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        if wrap == Wrap::WebSocket {
            config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        }
        let tls = ClientConnection::new(Arc::new(config), ServerName::try_from("localhost").unwrap()).unwrap();
        let tcp = TcpStream::connect(to).unwrap();
        tcp.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut stream = StreamOwned::new(tls, tcp);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        let conversation = Conversation::new(DialectId::by_name(dialect).unwrap(), wrap, 1);
        let mut talk = Self { stream, conversation, heard: VecDeque::new() };
        let mut out = Vec::new();
        talk.conversation.open("localhost", &mut out);
        talk.stream.write_all(&out)?;
        while !talk.conversation.is_open() {
            talk.receive();
        }
        if wrap == Wrap::WebSocket {
            assert_eq!(talk.stream.conn.alpn_protocol(), Some(&b"http/1.1"[..]));
        }
        Ok(talk)
    }

    fn receive(&mut self) {
        let mut buffer = [0; 4096];
        let n = self.stream.read(&mut buffer).unwrap();
        assert!(n > 0, "the server closed; heard was {:?}", self.heard);
        let mut out = Vec::new();
        let heard = &mut self.heard;
        self.conversation.hear(&buffer[..n], &mut out, &mut |what| heard.push_back(kept(what))).unwrap();
        self.stream.write_all(&out).unwrap();
    }

    /// The next thing heard that is of interest.
    fn next(&mut self) -> Heard<'static> {
        loop {
            match self.heard.pop_front() {
                Some(Heard::Other | Heard::Presence { .. }) => {}
                Some(heard) => return heard,
                None => self.receive(),
            }
        }
    }

    /// Says something that is done; gives the number that the answer tells.
    fn done(&mut self, say: &Say<'_>) -> Option<u64> {
        let mut out = Vec::new();
        let number = self.conversation.say(say, &mut out).unwrap();
        self.stream.write_all(&out).unwrap();
        match self.next() {
            Heard::Answer { number: answered, verdict: Verdict::Done { id } } if answered == number => id,
            other => panic!("{say:?}: {other:?}"),
        }
    }
}

/// Two people who take messages from everybody, made in `plain`.
fn people(server: &Server, paper: &Paper, names: [&str; 2]) -> [Person; 2] {
    names.map(|name| {
        let mut talk = Talk::new(server.listener("secret"), &paper.der, "plain", Wrap::Stream);
        talk.done(&Say::Register { name, password: "11111" });
        let me = Person { name: name.to_owned(), id: 0 };
        let id = talk.done(&Say::Login { me: &me, password: "11111", instance: None });
        talk.done(&Say::Open);
        Person { id: id.unwrap(), ..me }
    })
}

fn exchange(server: &Server, paper: &Paper, dialect: &str, wrap: Wrap, to: SocketAddr) {
    let [a, b] = people(server, paper, [&format!("a-{dialect}-{wrap:?}"), &format!("b-{dialect}-{wrap:?}")]);
    let login = |person: &Person| {
        let mut talk = Talk::new(to, &paper.der, dialect, wrap);
        talk.done(&Say::Login { me: person, password: "11111", instance: Some([7; 16]) });
        talk
    };
    let (mut from, mut towards) = (login(&a), login(&b));
    from.done(&Say::Befriend(&b));
    for text in ["鸿雁传书".to_owned(), "雁".repeat(600)] {
        from.done(&Say::Private { to: &b, text: &text });
        let Heard::Private { text: came, from: who } = towards.next() else { panic!("{dialect} {wrap:?}") };
        assert_eq!(came, text, "{dialect} {wrap:?}");
        assert!(who.id == a.id || who.name == a.name, "{dialect} {wrap:?}: {who:?}");
    }
    // A close in order, both ways.
    let mut out = Vec::new();
    towards.conversation.close(&mut out);
    towards.stream.write_all(&out).unwrap();
    towards.stream.conn.send_close_notify();
    towards.stream.flush().unwrap();
    let mut rest = Vec::new();
    towards.stream.read_to_end(&mut rest).unwrap();
}

#[test]
fn every_dialect_is_spoken_under_tls_over_streams_and_websockets() {
    let paper = Paper::new();
    let server = paper.server(&[]);
    for (dialect, listener) in [("plain", "secret"), ("framed", "framed"), ("binary", "binary")] {
        exchange(&server, &paper, dialect, Wrap::Stream, server.listener(listener));
        exchange(&server, &paper, dialect, Wrap::WebSocket, server.web_address);
    }
    // And with those in the clear.
    let mut ming = server.user("小明");
    let [hua, _] = people(&server, &paper, ["小华", "other"]);
    let mut secret = Talk::new(server.listener("secret"), &paper.der, "plain", Wrap::Stream);
    secret.done(&Say::Login { me: &hua, password: "11111", instance: None });
    ming.ask(&ming.private("小华", "x"), r#"{"cmd":"private_chat_reply","result":"success"}"#);
    let from = Label { name: "小明".into(), id: 0 };
    assert_eq!(secret.next(), Heard::Private { text: "x".into(), from });
}

#[test]
fn old_clients_have_tls_1_2() {
    let paper = Paper::new();
    let server = paper.server(&[]);
    let to = server.listener("secret");
    let mut talk = Talk::with(to, &paper.der, "plain", Wrap::Stream, &TLS12).unwrap();
    assert_eq!(talk.stream.conn.protocol_version(), Some(ProtocolVersion::TLSv1_2));
    talk.done(&Say::Ping);
}

#[test]
fn a_stop_says_farewell_and_ends_in_order() {
    let paper = Paper::new();
    let mut server = paper.server(&[]);
    let to = server.listener("secret");
    let mut talk = Talk::new(to, &paper.der, "plain", Wrap::Stream);
    talk.done(&Say::Ping);
    let mut silent = TcpStream::connect(to).unwrap();
    server.signal(Signal::TERM);
    assert_eq!(talk.next(), Heard::Closing("shutdown".into()));
    // Without its own word at the end, rustls would make this an error.
    assert_eq!(talk.stream.read(&mut [0; 16]).unwrap(), 0);
    silent.set_read_timeout(Some(PATIENCE)).unwrap();
    is_dropped(&mut silent);
    assert_eq!(server.ended().code(), Some(0));
}

/// The server closes without a word, in either way that TCP has.
fn is_dropped(silent: &mut TcpStream) {
    match silent.read(&mut [0; 16]) {
        Ok(0) => {}
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_client_that_says_nothing_is_dropped() {
    let paper = Paper::new();
    let server = paper.server(&["tls.handshake_timeout_s=1"]);
    for to in [server.listener("secret"), server.web_address] {
        // Nothing, and the beginning of a record.
        for beginning in [&b""[..], b"\x16\x03\x01\x02\x00\x01"] {
            let mut silent = TcpStream::connect(to).unwrap();
            silent.set_read_timeout(Some(PATIENCE)).unwrap();
            silent.write_all(beginning).unwrap();
            is_dropped(&mut silent);
        }
    }
}

#[test]
fn one_handshake_too_many_takes_the_place_of_the_oldest() {
    let paper = Paper::new();
    let server = paper.server(&["tls.max_handshakes=1", "tls.handshake_timeout_s=3600"]);
    let to = server.listener("secret");
    let mut silent = TcpStream::connect(to).unwrap();
    silent.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut talk = Talk::new(to, &paper.der, "plain", Wrap::Stream);
    talk.done(&Say::Ping);
    is_dropped(&mut silent);
}

#[test]
fn clear_text_at_a_port_with_tls_is_answered_with_an_alert() {
    let paper = Paper::new();
    let server = paper.server(&[]);
    for (to, said) in [
        (server.listener("secret"), &b"{\"cmd\":\"ping\"}\n"[..]),
        (server.web_address, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    ] {
        let mut clear = TcpStream::connect(to).unwrap();
        clear.set_read_timeout(Some(PATIENCE)).unwrap();
        clear.write_all(said).unwrap();
        let mut answer = Vec::new();
        clear.read_to_end(&mut answer).unwrap();
        assert_eq!((answer.first(), answer.len()), (Some(&0x15), 7), "{answer:?}");
    }
    // The server goes on.
    Talk::new(server.listener("secret"), &paper.der, "plain", Wrap::Stream).done(&Say::Ping);
}

#[test]
fn a_new_certificate_is_taken_at_a_signal() {
    let mut paper = Paper::new();
    let server = paper.server(&[]);
    let to = server.listener("secret");
    let mut early = Talk::new(to, &paper.der, "plain", Wrap::Stream);
    early.done(&Say::Ping);
    let old = std::mem::replace(&mut paper.der, make(&paper.dir, |_| ()));
    server.signal(Signal::HUP);
    server.until("the new certificate", || server.logged().contains("was read again and is in use").then_some(()));
    Talk::new(to, &paper.der, "plain", Wrap::Stream).done(&Say::Ping);
    assert!(Talk::with(to, &old, "plain", Wrap::Stream, &TLS13).is_err(), "the old one is not shown any more");
    early.done(&Say::Ping);
    // One that is no good changes nothing.
    std::fs::write(paper.file("key"), "no key").unwrap();
    server.signal(Signal::HUP);
    server.until("the bad key", || server.logged().contains("the certificate stays as it was: tls.key").then_some(()));
    Talk::new(to, &paper.der, "plain", Wrap::Stream).done(&Say::Ping);
}

#[test]
fn it_does_not_start_with_a_certificate_that_is_no_good() {
    let refused = |sets: &[&str]| {
        let data = tempfile::tempdir().unwrap();
        let folder = data.path().join("data").display().to_string();
        let ports = ANY_PORTS.iter().chain(&["listen.web.tls=true"]).chain(sets).flat_map(|set| ["--set", set]);
        let words: Vec<&str> = ["serve", "--data", &folder].into_iter().chain(ports).collect();
        let (code, out, err) = run(&words);
        assert_eq!((code, out.as_str()), (Some(78), ""), "{err}");
        assert!(!data.path().join("data").exists(), "nothing has begun");
        err
    };
    let missing = refused(&[]);
    for key in ["tls.certificate", "tls.key"] {
        assert!(missing.lines().any(|line| line.contains(&format!("listen.web.tls = true needs {key}"))), "{missing}");
    }
    let paper = Paper::new();
    let other = Paper::new();
    let [certificate, key] = paper.sets();
    assert!(refused(&[&certificate, &other.sets()[1]]).contains("the key is another one than that of"));
    assert!(refused(&[&certificate, "tls.key=/nowhere"]).contains("tls.key = \"/nowhere\": cannot be read"));
    make(&paper.dir, |params| {
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(2001, 1, 1);
    });
    assert!(refused(&[&certificate, &key]).contains("has expired"));
}
