//! A step whose call has to wait: for a host that has enough to do, or that is not answering, for its turn, or for a connection that somebody has to mend. It waits without a worker, in one row of the journal however
//! often that is, and it is no attempt. Pure.

use actions::{ActionError, ErrorKind};
use model::{Period, StepStatus, Timestamp, journal::Log};
use serde_json::json;

/// A step whose host does not answer others is put off for so long before it counts as failed.
const LONGEST_DOWN: Period = Period::minutes(15);
/// In milliseconds, the half of the first and the longest: how long a step is put off at once. A host that has enough to do may have done it in a moment.
const PAUSES_DOWN: (u64, u64) = (1_000, 300_000);
const PAUSES_BUSY: (u64, u64) = (125, 60_000);
/// A step whose system asks for one pause after the other, or that has that many before it, counts as failed after so long.
const LONGEST_PACED: Period = Period::days(7);
/// A step waits for its connection for so long.
const LONGEST_PARKED: Period = Period::days(30);
/// How soon a parked step looks by itself whether its connection was mended, should nobody have told it.
const LOOK_AGAIN: Period = Period::minutes(30);

/// Whether the call was not made and is to be put off.
pub(crate) const fn is_due(error: &ActionError) -> bool {
    matches!(error.kind, ErrorKind::Busy | ErrorKind::Down | ErrorKind::Paced | ErrorKind::Parked)
}

/// The row of a step that begins, in the place of the one with which it was put off.
pub(crate) fn resumed(begun: Log, put_off: Option<&Log>) -> Log {
    match put_off.filter(|row| row.status == StepStatus::Pending) {
        Some(row) => Log { id: row.id, step_number: row.step_number, created_at: row.created_at, ..begun },
        None => begun,
    }
}

/// Makes of the row of a step that begins one that is put off at `now`; `before` is that of the last time, and `seed` spreads those that wait for the same host.
///
/// # Errors
/// That it is given up.
pub(crate) fn again(
    log: &mut Log,
    before: Option<&Log>,
    error: ActionError,
    seed: u64,
    now: Timestamp,
) -> Result<(), ActionError> {
    let before = before.filter(|row| row.status == StepStatus::Pending);
    let first = before.and_then(|row| row.started_at).unwrap_or(now);
    // What is counted, and for how long, is of this reason: a step that waited for its connection for days may still wait for its turn.
    let same = before
        .and_then(|row| row.output_data.as_ref())
        .filter(|output| output["waitsFor"] == waits_for(error.kind));
    let since = same.and_then(|output| output["since"].as_str()?.parse().ok()).unwrap_or(now);
    let times = same.and_then(|output| output["putOff"].as_u64()).unwrap_or(0) + 1;
    // A host that has enough to do gets around to it.
    let longest = match error.kind {
        ErrorKind::Down => Some((LONGEST_DOWN, "a quarter of an hour")),
        ErrorKind::Paced => Some((LONGEST_PACED, "a week")),
        ErrorKind::Parked => Some((LONGEST_PARKED, "thirty days")),
        _ => None,
    };
    if let Some((longest, words)) = longest
        && since.plus(longest) <= now
    {
        let message = format!("{}: given up after {words}", error.message);
        return Err(ActionError::new(ErrorKind::Unavailable, message));
    }
    let at_least = error.retry_after.unwrap_or_default();
    let at = match error.kind {
        // The time is that of its own turn, or the one that was asked for.
        ErrorKind::Paced => now.plus(if at_least == Period::ZERO { Period::seconds(1) } else { at_least }),
        ErrorKind::Parked => now.plus(LOOK_AGAIN),
        kind => {
            let pauses = if kind == ErrorKind::Down { PAUSES_DOWN } else { PAUSES_BUSY };
            now.plus(pause(times, at_least, pauses, seed.wrapping_add(times)))
        }
    };
    log.status = StepStatus::Pending;
    log.started_at = Some(first);
    let mut output = json!({"putOff": times, "waitsFor": waits_for(error.kind), "since": since});
    if error.kind == ErrorKind::Parked {
        output["parked"] = true.into();
        output["reason"] = error.message.into();
    } else {
        output["reason"] = format!("{}; tried again at {at}", error.message).into();
    }
    log.output_data = Some(output.into());
    log.resume_at = Some(at);
    Ok(())
}

/// As it is stored and shown.
const fn waits_for(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Down => "host",
        ErrorKind::Paced => "turn",
        ErrorKind::Parked => "connection",
        _ => "room",
    }
}

/// How long to wait after so many times: longer each time, so that a thousand executions that wait for a host that is down wake a few times a
/// second in all, and not all at once.
fn pause(times: u64, at_least: Period, (half, longest): (u64, u64), seed: u64) -> Period {
    let least = (half << times.min(16)).min(longest).max(at_least.as_millis().unsigned_abs());
    // Up to half as long again.
    let jitter = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
    let millis = least + jitter % (least / 2 + 1);
    Period::from_millis(i64::try_from(millis).unwrap_or(i64::MAX)).unwrap_or(LONGEST_DOWN)
}

