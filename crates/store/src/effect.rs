//! Applying what internal actions change, in the transaction that writes their step's log row.
//!
//! The records are read, checked and written here under the writer's lock, through the same functions as the API's, so a
//! workflow can do no more than a person, and its changes emit the same events. A change that is not possible (a contact
//! that does not exist) is an answer, not a fault: the step fails and the run's rules decide.

use model::{
    Actor, ContactId, ExecutionId, SubmissionId, TenantId, TicketId,
    effect::{ContactKey, Effect, EffectError, Link, NewTicket},
    entity::EntityRef,
    event::{Cause, INVITATION_SENT},
    ticket::Ticket,
};
use serde_json::{Map, Value, json};

use crate::{
    StoreError, StoreResult, Tx,
    assignment::ticket_assign,
    call::workflow_run,
    change::Author,
    contact::{contact_create, contact_hold, contact_named, contact_update},
    erasure::contact_erase,
    form::{form_get, form_update},
    invitation::invitation_create,
    notification::notification_create,
    outbox::outbox_keep,
    scores::scores_compare,
    submission::{submission_get, submission_update},
    ticket::{record_exists, ticket_get, ticket_insert, ticket_update},
    tx::TEAM,
    waiting::wait_change,
    writer::Needs,
};

/// Whose step it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EffectOrigin {
    pub(crate) tenant: TenantId,
    pub(crate) execution: ExecutionId,
    /// How many workflow-made events led to this execution.
    pub(crate) depth: u32,
}

impl EffectOrigin {
    fn author(self) -> Author {
        Author {
            actor: Actor::Execution(self.execution),
            cause: Some(Cause { execution: self.execution, depth: self.depth + 1, called: None }),
        }
    }
}

/// Notes the records that an effect is going to change or to name, where that can be told beforehand.
pub(crate) fn effect_needs(effect: &Effect, tenant: TenantId, needs: &mut Needs) {
    match effect {
        Effect::FieldUpdate { entity, .. } => needs.record(table_of(*entity), entity.id()),
        Effect::TagAdd { entity, tag } => {
            needs.record(table_of(*entity), entity.id());
            needs.tags.insert((tenant, tag.clone()));
        }
        Effect::TicketCreate(new) => {
            needs.sla.insert(tenant);
            if let Link::OfEvent(id) | Link::Named(id) = new.contact {
                needs.record("contacts", id.get());
            }
        }
        Effect::ContactUpdate { contact: ContactKey::Id(id), .. } | Effect::ContactErase(id) => {
            needs.record("contacts", id.get());
        }
        Effect::ContactUpdate { contact: ContactKey::Email(email), .. } => {
            needs.emails.insert((tenant, email.to_lowercase()));
        }
        Effect::Invite(new) => needs.record("contacts", new.contact.get()),
        Effect::TicketAssign { ticket, .. } => {
            needs.record("tickets", ticket.get());
            needs.record(TEAM, tenant.get());
        }
        Effect::ScoresCompare(_)
        | Effect::NotificationCreate(_)
        | Effect::Wait(_)
        | Effect::MailKeep(_)
        | Effect::WorkflowRun(_) => {}
    }
}

/// The events that an effect may make.
pub(crate) const fn effect_emits(effect: &Effect) -> &'static [&'static str] {
    match effect {
        Effect::FieldUpdate { entity, .. } | Effect::TagAdd { entity, .. } => match entity {
            EntityRef::Contact(_) => &["contact_updated"],
            EntityRef::Ticket(_) => &["ticket_updated"],
            EntityRef::Submission(_) | EntityRef::Form(_) => &[],
        },
        Effect::ContactUpdate { upsert: true, .. } => &["contact_created", "contact_updated"],
        Effect::ContactUpdate { upsert: false, .. } | Effect::ContactErase(_) => &["contact_updated"],
        Effect::TicketAssign { .. } => &["ticket_updated"],
        Effect::TicketCreate(_) => &["ticket_created"],
        Effect::Invite(_) => &[INVITATION_SENT],
        // Whoever calls a workflow means it: its rules of entry are not asked.
        Effect::ScoresCompare(_)
        | Effect::NotificationCreate(_)
        | Effect::Wait(_)
        | Effect::MailKeep(_)
        | Effect::WorkflowRun(_) => &[],
    }
}

