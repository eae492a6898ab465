//! Approvals: what people are asked to decide, who may, and when it counts as decided.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    Actor, ApprovalId, EventId, ExecutionId, TenantId, Timestamp, UserId, WorkflowId, form::Question, named,
    user::Role,
};

named! {
    /// Where an approval stands.
    ApprovalState {
        /// It waits for decisions.
        Open = "open",
        /// Enough have approved.
        Approved = "approved",
        /// It was rejected.
        Rejected = "rejected",
        /// Nobody decided in time.
        TimedOut = "timed_out",
        /// Its run ended or went on without it.
        Cancelled = "cancelled",
    }
}

named! {
    /// What one person says.
    Decision {
        /// Yes.
        Approved = "approved",
        /// No.
        Rejected = "rejected",
    }
}

/// Someone who may decide.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Approver {
    /// One user.
    #[serde(rename = "userId")]
    User(UserId),
    /// Whoever has this role or a higher one, API keys included.
    #[serde(rename = "role")]
    Role(Role),
    /// Whoever has the mail that is sent to this address.
    #[serde(rename = "email")]
    Email(String),
}

/// An approval that a step asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct NewApproval {
    /// One line.
    pub title: String,
    /// The whole story.
    pub message: Option<String>,
    /// Who may decide; each once.
    pub approvers: Vec<Approver>,
    /// How many have to approve.
    pub required: i64,
    /// What they are asked besides.
    pub form: Vec<Question>,
    /// Who started the run may approve it.
    pub allow_self: bool,
    /// The workflow and its version: who published it is *self* too.
    pub version: (WorkflowId, i64),
    /// Who started the run, as far as the run knows.
    pub started_by: Option<Actor>,
    /// The event that started it: who posted it is *self* too.
    pub event: Option<EventId>,
    /// The run that caused this one: who is *self* of that is *self* here, so that no detour makes one's own run another's.
    pub caused_by: Option<ExecutionId>,
    /// When those who have not decided are asked again.
    pub remind_at: Option<Timestamp>,
    /// Until when it can be decided.
    pub timeout_at: Timestamp,
}

/// What one person has said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decided {
    /// `user:7`, `api_key:3`, or an address.
    pub by: String,
    /// Yes or no.
    pub decision: Decision,
    /// Why.
    pub comment: Option<String>,
    /// Answers to the form's questions.
    pub form: Map<String, Value>,
    /// When.
    pub at: Timestamp,
}

/// An approval as stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Approval {
    /// Unique over all tenants.
    pub id: ApprovalId,
    /// The owner of the record.
    pub tenant_id: TenantId,
    /// Of which run.
    pub execution_id: ExecutionId,
    /// Of which workflow.
    pub workflow_id: WorkflowId,
    /// Which step of it asks.
    pub step_path: String,
    /// Where it stands.
    pub state: ApprovalState,
    /// One line.
    pub title: String,
    /// The whole story.
    pub message: Option<String>,
    /// Who may decide.
    pub approvers: Vec<Approver>,
    /// How many have to approve.
    pub required: i64,
    /// What they are asked besides.
    pub form: Vec<Question>,
    /// Who started the run may approve it.
    pub allow_self: bool,
    /// Who started the run by hand, posted its event, or published the version.
    pub selves: Vec<Actor>,
    /// When those who have not decided are asked again.
    pub remind_at: Option<Timestamp>,
    /// When they were.
    pub reminded_at: Option<Timestamp>,
    /// Until when it can be decided.
    pub timeout_at: Timestamp,
    /// What was said so far, in order.
    pub decisions: Vec<Decided>,
    /// When it was decided, or ended without a decision.
    pub ended_at: Option<Timestamp>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// The run that asks.
    pub created_by: Option<Actor>,
    /// Who last changed it.
    pub updated_by: Option<Actor>,
    /// Grows with each change.
    pub version: i64,
}

/// What follows from the decisions so far. `others` is how many named people may still decide.
///
/// Where one approval is enough, the first decision decides, whichever it is. Where several are needed, a rejection ends it as soon as those who
/// are left cannot make up the number any more.
#[must_use]
pub fn outcome(decisions: &[Decided], required: i64, others: i64) -> Option<Decision> {
    let count = |wanted: Decision| {
        i64::try_from(decisions.iter().filter(|decided| decided.decision == wanted).count())
            .unwrap_or(i64::MAX)
    };
    let approved = count(Decision::Approved);
    if approved >= required {
        return Some(Decision::Approved);
    }
    let is_lost =
        count(Decision::Rejected) > 0 && (required <= 1 || approved.saturating_add(others) < required);
    is_lost.then_some(Decision::Rejected)
}

impl Approval {
    /// The output of its step once it is decided: `{"decision","by","comment","form"}`. `by` are those whose decisions made it, `comment` is the last one's, and
    /// `form` has the latest answer to each question.
    #[must_use]
    pub fn output(&self, decision: Decision) -> Value {
        let made: Vec<&Decided> =
            self.decisions.iter().filter(|decided| decided.decision == decision).collect();
        let mut form = Map::new();
        for decided in &made {
            form.extend(decided.form.clone());
        }
        serde_json::json!({
            "decision": decision,
            "by": made.iter().map(|decided| decided.by.as_str()).collect::<Vec<_>>(),
            "comment": made.last().and_then(|decided| decided.comment.as_deref()),
            "form": form,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_decides_where_one_is_enough_and_the_rest_where_several_are() {
        let decided = |decision| Decided {
            by: String::new(),
            decision,
            comment: None,
            form: Map::new(),
            at: Timestamp::EPOCH,
        };
        let (yes, no) = (Decision::Approved, Decision::Rejected);
        let table: [(&[Decision], i64, i64, Option<Decision>); 9] = [
            (&[], 1, 1, None),
            (&[yes], 1, 5, Some(yes)),
            (&[no], 1, 5, Some(no)),
            (&[yes], 2, 2, None),
            (&[no], 2, 2, None),
            (&[no, yes], 2, 1, None),
            (&[no, no], 2, 1, Some(no)),
            (&[no, yes, yes], 2, 0, Some(yes)),
            (&[yes, no], 2, 0, Some(no)),
        ];
        for (said, required, others, expected) in table {
            let decisions: Vec<Decided> = said.iter().map(|decision| decided(*decision)).collect();
            assert_eq!(
                outcome(&decisions, required, others),
                expected,
                "{said:?} of {required}, {others} left"
            );
        }
    }
}
