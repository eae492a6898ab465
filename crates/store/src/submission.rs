//! Submissions: people's answers to forms.
//!
//! There is one way to complete a submission ([`complete`]), and it takes the event: so no submission is completed without
//! its `submission_completed`, and none emits it twice.

use model::{
    Actor, ContactId, FormId, SubmissionId, TenantId, Timestamp,
    effect::ContactKey,
    event::StartedExecution,
    field::{self, Changes, Fields},
    form::Form,
    job::JobFilter,
    submission::{Submission, SubmissionStatus},
};
use serde_json::{Map, Value, json};

use crate::{
    Connection, Page, Paged, StoreError, StoreResult, Tx,
    change::{Author, refused},
    contact::contact_find,
    database::{
        Row,
        page::{List, list},
    },
    event::event_emit,
    form::{form_find, form_get},
    ids::IdKind,
    invitation::invitations_answer,
    params,
    tag::tags_note,
};

const COLUMNS: &str = "id, tenant_id, form_id, contact_id, external_id, status, data, language, tags, submitted_at, created_at, updated_at,
     created_by, updated_by, version, archived_at";

/// What a viewer reads in place of a personal answer.
pub const MASK: &str = "•••";
/// The longest id that a caller may give, in characters.
const LONGEST_EXTERNAL_ID: usize = 255;

/// Answers on their way in.
#[derive(Debug, Clone, PartialEq)]
pub struct NewSubmission {
    /// The form that was answered.
    pub form: FormId,
    /// Who answered, when known.
    pub contact: Option<ContactId>,
    /// The caller's own id: the same one again is the same submission.
    pub external_id: Option<String>,
    /// Whether the person is done.
    pub status: SubmissionStatus,
    /// Answers by question key.
    pub data: Map<String, Value>,
    /// A language tag.
    pub language: Option<String>,
    /// Tag names.
    pub tags: Vec<String>,
}

/// What became of answers that were sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Submitted {
    /// As stored.
    pub submission: Submission,
    /// The executions that its completion started.
    pub executions: Vec<StartedExecution>,
    /// It was completed before under the same id; nothing happened now.
    pub duplicate: bool,
}

/// Takes answers to a form. Completed ones emit `submission_completed`.
///
/// Answers under an id that is known go to the submission that has it: a partial one gets them, a completed one stays as it is
/// and is the answer.
///
/// # Errors
/// [`StoreError::Missing`] for the form; [`StoreError::Conflict`] when it takes no answers; [`StoreError::Refused`] for answers that
/// do not fit its questions and a contact that does not exist; [`StoreError::TooManyExecutions`].
pub async fn submission_create(
    tx: &mut Tx,
    tenant: TenantId,
    author: Author,
    new: NewSubmission,
) -> StoreResult<Submitted> {
    let form = form_get(tx, tenant, new.form).await?;
    let known = match &new.external_id {
        Some(id) if id.is_empty() || id.chars().count() > LONGEST_EXTERNAL_ID => {
            return Err(refused("id", format!("must have 1 to {LONGEST_EXTERNAL_ID} characters")));
        }
        Some(id) => submission_by_external_id(tx, tenant, new.form, id).await?,
        None => None,
    };
    if let Some(before) = known {
        return submission_again(tx, author, &form, before, new).await;
    }
    taking_answers(&form)?;
    check(&form, &new.data, new.status)?;
    contact_check(tx, tenant, new.contact).await?;
    let now = tx.now();
    let mut submission = Submission {
        id: SubmissionId::new(tx.id(IdKind::Submission).await?),
        tenant_id: tenant,
        form_id: form.id,
        contact_id: new.contact,
        external_id: new.external_id,
        status: SubmissionStatus::Partial,
        data: new.data,
        language: new.language,
        tags: new.tags,
        submitted_at: None,
        created_at: now,
        updated_at: now,
        created_by: Some(author.actor),
        updated_by: Some(author.actor),
        version: 1,
        archived_at: None,
    };
    let executions = match new.status {
        SubmissionStatus::Partial => Vec::new(),
        SubmissionStatus::Completed => complete(tx, author, &mut submission).await?,
    };
    tx.execute(
        "INSERT INTO submissions (id, tenant_id, form_id, contact_id, external_id, status, data, language, tags, submitted_at, created_at,
            updated_at, created_by, updated_by, version)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?11, ?12, ?12, 1)",
        params![
            submission.id,
            tenant,
            submission.form_id,
            submission.contact_id,
            &submission.external_id,
            submission.status,
            &submission.data,
            &submission.language,
            &submission.tags,
            submission.submitted_at,
            now,
            author.actor
        ],
    )
    .await?;
    tags_note(tx, tenant, author.actor, &submission.tags, &[]).await?;
    Ok(Submitted { submission, executions, duplicate: false })
}

