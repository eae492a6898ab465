use model::{ExecutionId, TenantId};

use super::*;

const TENANT: TenantId = TenantId::new(1);

fn counts(successes: i64, failures: i64, seconds: i64, retries_exhausted: i64) -> Counts {
    let ended = successes + failures;
    Counts {
        tenant: TENANT,
        workflow: WorkflowId::new(7),
        successes,
        failures,
        ended,
        retries_exhausted,
        duration_ms: seconds * 1_000 * ended,
    }
}

fn open(kind: AlertKind) -> Alert {
    let per_workflow = matches!(kind, AlertKind::AverageDuration | AlertKind::RetriesExhausted);
    Alert {
        id: AlertId::new(3),
        tenant_id: TENANT,
        kind,
        state: model::alert::AlertState::Open,
        workflow_id: per_workflow.then_some(WorkflowId::new(7)),
        execution_id: None,
        message: String::new(),
        details: json!({}),
        raised_at: Timestamp::EPOCH,
        resolved_at: None,
    }
}

/// In words: what is raised, with its sentence; what is over.
fn said(settings: &Alerts, measured: &Measured, open: &[Alert]) -> String {
    let now = Timestamp::EPOCH.plus(Period::hours(10));
    let changes = transitions(settings, measured, open, now);
    let words = changes.into_iter().map(|change| match change {
        Transition::Raise(new) => format!("raise {}: {}", new.kind, new.message),
        Transition::Resolve(id) => format!("resolve {id}"),
    });
    words.collect::<Vec<_>>().join("; ")
}

#[test]
fn alerts_begin_above_a_threshold_and_end_well_below_it() {
    let of = |counts: Counts| Measured { workflows: vec![counts], stuck: None };
    let stuck = |count| Measured {
        workflows: Vec::new(),
        stuck: Some(Stuck {
            count,
            execution: ExecutionId::new(9),
            workflow: WorkflowId::new(7),
            since: Timestamp::EPOCH.plus(Period::hours(9)),
        }),
    };
    let quiet = Measured::default();
    let (rate, duration) = (Some(AlertKind::FailureRate), Some(AlertKind::AverageDuration));
    let (running, retries) = (Some(AlertKind::StuckExecutions), Some(AlertKind::RetriesExhausted));
    let raised_rate =
        "raise failure_rate: 2 of 10 executions of the last hour failed (20.0 %, more than 10 %)";
    let raised_duration = "raise average_duration: {workflow}: the executions of the last hour worked for 11.0 s on average, more than 10 s";
    let raised_stuck =
        "raise stuck_executions: 2 executions have been running for more than 5 minutes, the longest for 60";
    let raised_retries =
        "raise retries_exhausted: {workflow}: 1 execution of the last hour failed after all retries";
    for (why, measured, goes_on, expected) in [
        ("nothing happened", quiet.clone(), None, ""),
        ("one failed run of one", of(counts(0, 1, 1, 0)), None, ""),
        ("one failure of ten", of(counts(9, 1, 1, 0)), None, ""),
        ("too few to say", of(counts(7, 2, 1, 0)), None, ""),
        ("a tenth is not more than a tenth", of(counts(90, 10, 1, 0)), None, ""),
        ("a fifth", of(counts(8, 2, 1, 0)), None, raised_rate),
        ("it goes on", of(counts(8, 2, 1, 0)), rate, ""),
        ("below, but not well below", of(counts(91, 9, 1, 0)), rate, ""),
        ("few, and most of them fail", of(counts(1, 2, 1, 0)), rate, ""),
        ("well below", of(counts(92, 8, 1, 0)), rate, "resolve 3"),
        ("an hour of quiet", quiet.clone(), rate, "resolve 3"),
        ("four slow ones", of(counts(4, 0, 11, 0)), None, ""),
        ("five slow ones", of(counts(5, 0, 11, 0)), None, raised_duration),
        ("slow ones go on", of(counts(5, 0, 11, 0)), duration, ""),
        ("less slow", of(counts(5, 0, 9, 0)), duration, ""),
        ("fast", of(counts(5, 0, 8, 0)), duration, "resolve 3"),
        ("the workflow rests", quiet.clone(), duration, "resolve 3"),
        ("two stand still", stuck(2), None, raised_stuck),
        ("they still do", stuck(1), running, ""),
        ("nothing stands still", quiet.clone(), running, "resolve 3"),
        ("retries ran out", of(counts(0, 1, 1, 1)), None, raised_retries),
        ("again", of(counts(0, 2, 1, 2)), retries, ""),
        ("an hour without", of(counts(5, 0, 1, 0)), retries, "resolve 3"),
    ] {
        let open: Vec<Alert> = goes_on.into_iter().map(open).collect();
        assert_eq!(said(&Alerts::default(), &measured, &open), expected, "{why}");
    }
}

#[test]
fn what_is_switched_off_raises_nothing_and_ends() {
    let measured = Measured { workflows: vec![counts(0, 10, 20, 10)], stuck: None };
    let all = said(&Alerts::default(), &measured, &[]);
    assert_eq!(all.matches("raise").count(), 3, "{all}");
    let none = |kind| Alerts { channels: [(kind, Vec::new())].into(), ..Alerts::default() };
    for (settings, open_kind) in [
        (none(AlertKind::FailureRate), AlertKind::FailureRate),
        (none(AlertKind::AverageDuration), AlertKind::AverageDuration),
        (Alerts { retries_exhausted: false, ..Alerts::default() }, AlertKind::RetriesExhausted),
        (Alerts { enabled: false, ..Alerts::default() }, AlertKind::FailureRate),
    ] {
        let said = said(&settings, &measured, &[open(open_kind)]);
        assert!(said.starts_with("resolve 3") && !said.contains(&format!("raise {open_kind}")), "{said}");
    }
}
