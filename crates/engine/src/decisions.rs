//! Why a workflow ran or did not run, for an event, for answers or for a person.
//!
//! What ran has an execution, and what a rule of entry refused is on record. For the rest the event is looked at again: was the workflow active when it came, which
//! version was published, and what did that version's trigger and conditions say to it? [`words`] says it in sentences. An event is kept only when somebody listened; of answers
//! the record itself tells what the event would have been.

mod words;

use std::collections::{HashMap, HashSet};

use jiff::tz::TimeZone;
use model::{
    ContactId, EventId, ExecutionId, ExecutionStatus, FormId, Outcome, SubmissionId, TenantId, Timestamp,
    WorkflowId,
    decision::Reason,
    event::{Event, EventName, MANUAL, SCHEDULE},
    execution::Execution,
    submission::{Submission, SubmissionStatus},
    workflow::Workflow,
};
use rules::{Compiled, Missed, Scope};
use serde_json::Value;
use store::{
    Connection, StoreError, StoreResult,
    contact::contact_get,
    decision::{Subject, events_about, executions_about, refused_list},
    entry::debounce_waits,
    event::event_find,
    form::form_find,
    journal::log_list,
    submission::submission_get,
    workflow::{workflow_active_at, workflow_recall, workflow_version_at},
};

use crate::{
    Engine, EngineError,
    jobs::completed,
    locals::{Surroundings, locals},
    walk::Journal,
};

/// Decisions that are told of at most.
const MOST: i64 = 50;
const COMPLETED: &str = "submission_completed";

/// What is asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// These answers.
    Submission(SubmissionId),
    /// This person.
    Contact(ContactId),
    /// The event of this id, as whoever posted it was told.
    Event(String),
}

/// What was decided.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// What decided.
    pub reason: Reason,
    /// The same in a sentence.
    pub message: String,
    /// When.
    pub at: Timestamp,
    /// For which event, by the id that its poster was told; none when it was not kept.
    pub event: Option<String>,
    /// What ran, or what stood in its way.
    pub execution: Option<ExecutionId>,
    /// The conditions that decided, each with both sides.
    pub conditions: Option<Value>,
    /// What the event told: for whoever has to hide a part of it.
    pub data: Value,
}

/// The sentence about conditions that were not met, from what of them may be seen.
#[must_use]
pub fn conditions_sentence(reason: Reason, conditions: &Value) -> String {
    match reason {
        Reason::FilterNotMet => words::filter_not_met(conditions),
        _ => words::conditions_not_met(Some(conditions)),
    }
}

/// What is known of a workflow at a time.
struct Past {
    was_active: bool,
    version: Option<std::sync::Arc<Compiled>>,
}

/// Who is told, in which words.
pub(super) struct Reader {
    pub(super) zone: TimeZone,
    pub(super) forms: HashMap<i64, String>,
}

impl Engine {
    /// What was decided about something, newest first; about nothing in particular: what the workflow's rules refused.
    ///
    /// # Errors
    /// [`StoreError::Missing`] for the workflow; when the store does not answer.
    pub async fn decisions(
        &self,
        tenant: TenantId,
        workflow: WorkflowId,
        asked: Option<Asked>,
    ) -> Result<Vec<Decision>, EngineError> {
        let profile = self.inner.tenants.profile(&self.inner.store, &self.inner.secrets, tenant).await?;
        let mut connection = self.inner.store.read(tenant).await?;
        let workflow = workflow_recall(&mut connection, tenant, workflow).await?;
        let zone = profile.time_zone.clone();
        let mut inquiry = Inquiry {
            engine: self,
            connection: &mut connection,
            workflow,
            tenant_name: profile.name.clone(),
            reader: Reader { zone, forms: HashMap::new() },
            found: Vec::new(),
        };
        inquiry.about(asked).await?;
        let mut found = inquiry.found;
        found.sort_by_key(|decision| std::cmp::Reverse(decision.at));
        found.truncate(MOST as usize);
        Ok(found)
    }
}

