//! The link in a mail that asks for a decision: who it is for and what it decides, sealed with the installation's key. Nothing is stored, nobody can make
//! one, and it is of no use any more once the approval is decided.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use model::{ApprovalId, TenantId};

use crate::{
    StoreResult,
    secret::{Purpose, SecretBox},
    submission::MASK,
};

/// The path of the page behind it; the token follows.
pub const PATH: &str = "/approve/";
/// No token is longer: an address has 320 characters at most.
const LONGEST: usize = 1_000;

/// The token of one approver of one approval.
///
/// # Errors
/// [`crate::StoreError::Unavailable`] when the system gives no randomness.
pub fn seal(
    secrets: &SecretBox,
    tenant: TenantId,
    approval: ApprovalId,
    address: &str,
) -> StoreResult<String> {
    let sealed = secrets.seal(tenant, Purpose::ApprovalLink, format!("{approval} {address}").as_bytes())?;
    Ok(format!("{tenant}.{}", URL_SAFE_NO_PAD.encode(sealed)))
}

/// What a token says; none for anything that [`seal`] has not made.
#[must_use]
pub fn open(secrets: &SecretBox, token: &str) -> Option<(TenantId, ApprovalId, String)> {
    let (tenant, sealed) = token.split_once('.').filter(|_| token.len() <= LONGEST)?;
    let tenant: TenantId = tenant.parse().ok()?;
    let sealed = URL_SAFE_NO_PAD.decode(sealed).ok()?;
    let opened = secrets.open(tenant, Purpose::ApprovalLink, &sealed).ok()?;
    let opened = String::from_utf8(opened).ok()?;
    let (approval, address) = opened.split_once(' ')?;
    Some((tenant, approval.parse().ok()?, address.to_owned()))
}

/// A text without the tokens of the links in it. Whoever has a link can decide, so a mail that is kept for people to see shows none.
#[must_use]
pub fn hide(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once(PATH) {
        let is_token = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        let end = behind.find(|c| !is_token(c)).unwrap_or(behind.len());
        shown.push_str(before);
        shown.push_str(PATH);
        shown.push_str(if end > 0 { MASK } else { "" });
        rest = &behind[end..];
    }
    shown.push_str(rest);
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_says_what_it_was_made_for_and_nothing_else_opens() {
        let (own, other) = (SecretBox::of_key(&[7; 32]), SecretBox::of_key(&[8; 32]));
        let token = seal(&own, TenantId::new(3), ApprovalId::new(5), "boss@example.com").unwrap();
        let said = Some((TenantId::new(3), ApprovalId::new(5), "boss@example.com".to_owned()));
        assert_eq!(open(&own, &token), said);
        let bent = format!("{}{}", &token[..token.len() - 1], if token.ends_with('A') { 'B' } else { 'A' });
        for wrong in
            [token.replacen("3.", "4.", 1), bent, token[..10].to_owned(), String::new(), "3.".to_owned()]
        {
            assert_eq!(open(&own, &wrong), None, "{wrong}");
        }
        assert_eq!(open(&other, &token), None);
    }

    #[test]
    fn a_shown_text_has_no_token() {
        let token = seal(&SecretBox::of_key(&[7; 32]), TenantId::new(3), ApprovalId::new(5), "a@example.com")
            .unwrap();
        let text = format!(
            "here:\nhttps://example.com{PATH}{token}\n<a href=\"{PATH}{token}\">{PATH}</a> {PATH}{token}"
        );
        let shown =
            format!("here:\nhttps://example.com{PATH}•••\n<a href=\"{PATH}•••\">{PATH}</a> {PATH}•••");
        assert_eq!(hide(&text), shown);
    }
}
