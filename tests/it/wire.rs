//! One connection in any dialect over any link. Owns: how frames are cut, and what a close looks like. Never: knows a
//! command; `people` and `golden` do.

use crate::world::{PATIENCE, Server};
use serde_json::Value;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use tungstenite::protocol::CloseFrame;
use tungstenite::{Message, WebSocket};

/// What somebody speaks, over what.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    PlainTcp,
    PlainWeb,
    FramedTcp,
    FramedWeb,
}

impl Kind {
    pub(crate) const ALL: [Self; 4] = [Self::PlainTcp, Self::PlainWeb, Self::FramedTcp, Self::FramedWeb];

    pub(crate) fn is_plain(self) -> bool {
        matches!(self, Self::PlainTcp | Self::PlainWeb)
    }

    pub(crate) fn is_web(self) -> bool {
        matches!(self, Self::PlainWeb | Self::FramedWeb)
    }

    /// Its listener's name in the settings.
    pub(crate) fn listener(self) -> &'static str {
        match self {
            Self::PlainTcp => "plain",
            Self::PlainWeb => "plainweb",
            Self::FramedTcp => "framed",
            Self::FramedWeb => "web",
        }
    }
}

/// Settings with a listener for each kind.
pub(crate) const LISTENERS: [&str; 3] =
    ["listen.plainweb.address=127.0.0.1:0", "listen.plainweb.link=websocket", "listen.plainweb.dialect=plain"];

/// The most JSON that a packet of `framed` may have over TCP: clients have a buffer of 2,048 bytes.
const PACKET: u32 = 2047;

/// One connection, whatever its framing.
pub(crate) enum Wire {
    Lines(TcpStream, Vec<u8>),
    Frames(TcpStream),
    Web(Box<WebSocket<TcpStream>>),
}

/// What comes next on a connection.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Heard {
    Text(String),
    /// The server has closed; over a WebSocket with that code.
    Closed(Option<u16>),
    /// The connection is gone in another way, as when the server is killed.
    Gone,
}

impl Wire {
    pub(crate) fn open(server: &Server, kind: Kind) -> Self {
        let address = server.listener(kind.listener());
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        match kind {
            Kind::PlainTcp => Self::Lines(stream, Vec::new()),
            Kind::FramedTcp => Self::Frames(stream),
            Kind::PlainWeb | Kind::FramedWeb => {
                let (socket, _) = tungstenite::client(format!("ws://{address}/"), stream).unwrap();
                Self::Web(Box::new(socket))
            }
        }
    }

    pub(crate) fn stream(&mut self) -> &mut TcpStream {
        match self {
            Self::Lines(stream, _) | Self::Frames(stream) => stream,
            Self::Web(socket) => socket.get_mut(),
        }
    }

    /// Says something, unless the server is gone.
    pub(crate) fn try_text(&mut self, text: &str) -> bool {
        match self {
            Self::Lines(stream, _) => stream.write_all(format!("{text}\n").as_bytes()).is_ok(),
            Self::Frames(stream) => stream.write_all(&frame(text.as_bytes())).is_ok(),
            Self::Web(socket) => socket.send(Message::text(text)).is_ok(),
        }
    }

    pub(crate) fn text(&mut self, text: &str) {
        assert!(self.try_text(text), "the connection is gone");
    }

    pub(crate) fn say(&mut self, object: &Value) {
        self.text(&object.to_string());
    }

    /// The next text or the end, letter by letter.
    pub(crate) fn heard(&mut self) -> Heard {
        match self {
            Self::Lines(stream, kept) => loop {
                if let Some(end) = kept.iter().position(|byte| *byte == b'\n') {
                    let line: Vec<u8> = kept.drain(..end).collect();
                    kept.remove(0);
                    break text(line);
                }
                let mut piece = [0; 4096];
                match stream.read(&mut piece) {
                    Ok(0) => break Heard::Closed(None),
                    Ok(n) => kept.extend_from_slice(&piece[..n]),
                    Err(error) => break gone(&error),
                }
            },
            Self::Frames(stream) => {
                let mut length = [0; 4];
                // Between two packets a close is in order, within one it is not.
                match stream.read(&mut length) {
                    Ok(0) => return Heard::Closed(None),
                    Ok(n) => {
                        if let Err(error) = stream.read_exact(&mut length[n..]) {
                            return gone(&error);
                        }
                    }
                    Err(error) => return gone(&error),
                }
                let length = u32::from_le_bytes(length);
                assert!(length <= PACKET, "a packet of {length} bytes does not fit a buffer of 2048");
                let mut packet = vec![0; usize::try_from(length).unwrap()];
                match stream.read_exact(&mut packet) {
                    Ok(()) => text(packet),
                    Err(error) => gone(&error),
                }
            }
            Self::Web(socket) => loop {
                match socket.read() {
                    Ok(Message::Text(text)) => break Heard::Text(text.as_str().to_owned()),
                    Ok(Message::Ping(_) | Message::Pong(_)) => {
                        let _ = socket.flush();
                    }
                    Ok(Message::Close(close)) => break closed(socket, close.as_ref()),
                    Err(tungstenite::Error::ConnectionClosed) => break Heard::Closed(None),
                    Err(tungstenite::Error::Protocol(error)) => {
                        assert_eq!(error, tungstenite::error::ProtocolError::ResetWithoutClosingHandshake);
                        break Heard::Gone;
                    }
                    Err(tungstenite::Error::Io(error)) => break gone(&error),
                    other => panic!("{other:?}"),
                }
            },
        }
    }

    /// The next object; `None` once the server has closed, or is gone.
    pub(crate) fn hear(&mut self) -> Option<Value> {
        match self.heard() {
            Heard::Text(text) => {
                Some(serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {}", text.escape_debug())))
            }
            Heard::Closed(_) | Heard::Gone => None,
        }
    }

    /// Closes as the link wants it, and waits until the server has seen that.
    pub(crate) fn close(self) {
        match self {
            Self::Web(mut socket) => {
                let _ = socket.close(None);
                while socket.read().is_ok() {}
            }
            Self::Lines(stream, _) | Self::Frames(stream) => drop(stream),
        }
    }

    /// Dies with a reset, as a machine does that loses its power.
    pub(crate) fn reset(self) {
        match self {
            Self::Lines(stream, _) | Self::Frames(stream) => crate::world::reset(stream),
            // The socket closes both handles; linger belongs to what they share.
            Self::Web(socket) => crate::world::reset(socket.get_ref().try_clone().unwrap()),
        }
    }
}

fn text(bytes: Vec<u8>) -> Heard {
    Heard::Text(String::from_utf8(bytes).unwrap())
}

/// What an error means where a text was awaited: the end, unless it is that nothing came.
fn gone(error: &std::io::Error) -> Heard {
    let ended = matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe);
    assert!(ended, "waits in vain: {error}");
    Heard::Gone
}

fn closed(socket: &mut WebSocket<TcpStream>, close: Option<&CloseFrame>) -> Heard {
    // The echo goes out with the next read; then the server hangs up.
    while socket.read().is_ok() {}
    Heard::Closed(close.map(|close| u16::from(close.code)))
}

/// A frame of the framed dialect.
pub(crate) fn frame(json: &[u8]) -> Vec<u8> {
    let length = u32::try_from(json.len()).unwrap();
    [&length.to_le_bytes()[..], json].concat()
}
