//! The server's end of each carrier, for tests: its decoders and encoders are the server's, its WebSocket is tungstenite's.

use super::*;
use std::io::{self, Read, Write};
use tungstenite::handshake::server::{ErrorResponse, Request as Asked, Response};
use tungstenite::protocol::{Role, WebSocket};
use tungstenite::{Message, accept_hdr};

/// A stream in memory.
#[derive(Default)]
pub(super) struct Pipe {
    pub(super) input: io::Cursor<Vec<u8>>,
    pub(super) output: Vec<u8>,
}

impl Pipe {
    pub(super) fn of(input: Vec<u8>) -> Self {
        Self { input: io::Cursor::new(input), output: Vec::new() }
    }
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.input.read(buffer)
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.output.write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The bytes that answer a handshake, which must be a good one and ask for the dialect.
#[allow(clippy::result_large_err, reason = "as tungstenite wants it")]
pub(super) fn welcome(handshake: Vec<u8>, dialect: DialectId) -> Vec<u8> {
    let name = dialect.get().name();
    let agree = |asked: &Asked, mut answer: Response| -> Result<Response, ErrorResponse> {
        assert_eq!(asked.headers().get("host").unwrap(), "localhost:1");
        assert_eq!(asked.headers().get("sec-websocket-protocol").unwrap(), name);
        answer.headers_mut().insert("sec-websocket-protocol", name.parse().unwrap());
        Ok(answer)
    };
    let mut pipe = Pipe::of(handshake);
    accept_hdr(&mut pipe, agree).unwrap();
    pipe.output
}

/// A conversation that may begin.
pub(super) fn talk(dialect: DialectId, wrap: Wrap) -> Conversation {
    let mut talk = Conversation::new(dialect, wrap, 1);
    let mut out = Vec::new();
    talk.open("localhost:1", &mut out);
    assert_eq!(talk.is_open(), wrap != Wrap::WebSocket);
    if wrap == Wrap::WebSocket {
        assert_eq!(heard(&mut talk, &welcome(out, dialect)).unwrap(), []);
    }
    assert!(talk.is_open());
    talk
}

pub(super) fn carrier(wrap: Wrap) -> Carrier {
    if wrap == Wrap::Stream { Carrier::Stream } else { Carrier::Message }
}

/// What the server reads; it must take everything, and find no mistake.
pub(super) fn requests(dialect: DialectId, wrap: Wrap, bytes: &[u8]) -> Vec<Request> {
    match wrap {
        Wrap::Stream | Wrap::Message => decoded(dialect, carrier(wrap), bytes),
        Wrap::WebSocket => {
            let mut server = WebSocket::from_raw_socket(Pipe::of(bytes.to_vec()), Role::Server, None);
            let mut requests = Vec::new();
            while let Ok(message) = server.read() {
                assert_eq!(message.is_binary(), dialect.get().takes_binary(), "{message:?}");
                requests.extend(decoded(dialect, Carrier::Message, &message.into_data()));
            }
            requests
        }
    }
}

fn decoded(dialect: DialectId, carrier: Carrier, bytes: &[u8]) -> Vec<Request> {
    let mut decoder = dialect.get().decoder(carrier, LIMITS);
    let (mut input, mut requests) = (bytes, Vec::new());
    while !input.is_empty() {
        match decoder.decode(&mut input) {
            Decoded::Request(request) => requests.push(*request),
            Decoded::Need => assert!(input.is_empty()),
            Decoded::Mistake(mistake) => panic!("{}: {mistake:?}", bytes.escape_ascii()),
        }
    }
    assert!(!decoder.is_midway());
    requests
}

/// What the server's frames are on a carrier: pieces that may be split further only if it is a stream.
pub(super) fn wired(wrap: Wrap, frames: impl IntoIterator<Item = Frame>) -> Vec<Vec<u8>> {
    let bytes = |frame: Frame| match wrap {
        Wrap::Stream => frame.wire().to_vec(),
        Wrap::Message => frame.body().to_vec(),
        Wrap::WebSocket => {
            let mut server = WebSocket::from_raw_socket(Pipe::default(), Role::Server, None);
            let body = frame.body();
            let message = if frame.is_binary() {
                Message::Binary(body)
            } else {
                Message::text(String::from_utf8(body.to_vec()).unwrap())
            };
            server.send(message).unwrap();
            std::mem::take(&mut server.get_mut().output)
        }
    };
    frames.into_iter().map(bytes).collect()
}
