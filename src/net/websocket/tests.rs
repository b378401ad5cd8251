//! A WebSocket on a loopback socket, with frames written by hand on the other side.

use super::WebSocketLink;
use super::frames::client;
use actors::session::link::{Arrival, Closing, Link};
use bytes::Bytes;
use protocol::{Carrier, ClosingReason, Frame};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::{IoSlice, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::task::Poll;
use std::time::Duration;

fn pair_with(already: &[u8]) -> (WebSocketLink, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    client.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let (server, _) = listener.accept().unwrap();
    let already = Bytes::copy_from_slice(already);
    (WebSocketLink::open(server, Duration::from_secs(60), already, 100_000, false).unwrap(), client)
}

fn pair() -> (WebSocketLink, TcpStream) {
    pair_with(b"")
}

async fn read(link: &mut WebSocketLink) -> Arrival {
    let mut scratch = [0; 16 * 1024];
    poll_fn(|cx| link.poll_read(cx, &mut scratch)).await.unwrap()
}

async fn close(link: &mut WebSocketLink) {
    poll_fn(|cx| link.poll_close(cx)).await.unwrap();
}

fn packed(link: &WebSocketLink, wire: &'static str) -> VecDeque<Bytes> {
    let mut pieces = VecDeque::new();
    link.pack(&Frame::new(wire.into(), 1, 1), &mut pieces);
    pieces
}

fn text(text: &str) -> Arrival {
    Arrival::Message(Bytes::copy_from_slice(text.as_bytes()))
}

fn exactly<const N: usize>(client: &mut TcpStream) -> [u8; N] {
    let mut bytes = [0; N];
    client.read_exact(&mut bytes).unwrap();
    bytes
}

fn to_the_end(client: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    client.read_to_end(&mut bytes).unwrap();
    bytes
}

#[tokio::test]
async fn texts_come_whole_also_many_at_once_and_those_read_with_the_handshake() {
    let (mut link, mut peer) = pair_with(&client(1, true, b"early")[..7]);
    assert_eq!((link.carrier(), link.peer()), (Carrier::Message, Some(peer.local_addr().unwrap())));
    let rest = [&client(1, true, b"early")[7..], &client(1, true, "雁".as_bytes()), &client(1, false, b"ha")].concat();
    peer.write_all(&rest).unwrap();
    assert_eq!(read(&mut link).await, text("early"));
    assert_eq!(read(&mut link).await, text("雁"));
    peer.write_all(&[client(9, true, b"?"), client(0, true, b"lf")].concat()).unwrap();
    assert_eq!(read(&mut link).await, text("half"));
    assert_eq!(exactly(&mut peer), *b"", "nothing yet");
    peer.write_all(&client(1, true, b"x")).unwrap();
    assert_eq!(read(&mut link).await, text("x"));
    assert_eq!(exactly(&mut peer), *b"\x8a\x01?");
    assert!(!link.is_midway() && link.rest.is_empty());
}

#[tokio::test]
async fn a_half_frame_is_midway() {
    let (mut link, mut peer) = pair();
    peer.write_all(&client(1, true, b"slow")[..3]).unwrap();
    let mut scratch = [0; 64];
    poll_fn(|cx| {
        let pending = link.poll_read(cx, &mut scratch).is_pending();
        assert!(pending);
        if link.is_midway() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

#[tokio::test]
async fn frames_go_out_without_a_copy_and_probes_come_back_as_receipts() {
    let (mut link, mut peer) = pair();
    let frame = Frame::new("[hello]".into(), 1, 1);
    let mut pieces = VecDeque::new();
    link.pack(&frame, &mut pieces);
    assert_eq!(pieces[1].as_ptr(), frame.body().as_ptr(), "the body is shared");
    pieces.extend(link.probe(77));
    pieces.extend(packed(&link, "[]"));
    let slices: Vec<IoSlice<'_>> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
    assert_eq!(poll_fn(|cx| link.poll_write(cx, &slices)).await.unwrap(), 7 + 10 + 2);
    assert_eq!(exactly(&mut peer), *b"\x81\x05hello\x89\x08\0\0\0\0\0\0\0\x4d\x81\0");
    // Pongs of the peer's own mean nothing.
    let pongs = [client(10, true, b""), client(10, true, b"123456789"), client(10, true, b"\0\0\0\0\0\0\0\x4d")];
    peer.write_all(&pongs.concat()).unwrap();
    assert!(link.can_probe());
    assert_eq!(read(&mut link).await, Arrival::Receipt(77));
}

#[tokio::test]
async fn a_close_is_echoed_with_its_code() {
    for (said, echoed) in [(&b"\x0f\xa0bye"[..], &b"\x88\x02\x0f\xa0"[..]), (b"", b"\x88\0")] {
        let (mut link, mut peer) = pair();
        peer.write_all(&[client(8, true, said), client(1, true, b"late")].concat()).unwrap();
        assert_eq!(read(&mut link).await, Arrival::End);
        assert_eq!(read(&mut link).await, Arrival::End, "nothing after it counts");
        close(&mut link).await;
        assert_eq!(exactly::<1>(&mut peer)[0], 0x88);
        drop(link);
        // A reset may follow, since something was left unread.
        let mut rest = vec![0; echoed.len() - 1];
        peer.read_exact(&mut rest).unwrap();
        assert_eq!(rest, echoed[1..]);
    }
    // Just going away is an end, too.
    let (mut link, peer) = pair();
    peer.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read(&mut link).await, Arrival::End);
}

#[tokio::test]
async fn the_server_says_why_it_closes_and_hears_the_echo() {
    for (why, code) in [
        (Closing::Done, 1000),
        (Closing::Mistaken, 1002),
        (Closing::Because(ClosingReason::Shutdown), 1001),
        (Closing::Because(ClosingReason::SlowConsumer), 1008),
        (Closing::Because(ClosingReason::TimedOut), 1008),
        (Closing::Because(ClosingReason::TooManyConnections), 1013),
        (Closing::Because(ClosingReason::Fault), 1011),
    ] {
        let (mut link, mut peer) = pair();
        link.closing(why);
        link.closing(Closing::Done);
        close(&mut link).await;
        let [first, length, high, low] = exactly(&mut peer);
        assert_eq!((first, u16::from_be_bytes([high, low])), (0x88, code), "{why:?}");
        let mut reason = vec![0; usize::from(length) - 2];
        peer.read_exact(&mut reason).unwrap();
        // What was on its way still comes, then the echo.
        peer.write_all(&[client(1, true, b"crossed"), client(8, true, &code.to_be_bytes())].concat()).unwrap();
        assert_eq!(read(&mut link).await, text("crossed"));
        assert_eq!(read(&mut link).await, Arrival::End);
        drop(link);
        assert_eq!(to_the_end(&mut peer), b"", "{why:?}");
    }
}

#[tokio::test]
async fn a_breach_is_told_with_its_code_although_more_is_coming() {
    let cases = [
        (vec![0x81, 0x01, b'x'], 1002),
        (client(3, true, b""), 1002),
        (client(2, true, b"binary"), 1003),
        (client(1, true, b"\xc3\x28"), 1007),
        (client(1, true, &vec![b'x'; 100_001]), 1009),
    ];
    for (bytes, code) in cases {
        let (mut link, mut peer) = pair();
        peer.write_all(&[bytes, vec![0x55; 200_000]].concat()).unwrap();
        assert_eq!(read(&mut link).await, Arrival::End);
        // What the session says of a mistake does not hide the breach.
        link.closing(Closing::Mistaken);
        let (told, ()) = tokio::join!(
            tokio::task::spawn_blocking(move || {
                peer.shutdown(Shutdown::Write).unwrap();
                to_the_end(&mut peer)
            }),
            close(&mut link)
        );
        let told = told.unwrap();
        assert_eq!((told[0], u16::from_be_bytes([told[2], told[3]])), (0x88, code));
        assert_eq!(told.len(), 2 + usize::from(told[1]), "and no more");
        assert_eq!(read(&mut link).await, Arrival::End);
    }
}

#[tokio::test]
async fn a_flood_of_pings_to_a_peer_that_does_not_read_takes_no_memory_and_stops_nobody() {
    let (mut link, mut peer) = pair();
    let flooder = std::thread::spawn(move || {
        let pings = client(9, true, &[b'p'; 125]).repeat(64);
        for _ in 0..2000 {
            peer.write_all(&pings).unwrap();
        }
        peer.write_all(&client(1, true, b"after all")).unwrap();
        peer
    });
    // 16 MiB of pings are read although not one pong can leave any more.
    assert_eq!(read(&mut link).await, text("after all"));
    let mut peer = flooder.join().unwrap();
    // A data frame comes between whole pongs.
    let pieces = packed(&link, "[data]");
    let mut slices: Vec<IoSlice<'_>> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
    let reader = std::thread::spawn(move || {
        let mut pongs = 0;
        loop {
            match exactly::<2>(&mut peer) {
                [0x8a, 125] => pongs += 1,
                [0x81, 4] => break (pongs, exactly::<4>(&mut peer)),
                other => panic!("{other:?}"),
            }
            assert_eq!(exactly::<125>(&mut peer), [b'p'; 125]);
        }
    });
    let mut rest = &mut slices[..];
    while !rest.is_empty() {
        let n = poll_fn(|cx| link.poll_write(cx, rest)).await.unwrap();
        IoSlice::advance_slices(&mut rest, n);
    }
    let (pongs, data) = tokio::task::spawn_blocking(move || reader.join().unwrap()).await.unwrap();
    assert!(pongs > 0 && data == *b"data");
}

#[tokio::test]
async fn a_pong_waits_for_the_end_of_a_frame() {
    let (mut link, mut peer) = pair();
    let body = "x".repeat(8_000_000);
    let frame = Frame::new(body.into(), 0, 0);
    let mut pieces = VecDeque::new();
    link.pack(&frame, &mut pieces);
    link.pack(&Frame::new("second".into(), 0, 0), &mut pieces);
    let mut slices: Vec<IoSlice<'_>> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
    let mut rest = &mut slices[..];
    // The first write does not get through the frame.
    let n = poll_fn(|cx| link.poll_write(cx, rest)).await.unwrap();
    assert!(n < 8_000_000);
    IoSlice::advance_slices(&mut rest, n);
    peer.write_all(&[client(9, true, b"!"), client(1, true, b"x")].concat()).unwrap();
    assert_eq!(read(&mut link).await, text("x"));
    let reader = tokio::task::spawn_blocking(move || {
        assert_eq!(exactly::<10>(&mut peer)[..2], [0x81, 127]);
        let mut body = vec![0; 8_000_000];
        peer.read_exact(&mut body).unwrap();
        assert!(body.iter().all(|byte| *byte == b'x'));
        exactly::<11>(&mut peer)
    });
    while !rest.is_empty() {
        let n = poll_fn(|cx| link.poll_write(cx, rest)).await.unwrap();
        IoSlice::advance_slices(&mut rest, n);
    }
    assert_eq!(reader.await.unwrap(), *b"\x8a\x01!\x81\x06second");
}

#[tokio::test]
async fn the_librarys_own_client_understands() {
    let (mut link, peer) = pair();
    let client = tokio::task::spawn_blocking(move || {
        use tungstenite::protocol::{Role, WebSocket};
        let mut client = WebSocket::from_raw_socket(peer, Role::Client, None);
        client.send(tungstenite::Message::text("鸿雁".repeat(1000))).unwrap();
        assert_eq!(client.read().unwrap().into_text().unwrap().as_str(), "hello");
        assert!(client.read().unwrap().is_ping());
        client.flush().unwrap();
        client.close(None).unwrap();
        while client.read().is_ok() {}
    });
    assert_eq!(read(&mut link).await, text(&"鸿雁".repeat(1000)));
    let mut pieces = packed(&link, "[hello]");
    pieces.extend(link.probe(9));
    let slices: Vec<IoSlice<'_>> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
    poll_fn(|cx| link.poll_write(cx, &slices)).await.unwrap();
    assert_eq!(read(&mut link).await, Arrival::Receipt(9));
    assert_eq!(read(&mut link).await, Arrival::End);
    close(&mut link).await;
    client.await.unwrap();
}
