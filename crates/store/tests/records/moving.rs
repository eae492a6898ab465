//! A store that is copied from one database to the other: interrupted, resumed, refused.

use std::sync::Mutex;

use store::{
    StoreError,
    contact::contact_create,
    copy::{CopyError, Order, Progress as Copying, Report, store_copy},
};

use super::*;

/// A store with something of many kinds, closed, in the other kind of place.
async fn furnished(target: &Place) -> Bench {
    let place = match target {
        Place::Sqlite(_) => Place::postgres(),
        Place::Postgres(_) => Place::sqlite(),
    };
    let bench = Bench::new(place).await;
    for number in 0..25 {
        let fields = object(json!({
            "name": format!("Zoë {number} 李"), "email": format!("zoe{number}@example.com"), "tags": ["vip", "a \"b\""],
            "attributes": {"z": 1.50, "a": [1e2, null, true], "n": number},
        }));
        change!(bench, |tx| contact_create(tx, ONE, ADA.into(), &fields)).unwrap();
    }
    change!(bench, |tx| async {
        let node = model::NodeId::new(7);
        store::node::node_register(tx, node, "the process that made them", 0).await?;
        tx.execute("UPDATE workflow_executions SET owner = 7", params![]).await
    })
    .unwrap();
    bench.store.close().await;
    bench
}

fn order(from: &Place, to: &Place) -> Order {
    Order {
        from: from.address().parse().unwrap(),
        to: to.address().parse().unwrap(),
        check_content: true,
        page: 7,
        clock: Arc::new(SimulatedClock::new(NOW)),
    }
}

async fn copied(from: &Place, to: &Place) -> Result<Report, CopyError> {
    store_copy(order(from, to), &mut |_| {}).await
}

/// A copy that ends in the middle of a table.
async fn interrupt(from: &Place, to: &Place, in_table: &'static str) {
    let order = order(from, to);
    let interrupted = tokio::spawn(async move {
        let mut pages = 0;
        store_copy(order, &mut |progress| {
            pages += i32::from(matches!(progress, Copying::Copied { table, .. } if table == in_table));
            assert!(pages < 2, "the copy is interrupted here");
        })
        .await
    });
    assert!(interrupted.await.unwrap_err().is_panic());
}

fn refusal(result: Result<Report, CopyError>) -> String {
    result.unwrap_err().to_string()
}

