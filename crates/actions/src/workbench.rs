//! What the tests of actions share: the real adapters, bound to counterparts on this machine.

use std::time::Duration;

use futures_util::{FutureExt, future::BoxFuture};
use model::{ContactId, ExecutionId, IntegrationId, SubmissionId, TenantId, Timestamp, settings::Sender};
use serde_json::Value;

use crate::{
    ActionError, Context, Outcome,
    address::AddressPolicy,
    capability::{Connection, Connections, NoConnection},
    catalog,
    http::{BoundHttp, HttpClient},
    mail::{BoundMailer, SmtpClient},
};

pub(crate) struct Workbench {
    pub(crate) timeout: Duration,
    pub(crate) now: Timestamp,
    pub(crate) connections: Vec<Connection>,
    http: BoundHttp,
    mail: BoundMailer,
}

impl Workbench {
    pub(crate) fn new() -> Self {
        Self {
            timeout: Duration::from_secs(5),
            now: "2026-02-14T10:30:00Z".parse().unwrap(),
            connections: Vec::new(),
            http: HttpClient::new(AddressPolicy::Any).bound(["127.0.0.1".to_owned()]),
            mail: SmtpClient::new(None, AddressPolicy::Any).bound(None, &Sender::default()),
        }
    }

    pub(crate) fn with_smtp(mut self, url: &str) -> Self {
        let server = url.parse().unwrap();
        self.mail = SmtpClient::new(Some(server), AddressPolicy::Any).bound(None, &Sender::default());
        self
    }

    pub(crate) fn context(&self) -> Context<'_> {
        Context {
            tenant: TenantId::new(1),
            execution: ExecutionId::new(42),
            contact: Some(ContactId::new(7)),
            submission: Some(SubmissionId::new(70)),
            idempotency_key: "vtx_key",
            attempt: 1,
            now: self.now,
            timeout: self.timeout,
            mail: &self.mail,
            http: &self.http,
            connections: self,
        }
    }

    pub(crate) async fn run(&self, action: &str, config: Value) -> Result<Outcome, ActionError> {
        catalog().get(action).unwrap().run(config, &self.context()).await
    }

    pub(crate) fn shown(&self, outcome: &Outcome) -> Value {
        match outcome {
            Outcome::Done(value) => value.clone(),
            other => panic!("{other:?}"),
        }
    }
}

impl Connections for Workbench {
    fn find<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Connection, NoConnection>> {
        let found = self.connections.iter().find(|connection| connection.name == name).cloned();
        let known = || self.connections.iter().map(|connection| connection.name.clone()).collect();
        let found = found.ok_or_else(|| NoConnection::Missing { known: known() });
        async { found }.boxed()
    }
}

pub(crate) fn connection(name: &str, provider: &str, config: Value, secrets: Value) -> Connection {
    Connection {
        id: IntegrationId::new(1),
        name: name.into(),
        provider: provider.into(),
        config,
        secrets: secrets.as_object().cloned().unwrap(),
    }
}
