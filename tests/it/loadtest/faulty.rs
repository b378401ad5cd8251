//! A server that breaks its promises on purpose, and a load test that must see it.

use super::{count, try_load};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// What happens to every tenth message, counted from the sixth.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    None,
    /// Acknowledged, and never delivered.
    Lose,
    /// Delivered twice.
    Double,
    /// Delivered after the next one.
    Delay,
    /// Refused, and delivered.
    Ghost,
    /// Never answered, and the connection closes.
    Hang,
}

#[derive(Default)]
struct Hall {
    people: HashMap<String, TcpStream>,
    messages: u64,
    held: Option<String>,
}

/// A stand-in that speaks as much `plain` as a load test needs. One pair writes, so messages have one order.
fn serve(fault: Fault) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let hall = Arc::new(Mutex::new(Hall::default()));
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (hall, stream) = (Arc::clone(&hall), stream.unwrap());
            stream.set_nodelay(true).unwrap();
            thread::spawn(move || client(&hall, stream, fault));
        }
    });
    address
}

fn client(hall: &Mutex<Hall>, mut stream: TcpStream, fault: Fault) {
    let reader = BufReader::new(stream.try_clone().unwrap());
    let say = |stream: &mut TcpStream, what: &Value| {
        // Whoever has gone hears nothing.
        let _ = stream.write_all(format!("{what}\n").as_bytes());
    };
    for line in reader.lines() {
        let Ok(line) = line else { return };
        let asked: Value = serde_json::from_str(&line).unwrap();
        let command = asked["cmd"].as_str().unwrap().to_owned();
        let done = json!({ "cmd": format!("{command}_reply"), "result": "success" });
        match command.as_str() {
            "login" => {
                let name = asked["user"].as_str().unwrap().to_owned();
                hall.lock().unwrap().people.insert(name, stream.try_clone().unwrap());
                say(
                    &mut stream,
                    &json!({ "cmd": "login_reply", "result": "success", "friend": "", "group": "", "id": "1" }),
                );
            }
            "private_chat" => {
                let mut hall = hall.lock().unwrap();
                let wrong = hall.messages % 10 == 5;
                hall.messages += 1;
                let result = if wrong && fault == Fault::Ghost { "not_friend" } else { "success" };
                if wrong && fault == Fault::Hang {
                    stream.shutdown(std::net::Shutdown::Both).unwrap();
                    return;
                }
                say(&mut stream, &json!({ "cmd": "private_chat_reply", "result": result }));
                let mut out = vec![line.clone()];
                match fault {
                    _ if !wrong => out.extend(hall.held.take()),
                    Fault::None | Fault::Ghost | Fault::Hang => {}
                    Fault::Lose => out.clear(),
                    Fault::Double => out.push(line.clone()),
                    Fault::Delay => hall.held = out.pop(),
                }
                let to = hall.people.get_mut(asked["user_to"].as_str().unwrap()).unwrap();
                for line in out {
                    to.write_all(format!("{line}\n").as_bytes()).unwrap();
                }
            }
            "offline" => {}
            _ => say(&mut stream, &done),
        }
    }
}

/// How many of `sent` messages the fault met.
fn met(sent: u64) -> u64 {
    (sent + 4) / 10
}

fn run(fault: Fault) -> (Option<i32>, Value, String) {
    // Not a multiple of ten after the sixth: the last message is none that is held back.
    try_load(&format!("private --to {} --sessions 2 --rate 100 --duration 1s --fail-if unanswered>1000", serve(fault)))
}

#[test]
fn an_honest_stand_in_passes() {
    let (code, report, said) = run(Fault::None);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(count(&report, "delivered"), count(&report, "sent"));
    assert!(count(&report, "sent") >= 100);
}

#[test]
fn every_fault_is_found_and_counted() {
    for (fault, what) in
        [(Fault::Lose, "lost"), (Fault::Double, "duplicated"), (Fault::Delay, "reordered"), (Fault::Ghost, "ghosts")]
    {
        let (code, report, said) = run(fault);
        assert_eq!(code, Some(3), "{fault:?}: {said}");
        for other in ["lost", "duplicated", "reordered", "ghosts"] {
            let expected = if other == what { met(count(&report, "sent")) } else { 0 };
            assert_eq!(count(&report, other), expected, "{fault:?}: {other} of {}", report["counts"]);
        }
        assert!(
            said.contains(match fault {
                Fault::Ghost => "refused",
                _ => what,
            }),
            "{said}"
        );
    }
}

#[test]
fn what_is_never_answered_is_neither_lost_nor_hidden() {
    let (code, report, said) = run(Fault::Hang);
    assert_eq!(code, Some(0), "{said}");
    let unanswered = count(&report, "unanswered");
    assert!(unanswered >= 1 && count(&report, "reconnects") >= 1, "{}", report["counts"]);
    assert_eq!(count(&report, "acknowledged") + unanswered, count(&report, "sent"));
}
