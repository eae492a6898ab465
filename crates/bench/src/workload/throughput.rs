//! How many executions are completed a second under a load, what each costs, and how that compares with the limit.

use std::time::{Duration, SystemTime};

use super::house::House;
use crate::{
    limit::{self, Added},
    load,
    options::Options,
    place::{Kind, Place},
    report::{Cost, Figure, Floor},
};

/// A load.
pub struct Load<'name> {
    /// What it is called.
    pub name: &'name str,
    /// Clients.
    pub connections: usize,
    /// Executions that a request comes to.
    pub executions: f64,
    /// What must be reached.
    pub floor: Option<f64>,
}

impl House {
    /// Runs the load for the seconds that were asked for, waits until all is quiet, and counts in the store.
    ///
    /// # Errors
    /// When something was refused, or was not completed.
    pub async fn throughput(
        &self,
        load: &Load<'_>,
        place: &Place,
        options: &Options,
        next: impl FnMut() -> Vec<u8> + 'static,
    ) -> Result<Figure, String> {
        let tables_before = self.store.counts().await?;
        let (usage, bytes) = (self.server.usage(), self.store.log_bytes().await?);
        let commits = self.server.metric(COMMITS).await;
        let last = self.store.number("SELECT coalesce(max(id), 0) FROM workflow_executions").await?;
        let since = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        let next = load::lasting(Duration::from_secs(options.seconds), next);
        let answers = load::closed(self.server.port, load.connections, next).await?.sound()?;
        self.quiet().await?;
        // A call for which there was no room is put off for some seconds, which count.
        let accepted = answers.accepted as f64 * load.executions;
        for _ in 0..600 {
            if self.completed_since(last).await? >= accepted {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let used = self.server.usage();
        let bytes = self.store.log_bytes().await? - bytes;
        let commits = self.server.metric(COMMITS).await.zip(commits).map(|(after, before)| after - before);
        let completed = self.completed_since(last).await?;
        expect(accepted, load, completed)?;
        let seconds = self.last_completion().await? / 1000.0 - since.as_secs_f64();
        let mut added = Added { executions: completed, tables: Vec::new(), batch: 100.0 };
        let mut rows = 0.0;
        for ((table, after), (_, before)) in self.store.counts().await?.into_iter().zip(tables_before) {
            rows += after - before;
            if after > before {
                added.tables.push((table, after - before));
            }
        }
        if let Some(commits) = commits.filter(|commits| *commits > 0.0) {
            added.batch = completed / commits;
        }
        let limit = limit::executions_per_second(&options.server, place, &self.database, &added).await?;
        let cost = Cost {
            server: (used.server - usage.server) / completed,
            database: (used.database - usage.database) / completed,
            commits: commits.map(|commits| commits / completed),
            rows: rows / completed,
            bytes: if bytes > 0.0 { bytes } else { used.written - usage.written } / completed,
        };
        Ok(Figure {
            limit: Some(limit),
            latency: Some((answers.latencies.percentile(50.0), answers.latencies.percentile(99.0))),
            cost: Some(cost),
            floor: load.floor.map(Floor::AtLeast),
            ..Figure::new(load.name, completed / seconds, "executions/s")
        })
    }

    async fn completed_since(&self, last: f64) -> Result<f64, String> {
        self.store
            .number(&format!(
                "SELECT count(*) FROM workflow_executions WHERE id > {last:.0} AND status = 'completed'"
            ))
            .await
    }

    /// In milliseconds of the epoch.
    async fn last_completion(&self) -> Result<f64, String> {
        match self.database.kind {
            Kind::Sqlite => self.store.number("SELECT max(completed_at) FROM workflow_executions").await,
            Kind::Postgres => {
                self.store
                    .number("SELECT extract(epoch FROM max(completed_at)) * 1000 FROM workflow_executions")
                    .await
            }
        }
    }
}

fn expect(accepted: f64, load: &Load<'_>, completed: f64) -> Result<(), String> {
    if (accepted - completed).abs() < 0.5 {
        return Ok(());
    }
    Err(format!("{}: {accepted} executions were accepted, {completed} are completed in the store", load.name))
}

/// How many transactions the server has committed.
const COMMITS: &str = "vtrustx_store_commits_total";
