//! `/api/settings`: what the tenant can choose.

use actions::mail::dkim::Signer;
use axum::extract::State;
use model::{Problem, settings::Settings};
use serde_json::{Map, Value};
use store::tenant::{Stored, settings_get, settings_put};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    App,
    answer::Data,
    body::{Body, read},
    error::{ApiError, ApiResult, Failure},
    identity::{Admin, Viewer},
};

/// The routes of this file.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(get, replace, change))
}

/// Describes [`model::settings`], which knows no OpenAPI; a test compares the two.
mod described {
    #![expect(dead_code, reason = "only described, never made")]

    use utoipa::ToSchema;

    /// What a tenant can choose.
    #[derive(ToSchema)]
    pub(super) struct Settings {
        /// The zone of dates in templates and of working hours; an IANA name such as `Europe/Paris`.
        #[schema(default = "UTC")]
        time_zone: Option<String>,
        /// Who mails come from.
        sender: Option<Sender>,
        /// The SMTP server of this tenant; null: the installation's, else the outbox.
        smtp: Option<Smtp>,
        /// Working hours by weekday and days off.
        calendar: Option<Calendar>,
        /// When people are left alone.
        quiet_hours: Option<QuietHours>,
        /// Days that ended executions are kept.
        #[schema(default = 90, minimum = 1, maximum = 3650)]
        retention_days: Option<u32>,
        /// Hosts that a webhook may reach when its host is not literal in the definition: `hooks.example.com`,
        /// `*.example.com` or `https://hooks.example.com:8443`.
        webhook_hosts: Option<Vec<String>>,
        /// When to warn.
        alerts: Option<Alerts>,
        /// What mails look like, and how often people are written to.
        mail: Option<MailRules>,
        /// When tickets are due.
        sla: Option<SlaRules>,
        /// Grows with each change; must be current when it is sent.
        version: Option<i64>,
        /// When they last changed.
        #[schema(read_only, format = DateTime)]
        updated_at: Option<String>,
        /// Who last changed them, such as `user:1`.
        #[schema(read_only)]
        updated_by: Option<String>,
    }

    /// Who mails come from.
    #[derive(ToSchema)]
    pub(super) struct Sender {
        /// An address such as `care@example.com`.
        email: Option<String>,
        /// The name shown beside it.
        name: Option<String>,
    }

    /// How a tenant's mails are sent.
    #[derive(ToSchema)]
    pub(super) struct Smtp {
        /// The server's name.
        #[schema(example = "smtp.example.com")]
        host: String,
        /// Its port.
        #[schema(example = 587)]
        port: u16,
        /// `starttls` (refused when the server cannot), `tls` from the first byte, or `none`.
        #[schema(default = "starttls", pattern = "^(starttls|tls|none)$")]
        security: Option<String>,
        /// Who signs in.
        username: Option<String>,
        /// Never given out. When it is not sent the one that is kept stays, as long as host, port and username do.
        #[schema(write_only, format = Password)]
        password: Option<String>,
        /// A password is kept.
        #[schema(read_only)]
        has_password: Option<bool>,
    }

    /// Working hours by weekday, and days off.
    #[derive(ToSchema)]
    pub(super) struct Calendar {
        /// Seven lists, Monday first, of `["09:00","17:00"]` pairs; an empty list is a day off.
        week: Option<Vec<Vec<Vec<String>>>>,
        /// Days off, as `2026-12-25`.
        holidays: Option<Vec<String>>,
    }

    /// A daily span, such as 22:00 to 08:00.
    #[derive(ToSchema)]
    pub(super) struct QuietHours {
        /// `HH:MM`.
        #[schema(example = "22:00")]
        from: String,
        /// `HH:MM`, on the next day when earlier than `from`.
        #[schema(example = "08:00")]
        to: String,
    }

    /// What mails look like, and how often people are written to.
    #[derive(ToSchema)]
    pub(super) struct MailRules {
        /// How many marketing mails a contact gets; without a word 3 in 7 days.
        marketing_limit: Option<MarketingLimit>,
        /// HTML around the HTML of every mail: `{{content}}` stands for it, `{{subject}}` and `{{unsubscribe_url}}` for what they say.
        #[schema(example = "<main>{{content}}</main>")]
        layout: Option<String>,
        /// Steps may fetch files by their addresses and send them along.
        attachments: Option<bool>,
        /// The signature of the sender's domain.
        dkim: Option<Dkim>,
    }

