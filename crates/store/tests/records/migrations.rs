//! Programs of different ages on one store, and several that begin at once.

use futures_util::future::join_all;
use store::StoreError;

use super::*;

/// Writes down a migration that this program does not know.
async fn newer(bench: &Bench, number: i64, works_with: Option<i64>) {
    let sql = "INSERT INTO schema_migrations (number, applied_at, works_with) VALUES (?1, ?2, ?3)";
    change!(bench, |tx| tx.execute(sql, params![number, NOW, works_with])).unwrap();
}

testkit::on_both! {
    async fn a_newer_programs_store_is_opened_when_it_says_so(place: Place) {
        let bench = Bench::new(place).await;
        let known: i64 = bench.number("SELECT max(number) FROM schema_migrations").await;
        newer(&bench, known + 1, Some(known)).await;
        newer(&bench, known + 2, Some(1)).await;
        bench.store.close().await;
        let Bench { store, clock, starts, place } = bench;
        drop(store);
        let store = open(&place, &clock).await;
        let bench = Bench { store, clock, starts, place };
        let fields = object(json!({"name": "Ada"}));
        change!(bench, |tx| store::contact::contact_create(tx, ONE, ADA.into(), &fields)).unwrap();

        for (number, works_with) in [(known + 3, Some(known + 1)), (known + 4, None)] {
            newer(&bench, number, works_with).await;
        }
        bench.store.close().await;
        let Bench { store, clock, place, .. } = bench;
        drop(store);
        let address = place.address().parse().unwrap();
        let refused = Store::open(Options { address, clock: Arc::new(clock), faults: None }).await;
        let error = refused.expect_err("a store that this program cannot work with");
        assert_eq!(error, StoreError::Newer { found: known + 4, known });
        assert_eq!(
            error.to_string(),
            format!("the store has migration {}, this program knows {known}: run the newer program", known + 4)
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_begin_at_once_make_one_store() {
    let place = Place::postgres();
    let clock = SimulatedClock::new(NOW);
    let stores = join_all((0..6).map(|_| open(&place, &clock))).await;
    for store in &stores {
        assert!(store.has_second_wall());
        let known = store.read_any().await.unwrap().query("SELECT id FROM tenants", params![]).await;
        assert_eq!(known, Ok(Vec::new()));
    }
}