struct Inquiry<'a> {
    engine: &'a Engine,
    connection: &'a mut Connection,
    workflow: Workflow,
    tenant_name: String,
    reader: Reader,
    found: Vec<Decision>,
}

impl Inquiry<'_> {
    async fn about(&mut self, asked: Option<Asked>) -> Result<(), EngineError> {
        let tenant = self.workflow.tenant_id;
        match asked {
            None => self.refusals(None, &[]).await.map(drop),
            Some(Asked::Event(public_id)) => {
                let Some(event) = event_find(self.connection, tenant, &public_id).await? else {
                    self.nothing(format!("No event with the id {public_id} is kept here."));
                    return Ok(());
                };
                let subject = Subject::Event(event.id);
                self.known(subject, vec![event]).await
            }
            Some(Asked::Contact(id)) => {
                let subject = Subject::Contact(id);
                let name = self.workflow.definition.trigger_event.clone();
                let events = events_about(self.connection, tenant, &name, subject, None).await?;
                self.known(subject, self.listened(events)).await?;
                if self.found.is_empty() {
                    let exists = exists(contact_get(self.connection, tenant, id).await)?;
                    self.nothing(words::nothing_about(
                        exists,
                        &format!("contact {id}"),
                        &self.workflow.definition.trigger_event,
                    ));
                }
                Ok(())
            }
            Some(Asked::Submission(id)) => {
                let subject = Subject::Submission(id);
                let submission = match submission_get(self.connection, tenant, id).await {
                    Err(StoreError::Missing(_)) => None,
                    submission => Some(submission?),
                };
                let at = submission.as_ref().and_then(|submission| submission.submitted_at);
                let name = self.workflow.definition.trigger_event.clone();
                let events = events_about(self.connection, tenant, &name, subject, at).await?;
                self.known(subject, self.listened(events)).await?;
                if self.found.is_empty() {
                    self.unheard(id, submission).await?;
                }
                Ok(())
            }
        }
    }

    /// Those that the workflow may have listened to.
    fn listened(&self, mut events: Vec<Event>) -> Vec<Event> {
        events.retain(|event| event.name.as_str() == self.workflow.definition.trigger_event);
        events.truncate(MOST as usize);
        events
    }

    /// What is on record, and what these events tell that are not.
    async fn known(&mut self, subject: Subject, events: Vec<Event>) -> Result<(), EngineError> {
        let (tenant, id) = (self.workflow.tenant_id, self.workflow.id);
        let mut told: HashSet<EventId> = HashSet::new();
        for execution in executions_about(self.connection, tenant, id, subject, MOST).await? {
            told.extend(execution.event_id);
            let public_id = execution.event_id.map(|id| public_id(id, &events));
            let decision = self.of_execution(execution, public_id).await?;
            self.found.push(decision);
        }
        told.extend(self.refusals(Some(subject), &events).await?);
        for event in events {
            if told.contains(&event.id) {
                continue;
            }
            let public_id = public_id(event.id, std::slice::from_ref(&event));
            let mut decision = self.of_event(&event, Some(public_id)).await?;
            if let Some(due_at) = debounce_waits(self.connection, tenant, id, event.id).await? {
                decision.reason = Reason::Quieting;
                decision.message = words::quieting(due_at, &self.reader.zone);
                decision.conditions = None;
            }
            self.found.push(decision);
        }
        Ok(())
    }

    /// What the workflow's rules refused; answers for which events.
    async fn refusals(
        &mut self,
        subject: Option<Subject>,
        events: &[Event],
    ) -> Result<Vec<EventId>, EngineError> {
        let (tenant, id) = (self.workflow.tenant_id, self.workflow.id);
        let refused = refused_list(self.connection, tenant, id, subject, MOST).await?;
        let told = refused.iter().filter_map(|refused| refused.event_id).collect();
        self.found.extend(refused.into_iter().map(|refused| Decision {
            message: words::refused(&refused, &self.reader.zone),
            reason: refused.reason,
            at: refused.created_at,
            event: refused.event_id.map(|id| public_id(id, events)),
            execution: refused.execution_id,
            conditions: None,
            data: Value::Null,
        }));
        Ok(told)
    }

    async fn of_execution(
        &mut self,
        execution: Execution,
        event: Option<String>,
    ) -> Result<Decision, EngineError> {
        let reason = match (execution.progress.status, execution.progress.outcome) {
            (_, Some(Outcome::Unmatched)) => Reason::ConditionsNotMet,
            (_, Some(Outcome::Stopped)) => Reason::LoopStopped,
            (ExecutionStatus::Failed, None) => Reason::ConditionsUndecided,
            _ => Reason::Executed,
        };
        let conditions = match reason {
            Reason::ConditionsNotMet | Reason::ConditionsUndecided => {
                let logs = log_list(self.connection, execution.tenant_id, execution.id, None, 1).await?;
                logs.into_iter().next().and_then(|log| log.output_data?.get("conditions").cloned())
            }
            _ => None,
        };
        Ok(Decision {
            message: words::of_execution(reason, &execution.progress, conditions.as_ref(), &self.reader.zone),
            reason,
            at: execution.created_at,
            event,
            execution: Some(execution.id),
            conditions,
            data: execution.trigger_data.into_value(),
        })
    }

    /// Looks at an event again that left nothing.
    async fn of_event(&mut self, event: &Event, public_id: Option<String>) -> Result<Decision, EngineError> {
        let past = self.past(event.created_at).await?;
        let (reason, message, conditions) = self.explain(&past, event).await?;
        Ok(Decision {
            reason,
            message,
            at: event.created_at,
            event: public_id,
            execution: None,
            conditions,
            data: event.data.clone(),
        })
    }

    async fn past(&mut self, at: Timestamp) -> Result<Past, EngineError> {
        let (tenant, id) = (self.workflow.tenant_id, self.workflow.id);
        let noted = workflow_active_at(self.connection, tenant, id, at).await?;
        // Nothing was noted so early: as it is now it has been since its last change, and before that most likely active.
        let was_active = noted.unwrap_or(self.workflow.updated_at > at || self.workflow.is_active);
        let version = match workflow_version_at(self.connection, tenant, id, at).await? {
            None => None,
            Some(version) => {
                let programs = &self.engine.inner.programs;
                match programs.version(self.connection, tenant, id, version.number).await {
                    Ok(program) => Some(std::sync::Arc::clone(&program.compiled)),
                    // Of an older program: it could not have run here.
                    Err(EngineError::Invalid(_)) => None,
                    Err(error) => return Err(error),
                }
            }
        };
        Ok(Past { was_active, version })
    }

    async fn explain(
        &mut self,
        past: &Past,
        event: &Event,
    ) -> Result<(Reason, String, Option<Value>), EngineError> {
        let at = event.created_at;
        let workflow = &self.workflow;
        let plain = |reason, message: String| Ok((reason, message, None));
        if at < workflow.created_at {
            return plain(Reason::NotCreated, words::not_created(workflow.created_at, &self.reader.zone));
        }
        if let Some(archived) = workflow.archived_at.filter(|archived| *archived <= at) {
            return plain(Reason::Deleted, words::deleted(archived, &self.reader.zone));
        }
        let Some(compiled) = &past.version else {
            return plain(Reason::NotPublished, words::not_published());
        };
        let trigger = &compiled.trigger;
        if trigger.event != event.name || trigger.start != rules::Start::Event {
            return plain(
                Reason::OtherTrigger,
                words::other_trigger(trigger.event.as_str(), Some(event.name.as_str())),
            );
        }
        if !past.was_active {
            return plain(Reason::Inactive, words::inactive(workflow.is_active));
        }
        match trigger.missed(&event.data) {
            Some(Missed::Form { wanted, found }) => {
                self.forms([Some(wanted), found]).await?;
                return plain(Reason::OtherForm, words::other_form(wanted, found, &self.reader.forms));
            }
            Some(Missed::Fields { watched }) => {
                return plain(Reason::FieldsUnchanged, words::fields_unchanged(&watched, &event.data));
            }
            Some(Missed::Filter(evaluation)) => {
                let conditions = evaluation.to_output()["conditions"].take();
                let message = words::filter_not_met(&conditions);
                return Ok((Reason::FilterNotMet, message, Some(conditions)));
            }
            None => {}
        }
        let surroundings = Surroundings {
            tenant: (workflow.tenant_id, &self.tenant_name),
            workflow: (workflow.id, &workflow.definition.name),
            execution: None,
            now: at,
        };
        let locals = locals(surroundings, &Journal::default());
        let scope = Scope { trigger: &event.data, locals: &locals, time_zone: &self.reader.zone };
        let evaluation = compiled.conditions.evaluate(&scope);
        let conditions = evaluation.to_output()["conditions"].take();
        match evaluation.result {
            Ok(true) => plain(Reason::Removed, words::removed()),
            Ok(false) => {
                let message = words::conditions_not_met(Some(&conditions));
                Ok((Reason::ConditionsNotMet, message, Some(conditions)))
            }
            Err(error) => {
                Ok((Reason::ConditionsUndecided, words::undecided(&error.to_string()), Some(conditions)))
            }
        }
    }

    /// What can be told of answers about which no event is kept.
    async fn unheard(&mut self, id: SubmissionId, submission: Option<Submission>) -> Result<(), EngineError> {
        let trigger = self.workflow.definition.trigger_event.clone();
        let Some(submission) = submission else {
            self.nothing(words::nothing_about(false, &format!("submission {id}"), &trigger));
            return Ok(());
        };
        if trigger != COMPLETED {
            let reason = if [SCHEDULE, MANUAL].contains(&trigger.as_str()) {
                Reason::OtherTrigger
            } else {
                Reason::NoEvent
            };
            let message = match reason {
                Reason::OtherTrigger => words::other_trigger(&trigger, None),
                _ => words::nothing_about(true, &format!("submission {id}"), &trigger),
            };
            self.found.push(self.decided(reason, message));
            return Ok(());
        }
        let (SubmissionStatus::Completed, Some(at)) = (submission.status, submission.submitted_at) else {
            self.found.push(self.decided(Reason::NotCompleted, words::not_completed()));
            return Ok(());
        };
        // Nobody listened, so it was not kept: what it would have been.
        let event = Event {
            id: EventId::new(0),
            tenant_id: submission.tenant_id,
            name: EventName::system(COMPLETED),
            external_id: None,
            source: None,
            data: completed(self.connection, &submission).await?,
            created_at: at,
        };
        let decision = self.of_event(&event, None).await?;
        self.found.push(decision);
        Ok(())
    }

    fn nothing(&mut self, message: String) {
        let decision = self.decided(Reason::NoEvent, message);
        self.found.push(decision);
    }

    fn decided(&self, reason: Reason, message: String) -> Decision {
        let at = self.engine.inner.store.now();
        Decision { reason, message, at, event: None, execution: None, conditions: None, data: Value::Null }
    }

    /// Makes forms known by their names.
    async fn forms(&mut self, ids: [Option<i64>; 2]) -> Result<(), EngineError> {
        for id in ids.into_iter().flatten() {
            let Ok(form) = FormId::try_from(id) else { continue };
            if let Some(form) = form_find(self.connection, self.workflow.tenant_id, form).await? {
                self.reader.forms.insert(id, form.name);
            }
        }
        Ok(())
    }
}

fn exists<T>(found: StoreResult<T>) -> StoreResult<bool> {
    match found {
        Ok(_) => Ok(true),
        Err(StoreError::Missing(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

fn public_id(id: EventId, events: &[Event]) -> String {
    let external = events.iter().find(|event| event.id == id).and_then(|event| event.external_id.clone());
    external.unwrap_or_else(|| format!("evt_{id}"))
}
