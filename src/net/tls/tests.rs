//! A server's end under TLS against a client of the library's, over loopback.

use super::certificate::{Identity, load};
use super::link::TlsLink;
use super::stream::TlsStream;
use crate::net::socket;
use crate::settings::TlsSettings;
use actors::session::link::{Arrival, Link};
use std::fs;
use std::future::poll_fn;
use std::io::{self, IoSlice, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::task::Poll;
use std::thread;
use std::time::Duration;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

const KEEPALIVE: Duration = Duration::from_secs(60);

type Client = StreamOwned<ClientConnection, TcpStream>;

fn identity() -> (Identity, CertificateDer<'static>) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let (certificate, key) = (dir.path().join("c"), dir.path().join("k"));
    fs::write(&certificate, made.cert.pem()).unwrap();
    fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let settings = TlsSettings { certificate, key, handshake_timeout_s: 10, max_handshakes: 1 };
    (load(&settings).unwrap(), made.cert.der().clone())
}

/// A link after its handshake, and its peer.
async fn pair() -> (TlsLink, Client) {
    let (identity, certificate) = identity();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let client = thread::spawn(move || {
        let mut roots = RootCertStore::empty();
        roots.add(certificate).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from("localhost").unwrap();
        let mut client = StreamOwned::new(
            ClientConnection::new(Arc::new(config), name).unwrap(),
            TcpStream::connect(address).unwrap(),
        );
        while client.conn.is_handshaking() {
            client.conn.complete_io(&mut client.sock).unwrap();
        }
        client
    });
    let (tcp, _) = socket::adopt(listener.accept().unwrap().0, KEEPALIVE).unwrap();
    let mut stream = TlsStream::new(tcp, identity.bare).unwrap();
    poll_fn(|cx| stream.poll_handshake(cx)).await.unwrap();
    let link = TlsLink::open(stream.part().unwrap(), KEEPALIVE).unwrap();
    (link, client.join().unwrap())
}

async fn read(link: &mut TlsLink, scratch: &mut [u8]) -> io::Result<Arrival> {
    poll_fn(|cx| link.poll_read(cx, scratch)).await
}

/// As much as goes without waiting; how much that was.
async fn write_all_that_goes(link: &mut TlsLink, block: &[u8]) -> usize {
    let mut written = 0;
    while let Some(bytes) = poll_fn(|cx| {
        Poll::Ready(match link.poll_write(cx, &[IoSlice::new(block)]) {
            Poll::Ready(outcome) => Some(outcome.unwrap()),
            Poll::Pending => None,
        })
    })
    .await
    {
        written += bytes;
    }
    written
}

#[tokio::test]
async fn it_reads_what_comes_and_then_the_end_that_is_told() {
    let (mut link, mut client) = pair().await;
    assert_eq!(link.peer(), Some(client.sock.local_addr().unwrap()));
    client.write_all("鸿雁".as_bytes()).unwrap();
    let mut scratch = [0; 4];
    assert_eq!(read(&mut link, &mut scratch).await.unwrap(), Arrival::Bytes(4));
    assert_eq!(scratch, "鸿雁".as_bytes()[..4]);
    assert_eq!(read(&mut link, &mut scratch).await.unwrap(), Arrival::Bytes(2));
    client.conn.send_close_notify();
    client.conn.complete_io(&mut client.sock).unwrap();
    assert_eq!(read(&mut link, &mut scratch).await.unwrap(), Arrival::End);
    assert!(read(&mut link, &mut []).await.is_err());
}

#[tokio::test]
async fn an_end_that_is_not_told_is_no_end_in_order() {
    let (mut link, client) = pair().await;
    client.sock.shutdown(std::net::Shutdown::Write).unwrap();
    let error = read(&mut link, &mut [0; 4]).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
}

#[tokio::test]
async fn what_was_changed_on_the_way_ends_the_connection() {
    let (mut link, mut client) = pair().await;
    client.sock.write_all(&[&[0x17, 3, 3, 0, 32][..], &[7; 32]].concat()).unwrap();
    assert_eq!(read(&mut link, &mut [0; 4]).await.unwrap_err().kind(), io::ErrorKind::InvalidData);
    let told = client.read(&mut [0; 4]).unwrap_err();
    assert!(told.to_string().contains("BadRecordMac"), "{told}");
}

#[tokio::test]
async fn it_writes_many_pieces_at_once_and_closes_in_order() {
    let (mut link, mut client) = pair().await;
    let pieces = [IoSlice::new(b"{\"a\":1}\n"), IoSlice::new(b"{\"b\":2}\n")];
    assert_eq!(poll_fn(|cx| link.poll_write(cx, &pieces)).await.unwrap(), 16);
    for _ in 0..2 {
        poll_fn(|cx| link.poll_close(cx)).await.unwrap();
    }
    let mut text = String::new();
    client.read_to_string(&mut text).unwrap();
    assert_eq!(text, "{\"a\":1}\n{\"b\":2}\n");
    // The other direction is still open.
    client.write_all(b"x").unwrap();
    assert_eq!(read(&mut link, &mut [0; 8]).await.unwrap(), Arrival::Bytes(1));
}

#[tokio::test]
async fn a_full_peer_makes_a_write_wait_and_all_of_its_bytes_are_unacknowledged() {
    let (mut link, client) = pair().await;
    let block = [7; 65536];
    let written = write_all_that_goes(&mut link, &block).await;
    assert!(written > 0);
    let held = link.unacknowledged().unwrap();
    let socket = crate::net::outq::unacknowledged(std::os::fd::AsFd::as_fd(&client.sock)).unwrap();
    assert_eq!(socket, 0, "the client has said all");
    // What the peer's system has taken is at most what is gone from here.
    let receive = socket2::SockRef::from(&client.sock).recv_buffer_size().unwrap();
    assert!(written <= held + receive, "{written} were written, {held} are held here, and {receive} may be there");
    // Asking for something to read sends the rest: nobody has to write again.
    let reading = thread::spawn(move || {
        let mut client = client;
        let mut received = vec![0; written];
        client.read_exact(&mut received).unwrap();
        client.write_all(b"x").unwrap();
        (client, received)
    });
    assert_eq!(read(&mut link, &mut [0; 8]).await.unwrap(), Arrival::Bytes(1));
    let (client, received) = reading.join().unwrap();
    assert!(received.iter().all(|byte| *byte == 7));
    // The peer's answer came behind its acknowledgement of everything.
    assert_eq!(link.unacknowledged(), Some(0));
    drop(client);
}
