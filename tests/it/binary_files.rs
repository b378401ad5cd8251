//! Files in `binary` over real sockets: packets on TCP, the bytes over HTTP with tickets.

use crate::world::{PATIENCE, Server, port_of};
use prost::Message;
use protocol::dialects::binary::packets as p;
use protocol::dialects::binary::packets::packet::Body as Said;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::thread::scope;

const HOST: [u8; 4] = [127, 0, 0, 1];
const SIZE: usize = 1 << 20;

fn content(length: usize) -> Vec<u8> {
    (0..length).map(|n| (n.wrapping_mul(31) ^ (n >> 8)) as u8).collect()
}

/// Somebody who speaks `binary`.
struct Member {
    stream: TcpStream,
    account: u64,
    seq: u64,
}

impl Member {
    /// Logs an account in that is there already.
    fn new(server: &Server, name: &str) -> Self {
        let stream = TcpStream::connect(server.listener("binary")).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut member = Self { stream, account: 0, seq: 0 };
        let who = Some(p::login::Who::Name(name.to_owned()));
        let login = p::Login { who, password: "11111".to_owned(), ..p::Login::default() };
        match member.ask(Said::Login(login)) {
            Said::LoginSucceeded(said) => member.account = said.account,
            other => panic!("{name}: {other:?}"),
        }
        member
    }

    /// A new account, that takes files from anybody.
    fn register(server: &Server, name: &str) -> Self {
        server.client().register(name);
        Self::new(server, name)
    }

    /// Says something and hears the answer, which must be the next.
    fn ask(&mut self, body: Said) -> Said {
        self.seq += 1;
        let packet = p::Packet { seq: self.seq, body: Some(body) }.encode_to_vec();
        let length = u32::try_from(packet.len()).unwrap().to_be_bytes();
        self.stream.write_all(&[&length[..], &packet].concat()).unwrap();
        let (seq, said) = self.hear_any();
        assert_eq!(seq, self.seq, "{said:?}");
        said
    }

    fn hear_any(&mut self) -> (u64, Said) {
        let mut length = [0; 4];
        self.stream.read_exact(&mut length).unwrap();
        let mut packet = vec![0; u32::from_be_bytes(length) as usize];
        self.stream.read_exact(&mut packet).unwrap();
        let packet = p::Packet::decode(&packet[..]).unwrap();
        (packet.seq, packet.body.unwrap())
    }

    /// What the server says next by itself, but for how far a file is.
    fn hear(&mut self) -> Said {
        loop {
            match self.hear_any() {
                (0, Said::FileProgress(_)) => {}
                (0, said) => return said,
                (_, said) => panic!("an answer: {said:?}"),
            }
        }
    }

    /// Offers a file; the transfer's number.
    fn offer(&mut self, to: u64, size: usize) -> u64 {
        let sha256 = vec![7; 32].into();
        let offer = p::OfferFile { to, name: "/x/猫.txt".to_owned(), size: size as u64, sha256 };
        match self.ask(Said::OfferFile(offer)) {
            Said::FileOfferSent(said) => said.transfer,
            other => panic!("{other:?}"),
        }
    }

    fn offered(&mut self) -> p::FileOffered {
        match self.hear() {
            Said::FileOffered(said) => said,
            other => panic!("{other:?}"),
        }
    }

    fn ready(&mut self) -> p::FileReady {
        match self.hear() {
            Said::FileReady(said) => said,
            other => panic!("{other:?}"),
        }
    }

    /// How it ended: `None` where it is done, otherwise how many bytes had left.
    fn ended(&mut self) -> Option<u64> {
        match self.hear() {
            Said::FileDone(_) => None,
            Said::FileFailed(said) => Some(said.bytes),
            other => panic!("{other:?}"),
        }
    }
}

/// Accepts; both sides' tickets.
fn accept(sender: &mut Member, receiver: &mut Member, transfer: u64, offset: usize) -> [p::FileReady; 2] {
    let accept = p::AcceptFile { transfer, offset: offset as u64 };
    assert_eq!(receiver.ask(Said::AcceptFile(accept)), Said::Done(p::Done {}));
    let both = [sender.ready(), receiver.ready()];
    for (ready, sending) in both.iter().zip([true, false]) {
        assert_eq!((ready.transfer, ready.offset, ready.sending), (transfer, offset as u64, sending));
    }
    both
}

