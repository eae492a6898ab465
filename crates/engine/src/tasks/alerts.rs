//! Evaluates the tenants' alerts once a minute, on one node at a time, and sends what tells of them.
//!
//! What is read are counters that are kept anyway and short indexes; what follows from it is decided in [`crate::alert`]. The state is in the
//! store: a node that dies at any moment leaves a round undone, and the next minute's round finds the same work.

use std::{collections::HashMap, sync::Arc, time::Duration};

use actions::{
    ActionError,
    capability::{Http, HttpRequest, LONGEST_BODY, MailOutcome, Mailer, Target},
    hosts::Gate,
};
use futures_util::{StreamExt, stream};
use model::{
    Period, TenantId, Timestamp,
    alert::{Alert, AlertMoment, Channel},
    effect::Mail,
    settings::Settings,
};
use serde_json::json;
use store::{
    alert::{self, Attempted, Delivery},
    outbox::outbox_keep,
};

use crate::{
    EngineError, EngineInner,
    alert::{Measured, Transition, WINDOW, transitions},
    ports::Anybody,
    tenants::Profile,
};

const EVERY: Period = Period::minutes(1);
const MINUTE_MS: i64 = 60_000;
/// The workflows' counters are kept every so many minutes: how exact the last hour is.
const SAMPLE_MINUTES: i64 = 5;
/// Mails and webhooks sent at once.
const AT_ONCE: usize = 8;
/// Taken at once: so many that the slowest receivers are done with before the claim ends.
const SLICE: i64 = 32;
/// How long a receiver may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How long any call may take, whatever its own time.
const LONGEST: Duration = Duration::from_secs(60);
/// An attempt of a node that died is made again after this time.
const CLAIM: Period = Period::minutes(5);
/// A receiver that is down is tried after this time, then after twice as long, and so on.
const FIRST_PAUSE_MINUTES: u32 = 1;
/// But at least this often.
const LONGEST_PAUSE_MINUTES: u32 = 60;
/// About three days; then it is given up.
const MOST_ATTEMPTS: i64 = 78;

/// Runs until the engine drains.
pub(crate) async fn run(engine: Arc<EngineInner>) {
    loop {
        if let Err(error) = round(&engine).await {
            tracing::warn!(%error, "alerts were not looked at; trying again in a minute");
        }
        tokio::select! {
            () = engine.store.clock().sleep_until(engine.store.now().plus(EVERY)) => {}
            () = engine.draining.cancelled() => return,
        }
    }
}

/// The present minute's round, unless it was made already.
///
/// # Errors
/// When the store does not answer.
pub(crate) async fn round(engine: &EngineInner) -> Result<(), EngineError> {
    let minute = engine.store.now().as_millis() / MINUTE_MS;
    let taken = engine.store.write_patiently(move |tx| Box::pin(alert::alert_round_take(tx, minute)));
    let Some(before) = taken.await? else { return Ok(()) };
    evaluate(engine).await?;
    if before / SAMPLE_MINUTES < minute / SAMPLE_MINUTES {
        engine
            .store
            .write_patiently(|tx| {
                let oldest = tx.now().minus(WINDOW);
                Box::pin(alert::alert_samples_take(tx, oldest))
            })
            .await?;
    }
    deliver(engine).await
}

