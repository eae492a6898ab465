//! A tenant's settings.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, de::Error};
use serde_json::Value;

use crate::{
    Period, Timestamp,
    alert::{AlertKind, Channel},
    field::{Refused, optional_text},
    ticket::TicketPriority,
};

/// What a tenant can choose. Secrets are not here: the SMTP password is kept encrypted beside it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The zone of dates in templates and of working hours; an IANA name.
    pub time_zone: String,
    /// Who mails come from.
    pub sender: Sender,
    /// The SMTP server of this tenant; none: the installation's, else the outbox.
    pub smtp: Option<Smtp>,
    /// Working hours by weekday and days off.
    pub calendar: Calendar,
    /// When people are left alone.
    pub quiet_hours: Option<QuietHours>,
    /// Days that ended executions are kept.
    pub retention_days: u32,
    /// Hosts that a webhook may reach when its host is not literal in the definition.
    pub webhook_hosts: Vec<String>,
    /// When to warn (the seed's recommended alerts).
    pub alerts: Alerts,
    /// What mails look like, and how often people are written to.
    // Left out when it says nothing: a program that does not know it yet can then read the settings.
    #[serde(skip_serializing_if = "MailRules::is_default")]
    pub mail: MailRules,
    /// When tickets are due.
    // Left out for the same reason.
    #[serde(skip_serializing_if = "SlaRules::is_default")]
    pub sla: SlaRules,
}

/// When tickets are due: the service level that the team promises.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SlaRules {
    /// How soon an open ticket of a priority is to be answered. One of a priority that is not here is due only when somebody says so.
    #[serde(deserialize_with = "by_priority")]
    pub due_in: BTreeMap<TicketPriority, Period>,
    /// How much of the time is over when the warning comes, in percent.
    pub warn_percent: u8,
}

/// With names as keys, so that what is wrong with a time can be told by its priority.
fn by_priority<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<TicketPriority, Period>, D::Error> {
    let named = BTreeMap::<String, Period>::deserialize(deserializer)?;
    let priority = |name: String| -> Result<TicketPriority, D::Error> {
        name.parse().map_err(|error| D::Error::custom(format!("{name:?} {error}")))
    };
    named.into_iter().map(|(name, period)| Ok((priority(name)?, period))).collect()
}

impl SlaRules {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// When an open ticket is due by its priority.
    #[must_use]
    pub fn due(&self, priority: TicketPriority, from: Timestamp) -> Option<Timestamp> {
        self.due_in.get(&priority).map(|period| from.plus(*period))
    }

    /// When to warn of a deadline that begins now.
    #[must_use]
    pub fn warns(&self, from: Timestamp, due_at: Timestamp) -> Timestamp {
        from.plus_millis(due_at.millis_since(from) / 100 * i64::from(self.warn_percent))
    }
}

impl Default for SlaRules {
    fn default() -> Self {
        Self { due_in: BTreeMap::new(), warn_percent: 75 }
    }
}

/// What mails look like, and how often people are written to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MailRules {
    /// How many marketing mails a contact gets.
    pub marketing_limit: MarketingLimit,
    /// HTML around the HTML of every mail: `{{content}}` stands for it, `{{subject}}` and `{{unsubscribe_url}}` for what they say.
    pub layout: Option<String>,
    /// Steps may fetch files by their addresses and send them along.
    pub attachments: bool,
    /// The signature of the sender's domain.
    pub dkim: Option<Dkim>,
}

impl MailRules {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Default for MarketingLimit {
    fn default() -> Self {
        Self { mails: 3, period: Period::days(7) }
    }
}

/// How many marketing mails a contact gets in some time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MarketingLimit {
    /// At most so many.
    pub mails: u32,
    /// In any span of this length, 90 days at most.
    pub period: Period,
}

/// How mails are signed (RFC 6376).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dkim {
    /// The domain that signs, such as `example.com`.
    pub domain: String,
    /// Where its key is found: `selector._domainkey.example.com`.
    pub selector: String,
    /// Write-only: an RSA or Ed25519 key as PEM (PKCS#8); taken in, kept encrypted, never given out.
    #[serde(default, skip_serializing)]
    pub private_key: Option<String>,
}

