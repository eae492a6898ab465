//! Contacts, forms, submissions, tickets, tags, notifications and kept mails.

use model::{
    ContactId, ExecutionId, FormId, TenantId,
    effect::{Mail, NewNotification},
    form::Question,
    notification::NotificationType,
    submission::SubmissionStatus,
};
use serde_json::{Map, Value, json};
use store::{
    contact::{contact_archive, contact_create, contact_update},
    form::{self, form_archive, form_create, form_edit, form_update},
    notification::{
        Edit, notification_create, notification_delete, notification_mark_all, notification_update,
    },
    outbox::{outbox_delete, outbox_keep},
    submission::{
        self, NewSubmission, submission_archive, submission_create, submission_edit, submission_update,
    },
    tag::{tag_create, tag_delete, tag_update},
    ticket::{ticket_archive, ticket_create, ticket_update},
};

use crate::{
    pair::{ADA, Pair, change},
    random::Random,
};

const SUBMISSION_STATUSES: [SubmissionStatus; 2] = [SubmissionStatus::Partial, SubmissionStatus::Completed];
const KINDS: [NotificationType; 2] = [NotificationType::Info, NotificationType::Warning];

impl Pair {
    async fn contact_fields(&mut self, tenant: TenantId, percent: i64) -> Map<String, Value> {
        let owner = self.member(tenant).await;
        let random = &mut self.random;
        let fields = [
            ("email", json!(random.email())),
            ("name", json!(random.text())),
            ("phone", json!(random.text())),
            ("external_id", json!(random.text())),
            ("company", json!(random.text())),
            ("segment", json!(random.tag())),
            ("time_zone", json!(random.zone())),
            ("language", json!("de")),
            ("owner_id", json!(owner)),
            ("tags", json!(random.tags())),
            ("consents", json!({"email": random.percent(50), "marketing": {"status": "granted"}})),
            ("attributes", Value::Object(random.object())),
        ];
        random.fields(percent, &fields)
    }

    pub async fn contact_create(&mut self) {
        let tenant = self.random.tenant();
        let fields = self.contact_fields(tenant, 30).await;
        drop(change!(self, ("contact_create", tenant, &fields), |tx| contact_create(
            tx,
            tenant,
            ADA.into(),
            &fields
        )));
    }

    pub async fn contact_update(&mut self) {
        let (tenant, id, version) = self.record("contacts").await;
        let fields = self.contact_fields(tenant, 20).await;
        drop(change!(self, ("contact_update", tenant, id, &fields), |tx| {
            contact_update(tx, tenant, ADA.into(), id, &fields, version)
        }));
    }

    pub async fn contact_archive(&mut self) {
        let (tenant, id, _) = self.record("contacts").await;
        drop(change!(self, ("contact_archive", id), |tx| contact_archive(tx, tenant, ADA, id)));
    }

    fn form_fields(&mut self) -> Map<String, Value> {
        let random = &mut self.random;
        let fields = [
            ("name", json!(random.text())),
            ("description", json!(random.text())),
            ("is_active", json!(random.percent(85))),
            ("tags", json!(random.tags())),
        ];
        random.fields(60, &fields)
    }

    fn form_content(&mut self) -> form::Content {
        let mut fields = self.form_fields();
        fields.entry("name").or_insert_with(|| "A form".into());
        let random = &mut self.random;
        let questions = json!([
            {"key": "q_nps", "type": "nps", "label": random.text(), "required": random.percent(20)},
            {"key": "q_why", "type": "long_text", "label": "Why?", "personal": random.percent(30)},
            {"key": "q_liked", "type": "multiple_choice", "label": "Liked", "options": ["Größe", "a\"b"]},
        ]);
        let questions: Vec<Question> = serde_json::from_value(questions).unwrap();
        form::Content {
            fields,
            slug: random
                .sometimes(40, |random| (*random.pick(&["visit", "nps", "a-b", "Not good"])).to_owned()),
            questions: random.sometimes(80, |_| questions),
        }
    }

    pub async fn form_create(&mut self) {
        let (tenant, content) = (self.random.tenant(), self.form_content());
        drop(change!(self, ("form_create", tenant, &content), |tx| form_create(tx, tenant, ADA, content)));
    }

