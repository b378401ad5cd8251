//! A WebSocket that says back what it hears, over the server's own link: what the Autobahn testsuite talks to
//! (CONTRIBUTING.md says how). `cargo run --release --example websocket_echo -- 127.0.0.1:9010`.

#![allow(clippy::print_stdout, reason = "it says where it listens")]

use actors::session::link::{Arrival, Link};
use bytes::Bytes;
use hongyan::net::websocket::WebSocketLink;
use protocol::Frame;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tungstenite::handshake::derive_accept_key;

/// The testsuite's largest message has 16 MiB.
const MOST: usize = 32 << 20;

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9010".to_owned());
    let listener = TcpListener::bind(&address).await?;
    println!("echoing on ws://{}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(async move {
            // However it ends, the testsuite has seen it.
            let _ = echo(stream).await;
        });
    }
}

async fn echo(mut stream: TcpStream) -> io::Result<()> {
    shake_hands(&mut stream).await?;
    let mut link = WebSocketLink::open(stream.into_std()?, Duration::from_secs(60), Bytes::new(), MOST, true)?;
    let mut scratch = vec![0; 64 * 1024];
    loop {
        match poll_fn(|cx| link.poll_read(cx, &mut scratch)).await? {
            Arrival::Message(message) => say(&mut link, Frame::new(message, 0, 0)).await?,
            Arrival::Binary(message) => say(&mut link, Frame::new(message, 0, 0).binary()).await?,
            Arrival::End => return poll_fn(|cx| link.poll_close(cx)).await,
            Arrival::Bytes(_) | Arrival::Receipt(_) => {}
        }
    }
}

async fn say(link: &mut WebSocketLink, frame: Frame) -> io::Result<()> {
    let mut pieces = VecDeque::new();
    link.pack(&frame, &mut pieces);
    while let Some(mut piece) = pieces.pop_front() {
        while !piece.is_empty() {
            let n = poll_fn(|cx| link.poll_write(cx, &[IoSlice::new(&piece)])).await?;
            drop(piece.split_to(n));
        }
    }
    Ok(())
}

/// Just enough of a handshake: the server's own is hyper's, and is tested elsewhere.
async fn shake_hands(stream: &mut TcpStream) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") && head.len() < 8192 {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head);
    let header = |line: &str| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("sec-websocket-key").then(|| value.trim().to_owned())
    };
    let key = head.lines().find_map(header).ok_or(io::ErrorKind::InvalidData)?;
    let accept = derive_accept_key(key.as_bytes());
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    stream.write_all(answer.as_bytes()).await
}
