//! What happened: the n-th execution of a made-up history, with its event and its journal. Pure: the same number tells the same story.

use model::{
    Actor, ContactId, Document, EventId, ExecutionId, ExecutionStatus, LogId, Outcome, Period, StepStatus,
    StepType, SubmissionId, TenantId, Timestamp, WorkflowId,
    event::Event,
    execution::{Execution, Progress},
    journal::Log,
    workflow::Definition,
};
use serde_json::{Map, Value, json};

use super::random::Random;

/// Workflows that are made.
pub(super) const WORKFLOWS: i64 = 40;
/// Contacts that are made, at most.
pub(super) const CONTACTS: i64 = 10_000;
/// Log rows of an execution, at most.
pub(super) const LOGS: i64 = 4;
const FORM: i64 = 10;
const DAY_MS: f64 = 86_400_000.0;

const EVENTS: &[&str] = &[
    "survey.answered",
    "order.delivered",
    "call.ended",
    "contract.renewed",
    "chat.closed",
    "refund.made",
    "visit.ended",
    "claim.settled",
];
const SUBJECTS: &[&str] =
    &["Detractor follow-up", "Promoter thanks", "Delivery check", "Churn warning", "Survey reminder"];
const FIRST_NAMES: &[&str] = &[
    "Ada", "Ingrid", "Mateo", "Yuki", "Fatima", "Noah", "Zofia", "Liam", "Amara", "Chen", "Priya", "Lars",
    "Elif", "Omar", "Sofia", "Ivan", "Maya", "Tomas", "Aisha", "Jonas",
];
const LAST_NAMES: &[&str] = &[
    "Lovelace",
    "Sørensen",
    "García",
    "Tanaka",
    "Haddad",
    "Miller",
    "Kowalska",
    "Murphy",
    "Okafor",
    "Wei",
    "Sharma",
    "Nilsson",
    "Yılmaz",
    "Rossi",
    "Petrov",
    "Dubois",
    "Novak",
    "Khan",
    "Becker",
    "Silva",
    "Andersson",
    "Moreau",
    "Schmidt",
    "Costa",
    "Jensen",
];
const FEELINGS: &[&str] = &[
    "slow",
    "friendly",
    "confusing",
    "quick",
    "expensive",
    "helpful",
    "late",
    "careful",
    "broken",
    "polite",
];
const THINGS: &[&str] = &[
    "delivery",
    "support",
    "invoice",
    "checkout",
    "packaging",
    "website",
    "courier",
    "hotline",
    "appointment",
    "refund",
    "agent",
    "menu",
];
const ERRORS: &[&str] = &[
    "the receiver answered 503 Service Unavailable",
    "the receiver did not answer within 30 s",
    "the connection to the receiver was refused",
    "the receiver answered 404 Not Found",
    "the receiver's certificate has expired",
];

/// What a history is made of.
#[derive(Debug, Clone, Copy)]
pub(super) struct World {
    pub(super) tenant: TenantId,
    /// The ids that come first; those of each kind follow each other.
    pub(super) workflow: i64,
    pub(super) contact: i64,
    pub(super) contacts: i64,
    pub(super) event: i64,
    pub(super) execution: i64,
    pub(super) log: i64,
    /// How many executions there are.
    pub(super) executions: i64,
    /// From when until when.
    pub(super) begin: Timestamp,
    pub(super) end: Timestamp,
}

/// One execution.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) event: Event,
    pub(super) execution: Execution,
    pub(super) journal: Vec<Log>,
}

/// How it went, of a hundred: most did what they are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Course {
    /// Every step was done.
    Done,
    /// The webhook failed, which is not critical in every second workflow.
    WebhookFailed,
    /// The conditions did not hold.
    Unmatched,
    /// A rule ended it before the work.
    Stopped,
    /// Somebody ended it.
    Cancelled,
}

impl Course {
    fn of(chance: i64) -> Self {
        match chance {
            0..600 => Self::Done,
            600..700 => Self::WebhookFailed,
            700..985 => Self::Unmatched,
            985..993 => Self::Stopped,
            _ => Self::Cancelled,
        }
    }
}