/// Answers under an id that is known already.
async fn submission_again(
    tx: &mut Tx,
    author: Author,
    form: &Form,
    before: Submission,
    new: NewSubmission,
) -> StoreResult<Submitted> {
    if before.status == SubmissionStatus::Completed || before.archived_at.is_some() {
        let executions = executions_of(tx, &before).await?;
        return Ok(Submitted { submission: before, executions, duplicate: true });
    }
    taking_answers(form)?;
    let mut fields = Map::new();
    if let Some(contact) = new.contact {
        fields.insert("contact_id".to_owned(), json!(contact));
    }
    if let Some(language) = new.language {
        fields.insert("language".to_owned(), Value::String(language));
    }
    if !new.tags.is_empty() {
        fields.insert("tags".to_owned(), json!(new.tags));
    }
    let content = Content { fields, data: Some(new.data), status: Some(new.status) };
    let changed = write(tx, author, before, content).await?;
    Ok(Submitted { submission: changed.submission, executions: changed.executions, duplicate: false })
}

/// What is set in a submission: fields by name, as for every record, and what only people and programs set.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Content {
    /// `contact_id`, `language`, `tags`.
    pub fields: Map<String, Value>,
    /// All answers.
    pub data: Option<Map<String, Value>>,
    /// Completes a partial submission.
    pub status: Option<SubmissionStatus>,
}

/// What a change of a submission did.
#[derive(Debug, Clone, PartialEq)]
pub struct Changed {
    /// As stored now.
    pub submission: Submission,
    /// What is different from before.
    pub changes: Changes,
    /// The executions that its completion started.
    pub executions: Vec<StartedExecution>,
}

/// Changes fields of a submission by name: what a workflow may do too. With `version`, only when the record is at that version.
///
/// # Errors
/// [`StoreError::Missing`], [`StoreError::Stale`], [`StoreError::Refused`].
pub async fn submission_update(
    tx: &mut Tx,
    tenant: TenantId,
    actor: Actor,
    id: SubmissionId,
    fields: &Map<String, Value>,
    version: Option<i64>,
) -> StoreResult<(Submission, Changes)> {
    let content = Content { fields: fields.clone(), ..Content::default() };
    let changed = submission_edit(tx, tenant, actor.into(), id, content, version).await?;
    Ok((changed.submission, changed.changes))
}

/// Changes a submission, its answers included. A partial one that is completed emits `submission_completed`.
///
/// # Errors
/// [`StoreError::Missing`], [`StoreError::Stale`], [`StoreError::Refused`]; [`StoreError::Conflict`] when a completed one shall be partial
/// again; [`StoreError::TooManyExecutions`].
pub async fn submission_edit(
    tx: &mut Tx,
    tenant: TenantId,
    author: Author,
    id: SubmissionId,
    content: Content,
    version: Option<i64>,
) -> StoreResult<Changed> {
    tx.hold("submissions", tenant, id.get()).await?;
    let before = submission_get(tx, tenant, id).await?;
    if let Some(sent) = version.filter(|sent| *sent != before.version) {
        return Err(StoreError::Stale { current: before.version, sent });
    }
    write(tx, author, before, content).await
}

