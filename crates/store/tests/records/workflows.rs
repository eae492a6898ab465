#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use model::{
    Actor, TenantId, WorkflowId,
    event::{EventName, NewEvent},
    workflow::{Definition, Workflow},
};
use serde_json::{Map, Value, json};
use store::{
    Page, StoreError, StoreResult,
    event::event_accept,
    ids::IdKind,
    params,
    workflow::{
        Change, DraftChange, Filter, NewWorkflow, workflow_active_list, workflow_archive,
        workflow_counters_fold, workflow_create, workflow_find, workflow_get, workflow_list,
        workflow_publish, workflow_purge_begin, workflow_purge_end, workflow_purge_slice, workflow_recall,
        workflow_update, workflow_version_get, workflow_version_list,
    },
};

use testkit::place::Place;

use super::{ADA, Bench, ONE, TWO, change, read, sentence};

/// The bench's own workflow is not counted among those that are made here.
async fn bench(place: Place) -> Bench {
    let bench = Bench::new(place).await;
    change!(bench, |tx| tx.id(IdKind::Workflow)).unwrap();
    change!(bench, |tx| tx.execute("DELETE FROM workflows", params![])).unwrap();
    bench
}

fn definition(name: &str) -> Definition {
    Definition {
        name: name.to_owned(),
        description: None,
        trigger_event: "submission_completed".to_owned(),
        trigger_config: Map::new(),
        conditions: json!([]),
        actions: json!([{"id": "s1", "type": "delay", "config": {"duration": "1h"}}]),
        log_unmatched: true,
        entry: model::workflow::EntryRules::default(),
        on_failure: Value::Null,
    }
}

async fn create(bench: &Bench, tenant: TenantId, key: Option<&str>, name: &str) -> StoreResult<Workflow> {
    let new = NewWorkflow {
        key: key.map(str::to_owned),
        definition: definition(name),
        is_draft: false,
        is_active: true,
    };
    change!(bench, |tx| workflow_create(tx, tenant, ADA, new))
}

async fn update(bench: &Bench, id: WorkflowId, change: Change) -> StoreResult<Workflow> {
    change!(bench, |tx| workflow_update(tx, ONE, Actor::System, id, change))
}

async fn versions(bench: &Bench, id: WorkflowId) -> Vec<(i64, String, Option<String>)> {
    let paged =
        read!(bench, |connection| workflow_version_list(connection, ONE, id, Page::first(10))).unwrap();
    paged.rows.into_iter().map(|version| (version.number, version.definition.name, version.note)).collect()
}

fn named(number: i64, name: &str, note: Option<&str>) -> (i64, String, Option<String>) {
    (number, name.to_owned(), note.map(str::to_owned))
}

testkit::on_both! {
    async fn each_change_of_the_definition_is_a_version_that_stays(place: Place) {
        let bench = bench(place).await;
        let made = create(&bench, ONE, None, "First").await.unwrap();
        assert_eq!((made.key.as_str(), made.published_version, made.version), ("first", 1, 1));
        assert_eq!(read!(bench, |connection| workflow_get(connection, ONE, made.id)).unwrap(), made);

        let same = Change { definition: Some(definition("First")), is_active: Some(true), ..Change::default() };
        assert_eq!(update(&bench, made.id, same).await.unwrap(), made);

        let off = update(&bench, made.id, Change { is_active: Some(false), ..Change::default() }).await.unwrap();
        assert_eq!((off.published_version, off.version, off.updated_by), (1, 2, Some(Actor::System)));

        let renamed = Change {
            definition: Some(definition("Second")),
            note: Some("a name".to_owned()),
            version: Some(2),
            ..Change::default()
        };
        let renamed = update(&bench, made.id, renamed).await.unwrap();
        assert_eq!((renamed.published_version, renamed.version, renamed.is_active), (2, 3, false));
        assert_eq!(renamed.key, "first");
        assert_eq!(
            versions(&bench, made.id).await,
            [named(2, "Second", Some("a name")), named(1, "First", None)]
        );

        let late = Change { definition: Some(definition("Third")), version: Some(2), ..Change::default() };
        assert_eq!(update(&bench, made.id, late).await, Err(StoreError::Stale { current: 3, sent: 2 }));
        let first = read!(bench, |connection| workflow_version_get(connection, ONE, made.id, 1)).unwrap();
        assert_eq!((first.definition, first.created_by), (definition("First"), Some(ADA)));
        assert_eq!(
            sentence(read!(bench, |connection| workflow_version_get(connection, TWO, made.id, 1))),
            "version 1 of workflow 2 does not exist"
        );
    }
}

