//! Files over HTTP, for browsers: `PUT /files/<token>` sends one, `GET /files/<token>` receives it. Owns: what these
//! requests and their answers mean. Never: decides who may transfer (the token does, see [`Doors`]), keeps more of a
//! file than a piece, or waits by a clock of its own (the relay's time-outs end every wait here).
//!
//! A sender is answered when the receiver's side has everything, and a receiver when the first bytes are here, so the
//! status says how the transfer went as far as that can be known by then. What goes wrong later cuts the
//! connection off before `Content-Length`, which every browser shows as a failed download.

use crate::net::relay::{Doors, How, Joined, Refused};
use actors::transfer::broker::WEB_PATH;
use actors::transfer::relay::RelayEnd;
use bytes::{Bytes, BytesMut};
use futures::stream::try_unfold;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Body, Frame, Incoming};
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use std::fmt::Write;
use std::io;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

/// What is read from the relay at once.
const PIECE: usize = 16 * 1024;

/// Answers.
pub(super) type Answer = Response<BoxBody<Bytes, io::Error>>;

/// Answers a request for a path under `/files/`. Dropped before it has answered (as when the client leaves), it breaks
/// its transfer.
pub(super) async fn serve(doors: &Doors, request: Request<Incoming>) -> Answer {
    let Some(token) = request.uri().path().strip_prefix(WEB_PATH) else { return refused(&Refused::Unknown) };
    match *request.method() {
        Method::GET => match doors.join(token, How::Get) {
            Ok(joined) => receive(joined).await,
            Err(no) => refused(&no),
        },
        Method::PUT => {
            let length = request.headers().contains_key(header::CONTENT_LENGTH);
            let Some(content_length) = length.then(|| request.body().size_hint().exact()).flatten() else {
                return text(StatusCode::LENGTH_REQUIRED, "say the file's length in Content-Length");
            };
            match doors.join(token, How::Put { content_length }) {
                Ok(joined) => send(joined, request.into_body()).await,
                Err(no) => refused(&no),
            }
        }
        _ => not_allowed(),
    }
}

/// Takes a file from the request.
async fn send(joined: Joined, mut body: Incoming) -> Answer {
    let Joined { mut stream, mut outcome, .. } = joined;
    let end = tokio::select! {
        biased;
        // Also where the request's body has come to a stop.
        end = outcome.end() => end,
        sent = pour(&mut body, &mut stream) => {
            // Without the whole file behind it, an end of the stream breaks the transfer. With it, it is the sender's
            // orderly close, and the stream is kept so that nobody takes it for more than that.
            let _kept = sent.is_ok().then_some(stream);
            outcome.end().await
        }
    };
    match end {
        RelayEnd::Complete => text(StatusCode::OK, "delivered"),
        end => failed(end),
    }
}

/// Writes a request's body, as fast as it is taken.
async fn pour(body: &mut Incoming, stream: &mut UnixStream) -> io::Result<()> {
    while let Some(frame) = body.frame().await {
        // What is not data are trailers.
        if let Ok(bytes) = frame.map_err(io::Error::other)?.into_data() {
            stream.write_all(&bytes).await?;
        }
    }
    stream.shutdown().await
}

/// Gives a file to the client.
async fn receive(joined: Joined) -> Answer {
    let Joined { mut stream, length, name, mut outcome } = joined;
    let mut piece = BytesMut::with_capacity(PIECE);
    let come = stream.read_buf(&mut piece).await.unwrap_or(0);
    if come > 0 {
        return file(length, &name, rest_of(Rest { stream, piece, left: length }));
    }
    // It has ended, or it is empty and this is the relay's half of an orderly close, which waits for ours.
    drop(stream);
    match outcome.end().await {
        RelayEnd::Complete if length == 0 => file(0, &name, whole("")),
        RelayEnd::TimedOut => failed(RelayEnd::TimedOut),
        _ => failed(RelayEnd::Broken),
    }
}

/// What of a file has not been given to the client.
struct Rest {
    stream: UnixStream,
    /// Read, and not given either.
    piece: BytesMut,
    left: u64,
}

/// The body that reads on from the relay when the client has taken the last piece.
fn rest_of(rest: Rest) -> BoxBody<Bytes, io::Error> {
    BoxBody::new(StreamBody::new(try_unfold(rest, async |mut rest| {
        if rest.left == 0 {
            return Ok(None);
        }
        if rest.piece.is_empty() {
            rest.piece.reserve(PIECE);
            if rest.stream.read_buf(&mut rest.piece).await? == 0 {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the transfer broke"));
            }
        }
        let piece = rest.piece.split().freeze();
        let given = u64::try_from(piece.len()).unwrap_or(u64::MAX);
        // The relay passes on no byte beyond the length.
        rest.left = rest.left.checked_sub(given).ok_or(io::ErrorKind::InvalidData)?;
        Ok(Some((Frame::data(piece), rest)))
    })))
}

/// A whole file's answer.
fn file(length: u64, name: &str, body: BoxBody<Bytes, io::Error>) -> Answer {
    let mut answer = answer(StatusCode::OK, "application/octet-stream", body);
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_LENGTH, length.into());
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("none"));
    if let Ok(disposition) = HeaderValue::try_from(disposition(name)) {
        headers.insert(header::CONTENT_DISPOSITION, disposition);
    }
    answer
}

/// Saves it, and never shows it as a page of this server's: RFC 6266, with the name in RFC 5987's writing alone,
/// which every browser of today reads.
fn disposition(name: &str) -> String {
    let mut line = "attachment; filename*=UTF-8''".to_owned();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte) {
            line.push(char::from(byte));
        } else {
            // Writing into a string does not fail.
            let _ = write!(line, "%{byte:02X}");
        }
    }
    line
}

/// The transfer did not succeed, and nothing was answered yet.
fn failed(end: RelayEnd) -> Answer {
    match end {
        RelayEnd::TimedOut => text(StatusCode::GATEWAY_TIMEOUT, "the other side did not come in time"),
        _ => text(StatusCode::GONE, "the transfer broke"),
    }
}

/// The request cannot take part.
fn refused(no: &Refused) -> Answer {
    match no {
        Refused::Unknown => text(StatusCode::NOT_FOUND, "no such transfer"),
        Refused::WrongLength(_) => text(StatusCode::BAD_REQUEST, &no.to_string()),
        Refused::WrongWay => not_allowed(),
        Refused::System(error) => {
            log::warn!("files: {error}");
            text(StatusCode::SERVICE_UNAVAILABLE, "busy")
        }
    }
}

fn not_allowed() -> Answer {
    let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, "PUT sends through the sender's door, GET receives");
    answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, PUT"));
    answer
}

fn text(status: StatusCode, line: &str) -> Answer {
    answer(status, "text/plain; charset=utf-8", whole(&format!("{line}\n")))
}

fn whole(body: &str) -> BoxBody<Bytes, io::Error> {
    BoxBody::new(Full::new(Bytes::copy_from_slice(body.as_bytes())).map_err(|never| match never {}))
}

fn answer(status: StatusCode, kind: &'static str, body: BoxBody<Bytes, io::Error>) -> Answer {
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    let headers: [(HeaderName, &'static str); 3] = [
        (header::CONTENT_TYPE, kind),
        // A path is good for one answer.
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    for (name, value) in headers {
        answer.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    answer
}

#[cfg(test)]
mod tests;
