//! Who may connect to a transfer's port, and as what. Owns: that rule, over addresses alone. Never: a socket.

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
    sender: IpAddr,
    receivers: Vec<IpAddr>,
}

impl Gate {
    pub(super) fn new(sender: IpAddr, receivers: &[IpAddr]) -> Self {
        Self { sender: sender.to_canonical(), receivers: receivers.iter().map(IpAddr::to_canonical).collect() }
    }

    /// Whether both sides come from one address (one host, or one NAT), so that a connection's address does not say
    /// which side it is.
    pub(super) fn is_shared(&self) -> bool {
        self.receivers.contains(&self.sender)
    }

    /// What a connection from there may be; `None`: a stranger. IPv4 addresses mapped into IPv6 count as IPv4.
    pub(super) fn role(&self, peer: IpAddr) -> Option<Role> {
        let peer = peer.to_canonical();
        match (peer == self.sender, self.receivers.contains(&peer)) {
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

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn addresses_say_who_may_be_what() {
        let apart = Gate::new(ip("10.0.0.1"), &[ip("10.0.0.2"), ip("10.0.0.3")]);
        assert!(!apart.is_shared());
        assert_eq!(apart.role(ip("10.0.0.1")), Some(Role::Sender));
        assert_eq!(apart.role(ip("10.0.0.3")), Some(Role::Receiver));
        assert_eq!(apart.role(ip("10.0.0.4")), None);
        let shared = Gate::new(ip("10.0.0.1"), &[ip("10.0.0.2"), ip("10.0.0.1")]);
        assert!(shared.is_shared());
        assert_eq!(shared.role(ip("10.0.0.1")), Some(Role::Either));
        assert_eq!(shared.role(ip("10.0.0.2")), Some(Role::Receiver));
    }

    #[test]
    fn mapped_addresses_count_as_what_they_map() {
        let gate = Gate::new(ip("::ffff:10.0.0.1"), &[ip("10.0.0.1"), ip("2001:db8::1")]);
        assert!(gate.is_shared());
        assert_eq!(gate.role(ip("::ffff:10.0.0.1")), Some(Role::Either));
        assert_eq!(gate.role(ip("10.0.0.1")), Some(Role::Either));
        assert_eq!(gate.role(ip("2001:db8::1")), Some(Role::Receiver));
        assert_eq!(gate.role(ip("2001:db8::2")), None);
    }
}