testkit::on_both! {
    async fn a_draft_lies_beside_what_is_published(place: Place) {
        let bench = bench(place).await;
        let new =
            |is_active| NewWorkflow { key: None, definition: definition("Draft"), is_draft: true, is_active };
        let refused = change!(bench, |tx| workflow_create(tx, ONE, ADA, new(true)));
        assert_eq!(sentence(refused), "the workflow is only a draft: publish it before activating it");

        let draft = change!(bench, |tx| workflow_create(tx, ONE, ADA, new(false))).unwrap();
        let id = draft.id;
        assert_eq!((draft.published_version, draft.draft.is_some()), (0, true));
        assert_eq!(versions(&bench, id).await, []);
        let refused = update(&bench, id, Change { is_active: Some(true), ..Change::default() }).await;
        assert!(matches!(refused, Err(StoreError::Conflict { code: "not_published", .. })));
        let refused = update(&bench, id, Change { draft: DraftChange::Drop, ..Change::default() }).await;
        assert!(matches!(refused, Err(StoreError::Conflict { code: "not_published", .. })));

        let draft = DraftChange::Set(definition("Better draft"));
        let draft = update(&bench, id, Change { draft, ..Change::default() }).await.unwrap();
        assert_eq!((draft.definition.name.as_str(), draft.published_version), ("Better draft", 0));

        let note = Some("ready".to_owned());
        let publish =
            change!(bench, |tx| workflow_publish(tx, ONE, ADA, id, definition("Better draft"), note, Some(2)));
        let published = publish.unwrap();
        assert_eq!((published.published_version, published.draft, published.is_active), (1, None, false));

        let beside = DraftChange::Set(definition("Next"));
        let beside = update(&bench, id, Change { draft: beside, ..Change::default() }).await.unwrap();
        assert_eq!((beside.definition.name.as_str(), beside.published_version), ("Better draft", 1));
        let draft: Definition = serde_json::from_value(beside.draft.unwrap()).unwrap();
        assert_eq!(draft, definition("Next"));

        let same = DraftChange::Set(definition("Better draft"));
        let same = update(&bench, id, Change { draft: same, ..Change::default() }).await.unwrap();
        assert_eq!((same.draft, same.published_version), (None, 1));
        assert_eq!(versions(&bench, id).await, [named(1, "Better draft", Some("ready"))]);
    }
}

testkit::on_both! {
    async fn a_key_is_one_workflows_until_it_is_put_away(place: Place) {
        let bench = bench(place).await;
        let first = create(&bench, ONE, None, "NPS  Détracteur!").await.unwrap();
        let second = create(&bench, ONE, None, "NPS détracteur").await.unwrap();
        assert_eq!([first.key.as_str(), second.key.as_str()], ["nps-détracteur", "nps-détracteur-2"]);
        let taken = create(&bench, ONE, Some("nps-détracteur"), "x").await;
        assert_eq!(
            sentence(taken),
            "workflow 2 has the key \"nps-détracteur\" already: choose another or change that workflow"
        );
        assert!(
            sentence(create(&bench, ONE, Some("NPS"), "x").await).starts_with("key: 1 to 100 lower-case letters")
        );
        let theirs = create(&bench, TWO, Some("nps-détracteur"), "x").await.unwrap();
        let renamed =
            update(&bench, second.id, Change { key: Some(first.key.clone()), ..Change::default() }).await;
        assert!(matches!(renamed, Err(StoreError::Conflict { code: "key_taken", .. })));

        let id = first.id;
        change!(bench, |tx| workflow_archive(tx, ONE, ADA, id, Some(1))).unwrap();
        assert_eq!(
            sentence(read!(bench, |connection| workflow_get(connection, ONE, id))),
            "workflow 2 does not exist"
        );
        let archived = read!(bench, |connection| workflow_recall(connection, ONE, id)).unwrap();
        assert_eq!((archived.is_active, archived.archived_at.is_some(), archived.version), (false, true, 2));
        assert_eq!(read!(bench, |connection| workflow_find(connection, ONE, "nps-détracteur")).unwrap(), None);

        let again = create(&bench, ONE, Some("nps-détracteur"), "again").await.unwrap();
        let found = read!(bench, |connection| workflow_find(connection, ONE, "nps-détracteur")).unwrap();
        assert_eq!(found.map(|workflow| workflow.id), Some(again.id));

        let ids = async |filter: Filter| {
            let paged =
                read!(bench, |connection| workflow_list(connection, ONE, &filter, Page::first(10))).unwrap();
            assert_eq!(paged.total, paged.rows.len() as i64);
            paged.rows.into_iter().map(|workflow| workflow.id).collect::<Vec<_>>()
        };
        update(&bench, second.id, Change { is_active: Some(false), ..Change::default() }).await.unwrap();
        assert_eq!(ids(Filter::default()).await, [again.id, second.id]);
        assert_eq!(ids(Filter { archived: true, ..Filter::default() }).await, [id]);
        assert_eq!(ids(Filter { is_active: Some(true), ..Filter::default() }).await, [again.id]);
        assert_eq!(ids(Filter { text: Some("AGAIN".to_owned()), ..Filter::default() }).await, [again.id]);
        assert_eq!(
            ids(Filter { trigger_event: Some("ticket_created".to_owned()), ..Filter::default() }).await,
            []
        );
        let active = read!(bench, |connection| workflow_active_list(connection, None)).unwrap();
        assert_eq!(active.iter().map(|workflow| workflow.id).collect::<Vec<_>>(), [theirs.id, again.id]);
        let active = read!(bench, |connection| workflow_active_list(connection, Some(TWO))).unwrap();
        assert_eq!(active.iter().map(|workflow| workflow.id).collect::<Vec<_>>(), [theirs.id]);
    }
}

