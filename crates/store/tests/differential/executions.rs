//! Executions: advanced with every kind of effect, cancelled, retried, deleted; timers; nodes that come and go.

use std::sync::Arc;

use model::{
    ApprovalId, ContactId, ExecutionId, ExecutionStatus, NodeId, Outcome, Period, StepStatus, SubmissionId,
    TenantId, TicketId, WorkflowId,
    approval::{Approver, Decision, NewApproval},
    effect::{ContactKey, Effect, Link, NewTicket, Team},
    entity::{EntityKind, EntityRef},
    execution::{Execution, Progress},
    journal::Log,
    user::Role,
    waiting::{Change, NewWait, Waiting},
};
use serde_json::{Value, json};
use store::{
    approval::{Decider, Ruling, approval_decide, approval_mail_settle, approval_mails_take},
    execution::{
        Advance, OWN_KEYS, Performed, UNSAVED, execution_cancel, execution_delete, execution_fail,
        execution_get, execution_live_retry, execution_load, execution_make, execution_move,
        execution_move_candidates, execution_move_list, execution_set_progress, signals_deliver,
    },
    journal::log_all,
    node::{
        node_claim, node_lapsed, node_leave, node_register, node_renew, node_take_over, node_take_over_all,
    },
    timer::timers_fire,
};

use crate::{
    pair::{ADA, Pair, change, log, read},
    random::Random,
};

impl Pair {
    /// One that this node has in hand, when there is one; else any.
    async fn execution(&mut self) -> (TenantId, ExecutionId) {
        let node = self.node;
        let in_hand =
            format!("FROM workflow_executions WHERE owner = {node} AND status IN ('pending', 'running')");
        let count = self.number(format!("SELECT count(*) {in_hand}")).await;
        let id = if count > 0 && self.random.percent(85) {
            let at = self.random.below(count);
            self.number(format!("SELECT id {in_hand} ORDER BY id LIMIT 1 OFFSET {at}")).await
        } else {
            self.id("workflow_executions").await
        };
        self.owner_of(id).await
    }

    /// Any execution, with its tenant.
    async fn any_execution(&mut self) -> (TenantId, ExecutionId) {
        let id = self.id("workflow_executions").await;
        self.owner_of(id).await
    }

    async fn owner_of(&self, id: i64) -> (TenantId, ExecutionId) {
        let tenant = format!("SELECT coalesce(max(tenant_id), 1) FROM workflow_executions WHERE id = {id}");
        (TenantId::new(self.number(tenant).await), ExecutionId::new(id))
    }

    async fn journal(&self, tenant: TenantId, id: ExecutionId) -> Vec<Log> {
        log_all(&mut self.store().read(tenant).await.unwrap(), tenant, id).await.unwrap()
    }

