//! Nodes on one store: what nobody has in hand and how it is shared out between tenants, and how several start together.

use futures_util::future::join_all;
use store::{
    event::event_accept,
    node::node_claim,
    tenant::{Bootstrap, bootstrap},
    token::Token,
};

use super::*;

async fn flood(bench: &Bench, tenant: TenantId, count: usize) {
    for _ in 0..count {
        let event = posted(tenant, None, json!({}));
        change!(bench, |tx| event_accept(tx, &event)).unwrap();
    }
}

/// How many executions of each tenant are in hand: `[one, two]`.
async fn in_hand(bench: &Bench) -> [i64; 2] {
    [
        bench
            .number("SELECT count(*) FROM workflow_executions WHERE owner IS NOT NULL AND tenant_id = 1")
            .await,
        bench
            .number("SELECT count(*) FROM workflow_executions WHERE owner IS NOT NULL AND tenant_id = 2")
            .await,
    ]
}

testkit::on_both! {
    async fn a_flood_of_one_tenant_does_not_hold_up_a_drop_of_another(place: Place) {
        let bench = Bench::new(place).await;
        // No node yet: nobody has them in hand.
        flood(&bench, ONE, 20).await;
        flood(&bench, TWO, 1).await;
        assert_eq!(in_hand(&bench).await, [0, 0]);

        let node = model::NodeId::new(7);
        change!(bench, |tx| store::node::node_register(tx, node, "test", 60_000)).unwrap();
        bench.store.node_set(Some(node));
        change!(bench, |tx| node_claim(tx, 4)).unwrap();
        let [one, two] = in_hand(&bench).await;
        assert_eq!(two, 1, "the drop came after a flood of twenty and is in the first four");
        assert!((1..=3).contains(&one), "{one}");

        // Whatever a node leaves behind is there for the next, and nothing is claimed twice.
        change!(bench, |tx| store::node::node_leave(tx, node)).unwrap();
        assert_eq!(in_hand(&bench).await, [0, 0]);
    }
}

/// Three nodes of a new installation come up together, as a service manager starts them: each looks for what a first start makes, and one makes it.
#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_start_together_make_the_first_things_once() {
    let place = Place::postgres();
    let (address, clock) = (place.address(), SimulatedClock::new(NOW));
    let stores = join_all((0..3).map(|_| open_at(&address, &clock))).await;
    let options = || Bootstrap { api_key: Some(Token::given("key-of-the-first-start")), admin: None };
    let made = join_all(stores.iter().map(|store| bootstrap(store, options()))).await;
    let failed: Vec<_> = made.into_iter().filter_map(Result::err).collect();
    assert!(failed.is_empty(), "{failed:?}");
    let mut connection = stores[0].read_any().await.unwrap();
    let counts = connection
        .query("SELECT count(*) FROM tenants UNION ALL SELECT count(*) FROM api_keys", Vec::new())
        .await
        .unwrap();
    let counts: Vec<i64> = counts.into_iter().map(|row| row.first().unwrap()).collect();
    assert_eq!(counts, [1, 1]);
}
