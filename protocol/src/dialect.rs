//! What every wire language must be able to do. Owns: [`Dialect`], [`Decoder`], [`Frame`] and the kinds of mistakes.
//! Never: knows a link, a session or an actor. A dialect turns bytes into [`Request`]s and replies and events into
//! [`Frame`]s, and nothing else.

use crate::command::{Request, Verb};
use crate::dialects::DIALECTS;
use crate::event::Event;
use crate::ids::RequestId;
use crate::mark::Kept;
use crate::reply::{FriendPolicy, JoinPolicy, MessagePolicy, Reply};
use bytes::Bytes;
use smallvec::SmallVec;
use std::fmt;

/// A dialect by its place in [`DIALECTS`].
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct DialectId(u8);

impl DialectId {
    /// The dialect of that name, as settings write it.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        let at = DIALECTS.iter().position(|dialect| dialect.name() == name)?;
        u8::try_from(at).ok().map(Self)
    }

    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..DIALECTS.len()).filter_map(|at| u8::try_from(at).ok().map(Self))
    }

    /// Its place in [`DIALECTS`].
    #[must_use]
    pub fn index(self) -> usize {
        usize::from(self.0)
    }

    /// The dialect itself.
    #[must_use]
    pub fn get(self) -> &'static dyn Dialect {
        DIALECTS[self.index()]
    }
}

impl fmt::Debug for DialectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.get().name())
    }
}

/// How bytes come: a dialect frames for itself on a stream, and takes each message whole where the link has messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Carrier {
    /// TCP, TLS, in memory: bytes that may be split anywhere.
    Stream,
    /// WebSocket: one frame a message.
    Message,
    /// The same, where the client has spoken in text, in a dialect that takes both ([`Dialect::takes_binary`]).
    Text,
}

impl Carrier {
    /// Whether it has messages of its own.
    #[must_use]
    pub fn has_messages(self) -> bool {
        self != Self::Stream
    }
}

/// Bounds that a decoder keeps, from the settings.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Bytes of one request.
    pub frame_bytes: usize,
    /// Levels of nesting in one request.
    pub depth: usize,
    /// Fields of one object.
    pub fields: usize,
}

/// One unit to send. Cheap to clone: all clones share the bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Frame {
    wire: Bytes,
    head: u8,
    tail: u8,
    /// On a link that tells texts from other messages, it is one of the others.
    binary: bool,
}

impl Frame {
    /// `wire` as it travels on a stream, of which the first `head` and the last `tail` bytes are the stream's framing.
    ///
    /// # Panics
    /// Where `wire` is shorter than `head + tail`: a fault of the dialect that made it.
    #[must_use]
    pub fn new(wire: Bytes, head: u8, tail: u8) -> Self {
        assert!(wire.len() >= usize::from(head) + usize::from(tail), "a frame is shorter than its own framing");
        Self { wire, head, tail, binary: false }
    }

    /// The same frame, whose body is no text.
    #[must_use]
    pub fn binary(self) -> Self {
        Self { binary: true, ..self }
    }

    /// Whether its body is no text.
    #[must_use]
    pub fn is_binary(&self) -> bool {
        self.binary
    }

    /// The bytes for a stream, framing included.
    #[must_use]
    pub fn wire(&self) -> &Bytes {
        &self.wire
    }

    /// The same bytes, given away: a frame that nobody else has costs no count of its readers.
    #[must_use]
    pub fn into_wire(self) -> Bytes {
        self.wire
    }

    /// The bytes for a link that has messages: the frame without the stream's framing.
    #[must_use]
    pub fn body(&self) -> Bytes {
        self.wire.slice(usize::from(self.head)..self.wire.len() - usize::from(self.tail))
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Frame({})", self.wire.escape_ascii())
    }
}

/// The frames of one reply or event: one, except where a list or a text does not fit, or where the language says
/// something in two; none where it has no word for it.
pub type Frames = SmallVec<[Frame; 1]>;

/// How a client frames what it sends, where a dialect leaves that open and it matters for what it can read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Style {
    /// Nothing was received yet that tells; to be treated as [`Style::Paced`].
    Undecided,
    /// The client reads one frame after the other, however they arrive.
    Streaming,
    /// The client takes whatever one read returns for one frame: never send two close together.
    Paced,
}

