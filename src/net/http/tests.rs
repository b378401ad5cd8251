//! HTTP over loopback sockets, with requests written by hand and a chat that knows a few words of `framed`.

use super::{Reception, serve_api, serve_web};
use crate::chat::{Admission, Chat};
use crate::exit::Failure;
use crate::net::listener::{Bound, accept_loop};
use crate::net::relay::Doors;
use crate::settings::{Override, Settings, Sources, load};
use actors::session::link::{Arrival, Link};
use futures::future::LocalBoxFuture;
use protocol::{Carrier, DialectId};
use std::cell::Cell;
use std::future::{pending, poll_fn};
use std::io::IoSlice;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;

/// Every connection gets a session that answers like this: `login` always succeeds and is remembered, `who` says
/// whether that was so, `silent` says nothing, `bye` closes.
#[derive(Default)]
struct Parrot {
    let_in: Cell<usize>,
    visitors: Cell<usize>,
}

impl Chat for Parrot {
    fn admit(&self, admission: Admission) {
        self.let_in.set(self.let_in.get() + 1);
        self.visitors.set(self.visitors.get() + usize::from(admission.visitor));
        actix_rt::spawn(async move {
            let mut link = (admission.open)().unwrap();
            assert_eq!(link.carrier(), Carrier::Message);
            let mut name = "nobody".to_owned();
            loop {
                let mut scratch = [0; 16 * 1024];
                let arrival = poll_fn(|cx| link.poll_read(cx, &mut scratch)).await;
                let Ok(Arrival::Message(message)) = arrival else { break };
                let said = String::from_utf8(message.to_vec()).unwrap();
                let answer = match said.split_once(' ') {
                    Some(("login", who)) => {
                        who.clone_into(&mut name);
                        r#"{"command":"login_return","status":"success","username":"x"}"#.to_owned()
                    }
                    _ if said == "who" => format!("{{\"who\":\"{name}\"}}"),
                    _ if said == "silent" => continue,
                    _ if said == "bye" => break,
                    _ => format!("{{\"bytes\":{}}}", said.len()),
                };
                write(&mut *link, &answer).await;
            }
            let _ = poll_fn(|cx| link.poll_close(cx)).await;
        });
    }
    fn file_doors(&self) -> Doors {
        Doors::default()
    }
    fn drain(&self, _: Duration) -> LocalBoxFuture<'_, ()> {
        Box::pin(pending())
    }
    fn broken(&self) -> LocalBoxFuture<'_, Failure> {
        Box::pin(pending())
    }
}

async fn write(link: &mut dyn Link, text: &str) {
    let frame = protocol::Frame::new(text.to_owned().into(), 0, 0);
    let mut pieces = std::collections::VecDeque::new();
    link.pack(&frame, &mut pieces);
    for piece in pieces {
        let n = poll_fn(|cx| link.poll_write(cx, &[IoSlice::new(&piece)])).await.unwrap();
        assert_eq!(n, piece.len());
    }
}

struct House {
    chat: Rc<Parrot>,
    reception: Rc<Reception>,
    stop: watch::Sender<bool>,
    address: SocketAddr,
}

fn settings(sets: &[(&str, &str)]) -> Settings {
    let set = |(key, value): &(&str, &str)| Override { flag: "--set", key: (*key).into(), value: (*value).into() };
    load(&Sources { overrides: sets.iter().map(set).collect(), ..Sources::default() }).unwrap().settings
}

/// A listener for the api, or for WebSockets.
fn open(web: bool, sets: &[(&str, &str)]) -> House {
    let chat = Rc::new(Parrot::default());
    let (stop, stopped) = watch::channel(false);
    let dialect = DialectId::all().next().unwrap();
    let reception = Rc::new(Reception::new(&settings(sets), chat.clone(), dialect, stopped.clone()));
    let bound = Bound::bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let address = bound.address();
    let served = Rc::clone(&reception);
    actix_rt::spawn(accept_loop(bound, stopped, move |stream, peer| {
        if web {
            actix_rt::spawn(serve_web(Rc::clone(&served), dialect, stream, peer));
        } else {
            actix_rt::spawn(serve_api(Rc::clone(&served), stream, peer));
        }
    }));
    House { chat, reception, stop, address }
}

/// One connection.
struct Browser(TcpStream);

/// An answer: its status, its headers in lower case, its body.
struct Said {
    status: u16,
    head: String,
    body: String,
}

impl Said {
    fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .find(|(found, _)| *found == name)
            .map(|(_, value)| value)
    }
}

impl Browser {
    async fn new(house: &House) -> Self {
        Self(TcpStream::connect(house.address).await.unwrap())
    }

    async fn raw(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.unwrap();
    }

