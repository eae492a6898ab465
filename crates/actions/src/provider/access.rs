//! How a connection signs in, and the requests that get a token for it (OAuth 2.0, RFC 6749; JWT bearer, RFC 7523).

use std::fmt;

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use bytes::Bytes;
use model::{Period, Timestamp};
use ring::{
    rand::SystemRandom,
    signature::{RSA_PKCS1_SHA256, RsaKeyPair},
};
use serde_json::{Value, json};

use super::answer::{body, text_at};
use crate::{
    action::{ActionError, ErrorKind},
    answer::pause,
    capability::{HttpRequest, HttpResponse, LONGEST_BODY, Target},
    ledger::Token,
};

/// A token that does not say how long it lasts is taken for one of this length: the shortest session that Salesforce offers is a quarter of an hour.
const UNTOLD_LIFETIME: Period = Period::minutes(15);
/// Ahead of its end by so much, or by a tenth of its life where that is less, a token is renewed.
const AHEAD: Period = Period::minutes(5);

/// How a connection signs in. No `Debug`: it is made of secrets.
pub enum Access {
    /// With these headers, which may be none.
    Headers(Vec<(String, String)>),
    /// With the address alone, which is secret.
    Address,
    /// With a token that [`super::Provider::grant`] gets, sent as `Authorization: Bearer`.
    Token,
}

impl Access {
    /// `Authorization: Bearer`.
    #[must_use]
    pub fn bearer(token: &str) -> Self {
        Self::Headers(vec![("Authorization".to_owned(), format!("Bearer {token}"))])
    }

    /// `Authorization: Basic` (RFC 7617).
    #[must_use]
    pub fn basic(user: &str, password: &str) -> Self {
        let credentials = STANDARD.encode(format!("{user}:{password}"));
        Self::Headers(vec![("Authorization".to_owned(), format!("Basic {credentials}"))])
    }
}

/// A request for a token.
pub struct Grant {
    /// The token endpoint.
    pub url: String,
    /// `grant_type` and what belongs to it.
    pub form: Vec<(String, String)>,
    /// The client's name and secret, where there are any.
    pub client: Option<(String, String)>,
    /// How the client shows them.
    pub authentication: ClientAuthentication,
}

/// How a client says who it is (RFC 6749, section 2.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAuthentication {
    /// In the form.
    Form,
    /// In the header.
    Header,
}

impl Grant {
    pub(crate) fn request(&self, timeout: std::time::Duration) -> HttpRequest {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(&self.form);
        let mut headers = vec![
            ("Content-Type".to_owned(), "application/x-www-form-urlencoded".to_owned()),
            ("Accept".to_owned(), "application/json".to_owned()),
        ];
        if let Some((id, secret)) = &self.client {
            match self.authentication {
                ClientAuthentication::Form => {
                    form.append_pair("client_id", id);
                    if !secret.is_empty() {
                        form.append_pair("client_secret", secret);
                    }
                }
                ClientAuthentication::Header => {
                    if let Access::Headers(own) = Access::basic(&encoded(id), &encoded(secret)) {
                        headers.extend(own);
                    }
                }
            }
        }
        HttpRequest {
            method: "POST".to_owned(),
            url: self.url.clone(),
            headers,
            body: Bytes::from(form.finish()),
            timeout,
            longest: LONGEST_BODY,
            target: Target::Connection,
        }
    }
}

/// Section 2.3.1 wants both form-encoded before they are joined.
fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// What came of asking for a token.
#[derive(Debug, PartialEq)]
pub(crate) enum Granted {
    /// A token.
    Token(Box<Token>),
    /// It is not given, now or later: somebody has to connect again.
    Refused(String),
    /// It is not given now.
    NotNow(ActionError),
}

/// Reads the answer of a token endpoint (RFC 6749, sections 5.1 and 5.2).
pub(crate) fn granted(response: &HttpResponse, refresh: Option<&str>, now: Timestamp) -> Granted {
    let answer = body(response);
    let access = text(&answer, "access_token");
    if (200..300).contains(&response.status)
        && let Some(access) = access
    {
        let seconds = answer.get("expires_in").and_then(|value| match value {
            Value::String(text) => text.trim().parse().ok(),
            value => value.as_f64(),
        });
        let lifetime = seconds
            .filter(|seconds| (1.0..=1e9).contains(seconds))
            .and_then(|seconds| Period::from_millis((seconds * 1_000.0) as i64).ok())
            .unwrap_or(UNTOLD_LIFETIME);
        let ahead = AHEAD.as_millis().min(lifetime.as_millis() / 10);
        let ends_at = now.plus(lifetime);
        return Granted::Token(Box::new(Token {
            access,
            refresh: text(&answer, "refresh_token").or_else(|| refresh.map(str::to_owned)),
            instance: text(&answer, "instance_url"),
            renew_at: Timestamp::from_millis(ends_at.as_millis() - ahead),
            ends_at,
        }));
    }
    let code = text_at(&answer, "/error");
    let described = text_at(&answer, "/error_description");
    let why = match (code.as_str(), described.as_str()) {
        ("", "") => format!("the token endpoint answered with status {}", response.status),
        (code, "") => code.to_owned(),
        (code, described) => format!("{code} ({described})"),
    };
    match (response.status, code.as_str()) {
        (408 | 425 | 429 | 500.., _) | (_, "temporarily_unavailable" | "server_error") => {
            let error = ActionError::new(ErrorKind::Unavailable, format!("no token is given now: {why}"));
            Granted::NotNow(ActionError { retry_after: pause(response, now), ..error })
        }
        (200..300, "") => Granted::Refused("the token endpoint gave an answer without a token".to_owned()),
        _ => Granted::Refused(why),
    }
}

