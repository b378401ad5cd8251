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
    /// Held back until the receiver's next connection, which comes because the present one is closed behind the next message.
    Overtake,
    /// Delivered, and to its writer as well.
    Leak,
    /// Delivered under somebody else's name.
    Rename,
    /// Delivered with a longer text.
    Lengthen,
    /// Delivered with one digit of its text changed.
    Change,
    /// Delivered, and a copy of a message with it that nobody sent.
    Invent,
    /// Answered twice.
    AnswerTwice,
    /// The first of them and all behind it are not answered any more; the connection stays.
    Silence,
}

#[derive(Default)]
struct Hall {
    people: HashMap<String, TcpStream>,
    messages: u64,
    held: Option<String>,
    silent: bool,
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
                let mut hall = hall.lock().unwrap();
                // Numbers are not what this server knows people by.
                say(&mut stream, &json!({ "cmd": "login_reply", "result": "success", "friend": "", "group": "" }));
                let waits = hall.held.take_if(|held| fault == Fault::Overtake && to(held) == name);
                if let Some(held) = waits {
                    say(&mut stream, &serde_json::from_str(&held).unwrap());
                }
                hall.people.insert(name, stream.try_clone().unwrap());
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
                hall.silent |= wrong && fault == Fault::Silence;
                if hall.silent {
                    continue;
                }
                let answer = json!({ "cmd": "private_chat_reply", "result": result });
                say(&mut stream, &answer);
                let mut out = vec![line.clone()];
                let text = asked["text"].as_str().unwrap();
                let with = |key: &str, value: String| {
                    let mut other = asked.clone();
                    other[key] = value.into();
                    other.to_string()
                };
                match fault {
                    Fault::Overtake if !wrong => {}
                    _ if !wrong => out.extend(hall.held.take()),
                    Fault::None | Fault::Ghost | Fault::Hang | Fault::Silence => {}
                    Fault::Lose => out.clear(),
                    Fault::Double => out.push(line.clone()),
                    Fault::Delay | Fault::Overtake => hall.held = out.pop(),
                    Fault::Leak => say(&mut stream, &asked),
                    Fault::Rename => out = vec![with("user_from", "somebody".into())],
                    Fault::Lengthen => out = vec![with("text", format!("{text}."))],
                    Fault::Change => {
                        // The last digit of when it was due, and the check behind it stays.
                        let other = if &text[37..38] == "0" { "1" } else { "0" };
                        out = vec![with("text", format!("{}{other}{}", &text[..37], &text[38..]))];
                    }
                    // Of this run, and of a stream that there is not. The check of a text with other digits is another.
                    Fault::Invent => out.push(with("text", invented(text))),
                    Fault::AnswerTwice => say(&mut stream, &answer),
                }
                let whole = !wrong && fault == Fault::Overtake && hall.held.is_some();
                let to = hall.people.get_mut(to(&line)).unwrap();
                for line in out {
                    // Whoever is away for a moment will not miss it: a run with such a fault sends one by one.
                    to.write_all(format!("{line}\n").as_bytes()).unwrap();
                }
                if whole {
                    to.shutdown(std::net::Shutdown::Both).unwrap();
                }
            }
            "offline" => {}
            _ => say(&mut stream, &done),
        }
    }
}

/// Whom a line is for.
fn to(line: &str) -> &str {
    let (_, rest) = line.split_once(r#""user_to":""#).unwrap();
    rest.split_once('"').unwrap().0
}

/// A text as the load test writes it, with a counter far beyond, and the check that belongs to it.
fn invented(text: &str) -> String {
    let digits = format!("{}{:08x}{}", &text[2..18], 0x00ff_ffff, &text[26..38]);
    let check = digits.bytes().fold(0u8, |sum, digit| sum.wrapping_mul(31).wrapping_add(digit));
    format!("hy{digits}{check:02x}{}", &text[40..])
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
    for (fault, what, words) in [
        (Fault::Lose, "lost", "lost"),
        (Fault::Double, "duplicated", "duplicated"),
        (Fault::Delay, "reordered", "reordered"),
        (Fault::Ghost, "ghosts", "delivered though refused"),
        (Fault::Leak, "misdelivered", "delivered to somebody else"),
        (Fault::Rename, "forged", "never written as they came"),
        (Fault::Lengthen, "forged", "never written as they came"),
        (Fault::Invent, "forged", "never written as they came"),
        (Fault::Change, "lost", "lost"),
    ] {
        let (code, report, said) = run(fault);
        assert_eq!(code, Some(3), "{fault:?}: {said}");
        for other in FAULTS {
            let expected = if other == what { met(count(&report, "sent")) } else { 0 };
            assert_eq!(count(&report, other), expected, "{fault:?}: {other} of {}", report["counts"]);
        }
        assert!(said.contains(words), "{said}");
    }
}

/// All that fails a run.
const FAULTS: [&str; 12] = [
    "lost",
    "duplicated",
    "reordered",
    "ghosts",
    "torn",
    "disagreed",
    "misdelivered",
    "forged",
    "silent",
    "nonsense",
    "untold",
    "broken_files",
];

#[test]
fn what_overtakes_on_a_later_connection_is_reordered() {
    let words = format!("private --to {} --sessions 2 --rate 5 --duration 2s", serve(Fault::Overtake));
    let (code, report, said) = try_load(&words);
    assert_eq!(code, Some(3), "{said}");
    assert_eq!((count(&report, "reordered"), count(&report, "lost")), (1, 0), "{}", report["counts"]);
    assert!(count(&report, "reconnects") >= 1);
}

#[test]
fn an_answer_to_nothing_and_silence_fail_a_run() {
    let (code, report, said) = run(Fault::AnswerTwice);
    assert_eq!(code, Some(3), "{said}");
    assert!(count(&report, "nonsense") >= 1, "{}", report["counts"]);
    let (code, report, said) = run(Fault::Silence);
    assert_eq!(code, Some(3), "{said}");
    let answered = count(&report, "acknowledged");
    assert_eq!((answered, count(&report, "unanswered")), (5, 0), "{}", report["counts"]);
    assert_eq!(count(&report, "silent"), count(&report, "sent") - answered);
    assert!(said.contains("never answered on a live connection"), "{said}");
}

#[test]
fn what_is_never_answered_is_neither_lost_nor_hidden() {
    let (code, report, said) = run(Fault::Hang);
    assert_eq!(code, Some(0), "{said}");
    let unanswered = count(&report, "unanswered");
    assert!(unanswered >= 1 && count(&report, "reconnects") >= 1, "{}", report["counts"]);
    assert_eq!(count(&report, "acknowledged") + unanswered, count(&report, "sent"));
}