    async fn post(&mut self, headers: &str, body: &str) -> Said {
        let length = body.len();
        self.raw(
            format!("POST /api HTTP/1.1\r\nHost: chat.lan\r\n{headers}Content-Length: {length}\r\n\r\n{body}")
                .as_bytes(),
        )
        .await;
        self.said().await
    }

    async fn said(&mut self) -> Said {
        let mut bytes = Vec::new();
        while !bytes.ends_with(b"\r\n\r\n") {
            bytes.push(self.0.read_u8().await.unwrap());
        }
        let text = String::from_utf8(bytes).unwrap();
        let status = text.split(' ').nth(1).unwrap().parse().unwrap();
        let (_, head) = text.split_once("\r\n").unwrap();
        // The values keep their case, the names lose it.
        let head: Vec<String> = head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| format!("{}: {value}", name.to_lowercase()))
            .collect();
        let mut said = Said { status, head: head.join("\n"), body: String::new() };
        let length = said.header("content-length").map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).await.unwrap();
        said.body = String::from_utf8(body).unwrap();
        said
    }

    async fn ended(&mut self) -> bool {
        matches!(self.0.read(&mut [0; 64]).await, Ok(0) | Err(_))
    }
}

fn run(test: impl Future<Output = ()>) {
    actix::System::new().block_on(test);
}

const WHO_X: &str = r#"{"who":"x"}"#;
const NOBODY: &str = r#"{"who":"nobody"}"#;

