//! One connection as its client lives it. Owns: [`Conversation`], which joins a dialect, what carries it, and the numbers of
//! the requests. Never: knows a word (see `plain`, `framed`, `binary`), or where a frame ends (see `frames`).

use super::asked::{Ask, Asked};
use super::binary::Thanks;
use super::frames::{self, Form};
use super::websocket::{self, Purpose};
use super::{Heard, Nonsense, Say, Silent, binary, framed, json, line, plain};
use protocol::{DialectId, NameKey};
use tungstenite::protocol::frame::coding::{Data, OpCode};

/// What carries the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrap {
    /// Bytes that may be split anywhere: TCP, TLS. `plain` is spoken as a *line client*.
    Stream,
    /// The same, with a WebSocket on it. The dialect is asked for as subprotocol.
    WebSocket,
    /// A link that keeps messages apart itself: what one [`Conversation::say`] appends is one message, and
    /// [`Conversation::hear`] takes exactly one, and appends at most one.
    Message,
}

/// Which words are spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tongue {
    Plain,
    Framed,
    Binary,
    /// What the bare relays know.
    Line,
}

impl Tongue {
    fn of(dialect: DialectId) -> Self {
        match dialect.get().name() {
            "framed" => Self::Framed,
            "binary" => Self::Binary,
            // A test looks that there is no fourth.
            _ => Self::Plain,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Framed => "framed",
            Self::Binary => "binary",
            Self::Line => "line",
        }
    }
}

/// One connection's dialect and carrier: no socket, no clock. At most 160 bytes, and apart from one's own name without memory of its
/// own while nothing is under way (no more than 16 requests open, no request to join, no frame half read, no handshake).
#[derive(Debug)]
pub struct Conversation {
    tongue: Tongue,
    wrap: Wrap,
    /// A WebSocket's handshake was answered.
    open: bool,
    /// A WebSocket's close was sent.
    closed: bool,
    /// Oneself, as the dialect writes it (a JSON string; nothing in `binary`). Empty before the first login.
    me: Box<[u8]>,
    pub(super) asked: Asked,
    /// What has come of a frame that is not complete.
    pub(super) partial: Vec<u8>,
    /// What has come of a text in parts (`framed`).
    parts: Option<Box<framed::Parts>>,
    /// What the answer to a WebSocket's handshake must say. Empty before it, and after the answer.
    accept: Box<str>,
}

impl Conversation {
    /// A conversation in which nothing was said. Its requests are numbered from `first` on (from 1, if that is 0). In `binary` these are the
    /// numbers by which the server knows a message that comes twice: there they must be fresh for the installation that logs in, such as
    /// the time in microseconds, or one above [`Conversation::next`] of the conversation before.
    #[must_use]
    pub fn new(dialect: DialectId, wrap: Wrap, first: u64) -> Self {
        Self::with(Tongue::of(dialect), wrap, first)
    }

    /// A conversation with a bare relay (`loadtest::baseline`), over a stream.
    #[must_use]
    pub fn with_relay() -> Self {
        Self::with(Tongue::Line, Wrap::Stream, 1)
    }

    fn with(tongue: Tongue, wrap: Wrap, first: u64) -> Self {
        Self {
            tongue,
            wrap,
            open: wrap != Wrap::WebSocket,
            closed: false,
            me: Box::default(),
            asked: Asked::new(first.max(1)),
            partial: Vec::new(),
            parts: None,
            accept: Box::default(),
        }
    }

    /// Appends what is written first, if anything: the handshake of a WebSocket, for which `host` is the server's `HOST:PORT`.
    pub fn open(&mut self, host: &str, out: &mut Vec<u8>) {
        if !self.open && self.accept.is_empty() {
            self.accept = websocket::shake_hands(self.tongue.name(), host, out);
        }
    }