/// What is wrong with bytes that are no request. Each has one stable word per dialect.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum MistakeKind {
    /// Not this dialect at all: after one last frame the connection closes.
    Malformed,
    /// Longer than [`Limits::frame_bytes`]: the connection closes.
    TooLarge,
    /// Deeper than [`Limits::depth`]: the connection closes.
    TooDeep,
    /// A whole frame that cannot be read, in a dialect where that spoils only the frame.
    Unreadable,
    /// A well-formed frame without a command.
    NoCommand,
    /// A well-formed frame with a command that does not exist.
    UnknownCommand,
    /// A command without one of its fields.
    MissingField,
    /// A field of another type than the command's.
    WrongType,
    /// A field whose value means nothing.
    BadValue,
    /// A text that does not fit into what its reader can take.
    TextTooLong,
}

impl MistakeKind {
    /// Whether the rest of the stream cannot be understood any more.
    #[must_use]
    pub fn is_fatal(self) -> bool {
        matches!(self, Self::Malformed | Self::TooLarge | Self::TooDeep)
    }
}

/// Bytes that are no request, said in a way that helps whoever wrote the client.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mistake {
    /// The client's number for it, where it could be read.
    pub request: RequestId,
    /// What was to be asked, where that could be read.
    pub verb: Option<Verb>,
    /// What is wrong.
    pub kind: MistakeKind,
    /// Where or which, in a few words; never echoes a password.
    pub detail: String,
}

/// What a decoder found.
#[derive(Debug)]
pub enum Decoded {
    /// All input is taken, and no request is complete.
    Need,
    /// One request; there may be more in the input.
    Request(Box<Request>),
    /// No request; where its kind is fatal, nothing more can be decoded.
    Mistake(Mistake),
}

/// One connection's half-read input.
pub trait Decoder: Send {
    /// Takes bytes off the front of `input` until one request is complete or `input` is empty. Linear in the bytes
    /// given, however they are split; keeps at most [`Limits::frame_bytes`], and no allocation between frames.
    /// On [`Carrier::Message`], `input` is one whole message.
    fn decode(&mut self, input: &mut &[u8]) -> Decoded;

    /// Whether part of a frame has been taken and its rest is awaited.
    fn is_midway(&self) -> bool;

    /// How this client frames what it sends, as far as that has been seen.
    fn style(&self) -> Style;
}

/// How people live together in a dialect, beyond its bytes: what its document says or takes for granted. Settings may
/// change some of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Customs {
    /// How a new account becomes a friend.
    pub add: FriendPolicy,
    /// Who may write to a new account.
    pub message: MessagePolicy,
    /// How others join a new group.
    pub join: JoinPolicy,
    /// Its people write to friends only, whatever the receiver allows.
    pub friends_only: bool,
    /// Private messages for people who are away are stored.
    pub store_offline: bool,
    /// Whoever logs out is disconnected.
    pub logout_closes: bool,
    /// Its clients say of each stored message that they have it; nothing else counts.
    pub acknowledges: bool,
    /// Its clients are asked for a sign of life, and are let go without one.
    pub heartbeats: bool,
    /// Its clients want to know what people tell about themselves.
    pub profiles: bool,
    /// Its clients are asked whether they take a file.
    pub asked_for_files: bool,
}

/// One wire language, both directions.
pub trait Dialect: Send + Sync {
    /// Its name in settings and on the `listening` line.
    fn name(&self) -> &'static str;

    /// How its people live together.
    fn customs(&self) -> Customs;

    /// A decoder for a new connection.
    fn decoder(&self, carrier: Carrier, limits: Limits) -> Box<dyn Decoder>;

    /// The reply to a request; none where the language has no answer to it.
    fn reply(&self, request: RequestId, reply: &Reply, carrier: Carrier) -> Frames;

    /// The word for a mistake.
    fn mistake(&self, mistake: &Mistake, carrier: Carrier) -> Frame;

    /// An event, and where it is kept, if it is; none where the language has no word for it. Depends on these and the
    /// carrier alone, never on who reads it.
    fn event(&self, event: &Event, kept: Option<Kept>, carrier: Carrier) -> Frames;

    /// Whether it takes messages that are no text, beside those that are.
    fn takes_binary(&self) -> bool {
        false
    }

    /// A sign of life that asks for one, where there is such a thing.
    fn heartbeat(&self, carrier: Carrier) -> Option<Frame> {
        let _ = carrier;
        None
    }

    /// A frame without meaning that makes a client look at what it has received, where there is such a thing.
    fn nudge(&self) -> Option<Frame> {
        None
    }
}
