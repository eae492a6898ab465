//! Approvals: asked for with the row of their step, decided once, each approver once.
//!
//! Whoever decides holds the approval's row; what follows for the run is written down as a signal ([`crate::waiting`]), so nobody waits for the
//! run and the run for nobody. When the time is over the run holds the same row: of a decision and the end of the time one comes first.

mod admission;
pub mod link;
mod mail;

use std::collections::{BTreeSet, HashMap};

use model::{
    Actor, ApprovalId, EventId, ExecutionId, Problem, TenantId, Timestamp, WorkflowId,
    approval::{Approval, ApprovalState, Approver, Decided, Decision, NewApproval, outcome},
    effect::NewNotification,
    form::Form,
    notification::NotificationType,
    user::{Identity, Role},
};
use serde_json::{Map, Value as Json};

use crate::{
    Connection, Page, Paged, StoreError, StoreResult, Tx,
    causes::origins,
    database::{Row, Value, page::list},
    ids::IdKind,
    notification::notification_create,
    params,
    user::{member_check, user_get},
    waiting::decision_signal,
    writer::Notice,
};

pub use admission::{Admission, Known};
use admission::{Person, people, person_of_address};
use mail::mails_drop;
pub use mail::{Delivery, Moment, approval_mail_next, approval_mail_settle, approval_mails_take};

const COLUMNS: &str = "id, tenant_id, execution_id, workflow_id, step_path, state, title, message, approvers, required, form, allow_self, selves,
     remind_at, reminded_at, timeout_at, ended_at, created_at, updated_at, created_by, updated_by, version";
/// The longest comment, in characters.
pub const LONGEST_COMMENT: usize = 4_096;
/// The longest title of a notification, in characters.
const LONGEST_TITLE: usize = 255;

/// Writes an approval and what asks for it: notifications, mails.
pub(crate) async fn approval_ask(
    tx: &mut Tx,
    (tenant, execution): (TenantId, ExecutionId),
    step_path: &str,
    new: NewApproval,
) -> StoreResult<()> {
    // Nothing is written before it is known that everything can be.
    for approver in &new.approvers {
        if let Approver::User(user) = approver {
            member_check(tx, tenant, *user, "approvers").await?;
        }
    }
    let now = tx.now();
    let selves = selves(tx, tenant, &new).await?;
    let id = ApprovalId::new(tx.id(IdKind::Approval).await?);
    let approval = Approval {
        id,
        tenant_id: tenant,
        execution_id: execution,
        workflow_id: new.version.0,
        step_path: step_path.to_owned(),
        state: ApprovalState::Open,
        title: new.title,
        message: new.message,
        approvers: new.approvers,
        required: new.required,
        form: new.form,
        allow_self: new.allow_self,
        selves,
        remind_at: new.remind_at,
        reminded_at: None,
        timeout_at: new.timeout_at,
        decisions: Vec::new(),
        ended_at: None,
        created_at: now,
        updated_at: now,
        created_by: Some(Actor::Execution(execution)),
        updated_by: Some(Actor::Execution(execution)),
        version: 1,
    };
    tx.execute(
        "INSERT INTO approvals (id, tenant_id, execution_id, workflow_id, step_path, state, title, message, approvers, required, form, allow_self,
            selves, remind_at, timeout_at, created_at, updated_at, created_by, updated_by, version)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?16, ?17, ?17, 1)",
        params![
            id,
            tenant,
            execution,
            approval.workflow_id,
            step_path,
            approval.state,
            &approval.title,
            &approval.message,
            Value::json(&approval.approvers),
            approval.required,
            Value::json(&approval.form),
            approval.allow_self,
            Value::json(&approval.selves),
            approval.remind_at,
            approval.timeout_at,
            now,
            Actor::Execution(execution)
        ],
    )
    .await?;
    for approver in &approval.approvers {
        let (kind, value) = match approver {
            Approver::User(user) => ("user", user.to_string()),
            Approver::Role(role) => ("role", role.to_string()),
            Approver::Email(address) => ("email", address.to_lowercase()),
        };
        tx.execute(
            "INSERT INTO approval_approvers (approval_id, kind, value, tenant_id) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
            params![id, kind, value, tenant],
        )
        .await?;
    }
    tell(tx, &approval, Moment::Asked).await?;
    changed(tx, &approval);
    Ok(())
}