/// Begins a request for the ticket's path. It has no `Origin`, as a program's.
fn request(ready: &p::FileReady, method: &str, headers: &str) -> TcpStream {
    let mut stream = TcpStream::connect(SocketAddr::from((HOST, u16::try_from(ready.port).unwrap()))).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let path = &ready.path;
    stream.write_all(format!("{method} {path} HTTP/1.1\r\nHost: a\r\n{headers}\r\n").as_bytes()).unwrap();
    stream
}

fn put(ready: &p::FileReady) -> TcpStream {
    request(ready, "PUT", &format!("Content-Length: {}\r\n", ready.length))
}

/// The head of an answer.
fn head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap_or_else(|error| panic!("{error}: {}", head.escape_ascii()));
        head.extend(byte);
    }
    String::from_utf8(head).unwrap()
}

/// Everything until the server closes, in whatever way.
fn rest(mut stream: TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    match stream.read_to_end(&mut all) {
        Err(error) if error.kind() != ErrorKind::ConnectionReset => panic!("{error}"),
        _ => all,
    }
}

/// Moves the rest of a file with its tickets; what the receiver got.
fn carry([ours, theirs]: &[p::FileReady; 2], bytes: &[u8]) -> Vec<u8> {
    scope(|scope| {
        let sending = scope.spawn(|| {
            let mut sending = put(ours);
            sending.write_all(bytes).unwrap();
            head(&mut sending)
        });
        let mut receiving = request(theirs, "GET", "");
        let head = head(&mut receiving);
        assert!(head.starts_with("HTTP/1.1 200") && head.contains("filename*=UTF-8''%E7%8C%AB.txt"), "{head}");
        assert!(head.to_lowercase().contains(&format!("content-length: {}\r\n", bytes.len())), "{head}");
        let mut got = vec![0; bytes.len()];
        receiving.read_exact(&mut got).unwrap();
        drop(receiving);
        assert!(sending.join().unwrap().starts_with("HTTP/1.1 200"));
        got
    })
}

#[test]
fn a_file_that_breaks_off_goes_on_at_the_receivers_offset_after_both_came_back() {
    let server = Server::start();
    let bytes = content(SIZE);
    let (mut a, mut b) = (Member::register(&server, "a"), Member::register(&server, "b"));
    let transfer = a.offer(b.account, SIZE);
    let offered = b.offered();
    assert_eq!((offered.transfer, offered.sender, &*offered.name), (transfer, a.account, "猫.txt"));
    assert_eq!((offered.size, &offered.sha256[..]), (SIZE as u64, &[7; 32][..]));
    let mut got = Vec::new();
    for receiver_leaves in [true, false] {
        let [ours, theirs] = accept(&mut a, &mut b, transfer, got.len());
        let (mut sending, mut receiving) = (put(&ours), request(&theirs, "GET", ""));
        let mut piece = vec![0; 300_000];
        sending.write_all(&bytes[got.len()..got.len() + piece.len()]).unwrap();
        head(&mut receiving);
        receiving.read_exact(&mut piece).unwrap();
        got.extend(piece);
        if receiver_leaves {
            drop(receiving);
            assert!(head(&mut sending).starts_with("HTTP/1.1 410"));
        } else {
            drop(sending);
            assert!(rest(receiving).is_empty(), "and it sees that this was not all");
        }
        for member in [&mut a, &mut b] {
            assert_eq!(member.ended(), Some(got.len() as u64));
        }
        // A path is good once.
        for (ready, method) in [(&ours, "PUT"), (&theirs, "GET")] {
            let mut late = request(ready, method, &format!("Content-Length: {}\r\n", ours.length));
            assert!(head(&mut late).starts_with("HTTP/1.1 404"));
        }
        (a, b) = (Member::new(&server, "a"), Member::new(&server, "b"));
    }
    let tickets = accept(&mut a, &mut b, transfer, got.len());
    got.extend(carry(&tickets, &bytes[got.len()..]));
    assert!(got == bytes, "every byte in its place");
    assert_eq!((a.ended(), b.ended()), (None, None));
}

