//! A server on this machine that was there before. Owns: finding its process by the port that it listens on. Never: asks for rights that it
//! does not have: another user's process is not found.

use std::cmp::Reverse;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// What `/proc/net/tcp` calls a socket that listens.
const LISTENS: &str = "0A";

/// The process that listens on an address of this machine.
#[must_use]
pub fn listener(address: SocketAddr) -> Option<u32> {
    let is_here = address.ip().is_loopback() || std::net::UdpSocket::bind((address.ip(), 0)).is_ok();
    if !is_here {
        return None;
    }
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(|path| fs::read_to_string(path).unwrap_or_default());
    let mut found: Vec<(bool, u64)> = tables.iter().flat_map(|table| inodes(table, address)).collect();
    // The one on this very address is spoken to, before one on all addresses.
    found.sort_by_key(|(exact, _)| Reverse(*exact));
    found.iter().find_map(|(_, inode)| owner(&format!("socket:[{inode}]")))
}

/// The process that has a socket.
fn owner(socket: &str) -> Option<u32> {
    fs::read_dir("/proc").ok()?.flatten().find_map(|entry| {
        let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
        let mut files = fs::read_dir(entry.path().join("fd")).ok()?.flatten();
        let has = files.any(|file| fs::read_link(file.path()).is_ok_and(|link| link.as_os_str() == socket));
        has.then_some(pid)
    })
}

/// Sockets of a table that take connections to an address: whether they listen on it alone, and their numbers.
fn inodes(table: &str, address: SocketAddr) -> Vec<(bool, u64)> {
    let inode = |line: &str| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let (ip, port) = fields.get(1)?.split_once(':')?;
        if u16::from_str_radix(port, 16).ok()? != address.port() || *fields.get(3)? != LISTENS {
            return None;
        }
        let ip = listening(ip)?;
        let exact = ip.to_canonical() == address.ip().to_canonical();
        // All of IPv6 takes IPv4 as well, unless it was told not to, which is not to be seen here.
        let all = ip.is_unspecified() && (ip.is_ipv6() || address.is_ipv4());
        let inode = fields.get(9)?.parse().ok()?;
        (exact || all).then_some((exact, inode))
    };
    table.lines().filter_map(inode).collect()
}

/// An address as the kernel writes it: words of 32 bits in this machine's order.
fn listening(hex: &str) -> Option<IpAddr> {
    let words: Option<Vec<u32>> =
        hex.as_bytes().chunks(8).map(|word| u32::from_str_radix(std::str::from_utf8(word).ok()?, 16).ok()).collect();
    let bytes: Vec<u8> = words?.into_iter().flat_map(u32::to_ne_bytes).collect();
    match <[u8; 4]>::try_from(bytes.as_slice()) {
        Ok(short) => Some(Ipv4Addr::from(short).into()),
        Err(_) => <[u8; 16]>::try_from(bytes.as_slice()).ok().map(|long| Ipv6Addr::from(long).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::{inodes, listener};
    use std::net::TcpListener;

    #[test]
    fn only_what_listens_on_the_address_counts() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
           0: 0100007F:1F40 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4242 1 0 100 0 0 10 0\n\
           1: 0100007F:1F40 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 4243 1 0 100 0 0 10 0\n\
           2: 0100007F:1F41 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4244 1 0 100 0 0 10 0\n\
           3: 00000000:1F42 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4245 1 0 100 0 0 10 0\n";
        let at = |address: &str| inodes(table, address.parse().unwrap());
        assert_eq!(at("127.0.0.1:8000"), [(true, 4242)]);
        assert!(at("127.0.0.1:1").is_empty() && at("127.0.0.2:8000").is_empty());
        assert_eq!(at("127.0.0.1:8002"), [(false, 4245)]);
        let long = "0: 00000000000000000000000000000000:1F43 0:0 0A 0 0 0 0 0 4246 1\n\
           1: 0000000000000000FFFF00000100007F:1F43 0:0 0A 0 0 0 0 0 4247 1\n";
        assert_eq!(inodes(long, "127.0.0.1:8003".parse().unwrap()), [(false, 4246), (true, 4247)]);
        assert_eq!(inodes(long, "[::1]:8003".parse().unwrap()), [(false, 4246)]);
    }

    #[test]
    fn this_process_is_found_by_its_listener_and_another_machine_has_none() {
        let listening = TcpListener::bind("127.0.0.1:0").unwrap();
        assert_eq!(listener(listening.local_addr().unwrap()), Some(std::process::id()));
        assert_eq!(listener("192.0.2.1:80".parse().unwrap()), None);
    }
}
