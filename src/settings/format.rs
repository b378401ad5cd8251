//! Values with a grammar of their own. Owns: ports, addresses and log filters, as settings write them. Never: opens
//! or resolves one.

use std::net::{IpAddr, SocketAddr};

/// Ports to lease, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortRange {
    /// Any free one.
    Ephemeral,
    /// From the first to the last, both included.
    Between(u16, u16),
}

/// Reads `"20000-20999"`, `"20000"` or `"0"`.
///
/// # Errors
/// What would be right.
pub fn parse_ports(text: &str) -> Result<PortRange, String> {
    let right = || {
        format!(
            "must be a range of ports such as \"20000-20999\", or \"0\" for any free ones, and is {}",
            super::rules::quoted(text)
        )
    };
    let port = |text: &str| text.trim().parse::<u16>().map_err(|_| right());
    let (first, last) = match text.split_once('-') {
        Some((first, last)) => (port(first)?, port(last)?),
        None => (port(text)?, port(text)?),
    };
    match (first, last) {
        (0, 0) => Ok(PortRange::Ephemeral),
        (1.., _) if first <= last => Ok(PortRange::Between(first, last)),
        (1.., _) => Err(format!("must go upwards: \"{last}-{first}\"")),
        (0, _) => Err(right()),
    }
}

/// A listener's address; empty removes it.
pub(super) fn listen_address(text: &str) -> Result<(), String> {
    if text.is_empty() || text.parse::<SocketAddr>().is_ok() {
        return Ok(());
    }
    Err(format!(
        "must be ADDRESS:PORT with a numeric address, such as \"127.0.0.1:8000\", \"0.0.0.0:8000\" or \"[::]:8000\" \
         (or \"\" for no listener), and is {}",
        super::rules::quoted(text)
    ))
}

/// An address without a port.
pub(super) fn ip(text: &str) -> Result<(), String> {
    text.parse::<IpAddr>().map(|_| ()).map_err(|_| {
        format!(
            "must be a numeric address without a port, such as \"127.0.0.1\" or \"0.0.0.0\", and is {}",
            super::rules::quoted(text)
        )
    })
}

/// Whether two sockets cannot both be bound. A wildcard takes its whole family; an IPv6 one, on Linux, both.
pub(super) fn collide(one: SocketAddr, other: SocketAddr) -> bool {
    one.port() != 0 && one.port() == other.port() && overlap(one.ip(), other.ip())
}

/// Whether two addresses share a network interface's address.
pub(super) fn overlap(one: IpAddr, other: IpAddr) -> bool {
    let covers = |one: IpAddr, other: IpAddr| one.is_unspecified() && (one.is_ipv6() || other.is_ipv4());
    one == other || covers(one, other) || covers(other, one)
}

/// A filter of `env_logger`: words and `target=level` pairs between commas. A lone misspelt level would be taken for
/// a target by the logger and silence everything; here it is an error.
pub(super) fn log_filter(text: &str) -> Result<(), String> {
    let is_level = |word: &str| word.trim().parse::<log::LevelFilter>().is_ok();
    let part_is_good = |part: &str| match part.split_once('=') {
        Some((target, level)) => !target.trim().is_empty() && is_level(level),
        None => is_level(part),
    };
    if text.split(',').all(part_is_good) {
        return Ok(());
    }
    Err(format!(
        "must be off, error, warn, info, debug or trace, or a filter like \"info,actors::store=debug\", and is {}",
        super::rules::quoted(text)
    ))
}
