//! Which executions a list shows, as a predicate of one statement.

use model::{
    ContactId, EventId, ExecutionId, ExecutionStatus, Outcome, SubmissionId, TenantId, Timestamp, WorkflowId,
};

use crate::{database::Value, params};

/// Which executions a list shows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Filter {
    /// Only this workflow's.
    pub workflow: Option<WorkflowId>,
    /// Only in this state.
    pub status: Option<ExecutionStatus>,
    /// Only those whose conditions said this.
    pub outcome: Option<Outcome>,
    /// Only those with (or without) failed steps that did not end the run.
    pub has_failures: Option<bool>,
    /// Only those about this person.
    pub contact: Option<ContactId>,
    /// Only those about this answer.
    pub submission: Option<SubmissionId>,
    /// Only those of this event.
    pub event: Option<EventId>,
    /// Only retries of this one.
    pub retry_of: Option<ExecutionId>,
    /// Only those accepted at or after.
    pub from: Option<Timestamp>,
    /// Only those accepted before.
    pub until: Option<Timestamp>,
    /// Only those whose trigger data contains this text, without regard to case.
    pub text: Option<String>,
}

impl Filter {
    /// The rollups know the total of this filter, but for the ends of a time that is no whole hour.
    pub(super) const fn is_counted(&self) -> bool {
        self.has_failures.is_none()
            && self.contact.is_none()
            && self.submission.is_none()
            && self.event.is_none()
            && self.retry_of.is_none()
            && self.text.is_none()
    }

    /// One index has exactly these rows in the order of the list, or they are few.
    pub(super) fn is_indexed(&self) -> bool {
        if self.text.is_some() {
            return false;
        }
        if self.submission.is_some() || self.event.is_some() || self.retry_of.is_some() {
            return self.workflow.is_none()
                && self.status.is_none()
                && self.outcome.is_none()
                && self.has_failures.is_none();
        }
        match (self.outcome, self.has_failures) {
            // The index of contacts has the status.
            (None, None) => self.contact.is_none() || self.workflow.is_none(),
            (Some(outcome), None) => {
                let is_rare = outcome != Outcome::Matched;
                self.contact.is_none() && self.status.is_none() && (self.workflow.is_none() || is_rare)
            }
            (None, Some(true)) => self.contact.is_none() && self.status.is_none(),
            (None, Some(false)) | (Some(_), Some(_)) => false,
        }
    }

    /// The predicate with its parameters, `?1` being the tenant. With a narrower column given, the tenant is only checked, by `coalesce`: the tenant's own index would walk
    /// the whole history, and PostgreSQL, for which a condition on top of another leaves a part of what that leaves, would expect next to nothing and sort what has an order.
    /// Neither are times for the planner, which would sort all rows of the time: the ids that it lies within ([`super::walk::Bounds`]) are.
    pub(crate) fn predicate(&self, tenant: TenantId) -> (String, Vec<Value>) {
        let narrow = self.workflow.is_some()
            || self.contact.is_some()
            || self.submission.is_some()
            || self.event.is_some()
            || self.retry_of.is_some();
        let mut sql = if narrow {
            "coalesce(e.tenant_id = ?1, FALSE)".to_owned()
        } else {
            "e.tenant_id = ?1".to_owned()
        };
        let mut parameters = params![tenant];
        let mut also = |text: &str, value: Value| {
            parameters.push(value);
            sql.push_str(" AND ");
            sql.push_str(&text.replace("??", &format!("?{}", parameters.len())));
        };
        if let Some(workflow) = self.workflow {
            also("e.workflow_id = ??", workflow.into());
        }
        if let Some(status) = self.status {
            also("e.status = ??", status.into());
        }
        match self.outcome {
            // Most are matched: the others have an index of their own, which says this of itself.
            Some(outcome @ (Outcome::Unmatched | Outcome::Stopped)) => {
                also("e.outcome <> 'matched' AND e.outcome = ??", outcome.into());
            }
            Some(Outcome::Matched) => also("e.outcome = ??", Outcome::Matched.into()),
            None => {}
        }
        match self.has_failures {
            Some(true) => also("e.actions_failed > 0 AND 1 = ??", 1_i64.into()),
            Some(false) => also("e.actions_failed = ??", 0_i64.into()),
            None => {}
        }
        if let Some(contact) = self.contact {
            also("e.contact_id = ??", contact.into());
        }
        if let Some(submission) = self.submission {
            also("e.submission_id = ??", submission.into());
        }
        if let Some(event) = self.event {
            also("e.event_id = ??", event.into());
        }
        if let Some(original) = self.retry_of {
            also("e.retry_of = ??", original.into());
        }
        if let Some(from) = self.from {
            also("coalesce(e.created_at, e.updated_at) >= ??", from.into());
        }
        if let Some(until) = self.until {
            also("coalesce(e.created_at, e.updated_at) < ??", until.into());
        }
        if let Some(text) = &self.text {
            also("instr(fold(CAST(e.trigger_data AS TEXT)), fold(??)) > 0", text.into());
        }
        (sql, parameters)
    }
}
