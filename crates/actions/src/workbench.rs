//! What the tests of actions share: the real adapters, bound to counterparts on this machine.

use std::{collections::BTreeMap, future::ready, sync::Mutex, time::Duration};

use futures_util::{FutureExt, future::BoxFuture};
use model::{ContactId, ExecutionId, IntegrationId, SubmissionId, TenantId, Timestamp, settings::Sender};
use serde_json::Value;

use crate::{
    ActionError, Context, ErrorKind, Outcome,
    address::AddressPolicy,
    capability::{Audience, Connection, Connections, Everybody, NoConnection},
    catalog,
    hosts::Gate,
    http::{BoundHttp, HttpClient},
    ledger::{Ledger, Making, Pace, Quota, Reference, Remembered, Renewal, Standing, Token, Turn},
    mail::{BoundMailer, SmtpClient},
    provider::{self, Call},
};

pub(crate) struct Workbench {
    pub(crate) timeout: Duration,
    pub(crate) now: Timestamp,
    pub(crate) connections: Vec<Connection>,
    pub(crate) ledger: Memory,
    /// What comes of asking whom may be written to.
    pub(crate) audience: Box<dyn Audience>,
    http: BoundHttp<'static>,
    mail: BoundMailer<'static>,
}

impl Workbench {
    pub(crate) fn new() -> Self {
        Self {
            timeout: Duration::from_secs(5),
            now: "2026-02-14T10:30:00Z".parse().unwrap(),
            connections: Vec::new(),
            ledger: Memory::default(),
            audience: Box::new(Everybody),
            http: HttpClient::new(AddressPolicy::Any).bound(["127.0.0.1".to_owned()], Gate::Open),
            mail: SmtpClient::new(None, AddressPolicy::Any).bound(None, &Sender::default(), Gate::Open),
        }
    }

    pub(crate) fn with_smtp(mut self, url: &str) -> Self {
        let server = url.parse().unwrap();
        self.mail =
            SmtpClient::new(Some(server), AddressPolicy::Any).bound(None, &Sender::default(), Gate::Open);
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
            audience: &*self.audience,
            http: &self.http,
            connections: self,
            ledger: &self.ledger,
        }
    }

    pub(crate) async fn run(&self, action: &str, config: Value) -> Result<Outcome, ActionError> {
        catalog().get(action).unwrap().run(config, &self.context()).await
    }

    /// Does something through a connection under an idempotency key, and tells what came of it in a line.
    pub(crate) async fn tell(
        &self,
        connection: &Connection,
        key: &str,
        action: &str,
        payload: Value,
    ) -> String {
        let mut connection = connection.clone();
        // What the ledger noted is read with the connection.
        {
            let mut kept = self.ledger.of.lock().unwrap();
            // Turns are tested by themselves; here each call comes after a silence, but for a pause that was asked for.
            if kept.limited_until.is_none_or(|until| until <= self.now) {
                kept.reserved_until = Timestamp::EPOCH;
            }
            connection.standing =
                kept.standing.as_ref().map_or(connection.standing, |(standing, _)| *standing);
            connection.limited_until = kept.limited_until;
        }
        let context = self.context();
        let call = Call { idempotency_key: key, ..Call::from(&context) };
        let outcome = match action {
            "test" => provider::test(&connection, &call).await,
            action => provider::call(&connection, action, payload, &call).await,
        };
        match outcome {
            Ok(value) => value.to_string(),
            Err(error) => {
                let pause = error.retry_after.map(|pause| format!(" in {} s", pause.as_millis() / 1_000));
                format!("{:?}{}: {}", error.kind, pause.unwrap_or_default(), error.message)
            }
        }
    }

    /// The connection is mended, and the pauses are over.
    pub(crate) fn mended(&self) {
        let mut kept = self.ledger.of.lock().unwrap();
        (kept.standing, kept.limited_until, kept.parked) = (None, None, 0);
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
        version: 1,
        standing: Standing::Untried,
        quota: None,
        limited_until: None,
    }
}

/// A ledger of one process.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    pub(crate) of: Mutex<Kept>,
}

#[derive(Debug, Default)]
pub(crate) struct Kept {
    pub(crate) token: Option<Token>,
    pub(crate) generation: i64,
    pub(crate) renewing: bool,
    /// Whoever renews is overtaken by somebody else.
    pub(crate) overtaken: bool,
    /// What is noted of answers is lost.
    pub(crate) forgets: bool,
    pub(crate) reserved_until: Timestamp,
    pub(crate) turns: BTreeMap<String, Timestamp>,
    pub(crate) limited_until: Option<Timestamp>,
    pub(crate) standing: Option<(Standing, String)>,
    pub(crate) quota: Option<Quota>,
    pub(crate) parked: u32,
    pub(crate) made: BTreeMap<String, (Timestamp, Option<Reference>)>,
}

