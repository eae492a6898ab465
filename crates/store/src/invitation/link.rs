//! The link by which somebody who was invited answers a form.
//!
//! Its token is computed from the installation's secret key and the key under which the invitation was made: a step that is tried again makes the same
//! link, and nobody can guess one. The invitation's row has only its hash; the step's output and the event have the link, for the mail that follows, and viewers do not see it there.

use model::TenantId;

use crate::secret::SecretBox;

/// The path of the page behind it; the token follows.
pub const PATH: &str = "/i/";

/// The token of an invitation: `<tenant>-<32 hexadecimal digits>`.
#[must_use]
pub fn token(secrets: &SecretBox, tenant: TenantId, key: &str) -> String {
    let tag = secrets.tag(&format!("invitation/{tenant}/{key}"));
    let digits: String = tag.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("{tenant}-{digits}")
}

/// The tenant that a token names, whether or not it is good.
#[must_use]
pub fn named(token: &str) -> Option<TenantId> {
    token.split_once('-')?.0.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_the_same_for_the_same_key_only() {
        let secrets = SecretBox::of_key(&[7; 32]);
        let made = token(&secrets, TenantId::new(3), "vtx_key");
        assert_eq!(made, token(&secrets, TenantId::new(3), "vtx_key"));
        assert_eq!(named(&made), Some(TenantId::new(3)));
        for other in [
            token(&secrets, TenantId::new(3), "vtx_other"),
            token(&secrets, TenantId::new(4), "vtx_key"),
            token(&SecretBox::of_key(&[8; 32]), TenantId::new(3), "vtx_key"),
        ] {
            assert_ne!(made, other);
        }
    }
}
