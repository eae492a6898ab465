//! The second wall between tenants: sessions that read for one tenant do so as a role that sees nothing else.
//!
//! The first wall is the tenant in every statement. This one holds when a statement has forgotten it. The session names its tenant in a
//! setting that the tables' policies read (`migrations/0002_side_by_side.postgres.sql`). It is no wall against whoever may write statements of their
//! own: they could change the setting.

use std::borrow::Cow;

use model::TenantId;
use tokio_postgres::error::SqlState;

use super::{Database, schema::ATTEMPTS, unavailable};
use crate::{StoreResult, database::readers::Wall};

/// Each statement is planned with what is asked.
pub(super) const PLAN: &str = "SET plan_cache_mode = force_custom_plan";
/// The plan that was made before is good for whatever is asked.
pub(super) const KEEP: &str = "SET plan_cache_mode = force_generic_plan";

/// What a session for reading sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::database) enum View {
    /// No row: between two views, as long as the server has not confirmed the new one.
    Nothing,
    /// What belongs to a tenant.
    Tenant(TenantId),
    /// All tenants' rows: signing in, background tasks.
    Everything,
}

impl View {
    fn sql(self) -> Cow<'static, str> {
        match self {
            Self::Nothing => "SET ROLE vtrustx_tenant; SET vtrustx.tenant = ''".into(),
            Self::Tenant(tenant) => {
                format!("SET ROLE vtrustx_tenant; SET vtrustx.tenant = '{tenant}'").into()
            }
            Self::Everything => "SET ROLE NONE".into(),
        }
    }

    /// How a session for reading begins: as its owner, unless it takes the place of one that was lost. Each statement is planned with what is asked: a plan that is kept is made
    /// for any workflow, and where the newest partitions have few, it walks through all of them for the page of one that they do not have. Processes that help a statement
    /// would be started for each and take the processors from everybody; one that looks expensive would be compiled first, for a second; and because
    /// the newest partition is still empty, so that reading all of it is for nothing, a list would be read out of order and sorted.
    pub(super) fn opening(self) -> String {
        let read_only = "SET default_transaction_read_only = on; SET max_parallel_workers_per_gather = 0; SET jit = off; SET enable_seqscan = off";
        match self {
            Self::Everything => format!("{PLAN}; {read_only}"),
            view => format!("{PLAN}; {read_only}; {}", view.sql()),
        }
    }

    /// How much has to be changed from one view to another.
    pub(in crate::database) fn nearness(self, other: Self) -> Nearness {
        match (self, other) {
            (one, other) if one == other => Nearness::Same,
            (Self::Everything, _) | (_, Self::Everything) => Nearness::Far,
            (Self::Nothing | Self::Tenant(_), Self::Nothing | Self::Tenant(_)) => Nearness::Near,
        }
    }
}

/// How much has to be changed from one view to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::database) enum Nearness {
    /// The role: the statements that the session keeps are planned anew.
    Far,
    /// The tenant.
    Near,
    /// Nothing.
    Same,
}

impl Database {
    /// What the session sees, also when it has to be opened anew.
    pub(in crate::database) const fn view(&self) -> View {
        self.view
    }

    /// Changes what the session sees. Whoever gives up in the middle leaves a session of which nothing is assumed. Answers that are still under
    /// way to somebody who gave up come before the change: a session does one thing after the other.
    pub(in crate::database) async fn look(&mut self, view: View) -> StoreResult<()> {
        if self.view == view {
            return Ok(());
        }
        self.view = View::Nothing;
        self.session().await?.client.batch_execute(&view.sql()).await.map_err(unavailable)?;
        self.view = view;
        Ok(())
    }

    /// Puts the wall up as far as this user may, and tells whether it stands.
    pub(in crate::database) async fn raise_wall(&mut self) -> StoreResult<Wall> {
        self.change_schema(include_str!("wall.sql"), ATTEMPTS).await?;
        let client = &self.session().await?.client;
        let attempt =
            client.batch_execute("BEGIN; SET LOCAL ROLE vtrustx_tenant; SELECT count(*) FROM tenants").await;
        client.batch_execute("ROLLBACK").await.map_err(unavailable)?;
        // PostgreSQL says "role does not exist" as an invalid value of the setting.
        let missing = [SqlState::INSUFFICIENT_PRIVILEGE, SqlState::INVALID_PARAMETER_VALUE];
        match attempt {
            Ok(()) => Ok(Wall::Stands),
            Err(error) if error.code().is_some_and(|code| missing.contains(code)) => Ok(Wall::Missing),
            Err(error) => Err(unavailable(error)),
        }
    }
}