    pub async fn form_update(&mut self) {
        let (tenant, id, version) = self.record("forms").await;
        let fields = self.form_fields();
        drop(change!(self, ("form_update", id, &fields), |tx| form_update(
            tx, tenant, ADA, id, &fields, version
        )));
    }

    pub async fn form_edit(&mut self) {
        let (tenant, id, version) = self.record("forms").await;
        let content = self.form_content();
        drop(change!(self, ("form_edit", id, &content), |tx| form_edit(
            tx, tenant, ADA, id, content, version
        )));
    }

    pub async fn form_archive(&mut self) {
        let (tenant, id, _) = self.record("forms").await;
        drop(change!(self, ("form_archive", id), |tx| form_archive(tx, tenant, ADA, id)));
    }

    fn answers(&mut self) -> Map<String, Value> {
        let random = &mut self.random;
        let answers = [
            ("q_nps", json!(random.below(11))),
            ("q_why", json!(random.text())),
            ("q_liked", json!([random.pick(&["Größe", "a\"b"])])),
        ];
        random.fields(70, &answers)
    }

    pub async fn submission_create(&mut self) {
        let (tenant, data) = (self.random.tenant(), self.answers());
        let (form, contact) =
            (self.of_tenant("forms", tenant).await, self.of_tenant("contacts", tenant).await);
        let random = &mut self.random;
        let new = NewSubmission {
            form: FormId::new(form),
            contact: random.sometimes(50, |_| ContactId::new(contact)),
            external_id: random.sometimes(50, |random| format!("order {}", random.below(9))),
            status: *random.pick(&SUBMISSION_STATUSES),
            data,
            language: random.sometimes(20, Random::text),
            tags: random.tags(),
        };
        drop(change!(self, ("submission_create", tenant, &new), |tx| {
            submission_create(tx, tenant, ADA.into(), new)
        }));
    }

    async fn submission_fields(&mut self, tenant: TenantId) -> Map<String, Value> {
        let contact = self.of_tenant("contacts", tenant).await;
        let random = &mut self.random;
        let fields = [
            ("contact_id", json!(contact)),
            ("language", json!(random.text())),
            ("tags", json!(random.tags())),
        ];
        random.fields(30, &fields)
    }

    pub async fn submission_update(&mut self) {
        let (tenant, id, version) = self.record("submissions").await;
        let fields = self.submission_fields(tenant).await;
        drop(change!(self, ("submission_update", id, &fields), |tx| {
            submission_update(tx, tenant, ADA, id, &fields, version)
        }));
    }

    pub async fn submission_edit(&mut self) {
        let (tenant, id, version) = self.record("submissions").await;
        let (fields, answers) = (self.submission_fields(tenant).await, self.answers());
        let random = &mut self.random;
        let content = submission::Content {
            fields,
            data: random.sometimes(60, |_| answers),
            status: random.sometimes(60, |random| *random.pick(&SUBMISSION_STATUSES)),
        };
        drop(change!(self, ("submission_edit", id, &content), |tx| {
            submission_edit(tx, tenant, ADA.into(), id, content, version)
        }));
    }

    pub async fn submission_archive(&mut self) {
        let (tenant, id, _) = self.record("submissions").await;
        drop(change!(self, ("submission_archive", id), |tx| submission_archive(tx, tenant, ADA, id)));
    }

    async fn ticket_fields(&mut self, tenant: TenantId, percent: i64) -> Map<String, Value> {
        let assignee = self.member(tenant).await;
        let (contact, submission) =
            (self.of_tenant("contacts", tenant).await, self.of_tenant("submissions", tenant).await);
        let now = self.now();
        let random = &mut self.random;
        let fields = [
            ("title", json!(random.text())),
            ("description", json!(random.text())),
            ("status", json!(random.pick(&["open", "pending", "solved", "closed"]))),
            ("priority", json!(random.pick(&["low", "normal", "high", "urgent"]))),
            ("assignee_id", json!(assignee)),
            ("contact_id", json!(contact)),
            ("submission_id", json!(submission)),
            ("due_at", json!(random.sometimes(70, |random| random.moment(now)))),
            ("tags", json!(random.tags())),
            ("attributes", Value::Object(random.object())),
        ];
        random.fields(percent, &fields)
    }