    /// Whether something may be said: false while a handshake is not answered.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.open
    }

    /// How many requests wait for their answers.
    #[must_use]
    pub fn outstanding(&self) -> usize {
        self.asked.len()
    }

    /// The number that the next request will have.
    #[must_use]
    pub fn next(&self) -> u64 {
        self.asked.next()
    }

    /// Appends the bytes of a request and gives its number, which its [`Heard::Answer`] has. Numbers go up by one. Requests may be said
    /// without waiting for answers.
    ///
    /// A successful [`Say::Logout`] is answered in `binary` alone. In `plain` its answer is heard together with that of the next request; in
    /// `framed` the server closes the connection.
    ///
    /// # Errors
    /// [`Silent`]: nothing was appended, no number is used.
    pub fn say(&mut self, say: &Say<'_>, out: &mut Vec<u8>) -> Result<u64, Silent> {
        if let Say::Login { me, .. } = say {
            self.me = match self.tongue {
                Tongue::Plain => json::kept(|out| json::string(out, &me.name)),
                Tongue::Framed => json::kept(|out| json::id(out, me.id)),
                Tongue::Binary | Tongue::Line => Box::default(),
            };
        }
        let start = out.len();
        let said = self.write(out, |out| match self.tongue {
            Tongue::Plain => plain::say(say, &self.me, out),
            Tongue::Framed => framed::say(say, &self.me, out),
            Tongue::Binary => binary::say(say, self.asked.next(), out),
            Tongue::Line => line::say(say, out),
        });
        if said.is_err() {
            out.truncate(start);
        }
        said?;
        Ok(match say {
            Say::JoinGroup(group) if self.tongue == Tongue::Plain => self.asked.push_join(NameKey::of(&group.name)),
            _ => self.asked.push(Ask::of(say)),
        })
    }

    /// Takes any piece of what came, and tells what it means in its order. `out` gets what is to be written back at once: pongs, and in
    /// `binary` one packet with the receipts of everything that this call heard, or a sign of life.
    ///
    /// # Errors
    /// [`Nonsense`] where it cannot be understood; the connection is of no use any more. What was told before it holds.
    pub fn hear(&mut self, bytes: &[u8], out: &mut Vec<u8>, each: &mut dyn FnMut(Heard<'_>)) -> Result<(), Nonsense> {
        let mut thanks = Thanks::default();
        let mut input = bytes;
        let form = match (self.wrap, self.tongue) {
            (Wrap::Message, _) => return self.hear_message(bytes, out, each),
            (Wrap::WebSocket, _) => Form::Web,
            (Wrap::Stream, Tongue::Plain | Tongue::Line) => Form::Line,
            (Wrap::Stream, Tongue::Framed) => Form::Little,
            (Wrap::Stream, Tongue::Binary) => Form::Big,
        };
        let answer;
        if !self.open {
            frames::keep(&mut self.partial, &mut input, bytes.len());
            let Some(length) = websocket::shaken(self.tongue.name(), &self.accept, &self.partial)? else {
                return Ok(());
            };
            (self.open, self.accept) = (true, Box::default());
            // The first frames may have come with it.
            answer = std::mem::take(&mut self.partial);
            input = answer.get(length..).unwrap_or_default();
        }
        while let Some(frame) = frames::cut(form, &mut self.partial, &mut input)? {
            if form == Form::Web {
                let purpose = websocket::control(frame.head(), frame.body(), &mut self.closed, out, each);
                if let Purpose::Control = purpose {
                    continue;
                }
            }
            self.hear_body(frame.body(), &mut thanks, each)?;
        }
        self.thank(thanks, out);
        Ok(())
    }

    fn hear_message(
        &mut self,
        message: &[u8],
        out: &mut Vec<u8>,
        each: &mut dyn FnMut(Heard<'_>),
    ) -> Result<(), Nonsense> {
        let mut thanks = Thanks::default();
        self.hear_body(message, &mut thanks, each)?;
        self.thank(thanks, out);
        Ok(())
    }

    fn hear_body(&mut self, body: &[u8], thanks: &mut Thanks, each: &mut dyn FnMut(Heard<'_>)) -> Result<(), Nonsense> {
        match self.tongue {
            Tongue::Plain => plain::hear(body, &mut self.asked, each),
            Tongue::Framed => framed::hear(body, &mut self.parts, &mut self.asked, each),
            Tongue::Binary => binary::hear(body, &mut self.asked, thanks, each),
            Tongue::Line => line::hear(body, &mut self.asked, each),
        }
    }

    fn thank(&self, thanks: Thanks, out: &mut Vec<u8>) {
        if thanks.is_due() && !self.closed {
            self.write(out, |out| thanks.say(out));
        }
    }

    /// Appends what a carrier wants around a body, and the body.
    fn write<T>(&self, out: &mut Vec<u8>, body: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        let start = out.len();
        match (self.wrap, self.tongue) {
            (Wrap::Message, _) => body(out),
            (Wrap::WebSocket, tongue) => {
                let kind = if tongue == Tongue::Binary { Data::Binary } else { Data::Text };
                websocket::begin(out);
                let done = body(out);
                websocket::end(OpCode::Data(kind), start, out);
                done
            }
            (Wrap::Stream, Tongue::Plain | Tongue::Line) => {
                let done = body(out);
                out.push(b'\n');
                done
            }
            (Wrap::Stream, tongue) => {
                out.extend_from_slice(&[0; 4]);
                let done = body(out);
                // Nobody says 4 GiB at once.
                let length = u32::try_from(out.len() - start - 4).unwrap_or(u32::MAX);
                let prefix = if tongue == Tongue::Framed { length.to_le_bytes() } else { length.to_be_bytes() };
                out[start..start + 4].copy_from_slice(&prefix);
                done
            }
        }
    }

    /// Appends what is written last, if anything: a WebSocket's close. The connection may be closed behind it.
    pub fn close(&mut self, out: &mut Vec<u8>) {
        if self.wrap == Wrap::WebSocket && self.open && !self.closed {
            self.closed = true;
            websocket::close(out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_dialect_has_its_tongue() {
        for dialect in DialectId::all() {
            assert_eq!(Tongue::of(dialect).name(), dialect.get().name());
        }
    }

    #[test]
    fn it_is_small() {
        assert!(size_of::<Conversation>() <= 160, "{}", size_of::<Conversation>());
    }
}