#[cfg(test)]
mod tests {
    use model::{Document, ExecutionId, LogId, StepType, TenantId};

    use super::*;

    fn begun(at: Timestamp) -> Log {
        Log {
            id: LogId::new(9),
            tenant_id: TenantId::new(1),
            execution_id: ExecutionId::new(1),
            step_number: 2,
            step_type: StepType::Action,
            step_name: "webhook".to_owned(),
            step_id: "s1".to_owned(),
            step_path: "s1".to_owned(),
            attempt: 1,
            retry_count: 0,
            status: StepStatus::Running,
            input_data: Document::default(),
            output_data: None,
            error: None,
            warnings: Vec::new(),
            retryable: false,
            resume_at: None,
            carried_from: None,
            started_at: Some(at),
            completed_at: None,
            duration_ms: None,
            created_at: at,
        }
    }

    #[test]
    fn a_turn_is_kept_to_the_millisecond_and_a_parked_step_looks_again() {
        let start: Timestamp = "2026-02-14T10:30:00Z".parse().unwrap();
        let put_off = |kind, after| {
            let error = ActionError { retry_after: after, ..ActionError::new(kind, "x") };
            let mut log = begun(start);
            again(&mut log, None, error, 7, start).unwrap();
            (log.resume_at.unwrap().millis_since(start), log.output_data.unwrap())
        };
        let (pause, _) = put_off(ErrorKind::Paced, Period::from_millis(1_234).ok());
        assert_eq!(pause, 1_234);
        let (pause, output) = put_off(ErrorKind::Parked, None);
        let story =
            json!({"putOff": 1, "waitsFor": "connection", "since": start, "parked": true, "reason": "x"});
        assert_eq!((pause, output), (LOOK_AGAIN.as_millis(), story.into()));
        let (pause, _) = put_off(ErrorKind::Paced, Some(Period::ZERO));
        assert_eq!(pause, 1_000, "nobody is asked again and again at once");
    }

    #[test]
    fn each_reason_to_wait_has_its_own_patience() {
        let start: Timestamp = "2026-02-14T10:30:00Z".parse().unwrap();
        let error = |kind| ActionError::new(kind, "x");
        for (kind, longest) in [
            (ErrorKind::Down, LONGEST_DOWN),
            (ErrorKind::Paced, LONGEST_PACED),
            (ErrorKind::Parked, LONGEST_PARKED),
        ] {
            let mut before = begun(start);
            again(&mut before, None, error(kind), 7, start).unwrap();
            let now = start.plus(longest);
            assert!(again(&mut begun(now), Some(&before), error(kind), 7, now).is_err());
            // What it waited for before is over.
            let other = if kind == ErrorKind::Paced { ErrorKind::Down } else { ErrorKind::Paced };
            let mut row = begun(now);
            again(&mut row, Some(&before), error(other), 7, now).unwrap();
            assert_eq!(row.started_at, Some(start));
            let later = now.plus(Period::minutes(1));
            again(&mut begun(later), Some(&row), error(other), 7, later).unwrap();
        }
    }

    #[test]
    fn a_step_is_put_off_for_longer_each_time_and_given_up_where_nobody_answers() {
        let start: Timestamp = "2026-02-14T10:30:00Z".parse().unwrap();
        for (kind, pauses, ends) in [
            (
                ErrorKind::Busy,
                vec![250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000],
                None,
            ),
            (
                ErrorKind::Down,
                vec![10_000, 10_000, 10_000, 16_000, 32_000, 64_000, 128_000, 256_000, 300_000],
                Some("x is not answering: given up after a quarter of an hour"),
            ),
        ] {
            let (mut now, mut row, mut said) = (start, None, None);
            for least in pauses {
                let error = ActionError {
                    retry_after: (kind == ErrorKind::Down).then(|| Period::seconds(10)),
                    ..ActionError::new(kind, "x is not answering")
                };
                let mut log = resumed(begun(now), row.as_ref());
                match again(&mut log, row.as_ref(), error, 7, now) {
                    Err(error) => said = Some(error.to_string()),
                    Ok(()) => {
                        let at = log.resume_at.unwrap();
                        let pause = at.millis_since(now);
                        assert!(
                            (least..=least + least / 2).contains(&pause),
                            "{kind:?}: {pause} ms, not {least}"
                        );
                        assert_eq!((log.started_at, log.attempt), (Some(start), 1));
                        let reason = log.output_data.as_ref().unwrap()["reason"].as_str().unwrap().to_owned();
                        assert_eq!(reason, format!("x is not answering; tried again at {at}"));
                        now = at;
                        row = Some(log);
                    }
                }
            }
            now = now.plus(LONGEST_DOWN);
            let error = ActionError::new(kind, "x is not answering");
            if let Err(error) = again(&mut begun(now), row.as_ref(), error, 7, now) {
                said = Some(error.to_string());
            }
            assert_eq!(said.as_deref(), ends, "{kind:?}");
        }
    }
}