    /// When tickets are due: `ticket_sla_warning` and `ticket_sla_breached` tell of it.
    #[derive(ToSchema)]
    pub(super) struct SlaRules {
        /// By priority (`low`, `normal`, `high`, `urgent`) how soon an open ticket is to be answered. One of a priority that is not here is due only when somebody
        /// says so.
        #[schema(example = json!({"urgent": "1h", "high": "4h"}))]
        due_in: Option<std::collections::BTreeMap<String, String>>,
        /// How much of the time is over when the warning comes, in percent; with 100 there is none.
        #[schema(default = 75, minimum = 1, maximum = 100)]
        warn_percent: Option<u8>,
    }

    /// How many marketing mails a contact gets in some time.
    #[derive(ToSchema)]
    pub(super) struct MarketingLimit {
        /// At most so many.
        #[schema(example = 3, maximum = 1000)]
        mails: u32,
        /// In any span of this length, 90 days at most.
        #[schema(example = "7d")]
        period: String,
    }

    /// How mails are signed (RFC 6376).
    #[derive(ToSchema)]
    pub(super) struct Dkim {
        /// The domain that signs.
        #[schema(example = "example.com")]
        domain: String,
        /// Where its key is found: `selector._domainkey.example.com`.
        #[schema(example = "mail2026")]
        selector: String,
        /// An RSA or Ed25519 key as PEM (PKCS#8). Never given out; when it is not sent the one that is kept stays, as long as domain and selector do.
        #[schema(write_only, format = Password)]
        private_key: Option<String>,
    }

    /// The thresholds of alerts.
    #[derive(ToSchema)]
    pub(super) struct Alerts {
        /// Warn at all.
        enabled: Option<bool>,
        /// Failed executions of the last hour, in percent.
        failure_rate_percent: Option<f64>,
        /// Mean working time, in seconds.
        average_duration_seconds: Option<f64>,
        /// Minutes that an execution may be running.
        running_minutes: Option<u32>,
        /// Warn when an execution has used all its retries.
        retries_exhausted: Option<bool>,
        /// Where warnings go besides the administrators' notifications.
        email: Option<String>,
        /// A URL that warnings are posted to as well.
        #[schema(example = "https://hooks.example.com/alerts")]
        webhook: Option<String>,
        /// How word of each kind of alert (`failure_rate`, `average_duration`, `stuck_executions`, `retries_exhausted`) is sent: a list of
        /// `notification`, `email` and `webhook`. A kind that is not named goes every way; an empty list switches it off.
        channels: Option<std::collections::BTreeMap<String, Vec<String>>>,
    }
}

/// The tenant's settings.
#[derive(serde::Serialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = described::Settings)]
struct Out(Value);

impl From<Stored> for Out {
    fn from(stored: Stored) -> Self {
        let mut settings = document(&stored.settings);
        if let Some(smtp) = settings.get_mut("smtp").and_then(Value::as_object_mut) {
            smtp.insert("has_password".to_owned(), stored.has_smtp_password.into());
        }
        settings.insert("version".to_owned(), stored.version.into());
        settings.insert("updated_at".to_owned(), stored.updated_at.to_string().into());
        settings.insert("updated_by".to_owned(), stored.updated_by.map(|actor| actor.to_string()).into());
        Self(settings.into())
    }
}

/// The tenant's settings, without the SMTP password.
#[utoipa::path(get, path = "/api/settings", tag = "Settings", responses(
    (status = 200, body = Data<described::Settings>),
    (status = 401, body = Failure),
))]
async fn get(Viewer(identity): Viewer, State(app): State<App>) -> ApiResult<Data<Out>> {
    let mut connection = app.store.read(identity.tenant).await?;
    Ok(Data::new(settings_get(&mut connection, identity.tenant).await?.into()))
}

/// Replaces the settings: what is not sent is as for a new tenant.
#[utoipa::path(put, path = "/api/settings", tag = "Settings", request_body = described::Settings, responses(
    (status = 200, body = Data<described::Settings>),
    (status = 409, description = "An outdated version", body = Failure),
    (status = 422, body = Failure),
))]
async fn replace(
    Admin(identity): Admin,
    State(app): State<App>,
    Body(body): Body<Map<String, Value>>,
) -> ApiResult<Data<Out>> {
    let (sent, version) = without_bookkeeping(body)?;
    write(&app, identity, read(sent.into())?, version).await
}

/// Changes settings: objects are merged, null puts back what a new tenant has.
#[utoipa::path(patch, path = "/api/settings", tag = "Settings", request_body = described::Settings, responses(
    (status = 200, body = Data<described::Settings>),
    (status = 409, description = "An outdated version", body = Failure),
    (status = 422, body = Failure),
))]
async fn change(
    Admin(identity): Admin,
    State(app): State<App>,
    Body(body): Body<Map<String, Value>>,
) -> ApiResult<Data<Out>> {
    let (sent, version) = without_bookkeeping(body)?;
    let stored = settings_get(&mut *app.store.read(identity.tenant).await?, identity.tenant).await?;
    let mut settings = Value::Object(document(&stored.settings));
    merge(&mut settings, sent.into());
    // Whoever changes two settings at once, one after the other, must not undo the first.
    write(&app, identity, read(settings)?, version.or(Some(stored.version))).await
}

