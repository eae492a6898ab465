//! What nobody has in hand: how it is shared out between tenants.

use store::{event::event_accept, node::node_claim};

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
