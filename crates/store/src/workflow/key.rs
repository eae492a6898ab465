//! The stable name of a workflow: by it files in a repository find their workflow again.

use std::collections::HashSet;

use model::{TenantId, WorkflowId};

use crate::{Connection, StoreError, StoreResult, change::refused, params};

/// The longest key, in characters.
const LONGEST: usize = 100;
/// What a key looks like, in a sentence.
pub const KEY_RULE: &str =
    "1 to 100 lower-case letters, digits, -, _ or . are needed, such as nps-detractor-follow-up";

/// The text can be a key.
#[must_use]
pub fn is_key(text: &str) -> bool {
    let fits = |c: char| (c.is_alphanumeric() && !c.is_uppercase()) || "-_.".contains(c);
    (1..=LONGEST).contains(&text.chars().count()) && text.chars().all(fits)
}

/// The key, when it is one and free.
pub(super) async fn check(
    connection: &mut Connection,
    tenant: TenantId,
    key: String,
    own: Option<WorkflowId>,
) -> StoreResult<String> {
    if !is_key(&key) {
        return Err(refused("key", KEY_RULE));
    }
    let row = connection
        .query_optional(
            "SELECT id FROM workflows WHERE tenant_id = ?1 AND key = ?2 AND archived_at IS NULL AND id <> ?3",
            params![tenant, &key, own.map_or(0, WorkflowId::get)],
        )
        .await?;
    match row {
        None => Ok(key),
        Some(row) => {
            let other: WorkflowId = row.first()?;
            Err(StoreError::conflict(
                "key_taken",
                format!(
                    "workflow {other} has the key {key:?} already: choose another or change that workflow"
                ),
            ))
        }
    }
}

/// A free key made from a name: `NPS Follow-up` becomes `nps-follow-up`, the next one `nps-follow-up-2`.
pub(super) async fn made(connection: &mut Connection, tenant: TenantId, name: &str) -> StoreResult<String> {
    let slug = slug(name);
    let rows = connection
        .query(
            "SELECT key FROM workflows WHERE tenant_id = ?1 AND archived_at IS NULL AND instr(key, ?2) = 1",
            params![tenant, &slug],
        )
        .await?;
    let taken =
        rows.into_iter().map(crate::database::Row::first).collect::<StoreResult<HashSet<String>>>()?;
    let numbered = (2_u64..).map(|number| format!("{slug}-{number}"));
    let free = std::iter::once(slug.clone()).chain(numbered).find(|key| !taken.contains(key));
    Ok(free.unwrap_or(slug))
}

/// The key that a workflow of this name gets when it says none and that key is free: letters and digits of the name, with a
/// dash for whatever lies between them. Leaves room for a number.
#[must_use]
pub fn slug(name: &str) -> String {
    let plain: String = name
        .chars()
        .flat_map(char::to_lowercase)
        .map(|c| if c.is_alphanumeric() { c } else { ' ' })
        .collect();
    let joined = plain.split_whitespace().collect::<Vec<_>>().join("-");
    let short: String = joined.chars().take(LONGEST - 10).collect();
    let short = short.trim_matches('-');
    if short.is_empty() { "workflow".to_owned() } else { short.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::{is_key, slug};

    #[test]
    fn a_name_becomes_a_key() {
        let made =
            ["NPS Detractor Follow-up", "  CSAT — “Très bien” ", "満足度 5", "!!!", &"long ".repeat(40)]
                .map(slug);
        assert_eq!(made[..4], ["nps-detractor-follow-up", "csat-très-bien", "満足度-5", "workflow"]);
        assert_eq!(made[4].chars().count(), 89, "{}", made[4]);
        assert!(made.iter().all(|key| is_key(key)));
        assert!(["", "NPS", "a b", "a/b", &"x".repeat(101)].iter().all(|key| !is_key(key)));
    }
}
