//! `POST /api`: one request of the dialect's in the body, its answer in the body. Owns: finding out who asks. Never:
//! trusts an address for that, or understands more of an answer than that a login succeeded.
//!
//! A browser's page is known by its cookie, a program by the same token as `Authorization: Bearer`, and a client that
//! has neither by its connection, unless a proxy stands between: proxies share connections between people. Whoever
//! shows a token is only who that token says. What a page may not have (`web.origins` lists `*` only), neither the
//! cookie nor the connection gives it.

use super::answer::{self, BUSY, Body, NO_OBJECT, TOO_LARGE, TOO_SLOW};
use super::connection::Busy;
use super::origin::Verdict;
use super::reception::Reception;
use super::visitors::{Token, Unanswered, Visitor};
use crate::chat::Admission;
use crate::net::inproc;
use actors::session::link::Link;
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, FORWARDED, HeaderMap, HeaderValue, SET_COOKIE, VIA};
use hyper::{Request, Response, StatusCode};
use protocol::dialects::framed;
use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use tokio::time::Instant;

/// The header that gives the token to clients without cookies.
pub(super) const TOKEN: &str = "x-hongyan-token";
/// The cookie's name.
const NAME: &str = "hongyan";

/// Who is behind a connection, once somebody has logged in on it.
pub(super) type Slot = RefCell<Option<Rc<Visitor>>>;

/// What a request shows of who it is.
#[derive(PartialEq, Eq, Debug)]
enum Shown<T> {
    Token(Option<T>),
    Nothing,
}

/// Answers one request.
pub(super) async fn serve(
    reception: &Reception,
    slot: &Slot,
    peer: SocketAddr,
    verdict: &Verdict,
    request: Request<Incoming>,
    busy: &Busy,
) -> Response<Body> {
    let (head, body) = request.into_parts();
    let headers = head.headers;
    if !is_readable(&headers) {
        return answer::text(StatusCode::UNSUPPORTED_MEDIA_TYPE, "the body is JSON, as application/json\n");
    }
    let body = match tokio::time::timeout(reception.patience(), collect(body, reception.most_of(reception.api))).await {
        Ok(Ok(body)) => body,
        Ok(Err(refusal)) => return refusal,
        Err(_) => return answer::json(StatusCode::REQUEST_TIMEOUT, TOO_SLOW),
    };
    // Not before: whoever is slow to ask has no right to a seat.
    busy.owes();
    if body.is_empty() {
        return answer::json(StatusCode::BAD_REQUEST, NO_OBJECT);
    }
    let trusted = matches!(verdict, Verdict::Program | Verdict::Trusted(_));
    let by_connection = reception.http.by_connection && trusted && !came_through_a_proxy(&headers);
    let known = match shown(&headers, verdict) {
        Shown::Token(token) => token.and_then(|token| reception.visitors.borrow_mut().find(token, Instant::now())),
        Shown::Nothing if by_connection => slot.borrow().clone().filter(|visitor| !visitor.is_gone()),
        Shown::Nothing => None,
    };
    let visitor = known.unwrap_or_else(|| visit(reception, peer));
    let frame = match visitor.ask(body, reception.answer_timeout).await {
        Ok(frame) => frame,
        Err(Unanswered::Late) => return answer::json(StatusCode::SERVICE_UNAVAILABLE, BUSY),
        Err(Unanswered::Gone) => return forgotten(),
    };
    let logged_in = framed::is_login(&frame);
    let mut response = answer::json(StatusCode::OK, frame);
    if logged_in {
        keep(reception, slot, by_connection, visitor, &mut response);
    }
    response
}

/// Nobody is logged in here any more, and `logout` has no reply.
fn forgotten() -> Response<Body> {
    let mut response = answer::text(StatusCode::NO_CONTENT, "");
    let cookie = const { HeaderValue::from_static("hongyan=; Max-Age=0; HttpOnly; SameSite=Strict; Path=/") };
    response.headers_mut().insert(SET_COOKIE, cookie);
    response
}

/// A session for somebody new.
fn visit(reception: &Reception, peer: SocketAddr) -> Rc<Visitor> {
    let (link, caller) = inproc::connect(peer);
    let open = move || Ok(Box::new(link) as Box<dyn Link>);
    reception.chat.admit(Admission { peer, dialect: reception.api, visitor: true, open: Box::new(open) });
    Visitor::new(caller)
}

/// Gives a visitor who has logged in a token.
fn keep(reception: &Reception, slot: &Slot, by_connection: bool, visitor: Rc<Visitor>, response: &mut Response<Body>) {
    let token = match Token::random() {
        Ok(token) => token,
        Err(error) => return log::error!("the system gives no random numbers, so nobody is remembered: {error}"),
    };
    let text = token.write();
    let cookie = format!("{NAME}={text}; HttpOnly; SameSite=Strict; Path=/");
    if let (Ok(text), Ok(cookie)) = (HeaderValue::try_from(text), HeaderValue::try_from(cookie)) {
        response.headers_mut().insert(TOKEN, text);
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    if by_connection {
        *slot.borrow_mut() = Some(Rc::clone(&visitor));
    }
    reception.visitors.borrow_mut().keep(token, visitor, Instant::now());
}

async fn collect(body: Incoming, most: usize) -> Result<Bytes, Response<Body>> {
    match Limited::new(body, most).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(answer::json(StatusCode::PAYLOAD_TOO_LARGE, TOO_LARGE)),
        // The connection broke; nobody reads this.
        Err(_) => Err(answer::json(StatusCode::BAD_REQUEST, NO_OBJECT)),
    }
}

/// The original web client says `application/x-www-form-urlencoded`, and sends JSON.
fn is_readable(headers: &HeaderMap) -> bool {
    let Some(kind) = headers.get(CONTENT_TYPE) else { return true };
    let kind = kind.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    ["application/json", "application/x-www-form-urlencoded", "text/plain"]
        .iter()
        .any(|good| kind.eq_ignore_ascii_case(good))
}

fn came_through_a_proxy(headers: &HeaderMap) -> bool {
    [FORWARDED.as_str(), VIA.as_str(), "x-forwarded-for", "x-real-ip"].iter().any(|name| headers.contains_key(*name))
}

fn shown(headers: &HeaderMap, verdict: &Verdict) -> Shown<Token> {
    if let Some(authorization) = headers.get(AUTHORIZATION) {
        let text = authorization.to_str().unwrap_or_default();
        let bearer = text.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        return Shown::Token(bearer.and_then(|(_, token)| Token::read(token.trim())));
    }
    if matches!(verdict, Verdict::Open(_) | Verdict::Foreign) {
        return Shown::Nothing;
    }
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut ours = cookies
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(name, _)| *name == NAME);
    match ours.next() {
        Some((_, token)) => Shown::Token(Token::read(token)),
        None => Shown::Nothing,
    }
}
