//! How values are distributed: how many were at most as large as each of some bounds.

use std::time::Duration;

use crate::Counter;

/// Bounds for times, in microseconds: from half a millisecond, which a commit on a good disk takes, to a minute.
pub const LATENCIES: &[u64] = &[
    500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000,
    5_000_000, 10_000_000, 30_000_000, 60_000_000,
];
/// Bounds for how many are done at once.
pub const SIZES: &[u64] = &[1, 2, 4, 8, 16, 32, 64, 128, 256, 512];

/// Counts of values, by size.
#[derive(Debug)]
pub struct Histogram {
    bounds: &'static [u64],
    unit: Unit,
    /// One for each bound, and one for what is larger than all of them.
    counts: Box<[Counter]>,
    sum: Counter,
}

#[derive(Debug, Clone, Copy)]
enum Unit {
    /// Kept in microseconds, shown in seconds.
    Seconds,
    One,
}

impl Histogram {
    /// Of times; bounds are in microseconds, ascending.
    #[must_use]
    pub fn of_times(bounds: &'static [u64]) -> Self {
        Self::new(bounds, Unit::Seconds)
    }

    /// Of numbers.
    #[must_use]
    pub fn of_numbers(bounds: &'static [u64]) -> Self {
        Self::new(bounds, Unit::One)
    }

    fn new(bounds: &'static [u64], unit: Unit) -> Self {
        let counts = std::iter::repeat_with(Counter::default).take(bounds.len() + 1).collect();
        Self { bounds, unit, counts, sum: Counter::default() }
    }

    /// Takes a time into account.
    pub fn time(&self, time: Duration) {
        self.value(u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
    }

    /// Takes a number into account; of a histogram of times, microseconds.
    pub fn value(&self, value: u64) {
        let place = self.bounds.partition_point(|bound| *bound < value);
        if let Some(count) = self.counts.get(place) {
            count.increment();
            self.sum.add(value);
        }
    }

    /// Each bound as it is shown, with how many values were at most as large; the last has no bound.
    pub(crate) fn cumulative(&self) -> impl Iterator<Item = (Option<f64>, u64)> {
        let bounds = self.bounds.iter().map(|bound| Some(self.shown(*bound))).chain([None]);
        let counts = self.counts.iter().scan(0, |total, count| {
            *total += count.get();
            Some(*total)
        });
        bounds.zip(counts)
    }

    /// The sum of all values, as it is shown.
    pub(crate) fn sum(&self) -> f64 {
        self.shown(self.sum.get())
    }

    fn shown(&self, value: u64) -> f64 {
        match self.unit {
            Unit::Seconds => value as f64 / 1_000_000.0,
            Unit::One => value as f64,
        }
    }
}
