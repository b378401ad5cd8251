//! Which module answers what, on the HTTP listener. Owns: the paths, and what browsers are told about who may ask
//! (CORS). Never: an answer's meaning.

use super::answer::{self, Body};
use super::api::{self, Slot};
use super::connection::Busy;
use super::files;
use super::origin::Verdict;
use super::reception::Reception;
use actors::transfer::broker::WEB_PATH;
use hyper::body::Incoming;
use hyper::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ALLOW, HeaderValue, VARY,
};
use hyper::{Method, Request, Response, StatusCode};
use std::net::SocketAddr;

/// Answers a request.
pub(super) async fn answer(
    reception: &Reception,
    slot: &Slot,
    peer: SocketAddr,
    request: Request<Incoming>,
    busy: &Busy,
) -> Response<Body> {
    let verdict = reception.origins.judge(request.headers());
    if verdict == Verdict::Foreign {
        return answer::text(StatusCode::FORBIDDEN, "this page's origin is not in web.origins\n");
    }
    let mut response = route(reception, slot, peer, &verdict, request, busy).await;
    allow(&verdict, &mut response);
    response
}

async fn route(
    reception: &Reception,
    slot: &Slot,
    peer: SocketAddr,
    verdict: &Verdict,
    request: Request<Incoming>,
    busy: &Busy,
) -> Response<Body> {
    let path = request.uri().path();
    match (path, request.method()) {
        ("/api", &Method::POST) => api::serve(reception, slot, peer, verdict, request, busy).await,
        ("/api", &Method::OPTIONS) => preflight("POST, OPTIONS"),
        ("/api", _) => other_method("POST, OPTIONS"),
        (path, &Method::OPTIONS) if path.starts_with(WEB_PATH) => preflight("GET, PUT, OPTIONS"),
        (path, _) if path.starts_with(WEB_PATH) => {
            // Who has a token is served; who has none is answered at once.
            busy.owes();
            files::serve(&reception.files, request).await.map(Body::new)
        }
        _ => answer::text(StatusCode::NOT_FOUND, "nothing is here; the api is POST /api\n"),
    }
}

/// What a browser asks before it lets a page ask.
fn preflight(methods: &'static str) -> Response<Body> {
    let mut response = answer::text(StatusCode::NO_CONTENT, "");
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(methods));
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("content-type, authorization"));
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    response
}

fn other_method(methods: &'static str) -> Response<Body> {
    let mut response = answer::text(StatusCode::METHOD_NOT_ALLOWED, "another method is wanted\n");
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(methods));
    response
}

/// Lets the page read the answer; with who is logged in there, only if it is trusted.
fn allow(verdict: &Verdict, response: &mut Response<Body>) {
    let headers = response.headers_mut();
    headers.insert(VARY, HeaderValue::from_static("Origin"));
    match verdict {
        Verdict::Trusted(origin) => {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        }
        Verdict::Open(origin) => {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        }
        Verdict::Program | Verdict::Foreign => return,
    }
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("x-hongyan-token, content-disposition"));
}