/// Who started the run by hand or posted its event, and who published the version; and the same of each run that led to it.
async fn selves(tx: &mut Tx, tenant: TenantId, new: &NewApproval) -> StoreResult<Vec<Actor>> {
    let mut found = Vec::new();
    makers(tx, tenant, (new.started_by, new.event, new.version), &mut found).await?;
    for origin in origins(tx, tenant, new.caused_by).await? {
        makers(tx, tenant, (origin.started_by, origin.event, origin.workflow), &mut found).await?;
    }
    Ok(found)
}

/// Adds the people and keys that made one run what it is.
async fn makers(
    tx: &mut Tx,
    tenant: TenantId,
    (started_by, event, version): (Option<Actor>, Option<EventId>, (WorkflowId, i64)),
    found: &mut Vec<Actor>,
) -> StoreResult<()> {
    let posted = "SELECT created_by FROM events WHERE id = ?1 AND tenant_id = ?2";
    let posted_by = match event {
        Some(event) => tx.query_optional(posted, params![event, tenant]).await?,
        None => None,
    };
    let published =
        "SELECT created_by FROM workflow_versions WHERE workflow_id = ?1 AND number = ?2 AND tenant_id = ?3";
    let published_by = tx.query_optional(published, params![version.0, version.1, tenant]).await?;
    let mut makers = vec![started_by];
    for row in posted_by.into_iter().chain(published_by) {
        makers.push(row.first()?);
    }
    for maker in makers.into_iter().flatten() {
        if matches!(maker, Actor::User(_) | Actor::ApiKey(_)) && !found.contains(&maker) {
            found.push(maker);
        }
    }
    Ok(())
}

/// Notifications and mails to those who have not decided.
async fn tell(tx: &mut Tx, approval: &Approval, moment: Moment) -> StoreResult<()> {
    let (tenant, now) = (approval.tenant_id, tx.now());
    let title = match moment {
        Moment::Asked => format!("Approval: {}", approval.title),
        Moment::Reminder => format!("Reminder, approval: {}", approval.title),
    };
    let title: String = title.chars().take(LONGEST_TITLE).collect();
    for who in people(tx, approval).await?.left {
        match who {
            Person::User(user_id) => {
                let (title, message) = (title.clone(), approval.message.clone());
                let new = NewNotification { user_id, title, message, kind: NotificationType::Info };
                notification_create(tx, tenant, Actor::Execution(approval.execution_id), new).await?;
            }
            // Nobody reads what a key is told; an address gets a mail.
            Person::ApiKey(_) | Person::Address(_) => {}
        }
    }
    let decided: BTreeSet<&str> = approval.decisions.iter().map(|decided| decided.by.as_str()).collect();
    let mut has_mail = false;
    for approver in &approval.approvers {
        let Approver::Email(address) = approver else { continue };
        let who = person_of_address(tx, tenant, address).await?.to_string();
        if decided.contains(who.as_str()) {
            continue;
        }
        tx.execute(
            "INSERT INTO approval_mails (approval_id, address, moment, tenant_id, attempts, next_attempt_at) VALUES (?1, ?2, ?3, ?4, 0, ?5)
             ON CONFLICT DO NOTHING",
            params![approval.id, address, moment, tenant, now],
        )
        .await?;
        has_mail = true;
    }
    if has_mail {
        tx.notice(Notice::ApprovalMail);
    }
    Ok(())
}

/// Asks those who have not decided again.
pub(crate) async fn approval_remind(
    tx: &mut Tx,
    tenant: TenantId,
    execution: ExecutionId,
    step_path: &str,
) -> StoreResult<()> {
    let now = tx.now();
    let row = tx
        .query_optional(
            "UPDATE approvals SET reminded_at = ?1, updated_at = ?1, version = version + 1
              WHERE execution_id = ?2 AND step_path = ?3 AND tenant_id = ?4 AND state = 'open' AND reminded_at IS NULL RETURNING id",
            params![now, execution, step_path, tenant],
        )
        .await?;
    let Some(row) = row else { return Ok(()) };
    let approval = approval_get(tx, tenant, row.first()?).await?;
    tell(tx, &approval, Moment::Reminder).await
}

