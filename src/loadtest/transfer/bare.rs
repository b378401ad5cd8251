//! The two sides of a file's way through a bare relay. Owns: who connects when. Never: logs anybody in.

use super::{Shared, side};
use crate::loadtest::baseline::files::{Side, greeting};
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, Sender};

fn connect(address: SocketAddr, side: Side, pair: u32) -> Result<TcpStream, String> {
    let mut stream = side::connect(address)?;
    stream.write_all(&greeting(side, pair)).map_err(|error| format!("greeting a bare relay: {error}"))?;
    Ok(stream)
}

/// Receives a file as often as it is `asked` to, and tells when it is ready for one.
pub(super) fn receive(
    shared: &Shared,
    address: SocketAddr,
    pair: u32,
    size: u64,
    asked: &Receiver<()>,
    tell: &Sender<()>,
) -> Result<(), String> {
    let block = side::block();
    while asked.recv().is_ok() {
        let mut stream = connect(address, Side::Takes, pair)?;
        if tell.send(()).is_err() {
            break;
        }
        shared.take(&mut stream, &block, size);
    }
    Ok(())
}

/// Sends one file after the other, each when its receiver is there.
pub(super) fn send(
    shared: &Shared,
    address: SocketAddr,
    pair: u32,
    size: u64,
    ask: &Sender<()>,
    heard: &Receiver<()>,
) -> Result<(), String> {
    let block = side::block();
    // An end of a channel is the receiver's end, which tells its own reason.
    while !shared.ended.load(Ordering::Relaxed) && ask.send(()).is_ok() && heard.recv().is_ok() {
        let mut stream = connect(address, Side::Gives, pair)?;
        side::give(&mut stream, &block, size)?;
    }
    Ok(())
}
