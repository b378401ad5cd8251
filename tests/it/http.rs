//! `POST /api`, in the words of `framed`.

use crate::web::WebClient;
use crate::world::{PATIENCE, Server, matches};
use rustix::process::Signal;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

/// A connection that is kept.
struct Page {
    stream: BufReader<TcpStream>,
    /// Sent with every request.
    headers: String,
}

/// An answer.
struct Said {
    status: u16,
    head: Vec<(String, String)>,
    body: String,
}

impl Said {
    fn header(&self, name: &str) -> Option<&str> {
        self.head.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}

impl Page {
    fn new(server: &Server) -> Self {
        let stream = TcpStream::connect(server.http_address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { stream: BufReader::new(stream), headers: String::new() }
    }

    fn send(&mut self, body: &str) {
        let (headers, length) = (&self.headers, body.len());
        let request = format!(
            "POST /api HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-www-form-urlencoded\r\n{headers}\
             Content-Length: {length}\r\n\r\n{body}"
        );
        self.stream.get_mut().write_all(request.as_bytes()).unwrap();
    }

    fn said(&mut self) -> Said {
        let mut line = String::new();
        self.stream.read_line(&mut line).unwrap();
        let status = line.split(' ').nth(1).unwrap_or_else(|| panic!("closed: {line:?}")).parse().unwrap();
        let mut head = Vec::new();
        loop {
            line.clear();
            self.stream.read_line(&mut line).unwrap();
            let Some((name, value)) = line.trim_end().split_once(": ") else { break };
            head.push((name.to_lowercase(), value.to_owned()));
        }
        let mut said = Said { status, head, body: String::new() };
        let mut body = vec![0; said.header("content-length").map_or(0, |length| length.parse().unwrap())];
        self.stream.read_exact(&mut body).unwrap();
        said.body = String::from_utf8(body).unwrap();
        said
    }

    #[track_caller]
    fn ask(&mut self, body: &str, expected: &str) -> Said {
        self.send(body);
        let said = self.said();
        assert!(said.status == 200 && matches(expected, &said.body), "{} {}", said.status, said.body);
        said
    }

    /// A new account; returns its id.
    fn logon(&mut self, name: &str) -> String {
        let said = self.ask(
            &format!(r#"{{"command":"logon","username":"{name}","password":"11111"}}"#),
            r#"{"command":"logon_return","status":"success","id":"<N>"}"#,
        );
        serde_json::from_str::<serde_json::Value>(&said.body).unwrap()["id"].as_str().unwrap().to_owned()
    }

    fn login(&mut self, id: &str, name: &str) -> Said {
        self.ask(
            &format!(r#"{{"command":"login","id":"{id}","password":"11111"}}"#),
            &format!(r#"{{"command":"login_return","status":"success","username":"{name}"}}"#),
        )
    }
}

fn list(id: &str) -> String {
    format!(r#"{{"command":"list_friend","id":"{id}"}}"#)
}

fn listed(id: &str) -> String {
    format!(r#"{{"command":"list_friend_return","id":"{id}","status":"success","friends":[]}}"#)
}

#[test]
fn an_account_is_made_logged_in_and_listed_over_http() {
    let server = Server::start();
    let mut page = Page::new(&server);
    let id = page.logon("小明");
    page.send(&list(&id));
    assert!(page.said().body.contains("not logged in"));
    let login = page.login(&id, "小明");
    let token = login.header("x-hongyan-token").unwrap().to_owned();
    assert!(login.header("set-cookie").unwrap().contains("HttpOnly; SameSite=Strict"));
    page.ask(&list(&id), &listed(&id));
    // Elsewhere, by either.
    let mut other = Page::new(&server);
    other.send(&list(&id));
    assert!(other.said().body.contains("not logged in"));
    other.headers = format!("Cookie: hongyan={token}\r\n");
    other.ask(&list(&id), &listed(&id));
    other.headers = format!("Authorization: Bearer {token}\r\nX-Forwarded-For: 192.0.2.1\r\n");
    other.ask(&list(&id), &listed(&id));
    // Nobody is online by that, and nothing but asking is possible.
    other.send(&format!(r#"{{"command":"send_message","src":"{id}","dst":"{id}","message":"x"}}"#));
    assert!(other.said().body.contains(r#""status":"fail""#));
}

#[test]
fn the_original_page_logs_in_over_http_and_then_on_the_websocket() {
    let server = Server::start();
    let mut page = Page::new(&server);
    page.headers = "Origin: http://127.0.0.1:8080\r\n".into();
    let id = page.logon("小明");
    let login = page.login(&id, "小明");
    assert_eq!(login.header("access-control-allow-origin"), Some("http://127.0.0.1:8080"));
    let mut socket = WebClient::new(&server);
    socket.ask(
        &format!(r#"{{"command":"login","id":"{id}","password":"11111"}}"#),
        r#"{"command":"login_return","status":"success","username":"小明"}"#,
    );
    socket.ask(&list(&id), &listed(&id));
}

#[test]
fn what_is_no_request_is_told_in_the_dialects_words() {
    let server = Server::with(&["framed.max_message_bytes=1000"]);
    let mut page = Page::new(&server);
    for (body, detail) in
        [("[", "not an Json Object"), ("{}", "no command"), (r#"{"command":"dance"}"#, "wrong command")]
    {
        page.send(body);
        let said = page.said();
        let begins = format!(r#"{{"command":"return","status":"fail","detail":"{detail}","hint":""#);
        assert_eq!((said.status, said.body.starts_with(&begins)), (200, true), "{}", said.body);
    }
    page.send(&" ".repeat(1001));
    let said = page.said();
    assert_eq!((said.status, said.body.contains(r#""status":"fail""#)), (413, true));
}

#[test]
fn a_stop_ends_it_in_time() {
    let mut server = Server::start();
    let mut page = Page::new(&server);
    let id = page.logon("小明");
    page.login(&id, "小明");
    server.signal(Signal::TERM);
    assert_eq!(page.stream.read(&mut [0; 64]).unwrap(), 0);
    assert_eq!(server.ended().code(), Some(0));
}

/// In no dialect's words: where things are, who may ask, and how it ends.
#[test]
fn paths_origins_and_a_stop() {
    let mut server = Server::start();
    let mut page = Page::new(&server);
    for (request, status) in [
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", 404),
        ("GET /api HTTP/1.1\r\nHost: a\r\n\r\n", 405),
        ("OPTIONS /api HTTP/1.1\r\nHost: a\r\nOrigin: http://a:80\r\n\r\n", 204),
        ("POST /api HTTP/1.1\r\nHost: a\r\nOrigin: http://b\r\nContent-Length: 0\r\n\r\n", 403),
        ("POST /api HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", 400),
    ] {
        page.stream.get_mut().write_all(request.as_bytes()).unwrap();
        assert_eq!(page.said().status, status, "{request}");
    }
    let mut dripping = TcpStream::connect(server.http_address).unwrap();
    dripping.write_all(b"POST /api HTTP/1.1\r\n").unwrap();
    server.signal(Signal::TERM);
    assert_eq!(page.stream.read(&mut [0; 64]).unwrap(), 0);
    assert!(matches!(dripping.read(&mut [0; 64]), Ok(0) | Err(_)));
    assert_eq!(server.ended().code(), Some(0));
}