/// The n-th workflow, from 0.
pub(super) fn definition(number: i64) -> Definition {
    let subject = SUBJECTS[(number as usize) % SUBJECTS.len()];
    Definition {
        name: format!("{subject} {}", number + 1),
        description: Some("Made by vtrustx bench seed-history.".to_owned()),
        trigger_event: event_name(number).to_owned(),
        trigger_config: Map::new(),
        conditions: conditions(),
        actions: json!([
            {"id": "ticket", "type": "create_ticket", "critical": false,
                "config": {"title": "{{submission.data.q_name}}", "priority": "high"}},
            {"id": "tag", "type": "add_tag", "critical": false,
                "config": {"entity": "contact", "entityId": "{{submission.contactId}}", "tag": "followed-up"}},
            {"id": "call", "type": "webhook", "critical": is_critical(number),
                "config": {"url": "http://127.0.0.1:9/hook", "method": "POST", "body": {"name": "{{submission.data.q_name}}"}}},
        ]),
        log_unmatched: true,
        entry: model::workflow::EntryRules::default(),
        on_failure: Value::Null,
    }
}

fn conditions() -> Value {
    json!([{"field": "submission.data.q_nps", "operator": "<=", "value": 6}])
}

const fn is_critical(workflow: i64) -> bool {
    workflow % 2 == 0
}

fn event_name(workflow: i64) -> &'static str {
    EVENTS[(workflow as usize) % EVENTS.len()]
}

/// The n-th contact, from 0: its name and its address.
pub(super) fn person(number: i64) -> (String, String) {
    let mut random = Random::new(number.unsigned_abs() | 1 << 62);
    let (first, last) = (random.pick(FIRST_NAMES), random.pick(LAST_NAMES));
    (format!("{first} {last}"), format!("{}.{number}@example.com", first.to_lowercase()))
}

/// When the n-th event came in. They follow each other evenly but for the time of day: there is little at midnight.
fn moment(world: &World, number: i64, random: &mut Random) -> Timestamp {
    let span = (world.end.as_millis() - world.begin.as_millis()) as f64;
    let even = span * (number as f64 + random.unit()) / world.executions as f64;
    let turn = std::f64::consts::TAU * (even + world.begin.as_millis() as f64) / DAY_MS;
    // The derivative of the shift stays above -1, so that order is kept.
    let shift = 0.8 * DAY_MS / std::f64::consts::TAU * turn.sin();
    let at = world.begin.as_millis() + (even - shift) as i64;
    Timestamp::from_millis(at.clamp(world.begin.as_millis(), world.end.as_millis()))
}

/// The n-th execution, from 0.
pub(super) fn told(world: &World, number: i64) -> Told {
    let random = &mut Random::new(number.unsigned_abs());
    let at = moment(world, number, random);
    // The first workflows run most.
    let workflow = (WORKFLOWS as f64 * random.unit().powi(2)) as i64;
    let person_number = random.below(world.contacts);
    let course = Course::of(random.below(1000));
    let score = if course == Course::Unmatched { 7 + random.below(4) } else { random.below(7) };
    let (name, email) = person(person_number);
    let contact = world.contact + person_number;
    let submission = world.event + number;
    let data = json!({
        "formId": FORM,
        "submission": {"id": submission, "formId": FORM, "contactId": contact, "data": {
            "q_nps": score, "q_name": name,
            "q_feedback": format!("The {} was {} and the {} {}", random.pick(THINGS), random.pick(FEELINGS), random.pick(THINGS), random.pick(FEELINGS)),
            "q_order": format!("A-{:07}", random.below(10_000_000)),
        }},
        "contact": {"id": contact, "name": name, "email": email},
    });
    let event = Event {
        id: EventId::new(world.event + number),
        tenant_id: world.tenant,
        name: event_name(workflow).parse().expect("the list has names that fit"),
        external_id: None,
        source: None,
        data,
        created_at: at,
    };
    let mut telling = Telling {
        execution: world.execution + number,
        log: world.log + number * LOGS,
        tenant: world.tenant,
        at,
        journal: Vec::with_capacity(LOGS as usize),
    };
    let error = *random.pick(ERRORS);
    telling.conditions(score, course);
    let (mut result, mut progress) =
        (Vec::new(), Progress::accepted(ExecutionStatus::Completed, Some(Outcome::Matched)));
    match course {
        Course::Unmatched => progress.outcome = Some(Outcome::Unmatched),
        Course::Stopped => progress.outcome = Some(Outcome::Stopped),
        Course::Cancelled => {
            progress.status = ExecutionStatus::Cancelled;
            progress.error = Some("cancelled by hand".to_owned());
        }
        Course::Done | Course::WebhookFailed => {
            let ticket = json!({"ticketId": world.event + number});
            result.push(telling.step("ticket", "create_ticket", 1, Ok(ticket)));
            result.push(telling.step("tag", "add_tag", 1, Ok(json!({"tag": "followed-up"}))));
            // Most are quick, some are not.
            let took = 15 + (random.unit().powi(6) * 20_000.0) as i64;
            let called =
                if course == Course::Done { Ok(json!({"status": 200})) } else { Err(error.to_owned()) };
            result.push(telling.step("call", "webhook", took, called));
        }
    }
    let failed = course == Course::WebhookFailed;
    if failed && is_critical(workflow) {
        progress.status = ExecutionStatus::Failed;
        progress.error = Some(format!("step call (webhook): {error}"));
        progress.error_stack = Some(format!("step call (webhook), attempt 1: {error}"));
    } else {
        progress.actions_failed = i64::from(failed);
    }
    let executed = result.iter().filter(|entry| entry["status"] == "completed").count();
    progress.result = Some(json!({
        "conditionsPassed": (course != Course::Stopped).then_some(course != Course::Unmatched), "actionsExecuted": executed,
        "actionsFailed": result.len() - executed, "actionResults": result,
    }));
    progress.duration_ms = Some(telling.worked());
    progress.started_at = Some(at);
    progress.completed_at = Some(telling.at);
    let id = ExecutionId::new(telling.execution);
    let execution = Execution {
        id,
        tenant_id: world.tenant,
        workflow_id: WorkflowId::new(world.workflow + workflow),
        workflow_version: 1,
        trigger_event: event.name.as_str().to_owned(),
        trigger_data: event.data.clone().into(),
        updated_at: telling.at,
        progress,
        event_id: Some(event.id),
        contact_id: Some(ContactId::new(contact)),
        submission_id: Some(SubmissionId::new(submission)),
        retry_of: None,
        key_execution_id: id,
        owner: None,
        depth: 0,
        caused_by: None,
        called: None,
        created_by: Some(Actor::System),
        created_at: at,
    };
    Told { event, execution, journal: telling.journal }
}