async fn evaluate(engine: &EngineInner) -> Result<(), EngineError> {
    let now = engine.store.now();
    // Of all tenants at once: what is idle costs four statements a minute.
    let (tenants, counts, open) = {
        let mut connection = engine.store.read_any().await?;
        (
            alert::alert_tenants(&mut connection).await?,
            alert::alert_counts(&mut connection, now.minus(WINDOW)).await?,
            alert::alert_open(&mut connection).await?,
        )
    };
    let mut workflows: HashMap<TenantId, Vec<alert::Counts>> = HashMap::new();
    for counts in counts {
        workflows.entry(counts.tenant).or_default().push(counts);
    }
    let mut open_of: HashMap<TenantId, Vec<Alert>> = HashMap::new();
    for alert in open {
        open_of.entry(alert.tenant_id).or_default().push(alert);
    }
    for (tenant, settings, running_since) in tenants {
        let measured = Measured { workflows: workflows.remove(&tenant).unwrap_or_default(), stuck: None };
        let open = open_of.remove(&tenant).unwrap_or_default();
        // What is wrong with one tenant does not keep the others waiting.
        if let Err(error) = of_tenant(engine, (tenant, settings, running_since), measured, &open, now).await {
            tracing::warn!(%tenant, %error, "the alerts of a tenant were not looked at; trying again in a minute");
        }
    }
    Ok(())
}

async fn of_tenant(
    engine: &EngineInner,
    (tenant, settings, running_since): (TenantId, Settings, Option<Timestamp>),
    mut measured: Measured,
    open: &[Alert],
    now: Timestamp,
) -> Result<(), EngineError> {
    let before = now.minus(Period::minutes(settings.alerts.running_minutes));
    if running_since.is_some_and(|since| since <= before) {
        let mut connection = engine.store.read(tenant).await?;
        measured.stuck = alert::alert_stuck(&mut connection, tenant, before).await?;
    }
    let transitions = transitions(&settings.alerts, &measured, open, now);
    if transitions.is_empty() {
        return Ok(());
    }
    change(engine, tenant, settings, transitions).await
}

/// Changes the states and writes what tells of it, all in one transaction.
async fn change(
    engine: &EngineInner,
    tenant: TenantId,
    settings: Settings,
    transitions: Vec<Transition>,
) -> Result<(), EngineError> {
    // Workflows that listen to alerts may name the tenant in their conditions.
    engine.tenants.profile(&engine.store, &engine.secrets, tenant).await?;
    engine
        .store
        .write_patiently(move |tx| {
            Box::pin(async move {
                for transition in transitions {
                    match transition {
                        Transition::Raise(new) => {
                            alert::alert_raise(tx, tenant, new, &settings).await?;
                        }
                        Transition::Resolve(id) => {
                            alert::alert_resolve(tx, tenant, id, &settings).await?;
                        }
                    }
                }
                Ok(())
            })
        })
        .await
        .map_err(EngineError::from)
}

/// Sends what is due, each to its receiver at most once; what the receiver does not take is due again later.
async fn deliver(engine: &EngineInner) -> Result<(), EngineError> {
    let now = engine.store.now();
    if !alert::alert_deliveries_due(&mut *engine.store.read_any().await?, now).await? {
        return Ok(());
    }
    let until = now.plus(CLAIM);
    let taken = engine
        .store
        .write_patiently(move |tx| Box::pin(alert::alert_deliveries_take(tx, until, SLICE)))
        .await?;
    let attempts = stream::iter(taken).map(|delivery| attempt(engine, delivery));
    let attempts: Vec<Result<(), EngineError>> = attempts.buffer_unordered(AT_ONCE).collect().await;
    attempts.into_iter().collect()
}

async fn attempt(engine: &EngineInner, delivery: Delivery) -> Result<(), EngineError> {
    let tenant = delivery.alert.tenant_id;
    let profile = engine.tenants.profile(&engine.store, &engine.secrets, tenant).await?;
    let (sent, kept) = match delivery.channel {
        Channel::Email => match send_mail(engine, &profile, &delivery).await {
            Ok((MailOutcome::NoServer, mail)) => (Ok(()), Some(mail)),
            Ok((MailOutcome::Sent { .. }, _)) => (Ok(()), None),
            Err(error) => (Err(error), None),
        },
        Channel::Webhook => (post(engine, &profile, &delivery).await, None),
        // Written with the alert itself.
        Channel::Notification => (Ok(()), None),
    };
    let attempted = match sent {
        Ok(()) => Attempted::Delivered,
        Err(error) => {
            tracing::info!(%tenant, alert = %delivery.alert.id, channel = %delivery.channel, attempt = delivery.attempt, %error, "word of an alert was not taken");
            let next_attempt_at = pause(delivery.attempt).map(|pause| engine.store.now().plus(pause));
            Attempted::Failed { error: error.message, next_attempt_at }
        }
    };
    engine
        .store
        .write_patiently(move |tx| {
            Box::pin(async move {
                if let Some(mail) = kept {
                    outbox_keep(tx, tenant, None, &mail).await?;
                }
                alert::alert_delivery_settle(tx, &delivery, &attempted).await
            })
        })
        .await
        .map_err(EngineError::from)
}

