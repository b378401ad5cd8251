//! One side of a file's way: its connection to the chat, and the one that carries the bytes. Owns: the few words of `plain` that files need.
//! Never: keeps a file in memory.

use crate::loadtest::people::Account;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

/// Bytes of the block that a file repeats.
const BLOCK: usize = 256 << 10;
/// How long an answer, or the next bytes, may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often somebody who waits for the next file looks whether there will be one.
const LOOK: Duration = Duration::from_millis(200);

/// What a file repeats: no period that a lost piece could hide behind.
pub(super) fn block() -> Vec<u8> {
    let mut dice = fastrand::Rng::with_seed(0x0f11e);
    let mut block = vec![0; BLOCK];
    dice.fill(&mut block);
    block
}

/// Somebody who is logged in.
pub(super) struct Side {
    lines: BufReader<TcpStream>,
    name: String,
    address: SocketAddr,
    /// Part of a line.
    partial: String,
}

impl Side {
    pub(super) fn log_in(address: SocketAddr, who: &Account) -> Result<Self, String> {
        let stream = open(address)?;
        let name = who.person.name.clone();
        let mut side = Self { lines: BufReader::new(stream), name, address, partial: String::new() };
        side.say(&json!({ "cmd": "login", "user": side.name, "password": &*who.password }))?;
        match side.hear("login_reply", || false)? {
            Some(reply) if reply["result"] == "success" => Ok(side),
            reply => Err(format!("login refused: {}", reply.unwrap_or_default()["result"])),
        }
    }

    fn say(&mut self, what: &Value) -> Result<(), String> {
        let line = format!("{what}\n");
        self.lines.get_mut().write_all(line.as_bytes()).map_err(|error| error.to_string())
    }

    /// The next object of this kind; others are passed over. `None` when `ended` says so.
    fn hear(&mut self, kind: &str, ended: impl Fn() -> bool) -> Result<Option<Value>, String> {
        loop {
            match self.lines.read_line(&mut self.partial) {
                Ok(0) => return Err("closed by the server".into()),
                Ok(_) => {
                    let object: Value = serde_json::from_str(&std::mem::take(&mut self.partial))
                        .map_err(|error| format!("not understood: {error}"))?;
                    if object["cmd"] == kind {
                        return Ok(Some(object));
                    }
                    // How a transfer ended, or why one does not begin.
                    if object["cmd"] == "send_file_reply" {
                        return Err(format!("send_file: {}", object["result"]));
                    }
                }
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    if ended() {
                        return Ok(None);
                    }
                }
                Err(error) => return Err(error.to_string()),
            }
        }
    }

    /// Offers a file.
    pub(super) fn offer(&mut self, to: &str, size: u64) -> Result<(), String> {
        let name = self.name.clone();
        self.say(&json!({ "cmd": "send_file", "from_user": name, "to_user": to, "length": size, "filename": "load" }))
    }

    /// Waits for the port of the next file; looks now and then whether there will be one.
    pub(super) fn port(&mut self, kind: &str, ended: impl Fn() -> bool) -> Result<Option<u16>, String> {
        let Some(object) = self.hear(kind, ended)? else { return Ok(None) };
        let port = object["port"].as_u64().and_then(|port| u16::try_from(port).ok());
        port.map(Some).ok_or_else(|| format!("no port in {object}"))
    }

    pub(super) fn connect(&self, port: u16) -> Result<TcpStream, String> {
        connect(SocketAddr::new(self.address.ip(), port))
    }
}

/// A connection for bytes.
pub(super) fn connect(address: SocketAddr) -> Result<TcpStream, String> {
    let stream = open(address)?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(|error| error.to_string())?;
    Ok(stream)
}

fn open(address: SocketAddr) -> Result<TcpStream, String> {
    let failed = |error: std::io::Error| format!("{address}: {error}");
    let stream = TcpStream::connect_timeout(&address, PATIENCE).map_err(failed)?;
    stream.set_nodelay(true).map_err(failed)?;
    stream.set_read_timeout(Some(LOOK)).map_err(failed)?;
    stream.set_write_timeout(Some(PATIENCE)).map_err(failed)?;
    Ok(stream)
}

/// Writes a file, and waits until the server has passed all of it on.
pub(super) fn give(stream: &mut TcpStream, block: &[u8], size: u64) -> Result<(), String> {
    let mut left = size;
    while left > 0 {
        let count = usize::try_from(left).unwrap_or(usize::MAX).min(block.len());
        stream.write_all(&block[..count]).map_err(|error| format!("sending a file: {error}"))?;
        left -= count as u64;
    }
    // The server may have closed already: then it has everything.
    let _ = stream.shutdown(Shutdown::Write);
    let mut nothing = [0; 1];
    match stream.read(&mut nothing) {
        Ok(0) => Ok(()),
        Ok(_) => Err("a sender of a file was sent something".into()),
        Err(error) => Err(format!("waiting for the end of a file: {error}")),
    }
}

/// Reads a file to its end, and compares it; tells of each reading.
pub(super) fn take(stream: &mut impl Read, block: &[u8], size: u64, mut tell: impl FnMut(u64)) -> Result<(), String> {
    let mut buffer = vec![0; BLOCK];
    let mut at = 0u64;
    loop {
        let count = stream.read(&mut buffer).map_err(|error| format!("receiving a file: {error}"))?;
        if count == 0 {
            return if at == size { Ok(()) } else { Err(format!("a file ended after {at} of {size} bytes")) };
        }
        let from = usize::try_from(at % block.len() as u64).unwrap_or_default();
        let first = count.min(block.len() - from);
        if buffer[..first] != block[from..from + first] || buffer[first..count] != block[..count - first] {
            return Err("a file arrived changed".into());
        }
        at += count as u64;
        tell(count as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::{BLOCK, block, take};

    #[test]
    fn a_file_is_compared_to_its_last_byte() {
        let block = block();
        let mut file = block.repeat(2);
        file.extend_from_slice(&block[..100]);
        let size = file.len() as u64;
        let mut told = 0;
        assert_eq!(take(&mut file.as_slice(), &block, size, |count| told += count), Ok(()));
        assert_eq!(told, size);
        assert!(take(&mut &file[..file.len() - 1], &block, size, |_| ()).unwrap_err().contains("ended after"));
        for at in [0, BLOCK, BLOCK + 1, file.len() - 1] {
            file[at] ^= 1;
            assert!(take(&mut file.as_slice(), &block, size, |_| ()).unwrap_err().contains("changed"), "{at}");
            file[at] ^= 1;
        }
        // Nothing of it is missing in the middle, where blocks are alike.
        file.drain(1000..1001);
        assert!(take(&mut file.as_slice(), &block, size - 1, |_| ()).is_err());
    }
}