impl Memory {
    fn with<T: Send + 'static>(&self, act: impl FnOnce(&mut Kept) -> T) -> Remembered<'_, T> {
        let outcome = act(&mut self.of.lock().unwrap());
        ready(Ok(outcome)).boxed()
    }
}

impl Ledger for Memory {
    fn token(&self, _: IntegrationId) -> Remembered<'_, (i64, Option<Token>)> {
        self.with(|kept| (kept.generation, kept.token.clone()))
    }

    fn renewal_begin(
        &self,
        _: IntegrationId,
        generation: i64,
        now: Timestamp,
    ) -> Remembered<'_, Option<Renewal>> {
        self.with(|kept| {
            let free = !kept.renewing && kept.generation == generation;
            kept.renewing |= free;
            free.then_some(Renewal { generation, until: now })
        })
    }

    fn renewal_end(&self, _: IntegrationId, renewal: Renewal, token: Option<Token>) -> Remembered<'_, bool> {
        self.with(|kept| {
            kept.renewing = false;
            let counts = !std::mem::take(&mut kept.overtaken);
            if counts && let Some(token) = token {
                (kept.generation, kept.token) = (renewal.generation + 1, Some(token));
            }
            counts
        })
    }

    fn turn<'a>(
        &'a self,
        _: IntegrationId,
        key: &'a str,
        pace: Pace,
        now: Timestamp,
    ) -> Remembered<'a, Turn> {
        self.with(|kept| {
            let limited = kept.limited_until.unwrap_or(Timestamp::EPOCH);
            match kept.turns.get(key).copied().filter(|at| *at >= limited) {
                Some(at) if at <= now => {
                    kept.turns.remove(key);
                    Turn::Now
                }
                Some(at) => Turn::At(at),
                None => {
                    let (at, until) = pace.next(kept.reserved_until, now.max(limited));
                    kept.reserved_until = until;
                    if at <= now {
                        return Turn::Now;
                    }
                    kept.turns.insert(key.to_owned(), at);
                    Turn::At(at)
                }
            }
        })
    }

    fn limited<'a>(&'a self, _: &'a Connection, until: Timestamp, why: &'a str) -> Remembered<'a, ()> {
        self.with(|kept| {
            kept.limited_until = Some(until);
            kept.standing = Some((Standing::RateLimited, why.to_owned()));
        })
    }

    fn answered<'a>(&'a self, _: &'a Connection, quota: Option<Quota>) -> Remembered<'a, ()> {
        if self.of.lock().unwrap().forgets {
            return ready(Err(ActionError::new(ErrorKind::Unavailable, "the store is away"))).boxed();
        }
        self.with(|kept| {
            kept.standing = Some((Standing::Ok, String::new()));
            kept.quota = quota.or(kept.quota);
        })
    }

    fn shut_out<'a>(&'a self, _: &'a Connection, standing: Standing, why: &'a str) -> Remembered<'a, ()> {
        self.with(|kept| kept.standing = Some((standing, why.to_owned())))
    }

    fn park(&self, _: IntegrationId) -> Remembered<'_, ()> {
        self.with(|kept| kept.parked += 1)
    }

    fn making<'a>(&'a self, _: IntegrationId, key: &'a str, now: Timestamp) -> Remembered<'a, Making> {
        self.with(|kept| match kept.made.get(key) {
            None => {
                kept.made.insert(key.to_owned(), (now, None));
                Making::First
            }
            Some((since, None)) => Making::Again(*since),
            Some((_, Some(reference))) => Making::Done(reference.clone()),
        })
    }

    fn unmade<'a>(&'a self, _: IntegrationId, key: &'a str) -> Remembered<'a, ()> {
        self.with(|kept| drop(kept.made.remove(key)))
    }

    fn made<'a>(&'a self, _: IntegrationId, key: &'a str, reference: &'a Reference) -> Remembered<'a, ()> {
        self.with(|kept| {
            let since = kept.made.get(key).map_or(Timestamp::EPOCH, |(since, _)| *since);
            kept.made.insert(key.to_owned(), (since, Some(reference.clone())));
        })
    }
}
