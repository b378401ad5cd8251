//! A server on this machine that was there before. Owns: finding its process by the port that it listens on. Never: asks for rights that it
//! does not have: another user's process is not found.

use std::fs;
use std::net::SocketAddr;

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
    let sockets: Vec<String> = tables
        .iter()
        .flat_map(|table| inodes(table, address.port()))
        .map(|inode| format!("socket:[{inode}]"))
        .collect();
    fs::read_dir("/proc").ok()?.flatten().find_map(|entry| {
        let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
        let mut files = fs::read_dir(entry.path().join("fd")).ok()?.flatten();
        let has = files.any(|file| {
            fs::read_link(file.path())
                .is_ok_and(|link| sockets.iter().any(|socket| link.as_os_str() == socket.as_str()))
        });
        has.then_some(pid)
    })
}

/// Sockets of a table that listen on a port.
fn inodes(table: &str, port: u16) -> Vec<u64> {
    let port = format!(":{port:04X}");
    let inode = |line: &str| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let listens = fields.get(1)?.ends_with(&port) && *fields.get(3)? == LISTENS;
        listens.then(|| fields.get(9)?.parse().ok()).flatten()
    };
    table.lines().filter_map(inode).collect()
}

#[cfg(test)]
mod tests {
    use super::{inodes, listener};
    use std::net::TcpListener;

    #[test]
    fn only_what_listens_on_the_port_counts() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
           0: 0100007F:1F40 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4242 1 0 100 0 0 10 0\n\
           1: 0100007F:1F40 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 4243 1 0 100 0 0 10 0\n\
           2: 0100007F:1F41 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4244 1 0 100 0 0 10 0\n";
        assert_eq!(inodes(table, 8000), [4242]);
        assert!(inodes(table, 1).is_empty());
    }

    #[test]
    fn this_process_is_found_by_its_listener_and_another_machine_has_none() {
        let listening = TcpListener::bind("127.0.0.1:0").unwrap();
        assert_eq!(listener(listening.local_addr().unwrap()), Some(std::process::id()));
        assert_eq!(listener("192.0.2.1:80".parse().unwrap()), None);
    }
}
