//! What actions remember of a connection, kept in the store: bound to one tenant, and to the execution that may have to wait.

use std::sync::Arc;

use actions::{
    ActionError, ErrorKind,
    capability::Connection,
    ledger::{Ledger, Making, Pace, Quota, Reference, Remembered, Renewal, Standing, Token, Turn},
};
use futures_util::future::BoxFuture;
use model::{ExecutionId, IntegrationId, TenantId, Timestamp};
use store::{
    Store, StoreError, StoreResult, Tx,
    integration::{self, Integration, ledger},
    secret::SecretBox,
};

/// The ledger of one tenant.
#[derive(Debug, Clone, Copy)]
pub struct TenantLedger<'a> {
    store: &'a Store,
    secrets: &'a Arc<SecretBox>,
    tenant: TenantId,
    execution: Option<ExecutionId>,
}

/// A stored connection as actions use it, its secrets opened.
///
/// # Errors
/// [`StoreError::Corrupt`] when they were sealed with another key.
pub fn connection_of(found: Integration, secrets: &SecretBox) -> StoreResult<Connection> {
    let opened = found.secrets(secrets)?;
    Ok(Connection {
        id: found.id,
        name: found.name,
        provider: found.provider,
        config: found.config.into(),
        secrets: opened,
        version: found.version,
        standing: Standing::of(&found.status),
        quota: found.quota.and_then(|quota| serde_json::from_value(quota).ok()),
        limited_until: found.limited_until,
    })
}

fn unavailable(error: StoreError) -> ActionError {
    ActionError::new(
        ErrorKind::Unavailable,
        format!("what is known of the connection cannot be read or written now: {error}"),
    )
}

impl<'a> TenantLedger<'a> {
    /// That of a tenant; without an execution there is nothing that could wait.
    #[must_use]
    pub const fn new(
        store: &'a Store,
        secrets: &'a Arc<SecretBox>,
        tenant: TenantId,
        execution: Option<ExecutionId>,
    ) -> Self {
        Self { store, secrets, tenant, execution }
    }

    fn write<T: Send + 'static>(
        &self,
        operation: impl for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, StoreResult<T>> + Send + 'static,
    ) -> Remembered<'_, T> {
        Box::pin(async move { self.store.write_patiently(operation).await.map_err(unavailable) })
    }
}