/// Who mails come from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sender {
    /// An address such as `care@example.com`.
    pub email: Option<String>,
    /// The name shown beside it.
    pub name: Option<String>,
}

/// How a tenant's mails are sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Smtp {
    /// The server's name.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    #[serde(default)]
    pub security: SmtpSecurity,
    /// Who signs in.
    #[serde(default)]
    pub username: Option<String>,
    /// Write-only: taken in, kept encrypted, never given out.
    #[serde(default, skip_serializing)]
    pub password: Option<String>,
}

/// How an SMTP connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SmtpSecurity {
    /// Plain at first, then TLS; refused when the server cannot.
    #[default]
    Starttls,
    /// TLS from the first byte.
    Tls,
    /// Not at all: only for a server on the same machine.
    None,
}

/// Working hours by weekday, Monday first; an empty list is a day off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Calendar {
    /// Seven lists of `["09:00","17:00"]` pairs.
    pub week: [Vec<(String, String)>; 7],
    /// Days off, as `2026-12-25`.
    pub holidays: Vec<String>,
}

/// A daily span, such as 22:00 to 08:00.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuietHours {
    /// `HH:MM`.
    pub from: String,
    /// `HH:MM`, on the next day when earlier than `from`.
    pub to: String,
}

/// The thresholds of the seed's recommended alerts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Alerts {
    /// Warn at all.
    pub enabled: bool,
    /// Failed executions of the last hour, in percent.
    pub failure_rate_percent: f64,
    /// Mean working time, in seconds.
    pub average_duration_seconds: f64,
    /// Minutes that an execution may be running.
    pub running_minutes: u32,
    /// Warn when an execution has used all its retries.
    pub retries_exhausted: bool,
    /// Where warnings go besides the administrators' notifications.
    pub email: Option<String>,
    /// A URL that warnings are posted to as well.
    // Left out when it says nothing, as `channels`: a program that does not know them yet can then read the settings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook: Option<String>,
    /// How word of each kind of alert is sent. A kind that is not here goes every way that is set up; one with an empty list is switched off.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub channels: BTreeMap<AlertKind, Vec<Channel>>,
}

impl Alerts {
    /// The ways in which word of this kind of alert is sent; none: it is switched off.
    #[must_use]
    pub fn channels_of(&self, kind: AlertKind) -> Vec<Channel> {
        if !self.enabled || (kind == AlertKind::RetriesExhausted && !self.retries_exhausted) {
            return Vec::new();
        }
        let chosen = self.channels.get(&kind).cloned().unwrap_or_else(|| Channel::ALL.to_vec());
        Channel::ALL.iter().copied().filter(|channel| chosen.contains(channel)).collect()
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            time_zone: "UTC".to_owned(),
            sender: Sender::default(),
            smtp: None,
            calendar: Calendar::default(),
            quiet_hours: None,
            retention_days: 90,
            webhook_hosts: Vec::new(),
            alerts: Alerts::default(),
            mail: MailRules::default(),
            sla: SlaRules::default(),
        }
    }
}

impl Default for Calendar {
    fn default() -> Self {
        let workday = || vec![("09:00".to_owned(), "17:00".to_owned())];
        Self {
            week: [workday(), workday(), workday(), workday(), workday(), Vec::new(), Vec::new()],
            holidays: Vec::new(),
        }
    }
}

impl Default for Alerts {
    fn default() -> Self {
        Self {
            enabled: true,
            failure_rate_percent: 10.0,
            average_duration_seconds: 10.0,
            running_minutes: 5,
            retries_exhausted: true,
            email: None,
            webhook: None,
            channels: BTreeMap::new(),
        }
    }
}

/// Reads a value as the name of a time zone or nothing.
pub fn optional_time_zone(value: &Value) -> Result<Option<String>, Refused> {
    match optional_text(value, 64)? {
        Some(name) if jiff::tz::TimeZone::get(&name).is_err() => Err(Refused::Invalid(format!(
            "{name:?} is not a time zone: an IANA name such as Europe/Paris is needed"
        ))),
        name => Ok(name),
    }
}

/// A tenant of the installation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tenant {
    /// Unique over the installation.
    pub id: crate::TenantId,
    /// The company's name.
    pub name: String,
    /// When the record was made.
    pub created_at: Timestamp,
}