/// How long to wait after that many attempts; none: it is given up.
fn pause(attempts: i64) -> Option<Period> {
    let doublings = attempts.saturating_sub(1).clamp(0, 10);
    let minutes = (FIRST_PAUSE_MINUTES << doublings).min(LONGEST_PAUSE_MINUTES);
    (attempts < MOST_ATTEMPTS).then(|| Period::minutes(minutes))
}

/// Words of alerts take their turn as the tenant's other calls do; what is put off is an attempt like one that failed.
fn gate<'a>(engine: &'a EngineInner, delivery: &Delivery) -> Gate<'a> {
    // The ways out have shorter times of their own.
    let deadline = tokio::time::Instant::now() + LONGEST;
    Gate::Line { hosts: &engine.hosts, tenant: delivery.alert.tenant_id, permission: &Anybody, deadline }
}

async fn send_mail(
    engine: &EngineInner,
    profile: &Profile,
    delivery: &Delivery,
) -> Result<(MailOutcome, Mail), ActionError> {
    let mailer = profile.mailer(&engine.mail, gate(engine, delivery));
    let alert = &delivery.alert;
    let key = actions::alert_key(&engine.installation, alert.id, delivery.moment);
    let subject = match delivery.moment {
        AlertMoment::Raised => format!("Alert: {}", alert.message),
        AlertMoment::Resolved => format!("Resolved: {}", alert.message),
    };
    let mut text = format!("{}\n\n{}\nsince {}\n", profile.name, alert.message, alert.raised_at);
    if let (AlertMoment::Resolved, Some(resolved_at)) = (delivery.moment, alert.resolved_at) {
        text.push_str(&format!("over at {resolved_at}\n"));
    }
    if let Some(execution) = alert.execution_id {
        text.push_str(&format!("for example execution {execution}\n"));
    }
    let one_line = |text: String| text.chars().filter(|c| !c.is_control()).take(200).collect();
    let mail = Mail {
        from: mailer.default_sender(),
        to: vec![delivery.target.clone()],
        subject: one_line(subject),
        text: Some(text),
        message_id: format!("<{key}@vtrustx>"),
        ..Mail::default()
    };
    let outcome = mailer.send(&mail).await?;
    Ok((outcome, mail))
}

async fn post(engine: &EngineInner, profile: &Profile, delivery: &Delivery) -> Result<(), ActionError> {
    let key = actions::alert_key(&engine.installation, delivery.alert.id, delivery.moment);
    let event = format!("alert_{}", delivery.moment);
    let body = json!({"event": event, "tenant": profile.name, "alert": delivery.alert});
    let request = HttpRequest {
        method: "POST".to_owned(),
        url: delivery.target.clone(),
        headers: vec![
            ("content-type".to_owned(), "application/json".to_owned()),
            ("idempotency-key".to_owned(), key),
        ],
        body: body.to_string().into(),
        timeout: TIMEOUT,
        longest: LONGEST_BODY,
        // An administrator's choice in the settings.
        target: Target::Connection,
    };
    let answer = engine.http.bound([], gate(engine, delivery)).send(request).await?;
    if (200..300).contains(&answer.status) {
        return Ok(());
    }
    let message = format!("answered with status {}", answer.status);
    Err(ActionError::new(actions::ErrorKind::Status(answer.status), message))
}
