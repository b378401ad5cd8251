//! One connection in any dialect over any link. Owns: how frames are cut, and what a close looks like. Never: knows a
//! command; `people` and `golden` do.

use crate::world::{PATIENCE, Server};
use prost::Message as _;
use protocol::dialects::binary::packets::Packet;
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use tungstenite::protocol::CloseFrame;
use tungstenite::{ClientRequestBuilder, Message, WebSocket};

/// What somebody speaks, over what.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    PlainTcp,
    PlainWeb,
    FramedTcp,
    FramedWeb,
    BinaryTcp,
    /// In packets' bytes.
    BinaryWeb,
    /// In the JSON of packets.
    BinaryText,
}

impl Kind {
    pub(crate) const ALL: [Self; 7] = [
        Self::PlainTcp,
        Self::PlainWeb,
        Self::FramedTcp,
        Self::FramedWeb,
        Self::BinaryTcp,
        Self::BinaryWeb,
        Self::BinaryText,
    ];
    pub(crate) const BINARY: [Self; 3] = [Self::BinaryTcp, Self::BinaryWeb, Self::BinaryText];

    pub(crate) fn is_plain(self) -> bool {
        matches!(self, Self::PlainTcp | Self::PlainWeb)
    }

    pub(crate) fn is_framed(self) -> bool {
        matches!(self, Self::FramedTcp | Self::FramedWeb)
    }

    pub(crate) fn is_binary(self) -> bool {
        Self::BINARY.contains(&self)
    }

    pub(crate) fn is_web(self) -> bool {
        matches!(self, Self::PlainWeb | Self::FramedWeb | Self::BinaryWeb | Self::BinaryText)
    }

    /// Its files go over HTTP.
    pub(crate) fn has_paths(self) -> bool {
        self.is_web() || self.is_binary()
    }

    /// As conversations call it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::PlainTcp => "plain",
            Self::PlainWeb => "plainweb",
            Self::FramedTcp => "framed",
            Self::FramedWeb => "web",
            Self::BinaryTcp => "binary",
            Self::BinaryWeb => "binaryweb",
            Self::BinaryText => "binarytext",
        }
    }

    /// Its listener's name in the settings.
    fn listener(self) -> &'static str {
        match self {
            Self::BinaryWeb | Self::BinaryText => "web",
            kind => kind.word(),
        }
    }

    /// Where it asks for a WebSocket: one port has them all, and its own dialect is what nobody chooses.
    fn path(self) -> &'static str {
        if self.is_binary() { "/binary" } else { "/" }
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
    /// Packets behind their lengths.
    Packets(TcpStream),
    Web(Box<WebSocket<TcpStream>>),
    /// Packets as messages that are no text.
    PacketsWeb(Box<WebSocket<TcpStream>>),
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
        Self::open_at(server, kind, kind.path(), None)
    }

    /// Over a WebSocket at a path of one's own choice, and with a subprotocol.
    pub(crate) fn open_at(server: &Server, kind: Kind, path: &str, subprotocol: Option<&str>) -> Self {
        let address = server.listener(kind.listener());
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        match kind {
            Kind::PlainTcp => Self::Lines(stream, Vec::new()),
            Kind::FramedTcp => Self::Frames(stream),
            Kind::BinaryTcp => Self::Packets(stream),
            Kind::PlainWeb | Kind::FramedWeb | Kind::BinaryWeb | Kind::BinaryText => {
                let mut request = ClientRequestBuilder::new(format!("ws://{address}{path}").parse().unwrap());
                if let Some(subprotocol) = subprotocol {
                    request = request.with_sub_protocol(subprotocol);
                }
                let (socket, _) = tungstenite::client(request, stream).unwrap();
                let socket = Box::new(socket);
                if kind == Kind::BinaryWeb { Self::PacketsWeb(socket) } else { Self::Web(socket) }
            }
        }
    }

    pub(crate) fn stream(&mut self) -> &mut TcpStream {
        match self {
            Self::Lines(stream, _) | Self::Frames(stream) | Self::Packets(stream) => stream,
            Self::Web(socket) | Self::PacketsWeb(socket) => socket.get_mut(),
        }
    }

    /// Says something, unless the server is gone.
    pub(crate) fn try_text(&mut self, text: &str) -> bool {
        match self {
            Self::Lines(stream, _) => stream.write_all(format!("{text}\n").as_bytes()).is_ok(),
            Self::Frames(stream) => stream.write_all(&frame(text.as_bytes())).is_ok(),
            Self::Web(socket) => socket.send(Message::text(text)).is_ok(),
            Self::Packets(_) | Self::PacketsWeb(_) => self.try_bytes(&packet(text)),
        }
    }

    /// Says a packet that consists of these bytes, unless the server is gone.
    pub(crate) fn try_bytes(&mut self, bytes: &[u8]) -> bool {
        match self {
            Self::Lines(stream, _) => stream.write_all(bytes).is_ok(),
            Self::Frames(stream) => stream.write_all(&frame(bytes)).is_ok(),
            Self::Packets(stream) => {
                let length = u32::try_from(bytes.len()).unwrap().to_be_bytes();
                stream.write_all(&[&length[..], bytes].concat()).is_ok()
            }
            Self::Web(socket) | Self::PacketsWeb(socket) => socket.send(Message::binary(bytes.to_vec())).is_ok(),
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
            Self::Frames(stream) => behind_length(stream, |length| {
                let length = u32::from_le_bytes(length);
                assert!(length <= PACKET, "a packet of {length} bytes does not fit a buffer of 2048");
                length
            })
            .map_or_else(|end| end, text),
            Self::Packets(stream) => behind_length(stream, u32::from_be_bytes).map_or_else(|end| end, |it| told(&it)),
            Self::Web(_) | Self::PacketsWeb(_) => self.message(),
        }
    }

    /// The next message over a WebSocket, in the kind of messages that this side sends.
    fn message(&mut self) -> Heard {
        let (socket, in_text) = match self {
            Self::Web(socket) => (socket, true),
            Self::PacketsWeb(socket) => (socket, false),
            _ => unreachable!("it is no WebSocket"),
        };
        loop {
            match socket.read() {
                Ok(Message::Text(text)) if in_text => break Heard::Text(text.as_str().to_owned()),
                Ok(Message::Binary(packet)) if !in_text => break told(&packet),
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
            Self::Web(mut socket) | Self::PacketsWeb(mut socket) => {
                let _ = socket.close(None);
                while socket.read().is_ok() {}
            }
            Self::Lines(stream, _) | Self::Frames(stream) | Self::Packets(stream) => drop(stream),
        }
    }

    /// Dies with a reset, as a machine does that loses its power.
    pub(crate) fn reset(self) {
        match self {
            Self::Lines(stream, _) | Self::Frames(stream) | Self::Packets(stream) => crate::world::reset(stream),
            // The socket closes both handles; linger belongs to what they share.
            Self::Web(socket) | Self::PacketsWeb(socket) => crate::world::reset(socket.get_ref().try_clone().unwrap()),
        }
    }
}

