//! Waiting for what comes from outside: who is woken, by what, how often, and who decides.

use std::time::Duration;

use engine::{Engine, RetryRequest};
use model::{
    Actor, ApprovalId, ExecutionId, ExecutionStatus, UserId,
    approval::Decision,
    event::{EventName, NewEvent},
    user::{Identity, Role},
};
use serde_json::{Value, json};
use store::{
    Page, StoreError,
    api_key::{Fields, api_key_create},
    approval::{Decider, Ruled, Ruling, approval_decide, link},
    notification::notification_list,
    outbox::outbox_list,
    token::Token,
    user::{NewUser, user_create},
};
use testkit::place::Place;

use crate::harness::{House, KEY, TENANT, approvals, brought, decide, event, load, post};

fn waits(conditions: Value, more: &Value) -> Value {
    let mut config = json!({"event": "order.paid", "conditions": conditions, "timeout": "5d"});
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"conditions": [], "actions": [{"id": "w", "type": "wait_for_event", "config": config}]})
}

fn paid(data: Value) -> NewEvent {
    NewEvent { name: "order.paid".parse::<EventName>().unwrap(), ..event(None, data) }
}

fn equal(field: &str, value: Value) -> Value {
    json!({"field": field, "operator": "equals", "value": value})
}

/// Waits until nothing that has come is left, and everybody who was woken is at rest; answers which have ended.
async fn ended(house: &House, engine: &Engine, ids: &[ExecutionId]) -> Vec<usize> {
    brought(engine).await.unwrap();
    let mut ended = Vec::new();
    for (at, id) in ids.iter().enumerate() {
        if house.rest(engine, *id).await.unwrap().execution.progress.status.is_terminal() {
            ended.push(at);
        }
    }
    ended
}

async fn counted(engine: &Engine, sql: &'static str) -> i64 {
    let mut connection = engine.store().read_any().await.unwrap();
    connection.query_one(sql, Vec::new()).await.unwrap().first().unwrap()
}

const WAITS: &str = "SELECT count(*) FROM execution_waits";