/// Nothing is decided yet, and nothing will be to the end of the transaction; also true of a place where no approval is.
pub(crate) async fn approval_is_open(
    tx: &mut Tx,
    tenant: TenantId,
    execution: ExecutionId,
    step_path: &str,
) -> StoreResult<bool> {
    let sql = "SELECT state FROM approvals WHERE execution_id = ?1 AND step_path = ?2 AND tenant_id = ?3 ORDER BY id DESC LIMIT 1 {for_update}";
    let row = tx.query_optional(sql, params![execution, step_path, tenant]).await?;
    Ok(row.map(Row::first::<ApprovalState>).transpose()?.is_none_or(|state| state == ApprovalState::Open))
}

/// Ends what is open without a decision: at one place of a run, or at all.
pub(crate) async fn approval_close(
    tx: &mut Tx,
    tenant: TenantId,
    execution: ExecutionId,
    step_path: Option<&str>,
    state: ApprovalState,
) -> StoreResult<()> {
    let now = tx.now();
    let rows = tx
        .query(
            "UPDATE approvals SET state = ?1, ended_at = ?2, updated_at = ?2, version = version + 1
              WHERE execution_id = ?3 AND tenant_id = ?4 AND state = 'open' AND (CAST(?5 AS TEXT) IS NULL OR step_path = ?5) RETURNING id",
            params![state, now, execution, tenant, step_path],
        )
        .await?;
    for row in rows {
        let approval: ApprovalId = row.first()?;
        mails_drop(tx, tenant, approval).await?;
        tx.notice(Notice::ApprovalChanged { tenant, approval, execution, state });
    }
    Ok(())
}

/// Someone who decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decider {
    /// Who is signed in, or has a key.
    Identity(Identity),
    /// Who has the mail that was sent to this address.
    Address(String),
}

/// What is decided.
#[derive(Debug, Clone, PartialEq)]
pub struct Ruling {
    /// Yes or no.
    pub decision: Decision,
    /// Why.
    pub comment: Option<String>,
    /// Answers to the form's questions.
    pub form: Map<String, Json>,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq)]
pub enum Ruled {
    /// It counts; the approval as it is now.
    Done(Box<Approval>),
    /// The approval does not ask them.
    NotAsked,
    /// They started the run, posted its event or published the version, and the approval does not allow that.
    IsSelf,
}

/// Takes a decision.
///
/// # Errors
/// [`StoreError::Missing`]; [`StoreError::Conflict`] once it is decided or over, and when they have decided before; [`StoreError::Refused`] for answers that
/// do not fit the questions: to approve, the required ones are needed.
pub async fn approval_decide(
    tx: &mut Tx,
    tenant: TenantId,
    decider: &Decider,
    id: ApprovalId,
    ruling: Ruling,
) -> StoreResult<Ruled> {
    tx.hold("approvals", tenant, id.get()).await?;
    let mut approval = approval_get(tx, tenant, id).await?;
    let who = match Known::of(tx, tenant, decider).await?.admission(&approval) {
        Admission::As(who) => who,
        Admission::NotAsked => return Ok(Ruled::NotAsked),
        Admission::IsSelf => return Ok(Ruled::IsSelf),
    };
    let now = tx.now();
    still_open(&approval, now)?;
    check(&approval, &ruling)?;
    let decided = Decided {
        by: who,
        decision: ruling.decision,
        comment: ruling.comment.filter(|comment| !comment.trim().is_empty()),
        form: ruling.form,
        at: now,
    };
    let number = i64::try_from(approval.decisions.len()).unwrap_or(i64::MAX).saturating_add(1);
    let taken = tx
        .execute(
            "INSERT INTO approval_decisions (approval_id, decided_by, tenant_id, number, decision, comment, form, decided_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING",
            params![id, &decided.by, tenant, number, decided.decision, &decided.comment, &decided.form, now],
        )
        .await?;
    if taken == 0 {
        return Err(StoreError::conflict(
            "decided_before",
            format!("{} has decided already: each approver decides once", decided.by),
        ));
    }
    approval.decisions.push(decided);
    let others = i64::try_from(people(tx, &approval).await?.left.len()).unwrap_or(i64::MAX);
    let outcome = outcome(&approval.decisions, approval.required, others);
    if let Some(decision) = outcome {
        approval.state = match decision {
            Decision::Approved => ApprovalState::Approved,
            Decision::Rejected => ApprovalState::Rejected,
        };
        approval.ended_at = Some(now);
        mails_drop(tx, tenant, id).await?;
        decision_signal(tx, &approval).await?;
    }
    let actor = match decider {
        Decider::Identity(identity) => identity.actor,
        Decider::Address(_) => Actor::Public,
    };
    tx.execute(
        "UPDATE approvals SET state = ?1, ended_at = ?2, updated_at = ?3, updated_by = ?4, version = version + 1 WHERE id = ?5 AND tenant_id = ?6",
        params![approval.state, approval.ended_at, now, actor, id, tenant],
    )
    .await?;
    approval.updated_at = now;
    approval.updated_by = Some(actor);
    approval.version += 1;
    changed(tx, &approval);
    Ok(Ruled::Done(Box::new(approval)))
}

