//! Retention is in one node's hand at a time, and passes on when that one does not come back.

use model::{Clock, Period};
use store::retention::{retention_claim, retention_prolong};

use super::*;

testkit::on_both! {
    async fn one_node_has_it_in_hand_until_its_time_is_over(place: Place) {
        let bench = Bench::new(place).await;
        let until = |minutes| bench.clock.now().plus(Period::minutes(minutes));
        let claim = async |until| change!(bench, |tx| retention_claim(tx, until)).unwrap();
        let first = claim(until(10)).await;
        let second = claim(until(10)).await;
        bench.clock.advance(Period::minutes(9));
        let longer = until(10);
        change!(bench, |tx| retention_prolong(tx, longer)).unwrap();
        bench.clock.advance(Period::minutes(9));
        let while_it_lasts = claim(until(10)).await;
        bench.clock.advance(Period::minutes(1));
        let afterwards = claim(until(10)).await;
        assert_eq!([first, second, while_it_lasts, afterwards], [true, false, false, true]);
    }
}