fn text(value: &Value, name: &str) -> Option<String> {
    value.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// An RSA key that signs JWTs.
pub struct Signer(RsaKeyPair);

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signer")
    }
}

impl Signer {
    /// From a private key in PEM, PKCS #8 or PKCS #1, of at least 2048 bits.
    ///
    /// # Errors
    /// What is wrong with it, without quoting it.
    pub fn of_pem(pem: &str) -> Result<Self, &'static str> {
        const NOT: &str =
            "is not an RSA private key in PEM (-----BEGIN PRIVATE KEY-----) of at least 2048 bits";
        // A key that was pasted into one line has lost its line breaks, or has them written out.
        let pem = pem.replace("\\n", "\n");
        let (_, rest) = pem.split_once("-----BEGIN ").ok_or(NOT)?;
        let (kind, rest) = rest.split_once("-----").ok_or(NOT)?;
        let (encoded, _) = rest.split_once("-----END ").ok_or(NOT)?;
        let encoded: String = encoded.split_whitespace().collect();
        let der = STANDARD.decode(encoded).map_err(|_| NOT)?;
        let key = match kind {
            "PRIVATE KEY" => RsaKeyPair::from_pkcs8(&der),
            "RSA PRIVATE KEY" => RsaKeyPair::from_der(&der),
            "ENCRYPTED PRIVATE KEY" => return Err("is locked with a passphrase: store it without one"),
            _ => return Err(NOT),
        };
        key.map(Self).map_err(|_| NOT)
    }

    /// A JWT with these claims, signed by RS256 (RFC 7515).
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub fn sign(&self, claims: &Value) -> Result<String, ActionError> {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(&json!({"alg": "RS256", "typ": "JWT"})), part(claims));
        let mut signature = vec![0; self.0.public().modulus_len()];
        self.0
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature)
            .map_err(|_| ActionError::new(ErrorKind::Unavailable, "a token could not be signed"))?;
        Ok(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(status: u16, body: Value) -> HttpResponse {
        HttpResponse {
            status,
            headers: Vec::new(),
            body: body.to_string().into(),
            truncated: false,
            not_followed: None,
        }
    }

    #[test]
    fn tokens_are_renewed_ahead_of_their_end_and_refusals_are_told_from_trouble() {
        let now: Timestamp = "2026-02-14T10:30:00Z".parse().unwrap();
        for (body, renew_in, refresh) in [
            (json!({"access_token": "a", "expires_in": 7200}), 6_900, Some("old")),
            (json!({"access_token": "a", "expires_in": "60", "refresh_token": "new"}), 54, Some("new")),
            (json!({"access_token": "a", "expires_in": -1}), 810, Some("old")),
        ] {
            let Granted::Token(token) = granted(&response(200, body), Some("old"), now) else { panic!() };
            assert_eq!(token.renew_at.millis_since(now), renew_in * 1_000);
            assert_eq!(token.refresh.as_deref(), refresh);
            assert!(!format!("{token:?}").contains("old"));
        }
        let refused = response(
            400,
            json!({"error": "invalid_grant", "error_description": "expired access/refresh token"}),
        );
        assert_eq!(
            granted(&refused, None, now),
            Granted::Refused("invalid_grant (expired access/refresh token)".to_owned())
        );
        for status in [429, 500, 503] {
            assert!(
                matches!(granted(&response(status, json!("x")), None, now), Granted::NotNow(_)),
                "{status}"
            );
        }
        assert!(matches!(granted(&response(200, json!({})), None, now), Granted::Refused(_)));
    }

    #[test]
    fn a_key_that_is_none_is_told_without_quoting_it() {
        for text in ["", "s3cret", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"] {
            let error = Signer::of_pem(text).unwrap_err();
            assert!(error.contains("PEM") && !error.contains("s3cret"), "{error}");
        }
    }
}