#[test]
fn a_request_is_answered_by_a_visitor_and_whoever_logs_in_is_known_again() {
    run(async {
        let house = open(false, &[]);
        let mut first = Browser::new(&house).await;
        let said = first.post("Content-Type: application/x-www-form-urlencoded\r\n", "12345").await;
        assert_eq!((said.status, said.body.as_str()), (200, r#"{"bytes":5}"#));
        assert_eq!(said.header("content-type"), Some("application/json; charset=utf-8"));
        assert_eq!(
            (said.header("cache-control"), said.header("x-content-type-options")),
            (Some("no-store"), Some("nosniff"))
        );
        assert_eq!(said.header("set-cookie"), None);
        assert_eq!(first.post("", "who").await.body, NOBODY);
        let login = first.post("", "login x").await;
        let token = login.header("x-hongyan-token").unwrap().to_owned();
        let cookie = format!("hongyan={token}; HttpOnly; SameSite=Strict; Path=/");
        assert_eq!(login.header("set-cookie"), Some(cookie.as_str()));
        // By the connection.
        assert_eq!(first.post("", "who").await.body, WHO_X);
        // But not where a proxy may have put another person's request on it.
        for proxy in ["Via: 1.1 p", "X-Forwarded-For: 10.0.0.1", "Forwarded: for=1", "X-Real-IP: 1"] {
            assert_eq!(first.post(&format!("{proxy}\r\n"), "who").await.body, NOBODY, "{proxy}");
        }
        // By the cookie and by the token, over any connection.
        let mut second = Browser::new(&house).await;
        assert_eq!(second.post("", "who").await.body, NOBODY);
        assert_eq!(second.post(&format!("Cookie: a=b; hongyan={token}\r\nVia: 1.1 p\r\n"), "who").await.body, WHO_X);
        assert_eq!(second.post(&format!("Authorization: Bearer {token}\r\n"), "who").await.body, WHO_X);
        // Who shows a token is nobody else.
        assert_eq!(first.post(&format!("Cookie: hongyan={}\r\n", "0".repeat(32)), "who").await.body, NOBODY);
        assert_eq!(first.post("Authorization: Basic x\r\n", "who").await.body, NOBODY);
        // Another login takes the old token away.
        let again = second.post(&format!("Authorization: Bearer {token}\r\n"), "login y").await;
        assert_eq!(second.post(&format!("Authorization: Bearer {token}\r\n"), "who").await.body, NOBODY);
        let token = again.header("x-hongyan-token").unwrap();
        assert_eq!(second.post(&format!("Authorization: Bearer {token}\r\n"), "who").await.body, r#"{"who":"y"}"#);
        assert_eq!(house.chat.let_in.get(), house.chat.visitors.get());
    });
}

#[test]
fn pages_are_let_in_by_their_origin() {
    run(async {
        let house = open(false, &[("web.origins", "same,https://b.example,*")]);
        let mut page = Browser::new(&house).await;
        let login = page.post("Origin: http://chat.lan:3000\r\n", "login x").await;
        assert_eq!(login.header("access-control-allow-origin"), Some("http://chat.lan:3000"));
        assert_eq!(login.header("access-control-allow-credentials"), Some("true"));
        assert_eq!(login.header("access-control-expose-headers"), Some("x-hongyan-token, content-disposition"));
        let token = login.header("x-hongyan-token").unwrap();
        assert_eq!(page.post("Origin: https://b.example\r\n", "who").await.body, WHO_X);
        // Any other page may ask, but neither the browser's cookie nor its connection says who it is.
        let other = page.post(&format!("Origin: http://evil.example\r\nCookie: hongyan={token}\r\n"), "who").await;
        assert_eq!((other.status, other.body.as_str()), (200, NOBODY));
        assert_eq!(other.header("access-control-allow-credentials"), None);
        page.raw(b"OPTIONS /api HTTP/1.1\r\nHost: chat.lan\r\nOrigin: http://chat.lan\r\n\r\n").await;
        let preflight = page.said().await;
        assert_eq!((preflight.status, preflight.header("access-control-allow-methods")), (204, Some("POST, OPTIONS")));
        assert_eq!(preflight.header("access-control-allow-headers"), Some("content-type, authorization"));

        let strict = open(false, &[]);
        let mut page = Browser::new(&strict).await;
        let said = page.post("Origin: http://evil.example\r\n", "who").await;
        assert_eq!((said.status, said.header("access-control-allow-origin")), (403, None));
        assert_eq!(strict.chat.let_in.get(), 0);
    });
}

#[test]
fn what_is_no_request_is_told_so() {
    run(async {
        let house = open(false, &[("framed.max_message_bytes", "1000"), ("plain.max_object_bytes", "1000")]);
        let mut client = Browser::new(&house).await;
        let said = client.post("", "").await;
        assert_eq!((said.status, said.body.contains("not an Json Object")), (400, true));
        assert_eq!(client.post("Content-Type: image/png\r\n", "x").await.status, 415);
        client.raw(b"GET /api HTTP/1.1\r\nHost: a\r\n\r\n").await;
        let said = client.said().await;
        assert_eq!((said.status, said.header("allow")), (405, Some("POST, OPTIONS")));
        client.raw(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        assert_eq!(client.said().await.status, 404);
        let said = Browser::new(&house).await.post("", &"x".repeat(1001)).await;
        assert_eq!((said.status, said.body.contains(r#""status":"fail""#)), (413, true));
        let mut chunked = Browser::new(&house).await;
        let chunk = format!("3E8\r\n{}\r\n", "x".repeat(1000));
        chunked.raw(b"POST /api HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n").await;
        chunked.raw(format!("{chunk}{chunk}").as_bytes()).await;
        assert_eq!(chunked.said().await.status, 413);
        let mut bomb = Browser::new(&house).await;
        bomb.raw(format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(9000)).as_bytes()).await;
        assert_eq!(bomb.said().await.status, 431);
        let mut many = Browser::new(&house).await;
        many.raw(format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(100)).as_bytes()).await;
        assert_eq!(many.said().await.status, 431);
    });
}

#[test]
fn a_session_without_an_answer_is_told_as_busy_and_replaced() {
    run(async {
        let house = open(false, &[("session.answer_timeout_s", "1")]);
        let mut client = Browser::new(&house).await;
        client.post("", "login x").await;
        // One that ends without a word has been asked to, as by `logout`.
        for (word, status) in [("silent", 503), ("bye", 204)] {
            let said = client.post("", word).await;
            assert_eq!((said.status, said.body.contains("server busy")), (status, status == 503), "{word}");
            let cookie = said.header("set-cookie").unwrap_or_default();
            assert_eq!(cookie.starts_with("hongyan=; Max-Age=0"), status == 204, "{cookie}");
            assert_eq!(client.post("", "who").await.body, NOBODY);
            client.post("", "login x").await;
        }
    });
}

#[test]
fn connections_are_bounded_in_time_and_number() {
    run(async {
        let sets = [("web.handshake_timeout_s", "1"), ("http.idle_timeout_s", "2"), ("http.max_connections", "2")];
        let house = open(false, &sets);
        let mut dripping = Browser::new(&house).await;
        dripping.raw(b"POST /api HT").await;
        let mut half = Browser::new(&house).await;
        half.raw(b"POST /api HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nx").await;
        // One more than there is room for: the oldest goes, to whom nothing is owed.
        let mut third = Browser::new(&house).await;
        assert_eq!(third.post("", "who").await.body, NOBODY);
        assert_eq!(half.said().await.status, 408);
        assert!(dripping.ended().await && half.ended().await);
        house.reception.empty(Duration::from_secs(20)).await;
        assert_eq!(house.reception.connections.count(), 0);
        let mut slow = Browser::new(&house).await;
        slow.raw(b"POST /api HT").await;
        assert!(slow.ended().await);
        let mut idle = Browser::new(&house).await;
        assert_eq!(idle.post("", "who").await.body, NOBODY);
        assert!(idle.ended().await);
    });
}

#[test]
fn a_stop_answers_what_was_asked_and_closes() {
    run(async {
        let house = open(false, &[("session.answer_timeout_s", "1")]);
        let (mut idle, mut asking) = (Browser::new(&house).await, Browser::new(&house).await);
        idle.post("", "who").await;
        asking.raw(b"POST /api HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nsilent").await;
        while house.chat.let_in.get() < 2 {
            tokio::task::yield_now().await;
        }
        house.stop.send(true).unwrap();
        assert!(idle.ended().await);
        assert_eq!(asking.said().await.status, 503);
        assert!(asking.ended().await);
        house.reception.empty(Duration::from_secs(20)).await;
    });
}

const KEY: &str = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
const GOOD: &str =
    "Host: chat.lan\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\nSec-WebSocket-Version: 13\r\n";

#[test]
fn a_good_handshake_becomes_a_websocket() {
    run(async {
        let house = open(true, &[]);
        let mut client = Browser::new(&house).await;
        let offer = "Sec-WebSocket-Extensions: permessage-deflate\r\nOrigin: https://chat.lan\r\n";
        // The first frame comes with the handshake.
        let early =
            [format!("GET /any?thing HTTP/1.1\r\n{GOOD}{KEY}{offer}\r\n").as_bytes(), b"\x81\x83\0\0\0\0who"].concat();
        client.raw(&early).await;
        let said = client.said().await;
        assert_eq!((said.status, said.header("sec-websocket-accept")), (101, Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")));
        assert_eq!((said.header("upgrade"), said.header("connection")), (Some("websocket"), Some("Upgrade")));
        assert_eq!(said.header("sec-websocket-extensions"), None);
        let mut frame = [0; 2 + NOBODY.len()];
        client.0.read_exact(&mut frame).await.unwrap();
        assert_eq!(frame, [&[0x81, 16], NOBODY.as_bytes()].concat()[..]);
        assert_eq!((house.chat.let_in.get(), house.chat.visitors.get()), (1, 0));
        house.reception.empty(Duration::ZERO).await;
        assert_eq!(house.reception.handshakes.count(), 0, "its seat is free again");
    });
}

#[test]
fn bad_handshakes_get_proper_answers() {
    run(async {
        let house = open(true, &[]);
        let cases = [
            ("GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), 426),
            (format!("POST / HTTP/1.1\r\n{GOOD}{KEY}\r\n"), 405),
            (format!("GET / HTTP/1.0\r\n{GOOD}{KEY}\r\n"), 426),
            (format!("GET / HTTP/1.1\r\n{}{KEY}\r\n", GOOD.replace("13", "8")), 426),
            (format!("GET / HTTP/1.1\r\n{}{KEY}\r\n", GOOD.replace("keep-alive, Upgrade", "close")), 426),
            (format!("GET / HTTP/1.1\r\n{GOOD}\r\n"), 400),
            (format!("GET / HTTP/1.1\r\n{GOOD}Sec-WebSocket-Key: short\r\n\r\n"), 400),
            (format!("GET / HTTP/1.1\r\n{GOOD}{KEY}Content-Length: 1\r\n\r\nx"), 400),
            (format!("GET / HTTP/1.1\r\n{GOOD}{KEY}Origin: http://evil.example\r\n\r\n"), 403),
            (format!("GET / HTTP/1.1\r\n{GOOD}{KEY}X: {}\r\n\r\n", "x".repeat(9000)), 431),
            ("\x16\x03\x01 is TLS\r\n\r\n".to_owned(), 400),
        ];
        for (request, status) in cases {
            let mut client = Browser::new(&house).await;
            client.raw(request.as_bytes()).await;
            let said = client.said().await;
            assert_eq!(said.status, status, "{request}");
            if status == 426 {
                assert_eq!(said.header("sec-websocket-version"), Some("13"));
                assert!(said.body.contains("WebSocket"), "{}", said.body);
            }
            assert!(client.ended().await, "{request}");
        }
        assert_eq!(house.chat.let_in.get(), 0);
    });
}

#[test]
fn handshakes_are_bounded_in_time_and_number() {
    run(async {
        let house = open(true, &[("web.handshake_timeout_s", "1"), ("web.max_handshakes", "1")]);
        let mut dripping = Browser::new(&house).await;
        dripping.raw(b"GET / HTTP/1.1\r\nHo").await;
        while house.reception.handshakes.count() < 1 {
            tokio::task::yield_now().await;
        }
        // Who comes later and asks at once gets in; who drips makes room.
        let mut client = Browser::new(&house).await;
        client.raw(format!("GET / HTTP/1.1\r\n{GOOD}{KEY}\r\n").as_bytes()).await;
        assert_eq!(client.said().await.status, 101);
        assert!(dripping.ended().await);
        let mut silent = Browser::new(&house).await;
        assert!(silent.ended().await, "in time");
    });
}
