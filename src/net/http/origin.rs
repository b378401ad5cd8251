//! Who may talk to us from a browser. Owns: the list `web.origins`, and the judgement of an `Origin` header. Never:
//! asks anybody who is not a browser: a program says no origin, or whatever it likes.
//!
//! This is what keeps a page somewhere on the web from using the server in the name of whoever looks at it: browsers
//! let any page open a WebSocket or post a form anywhere, and say truthfully which page it was.

use hyper::HeaderMap;
use hyper::header::{HOST, HeaderValue, ORIGIN};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::Instant;

/// Foreign origins that are told in the log in an hour, each once. Beyond that somebody is playing.
const TOLD: usize = 32;
const HOUR: Duration = Duration::from_secs(3600);

/// The list, typed.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(crate) struct List {
    same: bool,
    any: bool,
    listed: Vec<String>,
}

/// What an origin may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// No browser's page: a program.
    Program,
    /// A page of ours, or one that is listed. It may use who is logged in there.
    Trusted(HeaderValue),
    /// Any page may ask (`*`), but only for itself.
    Open(HeaderValue),
    /// A page that has no business here.
    Foreign,
}

/// Reads `"same"`, `"https://chat.example.com, null"`, or `"*"`.
///
/// # Errors
/// What would be right.
pub(crate) fn parse(text: &str) -> Result<List, String> {
    let mut list = List::default();
    for word in text.split(',').map(str::trim).filter(|word| !word.is_empty()) {
        match word {
            "same" => list.same = true,
            // Opening up to every page must not take anything from our own.
            "*" => (list.any, list.same) = (true, true),
            "null" => list.listed.push(word.to_owned()),
            origin if is_origin(origin) => list.listed.push(as_browsers_say(origin)),
            _ => {
                return Err(format!(
                    "must be \"same\", \"null\", \"*\" or origins as browsers write them, such as \
                     \"https://chat.example.com\" or \"http://10.0.0.7:8080\" (no path, no slash at the end), between \
                     commas, and has \"{}\"",
                    crate::text::one_line(word)
                ));
            }
        }
    }
    Ok(list)
}

fn is_origin(text: &str) -> bool {
    host_of(text).is_some_and(|host| !host.is_empty()) && text.is_ascii() && !text.contains(['*', '"', ' '])
}

/// Browsers write origins in small letters, and leave out the port that goes without saying.
fn as_browsers_say(origin: &str) -> String {
    let origin = origin.to_ascii_lowercase();
    let plain = [("https://", ":443"), ("http://", ":80")]
        .iter()
        .find_map(|(scheme, port)| origin.strip_suffix(port).filter(|rest| rest.starts_with(scheme)));
    plain.map_or_else(|| origin.clone(), str::to_owned)
}

/// The host in an origin of the web; without its port.
fn host_of(origin: &str) -> Option<&str> {
    let (scheme, rest) = origin.split_once("://")?;
    let known = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
    (known && !rest.contains(['/', '?', '#', '@'])).then(|| without_port(rest)).flatten()
}

/// `None` where what stands for a port is none.
fn without_port(authority: &str) -> Option<&str> {
    let (host, port) = match authority.rsplit_once(':') {
        // The colons of an address of IPv6 stand in brackets.
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority, None),
    };
    port.is_none_or(|port| port.parse::<u16>().is_ok()).then_some(host)
}

/// The names of this very machine are one host.
fn is_same_host(one: &str, other: &str) -> bool {
    let is_here = |host: &str| host.eq_ignore_ascii_case("localhost") || host == "127.0.0.1" || host == "[::1]";
    one.eq_ignore_ascii_case(other) || (is_here(one) && is_here(other))
}

/// The judge.
pub(crate) struct Origins {
    list: List,
    /// Who was told of in this hour, and when it began.
    told: RefCell<(BTreeSet<String>, Instant)>,
}

impl Origins {
    pub(crate) fn new(list: List) -> Self {
        Self { list, told: RefCell::new((BTreeSet::new(), Instant::now())) }
    }

    /// Judges a request by its headers, and says in the log which origin was turned away.
    pub(crate) fn judge(&self, headers: &HeaderMap) -> Verdict {
        let mut origins = headers.get_all(ORIGIN).iter();
        let Some(origin) = origins.next() else { return Verdict::Program };
        let text = origin.to_str().unwrap_or_default();
        if origins.next().is_none() {
            if self.list.listed.iter().any(|listed| listed.eq_ignore_ascii_case(text))
                || (self.list.same && is_same(text, headers))
            {
                return Verdict::Trusted(origin.clone());
            }
            if self.list.any {
                return Verdict::Open(origin.clone());
            }
        }
        self.tell(text);
        Verdict::Foreign
    }

