//! History in partitions, on PostgreSQL: an insertion finds its partition whoever hands out the ids, and lists read partitions one after the other.

use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use store::{
    Page,
    history::{Filter, Patience, execution_list},
};
use testkit::postgres::psql;

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_cross_a_boundary_and_none_of_their_rows_lacks_a_partition() {
    let bench = Bench::new(Place::postgres()).await;
    psql(
        &bench.place.address(),
        "INSERT INTO id_blocks (kind, next_id) VALUES ('event', 1999001), ('execution', 1998001)
         ON CONFLICT (kind) DO UPDATE SET next_id = excluded.next_id",
    )
    .unwrap();
    bench.starting(3);
    let other = open(&bench.place, &bench.clock).await;
    other.connect(
        Arc::clone(&bench.starts) as Arc<dyn Matcher>,
        Arc::clone(&bench.starts) as Arc<dyn Listener>,
    );
    let accept = |store: &Store| {
        let store = store.clone();
        async move { store.event_accept(posted(ONE, None, json!({}))).await }
    };
    for _ in 0..5 {
        let both = (0..150).flat_map(|_| [accept(&bench.store), accept(&other)]);
        try_join_all(both).await.unwrap();
    }
    let spread = "SELECT string_agg(CAST(tableoid AS regclass) || ' ' || count, ', ' ORDER BY 1) FROM (
        SELECT tableoid, count(*) AS count FROM workflow_executions GROUP BY 1) AS spread (tableoid, count)";
    let spread = psql(&bench.place.address(), spread).unwrap();
    assert!(
        spread.contains("workflow_executions_from_0 ")
            && spread.contains("workflow_executions_from_2000001 "),
        "{spread}"
    );
    assert_eq!(bench.number::<i64>("SELECT count(*) FROM events").await, 1_500);
    assert_eq!(bench.number::<i64>("SELECT count(*) FROM workflow_execution_logs").await, 4_500);
    other.close().await;
}