testkit::on_both! {
    async fn counters_are_current_and_folded_on_demand(place: Place) {
        let bench = bench(place).await;
        let id = create(&bench, ONE, None, "Counted").await.unwrap().id;
        change!(bench, |tx| tx.execute(
            "INSERT INTO workflow_counters (workflow_id, tenant_id, executions, successes, failures, unmatched, ended, duration_ms, last_executed_at)
             VALUES (?1, ?2, 10, 5, 2, 3, 7, 705, ?3)",
            params![id, ONE, model::Timestamp::from_millis(1_000)],
        ))
        .unwrap();
        let counted = read!(bench, |connection| workflow_get(connection, ONE, id)).unwrap();
        assert_eq!(
            (counted.execution_count, counted.success_count, counted.failure_count, counted.unmatched_count),
            (10, 5, 2, 3)
        );
        assert_eq!(counted.average_duration_ms, Some(100));
        assert_eq!(counted.last_executed_at.map(model::Timestamp::as_millis), Some(1_000));

        assert_eq!(change!(bench, |tx| workflow_counters_fold(tx)), Ok(Some(1)));
        assert_eq!(change!(bench, |tx| workflow_counters_fold(tx)), Ok(Some(0)));
        let sql = "SELECT execution_count + success_count + failure_count + average_duration_ms FROM workflows";
        assert_eq!(bench.number::<i64>(sql).await, 10 + 5 + 2 + 100);
    }
}

testkit::on_both! {
    async fn a_purge_removes_history_and_waits_for_what_is_live(place: Place) {
        let bench = Bench::new(place).await;
        let id = WorkflowId::new(1);
        bench.starting(450);
        let event = NewEvent {
            tenant: ONE,
            name: "any".parse::<EventName>().unwrap(),
            external_id: None,
            source: None,
            data: Value::Null.into(),
            attributes: Map::new(),
            actor: ADA,
            cause: None,
        };
        change!(bench, |tx| event_accept(tx, &event)).unwrap();
        let begin = change!(bench, |tx| workflow_purge_begin(tx, ONE, ADA, id));
        assert!(sentence(begin).starts_with("450 executions are still live"));
        assert!(read!(bench, |connection| workflow_get(connection, ONE, id)).is_ok(), "nothing was changed");

        change!(bench, |tx| tx.execute("UPDATE workflow_executions SET status = 'completed'", params![]))
            .unwrap();
        change!(bench, |tx| workflow_purge_begin(tx, ONE, ADA, id)).unwrap();
        assert!(read!(bench, |connection| workflow_recall(connection, ONE, id)).unwrap().archived_at.is_some());
        let mut left = Vec::new();
        while change!(bench, |tx| workflow_purge_slice(tx, ONE, id)).unwrap() {
            left.push(bench.number::<i64>("SELECT count(*) FROM workflow_executions").await);
        }
        assert_eq!(left, [250, 50, 0, 0]);
        change!(bench, |tx| workflow_purge_end(tx, ONE, id)).unwrap();
        let all = "SELECT (SELECT count(*) FROM workflows) + (SELECT count(*) FROM workflow_versions)
                        + (SELECT count(*) FROM workflow_execution_logs) + (SELECT count(*) FROM execution_rollups)
                        + (SELECT count(*) FROM workflow_counters)";
        assert_eq!(bench.number::<i64>(all).await, 0);
    }
}