async fn write(tx: &mut Tx, author: Author, before: Submission, content: Content) -> StoreResult<Changed> {
    let tenant = before.tenant_id;
    let mut submission = field::update(before.clone(), &content.fields).map_err(StoreError::Refused)?;
    let completes = match (before.status, content.status) {
        (SubmissionStatus::Partial, Some(SubmissionStatus::Completed)) => true,
        (SubmissionStatus::Completed, Some(SubmissionStatus::Partial)) => {
            return Err(StoreError::conflict(
                "already_completed",
                "a completed submission cannot become partial again",
            ));
        }
        _ => false,
    };
    let answered = content.data.is_some_and(|data| {
        let different = data != submission.data;
        submission.data = data;
        different
    });
    if answered || completes {
        let form = form_find(tx, tenant, submission.form_id).await?;
        let form = form.ok_or_else(|| StoreError::missing(format!("form {}", submission.form_id)))?;
        let status = if completes { SubmissionStatus::Completed } else { before.status };
        check(&form, &submission.data, status)?;
    }
    if submission.contact_id != before.contact_id {
        contact_check(tx, tenant, submission.contact_id).await?;
    }
    submission.updated_at = tx.now();
    let executions = if completes { complete(tx, author, &mut submission).await? } else { Vec::new() };
    let changes = before.difference(&submission);
    if changes.is_empty() {
        return Ok(Changed { submission: before, changes, executions });
    }
    submission.updated_by = Some(author.actor);
    submission.version += 1;
    tx.execute(
        "UPDATE submissions SET contact_id = ?1, status = ?2, data = ?3, language = ?4, tags = ?5, submitted_at = ?6, updated_at = ?7,
            updated_by = ?8, version = ?9 WHERE id = ?10 AND tenant_id = ?11",
        params![
            submission.contact_id,
            submission.status,
            &submission.data,
            &submission.language,
            &submission.tags,
            submission.submitted_at,
            submission.updated_at,
            author.actor,
            submission.version,
            submission.id,
            tenant
        ],
    )
    .await?;
    tags_note(tx, tenant, author.actor, &submission.tags, &before.tags).await?;
    Ok(Changed { submission, changes, executions })
}

/// The only place where a submission becomes completed.
async fn complete(
    tx: &mut Tx,
    author: Author,
    submission: &mut Submission,
) -> StoreResult<Vec<StartedExecution>> {
    submission.status = SubmissionStatus::Completed;
    submission.submitted_at = Some(tx.now());
    let contact = match submission.contact_id {
        Some(id) => contact_find(tx, submission.tenant_id, &ContactKey::Id(id)).await?,
        None => None,
    };
    let invitation = invitations_answer(tx, submission).await?;
    let data = || {
        let mut data =
            json!({"formId": submission.form_id, "submission": submission.event_data(), "contact": contact});
        if let Some(invitation) = invitation {
            data["invitationId"] = json!(invitation);
        }
        data
    };
    event_emit(tx, (submission.tenant_id, "submission_completed"), author, data).await
}

/// Puts a submission away: it is in no list any more, and history still names it.
///
/// # Errors
/// [`StoreError::Missing`].
pub async fn submission_archive(
    tx: &mut Tx,
    tenant: TenantId,
    actor: Actor,
    id: SubmissionId,
) -> StoreResult<()> {
    submission_get(tx, tenant, id).await?;
    let now = tx.now();
    tx.execute(
        "UPDATE submissions SET archived_at = ?1, updated_at = ?1, updated_by = ?2, version = version + 1 WHERE id = ?3 AND tenant_id = ?4",
        params![now, actor, id, tenant],
    )
    .await
    .map(drop)
}

