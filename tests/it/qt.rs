//! A client that takes whatever one read returns for one object, as the existing Qt clients do.

use crate::world::PATIENCE;
use std::io::{Read, Write};
use std::net::TcpStream;

/// A client that takes whatever one read returns for one object, as the Qt clients do.
pub(crate) struct QtClient {
    stream: TcpStream,
}

/// What one read returned.
#[derive(Debug, PartialEq)]
pub(crate) enum Read1 {
    Object(serde_json::Value),
    Newline,
}

impl QtClient {
    pub(crate) fn new(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { stream }
    }

    /// As `QJsonDocument::toJson()` writes it: four spaces, sorted keys, a newline at the end.
    pub(crate) fn say(&mut self, object: &str) {
        let value: serde_json::Value = serde_json::from_str(object).unwrap();
        let mut wire = Vec::new();
        let style = serde_json::ser::PrettyFormatter::with_indent(b"    ");
        serde::Serialize::serialize(&value, &mut serde_json::Serializer::with_formatter(&mut wire, style)).unwrap();
        wire.push(b'\n');
        self.stream.write_all(&wire).unwrap();
    }

    /// `readAll()`: exactly one object or a lone newline; otherwise an object is lost.
    pub(crate) fn read(&mut self) -> Read1 {
        let mut buffer = [0; 65536];
        let n = self.stream.read(&mut buffer).unwrap();
        assert_ne!(n, 0, "the server has closed");
        if buffer[..n] == *b"\n" {
            return Read1::Newline;
        }
        match serde_json::from_slice(&buffer[..n]) {
            Ok(object) => Read1::Object(object),
            Err(error) => panic!("lost: {error}: {}", String::from_utf8_lossy(&buffer[..n])),
        }
    }

    /// The next object, past newlines.
    pub(crate) fn object(&mut self) -> serde_json::Value {
        loop {
            if let Read1::Object(object) = self.read() {
                return object;
            }
        }
    }

    #[track_caller]
    pub(crate) fn expect(&mut self, object: &str) {
        assert_eq!(self.object(), serde_json::from_str::<serde_json::Value>(object).unwrap());
    }
}
