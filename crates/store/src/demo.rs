//! What the demo needs to know of a store: whether it has its demo data, and whether anybody uses it.

use crate::{Connection, StoreResult, Tx, params};

const FACT: &str = "demo";

/// The public address of the demo's form.
pub const DEMO_FORM: &str = "northwind-nps";

/// Whether the demo data were ever put in.
///
/// # Errors
/// When the database refuses.
pub async fn demo_is_seeded(connection: &mut Connection) -> StoreResult<bool> {
    let sql = "SELECT 1 FROM store_facts WHERE name = ?1";
    Ok(connection.query_optional(sql, params![FACT]).await?.is_some())
}

/// Notes that the demo data are in.
///
/// # Errors
/// When the database refuses.
pub async fn demo_mark(tx: &mut Tx) -> StoreResult<()> {
    let now = tx.now().to_string();
    tx.execute(
        "INSERT INTO store_facts (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO NOTHING",
        params![FACT, now],
    )
    .await
    .map(drop)
}

/// Whether nobody has put anything into the store yet.
///
/// # Errors
/// When the database refuses.
pub async fn demo_is_alone(connection: &mut Connection) -> StoreResult<bool> {
    for table in ["users", "api_keys", "forms", "contacts", "workflows", "submissions", "events"] {
        let sql = format!("SELECT 1 FROM {table} LIMIT 1");
        if connection.query_optional(sql, params![]).await?.is_some() {
            return Ok(false);
        }
    }
    Ok(true)
}
