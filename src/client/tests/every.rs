//! Every dialect over every carrier: what is said is understood by the server, and what the server says is understood.

use super::script::{People, Script};
use super::wires::{requests, talk, wired};
use super::*;

#[test]
fn the_server_understands_all_that_is_said() {
    let people = People::new();
    for (dialect, wrap) in every() {
        let mut talk = talk(dialect, wrap);
        let mut all = (Vec::new(), Vec::new());
        // Who one is comes from a login, as in any conversation.
        said(&mut talk, &people.says()[1]);
        for say in people.says() {
            let (number, mut out) = (talk.next(), b"before".to_vec());
            let Some(expected) = people.request(dialect, &say, number) else {
                assert!(talk.say(&say, &mut out).is_err(), "{dialect:?} {wrap:?} {say:?}");
                assert_eq!((out.as_slice(), talk.next()), (&b"before"[..], number), "nothing was said");
                continue;
            };
            assert_eq!(talk.say(&say, &mut out), Ok(number));
            let bytes = out.strip_prefix(b"before").unwrap();
            assert_eq!(requests(dialect, wrap, bytes), std::slice::from_ref(&expected), "{dialect:?} {wrap:?} {say:?}");
            all.0.extend_from_slice(bytes);
            all.1.push(expected);
        }
        if wrap != Wrap::Message {
            assert_eq!(requests(dialect, wrap, &all.0), all.1, "all in one stream");
        }
    }
}

#[test]
fn a_line_client_is_taken_for_one() {
    let (_, line) = said(&mut talk(dialect("plain"), Wrap::Stream), &Say::Ping);
    let mut decoder = dialect("plain").get().decoder(Carrier::Stream, LIMITS);
    let mut input = line.as_slice();
    while !input.is_empty() {
        decoder.decode(&mut input);
    }
    assert_eq!(decoder.style(), protocol::Style::Streaming);
}

#[test]
fn all_that_the_server_says_is_heard() {
    let people = People::new();
    for (dialect, wrap) in every() {
        let mut talk = talk(dialect, wrap);
        for (at, step) in Script::new(&people, dialect, wrap).steps.into_iter().enumerate() {
            if let Some(say) = step.say {
                said(&mut talk, &say);
            }
            let pieces = wired(wrap, step.frames);
            let heard: Vec<_> = pieces.iter().flat_map(|piece| heard(&mut talk, piece).unwrap()).collect();
            assert_eq!(heard, step.hears, "{dialect:?} {wrap:?} step {at}");
            assert_eq!(talk.outstanding(), 0, "{dialect:?} {wrap:?} step {at}");
        }
    }
}

#[test]
fn it_is_heard_the_same_however_it_is_split() {
    let people = People::new();
    for (dialect, wrap) in every().filter(|(_, wrap)| *wrap != Wrap::Message) {
        for (at, step) in Script::new(&people, dialect, wrap).steps.into_iter().enumerate() {
            let bytes = wired(wrap, step.frames).concat();
            let first = step.hears.iter().find_map(|heard| match heard {
                Heard::Answer { number, .. } => Some(*number),
                _ => None,
            });
            let begin = || {
                let mut talk = talk(dialect, wrap);
                talk.asked = super::super::asked::Asked::new(first.unwrap_or(1));
                if let Some(say) = step.say {
                    said(&mut talk, &say);
                }
                talk
            };
            let mut slow = begin();
            let single: Vec<_> = bytes.iter().flat_map(|byte| heard(&mut slow, &[*byte]).unwrap()).collect();
            assert_eq!(single, step.hears, "{dialect:?} {wrap:?} step {at}, byte by byte");
            assert_eq!(slow.partial.capacity(), 0, "nothing is kept between frames");
            // Long ones differ from short ones at their ends only.
            let ends = |split: &usize| *split < 300 || bytes.len() - split < 300 || split.is_multiple_of(97);
            for split in (0..=bytes.len()).filter(ends) {
                let mut talk = begin();
                let (one, two) = bytes.split_at(split);
                let all = [heard(&mut talk, one).unwrap(), heard(&mut talk, two).unwrap()].concat();
                assert_eq!(all, step.hears, "{dialect:?} {wrap:?} step {at} split at {split}");
            }
        }
    }
}
