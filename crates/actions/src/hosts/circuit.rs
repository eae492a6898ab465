//! Whether a host is worth calling: the circuit breaker's decision, pure.
//!
//! Closed: calls go out. After [`FAILURES`] in a row that were not answered at all it is open: nobody calls for a while. Then one call tries
//! the host; if that is answered, all is well, else it stays open for twice as long. An answer of any status counts as an answer: a host that
//! quickly says 500 holds nobody up, and its steps have their own retries. Times are since some instant that never changes.

use std::time::Duration;

/// Unanswered calls in a row that open the circuit.
pub(crate) const FAILURES: u32 = 5;
/// How long it is open at first.
const FIRST_PAUSE: Duration = Duration::from_secs(10);
/// How long it is open at most.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// What is known of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Circuit {
    /// Calls go out; so many in a row were not answered.
    Closed { failures: u32 },
    /// No call before `until`; the pause is this long.
    Open { until: Duration, pause: Duration },
    /// One call is trying; if it has not ended by `until`, another one may.
    HalfOpen { until: Duration, pause: Duration },
}

impl Circuit {
    pub(crate) const NEW: Self = Self::Closed { failures: 0 };

    /// Whether a call may go out now, and what follows if it does.
    ///
    /// # Errors
    /// When to ask again.
    pub(crate) fn admit(self, now: Duration) -> Result<Self, Duration> {
        match self {
            Self::Closed { .. } => Ok(self),
            Self::Open { until, .. } | Self::HalfOpen { until, .. } if now < until => Err(until),
            Self::Open { pause, .. } | Self::HalfOpen { pause, .. } => {
                Ok(Self::HalfOpen { until: now + LONGEST_PAUSE, pause })
            }
        }
    }

    /// Whether no call goes out now.
    pub(crate) fn is_paused(self, now: Duration) -> bool {
        self.admit(now).is_err()
    }

    /// After a call that was answered. One that went out before the circuit opened counts as well: the host is there.
    pub(crate) fn answered(self) -> Self {
        Self::NEW
    }

    /// After a trial that says nothing, as when its execution was cancelled meanwhile: the next call tries.
    pub(crate) fn untried(self, now: Duration) -> Self {
        match self {
            Self::HalfOpen { pause, .. } => Self::Open { until: now, pause },
            Self::Closed { .. } | Self::Open { .. } => self,
        }
    }

    /// After a call that was not answered.
    pub(crate) fn unanswered(self, now: Duration) -> Self {
        match self {
            Self::Closed { failures } if failures + 1 < FAILURES => Self::Closed { failures: failures + 1 },
            Self::Closed { .. } => Self::Open { until: now + FIRST_PAUSE, pause: FIRST_PAUSE },
            // Calls that went out before.
            Self::Open { .. } => self,
            Self::HalfOpen { pause, .. } => {
                let pause = (pause * 2).min(LONGEST_PAUSE);
                Self::Open { until: now + pause, pause }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_that_does_not_answer_is_left_alone_and_tried_again() {
        #[derive(Debug)]
        enum Then {
            Admitted,
            NotBefore(u64),
            Answered,
            Unanswered,
            Untried,
        }
        use Then::{Admitted, Answered, NotBefore, Unanswered, Untried};
        let mut circuit = Circuit::NEW;
        for (second, then, state) in [
            (0, Admitted, "closed 0"),
            (1, Unanswered, "closed 1"),
            (2, Answered, "closed 0"),
            (3, Unanswered, "closed 1"),
            (4, Unanswered, "closed 2"),
            (5, Unanswered, "closed 3"),
            (6, Unanswered, "closed 4"),
            (6, Admitted, "closed 4"),
            (7, Unanswered, "open until 17"),
            (8, Unanswered, "open until 17"),
            (16, NotBefore(17), "open until 17"),
            (17, Admitted, "trying until 317"),
            (18, NotBefore(317), "trying until 317"),
            (27, Unanswered, "open until 47"),
            (47, Admitted, "trying until 347"),
            (57, Unanswered, "open until 97"),
            (97, Admitted, "trying until 397"),
            // Whoever tried has vanished.
            (397, Admitted, "trying until 697"),
            (398, Untried, "open until 398"),
            (398, Admitted, "trying until 698"),
            (399, Answered, "closed 0"),
            (399, Untried, "closed 0"),
            (399, Unanswered, "closed 1"),
        ] {
            let now = Duration::from_secs(second);
            match then {
                Admitted => circuit = circuit.admit(now).unwrap(),
                NotBefore(until) => assert_eq!(circuit.admit(now), Err(Duration::from_secs(until))),
                Answered => circuit = circuit.answered(),
                Unanswered => circuit = circuit.unanswered(now),
                Untried => circuit = circuit.untried(now),
            }
            let said = match circuit {
                Circuit::Closed { failures } => format!("closed {failures}"),
                Circuit::Open { until, .. } => format!("open until {}", until.as_secs()),
                Circuit::HalfOpen { until, .. } => format!("trying until {}", until.as_secs()),
            };
            assert_eq!(said, state, "second {second}: {then:?}");
        }
        let mut circuit = Circuit::Open { until: Duration::ZERO, pause: Duration::from_secs(200) };
        circuit = circuit.admit(Duration::ZERO).unwrap().unanswered(Duration::ZERO);
        let longest = Circuit::Open { until: LONGEST_PAUSE, pause: LONGEST_PAUSE };
        assert_eq!(circuit, longest, "a pause is never longer than five minutes");
    }
}