testkit::on_both! {
    async fn an_event_finds_its_waits_by_their_key(place: Place) {
        let house = House::new(place);
        let conditions = json!([equal("event.order", json!("{{order}}")), {"field": "event.total", "operator": ">", "value": "{{least}}"}]);
        let (engine, _, _) = house.furnish(waits(conditions, &json!({}))).await;
        let mut ids = Vec::new();
        // Numbers and their texts are equal, and so are their keys.
        for data in [json!({"order": 7, "least": 10}), json!({"order": "7.0", "least": 99}), json!({"order": 8, "least": 10}), json!({"least": 10}), json!({"order": 7, "least": 20})] {
            ids.push(post(&engine, data).await.executions[0].id);
        }
        let waiting = load(&engine, ids[0]).await.unwrap();
        assert_eq!(waiting.execution.progress.status, ExecutionStatus::Waiting, "the wait was written with the event that began the run");
        engine.accept(paid(json!({"order": "7", "total": 15}))).await.unwrap();
        assert_eq!(ended(&house, &engine, &ids).await, [0]);
        engine.accept(paid(json!({"order": 7, "total": 50}))).await.unwrap();
        assert_eq!(ended(&house, &engine, &ids).await, [0, 4]);
        engine.accept(paid(json!({"order": 7, "total": 500}))).await.unwrap();
        assert_eq!(ended(&house, &engine, &ids).await, [0, 1, 4]);
        // Null is equal to null, and has no key.
        engine.accept(paid(json!({"total": 500}))).await.unwrap();
        assert_eq!(ended(&house, &engine, &ids).await, [0, 1, 3, 4]);
        let output = load(&engine, ids[0]).await.unwrap().journal[1].output_data.clone().unwrap();
        assert_eq!((&output["timedOut"], &output["event"]), (&json!(false), &json!({"order": "7", "total": 15})));
        assert_eq!(counted(&engine, WAITS).await, 1);
        engine.cancel(TENANT, Actor::System, ids[2]).await.unwrap();
        assert_eq!(counted(&engine, WAITS).await, 0, "what is cancelled waits for nothing");
        engine.stop(Duration::from_secs(5)).await;
    }

    async fn an_event_wakes_its_three_among_many_and_reads_no_others(place: Place) {
        const MANY: usize = 600;
        let house = House::new(place);
        let (engine, _, _) = house.furnish(waits(json!([equal("event.order", json!("{{order}}"))]), &json!({}))).await;
        let events = (0..MANY).map(|number| event(None, json!({"order": number / 3}))).collect();
        let accepted = engine.accept_all(TENANT, events).await.unwrap();
        let ids: Vec<ExecutionId> = accepted.into_iter().map(|accepted| accepted.unwrap().executions[0].id).collect();
        assert_eq!(counted(&engine, WAITS).await, MANY as i64);
        // After a restart too.
        engine.stop(Duration::from_secs(5)).await;
        let engine = house.reopen(None).await.unwrap();
        engine.accept(paid(json!({"order": 100}))).await.unwrap();
        assert_eq!(ended(&house, &engine, &ids).await, [300, 301, 302]);
        let mut connection = engine.store().read_any().await.unwrap();
        let explain = if engine.store().is_alone() { "EXPLAIN QUERY PLAN" } else { "EXPLAIN" };
        let sql = format!("{explain} SELECT execution_id FROM execution_waits WHERE tenant_id = 1 AND event = 'order.paid' AND key_path = 'event.order' AND key_value = '0.1e3'");
        if !engine.store().is_alone() {
            let analyze = engine.store().write(|tx| Box::pin(async move { tx.execute("ANALYZE execution_waits", Vec::new()).await }));
            analyze.await.unwrap();
        }
        let plan: Vec<String> = connection.query(sql, Vec::new()).await.unwrap().into_iter().map(|row| format!("{row:?}")).collect();
        assert!(plan.join(" ").contains("idx_execution_waits_event"), "{plan:?}");
        drop(connection);
        engine.stop(Duration::from_secs(5)).await;
    }

    async fn what_is_waited_for_is_there_when_the_run_is_taken_up_again(place: Place) {
        let house = House::new(place);
        let (engine, _, _) = house.furnish(waits(json!([equal("event.order", json!("{{order}}"))]), &json!({"onTimeout": [
            {"id": "late", "type": "create_ticket", "config": {"title": "late"}},
        ]}))).await;
        let id = post(&engine, json!({"order": 1})).await.executions[0].id;
        engine.stop(Duration::from_secs(5)).await;
        // Taken in by a process that runs nothing; the time is over before anybody does.
        let resting = house.at_rest().await;
        resting.accept(paid(json!({"order": 1}))).await.unwrap();
        resting.store().close().await;
        drop(resting);
        house.clock.advance(model::Period::days(6));
        let engine = house.reopen(None).await.unwrap();
        let started = house.run_to_end(&engine, id).await.unwrap();
        assert_eq!(started.journal[1].output_data.as_ref().unwrap()["timedOut"], false, "it had come in time");
        engine.stop(Duration::from_secs(5)).await;
    }

    async fn a_retry_by_hand_does_not_wait_again_for_what_has_come(place: Place) {
        let house = House::new(place);
        let (engine, _, _) = house.furnish(waits(json!([]), &json!({"actions": [
            {"id": "t", "type": "update_contact", "critical": true, "config": {"contactId": 99, "updates": {"segment": "x"}}},
        ]}))).await;
        let id = post(&engine, json!({})).await.executions[0].id;
        engine.accept(paid(json!({"total": 5}))).await.unwrap();
        assert_eq!(ended(&house, &engine, &[id]).await, [0]);
        let again = engine.retry(TENANT, Actor::System, id, RetryRequest::default()).await.unwrap().id;
        let retried = house.run_to_end(&engine, again).await.unwrap();
        let wait = retried.journal.iter().find(|row| row.step_id == "w").unwrap();
        assert_eq!(wait.output_data.as_ref().unwrap()["event"], json!({"total": 5}));
        assert_eq!(retried.execution.progress.status, ExecutionStatus::Failed);
        engine.stop(Duration::from_secs(5)).await;
    }

    async fn approvers_decide_each_once_and_what_they_answer_is_the_output(place: Place) {
        let house = House::new(place);
        let (engine, _, _) = house.furnish(json!({"conditions": [], "actions": [
            {"id": "a", "type": "approval", "config": {
                "title": "Refund {{amount}}", "message": "Really?", "approvers": [{"userId": 1}, {"userId": 2}, {"email": "Boss@example.com"}, {"email": "bob@example.com"}, {"email": "cto@example.com"}],
                "required": 2, "reminder": "1d", "timeout": "2d",
                "form": [{"key": "limit", "type": "number", "label": "Up to?", "required": true, "min": 1}],
            }},
        ]})).await;
        people(&engine).await;
        let user = |id| Decider::Identity(Identity { tenant: TENANT, actor: Actor::User(UserId::new(id)), role: Role::Viewer });
        let boss = || Decider::Address("boss@EXAMPLE.com".to_owned());
        // Ada posts the event, so it is her own run.
        let mine = NewEvent { actor: Actor::User(UserId::new(1)), ..event(None, json!({"amount": 5})) };
        let id = engine.accept(mine).await.unwrap().executions[0].id;
        let asked = approvals(&engine, id).await.unwrap().remove(0);
        assert_eq!((asked.title.as_str(), asked.required, asked.selves.clone()), ("Refund 5", 2, vec![Actor::User(UserId::new(1))]));
        let rule = async |decider: Decider, decision: Decision, form: Value| {
            let (ruling, id) = (Ruling { decision, comment: None, form: form.as_object().cloned().unwrap() }, asked.id);
            let write = engine.store().write(move |tx| Box::pin(async move { approval_decide(tx, TENANT, &decider, id, ruling).await }));
            write.await
        };
        assert_eq!(rule(user(1), Decision::Approved, json!({"limit": 9})).await, Ok(Ruled::IsSelf));
        assert_eq!(rule(user(3), Decision::Approved, json!({"limit": 9})).await, Ok(Ruled::NotAsked));
        assert_eq!(rule(Decider::Identity(KEY), Decision::Approved, json!({"limit": 9})).await, Ok(Ruled::NotAsked));
        let refused = rule(user(2), Decision::Approved, json!({"limit": 0, "other": 1})).await;
        let Err(StoreError::Refused(problems)) = refused else { panic!("{refused:?}") };
        assert_eq!(problems.iter().map(ToString::to_string).collect::<Vec<_>>(), ["form.other: the form has no question with this key", "form.limit: must be at least 1"]);
        // Somebody says no; two others can still say yes.
        let no = rule(user(2), Decision::Rejected, json!({})).await.unwrap();
        assert!(matches!(no, Ruled::Done(approval) if approval.ended_at.is_none()));
        let twice = rule(Decider::Address("bob@example.com".to_owned()), Decision::Approved, json!({"limit": 9})).await;
        assert!(matches!(twice, Err(StoreError::Conflict { code: "decided_before", .. })), "Bob is one person: {twice:?}");
        let yes = rule(boss(), Decision::Approved, json!({"limit": 9})).await;
        assert!(matches!(yes, Ok(Ruled::Done(approval)) if approval.ended_at.is_none()));
        let last = rule(Decider::Address("cto@example.com".to_owned()), Decision::Rejected, json!({})).await;
        assert!(matches!(last, Ok(Ruled::Done(approval)) if approval.ended_at.is_some()), "nobody is left who could make two");
        let over = rule(boss(), Decision::Approved, json!({"limit": 9})).await;
        assert!(matches!(over, Err(StoreError::Conflict { code: "approval_decided", .. })), "{over:?}");
        let started = house.run_to_end(&engine, id).await.unwrap();
        assert_eq!(started.journal[1].output(), json!({"decision": "rejected", "by": ["user:2", "cto@example.com"], "comment": null, "form": {}}));
        engine.stop(Duration::from_secs(5)).await;
    }

    async fn who_started_what_led_to_the_run_is_self_by_whatever_detour(place: Place) {
        let house = House::new(place);
        let ask = json!({"id": "a", "type": "approval", "config": {"title": "Refund", "approvers": [{"userId": 1}], "timeout": "2d"}});
        let ticket = json!({"type": "create_ticket", "config": {"title": "Refund"}});
        let call = json!({"type": "run_workflow", "config": {"workflowId": "asks"}});
        let (engine, _, _) = house.furnish(json!({"name": "Detour", "actions": [{"type": "set", "config": {"variables": {"a": 1}}}, ticket, call]})).await;
        people(&engine).await;
        house.workflow(&engine, json!({"name": "Asks", "trigger_event": "ticket_created", "actions": [ask]})).await;
        let mine = NewEvent { actor: Actor::User(UserId::new(1)), ..event(None, json!({})) };
        let id = engine.accept(mine).await.unwrap().executions[0].id;
        house.rest(&engine, id).await.unwrap();
        let both = async {
            loop {
                let asked = approvals(&engine, None).await.unwrap();
                if asked.len() == 2 {
                    return asked;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let asked = tokio::time::timeout(Duration::from_secs(20), both).await.expect("both ask");
        let ada = Decider::Identity(Identity { tenant: TENANT, actor: Actor::User(UserId::new(1)), role: Role::Admin });
        for approval in asked {
            assert_eq!(approval.selves, [Actor::User(UserId::new(1))], "{approval:?}");
            assert_eq!(decide(&engine, ada.clone(), approval.id, Decision::Approved).await, Ok(Ruled::IsSelf));
        }
        engine.stop(Duration::from_secs(5)).await;
    }

    async fn keys_that_may_still_decide_count_as_people_do(place: Place) {
        let house = House::new(place);
        let (engine, _, _) = house.furnish(json!({"conditions": [], "actions": [
            {"id": "a", "type": "approval", "config": {"title": "Refund", "approvers": [{"role": "admin"}], "required": 2, "timeout": "2d"}},
        ]})).await;
        people(&engine).await;
        let write = engine.store().write(|tx| {
            Box::pin(async move {
                let mut ids = Vec::new();
                for (name, role) in [("one", Role::Admin), ("two", Role::Admin), ("three", Role::Editor)] {
                    let fields = Fields { name: name.to_owned(), role, rate_limit: None };
                    ids.push(api_key_create(tx, TENANT, Actor::System, &fields, &Token::given(name)).await?.id);
                }
                Ok(ids)
            })
        });
        let keys = write.await.unwrap();
        let id = post(&engine, json!({})).await.executions[0].id;
        let asked = approvals(&engine, id).await.unwrap().remove(0).id;
        let ended = async |actor: Actor, decision: Decision| {
            let decider = Decider::Identity(Identity { tenant: TENANT, actor, role: Role::Admin });
            match decide(&engine, decider, asked, decision).await.unwrap() {
                Ruled::Done(approval) => approval.ended_at.is_some(),
                other => panic!("{other:?}"),
            }
        };
        assert!(!ended(Actor::User(UserId::new(1)), Decision::Rejected).await, "the only administrator says no, and two keys may say yes");
        assert!(!ended(Actor::ApiKey(keys[0]), Decision::Approved).await);
        assert!(ended(Actor::ApiKey(keys[1]), Decision::Rejected).await, "nobody is left who could make two");
        engine.stop(Duration::from_secs(5)).await;
    }

    async fn approvers_are_told_and_reminded_once_by_notification_and_mail(place: Place) {
        let house = House::new(place);
        let (engine, _, _) = house.furnish(json!({"conditions": [], "actions": [
            {"id": "a", "type": "approval", "config": {"title": "Refund", "approvers": [{"role": "editor"}, {"email": "boss@example.com"}], "reminder": "1d", "timeout": "2d"}},
        ]})).await;
        people(&engine).await;
        let id = post(&engine, json!({})).await.executions[0].id;
        let told = async {
            loop {
                let mut connection = engine.store().read(TENANT).await.unwrap();
                let mails = outbox_list(&mut connection, TENANT, None, None, Page::first(50)).await.unwrap().rows;
                if mails.iter().any(|kept| kept.mail.subject.starts_with("Approval needed")) {
                    return mails;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let mails = tokio::time::timeout(Duration::from_secs(20), told).await.expect("the mail is kept");
        house.run_to_end(&engine, id).await.unwrap();
        let text = mails.last().unwrap().mail.text.clone().unwrap();
        assert_eq!(mails.last().unwrap().mail.to, ["boss@example.com"]);
        // Whoever may read kept mails must not be able to decide.
        let links: Vec<&str> = text.lines().filter_map(|line| line.split_once(link::PATH)).map(|(_, token)| token).collect();
        assert_eq!(links, ["•••"]);
        let mut connection = engine.store().read(TENANT).await.unwrap();
        let notifications = notification_list(&mut connection, TENANT, None, false, Page::first(50)).await.unwrap().rows;
        let mut told: Vec<String> = notifications.iter().map(|told| format!("{} {}", told.user_id, told.title)).collect();
        told.sort();
        assert_eq!(told, ["1 Approval: Refund", "1 Reminder, approval: Refund", "2 Approval: Refund", "2 Reminder, approval: Refund"]);
        drop(connection);
        engine.stop(Duration::from_secs(5)).await;
    }
}

/// Ada is an administrator, Bob an editor, Cy a viewer.
async fn people(engine: &Engine) {
    let write = engine.store().write(|tx| {
        Box::pin(async move {
            for (name, role) in [("ada", Role::Admin), ("bob", Role::Editor), ("cy", Role::Viewer)] {
                let email = format!("{name}@example.com");
                let new =
                    NewUser { email, name: Some(name.to_owned()), role, time_zone: None, password: None };
                user_create(tx, TENANT, Actor::System, &new).await?;
            }
            Ok(())
        })
    });
    write.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_decide_at_the_same_moment_and_one_of_them_does() {
    let house = House::new(Place::postgres());
    let (first, _, _) = house
        .furnish(json!({"conditions": [], "actions": [
            {"id": "a", "type": "approval", "config": {"title": "Refund", "approvers": [{"role": "editor"}], "timeout": "2d"}},
        ]}))
        .await;
    let second = house.reopen(None).await.unwrap();
    for _ in 0..10 {
        let id = post(&first, json!({})).await.executions[0].id;
        let asked: ApprovalId = approvals(&first, id).await.unwrap()[0].id;
        let other = Identity { actor: Actor::ApiKey(model::ApiKeyId::new(8)), ..KEY };
        let (one, two) = tokio::join!(
            decide(&first, Decider::Identity(KEY), asked, Decision::Approved),
            decide(&second, Decider::Identity(other), asked, Decision::Rejected)
        );
        let done = [&one, &two].iter().filter(|ruled| matches!(ruled, Ok(Ruled::Done(_)))).count();
        assert_eq!(done, 1, "{one:?} {two:?}");
        let expected = if one.is_ok() { "approved" } else { "rejected" };
        let started = ended_somewhere(&first, id).await;
        assert_eq!(started.journal[1].output_data.as_ref().unwrap()["decision"], expected);
    }
    first.stop(Duration::from_secs(5)).await;
    second.stop(Duration::from_secs(5)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_comes_in_at_one_node_wakes_the_run_of_another() {
    let house = House::new(Place::postgres());
    let (first, _, _) =
        house.furnish(waits(json!([equal("event.order", json!("{{order}}"))]), &json!({}))).await;
    let second = house.reopen(None).await.unwrap();
    for order in 0..20 {
        let id = post(&first, json!({"order": order})).await.executions[0].id;
        // The wait is durable, so whoever takes the event in sees it.
        second.accept(paid(json!({"order": order}))).await.unwrap();
        let started = ended_somewhere(&first, id).await;
        assert_eq!(started.journal[1].output_data.as_ref().unwrap()["timedOut"], false);
    }
    first.stop(Duration::from_secs(5)).await;
    second.stop(Duration::from_secs(5)).await;
}

async fn ended_somewhere(engine: &Engine, id: ExecutionId) -> store::execution::Started {
    let wait = async {
        loop {
            let started = load(engine, id).await.unwrap();
            if started.execution.progress.status.is_terminal() {
                return started;
            }
            // The other node's commits are not heard here.
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), wait).await.expect("the execution ends")
}
