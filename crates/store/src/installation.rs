//! What tells one installation from another: a random text, made with the store and never changed. A copy of a store is the same installation.

use crate::{Connection, Store, StoreError, StoreResult, params};

const FACT: &str = "installation";

/// The store's own text; made when there is none yet.
///
/// # Errors
/// When the database refuses or the system gives no randomness.
pub async fn installation_id(store: &Store) -> StoreResult<String> {
    if let Some(id) = known(&mut *store.read_any().await?).await? {
        return Ok(id);
    }
    store.write_patiently(|tx| Box::pin(async move { installation_made(tx).await })).await
}

/// As [`installation_id`], on a connection that may write.
pub(crate) async fn installation_made(connection: &mut Connection) -> StoreResult<String> {
    if let Some(id) = known(connection).await? {
        return Ok(id);
    }
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| StoreError::Unavailable(error.to_string()))?;
    let made = bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    // Another node may make one at the same moment: the first one counts.
    connection
        .execute(
            "INSERT INTO store_facts (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO NOTHING",
            params![FACT, made],
        )
        .await?;
    known(connection).await?.ok_or_else(|| StoreError::Corrupt("a fact that was just written".to_owned()))
}

async fn known(connection: &mut Connection) -> StoreResult<Option<String>> {
    let row =
        connection.query_optional("SELECT value FROM store_facts WHERE name = ?1", params![FACT]).await?;
    row.map(crate::database::Row::first).transpose()
}