#[test]
fn progress_comes_while_bytes_move_and_never_goes_back() {
    let server = Server::with(&["relay.progress_ms=100"]);
    let (mut a, mut b) = (Member::register(&server, "a"), Member::register(&server, "b"));
    let transfer = a.offer(b.account, SIZE);
    b.offered();
    let [ours, theirs] = accept(&mut a, &mut b, transfer, 0);
    let (mut sending, mut receiving) = (put(&ours), request(&theirs, "GET", ""));
    let bytes = content(SIZE);
    let mut told = [0; 2];
    // Not the last piece: behind that comes the end, with or without a word on the way.
    for (place, piece) in bytes.chunks(SIZE / 4).take(3).enumerate() {
        sending.write_all(piece).unwrap();
        if place == 0 {
            head(&mut receiving);
        }
        receiving.read_exact(&mut vec![0; piece.len()]).unwrap();
        for (member, told) in [&mut a, &mut b].into_iter().zip(&mut told) {
            let said = member.hear_any();
            let (0, Said::FileProgress(said)) = said else { panic!("{said:?}") };
            assert!(said.transfer == transfer && said.bytes > *told && said.bytes < SIZE as u64, "{said:?}");
            *told = said.bytes;
        }
    }
    let last = &bytes[SIZE / 4 * 3..];
    sending.write_all(last).unwrap();
    receiving.read_exact(&mut vec![0; last.len()]).unwrap();
    for member in [&mut a, &mut b] {
        // How far it is may be told once more before.
        let end = std::iter::repeat_with(|| member.hear_any().1).find(|said| !matches!(said, Said::FileProgress(_)));
        assert!(matches!(end, Some(Said::FileDone(_))), "{end:?}");
    }
}

#[test]
fn a_file_is_declined_or_withdrawn() {
    let server = Server::start();
    let (mut a, mut b) = (Member::register(&server, "a"), Member::register(&server, "b"));
    for receiver_declines in [true, false] {
        let transfer = a.offer(b.account, SIZE);
        b.offered();
        let [ours, _] = accept(&mut a, &mut b, transfer, 0);
        let mut sending = put(&ours);
        let (one, other) = if receiver_declines { (&mut b, &mut a) } else { (&mut a, &mut b) };
        let reason = "no room".to_owned();
        let answer = one.ask(Said::DeclineFile(p::DeclineFile { transfer, reason: reason.clone() }));
        assert_eq!(answer, Said::FileDeclined(p::FileDeclined { transfer, reason: String::new() }));
        assert_eq!(other.hear(), Said::FileDeclined(p::FileDeclined { transfer, reason }));
        // 404 where the request is heard only after the transfer is gone.
        let head = head(&mut sending);
        assert!(head.starts_with("HTTP/1.1 410") || head.starts_with("HTTP/1.1 404"), "{head}");
    }
}

#[test]
fn files_go_between_binary_and_plain() {
    let server = Server::with(&["relay.settle_ms=50"]);
    let mut plain = server.user("p");
    let mut a = Member::register(&server, "a");
    let bytes = content(300_000);
    // From `plain`: the port for one, a ticket for the other, both at once.
    plain.say(&plain.file("a", bytes.len()));
    let port = port_of(&plain.line());
    let offered = a.offered();
    let theirs = a.ready();
    assert_eq!((offered.transfer, theirs.sending, theirs.path.is_empty()), (theirs.transfer, false, false));
    let got = scope(|scope| {
        scope.spawn(|| {
            let mut sending = TcpStream::connect(SocketAddr::from((HOST, port))).unwrap();
            sending.write_all(&bytes).unwrap();
            rest(sending)
        });
        let mut receiving = request(&theirs, "GET", "");
        head(&mut receiving);
        let mut got = vec![0; bytes.len()];
        receiving.read_exact(&mut got).unwrap();
        got
    });
    assert!(got == bytes);
    assert_eq!(a.ended(), None);
    // To `plain`.
    let to = offered.sender;
    a.offer(to, bytes.len());
    let ours = a.ready();
    let port = port_of(&plain.line());
    let got = scope(|scope| {
        scope.spawn(|| {
            let mut sending = put(&ours);
            sending.write_all(&bytes).unwrap();
            head(&mut sending)
        });
        let receiving = TcpStream::connect(SocketAddr::from((HOST, port))).unwrap();
        receiving.set_read_timeout(Some(PATIENCE)).unwrap();
        let got = rest(receiving.try_clone().unwrap());
        let _ = receiving.shutdown(Shutdown::Both);
        got
    });
    assert!(got == bytes);
    assert_eq!(a.ended(), None);
    plain.expect_nothing();
}