/// A journal being told.
struct Telling {
    execution: i64,
    log: i64,
    tenant: TenantId,
    at: Timestamp,
    journal: Vec<Log>,
}

impl Telling {
    fn conditions(&mut self, score: i64, course: Course) {
        let holds = course != Course::Unmatched;
        let output = json!({"result": holds, "conditions": [
            {"field": "submission.data.q_nps", "operator": "<=", "expected": 6, "actual": score, "result": holds}]});
        self.row("conditions", StepType::Condition, "conditions", 0, Ok(output)).input_data =
            conditions().into();
    }

    /// Adds a step's row; answers its entry in the result.
    fn step(&mut self, id: &str, action: &str, took: i64, ended: Result<Value, String>) -> Value {
        let entry = match &ended {
            Ok(output) => json!({"stepId": id, "type": action, "status": "completed", "output": output}),
            Err(error) => json!({"stepId": id, "type": action, "status": "failed", "error": error}),
        };
        self.row(id, StepType::Action, action, took, ended);
        entry
    }

    fn row(
        &mut self,
        id: &str,
        step_type: StepType,
        name: &str,
        took: i64,
        ended: Result<Value, String>,
    ) -> &mut Log {
        let begun = self.at;
        self.at = Period::from_millis(took).map_or(begun, |took| begun.plus(took));
        let number = self.journal.len() as i64;
        let status = if ended.is_ok() { StepStatus::Completed } else { StepStatus::Failed };
        let (output_data, error) = match ended {
            Ok(output) => (Some(output.into()), None),
            Err(error) => (None, Some(error)),
        };
        self.journal.push(Log {
            id: LogId::new(self.log + number),
            tenant_id: self.tenant,
            execution_id: ExecutionId::new(self.execution),
            step_number: number + 1,
            step_type,
            step_name: name.to_owned(),
            step_id: id.to_owned(),
            step_path: id.to_owned(),
            attempt: 1,
            retry_count: 0,
            status,
            input_data: Document::default(),
            output_data,
            error,
            warnings: Vec::new(),
            retryable: status == StepStatus::Failed,
            resume_at: None,
            carried_from: None,
            started_at: Some(begun),
            completed_at: Some(self.at),
            duration_ms: Some(took),
            created_at: begun,
        });
        self.journal.last_mut().expect("a row was just added")
    }

    fn worked(&self) -> i64 {
        self.journal.iter().filter_map(|log| log.duration_ms).sum()
    }
}
