//! How quickly calls to a host come to their end: whether whoever joins its line will wait for long. Pure.

use std::time::Duration;

/// What a call may wait for when the line is longer than a host that is not known to be quick may have.
const SOON: Duration = Duration::from_millis(125);
/// No time between two ends counts as longer: it is soon seen that a host is quick again.
const LONGEST: Duration = Duration::from_millis(250);

/// The ends of calls to a host, whoever made them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Pace {
    /// When a call ended last, or the first of those under way began.
    last: Option<Duration>,
    /// The mean time between two ends, of the last few.
    between: Option<Duration>,
}

impl Pace {
    /// A call has begun, and there was none. The time without any says nothing.
    pub(super) const fn begun(self, now: Duration) -> Self {
        Self { last: Some(now), ..self }
    }

    /// A call has ended.
    pub(super) fn ended(self, now: Duration) -> Self {
        let gap = self.last.map(|last| now.saturating_sub(last).min(LONGEST));
        let between = match (self.between, gap) {
            (Some(between), Some(gap)) => Some((between * 7 + gap) / 8),
            (between, gap) => between.or(gap),
        };
        Self { last: Some(now), between }
    }

    /// So many will have ended soon. Of a host of which nothing is known, or that has stopped answering, they will not.
    pub(super) fn is_quick(self, calls: usize, now: Duration) -> bool {
        let calls = u32::try_from(calls).unwrap_or(u32::MAX);
        self.last.is_some_and(|last| now.saturating_sub(last) < SOON)
            && self.between.is_some_and(|between| between.saturating_mul(calls) < SOON)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_quick_as_long_as_calls_to_it_end() {
        let millis = Duration::from_millis;
        // Calls that end one after the other in these times; the last with so much time since.
        let is_quick = |gaps: &[u64], since: u64| {
            let begun = (Pace::default().begun(Duration::ZERO), Duration::ZERO);
            let (pace, now) = gaps.iter().fold(begun, |(pace, now), gap| {
                let now = now + millis(*gap);
                (pace.ended(now), now)
            });
            pace.is_quick(100, now + millis(since))
        };
        let idle = (0..9).fold(Pace::default().begun(Duration::ZERO), |pace, at| pace.ended(millis(at)));
        let hour = millis(3_600_000);
        let seen = [
            ("nothing is known", is_quick(&[], 0)),
            ("one each millisecond", is_quick(&[1; 9], 0)),
            ("and no more since", is_quick(&[1; 9], 130)),
            ("two milliseconds are too long for a hundred", is_quick(&[2; 9], 0)),
            ("it did not answer for a while", is_quick(&[1, 3_600_000, 1], 0)),
            ("and has for a while", is_quick(&[&[1, 3_600_000][..], &[1; 60]].concat(), 0)),
            ("an hour of nothing", idle.begun(hour).is_quick(100, hour)),
        ];
        let quick: Vec<&str> = seen.iter().filter(|(_, is_quick)| *is_quick).map(|(when, _)| *when).collect();
        assert_eq!(quick, ["one each millisecond", "and has for a while", "an hour of nothing"]);
    }
}
