//! What actions may use, as the engine lends it: connections of the tenant, and the ways out as long as the node may act.

use actions::{
    ActionError, ErrorKind,
    capability::{
        Connection, Connections, Http, HttpRequest, HttpResponse, MailOutcome, Mailer, NoConnection,
    },
    hosts::Permission,
};
use futures_util::future::BoxFuture;
use model::{NodeId, TenantId, effect::Mail};
use store::{Store, integration, secret::SecretBox};

use crate::{
    EngineInner,
    metrics::{Answer, Channel, Metrics},
};

/// Whether the node may act for the owner of what it has in hand: it may have stood still since the step began.
pub(crate) struct Ownership<'a> {
    pub(crate) engine: &'a EngineInner,
    pub(crate) owner: Option<NodeId>,
}

impl Permission for Ownership<'_> {
    fn ask(&self) -> BoxFuture<'_, Result<(), ActionError>> {
        Box::pin(async move {
            if self.engine.may_act_for(self.owner).await {
                return Ok(());
            }
            // Nobody reads this: what the node has in hand is somebody else's.
            Err(ActionError::new(ErrorKind::Connection, "this node was taken over before the call"))
        })
    }
}

/// What is nobody's in particular, and may be done by whoever has come to it.
pub(crate) struct Anybody;

impl Permission for Anybody {
    fn ask(&self) -> BoxFuture<'_, Result<(), ActionError>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

/// A way out whose calls are counted.
pub(crate) struct Counted<'a, T> {
    pub(crate) way: T,
    pub(crate) metrics: &'a Metrics,
}

impl<T: Http> Http for Counted<'_, T> {
    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, ActionError>> {
        Box::pin(async move {
            let call = self.metrics.call(Channel::Http);
            let response = self.way.send(request).await;
            call.answered(
                response.as_ref().map_or_else(Answer::of_error, |done| Answer::of_status(done.status)),
            );
            response
        })
    }
}

impl<T: Mailer> Mailer for Counted<'_, T> {
    fn default_sender(&self) -> String {
        self.way.default_sender()
    }

    fn dressed(&self, mail: Mail) -> Mail {
        self.way.dressed(mail)
    }

    fn send<'a>(&'a self, mail: &'a Mail) -> BoxFuture<'a, Result<MailOutcome, ActionError>> {
        Box::pin(async move {
            let call = self.metrics.call(Channel::Mail);
            let outcome = self.way.send(mail).await;
            call.answered(match &outcome {
                Ok(MailOutcome::Sent { .. }) => Answer::Success,
                Ok(MailOutcome::NoServer) => Answer::Kept,
                Err(error) => Answer::of_error(error),
            });
            outcome
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
            crate::ledger::connection_of(found, self.secrets).map_err(unavailable)
        })
    }
}