    pub async fn ticket_create(&mut self) {
        let tenant = self.random.tenant();
        let mut fields = self.ticket_fields(tenant, 25).await;
        fields.entry("title").or_insert_with(|| "Call back".into());
        drop(change!(self, ("ticket_create", tenant, &fields), |tx| ticket_create(
            tx,
            tenant,
            ADA.into(),
            &fields
        )));
    }

    pub async fn ticket_update(&mut self) {
        let (tenant, id, version) = self.record("tickets").await;
        let fields = self.ticket_fields(tenant, 20).await;
        drop(change!(self, ("ticket_update", id, &fields), |tx| {
            ticket_update(tx, tenant, ADA.into(), id, &fields, version)
        }));
    }

    pub async fn ticket_archive(&mut self) {
        let (tenant, id, _) = self.record("tickets").await;
        drop(change!(self, ("ticket_archive", id), |tx| ticket_archive(tx, tenant, ADA, id)));
    }

    pub async fn tag_create(&mut self) {
        let (tenant, name) = (self.random.tenant(), self.random.text());
        let color = self.random.sometimes(50, |_| "#0b7285");
        drop(change!(self, ("tag_create", tenant, &name), |tx| tag_create(tx, tenant, ADA, &name, color)));
    }

    pub async fn tag_update(&mut self) {
        let (tenant, id, version) = self.record("tags").await;
        let name = self.random.text();
        drop(change!(self, ("tag_update", id, &name), |tx| {
            tag_update(tx, tenant, ADA, id, (&name, None), version)
        }));
    }

    pub async fn tag_delete(&mut self) {
        let (tenant, id, _) = self.record("tags").await;
        drop(change!(self, ("tag_delete", id), |tx| tag_delete(tx, tenant, id)));
    }

    pub async fn new_notification(&mut self, tenant: TenantId) -> NewNotification {
        let user_id = self.member(tenant).await;
        let random = &mut self.random;
        NewNotification {
            user_id,
            title: random.text(),
            message: random.sometimes(50, Random::text),
            kind: *random.pick(&KINDS),
        }
    }

    pub async fn notification_create(&mut self) {
        let tenant = self.random.tenant();
        let new = self.new_notification(tenant).await;
        drop(change!(self, ("notification_create", tenant, &new), |tx| {
            notification_create(tx, tenant, ADA, new)
        }));
    }

    pub async fn notification_update(&mut self) {
        let (tenant, id, version) = self.record("notifications").await;
        let random = &mut self.random;
        let edit = Edit {
            title: random.sometimes(20, Random::text),
            message: random.sometimes(20, |random| random.sometimes(50, Random::text)),
            kind: random.sometimes(20, |random| *random.pick(&KINDS)),
            read: random.sometimes(60, |random| random.percent(70)),
        };
        drop(change!(self, ("notification_update", id, &edit), |tx| {
            notification_update(tx, tenant, ADA, id, edit, version)
        }));
    }

    pub async fn notification_mark_all(&mut self) {
        let tenant = self.random.tenant();
        let user = self.member(tenant).await;
        drop(change!(self, ("notification_mark_all", user), |tx| notification_mark_all(
            tx, tenant, ADA, user
        )));
    }

    pub async fn notification_delete(&mut self) {
        let (tenant, id, _) = self.record("notifications").await;
        drop(change!(self, ("notification_delete", id), |tx| notification_delete(tx, tenant, id)));
    }

    pub fn mail(&mut self) -> Mail {
        let random = &mut self.random;
        Mail {
            from: "care@example.com".to_owned(),
            to: vec![random.email()],
            cc: random.tags(),
            bcc: Vec::new(),
            reply_to: random.sometimes(20, Random::email),
            subject: random.text(),
            text: random.sometimes(70, Random::text),
            html: None,
            message_id: format!("<{}@example.com>", random.below(1_000_000)),
            ..Mail::default()
        }
    }

    pub async fn outbox_keep(&mut self) {
        let (tenant, mail) = (self.random.tenant(), self.mail());
        let execution = ExecutionId::new(self.of_tenant("workflow_executions", tenant).await);
        let execution = self.random.sometimes(50, |_| execution);
        drop(change!(self, ("outbox_keep", &mail), |tx| outbox_keep(tx, tenant, execution, &mail)));
    }

    pub async fn outbox_delete(&mut self) {
        let (tenant, id, _) = self.record("outbox").await;
        drop(change!(self, ("outbox_delete", id), |tx| outbox_delete(tx, tenant, id)));
    }
}
