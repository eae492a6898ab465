//! Examines a store from outside, beside the servers that work on it: is it reachable, does everything in it go on, would it survive a power cut?
//!
//! It only reads, changes nothing and needs no lock. Every finding that is not good names what to do. What is looked for in the work are states that
//! cannot come about by design, so a finding there is a fault of this program or of a hand in the database; that it is looked for is the proof.

mod counts;
mod engine;
mod work;

use std::{path::PathBuf, sync::Arc};

use model::Clock;
use serde::Serialize;

use crate::{
    Connection, StoreError, StoreResult,
    copy::refuse_half_copied,
    database::{Address, Row, catalogue, outside},
    secret::{SecretError, secret_key_fits},
};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Good.
    Ok,
    /// Works, and somebody should look at it.
    Warning,
    /// Does not work, or would lose something.
    Problem,
}

/// What one check has found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at, in a word or two.
    pub check: &'static str,
    /// How bad it is.
    pub level: Level,
    /// What is there.
    pub found: String,
    /// What to do; none when it is good.
    pub fix: Option<String>,
}

impl Finding {
    /// It is as it should be.
    pub fn good(check: &'static str, found: impl Into<String>) -> Self {
        Self { check, level: Level::Ok, found: found.into(), fix: None }
    }

    /// It works, and should be looked at.
    pub fn warning(check: &'static str, found: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { check, level: Level::Warning, found: found.into(), fix: Some(fix.into()) }
    }

    /// It does not work.
    pub fn problem(check: &'static str, found: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { check, level: Level::Problem, found: found.into(), fix: Some(fix.into()) }
    }
}

/// What is to be examined.
#[derive(Debug)]
pub struct Examination {
    /// The store.
    pub address: Address,
    /// The text that the key is made of; none: the key file.
    pub secret_key: Option<String>,
    /// Where the key file is.
    pub data_directory: PathBuf,
    /// Look at everything, however long it takes, where else a sample is looked at.
    pub is_thorough: bool,
    /// What tells this machine's time.
    pub clock: Arc<dyn Clock>,
}

/// Examines a store. A store that cannot be looked at is a finding too.
pub async fn store_examine(examination: &Examination) -> Vec<Finding> {
    let mut findings = Vec::new();
    let examined = async {
        let mut connection = outside::look(&examination.address).await?;
        findings.push(engine::version(&mut connection).await?);
        if !is_whole(&mut connection, &mut findings).await? {
            return Ok(());
        }
        findings.push(key(&mut connection, examination).await);
        if connection.is_shared() {
            findings.push(engine::clock(&mut connection, &*examination.clock).await?);
            findings.push(engine::wall(&mut connection).await?);
        }
        findings.extend(engine::durability(&mut connection, examination.is_thorough).await?);
        let is_served = is_served(&mut connection, &examination.address).await?;
        findings.extend(work::nodes(&mut connection, is_served).await?);
        findings.push(work::queue(&mut connection, is_served).await?);
        findings.extend(work::stuck(&mut connection, is_served).await?);
        findings.push(counts::statistics(&mut connection, examination.is_thorough).await?);
        Ok(())
    };
    let examined: StoreResult<()> = examined.await;
    if let Err(error) = examined {
        let fix = match error {
            StoreError::Missing(_) => {
                "name the store with --database or --data-dir; `vtrustx serve` makes a new one"
            }
            _ => "see that the database runs, and that address, user and password are right",
        };
        findings.push(Finding::problem("store", error.to_string(), fix));
    }
    findings
}

/// Whether there is a store of this program's age that can be examined further.
async fn is_whole(connection: &mut Connection, findings: &mut Vec<Finding>) -> StoreResult<bool> {
    let known = outside::newest_migration();
    let found = catalogue::migration(connection).await?;
    let finding = match found {
        None => Finding::problem(
            "migrations",
            "there are no tables yet",
            "the first `vtrustx serve` makes them; or is it another database?",
        ),
        // Programs work with the store before and after: one that waits for the last old node is nothing bad.
        Some(found) if found < known => Finding::warning(
            "migrations",
            format!("the store has migration {found}, this program knows {known}"),
            "run `vtrustx migrate`, when no server of an older version is left",
        ),
        Some(found) if found > known => Finding::problem(
            "migrations",
            format!("the store has migration {found}, this program knows only {known}"),
            "examine it with the newer program that wrote it",
        ),
        Some(found) => Finding::good("migrations", format!("{found} of {known}")),
    };
    let level = finding.level;
    findings.push(finding);
    if level == Level::Problem {
        return Ok(false);
    }
    if refuse_half_copied(connection).await.is_ok() {
        return Ok(true);
    }
    findings.push(Finding::problem(
        "copy",
        "an interrupted copy: a part of the rows is missing",
        "run the same `vtrustx store copy` again, or begin anew with an empty database",
    ));
    Ok(false)
}

async fn key(connection: &mut Connection, examination: &Examination) -> Finding {
    let text = examination.secret_key.as_deref();
    match secret_key_fits(connection, text, &examination.data_directory).await {
        Ok(Some(fingerprint)) => {
            Finding::good("secret key", format!("fits the store, fingerprint {fingerprint}"))
        }
        Ok(None) => Finding::good("secret key", "the store has none yet: the first start makes it"),
        Err(error @ SecretError::Store(_)) => {
            Finding::problem("secret key", error.to_string(), "see that the database answers")
        }
        Err(error) => Finding::problem(
            "secret key",
            error.to_string(),
            "without the right key no server starts on this store: see \"Backup\" in docs/OPERATIONS.md",
        ),
    }
}

/// Whether any process works on the store.
async fn is_served(connection: &mut Connection, address: &Address) -> StoreResult<bool> {
    if !connection.is_shared() {
        return Ok(outside::is_held(address));
    }
    let row = connection
        .query_optional("SELECT 1 FROM nodes WHERE lease_until >= {now_plus:0} LIMIT 1", Vec::new())
        .await?;
    Ok(row.is_some())
}

/// A number and, when it is not 0, an example.
async fn counted(connection: &mut Connection, sql: &'static str) -> StoreResult<(i64, Option<i64>)> {
    let mut row = connection.query_one(sql, Vec::new()).await?.cells();
    Ok((row.take()?, row.take()?))
}

async fn text(connection: &mut Connection, sql: &'static str) -> StoreResult<String> {
    connection.query_one(sql, Vec::new()).await.and_then(Row::first)
}
