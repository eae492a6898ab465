//! What happens to executions from their event to their end, told as journals.

use engine::{Live, RetryDefinition, RetryFrom, RetryRequest};
use model::{Actor, ExecutionStatus};
use serde_json::{Value, json};
use store::StoreError;
use testkit::sink::Sink;

use crate::harness::{House, TENANT, keys, lines, load, post};

fn detractor() -> Value {
    json!({"submission": {"contactId": 1, "data": {"q_nps": 3, "q_name": "Ada"}}})
}

testkit::on_both! {
    async fn a_critical_step_is_retried_after_1_5_and_15_minutes_and_then_given_up(place: Place) {
        let (house, sink) = (House::new(place), Sink::start().await);
        let (engine, _, _) = house
            .furnish(json!({
                "conditions": [],
                "actions": [
                    {"type": "create_ticket", "config": {"title": "Once"}},
                    {"type": "webhook", "config": {"url": sink.url("/status/503")}, "critical": true},
                    {"type": "add_tag", "config": {"entity": "contact", "entityId": 1, "tag": "never"}},
                ],
            }))
            .await;
        let id = post(&engine, detractor()).await.executions[0].id;
        let mut waits = Vec::new();
        loop {
            let started = house.rest(&engine, id).await.unwrap();
            let progress = &started.execution.progress;
            if progress.status != ExecutionStatus::Retrying {
                break;
            }
            let next = progress.next_retry_at.unwrap();
            waits.push((progress.retry_count, next.millis_since(engine.store().now()) / 60_000));
            let mut live = engine.live();
            house.clock.set(next);
            // Word of what was seen already may come late.
            while load(&engine, id).await.unwrap().execution.progress.next_retry_at == Some(next) {
                live.recv().await.unwrap();
            }
        }
        assert_eq!(waits, [(1, 1), (2, 5), (3, 15)]);
        let ended = load(&engine, id).await.unwrap();
        insta::assert_snapshot!(
            "retries_exhausted",
            format!(
                "{}\nnext retry {:?}\nerror {}\nstack {}",
                lines(&ended.journal).join("\n"),
                ended.execution.progress.next_retry_at,
                ended.execution.progress.error.unwrap_or_default(),
                ended.execution.progress.error_stack.unwrap_or_default()
            )
            .replace(&sink.url(""), "http://sink")
        );
        assert_eq!(sink.requests().len(), 4);
        assert_eq!(keys(&sink).len(), 1, "one idempotency key over all attempts");
    }

    async fn a_retry_by_hand_keeps_what_was_done_and_the_key_of_what_was_not(place: Place) {
        let (house, sink) = (House::new(place), Sink::start().await);
        let (engine, workflow, _) = house
            .furnish(json!({
                "conditions": [{"field": "submission.data.q_nps", "operator": "<=", "value": 6}],
                "actions": [
                    {"type": "create_ticket", "config": {"title": "Once"}},
                    {"type": "webhook", "config": {"url": sink.url("/status/404")}},
                    {"type": "webhook", "config": {"url": sink.url("/ok")}},
                ],
            }))
            .await;
        let original = post(&engine, detractor()).await.executions[0].id;
        let ended = house.rest(&engine, original).await.unwrap();
        assert_eq!(
            (ended.execution.progress.status, ended.execution.progress.actions_failed),
            (ExecutionStatus::Completed, 1)
        );

        // The workflow is mended; the retry runs the current definition from what failed.
        let mended = crate::harness::definition_of(json!({
            "conditions": [{"field": "submission.data.q_nps", "operator": "<=", "value": 6}],
            "actions": [
                {"id": "s1", "type": "create_ticket", "config": {"title": "Once"}},
                {"id": "s2", "type": "webhook", "config": {"url": sink.url("/json")}},
                {"id": "s3", "type": "webhook", "config": {"url": sink.url("/ok")}},
            ],
        }));
        let change = store::workflow::Change { definition: Some(mended), ..store::workflow::Change::default() };
        engine
            .store()
            .write(move |tx| {
                Box::pin(async move {
                    store::workflow::workflow_update(tx, TENANT, Actor::System, workflow, change).await
                })
            })
            .await
            .unwrap();
        engine.workflow_changed(TENANT, workflow).await.unwrap();
        let request = RetryRequest { from: RetryFrom::FailedStep, definition: RetryDefinition::Current };
        let retry = engine.retry(TENANT, Actor::System, original, request).await.unwrap();
        let retried = house.rest(&engine, retry.id).await.unwrap();

        let calls: Vec<String> = sink.requests().iter().map(|request| request.path.clone()).collect();
        assert_eq!(calls, ["/status/404", "/ok", "/json"], "the completed webhook is not called again");
        assert_eq!(keys(&sink).len(), 2, "the failed step keeps its key");
        insta::assert_snapshot!(
            "retried_by_hand",
            lines(&retried.journal).join("\n").replace(&sink.url(""), "http://sink")
        );

        let nothing =
            engine.retry(TENANT, Actor::System, retry.id, RetryRequest::default()).await.unwrap_err().to_string();
        assert_eq!(nothing, "the execution completed and none of its steps failed: there is nothing to retry");
        let anew = RetryRequest { from: RetryFrom::Start, definition: RetryDefinition::Original };
        let anew = engine.retry(TENANT, Actor::System, original, anew).await.unwrap();
        house.rest(&engine, anew.id).await.unwrap();
        assert_eq!(keys(&sink).len(), 4, "a retry from the start uses new keys");
    }

    async fn a_waiting_execution_is_cancelled_for_good(place: Place) {
        let house = House::new(place);
        let (engine, _, _) = house
            .furnish(json!({
                "conditions": [],
                "actions": [
                    {"type": "delay", "config": {"duration": "7d"}},
                    {"type": "create_ticket", "config": {"title": "Never"}},
                ],
            }))
            .await;
        let id = post(&engine, detractor()).await.executions[0].id;
        let waiting = house.rest(&engine, id).await.unwrap();
        assert_eq!(waiting.execution.progress.status, ExecutionStatus::Waiting);
        engine.cancel(TENANT, Actor::System, id).await.unwrap();
        house.clock.set(waiting.execution.progress.wake_at.unwrap());
        let again = engine.cancel(TENANT, Actor::System, id).await.unwrap_err();
        assert!(matches!(again, engine::EngineError::Store(StoreError::Conflict { .. })), "{again}");
        let ended = load(&engine, id).await.unwrap();
        insta::assert_snapshot!("cancelled", lines(&ended.journal).join("\n"));
        assert_eq!(ended.execution.progress.status, ExecutionStatus::Cancelled);
    }

    async fn what_is_cancelled_before_a_worker_is_free_calls_nobody(place: Place) {
        let (mut house, sink) = (House::new(place), Sink::start().await);
        house.workers = 1;
        let webhook = json!({"type": "webhook", "config": {"url": sink.url("/{{path}}")}, "critical": true});
        let (engine, _, _) = house.furnish(json!({"conditions": [], "actions": [webhook]})).await;
        let go = async |path: &str| post(&engine, json!({"path": path})).await.executions[0].id;
        let retried = go("status/503").await;
        let waiting = house.rest(&engine, retried).await.unwrap();
        // The worker is taken; the retry is due, but has to wait for it.
        let blocker = go("hang").await;
        let mut live = engine.live();
        house.clock.set(waiting.execution.progress.next_retry_at.unwrap());
        let resumed = |change: &Live| {
            matches!(change, Live::Execution { id, status: ExecutionStatus::Pending, .. } if *id == retried)
        };
        while !resumed(&live.recv().await.unwrap()) {}
        engine.cancel(TENANT, Actor::System, retried).await.unwrap();
        // It becomes free: first for what was cancelled, then for this one.
        let last = go("ok").await;
        engine.cancel(TENANT, Actor::System, blocker).await.unwrap();
        house.rest(&engine, last).await.unwrap();
        let called: Vec<_> = sink.requests().into_iter().map(|request| request.path).filter(|path| path != "/hang").collect();
        assert_eq!(called, ["/status/503", "/ok"]);
    }

    async fn a_missing_score_is_no_detractor_and_the_log_says_why(place: Place) {
        let house = House::new(place);
        let (engine, _, _) = house
            .furnish(json!({
                "conditions": [{"field": "submission.data.q_nps", "operator": "<=", "value": 6}],
                "actions": [{"type": "create_ticket", "config": {"title": "Never"}}],
            }))
            .await;
        let id = post(&engine, json!({"submission": {"data": {}}})).await.executions[0].id;
        let ended = load(&engine, id).await.unwrap();
        assert_eq!(ended.execution.owner, None, "what has ended is in nobody's hand");
        let seen = json!({
            "status": ended.execution.progress.status,
            "outcome": ended.execution.progress.outcome,
            "result": ended.execution.progress.result,
            "conditions": ended.journal[0].output(),
        });
        // PostgreSQL keeps the keys of a document in an order of its own.
        insta::with_settings!({sort_maps => true}, { insta::assert_json_snapshot!("missing_score", seen) });
    }

    async fn a_workflow_that_starts_itself_is_stopped_with_the_reason_on_record(place: Place) {
        let house = House::new(place);
        let definition = json!({"conditions": [], "actions": [
            {"type": "update_contact", "config": {"contactId": "{{contact.id}}", "updates": {"note": "{{execution.id}}"}}},
        ]});
        let (engine, workflow, contact) = house.furnish(definition.clone()).await;
        let looping = model::workflow::Definition {
            trigger_event: "contact_updated".to_owned(),
            ..crate::harness::definition_of(definition)
        };
        let change = store::workflow::Change { definition: Some(looping), ..store::workflow::Change::default() };
        engine
            .store()
            .write(move |tx| {
                Box::pin(async move {
                    store::workflow::workflow_update(tx, TENANT, Actor::System, workflow, change).await?;
                    Ok(())
                })
            })
            .await
            .unwrap();
        engine.workflow_changed(TENANT, workflow).await.unwrap();
        let mut live = engine.live();
        engine
            .store()
            .write(move |tx| {
                Box::pin(async move {
                    let fields = json!({"segment": "vip"}).as_object().cloned().unwrap_or_default();
                    store::contact::contact_update(tx, TENANT, Actor::System.into(), contact, &fields, None).await
                })
            })
            .await
            .unwrap();
        let stopped = loop {
            let Live::Execution { id, status: ExecutionStatus::Completed, .. } =
                live.recv().await.unwrap()
            else {
                continue;
            };
            let found = load(&engine, id).await.unwrap();
            if found.execution.progress.outcome == Some(model::Outcome::Stopped) {
                break found;
            }
        };
        insta::assert_snapshot!("stopped_loop", lines(&stopped.journal).join("\n"));
    }

    async fn an_event_about_strangers_makes_a_ticket_without_links(place: Place) {
        let house = House::new(place);
        let (engine, _, _) = house
            .furnish(json!({
                "conditions": [],
                "actions": [
                    {"type": "create_ticket", "config": {"title": "About someone of another system"}, "critical": true},
                    {"type": "create_ticket", "config": {"title": "Named", "contactId": 77}},
                ],
            }))
            .await;
        let strangers = json!({"submission": {"id": 4711, "contactId": 77, "data": {}}});
        let id = post(&engine, strangers).await.executions[0].id;
        let ended = house.rest(&engine, id).await.unwrap();
        let ticket = &ended.journal[1].output_data.as_ref().unwrap()["ticket"];
        assert_eq!((&ticket["contact_id"], &ticket["submission_id"]), (&Value::Null, &Value::Null));
        insta::assert_snapshot!("strangers", lines(&ended.journal).join("\n"));
    }

    async fn what_was_under_way_when_a_run_is_cancelled_is_on_record(place: Place) {
        let (house, sink) = (House::new(place), Sink::start().await);
        let (engine, _, _) = house
            .furnish(json!({"conditions": [], "actions": [
                {"type": "create_ticket", "config": {"title": "Done"}},
                {"type": "webhook", "config": {"url": sink.url("/hang")}},
                {"type": "create_ticket", "config": {"title": "Never"}},
            ]}))
            .await;
        let id = post(&engine, detractor()).await.executions[0].id;
        sink.received(1).await;
        engine.cancel(TENANT, Actor::System, id).await.unwrap();
        let ended = load(&engine, id).await.unwrap();
        let result = ended.execution.progress.result.unwrap();
        insta::assert_snapshot!(
            "cancelled_under_way",
            format!("{}\nexecuted {}", lines(&ended.journal).join("\n"), result["actionsExecuted"])
        );
    }
}
