//! Numbers as people read them. Owns: separators, units, significant digits, dates. Never: knows what a figure is of.

/// `1234567.8` as `1,234,568`; what is not a number as `-`.
#[must_use]
pub fn whole(value: f64) -> String {
    if !value.is_finite() {
        return "-".into();
    }
    let digits = format!("{:.0}", value.abs());
    let mut out = String::with_capacity(digits.len() * 4 / 3 + 1);
    if value < 0.0 && digits != "0" {
        out.push('-');
    }
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A count with separators.
#[must_use]
pub fn count(value: u64) -> String {
    // Above 2^53 the last digits are not told; nobody counts so far.
    whole(value as f64)
}

/// Three significant digits, and never fewer than the whole part: `0.812`, `8.12`, `81.2`, `81,234`.
#[must_use]
pub fn three(value: f64) -> String {
    if !value.is_finite() {
        return "-".into();
    }
    // Bounds at which rounding gives one digit more.
    match value.abs() {
        0.0 => "0".into(),
        size if size < 0.000_999_5 => format!("{value:.1e}"),
        size if size < 0.999_5 => format!("{value:.3}"),
        size if size < 9.995 => format!("{value:.2}"),
        size if size < 99.95 => format!("{value:.1}"),
        _ => whole(value),
    }
}

/// Messages a second, without a unit.
#[must_use]
pub fn rate(per_second: f64) -> String {
    // A count in one second is a whole number, and says so.
    if per_second.fract() == 0.0 { whole(per_second) } else { three(per_second) }
}

/// A time of so many microseconds: `812 µs`, `8.12 ms`, `81.2 s`; none (0) as `-`.
#[must_use]
pub fn time(us: f64) -> String {
    match us {
        us if !us.is_finite() || us == 0.0 => "-".into(),
        us if us.abs() < 999.5 => format!("{} µs", three(us)),
        us if us.abs() < 999_500.0 => format!("{} ms", three(us / 1e3)),
        us => format!("{} s", three(us / 1e6)),
    }
}

/// Memory or a file's size of so many bytes: `812 B`, `8.12 KiB`, `81.2 MiB`, `1.20 GiB`.
#[must_use]
pub fn bytes(bytes: f64) -> String {
    const STEP: f64 = 1024.0;
    match bytes {
        bytes if bytes.abs() < 999.5 => format!("{} B", whole(bytes)),
        bytes if bytes.abs() < 999.5 * STEP => format!("{} KiB", three(bytes / STEP)),
        bytes if bytes.abs() < 999.5 * STEP * STEP => format!("{} MiB", three(bytes / STEP / STEP)),
        bytes => format!("{} GiB", three(bytes / STEP / STEP / STEP)),
    }
}

/// Memory of so many KiB.
#[must_use]
pub fn kib(kib: u64) -> String {
    bytes(kib as f64 * 1024.0)
}

/// A part of one as `97 %`.
#[must_use]
pub fn percent(part: f64) -> String {
    if part.is_finite() { format!("{:.0} %", part * 100.0) } else { "-".into() }
}

/// A change as `+12.3 %`, `-0.4 %`.
#[must_use]
pub fn change(part: f64) -> String {
    if part.is_finite() { format!("{:+.1} %", part * 100.0) } else { "-".into() }
}

/// How many times as much: `1.27 x`.
#[must_use]
pub fn times(ratio: f64) -> String {
    if ratio.is_finite() { format!("{ratio:.2} x") } else { "-".into() }
}

/// Seconds of a phase: `0.4 s`, `30 s`, `5 min 3 s`, `1 h 0 min`.
#[must_use]
pub fn seconds(seconds: f64) -> String {
    match seconds {
        s if !s.is_finite() || s < 0.0 => "-".into(),
        s if s < 9.95 => format!("{s:.1} s"),
        s if s < 119.5 => format!("{s:.0} s"),
        s if s < 3_599.5 => {
            let s = s.round();
            format!("{:.0} min {:.0} s", (s / 60.0).floor(), s % 60.0)
        }
        s => {
            let minutes = (s / 60.0).round();
            format!("{:.0} h {:.0} min", (minutes / 60.0).floor(), minutes % 60.0)
        }
    }
}

/// Milliseconds since 1970 as `2026-11-21 18:41:27 UTC`.
#[must_use]
pub fn date(ms: u64) -> String {
    let seconds = ms / 1000;
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // Howard Hinnant's days-to-civil: years begin in March, so that the leap day is the last of one.
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year}-{month:02}-{day:02} {:02}:{:02}:{:02} UTC", rest / 3600, rest / 60 % 60, rest % 60)
}

#[cfg(test)]
mod tests {
    use super::{bytes, change, date, percent, rate, seconds, three, time, whole};

    #[test]
    fn whole_numbers_have_separators() {
        let said = [0.0, 999.4, 999.5, 1e6, -1234.0, -0.2, f64::NAN].map(whole);
        assert_eq!(said, ["0", "999", "1,000", "1,000,000", "-1,234", "0", "-"]);
    }

    #[test]
    fn significant_digits_do_not_jump_at_a_rounding() {
        let said = [0.0, 0.000_5, 0.001, 0.999_4, 0.999_6, 9.994, 9.996, 99.94, 99.96, 12_345.6].map(three);
        assert_eq!(said, ["0", "5.0e-4", "0.001", "0.999", "1.00", "9.99", "10.0", "99.9", "100", "12,346"]);
        assert_eq!([0.25, 8.0, 45_123.4].map(rate), ["0.250", "8", "45,123"]);
    }

    #[test]
    fn times_choose_their_unit() {
        let said = [0.0, 1.0, 81.24, 999.4, 999.6, 20_000.0, 999_400.0, 999_600.0, 6e8].map(time);
        assert_eq!(said, ["-", "1.00 µs", "81.2 µs", "999 µs", "1.00 ms", "20.0 ms", "999 ms", "1.00 s", "600 s"]);
    }

    #[test]
    fn memory_chooses_its_unit() {
        let said = [0.0, 999.0, 1024.0, 3.0e6, 2e9].map(bytes);
        assert_eq!(said, ["0 B", "999 B", "1.00 KiB", "2.86 MiB", "1.86 GiB"]);
    }

    #[test]
    fn parts_changes_and_phases() {
        assert_eq!(
            (percent(0.968), change(-0.0351), change(f64::INFINITY)),
            ("97 %".into(), "-3.5 %".into(), "-".into())
        );
        let said = [0.04, 9.96, 119.4, 119.6, 3_599.4, 3_599.6, 7_290.0].map(seconds);
        assert_eq!(said, ["0.0 s", "10 s", "119 s", "2 min 0 s", "59 min 59 s", "1 h 0 min", "2 h 2 min"]);
    }

    #[test]
    fn dates_are_right_over_leap_days_and_centuries() {
        let said = [0, 951_827_696_000, 1_709_164_800_000, 1_795_286_487_999, 4_107_542_400_000].map(date);
        assert_eq!(
            said,
            [
                "1970-01-01 00:00:00 UTC",
                "2000-02-29 12:34:56 UTC",
                "2024-02-29 00:00:00 UTC",
                "2026-11-21 18:41:27 UTC",
                "2100-03-01 00:00:00 UTC"
            ]
        );
    }
}
