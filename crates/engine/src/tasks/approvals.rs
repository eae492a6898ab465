//! Sends the mails that ask for decisions. They stand in the store, written with the approval or its reminder; each goes to its receiver's server until that
//! has taken it, with the same id every time. Without a server it is kept in the outbox, as every mail is.

use std::{sync::Arc, time::Duration};

use actions::{
    ActionError,
    capability::{MailOutcome, Mailer},
    hosts::Gate,
};
use futures_util::{StreamExt, stream};
use model::{Period, Timestamp, effect::Mail};
use store::{
    approval::{Delivery, Moment, approval_mail_next, approval_mail_settle, approval_mails_take, link},
    outbox::outbox_keep,
};

use crate::{EngineError, EngineInner, ports::Anybody, tenants::Profile};

/// Looked for at least this often: what another node left.
const EVERY: Period = Period::minutes(1);
/// Mails sent at once.
const AT_ONCE: usize = 8;
/// Taken at once: so many that the slowest servers are done with before the claim ends.
const SLICE: i64 = 32;
/// How long any call may take, whatever its own time.
const LONGEST: Duration = Duration::from_secs(60);
/// An attempt of a node that died is made again after this time.
const CLAIM: Period = Period::minutes(5);
/// A server that is down is tried after this time, then after twice as long, and so on.
const FIRST_PAUSE_MINUTES: u32 = 1;
/// But at least this often.
const LONGEST_PAUSE_MINUTES: u32 = 60;
/// About three days; then it is given up.
const MOST_ATTEMPTS: i64 = 78;

/// Runs until the engine drains.
pub(crate) async fn run(engine: Arc<EngineInner>) {
    loop {
        let next = match deliver(&engine).await {
            Ok(next) => next,
            Err(error) => {
                tracing::warn!(%error, "mails of approvals were not sent; trying again in a minute");
                None
            }
        };
        let latest = engine.store.now().plus(EVERY);
        let wake_at = next.map_or(latest, |next| next.min(latest));
        tokio::select! {
            () = engine.store.clock().sleep_until(wake_at) => {}
            () = engine.approval_mails.notified() => {}
            () = engine.draining.cancelled() => return,
        }
    }
}

/// Sends what is due, and answers when the next is.
async fn deliver(engine: &EngineInner) -> Result<Option<Timestamp>, EngineError> {
    loop {
        let now = engine.store.now();
        let next = approval_mail_next(&mut *engine.store.read_any().await?).await?;
        if next.is_none_or(|next| next > now) || engine.draining.is_cancelled() {
            return Ok(next);
        }
        let until = now.plus(CLAIM);
        let taken =
            engine.store.write_patiently(move |tx| Box::pin(approval_mails_take(tx, until, SLICE))).await?;
        let attempts = stream::iter(taken).map(|delivery| attempt(engine, delivery));
        let attempts: Vec<Result<(), EngineError>> = attempts.buffer_unordered(AT_ONCE).collect().await;
        attempts.into_iter().collect::<Result<(), _>>()?;
    }
}

async fn attempt(engine: &EngineInner, delivery: Delivery) -> Result<(), EngineError> {
    let (tenant, execution) = (delivery.approval.tenant_id, delivery.approval.execution_id);
    let profile = engine.tenants.profile(&engine.store, &engine.secrets, tenant).await?;
    let (failed, kept) = match send(engine, &profile, &delivery).await {
        // For people to see what was asked, and not with the link: whoever may read mails could decide. Who is asked finds it in the app.
        Ok((MailOutcome::NoServer, mail)) => {
            (None, Some(Mail { text: mail.text.as_deref().map(link::hide), ..mail }))
        }
        Ok((MailOutcome::Sent { .. }, _)) => (None, None),
        Err(error) => {
            tracing::info!(%tenant, approval = %delivery.approval.id, attempt = delivery.attempt, %error, "a mail that asks for a decision was not taken");
            let next = pause(delivery.attempt).map(|pause| engine.store.now().plus(pause));
            (Some((error.message, next)), None)
        }
    };
    engine
        .store
        .write_patiently(move |tx| {
            Box::pin(async move {
                if let Some(mail) = kept {
                    outbox_keep(tx, tenant, Some(execution), &mail).await?;
                }
                approval_mail_settle(tx, &delivery, failed).await
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

async fn send(
    engine: &EngineInner,
    profile: &Profile,
    delivery: &Delivery,
) -> Result<(MailOutcome, Mail), ActionError> {
    let approval = &delivery.approval;
    let deadline = tokio::time::Instant::now() + LONGEST;
    let gate =
        Gate::Line { hosts: &engine.hosts, tenant: approval.tenant_id, permission: &Anybody, deadline };
    let mailer = profile.mailer(&engine.mail, gate);
    let token = link::seal(&engine.secrets, approval.tenant_id, approval.id, &delivery.address)
        .map_err(|error| ActionError::new(actions::ErrorKind::Unavailable, error.to_string()))?;
    let base = engine.public_url.as_deref().unwrap_or_default();
    let key = actions::approval_key(
        &engine.installation,
        approval.id,
        &format!("{}\0{}", delivery.moment, delivery.address),
    );
    let mail =
        written(profile, delivery, &mailer.default_sender(), &format!("{base}{}{token}", link::PATH), &key);
    let outcome = mailer.send(&mail).await?;
    Ok((outcome, mail))
}

fn written(profile: &Profile, delivery: &Delivery, from: &str, address: &str, key: &str) -> Mail {
    let approval = &delivery.approval;
    let subject = match delivery.moment {
        Moment::Asked => format!("Approval needed: {}", approval.title),
        Moment::Reminder => format!("Reminder, approval needed: {}", approval.title),
    };
    let mut text = format!("{}\n\n{}\n", profile.name, approval.title);
    if let Some(message) = &approval.message {
        text.push_str(&format!("\n{message}\n"));
    }
    text.push_str(&format!(
        "\nApprove or reject on this page, until {}:\n{address}\n\nThe link is for you alone: whoever has it can decide.\n",
        approval.timeout_at
    ));
    let one_line = |text: String| text.chars().filter(|c| !c.is_control()).take(200).collect();
    Mail {
        from: from.to_owned(),
        to: vec![delivery.address.clone()],
        subject: one_line(subject),
        text: Some(text),
        message_id: format!("<{key}@vtrustx>"),
        ..Mail::default()
    }
}
