//! Durations, and which of them is the slowest but one in a hundred.

use std::time::Duration;

/// Durations in microseconds.
#[derive(Debug, Clone, Default)]
pub struct Latencies(Vec<u32>);

impl Latencies {
    /// One more.
    pub fn add(&mut self, took: Duration) {
        self.0.push(u32::try_from(took.as_micros()).unwrap_or(u32::MAX));
    }

    /// The duration that so many in a hundred do not exceed, in milliseconds.
    pub fn percentile(&self, percent: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let place = (percent / 100.0 * sorted.len() as f64).ceil() as usize;
        sorted
            .get(place.saturating_sub(1).min(sorted.len().saturating_sub(1)))
            .map_or(0.0, |micros| f64::from(*micros) / 1000.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_one_of_the_durations() {
        let mut latencies = Latencies::default();
        assert!(latencies.percentile(99.0).abs() < f64::EPSILON);
        for millis in 1..=200 {
            latencies.add(Duration::from_millis(millis));
        }
        let figures = [50.0, 99.0, 100.0].map(|percent| latencies.percentile(percent));
        assert_eq!(figures, [100.0, 198.0, 200.0]);
    }
}