    async fn effect(&mut self, tenant: TenantId) -> Effect {
        let user = self.member(tenant).await;
        let [contact, submission, ticket, form] = [
            self.of_tenant("contacts", tenant).await,
            self.of_tenant("submissions", tenant).await,
            self.of_tenant("tickets", tenant).await,
            self.of_tenant("forms", tenant).await,
        ];
        let notification = self.new_notification(tenant).await;
        let mail = self.mail();
        let now = self.now();
        let random = &mut self.random;
        let waiting = |change| Effect::Wait(Box::new(Waiting { step_path: "s1".to_owned(), change }));
        let entity = match random.below(4) {
            0 => EntityRef::new(EntityKind::Contact, contact),
            1 => EntityRef::new(EntityKind::Ticket, ticket),
            2 => EntityRef::new(EntityKind::Submission, submission),
            _ => EntityRef::new(EntityKind::Form, form),
        };
        match random.below(10) {
            0 => Effect::TicketCreate(NewTicket {
                title: random.text(),
                description: None,
                status: "open".parse().unwrap(),
                priority: "high".parse().unwrap(),
                assignee_id: random.sometimes(30, |_| user),
                contact: match random.below(3) {
                    0 => Link::None,
                    1 => Link::Named(ContactId::new(contact)),
                    _ => Link::OfEvent(ContactId::new(contact)),
                },
                submission: Link::OfEvent(SubmissionId::new(submission)),
                due_at: random.sometimes(20, |random| random.moment(now)),
                tags: random.tags(),
                attributes: random.object(),
            }),
            1 => Effect::FieldUpdate {
                entity,
                field: (*random.pick(&["name", "title", "language", "description"])).to_owned(),
                value: random.document(),
            },
            2 => Effect::NotificationCreate(notification),
            3 => Effect::ContactUpdate {
                contact: if random.percent(50) {
                    ContactKey::Id(ContactId::new(contact))
                } else {
                    ContactKey::Email(random.email())
                },
                updates: [("segment".to_owned(), json!(random.text()))].into_iter().collect(),
                upsert: random.percent(60),
            },
            4 => Effect::TagAdd { entity, tag: random.tag() },
            5 => waiting(Change::Event(NewWait {
                event: random.pick(&["custom.one", "ticket_created"]).parse().unwrap(),
                correlation: random.sometimes(50, |_| ("event.a".to_owned(), "x".to_owned())),
                conditions: Value::Null,
                kept: Value::Null,
            })),
            6 => waiting(Change::Ask(NewApproval {
                title: random.text(),
                message: random.sometimes(50, Random::text),
                approvers: vec![Approver::Role(Role::Editor), Approver::Email("boss@example.com".to_owned())],
                required: 1,
                form: Vec::new(),
                allow_self: random.percent(50),
                version: (WorkflowId::new(1), 1),
                started_by: None,
                event: None,
                caused_by: None,
                remind_at: None,
                timeout_at: now.plus(Period::YEAR),
            })),
            7 => waiting(random.pick(&[Change::Remind, Change::TimeOut, Change::Cancel]).clone()),
            8 => Effect::TicketAssign {
                ticket: TicketId::new(ticket),
                team: Team {
                    users: Vec::new(),
                    role: random.sometimes(50, |_| Role::Editor),
                    stand_in: random.sometimes(50, |_| user),
                },
            },
            _ => Effect::MailKeep(mail),
        }
    }

    /// Where an execution may go from here; none: it stays.
    async fn next_progress(&mut self, before: Progress) -> Option<Progress> {
        let now = self.now();
        let random = &mut self.random;
        let wake = now.plus(Period::from_millis(random.below(4 * 3_600_000)).unwrap());
        let started_at = before.started_at.or(Some(now));
        Some(match random.below(7) {
            0 => return None,
            1 => Progress { status: ExecutionStatus::Running, started_at, recoveries: 0, ..before },
            2 => Progress { status: ExecutionStatus::Waiting, started_at, wake_at: Some(wake), ..before },
            3 => Progress {
                status: ExecutionStatus::Retrying,
                started_at,
                wake_at: Some(wake),
                next_retry_at: Some(wake),
                retry_count: before.retry_count + 1,
                error: Some(random.text()),
                ..before
            },
            4 => Progress {
                status: ExecutionStatus::Failed,
                completed_at: Some(now),
                duration_ms: Some(random.below(10_000)),
                error: Some(random.text()),
                error_stack: Some(random.text()),
                wake_at: None,
                ..before
            },
            _ => Progress {
                status: ExecutionStatus::Completed,
                outcome: Some(Outcome::Matched),
                completed_at: Some(now),
                duration_ms: Some(random.below(10_000)),
                result: Some(json!({"actionResults": [random.document()], "actionsFailed": 1})),
                actions_failed: random.below(2),
                wake_at: None,
                ..before
            },
        })
    }

    async fn progress_of(&self, tenant: TenantId, id: ExecutionId) -> Progress {
        let found = execution_get(&mut self.store().read(tenant).await.unwrap(), tenant, id).await;
        found.map_or(Progress::accepted(ExecutionStatus::Pending, None), |execution| execution.progress)
    }