async fn write(
    app: &App,
    identity: model::user::Identity,
    settings: Settings,
    version: Option<i64>,
) -> ApiResult<Data<Out>> {
    let (tenant, secrets) = (identity.tenant, app.secrets());
    if let Some(dkim) = &settings.mail.dkim
        && let Some(key) = dkim.private_key.as_deref().filter(|text| !text.trim().is_empty())
        && let Err(error) = Signer::new(&dkim.domain, &dkim.selector, key)
    {
        return Err(ApiError::unprocessable(vec![Problem::at("mail.dkim.private_key", error.to_string())]));
    }
    let stored = app.store.write(move |tx| {
        Box::pin(async move { settings_put(tx, tenant, identity.actor, settings, &secrets, version).await })
    });
    let stored = stored.await?;
    if let Err(error) = app.engine.tenant_changed(tenant).await {
        tracing::warn!(%error, "steps that run now may still see the earlier settings");
    }
    Ok(Data::new(stored.into()))
}

/// Settings as JSON, which is what they are merged and answered as.
fn document(settings: &Settings) -> Map<String, Value> {
    match serde_json::to_value(settings) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}

/// What the answer adds, and a client sends back, is taken out.
fn without_bookkeeping(mut body: Map<String, Value>) -> ApiResult<(Map<String, Value>, Option<i64>)> {
    for name in ["created_at", "created_by", "updated_at", "updated_by"] {
        body.shift_remove(name);
    }
    if let Some(smtp) = body.get_mut("smtp").and_then(Value::as_object_mut) {
        smtp.shift_remove("has_password");
    }
    let version = match body.shift_remove("version") {
        None | Some(Value::Null) => None,
        Some(version) => {
            Some(version.as_i64().ok_or_else(|| ApiError::invalid("version", "must be a whole number"))?)
        }
    };
    Ok((body, version))
}

/// RFC 7396: objects are merged, null removes, everything else replaces.
fn merge(target: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *target = patch;
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    if let Some(fields) = target.as_object_mut() {
        for (name, value) in patch {
            if value.is_null() {
                fields.shift_remove(&name);
            } else {
                merge(fields.entry(name).or_insert(Value::Null), value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_description_has_the_fields_of_the_settings() {
        let settings: Settings = serde_json::from_value(json!({
            "smtp": {"host": "h", "port": 25, "username": "u"},
            "quiet_hours": {"from": "22:00", "to": "08:00"},
            // Without them these two are left out.
            "alerts": {"webhook": "https://hooks.example.com", "channels": {"failure_rate": []}},
            "mail": {"attachments": true, "dkim": {"domain": "example.com", "selector": "a"}},
            "sla": {"due_in": {"urgent": "1h"}},
        }))
        .unwrap();
        let schemas = serde_json::to_value(crate::openapi()).unwrap()["components"]["schemas"].take();
        let described = |name: &str| {
            let fields =
                schemas[name]["properties"].as_object().unwrap_or_else(|| panic!("no schema {name}"));
            let only_described =
                ["version", "updated_at", "updated_by", "password", "has_password", "private_key"];
            let mut names: Vec<_> =
                fields.keys().filter(|name| !only_described.contains(&name.as_str())).cloned().collect();
            names.sort();
            names
        };
        let settings = Value::Object(document(&settings));
        let real = |value: &Value| {
            let mut names: Vec<_> = value.as_object().unwrap().keys().cloned().collect();
            names.sort();
            names
        };
        assert_eq!(described("Settings"), real(&settings));
        for (name, field) in [
            ("Sender", "sender"),
            ("Smtp", "smtp"),
            ("Calendar", "calendar"),
            ("QuietHours", "quiet_hours"),
            ("Alerts", "alerts"),
            ("MailRules", "mail"),
            ("SlaRules", "sla"),
        ] {
            assert_eq!(described(name), real(&settings[field]), "{name}");
        }
    }

    #[test]
    fn a_merge_keeps_what_is_not_named() {
        let mut settings = json!({"a": {"b": 1, "c": 2}, "d": [1], "e": 5});
        merge(&mut settings, json!({"a": {"b": 3}, "d": [2, 3], "e": null, "f": {"g": null, "h": 1}}));
        assert_eq!(settings, json!({"a": {"b": 3, "c": 2}, "d": [2, 3], "f": {"h": 1}}));
    }
}
