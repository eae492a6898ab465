//! Whom a tenant's steps may write to, as the store decides it: one transaction before a marketing mail, one look at the list before any other.

use actions::{
    ActionError, ErrorKind,
    capability::{Admission, Audience, InvitationLink},
};
use futures_util::future::BoxFuture;
use model::{TenantId, mailing::Purpose};
use store::{
    StoreError, invitation,
    mailing::{link, marketing_admit, suppressed_among},
};

use crate::{EngineInner, tenants::Profile};

/// The audience of one tenant.
pub(crate) struct TenantAudience<'a> {
    pub(crate) engine: &'a EngineInner,
    pub(crate) tenant: TenantId,
    pub(crate) profile: &'a Profile,
}

fn unavailable(error: StoreError) -> ActionError {
    let message =
        format!("whether this address may be written to cannot be read or written down now: {error}");
    ActionError::new(ErrorKind::Unavailable, message)
}

impl Audience for TenantAudience<'_> {
    fn suppressed<'a>(
        &'a self,
        addresses: &'a [String],
        purpose: Purpose,
    ) -> BoxFuture<'a, Result<Vec<String>, ActionError>> {
        Box::pin(async move {
            let mut connection = self.engine.store.read(self.tenant).await.map_err(unavailable)?;
            suppressed_among(&mut connection, self.tenant, addresses, purpose).await.map_err(unavailable)
        })
    }

    fn admit<'a>(&'a self, key: &'a str, address: &'a str) -> BoxFuture<'a, Result<Admission, ActionError>> {
        Box::pin(async move {
            let Some(base) = &self.engine.public_url else {
                let message = "a marketing mail needs a link to unsubscribe, and this server does not know its own address: set VTRUSTX_PUBLIC_URL";
                return Err(ActionError::new(ErrorKind::InvalidConfig, message));
            };
            let (tenant, limit) = (self.tenant, self.profile.settings.mail.marketing_limit);
            let (key, address) = (key.to_owned(), model::mailing::bare_address(address));
            let token = link::seal(&self.engine.secrets, tenant, &address).map_err(unavailable)?;
            let decided = self.engine.store.write_patiently(move |tx| {
                Box::pin(async move { marketing_admit(tx, tenant, &key, &address, limit).await })
            });
            Ok(match decided.await.map_err(unavailable)? {
                Ok(()) => Admission::Admitted { unsubscribe_url: format!("{base}{}{token}", link::PATH) },
                Err(refusal) => Admission::Refused(refusal),
            })
        })
    }

    fn invitation(&self, key: &str) -> InvitationLink {
        let base = self.engine.public_url.as_deref().unwrap_or_default();
        let token = invitation::link::token(&self.engine.secrets, self.tenant, key);
        InvitationLink { url: format!("{base}{}{token}", invitation::link::PATH), token }
    }

    fn may_attach(&self) -> bool {
        self.profile.settings.mail.attachments
    }
}
