//! Opening the store that the configuration names, with the key of its secrets.

use std::{path::Path, sync::Arc};

use model::Clock;
use store::{
    Options, Store,
    database::Address,
    secret::{SecretBox, SecretError},
};

use crate::{
    config::{Config, Database, Secret},
    error::{CommandError, Done},
};

/// Where the data is.
pub fn address(config: &Config) -> Done<Address> {
    match &config.database {
        Database::Sqlite(path) => Ok(Address::Sqlite(path.clone())),
        Database::Postgres(url) => Ok(Address::Postgres(url.clone())),
    }
}

/// Opens the store, making it when it is new.
pub async fn open(config: &Config, clock: Arc<dyn Clock>) -> Done<Store> {
    Ok(Store::open(Options { address: address(config)?, clock, faults: None }).await?)
}

/// Refuses where there is no store yet: only `serve` and `migrate` make one.
pub fn must_exist(config: &Config) -> Done {
    let Address::Sqlite(path) = address(config)? else { return Ok(()) };
    if Path::new(&path).exists() {
        return Ok(());
    }
    Err(CommandError::said(format!(
        "there is no store at {}: name it with --database or --data-dir, make it with `vtrustx serve` or `vtrustx migrate`, \
         or name a running server with --url and --api-key",
        path.display()
    )))
}

/// What seals the store's secrets.
pub async fn secrets(config: &Config, store: &Store) -> Result<Arc<SecretBox>, SecretError> {
    let text = config.secret_key.as_ref().map(Secret::expose);
    SecretBox::open_for(store, text, &config.data_dir).await.map(Arc::new)
}