    pub async fn execution_advance(&mut self) {
        let (tenant, execution) = self.execution().await;
        let journal = self.journal(tenant, execution).await;
        let newest = journal.last().map_or(UNSAVED, |log| log.id);
        let begun = journal.into_iter().find(|log| log.status == StepStatus::Running);
        let before = self.progress_of(tenant, execution).await;
        let progress = self.next_progress(before).await;
        let effect = self.effect(tenant).await;
        let now = self.now();
        let random = &mut self.random;
        let effect = random.sometimes(60, |_| effect);
        let statuses = [StepStatus::Completed, StepStatus::Failed, StepStatus::Running];
        let mut last = begun.unwrap_or_else(|| log(tenant, execution, "s1", StepStatus::Running));
        last.status = *random.pick(&statuses);
        last.started_at = Some(now);
        last.output_data = random.sometimes(50, Random::document).map(Into::into);
        last.warnings = if last.id == UNSAVED { random.tags() } else { last.warnings };
        last.retryable = random.percent(50);
        last.resume_at = random.sometimes(30, |random| random.moment(now));
        let mut steps = vec![Performed { log: last, effect }];
        if random.percent(20) {
            let log = log(tenant, execution, "s0", StepStatus::Skipped);
            steps.insert(0, Performed { log, effect: None });
        }
        let what = format!("execution_advance {execution} {steps:?} {progress:?}");
        let follow = Arc::new(move |_: &[Arc<Log>]| progress.clone());
        drop(
            self.advance(
                what,
                Advance {
                    tenant,
                    execution,
                    owner: Some(NodeId::new(self.node)),
                    last: newest,
                    steps: steps.into(),
                    follow,
                    awaits: Vec::new(),
                    waits: Arc::new([]),
                    touches: None,
                    gives_up: None,
                },
            )
            .await,
        );
    }

    pub async fn execution_cancel(&mut self) {
        let (tenant, id) = self.any_execution().await;
        let reason = self.random.text();
        drop(change!(self, ("execution_cancel", id), |tx| {
            let conclude = |execution: &Execution, logs: &[Log], _| {
                let under_way = logs
                    .len()
                    .is_multiple_of(2)
                    .then(|| log(execution.tenant_id, execution.id, "cancelled", StepStatus::Skipped));
                (under_way, json!({"steps": logs.len()}))
            };
            execution_cancel(tx, tenant, id, &reason, Box::new(conclude))
        }));
    }

    /// To a newer version, as far as it rests.
    pub async fn execution_move(&mut self) {
        let (tenant, id) = self.any_execution().await;
        let found = read!(self, Some(tenant), ("execution_get", id), |connection| {
            execution_get(connection, tenant, id)
        });
        let Ok(found) = found else { return };
        let (from, to) = (found.workflow_version, found.workflow_version + 1);
        let workflow = (tenant, found.workflow_id);
        drop(read!(self, Some(tenant), ("execution_move_candidates", workflow, to), |connection| {
            execution_move_candidates(connection, workflow, to, None, 5)
        }));
        let is_refused = self.random.percent(20);
        drop(change!(self, ("execution_move", id, is_refused), |tx| {
            let judge = move |execution: &Execution, logs: &[Log], _| {
                let row = log(execution.tenant_id, execution.id, "passed", StepStatus::Skipped);
                if is_refused { Err(format!("{} rows", logs.len())) } else { Ok(vec![row]) }
            };
            execution_move(tx, (tenant, id), (from, to), ADA, Box::new(judge))
        }));
        drop(read!(self, Some(tenant), ("execution_move_list", id), |connection| {
            execution_move_list(connection, tenant, id)
        }));
    }

    pub async fn execution_fail(&mut self) {
        let (tenant, id) = self.any_execution().await;
        let error = self.random.text();
        drop(change!(self, ("execution_fail", id), |tx| execution_fail(tx, tenant, id, &error)));
    }

    pub async fn execution_progress(&mut self) {
        let (tenant, id) = self.any_execution().await;
        let before = self.progress_of(tenant, id).await;
        let Some(progress) = self.next_progress(before).await else { return };
        drop(change!(self, ("execution_set_progress", id, &progress), |tx| {
            execution_set_progress(tx, tenant, id, &progress)
        }));
    }

