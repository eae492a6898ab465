//! What steps need to know of their tenant: its name, time zone, sender, mail server and webhook hosts, kept in memory.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use actions::{
    hosts::Gate,
    mail::{BoundMailer, SmtpClient, SmtpServer, dkim::Signer},
};
use model::{TenantId, settings::Settings};
use store::{Store, StoreError, StoreResult, mailing::dkim::dkim_key, secret::SecretBox, tenant};

/// A tenant as steps see it.
#[derive(Clone)]
pub struct Profile {
    /// The company's name.
    pub name: String,
    /// The zone of dates.
    pub time_zone: jiff::tz::TimeZone,
    /// Everything that the tenant chose.
    pub settings: Settings,
    /// How to sign in to the tenant's mail server.
    smtp_password: Password,
    /// What signs the tenant's mails.
    pub signer: Option<Arc<Signer>>,
}

#[derive(Clone)]
enum Password {
    Known(Option<String>),
    /// Sealed with another key, or damaged. Only mails need it: everything else of the tenant goes on.
    Unreadable,
}

impl Profile {
    /// What sends the tenant's mails: by its own server, else by the installation's, in its layout and with its signature.
    pub(crate) fn mailer<'a>(&self, client: &SmtpClient, gate: Gate<'a>) -> BoundMailer<'a> {
        let bound = client.bound(self.mail_server(), &self.settings.sender, gate);
        bound.styled(self.settings.mail.layout.clone(), self.signer.clone())
    }

    /// The tenant's own mail server.
    fn mail_server(&self) -> Option<SmtpServer> {
        let smtp = self.settings.smtp.as_ref()?;
        Some(match &self.smtp_password {
            Password::Known(password) => SmtpServer::of_tenant(smtp, password.clone()),
            Password::Unreadable => SmtpServer::of_tenant(smtp, None).without_password(),
        })
    }
}

impl std::fmt::Debug for Profile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Profile").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The profiles in memory.
#[derive(Debug, Default)]
pub struct Tenants {
    known: Mutex<HashMap<TenantId, Arc<Profile>>>,
}

impl Tenants {
    /// The tenant's profile, read when it is not in memory.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn profile(
        &self,
        store: &Store,
        secrets: &SecretBox,
        id: TenantId,
    ) -> StoreResult<Arc<Profile>> {
        if let Some(profile) = self.known(id) {
            return Ok(profile);
        }
        let mut connection = store.read(id).await?;
        let tenant = tenant::tenant_get(&mut connection, id).await?;
        let settings = tenant::settings_get(&mut connection, id).await?.settings;
        let smtp_password = match tenant::smtp_password(&mut connection, id, secrets).await {
            Err(StoreError::Corrupt(error)) => {
                tracing::error!(tenant = %id, error, "the password of the tenant's mail server cannot be read; its mails fail until somebody enters it again");
                Password::Unreadable
            }
            password => Password::Known(password?),
        };
        let key = match dkim_key(&mut connection, id, secrets).await {
            Err(StoreError::Corrupt(error)) => {
                tracing::error!(tenant = %id, error, "the key that signs the tenant's mails cannot be read; they are not signed until somebody enters it again");
                None
            }
            key => key?,
        };
        let signer = key.and_then(|(dkim, pem)| {
            let signer = Signer::new(&dkim.domain, &dkim.selector, &pem);
            signer.inspect_err(|error| tracing::warn!(tenant = %id, %error, "mails are not signed")).ok()
        });
        let time_zone = jiff::tz::TimeZone::get(&settings.time_zone).unwrap_or(jiff::tz::TimeZone::UTC);
        let profile = Arc::new(Profile {
            name: tenant.name,
            time_zone,
            settings,
            smtp_password,
            signer: signer.map(Arc::new),
        });
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(id, Arc::clone(&profile));
        Ok(profile)
    }

    /// The tenant's profile if it is in memory.
    #[must_use]
    pub fn known(&self, id: TenantId) -> Option<Arc<Profile>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    /// Forgets a tenant whose settings changed.
    pub fn forget(&self, id: TenantId) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }
}