/// One submission that is not put away.
///
/// # Errors
/// [`StoreError::Missing`].
pub async fn submission_get(
    connection: &mut Connection,
    tenant: TenantId,
    id: SubmissionId,
) -> StoreResult<Submission> {
    let sql =
        format!("SELECT {COLUMNS} FROM submissions WHERE id = ?1 AND tenant_id = ?2 AND archived_at IS NULL");
    let row = connection.query_optional(sql, params![id, tenant]).await?;
    submission_of(row.ok_or_else(|| StoreError::missing(format!("submission {id}")))?)
}

/// Which submissions a list shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// To this form.
    pub form: Option<FormId>,
    /// By this person.
    pub contact: Option<ContactId>,
    /// Done or not.
    pub status: Option<SubmissionStatus>,
    /// With this tag.
    pub tag: Option<String>,
    /// The caller's id contains this, without regard to case.
    pub text: Option<String>,
    /// Look for the text in the answers too. Not for those who may not read personal answers: by searching they could.
    pub text_in_answers: bool,
}

/// A page of submissions, newest first.
///
/// # Errors
/// When the database refuses.
pub async fn submission_list(
    connection: &mut Connection,
    tenant: TenantId,
    filter: &Filter,
    page: Page,
) -> StoreResult<Paged<Submission>> {
    let mut query = list("submissions", COLUMNS, tenant).and("archived_at IS NULL");
    if let Some(form) = filter.form {
        query = query.equal("form_id", form);
    }
    if let Some(contact) = filter.contact {
        query = query.equal("contact_id", contact);
    }
    if let Some(status) = filter.status {
        query = query.equal("status", status);
    }
    if let Some(tag) = &filter.tag {
        query = query.tagged(tag);
    }
    if let Some(text) = &filter.text {
        let columns: &[&str] =
            if filter.text_in_answers { &["external_id", "CAST(data AS TEXT)"] } else { &["external_id"] };
        // The answers are JSON text: what is looked for stands there as JSON escapes it.
        let quoted = Value::from(text.as_str()).to_string();
        query = query.containing(columns, &quoted[1..quoted.len() - 1]);
    }
    query.run(connection, page, |submission: &Submission| submission.id.get(), submission_of).await
}

/// The completed answers that a job takes.
fn of_job(tenant: TenantId, filter: &JobFilter) -> List {
    let mut query = list("submissions", COLUMNS, tenant)
        .and("archived_at IS NULL")
        .equal("status", SubmissionStatus::Completed)
        .bounded("submitted_at", filter.from, filter.until);
    if let Some(form) = filter.form_id {
        query = query.equal("form_id", form);
    }
    if let Some(contact) = filter.contact_id {
        query = query.equal("contact_id", contact);
    }
    if let Some(tag) = &filter.tag {
        query = query.tagged(tag);
    }
    query
}

/// How many completed answers a job takes.
///
/// # Errors
/// When the database refuses.
pub async fn submission_job_count(
    connection: &mut Connection,
    tenant: TenantId,
    filter: &JobFilter,
) -> StoreResult<i64> {
    of_job(tenant, filter).count(connection).await
}

/// The next completed answers that a job takes, between two ids.
///
/// # Errors
/// When the database refuses.
pub async fn submission_job_page(
    connection: &mut Connection,
    tenant: TenantId,
    filter: &JobFilter,
    between: (i64, i64),
    limit: i64,
) -> StoreResult<Vec<Submission>> {
    of_job(tenant, filter).ascending(connection, between, limit, submission_of).await
}

/// The ids between which the answers lie that were submitted between two instants, both included; none when there are none.
///
/// # Errors
/// When the database refuses.
pub async fn submission_ids_between(
    connection: &mut Connection,
    tenant: TenantId,
    (from, until): (Timestamp, Timestamp),
) -> StoreResult<Option<(i64, i64)>> {
    let sql = "SELECT min(id), max(id) FROM submissions WHERE tenant_id = ?1 AND submitted_at >= ?2 AND submitted_at <= ?3";
    let row = connection.query_one(sql, params![tenant, from, until]).await?;
    let mut row = row.cells();
    let (first, last): (Option<i64>, Option<i64>) = (row.take()?, row.take()?);
    Ok(first.zip(last))
}

