//! What actions may use, as the engine lends it: connections of the tenant, and the ways out as long as the node may act.

use actions::{
    ActionError, ErrorKind,
    capability::{
        Connection, Connections, Http, HttpRequest, HttpResponse, MailOutcome, Mailer, NoConnection,
    },
};
use futures_util::future::BoxFuture;
use model::{NodeId, TenantId, effect::Mail};
use store::{Store, integration, secret::SecretBox};

use crate::EngineInner;

/// A way out that asks once more, right before it is taken, whether the node still may: it may have stood still since the step began.
pub(crate) struct Guarded<'a, T> {
    pub(crate) way: T,
    pub(crate) engine: &'a EngineInner,
    pub(crate) owner: Option<NodeId>,
}

impl<T> Guarded<'_, T> {
    async fn check(&self) -> Result<(), ActionError> {
        if self.engine.may_act_for(self.owner).await {
            return Ok(());
        }
        // Nobody reads this: what the node has in hand is somebody else's.
        Err(ActionError::new(ErrorKind::Connection, "this node was taken over before the call"))
    }
}

impl<T: Http> Http for Guarded<'_, T> {
    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, ActionError>> {
        Box::pin(async move {
            self.check().await?;
            self.way.send(request).await
        })
    }
}

impl<T: Mailer> Mailer for Guarded<'_, T> {
    fn default_sender(&self) -> String {
        self.way.default_sender()
    }

    fn send<'a>(&'a self, mail: &'a Mail) -> BoxFuture<'a, Result<MailOutcome, ActionError>> {
        Box::pin(async move {
            self.check().await?;
            self.way.send(mail).await
        })
    }
}

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
