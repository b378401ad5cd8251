//! Who may connect to a transfer's port, and as what. Owns: that rule, over addresses alone. Never: a socket.
//! A side that comes over HTTP has no address here, so nobody can be it.

use actors::transfer::relay::Way;
use std::net::IpAddr;

/// What a connection may turn out to be, by where it comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Role {
    /// Only the sender's session comes from there.
    Sender,
    /// Only the receiver's sessions come from there.
    Receiver,
    /// Both sides' sessions come from there: which it is shows when it sends a byte, or the other does.
    Either,
}

/// The addresses of one transfer.
#[derive(Clone, Debug)]
pub(super) struct Gate {
    senders: Vec<IpAddr>,
    receivers: Vec<IpAddr>,
}

impl Gate {
    pub(super) fn new(sender: &Way, receiver: &Way) -> Self {
        let addresses = |way: &Way| match way {
            Way::Port(addresses) => addresses.iter().map(IpAddr::to_canonical).collect(),
            Way::Web(_) => Vec::new(),
        };
        Self { senders: addresses(sender), receivers: addresses(receiver) }
    }

    /// Whether both sides come from one address (one host, or one NAT), so that a connection's address does not say
    /// which side it is.
    pub(super) fn is_shared(&self) -> bool {
        self.senders.iter().any(|sender| self.receivers.contains(sender))
    }

    /// Whether one side has a token and the other comes through the port, where an address is all that speaks for it.
    pub(super) fn is_mixed(&self) -> bool {
        self.senders.is_empty() != self.receivers.is_empty()
    }

    /// What a connection from there may be; `None`: a stranger. IPv4 addresses mapped into IPv6 count as IPv4.
    pub(super) fn role(&self, peer: IpAddr) -> Option<Role> {
        let peer = peer.to_canonical();
        match (self.senders.contains(&peer), self.receivers.contains(&peer)) {
            (true, true) => Some(Role::Either),
            (true, false) => Some(Role::Sender),
            (false, true) => Some(Role::Receiver),
            (false, false) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actors::transfer::Token;

    fn gate(sender: &str, receivers: &[&str]) -> Gate {
        let receivers = receivers.iter().map(|text| ip(text)).collect();
        Gate::new(&Way::Port(vec![ip(sender)]), &Way::Port(receivers))
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn addresses_say_who_may_be_what() {
        let apart = gate("10.0.0.1", &["10.0.0.2", "10.0.0.3"]);
        assert!(!apart.is_shared());
        assert_eq!(apart.role(ip("10.0.0.1")), Some(Role::Sender));
        assert_eq!(apart.role(ip("10.0.0.3")), Some(Role::Receiver));
        assert_eq!(apart.role(ip("10.0.0.4")), None);
        let shared = gate("10.0.0.1", &["10.0.0.2", "10.0.0.1"]);
        assert!(shared.is_shared());
        assert_eq!(shared.role(ip("10.0.0.1")), Some(Role::Either));
        assert_eq!(shared.role(ip("10.0.0.2")), Some(Role::Receiver));
    }

    #[test]
    fn mapped_addresses_count_as_what_they_map() {
        let gate = gate("::ffff:10.0.0.1", &["10.0.0.1", "2001:db8::1"]);
        assert!(gate.is_shared());
        assert_eq!(gate.role(ip("::ffff:10.0.0.1")), Some(Role::Either));
        assert_eq!(gate.role(ip("10.0.0.1")), Some(Role::Either));
        assert_eq!(gate.role(ip("2001:db8::1")), Some(Role::Receiver));
        assert_eq!(gate.role(ip("2001:db8::2")), None);
    }

    #[test]
    fn nobody_passes_for_a_side_that_comes_over_http_even_from_the_others_address() {
        let (here, web) = (Way::Port(vec![ip("10.0.0.1")]), Way::Web(Token::fresh().unwrap()));
        for (gate, role) in [(Gate::new(&here, &web), Role::Sender), (Gate::new(&web, &here), Role::Receiver)] {
            assert!(!gate.is_shared());
            assert_eq!(gate.role(ip("10.0.0.1")), Some(role));
            assert_eq!(gate.role(ip("10.0.0.2")), None);
        }
        let other = Way::Web(Token::fresh().unwrap());
        let both = Gate::new(&web, &other);
        assert!(!both.is_shared());
        assert_eq!(both.role(ip("10.0.0.1")), None);
    }
}
