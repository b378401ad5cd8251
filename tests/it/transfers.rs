//! One side of a file transfer, byte by byte, over HTTP or on a bare port. Owns: the connection. Never: knows how the
//! side was told where it is.

use crate::world::PATIENCE;
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{IpAddr, TcpStream};

pub(crate) struct Transfer {
    stream: TcpStream,
    /// Bytes that are still to be sent.
    left: u64,
    /// The head of the answer was read.
    answered: bool,
}

impl Transfer {
    /// Goes where a `fileReady` says.
    pub(crate) fn open(host: IpAddr, ready: &str) -> Self {
        let ready: Value = serde_json::from_str(ready).unwrap();
        let ready = &ready["fileReady"];
        let port = u16::try_from(ready["port"].as_u64().unwrap()).unwrap();
        let length: u64 = ready["length"].as_str().unwrap().parse().unwrap();
        let path = ready["path"].as_str().expect("a path over HTTP");
        let mut stream = TcpStream::connect((host, port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let sending = ready["sending"] == true;
        let ask = if sending {
            format!("PUT {path} HTTP/1.1\r\nHost: hongyan\r\nContent-Length: {length}\r\n\r\n")
        } else {
            format!("GET {path} HTTP/1.1\r\nHost: hongyan\r\n\r\n")
        };
        stream.write_all(ask.as_bytes()).unwrap();
        Self { stream, left: if sending { length } else { 0 }, answered: false }
    }

    /// Sends so many bytes.
    pub(crate) fn send(&mut self, length: usize) {
        self.stream.write_all(&vec![b'x'; length]).unwrap();
        self.left -= u64::try_from(length).unwrap();
    }

    /// It is over: a sender has sent everything, and hears that it is there.
    pub(crate) fn done(mut self) {
        assert_eq!(self.left, 0);
        self.expect_ok();
    }

    /// Receives so many bytes.
    pub(crate) fn fetch(&mut self, length: usize) {
        self.expect_ok();
        let mut bytes = vec![0; length];
        self.stream.read_exact(&mut bytes).unwrap();
        assert!(bytes.iter().all(|byte| *byte == b'x'));
    }

    fn expect_ok(&mut self) {
        if std::mem::replace(&mut self.answered, true) {
            return;
        }
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            self.stream.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).unwrap();
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    }
}
