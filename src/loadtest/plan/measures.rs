//! Times and sizes as people write them. Owns: their grammar. Never: knows what they are for.

use std::time::Duration;

/// The longest time that makes sense here: a year.
const LONGEST_S: f64 = 365.0 * 24.0 * 3600.0;

/// A time: a number and `us`, `ms`, `s`, `m` or `h`.
///
/// # Errors
/// It is none, in words that name the `option`.
pub fn time(option: &str, text: &str) -> Result<Duration, String> {
    let text = text.trim();
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    let scale = match unit {
        "us" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        "" if text == "0" => 1.0,
        _ => return Err(format!("{option} {text}: must be a number with its unit: 500ms, 30s, 5m or 1h")),
    };
    let number: f64 = text[..text.len() - unit.len()]
        .parse()
        .map_err(|_| format!("{option} {text}: must be a number with its unit: 500ms, 30s, 5m or 1h"))?;
    let seconds = number * scale;
    if !(0.0..=LONGEST_S).contains(&seconds) {
        return Err(format!("{option} {text}: at most a year"));
    }
    Ok(Duration::from_secs_f64(seconds))
}

/// A number of bytes: bare, or with `B`, `KiB`, `MiB`, `GiB`.
///
/// # Errors
/// It is none, in words that name the `option`.
pub fn bytes(option: &str, text: &str) -> Result<u64, String> {
    let text = text.trim();
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let scale: u64 = match unit {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err(format!("{option} {text}: must be a number of bytes: 64, 10KiB, 100MiB or 1GiB")),
    };
    text[..text.len() - unit.len()]
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(scale))
        .filter(|bytes| *bytes <= 1 << 40)
        .ok_or_else(|| format!("{option} {text}: must be a number of bytes, up to 1024GiB"))
}

#[cfg(test)]
mod tests {
    use super::{bytes, time};
    use std::time::Duration;

    #[test]
    fn times() {
        for (text, ms) in [
            ("500ms", 500),
            ("30s", 30_000),
            ("2.5s", 2500),
            ("5m", 300_000),
            ("1h", 3_600_000),
            ("0s", 0),
            ("0", 0),
            (" 1s ", 1000),
        ] {
            assert_eq!(time("--ramp", text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for text in ["", "s", "30", "-1s", "1d", "1 h", "..s", "1e9h", "9999999h"] {
            assert!(time("--ramp", text).is_err_and(|error| error.contains("--ramp")), "{text}");
        }
    }

    #[test]
    fn sizes() {
        for (text, count) in [("64", 64), ("64B", 64), ("10KiB", 10_240), ("1MiB", 1 << 20), ("1GiB", 1 << 30)] {
            assert_eq!(bytes("--size", text), Ok(count), "{text}");
        }
        for text in ["", "KiB", "1.5KiB", "1KB", "-1", "99999999GiB", "99999999999999999999"] {
            assert!(bytes("--size", text).is_err_and(|error| error.contains("--size")), "{text}");
        }
    }
}
