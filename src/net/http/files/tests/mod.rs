//! Files over HTTP: real connections to a hyper server that does nothing else, with a real relay behind it.

mod ending;

use super::*;
use crate::net::relay::tests::{ONE, Open, PATIENCE, TWO, file, open, over_http, plan, read_all, token};
use crate::net::relay::{Mover, TcpRelays};
use actors::transfer::relay::{RelayPlan, Way};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::thread::{self, JoinHandle};
use tokio::sync::oneshot;

/// A relay and an HTTP server.
struct World {
    relays: TcpRelays,
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

fn world() -> World {
    let relays = TcpRelays::start(Mover::default()).unwrap();
    let doors = relays.doors();
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let thread = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build().unwrap();
        runtime.block_on(async move {
            tokio::select! {
                _ = stopped => {}
                never = accept(listener, doors) => match never {},
            }
        });
    });
    World { relays, address, stop: Some(stop), thread: Some(thread) }
}

async fn accept(listener: std::net::TcpListener, doors: Doors) -> Infallible {
    listener.set_nonblocking(true).unwrap();
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let doors = doors.clone();
        tokio::spawn(async move {
            let answer = service_fn(async |request| Ok::<_, Infallible>(serve(&doors, request).await));
            let mut builder = http1::Builder::new();
            builder.max_buf_size(8192);
            // Fails where a client leaves or a file is cut off, as some tests want.
            let _ = builder.serve_connection(TokioIo::new(stream), answer).await;
        });
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.stop = None;
        self.thread.take().unwrap().join().unwrap();
    }
}

/// What came back.
struct Heard {
    status: u16,
    headers: Vec<String>,
    body: Vec<u8>,
}

impl Heard {
    /// Asserts a header line.
    fn has(&self, line: &str) {
        assert!(self.headers.iter().any(|header| header.eq_ignore_ascii_case(line)), "{line}: {:?}", self.headers);
    }
}

/// One request on a connection of its own, with its head sent.
struct Asked(BufReader<TcpStream>);

impl World {
    fn ask(&self, method: &str, path: &str, headers: &str) -> Asked {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        write!(stream, "{method} {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n{headers}\r\n").unwrap();
        Asked(BufReader::new(stream))
    }

    fn put(&self, way: &Way, length: usize) -> Asked {
        self.ask("PUT", &path(way), &format!("Content-Length: {length}\r\n"))
    }

    fn get(&self, way: &Way) -> Asked {
        self.ask("GET", &path(way), "")
    }

    /// Asks for what is refused, until the answer says that a side with this token has come.
    fn until_used(&self, way: &Way) {
        while self.put(way, 3).hear().status != 404 {}
    }

    fn open(&self, plan: &RelayPlan) -> Open {
        open(&self.relays, plan.clone())
    }
}

fn path(way: &Way) -> String {
    format!("/files/{}", token(way))
}

impl Asked {
    fn write(&mut self, bytes: &[u8]) {
        self.0.get_mut().write_all(bytes).unwrap();
    }

    /// The status and the headers.
    fn head(&mut self) -> Heard {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            self.0.read_line(&mut line).unwrap();
            if line.trim_end().is_empty() {
                break;
            }
            lines.push(line.trim_end().to_owned());
        }
        let status = lines.remove(0).split(' ').nth(1).unwrap().parse().unwrap();
        Heard { status, headers: lines, body: Vec::new() }
    }

    /// All of the answer, as far as it comes.
    fn hear(mut self) -> Heard {
        let heard = self.head();
        Heard { body: read_all(&mut self.0), ..heard }
    }
}

fn web_plan(length: u64) -> RelayPlan {
    RelayPlan { sender: over_http(), receiver: over_http(), ..plan(ONE, TWO, length) }
}

fn from_web(length: u64) -> RelayPlan {
    RelayPlan { sender: over_http(), ..plan(ONE, TWO, length) }
}

fn to_web(length: u64) -> RelayPlan {
    RelayPlan { receiver: over_http(), ..plan(ONE, TWO, length) }
}

#[test]
fn a_browser_sends_to_a_program() {
    let world = world();
    for bytes in [0, 1, 100_000].map(file) {
        let plan = from_web(bytes.len() as u64);
        let open = world.open(&plan);
        let mut put = world.put(&plan.sender, bytes.len());
        put.write(&bytes);
        let mut receiver = open.connect(TWO);
        assert!(read_all(&mut receiver) == bytes, "other bytes");
        drop(receiver);
        let heard = put.hear();
        assert_eq!((heard.status, &heard.body[..]), (200, &b"delivered\n"[..]));
        heard.has("cache-control: no-store");
        assert_eq!(open.end(), RelayEnd::Complete);
    }
}

#[test]
fn a_program_sends_to_a_browser() {
    let world = world();
    for bytes in [0, 1, 100_000].map(file) {
        let plan = RelayPlan { name: "猫 \"a\".txt".into(), ..to_web(bytes.len() as u64) };
        let open = world.open(&plan);
        let get = world.get(&plan.receiver);
        let mut sender = open.send(ONE, &bytes);
        let heard = get.hear();
        assert_eq!(heard.status, 200);
        heard.has(&format!("content-length: {}", bytes.len()));
        heard.has("content-type: application/octet-stream");
        heard.has("content-disposition: attachment; filename*=UTF-8''%E7%8C%AB%20%22a%22.txt");
        heard.has("x-content-type-options: nosniff");
        heard.has("cache-control: no-store");
        assert!(heard.body == bytes, "other bytes");
        assert_eq!(read_all(&mut sender), b"");
        drop(sender);
        assert_eq!(open.end(), RelayEnd::Complete);
    }
}

