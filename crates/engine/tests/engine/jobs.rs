//! Jobs: a workflow run for many records, each once, over pauses, restarts, crashes and jobs beside one another.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use engine::{Engine, jobs::Verdict};
use model::{
    Actor, Clock, ContactId, FormId, JobId, Timestamp, WorkflowId,
    event::NewEvent,
    job::{Job, JobFilter, JobKind, JobSource, JobState, Progress},
    settings::Settings,
    submission::SubmissionStatus,
};
use serde_json::{Value, json};
use store::{
    StoreResult, Tx,
    form::{Content, form_create},
    job::{NewJob, Order, job_get, job_order},
    params,
    secret::SecretBox,
    submission::{NewSubmission, submission_create},
    tenant::settings_put,
    workflow::Change,
};

use crate::{
    everywhere::Once,
    harness::{House, TENANT, definition_of, event},
    triggers::{change, save},
};

fn listens(form: FormId) -> Value {
    json!({"trigger_event": "submission_completed", "trigger_config": {"formId": form},
        "conditions": [{"field": "submission.data.q_nps", "operator": "<=", "value": 6}],
        "actions": [{"type": "create_ticket", "config": {"title": "{{submission.id}} of {{contact.name}}"}}]})
}

fn never() -> Value {
    json!({"trigger_event": "never", "conditions": [],
        "actions": [{"type": "create_ticket", "config": {"title": "{{contact.name}}"}}]})
}

pub async fn form(tx: &mut Tx, name: &str) -> StoreResult<FormId> {
    let questions = json!([{"key": "q_nps", "type": "nps", "label": "How likely?"}]);
    let content = Content {
        fields: json!({"name": name}).as_object().cloned().unwrap(),
        slug: None,
        questions: Some(serde_json::from_value(questions).unwrap()),
    };
    Ok(form_create(tx, TENANT, Actor::System, content).await?.id)
}

pub async fn answer(tx: &mut Tx, form: FormId, contact: ContactId, nps: i64) -> StoreResult<()> {
    let new = NewSubmission {
        form,
        contact: Some(contact),
        external_id: None,
        status: SubmissionStatus::Completed,
        data: json!({"q_nps": nps}).as_object().cloned().unwrap(),
        language: None,
        tags: Vec::new(),
    };
    submission_create(tx, TENANT, Actor::System.into(), new).await.map(drop)
}

async fn contacts(engine: &Engine, count: usize) {
    let make = engine.store().write(move |tx| {
        Box::pin(async move {
            for number in 2..=count {
                let fields = json!({"name": format!("Nr. {number}"), "segment": "vip"});
                let fields = fields.as_object().cloned().unwrap();
                store::contact::contact_create(tx, TENANT, Actor::System.into(), &fields).await?;
            }
            Ok(())
        })
    });
    make.await.unwrap();
}

fn of(source: JobSource, workflow: WorkflowId, rate: i64) -> NewJob {
    NewJob { workflow, kind: JobKind::Backfill, source, filter: JobFilter::default(), rate }
}

async fn job(engine: &Engine, id: JobId) -> Job {
    job_get(&mut engine.store().read(TENANT).await.unwrap(), TENANT, id).await.unwrap()
}

/// Waits until so many records were looked at.
async fn seen(engine: &Engine, id: JobId, count: i64) -> Job {
    let wait = async {
        loop {
            let job = job(engine, id).await;
            if job.progress.seen >= count {
                return job;
            }
            // Taken by a task of the engine: there is no call to wait for.
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), wait).await.expect("the job goes on")
}

async fn texts(engine: &Engine, sql: &'static str) -> Vec<String> {
    let mut connection = engine.store().read(TENANT).await.unwrap();
    let rows = connection.query(sql, params![TENANT]).await.unwrap();
    rows.into_iter().map(|row| row.first().unwrap()).collect()
}

/// Once nothing runs any more.
async fn tickets(engine: &Engine) -> Vec<String> {
    let live =
        "SELECT CAST(id AS TEXT) FROM workflow_executions WHERE tenant_id = ?1 AND status <> 'completed'";
    while !texts(engine, live).await.is_empty() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    texts(engine, "SELECT title FROM tickets WHERE tenant_id = ?1 ORDER BY title").await
}

fn later(house: &House, milliseconds: i64) {
    house.clock.set(Timestamp::from_millis(house.clock.now().as_millis() + milliseconds));
}

async fn stop(engine: Engine) {
    engine.stop(Duration::from_secs(5)).await;
}

