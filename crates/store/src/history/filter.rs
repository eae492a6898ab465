//! Which executions a list shows, as a predicate of one statement.

use model::{
    ContactId, EventId, ExecutionId, ExecutionStatus, Outcome, SubmissionId, TenantId, Timestamp, WorkflowId,
    execution::Progress,
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
        self.has_failures.is_none() && self.text.is_none() && !self.is_about_one()
    }

    /// More than times narrows it: its rows do not lie together.
    pub(super) fn is_narrowed(&self) -> bool {
        *self != Self { from: self.from, until: self.until, ..Self::default() }
    }

    /// Of what an execution was found by, all that can change: it is still so.
    pub(super) fn still_admits(&self, progress: &Progress) -> bool {
        let Progress { status, outcome, actions_failed, .. } = progress;
        self.status.is_none_or(|wanted| wanted == *status)
            && self.outcome.is_none_or(|wanted| Some(wanted) == *outcome)
            && self.has_failures.is_none_or(|wanted| wanted == (*actions_failed > 0))
    }

    /// It is about a workflow, or about what has few.
    const fn is_narrow(&self) -> bool {
        self.workflow.is_some() || self.is_about_one()
    }

    /// A person, an answer, an event or an execution has few.
    pub(super) const fn is_about_one(&self) -> bool {
        self.contact.is_some() || self.submission.is_some() || self.event.is_some() || self.retry_of.is_some()
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

    /// What an index alone can tell of it, as a predicate like [`Filter::predicate`]: no row is looked at, and nearly all that are found are let through. None: of whoever has few, and
    /// where SQLite looks at rows although the index is of nothing else.
    pub(super) fn indexed(&self, tenant: TenantId) -> Option<(String, Vec<Value>)> {
        let is_of_few = self.submission.is_some() || self.event.is_some() || self.retry_of.is_some();
        if !(Self { text: None, ..self.clone() }).is_indexed() || is_of_few || self.has_failures.is_some() {
            return None;
        }
        let mut parameters = params![tenant];
        let mut number = |value: Value| {
            parameters.push(value);
            parameters.len()
        };
        // Whose they are is known by whom they are about.
        let mut found = vec![match (self.workflow, self.contact) {
            (None, None) => "e.tenant_id = ?1".to_owned(),
            (Some(workflow), _) => format!(
                "e.workflow_id = (SELECT id FROM workflows WHERE id = ?{} AND tenant_id = ?1)",
                number(workflow.into())
            ),
            (None, Some(contact)) => format!(
                "e.contact_id = (SELECT id FROM contacts WHERE id = ?{} AND tenant_id = ?1)",
                number(contact.into())
            ),
        }];
        found.extend(self.state(&mut number));
        Some((found.join(" AND "), parameters))
    }

    /// The conditions for what can change.
    fn state(&self, number: &mut impl FnMut(Value) -> usize) -> Vec<String> {
        let mut found = Vec::new();
        found.extend(self.status.map(|status| format!("e.status = ?{}", number(status.into()))));
        if let Some(outcome) = self.outcome {
            // Most are matched: the others have an index of their own, which says this of itself.
            if outcome != Outcome::Matched {
                found.push("e.outcome <> 'matched'".to_owned());
            }
            found.push(format!("e.outcome = ?{}", number(outcome.into())));
        }
        found.extend(self.has_failures.map(|has_failures| {
            if has_failures { "e.actions_failed > 0" } else { "e.actions_failed = 0" }.to_owned()
        }));
        found
    }

    /// The predicate with its parameters, `?1` being the tenant. What only is to be checked of what an index finds stands in one `coalesce`: the tenant where a narrower column
    /// is given, whose own index would walk the whole history, and times, by which all rows of the time would be sorted (the ids that they lie within, of
    /// [`super::walk::Bounds`], are there to find by). To PostgreSQL it is one condition that holds as often as not. Of each by itself it would expect that little is
    /// left of what the others leave, and sort what an index has in order.
    pub(crate) fn predicate(&self, tenant: TenantId) -> (String, Vec<Value>) {
        let mut parameters = params![tenant];
        let mut number = |value: Value| {
            parameters.push(value);
            parameters.len()
        };
        let (mut found, mut checked) = (Vec::new(), Vec::new());
        let tenant = if self.is_narrow() { &mut checked } else { &mut found };
        tenant.push("e.tenant_id = ?1".to_owned());
        let columns: [(&str, Option<Value>); 5] = [
            ("workflow_id", self.workflow.map(Into::into)),
            ("contact_id", self.contact.map(Into::into)),
            ("submission_id", self.submission.map(Into::into)),
            ("event_id", self.event.map(Into::into)),
            ("retry_of", self.retry_of.map(Into::into)),
        ];
        for (column, value) in columns {
            found.extend(value.map(|value| format!("e.{column} = ?{}", number(value))));
        }
        found.extend(self.state(&mut number));
        checked.extend(self.from.map(|from| format!("e.created_at >= ?{}", number(from.into()))));
        checked.extend(self.until.map(|until| format!("e.created_at < ?{}", number(until.into()))));
        found.extend(self.text.as_ref().map(|text| {
            format!("instr(fold(CAST(e.trigger_data AS TEXT)), fold(?{})) > 0", number(text.into()))
        }));
        if !checked.is_empty() {
            found.push(format!("coalesce({}, FALSE)", checked.join(" AND ")));
        }
        (found.join(" AND "), parameters)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_changed_since_it_was_found_is_let_through_only_if_it_still_fits() {
        let found = |status, outcome| Progress::accepted(status, outcome);
        let failed = Progress { actions_failed: 1, ..found(ExecutionStatus::Completed, None) };
        let progresses = [
            found(ExecutionStatus::Running, Some(Outcome::Matched)),
            found(ExecutionStatus::Running, None),
            found(ExecutionStatus::Completed, Some(Outcome::Stopped)),
            failed,
        ];
        let (status, outcome) = (Some(ExecutionStatus::Running), Some(Outcome::Matched));
        let filters = [
            (Filter::default(), [true, true, true, true]),
            (Filter { status, ..Filter::default() }, [true, true, false, false]),
            (Filter { outcome, ..Filter::default() }, [true, false, false, false]),
            (Filter { has_failures: Some(true), ..Filter::default() }, [false, false, false, true]),
            (Filter { has_failures: Some(false), ..Filter::default() }, [true, true, true, false]),
        ];
        for (filter, expected) in filters {
            assert_eq!(progresses.each_ref().map(|progress| filter.still_admits(progress)), expected);
        }
    }
}
