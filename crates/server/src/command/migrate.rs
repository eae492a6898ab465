//! `vtrustx migrate`: what `serve` does to the store before it serves, by itself.

use std::sync::Arc;

use model::Actor;
use serde_json::json;
use store::{
    template::templates_seed,
    tenant::{tenant_count, tenant_create},
};

use crate::{backend::Target, clock::SystemClock, config::Database, error::Done, opening, output};

/// Makes the store or brings it up to date.
pub async fn run(target: Target) -> Done {
    let config = target.config()?;
    let store = opening::open(&config, Arc::new(SystemClock::default())).await?;
    store
        .write(|tx| {
            Box::pin(async move {
                if tenant_count(tx).await? == 0 {
                    tenant_create(tx, Actor::System, "default").await?;
                }
                templates_seed(tx).await
            })
        })
        .await?;
    store.close().await;
    // The address of a server may hold a password.
    let place = match &config.database {
        Database::Sqlite(path) => path.display().to_string(),
        Database::Postgres(_) => "the database".to_owned(),
    };
    if target.json {
        output::say_json(&json!({"store": place, "ready": true}));
    } else {
        output::say(format_args!("{place} is ready"));
    }
    Ok(())
}