impl Ledger for TenantLedger<'_> {
    fn token(&self, connection: IntegrationId) -> Remembered<'_, (i64, Option<Token>)> {
        Box::pin(async move {
            let mut reader = self.store.read(self.tenant).await.map_err(unavailable)?;
            let found = ledger::token_get(&mut reader, self.tenant, connection, self.secrets).await;
            let (generation, token) = found.map_err(unavailable)?;
            // One that cannot be read is as none: a new one is asked for.
            Ok((generation, token.and_then(|token| serde_json::from_slice(&token).ok())))
        })
    }

    fn renewal_begin(
        &self,
        connection: IntegrationId,
        generation: i64,
        _: Timestamp,
    ) -> Remembered<'_, Option<Renewal>> {
        let tenant = self.tenant;
        let begun = self.write(move |tx| Box::pin(ledger::renewal_begin(tx, tenant, connection, generation)));
        Box::pin(async move { Ok(begun.await?.map(|until| Renewal { generation, until })) })
    }

    fn renewal_end(
        &self,
        connection: IntegrationId,
        renewal: Renewal,
        token: Option<Token>,
    ) -> Remembered<'_, bool> {
        let (tenant, secrets) = (self.tenant, Arc::clone(self.secrets));
        let token = token.and_then(|token| serde_json::to_vec(&token).ok());
        let Renewal { generation, until } = renewal;
        self.write(move |tx| {
            Box::pin(async move {
                match token {
                    Some(token) => {
                        ledger::renewal_end(tx, tenant, connection, generation, &token, &secrets).await
                    }
                    None => ledger::renewal_stop(tx, tenant, connection, generation, until).await,
                }
            })
        })
    }

    fn turn<'a>(
        &'a self,
        connection: IntegrationId,
        key: &'a str,
        pace: Pace,
        _: Timestamp,
    ) -> Remembered<'a, Turn> {
        let (tenant, key) = (self.tenant, key.to_owned());
        let taken = self.write(move |tx| {
            Box::pin(async move {
                let next = move |reserved, earliest| pace.next(reserved, earliest);
                ledger::turn_take(tx, tenant, connection, &key, Box::new(next)).await
            })
        });
        Box::pin(async move { Ok(taken.await?.map_or(Turn::Now, Turn::At)) })
    }

    fn limited<'a>(
        &'a self,
        connection: &'a Connection,
        until: Timestamp,
        why: &'a str,
    ) -> Remembered<'a, ()> {
        let (tenant, id, version, why) = (self.tenant, connection.id, connection.version, why.to_owned());
        self.write(move |tx| {
            Box::pin(async move { ledger::limited(tx, tenant, id, version, until, &why).await })
        })
    }

    fn answered<'a>(&'a self, connection: &'a Connection, quota: Option<Quota>) -> Remembered<'a, ()> {
        let news = quota.filter(|quota| quota.is_news(connection.quota));
        if connection.standing == Standing::Ok && news.is_none() {
            return Box::pin(std::future::ready(Ok(())));
        }
        let (tenant, id, seen) =
            (self.tenant, connection.id, (connection.version, connection.standing.as_str()));
        let quota = news.and_then(|quota| serde_json::to_value(quota).ok());
        self.write(move |tx| Box::pin(ledger::answered(tx, tenant, id, seen, quota)))
    }

    fn shut_out<'a>(
        &'a self,
        connection: &'a Connection,
        standing: Standing,
        why: &'a str,
    ) -> Remembered<'a, ()> {
        let status = if standing == Standing::Expired { integration::EXPIRED } else { integration::REVOKED };
        let (tenant, id, version, why) = (self.tenant, connection.id, connection.version, why.to_owned());
        self.write(move |tx| {
            Box::pin(async move { ledger::shut_out(tx, tenant, id, version, status, &why).await })
        })
    }

    fn park(&self, connection: IntegrationId) -> Remembered<'_, ()> {
        let (tenant, Some(execution)) = (self.tenant, self.execution) else {
            return Box::pin(std::future::ready(Ok(())));
        };
        self.write(move |tx| Box::pin(ledger::park(tx, tenant, connection, execution)))
    }

    fn making<'a>(
        &'a self,
        connection: IntegrationId,
        key: &'a str,
        now: Timestamp,
    ) -> Remembered<'a, Making> {
        let (tenant, key) = (self.tenant, key.to_owned());
        let begun = self.write(move |tx| {
            Box::pin(async move { ledger::reference_begin(tx, tenant, connection, &key, now).await })
        });
        Box::pin(async move {
            Ok(match begun.await? {
                ledger::Reference::None => Making::First,
                ledger::Reference::Begun(since) => Making::Again(since),
                ledger::Reference::Made(id, url) => Making::Done(Reference { id, url }),
            })
        })
    }

    fn unmade<'a>(&'a self, connection: IntegrationId, key: &'a str) -> Remembered<'a, ()> {
        let (tenant, key) = (self.tenant, key.to_owned());
        self.write(move |tx| {
            Box::pin(async move { ledger::reference_end(tx, tenant, connection, &key, None).await })
        })
    }

    fn made<'a>(
        &'a self,
        connection: IntegrationId,
        key: &'a str,
        reference: &'a Reference,
    ) -> Remembered<'a, ()> {
        let (tenant, key, reference) = (self.tenant, key.to_owned(), reference.clone());
        self.write(move |tx| {
            Box::pin(async move {
                let made = (reference.id.as_str(), reference.url.as_deref());
                ledger::reference_end(tx, tenant, connection, &key, Some(made)).await
            })
        })
    }
}
