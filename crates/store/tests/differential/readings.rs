//! Everything that can be asked: each list with several filters and pages, each record by its id.

use std::sync::Arc;

use model::{
    Actor, ApiKeyId, ApprovalId, ContactId, EventId, ExecutionId, ExecutionStatus, FormId, IntegrationId,
    JobId, NotificationId, OutboxId, Outcome, Period, SubmissionId, TagId, TemplateId, TenantId, TicketId,
    Timestamp, UserId, WorkflowId,
    alert::{AlertKind, AlertState},
    approval::ApprovalState,
    effect::ContactKey,
    job::{JobFilter, JobSource, JobState},
    submission::SubmissionStatus,
    template::Category,
    user::{Identity, Role},
};
use store::{
    Page, alert, api_key, approval, contact,
    decision::{self, Subject},
    demo, event, execution, form, history,
    history::EventFilter,
    integration::{self, Found},
    job, journal, notification, outbox,
    rollup::{self, Span},
    session, submission, tag, template, tenant, ticket, timer,
    token::Token,
    user, workflow,
};

use crate::{
    pair::{Pair, read},
    people::opened,
    random::{ONE, Random, TWO},
};

/// Lists with these pages, over and over.
const PAGES: [Page; 3] = [
    Page { limit: 5, offset: 0, before: None },
    Page { limit: 3, offset: 4, before: None },
    Page { limit: 50, offset: 0, before: Some(9) },
];

/// Asks both sides for each page of a list. What the query takes with it each time stands before it: `pages!(…, filter, |c, page| …)`.
macro_rules! pages {
    ($pair:expr, $tenant:expr, $what:expr, $($own:ident,)* |$connection:ident, $page:ident| $query:expr) => {
        for $page in PAGES {
            $(let $own = $own.clone();)*
            drop(read!($pair, $tenant, ($what, $page), |$connection| $query));
        }
    };
}

/// After everything that happens here.
const LATE: Timestamp = Timestamp::from_millis(4_000_000_000_000);

