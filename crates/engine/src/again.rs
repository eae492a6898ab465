//! When a step's own `retry` tries it again within the run. Until then it waits like for a time, and holds no worker. Pure.

use model::{Period, StepStatus, Timestamp, journal::Log};
use rules::Step;

use crate::walk::Journal;

/// When the step whose row has just failed is tried again, if it is: not before `at_least` is over.
pub(crate) fn at(
    step: &Step,
    failed: &Log,
    journal: &Journal,
    at_least: Period,
    now: Timestamp,
) -> Option<Timestamp> {
    let retry = step.retry.as_ref()?;
    let earlier = journal.rows().filter(|row| {
        row.step_path == failed.step_path
            && row.retry_count == failed.retry_count
            && row.status == StepStatus::Failed
    });
    let failures = u32::try_from(earlier.count()).unwrap_or(u32::MAX).saturating_add(1);
    let seed = failed.execution_id.get().unsigned_abs().wrapping_mul(0x9E37_79B9_7F4A_7C15);
    Some(now.plus(retry.delay(failures, seed)?.max(at_least)))
}
