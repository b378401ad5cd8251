//! The handshake of a WebSocket (RFC 6455, section 4.2). Owns: what a request must have, which dialect its client speaks,
//! and handing the connection over to a session. Never: an extension: what is offered is passed over.
//!
//! A client chooses its dialect by a subprotocol of that name (the first that is known, and it is told so), or else by
//! the last part of its path; otherwise it speaks what the listener does. Other subprotocols and paths mean nothing.

use super::answer::{self, Body};
use super::origin::Verdict;
use super::reception::Reception;
use crate::chat::{Admission, OpenLink};
use crate::net::tls::TlsStream;
use crate::net::websocket::WebSocketLink;
use actors::session::link::Link;
use hyper::body::{Body as _, Incoming};
use hyper::header::{
    ALLOW, CONNECTION, HeaderMap, HeaderName, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use hyper::upgrade::Upgraded;
use hyper::{Method, Request, Response, StatusCode, Version};
use hyper_util::rt::TokioIo;
use protocol::DialectId;
use std::net::SocketAddr;
use std::rc::Rc;
use tokio::net::TcpStream;
use tungstenite::handshake::derive_accept_key;

/// What is said to a browser's address line.
const HINT: &str = "This is a WebSocket of the chat server hongyan. Programs connect to it with ws://; a browser \
                    has nothing to see here.\n";

/// Answers a request to a WebSocket listener, and takes the connection over if it is a good one.
pub(super) fn answer(
    reception: &Rc<Reception>,
    dialect: DialectId,
    peer: SocketAddr,
    mut request: Request<Incoming>,
) -> Response<Body> {
    if let Some(refusal) = refusal(reception, &request) {
        return refusal;
    }
    let Some(key) = key(request.headers()) else {
        return answer::text(StatusCode::BAD_REQUEST, "Sec-WebSocket-Key is missing, or is not 16 bytes in base64\n");
    };
    let (dialect, subprotocol) = chosen(dialect, request.headers(), request.uri().path());
    let accept = derive_accept_key(key.as_bytes());
    let Ok(accept) = HeaderValue::try_from(accept) else {
        return answer::text(StatusCode::BAD_REQUEST, "no good Sec-WebSocket-Key\n");
    };
    let upgraded = hyper::upgrade::on(&mut request);
    let reception = Rc::clone(reception);
    actix_rt::spawn(async move {
        match upgraded.await {
            Ok(upgraded) => admit(&reception, dialect, peer, upgraded),
            Err(error) => log::debug!("{peer}: the handshake came to nothing: {error}"),
        }
    });
    let mut response = answer::text(StatusCode::SWITCHING_PROTOCOLS, "");
    let headers = response.headers_mut();
    headers.clear();
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    if let Some(subprotocol) = subprotocol {
        headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(subprotocol));
    }
    response
}

fn refusal(reception: &Reception, request: &Request<Incoming>) -> Option<Response<Body>> {
    let headers = request.headers();
    if request.method() != Method::GET {
        let mut response = answer::text(StatusCode::METHOD_NOT_ALLOWED, HINT);
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET"));
        return Some(response);
    }
    let wants = request.version() == Version::HTTP_11
        && has_word(headers, &UPGRADE, "websocket")
        && has_word(headers, &CONNECTION, "upgrade");
    let version = headers.get(SEC_WEBSOCKET_VERSION);
    if !wants || version.is_none_or(|version| version != "13") {
        let mut response = answer::text(StatusCode::UPGRADE_REQUIRED, HINT);
        let headers = response.headers_mut();
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        return Some(response);
    }
    if !request.body().is_end_stream() {
        return Some(answer::text(StatusCode::BAD_REQUEST, "a handshake has no body\n"));
    }
    if reception.origins.judge(headers) == Verdict::Foreign {
        return Some(answer::text(StatusCode::FORBIDDEN, "this page's origin is not in web.origins\n"));
    }
    None
}

/// What a client wants to speak, and the subprotocol to agree on where it has offered one that is known.
fn chosen(listener: DialectId, headers: &HeaderMap, path: &str) -> (DialectId, Option<&'static str>) {
    let offers = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|value| value.to_str().ok());
    let mut offers = offers.flat_map(|value| value.split(','));
    if let Some(dialect) = offers.find_map(|offer| DialectId::by_name(offer.trim())) {
        return (dialect, Some(dialect.get().name()));
    }
    let last = path.trim_end_matches('/').rsplit('/').next();
    (last.and_then(DialectId::by_name).unwrap_or(listener), None)
}

/// Whether a header that is a list of words has that one.
fn has_word(headers: &HeaderMap, name: &HeaderName, word: &str) -> bool {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|found| found.trim().eq_ignore_ascii_case(word))
}