fn table_of(entity: EntityRef) -> &'static str {
    match entity {
        EntityRef::Contact(_) => "contacts",
        EntityRef::Ticket(_) => "tickets",
        EntityRef::Submission(_) => "submissions",
        EntityRef::Form(_) => "forms",
    }
}

/// Applies an effect: its output, or why it was not applied.
pub(crate) async fn effect_apply(
    tx: &mut Tx,
    origin: EffectOrigin,
    effect: Effect,
) -> StoreResult<Result<Value, EffectError>> {
    let applied = match effect {
        Effect::TicketCreate(new) => ticket_new(tx, origin, new).await,
        Effect::FieldUpdate { entity, field, value } => field_set(tx, origin, entity, field, value).await,
        Effect::NotificationCreate(new) => {
            let made = notification_create(tx, origin.tenant, origin.author().actor, new).await;
            made.map(|notification| json!({"notificationId": notification.id}))
        }
        Effect::ContactUpdate { contact, updates, upsert } => {
            contact_set(tx, origin, contact, updates, upsert).await
        }
        Effect::TagAdd { entity, tag } => tag_add(tx, origin, entity, tag).await,
        Effect::TicketAssign { ticket, team } => {
            ticket_assign(tx, origin.tenant, origin.author(), ticket, &team).await
        }
        Effect::ScoresCompare(span) => {
            let now = tx.now();
            scores_compare(tx, origin.tenant, &span, now).await
        }
        Effect::ContactErase(id) => contact_erase(tx, origin.tenant, origin.author(), id).await,
        Effect::Invite(new) => {
            let made = invitation_create(tx, origin.tenant, origin.author(), &new).await;
            made.map(|invitation| json!({"invitationId": invitation.id, "url": new.url}))
        }
        Effect::MailKeep(mail) => {
            let kept = outbox_keep(tx, origin.tenant, Some(origin.execution), &mail).await;
            kept.map(|id| json!({"sent": false, "outboxId": id}))
        }
        Effect::Wait(waiting) => wait_change(tx, origin, *waiting).await.map(|()| Value::Null),
        Effect::WorkflowRun(run) => workflow_run(tx, origin, run).await,
    };
    match applied {
        Ok(output) => Ok(Ok(output)),
        Err(StoreError::Missing(what)) => Ok(Err(EffectError::Missing(what))),
        Err(StoreError::TooManyExecutions(count)) => Ok(Err(EffectError::TooManyExecutions(count))),
        // PostgreSQL has given the whole transaction up by then: the operation is done again, and sees what somebody has made.
        Err(error) if error.is_taken() => Err(error),
        Err(error @ (StoreError::Refused(_) | StoreError::Conflict { .. })) => {
            Ok(Err(EffectError::Refused(error.to_string())))
        }
        Err(error) => Err(error),
    }
}

async fn ticket_new(tx: &mut Tx, origin: EffectOrigin, new: NewTicket) -> StoreResult<Value> {
    let author = origin.author();
    let contact_id = linked(tx, "contacts", origin.tenant, new.contact, ContactId::get).await?;
    let submission_id = linked(tx, "submissions", origin.tenant, new.submission, SubmissionId::get).await?;
    let ticket = Ticket {
        description: new.description,
        status: new.status,
        priority: new.priority,
        assignee_id: new.assignee_id,
        contact_id,
        submission_id,
        due_at: new.due_at,
        tags: new.tags,
        attributes: new.attributes,
        ..Ticket::new(TicketId::new(0), origin.tenant, new.title, tx.now(), author.actor)
    };
    let ticket = ticket_insert(tx, author, ticket).await?;
    Ok(json!({"ticketId": ticket.id, "ticket": ticket}))
}