/// When the next answers after an instant were submitted.
///
/// # Errors
/// When the database refuses.
pub async fn submission_next_after(
    connection: &mut Connection,
    tenant: TenantId,
    after: Timestamp,
) -> StoreResult<Option<Timestamp>> {
    let sql = "SELECT min(submitted_at) FROM submissions WHERE tenant_id = ?1 AND submitted_at > ?2";
    connection.query_one(sql, params![tenant, after]).await?.first()
}

/// Replaces personal answers by [`MASK`]. Without the form, or when it has no such question any more, nobody can tell whether an
/// answer was personal, so it is taken for one.
pub fn mask(answers: &mut Map<String, Value>, form: Option<&Form>) {
    for (key, answer) in answers.iter_mut() {
        let question = form.and_then(|form| form.questions.iter().find(|question| question.key == *key));
        if question.is_none_or(|question| question.personal) && !answer.is_null() {
            *answer = Value::String(MASK.to_owned());
        }
    }
}

async fn submission_by_external_id(
    tx: &mut Tx,
    tenant: TenantId,
    form: FormId,
    external_id: &str,
) -> StoreResult<Option<Submission>> {
    // One that was put away counts: its id is taken, and a late repeat must not bring it back.
    let sql = format!(
        "SELECT {COLUMNS} FROM submissions WHERE form_id = ?1 AND external_id = ?2 AND tenant_id = ?3"
    );
    tx.query_optional(sql, params![form, external_id, tenant]).await?.map(submission_of).transpose()
}

async fn executions_of(
    connection: &mut Connection,
    submission: &Submission,
) -> StoreResult<Vec<StartedExecution>> {
    let rows = connection
        .query(
            "SELECT id, workflow_id FROM workflow_executions
              WHERE submission_id = ?1 AND tenant_id = ?2 AND trigger_event = 'submission_completed' AND retry_of IS NULL ORDER BY id",
            params![submission.id, submission.tenant_id],
        )
        .await?;
    rows.into_iter()
        .map(|row| {
            let mut row = row.cells();
            Ok(StartedExecution { id: row.take()?, workflow_id: row.take()? })
        })
        .collect()
}

fn taking_answers(form: &Form) -> StoreResult<()> {
    if form.is_active {
        return Ok(());
    }
    Err(StoreError::conflict(
        "form_inactive",
        format!("form {} takes no answers: activate it first", form.id),
    ))
}

fn check(form: &Form, answers: &Map<String, Value>, status: SubmissionStatus) -> StoreResult<()> {
    let problems = form.check(answers, status == SubmissionStatus::Partial);
    if problems.is_empty() { Ok(()) } else { Err(StoreError::Refused(problems)) }
}

async fn contact_check(tx: &mut Tx, tenant: TenantId, contact: Option<ContactId>) -> StoreResult<()> {
    let Some(id) = contact else { return Ok(()) };
    match contact_find(tx, tenant, &ContactKey::Id(id)).await? {
        Some(_) => Ok(()),
        None => Err(refused("contactId", format!("contact {id} does not exist"))),
    }
}

fn submission_of(row: Row) -> StoreResult<Submission> {
    let mut row = row.cells();
    Ok(Submission {
        id: row.take()?,
        tenant_id: row.take()?,
        form_id: row.take()?,
        contact_id: row.take()?,
        external_id: row.take()?,
        status: row.take()?,
        data: row.take()?,
        language: row.take()?,
        tags: row.take()?,
        submitted_at: row.take()?,
        created_at: row.take()?,
        updated_at: row.take()?,
        created_by: row.take()?,
        updated_by: row.take()?,
        version: row.take()?,
        archived_at: row.take()?,
    })
}