/// Times and names of events that are asked about.
fn events(id: i64) -> [(Timestamp, &'static str); 2] {
    [(LATE, "order.placed"), (Timestamp::from_millis(1_771_000_000_000 + id), "submission_completed")]
}

impl Pair {
    pub async fn read_everything(&mut self) {
        for tenant in [ONE, TWO] {
            self.read_records(tenant).await;
            self.read_people(tenant).await;
            self.read_workflows(tenant).await;
            self.read_decisions(tenant).await;
            self.read_jobs(tenant).await;
            self.read_executions(tenant).await;
        }
        self.read_what_is_nobody_s().await;
    }

    async fn read_records(&mut self, tenant: TenantId) {
        let own = Some(tenant);
        for _ in 0..4 {
            let random = &mut self.random;
            let (text, tag, email) =
                (random.sometimes(50, Random::text), random.sometimes(30, Random::tag), random.email());
            let segment = random.sometimes(20, Random::tag);
            let email_only = random.sometimes(20, |_| email.clone());
            let filter = contact::Filter { text: text.clone(), segment, tag: tag.clone(), email: email_only };
            pages!(self, own, ("contact_list", &filter), filter, |connection, page| contact::contact_list(
                connection, tenant, &filter, page
            ));
            let key = ContactKey::Email(email);
            drop(read!(self, own, ("contact_find", &key), |connection| contact::contact_find(
                connection, tenant, &key
            )));
            let is_active = self.random.sometimes(30, |random| random.percent(50));
            let filter = form::Filter { text: text.clone(), is_active, tag: tag.clone() };
            pages!(self, own, ("form_list", &filter), filter, |connection, page| form::form_list(
                connection, tenant, &filter, page
            ));
            let random = &mut self.random;
            let filter = submission::Filter {
                form: random.sometimes(30, |random| FormId::new(random.id(4))),
                contact: random.sometimes(20, |random| ContactId::new(random.id(6))),
                status: random.sometimes(30, |_| SubmissionStatus::Completed),
                tag: tag.clone(),
                text: text.clone(),
                text_in_answers: random.percent(50),
            };
            pages!(self, own, ("submission_list", &filter), filter, |connection, page| {
                submission::submission_list(connection, tenant, &filter, page)
            });
            let random = &mut self.random;
            let filter = ticket::Filter {
                text: text.clone(),
                status: random.sometimes(20, |_| "open".parse().unwrap()),
                priority: random.sometimes(20, |_| "high".parse().unwrap()),
                assignee: random.sometimes(20, |random| UserId::new(random.id(3))),
                contact: random.sometimes(20, |random| ContactId::new(random.id(6))),
                submission: random.sometimes(20, |random| SubmissionId::new(random.id(6))),
                tag: tag.clone(),
            };
            pages!(self, own, ("ticket_list", &filter), filter, |connection, page| ticket::ticket_list(
                connection, tenant, &filter, page
            ));
            let words = text.clone();
            pages!(self, own, ("tag_list", &words), words, |connection, page| tag::tag_list(
                connection,
                tenant,
                words.as_deref(),
                page
            ));
            let user = self.random.sometimes(60, |random| UserId::new(random.id(3)));
            let unread = self.random.percent(50);
            pages!(self, own, ("notification_list", user, unread), |connection, page| {
                notification::notification_list(connection, tenant, user, unread, page)
            });
            let writer = self.random.sometimes(30, |random| ExecutionId::new(random.id(20)));
            pages!(self, own, ("outbox_list", writer, &text), text, |connection, page| outbox::outbox_list(
                connection,
                tenant,
                writer,
                text.as_deref(),
                page
            ));
        }
        for state in [None, Some(AlertState::Open), Some(AlertState::Resolved)] {
            for kind in [None, Some(AlertKind::FailureRate)] {
                pages!(self, own, ("alert_list", state, kind), |connection, page| alert::alert_list(
                    connection, tenant, state, kind, page
                ));
            }
        }
        for state in [None, Some(ApprovalState::Open)] {
            let mine =
                state.map(|_| Identity { tenant, actor: Actor::ApiKey(ApiKeyId::new(1)), role: Role::Admin });
            let by = state.map(|_| (WorkflowId::new(1), ExecutionId::new(1)));
            for filter in [
                approval::Filter { state, ..approval::Filter::default() },
                approval::Filter { mine, ..approval::Filter::default() },
                approval::Filter {
                    workflow: by.map(|by| by.0),
                    execution: by.map(|by| by.1),
                    ..approval::Filter::default()
                },
            ] {
                pages!(self, own, ("approval_list", &filter), filter, |connection, page| async move {
                    approval::approval_list(connection, tenant, &filter, page).await
                });
            }
        }
        for id in 1..=8 {
            drop(read!(self, own, ("approval", id), |c| approval::approval_get(
                c,
                tenant,
                ApprovalId::new(id)
            )));
            drop(read!(self, own, ("contact", id), |c| contact::contact_get(c, tenant, ContactId::new(id))));
            drop(read!(self, own, ("form", id), |c| form::form_get(c, tenant, FormId::new(id))));
            drop(read!(self, own, ("form_find", id), |c| form::form_find(c, tenant, FormId::new(id))));
            drop(read!(self, own, ("submission", id), |c| {
                submission::submission_get(c, tenant, SubmissionId::new(id))
            }));
            drop(read!(self, own, ("ticket", id), |c| ticket::ticket_get(c, tenant, TicketId::new(id))));
            drop(read!(self, own, ("tag", id), |c| tag::tag_get(c, tenant, TagId::new(id))));
            drop(read!(self, own, ("notification", id), |c| {
                notification::notification_get(c, tenant, NotificationId::new(id))
            }));
            drop(read!(self, own, ("outbox", id), |c| outbox::outbox_get(c, tenant, OutboxId::new(id))));
        }
        drop(read!(self, own, "personal_questions_exist", |c| history::personal_questions_exist(c, tenant)));
    }

    async fn read_people(&mut self, tenant: TenantId) {
        let own = Some(tenant);
        for role in [None, Some(Role::Admin)] {
            let text = self.random.sometimes(50, Random::text);
            let filter = user::Filter { text, role };
            pages!(self, own, ("user_list", &filter), filter, |connection, page| user::user_list(
                connection, tenant, &filter, page
            ));
        }
        pages!(self, own, "api_key_list", |connection, page| api_key::api_key_list(connection, tenant, page));
        for category in [None, Some(Category::Sales)] {
            let text = self.random.sometimes(50, Random::text);
            let tag = self.random.sometimes(30, Random::tag);
            let filter = template::Filter { text, category, tag };
            pages!(
                self,
                own,
                ("template_list", &filter),
                filter,
                |connection, page| template::template_list(connection, tenant, &filter, page)
            );
        }
        for provider in [None, Some("rest")] {
            let secrets = Arc::clone(&self.secrets);
            pages!(self, own, ("integration_list", provider), secrets, |connection, page| {
                async move {
                    let list = integration::integration_list(connection, tenant, provider, page).await?;
                    let rows = list
                        .rows
                        .into_iter()
                        .map(|row| opened(row, &secrets))
                        .collect::<Result<Vec<_>, _>>()?;
                    Ok((rows, list.total, list.next))
                }
            });
        }
        for name in ["crm", "CRM", "rest", "slack", "Größe", "none"] {
            drop(read!(self, own, ("integration_find", name), |connection| async move {
                let found = integration::integration_find(connection, tenant, name).await?;
                Ok(match found {
                    Found::One(one) => vec![format!("{} {}", one.id, one.name)],
                    Found::None(names) | Found::Several(names) => names,
                })
            }));
        }
        for id in 1..=6 {
            let person = UserId::new(id);
            drop(read!(self, own, ("user", id), |c| user::user_get(c, tenant, person)));
            // The server asks it within a transaction, which sees every tenant's members.
            drop(read!(self, None, ("own_person_check", id), |c| user::own_person_check(c, tenant, person)));
            drop(read!(self, own, ("api_key", id), |c| api_key::api_key_get(c, tenant, ApiKeyId::new(id))));
            drop(read!(self, own, ("template", id), |c| template::template_get(
                c,
                tenant,
                TemplateId::new(id)
            )));
            let secrets = Arc::clone(&self.secrets);
            drop(read!(self, own, ("integration", id), |c| async move {
                opened(integration::integration_get(c, tenant, IntegrationId::new(id)).await?, &secrets)
            }));
        }
        let email = self.random.email();
        drop(read!(self, own, ("user_find", &email), |c| user::user_find(c, tenant, &email)));
        drop(read!(self, own, "settings_get", |c| tenant::settings_get(c, tenant)));
        let secrets = Arc::clone(&self.secrets);
        drop(read!(self, own, "smtp_password", |c| tenant::smtp_password(c, tenant, &secrets)));
    }

    async fn read_workflows(&mut self, tenant: TenantId) {
        let own = Some(tenant);
        for archived in [false, true] {
            let random = &mut self.random;
            let filter = workflow::Filter {
                text: random.sometimes(50, Random::text),
                is_active: random.sometimes(50, |random| random.percent(50)),
                archived,
                trigger_event: random.sometimes(30, |_| "order.placed".to_owned()),
            };
            for filter in [workflow::Filter { archived, ..workflow::Filter::default() }, filter] {
                pages!(self, own, ("workflow_list", &filter), filter, |connection, page| {
                    workflow::workflow_list(connection, tenant, &filter, page)
                });
            }
        }
        for id in 1..=10 {
            let id = WorkflowId::new(id);
            drop(read!(self, own, ("workflow", id), |c| workflow::workflow_get(c, tenant, id)));
            drop(read!(self, own, ("workflow_recall", id), |c| workflow::workflow_recall(c, tenant, id)));
            drop(read!(self, own, ("workflow_version", id), |c| workflow::workflow_version_get(
                c, tenant, id, 2
            )));
            pages!(self, own, ("workflow_version_list", id), |connection, page| {
                workflow::workflow_version_list(connection, tenant, id, page)
            });
        }
        for key in ["follow-up", "größe", "ada"] {
            drop(read!(self, own, ("workflow_find", key), |c| workflow::workflow_find(c, tenant, key)));
        }
        drop(read!(self, own, "workflow_active_list", |c| workflow::workflow_active_list(c, Some(tenant))));
    }

    async fn read_decisions(&mut self, tenant: TenantId) {
        let own = Some(tenant);
        for id in 1..=4 {
            let workflow = WorkflowId::new(id);
            for (at, name) in events(id) {
                drop(read!(self, own, ("workflow_version_at", id, at), |c| workflow::workflow_version_at(
                    c, tenant, workflow, at
                )));
                drop(read!(self, own, ("workflow_active_at", id, at), |c| workflow::workflow_active_at(
                    c, tenant, workflow, at
                )));
                for subject in [
                    Subject::Submission(SubmissionId::new(id)),
                    Subject::Contact(ContactId::new(id)),
                    Subject::Event(EventId::new(id)),
                ] {
                    drop(read!(
                        self,
                        own,
                        ("executions_about", id, subject),
                        |c| decision::executions_about(c, tenant, workflow, subject, 9)
                    ));
                    drop(read!(self, own, ("events_about", name, subject), |c| decision::events_about(
                        c,
                        tenant,
                        name,
                        subject,
                        Some(at)
                    )));
                    drop(read!(self, own, ("refused_list", id, subject), |c| decision::refused_list(
                        c,
                        tenant,
                        workflow,
                        Some(subject),
                        9
                    )));
                }
            }
            drop(read!(self, own, ("refused_list", id), |c| decision::refused_list(
                c, tenant, workflow, None, 9
            )));
        }
    }

    async fn read_jobs(&mut self, tenant: TenantId) {
        let own = Some(tenant);
        for workflow in [None, Some(WorkflowId::new(1))] {
            let filter = job::Filter { workflow, state: workflow.map(|_| JobState::Running) };
            pages!(self, own, ("job_list", filter), |connection, page| job::job_list(
                connection, tenant, filter, page
            ));
        }
        drop(read!(self, own, "job", |c| job::job_get(c, tenant, JobId::new(1))));
        let all = JobFilter::default();
        let some = JobFilter {
            form_id: Some(FormId::new(1)),
            contact_id: Some(ContactId::new(1)),
            tag: Some(self.random.tag()),
            segment: Some(self.random.tag()),
            from: Some(Timestamp::EPOCH),
            until: Some(LATE),
            due: None,
        };
        for filter in [all, some] {
            for source in [JobSource::Submissions, JobSource::Contacts] {
                let of = filter.clone();
                drop(read!(self, own, ("job_total", source, &filter), |c| job::job_total(
                    c, tenant, source, &of
                )));
                drop(read!(self, own, ("job_newest", source), |c| job::job_newest(c, tenant, source)));
                drop(read!(self, own, ("job_took", source), |c| job::job_took(
                    c,
                    tenant,
                    WorkflowId::new(1),
                    source,
                    2
                )));
            }
            let of = filter.clone();
            drop(read!(self, own, ("submission_job_page", &filter), |c| submission::submission_job_page(
                c,
                tenant,
                &of,
                (1, 9),
                5
            )));
            let of = filter.clone();
            drop(read!(self, own, ("contact_job_page", &filter), |c| contact::contact_job_page(
                c,
                tenant,
                &of,
                (1, 9),
                5
            )));
        }
    }

    async fn read_executions(&mut self, tenant: TenantId) {
        let own = Some(tenant);
        let now = self.now();
        for at in 0..10 {
            let random = &mut self.random;
            let workflow = random.sometimes(30, |random| WorkflowId::new(random.id(6)));
            let [from, until] = [0, 1].map(|_| random.sometimes(30, |random| random.moment(now)));
            // The first ones are of the kind whose total the rollups know.
            let percent = if at < 4 { 0 } else { 15 };
            let filter = history::Filter {
                workflow,
                status: random.sometimes(30, |random| {
                    *random.pick(&[
                        ExecutionStatus::Completed,
                        ExecutionStatus::Pending,
                        ExecutionStatus::Waiting,
                    ])
                }),
                outcome: random.sometimes(percent, |random| {
                    *random.pick(&[Outcome::Matched, Outcome::Matched, Outcome::Unmatched])
                }),
                has_failures: random.sometimes(percent, |random| random.percent(50)),
                contact: random.sometimes(percent, |random| ContactId::new(random.id(6))),
                submission: random.sometimes(percent, |random| SubmissionId::new(random.id(6))),
                event: random.sometimes(percent, |random| EventId::new(random.id(20))),
                retry_of: random.sometimes(percent, |random| ExecutionId::new(random.id(20))),
                from: from.map(|from| if at % 2 == 0 { from.hour() } else { from }),
                until: until.map(|until| if at % 2 == 0 { until.hour() } else { until }),
                text: random.sometimes(percent, Random::text),
            };
            pages!(self, own, ("execution_list", &filter), filter, |connection, page| {
                history::execution_list(connection, tenant, &filter, page, history::Patience::ENDLESS)
            });
            let span = Span { workflow, from, until };
            drop(read!(self, own, ("statistics", span), |c| rollup::statistics(c, tenant, span, 4)));
            let workflow = filter.workflow;
            drop(read!(self, own, ("steps_slowest", workflow), |c| history::steps::steps_slowest(
                c, tenant, workflow, span.from, 4
            )));
        }
        for outcome in [Outcome::Matched, Outcome::Unmatched] {
            let filter = history::Filter { outcome: Some(outcome), ..history::Filter::default() };
            pages!(self, own, ("execution_list", &filter), filter, |connection, page| {
                history::execution_list(connection, tenant, &filter, page, history::Patience::ENDLESS)
            });
        }
        for _ in 0..12 {
            let id = ExecutionId::new(self.id("workflow_executions").await);
            drop(read!(self, own, ("execution", id), |c| execution::execution_get(c, tenant, id)));
            drop(read!(self, own, ("execution_load", id), |c| execution::execution_load(c, tenant, id)));
            drop(read!(self, own, ("execution_show", id), |c| history::execution_show(c, tenant, id)));
            drop(read!(self, own, ("execution_retries", id), |c| history::execution_retries(c, tenant, id)));
            drop(read!(self, own, ("log_list", id), |c| journal::log_list(c, tenant, id, None, 2)));
        }
        for name in [None, Some("order.placed")] {
            let id = self.random.sometimes(30, |random| EventId::new(random.id(30)));
            let filter = EventFilter { name: name.map(|name| name.parse().unwrap()), id };
            pages!(self, own, ("event_list", &filter), filter, |connection, page| history::event_list(
                connection, tenant, &filter, page
            ));
            drop(read!(self, own, ("event_recent", name), |c| event::event_recent(c, tenant, name, 4)));
        }
        for id in ["evt_1", "evt_7", "e-3", "e-4", "twice", "none"] {
            drop(read!(self, own, ("event_find", id), |c| event::event_find(c, tenant, id)));
            drop(read!(self, own, ("event_show", id), |c| history::event_show(c, tenant, id)));
        }
    }

    async fn read_what_is_nobody_s(&mut self) {
        pages!(self, None, "tenant_list", |connection, page| tenant::tenant_list(connection, page));
        drop(read!(self, None, "tenant_ids", |c| tenant::tenant_ids(c)));
        drop(read!(self, None, "workflow_active_list", |c| workflow::workflow_active_list(c, None)));
        drop(read!(self, None, "timer_next", |c| timer::timer_next(c)));
        drop(read!(self, None, "job_due_list", |c| job::job_due_list(c, LATE, 9)));
        drop(read!(self, None, "demo", |c| async move {
            Ok((demo::demo_is_seeded(c).await?, demo::demo_is_alone(c).await?))
        }));
        let since = self.now().minus(Period::hours(20));
        drop(read!(self, None, "workflow_changed_since", |c| workflow::workflow_changed_since(c, since)));
        for slug in ["visit", "nps", "a-form"] {
            drop(read!(self, None, ("form_by_slug", slug), |c| form::form_by_slug(c, slug)));
        }
        for id in 1..=6 {
            let person = UserId::new(id);
            drop(read!(self, None, ("user_tenants", id), |c| user::user_tenants(c, person)));
            drop(read!(self, None, ("user_has_password", id), |c| user::user_has_password(c, person)));
            drop(read!(self, None, ("tenant", id), |c| tenant::tenant_get(c, TenantId::new(id))));
            let hash = Token::given(format!("vtx_a-key-that-is-long-enough-to-show-{id}")).hash();
            drop(read!(self, None, ("api_key_find", id), |c| api_key::api_key_find(c, hash)));
        }
        let (email, now) = (self.random.email(), self.now());
        drop(read!(self, None, ("password_stored", &email), |c| user::password_stored(c, &email)));
        drop(read!(self, None, "session_find", |c| {
            session::session_find(c, Token::given("none").hash(), now)
        }));
    }
}
