//! Every dialect over every link, in pairs: one community.

use crate::packets;
use crate::people::{News, Person};
use crate::wire::{Kind, LISTENERS, Wire};
use crate::world::{PATIENCE, Server};
use std::io::{Read, Write};
use std::net::{IpAddr, TcpStream};

/// Runs a test for each pair of kinds, each with two new people.
fn each_pair(test: impl Fn(&Server, Person, Person)) {
    let server = Server::with(&LISTENERS);
    for (n, a) in Kind::ALL.into_iter().enumerate() {
        for (m, b) in Kind::ALL.into_iter().enumerate() {
            let a = Person::new(&server, a, &format!("甲{n}{m}"));
            let b = Person::new(&server, b, &format!("乙{n}{m}"));
            test(&server, a, b);
        }
    }
}

/// Two who are friends.
fn each_pair_of_friends(test: impl Fn(&Server, Person, Person)) {
    each_pair(|server, mut a, mut b| {
        let asked_first = !b.kind.is_plain();
        a.befriend(&mut b, asked_first);
        test(server, a, b);
    });
}

#[test]
fn friendship_either_way() {
    each_pair(|server, mut a, mut b| {
        let asked_first = !b.kind.is_plain();
        a.befriend(&mut b, asked_first);
        // And the other way round, with somebody new.
        let mut c = Person::new(server, a.kind, &format!("丙{}", a.name));
        let asked_first = !c.kind.is_plain();
        b.befriend(&mut c, asked_first);
        for person in [&mut a, &mut b, &mut c] {
            person.expect_nothing();
        }
    });
}

#[test]
fn private_messages_either_way() {
    each_pair_of_friends(|_, mut a, mut b| {
        for text in ["你好 🪿", "\"quoted\"\n\\ and\ttabs", ""] {
            a.write(&b, text);
            assert_eq!(b.news(), News::Private(a.as_seen_by(b.kind), text.to_owned()));
            b.write(&a, text);
            assert_eq!(a.news(), News::Private(b.as_seen_by(a.kind), text.to_owned()));
        }
    });
}

#[test]
fn a_text_that_is_longer_than_a_frame_comes_in_parts_where_it_must() {
    each_pair_of_friends(|_, mut a, mut b| {
        if a.kind.is_framed() {
            return;
        }
        let text = "长".repeat(1500);
        a.write(&b, &text);
        let mut got = String::new();
        while got.len() < text.len() {
            let News::Private(_, part) = b.news() else { panic!("no message") };
            got.push_str(&part);
        }
        assert_eq!(got, text);
        b.expect_nothing();
    });
}

#[test]
fn the_same_group() {
    each_pair(|_, mut a, mut b| {
        let group = format!("群{}", a.name);
        a.create_group(&group);
        b.join_group(&group);
        a.post(&group, "来");
        assert_eq!(b.news(), News::Posted(a.name.clone(), group.clone(), "来".to_owned()));
        b.post(&group, "在");
        assert_eq!(a.news(), News::Posted(b.name.clone(), group.clone(), "在".to_owned()));
        a.expect_nothing();
        b.expect_nothing();
    });
}

#[test]
fn presence_either_way() {
    each_pair_of_friends(|server, mut a, b| {
        let (b_name, b_kind) = (b.name.clone(), b.kind);
        let who = Person { kind: b_kind, name: b.name.clone(), id: b.id.clone(), wire: Wire::open(server, b_kind) };
        b.leave();
        assert_eq!(a.news(), News::Offline(b_name.clone()));
        let mut b = who;
        b.login();
        assert_eq!(a.news(), News::Online(b_name));
        let (a_name, a_kind) = (a.name.clone(), a.kind);
        let next = Person { kind: a_kind, name: a.name.clone(), id: a.id.clone(), wire: Wire::open(server, a_kind) };
        a.leave();
        assert_eq!(b.news(), News::Offline(a_name.clone()));
        let mut a = next;
        a.login();
        assert_eq!(b.news(), News::Online(a_name));
    });
}

#[test]
fn a_file_from_one_to_the_other() {
    each_pair_of_friends(|server, mut a, mut b| {
        let file: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
        let door = a.offer_file(&b, file.len());
        let News::File(from, length, their_port, their_path) = b.news() else { panic!("no file") };
        let (port, path) = door.unwrap_or_else(|| packets::file_ready(&mut a));
        assert_eq!((from, length), (a.name.clone(), u64::try_from(file.len()).unwrap()));
        assert_eq!((path.is_some(), their_path.is_some()), (a.kind.has_paths(), b.kind.has_paths()));
        let host = server.address.ip();
        let received = std::thread::scope(|scope| {
            let receiver = scope.spawn(|| receive(host, their_port, their_path.as_deref(), file.len()));
            send(host, port, path.as_deref(), &file);
            receiver.join().unwrap()
        });
        assert!(received == file, "{:?} to {:?}", a.kind, b.kind);
        for person in [&mut a, &mut b] {
            if person.kind.is_binary() {
                packets::expect_file_done(person);
            }
            person.expect_nothing();
        }
    });
}

fn connect(host: IpAddr, port: u16) -> TcpStream {
    let stream = TcpStream::connect((host, port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

fn send(host: IpAddr, port: u16, path: Option<&str>, file: &[u8]) {
    let mut stream = connect(host, port);
    if let Some(path) = path {
        let head = format!("PUT {path} HTTP/1.1\r\nHost: hongyan\r\nContent-Length: {}\r\n\r\n", file.len());
        stream.write_all(head.as_bytes()).unwrap();
    }
    stream.write_all(file).unwrap();
    if path.is_some() {
        let mut answer = [0; 15];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"HTTP/1.1 200 OK");
    } else {
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).unwrap();
        assert!(rest.is_empty());
    }
}

fn receive(host: IpAddr, port: u16, path: Option<&str>, length: usize) -> Vec<u8> {
    let mut stream = connect(host, port);
    if let Some(path) = path {
        let head = format!("GET {path} HTTP/1.1\r\nHost: hongyan\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            answer.push(byte[0]);
        }
        let answer = String::from_utf8(answer).unwrap().to_lowercase();
        assert!(answer.starts_with("http/1.1 200 ok"), "{answer}");
        assert!(answer.contains(&format!("content-length: {length}\r\n")), "{answer}");
    }
    let mut file = vec![0; length];
    stream.read_exact(&mut file).unwrap();
    file
}