testkit::on_both! {
    async fn a_backfill_makes_up_for_the_past_once(place: Place) {
        let house = House::new(place);
        let (engine, workflow, contact) = house.furnish(never()).await;
        let form = engine.store().write(move |tx| Box::pin(async move {
            let (ours, other) = (form(tx, "Ours").await?, form(tx, "Other").await?);
            for (form, nps) in [(ours, 3), (other, 3), (ours, 9), (ours, 0)] {
                answer(tx, form, contact, nps).await?;
            }
            Ok(ours)
        })).await.unwrap();
        change(&engine, workflow, Change { definition: Some(definition_of(listens(form))), ..Change::default() }).await;
        let all = JobFilter::default();
        let tried = async || {
            let preview = engine.job_preview(TENANT, workflow, JobKind::Backfill, (JobSource::Submissions, &all)).await.unwrap();
            assert_eq!(preview.looked_at, preview.total);
            let samples: Vec<_> = preview.samples.iter().map(|sample| sample.run.actions[0].config["title"].clone()).collect();
            (preview.verdicts.into_iter().collect::<Vec<_>>(), samples)
        };
        assert_eq!(tried().await, (
            vec![(Verdict::WouldRun, 2), (Verdict::ConditionsNotMet, 1), (Verdict::NotTriggered, 1)],
            vec![json!("1 of Ada"), json!("4 of Ada")],
        ));
        assert_eq!(tickets(&engine).await, Vec::<String>::new());

        let first = engine.job_start(TENANT, Actor::System, of(JobSource::Submissions, workflow, 50)).await.unwrap();
        let second = engine.job_start(TENANT, Actor::System, of(JobSource::Submissions, workflow, 50)).await.unwrap();
        let (first, second) = (seen(&engine, first.id, 4).await, seen(&engine, second.id, 4).await);
        let both = |of: fn(&Progress) -> i64| of(&first.progress) + of(&second.progress);
        assert_eq!((both(|p| p.started), both(|p| p.unmatched), both(|p| p.skipped)), (2, 1, 5));
        assert_eq!((first.state, second.state, first.total), (JobState::Completed, JobState::Completed, 4));
        assert_eq!(tickets(&engine).await, ["1 of Ada", "4 of Ada"]);
        // What comes now runs by itself, and no backfill takes it again.
        engine.store().write(move |tx| Box::pin(answer(tx, form, contact, 1))).await.unwrap();
        assert_eq!(tried().await.0, [(Verdict::NotTriggered, 1), (Verdict::TakenBefore, 4)]);
        let third = engine.job_start(TENANT, Actor::System, of(JobSource::Submissions, workflow, 50)).await.unwrap();
        assert_eq!(seen(&engine, third.id, 5).await.progress.skipped, 5);
        assert_eq!(tickets(&engine).await, ["1 of Ada", "4 of Ada", "5 of Ada"]);
        stop(engine).await;
    }

    async fn a_job_keeps_its_rate_pauses_and_ends(place: Place) {
        let house = House::new(place);
        let (engine, workflow, _) = house.furnish(never()).await;
        contacts(&engine, 8).await;
        let filter = JobFilter { segment: Some("vip".to_owned()), ..JobFilter::default() };
        // By hand, so each time anew.
        let run = NewJob { kind: JobKind::Run, filter, ..of(JobSource::Contacts, workflow, 2) };
        let id = engine.job_start(TENANT, Actor::System, run.clone()).await.unwrap().id;
        let order = async |id: JobId, order: Order| {
            let done = engine.store().write(move |tx| Box::pin(job_order(tx, TENANT, Actor::System, id, order)));
            done.await.map(|job| (job.state, job.progress.seen))
        };
        let begun = seen(&engine, id, 2).await;
        assert_eq!((begun.progress.seen, begun.state, begun.total), (2, JobState::Running, 7));
        later(&house, 1_000);
        assert_eq!(seen(&engine, id, 4).await.progress.seen, 4);
        assert_eq!(order(id, Order::Pause).await, Ok((JobState::Paused, 4)));
        later(&house, 60_000);
        assert_eq!(order(id, Order::Pause).await, Ok((JobState::Paused, 4)));
        assert_eq!(order(id, Order::Resume).await, Ok((JobState::Running, 4)));
        assert_eq!(seen(&engine, id, 6).await.progress.seen, 6);
        later(&house, 1_000);
        let ended = seen(&engine, id, 7).await;
        assert_eq!((ended.state, ended.progress.started, ended.due_at), (JobState::Completed, 7, None));
        assert!(order(id, Order::Resume).await.is_err());
        let again = engine.job_start(TENANT, Actor::System, run).await.unwrap().id;
        seen(&engine, again, 2).await;
        assert_eq!(order(again, Order::Cancel).await, Ok((JobState::Cancelled, 2)));
        later(&house, 60_000);
        assert_eq!(tickets(&engine).await.len(), 9);
        stop(engine).await;
    }

    async fn a_password_that_cannot_be_read_stops_mails_and_nothing_else(place: Place) {
        let house = House::new(place);
        let mut mails = never();
        mails["actions"].as_array_mut().unwrap().insert(0, json!({"type": "send_email", "config": {"to": "a@example.com", "subject": "s", "body": "b"}}));
        let (engine, workflow, _) = house.furnish(mails).await;
        let quiet = json!({"trigger_event": "rung", "debounce": {"for": "30s", "key": "k"}, "conditions": [],
            "actions": [{"type": "create_ticket", "config": {"title": "of {{tenant.name}}"}}]});
        save(&engine, quiet).await;
        let smtp = json!({"host": "127.0.0.1", "port": 9, "security": "none", "username": "u", "password": "p"});
        let settings: Settings = serde_json::from_value(json!({"smtp": smtp})).unwrap();
        engine.store().write(move |tx| Box::pin(async move {
            settings_put(tx, TENANT, Actor::System, settings, &SecretBox::of_key(&[8; 32]), None).await
        })).await.unwrap();
        engine.tenant_changed(TENANT).await.unwrap();
        let id = engine.job_start(TENANT, Actor::System, of(JobSource::Contacts, workflow, 50)).await.unwrap().id;
        let job = seen(&engine, id, 1).await;
        assert_eq!((job.state, job.error, job.progress.started), (JobState::Completed, None, 1));
        engine.accept(NewEvent { name: "rung".parse().unwrap(), ..event(None, json!({})) }).await.unwrap();
        later(&house, 30_000);
        let waited = async {
            while tickets(&engine).await.len() < 2 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), waited).await.expect("the event that waited is taken");
        assert_eq!(tickets(&engine).await, ["Ada", "of Acme"]);
        let failed = texts(&engine, "SELECT error FROM workflow_execution_logs WHERE tenant_id = ?1 AND error IS NOT NULL").await;
        assert_eq!(failed, ["the password of the mail server 127.0.0.1:9 cannot be read: enter it again in the settings"]);
        stop(engine).await;
    }

    async fn each_record_is_taken_once_wherever_the_process_dies(place: Place) {
        let die = async |faults: Once| {
            let house = House::new(place.another());
            let (engine, workflow, _) = house.furnish(never()).await;
            contacts(&engine, 5).await;
            stop(engine).await;
            let engine = house.at_rest().await;
            let mut jobs = Vec::new();
            for _ in 0..2 {
                jobs.push(engine.job_start(TENANT, Actor::System, of(JobSource::Contacts, workflow, 2)).await.unwrap().id);
            }
            stop(engine).await;
            let faults = Arc::new(faults);
            if let Ok(engine) = house.reopen(Some(Arc::clone(&faults) as Arc<_>)).await {
                // It dies on the way, or comes to its end.
                while !is_done(&house, &engine, &jobs).await {
                    tokio::select! {
                        () = tokio::time::sleep(Duration::from_millis(5)) => {}
                        () = engine.store().ended() => break,
                    }
                }
                stop(engine).await;
            }
            let engine = house.recover().await;
            while !is_done(&house, &engine, &jobs).await {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            assert_eq!(tickets(&engine).await, ["Ada", "Nr. 2", "Nr. 3", "Nr. 4", "Nr. 5"], "{faults:?}");
            let mut done = Progress::default();
            for id in jobs {
                let job = job(&engine, id).await;
                assert_eq!((job.progress.seen, job.state), (5, JobState::Completed), "{faults:?}");
                done.started += job.progress.started;
                done.skipped += job.progress.skipped;
            }
            assert_eq!((done.started, done.skipped), (5, 5), "{faults:?}");
            stop(engine).await;
            faults.commits.load(Ordering::Relaxed)
        };
        let commits = die(Once::default()).await;
        assert!(commits >= 6, "three slices of each: {commits}");
        for commit in 1..=commits {
            die(Once { before_commit: Some(commit), ..Once::default() }).await;
            die(Once { after_commit: Some(commit), ..Once::default() }).await;
        }
    }
}

/// Both jobs have ended; lets time pass to their next slice otherwise. False also when the store is dead.
async fn is_done(house: &House, engine: &Engine, jobs: &[JobId]) -> bool {
    let mut done = true;
    for id in jobs {
        let Ok(mut connection) = engine.store().read(TENANT).await else { return false };
        let Ok(job) = job_get(&mut connection, TENANT, *id).await else { return false };
        done &= job.state.is_terminal();
        if let Some(due_at) = job.due_at.filter(|due_at| *due_at > house.clock.now()) {
            house.clock.set(due_at);
        }
    }
    let live = "SELECT count(*) FROM workflow_executions WHERE tenant_id = ?1 AND status <> 'completed'";
    let Ok(mut connection) = engine.store().read(TENANT).await else { return false };
    let live = connection.query_one(live, params![TENANT]).await;
    done && live.is_ok_and(|row| row.first::<i64>().is_ok_and(|live| live == 0))
}
