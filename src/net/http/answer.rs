//! Answers of our own making. Owns: their bodies and the headers that every answer has. Never: says more than helps.

use bytes::Bytes;
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::{Response, StatusCode};
use std::io;

/// The body of an answer: a text, or a stream of bytes.
pub(crate) type Body = UnsyncBoxBody<Bytes, io::Error>;

/// What the api says where there is no session to say it.
pub(crate) const BUSY: &str = r#"{"command":"return","status":"fail","detail":"server busy"}"#;
pub(crate) const TOO_LARGE: &str = r#"{"command":"return","status":"fail","detail":"frame too large"}"#;
pub(crate) const TOO_SLOW: &str = r#"{"command":"return","status":"fail","detail":"timeout"}"#;
pub(crate) const NO_OBJECT: &str = r#"{"command":"return","status":"fail","detail":"not an Json Object"}"#;

/// A body that is there already.
pub(crate) fn full(body: impl Into<Bytes>) -> Body {
    Full::new(body.into()).map_err(|never| match never {}).boxed_unsync()
}

fn with(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(full(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    response
}

/// A line for a person.
pub(crate) fn text(status: StatusCode, text: &'static str) -> Response<Body> {
    with(status, "text/plain; charset=utf-8", text)
}

/// A frame for a client.
pub(crate) fn json(status: StatusCode, frame: impl Into<Bytes>) -> Response<Body> {
    with(status, "application/json; charset=utf-8", frame)
}
