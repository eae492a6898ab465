//! What a node asks of PostgreSQL when nothing goes on: its lease and one look a second.

use std::time::Duration;

use testkit::{place::Place, proxy::Proxy};

use crate::process::House;

/// Statements in a second, of one node (issue: under 5).
const MOST: f64 = 5.0;
const WINDOW: Duration = Duration::from_secs(6);

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_cluster_hardly_asks_anything() {
    let (house, place) = (House::new(), Place::postgres());
    let (first, url) = Proxy::start(&place.address()).await;
    let one = house.serve(&["--database", &url]).await;
    let (second, url) = Proxy::start(&place.address()).await;
    let two = house.serve(&["--database", &url]).await;
    // Both know of each other, and what their starts brought is over.
    one.until("/readyz", |answer| answer["success"] == true).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let before = (first.statements(), second.statements());
    tokio::time::sleep(WINDOW).await;
    let rate = |before: u64, after: u64| (after - before) as f64 / WINDOW.as_secs_f64();
    let rates = (rate(before.0, first.statements()), rate(before.1, second.statements()));
    println!("statements a second: {rates:?}");
    assert!(rates.0 > 0.0 && rates.1 > 0.0, "the count does not count: {rates:?}");
    assert!(rates.0 < MOST && rates.1 < MOST, "an idle node asks {rates:?} statements a second");
    one.stop().await;
    two.stop().await;
}
