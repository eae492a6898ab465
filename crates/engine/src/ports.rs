//! The stored connections of a tenant, as actions may look them up.

use actions::capability::{Connection, Connections, NoConnection};
use futures_util::future::BoxFuture;
use model::TenantId;
use store::{Store, integration, secret::SecretBox};

/// The connections of one tenant.
#[derive(Debug)]
pub(crate) struct TenantConnections<'a> {
    pub(crate) store: &'a Store,
    pub(crate) secrets: &'a SecretBox,
    pub(crate) tenant: TenantId,
}

impl Connections for TenantConnections<'_> {
    fn find<'a>(&'a self, name_or_provider: &'a str) -> BoxFuture<'a, Result<Connection, NoConnection>> {
        Box::pin(async move {
            let unavailable = |error: store::StoreError| NoConnection::Unavailable(error.to_string());
            let mut connection = self.store.read(self.tenant).await.map_err(unavailable)?;
            let found = integration::integration_find(&mut connection, self.tenant, name_or_provider)
                .await
                .map_err(unavailable)?;
            let found = match found {
                integration::Found::One(found) => *found,
                integration::Found::Several(names) => return Err(NoConnection::Ambiguous { names }),
                integration::Found::None(known) => return Err(NoConnection::Missing { known }),
            };
            let secrets = found.secrets(self.secrets).map_err(unavailable)?;
            Ok(Connection {
                id: found.id,
                name: found.name,
                provider: found.provider,
                config: found.config.into(),
                secrets,
            })
        })
    }
}
