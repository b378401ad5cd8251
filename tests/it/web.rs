//! A client of the WebSocket listener, with frames written by hand: what a library would do for it is what is tested.

use crate::world::{PATIENCE, Server, matches};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};

const REQUEST: &str = "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                       Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

pub(crate) const TEXT: u8 = 1;
pub(crate) const CLOSE: u8 = 8;
pub(crate) const PING: u8 = 9;
pub(crate) const PONG: u8 = 10;

/// A browser's end.
pub(crate) struct WebClient {
    pub(crate) name: String,
    stream: TcpStream,
    /// Whether it answers pings, as every browser does by itself.
    pub(crate) answers: bool,
}

/// A frame of a client: under a mask.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        length @ 0..126 => frame.push(0x80 | length as u8),
        length @ 126..65536 => {
            frame.push(0x80 | 126);
            frame.extend((length as u16).to_be_bytes());
        }
        length => {
            frame.push(0x80 | 127);
            frame.extend((length as u64).to_be_bytes());
        }
    }
    let mask = [1, 2, 3, 4];
    frame.extend(mask);
    frame.extend(payload.iter().zip(mask.into_iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

/// Connects, asks for a WebSocket with these headers besides, and returns the head of the answer.
pub(crate) fn handshake(to: SocketAddr, headers: &str) -> (TcpStream, String) {
    let mut stream = TcpStream::connect(to).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    // What is refused early may not be read to its end.
    let _ = stream.write_all(format!("{REQUEST}{headers}\r\n").as_bytes());
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && matches!(stream.read(&mut byte), Ok(1)) {
        head.push(byte[0]);
    }
    (stream, String::from_utf8(head).unwrap())
}

impl WebClient {
    pub(crate) fn new(server: &Server) -> Self {
        let (stream, head) = handshake(server.web_address, "");
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        Self { name: String::new(), stream, answers: true }
    }

    /// An account that is there already, over this server's WebSocket, in `plain`.
    pub(crate) fn again(server: &Server, name: &str) -> Self {
        let mut client = Self::new(server);
        client.login(name);
        client
    }

    pub(crate) fn login(&mut self, name: &str) {
        self.say(&format!(r#"{{"cmd":"login","user":"{name}","password":"11111"}}"#));
        name.clone_into(&mut self.name);
        let reply = self.line();
        assert!(reply.starts_with(r#"{"cmd":"login_reply","result":"success""#), "{name}: {reply}");
    }

    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    pub(crate) fn say(&mut self, text: &str) {
        self.raw(&frame(0x80 | TEXT, text.as_bytes()));
    }

    /// The next frame, whatever it is; `None` where the connection has ended.
    pub(crate) fn frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let mut head = [0; 2];
        match self.stream.read_exact(&mut head) {
            Ok(()) => {}
            Err(error) if matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset) => return None,
            Err(error) => panic!("{} waits in vain: {error}", self.name),
        }
        assert_eq!(head[0] & 0xf0, 0x80, "the server sends whole frames without reserved bits");
        assert_eq!(head[1] & 0x80, 0, "a server does not mask");
        let length = match head[1] {
            126 => {
                let mut length = [0; 2];
                self.stream.read_exact(&mut length).unwrap();
                usize::from(u16::from_be_bytes(length))
            }
            127 => {
                let mut length = [0; 8];
                self.stream.read_exact(&mut length).unwrap();
                u64::from_be_bytes(length) as usize
            }
            length => usize::from(length),
        };
        let mut payload = vec![0; length];
        self.stream.read_exact(&mut payload).unwrap();
        Some((head[0] & 0x0f, payload))
    }

    /// The next frame that is not part of asking who is still there.
    fn word(&mut self) -> Option<(u8, Vec<u8>)> {
        loop {
            match self.frame()? {
                (PING, payload) if self.answers => self.raw(&frame(0x80 | PONG, &payload)),
                (PING | PONG, _) => {}
                other => return Some(other),
            }
        }
    }

    /// What the next pong brings back.
    pub(crate) fn pong(&mut self) -> Vec<u8> {
        loop {
            match self.frame() {
                Some((PONG, payload)) => return payload,
                Some((PING, payload)) => self.raw(&frame(0x80 | PONG, &payload)),
                other => panic!("{}: {other:?} instead of a pong", self.name),
            }
        }
    }

    pub(crate) fn line(&mut self) -> String {
        match self.word() {
            Some((TEXT, text)) => String::from_utf8(text).unwrap(),
            other => panic!("{}: {other:?} instead of a text", self.name),
        }
    }

    #[track_caller]
    pub(crate) fn expect(&mut self, line: &str) {
        let got = self.line();
        assert!(matches(line, &got), "{} expected\n  {line}\nand got\n  {got}", self.name);
    }

    #[track_caller]
    pub(crate) fn ask(&mut self, object: &str, reply: &str) {
        self.say(object);
        self.expect(reply);
    }

    #[track_caller]
    pub(crate) fn expect_nothing(&mut self) {
        self.ask(r#"{"cmd":"ping"}"#, r#"{"cmd":"ping_reply","result":"success"}"#);
    }

    /// The server closes with that code, hears the echo, and ends the connection.
    #[track_caller]
    pub(crate) fn expect_close(&mut self, code: u16) {
        match self.word() {
            Some((CLOSE, payload)) => {
                assert_eq!(u16::from_be_bytes([payload[0], payload[1]]), code, "{}", payload.escape_ascii());
                let _ = self.stream.write_all(&frame(0x80 | CLOSE, &payload[..2]));
            }
            other => panic!("{}: {other:?} instead of a close", self.name),
        }
        assert_eq!(self.frame(), None);
    }

    pub(crate) fn private(&self, to: &str, text: &str) -> String {
        format!(r#"{{"cmd":"private_chat","user_from":"{}","user_to":"{to}","text":"{text}"}}"#, self.name)
    }

    /// Another way to write on the same connection, for a thread of its own.
    pub(crate) fn twin(&self) -> TcpStream {
        self.stream.try_clone().unwrap()
    }

    /// Dies with a reset.
    pub(crate) fn reset(self) {
        crate::world::reset(self.stream);
    }
}