    /// A retry by hand.
    pub async fn execution_make(&mut self) {
        let (tenant, id) = self.any_execution().await;
        drop(read!(self, Some(tenant), ("execution_live_retry", id), |connection| {
            execution_live_retry(connection, tenant, id)
        }));
        let found = read!(self, Some(tenant), ("execution_load", id), |connection| {
            execution_load(connection, tenant, id)
        });
        let Ok(mut found) = found else { return };
        let execution = &mut found.execution;
        execution.progress = Progress::accepted(ExecutionStatus::Pending, Some(Outcome::Matched));
        execution.retry_of = Some(id);
        if self.random.percent(50) {
            execution.key_execution_id = OWN_KEYS;
        }
        let completed = found.journal.into_iter().filter(|log| log.status == StepStatus::Completed);
        let carried: Vec<Log> = completed.map(|log| Log { carried_from: Some(log.id), ..log }).collect();
        let execution = found.execution;
        drop(change!(self, ("execution_make", id), |tx| execution_make(tx, execution, carried)));
    }

    pub async fn execution_delete(&mut self) {
        let (tenant, id) = self.any_execution().await;
        drop(change!(self, ("execution_delete", id), |tx| execution_delete(tx, tenant, id)));
    }

    pub async fn timers_fire(&mut self) {
        let (now, limit) = (self.now(), 1 + self.random.below(4));
        change!(self, ("timers_fire", now, limit), |tx| timers_fire(tx, now, limit)).unwrap();
    }

    pub async fn signals_deliver(&mut self) {
        let limit = 1 + self.random.below(4);
        change!(self, ("signals_deliver", limit), |tx| signals_deliver(tx, limit)).unwrap();
    }

    pub async fn approval_decide(&mut self) {
        let tenant = *self.random.pick(&[crate::random::ONE, crate::random::TWO]);
        let id = ApprovalId::new(self.of_tenant("approvals", tenant).await);
        let decider = Decider::Address("boss@example.com".to_owned());
        let decision = *self.random.pick(Decision::ALL);
        let ruling = Ruling {
            decision,
            comment: self.random.sometimes(50, Random::text),
            form: serde_json::Map::new(),
        };
        drop(change!(self, ("approval_decide", id, decision), |tx| approval_decide(
            tx, tenant, &decider, id, ruling
        )));
    }

    pub async fn approval_mails(&mut self) {
        let until = self.now().plus(Period::minutes(5));
        let taken =
            change!(self, ("approval_mails_take", until), |tx| approval_mails_take(tx, until, 3)).unwrap();
        for delivery in taken {
            let failed = self.random.sometimes(50, |_| ("no".to_owned(), Some(until)));
            let what = ("approval_mail_settle", delivery.address.clone());
            change!(self, what, |tx| approval_mail_settle(tx, &delivery, failed)).unwrap();
        }
    }

    pub async fn node_claim(&mut self) {
        let limit = 1 + self.random.below(6);
        change!(self, ("node_claim", limit), |tx| node_claim(tx, limit)).unwrap();
    }

    /// Another node came, had something in hand, and its lease lapsed.
    pub async fn node_die(&mut self) {
        let other = NodeId::new(900);
        change!(self, "node_register, lapsed", |tx| node_register(tx, other, "another", -1_000)).unwrap();
        self.work_as(Some(other));
        change!(self, "node_claim by another", |tx| node_claim(tx, 3)).unwrap();
        self.work_as(Some(NodeId::new(self.node)));
        let own = NodeId::new(self.node);
        let lapsed = read!(self, None, "node_lapsed", |connection| node_lapsed(connection)).unwrap();
        assert_eq!(lapsed, [other]);
        change!(self, "node_take_over, not lapsed", |tx| node_take_over(tx, own)).unwrap();
        change!(self, "node_take_over", |tx| node_take_over(tx, other)).unwrap();
    }

    /// This node leaves and comes back as another.
    pub async fn node_change(&mut self) {
        let node = NodeId::new(self.node);
        change!(self, "node_renew", |tx| node_renew(tx, node, 3_600_000)).unwrap();
        change!(self, "node_leave", |tx| node_leave(tx, node)).unwrap();
        self.become_a_node().await;
    }

    /// As at the start of the only process.
    pub async fn node_alone(&mut self) {
        self.work_as(None);
        change!(self, "node_take_over_all", |tx| node_take_over_all(tx)).unwrap();
        self.become_a_node().await;
    }
}
