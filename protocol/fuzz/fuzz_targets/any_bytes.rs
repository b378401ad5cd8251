//! Any bytes into every dialect of the table, over every kind of carrier: no panic, nothing kept that should not be, and
//! the same requests however the bytes are split. The first byte says where they are.

#![no_main]

use libfuzzer_sys::fuzz_target;
use protocol::{Carrier, DIALECTS, Decoded, Decoder, Dialect, Limits, Mistake, Request};

const LIMITS: Limits = Limits { frame_bytes: 2048, depth: 16, fields: 64 };

fuzz_target!(|bytes: &[u8]| {
    let Some((&at, bytes)) = bytes.split_first() else { return };
    let (front, back) = bytes.split_at(bytes.len() * usize::from(at) / 256);
    for dialect in DIALECTS {
        assert_eq!(hear(dialect, &[bytes]), hear(dialect, &[front, back]), "{}", dialect.name());
        for carrier in [Carrier::Message, Carrier::Text] {
            let mut decoder = dialect.decoder(carrier, LIMITS);
            for mut message in [front, back] {
                let decoded = decoder.decode(&mut message);
                answer(dialect, &decoded, carrier);
                assert!(!decoder.is_midway(), "a message is whole");
            }
        }
    }
});

fn hear(dialect: &dyn Dialect, pieces: &[&[u8]]) -> Vec<Result<Request, Mistake>> {
    let mut decoder = dialect.decoder(Carrier::Stream, LIMITS);
    let mut heard = Vec::new();
    for mut input in pieces.iter().copied() {
        while !input.is_empty() {
            heard.extend(one(dialect, &mut *decoder, &mut input));
        }
    }
    heard
}

fn one(dialect: &dyn Dialect, decoder: &mut dyn Decoder, input: &mut &[u8]) -> Option<Result<Request, Mistake>> {
    let before = input.len();
    let decoded = decoder.decode(input);
    answer(dialect, &decoded, Carrier::Stream);
    match decoded {
        Decoded::Need => {
            assert!(input.is_empty(), "a decoder that needs more has taken all");
            None
        }
        Decoded::Request(request) => {
            assert!(input.len() < before, "a request takes something");
            Some(Ok(*request))
        }
        Decoded::Mistake(mistake) => {
            assert!(input.len() < before, "a mistake takes something");
            Some(Err(mistake))
        }
    }
}

/// A mistake has a word in its dialect, whatever it quotes.
fn answer(dialect: &dyn Dialect, decoded: &Decoded, carrier: Carrier) {
    if let Decoded::Mistake(mistake) = decoded {
        let _ = dialect.mistake(mistake, carrier);
    }
}