    fn tell(&self, origin: &str) {
        let (told, since) = &mut *self.told.borrow_mut();
        if since.elapsed() >= HOUR {
            told.clear();
            *since = Instant::now();
        }
        let short: String = crate::text::one_line(origin).chars().take(200).collect();
        if told.len() < TOLD && told.insert(short.clone()) {
            log::info!("turned a page of {short} away; if it is yours, add its origin to web.origins");
            if told.len() == TOLD {
                log::info!("turned pages of {TOLD} origins away within an hour; no more of them are told in this hour");
            }
        }
    }
}

fn is_same(origin: &str, headers: &HeaderMap) -> bool {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).and_then(without_port);
    matches!((host_of(origin), host), (Some(origin), Some(host)) if !host.is_empty() && is_same_host(origin, host))
}

#[cfg(test)]
mod tests {
    use super::{Origins, Verdict, parse};
    use hyper::HeaderMap;
    use hyper::header::{HOST, HeaderValue, ORIGIN};

    fn judge(list: &str, origin: &str, host: &str) -> Verdict {
        let mut headers = HeaderMap::new();
        headers.insert(ORIGIN, HeaderValue::from_str(origin).unwrap());
        headers.insert(HOST, HeaderValue::from_str(host).unwrap());
        Origins::new(parse(list).unwrap()).judge(&headers)
    }

    fn is_trusted(list: &str, origin: &str, host: &str) -> bool {
        matches!(judge(list, origin, host), Verdict::Trusted(_))
    }

    #[test]
    fn the_same_host_is_ours_on_any_port_and_no_other() {
        for (origin, host) in [
            ("http://chat.lan", "chat.lan:9002"),
            ("https://Chat.lan:8443", "chat.LAN"),
            ("http://localhost:3000", "127.0.0.1:9002"),
            ("http://[::1]:3000", "localhost:9002"),
            ("http://[2001:db8::1]", "[2001:db8::1]:9002"),
        ] {
            assert!(is_trusted("same", origin, host), "{origin} {host}");
        }
        for (origin, host) in [
            ("http://evil.example", "chat.lan:9002"),
            ("http://chat.lan.evil.example", "chat.lan"),
            ("http://evilchat.lan", "chat.lan"),
            ("http://chat.lan@evil.example", "chat.lan"),
            ("http://chat.lan:x", "chat.lan"),
            ("file://chat.lan", "chat.lan"),
            ("chrome-extension://chat.lan", "chat.lan"),
            ("null", "chat.lan"),
            ("http://", ""),
            ("http://127.0.0.1.evil.example", "127.0.0.1"),
        ] {
            assert_eq!(judge("same", origin, host), Verdict::Foreign, "{origin} {host}");
        }
    }

    #[test]
    fn what_is_listed_is_meant_exactly() {
        let list = "https://chat.example.com, null";
        assert!(is_trusted(list, "https://chat.example.com", "x") && is_trusted(list, "null", "x"));
        for other in ["http://chat.example.com", "https://chat.example.com:8443", "https://example.com"] {
            assert_eq!(judge(list, other, "example.com"), Verdict::Foreign, "{other}");
        }
        assert!(matches!(judge("same,*", "http://evil.example", "chat.lan"), Verdict::Open(_)));
        assert!(is_trusted("same,*", "http://chat.lan", "chat.lan"));
        assert_eq!(judge("", "http://chat.lan", "chat.lan"), Verdict::Foreign);
    }

    #[test]
    fn programs_say_no_origin_and_two_are_none() {
        let origins = Origins::new(parse("same").unwrap());
        let mut headers = HeaderMap::new();
        assert_eq!(origins.judge(&headers), Verdict::Program);
        headers.insert(HOST, HeaderValue::from_static("a"));
        headers.append(ORIGIN, HeaderValue::from_static("http://a"));
        headers.append(ORIGIN, HeaderValue::from_static("http://b"));
        assert_eq!(origins.judge(&headers), Verdict::Foreign);
    }

    #[test]
    fn mistakes_in_the_list_are_told() {
        for wrong in ["chat.example.com", "https://a/", "https://*.a", "all", "https://", "https://a:port"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