/// Plans that are kept are made for any tenant and any place in the list; and one tenant of many does not look as if next to nothing were its own.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_a_list_reads_partitions_in_their_order_and_sorts_nothing() {
    let bench = Bench::new(Place::postgres()).await;
    let address = bench.place.address();
    let fill = "INSERT INTO tenants (id, name, settings, created_at, updated_at, version)
        SELECT id, id, '{}', now(), now(), 1 FROM generate_series(1000, 1999) AS id;
        INSERT INTO workflow_executions (id, tenant_id, workflow_id, workflow_version, trigger_event, status, key_execution_id, created_at, updated_at)
        SELECT id, CASE WHEN id % 4 = 0 THEN 1000 + id % 1000 ELSE 1 END, 1, 1, 'x', 'completed', id, now(), now() FROM generate_series(1995001, 2005000) AS id";
    let mut own = bench.store.lease_connection().await.unwrap().unwrap();
    psql(&address, "INSERT INTO id_blocks VALUES ('execution', 2005001) ON CONFLICT (kind) DO UPDATE SET next_id = excluded.next_id").unwrap();
    store::partition::partitions_make_ahead(&mut own).await.unwrap();
    psql(&address, fill).unwrap();
    for list in [
        "SELECT id FROM workflow_executions WHERE tenant_id = $1 AND id < $2 ORDER BY id DESC LIMIT 51",
        "SELECT id FROM workflow_executions WHERE tenant_id = $1 AND id < $2 AND status = 'completed' ORDER BY id DESC LIMIT 51",
        "SELECT id FROM workflow_executions WHERE workflow_id = $1 AND id < $2 ORDER BY id DESC LIMIT 51",
        "SELECT id FROM workflow_executions WHERE coalesce(tenant_id = $1, FALSE) AND workflow_id = 1 AND status = 'completed' AND id < $2 ORDER BY id DESC LIMIT 51",
    ] {
        let explained = format!(
            "SET ROLE vtrustx_tenant; SET vtrustx.tenant = '1'; SET plan_cache_mode = force_generic_plan; PREPARE list (bigint, bigint) AS {list};
             EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) EXECUTE list (1, 2000101)"
        );
        let is_good = |plan: &str| {
            plan.contains("Append")
                && !plan.contains("Sort")
                && !plan.contains("Merge Append")
                && (plan.contains("Subplans Removed") || plan.contains("never executed"))
        };
        let begun = Instant::now();
        loop {
            store::planner::planner_refresh(&mut own).await.unwrap();
            let plan = psql(&address, &explained).unwrap();
            if is_good(&plan) {
                break;
            }
            // Autovacuum has the tables in its hands at this moment: what it finds out comes with its end.
            assert!(begun.elapsed() < Duration::from_secs(20), "{plan}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// A plan that is kept is made for any workflow, of which the newest partition has just one: it would walk through all of that for another's page.
#[tokio::test(flavor = "multi_thread")]
async fn a_workflow_that_the_newest_partition_does_not_have_is_found_by_its_index() {
    let bench = Bench::new(Place::postgres()).await;
    let address = bench.place.address();
    psql(&address, "INSERT INTO id_blocks VALUES ('execution', 2005001) ON CONFLICT (kind) DO UPDATE SET next_id = excluded.next_id").unwrap();
    let mut own = bench.store.lease_connection().await.unwrap().unwrap();
    store::partition::partitions_make_ahead(&mut own).await.unwrap();
    let fill = "INSERT INTO workflows SELECT (jsonb_populate_record(w, '{\"id\": 900, \"key\": \"newest\"}')).* FROM workflows w WHERE id = 1;
        INSERT INTO workflow_executions (id, tenant_id, workflow_id, workflow_version, trigger_event, status, key_execution_id, created_at, updated_at)
        SELECT id, 1, CASE WHEN id > 2000000 THEN 900 ELSE 1 END, 1, 'x', 'completed', id, now(), now() FROM generate_series(1995001, 2020000) AS id;
        ANALYZE workflow_executions";
    psql(&address, fill).unwrap();
    let mut reader = bench.store.read(ONE).await.unwrap();
    // What is found by its id is found by the same plan each time, and only that.
    for page in [Page::first(50), Page { before: Some(1_999_000), ..Page::first(50) }] {
        let filter =
            Filter { workflow: Some(WorkflowId::new(1)), from: Some(Timestamp::EPOCH), ..Filter::default() };
        let list = execution_list(&mut reader, ONE, &filter, page, Patience::ENDLESS).await.unwrap();
        assert_eq!(list.rows.len(), 50);
    }
    let plans = "SELECT CAST(sum(generic_plans) AS BIGINT), CAST(sum(custom_plans) AS BIGINT) FROM pg_prepared_statements WHERE strpos(statement, ?1) > 0";
    for (part, expected) in [("WHERE e.id = ANY", (2, 0)), ("WHERE e.workflow_id =", (0, 2))] {
        let mut row = reader.query_one(plans, vec![part.into()]).await.unwrap().cells();
        assert_eq!((row.take::<i64>().unwrap(), row.take::<i64>().unwrap()), expected, "{part}");
    }
    let list = "PREPARE list (bigint, bigint) AS SELECT id FROM workflow_executions
        WHERE workflow_id = $1 AND coalesce(tenant_id = $2, FALSE) ORDER BY id DESC LIMIT 51";
    reader.query(list, Vec::new()).await.unwrap();
    for _ in 0..6 {
        reader.query("EXECUTE list (1, 1)", Vec::new()).await.unwrap();
    }
    let plan = reader.query("EXPLAIN EXECUTE list (1, 1)", Vec::new()).await.unwrap();
    let plan: Vec<String> = plan.into_iter().map(|row| row.first().unwrap()).collect();
    let newest = plan.iter().find(|line| line.contains("on workflow_executions_from_2000001")).unwrap();
    assert!(newest.contains("workflow_id"), "{}", plan.join("\n"));
}