/// What stands behind a length of four bytes, or how the stream has ended.
fn behind_length(stream: &mut TcpStream, length: impl FnOnce([u8; 4]) -> u32) -> Result<Vec<u8>, Heard> {
    let mut header = [0; 4];
    // Between two packets a close is in order, within one it is not.
    match stream.read(&mut header) {
        Ok(0) => return Err(Heard::Closed(None)),
        Ok(n) => stream.read_exact(&mut header[n..]).map_err(|error| gone(&error))?,
        Err(error) => return Err(gone(&error)),
    }
    let mut packet = vec![0; usize::try_from(length(header)).unwrap()];
    stream.read_exact(&mut packet).map_err(|error| gone(&error))?;
    Ok(packet)
}

/// The bytes of a packet of `binary` from its JSON. What the JSON says that no packet has is a test's mistake.
pub(crate) fn packet(text: &str) -> Vec<u8> {
    let packet: Packet = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    let [said, meant] = [serde_json::from_str(text), serde_json::to_value(&packet)].map(|it| keys(&it.unwrap()));
    let lost: Vec<_> = said.difference(&meant).collect();
    assert!(lost.is_empty(), "no packet has these, or they say nothing: {lost:?} in {text}");
    packet.encode_to_vec()
}

/// All keys of objects in it.
fn keys(value: &Value) -> BTreeSet<String> {
    match value {
        Value::Object(object) => {
            object.iter().flat_map(|(key, it)| [keys(it), [key.clone()].into()]).flatten().collect()
        }
        Value::Array(list) => list.iter().flat_map(keys).collect(),
        _ => BTreeSet::new(),
    }
}

/// The JSON of a packet that was heard.
fn told(bytes: &[u8]) -> Heard {
    let packet = Packet::decode(bytes).unwrap_or_else(|error| panic!("{error}: {}", bytes.escape_ascii()));
    assert!(packet.body.is_some(), "a packet that says nothing: {}", bytes.escape_ascii());
    Heard::Text(serde_json::to_string(&packet).unwrap())
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
