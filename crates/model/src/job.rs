//! Jobs: a workflow run for many records that are there already, one slice after the other.

use serde::{Deserialize, Serialize};

use crate::{Actor, ContactId, FormId, JobId, TenantId, Timestamp, WorkflowId, named};

named! {
    /// What a job is for.
    JobKind {
        /// The past is made up for: no record is taken twice by backfills of the same workflow.
        Backfill = "backfill",
        /// Somebody runs the workflow for a filtered set, each record once in this job.
        Run = "run",
        /// The clock has come to the times of records (a schedule with `relativeTo`).
        Schedule = "schedule",
    }
}

named! {
    /// Which records a job goes through.
    JobSource {
        /// Completed answers.
        Submissions = "submissions",
        /// Contacts.
        Contacts = "contacts",
    }
}

named! {
    /// Where a job stands.
    JobState {
        /// Its records are taken one slice after the other.
        Running = "running",
        /// Somebody has paused it.
        Paused = "paused",
        /// All records are taken.
        Completed = "completed",
        /// Somebody has ended it. What it started goes on.
        Cancelled = "cancelled",
        /// It cannot go on; its error says why.
        Failed = "failed",
    }
}

/// Which records a job takes, of those that are not put away. What is not said is not asked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JobFilter {
    /// Answers to this form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub form_id: Option<FormId>,
    /// Answers of this person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact_id: Option<ContactId>,
    /// With this tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// Contacts of this segment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segment: Option<String>,
    /// Answers submitted, or contacts made, at this time or later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// The same, before this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Whose own times lie between these, both included; only of the jobs that the clock makes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Due>,
}

/// Times of records that have come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Due {
    /// The first.
    pub from: Timestamp,
    /// The last.
    pub until: Timestamp,
}

/// What became of a job's records so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// How many were looked at.
    pub seen: i64,
    /// For how many an execution was started.
    pub started: i64,
    /// For how many the workflow's conditions said no.
    pub unmatched: i64,
    /// How many the workflow's rules of entry refused.
    pub refused: i64,
    /// How many were passed over: taken before, or not what the workflow's trigger lets through.
    pub skipped: i64,
}

/// A job as stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// Unique over all tenants.
    pub id: JobId,
    /// The owner of the record.
    pub tenant_id: TenantId,
    /// What is run.
    pub workflow_id: WorkflowId,
    /// What it is for.
    pub kind: JobKind,
    /// Which records.
    pub source: JobSource,
    /// Which of them.
    pub filter: JobFilter,
    /// Records a second, at most.
    pub rate: i64,
    /// Where it stands.
    pub state: JobState,
    /// The last record that was taken; they are taken in the order of their ids.
    pub last_id: i64,
    /// The newest record when the job was made: what comes later has its own event.
    pub up_to: i64,
    /// When it goes on.
    pub due_at: Option<Timestamp>,
    /// How many records there were when it was made.
    pub total: i64,
    /// What became of them so far.
    pub progress: Progress,
    /// Why it cannot go on.
    pub error: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Who made it.
    pub created_by: Option<Actor>,
    /// Who last changed it.
    pub updated_by: Option<Actor>,
    /// Grows with each change that somebody makes.
    pub version: i64,
}

/// What a filter asks that the records of a source do not have.
#[must_use]
pub fn misplaced(source: JobSource, filter: &JobFilter) -> Vec<&'static str> {
    let asked = match source {
        JobSource::Submissions => [("segment", filter.segment.is_some()), ("", false)],
        JobSource::Contacts => {
            [("formId", filter.form_id.is_some()), ("contactId", filter.contact_id.is_some())]
        }
    };
    let by_clock = ("due", filter.due.is_some());
    asked.into_iter().chain([by_clock]).filter(|(_, asked)| *asked).map(|(name, _)| name).collect()
}

impl JobState {
    /// Nothing changes it any more.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Completed | Self::Cancelled | Self::Failed)
    }
}
