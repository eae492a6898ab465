//! The database itself: what it is, whether it keeps what it has acknowledged, whether somebody holds it up. Only a database knows such things
//! of itself, each in words of its own: the texts of this file are exceptions from "one text for all".

use model::Clock;

use super::{Finding, counted, text};
use crate::{Connection, StoreResult, database::Row};

/// The oldest PostgreSQL that the statements are written for.
const OLDEST_POSTGRES: i64 = 150_000;
/// Clocks further apart than this are told: events and timers get the one's time or the other's.
const MOST_SKEW_MS: i64 = 1_000;

pub(super) async fn version(connection: &mut Connection) -> StoreResult<Finding> {
    if !connection.is_shared() {
        return Ok(Finding::good(
            "store",
            format!("SQLite {}", text(connection, "SELECT sqlite_version()").await?),
        ));
    }
    let name = text(connection, "SELECT current_database()").await?;
    let version = text(connection, "SELECT current_setting('server_version')").await?;
    let number: i64 = connection
        .query_one("SELECT CAST(current_setting('server_version_num') AS bigint)", Vec::new())
        .await?
        .first()?;
    let found = format!("PostgreSQL {version}, database {name}");
    Ok(if number >= OLDEST_POSTGRES {
        Finding::good("store", found)
    } else {
        Finding::problem("store", found, "PostgreSQL 15 or newer is needed")
    })
}

/// How far the clocks are apart: the database's is taken for the middle of the question's way there and back.
pub(super) async fn clock(connection: &mut Connection, clock: &dyn Clock) -> StoreResult<Finding> {
    // Once for nothing, so that the preparation of the statement does not count as its way.
    let mut skew = 0;
    for _ in 0..2 {
        let asked = clock.now();
        let theirs: model::Timestamp =
            connection.query_one("SELECT {now_plus:0}", Vec::new()).await?.first()?;
        let way = clock.now().millis_since(asked);
        skew = theirs.millis_since(asked) - way / 2;
    }
    let found = format!("the database's clock is {skew} ms from this machine's");
    Ok(if skew.abs() <= MOST_SKEW_MS {
        Finding::good("clock", found)
    } else {
        Finding::warning(
            "clock",
            found,
            "let NTP (chrony, systemd-timesyncd) set the clocks of both machines",
        )
    })
}

/// Whether what is read for a tenant is read as a role that sees nothing else (`database/postgres/wall.rs`).
pub(super) async fn wall(connection: &mut Connection) -> StoreResult<Finding> {
    let stands: bool = connection
        .query_one(
            "SELECT coalesce((SELECT relrowsecurity FROM pg_class WHERE oid = to_regclass('workflow_executions'))
                AND pg_has_role(current_user, to_regrole('vtrustx_tenant'),
                    CASE WHEN current_setting('server_version_num')::integer < 160000 THEN 'MEMBER' ELSE 'SET' END), FALSE)",
            Vec::new(),
        )
        .await?
        .first()?;
    Ok(if stands {
        Finding::good(
            "tenants",
            "row-level security stands between them, besides the tenant in every statement",
        )
    } else {
        Finding::warning(
            "tenants",
            "row-level security is missing: they are kept apart by the server alone",
            "CREATE ROLE vtrustx_tenant NOLOGIN; GRANT vtrustx_tenant TO the server's user: see \"Row-level security\" in docs/OPERATIONS.md",
        )
    })
}

pub(super) async fn durability(connection: &mut Connection, is_thorough: bool) -> StoreResult<Vec<Finding>> {
    if connection.is_shared() { postgres(connection).await } else { sqlite(connection, is_thorough).await }
}

async fn sqlite(connection: &mut Connection, is_thorough: bool) -> StoreResult<Vec<Finding>> {
    let mode = text(connection, "PRAGMA journal_mode").await?;
    let mut findings = vec![if mode == "wal" {
        Finding::good("durability", "write-ahead log; every server commits with synchronous=FULL")
    } else {
        Finding::problem(
            "durability",
            format!("the file's journal mode is {mode}"),
            "start a server on it: it sets WAL again; and find out which program changed it",
        )
    }];
    if is_thorough {
        let said = text(connection, "PRAGMA quick_check(1)").await?;
        findings.push(if said == "ok" {
            Finding::good("file", "every page is in order")
        } else {
            Finding::problem(
                "file",
                said,
                "the file is damaged: stop the server, keep the file, and restore the backup; then look at the disk",
            )
        });
    }
    Ok(findings)
}

async fn postgres(connection: &mut Connection) -> StoreResult<Vec<Finding>> {
    let mut off = Vec::new();
    for setting in ["fsync", "synchronous_commit", "full_page_writes"] {
        let sql = format!("SELECT current_setting('{setting}')");
        let value: String = connection.query_one(sql, Vec::new()).await.and_then(Row::first)?;
        if value == "off" {
            off.push(setting);
        }
    }
    let standbys = text(connection, "SELECT current_setting('synchronous_standby_names')").await?;
    let copies = if standbys.is_empty() {
        "no synchronous standby: a failover to a standby may lose the last moments"
    } else {
        "a synchronous standby has every commit"
    };
    let mut findings = vec![if off.is_empty() {
        Finding::good(
            "durability",
            format!("fsync, full_page_writes and synchronous_commit are on; {copies}"),
        )
    } else {
        Finding::problem(
            "durability",
            format!("{} off: what was acknowledged may be lost with the power", listed(&off)),
            format!(
                "ALTER SYSTEM RESET {}; then SELECT pg_reload_conf(). If it was set for the role or the database: ALTER ROLE … RESET, ALTER DATABASE … RESET",
                off[0]
            ),
        )
    }];
    let (idle, example) = counted(
        connection,
        "SELECT count(*), CAST(min(pid) AS bigint) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
            AND state LIKE 'idle in transaction%' AND state_change < clock_timestamp() - INTERVAL '10 seconds'",
    )
    .await?;
    findings.push(match example {
        None => Finding::good("sessions", "none stands still in a transaction"),
        Some(pid) => Finding::warning(
            "sessions",
            format!("standing still in a transaction for longer than 10 s: {idle}, such as process {pid}"),
            format!("its locks hold up the others: SELECT pg_terminate_backend({pid}). The server's own sessions end by themselves after 5 s, so it is another program's"),
        ),
    });
    let (long, example) = counted(
        connection,
        "SELECT count(*), CAST(min(pid) AS bigint) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
            AND backend_xmin IS NOT NULL AND xact_start < clock_timestamp() - INTERVAL '30 minutes'",
    )
    .await?;
    findings.push(match example {
        None => Finding::good("vacuum", "no transaction is older than 30 minutes"),
        Some(pid) => Finding::warning(
            "vacuum",
            format!("transactions older than 30 minutes: {long}, such as that of process {pid}"),
            format!("as long as it is open, rows that were changed cannot be cleaned up and the tables grow; unless it is a backup: SELECT pg_terminate_backend({pid})"),
        ),
    });
    Ok(findings)
}

fn listed(names: &[&str]) -> String {
    let verb = if names.len() == 1 { "is" } else { "are" };
    format!("{} {verb}", names.join(" and "))
}
