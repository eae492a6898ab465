//! Authorising a connection in the browser: the authorization code grant (RFC 6749, section 4.1) with PKCE (RFC 7636). Pure.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use model::Timestamp;
use sha2::{Digest, Sha256};
use url::Url;

use super::{
    Call, ClientAuthentication, Grant, Provider,
    access::{Granted, granted},
};
use crate::{
    action::{ActionError, ErrorKind},
    capability::Connection,
    ledger::Token,
};

/// Where somebody allows it, and where the code is changed for a token.
pub struct Authorization {
    /// Where somebody allows it.
    pub url: String,
    /// The token endpoint.
    pub token_url: String,
    /// What is asked for, with blanks between.
    pub scope: String,
    /// The client's name.
    pub client_id: String,
    /// Its secret, where it has one.
    pub client_secret: Option<String>,
}

impl Authorization {
    /// The address that the browser is sent to.
    ///
    /// # Errors
    /// When the provider's address is none.
    pub fn address(&self, redirect: &str, state: &str, verifier: &str) -> Result<String, ActionError> {
        let mut url = Url::parse(&self.url).map_err(|error| ActionError::invalid("loginUrl", error))?;
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()));
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.client_id)
            .append_pair("redirect_uri", redirect)
            .append_pair("scope", &self.scope)
            .append_pair("state", state)
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256");
        Ok(url.into())
    }

    fn grant(&self, redirect: &str, code: &str, verifier: &str) -> Grant {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        Grant {
            url: self.token_url.clone(),
            form: vec![
                pair("grant_type", "authorization_code"),
                pair("code", code),
                pair("redirect_uri", redirect),
                pair("code_verifier", verifier),
            ],
            client: Some((self.client_id.clone(), self.client_secret.clone().unwrap_or_default())),
            authentication: ClientAuthentication::Form,
        }
    }
}

/// How a connection is authorised in the browser.
///
/// # Errors
/// When its provider has no such way, or when it lacks what that needs.
pub fn authorization(provider: &dyn Provider, connection: &Connection) -> Result<Authorization, ActionError> {
    provider.authorization(connection)?.ok_or_else(|| {
        let (name, title) = (&connection.name, provider.title());
        ActionError::refused(format!(
            "the connection {name:?} is not authorised in the browser: {title} has no such way here"
        ))
    })
}

/// Changes a code for a token.
///
/// # Errors
/// What the other system says.
pub async fn exchange(
    authorization: &Authorization,
    redirect: &str,
    code: &str,
    verifier: &str,
    cx: &Call<'_>,
) -> Result<Token, ActionError> {
    let now: Timestamp = cx.now;
    let request = authorization.grant(redirect, code, verifier).request(cx.timeout);
    match granted(&cx.http.send(request).await?, None, now) {
        Granted::Token(token) => Ok(*token),
        Granted::Refused(why) => {
            Err(ActionError::new(ErrorKind::Refused, format!("no token is given for the code: {why}")))
        }
        Granted::NotNow(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_has_the_challenge_and_not_the_verifier() {
        let authorization = Authorization {
            url: "https://login.example.com/authorize?x=1".to_owned(),
            token_url: "https://login.example.com/token".to_owned(),
            scope: "api refresh_token".to_owned(),
            client_id: "app".to_owned(),
            client_secret: Some("canary".to_owned()),
        };
        // The verifier and challenge of RFC 7636, appendix B.
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        assert_eq!(
            authorization.address("https://me.example.com/oauth/callback", "s t", verifier).unwrap(),
            "https://login.example.com/authorize?x=1&response_type=code&client_id=app&redirect_uri=https%3A%2F%2Fme.example.com%2Foauth%2Fcallback\
             &scope=api+refresh_token&state=s+t&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256"
        );
    }
}