fn still_open(approval: &Approval, now: Timestamp) -> StoreResult<()> {
    let Approval { id, state, .. } = approval;
    let message = match (state, approval.ended_at) {
        (ApprovalState::Open, _) if now < approval.timeout_at => return Ok(()),
        (ApprovalState::Open | ApprovalState::TimedOut, _) => {
            format!("the time for approval {id} was over at {}", approval.timeout_at)
        }
        (ApprovalState::Cancelled, _) => {
            format!("approval {id} is not needed any more: its run ended or went on without it")
        }
        (ApprovalState::Approved | ApprovalState::Rejected, at) => {
            format!("approval {id} was {state} already, at {}", at.unwrap_or(approval.created_at))
        }
    };
    Err(StoreError::conflict("approval_decided", message))
}

fn check(approval: &Approval, ruling: &Ruling) -> StoreResult<()> {
    let partial = ruling.decision == Decision::Rejected;
    let mut problems: Vec<Problem> = Form::check_answers(&approval.form, &ruling.form, partial)
        .into_iter()
        .map(|problem| {
            let path = problem.path.strip_prefix("data").unwrap_or(&problem.path);
            Problem::at(format!("form{path}"), problem.message)
        })
        .collect();
    if ruling.comment.as_ref().is_some_and(|comment| comment.chars().count() > LONGEST_COMMENT) {
        problems.push(Problem::at("comment", format!("at most {LONGEST_COMMENT} characters are accepted")));
    }
    if problems.is_empty() { Ok(()) } else { Err(StoreError::Refused(problems)) }
}

fn changed(tx: &mut Tx, approval: &Approval) {
    let Approval { tenant_id: tenant, id, execution_id: execution, state, .. } = *approval;
    tx.notice(Notice::ApprovalChanged { tenant, approval: id, execution, state });
}

/// Which approvals a list shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// In this state.
    pub state: Option<ApprovalState>,
    /// Of this workflow.
    pub workflow: Option<WorkflowId>,
    /// Of this run.
    pub execution: Option<ExecutionId>,
    /// Open ones that this one may decide and has not.
    pub mine: Option<Identity>,
}

/// A page of approvals, newest first.
///
/// # Errors
/// When the database refuses.
pub async fn approval_list(
    connection: &mut Connection,
    tenant: TenantId,
    filter: &Filter,
    page: Page,
) -> StoreResult<Paged<Approval>> {
    let mut query = list("approvals", COLUMNS, tenant);
    if let Some(state) = filter.state {
        query = query.equal("state", state);
    }
    if let Some(workflow) = filter.workflow {
        query = query.equal("workflow_id", workflow);
    }
    if let Some(execution) = filter.execution {
        query = query.equal("execution_id", execution);
    }
    if let Some(identity) = filter.mine {
        query = mine(connection, tenant, identity, query).await?;
    }
    let mut paged = query.run(connection, page, |approval: &Approval| approval.id.get(), approval_of).await?;
    decisions_add(connection, tenant, &mut paged.rows).await?;
    Ok(paged)
}

