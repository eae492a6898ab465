//! Damage that no operation makes, made by hand: the doctor names each with its fix, and the fixes help.

use store::{
    doctor::{Examination, Finding, Level, store_examine},
    event::event_accept,
};

use super::*;

async fn examined(place: &Place, is_thorough: bool) -> Vec<Finding> {
    let examination = Examination {
        address: place.address().parse().unwrap(),
        secret_key: Some("a phrase that is long enough".to_owned()),
        data_directory: "nowhere".into(),
        is_thorough,
        clock: Arc::new(SimulatedClock::new(NOW)),
    };
    store_examine(&examination).await
}

/// What is not good. The tests' PostgreSQL does without fsync, and their clock stands still: that is seen each time, and looked at once.
pub async fn complaints(place: &Place) -> String {
    let findings = examined(place, true).await;
    let noted = |finding: &&Finding| {
        let is_known =
            matches!(place, Place::Postgres(_)) && ["durability", "clock"].contains(&finding.check);
        finding.level > Level::Ok && !is_known
    };
    let line = |finding: &Finding| {
        let fix = finding.fix.as_deref().unwrap_or("NO FIX");
        format!("{:?} {}: {}\n    {fix}\n", finding.level, finding.check, finding.found)
    };
    findings.iter().filter(noted).map(line).collect()
}

/// By hand, as the owner of the database might.
async fn by_hand(bench: &Bench, statements: &[&'static str]) {
    for statement in statements.iter().copied() {
        bench
            .store
            .write(move |tx| Box::pin(async move { tx.execute(statement, params![]).await }))
            .await
            .unwrap();
    }
}

/// How many seconds something waits is another each time.
fn masked(text: &str) -> String {
    let words = text.split(' ').map(|word| match word.parse::<i64>() {
        Ok(100_000..) => "MANY",
        _ => word,
    });
    words.collect::<Vec<_>>().join(" ")
}

testkit::on_both! {
    async fn every_damage_is_named_with_its_fix(place: Place) {
        let bench = Bench::new(place).await;
        let is_sqlite = matches!(bench.place, Place::Sqlite(_));
        let node = model::NodeId::new(7);
        change!(bench, |tx| store::node::node_register(tx, node, "north", 3_600_000)).unwrap();
        bench.store.node_set(Some(node));
        for _ in 0..8 {
            let event = posted(ONE, None, json!({}));
            change!(bench, |tx| event_accept(tx, &event)).unwrap();
        }
        // The tests' clock stands still in the past: this happened just now.
        by_hand(&bench, &["UPDATE workflow_executions SET updated_at = {now_plus:0}"]).await;
        assert_eq!(complaints(&bench.place).await, "");

        by_hand(&bench, &[
            "UPDATE workflow_executions SET owner = 99 WHERE id IN (1, 2)",
            "UPDATE workflow_executions SET status = 'running', updated_at = created_at WHERE id = 3",
            "UPDATE workflow_executions SET owner = NULL, updated_at = created_at WHERE id = 4",
            "UPDATE workflow_executions SET updated_at = created_at WHERE id = 8",
            "UPDATE workflow_executions SET owner = NULL, status = 'waiting' WHERE id = 5",
            "UPDATE workflow_executions SET owner = NULL, status = 'retrying', wake_at = created_at WHERE id = 6",
            "INSERT INTO timers (due_at, execution_id, tenant_id) SELECT created_at, id, 1 FROM workflow_executions WHERE id IN (6, 7)",
            "INSERT INTO nodes (id, name, started_at, lease_until) SELECT 8, 'south', created_at, created_at FROM workflow_executions WHERE id = 1",
            "INSERT INTO store_facts (name, value) VALUES ('secret_key_fingerprint', '0123456789abcdef')",
        ]).await;
        let found = masked(&complaints(&bench.place).await);
        insta::assert_snapshot!(if is_sqlite { "damage_on_sqlite" } else { "damage_on_postgres" }, found);

        // What the fixes say. An execution that waits for nothing is ended by commands, which need a server.
        by_hand(&bench, &[
            "UPDATE workflow_executions SET owner = NULL WHERE owner IS NOT NULL AND owner NOT IN (SELECT id FROM nodes)",
            "DELETE FROM timers WHERE execution_id = 7",
            "UPDATE execution_rollups SET existing = 0 WHERE existing <> 0",
            if is_sqlite {
                "INSERT INTO execution_rollups (tenant_id, workflow_id, hour, status, outcome, existing, ever, duration_ms)
                 SELECT tenant_id, workflow_id, created_at - created_at % 3600000, status, coalesce(outcome, ''), count(*), 0, 0
                   FROM workflow_executions GROUP BY 1, 2, 3, 4, 5
                 ON CONFLICT (tenant_id, workflow_id, hour, status, outcome) DO UPDATE SET existing = excluded.existing"
            } else {
                "INSERT INTO execution_rollups (tenant_id, workflow_id, hour, status, outcome, existing, ever, duration_ms)
                 SELECT tenant_id, workflow_id, date_trunc('hour', created_at, 'UTC'), status, coalesce(outcome, ''), count(*), 0, 0
                   FROM workflow_executions GROUP BY 1, 2, 3, 4, 5
                 ON CONFLICT (tenant_id, workflow_id, hour, status, outcome) DO UPDATE SET existing = excluded.existing"
            },
        ]).await;
        let left = complaints(&bench.place).await;
        let checks: Vec<&str> = left.lines().filter(|line| !line.starts_with(' ')).filter_map(|line| line.split([' ', ':']).nth(1)).collect();
        let expected: &[&str] = if is_sqlite { &["secret", "queue", "progress", "waiting", "overdue"] } else { &["secret", "leases", "queue", "progress", "waiting", "overdue"] };
        assert_eq!(checks, expected, "{left}");
    }

    async fn a_store_that_no_server_would_open(place: Place) {
        let bench = Bench::new(place).await;
        let table = [
            ("INSERT INTO store_facts (name, value) VALUES ('copy', '{}')", "an interrupted copy"),
            ("INSERT INTO schema_migrations (number, applied_at) SELECT 999, applied_at FROM schema_migrations WHERE number = 1", "the store has migration 999"),
            ("DELETE FROM schema_migrations WHERE number > 0", "migration"),
        ];
        for (statement, expected) in table {
            by_hand(&bench, &[statement]).await;
            let found = complaints(&bench.place).await;
            assert!(found.starts_with("Problem") && found.contains(expected) && !found.contains("NO FIX"), "{statement}: {found}");
        }
        // A place where nothing is yet.
        let found = complaints(&bench.place.another()).await;
        assert!(found.contains("does not exist") || found.contains("there are no tables yet"), "{found}");
    }
}