/// The one key, where it looks like 16 bytes in base64.
fn key(headers: &HeaderMap) -> Option<&HeaderValue> {
    let mut keys = headers.get_all(SEC_WEBSOCKET_KEY).iter();
    let (key, None) = (keys.next()?, keys.next()) else { return None };
    let (digits, padding) = key.as_bytes().split_at_checked(22)?;
    let good = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    (padding == b"==" && digits.iter().all(good)).then_some(key)
}

/// Hands the connection over; what was read after the handshake goes with it.
fn admit(reception: &Reception, dialect: DialectId, peer: SocketAddr, upgraded: Upgraded) {
    let (keepalive, most) = (reception.keepalive, reception.most_of(dialect));
    let binary = dialect.get().takes_binary();
    // hyper's own buffer is larger than what is in it, and must not live as long as that.
    let own = |read_buf: &bytes::Bytes| bytes::Bytes::copy_from_slice(read_buf);
    // Each is taken out of this thread's runtime: it will live in another's.
    let open: OpenLink = match upgraded.downcast::<TokioIo<TcpStream>>() {
        Ok(parts) => match (parts.io.into_inner().into_std(), own(&parts.read_buf)) {
            (Ok(stream), already) => Box::new(move || {
                Ok(Box::new(WebSocketLink::open(stream, keepalive, already, most, binary)?) as Box<dyn Link>)
            }),
            (Err(error), _) => return log::debug!("{peer}: gone after its handshake: {error}"),
        },
        Err(upgraded) => match upgraded.downcast::<TokioIo<TlsStream>>() {
            Ok(parts) => match (parts.io.into_inner().part(), own(&parts.read_buf)) {
                (Ok(parted), already) => Box::new(move || {
                    let (stream, peer) = parted.adopt(keepalive)?;
                    Ok(Box::new(WebSocketLink::over(stream, peer, already, most, binary)) as Box<dyn Link>)
                }),
                (Err(error), _) => return log::debug!("{peer}: gone after its handshake: {error}"),
            },
            Err(_) => return log::error!("{peer}: a handshake lost its connection"),
        },
    };
    reception.chat.admit(Admission { peer, dialect, visitor: false, open });
}

#[cfg(test)]
mod tests {
    use super::{chosen, has_word, key};
    use hyper::HeaderMap;
    use hyper::header::{CONNECTION, HeaderValue, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL};
    use protocol::DialectId;

    #[test]
    fn words_are_found_in_lists_whatever_their_case() {
        let mut headers = HeaderMap::new();
        headers.append(CONNECTION, HeaderValue::from_static("keep-alive, UpGrade"));
        assert!(has_word(&headers, &CONNECTION, "upgrade"));
        assert!(!has_word(&headers, &CONNECTION, "up"));
    }

    #[test]
    fn a_dialect_is_chosen_by_subprotocol_or_path_or_not_at_all() {
        let of = |name: &str| DialectId::by_name(name).unwrap();
        let chosen_by = |offers: &[&'static str], path: &str| {
            let mut headers = HeaderMap::new();
            for offer in offers {
                headers.append(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(offer));
            }
            chosen(of("framed"), &headers, path)
        };
        assert_eq!(chosen_by(&[], "/"), (of("framed"), None));
        assert_eq!(chosen_by(&["chat, soap"], "/somewhere"), (of("framed"), None));
        assert_eq!(chosen_by(&["chat, binary , plain"], "/"), (of("binary"), Some("binary")));
        assert_eq!(chosen_by(&["chat", "plain"], "/binary"), (of("plain"), Some("plain")), "said on purpose");
        assert_eq!(chosen_by(&["framed"], "/plain"), (of("framed"), Some("framed")));
        assert_eq!(chosen_by(&["Plain"], "/"), (of("framed"), None), "subprotocols have one case");
        for path in ["/plain", "/ws/plain", "/ws/plain/"] {
            assert_eq!(chosen_by(&["chat"], path), (of("plain"), None), "{path}");
        }
        for path in ["/plain/ws", "/plainer", "/ws?plain"] {
            assert_eq!(chosen_by(&[], path), (of("framed"), None), "{path}");
        }
    }

    #[test]
    fn a_key_is_sixteen_bytes_and_one() {
        let keyed = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.append(SEC_WEBSOCKET_KEY, HeaderValue::from_static(text));
            headers
        };
        assert!(key(&keyed("dGhlIHNhbXBsZSBub25jZQ==")).is_some());
        for wrong in ["", "dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25jZQ=A", "dGhlIHNhbXBs SBub25jZQ==", "x=="] {
            assert!(key(&keyed(wrong)).is_none(), "{wrong}");
        }
        let mut twice = keyed("dGhlIHNhbXBsZSBub25jZQ==");
        twice.append(SEC_WEBSOCKET_KEY, HeaderValue::from_static("dGhlIHNhbXBsZSBub25jZQ=="));
        assert!(key(&twice).is_none());
        assert!(key(&HeaderMap::new()).is_none());
    }
}