testkit::on_both! {
    async fn a_copy_goes_on_where_it_was_interrupted(place: Place) {
        let bench = furnished(&place).await;
        interrupt(&bench.place, &place, "contacts").await;

        // What is there is no store for a server, nor a target for anything else.
        let options = |place: &Place| Options {
            address: place.address().parse().unwrap(),
            clock: Arc::new(SimulatedClock::new(NOW)),
            faults: None,
        };
        assert_eq!(Store::open(options(&place)).await.unwrap_err(), StoreError::HalfCopied);
        assert_eq!(copied(&place, &place.another()).await.unwrap_err().to_string(), format!("the source: {}", StoreError::HalfCopied));
        let other = Bench::new(bench.place.another()).await;
        other.store.close().await;
        assert_eq!(copied(&other.place, &place).await, Err(CopyError::TargetOfOther));

        let seen = Mutex::new(Vec::new());
        let report = store_copy(order(&bench.place, &place), &mut |progress| match progress {
            Copying::Begun { copied, .. } => assert!(copied >= 14, "{copied}"),
            Copying::Copied { table: "contacts", rows } => seen.lock().unwrap().push(rows),
            _ => {}
        })
        .await
        .unwrap();
        assert_eq!(seen.into_inner().unwrap(), [7, 4], "two pages of seven were there");
        assert!(report.resumed && report.is_good() && report.content_was_checked, "{report:?}");
        let count = |name: &str| report.tables.iter().find(|table| table.table == name).map(|table| (table.from, table.to));
        assert_eq!([count("contacts"), count("workflow_executions"), count("workflow_execution_logs"), count("nodes")], [Some((25, 25)), Some((25, 25)), Some((25, 25)), None]);

        // The target is a store like any other, and nobody has anything in hand there.
        let read = async |place: &Place| {
            let store = Store::open(options(place)).await.unwrap();
            let mut connection = store.read_any().await.unwrap();
            let contacts = store::contact::contact_list(&mut connection, ONE, &Default::default(), store::Page::first(200)).await.unwrap();
            let mut executions = Vec::new();
            for contact in 0..25 {
                let id = ExecutionId::new(contact + 1);
                let mut started = store::execution::execution_load(&mut connection, ONE, id).await.unwrap();
                started.execution.owner = None;
                executions.push(started);
            }
            let unowned: i64 = connection.query_one("SELECT count(*) FROM workflow_executions WHERE owner IS NULL", params![]).await.unwrap().first().unwrap();
            drop(connection);
            store.close().await;
            (contacts, executions, unowned)
        };
        let ((contacts, executions, owned), (copies, copied_executions, unowned)) = (read(&bench.place).await, read(&place).await);
        assert_eq!((contacts, executions), (copies, copied_executions));
        assert_eq!((owned, unowned), (0, 25));

        // A whole store is no target; nor is a store its own.
        assert_eq!(copied(&bench.place, &place).await, Err(CopyError::TargetInUse { table: "events".to_owned() }));
        assert_eq!(copied(&place, &place).await, Err(CopyError::Same));
    }

    async fn a_store_that_somebody_works_on_is_not_copied(place: Place) {
        let bench = Bench::new(place).await;
        let target = bench.place.another();
        change!(bench, |tx| store::node::node_register(tx, model::NodeId::new(7), "north", 60_000)).unwrap();
        let said = refusal(copied(&bench.place, &target).await);
        assert!(said.contains("the source is served: north") || said.contains("is in use by another vtrustx process"), "{said}");
        let said = refusal(copied(&target, &bench.place).await);
        assert!(said.contains("the source is no store of vtrustx") || said.contains("does not exist"), "{said}");
        let source = Bench::new(target.another()).await;
        source.store.close().await;
        let said = refusal(copied(&source.place, &bench.place).await);
        assert!(said.contains("the target is served: north") || said.contains("is in use by another vtrustx process"), "{said}");
    }
}

#[tokio::test]
async fn a_row_that_the_target_refuses_is_named_and_what_is_before_it_stays() {
    let (target, mut attempts) = (Place::postgres(), Vec::new());
    let bench = furnished(&target).await;
    let mend = async |statement: &'static str| {
        let store = open(&bench.place, &bench.clock).await;
        store.write(move |tx| Box::pin(async move { tx.execute(statement, params![]).await })).await.unwrap();
        store.close().await;
    };
    // The door refuses both; SQLite itself takes them, and PostgreSQL does not.
    mend(r#"UPDATE contacts SET attributes = '{"a":"\u0000"}' WHERE id = 10"#).await;
    mend("UPDATE contacts SET email = 'Ä@example.com' WHERE id = 3").await;
    mend("UPDATE contacts SET email = 'ä@example.com' WHERE id = 20").await;
    attempts.push(refusal(copied(&bench.place, &target).await));
    mend("UPDATE contacts SET attributes = '{}' WHERE id = 10").await;
    attempts.push(refusal(copied(&bench.place, &target).await));
    mend("UPDATE contacts SET email = 'aa@example.com' WHERE id = 20").await;
    let report = copied(&bench.place, &target).await.unwrap();
    assert!(report.is_good(), "{report:?}");
    insta::assert_snapshot!(attempts.join("\n"), @r"
    the target refuses the row 10 of contacts: unsupported Unicode escape sequence (22P05). Everything before it is copied; mend the row in the source, and run the same command again
    the target refuses the row 20 of contacts: another row has the same key or unique value. Everything before it is copied; mend the row in the source, and run the same command again
    ");
}