/// What a new record is linked to: what the event is about only when it exists here.
async fn linked<T: Copy>(
    tx: &mut Tx,
    table: &str,
    tenant: TenantId,
    link: Link<T>,
    id: impl Fn(T) -> i64,
) -> StoreResult<Option<T>> {
    match link {
        Link::None => Ok(None),
        Link::Named(named) => Ok(Some(named)),
        Link::OfEvent(of_event) => {
            Ok(record_exists(tx, table, tenant, id(of_event)).await?.then_some(of_event))
        }
    }
}

async fn field_set(
    tx: &mut Tx,
    origin: EffectOrigin,
    entity: EntityRef,
    field: String,
    value: Value,
) -> StoreResult<Value> {
    let fields = Map::from_iter([(field.clone(), value.clone())]);
    let changed = fields_set(tx, origin, entity, &fields).await?;
    Ok(
        json!({"entity": entity.kind(), "entityId": entity.id(), "field": field, "value": value, "changed": changed}),
    )
}

/// Whether anything was different.
async fn fields_set(
    tx: &mut Tx,
    origin: EffectOrigin,
    entity: EntityRef,
    fields: &Map<String, Value>,
) -> StoreResult<bool> {
    let (tenant, author) = (origin.tenant, origin.author());
    let changes = match entity {
        EntityRef::Contact(id) => contact_update(tx, tenant, author, id, fields, None).await?.1,
        EntityRef::Ticket(id) => ticket_update(tx, tenant, author, id, fields, None).await?.1,
        EntityRef::Submission(id) => submission_update(tx, tenant, author.actor, id, fields, None).await?.1,
        EntityRef::Form(id) => form_update(tx, tenant, author.actor, id, fields, None).await?.1,
    };
    Ok(!changes.is_empty())
}

async fn contact_set(
    tx: &mut Tx,
    origin: EffectOrigin,
    key: ContactKey,
    mut updates: Map<String, Value>,
    upsert: bool,
) -> StoreResult<Value> {
    let found = match &key {
        // Whether it is there is seen when it is changed.
        ContactKey::Id(id) => Some(*id),
        ContactKey::Email(email) => contact_named(tx, origin.tenant, email).await?.map(|contact| contact.id),
    };
    match (found, key) {
        (Some(id), _) => {
            let (contact, changes) =
                contact_update(tx, origin.tenant, origin.author(), id, &updates, None).await?;
            Ok(json!({"contactId": contact.id, "created": false, "changed": changes.changed()}))
        }
        (None, ContactKey::Email(email)) if upsert => {
            updates.entry("email").or_insert(Value::String(email));
            let contact = contact_create(tx, origin.tenant, origin.author(), &updates).await?;
            Ok(
                json!({"contactId": contact.id, "created": true, "changed": updates.keys().collect::<Vec<_>>()}),
            )
        }
        (None, key) => Err(StoreError::missing(key)),
    }
}

async fn tag_add(tx: &mut Tx, origin: EffectOrigin, entity: EntityRef, tag: String) -> StoreResult<Value> {
    let tenant = origin.tenant;
    tx.hold(table_of(entity), tenant, entity.id()).await?;
    let mut tags = match entity {
        EntityRef::Contact(id) => contact_hold(tx, tenant, id).await?.tags,
        EntityRef::Ticket(id) => ticket_get(tx, tenant, id).await?.tags,
        EntityRef::Submission(id) => submission_get(tx, tenant, id).await?.tags,
        EntityRef::Form(id) => form_get(tx, tenant, id).await?.tags,
    };
    let added = !tags.contains(&tag);
    if added {
        tags.push(tag.clone());
        let fields = Map::from_iter([("tags".to_owned(), json!(tags))]);
        fields_set(tx, origin, entity, &fields).await?;
    }
    Ok(json!({"entity": entity.kind(), "entityId": entity.id(), "tag": tag, "added": added}))
}
