//! Times into a distribution. Owns: [`Recorder`], its range and its memory. Never: looks at a clock.

use super::Latency;
use hdrhistogram::Histogram;
use std::time::Duration;

/// Shortest time that is told apart, in microseconds. What took less counts as this.
pub const LOW_US: u64 = 1;
/// Longest time that is told apart: ten minutes, in microseconds. What took longer counts as this.
pub const HIGH_US: u64 = 600_000_000;
/// Significant digits: a time is told to one part in a thousand.
const DIGITS: u8 = 3;
/// Most points of a curve.
const MOST_POINTS: usize = 200;
/// Points of a curve before each halving of the distance to 100 %.
const POINTS_A_HALVING: u32 = 5;

/// A distribution of times: three significant digits from 1 µs to ten minutes. It takes 168 KiB from its making on,
/// however much is recorded, so have one for each kind of time and not one for each session.
#[derive(Clone, Debug)]
pub struct Recorder {
    histogram: Histogram<u64>,
}

impl Default for Recorder {
    fn default() -> Self {
        Self::new()
    }
}

impl Recorder {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        let histogram = Histogram::new_with_bounds(LOW_US, HIGH_US, DIGITS).expect("constant bounds that are allowed");
        Self { histogram }
    }

    /// Records a time in microseconds.
    pub fn record_us(&mut self, us: u64) {
        self.histogram.saturating_record(us.clamp(LOW_US, HIGH_US));
    }

    /// Records a time.
    pub fn record(&mut self, took: Duration) {
        self.record_us(micros(took));
    }

    /// Forgets everything, for the next second. Memory stays.
    pub fn reset(&mut self) {
        self.histogram.reset();
    }

    /// Values that were recorded.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.histogram.len()
    }

    /// The time that `quantile` (from 0 to 1) of the values do not exceed, in microseconds; 0 while there are none.
    #[must_use]
    pub fn quantile_us(&self, quantile: f64) -> f64 {
        if self.histogram.is_empty() {
            return 0.0;
        }
        // The histogram answers with the upper end of a step, which may lie above what can be recorded.
        self.histogram.value_at_quantile(quantile).min(HIGH_US) as f64
    }

    /// The longest, in microseconds; 0 while there are none.
    #[must_use]
    pub fn max_us(&self) -> f64 {
        self.histogram.max().min(HIGH_US) as f64
    }

    /// The distribution as the report has it.
    #[must_use]
    pub fn latency(&self) -> Latency {
        if self.histogram.is_empty() {
            return Latency::default();
        }
        Latency {
            count: self.histogram.len(),
            min_us: self.histogram.min() as f64,
            mean_us: rounded(self.histogram.mean(), 1e3),
            p50_us: self.quantile_us(0.5),
            p90_us: self.quantile_us(0.9),
            p99_us: self.quantile_us(0.99),
            p999_us: self.quantile_us(0.999),
            max_us: self.max_us(),
            curve: self.curve(),
        }
    }

    fn curve(&self) -> Vec<(f64, f64)> {
        let mut curve: Vec<(f64, f64)> = Vec::new();
        for step in self.histogram.iter_quantiles(POINTS_A_HALVING) {
            let point =
                (rounded(step.quantile_iterated_to() * 100.0, 1e10), step.value_iterated_to().min(HIGH_US) as f64);
            match curve.last_mut() {
                // Near the end, steps come closer than the rounding tells apart.
                Some(last) if point.0 <= last.0 => *last = point,
                _ => curve.push(point),
            }
        }
        if curve.len() > MOST_POINTS {
            // The last is 100 %; those before it differ in the tenth digit.
            curve.drain(MOST_POINTS - 1..curve.len() - 1);
        }
        curve
    }
}

/// Rounded to so many steps of one: what has at most 15 digits is the same when it was written as JSON and read again.
fn rounded(value: f64, steps: f64) -> f64 {
    (value * steps).round() / steps
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::{HIGH_US, MOST_POINTS, Recorder};
    use crate::loadtest::report::Latency;
    use std::time::Duration;

    fn near(found: f64, wanted: f64) {
        assert!((found / wanted - 1.0).abs() <= 0.001, "{found} instead of {wanted}");
    }

    #[test]
    fn percentiles_are_right_to_three_digits() {
        let mut recorder = Recorder::new();
        (1..=100_000).for_each(|us| recorder.record_us(us));
        let found = recorder.latency();
        assert_eq!((found.count, found.min_us), (100_000, 1.0));
        near(found.p50_us, 50_000.0);
        near(found.p90_us, 90_000.0);
        near(found.p99_us, 99_000.0);
        near(found.p999_us, 99_900.0);
        near(found.max_us, 100_000.0);
        near(found.mean_us, 50_000.5);
        near(recorder.quantile_us(0.25), 25_000.0);
    }

    #[test]
    fn nothing_recorded_is_all_zeros() {
        assert_eq!(Recorder::new().latency(), Latency::default());
        assert_eq!((Recorder::new().quantile_us(0.5), Recorder::new().max_us()), (0.0, 0.0));
    }

    #[test]
    fn what_is_out_of_range_counts_as_the_end_of_the_range() {
        let mut recorder = Recorder::new();
        recorder.record(Duration::from_nanos(3));
        recorder.record(Duration::MAX);
        let found = recorder.latency();
        assert_eq!((found.count, found.min_us, found.max_us, found.p999_us), (2, 1.0, HIGH_US as f64, HIGH_US as f64));
        assert!(found.mean_us <= HIGH_US as f64);
    }

    #[test]
    fn the_curve_rises_to_the_maximum_within_its_bound() {
        let mut recorder = Recorder::new();
        recorder.histogram.saturating_record_n(100, 1 << 45);
        (1..100_000).for_each(|n| recorder.record_us(100 + n * 3));
        let found = recorder.latency();
        assert!(found.curve.len() <= MOST_POINTS, "{}", found.curve.len());
        assert!(
            found.curve.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1),
            "{:?}",
            found.curve
        );
        assert_eq!(found.curve.last(), Some(&(100.0, found.max_us)));
        recorder.reset();
        (1..=1000).for_each(|us| recorder.record_us(us));
        let curve = recorder.latency().curve;
        assert!(curve.len() > 20, "{curve:?}");
        for (percent, us) in curve {
            assert!((us - percent * 10.0).abs() <= 1.0, "{percent} {us}");
        }
    }

    #[test]
    fn memory_is_what_the_documentation_says() {
        // 20 buckets of 1,024 counters of eight bytes, and the first one's lower half.
        assert_eq!(Recorder::new().histogram.distinct_values() * 8, 21 * 1024 * 8);
    }
}
