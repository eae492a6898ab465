//! History that is old enough goes, what lives stays, and what ever ran stays counted.

use std::time::Duration;

use engine::{Engine, Removed};
use model::{ExecutionId, Period};
use serde_json::json;
use store::{
    Page,
    history::{Filter, Patience, execution_list},
    params,
    rollup::{self, Span},
};

use crate::harness::{House, TENANT, lines, load, post};

const STOP: Duration = Duration::from_secs(5);
const MANY: usize = 300;
const MAIL: &str = "INSERT INTO outbox (id, tenant_id, mail, created_at, updated_at, version) VALUES (?1, ?2, '{}', ?3, ?3, 1)";
const NOTIFICATION: &str =
    "INSERT INTO notifications (id, tenant_id, user_id, title, type, created_at, updated_at, version)
    VALUES (?1, ?2, 1, 'x', 'info', ?3, ?3, 1)";
/// Keeps its history for a month.
const OTHER: &str = "INSERT INTO tenants (id, name, settings, created_at, updated_at, version)
    VALUES (2, 'Other', '{\"retention_days\": 30}', ?1, ?1, 1)";

async fn score(engine: &Engine, score: u8) -> ExecutionId {
    // Not only small: the file is to become shorter.
    let data = json!({"submission": {"data": {"q_nps": score, "q_feedback": "slow ".repeat(400)}}});
    post(engine, data).await.executions[0].id
}

/// A mail and a notification of each tenant.
async fn messages(engine: &Engine, at: i64) {
    let write = engine.store().write(move |tx| {
        Box::pin(async move {
            let now = tx.now();
            for tenant in [1_i64, 2] {
                tx.execute(MAIL, params![at + tenant, tenant, now]).await?;
                tx.execute(NOTIFICATION, params![at + tenant, tenant, now]).await?;
            }
            Ok(())
        })
    });
    write.await.unwrap();
}

/// Everything that retention could change, and what the lists and statistics say of it.
async fn state(engine: &Engine) -> String {
    let mut reader = engine.store().read_any().await.unwrap();
    let mut text = String::new();
    for (what, sql) in [
        ("executions", "SELECT count(*) FROM workflow_executions"),
        ("log rows", "SELECT count(*) FROM workflow_execution_logs"),
        ("events", "SELECT count(*) FROM events"),
        ("timers", "SELECT count(*) FROM timers"),
        ("mails", "SELECT count(*) FROM outbox"),
        ("mails of the other tenant", "SELECT count(*) FROM outbox WHERE tenant_id = 2"),
        ("notifications", "SELECT count(*) FROM notifications"),
        ("notifications of the other tenant", "SELECT count(*) FROM notifications WHERE tenant_id = 2"),
        ("counted as there", "SELECT CAST(sum(existing) AS BIGINT) FROM execution_rollups"),
    ] {
        let count: i64 = reader.query_one(sql, params![]).await.unwrap().first().unwrap();
        text.push_str(&format!("{what}: {count}\n"));
    }
    let list = execution_list(&mut reader, TENANT, &Filter::default(), Page::first(2), Patience::ENDLESS)
        .await
        .unwrap();
    text.push_str(&format!("the list's total: {}\n", list.total));
    for listed in list.rows {
        let event = listed.public_event_id.unwrap_or_default();
        text.push_str(&format!("  {} {event}\n", listed.execution.progress.status));
    }
    text
}

/// What statistics say of all time.
async fn statistics(engine: &Engine) -> String {
    let mut reader = engine.store().read_any().await.unwrap();
    format!("{:#?}", rollup::statistics(&mut reader, TENANT, Span::default(), 4).await.unwrap())
}

testkit::on_both! {
    async fn what_is_old_goes_and_what_lives_stays(place: Place) {
        let house = House::new(place);
        let (engine, _, _) = house
            .furnish(json!({
                "conditions": [{"field": "submission.data.q_nps", "operator": "<=", "value": 6}],
                "actions": [{"type": "delay", "config": {"duration": "200d"}}, {"type": "create_ticket", "config": {"title": "At last"}}],
            }))
            .await;
        let other = engine.store().write(|tx| {
            Box::pin(async move {
                let now = tx.now();
                tx.execute(OTHER, params![now]).await
            })
        });
        other.await.unwrap();
        let waiting = score(&engine, 3).await;
        for _ in 0..MANY {
            score(&engine, 9).await;
        }
        house.rest(&engine, waiting).await.unwrap();
        messages(&engine, 0).await;
        engine.stop(STOP).await;

        // Nothing runs now, so that nothing is removed but by hand.
        house.clock.advance(Period::days(60));
        let engine = house.at_rest().await;
        score(&engine, 9).await;
        messages(&engine, 10).await;
        assert_eq!(engine.retain().await.unwrap(), Removed { mails: 1, notifications: 1, ..Removed::default() });
        engine.stop(STOP).await;
        let length = house.file_length();

        house.clock.advance(Period::days(31));
        let engine = house.at_rest().await;
        let (before, counted, journal) =
            (state(&engine).await, statistics(&engine).await, load(&engine, waiting).await.unwrap());
        let removed = engine.retain().await.unwrap();
        let many = MANY as u64;
        assert_eq!(
            Removed { pages: 0, ..removed },
            Removed { executions: many, events: many, mails: 2, notifications: 2, decisions: 0, pages: 0 }
        );
        assert_eq!(statistics(&engine).await, counted);
        assert_eq!(load(&engine, waiting).await.unwrap(), journal);
        let after = state(&engine).await;
        assert_eq!(engine.retain().await.unwrap(), Removed::default(), "the second time there is nothing to do");
        engine.stop(STOP).await;
        if let Some(length) = length {
            let shorter = house.file_length().unwrap();
            assert!(removed.pages > 0 && shorter < length / 2, "{removed:?}: from {length} to {shorter}");
        }

        // What lived on goes on, and then is young, with its event, for it ended today; what was young goes by itself.
        house.clock.advance(Period::days(109));
        let engine = house.reopen(None).await.unwrap();
        let ended = house.run_to_end(&engine, waiting).await.unwrap();
        house.clock.advance(Period::minutes(1));
        let gone = async {
            // The last that a round removes.
            while !state(&engine).await.contains("notifications: 0\n") {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), gone).await.expect("what is too old goes by itself");
        insta::assert_snapshot!("whole_state", format!(
            "before:\n{before}\nafter:\n{after}\nat the end:\n{}\n{}\n{}",
            state(&engine).await, ended.execution.progress.status, lines(&ended.journal).join("\n")
        ));
        engine.stop(STOP).await;
    }
}