#[test]
fn a_browser_sends_to_a_browser() {
    let world = world();
    for bytes in [0, 1, 20_000_000].map(file) {
        let plan = web_plan(bytes.len() as u64);
        let open = world.open(&plan);
        let mut put = world.put(&plan.sender, bytes.len());
        let get = world.get(&plan.receiver);
        thread::scope(|scope| {
            scope.spawn(|| put.write(&bytes));
            let heard = get.hear();
            assert_eq!(heard.status, 200);
            assert!(heard.body == bytes, "other bytes");
        });
        assert_eq!(put.hear().status, 200);
        assert_eq!(open.end(), RelayEnd::Complete);
    }
}

#[test]
fn what_cannot_take_part_is_told_why_and_uses_nothing_up() {
    let world = world();
    let plan = web_plan(10);
    let open = world.open(&plan);
    let (sender, receiver) = (path(&plan.sender), path(&plan.receiver));
    let length = "Content-Length: 10\r\n";
    for (method, path, headers, status) in [
        ("GET", "/files/", "", 404),
        ("GET", "/files/0123456789abcdef0123456789abcdef", "", 404),
        ("GET", "/elsewhere", "", 404),
        ("PUT", "/files/0123456789abcdef0123456789abcdef", length, 404),
        ("PUT", "/files/0123456789abcdef0123456789abcdef", "", 411),
        ("GET", &format!("{receiver}/"), "", 404),
        ("GET", &sender, "", 405),
        ("PUT", &receiver, length, 405),
        ("HEAD", &receiver, "", 405),
        ("DELETE", &receiver, "", 405),
        ("POST", &sender, length, 405),
        ("PUT", &sender, "", 411),
        ("PUT", &sender, "Transfer-Encoding: chunked\r\n", 411),
        ("PUT", &sender, "Content-Length: 9\r\n", 400),
        ("PUT", &sender, "Content-Length: 11\r\n", 400),
        ("PUT", &sender, "Content-Length: -10\r\n", 400),
    ] {
        let heard = world.ask(method, path, headers).hear();
        assert_eq!(heard.status, status, "{method} {path} {headers}");
        if status == 405 {
            heard.has("allow: GET, PUT");
        }
    }
    let mut put = world.put(&plan.sender, 10);
    put.write(b"0123456789");
    assert_eq!(world.get(&plan.receiver).hear().body, b"0123456789");
    assert_eq!(put.hear().status, 200);
    assert_eq!(open.end(), RelayEnd::Complete);
    for heard in [world.get(&plan.receiver).hear(), world.put(&plan.sender, 10).hear()] {
        assert_eq!((heard.status, &heard.body[..]), (404, &b"no such transfer\n"[..]));
    }
}

#[test]
fn a_token_in_use_opens_nothing_to_a_second() {
    let world = world();
    let plan = web_plan(10);
    let open = world.open(&plan);
    let mut put = world.put(&plan.sender, 10);
    put.write(b"01234");
    let mut get = world.get(&plan.receiver);
    // The first bytes have been answered, so both tokens are used.
    assert_eq!(get.head().status, 200);
    assert_eq!(world.get(&plan.receiver).hear().status, 404);
    assert_eq!(world.put(&plan.sender, 10).hear().status, 404);
    put.write(b"56789");
    assert_eq!(read_all(&mut get.0), b"0123456789");
    assert_eq!(put.hear().status, 200);
    assert_eq!(open.end(), RelayEnd::Complete);
}

#[test]
fn who_waits_for_a_go_ahead_gets_it_and_only_if_welcome() {
    let world = world();
    let plan = from_web(5);
    let open = world.open(&plan);
    let expect = "Expect: 100-continue\r\n";
    let refused = world.ask("PUT", &path(&plan.sender), &format!("Content-Length: 6\r\n{expect}"));
    assert_eq!(refused.hear().status, 400);
    let mut put = world.ask("PUT", &path(&plan.sender), &format!("Content-Length: 5\r\n{expect}"));
    assert_eq!(put.head().status, 100);
    put.write(b"01234");
    assert_eq!(read_all(&mut open.connect(TWO)), b"01234");
    assert_eq!(put.hear().status, 200);
    assert_eq!(open.end(), RelayEnd::Complete);
}

#[test]
fn names_are_written_so_that_no_header_can_be_broken_out_of() {
    for (name, written) in [
        ("a.txt", "a.txt"),
        ("a b;c=\"d\".txt", "a%20b%3Bc%3D%22d%22.txt"),
        ("100%.txt", "100%25.txt"),
        ("x\r\nSet-Cookie: a", "x%0D%0ASet-Cookie%3A%20a"),
        ("照片'*", "%E7%85%A7%E7%89%87%27%2A"),
    ] {
        assert_eq!(disposition(name), format!("attachment; filename*=UTF-8''{written}"));
    }
}