async fn mine(
    connection: &mut Connection,
    tenant: TenantId,
    identity: Identity,
    query: crate::database::page::List,
) -> StoreResult<crate::database::page::List> {
    let (user, address) = match identity.actor {
        Actor::User(id) => {
            (Some(id.to_string()), Some(user_get(connection, tenant, id).await?.email.to_lowercase()))
        }
        _ => (None, None),
    };
    // Of roles that are not above one's own; a list for the database, which knows no order of roles.
    let roles: Vec<String> =
        Role::ALL.iter().filter(|role| **role <= identity.role).map(|role| format!("\"{role}\"")).collect();
    let actor = identity.actor.to_string();
    let quoted = format!("\"{actor}\"");
    let query = query.and("state = 'open'");
    let query = query.with(params![user, address, roles.join(" ")], |n| {
        let (user, address, roles) = (n, n + 1, n + 2);
        format!(
            "EXISTS (SELECT 1 FROM approval_approvers a WHERE a.approval_id = approvals.id AND a.tenant_id = approvals.tenant_id
                AND ((a.kind = 'user' AND a.value = ?{user}) OR (a.kind = 'email' AND a.value = ?{address})
                  OR (a.kind = 'role' AND instr(CAST(?{roles} AS TEXT), '\"' || a.value || '\"') > 0)))"
        )
    });
    let query = query.with(params![actor], |n| {
        format!(
            "NOT EXISTS (SELECT 1 FROM approval_decisions d WHERE d.approval_id = approvals.id AND d.tenant_id = approvals.tenant_id
                AND d.decided_by = ?{n})"
        )
    });
    Ok(query.with(params![true, quoted], |n| {
        format!("(allow_self = ?{n} OR instr(CAST(selves AS TEXT), ?{}) = 0)", n + 1)
    }))
}

/// One approval.
///
/// # Errors
/// [`StoreError::Missing`].
pub async fn approval_get(
    connection: &mut Connection,
    tenant: TenantId,
    id: ApprovalId,
) -> StoreResult<Approval> {
    let sql = format!("SELECT {COLUMNS} FROM approvals WHERE id = ?1 AND tenant_id = ?2");
    let row = connection.query_optional(sql, params![id, tenant]).await?;
    let mut found = [approval_of(row.ok_or_else(|| StoreError::missing(format!("approval {id}")))?)?];
    decisions_add(connection, tenant, &mut found).await?;
    let [found] = found;
    Ok(found)
}

async fn decisions_add(
    connection: &mut Connection,
    tenant: TenantId,
    approvals: &mut [Approval],
) -> StoreResult<()> {
    if approvals.is_empty() {
        return Ok(());
    }
    let ids = Value::Ids(approvals.iter().map(|approval| approval.id.get()).collect());
    let rows = connection
        .query(
            "SELECT approval_id, decided_by, decision, comment, form, decided_at FROM approval_decisions
              WHERE approval_id {among:?1} AND tenant_id = ?2 ORDER BY approval_id, number",
            vec![ids, tenant.into()],
        )
        .await?;
    let mut decisions: HashMap<ApprovalId, Vec<Decided>> = HashMap::new();
    for row in rows {
        let mut row = row.cells();
        let approval: ApprovalId = row.take()?;
        decisions.entry(approval).or_default().push(Decided {
            by: row.take()?,
            decision: row.take()?,
            comment: row.take()?,
            form: row.take()?,
            at: row.take()?,
        });
    }
    for approval in approvals {
        approval.decisions = decisions.remove(&approval.id).unwrap_or_default();
    }
    Ok(())
}

fn approval_of(row: Row) -> StoreResult<Approval> {
    let mut row = row.cells();
    Ok(Approval {
        id: row.take()?,
        tenant_id: row.take()?,
        execution_id: row.take()?,
        workflow_id: row.take()?,
        step_path: row.take()?,
        state: row.take()?,
        title: row.take()?,
        message: row.take()?,
        approvers: row.json()?,
        required: row.take()?,
        form: row.json()?,
        allow_self: row.take()?,
        selves: row.json()?,
        remind_at: row.take()?,
        reminded_at: row.take()?,
        timeout_at: row.take()?,
        ended_at: row.take()?,
        created_at: row.take()?,
        updated_at: row.take()?,
        created_by: row.take()?,
        updated_by: row.take()?,
        version: row.take()?,
        decisions: Vec::new(),
    })
}
