//! The link by which the receiver of a marketing mail has no more of them: whose it is, sealed with the installation's key. Nothing is stored, nobody can
//! make one for somebody else, and it is good for as long as the mail is kept, whatever becomes of the installation's key.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use model::TenantId;

use crate::{
    StoreResult,
    secret::{Purpose, SecretBox},
};

/// The path of the page behind it; the token follows.
pub const PATH: &str = "/unsubscribe/";
/// No token is longer: an address has 320 characters at most.
const LONGEST: usize = 1_000;

/// The token of one receiver.
///
/// # Errors
/// [`crate::StoreError::Unavailable`] when the system gives no randomness.
pub fn seal(secrets: &SecretBox, tenant: TenantId, address: &str) -> StoreResult<String> {
    let sealed = secrets.seal_lasting(tenant, Purpose::UnsubscribeLink, address.as_bytes())?;
    Ok(format!("{tenant}.{}", URL_SAFE_NO_PAD.encode(sealed)))
}

/// What a token says; none for anything that [`seal`] has not made.
#[must_use]
pub fn open(secrets: &SecretBox, token: &str) -> Option<(TenantId, String)> {
    let (tenant, sealed) = token.split_once('.').filter(|_| token.len() <= LONGEST)?;
    let tenant: TenantId = tenant.parse().ok()?;
    let sealed = URL_SAFE_NO_PAD.decode(sealed).ok()?;
    let opened = secrets.open_lasting(tenant, Purpose::UnsubscribeLink, &sealed).ok()?;
    Some((tenant, String::from_utf8(opened).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_says_whose_it_is_and_nothing_else_opens() {
        let (own, other) = (SecretBox::of_key(&[7; 32]), SecretBox::of_key(&[8; 32]));
        let token = seal(&own, TenantId::new(3), "ann@example.com").unwrap();
        assert!(!token.contains("ann"), "{token}");
        assert_eq!(open(&own, &token), Some((TenantId::new(3), "ann@example.com".to_owned())));
        for wrong in [token.replacen("3.", "4.", 1), token[..10].to_owned(), String::new(), "3.".to_owned()] {
            assert_eq!(open(&own, &wrong), None, "{wrong}");
        }
        assert_eq!(open(&other, &token), None);
    }
}
