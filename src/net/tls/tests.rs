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

/// Bytes of text in the records that are whole.
fn readable(mut there: &[u8]) -> usize {
    let mut text = 0;
    while let Some(((_, length), rest)) =
        there.split_first_chunk::<5>().map(|(head, rest)| ((head[0], [head[3], head[4]]), rest))
        && let Some((record, rest)) = rest.split_at_checked(usize::from(u16::from_be_bytes(length)))
    {
        // Without its tag and its kind.
        text += record.len() - 17;
        there = rest;
    }
    text
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
    // What may count as received can be read: it is in records that have arrived as a whole.
    let mut there = vec![0; 16 << 20];
    let bytes = client.sock.peek(&mut there).unwrap();
    let readable = readable(&there[..bytes]);
    assert!(readable > 0, "much has arrived");
    assert!(
        written.saturating_sub(held) <= readable,
        "{written} were written, {held} are held, and {readable} can be read"
    );
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

#[tokio::test]
async fn part_of_a_record_is_part_of_a_request() {
    let (mut link, mut client) = pair().await;
    assert!(!link.is_midway());
    // Of a record of 256 bytes the header and a little.
    client.sock.write_all(&[0x17, 3, 3, 1, 0, 7, 7, 7]).unwrap();
    poll_fn(|cx| {
        assert!(link.poll_read(cx, &mut [0; 64]).is_pending());
        if link.is_midway() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

#[tokio::test]
async fn whole_records_leave_nothing_behind() {
    let (mut link, mut client) = pair().await;
    client.write_all(&[7; 40_000]).unwrap();
    let (mut scratch, mut came) = ([0; 1000], 0);
    while came < 40_000 {
        let Arrival::Bytes(bytes) = read(&mut link, &mut scratch).await.unwrap() else { panic!("no end") };
        came += bytes;
    }
    assert!(!link.is_midway());
}

/// A guest makes the server hold no more than one record, whatever it says is to come.
#[tokio::test]
async fn a_greeting_without_an_end_is_not_kept() {
    let (identity, _) = identity();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (tcp, _) = socket::adopt(listener.accept().unwrap().0, KEEPALIVE).unwrap();
    let mut stream = TlsStream::new(tcp, identity.bare).unwrap();
    // A client's greeting of 60,000 bytes, in records of 10,000.
    let mut record = vec![0x16, 3, 1, 0x27, 0x10, 1, 0, 0xea, 0x60];
    record.resize(5 + 10_000, 0);
    client.write_all(&record).unwrap();
    record[5..9].fill(0);
    client.write_all(&record).unwrap();
    let error = poll_fn(|cx| stream.poll_handshake(cx)).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{error}");
}

#[tokio::test]
async fn what_the_socket_did_not_take_goes_on_without_a_read_or_a_write() {
    let (mut link, client) = pair().await;
    let written = write_all_that_goes(&mut link, &[7; 65536]).await;
    assert!(poll_fn(|cx| Poll::Ready(link.poll_flush(cx).is_pending())).await, "the socket is full");
    let reading = thread::spawn(move || {
        let mut client = client;
        // Where nothing more comes this ends, and the test fails.
        client.sock.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        client.read_exact(&mut vec![0; written]).map(|()| client)
    });
    poll_fn(|cx| link.poll_flush(cx)).await.unwrap();
    reading.join().unwrap().unwrap();
}
